"""Connectionist temporal classification in small: all paths one by one, and batches."""

import itertools

import numpy as np
import pytest

from sklstm._kernels import ctc

every_scale = pytest.mark.parametrize("scale", [1.0, 30.0, 1e3, 1e6])


def collapsed(path, blank):
    """The labels that a path stands for."""
    runs = [label for label, _ in itertools.groupby(path)]
    return tuple(label for label in runs if label != blank)


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class AllPaths:
    """Every string of labels that outputs (T, K) give a probability, by its paths."""

    def __init__(self, x):
        T, K = x.shape
        log_p = log_softmax(x)
        self.log_p, self.best = {}, {}
        for path in itertools.product(range(K), repeat=T):
            score = float(log_p[np.arange(T), list(path)].sum())
            string = collapsed(path, K - 1)
            before = self.log_p.get(string, -np.inf)
            self.log_p[string] = float(np.logaddexp(before, score))
            if string not in self.best or score > self.best[string]:
                self.best[string] = score

    def ranked(self):
        return sorted(self.log_p.items(), key=lambda pair: -pair[1])


def offsets_of(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)


def random_batch(K, n, longest, seed=0, scale=1.0, feasible=True):
    """Outputs, offsets, labels and offsets of labels of n sequences, some empty."""
    rng = np.random.default_rng(seed)
    n_steps = rng.integers(0, longest + 1, n)
    n_labels = np.array([rng.integers(0, T // 2 + 1) for T in n_steps])
    if not feasible:
        n_labels[::3] += n_steps[::3] + 1
    offsets, label_offsets = offsets_of(n_steps), offsets_of(n_labels)
    x = scale * rng.standard_normal((offsets[-1], K))
    return x, offsets, rng.integers(0, K - 1, label_offsets[-1]), label_offsets


def log_likelihood(
    x, offsets, labels, label_offsets, weight=None, n_threads=1, gradient=True
):
    """Values by sequence and the gradient, None if it is not asked for, in memory in
    which there was something."""
    n_steps = np.diff(offsets)
    weight = np.ones(len(n_steps)) if weight is None else weight
    values = np.full(len(n_steps), 7.0)
    d = np.full(x.shape, 7.0) if gradient else None
    size = ctc.scratch_size(x.shape[1], n_steps, label_offsets, n_threads, gradient)
    labels = np.asarray(labels, dtype=np.intp)
    ctc.log_likelihood(
        x, offsets[:-1], n_steps, labels, label_offsets, weight, np.full(size, 7.0),
        values, d, n_threads,
    )  # fmt: skip
    return values, d


def of_one(x, labels, **options):
    """The same of one sequence."""
    labels = np.array(labels, dtype=np.intp)
    offsets = np.array([0, len(x)]), np.array([0, len(labels)])
    (value,), d = log_likelihood(x, offsets[0], labels, offsets[1], **options)
    return value, d
