"""The dense layer: out = x W + b."""

import numpy as np

from ..initializers import glorot_uniform
from ..workspace import aligned_empty
from .layer import Layer


class Dense(Layer):
    """The head, which goes through the same tile as the recurrent layers: BLAS does not
    give a row the same bits whatever rows are beside it."""

    def __init__(self, name, n_inputs, n_outputs, dtype):
        super().__init__(name, n_inputs, n_outputs, dtype)
        self.shapes = {"w": (n_inputs, n_outputs), "b": (n_outputs,)}
        self._w = self._w_transposed = self._bias = None
        self._rows = np.arange(0, dtype=np.intp)

    def initialize(self, weights, rng, begin):
        """Glorot-uniform weights; `begin.outputs` is where the outputs start."""
        weights["w"][:] = glorot_uniform(rng, self.shapes["w"])
        weights["b"][:] = begin.outputs

    def load(self, weights, *, backward, n_threads=1):
        if self._w is None:
            self._w = aligned_empty((self.n_inputs * self.width,), self.dtype)
            self._bias = np.zeros(self.width, self.dtype)
        self.kernels.pack_columns(weights["w"], self._w)
        self._bias[: self.n_outputs] = weights["b"]
        if backward:
            if self._w_transposed is None:
                size = self.width * self.input_width
                self._w_transposed = aligned_empty((size,), self.dtype)
            self.kernels.pack_transposed(weights["w"], 1, self._w_transposed)

    def forward(self, x, run):
        memory = run.workspace()
        out = memory.array("out", len(x), self.width)
        self.kernels.dense_forward(x, self._w, self._bias, out)
        return out[:, : self.n_outputs], (x, memory) if run.keep else None

    def backward(self, d_y, tape, d_weights):
        x, memory = tape
        n = len(d_y)
        padded = memory.array("d_out", n, self.width)
        padded[:, : self.n_outputs] = d_y
        padded[:, self.n_outputs :] = 0
        d_w = memory.array("d_w", self.n_inputs + 1, self.width)
        d_x = memory.array("d_x", n, self.input_width)
        if len(self._rows) != n:
            self._rows = np.arange(n, dtype=np.intp)
        self.kernels.dense_backward(
            x, self.n_inputs, padded, self._w_transposed, self._rows, d_w, d_x
        )
        d_weights["w"] += d_w[:-1, : self.n_outputs]
        d_weights["b"] += d_w[-1, : self.n_outputs]
        return d_x

    def step(self, x, state):
        out = np.empty((len(x), self.width), self.dtype)
        self.kernels.dense_forward(x, self._w, self._bias, out)
        return out[:, : self.n_outputs], None
