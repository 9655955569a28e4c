"""Lists of tables with columns that are no numbers: text, categories, dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from numbers import Number
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline

from ..sequences._check import Features, check_features, features_of, record_features
from ..sequences._columns import is_frame, is_missing, objects_as_floats
from ..sequences._long import missing_in
from ..sequences._peers import package_of
from ..sequences._stacking import as_offsets, common_columns, place_of


@dataclass(frozen=True)
class Frames:
    """The steps of all sequences as one table: a stand-in for a SequenceArray."""

    data: Any  # DataFrame
    _offsets: np.ndarray  # (n + 1,)
    feature_names: tuple

    def __len__(self):
        return len(self._offsets) - 1

    @property
    def _data(self):
        return self.data

    @property
    def lengths(self):
        return np.diff(self._offsets)

    @property
    def n_features(self):
        return len(self.data.columns)


def frames_of(X, always=False):
    """The tables in a list as one; None if X is none, or, unless `always`, all of
    their columns are numbers."""
    is_list = isinstance(X, (list, tuple))
    if not is_list and not (
        isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object
    ):
        return None
    packages = {package_of(x) if is_frame(x) else None for x in X}
    if not packages or None in packages:
        return None
    if not always and not any(map(_has_words, X)):
        return None
    names = common_columns(X)
    if names is None:  # or they come twice
        raise ValueError(
            f"The tables have the columns {list(X[0].columns)}. Columns of text, "
            "categories or dates need names that are text, each of its own."
        )
    if len(packages) > 1:
        raise TypeError(
            f"The tables in X are of {' and '.join(sorted(packages))}. Make all of "
            "them DataFrames of one package."
        )
    (package,) = packages
    concat = import_module(package).concat
    if package == "pandas":
        data = concat(list(X), ignore_index=True)
    else:
        data = concat(list(X), how="vertical_relaxed")
    return Frames(data, as_offsets([len(x) for x in X]), names)


def _has_words(frame):
    """Whether a column has a type, or an object in it, that is no number."""
    for j, dtype in enumerate(frame.dtypes):
        name = str(dtype).lower()
        if name == "object" and hasattr(frame, "iloc"):
            column = frame.iloc[:, j]
            if any(not (isinstance(v, Number) or is_missing(v)) for v in column):
                return True
        elif hasattr(dtype, "is_numeric"):  # polars
            if not (dtype.is_numeric() or name in ("boolean", "null")):
                return True
        elif getattr(dtype, "kind", "O") not in "biuf":
            if not name.startswith(("decimal", "null")):
                return True
    return False


def takes_names(transformer):
    """Whether it is a ColumnTransformer, or begins with one, that chooses by name."""
    while isinstance(transformer, Pipeline) and transformer.steps:
        transformer = transformer.steps[0][1]
    if not isinstance(transformer, ColumnTransformer):
        return False
    return any(_are_names(columns) for _, _, columns in transformer.transformers)


def _are_names(columns):
    if isinstance(columns, (str, make_column_selector)):
        return True
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    return isinstance(columns, Iterable) and any(isinstance(c, str) for c in columns)


def library_for(X):
    """Whose DataFrame gives names to numbers: that of the tables in X, else pandas."""
    if isinstance(X, (list, tuple)) and is_frame(X[0]):
        return package_of(X[0])
    return "pandas" if find_spec("pandas") else "default"


def validate_frames(estimator, frames, *, reset):
    """Let the estimator remember the columns, or compare them with those of fit."""
    n, names = frames.n_features, frames.feature_names
    if reset:
        names = np.array(names, dtype=object)
        record_features(estimator, Features(n, n, None, names))
    else:
        check_features(type(estimator).__name__, features_of(estimator), frames)


def places_of_missing(frames):
    """The first missing value of each column that has one, in a sentence."""
    import narwhals.stable.v2 as nw

    places = []
    for series in nw.from_native(frames.data).iter_columns():
        missing = missing_in(series)
        if missing.any():
            sample, step = place_of(int(missing.argmax()), frames._offsets)
            places.append(f"{series.name!r} (sample {sample}, step {step})")
    return f"Columns with missing values, and the first of each: {', '.join(places)}."


def as_numeric(
    data,  # (n_steps, F), what a transformer has made of tables
    transformer,
):
    """Steps as numbers; the error names the column that holds none."""
    if data.dtype.kind in "biuf":
        return data
    for k in range(data.shape[1]):
        column = np.asarray(data[:, k], dtype=object)
        try:
            objects_as_floats(column)
        except (TypeError, ValueError) as error:
            name = f"column {k}"
            if hasattr(transformer, "get_feature_names_out"):
                name = f"column {transformer.get_feature_names_out()[k]!r}"
            raise ValueError(
                f"{type(transformer).__name__} has left what is no number in {name}: "
                f"{error}. Encode it there, for example by OneHotEncoder, or drop it."
            ) from error
    return objects_as_floats(np.asarray(data, dtype=object))
