"""Columnar arrays: awkward and Arrow, whose nested lists are offsets and values too.

A `stack_` function reads an array and returns data, offsets and names, an `as_`
function makes one of a SequenceArray. A step is a list of numbers, a record of them
with a name for each, or one number.
"""

import numpy as np

from ._columns import as_names, columns_as_matrix, float_dtype
from ._peers import import_peer, names_of, package_of
from ._stacking import as_offsets, place_of


def raise_missing_sample(missing):  # (n,) bool, which ones are
    """Raise for sequences that are null; name the first of them."""
    raise ValueError(
        f"Sample {int(np.argmax(missing))} is missing (null). Drop such samples "
        "together with their targets; a sequence of no steps is an empty list."
    )


def _rows_as_matrix(
    values,  # numbers of all steps
    row_lengths,  # how many each step has, -1 for one that is null
    lengths,  # steps of each sequence
    size=None,  # how many numbers each step has, where its type says it
):
    """Steps that are lists of numbers as a matrix."""
    present = row_lengths >= 0
    if size is not None:
        return _fill_missing(values.reshape(present.sum(), size), present)
    if not present.any():
        raise ValueError(
            "No step is there to tell the number of features. Give the inner lists a "
            "fixed size."
        )
    row = int(np.argmax(present))
    F = int(row_lengths[row])
    differ = present & (row_lengths != F)
    if differ.any():
        other = int(np.argmax(differ))
        raise ValueError(
            f"{_name_of(other, lengths)} has {row_lengths[other]} features, but {F} "
            f"are expected as in {_name_of(row, lengths).lower()}."
        )
    return _fill_missing(values.reshape(present.sum(), F), present)


def _fill_missing(rows, present):
    """Put rows where they are present, and NaN elsewhere."""
    if present.all():
        return rows
    data = np.full((len(present), rows.shape[1]), np.nan, float_dtype(rows.dtype))
    data[present] = rows
    return data


def _name_of(row, lengths):
    sample, step = place_of(row, as_offsets(lengths))
    return f"Sample {sample}, step {step}"


def _finish(data, lengths, names):
    if data.ndim == 1:
        data = data[:, np.newaxis]
    data = np.require(data, float_dtype(data.dtype), ["C", "A"])
    return data, as_offsets(lengths), names and as_names(names)


# ---- awkward -------------------------------------------------------------------------


def stack_awkward(X):
    """Data, offsets and names of an awkward array."""
    if package_of(X) != "awkward" or not hasattr(X, "layout"):
        raise TypeError(f"Expected an awkward.Array, got {type(X).__name__}.")
    ak = import_peer("awkward", "from_awkward")
    X = ak.to_backend(X, "cpu")
    if X.ndim not in (2, 3) or (X.ndim == 3 and ak.fields(X)):
        way_out = ""
        if X.ndim == 1 and ak.fields(X):
            way_out = (
                " Records of lists become lists of records by "
                "ak.zip(dict(zip(ak.fields(X), ak.unzip(X))))."
            )
        raise ValueError(
            "Expected an array of type n * var * n_features * float, n * var * "
            "{name: float, ...} or, of univariate sequences, n * var * float; got "
            f"{X.type}.{way_out}"
        )
    missing = ak.to_numpy(ak.is_none(X))
    if missing.any():
        raise_missing_sample(missing)
    lengths = ak.to_numpy(ak.num(X, axis=1))
    steps, names = ak.flatten(X, axis=1), None
    if ak.fields(steps):
        if not ak.is_tuple(steps):
            names = tuple(ak.fields(steps))
        data = columns_as_matrix(
            [
                _awkward_numbers(ak, steps[field], f"The values of field {field!r}")
                for field in ak.fields(steps)
            ]
        )
    elif steps.ndim == 2:
        row_lengths = ak.to_numpy(ak.fill_none(ak.num(steps, axis=1), -1))
        values = _awkward_numbers(ak, ak.flatten(steps, axis=1))
        size = _regular_size(ak, steps)
        data = _rows_as_matrix(values, row_lengths, lengths, size)
    else:
        data = _awkward_numbers(ak, steps)
    return _finish(data, lengths, names)


def _regular_size(ak, steps):
    """The size of steps whose type says it, else None."""
    kind = steps.type.content
    while isinstance(kind, ak.types.OptionType):
        kind = kind.content
    return kind.size if isinstance(kind, ak.types.RegularType) else None


def _awkward_numbers(ak, values, what="The values"):
    """Return a flat awkward array as numbers, nulls as NaN."""
    try:
        numbers = ak.to_numpy(values, allow_missing=True)
    except (TypeError, ValueError):  # unions
        numbers = np.empty(0, dtype=object)
    if numbers.ndim != 1 or numbers.dtype.kind not in "biuf":
        raise ValueError(f"{what} are not numbers, but of type {values.type.content}.")
    if isinstance(numbers, np.ma.MaskedArray):
        numbers = numbers.astype(float_dtype(numbers.dtype)).filled(np.nan)
    return numbers


def as_awkward(sequences):
    """Return the sequences as :meth:`SequenceArray.to_awkward` does."""
    ak = import_peer("awkward", "to_awkward")
    contents, data = ak.contents, sequences.data
    if sequences.feature_names is None:
        steps = contents.RegularArray(
            contents.NumpyArray(data.reshape(-1)), data.shape[1], len(data)
        )
    else:
        names = names_of(sequences)
        columns = [contents.NumpyArray(c) for c in np.array(data.T, order="C")]
        steps = contents.RecordArray(columns, names, len(data))
    offsets = ak.index.Index64(sequences.offsets.astype(np.int64, copy=False))
    return ak.Array(contents.ListOffsetArray(offsets, steps))


# ---- arrow ---------------------------------------------------------------------------


def stack_arrow(X):
    """Data, offsets and names of an Arrow array of lists, or what exports one."""
    if not (hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")):
        raise TypeError(
            "Expected a pyarrow Array or ChunkedArray of lists, or an object that "
            f"exports one (polars.Series), got {type(X).__name__}."
        )
    pa = import_peer("pyarrow", "from_arrow")
    pc = import_peer("pyarrow.compute", "from_arrow")
    if not isinstance(X, (pa.Array, pa.ChunkedArray)):
        stream = hasattr(X, "__arrow_c_stream__")
        X = pa.chunked_array(X) if stream else pa.array(X)
    if not _is_list(X.type):
        way_out = ""
        if pa.types.is_struct(X.type):
            way_out = " A table with a list in each cell goes through from_nested."
        raise ValueError(
            "Expected an array of lists of steps, each of them a list of numbers, a "
            f"struct of numbers or a number; got {X.type}.{way_out}"
        )
    if X.null_count:
        raise_missing_sample(np.asarray(X.is_null()))
    lengths = np.asarray(pc.list_value_length(X)).astype(np.intp)
    # flatten, and not values, knows where a slice begins
    steps = [X] if isinstance(X, pa.Array) else X.chunks
    steps = [chunk.flatten() for chunk in steps or [pa.array([], X.type)]]
    steps = steps[0] if len(steps) == 1 else pa.concat_arrays(steps)

    names = None
    if pa.types.is_struct(steps.type):
        names = tuple(field.name for field in steps.type)
        if not names:
            raise ValueError("The struct has no fields, which are the features.")
        data = columns_as_matrix(
            [
                _arrow_numbers(pa, column, f"The values of field {name!r}")
                for name, column in zip(names, steps.flatten(), strict=True)
            ]
        )
    elif _is_list(steps.type):
        row_lengths = np.asarray(pc.list_value_length(steps).fill_null(-1))
        values = _arrow_numbers(pa, steps.flatten())
        is_fixed = pa.types.is_fixed_size_list(steps.type)
        size = steps.type.list_size if is_fixed else None
        data = _rows_as_matrix(values, row_lengths, lengths, size)
    else:
        data = _arrow_numbers(pa, steps)
    return _finish(data, lengths, names)


def _is_list(kind):
    # lists of any length and of fixed size, with offsets of 32 and 64 bits, and views
    return hasattr(kind, "value_field")


def _arrow_numbers(pa, values, what="The values"):
    """Return a flat Arrow array as numbers, nulls as NaN."""
    kind, types = values.type, pa.types
    if types.is_boolean(kind) or types.is_decimal(kind) or types.is_null(kind):
        values = values.cast(pa.float64())
    elif not (types.is_integer(kind) or types.is_floating(kind)):
        raise ValueError(f"{what} are not numbers, but of type {kind}.")
    # integers with nulls come as float64, and nulls as NaN
    return values.to_numpy(zero_copy_only=False)


def as_arrow(sequences):
    """Return the sequences as :meth:`SequenceArray.to_arrow` does."""
    pa = import_peer("pyarrow", "to_arrow")
    data = sequences.data
    if sequences.feature_names is None:
        values = pa.array(data.reshape(-1))
        steps = pa.FixedSizeListArray.from_arrays(values, data.shape[1])
    else:
        names = names_of(sequences)
        columns = [pa.array(column) for column in np.array(data.T, order="C")]
        steps = pa.StructArray.from_arrays(columns, names)
    offsets = pa.array(sequences.offsets.astype(np.int64, copy=False))
    return pa.LargeListArray.from_arrays(offsets, steps)
