"""A forecast with its intervals behind what it was made from, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._targets.conformal import symmetric_pairs
from .._typing import ArrayLike, Axes, SequencesLike
from ..forecasting._forecasters import predict
from ..forecasting._series import as_times, read_series
from ..forecasting._times import next_times
from ..sequences import check_sequences
from ._common import last_step, pyplot

# Opacity of the widest and of the narrowest interval.
FAINTEST, STRONGEST = 0.2, 0.45


class ForecastDisplay:
    """A forecast of one series: what was before, the intervals, and what came.

    Made by :meth:`from_estimator` or :meth:`from_predictions`. All parameters are
    stored as attributes.

    Parameters
    ----------
    y_pred : array-like of shape (horizon,) or (horizon, n_quantiles)
        The forecast, or its quantiles.

    quantile : float or list of float, default=None
        The levels of the quantiles. None is a point forecast.

    history : array-like of shape (n_steps,), default=None
        The values before the forecast.

    y_true : array-like of shape (n_known,), default=None
        The values that came, as far as they are known; NaN where one is missing.

    times : array-like of shape (horizon,), default=None
        When each step of the forecast is: dates or numbers. None counts on from the
        history.

    history_times : array-like of shape (n_steps,), default=None
        When each step of the history was. None counts the steps up to -1.

    name : str, default=None
        Name of the series, for the title.

    target_name : str, default=None
        Name of what is forecast, for the axis.

    Attributes
    ----------
    intervals : dict of float to tuple of int
        The share that each interval is to hold, the widest first, with the places of
        its ends in `quantile`.

    figure_ : matplotlib Figure
        The figure.

    ax_ : matplotlib Axes
        The axes.

    line_ : matplotlib Line2D or None
        The point forecast or the median; None where there is neither.

    history_line_ : matplotlib Line2D or None
        The history.

    true_line_ : matplotlib Line2D or None
        The values that came.

    bands_ : dict of float to matplotlib PolyCollection
        The intervals that are drawn, by the share that they are to hold.

    quantile_lines_ : dict of float to matplotlib Line2D
        Quantiles that are neither the median nor an end of an interval, by their level.

    Raises
    ------
    ValueError
        If shapes do not fit together, or a level is not between 0 and 1.

    See Also
    --------
    sklstm.LSTMForecaster : Forecasts many series.
    sklstm.forecasting.forecast_table : Forecasts as a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.forecasting import SeasonalNaive
    >>> from sklstm.inspection import ForecastDisplay
    >>> X = np.random.default_rng(0).standard_normal((3, 40)).cumsum(axis=1)
    >>> naive = SeasonalNaive(8, quantile=[0.1, 0.5, 0.9]).fit(X)
    >>> display = ForecastDisplay.from_estimator(naive, X[:, :-8], y_true=X[:, -8:])
    >>> display.intervals
    {0.8: (0, 2)}
    >>> [line.get_label() for line in display.ax_.lines]
    ['history', 'median', 'actual']
    """

    def __init__(
        self,
        *,
        y_pred: ArrayLike,
        quantile: float | Sequence[float] | None = None,
        history: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
        times: ArrayLike | None = None,
        history_times: ArrayLike | None = None,
        name: str | None = None,
        target_name: str | None = None,
    ) -> None:
        self.y_pred = _numbers(y_pred, "y_pred", ndims=(1, 2))
        self.quantile = _levels(quantile, self.y_pred)
        if quantile is not None:
            self.y_pred = self.y_pred.reshape(-1, len(self.quantile))
        horizon = len(self.y_pred)
        self.history = _vector(history, "history")
        self.y_true = _vector(y_true, "y_true")
        if self.y_true is not None and len(self.y_true) > horizon:
            raise ValueError(
                f"y_true has {len(self.y_true)} values, but y_pred {horizon} steps. "
                "Leave out what comes after the forecast."
            )
        self.times = _times(times, horizon, "times", "y_pred")
        n_steps = 0 if self.history is None else len(self.history)
        self.history_times = _times(history_times, n_steps, "history_times", "history")
        if n_steps and (self.times is None) != (self.history_times is None):
            given, missing = "times", "history_times"
            if self.times is None:
                given, missing = missing, given
            raise ValueError(f"{given} is given, but not {missing}. Pass both.")
        self.name = name
        self.target_name = target_name
        self.intervals = {}
        if self.quantile is not None:
            for i, j in symmetric_pairs(self.quantile):
                share = round(self.quantile[j] - self.quantile[i], 9)
                self.intervals[share] = (i, j)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: SequencesLike,
        X_future: SequencesLike | None = None,
        *,
        y_true: Any = None,
        series: Any = 0,
        target: int | str | None = None,
        n_context: int | None = None,
        levels: Sequence[float] | None = None,
        freq: Any = None,
        ax: Axes | None = None,
        line_kw: dict | None = None,
        fill_kw: dict | None = None,
        history_kw: dict | None = None,
        true_kw: dict | None = None,
    ) -> ForecastDisplay:
        """Forecast one series, and draw it.

        Parameters
        ----------
        estimator : forecaster or Pipeline
            A fitted :class:`~sklstm.LSTMForecaster`, a
            :class:`~sklstm.forecasting.SeasonalNaive`, or a Pipeline that ends in one,
            whose history is drawn as it gets there.

        X : SequenceArray, list of arrays or array
            Series up to where the forecast begins, as `predict` takes them.

        X_future : as X, default=None
            The features known ahead of all series, as `predict` takes them.

        y_true : array-like or sequences, default=None
            What came after the series: the target alone, for this series (n_known,) or
            for all (n_series, n_known); or series with all columns of X, which may be
            X_future. What comes after the horizon is left out.

        series : int or id, default=0
            Which series of X: an integer is its index, anything else its id in X.ids.

        target : int or str, default=None
            Which target, by name or index of its column, where the forecaster has
            several. None is the first one.

        n_context : int, default=None
            How many steps of the series to draw. None is four horizons, and 24 at
            least.

        levels : list of float, default=None
            As in :meth:`plot`.

        freq : number, numpy.timedelta64 or str, default=None
            How times go on, as in :func:`sklstm.forecasting.forecast_table`. None finds
            it out.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        fill_kw : dict, default=None
            As in :meth:`plot`.

        history_kw : dict, default=None
            As in :meth:`plot`.

        true_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : ForecastDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is no forecaster of series.
        ValueError
            If there is no such series, target or level, or if X, X_future or y_true is
            not valid.
        NotFittedError
            If the estimator is not fitted.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        if n_context is not None:
            check_scalar(n_context, "n_context", Integral, min_val=0)
        end = last_step(estimator)
        if not hasattr(end, "horizon"):
            way_out = ""
            if hasattr(end, "best_estimator_"):
                way_out = " Pass its best_estimator_."
            raise TypeError(
                f"{type(end).__name__} is no forecaster, which has a horizon.{way_out} "
                "For other forecasts there is ForecastDisplay.from_predictions."
            )
        check_is_fitted(end)
        if not hasattr(end, "target_columns_"):
            raise TypeError(
                f"{type(end).__name__} forecasts no numbers of series. For forecasts "
                "of frames there is FrameDisplay."
            )
        if end is not estimator and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        X = check_sequences(X, allow_nan=True)
        i = _number_of(series, X)
        one = read_series(X[i : i + 1])
        targets = end.target_columns_
        k = _target_among(target, targets, one.sequences)
        column, horizon = targets[k], int(end.horizon)
        future = _one_of(X_future, i, len(X), "X_future")
        y_pred, quantile = predict(end, one.sequences, future, len(targets))
        y_pred = y_pred[0, :, k]

        past = one.sequences.data
        n = max(4 * horizon, 24) if n_context is None else n_context
        begin = max(len(past) - n, 0)
        if one.times is None or future is None or future.times is None:
            times = next_times(one, horizon, freq)[0]
        else:
            times = as_times(future.times)[:horizon]
        before = np.arange(len(past)) if one.times is None else one.times
        names = one.sequences.feature_names
        display = cls(
            y_pred=y_pred if quantile is not None else y_pred[:, 0],
            quantile=quantile,
            history=past[begin:, column],
            y_true=_what_came(y_true, i, X, column, horizon),
            times=times,
            history_times=before[begin:],
            name=str(one.ids[0]) if one.has_ids else f"series {i}",
            target_name=None if names is None else names[column],
        )
        return display.plot(
            ax,
            levels=levels,
            line_kw=line_kw,
            fill_kw=fill_kw,
            history_kw=history_kw,
            true_kw=true_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        y_pred: ArrayLike,
        *,
        quantile: float | Sequence[float] | None = None,
        history: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
        times: ArrayLike | None = None,
        history_times: ArrayLike | None = None,
        name: str | None = None,
        target_name: str | None = None,
        levels: Sequence[float] | None = None,
        ax: Axes | None = None,
        line_kw: dict | None = None,
        fill_kw: dict | None = None,
        history_kw: dict | None = None,
        true_kw: dict | None = None,
    ) -> ForecastDisplay:
        """Draw a forecast that is there already, be it of another package.

        Parameters
        ----------
        y_pred : array-like of shape (horizon,) or (horizon, n_quantiles)
            As in :class:`ForecastDisplay`.

        quantile : float or list of float, default=None
            As in :class:`ForecastDisplay`.

        history : array-like of shape (n_steps,), default=None
            As in :class:`ForecastDisplay`.

        y_true : array-like of shape (n_known,), default=None
            As in :class:`ForecastDisplay`.

        times : array-like of shape (horizon,), default=None
            As in :class:`ForecastDisplay`.

        history_times : array-like of shape (n_steps,), default=None
            As in :class:`ForecastDisplay`.

        name : str, default=None
            As in :class:`ForecastDisplay`.

        target_name : str, default=None
            As in :class:`ForecastDisplay`.

        levels : list of float, default=None
            As in :meth:`plot`.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        fill_kw : dict, default=None
            As in :meth:`plot`.

        history_kw : dict, default=None
            As in :meth:`plot`.

        true_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : ForecastDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As :class:`ForecastDisplay`, or if there is no interval of one of `levels`.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        display = cls(
            y_pred=y_pred,
            quantile=quantile,
            history=history,
            y_true=y_true,
            times=times,
            history_times=history_times,
            name=name,
            target_name=target_name,
        )
        return display.plot(
            ax,
            levels=levels,
            line_kw=line_kw,
            fill_kw=fill_kw,
            history_kw=history_kw,
            true_kw=true_kw,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        levels: Sequence[float] | None = None,
        line_kw: dict | None = None,
        fill_kw: dict | None = None,
        history_kw: dict | None = None,
        true_kw: dict | None = None,
    ) -> ForecastDisplay:
        """Draw the display with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        levels : list of float, default=None
            Which intervals to draw, by the share that they are to hold: 0.8 is the one
            from the quantile 0.1 to 0.9. None is all, an empty list none.

        line_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for the forecast.

        fill_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.fill_between` for the intervals.

        history_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for the history.

        true_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for what came.

        Returns
        -------
        self : ForecastDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no interval of one of `levels`.
        """
        shown = self._shown(levels)
        plt = pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
        x, before = self._places()
        # One step alone is a dot, and its interval a bar.
        dot = {"marker": "o", "markersize": 4} if len(x) == 1 else {}
        width = 3 if len(x) == 1 else 0

        self.history_line_ = self.true_line_ = self.line_ = None
        if self.history is not None:
            style = {"color": "0.3", "label": "history", **(history_kw or {})}
            (self.history_line_,) = ax.plot(before, self.history, **style)
        self.bands_ = {}
        for rank, share in enumerate(shown):
            low, high = (self.y_pred[:, q] for q in self.intervals[share])
            part = rank / max(len(shown) - 1, 1)
            style = {
                "color": "C0",
                "alpha": FAINTEST + (STRONGEST - FAINTEST) * part,
                "linewidth": width,
                "label": f"{100 * share:.6g} % interval",
                **(fill_kw or {}),
            }
            self.bands_[share] = ax.fill_between(x, low, high, **style)
        self.quantile_lines_ = {}
        for q, label in self._lines():
            middle = label is not None
            style = {"color": "C0", "label": label, **dot, **(line_kw or {})}
            if not middle:
                level = self.quantile[q]
                style |= {"label": f"quantile {level:.6g}", "linestyle": "--"}
            values = self.y_pred if self.y_pred.ndim == 1 else self.y_pred[:, q]
            (line,) = ax.plot(x, values, **style)
            if middle:
                self.line_ = line
            else:
                self.quantile_lines_[level] = line
        if self.y_true is not None:
            style = {"color": "k", "marker": ".", "linestyle": "", "label": "actual"}
            known = x[: len(self.y_true)]
            (self.true_line_,) = ax.plot(
                known, self.y_true, **{**style, **(true_kw or {})}
            )
        if self.times is None or np.asarray(self.times).dtype.kind in "iuf":
            ax.set_xlabel("Step")
        else:
            ax.tick_params(axis="x", rotation=30)
        if self.target_name is not None:
            ax.set_ylabel(self.target_name)
        if self.name is not None:
            ax.set_title(self.name, parse_math=False)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _shown(self, levels):
        """The shares of the intervals to draw, the widest first."""
        if levels is None:
            return list(self.intervals)
        levels = [levels] if np.ndim(levels) == 0 else list(levels)
        shown = []
        for level in levels:
            found = [share for share in self.intervals if abs(share - level) < 1e-9]
            if not found:
                there = ", ".join(map(str, self.intervals)) or "none"
                raise ValueError(
                    f"levels has {level!r}, but the intervals of quantile="
                    f"{self.quantile} hold {there}. An interval of 0.8 is from the "
                    "quantile 0.1 to 0.9."
                )
            shown += found
        return [share for share in self.intervals if share in shown]

    def _lines(self):
        """Places of the quantiles that are lines; a label if it is the forecast."""
        if self.quantile is None:
            return [(0, "forecast")]
        ends = {q for pair in self.intervals.values() for q in pair}
        lines = [q for q in range(len(self.quantile)) if q not in ends]
        is_median = [abs(self.quantile[q] - 0.5) < 1e-9 for q in lines]
        return [
            (q, "median" if median else None)
            for q, median in zip(lines, is_median, strict=True)
        ]

    def _places(self):
        """Where the forecast and the history are on the axis."""
        x, before = self.times, self.history_times
        if x is None:
            x = np.arange(len(self.y_pred))
        if before is None and self.history is not None:
            before = np.arange(-len(self.history), 0)
        return x, before


def _numbers(values, what, ndims):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim not in ndims or not len(values):
        shapes = " or ".join({1: "(n,)", 2: "(n, n_quantiles)"}[n] for n in ndims)
        raise ValueError(
            f"{what} must have shape {shapes} with at least one step, got "
            f"{values.shape}."
        )
    return values


def _vector(values, what):
    """Values as a vector; none at all are None."""
    if values is None or not np.size(values):
        return None
    return _numbers(values, what, ndims=(1,))


def _levels(quantile, y_pred):
    """The levels of quantiles as a list, or None; they go with y_pred."""
    n = 1 if y_pred.ndim == 1 else y_pred.shape[1]
    if quantile is None:
        if y_pred.ndim == 2:
            raise ValueError(
                f"y_pred has {n} columns; say of which quantiles: quantile=[...]."
            )
        return None
    levels = [float(level) for level in np.ravel(quantile)]
    for level in levels:
        if not 0 < level < 1:
            raise ValueError(
                f"quantile has {level:g}, but a level is between 0 and 1. The 80 % "
                "interval is quantile=[0.1, 0.9]."
            )
    if len(levels) != n:
        raise ValueError(f"quantile has {len(levels)} levels for {n} column(s).")
    if len(set(levels)) < n:
        raise ValueError(f"quantile has a level twice: {levels}.")
    return levels


def _times(times, n, what, of):
    """Times as an array, as many as there are steps, or None."""
    if times is None or not n:
        return None
    times = np.asarray(times)
    if times.shape != (n,):
        raise ValueError(
            f"{what} has shape {times.shape}, but {of} {n} steps: pass one for each."
        )
    return times


def _number_of(series, X):
    """The index of a series that is named by it or by its id."""
    if isinstance(series, Integral) and not isinstance(series, (bool, np.bool_)):
        if not -len(X) <= series < len(X):
            raise ValueError(
                f"series={series} is not there: X has {len(X)} series, 0 to "
                f"{len(X) - 1}."
            )
        return int(series) % len(X)
    if X.ids is None:
        raise ValueError(
            f"series={series!r} is no index, and X has no ids. Pass an integer, or X "
            "with ids: SequenceArray.from_long(frame, by=...)."
        )
    ids = X.ids.tolist()
    if series not in ids:
        raise ValueError(
            f"series={series!r} is not among the {len(ids)} ids of X, which begin with "
            f"{ids[0]!r}."
        )
    return ids.index(series)


def _target_among(target, targets, X):
    """The place of a target among those of the forecaster."""
    if target is None:
        return 0
    names = X.feature_names
    columns = list(map(int, targets))
    column = target
    if isinstance(target, str) and names is not None and target in names:
        column = names.index(target)
    if column not in columns:
        there = columns if names is None else [names[j] for j in columns]
        raise ValueError(f"target={target!r} is not among those forecast, {there}.")
    return columns.index(column)


def _one_of(sequences, i, n, what):
    """One of as many sequences as there are series, or None."""
    if sequences is None:
        return None
    sequences = check_sequences(sequences, allow_nan=True)
    if len(sequences) != n:
        raise ValueError(f"{what} has {len(sequences)} series, but X has {n}.")
    return sequences[i : i + 1]


def _what_came(y_true, i, X, column, horizon):
    """The target after the end of series i, at most a horizon of it, or None."""
    if y_true is None:
        return None
    if np.ndim(next(iter(y_true), 0)) == 0:
        return np.asarray(y_true, dtype=np.float64)[:horizon]
    one = _one_of(y_true, i, len(X), "y_true")
    if one.n_features not in (1, X.n_features):
        raise ValueError(
            f"y_true has {one.n_features} features. Pass the target alone, or all "
            f"{X.n_features} columns of X."
        )
    column = column if one.n_features == X.n_features else 0
    return one.data[:horizon, column]
