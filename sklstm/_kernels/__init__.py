"""Compiled kernels: one variant per instruction set, the best one chosen at import.

`SKLSTM_ISA` (``avx512``, ``avx2`` or ``baseline``) forces a variant.
"""

import os
from contextlib import contextmanager
from importlib import import_module
from typing import NamedTuple

import numpy as np


@contextmanager
def _short_spin():
    """Let OpenMP threads that wait give up their core after some 50 microseconds.

    GCC's runtime lets them spin for milliseconds, so that next to another busy process
    a minibatch waits for a thread that waits for a core. Epochs of 1000 sequences,
    T = 100, H = 32, two threads on two cores: 15 ms; beside one busy process 646 ms,
    with this 15. The runtime reads the variable once, when it is loaded with the first
    compiled module; a user's own setting is left alone, and none stays behind.
    """
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "5000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


with _short_spin():
    from ._digest import digests
    from ._random import dropout_mask, philox
    from ._runtime import (
        effective_n_threads,
        openmp_version,
        supported_instruction_sets,
    )
    from ._schedule import Schedule
    from ._threads import plan_threads

__all__ = [
    "CELLS",
    "Schedule",
    "digests",
    "dropout_mask",
    "effective_n_threads",
    "instruction_set",
    "kernels_for",
    "n_threads_for",
    "openmp_version",
    "philox",
    "plan_threads",
    "supported_instruction_sets",
]


def _choose(supported, forced):
    """Name of the variant to import: the best one, or the one that is forced."""
    if not forced:
        return supported[0]
    if forced not in supported:
        raise ImportError(
            f"SKLSTM_ISA={forced!r}, but this machine runs only {', '.join(supported)}."
            " Set SKLSTM_ISA to one of them, or unset it."
        )
    return forced


instruction_set = _choose(supported_instruction_sets(), os.environ.get("SKLSTM_ISA"))

_VARIANTS = {
    np.dtype(dtype): import_module(f"{__name__}._{instruction_set}_{suffix}")
    for dtype, suffix in ((np.float32, "f32"), (np.float64, "f64"))
}


class Cell(NamedTuple):
    """A row of the table of cells in cells.h, where the fields are explained."""

    number: int
    gates: int
    slots: int
    has_c: bool
    n_own: int
    memory: int


CELLS = {
    name: Cell(*row) for name, row in _VARIANTS[np.dtype(np.float32)].cell_table.items()
}


# Parameters below which a second thread costs more than it brings.
PARALLEL_SIZE = 200_000


def n_threads_for(vector):
    """Threads for a pass over a flat vector."""
    return effective_n_threads() if len(vector) > PARALLEL_SIZE else 1


def kernels_for(dtype):
    """The compiled module for arrays of `dtype` (float32 or float64)."""
    return _VARIANTS[np.dtype(dtype)]
