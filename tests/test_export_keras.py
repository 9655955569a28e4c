"""Weights from and to Keras: the same outputs there and here."""

import numpy as np
import pytest
from export_cases import (
    ARCHITECTURES,
    CELLS,
    NUMBERS,
    TOLERANCE,
    X,
    family,
    in_keras,
    make,
    sizes_of,
    torch_model,
    torch_outputs,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklstm import GRURegressor
from sklstm.export import from_keras, from_torch, to_keras

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def keras_model(keras, estimator, n_outputs=2):
    names = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN"}
    make = getattr(keras.layers, names[family(estimator)])
    options = {"dtype": estimator.dtype}
    if family(estimator) == "RNN":
        options["activation"] = estimator.activation
    model = keras.Sequential([keras.Input((None, 3), dtype=estimator.dtype)])
    sizes = sizes_of(estimator)
    for k, size in enumerate(sizes):
        layer = make(size, return_sequences=k + 1 < len(sizes), **options)
        if estimator.bidirectional:
            layer = keras.layers.Bidirectional(layer, dtype=estimator.dtype)
        model.add(layer)
    model.add(keras.layers.Dense(n_outputs, dtype=estimator.dtype))
    rng = np.random.default_rng(1)
    model.set_weights([0.5 * rng.standard_normal(w.shape) for w in model.get_weights()])
    return model


def keras_outputs(keras, model, X):
    """Hidden states and outputs, one sequence at a time.

    Keras on PyTorch multiplies float64 matrices in float32 (keras.ops.matmul), which is
    the dense layer and SimpleRNN; LSTM and GRU do it in float64.
    """
    dtype, rows = model.layers[0].dtype, []
    for x in X:
        h = x[np.newaxis].astype(dtype)
        for layer in model.layers[:-1]:
            h = layer(h)
        rows.append([keras.ops.convert_to_numpy(a) for a in (h, model.layers[-1](h))])
    return [np.concatenate(column) for column in zip(*rows)]


@in_keras
@pytest.mark.parametrize(("cell", "options"), ARCHITECTURES)
def test_the_same_as_keras_in_both_directions(keras, cell, options):
    estimator = make(cell, options)
    there = keras_model(keras, estimator)
    weights = there.get_weights()
    model = from_keras(weights, estimator)
    hidden, outputs = keras_outputs(keras, there, X[:3])
    tolerance = TOLERANCE["float32" if "rnn" in cell else options["dtype"]]
    assert_allclose(model.transform(X[:3]), hidden, tolerance, tolerance)
    assert_allclose(model.predict(X[:3]), outputs, 1e-5, 1e-5)
    back = to_keras(model)
    assert [w.shape for w in back] == [w.shape for w in weights]
    for k, (ours, theirs) in enumerate(zip(back, weights)):
        if cell == "gru" and ours.shape[0] == 2 and k % 3 == 2:
            # z and r have one bias here, h has two
            H = ours.shape[1] // 3
            assert_array_equal(ours[:, 2 * H :], theirs[:, 2 * H :])
            assert_array_equal(ours[0, : 2 * H], theirs.sum(axis=0)[: 2 * H])
            assert not ours[1, : 2 * H].any()
        else:
            assert_array_equal(ours, theirs)


@in_keras
@pytest.mark.parametrize("cell", CELLS)
def test_keras_predicts_what_we_do(keras, cell):
    options = {"hidden_layer_sizes": (5, 3), "bidirectional": True, "dtype": "float64"}
    model = make(cell, options).fit(X, NUMBERS / 1000)
    there = keras_model(keras, model, 1)
    there.set_weights(to_keras(model))
    hidden, outputs = keras_outputs(keras, there, X)
    tolerance = TOLERANCE["float32" if "rnn" in cell else "float64"]
    assert_allclose(hidden, model.transform(X), tolerance, tolerance)
    assert_allclose(outputs[:, 0], model.predict(X), 1e-5)


@pytest.mark.parametrize(("cell", "options"), ARCHITECTURES)
def test_there_and_back_through_keras_to_the_bit(cell, options):
    model = make(cell, options).fit(X, NUMBERS)
    again = from_keras(to_keras(model, standardized=True), clone(model))
    assert_array_equal(again._fitted.parameters, model._fitted.parameters)
    assert_array_equal(again.predict(X), model.predict(X))


@in_keras
def test_from_torch_to_keras(torch, keras):
    estimator = make("gru", {"hidden_layer_sizes": (4, 3), "bidirectional": True})
    module = torch_model(torch, estimator)
    there = keras_model(keras, estimator)
    there.set_weights(to_keras(from_torch(module.state_dict(), estimator)))
    expected = torch_outputs(torch, module, X)
    assert_allclose(keras_outputs(keras, there, X)[1], expected, 1e-5, 1e-6)


@in_keras
def test_a_keras_gru_that_resets_before_is_refused(keras):
    layers = keras.layers.GRU(4, reset_after=False), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    message = r"weights\[2\] has shape \(12,\).*reset_after=False.*another function"
    with pytest.raises(ValueError, match=message):
        from_keras(model.get_weights(), GRURegressor(4))
