"""LSTMForecaster: what comes after the end of series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from .._network.build import window_network
from .._sklearn.turns import turn_to_fit
from .._sklearn.warn import warn
from .._targets.aligning import aligned
from .._targets.conformal import conformal_margins, conformed
from .._targets.horizon import HorizonReader, horizon_of
from .._targets.numbers import make_loss
from .._targets.skill import skill
from .._training.samples import check_sample_weight
from .._training.split import nothing_seen
from .._training.windows import cuts_of
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._check import (
    features_of,
    features_of_valid,
    validate_partition,
    validate_sequences,
)
from ..sequences._rows import blocks_of, is_valid
from ..sequences._stacking import place_of
from .base import RecurrentCore
from .cell_by_name import CellByName
from .checks import hidden_sizes, precision, with_minibatches
from .columns import columns_of, is_one
from .declaration import declared
from .drawn_windows import DrawnWindows
from .fitted import Fitted, fitted_of
from .overflow import warn_if_not_finite
from .parameters import (
    AnyCell,
    Data,
    Network,
    Optimizer,
    Stopping,
    Tokens,
    but,
)
from .series import (
    first_place,
    future_of,
    matrix_of,
    refuse_missing,
    scale_of,
    units_of_features,
    windows_of,
)
from .task_parameters import Forecast, Regression
from .tokens import asked_embedding, check_ids, table_rows

# Numbers whose squares are numbers too.
LARGEST = 1e150


@dataclass(frozen=True, eq=False)
class FittedWindows(Fitted):
    """What a fit on windows has found: their rows are filled before they are cut."""

    # (horizon[, K], Q), how far quantiles are moved, in units of the window.
    margins: np.ndarray | None = None

    @property
    def state(self):
        return {**super().state, "margins": self.margins}

    def with_parameters(self, parameters):
        return replace(self, parameters=parameters, margins=None)

    def read(self, X, seen=None):
        return X


class RecurrentForecaster(DrawnWindows, CellByName, RecurrentCore):
    """Forecasts of many series with one recurrent network.

    The network reads what is known of a series, its context, and then the steps of the
    horizon, at which the target is absent and the features known ahead are there: one
    pass gives the forecasts of all of them. It is trained on contexts that end anywhere
    in the series. It has no memory of the series of the fit: :meth:`predict` forecasts
    what comes after the end of the series that it is given.

    Attributes
    ----------
    n_outputs_ : int
        Outputs of the head at a step of the horizon: with a list of quantiles one for
        each of them and each target.

    target_columns_ : tuple of int
        Columns of X that are forecast.

    future_columns_ : tuple of int
        Columns of X that are known ahead and given as `X_future`.

    static_columns_ : tuple of int
        Columns of X that do not change in a series.

    levels_ : tuple of float or None
        Levels of the quantiles that are forecast, where there is an axis of them.

    loss_ : float
        Mean loss of the last epoch over the steps with a target, in units of the
        standardised target of a window.

    validation_scores_ : list of float or None
        Minus the loss on the last part of each series, which training does not see,
        after each epoch. None without early stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    Notes
    -----
    Features are standardised inside, by the mean and standard deviation of all steps of
    the fit, and targets by the units of each window (see `scale`). So neither needs to
    be scaled before, and nothing has to be scaled back.

    A window begins at least one horizon, or one season and a step, behind the beginning
    of its series, and ends with a whole horizon. A series too short for that is cut in
    its second half, whatever is behind; the steps that its horizon has not have no
    loss.

    With `early_stopping` the last part of each series that is long enough for a window
    before it is held out (`validation_fraction`), and no window that is trained on
    reaches into it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> series = [k + np.sin(np.arange(T) / 2) for k, T in enumerate(range(60, 100))]
    >>> model = LSTMForecaster(16, horizon=5, random_state=0).fit(series)
    >>> model.predict(series).shape
    (40, 5)
    >>> model.score(series) > 0.8
    True

    What is known ahead, and intervals:

    >>> rng = np.random.default_rng(0)
    >>> X = []
    >>> for T in range(60, 100):
    ...     price = rng.uniform(1, 2, T)
    ...     X.append(np.c_[100 / price, price])
    >>> model = LSTMForecaster(
    ...     16, horizon=3, future_features=[1], quantile=[0.1, 0.5, 0.9], random_state=0
    ... ).fit(X)
    >>> low, middle, high = model.predict(X[:1], [[[1.1], [1.5], [1.9]]])[0].T
    >>> bool((np.diff(middle) < 0).all() and (low <= high).all())
    True
    """

    _build = staticmethod(window_network)
    _found = FittedWindows
    _target_of = staticmethod(horizon_of)
    # Choices of networks that read whole sequences.
    bidirectional, tbptt = False, None

    def _reader(self):
        quantile = self.quantile
        parameters = {
            "quantile": 0.5 if quantile is None else quantile,
            "huber_delta": self.huber_delta,
        }
        loss = self.loss if quantile is None else "quantile"
        if loss == "poisson" and (
            self.scale not in ("mean", None) or self.seasonal_lag is not None
        ):
            raise ValueError(
                "loss='poisson' is of numbers that are not negative, but with "
                f"scale={self.scale!r} and seasonal_lag={self.seasonal_lag!r} the "
                "network forecasts differences. Use scale='mean' and "
                "seasonal_lag=None, or another loss."
            )
        return HorizonReader(type(self).__name__, loss, parameters, self._is_single)

    @property
    def _is_single(self):
        """Whether there is one target, and no axis of them."""
        return is_one(self.target)

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: SequencesLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: SequencesLike | None = None,
    ) -> Estimator:
        """Fit the network to windows of the series X.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_series, n_steps, \
                n_features) or (n_series, n_steps)
            The series, of any lengths: their targets and features. Columns of names, as
            those of :meth:`SequenceArray.from_long` and of DataFrames, can be named in
            `target` and `future_features`.

        y : None
            Not used: the targets are columns of X.

        sample_weight : array-like of shape (n_series,), default=None
            Weights of the series. A series of weight zero is not there.

        X_val : as X, default=None
            Series of whose last horizon early stopping takes its score, instead of the
            last part of those of X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X or a weight is not valid, or if no series has two steps
            with a target. The message names the series, the step and the feature; an
            earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            As :meth:`LSTMRegressor.fit`.
        UserWarning
            If a series has nothing to learn from, or if training was interrupted.
        """
        has_own = X_val is None  # whether it is X that early stopping scores on
        self._commit(X, has_own, sample_weight, validation=(X_val, X_val, None))
        return self

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over windows of the given series.

        Units of features come from the first call, as :meth:`LSTMRegressor.partial_fit`
        has those of targets. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_series, n_steps, \
                n_features) or (n_series, n_steps)
            The series, as in :meth:`fit`.

        y : None
            Not used.

        sample_weight : array-like of shape (n_series,), default=None
            Weights of the series; they count as they are.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also with ``early_stopping=True``.
        """
        self._commit(X, False, sample_weight, incremental=True)
        return self

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        """Windows of valid series to train on; y is whether the last ones of these are
        held out for early stopping."""
        (sample_weight,) = aligned(X, sample_weight=sample_weight)
        X = self._check_series(X, reset=reset)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(X), self)
            if not sample_weight.any():
                raise ValueError(
                    "All sample weights are zero: there is nothing to fit."
                )
        if reset:
            asked = self._asked_windows(features_of(self))
            embedding = asked_embedding(self, features_of(self))
            as_they_are = [*(embedding or {}).get("columns", ())]
            if self.scale is not None:
                as_they_are += asked["targets"]
            units = units_of_features(X, sample_weight, as_they_are)
            self._windows = {**asked, **units}
            self.target_columns_ = asked["targets"]
            self.future_columns_ = asked["future"]
            self.static_columns_ = asked["static"]
        else:
            self._check_same_windows()
        windows, given = self._windows, (X, None, sample_weight)
        horizon = windows["horizon"]
        data, begins = matrix_of(X, windows, self.missing)
        series, cuts = cuts_of(X.lengths, horizon, self._least)
        samples = windows_of(data, begins, series, cuts, windows, given)
        samples = samples.at(samples.y.counts > 0)
        learnt_of = np.zeros(len(X), dtype=bool)
        learnt_of[samples.X.series] = True
        if sample_weight is not None:
            samples = samples._replace(weight=sample_weight[samples.X.series])
            learnt_of[sample_weight == 0] = True
        self._say_what_is_unused(X, learnt_of)
        samples = samples.of_some_weight()
        if y and self.early_stopping:
            samples, self._held_out = self._without_last(samples)
        return samples

    @property
    def _least(self):
        """Steps of the shortest context that is trained on, in series of enough."""
        horizon, lag, context = (
            self._windows[name] for name in ("horizon", "lag", "context_length")
        )
        least = max(horizon, 2, (lag or 0) + 1)
        return least if context is None else min(least, context)

    def _say_what_is_unused(self, X, learnt_of):
        unused = np.flatnonzero(~learnt_of)
        if not len(unused):
            return
        i = unused[0]
        first = f"series {i}, of {X.lengths[i]} step(s)"
        why = (
            "A window takes a step before it and a step with a target: a series needs "
            "two steps, of which one in its second half has a number as its target."
        )
        if len(unused) == len(X):
            what = f"none of its {len(X)} series has a window, for example {first}"
            n_steps = features_of(self).fixed_n_steps
            if n_steps is not None:
                what = f"a 2-D X is univariate series, here of {n_steps} feature(s)"
            raise ValueError(f"There is nothing to learn from in X: {what}. {why}")
        warn(
            f"{len(unused)} of the {len(X)} series have nothing to learn from, the "
            f"first is {first}. {why} They are not used in this fit."
        )

    def _check_series(self, X, *, reset=False, fitted=None):
        """Valid series in float64, for a fit or for what a fit has found; features,
        unlike targets, are complete, or `missing` says how to fill them."""
        try:
            X = validate_sequences(
                self, X, reset=reset, dtype=np.float64, allow_nan=True,
                features=None if fitted is None else fitted.features,
            )  # fmt: skip
        except ValueError as error:
            if getattr(X, "ndim", None) != 2 or "is expecting" not in str(error):
                raise
            raise ValueError(
                f"{error} Univariate series of another number of steps than in the fit "
                "go as a 3-D array, X[:, :, np.newaxis], or as a list of arrays."
            ) from error
        if fitted is not None:
            targets = fitted.architecture["windows"]["targets"]
            check_ids(X, fitted.embedding)
            self._check_numbers(X, targets, fitted.features, fitted.missing)
        elif not is_valid(X._data):
            self._check_columns(X, features_of(self))
        return X

    def _check_columns(self, X, features):
        """Say which value of X cannot be learnt from."""
        targets = columns_of(self._target_list, "target", features)
        embedding = asked_embedding(self, features)
        for column in () if embedding is None else embedding["columns"]:
            if column in targets:
                raise ValueError(
                    f"Column {column} is the target and holds ids (embedding_dim). "
                    "Name the columns of ids: categorical_features=[...]."
                )
        check_ids(X, embedding)
        self._check_numbers(X, targets, features, self.missing)
        loss = make_loss(*self._reader().loss)
        for rows in blocks_of(X._data):
            place = partial(_place, first=rows.start, offsets=X._offsets)
            loss.check(X._data[rows, list(targets)], place)

    def _check_numbers(self, X, targets, features, missing):
        absurd = first_place(X._data, list(targets), _is_absurd)
        if absurd is not None:
            row, k = absurd
            i, step = place_of(row, X._offsets)
            raise ValueError(
                f"The target of series {i} is {X._data[row, targets[k]]:g} at step "
                f"{step}: too large to be squared. Scale X."
            )
        if missing == "error":
            others = [j for j in range(X.n_features) if j not in targets]
            refuse_missing(X, others, features, type(self).__name__)

    def _check_partition(self, name, X):
        X = validate_partition(X, name, "ffill", np.float64)
        self._check_columns(X, features_of_valid(X))
        return X

    @property
    def _target_list(self):
        return [self.target] if self._is_single else list(self.target)

    def _asked_windows(self, features):
        """What the parameters say of windows, as `Windows` takes it, but for units."""
        targets = columns_of(self._target_list, "target", features)
        if not targets:
            raise ValueError("target is an empty list. Name a column of X.")
        parts = {}
        for name in ("future_features", "static_features"):
            asked = getattr(self, name)
            parts[name] = columns_of([] if asked is None else asked, name, features)
            for column in parts[name]:
                if column in targets:
                    raise ValueError(
                        f"Column {column} is the target and among {name}: what is "
                        "forecast cannot be known ahead."
                    )
        both = set(parts["future_features"]) & set(parts["static_features"])
        if both:
            raise ValueError(
                f"Column {min(both)} is among future_features and static_features. "
                "Name it in one of them."
            )
        context = self.context_length
        if context == "auto":
            lag, horizon = self.seasonal_lag, self.horizon
            context = max(3 * horizon, 64) if lag is None else max(3 * lag, horizon)
        return {
            "horizon": int(self.horizon),
            "targets": targets,
            "future": parts["future_features"],
            "static": parts["static_features"],
            "scaling": self.scale,
            "lag": None if self.seasonal_lag is None else int(self.seasonal_lag),
            "context_length": None if context is None else int(context),
        }

    def _check_same_windows(self):
        """Say when a fit that goes on would have other windows."""
        before = fitted_of(self).architecture["windows"]
        asked = self._asked_windows(features_of(self))
        changed = [name for name in asked if asked[name] != before[name]]
        if changed:
            was, now = (
                ", ".join(f"{name}={values[name]!r}" for name in changed)
                for values in (before, asked)
            )
            raise ValueError(
                f"Windows cannot change between fits that continue: the fitted network "
                f"has {was}, the parameters say {now}. Set warm_start=False and call "
                "fit to start anew."
            )

    def _asked_architecture(self):
        return {
            "hidden_layer_sizes": hidden_sizes(self),
            "dtype": precision(self),
            "cell": self._cell,
        }

    def _untrained(self, target, samples=None, rows=None):
        features = features_of(self)
        architecture = {**self._asked_architecture(), "windows": self._windows}
        embedding = asked_embedding(self, features)
        if embedding is not None:
            if samples is not None:
                rows = table_rows(self, features, samples.X.given[0])
            architecture["embedding"] = {**embedding, "rows": rows}
        return self._found(self._build, architecture, features, target, self.missing)

    def _without_last(self, samples):
        """Windows to train on, which end where the last part of their series begins,
        and some of that part, of each series that is long enough."""
        before, within, few, both = self._last_parts(samples.X)
        if not both.any():
            needed = int(self.horizon + self._least)
            longest = samples.X.given[0].lengths[samples.X.series].max()
            raise ValueError(
                "early_stopping=True holds the last part of each series out, "
                f"{self.validation_fraction:g} of it and at least a horizon, but no "
                f"series has the {needed} steps before it that it takes to learn; the "
                f"longest has {longest} in all. Pass X_val, or use "
                "early_stopping=False."
            )
        return samples.at(~both | before), samples.at(both & within & few)

    def _set_aside(self, given, validation, target, rng, incremental):
        self._sides = nothing_seen()
        held_out = vars(self).pop("_held_out", None)
        if validation[0] is not None:
            try:
                held_out = self._last_windows(validation[0])
            except ValueError as error:
                raise ValueError(f"In X_val: {error}") from error
        return given, held_out

    def _last_windows(self, X):
        """The last horizon of each series of X that is longer."""
        X = self._check_series(X)
        data, begins = matrix_of(X, self._windows, self.missing)
        series = np.flatnonzero(X.lengths > self.horizon)
        cuts = X.lengths[series] - self.horizon
        samples = windows_of(data, begins, series, cuts, self._windows, (X, None, None))
        samples = samples.at(samples.y.counts > 0)
        if not len(samples.X):
            raise ValueError(
                f"no series has more than {self.horizon} steps, with a target among "
                f"its last {self.horizon}; the longest has {X.lengths.max(initial=0)} "
                "steps."
            )
        return samples

    # ---- forecasts -------------------------------------------------------------

    def predict(
        self, X: SequencesLike, X_future: SequencesLike | None = None
    ) -> np.ndarray:
        """Forecast what comes after the end of each series.

        Nothing is remembered of the series of the fit: X may be these, with more steps
        or fewer, or others.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_series, n_steps, \
                n_features) or (n_series, n_steps)
            The series, up to where the forecast begins, with the columns that they had
            in :meth:`fit`.

        X_future : as X, default=None
            The features known ahead at the `horizon` steps behind the end of each
            series, and perhaps at more: as many series as X, either with the
            `future_features` alone, in their order, or with all columns of X, of which
            the others are not looked at. Where it has names columns go by these, and
            where X too has ids (:attr:`SequenceArray.ids`) series go by theirs.

        Returns
        -------
        y : ndarray of shape (n_series, horizon) or (n_series, horizon, n_targets)
            The forecasts, in the units of X; with a list of targets an axis for them,
            with a list of quantiles a last one for these, in the order of `quantile`.

        Raises
        ------
        ValueError
            If X or X_future is not valid, or if a series has no step with a target. The
            message names the series, the step and the feature.
        """
        fitted = fitted_of(self)
        windows = fitted.architecture["windows"]
        X = self._check_series(X, fitted=fitted)
        future = future_of(X_future, X, fitted)
        data, begins = matrix_of(X, windows, fitted.missing, future)
        everything = np.arange(len(X))
        samples = windows_of(data, begins, everything, X.lengths, windows, None)
        return self._forecast(fitted, samples)

    def _forecast(self, fitted, samples):
        """Forecasts of windows."""
        y = samples.y
        unseen = np.flatnonzero(y.n_known(y.starts, y.cuts) == 0)
        if len(unseen):
            i = samples.X.series[unseen[0]]
            n = (y.cuts - y.starts)[unseen[0]]
            raise ValueError(
                f"There is nothing to forecast series {i} from: none of its last {n} "
                "steps has a target. Leave it out, or use the forecast of another "
                "model."
            )
        with fitted.network() as network:
            raw = network.predict(*samples.X._as_rows()).astype(np.float64)
        warn_if_not_finite(raw, "forecast", offsets=y.offsets)
        forecasts = fitted.target.predict(raw, y)
        if fitted.margins is None:
            return forecasts
        scale = scale_of(fitted, y)
        return conformed(forecasts, fitted.margins, fitted.target.levels, scale)

    def score(
        self,
        X: SequencesLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Forecast skill on the last horizon of each series: 1 - MASE.

        Each series is forecast from what is before its last `horizon` steps. The mean
        absolute scaled error [Hyndman2006]_ divides the mean absolute error of a series
        by that of the naive forecast, which says the last value of the same season
        (without `seasonal_lag` the last value), one season ahead in what the forecast
        is made from. 1 is the best; 0 is as good as the naive forecast one step ahead.
        With quantiles the median is scored, or the level nearest to it.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_series, n_steps, \
                n_features) or (n_series, n_steps)
            The series, with the steps to be forecast.

        y : None
            Not used.

        sample_weight : array-like of shape (n_series,), default=None
            Weights of the series.

        Returns
        -------
        score : float
            One minus the mean of the errors over series and targets. Series without a
            scale, constant or too short, are left out.

        Raises
        ------
        ValueError
            If no series can be scored.

        References
        ----------
        .. [Hyndman2006] R. J. Hyndman and A. B. Koehler, "Another Look at Measures of
           Forecast Accuracy", International Journal of Forecasting 22(4), 2006.
        """
        fitted = fitted_of(self)
        windows = fitted.architecture["windows"]
        (sample_weight,) = aligned(X, sample_weight=sample_weight)
        X = self._check_series(X, fitted=fitted)
        data, begins = matrix_of(X, windows, fitted.missing)
        horizon, lag = windows["horizon"], windows["lag"] or 1
        series = np.flatnonzero(X.lengths > horizon)
        cuts = X.lengths[series] - horizon
        samples = windows_of(data, begins, series, cuts, windows, None)
        whole = samples.y.replace(starts=begins[series])
        scale = whole.naive_errors(lag)
        there = np.isfinite(scale).any(axis=1)
        samples, scale = samples.at(there), scale[there]
        if not len(scale):
            raise ValueError(
                f"No series of X can be scored: it takes more than {horizon + lag} "
                f"steps with a target that is not constant before the last {horizon}; "
                f"the longest has {X.lengths.max(initial=0)} steps."
            )
        forecast = self._forecast(fitted, samples)
        weight = np.ones(len(X))
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(X), self)
        weight, levels = weight[samples.X.series], fitted.target.levels
        score = skill(samples.y.y, forecast, levels, scale, weight)
        if score is None:
            raise ValueError(
                f"No series of X can be scored: none has a target at its last {horizon}"
                " steps."
            )
        return score

    def calibrate(
        self: Estimator,
        X: SequencesLike,
        y: None = None,
        *,
        n_windows: int = 1,
        step: int | None = None,
    ) -> Estimator:
        """Let intervals cover what they should, by series that were not fitted on.

        Split-conformal calibration of quantiles [Romano2019]_, at every step of the
        horizon of its own: each pair of levels that lie as far from 0 as from 1 moves
        outwards or inwards, by so many units of the window (see `scale`) that it would
        have covered its share of the last horizon of the series given. If these are
        exchangeable with the series to come, so will it theirs. Levels without a
        counterpart, such as the median, stay. A fit forgets it.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_series, n_steps, \
                n_features) or (n_series, n_steps)
            Series that the fit has not seen, at least their last steps: n windows make
            intervals of up to ``n / (n + 1)``, so that 80 % needs at least 4, and
            more to be near it.

        y : None
            Not used.

        n_windows : int, default=1
            Windows of each series, the last ones that end with a whole horizon.

        step : int, default=None
            Steps from one of these to the next; None is a horizon.

        Returns
        -------
        self : object
            The calibrated estimator.

        Raises
        ------
        ValueError
            If there are no two levels that make an interval, or too few windows.

        References
        ----------
        .. [Romano2019] Y. Romano, E. Patterson and E. Candès, "Conformalized Quantile
           Regression", NeurIPS 2019.
        """
        with turn_to_fit(self):
            self._calibrate(X, n_windows, step)
        return self

    def _calibrate(self, X, n_windows, step):
        fitted = fitted_of(self)
        windows, levels = fitted.architecture["windows"], fitted.target.levels
        if levels is None:
            raise ValueError(
                f"calibrate is for intervals, but quantile={self.quantile!r}. Fit with "
                "quantile=[0.1, 0.5, 0.9], for example."
            )
        n_windows = check_scalar(n_windows, "n_windows", Integral, min_val=1)
        step = windows["horizon"] if step is None else step
        step = check_scalar(step, "step", Integral, min_val=1)
        X = self._check_series(X, fitted=fitted)
        data, begins = matrix_of(X, windows, fitted.missing)
        series = np.repeat(np.arange(len(X)), n_windows)
        back = np.tile(step * np.arange(n_windows), len(X))
        cuts = X.lengths[series] - windows["horizon"] - back
        there = cuts > 0
        samples = windows_of(data, begins, series[there], cuts[there], windows, None)
        samples = samples.at(samples.y.counts > 0)
        y = samples.y
        truth = y.y[:, :, 0] if fitted.target.single else y.y
        fitted = replace(fitted, margins=None)
        forecasts = self._forecast(fitted, samples)
        scale = scale_of(fitted, y)
        margins = conformal_margins(forecasts, truth, levels, scale)
        self._fitted = replace(fitted, margins=margins)

    @property
    def levels_(self) -> tuple[float, ...] | None:
        """Levels of the quantiles that are forecast, or None."""
        return fitted_of(self).target.levels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True  # in targets
        return tags


def _is_absurd(y):
    return np.abs(y) > LARGEST


def _place(row, first, offsets):
    return "series {}, step {}".format(*place_of(first + row, offsets))


@declared(
    but(Network, "bidirectional", "pooling"), Tokens, AnyCell, Forecast,
    but(Regression, "loss", "quantile"), but(Optimizer, "tbptt"),
    but(Stopping, "max_iter", "early_stopping", "validation_fraction"), Data,
)  # fmt: skip
class LSTMForecaster(RecurrentForecaster):
    """Forecasts of many series with one recurrent network.

    See Also
    --------
    LSTMRegressor : Numbers for a whole sequence.
    LSTMStepRegressor : Numbers for every step of a sequence.
    """
