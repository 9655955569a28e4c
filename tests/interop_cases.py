"""Sequences with gaps and names, and when they are the same."""

import numpy as np

from sklstm.sequences import SequenceArray


def make(lengths, n_features=2, dtype=np.float64, names=None, seed=0):
    lengths = np.asarray(lengths, dtype=int)
    data = np.random.default_rng(seed).normal(size=(lengths.sum(), n_features))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(int)
    return SequenceArray(data.astype(dtype), offsets, names)


def assert_equal(X, expected):
    """Compare two SequenceArrays: bits, dtype, lengths and names."""
    assert type(X) is SequenceArray
    assert X.dtype == expected.dtype
    assert X.offsets.dtype == np.intp
    np.testing.assert_array_equal(X.offsets, expected.offsets)
    assert X.data.tobytes() == expected.data.tobytes()
    assert X.data.shape == expected.data.shape
    assert X.data.flags.c_contiguous
    assert X.feature_names == expected.feature_names


def with_names(X):
    """What X is in formats whose features always have names."""
    names = X.feature_names or [f"x{j}" for j in range(X.n_features)]
    return SequenceArray(X.data, X.offsets, names)
