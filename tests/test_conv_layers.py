"""Layers that read frames: what they give and what goes back, one by one."""

import numpy as np
import pytest
from conv_network_cases import (
    LENGTHS,
    as_read,
    every_cell,
    layer_forward,
    patches,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._kernels import Schedule
from sklstm._network.initializers import InitialValues, orthogonal
from sklstm._network.layers.conv_recurrent import ConvBidirectional, ConvRecurrent
from sklstm._network.layers.dropout import FrameDropout, Masks
from sklstm._network.layers.frames import FAR, Frames
from sklstm._network.layers.patches import Patches
from sklstm._network.layers.pixel_head import PixelHead
from sklstm._network.layers.space_pooling import SpacePooling
from sklstm._network.planes import Planes, from_patches, planes_in, to_patches
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory, Workspace

GEOMETRIES = {
    "odd": ((5, 7), (3, 3), 2, 3),
    "wide kernel": ((4, 6), (5, 5), 1, 17),
    "oblong kernel": ((3, 4), (3, 5), 2, 5),
    "no neighbours": ((3, 2), (1, 1), 3, 5),
    "even kernel": ((4, 3), (2, 4), 1, 3),
    "one pixel": ((1, 1), (3, 3), 2, 3),
    "nothing read": ((3, 4), (3, 3), 0, 5),
    "a whole vector": ((2, 3), (3, 3), 8, 16),
}
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES)
pytestmark = pytest.mark.usefixtures("nothing_is_there")
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


class Batch:
    """Frames of ragged clips as `Planes`, in any order of the rows."""

    def __init__(
        self, frame, pad, channels, dtype=np.float64, lengths=LENGTHS, depth=None
    ):
        rng = np.random.default_rng(0)
        self.frame, self.pad, self.channels = frame, pad, channels
        self.depth = channels if depth is None else depth
        self.lengths = np.array(lengths, np.intp)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.N = int(self.lengths.sum())
        self.schedule = Schedule(self.starts, self.lengths, 2, n_rows=self.N)
        self.dtype = np.dtype(dtype)
        self.x = rng.standard_normal((self.N, *frame, channels)).astype(dtype)

    def steps(self, kernels, x=None):
        x = self.x if x is None else x
        planes = planes_in(
            Workspace(self.dtype), "x", kernels, (*self.frame, *self.pad), self.N,
            self.depth,
        )  # fmt: skip
        planes.flat.fill(np.nan)
        image = planes.clear_margins().image
        image[:] = 0.7  # what is behind the channels that are read
        image[..., : self.channels] = x
        if not self.channels:
            planes = planes._replace(flat=None)
        return Steps(planes, self.schedule.data_rows, self.schedule)

    def run(self, **options):
        return Run(Memory(self.dtype), n_threads=1, **options)

    def clip(self, i, x=None):
        x = self.x if x is None else x
        return np.float64(x[self.starts[i] :][: self.lengths[i]])

    def by_step(self, rows):
        """Rows in the order of the data as those of row-steps."""
        return rows[self.schedule.data_rows]

    def by_row(self, steps):
        """Those of row-steps in the order of the data."""
        out = np.empty_like(steps)
        out[self.schedule.data_rows] = steps
        return out


def padded(values, width):
    """Images (n, height, width, channels) as rows (n, pixels * width)."""
    out = np.zeros((*values.shape[:-1], width), values.dtype)
    out[..., : values.shape[-1]] = values
    return out.reshape(len(values), -1)


def unpadded(rows, frame, channels):
    return rows.reshape(len(rows), *frame, -1)[..., :channels]


def problem(geometry, cell="lstm", dtype=np.float64, depth=None, make=ConvRecurrent):
    """A layer with random weights, a batch, and random initial states by name."""
    frame, kernel, F, H = GEOMETRIES[geometry]
    rng = np.random.default_rng(1)
    layer = make("l0", F, H, dtype, cell, kernel_size=kernel, every_step=True)
    pad = kernel[0] // 2, kernel[1] // 2 + 1  # more than it needs
    batch = Batch(frame, pad, F, dtype, depth=depth)
    weights = {
        name: (min(0.4, 2 / np.sqrt(shape[0])) * rng.standard_normal(shape)).astype(
            dtype
        )
        for name, shape in layer.shapes.items()
    }
    states = {
        part.name: [
            rng.standard_normal((len(LENGTHS), *frame, H)).astype(dtype) for _ in "hc"
        ]
        for part in layer.directions
    }
    return layer, batch, weights, states


def forward(layer, batch, weights, states, x=None, **options):
    layer.load(weights, backward=bool(options))
    rows = {
        name: tuple(padded(part, layer.directions[0].width) for part in parts)
        for name, parts in states.items()
    }
    run = batch.run(states=rows, **options)
    return layer.forward(batch.steps(layer.kernels, x), run)


def outputs_of(layer, batch, y, H):
    """All outputs in the order of the data, and the ends."""
    image = batch.by_row(y.values.image[y.rows, ..., :H])
    return [image, *(unpadded(end, batch.frame, H) for end in y.ends)]


# ---- convolutional layers --------------------------------------------------------


@every_cell
@every_geometry
@every_dtype
def test_outputs_written_out(instruction_set, geometry, cell, dtype):
    depth = GEOMETRIES[geometry][2] and 11
    layer, batch, weights, states = problem(geometry, cell, dtype, depth)
    y, _ = forward(layer, batch, weights, states)
    image, h_last, c_last = outputs_of(layer, batch, y, layer.n_units)
    tolerance = {"rtol": 1e-9, "atol": 1e-9}
    if dtype is np.float32:  # of tiles it is of the largest numbers that they hold
        tolerance = {"rtol": 0, "atol": 3e-5 * max(1, np.abs(image).max())}
    own = {name: np.float64(w) for name, w in weights.items()}
    for i, T in enumerate(LENGTHS):
        h_0, c_0 = (np.float64(part[i]) for part in states["l0"])
        h, c = layer_forward(cell, own, layer.kernel_size, batch.clip(i), h_0, c_0)
        assert_allclose(batch.clip(i, image), h[1:], **tolerance)
        assert_allclose(h_last[i], h[-1], **tolerance)
        assert_allclose(c_last[i], c[-1], **tolerance)
        if not T:  # the states of a clip of no frames are where it begins
            assert_array_equal(h_last[i], states["l0"][0][i])


@every_geometry
def test_padding_and_margins_are_zero(geometry):
    layer, batch, weights, states = problem(geometry)
    y, tape = forward(layer, batch, weights, states, keep=True)
    for planes, width in ((y.values, layer.width), (tape.kept, 4 * layer.width)):
        whole = planes.whole
        assert not planes.flat[: planes.lead].any()
        assert not whole[:, batch.frame[0] :].any()
        assert not whole[:, :, batch.frame[1] :].any()
        assert planes.depth == width
    assert not y.values.image[y.rows][..., layer.n_units :].any()
    layer, batch, weights, states = problem(geometry, make=ConvBidirectional)
    y, _ = forward(layer, batch, weights, states)
    for end in y.ends:
        assert not unpadded(end, batch.frame, layer.width)[..., layer.n_outputs :].any()


@every_cell
@every_geometry
@pytest.mark.parametrize("make", [ConvRecurrent, ConvBidirectional])
def test_gradients(instruction_set, geometry, cell, make):
    """Of every parameter, of the input and of both initial states."""
    layer, batch, weights, states = problem(geometry, cell, make=make)
    H, rng = layer.n_outputs, np.random.default_rng(3)
    shape = *batch.frame, H
    d_image = rng.standard_normal((batch.N, *shape))
    d_ends = rng.standard_normal((2, len(LENGTHS), *shape))

    def value(weights, states, x):
        y, _ = forward(layer, batch, weights, states, x)
        outputs = outputs_of(layer, batch, y, H)
        return sum((a * d).sum() for a, d in zip(outputs, (d_image, *d_ends)))

    _, tape = forward(layer, batch, weights, states, keep=True)
    d_weights, d_states = {k: np.zeros_like(w) for k, w in weights.items()}, {}
    d_y = StepsGradient(
        padded(batch.by_step(d_image), layer.width),
        tuple(padded(d_end, layer.width) for d_end in d_ends),
    )
    d_x = layer.backward(d_y, tape, d_weights, d_states)
    F = layer.n_inputs
    gradients = {f"d_{name}": (weights, name, d) for name, d in d_weights.items()}
    for part in layer.directions:
        for k in range(2):
            d_state = unpadded(d_states[part.name][k], batch.frame, part.n_units)
            gradients[f"{part.name} {k}"] = states[part.name], k, d_state
    inputs = {"x": batch.x}
    if F:
        gradients["x"] = inputs, "x", batch.by_row(unpadded(d_x.values, batch.frame, F))
    else:
        assert d_x is None
    for name, (where, key, gradient) in gradients.items():
        before, values = where[key], []
        direction = rng.standard_normal(before.shape)
        direction *= 3 / np.linalg.norm(direction)
        for sign in (1e-5, -1e-5):
            where[key] = before + sign * direction
            values.append(value(weights, states, inputs["x"]))
        where[key] = before
        numeric = (values[0] - values[1]) / 2e-5
        assert_allclose(
            (gradient * direction).sum(), numeric, rtol=1e-6, atol=1e-8, err_msg=name
        )


def test_only_what_somebody_reads_is_kept():
    layer, batch, weights, states = problem("odd")
    y, _ = forward(layer, batch, weights, states)
    layer.every_step = False
    ends, tape = forward(layer, batch, weights, states)
    assert ends.values is None and tape is None
    for end, other in zip(y.ends, ends.ends):
        assert_array_equal(end, other)


def test_the_second_direction_reads_from_the_end():
    """It is the first one on clips that are turned around."""
    layer, batch, weights, states = problem("odd", make=ConvBidirectional)
    y, _ = forward(layer, batch, weights, states)
    both, *ends = outputs_of(layer, batch, y, layer.n_outputs)
    H = layer.n_units
    turned = np.concatenate([batch.clip(i)[::-1] for i in range(len(LENGTHS))])
    own = {key: weights[key + "_reverse"] for key in ("w", "r", "b")}
    lone, _, _, _ = problem("odd")
    y, _ = forward(lone, batch, own, {"l0": states["l0_reverse"]}, turned)
    image, *ends_of_lone = outputs_of(lone, batch, y, H)
    for i in range(len(LENGTHS)):
        assert_array_equal(batch.clip(i, both)[..., H:], batch.clip(i, image)[::-1])
    for end, other in zip(ends, ends_of_lone):
        assert_array_equal(end[..., H:], other)


@pytest.mark.parametrize("F, taps", [(2, 9), (0, 9), (3, 1)])
def test_initial_weights(F, taps):
    H, side = 7, int(np.sqrt(taps))
    layer = ConvRecurrent(
        "l0", F, H, np.float64, "lstm_peephole", kernel_size=(side, side)
    )
    weights = {name: np.full(shape, np.nan) for name, shape in layer.shapes.items()}
    begin = InitialValues(0.0, forget_bias=1.5)
    layer.initialize(weights, np.random.RandomState(0), begin)
    for gate in range(4):
        r = weights["r"][:, gate * H : (gate + 1) * H]
        assert_allclose(r.T @ r, np.eye(H), atol=1e-12)
    if F:
        limit = np.sqrt(6 / taps / (F + H))
        assert 0.9 * limit < np.abs(weights["w"]).max() <= limit
    else:
        assert "w" not in weights
    assert_array_equal(weights["b"], np.repeat([0, 1.5, 0, 0], H))
    assert not weights["p"].any()
    layer.initialize(
        weights, np.random.RandomState(0), InitialValues(0.0, "chrono", 20)
    )
    i, f, *_ = weights["b"].reshape(4, H)
    assert_array_equal(i, -f)
    assert ((f >= 0) & (f <= np.log(19))).all()


def test_as_many_threads_as_frames_are_worth():
    layer = ConvRecurrent("l0", 8, 16, np.float32, kernel_size=(3, 3))
    frames = {side: Planes(None, 0, side, side, 8, 1, 1) for side in (2, 64)}
    schedule = Schedule(np.zeros(2, np.intp), np.array([4, 3]), n_rows=4)
    assert layer.n_threads(schedule, 8, frames[64]) == 8
    assert layer.n_threads(schedule, 8, frames[2]) == 1
    nothing = Schedule(np.zeros(2, np.intp), np.zeros(2, np.intp), n_rows=4)
    assert layer.n_threads(nothing, 8, frames[64]) == 1
    # one line cannot be shared
    line = Planes(None, 0, 1, 4096, 8, 1, 1)
    assert (
        layer.n_threads(
            Schedule(np.zeros(1, np.intp), np.array([9]), n_rows=9), 8, line
        )
        == 1
    )


def test_orthonormal_columns():
    rng = np.random.RandomState(0)
    q = orthogonal(rng, 4, 12)
    assert q.shape == (12, 4)
    assert_allclose(q.T @ q, np.eye(4), atol=1e-12)


# ---- frames ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int16", "bool"])
@pytest.mark.parametrize("patch_size", [1, 2, 3])
@pytest.mark.parametrize("chunk", [1, 1 << 22])
def test_frames(monkeypatch, tmp_path, dtype, patch_size, chunk):
    """Of any type, where they are, cut into patches, in units of each channel."""
    monkeypatch.setattr("sklstm._network.layers.frames.CHUNK", chunk)
    rng = np.random.default_rng(0)
    data = (40 * rng.standard_normal((9, 6, 12, 2))).astype(dtype)
    if np.dtype(dtype).kind == "f":
        data[rng.random(data.shape) < 0.3] = np.nan
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", dtype, data.shape)
    file[:] = data
    layer = Frames(
        "frames", 2, np.float64, patch_size=patch_size, centre=[0.5, -1], pad=(1, 2),
        scale=[2, 0.25],
    )  # fmt: skip
    starts, lengths = np.array([5, 1, 0]), np.array([4, 3, 0])
    schedule = Schedule(starts, lengths, 2, n_rows=9)
    steps = Steps(file, schedule.data_rows, schedule)
    run = Run(Memory(np.dtype("float64")), n_threads=1)
    y, tape = layer.forward(steps, run)
    assert tape is None and layer.n_outputs == 2 * patch_size**2
    assert y.values.frame == (6 // patch_size, 12 // patch_size, 1, 2)
    image = y.values.image
    by_row = {int(row): image[m] for m, row in enumerate(schedule.data_rows)}
    for start, T in zip(starts, lengths):
        read = as_read(np.float64(data[start : start + T]), patch_size, 2)
        for t in range(T):
            assert_allclose(by_row[start + t], read[t], rtol=1e-13, atol=1e-13)
    whole = y.values.whole
    assert not whole[:, 6 // patch_size :].any()
    assert not whole[:, :, 12 // patch_size :].any()


def test_a_clip_in_parts_knows_what_was_seen():
    data = np.full((4, 1, 2, 1), np.nan)
    data[0, 0, 0] = 7
    data[2, 0, 1] = 5
    layer = Frames("frames", 1, np.float64, centre=[1.0], scale=[2.0])

    def read(start, states):
        schedule = Schedule(np.array([start]), np.array([2]), n_rows=4)
        run = Run(Memory(np.dtype("float64")), states=states, n_threads=1)
        y, _ = layer.forward(Steps(data, schedule.data_rows, schedule), run)
        return y.values.image.copy()[:, 0, :, 0], run.ends

    first, ends = read(0, None)
    second, _ = read(2, {"frames": tuple(end.copy() for end in ends["frames"])})
    assert_array_equal(first, [[3, 0], [3, 0]])
    assert_array_equal(second, [[3, 2], [3, 2]])
    seen = np.array([[[[7], [np.nan]]]])
    assert_array_equal(layer.seen_in_units(seen)[0, 0, :, 0], [3, 0])
    second, _ = read(2, {"frames": (layer.seen_in_units(seen),)})
    assert_array_equal(second, [[3, 2], [3, 2]])


def test_what_is_far_out_stays_finite():
    data = np.array([1e300, -1e300, 3.0]).reshape(1, 1, 3, 1)
    layer = Frames("frames", 1, np.float32, centre=[1.0], scale=[1e-3])
    y, _ = layer.step(data, None)
    assert_array_equal(y.values.image.ravel(), [FAR, -FAR, 2000])


def test_frames_that_patches_do_not_cut():
    layer = Frames("frames", 1, np.float32, patch_size=4)
    with pytest.raises(ValueError, match=r"6 x 8 pixels .* multiples of 4"):
        layer.step(np.zeros((1, 6, 8, 1)), None)


def test_patches_and_back():
    frames = np.random.default_rng(0).standard_normal((2, 3, 4, 6, 5))
    cut = to_patches(frames, 2)
    assert cut.shape == (2, 3, 2, 3, 20)
    for one, other in zip(cut.reshape(6, 2, 3, 20), frames.reshape(6, 4, 6, 5)):
        assert_array_equal(one, patches(other[np.newaxis], 2)[0])
    assert_array_equal(from_patches(cut, 2), frames)
    # (dy, dx, channel)
    assert_array_equal(cut[0, 0, 0, 0, 15:], frames[0, 0, 1, 1])
    assert_array_equal(cut[0, 0, 0, 0, 10:15], frames[0, 0, 1, 0])


# ---- what stands between and above -----------------------------------------------


def check_back(layer, batch, run_options, d_y, d_x, epsilon=1e-6):
    """The gradient of the input along a random direction."""
    rng = np.random.default_rng(4)
    direction = rng.standard_normal(batch.x.shape)
    values = []
    for sign in (epsilon, -epsilon):
        steps = batch.steps(layer.kernels, batch.x + sign * direction)
        y, _ = layer.forward(steps, batch.run(**run_options))
        values.append(d_y(y))
    numeric = (values[0] - values[1]) / (2 * epsilon)
    assert_allclose((d_x * direction).sum(), numeric, rtol=1e-7, atol=1e-7)


def test_patches_between_layers():
    batch = Batch((4, 6), (1, 1), 3, depth=8)
    layer = Patches("l1.patches", 3, np.float64, 2)
    y, tape = layer.forward(batch.steps(layer.kernels), batch.run(keep=True))
    image = y.values.image
    assert y.values.frame == (2, 3, 1, 1) and image.shape[-1] == 12
    assert_array_equal(batch.by_row(image), patches(batch.x, 2))
    d_image = np.random.default_rng(1).standard_normal(image.shape)
    d_x = layer.backward(StepsGradient(padded(d_image, layer.width)), tape, None)
    d_x = unpadded(d_x.values, batch.frame, layer.input_width)
    assert not d_x[..., 3:].any()
    check_back(
        layer, batch, {}, lambda y: (y.values.image * d_image).sum(),
        batch.by_row(d_x[..., :3]),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["mean", "max"])
@pytest.mark.parametrize("channels", [1, 3, 17])
@every_dtype
def test_space_pooling(mode, channels, dtype):
    layer = SpacePooling("space", channels, dtype, mode, every_step=True)
    batch = Batch((5, 7), (1, 2), channels, dtype, depth=layer.width)
    h_last = np.random.default_rng(2).standard_normal((4, 5, 7, channels)).astype(dtype)
    steps = batch.steps(layer.kernels)
    steps = steps._replace(ends=(padded(h_last, layer.width),))
    y, tape = layer.forward(steps, batch.run(keep=True))
    reduce = {"mean": np.mean, "max": np.max}[mode]
    tolerance = {"rtol": 1e-12 if dtype is np.float64 else 1e-6}
    rows = batch.by_row(y.values[y.rows])
    expected = reduce(np.float64(batch.x), axis=(1, 2))
    assert_allclose(rows[:, :channels], expected.astype(dtype), **tolerance)
    expected = reduce(np.float64(h_last), axis=(1, 2))
    assert_allclose(y.ends[0][:, :channels], expected.astype(dtype), **tolerance)
    assert not rows[:, channels:].any() and not y.ends[0][:, channels:].any()
    # of each frame alone the same bits, whatever is beside it and whatever its margins
    for m, row in enumerate(steps.rows[:3]):
        frame = padded(batch.x[row : row + 1], layer.width)
        lone = Steps(None, np.zeros(1, np.intp), batch.schedule, (frame,))
        assert_array_equal(layer.step(lone, None)[0][0], y.values[m])
    rng = np.random.default_rng(3)
    d_rows, d_end = rng.standard_normal((batch.N, layer.width)), y.ends[0] * 0 + 1
    d_x = layer.backward(StepsGradient(d_rows.astype(dtype), (d_end,)), tape, None)
    if dtype is np.float64:
        image = unpadded(d_x.values, batch.frame, layer.width)
        assert not image[..., channels:].any()
        layer.forward(steps, batch.run())

        def value(y):
            return (y.values[:, :channels] * d_rows[:, :channels]).sum()

        plain = layer.forward

        def with_ends(x, run):
            return plain(x._replace(ends=steps.ends), run)

        layer.forward = with_ends
        check_back(layer, batch, {}, value, batch.by_row(image[..., :channels]))
    total = unpadded(d_x.ends[0], batch.frame, channels).sum(axis=(1, 2))
    assert_allclose(total, 1, rtol=1e-5)


def test_dropout_of_channels():
    layer = FrameDropout("l0.dropout", 5, np.float64, 0.4)
    batch = Batch((3, 4), (1, 1), 5)
    steps = batch.steps(layer.kernels)
    assert layer.forward(steps, batch.run())[0] is steps
    masks = Masks(1, 2, np.arange(len(LENGTHS)))
    before = steps.values.flat.copy()
    y, mask = layer.forward(steps, batch.run(keep=True, masks=masks))
    assert_array_equal(steps.values.flat, before)  # which others read
    factors = mask[:, :5]
    assert set(np.unique(factors)) == {0, 1 / 0.6}
    x = batch.by_step(batch.x)
    assert_array_equal(y.values.image, x * factors[:, np.newaxis, np.newaxis])
    d_image = np.random.default_rng(0).standard_normal(x.shape)
    d_y = StepsGradient(padded(d_image, layer.width))
    d_x = unpadded(layer.backward(d_y, mask, None).values, batch.frame, 5)
    assert_allclose(d_x, d_image * factors[:, np.newaxis, np.newaxis])
    # the same for a clip, whatever is beside it
    lone = Batch((3, 4), (1, 1), 5, lengths=LENGTHS[3:])
    _, own = layer.forward(
        lone.steps(layer.kernels), lone.run(masks=Masks(1, 2, np.array([3])))
    )
    whole = batch.schedule.sequence == 3
    assert_array_equal(own[np.argsort(lone.schedule.time)], mask[whole])


@pytest.mark.parametrize("chunk", [1, 1 << 22])
@pytest.mark.parametrize("n_outputs", [1, 4, 16])
def test_the_head_over_pixels(monkeypatch, chunk, n_outputs):
    monkeypatch.setattr("sklstm._network.layers.pixel_head.CHUNK", chunk)
    rng, below = np.random.default_rng(0), (3, 17)
    layer = PixelHead("head", below, n_outputs, np.float64)
    weights = {k: rng.standard_normal(shape) for k, shape in layer.shapes.items()}
    layer.load(weights, backward=True)
    lanes = layer.kernels.padded(1)
    batches = [Batch((3, 4), (1, 2), n, depth=-(-n // lanes) * lanes) for n in below]
    batches[1].x *= 2
    layers = [batch.steps(layer.kernels) for batch in batches]
    out, tape = layer.forward(layers, batches[0].run(keep=True))
    x = np.concatenate([batch.x for batch in batches], axis=-1)
    expected = x.reshape(len(x), 12, -1) @ weights["w"] + weights["b"]
    assert_allclose(out, expected, rtol=1e-12, atol=1e-12)  # one clip after the other
    d_out = rng.standard_normal(out.shape)
    d_weights = {k: np.ones_like(w) for k, w in weights.items()}
    d_each = layer.backward(d_out, tape, d_weights)
    rows, d_rows = x.reshape(-1, 20), d_out.reshape(-1, n_outputs)
    assert_allclose(d_weights["w"], 1 + rows.T @ d_rows)
    assert_allclose(d_weights["b"], 1 + d_rows.sum(axis=0))
    d_x = (d_rows @ weights["w"].T).reshape(len(x), 3, 4, 20)
    at = 0
    for batch, d_layer in zip(batches, d_each):
        n = batch.channels
        own = unpadded(d_layer.values, batch.frame, batch.depth)
        assert_allclose(batch.by_row(own)[..., :n], d_x[..., at : at + n], rtol=1e-10)
        assert not own[..., n:].any()
        at += n
    weight, bias = layer.as_linear(weights)
    assert weight.shape == (n_outputs, 20) and bias.shape == (n_outputs,)


def test_gradients_of_the_head_do_not_depend_on_how_many_rows_are_computed(monkeypatch):
    found = []
    for chunk in (1, 1 << 10, 1 << 22):
        monkeypatch.setattr("sklstm._network.layers.pixel_head.CHUNK", chunk)
        layer = PixelHead("head", (16,), 3, np.float32)
        batch = Batch((6, 5), (1, 1), 16, np.float32)
        weights = {k: np.ones(shape, np.float32) for k, shape in layer.shapes.items()}
        layer.load(weights, backward=True)
        out, tape = layer.forward([batch.steps(layer.kernels)], batch.run(keep=True))
        d_out = np.random.default_rng(1).standard_normal(out.shape)
        d_weights = {k: np.zeros_like(w) for k, w in weights.items()}
        layer.backward(d_out, tape, d_weights)
        found.append((out.copy(), d_weights["w"], d_weights["b"]))
    for others in found[1:]:
        for one, other in zip(found[0], others):
            assert_array_equal(one, other)
