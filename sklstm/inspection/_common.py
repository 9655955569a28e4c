"""What the functions of this folder share: the recurrent end of a model, names of
estimators, and matplotlib where it is there."""

from collections import Counter
from collections.abc import Mapping
from itertools import count
from numbers import Integral

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._estimators.base import check_recurrent
from .._estimators.clips import ReadsClips
from ..sequences import SequenceArray


def pyplot(caller):
    """matplotlib.pyplot, or an ImportError that says who needs it."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install matplotlib with "
            "`pip install matplotlib`"
        ) from error
    return matplotlib.pyplot


def last_step(estimator):
    """The last estimator of a Pipeline, or what is no Pipeline itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def recurrent_end(estimator):
    """The recurrent estimator that a model is or, as a Pipeline, ends in."""
    end = last_step(estimator)
    if isinstance(end, ReadsClips):
        raise TypeError(
            f"{type(end).__name__} reads clips of frames, and this looks at sequences "
            "of vectors. transform(X, output='sequence') has the hidden states after "
            "every frame, FrameDisplay shows frames."
        )
    check_recurrent(
        end, "Expected a recurrent estimator of sklstm or a Pipeline that ends in one"
    )
    return end


def recurrent_input(estimator, X):
    """The fitted recurrent end of a model, and what X is when it gets there."""
    end = recurrent_end(estimator)
    check_is_fitted(end)
    if end is not estimator and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    return end, X


def named_estimators(estimators):
    """A dict of estimators, at least one; by their classes where they have no names."""
    if isinstance(estimators, Mapping):
        named = dict(estimators)
    else:
        estimators = list(estimators)
        names = [type(last_step(estimator)).__name__ for estimator in estimators]
        times, numbers = Counter(names), {name: count(1) for name in names}
        named = {
            f"{name} {next(numbers[name])}" if times[name] > 1 else name: estimator
            for name, estimator in zip(names, estimators, strict=True)
        }
    if not named:
        raise ValueError("There is no estimator to draw: estimators is empty.")
    return named


def one_sequence(x):
    """X of the sequence x alone."""
    if isinstance(x, SequenceArray):
        X, n_sequences, n_steps = x, len(x), len(x.data)
    elif isinstance(x, str):  # for what reads text
        X, n_sequences, n_steps = [x], 1, len(x)
    else:
        try:
            shape = np.shape(x)
        except ValueError:  # of unequal lengths
            shape = (len(x), None, None)
        if len(shape) not in (1, 2, 3):
            raise ValueError(
                f"x has shape {shape}, but must be one sequence, of shape (n_steps, "
                "n_features) or (n_steps,)."
            )
        if len(shape) == 3:
            X, (n_sequences, n_steps, _) = x, shape
        else:
            X, n_sequences, n_steps = [x], 1, shape[0]
    if n_sequences != 1:
        raise ValueError(
            f"x holds {n_sequences} sequences, but one is drawn: pass X[i], or X[[i]] "
            "to keep the names of its features."
        )
    if not n_steps:
        raise ValueError("x has no steps: there is nothing to draw.")
    return X


def layer_index(layer, n_layers):
    """The number of a layer, of those that may be counted from the end."""
    check_scalar(layer, "layer", Integral)
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer={layer} is not there: the network has {n_layers} recurrent "
            f"layer(s), 0 to {n_layers - 1}."
        )
    return layer % n_layers


def curves(values, name):
    """A dict of vectors, at least one, by the labels of their lines."""
    if not values:
        raise ValueError(f"There is nothing to draw: {name} is empty.")
    vectors = {
        label: np.asarray(curve, dtype=np.float64) for label, curve in values.items()
    }
    for label, vector in vectors.items():
        if vector.ndim != 1:
            raise ValueError(
                f"{name}[{label!r}] must be a vector, got an array of shape "
                f"{vector.shape}."
            )
    return vectors
