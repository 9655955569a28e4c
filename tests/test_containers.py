"""Tables and arrays of other packages: the same numbers by every way in, or refused."""

import decimal
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import GRUClassifier, RNNRegressor
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences
from sklstm.sequences._columns import objects_as_floats

# ---- missing values in the types of pandas and polars --------------------------------

VALUES = [1, None, 0, 1]
PANDAS = [
    *("Float32", "Float64", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt64"),
    *("boolean", "object", "category", "Sparse[float64]"),
]
ARROW = [
    *("halffloat", "float", "double", "int8", "int64", "uint8", "uint64", "bool"),
    *("decimal", "null"),
]
POLARS = [
    *("Float32", "Float64", "Int8", "Int64", "UInt8", "UInt64", "Boolean", "Decimal"),
    *("Int128", "Null"),
]
KINDS = [
    *PANDAS,
    *(f"{kind}[pyarrow]" for kind in ARROW),
    *(f"polars {kind}" for kind in POLARS),
]


def column(kind):
    """The values as a column of this type, and as floats."""
    values = VALUES
    expected = np.array([1, np.nan, 0, 1])
    library, _, name = kind.rpartition(" ")
    if "ull" in kind:
        values, expected = [None] * 4, np.full(4, np.nan)
    if "ecimal" in kind:
        values = [None if v is None else decimal.Decimal(v) for v in values]
    if library == "polars":
        pl = pytest.importorskip("polars")
        if name == "Boolean":
            values = [None if v is None else bool(v) for v in values]
        dtype = pl.Decimal(10, 2) if name == "Decimal" else getattr(pl, name)
        return pl.Series("a", values, dtype=dtype), expected
    if name.endswith("[pyarrow]"):
        pa = pytest.importorskip("pyarrow")
        name = name.removesuffix("[pyarrow]")
        dtypes = {
            "halffloat": pa.float16(),
            "float": pa.float32(),
            "double": pa.float64(),
            "bool": pa.bool_(),
            "decimal": pa.decimal128(5, 2),
        }
        dtype = dtypes.get(name) or getattr(pa, name)()
        return pd.Series(values, dtype=pd.ArrowDtype(dtype)), expected
    if name == "Sparse[float64]":
        values = expected
    return pd.Series(values, dtype=name), expected


def frame_of(a):
    """A long table of two sequences, and of its two features alone."""
    columns = {"id": [0, 0, 1, 1], "a": a, "b": [5.0, 6.0, 7.0, 8.0]}
    if isinstance(a, pd.Series):
        frame = pd.DataFrame(columns)
    else:
        frame = pytest.importorskip("polars").DataFrame(columns)
    return frame, frame[["a", "b"]]


def same_steps(X):
    return X.data if isinstance(X, SequenceArray) else np.concatenate(list(X))


identity = FunctionTransformer()
FRAMES = {  # of the list of frames
    "check_sequences": lambda X: check_sequences(X, allow_nan=True),
    "from_list": SequenceArray.from_list,
    "FrameStacker": FrameStacker(1).fit_transform,
    "TimeDistributed": TimeDistributed(identity).fit_transform,
    "transform": lambda X: TimeDistributed(identity).fit(X).transform(X),
    "arrays of objects": lambda X: check_sequences(
        [np.asarray(x.to_numpy(), object) for x in X], allow_nan=True
    ),
    "lists": lambda X: check_sequences(
        [np.asarray(x.to_numpy(), object).tolist() for x in X[:1]]
        + [np.asarray(x.to_numpy(), object) for x in X[1:]],
        allow_nan=True,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", FRAMES)
def test_missing_values_in_lists_of_frames(way, kind):
    a, expected = column(kind)
    _, frame = frame_of(a)
    X = FRAMES[way]([frame[:2], frame[2:]])
    assert_array_equal(same_steps(X), np.column_stack([expected, [5, 6, 7, 8]]))


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_in_tables(kind):
    a, expected = column(kind)
    long, wide = frame_of(a)
    matrix = np.column_stack([expected, [5, 6, 7, 8]])
    X = check_sequences(wide, allow_nan=True)
    assert_array_equal(X.data.reshape(4, 2), matrix)
    assert_array_equal(FrameStacker(1).fit_transform(wide), matrix)
    assert_array_equal(TimeDistributed(identity).fit_transform(wide), matrix)
    X = SequenceArray.from_long(long, by="id")
    assert X.feature_names == ("a", "b")
    assert_array_equal(X.data, matrix)
    assert_array_equal(SequenceArray(wide, [0, 4]).data, matrix)
    objects = np.asarray(wide.to_numpy(), object)
    for X in (objects, objects.tolist(), objects[None]):
        data = check_sequences(X, allow_nan=True).data
        assert_array_equal(data.reshape(4, 2), matrix)
    assert_array_equal(SequenceArray.from_padded(objects[None]).data, matrix)
    assert_array_equal(SequenceArray.from_aeon([objects.T]).data, matrix)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_in_univariate_items_and_cells(kind):
    a, expected = column(kind)
    items = [a[:2], a[2:]]
    for X in (items, tuple(items), pd.Series(items)):
        assert_array_equal(check_sequences(X, allow_nan=True).data[:, 0], expected)
    if isinstance(a, pd.Series):
        nested = pd.DataFrame({"a": items})
        lists = pd.DataFrame({"a": [list(item) for item in items]})
        assert_array_equal(SequenceArray.from_nested(nested).data[:, 0], expected)
        assert_array_equal(SequenceArray.from_nested(lists).data[:, 0], expected)
        arrays = [item.array for item in items]
        X = check_sequences(arrays, allow_nan=True)
        assert_array_equal(X.data[:, 0], expected)
        index = pd.MultiIndex.from_product([[0, 1], [0, 1]])
        X = SequenceArray.from_sktime(pd.DataFrame({"a": a.array}, index=index))
        assert_array_equal(X.data[:, 0], expected)
    else:
        frame, _ = frame_of(a)
        nested = frame.group_by("id", maintain_order=True).agg("a")[["a"]]
        assert_array_equal(SequenceArray.from_nested(nested).data[:, 0], expected)


@pytest.mark.parametrize("kind", ["Float32", "Int64", "float[pyarrow]", "polars Int8"])
def test_missing_values_reach_the_network(kind):
    """fit, X_val, predict and steps of a stream: what numpy arrays give, to the bit."""
    a, expected = column(kind)
    _, frame = frame_of(a)
    arrays = np.column_stack([expected, [5, 6, 7, 8]]).reshape(2, 2, 2)
    frames = [frame[:2], frame[2:]] * 3
    arrays = [*arrays] * 3
    y = [0, 1] * 3
    models = []
    for X in (frames, arrays):
        model = GRUClassifier(
            3, max_iter=2, missing="indicator", early_stopping=True, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(X, y, X_val=X[:4], y_val=y[:4]))
    of_frames, of_arrays = models
    assert_array_equal(of_frames.predict_proba(frames), of_arrays.predict_proba(arrays))
    state, expected_state = of_frames.initial_state(2), of_arrays.initial_state(2)
    p, _ = of_frames.predict_step(frame[:2], state, method="predict_proba")
    q, _ = of_arrays.predict_step(arrays[0], expected_state, method="predict_proba")
    assert_array_equal(p, q)


def test_missing_values_are_refused_where_they_are_not_allowed():
    a, _ = column("Int64")
    _, frame = frame_of(a)
    for X, where in [
        ([frame[:2], frame[2:]], r"sample 0, step 1, feature 0 \(a\)"),
        (frame, "sample 1, step 0"),
    ]:
        with pytest.raises(ValueError, match=f"Input X contains NaN: {where}"):
            check_sequences(X)


def test_one_feature_of_a_series_is_a_step():
    model = RNNRegressor(3, max_iter=1, missing="ffill", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.ones((4, 3, 2)), [1.0, 2.0, 3.0, 4.0])
    state = model.initial_state()
    expected, _ = model.predict_step([1.0, np.nan], state)
    for x in (
        pd.Series([1, None], dtype="Int8"),
        pd.array([1, None], dtype="Float32"),
        np.array([1, pd.NA], object),
        [1, None],
        pd.DataFrame({0: [1], 1: pd.array([None], dtype="boolean")}),
    ):
        assert model.predict_step(x, state)[0] == expected


@pytest.mark.parametrize(
    "kind, dtype",
    [
        ("Float32", np.float32),
        ("float[pyarrow]", np.float32),
        ("polars Float32", np.float32),
        ("Int8", np.float64),
        ("halffloat[pyarrow]", np.float64),
        ("polars Int8", np.float64),
        ("boolean", np.float64),
    ],
)
def test_types_of_columns(kind, dtype):
    """float32 where all columns are, else float64, as for arrays."""
    a, _ = column(kind)
    frame = frame_of(a)[0][["a"]]
    for X in (
        check_sequences([frame], allow_nan=True),
        check_sequences(frame, allow_nan=True),
        check_sequences([a], allow_nan=True),
    ):
        assert X.dtype == dtype


def test_frames_without_missing_values():
    """Nullable or not, of one type or of several, with names that come twice."""
    expected = np.arange(6.0).reshape(3, 2)
    plain = pd.DataFrame(expected, columns=["a", "b"])
    for frame in (
        plain,
        plain.astype("Int64"),
        plain.astype({"a": "Float64"}),
        plain.astype({"a": "int8", "b": "float32"}),
        plain.astype(object),
        plain.set_axis(["a", "a"], axis=1),
        plain.set_axis(pd.MultiIndex.from_tuples([("a", 0), ("a", 1)]), axis=1),
    ):
        assert_array_equal(check_sequences([frame]).data, expected)
    assert check_sequences([plain]).feature_names == ("a", "b")
    assert_array_equal(check_sequences(plain).data.reshape(3, 2), expected)


def test_frames_without_rows_or_columns():
    for frame in (pd.DataFrame({"a": pd.array([], dtype="Int64")}), pd.DataFrame()):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            check_sequences(frame)
    X = check_sequences([pd.DataFrame({"a": pd.array([], dtype="Int64")}), [[1.0]]])
    assert X.lengths.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        check_sequences([pd.DataFrame(index=[0, 1])])


# ---- tables whose columns have two levels --------------------------------------------


def two_levels(order):
    values = np.arange(24.0).reshape(4, 2, 3)  # sequence, feature, step
    levels = [["pulse", "pressure"], [0, 1, 2]]
    frame = pd.DataFrame(
        values.reshape(4, 6),
        columns=pd.MultiIndex.from_product(levels, names=["feature", "step"]),
    )
    return frame if order == "feature" else frame.swaplevel(axis=1), values


@pytest.mark.parametrize("order", ["feature", "step"])
def test_two_levels_of_columns_are_refused_with_a_way_out_that_works(order):
    X, values = two_levels(order)
    model = GRUClassifier(2)
    for door in (
        check_sequences,
        lambda X: model.fit(X, [0, 1, 0, 1]),
        TimeDistributed(StandardScaler()).fit,
        FrameStacker(1).fit,
    ):
        with pytest.raises(ValueError, match=r"columns have 2 levels.*np\.stack"):
            door(X)
    if order == "step":
        X = X.swaplevel(axis=1)
    array = np.stack([X[name] for name in X.columns.unique(0)], axis=2)
    assert_array_equal(array, values.transpose(0, 2, 1))


# ---- xarray --------------------------------------------------------------------------


def test_xarray_is_refused_everywhere():
    xr = pytest.importorskip("xarray")
    values = np.random.default_rng(0).standard_normal((4, 3, 5))
    X = xr.DataArray(values, dims=("sample", "feature", "time"))
    model = GRUClassifier(2, max_iter=1, tol=1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(values.transpose(0, 2, 1), [0, 1, 0, 1])
    match = r"xarray\.Data.* \('sample', 'feature', 'time'\).*transpose"
    for door in (
        check_sequences,
        SequenceArray.from_padded,
        SequenceArray.from_aeon,
        lambda X: SequenceArray(X, [0, 4]),
        lambda X: model.fit(X, [0, 1, 0, 1]),
        model.predict,
        model.transform,
        lambda X: model.predict_step(X, model.initial_state(4)),
        TimeDistributed(StandardScaler()).fit,
        FrameStacker(1).fit,
    ):
        for given in (X, X.to_dataset(name="value")):
            with pytest.raises(TypeError, match=match):
                door(given)
    for given in ([*X], [[*x] for x in X]):
        with pytest.raises(TypeError, match=r"ample 0 is an xarray\.DataArray"):
            check_sequences(given)
    with pytest.raises(TypeError, match=r"xarray\.Dataset.*to_dataframe"):
        SequenceArray.from_long(X.to_dataset(name="value"), by="sample")
    way_out = X.transpose("sample", "time", "feature").to_numpy()
    assert check_sequences(way_out).shape == (4, None, 3)
    long = X.to_dataset(name="x").to_dataframe().reset_index()
    assert len(SequenceArray.from_long(long, by=["sample", "feature"])) == 12


# ---- every sequence has one step: time comes last ------------------------------------


def last(n, F, n_steps=1):
    return np.random.default_rng(0).standard_normal((n, n_steps, F))


ONE_STEP = {
    "array": last(6, 20),
    "list": list(last(6, 20)),
    "SequenceArray": SequenceArray.from_padded(last(6, 20)),
    "padded": np.pad(last(6, 20), ((0, 0), (0, 3), (0, 0)), constant_values=np.nan),
}


def warnings_of(call):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    return [w for w in seen if "one step" in str(w.message)]


@pytest.mark.parametrize("container", ONE_STEP)
def test_one_step_of_several_features_warns_in_fit(container):
    X, y = ONE_STEP[container], [0, 1] * 3
    model = GRUClassifier(2, max_iter=1)
    (warning,) = warnings_of(lambda: model.fit(X, y))
    assert warning.category is UserWarning and warning.filename == __file__
    for part in (
        "6 sequences of X has one step, of 20 features",
        "X.transpose(0, 2, 1)",
        "from_aeon",
    ):
        assert part in str(warning.message)
    assert not warnings_of(lambda: model.predict(X))
    assert not warnings_of(lambda: model.transform(X))
    assert not warnings_of(lambda: model.partial_fit(X, y))


def test_one_step_warns_once_in_a_pipeline():
    model = make_pipeline(
        TimeDistributed(StandardScaler()), FrameStacker(1), GRUClassifier(2, max_iter=1)
    )
    X, y = last(6, 20), [0, 1] * 3
    assert len(warnings_of(lambda: model.fit(X, y))) == 1
    assert not warnings_of(lambda: model.predict(X))
    assert not warnings_of(lambda: TimeDistributed(StandardScaler()).fit(X))


def test_one_step_warns_in_a_fit_that_goes_on():
    X, y = last(6, 20), [0, 1] * 3
    model = GRUClassifier(2, max_iter=1, warm_start=True)
    for _ in range(2):
        assert len(warnings_of(lambda: model.fit(X, y))) == 1


@pytest.mark.parametrize(
    "X",
    [
        last(6, 1),  # one feature
        last(6, 3, 2),  # two steps
        last(6, 1)[:, :, 0],  # 2-D, one column
        last(6, 20)[:, 0],  # 2-D
        [*last(5, 3), *last(1, 3, 2)],  # one has two
        [*last(5, 3), np.empty((0, 3))],  # one has none
    ],
)
def test_other_sequences_do_not_warn_of_one_step(X):
    assert not warnings_of(lambda: GRUClassifier(2, max_iter=1).fit(X, [0, 1] * 3))


def test_one_sequence_of_one_step_does_not_warn():
    model = RNNRegressor(2, max_iter=1)
    assert not warnings_of(lambda: model.fit(last(1, 20), [1.0]))


def test_an_error_made_of_the_warning_leaves_the_fit():
    model = GRUClassifier(2, max_iter=1, random_state=0)
    X, y = last(6, 3, 4), [0, 1] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = model.fit(X, y).predict_proba(X)
    with pytest.raises(UserWarning, match="one step"):
        model.fit(last(6, 20), y)
    assert_array_equal(model.predict_proba(X), before)


def test_the_place_of_what_is_not_a_number():
    values = np.array([[1, None], [2.5, "a"], ["b", 3]], dtype=object)
    with pytest.raises(ValueError, match=r"'a', at \[1, 1\]$"):
        objects_as_floats(values)
    assert_array_equal(objects_as_floats(values[:1]), [[1, np.nan]])
