"""The encoder-decoder: outputs, gradients, steps, bits."""

import numpy as np
import pytest
from encoder_decoder_cases import Problem, every_form
from network_cases import assert_gradient, every_cell
from numpy.testing import assert_allclose, assert_array_equal


@every_form
@every_cell
def test_outputs(kind, bidirectional, cell):
    """Against NumPy, with sequences without steps and targets without tokens."""
    problem = Problem(kind, cell, bidirectional=bidirectional)
    problem.load()
    got = np.split(problem.log_probabilities(), problem.target.offsets[1:-1])
    attention = None
    if kind is not None:
        attention = problem.network.attention(*problem.rows_of(), problem.target)
    for i, part in enumerate(got):
        expected, weights = problem.in_numpy(i)
        assert_allclose(part, expected, rtol=1e-11, atol=1e-12)
        if kind is not None:
            assert attention[i].shape == weights.shape
            assert_allclose(attention[i], weights, rtol=1e-11, atol=1e-12)


@every_form
@every_cell
def test_gradient(kind, bidirectional, cell):
    problem = Problem(kind, cell, bidirectional=bidirectional, rates=(0.3, 0.2))
    _, gradient = problem.value_and_gradient()
    assert_gradient(
        problem, gradient, lambda w: problem.value_and_gradient(w)[0], epsilon=1e-5
    )


@every_form
def test_dropout(kind, bidirectional):
    """The loss, with the masks of every layer written out."""
    problem = Problem(kind, bidirectional=bidirectional, rates=(0.4, 0.3))
    value, _ = problem.value_and_gradient()
    expected = 0
    for i, weight in enumerate(problem.weight):
        log_p, _ = problem.in_numpy(i)
        tokens = np.append(problem.read_by(i)[1:], problem.network.mark)
        expected -= weight * log_p[np.arange(len(tokens)), tokens].sum()
    assert_allclose(value, expected / 3, rtol=1e-12)


def stepped(problem, which, encoded, together):
    """log p (T, V) of sequences by steps, all of them side by side or one by one."""
    network, out = problem.network, {i: [] for i in which}
    tokens = {i: problem.read_by(i) for i in which}
    for group in [which] if together else [[i] for i in which]:
        places = np.array([which.index(i) for i in group])
        states = encoded.at(places).states
        for t in range(max(len(tokens[i]) for i in group)):
            there = [k for k, i in enumerate(group) if t < len(tokens[i])]
            ids = np.array([tokens[group[k]][t] for k in there])
            before = [tuple(part[there] for part in layer) for layer in states]
            copies = [tuple(part.copy() for part in layer) for layer in before]
            log_p, after = network.step(ids, before, encoded, places[there])
            for layer, copy in zip(before, copies):  # left alone
                for part, own in zip(layer, copy):
                    assert_array_equal(part, own)
            for layer, new in zip(states, after):
                for part, own in zip(layer, new):
                    part[there] = own
            for k, row in zip(there, log_p):
                out[group[k]].append(row)
    return [np.array(out[i]) for i in which]


@every_form
@pytest.mark.parametrize("cell", ["lstm", "gru", "lstm_peephole"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits(instruction_set, kind, cell, dtype, bidirectional):
    """A sequence by itself, in any batch, and step by step."""
    problem = Problem(kind, cell, dtype=dtype, bidirectional=bidirectional)
    problem.load()
    n = len(problem.lengths)
    expected = np.split(problem.log_probabilities(), problem.target.offsets[1:-1])
    for i in range(n):
        assert_array_equal(problem.log_probabilities(slice(i, i + 1)), expected[i])
    order = [4, 3, 1]
    got = problem.log_probabilities(order)
    assert_array_equal(got, np.concatenate([expected[i] for i in order]))
    every = list(range(n))
    encoded = problem.network.encode(*problem.rows_of())
    for together in (True, False):
        for part, own in zip(stepped(problem, every, encoded, together), expected):
            assert_array_equal(part, own)
    # sources that were encoded alone
    for i in every:
        alone = problem.network.encode(*problem.rows_of(slice(i, i + 1)))
        (part,) = stepped(problem, [i], alone, True)
        assert_array_equal(part, expected[i])
