"""A forecaster of sktime around LSTMForecaster. The one module that imports sktime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.base import clone
from sktime.datatypes import update_data
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from .. import LSTMForecaster
from ..sequences import SequenceArray
from ..sequences._stacking import as_offsets
from ._series import columns_named

# Levels whose intervals hold 95, 80 and 50 %.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
MTYPES = ("pd.DataFrame", "pd-multiindex", "pd_multiindex_hier")


class SktimeForecaster(BaseForecaster):
    """An :class:`~sklstm.LSTMForecaster` with the face of sktime's forecasters.

    Panels and hierarchies are the series of one network, which is fitted to all of
    them; several columns of `y` are several targets. The columns of `X` are known
    ahead, unless the forecaster says otherwise. Needs sktime.

    Parameters
    ----------
    forecaster : LSTMForecaster, default=None
        The forecaster, whose copy is fitted. Its `horizon` and `target` come from `fh`
        and `y`; `future_features` and `static_features` are names or indices of columns
        of `X`, and without either all columns are known ahead. None is an
        LSTMForecaster with the quantiles 0.025, 0.1, 0.25, 0.5, 0.75, 0.9 and 0.975.

    Attributes
    ----------
    forecaster_ : LSTMForecaster
        The fitted copy. Its features are the columns of `y` and then those of `X`.

    See Also
    --------
    sklstm.LSTMForecaster : The forecaster itself.

    Notes
    -----
    Forecasts begin after the end of each series that was seen in `fit` and `update`.
    `update` with ``update_params=False`` lengthens the series and costs nothing; with
    ``update_params=True`` the network is fitted anew.

    With quantiles the point forecast is the median. `predict_quantiles` and
    `predict_interval` take levels between the lowest and the highest one of
    `quantile`; in between they are interpolated, linearly in the quantile of a normal
    distribution.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.forecasting import SktimeForecaster
    >>> index = pd.period_range("2020-01", periods=48, freq="M")
    >>> y = pd.Series(np.sin(np.arange(48) / 2), index=index)
    >>> network = LSTMForecaster(16, quantile=[0.1, 0.5, 0.9], random_state=0)
    >>> forecaster = SktimeForecaster(network).fit(y, fh=[1, 2, 3])
    >>> forecaster.predict().shape
    (3,)
    >>> forecaster.predict_interval(coverage=0.8).columns.tolist()
    [(0, 0.8, 'lower'), (0, 0.8, 'upper')]
    """

    __module__ = "sklstm.forecasting"  # the place that pickles name

    _tags = {
        "authors": "sklstm",
        "maintainers": "sklstm",
        "python_dependencies": None,
        "y_inner_mtype": list(MTYPES),
        "X_inner_mtype": list(MTYPES),
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:non_contiguous_X": False,
        "capability:categorical_in_X": False,
        "capability:unequal_length": True,
        "capability:update": True,
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": True,
    }

    # What was seen is kept below; sktime need not keep it too, nor warn that it does.
    _config = {"remember_data": False}
    _y = _X = None

    def __init__(self, forecaster: LSTMForecaster | None = None) -> None:
        self.forecaster = forecaster
        super().__init__()
        if forecaster is not None and forecaster.quantile is None:
            self.set_tags(**{"capability:pred_int": False})

    # ---- what sktime calls -------------------------------------------------------

    def _fit(self, y, X, fh):
        self._y, self._X = y, X  # sktime's names of them
        self._fit_seen()
        return self

    def _update(self, y, X=None, update_params=True):
        self._y = update_data(self._y, y)
        if X is not None:
            self._X = update_data(self._X, X)
        if update_params:
            self._fit_seen()
        return self

    def _predict(self, fh, X):
        forecasts, steps, index = self._forecast(X)
        levels = self.forecaster_.levels_
        if levels is None:
            forecasts = forecasts[..., 0]
        elif len(levels) == 1:
            forecasts = forecasts[..., 0]  # the one that was asked for
        else:
            middle = float(np.clip(0.5, min(levels), max(levels)))
            forecasts = _at_levels(forecasts, levels, [middle])[..., 0]
        rows = [forecasts[i, s] for i, s in enumerate(steps)]
        return pd.DataFrame(np.concatenate(rows), index, self._y.columns)

    def _predict_quantiles(self, fh, X, alpha):
        forecasts, steps, index = self._forecast(X)
        forecasts = _at_levels(forecasts, self.forecaster_.levels_, alpha)
        rows = np.concatenate([forecasts[i, s] for i, s in enumerate(steps)])
        columns = pd.MultiIndex.from_product([self._get_varnames(), alpha])
        return pd.DataFrame(rows.reshape(len(rows), -1), index, columns)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters for the tests of sktime.

        Parameters
        ----------
        parameter_set : str, default="default"
            Ignored: there is one set.

        Returns
        -------
        params : list of dict
            Parameters of small networks.
        """
        small = {
            "hidden_layer_sizes": 2,
            "max_iter": 1,
            "windows_per_epoch": 8,
            "random_state": 0,
        }
        quantile = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
        return [
            {"forecaster": LSTMForecaster(quantile=quantile, **small)},
            {"forecaster": LSTMForecaster(**small)},
        ]

    # ---- from tables of sktime and back ------------------------------------------

    def _fit_seen(self):
        """Fit a copy of the forecaster to all that was seen."""
        forecaster = self.forecaster
        if forecaster is None:
            forecaster = LSTMForecaster(quantile=list(LEVELS))
        keys, series = _series_of(self._y)
        steps, _ = self._steps_after(series)
        horizon = int(max(s.max() for s in steps)) + 1
        sequences = self._sequences(keys, series)
        K = self._y.shape[1]
        known = {}
        for name in ("future_features", "static_features"):
            asked = getattr(forecaster, name)
            known[name] = [] if asked is None else self._columns_of_X(asked, name)
        if forecaster.future_features is None:
            static = set(known["static_features"])
            columns = range(K, sequences.n_features)
            known["future_features"] = [j for j in columns if j not in static]
        forecaster = clone(forecaster).set_params(
            horizon=horizon,
            target=0 if K == 1 else list(range(K)),
            **{name: columns or None for name, columns in known.items()},
        )
        self.forecaster_ = forecaster.fit(sequences)

    def _columns_of_X(self, asked, name):
        """Columns of X that a parameter names, where they are in the sequences."""
        K, X = self._y.shape[1], self._X
        if X is None:
            raise ValueError(f"The forecaster has {name}={asked!r}, but X is None.")
        names = [str(column) for column in X.columns]
        columns = SequenceArray(np.empty((0, len(names))), [0], names)
        return [K + j for j in columns_named(list(asked), columns, name)]

    def _sequences(self, keys, series):
        """The columns of y and X side by side, sequence by sequence."""
        lengths = [len(y) for y in series]
        data = np.concatenate([y.to_numpy(dtype=np.float64) for y in series])
        if self._X is not None:
            known = _rows_of(self._X, keys, [y.index for y in series])
            data = np.concatenate([data, np.concatenate(known)], axis=1)
        return SequenceArray(data, as_offsets(np.array(lengths)))

    def _steps_after(self, series):
        """The steps asked for after the end of each series, from 0; and its cutoff."""
        cutoffs, by_time = [self._cutoff_of(y.index) for y in series], {}
        for cutoff in cutoffs:
            if cutoff[0] in by_time:
                continue
            steps = self.fh.to_relative(cutoff).to_pandas().to_numpy()
            if steps.dtype.kind not in "iu":
                raise NotImplementedError(
                    f"fh={self.fh} is no number of steps. Pass steps or times."
                )
            by_time[cutoff[0]] = steps - 1
        return [by_time[cutoff[0]] for cutoff in cutoffs], cutoffs

    def _cutoff_of(self, index):
        """The last time of a series as index, with a frequency."""
        cutoff = index[-1:]
        if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
            freq = index.freq or getattr(self._cutoff, "freq", None)
            cutoff.freq = pd.infer_freq(index) if freq is None else freq
        return cutoff

    def _forecast(self, X):
        """Forecasts (n, horizon, K, Q), which steps are asked for, and their index."""
        keys, series = _series_of(self._y)
        steps, cutoffs = self._steps_after(series)
        horizon = self.forecaster_.horizon
        too_far = max(int(s.max()) for s in steps) + 1
        if too_far > horizon:
            raise ValueError(
                f"fh asks for {too_far} steps after the end of a series, but the "
                f"forecaster was fitted for {horizon}. Fit it again, or use "
                "update(..., update_params=True)."
            )
        ahead = _times_after(cutoffs, horizon)
        K, future = self._y.shape[1], None
        columns = [j - K for j in self.forecaster_.future_columns_]
        if columns:
            if X is None:
                raise ValueError(
                    "X is None, but its columns are known ahead: pass X of the "
                    f"{horizon} steps after the end of each series."
                )
            future = _rows_of(X.iloc[:, columns], keys, ahead)
        sequences = self._sequences(keys, series)
        forecasts = self.forecaster_.predict(sequences, future)
        forecasts = forecasts.reshape(len(series), horizon, K, -1)
        names = self._y.index.names
        parts = [
            _with_key(key, times[s], names)
            for key, times, s in zip(keys, ahead, steps, strict=True)
        ]
        index = parts[0].append(parts[1:]) if len(parts) > 1 else parts[0]
        return forecasts, steps, index


def _times_after(cutoffs, horizon):
    """The times of all steps after each cutoff."""
    steps = ForecastingHorizon(np.arange(1, horizon + 1), is_relative=True)
    by_time = {cutoff[0]: cutoff for cutoff in cutoffs}
    found = {time: steps.to_absolute_index(cutoff) for time, cutoff in by_time.items()}
    return [found[cutoff[0]] for cutoff in cutoffs]


def _series_of(table):
    """Keys of instances, () of a series alone, and their tables, indexed by time."""
    if not isinstance(table.index, pd.MultiIndex):
        return [()], [table]
    levels = list(range(table.index.nlevels - 1))
    keys, series = [], []
    for key, rows in table.groupby(level=levels, sort=False):
        keys.append(key if isinstance(key, tuple) else (key,))
        series.append(rows.droplevel(levels))
    return keys, series


def _rows_of(X, keys, indices):
    """The rows of X at the times of each series."""
    by_key = dict(zip(*_series_of(X), strict=True))
    found = []
    for key, index in zip(keys, indices, strict=True):
        of = f" of series {key if len(key) > 1 else key[0]!r}" if key else ""
        if key not in by_key:
            raise ValueError(f"X has no rows{of}.")
        rows = by_key[key]
        place = rows.index.get_indexer(index)
        if (place < 0).any():
            time = index[int(np.argmax(place < 0))]
            raise ValueError(
                f"X has no row{of} at {time}. Pass X at each of the {len(index)} times "
                f"from {index[0]} to {index[-1]}."
            )
        found.append(rows.to_numpy(dtype=np.float64)[place])
    return found


def _with_key(key, times, names):
    """Times as index, behind the levels of the key."""
    if not key:
        return times.rename(names[0])
    levels = [[value] * len(times) for value in key]
    return pd.MultiIndex.from_arrays([*levels, times], names=names)


def _at_levels(
    forecasts,  # (..., Q) of rising levels or not
    levels,  # (Q,)
    alpha,
):
    """Quantiles of other levels, linear in the quantile of a normal distribution."""
    order = np.argsort(levels)
    z, forecasts = ndtri(np.asarray(levels)[order]), forecasts[..., order]
    found = []
    for level in alpha:
        if not min(levels) - 1e-9 <= level <= max(levels) + 1e-9:
            raise ValueError(
                f"The quantile {level:g} lies beyond those that the forecaster was "
                f"fitted for, {sorted(levels)}. Use LSTMForecaster(quantile=[...]) "
                "with levels on both sides of it."
            )
        exact = np.flatnonzero(np.abs(np.asarray(levels)[order] - level) < 1e-9)
        if len(exact):
            found.append(forecasts[..., exact[0]])
            continue
        k = int(np.searchsorted(z, ndtri(level))) - 1
        part = (ndtri(level) - z[k]) / (z[k + 1] - z[k])
        found.append((1 - part) * forecasts[..., k] + part * forecasts[..., k + 1])
    return np.stack(found, axis=-1)
