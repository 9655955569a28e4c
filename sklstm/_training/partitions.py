"""X in partitions: valid sequences, here or on the workers of a Dask cluster."""

import re

import numpy as np

from ..sequences import SequenceArray
from ..sequences._clips import Clips
from ..sequences._rows import Rows
from ..sequences._stacking import as_offsets
from .cluster_rows import ClusterRows, Partitions, naming_what_is_lost
from .document_partitions import DocumentOutline, DocumentPartitions
from .partition_tasks import Seen, fitted_further, outline, read_partition, transformed

# What messages call a sample, and several of them.
SAMPLES = {
    "sample": "samples", "clip": "clips", "series": "series", "document": "documents",
}  # fmt: skip
SAMPLE = re.compile(rf"\b({'|'.join(SAMPLES)}) (\d+)", re.IGNORECASE)


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
    are_documents = isinstance(first, DocumentOutline)
    check = _check_same_vocabulary if are_documents else _check_same
    for k in there:
        check(outlines[k], first, k, there[0])
    if are_documents:
        of_some = ([of[k] for k in there] for of in (parts, outlines))
        return DocumentPartitions.of(who, *of_some), counts
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
    _check_same_vocabulary(one, first, number, number_of_first)


def _check_same_vocabulary(one, first, number, number_of_first):
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
