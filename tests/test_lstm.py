"""LSTMClassifier and LSTMRegressor: targets, weights, stopping, going on, breaking off.

What they share with every other estimator of the package is in test_common.py.
"""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import lstm_forward
from scipy.special import expit, softmax
from sklearn.exceptions import (
    ConvergenceWarning,
    DataConversionWarning,
    NotFittedError,
)
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from training_cases import adam_step, matrix, reference_training, rmsprop_step, sgd_step

import sklstm
from sklstm import (
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._network.build import whole_sequence_network
from sklstm._network.losses import SoftmaxCrossEntropy, SquaredError
from sklstm._network.network import Network
from sklstm._targets.labels import Labels, Multilabel
from sklstm._targets.numbers import Numbers
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed
from sklstm.sequences import SequenceArray

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

DTYPES = ["float32", "float64"]
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def ragged(n=24, n_features=3, seed=0, low=0, high=7):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((T, n_features)) for T in rng.integers(low, high, size=n)
    ]


def sums(X):
    return np.array([x.sum() for x in X])


def make_target(task, X):
    s = sums(X)
    index = np.arange(len(X))
    return {
        "binary": lambda: (s > 0).astype(int),
        "multiclass": lambda: index % 3,
        "multilabel": lambda: np.c_[s > 0, index % 2, index % 3 == 0].astype(int),
        "single": lambda: 1000 * s + 5000,
        "multioutput": lambda: np.c_[s, 1e6 * s - 3, index],
    }[task]()


TASKS = {
    "binary": LSTMClassifier,
    "multiclass": LSTMClassifier,
    "multilabel": LSTMClassifier,
    "single": LSTMRegressor,
    "multioutput": LSTMRegressor,
}
CLASSIFICATION = ["binary", "multiclass", "multilabel"]
REGRESSION = ["single", "multioutput"]
every_task = pytest.mark.parametrize("task", TASKS)


def small(task, hidden=(5,), **params):
    """An estimator for the task that makes few epochs."""
    params = {"max_iter": 3, "random_state": 0, "batch_size": 10, **params}
    params = {"learning_rate": "constant", **params}
    return TASKS[task](hidden, **params)


def fitted(task, X=None, fit_params=None, **params):
    X = ragged() if X is None else X
    return small(task, **params).fit(X, make_target(task, X), **(fit_params or {}))


def raw(estimator, X):
    """What tells most about a fitted estimator."""
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(X)
    return estimator.predict(X)


def learned(estimator):
    return estimator.weights_


def assert_same_bits(a, b):
    """Two fitted estimators have learnt the same, to the bit."""
    weights = learned(b)
    assert learned(a).keys() == weights.keys()
    for name, value in learned(a).items():
        assert_array_equal(value, weights[name], err_msg=name)


def by_hand(estimator, X):
    """Raw outputs (n, K) from weights_ alone."""
    w = estimator.weights_
    outputs = []
    for x in X:
        x = np.asarray(x, dtype=np.float64)
        for k in range((len(w) - 2) // 4):
            matrix = np.vstack(
                [
                    w[f"weight_ih_l{k}"].T,
                    w[f"weight_hh_l{k}"].T,
                    w[f"bias_ih_l{k}"] + w[f"bias_hh_l{k}"],
                ]
            ).astype(np.float64)
            H = matrix.shape[1] // 4
            h = lstm_forward(matrix, x, np.zeros(H), np.zeros(H))[0]
            x = h[1:]
        outputs.append(w["head_weight"] @ h[-1] + w["head_bias"])
    return np.array(outputs)


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


# ---- targets ---------------------------------------------------------------------


LABELS = {
    "str": (["no", "yes", "maybe"], "U"),
    "object": (np.array(["no", "yes", "maybe"], dtype=object), "O"),
    "int": ([7, -3, 10**12], "i"),
    "unsigned": (np.array([3, 0, 200], dtype=np.uint8), "u"),
    "float": ([1.0, -1.0, 0.0], "f"),
    "bool": ([True, False], "b"),
}


@pytest.mark.parametrize("labels, kind", LABELS.values(), ids=LABELS)
def test_labels_of_any_type(labels, kind):
    X = ragged()
    labels = np.asarray(labels)
    y = labels[np.arange(len(X)) % len(labels)]
    estimator = small("multiclass").fit(X, y)
    assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.classes_.dtype.kind == kind
    predicted = estimator.predict(X)
    assert predicted.dtype == estimator.classes_.dtype
    assert predicted.shape == y.shape
    # The same network as for labels 0, 1, 2: only the names differ.
    index = np.searchsorted(estimator.classes_, y)
    plain = small("multiclass").fit(X, index)
    assert_same_bits(estimator, plain)
    assert_array_equal(predicted, estimator.classes_[plain.predict(X)])


def test_labels_of_pandas():
    X = ragged()
    y = pd.Series(["no", "yes"] * 12, dtype="category", index=range(100, 124))
    estimator = small("binary").fit(X, y)
    assert set(estimator.predict(X)) <= {"no", "yes"}
    assert_same_bits(estimator, small("binary").fit(X, list(y)))


@pytest.mark.parametrize("type_", [int, bool, float])
def test_multilabel_of_any_type(type_):
    X = ragged()
    y = make_target("multilabel", X)
    estimator = small("multilabel").fit(X, y.astype(type_))
    assert_same_bits(estimator, small("multilabel").fit(X, y))
    predicted = estimator.predict(X)
    assert predicted.shape == y.shape
    assert set(np.unique(predicted)) <= {0, 1}
    assert predicted.dtype.kind == "i"


def test_column_of_labels_warns():
    X = ragged()
    y = make_target("binary", X)
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        estimator = small("binary").fit(X, y[:, np.newaxis])
    assert estimator.predict(X).shape == y.shape
    assert_same_bits(estimator, small("binary").fit(X, y))


def test_shape_of_regression_targets():
    X = ragged()
    y = make_target("single", X)
    flat, column = small("single").fit(X, y), small("single").fit(X, y[:, np.newaxis])
    assert flat.predict(X).shape == (24,)
    assert column.predict(X).shape == (24, 1)
    assert_same_bits(flat, column)


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_probabilities(task):
    X = ragged()
    estimator = fitted(task, X, learning_rate_init=0.05, max_iter=10)
    p = estimator.predict_proba(X)
    assert p.shape == (24, {"binary": 2}.get(task, 3))
    assert (p >= 0).all() and (p <= 1).all()
    assert_allclose(np.log(p), estimator.predict_log_proba(X), atol=1e-12)
    if task == "multilabel":
        assert_array_equal(estimator.predict(X), p > 0.5)
    else:
        assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
        assert_array_equal(estimator.predict(X), estimator.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_log_probabilities_stay_finite(task, monkeypatch):
    """Where probabilities are zero in float64."""
    estimator, X = fitted(task), ragged()
    scale = 1e4
    predict = Network.predict
    monkeypatch.setattr(
        Network, "predict", lambda *args: np.float64(scale) * predict(*args)
    )
    log_p = estimator.predict_log_proba(X)
    assert np.isfinite(log_p).all() and log_p.min() < -800
    assert np.isfinite(estimator.predict_proba(X)).all()


@pytest.mark.parametrize("task", CLASSIFICATION)
def test_labels_turn_at_one_half(task, monkeypatch):
    """Raw outputs of one sign, however small, decide."""
    estimator = fitted(task)
    K = estimator.n_outputs_
    outputs = np.outer([1e-12, -1e-12, 0.0], np.eye(K)[-1])
    monkeypatch.setattr(Network, "predict", lambda *args: outputs)
    expected = {
        "binary": [1, 0, 0], "multiclass": [2, 0, 0],
        "multilabel": [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
    }[task]  # fmt: skip
    assert_array_equal(estimator.predict(ragged()[:3]), expected)


# ---- it learns -------------------------------------------------------------------


def test_learns_binary():
    X = ragged(150, 2, low=2)
    y = np.where(sums(X) > 0, "up", "down")
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.02, max_iter=30)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.85


def test_learns_multiclass_by_order():
    """Whether the pulse is early, late or missing: nothing that a mean could tell."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = []
    for label in y:
        x = np.zeros((rng.integers(8, 12), 1))
        if label < 2:
            x[rng.integers(0, 3) if label == 0 else -rng.integers(1, 4)] = 1
        X.append(x)
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.03, max_iter=60)
    assert model.fit(X[:90], y[:90]).score(X[90:], y[90:]) > 0.9


def test_learns_multilabel():
    X = ragged(150, 2, low=2)
    y = np.c_[[x[-1, 0] > 0 for x in X], [x[-1, 1] > 0 for x in X]].astype(int)
    model = LSTMClassifier(8, random_state=0, learning_rate_init=0.03, max_iter=40)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.75


@pytest.mark.parametrize("scale, offset", [(1, 0), (1000, 5000), (1e-3, 1), (1e6, 1e7)])
def test_learns_regression_in_any_units(scale, offset):
    X = ragged(150, 1, low=1)
    y = np.c_[sums(X), [x[-1, 0] for x in X]] * scale + offset
    model = LSTMRegressor(8, random_state=0, learning_rate_init=0.02, max_iter=50)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.85
    one = model.fit(X[:100], y[:100, 0])
    assert one.score(X[100:], y[100:, 0]) > 0.85


@pytest.mark.parametrize("exponent", [-300, -30, -1, 10, 30, 600])
@dtypes
def test_units_of_y_do_not_matter(exponent, dtype):
    """A power of two scales every prediction by itself, to the bit."""
    X = ragged()
    y, scale = make_target("single", X) / 1000, 2.0**exponent
    plain = small("single", dtype=dtype).fit(X, y)
    scaled = small("single", dtype=dtype).fit(X, scale * y)
    for name, value in plain.weights_.items():
        value = scale * value if name.startswith("head") else value
        assert_array_equal(value, scaled.weights_[name])
    assert_array_equal(scaled.predict(X), scale * plain.predict(X))
    assert scaled.loss_curve_ == plain.loss_curve_


@dtypes
@pytest.mark.parametrize("value", [0.0, 5.0, -1e9, 1e-12, 0.1 + 0.2])
def test_constant_target(value, dtype):
    X = ragged()
    model = LSTMRegressor(4, random_state=0, dtype=dtype, max_iter=60)
    predicted = model.fit(X, np.full(24, value)).predict(X)
    assert_allclose(predicted, value, atol=0.2 + 1e-6 * abs(value))
    assert np.isfinite(model.loss_curve_).all()


def test_one_constant_target_of_two():
    X = ragged(80, 1, low=1)
    y = np.c_[sums(X), np.full(80, 1e6)]
    model = LSTMRegressor(8, random_state=0, learning_rate_init=0.02, max_iter=60)
    predicted = model.fit(X, y).predict(X)
    assert r2_score(y[:, 0], predicted[:, 0]) > 0.85
    assert_allclose(predicted[:, 1], 1e6, atol=0.5)


def test_rounding_is_not_variation():
    """0.1 + 0.2 and 0.3 differ in the last bit, which is no signal to scale up."""
    X = ragged()
    y = np.where(np.arange(24) % 2, 0.1 + 0.2, 0.3)
    assert len(np.unique(y)) == 2
    model = LSTMRegressor(4, random_state=0, dtype="float64", max_iter=60).fit(X, y)
    assert_allclose(model.predict(X), 0.3, atol=0.2)
    assert np.std(model.predict(X)) > 1e-12  # in units of one


# ---- where training starts: nothing learnt at a rate of nearly zero ----------------

AT_START = {"learning_rate_init": 1e-300, "dtype": "float64", "max_iter": 1}


def test_head_starts_at_the_prior():
    X = ragged()
    y = np.r_[[0] * 12, [1] * 8, [2] * 4]
    start = small("multiclass", **AT_START).fit(X, y)
    assert_allclose(
        start.weights_["head_bias"], np.log([12 / 24, 8 / 24, 4 / 24]), rtol=1e-12
    )
    weight = np.r_[[1.0] * 12, [3] * 8, [2] * 4]
    start = small("multiclass", **AT_START).fit(X, y, weight)
    assert_allclose(
        start.weights_["head_bias"], np.log([12 / 44, 24 / 44, 8 / 44]), rtol=1e-12
    )
    start = small("binary", **AT_START).fit(X, y > 0)
    assert_allclose(start.weights_["head_bias"], [0.0], atol=1e-12)
    start = small("binary", **AT_START).fit(X, y == 2)
    assert_allclose(start.weights_["head_bias"], [np.log(4 / 20)], rtol=1e-12)
    start = small("multilabel", **AT_START).fit(X, np.c_[y == 0, y == 1, y == 2])
    assert_allclose(
        start.weights_["head_bias"],
        np.log([12 / 12, 8 / 16, 4 / 20]),
        rtol=1e-12,
        atol=1e-12,
    )


def test_head_starts_at_the_mean():
    X = ragged()
    y = make_target("multioutput", X)
    start = small("multioutput", **AT_START).fit(X, y)
    assert_allclose(start.weights_["head_bias"], y.mean(axis=0), rtol=1e-12)
    weight = np.arange(24.0)
    start = small("multioutput", **AT_START).fit(X, y, weight)
    expected = np.average(y, axis=0, weights=weight)
    assert_allclose(start.weights_["head_bias"], expected, rtol=1e-12)


def test_prior_of_what_is_not_there_is_finite():
    X = ragged()
    start = small("multiclass", **AT_START).partial_fit(
        X, np.arange(24) % 2, classes=[0, 1, 2]
    )
    assert np.isfinite(start.weights_["head_bias"]).all()
    assert start.weights_["head_bias"][2] < start.weights_["head_bias"][:2].min() - 2
    start = small("multilabel", **AT_START).fit(X, np.c_[[0] * 24, [1] * 24])
    assert np.isfinite(start.weights_["head_bias"]).all()
    assert start.weights_["head_bias"][0] < -2 and start.weights_["head_bias"][1] > 2


def test_recurrent_weights_start_orthogonal_and_forget_bias_at_one():
    start = fitted("single", hidden=(5, 4), **AT_START)
    for k, H in enumerate((5, 4)):
        for R in start.weights_[f"weight_hh_l{k}"].reshape(4, H, H):
            assert_allclose(R @ R.T, np.eye(H), atol=1e-12)
        bias = start.weights_[f"bias_ih_l{k}"] + start.weights_[f"bias_hh_l{k}"]
        expected = [[0] * H, [1] * H, [0] * H, [0] * H]
        assert_allclose(bias.reshape(4, H), expected, atol=1e-200)


# ---- training written out: solvers, schedules, penalty, clipping, minibatches -----


def flat(estimator, layout, target_scale=1.0, target_mean=0.0):
    """The parameter vector of a fitted estimator."""
    vector, w = np.empty(layout.size), estimator.weights_
    for k in range((len(w) - 2) // 4):
        matrix(layout, vector, f"l{k}")[:] = np.vstack(
            [
                w[f"weight_ih_l{k}"].T,
                w[f"weight_hh_l{k}"].T,
                w[f"bias_ih_l{k}"] + w[f"bias_hh_l{k}"],
            ]
        )
    scale = np.broadcast_to(target_scale, len(w["head_bias"]))[:, np.newaxis]
    head = matrix(layout, vector, "head")
    head[:-1] = (w["head_weight"] / scale).T
    head[-1] = (w["head_bias"] - target_mean) / scale[:, 0]
    return vector


def steps_of(params):
    """The optimizer of these parameters, written out."""
    solver = params.get("solver", "adam")
    if solver == "adamw":
        return lambda network: adam_step(network, params.get("alpha", 0.0))
    if solver == "adam":
        return adam_step
    if solver == "rmsprop":
        return rmsprop_step
    if params.get("momentum", 0.9) == 0:

        def plain(network):
            def step(p, g, rate):
                p -= rate * g

            return step

        return plain
    if not params.get("nesterovs_momentum", True):

        def heavy_ball(network):
            v = np.zeros(network.layout.size)

            def step(p, g, rate):
                v[:] = 0.9 * v - rate * g
                p += v

            return step

        return heavy_ball
    return sgd_step


RATES = {
    "constant": lambda epoch: 1,
    "invscaling": lambda epoch: (10 * epoch + 1) ** -0.5,
    "cosine": lambda epoch: (1 + np.cos(np.pi * epoch / 4)) / 2,
    "adaptive": lambda epoch: 1,
}
WRITTEN_OUT = [
    {},
    {"solver": "adam", "alpha": 0.3},
    {"solver": "adamw", "alpha": 0.3},
    {"solver": "adamw"},
    {"solver": "rmsprop"},
    {"solver": "rmsprop", "alpha": 0.3, "learning_rate": "invscaling"},
    {"solver": "sgd"},
    {"solver": "sgd", "alpha": 0.3, "max_grad_norm": None},
    {"solver": "sgd", "nesterovs_momentum": False},
    {"solver": "sgd", "momentum": 0.0, "max_grad_norm": None},
    {"max_grad_norm": 0.01, "solver": "sgd"},
    {"max_grad_norm": None},
    {"batch_size": 4},
    {"batch_size": 10},
    {"batch_size": 1},
    *({"learning_rate": name} for name in ("invscaling", "cosine", "adaptive")),
    *({"learning_rate": name, "solver": "sgd"} for name in ("invscaling", "cosine")),
]


@pytest.mark.parametrize("task", ["multiclass", "multioutput"])
@pytest.mark.parametrize("params", WRITTEN_OUT, ids=str)
def test_training_written_out(task, params):
    """Four epochs of fit are four epochs of NumPy, from the same start."""
    X = ragged(10)
    y = make_target(task, X)
    # max_iter is 1 at the start, and the schedule of "cosine" needs the real one
    common = {"dtype": "float64", "shuffle": False, "hidden": (4, 3), "batch_size": 4}
    begin = small(task, **{**common, **AT_START}).fit(X, y)
    arguments = {**common, "learning_rate_init": 0.05, "max_iter": 4, **params}
    estimator = small(task, **arguments).fit(X, y)

    network = whole_sequence_network(3, (4, 3), 3, np.float64)
    if task == "multiclass":
        loss, target, scale, mean = SoftmaxCrossEntropy(), y, 1.0, 0.0
    else:
        scale, mean = y.std(axis=0), y.mean(axis=0)
        loss, target = SquaredError(), (y - mean) / scale
    rate = RATES[params.get("learning_rate", "constant")]
    expected, curve = reference_training(
        network, flat(begin, network.layout, scale, mean), X, target, loss,
        steps_of(params), epochs=4, batch_size=arguments["batch_size"],
        orders=[np.arange(10)] * 4, max_grad_norm=params.get("max_grad_norm", 1.0),
        alpha=0.0 if params.get("solver") == "adamw" else params.get("alpha", 0.0),
        rate=lambda epoch: 0.05 * rate(epoch),
    )  # fmt: skip
    assert_allclose(estimator.loss_curve_, curve, rtol=1e-8)
    got = flat(estimator, network.layout, scale, mean)
    assert np.abs(got - flat(begin, network.layout, scale, mean)).max() > 1e-3
    assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def test_betas_and_epsilon_and_power_t_are_passed_on():
    default = fitted("multiclass")
    for params in ({"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 1e-2}):
        other = fitted("multiclass", **params)
        assert other.loss_curve_[0] != default.loss_curve_[0] or (
            other.loss_curve_[1] != default.loss_curve_[1]
        )
    default = fitted("multiclass", solver="rmsprop")
    for params in ({"beta_2": 0.9}, {"epsilon": 1e-2}):
        other = fitted("multiclass", solver="rmsprop", **params)
        assert other.loss_curve_ != default.loss_curve_
    for params in ({"beta_1": 0.5}, {"momentum": 0.5}):
        other = fitted("multiclass", solver="rmsprop", **params)
        assert_same_bits(other, default)
    default = fitted("multiclass")
    steep = fitted("multiclass", learning_rate="invscaling", power_t=2)
    flat = fitted("multiclass", learning_rate="invscaling", power_t=0)
    assert_same_bits(flat, default)
    assert np.any(steep.weights_["head_weight"] != default.weights_["head_weight"])


def test_adaptive_goes_down_to_its_least_rate():
    """No epoch is better by tol: 1 + 2 epochs at 1e-5, then 2 at 2e-6 and at 4e-7."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = fitted(
            "multiclass", learning_rate="adaptive", learning_rate_init=1e-5, tol=10,
            n_iter_no_change=1, max_iter=50,
        )  # fmt: skip
    assert estimator.n_iter_ == 1 + 3 * 2


def test_stops_when_nothing_changes_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = fitted("multiclass", tol=10.0, n_iter_no_change=4, max_iter=50)
    assert estimator.n_iter_ == 6  # the first is better than none, then 5


def test_batch_size_is_cut_to_n():
    X = ragged(24)
    whole = fitted("multiclass", X, batch_size=24)
    for batch_size in ("auto", 25, 10**9):
        assert_same_bits(fitted("multiclass", X, batch_size=batch_size), whole)
    other = fitted("multiclass", X, batch_size=23)
    assert np.any(other.weights_["head_weight"] != whole.weights_["head_weight"])


def test_auto_batch_is_a_sixteenth():
    X = ragged(205, 1, high=3)
    auto = fitted("single", X, batch_size="auto", hidden=2, max_iter=2)
    assert_same_bits(auto, fitted("single", X, batch_size=12, hidden=2, max_iter=2))
    other = fitted("single", X, batch_size=13, hidden=2, max_iter=2)
    assert np.any(other.weights_["head_weight"] != auto.weights_["head_weight"])


def test_alpha_shrinks_weights():
    norms = []
    for alpha in (0.0, 1.0, 100.0):
        weights = fitted("single", alpha=alpha, max_iter=20).weights_
        norms.append(np.linalg.norm(weights["weight_hh_l0"]))
    assert norms[0] > norms[1] > norms[2]


@pytest.mark.parametrize("alpha", [1e-30, 1e-60, 1e-300])
@dtypes
def test_alpha_too_small_to_matter(alpha, dtype):
    estimator = fitted("single", alpha=alpha, dtype=dtype)
    assert_same_bits(estimator, fitted("single", dtype=dtype))


# ---- random state ----------------------------------------------------------------


@every_task
def test_random_state(task):
    X = ragged()
    first = fitted(task, X, random_state=3)
    assert_same_bits(first, fitted(task, X, random_state=3))
    assert_same_bits(first, fitted(task, X, random_state=np.random.RandomState(3)))
    for a, b in ((first, 4), (fitted(task, X, random_state=None), None)):
        b = fitted(task, X, random_state=b)
        assert np.any(a.weights_["head_weight"] != b.weights_["head_weight"])


def test_global_state_is_not_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    fitted("multiclass")
    assert_array_equal(np.random.get_state()[1], before)


# ---- weights ---------------------------------------------------------------------


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


# ---- early stopping --------------------------------------------------------------


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


# ---- the end of training, good or bad ---------------------------------------------


@pytest.mark.filterwarnings("default")
def test_convergence_warning():
    with pytest.warns(
        ConvergenceWarning, match=r"Maximum iterations \(2\) reached"
    ) as w:
        fitted("multiclass", max_iter=2)
    assert len(w) == 1


@every_task
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_a_line_per_epoch(task, early_stopping, capsys):
    X = ragged()
    y = make_target(task, X)
    small(
        task, verbose=True, early_stopping=early_stopping, validation_fraction=0.3
    ).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"Iteration {i}" for i in (1, 2, 3)
    ]
    assert all("loss = " in line for line in lines)
    assert all(("validation score = " in line) == early_stopping for line in lines)
    small(task).fit(X, y)
    assert capsys.readouterr().out == ""


def stop_at(monkeypatch, exception, call, method="backward"):
    """Raise at the given call of a method of the network."""
    original, count = getattr(Network, method), [0]

    def wrapper(self, *args, **kwargs):
        count[0] += 1
        if count[0] == call:
            raise exception
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Network, method, wrapper)
    return count


@every_task
@pytest.mark.parametrize("call", [1, 2, 8])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupt_leaves_a_usable_model(monkeypatch, task, call, early_stopping):
    """Three minibatches an epoch: in the first, later in the first, in the third."""
    X = ragged()
    y = make_target(task, X)
    estimator = small(task, early_stopping=early_stopping, max_iter=50)
    validation = {"X_val": X, "y_val": y} if early_stopping else {}
    with monkeypatch.context() as patch:
        stop_at(patch, KeyboardInterrupt, call)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            assert estimator.fit(X, y, **validation) is estimator
    epochs = (call - 1) // 3
    assert estimator.n_iter_ == len(estimator.loss_curve_) == epochs
    assert estimator.t_ == epochs * 24
    assert np.isfinite(raw(estimator, X)).all()
    assert_allclose(raw(estimator, X), raw(pickle.loads(pickle.dumps(estimator)), X))
    if not early_stopping and call == 8:  # a step into the third epoch
        two, three = (small(task, max_iter=n).fit(X, y) for n in (2, 3))
        assert np.any(estimator.weights_["head_weight"] != two.weights_["head_weight"])
        assert np.any(
            estimator.weights_["head_weight"] != three.weights_["head_weight"]
        )
    # and it can go on
    estimator.set_params(warm_start=True, max_iter=2).fit(X, y, **validation)
    assert len(estimator.loss_curve_) == epochs + 2


def snapshot(estimator, X):
    return dict(vars(estimator)), pickle.dumps(estimator), raw(estimator, X)


def assert_untouched(estimator, X, before):
    attributes, pickled, outputs = before
    assert vars(estimator).keys() == attributes.keys()
    assert all(vars(estimator)[k] is v for k, v in attributes.items())
    assert pickle.dumps(estimator) == pickled
    assert_array_equal(raw(estimator, X), outputs)


BREAKS = [
    ("sklstm._network.network.Network.backward", ZeroDivisionError),
    ("sklstm._network.network.Network.forward", MemoryError),
    ("sklstm._training.optimizers.Adam.step", RuntimeError),
    ("sklstm._estimators.base.validate_sequences", KeyboardInterrupt),
    ("sklstm._network.network.Network.initialize", KeyboardInterrupt),
    ("sklstm._estimators.progress.Progress.attributes", KeyboardInterrupt),
    ("sklstm._estimators.fitted.Fitted.with_parameters", MemoryError),
]


@every_task
@pytest.mark.parametrize("where, exception", BREAKS)
def test_a_fit_that_breaks_leaves_the_one_before(monkeypatch, task, where, exception):
    X, other = ragged(), ragged(30, n_features=2, seed=5)
    estimator = fitted(task, X)
    before = snapshot(estimator, X)
    with monkeypatch.context() as patch:

        def broken(*args, **kwargs):
            raise exception

        patch.setattr(where, broken)
        with pytest.raises(exception):
            estimator.fit(other, make_target(task, other))
        if not where.endswith("initialize"):
            with pytest.raises(exception):
                estimator.partial_fit(X, make_target(task, X))
    assert_untouched(estimator, X, before)
    estimator.fit(other, make_target(task, other))
    assert estimator.n_features_in_ == 2


@every_task
def test_a_fit_that_breaks_in_the_middle_leaves_the_one_before(monkeypatch, task):
    """After steps of the optimizer, when going on from the very same arrays."""
    X = ragged()
    y = make_target(task, X)
    for solver in ("adam", "sgd"):
        estimator = fitted(task, X, solver=solver, warm_start=True, max_iter=2)
        before = snapshot(estimator, X)
        with monkeypatch.context() as patch:
            stop_at(patch, ZeroDivisionError, 5)
            with pytest.raises(ZeroDivisionError):
                estimator.fit(X, y)
        assert_untouched(estimator, X, before)
        # nor was the random state advanced
        twin = fitted(task, X, solver=solver, warm_start=True, max_iter=2)
        assert_same_bits(estimator.fit(X, y), twin.fit(X, y))


def test_a_first_fit_that_breaks_leaves_nothing(monkeypatch):
    estimator = small("binary")
    before = dict(vars(estimator))
    with monkeypatch.context() as patch:
        stop_at(patch, ZeroDivisionError, 2)
        with pytest.raises(ZeroDivisionError):
            estimator.fit(ragged(), make_target("binary", ragged()))
    assert vars(estimator) == before


@pytest.mark.parametrize("task", REGRESSION)
@dtypes
def test_loss_that_is_not_finite(task, dtype):
    """One warning, with the epoch and what to try; the weights are finite."""
    X = ragged()
    y = make_target(task, X)
    estimator = small(
        task, solver="sgd", max_grad_norm=None, dtype=dtype, max_iter=20,
        learning_rate_init={"float32": 1e30, "float64": 1e250}[dtype],
    )  # fmt: skip
    message = r"not finite in epoch \d+\..*learning_rate_init.*max_grad_norm.*scale X"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        estimator.fit(X, y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert estimator.n_iter_ == len(estimator.loss_curve_) < 20
    for value in learned(estimator).values():
        assert np.isfinite(value).all()
    assert np.isfinite(raw(estimator, X)).all()


@every_task
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_not_finite_restores_the_epoch_before(monkeypatch, task, method):
    """NaN in a gradient of the third epoch leaves two epochs of training."""
    X = ragged()
    y = make_target(task, X)
    estimator, two = (small(task, max_iter=2, warm_start=True) for _ in range(2))
    estimator.fit(X, y)
    two.fit(X, y)
    original, count = Network.backward, [0]

    def backward(*args):
        count[0] += 1
        gradient = original(*args)
        return gradient * np.float32(np.nan) if count[0] == 2 else gradient

    monkeypatch.setattr(Network, "backward", backward)
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
        getattr(estimator, method)(X, y)
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == two.loss_curve_
    assert estimator.loss_ == two.loss_
    assert_same_bits(estimator, two)
    if method == "fit":
        count[0] = -6
        with pytest.warns(ConvergenceWarning, match="not finite in epoch 3"):
            estimator.set_params(warm_start=False, max_iter=10).fit(X, y)
        assert estimator.n_iter_ == 2
        assert_same_bits(estimator, two)


@pytest.mark.filterwarnings("default")
def test_warnings_point_to_the_line_of_the_user(monkeypatch):
    X = ragged()
    y = make_target("single", X)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        small("single").fit(X, y)
    assert caught[0].filename == __file__
    for method in ("fit", "partial_fit"):
        with monkeypatch.context() as patch:
            stop_at(patch, KeyboardInterrupt, 2)
            with pytest.warns(UserWarning, match="interrupted") as caught:
                getattr(small("single"), method)(X, y)
        assert caught[0].filename == __file__


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


# ---- what cannot be ----------------------------------------------------------------


@every_task
def test_memory_that_cannot_be_had(monkeypatch, task):
    X = ragged(24)
    estimator = fitted(task, X)
    before = snapshot(estimator, X)
    monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr(
        "sklstm._estimators.solver.available_memory", lambda: (1000, "x")
    )
    message = "batch_size=10 sequences.*KiB.*left of the x.*smaller batch_size"
    with pytest.raises(MemoryError, match=message):
        estimator.fit(X, make_target(task, X))
    with pytest.raises(MemoryError, match=message):
        estimator.partial_fit(X, make_target(task, X))
    monkeypatch.undo()
    assert_untouched(estimator, X, before)


def test_memory_is_that_of_the_longest_sequences(monkeypatch):
    """5 steps of 16 lanes in gates, c and h: 32 sequences of them are too many."""
    X = [np.ones((5, 1))] * 31 + [np.ones((5000, 1))]
    y = np.arange(32.0)
    memory = 10 * 2**20
    monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr(
        "sklstm._estimators.solver.available_memory", lambda: (memory, "x")
    )
    estimator = LSTMRegressor(64, batch_size=1, random_state=0, max_iter=1)
    estimator.fit(X[:31], y[:31])
    estimator.fit(X, y)
    memory = 2**20
    estimator.fit(X[:31], y[:31])
    with pytest.raises(MemoryError, match="up to 5000 steps"):
        estimator.fit(X, y)


def test_where_memory_is_not_known(monkeypatch):
    monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr("sklstm._estimators.solver.available_memory", lambda: None)
    fitted("single")


@pytest.mark.parametrize("value", [0.001, 1, np.float32(0.5)])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_number_as_learning_rate(value, method):
    X = ragged()
    for task in ("binary", "single"):
        estimator = small(task, learning_rate=value)
        with pytest.raises(ValueError, match="learning_rate_init") as caught:
            getattr(estimator, method)(X, make_target(task, X))
        assert repr(value) in str(caught.value)


INVALID = [
    ("bidirectional", ["yes", None, 2]),
    ("pooling", ["min", "attn", None, 1, True]),
    ("dropout", [-0.1, 1, 1.0, 2, "a", None, np.nan, [0.5]]),
    ("recurrent_dropout", [-0.1, 1, 1.0, "a", None, np.nan]),
    ("tbptt", [0, -1, 2.5, "a", np.inf]),
    ("hidden_layer_sizes", [0, -3, (), (4, 0), (4, 2.5), 4.0, "64", None, [[3], [4]]]),
    ("solver", ["newton-cg", None, 1]),
    ("alpha", [-1e-9, "a", None, np.nan]),
    ("batch_size", [0, -1, 2.5, None, "big"]),
    ("learning_rate", ["step", None]),
    ("learning_rate_init", [0, -1.0, None, np.nan]),
    ("power_t", [-1, "a"]),
    ("max_iter", [0, 1.5, None]),
    ("max_fun", [0, 1.5, None]),
    ("max_grad_norm", [0, -1, "a"]),
    ("shuffle", ["yes", 2]),
    ("random_state", ["a", -1]),
    ("tol", [-1e-4, None]),
    ("n_iter_no_change", [0, 1.5]),
    ("early_stopping", ["yes", 2]),
    ("validation_fraction", [0, 1, 5]),
    ("momentum", [-0.1, 1.1]),
    ("nesterovs_momentum", ["yes"]),
    ("beta_1", [-0.1, 1]),
    ("beta_2", [-0.1, 1]),
    ("epsilon", [0, -1]),
    ("warm_start", ["yes"]),
    ("verbose", ["yes", -1]),
    ("dtype", ["float16", "int32", int, None, np.float16, np.dtype("i4")]),
    ("missing", ["drop", None, True, np.nan]),
]


@pytest.mark.parametrize("estimator", [LSTMClassifier, GRURegressor, RNNClassifier])
@pytest.mark.parametrize(
    "name, value", [(name, value) for name, values in INVALID for value in values]
)
def test_invalid_parameters(estimator, name, value):
    X = ragged()
    y = make_target("binary", X)
    model = estimator(3, max_iter=1).set_params(**{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(X, y)
    assert vars(model) == before


def test_invalid_parameters_of_one_estimator():
    X = ragged()
    y = make_target("binary", X)
    for value in ("equal", 3, [1, 2]):
        with pytest.raises(ValueError, match="class_weight"):
            small("binary", class_weight=value).fit(X, y)
    for value in ("absolute", None):
        with pytest.raises(ValueError, match="loss"):
            small("single", loss=value).fit(X, y)
    of_families = [
        *((LSTMRegressor, "forget_bias", v) for v in ("gers", None, np.nan, np.inf)),
        *((LSTMRegressor, "peephole", v) for v in ("yes", None, 2)),
        *((RNNRegressor, "activation", v) for v in ("sigmoid", "linear", None, 1)),
    ]
    for Estimator, name, value in of_families:
        with pytest.raises(ValueError, match=name):
            Estimator(3, max_iter=1, **{name: value}).fit(X, y)


def test_every_parameter_has_a_constraint_and_an_invalid_value_here():
    own = {
        "class_weight", "loss", "quantile", "huber_delta", "forget_bias", "peephole",
        "activation",
    }  # fmt: skip
    public = [name for name in sklstm.__all__ if name.endswith(("ifier", "ressor"))]
    assert len(public) == 6
    for estimator in map(sklstm.__dict__.get, public):
        names = set(estimator().get_params())
        assert names == set(estimator._parameter_constraints)
        assert names - own == {name for name, _ in INVALID}


@pytest.mark.parametrize(
    "dtype", [np.float32, np.dtype("float64"), np.float64, "float32"]
)
def test_ways_to_say_dtype(dtype):
    estimator = fitted("single", dtype=dtype)
    assert estimator.weights_["weight_ih_l0"].dtype == dtype
    assert_same_bits(estimator, fitted("single", dtype=np.dtype(dtype).name))


@pytest.mark.parametrize("sizes", [5, (5,), [5], np.array([5]), np.int32(5)])
def test_ways_to_say_sizes(sizes):
    assert_same_bits(fitted("single", hidden=sizes), fitted("single", hidden=(5,)))


def test_extremes_of_parameters():
    """The ends that the constraints allow."""
    for params in (
        {"momentum": 0.0, "solver": "sgd"}, {"momentum": 1.0, "solver": "sgd"},
        {"beta_1": 0.0, "beta_2": 0.0}, {"n_iter_no_change": np.inf}, {"tol": 0.0},
        {"power_t": 0.0, "learning_rate": "invscaling"}, {"hidden": 1},
        {"batch_size": 1}, {"max_grad_norm": 1e-12}, {"verbose": 0}, {"alpha": 0},
    ):  # fmt: skip
        for task in ("multiclass", "single"):
            assert np.isfinite(raw(fitted(task, **params), ragged())).all()


# ---- real data ---------------------------------------------------------------------


def test_japanese_vowels():
    """The job of the README, with the defaults: 0.95 as the mean of five seeds."""
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    scores = []
    for seed in range(5):
        model = make_pipeline(
            TimeDistributed(StandardScaler()), LSTMClassifier(random_state=seed)
        )
        scores.append(model.fit(X_train, y_train).score(X_test, y_test))
    assert np.mean(scores) >= 0.95
    assert min(scores) > 0.9


def test_regression_with_the_defaults():
    """Better than the mean by far: the decaying sum of a noisy signal."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(5, 20, 300)]
    y = np.array([3000 + 500 * 0.8 ** np.arange(len(x))[::-1] @ x[:, 0] for x in X])
    y += 50 * rng.standard_normal(300)
    model = LSTMRegressor(random_state=0, max_iter=40)
    assert model.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.85
