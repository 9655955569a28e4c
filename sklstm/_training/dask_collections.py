"""Data in partitions, in whatever of Dask's containers they come."""

import sys
from itertools import chain

import numpy as np

WHAT = (
    "a list of futures or delayed objects, a dask.bag of sequences, or what "
    "sklstm.dask.from_long makes of a dask.dataframe"
)


class LongPartitions(list):
    """Delayed partitions of a long table, of whose sequences none is in two."""


def partitions_of(value, name):
    """Partitions of what lives on a cluster, delayed objects or futures; None of
    anything else."""
    if "dask" not in sys.modules or value is None:
        return None
    if isinstance(value, (list, tuple)):
        return _of_list(value, name)
    if not _is_lazy(value):
        return None
    from dask.delayed import Delayed

    if isinstance(value, Delayed) or not hasattr(value, "to_delayed"):
        return [value]
    if hasattr(value, "chunks"):  # an array, along the first axis
        if any(len(chunks) > 1 for chunks in value.chunks[1:]):
            value = value.rechunk({axis: -1 for axis in range(1, value.ndim)})
        return value.to_delayed().ravel().tolist()
    if name == "X" and hasattr(value, "columns"):
        raise TypeError(
            "X is a dask.dataframe, which does not say which rows are a sequence. Pass "
            "sklstm.dask.from_long(X, by=...), where 'by' names the sequence."
        )
    return list(value.to_delayed())


def _of_list(values, name):
    lazy = [_is_lazy(value) for value in values]
    if not any(lazy):
        return None
    if not all(lazy):
        k = lazy.index(False)
        raise TypeError(
            f"{name} is a list with futures or delayed objects, but element {k} is of "
            f"type {type(values[k]).__name__}. Pass {WHAT}."
        )
    return values


def _is_lazy(value):
    import dask

    if dask.is_dask_collection(value):
        return True
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(value, distributed.Future)


def joined_targets(parts, counts, name):
    """Targets, weights or groups of all sequences of those of the partitions, of which
    each has as many as X."""
    if len(parts) != len(counts):
        raise ValueError(
            f"{name} has {len(parts)} partitions, but X has {len(counts)}. Cut both "
            "alike."
        )
    for k, (part, n) in enumerate(zip(parts, counts, strict=True)):
        if len(part) != n:
            raise ValueError(
                f"Partition {k} of {name} is of {len(part)} sequences, but that of X "
                f"has {n}."
            )
    if any(isinstance(part, (list, tuple)) for part in parts):
        return list(chain.from_iterable(parts))
    return np.concatenate([np.asarray(part) for part in parts if len(part)])


def refuse_doubled(ids, counts):
    """An error if a sequence of a long table is in two partitions."""
    first = {}
    for i, name in enumerate(ids.tolist()):
        j = first.setdefault(name, i)
        if j != i:
            ends = np.cumsum(counts)
            one, other = (int(np.searchsorted(ends, k, side="right")) for k in (j, i))
            raise ValueError(
                f"Rows of {name!r} are in partitions {one} and {other} of the table. "
                "Each partition must hold whole sequences: pass from_long a "
                "frame.shuffle(on=by)."
            )
