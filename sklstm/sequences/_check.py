"""The door all input goes through: validation, and what an estimator remembers of X."""

from __future__ import annotations

import contextlib
import copy as copy_module
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .._kernels import kernels_for
from .._sklearn.warn import warn
from ._array import SequenceArray
from ._columns import (
    FLOATS,
    as_names,
    doubled,
    float_dtype,
    frame_as_matrix,
    is_frame,
    objects_as_floats,
    read_numbers,
    refuse_rows,
)
from ._foreign import DATES, raise_not_numeric, refuse_foreign, refuse_types
from ._peers import package_of
from ._rows import is_valid
from ._stacking import CLIPS, place_of, stack_items

if TYPE_CHECKING:
    from .._typing import DTypeLike, SequencesLike

# Numbers whose squares have a smaller sum are numbers in float32 too.
OVERFLOWS_NOWHERE = 1e76
# Numbers of X that are looked at in one piece.
PIECE = 100_000


class Features(NamedTuple):
    """What an estimator remembers of the X it was fitted on."""

    n_features_in: int  # per step; of 2-D X the number of columns, its steps
    n_sequence_features: int  # per step, 1 for 2-D X
    fixed_n_steps: int | None  # of every sequence if X was 2-D
    feature_names_in: np.ndarray | None  # of the columns if X was 2-D


def check_sequences(
    X: SequencesLike,
    *,
    dtype: DTypeLike | None = None,
    allow_nan: bool = False,
    ensure_min_samples: int = 1,
    copy: bool = False,
) -> SequenceArray:
    """Validate sequences in any accepted form.

    The layout is read from the type of X and never guessed from its shape:

    - an array of shape (n, T, F): n sequences of T steps. Trailing steps whose
      features are all NaN are padding and are taken off;
    - a list, tuple or 1-D object array of n arrays of shape (T_i, F), or of n arrays of
      shape (T_i,) for univariate sequences. DataFrames are welcome as items. Each has
      the length it has: NaN at its end is a missing value, no padding;
    - a :class:`~sklstm.SequenceArray`;
    - an array, DataFrame or list of lists of numbers of shape (n, T), as scikit-learn
      reads it: n univariate sequences of T steps.

    Sequences of no steps are allowed: an array of shape (0, F), a row of nothing but
    NaN padding. Every NaN that is no padding is a missing value.

    Parameters
    ----------
    X : array-like of sequences
        The sequences, in one of the forms above.

    dtype : {"float32", "float64"} or dtype, default=None
        Type of the result. None keeps float32 and float64 and makes float64 of other
        numeric types, ids of tokens among them; in either type they are exact, and
        keep their vocabulary.

    allow_nan : bool, default=False
        Whether missing values are let through. Infinity never is.

    ensure_min_samples : int, default=1
        How many sequences there must be.

    copy : bool, default=False
        Whether the result must not share memory with X. By default it does where
        nothing has to be converted.

    Returns
    -------
    X : SequenceArray of shape (n, None, F)
        The sequences, C-contiguous.

    Raises
    ------
    TypeError
        If X is of a type that cannot hold sequences, such as a sparse matrix, a masked
        array, a dict or an iterator, or has to be converted first, as those of awkward,
        Arrow and xarray, lazy and grouped tables.

    ValueError
        If X is a table with a list in each cell, or with several levels of index or
        columns, which have to be converted first, or if X has the wrong rank, no or too
        few samples, no features, sequences of unequal number of features, values that
        are no real numbers, infinity, values too large for ``dtype`` or, unless
        ``allow_nan``, missing values. The message names sample, step and feature.

    See Also
    --------
    sklstm.SequenceArray : The container returned.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sequences import check_sequences
    >>> check_sequences([np.ones((3, 2)), np.ones((5, 2))])
    <SequenceArray: 2 sequences, 3 to 5 steps, 2 features, float64>
    >>> check_sequences(np.ones((10, 7), dtype="float32"))
    <SequenceArray: 10 sequences, 7 steps, 1 feature, float32>
    """
    sequences, _ = _convert(X, dtype, allow_nan, ensure_min_samples)
    if copy:
        sequences = sequences._with_data(sequences._data.copy())
    return sequences


def validate_partition(X, name, missing, dtype):
    """Part of the X of an estimator of this name as a valid SequenceArray, which may
    have no sequences."""
    estimator = type(name, (), {"missing": missing})()
    sequences, n_steps = _convert(X, dtype, missing != "error", 0, estimator)
    if n_steps is not None:
        raise ValueError(
            f"it is 2-D, of shape {np.shape(X)}. Pass univariate sequences as a 3-D "
            "array, X[:, :, np.newaxis], or a list of arrays."
        )
    return sequences


def record_features(estimator, features):
    """Let the estimator, which is being fitted, remember them; cannot fail."""
    estimator.n_features_in_ = features.n_features_in
    estimator._n_sequence_features = features.n_sequence_features
    estimator._fixed_n_steps = features.fixed_n_steps
    if features.feature_names_in is not None:
        estimator.feature_names_in_ = features.feature_names_in
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def features_of(estimator):
    """What :func:`record_features` has recorded, else None."""
    if not hasattr(estimator, "_n_sequence_features"):
        return None
    return Features(
        estimator.n_features_in_,
        estimator._n_sequence_features,
        estimator._fixed_n_steps,
        getattr(estimator, "feature_names_in_", None),
    )


def validate_sequences(estimator, X, **kwargs):
    """X as a valid SequenceArray, for an estimator; see :func:`validate_layout`."""
    return validate_layout(estimator, X, **kwargs)[0]


def validate_layout(estimator, X, *, reset, dtype=None, allow_nan=False, features=None):
    """X as a valid SequenceArray, and its number of columns if it is 2-D, else None.

    With `reset`, in fit, the estimator, a draft, is given the features of X; else X is
    checked against `features`, or against those that the estimator has: they are an
    argument because another thread may fit it meanwhile. Errors and warnings are those
    of `check_sequences`, and of scikit-learn where X and the features differ.
    """
    if reset:
        sequences, n_steps = _convert(X, dtype, allow_nan, 1, estimator)
        record_features(estimator, _features(estimator, X, sequences, n_steps))
        return sequences, n_steps

    if features is None:
        features = features_of(estimator)
    if features is None:
        check_is_fitted(estimator, "_n_sequence_features")
    fitted_on_2d, name = features.fixed_n_steps is not None, type(estimator).__name__
    if fitted_on_2d and type(X) is not np.ndarray:
        # before the content: wrong names are the reason for what else may be wrong
        _refuse_foreign(X)
        if hasattr(X, "columns"):
            _refuse_doubled(X.columns)
            _check_columns(estimator, X, features)
    sequences, n_steps = _convert(X, dtype, allow_nan, 1, estimator)
    if n_steps is not None and fitted_on_2d:
        if not hasattr(X, "columns") and (
            n_steps != features.fixed_n_steps or features.feature_names_in is not None
        ):
            _check_columns(estimator, np.empty((0, n_steps)), features)
        return sequences, n_steps
    check_features(name, features, sequences, n_steps, fitted_on_2d)
    return sequences, n_steps


def check_features(name, features, sequences, n_steps=None, fitted_on_2d=False):
    """Raise where sequences have other features than those of fit, warn of names."""
    expected = features.n_sequence_features
    if sequences.n_features != expected:
        message = (
            f"X has {sequences.n_features} features, but "
            f"{name} is expecting {expected} features as input."
        )
        if n_steps is not None:
            message += (
                f" A 2-D X of shape {(len(sequences), n_steps)} is read as "
                f"{len(sequences)} univariate sequences of {n_steps} steps; if it is "
                "one sequence of shape (n_steps, n_features), pass X[None] or [X]."
            )
        raise ValueError(message)
    if not fitted_on_2d and n_steps is None:
        _check_names(name, features, sequences.feature_names)


def features_of_valid(sequences):
    """What is to be remembered of a valid SequenceArray."""
    n_features, names = sequences.n_features, sequences.feature_names
    if names is not None:
        names = np.array(names, dtype=object)
    return Features(n_features, n_features, None, names)


def _features(estimator, X, sequences, n_steps):
    """What is to be remembered of valid X."""
    if n_steps is None:
        return features_of_valid(sequences)
    n_features, names = sequences.n_features, None
    if hasattr(X, "columns"):
        _refuse_doubled(X.columns)
        # validate_data writes on what it is given, so it is given a stand-in.
        stand_in = copy_module.copy(estimator)
        validate_data(stand_in, X, skip_check_array=True)
        names = getattr(stand_in, "feature_names_in_", None)
    return Features(n_steps, n_features, n_steps, names)


def _check_columns(estimator, X, features):
    """scikit-learn's own checks and words for the columns of 2-D X."""
    fitted = object.__new__(type(estimator))
    vars(fitted).update(vars(estimator))
    record_features(fitted, features)
    validate_data(fitted, X, reset=False, skip_check_array=True)


def warn_of_one_step(sequences, name):
    """Warn if every sequence has one step of several features: time may come last."""
    n, _, F = sequences.shape
    if n > 1 and F > 1 and (sequences.lengths == 1).all():
        warn(
            f"Each of the {n} sequences of X has one step, of {F} features, so that "
            f"{name} has no time to learn from. If X is an array of shape (n, "
            f"channels, steps), as aeon and sktime have it, {(n, 1, F)} is {F} steps "
            "of one channel: pass X.transpose(0, 2, 1) or SequenceArray.from_aeon(X)."
        )


def check_step(
    name,  # of the estimator
    features,  # Features that X must have
    X,  # (n_sequences, n_features)
    n_sequences,
    dtype,  # of the result
):
    """One step of sequences read side by side, as (n_sequences, n_features).

    A vector will do where one of the two is 1. The result shares no memory with X and
    may hold NaN and infinity; with it comes whether it surely does not.
    """
    is_float = type(X) is np.ndarray and X.dtype in FLOATS
    if not is_float:
        axes = "(n_sequences, n_features)"
        refuse_types(X, "X", f"numbers, a numeric array of shape {axes}")
        refuse_foreign(X, "X", axes)
        if hasattr(X, "columns") and features.fixed_n_steps is None:
            _check_names(name, features, as_names(X.columns))
        with _RefusingTooLarge():
            X = read_numbers(X, "X", axes)
        is_float = X.dtype in FLOATS
    shape = n_sequences, features.n_sequence_features
    if X.shape != shape:
        if X.ndim >= 2 or 1 not in shape or X.size != math.prod(shape):
            raise ValueError(
                f"X has shape {X.shape}, but a step of {shape[0]} sequence(s) of "
                f"{shape[1]} feature(s) has shape {shape}."
            )
        X = X.reshape(shape)
    if is_float:
        step = np.empty(shape, dtype)
        return step, kernels_for(dtype).read_step(X, step)
    # a value too large is told as infinity
    with np.errstate(over="ignore", under="ignore"):
        return X.astype(dtype, order="C"), False


def _check_names(estimator_name, features, names):
    """Compare the names of sequence features with those seen in fit."""
    fitted = features.feature_names_in
    if fitted is None and names is None:
        return
    if names is not None and fitted is not None and tuple(fitted) != names:
        raise ValueError(
            "The feature names should match those that were passed during fit, in the "
            f"same order. Fitted with {list(fitted)}, got {list(names)}."
        )
    # One of the two is missing, which is a warning in scikit-learn too.
    if fitted is None:
        warn(
            f"X has feature names, but {estimator_name} was fitted without feature "
            "names"
        )
    elif names is None:
        warn(
            f"X does not have valid feature names, but {estimator_name} was fitted "
            "with feature names"
        )


def _refuse_doubled(columns):
    """Raise where a table has a column twice: scikit-learn 1.9 reads none, 1.8 does."""
    for i, j, name in doubled(columns):
        raise ValueError(
            f"X is a table whose columns {i} and {j} are both named {name!r}. Give "
            "each a name of its own, or pass X.to_numpy()."
        )


class _RefusingTooLarge:
    """A context with a ValueError of integers of Python that are beyond every float."""

    def __enter__(self):
        pass

    def __exit__(self, kind, error, traceback):
        if kind is OverflowError:
            raise ValueError(f"X holds a number too large: {error}") from error


def _convert(X, dtype, allow_nan, ensure_min_samples, estimator=None):
    """Return X as a valid SequenceArray, and the number of columns if it is 2-D."""
    if dtype is not None:
        dtype = np.dtype(dtype)
        if dtype not in FLOATS:
            raise ValueError(f"dtype must be float32 or float64, got {dtype}.")
    found = _at_a_glance(X, dtype)
    if found is not None and len(found[0]) >= ensure_min_samples:
        return found
    with _RefusingTooLarge(), np.errstate(under="ignore"):
        return _convert_numbers(X, dtype, allow_nan, ensure_min_samples, estimator)


def _at_a_glance(X, dtype):
    """What `_convert` returns where one look shows that X is valid, else None.

    That is a small array of finite floats, alone in a list or a SequenceArray: what is
    to be predicted at once is mostly one.
    """
    kind, data = type(X), X
    if kind is SequenceArray:
        data = X._data
    elif kind is list and len(X) == 1:
        data = X[0]
    if (
        type(data) is not np.ndarray
        or data.dtype not in FLOATS
        or data.ndim not in ((2, 3) if data is X else (2,))
        or not 0 < data.size <= PIECE
        or not (data.flags.c_contiguous and data.flags.aligned)
        # A sum of squares is the quickest look for what is not finite, or padding.
        or not float(np.vdot(data, data)) < OVERFLOWS_NOWHERE
    ):
        return None
    if dtype is not None and data.dtype != dtype:
        with np.errstate(under="ignore"):
            data = data.astype(dtype)
    if kind is SequenceArray:
        if data is X._data:
            return X, None
        return X._with_data(data), None
    if kind is list:
        n, (T, F), n_steps = 1, data.shape, None
    elif data.ndim == 3:
        (n, T, F), n_steps = data.shape, None
    else:
        (n, T), F, n_steps = data.shape, 1, data.shape[1]
    offsets = np.arange(0, n * T + 1, T, dtype=np.intp)
    return SequenceArray._trusted(data.reshape(n * T, F), offsets), n_steps


def _convert_numbers(X, dtype, allow_nan, ensure_min_samples, estimator):
    """What `_convert` returns, of X of any kind."""
    n_steps = None
    if isinstance(X, SequenceArray):
        dtype = dtype or float_dtype(X.dtype)
        if X.dtype != dtype:  # in a file it is converted as it is read
            X = X._in_place()
        with np.errstate(over="ignore", under="ignore"):
            sequences = X.astype(dtype, copy=False)
    else:
        X = _matrix_or_items(X)
        if isinstance(X, list):
            if not X:  # which says nothing about features either
                raise_too_few("sample", (0,), max(1, ensure_min_samples), estimator)
            sequences = SequenceArray._trusted(*stack_items(X, dtype))
        elif isinstance(X, np.ndarray) and X.ndim == 3:
            sequences = SequenceArray.from_padded(_as_floats(X, dtype))
        elif isinstance(X, np.ndarray) and X.ndim > 3:
            raise ValueError(
                f"Found array with dim {X.ndim}, shape {X.shape}, while dim <= 3 is "
                "required: (n_sequences, n_steps, n_features). Reshape your data; "
                f"{CLIPS}."
            )
        else:
            X = _check_2d(X, dtype, ensure_min_samples, estimator)
            n, n_steps = X.shape
            sequences = SequenceArray._trusted(
                X.reshape(n * n_steps, 1), np.arange(n + 1, dtype=np.intp) * n_steps
            )
    shape = X.shape if isinstance(X, np.ndarray) else sequences.shape
    if len(sequences) < ensure_min_samples:
        raise_too_few("sample", shape, ensure_min_samples, estimator)
    if sequences.n_features == 0:
        raise_too_few("feature", shape, 1, estimator)
    _check_finite(sequences, allow_nan, n_steps, estimator)
    return sequences, n_steps


def _matrix_or_items(X):
    """Return a list if X is a list of sequences, else X as an array or DataFrame."""
    if type(X) not in (np.ndarray, list, tuple):
        _refuse_foreign(X)
        if is_frame(X):
            way_out = f"{_LONG} Encode other columns, or leave them out. {DATES}"
            return frame_as_matrix(X, "X", way_out)
        refuse_types(X, "X", EXPECTED)
        if hasattr(X, "columns"):
            return X
    if isinstance(X, Sequence) and not isinstance(X, memoryview):
        items = list(X)
        if set(map(type, items)) <= {list, tuple}:
            for i, row in enumerate(items):
                refuse_rows(row, f"Sample {i}")
            # A list of lists of numbers is a matrix, as everywhere in scikit-learn.
            with contextlib.suppress(ValueError):  # ragged
                matrix = np.asarray(items)
                return matrix if matrix.ndim == 2 else items
        return _items_or_vector(items)
    if not isinstance(X, np.ndarray):
        readable = hasattr(X, "__array__") or isinstance(X, memoryview)
        if not readable and not np.isscalar(X):
            hint = (
                " Pass list(X) if it holds sequences." if hasattr(X, "__iter__") else ""
            )
            raise TypeError(f"Expected {EXPECTED}, got {type(X).__name__}.{hint}")
        X = np.asarray(X)
    if X.ndim == 1 and X.dtype == object:
        return _items_or_vector(list(X))
    return X


EXPECTED = (
    "sequences as a 3-D array, a list of 2-D arrays, a SequenceArray or a 2-D array"
)
_LONG = (
    "In a table, X has one row per sequence and one column per step. With one row per "
    "step, use SequenceArray.from_long(X, by=...), where 'by' names the sequence."
)


def hint_long(X):
    """What to do if valid X may be a long table, else an empty string."""
    return f" {_LONG}" if hasattr(X, "columns") else ""


def _refuse_foreign(X):
    """Raise for containers of other packages that have to be converted first."""
    if type(X) is np.ndarray:
        return
    package = package_of(X)
    if not (package == "pyarrow" and _is_nested(X)):
        refuse_foreign(X)
    is_table = hasattr(X, "columns")
    n_levels = getattr(getattr(X, "index", None), "nlevels", 1)
    holds_items = str(getattr(X, "dtype", "object")) == "object"
    if package == "pandas" and n_levels > 1 and not holds_items:
        raise ValueError(
            f"X is a {type(X).__name__} whose index has several levels: "
            f"{list(X.index.names)}. With one step per row, convert it first: "
            "SequenceArray.from_sktime(X.to_frame()) for an index of instance and time."
        )
    if package is None or not is_table:
        return
    if n_levels > 1:
        raise ValueError(
            "X is a DataFrame whose index has several levels: "
            f"{list(X.index.names)}. With one row per step, convert it first: "
            "SequenceArray.from_sktime(X) for an index of instance and time, "
            "SequenceArray.from_long(X.reset_index(), by=...) for any other. With one "
            "row per sequence and one column per step, pass X.reset_index(drop=True)."
        )
    n_levels = getattr(X.columns, "nlevels", 1)
    if n_levels > 1:
        raise ValueError(
            f"X is a DataFrame whose columns have {n_levels} levels, "
            f"{list(X.columns.names)}: it would be read as one feature. With one row "
            "per sequence and columns of feature and step, pass a 3-D array: "
            "np.stack([X[name] for name in X.columns.unique(0)], axis=2); if the first "
            "level is the step, do so with X.swaplevel(axis=1)."
        )
    if _is_nested(X):
        raise ValueError(
            "X is a table with a list in each cell. Convert it first: "
            "SequenceArray.from_nested(X), with columns=[...] if some columns are no "
            "features."
        )


def _is_nested(table):
    """Whether a table has lists in its cells, as far as its first row tells."""
    if not hasattr(table, "columns") or not len(table):
        return False
    if package_of(table) == "pyarrow":
        return any(hasattr(field.type, "value_field") for field in table.schema)
    cells = np.asarray(table.head(1))
    return cells.dtype == object and any(
        hasattr(cell, "__len__") and not isinstance(cell, (str, bytes, dict))
        for cell in cells.flat
    )


def _items_or_vector(items):
    """Return the items, or a vector (an error later on) if all of them are scalars."""
    if items and not any(hasattr(item, "__iter__") for item in items):
        return np.asarray(items)
    return items


def _as_floats(X, dtype):
    """Return an array as C-contiguous floats."""
    if X.dtype.kind not in "biuf":
        X = read_numbers(X, "X", "(n_sequences, n_steps, n_features)")
    # a value too large is told by the finite check
    with np.errstate(over="ignore", under="ignore"):
        return np.require(X, dtype or float_dtype(X.dtype), ["C", "A"])


def _check_2d(X, dtype, ensure_min_samples, estimator):
    """Return X as a matrix of floats, after scikit-learn's own checks."""
    if type(X) is np.ndarray:
        if X.dtype.kind == "O":
            X = _objects_2d(X)
        elif X.dtype.kind in "USTMmV":
            raise_not_numeric(X, "X")
        if X.ndim < 2:
            raise ValueError(
                f"Expected 2D array, got {'1D' if X.ndim else 'scalar'} array instead, "
                f"of shape {X.shape}. Reshape your data: X is a list of sequences, and "
                "a single sequence x is X = [x]."
            )
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype not in FLOATS or not X.size:
        X = check_array(
            X,
            ensure_all_finite=False,
            ensure_min_samples=ensure_min_samples,
            estimator=estimator,
            input_name="X",
        )
    return _as_floats(X, dtype)


def _objects_2d(X):
    """Numbers out of an array of objects; what is none is told with its place."""
    try:
        return objects_as_floats(X)
    except (TypeError, ValueError) as error:  # whose types are scikit-learn's
        raise type(error)(
            f"X holds values that are not numbers: {error}. Every step must be a "
            "number."
        ) from error


def raise_too_few(noun, shape, minimum, estimator):
    """Raise what check_array raises, for samples or features."""
    number = shape[0] if noun == "sample" else 0
    context = "" if estimator is None else f" by {type(estimator).__name__}"
    raise ValueError(
        f"Found array with {number} {noun}(s) (shape={shape}) while a minimum of "
        f"{minimum} is required{context}."
    )


def _pieces(data):
    """Slices of rows of about a hundred thousand numbers."""
    n_rows = max(1, PIECE // max(1, data.shape[1]))
    return (slice(begin, begin + n_rows) for begin in range(0, len(data), n_rows))


def _first_of(data, are):
    """Row and column of the first number of data that are what is asked, or None."""
    for rows in _pieces(data):
        found = are(data[rows])
        if found.any():
            row, column = divmod(int(np.argmax(found)), data.shape[1])
            return rows.start + row, column
    return None


def _check_finite(sequences, allow_nan, n_steps, estimator):
    """Raise if there is infinity or, unless allowed, NaN; say where."""
    data = sequences._data
    # in pieces: the mask of all data would be the most that `predict` takes
    if is_valid(data) or all(np.isfinite(data[rows]).all() for rows in _pieces(data)):
        return
    place = infinite = _first_of(data, np.isinf)
    if infinite is None:
        if allow_nan:
            return
        place = _first_of(data, np.isnan)
    row, feature = place
    sample, step = place_of(row, sequences._offsets)
    where = f"sample {sample}, step {step}, feature {feature}"
    if sequences.feature_names is not None:
        where += f" ({sequences.feature_names[feature]})"
    if infinite is not None:
        raise ValueError(
            "Input X contains infinity or a value too large for "
            f"dtype('{data.dtype}'): {where}. Remove or clip such values, or scale X."
        )
    if n_steps is not None:
        hint = "If it is padding, pass X as a 3-D array: X[:, :, np.newaxis]."
    else:
        hint = (
            "Only trailing steps of a 3-D array whose features are all NaN are padding."
        )
    way_out = "Missing values have to be imputed first"
    if hasattr(estimator, "missing"):
        way_out = (
            f"Fit {type(estimator).__name__} with missing='ffill' or "
            "missing='indicator' to let it read missing values, or impute them first"
        )
    raise ValueError(
        f"Input X contains NaN: {where}. {way_out}, for example with "
        "sklstm.preprocessing.TimeDistributed(SimpleImputer()). " + hint
    )
