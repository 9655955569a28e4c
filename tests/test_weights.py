"""Weights of samples and classes: what they do to minibatches, and their limits."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import SGDClassifier

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4, 2))
LABELS = np.arange(30) % 2
THREE = np.arange(30) % 3
NUMBERS = X.sum(axis=(1, 2))
MULTILABEL = np.c_[LABELS, THREE == 0]
WEIGHT = RNG.uniform(0.2, 5, size=30)
SMALL = {
    "hidden_layer_sizes": 3,
    "max_iter": 2,
    "random_state": 0,
    "learning_rate": "constant",
    "batch_size": 32,
}
SGD = {
    **SMALL,
    "solver": "sgd",
    "learning_rate_init": 0.1,
    "shuffle": False,
    "max_grad_norm": None,
    "dtype": "float64",
}


def assert_same_bits(a, b):
    assert_array_equal(a._fitted.parameters, b._fitted.parameters)
    assert a.loss_curve_ == b.loss_curve_


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
@pytest.mark.parametrize("through", ["sample_weight", "class_weight"])
def test_weights_set_the_probability_whatever_the_minibatch(batch_size, through):
    """Sequences that tell nothing: the best probability is the share of the weight."""
    n = 200
    y = np.arange(n) % 2
    model = LSTMClassifier(
        2, batch_size=batch_size, max_iter=30, tol=0, random_state=0,
        learning_rate="cosine", learning_rate_init=0.01,
    )  # fmt: skip
    weight = None
    if through == "sample_weight":
        weight = np.where(y == 1, 9.0, 1.0)
    else:
        model.set_params(class_weight={0: 1.0, 1: 9.0})
    model.fit(np.zeros((n, 3, 1)), y, weight)
    assert model.predict_proba(np.zeros((1, 3, 1)))[0, 1] == pytest.approx(
        0.9, abs=0.02
    )


@pytest.mark.parametrize(
    "Estimator, y",
    [
        (LSTMClassifier, LABELS),
        (GRUClassifier, THREE),
        (RNNClassifier, MULTILABEL),
        (LSTMRegressor, NUMBERS),
    ],
)
@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize("alpha", [0, 0.3])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_step_is_as_large_as_the_weights_of_its_samples(
    Estimator, y, loss, alpha, batch_size
):
    """A fit in minibatches is the passes over each of them, with weights in units of
    the mean weight of the fit; the penalty counts as many samples."""
    params = {**SGD, "batch_size": batch_size, "max_iter": 1}
    if Estimator is LSTMRegressor:
        params["loss"] = loss
    model = Estimator(**params, warm_start=True).fit(X, y)
    parts = copy.deepcopy(model)
    mean = WEIGHT.mean()
    model.set_params(alpha=alpha * mean).fit(X, y, WEIGHT)
    losses, weights = [], []
    for start in range(0, 30, batch_size):
        part = slice(start, start + batch_size)
        weight = WEIGHT[part] / mean
        parts.set_params(alpha=alpha).partial_fit(X[part], y[part], weight)
        losses.append(parts.loss_)
        weights.append(weight.sum())
    assert_allclose(model._fitted.parameters, parts._fitted.parameters, rtol=1e-10)
    assert model.loss_ == pytest.approx(np.average(losses, weights=weights))


def test_weights_of_partial_fit_count_as_they_are():
    start = LSTMRegressor(**SGD).fit(X, NUMBERS)
    steps = {}
    for weight in (1.0, 0.5, 3.0):
        model = copy.deepcopy(start)
        model.set_params(momentum=0.0).partial_fit(X[:1], NUMBERS[:1], [weight])
        steps[weight] = model._fitted.parameters
        # the loss of a pass is the mean by weight
        assert model.loss_ == pytest.approx(
            copy.deepcopy(start).partial_fit(X[:1], NUMBERS[:1]).loss_
        )
    one = steps[1.0] - start._fitted.parameters
    assert np.abs(one).max() > 1e-3
    for weight, parameters in steps.items():
        assert_allclose(parameters - start._fitted.parameters, weight * one, atol=1e-14)


@pytest.mark.parametrize("batch_size", [4, 1000])
@pytest.mark.parametrize("weight", [1, 2.0**-20])
def test_equal_weights_are_no_weights(weight, batch_size):
    params = {**SMALL, "batch_size": batch_size}
    for Estimator, y in ((LSTMClassifier, THREE), (LSTMRegressor, NUMBERS)):
        assert_same_bits(
            Estimator(**params).fit(X, y, np.full(30, weight)),
            Estimator(**params).fit(X, y),
        )


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_penalty_is_shared_by_the_weight_of_all_samples(solver):
    """Weight 2 is twice as many samples, also against the penalty."""
    params = {**SMALL, "solver": solver, "alpha": 0.5, "batch_size": 1000}
    twice = LSTMRegressor(**params).fit(np.tile(X, (2, 1, 1)), np.tile(NUMBERS, 2))
    assert_same_bits(LSTMRegressor(**params).fit(X, NUMBERS, np.full(30, 2)), twice)


# ---- weights that cannot be computed with --------------------------------------------

TOO_LARGE = {
    "one": np.where(np.arange(30) == 4, 1e308, 1.0),
    "all": np.full(30, 1e308),
    "number": 1.7e308,
}
TOO_SMALL = {"all": np.full(30, 1e-320), "number": 1e-300}
ESTIMATORS = [
    (LSTMClassifier, LABELS),
    (GRUClassifier, MULTILABEL),
    (LSTMRegressor, NUMBERS),
]


@pytest.mark.parametrize("Estimator, y", ESTIMATORS)
@pytest.mark.parametrize(
    "weight, message",
    [(w, "too large.*Divide") for w in TOO_LARGE.values()]
    + [(w, "too small.*Multiply") for w in TOO_SMALL.values()],
)
def test_weights_without_a_sum(Estimator, y, weight, message):
    model = Estimator(**SMALL).fit(X, y)
    before = copy.deepcopy(vars(model))
    for call in (
        lambda: model.fit(X, y, weight),
        lambda: model.partial_fit(X, y, weight),
        lambda: model.score(X, y, weight),
    ):
        with pytest.raises(ValueError, match=f"^sample_weight is {message}"):
            call()
    stopping = Estimator(**SMALL, early_stopping=True)
    with pytest.raises(ValueError, match=f"In X_val.*sample_weight is {message}"):
        stopping.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    assert_array_equal(model._fitted.parameters, before["_fitted"].parameters)
    assert model.loss_curve_ == before["loss_curve_"]


def test_the_message_names_the_sample():
    with pytest.raises(ValueError, match="sample 4 has weight 1e\\+308"):
        LSTMRegressor(**SMALL).fit(X, NUMBERS, TOO_LARGE["one"])


@pytest.mark.parametrize(
    "class_weight, weight, message",
    [
        ({0: 1e308, 1: 1.0}, None, "class_weight={0: 1e.308, 1: 1.0} is too large"),
        ({0: 1e200, 1: 1.0}, 1e200, "times sample_weight is too large"),
        ({0: 1e-200, 1: 1e-200}, 1e-100, "times sample_weight is too small"),
    ],
)
def test_class_weights_without_a_sum(class_weight, weight, message):
    model = LSTMClassifier(**SMALL, class_weight=class_weight)
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS, weight)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, LABELS, weight, classes=[0, 1])
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("scale", [1e-280, 1e280])
@pytest.mark.parametrize("missing", ["error", "ffill"])
def test_weights_just_within_the_limits(scale, missing):
    """The same as weights near one, up to rounding."""
    params = {**SMALL, "missing": missing, "dtype": "float64", "batch_size": 8}
    given = X.copy()
    if missing == "ffill":
        given[::3, 0] = np.nan
    for Estimator, y in ESTIMATORS:
        scaled = Estimator(**params).fit(given, y, WEIGHT * scale)
        plain = Estimator(**params).fit(given, y, WEIGHT)
        assert_allclose(scaled._fitted.parameters, plain._fitted.parameters, rtol=1e-6)
        assert scaled.score(given, y, WEIGHT * scale) == pytest.approx(
            plain.score(given, y, WEIGHT)
        )


@pytest.mark.parametrize("Estimator, y", ESTIMATORS)
def test_a_score_of_no_weight(Estimator, y):
    model = Estimator(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="zero: there is nothing to score"):
        model.score(X, y, np.zeros(30))
    with pytest.raises(ValueError, match="sample 3 has weight -1"):
        model.score(X, y, np.where(np.arange(30) == 3, -1.0, 1.0))


# ---- class_weight="balanced" ---------------------------------------------------------


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize(
    "y, class_weight",
    [
        (LABELS, "balanced"),
        (MULTILABEL, "balanced"),
        (MULTILABEL, ["balanced", {0: 1, 1: 2}]),
    ],
)
def test_partial_fit_does_not_balance(y, class_weight, started):
    """One part does not tell how frequent the classes are: scikit-learn's words."""
    with pytest.raises(ValueError) as theirs:
        SGDClassifier(class_weight="balanced").partial_fit(X[:, 0], LABELS, [0, 1])
    model = LSTMClassifier(**SMALL, class_weight=class_weight)
    if started:
        model.fit(X, y)
    with pytest.raises(ValueError) as ours:
        model.partial_fit(X, y, classes=[0, 1])
    assert str(ours.value) == str(theirs.value)
