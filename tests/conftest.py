"""Fixtures that several test files share."""

import os
from importlib import import_module
from pathlib import Path

# Processes side by side (pytest -n) share the processors: threads of each that wait for
# those of the others would take longer than one.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    n_processes = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    n_threads = max(1, (os.cpu_count() or 1) // n_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(n_threads))

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklstm import _kernels as kernels
from sklstm._kernels import openmp_version, supported_instruction_sets
from sklstm._network import workspace
from sklstm._network.network import Network

# The asserts of helpers say what differs, as those of tests do.
pytest.register_assert_rewrite(
    *(p.stem for p in Path(__file__).parent.glob("*cases.py"))
)


def kernels_of(instruction_set, dtype):
    """The compiled module of one variant, whichever was chosen at import."""
    suffix = {4: "f32", 8: "f64"}[np.dtype(dtype).itemsize]
    name = kernels.float_set(instruction_set)
    return import_module(f"sklstm._kernels._{name}_{suffix}")


def use_kernels_of(monkeypatch, instruction_set):
    """Let `kernels_for` give this variant, to every module that has imported it."""
    for dtype in kernels._VARIANTS:
        variant = kernels_of(instruction_set, dtype)
        monkeypatch.setitem(kernels._VARIANTS, dtype, variant)
    monkeypatch.setattr(kernels, "bfloat16_set", lambda: instruction_set)


# Those that differ in float32 and float64; some of the others do in bfloat16 alone.
FLOAT_SETS = list(dict.fromkeys(map(kernels.float_set, supported_instruction_sets())))


@pytest.fixture(params=FLOAT_SETS)
def instruction_set(request, monkeypatch):
    """Run the test on every instruction set that this machine has."""
    use_kernels_of(monkeypatch, request.param)
    return request.param


@pytest.fixture(params=supported_instruction_sets())
def bfloat16_set(request, monkeypatch):
    """Run the test on every one that multiplies bfloat16 numbers in its own way."""
    use_kernels_of(monkeypatch, request.param)
    return request.param


@pytest.fixture
def cut_batches(monkeypatch):
    """A function that lets networks read about n steps at once.

    Its attribute `numbers` has the number of batches of every pass since.
    """
    original = Network._batches

    def record(network, lengths, n_steps):
        batches = list(original(network, lengths, n_steps))
        cut.numbers.append(len(batches))
        return batches

    def cut(n_steps):
        cut.numbers = []
        monkeypatch.setattr("sklstm._network.network.PREDICT_STEPS", n_steps)
        monkeypatch.setattr("sklstm._network.network.KEPT_STEPS", n_steps)
        monkeypatch.setattr(Network, "_batches", record)

    return cut


@pytest.fixture
def threads(monkeypatch):
    """A context of n OpenMP threads, more than there are processors if need be, all of
    which layers use in it, and the numbers of threads that they have used."""
    if not openmp_version():
        pytest.skip("built without OpenMP")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    used = set()

    def as_many_as_there_are(limit, all_or_one, n_strips, *work, **options):
        used.add(limit)
        return limit, max(1, limit - 1)  # one team of two

    for module in ("recurrent", "conv_recurrent"):
        monkeypatch.setattr(
            f"sklstm._network.layers.{module}.plan_threads", as_many_as_there_are
        )
    monkeypatch.setattr("sklstm._network.layers.layer.PARALLEL_WORK", 0)

    def limit(n):
        used.clear()
        return threadpool_limits(n, user_api="openmp")

    limit.used = used
    return limit


@pytest.fixture
def nothing_is_there(monkeypatch):
    """New memory holds NaN, which comes out where it is read before it is written."""
    empty = workspace.aligned_empty

    def not_a_number(shape, dtype):
        array = empty(shape, dtype)
        array.fill(np.nan)
        return array

    monkeypatch.setattr(workspace, "aligned_empty", not_a_number)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def environment():
    """Dask writes to the environment; what is set and deleted here is put back."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "MALLOC_TRIM_THRESHOLD_", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED",
        ):  # fmt: skip
            patch.setenv(name, "1")
            patch.delenv(name)
        yield


@pytest.fixture
def plt():
    """Pyplot without a screen, whose figures are closed afterwards."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot

    yield matplotlib.pyplot
    matplotlib.pyplot.close("all")
