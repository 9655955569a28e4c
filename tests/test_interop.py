"""SequenceArray from and to the containers of other packages, and the HTML repr.

Frozen examples are in the formats that the packages document; awkward, pyarrow, polars
and pandas are asked themselves where they are installed.
"""

import re
import subprocess
import sys
from decimal import Decimal
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interop_cases import assert_equal, make, with_names
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

nan = np.nan


@st.composite
def arrays(draw, min_length=0, min_size=0):
    n_features = draw(st.integers(1, 3))
    return make(
        draw(st.lists(st.integers(min_length, 4), min_size=min_size, max_size=5)),
        n_features,
        draw(st.sampled_from([np.float32, np.float64])),
        draw(st.sampled_from([None, "abc"[:n_features]])),
        draw(st.integers(0, 99)),
    )


# ---- round trips ---------------------------------------------------------------------


@pytest.mark.parametrize("package", ["awkward", "arrow"])
@settings(deadline=None, max_examples=60)
@given(X=arrays())
def test_round_trip_of_columnar_arrays(package, X):
    pytest.importorskip({"arrow": "pyarrow"}.get(package, package))
    there = getattr(X, f"to_{package}")()
    back = getattr(SequenceArray, f"from_{package}")
    assert len(there) == len(X)
    assert_equal(back(there), X)
    for part in (slice(1, None), slice(0, 2), slice(1, 1)):
        assert_equal(back(there[part]), X[part])


@pytest.mark.parametrize("library", ["pandas", "polars"])
@settings(deadline=None, max_examples=30)
@given(X=arrays(), Y=arrays(min_length=1))
def test_round_trip_of_tables(library, X, Y):
    pytest.importorskip(library)
    nested = X.to_nested(library=library)
    assert type(nested).__module__.partition(".")[0] == library
    expected = with_names(X)
    if library == "pandas" and not len(X):
        expected = expected.astype("float64")  # an empty column of objects has no dtype
    assert_equal(SequenceArray.from_nested(nested), expected)
    long = Y.to_long(library=library)
    assert type(long).__module__.partition(".")[0] == library
    back = SequenceArray.from_long(long, by="sequence", sort="step")
    assert_equal(back, with_names(Y))
    if library == "pandas":
        assert_equal(SequenceArray.from_sktime(Y.to_sktime()), Y)


@settings(deadline=None, max_examples=30)
@given(X=arrays(min_size=1))
def test_round_trip_of_aeon(X):
    there = X.to_aeon()
    assert all(x.flags.c_contiguous for x in there)
    back = SequenceArray.from_aeon(there)
    assert_equal(back, SequenceArray(X.data, X.offsets))
    if len(set(X.lengths)) == 1:
        assert_equal(SequenceArray.from_aeon(np.stack(there)), back)


def test_values_that_are_missing_or_huge_come_through():
    values = [nan, -0.0, 5e-324, 1.7e308, -nan]
    X = SequenceArray(np.array(values)[:, np.newaxis], [0, 2, 5], ["v"])
    assert_equal(SequenceArray.from_sktime(X.to_sktime()), X)
    assert_equal(SequenceArray.from_nested(X.to_nested()), X)
    assert_equal(SequenceArray.from_long(X.to_long(), by="sequence", sort="step"), X)
    for package in ("pyarrow", "awkward"):
        pytest.importorskip(package)
    assert_equal(SequenceArray.from_arrow(X.to_arrow()), X)
    assert_equal(SequenceArray.from_awkward(X.to_awkward()), X)


def test_nothing_made_shares_what_could_be_written_to():
    X = make([2, 3])
    before = X.data.copy()
    X.to_aeon()[0][:] = 0
    frame = X.to_sktime()
    frame.iloc[:] = 0
    X.to_nested()["x0"][0][:] = 0
    frame = X.to_long()
    frame.loc[:, "x0"] = 0
    np.testing.assert_array_equal(X.data, before)


# ---- aeon, tslearn -------------------------------------------------------------------


# aeon: numpy3D (n_cases, n_channels, n_timepoints), np-list, numpy2D
NUMPY3D = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]], dtype="f4")


def test_aeon_has_time_last():
    X = SequenceArray.from_aeon(NUMPY3D)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X[0], [[1, 4], [2, 5], [3, 6]])
    ragged = [NUMPY3D[0], NUMPY3D[1, :, :1], NUMPY3D[1, :, :0]]
    for form in (ragged, tuple(ragged)):
        X = SequenceArray.from_aeon(form)
        assert X.lengths.tolist() == [3, 1, 0]
        np.testing.assert_array_equal(X[1], [[7, 10]])
    univariate = SequenceArray.from_aeon(NUMPY3D[:, 0])
    assert_equal(univariate, SequenceArray.from_aeon(NUMPY3D[:, :1]))
    assert univariate.shape == (2, None, 1)
    assert SequenceArray.from_aeon(np.zeros((0, 3, 4))).shape == (0, None, 3)
    # NaN at the end is no padding there
    assert SequenceArray.from_aeon([[[1, nan]]]).lengths.tolist() == [2]
    one_channel = NUMPY3D[:, :1].copy()
    assert np.shares_memory(SequenceArray.from_aeon(one_channel).data, one_channel)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "empty list"),
        ([np.ones((2, 3)), np.ones(3)], ValueError, r"Sample 1 has shape \(3,\)"),
        (
            [np.ones((2, 3)), np.ones((3, 3))],
            ValueError,
            r"Sample 1 .* 2 channels.*_li",
        ),
        ([[["a", "b"]]], ValueError, "Sample 0 is not numeric"),
        (np.ones((2, 2, 2, 2)), TypeError, r"shape \(2, 2, 2, 2\)"),
        (np.array(["a"]).reshape(1, 1, 1), TypeError, "dtype <U1"),
        (3, TypeError, "got int"),
        (pd.DataFrame([[1.0]]), TypeError, "got DataFrame"),
    ],
)
def test_bad_aeon(X, error, message):
    with pytest.raises(error, match=message):
        SequenceArray.from_aeon(X)


def test_time_last_is_suspected_where_it_can_be_seen():
    X = [np.ones((2, 5)), np.ones((2, 7))]
    with pytest.raises(
        ValueError, match="Sample 1 has 7 features.*All arrays have 2 r"
    ):
        LSTMClassifier().fit(X, [0, 1])
    with pytest.raises(ValueError) as caught:
        check_sequences([np.ones((2, 5)), np.ones((3, 7))])
    assert "aeon" not in str(caught.value)


def test_padding_of_tslearn():
    """to_time_series_dataset pads with NaN, ts_size strips steps of nothing but NaN."""
    dataset = np.array([
        [[1.0, 2], [3, 4]],
        [[5, 6], [nan, nan]],
        [[nan, 1], [nan, nan]],
    ])  # fmt: skip
    X = SequenceArray.from_padded(dataset)
    assert X.lengths.tolist() == [2, 1, 1]  # what ts_size says
    np.testing.assert_array_equal(X.to_padded(), dataset)


# ---- sktime --------------------------------------------------------------------------


def panel(rows, columns=("a", "b"), **options):
    index = pd.MultiIndex.from_tuples(rows, names=["instances", "timepoints"])
    values = np.arange(len(rows) * len(columns), dtype=float)
    return pd.DataFrame(
        values.reshape(len(rows), -1), index, columns=list(columns), **options
    )


def test_sktime():
    # instances in no order, and one whose rows are apart
    frame = panel([("z", 0), ("c", 3), ("z", 1), ("z", 1), ("c", 5)])
    X = SequenceArray.from_sktime(frame)
    assert X.feature_names == ("a", "b")
    np.testing.assert_array_equal(X[0], [[0, 1], [4, 5], [6, 7]])
    np.testing.assert_array_equal(X[1], [[2, 3], [8, 9]])
    assert frame.index.get_level_values(0).unique().tolist() == ["z", "c"]
    # a part of a frame keeps all levels of its index
    assert_equal(SequenceArray.from_sktime(frame.loc[["c"]]), X[1:])
    days = pd.MultiIndex.from_product([[7], pd.period_range("2020", periods=3)])
    X = SequenceArray.from_sktime(pd.DataFrame({0: [1, 2, 3]}, index=days))
    assert X.feature_names is None
    assert X.lengths.tolist() == [3]
    mixed = panel([(0, 0), (0, 1)]).astype({"a": "Int64"})
    mixed.iloc[1, 0] = pd.NA
    X = SequenceArray.from_sktime(mixed)
    np.testing.assert_array_equal(X.data, [[0, 1], [nan, 3]])
    twice = panel([(0, 0), (0, 1)], ["a", "a"])
    X = SequenceArray.from_sktime(twice)
    np.testing.assert_array_equal(X.data[1], [2, 3])
    assert X.feature_names is None

    frame = make([2, 1], names=["a", "b"]).to_sktime()
    assert frame.index.names == ["instances", "timepoints"]
    assert frame.index.tolist() == [(0, 0), (0, 1), (1, 0)]
    assert frame.columns.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (np.ones((2, 3, 4)), TypeError, "got ndarray.*from_aeon"),
        (pd.DataFrame({"a": [1]}), ValueError, r"1 level\(s\).*from_long.*from_nested"),
        (panel([(0, 0)]).set_index([[1]], append=True), ValueError, "3 level"),
        (
            panel([(0, 0), (1, 5), (0, 2), (1, 3)]),
            ValueError,
            r"instance 1: row 3 has 3",
        ),
        (panel([(0, 0), (None, 1)]), ValueError, "Level 0 .* row 1"),
        (panel([(0, 0), (1, None)]), ValueError, "Level 1 .* row 1"),
        (panel([(0, 0)])[[]], ValueError, "no columns"),
        (panel([(0, 0)]).assign(b="x"), ValueError, "Column 'b' is not numeric"),
    ],
)
def test_bad_sktime(frame, error, message):
    with pytest.raises(error, match=message):
        SequenceArray.from_sktime(frame)


# ---- long and nested tables ----------------------------------------------------------


def test_long():
    X = make([2, 1], names=["a", "b"])
    frame = X.to_long(by="patient", step="hour", ids=["q", "p"])
    assert frame.columns.tolist() == ["patient", "hour", "a", "b"]
    assert frame["patient"].tolist() == ["q", "q", "p"]
    assert frame["hour"].tolist() == [0, 1, 0]
    assert_equal(SequenceArray.from_long(frame, by="patient", sort="hour"), X)
    pytest.importorskip("polars")
    frame = X.to_long(ids=["q", "p"], library="polars")
    assert frame["sequence"].to_list() == ["q", "q", "p"]


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (make([1, 0, 2, 0]), {}, r"Sample 1 has no steps.*X\[X.lengths > 0\].to_long"),
        (make([1], names=["a", "step"]), {}, "'step' is the name of a feature"),
        (make([1]), {"by": "t", "step": "t"}, "both 't'"),
        (make([1, 1]), {"ids": [1]}, r"ids must be 2 values.*\(1,\)"),
        (make([1, 1]), {"ids": ["u", "u"]}, "ids has 'u' more than once"),
        (make([1]), {"library": "dask"}, "library must be .* got 'dask'"),
    ],
)
def test_bad_long(X, options, message):
    with pytest.raises(ValueError, match=message):
        X.to_long(**options)


def test_no_steps_have_no_row():
    X = make([1, 0])
    with pytest.raises(ValueError, match=r"Sample 1 has no steps.*> 0\].to_sktime"):
        X.to_sktime()
    assert len(X[X.lengths > 0].to_sktime()) == 1


GROUPED = {"id": [2, 1, 2], "x": [1.0, nan, 3.0], "y": [4, 5, 6]}


def check_grouped(nested, order):
    X = SequenceArray.from_nested(nested, columns=["x", "y"])
    assert X.feature_names == ("x", "y")
    expected = {1: [[nan, 5]], 2: [[1, 4], [3, 6]]}
    for sequence, key in zip(X, order, strict=True):
        np.testing.assert_array_equal(sequence, expected[key])
    assert SequenceArray.from_nested(nested, columns="y").shape == (2, None, 1)


def test_nested_pandas():
    nested = pd.DataFrame(GROUPED).groupby("id").agg(list)
    check_grouped(nested, [1, 2])
    # nested_univ of sktime: the index of a cell is not looked at
    check_grouped(
        nested.map(lambda cell: pd.Series(cell, index=range(9, 9 - len(cell), -1))),
        [1, 2],
    )


def test_nested_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({**GROUPED, "x": [1.0, None, 3.0]})
    check_grouped(frame.group_by("id", maintain_order=True).agg("x", "y"), order=[2, 1])
    X = SequenceArray.from_nested(
        pl.DataFrame(
            {"a": [[1.0, 2.0], [3.0, 4.0]], "b": [[5.0, 6.0], [7.0, None]]},
            schema={"a": pl.Array(pl.Float32, 2), "b": pl.List(pl.Float32)},
        )
    )
    assert_equal(
        X,
        SequenceArray(
            np.array([[1, 5], [2, 6], [3, 7], [4, nan]], "f4"), [0, 2, 4], "ab"
        ),
    )
    others = pl.DataFrame({
        "bool": [[True, None]],
        "decimal": [[Decimal("1.5"), None]],
        "null": [[None, None]],
    })  # fmt: skip
    np.testing.assert_array_equal(
        SequenceArray.from_nested(others).data, [[1, 1.5, nan], [nan, nan, nan]]
    )


def test_nested_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({**GROUPED, "x": [1.0, None, 3.0]})
    nested = table.group_by("id").aggregate([("x", "list"), ("y", "list")])
    check_grouped(nested.rename_columns(["id", "x", "y"]), [2, 1])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [[1, 2], None]}, "'a'.*sample 1.*missing|'a': Sample 1 is missing"),
        (
            {"a": [[1], []], "b": [[1], [2]]},
            "Sample 1 has 0 steps in .*'a', but 1 in .*b",
        ),
        ({"id": [7, 8], "a": [[1], [2]]}, "'id'.*columns="),
        ({"a": [["x"]]}, "'a'.*(not numeric|not numbers)"),
        ({"a": [[[1, 2]]]}, "'a'.*(more than one dimension|List)"),
        ({"a": ["text"]}, "'a'.*(no list|no lists)"),
        ({}, "No column is there"),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_bad_nested(library, columns, message):
    frame = pytest.importorskip(library).DataFrame(columns)
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_nested(frame)


def test_bad_nested_otherwise():
    for empty in (nan, pd.NA, pd.NaT):
        with pytest.raises(ValueError, match="'a'.*sample 1, .*, is missing"):
            SequenceArray.from_nested(pd.DataFrame({"a": [[1], empty]}))
    with pytest.raises(TypeError, match="got list"):
        SequenceArray.from_nested([[1]])
    with pytest.raises(ValueError, match="No column 'b' among"):
        SequenceArray.from_nested(pd.DataFrame({"a": [[1]]}), columns=["b"])
    with pytest.raises(ValueError, match="library must be"):
        make([1]).to_nested(library="numpy")


# ---- packages that are not there -----------------------------------------------------


@pytest.mark.parametrize(
    ("method", "package"),
    [
        ("to_sktime", "pandas"),
        ("to_long", "pandas"),
        ("to_nested", "pandas"),
        ("to_awkward", "awkward"),
        ("to_arrow", "pyarrow"),
    ],
)
def test_a_missing_package_is_named(method, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"{method} needs {package}: pip install"):
        getattr(make([2]), method)()


def test_works_without_any_of_them():
    code = """
import sys

class NotInstalled:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars", "pyarrow", "awkward"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled)
import numpy as np
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray
from sklearn.preprocessing import StandardScaler
X = SequenceArray.from_aeon([np.ones((2, 3)), np.ones((2, 5))])
X = TimeDistributed(StandardScaler()).fit_transform(X)
X = FrameStacker(2).set_output(transform="polars").fit_transform(X)
print(X.lengths, X.feature_names)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "[2 3] ('x0_lag1', 'x1_lag1', 'x0_lag0', 'x1_lag0')\n", (
        done.stderr
    )


# ---- the door ------------------------------------------------------------------------


def foreign(name):
    if name.startswith("awkward"):
        ak = pytest.importorskip("awkward")
        regular = np.ones((2, 3, 4))
        return ak.Array(regular if name.endswith("regular") else [[[1.0, 2]], []])
    if name.startswith("pyarrow"):
        pa = pytest.importorskip("pyarrow")
        array = pa.array([[1.0], [2.0]] if name.endswith("flat") else [[[1.0, 2]], []])
        if name.endswith("table"):
            return pa.table({"x": array})
        return pa.chunked_array([array]) if name.endswith("chunked") else array
    if name == "polars":
        return pytest.importorskip("polars").DataFrame({"x": [[1.0], [2.0, 3.0]]})
    if name == "nested":
        return pd.DataFrame({"id": ["a", "b"], "x": [[1.0], [2.0, 3.0]]})
    if name == "nested_univ":
        return pd.DataFrame({"x": [pd.Series([1.0]), pd.Series([2.0, 3.0])]})
    return panel([(0, 0), (1, 0)])


@pytest.mark.parametrize(
    ("name", "conversion"),
    [
        ("awkward", "from_awkward"),
        ("awkward_regular", "from_awkward"),
        ("pyarrow", "from_arrow"),
        ("pyarrow_flat", "from_arrow"),
        ("pyarrow_chunked", "from_arrow"),
        ("pyarrow_table", "from_nested"),
        ("polars", "from_nested"),
        ("nested", "from_nested"),
        ("nested_univ", "from_nested"),
        ("multiindex", "from_sktime"),
    ],
)
def test_the_conversion_is_named(name, conversion):
    X = foreign(name)
    fitted = LSTMClassifier(2, max_iter=1, learning_rate="constant", random_state=0)
    with pytest.warns(match="Maximum iterations"):
        fitted.fit([[1.0], [2.0]], [0, 1])
    for call in (
        lambda: check_sequences(X),
        lambda: LSTMClassifier().fit(X, [0, 1]),
        lambda: fitted.predict(X),
        lambda: TimeDistributed(StandardScaler()).fit(X),
    ):
        with pytest.raises(
            (TypeError, ValueError), match=f"SequenceArray.{conversion}"
        ):
            call()


def test_tensors_that_are_no_array():
    torch = pytest.importorskip("torch")
    ragged = [torch.ones(4, 3), torch.zeros(2, 3)]
    packed = torch.nn.utils.rnn.pack_sequence(ragged)
    # its strided layout warns that it is a prototype
    nested = torch.nested.nested_tensor(ragged, layout=torch.jagged)
    graph = torch.ones(2, 4, 3).requires_grad_()
    for X, way_out, same in (
        (packed, "unpack_sequence(X)", torch.nn.utils.rnn.unpack_sequence(packed)),
        (nested, "X.detach().unbind()", nested.detach().unbind()),
        (graph, "X.detach()", graph.detach()),
    ):
        with pytest.raises(TypeError, match=re.escape(f"{way_out}.")):
            check_sequences(X)
        lengths = [4, 4] if X is graph else [4, 2]
        assert check_sequences(same).lengths.tolist() == lengths


def test_an_index_of_floats_is_no_matter():
    frame = pd.DataFrame(np.eye(3), index=[2.5, 0.5, 7.0])
    assert check_sequences(frame).lengths.tolist() == [3, 3, 3]


def test_ways_out_of_an_index_of_several_levels():
    frame = panel([("p", 0), ("p", 1), ("q", 0)])
    assert check_sequences(SequenceArray.from_sktime(frame)).lengths.tolist() == [2, 1]
    assert check_sequences(frame.reset_index(drop=True)).shape == (3, None, 1)
    frame.index.names = ["site", "hour"]
    X = SequenceArray.from_long(frame.reset_index(), by="site", sort="hour")
    assert_equal(X, SequenceArray.from_sktime(frame))
    # as items each is one sequence, whatever its index
    items = [group for _, group in frame.groupby(level=0)]
    assert check_sequences(items).lengths.tolist() == [2, 1]


# ---- HTML repr -----------------------------------------------------------------------


class Nameless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize("inner", [StandardScaler(), Nameless()], ids=repr)
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_html_repr(inner):
    X, y = make([3, 1, 4, 1, 5, 9, 2, 6]).to_list(), np.arange(8) % 2
    model = make_pipeline(
        TimeDistributed(inner), FrameStacker(2), LSTMClassifier(2, max_iter=1)
    )
    search = GridSearchCV(model, {"framestacker__n_frames": [1, 2]}, cv=2)
    for estimator in (model, model[0], model[2]):
        assert "Not fitted" in unescape(estimator._repr_html_())
    model.fit(X, y)
    for estimator in (model, search.fit(X, y)):
        text = unescape(estimator._repr_html_())
        for shown in (type(inner), TimeDistributed, FrameStacker, LSTMClassifier):
            assert shown.__name__ in text
        assert "hidden_layer_sizes" in text
        # ours lead to our pages, scikit-learn's to its own, and the user's nowhere
        links = re.findall('href="([^"]*)"', text)
        assert not [link for link in links if "Nameless" in link]
        for name in ("LSTMClassifier", "TimeDistributed", "FrameStacker"):
            of_name = [link for link in links if f".{name}.html" in link]
            assert of_name
            assert all(link.startswith("https://sklstm.github.io") for link in of_name)
