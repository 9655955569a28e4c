"""Tables of other packages: by index of instance and time, long, and nested.

A `stack_` function reads a table and returns data, offsets and names, an `as_` function
makes one of a SequenceArray. Long tables are read in `_long.py`.
"""

import numpy as np

from ._columnar import raise_missing_sample, stack_arrow
from ._columns import as_names, as_numbers, columns_as_matrix, doubled, is_missing
from ._foreign import refuse_masked
from ._keys import frozen
from ._long import count_by_first_row
from ._peers import columns_of, import_peer, package_of
from ._stacking import as_offsets, stack_items

# ---- sktime --------------------------------------------------------------------------


def stack_sktime(frame):
    """Data, offsets and names of a DataFrame with an index of instance and time."""
    index = getattr(frame, "index", None)
    if not hasattr(frame, "columns") or index is None:
        raise TypeError(
            "Expected what sktime calls pd-multiindex, a pandas DataFrame with an "
            f"index of instance and time, got {type(frame).__name__}. Its numpy3D goes "
            "through SequenceArray.from_aeon, its df-list through from_list, its "
            "nested_univ through from_nested."
        )
    if index.nlevels != 2:
        raise ValueError(
            f"The index has {index.nlevels} level(s), {list(index.names)}, but two are "
            "expected: instance and time. A long table with columns for them goes "
            "through SequenceArray.from_long, one with a list in each cell "
            "(nested_univ) through from_nested."
        )
    codes = [np.asarray(c) for c in index.codes]
    for level, code in enumerate(codes):
        if (code < 0).any():
            raise ValueError(
                f"Level {level} of the index has a missing value in row "
                f"{int(np.argmax(code < 0))}."
            )
    names = list(frame.columns)
    if not names:
        raise ValueError("The DataFrame has no columns, which are the features.")
    rank = count_by_first_row(codes[0])
    order = np.argsort(rank, kind="stable")
    offsets = as_offsets(np.bincount(rank))

    time = np.asarray(index.get_level_values(1))[order]
    same = np.diff(rank[order]) == 0
    falls = np.flatnonzero(same & np.asarray(time[1:] < time[:-1], dtype=bool))
    if len(falls):
        row = int(order[falls[0] + 1])
        instance, when = index[[row]].tolist()[0]
        raise ValueError(
            f"Time falls within instance {instance!r}: row {row} has {when!r} behind a "
            "later one. Use frame.sort_index()."
        )
    # by position, because a name may come twice
    features = [as_numbers(frame.iloc[:, j], name) for j, name in enumerate(names)]
    data = columns_as_matrix(features, order)
    ids, times = (_of_one_zone(index.get_level_values(k)) for k in (0, 1))
    ids, times = np.asarray(ids)[order[offsets[:-1]]], np.asarray(times)[order]
    return data, offsets, as_names(names), None, frozen(ids), frozen(times)


def _of_one_zone(index):
    """An index of dates of a time zone as those of UTC."""
    if getattr(index, "tz", None) is None:
        return index
    return index.tz_convert("UTC").tz_localize(None)


def refuse_no_steps(sequences, method):
    """Raise if a sequence has no steps, for which a long table has no row."""
    empty = sequences.lengths == 0
    if empty.any():
        raise ValueError(
            f"Sample {int(np.argmax(empty))} has no steps, and a table with one row "
            f"per step has no place for it. Use X[X.lengths > 0].{method}(), or a "
            "nested table: X.to_nested()."
        )


def _rows(
    sequences,
    ids=None,  # None: those of the sequences
):
    """The id and the time of each row, counted from 0 where there are none."""
    lengths, what, way_out = sequences.lengths, "ids", ""
    if ids is None and sequences._ids is not None:
        ids, what = sequences.ids, "X.ids"
        way_out = " Rename them, or count the sequences: ids=range(len(X))."
    elif ids is not None:
        refuse_masked(ids, "ids")
        ids = np.asarray(ids)
        if ids.shape != (len(sequences),):
            raise ValueError(
                f"ids must be {len(sequences)} values, one for each sequence; got "
                f"shape {ids.shape}."
            )
    if ids is not None:
        for _, _, twice in doubled(ids.tolist()):
            raise ValueError(f"{what} has {twice!r} more than once.{way_out}")
    number = np.repeat(np.arange(len(lengths)), lengths)
    times = sequences.times
    if times is None:
        times = np.arange(len(number)) - sequences._offsets[number]
    return number if ids is None else ids[number], times


def as_sktime(sequences):
    """Return the sequences as :meth:`SequenceArray.to_sktime` does."""
    pd = import_peer("pandas", "to_sktime")
    refuse_no_steps(sequences, "to_sktime")
    index = pd.MultiIndex.from_arrays(
        _rows(sequences), names=["instances", "timepoints"]
    )
    columns = sequences.feature_names
    return pd.DataFrame(
        sequences.data.copy(),
        index=index,
        columns=None if columns is None else list(columns),
    )


# ---- long and nested tables ----------------------------------------------------------


def as_long(sequences, by, step, ids, library):
    """Return the sequences as :meth:`SequenceArray.to_long` does."""
    frames = import_peer(_known_library(library), "to_long")
    refuse_no_steps(sequences, "to_long")
    features = columns_of(sequences)
    by = [by] if isinstance(by, str) else list(by)
    for column in (*by, step):
        if column in features:
            raise ValueError(
                f"{column!r} is the name of a feature already. Name the columns of "
                "sequence and step otherwise: to_long(by=..., step=...)."
            )
    if step in by:
        raise ValueError(f"by and step are both {step!r}.")
    names, times = _rows(sequences, ids)
    names = [names.tolist() if names.dtype.kind == "O" else names]
    if len(by) > 1:
        names = _parts(names[0], by)
    return frames.DataFrame(
        {**dict(zip(by, names, strict=True)), step: times, **features}
    )


def _parts(ids, by):
    """Ids that are tuples as the columns of their parts."""
    for i in ids:
        if not isinstance(i, tuple) or len(i) != len(by):
            raise ValueError(
                f"by={by} names {len(by)} columns, but the id {i!r} is no tuple of as "
                "many values. Name one column."
            )
    return list(zip(*ids, strict=True))


def _known_library(library):
    if library not in ("pandas", "polars"):
        raise ValueError(f"library must be 'pandas' or 'polars', got {library!r}.")
    return library


def as_nested(sequences, library):
    """Return the sequences as :meth:`SequenceArray.to_nested` does."""
    frames = import_peer(_known_library(library), "to_nested")
    columns = {}
    for name, values in columns_of(sequences).items():
        cells = np.split(values, sequences.offsets[1:-1]) if len(sequences) else []
        if library == "polars":
            kind = frames.List(frames.Series(values[:0]).dtype)
            columns[name] = frames.Series(name, cells, dtype=kind)
        else:
            columns[name] = frames.Series(cells, dtype=object)
    return frames.DataFrame(columns)


def stack_nested(frame, columns):
    """Data, offsets and names of a table, a row per sequence, a list in each cell."""
    if hasattr(frame, "column_names"):  # pyarrow.Table
        names, cells = list(frame.column_names), list(frame.columns)
    elif hasattr(frame, "iloc") and hasattr(frame, "columns"):
        names = list(frame.columns)
        cells = [frame.iloc[:, j] for j in range(len(names))]
    elif hasattr(frame, "get_columns"):  # polars
        names, cells = list(frame.columns), frame.get_columns()
    else:
        raise TypeError(
            "Expected a pandas or polars DataFrame or a pyarrow.Table with a list in "
            f"each cell, got {type(frame).__name__}."
        )
    if columns is not None:
        columns = [columns] if isinstance(columns, str) else list(columns)
        for column in columns:
            if column not in names:
                raise ValueError(f"No column {column!r} among the columns {names}.")
        cells = [cells[names.index(column)] for column in columns]
        names = columns
    if not names:
        raise ValueError("No column is there to be a feature.")
    features, lengths = [], None
    for name, column in zip(names, cells, strict=True):
        try:
            values, column_lengths = _column_of_lists(column)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"Column {name!r}: {error}") from error
        if lengths is None:
            lengths = column_lengths
        differ = lengths != column_lengths
        if differ.any():
            i = int(np.argmax(differ))
            raise ValueError(
                f"Sample {i} has {lengths[i]} steps in column {names[0]!r}, but "
                f"{column_lengths[i]} in column {name!r}."
            )
        features.append(values)
    data = columns_as_matrix(features)
    return data, as_offsets(lengths), as_names(names)


def _column_of_lists(column):
    """The values of a column of lists, one list after the other, and their lengths."""
    package = package_of(column)
    if package == "pyarrow":
        data, offsets, _ = stack_arrow(column)
        if data.shape[1] != 1:
            raise ValueError("holds lists of lists. Use SequenceArray.from_arrow.")
        return data[:, 0], np.diff(offsets)
    if package == "polars":
        return _polars_lists(column)
    values = list(column)
    for i, cell in enumerate(values):
        if np.ndim(cell) == 0:
            what = "is missing" if is_missing(cell) else "is no list"
            raise ValueError(
                f"the cell of sample {i}, {cell!r}, {what}. Name the columns of lists "
                "in columns=[...]; a sequence of no steps is an empty list."
            )
    if not values:
        return np.empty(0), np.empty(0, dtype=np.intp)
    data, offsets, _ = stack_items(values)
    if any(np.ndim(cell) != 1 for cell in values):
        raise ValueError("holds arrays of more than one dimension. Use from_list.")
    return data[:, 0], np.diff(offsets)


def _polars_lists(column):
    if type(column.dtype).__name__ == "Array":
        column = column.arr.to_list()
    if type(column.dtype).__name__ != "List":
        raise ValueError(
            f"holds {column.dtype}, no lists. Name the columns of lists in "
            "columns=[...]."
        )
    inner = column.dtype.inner
    kind = str(inner).partition("(")[0]
    if not (inner.is_numeric() or kind in ("Boolean", "Null")):
        raise ValueError(f"holds lists of {inner}, which are not numbers.")
    if column.null_count():
        raise_missing_sample(column.is_null().to_numpy())
    lengths = column.list.len().to_numpy().astype(np.intp)
    # explode makes a null of an empty list, and some versions warn where not told to
    column = column.filter(lengths > 0)
    try:
        values = column.explode(empty_as_null=True)
    except TypeError:
        values = column.explode()
    if kind in ("Boolean", "Decimal", "Null"):
        values = values.cast(import_peer("polars", "from_nested").Float64)
    return as_numbers(values, column.name), lengths
