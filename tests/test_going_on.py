"""Fits that go on: partial_fit and warm_start."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from task_cases import (
    assert_same_bits,
    dtypes,
    every_task,
    fitted,
    make_target,
    ragged,
    raw,
    small,
)

from sklstm.sequences import SequenceArray

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- partial_fit -----------------------------------------------------------------


@every_task
@dtypes
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_partial_fit_is_one_epoch(task, dtype, solver, shuffle, learning_rate):
    X = ragged()
    y = make_target(task, X)
    params = {
        "dtype": dtype, "shuffle": shuffle, "learning_rate": learning_rate,
        "solver": solver, "alpha": 0.01,
    }  # fmt: skip
    whole = small(task, max_iter=4, **params).fit(X, y)
    parts = small(task, max_iter=77, **params)
    classes = {"classes": np.unique(y)} if task in ("binary", "multiclass") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts.partial_fit(X, y, **classes)
        for _ in range(3):
            assert parts.partial_fit(X, y) is parts
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.t_ == whole.t_
    assert parts.n_iter_ == 1
    assert_same_bits(parts, whole)


@pytest.mark.parametrize("learning_rate", ["cosine", "adaptive"])
def test_partial_fit_stays_at_the_rate(learning_rate):
    """A schedule over max_iter epochs says nothing of single passes."""
    X = ragged()
    y = make_target("single", X)
    plain, other = (
        small("single", learning_rate=name) for name in ("constant", learning_rate)
    )
    for _ in range(3):
        plain.partial_fit(X, y)
        other.partial_fit(X, y)
    assert_same_bits(other, plain)


def test_partial_fit_with_labels_still_to_come():
    X = ragged()
    y = np.array(["a", "b", "c"])[np.arange(24) % 3]
    first = y != "c"
    estimator = small("multiclass", learning_rate_init=0.05).partial_fit(
        [x for x, keep in zip(X, first, strict=True) if keep],
        y[first],
        classes=["c", "a", "b"],
    )
    assert_array_equal(estimator.classes_, ["a", "b", "c"])
    assert estimator.predict_proba(X).shape == (24, 3)
    for _ in range(100):
        estimator.partial_fit(X[2::3], y[2::3])
    assert set(estimator.predict(X[2::3])) == {"c"}


def test_partial_fit_refuses_unknown_labels():
    X = ragged()
    y = np.arange(24) % 2
    estimator = small("binary").partial_fit(X, y, classes=[0, 1])
    before = pickle.dumps(estimator)
    with pytest.raises(ValueError, match=r"labels that are not in classes: \[2, 5\]"):
        estimator.partial_fit(X, np.r_[y[2:], 2, 5])
    with pytest.raises(ValueError, match=r"classes=\[0, 1, 2\] is not the same"):
        estimator.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="another kind"):
        estimator.partial_fit(X, np.c_[y, y])
    assert pickle.dumps(estimator) == before
    estimator.partial_fit(X, y, classes=[1, 0])
    with pytest.raises(ValueError, match=r"not in classes: \[2\]"):
        small("binary").partial_fit(X, np.r_[y[1:], 2], classes=[0, 1])


def test_first_partial_fit_needs_classes():
    X = ragged()
    y = make_target("binary", X)
    with pytest.raises(ValueError, match="classes"):
        small("binary").partial_fit(X, y)
    # not where y tells it, nor after a fit
    small("multilabel").partial_fit(X, make_target("multilabel", X))
    fitted("binary", X).partial_fit(X, y)


def test_partial_fit_with_class_weight_of_a_label_to_come():
    X = ragged()
    y = np.zeros(24, dtype=int)
    estimator = small("binary", class_weight={1: 5.0}).partial_fit(X, y, classes=[0, 1])
    plain = small("binary").partial_fit(X, y, classes=[0, 1])
    assert_same_bits(estimator, plain)


def test_partial_fit_keeps_the_scale_of_the_first_targets():
    """A second batch in other units is learnt in those of the first."""
    X = ragged()
    y = make_target("single", X)
    estimator = small("single", max_iter=1).partial_fit(X, y)
    before = estimator.predict(X)
    estimator.partial_fit(X, y + 1)
    assert np.abs(estimator.predict(X) - before).max() < 0.2 * y.std()


def test_partial_fit_refuses_other_outputs():
    X = ragged()
    estimator = small("single").partial_fit(X, make_target("single", X))
    with pytest.raises(ValueError, match=r"shape \(24, 3\), but the first fit had 1"):
        estimator.partial_fit(X, make_target("multioutput", X))


def test_fit_after_partial_fit_starts_anew():
    X = ragged()
    y = make_target("binary", X)
    estimator = small("binary").partial_fit(X, y, classes=[0, 1, 2]).fit(X, y)
    assert_same_bits(estimator, small("binary").fit(X, y))
    assert len(estimator.loss_curve_) == 3 and estimator.t_ == 3 * 24
    assert_array_equal(estimator.classes_, [0, 1])


def test_partial_fit_on_other_lengths_and_containers():
    X = ragged()
    y = make_target("single", X)
    a = small("single").partial_fit(X, y).partial_fit(X[:7], y[:7])
    b = small("single").partial_fit(SequenceArray.from_list(X), y)
    b.partial_fit(SequenceArray.from_list(X[:7]).to_padded(), y[:7])
    assert_same_bits(a, b)


# ---- warm_start ------------------------------------------------------------------


@every_task
@dtypes
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_warm_start_goes_on(task, dtype, solver, learning_rate, shuffle):
    """10 epochs and 10 more are 20, to the bit: moments, velocity, count of steps."""
    X = ragged()
    y = make_target(task, X)
    params = {
        "dtype": dtype, "solver": solver, "shuffle": shuffle, "alpha": 0.01,
        "n_iter_no_change": 100, "learning_rate": learning_rate,
    }  # fmt: skip
    whole = small(task, max_iter=20, **params).fit(X, y)
    warm = small(task, max_iter=10, warm_start=True, **params).fit(X, y)
    assert not np.array_equal(
        warm.weights_["head_weight"], whole.weights_["head_weight"]
    )
    warm.fit(X, y)
    assert warm.loss_curve_ == whole.loss_curve_
    assert warm.n_iter_ == 10 and warm.t_ == whole.t_ == 20 * 24
    assert warm.best_loss_ == whole.best_loss_
    assert_same_bits(warm, whole)


def test_warm_start_goes_on_in_unequal_parts():
    X = ragged()
    whole = fitted("multiclass", X, max_iter=6)
    warm = fitted("multiclass", X, max_iter=2, warm_start=True)
    warm.set_params(max_iter=4).fit(X, make_target("multiclass", X))
    assert_same_bits(warm, whole)


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_going_on_keeps_a_random_state_of_its_own(call):
    """What the user draws from the same generator between two calls changes nothing."""
    X = ragged()
    y = make_target("single", X)
    whole = fitted("single", X, max_iter=4, random_state=np.random.RandomState(3))
    state = np.random.RandomState(3)
    parts = small("single", max_iter=1, warm_start=True, random_state=state)
    for _ in range(4):
        getattr(parts, call)(X, y)
        state.permutation(24)
    assert_same_bits(parts, whole)
    assert parts.loss_curve_ == whole.loss_curve_


def test_without_warm_start_fit_starts_anew():
    X = ragged()
    estimator = fitted("multiclass", X)
    again = copy.deepcopy(estimator).fit(X, make_target("multiclass", X))
    assert_same_bits(estimator, again)
    assert again.t_ == estimator.t_


def test_warm_start_with_another_solver():
    X = ragged()
    y = make_target("multiclass", X)
    estimator = fitted("multiclass", X, warm_start=True)
    start = estimator.weights_["head_weight"]
    for solver in ("sgd", "adamw", "rmsprop", "lbfgs", "adam"):
        estimator.set_params(solver=solver).fit(X, y)
    after = estimator.weights_["head_weight"]
    assert np.isfinite(after).all() and np.any(after != start)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_layer_sizes": (6,)}, r"hidden_layer_sizes cannot .*\(5,\).*\(6,\)"),
        ({"hidden_layer_sizes": (5, 5)}, r"hidden_layer_sizes cannot .*\(5, 5\)"),
        ({"dtype": "float64"}, "dtype cannot .*'float32'.*'float64'"),
        ({"bidirectional": True}, "bidirectional cannot .*=False.*=True"),
        ({"pooling": "max"}, "pooling cannot .*'last'.*'max'"),
        ({"peephole": True}, "^peephole cannot .*=False.*=True"),
        ({"dtype": "float64", "pooling": "mean"}, "dtype, pooling cannot "),
    ],
)
def test_warm_start_needs_the_same_network(change, message):
    X = ragged()
    estimator = fitted("multiclass", X, warm_start=True)
    before = raw(estimator, X)
    estimator.set_params(**change)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, make_target("multiclass", X))
    assert_array_equal(raw(estimator, X), before)


def test_warm_start_with_early_stopping_keeps_the_best():
    X, X_val = ragged(), ragged(20, seed=1)
    y, y_val = make_target("single", X), make_target("single", X_val)
    estimator = small(
        "single", early_stopping=True, warm_start=True, max_iter=8,
        learning_rate_init=0.05, n_iter_no_change=50,
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    first = estimator.best_validation_score_
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(estimator.validation_scores_) == 16
    assert (
        estimator.best_validation_score_ == max(estimator.validation_scores_) >= first
    )
    assert estimator.score(X_val, y_val) == pytest.approx(
        estimator.best_validation_score_
    )
