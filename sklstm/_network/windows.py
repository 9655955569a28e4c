"""Windows of series: a context, of which the units are taken, and steps to forecast.

Everything here is of one window alone, and of its context alone.
"""

from typing import NamedTuple

import numpy as np

# A scale below this part of the values is their rounding.
NEGLIGIBLE = 1e-12


class Units(NamedTuple):
    """Of each window and target (B, K): z = (y - centre) / scale, the last y, and the
    mean of |y|."""

    centre: np.ndarray
    scale: np.ndarray
    last: np.ndarray
    size: np.ndarray


def units_of(y, window, n_windows, scaling):
    """The units of windows whose contexts are y (N, K), NaN where there is none.

    `window` (N,) says whose a step is; those of one window come in their order, so that
    sums are one chain, whatever stands between. A target that is missing at all steps
    has the units of y.
    """
    parts = [_units(column, window, n_windows, scaling) for column in y.T]
    return Units(*(np.column_stack(part) for part in zip(*parts, strict=True)))


def _units(y, window, n, scaling):
    there = np.flatnonzero(~np.isnan(y))
    if len(there) < len(y):
        y, window = y[there], window[there]
    count = np.maximum(np.bincount(window, minlength=n), 1)

    def mean(values):
        return np.bincount(window, weights=values, minlength=n) / count

    last = np.zeros(n)
    last[window] = y  # the last of each stays
    centre, scale, size = np.zeros(n), np.ones(n), mean(np.abs(y))
    if scaling is None:
        return centre, scale, last, size
    if scaling == "mean":
        scale = size
    elif scaling == "std":
        centre = mean(y)
        scale = np.sqrt(mean((y - centre[window]) ** 2))
    elif scaling == "last":
        centre = last
        order = np.argsort(window, kind="stable")
        y, window = y[order], window[order]
        same = window[1:] == window[:-1]
        steps, window = np.abs(np.diff(y))[same], window[1:][same]
        count = np.maximum(count - 1, 1)
        scale = mean(steps)
    scale = np.where(scale > NEGLIGIBLE * size, scale, size)
    return centre, np.where(scale > 0, scale, 1.0), last, size


def season_before(data, columns, rows, time, context, lag):
    """Values (N, K) of the columns at the same season before each step, NaN where the
    window does not reach back so far.

    In the context that is `lag` steps before, behind it the last season that the
    context has; `time` and `context` (N,) are the number of a step in its window and
    the steps of its context.
    """
    shift = lag * (np.maximum(time - context, 0) // lag + 1)
    there = time >= shift
    values = np.full((len(rows), len(columns)), np.nan)
    values[there] = data[(rows - shift)[there, np.newaxis], columns]
    return values
