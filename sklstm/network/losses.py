"""Losses: value and gradient with respect to the raw output, link and loss in one.

A loss is an object with `link`, the name of the function that turns raw outputs into
predictions, and `value_and_gradient(output, target, weight)`. The value is the weighted
mean over the samples of a batch; sums are in float64.
"""

import numpy as np
from scipy.special import expit, log_expit


def _mean_weights(weight, n_samples):
    """Weights (n, 1) that sum to one."""
    if weight is None:
        return np.full((n_samples, 1), 1 / n_samples)
    return (weight / weight.sum())[:, np.newaxis]


class SoftmaxCrossEntropy:
    """-log p_y with p = softmax(output); targets are indices of classes (n,)."""

    link = "softmax"

    def value_and_gradient(self, output, target, weight=None):
        output = np.asarray(output, dtype=np.float64)
        mean = _mean_weights(weight, len(output))
        rows = np.arange(len(output))
        # In NumPy: scipy.special.logsumexp takes 70 microseconds for a minibatch, half
        # of what training a small network takes.
        output = output - output.max(axis=1, keepdims=True)
        gradient = np.exp(output)
        total = gradient.sum(axis=1, keepdims=True)
        log_p = output[rows, target] - np.log(total[:, 0])
        # not np.dot: the last bit of a BLAS sum depends on the number of threads
        value = -float((mean[:, 0] * log_p).sum())
        gradient /= total
        gradient[rows, target] -= 1
        gradient *= mean
        return value, gradient


class BinaryCrossEntropy:
    """-y log p - (1 - y) log(1 - p) with p = 1 / (1 + exp(-output)), summed over the
    outputs; targets are 0 or 1 (n, K)."""

    link = "logistic"

    def value_and_gradient(self, output, target, weight=None):
        output = np.asarray(output, dtype=np.float64)
        mean = _mean_weights(weight, len(output))
        # log(1 - p) = log_expit(-output)
        losses = -target * log_expit(output) - (1 - target) * log_expit(-output)
        return float((mean * losses).sum()), mean * (expit(output) - target)


class SquaredError:
    """(output - y)^2 / 2, averaged over the outputs; targets are (n, K)."""

    link = "identity"

    def value_and_gradient(self, output, target, weight=None):
        difference = np.subtract(output, target, dtype=np.float64)
        if weight is None:
            mean = 1 / len(output) / difference.shape[1]
        else:
            mean = _mean_weights(weight, len(output)) / difference.shape[1]
        gradient = mean * difference
        return float((gradient * difference).sum()) / 2, gradient
