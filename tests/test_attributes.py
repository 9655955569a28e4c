"""What a fitted estimator is called: no name by which other tools take it for a model
that is linear in X, or made of layers of weights as MLPs are."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import is_classifier
from sklearn.feature_selection import RFE, SelectFromModel

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
H = 6  # as many steps as units, so that the head could be read as weights of the steps
X = RNG.standard_normal((30, H))
NUMBERS = X @ np.arange(1.0, H + 1)
LABELS = np.array(["a", "b", "c"])[RNG.permutation(30) % 3]
SMALL = {"max_iter": 2, "random_state": 0}

FITTED = {
    "classifier": lambda: LSTMClassifier(H, **SMALL).fit(X, LABELS),
    "of two classes": lambda: GRUClassifier(H, **SMALL).fit(X, LABELS == "a"),
    "in both directions": lambda: RNNClassifier(
        H, bidirectional=True, pooling="attention", **SMALL
    ).fit(X, LABELS),
    "multilabel": lambda: LSTMClassifier(H, peephole=True, **SMALL).fit(
        X, np.c_[X[:, 0] > 0, X[:, 1] > 0].astype(int)
    ),
    "regressor": lambda: LSTMRegressor(H, **SMALL).fit(X, NUMBERS),
    "of several outputs": lambda: GRURegressor(H, **SMALL).fit(X, np.c_[X[:, 0], X]),
    "counts": lambda: RNNRegressor(H, loss="poisson", **SMALL).fit(X, np.abs(NUMBERS)),
    "quantiles": lambda: RNNRegressor(
        H, loss="quantile", quantile=[0.9, 0.1], **SMALL
    ).fit(X, NUMBERS),
}

#: Names of linear models, of trees and of MLPs in scikit-learn and its kin.
FOREIGN = [
    "coef_", "intercept_", "coefs_", "intercepts_", "coef", "intercept", "dual_coef_",
    "feature_importances_", "feature_importances", "estimators_", "tree_", "booster_",
    "support_vectors_", "theta_", "sigma_", "scalings_",
]  # fmt: skip


@pytest.fixture(params=FITTED)
def model(request):
    return FITTED[request.param]()


def test_no_name_of_other_models(model):
    assert not [name for name in FOREIGN if hasattr(model, name)]
    later = pickle.loads(pickle.dumps(model))
    assert not [name for name in FOREIGN if hasattr(later, name)]


def test_head_is_in_the_units_of_the_outputs(model):
    """W h + b is what the link or the increments of the quantiles begin with."""
    if model.pooling == "attention":
        pytest.skip("the head reads something else than the last hidden state")
    head = model.weights_["head_weight"], model.weights_["head_bias"]
    assert head[0].shape == (model.n_outputs_, H) and head[1].shape == (len(head[0]),)
    outputs = model.transform(X) @ head[0].T + head[1]
    if is_classifier(model):
        expected = model.decision_function(X).reshape(30, -1)
    elif model.loss == "quantile":
        # of two the upper one in the middle, and the step down from it
        step, upper = outputs.T
        units = model._fitted.target.scale, model._fitted.target.mean
        expected = np.c_[upper, upper - np.logaddexp(0, step)] * units[0] + units[1]
        assert_allclose(model.predict(X), expected, 1e-5)
        return
    else:
        expected = model.predict(X).reshape(30, -1)
        outputs = np.exp(outputs) if model.loss == "poisson" else outputs
    assert_allclose(outputs, expected, 1e-4, 1e-4)


@pytest.mark.parametrize("Selector", [RFE, SelectFromModel])
def test_selection_by_weights_of_columns_says_that_there_are_none(Selector):
    with pytest.raises((ValueError, AttributeError), match="coef_"):
        Selector(LSTMRegressor(H, **SMALL)).fit(X, NUMBERS).transform(X)


# ---- tools that go by the names ------------------------------------------------------


def test_shap_does_not_take_it_for_a_linear_model(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        shap = pytest.importorskip("shap")
    masker = shap.maskers.Independent(X)
    assert not shap.explainers.Linear.supports_model_with_masker(model, masker)
    with pytest.raises(TypeError, match="not callable"):
        shap.Explainer(model, X)
    assert shap.Explainer(model.predict, X) is not None


def test_skforecast_finds_no_importances(model):
    """`ForecasterRecursive.get_feature_importances` looks for these, in this order."""
    found = [n for n in ("feature_importances_", "coef_") if hasattr(model, n)]
    assert found == []
