"""Windows of long series for regressors: sequences, and what comes after them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from sklearn.utils import check_scalar

from .._estimators.columns import is_one
from .._sklearn.warn import warn
from .._typing import DataFrame, SequencesLike
from ..sequences import SequenceArray
from ..sequences._html import windows_as_html
from ._series import columns_named, read_series


class Windows(NamedTuple):
    """What :func:`make_windows` returns.

    Parameters
    ----------
    X : SequenceArray of shape (n_windows, window, n_columns)
        The windows.

    y : ndarray of shape (n_windows, horizon)
        The values of the target in the rows after each window.

    groups : ndarray of shape (n_windows,)
        The id of the series that a window is of.

    cutoffs : ndarray of shape (n_windows,)
        The time of the last row of each window, or its number in the series.

    See Also
    --------
    make_windows : Makes them.

    Examples
    --------
    >>> from sklstm.forecasting import make_windows
    >>> windows = make_windows([[1, 2, 3, 4]], target=0, window=2, horizon=1)
    >>> windows.y
    array([[3.],
           [4.]])
    """

    X: SequenceArray
    y: np.ndarray
    groups: np.ndarray
    cutoffs: np.ndarray

    def _repr_html_(self) -> str:
        return windows_as_html(self)


def make_windows(
    frame: DataFrame | SequencesLike,
    *,
    target: int | str,
    window: int,
    horizon: int,
    known_future: int | str | Sequence[int | str] | None = None,
    step: int = 1,
    by: str | Sequence[str] | None = None,
    sort: str | Sequence[str] | None = None,
) -> Windows:
    """Cut series into windows and the values after them, for a regressor.

    What :class:`~sklstm.LSTMRegressor` needs to forecast `horizon` values at once.
    :class:`~sklstm.LSTMForecaster` takes whole series, and makes no copies.

    Parameters
    ----------
    frame : DataFrame, SequenceArray, list of arrays or DataFrames, or array
        The series: a long table with one row per step, as
        :meth:`~sklstm.SequenceArray.from_long` takes it, or anything else that
        :func:`~sklstm.sequences.check_sequences` accepts.

    target : int or str
        The column to forecast, by index or name. Its past is in the windows too.

    window : int
        Rows of a window.

    horizon : int
        Rows to forecast after it.

    known_future : int, str or list of them, default=None
        Columns that are known ahead, as holidays and prices are. Each is given once
        more, `horizon` rows ahead of its time, as ``"holiday(t+24)"``: the last
        `horizon` rows of a window then say what it will be in the rows to forecast.
        `window` must be at least `horizon` for that.

    step : int, default=1
        Rows from one window of a series to the next. The last one ends `horizon` rows
        before the end of the series.

    by : str or list of str, default=None
        In a table, the columns that name the series a row belongs to. None is one
        series.

    sort : str or list of str, default=None
        In a table, the columns that order the rows of a series, ascending. None keeps
        the order of the rows.

    Returns
    -------
    windows : Windows
        A named tuple of

        X : SequenceArray of shape (n_windows, window, n_columns)
            The windows, series by series in the order of time.
        y : ndarray of shape (n_windows, horizon)
            The values of the target in the rows after each window.
        groups : ndarray of shape (n_windows,)
            The id of the series that a window is of, for
            :class:`sklearn.model_selection.GroupKFold`.
        cutoffs : ndarray of shape (n_windows,)
            The time of the last row of each window, or its number in the series.
            ``cutoffs < when`` parts past from future, less the `horizon` rows whose
            targets reach across.

    Raises
    ------
    TypeError
        If a parameter or `frame` is of a wrong type.
    ValueError
        If a column is missing, a number is out of its range, or no series is long
        enough for a window.

    Warns
    -----
    UserWarning
        If a series is too short for a window.

    See Also
    --------
    backtest : Forecasts of known values by a forecaster.

    Notes
    -----
    Where a target is missing it is NaN in `y`, which a regressor refuses:
    ``numpy.isnan(y).any(axis=1)`` finds such windows. Append the rows to forecast to a
    table, with the columns known ahead and without the target, and the last window of
    each series is the one to predict from.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.forecasting import make_windows
    >>> frame = pd.DataFrame(
    ...     {"shop": ["a"] * 6, "sold": [3, 1, 4, 1, 5, 9], "open": [1, 1, 0, 1, 1, 0]}
    ... )
    >>> X, y, groups, cutoffs = make_windows(
    ...     frame, target="sold", window=3, horizon=2, known_future="open", by="shop"
    ... )
    >>> X.feature_names
    ('sold', 'open', 'open(t+2)')
    >>> X[0]
    array([[3., 1., 0.],
           [1., 1., 1.],
           [4., 0., 1.]])
    >>> y
    array([[1., 5.],
           [5., 9.]])
    >>> groups, cutoffs
    (array(['a', 'a'], dtype=object), array([2, 3]))
    """
    for name, value in (("window", window), ("horizon", horizon), ("step", step)):
        check_scalar(value, name, Integral, min_val=1)
    series = read_series(_sequences(frame, by, sort))
    sequences = series.sequences
    if not is_one(target):
        raise TypeError(
            f"target={target!r}: a window has one target. Make windows for each, or "
            "use LSTMForecaster."
        )
    (column,) = columns_named(target, sequences, "target")
    known = ()
    if known_future is not None:
        known = columns_named(known_future, sequences, "known_future")
    if column in known:
        raise ValueError(
            f"target={target!r} is among known_future={known_future!r}: what is to be "
            "forecast is not known ahead."
        )
    if known and window < horizon:
        raise ValueError(
            f"With known_future the rows of a window, {window}, say what comes "
            f"{horizon} rows later, so that window must be at least horizon={horizon}."
        )
    which, stop = _ends(series, window, horizon, step)
    end = (sequences.offsets[which] + stop)[:, np.newaxis]
    rows = (end + np.arange(-window, 0)).reshape(-1)
    data = [sequences.data[rows], sequences.data[rows + horizon][:, list(known)]]
    names = sequences.feature_names
    if names is not None:
        names = [*names, *(f"{names[j]}(t+{horizon})" for j in known)]
    X = SequenceArray(np.hstack(data), np.arange(len(which) + 1) * window, names)
    y = sequences.data[end + np.arange(horizon), column]
    cutoffs = stop - 1 if series.times is None else series.times[end[:, 0] - 1]
    return Windows(X, y, series.ids[which], cutoffs)


def _sequences(frame, by, sort):
    """Series of a long table, or what are series already."""
    if by is not None:
        return SequenceArray.from_long(frame, by=by, sort=sort)
    table = nw.from_native(frame, pass_through=True)
    if isinstance(table, (nw.DataFrame, nw.LazyFrame)):
        by, names = "series", table.collect_schema().names()
        while by in names:
            by += "_"
        one = table.with_columns(nw.lit(0).alias(by)).to_native()
        return SequenceArray.from_long(one, by=by, sort=sort)
    if sort is not None:
        raise TypeError(
            f"sort={sort!r} is for a table, but frame is {type(frame).__name__}."
        )
    return frame


def _ends(series, window, horizon, step):
    """Number of the series of each window, and of the first row after the window."""
    lengths = series.sequences.lengths
    counts = np.maximum((lengths - window - horizon) // step + 1, 0)
    short = np.flatnonzero(counts == 0)
    if len(short):
        i = int(short[0])
        message = (
            f"{len(short)} of {len(lengths)} series are shorter than a window of "
            f"{window} rows and {horizon} to forecast, {series.name(i)} with "
            f"{lengths[i]} rows the first"
        )
        if len(short) == len(lengths):
            raise ValueError(f"{message}. Use a smaller window or horizon.")
        warn(f"{message}: they have no windows. LSTMForecaster uses them too.")
    which = np.repeat(np.arange(len(lengths)), counts)
    behind = np.cumsum(counts)[which] - 1 - np.arange(len(which))
    return which, lengths[which] - horizon - behind * step
