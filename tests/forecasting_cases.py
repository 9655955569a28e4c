"""A forecaster that shows what it was given, and series for it."""

import numpy as np
from sklearn.base import BaseEstimator

from sklstm import SequenceArray
from sklstm.sequences import check_sequences


class Looking(BaseEstimator):
    """Its forecasts depend on every number that it is given, to fit and to predict."""

    def __init__(self, horizon=2, *, target=0, future=(), levels=None):
        self.horizon = horizon
        self.target = target
        self.future = future
        self.levels = levels

    def fit(self, X, y=None):
        X = check_sequences(X, allow_nan=True)
        self.fitted_on_ = X
        self.learnt_ = float(np.nansum(X.data * np.arange(1, X.n_features + 1)))
        asked = self.target if isinstance(self.target, list) else [self.target]
        names = X.feature_names
        self.target_columns_ = tuple(
            names.index(j) if isinstance(j, str) else j for j in asked
        )
        self.future_columns_ = tuple(self.future)
        self.levels_ = None if self.levels is None else tuple(self.levels)
        self.calls_ = []
        return self

    def predict(self, X, X_future=None):
        assert (X_future is None) == (not self.future)
        self.calls_.append((X, X_future))
        levels = [0.0] if self.levels_ is None else self.levels_
        shape = len(X), self.horizon, len(self.target_columns_), len(levels)
        found = np.zeros(shape)
        for i, x in enumerate(X.to_list()):
            weight = 1 + np.arange(x.size).reshape(x.shape)
            found[i] = np.nansum(x * weight) + self.learnt_
            if X_future is not None:
                known = X_future[i][: self.horizon]
                found[i] += np.nansum(known, axis=1)[:, np.newaxis, np.newaxis]
        found += np.arange(self.horizon)[:, np.newaxis, np.newaxis]
        found += 100 * np.arange(len(self.target_columns_))[:, np.newaxis]
        found += levels
        if self.levels is None:
            found = found[..., 0]
        return found if isinstance(self.target, list) else found[:, :, 0]


def series(lengths=(9, 6, 12), n_features=2, *, ids=None, times=None, names=None):
    """Series of numbers that are not alike."""
    rng = np.random.default_rng(3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    data = rng.standard_normal((offsets[-1], n_features))
    return SequenceArray(data, offsets, names, ids=ids, times=times)


def with_data(X, data):
    return SequenceArray(data, X.offsets, X.feature_names, ids=X.ids, times=X.times)
