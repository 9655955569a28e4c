"""Timestamps of any table as datetime64, as the clocks of their time zone show them."""

from collections.abc import Iterable
from datetime import date, datetime

import numpy as np

from ..sequences._columns import is_missing
from ..sequences._peers import package_of

WAY_OUT = (
    "Make timestamps of them: pandas.to_datetime(...), polars.Series.str.to_datetime() "
    "or numpy.asarray(..., dtype='datetime64[s]')."
)


def as_table(X):
    """X with two dimensions: a DataFrame stays one, a Series with a name becomes it."""
    package = package_of(X)
    if package == "pandas" and not hasattr(X, "columns"):  # a Series or an index
        return X.to_frame(index=False) if hasattr(X, "to_series") else X.to_frame()
    if package == "polars":
        if hasattr(X, "collect"):
            X = X.collect()
        if hasattr(X, "to_frame"):
            return X.to_frame() if X.name else np.asarray(_local(X))[:, np.newaxis]
        return X
    if package == "pyarrow":
        if not hasattr(X, "column_names"):  # an array
            return np.asarray(_local(X))[:, np.newaxis]
        return X
    if not hasattr(X, "shape"):
        if not isinstance(X, Iterable) or isinstance(X, (str, bytes)):
            raise TypeError(
                f"Expected timestamps of shape (n_rows,) or (n_rows, n_columns), got "
                f"{X!r} of type {type(X).__name__}."
            )
        X = np.array(list(X), dtype=object)
    if len(X.shape) not in (1, 2):
        raise ValueError(
            f"Expected timestamps of shape (n_rows,) or (n_rows, n_columns), got shape "
            f"{tuple(X.shape)}."
        )
    return np.reshape(X, (len(X), 1)) if len(X.shape) == 1 else X


def as_timestamps(table, caller):
    """The timestamps (n_rows, n_columns) of a table, in microseconds."""
    names = getattr(table, "column_names", None)  # pyarrow
    if names is None:
        names = getattr(table, "columns", None)
    n_rows, n_columns = table.shape
    if not n_rows or not n_columns:
        raise ValueError(
            f"Found array with {n_rows} sample(s) and {n_columns} feature(s) (shape="
            f"{tuple(table.shape)}) while a minimum of 1 is required by {caller}."
        )
    t = np.empty((n_rows, n_columns), dtype="datetime64[us]")
    for j in range(n_columns):
        where = f"column {j}" if names is None else f"column {names[j]!r}"
        if hasattr(table, "iloc"):
            column = table.iloc[:, j]
        elif hasattr(table, "get_column"):
            column = table.get_column(names[j])
        elif hasattr(table, "column_names"):
            column = table.column(j)
        else:
            column = table[:, j]
        t[:, j] = _numpy(_local(column), where)
    missing = np.isnat(t)
    if missing.any():
        row, j = np.argwhere(missing)[0]
        where = f"column {j}" if names is None else f"column {names[j]!r}"
        raise ValueError(
            f"The timestamp in row {row} of {where} is missing (NaT). Drop such rows, "
            "or give them a time."
        )
    return t


def _local(column):
    """A column without time zone, as clocks show it there; of periods their begins."""
    package = package_of(column)
    if package == "pandas":
        kind = str(column.dtype)
        if kind.startswith("period"):
            return column.dt.to_timestamp()
        if getattr(column.dtype, "tz", None) is not None or "tz=" in kind:
            return column.dt.tz_localize(None)
    if package == "polars" and getattr(column.dtype, "time_zone", None):
        return column.dt.replace_time_zone(None)
    if package == "pyarrow" and getattr(column.type, "tz", None):
        from pyarrow.compute import local_timestamp

        return local_timestamp(column)
    return column


def _numpy(column, where):
    """A column as datetime64[us]."""
    values = np.asarray(column)
    if values.dtype.kind == "M" and np.datetime_data(values.dtype)[0] != "generic":
        return values.astype("datetime64[us]")
    if values.dtype.kind == "O":
        return np.array(
            [_moment(value, row, where) for row, value in enumerate(values)],
            dtype="datetime64[us]",
        )
    raise TypeError(
        f"Expected timestamps, but {where} is of type {column.dtype}. {WAY_OUT}"
    )


def _moment(value, row, where):
    """A timestamp of any type as one that NumPy knows."""
    if is_missing(value):
        return np.datetime64("NaT")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, (date, np.datetime64)):
        return value
    raise TypeError(
        f"Expected timestamps, but row {row} of {where} has {value!r} of type "
        f"{type(value).__name__}. {WAY_OUT}"
    )
