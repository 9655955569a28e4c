"""What is refused says what was given, where, and what to pass instead."""

import collections
import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklstm import GRUClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

LONG = pd.DataFrame(
    {
        "id": [0, 0, 1, 1],
        "word": ["a", "b", "c", "d"],
        "x": [1.0, 2.0, 3.0, 4.0],
        "when": pd.date_range("2020", periods=4),
    }
)
RECORDS = np.zeros(3, dtype=[("a", float), ("b", float)])
MASKED = np.ma.array(np.ones((3, 2)), mask=[[1, 0], [0, 0], [0, 0]])
SENTENCES = ["the cat sat", "on the mat"]
TEXT = "Turn text into numbers first"
DATES = "Of dates take what has passed since a first one"


def polars(make):
    return lambda: make(pytest.importorskip("polars"))


def arrow(make):
    return lambda: make(pytest.importorskip("pyarrow"))


X_AS_GIVEN = {
    # tables
    "text column": (LONG[["x", "word"]], r"Column 'word'.* its type is str.*from_long"),
    "date column": (LONG[["x", "when"]], r"Column 'when'.* datetime64.*from_long"),
    "zoned dates": (
        pd.DataFrame({"d": pd.date_range("2020", periods=2, tz="UTC")}),
        rf"Column 'd' .*datetime64\[.*, UTC\].*{DATES}",
    ),
    "durations": (pd.DataFrame({"d": pd.to_timedelta([1, 2])}), "'d' .*timedelta64"),
    "periods": (
        pd.DataFrame({"d": pd.period_range("2020", periods=2)}),
        "'d' .*period",
    ),
    "categories": (
        pd.DataFrame({"d": pd.Categorical(["a", "b"])}),
        "'d' .*category.*'a'",
    ),
    "complex column": (pd.DataFrame({"c": [1j, 2]}), "'c' .*complex128"),
    "object column": (
        pd.DataFrame({"c": [1, "b"]}, dtype=object),
        r"'c' .*object.*'b', at \[1\]",
    ),
    "text of polars": (
        polars(lambda pl: pl.DataFrame(LONG[["x", "word"]].to_dict("list"))),
        "Column 'word'.* its type is String.*from_long",
    ),
    "dates of polars": (
        polars(lambda pl: pl.from_pandas(LONG[["x", "when"]])),
        "Column 'when'.* Datetime.*from_long",
    ),
    "time of polars": (
        polars(lambda pl: pl.DataFrame({"d": [datetime.time(1)]})),
        "Column 'd'.* Time",
    ),
    "categories of polars": (
        polars(lambda pl: pl.DataFrame({"d": pl.Series(["a"], dtype=pl.Categorical)})),
        "Column 'd'.* Categorical",
    ),
    "groups": (LONG.groupby("id"), r"pandas\.DataFrameGroupBy.*from_long\(table, by="),
    "groups of a column": (
        LONG.groupby("id")["x"],
        r"pandas\.SeriesGroupBy.*from_long",
    ),
    "groups of polars": (
        polars(lambda pl: pl.DataFrame(LONG.to_dict("list")).group_by("id")),
        r"polars\.GroupBy.*from_long",
    ),
    "lazy": (
        polars(lambda pl: pl.DataFrame(LONG.to_dict("list")).lazy()),
        r"X is a LazyFrame.*collect\(\)",
    ),
    "Arrow table": (
        arrow(lambda pa: pa.table({"a": [1.0]})),
        r"pyarrow\.Table.*to_pandas\(\)",
    ),
    "Arrow batch": (
        arrow(lambda pa: pa.record_batch({"a": [1.0]})),
        r"pyarrow\.RecordBatch.*to_pandas\(\)",
    ),
    "Arrow table of lists": (
        arrow(lambda pa: pa.table({"a": [[1.0], [2.0]]})),
        "from_nested",
    ),
    "index of two levels": (LONG.set_index(["id", "word"])[["x"]], "from_sktime"),
    "Series with two levels": (
        LONG.set_index(["id", "word"])["x"],
        r"X is a Series whose index .*from_sktime\(X\.to_frame\(\)\)",
    ),
    # mappings and what has no order or no end
    "dict": ({"a": np.ones((3, 2))}, r"got dict\. Pass list\(X\.values\(\)\)"),
    "values of a dict": (
        {"a": np.ones((3, 2))}.values(),
        r"dict_values\. Pass list\(X\)",
    ),
    "generator": ((i for i in [np.ones((3, 2))]), r"generator\. Pass list\(X\)"),
    "map": (map(np.ones, [3]), r"map\. Pass list\(X\)"),
    "filter": (filter(None, [1]), r"filter\. Pass list\(X\)"),
    "set": ({1, 2}, r"set\. A set has no order: pass a list"),
    "frozenset": (frozenset([1]), "frozenset. A set has no order"),
    "None": (None, "Expected sequences as .* got NoneType"),
    "function": (len, "Expected sequences as .* got builtin_function"),
    # text
    "text": ("hello", f"got str. It holds text, 'hello'.* {TEXT}"),
    "bytes": (b"hello", f"got bytes.*{TEXT}"),
    "sentences": (SENTENCES, f"Sample 0 is of type str.*'the cat sat'.*{TEXT}"),
    "array of sentences": (np.array(SENTENCES), f"'the cat sat'.*{TEXT}"),
    "objects of text": (
        np.array(SENTENCES, object),
        f"Sample 0 .*'the cat sat'.*{TEXT}",
    ),
    "Series of text": (pd.Series(SENTENCES), f"Sample 0 .*'the cat sat'.*{TEXT}"),
    "long text": (["x" * 1000], r"'x{40}\.\.\.'"),
    "words": ([["the", "cat"], ["on", "a", "mat"]], f"Sample 0 .*'the'.*{TEXT}"),
    "words, as many": ([["the", "cat"], ["on", "mat"]], f"X is .*'the'.*{TEXT}"),
    "words, 3-D": (np.array([[["a"]]]), f"X is not numeric .*'a'.*{TEXT}"),
    "words of StringDType": (np.array([["a"]], np.dtypes.StringDType()), TEXT),
    "words behind numbers": ([np.ones(2), np.array(["a"])], f"Sample 1 .*'a'.*{TEXT}"),
    "a text among arrays": ([np.ones((2, 2)), "a"], f"Sample 1 is of type str.*{TEXT}"),
    "objects": (np.array([["a", 1.0]], object), r"'a', at \[0, 0\]"),
    "objects, 3-D": (np.array([[[1.0, "a"]]], object), r"'a', at \[0, 0, 1\]"),
    # other types of numpy
    "dates": (np.zeros((2, 2), "M8[s]"), rf"X .*datetime64\[s\].*{DATES}"),
    "dates, 3-D": (np.zeros((2, 2, 1), "M8[s]"), rf"X .*datetime64\[s\].*{DATES}"),
    "list of dates": ([np.zeros((2, 2), "M8[s]")], rf"Sample 0 .*{DATES}"),
    "duration": (np.zeros((2, 2), "m8[s]"), r"x / np\.timedelta64\(1, 's'\)"),
    "date objects": ([[datetime.datetime(2020, 1, 1)]], r"datetime', at \[0, 0\]"),
    "records": (RECORDS, "structured_to_unstructured"),
    "list of records": ([RECORDS], "Sample 0 .*structured_to_unstructured"),
    "complex": (np.ones((2, 2)) * 1j, "Complex data not supported"),
    "list of complex": (
        [np.ones((2, 2)) * 1j],
        "Complex .*\nSample 0 has dtype complex",
    ),
    "masked": (MASKED, "X is a masked array"),
    "list of masked": ([np.ones((2, 2)), MASKED], "Sample 1 is a masked array"),
    "masked rows": ([[MASKED[0], MASKED[1]]], "A row of sample 0 is a masked array"),
    "masked number": ([[1.0, np.ma.masked]], "A row of sample 0 is a masked array"),
    "masked number, ragged": (
        [[1.0, 2.0], [1.0, 2.0, np.ma.masked]],
        "A row of sample 1 is a masked array",
    ),
    "masked in objects": (
        np.array([MASKED, np.ones((1, 2))], dtype=object),
        "Sample 0 is a masked array",
    ),
    "sparse": (sp.eye(3), r"X is sparse.*toarray\(\)"),
    "list of sparse": ([sp.csr_array(np.ones((2, 2)))], r"Sample 0 is sparse.*toarray"),
    "sparse rows": ([[sp.csr_array(np.ones((1, 2)))]], "A row of sample 0 is sparse"),
    # shape
    "number": (3, "got scalar array instead.*Reshape your data.*a single sequence"),
    "truth": (True, "got scalar array"),
    "0-D": (np.array(3.0), r"of shape \(\)"),
    "vector": (np.ones(5), r"1D array instead, of shape \(5,\).*X = \[x\]"),
    "range": (range(3), "1D array instead"),
    "deque": (collections.deque([1, 2]), "1D array instead"),
    "Series": (pd.Series([1.0, 2.0]), "1D array instead"),
    "no vector": (np.array([]), "1D array instead"),
    "4-D": (np.ones((1, 1, 1, 1)), r"Found array with dim 4, shape \(1, 1, 1, 1\)"),
    "ragged steps": ([[[1, 2], [3]]], "Sample 0 cannot be read as an array of shape"),
    "too deep": ([[[[1.0]]]], r"Sample 0 is an array with 3 dim.*shape \(1, 1, 1\)"),
    "both ranks": ([np.ones((2, 2)), np.ones(2)], r"Sample 1 has shape \(2,\)"),
    "missing item": ([np.ones((2, 2)), None], "Sample 1 is of type NoneType"),
    "dict as item": ([{"a": 1}], r"Sample 0 is of type dict.*list\(x\.values\(\)\)"),
    "generator as item": ([iter([1])], r"Sample 0 is of type list_iterator.*list\(x\)"),
    "set as item": ([{1.0}], "Sample 0 is of type set.*no order"),
    "no features": (np.ones((2, 3, 0)), r"0 feature\(s\) \(shape=\(2, 3, 0\)\)"),
    "no features in a list": ([np.ones((2, 0))], r"0 feature\(s\)"),
    "nothing": ([], r"0 sample\(s\)"),
    "no sequences": (np.ones((0, 2, 2)), r"0 sample\(s\) \(shape=\(0, 2, 2\)\)"),
    "empty lists": ([[], []], r"0 feature\(s\) \(shape=\(2, 0\)\)"),
    # values
    "infinity": ([np.ones((1, 2)), [[1, np.inf]]], "sample 1, step 0, feature 1"),
    "NaN": (
        [np.ones((1, 2)), [[1, 1], [np.nan, 1]]],
        "NaN: sample 1, step 1, feature 0",
    ),
    "an integer beyond": ([[10**400, 1]], r"too large: .*at \[0, 0\]"),
    "in a list": (
        [[[1, 10**400]]],
        r"Sample 0 holds a number too large: .*at \[0, 1\]",
    ),
    "in objects": (np.array([[[10**400]]], object), r"too large: .*at \[0, 0, 0\]"),
}


def given(X):
    return X() if callable(X) and X is not len else X


@pytest.mark.parametrize("name", X_AS_GIVEN)
def test_what_is_given_as_x(name):
    X, match = X_AS_GIVEN[name]
    X, match = given(X), f"(?s){match}"
    with pytest.raises((TypeError, ValueError), match=match):
        check_sequences(X)


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).standard_normal((4, 5, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GRUClassifier(2, max_iter=1).fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("name", X_AS_GIVEN)
def test_what_is_given_to_estimators(name, fitted):
    """By every door, and the fit from before stays."""
    X, match = X_AS_GIVEN[name]
    X, match = given(X), f"(?s){match}"
    before = fitted._fitted.parameters
    doors = [
        lambda X: fitted.fit(X, [0, 1]),
        lambda X: fitted.partial_fit(X, [0, 1]),
        fitted.predict,
        fitted.predict_proba,
        fitted.decision_function,
        lambda X: fitted.score(X, [0, 1]),
        lambda X: fitted.transform(X, "sequence"),
    ]
    if name != "NaN":
        doors += [TimeDistributed(StandardScaler()).fit, FrameStacker(2).fit]
    for door in doors:
        with pytest.raises((TypeError, ValueError), match=match):
            door(X)
    assert fitted._fitted.parameters is before


def test_what_is_given_as_x_val_is_named():
    model = GRUClassifier(2, early_stopping=True)
    X, y = np.ones((4, 5, 2)), [0, 1, 0, 1]
    with pytest.raises(TypeError, match=r"In X_val.*got dict.*list\(X\.values\(\)\)"):
        model.fit(X, y, X_val={"a": X[0]}, y_val=y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_long_table_is_recognised_by_its_targets(library):
    X = LONG[["id", "x"]]
    if library == "polars":
        X = pytest.importorskip("polars").from_pandas(X)
    with pytest.raises(ValueError, match=r"\[4, 2\].*SequenceArray\.from_long\(X, by="):
        GRUClassifier(2).fit(X, [0, 1])
    with pytest.raises(ValueError, match=r"\[4, 2\](?!.*from_long)"):
        GRUClassifier(2).fit(LONG[["id", "x"]].to_numpy(), [0, 1])


def test_what_can_be_read():
    """Near to what is refused."""
    two = [np.ones((2, 2)), np.zeros((1, 2))]
    expected = SequenceArray.from_list(two)
    for X in (
        tuple(two),
        pd.Series(two),
        collections.deque(two),
        collections.UserList(two),
        list({"a": two[0], "b": two[1]}.values()),
        [two[0].astype(int), [[False, False]]],
        [two[0].astype(object), two[1].astype(np.float16)],
        [pd.DataFrame(two[0]), two[1].tolist()],
        [memoryview(two[0]), two[1]],
    ):
        assert check_sequences(X) == expected
    assert check_sequences(memoryview(np.ones((3, 2)))).shape == (3, None, 1)
    nested = check_sequences([[1, 2, 3], [4]])
    assert nested.lengths.tolist() == [3, 1] and nested.n_features == 1


# ---- one step ------------------------------------------------------------------------

STEPS = {
    "dict": ({"a": 1}, r"got dict\. Pass list\(X\.values\(\)\)"),
    "generator": ((i for i in [1]), r"generator\. Pass list\(X\)"),
    "None": (None, r"numeric array of shape \(n_sequences, n_features\), got NoneType"),
    "text": ("abc", TEXT),
    "words": ([["a", "b"], ["c", "d"]], f"'a'.*{TEXT}"),
    "dates": (np.zeros((2, 2), "M8[s]"), DATES),
    "text column": (pd.DataFrame({0: ["a", "b"], 1: [1, 2]}), "Column 0 .* str"),
    "date column": (
        pd.DataFrame({0: LONG["when"][:2], 1: [1, 2]}),
        "Column 0 .*datetime",
    ),
    "lazy": (polars(lambda pl: pl.LazyFrame({"a": [1]})), r"collect\(\)"),
    "Arrow table": (arrow(lambda pa: pa.table({"a": [1, 2]})), r"to_pandas\(\)"),
    "masked": (np.ma.ones((2, 2)), "X is a masked array"),
    "masked rows": ([np.ma.ones(2), np.ma.ones(2)], "A row of X is a masked array"),
    "sparse": (sp.eye(2), "X is sparse"),
    "records": (RECORDS[:2], "structured_to_unstructured"),
    "complex": (np.ones((2, 2)) * 1j, "Complex data not supported"),
    "ragged": ([[1, 2], [1]], "X cannot be read as an array of shape"),
    "too large": ([[10**400, 1], [1, 1]], r"too large: .*at \[0, 0\]"),
    "text of a Series": (pd.Series(["a", "b"]), "X is a Series that is not numeric"),
    "SequenceArray": (SequenceArray.from_list([np.ones((1, 2))] * 2), "X.data"),
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_given_as_a_step(name, fitted):
    X, match = STEPS[name]
    state = fitted.initial_state(2)
    with pytest.raises((TypeError, ValueError), match=f"(?s){match}"):
        fitted.predict_step(given(X), state)


def test_steps_of_any_order_of_memory(fitted):
    x = np.random.default_rng(1).standard_normal((3, 2)).astype("float32")
    state = fitted.initial_state(3)
    proba, _ = fitted.predict_step(x, state, method="predict_proba")
    other, _ = fitted.predict_step(np.asfortranarray(x), state, method="predict_proba")
    np.testing.assert_array_equal(other, proba)


# ---- long tables ---------------------------------------------------------------------


def doubled(*columns):
    return pd.DataFrame([[0, 1.0, 2.0]], columns=columns)


LONG_TABLES = {
    "column twice": (doubled("id", "x", "x"), "id", None, "Columns 1 and 2 .*'x'"),
    "id twice": (doubled("id", "id", "x"), "id", None, "Columns 0 and 1 .*'id'"),
    "names alike": (doubled("id", 0, "0"), "id", None, "Columns 1 and 2 .*'0'"),
    "twice in by": (LONG, ["id", "id"], None, r"'id' comes twice in by=\['id', 'id'\]"),
    "twice in sort": (
        LONG,
        "id",
        ["x", "x"],
        r"'x' comes twice in .*sort=\['x', 'x'\]",
    ),
    "in both": (LONG, "id", ["x", "id"], r"'id' comes twice in by=\['id'\] and sort="),
    "mixed ids": (
        LONG[["x"]].assign(id=[1, 1, "a", 2]),
        "id",
        None,
        r"'id' has values .*: 1 \(int\) in row 0, 'a' \(str\) in row 2.*astype\(str\)",
    ),
    "mixed order": (
        LONG[["id", "x"]].assign(t=["a", 1, 2, 3]),
        "id",
        "t",
        r"'t' has values .*: 'a' \(str\) in row 0, 1 \(int\) in row 1",
    ),
    "ids of one type without order": (
        LONG[["x"]].assign(id=[{}] * 4),
        "id",
        None,
        r"cannot be compared: \{\} \(dict\) in row 0\. ",
    ),
    "by=0": (LONG, 0, None, r"No column 0 among the columns \['id'"),
    "by=1.5": (LONG, 1.5, None, "No column 1.5 among"),
    "by=True": (doubled(0, 1, 2), True, None, "No column True among"),
    "by=None": (LONG, None, None, r"No column None .* are names of columns\.$"),
    "by=b'id'": (LONG, b"id", None, "No column b'id' among"),
    "by=[]": (LONG, [], None, "'by' needs at least one column"),
    "by a Series": (LONG, LONG["id"], None, "'by' is a Series; expected a name"),
    "by a list in a list": (LONG, [["id"]], None, r"No column \['id'\] among"),
    "sort=0": (LONG, "id", 0, "No column 0 among"),
    "sort=False": (doubled(0, 1, 2), 1, False, "No column False among"),
    "in the index": (LONG.set_index("id"), "id", None, r"frame\.reset_index\(\)"),
    "text": (
        LONG[["id", "x", "word"]],
        "id",
        None,
        "'word' .* its type is str.*Encode",
    ),
    "dates": (LONG[["id", "x", "when"]], "id", None, rf"'when' .*datetime64.*{DATES}"),
    "lazy": (polars(lambda pl: pl.LazyFrame({"id": [1]})), "id", None, "No feature"),
    "Arrow": (arrow(lambda pa: pa.table({"id": [1]})), "id", None, "No feature column"),
    "batch": (
        arrow(lambda pa: pa.record_batch({"id": [1]})),
        "x",
        None,
        r"No column 'x' among the columns \['id'\]",
    ),
    "Arrow array": (arrow(lambda pa: pa.array([1.0])), "id", None, "from_arrow"),
    "groups": (LONG.groupby("id"), "id", None, "DataFrameGroupBy.*the table that was"),
    "dict": ({"id": [1]}, "id", None, r"got dict.*pandas\.DataFrame\("),
    "records": (RECORDS, "a", None, r"got ndarray.*pandas\.DataFrame\("),
    "list": ([{"id": 1}], "id", None, r"got list.*pandas\.DataFrame\("),
    "None": (None, "id", None, "got NoneType"),
}


@pytest.mark.parametrize("name", LONG_TABLES)
def test_long_tables(name):
    frame, by, sort, match = LONG_TABLES[name]
    with pytest.raises((TypeError, ValueError), match=f"(?s){match}"):
        SequenceArray.from_long(given(frame), by=by, sort=sort)


def test_names_of_columns_that_are_no_text():
    frame = pd.DataFrame({0: [1, 1, 2], 1: [3.0, 4.0, 5.0]})
    expected = SequenceArray.from_list([[3.0, 4.0], [5.0]])
    for by in (0, [0], (0,), np.int64(0), np.array([0])):
        assert SequenceArray.from_long(frame, by=by) == expected


# ---- other ways in -------------------------------------------------------------------


@pytest.mark.parametrize(
    "door, X, match",
    [
        (SequenceArray.from_list, [MASKED], "Sample 0 is a masked array"),
        (SequenceArray.from_list, [None], "Sample 0 is of type NoneType"),
        (SequenceArray.from_list, SENTENCES, TEXT),
        (SequenceArray.from_padded, MASKED[None], "X is a masked array"),
        (SequenceArray.from_padded, np.array([[["a"]]]), TEXT),
        (SequenceArray.from_padded, np.zeros((1, 1, 1), "M8[s]"), DATES),
        (SequenceArray.from_aeon, MASKED[None], "X is a masked array"),
        (SequenceArray.from_aeon, [MASKED], "Sample 0 is a masked array"),
        (SequenceArray.from_aeon, [np.array([["a"]])], f"Sample 0 .*{TEXT}"),
        (SequenceArray.from_aeon, [None], "Sample 0 is of type NoneType"),
        (lambda X: SequenceArray(X, [0, 3]), MASKED, "data is a masked array"),
        (lambda X: SequenceArray(X, [0, 3]), sp.eye(3), "data is sparse"),
        (lambda X: SequenceArray(X, [0, 4]), LONG[["word"]], "numeric matrix.*'word'"),
        (lambda X: SequenceArray(X, [0, 3]), RECORDS, "structured_to_unstructured"),
    ],
)
def test_other_ways_in(door, X, match):
    with pytest.raises((TypeError, ValueError), match=f"(?s){match}"):
        door(X)


@pytest.mark.parametrize(
    "shapes, hint", [([(2, 5), (2, 3)], True), ([(4, 2), (3, 5)], False)]
)
def test_time_that_may_come_last(shapes, hint):
    """Only where all arrays have the same number of rows."""
    with pytest.raises(ValueError, match="features") as caught:
        check_sequences([np.ones(shape) for shape in shapes])
    assert ("All arrays have 2 row(s)" in str(caught.value)) == hint
    assert ("SequenceArray.from_aeon" in str(caught.value)) == hint
