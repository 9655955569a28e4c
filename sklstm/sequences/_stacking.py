"""Stacking: a list of sequences becomes one matrix of steps and its offsets."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import issparse

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(*dtypes):
    """Return the float type that holds data of these types.

    Parameters
    ----------
    *dtypes : dtype
        Types of the data.

    Returns
    -------
    dtype : dtype
        ``float32`` if the data are ``float32``, else ``float64``.
    """
    common = np.result_type(*dtypes)
    return common if common in FLOATS else FLOATS[1]


def as_offsets(lengths):
    """Return where each sequence begins and the last one ends.

    Parameters
    ----------
    lengths : array-like of int, shape (n,)
        Number of steps of each sequence.

    Returns
    -------
    offsets : ndarray of intp, shape (n + 1,)
        Sequence i has the rows ``offsets[i]`` to ``offsets[i + 1]``.
    """
    offsets = np.zeros(len(lengths) + 1, dtype=np.intp)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def stack_items(items, dtype=None):
    """Stack the steps of a list of sequences.

    Parameters
    ----------
    items : list, tuple or 1-D object array of n sequences
        Each one array-like of shape (T_i, F) or, all of them, of shape (T_i,).
        DataFrames must have the same columns in the same order.

    dtype : dtype, default=None
        Float type of the result. None keeps ``float32`` and ``float64`` and turns
        every other numeric type to ``float64``.

    Returns
    -------
    data : ndarray of shape (sum of T_i, F)
        All steps, one sequence after the other. A list of one array is not copied
        if it has the right type.

    offsets : ndarray of intp, shape (n + 1,)
        Where each sequence begins in ``data``.

    names : tuple of str or None
        The columns, if the sequences are DataFrames whose columns are strings.

    Raises
    ------
    TypeError
        If a sequence is of a type that cannot be read as an array.

    ValueError
        If sequences differ in rank or in the number of features, or hold anything
        but real numbers.
    """
    names = None
    if set(map(type, items)) == {np.ndarray}:
        arrays = items
    else:
        names = _common_columns(items)
        arrays = [_item_as_array(i, item) for i, item in enumerate(items)]

    dtypes = {array.dtype for array in arrays}
    if any(t.kind not in "biuf" for t in dtypes):
        arrays = [_item_as_numbers(i, array) for i, array in enumerate(arrays)]
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
    offsets = as_offsets(np.fromiter(map(len, arrays), np.intp, len(arrays)))
    # a value too large is told by the finite check
    with np.errstate(over="ignore", under="ignore"):
        if len(arrays) == 1:
            data = arrays[0].astype(target, copy=False)
        else:
            data = np.concatenate(arrays, dtype=target, casting="unsafe")
    if data.ndim == 1:
        data = data[:, np.newaxis]
    return np.require(data, requirements=["C", "A"]), offsets, names


def columns_as_matrix(columns, order=slice(None)):
    """Return columns as one matrix of floats.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)
        Of any numeric types.

    order : ndarray of int, shape (n_rows,), default=slice(None)
        The row of the columns for each row of the matrix; as they are by default.

    Returns
    -------
    data : ndarray of float32 or float64, shape (n_rows, n_columns)
        C-contiguous; float32 if all columns are.
    """
    dtype = float_dtype(*(column.dtype for column in columns))
    data = np.empty((len(columns[0]), len(columns)), dtype)
    for j, column in enumerate(columns):
        data[:, j] = column[order]
    return data


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
    """Return sample ``i`` as an ndarray of any type and rank."""
    if isinstance(item, np.ma.MaskedArray):
        raise TypeError(
            f"Sample {i} is a masked array, whose mask would be lost. Pass the valid "
            "steps, or item.filled(np.nan) after casting to float."
        )
    if issparse(item):
        raise TypeError(
            f"Sample {i} is sparse, but dense data is required. Use '.toarray()' to "
            "convert it."
        )
    if item is None or isinstance(item, (str, bytes, dict, set, Iterator)):
        raise TypeError(
            f"Sample {i} is of type {type(item).__name__}; expected an array of shape "
            "(n_steps, n_features) or (n_steps,)."
        )
    try:
        return np.asarray(item)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Sample {i} cannot be read as an array of shape (n_steps, n_features) or "
            f"(n_steps,): {error} Every step needs the same number of features."
        ) from error


def _item_as_numbers(i, array):
    """Return sample ``i`` with a real numeric type."""
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\nSample {i} is {array.dtype}.")
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Sample {i} holds values that are not numbers or is ragged: {error}. "
                "Every step must be a number or the same number of numbers."
            ) from error
    raise ValueError(
        f"Sample {i} is not numeric (dtype {array.dtype}). Convert the data to "
        "numeric values explicitly first."
    )


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
        "your data: X is a list of sequences, and a single sequence x is X = [x]."
    )


def _common_columns(items):
    """Return the column names that all DataFrames among the items share."""
    first = names = None
    for i, item in enumerate(items):
        columns = getattr(item, "columns", None)
        if columns is None:
            continue
        columns = list(columns)
        if first is None:
            first, names = i, columns
        elif columns != names:
            raise ValueError(
                f"Sample {i} has the columns {columns}, but sample {first} has "
                f"{names}. All DataFrames need the same columns in the same order."
            )
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names)
