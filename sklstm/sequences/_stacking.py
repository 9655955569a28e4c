"""Stacking: a list of sequences becomes one matrix of steps and its offsets."""

import sys

import numpy as np

from ._columns import as_names, float_dtype, read_numbers
from ._foreign import refuse_types

AXES = "(n_steps, n_features) or (n_steps,)"
CLIPS = (
    "if each step is an image, use ConvLSTMClassifier, ConvLSTMRegressor or "
    "ConvLSTMForecaster"
)


def as_offsets(lengths):
    """Where each sequence begins and the last one ends, of their lengths."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.intp)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def rows_of_parts(starts, lengths):
    """Rows of parts of a matrix, one part after the other, and the offsets of these."""
    offsets = as_offsets(lengths)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def rows_of_sequences(data, starts, lengths):
    """The rows of an array that are those of sequences, one after the other, and where
    each begins in them."""
    begins = as_offsets(lengths)[:-1]
    in_order = (starts == begins)[lengths > 0].all()
    if lengths.sum() < len(data) or not in_order:
        data = data[rows_of_parts(starts, lengths)[0]]
    return data, begins


def object_array(items):
    """An array (n,) of objects: lists, arrays or anything else as they are."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def place_of(row, offsets):
    """Sequence and step of a row of all steps."""
    # Right of equal offsets: the sequences of no steps have no such row.
    sample = int(np.searchsorted(offsets, row, side="right")) - 1
    return sample, row - int(offsets[sample])


def stack_items(
    items,  # n arrays (T_i, F), or all of them (T_i,)
    dtype=None,  # None keeps float32 and float64, and makes float64 of others
):
    """Steps (rows, F), offsets (n + 1,) and names or None of a list of sequences.

    One array alone is not copied if it has the right type. Names are the columns, if
    the sequences are DataFrames.
    """
    names = None
    if set(map(type, items)) == {np.ndarray}:
        arrays = items
    else:
        names = common_columns(items)
        arrays = [_item_as_array(i, item) for i, item in enumerate(items)]

    dtypes = {array.dtype for array in arrays}
    if any(t.kind not in "biuf" for t in dtypes):
        arrays = [_item_as_array(i, array) for i, array in enumerate(arrays)]
        dtypes = {array.dtype for array in arrays}
    target = float_dtype(*dtypes) if dtype is None else np.dtype(dtype)

    arrays = _same_rank(arrays)
    if arrays[0].ndim == 2:
        n_features = arrays[0].shape[1]
        if len({array.shape[1] for array in arrays}) > 1:
            i = next(i for i, a in enumerate(arrays) if a.shape[1] != n_features)
            raise ValueError(
                f"Sample {i} has {arrays[i].shape[1]} features, but {n_features} are "
                "expected as in sample 0. All sequences need the same features in "
                f"every step; only the number of steps may differ.{_hint_aeon(arrays)}"
            )
    lengths = list(map(len, arrays))
    if sum(lengths) > sys.maxsize:  # of arrays without features, which take no memory
        raise ValueError(f"The sequences have {sum(lengths)} steps, too many to count.")
    offsets = as_offsets(lengths)
    # a value too large is told by the finite check
    with np.errstate(over="ignore", under="ignore"):
        if len(arrays) == 1:
            data = arrays[0].view().astype(target, copy=False)
        else:
            data = np.concatenate(arrays, dtype=target, casting="unsafe")
    if data.ndim == 1:
        data = data[:, np.newaxis]
    return np.require(data, requirements=["C", "A"]), offsets, names


def _hint_aeon(arrays):
    """What to do if sequences look as if time came last."""
    n_channels = len(arrays[0])
    if any(len(array) != n_channels for array in arrays):
        return ""
    return (
        f" All arrays have {n_channels} row(s): if those are the features, as in aeon, "
        "use SequenceArray.from_aeon."
    )


def _item_as_array(i, item):
    """Return sample ``i`` as an ndarray of numbers, of any rank."""
    if type(item) is not np.ndarray:
        refuse_types(item, f"Sample {i}", f"an array of shape {AXES}")
    return read_numbers(item, f"Sample {i}", AXES)


def _same_rank(arrays):
    """Return the arrays, all of rank 1 or all of rank 2."""
    ranks = {array.ndim for array in arrays}
    if ranks == {1, 2}:
        # [] has no features to speak of: among (T, F) sequences it is one of no steps.
        n_features = next(a.shape[1] for a in arrays if a.ndim == 2)
        arrays = [
            np.empty((0, n_features), a.dtype) if a.shape == (0,) else a for a in arrays
        ]
        ranks = {array.ndim for array in arrays}
    if ranks == {1} or ranks == {2}:
        return arrays
    if ranks <= {1, 2}:
        rank = arrays[0].ndim
        i = next(i for i, array in enumerate(arrays) if array.ndim != rank)
        raise ValueError(
            f"Sample {i} has shape {arrays[i].shape}, but sample 0 has shape "
            f"{arrays[0].shape}. Pass all sequences as (n_steps, n_features), or all "
            "as (n_steps,) if they are univariate."
        )
    i = next(i for i, array in enumerate(arrays) if array.ndim not in (1, 2))
    raise ValueError(
        f"Sample {i} is an array with {arrays[i].ndim} dimension(s), shape "
        f"{arrays[i].shape}; expected (n_steps, n_features) or (n_steps,). Reshape "
        "your data: X is a list of sequences, and a single sequence x is X = [x]; "
        f"{CLIPS}."
    )


def common_columns(items):
    """Return the column names that all DataFrames among the items share."""
    first = names = None
    for i, item in enumerate(items):
        columns = getattr(item, "columns", None)
        if columns is None or getattr(item, "ndim", 2) == 1:
            continue
        columns = list(columns)
        if first is None:
            first, names = i, columns
        elif columns != names:
            raise ValueError(
                f"Sample {i} has the columns {columns}, but sample {first} has "
                f"{names}. All DataFrames need the same columns in the same order."
            )
    return None if names is None else as_names(names)
