"""What a fit has found, as one object: whole, immutable, and the only thing that
predictions read."""

import dataclasses
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNRegressor,
    SequenceArray,
)
from sklstm._estimators.fitted import Fitted
from sklstm._targets.labels import Binary, Multiclass, Multilabel, labels_of
from sklstm._targets.numbers import Numbers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 4, 3))
Y = X.sum(axis=(1, 2))
THREE = np.digitize(Y, [-1, 1])
SMALL = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}

MODELS = {
    "binary": lambda: LSTMClassifier(**SMALL).fit(X, Y > 0),
    "multiclass": lambda: GRUClassifier(**SMALL).fit(X, THREE),
    "multilabel": lambda: GRUClassifier(**SMALL).fit(X, np.c_[Y > 0, Y > 1] * 1),
    "numbers": lambda: LSTMRegressor(**SMALL, peephole=True).fit(X, Y),
    "counts": lambda: RNNRegressor(**SMALL, loss="poisson").fit(X, THREE),
    "quantiles": lambda: GRURegressor(
        **SMALL, loss="quantile", quantile=[0.9, 0.2], missing="indicator"
    ).fit(X, np.c_[Y, 2 * Y]),
}
every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_nothing_of_it_can_be_changed(name):
    fitted = MODELS[name]()._fitted
    for field in ("parameters", "target", "architecture"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(fitted, field, None)
    with pytest.raises(ValueError, match="read-only"):
        fitted.parameters[0] = 1


@every_model
def test_its_state_is_all_there_is(name):
    """The state of the target makes the target again; so does a pickle."""
    model = MODELS[name]()
    fitted, method = model._fitted, model._fitted.target.methods[-1]
    again = Fitted.of(fitted.build, fitted.state, fitted.features, model._target_of)
    assert type(again.target) is type(fitted.target)
    raw = 3 * RNG.standard_normal((5, fitted.target.n_outputs))
    for method in fitted.target.methods:
        expected = getattr(fitted.target, method)(raw)
        assert_array_equal(getattr(again.target, method)(raw), expected)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(other.predict(X), model.predict(X))
    assert other._fitted.kind == fitted.kind


@pytest.mark.parametrize(
    "classes, multilabel, kind",
    [
        ([0, 1], False, Binary),
        ([0, 1, 2], False, Multiclass),
        ([0, 1], True, Multilabel),
    ],
)
def test_kinds_of_labels(classes, multilabel, kind):
    target = labels_of(np.array(classes), multilabel)
    assert type(target) is kind
    assert type(labels_of(**target.state)) is kind


# ---- weights_ ------------------------------------------------------------------------


@every_model
def test_weights_are_a_view_of_the_parameters(name):
    model = MODELS[name]()
    weights = model.weights_
    assert "weights_" not in vars(model)
    with pytest.raises(AttributeError):
        model.weights_ = {}
    weights.clear()  # the dict is the user's, the arrays are not
    for array in model.weights_.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    n_biases = 3 * 3 if name in ("multiclass", "multilabel", "quantiles") else 0
    n = sum(array.size for array in model.weights_.values())
    assert n >= len(model._fitted.parameters) >= n - 2 * 12 - n_biases


def test_weights_are_not_there_before_a_fit():
    model = LSTMRegressor()
    assert not hasattr(model, "weights_")
    with pytest.raises(AttributeError, match="not fitted"):
        model.weights_  # noqa: B018


def test_a_pickle_has_the_parameters_once():
    params = {"hidden_layer_sizes": 64, "max_iter": 1, "random_state": 0}
    model = LSTMRegressor(**params, solver="sgd", momentum=0.9).fit(X, Y)
    n_bytes = model._fitted.parameters.nbytes
    # beside them the velocity, and what does not depend on the size
    assert 2 * n_bytes < len(pickle.dumps(model)) < 2.3 * n_bytes


# ---- X and the network are of one fit ------------------------------------------------

NAMED = SequenceArray(X.reshape(-1, 3), np.arange(0, 81, 4), ["a", "b", "c"])
FORMS = {
    # X of one fit, and of another one that is refused by the first
    "features": (X, X[:, :, :2]),
    "steps": (X[:, :, 0], X[:, :3, 0]),
    "2-D and 3-D": (X, X[:, :, 0]),
    "names": (NAMED, SequenceArray(NAMED.data, NAMED.offsets, ["a", "b", "d"])),
}


def named_table(n_steps):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X[:, :n_steps, 0], columns=list("abcd")[:n_steps])


FORMS["table"] = lambda: (named_table(4), named_table(3))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("method", ["predict", "transform"])
def test_a_fit_before_x_is_read(form, order, method, monkeypatch):
    """X is checked against the fit that the prediction began with."""
    forms = FORMS[form]
    given, other = (forms() if callable(forms) else forms)[::order]
    model = GRURegressor(**SMALL).fit(given, Y)
    expected = getattr(model, method)(given)
    network = Fitted.network

    def fit_and_take(self, **options):
        monkeypatch.undo()
        model.fit(other, 10 * Y)
        return network(self, **options)

    monkeypatch.setattr(Fitted, "network", fit_and_take)
    assert_array_equal(getattr(model, method)(given), expected)
    assert model._fitted.target.scale[0] > 5 * Y.std()  # of the fit meanwhile


def test_a_step_is_checked_against_its_fit(monkeypatch):
    model = GRURegressor(**SMALL).fit(X, Y)
    state, network = model.initial_state(), Fitted.network
    expected, _ = model.predict_step(X[0, 0], state)

    def fit_and_take(self, **options):
        monkeypatch.undo()
        model.fit(X[:, :, :2], 10 * Y)
        return network(self, **options)

    monkeypatch.setattr(Fitted, "network", fit_and_take)
    assert_array_equal(model.predict_step(X[0, 0], state)[0], expected)


def test_a_fit_before_what_is_scored_is_predicted(monkeypatch):
    """Predictions, and what they are compared with, are of one fit."""
    both = np.c_[Y, -3 * Y]
    model = RNNRegressor(**SMALL).fit(X, both)
    expected = model.score(X, both)
    model.fit(X, Y)
    predict = RNNRegressor.predict

    def fit_and_predict(self, X):
        monkeypatch.undo()
        model.fit(X, both)
        return predict(self, X)

    monkeypatch.setattr(RNNRegressor, "predict", fit_and_predict)
    assert model.score(X, both) == expected


# ---- targets -------------------------------------------------------------------------


def test_following_makes_another_target():
    model = LSTMRegressor(**SMALL)
    with pytest.warns(UserWarning, match="too few to tell"):
        model.partial_fit(X[:3], Y[:3])
    target = model._fitted.target
    before = {name: np.copy(target.state[name]) for name in ("mean", "scale")}
    other, change = target.follow(50 * Y, None)
    assert change.new_units and other is not target
    assert {name: target.state[name] for name in before} == before
    assert isinstance(other, Numbers) and other.scale[0] > 10 * target.scale[0]


def test_regression_encodes_once(monkeypatch):
    encode, lengths = Numbers.encode, []

    def counted(self, y):
        lengths.append(len(y))
        return encode(self, y)

    monkeypatch.setattr(Numbers, "encode", counted)
    model = LSTMRegressor(**SMALL, early_stopping=True).set_params(max_iter=5)
    model.fit(X, Y)
    assert lengths == [18, 2]
