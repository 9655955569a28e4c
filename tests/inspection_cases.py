"""Fits to look into."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import SequenceArray


def fitted(estimator, X, y, **options):
    """The estimator after a short training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y, **options)


def ragged(rng, n, F, low=3, high=9):
    X = SequenceArray.from_list(
        [rng.standard_normal((T, F)) for T in rng.integers(low, high, size=n)]
    )
    return X, np.arange(n) % 3
