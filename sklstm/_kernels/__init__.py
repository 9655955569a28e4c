"""Compiled kernels: one variant per instruction set, the best one chosen at import.

`SKLSTM_ISA` (``amx``, ``avx512bf16``, ``avx512``, ``avx2`` or ``baseline``) forces a
variant. The first two differ from the third in products of bfloat16 numbers alone.
"""

import os
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
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
    from . import _crf as crf
    from . import _ctc as ctc
    from ._digest import digests
    from ._embedding import add_rows
    from ._random import dropout_mask, philox
    from ._runtime import (
        effective_n_threads,
        machine_instruction_sets,
        may_use_tiles,
        openmp_version,
    )
    from ._schedule import Schedule
    from ._threads import ASLEEP, AWAKE, plan_threads

__all__ = [
    "ASLEEP",
    "AWAKE",
    "CELLS",
    "Schedule",
    "add_rows",
    "array_dtype",
    "bfloat16_set",
    "crf",
    "ctc",
    "digests",
    "dropout_mask",
    "effective_n_threads",
    "float_set",
    "instruction_set",
    "kernels_for",
    "n_threads_for",
    "openmp_version",
    "philox",
    "plan_threads",
    "product_kernels_for",
    "supported_instruction_sets",
]


def supported_instruction_sets():
    """Names of the instruction sets that this machine runs and that the compiler of the
    package knew, best first."""
    return [
        name
        for name in machine_instruction_sets()
        if name == float_set(name) or find_spec(f"{__name__}._{name}_bf16")
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


def float_set(name):
    """The instruction set whose float32 and float64 kernels this one has."""
    return "avx512" if name in ("amx", "avx512bf16") else name


def _variant(name, precision):
    suffix = {"float32": "f32", "float64": "f64", "bfloat16": "bf16"}[precision]
    return import_module(f"{__name__}._{name}_{suffix}")


instruction_set = _choose(supported_instruction_sets(), os.environ.get("SKLSTM_ISA"))

_VARIANTS = {
    np.dtype(precision): _variant(float_set(instruction_set), precision)
    for precision in ("float32", "float64")
}


@cache
def bfloat16_set():
    """Name of the instruction set that multiplies bfloat16 numbers.

    That of AMX needs the system's leave, for which this process asks here, when it is
    about to use it: where it says no, it is the next one.
    """
    if instruction_set == "amx" and not may_use_tiles():
        return "avx512bf16"
    return instruction_set


@cache
def _bfloat16_variant(name):
    return _variant(name, "bfloat16")


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


def product_kernels_for(precision):
    """The compiled module of layers whose products are in float32, float64 or bfloat16:
    recurrent ones and the head over a vocabulary."""
    if precision == "bfloat16":
        return _bfloat16_variant(bfloat16_set())
    return kernels_for(precision)


def array_dtype(precision):
    """The dtype of all arrays of a network: in "bfloat16" it is operands of products
    alone that are rounded, inside the kernels."""
    return np.dtype("float32" if precision == "bfloat16" else precision)
