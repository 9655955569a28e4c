"""Small fits of every architecture to export, and models of PyTorch to take back."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sklstm import GRURegressor, LSTMRegressor, RNNRegressor
from sklstm.export import from_torch

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


FROZEN = Path(__file__).parent / "data" / "torch_cells.npz"


# Keras reads its variables on PyTorch in a way that NumPy 2 warns of.
in_keras = pytest.mark.filterwarnings("ignore:__array__ implementation")


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


def changed(n_outputs=3, remove=(), **arrays):
    state_dict = {**state_dict_of(n_outputs), **arrays}
    return {name: value for name, value in state_dict.items() if name not in remove}


def zeros(*shape):
    return np.zeros(shape)
