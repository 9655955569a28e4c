"""Sequences of ids and tables with columns of them, and small fits to these."""

import numpy as np
import pytest
from cases import make_target

from sklstm import LSTMClassifier
from sklstm.sequences import SequenceArray

V, E = 9, 5
OPTIONS = [
    {},
    {"bidirectional": True, "pooling": "max"},
    {"pooling": "attention", "dropout": 0.4, "recurrent_dropout": 0.3},
    {"tbptt": 2},
    {"dtype": "float64", "alpha": 0.01},
    {"dtype": "bfloat16", "hidden_layer_sizes": (5, 4)},
    {"solver": "lbfgs"},
    {"solver": "sgd", "max_grad_norm": None},
    {"solver": "adamw", "alpha": 0.1, "embedding_trainable": False},
    {"solver": "rmsprop", "missing": "ffill"},
    {"missing": "indicator"},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


def tokens(n=30, seed=0, high=V):
    """Sequences of ids, one of no steps and one that has the largest."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, high, T) for T in rng.integers(1, 8, n)]
    X[3], X[4] = X[3][:0], np.array([high - 1, 0])
    return X


def table(n=30, seed=0):
    """Sequences of two columns of ids and two of numbers."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, 4)) for T in rng.integers(1, 8, n)]
    for x in X:
        x[:, [1, 3]] = rng.integers(0, (V, 4), (len(x), 2))
    return X


def small(Estimator=LSTMClassifier, **params):
    params = {
        "hidden_layer_sizes": 6, "embedding_dim": E, "max_iter": 3, "batch_size": 7,
        "random_state": 0, "learning_rate_init": 0.02, **params,
    }  # fmt: skip
    return Estimator(**params)


def fitted(Estimator=LSTMClassifier, X=None, **params):
    X = tokens() if X is None else X
    return small(Estimator, **params).fit(X, make_target(Estimator, X))


def encoded(X, words="abcdefghi", **options):
    """Ids as a TokenEncoder hands them on."""
    offsets = np.cumsum([0, *map(len, X)])
    data = np.concatenate(X)[:, np.newaxis]
    return SequenceArray(data, offsets, vocabulary=list(words), **options)
