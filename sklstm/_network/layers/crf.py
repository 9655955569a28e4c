"""Conditional random field: what labels say of their neighbours."""

import numpy as np

from ..emissions import Emissions, masks_of, scores_between
from .layer import Layer


class CRF(Layer):
    """The end of a network: scores of transitions, starts and ends beside the outputs.

    Outputs at the steps (N, K), the emissions, go through unchanged. Where `backward`
    is to come they come with the scores, as `Emissions`, of which the loss makes the
    gradients of both; `scores` has them for decoding.

    `allowed` has masks of starts (K,), transitions (K, K) and ends (K,), None for all.
    What they forbid is -inf among the scores, gets no gradient and stays 0 among the
    parameters.
    """

    def __init__(self, name, n_labels, dtype, allowed=None):
        super().__init__(name, n_labels, n_labels, dtype)
        K = n_labels
        self.shapes = {"transitions": (K, K), "start": (K,), "end": (K,)}
        self.masks = masks_of(K, allowed)
        self.scores = None

    def initialize(self, weights, rng, begin):
        """All zero: the labels of a sequence begin as independent ones, with the shares
        that the emissions start with. Given these the loss is convex in the scores, so
        there is no symmetry that random numbers would have to break."""
        for key in self.shapes:
            weights[key].fill(0)

    def load(self, weights, *, backward, n_threads=1):
        """`scores`: transitions (K, K), start (K,) and end (K,) in float64."""
        self.scores = scores_between(self.masks, **weights)

    def forward(self, x, run):
        return (self.for_loss(x) if run.keep else x), None

    def for_loss(self, y):
        return Emissions(np.asarray(y, dtype=np.float64), *self.scores)

    def backward(self, d_y, tape, d_weights):
        for key in self.shapes:
            d_weights[key] += getattr(d_y, key)
        return d_y.values

    def step(self, x, state):
        raise NotImplementedError(
            "A conditional random field labels whole sequences: the label of a step "
            "depends on those to come. For streams train without it, crf=False."
        )

    def n_elements(self, n_sequences, n_steps):
        """In float64: emissions, their gradient, forward variables and exponentials."""
        return 4 * n_steps * self.n_outputs * 8 // self.dtype.itemsize
