"""TimeDistributed and FrameStacker, in every container, against loops over steps."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

LENGTHS = [3, 0, 5, 1, 4, 2]
CONTAINERS = ["list", "tuple", "object", "SequenceArray", "padded", "3-D", "2-D"]


def random_list(lengths=LENGTHS, n_features=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(1, 2, size=(T, n_features)).astype(dtype) for T in lengths]


def contain(sequences, container):
    """Put a list of arrays in a container that can hold them."""
    if container == "tuple":
        return tuple(sequences)
    if container == "object":
        X = np.empty(len(sequences), dtype=object)
        for i, sequence in enumerate(sequences):
            X[i] = sequence
        return X
    if container == "SequenceArray":
        return SequenceArray.from_list(sequences)
    if container == "padded":
        return SequenceArray.from_list(sequences).to_padded(n_steps=9)
    if container == "3-D":
        return np.stack(sequences)
    if container == "2-D":
        return np.stack(sequences)[:, :, 0]
    return sequences


def example(container):
    if container == "3-D":
        return contain(random_list([4] * 6), container)
    if container == "2-D":
        return contain(random_list([4] * 6, 1), container)
    return contain(random_list(), container)


def assert_container(X_new, X, container):
    """Check that the result is what its container is said to be."""
    if container in ("list", "tuple", "object"):
        assert type(X_new) is list
        assert all(type(x) is np.ndarray and x.ndim == 2 for x in X_new)
    elif container == "SequenceArray":
        assert type(X_new) is SequenceArray
    else:
        assert type(X_new) is np.ndarray
    assert len(X_new) == len(X)


# ---- TimeDistributed ---------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        MinMaxScaler(),
        QuantileTransformer(n_quantiles=4),
        PCA(n_components=1),
        SimpleImputer(),
        KBinsDiscretizer(3, encode="onehot", quantile_method="averaged_inverted_cdf"),
        make_pipeline(StandardScaler(), PCA()),
        ColumnTransformer([("a", StandardScaler(), [0])], remainder="passthrough"),
        FunctionTransformer(),
    ],
    ids=lambda t: type(t).__name__,
)
def test_is_the_transformer_on_the_stacked_steps(transformer, container):
    X = example(container)
    S = check_sequences(X)
    inner = clone(transformer).fit(S.data)
    expected = inner.transform(S.data)
    expected = expected.toarray() if hasattr(expected, "toarray") else expected

    distributed = TimeDistributed(transformer)
    for X_new in (distributed.fit_transform(X), distributed.transform(X)):
        assert_container(X_new, X, container)
        got = check_sequences(X_new)
        np.testing.assert_array_equal(got.lengths, S.lengths)
        np.testing.assert_allclose(got.data, expected, rtol=1e-12, atol=1e-14)
    F = expected.shape[1]
    shape = {"padded": (6, 9, F), "3-D": (6, 4, F), "2-D": (6, 4, F)}.get(container)
    if container == "2-D" and F == 1:
        shape = (6, 4)
    if shape:
        assert X_new.shape == shape
    if container == "padded":
        assert np.isnan(X_new[0, 3:]).all()
        assert np.isnan(X_new[1]).all()
    assert not hasattr(transformer, "n_features_in_")
    assert hasattr(distributed.transformer_, "n_features_in_")

    invertible = not isinstance(transformer, SimpleImputer) and F == S.n_features
    if invertible and hasattr(transformer, "inverse_transform"):
        back = distributed.inverse_transform(X_new)
        assert_container(back, X, container)
        assert shape is None or back.shape == X.shape
        back = check_sequences(back)
        np.testing.assert_array_equal(back.lengths, S.lengths)
        np.testing.assert_allclose(back.data, inner.inverse_transform(expected))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(1, 3))
def test_ragged_shapes(lengths, n_features):
    sequences = random_list([2, *lengths], n_features)
    model = TimeDistributed(PCA(n_components=1)).fit(sequences)
    mean, axis = model.transformer_.mean_, model.transformer_.components_
    for container in ("list", "SequenceArray", "padded"):
        X_new = check_sequences(model.transform(contain(sequences, container)))
        for got, x in zip(X_new, sequences, strict=True):
            np.testing.assert_allclose(got, (x - mean) @ axis.T, atol=1e-12)


def test_worked_example():
    X = [[[1.0], [3.0]], [[5.0]]]
    np.testing.assert_allclose(
        TimeDistributed(StandardScaler(with_std=False)).fit_transform(X)[0],
        [[-2.0], [0.0]],
    )


def test_padding_is_not_fitted():
    X = contain(random_list([3, 5]), "padded")
    mean = TimeDistributed(StandardScaler()).fit(X).transformer_.mean_
    np.testing.assert_allclose(mean, np.nanmean(X, axis=(0, 1)))


@pytest.mark.parametrize("container", ["list", "SequenceArray", "padded", "3-D", "2-D"])
def test_float32_stays(container):
    X = contain(random_list([4] * 3, 1, np.float32), container)
    X_new = TimeDistributed(StandardScaler()).fit_transform(X)
    assert check_sequences(X_new).dtype == np.float32
    assert FrameStacker(2).fit_transform(X)[0].dtype == np.float32


def test_integers_of_the_transformer():
    X = [np.array([[3.0], [1.0]]), np.array([[3.0]])]
    encoder = TimeDistributed(OrdinalEncoder(dtype=np.int8))
    assert encoder.fit_transform(X)[0].dtype == np.int8
    assert encoder.transform(SequenceArray.from_list(X)).dtype == np.float64
    assert encoder.transform(np.stack([X[0], X[0]])).dtype == np.int8
    padded = encoder.transform(contain(X, "padded"))
    np.testing.assert_array_equal(padded[:, :2, 0], [[1, 0], [1, np.nan]])


def test_one_hot_is_made_dense():
    X = [[[0], [2]], [[1]]]
    X_new = TimeDistributed(OneHotEncoder()).fit_transform(X)
    np.testing.assert_array_equal(X_new[0], [[1, 0, 0], [0, 0, 1]])
    X_new = TimeDistributed(OneHotEncoder()).fit_transform(np.array([[0, 2], [1, 1]]))
    assert X_new.shape == (2, 2, 3)


def test_univariate_list_stays_univariate():
    X = [np.array([1.0, 2, 3]), np.array([4.0])]
    scaler = TimeDistributed(StandardScaler(with_std=False))
    X_new = scaler.fit_transform(X)
    np.testing.assert_allclose(X_new[0], [-1.5, -0.5, 0.5])
    np.testing.assert_allclose(scaler.inverse_transform(X_new)[0], X[0])
    wide = TimeDistributed(KBinsDiscretizer(2, encode="onehot", strategy="uniform"))
    assert wide.fit_transform(X)[1].shape == (1, 2)


def test_inverse_of_2d_through_3d():
    X = np.array([[0.0, 2], [1, 1]])
    encoder = TimeDistributed(OneHotEncoder()).fit(X)
    np.testing.assert_array_equal(encoder.inverse_transform(encoder.transform(X)), X)


def test_inverse_only_where_there_is_one():
    assert hasattr(TimeDistributed(PCA()), "inverse_transform")
    assert not hasattr(TimeDistributed(SelectFirst()), "inverse_transform")
    assert not hasattr(TimeDistributed(SelectFirst()), "get_feature_names_out")
    assert TimeDistributed(SelectFirst()).fit_transform([[[1, 2]]])[0].shape == (1, 1)


class SelectFirst(BaseEstimator):
    """Only fit and transform, as a transformer from elsewhere may have."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X[:, :1]


class ChangesRows(TransformerMixin, BaseEstimator):
    def __init__(self, how="drop"):
        self.how = how

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return {"drop": X[1:], "vector": X[:, 0], "none": None}[self.how]


@pytest.mark.parametrize("how", ["drop", "vector", "none"])
def test_change_of_rows_is_an_error(how):
    model = TimeDistributed(ChangesRows(how))
    for method in (model.fit_transform, model.fit(random_list()).transform):
        with pytest.raises(ValueError, match="ChangesRows made an array of shape"):
            method(random_list())


@pytest.mark.parametrize("transformer", [None, "passthrough", LogisticRegression(), 3])
def test_no_transformer(transformer):
    with pytest.raises(ValueError, match="'transformer' parameter of TimeDistributed"):
        TimeDistributed(transformer).fit(random_list())


@pytest.mark.parametrize("container", ["list", "SequenceArray", "padded"])
def test_only_sequences_of_no_steps(container):
    model = TimeDistributed(PCA(2)).fit(random_list())
    empty = contain([np.empty((0, 3))] * 2, container)
    X_new = check_sequences(model.transform(empty), allow_nan=True)
    assert X_new.shape == (2, None, 2)
    np.testing.assert_array_equal(X_new.lengths, 0)
    back = model.inverse_transform(model.transform(empty))
    assert check_sequences(back).shape == (2, None, 3)


# Missing values


def with_gap(container):
    if container in ("2-D", "3-D"):
        X = example(container).copy()
        X[2, 1, ...] = np.nan
        X[2, 3, ...] = 7.0
        return X
    sequences = random_list()
    sequences[2][1, 0] = np.nan
    return contain(sequences, container)


@pytest.mark.parametrize("container", CONTAINERS)
def test_missing_values_reach_the_transformer(container):
    X = with_gap(container)
    S = check_sequences(X, allow_nan=True)
    assert np.isnan(S.data).any()
    # The last one has no tag for it: only trying tells that it imputes.
    for imputer in (SimpleImputer(), make_pipeline(SimpleImputer(), PCA())):
        X_new = check_sequences(TimeDistributed(imputer).fit_transform(X))
        np.testing.assert_array_equal(X_new.lengths, S.lengths)
    X_new = TimeDistributed(SimpleImputer()).fit_transform(X)
    fill = np.nanmean(S.data[:, 0])
    assert check_sequences(X_new)[2][1, 0] == pytest.approx(fill)
    X_new = TimeDistributed(StandardScaler()).fit_transform(X)
    np.testing.assert_array_equal(
        np.isnan(check_sequences(X_new, allow_nan=True).data), np.isnan(S.data)
    )


@pytest.mark.parametrize("container", CONTAINERS)
def test_missing_values_that_are_refused_are_named(container):
    X = with_gap(container)
    model = TimeDistributed(PCA())
    match = "NaN: sample 2, step 1, feature 0"
    for method in (model.fit, model.fit_transform):
        with pytest.raises(ValueError, match=match):
            method(X)
    assert not hasattr(model, "transformer_")
    with pytest.raises(ValueError, match=match):
        model.fit(example(container)).transform(X)


def test_infinity_is_refused():
    with pytest.raises(ValueError, match="infinity.*sample 0, step 1, feature 0"):
        TimeDistributed(StandardScaler()).fit([[1.0, np.inf], [1.0, 2.0]])


# Targets and weights


def test_weights_and_targets_are_repeated():
    X, S = random_list(), check_sequences(random_list())
    weights = np.array([1.0, 2, 0, 3, 1, 5])
    model = TimeDistributed(StandardScaler()).fit(X, sample_weight=weights)
    per_step = np.repeat(weights, LENGTHS)
    expected = np.average(S.data, axis=0, weights=per_step)
    np.testing.assert_allclose(model.transformer_.mean_, expected)
    # weight two is twice the sequence
    doubled = TimeDistributed(StandardScaler()).fit([*X, X[4]])
    weighted = TimeDistributed(StandardScaler()).fit(
        X, sample_weight=[1, 1, 1, 1, 2, 1]
    )
    np.testing.assert_allclose(
        doubled.transformer_.var_, weighted.transformer_.var_, rtol=1e-12
    )

    y = np.array([0, 1, 1, 0, 1, 0])
    per_step = np.repeat(y, LENGTHS)
    model = TimeDistributed(SelectKBest(k=1)).fit(X, y)
    expected = SelectKBest(k=1).fit(S.data, per_step)
    np.testing.assert_array_equal(model.transformer_.scores_, expected.scores_)
    X_new = TimeDistributed(LinearDiscriminantAnalysis()).fit_transform(X, list(y))
    expected = LinearDiscriminantAnalysis().fit_transform(S.data, per_step)
    np.testing.assert_allclose(check_sequences(X_new).data, expected)


class LeaveOneOut(TransformerMixin, BaseEstimator):
    """Mean target; of the other rows in fit_transform, as cross-fitted encoders do."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def fit_transform(self, X, y):
        self.fit(X, y)
        return ((np.sum(y) - y) / (len(y) - 1))[:, np.newaxis]

    def transform(self, X):
        return np.full((len(X), 1), self.mean_)


def test_fit_transform_is_that_of_the_transformer():
    X, y = random_list([1, 2]), [3.0, 6.0]
    model = TimeDistributed(LeaveOneOut())
    X_new = model.fit_transform(X, y)  # the targets of the steps are 3, 6, 6
    np.testing.assert_array_equal(np.vstack(X_new), [[6], [4.5], [4.5]])
    np.testing.assert_array_equal(np.vstack(model.transform(X)), [[5], [5], [5]])


def test_bad_weights_and_targets():
    X = random_list()
    with pytest.raises(ValueError, match=r"\[6, 5\]"):
        TimeDistributed(StandardScaler()).fit(X, sample_weight=np.ones(5))
    with pytest.raises(ValueError, match=r"\[6, 7\]"):
        TimeDistributed(StandardScaler()).fit(X, np.ones(7))
    with pytest.raises(TypeError, match="PCA takes no sample_weight"):
        TimeDistributed(PCA()).fit(X, sample_weight=np.ones(6))


# Features and names


@pytest.mark.parametrize("model", [TimeDistributed(PCA(2)), FrameStacker(2)])
def test_other_features(model):
    model = clone(model)
    with pytest.raises(NotFittedError):
        model.transform(random_list())
    model.fit(random_list())
    assert model.n_features_in_ == 3
    name = type(model).__name__
    match = f"X has 2 features, but {name} is expecting 3 features as input"
    with pytest.raises(ValueError, match=match):
        model.transform(random_list(n_features=2))


@pytest.mark.parametrize("model", [TimeDistributed(PCA(2)), FrameStacker(2)])
def test_a_fit_that_fails_leaves_the_earlier_one(model):
    model = clone(model).fit(random_list())
    before = dict(vars(model))
    for bad in ([], random_list([2, 3])[0] * np.inf, [np.ones((2, 2)), None]):
        with pytest.raises((TypeError, ValueError)):
            model.fit(bad)
        assert vars(model) == before


def test_refit_on_other_features():
    model = TimeDistributed(StandardScaler()).fit(random_list())
    model.fit(random_list(n_features=2))
    assert model.n_features_in_ == model.transformer_.n_features_in_ == 2


def names_of(model, *args):
    return model.get_feature_names_out(*args).tolist()


def named():
    S = check_sequences(random_list())
    return SequenceArray(S.data, S.offsets, ["a", "b", "c"])


def test_names_of_time_distributed():
    scaler = TimeDistributed(StandardScaler())
    assert names_of(clone(scaler).fit(random_list())) == ["x0", "x1", "x2"]
    assert names_of(clone(scaler).fit(random_list()), ["p", "q", "r"]) == list("pqr")
    model = clone(scaler).fit(named())
    assert names_of(model) == ["a", "b", "c"]
    assert model.transform(named()).feature_names == ("a", "b", "c")
    pca = TimeDistributed(PCA(2)).fit(named())
    assert names_of(pca) == ["pca0", "pca1"]
    assert pca.transform(named()).feature_names == ("pca0", "pca1")
    # a pipeline that does not know its names is no reason to fail
    no_names = make_pipeline(StandardScaler(), SelectFirst())
    assert TimeDistributed(no_names).fit_transform(named()).feature_names is None
    # 2-D: columns are steps
    X = pd.DataFrame(np.eye(3), columns=["mon", "tue", "wed"])
    model = clone(scaler).fit(X)
    assert names_of(model) == ["mon", "tue", "wed"]
    assert model.transform(X).shape == (3, 3)
    encoder = TimeDistributed(OneHotEncoder()).fit(X)
    assert names_of(encoder) == ["x0_0.0", "x0_1.0"]
    for model in (scaler.fit(X), encoder):
        with pytest.raises(ValueError, match="not equal to feature_names_in_"):
            names_of(model, ["a", "b", "c"])
    with pytest.raises(ValueError, match="length equal to number of features"):
        names_of(scaler.fit(random_list()), ["a", "b"])


def test_names_of_frame_stacker():
    stacker = FrameStacker(2).fit(random_list())
    expected = ["x0_lag1", "x1_lag1", "x2_lag1", "x0_lag0", "x1_lag0", "x2_lag0"]
    assert names_of(stacker) == expected
    stacker.fit(named())
    expected = ["a_lag1", "b_lag1", "c_lag1", "a_lag0", "b_lag0", "c_lag0"]
    assert names_of(stacker) == expected
    assert list(stacker.transform(named()).feature_names) == names_of(stacker)
    X = np.ones((2, 5))
    assert names_of(FrameStacker(2).fit(X)) == ["x_lag1", "x_lag0"]
    for step, columns in ((1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [1, 4])):
        stacker = FrameStacker(1, step=step, remainder="drop").fit(X)
        assert names_of(stacker) == [f"x{i}" for i in columns]
        row = np.arange(5.0)[None]
        np.testing.assert_array_equal(stacker.transform(row), row[:, columns])


# ---- FrameStacker -----------------------------------------------------------------


def stacked(x, k, s, remainder):
    """Stack one sequence, written to be read: frames from the end."""
    T, F = x.shape
    frames, end = [], T - 1
    while end >= 0:
        first = end - k + 1
        if first < 0 and remainder == "drop":
            break
        frames.insert(0, np.concatenate([x[max(i, 0)] for i in range(first, end + 1)]))
        if first <= 0:
            break
        end -= s
    return np.array(frames).reshape(len(frames), k * F)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 7)),
    st.sampled_from(["repeat", "drop"]),
    st.sampled_from(["list", "SequenceArray", "padded"]),
)
def test_frames_by_a_slow_way(
    lengths, n_features, n_frames, step, remainder, container
):
    sequences = random_list([min(T, 9) for T in lengths], n_features)
    X = contain(sequences, container)
    stacker = FrameStacker(n_frames, step=step, remainder=remainder)
    X_new = stacker.fit_transform(X)
    assert_container(X_new, X, container)
    X_new = check_sequences(X_new)
    assert X_new.n_features == len(names_of(stacker)) == n_frames * n_features
    for got, x in zip(X_new, sequences, strict=True):
        want = stacked(x, n_frames, step or n_frames, remainder)
        np.testing.assert_array_equal(got, want)


def test_worked_frames():
    X = np.arange(7.0)[None]
    repeat = FrameStacker(3).fit_transform(X)
    np.testing.assert_array_equal(repeat, [[[0, 0, 0], [1, 2, 3], [4, 5, 6]]])
    drop = FrameStacker(3, remainder="drop").fit_transform(X)
    np.testing.assert_array_equal(drop, [[[1, 2, 3], [4, 5, 6]]])
    overlap = FrameStacker(3, step=2).fit_transform(X)
    np.testing.assert_array_equal(overlap, [[[0, 1, 2], [2, 3, 4], [4, 5, 6]]])
    sparse = FrameStacker(2, step=4).fit_transform(X)
    np.testing.assert_array_equal(sparse, [[[1, 2], [5, 6]]])
    short = FrameStacker(9).fit_transform(X[:, :2])
    np.testing.assert_array_equal(short, [[[0] * 8 + [1]]])


@pytest.mark.parametrize("n_frames", [1, 2, 4, 5])
@pytest.mark.parametrize("remainder", ["repeat", "drop"])
def test_frames_of_arrays(n_frames, remainder):
    stacker = FrameStacker(n_frames, remainder=remainder)
    X = np.stack(random_list([4] * 3))
    expected = np.array([stacked(x, n_frames, n_frames, remainder) for x in X])
    np.testing.assert_array_equal(stacker.fit_transform(X), expected)
    n_new = expected.shape[1]
    padded = stacker.fit_transform(contain(random_list([1, 4]), "padded"))
    T = -(-9 // n_frames) if remainder == "repeat" else 9 // n_frames
    assert padded.shape == (2, T, 3 * n_frames)
    flat = stacker.fit_transform(X[:, :, 0])
    assert flat.shape == ((3, n_new) if n_frames == 1 else (3, n_new, n_frames))


def test_remainder_error():
    stacker = FrameStacker(2, remainder="error")
    stacker.fit_transform(random_list([4, 0, 2]))
    with pytest.raises(ValueError, match="Sample 2 has 3 steps.*'repeat' or 'drop'"):
        stacker.transform(random_list([4, 2, 3]))
    with pytest.raises(ValueError, match="Sample 0 has 1 steps"):
        stacker.transform(random_list([1]))


@pytest.mark.parametrize(
    "params",
    [
        {"n_frames": 0},
        {"n_frames": 2.0},
        {"n_frames": None},
        {"step": 0},
        {"step": "2"},
        {"remainder": "zero"},
        {"remainder": None},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter of Frame"):
        FrameStacker(**params).fit(random_list())


def test_frames_keep_missing_values_and_do_not_touch_x():
    items = random_list([5, 2])
    items[0][1, 0] = np.nan
    X = contain(items, "SequenceArray")
    before = X.data.copy()
    X_new = FrameStacker(2).fit_transform(X)
    assert np.isnan(X_new.data).sum() == 1
    np.testing.assert_array_equal(X.data, before)
    assert not np.shares_memory(X_new.data, X.data)


# ---- as scikit-learn's estimators -------------------------------------------------


def passed(estimator):
    """Run check_estimator and return the checks that passed, all but skips."""
    results = check_estimator(estimator, on_fail="raise", on_skip=None)
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}  # needs an environment variable
    return {r["check_name"] for r in results if r["status"] == "passed"}


@pytest.mark.parametrize(
    "estimator",
    [
        TimeDistributed(StandardScaler()),
        FrameStacker(),
        FrameStacker(1),
        FrameStacker(3, step=2, remainder="drop"),
    ],
    ids=repr,
)
def test_check_estimator(estimator):
    names = passed(estimator)
    # Not vacuous: the checks that work with data ran.
    assert {
        "check_transformer_general",
        "check_n_features_in_after_fitting",
        "check_methods_subset_invariance",
        "check_estimators_empty_data_messages",
        "check_estimators_pickle",
        "check_fit2d_1sample",
    } <= names


# Of a table they make one.
tables_to_tables = pytest.mark.parametrize(
    "estimator",
    [TimeDistributed(StandardScaler()), FrameStacker(1), FrameStacker(1, step=2)],
    ids=repr,
)


@tables_to_tables
@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
    ],
)
def test_checks_of_names(estimator, check):
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("transformer", [PCA(), SimpleImputer()])
def test_check_estimator_of_transformers_without_weights(transformer):
    results = check_estimator(TimeDistributed(transformer), on_fail=None, on_skip=None)
    failed = [r for r in results if r["status"] == "failed"]
    # fit has sample_weight for the transformers that take it, these do not
    assert all("takes no sample_weight" in str(r["exception"]) for r in failed)
    assert len(results) - len(failed) > 40


def test_tags_are_those_of_the_transformer():
    assert get_tags(TimeDistributed(SimpleImputer())).input_tags.allow_nan
    assert not get_tags(TimeDistributed(PCA())).input_tags.allow_nan
    assert get_tags(TimeDistributed(LinearDiscriminantAnalysis())).target_tags.required
    assert not get_tags(TimeDistributed(OneHotEncoder())).input_tags.sparse
    assert get_tags(FrameStacker()).input_tags.allow_nan


class MeanClassifier(ClassifierMixin, BaseEstimator):
    """Logistic regression on the mean step, to stand behind a transformer."""

    def fit(self, X, y):
        self.model_ = LogisticRegression().fit(self._means(X), y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(self._means(X))

    def _means(self, X):
        return np.array([x.mean(axis=0) for x in check_sequences(X)])


@pytest.mark.parametrize("container", CONTAINERS)
def test_in_pipeline_and_search(container):
    F = 1 if container == "2-D" else 3
    lengths = [4] * 30 if container in ("2-D", "3-D") else [2, 3, 4] * 10
    y = np.arange(30) % 2
    X = contain(
        [x + 3 * label for x, label in zip(random_list(lengths, F), y, strict=True)],
        container,
    )
    pipe = make_pipeline(
        TimeDistributed(PCA()), FrameStacker(2, remainder="repeat"), MeanClassifier()
    )
    assert "timedistributed__transformer__n_components" in pipe.get_params()
    grid = {
        "timedistributed__transformer__n_components": [1, None],
        "framestacker__n_frames": [1, 2],
    }
    search = GridSearchCV(pipe, grid, error_score="raise", cv=3).fit(X, y)
    assert search.best_score_ > 0.8
    assert cross_val_predict(pipe, X, y, cv=3).shape == (30,)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    one = search.predict(X[:1])
    assert one == search.predict(X)[0]


# ---- set_output -------------------------------------------------------------------


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    frames = pytest.importorskip(request.param)
    # scikit-learn 1.8 knows a table of polars by this method, which polars 2 has not
    known = hasattr(frames.DataFrame, "__dataframe__")
    if (
        sklearn.__version__.startswith("1.8.")
        and request.param == "polars"
        and not known
    ):
        pytest.skip("scikit-learn 1.8 does not know polars 2")
    return request.param


@tables_to_tables
@pytest.mark.parametrize(
    "check",
    [
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_set_output_transform_polars,
        check_global_output_transform_pandas,
        check_global_set_output_transform_polars,
    ],
)
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
def test_checks_of_output(estimator, check):
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("container", CONTAINERS[:6])
@pytest.mark.parametrize(
    "model",
    [
        TimeDistributed(StandardScaler()),
        TimeDistributed(PCA(2)),
        FrameStacker(2),
        FrameStacker(1, step=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("how", ["own", "global"])
def test_sequences_get_names(library, container, model, how):
    X = example(container)
    expected = check_sequences(clone(model).fit_transform(X))
    model = clone(model)
    if how == "own":
        model.set_output(transform=library)
    with sklearn.config_context(transform_output=library if how == "global" else None):
        for X_new in (model.fit_transform(X), clone(model).fit(X).transform(X)):
            assert type(X_new) is SequenceArray
            np.testing.assert_array_equal(X_new.offsets, expected.offsets)
            # PCA has other bits in fit_transform than in transform
            np.testing.assert_allclose(X_new.data, expected.data, rtol=1e-9, atol=1e-12)
            assert X_new.dtype == expected.dtype
            assert list(X_new.feature_names) == names_of(model)
        twin = pickle.loads(pickle.dumps(model))
        assert twin.transform(X).feature_names == X_new.feature_names
    if how == "global":
        assert_container(model.transform(X), X, container)
    back = model.set_output(transform="default").transform(X)
    assert_container(back, X, container)
    assert model.set_output() is model
    assert_container(model.transform(X), X, container)


def test_2d_is_a_table_with_names_and_index(library):
    frames = pytest.importorskip(library)
    values = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    if library == "pandas":
        X = pd.DataFrame(values, columns=list("abcde"), index=[7, 5, 3, 1])
    else:
        X = frames.DataFrame(values, schema=list("abcde"))
    for model in (TimeDistributed(StandardScaler()), FrameStacker(1, step=2)):
        expected = clone(model).fit_transform(X)
        table = model.set_output(transform=library).fit(X).transform(X)
        assert isinstance(table, frames.DataFrame)
        np.testing.assert_array_equal(table.to_numpy(), expected)
        assert table.to_numpy().dtype == np.float32
        assert list(table.columns) == names_of(model)
        if library == "pandas":
            assert table.index.tolist() == [7, 5, 3, 1]
    # more than one feature in a step is no table
    X_new = FrameStacker(2).set_output(transform=library).fit_transform(X)
    assert type(X_new) is SequenceArray
    assert X_new.feature_names == ("x_lag1", "x_lag0")
    encoder = TimeDistributed(
        KBinsDiscretizer(
            2, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
        )
    )
    bins = encoder.set_output(transform=library).fit_transform(X)
    assert bins.shape == (4, None, 2)
    assert bins.feature_names == ("x0_0.0", "x0_1.0")
    # fitted on a table, given sequences of the one feature
    X_new = model.transform([np.arange(3.0), np.arange(6.0)])
    assert X_new.feature_names == ("x_lag0",)
    scaler = TimeDistributed(StandardScaler()).set_output(transform=library).fit(X)
    assert scaler.transform([np.arange(3.0)]).feature_names == ("x0",)
    # fitted on sequences, given a table: its columns have no names then
    scaler.fit([np.arange(3.0)])
    assert scaler.transform(values).feature_names == ("x0",)


def test_columns_by_name(library):
    columns = ColumnTransformer(
        [("scale", StandardScaler(), ["c", "a"]), ("keep", "passthrough", ["b"])],
        verbose_feature_names_out=False,
    )
    model = TimeDistributed(make_pipeline(MinMaxScaler(), columns))
    model.set_output(transform=library)
    X = named()
    expected = np.column_stack(
        [
            StandardScaler().fit_transform(MinMaxScaler().fit_transform(X.data))[:, k]
            for k in (2, 0)
        ]
        + [MinMaxScaler().fit_transform(X.data)[:, 1]]
    )
    for X_new in (model.fit_transform(X), clone(model).fit(X).transform(X)):
        np.testing.assert_allclose(X_new.data, expected, rtol=1e-12, atol=1e-14)
        assert X_new.feature_names == ("c", "a", "b")
    again = pickle.loads(pickle.dumps(model))
    assert again.transform(X) == X_new
    # what was fitted by name goes on, whatever the output is now
    model.set_output(transform="default")
    assert model.transform(X) == X_new
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert model.transform(X.to_padded()).shape == (6, 5, 3)
    # nothing but sequences of no steps
    assert len(model.transform(X[[1]]).data) == 0
    assert model.transform(X[[1]]).feature_names == ("c", "a", "b")
    # without a DataFrame the columns have no names
    with pytest.raises(ValueError, match="Specifying the columns using strings"):
        clone(model).set_output(transform="default").fit(X)


@pytest.mark.parametrize("inner", ["pandas", "polars", "default"])
def test_output_of_the_transformer_alone_does_not_matter(inner):
    pytest.importorskip("pandas" if inner == "default" else inner)
    transformer = StandardScaler().set_output(transform=inner)
    X = random_list()
    assert type(TimeDistributed(transformer).fit_transform(X)[0]) is np.ndarray
    columns = ColumnTransformer([("a", transformer, [0, 2])], remainder="passthrough")
    model = TimeDistributed(columns.set_output(transform=inner))
    got = model.fit_transform(named())
    expected = (
        clone(columns).set_output(transform="default").fit_transform(named().data)
    )
    np.testing.assert_allclose(got.data, expected, rtol=1e-12, atol=1e-12)
    assert got.feature_names == ("a__a", "a__c", "remainder__b")


def test_a_transformer_without_names():
    class Bare(SelectFirst):
        def transform(self, X):
            return super().transform(np.asarray(X))

    model = TimeDistributed(Bare()).set_output(transform="pandas")
    X_new = model.fit(named()).transform(named())
    assert type(X_new) is SequenceArray
    assert X_new.feature_names is None


@pytest.mark.parametrize("transform", ["numpy", "Pandas", True, 0])
@pytest.mark.parametrize("model", [TimeDistributed(StandardScaler()), FrameStacker()])
def test_bad_output(model, transform):
    with pytest.raises(ValueError, match="transform=.* is none of 'default', 'pandas'"):
        model.set_output(transform=transform)
    # nothing has changed, also not in the transformer
    assert type(clone(model).fit_transform(random_list())) is list
    if isinstance(model, TimeDistributed):
        inner = clone(model.transformer).fit_transform(np.eye(3))
        assert type(inner) is np.ndarray


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_pipelines_hand_names_on(library, container):
    X, y = example(container), np.arange(6) % 2
    model = make_pipeline(
        TimeDistributed(StandardScaler()),
        FrameStacker(1, step=1),
        LSTMClassifier(3, max_iter=2, random_state=0),
    )
    plain = clone(model).fit(X, y)
    framed = clone(model).set_output(transform=library).fit(X, y)
    np.testing.assert_array_equal(framed.predict_proba(X), plain.predict_proba(X))
    names = framed[-1].feature_names_in_.tolist()
    assert names == names_of(framed[:-1])
    assert len(names) == (4 if container == "2-D" else 3)
    states = framed.transform(X)
    assert type(states).__module__.partition(".")[0] == library
    assert list(states.columns) == [f"lstmclassifier{k}" for k in range(3)]
    np.testing.assert_array_equal(states.to_numpy(), plain.transform(X))
    search = GridSearchCV(framed, {"framestacker__step": [1, 2]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
