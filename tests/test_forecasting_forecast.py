"""Tables of forecasts: how times go on, and which future belongs to which series."""

import datetime
import sys

import numpy as np
import pytest
from forecasting_cases import Looking, series

from sklstm import LSTMForecaster, SequenceArray
from sklstm.forecasting import SeasonalNaive, forecast_table

pd = pytest.importorskip("pandas")


def days(*dates):
    return np.array(dates, dtype="datetime64[D]")


def of_times(*times, names=None):
    """Series with these times each."""
    times = [np.asarray(t) for t in times]
    return series([len(t) for t in times], times=np.concatenate(times), ids=names)


def goes_on(*times, horizon=3, freq=None):
    """What `ds` is after these times, for each series."""
    X = of_times(*times)
    table = forecast_table(Looking(horizon).fit(X), X, freq=freq)
    return [table["ds"][table["unique_id"] == i].tolist() for i in range(len(X))]


def dates_after(*times, freq=None):
    """The same in text."""
    return [
        " ".join(map(str, ds)).replace(" 00:00:00", "")
        for ds in goes_on(*times, freq=freq)
    ]


# ---- times ---------------------------------------------------------------------------


def test_without_times_rows_are_numbered():
    X = series([4, 0, 2])
    table = forecast_table(Looking(2).fit(X), X)
    assert table["unique_id"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["ds"].tolist() == [4, 5, 0, 1, 2, 3]
    assert list(table.columns) == ["unique_id", "ds", "Looking"]


@pytest.mark.parametrize("dtype", ["i8", "i2", "u1", "u8", "f4", "f8"])
def test_numbers_go_on_at_their_distance(dtype):
    found = goes_on(np.array([1, 4, 7], dtype), np.array([10], dtype))
    assert found == [[10, 13, 16], [13, 16, 19]]


def test_fractions_are_alike_but_for_rounding():
    (found,) = goes_on(np.arange(20) * 0.1)
    assert found == pytest.approx([2.0, 2.1, 2.2])
    with pytest.raises(ValueError, match="do not tell how they go on"):
        goes_on([0.0, 0.1, 0.201])


@pytest.mark.parametrize(
    "times, expected",
    [
        (days("2024-01-01", "2024-01-02"), "2024-01-03 2024-01-04 2024-01-05"),
        (days("2024-02-20", "2024-02-27"), "2024-03-05 2024-03-12 2024-03-19"),
        # of one day in the month, also where the months have as many days
        (days("2023-07-01", "2023-08-01"), "2023-09-01 2023-10-01 2023-11-01"),
        (days("2024-01-15", "2024-02-15"), "2024-03-15 2024-04-15 2024-05-15"),
        # or of its last day
        (days("2024-01-31", "2024-02-29"), "2024-03-31 2024-04-30 2024-05-31"),
        (days("2023-02-28", "2023-03-31"), "2023-04-30 2023-05-31 2023-06-30"),
        # which a day that a month does not have is taken for
        (days("2023-11-30", "2023-12-30"), "2024-01-30 2024-02-29 2024-03-30"),
        # quarters, years, decades
        (days("2024-01-01", "2024-04-01"), "2024-07-01 2024-10-01 2025-01-01"),
        (days("2023-12-31", "2024-03-31"), "2024-06-30 2024-09-30 2024-12-31"),
        (days("2022-01-01", "2023-01-01"), "2024-01-01 2025-01-01 2026-01-01"),
        (days("2023-02-28", "2024-02-29"), "2025-02-28 2026-02-28 2027-02-28"),
        (days("2000-06-01", "2010-06-01"), "2020-06-01 2030-06-01 2040-06-01"),
    ],
)  # fmt: skip
def test_dates(times, expected):
    assert dates_after(times) == [expected]
    assert dates_after(times.astype("M8[ns]")) == [expected]
    assert dates_after(times.astype("M8[s]")) == [expected]
    assert dates_after(times.tolist()) == [expected]  # datetime.date
    stamps = np.array([pd.Timestamp(t) for t in times], dtype=object)
    assert dates_after(stamps) == [expected]


def test_months_at_an_hour():
    times = pd.date_range("2024-01-01 05:30", periods=3, freq="MS").to_numpy()
    assert [str(t) for t in goes_on(times)[0]] == [
        "2024-04-01 05:30:00", "2024-05-01 05:30:00", "2024-06-01 05:30:00"
    ]  # fmt: skip


@pytest.mark.parametrize("unit, year", [("Y", 2003), ("M", None), ("W", None)])
def test_dates_of_a_coarse_unit(unit, year):
    times = np.array(["2000", "2001", "2002"], "M8[Y]")
    if unit != "Y":
        times = np.arange("2000-01", "2000-04", dtype="M8[M]").astype(f"M8[{unit}]")
    if unit == "W":
        times = np.arange(3).astype("M8[W]")
        assert dates_after(times) == ["1970-01-22 1970-01-29 1970-02-05"]
    elif unit == "M":
        assert dates_after(times) == ["2000-04-01 2000-05-01 2000-06-01"]
    else:
        assert dates_after(times) == ["2003-01-01 2004-01-01 2005-01-01"]


def test_series_of_one_row_go_on_as_the_others():
    found = dates_after(days("2024-01-31", "2024-02-29"), days("2024-04-30"))
    assert found[1] == "2024-05-31 2024-06-30 2024-07-31"
    # 31 days are a month, if another series says so
    found = dates_after(
        days("2024-07-01", "2024-08-01"), days("2024-01-01", "2024-02-01")
    )
    assert found[0] == "2024-09-01 2024-10-01 2024-11-01"


def test_series_may_have_distances_of_their_own():
    hourly = np.arange("2024-01-01T00", "2024-01-01T05", dtype="M8[h]")
    found = dates_after(hourly, days("2024-01-01", "2024-02-01").astype("M8[h]"))
    assert found[0].startswith("2024-01-01 05:00:00 2024-01-01 06:00:00")
    assert found[1] == "2024-03-01 2024-04-01 2024-05-01"


def test_pandas_knows_business_days():
    times = pd.bdate_range("2024-01-01", periods=8).to_numpy()
    assert dates_after(times) == ["2024-01-11 2024-01-12 2024-01-15"]
    assert dates_after(times, times[:7])[1] == "2024-01-10 2024-01-11 2024-01-12"


def test_times_of_a_zone_are_those_of_utc():
    hours = pd.date_range("2024-03-30 22:00", periods=7, freq="h", tz="Europe/Berlin")
    in_utc = list(hours.tz_convert("UTC").tz_localize(None))
    assert goes_on(np.array(hours, dtype=object)[:4])[0] == in_utc[4:]


def test_other_objects_that_have_a_difference():
    periods = pd.period_range("2024-11", periods=6, freq="M")
    assert goes_on(np.array(periods, dtype=object)[:3])[0] == list(periods[3:])


@pytest.mark.parametrize(
    "times, reason",
    [
        (days("2024-01-01"), "one row tells no distance"),
        (days("2024-01-02", "2024-01-01"), "2024-01-01 comes after 2024-01-02"),
        ([3, 3], "3 comes after 3"),
        (
            days("2024-01-01", "2024-01-02", "2024-01-05"),
            "2024-01-02 is 1 days after 2024-01-01, and 2024-01-05 3 days after",
        ),
        ([1, 2, 4], "2 is 1 after 1, and 4 2 after 2"),
        (np.array([datetime.date(2024, 1, 1), 3], dtype=object), "not supported"),
    ],
)
def test_times_that_do_not_tell_how_they_go_on(times, reason):
    X = of_times(times, names=["a"])
    with pytest.raises(
        ValueError, match="The times of series 'a' do not tell"
    ) as caught:
        forecast_table(Looking(2).fit(X), X)
    assert reason in str(caught.value)
    assert "Pass freq=" in str(caught.value) and "X_future" in str(caught.value)


def test_text_is_no_time_to_go_on():
    X = of_times(np.array(["2024-01", "2024-02"], dtype=object), names=["a"])
    with pytest.raises(ValueError, match="'2024-02'|'str'"):
        forecast_table(Looking(2).fit(X), X)


def test_a_series_of_no_rows_has_no_time():
    X = series([3, 0], times=np.arange(3), ids=["a", "b"])
    with pytest.raises(ValueError, match="There are no rows of series 'b'"):
        forecast_table(Looking(2).fit(X), X)


# ---- freq ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last, freq, expected",
    [
        ("2024-01-31", np.timedelta64(1, "D"), "2024-02-01 2024-02-02 2024-02-03"),
        ("2024-01-31", np.timedelta64(1, "M"), "2024-02-29 2024-03-31 2024-04-30"),
        ("2024-01-01", np.timedelta64(1, "Y"), "2025-01-01 2026-01-01 2027-01-01"),
        ("2024-01-01", np.timedelta64(2, "M"), "2024-03-01 2024-05-01 2024-07-01"),
        ("2024-01-01", "MS", "2024-02-01 2024-03-01 2024-04-01"),
        ("2024-01-31", "ME", "2024-02-29 2024-03-31 2024-04-30"),
        ("2024-01-05", "B", "2024-01-08 2024-01-09 2024-01-10"),
        ("2024-01-05", "W-FRI", "2024-01-12 2024-01-19 2024-01-26"),
        ("2024-01-03", "W-FRI", "2024-01-05 2024-01-12 2024-01-19"),
    ],
)
def test_a_frequency_says_how_times_go_on(last, freq, expected):
    assert dates_after(days(last), freq=freq) == [expected]
    assert dates_after(days(last).astype("M8[ns]"), freq=freq) == [expected]
    # also where the times say something else
    twice = days(last) - np.array([9, 0])
    assert dates_after(twice, freq=freq) == [expected]


def test_frequencies_of_hours_numbers_and_zones():
    found = dates_after(days("2024-01-31"), freq=np.timedelta64(12, "h"))
    assert found == ["2024-01-31 12:00:00 2024-02-01 2024-02-01 12:00:00"]
    assert dates_after(days("2024-01-31"), freq="12h") == found
    for unit, step, expected in (
        ("M", np.timedelta64(2, "M"), "2024-03-01 2024-05-01 2024-07-01"),
        ("M", np.timedelta64(1, "Y"), "2025-01-01 2026-01-01 2027-01-01"),
        ("Y", np.timedelta64(2, "Y"), "2026-01-01 2028-01-01 2030-01-01"),
    ):
        last = np.array(["2024-01"], f"M8[{unit}]")
        assert dates_after(last, freq=step) == [expected]
    assert goes_on([7], freq=2) == [[9, 11, 13]]
    assert goes_on([0.5], freq=0.25) == [[0.75, 1.0, 1.25]]


@pytest.mark.parametrize(
    "last, freq",
    [(days("2024-01-31"), 2), ([7], "D"), (days("2024-01-31"), "never"), ([7], [1])],
)
def test_a_frequency_that_cannot_be_added(last, freq):
    with pytest.raises(ValueError, match=r"freq=.* cannot be added to times like"):
        goes_on(last, freq=freq)


def test_without_pandas(monkeypatch):
    pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "pandas", None)
    X = of_times(days("2024-01-31", "2024-02-29"))
    table = forecast_table(Looking(2).fit(X), X, library="polars")
    assert [str(t) for t in table["ds"]] == ["2024-03-31", "2024-04-30"]
    with pytest.raises(ValueError, match="pandas, which may know it, is not install"):
        forecast_table(Looking(2).fit(X), X, freq="MS", library="polars")
    X = of_times(days("2024-01-01", "2024-01-02", "2024-01-05"))
    with pytest.raises(ValueError, match="do not tell how they go on"):
        forecast_table(Looking(2).fit(X), X, library="polars")
    with pytest.raises(ImportError, match="forecast_table needs pandas"):
        forecast_table(Looking(2).fit(X), X)


def test_days_of_a_zone_that_a_long_table_has_in_utc():
    whole = pd.date_range("2024-03-29", periods=8, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"id": "a", "ds": whole[:5], "y": np.arange(5.0)})
    X = SequenceArray.from_long(frame, by="id", sort="ds")
    model = SeasonalNaive(3).fit(X)
    with pytest.raises(ValueError, match="do not tell how they go on"):
        forecast_table(model, X)
    later = pd.DataFrame({"id": "a", "ds": whole[5:], "y": np.nan})
    X_future = SequenceArray.from_long(later, by="id", sort="ds")
    found = forecast_table(model, X, X_future)["ds"]
    assert list(found) == list(whole[5:].tz_convert("UTC").tz_localize(None))


# ---- the future ----------------------------------------------------------------------


def with_future(times=(0, 10, 3, 4), *, ids=("a", "b"), n=2):
    X = series([4, 3], 2, ids=["a", "b"], times=[0, 1, 2, 3, 7, 8, 9], names=["y", "p"])
    model = Looking(2, future=(1,)).fit(X)
    offsets = np.arange(len(ids) + 1) * n
    data = np.arange(float(offsets[-1]))[:, np.newaxis]
    return model, X, SequenceArray(data, offsets, ["p"], ids=ids, times=times)


def test_the_future_tells_the_times():
    model, X, future = with_future([5, 6, 20, 30])
    table = forecast_table(model, X, future)
    assert table["ds"].tolist() == [5, 6, 20, 30]
    assert table["Looking"].tolist() == model.predict(X, future).reshape(-1).tolist()
    # but for a frequency that is given
    table = forecast_table(model, X, future, freq=10)
    assert table["ds"].tolist() == [13, 23, 19, 29]
    # and more rows than the horizon are not looked at
    model, X, future = with_future([5, 6, 7, 20, 30, 40], n=3)
    assert forecast_table(model, X, future)["ds"].tolist() == [5, 6, 20, 30]


def test_times_go_on_where_the_future_has_none():
    model, X, future = with_future(None)
    assert forecast_table(model, X, future)["ds"].tolist() == [4, 5, 10, 11]


def test_series_of_the_future_are_found_by_their_ids():
    model, X, future = with_future([5, 6, 20, 30])
    expected = forecast_table(model, X, future)
    assert forecast_table(model, X, future[::-1]).equals(expected)
    model, X, more = with_future([90, 91, 20, 30, 5, 6], ids=["z", "b", "a"])
    table = forecast_table(model, X, more)
    assert table["ds"].tolist() == [5, 6, 20, 30]
    known = model.calls_[-1][1]
    assert known.ids.tolist() == ["a", "b"]
    assert known.data[:, 0].tolist() == [4, 5, 2, 3]


def test_without_ids_series_of_the_future_go_by_their_place():
    model, X, future = with_future(None)
    expected = forecast_table(model, X, future)
    table = forecast_table(model, X, list(future))
    assert table.equals(expected)


def test_a_future_that_does_not_fit():
    model, X, future = with_future([5, 6, 20, 30], ids=["a", "c"])
    with pytest.raises(ValueError, match="X_future has no rows of series 'b'"):
        forecast_table(model, X, future)
    model, X, future = with_future([5, 6, 20, 30], ids=["a", "a"])
    with pytest.raises(ValueError, match="X_future has series 'a' twice"):
        forecast_table(model, X, future)
    model, X, future = with_future([5, 6, 20, 30])
    with pytest.raises(ValueError, match="X_future has 1 sequences, and X 2"):
        forecast_table(model, X, list(future)[:1])
    model, X, future = with_future([5, 20], n=1)
    with pytest.raises(ValueError, match="1 rows of series 'a', but the horizon is 2"):
        forecast_table(model, X, future)
    for times, first in (([5, 6, 9, 30], "'b' begins at 9"), ([3, 6, 9, 30], "'a'")):
        model, X, future = with_future(times)
        message = (
            f"X_future of series {first}.* not after its last time in X, .[.] Pass"
        )
        with pytest.raises(ValueError, match=message):
            forecast_table(model, X, future)


def test_what_is_missing_in_the_future_is_the_forecasters_to_judge():
    model, X, future = with_future(None)
    data = future.data.copy()
    data[0] = np.nan
    table = forecast_table(model, X, SequenceArray(data, future.offsets, ["p"]))
    assert table["Looking"].notna().all()
    lstm = LSTMForecaster((2,), horizon=2, future_features=["p"], max_iter=1)
    lstm.fit(series([9], names=["y", "p"]))
    with pytest.raises(ValueError, match="X_future contains NaN: series 0, step 0"):
        forecast_table(lstm, X, SequenceArray(data, future.offsets, ["p"]))


def test_one_with_known_features_stands_beside_one_without():
    model, X, future = with_future([5, 6, 20, 30])
    models = {"f": model, "naive": SeasonalNaive(2).fit(X)}
    table = forecast_table(models, X, future)
    assert list(table.columns) == ["unique_id", "ds", "f", "naive"]
    assert table["naive"].tolist() == np.repeat(X.data[[3, 6], 0], 2).tolist()


def test_several_targets_and_levels():
    X = series([4, 3], 2, names=["y", "p"])
    model = Looking(2, target=["p", "y"], levels=[0.1, 0.5, 0.9]).fit(X)
    table = forecast_table(model, X)
    assert list(table.columns) == [
        "unique_id", "target", "ds", "Looking-lo-80", "Looking", "Looking-hi-80",
    ]  # fmt: skip
    assert table["target"].tolist() == ["p", "p", "y", "y"] * 2
    found = model.predict(X)
    rows = table.iloc[:, 3:].to_numpy().reshape(2, 2, 2, 3)
    assert rows.tolist() == found.transpose(0, 2, 1, 3).tolist()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_real_one_from_table_to_table(library):
    pytest.importorskip(library)
    dates = pd.date_range("2020-01-01", periods=30, freq="MS")
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["b", "a"], 30),
            "ds": np.tile(dates, 2),
            "y": np.random.default_rng(0).standard_normal(60),
            "holiday": np.arange(60) % 2,
        }
    )
    behind = pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 3),
            "ds": np.tile(pd.date_range("2022-07-01", periods=3, freq="MS"), 2),
            "holiday": [1, 0, 1, 0, 1, 0],
        }
    )
    X, X_future = (
        SequenceArray.from_long(table, by="unique_id", sort="ds")
        for table in (frame, behind)
    )
    model = LSTMForecaster(
        (4,), horizon=3, target="y", future_features=["holiday"],
        quantile=[0.1, 0.5, 0.9], max_iter=2, random_state=0,
    ).fit(X)  # fmt: skip
    table = forecast_table(model, X, X_future, library=library)
    assert list(table["unique_id"]) == ["b"] * 3 + ["a"] * 3
    assert [t.month for t in table["ds"]] == [7, 8, 9] * 2
    expected = model.predict(X, X_future[::-1])
    for q, column in enumerate(table.columns[2:]):
        assert list(table[column]) == expected[..., q].reshape(-1).tolist()
