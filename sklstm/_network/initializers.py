"""Where weights begin."""

import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import qr
from threadpoolctl import ThreadpoolController


class InitialValues(NamedTuple):
    """What is not random: where outputs start (K,), how long units remember, and of
    each table of an embedding rows and their values, or None."""

    outputs: Any
    forget_bias: float | str = 0.0
    longest: int | None = None
    tables: list | None = None


def glorot_uniform(rng, shape):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    limit = np.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape)


@cache
def _blas_libraries():
    """The BLAS libraries of the process; to look for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


def _free_blas():
    """Let the next thread set limits: since threadpoolctl 3.8 OpenBLAS belongs to the
    thread that was the first to do so, and limits of others are silently ignored."""
    for library in _blas_libraries().lib_controllers:
        free = getattr(library, "clear_controlling_thread", None)
        if free is not None:
            free(force=True)


class _OneBlasThread:
    """A limit for the process, that the first thread sets and the last one lifts."""

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._limit = None

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                _free_blas()
                self._limit = _blas_libraries().limit(limits=1, user_api="blas")
            self._n_inside += 1

    def __exit__(self, *error):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                _free_blas()
                self._limit.restore_original_limits()
                _free_blas()


_ONE_BLAS_THREAD = _OneBlasThread()


def one_blas_thread():
    """A context with one thread for BLAS: its last bits depend on their number."""
    return _ONE_BLAS_THREAD


def orthogonal(rng, n, rows=None):
    """A random matrix (rows, n) with orthonormal columns, without `rows` an orthogonal
    one, uniform over all (Mezzadri 2007)."""
    rows = n if rows is None else rows
    with one_blas_thread():
        q, r = qr(rng.standard_normal((rows, n)), mode="economic")
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def chrono_bias(rng, n, longest):
    """Biases of units that remember for 1 to `longest` steps (Tallec & Ollivier 2018).

    log(u) with u uniform in [1, longest - 1]: a gate sigma(log u) forgets in u steps.
    """
    return np.log(rng.uniform(1, max(2, longest - 1), n))
