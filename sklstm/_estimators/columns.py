"""Columns of X that a parameter names."""

from numbers import Integral

import numpy as np


def is_one(columns):
    """Whether a parameter names one column, and not a list of them."""
    return isinstance(columns, str) or np.ndim(columns) == 0


def columns_of(asked, parameter, features):
    """Indices of the columns, a tuple, of a list of indices or names."""
    n, names = features.n_sequence_features, None
    if features.fixed_n_steps is None and features.feature_names_in is not None:
        names = list(features.feature_names_in)
    columns = []
    for item in asked:
        column = _index(item, parameter, n, names)
        if column in columns:
            raise ValueError(f"{parameter}={asked!r} has column {item!r} twice.")
        columns.append(column)
    return tuple(columns)


def _index(item, parameter, n, names):
    if isinstance(item, str):
        if names is None:
            raise ValueError(
                f"{parameter} names {item!r}, but X has no feature names. Pass the "
                "index of the column, or X with names: DataFrames, or "
                "SequenceArray.from_long."
            )
        if item not in names:
            raise ValueError(
                f"{parameter} names {item!r}, which is not among the features of X, "
                f"{names}."
            )
        return names.index(item)
    if not isinstance(item, Integral) or isinstance(item, bool):
        raise ValueError(
            f"{parameter} must have names or indices of columns, got {item!r}."
        )
    if not -n <= item < n:
        raise ValueError(
            f"{parameter} has column {item}, but the columns of X are 0 to {n - 1}."
        )
    return int(item) % n
