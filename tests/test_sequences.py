"""The container and the door: round trips, indexing, validation, messages."""

import copy
import pickle
import sys
import warnings
import weakref
from collections import deque
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing, resample

from sklstm.sequences import SequenceArray, check_sequences
from sklstm.sequences._check import validate_sequences

pytestmark = pytest.mark.filterwarnings("error")


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


# ---- the container --------------------------------------------------------------


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


# ---- long tables ------------------------------------------------------------------

LONG = {
    "id": ["b", "a", "b", "c", "a", "b"],
    "t": [3, 1, 1, 0, 0, 2],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "k": [1, 2, 3, 4, 5, 6],
}


@pytest.fixture(params=["pandas", "polars"])
def dataframe(request):
    return pytest.importorskip(request.param).DataFrame


def test_from_long(dataframe):
    X = SequenceArray.from_long(dataframe(LONG), by="id", sort="t")
    expected = [[[3, 3], [6, 6], [1, 1]], [[5, 5], [2, 2]], [[4, 4]]]
    assert_same(X, [np.array(s, dtype=float) for s in expected])
    assert X.feature_names == ("x", "k")
    assert X[1:].feature_names == X[[0]].feature_names == ("x", "k")
    assert pickle.loads(pickle.dumps(X)).feature_names == ("x", "k")
    assert X.astype("float32").feature_names == ("x", "k")
    # without sort the rows keep their order, and t is a feature
    X = SequenceArray.from_long(dataframe(LONG), by="id")
    np.testing.assert_array_equal(X[0], [[3, 1, 1], [1, 3, 3], [2, 6, 6]])


@pytest.mark.parametrize("n", [1, 50])
def test_from_long_agrees_with_groupby(n):
    rng = np.random.default_rng(n)
    frame = pd.DataFrame({
        "site": rng.choice(["x", "y"], n),
        "run": rng.integers(0, 4, n) * 10,
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 3, n), "D"),
        "hour": rng.integers(0, 3, n),
        "value": rng.normal(size=n),
    })  # fmt: skip
    X = SequenceArray.from_long(frame, by=["site", "run"], sort=["day", "hour"])
    groups = frame.groupby(["site", "run"], sort=False)
    expected = [
        g.sort_values(["day", "hour"], kind="stable")[["value"]].to_numpy()
        for _, g in groups
    ]
    assert_same(X, expected)
    keys = frame[["site", "run"]].drop_duplicates()
    assert len(keys) == len(X)


def test_from_long_types(dataframe):
    floats = {"id": [1, 1], "x": np.array([1, 2], np.float32)}
    assert SequenceArray.from_long(dataframe(floats), by="id").dtype == np.float32
    gaps = dataframe({"id": [1, 1, 2], "x": [1.0, None, 2.0]})
    np.testing.assert_array_equal(
        SequenceArray.from_long(gaps, by="id").data, [[1], [np.nan], [2]]
    )


def test_from_long_nullable_pandas():
    frame = pd.DataFrame({"id": [1, 1], "x": pd.array([1, None], dtype="Int64")})
    X = SequenceArray.from_long(frame, by="id")
    np.testing.assert_array_equal(X.data, [[1], [np.nan]])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"by": "nobody"}, "No column 'nobody'"),
        ({}, {"by": "id", "sort": "when"}, "No column 'when'"),
        ({}, {"by": []}, "at least one column"),
        ({}, {"by": ["id", "t"], "sort": ["x", "k"]}, "No feature column"),
        ({}, {"by": "t"}, "Column 'id' is not numeric"),
        ({"id": ["a", None, "b", "b", "b", "b"]}, {"by": "id"}, "missing value in row"),
        ({"t": [1.0, 2, float("nan"), 4, 5, 6]}, {"by": "id", "sort": "t"}, "in row 2"),
        ({"x": list("abcdef")}, {"by": "id"}, "Column 'x' is not numeric"),
    ],
)
def test_bad_long(dataframe, change, options, message):
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_long(dataframe({**LONG, **change}), **options)


def test_bad_long_pandas_only():
    frame = pd.DataFrame({"id": [1, 2], "x": pd.to_datetime(["2020", "2021"])})
    with pytest.raises(ValueError, match="Column 'x' is not numeric"):
        SequenceArray.from_long(frame, by="id")
    frame = pd.DataFrame({"id": pd.to_datetime(["2020", None]), "x": [1, 2]})
    with pytest.raises(ValueError, match="missing value in row 1"):
        SequenceArray.from_long(frame, by="id")
    frame = pd.DataFrame({"id": pd.array([1, None], dtype="Int64"), "x": [1, 2]})
    with pytest.raises(ValueError, match="missing value in row 1"):
        SequenceArray.from_long(frame, by="id")
    with pytest.raises(TypeError, match="DataFrame, got dict"):
        SequenceArray.from_long({"id": [1]}, by="id")


# ---- what check_sequences accepts -------------------------------------------------

A = np.arange(12.0).reshape(2, 3, 2)


@pytest.mark.parametrize(
    "X",
    [
        A,
        A.astype(np.int64),
        A.astype(np.uint8),
        A.astype(np.float16),
        A.astype(np.longdouble),
        A.astype(object),
        A.astype(">f8"),
        np.asfortranarray(A),
        np.repeat(A, 2, axis=1)[:, ::2],
        np.concatenate([A, np.full((2, 2, 2), np.nan)], axis=1),
        list(A),
        tuple(A),
        deque(A),
        A.tolist(),
        [A[0].tolist(), A[1]],
        [A[0], A[1].astype(int)],
        [A[0], np.asfortranarray(A[1])],
        [A[0].astype(object), A[1]],
        [[[Decimal(v) for v in row] for row in s] for s in A.tolist()],
        [pd.DataFrame(s) for s in A],
        [pd.DataFrame(A[0]), A[1]],
        SequenceArray(A.reshape(6, 2), [0, 3, 6]),
        pd.Series(list(A)),
    ],
    ids=lambda X: type(X).__name__,
)
def test_accepted_forms(X):
    assert_same(check_sequences(X), list(A))
    assert_same(check_sequences(X, dtype="float32"), list(A.astype(np.float32)))


def test_object_array_of_ragged_sequences():
    X = np.empty(2, dtype=object)
    X[:] = random_list([2, 5])
    assert_same(check_sequences(X), list(X))


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2, 3], [4]],
        [np.array([1.0, 2, 3]), np.array([4.0])],
        [pd.Series([1, 2, 3]), pd.Series([4])],
        ([1, 2, 3], (4,)),
        [np.array([[1.0], [2], [3]]), np.array([[4.0]])],
        np.array([[[1], [2], [3]], [[4], [np.nan], [np.nan]]]),
    ],
)
def test_univariate_ragged(X):
    assert_same(check_sequences(X), [np.array([[1.0], [2], [3]]), np.array([[4.0]])])


@pytest.mark.parametrize("kind", [np.array, list, pd.DataFrame, tuple])
def test_two_dimensional_is_n_univariate_sequences(kind):
    rows = [[1, 2, 3], [4, 5, 6]]
    X = check_sequences(kind(rows))
    assert_same(X, [np.array(row, dtype=float)[:, None] for row in rows])


def test_bool_is_a_number():
    assert check_sequences(np.ones((2, 3, 1), bool)).dtype == np.float64


@pytest.mark.parametrize(
    ("X", "lengths", "n_features"),
    [
        ([np.empty((0, 3))], [0], 3),
        ([np.empty(0), np.empty(0)], [0, 0], 1),
        ([np.ones(2), []], [2, 0], 1),
        ([np.ones((2, 4)), [], np.empty((0, 4))], [2, 0, 0], 4),
        ([[], np.ones((2, 4))], [0, 2], 4),
        ([[[1, 2]], []], [1, 0], 2),
        (np.empty((3, 0, 2)), [0, 0, 0], 2),
        (np.full((2, 3, 2), np.nan), [0, 0], 2),
    ],
)
def test_sequences_of_no_steps(X, lengths, n_features):
    S = check_sequences(X)
    np.testing.assert_array_equal(S.lengths, lengths)
    assert S.n_features == n_features


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_copy_where_none_is_needed(dtype):
    for X in (np.ones((4, 5, 3), dtype), np.ones((4, 5), dtype)):
        assert np.shares_memory(check_sequences(X).data, X)
        assert np.shares_memory(check_sequences(X, dtype=dtype).data, X)
        assert not np.shares_memory(check_sequences(X, copy=True).data, X)
        X.flags.writeable = False
        assert np.shares_memory(check_sequences(X).data, X)
    x = np.ones((5, 3), dtype)
    assert np.shares_memory(check_sequences([x]).data, x)
    S = check_sequences([x, x])
    assert check_sequences(S) is S
    assert check_sequences(S, dtype=dtype) is S
    assert not np.shares_memory(check_sequences(S, copy=True).data, S.data)


def test_min_samples():
    assert len(check_sequences(np.ones((0, 3, 2)), ensure_min_samples=0)) == 0
    assert len(check_sequences(np.ones((0, 3)), ensure_min_samples=0)) == 0
    with pytest.raises(ValueError, match=r"2 sample\(s\).*minimum of 3 is required"):
        check_sequences(random_list([1, 2]), ensure_min_samples=3)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        check_sequences([], ensure_min_samples=0)  # how many features?


# ---- what it refuses --------------------------------------------------------------

ones = np.ones


def _masked(shape):
    return np.ma.masked_array(ones(shape), mask=False)


def a_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(np.ones((2, 2)))


NO_SEQUENCES = "Expected sequences as"
RESHAPE = "Reshape your data"
MALFORMED = {
    # no container of sequences
    "None": (None, NO_SEQUENCES),
    "str": ("abc", NO_SEQUENCES),
    "bytes": (b"abc", NO_SEQUENCES),
    "dict": ({"a": ones(3)}, NO_SEQUENCES),
    "dict of int": ({0: ones((3, 2))}, NO_SEQUENCES),
    "empty dict": ({}, NO_SEQUENCES),
    "set": ({1, 2}, NO_SEQUENCES),
    "frozenset": (frozenset([1]), NO_SEQUENCES),
    "generator": ((ones((3, 2)) for _ in range(2)), r"Pass list\(X\)"),
    "iterator": (iter([ones((3, 2))]), r"Pass list\(X\)"),
    "map": (map(np.ones, [3]), r"Pass list\(X\)"),
    "zip": (zip([1], [2], strict=True), r"Pass list\(X\)"),
    "dict values": ({"a": ones((3, 2))}.values(), r"Pass list\(X\)"),
    "object": (object(), NO_SEQUENCES),
    "class": (int, NO_SEQUENCES),
    "function": (len, NO_SEQUENCES),
    "ellipsis": (..., NO_SEQUENCES),
    "slice": (slice(3), NO_SEQUENCES),
    "bytearray": (bytearray(b"abc"), RESHAPE),
    # wrong rank
    "int": (3, RESHAPE),
    "float": (3.0, RESHAPE),
    "bool": (True, RESHAPE),
    "numpy scalar": (np.float32(3), RESHAPE),
    "0-D": (np.array(3.0), RESHAPE),
    "1-D": (ones(4), RESHAPE),
    "1-D int": (np.arange(4), RESHAPE),
    "1-D object": (np.array([1, 2.5, 3], dtype=object), RESHAPE),
    "list of numbers": ([1, 2, 3], RESHAPE),
    "list of numpy scalars": ([np.float64(1), np.float64(2)], RESHAPE),
    "tuple of numbers": ((1.0, 2.0), RESHAPE),
    "range": (range(4), RESHAPE),
    "Series": (pd.Series([1.0, 2.0]), RESHAPE),
    "Index": (pd.Index([1.0, 2.0]), RESHAPE),
    "4-D": (ones((2, 2, 2, 2)), "dim 4.*dim <= 3"),
    "5-D": (ones((1, 1, 1, 1, 1)), "dim 5.*dim <= 3"),
    "items 0-D": ([np.array(1.0)], "Sample 0 .*0 dimension"),
    "items 3-D": ([ones((2, 2, 2))], "Sample 0 .*3 dimension"),
    "(X, y)": ((ones((3, 4, 2)), ones(3)), "Sample 0 .*3 dimension"),
    "nested 4": ([[[[1.0]]]], "Sample 0 .*3 dimension"),
    "item 4-D": ([ones((2, 2)), ones((2, 2, 1, 1))], "Sample 1 .*4 dimension"),
    "2-D then 3-D": ([ones((2, 2)), ones((2, 2, 2))], "Sample 1 .*3 dimension"),
    "2-D then scalar": ([ones((2, 2)), 3.0], "Sample 1 .*0 dimension"),
    "2-D then 1-D": ([ones((2, 2)), ones(3)], "Sample 1 has shape"),
    "1-D then 2-D": ([ones(3), ones((2, 2))], "Sample 1 has shape"),
    "late 1-D": ([ones((2, 1))] * 5 + [ones(2)], "Sample 5 has shape"),
    # empty
    "list": ([], r"0 sample\(s\) .*minimum of 1 is required"),
    "tuple": ((), r"0 sample\(s\) .*minimum of 1 is required"),
    "object array": (np.empty(0, object), r"0 sample\(s\)"),
    "(0,)": (np.empty(0), RESHAPE),
    "(0, T)": (ones((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\)"),
    "(0, T, F)": (ones((0, 3, 2)), r"0 sample\(s\) \(shape=\(0, 3, 2\)\)"),
    "empty SequenceArray": (SequenceArray(ones((0, 2)), [0]), r"0 sample\(s\)"),
    "DataFrame (0, 1)": (pd.DataFrame({"a": np.empty(0)}), r"0 sample\(s\)"),
    "DataFrame (0, 0)": (pd.DataFrame(), r"0 sample\(s\) \(shape=\(0, 0\)\)"),
    "(n, 0)": (ones((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1"),
    "(n, T, 0)": (ones((3, 4, 0)), r"0 feature\(s\) \(shape=\(3, 4, 0\)\)"),
    "(n, 0, 0)": (ones((3, 0, 0)), r"0 feature\(s\)"),
    "items (T, 0)": ([ones((3, 0))], r"0 feature\(s\)"),
    "items (0, 0)": ([ones((0, 0))], r"0 feature\(s\)"),
    "[[], []]": ([[], []], r"0 feature\(s\)"),
    "SequenceArray F=0": (SequenceArray(ones((3, 0)), [0, 3]), r"0 feature\(s\)"),
    # ragged features
    "F differs": ([ones((2, 2)), ones((2, 3))], "Sample 1 has 3 features, but 2"),
    "F differs late": ([ones((2, 2))] * 7 + [ones((2, 1))], "Sample 7 has 1 features"),
    "F differs, no steps": ([ones((2, 2)), ones((0, 3))], "Sample 1 has 3 features"),
    "steps differ": ([[[1, 2], [3]]], "Sample 0 cannot be read"),
    "steps differ later": ([[[1, 2]], [[1, 2], [3]]], "Sample 1 cannot be read"),
    "step and number": ([[[1, 2], 3]], "Sample 0 cannot be read"),
    "ragged object": ([np.array([[1, 2], [3]], dtype=object)], "Sample 0 .*ragged"),
    "columns differ": (
        [pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [1], "a": [2]})],
        r"Sample 1 has the columns \['b', 'a'\]",
    ),
    # no numbers
    "str 2-D": (np.array([["a", "b"]]), "numeric"),
    "digits as str": (np.array([["1", "2"]]), "numeric"),
    "bytes 2-D": (np.array([[b"a", b"b"]]), "numeric"),
    "str 3-D": (np.full((1, 2, 2), "a"), "X is not numeric"),
    "list of str": (["ab", "cd"], "Sample 0 is of type str"),
    "list of bytes": ([b"ab", b"cd"], "Sample 0 is of type bytes"),
    "lists of str": ([["a", "b"], ["c", "d"]], "numeric"),
    "ragged str": ([["a"], ["c", "d"]], "Sample 0 is not numeric"),
    "str item": ([ones((2, 2)), "a"], "Sample 1 is of type str"),
    "str arrays": ([ones(2), np.array(["a"])], "Sample 1 is not numeric"),
    "None item": ([ones((2, 2)), None], "Sample 1 is of type NoneType"),
    "dict item": ([ones((2, 2)), {"a": 1}], "Sample 1 is of type dict"),
    "set item": ([ones(2), {1, 2}], "Sample 1 is of type set"),
    "generator item": ([ones(2), (i for i in range(2))], "Sample 1 is of type gen"),
    "object item": ([ones(2), object()], "Sample 1 "),
    "list of dicts": ([{"a": 1}, {"a": 2}], "Sample 0 is of type dict"),
    "list of None": ([None, None], RESHAPE),
    "dict in object 2-D": (np.array([[{"a": 1}, 2]], object), "number, not 'dict'"),
    "dict in object 3-D": (np.array([[[{"a": 1}]]], object), "not numbers"),
    "dict in item": ([np.array([[{}]], object)], "Sample 0 holds"),
    "str in item": ([[1, 2], [1, "a", 2]], "Sample 1 is not numeric"),
    "str in object item": ([[1, 2], np.array([1, "a"], object)], "Sample 1 holds"),
    "mixed object 2-D": (np.array([[1, "a"]], object), "could not convert string"),
    "list in object 2-D": (np.array([[[1, 2], 3]], object), "sequence"),
    "NA in item": (
        [np.array([[1.0, pd.NA]], object)],
        "NaN: sample 0, step 0, feature 1",
    ),
    "datetime 2-D": (np.zeros((2, 2), "M8[s]"), "X is not numeric"),
    "datetime 3-D": (np.zeros((2, 2, 2), "M8[s]"), "X is not numeric"),
    "timedelta items": ([np.zeros((2, 2), "m8[s]")], "Sample 0 is not numeric"),
    "structured": (np.zeros((2, 2), [("a", float)]), "numeric"),
    "structured items": ([np.zeros((2, 2), [("a", float)])], "Sample 0 is not numeric"),
    "void": (np.zeros((2, 2), "V4"), "numeric"),
    "DataFrame of str": (pd.DataFrame({"a": ["x"]}), "could not convert string"),
    "DataFrames of str": ([pd.DataFrame({"a": ["x"]})], "Sample 0 holds"),
    "complex 2-D": (ones((2, 2)) * 1j, "Complex data not supported"),
    "complex 3-D": (ones((2, 2, 2)) * 1j, "Complex data not supported"),
    "complex item": ([ones((2, 2)), ones((3, 2)) * 1j], "Complex data.*\n.*Sample 1"),
    "complex numbers": ([[1j, 2], [3, 4]], "Complex data not supported"),
    # containers whose meaning would be lost
    "sparse matrix": (sp.csr_matrix(ones((2, 2))), "dense data is required"),
    "sparse array": (sp.coo_array(ones((2, 2))), "dense data is required"),
    "sparse items": ([ones((2, 2)), sp.csr_array(ones((2, 2)))], "Sample 1 is sparse"),
    "masked 2-D": (_masked((2, 2)), "masked array"),
    "masked 3-D": (_masked((2, 2, 2)), "masked array.*filled"),
    "masked 1-D": (_masked(2), "masked array"),
    "masked item": ([ones((2, 2)), _masked((2, 2))], "Sample 1 is a masked array"),
    "matrix": (a_matrix(), "np.matrix is not supported"),
    # numbers that are not finite
    "NaN 2-D": (np.array([[1, np.nan]]), "NaN: sample 0, step 1, feature 0"),
    "None in 2-D": ([[1, None], [2, 3]], "NaN: sample 0, step 1, feature 0"),
    "NaN first step": (
        np.array([[[np.nan], [1.0]]]),
        "NaN: sample 0, step 0, feature 0",
    ),
    "NaN at the end of an item": (
        [ones((2, 1)), np.array([[1], [np.nan]])],
        "NaN: sample 1, step 1, feature 0",
    ),
    "inf 2-D": (np.array([[1, 2], [3, np.inf]]), "infinity.*sample 1, step 1"),
    "-inf 3-D": (np.array([[[1, -np.inf]]]), "infinity.*sample 0, step 0, feature 1"),
    "inf as float16": (np.array([[[np.inf]]], np.float16), "infinity"),
    "inf in a list": ([[1, 2, 3], [float("inf")]], "infinity.*sample 1, step 0"),
}


def test_there_are_a_hundred_malformed_inputs():
    assert len(MALFORMED) >= 100


@pytest.mark.parametrize(("X", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(X, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        check_sequences(X)
    assert caught.type in (TypeError, ValueError)
    if hasattr(X, "__next__"):
        return
    estimator = Estimator()
    with pytest.raises((TypeError, ValueError), match=message):
        validate_sequences(estimator, X, reset=True)
    assert vars(estimator) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["list", "3-D", "SequenceArray", "padded"])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_not_finite_is_named(value, form, data):
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    if form == "3-D":
        lengths = [4] * len(lengths)
    lengths.insert(data.draw(st.integers(0, len(lengths))), 4)
    sequences = random_list(lengths, 3)
    sample = data.draw(st.sampled_from([i for i, T in enumerate(lengths) if T]))
    step = data.draw(st.integers(0, lengths[sample] - 1))
    feature = data.draw(st.integers(0, 2))
    sequences[sample][step, feature] = value
    X = {
        "list": lambda: sequences,
        "3-D": lambda: np.stack(sequences),
        "SequenceArray": lambda: SequenceArray.from_list(sequences),
        "padded": lambda: SequenceArray.from_list(sequences).to_padded(n_steps=7),
    }[form]()
    word = "NaN" if np.isnan(value) else "infinity"
    match = f"contains {word}.*: sample {sample}, step {step}, feature {feature}"
    with pytest.raises(ValueError, match=match):
        check_sequences(X)
    if np.isnan(value):
        assert np.isnan(check_sequences(X, allow_nan=True)[sample][step, feature])
    else:
        with pytest.raises(ValueError, match=match):
            check_sequences(X, allow_nan=True)


def test_ways_out_are_named():
    with pytest.raises(ValueError, match=r"SimpleImputer.*X\[:, :, np.newaxis\]"):
        check_sequences([[1, np.nan]])
    with pytest.raises(ValueError, match=r"SimpleImputer.*all NaN are padding"):
        check_sequences([[1, np.nan], [1, 2, 3]])
    frame = pd.DataFrame({"id": [1, 1], "pulse": [1, np.nan]})
    with pytest.raises(ValueError, match=r"feature 0 \(pulse\)"):
        check_sequences(SequenceArray.from_long(frame, by="id"))


@pytest.mark.parametrize("form", ["list", "3-D", "2-D", "SequenceArray"])
def test_too_large_for_float32(form):
    X = np.ones((3, 4, 1))
    X[2, 1, 0] = 1e300
    X = {
        "list": list(X),
        "3-D": X,
        "2-D": X[:, :, 0],
        "SequenceArray": SequenceArray.from_padded(X),
    }[form]
    assert check_sequences(X)[2][1, 0] == 1e300
    match = r"too large for dtype\('float32'\): sample 2, step 1, feature 0"
    with pytest.raises(ValueError, match=match):
        check_sequences(X, dtype="float32")


@pytest.mark.parametrize("dtype", [int, "float16", object])
def test_bad_dtype(dtype):
    with pytest.raises(ValueError, match="float32 or float64"):
        check_sequences(A, dtype=dtype)


def test_sums_that_overflow_are_finite():
    big = np.finfo(np.float32).max
    X = np.full((2, 50, 1), big, np.float32)
    assert check_sequences(X).data.max() == big


# ---- what an estimator remembers --------------------------------------------------


class Estimator(BaseEstimator):
    def fit(self, X, y=None):
        validate_sequences(self, X, reset=True)
        return self


def fitted_on(X):
    return Estimator().fit(X)


FORMS = [
    A,
    list(A),
    SequenceArray.from_padded(A),
    np.concatenate([A, np.full((2, 1, 2), np.nan)], axis=1),
]


@pytest.mark.parametrize("X", FORMS)
@pytest.mark.parametrize("X_new", FORMS)
def test_features_of_sequences(X, X_new):
    estimator = fitted_on(X)
    assert estimator.n_features_in_ == 2
    assert estimator._n_sequence_features == 2
    assert not hasattr(estimator, "feature_names_in_")
    assert_same(validate_sequences(estimator, X_new, reset=False), list(A))


@pytest.mark.parametrize(
    "X", [np.ones((2, 5, 3)), [np.ones((4, 3))], [np.ones(3), np.ones(2)]]
)
def test_other_number_of_features(X):
    F = check_sequences(X).n_features
    match = f"X has {F} features, but Estimator is expecting 2 features as input"
    with pytest.raises(ValueError, match=match):
        validate_sequences(fitted_on(A), X, reset=False)


def test_one_sequence_instead_of_sequences():
    match = r"X has 1 features.*expecting 2.* \(3, 2\) is read as 3 univ.*X\[None\]"
    with pytest.raises(ValueError, match=match):
        validate_sequences(fitted_on(A), A[0], reset=False)


def test_features_of_2d():
    estimator = fitted_on(np.ones((4, 3)))
    assert estimator.n_features_in_ == 3
    assert estimator._n_sequence_features == 1
    validate_sequences(estimator, np.ones((2, 3)), reset=False)
    validate_sequences(estimator, [[1, 2, 3]], reset=False)
    match = "X has 2 features, but Estimator is expecting 3 features as input"
    for X in (np.ones((4, 2)), [[1, 2]], pd.DataFrame([[1, 2]])):
        with pytest.raises(ValueError, match=match):
            validate_sequences(estimator, X, reset=False)
    # Sequences of another length are welcome in a form that has lengths.
    validate_sequences(estimator, np.ones((2, 7, 1)), reset=False)
    validate_sequences(estimator, [np.ones(2)], reset=False)
    with pytest.raises(ValueError, match="X has 2 features.*expecting 1 features"):
        validate_sequences(estimator, np.ones((2, 3, 2)), reset=False)


def test_one_column_is_still_2d():
    estimator = fitted_on(np.ones((4, 1)))
    with pytest.raises(ValueError, match="X has 2 features.*expecting 1 features"):
        validate_sequences(estimator, np.ones((4, 2)), reset=False)


def test_univariate_sequences_take_2d_of_any_length():
    estimator = fitted_on([np.ones(3), np.ones(2)])
    assert estimator.n_features_in_ == 1
    for T in (1, 3, 9):
        X = validate_sequences(estimator, np.ones((2, T)), reset=False)
        assert X.shape == (2, None, 1)


def test_list_of_vectors_does_not_depend_on_their_lengths():
    for X in ([np.ones(3), np.ones(3)], [np.ones(3), np.ones(2)]):
        estimator = fitted_on(X)
        assert estimator.n_features_in_ == 1
        validate_sequences(estimator, [np.ones(4)], reset=False)


def test_column_names_of_2d():
    X = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "b"])
    estimator = fitted_on(X)
    np.testing.assert_array_equal(estimator.feature_names_in_, ["a", "b"])
    validate_sequences(estimator, X, reset=False)
    with pytest.raises(ValueError, match="feature names should match"):
        validate_sequences(estimator, X[["b", "a"]], reset=False)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Es"):
        validate_sequences(estimator, X.to_numpy(), reset=False)
    with pytest.warns(UserWarning, match="X has feature names, but Estimator was"):
        validate_sequences(fitted_on(X.to_numpy()), X, reset=False)
    validate_sequences(estimator, X.to_numpy(), reset=True)
    assert not hasattr(estimator, "feature_names_in_")


def named(names, rows=3):
    return SequenceArray(np.ones((rows, len(names))), [0, rows], names)


def test_names_of_sequences():
    estimator = fitted_on(named(["a", "b"]))
    np.testing.assert_array_equal(estimator.feature_names_in_, ["a", "b"])
    assert estimator.feature_names_in_.dtype == object
    validate_sequences(estimator, named(["a", "b"], 5), reset=False)
    frames = [pd.DataFrame(A[0], columns=["a", "b"])]
    validate_sequences(estimator, frames, reset=False)
    with pytest.raises(ValueError, match="feature names should match"):
        validate_sequences(estimator, named(["b", "a"]), reset=False)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        validate_sequences(estimator, A, reset=False)
    with pytest.warns(UserWarning, match="X has feature names, but Estimator was"):
        validate_sequences(fitted_on(A), named(["a", "b"]), reset=False)
    validate_sequences(estimator, A, reset=True)
    assert not hasattr(estimator, "feature_names_in_")


def test_what_is_refused_changes_nothing():
    estimator = fitted_on(named(["a", "b"]))
    before = dict(vars(estimator))
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["x", "y", "z"])
    for bad in (frame.assign(z=np.nan), frame.rename(columns={"x": 1}), [A[0], A]):
        with pytest.raises((ValueError, TypeError)):
            validate_sequences(estimator, bad, reset=True)
        assert vars(estimator) == before
    validate_sequences(estimator, frame, reset=True)
    assert estimator.n_features_in_ == 3
    np.testing.assert_array_equal(estimator.feature_names_in_, ["x", "y", "z"])


def test_not_fitted():
    with pytest.raises(NotFittedError):
        validate_sequences(Estimator(), A, reset=False)


@pytest.mark.parametrize("X", [A, A[0], list(A)])
def test_errors_name_the_estimator_when_samples_are_missing(X):
    with pytest.raises(ValueError, match=r"0 sample\(s\).*required by Estimator"):
        validate_sequences(Estimator(), X[:0], reset=True)


# ---- scikit-learn's tools ---------------------------------------------------------


def test_scikit_learn_splits_and_samples():
    sequences = random_list([1, 4, 2, 0, 3, 5])
    X, y = SequenceArray.from_list(sequences), np.arange(6)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert_same(X_train, [sequences[i] for i in y_train])
    assert_same(X_test, [sequences[i] for i in y_test])
    for train, _ in KFold(3).split(X):
        assert_same(_safe_indexing(X, train), [sequences[i] for i in train])
    Xb, yb = resample(X, y, random_state=0)
    assert_same(Xb, [sequences[i] for i in yb])


def test_many_short_sequences_are_fast():
    # Not a benchmark: a Python-level check per step would take minutes.
    lengths = np.random.default_rng(0).integers(0, 5, 100_000)
    flat = np.ones((lengths.sum(), 2))
    bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    X = check_sequences([flat[a:b] for a, b in pairwise(bounds)])
    np.testing.assert_array_equal(X.lengths, lengths)
