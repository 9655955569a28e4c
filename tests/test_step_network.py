"""A network that gives outputs at every step, against one that gives the last."""

import numpy as np
import pytest
from network_cases import both_ways, every_cell, every_dtype
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sklstm._network.build import every_step_network, whole_sequence_network
from sklstm._network.layers.dropout import Masks

LENGTHS = np.array([4, 0, 1, 6, 3])
STARTS = np.cumsum(LENGTHS) - LENGTHS


class Problem:
    """A network with random parameters on a batch of random sequences."""

    def __init__(self, cell="lstm", dtype=np.float64, *, rates=(0.0, 0.0), **options):
        rng = np.random.default_rng(0)
        self.options = {"dtype": dtype, "cell": cell}
        self.network = every_step_network(
            3, (9, 5), 4, dropout=rates[0], recurrent_dropout=rates[1], **self.options,
            **options,
        )  # fmt: skip
        self.network.strip_rows = 2
        size = self.network.layout.size
        self.parameters = (0.4 * rng.standard_normal(size)).astype(dtype)
        self.data = rng.standard_normal((LENGTHS.sum(), 3)).astype(dtype)
        self.d_output = rng.standard_normal((LENGTHS.sum(), 4)).astype(dtype)
        self.ids = rng.permutation(100)[: len(LENGTHS)]
        self.rates = rates

    def forward(self, parameters, samples=slice(None), keep=True):
        masks = None
        if any(self.rates):
            masks = Masks(2**40 + 7, 3, self.ids[samples])
        self.network.load(parameters, backward=keep)
        return self.network.forward(
            self.data, STARTS[samples], LENGTHS[samples], keep=keep, masks=masks
        )

    def value(self, parameters):
        """sum(output d_output)."""
        return float((self.forward(parameters)[0] * self.d_output).sum())

    def gradient(self):
        _, tapes = self.forward(self.parameters)
        return self.network.backward(self.d_output.copy(), tapes).copy()


@every_cell
@every_dtype
def test_outputs_are_those_of_every_beginning(instruction_set, cell, dtype):
    """To the bit what the last output is for the sequence up to each step."""
    problem = Problem(cell, dtype)
    whole = whole_sequence_network(3, (9, 5), 4, **problem.options)
    whole.strip_rows = 2
    whole.load(problem.parameters, backward=False)
    lengths = np.concatenate([np.arange(T) + 1 for T in LENGTHS])
    starts = np.repeat(STARTS, LENGTHS)
    expected = whole.predict(problem.data, starts, lengths)
    got, _ = problem.forward(problem.parameters)
    assert_array_equal(got, expected)
    assert_array_equal(problem.forward(problem.parameters, keep=False)[0], expected)
    problem.network.load(problem.parameters, backward=False)
    got = problem.network.predict(problem.data, STARTS, LENGTHS)
    assert_array_equal(got, expected)


@every_cell
def test_gradient_is_the_sum_over_beginnings(instruction_set, cell):
    problem = Problem(cell)
    whole = whole_sequence_network(3, (9, 5), 4, **problem.options)
    whole.load(problem.parameters, backward=True)
    lengths = np.concatenate([np.arange(T) + 1 for T in LENGTHS])
    starts = np.repeat(STARTS, LENGTHS)
    _, tapes = whole.forward(problem.data, starts, lengths, keep=True)
    expected = whole.backward(problem.d_output.copy(), tapes)
    assert_allclose(problem.gradient(), expected, rtol=1e-10, atol=1e-12)


@every_cell
@both_ways
@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.4, 0.3)])
def test_gradient_by_differences(cell, bidirectional, rates):
    problem = Problem(cell, rates=rates, bidirectional=bidirectional)
    gradient = problem.gradient()
    rng = np.random.default_rng(1)
    for _ in range(6):
        direction = rng.standard_normal(len(gradient))
        step = 1e-6 * direction
        up, down = (problem.value(problem.parameters + sign * step) for sign in (1, -1))
        assert_allclose(gradient @ direction, (up - down) / 2e-6, rtol=1e-6)


@both_ways
@every_dtype
def test_a_sequence_does_not_see_its_neighbours(bidirectional, dtype):
    problem = Problem(dtype=dtype, bidirectional=bidirectional)
    together = problem.forward(problem.parameters, keep=False)[0].copy()
    for i, (start, T) in enumerate(zip(STARTS, LENGTHS, strict=True)):
        alone = problem.forward(problem.parameters, slice(i, i + 1), keep=False)[0]
        assert_array_equal(alone, together[start : start + T])


@every_cell
def test_a_step_is_the_whole(cell):
    problem = Problem(cell, np.float32)
    network = problem.network
    expected = problem.forward(problem.parameters, keep=False)[0].copy()
    network.load(problem.parameters, backward=False)
    for start, T in zip(STARTS, LENGTHS, strict=True):
        states, pooled = tuple(network.initial_states(1)), None
        for t in range(start, start + T):
            out, states, pooled = network.step(problem.data[t : t + 1], states, pooled)
            assert_array_equal(out[0], expected[t])


@every_dtype
def test_threads_change_no_bit(instruction_set, dtype):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 60, size=40)
    starts = np.cumsum(lengths) - lengths
    data = rng.standard_normal((lengths.sum(), 7)).astype(dtype)
    d_output = rng.standard_normal((len(data), 70)).astype(dtype)
    found = []
    for n_threads in (1, 2, 3):
        network = every_step_network(7, (40,), 70, dtype, bidirectional=True)
        parameters = network.initialize(np.random.RandomState(0), np.zeros(70))
        with threadpool_limits(n_threads, user_api="openmp"):
            network.load(parameters, backward=True)
            output, tapes = network.forward(data, starts, lengths, keep=True)
            gradient = network.backward(d_output.copy(), tapes)
        found.append((output.copy(), gradient.copy()))
    for output, gradient in found[1:]:
        assert_array_equal(output, found[0][0])
        assert_array_equal(gradient, found[0][1])


def test_long_data_are_predicted_in_parts(monkeypatch):
    problem = Problem(bidirectional=True)
    expected = problem.forward(problem.parameters, keep=False)[0].copy()
    monkeypatch.setattr("sklstm._network.network.PREDICT_STEPS", 5)
    problem.network.load(problem.parameters, backward=False)
    got = problem.network.predict(problem.data, STARTS, LENGTHS)
    assert_array_equal(got, expected)


def test_memory_is_counted():
    """What a minibatch allocates is not more than is asked for."""
    network = every_step_network(3, (20,), 30, "float32", bidirectional=True)
    parameters = network.initialize(np.random.RandomState(0), np.zeros(30))
    lengths = np.full(20, 50)
    data = np.zeros((1000, 3), np.float32)
    network.load(parameters, backward=True)
    output, tapes = network.forward(data, 50 * np.arange(20), lengths, keep=True)
    network.backward(np.ones(output.shape), tapes)
    held = sum(w.nbytes for w in network._memory.workspaces.values())
    assert held < network.training_bytes(20, 1000)
