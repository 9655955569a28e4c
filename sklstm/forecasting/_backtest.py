"""Backtests: forecasts of what is known already, from what was known before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Integral
from time import perf_counter
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._sklearn.callbacks import (
    CallbackSupport,
    fit_within,
    handed_on,
    with_callbacks,
)
from .._sklearn.warn import warn
from .._training.report import in_words
from .._typing import DataFrame, SequencesLike
from ..sequences._stacking import as_offsets
from ._forecasters import common_horizon, common_targets, named_forecasters, predict
from ._series import read_series, windows_of
from ._table import as_table, frames_of, widened

# Numbers of windows that are predicted from in one call.
PIECE = 10_000_000


def backtest(
    forecaster: Any | Mapping[str, Any],
    X: SequencesLike,
    *,
    n_windows: int = 1,
    step: int | None = None,
    refit: bool | int = False,
    library: Literal["pandas", "polars"] = "pandas",
    verbose: bool | int = 0,
) -> DataFrame:
    """Forecast the ends of series from what lies before them, and put both in a table.

    With a horizon of h, the cutoffs of a series of T rows lie behind its rows T - h,
    T - h - step, T - h - 2 step and so on. A forecast is made of the rows before the
    cutoff alone and, where the forecaster has future features, of these features in
    the h rows after it; nothing else of what comes after the cutoff is handed on.

    Parameters
    ----------
    forecaster : forecaster or dict of str to forecaster
        A :class:`~sklstm.LSTMForecaster`, a :class:`SeasonalNaive`, or several by the
        names that their columns shall have; one alone is named by its class. They need
        one horizon and the same targets.

    X : SequenceArray, list of arrays or DataFrames, or array
        The series, of any lengths, with the columns that the forecaster was fitted on.

    n_windows : int, default=1
        The number of cutoffs in each series.

    step : int, default=None
        Rows between two cutoffs. None is the horizon, so that no row is forecast twice.

    refit : bool or int, default=False
        What is asked for the forecasts:

        - False: the fitted forecaster. The backtest is one of unseen rows only if the
          forecaster has not been fitted on them;
        - True: for each window a clone that is fitted on what lies before the cutoffs;
        - an integer k: such a clone for every k-th window, from the earliest one, which
          forecasts the k - 1 windows after it too. With ``refit=n_windows`` one fit
          does for all.

        The forecaster given stays as it is.

    library : {"pandas", "polars"}, default="pandas"
        Whose DataFrame it shall be. It must be installed.

    verbose : bool or int, default=0
        Whether to print a line for each fit and its forecasts, with how long they took
        and how long the rest will take.

    Returns
    -------
    table : DataFrame
        One row per series, cutoff and row of the horizon, with the columns

        - ``unique_id``: the id of the series in ``X.ids``, the parts of a tuple joined
          by "/", or its number;
        - ``target``: the name of the target, or its column; only with several;
        - ``ds``: the time of the row in ``X.times``, or its number in the series;
        - ``cutoff``: the same of the last row before the forecast;
        - ``y``: the value that came;
        - the forecasts: ``LSTMForecaster`` is a point forecast or the median,
          ``LSTMForecaster-lo-80`` and ``LSTMForecaster-hi-80`` are the levels .1 and
          .9, and a level without a counterpart is ``LSTMForecaster-ql0.3``.

    Raises
    ------
    ImportError
        If `library` is not installed.
    TypeError
        If `forecaster` is no forecaster.
    NotFittedError
        If a forecaster is not fitted, and ``refit=False``.
    ValueError
        If a parameter is out of its range, horizons or targets differ, an id comes
        twice, or no series is long enough for a window.

    Warns
    -----
    UserWarning
        If series are too short for all windows. They have those that leave a row with
        a target before the cutoff.

    See Also
    --------
    forecast_table : A table of what has not come yet.
    coverage : The share of values that lie in their intervals.

    Notes
    -----
    Columns are named as in Nixtla's packages: ``utilsforecast.evaluation.evaluate`` of
    the table compares forecasters. Of a table of several targets it takes the rows of
    one, without the column ``target``.

    A :class:`sklearn.callback.ProgressBar` that is set on a forecaster shows the
    windows of the backtest, and in them the epochs of the fits; see the user guide.

    The forecasts of a call are those that ``predict`` makes of one window at a time, to
    the bit. Cutoffs are counted from the end of each series. Where series end at
    different times, a clone has seen rows of one that are later than the cutoff of
    another.

    Examples
    --------
    A network beside the naive forecast, on what neither has seen:

    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.forecasting import SeasonalNaive, backtest
    >>> X = [k + np.sin(np.arange(T) / 2) for k, T in enumerate(range(60, 100))]
    >>> levels = [0.1, 0.5, 0.9]
    >>> models = {
    ...     "LSTM": LSTMForecaster(16, horizon=5, quantile=levels, random_state=0),
    ...     "naive": SeasonalNaive(5, quantile=levels),
    ... }
    >>> table = backtest(models, X, n_windows=4, refit=4)
    >>> list(table.columns)[:7]
    ['unique_id', 'ds', 'cutoff', 'y', 'LSTM-lo-80', 'LSTM', 'LSTM-hi-80']
    >>> errors = table[["LSTM", "naive"]].sub(table["y"], axis=0).abs().mean()
    >>> bool(errors["LSTM"] < 0.2 * errors["naive"])
    True

    Where the cutoffs are:

    >>> X = [np.arange(8.0), np.array([3.0, 1, 3, 1, 3, 1, 3])]
    >>> naive = {"last": SeasonalNaive(2), "season": SeasonalNaive(2, season_length=2)}
    >>> backtest(naive, X, n_windows=2, refit=True)
       unique_id  ds  cutoff    y  last  season
    0          0   4       3  4.0   3.0     2.0
    1          0   5       3  5.0   3.0     3.0
    2          0   6       5  6.0   5.0     4.0
    3          0   7       5  7.0   5.0     5.0
    4          1   3       2  1.0   3.0     1.0
    5          1   4       2  3.0   3.0     3.0
    6          1   5       4  1.0   3.0     1.0
    7          1   6       4  3.0   3.0     3.0
    """
    frames = frames_of(library, "backtest")
    check_scalar(n_windows, "n_windows", Integral, min_val=1)
    if step is not None:
        check_scalar(step, "step", Integral, min_val=1)
    if not isinstance(refit, (bool, np.bool_)):
        check_scalar(refit, "refit", Integral, min_val=1)
    check_scalar(verbose, "verbose", Integral, min_val=0)
    forecasters = named_forecasters(forecaster)
    if not refit:
        for one in forecasters.values():
            check_is_fitted(one)
    horizon = common_horizon(forecasters)
    series = read_series(X)
    targets = common_targets(forecasters, series.sequences, anew=bool(refit))

    which, window, cutoff = _cutoffs(
        series, targets, horizon, n_windows, step or horizon
    )
    run = Backtest(forecasters, n_windows, verbose)
    forecasts = run.forecasts(
        series, which, window, cutoff, len(targets), refit=int(refit)
    )
    steps = cutoff[:, np.newaxis] + np.arange(horizon)
    rows = series.sequences.offsets[which][:, np.newaxis] + steps
    keys = {"unique_id": widened(series.ids[which], horizon)}
    if series.times is None:
        keys["ds"], last = steps, cutoff - 1
    else:
        keys["ds"], last = series.times[rows], series.times[rows[:, 0] - 1]
    keys["cutoff"] = widened(last, horizon)
    y = series.sequences.data[rows[..., np.newaxis], targets]
    names = series.target_names(targets)
    return as_table(frames, which, keys, {"y": y}, forecasts, names)


def _cutoffs(series, targets, horizon, n_windows, step):
    """Number of the series, of the window and of the first row to forecast, of each.

    Windows are numbered from the earliest one. A series comes after the other.
    """
    X = series.sequences
    n, lengths, begin = len(X), X.lengths, X.offsets[:-1]
    which, window = np.divmod(np.arange(n * n_windows), n_windows)
    cutoff = lengths[which] - horizon - (n_windows - 1 - window) * step
    seen = as_offsets(~np.isnan(X.data[:, targets]).all(axis=1))
    past = seen[begin[which] + np.maximum(cutoff, 0)] - seen[begin[which]]
    there = past > 0
    if not there.any():
        i = int(np.argmax(lengths))
        raise ValueError(
            f"No series is long enough for a window: {horizon} rows to forecast and "
            f"one with a target before them are {horizon + 1}, and the longest, "
            f"{series.name(i)}, has {lengths[i]}. Use a shorter horizon, or longer "
            "series."
        )
    n_there = np.bincount(which[there], minlength=n)
    short = np.flatnonzero(n_there < n_windows)
    if len(short):
        needed = horizon + (n_windows - 1) * step + 1
        listed = ", ".join(
            f"{series.name(i)} ({lengths[i]} rows, {n_there[i]} windows)"
            for i in short[:5]
        )
        more = ", ..." if len(short) > 5 else ""
        warn(
            f"{len(short)} of {n} series are shorter than the {needed} rows that "
            f"n_windows={n_windows}, step={step} and horizon={horizon} need, or have "
            "no target before a cutoff, and are used for the windows they have: "
            f"{listed}{more}. Use fewer windows or a smaller step, or "
            f"X[X.lengths >= {needed}] to leave them out."
        )
    return which[there], window[there], cutoff[there]


class Backtest(CallbackSupport):
    """A backtest under way, of which callbacks and lines tell.

    Its callbacks are those that forecasters hand on, its tasks the fits and forecasts.
    """

    def __init__(self, forecasters, n_windows, verbose):
        self.forecasters = forecasters
        self.n_windows = n_windows
        self.verbose = verbose
        self.task = None
        callbacks = handed_on(forecasters.values())
        if callbacks:
            self.set_callbacks(*callbacks)

    @with_callbacks
    def forecasts(self, series, which, window, cutoff, n_targets, *, refit):
        """By name: forecasts of all windows (m, horizon, K, Q), and their levels."""
        groups = window // refit if refit else np.zeros_like(window)
        inside = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        sizes = cutoff * series.sequences.n_features
        plan = [(places, _pieces(places, sizes)) for places in inside]
        self.n_done = 0
        self.n = len(self.forecasters) * sum(len(pieces) for _, pieces in plan)
        self.began = self.last = perf_counter()
        if hasattr(self, "_skl_callbacks"):
            self.task = self._init_callback_context(
                "windows", max_subtasks=self.n, sequential_subtasks=False
            )
            self.task.call_on_fit_task_begin(estimator=self)
        result = {}
        for name, forecaster in self.forecasters.items():
            found = []
            for places, pieces in plan:
                model = None if refit else forecaster
                for part in pieces:
                    with self._told(name, window[part]) as task:
                        if model is None:
                            model = _fitted(
                                forecaster, series, which, window, cutoff, places, task
                            )
                        X, X_future = _split(series, model, which[part], cutoff[part])
                        try:
                            forecast, levels = predict(model, X, X_future, n_targets)
                        except Exception as error:
                            _say_which(error, series, which[part], cutoff[part])
                            raise
                    found.append(forecast)
            order = np.argsort(np.concatenate([np.concatenate(p) for _, p in plan]))
            result[name] = np.concatenate(found)[order], levels
        if self.task is not None:
            self.task.call_on_fit_task_end(estimator=self)
        return result

    @contextmanager
    def _told(self, name, windows):
        """Tell of a part of the backtest; gives the task that it is, or None."""
        task = None
        if self.task is not None:
            task = self.task.subcontext("window", task_id=self.n_done)
            task.call_on_fit_task_begin(estimator=self)
        yield task
        if task is not None:
            task.call_on_fit_task_end(estimator=self)
        self.n_done += 1
        if self.verbose:
            self._print(name, windows.min() + 1, windows.max() + 1)

    def _print(self, name, first, last):
        now = perf_counter()
        took, self.last = now - self.last, now
        left = (now - self.began) / self.n_done * (self.n - self.n_done)
        which = f"window {first}" if first == last else f"windows {first} to {last}"
        line = (
            f"[backtest {self.n_done}/{self.n}] END {name}, {which} of "
            f"{self.n_windows}; total time={in_words(took)}"
        )
        if left:
            line += f" ({in_words(left)} left)"
        print(line, flush=True)


def _fitted(forecaster, series, which, window, cutoff, inside, task):
    """A clone fitted on what lies before the cutoffs of the earliest window of some."""
    first = inside[window[inside] == window[inside].min()]
    stop = cutoff[first]
    X = windows_of(series, which[first], np.zeros_like(stop), stop)
    model = clone(forecaster)
    try:
        with fit_within(task, model):
            return model.fit(X)
    except Exception as error:
        error.add_note(
            f"in backtest, fitting on {len(X)} series of {stop.min()} to {stop.max()} "
            "rows before the cutoff"
        )
        raise


def _say_which(error, series, which, cutoff):
    """Note what an error calls series i: window i of some."""
    named = re.search(r"series (\d+)", str(error))
    if named and int(named[1]) < len(which):
        i = int(named[1])
        error.add_note(
            f"in backtest, where series {i} is {series.name(which[i])} before its row "
            f"{cutoff[i]}"
        )


def _pieces(
    places,  # (m,)
    sizes,  # numbers of the window at each place
):
    """Places in pieces that are not too large."""
    piece = np.cumsum(sizes[places]) // PIECE
    return np.split(places, np.flatnonzero(np.diff(piece)) + 1)


def _split(series, forecaster, which, cutoff):
    """The past of each window, and the rows of its horizon: future features alone."""
    X = windows_of(series, which, np.zeros_like(cutoff), cutoff)
    future = set(map(int, forecaster.future_columns_))
    if not future:
        return X, None
    hidden = set(range(series.sequences.n_features)) - future
    stop = cutoff + int(forecaster.horizon)
    return X, windows_of(series, which, cutoff, stop, sorted(hidden))
