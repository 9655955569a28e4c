"""Forecasts as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._typing import DataFrame, SequencesLike
from ..sequences import check_sequences
from ._forecasters import common_horizon, common_targets, named_forecasters, predict
from ._series import as_times, ids_of, read_series, shown
from ._table import as_table, frames_of, widened
from ._times import next_times


def forecast_table(
    forecaster: Any | Mapping[str, Any],
    X: SequencesLike,
    X_future: SequencesLike | None = None,
    *,
    freq: float | str | np.timedelta64 | None = None,
    library: Literal["pandas", "polars"] = "pandas",
) -> DataFrame:
    """Forecast what comes after the end of each series, as a table.

    Parameters
    ----------
    forecaster : forecaster or dict of str to forecaster
        A fitted :class:`~sklstm.LSTMForecaster` or :class:`SeasonalNaive`, or several
        by the names that their columns shall have. They need one horizon and the same
        targets.

    X : SequenceArray, list of arrays or DataFrames, or array
        The series, of any lengths, with the columns that the forecaster was fitted on.

    X_future : SequenceArray, list of arrays or DataFrames, or array, default=None
        The future features of at least `horizon` rows after the end of each series, as
        ``predict`` takes them. If X and X_future have ids, series are found by them.

    freq : float, str or numpy.timedelta64, default=None
        The distance of two rows, where the times of X do not tell it. A str is one of
        pandas' frequencies, such as "B" or "MS".

    library : {"pandas", "polars"}, default="pandas"
        Whose DataFrame it shall be. It must be installed.

    Returns
    -------
    table : DataFrame
        One row per series and row of the horizon, with the columns ``unique_id``,
        ``target`` where there are several, ``ds`` and the forecasts, as
        :func:`backtest` has them.

    Raises
    ------
    ImportError
        If `library` is not installed.
    TypeError
        If `forecaster` is no forecaster.
    NotFittedError
        If a forecaster is not fitted.
    ValueError
        If horizons or targets differ, an id comes twice or is missing in X_future, or
        times do not tell how they go on.

    See Also
    --------
    backtest : The same table for what has come already.

    Notes
    -----
    ``ds`` are the times of X_future, where it has any. Else those of X go on: numbers
    and dates at their constant distance, dates on one day of the month, or on its last
    day, at their constant distance in months, and others as pandas finds, if it is
    installed: business days. Times with a zone are those of UTC. Without times rows are
    numbered.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import SequenceArray
    >>> from sklstm.forecasting import SeasonalNaive, forecast_table
    >>> X = SequenceArray.from_list([[1.0, 2, 3, 4], [5.0, 6, 7]])
    >>> naive = SeasonalNaive(2, season_length=2, quantile=[0.1, 0.5, 0.9]).fit(X)
    >>> forecast_table(naive, X).round(1)
       unique_id  ds  SeasonalNaive-lo-80  SeasonalNaive  SeasonalNaive-hi-80
    0          0   4                  0.4            3.0                  5.6
    1          0   5                  1.4            4.0                  6.6
    2          1   3                  3.4            6.0                  8.6
    3          1   4                  4.4            7.0                  9.6
    """
    frames = frames_of(library, "forecast_table")
    forecasters = named_forecasters(forecaster)
    for one in forecasters.values():
        check_is_fitted(one)
    horizon = common_horizon(forecasters)
    series = read_series(X)
    targets = common_targets(forecasters, series.sequences, anew=False)
    if X_future is not None:
        X_future = check_sequences(X_future, allow_nan=True)
        X_future = _in_order(X_future, series, horizon)
    if freq is None and X_future is not None and X_future.times is not None:
        ds = _given_times(X_future, series, horizon)
    else:
        ds = next_times(series, horizon, freq)
    forecasts = {
        name: predict(one, series.sequences, X_future, len(targets))
        for name, one in forecasters.items()
    }
    keys = {"unique_id": widened(series.ids, horizon), "ds": ds}
    names = series.target_names(targets)
    return as_table(frames, np.arange(len(ds)), keys, {}, forecasts, names)


def _in_order(X_future, series, horizon):
    """Sequences of the future, one for each series, in their order."""
    if X_future.ids is not None and series.has_ids:
        ids = ids_of(X_future).tolist()
        places = {value: i for i, value in enumerate(ids)}
        if len(places) < len(ids):
            twice = next(v for i, v in enumerate(ids) if places[v] > i)
            raise ValueError(f"X_future has series {twice!r} twice.")
        missing = [value for value in series.ids.tolist() if value not in places]
        if missing:
            raise ValueError(
                f"X_future has no rows of series {missing[0]!r}. It needs at least "
                f"{horizon} of each series of X."
            )
        X_future = X_future[[places[value] for value in series.ids.tolist()]]
    if len(X_future) != len(series.ids):
        raise ValueError(
            f"X_future has {len(X_future)} sequences, and X {len(series.ids)}. Each "
            "series needs its future."
        )
    short = X_future.lengths < horizon
    if short.any():
        i = int(np.argmax(short))
        raise ValueError(
            f"X_future has {X_future.lengths[i]} rows of {series.name(i)}, but the "
            f"horizon is {horizon}."
        )
    return X_future


def _given_times(X_future, series, horizon):
    """The times of the first rows of X_future, which come after those of X."""
    times = as_times(X_future.times)
    ds = times[X_future.offsets[:-1, np.newaxis] + np.arange(horizon)]
    if series.times is not None:
        there = np.flatnonzero(series.sequences.lengths)
        last = series.times[series.sequences.offsets[1:][there] - 1]
        early = np.flatnonzero(~np.asarray(ds[there, 0] > last, dtype=bool))
        if len(early):
            k = int(early[0])
            i = int(there[k])
            raise ValueError(
                f"X_future of {series.name(i)} begins at {shown(ds[i, 0])}, which is "
                f"not after its last time in X, {shown(last[k])}. Pass the rows that "
                "come after X."
            )
    return ds
