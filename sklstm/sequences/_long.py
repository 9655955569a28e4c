"""Long tables: one row per step, and a column that says which sequence it is of."""

import numpy as np

from ._stacking import as_offsets, columns_as_matrix, float_dtype


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

    code = np.zeros(len(frame), dtype=np.intp)
    for column in by:
        levels, inverse = np.unique(_key(frame, column), return_inverse=True)
        code = np.unique(code * len(levels) + inverse, return_inverse=True)[1]
    code = count_by_first_row(code)

    # lexsort is stable and takes its last key first.
    keys = [np.unique(_key(frame, c), return_inverse=True)[1] for c in reversed(sort)]
    order = np.lexsort([*keys, code])
    features = [
        as_numbers(
            frame[name],
            name,
            "Encode it first, or name it in 'by' or 'sort'.",
        )
        for name in names
    ]
    data = columns_as_matrix(features, order)
    return data, as_offsets(np.bincount(code)), tuple(map(str, names))


def count_by_first_row(code):
    """Return one integer per row that counts the sequences.

    Parameters
    ----------
    code : ndarray of int, shape (n_rows,)
        Equal for the rows of one sequence.

    Returns
    -------
    rank : ndarray of intp, shape (n_rows,)
        0 for all rows of the sequence whose first row comes first, and so on.
    """
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _key(frame, column):
    """Return a column of ``by`` or ``sort``, which must be complete."""
    values = np.asarray(frame[column])
    if values.dtype.kind == "O":
        missing = [is_missing(value) for value in values]
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


def is_missing(value):
    """Whether a cell of a table is empty: None, NaN, NaT or NA."""
    # pandas.NA and NaT by name, without an import: they have no class in common.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and np.isnan(value))
    )


def as_numbers(values, name, way_out="Encode it first."):
    """Return a column of a DataFrame as floats.

    Parameters
    ----------
    values : Series (pandas, polars or alike)
        The values of a feature.

    name : str
        Its name, for messages.

    way_out : str, default="Encode it first."
        What to do if it is not numeric, for messages.

    Returns
    -------
    values : ndarray of float32 or float64, shape (n_rows,)
        Missing values are NaN.

    Raises
    ------
    ValueError
        If the column is not numeric.
    """
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
            f"Column {name!r} is not numeric: {error}. {way_out}"
        ) from error
