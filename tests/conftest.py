"""Fixtures that several test files share."""

from importlib import import_module

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklstm.kernels import openmp_version, supported_instruction_sets
from sklstm.network.network import Network


def kernels_of(instruction_set, dtype):
    """The compiled module of one variant, whichever was chosen at import."""
    suffix = {4: "f32", 8: "f64"}[np.dtype(dtype).itemsize]
    return import_module(f"sklstm.kernels._recurrent_{instruction_set}_{suffix}")


@pytest.fixture(params=supported_instruction_sets())
def instruction_set(request, monkeypatch):
    """Run the test on every instruction set that this machine has."""
    for module in ("layers", "pooling", "optimizers"):
        monkeypatch.setattr(
            f"sklstm.network.{module}.kernels_for",
            lambda dtype: kernels_of(request.param, dtype),
        )
    return request.param


@pytest.fixture
def threads(monkeypatch):
    """A context of n OpenMP threads, more than there are processors if need be, and
    the numbers of threads that layers have used in it."""
    if not openmp_version():
        pytest.skip("built without OpenMP")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    used, original = set(), Network._n_threads

    def record(layer, schedule):
        n_threads = original(layer, schedule)
        used.add(n_threads)
        return n_threads

    monkeypatch.setattr(Network, "_n_threads", staticmethod(record))

    def limit(n):
        used.clear()
        return threadpool_limits(n, user_api="openmp")

    limit.used = used
    return limit
