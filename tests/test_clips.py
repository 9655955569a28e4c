"""Clips: what is read as clips, without a copy, and what is refused."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import _safe_indexing

from sklstm._estimators.clips import totals_of_rows, units_of_channels
from sklstm.sequences import SequenceArray
from sklstm.sequences._clips import Clips, clips_of

rng = np.random.default_rng(0)


def frames_of(clips):
    return [np.asarray(frames) for frames in clips]


def assert_holds(clips, items):
    found = frames_of(clips)
    assert len(found) == len(items)
    for mine, given in zip(found, items, strict=True):
        np.testing.assert_array_equal(mine, given)
        assert mine.dtype == given.dtype


# ---- forms ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "bool", "i2", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 4, 2, 5), (3, 4, 2, 5, 2), (2, 0, 3, 3)])
def test_an_array_is_not_copied(shape, dtype):
    X = rng.integers(0, 2, shape).astype(dtype)
    clips = clips_of(X)
    assert_holds(clips, list(X))
    assert np.shares_memory(clips.data, X) or not X.size
    assert clips.shape == (shape[0], None, *shape[2:4], (*shape, 1)[4])
    assert clips.has_channels == (len(shape) == 5)
    assert clips.dtype == X.dtype


VIEWS = {
    "a part of the time": lambda X: X[:, 1:4],
    "every second frame": lambda X: X[:, ::2],
    "the other way round": lambda X: X[::-1],
    "time the other way round": lambda X: X[:, ::-1],
    "a part of the height": lambda X: X[:, :, 1:3],
    "one channel": lambda X: X[..., 1],
    "one of its channels": lambda X: X[..., :1],
    "a frame": lambda X: X[:, 2:3],
    "every second clip": lambda X: X[::2],
    "channels first": lambda X: np.moveaxis(X, 2, -1),
    "clips second": lambda X: X.swapaxes(0, 1),
    "one clip": lambda X: X[1:2],
    "the same clip": lambda X: np.broadcast_to(X[:1], X.shape),
    "the same frame": lambda X: np.broadcast_to(X[:, :1], X.shape),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_what_they_show(name):
    X = rng.integers(0, 255, (4, 5, 6, 3, 2)).astype(np.uint8)
    view = VIEWS[name](X)
    clips = clips_of(view)
    assert_holds(clips, list(view))
    assert_holds(clips_of(list(view)), list(view))
    copied = (
        "every second frame",  # of an odd number
        "time the other way round",
        "the same frame",
        "clips second",
    )
    if name not in copied:
        assert np.shares_memory(clips.data, X)
    rows, offsets = clips.starts, clips.lengths
    assert (rows >= 0).all() and (rows + offsets <= len(clips.data)).all()


def test_a_list_has_clips_of_unequal_length():
    items = [rng.normal(size=(T, 3, 4)) for T in (5, 0, 2, 7)]
    clips = clips_of(items)
    assert clips.lengths.tolist() == [5, 0, 2, 7]
    assert_holds(clips, items)
    assert_holds(clips_of(tuple(items)), items)
    assert not clips.has_channels
    objects = np.empty(4, dtype=object)
    objects[:] = items
    assert_holds(clips_of(objects), items)
    assert_holds(
        clips_of([[frame.tolist() for frame in x] for x in items[2:]]), items[2:]
    )


def test_a_clip_of_nothing_takes_the_shape_of_the_others():
    clips = clips_of([[], np.ones((2, 3, 4, 5), np.float32)])
    assert [len(x) for x in clips] == [0, 2]
    assert clips.frame_shape == (3, 4, 5)
    assert clips.dtype == np.float32


def test_a_list_is_stacked_in_the_dtype_of_all():
    assert clips_of([np.ones((2, 3, 3), np.uint8), np.ones((1, 3, 3), bool)]).dtype == (
        np.uint8
    )
    mixed = [np.full((1, 2, 2), 300, np.int16), np.full((1, 2, 2), 0.5, np.float32)]
    assert [float(x.max()) for x in clips_of(mixed)] == [300, 0.5]


@pytest.mark.parametrize("cut", [
    [(0, 4), (2, 9), (9, 10)], [(9, 10), (0, 4)], [(3, 3), (4, 6), (1, 2)],
])  # fmt: skip
def test_parts_of_one_video_are_not_copied(cut):
    video = rng.normal(size=(10, 4, 3))
    items = [video[a:b] for a, b in cut]
    clips = clips_of(items)
    assert_holds(clips, items)
    assert np.shares_memory(clips.data, video)


@pytest.mark.parametrize("items", [
    lambda v: [v[0:2], v[1:3].copy()],
    lambda v: [v[0:2, :3], v[1:3, 1:]],
    lambda v: [v[0:4], v[1:5:2]],
    lambda v: [v[3::-1], v[1:3]],
    lambda v: [v[0:2], v[1:3].view(np.int64)],
])  # fmt: skip
def test_what_does_not_lie_in_rows_is_copied_right(items):
    items = items(rng.normal(size=(10, 4, 3)))
    for mine, given in zip(clips_of(items), items, strict=True):
        np.testing.assert_array_equal(mine, given.astype(mine.dtype))


def test_other_packages():
    torch = pytest.importorskip("torch")
    X = rng.normal(size=(2, 3, 4, 5))
    tensor = torch.from_numpy(X)
    assert np.shares_memory(clips_of(tensor).data, X)
    assert_holds(clips_of([tensor[0], tensor[1]]), list(X))
    with pytest.raises(TypeError, match=r"requires gradients.*X.detach\(\)"):
        clips_of(tensor.requires_grad_())


def test_a_memmap_is_neither_copied_nor_converted(tmp_path):
    shape = 20, 30, 64, 64
    disk = np.memmap(tmp_path / "clips", np.uint8, "w+", shape=shape)
    disk[:] = np.arange(30, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    tracemalloc.start()
    for X in (disk, disk[:, 3:20], disk[5:], list(disk), [disk[0], disk[2, 4:9]]):
        clips = clips_of(X)
        assert np.shares_memory(clips.data, disk)
        clips[np.arange(len(clips)) % 2 == 0], clips[1:]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000  # bytes; the clips are 2.4 million
    assert clips[1][0, 0, 0] == 4


def test_floats_on_disk_are_looked_at_in_pieces(tmp_path):
    disk = np.memmap(tmp_path / "clips", np.float32, "w+", shape=(20, 30, 64, 64))
    tracemalloc.start()
    clips_of(disk, dtype=np.float32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # bytes; the clips are 9.8 million
    disk[13, 7, 5, 3] = np.inf
    with pytest.raises(ValueError, match=r"clip 13, frame 7, pixel \(5, 3\)\."):
        clips_of(disk)


# ---- samples -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [
    slice(1, 3), slice(None, None, -1), [2, 0, 2], np.array([True, False, True, False]),
    [], np.array([-1]), slice(3, 1),
])  # fmt: skip
def test_samples_share_the_data(key):
    X = rng.normal(size=(4, 3, 2, 2))
    clips = clips_of(X)
    chosen = clips[key]
    index = np.asarray(key, dtype=np.intp) if isinstance(key, list) else key
    assert_holds(chosen, list(X[index]))
    assert chosen.data is clips.data
    assert_holds(_safe_indexing(clips, [0, 3]), [X[0], X[3]])


def test_one_clip_is_read_only():
    clips = clips_of(np.zeros((2, 3, 2, 2)))
    with pytest.raises(ValueError, match="read-only"):
        clips[0][0] = 1
    with pytest.raises(IndexError):
        clips[2]
    with pytest.raises(IndexError, match="indexed by clip"):
        clips[0, 1]
    with pytest.raises(TypeError, match="no array"):
        np.asarray(clips)


@pytest.mark.parametrize("key", [slice(None), [3, 1, 3], slice(0, 0), [2]])
def test_pickles_hold_what_is_used(key):
    X = [np.full((T, 8, 8), T, np.uint8) for T in (2, 5, 0, 40)]
    clips = clips_of(X)[key]
    copy = pickle.loads(pickle.dumps(clips))
    assert_holds(copy, frames_of(clips))
    assert copy.has_channels is False
    used = 64 * sum({len(x): len(x) for x in clips}.values())
    assert len(pickle.dumps(clips)) < used + 600
    assert isinstance(copy, Clips)


def test_every_row_is_looked_at_once():
    clips = clips_of(np.arange(60.0).reshape(10, 1, 2, 3)[np.array([4, 4, 2, 9])])
    overlapping = clips.at_rows(np.array([0, 1, 3]), np.array([2, 2, 1]))
    rows = np.concatenate([rows for rows, _ in overlapping.pieces()])
    assert rows.tolist() == [0, 1, 2, 3]
    big = clips_of(np.zeros((3, 2, 300, 400)))
    assert [len(rows) for rows, _ in big.pieces()] == 6 * [1]


# ---- refused -------------------------------------------------------------------------


@pytest.mark.parametrize("X, message", [
    (np.ones((4, 8, 8)), r"shape \(4, 8, 8\).*one clip of 4 frames.*X\[np.newaxis\]"),
    (np.ones((4, 8)), r"shape \(4, 8\)"),
    (np.ones((1, 1, 1, 1, 1, 1)), r"shape \(1, 1, 1, 1, 1, 1\)"),
    (np.ones((0, 3, 4, 4)), "Found array with 0 sample"),
    ([], "Found array with 0 sample"),
    ([np.ones((3, 4, 4)), np.ones((4, 4))], r"Clip 1 has shape \(4, 4\)"),
    ([np.ones((4, 4)), np.ones((4, 4))], r"Clip 0 .* list of frames, is X = \[x\]"),
    ([np.ones((3, 4, 4)), np.ones((3, 4, 4, 1))], "Clip 1 .*all without"),
    ([np.ones((3, 4, 4)), np.ones((2, 4, 5))], r"Clip 1 has frames of shape \(4, 5\)"),
    ([np.ones((3, 4, 4, 1)), np.ones((2, 4, 4, 2))], "height, width and channels"),
    ([[], []], "None of the 2 clips has a frame"),
    (np.ones((2, 3, 0, 4)), r"height is 0"),
    (np.ones((2, 3, 4, 0)), r"width is 0"),
    (np.ones((2, 3, 4, 4, 0)), r"channels is 0"),
    (np.ones((2, 3, 4, 4), complex), "Complex data not supported"),
    (np.full((2, 3, 4, 4), "a"), "not numeric"),
    (np.zeros((2, 3, 4, 4), "M8[s]"), "not numeric"),
    (np.full((2, 3, 4, 4), None), "contains NaN"),
    ([[np.ones((3, 4)), np.ones((3, 5))]], "Clip 0 cannot be read"),
    ([[np.ones((3, 4)), "a"]], "Clip 0"),
])  # fmt: skip
def test_what_are_no_clips(X, message):
    with pytest.raises(ValueError, match=message):
        clips_of(X)


@pytest.mark.parametrize("X, message", [
    ("a film", "Expected clips as an array"),
    (None, "Expected clips as an array"),
    ({0: np.ones((3, 4, 4))}, r"list\(X.values\(\)\)"),
    (iter([np.ones((3, 4, 4))]), r"list\(X\)"),
    (3, "Expected clips as an array"),
    (SequenceArray.from_list([np.ones((3, 16))]), "reshape"),
    (pd.DataFrame(np.ones((3, 16))), "reshape"),
    (np.ma.ones((2, 3, 4, 4)), "masked array"),
    ([np.ma.ones((3, 4, 4))], "Clip 0 is a masked array"),
    ([None, np.ones((3, 4, 4))], "Clip 0 is of type NoneType"),
])  # fmt: skip
def test_types_that_hold_no_clips(X, message):
    with pytest.raises(TypeError, match=message):
        clips_of(X)


@pytest.mark.parametrize("form", [np.asarray, list])
@pytest.mark.parametrize("value, words", [
    (np.nan, "contains NaN"), (np.inf, "infinity"), (-np.inf, "infinity"),
    (1e39, r"too large for dtype\('float32'\): 1e\+39"),
])  # fmt: skip
def test_the_place_of_a_value_is_told(form, value, words):
    X = np.zeros((3, 4, 5, 6, 2))
    X[2, 1, 3, 4, 1] = value
    with pytest.raises(ValueError, match=words) as error:
        clips_of(form(X), dtype=np.float32)
    assert "clip 2, frame 1, pixel (3, 4), channel 1" in str(error.value)
    with pytest.raises(ValueError, match=r"clip 2, frame 1, pixel \(3, 4\)[^,]"):
        clips_of(form(X[..., 1]), dtype=np.float32)


def test_missing_pixels_where_they_are_allowed():
    X = np.zeros((2, 3, 4, 4))
    X[0, 2] = np.nan
    clips = clips_of(X, allow_nan=True)
    assert clips.lengths.tolist() == [3, 3]  # never padding
    X[1, 1, 1, 1] = np.inf
    with pytest.raises(ValueError, match="clip 1, frame 1"):
        clips_of(X, allow_nan=True)


def test_squares_are_numbers():
    X = np.zeros((1, 1, 2, 2))
    X[0, 0, 1, 0] = -1e160
    with pytest.raises(ValueError, match=r"squared: -1e\+160 at clip 0, frame 0"):
        clips_of(X)


def test_a_value_too_large_for_half_precision_is_not_asked_for():
    X = np.full((1, 1, 2, 2), 6e4, np.float16)
    assert clips_of(X, dtype=np.float32).dtype == np.float16


# ---- units -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8"])
def test_units_of_channels(dtype):
    X = [rng.integers(0, 200, (T, 4, 3, 2)).astype(dtype) for T in (3, 0, 5, 1)]
    weight = np.array([1.0, 5.0, 0.5, 3.0])
    if dtype.startswith("f"):
        X[0][1, 2, 1, 0] = X[2][3] = np.nan
    units = units_of_channels(clips_of(X, allow_nan=True), weight)
    values = np.concatenate([x.reshape(-1, 2) for x in X]).astype(np.float64)
    w = np.repeat(weight, [x[..., 0].size for x in X])
    for k in range(2):
        there = ~np.isnan(values[:, k])
        column, own = values[there, k], w[there]
        centre = np.average(column, weights=own)
        scale = np.sqrt(np.average((column - centre) ** 2, weights=own))
        np.testing.assert_allclose(units["centre"][k], centre, rtol=1e-13)
        np.testing.assert_allclose(units["scale"][k], scale, rtol=1e-13)


def test_units_know_a_clip_of_weight_three_as_three_clips():
    X = rng.normal(size=(5, 7, 6, 5, 3))
    times = np.array([3, 1, 2, 1, 4])
    weighted = units_of_channels(clips_of(X), times.astype(float))
    for copies in (np.repeat(X, times, axis=0), np.repeat(X, times, axis=0)[::-1]):
        assert units_of_channels(clips_of(copies)) == weighted
        assert units_of_channels(clips_of(list(copies))) == weighted


def test_units_of_a_constant_and_of_nothing():
    X = np.full((2, 3, 4, 4, 3), 0.1)
    X[..., 1] = np.nan
    X[..., 2] = rng.normal(size=(2, 3, 4, 4)) * 1e140
    units = units_of_channels(clips_of(X, allow_nan=True))
    assert units["scale"][:2] == (1.0, 1.0)
    np.testing.assert_allclose(units["centre"][:2], (0.1, 0), rtol=1e-15)
    assert 1e139 < units["scale"][2] < 1e141
    assert units_of_channels(clips_of([np.ones((0, 3, 3)), []])) == {
        "centre": (0.0,), "scale": (1.0,)
    }  # fmt: skip


def test_totals_of_rows_that_clips_share():
    X = rng.normal(size=(6, 3, 4))
    clips = clips_of([X[0:3], X[1:2], X[5:6]])
    counts, sums = totals_of_rows(clips)
    assert counts[:, 0].tolist() == [12, 12, 12, 0, 0, 12]
    np.testing.assert_allclose(
        sums[[0, 1, 2, 5], 0], X[[0, 1, 2, 5]].sum(axis=(1, 2)), rtol=1e-13
    )
    # wherever a frame lies its sum has the same bits
    alone = [totals_of_rows(clips_of([X[t : t + 1]]))[1][0, 0] for t in range(6)]
    assert sums[:, 0].tolist() == [*alone[:3], 0, 0, alone[5]]
