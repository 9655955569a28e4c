"""What a conditional random field scores the label paths of sequences with."""

from typing import NamedTuple

import numpy as np

from .._kernels import crf, effective_n_threads

# Multiply-adds of a pass below which a second thread costs more than it brings, and as
# how many of them an exponential and a logarithm count.
PARALLEL_PRODUCTS = 200_000
EXP_AND_LOG = 16


class Emissions(NamedTuple):
    """Scores of N steps, one sequence after the other, and of what is between them, in
    float64; -inf forbids. A gradient of the loss has the same four parts."""

    values: np.ndarray  # (N, K)
    transitions: np.ndarray  # (K, K) [from, to]
    start: np.ndarray  # (K,)
    end: np.ndarray  # (K,)

    @property
    def n_labels(self):
        return len(self.start)

    @property
    def n_threads(self):
        """Threads for a pass over all steps."""
        K = self.n_labels
        n_products = len(self.values) * K * (K + EXP_AND_LOG)
        return effective_n_threads() if n_products > PARALLEL_PRODUCTS else 1

    def for_kernel(self):
        """The same, as kernels read it."""
        return Emissions(*(np.ascontiguousarray(part, np.float64) for part in self))

    def scratch(self, offsets, n_threads, gradient=False):
        """Memory that a kernel other than `n_best` works in."""
        return np.empty(crf.scratch_size(self.n_labels, offsets, n_threads, gradient))


def masks_of(n_labels, allowed):
    """Masks of starts (K,), transitions (K, K) and ends (K,), which `allowed` has in
    this order; None is for all."""
    K = n_labels
    if allowed is None:
        return np.ones(K, dtype=bool), np.ones((K, K), dtype=bool), np.ones(K, bool)
    start, transitions, end = (np.asarray(mask, dtype=bool) for mask in allowed)
    shapes = start.shape, transitions.shape, end.shape
    if shapes != ((K,), (K, K), (K,)):
        raise ValueError(
            f"Masks of starts, transitions and ends of {K} labels have the shapes "
            f"({K},), ({K}, {K}) and ({K},), got {shapes}."
        )
    return start, transitions, end


def scores_between(masks, transitions=0.0, start=0.0, end=0.0):
    """Scores of transitions (K, K), starts (K,) and ends (K,), -inf where the masks do
    not allow them, in the order of `Emissions`."""
    allowed_start, allowed, allowed_end = masks
    return (
        np.where(allowed, transitions, -np.inf).astype(np.float64),
        np.where(allowed_start, start, -np.inf).astype(np.float64),
        np.where(allowed_end, end, -np.inf).astype(np.float64),
    )
