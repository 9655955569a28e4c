"""Sequences in every container, for transformers of steps."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

LENGTHS = [3, 0, 5, 1, 4, 2]
CONTAINERS = ["list", "tuple", "object", "SequenceArray", "padded", "3-D", "2-D"]


def random_list(lengths=LENGTHS, n_features=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(1, 2, size=(T, n_features)).astype(dtype) for T in lengths]


def contain(sequences, container):
    """Put a list of arrays in a container that can hold them."""
    if container == "tuple":
        return tuple(sequences)
    if container == "object":
        X = np.empty(len(sequences), dtype=object)
        for i, sequence in enumerate(sequences):
            X[i] = sequence
        return X
    if container == "SequenceArray":
        return SequenceArray.from_list(sequences)
    if container == "padded":
        return SequenceArray.from_list(sequences).to_padded(n_steps=9)
    if container == "3-D":
        return np.stack(sequences)
    if container == "2-D":
        return np.stack(sequences)[:, :, 0]
    return sequences


def example(container):
    if container == "3-D":
        return contain(random_list([4] * 6), container)
    if container == "2-D":
        return contain(random_list([4] * 6, 1), container)
    return contain(random_list(), container)


def assert_container(X_new, X, container):
    """Check that the result is what its container is said to be."""
    if container in ("list", "tuple", "object"):
        assert type(X_new) is list
        assert all(type(x) is np.ndarray and x.ndim == 2 for x in X_new)
    elif container == "SequenceArray":
        assert type(X_new) is SequenceArray
    else:
        assert type(X_new) is np.ndarray
    assert len(X_new) == len(X)


class SelectFirst(BaseEstimator):
    """Only fit and transform, as a transformer from elsewhere may have."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X[:, :1]


def names_of(model, *args):
    return model.get_feature_names_out(*args).tolist()


def named():
    S = check_sequences(random_list())
    return SequenceArray(S.data, S.offsets, ["a", "b", "c"])


def stacked(x, k, s, remainder):
    """Stack one sequence, written to be read: frames from the end."""
    T, F = x.shape
    frames, end = [], T - 1
    while end >= 0:
        first = end - k + 1
        if first < 0 and remainder == "drop":
            break
        frames.insert(0, np.concatenate([x[max(i, 0)] for i in range(first, end + 1)]))
        if first <= 0:
            break
        end -= s
    return np.array(frames).reshape(len(frames), k * F)


# Of a table they make one.
tables_to_tables = pytest.mark.parametrize(
    "estimator",
    [TimeDistributed(StandardScaler()), FrameStacker(1), FrameStacker(1, step=2)],
    ids=repr,
)
