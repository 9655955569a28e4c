"""Fixtures that several test files share."""

from importlib import import_module

import numpy as np
import pytest

from sklstm.kernels import supported_instruction_sets


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
