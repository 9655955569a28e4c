"""Sigma and tanh as the kernels compute them."""

import numpy as np
import pytest
from kernel_cases import Batch, Recurrent
from numpy.testing import assert_array_equal

from sklstm._kernels import Schedule


def gates_at(z):
    """sigma(z) and tanh(z) as the kernels compute them: the gates of one step."""
    layer = Recurrent(1, 1, z.dtype)
    weights = {name: np.zeros(shape, z.dtype) for name, shape in layer.shapes.items()}
    weights["w"][:] = 1
    layer.load(weights, backward=False)
    starts = np.arange(len(z), dtype=np.intp)
    schedule = Schedule(starts, np.ones(len(z), dtype=np.intp), n_rows=len(z))
    layer.forward(schedule, z[:, np.newaxis].copy(), schedule.data_rows, keep=True)
    gates = layer._kept[3].reshape(len(z), 4, layer.width)[:, :, 0]
    order = np.argsort(schedule.data_rows)
    return gates[order, 0], gates[order, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations(instruction_set, dtype):
    """At most 3.5 units in the last place from the exact value."""
    rng = np.random.default_rng(0)
    z = np.concatenate(
        [
            rng.uniform(-30, 30, 20_000),
            rng.standard_normal(20_000),
            rng.choice([-1, 1], 5_000) * 10.0 ** rng.uniform(-12, 0, 5_000),
            [0.0, 50, -50, 80, -80],
        ]
    ).astype(dtype)
    exact_z = z.astype(np.longdouble)
    sigmoid, tanh = gates_at(z)
    for value, exact in (
        (sigmoid, 1 / (1 + np.exp(-exact_z))),
        (tanh, np.tanh(exact_z)),
    ):
        ulp = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
        assert np.max(np.abs(value - exact) / ulp) < 3.5
        assert np.abs(value).max() <= 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_at_the_ends(instruction_set, dtype):
    z = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0], dtype=dtype)
    sigmoid, tanh = gates_at(z)
    assert np.isnan(sigmoid[0]) and np.isnan(tanh[0])
    assert_array_equal(tanh[1:], np.array([1, -1, 1, -1, 0], dtype=dtype))
    assert_array_equal(sigmoid[[1, 3, 5]], np.array([1, 1, 0.5], dtype=dtype))
    assert np.all((sigmoid[[2, 4]] >= 0) & (sigmoid[[2, 4]] < 1e-30))


def test_denormals_are_flushed_inside_only(instruction_set):
    tiny = np.float32(1e-40)
    Batch("lstm", 2, 40, [5] * 40, np.float32).run(n_threads=2)
    assert tiny * np.float32(0.5) > 0
