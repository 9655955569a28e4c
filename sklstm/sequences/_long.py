"""Long tables: one row per step, and a column that says which sequence it is of."""

from collections.abc import Hashable, Iterable

import numpy as np

from ._columns import as_numbers, columns_as_matrix, doubled, is_missing
from ._foreign import DATES, refuse_foreign
from ._keys import as_objects
from ._peers import package_of
from ._stacking import as_offsets


def stack_long(
    frame,  # needs `columns` and `frame[column]`
    by,  # columns that name the sequence
    sort,  # columns that order the steps of a sequence, or None
):
    """Data, offsets and names of a long table, sequence by sequence."""
    if package_of(frame) == "xarray":
        raise TypeError(
            f"The table is an xarray.{type(frame).__name__}. Pass "
            "x.to_dataframe().reset_index()."
        )
    refuse_foreign(frame, "The table")
    if not hasattr(frame, "columns") or not hasattr(frame, "__getitem__"):
        raise TypeError(
            f"Expected a pandas or polars DataFrame, got {type(frame).__name__}. "
            "Columns in another form become one by pandas.DataFrame(...)."
        )
    columns = list(frame.columns)
    by, sort = _names(by, "by"), [] if sort is None else _names(sort, "sort")
    if not by:
        raise ValueError("'by' needs at least one column that names the sequence.")
    index = getattr(getattr(frame, "index", None), "names", ())
    for i, j, column in doubled(map(str, columns)):
        raise ValueError(
            f"Columns {i} and {j} of the table are both named {column!r}. Rename or "
            "drop one of them."
        )
    asked = [*by, *sort]
    for j, column in enumerate(asked):
        if isinstance(column, bool) or column not in columns:
            hint = ""
            if column is not None and column in index:
                hint = " It is a level of the index: use frame.reset_index()."
            raise ValueError(
                f"No column {column!r} among the columns {columns}. 'by' and 'sort' "
                f"are names of columns.{hint}"
            )
        if column in asked[:j]:
            raise ValueError(
                f"Column {column!r} comes twice in by={by} and sort={sort}. Name it "
                "once."
            )
    names = [column for column in columns if column not in asked]
    if not names:
        raise ValueError(
            f"No feature column is left beside by={by} and sort={sort} of {columns}."
        )

    code = np.zeros(len(frame), dtype=np.intp)
    for column in by:
        levels, inverse = _levels(frame, column)
        code = np.unique(code * len(levels) + inverse, return_inverse=True)[1]
    code = count_by_first_row(code)

    # lexsort is stable and takes its last key first.
    keys = [_levels(frame, column)[1] for column in reversed(sort)]
    order = np.lexsort([*keys, code])
    way_out = f"Encode it first, or name it in 'by' or 'sort'. {DATES}"
    features = [as_numbers(frame[name], name, way_out) for name in names]
    data = columns_as_matrix(features, order)
    offsets = as_offsets(np.bincount(code))
    first = order[offsets[:-1]]  # a row of each sequence
    ids = [_key(frame, column)[first] for column in by]
    ids = (
        ids[0] if len(ids) == 1 else as_objects(list(zip(*map(np.ndarray.tolist, ids))))
    )
    times = _key(frame, sort[0])[order] if len(sort) == 1 else None
    return data, offsets, tuple(map(str, names)), None, ids, times


def count_by_first_row(code):  # (n_rows,)
    """Codes, equal in one sequence, as its number in the order of first rows."""
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _names(names, parameter):
    """Return one name or several as a list."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        return [names]
    if hasattr(names, "iloc"):
        raise TypeError(
            f"{parameter!r} is a {type(names).__name__}; expected a name of a column "
            "or a list of names."
        )
    return list(names)


def _levels(frame, column):
    """Distinct values of a column in their order, and the place of each row's."""
    values = _key(frame, column)
    try:
        # lists have an order, but are no keys, as in pandas
        if not all(issubclass(kind, Hashable) for kind in set(map(type, values))):
            raise TypeError("unhashable")
        return np.unique(values, return_inverse=True)
    except TypeError as error:
        kinds = [type(value).__name__ for value in values.tolist()]
        rows = sorted({kinds.index(kind) for kind in kinds})[:2]
        cells = ", ".join(f"{values[r]!r} ({kinds[r]}) in row {r}" for r in rows)
        raise ValueError(
            f"Column {column!r} has values that cannot be compared: {cells}. Make "
            f"them of one type, in pandas by frame[{column!r}].astype(str)."
        ) from error


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
