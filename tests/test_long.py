"""Long tables: a row for every step, with an id."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sequence_cases import assert_same

from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("error")

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
    options = {"by": ["site", "run"], "sort": ["day", "hour"]}
    X = SequenceArray.from_long(frame, **options, duplicates="keep")
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
