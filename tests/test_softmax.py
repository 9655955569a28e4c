"""The head over a vocabulary: layer, loss and kernel."""

import numpy as np
import pytest
from conftest import use_kernels_of
from kernel_cases import rounded
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
DTYPES = ["float32", "float64", "bfloat16"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def problem(n, K, V, dtype=np.float64, seed=0):
    """A head, rows with zeros behind, weights, tokens and scales."""
    rng = np.random.default_rng(seed)
    head = Softmax("head", K, V, dtype)
    dtype = head.dtype
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


@every_dtype
def test_instruction_sets_with_fused_products_agree_to_the_bit(dtype):
    """In bfloat16 those that have no instructions for it."""
    found = []
    head, x, weights, tokens, scale = problem(20, 9, 700, dtype)
    for name in sorted({float_set(name) for name in supported_instruction_sets()}):
        if name == "baseline":
            continue
        head = Softmax("head", 9, 700, dtype)
        head.kernels = _variant(name, dtype)
        head.input_width = head.kernels.padded(9)
        head.load(weights, backward=True)
        rows = x[:, :9].copy()
        log_p, d_x = Scores(head, head._whole(rows)).value_and_gradient(tokens, scale)
        d_w, d_b = head._gradients
        found.append((log_p, d_x[:, :9].copy(), d_w[:, :9].copy(), d_b.copy()))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("n, K, V", SHAPES)
@every_dtype
def test_a_row_has_the_same_bits_whatever_is_beside_it(bfloat16_set, n, K, V, dtype):
    head, x, _, tokens, scale = problem(n, K, V, dtype)
    together = Scores(head, x).log_probabilities()
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    d_x = d_x.copy()
    # the first and the last of a block of rows too
    for i in {0, n // 2, n - 1, *(m for m in (15, 16, 47, 48) if m < n)}:
        alone = Scores(head, x[i : i + 1])
        assert_array_equal(alone.log_probabilities()[0], together[i])
        assert_array_equal(head.step(x[i : i + 1], None)[0][0], together[i])
        part = slice(i, i + 1)
        found = alone.value_and_gradient(tokens[part], scale[part])
        assert_array_equal(found[0], log_p[part])
        assert_array_equal(found[1], d_x[part])


# the last one in several chunks of rows, whose size depends on the threads
@pytest.mark.parametrize("n, K, V", [*SHAPES, (300, 3, 22_000)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_threads_do_not_change_bits(bfloat16_set, n, K, V, dtype):
    found = []
    for n_threads in (1, 2, 3, 8):
        head, x, weights, tokens, scale = problem(n, K, V, dtype)
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


@every_dtype
def test_absurd_outputs(bfloat16_set, dtype):
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


@every_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_stay_in_their_row(bfloat16_set, dtype, value):
    head, x, _, tokens, scale = problem(40, 5, 37, dtype)
    tokens[7] = 3
    expected = Scores(head, x).log_probabilities()
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    d_x = d_x.copy()
    x[7, 2] = value
    others = np.arange(40) != 7
    found = Scores(head, x).log_probabilities()
    assert np.isnan(found[7]).any() and np.isfinite(found[others]).all()
    assert_array_equal(found[others], expected[others])
    again, d_x_again = Scores(head, x).value_and_gradient(tokens, scale)
    assert np.isnan(again[7]) and np.isnan(d_x_again[7, :5]).any()
    assert_array_equal(again[others], log_p[others])
    assert_array_equal(d_x_again[others], d_x[others])


@every_dtype
def test_no_rows(bfloat16_set, dtype):
    head, x, weights, tokens, scale = problem(3, 5, 7, dtype)
    Scores(head, x).value_and_gradient(tokens, scale)  # what is left of it is not used
    nothing = Scores(head, x[:0])
    assert nothing.log_probabilities().shape == (0, 7)
    assert nothing.log_probability(tokens[:0]).shape == (0,)
    log_p, d_x = nothing.value_and_gradient(tokens[:0], scale[:0])
    assert log_p.shape == (0,) and d_x.shape == (0, head.input_width)
    d_weights = {name: np.zeros_like(value) for name, value in weights.items()}
    head.backward(d_x, None, d_weights)
    assert not d_weights["w"].any() and not d_weights["b"].any()


@every_dtype
def test_rows_without_a_token_count_for_nothing(bfloat16_set, dtype):
    head, x, _, tokens, scale = problem(60, 5, 37, dtype)
    tokens[::3] = -1
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    assert not log_p[tokens < 0].any() and not d_x[tokens < 0].any()
    gradients = [a.copy() for a in head._gradients]
    x[tokens < 0] = 3
    Scores(head, x).value_and_gradient(tokens, scale)
    for a, b in zip(head._gradients, gradients, strict=True):
        assert_array_equal(a, b)


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


# ---- bfloat16 ------------------------------------------------------------------------


def near(scale):
    """float32 sums of some products of this size."""
    return {"rtol": 0, "atol": 2e-5 * scale}


@pytest.mark.parametrize("n, K, V", [*SHAPES, (33, 31, 31), (20, 130, 259)])
def test_against_numpy_of_rounded_operands(bfloat16_set, n, K, V):
    """A last bit that rounds the other way is another operand: the gradient is taken
    from what the kernel itself has come to."""
    head, x, weights, tokens, scale = problem(n, K, V, "bfloat16")
    rows, w = rounded(x[:, :K]), rounded(weights["w"])
    z, there = rows @ w.T + weights["b"], tokens >= 0
    expected, places = log_softmax(z, axis=1), np.arange(n)
    close = near(np.abs(z).max() + 1)
    assert_allclose(Scores(head, x).log_probabilities(), expected, **close)
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    assert_allclose(log_p, np.where(there, expected[places, tokens], 0), **close)
    width = head.width
    d_z = head._scratch(n, 1)[: n * width].reshape(n, width)[:, :V].astype(np.float64)
    exact = softmax(z, axis=1)
    exact[places, tokens] -= 1
    exact *= (scale * there)[:, np.newaxis]
    assert_allclose(d_z, exact, **close)
    d_w, d_b = head._gradients
    assert_allclose(d_x[:, :K], rounded(d_z) @ w, **near(1 + np.abs(w).max()))
    assert_allclose(d_w[:, :K], rounded(d_z).T @ rows, **near(1 + np.abs(rows).max()))
    assert_allclose(d_b, d_z.sum(axis=0), **near(1))
    assert not d_x[:, K:].any() and not d_w[:, K:].any()


def test_operands_are_rounded_and_all_else_is_float32(bfloat16_set):
    head, x, weights, tokens, scale = problem(50, 33, 300, "bfloat16")
    single, *_ = problem(50, 33, 300, "float32")
    log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
    expected, known = Scores(single, x).value_and_gradient(tokens, scale)
    there = tokens >= 0
    assert (log_p != expected)[there].all() and (d_x != known)[there, :33].any()
    assert_allclose(log_p, expected, rtol=0, atol=0.1)
    for a, b in zip((d_x, *head._gradients), (known, *single._gradients), strict=True):
        assert a.dtype == np.float32
        assert 0 < np.linalg.norm(a - b) < 0.02 * np.linalg.norm(b)
    # with nothing left to round the logarithms are those of float32
    x, w = (rounded(a).astype(np.float32) for a in (x, weights["w"]))
    for each in head, single:
        each.load({**weights, "w": w}, backward=True)
    a, b = (Scores(each, x).log_probabilities() for each in (head, single))
    assert_allclose(a, b, **near(20))


def test_denormal_operands_are_zero(bfloat16_set):
    head, x, weights, *_ = problem(9, 5, 40, "bfloat16")
    expected = Scores(head, np.zeros_like(x)).log_probabilities()
    assert_array_equal(
        Scores(head, np.full_like(x, 1e-39)).log_probabilities(), expected
    )


def test_other_instruction_sets_differ_in_the_last_bits_alone():
    found = []
    for name in supported_instruction_sets():
        with pytest.MonkeyPatch.context() as patch:
            use_kernels_of(patch, name)
            head, x, _, tokens, scale = problem(50, 33, 300, "bfloat16")
            log_p, d_x = Scores(head, x).value_and_gradient(tokens, scale)
            d_w, d_b = head._gradients
            found.append((log_p, d_x[:, :33].copy(), d_w[:, :33].copy(), d_b.copy()))
    for others in found[:-1]:
        for a, b in zip(others, found[-1], strict=True):
            assert np.linalg.norm(a - b) < 1e-4 * np.linalg.norm(b)


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


def network_of(tied, cell="lstm", dtype=np.float64, sizes=(7, E), n_columns=E):
    embedding = {"columns": (0,), "rows": (V,), "widths": (n_columns,)}
    embedding["trainable"] = True
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


def gradients(tied, seed):
    """Of a random language model on random sequences, in float64 and in bfloat16."""
    rng = np.random.default_rng(seed)
    lengths = np.arange(1, 30)
    starts = np.append(0, lengths.cumsum())
    data = rng.integers(0, V, (starts[-1], 1)).astype(np.float32)
    target = StepTarget(rng.integers(-1, V, len(data)), starts)
    parameters = None
    for dtype in ("float64", "bfloat16"):
        network = network_of(tied, dtype=dtype, sizes=(40, 33), n_columns=33)
        if parameters is None:
            parameters = 0.4 * rng.standard_normal(network.layout.size)
            parameters = parameters.astype(np.float32)
        network.load(parameters.astype(network.dtype), backward=True)
        scores, tapes = network.forward(
            data.astype(network.dtype), starts[:-1], lengths, keep=True
        )
        _, d_output = TokenCrossEntropy(V).value_and_gradient(scores, target)
        yield network.backward(d_output, tapes).astype(np.float64)


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_are_close_to_float64_and_unbiased(bfloat16_set, tied):
    lengths, means = [], []
    for seed in range(10):
        exact, found = gradients(tied, seed)
        size, error = np.linalg.norm(exact), found - exact
        assert 2e-4 < np.linalg.norm(error) / size < 0.03
        # along the gradient, and over all elements: as often up as down
        lengths.append(error @ exact / size**2)
        means.append(error.mean() / np.abs(exact).mean())
    for signed in lengths, means:
        noise = np.std(signed, ddof=1) / np.sqrt(len(signed))
        assert abs(np.mean(signed)) < 3.7 * noise  # one in 200 of Student's t
        assert abs(np.mean(signed)) < 0.003


@every_dtype
def test_step_is_forward_to_the_bit(bfloat16_set, dtype):
    rng = np.random.default_rng(0)
    network = network_of(True, dtype=dtype)
    network.load(
        rng.standard_normal(network.layout.size).astype(network.dtype), backward=False
    )
    data = rng.integers(0, V, (9, 1)).astype(network.dtype)
    rows = network.predict(data, np.array([0]), np.array([9]))
    expected = network.for_loss(rows).log_probabilities()
    states = tuple(network.initial_states(1))
    for t in range(9):
        log_p, states, _ = network.step(data[t : t + 1], states, None)
        assert_array_equal(log_p[0], expected[t])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_does_not_depend_on_threads(bfloat16_set, tied, dtype):
    rng = np.random.default_rng(0)
    network, loss = network_of(tied, dtype=dtype, sizes=(64, E)), None
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
