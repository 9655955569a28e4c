"""What workers of a Dask cluster do with partitions of sequences.

Each function is a task: of its arguments alone, with errors as results where what they
say is for the client to raise.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from .._targets.token_sequences import Documents
from ..sequences import SequenceArray
from ..sequences._clips import Clips
from ..sequences._missing import fill_forward
from ..sequences._rows import by_blocks
from ..sequences._stacking import rows_of_parts
from .document_partitions import DocumentOutline


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
