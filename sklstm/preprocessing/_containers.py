"""The way back: transformed steps in the container of X, or the one asked for."""

import numpy as np

from .._sklearn.set_output import as_frame, output_of
from ..sequences import SequenceArray
from ..sequences._array import keys_of


def names_in(estimator, input_features):
    """Names of the features of X: those given, else those of fit, else x0, x1..."""
    fitted = getattr(estimator, "feature_names_in_", None)
    n = estimator.n_features_in_
    if input_features is None:
        if fitted is not None:
            return np.asarray(fitted, dtype=object)
        return np.array([f"x{i}" for i in range(n)], dtype=object)
    names = np.asarray(input_features, dtype=object)
    if fitted is not None and not np.array_equal(fitted, names):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(names) != n:
        raise ValueError(
            "input_features should have length equal to number of features "
            f"({n}), got {len(names)}"
        )
    return names


def is_array(X):
    """Whether X, which is valid and not 2-D, is a 3-D array."""
    return not isinstance(X, SequenceArray) and len(getattr(X, "shape", ())) == 3


def restore(
    data,  # (rows, F)
    offsets,  # (n + 1,)
    X,  # valid
    n_steps,  # of the result if X is 2-D, else None
    names=None,  # of the features, which only a SequenceArray can bear
    padded_to=None,  # steps of the result if X is 3-D; None is those of X
    stepwise=True,  # whether the steps are those of X
):
    """A matrix of steps in the container that X is."""
    n, F = len(offsets) - 1, data.shape[1]
    if isinstance(X, SequenceArray):
        return SequenceArray(data, offsets, names, **keys_of(X, stepwise))
    if n_steps is not None:
        return data.reshape((n, n_steps) if F == 1 else (n, n_steps, F))
    if is_array(X):
        T = np.shape(X)[1] if padded_to is None else padded_to
        if len(data) == n * T:
            return data.reshape(n, T, F)
        return SequenceArray(data, offsets).to_padded(n_steps=T)
    if F == 1 and np.ndim(X[0]) == 1:
        data = data[:, 0]
    return np.split(data, offsets[1:-1])


def deliver(
    estimator, data, offsets, X, n_steps,
    *,
    names,  # callable, given those of X, or None for those seen in fit
    columns,  # callable, the names of the columns of a 2-D result
    padded_to=None,
    stepwise=True,
):  # fmt: skip
    """A matrix of steps in the container that `set_output` asks for.

    By default that is what `restore` makes; else a table, if there was one in `fit`
    too, for which there are names; and a SequenceArray.
    """
    library = output_of(estimator)
    if library == "default":
        given = getattr(X, "feature_names", None)
        names = None if given is None else names(given)
        return restore(data, offsets, X, n_steps, names, padded_to, stepwise)
    fitted_on_table = estimator._fixed_n_steps is not None
    if fitted_on_table and n_steps is not None and data.shape[1] == 1:
        index = X.index if hasattr(X, "iloc") else None
        table = data.reshape(len(offsets) - 1, n_steps)
        return as_frame(table, columns(), library, index)
    return SequenceArray(data, offsets, names(None), **keys_of(X, stepwise))
