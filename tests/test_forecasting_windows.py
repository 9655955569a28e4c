"""Windows for regressors."""

import importlib.util

import numpy as np
import pytest
from forecasting_cases import series
from sklearn.model_selection import GroupKFold, cross_val_score

from sklstm import LSTMRegressor, SequenceArray
from sklstm.forecasting import Windows, make_windows


def test_windows_and_what_comes_after_them():
    x = np.arange(14.0).reshape(7, 2)
    windows = make_windows([x], target=1, window=3, horizon=2)
    assert isinstance(windows, Windows)
    X, y, groups, cutoffs = windows
    assert [w.tolist() for w in X] == [x[:3].tolist(), x[1:4].tolist(), x[2:5].tolist()]
    assert y.tolist() == [[7, 9], [9, 11], [11, 13]]
    assert groups.tolist() == [0, 0, 0] and cutoffs.tolist() == [2, 3, 4]
    assert X.feature_names is None


@pytest.mark.parametrize(
    "step, ends", [(1, [2, 3, 4, 5, 6]), (2, [2, 4, 6]), (3, [3, 6]), (9, [6])]
)
def test_steps_are_counted_from_the_end(step, ends):
    x = np.arange(9.0)
    X, y, _, cutoffs = make_windows([x], target=0, window=3, horizon=2, step=step)
    assert cutoffs.tolist() == ends
    assert y.tolist() == [[e + 1, e + 2] for e in ends]
    assert X.data[X.offsets[1:] - 1, 0].tolist() == ends


def test_known_columns_come_once_more_ahead_of_their_time():
    X = series([9, 7], 4, ids=["b", "a"], times=np.arange(100, 116), names=list("wxyz"))
    found = make_windows(
        X, target="x", window=4, horizon=3, known_future=["z", "w"], step=2
    )
    names = ("w", "x", "y", "z", "z(t+3)", "w(t+3)")
    assert found.X.feature_names == names
    assert found.groups.tolist() == ["b", "b", "a"]
    assert found.cutoffs.tolist() == [103, 105, 112]
    ends = [(0, 4), (0, 6), (1, 4)]  # the row after each window
    for window, y, (i, end) in zip(found.X, found.y, ends, strict=True):
        assert window[:, :4].tolist() == X[i][end - 4 : end].tolist()
        assert y.tolist() == X[i][end : end + 3, 1].tolist()
        # the last rows of a window say what is known of the rows to forecast
        assert window[-3:, 4].tolist() == X[i][end : end + 3, 3].tolist()
        assert window[:, 5].tolist() == X[i][end - 1 : end + 3, 0].tolist()
    one = make_windows(X, target="x", window=4, horizon=3, known_future="z")
    assert one.X.feature_names == names[:5]
    one = make_windows(X, target=1, window=4, horizon=3, known_future=[3, 0], step=2)
    assert one.X == found.X


def test_no_window_reaches_into_another_series():
    lengths = [6, 11, 5, 8]
    X = SequenceArray(
        np.repeat(np.arange(4.0), lengths)[:, np.newaxis],
        np.cumsum([0, *lengths]),
    )
    found = make_windows(X, target=0, window=3, horizon=2, known_future=None)
    assert found.groups.tolist() == [0] * 2 + [1] * 7 + [2] + [3] * 4
    for window, y, group in zip(found.X, found.y, found.groups, strict=True):
        assert set(window.ravel()) == set(y) == {group}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_long_tables(library):
    frames = pytest.importorskip(library)
    columns = {
        "shop": ["b", "a", "b", "a", "b", "a", "b"],
        "day": [2, 1, 1, 2, 4, 3, 3],
        "sold": [20.0, 1, 10, 2, 40, 3, 30],
        "open": [1, 0, 0, 1, 1, 0, 1],
    }
    frame = frames.DataFrame(columns)
    X, y, groups, cutoffs = make_windows(
        frame, target="sold", window=2, horizon=1, known_future="open", by="shop",
        sort="day",
    )  # fmt: skip
    assert X.feature_names == ("sold", "open", "open(t+1)")
    assert groups.tolist() == ["b", "b", "a"]
    assert y.tolist() == [[30], [40], [3]]
    assert cutoffs.tolist() == [2, 3, 2]
    assert X[0].tolist() == [[10, 0, 1], [20, 1, 1]]
    # a table of one series needs no id
    one = frames.DataFrame({"day": [2, 1, 4, 3, 6, 5, 7], "sold": columns["sold"]})
    X, y, groups, cutoffs = make_windows(
        one, target="sold", window=5, horizon=2, sort="day"
    )
    assert X.feature_names == ("sold",)
    assert X[0].ravel().tolist() == [1, 20, 2, 10, 3]
    assert y.tolist() == [[40, 30]] and groups.tolist() == [0]
    assert cutoffs.tolist() == [5]
    # whatever its columns are called
    named = frames.DataFrame({"series": [1.0, 2, 3], "series_": [4.0, 5, 6]})
    X, y, *_ = make_windows(named, target="series_", window=1, horizon=1)
    assert X.feature_names == ("series", "series_") and y.tolist() == [[5], [6]]
    assert list(named.columns) == ["series", "series_"]


def test_tables_of_other_packages():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"day": [2, 1, 3, 4], "sold": [2.0, 1, 3, 4]})
    given = {"target": "sold", "window": 2, "horizon": 1, "sort": "day"}
    expected = make_windows(frame, **given)
    assert expected.y.tolist() == [[3], [4]]
    tables = [frame.lazy()]
    if importlib.util.find_spec("pyarrow"):
        tables.append(frame.to_arrow())
    for table in tables:
        found = make_windows(table, **given)
        assert found.X == expected.X and found.y.tolist() == expected.y.tolist()
        named = table.with_columns(shop=pl.lit("a")) if table is tables[0] else None
        if named is not None:
            assert make_windows(named, by="shop", **given).groups.tolist() == ["a"] * 2


def test_a_regressor_and_a_split_by_series():
    X = series([12, 10, 14], 2)
    X, y, groups, _ = make_windows(X, target=0, window=4, horizon=3, known_future=1)
    model = LSTMRegressor((3,), max_iter=2, random_state=0)
    assert model.fit(X, y).predict(X).shape == y.shape
    scores = cross_val_score(model, X, y, groups=groups, cv=GroupKFold(3))
    assert len(scores) == 3


def test_missing_values_stay():
    x = [1, np.nan, 3, 4, np.nan]
    X, y, *_ = make_windows([x], target=0, window=2, horizon=1)
    assert np.isnan(X[0][1, 0])
    assert np.isnan(y).ravel().tolist() == [False, False, True]


def test_numbers_keep_their_type():
    X = series([9], 2).astype("float32")
    windows = make_windows(X, target=0, window=2, horizon=1, known_future=1)
    assert windows.X.dtype == windows.y.dtype == np.float32


def test_series_that_are_too_short_are_said():
    X = series([9, 4, 2], ids=["a", "b", "c"])
    with pytest.warns(UserWarning) as caught:
        windows = make_windows(X, target=0, window=3, horizon=2)
    message = str(caught[0].message)
    assert message.startswith(
        "2 of 3 series are shorter than a window of 3 rows and 2 to forecast, "
        "series 'b' with 4 rows the first: they have no windows."
    )
    assert set(windows.groups) == {"a"}
    with pytest.raises(ValueError, match="2 of 2 series .* smaller window or horizon"):
        make_windows(X[1:], target=0, window=3, horizon=2)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"window": 0}, "window == 0"),
        ({"horizon": 0}, "horizon == 0"),
        ({"step": 0}, "step == 0"),
        ({"step": 1.5}, "step must be an instance of"),
        ({"target": "c"}, "target names 'c', which is not among"),
        ({"target": 2}, "target has column 2"),
        ({"target": ["a", "b"]}, "a window has one target"),
        ({"known_future": "c"}, "known_future names 'c'"),
        ({"known_future": ["b", 1]}, "has column 1 twice"),
        ({"known_future": ["a", "b"]}, "target='a' is among known_future"),
        ({"known_future": "b", "window": 2}, "must be at least horizon=3"),
        ({"by": "a"}, "Expected a .* got SequenceArray"),
        ({"sort": "a"}, "sort='a' is for a table, but frame is SequenceArray"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    X = series([9], names=["a", "b"])
    given = {"target": "a", "window": 4, "horizon": 3, **parameters}
    with pytest.raises((TypeError, ValueError), match=message):
        make_windows(X, **given)
