"""CalendarFeatures: every feature beside pandas, every container, what is refused."""

import pickle
import sys
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from sklstm import SequenceArray
from sklstm.preprocessing import CalendarFeatures, TimeDistributed
from sklstm.preprocessing._calendar_features import KINDS

HOURS = np.arange("2024-02-28T00", "2024-03-05T00", dtype="datetime64[h]")
CIRCLES = [name for name, kind in KINDS.items() if kind.period is not None]


@pytest.fixture(scope="module")
def moments():
    """Seconds of two centuries, before and after 1970, and the ends of their years."""
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 200 * 365 * 86400, 20_000).astype("timedelta64[s]")
    years = np.arange("1890", "2091", dtype="datetime64[Y]").astype("datetime64[s]")
    ends = years[:, np.newaxis] + np.array([-1, 0, 1], dtype="timedelta64[s]")
    some = np.datetime64("1890-01-01", "s") + seconds
    return np.concatenate([some, ends.ravel()])


def by_pandas(t):
    """Each feature as pandas has it, from 0."""
    index = pd.DatetimeIndex(t)
    return {
        "second": index.second,
        "minute": index.minute,
        "hour": index.hour,
        "weekday": index.day_of_week,
        "weekend": index.day_of_week >= 5,
        "day": index.day - 1,
        "dayofyear": index.day_of_year - 1,
        "week": index.isocalendar().week.to_numpy().astype(int) - 1,
        "month": index.month - 1,
        "quarter": index.quarter - 1,
    }


def periods(t):
    """How many values each feature has on its circle."""
    index = pd.DatetimeIndex(t)
    thursday = index.normalize() + pd.to_timedelta(3 - index.day_of_week, "D")
    late = [date(year, 12, 28).isocalendar().week for year in thursday.year]
    return {
        "second": 60, "minute": 60, "hour": 24, "weekday": 7, "week": np.array(late),
        "day": index.days_in_month, "dayofyear": 365 + index.is_leap_year.astype(int),
        "month": 12, "quarter": 4,
    }  # fmt: skip


# ---- what the features are -----------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in KINDS if name != "elapsed"])
def test_ids_are_those_of_pandas(moments, name):
    got = CalendarFeatures([name], encoding="ordinal").fit_transform(moments)
    assert got.dtype == np.int64
    assert_array_equal(got[:, 0], by_pandas(moments)[name])


@pytest.mark.parametrize("name", CIRCLES)
def test_circles_go_round_once(moments, name):
    got = CalendarFeatures([name]).fit_transform(moments)
    angle = 2 * np.pi * by_pandas(moments)[name] / periods(moments)[name]
    assert got.dtype == np.float64
    assert_allclose(got, np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)


def test_a_worked_example():
    """29 February 2024, a Thursday, at 18 h: three quarters of a day."""
    t = np.array(["2024-02-29T18:00"], dtype="datetime64[m]")
    hour, day = CalendarFeatures(["hour", "day"]).fit_transform(t).reshape(2, 2)
    assert_allclose(hour, [-1, 0], atol=1e-12)
    assert_allclose(day, [np.sin(2 * np.pi * 28 / 29), np.cos(2 * np.pi * 28 / 29)])
    ids = CalendarFeatures(["weekday", "week", "month", "quarter"], encoding="ordinal")
    assert ids.fit_transform(t).tolist() == [[3, 8, 1, 0]]


@pytest.mark.parametrize("encoding", ["cyclic", "ordinal"])
def test_elapsed_is_years_since_the_first_of_fit(encoding):
    days = np.array(["2025-01-01", "2023-01-01", "2024-01-01"], dtype="datetime64[D]")
    calendar = CalendarFeatures(["elapsed"], encoding=encoding).fit(days)
    assert_allclose(calendar.transform(days)[:, 0], np.array([731, 0, 365]) / 365.2425)
    assert_allclose(calendar.transform(days[:1] + 1)[:, 0], [732 / 365.2425])
    assert_allclose(calendar.transform(days[1:2] - 1)[:, 0], [-1 / 365.2425])


def test_ids_beside_decimals():
    calendar = CalendarFeatures(["hour", "elapsed"], encoding="ordinal")
    got = calendar.fit_transform(HOURS)
    assert got.dtype == np.float64
    assert_array_equal(got[:, 0], np.arange(len(HOURS)) % 24)


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "m", "h"])
def test_every_unit(unit):
    want = CalendarFeatures().fit_transform(HOURS)
    got = CalendarFeatures().fit_transform(HOURS.astype(f"datetime64[{unit}]"))
    assert_array_equal(got, want)


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D"])
def test_units_of_days_and_more(unit):
    t = np.array(["1969-12-30", "2024-03-01"], dtype=f"datetime64[{unit}]")
    calendar = CalendarFeatures(["hour", "day", "month"], encoding="ordinal")
    want = by_pandas(t.astype("datetime64[s]"))
    got = calendar.fit_transform(t)
    assert_array_equal(got.T, [want["hour"], want["day"], want["month"]])


@pytest.mark.parametrize(
    "every, features",
    [
        ("15min", ["minute", "hour", "weekday", "month"]),
        ("60min", ["hour", "weekday", "month"]),
        ("6h", ["hour", "weekday", "month"]),
        ("24h", ["weekday", "month"]),
        ("7D", ["month"]),
        ("MS", ["month"]),
        ("QS", ["month"]),
    ],
)
def test_auto_goes_by_the_spacing(every, features):
    t = pd.date_range("2023-01-01", periods=20, freq=every)
    twice = np.concatenate([t, t])[::-1]  # a long table of two series, in any order
    assert CalendarFeatures().fit(t).features_ == features
    assert CalendarFeatures().fit(twice).features_ == features


def test_auto_without_any_feature():
    with pytest.raises(ValueError, match="365 days.*more apart.*elapsed"):
        CalendarFeatures().fit(pd.date_range("2021", periods=3, freq="YS"))


def test_auto_of_one_timestamp_alone():
    calendar = CalendarFeatures().fit(HOURS[[0, 0]])
    assert calendar.features_ == ["minute", "hour", "weekday", "month"]


# ---- containers ----------------------------------------------------------------------


CLOCKS = pd.date_range("2024-03-31T00:30", periods=4, freq="h", tz="Europe/Berlin")
SERIES = pd.Series(CLOCKS, name="ds")
CONTAINERS = {
    "DatetimeIndex": lambda: CLOCKS,
    "Series": lambda: SERIES,
    "Series of objects": lambda: SERIES.astype(object),
    "DataFrame": lambda: SERIES.to_frame(),
    "polars Series": lambda: pl.Series("ds", SERIES.tolist()),
    "polars Series without name": lambda: pl.Series(SERIES.tolist()),
    "polars DataFrame": lambda: pl.DataFrame({"ds": SERIES.tolist()}),
    "LazyFrame": lambda: pl.DataFrame({"ds": SERIES.tolist()}).lazy(),
    "list": lambda: SERIES.tolist(),
    "list of rows": lambda: [[t] for t in SERIES],
    "array": lambda: CLOCKS.tz_localize(None).to_numpy(),
    "column": lambda: CLOCKS.tz_localize(None).to_numpy()[:, np.newaxis],
}
OF_ARROW = {
    "array": lambda pa: pa.array(SERIES),
    "chunks": lambda pa: pa.chunked_array([pa.array(SERIES[:1]), pa.array(SERIES[1:])]),
    "table": lambda pa: pa.table({"ds": pa.array(SERIES)}),
    "Series": lambda pa: SERIES.astype("timestamp[us, tz=Europe/Berlin][pyarrow]"),
}


def assert_local(X):
    """The night in which clocks go from 2 to 3 h."""
    calendar = CalendarFeatures(["hour", "minute"], encoding="ordinal").fit(X)
    assert calendar.transform(X).tolist() == [[0, 30], [1, 30], [3, 30], [4, 30]]
    assert calendar.n_features_in_ == 1


@pytest.mark.parametrize("name", CONTAINERS)
def test_local_time_of_every_container(name):
    assert_local(CONTAINERS[name]())


@pytest.mark.parametrize("name", OF_ARROW)
def test_local_time_of_arrow(name):
    assert_local(OF_ARROW[name](pytest.importorskip("pyarrow")))


@pytest.mark.parametrize(
    "X",
    [
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.Series(pd.period_range("2024-01", periods=3, freq="M")),
        [date(2024, 1, 1), datetime(2024, 2, 1), np.datetime64("2024-03")],
        pl.Series("ds", [date(2024, m, 1) for m in (1, 2, 3)]),
        np.array(["2024-01", "2024-02", "2024-03"], dtype="datetime64[M]"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_periods_and_dates(X):
    got = CalendarFeatures(["month"], encoding="ordinal").fit_transform(X)
    assert got.tolist() == [[0], [1], [2]]


def test_zones_may_differ_between_rows():
    X = [datetime(2024, 1, 1, 5, tzinfo=UTC), pd.Timestamp("2024-01-01T06", tz="Japan")]
    got = CalendarFeatures(["hour"], encoding="ordinal").fit_transform(X)
    assert got.tolist() == [[5], [6]]


def test_several_columns():
    X = pd.DataFrame({"from": HOURS, "to": HOURS + 5})
    calendar = CalendarFeatures(["hour"], encoding="ordinal").fit(X)
    hours = np.arange(len(HOURS))
    assert_array_equal(calendar.transform(X), np.stack([hours, hours + 5], 1) % 24)
    assert calendar.get_feature_names_out().tolist() == ["from_hour", "to_hour"]


# ---- a transformer of scikit-learn ---------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        check_do_not_raise_errors_in_init_or_set_params,
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_mixin_order,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_without_data(check):
    check("CalendarFeatures", CalendarFeatures(["hour"], encoding="ordinal"))


def test_rows_are_read_one_by_one():
    """In any order, in parts, after pickling and cloning: the same numbers."""
    X = HOURS[:, np.newaxis]
    calendar = CalendarFeatures([*KINDS])
    want = calendar.fit_transform(X)
    parameters = calendar.get_params()
    assert_array_equal(calendar.fit(X).transform(X), want)
    order = np.random.default_rng(0).permutation(len(X))
    assert_array_equal(calendar.transform(X[order]), want[order])
    for i in (0, 7, len(X) - 1):
        assert_array_equal(calendar.transform(X[i : i + 1]), want[i : i + 1])
    again = pickle.loads(pickle.dumps(calendar))
    assert_array_equal(again.transform(X), want)
    assert_array_equal(clone(calendar).fit_transform(X), want)
    assert calendar.get_params() == parameters
    assert get_tags(calendar).input_tags.one_d_array


def test_names():
    calendar = CalendarFeatures(["hour", "weekend", "elapsed"]).fit(HOURS)
    ends = ["hour_sin", "hour_cos", "weekend", "elapsed"]
    assert calendar.get_feature_names_out().tolist() == [f"x0_{end}" for end in ends]
    assert calendar.get_feature_names_out(["t"]).tolist() == [f"t_{e}" for e in ends]
    assert not hasattr(calendar, "feature_names_in_")
    calendar.fit(pd.Series(HOURS, name="ds"))
    assert calendar.feature_names_in_.tolist() == ["ds"]
    assert calendar.get_feature_names_out().tolist() == [f"ds_{end}" for end in ends]
    with pytest.raises(ValueError, match="input_features is not equal"):
        calendar.get_feature_names_out(["t"])


@pytest.mark.parametrize("encoding", ["cyclic", "ordinal"])
def test_output_as_tables(encoding):
    X = pd.DataFrame({"ds": HOURS}, index=np.arange(len(HOURS))[::-1])
    calendar = CalendarFeatures(encoding=encoding)
    want = calendar.fit_transform(X)
    frame = calendar.set_output(transform="pandas").transform(X)
    assert_array_equal(frame.to_numpy(), want)
    assert frame.columns.tolist() == calendar.get_feature_names_out().tolist()
    assert frame.index.equals(X.index)
    assert isinstance(
        calendar.set_output(transform="polars").transform(X), pl.DataFrame
    )


@pytest.mark.parametrize("column", ["ds", ["ds"]], ids=["Series", "DataFrame"])
def test_columns_of_a_long_table(column):
    """The documented road: features beside the other columns, then sequences."""
    frame = pd.DataFrame(
        {
            "id": np.repeat([1, 0], 72),
            "ds": np.tile(HOURS[:72], 2),
            "y": np.arange(144.0),
        }
    )
    prepare = make_column_transformer(
        (CalendarFeatures(["hour"]), column),
        ("passthrough", ["id", "ds", "y"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    table = prepare.fit_transform(frame)
    X = SequenceArray.from_long(table, by="id", sort="ds")
    assert X.feature_names == ("ds_hour_sin", "ds_hour_cos", "y")
    angle = 2 * np.pi * np.arange(72) / 24
    for i in (0, 1):
        assert_allclose(X[i][:, 0], np.sin(angle), atol=1e-12)
        assert_array_equal(X[i][:, 2], np.arange(72 * i, 72 * i + 72))


def test_series_as_a_list_of_tables():
    X = [pd.DataFrame({"ds": HOURS[:n], "y": np.arange(n) + 0.5}) for n in (30, 7)]
    columns = make_column_transformer(
        (CalendarFeatures(["hour"], encoding="ordinal"), ["ds"]), ("passthrough", ["y"])
    )
    got = TimeDistributed(columns).fit_transform(X)
    for x, n in zip(got, (30, 7), strict=True):
        assert_array_equal(x, np.stack([np.arange(n) % 24, np.arange(n) + 0.5], axis=1))


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters, match",
    [
        ({"features": ["hour", "fortnight"]}, "'fortnight'.*none of second, minute"),
        ({"features": ["hour", 3]}, "features has 3"),
        ({"features": ["hour", "hour"]}, "'hour' more than once"),
        ({"features": "hour"}, r"features=\['hour'\] is a list of one"),
        ({"features": []}, "features is empty"),
        ({"encoding": "onehot"}, "'cyclic' or 'ordinal', got 'onehot'"),
        ({"subdiv": "BY"}, "subdiv='BY' is a part of a country"),
    ],
)
def test_parameters(parameters, match):
    calendar = CalendarFeatures().fit(HOURS)
    before = vars(calendar).copy()
    calendar.set_params(**parameters)
    with pytest.raises(ValueError, match=match):
        calendar.fit(pd.DataFrame({"later": HOURS + 1}))
    assert vars(calendar) == {**before, **parameters}


MISSING = [
    (np.array(["2024", "NaT"], "datetime64[D]"), "row 1 of column 0"),
    (pd.DataFrame({"ds": [pd.Timestamp("2024"), pd.NaT]}), "row 1 of column 'ds'"),
    (pl.DataFrame({"ds": [date(2024, 1, 1), None]}), "row 1 of column 'ds'"),
    (pl.Series("ds", [None, date(2024, 1, 1)]), "row 0 of column 'ds'"),
    ([datetime(2024, 1, 1), None], "row 1 of column 0"),
    ([datetime(2024, 1, 1), pd.NA], "row 1 of column 0"),
    ([pd.NaT], "row 0 of column 0"),
    ([float("nan")], "row 0 of column 0"),
    (
        np.array([["2024", "2024"], ["2024", "NaT"]], "datetime64[D]"),
        "row 1 of col.* 1",
    ),
]


@pytest.mark.parametrize("X, where", MISSING)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_missing_timestamps(X, where, method):
    calendar = CalendarFeatures(["hour"]).fit(HOURS)
    before = vars(calendar).copy()
    with pytest.raises(ValueError, match=rf"timestamp in {where} is missing \(NaT\)"):
        getattr(calendar, method)(X)
    assert vars(calendar) == before


@pytest.mark.parametrize(
    "X, match",
    [
        (np.arange(3.0), "column 0 is of type float64.*to_datetime"),
        (np.array(["2024"]), "column 0 is of type <U4"),
        (["2024-01-01"], "row 0 of column 0 has '2024-01-01' of type str"),
        ([datetime(2024, 1, 1), 3], "row 1 of column 0 has 3 of type int"),
        (pd.DataFrame({"ds": ["2024-01-01"]}), "column 'ds'"),
        (pl.DataFrame({"ds": ["2024-01-01"]}), "column 'ds'"),
        (np.array([5], "timedelta64[s]"), "type timedelta64"),
        (np.array(["NaT"], "datetime64"), "type datetime64"),
        (5, "got 5 of type int"),
        ("2024-01-01", "got '2024-01-01' of type str"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_no_timestamps(X, match, method):
    with pytest.raises(TypeError, match=f"Expected timestamps.*{match}"):
        getattr(CalendarFeatures(["hour"]).fit(HOURS), method)(X)


@pytest.mark.parametrize("shape", [(0,), (0, 1), (3, 0), (2, 2, 2)])
def test_shapes(shape):
    with pytest.raises(ValueError, match=r"0 sample|0 feature|got shape \(2, 2, 2\)"):
        CalendarFeatures(["hour"]).fit(np.zeros(shape, "datetime64[s]"))


def test_other_columns_than_in_fit():
    calendar = CalendarFeatures(["hour"]).fit(pd.DataFrame({"ds": HOURS}))
    with pytest.raises(ValueError, match="feature names should match"):
        calendar.transform(pd.DataFrame({"time": HOURS}))
    with pytest.raises(ValueError, match="2 features.*expecting 1"):
        calendar.fit(HOURS).transform(np.stack([HOURS, HOURS], axis=1))
    with pytest.raises(NotFittedError):
        CalendarFeatures().transform(HOURS)
    with pytest.raises(NotFittedError):
        CalendarFeatures().get_feature_names_out()


# ---- holidays ------------------------------------------------------------------------


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    CalendarFeatures().fit(HOURS)
    with pytest.raises(
        ImportError, match=r"country='DE'\) needs holidays: pip install"
    ):
        CalendarFeatures(country="DE").fit(HOURS)


class TestHolidays:
    """With the package."""

    @pytest.fixture(autouse=True)
    def package(self):
        return pytest.importorskip("holidays")

    def test_days_and_hours(self):
        t = np.arange("2023-12-24", "2024-01-03", dtype="datetime64[h]")
        calendar = CalendarFeatures(["weekend"], country="DE").fit(t)
        assert calendar.get_feature_names_out().tolist() == ["x0_weekend", "x0_holiday"]
        holiday = calendar.transform(t)[:, 1].reshape(-1, 24)
        want = np.isin(np.arange(10), [1, 2, 8])  # 25, 26 December, 1 January
        assert_array_equal(holiday, np.repeat(want, 24).reshape(-1, 24))
        assert_array_equal(calendar.transform(t[::-1])[::-1], calendar.transform(t))

    def test_alone(self):
        t = np.array(["2024-07-04", "2024-07-05"], dtype="datetime64[D]")
        assert CalendarFeatures([], country="US").fit_transform(t).tolist() == [
            [1],
            [0],
        ]

    def test_years_that_fit_has_not_seen(self):
        t = np.array(["2024-07-03"], dtype="datetime64[D]")
        calendar = CalendarFeatures([], country="US").fit(t)
        later = np.array(["2031-07-04", "1999-07-04"], dtype="datetime64[D]")
        assert calendar.transform(later).tolist() == [[1], [1]]

    def test_parts_of_a_country(self):
        epiphany = np.array(["2025-01-06"], dtype="datetime64[D]")
        for subdiv, want in ((None, 0), ("BY", 1), ("BE", 0)):
            calendar = CalendarFeatures([], country="DE", subdiv=subdiv)
            assert calendar.fit_transform(epiphany).tolist() == [[want]]

    @pytest.mark.parametrize("country, subdiv", [("Atlantis", None), ("DE", "XX")])
    def test_no_such_country(self, country, subdiv):
        match = f"country='{country}' with subdiv={subdiv!r}"
        with pytest.raises(ValueError, match=match):
            CalendarFeatures(country=country, subdiv=subdiv).fit(HOURS)
