"""Numbers out of arrays, columns and frames of any package, missing values as NaN."""

import numpy as np

from ._foreign import DATES, raise_not_numeric, refuse_foreign, refuse_masked
from ._peers import package_of

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(*dtypes):
    """The float type for data of these types: float32 of float32, else float64."""
    common = np.result_type(*dtypes)
    return common if common in FLOATS else FLOATS[1]


def as_names(columns):
    """Columns as names of features; None unless each is text of its own."""
    names = tuple(columns)
    are_names = all(isinstance(name, str) for name in names)
    return names if are_names and len(set(names)) == len(names) else None


def doubled(names):
    """Places and name of each that has been there before."""
    first = {}
    for j, name in enumerate(names):
        i = first.setdefault(name, j)
        if i < j:
            yield i, j, name


def columns_as_matrix(
    columns,  # list of (n_rows,)
    order=slice(None),  # the row of the columns for each row of the matrix
):
    """Columns as one C-contiguous matrix of float32, if all columns are, or float64."""
    dtype = float_dtype(*(column.dtype for column in columns))
    data = np.empty((len(columns[0]), len(columns)), dtype)
    for j, column in enumerate(columns):
        data[:, j] = column[order]
    return data


def is_missing(value):
    """Whether a cell of a table is empty: None, NaN, NaT or NA."""
    # pandas.NA and NaT by name, without an import: they have no class in common.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and np.isnan(value))
    )


def objects_as_floats(array):
    """An array of objects as float64, missing ones as NaN; errors name the place."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        missing = [is_missing(value) for value in array.flat]
        missing = np.array(missing, dtype=bool).reshape(array.shape)
    if missing.any():
        array = np.where(missing, np.nan, array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        places = (p for p, value in np.ndenumerate(array) if not _is_number(value))
        place = ", ".join(map(str, next(places, ())))
        raise type(error)(f"{error}, at [{place}]") from error


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def as_numbers(
    values,  # Series of pandas, polars or alike
    name,
    way_out=f"Encode it first. {DATES}",
):
    """A column of a DataFrame as float32 or float64, missing values as NaN."""
    try:
        return _column_as_floats(values)
    except (TypeError, ValueError) as error:
        kind = getattr(values, "type", type(values).__name__)  # of pyarrow
        kind = getattr(values, "dtype", kind)
        reason = f" ({error})" if str(error) else ""
        raise ValueError(
            f"Column {name!r} is not numeric: its type is {kind}{reason}. {way_out}"
        ) from error


def _column_as_floats(values):
    package = package_of(values)
    if package == "pandas":  # nullable types know their own way to NaN
        dtype = values.dtype
        if getattr(dtype, "kind", "O") not in "biufO":
            raise TypeError
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            return objects_as_floats(values.to_numpy())
        dtype = getattr(dtype, "subtype", dtype)  # of a sparse column
        single = dtype.kind == "f" and dtype.itemsize == 4
        target = np.float32 if single else np.float64
        return values.to_numpy(dtype=target, na_value=np.nan)
    if package == "polars":
        kind = str(values.dtype).partition("(")[0]
        if not (values.dtype.is_numeric() or kind in ("Boolean", "Null")):
            raise TypeError
        if not values.dtype.is_float():
            from polars import Float64

            values = values.cast(Float64)
        values = values.to_numpy()
    if package == "pyarrow" and "string" in str(values.type):
        raise TypeError
    values = np.asarray(values)
    if values.dtype.kind == "O":
        return objects_as_floats(values)
    if values.dtype.kind not in "biuf":
        raise TypeError
    return values.astype(float_dtype(values.dtype), copy=False)


def is_frame(X):
    """Whether X is a DataFrame of pandas or polars."""
    return package_of(X) in ("pandas", "polars") and hasattr(X, "columns")


def frame_as_matrix(
    frame,
    what,  # what it is, for messages
    way_out=(
        "Encode it, or leave it out. TimeDistributed(ColumnTransformer(...)) of "
        f"sklstm.preprocessing takes such tables in a list and encodes them. {DATES}"
    ),
):
    """A DataFrame of pandas or polars as a matrix, missing values as NaN."""
    if hasattr(frame, "iloc"):
        quick = all(isinstance(t, np.dtype) and t.kind in "biuf" for t in frame.dtypes)
        columns = [] if quick else [frame.iloc[:, j] for j in range(frame.shape[1])]
    else:
        # to_numpy makes float32 of small integers with nulls, float64 of others
        quick = all(kind.is_float() for kind in frame.dtypes)
        columns = [] if quick else frame.get_columns()
    if quick:
        matrix = np.asarray(frame.to_numpy())
        if matrix.ndim == 2 and matrix.dtype.kind in "biuf":
            return matrix
        return np.zeros((len(frame), 0))
    names = list(frame.columns)
    try:
        return columns_as_matrix(
            [as_numbers(c, n, way_out) for c, n in zip(columns, names, strict=True)]
        )
    except ValueError as error:
        raise ValueError(f"{what} holds other things than numbers. {error}") from error


def read_numbers(
    X,
    what,  # what it is, for messages
    axes,  # the shape expected, for messages
):
    """An array-like as real numbers, of any shape, missing values as NaN."""
    if type(X) is not np.ndarray:
        refuse_foreign(X, what, axes)
        if is_frame(X):
            return frame_as_matrix(X, what)
        if package_of(X) in ("pandas", "polars"):
            return _series_as_numbers(X, what)
        refuse_rows(X, what)
        try:
            X = np.asarray(X)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{what} cannot be read as an array of shape {axes}: {error} Every "
                "step needs the same number of features."
            ) from error
    if X.dtype.kind == "O":
        try:
            return objects_as_floats(X)
        except OverflowError as error:
            raise ValueError(f"{what} holds a number too large: {error}") from error
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{what} holds values that are not numbers or is ragged: {error}. "
                "Every step must be a number or the same number of numbers."
            ) from error
    if X.dtype.kind not in "biuf":
        raise_not_numeric(X, what)
    return X


def real_array(name, value):
    """Finite numbers as an array of float32 or float64; errors name them."""
    if hasattr(value, "detach"):  # a tensor of PyTorch, perhaps on another device
        value = value.detach().cpu()
    refuse_masked(value, name)
    refuse_foreign(value, name)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be read as an array: {error}. Convert it to float32 or "
            "float64 first."
        ) from error
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} holds {array.dtype}, not real numbers. Pass an array or a tensor "
            "of float32 or float64."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity.")
    return array.astype(np.result_type(array.dtype, np.float32))


def _series_as_numbers(values, what):
    """Return a Series or an Index of numbers, or one of arrays of one length."""
    try:
        return _column_as_floats(values)
    except (TypeError, ValueError) as error:
        kind = getattr(values, "dtype", "")
        raise ValueError(
            f"{what} is a {type(values).__name__} that is not numeric (dtype {kind})."
            f" {error}".rstrip()
        ) from error


def refuse_rows(X, what):
    """Raise for a list of masked arrays and alike, which numpy joins as they are."""
    if isinstance(X, (list, tuple)):
        what = what.replace("Sample", "sample")
        for row in {type(row): row for row in X}.values():
            if not isinstance(row, (int, float, list, tuple)):
                refuse_foreign(row, f"A row of {what}")
