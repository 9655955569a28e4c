"""Categories of the columns of tables, and their ids: what "from_dtype" finds."""

import numpy as np

from ..sequences._columns import is_frame
from ..sequences._peers import package_of


def coded(X, categories=None):
    """Tables whose categorical columns hold ids, and the categories of each.

    `categories` are those of a fit, by the number of the column: ids count them from 1
    on, and others are 0. None takes those of X.
    """
    frames = _frames(X)
    if categories is None:
        categories = _found(frames)
    return [
        with_ids(frame, categories, f"sample {i}") for i, frame in enumerate(frames)
    ], categories


def _frames(X):
    is_list = isinstance(X, (list, tuple))
    if is_list or (isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object):
        frames = list(X)
        if frames and all(map(is_frame, frames)):
            return frames
    found = type(X).__name__
    if is_list and X:
        odd = next((x for x in X if not is_frame(x)), None)
        found = f"a {found} that holds {type(odd).__name__}"
    raise ValueError(
        "categorical_features='from_dtype' needs X as a list of DataFrames, one a "
        f"sequence, whose columns have a dtype; got {found}. In any other "
        "form sequences are numbers: encode the categories as 1, 2, ..., and pass the "
        "names or indices of their columns."
    )


def _found(frames):
    """Categories, each once: as pandas or an Enum has them, else in sorted order."""
    n_columns = min(len(frame.columns) for frame in frames)
    categories = {}
    for j in range(n_columns):
        columns = [_column(frame, j) for frame in frames]
        if not any(map(_is_categorical, columns)):
            continue
        known = {}
        for column in filter(_is_categorical, columns):
            known |= dict.fromkeys(_declared(column))
        if not _is_ordered(columns[0]):
            known = sorted(known)
        categories[j] = tuple(known)
    if not categories:
        raise ValueError(
            "categorical_features='from_dtype', but no column of X has a categorical "
            f"dtype: {', '.join(f'{n} {t}' for n, t in _dtypes(frames[0]))}. In pandas "
            "frame.astype({name: 'category'}) makes one."
        )
    return categories


def with_ids(frame, categories, where):
    """A table with ids in its categorical columns, missing values as NaN."""
    for j, known in categories.items():
        if j >= len(frame.columns):
            continue  # what reads the table says that it has too few
        column = _column(frame, j)
        if not _is_categorical(column):
            raise ValueError(
                f"Column {frame.columns[j]!r} of {where} has dtype {column.dtype}, but "
                "a categorical one in fit, with categorical_features='from_dtype'. In "
                "pandas frame.astype({name: 'category'}) makes one."
            )
        ids = {value: k for k, value in enumerate(known, 1)}
        values = column.to_list()
        values = [
            ids.get(value, 0) if is_there else np.nan
            for value, is_there in zip(values, ~np.asarray(_is_missing(column)))
        ]
        values = np.array(values, dtype=np.float64)
        if package_of(frame) == "pandas":
            frame = frame.copy(deep=False)
            frame.isetitem(j, values)
        else:
            frame = frame.with_columns(type(column)(frame.columns[j], values))
    return frame


def _column(frame, j):
    if package_of(frame) == "pandas":
        return frame.iloc[:, j]
    return frame.get_columns()[j]


def _dtypes(frame):
    return zip(frame.columns, frame.dtypes)


def _kind(column):
    return str(column.dtype).partition("(")[0]


def _is_categorical(column):
    return _kind(column) in ("category", "Categorical", "Enum")


def _is_ordered(column):
    """Whether its categories come in an order of their own."""
    return _kind(column) in ("category", "Enum")


def _is_missing(column):
    return column.isna() if _kind(column) == "category" else column.is_null()


def _declared(column):
    """Categories of a column; a Categorical of polars shares a list with others, of
    which those count that it has."""
    if _kind(column) == "category":
        return column.cat.categories.tolist()
    if _kind(column) == "Enum":
        return column.dtype.categories.to_list()
    return column.drop_nulls().unique().to_list()
