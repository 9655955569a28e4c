"""The skill of forecasts, by which forecasters are scored."""

import numpy as np


def skill(truth, forecasts, levels, scale, weight):
    """One minus the mean absolute scaled error, None where nothing can be scored.

    `truth` is (n, h, K), NaN where a value is missing; `forecasts` of it are as
    `predict` gives them, of which the level nearest to the median counts. The mean is
    over series and targets by `weight` (n,), without those that have no `scale` (n, K)
    above zero.
    """
    if levels is not None:
        forecasts = forecasts[..., np.argmin(np.abs(np.array(levels) - 0.5))]
    errors = np.abs(truth - forecasts.reshape(truth.shape))
    there = ~np.isnan(errors)
    total = np.where(there, errors, 0).sum(axis=1)
    scale = there.sum(axis=1) * scale
    scored = scale > 0
    if not scored.any():
        return None
    weight = np.broadcast_to(weight[:, np.newaxis], scale.shape)[scored]
    return 1 - float(np.average(total[scored] / scale[scored], weights=weight))
