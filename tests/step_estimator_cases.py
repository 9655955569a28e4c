"""Estimators with a target at every step, in small: data and targets of each kind."""

import numpy as np
import pytest

from sklstm import LSTMStepRegressor, LSTMTagger

CELLS = ["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
both = pytest.mark.parametrize("Estimator", [LSTMTagger, LSTMStepRegressor])
every_cell = pytest.mark.parametrize("cell", CELLS)


def sequences(n=30, n_features=2, seed=0, longest=9):
    """Sequences of 0 to `longest` steps."""
    rng = np.random.default_rng(seed)
    lengths = rng.permutation(np.arange(n) % (longest + 1))
    return [rng.standard_normal((T, n_features)) for T in lengths]


def target(Estimator, X):
    """What the steps up to each decide."""
    sums = [np.asarray(x)[:, 0].cumsum() for x in X]
    if Estimator is LSTMTagger:
        return [np.array(["down", "flat", "up"])[np.digitize(s, [-0.5, 0.5])].tolist()
                for s in sums]  # fmt: skip
    return sums


def small(Estimator, **params):
    params = {"max_iter": 3, "batch_size": 7, "random_state": 0, **params}
    return Estimator(params.pop("hidden_layer_sizes", (5, 4)), **params)


def small_fitted(Estimator, X, **params):
    return small(Estimator, **params).fit(X, target(Estimator, X))


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def outputs(estimator, X):
    """Everything that an estimator has to say about X, a list for each sequence."""
    found = {}
    for name in METHODS:
        if hasattr(estimator, name):
            result = getattr(estimator, name)(X)
            assert result.dtype == object and result.shape == (len(X),)
            found[name] = [np.asarray(part) for part in result]
    return found


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name, parts in expected.items():
        for a, b in zip(got[name], parts, strict=True):
            assert a.shape == b.shape and (a == b).all(), name
