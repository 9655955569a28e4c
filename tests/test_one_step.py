"""The doors for one time step: the bits of a whole batch, and what they refuse."""

import numpy as np
import pytest
from kernel_cases import Batch, Recurrent, every_cell, every_dtype
from numpy.testing import assert_array_equal

from sklstm._kernels import CELLS, Schedule, kernels_for

# (F, H, n): off every vector width, a lone row, tiles of every height, more rows than
# go through the weights at once
SHAPES = [(3, 5, 1), (16, 64, 1), (1, 37, 1), (2, 130, 1), (4, 20, 2), (16, 64, 7)]
SHAPES += [(5, 33, 19), (3, 17, 64), (1, 9, 65), (2, 40, 150)]


def loaded(cell, F, H, n, T=3, dtype=np.float64, seed=0):
    """A layer, its input (n, T, F) and initial states of n sequences that are not 0."""
    batch = Batch(cell, F, H, [T] * n, dtype, seed=seed)
    layer = Recurrent(F, H, dtype, cell)
    layer.load(batch.weights, backward=False)
    pad = ((0, 0), (0, layer.width - H))
    states = [np.pad(batch.h_0, pad), np.pad(batch.c_0, pad)]
    return layer, batch, states[: 1 + layer.cell.has_c]


def call(layer, **arguments):
    """The door, with what belongs to the layer unless it is given."""
    own = {"F": layer.F, "H": layer.n_units, "packed": layer._packed}
    layer.kernels.recurrent_step(layer.cell.number, **{**own, **arguments})


def step(layer, x, *states):
    """The states after a step, in arrays that held no numbers."""
    after = [np.full_like(part, np.nan) for part in states]
    call(layer, x=x, h_0=states[0], h=after[0], c_0=states[-1], c=after[-1])
    return after


# ---- the recurrent layer -------------------------------------------------------------


@every_cell
@every_dtype
@pytest.mark.parametrize("F, H, n", SHAPES)
def test_the_bits_of_a_batch(instruction_set, cell, F, H, n, dtype):
    """After every step, whatever the strips of the batch."""
    layer, batch, states = loaded(cell, F, H, n, dtype=dtype)
    x = batch.x.reshape(n, 3, F)
    for strip_rows in (1, 8):
        now, before = states, [part.copy() for part in states]
        for t in range(1, 4):
            lengths = np.full(n, t)
            schedule = Schedule(batch.starts, lengths, strip_rows, n_rows=len(batch.x))
            c_last = np.empty_like(states[0]) if layer.cell.has_c else None
            h_last, _, _ = layer.forward(
                schedule, batch.x, schedule.data_rows, keep=False, h_0=states[0],
                c_0=states[-1] if layer.cell.has_c else None, c_last=c_last,
            )  # fmt: skip
            now = step(layer, x[:, t - 1].copy(), *now)
            assert_array_equal(now[0], h_last)
            if layer.cell.has_c:
                assert_array_equal(now[1], c_last)
        for part, kept in zip(states, before, strict=True):
            assert_array_equal(part, kept)


@every_cell
@every_dtype
def test_rows_are_strangers(instruction_set, cell, dtype):
    layer, batch, states = loaded(cell, 4, 21, 70, T=1, dtype=dtype)
    together = step(layer, batch.x, *states)
    batch.x[3] = np.nan
    for i in (0, 5, 63, 64, 69):
        alone = step(layer, batch.x[i : i + 1], *(part[i : i + 1] for part in states))
        for a, b in zip(alone, together, strict=True):
            assert_array_equal(a[0], b[i])


@every_cell
def test_columns_behind_the_features_are_not_read(cell):
    """As between the units of a layer below, in memory of whole vectors."""
    layer, batch, states = loaded(cell, 3, 5, 2, T=1)
    wide = np.pad(batch.x, ((0, 0), (0, 5)), constant_values=np.nan)
    for a, b in zip(step(layer, wide, *states), step(layer, batch.x, *states)):
        assert_array_equal(a, b)


@every_cell
def test_no_rows(cell):
    layer, batch, states = loaded(cell, 3, 5, 2, T=1)
    after = step(layer, batch.x[:0], *(part[:0] for part in states))
    assert all(part.shape == (0, layer.width) for part in after)


def unaligned(array):
    """The same numbers at addresses that are no multiple of their size."""
    memory = np.empty(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[:] = array
    assert not view.flags.aligned
    return view


def wrong(array, kind):
    """What a door must not follow."""
    if kind == "None":
        return None
    if kind == "precision":
        return array.astype(np.float32)
    if kind == "byte order":
        return array.astype(array.dtype.newbyteorder())
    if kind == "order":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if kind == "rank":
        return array[np.newaxis]
    if kind == "alignment":
        return unaligned(array)
    if kind == "columns":
        return np.ascontiguousarray(array[..., :-1])
    if kind == "rows":
        return np.concatenate([array, array])
    return array.tolist()


KINDS = ["None", "precision", "byte order", "order", "alignment", "rank", "columns"]
KINDS += ["rows", "list"]


@every_cell
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["x", "packed", "h_0", "h", "c_0", "c"])
def test_what_is_not_followed(instruction_set, cell, name, kind):
    layer, batch, states = loaded(cell, 3, 5, 2, T=1)
    if name.startswith("c") and not layer.cell.has_c:
        return  # which a cell without it does not look at
    out = [np.full_like(states[0], -7.0) for _ in range(2)]
    given = {
        "x": batch.x, "packed": layer._packed, "h_0": states[0], "h": out[0],
        "c_0": states[-1], "c": out[1],
    }  # fmt: skip
    with pytest.raises((TypeError, ValueError)):
        call(layer, **{**given, name: wrong(given[name], kind)})
    assert (np.array(out) == -7).all()


def test_what_the_messages_name():
    layer, batch, states = loaded("lstm", 3, 5, 2, T=1)
    short, (h, c) = np.zeros((1, layer.width)), np.zeros((2, *states[0].shape))
    given = {"x": batch.x, "h_0": states[0], "h": h, "c_0": states[1], "c": c}
    for changes, message in [
        ({"h_0": short}, r"h_0 has shape \(1, \d+\), the kernel needs \(2, \d+\)"),
        ({"c": short}, r"c has shape \(1, "),
        ({"F": 4}, "x, F and H do not belong together"),
        ({"F": -1}, "x, F and H do not belong together"),
        ({"H": 0}, "x, F and H do not belong together"),
        ({"H": 50}, "packed has not the elements"),
        ({"F": 2}, "packed has not the elements"),
        ({"x": np.float32([[1, 2, 3]])}, "x has 2 dimension.* of type f, .* 2 of d"),
    ]:
        with pytest.raises(ValueError, match=message):
            call(layer, **{**given, **changes})
    read_only = np.zeros_like(states[0])
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        call(layer, **{**given, "h": read_only})
    with pytest.raises(ValueError, match="There is no cell 99"):
        layer.cell = layer.cell._replace(number=99)
        call(layer, **given)


def test_what_is_only_read_may_be_read_only():
    layer, batch, states = loaded("lstm", 3, 5, 2, T=1)
    expected = step(layer, batch.x, *states)
    for array in (batch.x, layer._packed, *states):
        array.flags.writeable = False
    for a, b in zip(step(layer, batch.x, *states), expected):
        assert_array_equal(a, b)


# ---- the head ------------------------------------------------------------------------


def packed_dense(kernels, K, n_outputs, dtype, rng):
    w = rng.standard_normal((K, n_outputs)).astype(dtype)
    b = rng.standard_normal(n_outputs).astype(dtype)
    packed = np.empty(kernels.packed_dense_size(K, n_outputs), dtype)
    kernels.pack_dense(w, b, packed)
    return packed


@every_dtype
@pytest.mark.parametrize("n, K, n_outputs", [(1, 3, 1), (7, 20, 9), (70, 5, 40)])
def test_the_head_in_float64(instruction_set, n, K, n_outputs, dtype):
    rng, kernels = np.random.default_rng(0), kernels_for(dtype)
    packed = packed_dense(kernels, K, n_outputs, dtype, rng)
    a = rng.standard_normal((n, K + 2)).astype(dtype)
    width = kernels.padded(n_outputs)
    expected, scratch = np.empty((2, n, width), dtype)
    kernels.dense_forward(a, K, packed, expected)
    out = np.full((n, n_outputs), np.nan)
    kernels.dense_step(a, K, packed, scratch, out)
    assert_array_equal(out, expected[:, :n_outputs].astype(np.float64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "packed", "scratch", "out"])
def test_what_the_head_does_not_follow(name, kind):
    rng, kernels = np.random.default_rng(0), kernels_for(np.float64)
    out = np.full((2, 17), -7.0)
    given = {
        "a": np.zeros((2, 3)), "packed": packed_dense(kernels, 3, 17, np.float64, rng),
        "scratch": np.zeros((2, kernels.padded(17))), "out": out,
    }  # fmt: skip
    with pytest.raises((TypeError, ValueError)):
        kernels.dense_step(K=3, **{**given, name: wrong(given[name], kind)})
    for K in (-1, 2, 4):
        with pytest.raises(ValueError, match="do not belong together"):
            kernels.dense_step(K=K, **given)
    assert (out == -7).all()


# ---- what a step is given ------------------------------------------------------------


@every_dtype
def test_sound_arrays(instruction_set, dtype):
    is_sound = kernels_for(dtype).is_sound
    array = np.linspace(-1, 1, 12, dtype=dtype).reshape(3, 4)
    large = np.full((3, 4), np.finfo(dtype).max, dtype)  # whose squares are no numbers
    other = np.dtype(np.float32 if dtype == np.float64 else np.float64)
    assert is_sound(array, 3, 4) and is_sound(large, 3, 4)
    assert is_sound(array[1:], 2, 4) and is_sound(array[:0], 0, 4)
    assert not is_sound(array, 4, 3) and not is_sound(array[1:], 3, 4)
    for unsound in (
        None, array.tolist(), array[0], array[np.newaxis], array.T, array[:, ::2],
        array.astype(other), array.astype(int), array.astype(object),
        array.astype(array.dtype.newbyteorder()), array.astype("datetime64[s]"),
        np.ma.masked_array(array), array.tobytes(), np.array(1, dtype),
        array.view([("a", dtype)]), unaligned(array),
    ):  # fmt: skip
        shape = np.shape(unsound) if np.ndim(unsound) == 2 else (3, 4)
        assert is_sound(unsound, *shape) is False
    for value in (np.nan, np.inf, -np.inf):
        for place in np.ndindex(3, 4):
            spoilt = array.copy()
            spoilt[place] = value
            assert not is_sound(spoilt, 3, 4)


@every_dtype
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_steps_are_read_in_any_order(instruction_set, dtype, given):
    read_step = kernels_for(dtype).read_step
    step = np.random.default_rng(0).standard_normal((3, 4)).astype(given)
    for x in (
        step, np.asfortranarray(step), np.repeat(step, 3, axis=1)[:, ::3],
        step[::-1, ::-1], np.repeat(step, 2, axis=0)[::2], unaligned(step),
        np.broadcast_to(step[0], (3, 4)),
    ):  # fmt: skip
        out = np.full((3, 4), np.nan, dtype)
        assert read_step(x, out) is True
        assert_array_equal(out, x.astype(dtype))
    for value in (np.nan, np.inf, -np.inf, np.finfo(given).max):
        step[1, 2] = value
        with np.errstate(over="ignore"):
            expected = step.astype(dtype)
        assert read_step(step, out) is bool(np.isfinite(expected).all())
        assert_array_equal(out, expected)


def test_steps_that_are_not_read():
    read_step = kernels_for(np.float32).read_step
    x, out = np.zeros((3, 4)), np.full((3, 4), -7, np.float32)
    for a, target in [
        (x[:2], out), (x[0], out), (x.T, out), (x[np.newaxis], out), (None, out),
        (x.astype(int), out), (x.astype(">f8"), out), (x.astype(object), out),
        (x.tolist(), out), (x, None), (x, out.astype(np.float64)), (x, out[:, ::2]),
        (np.array(1.0), out), (x.astype(np.float16), out),
    ]:  # fmt: skip
        with pytest.raises((TypeError, ValueError)):
            read_step(a, target)
    assert (out == -7).all()
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        read_step(x, out)


def test_every_cell_is_one_that_steps():
    """None of them is left out above."""
    assert {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"} <= CELLS.keys()
