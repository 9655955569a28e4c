"""Rows of a matrix that lie elsewhere, such as in files, and are read when needed."""

from __future__ import annotations

import math
import mmap

import numpy as np

from ._columns import float_dtype
from ._stacking import as_offsets, rows_of_parts

# Numbers that are read at a time where all are looked at.
AT_A_TIME = 250_000


class Rows:
    """A matrix (rows, F), or frames (rows, height, width, channels), of rows of other
    arrays, its pieces, none of which is held.

    It is made of runs of rows: of run i the first is row ``first[i]`` of piece
    ``piece[i]``, and ``begins[i]`` its own number. What is asked for comes in `dtype`.
    NumPy reads all of it where it wants an array.
    """

    # Whether its numbers have been looked at already.
    is_valid = False

    def __init__(self, pieces, dtype, row, piece, first, lengths):
        self.pieces, self.dtype = pieces, np.dtype(dtype)
        self.piece, self.first = piece, first
        self.begins = as_offsets(lengths)
        self.shape = int(self.begins[-1]), *row

    @classmethod
    def of(cls, pieces, dtype=None):
        """All rows of some matrices, one after the other."""
        number, lengths = np.arange(len(pieces)), [len(piece) for piece in pieces]
        if dtype is None:
            dtype = float_dtype(*(piece.dtype for piece in pieces))
        none = np.zeros(len(pieces), np.intp)
        return cls(pieces, dtype, pieces[0].shape[1:], number, none, lengths)

    # ---- as an array -------------------------------------------------------------

    @property
    def lengths(self):
        """Rows of each run."""
        return np.diff(self.begins)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def nbytes(self):
        """Of all of it, none of which need be in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("Rows that lie elsewhere have to be copied.")
        every = np.empty(self.shape, self.dtype)
        # a value too large is told by the finite check
        with np.errstate(over="ignore", under="ignore"):
            for k, begin, row, n in zip(
                self.piece.tolist(), self.begins.tolist(), self.first.tolist(),
                self.lengths.tolist(),
            ):  # fmt: skip
                every[begin : begin + n] = self.pieces[k][row : row + n]
        return every if dtype is None else every.astype(dtype, copy=False)

    def __getitem__(self, key):
        """Rows one after the other stay where they are; any others are read, and so
        are columns."""
        if isinstance(key, tuple):
            rows, columns = key
            if isinstance(rows, slice):
                some = self[rows]
                is_here = not isinstance(some, Rows)
                return some[:, columns] if is_here else some.columns(columns)
            rows = np.asarray(rows)
            number = np.arange(rows.size).reshape(rows.shape)
            return self[rows.ravel()][number, columns]
        if isinstance(key, slice):
            start, stop, stride = key.indices(len(self))
            if stride == 1:
                return self.runs([start], [max(0, stop - start)])
            key = np.arange(start, stop, stride)
        key = np.asarray(key)
        if key.dtype == bool:
            key = np.flatnonzero(key)
        outside = (key < -len(self)) | (key >= len(self))
        if outside.any():
            raise IndexError(f"Row {key[outside].flat[0]} of {len(self)} rows.")
        key = np.where(key < 0, key + len(self), key).astype(np.intp)
        return self.read(key.ravel()).reshape(*key.shape, *self.shape[1:])

    def astype(self, dtype, copy=True):
        """In another type once they are read."""
        return self._with(self.piece, self.first, self.lengths, dtype)

    def copy(self):
        """They are not to be written to."""
        return self

    def columns(self, columns):
        """An array of some columns of all rows."""
        parts = [np.asarray(self[part])[:, columns] for part in blocks_of(self)]
        return np.concatenate(parts) if parts else np.asarray(self)[:, columns]

    # ---- parts of it -------------------------------------------------------------

    def _with(self, piece, first, lengths, dtype=None):
        """Other runs of the same pieces."""
        dtype = self.dtype if dtype is None else dtype
        return type(self)(self.pieces, dtype, self.shape[1:], piece, first, lengths)

    def runs(self, starts, lengths):
        """The same rows as a matrix of their own: `lengths` from each of `starts` on,
        which stay where they are."""
        starts, lengths = np.asarray(starts), np.asarray(lengths)
        own = np.flatnonzero(lengths)  # one of no rows may begin behind the last one
        starts, ends = starts[own], starts[own] + lengths[own]
        begin = np.searchsorted(self.begins, starts, side="right") - 1
        counts = np.searchsorted(self.begins, ends, side="left") - begin
        run, offsets = rows_of_parts(begin, counts)
        # the first and the last run of each may be cut
        low = np.maximum(self.begins[run], np.repeat(starts, counts))
        high = np.minimum(self.begins[run + 1], np.repeat(ends, counts))
        there = high > low
        run, low, high = run[there], low[there], high[there]
        first = self.first[run] + low - self.begins[run]
        return self._with(self.piece[run], first, high - low)

    def and_then(self, other):
        """These rows and those of an array behind them."""
        return type(self)(
            [*self.pieces, other], self.dtype, self.shape[1:],
            np.append(self.piece, len(self.pieces)), np.append(self.first, 0),
            np.append(self.lengths, len(other)),
        )  # fmt: skip

    def local(self, starts, lengths):
        """An array of these rows, one after the other, and where each part begins."""
        return np.asarray(self.runs(starts, lengths)), as_offsets(lengths)[:-1]

    def map(self, function, starts, lengths, *args, in_pieces=False):
        """As `by_blocks`, some sequences at a time."""
        if in_pieces:
            yield slice(None), function(self, starts, lengths, *args)
            return
        for some in blocks_of_sequences(lengths, math.prod(self.shape[1:])):
            here, begins = self.local(starts[some], lengths[some])
            own = (arg[some] for arg in args)
            yield some, function(here, begins, lengths[some], *own)
            del here  # before others are read

    def by_row(self, function, *args):
        """As `by_row`, some rows at a time."""
        parts = [function(np.asarray(self[part]), *args) for part in blocks_of(self)]
        return np.concatenate([function(np.asarray(self[:0]), *args), *parts])

    def places(self, rows):
        """The piece of each row, and its number there."""
        run = np.searchsorted(self.begins, rows, side="right") - 1
        return self.piece[run], self.first[run] + rows - self.begins[run]

    def read(self, rows):
        """An array of these rows."""
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        piece, place = self.places(rows)
        # as above
        with np.errstate(over="ignore", under="ignore"):
            for k in np.unique(piece).tolist():
                own = piece == k
                out[own] = self.pieces[k][place[own]]
        return out

    @property
    def token(self):
        """What it is known by, as long as nobody writes to where it lies."""
        from joblib import hash

        pieces = [getattr(piece, "token", None) or hash(piece) for piece in self.pieces]
        runs = [hash(part) for part in (self.piece, self.first, self.begins)]
        return hash([pieces, self.dtype.str, runs])


def blocks_of(data):
    """Slices of rows of about so many numbers."""
    step = max(1, AT_A_TIME // max(1, math.prod(data.shape[1:])))
    return (slice(begin, begin + step) for begin in range(0, len(data), step))


def blocks_of_sequences(lengths, width):
    """Slices of sequences of about so many numbers."""
    done = np.cumsum(lengths) * max(1, width) // AT_A_TIME
    cuts = np.flatnonzero(np.diff(done)) + 1
    for begin, end in zip([0, *cuts], [*cuts, len(lengths)], strict=True):
        if begin < end:
            yield slice(int(begin), int(end))


def by_blocks(function, data, starts, lengths, *args, in_pieces=False):
    """What `function(data, starts, lengths, *args)` says of sequences, perhaps of some
    at a time and where these lie: pairs of these, as an index, and what it says. `args`
    have an element for each sequence. One that reads the rows `in_pieces` gets them as
    they are, else it gets an array."""
    if not in_pieces:
        data = in_place(data)
    if isinstance(data, Rows):
        yield from data.map(function, starts, lengths, *args, in_pieces=in_pieces)
    else:
        yield slice(None), function(data, starts, lengths, *args)


def by_row(function, data, *args):
    """What `function(data, *args)` says of each row of a matrix (rows,), perhaps of
    some at a time and where these lie."""
    if isinstance(data, Rows):
        return data.by_row(function, *args)
    return function(data, *args)


def is_valid(data):
    """Whether the numbers of a matrix have been looked at already, where they lie."""
    return isinstance(data, Rows) and data.is_valid


def rows_at(data, starts, lengths):
    """These rows, `lengths` from each of `starts` on: of an array a copy, others stay
    where they are."""
    if isinstance(data, Rows):
        return data.runs(starts, lengths)
    return data.take(rows_of_parts(starts, lengths)[0], axis=0)


def in_place(data):
    """The same matrix, of which parts are no copies where it lies in a file."""
    return Rows.of([data], data.dtype) if lies_in_a_file(data) else data


def lies_in_a_file(data):
    """Whether an array is one of a file that is mapped into memory, or of a part."""
    while isinstance(data, np.ndarray):
        if isinstance(data, np.memmap):
            return True
        data = data.base
    return isinstance(data, mmap.mmap)
