"""The flat vector of parameters and what it starts from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

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
