"""The recurrent kernels of bfloat16, against float64 of rounded operands.

A last bit that rounds the other way is another operand, so steps are compared one by
one: each begins with what the kernel itself has come to.
"""

from functools import cache

import numpy as np
import pytest
import reference
from conftest import use_kernels_of
from kernel_cases import Batch, every_cell, rounded
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._kernels import CELLS, supported_instruction_sets

# (F, H, lengths): off the width of vectors, of pairs and of tiles, in each dimension
SHAPES = [
    (1, 16, [5] * 7),
    (3, 5, [0, 3, 9, 1, 1, 0, 12]),
    (13, 20, list(range(20))),
    (32, 64, [7] * 40),
    (33, 48, [9, 4]),
    (2, 1, [3]),
    (1, 2, [0, 0]),
    (70, 130, [4, 4, 4, 9]),
    (5, 20, [49]),
    (30, 150, [25]),
    # weight gradients in several chunks of row-steps, the last one odd
    (3, 36, [9] * 121),
]
every_shape = pytest.mark.parametrize("F, H, lengths", SHAPES)
masks = pytest.mark.parametrize("masked", [False, True])


def test_rounding():
    assert_array_equal(
        rounded([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-7, -3.0e-40, 3.4e38]),
        [1, 1, 1 + 2**-6, 1 + 2**-7, -0.0, np.inf],
    )


class Steps:
    """What a kernel has come to at every step of a sequence."""

    def __init__(self, batch, i):
        schedule, _, _, kept, h, c, _, _ = batch.layer._kept
        H, slots = batch.H, batch.layer.cell.slots
        rows = np.argsort(schedule.data_rows)[batch.offsets[i] : batch.offsets[i + 1]]
        before, after = schedule.before_rows[rows], schedule.state_rows[rows]
        c = h if c is None else c
        self.T = len(rows)
        self.x = rounded(batch.x[batch.offsets[i] : batch.offsets[i + 1]])
        self.mask = np.ones(H) if batch.mask is None else batch.mask[i]
        self.h_before, self.h = (a[:, :H].astype(float) for a in (h[before], h[after]))
        self.c_before, self.c = (a[:, :H].astype(float) for a in (c[before], c[after]))
        # what R was multiplied with; the product with the mask is float32 too
        self.right = rounded(h[before, :H] * self.mask.astype(np.float32))
        d_z = kept.reshape(len(kept), slots, batch.layer.width)[rows]
        self.d_z = d_z[:, :, :H].astype(float)


def weights_of(batch):
    """Rounded matrices; b and p as they are."""
    weights = {name: w.astype(float) for name, w in batch.weights.items()}
    return weights | {name: rounded(batch.weights[name]) for name in "wr"}


def assert_near(value, expected, name):
    scale = max(1, np.abs(expected).max(initial=0))
    assert_allclose(value, expected, 0, 5e-5 * scale, err_msg=name)


@every_cell
@every_shape
@masks
def test_steps(bfloat16_set, cell, F, H, lengths, masked):
    batch = Batch(cell, F, H, lengths, "bfloat16", masked=masked)
    got, weights = batch.run(), weights_of(batch)
    gates, slots = CELLS[cell].gates, CELLS[cell].slots
    step, back = reference.STEPS[cell]
    p = weights.get("p", np.zeros((3, H)))
    expected = {name: np.zeros(w.shape) for name, w in weights.items()}
    for i in range(batch.B):
        s = Steps(batch, i)
        d_h = batch.d_last[i].astype(float)
        d_c = batch.d_c_last[i].astype(float) if CELLS[cell].has_c else np.zeros(H)
        for t in reversed(range(s.T)):
            z = weights["b"].reshape(slots, H).copy()
            z[:gates] += (s.x[t] @ weights["w"]).reshape(gates, H)
            z[-gates:] += (s.right[t] @ weights["r"]).reshape(gates, H)
            h, c, kept = step(z, p, s.h_before[t], s.c_before[t])
            assert_near(s.h[t], h, "h")
            if CELLS[cell].has_c:
                assert_near(s.c[t], c, "c")
            d_h = d_h + batch.d_h[batch.offsets[i] + t]
            d_z, direct, d_c, d_p = back(
                kept, p, s.h_before[t], s.c_before[t], s.h[t], s.c[t], d_h, d_c
            )
            assert_near(s.d_z[t], d_z, "d_z")
            d_z_x = rounded(s.d_z[t, :gates]).ravel()
            d_z_h = rounded(s.d_z[t, -gates:]).ravel()
            d_h = s.mask * (weights["r"] @ d_z_h) + direct
            d_x = got["d_x"][batch.offsets[i] + t]
            assert_near(d_x, weights["w"] @ d_z_x, "d_x")
            expected["w"] += np.outer(s.x[t], d_z_x)
            expected["r"] += np.outer(s.right[t], d_z_h)
            expected["b"] += s.d_z[t].ravel()
            if "p" in expected:
                expected["p"] += d_p
        assert_near(got["d_h_0"][i], d_h, "d_h_0")
        if CELLS[cell].has_c:
            assert_near(got["d_c_0"][i], d_c, "d_c_0")
    for name, gradient in expected.items():
        assert_near(got[f"d_{name}"], gradient, f"d_{name}")


@every_cell
@every_shape
def test_bits_do_not_depend_on_threads(bfloat16_set, cell, F, H, lengths):
    batch = Batch(cell, F, H, lengths, "bfloat16", masked=lengths[0] > 4)
    first = batch.run()
    for n_threads in (2, 3, 5):
        for key, value in batch.run(n_threads).items():
            assert_array_equal(value, first[key], err_msg=key)


@every_cell
@masks
def test_bits_do_not_depend_on_neighbours(bfloat16_set, cell, masked):
    lengths = [3, 7, 1, 12, 5, 5, 20, 2, 9] * 5
    together = Batch(cell, 9, 21, lengths, "bfloat16", masked=masked)
    for strip_rows in (1, 5, 16, 64):
        whole = together.run(strip_rows=strip_rows)
        for i in (0, 3, 17, 44):
            alone = Batch(cell, 9, 21, [lengths[i]], "bfloat16", masked=masked)
            steps = slice(together.offsets[i], together.offsets[i + 1])
            alone.weights = together.weights
            alone.x, alone.d_h = together.x[steps], together.d_h[steps]
            for name in ("h_0", "c_0", "d_last", "d_c_last", "mask"):
                of_all = getattr(together, name)
                setattr(alone, name, of_all if of_all is None else of_all[i : i + 1])
            for key, value in alone.run().items():
                if key in ("h", "d_x"):
                    assert_array_equal(value, whole[key][steps], err_msg=key)
                elif key in ("h_last", "c_last", "d_h_0", "d_c_0"):
                    assert_array_equal(value, whole[key][i : i + 1], err_msg=key)


@every_cell
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_come_through(bfloat16_set, cell, value):
    """To their own sequence, and not to its neighbours."""
    batch = Batch(cell, 3, 21, [4, 6, 5], "bfloat16")
    before = batch.run(backward=False)["h"]
    batch.x[batch.offsets[1] + 2] = value
    after = batch.run(backward=False)["h"]
    touched = np.zeros(len(before), dtype=bool)
    touched[batch.offsets[1] + 2 : batch.offsets[2]] = True
    assert_array_equal(after[~touched], before[~touched])
    if np.isnan(value):
        assert np.isnan(after[touched]).all()
    else:
        assert (after[touched] != before[touched]).any(axis=1).all()


@every_cell
def test_largest_and_smallest_operands(bfloat16_set, cell):
    """Denormals count as zero, and what float32 can hold does not overflow."""
    batch = Batch(cell, 3, 21, [4, 6], "bfloat16")
    batch.x[:] = 1e-39
    tiny = batch.run()
    batch.x[:] = 0
    zero = batch.run()
    for key, value in tiny.items():
        assert_array_equal(value, zero[key], err_msg=key)
    batch.x[:] = 3e38
    batch.weights["w"][:] = 1e-38
    assert np.isfinite(batch.run(backward=False)["h"]).all()


@cache
def of_set(name, cell):
    with pytest.MonkeyPatch.context() as patch:
        use_kernels_of(patch, name)
        return Batch(cell, 12, 40, [7] * 9, "bfloat16").run()


@every_cell
@pytest.mark.parametrize("name", supported_instruction_sets())
def test_sets_differ_in_the_last_bits_alone(name, cell):
    """And a little more, where these round the next operand the other way."""
    got, expected = of_set(name, cell), of_set("baseline", cell)
    for key, value in expected.items():
        error = np.linalg.norm(got[key] - value)
        assert error <= 5e-3 * np.linalg.norm(value), key
