"""Forecasters as tables see them: horizon, targets, levels, and columns by their names.

A forecaster is whatever has the face of :class:`sklstm.LSTMForecaster`: `horizon`,
`target`, `fit(X)`, `predict(X, X_future)` and, once fitted, `target_columns_`,
`future_columns_` and `levels_`.
"""

from collections.abc import Mapping
from numbers import Real

import numpy as np

from .._estimators.clips import ReadsClips
from ._series import columns_named

# Columns of tables that no forecaster can be named by.
KEYS = ("unique_id", "target", "ds", "cutoff", "y")


def named_forecasters(forecaster):
    """A dict of forecasters; one alone is named by its class."""
    if not isinstance(forecaster, Mapping):
        forecaster = {type(forecaster).__name__: forecaster}
    if not forecaster:
        raise ValueError("There is no forecaster: the dict is empty.")
    for name, one in forecaster.items():
        if not isinstance(name, str):
            raise TypeError(
                "The keys of a dict of forecasters are names of columns, of type str; "
                f"got {name!r} of type {type(name).__name__}."
            )
        if name in KEYS:
            raise ValueError(
                f"A forecaster cannot be named {name!r}, which is a column of the "
                "table already. Name it otherwise."
            )
        if isinstance(one, type):
            raise TypeError(
                f"{one.__name__} is a class, not an instance of it: {one.__name__}()."
            )
        if not hasattr(one, "predict") or not hasattr(one, "horizon"):
            way_out = ""
            if hasattr(one, "best_estimator_"):
                way_out = " Pass its best_estimator_."
            elif hasattr(one, "steps"):
                way_out = " Transform X first, and pass the last step."
            raise TypeError(
                "Expected a forecaster, with `horizon` and `predict(X, X_future)`, or "
                f"a dict of them; got {type(one).__name__}.{way_out}"
            )
        if isinstance(one, ReadsClips):
            raise TypeError(
                f"{type(one).__name__} forecasts frames, which are no rows of a table. "
                "Cut the clips yourself: of an array, model.predict(X[:, :-h]) is the "
                "forecast of X[:, -h:], where h is the horizon. model.score(X) says "
                "how much better than the last frame it is, and "
                "sklstm.inspection.FrameDisplay draws it."
            )
    return dict(forecaster)


def common_horizon(forecasters):
    """The horizon that all forecasters have."""
    horizons = {name: int(one.horizon) for name, one in forecasters.items()}
    if len(set(horizons.values())) > 1:
        raise ValueError(
            f"Forecasters of one table need one horizon; got {horizons}. Make a table "
            "for each."
        )
    return next(iter(horizons.values()))


def common_targets(forecasters, sequences, *, anew):
    """Columns of the targets, which all forecasters have; `anew` if they are fitted on
    these sequences, and not before."""
    F, targets = sequences.n_features, {}
    for name, one in forecasters.items():
        if anew:
            targets[name] = columns_named(one.target, sequences, f"target of {name}")
            continue
        targets[name] = tuple(map(int, one.target_columns_))
        if max(targets[name]) >= F:
            raise ValueError(
                f"X has {F} features, but {name} forecasts column "
                f"{max(targets[name])}. Pass the columns that it was fitted on."
            )
    first, *others = targets.values()
    if any(columns != first for columns in others):
        raise ValueError(
            f"Forecasters of one table need the same targets; got columns {targets}. "
            "Make a table for each."
        )
    return first


def predict(forecaster, X, X_future, n_targets):
    """Forecasts (n, horizon, K, Q), and the levels or None."""
    known = len(forecaster.future_columns_) > 0
    predicted = np.asarray(forecaster.predict(X, X_future if known else None))
    levels, horizon = forecaster.levels_, int(forecaster.horizon)
    if levels is None and isinstance(getattr(forecaster, "quantile", None), Real):
        levels = (forecaster.quantile,)
    n_levels = 1 if levels is None else len(levels)
    whole = (len(X), horizon, n_targets, n_levels)
    if predicted.shape[:2] != whole[:2] or predicted.size != np.prod(whole):
        raise ValueError(
            f"{type(forecaster).__name__}.predict returned shape {predicted.shape}; "
            f"expected (n, horizon[, n_targets][, n_levels]) of {whole}."
        )
    return predicted.reshape(whole), levels


def column_names(
    name,
    levels,  # (Q,) quantile levels, or None for a point forecast
):
    """Names of the columns of one forecaster, in the order of its levels.

    They are Nixtla's: a pair of levels that lie as far from 0 as from 1 is an interval.
    """
    if levels is None:
        return [name]
    columns = []
    for level in levels:
        paired = any(abs(level + other - 1) < 1e-9 for other in levels)
        if abs(level - 0.5) < 1e-9:
            columns.append(name)
        elif paired:
            side = "lo" if level < 0.5 else "hi"
            columns.append(f"{name}-{side}-{100 * abs(1 - 2 * level):.10g}")
        else:
            columns.append(f"{name}-ql{level:.10g}")
    return columns
