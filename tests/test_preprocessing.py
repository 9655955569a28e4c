"""TimeDistributed and FrameStacker as scikit-learn's estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)
from step_cases import CONTAINERS, contain, random_list, tables_to_tables

from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import check_sequences


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
