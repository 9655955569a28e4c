"""Errors of a network on what it has not been fitted to: their normal distribution."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .._network.losses.statistics import distinct
from .units import units_of

# Least scale of an error, in scales of the feature: below it are differences that
# rounding makes.
LEAST_SCALE = 1e-3
# Scales beyond which an error says nothing of how components go together.
FAR = 3


@dataclass(frozen=True, eq=False)
class ErrorDistribution:
    """A normal distribution of errors of D components.

    Sums over components follow their order, so that an error has the same bits
    whatever others are beside it.
    """

    location: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    correlation: np.ndarray | None = None  # (D, D); None for no correlation
    # Inverses by which components are there.
    inverses: dict = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def standard(cls, n):
        return cls(np.zeros(n), np.ones(n))

    @classmethod
    def fit(cls, errors, weight, correlated):
        """The one of errors (M, D), NaN where there is none, of these weights or None.

        Location and scale are the median and the interquartile range, and correlations
        those of the errors with no component beyond FAR scales, so that a few outliers
        move nothing by much. Of M distinct errors a share D / (M + D) of the
        correlations is left out, without which those of a few could not be inverted.
        """
        units = []
        for column in errors.T:
            there = ~np.isnan(column)
            values = column[there], None if weight is None else weight[there]
            units.append(
                units_of(*distinct(*values), True) if there.any() else (0.0, 1.0)
            )
        location, scale = np.array(units).T.copy()
        scale = np.maximum(scale, LEAST_SCALE)
        D = errors.shape[1]
        if not correlated or D == 1:
            return cls(location, scale)
        z = (errors - location) / scale
        there = (np.abs(z) <= FAR).all(axis=1)  # nor is any missing
        if not there.any():
            return cls(location, scale)
        z, weight = z[there], None if weight is None else weight[there]
        z -= np.average(z, axis=0, weights=weight)
        correlation = (z if weight is None else z * weight[:, np.newaxis]).T @ z
        spread = np.sqrt(np.diag(correlation))
        spread[spread == 0] = 1.0
        M = len(np.unique(z[:, 0]))
        correlation *= M / (M + D) / np.outer(spread, spread)
        np.fill_diagonal(correlation, 1.0)
        return cls(location, scale, correlation)

    @property
    def state(self):
        """Plain types, of which the class makes the distribution again."""
        return {
            "location": self.location,
            "scale": self.scale,
            "correlation": self.correlation,
        }

    def contributions(self, errors):
        """What each component adds to the distance (N, D), NaN where it is missing."""
        z = (errors - self.location) / self.scale
        there = ~np.isnan(z)
        if there.all():
            return z * self._by_inverse(z, None) / z.shape[1]
        found = np.full(z.shape, np.nan)
        patterns, which = np.unique(there, axis=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            if pattern.any():
                rows = np.ix_(np.flatnonzero(which.ravel() == k), pattern)
                part = z[rows]
                found[rows] = part * self._by_inverse(part, pattern) / part.shape[1]
        return found

    def distances(self, errors):
        """Squared Mahalanobis distances (N,) by component, about 1 for an error like
        those of the fit; NaN where no component is there."""
        return total(self.contributions(errors))

    def distance_of(self, error):
        """The distance of a lone error of one component, which Python has sooner."""
        location, scale = self._line
        z = (error - location) / scale
        return z * z / 1

    @cached_property
    def _line(self):
        return self.location.item(), self.scale.item()

    def _by_inverse(self, z, there):
        """z (N, D) times the inverse of the correlations of these components."""
        if self.correlation is None:
            return z
        inverse = self._inverse(there)
        if len(z) == 1:
            return (z[:, :, np.newaxis] * inverse).cumsum(axis=1)[:, -1]
        # in the same order, whatever stands beside a row
        product = z[:, :1] * inverse[0]
        for column, row in zip(z.T[1:], inverse[1:], strict=True):
            product += column[:, np.newaxis] * row
        return product

    def _inverse(self, there):
        key = None if there is None else there.tobytes()
        inverse = self.inverses.get(key)
        if inverse is None:
            part = self.correlation
            if there is not None:
                part = part[np.ix_(there, there)]
            inverse = self.inverses[key] = np.linalg.inv(part)
        return inverse


def total(parts):
    """Sums (N,) of the parts (N, D) that are there, in their order; NaN of none."""
    if parts.shape[1] == 1:
        return parts[:, 0]
    missing = np.isnan(parts)
    if not missing.any():
        return parts.cumsum(axis=1)[:, -1]
    sums = np.where(missing, 0.0, parts).cumsum(axis=1)[:, -1]
    sums[missing.all(axis=1)] = np.nan
    return sums
