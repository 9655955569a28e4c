"""What a bug report needs."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import joblib

from ._kernels import (
    bfloat16_set,
    effective_n_threads,
    instruction_set,
    openmp_version,
    supported_instruction_sets,
)


def show_versions() -> None:
    """Print versions, the kernels in use, OpenMP and threads, and why these.

    ``python -m sklstm`` does the same, and with ``--selftest`` also checks the kernels
    of every instruction set of this machine.

    Examples
    --------
    >>> import sklstm
    >>> sklstm.show_versions()  # doctest: +ELLIPSIS
    sklstm: ...
    """
    packages = (
        "sklstm", "scikit-learn", "numpy", "scipy", "narwhals", "joblib",
        "threadpoolctl",
    )  # fmt: skip
    for package in packages:
        try:
            print(f"{package}: {version(package)}")
        except PackageNotFoundError:
            print(f"{package}: not installed")
    print(f"python: {platform.python_version()}")
    print(f"platform: {platform.platform()}")
    supported = ", ".join(supported_instruction_sets())
    print(f"instruction set: {instruction_set} ({_why_the_set()}: {supported})")
    print(f"bfloat16: {bfloat16_set()}")
    openmp = openmp_version()
    print(f"OpenMP: {openmp if openmp else 'built without'}")
    print(f"threads: {effective_n_threads()} ({_why_so_many()})")


def _why_the_set():
    if os.environ.get("SKLSTM_ISA"):
        return "as SKLSTM_ISA says, of those that this machine runs"
    return "the best one that this machine runs"


def _why_so_many():
    if not openmp_version():
        return "OpenMP is missing"
    if "OMP_NUM_THREADS" in os.environ:
        given = os.environ["OMP_NUM_THREADS"]
        return f"OMP_NUM_THREADS={given}, or a limit that was set since"
    n_cpus = joblib.cpu_count()
    if effective_n_threads() < n_cpus:
        return f"a limit that was set, there are {n_cpus} processors"
    return "the processors that this process may use"
