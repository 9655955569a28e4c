"""Conformalised quantile regression, at every step of a horizon of its own.

Y. Romano, E. Patterson and E. Candès, "Conformalized Quantile Regression", NeurIPS
2019: for a pair of levels α/2 and 1 - α/2 the score of a window that was not fitted on
is how far its value lies outside of the interval, in units of the window,

    E_i = max(lo_i - y_i, y_i - hi_i) / scale_i,

and both ends move outwards by the ⌈(n + 1)(1 - α)⌉-th smallest of n scores. If windows
are exchangeable, a new value lies inside with probability at least 1 - α.
"""

import math

import numpy as np


def symmetric_pairs(levels):  # (Q,)
    """Pairs of places of levels that lie as far from 0 as from 1, the widest first."""
    order = np.argsort(levels)
    return [
        (int(i), int(j))
        for i in order
        for j in order
        if levels[i] < 0.5 and abs(levels[i] + levels[j] - 1) < 1e-9
    ]


def conformal_margins(
    forecasts,  # (n, horizon[, K], Q) quantiles of windows that were not fitted on
    y,  # (n, horizon[, K]) what came; NaN where it is missing
    levels,  # (Q,) in any order
    scale=None,  # (n,) or (n, K) unit of each window, positive; None is 1
):
    """How far each quantile has to move, (horizon[, K], Q), in units of a window.

    Levels without a counterpart, the median among them, stay where they are.
    """
    forecasts, y = np.asarray(forecasts, np.float64), np.asarray(y, np.float64)
    if forecasts.ndim < 3 or forecasts.shape != (*y.shape, len(levels)):
        raise ValueError(
            f"y of shape {y.shape} and {len(levels)} levels need forecasts of shape "
            f"{(*y.shape, len(levels))}; got {forecasts.shape}."
        )
    if not np.isfinite(forecasts).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(forecasts))[0]))
        raise ValueError(f"Forecast {list(place)} is {forecasts[place]}.")
    pairs = symmetric_pairs(levels)
    if not pairs:
        raise ValueError(
            f"Of the levels {list(levels)} no two make an interval. Calibration needs "
            "such as lie as far from 0 as from 1: quantile=[0.1, 0.5, 0.9]."
        )
    unit = _as_unit(scale, y)
    margins = np.zeros(forecasts.shape[1:])
    for lo, hi in pairs:
        scores = np.maximum(forecasts[..., lo] - y, y - forecasts[..., hi]) / unit
        found = _conformal_quantile(scores, 1 - (levels[hi] - levels[lo]))
        margins[..., lo], margins[..., hi] = -found, found
    return margins


def conformed(
    forecasts,  # (n, horizon[, K], Q)
    margins,  # (horizon[, K], Q)
    levels,  # (Q,) in any order
    scale=None,  # (n,) or (n, K)
):
    """Forecasts moved by the margins, of their type; no level crosses another.

    Intervals that the margins leave inside out, or a wider inside a narrower one, are
    made to hold both, from the middle outwards, so that none gets smaller by it.
    """
    forecasts, order = np.asarray(forecasts), np.argsort(levels)
    unit = _as_unit(scale, forecasts[..., 0])[..., np.newaxis]
    moved = (forecasts + margins * unit)[..., order]
    ranked = np.asarray(levels)[order]
    # Both parts begin with the median, if it is there.
    n_below, n_lower = (ranked < 0.5 - 1e-9).sum(), (ranked < 0.5 + 1e-9).sum()
    if 0 < n_below == n_lower < len(ranked):
        moved[..., n_below - 1 : n_below + 1].sort(axis=-1)
    lower, upper = moved[..., :n_lower][..., ::-1], moved[..., n_below:]
    np.minimum.accumulate(lower, axis=-1, out=lower)
    np.maximum.accumulate(upper, axis=-1, out=upper)
    return moved[..., np.argsort(order)].astype(forecasts.dtype, copy=False)


def _as_unit(scale, y):
    """The units of windows, so that they go with y (n, horizon[, K])."""
    if scale is None:
        return np.ones((1,) * y.ndim)
    scale = np.asarray(scale, np.float64)
    if scale.shape not in {y.shape[:1], (*y.shape[:1], *y.shape[2:])}:
        raise ValueError(f"scale has shape {scale.shape}, for values of {y.shape}.")
    bad = ~(scale > 0) | np.isinf(scale)
    if bad.any():
        i = int(np.argmax(bad.reshape(len(scale), -1).any(axis=1)))
        raise ValueError(
            f"The scale of window {i} is {scale[i]}; it must be positive and finite."
        )
    scale = scale[:, np.newaxis]
    return scale.reshape(scale.shape + (1,) * (y.ndim - scale.ndim))


def _conformal_quantile(
    scores,  # (n, ...) NaN where there is none
    alpha,  # how many may lie outside
):
    """The ⌈(n + 1)(1 - α)⌉-th smallest of the n scores in each cell."""
    ranked = np.sort(scores, axis=0)  # NaN last
    n = (~np.isnan(scores)).sum(axis=0)
    # Less what rounding puts on top of a whole number.
    rank = np.ceil((n + 1) * (1 - alpha) - 1e-9).astype(np.intp)
    few = rank > n
    if few.any():
        cell = np.unravel_index(np.argmax(few), few.shape)
        needed = math.ceil((1 - alpha) / alpha - 1e-9)
        target = f" of target {int(cell[1])}" if len(cell) > 1 else ""
        raise ValueError(
            f"Step {int(cell[0])} of the horizon has {int(n[cell])} values{target} to "
            f"calibrate by, but an interval of {100 * (1 - alpha):.10g} % needs at "
            f"least {needed}. Calibrate on more series, or take narrower levels."
        )
    return np.take_along_axis(ranked, rank[np.newaxis] - 1, axis=0)[0]
