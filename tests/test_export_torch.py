"""Weights from and to PyTorch: the same outputs there and here."""

import numpy as np
import pytest
from export_cases import (
    ARCHITECTURES,
    CELLS,
    FROZEN,
    NUMBERS,
    SMALL,
    TOLERANCE,
    X,
    loaded,
    make,
    torch_model,
    torch_outputs,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklstm import GRURegressor, LSTMRegressor, RNNRegressor
from sklstm.export import from_keras, from_torch, to_keras, to_torch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ---- PyTorch -----------------------------------------------------------------------


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
