"""SequenceArrays of ids: int32 with a vocabulary, wherever they go."""

import copy
import pickle
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from cases import all_estimators, assert_same_outputs, make_target, outputs, small
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, resample, shuffle

from sklstm import GRUClassifier, LSTMRegressor
from sklstm.inspection import sequence_permutation_importance
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences
from sklstm.sequences import _vocabulary as vocabularies

WORDS = ("<unk>", "a", "b", "c", "d")


def tokens(lists, vocabulary=WORDS):
    lengths = [len(ids) for ids in lists]
    data = np.array([i for ids in lists for i in ids], dtype=int)[:, np.newaxis]
    return SequenceArray(data, np.cumsum([0, *lengths]), vocabulary=vocabulary)


def some():
    return tokens([[1, 2, 3], [], [4], [0, 0, 1, 2]])


@st.composite
def id_lists(draw):
    return draw(
        st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=8)
    )


def assert_tokens(X, lists, dtype=np.int32):
    assert type(X) is SequenceArray and X.dtype == dtype and X.n_features == 1
    assert X.vocabulary is WORDS
    assert [x[:, 0].tolist() for x in X] == [list(ids) for ids in lists]


# ---- made ----------------------------------------------------------------------------


def test_worked_example():
    X = some()
    assert_tokens(X, [[1, 2, 3], [], [4], [0, 0, 1, 2]])
    assert (X.shape, X.ndim, X.n_features) == ((4, None, 1), 3, 1)
    assert X.nbytes == 8 * 4 + 5 * np.dtype(np.intp).itemsize
    assert repr(X) == (
        "<SequenceArray: 4 sequences, 0 to 4 tokens, vocabulary of 5, int32>"
    )
    assert repr(X[2:3].astype("float32")) == (
        "<SequenceArray: 1 sequence, 1 token, vocabulary of 5, float32>"
    )
    assert repr(X[:0]) == "<SequenceArray: 0 sequences, vocabulary of 5, int32>"


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", ">i4", "int32", "int64", "uint64"]
)
def test_integers_become_int32(dtype):
    data = np.array([[1], [4], [0]], dtype=dtype)
    X = SequenceArray(data, [0, 2, 3], vocabulary=list(WORDS))
    assert X.dtype == np.int32 and X.dtype.isnative
    assert X.data.tolist() == data.tolist()
    assert X.vocabulary == WORDS
    assert np.shares_memory(X.data, data) == (dtype == "int32")


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "longdouble", object]
)
def test_floats_stay_floats(dtype):
    X = SequenceArray(np.array([[1], [4]], dtype=dtype), [0, 2], vocabulary=WORDS)
    assert X.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert X.data.tolist() == [[1.0], [4.0]] and X.vocabulary is WORDS
    assert X == SequenceArray([[1], [4]], [0, 2], vocabulary=WORDS)


def test_without_a_vocabulary_integers_are_numbers():
    integers = np.array([[1], [2], [3]], dtype=np.int32)
    for X in (
        SequenceArray(integers, [0, 3]),
        SequenceArray.from_list([integers]),
        SequenceArray.from_padded(integers[np.newaxis]),
        SequenceArray.from_aeon([integers.T]),
        SequenceArray.from_long(
            pd.DataFrame({"id": [0] * 3, "x": np.int32([1, 2, 3])}), by="id"
        ),
        check_sequences(integers.T),
        check_sequences([integers]),
        check_sequences([[1, 2, 3]]),
    ):
        assert X.dtype == np.float64 and X.vocabulary is None
        assert X.data.tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    "data, offsets, vocabulary, error, message",
    [
        ([[1, 2]], [0, 1], WORDS, ValueError, "one column of ids, got 2 columns"),
        ([[1], [5], [0]], [0, 1, 3], WORDS, ValueError,
         r"ids from 0 to 4; got 5 at sample 1, step 0"),
        ([[1], [0], [-1]], [0, 1, 3], WORDS, ValueError,
         r"got -1 at sample 1, step 1"),
        ([[0], [0.5]], [0, 0, 2], WORDS, ValueError, r"got 0.5 at sample 1, step 1"),
        ([[np.nan]], [0, 1], WORDS, ValueError, "got nan at sample 0, step 0"),
        ([[np.inf]], [0, 1], WORDS, ValueError, "got inf"),
        (np.array([[2**40]]), [0, 1], WORDS, ValueError, "got 1099511627776"),
        (np.array([[2**63]], np.uint64), [0, 1], WORDS, ValueError, "got 92233"),
        ([[0]], [0, 1], "words", TypeError, "list of tokens.*got str, 'words'"),
        ([[0]], [0, 1], {"a": 0}, TypeError, "list of tokens.*got dict"),
        ([[0]], [0, 1], {"a"}, TypeError, "list of tokens.*got set"),
        ([[0]], [0, 1], 3, TypeError, "list of tokens.*got int, 3"),
        ([[0]], [0, 1], (), ValueError, "list of tokens.*got none"),
        ([[0]], [0, 1], ["a", "b", "a"], ValueError, "0 and 2 are both 'a'"),
        ([[0]], [0, 1], [1, "1", True], ValueError, "0 and 2 are both True"),
        ([[0]], [0, 1], ["a", ["b"]], TypeError,
         r"token of id 1 cannot, \['b'\] of type list"),
        ([["a"]], [0, 1], ["a"], ValueError, "TokenEncoder"),
        ([[0], [1]], [0, 3], WORDS, ValueError, "offsets must rise"),
    ],
)  # fmt: skip
def test_bad_construction(data, offsets, vocabulary, error, message):
    with pytest.raises(error, match=message):
        SequenceArray(data, offsets, vocabulary=vocabulary)


def test_more_ids_than_float32_tells_apart(monkeypatch):
    monkeypatch.setattr(vocabularies, "MOST", 4)
    assert SequenceArray([[3]], [0, 1], vocabulary=WORDS[:4]).data[0, 0] == 3
    with pytest.raises(ValueError, match="of 5 tokens.*not exact.*max_features"):
        SequenceArray([[3]], [0, 1], vocabulary=WORDS)


def test_all_ids_are_exact_in_float32():
    for n in (vocabularies.MOST - 1, vocabularies.MOST):
        assert int(np.float32(n)) == n
    assert int(np.float32(vocabularies.MOST + 1)) == vocabularies.MOST


# ---- carried -------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(id_lists(), st.data())
def test_indexing_keeps_type_and_vocabulary(lists, data):
    X, n = tokens(lists), len(lists)
    assert_tokens(X, lists)
    key = data.draw(st.slices(n))
    assert_tokens(X[key], lists[key])
    indices = data.draw(st.lists(st.integers(-n, n - 1), max_size=9))
    expected = [lists[i] for i in indices]
    assert_tokens(X[indices], expected)
    assert_tokens(X[np.array(indices, dtype=int), ...], expected)
    assert_tokens(_safe_indexing(X, indices), expected)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assert_tokens(X[mask], [ids for ids, keep in zip(lists, mask, strict=True) if keep])
    i = data.draw(st.integers(-n, n - 1))
    assert X[i].dtype == np.int32 and X[i][:, 0].tolist() == lists[i]


@settings(deadline=None, max_examples=40)
@given(id_lists())
def test_round_trips(lists):
    X = tokens(lists)
    for dtype in ("float32", "float64"):
        floats = X.astype(dtype)
        assert_tokens(floats, lists, dtype)
        assert_tokens(floats.astype("int32"), lists)
        assert floats == X
    for back in (
        *(pickle.loads(pickle.dumps(X, p)) for p in range(6)),
        copy.deepcopy(X),
        SequenceArray(X.data, X.offsets, None, X.vocabulary),
        SequenceArray.from_padded(X.to_padded(), X.lengths),
        SequenceArray.from_list(X.to_list()),
    ):
        assert [x[:, 0].tolist() for x in back] == lists
    assert copy.copy(X).vocabulary is X.vocabulary


def test_scikit_learn_takes_samples():
    X = some()
    y = np.arange(4)
    for part in (
        *train_test_split(X, y, random_state=0)[:2],
        shuffle(X, random_state=0),
        resample(X, random_state=0),
    ):
        assert part.dtype == np.int32 and part.vocabulary is WORDS


def test_a_vocabulary_is_shared_and_pickled_once():
    names = tuple(f"token{i}" for i in range(10_000))
    X = tokens([[i % 7] * 3 for i in range(50)], names)
    parts = [X[i : i + 5] for i in range(0, 50, 5)]
    assert all(part.vocabulary is names for part in parts)
    one, all_of_them = (len(pickle.dumps(thing)) for thing in (X, [X, *parts, X[::2]]))
    assert all_of_them < one + 11 * 1000
    back = pickle.loads(pickle.dumps(parts))
    assert all(part.vocabulary is back[0].vocabulary for part in back)
    assert back[0].vocabulary == names
    assert sys.getsizeof(X) < X.nbytes + 200


def test_numbers_are_pickled_as_ever():
    """What has no vocabulary can be read by versions that know of none."""
    X = SequenceArray.from_list([[1.0, 2.0], [3.0]])
    assert len(X.__reduce__()[1]) == 3
    assert len(some().__reduce__()[1]) == 4


def test_joblib_maps_ids_from_disk(tmp_path):
    X = tokens([[1, 2, 3] * 50, [4] * 30])
    joblib.dump(X, tmp_path / "X")
    back = joblib.load(tmp_path / "X", mmap_mode="r")
    assert back == X and back.dtype == np.int32 and back.vocabulary == WORDS
    base = back._data
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError):
        back.data[0] = 1
    assert joblib.hash(X) == joblib.hash(back[:])
    other = SequenceArray(X.data, X.offsets, None, ("?", *WORDS[1:]))
    assert joblib.hash(X) != joblib.hash(other)


def test_dask_tells_them_apart():
    X = some()
    name = X.__dask_tokenize__()
    assert pickle.loads(pickle.dumps(X)).__dask_tokenize__() == name
    others = [
        tokens([[1, 2, 3], [], [4], [0, 0, 1, 1]]),
        tokens([[1, 2, 3], [4], [], [0, 0, 1, 2]]),
        SequenceArray(X.data, X.offsets, None, ("?", *WORDS[1:])),
        SequenceArray(X.data, X.offsets, ["word"], WORDS),
        SequenceArray(X.data, X.offsets),
        X.astype("float32"),
        X.astype("float64"),
    ]
    assert len({name, *(x.__dask_tokenize__() for x in others)}) == 1 + len(others)


def test_equality_is_of_tokens():
    X = some()
    assert X == SequenceArray(X.data.copy(), X.offsets, None, list(WORDS))
    assert X == SequenceArray(X.data, X.offsets, ["word"], WORDS)
    assert X != SequenceArray(X.data, X.offsets, None, ("?", *WORDS[1:]))
    assert X != SequenceArray(X.data, X.offsets, None, (*WORDS, "e"))
    assert X != SequenceArray(X.data, X.offsets)
    assert SequenceArray(X.data, X.offsets) != X
    assert X != tokens([[1, 2, 3], [], [4], [0, 0, 1, 1]])


def test_astype():
    X = some()
    assert X.astype("int32", copy=False) is X
    assert X.astype(np.int32) == X and X.astype(np.int32) is not X
    for dtype in ("int64", "int16", "uint32", bool):
        with pytest.raises(ValueError, match="float32 or float64, or int32 for ids"):
            X.astype(dtype)
    with pytest.raises(ValueError, match="must be float32 or float64, got int32"):
        SequenceArray(X.data, X.offsets).astype("int32")


def test_what_is_handed_out_is_read_only():
    X = some()
    for array in (X.data, X[0], X.to_list()[0], X[::2].data, X[1:].data):
        with pytest.raises(ValueError):
            array[0] = 1
    with pytest.raises(AttributeError):
        X.vocabulary = None


def test_padding():
    X = some()
    padded = X.to_padded()
    assert padded.dtype == np.int32 and padded.shape == (4, 4, 1)
    assert padded[:, :, 0].tolist() == [
        [1, 2, 3, -1], [-1] * 4, [4, -1, -1, -1], [0, 0, 1, 2]
    ]  # fmt: skip
    assert X.to_padded(0, n_steps=6)[2, :, 0].tolist() == [4, 0, 0, 0, 0, 0]
    assert X.to_padded(7.0)[1, 0, 0] == 7
    assert np.isnan(X.astype("float64").to_padded()[1, 0, 0])
    assert SequenceArray.from_padded(padded, X.lengths).data.tolist() == X.data.tolist()
    for value in (0.5, np.inf, -np.inf, 2**31, -(2**31) - 1):
        with pytest.raises(ValueError, match="fill_value must be an integer"):
            X.to_padded(value)


# ---- checked -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
@pytest.mark.parametrize("given", ["int32", "float32", "float64"])
@pytest.mark.parametrize("times", [1, 100_000])  # at a glance, and in pieces
def test_check_sequences_keeps_the_vocabulary(dtype, given, times):
    lists = [[1, 2, 3] * times, [], [4]]
    X = tokens(lists).astype(given)
    expected = dtype or ("float64" if given == "int32" else given)
    for copied in (False, True):
        checked = check_sequences(X, dtype=dtype, copy=copied)
        assert checked.dtype == expected and checked.vocabulary is WORDS
        assert checked == X
        assert np.shares_memory(checked.data, X.data) == (
            expected == given and not copied
        )


@all_estimators
def test_estimators_read_ids_as_numbers(Estimator):
    """Without an embedding; the same as of any integers."""
    lists = [[1 + (i + t) % 4 for t in range(i % 5)] for i in range(20)]
    X = tokens(lists)
    y = make_target(Estimator, X)
    with pytest.warns(UserWarning, match="vocabulary of 5 tokens.*reads as numbers"):
        model = small(Estimator).fit(X, y)
    numbers = [np.array(ids, dtype=int) for ids in lists]
    assert model.n_features_in_ == 1
    assert not hasattr(model, "feature_names_in_")
    other = small(Estimator).fit(numbers, y)
    assert_same_outputs(outputs(model, X), outputs(other, numbers))
    model = small(Estimator, embedding_dim=3).fit(X, y)
    assert model.n_features_in_ == 1
    again = pickle.loads(pickle.dumps(model)).partial_fit(X[::2], y[::2])
    assert len(again.predict(X)) == 20
    with pytest.raises(ValueError, match="another vocabulary.*id 1 is 'z', not 'a'"):
        again.predict(tokens(lists, ("<unk>", "z", *WORDS[2:])))


def test_no_step_is_read():
    X = tokens([[]] * 12)
    model = small(GRUClassifier, embedding_dim=2).fit(X, np.arange(12) % 2)
    assert len(set(model.predict_proba(X)[:, 0])) == 1


def test_other_transformers():
    X = some()
    scaled = TimeDistributed(StandardScaler()).fit_transform(X)
    assert scaled.vocabulary is None and scaled.dtype == np.float64
    stacked = FrameStacker(2).fit_transform(X)
    assert stacked.vocabulary is None and stacked.n_features == 2
    assert stacked[0].tolist() == [[1.0, 1.0], [2.0, 3.0]]


class Reader:
    """A model that keeps the vocabularies it sees."""

    def __init__(self):
        self.seen = []

    def fit(self, X, y):
        return self

    def score(self, X, y):
        self.seen.append((X.vocabulary, sorted(X.data[:, 0].tolist())))
        return float(len(self.seen))


@pytest.mark.parametrize("axis", ["feature", "time"])
def test_importance_shuffles_ids(axis):
    X, reader = some(), Reader()
    sequence_permutation_importance(reader, X, np.zeros(4), axis=axis, n_repeats=2)
    assert len(reader.seen) > 2
    assert all(seen == (WORDS, [0, 0, 1, 1, 2, 2, 3, 4]) for seen in reader.seen)


# ---- other packages ------------------------------------------------------------------


def test_tables_hold_integers():
    X = some()[[0, 2, 3]]
    frame = X.to_long()
    assert frame["x0"].tolist() == X.data[:, 0].tolist()
    assert frame["x0"].dtype == np.int32
    assert X.to_sktime().dtypes.tolist() == [np.int32]
    assert [x.tolist() for x in X.to_aeon()] == [[[1, 2, 3]], [[4]], [[0, 0, 1, 2]]]
    nested = some().to_nested()
    assert [cell.tolist() for cell in nested["x0"]] == [
        [1, 2, 3],
        [],
        [4],
        [0, 0, 1, 2],
    ]
    pl = pytest.importorskip("polars")
    for dtype, kind in (("int32", pl.Int32), ("float32", pl.Float32)):
        nested = some().astype(dtype).to_nested(library="polars")
        assert nested.schema["x0"] == pl.List(kind)
        assert nested["x0"].to_list() == [[1, 2, 3], [], [4], [0, 0, 1, 2]]
    back = SequenceArray.from_nested(nested)
    assert back.data.tolist() == some().data.tolist()


def test_arrow_holds_integers():
    pa = pytest.importorskip("pyarrow")
    X = some().to_arrow()
    assert X.type == pa.large_list(pa.list_(pa.int32(), 1))
    assert X.to_pylist() == [x.tolist() for x in some()]
    assert SequenceArray.from_arrow(X).data.tolist() == some().data.tolist()


def test_names_go_beside_the_vocabulary():
    lists = [[1, 2], [3], [4, 0, 1]] * 5
    named = SequenceArray(tokens(lists).data, tokens(lists).offsets, ["word"], WORDS)
    y = np.arange(15.0)
    model = small(LSTMRegressor, embedding_dim=2).fit(named, y)
    assert_array_equal(model.feature_names_in_, ["word"])
    assert named[::2].feature_names == ("word",) and named[::2].vocabulary is WORDS
