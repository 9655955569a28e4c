"""set_output of TimeDistributed and FrameStacker: names, tables, pipelines."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import (
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
)
from step_cases import (
    CONTAINERS,
    SelectFirst,
    assert_container,
    example,
    named,
    names_of,
    random_list,
    tables_to_tables,
)

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences


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
