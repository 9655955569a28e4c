"""Rows that lie on the workers of a Dask cluster, partition by partition.

The client knows how many steps each sequence has, and asks for rows as it does of an
array. Rows of a minibatch are cut out where they lie and go from worker to worker.
"""

import pickle
from concurrent.futures import CancelledError
from contextlib import contextmanager

import numpy as np

from ..sequences._rows import Rows
from ..sequences._stacking import as_offsets, rows_of_parts
from .partition_tasks import (
    cut,
    cut_each,
    filled,
    joined,
    joined_in_order,
    looked_at,
    n_rows_of,
    said_of_rows,
)

# What is cut out for the next minibatch goes before the gradients of this one.
FIRST = 10


class Partitions(list):
    """Futures of valid partitions, with what belongs to all of them."""

    def __init__(self, futures, client):
        super().__init__(futures)
        self.client = client
        self._holders = self._remade = None

    def submit(self, function, number, *args):
        """A task on a partition, where that lies."""
        return self.submit_to(self.holders[number], function, self[number], *args)

    def submit_to(self, workers, function, *args, **options):
        """A task for these workers, or for others once they are gone."""
        return self.client.submit(
            function, *args, pure=False, workers=workers or None,
            allow_other_workers=bool(workers), **options,
        )  # fmt: skip

    @property
    def holders(self):
        """The workers that have each partition, in a tuple; none of one that is being
        computed."""
        if self._holders is not None:
            return self._holders
        who_has = self.client.who_has(list(self))
        holders = [tuple(who_has[future.key]) for future in self]
        if all(holders):
            self._holders = holders
        return holders

    def gather(self, futures):
        with naming_what_is_lost():
            return self.client.gather(futures)

    def moved(self):
        """Look anew where they lie: a worker has died."""
        self._holders = None

    def remade(self, function, *args):
        """What `function(partition, *args)` makes of each of them, where it lies; asked
        again it is there."""
        key = function, pickle.dumps(args)
        if self._remade is None or self._remade[0] != key:
            futures = [self.submit(function, k, *args) for k in range(len(self))]
            self._remade = key, Partitions(futures, self.client)
        return self._remade[1]


@contextmanager
def naming_what_is_lost():
    """Say what to do where data have gone with the only worker that had them."""
    try:
        yield
    except CancelledError as error:
        if "connection" in str(getattr(error, "reason", "")):  # to the scheduler
            raise
        raise RuntimeError(
            "A partition was lost: the worker that had it has died, and nothing "
            "says how to compute it again. Pass delayed objects or results of "
            "client.submit, which are computed again, or scatter with broadcast=True. "
            "With checkpoint= a fit goes on from its last epoch."
        ) from error


class ClusterRows(Rows):
    """Rows of valid partitions, cut out where these lie."""

    is_valid = True
    _said = None  # by rows, what was last asked

    def runs_by_piece(self, first, lengths, piece):
        """Of each piece that has some of these runs its number, which of them it has,
        and their first rows and lengths there."""
        for k in np.unique(piece).tolist():
            own = np.flatnonzero(piece == k)
            yield k, own, first[own], lengths[own]

    def __array__(self, dtype=None, copy=None):
        every = self._gathered(self.piece, self.first, self.lengths)
        return every if dtype is None else every.astype(dtype, copy=False)

    def read(self, rows):
        piece, place = self.places(rows)
        return self._gathered(piece, place, np.ones(len(rows), np.intp))

    def _gathered(self, piece, first, lengths, columns=None):
        """An array of runs of rows."""
        parts = list(self.runs_by_piece(first, lengths, piece))
        cuts = self.pieces.gather(
            [self.pieces.submit(cut, k, *of, columns) for k, _, *of in parts]
        )
        offsets, row = as_offsets(lengths), self.shape[1:]
        if columns is not None:
            row = np.arange(*row)[columns].shape
        out = np.empty((offsets[-1], *row), self.dtype)
        for (_, own, _, sizes), rows in zip(parts, cuts, strict=True):
            out[rows_of_parts(offsets[own], sizes)[0]] = rows
        return out

    def columns(self, columns):
        which = np.atleast_1d(columns) if np.ndim(columns) == 0 else columns
        found = self._gathered(self.piece, self.first, self.lengths, which)
        return found[:, 0] if np.ndim(columns) == 0 else found

    def remade(self, function, row, *args, lengths=None):
        """Rows of what `function(partition, *args)` makes of each partition, where it
        lies: rows of this shape, as many as before of each run if `lengths` are these,
        and else all of them."""
        pieces = self.pieces.remade(function, *args)
        if lengths is not None:
            return type(self)(pieces, self.dtype, row, self.piece, self.first, lengths)
        number = np.arange(len(pieces))
        n_rows = pieces.gather([pieces.submit(n_rows_of, k) for k in number.tolist()])
        return type(self)(
            pieces, self.dtype, row, number, np.zeros_like(number), n_rows
        )

    def without_missing(self, first, indicator):
        """The same rows of partitions whose missing values are filled."""
        row = (self.shape[1] * (1 + indicator),)
        return self.remade(filled, row, first, indicator, lengths=self.lengths)

    def by_row(self, function, *args):
        """As `by_row`, where the rows lie; asked again it is there."""
        key = function, pickle.dumps(args)
        if self._said is None or self._said[0] != key:
            runs = zip(self.piece.tolist(), self.first, self.lengths, strict=True)
            found = [
                self.pieces.submit(said_of_rows, k, function, first, n, *args)
                for k, first, n in runs
            ]
            self._said = key, np.concatenate(self.pieces.gather(found))
        return self._said[1]

    def are_torn(self, starts, lengths):
        """Whether the rows of a sequence lie in more than one place (n,)."""
        first, last = (
            np.searchsorted(self.begins, rows, side="right")
            for rows in (starts, starts + lengths - 1)
        )
        return (lengths > 0) & (first < last)

    def where(self, starts, lengths):
        """The piece of each sequence (n,) and its first row there."""
        piece, first = np.zeros((2, len(starts)), np.intp)
        some = lengths > 0  # others may begin behind the last row
        piece[some], first[some] = self.places(starts[some])
        return piece, first

    def map(self, function, starts, lengths, *args, in_pieces=False):
        """As `by_blocks`, where the sequences lie; those that lie in several places,
        one after the other, here."""
        is_torn = self.are_torn(starts, lengths)
        for k in np.flatnonzero(is_torn):
            own = slice(k, k + 1)
            here, begins = self.local(starts[own], lengths[own])
            yield own, function(here, begins, lengths[own], *(arg[own] for arg in args))
        piece, first = self.where(starts, lengths)
        piece[is_torn] = -1
        parts = [of for of in self.runs_by_piece(first, lengths, piece) if of[0] >= 0]
        beside = next(filter(None, map(self.beside, args)), None)
        found = [
            self.pieces.submit(
                looked_at, k, beside and beside[k], function, in_pieces, rows, sizes,
                *(_without_data(arg[own], rows) for arg in args),
            )
            for k, own, rows, sizes in parts
        ]  # fmt: skip
        for (_, own, *_), blocks in zip(parts, self.pieces.gather(found), strict=True):
            for some, result in blocks:
                yield own[some], result

    def beside(self, target):
        """The partitions that have the rows of a target, None if they are these."""
        own = getattr(target, "data", None)
        if isinstance(own, ClusterRows) and own.pieces is not self.pieces:
            return own.pieces
        return None

    def sent(self, starts, lengths, worker, beside=None):
        """A future of the rows of some sequences, on this worker if there is one, and
        where each begins there; with the same rows of the partitions `beside` these, if
        there are any."""
        whole = None
        if self.are_torn(starts, lengths).any():
            some, whole = self.runs(starts, lengths), as_offsets(lengths)[:-1]
            piece, first, lengths = some.piece, some.first, some.lengths
        else:
            piece, first = self.where(starts, lengths)
        at_one_place, holders = {}, self.pieces.holders
        for k, *of in self.runs_by_piece(first, lengths, piece):
            at_one_place.setdefault(holders[k], []).append((k, *of))
        cuts, begin, begins = [], 0, np.empty(len(piece), np.intp)
        for place, parts in at_one_place.items():
            numbers, owns, rows, sizes = zip(*parts)
            for own, n_rows in zip(owns, sizes, strict=True):
                begins[own] = begin + as_offsets(n_rows)[:-1]
                begin += int(n_rows.sum())
            cuts.append(
                self.pieces.submit_to(
                    place, cut_each, [self.pieces[k] for k in numbers], rows, sizes,
                    beside and [beside[k] for k in numbers], priority=FIRST,
                )
            )  # fmt: skip
        workers = () if worker is None else (worker,)
        function, more = joined, ()
        if whole is not None:
            function, more, begins = joined_in_order, (begins, lengths), whole
        together = self.pieces.submit_to(workers, function, cuts, *more, priority=FIRST)
        return together, begins


def _without_data(arg, rows):
    """An argument for sequences that begin at these rows of where they lie, without
    rows of its own that it has among them."""
    return arg.moved(None, rows) if hasattr(arg, "moved") else arg
