"""TimeDistributed: against loops over steps, tags, what the transformer is asked."""

import copy

import numpy as np
import pandas as pd
import pytest
from callback_cases import Listener, since_1_9
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
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
from step_cases import (
    CONTAINERS,
    LENGTHS,
    SelectFirst,
    assert_container,
    contain,
    example,
    named,
    names_of,
    random_list,
)

from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences

X = random_list()


class Doubling(TransformerMixin, BaseEstimator):
    """It has the tags that it is given, and remembers how it was called."""

    def __init__(self, tags=None):
        self.tags = tags

    def fit(self, X, y=None):
        self.called_ = ["fit"]
        return self

    def transform(self, X):
        self.called_.append("transform")
        return 2 * X

    def __sklearn_tags__(self):
        return super().__sklearn_tags__() if self.tags is None else self.tags


class Bare(BaseEstimator):
    """No TransformerMixin: neither fit_transform nor tags of a transformer."""

    def fit(self, X, y=None):
        self.n_fits_ = 1
        return self

    def transform(self, X):
        return 2 * X


TAGS = [
    ("input_tags", "allow_nan"),
    ("input_tags", "positive_only"),
    ("target_tags", "required"),
    (None, "non_deterministic"),
]


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("group, tag", TAGS)
def test_tags_are_those_of_the_transformer(group, tag, value):
    inner = copy.deepcopy(get_tags(Doubling()))
    setattr(inner if group is None else getattr(inner, group), tag, value)
    tags = get_tags(TimeDistributed(Doubling(inner)))
    others = get_tags(TimeDistributed(Doubling()))
    assert getattr(tags if group is None else getattr(tags, group), tag) is value
    # and that one alone
    setattr(others if group is None else getattr(others, group), tag, value)
    assert tags == others


@pytest.mark.parametrize("preserves", [[], ["float32"], ["float64", "float32"]])
def test_dtypes_that_are_preserved(preserves):
    inner = copy.deepcopy(get_tags(Doubling()))
    inner.transformer_tags.preserves_dtype = preserves
    tags = get_tags(TimeDistributed(Doubling(inner)))
    assert tags.transformer_tags.preserves_dtype == preserves


@pytest.mark.parametrize("inner", [None, "passthrough", 3, Bare()])
def test_tags_where_the_transformer_has_none(inner):
    tags = get_tags(TimeDistributed(inner))
    assert tags.input_tags.three_d_array and not tags.input_tags.sparse
    assert tags.transformer_tags.preserves_dtype == ["float64"]


def test_sparse_input_is_none_of_ours():
    inner = copy.deepcopy(get_tags(Doubling()))
    inner.input_tags.sparse = True
    assert not get_tags(TimeDistributed(Doubling(inner))).input_tags.sparse


def test_parameters_are_those_of_the_transformer_too():
    model = TimeDistributed(PCA(2))
    assert model.get_params(deep=False) == {"transformer": model.transformer}
    assert model.get_params()["transformer__n_components"] == 2
    model.set_params(transformer__n_components=1).fit(X)
    assert model.transformer_.n_components_ == 1
    assert not hasattr(model.transformer, "n_components_")


def test_fit_and_transform_where_there_is_no_fit_transform():
    for got, x in zip(TimeDistributed(Bare()).fit_transform(X), X, strict=True):
        assert_array_equal(got, 2 * x)


def test_fit_does_not_transform():
    model = TimeDistributed(Doubling()).fit(X)
    assert model.transformer_.called_ == ["fit"]
    model.transform(X)
    model.fit_transform(X)
    assert model.transformer_.called_ == ["fit", "transform"]


@pytest.mark.parametrize("y", [None, np.arange(6)])
def test_targets_are_of_sequences(y):
    class Remembers(Doubling):
        def fit(self, X, y=None):
            self.y_ = y
            return super().fit(X)

    got = TimeDistributed(Remembers()).fit(X, y).transformer_.y_
    expected = None if y is None else np.repeat(y, [len(x) for x in X])
    assert_array_equal(got, expected)


@since_1_9
@pytest.mark.parametrize("weight", [None, np.arange(6) % 4])
def test_the_fit_of_the_transformer_is_a_task_that_gets_steps(weight):
    y, lengths = np.arange(6), [len(x) for x in X]
    listener = Listener()
    TimeDistributed(StandardScaler()).set_callbacks(listener).fit(X, y, weight)
    for hook in ("begin", "end"):
        (given,) = listener.given(hook, "fit-transformer")
        assert_array_equal(given["X"], np.vstack(X))
        assert_array_equal(given["y"], np.repeat(y, lengths))
        if weight is None:
            assert given["metadata"] is None
        else:
            got = given["metadata"]["sample_weight"]
            assert_array_equal(got, np.repeat(weight, lengths))


# ---- against loops over steps ----------------------------------------------------


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


@pytest.mark.parametrize("kind", [list, tuple, np.array, "".join])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_transcripts_belong_to_no_step(kind, method):
    """Nor do they hinder the scaling in front of a transcriber."""
    X = random_list([4, 0, 3, 7, 2])
    y = [kind(list(labels)) for labels in ("ab", "", "abc", "a", "b")]
    expected = TimeDistributed(StandardScaler()).fit(X)
    scaler = TimeDistributed(StandardScaler())
    getattr(scaler, method)(X, y)
    assert_array_equal(scaler.transformer_.mean_, expected.transformer_.mean_)
    if kind != "".join:
        with pytest.raises(ValueError, match=r"y has 2 for sample 0, which has 4 step"):
            getattr(TimeDistributed(SelectKBest(k=1)), method)(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        getattr(scaler, method)(X, y[1:])


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


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_is_that_of_the_transformer(weighted):
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((n, 2)) for n in (3, 5, 2, 4)]
    weight = [1.0, 2.0, 0.5, 3.0] if weighted else None
    scaler, by_hand = TimeDistributed(StandardScaler()), StandardScaler()
    for part in (slice(0, 1), slice(1, 4)):
        own = None if weight is None else weight[part]
        assert scaler.partial_fit(X[part], sample_weight=own) is scaler
        steps = None if own is None else np.repeat(own, [len(x) for x in X[part]])
        by_hand.partial_fit(np.concatenate(X[part]), sample_weight=steps)
    assert_array_equal(scaler.transformer_.mean_, by_hand.mean_)
    assert_array_equal(scaler.transformer_.var_, by_hand.var_)
    assert_array_equal(scaler.transform(X)[1], by_hand.transform(X[1]))
    before = scaler.transformer_
    with pytest.raises(ValueError, match="X has 3 features"):
        scaler.partial_fit([np.ones((2, 3))])
    with pytest.raises(ValueError, match="infinity"):
        scaler.partial_fit([np.full((2, 2), np.inf)])
    assert scaler.transformer_ is before
    assert_array_equal(scaler.fit(X[:1]).transformer_.mean_, X[0].mean(axis=0))


def test_partial_fit_of_frames():
    frames = [pd.DataFrame({"a": [1.0, 3.0], "b": ["x", "y"]})] * 2
    encoder = ColumnTransformer([("a", StandardScaler(), ["a"])])
    assert not hasattr(TimeDistributed(encoder), "partial_fit")
    scaler = TimeDistributed(StandardScaler()).partial_fit([f[["a"]] for f in frames])
    scaler.partial_fit([f[["a"]] * 2 for f in frames])
    assert scaler.transformer_.mean_.tolist() == [3.0]
    assert scaler.feature_names_in_.tolist() == ["a"]
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.partial_fit([f[["a"]].rename(columns={"a": "z"}) for f in frames])
