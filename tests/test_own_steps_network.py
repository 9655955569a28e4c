"""A network that predicts or reconstructs its own steps: gradients, and the layers that
no other one has, written out in NumPy."""

import numpy as np
import pytest
import reference
from network_cases import assert_gradient, every_cell, every_dtype
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sklstm._network.build import own_steps_network
from sklstm._network.layers.dropout import Masks

LENGTHS = np.array([4, 0, 1, 6, 3])
STARTS = np.cumsum(LENGTHS) - LENGTHS
CENTRE, SCALE = np.array([0.5, -1.0]), np.array([2.0, 0.25])
every_method = pytest.mark.parametrize("method", ["prediction", "reconstruction"])


class Problem:
    """A network with random parameters; of three features one has no units."""

    def __init__(
        self, cell="lstm", method="reconstruction", dtype=np.float64, hidden=(9, 5),
        rates=(0.0, 0.0),
    ):  # fmt: skip
        rng = np.random.default_rng(0)
        self.cell = cell
        self.network = own_steps_network(
            3, hidden, 4, dtype, cell, method=method, centre=CENTRE, scale=SCALE,
            dropout=rates[0], recurrent_dropout=rates[1],
        )  # fmt: skip
        self.network.strip_rows = 2
        size = self.network.layout.size
        self.parameters = (0.4 * rng.standard_normal(size)).astype(dtype)
        self.data = rng.standard_normal((LENGTHS.sum(), 3)).astype(dtype)
        self.d_output = rng.standard_normal((LENGTHS.sum(), 4)).astype(dtype)
        self.rates = rates

    def forward(self, parameters, keep=True):
        masks = Masks(7, 3, np.arange(len(LENGTHS))) if any(self.rates) else None
        self.network.load(parameters, backward=keep)
        return self.network.forward(
            self.data, STARTS, LENGTHS, keep=keep, masks=masks
        )  # fmt: skip

    def value(self, parameters):
        """sum(output d_output)."""
        return float((self.forward(parameters)[0] * self.d_output).sum())

    def gradient(self):
        _, tapes = self.forward(self.parameters)
        return self.network.backward(self.d_output.copy(), tapes).copy()

    def by_hand(self, x):
        """Outputs (T, K) for one sequence."""
        views = self.network.views(self.parameters)
        x = np.clip((x - [*CENTRE, 0]) / [*SCALE, 1], -100, 100)
        n_encoder = len(self.network.recurrent_layers)
        reconstructs = any(layer.name == "repeat" for layer in self.network.layers)
        n_encoder //= 1 + reconstructs
        for k, layer in enumerate(self.network.recurrent_layers):
            weights = {name: np.float64(views[f"l{k}"][name]) for name in layer.shapes}
            zeros = np.zeros((2, layer.n_units))
            h, _, _ = reference.forward(
                self.cell, weights, x, *zeros, np.ones(layer.n_units)
            )
            x = h[1:]
            if reconstructs and k == n_encoder - 1:
                x = np.repeat(h[-1:], len(x), axis=0)
        return x @ views["head"]["w"] + views["head"]["b"]


@every_cell
@every_method
@every_dtype
def test_outputs_written_out(instruction_set, cell, method, dtype):
    problem = Problem(cell, method, dtype)
    output, _ = problem.forward(problem.parameters, keep=False)
    expected = [
        problem.by_hand(np.float64(problem.data[start : start + T]))
        for start, T in zip(STARTS, LENGTHS)
        if T
    ]
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    assert_allclose(output, np.concatenate(expected), rtol=tolerance, atol=tolerance)


@every_cell
@every_method
def test_gradient(instruction_set, cell, method):
    problem = Problem(cell, method)
    assert_gradient(problem, problem.gradient(), problem.value)


@every_method
def test_gradient_with_dropout(method):
    problem = Problem("lstm", method, rates=(0.4, 0.3))
    assert_gradient(problem, problem.gradient(), problem.value)


@pytest.mark.parametrize("method", ["prediction", "reconstruction"])
def test_threads(method):
    problem = Problem("gru", method, np.float32, (20, 12))
    gradients = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            gradients.append(problem.gradient())
    assert_array_equal(*gradients)


def test_a_step_of_a_prediction_is_the_whole():
    problem = Problem("lstm", "prediction", np.float32)
    output, _ = problem.forward(problem.parameters, keep=False)
    output = output.copy()
    states, start, T = problem.network.initial_states(1), STARTS[3], LENGTHS[3]
    for t in range(T):
        x = problem.data[start + t : start + t + 1].copy()
        raw, states, _ = problem.network.step(x, states, None)
        assert_array_equal(raw[0], output[start + t])


def test_the_layers_say_how_much_they_hold():
    small, large = (
        Problem(hidden=(9,)).network.training_bytes(2, steps) for steps in (10, 1000)
    )
    assert large > 50 * (small - 9 * 8 * Problem(hidden=(9,)).network.layout.size)


def test_values_far_out_are_clipped():
    problem = Problem(method="prediction", dtype=np.float32)
    problem.data[STARTS[3]] = 1e38
    output, _ = problem.forward(problem.parameters, keep=False)
    assert np.isfinite(output).all()
    layer = problem.network.layers[0]
    x, _ = layer.step(np.array([[1e38, -1e38, 1e38]], np.float32), None)
    assert_array_equal(x, [[100, -100, 100]])
