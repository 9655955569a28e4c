"""What a forecaster has to beat: seasonal naive, a linear model and trees on lags.

All of them see what the network sees: the target and the features of the past up to the
cut, and what is known ahead.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

#: Rows that a model on lags is fitted on, at the most.
N_ROWS = 100_000


class SeasonalNaive:
    """The last value of the same season."""

    def __init__(self, horizon, season, known, seed):
        self.horizon, self.season = horizon, season

    def fit(self, series):
        return self

    def predict(self, windows, future):
        return np.array([seasonal_naive(x, self.season, self.horizon) for x in windows])


def seasonal_naive(x, season, horizon):
    """For a season in which nothing is known, the last value."""
    y = x if x.ndim == 1 else x[:, 0]
    y = filled(y)
    return np.resize(y[-season:] if len(y) >= season else y[-1:], horizon)


def filled(y):
    """Missing values as the last one before them, or the first behind them."""
    there = np.flatnonzero(~np.isnan(y))
    last = np.searchsorted(there, np.arange(len(y)), side="right") - 1
    return y[there[np.maximum(last, 0)]]


class OnLags:
    """Rows of lags, of what is known ahead, and of the other features' last values.

    The target is in the units of its window: divided by its mean absolute value, and
    less the seasonal naive forecast.
    """

    def __init__(self, horizon, season, known, seed):
        self.horizon, self.season, self.known = horizon, season, list(known)
        self.seed = seed

    def fit(self, series):
        rng = np.random.default_rng(self.seed)
        lags, h = 2 * self.season, self.horizon
        cuts = [
            np.arange(min(lags, max(len(x) - h, 1)), len(x) - h + 1) for x in series
        ]
        share = min(1, self.n_windows / max(1, sum(map(len, cuts))))
        rows, targets = [], []
        for x, those in zip(series, cuts, strict=True):
            y = x if x.ndim == 1 else x[:, 0]
            for cut in those[rng.random(len(those)) < share]:
                row, base, scale = self._row(x[:cut], self._ahead(x, cut))
                rows.append(row)
                targets.append((y[cut : cut + h] - base) / scale)
        self._fit(np.array(rows), np.array(targets))
        return self

    def predict(self, windows, future):
        future = future or [None] * len(windows)
        made = [self._row(x, f) for x, f in zip(windows, future, strict=True)]
        rows, bases, scales = map(np.array, zip(*made, strict=True))
        return bases + scales[:, np.newaxis] * self._predict(rows)

    def _ahead(self, x, cut):
        return None if x.ndim == 1 else x[cut : cut + self.horizon, self.known]

    def _row(self, x, ahead):
        """Features of a window (lags, others, known ahead), its base and its scale."""
        y, others = (x, []) if x.ndim == 1 else (x[:, 0], x[-1, 1:])
        base = seasonal_naive(x, self.season, self.horizon)
        y = filled(y)[-2 * self.season :]
        scale = np.abs(y).mean() or 1.0
        y = np.pad(y, (2 * self.season - len(y), 0), mode="edge")
        parts = [y / scale, others]
        if ahead is not None:
            parts.append(ahead.ravel())
        return np.concatenate(parts), base, scale


class Linear(OnLags):
    """Ridge regression: one for each step of the horizon, on all that is known."""

    n_windows = 20_000

    def _fit(self, rows, targets):
        there = ~np.isnan(targets).any(axis=1)
        ridge = RidgeCV(np.logspace(-1, 5, 13))
        self.model = make_pipeline(StandardScaler(), ridge)
        self.model.fit(rows[there], targets[there])

    def _predict(self, rows):
        return self.model.predict(rows)


class Trees(OnLags):
    """HistGradientBoostingRegressor: one for all steps of the horizon, which is told
    the step, its lag and what is known of it."""

    @property
    def n_windows(self):
        return N_ROWS // self.horizon

    def _fit(self, rows, targets):
        self.model = HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=300, learning_rate=0.05,
            early_stopping=False, random_state=self.seed,
        )  # fmt: skip
        X, y = self._by_step(rows), targets.ravel()
        self.model.fit(X[~np.isnan(y)], y[~np.isnan(y)])

    def _predict(self, rows):
        return self.model.predict(self._by_step(rows)).reshape(len(rows), self.horizon)

    def _by_step(self, rows):
        """Rows (n h, F): of a window, then the step, its lag and its known features."""
        n, h, season = len(rows), self.horizon, self.season
        n_known = h * len(self.known)
        window = rows[:, : rows.shape[1] - n_known]
        ahead = rows[:, rows.shape[1] - n_known :].reshape(n * h, len(self.known))
        step = np.tile(np.arange(h), n)
        lag = window[:, season : 2 * season][:, np.arange(h) % season].ravel()
        return np.column_stack([np.repeat(window, h, axis=0), step, lag, ahead])


BASELINES = {
    "seasonal naive": SeasonalNaive,
    "linear on lags": Linear,
    "trees on lags": Trees,
}
