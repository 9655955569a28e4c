"""Lists of tables with text, categories and dates inside TimeDistributed."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

N = 8
TABLE = pd.DataFrame({
    "id": np.repeat([f"p{k}" for k in range(N)], 3),
    "pulse": np.arange(3.0 * N),
    "ward": list("abcaab" * 4),
    "day": pd.date_range("2024-01-01", periods=3 * N),
    "level": pd.Categorical([1, 2, 1, 3] * 6),
})  # fmt: skip
COLUMNS = ["pulse", "ward", "level"]
Y = np.arange(N) % 2


def parts_of(frame, library="pandas", columns=COLUMNS):
    parts = [part[columns] for _, part in frame.groupby("id", sort=False)]
    if library == "polars":
        pl = pytest.importorskip("polars")
        frame = pl.DataFrame(
            {c: frame[c].to_list() for c in frame.columns},
            schema_overrides={"level": pl.Int64},
        )
        parts = frame.partition_by("id", maintain_order=True)
        parts = [part.select(columns) for part in parts]
    return parts


@pytest.fixture(params=["pandas", "polars"])
def X(request):
    return parts_of(TABLE, request.param)


def encoder(**options):
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["pulse"]),
            ("words", OneHotEncoder(**options), ["ward"]),
            ("codes", OrdinalEncoder(), ["level"]),
        ]
    )


def expected():
    return encoder(sparse_output=False).fit_transform(TABLE[COLUMNS])


@pytest.mark.parametrize("sparse", [False, True])
def test_columns_by_name(X, sparse):
    model = TimeDistributed(encoder(sparse_output=sparse))
    result = model.fit_transform(X)
    assert isinstance(result, list)
    assert {type(x) for x in result} == {np.ndarray}
    assert [x.shape for x in result] == [(3, 5)] * N
    assert_array_equal(np.concatenate(result), expected())
    assert_array_equal(np.concatenate(model.transform(X[2:4])), expected()[6:12])
    assert_array_equal(np.concatenate(model.transform(tuple(X))), expected())
    objects = np.empty(N, dtype=object)
    objects[:] = X
    assert_array_equal(np.concatenate(model.transform(objects)), expected())
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(np.concatenate(loaded.transform(X)), expected())
    assert model.feature_names_in_.tolist() == COLUMNS
    assert model.n_features_in_ == 3
    names = ["numbers__pulse", "words__ward_a", "words__ward_b", "words__ward_c"]
    assert model.get_feature_names_out().tolist() == [*names, "codes__level"]
    assert [len(x) for x in model.transform([X[0][:0], X[0]])] == [0, 3]


def test_output_with_names(X):
    model = TimeDistributed(encoder(sparse_output=False)).set_output(transform="pandas")
    result = model.fit_transform(X)
    assert isinstance(result, SequenceArray)
    assert result.feature_names == tuple(model.get_feature_names_out())
    assert_array_equal(result.data, expected())
    assert_array_equal(model.transform(X[1:]).data, expected()[3:])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_in_front_of_a_network(X):
    model = make_pipeline(
        TimeDistributed(encoder(handle_unknown="ignore")),
        FrameStacker(2),
        LSTMClassifier(3, max_iter=2, tol=0, random_state=0),
    )
    model.fit(X, Y)
    assert model.predict(X).shape == (N,)
    assert_array_equal(model.predict_proba(X)[3], model.predict_proba(X[3:4])[0])
    assert cross_val_score(clone(model), X, Y, cv=2, error_score="raise").size == 2


def test_columns_by_dtype():
    X = parts_of(TABLE, columns=["pulse", "level"])
    chosen = make_column_selector(dtype_include="category")
    model = TimeDistributed(ColumnTransformer([("c", OneHotEncoder(), chosen)]))
    assert [x.shape for x in model.fit_transform(X)] == [(3, 3)] * N


def test_dates():
    X = parts_of(TABLE, columns=["day"])
    of_month = FunctionTransformer(lambda x: x["day"].dt.day.to_numpy()[:, None])
    result = TimeDistributed(of_month).fit_transform(X)
    assert_array_equal(np.concatenate(result)[:, 0], TABLE["day"].dt.day)


def test_targets_of_sequences():
    X = parts_of(TABLE, columns=["ward"])
    result = TimeDistributed(TargetEncoder()).fit(X, Y).transform(X)
    alone = TargetEncoder().fit(TABLE[["ward"]], np.repeat(Y, 3))
    assert_array_equal(np.concatenate(result), alone.transform(TABLE[["ward"]]))


def test_a_column_that_is_text_in_one_table_alone():
    frames = [pd.DataFrame({"x": [np.nan, np.nan]}), pd.DataFrame({"x": ["u", "v"]})]
    result = TimeDistributed(OneHotEncoder(sparse_output=False)).fit_transform(frames)
    assert np.concatenate(result).sum(axis=1).tolist() == [1] * 4


@pytest.mark.parametrize(
    "columns",
    ["pulse", ["pulse"], make_column_selector("pulse"), slice("pulse", "pulse")],
)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_names_of_numbers(columns, in_pipeline):
    """Of sequences with names, without text, and without set_output."""
    flat = ColumnTransformer([("s", Reshaping(), columns)])
    model = TimeDistributed(make_pipeline(flat) if in_pipeline else flat)
    frame = TABLE[["id", "pulse"]].assign(beat=1.0)[["id", "beat", "pulse"]]
    X = SequenceArray.from_long(frame, by="id")
    assert_array_equal(model.fit_transform(X).data[:, 0], frame["pulse"])
    assert_array_equal(model.transform(X[2:]).data[:, 0], frame["pulse"][6:])
    assert model.fit_transform(X).ids.tolist() == X.ids.tolist()
    parts = parts_of(frame, columns=["beat", "pulse"])
    assert_array_equal(np.concatenate(model.fit_transform(parts))[:, 0], frame["pulse"])
    # without names
    with pytest.raises(ValueError, match="columns using strings|can only be applied"):
        model.fit(SequenceArray(X.data, X.offsets))


class Reshaping(TransformerMixin, BaseEstimator):
    """One column, also where it is given a Series."""

    def fit(self, X, y=None):
        self.n_columns_ = 1
        return self

    def transform(self, X):
        return np.asarray(X).reshape(len(X), -1)

    def get_feature_names_out(self, names=None):
        return np.array(["pulse"], dtype=object)


def test_numbers_alone_are_arrays_as_before():
    seen = []

    def look(x):
        seen.append(type(x))
        return x

    frames = [part[["pulse"]] for part in parts_of(TABLE)]
    frames.append(pd.DataFrame({"pulse": pd.Series([1, None, 2.5], dtype=object)}))
    model = TimeDistributed(FunctionTransformer(look)).fit(frames)
    model.transform(frames)
    assert set(seen) == {np.ndarray}


def test_what_was_fitted_on_tables_is_given_tables():
    """Whatever the columns of a later one are."""
    X = [pd.DataFrame({"code": ["1", "2"]}), pd.DataFrame({"code": ["2"]})]
    model = TimeDistributed(FunctionTransformer(lambda x: x[["code"]].astype(float)))
    model.fit(X)
    assert_array_equal(model.transform([X[1]])[0], [[2]])
    assert_array_equal(model.transform([pd.DataFrame({"code": [3.0]})])[0], [[3]])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X: [X[0], X[1][["ward", "pulse", "level"]]], ValueError,
         "Sample 1 has the columns .*same columns in the same order"),
        (lambda X: [X[0], X[1].to_numpy()], ValueError, "ample 0|ard"),
        (lambda X: X[0], ValueError, "Column 'ward'.* is not numeric"),
    ],
)  # fmt: skip
def test_errors_of_fit(change, error, message):
    X = parts_of(TABLE)
    with pytest.raises(error, match=message):
        TimeDistributed(encoder()).fit(change(X))


def test_errors_of_transform(X):
    model = TimeDistributed(encoder()).fit(X)
    with pytest.raises(ValueError, match="should match those that were passed"):
        model.transform([x[["ward", "pulse", "level"]] for x in X])
    with pytest.raises(ValueError, match="X has 2 features, but TimeDistributed is"):
        model.transform([x[["ward", "pulse"]] for x in X])
    with pytest.raises(ValueError, match="unknown categories"):
        model.transform([pd.DataFrame({"pulse": [1.0], "ward": ["z"], "level": [1]})])
    for numbers, what in (
        ([np.ones((2, 3))], "a list of ndarray"),
        (SequenceArray(np.ones((2, 3)), [0, 2], COLUMNS), "of type SequenceArray"),
        (np.ones((1, 2, 3)), "of type ndarray"),
    ):
        with pytest.raises(ValueError, match=f"fitted on .*'ward'.*X is {what}"):
            model.transform(numbers)
    # not fitted on tables
    numbers = TimeDistributed(StandardScaler()).fit([x[["pulse"]] for x in X])
    with pytest.raises(ValueError, match="Column 'ward'.* is not numeric"):
        numbers.transform([x[["ward"]] for x in X])


def test_text_that_is_left_is_told(X):
    model = TimeDistributed(
        ColumnTransformer([("s", StandardScaler(), ["pulse"])], remainder="passthrough")
    )
    message = "ColumnTransformer has left .* column 'remainder__ward': .*'a'.*Encode"
    with pytest.raises(ValueError, match=message):
        model.fit_transform(X)
    with pytest.raises(ValueError, match=message):
        model.fit(X).transform(X)


def test_missing_numbers_are_placed(X):
    steps = [x.copy() if hasattr(x, "copy") else x.clone() for x in X]
    if hasattr(steps[2], "iloc"):
        steps[2].iloc[1, 0] = np.nan
    else:
        pl = pytest.importorskip("polars")
        steps[2] = steps[2].with_columns(pulse=pl.Series([6.0, np.nan, 8.0]))
    columns = [("p", PolynomialFeatures(), ["pulse"]), ("w", OneHotEncoder(), ["ward"])]
    model = TimeDistributed(ColumnTransformer(columns))
    message = r"'pulse' \(sample 2, step 1\)\. Input X contains NaN"
    with pytest.raises(ValueError, match=message):
        model.fit(steps)
    with pytest.raises(ValueError, match=message):
        model.fit(X).transform(steps)


def test_sequences_of_no_steps(X):
    model = TimeDistributed(encoder()).fit(X)
    assert [x.shape for x in model.transform([X[0][:0]] * 2)] == [(0, 5)] * 2


def test_tables_of_two_packages():
    pytest.importorskip("polars")
    frames = [parts_of(TABLE)[0], parts_of(TABLE, "polars")[0]]
    with pytest.raises(TypeError, match="tables in X are of pandas and polars"):
        TimeDistributed(encoder()).fit(frames)


def test_names_that_come_twice():
    X = [pd.DataFrame([["a", 1.0]], columns=["u", "u"])] * 2
    with pytest.raises(ValueError, match="names that are text, each of its own"):
        TimeDistributed(OneHotEncoder()).fit(X)


def test_a_long_table_tells_the_way():
    with pytest.raises(ValueError, match=r"part for _, part in frame\.groupby\('id'"):
        SequenceArray.from_long(TABLE, by="id")
