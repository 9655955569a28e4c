"""The flat vector of parameters and what it starts from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits
from training_cases import matrix

from sklstm._network.build import whole_sequence_network
from sklstm._network.initializers import chrono_bias, one_blas_thread


def blas_threads():
    """Numbers of threads of the BLAS libraries of this process."""
    return {
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    }


def test_one_blas_thread_until_the_last_thread_leaves():
    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(1) as other:
        before = blas_threads()
        for _ in range(2):
            first, second = one_blas_thread(), one_blas_thread()
            first.__enter__()
            assert blas_threads() <= {1}
            other.submit(second.__enter__).result()
            first.__exit__(None, None, None)
            assert blas_threads() <= {1}
            other.submit(second.__exit__, None, None, None).result()
            assert blas_threads() == before


def test_one_blas_thread_in_another_thread_than_the_one_that_set_a_limit():
    def inside():
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(1) as other:
        with threadpool_limits(2, user_api="blas"):
            before = blas_threads()
            assert other.submit(inside).result() <= {1}
            assert blas_threads() == before


def test_limits_of_other_threads_hold_after_one_blas_thread():
    def limited():
        with threadpool_limits(2, user_api="blas"):
            return blas_threads()

    with ThreadPoolExecutor(1) as other:
        expected = other.submit(limited).result()
        with one_blas_thread():
            pass
        assert other.submit(limited).result() == expected


def test_chrono_bias_is_uniform_in_time_constants():
    for longest, bound in [(12, 11), (3, 2), (0, 2)]:
        steps = np.exp(chrono_bias(np.random.default_rng(0), 10_000, longest))
        assert 1 <= steps.min() < 1 + 1e-3 * bound
        assert bound * (1 - 1e-3) < steps.max() <= bound


def test_initial_parameters():
    """Glorot-uniform W, orthogonal R for each gate, forget bias 1, head at its bias."""
    F, H = 40, 30
    network = whole_sequence_network(F, (H, H), 3, np.float64)
    parameters = network.initialize(
        np.random.RandomState(0), np.array([1.0, -2, 3]), forget_bias=1.0
    )
    for name, n_inputs in (("l0", F), ("l1", H)):
        weights = matrix(network.layout, parameters, name)
        limit = np.sqrt(6 / (n_inputs + H))
        W = weights[:n_inputs]
        assert 0.98 * limit < np.abs(W).max() <= limit
        assert np.var(W) == pytest.approx(limit**2 / 3, rel=0.05)
        gates = weights[n_inputs:-1].reshape(H, 4, H).transpose(1, 0, 2)
        for R in gates:
            assert_allclose(R @ R.T, np.eye(H), atol=1e-12)
        assert np.abs(gates[0] - gates[1]).max() > 0.1
        assert_array_equal(
            weights[-1].reshape(4, H), [[0] * H, [1] * H, [0] * H, [0] * H]
        )
    head = matrix(network.layout, parameters, "head")
    limit = np.sqrt(6 / (H + 3))
    assert 0.9 * limit < np.abs(head[:-1]).max() <= limit
    assert_array_equal(head[-1], [1, -2, 3])


def test_weight_mask_is_zero_at_the_biases():
    network = whole_sequence_network(2, (3, 4), 2, np.float64)
    mask = network.weight_mask()
    for name in ("l0", "l1", "head"):
        assert_array_equal(matrix(network.layout, mask, name)[:-1], 1)
        assert_array_equal(matrix(network.layout, mask, name)[-1], 0)
