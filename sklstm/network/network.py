"""The network: recurrent layers and a dense head over one flat parameter vector."""

import math

import numpy as np

from ..kernels import Schedule, effective_n_threads
from .layers import GATES, Dense, Recurrent
from .optimizers import n_threads_for
from .parameters import Layout
from .workspace import aligned_empty

# Sequences of a strip. Many read the packed weights less often, few leave no thread
# waiting where lengths differ: with 2 threads, 32 sequences of 10 to 100 steps and
# H = 64 take 0.61 ms with 8 and 0.74 with 16; at equal lengths 16 gain 4 % at the most.
STRIP_ROWS = 8
# Where the weights of the largest layer take more than 1 MB, about what L2 holds: 16
# rows read them half as often, which gains 3 % at H = 256 and 512.
STRIP_ROWS_WIDE = 16
WIDE_BYTES = 1 << 20
# Cell updates times products below which a second thread costs more than it brings.
PARALLEL_WORK = 250_000
# What activations cost in a cell, in columns of a product.
ACTIVATION_COLUMNS = 24
# Row-steps of a batch of `predict`, which bounds its memory.
PREDICT_STEPS = 65_536
# Bytes of workspace that a layer keeps between two calls of `predict`.
IDLE_BYTES = 1 << 20


class Network:
    """Stacked recurrent layers, the last hidden state, and a dense head.

    Parameters
    ----------
    n_features : int
        F.
    hidden_layer_sizes : tuple of int
        H of each recurrent layer, the lowest first.
    n_outputs : int
        K.
    dtype : dtype
        float32 or float64.
    cell : str, default="lstm"
        Name in the table of cells.
    """

    def __init__(self, n_features, hidden_layer_sizes, n_outputs, dtype, cell="lstm"):
        sizes = [n_features, *hidden_layer_sizes]
        self.dtype = np.dtype(dtype)
        self.layers = [
            Recurrent(n_inputs, n_units, dtype, cell)
            for n_inputs, n_units in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        widest = max(math.prod(layer.shape) for layer in self.layers)
        wide = widest * self.dtype.itemsize > WIDE_BYTES
        self.strip_rows = STRIP_ROWS_WIDE if wide else STRIP_ROWS
        self.head = Dense(sizes[-1], n_outputs, dtype)
        shapes = {f"l{k}": layer.shape for k, layer in enumerate(self.layers)}
        self.layout = Layout({**shapes, "head": self.head.shape})
        self._gradient = self._gradient_views = None
        self._viewed = None, None

    def _views(self, vector):
        return [self.layout.view(vector, name) for name in self.layout.shapes]

    def initialize(self, rng, head_bias):
        """A new parameter vector; `head_bias` (K,) is where the outputs start."""
        parameters = aligned_empty((self.layout.size,), self.dtype)
        views = self._views(parameters)
        for layer, weights in zip([*self.layers, self.head], views, strict=True):
            layer.initialize(weights, rng)
        views[-1][-1] = head_bias
        return parameters

    def weight_mask(self):
        """1 where the parameter vector holds a weight, 0 where it holds a bias."""
        mask = np.ones(self.layout.size, dtype=self.dtype)
        for view in self._views(mask):
            view[-1] = 0
        return mask

    def torch_weights(self, parameters):
        """Copies of the recurrent parameters under PyTorch's names, in its shapes.

        The one bias of a gate is `bias_ih`; `bias_hh` is zero.
        """
        weights = {}
        for k, layer in enumerate(self.layers):
            matrix = self.layout.view(parameters, f"l{k}")
            F = layer.n_inputs
            weights[f"weight_ih_l{k}"] = matrix[:F].T.copy()
            weights[f"weight_hh_l{k}"] = matrix[F:-1].T.copy()
            weights[f"bias_ih_l{k}"] = matrix[-1].copy()
            weights[f"bias_hh_l{k}"] = np.zeros_like(matrix[-1])
        return weights

    def load(self, parameters, *, backward):
        """Pack the parameters for the kernels: once for each optimizer step."""
        if self._viewed[0] is not parameters:  # the views of the last vector are kept
            self._viewed = parameters, self._views(parameters)
        *weights, head = self._viewed[1]
        n_threads = n_threads_for(parameters)
        for k, layer in enumerate(self.layers):
            layer.load(weights[k], backward=backward, d_x=k > 0, n_threads=n_threads)
        self.head.load(head, backward=backward)

    def forward(self, data, starts, lengths, *, keep):
        """Raw outputs (B, K) of a batch of sequences.

        Parameters
        ----------
        data : ndarray of shape (rows, F)
            Steps of the sequences.
        starts, lengths : ndarray of shape (B,), intp
            First row and number of steps of each sequence.
        keep : bool
            Whether to keep what `backward` needs.

        Returns
        -------
        output : ndarray of shape (B, K)
            A view of the workspace, valid until the next call.
        """
        schedule = Schedule(starts, lengths, self.strip_rows)
        top = len(self.layers) - 1
        x, x_rows = data, schedule.data_rows
        for k, layer in enumerate(self.layers):
            h_last, h = layer.forward(
                schedule,
                x,
                x_rows,
                keep=keep,
                sequence=k < top,
                n_threads=self._n_threads(layer, schedule),
            )
            x, x_rows = h, schedule.state_rows
        if keep:
            self._schedule = schedule
        return self.head.forward(h_last)

    def backward(self, d_output):
        """The flat gradient of the batch of the last `forward`; lives in the workspace.

        Parameters
        ----------
        d_output : ndarray of shape (B, K)
            Gradient of the loss with respect to the raw outputs.
        """
        if self._gradient is None:
            self._gradient = aligned_empty((self.layout.size,), self.dtype)
            self._gradient_views = self._views(self._gradient)
        *d_weights, d_head = self._gradient_views
        gradient = {"d_last": self.head.backward(d_output, d_head)}
        for k in reversed(range(len(self.layers))):
            layer = self.layers[k]
            d_x = layer.backward(
                d_weights[k],
                **gradient,
                d_x=k > 0,
                n_threads=self._n_threads(layer, self._schedule),
            )
            gradient = {"d_out": d_x}
        return self._gradient

    def predict(self, data, starts, lengths):
        """Raw outputs (n, K), batch by batch in bounded memory, after `load`."""
        if len(data) <= PREDICT_STEPS:
            return self.forward(data, starts, lengths, keep=False).copy()
        outputs = np.empty((len(starts), self.head.n_outputs), dtype=self.dtype)
        steps = np.cumsum(lengths)
        begin, done = 0, 0
        while begin < len(starts):
            end = int(np.searchsorted(steps, done + PREDICT_STEPS, side="right"))
            whole_strips = (end - begin) // self.strip_rows * self.strip_rows
            end = begin + max(1, whole_strips or end - begin)
            outputs[begin:end] = self.forward(
                data, starts[begin:end], lengths[begin:end], keep=False
            )
            begin, done = end, steps[end - 1]
        return outputs

    def shrink(self):
        """Give large workspaces back, and keep small ones for the next call."""
        self.head.forget()
        for layer in [*self.layers, self.head]:
            if layer.workspace.nbytes > IDLE_BYTES:
                layer.workspace.clear()

    @staticmethod
    def _n_threads(layer, schedule):
        columns = layer.n_inputs + layer.width + ACTIVATION_COLUMNS
        work = schedule.n_steps * layer.width * columns
        return effective_n_threads() if work > PARALLEL_WORK else 1


def training_bytes(
    n_features,
    hidden_layer_sizes,
    n_outputs,
    dtype,
    n_sequences,
    n_steps,
    n_float64_vectors=0,
):
    """Memory that training on minibatches of this size takes, without the data.

    Gates, c, h and the gradient of the input for each row-step of each layer; seven
    vectors of parameters (gradient, moments, copies), the packed weights, and what a
    solver has in float64. Computed before anything is built, in Python's integers,
    which do not overflow.
    """
    states, n_parameters = 0, (hidden_layer_sizes[-1] + 1) * n_outputs
    for F, H in zip(
        (n_features, *hidden_layer_sizes), hidden_layer_sizes, strict=False
    ):
        states += n_steps * ((GATES + 2) * H + F) + 2 * n_sequences * H
        n_parameters += (F + H + 1) * GATES * H
    in_float64 = 8 * n_float64_vectors * n_parameters
    return (states + 9 * n_parameters) * np.dtype(dtype).itemsize + in_float64
