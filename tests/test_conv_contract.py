"""scikit-learn's checks and ours, of estimators that read clips and no matrices."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator,
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
)
from sklearn.utils.validation import check_is_fitted

from sklstm import ConvLSTMClassifier, ConvLSTMForecaster, ConvLSTMRegressor
from sklstm.sequences import check_sequences
from sklstm.utils import check_sequence_estimator, parametrize_with_sequence_checks

PUBLIC = [ConvLSTMClassifier, ConvLSTMForecaster, ConvLSTMRegressor]
WITHOUT_DATA = [
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
]


@pytest.mark.parametrize("Estimator", PUBLIC)
@pytest.mark.parametrize("check", WITHOUT_DATA)
def test_checks_of_scikit_learn(Estimator, check):
    """Those that need no data."""
    check(Estimator.__name__, Estimator())


@pytest.mark.parametrize("Estimator", PUBLIC)
def test_check_estimator_has_no_clips(Estimator):
    """It knows by the tags that matrices are none, and says so."""
    tags = get_tags(Estimator()).input_tags
    assert not tags.two_d_array and not tags.three_d_array
    with pytest.warns(SkipTestWarning, match="Can't test estimator"):
        results = check_estimator(Estimator(), on_fail=None, on_skip=None)
    assert {result["status"] for result in results} == {"passed"}
    with pytest.raises(AssertionError, match="three_d_array must be True"):
        check_sequence_estimator(Estimator())


# ---- our own contract, of clips that are made of sequences ---------------------------


class OfFrames(BaseEstimator):
    """A network of clips as an estimator of sequences: the features of a step are the
    pixels of a frame of one row."""

    _makes = None

    def __init__(self, pooling="last", bidirectional=False, dtype="float32",
                 missing="error", random_state=None, max_iter=5):  # fmt: skip
        self.pooling = pooling
        self.bidirectional = bidirectional
        self.dtype = dtype
        self.missing = missing
        self.random_state = random_state
        self.max_iter = max_iter

    def clips(self, X):
        X = check_sequences(X, allow_nan=self.missing != "error")
        if hasattr(self, "n_features_in_") and X.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {X.n_features} features, not {self.n_features_in_}"
            )
        return [x[:, np.newaxis, :, np.newaxis] for x in X], X.n_features

    def fit(self, X, y, sample_weight=None):
        vars(self).pop("n_features_in_", None)
        clips, n_features = self.clips(X)
        model = self._makes((4,), space_pooling="max", **self.get_params())
        self.model_ = model.fit(clips, y, sample_weight)
        self.n_features_in_ = n_features
        return self

    def _ask(self, method, X):
        check_is_fitted(self, "model_")
        return getattr(self.model_, method)(self.clips(X)[0])

    def predict(self, X):
        return self._ask("predict", X)

    def transform(self, X):
        return self._ask("transform", X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags


class ClassifierOfFrames(ClassifierMixin, OfFrames):
    _makes = ConvLSTMClassifier

    def predict_proba(self, X):
        return self._ask("predict_proba", X)

    def decision_function(self, X):
        return self._ask("decision_function", X)


class RegressorOfFrames(RegressorMixin, OfFrames):
    _makes = ConvLSTMRegressor


OURS = [
    ClassifierOfFrames(),
    ClassifierOfFrames(pooling="attention", bidirectional=True),
    RegressorOfFrames(dtype="float64", missing="ffill"),
    RegressorOfFrames(pooling="mean"),
]


@parametrize_with_sequence_checks(OURS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_contract(estimator, check):
    check(estimator)
