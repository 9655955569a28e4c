"""What a bug report needs."""

import platform
from importlib.metadata import PackageNotFoundError, version

from ._kernels import (
    bfloat16_set,
    effective_n_threads,
    instruction_set,
    openmp_version,
    supported_instruction_sets,
)


def show_versions() -> None:
    """Print versions, the kernels in use, OpenMP and threads.

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
    print(f"instruction set: {instruction_set} (this machine runs {supported})")
    print(f"bfloat16: {bfloat16_set()}")
    openmp = openmp_version()
    print(f"OpenMP: {openmp if openmp else 'built without'}")
    print(f"threads: {effective_n_threads()}")
