"""What the optimizers share: threads, and states in other units."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklstm import _kernels as kernels
from sklstm._training.optimizers import SGD, Adam, RMSProp, rescaled

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
