"""Long tables of every package: the same sequences, ids, times, targets and errors."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklstm import LSTMStepRegressor, LSTMTagger
from sklstm.sequences import SequenceArray

DAYS = [datetime.datetime(2024, 5, day) for day in (3, 1, 1, 4, 5, 2)]
TABLE = {
    "id": ["b", "a", "b", "c", "a", "b"],
    "day": DAYS,
    "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "k": [1, 2, 3, 4, 5, 6],
    "label": ["u", "v", "u", "w", "v", "u"],
    "grade": [2.5, 1.0, 2.5, 3.0, 1.0, 2.5],
    "site": [7, 8, 7, 7, 8, 7],
    "tag": list("fabced"),
}
COLUMNS = ["x", "k"]


def make_duckdb(table):
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(table)
    return duckdb.from_df(frame)


def make_polars(table):
    return pytest.importorskip("polars").DataFrame(table)


def make_arrow(table):
    return pytest.importorskip("pyarrow").table(table)


PACKAGES = {
    "pandas": pd.DataFrame,
    "pandas object": lambda table: pd.DataFrame(table).astype({"id": object}),
    "pandas category": lambda table: pd.DataFrame(table).astype({"id": "category"}),
    "pandas arrow": lambda table: pd.DataFrame(table).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "pandas nullable": lambda table: pd.DataFrame(table).convert_dtypes(),
    "pandas index": lambda table: pd.DataFrame(
        table, index=pd.Index([9, 9, 1, 2, 3, 3], name="id")
    ),
    "polars": make_polars,
    "polars lazy": lambda table: make_polars(table).lazy(),
    "polars category": lambda table: make_polars(table).cast(
        {"id": pytest.importorskip("polars").Categorical}
    ),
    "pyarrow": make_arrow,
    "pyarrow batch": lambda table: make_arrow(table).to_batches()[0],
    "duckdb": make_duckdb,
}


@pytest.fixture(params=PACKAGES)
def make(request):
    if request.param.endswith("arrow"):
        pytest.importorskip("pyarrow")
    return PACKAGES[request.param]


def read(make, change=None, drop=(), **options):
    table = {k: v for k, v in {**TABLE, **(change or {})}.items() if k not in drop}
    options = {"by": "id", "sort": "day", "columns": COLUMNS, **options}
    return SequenceArray.from_long(make(table), **options)


def assert_texts(values, expected):
    assert values.dtype == object
    assert values.tolist() == expected


def test_sequences(make):
    X = read(make)
    assert X.feature_names == ("x", "k")
    # duckdb promises no order of rows
    assert sorted(X.ids) == ["a", "b", "c"]
    X = X[np.argsort(X.ids)]
    assert X.ids.dtype == object
    assert X.lengths.tolist() == [2, 3, 1]
    assert_array_equal(X.data, [[2, 2], [5, 5], [3, 3], [6, 6], [1, 1], [4, 4]])
    days = [1, 5, 1, 2, 3, 4]
    assert X.times.dtype.kind == "M"
    assert_array_equal(X.times, [np.datetime64(f"2024-05-0{day}") for day in days])
    other = read(make, columns=("k",))
    assert other.feature_names == ("k",)
    assert_array_equal(other[np.argsort(other.ids)].data, X.data[:, 1:])


def test_targets_and_groups(make):
    X, label, site = read(make, target="label", groups="site")
    by_id = dict(zip(X.ids, zip(label, site, strict=True), strict=True))
    assert by_id == {"a": ("v", 8), "b": ("u", 7), "c": ("w", 7)}
    assert label.dtype == object
    assert site.dtype.kind == "i"
    X, grade = read(make, target="grade")
    assert dict(zip(X.ids, grade, strict=True)) == {"a": 1.0, "b": 2.5, "c": 3.0}
    X, groups = read(make, groups="site")
    assert dict(zip(X.ids, groups, strict=True)) == {"a": 8, "b": 7, "c": 7}
    X, grades = read(make, target=["grade", "site"])
    by_id = dict(zip(X.ids, grades.tolist(), strict=True))
    assert by_id == {"a": [1.0, 8], "b": [2.5, 7], "c": [3.0, 7]}


def test_targets_at_steps(make):
    X, tags = read(make, target="tag", target_at="step")
    assert tags.shape == (3,)
    by_id = {i: tag.tolist() for i, tag in zip(X.ids, tags, strict=True)}
    assert by_id == {"a": ["a", "e"], "b": ["b", "d", "f"], "c": ["c"]}
    X, numbers = read(make, columns="x", target=["x", "k"], target_at="step")
    for x, y in zip(X, numbers, strict=True):
        assert_array_equal(y, np.hstack([x, x]))


def test_features_are_what_is_left(make):
    X, y, groups = read(
        make, columns=None, drop=["tag", "grade"], target="label", groups="site"
    )
    assert X.feature_names == ("x", "k")
    assert len(y) == len(groups) == 3


def test_several_columns_name_a_sequence(make):
    X = read(make, by=["site", "id"])
    assert set(X.ids) == {(7, "b"), (8, "a"), (7, "c")}
    assert X.times is not None
    X = read(make, by=["site"], sort=["id", "day"])
    assert X.times is None
    assert dict(zip(X.ids, map(len, X), strict=True)) == {7: 4, 8: 2}
    assert_array_equal(X[X.ids == 7].data[:, 0], [3, 6, 1, 4])


def test_duplicates(make):
    days = [DAYS[0], *DAYS[1:5], DAYS[0]]
    message = r"Rows \d and \d are both of id 'b' at day 2024-05-03 00:00:00: 1 row"
    with pytest.raises(ValueError, match=message):
        read(make, {"day": days})
    X = read(make, {"day": days}, duplicates="keep")
    assert sorted(X[X.ids == "b"].data[:, 0]) == [1, 3, 6]
    kept = read(make, {"day": days}, sort=["day", "k"])
    assert_array_equal(kept[kept.ids == "b"].data[:, 0], [3, 1, 6])
    with pytest.raises(ValueError, match="of site 7, id 'b' at day .*, t 7: 1 row"):
        read(make, {"day": days, "t": [7] * 6}, by=["site", "id"], sort=["day", "t"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"target": "tag"}, "Column 'tag', in 'target', varies within id '[ab]': "
         "row . has '.', row . has '.'. target_at='step' makes"),
        ({}, {"groups": "tag"}, "Column 'tag', in 'groups', varies .* one group"),
        ({}, {"target": "nobody"}, "No column 'nobody' among"),
        ({}, {"groups": "nobody"}, "No column 'nobody' among"),
        ({}, {"columns": ["x", "nobody"]}, "No column 'nobody' among"),
        ({}, {"columns": ["x", "x"]}, r"'x' comes twice in columns=\['x', 'x'\]"),
        ({}, {"columns": []}, "'columns' needs at least one"),
        ({}, {"columns": ["x", "tag"]}, "Column 'tag' is not numeric.*groupby.'id', s"),
        ({}, {"groups": ["site", "k"]}, r"'groups' is one column, got \['site', 'k'\]"),
        ({}, {"target_at": "step"}, "target_at='step' has no effect without target"),
        ({}, {"target": "x", "target_at": "end"}, "target_at must be .* got 'end'"),
        ({}, {"duplicates": "drop"}, "must be 'error' or 'keep', got 'drop'"),
        ({"id": ["b", None, "b", "c", "a", "b"]}, {}, "'id' has a missing value"),
        ({"day": [*DAYS[:5], None]}, {}, "'day' has a missing value in row"),
        ({"label": ["u", "v", None, "w", "v", "u"]}, {"target": "label"}, "varies"),
        ({"grade": [2.5, 1, 2.5, 3, 1, np.nan]}, {"target": "grade"}, "varies within"),
    ],
)  # fmt: skip
def test_errors(make, change, options, message):
    with pytest.raises(ValueError, match=message):
        read(make, change, **options)


def test_missing_targets_of_a_whole_sequence():
    for make in (pd.DataFrame, PACKAGES["polars"]):
        grade = [2.5, None, 2.5, 3.0, None, 2.5]
        X, y = read(make, {"grade": grade}, target="grade")
        assert X.ids.tolist() == ["b", "a", "c"]
        assert_array_equal(y, [2.5, np.nan, 3.0])
        _, y = read(make, {"k2": [1, None] * 3}, target="k2", target_at="step")
        assert_array_equal(y[0], [1, np.nan, 1])


def test_targets_that_are_decimals():
    grade = [decimal.Decimal(str(v)) for v in TABLE["grade"]]
    for name in ("polars", "pyarrow"):
        _, y = read(PACKAGES[name], {"grade": grade}, target="grade")
        assert y.dtype == np.float64
        assert y.tolist() == [2.5, 1.0, 3.0]


@pytest.mark.parametrize("kind", ["List", "Struct"])
def test_targets_that_are_lists(kind):
    pytest.importorskip("polars")
    cells = [[1, 2]] * 6 if kind == "List" else [{"u": 1}] * 6
    with pytest.raises(ValueError, match=f"'grade', in 'target', holds {kind}"):
        read(make_polars, {"grade": cells}, target="grade")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_take_targets_at_steps():
    X, tags = read(pd.DataFrame, target="tag", target_at="step")
    model = LSTMTagger(2, max_iter=1, tol=0).fit(X, tags)
    assert list(map(len, model.predict(X))) == X.lengths.tolist()
    X, numbers = read(pd.DataFrame, target=["x", "k"], target_at="step")
    model = LSTMStepRegressor(2, max_iter=1, tol=0).fit(X, numbers)
    assert model.predict(X)[0].shape == numbers[0].shape


# ---- ids and times of any type -------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        ([3, 1, 3], "i"),
        ([2.5, 1.0, 2.5], "f"),
        ([True, False, True], "b"),
        (pd.to_datetime(["2020", "2019", "2020"]), "M"),
        (pd.to_timedelta([2, 1, 2], "h"), "m"),
        ([datetime.date(2020, 1, 1), datetime.date(2019, 1, 1)] * 2, "O"),
        (pd.period_range("2020", periods=2).append(pd.period_range("2020", periods=1)),
         "O"),
        ([("b", 1), ("a", 2), ("b", 1)], "O"),
        (pd.array([3, 1, 3], dtype="Int64"), "i"),
        (pd.Categorical(["b", "a", "b"], categories=["z", "b", "a"]), "O"),
    ],
)  # fmt: skip
def test_ids_of_any_type(ids, kind):
    ids = ids[:3]
    frame = pd.DataFrame({"id": ids, "x": [1.0, 2.0, 3.0]})
    X = SequenceArray.from_long(frame, by="id")
    assert X.lengths.tolist() == [2, 1]
    assert X.ids.dtype.kind == kind
    assert list(X.ids) == frame["id"].drop_duplicates().tolist()
    swapped = SequenceArray.from_long(frame.assign(g=0), by="g", sort="x", columns="x")
    assert swapped.lengths.tolist() == [3]
    sorted_by_id = SequenceArray.from_long(
        frame.assign(g=0), by="g", sort="id", columns="x", duplicates="keep"
    )
    expected = [2, 1, 3]
    if isinstance(ids, pd.PeriodIndex):  # the second is later
        expected = [1, 3, 2]
    assert_array_equal(sorted_by_id.data[:, 0], expected)
    assert sorted_by_id.times.dtype.kind == kind


def test_times_of_a_zone():
    hours = pd.to_datetime(["2024-10-27 00:30", "2024-10-27 01:30"], utc=True)
    frame = pd.DataFrame({"id": [1, 1], "x": [0.0, 1.0]})
    frame["t"] = hours.tz_convert("Europe/Berlin")
    pl = pytest.importorskip("polars")
    plain = pl.DataFrame(
        {"id": [1, 1], "x": [0.0, 1.0], "t": hours.tz_localize(None).to_numpy()}
    )
    utc = pl.col("t").dt.replace_time_zone("UTC")
    for table in (
        frame,
        plain.with_columns(utc.dt.convert_time_zone("Europe/Berlin")),
    ):
        X = SequenceArray.from_long(table, by="id", sort="t")
        assert_array_equal(X.times, hours.tz_localize(None).to_numpy())
        X = SequenceArray.from_long(table, by="t")
        assert_array_equal(X.ids, hours.tz_localize(None).to_numpy())


def test_objects_that_pandas_takes_for_text():
    """It looks at the first of them alone."""
    ids = pd.Series(["a"] * 200, dtype=object)
    for odd, kind in ((1, "int"), ([1], "list")):
        ids.iloc[150] = odd
        frame = pd.DataFrame({"id": ids, "x": np.arange(200.0)})
        with pytest.raises(
            ValueError, match=rf"'a' \(str\) in row 0.*\({kind}\) in row"
        ):
            SequenceArray.from_long(frame, by="id")
        with pytest.raises(ValueError, match=rf"\({kind}\) in row 150"):
            SequenceArray.from_long(frame.assign(g=0), by="g", sort="id", columns="x")


def test_objects_of_polars():
    pl = pytest.importorskip("polars")
    ids = pl.Series("id", [("b",), ("a",), ("b",)], dtype=pl.Object)
    X = SequenceArray.from_long(pl.DataFrame([ids, pl.Series("x", [1, 2, 3])]), by="id")
    assert X.ids.tolist() == [("b",), ("a",)]
    ids = pl.Series("id", [("b",), None, ("b",)], dtype=pl.Object)
    with pytest.raises(ValueError, match="missing value in row 1"):
        SequenceArray.from_long(pl.DataFrame([ids, pl.Series("x", [1, 2, 3])]), by="id")


def test_text_of_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": ["b", "a", "b"], "x": ["1", "2", "3"], "y": [1, 2, 3]})
    for kind in (pa.string(), pa.large_string(), getattr(pa, "string_view", pa.utf8)()):
        schema = pa.schema([("id", kind), ("x", kind), ("y", pa.int8())])
        given = table.cast(schema)
        X = SequenceArray.from_long(given, by="id", columns="y")
        assert X.ids.tolist() == ["b", "a"]
        with pytest.raises(ValueError, match="Column 'x' is not numeric: .* .*string"):
            SequenceArray.from_long(given, by="id")


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_no_rows(name):
    nothing = {
        "id": np.array([], "i8"),
        "t": np.array([], "f8"),
        "x": np.array([], "f8"),
    }
    table = PACKAGES[name](nothing)
    for options in ({"by": "id"}, {"by": ["id", "t"]}, {"by": "id", "sort": "t"}):
        X = SequenceArray.from_long(table, columns="x", **options)
        assert X.shape == (0, None, 1)
        assert len(X.ids) == 0
    X, y = SequenceArray.from_long(table, by="id", target="t", columns="x")
    assert y.shape == (0,)
    X, y = SequenceArray.from_long(
        table, by="id", target="t", columns="x", target_at="step"
    )
    assert y.shape == (0,)


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("n_ids", [1, 7, 300])
def test_many_rows(name, n_ids):
    """Beside what pandas makes of them."""
    rng = np.random.default_rng(n_ids)
    n = 1000
    table = {
        "id": [f"p{i}" for i in rng.integers(0, n_ids, n)],
        "word": [f"w{i}" for i in rng.integers(0, 40, n)],
        "t": rng.integers(-50, 50, n),
        "x": rng.normal(size=n).astype(np.float32),
    }
    X = SequenceArray.from_long(
        PACKAGES[name](table), by="id", sort=["word", "t"], duplicates="keep"
    )
    assert X.dtype == np.float32
    parts = list(pd.DataFrame(table).groupby("id", sort=False))
    assert X.ids.tolist() == [i for i, _ in parts]
    for x, (_, part) in zip(X, parts, strict=True):
        part = part.sort_values(["word", "t"], kind="stable")
        assert_array_equal(x[:, 0], part["x"].to_numpy())


def test_lazy_tables_give_what_is_asked_for_alone():
    """A column that cannot be computed is not looked at."""
    pl = pytest.importorskip("polars")
    frame = pl.LazyFrame(TABLE).with_columns(bad=pl.col("label").cast(pl.Int64))
    assert len(SequenceArray.from_long(frame, by="id", columns="x")) == 3
    with pytest.raises(Exception, match="conversion from `str` to `i64` failed"):
        SequenceArray.from_long(frame, by="id", columns="bad")


def test_the_table_is_left_as_it_is():
    frame = pd.DataFrame({0: [1, 1, 2], 1: [3.0, 4.0, 5.0]}, index=[5, 6, 7])
    before = frame.copy()
    X = SequenceArray.from_long(frame, by=0)
    pd.testing.assert_frame_equal(frame, before)
    frame.iloc[:, 0] = 9
    frame.iloc[:, 1] = 9.0
    assert X.ids.tolist() == [1, 2]
    assert_array_equal(X.data[:, 0], [3, 4, 5])
