"""Units in which targets are standardised: centre and scale of each column."""

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from .._network.losses.statistics import distinct, mean_and_scale, quantiles

# Shares of the weight left out at each end; the range between is in standard deviations
# of a normal distribution.
_TAILS = (1 / 4, 1 / 8, 1 / 16, 1 / 32)
_WIDTHS = -2 * norm.ppf(_TAILS)
# Shares of the weight below what a robust scale is made of.
LEVELS = np.array([0.5, *_TAILS, *(1 - np.array(_TAILS))])
# Mean absolute deviation of a normal distribution in standard deviations.
_MEAN_DEVIATION = np.sqrt(2 / np.pi)
# A range that is smaller than this part of that without 1/16 at each end is no scale:
# the target is a constant with noise of rounding, and what matters is beside it.
_NEGLIGIBLE = 1e-12
_EPS = 10 * np.finfo(np.float64).eps
# Targets that tell of the scale: those after which units stay, and those without which
# they are a guess.
ENOUGH = 100
FEW = 10


def median_and_scale(values, weight):
    """Median and robust standard deviation: interquartile range / 1.35.

    Where that is zero, as for a target that is 0 most of the time, it is the first
    range beyond 1/8, 1/16 and 1/32 of the weight that is not, and else the mean
    absolute deviation from the median, each in standard deviations of a normal
    distribution.
    """

    def deviation(median):
        deviations = np.abs(values / 2 - median / 2)
        largest = deviations.max() or 1.0
        return largest, np.average(deviations / largest, weights=weight)

    return robust_units(quantiles(values, weight, LEVELS), deviation)


def robust_units(at_levels, deviation):
    """Median and robust standard deviation of the quantiles at LEVELS and what
    `deviation(median)` says: the largest half of an absolute deviation from it, and the
    mean one in units of this."""
    n = len(_TAILS)
    median, low, high = at_levels[0], at_levels[1 : n + 1], at_levels[n + 1 :]
    # halves, whose difference does not overflow
    scales = (high / 2 - low / 2) / (_WIDTHS / 2)
    least = max(_NEGLIGIBLE * scales[2], _EPS * np.abs(median))
    if (scales > least).any():
        return median, scales[(scales > least).argmax()]
    largest, mean = deviation(median)
    scale = largest * (2 * mean / _MEAN_DEVIATION)
    return median, scale if scale > least else 0.0


def units_of(values, weight, robust):
    """Centre and scale of distinct values; the scale is 0 where it is not known.

    A target that varies by no more than its rounding is constant.
    """
    centre, scale = (median_and_scale if robust else mean_and_scale)(values, weight)
    return centre, known_scale(centre, scale)


def known_scale(centre, scale):
    """The scale, 0 where it is no more than rounding."""
    return scale if scale > _EPS * np.abs(centre) else 0.0


class Seen(NamedTuple):
    """Targets of a column while its units are a guess: distinct values, and the weight
    and the number of samples of each."""

    values: np.ndarray
    weight: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, column, weight):
        return cls(*distinct(column, weight), distinct(column)[1])

    def and_also(self, other):
        """These and others."""
        values, inverse = np.unique(
            np.r_[self.values, other.values], return_inverse=True
        )
        return Seen(
            values,
            *(
                np.bincount(inverse, weights=np.r_[mine, its])
                for mine, its in zip(self[1:], other[1:], strict=True)
            ),
        )

    @property
    def n_samples(self):
        return int(self.count.sum())

    @property
    def n_telling(self):
        """Samples that tell of the scale: of the most common value there is one."""
        return self.n_samples - self.count.max() + 1


def same_units(units, others):
    """Whether two pairs of centre and scale differ by no more than rounding."""
    (centre, scale), (other, other_scale) = units, others
    return (
        abs(centre - other) <= 1e-9 * scale and abs(scale - other_scale) <= 1e-9 * scale
    )
