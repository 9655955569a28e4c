"""Weights from and to PyTorch and Keras: the same outputs there and here."""

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNRegressor,
)
from sklstm.export import from_keras, from_torch, to_keras, to_torch
from sklstm.preprocessing import FrameStacker

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 3)) for T in (5, 1, 9, 2, 4, 7)]
LABELS = np.array(["b", "a", "c", "a", "b", "c"])
NUMBERS = 1000 + 50 * RNG.standard_normal(6)
SMALL = {"max_iter": 2, "random_state": 0}

CELLS = {
    "lstm": (LSTMRegressor, {}),
    "gru": (GRURegressor, {}),
    "rnn_tanh": (RNNRegressor, {"activation": "tanh"}),
    "rnn_relu": (RNNRegressor, {"activation": "relu"}),
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


# Every family, stacked and in both directions.
ARCHITECTURES = [
    pytest.param(
        cell,
        {"hidden_layer_sizes": sizes, "bidirectional": both, "dtype": dtype},
        id=f"{cell}-{sizes}-{'both' if both else 'one'}-{dtype}",
    )
    for cell in CELLS
    for sizes in (4, (5, 5), (5, 3))
    for both in (False, True)
    for dtype in ("float32", "float64")
]


def make(cell, options, **more):
    family, own = CELLS[cell]
    return family(**SMALL, **own, **options, **more)


def sizes_of(estimator):
    return tuple(np.atleast_1d(estimator.hidden_layer_sizes).tolist())


# ---- PyTorch -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def family(estimator):
    """LSTM, GRU or RNN."""
    name = type(estimator).__name__
    return name.removesuffix("Regressor").removesuffix("Classifier")


def torch_model(torch, estimator, n_outputs=2, **more):
    """A module as users write it, with `lstm`, `gru` or `rnn`, and `head`."""
    torch.manual_seed(0)
    make = getattr(torch.nn, family(estimator))
    sizes, n_directions = sizes_of(estimator), 1 + estimator.bidirectional
    options = {
        "batch_first": True,
        "bidirectional": estimator.bidirectional,
        "dtype": getattr(torch, estimator.dtype),
        **more,
    }
    if family(estimator) == "RNN":
        options["nonlinearity"] = estimator.activation
    if len(set(sizes)) == 1:
        layers = make(3, sizes[0], num_layers=len(sizes), **options)
    else:
        inputs = 3, *(n_directions * size for size in sizes[:-1])
        layers = torch.nn.ModuleList(
            make(n_in, size, **options) for n_in, size in zip(inputs, sizes)
        )

    n_last = n_directions * sizes[-1]
    head = torch.nn.Linear(n_last, n_outputs, dtype=options["dtype"])
    return module_class()({family(estimator).lower(): layers, "head": head})


@cache
def module_class():
    import torch

    class Model(torch.nn.ModuleDict):
        def forward(self, x):
            """Outputs from h_n, and the outputs of the uppermost layer."""
            layers, head = self.values()
            stacked = isinstance(layers, torch.nn.ModuleList)
            for layer in layers if stacked else [layers]:
                x, last = layer(x)
            h_n = last[0] if isinstance(last, tuple) else last
            h_n = h_n[-2:] if layer.bidirectional else h_n[-1:]
            return head(torch.cat(list(h_n), dim=-1)), x

    return Model


def torch_outputs(torch, model, X):
    """Of ragged sequences, packed."""
    dtype = next(model.parameters()).dtype
    sequences = [torch.tensor(x, dtype=dtype) for x in X]
    packed = torch.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    with torch.no_grad():
        return model(packed)[0].numpy()


def loaded(torch, model, state_dict):
    tensors = {name: torch.from_numpy(value) for name, value in state_dict.items()}
    model.load_state_dict(tensors)
    return model


@pytest.mark.parametrize(("cell", "options"), ARCHITECTURES)
def test_predicts_what_the_torch_model_does(torch, cell, options):
    estimator = make(cell, options)
    module = torch_model(torch, estimator)
    model = from_torch(module.state_dict(), estimator)
    tolerance = TOLERANCE[options["dtype"]]
    assert_allclose(
        model.predict(X), torch_outputs(torch, module, X), tolerance, tolerance
    )


@pytest.mark.parametrize("cell", CELLS)
def test_one_sequence_at_a_time(torch, cell):
    estimator = make(cell, {"hidden_layer_sizes": (4, 4), "dtype": "float64"})
    module = torch_model(torch, estimator)
    model = from_torch(module.state_dict(), estimator)
    for x in X:
        with torch.no_grad():
            output, _ = module(torch.tensor(x[np.newaxis]))
        assert_allclose(model.predict([x]), output.numpy(), 1e-12, 1e-12)


@pytest.mark.parametrize(("cell", "options"), ARCHITECTURES)
def test_the_torch_model_predicts_what_we_do(torch, cell, options):
    model = make(cell, options).fit(X, np.column_stack([NUMBERS / 1000, -NUMBERS]))
    module = loaded(torch, torch_model(torch, model), to_torch(model))
    outputs = torch_outputs(torch, module, X)
    assert_allclose(outputs, model.predict(X), TOLERANCE[options["dtype"]])


@pytest.mark.parametrize(("cell", "options"), ARCHITECTURES)
def test_there_and_back_through_torch_to_the_bit(torch, cell, options):
    model = make(cell, options).fit(X, NUMBERS)
    state_dict = to_torch(model, standardized=True)
    units = {name: state_dict[name] for name in ("target_mean", "target_scale")}
    again = from_torch(state_dict, clone(model))
    assert_array_equal(again._fitted.parameters, model._fitted.parameters)
    assert_array_equal(again.predict(X), model.predict(X))
    del state_dict["target_mean"], state_dict["target_scale"]
    module = loaded(torch, torch_model(torch, model, 1), state_dict)
    again = from_torch(module.state_dict(), clone(model), **units)
    assert_array_equal(again.predict(X), model.predict(X))
    back = to_torch(again, standardized=True)
    for name, tensor in module.state_dict().items():
        assert_array_equal(back[name], tensor.numpy(), err_msg=name)


def test_two_biases_are_added_but_for_the_candidate_of_a_gru(torch):
    for cell in CELLS:
        estimator = make(cell, {"hidden_layer_sizes": 4, "dtype": "float64"})
        module = torch_model(torch, estimator)
        before = {name: value.numpy() for name, value in module.state_dict().items()}
        after = to_torch(from_torch(before, estimator))
        biases = [name for name in before if ".bias_" in name]
        for name in before.keys() - biases:
            assert_array_equal(after[name], before[name])
        ih, hh = (before[name] for name in biases)
        own = slice(8, 12) if cell == "gru" else slice(0, 0)
        both = ih + hh
        both[own], hh = (
            ih[own],
            np.where(np.isin(np.arange(len(hh)), range(12)[own]), hh, 0),
        )
        assert_array_equal(after[biases[0]], both)
        assert_array_equal(after[biases[1]], hh)


@pytest.mark.parametrize("cell", CELLS)
def test_without_biases(torch, cell):
    estimator = make(cell, {"hidden_layer_sizes": (4, 4), "bidirectional": True})
    module = torch_model(torch, estimator, bias=False)
    module["head"] = torch.nn.Linear(8, 2, bias=False)
    model = from_torch(module.state_dict(), estimator)
    expected = torch_outputs(torch, module, X)
    assert_allclose(model.predict(X), expected, 1e-5, 1e-6)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooling_is_done_by_the_model(torch, pooling):
    model = LSTMRegressor(
        4, pooling=pooling, bidirectional=True, dtype="float64", **SMALL
    ).fit(X, NUMBERS)
    module = loaded(torch, torch_model(torch, model, 1), to_torch(model))
    for x, expected in zip(X, model.predict(X)):
        with torch.no_grad():
            _, every = module(torch.tensor(x[np.newaxis]))
            pooled = every.mean(dim=1) if pooling == "mean" else every.amax(dim=1)
            assert_allclose(module["head"](pooled).numpy()[0, 0], expected, 1e-12)


def test_last_of_two_directions_is_h_n_and_not_the_last_output(torch):
    estimator = make("gru", {"hidden_layer_sizes": 4, "bidirectional": True})
    module = torch_model(torch, estimator)
    model = from_torch(module.state_dict(), estimator)
    x = torch.tensor(X[0][np.newaxis], dtype=torch.float32)
    with torch.no_grad():
        every, h_n = module["gru"](x)
    assert_allclose(model.transform(X[:1])[0], h_n.numpy().ravel(), 1e-5, 1e-6)
    assert np.abs(every[0, -1].numpy() - h_n.numpy().ravel())[4:].max() > 0.01


def test_cells_of_a_single_step(torch):
    """LSTMCell and its like have the names without a number."""
    cells = torch.nn.ModuleDict(
        {"cell": torch.nn.LSTMCell(3, 4), "out": torch.nn.Linear(4, 2)}
    )
    model = from_torch(cells.state_dict(), LSTMRegressor(4))
    with torch.no_grad():
        h = c = torch.zeros(1, 4)
        for step in torch.tensor(X[0], dtype=torch.float32):
            h, c = cells["cell"](step[None], (h, c))
        expected = cells["out"](h).numpy()
    assert_allclose(model.predict(X[:1]), expected, 1e-5, 1e-6)


def test_a_model_of_other_names(torch):
    module = torch.nn.ModuleDict(
        {"module": torch.nn.ModuleList([torch.nn.GRU(3, 4), torch.nn.Linear(4, 2)])}
    )
    state_dict = module.state_dict()
    found = from_torch(state_dict, GRURegressor(4))
    told = from_torch(
        state_dict, GRURegressor(4), recurrent="module.0", head="module.1"
    )
    assert_array_equal(found.predict(X), told.predict(X))
    renamed = to_torch(told, recurrent="module.0", head="module.1")
    assert renamed.keys() == state_dict.keys()
    bare = torch.nn.GRU(3, 4).state_dict()
    head = {"weight": torch.zeros(2, 4), "bias": torch.ones(2)}
    assert (from_torch({**bare, **head}, GRURegressor(4)).predict(X) == 1).all()
    assert to_torch(told, recurrent="", head="").keys() == {**bare, **head}.keys()


def test_modules_that_are_stacked_by_hand(torch):
    module = torch.nn.ModuleDict(
        {
            "upper": torch.nn.LSTM(5, 4, num_layers=2),
            "lower": torch.nn.LSTM(3, 5),
            "head": torch.nn.Linear(4, 1),
        }
    )
    estimator = LSTMRegressor((5, 4, 4))
    state_dict = module.state_dict()
    with pytest.raises(ValueError, match="at 'lower', 'upper'.*recurrent="):
        from_torch(state_dict, estimator)
    model = from_torch(state_dict, estimator, recurrent=["lower", "upper"])
    with torch.no_grad():
        x = torch.tensor(X[0], dtype=torch.float32)
        output = module["head"](module["upper"](module["lower"](x)[0])[0][-1])
    assert_allclose(model.predict(X[:1]), output.numpy(), 1e-5, 1e-6)


def test_more_than_ten_modules_come_in_their_order():
    sizes = tuple(range(2, 14))
    model = RNNRegressor(sizes, **SMALL).fit(X, NUMBERS)
    state_dict = to_torch(model, standardized=True)
    shuffled = dict(sorted(state_dict.items()))
    assert list(shuffled) != list(state_dict)
    again = from_torch(shuffled, clone(model))
    assert_array_equal(again.predict(X), model.predict(X))


def test_tensors_that_are_being_trained(torch):
    estimator = make("lstm", {"hidden_layer_sizes": 4})
    module = torch_model(torch, estimator)
    model = from_torch(dict(module.named_parameters()), estimator)
    assert_array_equal(
        model.predict(X), from_torch(module.state_dict(), estimator).predict(X)
    )
    half = {name: value.bfloat16() for name, value in module.state_dict().items()}
    with pytest.raises(TypeError, match="lstm.weight_ih_l0 cannot be read as an array"):
        from_torch(half, estimator)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_step_of_training_is_that_of_torch(torch, cell, bidirectional):
    """The gradients are the same, and so is one step of gradient descent."""
    estimator = make(
        cell,
        {
            "hidden_layer_sizes": (4, 4),
            "bidirectional": bidirectional,
            "dtype": "float64",
        },
        solver="sgd",
        momentum=0,
        max_grad_norm=None,
        learning_rate_init=0.1,
    )
    module = torch_model(torch, estimator, n_outputs=1)
    model = from_torch(module.state_dict(), estimator)
    y = NUMBERS / 1000
    model.partial_fit(X, y)
    packed = torch.nn.utils.rnn.pack_sequence(
        [torch.tensor(x) for x in X], enforce_sorted=False
    )
    (module(packed)[0][:, 0] - torch.tensor(y)).square().mean().div(2).backward()
    after = to_torch(model)
    for name, parameter in module.named_parameters():
        if ".bias_" in name:  # of the two each takes the whole step
            continue
        step = parameter - 0.1 * parameter.grad
        assert_allclose(after[name], step.detach().numpy(), 1e-9, 1e-12, err_msg=name)


# ---- frozen numbers of PyTorch, where it is not installed --------------------------

FROZEN = Path(__file__).parent / "data" / "torch_cells.npz"
FROZEN_CASES = {
    "gru-stacked": GRURegressor((5, 5), dtype="float64"),
    "lstm-stacked": LSTMRegressor((5, 5), dtype="float64"),
    "lstm-bidirectional": LSTMRegressor((4, 4), bidirectional=True, dtype="float64"),
    "gru-bidirectional": GRURegressor((4, 4), bidirectional=True, dtype="float64"),
    "rnn_relu-bidirectional": RNNRegressor(
        (4, 4), bidirectional=True, activation="relu", dtype="float64"
    ),
}


@pytest.mark.parametrize("case", FROZEN_CASES)
def test_frozen_numbers(case):
    """With the identity as head the outputs are h_n."""
    with np.load(FROZEN) as file:
        numbers = {
            key.partition("/")[2]: value
            for key, value in file.items()
            if key.startswith(f"{case}/")
        }
    state_dict = {
        key: value
        for key, value in numbers.items()
        if key.startswith(("weight", "bias"))
    }
    n_directions = 2 if "bidirectional" in case else 1
    h_n = numbers["h_n"][-n_directions:]
    expected = h_n.transpose(1, 0, 2).reshape(h_n.shape[1], -1)
    state_dict["weight"] = np.eye(expected.shape[1])
    model = from_torch(state_dict, FROZEN_CASES[case])
    x = np.split(numbers["x"], np.cumsum(numbers["lengths"])[:-1])
    assert_allclose(model.predict(x), expected, 1e-12, 1e-12)
    assert_array_equal(
        from_keras(to_keras(model), clone(model)).predict(x), model.predict(x)
    )


# ---- Keras -------------------------------------------------------------------------


# Keras reads its variables on PyTorch in a way that NumPy 2 warns of.
in_keras = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


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


# ---- targets -----------------------------------------------------------------------


def state_dict_of(n_outputs):
    """An LSTM of 4 units that reads 3 features, in plain arrays."""
    rng = np.random.default_rng(2)
    return {
        "lstm.weight_ih_l0": rng.standard_normal((16, 3)),
        "lstm.weight_hh_l0": rng.standard_normal((16, 4)),
        "lstm.bias_ih_l0": rng.standard_normal(16),
        "lstm.bias_hh_l0": rng.standard_normal(16),
        "head.weight": rng.standard_normal((n_outputs, 4)),
        "head.bias": rng.standard_normal(n_outputs),
    }


def raw_outputs(n_outputs):
    return from_torch(state_dict_of(n_outputs), LSTMRegressor(4)).predict(X)


def softmax(raw):
    raw = np.exp(raw - raw.max(axis=1, keepdims=True))
    return raw / raw.sum(axis=1, keepdims=True)


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


# ---- errors ------------------------------------------------------------------------


def changed(n_outputs=3, remove=(), **arrays):
    state_dict = {**state_dict_of(n_outputs), **arrays}
    return {name: value for name, value in state_dict.items() if name not in remove}


def zeros(*shape):
    return np.zeros(shape)


WRONG_STATE_DICTS = {
    "units": (
        state_dict_of(3),
        LSTMClassifier(8),
        r"of hidden_layer_sizes=\(4,\), bidirectional=False, .*=\(8,\), bidir.*Pass "
        r"LSTMClassifier\(hidden_layer_sizes=4, bidirectional=False\)",
    ),
    "directions": (
        state_dict_of(3),
        LSTMClassifier(4, bidirectional=True),
        "Pass LSTM",
    ),
    "family": (
        state_dict_of(3),
        GRUClassifier(4),
        r"lstm.weight_hh_l0 has shape \(16, 4\): 4 units with 4 gates, so the network "
        r"is an LSTM \(4\). GRUClassifier is a GRU \(3\)",
    ),
    "no gates": (
        changed(**{"lstm.weight_hh_l0": zeros(10, 4)}),
        LSTMClassifier(4),
        r"lstm.weight_hh_l0 has shape \(10, 4\), .*with 4, 3 or 1 gates",
    ),
    "input matrix": (
        changed(**{"lstm.weight_ih_l0": zeros(12, 3)}),
        LSTMClassifier(4),
        r"lstm.weight_ih_l0 has shape \(12, 3\), but .* must have \(16, 3\)",
    ),
    "vector": (
        changed(**{"lstm.weight_ih_l0": zeros(16)}),
        LSTMClassifier(4),
        r"lstm.weight_ih_l0 has shape \(16,\)",
    ),
    "bias": (
        changed(**{"lstm.bias_hh_l0": zeros(4)}),
        LSTMClassifier(4),
        r"lstm.bias_hh_l0 has shape \(4,\), but .* must have \(16,\)",
    ),
    "missing bias": (
        changed(remove=["lstm.bias_hh_l0"]),
        LSTMClassifier(4),
        "'lstm.weight_ih_l0' but no bias_hh beside it",
    ),
    "missing direction": (
        changed(**{"lstm.weight_hh_l0_reverse": zeros(16, 4)}),
        LSTMClassifier(4, bidirectional=True),
        "no weight_ih_reverse beside it",
    ),
    "missing layer": (
        changed(**{"lstm.weight_ih_l2": zeros(16, 4)}),
        LSTMClassifier(4),
        "no 'lstm.weight_ih_l1', but layers above it",
    ),
    "no layers": (
        {"head.weight": zeros(3, 4)},
        LSTMClassifier(4),
        "no recurrent layer",
    ),
    "no head": (
        changed(remove=["head.weight", "head.bias"]),
        LSTMClassifier(4),
        "no linear layer for the head",
    ),
    "two heads": (
        changed(**{"other.weight": zeros(2, 4)}),
        LSTMClassifier(4),
        "linear layers at 'head', 'other'",
    ),
    "head": (
        changed(**{"head.weight": zeros(3, 8)}),
        LSTMClassifier(4),
        r"head.weight has shape \(3, 8\), but a head that reads 4 hidden states must "
        r"have \(3, 4\)",
    ),
    "bias of head": (
        changed(**{"head.bias": zeros(2)}),
        LSTMClassifier(4),
        r"head.bias has shape \(2,\)",
    ),
    "left over": (
        changed(**{"norm.weight": zeros(4), "norm.bias": zeros(4)}),
        LSTMClassifier(4),
        "'norm.weight', 'norm.bias', which have no place in LSTMClassifier",
    ),
    "projection": (
        changed(**{"lstm.weight_hr_l0": zeros(2, 4)}),
        LSTMClassifier(4),
        "lstm.weight_hr_l0 is a projection",
    ),
    "two modules": (
        changed(**{"more.weight_hh_l0": zeros(16, 4)}),
        LSTMClassifier(4),
        r"recurrent layers at 'lstm', 'more'. Say which are stacked",
    ),
    "NaN": (
        changed(**{"lstm.bias_ih_l0": np.full(16, np.nan)}),
        LSTMClassifier(4),
        "lstm.bias_ih_l0 holds NaN",
    ),
    "too large": (
        changed(**{"lstm.bias_ih_l0": np.full(16, 1e300)}),
        LSTMClassifier(4),
        "too large for dtype='float32'",
    ),
    "odd indicators": (
        state_dict_of(3),
        LSTMClassifier(4, missing="indicator"),
        "reads 3 features, but with missing='indicator'",
    ),
    "peephole": (
        state_dict_of(3),
        LSTMClassifier(4, peephole=True),
        "'lstm.weight_ih_l0' but no peephole beside it",
    ),
    "attention": (
        state_dict_of(3),
        LSTMClassifier(4, pooling="attention"),
        "holds no 'attention', but LSTMClassifier has pooling='attention'",
    ),
    "quantiles": (
        state_dict_of(3),
        LSTMRegressor(4, loss="quantile", quantile=[0.1, 0.9]),
        r"quantile=\[0.1, 0.9\]: its outputs are increments",
    ),
    "parameter": (
        state_dict_of(3),
        LSTMClassifier(4, dropout=2),
        "'dropout' parameter",
    ),
}


@pytest.mark.parametrize("case", WRONG_STATE_DICTS)
def test_wrong_state_dicts(case):
    state_dict, estimator, message = WRONG_STATE_DICTS[case]
    with pytest.raises(ValueError, match=message):
        from_torch(state_dict, estimator)


def keras_weights(*shapes):
    return [np.zeros(shape) for shape in shapes]


ONE_LSTM = (3, 16), (4, 16), (16,), (4, 2), (2,)
WRONG_WEIGHTS = {
    "number": (ONE_LSTM[:-1], LSTMRegressor(4), r"holds 4 arrays, of shapes \(3, 16\)"),
    "two layers": (ONE_LSTM, LSTMRegressor((4, 4)), "has 8: kernel, recurrent kernel"),
    "units": (ONE_LSTM, LSTMRegressor(8), r"LSTMRegressor\(hidden_layer_sizes=4,"),
    "family": (ONE_LSTM, RNNRegressor(4), r"weights\[1\] .* is an LSTM \(4\)"),
    "kernel": (
        ((3, 12), *ONE_LSTM[1:]),
        LSTMRegressor(4),
        r"weights\[0\] has shape \(3, 12\), but the kernel .* must have \(3, 16\)",
    ),
    "bias": (
        (*ONE_LSTM[:2], (4,), *ONE_LSTM[3:]),
        LSTMRegressor(4),
        r"weights\[2\] has shape \(4,\)",
    ),
    "dense": (
        (*ONE_LSTM[:3], (5, 2), (2,)),
        LSTMRegressor(4),
        r"weights\[3\] has shape \(5, 2\), but .* must have \(4, 2\)",
    ),
    "bias of dense": (
        (*ONE_LSTM[:3], (4, 2), (3,)),
        LSTMRegressor(4),
        r"weights\[4\] has shape \(3,\)",
    ),
    "directions": (
        (*ONE_LSTM[:3], (3, 20), (5, 20), (20,), (9, 2), (2,)),
        LSTMRegressor(4, bidirectional=True),
        r"directions of a layer differ in their units: \[4, 5\]",
    ),
    "reset_after": (
        ((3, 12), (4, 12), (12,), (4, 2), (2,)),
        GRURegressor(4),
        r"weights\[2\] has shape \(12,\).*reset_after=True",
    ),
    "peephole": (ONE_LSTM, LSTMRegressor(4, peephole=True), "Keras has not peepholes"),
    # its kernel and bias are no mean and scale of targets
    "two dense": (ONE_LSTM + ((2, 1), (1,)), LSTMRegressor(4), "holds 7 arrays"),
    "two dense of a classifier": (
        ONE_LSTM + ((2, 3), (3,)),
        LSTMClassifier(4),
        "holds 7 arrays",
    ),
    "two dense of one unit": (
        (*ONE_LSTM[:3], (4, 1), (1,), (1, 1), (1,)),
        LSTMRegressor(4),
        "holds 7 arrays",
    ),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_keras_weights(case):
    shapes, estimator, message = WRONG_WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        from_keras(keras_weights(*shapes), estimator)


WRONG_OPTIONS = {
    "too few": (
        LSTMClassifier,
        {"classes": ["a", "b"]},
        "has 2 labels, .* has 3 out",
    ),
    "one": (LSTMClassifier, {"classes": ["a"]}, "classes has 1 label"),
    "twice": (LSTMClassifier, {"classes": ["a", "b", "a"]}, "holds a label twice"),
    "mixed": (
        LSTMClassifier,
        {"classes": [None, "b", 3]},
        "not a 1-D array of labels",
    ),
    "continuous": (LSTMClassifier, {"classes": [0.5, 1.5, 2]}, "Unknown label type"),
    "multilabel": (
        LSTMClassifier,
        {"multilabel": True, "classes": [0, 1, 2]},
        "multilabel=True needs",
    ),
    "units": (LSTMClassifier, {"target_mean": 1.0}, "LSTMClassifier is a classifier"),
    "classes": (LSTMRegressor, {"classes": [0, 1, 2]}, "LSTMRegressor is a regressor"),
    "shape": (LSTMRegressor, {"target_mean": [1, 2]}, r"target_mean has shape \(2,\)"),
    "scale": (
        LSTMRegressor,
        {"target_scale": [1, 2, 0]},
        "scale must be positive",
    ),
    "mean": (LSTMRegressor, {"target_mean": np.inf}, "target_mean must be numbers"),
    "scale of text": (
        LSTMRegressor,
        {"target_scale": "three"},
        "target_scale must be positive numbers, got 'three'",
    ),
    "ragged mean": (
        LSTMRegressor,
        {"target_mean": [1, [2, 3]]},
        "target_mean must be numbers",
    ),
    "recurrent": (LSTMRegressor, {"recurrent": "gru"}, "at 'gru', but at 'lstm'"),
    "recurrent twice": (
        LSTMRegressor,
        {"recurrent": ["lstm", "lstm"]},
        r"recurrent=\['lstm', 'lstm'\] holds 'lstm' twice",
    ),
    "head": (
        LSTMRegressor,
        {"head": "fc"},
        "no 'fc.weight' in state_dict",
    ),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options(case):
    estimator, options, message = WRONG_OPTIONS[case]
    with pytest.raises(ValueError, match=message):
        from_torch(state_dict_of(3), estimator(4), **options)


def test_units_for_counts():
    with pytest.raises(ValueError, match="loss='poisson' does not standardise"):
        from_torch(state_dict_of(1), LSTMRegressor(4, loss="poisson"), target_scale=2)


def test_wrong_types():
    state_dict = state_dict_of(3)
    with pytest.raises(TypeError, match="state_dict must be a mapping.*got list"):
        from_torch(list(state_dict), LSTMClassifier(4))
    with pytest.raises(TypeError, match="weights must be a list of arrays, got dict"):
        from_keras(state_dict, LSTMClassifier(4))
    with pytest.raises(TypeError, match="head.bias holds complex128"):
        from_torch(changed(**{"head.bias": 1j * zeros(3)}), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"got LSTMClassifier. Pass an instance"):
        from_torch(state_dict, LSTMClassifier)
    pipeline = make_pipeline(FrameStacker(2), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"got Pipeline. Pass its last step"):
        from_torch(state_dict, pipeline)
    with pytest.raises(TypeError, match=r"got GridSearchCV. Pass its best_estimator_"):
        search = GridSearchCV(LSTMClassifier(2, **SMALL), {"alpha": [0.1]}, cv=2)
        to_torch(search.fit(X, LABELS))


@pytest.mark.parametrize("path", [3, ["lstm"], {"lstm": 0}, b"lstm", np.nan, len])
@pytest.mark.parametrize("name", ["recurrent", "head"])
def test_a_path_is_a_string(name, path):
    model = LSTMClassifier(4, **SMALL).fit(X, LABELS)
    with pytest.raises(TypeError, match=f"{name}=.* is no path.*'encoder.lstm'"):
        to_torch(model, **{name: path})


@in_keras
def test_models_instead_of_their_weights(torch, keras):
    with pytest.raises(TypeError, match=r"Pass model.state_dict\(\)"):
        from_torch(torch.nn.LSTM(3, 4), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"Pass model.get_weights\(\)"):
        from_keras(keras.layers.LSTM(4), LSTMClassifier(4))


NO_COUNTERPART = {
    "peephole": LSTMRegressor(4, peephole=True, **SMALL),
    "attention": GRURegressor(4, pooling="attention", **SMALL),
    "quantile": RNNRegressor(4, loss="quantile", quantile=[0.1, 0.9], **SMALL),
}


@pytest.mark.parametrize("case", NO_COUNTERPART)
@pytest.mark.parametrize("export", [to_torch, to_keras])
def test_what_has_no_counterpart(case, export):
    model = clone(NO_COUNTERPART[case])
    with pytest.raises(NotFittedError):
        export(model)
    model.fit(X, NUMBERS)
    with pytest.raises(ValueError, match=case):
        export(model)


def test_the_fitted_network_counts_and_not_the_parameters():
    model = LSTMRegressor(4, **SMALL).fit(X, NUMBERS)
    expected = to_torch(model)
    model.set_params(hidden_layer_sizes=9, peephole=True, dtype="float64")
    for name, value in to_torch(model).items():
        assert_array_equal(value, expected[name])
        assert value.dtype == np.float32
