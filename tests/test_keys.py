"""Ids of the sequences and times of the steps: kept wherever they go along."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, LogMel, TimeDistributed, TokenEncoder
from sklstm.sequences import SequenceArray, check_sequences
from sklstm.sequences._missing import fill_forward

IDS = ["ann", "bob", "cy"]
TIMES = np.array([1, 2, 3, 1, 7, 8], dtype="datetime64[D]")


def made(ids=IDS, times=TIMES, dtype=np.float64, **options):
    data = np.arange(12, dtype=dtype).reshape(6, 2)
    return SequenceArray(data, [0, 3, 4, 6], ids=ids, times=times, **options)


def assert_keys(X, ids, times):
    assert X.ids.tolist() == list(ids)
    np.testing.assert_array_equal(X.times, times)
    assert X.times.dtype == TIMES.dtype


def test_without_keys():
    X = SequenceArray(np.ones((3, 1)), [0, 1, 3])
    assert X.ids is None
    assert X.times is None
    assert X[:1].ids is X[[0]].times is pickle.loads(pickle.dumps(X)).ids is None


@pytest.mark.parametrize(
    ("key", "ids", "steps"),
    [
        (slice(1, None), "bob cy", [3, 4, 5]),
        (slice(None, None, -1), "cy bob ann", [4, 5, 3, 0, 1, 2]),
        (slice(2, 1), "", []),
        ([2, 0, 2], "cy ann cy", [4, 5, 0, 1, 2, 4, 5]),
        ([-1], "cy", [4, 5]),
        ([], "", []),
        (np.array([True, False, True]), "ann cy", [0, 1, 2, 4, 5]),
        (([1], ...), "bob", [3]),
    ],
)
def test_kept_by_indexing(key, ids, steps):
    X = made()[key]
    assert_keys(X, ids.split(), TIMES[steps])
    assert made(times=None)[key].times is made(ids=None)[key].ids is None
    for part in (X.ids, X.times):
        with pytest.raises(ValueError, match="read-only"):
            part[:] = part[:1]
        with pytest.raises(ValueError, match="WRITEABLE"):
            part.flags.writeable = True


def _pickled(X, protocol=2):
    return pickle.loads(pickle.dumps(X, protocol=protocol))


def _out_of_band(X):
    buffers = []
    data = pickle.dumps(X, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=buffers)


def _joblib(X):
    file = io.BytesIO()
    joblib.dump(X, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "change",
    [
        _pickled,
        lambda X: _pickled(X, 5),
        _out_of_band,
        _joblib,
        copy.copy,
        copy.deepcopy,
        lambda X: clone(X, safe=False),
        lambda X: X.astype("float32"),
        lambda X: check_sequences(X, copy=True),
        lambda X: check_sequences(X, dtype="float32"),
        lambda X: TimeDistributed(StandardScaler()).fit_transform(X),
        lambda X: TimeDistributed(StandardScaler()).fit(X).inverse_transform(X),
        lambda X: fill_forward(X, np.zeros(2)),
        lambda X: fill_forward(X, np.zeros(2), indicator=True),
        lambda X: (
            TimeDistributed(VarianceThreshold())
            .set_output(transform="pandas")
            .fit_transform(SequenceArray(X.data, X.offsets, ["a", "b"], ids=X.ids,
                                         times=X.times))
        ),
    ],
)  # fmt: skip
def test_kept_where_steps_stay(change):
    X = made()[1:]
    kept = change(X)
    assert isinstance(kept, SequenceArray)
    assert_keys(kept, IDS[1:], TIMES[3:])
    with pytest.raises(ValueError, match="read-only"):
        kept.ids[0] = "eve"


def test_filled_gaps_keep_keys():
    data = np.array([[np.nan], [1], [np.nan]])
    X = SequenceArray(data, [0, 2, 3], ids=[7, 5], times=[0.0, 0.5, 0.0])
    filled = fill_forward(X, np.zeros(1))
    assert filled.ids.tolist() == [7, 5]
    assert filled.times.tolist() == [0, 0.5, 0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_states_keep_keys():
    X = made()
    network = LSTMClassifier(2, max_iter=1, tol=0, random_state=0)
    network.fit(X, [0, 1, 0])
    assert_keys(network.transform(X, output="sequence"), IDS, TIMES)
    for states in network.transform(X, output="gates").values():
        assert_keys(states, IDS, TIMES)


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_frames_keep_ids_alone(output):
    for n_frames in (1, 2):
        stacker = FrameStacker(n_frames, step=1).set_output(transform=output)
        X = stacker.fit_transform(made())
        assert X.ids.tolist() == IDS
        assert X.times is None
    sound = SequenceArray(np.ones((9, 1)), [0, 2, 5, 9], ids=IDS, times=np.arange(9))
    X = LogMel(n_mels=2).set_output(transform=output).fit_transform(sound)
    assert X.ids.tolist() == IDS
    assert X.times is None


def test_tokens_keep_keys():
    X = SequenceArray([[3], [4], [3]], [0, 2, 3], ids=["a", "b"], times=[1, 2, 1])
    encoded = TokenEncoder(min_df=1).fit(X).transform(X)
    assert encoded.vocabulary is not None
    assert encoded.ids.tolist() == ["a", "b"]
    assert encoded.times.tolist() == [1, 2, 1]
    assert encoded[[1]].times.tolist() == [1]
    pairs = TokenEncoder(min_df=1, analyzer=lambda x: x[:1]).fit_transform(X)
    assert pairs.ids.tolist() == ["a", "b"]
    assert pairs.times is None


def test_tools_of_scikit_learn_keep_keys():
    X, y = made(ids=[("x", 1), ("x", 2), ("y", 1)]), np.array([10, 20, 30])
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    known = dict(zip(X.ids, y, strict=True))
    assert [known[i] for i in X_train.ids] == y_train.tolist()
    assert len(X_test.ids) == 1
    drawn = resample(X, random_state=0, n_samples=9)
    assert set(drawn.ids) <= set(known)


def test_not_compared_and_not_shown():
    assert made() == made(ids=None, times=None) == made(ids=[1, 2, 3])
    assert repr(made()) == repr(made(ids=None, times=None))


def test_pickle_of_before():
    """Its constructor knew positions only, and it had no such slots."""
    X = made(feature_names=["u", "v"])
    kind, parts = SequenceArray(X.data, X.offsets, X.feature_names).__reduce__()
    assert kind is SequenceArray
    assert len(parts) == 3
    assert kind(*parts).ids is None


def test_dask_tells_keys_apart():
    names = [
        made(ids, times).__dask_tokenize__()
        for ids in (None, IDS, IDS[::-1], [1, 2, 3])
        for times in (None, TIMES, TIMES[::-1], TIMES.astype("datetime64[s]"))
    ]
    assert len(set(map(str, names))) == len(names) == 16
    assert names == [
        made(ids, times).__dask_tokenize__()
        for ids in (None, IDS, IDS[::-1], [1, 2, 3])
        for times in (None, TIMES, TIMES[::-1], TIMES.astype("datetime64[s]"))
    ]


def test_bytes_count():
    bare = made(None, None)
    assert made().nbytes == bare.nbytes + 3 * 8 + 6 * 8


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["a", 1, 2.5], ["a", 1, 2.5]),
        ([1, 2.5, 3], [1.0, 2.5, 3.0]),
        ([True, 2, 3], [True, 2, 3]),
        (np.array(["a", "b", "c"]), ["a", "b", "c"]),
        (("a", "b", "b"), ["a", "b", "b"]),
        ([("a", 1), ("a", 2), ("b", 1)], [("a", 1), ("a", 2), ("b", 1)]),
        (pd.Series(["a", "b", "c"], index=[5, 6, 7]), ["a", "b", "c"]),
        (pd.Index([3, 1, 2]), [3, 1, 2]),
        (pd.Categorical(["a", "b", "a"]), ["a", "b", "a"]),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), [("a", k) for k in (1, 2, 3)]),
        (range(3), [0, 1, 2]),
        ((c for c in "abc"), ["a", "b", "c"]),
        ({"a": 0, "b": 1, "c": 2}.keys(), ["a", "b", "c"]),
    ],
)
def test_ids_in_any_form(ids, expected):
    got = made(ids).ids.tolist()
    assert got == expected
    assert list(map(type, got)) == list(map(type, expected))


HOURS = pd.date_range("2024-03-31 00:00", periods=6, freq="h").as_unit("ns")


@pytest.mark.parametrize(
    "times",
    [
        HOURS,
        HOURS.to_series(),
        HOURS.tolist(),
        HOURS.to_pydatetime(),
        HOURS.tz_localize("UTC").tz_convert("Europe/Berlin"),
        HOURS.tz_localize("UTC").tz_convert("Europe/Berlin").tolist(),
        HOURS.tz_localize("UTC").tz_convert("Europe/Berlin").to_pydatetime().tolist(),
    ],
)
def test_times_that_are_objects(times):
    got = made(times=times).times
    assert got.dtype.kind == "M"
    np.testing.assert_array_equal(got, HOURS.to_numpy())


def test_nanoseconds_are_kept():
    times = list(HOURS + pd.Timedelta(1, "ns"))
    assert made(times=times).times[0] == np.datetime64("2024-03-31T00:00:00.000000001")


def test_keys_are_copied():
    ids, times = np.arange(3), TIMES.copy()
    X = made(ids, times)
    ids[0], times[0] = 9, TIMES[-1]
    assert_keys(X, [0, 1, 2], TIMES)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"ids": "abc"}, TypeError, "ids must be a vector of hashable.*got str, 'abc'"),
        ({"ids": 3}, TypeError, "got int, 3"),
        ({"ids": {"a": 1}}, TypeError, "got dict"),
        ({"ids": ["a", "b"]}, ValueError, r"got shape \(2,\) for 3 sequences of 6"),
        ({"ids": np.ones((3, 1))}, ValueError, r"got shape \(3, 1\)"),
        ({"ids": ["a", None, "b"]}, ValueError, "that of sequence 1 is missing, None"),
        ({"ids": [1.0, 2, np.nan]}, ValueError, "that of sequence 2 is missing"),
        ({"ids": ["a", [1], "b"]}, TypeError, r"sequence 1 cannot be hashed, \[1\]"),
        ({"ids": np.ma.array([1, 2, 3], mask=[0, 0, 1])}, TypeError, "masked"),
        ({"times": [1, 2, 3]}, ValueError, "times must be a vector of values, one"),
        ({"times": np.array([1, 2, 3, 4, "NaT", 6], "M8[D]")}, ValueError,
         "that of sequence 2, step 0 is missing"),
        ({"times": [1, 2, 3, np.nan, 5, 6]}, ValueError, "sequence 1, step 0"),
        ({"times": np.ma.arange(6)}, TypeError, "masked"),
    ],
)  # fmt: skip
def test_bad_keys(keys, error, message):
    with pytest.raises(error, match=message):
        made(**keys)


# ---- into tables and back ------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_long_tables_and_back(library):
    pytest.importorskip(library)
    X = made(feature_names=["u", "v"])
    table = X.to_long(by="who", step="day", library=library)
    assert table["who"].to_list() == ["ann"] * 3 + ["bob"] + ["cy"] * 2
    np.testing.assert_array_equal(table["day"].to_numpy().astype(TIMES.dtype), TIMES)
    back = SequenceArray.from_long(table, by="who", sort="day")
    assert back == X
    assert back.ids.tolist() == IDS
    np.testing.assert_array_equal(back.times, TIMES)
    counted = X.to_long(ids=range(3), library=library)["sequence"]
    assert counted.to_list() == [0, 0, 0, 1, 2, 2]
    ids = [("a", 1), ("a", 2), ("b", 1)]
    X = made(ids, feature_names=["u", "v"])
    table = X.to_long(by=["site", "run"], step="day", library=library)
    assert list(table.columns) == ["site", "run", "day", "u", "v"]
    back = SequenceArray.from_long(table, by=["site", "run"], sort="day")
    assert back.ids.tolist() == ids
    for by in (["site", "run", "day"], ["site", "day"]):
        with pytest.raises(ValueError, match="no tuple of as many|both 'day'"):
            X.to_long(by=by, step="day" if len(by) == 2 else "t", library=library)
    with pytest.raises(ValueError, match="X.ids has 'ann' more than once.*range"):
        made()[[0, 0]].to_long(library=library)


def test_sktime_and_back():
    X = made(feature_names=["u", "v"])
    frame = X.to_sktime()
    assert frame.index.get_level_values(0).unique().tolist() == IDS
    back = SequenceArray.from_sktime(frame)
    assert back == X
    assert back.ids.tolist() == IDS
    np.testing.assert_array_equal(back.times, TIMES)
    there = frame.index.levels[1].tz_localize("UTC").tz_convert("Asia/Tokyo")
    frame.index = frame.index.set_levels(there, level=1)
    np.testing.assert_array_equal(SequenceArray.from_sktime(frame).times, TIMES)
    with pytest.raises(ValueError, match="X.ids has 'cy' more than once"):
        X[[2, 2]].to_sktime()
