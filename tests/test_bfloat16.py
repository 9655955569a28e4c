"""dtype="bfloat16": what of a network is rounded, and that all else is float32."""

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from cases import (
    all_estimators,
    assert_same_bits,
    assert_same_outputs,
    make_target,
    outputs,
    ragged,
    small,
    small_fitted,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from threadpoolctl import threadpool_limits

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNRegressor,
)
from sklstm import _kernels as kernels
from sklstm._kernels import supported_instruction_sets
from sklstm._network.build import whole_sequence_network
from sklstm._network.losses import SquaredError
from sklstm._training.gradient import minibatch_gradient
from sklstm.inspection import gradient_norms
from sklstm.sequences import check_sequences

X = ragged(high=12)
# The tasks' networks, of every kind that a layer can be.
NETWORKS = [
    {}, {"bidirectional": True}, {"pooling": "attention"}, {"pooling": "mean"},
    {"dropout": 0.3, "recurrent_dropout": 0.3}, {"missing": "indicator"}, {"tbptt": 4},
]  # fmt: skip
networks = pytest.mark.parametrize("network", NETWORKS, ids=str)
every_cell = pytest.mark.parametrize(
    "Estimator", [LSTMClassifier, GRURegressor, RNNRegressor]
)


def bfloat16(Estimator, X=X, **params):
    params = {"hidden_layer_sizes": (21, 17), "dtype": "bfloat16", **params}
    return small_fitted(Estimator, X, **params)


# ---- what is float32 ---------------------------------------------------------------


@every_cell
@networks
def test_arrays_are_those_of_float32(bfloat16_set, Estimator, network):
    model = bfloat16(Estimator, **network)
    single = bfloat16(Estimator, dtype="float32", **network)
    for name, value in model.weights_.items():
        assert value.dtype == single.weights_[name].dtype
    for method, values in outputs(single, X).items():
        assert getattr(model, method)(X).dtype == values.dtype
    assert model.transform(X).dtype == np.float32
    assert check_sequences(model.transform(X, output="sequence")).dtype == np.float32
    if not network.get("bidirectional"):
        state = model.initial_state(2)
        assert all(a.dtype == np.float32 for parts in state.layers for a in parts)


@every_cell
@networks
def test_numbers_are_close_to_float32_and_other_ones(bfloat16_set, Estimator, network):
    # what is predicted before it is learnt, so that both have the same weights
    options = {"learning_rate_init": 1e-30, "max_iter": 1, **network}
    model = bfloat16(Estimator, **options)
    single = bfloat16(Estimator, dtype="float32", **options)
    assert_same_weights(model, single)
    a, b = (m.transform(X) for m in (model, single))
    assert_allclose(a, b, rtol=0, atol=0.02)
    steps = [len(x) > 0 for x in X]
    assert (a != b).any(axis=1)[steps].all()
    a, b = (raw(m) for m in (model, single))
    assert_allclose(a, b, rtol=0, atol=0.05 * np.abs(b - b.mean(axis=0)).max() + 1e-6)


def raw(model, X=X):
    method = "decision_function" if is_classifier(model) else "predict"
    return getattr(model, method)(X)


def assert_same_weights(a, b):
    for name, value in a.weights_.items():
        assert_allclose(value, b.weights_[name], 1e-6, 1e-20, err_msg=name)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_range_is_that_of_float32(bfloat16_set, scale):
    """Unlike float16: neither data nor gradients need scaling."""
    data = [x * scale for x in X]
    model = bfloat16(LSTMRegressor, data, hidden_layer_sizes=(8,))
    assert np.isfinite(model.predict(data)).all()


def test_data_beyond_float32_are_refused():
    with pytest.raises(ValueError, match="infinity or a value too large"):
        bfloat16(LSTMRegressor, [1e39 * np.ones((3, 3)) for _ in X])


# ---- promises ----------------------------------------------------------------------


@every_cell
@networks
def test_predictions_do_not_depend_on_neighbours(bfloat16_set, Estimator, network):
    model = bfloat16(Estimator, **network)
    whole = outputs(model, X)
    for i in range(len(X)):
        one = {name: value[i : i + 1] for name, value in whole.items()}
        assert_same_outputs(outputs(model, X[i : i + 1]), one)
    reverse = {name: value[::-1] for name, value in whole.items()}
    assert_same_outputs(outputs(model, X[::-1]), reverse)


@every_cell
@networks
def test_bits_do_not_depend_on_threads(bfloat16_set, Estimator, network):
    size = {"hidden_layer_sizes": (70,), "batch_size": 20}
    models = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            models.append(bfloat16(Estimator, **size, **network))
    for model in models[1:]:
        assert_same_bits(models[0], model)
        assert_same_outputs(outputs(models[0], X), outputs(model, X))


@all_estimators
def test_a_step_is_the_whole(bfloat16_set, Estimator):
    model = bfloat16(Estimator, pooling="attention")
    x = X[4]
    state = model.initial_state()
    for step in x:
        prediction, state = model.predict_step(step, state)
    assert_array_equal(prediction, model.predict([x]))
    begun = model.initial_state()
    for step in x[:3]:
        _, begun = model.predict_step(step, begun)
    assert_array_equal(model.predict([x[3:]], initial_state=begun), prediction)


# ---- where a model goes ------------------------------------------------------------


@all_estimators
def test_copies_are_the_same(bfloat16_set, Estimator):
    model = bfloat16(Estimator)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.dtype == "bfloat16"
    assert_same_bits(model, loaded)
    assert_same_outputs(outputs(model, X), outputs(loaded, X))
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert_same_bits(again.fit(X, make_target(Estimator, X)), model)


LOAD = """
import pickle, sys
import numpy as np
with open("model", "rb") as file:
    model, X, expected, X_more, y_more = pickle.load(file)
raw = model.predict_proba(X)
np.testing.assert_allclose(raw, expected, rtol=0, atol=0.02)
model.partial_fit(X_more, y_more)
state = model.initial_state()
_, state = model.predict_step(np.zeros(3), state)
"""


@pytest.mark.parametrize("name", supported_instruction_sets())
def test_a_model_is_not_tied_to_a_machine(name, tmp_path):
    """Any instruction set loads it, predicts much the same and goes on."""
    y = make_target(LSTMClassifier, X)
    model = bfloat16(LSTMClassifier)
    with (tmp_path / "model").open("wb") as file:
        pickle.dump((model, X, model.predict_proba(X), X, y), file)
    subprocess.run(
        [sys.executable, "-P", "-c", LOAD],
        env={**os.environ, "SKLSTM_ISA": name},
        cwd=tmp_path,
        check=True,
    )


@all_estimators
@pytest.mark.parametrize("dtypes", [("bfloat16", "float32"), ("float64", "bfloat16")])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_dtype_cannot_change_in_fits_that_go_on(Estimator, dtypes, method):
    before, after = dtypes
    y = make_target(Estimator, X)
    model = small(Estimator, dtype=before, warm_start=True).fit(X, y)
    expected = outputs(model, X)
    model.set_params(dtype=after)
    with pytest.raises(ValueError, match=f"dtype cannot .*'{before}'.*'{after}'"):
        getattr(model, method)(X, y)
    assert_same_outputs(outputs(model, X), expected)


@all_estimators
@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_going_on_is_one_fit(bfloat16_set, Estimator):
    y = make_target(Estimator, X)
    options = {"dtype": "bfloat16", "learning_rate": "constant", "tol": 0}
    whole = small(Estimator, max_iter=3, **options).fit(X, y)
    parts = small(Estimator, **options)
    for _ in range(3):
        parts.partial_fit(X, y, **classes_of(y, Estimator))
    assert_same_bits(parts, whole)


def classes_of(y, Estimator):
    return {"classes": np.unique(y)} if is_classifier(Estimator()) else {}


def test_a_state_is_of_one_precision():
    model, other = (bfloat16(LSTMRegressor, dtype=d) for d in ("bfloat16", "float32"))
    with pytest.raises(ValueError, match="dtype='float32', this one has dtype='bf"):
        model.predict_step(X[0][0], other.initial_state())


@pytest.mark.parametrize("name", ["ml_dtypes", "jax.numpy"])
def test_other_packages_type_of_bfloat16(name):
    bfloat = pytest.importorskip(name).bfloat16
    for dtype in [bfloat, np.dtype(bfloat)]:
        model = bfloat16(LSTMClassifier, dtype=dtype)
        assert_same_bits(model, bfloat16(LSTMClassifier))
        assert_same_bits(model, pickle.loads(pickle.dumps(model)))


def test_gradient_norms_are_in_float64():
    model = bfloat16(GRUClassifier)
    norms = gradient_norms(model, X, make_target(GRUClassifier, X)).norms
    assert all(np.isfinite(values).all() for values in norms.values())


@pytest.mark.parametrize("name", supported_instruction_sets())
def test_show_versions_says_what_multiplies(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import sklstm; sklstm.show_versions()"],
        env={**os.environ, "SKLSTM_ISA": name},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    used = {"amx": "(amx|avx512bf16)"}.get(name, name)
    assert re.search(f"^bfloat16: {used}$", done.stdout, flags=re.MULTILINE)


def test_without_the_systems_leave_amx_is_not_used(monkeypatch):
    for leave, expected in ((True, "amx"), (False, "avx512bf16")):
        monkeypatch.setattr(kernels, "instruction_set", "amx")
        monkeypatch.setattr(kernels, "may_use_tiles", lambda leave=leave: leave)
        assert kernels.bfloat16_set.__wrapped__() == expected


# ---- gradients ---------------------------------------------------------------------


def gradients(cell, bidirectional, seed):
    """Of a random network on random sequences, in float64 and in bfloat16."""
    rng = np.random.default_rng(seed)
    X = check_sequences([rng.standard_normal((T, 7)) for T in range(1, 24)])
    y = rng.standard_normal((len(X), 3))
    architecture = {
        "n_features": 7, "hidden_layer_sizes": (40, 33), "n_outputs": 3, "cell": cell,
        "bidirectional": bidirectional, "pooling": "mean",
    }  # fmt: skip
    network = whole_sequence_network(**architecture, dtype="float32")
    parameters = network.initialize(rng, np.zeros(3))
    for dtype, precision in (("float64", "float64"), ("float32", "bfloat16")):
        yield minibatch_gradient(
            {**architecture, "dtype": precision}, parameters.astype(dtype),
            X.astype(dtype), y.astype(dtype), None, SquaredError(),
        ).gradient  # fmt: skip


@pytest.mark.parametrize("cell", kernels.CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_are_close_to_float64_and_unbiased(bfloat16_set, cell, bidirectional):
    lengths, means = [], []
    for seed in range(10):
        exact, rounded = gradients(cell, bidirectional, seed)
        size, error = np.linalg.norm(exact), rounded - exact
        # That of ReLU jumps where a unit is on the other side of its kink: in float64
        # too, where only the weights are rounded, by up to 0.1.
        limit = 0.1 if cell == "rnn_relu" else 0.02
        assert 2e-4 < np.linalg.norm(error) / size < limit
        # along the gradient, and over all elements: as often up as down
        lengths.append(error @ exact / size**2)
        means.append(error.mean() / np.abs(exact).mean())
    for signed in lengths, means:
        noise = np.std(signed, ddof=1) / np.sqrt(len(signed))
        assert abs(np.mean(signed)) < 3.7 * noise  # one in 200 of Student's t
        assert abs(np.mean(signed)) < limit / 10
