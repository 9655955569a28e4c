"""Pooling: one vector of the steps of a sequence, for the head to read."""

import numpy as np

from ..._kernels import Schedule
from ..initializers import glorot_uniform
from ..steps import StepsGradient
from .layer import Layer


class Last(Layer):
    """The last output, of each direction its own."""

    def forward(self, x, run):
        return x.ends[0], None

    def backward(self, d_y, tape, d_weights):
        return StepsGradient(ends=(d_y,))

    def step(self, x, state):
        return x, None


class Pooling(Layer):
    """Mean, maximum or attention over the steps of each sequence.

    Sums are in the precision of the network: a mean over more than about a million
    float32 steps loses digits. Attention is the one of Zhou et al. (2016): weights
    softmax(w . tanh(h_t)), with w (1, H). A sequence without steps has its initial
    state.
    """

    has_sums = True

    def __init__(self, name, n_inputs, dtype, mode):
        super().__init__(name, n_inputs, n_inputs, dtype)
        self.mode = mode
        self.number = self.kernels.pooling_modes[mode]
        self.shapes = {"w": (1, n_inputs)} if mode == "attention" else {}
        self._w = self._one_step = None

    def initialize(self, weights, rng, begin):
        if self.shapes:
            weights["w"][:] = glorot_uniform(rng, self.shapes["w"])

    def load(self, weights, *, backward, n_threads=1):
        if self._w is None:
            self._w = np.zeros((1, self.width), self.dtype)
        if self.shapes:
            self._w[:, : self.n_inputs] = weights["w"]

    def begin(self, n):
        """Running sums of n sequences before their first step."""
        total = np.zeros((n, self.width), self.dtype)
        norms = np.zeros((n, self.kernels.pooling_norms), self.dtype)
        if self.mode == "max":
            total.fill(-np.inf)
        norms[:, 1] = -np.inf  # the largest score
        return total, norms

    def _advance(self, x, n_threads, total, norms, where=None, scores=None):
        """Take the steps of a batch into the running sums."""
        self.kernels.pool_forward(
            self.number, x.schedule, x.values, x.rows, self._w, total, norms, where,
            scores, n_threads,
        )  # fmt: skip

    def _finish(self, total, norms, initial):
        """What was pooled (n, width); `initial` is for sequences without steps."""
        empty = norms[:, :1] == 0
        if not empty.any():
            return self._of_steps(total, norms)
        norms = np.where(empty, 1, norms)
        return np.where(empty, initial, self._of_steps(total, norms))

    def _of_steps(self, total, norms):
        """What was pooled of sequences that have steps."""
        if self.mode == "max":
            return total
        with np.errstate(under="ignore"):
            return total / (norms[:, :1] if self.mode == "mean" else norms[:, 2:3])

    def forward(self, x, run):
        before = None if run.states is None else run.states.get(self.name)
        if before is None:
            total, norms = self.begin(x.schedule.n_sequences)
        else:
            total, norms = (part.copy() for part in before)
        memory, where, scores = run.workspace(), None, None
        if run.keep and self.mode == "max":
            where = np.full(total.shape, -1, dtype=np.intp)
        if run.keep and self.mode == "attention":
            scores = memory.array("scores", x.schedule.n_steps)
        n_threads = self.n_threads(x.schedule.n_steps, run.n_threads)
        self._advance(x, n_threads, total, norms, where, scores)
        run.ends[self.name] = total, norms
        out = self._finish(total, norms, x.ends[0])
        tape = x, norms, where, scores, out, memory, n_threads
        return out, tape if run.keep else None

    def backward(self, d_y, tape, d_weights):
        x, norms, where, scores, out, memory, n_threads = tape
        schedule = x.schedule
        d_h = memory.array("d_h", schedule.n_steps, self.width)
        size = self.kernels.pool_scratch_size(schedule, self.n_inputs)
        scratch, d_w = memory.array("scratch", size), None
        if self.shapes:
            d_w = d_weights["w"]
        self.kernels.pool_backward(
            self.number, schedule, x.values, x.rows, self._w, norms, where, scores, out,
            d_y, scratch, d_h, d_w, n_threads,
        )  # fmt: skip
        return StepsGradient(d_h)

    def step(self, x, state):
        total, norms = (part.copy() for part in state)
        if self._one_step is None or self._one_step.n_sequences != len(x):
            n = len(x)
            lengths = np.ones(n, dtype=np.intp)
            self._one_step = Schedule(np.arange(n), lengths, n_rows=n)
        schedule = self._one_step
        self.kernels.pool_forward(
            self.number, schedule, x, schedule.data_rows, self._w, total, norms
        )
        return self._of_steps(total, norms), (total, norms)

    def n_elements(self, n_sequences, n_steps):
        return n_steps * (self.n_inputs + self.width)
