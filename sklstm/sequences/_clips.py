"""Clips: frames of videos and fields, where they lie, and which are those of a clip."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ._array import SequenceArray
from ._check import PIECE, raise_too_few
from ._columns import is_frame, objects_as_floats
from ._foreign import raise_not_numeric, refuse_foreign, refuse_masked, refuse_types
from ._rows import Rows, is_valid, lies_in_a_file
from ._stacking import as_offsets, rows_of_parts

AXES = "(n_clips, n_frames, height, width) or (n_clips, n_frames, height, width, \
channels)"
ITEM_AXES = "(n_frames, height, width) or (n_frames, height, width, channels)"
EXPECTED = (
    "clips as an array of shape (n_clips, n_frames, height, width[, channels]), or as "
    "a list of arrays of shape (n_frames, height, width[, channels])"
)

# Numbers whose squares are numbers too.
LARGEST = 1e150


class Clips:
    """Clips of unequal length, whose frames lie where the user has them.

    Frames are rows of `data` (rows, height, width, channels), of any real dtype, which
    may be on disk: what reads some of them gathers and converts these alone. Clip i is
    rows ``starts[i]`` to ``starts[i] + lengths[i]``. Parts of clips share the data.

    Never changed. In the place of a :class:`SequenceArray` wherever samples are chosen,
    split and paired.
    """

    vocabulary = None
    ndim = 5

    def __init__(self, data, starts, lengths, has_channels=True):
        self.data = data
        self.starts = np.asarray(starts, dtype=np.intp)
        self.lengths = np.asarray(lengths, dtype=np.intp)
        # whether the user has an axis of channels, and so predictions
        self.has_channels = has_channels

    @property
    def frame_shape(self):
        """Height, width and channels."""
        return self.data.shape[1:]

    @property
    def shape(self):
        return len(self), None, *self.frame_shape

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def n_features(self):
        return self.data.shape[3]

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, key):
        """Some of the clips, of an integer the frames of one."""
        if isinstance(key, tuple):  # X[key, ...] is how scikit-learn takes samples
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    "Clips are indexed by clip: X[i], X[mask], X[indices]."
                )
            key = key[0]
        if isinstance(key, (int, np.integer)):
            begin = self.starts[key]
            frames = np.asarray(self.data[begin : begin + self.lengths[key]]).view()
            frames.flags.writeable = False
            return frames if self.has_channels else frames[..., 0]
        if not isinstance(key, slice):
            key = np.asarray(key)
            if not key.size:  # what an empty list becomes is of floats
                key = key.astype(np.intp)
        return self.at_rows(self.starts[key], self.lengths[key])

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def at_rows(self, starts, lengths):
        """Clips of other rows of the same data."""
        return Clips(self.data, starts, lengths, self.has_channels)

    def without_last(self, n_frames):
        """The clips without so many of their last frames."""
        return self.at_rows(self.starts, self.lengths - n_frames)

    def _as_rows(self):
        """Data, first row and length of each clip: how a network takes them."""
        return self.data, self.starts, self.lengths

    def __reduce__(self):
        rows = _used_rows(self)
        data, starts = self.data, self.starts
        if len(rows) < len(data):
            data = data[rows]
            # of a clip of no frames any row will do
            starts = np.minimum(np.searchsorted(rows, starts), len(rows))
        return Clips, (data, starts, self.lengths, self.has_channels)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Clips may be of unequal length and are no array: list(X).")

    def __repr__(self):
        n, (height, width, channels) = len(self), self.frame_shape
        return (
            f"<Clips: {n} of {self.lengths.min(initial=0)} to "
            f"{self.lengths.max(initial=0)} frames, {height} x {width}, "
            f"{channels} channel(s), {self.dtype}>"
        )

    def place(self, row):
        """Clip and frame of a row of the data: the first that has it."""
        has = (self.starts <= row) & (row < self.starts + self.lengths)
        clip = int(np.argmax(has))
        return clip, int(row - self.starts[clip])

    def pieces(self):
        """Rows of the data that are those of clips, each once, about a hundred thousand
        numbers at a time."""
        rows, frame = _used_rows(self), int(np.prod(self.frame_shape))
        n_rows = max(1, PIECE // frame)
        for begin in range(0, len(rows), n_rows):
            piece = rows[begin : begin + n_rows]
            whole = piece[-1] - piece[0] + 1 == len(piece)
            some = slice(piece[0], piece[-1] + 1) if whole else piece
            yield piece, np.asarray(self.data[some])


def _used_rows(clips):
    """Rows of the data that are those of a clip, ascending."""
    ends = clips.starts + clips.lengths
    # how many clips have each row: one more where one begins, one less behind its end
    size = len(clips.data) + 1
    there = clips.lengths > 0
    change = np.bincount(clips.starts[there], minlength=size)
    change -= np.bincount(ends[there], minlength=size)
    return np.flatnonzero(np.cumsum(change)[:-1])


# ---- validation ----------------------------------------------------------------------


def are_clips(X):
    """Whether X has the rank of clips, and so not that of sequences."""
    objects = isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1
    if objects or isinstance(X, (list, tuple)):
        return len(X) > 0 and getattr(X[0], "ndim", None) in (3, 4)
    return getattr(X, "ndim", None) in (4, 5)


def clips_of(X, *, dtype=None, allow_nan=False, estimator=None):
    """Valid clips of what a user passes, without a copy of an array.

    Every NaN is a missing pixel, also those of whole frames at the end of an array.
    Values have to be numbers in `dtype`, that of the network. Errors name clip, frame,
    pixel and channel.
    """
    if not isinstance(X, Clips):
        X = _as_clips(X, estimator)
    if not len(X):
        raise_too_few("sample", (0, *X.shape[1:]), 1, estimator)
    for size, noun in zip(X.frame_shape, ("height", "width", "channels")):
        if not size:
            raise ValueError(
                f"X has frames of shape {X.frame_shape}: {noun} is 0. A frame needs at "
                "least one pixel and one channel."
            )
    _check_numbers(X, dtype, allow_nan, estimator)
    return X


def clips_of_partition(X, name, missing, dtype):
    """Part of the X of an estimator of this name as valid clips, one after the other in
    their data."""
    estimator = type(name, (), {"missing": missing})()
    X = clips_of(X, dtype=dtype, allow_nan=missing != "error", estimator=estimator)
    offsets = as_offsets(X.lengths)
    if len(X.data) != offsets[-1] or (X.starts != offsets[:-1])[X.lengths > 0].any():
        data = np.ascontiguousarray(X.data[rows_of(X)[0]])
        X = Clips(data, offsets[:-1], X.lengths, X.has_channels)
    return X


def _as_clips(X, estimator):
    if type(X) is not np.ndarray or X.ndim == 1:
        X = _array_or_items(X)
    if isinstance(X, list):
        if not X:
            raise_too_few("sample", (0,), 1, estimator)
        return _stacked([_item_as_array(i, item) for i, item in enumerate(X)])
    X = _real(X, "X")
    if X.ndim not in (4, 5):
        hint = ""
        if X.ndim == 2:
            hint = (
                " If a row has the pixels of a clip, frame by frame and line by line, "
                "pass X.reshape(len(X), n_frames, height, width)."
            )
        if X.ndim == 3:
            hint = (
                f" If it is one clip of {X.shape[0]} frames, pass X[np.newaxis] or [X]."
            )
        raise ValueError(
            f"X has shape {X.shape}, but clips are {AXES}.{hint} Clips of unequal "
            "length are a list of arrays."
        )
    return _of_one_length(X)


def _array_or_items(X):
    """A list, if X is a list of clips, else an array."""
    if isinstance(X, SequenceArray):
        raise TypeError(
            f"Expected {EXPECTED}, got a SequenceArray, whose steps are vectors. Put "
            "the pixels of each step in their places: "
            "[x.reshape(-1, height, width, channels) for x in X]."
        )
    refuse_masked(X, "X")
    refuse_foreign(X, "X", AXES)
    refuse_types(X, "X", EXPECTED)
    if is_frame(X):
        raise TypeError(
            f"Expected {EXPECTED}, got a DataFrame. Put the pixels in their places: "
            "x.to_numpy().reshape(n_clips, n_frames, height, width)."
        )
    if isinstance(X, Sequence) and not isinstance(X, memoryview):
        return list(X)
    if not hasattr(X, "__array__") and not isinstance(X, memoryview):
        hint = " Pass list(X) if it holds clips." if hasattr(X, "__iter__") else ""
        raise TypeError(f"Expected {EXPECTED}, got {type(X).__name__}.{hint}")
    if not isinstance(X, np.ndarray):
        X = np.asarray(X)
    return list(X) if X.ndim == 1 and X.dtype == object else X


def read_array(item, what, axes):
    """An array-like as an array of real numbers, of any shape."""
    if not isinstance(item, np.ndarray) or isinstance(item, np.ma.MaskedArray):
        refuse_types(item, what, f"an array of shape {axes}")
        refuse_foreign(item, what, axes)
        try:
            item = np.asarray(item)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{what} cannot be read as an array of shape {axes}: {error} All "
                "frames need the same height, width and channels."
            ) from error
    return _real(item, what)


def _item_as_array(i, item):
    what = f"Clip {i}"
    item = read_array(item, what, ITEM_AXES)
    if item.ndim in (3, 4) or item.shape == (0,):
        return item
    hint = ""
    if i == 0 and item.ndim == 2:
        hint = " X is a list of clips, and one clip x, a list of frames, is X = [x]."
    raise ValueError(f"{what} has shape {item.shape}, but a clip is {ITEM_AXES}.{hint}")


def _real(array, what):
    """An array of real numbers as it is, objects as floats."""
    if array.dtype.kind == "O":
        try:
            return objects_as_floats(array)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"{what} holds values that are not numbers or is ragged: {error}. All "
                "frames need the same height, width and channels, of numbers."
            ) from error
    if array.dtype.kind not in "biuf":
        raise_not_numeric(array, what)
    return array


def _of_one_length(X):
    """Clips of an array, of whose frames there are views."""
    has_channels = X.ndim == 5
    if not has_channels:
        X = X[..., np.newaxis]
    n, T = X.shape[:2]
    lengths, (between, row) = np.full(n, T), X.strides[:2]
    if T == 1 and between:
        row = abs(between)
    if X.size and row > 0 and not between % row:
        # also of X[:, a:b]: rows between the clips stay where they are
        places = np.arange(n) * (between // row)
        starts = places - places.min()
        first = X[int(starts.argmin())]
        data = as_strided(
            first, (int(starts.max()) + T, *X.shape[2:]), (row, *X.strides[2:])
        )
        return Clips(data, starts, lengths, has_channels)
    data = X.reshape(n * T, *X.shape[2:])
    return Clips(data, np.arange(n) * T, lengths, has_channels)


def _stacked(items):
    """Clips of a list of arrays, in the dtype that holds them all: of views of one
    array, and where some lie in files, as they are, else stacked."""
    k = next((k for k, item in enumerate(items) if item.ndim > 1), None)
    if k is None:
        raise ValueError(
            f"None of the {len(items)} clips has a frame, nor a shape: expected arrays "
            f"of shape {ITEM_AXES}."
        )
    like = items[k]
    has_channels = like.ndim == 4
    for i, item in enumerate(items):
        if item.shape == (0,):
            item = items[i] = np.empty((0, *like.shape[1:]), like.dtype)
        if item.ndim != like.ndim:
            raise ValueError(
                f"Clip {i} has shape {item.shape}, but clip {k} has {like.shape}. Pass "
                "all clips with an axis of channels, or all without."
            )
        if item.shape[1:] != like.shape[1:]:
            raise ValueError(
                f"Clip {i} has frames of shape {item.shape[1:]}, but clip {k} has "
                f"frames of {like.shape[1:]}: {_size_words(has_channels)}. Frames of "
                "one call need one size; only the number of frames may differ. Crop "
                "or resize them, or call once for each size."
            )
    if not has_channels:
        items = [item[..., np.newaxis] for item in items]
    lengths = np.array([len(item) for item in items], dtype=np.intp)
    found = _in_one_array(items)
    if found is not None:
        return Clips(*found, lengths, has_channels)
    if len(items) == 1:
        data = items[0]
    elif any(map(lies_in_a_file, items)):  # in several, from which they are read
        data = Rows.of(items, np.result_type(*(item.dtype for item in items)))
    else:
        data = np.concatenate(items)
    return Clips(data, as_offsets(lengths)[:-1], lengths, has_channels)


def _size_words(has_channels):
    return "height, width" + (" and channels" if has_channels else "")


def _in_one_array(items):
    """Data and first rows of clips that are views of one array; None if they are not.

    So clips that are cut from one long video, perhaps on disk, are not copied.
    """
    some = [item for item in items if item.size]
    if len(some) < 2:
        return None
    owner, strides, dtype = _owner(some[0]), some[0].strides, some[0].dtype
    row = strides[0]
    if row <= 0:
        return None
    for item in some:
        alike = item.strides == strides and item.dtype == dtype
        if not alike or _owner(item) is not owner:
            return None
    where = np.array([item.ctypes.data if item.size else 0 for item in items])
    there = np.array([item.size > 0 for item in items])
    starts = np.where(there, where - where[there].min(), 0)
    if (starts % row).any():
        return None
    starts //= row
    n_rows = max(begin + len(item) for begin, item in zip(starts.tolist(), items))
    first = some[int(where[there].argmin())]
    return as_strided(first, (n_rows, *first.shape[1:]), strides), starts


def _owner(array):
    """The array that has the memory of this one, which may be a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _check_numbers(X, dtype, allow_nan, estimator):
    """Raise if there is infinity, what is too large or, unless allowed, NaN."""
    if X.dtype.kind != "f" or is_valid(X.data):
        return  # whole numbers are numbers in every dtype
    dtype = np.dtype(np.float64 if dtype is None else dtype)
    largest = np.float64(min(float(np.finfo(dtype).max), LARGEST))
    for rows, frames in X.pieces():
        # what is not finite is not below either, NaN included
        with np.errstate(invalid="ignore"):
            good = np.abs(frames) <= largest
        if good.all():
            continue
        missing = np.isnan(frames)
        bad = ~(good | missing)
        infinite = bad.any()
        if not infinite:
            if allow_nan:
                continue
            bad = missing
        k, *at = np.argwhere(bad)[0].tolist()
        where = place_words(X, rows[k], *at)
        value = float(frames[(k, *at)])
        if infinite:
            what = f"infinity or a value too large for dtype('{dtype}')"
            if LARGEST < abs(value) <= float(np.finfo(dtype).max):
                what = "a value too large to be squared"
            raise ValueError(
                f"Input X contains {what}: {value:g} at {where}. Remove or clip such "
                "values, or scale X."
            )
        way_out = "Impute missing pixels first"
        if hasattr(estimator, "missing"):
            way_out += (
                f", or fit {type(estimator).__name__} with missing='ffill' to let it "
                "read the value that a pixel had before"
            )
        raise ValueError(
            f"Input X contains NaN: {where}. {way_out}. NaN is never padding in clips: "
            "those of unequal length are a list of arrays."
        )


def place_words(X, row, y, x, channel):
    """Where a value of clips is, in words."""
    clip, frame = X.place(row)
    where = f"clip {clip}, frame {frame}, pixel ({y}, {x})"
    return where + (f", channel {channel}" if X.has_channels else "")


def rows_of(clips):
    """Rows of all clips, one clip after the other, and the offsets of these."""
    return rows_of_parts(clips.starts, clips.lengths)
