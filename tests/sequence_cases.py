"""Lists of sequences, and when they are the same."""

import numpy as np
from hypothesis import strategies as st

from sklstm.sequences import SequenceArray


def random_list(lengths, n_features=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(T, n_features)).astype(dtype) for T in lengths]


@st.composite
def ragged(draw, min_size=1):
    lengths = draw(st.lists(st.integers(0, 6), min_size=min_size, max_size=8))
    n_features = draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return random_list(lengths, n_features, dtype, draw(st.integers(0, 99)))


def assert_same(X, expected):
    """Compare a SequenceArray with a list of arrays, bit by bit."""
    assert isinstance(X, SequenceArray)
    assert len(X) == len(expected)
    for got, want in zip(X.to_list(), expected, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
    assert X.offsets.dtype == np.intp
    assert X.offsets[0] == 0
    assert X.offsets[-1] == len(X.data)
    assert X.data.flags.c_contiguous
