"""What is no name, index, id, weight or instance is refused by its name."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNRegressor
from sklstm.inspection import sequence_permutation_importance
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

X = np.random.default_rng(0).standard_normal((8, 3, 2))
FLAT = X[:, :, 0]
LABELS = np.arange(8) % 2
SMALL = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}


# ---- SequenceArray -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["a", 1], TypeError, "the name of feature 1 is 1, of type int.*str"),
        (["a", None], TypeError, "feature 1 is None"),
        ([b"a", b"b"], TypeError, "feature 0 is b'a', of type bytes"),
        ([0, 1], TypeError, "feature 0 is 0, of type int"),
        (np.array([0, 1]), TypeError, "feature 0 is .*0.*, of type int64"),
        (pd.RangeIndex(2), TypeError, "feature 0 is 0, of type int"),
        (["a", np.nan], TypeError, "feature 1 is nan, of type float"),
        (["a", "a"], ValueError, "features 0 and 1 are both named 'a'"),
        (np.array(["a", "a"]), ValueError, "features 0 and 1 are both named"),
        (b"ab", TypeError, "got bytes"),
        ({"a"}, TypeError, "got set"),
        ({"a": 0, "b": 1}, TypeError, "got dict"),
        (5, TypeError, "got int, 5"),
        (["a"], ValueError, "1 feature names for 2 features"),
    ],
    ids=str,
)
def test_names_of_features_are_text_of_their_own(names, error, message):
    with pytest.raises(error, match="feature_names must be a list of str.*" + message):
        SequenceArray(np.zeros((5, 2)), [0, 5], names)


def test_names_in_any_container():
    for names in (("a", "b"), np.array(["a", "b"]), pd.Index(["a", "b"]), iter("ab")):
        made = SequenceArray(np.zeros((5, 2)), [0, 5], names)
        assert made.feature_names == ("a", "b")


@pytest.mark.parametrize("columns", [["a", "a"], [0, 1], ["a", 1]])
def test_columns_that_are_no_names_are_features_without(columns):
    """As in scikit-learn, where numbers as labels are no names."""
    frame = pd.DataFrame([[1.0, 2.0]], columns=columns)
    steps = frame.set_index([[0], [0]])
    lists = pd.DataFrame([[[1.0], [2.0]]], columns=columns)
    for made in (
        SequenceArray.from_list([frame]),
        check_sequences([frame]),
        SequenceArray.from_sktime(steps),
        SequenceArray.from_nested(lists),
    ):
        np.testing.assert_array_equal(made.data, [[1, 2]])
        assert made.feature_names is None


def test_fields_of_one_name_are_features_without():
    pa = pytest.importorskip("pyarrow")
    fields = [pa.array([1.0]), pa.array([2.0])]
    steps = pa.StructArray.from_arrays(fields, names=["a", "a"])
    made = SequenceArray.from_arrow(pa.ListArray.from_arrays([0, 1], steps))
    np.testing.assert_array_equal(made.data, [[1, 2]])
    assert made.feature_names is None


def test_data_of_none():
    for nothing in (np.full((2, 2), None), [[None, None]] * 2):
        with pytest.raises(ValueError, match="data must be .* None stands in all"):
            SequenceArray(nothing, [0, 2])
    missing = SequenceArray([[1.0, None]], [0, 1])
    np.testing.assert_array_equal(missing.data, [[1, np.nan]])


def test_a_mask_is_not_lost():
    made = SequenceArray(np.zeros((5, 2)), [0, 3, 5])
    masked = np.ma.masked_array([0, 3, 5], [0, 1, 0])
    with pytest.raises(TypeError, match="offsets is a masked array"):
        SequenceArray(np.zeros((5, 2)), masked)
    for key in (np.ma.masked_array([0, 1], [0, 1]), np.ma.masked_array([True, False])):
        with pytest.raises(IndexError, match="An index is a masked array"):
            made[key]
        with pytest.raises(IndexError, match="An index is a masked array"):
            made[key, ...]
    with pytest.raises(TypeError, match="lengths is a masked array"):
        SequenceArray.from_padded(X, np.ma.masked_array([3] * 8))
    with pytest.raises(TypeError, match="ids is a masked array"):
        made.to_long(ids=np.ma.masked_array([4, 5], [0, 1]))


@pytest.mark.parametrize("option", ["by", "sort"])
@pytest.mark.parametrize("cell", [[1], {"k": 1}, {1}, np.array([1]), bytearray(b"a")])
def test_a_column_that_holds_containers_names_nothing(option, cell):
    cells = pd.Series([7, 7, cell], dtype=object)
    frame = pd.DataFrame({"id": [0, 1, 1], "x": [1.0, 2.0, 3.0]}).assign(c=cells)
    kind = type(cell).__name__
    options = {"by": "id", "sort": "c"} if option == "sort" else {"by": "c"}
    message = rf"'c' has values that cannot be compared: .*\({kind}\) in row 2"
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_long(frame, **options)


def test_a_column_of_arrays_names_nothing():
    pl = pytest.importorskip("polars")
    for kind in (pl.List(pl.Int64), pl.Array(pl.Int64, 2)):
        ids = pl.Series("id", [[1, 2], [1, 2]], dtype=kind)
        with pytest.raises(ValueError, match="'id' has values .* in row 0"):
            SequenceArray.from_long(pl.DataFrame([ids, ids.alias("x")]), by="id")


def test_ids_that_are_tuples():
    frame = pd.DataFrame({"id": [(1, "a"), (0, "b"), (1, "a")], "x": [1.0, 2.0, 3.0]})
    assert SequenceArray.from_long(frame, by="id").lengths.tolist() == [2, 1]


def test_from_list_of_no_list():
    with pytest.raises(TypeError, match=r"sequences is of type dict.*list\(x.values"):
        SequenceArray.from_list({0: X[0]})
    for nothing in ([], (), iter([])):
        kind = type(nothing).__name__
        with pytest.raises(ValueError, match=f"sequences is an empty {kind}"):
            SequenceArray.from_list(nothing)
    for nothing in ({}, None, "ab", set()):
        with pytest.raises(TypeError, match="sequences is of type"):
            SequenceArray.from_list(nothing)
    assert SequenceArray.from_list(iter(X)) == check_sequences(X)


# ---- X -------------------------------------------------------------------------------

ENTRIES = {
    "fit": lambda bad: LSTMClassifier(**SMALL).fit(bad, LABELS),
    "predict": lambda bad: RNNRegressor(**SMALL).fit(FLAT, LABELS).predict(bad),
    "check_sequences": check_sequences,
    "TimeDistributed": lambda bad: TimeDistributed(StandardScaler()).fit(bad),
    "FrameStacker": lambda bad: FrameStacker(2).fit(bad),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("value", [{}, pd.Timestamp(0), {1}, object(), "high", 1j])
def test_an_object_in_a_matrix_is_told_with_its_place(entry, value):
    bad = FLAT.astype(object)
    bad[3, 2] = value
    kinds = ValueError if isinstance(value, str) else TypeError
    said = "'high'" if isinstance(value, str) else f"'{type(value).__name__}'"
    message = rf"X holds values that are not numbers: .*{said}, at \[3, 2\]"
    with pytest.raises(kinds, match=message):
        ENTRIES[entry](bad)


@pytest.mark.parametrize("name", ["a", 0])
def test_a_table_with_a_column_twice(name):
    bad = pd.DataFrame(FLAT, columns=[name, "b", name])
    message = f"X is a table whose columns 0 and 2 are both named {name!r}"
    for entry in ("fit", "TimeDistributed", "FrameStacker"):
        with pytest.raises(ValueError, match=message):
            ENTRIES[entry](bad)
    model = RNNRegressor(**SMALL).fit(pd.DataFrame(FLAT, columns=list("abc")), LABELS)
    with pytest.raises(ValueError, match=message):
        model.predict(bad)


# ---- y, weights ----------------------------------------------------------------------


@pytest.mark.parametrize("model", [GRUClassifier(**SMALL), LSTMRegressor(**SMALL)])
def test_empty_targets_and_weights_are_named(model):
    for empty in ([], np.zeros((0, 2))):
        with pytest.raises(ValueError, match=r"0 sample\(s\).*: y is empty"):
            model.fit(X, empty)
    with pytest.raises(ValueError, match=r"0 feature\(s\).*: y has no columns"):
        model.fit(X, np.zeros((8, 0)))
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="sample_weight is empty"):
            fit(X, LABELS, sample_weight=[])
    model.fit(X, LABELS)
    with pytest.raises(ValueError, match="y is empty"):
        model.score(X, [])
    with pytest.raises(ValueError, match="sample_weight is empty"):
        model.score(X, LABELS, sample_weight=[])


@pytest.mark.parametrize("weight", ["a", "2", b"2", 1j, [1], None, np.ones(1), 10**400])
def test_the_weight_of_a_class_is_a_number(weight):
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    before = model.predict_proba(X)
    model.set_params(class_weight={0: 1.0, 1: weight})
    message = re.escape(f"has {weight!r} for class 1, which is no real number")
    with pytest.raises(ValueError, match="class_weight=.*" + message):
        model.fit(X, LABELS)
    with pytest.raises(ValueError, match="class_weight=.*" + message):
        model.partial_fit(X, LABELS)
    several = LSTMClassifier(**SMALL, class_weight=[{0: 1, 1: 1}, {0: 1, 1: weight}])
    with pytest.raises(ValueError, match="class_weight=.*" + message):
        several.fit(X, np.c_[LABELS, 1 - LABELS])
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_weights_of_classes_that_are_all_zero():
    model = LSTMClassifier(**SMALL, class_weight={0: 0, 1: 0})
    with pytest.raises(ValueError, match=r"class_weight=\{0: 0, 1: 0\} gives every"):
        model.fit(X, LABELS)


def test_weights_of_classes_as_any_numbers():
    plain = LSTMClassifier(**SMALL, class_weight={0: 1, 1: 2}).fit(X, LABELS)
    for two in (np.float32(2), np.array(2), 2.0):
        model = LSTMClassifier(**SMALL, class_weight={0: True, 1: two}).fit(X, LABELS)
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


# ---- elsewhere -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [2**62, 2**80, np.int64(2**62)])
def test_more_sequences_than_there_is_memory_for(n):
    model = LSTMRegressor(**SMALL).fit(X, LABELS)
    with pytest.raises(MemoryError, match=f"n_sequences={n} sequences take .*GiB"):
        model.initial_state(n)


def test_sequences_side_by_side_and_what_memory_is_left(monkeypatch):
    model = LSTMRegressor(**SMALL).fit(X, LABELS)
    monkeypatch.setattr("sklstm._estimators.state.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr("sklstm._estimators.state.available_memory", lambda: (999, "x"))
    with pytest.raises(MemoryError, match="999 sequences .*1.0 KiB .* of the x. Read"):
        model.initial_state(999)
    monkeypatch.setattr("sklstm._estimators.state.available_memory", lambda: None)
    assert model.initial_state(999).n_sequences == 999


@pytest.mark.parametrize("kind", [KMeans, StandardScaler, int])
def test_a_class_is_no_transformer(kind):
    name = kind.__name__
    message = rf"got the class {name}. Pass an instance: transformer={name}\(\)"
    for method in ("fit", "fit_transform"):
        with pytest.raises(TypeError, match=message):
            getattr(TimeDistributed(kind), method)(X)


@pytest.mark.parametrize("seed", ["a", -1, 1.5, [[1]]])
def test_the_seed_of_permutations(seed):
    model = LSTMRegressor(**SMALL).fit(X, LABELS)
    message = re.escape(f"random_state={seed!r} is no seed")
    with pytest.raises(ValueError, match=message):
        sequence_permutation_importance(model, X, LABELS, random_state=seed)
