"""Columns of ids beside numbers: how they are named, and those that a dtype tells."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases import assert_same_bits, assert_same_outputs, make_target, outputs
from numpy.testing import assert_array_equal
from sklearn.base import clone
from token_cases import OPTIONS, E, V, fitted, small, table

from sklstm import LSTMClassifier
from sklstm.inspection import GateDisplay, gradient_norms
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_columns_of_ids_beside_numbers(options):
    X = table()
    params = {"categorical_features": [1, 3], "embedding_dim": [E, 2], **options}
    model = fitted(X=X, **params)
    assert model.weights_["embedding_1"].shape == (V, E)
    assert model.weights_["embedding_3"].shape == (4, 2)
    reads = E + 2 + 2 + 4 * (options.get("missing") == "indicator")
    assert model.weights_["weight_ih_l0"].shape[1] == reads
    together = outputs(model, X)
    for i in range(len(X)):
        for method, value in outputs(model, X[i : i + 1]).items():
            assert_array_equal(value[0], together[method][i])
    if not options.get("bidirectional"):
        x, state = X[0], model.initial_state()
        for step in x:
            y, state = model.predict_step(step, state)
        assert_array_equal(y, model.predict([x]))
    loaded = pickle.loads(pickle.dumps(model))
    assert_same_outputs(outputs(loaded, X), together)


def test_ways_to_name_columns():
    X, names = table(), ["a", "b", "c", "d"]
    expected = fitted(X=X, categorical_features=[1, 3])
    offsets = np.cumsum([0, *map(len, X)])
    named = SequenceArray(np.concatenate(X), offsets, names)
    for columns in (
        [False, True, False, True], np.array([1, 3]), (3, 1), ["b", "d"],
        pd.Index(["d", "b"]), np.array([False, True, False, True]),
    ):  # fmt: skip
        assert_same_bits(fitted(X=named, categorical_features=columns), expected)
    # widths belong to the columns as they are named
    model = fitted(X=X, categorical_features=[3, 1], embedding_dim=[2, E])
    shapes = [model.weights_[f"embedding_{k}"].shape for k in (1, 3)]
    assert shapes == [(V, E), (4, 2)]
    one = fitted(X=X, categorical_features=[3])
    assert one.weights_["embedding"].shape == (4, E)


def test_values_that_are_no_ids_in_a_table():
    X = table()
    offsets = np.cumsum([0, *map(len, X)])
    data = np.concatenate(X)
    data[offsets[5], 3] = 0.5
    bad = SequenceArray(data, offsets, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match=r"0.5 at sample 5, step 0, feature 3 \(d\)"):
        fitted(X=bad, categorical_features=["b", "d"])
    fitted(X=bad, categorical_features=["b"])


@pytest.mark.parametrize(
    "params, message",
    [
        ({}, "X has 4 features, but with embedding_dim alone .* categorical_features="),
        ({"categorical_features": [4]}, "holds 4, but the columns of X are 0 to 3"),
        ({"categorical_features": [-1]}, "holds -1"),
        ({"categorical_features": [1, 1]}, "names column 1 twice"),
        ({"categorical_features": [True]}, "mask of 1 booleans, but X has 4"),
        ({"categorical_features": ["b"]}, "names 'b'.*X has none"),
        ({"categorical_features": [1.0]}, "list of indices, of names, or of booleans"),
        ({"categorical_features": ["b", 1]}, "list of indices, of names"),
        ({"categorical_features": []}, "names no column"),
        ({"categorical_features": [False] * 4}, "names no column"),
        (
            {"categorical_features": [1], "embedding_dim": [3, 4]},
            "2 numbers, but categorical_features names 1 columns",
        ),
        ({"embedding_dim": [3, 4]}, "2 numbers, but without categorical_features"),
        (
            {"categorical_features": [1], "embedding_dim": None},
            "categorical_features is given, but with embedding_dim=None",
        ),
        (
            {"embedding_weights": np.ones((V, E)), "embedding_dim": None},
            "embedding_weights is given, but with embedding_dim=None",
        ),
    ],
)
def test_parameters_that_do_not_go_with_each_other(params, message):
    with pytest.raises(ValueError, match=message):
        fitted(X=table(), **params)


def test_names_that_x_has_not():
    X = table()
    named = SequenceArray(np.concatenate(X), np.cumsum([0, *map(len, X)]), list("abcd"))
    with pytest.raises(ValueError, match=r"names 'e'.*\['a', 'b', 'c', 'd'\]"):
        fitted(X=named, categorical_features=["b", "e"])


# ---- columns that a dtype tells --------------------------------------------------


def from_pandas(numbers, words):
    kind = pd.CategoricalDtype(["z", "y", "x"])
    return pd.DataFrame({"v": numbers, "word": pd.Series(words, dtype=kind)})


def from_categorical(numbers, words):
    word = pl.Series("word", words, dtype=pl.Categorical)
    return pl.DataFrame({"v": numbers, "word": word})


def from_enum(numbers, words):
    word = pl.Series("word", words, dtype=pl.Enum(["z", "y", "x", "w"]))
    return pl.DataFrame({"v": numbers, "word": word})


FRAMES = {
    from_pandas: ("z", "y", "x"),
    from_categorical: ("x", "y", "z"),
    from_enum: ("z", "y", "x", "w"),
}
every_frame = pytest.mark.parametrize("make", FRAMES)


def words(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal(T), rng.choice(["x", "y", "z"], T).tolist())
        for T in rng.integers(1, 7, n)
    ]


@every_frame
@pytest.mark.parametrize("missing", ["error", "indicator"])
def test_from_dtype(make, missing):
    """As the same columns with ids in the place of categories."""
    ids = {value: k for k, value in enumerate(FRAMES[make], 1)}
    X = [make(*x) for x in words()]
    plain = [np.c_[v, [ids[w] for w in word]] for v, word in words()]
    params = {"missing": missing, "embedding_weights": {"x": np.ones(E)}}
    model = fitted(X=X, categorical_features="from_dtype", **params)
    n_rows = 1 + len(FRAMES[make])
    assert model.weights_["embedding"].shape == (n_rows, E)
    assert list(model.feature_names_in_) == ["v", "word"]
    if make is not from_enum:  # which has a category that no sample has
        params["embedding_weights"] = {ids["x"]: np.ones(E)}
        expected = fitted(X=plain, categorical_features=[1], **params)
        assert_same_bits(model, expected)
        assert_array_equal(model.predict_proba(X), expected.predict_proba(plain))
    together = outputs(model, X)
    loaded = pickle.loads(pickle.dumps(model))
    assert_same_outputs(outputs(loaded, X), together)
    assert_array_equal(model.predict_proba(X[3:4])[0], together["predict_proba"][3])
    state = model.initial_state()
    for step in range(len(X[0])):
        y, state = model.predict_step(
            X[0][step : step + 1], state, method="predict_proba"
        )
    assert_array_equal(y, together["predict_proba"][:1])
    y = make_target(LSTMClassifier, X)
    assert gradient_norms(model, X, y).norms["l0"].all()
    again = clone(model).set_params(warm_start=True).fit(X, y).fit(X, y)
    assert again.t_ == 2 * model.t_


def test_categories_that_were_not_there():
    """Unknown in another table is row 0, whatever the order of its categories."""
    X = [from_pandas(*x) for x in words()]
    model = fitted(X=X, categorical_features="from_dtype")
    kind = pd.CategoricalDtype(["new", "x", "z"])
    other = pd.DataFrame(
        {"v": [1.0, 2.0, 3.0], "word": pd.Series(["x", "new", "z"], dtype=kind)}
    )
    rows = model._check_X(model._fitted, [other])._data
    assert_array_equal(rows[:, 1], [3, 0, 1])
    lacking = from_pandas([1.0, 2.0], ["x", None])
    with pytest.raises(ValueError, match=r"NaN: sample 0, step 1, feature 1 \(word\)"):
        model.predict([lacking])
    filling = fitted(X=X, categorical_features="from_dtype", missing="ffill")
    assert_array_equal(
        filling.predict_proba([lacking]),
        filling.predict_proba([from_pandas([1.0, 2.0], ["x", "x"])]),
    )


def test_categories_of_all_tables_count():
    first, second = (pd.CategoricalDtype(list(names)) for names in ("ab", "cb"))
    X = [
        pd.DataFrame({"word": pd.Series(list(names), dtype=kind)})
        for names, kind in (("ab", first), ("cbc", second))
    ] * 4
    model = fitted(X=X, categorical_features="from_dtype")
    assert model._fitted.categories == {0: ("a", "b", "c")}
    assert_array_equal(model._check_X(model._fitted, X[:2])._data.T, [[1, 2, 3, 2, 3]])


@pytest.mark.parametrize(
    "X, message",
    [
        (table(), "list of DataFrames.*got a list that holds ndarray"),
        (np.zeros((4, 3, 2)), "list of DataFrames.*got ndarray"),
        (pd.DataFrame(np.zeros((4, 3))), "list of DataFrames.*got DataFrame"),
        ([], "list of DataFrames"),
        (
            [pd.DataFrame({"v": [1.0], "k": [2]})] * 4,
            "no column of X has a categorical dtype: v float64, k int64.*astype",
        ),
    ],
)
def test_x_whose_dtypes_say_nothing(X, message):
    with pytest.raises(ValueError, match=message):
        small(categorical_features="from_dtype").fit(X, [0, 1] * (len(X) // 2))


def test_a_column_that_is_no_longer_categorical():
    X = [from_pandas(*x) for x in words()]
    model = fitted(X=X, categorical_features="from_dtype")
    bad = [*X[:2], X[2].assign(word=1)]
    for call in (model.predict, model.transform):
        with pytest.raises(
            ValueError, match="Column 'word' of sample 2 has dtype int64"
        ):
            call(bad)
    y = make_target(LSTMClassifier, X)
    named = clone(model).set_params(
        warm_start=True, categorical_features=["word"]
    ).fit([x.assign(word=1) for x in X], y)  # fmt: skip
    with pytest.raises(ValueError, match="categorical_features=.*'from_dtype'"):
        named.set_params(categorical_features="from_dtype").fit(X, y)


def test_a_picture_of_a_table(plt):
    X = [from_pandas(*x) for x in words()]
    model = fitted(X=X, categorical_features="from_dtype")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GateDisplay.from_estimator(model, X[0]).figure_ is not None
