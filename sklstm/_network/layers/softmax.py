"""The head over a vocabulary: log p of the tokens, of many outputs."""

import numpy as np

from ..._kernels import effective_n_threads, product_kernels_for
from ..initializers import glorot_uniform
from ..workspace import Workspace, aligned_empty
from .dense import PARALLEL_PRODUCTS
from .layer import Layer


class Scores:
    """What a head over V tokens says of N rows (N, .): computed when it is asked for,
    since (N, V) numbers are many."""

    def __init__(self, head, rows, n_threads=1):
        self.head = head
        self.rows = rows
        self.n_threads = n_threads

    @property
    def shape(self):
        return len(self.rows), self.head.n_outputs

    def log_probability(self, tokens):
        """log p of one token of each row (N,); 0 where it is -1."""
        return self.head.of_tokens(self, tokens)

    def log_probabilities(self):
        """log p of all tokens (N, V)."""
        return self.head.of_all(self)

    def value_and_gradient(self, tokens, scale):
        """log p (N,), and of -sum scale log p the gradient of the rows (N, .)."""
        return self.head.of_tokens(self, tokens, scale)


class Softmax(Layer):
    """log softmax(x W' + b) over V tokens, W (V, K) having a row for each.

    With `tied` W is the table of an `Embedding`, of which V rows are tokens (Press &
    Wolf 2017). The loss knows which tokens there are: it asks the `Scores` that come
    out, and these compute value and gradients at once.
    """

    def __init__(self, name, n_inputs, n_outputs, dtype, tied=None):
        super().__init__(name, n_inputs, n_outputs, dtype)
        self.kernels = product_kernels_for(dtype)
        self.shapes = {"w": (n_outputs, n_inputs), "b": (n_outputs,)}
        self.table, self.shares = "w", None
        if tied is not None:
            self.shares, (self.table,) = tied.name, tied.keys
            del self.shapes["w"]
        self._packed = self._packed_backward = None
        self._memory = Workspace(self.dtype)
        self._gradients = None  # of W (V, width) and b, of the last loss

    def initialize(self, weights, rng, begin):
        """Glorot-uniform weights; `begin.outputs` is where the outputs start."""
        if self.shares is None:
            shape = self.shapes["w"]
            weights["w"][:] = glorot_uniform(rng, shape[::-1]).T
        weights["b"][:] = begin.outputs

    def load(self, weights, *, backward, n_threads=1):
        K, V = self.n_inputs, self.n_outputs
        if self._packed is None:
            size = self.kernels.packed_tokens_size(K, V)
            self._packed = aligned_empty((size,), self.dtype)
        if backward and self._packed_backward is None:
            size = self.kernels.packed_tokens_backward_size(K, V)
            self._packed_backward = aligned_empty((size,), self.dtype)
        self.kernels.pack_tokens(
            weights[self.table][:V], weights["b"], self._packed,
            self._packed_backward if backward else None, n_threads,
        )  # fmt: skip

    @property
    def packed(self):
        """Its weights as other kernels read them."""
        return self._packed

    def forward(self, x, run):
        """Where `backward` is to come the `Scores` of the rows, else the rows."""
        if not run.keep:
            return x, None
        return Scores(self, self._whole(x), self.n_threads(len(x), run.n_threads)), None

    def for_loss(self, y):
        n_threads = self.n_threads(len(y), effective_n_threads())
        return Scores(self, self._whole(y), n_threads)

    def _whole(self, x):
        """The rows as whole vectors."""
        if x.shape[1] == self.input_width and x.flags.c_contiguous:
            return x
        whole = np.zeros((len(x), self.input_width), self.dtype)
        whole[:, : self.n_inputs] = x[:, : self.n_inputs]
        return whole

    def n_threads(self, n_rows, limit):
        many = n_rows * self.n_inputs * self.width > PARALLEL_PRODUCTS
        return limit if many else 1

    def _scratch(self, n, n_threads):
        size = self.kernels.softmax_scratch_size(
            n, self.n_inputs, self.n_outputs, n_threads
        )
        return self._memory.array("scratch", size)

    def of_tokens(self, scores, tokens, scale=None):
        """log p of a token of each row, and with `scale` the gradient of the rows; that
        of the weights is kept for `backward`."""
        x, V, n_threads = scores.rows, self.n_outputs, scores.n_threads
        log_p = np.empty(len(x))
        tokens = np.ascontiguousarray(tokens, np.intp)
        scratch = self._scratch(len(x), n_threads)
        if scale is None:
            self.kernels.softmax_loss(
                x, self._packed, None, tokens, None, scratch, log_p, None, None, None,
                V, n_threads,
            )  # fmt: skip
            return log_p
        array, width = self._memory.array, self.input_width
        d_x = array("d_x", len(x), width)
        self._gradients = array("d_w", V, width), array("d_b", V)
        self.kernels.softmax_loss(
            x, self._packed, self._packed_backward, tokens,
            np.ascontiguousarray(scale, np.float64), scratch, log_p, d_x,
            *self._gradients, V, n_threads,
        )  # fmt: skip
        return log_p, d_x

    def of_all(self, scores):
        """log p of all tokens (n, V), each row by itself."""
        x, n_threads = scores.rows, scores.n_threads
        log_p = np.empty((len(x), self.n_outputs))
        scratch = self._scratch(len(x), n_threads)
        self.kernels.log_softmax(x, self._packed, scratch, log_p, n_threads)
        return log_p

    def backward(self, d_y, tape, d_weights):
        d_w, d_b = self._gradients
        table = d_weights[self.table]
        table[: self.n_outputs] += d_w[:, : self.n_inputs]
        d_weights["b"] += d_b
        return d_y

    def step(self, x, state):
        """log p of all tokens (n, V), the bits of a batch."""
        return self.of_all(Scores(self, self._whole(x))), None

    def as_linear(self, weights):
        return weights[self.table][: self.n_outputs].copy(), weights["b"].copy()

    def n_elements(self, n_sequences, n_steps):
        K, V, width = self.n_inputs, self.n_outputs, self.input_width
        scratch = self.kernels.softmax_scratch_size(n_steps, K, V, 1)
        return scratch + 2 * n_steps * width + V * (width + 1)
