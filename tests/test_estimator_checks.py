"""The public contract suite: what keeps it passes, what breaks one rule fails there."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import EstimatorCheckFailedWarning, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_info

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    LSTMStepRegressor,
    LSTMTagger,
    RNNClassifier,
    RNNRegressor,
)
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import check_sequences
from sklstm.utils import check_sequence_estimator, parametrize_with_sequence_checks
from sklstm.utils._estimator_checks import CHECKS


class NearestMean(ClassifierMixin, BaseEstimator):
    """The class whose sequences have the nearest mean: somebody else's estimator."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def features(self, X):
        """Means (n, F), the sums of each sequence in one order."""
        return np.array([x.sum(axis=0) / max(len(x), 1) for x in X])

    def check(self, X):
        return check_sequences(X)

    def fit(self, X, y, sample_weight=None):
        X = self.check(X)
        if len(X) != len(y):
            raise ValueError(f"{len(X)} sequences, {len(y)} targets")
        features = self.features(X)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.unique(y)
        self.means_ = np.array(
            [
                np.average(features[y == c], axis=0, weights=weight[y == c])
                for c in self.classes_
            ]
        )
        self.n_features_in_ = self.means_.shape[1]
        return self

    def predict_proba(self, X):
        check_is_fitted(self, "means_")
        X = self.check(X)
        if X.shape[2] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[2]} features, expecting {self.n_features_in_}"
            )
        gap = self.features(X)[:, None] - self.means_
        near = 1 / (1 + (gap**2).sum(axis=2))
        return near / near.sum(axis=1, keepdims=True)

    def predict(self, X):
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


OURS = [
    LSTMClassifier(),
    GRUClassifier(hidden_layer_sizes=(5, 4), bidirectional=True, pooling="attention"),
    RNNClassifier(hidden_layer_sizes=7, dropout=0.3, recurrent_dropout=0.2),
    LSTMRegressor(missing="indicator", dtype="float64"),
    GRURegressor(hidden_layer_sizes=(6,), solver="lbfgs", pooling="max"),
    RNNRegressor(hidden_layer_sizes=5, activation="relu", tbptt=3),
    TimeDistributed(StandardScaler()),
    FrameStacker(2),
    make_pipeline(TimeDistributed(StandardScaler()), GRUClassifier(4)),
    LSTMTagger(),
    LSTMTagger(hidden_layer_sizes=(5, 4), cell="gru", crf=False, bidirectional=False),
    LSTMStepRegressor(missing="indicator", dtype="float64"),
    LSTMStepRegressor(hidden_layer_sizes=6, cell="rnn_tanh", solver="lbfgs"),
    make_pipeline(TimeDistributed(StandardScaler()), LSTMTagger(4)),
]


@parametrize_with_sequence_checks([*OURS, NearestMean()])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_contract(estimator, check):
    check(estimator)


class NoTag(NearestMean):
    def __sklearn_tags__(self):
        return super(NearestMean, self).__sklearn_tags__()


class EqualLengthsOnly(NearestMean):
    def check(self, X):
        return check_sequences(np.asarray(X, dtype=float))


class ReturnsNothing(NearestMean):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)


class ChangesAParameter(NearestMean):
    def fit(self, X, y, sample_weight=None):
        self.random_state = 17
        return super().fit(X, y, sample_weight)


class CountsSteps(NearestMean):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.n_features_in_ = self.check(X).shape[1]
        return self


class ReadsPadding(NearestMean):
    def check(self, X):
        X = np.nan_to_num(X) if isinstance(X, np.ndarray) and X.ndim == 3 else X
        return super().check(X)


class RowsAreSteps(NearestMean):
    def check(self, X):
        X = X[:, None] if isinstance(X, np.ndarray) and X.ndim == 2 else X
        return super().check(X)


class LooksAtNeighbours(NearestMean):
    def predict_proba(self, X):
        probabilities = super().predict_proba(X)
        return probabilities + 1e-15 * len(X)


class Unseeded(NearestMean):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.means_ += (
            1e-9 * np.random.default_rng().standard_normal(3)[: len(self.means_[0])]
        )
        return self


class CountsThreads(NearestMean):
    def features(self, X):
        n_threads = max(pool["num_threads"] for pool in threadpool_info())
        return super().features(X) + 1e-9 * n_threads


class NeedsSteps(NearestMean):
    def features(self, X):
        return np.array([x.sum(axis=0) / np.float64(len(x)) for x in X])


class WritesToX(NearestMean):
    def features(self, X):
        features = super().features(X)
        X._data[:] = 0
        return features


class HoldsAFunction(NearestMean):
    def fit(self, X, y, sample_weight=None):
        self.function_ = lambda: None
        return super().fit(X, y, sample_weight)


class NeverUnfitted(NearestMean):
    def predict_proba(self, X):
        if not hasattr(self, "means_"):
            raise ValueError("fit first")
        return super().predict_proba(X)


class MuteAboutValues(NearestMean):
    def check(self, X):
        try:
            return super().check(X)
        except ValueError as error:
            raise ValueError("X is no good") from error


class TakesAnyFeatures(NearestMean):
    def predict_proba(self, X):
        X = [x[:, : self.n_features_in_] for x in self.check(X)]
        return super().predict_proba(X)


class HalfFitted(NearestMean):
    def fit(self, X, y, sample_weight=None):
        self.__dict__.pop("means_", None)
        return super().fit(X, y, sample_weight)


class IgnoresWeights(NearestMean):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


class NoScore(NearestMean):
    def score(self, X, y, sample_weight=None):
        return np.nan


class NeverFitted(NearestMean):
    """It predicts, but a pipeline asks before."""

    def __sklearn_is_fitted__(self):
        return False


@pytest.mark.parametrize(
    "Estimator, check",
    [
        (NoTag, "check_sequence_tags"),
        (EqualLengthsOnly, "check_ragged_list"),
        (ReturnsNothing, "check_fit_returns_self"),
        (ChangesAParameter, "check_fit_returns_self"),
        (CountsSteps, "check_n_features_in"),
        (ReadsPadding, "check_forms_of_sequences"),
        (RowsAreSteps, "check_univariate_matrix"),
        (LooksAtNeighbours, "check_neighbours"),
        (Unseeded, "check_repeated_fit"),
        (CountsThreads, "check_number_of_threads"),
        (NeedsSteps, "check_sequences_of_no_steps"),
        (WritesToX, "check_data_unchanged"),
        (HoldsAFunction, "check_pickle_and_clone"),
        (NeverUnfitted, "check_not_fitted"),
        (MuteAboutValues, "check_bad_values"),
        (MuteAboutValues, "check_bad_shapes"),
        (TakesAnyFeatures, "check_bad_shapes"),
        (HalfFitted, "check_failed_fit"),
        (IgnoresWeights, "check_sample_weight"),
        (NoScore, "check_model_selection"),
        (NeverFitted, "check_pipeline"),
    ],
)
def test_what_breaks_a_rule(Estimator, check):
    results = check_sequence_estimator(Estimator(), on_fail=None)
    status = {result["check_name"]: result["status"] for result in results}
    assert status[check] == "failed"
    assert list(status) == [check.__name__ for check in CHECKS]


def test_first_failure_is_raised():
    with pytest.raises(AssertionError, match=r"three_d_array must be True"):
        check_sequence_estimator(NoTag())


def test_expected_failures():
    known = {"check_sequence_tags": "no tags yet"}
    results = check_sequence_estimator(NoTag(), expected_failed_checks=known)
    (failed,) = (result for result in results if result["status"] != "passed")
    assert failed["status"] == "xfail" and failed["expected_to_fail"]
    assert failed["expected_to_fail_reason"] == "no tags yet"
    mark = parametrize_with_sequence_checks(
        [NoTag()], expected_failed_checks=lambda estimator: known
    )
    marked = [parameter for parameter in mark.args[1] if parameter.marks]
    assert [parameter.values[1].__name__ for parameter in marked] == list(known)
    with pytest.raises(ValueError, match="has check_nothing, which is no check"):
        check_sequence_estimator(
            NoTag(), expected_failed_checks={"check_nothing": "a slip"}
        )


def test_warnings_and_callback():
    seen = []
    with (
        pytest.warns(EstimatorCheckFailedWarning, match="check_sequence_tags"),
        pytest.warns(SkipTestWarning, match="neither a classifier nor a regressor"),
    ):
        results = check_sequence_estimator(
            TimeDistributed(StandardScaler()),
            callback=lambda **result: seen.append(result),
            on_fail=None,
        )
        check_sequence_estimator(NoTag(), on_fail="warn")
    assert seen == results
    assert {result["status"] for result in results} == {"passed", "skipped"}


@pytest.mark.parametrize(
    "options, match",
    [
        ({"on_fail": "shout"}, "on_fail must be 'raise', 'warn' or None, got 'shout'"),
        ({"on_skip": True}, "on_skip must be 'warn' or None, got True"),
        ({"callback": print}, "callback cannot be provided together with"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        check_sequence_estimator(LSTMClassifier(), **options)


def test_a_class_is_no_instance():
    with pytest.raises(TypeError, match=r"got the class NoTag. Use NoTag\(\)"):
        check_sequence_estimator(NoTag)
    with pytest.raises(TypeError, match="got the class NoTag"):
        parametrize_with_sequence_checks([NoTag])
