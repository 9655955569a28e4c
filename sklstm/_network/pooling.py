"""Pooling: one vector of all steps of a sequence, for the head to read."""

import numpy as np

from .._kernels import kernels_for
from .parameters import glorot_uniform
from .workspace import Workspace


class Pooling:
    """Mean, maximum or attention over the steps of each sequence.

    Sums are in the precision of the network: a mean over more than about a million
    float32 steps loses digits.

    Attention is the one of Zhou et al. (2016): weights softmax(w . tanh(h_t)), with w
    (1, H) as its only parameter. A sequence without steps has its initial state.

    Parameters
    ----------
    mode : {"mean", "max", "attention"}
        What to do.
    n_inputs : int
        H, or 2 H where there are two directions.
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, mode, n_inputs, dtype):
        self.kernels = kernels_for(dtype)
        self.dtype = np.dtype(dtype)
        self.mode = mode
        self.number = self.kernels.pooling_modes[mode]
        self.n_inputs = n_inputs
        self.width = self.kernels.padded(n_inputs)
        self.workspace = Workspace(dtype)
        self.shapes = {"w": (1, n_inputs)} if mode == "attention" else {}
        self._w = np.zeros((1, self.width), dtype)

    def initialize(self, weights, rng):
        if self.shapes:
            weights["w"][:] = glorot_uniform(rng, self.shapes["w"])

    def load(self, weights):
        if self.shapes:
            self._w[:, : self.n_inputs] = weights["w"]

    def begin(self, n):
        """Running sums of n sequences before their first step."""
        total = np.zeros((n, self.width), self._w.dtype)
        norms = np.zeros((n, self.kernels.pooling_norms), self._w.dtype)
        if self.mode == "max":
            total.fill(-np.inf)
        norms[:, 1] = -np.inf  # the largest score
        return total, norms

    def advance(
        self, schedule, h, h_rows, total, norms, where=None, scores=None, n_threads=1
    ):
        """Take the steps of a batch into the running sums."""
        self.kernels.pool_forward(
            self.number, schedule, h, h_rows, self._w, total, norms, where, scores,
            n_threads,
        )  # fmt: skip

    def finish(self, total, norms, initial):
        """What was pooled (n, width); `initial` is for sequences without steps."""
        empty = norms[:, 0] == 0
        if self.mode == "mean":
            total = total / np.where(empty, 1, norms[:, 0])[:, np.newaxis]
        elif self.mode == "attention":
            total = total / np.where(empty, 1, norms[:, 2])[:, np.newaxis]
        return np.where(empty[:, np.newaxis], initial, total)

    def forward(
        self, schedule, h, h_rows, initial, *, keep, before=None, n_threads=1
    ):  # fmt: skip
        """What was pooled (B, width) of the states of all steps.

        `before` are running sums of steps before them, which are left alone.
        """
        if before is None:
            total, norms = self.begin(schedule.n_sequences)
        else:
            total, norms = (part.copy() for part in before)
        where = scores = None
        if keep and self.mode == "max":
            where = np.full(total.shape, -1, dtype=np.intp)
        if keep and self.mode == "attention":
            scores = self.workspace.array("scores", schedule.n_steps)
        self.advance(schedule, h, h_rows, total, norms, where, scores, n_threads)
        out = self.finish(total, norms, initial)
        if keep:
            self._kept = schedule, h, h_rows, norms, where, scores, out
        return out

    def backward(self, d_out, d_weights, *, n_threads=1):
        """Gradient of the states of all row-steps (N, width); that of w is added."""
        schedule, h, h_rows, norms, where, scores, out = self._kept
        d_h = self.workspace.array("d_h", schedule.n_steps, self.width)
        size = self.kernels.pool_scratch_size(schedule, self.n_inputs)
        self.kernels.pool_backward(
            self.number, schedule, h, h_rows, self._w, norms, where, scores, out, d_out,
            self.workspace.array("scratch", size), d_h,
            d_weights.get("w"), n_threads,
        )  # fmt: skip
        return d_h
