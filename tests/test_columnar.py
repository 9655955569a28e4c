"""SequenceArray from and to the columns of awkward and Arrow."""

import re
from decimal import Decimal

import numpy as np
import pytest
from interop_cases import assert_equal, make

from sklstm import GRURegressor
from sklstm.sequences import SequenceArray

nan = np.nan

# ---- awkward -------------------------------------------------------------------------


def test_awkward_types():
    ak = pytest.importorskip("awkward")
    read = SequenceArray.from_awkward
    expected = SequenceArray([[1.0, 2], [3, 4], [5, 6]], [0, 2, 2, 3])
    nested = [[[1, 2], [3, 4]], [], [[5, 6]]]
    assert_equal(read(ak.Array(nested)), expected)  # n * var * var * int64
    assert_equal(read(ak.to_regular(ak.Array(nested), axis=2)), expected)
    records = [[{"p": 1, "q": 2.0}, {"p": 3, "q": 4}], [], [{"p": 5, "q": 6}]]
    assert read(ak.Array(records)).feature_names == ("p", "q")
    assert read(ak.Array(records)) == expected
    assert_equal(read(ak.Array([[(1, 2), (3, 4)], [], [(5, 6)]])), expected)
    assert read(ak.Array([[1, 2], [3]])).shape == (2, None, 1)
    cube = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    X = read(ak.Array(cube))
    assert_equal(X, SequenceArray.from_padded(cube))
    assert np.shares_memory(X.data, cube)
    assert read(ak.Array(cube[:0])).shape == (0, None, 4)
    assert read(ak.Array(cube)[:0]).shape == (0, None, 4)
    # indices and masks leave data where they are
    assert_equal(read(ak.Array(nested)[[2, 1, 0]]), expected[[2, 1, 0]])
    assert_equal(read(ak.Array(nested)[[True, False, True]]), expected[[0, 2]])
    columns = ak.Array({"p": [[1, 3], [5]], "q": [[2, 4], [6]]})
    with pytest.raises(ValueError, match="ak.zip") as caught:
        read(columns)
    way_out = re.search(r"ak\.zip\(.*\)", str(caught.value))[0]
    assert_equal(
        read(eval(way_out, {"ak": ak, "X": columns})),
        SequenceArray(expected.data, [0, 2, 3], ["p", "q"]),
    )


def test_awkward_missing_values():
    ak = pytest.importorskip("awkward")
    read = SequenceArray.from_awkward
    gaps = [[1, 2], [nan, nan], [nan, 4]]
    for steps in (
        [[[1, 2], None, [None, 4]]],
        [[(1, 2), None, (None, 4)]],
        [[{"x": 1, "y": 2}, None, {"x": None, "y": 4}]],
    ):
        np.testing.assert_array_equal(read(ak.Array(steps)).data, gaps)
    regular = ak.Array(np.array([[[1, 2], [3, 4]]], "f4"))
    regular = ak.mask(regular, regular != 3)
    X = read(regular)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X.data, [[1, 2], [nan, 4]])
    np.testing.assert_array_equal(read(ak.Array([[1, None]])).data, [[1], [nan]])
    with pytest.raises(ValueError, match="Sample 1 is missing"):
        read(ak.Array([[1.0], None, [2.0]]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[[1, 2]], [[3, 4], [5]]], "Sample 1, step 1 has 1 features, but 2 .* step 0"),
        ([[[]], [[], [1]]], "Sample 1, step 1 has 1 features, but 0"),
        ([1, 2], r"got 2 \* int64"),
        ([[[[1]]]], "got 1 .* var .* var .* var"),
        (["text"], "got 1 .* string"),
        ([["text"]], "not numbers"),
        ([[{"x": "a"}]], "field 'x' are not numbers"),
        ([[{"x": [1]}]], "field 'x' are not numbers"),
        ([[[{"x": 1}]]], "Expected an array of type"),
        ([[1, "a"]], "not numbers"),
        ([], "got 0 .* unknown"),
    ],
)
def test_bad_awkward(values, message):
    ak = pytest.importorskip("awkward")
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_awkward(ak.Array(values))


def test_awkward_without_a_step():
    ak = pytest.importorskip("awkward")
    X = ak.Array([[[1.0, 2.0]], []])[1:]
    assert str(X.type) == "1 * var * var * float64"
    with pytest.raises(ValueError, match="No step is there to tell the number"):
        SequenceArray.from_awkward(X)
    with pytest.raises(TypeError, match="Expected an awkward.Array, got list"):
        SequenceArray.from_awkward([[1.0]])


# ---- arrow ---------------------------------------------------------------------------


def test_arrow_types():
    pa = pytest.importorskip("pyarrow")
    read = SequenceArray.from_arrow
    nested = [[[1, 2], [3, 4]], [], [[5, 6]]]
    expected = SequenceArray(np.array([[1, 2], [3, 4], [5, 6]], "f4"), [0, 2, 2, 3])
    number = pa.float32()
    for inner in (pa.list_(number), pa.list_(number, 2), pa.large_list(number)):
        for outer in (pa.list_(inner), pa.large_list(inner)):
            array = pa.array(nested, outer)
            assert_equal(read(array), expected)
            assert_equal(read(array[1:]), expected[1:])
            assert_equal(read(array[2:]), expected[2:])
            chunks = pa.chunked_array([array[:1], array[1:2], array[2:]])
            assert_equal(read(chunks), expected)
            assert_equal(read(chunks.slice(0, 2)), expected[:2])
        fixed = pa.array([nested[0], nested[0]], pa.list_(inner, 2))
        assert_equal(read(fixed[1:]), expected[:1])
    struct = pa.struct([("p", number), ("q", number)])
    array = pa.array(
        [[{"p": a, "q": b} for a, b in s] for s in nested], pa.list_(struct)
    )
    X = SequenceArray(expected.data, expected.offsets, ["p", "q"])
    assert_equal(read(array), X)
    assert_equal(read(array[2:]), X[2:])
    views = pa.ListViewArray.from_arrays(
        pa.array([2, 0, 0], pa.int32()),
        pa.array([1, 0, 2], pa.int32()),
        pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(number)),
    )
    assert_equal(read(views), expected[::-1])
    assert read(pa.chunked_array([], pa.list_(pa.list_(number, 3)))).shape[2] == 3
    for values in ([[1, 2], [3]], [[True, False], [True]], [[Decimal(1)], []]):
        X = read(pa.array(values))
        assert X.dtype == np.float64
        assert X.lengths.tolist() == [len(s) for s in values]


def test_arrow_shares_memory():
    pa = pytest.importorskip("pyarrow")
    X = make([3, 0, 2], 4, np.float32)
    array = X.to_arrow()
    assert array.type == pa.large_list(pa.list_(pa.float32(), 4))
    for part in (slice(None), slice(2, None), slice(0, 1)):
        assert np.shares_memory(SequenceArray.from_arrow(array[part]).data, X.data)
    named = SequenceArray(X.data, X.offsets, "abcd").to_arrow()
    assert [field.name for field in named.type.value_type] == list("abcd")
    model = GRURegressor(2, max_iter=1, learning_rate="constant", random_state=0)
    Y = SequenceArray.from_arrow(array)
    assert not Y.data.flags.writeable
    with pytest.warns(match="Maximum iterations"):
        got = model.fit(Y, [1, 2, 3]).predict(Y)
        expected = model.fit(X, [1, 2, 3]).predict(X)
    np.testing.assert_array_equal(got, expected)


def test_arrow_missing_values():
    pa = pytest.importorskip("pyarrow")
    read = SequenceArray.from_arrow
    gaps = [[1, 2], [nan, nan], [nan, 4]]
    rows = [[[1, 2], None, [None, 4]], []]
    for inner in (
        pa.list_(pa.int32()),
        pa.list_(pa.int32(), 2),
        pa.list_(pa.float64()),
    ):
        array = pa.array(rows, pa.list_(inner))
        np.testing.assert_array_equal(read(array).data, gaps)
        longer = pa.chunked_array([pa.array([[[7, 8]]], pa.list_(inner)), array])
        np.testing.assert_array_equal(read(longer.slice(1)).data, gaps)
    records = pa.array([[{"x": 1, "y": 2}, None, {"x": None, "y": 4}]])
    np.testing.assert_array_equal(read(records).data, gaps)
    unknown = pa.array([[{"x": 1, "y": None}]])
    np.testing.assert_array_equal(read(unknown).data, [[1, nan]])
    np.testing.assert_array_equal(read(pa.array([[True, None]])).data, [[1], [nan]])
    assert read(pa.array([[1, None]], pa.list_(pa.float32()))).dtype == np.float32
    for X in (
        pa.array([[1.0], [2.0], None])[1:],
        pa.chunked_array([[[2.0]], [None]]),
        pa.array([[1.0], None], pa.list_(pa.float64(), 1)),
    ):
        with pytest.raises(ValueError, match="Sample 1 is missing"):
            read(X)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[[1, 2]], [[3, 4], [5]]], "Sample 1, step 1 has 1 features, but 2 .* step 0"),
        ([1, 2], "got int64"),
        (["text"], "got string"),
        ([["text"]], "not numbers, but of type string"),
        ([[[["text"]]]], "not numbers, but of type list"),
        ([[{"x": "a"}]], "field 'x' are not numbers"),
        ([{"x": [1]}], "got struct.*from_nested"),
        ([[{}]], "no fields"),
    ],
)
def test_bad_arrow(values, message):
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_arrow(pa.array(values))


def test_bad_arrow_otherwise():
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(TypeError, match="got ListScalar"):
        SequenceArray.from_arrow(pa.scalar([1.0]))
    with pytest.raises(TypeError, match="got ndarray"):
        SequenceArray.from_arrow(np.ones(3))
    with pytest.raises(ValueError, match="No step is there to tell"):
        SequenceArray.from_arrow(pa.array([[]], pa.list_(pa.list_(pa.float64()))))
    with pytest.raises(ValueError, match="from_nested"):
        SequenceArray.from_arrow(pa.table({"x": [[1.0]]}))


def test_arrow_of_polars():
    pytest.importorskip("pyarrow")
    pl = pytest.importorskip("polars")
    series = pl.Series(
        [[[1.0, 2.0], [3.0, None]], []], dtype=pl.List(pl.Array(pl.Float32, 2))
    )
    assert_equal(
        SequenceArray.from_arrow(series),
        SequenceArray(np.array([[1, 2], [3, nan]], "f4"), [0, 2, 2]),
    )
