"""LSTMClassifier: labels, probabilities, what it learns."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from task_cases import (
    CLASSIFICATION,
    assert_same_bits,
    fitted,
    make_target,
    ragged,
    small,
    sums,
)

from sklstm import LSTMClassifier
from sklstm._network.network import Network
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- targets ---------------------------------------------------------------------


LABELS = {
    "str": (["no", "yes", "maybe"], "U"),
    "object": (np.array(["no", "yes", "maybe"], dtype=object), "O"),
    "int": ([7, -3, 10**12], "i"),
    "unsigned": (np.array([3, 0, 200], dtype=np.uint8), "u"),
    "float": ([1.0, -1.0, 0.0], "f"),
    "bool": ([True, False], "b"),
}


@pytest.mark.parametrize("labels, kind", LABELS.values(), ids=LABELS)
def test_labels_of_any_type(labels, kind):
    X = ragged()
    labels = np.asarray(labels)
    y = labels[np.arange(len(X)) % len(labels)]
    estimator = small("multiclass").fit(X, y)
    assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.classes_.dtype.kind == kind
    predicted = estimator.predict(X)
    assert predicted.dtype == estimator.classes_.dtype
    assert predicted.shape == y.shape
    # The same network as for labels 0, 1, 2: only the names differ.
    index = np.searchsorted(estimator.classes_, y)
    plain = small("multiclass").fit(X, index)
    assert_same_bits(estimator, plain)
    assert_array_equal(predicted, estimator.classes_[plain.predict(X)])


def test_labels_of_pandas():
    X = ragged()
    y = pd.Series(["no", "yes"] * 12, dtype="category", index=range(100, 124))
    estimator = small("binary").fit(X, y)
    assert set(estimator.predict(X)) <= {"no", "yes"}
    assert_same_bits(estimator, small("binary").fit(X, list(y)))


@pytest.mark.parametrize("type_", [int, bool, float])
def test_multilabel_of_any_type(type_):
    X = ragged()
    y = make_target("multilabel", X)
    estimator = small("multilabel").fit(X, y.astype(type_))
    assert_same_bits(estimator, small("multilabel").fit(X, y))
    predicted = estimator.predict(X)
    assert predicted.shape == y.shape
    assert set(np.unique(predicted)) <= {0, 1}
    assert predicted.dtype.kind == "i"


def test_column_of_labels_warns():
    X = ragged()
    y = make_target("binary", X)
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        estimator = small("binary").fit(X, y[:, np.newaxis])
    assert estimator.predict(X).shape == y.shape
    assert_same_bits(estimator, small("binary").fit(X, y))


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_probabilities(task):
    X = ragged()
    estimator = fitted(task, X, learning_rate_init=0.05, max_iter=10)
    p = estimator.predict_proba(X)
    assert p.shape == (24, {"binary": 2}.get(task, 3))
    assert (p >= 0).all() and (p <= 1).all()
    assert_allclose(np.log(p), estimator.predict_log_proba(X), atol=1e-12)
    if task == "multilabel":
        assert_array_equal(estimator.predict(X), p > 0.5)
    else:
        assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        assert_array_equal(estimator.predict(X), estimator.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_log_probabilities_stay_finite(task, monkeypatch):
    """Where probabilities are zero in float64."""
    estimator, X = fitted(task), ragged()
    scale = 1e4
    predict = Network.predict
    monkeypatch.setattr(
        Network, "predict", lambda *args: np.float64(scale) * predict(*args)
    )
    log_p = estimator.predict_log_proba(X)
    assert np.isfinite(log_p).all() and log_p.min() < -800
    assert np.isfinite(estimator.predict_proba(X)).all()


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_labels_turn_at_one_half(task, monkeypatch):
    """Raw outputs of one sign, however small, decide."""
    estimator = fitted(task)
    K = estimator.n_outputs_
    outputs = np.outer([1e-12, -1e-12, 0.0], np.eye(K)[-1])
    monkeypatch.setattr(Network, "predict", lambda *args: outputs)
    expected = {
        "binary": [1, 0, 0], "multiclass": [2, 0, 0],
        "multilabel": [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
    }[task]  # fmt: skip
    assert_array_equal(estimator.predict(ragged()[:3]), expected)


# ---- it learns -------------------------------------------------------------------


def test_learns_binary():
    X = ragged(150, 2, low=2)
    y = np.where(sums(X) > 0, "up", "down")
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.02, max_iter=30)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.85


def test_learns_multiclass_by_order():
    """Whether the pulse is early, late or missing: nothing that a mean could tell."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = []
    for label in y:
        x = np.zeros((rng.integers(8, 12), 1))
        if label < 2:
            x[rng.integers(0, 3) if label == 0 else -rng.integers(1, 4)] = 1
        X.append(x)
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.03, max_iter=60)
    assert model.fit(X[:90], y[:90]).score(X[90:], y[90:]) > 0.9


def test_learns_multilabel():
    X = ragged(150, 2, low=2)
    y = np.c_[[x[-1, 0] > 0 for x in X], [x[-1, 1] > 0 for x in X]].astype(int)
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.03, max_iter=40)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.75


# ---- real data ---------------------------------------------------------------------


def test_japanese_vowels():
    """The job of the README, with the defaults: 0.95 as the mean of five seeds."""
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    scores = []
    for seed in range(5):
        model = make_pipeline(
            TimeDistributed(StandardScaler()), LSTMClassifier(random_state=seed)
        )
        scores.append(model.fit(X_train, y_train).score(X_test, y_test))
    assert np.mean(scores) >= 0.95
    assert min(scores) > 0.9
