"""The public contract suite, of estimators with a target at every step."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMStepRegressor, LSTMTagger
from sklstm.sequences import check_sequences
from sklstm.utils import check_sequence_estimator
from sklstm.utils._estimator_checks import CHECKS


class StepByStep(BaseEstimator):
    """The labels or numbers of steps by the sign of what is summed up to them: somebody
    else's estimators."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def check(self, X):
        return check_sequences(X)

    def check_y(self, X, y):
        if len(X) != len(y):
            raise ValueError(f"{len(X)} sequences, {len(y)} targets")
        for i, (x, steps) in enumerate(zip(X, y)):
            if len(x) != len(steps):
                raise ValueError(f"Sample {i}: {len(x)} steps, {len(steps)} targets")
        return [list(steps) for steps in y]

    def known(self, value):
        return value is not None

    def side(self, x):
        return (x[:, 0].cumsum() > 0).astype(int)

    def fit(self, X, y, sample_weight=None):
        X = self.check(X)
        y = self.check_y(X, y)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        pairs = [
            (side, value, w)
            for x, steps, w in zip(X, y, weight)
            for side, value in zip(self.side(x), steps)
            if self.known(value)
        ]
        self.answers_ = self.answers(pairs)
        self.n_features_in_ = X.shape[2]
        return self

    def predict(self, X):
        check_is_fitted(self, "answers_")
        X = self.check(X)
        if X.shape[2] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[2]} features, not {self.n_features_in_}")
        parts = np.empty(len(X), dtype=object)
        for i, x in enumerate(X):
            parts[i] = self.decode(x)
        return parts

    def decode(self, x):
        return [self.answers_[side] for side in self.side(x)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


class Tagger(StepByStep):
    def answers(self, pairs):
        if not all(isinstance(label, str) for _, label, _ in pairs):
            raise ValueError("labels are text")
        self.classes_ = sorted({label for _, label, _ in pairs})
        self.amounts_ = np.zeros((2, len(self.classes_)))
        for side, label, w in pairs:
            self.amounts_[side, self.classes_.index(label)] += w
        return [self.classes_[k] for k in self.amounts_.argmax(axis=1)]

    def predict_proba(self, X):
        self.predict(X)
        shares = self.amounts_ / self.amounts_.sum(axis=1, keepdims=True)
        return [shares[self.side(x)] for x in self.check(X)]

    def score(self, X, y, sample_weight=None):
        return accuracy_score(np.concatenate(list(y)), np.concatenate(self.predict(X)))


class Numbers(StepByStep):
    def known(self, value):
        return not np.isnan(value)

    def answers(self, pairs):
        sides = [[(v, w) for side, v, w in pairs if side == s] for s in (0, 1)]
        return [sum(v * w for v, w in s) / sum(w for _, w in s) for s in sides]

    def decode(self, x):
        return np.array(super().decode(x), dtype=float)

    def score(self, X, y, sample_weight=None):
        return r2_score(np.concatenate(list(y)), np.concatenate(self.predict(X)))


def statuses(estimator):
    results = check_sequence_estimator(estimator, on_fail=None, on_skip=None)
    assert [result["check_name"] for result in results] == [c.__name__ for c in CHECKS]
    return {result["check_name"]: result for result in results}


@pytest.mark.parametrize("Estimator", [Tagger, Numbers])
def test_contract(Estimator):
    for name, result in statuses(Estimator()).items():
        assert result["status"] == "passed", (name, result["exception"])


class OneStepLess:
    def decode(self, x):
        return super().decode(x)[1:]


class AnyLength:
    def check_y(self, X, y):
        return [list(steps) for steps in y]


class DoesNotSayWhich:
    def check_y(self, X, y):
        try:
            return super().check_y(X, y)
        except ValueError:
            raise ValueError("X and y do not fit") from None


class NeedsAllTargets:
    def fit(self, X, y, sample_weight=None):
        for steps in y:
            for value in steps:
                if not self.known(value):
                    raise ValueError("a step without target")
        return super().fit(X, y, sample_weight)


class MissingIsATarget:
    def fit(self, X, y, sample_weight=None):
        stand_in = "low" if isinstance(self, Tagger) else 1e3
        y = [[v if self.known(v) else stand_in for v in steps] for steps in y]
        return super().fit(X, y, sample_weight)


class OnlyArrays:
    def fit(self, X, y, sample_weight=None):
        if isinstance(y, list):
            raise TypeError("y must be an array")
        return super().fit(X, y, sample_weight)


class WritesToY:
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        for i, steps in enumerate(y):
            if len(steps):
                y[i][0] = y[0][0] if isinstance(self, Tagger) else 0.0
        return self


class LooksAhead:
    def predict(self, X):
        parts = super().predict(X)
        for part, after in zip(parts[:-1], parts[1:]):
            if len(part) and len(after):
                part[0] = after[0]
        return parts


class IgnoresWeights:
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


class NeedsSteps:
    def decode(self, x):
        return super().decode(x) if len(x) else 1 / len(x)


@pytest.mark.parametrize("Kind", [Tagger, Numbers])
@pytest.mark.parametrize(
    "Fault, check, match",
    [
        (OneStepLess, "check_ragged_list", "predict of sequence 0 has . items for"),
        (AnyLength, "check_bad_shapes", "6 targets for a sequence of 7 .*is accepted"),
        (DoesNotSayWhich, "check_bad_shapes", "does not name"),
        (NeedsAllTargets, "check_ragged_list", "a step without target"),
        (MissingIsATarget, "check_ragged_list", "fitted as one that has a target"),
        (OnlyArrays, "check_ragged_list", "y must be an array"),
        (WritesToY, "check_data_unchanged", "y was changed"),
        (LooksAhead, "check_neighbours", "sequence . alone"),
        (IgnoresWeights, "check_sample_weight", "Not equal to tolerance"),
        (NeedsSteps, "check_sequences_of_no_steps", "division by zero"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_breaks_a_rule(Fault, check, match, Kind):
    broken = type(Fault.__name__, (Fault, Kind), {})()
    (check,) = (one for one in CHECKS if one.__name__ == check)
    with pytest.raises(Exception, match=match):
        check(broken)
    check(Kind())


def test_a_search():
    search = GridSearchCV(LSTMTagger(3), {"crf": [False, True]}, cv=2)
    # of scikit-learn, which forgets an earlier fit
    known = {"check_sequence_tags", "check_sample_weight", "check_failed_fit"}
    for name, result in statuses(search).items():
        assert result["status"] == "passed" or name in known, result["exception"]


class Supervised(TransformerMixin, StepByStep):
    """A transformer that needs a number for each sequence."""

    def fit(self, X, y):
        X = self.check(X)
        if len(X) != len(y):
            raise ValueError(f"{len(X)} sequences, {len(y)} targets")
        self.n_features_in_ = X.shape[2]
        self.answers_ = float(np.mean(y)) * 0
        return self

    def transform(self, X):
        check_is_fitted(self, "answers_")
        X = self.check(X)
        if X.shape[2] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[2]} features, not {self.n_features_in_}")
        return np.array([x.sum(axis=0) + self.answers_ for x in X])

    predict = property()


def test_one_number_for_a_sequence():
    """Is what an estimator gets that takes it, whatever else it would take."""
    for name, result in statuses(Supervised()).items():
        assert result["status"] in ("passed", "skipped"), (name, result["exception"])


def test_the_reason_of_a_failed_fit():
    class Never(Tagger):
        def fit(self, X, y):
            raise ValueError(f"no {type(y[0][0]).__name__} today")

    with pytest.raises(ValueError, match="no str today"):
        check_sequence_estimator(Never())


@pytest.mark.parametrize("Estimator", [LSTMTagger, LSTMStepRegressor])
def test_nothing_is_skipped(Estimator):
    results = check_sequence_estimator(Estimator(hidden_layer_sizes=4))
    assert {result["status"] for result in results} == {"passed"}
