"""Small fits of every task, and what is learnt in them, of LSTMClassifier and
LSTMRegressor.
"""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from reference import lstm_forward
from training_cases import matrix

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._network.network import Network

DTYPES = ["float32", "float64"]
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def ragged(n=24, n_features=3, seed=0, low=0, high=7):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((T, n_features)) for T in rng.integers(low, high, size=n)
    ]


def sums(X):
    return np.array([x.sum() for x in X])


def make_target(task, X):
    s = sums(X)
    index = np.arange(len(X))
    return {
        "binary": lambda: (s > 0).astype(int),
        "multiclass": lambda: index % 3,
        "multilabel": lambda: np.c_[s > 0, index % 2, index % 3 == 0].astype(int),
        "single": lambda: 1000 * s + 5000,
        "multioutput": lambda: np.c_[s, 1e6 * s - 3, index],
    }[task]()


TASKS = {
    "binary": LSTMClassifier,
    "multiclass": LSTMClassifier,
    "multilabel": LSTMClassifier,
    "single": LSTMRegressor,
    "multioutput": LSTMRegressor,
}
CLASSIFICATION = ["binary", "multiclass", "multilabel"]
REGRESSION = ["single", "multioutput"]
every_task = pytest.mark.parametrize("task", TASKS)


def small(task, hidden=(5,), **params):
    """An estimator for the task that makes few epochs."""
    params = {"max_iter": 3, "random_state": 0, "batch_size": 10, **params}
    params = {"learning_rate": "constant", **params}
    return TASKS[task](hidden, **params)


def fitted(task, X=None, fit_params=None, **params):
    X = ragged() if X is None else X
    return small(task, **params).fit(X, make_target(task, X), **(fit_params or {}))


def raw(estimator, X):
    """What tells most about a fitted estimator."""
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(X)
    return estimator.predict(X)


def learned(estimator):
    return estimator.weights_


def assert_same_bits(a, b):
    """Two fitted estimators have learnt the same, to the bit."""
    weights = learned(b)
    assert learned(a).keys() == weights.keys()
    for name, value in learned(a).items():
        assert_array_equal(value, weights[name], err_msg=name)


def by_hand(estimator, X):
    """Raw outputs (n, K) from weights_ alone."""
    w = estimator.weights_
    outputs = []
    for x in X:
        x = np.asarray(x, dtype=np.float64)
        for k in range((len(w) - 2) // 4):
            matrix = np.vstack(
                [
                    w[f"weight_ih_l{k}"].T,
                    w[f"weight_hh_l{k}"].T,
                    w[f"bias_ih_l{k}"] + w[f"bias_hh_l{k}"],
                ]
            ).astype(np.float64)
            H = matrix.shape[1] // 4
            h = lstm_forward(matrix, x, np.zeros(H), np.zeros(H))[0]
            x = h[1:]
        outputs.append(w["head_weight"] @ h[-1] + w["head_bias"])
    return np.array(outputs)


AT_START = {"learning_rate_init": 1e-300, "dtype": "float64", "max_iter": 1}


def flat(estimator, layout, target_scale=1.0, target_mean=0.0):
    """The parameter vector of a fitted estimator."""
    vector, w = np.empty(layout.size), estimator.weights_
    for k in range((len(w) - 2) // 4):
        matrix(layout, vector, f"l{k}")[:] = np.vstack(
            [
                w[f"weight_ih_l{k}"].T,
                w[f"weight_hh_l{k}"].T,
                w[f"bias_ih_l{k}"] + w[f"bias_hh_l{k}"],
            ]
        )
    scale = np.broadcast_to(target_scale, len(w["head_bias"]))[:, np.newaxis]
    head = matrix(layout, vector, "head")
    head[:-1] = (w["head_weight"] / scale).T
    head[-1] = (w["head_bias"] - target_mean) / scale[:, 0]
    return vector


def stop_at(monkeypatch, exception, call, method="backward"):
    """Raise at the given call of a method of the network."""
    original, count = getattr(Network, method), [0]

    def wrapper(self, *args, **kwargs):
        count[0] += 1
        if count[0] == call:
            raise exception
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, method, wrapper)
    return count


def snapshot(estimator, X):
    return dict(vars(estimator)), pickle.dumps(estimator), raw(estimator, X)


def assert_untouched(estimator, X, before):
    attributes, pickled, outputs = before
    assert vars(estimator).keys() == attributes.keys()
    assert all(vars(estimator)[k] is v for k, v in attributes.items())
    assert pickle.dumps(estimator) == pickled
    assert_array_equal(raw(estimator, X), outputs)
