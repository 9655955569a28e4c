"""The memory that is said to be needed, against that which a minibatch takes."""

import tracemalloc

import numpy as np
import pytest

from sklstm._kernels import CELLS
from sklstm._network.build import whole_sequence_network
from sklstm._network.layers.dropout import Masks

B, T, F = 50, 40, 40


@pytest.fixture(params=CELLS)
def cell(request):
    return request.param


def options(cell, bidirectional, pooling):
    return {
        "n_features": F, "hidden_layer_sizes": (32, 64), "n_outputs": 5,
        "dtype": "float32", "cell": cell, "bidirectional": bidirectional,
        "pooling": pooling,
    }  # fmt: skip


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "max", "attention"])
def test_number_of_parameters(cell, bidirectional, pooling):
    given = options(cell, bidirectional, pooling)
    network = whole_sequence_network(**given)
    without, two = (network.training_bytes(B, B * T, n) for n in (0, 2))
    assert two - without == 2 * 8 * network.layout.size


def test_nothing_is_allocated_to_say_it():
    tracemalloc.start()
    network = whole_sequence_network(F, (10**9,), 10**9, "float32")
    said = network.training_bytes(10**6, 10**9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6 and said > 10**18


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "max", "attention"])
@pytest.mark.parametrize("rates", [(0, 0), (0.5, 0), (0, 0.5)])
def test_a_minibatch_takes_no_more_and_little_less(cell, bidirectional, pooling, rates):
    given = options(cell, bidirectional, pooling)
    given |= {"dropout": rates[0], "recurrent_dropout": rates[1]}
    said = whole_sequence_network(**given).training_bytes(B, B * T)
    X = np.ones((B * T, F), np.float32)
    tracemalloc.start()
    try:
        network = whole_sequence_network(**given)
        parameters = np.full(network.layout.size, 0.01, np.float32)
        network.load(parameters, backward=True)
        _, tapes = network.forward(
            X,
            np.arange(B) * T,
            np.full(B, T),
            keep=True,
            masks=Masks(1, 1, np.arange(B)),
        )
        network.backward(np.ones((B, 5), np.float32), tapes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < said < 1.6 * peak


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("columns", [(0,), (1, 5)])
@pytest.mark.parametrize("rows", [50, 5000])
@pytest.mark.parametrize("rate", [0, 0.5])
def test_tables_take_no_more_and_little_less(bidirectional, columns, rows, rate):
    n_features = 1 if columns == (0,) else F
    embedding = {
        "columns": columns, "rows": (rows,) * len(columns),
        "widths": (50,) * len(columns), "trainable": True,
    }  # fmt: skip
    given = options("gru", bidirectional, "max") | {
        "n_features": n_features, "embedding": embedding, "dropout": rate,
    }  # fmt: skip
    network = whole_sequence_network(**given)
    said = network.training_bytes(B, B * T)
    X = np.random.default_rng(0).integers(0, rows, (B * T, n_features))
    X = X.astype(np.float32)
    tracemalloc.start()
    try:
        network = whole_sequence_network(**given)
        # of seven vectors of parameters those that a fit has beside the gradient
        held = [np.full(network.layout.size, 0.01, np.float32) for _ in range(6)]
        network.load(held[0], backward=True)
        masks = Masks(1, 1, np.arange(B))
        starts, lengths = np.arange(B) * T, np.full(B, T)
        _, tapes = network.forward(X, starts, lengths, keep=True, masks=masks)
        network.backward(np.ones((B, 5), np.float32), tapes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < said < 1.6 * peak
