"""Long tables: one row per step, and a column that says which sequence it is of."""

import numpy as np

from ._stacking import as_offsets, float_dtype


def stack_long(frame, by, sort=None):
    """Stack the steps of a long table, sequence by sequence.

    Parameters
    ----------
    frame : DataFrame (pandas, polars or alike)
        Needs ``columns`` and ``frame[column]``.

    by : str or list of str
        Columns that name the sequence.

    sort : str or list of str, default=None
        Columns that order the steps of a sequence. None keeps the order of rows.

    Returns
    -------
    data : ndarray of shape (n_rows, F)
        The steps, in the order of sequences.

    offsets : ndarray of intp, shape (n + 1,)
        Where each sequence begins in ``data``.

    names : tuple of str
        The remaining columns, in their order.

    Raises
    ------
    TypeError
        If ``frame`` is no DataFrame.

    ValueError
        If a column is missing, is not numeric, or if a column of ``by`` or ``sort``
        has missing values.
    """
    if not hasattr(frame, "columns") or not hasattr(frame, "__getitem__"):
        raise TypeError(
            f"Expected a pandas or polars DataFrame, got {type(frame).__name__}."
        )
    by = [by] if isinstance(by, str) else list(by)
    sort = [] if sort is None else [sort] if isinstance(sort, str) else list(sort)
    columns = list(frame.columns)
    if not by:
        raise ValueError("'by' needs at least one column that names the sequence.")
    for column in [*by, *sort]:
        if column not in columns:
            raise ValueError(f"No column {column!r} among the columns {columns}.")
    names = [column for column in columns if column not in by and column not in sort]
    if not names:
        raise ValueError(
            f"No feature column is left beside by={by} and sort={sort} of {columns}."
        )

    # One integer per row that counts the sequences in order of first appearance.
    code = np.zeros(len(frame), dtype=np.intp)
    for column in by:
        levels, inverse = np.unique(_key(frame, column), return_inverse=True)
        code = np.unique(code * len(levels) + inverse, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    code = rank[code]

    # lexsort is stable and takes its last key first.
    keys = [np.unique(_key(frame, c), return_inverse=True)[1] for c in reversed(sort)]
    order = np.lexsort([*keys, code])
    features = [_numbers(frame, name) for name in names]
    data = np.empty((len(frame), len(names)), float_dtype(*(f.dtype for f in features)))
    for j, feature in enumerate(features):
        data[:, j] = feature[order]
    offsets = as_offsets(np.bincount(code, minlength=len(first)))
    return data, offsets, tuple(map(str, names))


def _key(frame, column):
    """Return a column of ``by`` or ``sort``, which must be complete."""
    values = np.asarray(frame[column])
    if values.dtype.kind == "O":
        missing = [_is_missing(value) for value in values]
    elif values.dtype.kind in "Mm":
        missing = np.isnat(values)
    else:
        missing = values.dtype.kind == "f" and np.isnan(values)
    if np.any(missing):
        row = int(np.argmax(missing))
        raise ValueError(
            f"Column {column!r} has a missing value in row {row}. Drop such rows "
            "before building sequences."
        )
    return values


def _is_missing(value):
    # pandas.NA and NaT by name, without an import: they have no class in common.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and np.isnan(value))
    )


def _numbers(frame, column):
    """Return a feature column as floats, missing values as NaN."""
    values = frame[column]
    try:
        if hasattr(values, "iloc"):  # pandas: nullable types know their own way to NaN
            if getattr(values.dtype, "kind", "O") not in "biufO":
                raise ValueError(f"its type is {values.dtype}")
            target = np.float32 if values.dtype == np.float32 else np.float64
            return values.to_numpy(dtype=target, na_value=np.nan)
        values = np.asarray(values)
        if values.dtype.kind not in "biuf":
            raise ValueError(f"its type is {values.dtype}")
        return values.astype(float_dtype(values.dtype), copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column {column!r} is not numeric: {error}. Encode it first, or name it "
            "in 'by' or 'sort'."
        ) from error
