"""The head over a vocabulary: layer, loss and kernel."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad
from scipy.special import log_softmax, softmax
from threadpoolctl import threadpool_limits

from sklstm._kernels import (
    _variant,
    float_set,
    kernels_for,
    supported_instruction_sets,
)
from sklstm._network.build import language_model_network
from sklstm._network.layers.softmax import Scores, Softmax
from sklstm._network.losses import AtSteps, SoftmaxCrossEntropy, TokenCrossEntropy
from sklstm._network.steps import Run
from sklstm._network.workspace import Memory
from sklstm._targets.steps import StepTarget

SHAPES = [(1, 1, 1), (3, 5, 7), (50, 16, 40), (97, 33, 515), (130, 8, 2000)]


def problem(n, K, V, dtype=np.float64, seed=0):
    """A head, rows with zeros behind, weights, tokens and scales."""
    rng = np.random.default_rng(seed)
    head = Softmax("head", K, V, dtype)
    x = np.zeros((n, head.input_width), dtype)
    x[:, :K] = rng.standard_normal((n, K))
    weights = {
        "w": rng.standard_normal((V, K)).astype(dtype),
        "b": rng.standard_normal(V).astype(dtype),
    }
    head.load(weights, backward=True)
    tokens = rng.integers(-1, V, n)
    return head, x, weights, tokens, rng.random(n)


@pytest.mark.parametrize("n, K, V", SHAPES)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_against_numpy(instruction_set, n, K, V, dtype, tolerance):
    head, x, weights, tokens, scale = problem(n, K, V, dtype)
    w, b = (weights[name].astype(np.float64) for name in "wb")
    z = x[:, :K].astype(np.float64) @ w.T + b
    there, rows = tokens >= 0, np.arange(n)
    expected = log_softmax(z, axis=1)
    scores = Scores(head, x)
    assert_allclose(scores.log_probabilities(), expected, rtol=tolerance, atol=1e-4)
    log_p = scores.log_probability(tokens)
    of_tokens = np.where(there, scores.log_probabilities()[rows, tokens], 0)
    assert_array_equal(log_p, of_tokens)
    d_z = softmax(z, axis=1)
    d_z[rows, tokens] -= 1
    d_z *= (scale * there)[:, np.newaxis]
    again, d_x = scores.value_and_gradient(tokens, scale)
    assert_array_equal(again, log_p)
    d_weights = {name: value.copy() for name, value in weights.items()}
    assert head.backward(d_x, None, d_weights) is d_x
    close = {"rtol": 100 * tolerance, "atol": 30 * tolerance}
    assert_allclose(d_x[:, :K], d_z @ w, **close)
    assert not d_x[:, K:].any()
    assert_allclose(d_weights["w"] - weights["w"], d_z.T @ x[:, :K], **close)
    assert_allclose(d_weights["b"] - weights["b"], d_z.sum(axis=0), **close)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_instruction_sets_with_fused_products_agree_to_the_bit(dtype):
    found = []
    head, x, weights, tokens, scale = problem(20, 9, 700, dtype)
    for name in sorted({float_set(name) for name in supported_instruction_sets()}):
        if name == "baseline":
            continue
        head = Softmax("head", 9, 700, dtype)
        head.kernels = _variant(name, np.dtype(dtype).name)
        head.input_width = head.kernels.padded(9)
        head.load(weights, backward=True)
        rows = x[:, :9].copy()
        log_p, d_x = Scores(head, head._whole(rows)).value_and_gradient(tokens, scale)
        found.append((log_p, d_x[:, :9].copy()))
    for log_p, d_x in found[1:]:
        assert_array_equal(log_p, found[0][0])
        assert_array_equal(d_x, found[0][1])


@pytest.mark.parametrize("n, K, V", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_whatever_is_beside_it(n, K, V, dtype):
    head, x, _, tokens, scale = problem(n, K, V, dtype)
    together = Scores(head, x).log_probabilities()
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    d_x = d_x.copy()
    for i in {0, n // 2, n - 1}:
        alone = Scores(head, x[i : i + 1])
        assert_array_equal(alone.log_probabilities()[0], together[i])
        assert_array_equal(head.step(x[i : i + 1], None)[0][0], together[i])
        part = slice(i, i + 1)
        found = alone.value_and_gradient(tokens[part], scale[part])
        assert_array_equal(found[0], log_p[part])
        assert_array_equal(found[1], d_x[part])


@pytest.mark.parametrize("n, K, V", SHAPES)
def test_threads_do_not_change_bits(n, K, V):
    found = []
    for n_threads in (1, 2, 3, 8):
        head, x, weights, tokens, scale = problem(n, K, V, np.float32)
        head.load(weights, backward=True, n_threads=n_threads)
        scores = Scores(head, x, n_threads)
        log_p, d_x = scores.value_and_gradient(tokens, scale)
        d_weights = {name: np.zeros_like(value) for name, value in weights.items()}
        head.backward(d_x, None, d_weights)
        found.append([log_p, d_x.copy(), *d_weights.values()])
        found[-1].append(scores.log_probabilities())
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_absurd_outputs(dtype):
    head, x, weights, _, _ = problem(4, 3, 20, dtype)
    weights["w"][:] = 0
    weights["b"][:] = 0
    weights["b"][3] = 1e20
    head.load(weights, backward=True)
    log_p = Scores(head, x).log_probabilities()
    assert_array_equal(log_p[:, 3], 0)
    assert np.isfinite(log_p).all() and (np.delete(log_p, 3, axis=1) < -1e19).all()
    _, d_x = Scores(head, x).value_and_gradient(np.full(4, 5), np.ones(4))
    assert np.isfinite(d_x).all()
    weights["b"][4] = np.nan
    head.load(weights, backward=True)
    value = Scores(head, x).log_probability(np.full(4, 4))
    assert np.isnan(value).all()


def test_kernels_refuse_what_does_not_belong_together():
    head, x, weights, tokens, scale = problem(5, 4, 30)
    with pytest.raises(ValueError, match="Row 2 has token 30, of 30"):
        Scores(head, x).log_probability(np.array([0, 1, 30, 0, 0]))
    with pytest.raises(ValueError, match="do not belong together"):
        Scores(head, x).log_probability(tokens[:3])
    with pytest.raises(ValueError, match="scale, backward and d_b"):
        Scores(head, x).value_and_gradient(tokens, scale[:3])
    with pytest.raises(ValueError, match="w, b and packed"):
        head.load({**weights, "b": np.zeros(29)}, backward=True)
    kernels = kernels_for(np.float64)
    with pytest.raises(ValueError, match="scratch has fewer"):
        kernels.log_softmax(x, head._packed, np.zeros(3), np.zeros((5, 30)))


def test_rows_off_the_vector_width_are_completed():
    head, x, *_ = problem(6, 5, 11)
    assert x.shape[1] > 5
    expected = Scores(head, x).log_probabilities()
    assert_array_equal(head.for_loss(x[:, :5].copy()).log_probabilities(), expected)
    rows, _ = head.forward(x, Run(Memory(np.float64)))
    assert rows is x


# ---- the loss ------------------------------------------------------------------------

TARGETS = {
    "plain": StepTarget(np.array([3, 0, 6, 2]), np.array([0, 1, 4])),
    "missing": StepTarget(np.array([3, -1, 6, -1]), np.array([0, 1, 4])),
    "weighed": StepTarget(
        np.array([3, 1, 6, -1]), np.array([0, 1, 4]), np.array([1.0, 0, 0.5, 3])
    ),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("weight", [None, np.array([2.0, 0.25])])
def test_loss_is_that_of_softmax_at_steps(name, weight):
    head, x, *_ = problem(4, 5, 7)
    target, loss = TARGETS[name], TokenCrossEntropy(7)
    reference = AtSteps(SoftmaxCrossEntropy(7))
    scores = Scores(head, x)
    z = x[:, :5] @ np.eye(5)  # any outputs will do for `start`
    tokens, weights, _ = target.labelled(weight)
    shares = np.bincount(tokens, weights, minlength=7)
    shares = np.where(shares > 0, shares, shares[shares > 0].min() / 2) / shares.sum()
    assert_allclose(loss.start(target, weight), np.log(shares))
    outputs = scores.log_probabilities()
    for divisor in (None, 3.0):
        expected, d_z = reference.value_and_gradient(outputs, target, weight, divisor)
        value, d_x = loss.value_and_gradient(scores, target, weight, divisor)
        assert value == pytest.approx(expected, rel=1e-12)
        assert loss.value(scores, target, weight, divisor) == value
        rows, _ = head.as_linear({"w": problem(4, 5, 7)[2]["w"], "b": np.zeros(7)})
        assert_allclose(d_x[:, :5], d_z @ rows, atol=1e-12)
        constant = np.linspace(-1, 2, 7)
        assert loss.of_constant(constant, target, weight, divisor) == pytest.approx(
            reference.of_constant(constant, target, weight, divisor), rel=1e-12
        )
    assert z.shape == (4, 5)


def test_nothing_to_learn():
    head, x, *_ = problem(2, 5, 7)
    nothing = StepTarget(np.array([-1, -1]), np.array([0, 2]))
    value, d_x = TokenCrossEntropy(7).value_and_gradient(Scores(head, x), nothing)
    assert value == 0 and not d_x.any()


# ---- the network ---------------------------------------------------------------------

LENGTHS = np.array([4, 0, 1, 6, 3], dtype=np.intp)
STARTS = np.concatenate([[0], LENGTHS.cumsum()[:-1]])
V, E = 11, 5


def network_of(tied, cell="lstm", dtype=np.float64, sizes=(7, E)):
    embedding = {"columns": (0,), "rows": (V,), "widths": (E,), "trainable": True}
    return language_model_network(
        1, sizes, V, dtype, cell, embedding=embedding, tie_weights=tied
    )


@pytest.mark.parametrize("cell", ["lstm", "gru", "lstm_peephole", "rnn_tanh"])
@pytest.mark.parametrize("tied", [False, True])
def test_gradient_of_a_language_model(instruction_set, cell, tied):
    rng = np.random.default_rng(0)
    network = network_of(tied, cell)
    data = rng.integers(0, V, (LENGTHS.sum(), 1)).astype(np.float64)
    values = rng.integers(-1, V, len(data))
    target = StepTarget(values, np.concatenate([[0], LENGTHS.cumsum()]))
    loss = TokenCrossEntropy(V)

    def value_and_gradient(parameters):
        network.load(parameters, backward=True)
        scores, tapes = network.forward(data, STARTS, LENGTHS, keep=True)
        value, d_output = loss.value_and_gradient(scores, target)
        return value, network.backward(d_output, tapes).copy()

    parameters = 0.4 * rng.standard_normal(network.layout.size)
    error = check_grad(
        lambda p: value_and_gradient(p)[0], lambda p: value_and_gradient(p)[1],
        parameters, direction="all", epsilon=1e-6,
    )  # fmt: skip
    _, gradient = value_and_gradient(parameters)
    assert error < 1e-5 * max(1, np.linalg.norm(gradient))
    assert ("head.w" in network.layout.shapes) is not tied
    assert (network.touched is None) is tied


def test_step_is_forward_to_the_bit():
    rng = np.random.default_rng(0)
    network = network_of(True, dtype=np.float32)
    network.load(
        rng.standard_normal(network.layout.size).astype(np.float32), backward=False
    )
    data = rng.integers(0, V, (9, 1)).astype(np.float32)
    rows = network.predict(data, np.array([0]), np.array([9]))
    expected = network.for_loss(rows).log_probabilities()
    states = tuple(network.initial_states(1))
    for t in range(9):
        log_p, states, _ = network.step(data[t : t + 1], states, None)
        assert_array_equal(log_p[0], expected[t])


@pytest.mark.parametrize("tied", [False, True])
def test_training_does_not_depend_on_threads(tied):
    rng = np.random.default_rng(0)
    network, loss = network_of(tied, dtype=np.float32, sizes=(64, E)), None
    data = rng.integers(0, V, (4000, 1)).astype(np.float32)
    lengths = np.full(40, 100, dtype=np.intp)
    target = StepTarget(rng.integers(0, V, 4000), np.arange(0, 4001, 100))
    parameters = network.initialize(rng, np.zeros(V))
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            loss = TokenCrossEntropy(V)
            network.load(parameters, backward=True)
            scores, tapes = network.forward(
                data, np.arange(0, 4000, 100), lengths, keep=True
            )
            value, d_output = loss.value_and_gradient(scores, target)
            found.append((value, network.backward(d_output, tapes).copy()))
    for value, gradient in found[1:]:
        assert value == found[0][0]
        assert_array_equal(gradient, found[0][1])
