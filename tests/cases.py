"""What every estimator shares, in small: sequences in every form, targets, outputs.

A new estimator is one entry in ALL. What only the task decides, or a tool that sees no
more of an estimator than its methods, is tested with two classifiers and two regressors
from the three families.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm.sequences import SequenceArray

CLASSIFIERS = [LSTMClassifier, RNNClassifier]
REGRESSORS = [LSTMRegressor, GRURegressor]
ESTIMATORS = CLASSIFIERS + REGRESSORS
ALL = [*ESTIMATORS, GRUClassifier, RNNRegressor]

all_estimators = pytest.mark.parametrize("Estimator", ALL)
every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
every_classifier = pytest.mark.parametrize("Classifier", CLASSIFIERS)
every_regressor = pytest.mark.parametrize("Regressor", REGRESSORS)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def small(Estimator, **params):
    params = {"max_iter": 2, "batch_size": 7, "random_state": 0, **params}
    return Estimator(params.pop("hidden_layer_sizes", (5, 4)), **params)


def make_target(Estimator, X, n_classes=3):
    if is_classifier(Estimator()):
        return np.arange(len(X)) % n_classes
    return np.array([100 * np.nansum(x) for x in X])


def small_fitted(Estimator, X, **params):
    return small(Estimator, **params).fit(X, make_target(Estimator, X))


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def outputs(estimator, X):
    """Everything that an estimator has to say about X."""
    return {
        method: getattr(estimator, method)(X)
        for method in METHODS
        if hasattr(estimator, method)
    }


def assert_same_outputs(a, b):
    assert a.keys() == b.keys()
    for method, value in a.items():
        assert value.dtype == b[method].dtype
        assert_array_equal(value, b[method], err_msg=method)


def assert_same_bits(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, value in a.weights_.items():
        assert_array_equal(value, b.weights_[name], err_msg=name)
    assert a.loss_curve_ == b.loss_curve_


def equal_length(n=20, n_steps=6, n_features=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_steps, n_features))


def ragged(n=20, n_features=3, seed=0, high=8):
    """Sequences of 0 to 7 steps, some of no steps and one of all."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, high, size=n)
    lengths[[3, 4]] = 0, high - 1
    return [rng.standard_normal((T, n_features)) for T in lengths]


def padded(sequences, n_steps=None):
    return SequenceArray.from_list(sequences).to_padded(n_steps=n_steps)


def with_object_items(sequences):
    result = np.empty(len(sequences), dtype=object)
    result[:] = sequences
    return result


RAGGED_FORMS = {
    "SequenceArray": SequenceArray.from_list,
    "list": list,
    "tuple": tuple,
    "object array": with_object_items,
    "list of DataFrames": lambda S: [pd.DataFrame(s) for s in S],
    "padded": padded,
    "padded more": lambda S: padded(S, 11),
}
EQUAL_FORMS = {
    **RAGGED_FORMS,
    "3-D": np.stack,
    "Fortran 3-D": lambda S: np.asfortranarray(np.stack(S)),
    "strided 3-D": lambda S: np.repeat(np.stack(S), 2, axis=1)[:, ::2],
}
UNIVARIATE_FORMS = {
    **EQUAL_FORMS,
    "2-D": lambda S: np.stack(S)[:, :, 0],
    "DataFrame": lambda S: pd.DataFrame(np.stack(S)[:, :, 0]),
    "lists of numbers": lambda S: np.stack(S)[:, :, 0].tolist(),
    "vectors": lambda S: [s[:, 0] for s in S],
}
