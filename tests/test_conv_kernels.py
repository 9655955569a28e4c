"""The kernels that convolve: against the reference, finite differences, and their bits
for any threads and neighbours."""

from functools import cache

import conv_reference
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._kernels import CELLS, Schedule, kernels_for
from sklstm._network.workspace import aligned_empty

CELL_NAMES = ["lstm", "lstm_peephole"]
every_cell = pytest.mark.parametrize("cell", CELL_NAMES)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])

# lengths, height and width, margins, kernel, channels of x in memory and used, units
CASES = {
    "whole vectors": ([3, 2], (4, 12), (1, 1), (3, 3), 3, 3, 16),
    "ragged": ([3, 0, 5, 1], (5, 7), (1, 1), (3, 3), 2, 2, 5),
    "strips": ([2, 4, 1, 1, 3, 5, 2, 2, 0, 1, 4], (3, 2), (1, 1), (3, 3), 2, 2, 3),
    "wide margins": ([2, 3], (5, 7), (2, 3), (3, 3), 2, 2, 17),
    "wide kernel": ([2, 0, 3], (7, 9), (2, 2), (5, 5), 3, 3, 20),
    "wide kernel, whole tiles": ([2], (4, 16), (2, 2), (5, 5), 16, 16, 32),
    "long kernel": ([1, 2], (6, 9), (2, 1), (5, 3), 4, 4, 33),
    "even kernel": ([2, 3], (6, 9), (1, 2), (2, 4), 3, 3, 8),
    "pixel by pixel": ([2, 4], (3, 5), (0, 0), (1, 1), 4, 4, 20),
    "some channels": ([2, 3], (4, 6), (1, 1), (3, 3), 8, 5, 8),
    "no input": ([2, 3], (4, 6), (1, 1), (3, 3), 0, 0, 8),
    "one pixel": ([3], (1, 1), (1, 1), (3, 3), 5, 5, 8),
    "kernel beyond the frame": ([2, 1], (2, 3), (3, 3), (7, 7), 1, 1, 4),
    "several panels": ([2], (3, 7), (1, 1), (3, 3), 70, 70, 80),
    "no steps": ([0, 0], (3, 4), (1, 1), (3, 3), 2, 2, 5),
}  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES)


class ConvBatch:
    """A layer with random weights on a batch of random clips."""

    def __init__(self, cell, case, dtype=np.float64, seed=0):
        lengths, size, margins, kernel, ldx, F, H = CASES[case]
        rng = np.random.default_rng(seed)
        self.cell, self.dtype, self.F, self.H, self.ldx = CELLS[cell], dtype, F, H, ldx
        self.lengths = np.array(lengths, dtype=np.intp)
        self.size, self.margins, self.kernel = size, margins, kernel
        taps, N, B = kernel[0] * kernel[1], sum(lengths), len(lengths)

        def normal(*shape, scale=1.0):
            return (scale * rng.normal(size=shape)).astype(dtype)

        self.x = normal(N, *size, ldx)
        self.weights = {
            "w": normal(taps * F, 4 * H, scale=1 / np.sqrt(max(1, taps * F))),
            "r": normal(taps * H, 4 * H, scale=1 / np.sqrt(taps * H)),
            "b": normal(4 * H),
        }
        if self.cell.n_own:
            self.weights["p"] = normal(3, H, scale=0.3)
        self.h_0, self.c_0 = normal(B, *size, H), normal(B, *size, H)
        self.d_last, self.d_c_last = normal(B, *size, H), normal(B, *size, H)
        self.d_out = normal(N, *size, H)

    @property
    def geometry(self):
        return (*self.size, *self.margins, *self.kernel)

    def rows(self, values):
        """(., pixels * units) of (., height, width, H)."""
        units = kernels_for(self.dtype).padded(self.H)
        rows = np.zeros((*values.shape[:3], units), self.dtype)
        rows[..., : self.H] = values
        return rows.reshape(len(values), self.size[0] * self.size[1] * units)

    def channels(self, rows, n):
        n_pixels = self.size[0] * self.size[1]
        width = rows.shape[1] // n_pixels
        return rows.reshape(len(rows), *self.size, width)[..., :n]

    def run(self, kernels=None, n_threads=1, keep=True):
        """States and gradients by name, in memory that holds NaN before."""
        kernels = kernels or kernels_for(self.dtype)
        F, H, N, B = self.F, self.H, int(self.lengths.sum()), len(self.lengths)
        units = kernels.padded(H)
        starts = np.cumsum(self.lengths) - self.lengths
        schedule = Schedule(starts, self.lengths, n_rows=N)
        rows = np.asarray(schedule.data_rows)
        number, geometry = self.cell.number, self.geometry

        def nothing(*shape):
            array = aligned_empty(shape, self.dtype)
            array[...] = np.nan
            return array

        def planes(n, depth):
            return nothing(kernels.planes_size(n, *self.size, *self.margins, depth))

        x = None
        if F:
            x = planes(N, self.ldx)
            conv_reference.put_planes(x, geometry, self.ldx, self.x)
        w, r, b, p = (self.weights.get(name) for name in "wrbp")
        packed = nothing(kernels.packed_conv_size(number, self.kernel, F, H))
        kernels.pack_conv(number, self.kernel, w, r, b, p, packed, n_threads)
        n_pixels = self.size[0] * self.size[1]
        h_last, c_last = nothing(B, n_pixels * units), nothing(B, n_pixels * units)
        kept = h = c = None
        if keep:
            kept, h = planes(N, 4 * units), planes(N + B, units)
            c = nothing(N + B, n_pixels * units)
        scratch = nothing(
            kernels.conv_scratch_size(schedule, geometry, F, H, n_threads, keep)
        )
        kernels.conv_forward(
            number, schedule, geometry, x, self.ldx, rows, F, H, packed, scratch,
            h_last, c_last, self.rows(self.h_0), self.rows(self.c_0), kept, h, c,
            n_threads=n_threads,
        )  # fmt: skip
        got = {
            "h_last": self.channels(h_last, H),
            "c_last": self.channels(c_last, H),
        }
        if not keep:
            return got
        got["h"] = conv_reference.image(h, N + B, geometry, units)[..., :H].copy()
        size = kernels.packed_conv_backward_size(number, self.kernel, F, H, True)
        packed = nothing(size)
        kernels.pack_conv_backward(number, self.kernel, w, r, p, packed, n_threads)
        scratch = nothing(
            kernels.conv_backward_scratch_size(schedule, geometry, F, H, n_threads)
        )
        d_w, d_r, d_b = (np.ones_like(self.weights[name]) for name in "wrb")
        d_c, d_h_0 = self.rows(self.d_c_last), nothing(B, n_pixels * units)
        d_x = nothing(N, n_pixels * kernels.padded(F)) if F else None
        kernels.conv_backward(
            number, schedule, geometry, x, self.ldx, rows, F, H, packed, scratch, kept,
            h, c, d_w, d_r, d_b, d_c, self.rows(self.d_last),
            self.rows(self.d_out[rows]), d_h_0, d_x, n_threads=n_threads,
        )  # fmt: skip
        got |= {"d_w": d_w, "d_r": d_r, "d_b": d_b}
        got["d_z"] = conv_reference.whole_planes(kept, N, geometry, 4 * units).copy()
        got["d_c_0"] = self.channels(d_c, H)
        got["d_h_0"] = self.channels(d_h_0, H)
        if F:
            d_x_by_row = np.empty_like(self.x[..., :F])
            d_x_by_row[rows] = self.channels(d_x, F)
            got["d_x"] = d_x_by_row
        return got

    def loss(self):
        """What d_last, d_c_last and d_out are the gradients of."""
        got = self.run()
        starts = np.cumsum(self.lengths) - self.lengths
        schedule = Schedule(starts, self.lengths, n_rows=len(self.x))
        h = got["h"][schedule.state_rows]
        return (
            (got["h_last"] * self.d_last).sum() + (got["c_last"] * self.d_c_last).sum()
            + (h * self.d_out[schedule.data_rows]).sum()
        )  # fmt: skip


@cache
def expected_of(cell, case, dtype):
    return ConvBatch(cell, case, dtype).run(conv_reference.standing_in(dtype))


@every_cell
@every_dtype
@every_case
def test_reference(instruction_set, cell, case, dtype):
    got, expected = ConvBatch(cell, case, dtype).run(), expected_of(cell, case, dtype)
    tolerance = {np.float64: 1e-13, np.float32: 3e-5}[dtype]
    assert got.keys() == expected.keys()
    for name, value in got.items():
        scale = max(1, np.abs(expected[name]).max(initial=0))
        if name == "d_z":  # the units that vectors are filled up with may be more
            assert np.isfinite(value).all()
            continue
        assert value.dtype == dtype
        assert_allclose(value, expected[name], 0, tolerance * scale, err_msg=name)


@every_cell
@pytest.mark.parametrize(
    "case", ["ragged", "wide kernel", "even kernel", "some channels", "no input"]
)
def test_finite_differences(instruction_set, cell, case):
    """Some elements of every gradient, by central differences in float64."""
    batch, rng, epsilon = ConvBatch(cell, case), np.random.default_rng(1), 1e-5
    gradients = batch.run()
    arrays = {name: array for name, array in batch.weights.items() if name != "p"}
    arrays |= {"h_0": batch.h_0, "c_0": batch.c_0}
    if batch.F:
        arrays["x"] = batch.x[..., : batch.F]
    for name, array in arrays.items():
        gradient = gradients[f"d_{name}"] - (name in "wrb")
        for _ in range(6 if array.size else 0):
            index = tuple(rng.integers(n) for n in array.shape)
            value, sides = array[index], []
            for side in (epsilon, -epsilon):
                array[index] = value + side
                sides.append(batch.loss())
            array[index] = value
            slope = (sides[0] - sides[1]) / (2 * epsilon)
            assert_allclose(gradient[index], slope, 1e-6, 1e-8, err_msg=name)


@every_case
@every_dtype
def test_threads_change_no_bit(case, dtype):
    batch = ConvBatch("lstm_peephole", case, dtype)
    one = batch.run()
    for n_threads in (2, 3, 7):
        for name, value in batch.run(n_threads=n_threads).items():
            assert_array_equal(value, one[name], err_msg=name)


@every_case
@every_dtype
def test_what_is_kept_changes_no_bit(case, dtype):
    batch = ConvBatch("lstm", case, dtype)
    kept = batch.run()
    for n_threads in (1, 3):
        for name, value in batch.run(keep=False, n_threads=n_threads).items():
            assert_array_equal(value, kept[name], err_msg=name)


@pytest.mark.parametrize("case", ["ragged", "strips", "whole vectors"])
def test_neighbours_change_no_bit(case):
    batch = ConvBatch("lstm", case, np.float32)
    together = batch.run()
    starts = np.cumsum(batch.lengths) - batch.lengths
    for i, length in enumerate(batch.lengths):
        alone = ConvBatch("lstm", case, np.float32)
        steps = slice(starts[i], starts[i] + length)
        alone.lengths = batch.lengths[i : i + 1]
        alone.x, alone.d_out = batch.x[steps], batch.d_out[steps]
        for name in ("h_0", "c_0", "d_last", "d_c_last"):
            setattr(alone, name, getattr(batch, name)[i : i + 1])
        got = alone.run()
        for name in ("h_last", "c_last", "d_h_0", "d_c_0"):
            assert_array_equal(got[name][0], together[name][i], err_msg=name)
        assert_array_equal(got["d_x"], together["d_x"][steps])


def test_margins_of_what_is_kept_are_zero():
    """Backward reads them, and so does the layer above."""
    batch = ConvBatch("lstm", "wide margins", np.float32)
    (height, width), d_z = batch.size, batch.run()["d_z"]
    assert d_z[:, :height, :width].any()
    assert not d_z[:, height:].any()
    assert not d_z[:, :, width:].any()


def test_nothing_after_a_step_reaches_it():
    batch = ConvBatch("lstm", "ragged", np.float32)
    before = batch.run()["h"]
    starts = np.cumsum(batch.lengths) - batch.lengths
    batch.x[starts[2] + 3] += 1.0  # of five frames the fourth
    after = batch.run()["h"]
    changed = (before != after).any(axis=(1, 2, 3))
    schedule = Schedule(starts, batch.lengths, n_rows=len(batch.x))
    times = schedule.time[np.isin(schedule.state_rows, np.flatnonzero(changed))]
    assert sorted(times) == [3, 4]


# ---- what does not belong together -----------------------------------------------


def arguments(**changes):
    """Those of `conv_forward` on one frame of 4 x 5 pixels and 3 channels."""
    kernels = kernels_for(np.float32)
    schedule = Schedule(np.zeros(1, np.intp), np.ones(1, np.intp), n_rows=1)
    geometry, F, H = (4, 5, 1, 1, 3, 3), 3, 2
    width = 20 * kernels.padded(H)

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    values = {
        "cell": CELLS["lstm"].number,
        "schedule": schedule,
        "geometry": geometry,
        "x": zeros(kernels.planes_size(1, 4, 5, 1, 1, F)),
        "ldx": F,
        "x_rows": np.zeros(1, np.intp),
        "F": F,
        "H": H,
        "packed": zeros(kernels.packed_conv_size(0, (3, 3), F, H)),
        "scratch": zeros(kernels.conv_scratch_size(schedule, geometry, F, H, 1)),
        "h_last": zeros(1, width),
        "c_last": zeros(1, width),
    }
    return kernels, {**values, **changes}


def test_arguments_that_fit():
    kernels, values = arguments()
    kernels.conv_forward(**values)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"geometry": (4, 5, 0, 1, 3, 3)}, "no frames of the geometry"),
        ({"geometry": (0, 5, 1, 1, 3, 3)}, "no frames of the geometry"),
        ({"geometry": (4, 6, 1, 1, 3, 3)}, "elements"),
        ({"cell": CELLS["gru"].number}, "no cell of 3 gates"),
        ({"x": np.zeros(7, np.float32)}, "x has 7 elements"),
        ({"x": None}, "do not belong together"),
        ({"x_rows": np.ones(1, np.intp)}, "Row 1 of x"),
        ({"x_rows": np.full(1, -1, np.intp)}, "Row -1 of x"),
        ({"x_rows": np.zeros(0, np.intp)}, "0 rows of x"),
        ({"packed": np.zeros(9, np.float32)}, "packed"),
        ({"scratch": np.zeros(9, np.float32)}, "scratch"),
        ({"h_last": np.zeros((1, 9), np.float32)}, "h_last has shape"),
        ({"c_last": None}, "h_last and c_last are needed"),
        ({"h_0": np.zeros((2, 9), np.float32)}, "h_0 has shape"),
        ({"kept": np.zeros(9, np.float32)}, "needs the states too"),
        ({"H": 3}, "packed"),
    ],
)
def test_arguments_that_do_not_belong_together(changes, message):
    kernels, values = arguments(**changes)
    with pytest.raises(ValueError, match=message):
        kernels.conv_forward(**values)
