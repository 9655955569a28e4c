"""What is learnt is what predicts, and is nobody else's."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.exceptions import NotFittedError
from task_cases import (
    CLASSIFICATION,
    REGRESSION,
    by_hand,
    dtypes,
    every_task,
    fitted,
    learned,
    make_target,
    ragged,
    raw,
    small,
)

from sklstm.sequences import SequenceArray

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- what is learnt is what predicts ---------------------------------------------


@every_task
@pytest.mark.parametrize("hidden", [5, (4, 6), (2, 3, 17)])
def test_predictions_from_weights_alone(task, hidden):
    X = ragged()
    estimator = fitted(task, X, hidden=hidden, dtype="float64", learning_rate_init=0.05)
    expected = by_hand(estimator, X)
    if task in REGRESSION:
        if task == "single":
            expected = expected[:, 0]
        scale = np.abs(expected).max(axis=0)
        assert_allclose(estimator.predict(X) / scale, expected / scale, 0, 1e-10)
        return
    if task == "binary":
        p = np.hstack([expit(-expected), expit(expected)])
        decision, labels = expected[:, 0], (expected[:, 0] > 0).astype(int)
    elif task == "multiclass":
        p = softmax(expected, axis=1)
        decision, labels = expected, expected.argmax(axis=1)
    else:
        p = expit(expected)
        decision, labels = expected, (expected > 0).astype(int)
    assert_allclose(estimator.decision_function(X), decision, rtol=0, atol=1e-10)
    assert_allclose(estimator.predict_proba(X), p, rtol=0, atol=1e-10)
    assert_allclose(estimator.predict_log_proba(X), np.log(p), rtol=0, atol=1e-10)
    assert_array_equal(estimator.predict(X), labels)


@every_task
def test_float32_is_close_to_float64(task):
    X = ragged()
    one = fitted(task, X, dtype="float32")
    expected = by_hand(one, X)
    scale = np.abs(expected).max(axis=0) + 1
    assert_allclose(
        raw(one, X).reshape(expected.shape) / scale, expected / scale, 0, 1e-5
    )


@every_task
@dtypes
def test_fitted_attributes(task, dtype):
    X = ragged()
    y = make_target(task, X)
    estimator = small(task, hidden=(5, 4), dtype=dtype).fit(X, y)
    K = {"binary": 1, "single": 1}.get(task, 3)
    shapes = {
        "weight_ih_l0": (20, 3), "weight_hh_l0": (20, 5),
        "bias_ih_l0": (20,), "bias_hh_l0": (20,),
        "weight_ih_l1": (16, 5), "weight_hh_l1": (16, 4),
        "bias_ih_l1": (16,), "bias_hh_l1": (16,),
        "head_weight": (K, 4), "head_bias": (K,),
    }  # fmt: skip
    assert type(estimator.weights_) is dict
    assert {k: v.shape for k, v in estimator.weights_.items()} == shapes
    for name, value in estimator.weights_.items():
        in_units_of_y = name.startswith("head") and task in REGRESSION
        assert type(value) is np.ndarray
        assert value.dtype == (np.float64 if in_units_of_y else dtype)
        assert np.isfinite(value).all()
    assert estimator.n_features_in_ == 3
    assert estimator.n_outputs_ == K
    assert estimator.n_layers_ == 4
    assert estimator.n_iter_ == 3
    assert estimator.t_ == 3 * len(X)
    assert type(estimator.loss_curve_) is list and len(estimator.loss_curve_) == 3
    assert all(isinstance(loss, float) for loss in estimator.loss_curve_)
    assert estimator.loss_ == estimator.loss_curve_[-1]
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    assert estimator.validation_scores_ is None
    assert estimator.best_validation_score_ is None
    assert not hasattr(estimator, "feature_names_in_")
    assert estimator.out_activation_ == {
        "binary": "logistic", "multiclass": "softmax", "multilabel": "logistic",
    }.get(task, "identity")  # fmt: skip
    if task in CLASSIFICATION:
        assert_array_equal(estimator.classes_, [0, 1] if task == "binary" else range(3))
    else:
        assert not hasattr(estimator, "classes_")


@every_task
def test_what_is_learnt_is_read_only(task):
    estimator = fitted(task)
    for value in learned(estimator).values():
        with pytest.raises(ValueError, match="read-only"):
            value[:] = 0


@every_task
def test_predict_changes_nothing(task):
    X = ragged()
    estimator = fitted(task, X)
    before, attributes = pickle.dumps(estimator), dict(vars(estimator))
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        if hasattr(estimator, method):
            first = getattr(estimator, method)(X)
            assert_array_equal(getattr(estimator, method)(X), first)
    estimator.score(X, make_target(task, X))
    assert vars(estimator).keys() == attributes.keys()
    assert all(vars(estimator)[k] is v for k, v in attributes.items())
    assert pickle.dumps(estimator) == before


@every_task
def test_not_fitted(task):
    estimator = small(task)
    methods = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    for method in methods if task in CLASSIFICATION else methods[:1]:
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(estimator, method)(ragged())


# ---- data are the user's ----------------------------------------------------------


def freeze(*arrays):
    for array in arrays:
        array.flags.writeable = False


@every_task
@dtypes
@pytest.mark.parametrize("form", ["list", "SequenceArray", "3-D", "2-D"])
def test_fit_does_not_write_on_its_arguments(task, dtype, form):
    """Read-only memory, as joblib hands out, of the very type that needs no copy."""
    X = np.random.default_rng(0).standard_normal((24, 5, 1 if form == "2-D" else 3))
    X = X.astype(dtype)
    y, weight = make_target(task, list(X)), np.arange(24.0) % 3
    form_of = {
        "list": lambda: list(X),
        "SequenceArray": lambda: SequenceArray.from_padded(X),
        "3-D": lambda: X,
        "2-D": lambda: X[:, :, 0],
    }
    form = form_of[form]()
    copies = [a.copy() for a in (X, y, weight)]
    freeze(X, y, weight)
    estimator = small(task, dtype=dtype, early_stopping=True, validation_fraction=0.4)
    estimator.fit(form, y, weight)
    estimator.set_params(early_stopping=False).partial_fit(form, y, weight)
    raw(estimator, form)
    for array, before in zip((X, y, weight), copies, strict=True):
        assert_array_equal(array, before)


def test_fitted_state_shares_no_memory_with_the_data():
    X = ragged()
    y = make_target("multioutput", X)
    estimator = small("multioutput", dtype="float64").fit(SequenceArray.from_list(X), y)
    before = raw(estimator, X)
    y[:] = 0
    assert_array_equal(raw(estimator, X), before)
    labels = np.array([0, 1])
    estimator = small("binary").partial_fit(X, np.arange(24) % 2, classes=labels)
    labels[:] = 7
    assert_array_equal(estimator.classes_, [0, 1])
