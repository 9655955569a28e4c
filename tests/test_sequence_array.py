"""SequenceArray: round trips, indexing, what it is made of."""

import copy
import pickle
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_cases import assert_same, ragged, random_list
from sklearn.utils import _safe_indexing

from sklstm.sequences import SequenceArray, check_sequences

pytestmark = pytest.mark.filterwarnings("error")


def test_worked_example():
    X = SequenceArray.from_list([[[1, 2], [3, 4], [5, 6]], [[7, 8]]])
    np.testing.assert_array_equal(X.data, [[1, 2], [3, 4], [5, 6], [7, 8]])
    np.testing.assert_array_equal(X.offsets, [0, 3, 4])
    np.testing.assert_array_equal(X.lengths, [3, 1])
    assert X.shape == (2, None, 2)
    assert (X.ndim, X.n_features, X.dtype, len(X)) == (3, 2, np.float64, 2)
    assert X.nbytes == 4 * 2 * 8 + 3 * np.dtype(np.intp).itemsize
    assert repr(X) == "<SequenceArray: 2 sequences, 1 to 3 steps, 2 features, float64>"
    padded = X.to_padded(fill_value=-1)
    np.testing.assert_array_equal(padded[1], [[7, 8], [-1, -1], [-1, -1]])
    assert X.to_padded(n_steps=5).shape == (2, 5, 2)
    with pytest.raises(ValueError, match="3 steps does not fit in 2"):
        X.to_padded(n_steps=2)


@settings(deadline=None, max_examples=60)
@given(ragged())
def test_round_trips(sequences):
    X = SequenceArray.from_list(sequences)
    assert_same(X, sequences)
    assert_same(SequenceArray.from_list(X.to_list()), sequences)
    assert_same(SequenceArray.from_padded(X.to_padded()), sequences)
    assert_same(SequenceArray.from_padded(X.to_padded(0.0), X.lengths), sequences)
    assert_same(SequenceArray(X.data, X.offsets), sequences)
    assert_same(pickle.loads(pickle.dumps(X)), sequences)
    assert_same(copy.deepcopy(X), sequences)
    assert list(map(len, X)) == [len(s) for s in sequences]
    for form in (sequences, tuple(sequences), X, X.to_padded(n_steps=7)):
        assert_same(check_sequences(form), sequences)


@settings(deadline=None, max_examples=100)
@given(ragged(), st.data())
def test_indexing_is_that_of_a_list(sequences, data):
    X, n = SequenceArray.from_list(sequences), len(sequences)
    index = st.integers(-n, n - 1)
    i = data.draw(index)
    np.testing.assert_array_equal(X[i], sequences[i])
    key = data.draw(st.slices(n))
    assert_same(X[key], sequences[key])
    indices = data.draw(st.lists(index, max_size=12))
    expected = [sequences[i] for i in indices]
    for key in (indices, np.array(indices, dtype=int), np.array(indices, np.int8)):
        assert_same(X[key], expected)
    assert_same(X[np.array(indices, dtype=int), ...], expected)
    assert_same(_safe_indexing(X, indices), expected)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    expected = [s for s, keep in zip(sequences, mask, strict=True) if keep]
    assert_same(X[mask], expected)
    assert_same(X[mask.tolist()], expected)
    # An index of an index: a slice has offsets of its own.
    tail = [s for s, keep in zip(sequences[1:], mask[1:], strict=True) if keep]
    assert_same(X[1:][mask[1:]], tail)


@pytest.mark.parametrize(
    "key",
    [3, -4, [0, 3], [-4], 1.0, [0.5], "a", None, [True], True, [[0, 1]], (0, 1), (0,),
     (0, slice(None), 1), np.array([True, False]), (..., 0)],
)  # fmt: skip
def test_bad_index(key):
    X = SequenceArray.from_list(random_list([2, 3, 1]))
    with pytest.raises(IndexError, match=r"index|Index|Expected an integer"):
        X[key]


def test_slices_share_memory_and_nothing_else_is_pickled():
    X = SequenceArray.from_list(random_list([5] * 1000))
    part = X[2:5]
    assert np.shares_memory(part.data, X.data)
    assert np.shares_memory(X[7], X.data)
    assert all(np.shares_memory(s, X.data) for s in X.to_list())
    assert not np.shares_memory(X[[2, 3, 4]].data, X.data)
    assert part == X[[2, 3, 4]]
    assert len(pickle.dumps(X)) > X.nbytes
    assert len(pickle.dumps(part)) < part.nbytes + 1000
    assert pickle.loads(pickle.dumps(part)) == part
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(part, protocol)) == part


def test_pickle_protocol_5_takes_numbers_out_of_band():
    X = SequenceArray.from_list(random_list([50] * 100))[10:90]
    buffers = []
    head = pickle.dumps(X, protocol=5, buffer_callback=buffers.append)
    assert len(head) < 1000
    assert sum(len(b.raw()) for b in buffers) == X.nbytes
    back = pickle.loads(head, buffers=buffers)
    assert back == X
    assert np.shares_memory(back.data, X.data)


def test_what_dask_and_joblib_ask_of_data_that_they_send():
    """A name by content, the size, and a weak reference by which to know it again."""
    X = SequenceArray.from_list(random_list([5, 0, 3]))
    name = X.__dask_tokenize__()
    assert SequenceArray(X.data.copy(), X.offsets.copy()).__dask_tokenize__() == name
    assert pickle.loads(pickle.dumps(X)).__dask_tokenize__() == name
    changed = X.data.copy()
    changed[7] = np.nextafter(changed[7], np.inf)
    others = [
        SequenceArray(changed, X.offsets),
        SequenceArray(X.data, [0, 5, 8, 8]),
        SequenceArray(X.data, X.offsets, feature_names=("a", "b", "c")),
        X[[1, 0, 2]],
        X.astype("float32"),
        SequenceArray(X.data.reshape(24, 1), [0, 15, 15, 24]),
        SequenceArray(X.data[:0], [0, 0, 0]),
        SequenceArray(X.data[:0], [0]),
    ]
    names = {name, *(other.__dask_tokenize__() for other in others)}
    assert len(names) == 1 + len(others)
    assert X.nbytes <= sys.getsizeof(X) <= X.nbytes + 200
    assert weakref.ref(X)() is X


def test_equality_is_one_bool():
    X = SequenceArray.from_list(random_list([2, 0, 3]))
    assert (X == SequenceArray(X.data.copy(), X.offsets)) is True
    assert SequenceArray(X.data, [0, 3, 3, 5]) != X
    assert SequenceArray(X.data + 1e-9, X.offsets) != X
    assert X[:2] != X
    assert SequenceArray.from_list([np.zeros((0, 2))]) != SequenceArray.from_list(
        [np.zeros((0, 3))]
    )
    nan = SequenceArray([[np.nan]], [0, 1])
    assert nan == SequenceArray([[np.nan]], [0, 1])
    assert X != "X"
    assert X != X.to_list()
    with pytest.raises(TypeError, match="unhashable"):
        hash(X)


def test_astype():
    X = SequenceArray.from_list(random_list([2, 3]))
    Y = X.astype("float32")
    assert Y.dtype == np.float32
    np.testing.assert_array_equal(Y.data, X.data.astype(np.float32))
    assert X.astype(np.float64, copy=False) is X
    assert not np.shares_memory(X.astype(np.float64).data, X.data)
    with pytest.raises(ValueError, match="float32 or float64"):
        X.astype(int)


def test_asarray_is_refused():
    X = SequenceArray.from_list(random_list([2, 2]))
    with pytest.raises(TypeError, match=r"to_padded\(\).*to_list\(\)"):
        np.asarray(X)


def test_read_only():
    X = SequenceArray.from_list(random_list([2, 2]))
    for name in ("data", "offsets", "feature_names", "new"):
        with pytest.raises(AttributeError):
            setattr(X, name, None)


@pytest.mark.parametrize(
    ("text", "X"),
    [
        ("1 sequence, 1 step, 1 feature, float32", np.ones((1, 1, 1), np.float32)),
        ("2 sequences, 3 steps, 4 features, float64", np.ones((2, 3, 4))),
        ("0 sequences, 4 features, float64", np.ones((0, 3, 4))),
    ],
)
def test_repr(text, X):
    assert repr(SequenceArray.from_padded(X)) == f"<SequenceArray: {text}>"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones(3), [0, 3]), "matrix of shape"),
        ((np.array([["a"]]), [0, 1]), "numeric matrix"),
        ((np.ones((3, 2)), [0, 2]), "rise from 0 to 3"),
        ((np.ones((3, 2)), [1, 3]), "rise from 0 to 3"),
        ((np.ones((3, 2)), [0, 2, 1, 3]), "rise from 0 to 3"),
        ((np.ones((3, 2)), [0, 5, 3]), "rise from 0 to 3"),
        ((np.ones((3, 2)), []), "vector of n_sequences"),
        ((np.ones((3, 2)), [0.0, 3.0]), "integers"),
        ((np.ones((3, 2)), [[0, 3]]), "vector"),
        ((np.ones((3, 2)), [0, 3], ["a"]), "1 feature names for 2 features"),
    ],
)
def test_bad_construction(args, message):
    with pytest.raises(ValueError, match=message):
        SequenceArray(*args)


def test_construction_converts_what_it_must_only():
    data = np.ones((4, 2), np.float32)
    assert np.shares_memory(SequenceArray(data, [0, 4]).data, data)
    assert SequenceArray([[1], [2]], [0, 1, 2]).dtype == np.float64
    assert SequenceArray(np.ones((4, 2), order="F"), [0, 4]).data.flags.c_contiguous


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1], "2 integers"),
        ([1.0, 2.0], "2 integers"),
        ([-1, 2], r"lengths\[0\] is -1"),
        ([3, 4], r"lengths\[1\] is 4, but .* 0 to 3"),
        ([[1, 2]], "2 integers"),
    ],
)
def test_bad_lengths(lengths, message):
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_padded(np.ones((2, 3, 1)), lengths)


def test_from_padded_and_from_list_refuse_other_things():
    with pytest.raises(ValueError, match="n_sequences, n_steps, n_features"):
        SequenceArray.from_padded(np.ones((2, 3)))
    with pytest.raises(ValueError, match="empty list"):
        SequenceArray.from_list([])


def test_padding_is_only_what_is_all_nan_to_the_end():
    nan = np.nan
    X = np.array([
        [[1, 2], [nan, nan], [3, 4], [nan, nan]],  # the gap is a missing step
        [[nan, nan], [nan, nan], [nan, nan], [nan, nan]],
        [[1, 2], [3, nan], [nan, 4], [nan, 5]],
        [[1, 2], [3, 4], [5, 6], [7, 8]],
    ])  # fmt: skip
    S = check_sequences(X, allow_nan=True)
    np.testing.assert_array_equal(S.lengths, [3, 0, 4, 4])
    np.testing.assert_array_equal(S[0], X[0, :3])
    np.testing.assert_array_equal(S[2], X[2])
    # lengths overrule what is in the array
    S = SequenceArray.from_padded(X, [1, 0, 2, 4])
    np.testing.assert_array_equal(S[2], X[2, :2])
