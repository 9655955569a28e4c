"""Early stopping: what is set aside, and which weights are kept."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, log_loss, r2_score
from task_cases import (
    CLASSIFICATION,
    assert_same_bits,
    every_task,
    make_target,
    ragged,
    small,
)

from sklstm import LSTMClassifier
from sklstm._targets.labels import Labels, Multilabel
from sklstm._targets.numbers import Numbers

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


@every_task
def test_early_stopping_keeps_the_best_weights(task):
    """What is left scores what was best, which was not the last."""
    X, X_val = ragged(), ragged(20, seed=1)
    y, y_val = make_target(task, X), make_target(task, X_val)
    estimator = small(
        task, early_stopping=True, max_iter=40, learning_rate_init=0.1,
        n_iter_no_change=5,
    )  # fmt: skip
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    scores = estimator.validation_scores_
    assert len(scores) == len(estimator.loss_curve_) == estimator.n_iter_
    assert estimator.best_validation_score_ == max(scores)
    assert estimator.best_loss_ is None
    if task != "multilabel":  # whose score is not that of early stopping
        score = estimator.score(X_val, y_val)
        assert score == pytest.approx(max(scores), rel=1e-12)
    if estimator.n_iter_ < 40:
        best = int(np.argmax(scores))
        assert estimator.n_iter_ >= best + 1 + 5
    # The same training without early stopping, cut at the best epoch.
    short = [
        small(task, max_iter=n, learning_rate_init=0.1, tol=0, n_iter_no_change=99)
        for n in np.flatnonzero(scores == np.max(scores)) + 1
    ]
    short = [model.fit(X, y) for model in short]
    if len(short) > 1:  # of equal accuracy: the lowest loss counts
        short.sort(key=lambda model: log_loss(y_val, model.predict_proba(X_val)))
    assert_same_bits(estimator, short[0])


def test_early_stopping_stops_early():
    """Labels without meaning: the score cannot rise for long."""
    X = ragged(60)
    y = np.random.default_rng(0).integers(0, 2, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = LSTMClassifier(
            4, early_stopping=True, random_state=0, n_iter_no_change=3, max_iter=200
        ).fit(X, y)
    assert estimator.n_iter_ < 100
    last = estimator.validation_scores_[-4:]
    assert max(last) < max(estimator.validation_scores_[:-4]) + estimator.tol


@pytest.fixture
def validation_targets(monkeypatch):
    """Targets and weights that validation scores are computed from."""
    seen = []
    for cls in (Labels, Multilabel, Numbers):

        def record(self, y, sample_weight, make=cls.scorer):
            seen.append((np.array(y), sample_weight))
            return make(self, y, sample_weight)

        monkeypatch.setattr(cls, "scorer", record)
    return seen


def test_split_is_stratified(validation_targets):
    X = ragged(100, 1, high=3)
    y = np.repeat(["a", "b", "c"], [70, 20, 10])
    for seed in range(5):
        small("multiclass", early_stopping=True, random_state=seed, max_iter=1).fit(
            X, y
        )
        labels, counts = np.unique(validation_targets[-1][0], return_counts=True)
        assert dict(zip(labels, counts, strict=True)) == {"a": 7, "b": 2, "c": 1}


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "single"])
def test_validation_fraction(task, validation_targets):
    X = ragged(50, 1, high=3)
    y = make_target(task, X)
    weight = np.arange(1.0, 51)
    estimator = small(task, early_stopping=True, validation_fraction=0.3, max_iter=1)
    estimator.fit(X, y, weight)
    y_val, weight_val = validation_targets[-1]
    assert len(y_val) == len(weight_val) == 15
    # Target and weight of the same samples: weights say which they are.
    assert_array_equal(y[weight_val.astype(int) - 1], y_val)
    assert estimator.t_ == 35


def test_validation_part_is_not_trained_on():
    """With X_val all of X is trained on."""
    X = ragged(40)
    y = make_target("single", X)
    inner = small("single", early_stopping=True, validation_fraction=0.25).fit(X, y)
    assert inner.t_ == inner.n_iter_ * 30
    outer = small("single", early_stopping=True).fit(X, y, X_val=X[:5], y_val=y[:5])
    assert outer.t_ == outer.n_iter_ * 40


@every_task
def test_validation_weights(task):
    X, X_val = ragged(), ragged(20, seed=1)
    y, y_val = make_target(task, X), make_target(task, X_val)
    weight = np.arange(20) % 3
    estimator = small(task, early_stopping=True).fit(
        X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight
    )
    if task == "multilabel":
        p = estimator.predict_proba(X_val)
        losses = -np.log(np.where(y_val, p, 1 - p)).mean(axis=1)
        expected, plain = -np.average(losses, weights=weight), -losses.mean()
    else:
        metric = accuracy_score if task in CLASSIFICATION else r2_score
        expected = metric(y_val, estimator.predict(X_val), sample_weight=weight)
        plain = metric(y_val, estimator.predict(X_val))
    assert estimator.best_validation_score_ == pytest.approx(expected)
    there = np.flatnonzero(weight)
    assert plain != pytest.approx(expected)
    # Zero is not there, two is twice.
    index = np.repeat(np.arange(20), weight)
    assert len(there) < len(index)
    other = small(task, early_stopping=True).fit(
        X, y, X_val=[X_val[i] for i in index], y_val=y_val[index]
    )
    assert_allclose(other.validation_scores_, estimator.validation_scores_, rtol=1e-9)


def test_early_stopping_scores_are_of_the_task():
    """Labels of any type; accuracy of the classifier, R² of the regressor."""
    X = ragged(40)
    names = np.array(["no", "yes"])[make_target("binary", X)]
    estimator = small("binary", early_stopping=True).fit(X, names, X_val=X, y_val=names)
    assert max(estimator.validation_scores_) == np.mean(estimator.predict(X) == names)
