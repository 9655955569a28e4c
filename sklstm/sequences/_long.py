"""Long tables: one row per step, and a column that says which sequence it is of.

Tables of all packages come as narwhals has them. Rows are grouped by hash and put in
order by counting, so that ids are never compared with each other.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ._columns import as_numbers, columns_as_matrix, doubled, is_missing
from ._foreign import DATES, refuse_foreign
from ._keys import as_objects, plain_keys
from ._peers import import_peer, package_of
from ._stacking import as_offsets


class Column(NamedTuple):
    """A column of a table."""

    name: Any  # in pandas of any type
    series: Any  # of narwhals


class Rows(NamedTuple):
    """Which row of a table is which step of which sequence."""

    code: np.ndarray  # (n_rows,) number of the sequence
    first: np.ndarray  # (n,) first row of each sequence
    order: np.ndarray  # (n_rows,) the row of each step
    offsets: np.ndarray  # (n + 1,)


def stack_long(frame, by, sort, columns, target, groups, target_at, duplicates):
    """Parts of a SequenceArray, then targets and groups or None."""
    _check_options(target, target_at, duplicates)
    given = {"by": by, "sort": sort, "target": target, "groups": groups}
    features, roles = _read(frame, given, columns)
    by, sort = roles["by"], roles["sort"]
    for column in (*by, *sort):
        _refuse_missing(column)
    code, first = _grouped(by)
    for column in by:
        if len(set(map(type, column.series[first].to_list()))) > 1:
            _sorted_places(column, first)
    keys = [_sort_key(column) for column in sort]
    order = _order(code, len(first), keys)
    offsets = as_offsets(np.bincount(code, minlength=len(first)))
    rows = Rows(code, first, order, offsets)
    if keys and duplicates == "error":
        _refuse_duplicates(by, sort, keys, rows)

    way_out = _way_out(by)
    numbers = [as_numbers(x.series.to_native(), x.name, way_out) for x in features]
    data = columns_as_matrix(numbers)
    if (order[1:] < order[:-1]).any():
        data = data.take(order, axis=0)  # rows of a matrix, not columns one by one
    names = tuple(str(column.name) for column in features)
    ids = _values(by[0].series[first]) if len(by) == 1 else as_objects(_ids(by, first))
    times = _values(sort[0].series)[order] if len(sort) == 1 else None
    return (
        (data, offsets, names, None, ids, times),
        _belonging(roles["target"], "target", target_at, by, rows),
        _belonging(roles["groups"], "groups", "sequence", by, rows),
    )


def count_by_first_row(code):  # (n_rows,)
    """Codes, equal in one sequence, as its number in the order of first rows."""
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


# ---- the columns that are asked for --------------------------------------------------


def _check_options(target, target_at, duplicates):
    for name, value, known in (
        ("target_at", target_at, ("sequence", "step")),
        ("duplicates", duplicates, ("error", "keep")),
    ):
        if not (isinstance(value, str) and value in known):
            raise ValueError(
                f"{name} must be {known[0]!r} or {known[1]!r}, got {value!r}."
            )
    if target is None and target_at == "step":
        raise ValueError("target_at='step' has no effect without target.")


def _read(frame, given, columns):
    """The columns that are features, and those of each role."""
    table, known, levels = _open(frame)
    roles = {
        role: [] if names is None and role != "by" else _names(names, role)
        for role, names in given.items()
    }
    by, sort = roles["by"], roles["sort"]
    if not by:
        raise ValueError("'by' needs at least one column that names the sequence.")
    if len(roles["groups"]) > 1:
        raise ValueError(
            f"'groups' is one column, got {roles['groups']}. Join them to one, in "
            "pandas by frame.groupby([...]).ngroup()."
        )
    asked = [*by, *sort]
    for column in (*asked, *roles["target"], *roles["groups"]):
        _refuse_unknown(column, known, levels)
    for j, column in enumerate(asked):
        if column in asked[:j]:
            raise ValueError(
                f"Column {column!r} comes twice in by={by} and sort={sort}. Name it "
                "once."
            )
    if columns is None:
        taken = [*asked, *roles["target"], *roles["groups"]]
        features = [column for column in known if column not in taken]
        if not features:
            beside = "".join(
                f", {r}={roles[r]}" for r in ("target", "groups") if roles[r]
            )
            raise ValueError(
                f"No feature column is left beside by={by} and sort={sort}{beside} of "
                f"{known}."
            )
    else:
        features = _names(columns, "columns")
        if not features:
            raise ValueError("'columns' needs at least one column that is a feature.")
        for j, column in enumerate(features):
            _refuse_unknown(column, known, levels)
            if column in features[:j]:
                raise ValueError(
                    f"Column {column!r} comes twice in columns={features}."
                )
    roles = {"features": features, **roles}
    wanted = dict.fromkeys(str(name) for names in roles.values() for name in names)
    table = table.select(*wanted)
    if hasattr(table, "collect"):
        table = _collected(table)
    columns = {
        role: [Column(name, table.get_column(str(name))) for name in names]
        for role, names in roles.items()
    }
    return columns.pop("features"), columns


def _open(frame):
    """A table as narwhals has it, names of its columns, and those of its index."""
    import narwhals.stable.v2 as nw

    kind, package = type(frame).__name__, package_of(frame)
    if package == "xarray":
        raise TypeError(
            f"The table is an xarray.{kind}. Pass x.to_dataframe().reset_index()."
        )
    names, levels = None, ()
    if package == "pyarrow" and kind in ("Table", "RecordBatch"):
        names = list(frame.column_names)
        frame = _with_plain_text(frame)
    is_pandas = package == "pandas" and hasattr(frame, "iloc")
    if is_pandas and hasattr(frame, "columns"):
        names, levels = list(frame.columns), list(frame.index.names)
    for i, j, name in doubled(map(str, names or ())):
        raise ValueError(
            f"Columns {i} and {j} of the table are both named {name!r}. Rename or "
            "drop one of them."
        )
    if is_pandas and names is not None:
        # narwhals knows text as names, and an index may have the name of a column
        frame = frame.set_axis(list(map(str, names)), axis=1).reset_index(drop=True)
    try:
        table = nw.from_native(frame)
    except TypeError:
        refuse_foreign(frame, "The table")
        raise TypeError(
            "Expected a table that narwhals reads, such as a relation of DuckDB, a "
            f"pyarrow.Table or a pandas or polars DataFrame, got {kind}. Columns in "
            "another form become one by pandas.DataFrame(...)."
        ) from None
    return table, names or table.collect_schema().names(), levels


def _with_plain_text(table):
    """A table of pyarrow without views of text, which it cannot take rows of."""
    pa = import_peer("pyarrow", "from_long")
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    for j, field in enumerate(table.schema):
        if str(field.type) == "string_view":
            text = table.column(j).cast(pa.large_string())
            table = table.set_column(j, field.name, text)
    return table


def _collected(table):
    """A lazy table with its values; what is in a database comes through Arrow."""
    try:
        return table.collect()
    except ImportError as error:
        raise ImportError(
            "SequenceArray.from_long reads such a table with pyarrow: pip install "
            "pyarrow"
        ) from error


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


def _refuse_unknown(column, known, levels):
    if not isinstance(column, bool) and column in known:
        return
    hint = ""
    if column is not None and column in levels:
        hint = " It is a level of the index: use frame.reset_index()."
    raise ValueError(
        f"No column {column!r} among the columns {known}. 'by', 'sort', 'columns', "
        f"'target' and 'groups' are names of columns.{hint}"
    )


def _way_out(by):
    """What to do with a feature that is not numeric."""
    names = [column.name for column in by]
    return (
        "Encode it first, name it in 'by', 'sort', 'target' or 'groups', or leave it "
        "out by columns=[...]. To encode it in a pipeline, pass a list of tables "
        "instead: X = [part for _, part in "
        f"frame.groupby({names[0] if len(names) == 1 else names!r}, sort=False)], "
        f"with TimeDistributed(ColumnTransformer(...)) in front. {DATES}"
    )


# ---- rows into sequences -------------------------------------------------------------


def _refuse_missing(column):
    """Raise for a column of ``by`` or ``sort`` that is not complete."""
    missing = missing_in(column.series)
    if missing.any():
        raise ValueError(
            f"Column {column.name!r} has a missing value in row "
            f"{int(np.argmax(missing))}. Drop such rows before building sequences."
        )


def missing_in(series):
    """Which values are None, NaN, NaT or NA."""
    missing = series.is_null().to_numpy()
    if series.dtype.is_float():
        missing = missing | np.isnan(series.to_numpy())
    elif _is_object(series):
        missing = np.array([is_missing(v) for v in series.to_list()], dtype=bool)
    return missing


def _is_object(series):
    """Whether a column holds what only Python knows how to compare."""
    return series.dtype.is_nested() or str(series.dtype) in ("Object", "Unknown")


def _grouped(columns):
    """The number of each row's group in the order of first rows, and these rows."""
    rows = np.arange(len(columns[0].series))
    first = None
    if not any(_is_object(column.series) for column in columns):
        first = _first_rows(columns)
    if first is None:
        keys = [column.series.to_list() for column in columns]
        keys, seen = keys[0] if len(keys) == 1 else zip(*keys, strict=True), {}
        try:
            first = [seen.setdefault(key, row) for row, key in enumerate(keys)]
        except TypeError:  # some cannot be hashed
            for column in columns:
                _refuse_unhashable(column)
            raise
        first = np.array(first, dtype=np.intp)
    is_first = first == rows
    return (is_first.cumsum() - 1)[first], np.flatnonzero(is_first)


def _first_rows(columns):
    """The first row of the group of each row, or None where the package has no way."""
    import narwhals.stable.v2 as nw

    row = "row of " + " ".join(column.series.name for column in columns)
    table = columns[0].series.to_frame()
    table = table.with_columns(*(column.series for column in columns[1:]))
    names = table.columns
    try:
        first = table.with_row_index(row).select(nw.col(row).min().over(*names))
    except (TypeError, ValueError, NotImplementedError):
        # objects that pandas took for text by the first of them, keys unknown to Arrow
        return None
    return first.get_column(row).to_numpy().astype(np.intp)


def _refuse_unhashable(column):
    for value in column.series.to_list():
        try:
            hash(value)
        except TypeError:
            _raise_incomparable(column)


def _raise_incomparable(column):
    values = column.series.to_list()
    kinds = [type(value).__name__ for value in values]
    rows = sorted({kinds.index(kind) for kind in kinds})[:2]
    cells = ", ".join(f"{values[r]!r} ({kinds[r]}) in row {r}" for r in rows)
    raise ValueError(
        f"Column {column.name!r} has values that cannot be compared: {cells}. Make "
        f"them of one type, in pandas by frame[{column.name!r}].astype(str)."
    )


def _sorted_places(column, rows):
    """Places of the values in these rows, each of its own, in ascending order."""
    values = column.series[rows].to_list()
    try:
        return sorted(range(len(values)), key=values.__getitem__)
    except TypeError:
        _raise_incomparable(column)


def _sort_key(column):
    """Numbers or dates that have the order of a column."""
    if not _is_object(column.series):
        values = _values(column.series)
        if values.dtype.kind in "biufMm":
            return values
    code, first = _grouped([column])
    rank = np.empty(len(first), dtype=np.intp)
    rank[_sorted_places(column, first)] = np.arange(len(first))
    return rank[code]


def _order(code, n_groups, keys):
    """Rows by group, in a group by keys, and equal ones as they were."""
    order = np.arange(len(code))
    for key in reversed(keys):
        order = order[key[order].argsort(kind="stable")]
    shape = len(code), max(1, n_groups)
    ones = np.ones(len(code), dtype=bool)
    # counts the rows of each column, which keeps their order
    by_group = csr_array((ones, code[order], np.arange(len(code) + 1)), shape=shape)
    return order[by_group.tocsc().indices]


def _refuse_duplicates(by, sort, keys, rows):
    """Raise where two rows are of the same sequence and the same time."""
    code = rows.code[rows.order]
    same = code[1:] == code[:-1]
    for key in keys:
        key = key[rows.order]
        same &= key[1:] == key[:-1]
    if not same.any():
        return
    i = int(np.argmax(same))
    a, b = rows.order[i : i + 2].tolist()
    n = int(same.sum())
    raise ValueError(
        f"Rows {a} and {b} are both of {_cells(by, a)} at {_cells(sort, a)}: {n} "
        "row(s) of the table repeat the time of another one. Drop or aggregate them, "
        "or name one more column in 'by' or 'sort'. duplicates='keep' keeps them, in "
        "the order of the rows."
    )


def _cells(columns, row):
    return ", ".join(f"{name} {_shown(series[row])}" for name, series in columns)


def _shown(value):
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def _ids(by, first):
    """Tuples of what names each sequence."""
    return list(zip(*(column.series[first].to_list() for column in by), strict=True))


def _values(series):
    """A column as an array; times of a zone are those of UTC."""
    if getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return plain_keys(np.asarray(series.to_numpy()))


# ---- what belongs to sequences -------------------------------------------------------


def _belonging(columns, what, at, by, rows):
    """Targets or groups of all sequences in their order, or of all of their steps."""
    if not columns:
        return None
    read = []
    for column in columns:
        values = _numbers_or_labels(column, what)
        if at == "sequence":
            _refuse_varying(column, what, by, values, rows)
            values = values[rows.first]
        else:
            values = values[rows.order]
        read.append(values)
    read = read[0] if len(read) == 1 else np.column_stack(read)
    if at == "sequence":
        return read
    return as_objects(np.split(read, rows.offsets[1:-1])[: len(rows.first)])


def _numbers_or_labels(column, what):
    """Targets of all rows."""
    series = column.series
    if series.dtype.is_nested():
        raise ValueError(
            f"Column {column.name!r}, in {what!r}, holds {series.dtype}, no value for "
            "each row."
        )
    if series.dtype.is_decimal() or (series.dtype.is_numeric() and series.null_count()):
        return as_numbers(series.to_native(), column.name)
    return _values(series)


def _refuse_varying(column, what, by, values, rows):
    """Raise where a sequence has several values."""
    missing = missing_in(column.series)
    head = rows.first[rows.code]  # the first row of each row's sequence
    both = ~missing & ~missing[head]
    differ = missing != missing[head]
    differ[both] = values[both] != values[head[both]]
    if not differ.any():
        return
    row = int(np.argmax(differ))
    first = int(head[row])
    way_out = "A sequence belongs to one group."
    if what == "target":
        way_out = (
            "target_at='step' makes it the target of every step, for LSTMTagger and "
            "LSTMStepRegressor. For one target of a sequence, choose it first, in "
            f"pandas by frame.groupby({by[0].name!r})[{column.name!r}]"
            ".transform('last')."
        )
    raise ValueError(
        f"Column {column.name!r}, in {what!r}, varies within {_cells(by, first)}: row "
        f"{first} has {_shown(column.series[first])}, row {row} has "
        f"{_shown(column.series[row])}. "
        f"{way_out}"
    )
