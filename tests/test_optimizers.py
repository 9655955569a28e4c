"""The optimizers: against scikit-learn's, PyTorch's and by hand; threads, and states in
other units."""

from pathlib import Path

import numpy as np
import pytest
from conftest import kernels_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from sklstm import _kernels as kernels
from sklstm._kernels import supported_instruction_sets
from sklstm._training.optimizers import SGD, Adam, RMSProp, clip_scale, rescaled

TORCH = Path(__file__).parent / "data" / "torch_optim.npz"

MAKE = {
    "sgd": lambda: SGD(5, np.float64, momentum=0.9, nesterovs_momentum=True),
    "adam": lambda: Adam(5, np.float64, beta_1=0.9, beta_2=0.99, epsilon=1e-8),
    "rmsprop": lambda: RMSProp(5, np.float64, beta_2=0.99, epsilon=1e-8),
}


def test_threads_are_for_large_vectors(monkeypatch):
    monkeypatch.setattr(kernels, "effective_n_threads", lambda: 5)
    size = kernels.PARALLEL_SIZE
    sizes = (0, 1, size, size + 1)
    assert [kernels.n_threads_for(np.empty(n)) for n in sizes] == [1, 1, 1, 5]


def state_after(solver, gradients):
    optimizer, parameters = MAKE[solver](), np.zeros(5)
    for gradient in gradients:
        optimizer.step(parameters, gradient.copy(), 0.1)
    return {name: np.copy(value) for name, value in optimizer.state.items()}


@pytest.mark.parametrize("factor", [-3.0, 0.5, 1.0])
@pytest.mark.parametrize("solver", MAKE)
def test_a_state_as_if_gradients_had_been_larger(solver, factor):
    gradients = np.random.default_rng(0).standard_normal((4, 5))
    expected = state_after(solver, factor * gradients)
    got = rescaled(state_after(solver, gradients), factor)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(got[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("solver", MAKE)
def test_a_state_keeps_its_precision(solver):
    state = {
        name: np.float32(value) if np.ndim(value) else value
        for name, value in state_after(solver, np.ones((2, 5))).items()
    }
    for name, value in rescaled(state, np.float64(2)).items():
        assert np.asarray(value).dtype == np.asarray(state[name]).dtype


@pytest.mark.parametrize("solver", MAKE)
def test_no_state_of_numbers_too_large(solver):
    state = state_after(solver, np.ones((2, 5)))
    for broken in (np.inf, np.nan, 1e300 if "v" in state else np.inf):
        assert rescaled(state, np.float64(broken)) is None


# ---- steps written out -----------------------------------------------------------


def gradients(n_steps, size=6, seed=0):
    rng = np.random.default_rng(seed)
    return 10.0 ** rng.uniform(-4, 1, (n_steps, size)) * rng.choice(
        [-1, 1], (n_steps, size)
    )


def run(optimizer, parameters, steps, rate):
    for g in steps:
        optimizer.step(parameters, g.copy(), rate)
    return parameters


ADAM = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6}
RMSPROP_NUMBERS = ("gradients", "parameters", "lr", "alpha", "eps")


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd(momentum, nesterov):
    start = np.arange(6.0)
    got = run(
        SGD(6, np.float64, momentum=momentum, nesterovs_momentum=nesterov),
        start.copy(), gradients(7), 0.1,
    )  # fmt: skip
    v, expected = np.zeros(6), start.copy()
    for g in gradients(7):
        v = momentum * v - 0.1 * g
        expected += momentum * v - 0.1 * g if nesterov else v
    assert_allclose(got, expected, rtol=1e-13)
    theirs = [start.copy()]
    optimizer = SGDOptimizer(theirs, 0.1, "constant", momentum, nesterov)
    for g in gradients(7):
        optimizer.update_params(theirs, [g])
    assert_allclose(got, theirs[0], rtol=1e-13)


def test_adam():
    start = np.arange(6.0)
    got = run(Adam(6, np.float64, **ADAM), start.copy(), gradients(7), 0.01)
    m, v, expected = np.zeros(6), np.zeros(6), start.copy()
    for t, g in enumerate(gradients(7), start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        rate = 0.01 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        expected -= rate * m / (np.sqrt(v) + 1e-6)
    assert_allclose(got, expected, rtol=1e-13)
    theirs = [start.copy()]
    optimizer = AdamOptimizer(theirs, 0.01, **ADAM)
    for g in gradients(7):
        optimizer.update_params(theirs, [g])
    assert_allclose(got, theirs[0], rtol=1e-13)


def test_first_step_of_adam_by_hand():
    """m / sqrt(v) is the sign of the gradient, whatever its size."""
    parameters = np.zeros(3)
    Adam(3, np.float64, beta_1=0.9, beta_2=0.999, epsilon=1e-30).step(
        parameters, np.array([5.0, -1e-6, 3.0]), 0.01
    )
    assert_allclose(parameters, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_adamw_is_adam_after_decay():
    """p = p - rate decay p, then Adam's step, whose moments know nothing of decay."""
    start, decay = np.arange(6.0), np.array([0.1, 0.1, 0.1, 0, 0, 0])
    adam = Adam(6, np.float64, **ADAM)
    got = run(
        Adam(6, np.float64, decay=decay, **ADAM), start.copy(), gradients(7), 0.01
    )
    expected = start.copy()
    for g in gradients(7):
        expected *= 1 - 0.01 * decay
        adam.step(expected, g.copy(), 0.01)
    assert_allclose(got, expected, rtol=1e-13)
    plain = run(Adam(6, np.float64, **ADAM), start.copy(), gradients(7), 0.01)
    assert_array_equal(got[3:], plain[3:])
    assert (got[1:3] < plain[1:3]).all()


def test_rmsprop():
    start = np.arange(6.0)
    got = run(
        RMSProp(6, np.float64, beta_2=0.95, epsilon=1e-6), start.copy(), gradients(7),
        0.01,
    )  # fmt: skip
    v, expected = np.zeros(6), start.copy()
    for g in gradients(7):
        v = 0.95 * v + 0.05 * g**2
        expected -= 0.01 * g / (np.sqrt(v) + 1e-6)
    assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_rmsprop_as_in_pytorch(instruction_set, dtype, rtol):
    """Step by step against the numbers of torch.optim.RMSprop."""
    with np.load(TORCH) as file:
        numbers = {key: file[f"rmsprop/{key}"] for key in RMSPROP_NUMBERS}
    optimizer = RMSProp(
        6, dtype, beta_2=float(numbers["alpha"]), epsilon=float(numbers["eps"])
    )
    first, *others = numbers["parameters"]
    parameters = first.astype(dtype)
    for gradient, expected in zip(numbers["gradients"], others, strict=True):
        optimizer.step(parameters, gradient.astype(dtype), float(numbers["lr"]))
        assert_allclose(parameters, expected, rtol=rtol, atol=rtol)


def test_first_step_of_rmsprop_by_hand():
    """v = g^2 / 16: four times the rate, whatever the size of the gradient."""
    parameters = np.zeros(3)
    RMSProp(3, np.float64, beta_2=15 / 16, epsilon=1e-30).step(
        parameters, np.array([5.0, -1e-6, 3.0]), 0.01
    )
    assert_allclose(parameters, [-0.04, 0.04, -0.04], rtol=1e-12)


MAKERS = {
    "sgd": lambda **k: SGD(6, np.float32, momentum=0.9, nesterovs_momentum=True, **k),
    "adam": lambda **k: Adam(6, np.float32, **ADAM, **k),
    "adamw": lambda **k: Adam(
        6, np.float32, **ADAM, decay=np.full(6, 0.1, np.float32), **k
    ),
    "rmsprop": lambda **k: RMSProp(6, np.float32, beta_2=0.95, epsilon=1e-6, **k),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_going_on_from_a_state(make):
    """4 + 3 steps through the state are 7 steps to the bit; the state stays."""
    steps = gradients(7).astype(np.float32)
    whole = run(make(), np.ones(6, np.float32), steps, 0.01)
    first = make()
    parameters = run(first, np.ones(6, np.float32), steps[:4], 0.01)
    state = first.state
    before = {k: np.copy(v) for k, v in state.items()}
    second = make(state=state)
    run(second, parameters, steps[4:], 0.01)
    assert_array_equal(parameters, whole)
    for name, value in before.items():
        assert_array_equal(state[name], value)
    assert parameters.dtype == np.float32


# ---- clipping --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_scale(dtype):
    gradient = np.array([3.0, 0, -4.0], dtype=dtype)
    assert clip_scale(gradient, 5.0) == 1
    assert clip_scale(gradient, 0.5) == pytest.approx(0.1, rel=1e-15)
    assert_array_equal(gradient, [3, 0, -4])
    assert clip_scale(np.zeros(4, dtype=dtype), 0.5) == 1


@pytest.mark.parametrize(
    "dtype, size", [(np.float32, 1e18), (np.float32, 1e30), (np.float64, 1e150)]
)
def test_clip_scale_does_not_overflow(dtype, size):
    """A square that is infinite would make a gradient of zeros."""
    gradient = np.full(100, size, dtype=dtype)
    assert clip_scale(gradient, 1.0) == pytest.approx(0.1 / size, rel=1e-6)


def norm_and_steps(kernels, dtype, size, n_threads):
    """The norm of a gradient, and all vectors after a step of each optimizer."""
    rng = np.random.default_rng(0)
    gradient, start = rng.standard_normal((2, size)).astype(dtype)
    p, m, v, u = start.copy(), gradient.copy(), gradient**2, gradient.copy()
    s = gradient**2
    kernels.adam_step(p, gradient, m, v, start, 0.5, 0.1, 0.2, 0.9, 0.99, 1e-8,
                      n_threads)  # fmt: skip
    kernels.sgd_step(p, gradient, u, 0.5, 0.1, 0.9, True, n_threads)
    kernels.rmsprop_step(p, gradient, s, 0.5, 0.1, 0.9, 1e-8, n_threads)
    norm = kernels.gradient_norm(gradient, n_threads)
    assert norm == pytest.approx(np.linalg.norm(gradient.astype(float)), rel=1e-14)
    return np.concatenate([[norm], p, m, v, u, s])


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16_384, 16_385, 100_003])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_and_steps_do_not_depend_on_threads(instruction_set, dtype, size):
    """Every size, also those that are cut into pieces; a norm as NumPy's."""
    kernels = kernels_of(instruction_set, dtype)
    expected = norm_and_steps(kernels, dtype, size, 1)
    for n_threads in (2, 3):
        assert_array_equal(norm_and_steps(kernels, dtype, size, n_threads), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_and_steps_have_the_same_bits_on_every_instruction_set(dtype):
    first, *others = [
        norm_and_steps(kernels_of(name, dtype), dtype, 20_001, 1)
        for name in supported_instruction_sets()
    ]
    for other in others:
        assert_array_equal(first, other)


def test_an_epsilon_that_float32_flushes_to_zero():
    """A parameter without gradient stays where it is: 0 / 0 would be NaN."""
    adam = Adam(2, np.float32, beta_1=0.9, beta_2=0.999, epsilon=1e-40)
    parameters = np.ones(2, np.float32)
    adam.step(parameters, np.array([0, 1], np.float32), 0.01)
    assert_allclose(parameters, [1, 0.99])
    rmsprop = RMSProp(2, np.float32, beta_2=0.75, epsilon=1e-40)
    rmsprop.step(parameters, np.array([0, 1], np.float32), 0.01)
    assert_allclose(parameters, [1, 0.97])


def test_steps_refuse_vectors_of_other_sizes(instruction_set):
    a, b = np.zeros(3), np.zeros(4)
    kernels = kernels_of(instruction_set, np.float64)
    with pytest.raises(ValueError, match="differ in size"):
        kernels.sgd_step(a, b, a, 1.0, 0.1, 0.9, True)
    for vectors in ([a, b, a], [a, a, b]):
        with pytest.raises(ValueError, match="differ in size"):
            kernels.rmsprop_step(*vectors, 1.0, 0.1, 0.99, 1e-8)
    for vectors in ([a, b, a, a, a], [a, a, b, a, a], [a, a, a, b, a], [a, a, a, a, b]):
        with pytest.raises(ValueError, match="differ in size"):
            kernels.adam_step(*vectors, 1.0, 0.1, 0.1, 0.9, 0.99, 1e-8)
