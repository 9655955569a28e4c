"""Recipes, and what is made of them, as far as sklstm has it."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm.preprocessing import FrameStacker, TimeDistributed


class Missing(Exception):
    """This sklstm lacks an estimator or a parameter; the message says which."""


class Recipe(NamedTuple):
    """A family ("LSTM", "GRU", "RNN"), its parameters, and steps stacked into one."""

    family: str
    parameters: dict
    n_frames: int = 1

    def __str__(self):
        parts = [f"{name}={value!r}" for name, value in self.parameters.items()]
        if self.n_frames > 1:
            parts.append(f"n_frames={self.n_frames}")
        return f"{self.family}, {', '.join(parts) or 'defaults'}"


def make_model(recipe, y, seed):
    """A pipeline of a scaler, a stacker of frames and an estimator for targets y."""
    kind = kind_of(y)
    steps = [
        make_estimator(recipe.family, kind, random_state=seed, **recipe.parameters)
    ]
    if recipe.n_frames > 1:
        steps.insert(0, FrameStacker(recipe.n_frames))
    return make_pipeline(TimeDistributed(StandardScaler()), *steps)


def kind_of(y):
    """Real numbers are for regression, whole ones are classes."""
    return "Regressor" if np.asarray(y).dtype.kind == "f" else "Classifier"


def make_estimator(family, kind, **parameters):
    """An estimator that can be fitted, `LSTMClassifier` for "LSTM" and "Classifier".

    Raises
    ------
    Missing
        If sklstm has no such estimator, or it refuses a parameter.
    """
    name = family + kind
    try:
        estimator = getattr(sklstm, name)(**parameters)
        _fit_little(getattr(sklstm, name)(**parameters))
    except (AttributeError, TypeError, ValueError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error
    return estimator


def _fit_little(estimator):
    """Raise what a fit raises for parameters that are not there yet."""
    X = np.random.default_rng(0).random((4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.set_params(max_iter=1).fit(X, [0, 1, 0, 1])
