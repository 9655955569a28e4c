"""The seasonal naive forecast, with which every other one is compared."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from .._estimators.columns import is_one
from .._sklearn.private import Documented
from .._targets.skill import skill
from .._typing import ArrayLike, SequencesLike
from ..sequences import check_sequences
from ._series import Series, columns_named, windows_of


class SeasonalNaive(Documented, BaseEstimator):
    """Forecast that the last season comes again; with a season of one, the last value.

    What every forecaster has to beat. It has the face of
    :class:`~sklstm.LSTMForecaster` and can stand beside it in :func:`backtest`.

    Parameters
    ----------
    horizon : int, default=1
        The number of rows to forecast.

    season_length : int, default=1
        Rows of a season: 12 with months, 24 with hours of the day. 1 is persistence.

    target : int, str or list of them, default=0
        The column to forecast, by index or name, or several.

    quantile : float or list of float, default=None
        Levels of quantiles. They are normal around the forecast, with the variance of
        the errors over one season times the number of seasons ahead
        [Hyndman2021]_. None is a point forecast.

    Attributes
    ----------
    target_columns_ : tuple of int
        The columns of the targets.

    future_columns_ : tuple
        Empty: it looks at nothing but the target.

    levels_ : tuple of float or None
        The levels of quantiles, where there is an axis of them.

    error_scale_ : ndarray of shape (n_targets,)
        The root of the mean squared error over one season, in all series of fit.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X has any.

    See Also
    --------
    backtest : Compare it with other forecasters.

    Notes
    -----
    A missing value is stood for by the last one of its place in the season that is
    there, else by the last one of the series; a series shorter than a season repeats
    what it has. A series without a pair of values one season apart has `error_scale_`,
    any other its own.

    References
    ----------
    .. [Hyndman2021] R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and
       Practice", 3rd edition, OTexts, 2021, section 5.5.

    Examples
    --------
    >>> from sklstm.forecasting import SeasonalNaive
    >>> naive = SeasonalNaive(4, season_length=3).fit([[1, 2, 3, 4, 5, 6]])
    >>> naive.predict([[1, 2, 3], [7, 8, 9, 10]])
    array([[ 1.,  2.,  3.,  1.],
           [ 8.,  9., 10.,  8.]])
    """

    def __init__(
        self,
        horizon: int = 1,
        *,
        season_length: int = 1,
        target: int | str | Sequence[int | str] = 0,
        quantile: float | Sequence[float] | None = None,
    ) -> None:
        self.horizon = horizon
        self.season_length = season_length
        self.target = target
        self.quantile = quantile

    def fit(self, X: SequencesLike, y: None = None) -> SeasonalNaive:
        """Measure the errors over one season.

        Parameters
        ----------
        X : SequenceArray, list of arrays or DataFrames, or array
            The series, of any lengths.

        y : None
            Not used; the target is a column of X.

        Returns
        -------
        self : SeasonalNaive
            The fitted forecaster.

        Raises
        ------
        TypeError
            If a parameter is of a wrong type.
        ValueError
            If a parameter is out of its range, or X is not valid.
        """
        check_scalar(self.horizon, "horizon", Integral, min_val=1)
        check_scalar(self.season_length, "season_length", Integral, min_val=1)
        levels = _valid_levels(self.quantile)
        X = check_sequences(X, allow_nan=True)
        targets = columns_named(self.target, X, "target")
        if not targets:
            raise ValueError("target is an empty list. Name a column of X.")
        squares, counts = self._errors(X, targets, 2)
        total = counts.sum(axis=0)
        scale = np.full(len(targets), np.nan)
        np.sqrt(squares.sum(axis=0) / np.maximum(total, 1), out=scale, where=total > 0)
        self.target_columns_, self.future_columns_ = targets, ()
        self.levels_ = None if np.ndim(self.quantile) == 0 else levels
        self.error_scale_ = scale
        self.n_features_in_ = X.n_features
        if X.feature_names is not None:
            self.feature_names_in_ = np.array(X.feature_names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def predict(
        self, X: SequencesLike, X_future: SequencesLike | None = None
    ) -> np.ndarray:
        """Forecast what comes after the end of each series.

        Parameters
        ----------
        X : SequenceArray, list of arrays or DataFrames, or array
            The series, of any lengths, with the columns of fit.

        X_future : None
            Not looked at.

        Returns
        -------
        forecasts : ndarray of shape (n, horizon[, n_targets][, n_levels])
            Without the axes of what is not a list. NaN where a series has no value.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If X is not valid, or has other columns than in fit.
        """
        X = self._checked(X)
        targets = self.target_columns_
        ahead = np.arange(self.horizon)
        season = np.minimum(self.season_length, np.maximum(X.lengths, 1))[:, np.newaxis]
        step = X.lengths[:, np.newaxis] - season + ahead % season
        forecasts = _last_observed(X, targets, step, season)
        levels = _valid_levels(self.quantile)
        if levels is not None:
            squares, counts = self._errors(X, targets, 2)
            own = np.sqrt(squares / np.maximum(counts, 1))
            scale = np.where(counts > 0, own, self.error_scale_)[:, np.newaxis]
            seasons = 1 + ahead // self.season_length
            spread = scale * np.sqrt(seasons)[:, np.newaxis]
            normal = ndtri(np.array(levels))
            forecasts = forecasts[..., np.newaxis] + spread[..., np.newaxis] * normal
            if self.levels_ is None:
                forecasts = forecasts[..., 0]
        if is_one(self.target):
            forecasts = forecasts[:, :, 0]
        return np.ascontiguousarray(forecasts, dtype=X.dtype)

    def score(
        self,
        X: SequencesLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Forecast skill on the last horizon of each series: 1 - MASE.

        The same as :meth:`LSTMForecaster.score <sklstm.LSTMForecaster.score>` with its
        `seasonal_lag` as `season_length`. It is below 0 where the horizon is longer
        than a season, and errors grow with it.

        Parameters
        ----------
        X : SequenceArray, list of arrays or DataFrames, or array
            The series, with the rows to be forecast.

        y : None
            Not used; the target is a column of X.

        sample_weight : array-like of shape (n_series,), default=None
            Weights of the series.

        Returns
        -------
        score : float
            One minus the mean of the scaled errors over series and targets. Series
            without a scale, constant or too short, are left out.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If X is not valid, or no series can be scored.
        """
        X = self._checked(X)
        targets, horizon = list(self.target_columns_), self.horizon
        which = np.flatnonzero(X.lengths > horizon)
        stop = X.lengths[which] - horizon
        past = windows_of(Series(X, X.ids, X.times), which, np.zeros_like(stop), stop)
        rows = (X.offsets[which] + stop)[:, np.newaxis] + np.arange(horizon)
        truth = X.data[rows][..., targets].astype(np.float64)
        # without a series: of the shape that `skill` takes apart
        forecasts, levels = np.zeros(truth.shape), None
        if len(which):
            forecasts, levels = self.predict(past), self.levels_
        weight = np.ones(len(X))
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
            check_consistent_length(X, weight)
        sums, counts = self._errors(past, targets, 1)
        scale = sums / np.maximum(counts, 1)
        score = skill(truth, forecasts, levels, scale, weight[which])
        if score is None:
            raise ValueError(
                f"No series of X can be scored: it takes more than "
                f"{horizon + self.season_length} rows with a target that is not "
                f"constant before the last {horizon}; the longest has "
                f"{X.lengths.max(initial=0)} rows."
            )
        return score

    def _checked(self, X):
        """Valid series with the columns of fit."""
        check_is_fitted(self)
        X = check_sequences(X, allow_nan=True)
        names = tuple(getattr(self, "feature_names_in_", X.feature_names or ()))
        if X.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {X.n_features} features, but {type(self).__name__} is "
                f"expecting {self.n_features_in_} features as input."
            )
        if X.feature_names is not None and names != X.feature_names:
            raise ValueError(
                f"X has the columns {list(X.feature_names)}, but "
                f"{type(self).__name__} was fitted on {list(names)}, in this order."
            )
        return X

    def _errors(self, X, targets, power):
        """Sums of errors over one season to a power, and their number, each (n, K)."""
        n, lag = len(X), self.season_length
        sample = np.repeat(np.arange(n), X.lengths)
        rows = np.flatnonzero(np.arange(len(sample)) - X.offsets[sample] >= lag)
        sums, counts = np.zeros((2, n, len(targets)))
        for k, column in enumerate(targets):
            values = X.data[:, column].astype(np.float64)
            errors = np.abs(values[rows] - values[rows - lag])
            there = ~np.isnan(errors)
            where = sample[rows][there]
            sums[:, k] = np.bincount(where, errors[there] ** power, minlength=n)
            counts[:, k] = np.bincount(where, minlength=n)
        return sums, counts


def _last_observed(
    X,
    targets,  # K columns
    step,  # (n, horizon) the step of each series that is looked at first
    season,  # (n, 1) steps to go back for another one of the same place
):
    """Values at steps (n, horizon, K), in place of missing ones the last before."""
    values = np.full((*step.shape, len(targets)), np.nan)
    start = X.offsets[:-1, np.newaxis]
    for k, column in enumerate(targets):
        data = X.data[:, column].astype(np.float64)
        back = np.where(X.lengths[:, np.newaxis] > 0, step, -1)
        while (looking := (back >= 0) & np.isnan(values[..., k])).any():
            values[..., k][looking] = data[(start + back)[looking]]
            back = back - season
        for i in np.flatnonzero(np.isnan(values[..., k]).any(axis=1)):
            own = data[X.offsets[i] : X.offsets[i + 1]]
            own = own[~np.isnan(own)]
            if len(own):
                values[i, np.isnan(values[i, :, k]), k] = own[-1]
    return values


def _valid_levels(quantile):
    """Levels of quantiles as a tuple of float, or None."""
    if quantile is None:
        return None
    levels = np.atleast_1d(np.asarray(quantile, dtype=np.float64))
    if levels.ndim != 1 or not len(levels) or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(
            "quantile must be a level between 0 and 1 or a list of such, got "
            f"{quantile!r}."
        )
    if len(np.unique(levels)) < len(levels):
        raise ValueError(f"quantile={quantile!r} has a level twice.")
    return tuple(levels.tolist())
