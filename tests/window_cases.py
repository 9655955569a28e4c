"""Windows of series, read by a loop over their steps."""

import numpy as np


def naive_units(context, scaling):
    """Centre, scale, last value and mean size of one target."""
    known = context[~np.isnan(context)]
    if not len(known):
        return 0.0, 1.0, 0.0, 0.0
    last, size = known[-1], np.abs(known).mean()
    centre, scale = {
        None: (0.0, 1.0),
        "mean": (0.0, size),
        "std": (known.mean(), known.std()),
        "last": (last, np.abs(np.diff(known)).sum() / max(len(known) - 1, 1)),
    }[scaling]
    if scaling is not None and not scale > 1e-12 * size:
        scale = size
    return centre, scale if scale > 0 else 1.0, last, size


def naive_season(y, context, lag):
    """The value one season before each step, NaN where there is none."""
    values = np.full(len(y), np.nan)
    for t in range(len(y)):
        before = t - lag
        while before >= context:
            before -= lag
        if before >= 0:
            values[t] = y[before]
    return values


def naive_base(y, context, scaling, lag):
    """What forecasts of one target are differences from, and their scale."""
    centre, scale, last, _ = naive_units(y[:context], scaling)
    base = np.full(len(y) - context, centre)
    if lag is not None:
        base = naive_season(y, context, lag)[context:]
        base[np.isnan(base)] = last
    return base, scale


def naive_inputs(window, horizon, *, targets, known, scaling, lag, centre, spread):
    """What the network reads of one window (T + horizon, F)."""
    context = len(window) - horizon
    parts, seasons, shares = [], [], []
    for k in targets:
        m, s, _, size = naive_units(window[:context, k], scaling)
        if scaling is None:
            m, s, size = centre[k], spread[k], 0.0
        shares.append(np.full(len(window), np.log1p(size / s) / 2))
        y = window[:, k].copy()
        y[context:] = np.nan
        parts.append((y - m) / s)
        if lag is not None:
            seasons.append((naive_season(window[:, k], context, lag) - m) / s)
    columns = [np.nan_to_num(y) for y in parts] + [np.isnan(y) for y in parts]
    columns += [np.nan_to_num(y) for y in seasons] + [np.isnan(y) for y in seasons]
    columns += shares
    columns.append(np.maximum(np.arange(len(window)) - context + 1, 0) / horizon)
    for j in range(window.shape[1]):
        if j % len(centre) in targets:
            continue
        x = window[:, j].copy()
        if j < len(centre):
            x = (x - centre[j]) / spread[j]
        if j % len(centre) not in known:
            x[context:] = 0
        columns.append(np.nan_to_num(x))
    return np.column_stack(columns)
