"""Warnings point at the line of the user, however many frames lie between."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklstm import GRURegressor, RNNRegressor
from sklstm._sklearn.warn import warn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3, 2))
NUMBERS = X.sum(axis=(1, 2))
SMALL = {"hidden_layer_sizes": 3, "random_state": 0, "max_iter": 2}
LEARNS = {**SMALL, "n_iter_no_change": 1000, "learning_rate": "constant"}


def overflowing():
    model = fitted(RNNRegressor(**SMALL, activation="relu", dtype="float64"))
    parameters = np.full_like(model._fitted.parameters, 1e300)
    model._fitted = model._fitted.with_parameters(parameters)
    return model


def fitted(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, NUMBERS)


def going_on():
    model = fitted(GRURegressor(**SMALL))
    return model.set_params(warm_start=True, early_stopping=True)


CONSTANT = {"X_val": X[:4], "y_val": np.ones(4)}
# The call of the user, and what it warns of.
CALLS = {
    "epochs": (lambda: GRURegressor(**LEARNS).fit(X, NUMBERS), "Maximum iterations"),
    "lbfgs": (
        lambda: GRURegressor(**SMALL, solver="lbfgs").fit(X, NUMBERS),
        "Maximum iterations",
    ),
    "validation": (
        lambda: GRURegressor(**SMALL, early_stopping=True).fit(X, NUMBERS, **CONSTANT),
        "is constant in the validation part",
    ),
    "split": (
        lambda: going_on().fit(X, NUMBERS),
        "there are no samples to set aside",
    ),
    "few": (
        lambda: GRURegressor(**SMALL).partial_fit(X[:2], NUMBERS[:2]),
        "too few to tell the scale",
    ),
    "one step": (
        lambda: GRURegressor(**SMALL).fit(X[:, :1], NUMBERS),
        "has one step",
    ),
    "predict": (lambda: overflowing().predict(X), "prediction of"),
    "transform": (lambda: overflowing().transform(X, "gates"), "is not finite"),
    "predict_step": (
        lambda: (m := overflowing()).predict_step(X[0, 0], m.initial_state()),
        "prediction of",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_line_of_the_user(name):
    call, message = CALLS[name]
    with pytest.warns(Warning, match=message) as record:
        call()
    found = [w for w in record if w.category is not DeprecationWarning]
    assert {w.filename for w in found} == {__file__}


def test_other_packages_are_users():
    """Only frames of this package and of scikit-learn's wrappers are passed over."""
    frames = {"warn": warn}
    for name in ("sklstm.within", "sklearn.callback._any", "sklstm"):
        code = "def call(function, *args):\n    return function(*args)\n"
        module = {"__name__": name}
        exec(compile(code, name, "exec"), module)
        frames[name] = module["call"]
    other = {"__name__": "sklstm_of_others"}
    exec(compile("def call(f, *args):\n    return f(*args)\n", "other", "exec"), other)
    within, wrapper, top = (
        frames[n] for n in ("sklstm.within", "sklearn.callback._any", "sklstm")
    )
    with pytest.warns(ConvergenceWarning) as record:
        top(wrapper, within, warn, "so", ConvergenceWarning)
        other["call"](within, warn, "so", ConvergenceWarning)
    assert [w.filename for w in record] == [__file__, "other"]
