"""Bad input through the estimators: a clear error, and an earlier fit stays as it was.

What is wrong with X alone is listed in test_sequences.MALFORMED; here it goes through
fit, partial_fit and predict of both estimators, beside bad targets, weights, labels and
parameters.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier
from test_sequences import MALFORMED

from sklstm import LSTMClassifier, LSTMRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [LSTMClassifier, LSTMRegressor]
N = 8
X = [np.full((T, 2), T / 5) for T in (3, 1, 4, 1, 5, 2, 6, 5)]
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 1])

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


@pytest.fixture
def fitted(request):
    def make(Estimator, **params):
        params = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0} | params
        return Estimator(**params).fit(X, LABELS)

    return make


def refused(estimator, call, message):
    """The error that `call` raises; the fitted estimator is not changed by it."""
    before = dict(vars(estimator))
    predictions = estimator.predict(X)
    with pytest.raises((ValueError, TypeError), match=message):
        call(estimator)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is before[name] for name in before)
    assert_array_equal(estimator.predict(X), predictions)


# generators are used up by the first call: their messages are tested in test_sequences
BAD_X = {
    key: case for key, case in MALFORMED.items() if not hasattr(case[0], "__next__")
}


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize(("bad", "message"), BAD_X.values(), ids=BAD_X)
@every_estimator
def test_x(fitted, Estimator, bad, message, method):
    def call(estimator):
        function = getattr(estimator, method)
        return function(bad) if method == "predict" else function(bad, LABELS)

    refused(fitted(Estimator), call, message)


OTHER_X = {
    "features": ([np.ones((3, 5))], "X has 5 features, but .* is expecting 2 features"),
    "3-D features": (np.ones((2, 3, 1)), "X has 1 features, but .* is expecting 2"),
    "one sequence": (np.ones((9, 2)), r"pass X\[None\] or \[X\]"),
}


@pytest.mark.parametrize(("other", "message"), OTHER_X.values(), ids=OTHER_X)
@every_estimator
def test_features_other_than_at_fit(fitted, Estimator, other, message):
    refused(fitted(Estimator), lambda e: e.predict(other), message)


BAD_Y = {
    "None": (None, "requires y to be passed"),
    "too few": (LABELS[:-1], "inconsistent numbers of samples"),
    "too many": (np.append(LABELS, 1), "inconsistent numbers of samples"),
    "NaN": (np.where(LABELS, np.nan, 1.0), "Input y contains NaN"),
    "infinity": (np.where(LABELS, np.inf, 1.0), "Input y contains infinity"),
    "empty": ([], "0 sample|minimum of 1"),
    "3-D": (np.ones((N, 2, 2)), "dim 3|Found array with dim"),
    "ragged": ([[1], [1, 2]] * 4, "inhomogeneous|sequence"),
    "complex": (LABELS + 1j, "[Cc]omplex"),
    "scalar": (3, "Singleton|0D|scalar|Expected"),
    "sparse text": ("abc", "could not convert|Expected|dim"),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("y", "message"), BAD_Y.values(), ids=BAD_Y)
@every_estimator
def test_y(fitted, Estimator, y, message, method):
    refused(fitted(Estimator), lambda e: getattr(e, method)(X, y), message)


CLASSIFIER_Y = {
    "continuous": (np.linspace(0, 1, N), "Unknown label type|continuous"),
    "one class": (np.zeros(N), "at least 2 classes.*only one class"),
    "multiclass outputs": (np.arange(2 * N).reshape(N, 2) % 3, "several multiclass"),
    "mixed": (np.array([1, "a"] * 4, dtype=object), "Unknown label type|mix|uniform"),
}


@pytest.mark.parametrize(("y", "message"), CLASSIFIER_Y.values(), ids=CLASSIFIER_Y)
def test_y_of_classifier(fitted, y, message):
    refused(fitted(LSTMClassifier), lambda e: e.fit(X, y), message)


REGRESSOR_Y = {
    "words": (np.array(list("abcdefgh")), "could not convert string to float"),
    "objects": (np.array([object()] * N), "float|number"),
}


@pytest.mark.parametrize(("y", "message"), REGRESSOR_Y.values(), ids=REGRESSOR_Y)
def test_y_of_regressor(fitted, y, message):
    refused(fitted(LSTMRegressor), lambda e: e.fit(X, y), message)


def test_unknown_labels(fitted):
    estimator = fitted(LSTMClassifier)
    for y in (LABELS + 1, LABELS * 7, LABELS - 5):
        refused(estimator, lambda e, y=y: e.partial_fit(X, y), "not in classes")
    refused(
        estimator,
        lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]),
        "not the same as in the first call",
    )
    multilabel = np.column_stack([LABELS, 1 - LABELS])
    refused(estimator, lambda e: e.partial_fit(X, multilabel), "another kind")


BAD_WEIGHT = {
    "negative": (np.where(LABELS, 1.0, -1.0), "Negative values.*sample 0"),
    "too few": (np.ones(N - 1), r"shape \(7,\), expected \(8,\)"),
    "too many": (np.ones(N + 1), r"shape \(9,\), expected \(8,\)"),
    "2-D": (np.ones((N, 1)), r"shape \(8, 1\)"),
    "NaN": (np.where(LABELS, 1.0, np.nan), "sample_weight contains NaN"),
    "infinity": (np.where(LABELS, 1.0, np.inf), "sample_weight contains infinity"),
    "words": (["a"] * N, "could not convert"),
    "all zero": (np.zeros(N), "All sample weights are zero"),
    "zero": (0.0, "All sample weights are zero"),
    "negative number": (-1.0, "Negative values"),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("weight", "message"), BAD_WEIGHT.values(), ids=BAD_WEIGHT)
@every_estimator
def test_sample_weight(fitted, Estimator, weight, message, method):
    refused(fitted(Estimator), lambda e: getattr(e, method)(X, LABELS, weight), message)


BAD_VALIDATION = {
    "no y_val": ({"X_val": X}, "together"),
    "no X_val": ({"y_val": LABELS}, "together"),
    "other features": (
        {"X_val": np.ones((4, 3, 5)), "y_val": LABELS[:4]},
        "5 features",
    ),
    "lengths": ({"X_val": X, "y_val": LABELS[:3]}, "inconsistent numbers"),
    "NaN": ({"X_val": X, "y_val": LABELS * np.nan}, "NaN"),
    "weights": (
        {"X_val": X, "y_val": LABELS, "sample_weight_val": [-1.0] * N},
        "Negative values",
    ),
}


@pytest.mark.parametrize(
    ("kwargs", "message"), BAD_VALIDATION.values(), ids=BAD_VALIDATION
)
@every_estimator
def test_validation_data(fitted, Estimator, kwargs, message):
    estimator = fitted(Estimator).set_params(early_stopping=True)
    refused(estimator, lambda e: e.fit(X, LABELS, **kwargs), message)


def test_validation_data_without_early_stopping(fitted):
    refused(
        fitted(LSTMRegressor),
        lambda e: e.fit(X, LABELS, X_val=X, y_val=LABELS),
        "early_stopping=True",
    )


BAD_PARAMETERS = [
    ("hidden_layer_sizes", 0), ("hidden_layer_sizes", -3), ("hidden_layer_sizes", ()),
    ("hidden_layer_sizes", (4, 0)), ("hidden_layer_sizes", (4, 2.5)),
    ("hidden_layer_sizes", "big"), ("hidden_layer_sizes", None),
    ("hidden_layer_sizes", 2.0), ("hidden_layer_sizes", [[3]]),
    ("solver", "lbfgs"), ("solver", None), ("alpha", -1), ("alpha", "0"),
    ("batch_size", 0), ("batch_size", 1.5), ("batch_size", "all"),
    ("learning_rate", 0.1), ("learning_rate", "fast"), ("learning_rate_init", 0),
    ("learning_rate_init", -1), ("learning_rate_init", "constant"), ("power_t", -1),
    ("max_iter", 0), ("max_iter", 2.5), ("max_grad_norm", 0), ("max_grad_norm", "1"),
    ("shuffle", "yes"), ("random_state", "seed"), ("random_state", -1), ("tol", -1),
    ("n_iter_no_change", 0), ("early_stopping", "auto"), ("validation_fraction", 0),
    ("validation_fraction", 1.0), ("momentum", 2), ("nesterovs_momentum", None),
    ("beta_1", 1.0), ("beta_2", -0.1), ("epsilon", 0), ("warm_start", "no"),
    ("verbose", "loud"), ("dtype", "float16"), ("dtype", int), ("dtype", None),
    ("dtype", "double precision"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS)
@every_estimator
def test_parameters(fitted, Estimator, name, value):
    estimator = fitted(Estimator).set_params(**{name: value})
    refused(estimator, lambda e: e.fit(X, LABELS), name)


def test_number_as_learning_rate(fitted):
    estimator = fitted(LSTMClassifier).set_params(learning_rate=0.01)
    refused(estimator, lambda e: e.fit(X, LABELS), "mean learning_rate_init=0.01")


@pytest.mark.parametrize("value", ["heavy", 2.0, {7: 1.0}, [1.0, 2.0]])
def test_class_weight(fitted, value):
    estimator = fitted(LSTMClassifier).set_params(class_weight=value)
    refused(estimator, lambda e: e.fit(X, LABELS), "class_weight|not in class|classes")


def test_loss(fitted):
    estimator = fitted(LSTMRegressor).set_params(loss="absolute")
    refused(estimator, lambda e: e.fit(X, LABELS), "loss")


@every_estimator
@given(
    ranks=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    widths=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_arrays(Estimator, ranks, widths, seed):
    """Valid or refused with a message, and never anything else."""
    rng = np.random.default_rng(seed)
    items = []
    for i, rank in enumerate(ranks):
        shape = [widths[(i + k) % len(widths)] for k in range(rank)]
        items.append(rng.choice([0.5, 1, np.nan], p=[0.6, 0.39, 0.01], size=shape))
    y = rng.permutation(len(items)) % 2
    estimator = Estimator(2, max_iter=1)
    try:
        estimator.fit(items, y)
    except (ValueError, TypeError) as error:
        assert len(str(error)) > 20
        assert not hasattr(estimator, "n_features_in_")
        return
    widths_seen = {item.shape[1] for item in items if item.ndim == 2}
    assert len(widths_seen) <= 1
    assert len(estimator.predict(items)) == len(items)
    assert np.isfinite(estimator._parameters).all()
    assert is_classifier(estimator) or np.isfinite(estimator.predict(items)).all()


def test_there_are_enough_of_them():
    x = 2 * 3 * len(BAD_X)
    y = 4 * len(BAD_Y) + len(CLASSIFIER_Y) + len(REGRESSOR_Y)
    assert x + y + 4 * len(BAD_WEIGHT) + 2 * len(BAD_PARAMETERS) > 200
    assert len(BAD_X) + len(BAD_Y) + len(BAD_WEIGHT) + len(BAD_PARAMETERS) >= 160
