"""Estimators made of weights: their targets, and that they are fitted."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from export_cases import (
    LABELS,
    NUMBERS,
    RNG,
    SMALL,
    X,
    raw_outputs,
    softmax,
    state_dict_of,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklstm import GRURegressor, LSTMClassifier, LSTMRegressor
from sklstm.export import from_keras, from_torch, to_keras, to_torch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ---- targets -----------------------------------------------------------------------


def test_classes_are_numbered_where_none_are_given():
    model = from_torch(state_dict_of(3), LSTMClassifier(4))
    assert_array_equal(model.classes_, [0, 1, 2])
    assert_allclose(model.decision_function(X), raw_outputs(3), 1e-6)
    assert_allclose(model.predict_proba(X), softmax(raw_outputs(3)), 1e-5)


def test_classes_in_the_order_of_the_outputs():
    labels = np.array(["one", "two", "three"])
    model = from_torch(state_dict_of(3), LSTMClassifier(4), classes=labels)
    assert_array_equal(model.classes_, ["one", "three", "two"])
    assert_array_equal(model.predict(X), labels[raw_outputs(3).argmax(axis=1)])
    proba = dict(zip(model.classes_, model.predict_proba(X).T))
    for label, expected in zip(labels, softmax(raw_outputs(3)).T):
        assert_allclose(proba[label], expected, 1e-5)


@pytest.mark.parametrize("classes", [None, ["no", "yes"], ["yes", "no"]])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_two_classes(classes, n_outputs):
    """One output is the log-odds of the second, of two outputs the difference is."""
    raw = raw_outputs(n_outputs).reshape(len(X), -1)
    log_odds = raw[:, 0] if n_outputs == 1 else raw[:, 1] - raw[:, 0]
    model = from_torch(state_dict_of(n_outputs), LSTMClassifier(4), classes=classes)
    labels = np.array(classes or [0, 1])
    assert_array_equal(model.predict(X), labels[(log_odds > 0).astype(int)])
    column = list(model.classes_).index(labels[1])
    expected = 1 / (1 + np.exp(-log_odds))
    assert_allclose(model.predict_proba(X)[:, column], expected, 1e-5)


@pytest.mark.parametrize("index", [[1, 0], [4, 7]])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_classes_of_a_series_are_in_its_order(n_outputs, index):
    """As those of `y.drop_duplicates()`, whose index is what is left."""
    classes = pd.Series(["no", "yes"], index=index)
    model = from_torch(state_dict_of(n_outputs), LSTMClassifier(4), classes=classes)
    expected = from_torch(
        state_dict_of(n_outputs), LSTMClassifier(4), classes=["no", "yes"]
    )
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_classes_in_a_column():
    column = from_torch(state_dict_of(1), LSTMClassifier(4), classes=[["no"], ["yes"]])
    row = from_torch(state_dict_of(1), LSTMClassifier(4), classes=["no", "yes"])
    assert_array_equal(column.predict_proba(X), row.predict_proba(X))


def test_several_labels_at_once():
    model = from_torch(state_dict_of(3), LSTMClassifier(4), multilabel=True)
    assert_array_equal(model.predict(X), raw_outputs(3) > 0)
    assert_allclose(model.predict_proba(X), 1 / (1 + np.exp(-raw_outputs(3))), 1e-5)
    model.partial_fit(X, np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]])


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_units_of_the_targets(n_outputs):
    mean, scale = (10.0, 2.0) if n_outputs == 1 else ([1, 2, 3], [0.5, 1, 2])
    units = {"target_mean": mean, "target_scale": scale}
    model = from_torch(state_dict_of(n_outputs), LSTMRegressor(4), **units)
    expected = np.array(scale) * raw_outputs(n_outputs) + np.array(mean)
    assert_allclose(model.predict(X), expected, 1e-6)
    in_dict = state_dict_of(n_outputs)
    in_dict |= {name: np.atleast_1d(value) for name, value in units.items()}
    same = from_torch(in_dict, LSTMRegressor(4))
    assert_array_equal(same.predict(X), model.predict(X))
    other = from_torch(in_dict, LSTMRegressor(4), target_mean=0, target_scale=1)
    assert_allclose(other.predict(X), raw_outputs(n_outputs), 1e-6)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson", "quantile"])
def test_losses(loss):
    """Only the link of "poisson" is not in the head."""
    y = np.arange(6.0)
    model = GRURegressor(4, loss=loss, dtype="float64", **SMALL).fit(X, y)
    for back in (
        from_torch(to_torch(model), clone(model)),
        from_keras(to_keras(model), clone(model)),
    ):
        assert_allclose(back.predict(X), model.predict(X), 1e-12)
        back.partial_fit(X, y)
    plain = from_torch(to_torch(model), GRURegressor(4, dtype="float64"))
    link = np.log if loss == "poisson" else lambda values: values
    assert_allclose(plain.predict(X), link(model.predict(X)), 1e-12)


def test_units_of_y_may_need_more_digits_than_float32():
    """What the documentation warns of, and its way out."""
    y = 1e6 + NUMBERS / 1000
    model = GRURegressor(4, **SMALL).fit(X, y)
    rounded = from_torch(to_torch(model), clone(model)).predict(X)
    exact = from_torch(to_torch(model, standardized=True), clone(model)).predict(X)
    assert_array_equal(exact, model.predict(X))
    assert np.abs(rounded - exact).max() > 1e-3 * y.std()


# ---- what comes back is a fitted estimator -------------------------------------------


@pytest.fixture
def model():
    estimator = LSTMClassifier(4, dropout=0.1, **SMALL)
    return from_torch(state_dict_of(3), estimator, classes=["a", "b", "c"])


def test_attributes(model):
    assert model.n_features_in_ == 3
    assert model.n_outputs_ == 3
    assert model.n_iter_ == model.t_ == 0
    assert model.loss_curve_ == []
    given = state_dict_of(3)
    assert_array_equal(
        model.weights_["head_weight"], given["head.weight"].astype("float32")
    )
    for name in ("weight_ih_l0", "weight_hh_l0"):
        expected = given[f"lstm.{name}"].astype("float32")
        assert_array_equal(model.weights_[name], expected)


def test_the_estimator_given_is_left_alone():
    estimator = LSTMClassifier(4)
    model = from_torch(state_dict_of(3), estimator)
    assert not hasattr(estimator, "classes_")
    assert model.get_params() == estimator.get_params()


def test_streams_transforms_and_is_saved(model):
    state = model.initial_state()
    for step in X[0]:
        proba, state = model.predict_step(step, state, method="predict_proba")
    assert_array_equal(proba, model.predict_proba(X[:1]))
    assert model.transform(X).shape == (6, 4)
    assert list(model.get_feature_names_out())[0] == "lstmclassifier0"
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.partial_fit(X, LABELS)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_is_saved_by_skops(model):
    io = pytest.importorskip("skops.io")
    saved = io.dumps(model)
    untrusted = io.get_untrusted_types(data=saved)
    assert untrusted == ["sklstm.LSTMClassifier"]
    again = io.loads(saved, trusted=untrusted)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_training_goes_on(solver):
    estimator = LSTMClassifier(
        4, solver=solver, max_iter=20, warm_start=True, random_state=0
    )
    given = {"classes": ["a", "b", "c"]}
    model = from_torch(state_dict_of(3), estimator, **given)
    before = model.weights_["weight_hh_l0"]
    model.set_params(max_iter=1).fit(X, LABELS)
    change = np.abs(model.weights_["weight_hh_l0"] - before).max()
    assert 0 < change < 0.5  # of weights of about 1
    first = model.loss_
    model.set_params(max_iter=20).fit(X, LABELS)
    assert model.loss_ < first
    same = from_torch(state_dict_of(3), estimator, **given)
    same.set_params(max_iter=1).fit(X, LABELS).set_params(max_iter=20).fit(X, LABELS)
    assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    if solver != "lbfgs":
        model.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.fit(X, ["a", "b", "z", "a", "b", "z"])


def test_goes_on_with_early_stopping_and_what_was_kept():
    estimator = LSTMClassifier(4, early_stopping=True, warm_start=True, **SMALL)
    model = from_torch(state_dict_of(3), estimator, classes=["a", "b", "c"])
    model.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert model.best_validation_score_ == model.score(X, LABELS)


def test_goes_on_as_the_model_that_was_exported():
    """Without a state of the optimizer, SGD knows nothing of where it came from."""
    options = {"solver": "sgd", "momentum": 0, "shuffle": False, "random_state": 0}
    model = GRURegressor(4, max_iter=3, **options).fit(X, NUMBERS)
    again = from_torch(to_torch(model, standardized=True), clone(model))
    for each in (model, again):
        each.partial_fit(X, NUMBERS)
    assert_array_equal(again.predict(X), model.predict(X))


def test_fit_trains_the_same_network_anew(model):
    fresh = LSTMClassifier(4, dropout=0.1, **SMALL).fit(X, LABELS)
    assert_array_equal(model.fit(X, LABELS).predict_proba(X), fresh.predict_proba(X))


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_missing_values_are_read(missing):
    """A feature that was not seen yet is 0; the rest is as after a fit."""
    gaps = [x.copy() for x in X]
    for x in gaps:
        x[1:2, 0] = np.nan
    model = LSTMRegressor(4, missing=missing, **SMALL).fit(gaps, NUMBERS)
    again = from_torch(to_torch(model, standardized=True), clone(model))
    assert again.n_features_in_ == 3
    assert_array_equal(again.predict(gaps), model.predict(gaps))
    unseen = [np.array([[np.nan, 1.0, 1.0]])]
    zero = [np.array([[0.0, 1.0, 1.0]])]
    if missing == "ffill":
        assert_array_equal(again.predict(unseen), again.predict(zero))
    again.partial_fit(gaps, NUMBERS)


def test_univariate_sequences_may_be_rows():
    rows = RNG.standard_normal((6, 8))
    model = GRURegressor(4, **SMALL).fit(rows, NUMBERS)
    again = from_torch(to_torch(model, standardized=True), clone(model))
    assert again.n_features_in_ == 1
    assert_array_equal(again.predict(rows), model.predict(rows))


def test_an_npz_file_takes_weights_without_pickle(tmp_path):
    model = GRURegressor(4, **SMALL).fit(X, NUMBERS)
    np.savez(tmp_path / "weights.npz", **to_torch(model, standardized=True))
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as file:
        again = from_torch(file, clone(model))
    assert_array_equal(again.predict(X), model.predict(X))


def test_what_is_exported_are_copies():
    model = LSTMRegressor((4, 4), **SMALL).fit(X, NUMBERS)
    before = model.predict(X)
    arrays = [*to_torch(model, standardized=True).values()]
    arrays += [*to_torch(model).values(), *to_keras(model, standardized=True)]
    for array in arrays:
        assert array.flags.writeable and array.flags.c_contiguous
        array[:] = 0
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), before)


def test_neither_library_is_imported():
    code = (
        "import sys, sklstm.export; "
        "assert not {'torch', 'keras', 'tensorflow', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
