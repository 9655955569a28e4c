"""Weights of samples and classes: they are repetition, and a share."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from task_cases import (
    AT_START,
    assert_same_bits,
    dtypes,
    every_task,
    make_target,
    ragged,
    raw,
    small,
)

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


@every_task
@dtypes
@pytest.mark.parametrize("batch_size", [4, 100])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_zero_weight_is_not_there(task, dtype, batch_size, early_stopping):
    X = ragged()
    y = make_target(task, X)
    there = np.arange(24) % 4 != 1
    params = {
        "dtype": dtype, "batch_size": batch_size, "early_stopping": early_stopping,
        "validation_fraction": 0.4,
    }  # fmt: skip
    weighted = small(task, **params).fit(X, y, there.astype(float))
    X_there = [x for x, keep in zip(X, there, strict=True) if keep]
    alone = small(task, **params).fit(X_there, y[there])
    assert weighted.t_ == alone.t_
    if early_stopping:
        assert weighted.validation_scores_ == alone.validation_scores_
    assert_same_bits(weighted, alone)


@every_task
@dtypes
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_integer_weights_are_repetition(task, dtype, shuffle, solver):
    """To the bit in a full batch, wherever the copies stand."""
    X = ragged()
    y = make_target(task, X)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, 24)
    index = rng.permutation(np.repeat(np.arange(24), weight))
    params = {"dtype": dtype, "batch_size": 1000, "shuffle": shuffle, "alpha": 0.1}
    weighted = small(task, solver=solver, **params).fit(X, y, weight)
    repeated = small(task, solver=solver, **params).fit([X[i] for i in index], y[index])
    assert_same_bits(weighted, repeated)
    assert_array_equal(raw(weighted, X), raw(repeated, X))
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-6)


@every_task
@dtypes
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_loss_of_integer_weights_is_that_of_repetition(task, dtype, alpha):
    """To the bit as well, and a list of float as documented."""
    X = ragged()
    y = make_target(task, X)
    weight = np.arange(24) % 4
    index = np.repeat(np.arange(24), weight)
    params = {"dtype": dtype, "batch_size": 1000, "alpha": alpha}
    weighted = small(task, **params).fit(X, y, weight)
    repeated = small(task, **params).fit([X[i] for i in index], y[index])
    for estimator in (weighted, repeated):
        assert all(isinstance(loss, float) for loss in estimator.loss_curve_)
    assert weighted.loss_curve_ == repeated.loss_curve_


@every_task
def test_weights_are_relative(task):
    """Without a penalty only their ratios count."""
    X = ragged()
    y, weight = make_target(task, X), np.arange(1.0, 25)
    a = small(task, dtype="float64").fit(X, y, weight)
    b = small(task, dtype="float64").fit(X, y, 4 * weight)
    assert_allclose(raw(a, X), raw(b, X), rtol=1e-9)
    plain = small(task).fit(X, y)
    assert_allclose(
        raw(small(task).fit(X, y, 2.0), X), raw(plain, X), rtol=1e-3, atol=1e-4
    )
    assert np.any(raw(a, X) != raw(small(task, dtype="float64").fit(X, y), X))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_class_weight(task):
    X = ragged()
    y = np.sort(np.random.default_rng(0).integers(0, 2 + (task != "binary"), 24))
    sample_weight = np.arange(1.0, 25)
    by_class = {0: 3.0, 1: 0.5, 2: 2.0}
    factor = np.array([by_class[label] for label in y])
    n_classes = len(np.unique(y))
    class_weight = {k: by_class[k] for k in range(n_classes)}
    assert_same_bits(
        small(task, class_weight=class_weight).fit(X, y, sample_weight),
        small(task).fit(X, y, sample_weight * factor),
    )
    assert_same_bits(
        small(task, class_weight=class_weight).fit(X, y), small(task).fit(X, y, factor)
    )
    # A class that is not named has weight 1.
    assert_same_bits(
        small(task, class_weight={1: 5.0}).fit(X, y),
        small(task).fit(X, y, np.where(y == 1, 5.0, 1.0)),
    )


def test_class_weight_by_names():
    X = ragged()
    y = np.array(["no", "yes"])[make_target("binary", X)]
    assert_same_bits(
        small("binary", class_weight={"no": 1.0, "yes": 4.0}).fit(X, y),
        small("binary").fit(X, y, np.where(y == "yes", 4.0, 1.0)),
    )


def test_balanced_classes_have_the_same_total():
    X = ragged()
    y = np.r_[[0] * 16, [1] * 6, [2] * 2]
    factor = 24 / (3 * np.bincount(y))
    balanced = small("multiclass", class_weight="balanced", dtype="float64").fit(X, y)
    weighted = small("multiclass", dtype="float64").fit(X, y, factor[y])
    assert_allclose(raw(balanced, X), raw(weighted, X), rtol=1e-8)
    start = small("multiclass", class_weight="balanced", **AT_START).fit(X, y)
    assert_allclose(start.weights_["head_bias"], np.log([1 / 3] * 3), rtol=1e-12)
    # With sample weights the totals of these are balanced.
    sample_weight = np.where(y == 1, 5.0, 1.0)
    start = small("multiclass", class_weight="balanced", **AT_START).fit(
        X, y, sample_weight
    )
    assert_allclose(start.weights_["head_bias"], np.log([1 / 3] * 3), rtol=1e-12)


def test_class_weight_of_multilabel_targets():
    X = ragged()
    y = make_target("multilabel", X)
    class_weight = [{0: 1, 1: 2}, {0: 3, 1: 1}, {0: 1, 1: 1}]
    factor = np.where(y[:, 0], 2.0, 1.0) * np.where(y[:, 1], 1.0, 3.0)
    assert_same_bits(
        small("multilabel", class_weight=class_weight).fit(X, y),
        small("multilabel").fit(X, y, factor),
    )


@pytest.mark.parametrize("batch_size", [2, 100])
def test_class_of_weight_zero_is_not_there(batch_size):
    """A minibatch of nothing but such samples has no mean."""
    X = ragged()
    y = np.r_[[0] * 8, [1] * 8, [2] * 8]
    estimator = small(
        "multiclass", class_weight={0: 0.0, 1: 1.0, 2: 1.0}, batch_size=batch_size,
        shuffle=False,
    ).fit(X, y)  # fmt: skip
    assert estimator.n_iter_ == 3
    assert np.isfinite(estimator.loss_curve_).all()
    assert (estimator.predict(X) != 0).all()
