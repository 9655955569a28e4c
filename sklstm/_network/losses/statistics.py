"""Weights of samples, and weighted statistics of the distinct values of a target."""

import numpy as np


def mean_weights(weight, divisor, n_samples):
    """What the losses of samples (n, 1) are multiplied with."""
    if weight is None:
        return np.full((n_samples, 1), 1 / (divisor or n_samples))
    return (weight / (divisor or weight.sum()))[:, np.newaxis]


def distinct(column, weight=None):
    """Values of a target, ascending, and the weight of each.

    Sums over them are the same to the bit for a sample of weight 3 and for the sample
    given three times.
    """
    values, inverse = np.unique(column, return_inverse=True)
    return values, np.bincount(inverse, weights=weight).astype(np.float64)


def mean_and_scale(values, weight):
    """Mean and standard deviation of distinct values, whatever their units.

    Sums are of numbers of at most 1, so that no square overflows.
    """
    largest = np.abs(values).max() or 1.0
    mean = np.average(values / largest, weights=weight)
    deviation = values / largest - mean
    spread = np.abs(deviation).max() or 1.0
    variance = np.average((deviation / spread) ** 2, weights=weight)
    return largest * mean, largest * spread * np.sqrt(variance)


def quantiles(values, weight, levels):
    """The least values with at least these shares of the weight at or below them.

    NumPy's method "inverted_cdf", which takes weights from NumPy 2.0 on.
    """
    below = weight.cumsum()
    return values[np.searchsorted(below, np.asarray(levels) * below[-1])]
