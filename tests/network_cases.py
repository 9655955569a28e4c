"""Networks to test: a problem of every cell and pooling, and their output and gradient
written out in NumPy on top of reference.py.
"""

from zlib import crc32

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose
from scipy.special import softmax

from sklstm._kernels import CELLS, dropout_mask
from sklstm._network.build import whole_sequence_network
from sklstm._network.layers.dropout import Masks

POOLINGS = ["last", "mean", "max", "attention"]
LENGTHS = [4, 0, 1, 6, 3]
SEED, STEP = 2**40 + 7, 3

every_cell = pytest.mark.parametrize("cell", CELLS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
every_pooling = pytest.mark.parametrize("pooling", POOLINGS)


class Problem:
    """A network with random parameters on a batch of random sequences."""

    def __init__(
        self, cell, lengths=LENGTHS, *, hidden=(9, 5), dtype=np.float64, rates=(0, 0),
        strip_rows=2, seed=0, scale=0.4, **options,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.cell, self.rates = cell, rates
        self.network = whole_sequence_network(
            3, hidden, 2, dtype, cell, dropout=rates[0], recurrent_dropout=rates[1],
            **options,
        )  # fmt: skip
        self.network.strip_rows = strip_rows
        self.parameters = scale * rng.standard_normal(self.network.layout.size)
        self.parameters = self.parameters.astype(dtype)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.data = rng.standard_normal((self.lengths.sum(), 3)).astype(dtype)
        self.d_output = rng.standard_normal((len(lengths), 2)).astype(dtype)
        self.ids = rng.permutation(1000)[: len(lengths)]

    def masks(self, samples=slice(None)):
        if self.rates != (0, 0):
            return Masks(SEED, STEP, self.ids[samples])

    def output(self, samples=slice(None), keep=False, **options):
        """Raw outputs of some of the sequences."""
        self.network.load(self.parameters, backward=keep)
        output, self.tapes = self.network.forward(
            self.data, self.starts[samples], self.lengths[samples], keep=keep,
            masks=self.masks(samples), **options,
        )  # fmt: skip
        return output.copy()

    def gradient(self, **options):
        """Of sum(output d_output)."""
        self.output(keep=True, **options)
        return self.network.backward(self.d_output.copy(), self.tapes).copy()

    # ---- the same in NumPy, sequence by sequence

    def mask(self, i, name, rate, width, times=None):
        """Factors of one layer for sequence i, at these time steps or at all alike."""
        rows = 1 if times is None else len(times)
        mask = np.ones((rows, width))
        if rate:
            samples = np.full(rows, i)
            number = crc32(name.encode())
            dropout_mask(SEED, STEP, number, self.ids, samples, times, rate, mask)
        return mask[0] if times is None else mask

    def run(self, i, parameters, states=None, begin=0, end=None):
        """Output (K,) for sequence i from step `begin` to `end`, from the given states,
        and the states (h, c) of each layer and direction then."""
        views, network = self.network.views(parameters), self.network
        x = self.data[self.starts[i] :][: self.lengths[i]][begin:end]
        x = x.astype(np.float64)
        times = np.arange(begin, begin + len(x))
        rate, recurrent_rate = self.rates
        after = []
        for k, layer in enumerate(network.recurrent_layers):
            outputs, lasts, H = [], [], layer.n_units
            for d, (part, suffix) in enumerate(directions(layer)):
                weights = {
                    name: np.float64(views[f"l{k}"][name + suffix])
                    for name in part.shapes
                }
                before = states[len(after)] if states else np.zeros((2, H))
                name = f"l{k}{suffix}.recurrent_dropout"
                mask = self.mask(i, name, recurrent_rate, H)
                turn = slice(None, None, -1 if d else 1)
                h, c, _ = reference.forward(self.cell, weights, x[turn], *before, mask)
                outputs.append(h[1:][turn])
                lasts.append(h[-1])
                after.append((h[-1], c[-1]))
            x, last = np.hstack(outputs), np.concatenate(lasts)
            if k < len(network.recurrent_layers) - 1:
                x = x * self.mask(i, f"l{k}.dropout", rate, x.shape[1], times)
        if network.pooling:
            w = views["pooling"]["w"] if network.pooling.shapes else None
            last = pooled(network.pooling.mode, x, w, last)
        last = last * self.mask(i, "head.dropout", rate, len(last))
        return last @ views["head"]["w"] + views["head"]["b"], after


def directions(layer):
    """The recurrent layers of a layer, with the ends of the names of their weights."""
    return list(zip(layer.directions, ("", "_reverse")))


def pooled(mode, h, w, initial):
    """What the head reads of the outputs (T, H) of a sequence."""
    if len(h) == 0:
        return initial
    if mode == "mean":
        return h.mean(axis=0)
    if mode == "max":
        return h.max(axis=0)
    return softmax(np.tanh(h) @ w.ravel()) @ h


def assert_gradient(problem, gradient, loss, epsilon=1e-5):
    """Along a random direction of every parameter array, by central differences."""
    rng = np.random.default_rng(1)
    layout, parameters = problem.network.layout, problem.parameters.copy()
    for name, part in layout.slices.items():
        direction = np.zeros(layout.size)
        direction[part] = rng.standard_normal(part.stop - part.start)
        numeric = (
            loss(parameters + epsilon * direction)
            - loss(parameters - epsilon * direction)
        ) / (2 * epsilon)
        assert_allclose(
            gradient @ direction, numeric, rtol=1e-6, atol=1e-6, err_msg=name
        )
