"""Columns of X that are ids of tokens or categories: which, and where rows begin."""

from collections.abc import Mapping
from functools import partial
from numbers import Integral

import numpy as np

from .._kernels import array_dtype
from .._sklearn.warn import warn
from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from ..sequences._columns import real_array
from ..sequences._rows import blocks_of, by_blocks
from ..sequences._stacking import place_of, rows_of_parts

ENCODE = (
    "Ids are integers from 0 on, of which 0 stands for what is not known. Encode "
    "tokens with sklstm.preprocessing.TokenEncoder, and categories with "
    "TimeDistributed(OrdinalEncoder())."
)

# ---- parameters ----------------------------------------------------------------------


def check_tokens(estimator):
    """An error if the parameters of this file are not valid, as far as X is not needed
    for it."""
    asked = estimator._embedding_dim
    if asked is None:
        for name in ("embedding_weights", "categorical_features"):
            if getattr(estimator, name) is not None:
                raise ValueError(
                    f"{name} is given, but with embedding_dim=None all of X is read as "
                    "numbers. Set embedding_dim to the length of the row that each id "
                    f"shall have, or {name}=None."
                )
        return
    widths = _widths(asked)
    if not widths or not all(map(_is_size, widths)):
        raise ValueError(
            "embedding_dim must be a positive integer, or a list of them, one for each "
            f"column of categorical_features, got {asked!r}."
        )
    if len(widths) > 1 and estimator.categorical_features is None:
        raise ValueError(
            f"embedding_dim={asked!r} has {len(widths)} numbers, but without "
            "categorical_features one column is ids. Pass one number, or say which "
            "columns are ids."
        )


def _is_size(width):
    return isinstance(width, Integral) and width >= 1 and not isinstance(width, bool)


def _widths(asked):
    """`embedding_dim` as a list."""
    return list(np.atleast_1d(np.asarray(asked, dtype=object)))


def _columns(estimator, features):
    """Numbers of the columns that `categorical_features` names, in its order."""
    asked, n = estimator.categorical_features, features.n_sequence_features
    if asked is None:
        if n == 1:
            return [0]
        raise ValueError(
            f"X has {n} features, but with embedding_dim alone it must be one column "
            "of ids. Say which columns are ids: categorical_features=[...]."
        )
    if isinstance(asked, str):  # "from_dtype"
        return list(estimator._categories)
    items = list(asked)
    names = ()
    if features.fixed_n_steps is None and features.feature_names_in is not None:
        names = list(features.feature_names_in)
    if items and all(isinstance(item, (bool, np.bool_)) for item in items):
        if len(items) != n:
            raise ValueError(
                f"categorical_features is a mask of {len(items)} booleans, but X has "
                f"{n} features."
            )
        columns = [j for j, item in enumerate(items) if item]
    elif all(isinstance(item, str) for item in items):
        for item in items:
            if item not in names:
                known = f"those of X, {names}" if names else "names, for X has none"
                raise ValueError(
                    f"categorical_features names {item!r}, which is not among {known}. "
                    "Pass names that X has, or indices of columns."
                )
        columns = [names.index(item) for item in items]
    elif all(isinstance(item, Integral) for item in items):
        columns = [int(item) for item in items]
    else:
        raise ValueError(
            "categorical_features must be a list of indices, of names, or of booleans, "
            f"got {asked!r}."
        )
    for k, column in enumerate(columns):
        if not 0 <= column < n:
            raise ValueError(
                f"categorical_features holds {column}, but the columns of X are 0 to "
                f"{n - 1}."
            )
        if column in columns[:k]:
            raise ValueError(
                f"categorical_features={asked!r} names column {column} twice."
            )
    if not columns:
        raise ValueError(
            f"categorical_features={asked!r} names no column, but embedding_dim is "
            "given. Name the columns that are ids, or set embedding_dim=None."
        )
    return columns


def _asked(estimator, features):
    """Column, width and `embedding_weights` of each table, in the order of columns."""
    columns = _columns(estimator, features)
    widths, given = _widths(estimator._embedding_dim), estimator.embedding_weights
    if np.ndim(estimator._embedding_dim) == 0:
        widths = widths * len(columns)
    if len(widths) != len(columns):
        raise ValueError(
            f"embedding_dim={estimator._embedding_dim!r} has {len(widths)} numbers, "
            f"but categorical_features names {len(columns)} columns. Pass one for "
            "each, or one number for all."
        )
    if len(columns) == 1:
        given = given if _is_list_of_one(given) else [given]
    elif given is None:
        given = len(columns) * [None]
    elif not isinstance(given, (list, tuple)) or len(given) != len(columns):
        what = f"{len(given)} " if isinstance(given, (list, tuple)) else ""
        raise ValueError(
            f"embedding_weights must be a list of {len(columns)}, one for each column "
            "of categorical_features, of arrays, dicts or None; got "
            f"{what}{type(given).__name__}."
        )
    return sorted(zip(columns, map(int, widths), given), key=lambda table: table[0])


def _is_list_of_one(given):
    """Whether this is a list of the rows of one table, and not a table of one row."""
    if not isinstance(given, (list, tuple)) or len(given) != 1:
        return False
    return given[0] is None or isinstance(given[0], Mapping) or np.ndim(given[0]) == 2


def asked_embedding(estimator, features):
    """What the parameters say of the tables, but for their rows; None without any."""
    if estimator._embedding_dim is None:
        return None
    columns, widths, _ = zip(*_asked(estimator, features))
    return {
        "columns": columns,
        "widths": widths,
        "trainable": bool(estimator.embedding_trainable),
    }


def as_parameters(embedding, by_dtype):
    """By parameters what `asked_embedding` has said."""
    if embedding is None:
        return {"embedding_dim": None}
    widths = embedding["widths"]
    return {
        "embedding_dim": widths if len(widths) > 1 else widths[0],
        "embedding_trainable": embedding["trainable"],
        "categorical_features": "from_dtype" if by_dtype else embedding["columns"],
    }


# ---- the tables of a first fit -------------------------------------------------------


def table_rows(estimator, features, X):
    """How many rows each table has for valid X."""
    return tuple(
        _n_rows(X, column, width, given, _vocabulary(estimator, X, column))
        for column, width, given in _asked(estimator, features)
    )


def _vocabulary(estimator, X, column):
    """What the ids of a column stand for, where it is known; of id 0 nothing is."""
    if estimator._categories is not None:
        return None, *estimator._categories[column]
    return X.vocabulary


def _n_rows(X, column, width, given, vocabulary):
    """As many as the vocabulary or the weights have, else up to the largest id."""
    if given is not None and not isinstance(given, Mapping):
        n = len(_matrix(given, width))
        if vocabulary is not None and len(vocabulary) != n:
            raise ValueError(
                f"embedding_weights has {n} rows, but the vocabulary of X has "
                f"{len(vocabulary)} tokens, that of id 0 counted. Pass a row for each, "
                "in the order of the ids, or a dict of tokens."
            )
        return n
    if vocabulary is not None:
        return len(vocabulary)
    if given is not None:
        _check_keys(given)
    rows = X._data, X._offsets[:-1], X.lengths
    found = by_blocks(partial(_largest_id, column=column), *rows)
    largest = max((largest for _, largest in found), default=0)
    n = 1 + max([largest, *(given if given else ())])
    most = 2 ** (np.finfo(X.dtype).nmant + 1)
    if n > most:
        raise ValueError(
            f"The largest id in feature {column} of X is {n - 1}, but {X.dtype} has "
            f"no more than {most} of them. Encode them as 1, 2, ... without gaps."
        )
    needed = n * width * X.dtype.itemsize
    if needed > WITHOUT_A_LOOK:
        available, limit = available_memory() or (needed, None)
        if needed > available:
            raise MemoryError(
                f"The largest id in feature {column} of X is {n - 1}: a table of {n} "
                f"rows of {width} numbers takes {in_units(needed)}, more than the "
                f"{in_units(available)} that are left of the {limit}. Encode ids as 1, "
                "2, ... without gaps."
            )
    return n


def _largest_id(data, starts, lengths, column):
    """Of the sequences that these rows are of, 0 if there are none."""
    rows = rows_of_parts(starts, lengths)[0]
    return int(np.fmax.reduce(data[rows, column], initial=0))


def _matrix(given, width):
    weights = real_array("embedding_weights", given)
    if weights.ndim != 2 or weights.shape[1] != width or not len(weights):
        raise ValueError(
            f"embedding_weights has shape {weights.shape}, but with embedding_dim="
            f"{width} a table has (n_rows, {width}), row 0 being that of what is not "
            "known."
        )
    return weights


def _check_keys(given):
    for key in given:
        if not isinstance(key, Integral) or isinstance(key, bool) or key < 0:
            raise ValueError(
                f"embedding_weights has the key {key!r}, but X has no vocabulary: keys "
                "are ids then, integers from 0 on. Pass ids of a TokenEncoder as X, "
                "which know their tokens."
            )


def _vectors(given, width, vocabulary):
    """Rows and their values of a dict of tokens, or of ids where tokens are unknown."""
    if vocabulary is None:
        found = [(int(key), key) for key in given]
    else:
        found = [(k, token) for k, token in enumerate(vocabulary) if token in given]
        if given and not found:
            raise ValueError(
                "embedding_weights is a dict with none of the tokens of X as a key: "
                f"its first key is {next(iter(given))!r}, and token 1 of X "
                f"{vocabulary[min(1, len(vocabulary) - 1)]!r}."
            )
    values = np.empty((len(found), width))
    for k, (_, key) in enumerate(found):
        vector = real_array(f"embedding_weights[{key!r}]", given[key])
        if vector.shape != (width,):
            raise ValueError(
                f"embedding_weights[{key!r}] has shape {vector.shape}, but with "
                f"embedding_dim={width} a row has ({width},)."
            )
        values[k] = vector
    return np.array([row for row, _ in found], dtype=np.intp), values


def initial_tables(estimator, fitted, X):
    """Of each table the rows that are given and their values, or None."""
    dtype, tables = array_dtype(fitted.architecture["dtype"]), []
    for column, width, given in _asked(estimator, fitted.features):
        if given is None:
            tables.append(None)
            continue
        if isinstance(given, Mapping):
            rows, values = _vectors(given, width, _vocabulary(estimator, X, column))
        else:
            values = _matrix(given, width)
            rows = np.arange(len(values))
        with np.errstate(over="ignore", under="ignore"):
            values = values.astype(dtype)
        if not np.isfinite(values).all():
            raise ValueError(f"embedding_weights holds a number too large for {dtype}.")
        tables.append((rows, values))
    return tables


# ---- X -------------------------------------------------------------------------------


def hint(X, name):
    """Say that ids of tokens are about to be read as numbers."""
    vocabulary = X.vocabulary
    if vocabulary is not None:
        warn(
            f"X is ids of a vocabulary of {len(vocabulary)} tokens, which {name} "
            "reads as numbers. Set embedding_dim, for example to 50: each token then "
            "has a row of so many numbers, which are trained."
        )


def check_vocabulary(expected, X, name="X"):
    """An error if ids of X stand for other tokens than those of a fit."""
    found = X.vocabulary
    if expected is None or found is None or found is expected or found == expected:
        return
    k = next((k for k, (a, b) in enumerate(zip(expected, found)) if a != b), None)
    what = f"it has {len(found)} tokens, not {len(expected)}"
    if k is not None:
        what = f"id {k} is {found[k]!r}, not {expected[k]!r}"
    raise ValueError(
        f"{name} was encoded with another vocabulary than the X of fit: {what}. Encode "
        "it with the TokenEncoder that was fitted then."
    )


def check_ids(X, embedding):
    """An error that names the first value of valid X which should be an id and is none;
    missing values are none of them."""
    for column in () if embedding is None else embedding["columns"]:
        row = _first_no_id(X._data, column)
        if row is not None:
            sample, step = place_of(row, X._offsets)
            feature = f"feature {column}"
            if X.feature_names is not None:
                feature += f" ({X.feature_names[column]})"
            value = float(X._data[row, column])
            more = ""
            if value < 0:
                more = " There is no padding: pass a SequenceArray or a list of arrays."
            raise ValueError(
                f"X holds {value:.9g} at sample {sample}, step {step}, {feature}, "
                f"which is a column of ids (embedding_dim). {ENCODE}{more}"
            )


def _first_no_id(data, column):
    """The first row of data whose number in this column is no id, or None."""
    for rows in blocks_of(data):
        bad = are_no_ids(data[rows, column])
        if bad.any():
            return rows.start + int(np.argmax(bad))
    return None


def check_step_ids(x, embedding):
    """The same for one step of each sequence."""
    for column in () if embedding is None else embedding["columns"]:
        bad = are_no_ids(x[:, column])
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"X holds {x[row, column]:.9g} at sequence {row}, feature {column}, "
                f"which is a column of ids (embedding_dim). {ENCODE}"
            )


def are_no_ids(values):
    """Where values are neither ids nor missing."""
    with np.errstate(invalid="ignore"):
        return (values < 0) | ((values != np.floor(values)) & ~np.isnan(values))
