"""Sequences that live on the workers of a Dask cluster, partition by partition.

The client knows how many steps each sequence has, and asks for rows as it does of an
array. Rows of a minibatch are cut out where they lie and go from worker to worker.
"""

import pickle
import re
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from .._targets.token_sequences import Documents
from ..sequences import SequenceArray
from ..sequences._clips import Clips
from ..sequences._missing import fill_forward
from ..sequences._rows import Rows, by_blocks
from ..sequences._stacking import as_offsets, rows_of_parts
from .document_partitions import DocumentOutline, DocumentPartitions

# What messages call a sample, and several of them.
SAMPLES = {
    "sample": "samples", "clip": "clips", "series": "series", "document": "documents",
}  # fmt: skip
SAMPLE = re.compile(rf"\b({'|'.join(SAMPLES)}) (\d+)", re.IGNORECASE)
# What is cut out for the next minibatch goes before the gradients of this one.
FIRST = 10


class Outline(NamedTuple):
    """What the client knows of a partition of X."""

    lengths: np.ndarray  # (n,)
    row: tuple  # shape of a step
    dtype: np.dtype
    feature_names: tuple | None
    vocabulary: tuple | None
    ids: np.ndarray | None
    has_channels: bool | None = None  # of clips


class Seen(NamedTuple):
    """A transformer and how many steps it has seen; or the number of a partition that
    it could not be fitted to and the error."""

    transformer: object
    n: object


# ---- what workers do -----------------------------------------------------------------


def read_partition(part, valid):
    """Valid sequences, or clips, of a partition, or the error if they are not; None
    where there is nothing."""
    if isinstance(part, Exception):
        return part
    try:
        if isinstance(part, Sequence) and not len(part):
            return None
        return valid(part)
    except (TypeError, ValueError) as error:
        return error


def outline(part):
    """The `Outline` of a partition, or what it is instead."""
    if isinstance(part, Clips):
        row, dtype = part.frame_shape, part.dtype
        return Outline(part.lengths, row, dtype, None, None, None, part.has_channels)
    if isinstance(part, Documents):
        return DocumentOutline.of(part)
    if not isinstance(part, SequenceArray):
        return part
    row = (part.n_features,)
    names, vocabulary = part.feature_names, part.vocabulary
    return Outline(part.lengths, row, part.dtype, names, vocabulary, part.ids)


def cut(part, first, lengths, columns=None):
    """These rows of a partition, one after the other."""
    rows = part._as_rows()[0][rows_of_parts(first, lengths)[0]]
    return rows if columns is None else rows[:, columns]


def cut_each(parts, first, lengths, beside=None):
    """Rows of several partitions, one after the other, and the same ones of those
    `beside` them, if there are any."""
    if beside is not None:
        return tuple(cut_each(of, first, lengths) for of in (parts, beside))
    return joined([cut(*of) for of in zip(parts, first, lengths, strict=True)])


def joined(cuts):
    """What has been cut out of several partitions."""
    if len(cuts) == 1:
        return cuts[0]
    if isinstance(cuts[0], tuple):
        return tuple(joined(of) for of in zip(*cuts, strict=True))
    return np.concatenate(cuts)


def joined_in_order(cuts, begins, lengths):
    """The same, run by run as these begin there."""
    return joined(cuts)[rows_of_parts(begins, lengths)[0]]


def filled(part, first, indicator):
    """A partition without missing values."""
    with np.errstate(under="ignore"):
        return fill_forward(part, first, indicator=indicator)


def looked_at(part, beside, function, in_pieces, first, lengths, *args):
    """As `by_blocks`, of sequences of a partition; rows of targets are those of the one
    `beside` it, or its own if that is None."""
    data = part._as_rows()[0]
    own = data if beside is None else beside._as_rows()[0]
    args = [arg.moved(own, first) if hasattr(arg, "moved") else arg for arg in args]
    return list(by_blocks(function, data, first, lengths, *args, in_pieces=in_pieces))


def said_of_rows(part, function, first, n, *args):
    """As `by_row`, of so many rows of a partition."""
    return function(part._as_rows()[0][first : first + n], *args)


def n_rows_of(part):
    return len(part._as_rows()[0])


def fitted_further(seen, part, number, method):
    """A transformer that has seen a partition too; the number of the partition and the
    error where it refused one. With "fit" the first one that holds a step is enough."""
    transformer, n = seen
    if n and method == "fit" or method is None or isinstance(n, Exception):
        return seen
    if isinstance(part, Exception):
        return Seen(number, part)
    try:
        if n_steps := n_steps_of(part):
            transformer = getattr(deepcopy(transformer), method)(part)
    except (TypeError, ValueError) as error:
        return Seen(number, _naming(transformer, error))
    return Seen(transformer, n + n_steps)


def transformed(seen, part):
    """A partition as a fitted transformer makes it, or an error."""
    transformer = seen.transformer
    if isinstance(part, Exception):
        return part
    try:
        return transformer.transform(part) if len(part) else part
    except (TypeError, ValueError) as error:
        return _naming(transformer, error)


def _naming(transformer, error):
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{type(transformer).__name__}: {error}")


def n_steps_of(part):
    """Steps of a partition, of what has no steps the samples."""
    lengths = getattr(part, "lengths", None)
    if lengths is None and isinstance(part, (list, tuple)):
        lengths = [len(one) for one in part if hasattr(one, "__len__")]
    return len(part) if lengths is None else int(np.sum(lengths))


# ---- what the client has -------------------------------------------------------------


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


class AtHome:
    """Who computes on partitions: this process."""

    rows = Rows

    def submit(self, function, *args):
        return function(*args)

    def each(self, parts, what):
        """Partitions as they are."""
        import dask

        lazy = [part for part in parts if dask.is_dask_collection(part)]
        try:
            done = iter(dask.compute(*lazy))
            return [
                next(done) if dask.is_dask_collection(part) else part.result()
                for part in parts
            ]
        except Exception:
            self._name_the_first(parts, what)
            raise

    @staticmethod
    def _name_the_first(parts, what):
        """Compute them one after the other until one fails."""
        import dask

        for k, part in enumerate(parts):
            try:
                part.compute() if dask.is_dask_collection(part) else part.result()
            except Exception as error:
                raise_of_partition(error, k, what)

    def gather(self, results, what):
        return without_errors(results, what)

    def pieces(self, valid):
        return [part._as_rows()[0] for part in valid]


class OnWorkers:
    """Who computes on partitions: the workers that have them."""

    rows = ClusterRows

    def __init__(self, client):
        self.client = client

    def submit(self, function, *args):
        return self.client.submit(function, *args, pure=False)

    def each(self, parts, what):
        """Futures of partitions, all of which are there."""
        from dask import is_dask_collection

        lazy = [part for part in parts if is_dask_collection(part)]
        done = iter(self.client.compute(lazy))
        futures = [next(done) if is_dask_collection(part) else part for part in parts]
        self._wait(futures, what)
        return futures

    @staticmethod
    def _wait(futures, what):
        with naming_what_is_lost():
            for k, future in enumerate(futures):
                raise_of_partition(future.exception(), k, what)

    def gather(self, futures, what):
        self._wait(futures, what)
        with naming_what_is_lost():
            return without_errors(self.client.gather(futures), what)

    def pieces(self, valid):
        return Partitions(valid, self.client)


def valid_sequences(who, parts, valid):
    """X of partitions, which `valid` reads, and how many sequences each of them has; an
    error names the partition."""
    parts = [who.submit(read_partition, part, valid) for part in parts]
    outlines = who.gather([who.submit(outline, part) for part in parts], "X")
    counts = [0 if one is None else len(one.lengths) for one in outlines]
    if not sum(counts):
        raise ValueError(f"X has no sequences in any of {len(outlines)} partitions.")
    there = [k for k, one in enumerate(outlines) if one is not None]
    first = outlines[there[0]]
    if isinstance(first, DocumentOutline):
        return DocumentPartitions.of(who, parts, outlines), counts
    for k in there:
        _check_same(outlines[k], first, k, there[0])
    lengths = [outlines[k].lengths for k in there]
    n_rows = np.array([own.sum() for own in lengths], np.intp)
    dtype = np.result_type(*(outlines[k].dtype for k in there))
    data = who.rows(
        who.pieces([parts[k] for k in there]), dtype, first.row, np.arange(len(there)),
        np.zeros(len(there), np.intp), n_rows,
    )  # fmt: skip
    offsets = as_offsets(np.concatenate(lengths))
    if first.has_channels is not None:
        lengths = np.diff(offsets)
        return Clips(data, offsets[:-1], lengths, first.has_channels), counts
    ids = [outlines[k].ids for k in there]
    ids = None if any(own is None for own in ids) else np.concatenate(ids)
    names, vocabulary = first.feature_names, first.vocabulary
    return SequenceArray._trusted(data, offsets, names, vocabulary, ids), counts


def _check_same(one, first, number, number_of_first):
    """Say in what a partition of X differs from the first one."""
    like = f"as in partition {number_of_first}"
    if first.has_channels is not None:
        shapes = [
            part.row if part.has_channels else part.row[:2] for part in (one, first)
        ]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"Partition {number} of X has frames of shape {shapes[0]}, but "
                f"{shapes[1]} is expected {like}."
            )
    elif one.row != first.row:
        raise ValueError(
            f"Partition {number} of X has {one.row[0]} features, but {first.row[0]} "
            f"are expected {like}."
        )
    if one.feature_names != first.feature_names:
        raise ValueError(
            f"Partition {number} of X has the feature names {one.feature_names}, but "
            f"{first.feature_names} are expected {like}. All partitions need the same "
            "names in the same order, or none."
        )
    if one.vocabulary != first.vocabulary:
        raise ValueError(
            f"Partition {number} of X was encoded with another vocabulary than "
            f"partition {number_of_first}. Encode all of them with one TokenEncoder."
        )


def fitted_transformer(who, transformer, parts, method):
    """A transformer fitted to one partition after the other, and what it makes of each
    of them."""
    fitted = Seen(transformer, 0)
    for k, part in enumerate(parts):
        fitted = who.submit(fitted_further, fitted, part, k, method)
    (found,) = who.gather([fitted], "X")
    if isinstance(found.n, Exception):
        raise_of_partition(found.n, found.transformer, "X")
    return found.transformer, [who.submit(transformed, fitted, part) for part in parts]


def without_errors(results, what):
    """Results of partitions; the first error among them is raised."""
    for k, one in enumerate(results):
        raise_of_partition(one, k, what)
    return results


def raise_of_partition(error, number, what):
    """Raise an error with the partition that it is of."""
    if not isinstance(error, BaseException):
        return
    kind = next(
        (kind for kind in (TypeError, ValueError) if isinstance(error, kind)),
        RuntimeError,
    )
    counted, of_one = "", SAMPLE.search(str(error))
    if of_one is not None:
        counted = f", whose {SAMPLES[of_one[1].lower()]} are counted from 0"
    raise kind(f"In partition {number} of {what}{counted}: {error}") from error
