"""Losses of classification; what early stopping measures is up to the target."""

import numpy as np
from scipy.special import expit, log_expit

from .loss import Loss
from .statistics import mean_weights


class Classification(Loss):
    """What the losses of classification share."""

    score_name = "accuracy"


class SoftmaxCrossEntropy(Classification):
    """-log p_y with p = softmax(output); targets are indices of classes (n,)."""

    inverse_link_name = "softmax"

    def __init__(self, n_classes=0):
        self.n_classes = n_classes  # of which some may not occur

    def start(self, target, weight):
        """Logarithms of the shares of the classes."""
        counts = np.bincount(target, weights=weight, minlength=self.n_classes)
        # half a sample for what is not there keeps the logarithm finite
        return np.log(np.maximum(counts / counts.sum(), 0.5 / len(target)))

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        output = np.asarray(output, dtype=np.float64)
        mean = mean_weights(weight, divisor, len(output))
        rows = np.arange(len(output))
        # In NumPy: scipy.special.logsumexp takes half as long as training a small
        # network.
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


class BinaryCrossEntropy(Classification):
    """-y log p - (1 - y) log(1 - p) with p = 1 / (1 + exp(-output)), summed over the
    outputs; targets are 0 or 1 (n, K)."""

    inverse_link_name = "logistic"

    def start(self, target, weight):
        """Log-odds of the shares of ones, with half a sample for what is not there."""
        least = 0.5 / len(target)
        share = np.average(target, axis=0, weights=weight)
        share = np.clip(share, least, 1 - least)
        return np.log(share) - np.log1p(-share)

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        output = np.asarray(output, dtype=np.float64)
        mean = mean_weights(weight, divisor, len(output))
        # log(1 - p) = log_expit(-output)
        losses = -target * log_expit(output) - (1 - target) * log_expit(-output)
        return float((mean * losses).sum()), mean * (expit(output) - target)
