"""Clips to learn from, and small forecasters of them."""

import warnings

import numpy as np

from sklstm import ConvLSTMForecaster

FIT = {"hidden_channels": (4, 3), "horizon": 2, "max_iter": 3, "random_state": 0}


def moving(n=12, T=8, height=6, width=8, channels=None, seed=0):
    """A bright spot that moves by a pixel, each time in its direction, and noise."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, T, height, width)) / 10
    y, x = rng.integers(height, size=n), rng.integers(width, size=n)
    dy, dx = rng.integers(-1, 2, size=(2, n))
    for t in range(T):
        X[np.arange(n), t, (y + t * dy) % height, (x + t * dx) % width] += 0.8
    if channels is None:
        return X
    scale = 10.0 ** np.arange(channels)
    return X[..., np.newaxis] * scale + scale


def ragged(lengths=(6, 3, 2, 9, 1, 5), **size):
    whole = moving(len(lengths), max(lengths), **size)
    return [x[:T] for x, T in zip(whole, lengths, strict=True)]


def with_gaps(X, share=0.2, seed=1):
    """Pixels that are missing here and there, one of them from the beginning, and a
    whole frame."""
    rng = np.random.default_rng(seed)
    X = np.array(X)
    X[rng.random(X.shape) < share] = np.nan
    X[0, :3, 1, 2] = np.nan
    X[1, 2] = np.nan
    return X


def forecaster(X=None, sample_weight=None, *, X_val=None, **params):
    """A small one that is fitted, without what it says of so few epochs."""
    X = moving() if X is None else X
    model = ConvLSTMForecaster(**{**FIT, **params})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, sample_weight=sample_weight, X_val=X_val)


def persistence(X, horizon=2):
    """The last value of each pixel before the last horizon of clips without gaps."""
    return [np.repeat(x[-horizon - 1 : -horizon], horizon, axis=0) for x in X]
