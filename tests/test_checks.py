"""What cannot be: parameters that are refused, memory that is not there."""

import numpy as np
import pytest
from malformed_cases import INVALID
from task_cases import (
    assert_same_bits,
    assert_untouched,
    every_task,
    fitted,
    make_target,
    ragged,
    raw,
    small,
    snapshot,
)

import sklstm
from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMForecaster,
    ConvLSTMRegressor,
    GRURegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)

CONVOLUTIONAL = ConvLSTMClassifier, ConvLSTMForecaster, ConvLSTMRegressor
# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


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


OF_FORECASTS = {
    "horizon": (0, 1.5, None, "day"),
    "target": (None, 1.5),
    "future_features": (1, "price"),
    "static_features": (1, "shop"),
    "scale": ("max", 1),
    "seasonal_lag": (0, 1.5, "year"),
    "context_length": (0, 1.5, "all"),
    "windows_per_epoch": (0, 1.5, "all"),
    "quantile": (0.0, 1.0, "median"),
    "loss": ("percentage", None),
    "huber_delta": (0, None),
    "cell": ("elman", None),
    "forget_bias": (None, "gers"),
}
OF_ANOMALIES = {
    "method": ("forecast", None),
    "window": (0, 1.5, None, "all"),
    "n_ahead": (0, 1.5, None),
    "covariance": ("robust", None),
    "aggregate": ("max", None),
    "contamination": (0.0, 0.6, None, "5 %"),
    "cell": ("elman", None),
    "forget_bias": (None, "gers"),
}


# test_seq2seq_errors.py has invalid values of them
OF_DOCUMENTS = {
    "level": ("byte", None),
    "min_count": (0, 1.5, None, "all"),
    "max_tokens": (0, 1.5, "all"),
    "tie_weights": ("yes", None, 2),
    "contiguous": ("yes", None, 2),
    "embedding_dim": (0, 1.5, None, [3]),
    "tbptt": (0, 1.5, "auto"),
    "cell": ("elman", None),
}
OF_ANSWERS = {
    "attention", "target_embedding_dim", "level", "min_count", "beam_size",
    "length_penalty", "max_length",
}  # fmt: skip
# test_conv_around.py has invalid values of them
OF_CLIPS = {"hidden_channels", "kernel_size", "patch_size", "space_pooling"}
OF_TRANSCRIPTS = {
    "infeasible", "beam_size", "language_model", "lm_weight", "insertion_bonus",
}  # fmt: skip


@pytest.mark.parametrize(
    "Estimator, name, value",
    [
        (Estimator, name, value)
        for Estimator, table in [
            (LSTMForecaster, OF_FORECASTS), (LSTMAnomalyDetector, OF_ANOMALIES),
            (LSTMLanguageModel, OF_DOCUMENTS),
        ]
        for name, values in table.items()
        for value in values
    ],
)  # fmt: skip
def test_invalid_parameters_of_estimators_without_y(Estimator, name, value):
    model = Estimator(3, max_iter=1, **{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit([np.arange(40.0)[:, np.newaxis]] * 3)
    assert vars(model) == before


def test_every_parameter_has_a_constraint_and_an_invalid_value_here():
    own = {
        "class_weight", "loss", "quantile", "huber_delta", "forget_bias", "peephole",
        "activation", "cell", "crf", "constraints", "unlabeled", *OF_FORECASTS,
        *OF_ANOMALIES, *OF_ANSWERS, *OF_CLIPS, *OF_DOCUMENTS, *OF_TRANSCRIPTS,
    }  # fmt: skip
    # choices of networks that read whole sequences
    of_wholes = {"pooling", "tbptt", "bidirectional"}
    of_ids = {name for name in LSTMClassifier().get_params() if "embedding" in name}
    of_ids |= {"categorical_features"}
    values = [getattr(sklstm, name) for name in sklstm.__all__]
    public = [value for value in values if hasattr(value, "_parameter_constraints")]
    assert len(public) == 16
    for estimator in public:
        names = set(estimator().get_params())
        assert names == set(estimator._parameter_constraints)
        missing = {name for name, _ in INVALID} - names
        assert names - own <= {name for name, _ in INVALID}
        if estimator in (LSTMLanguageModel, ConvLSTMForecaster):
            missing -= {"missing"}
        allowed = of_wholes
        if estimator in (LSTMAnomalyDetector, LSTMLanguageModel, *CONVOLUTIONAL):
            allowed = allowed | of_ids
        if estimator in CONVOLUTIONAL:
            allowed = allowed | {"hidden_layer_sizes", "recurrent_dropout"}
        assert missing <= allowed


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
