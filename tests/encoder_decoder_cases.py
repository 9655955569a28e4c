"""Encoder-decoders to test: a problem of every attention and cell, and what it gives
written out in NumPy on top of reference.py.
"""

from zlib import crc32

import numpy as np
import pytest
import reference
from scipy.special import log_softmax, softmax

from sklstm._kernels import dropout_mask
from sklstm._network.build import encoder_decoder_network
from sklstm._network.layers.dropout import Masks
from sklstm._network.losses import TokenCrossEntropy
from sklstm._targets.steps import StepTarget
from sklstm._training.feeds import Minibatch

KINDS = [None, "dot", "general", "additive"]
# Of two directions the encoder has twice the outputs: no dot.
FORMS = [(kind, both) for kind in KINDS for both in (False, True)]
FORMS.remove(("dot", True))
SOURCES, TARGETS = [4, 0, 1, 7, 3, 5], [2, 3, 0, 6, 1, 0]
SEED, STEP = 2**40 + 7, 3

every_kind = pytest.mark.parametrize("kind", KINDS)
every_form = pytest.mark.parametrize("kind, bidirectional", FORMS)
every_attention = pytest.mark.parametrize("kind", KINDS[1:])


class Problem:
    """A network with random parameters on a batch of random sequences of ids, or with
    `n_features` of numbers, and of targets."""

    def __init__(
        self, kind, cell="lstm", sources=SOURCES, targets=TARGETS, *, hidden=(9, 6),
        dtype=np.float64, bidirectional=False, n_features=None, rates=(0, 0),
        strip_rows=2, n_tokens=7, n_source_tokens=5, widths=(4, 3), seed=0, scale=0.4,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.kind, self.cell, self.rates = kind, cell, rates
        embedding = None
        if n_features is None:
            embedding = {
                "columns": [0], "rows": [n_source_tokens], "widths": [widths[0]],
                "trainable": True,
            }  # fmt: skip
        self.network = encoder_decoder_network(
            n_features or 1, hidden, n_tokens, dtype, cell, bidirectional, kind,
            dropout=rates[0], recurrent_dropout=rates[1], embedding=embedding,
            target_embedding_dim=widths[1],
        )  # fmt: skip
        self.network.strip_rows = strip_rows
        self.parameters = scale * rng.standard_normal(self.network.layout.size)
        dtype = self.network.dtype
        self.parameters = self.parameters.astype(dtype)
        self.lengths = np.array(sources, dtype=np.intp)
        # in another order than they lie, with rows between that no sequence has
        order = rng.permutation(len(sources))
        self.starts = np.zeros(len(sources), np.intp)
        self.starts[order] = 1 + np.append(0, np.cumsum(self.lengths[order] + 1)[:-1])
        shape = self.lengths.sum() + len(sources) + 1, n_features or 1
        self.data = rng.standard_normal(shape).astype(dtype)
        if n_features is None:
            self.data = rng.integers(0, n_source_tokens, shape).astype(dtype)
        offsets = np.append(0, np.cumsum(np.array(targets, np.intp) + 1))
        tokens = rng.integers(0, n_tokens - 1, offsets[-1])
        tokens[offsets[1:] - 1] = n_tokens - 1
        self.target = StepTarget(tokens, offsets)
        self.ids = rng.permutation(1000)[: len(sources)]
        self.weight = rng.random(len(sources)) + 0.5
        self.loss = TokenCrossEntropy(n_tokens)

    def masks(self, samples=slice(None)):
        if self.rates != (0, 0):
            return Masks(SEED, STEP, self.ids[samples])

    def rows_of(self, samples=slice(None)):
        return self.data, self.starts[samples], self.lengths[samples]

    def batch(self, samples=slice(None)):
        return Minibatch(
            *self.rows_of(samples), self.target[samples], self.weight[samples], 1.0,
            3.0, self.ids[samples],
        )  # fmt: skip

    def load(self, parameters=None, backward=False):
        parameters = self.parameters if parameters is None else parameters
        self.network.load(parameters, backward=backward)

    def value_and_gradient(self, parameters=None, samples=slice(None)):
        self.load(parameters, backward=True)
        batch = self.batch(samples)
        scores, tapes = self.network.forward_of(
            batch, keep=True, masks=self.masks(samples)
        )
        value, d_rows = self.loss.value_and_gradient(
            scores, batch.target, batch.weight, batch.divisor
        )
        return value, self.network.backward(d_rows, tapes).copy()

    def rows(self, samples=slice(None)):
        """What the head reads, without dropout."""
        return self.network.predict_of(self.rows_of(samples), self.target[samples])

    def log_probabilities(self, samples=slice(None)):
        return self.network.for_loss(self.rows(samples)).log_probabilities()

    def source_of(self, i):
        return self.data[self.starts[i] :][: self.lengths[i]]

    def read_by(self, i):
        """The tokens that the decoder reads."""
        begin, end = self.target.offsets[i : i + 2]
        return np.append(self.network.mark, self.target.values[begin : end - 1])

    # ---- the same in NumPy, sequence by sequence

    def mask(self, i, name, rate, width, T=None):
        """Factors of one layer for sequence i, at T steps or at all alike."""
        times = None if T is None else np.arange(T)
        mask = np.ones((1 if T is None else T, width))
        if rate:
            samples = np.full(len(mask), i)
            number = crc32(name.encode())
            dropout_mask(SEED, STEP, number, self.ids, samples, times, rate, mask)
        return mask[0] if T is None else mask

    def in_numpy(self, i, parameters=None):
        """log p (T, V) of sequence i, and the weights (T, S) of attention, if any."""
        parameters = self.parameters if parameters is None else parameters
        views = {
            name: {key: np.float64(value) for key, value in layer.items()}
            for name, layer in self.network.views(parameters).items()
        }
        rate, _ = self.rates
        x = self.source_of(i).astype(np.float64)
        if "embedding" in views:
            x = views["embedding"]["w0"][x[:, 0].astype(np.intp)]
            x = x * self.mask(i, "embedding.dropout", rate, x.shape[1], len(x))
        memory, ends = self._recurrent(i, x, self.network.encoder_layers, views)
        if self.network.bridges is not None:
            ends = [
                [
                    end @ views[f"l{k}.bridge_{state}"]["w"]
                    + views[f"l{k}.bridge_{state}"]["b"]
                    for state, end in zip("hc", of_layer)
                    if f"l{k}.bridge_{state}" in views
                ]
                for k, of_layer in enumerate(ends)
            ]
        y = views["target_embedding"]["w0"][self.read_by(i)]
        y = y * self.mask(i, "target_embedding.dropout", rate, y.shape[1], len(y))
        h, _ = self._recurrent(i, y, self.network.decoder_layers, views, ends)
        weights = None
        if self.kind is not None:
            h, weights = self._attend(h, memory, views["attention"])
        h = h * self.mask(i, "head.dropout", rate, h.shape[1], len(h))
        head = views["head"]
        return log_softmax(h @ head["w"].T + head["b"], axis=1), weights

    def _recurrent(self, i, x, layers, views, states=None):
        ends = []
        for k, layer in enumerate(layers):
            outputs, lasts = [], []
            for d, part in enumerate(layer.directions):
                suffix, H = ("", "_reverse")[d], layer.n_units
                own = {key: views[layer.name][key + suffix] for key in part.shapes}
                before = np.zeros((2, H))
                if states is not None:
                    before = [*states[k], np.zeros(H)][:2]
                name = f"{layer.name}{suffix}.recurrent_dropout"
                mask = self.mask(i, name, self.rates[1], H)
                turn = slice(None, None, -1 if d else 1)
                h, c, _ = reference.forward(self.cell, own, x[turn], *before, mask)
                outputs.append(h[1:][turn])
                lasts.append((h[-1], c[-1]))
            x = np.hstack(outputs)
            ends.append([np.concatenate(parts) for parts in zip(*lasts)])
            if k < len(layers) - 1:
                name = f"{layer.name}.dropout"
                x = x * self.mask(i, name, self.rates[0], x.shape[1], len(x))
        return x, ends

    def _attend(self, h, memory, w):
        if self.kind == "additive":
            q, k = h @ w["query_w"], memory @ w["key_w"]
            scores = np.tanh(q[:, np.newaxis] + k) @ w["v"][0]
        else:
            scores = (h @ w["query_w"] if self.kind == "general" else h) @ memory.T
        weights = softmax(scores, axis=1) if memory.size else scores
        both = np.hstack([weights @ memory, h])
        return np.tanh(both @ w["combine_w"] + w["combine_b"]), weights
