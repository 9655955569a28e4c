"""The dense layer: out = x W + b."""

import numpy as np

from ..initializers import glorot_uniform
from ..workspace import aligned_empty
from .layer import Layer

# Multiply-adds below which a second thread costs more than it brings.
PARALLEL_PRODUCTS = 1_000_000


class Dense(Layer):
    """The head, which goes through the same tile as the recurrent layers: BLAS does not
    give a row the same bits whatever rows are beside it.

    Its rows are sequences or, with `at_steps`, steps.
    """

    def __init__(self, name, n_inputs, n_outputs, dtype, *, at_steps=False):
        super().__init__(name, n_inputs, n_outputs, dtype)
        self.at_steps = at_steps
        self.shapes = {"w": (n_inputs, n_outputs), "b": (n_outputs,)}
        self._packed = self._packed_backward = self._step_scratch = None

    def initialize(self, weights, rng, begin):
        """Glorot-uniform weights; `begin.outputs` is where the outputs start."""
        weights["w"][:] = glorot_uniform(rng, self.shapes["w"])
        weights["b"][:] = begin.outputs

    def load(self, weights, *, backward, n_threads=1):
        shape = self.shapes["w"]
        if self._packed is None:
            size = self.kernels.packed_dense_size(*shape)
            self._packed = aligned_empty((size,), self.dtype)
        self.kernels.pack_dense(weights["w"], weights["b"], self._packed)
        if backward:
            if self._packed_backward is None:
                size = self.kernels.packed_dense_backward_size(*shape)
                self._packed_backward = aligned_empty((size,), self.dtype)
            self.kernels.pack_dense_backward(weights["w"], self._packed_backward)

    def forward(self, x, run):
        out, tape = self._rows(x, run)
        return out[:, : self.n_outputs], tape

    def _rows(self, x, run):
        """Outputs in memory (n, width), and the tape."""
        memory = run.workspace()
        out = memory.array("out", len(x), self.width)
        n_threads = self.n_threads(len(x), run.n_threads)
        self.kernels.dense_forward(x, self.n_inputs, self._packed, out, n_threads)
        return out, (x, memory, n_threads) if run.keep else None

    def backward(self, d_y, tape, d_weights):
        x, memory, n_threads = tape
        d_x = memory.array("d_x", len(d_y), self.input_width)
        size = self.kernels.dense_scratch_size(len(d_y), *self.shapes["w"])
        self.kernels.dense_backward(
            x, np.ascontiguousarray(d_y, self.dtype), self._packed_backward,
            memory.array("scratch", size), d_weights["w"], d_weights["b"], d_x,
            n_threads,
        )  # fmt: skip
        return d_x

    def step(self, x, state):
        """One step; the outputs are what `forward` gives, in float64."""
        n = len(x)
        if self._step_scratch is None or len(self._step_scratch) != n:
            self._step_scratch = aligned_empty((n, self.width), self.dtype)
        out = np.empty((n, self.n_outputs))
        self.kernels.dense_step(x, self.n_inputs, self._packed, self._step_scratch, out)
        return out, None

    def n_threads(self, n_rows, limit):
        return limit if n_rows * self.n_inputs * self.width > PARALLEL_PRODUCTS else 1

    def n_elements(self, n_sequences, n_steps):
        if not self.at_steps:
            return 0
        # outputs and their gradients, the padded ones and those of the input; of
        # float64 ones each counts twice
        return n_steps * (6 * self.n_outputs + 2 * self.width + self.input_width)


class Projection(Dense):
    """A dense layer below others, which gives rows (n, width) as these read them;
    without a bias out = x W."""

    def __init__(self, name, n_inputs, n_outputs, dtype, *, bias=True):
        super().__init__(name, n_inputs, n_outputs, dtype)
        if not bias:
            self.shapes = {"w": self.shapes["w"]}

    def initialize(self, weights, rng, begin):
        """Glorot-uniform weights, no bias."""
        weights["w"][:] = glorot_uniform(rng, self.shapes["w"])
        if "b" in self.shapes:
            weights["b"].fill(0)

    def load(self, weights, **options):
        super().load(self._with_bias(weights), **options)

    def _with_bias(self, weights):
        """Weights or their gradients, with a bias that nobody has."""
        if "b" in self.shapes:
            return weights
        return {**weights, "b": np.zeros(self.n_outputs, self.dtype)}

    def forward(self, x, run):
        return self._rows(x, run)

    def backward(self, d_y, tape, d_weights):
        d_y = d_y[:, : self.n_outputs]
        return super().backward(d_y, tape, self._with_bias(d_weights))

    def step(self, x, state):
        out = np.empty((len(x), self.width), self.dtype)
        self.kernels.dense_forward(x, self.n_inputs, self._packed, out)
        return out, None

    def n_elements(self, n_sequences, n_steps):
        # outputs and the gradients of inputs, a row a step
        return n_steps * (self.width + self.input_width)
