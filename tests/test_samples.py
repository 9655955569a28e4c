"""Samples set aside for early stopping by groups, on their own and through routing."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._targets.labels import Labels
from sklstm._targets.numbers import Numbers
from sklstm._training.samples import Samples
from sklstm.preprocessing import TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")
every_estimator = pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])

N = 48
RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2), np.float32) for T in RNG.integers(1, 6, size=N)]
GROUPS = RNG.permutation(np.repeat(np.arange(8), 6))
NUMBERS = np.arange(N) / N
LABELS = np.arange(N) % 3


def small(Estimator, **params):
    params = {
        "max_iter": 2, "random_state": 0, "early_stopping": True,
        "validation_fraction": 0.25, **params,
    }  # fmt: skip
    return Estimator(4, **params)


def target(Estimator):
    return LABELS if is_classifier(Estimator()) else NUMBERS


@pytest.fixture
def splits(monkeypatch):
    """The parts of every split, as the indices of their sequences in X."""
    seen, split = [], Samples.split
    place = {x.tobytes(): i for i, x in enumerate(X)}

    def recording(self, *args):
        parts = split(self, *args)
        seen.append([np.array([place[x.tobytes()] for x in p.X]) for p in parts])
        return parts

    monkeypatch.setattr(Samples, "split", recording)
    return seen


def assert_whole_groups(training, held_out):
    """No group is on both sides."""
    assert len(training) and len(held_out)
    assert not set(training) & set(held_out)
    assert not set(GROUPS[training]) & set(GROUPS[held_out])


# ---- the split ---------------------------------------------------------------------


@every_estimator
@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_both_sides(Estimator, seed, splits):
    """That of GroupShuffleSplit; without groups they are torn apart."""
    model = small(Estimator, random_state=seed)
    model.fit(X, target(Estimator), groups=GROUPS)
    ((training, held_out),) = splits
    assert_whole_groups(training, held_out)
    assert len(set(GROUPS[held_out])) == 2 and len(training) + len(held_out) == N
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=seed)
    expected = next(splitter.split(X, groups=GROUPS))
    assert_array_equal(training, expected[0])
    assert_array_equal(held_out, expected[1])
    assert model.t_ == 2 * len(training)
    model.fit(X, target(Estimator))
    training, held_out = splits[-1]
    assert set(GROUPS[training]) & set(GROUPS[held_out])


@every_estimator
@pytest.mark.parametrize(
    "form",
    [
        list,
        lambda g: g.astype(float),
        lambda g: g.astype(str),
        lambda g: g.astype(str).astype(object),
        lambda g: pd.Series(g, index=np.arange(N) + 100),
        lambda g: pd.Series(g).map(str),
        lambda g: g % 2 == 0,
    ],
)
def test_labels_of_any_type(Estimator, form, splits):
    small(Estimator).fit(X, target(Estimator), groups=form(GROUPS))
    labels = np.asarray(form(GROUPS))
    training, held_out = splits[-1]
    assert len(training) and len(held_out)
    assert not set(labels[training]) & set(labels[held_out])


@every_estimator
def test_groups_of_weight_zero_are_not_there(Estimator, splits):
    y, weight = target(Estimator), np.where(GROUPS < 4, 0.0, 1 + np.arange(N) % 2)
    small(Estimator).fit(X, y, weight, groups=GROUPS)
    training, held_out = splits[-1]
    assert_whole_groups(training, held_out)
    assert set(GROUPS[training]) | set(GROUPS[held_out]) == {4, 5, 6, 7}
    assert len(set(GROUPS[held_out])) == 1
    with pytest.raises(ValueError, match="all samples are of one group, groups=7"):
        small(Estimator).fit(X, y, GROUPS == 7, groups=GROUPS)


@every_estimator
def test_weights_follow_their_samples(Estimator, monkeypatch):
    seen = []
    for cls in (Labels, Numbers):

        def recording(self, y, sample_weight, make=cls.scorer):
            seen.append((y, sample_weight))
            return make(self, y, sample_weight)

        monkeypatch.setattr(cls, "scorer", recording)
    y, weight = target(Estimator), 1.0 + np.arange(N)
    small(Estimator).fit(X, y, weight, groups=GROUPS)
    ((y_val, weight_val),) = seen
    at = weight_val.astype(int) - 1
    assert_array_equal(y[at], y_val)
    assert len(set(GROUPS[at])) == 2 and len(at) == 12


@every_estimator
def test_same_seed_same_bits(Estimator):
    y = target(Estimator)
    a, b = (small(Estimator).fit(X, y, groups=GROUPS) for _ in range(2))
    assert_array_equal(a.weights_["head_weight"], b.weights_["head_weight"])
    assert a.validation_scores_ == b.validation_scores_


# ---- metadata routing --------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def piped(Estimator, request):
    model = small(Estimator).set_fit_request(groups=request)
    return make_pipeline(TimeDistributed(StandardScaler(with_mean=False)), model)


@every_estimator
def test_in_a_pipeline(Estimator, routing, monkeypatch):
    got = []
    split = Samples.split

    def recording(self, *args):
        got.append(self.groups)
        return split(self, *args)

    monkeypatch.setattr(Samples, "split", recording)
    y = target(Estimator)
    model = piped(Estimator, True).fit(X, y, groups=GROUPS)
    assert_array_equal(got[-1], GROUPS)
    scaled = model[0].transform(X)
    alone = small(Estimator).fit(scaled, y, groups=GROUPS)
    assert_array_equal(model[-1].weights_["head_weight"], alone.weights_["head_weight"])
    with pytest.raises(TypeError, match="groups"):
        piped(Estimator, False).fit(X, y, groups=GROUPS)


@every_estimator
def test_in_cross_validation(Estimator, routing, splits):
    """Groups of the folds and, inside of a fold, of the split: nothing leaks."""
    y, folds = target(Estimator), GroupKFold(4)
    cross_validate(
        small(Estimator).set_fit_request(groups=True), X, y, cv=folds,
        params={"groups": GROUPS}, error_score="raise",
    )  # fmt: skip
    assert len(splits) == 4
    expected = folds.split(X, y, GROUPS)
    for (training, held_out), (train, test) in zip(splits, expected, strict=True):
        assert_whole_groups(training, held_out)
        assert set(training) | set(held_out) == set(train)
        assert not set(GROUPS[test]) & set(GROUPS[train])


@every_estimator
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_in_a_search(Estimator, in_pipeline, routing, monkeypatch):
    got = []
    split = Samples.split

    def recording(self, *args):
        parts = split(self, *args)
        got.append([set(part.groups) for part in parts])
        return parts

    monkeypatch.setattr(Samples, "split", recording)
    model, name = small(Estimator).set_fit_request(groups=True), "alpha"
    if in_pipeline:
        model, name = piped(Estimator, True), f"{Estimator.__name__.lower()}__alpha"
    search = GridSearchCV(
        model, {name: [0.0, 0.1]}, cv=GroupKFold(4), error_score="raise"
    )
    search.fit(X, target(Estimator), groups=GROUPS)
    assert len(got) == 2 * 4 + 1
    assert all(not training & held_out for training, held_out in got)
    assert [len(training | held_out) for training, held_out in got] == [6] * 8 + [8]


@every_estimator
def test_the_splitter_alone_may_have_them(Estimator, routing):
    """It has to be said whether `fit` wants groups; if not, only the splitter has."""
    y, plain = target(Estimator), small(Estimator, early_stopping=False)
    arguments = {"cv": GroupKFold(4), "params": {"groups": GROUPS}}
    with pytest.raises(UnsetMetadataPassedError, match="groups"):
        cross_validate(plain, X, y, **arguments)
    model = plain.set_fit_request(groups=False)
    routed = cross_validate(model, X, y, **arguments, error_score="raise")
    expected = [
        small(Estimator, early_stopping=False)
        .fit([X[i] for i in train], y[train])
        .score([X[i] for i in test], y[test])
        for train, test in GroupKFold(4).split(X, y, GROUPS)
    ]
    assert_array_equal(routed["test_score"], expected)


@every_estimator
def test_groups_that_nobody_uses_are_an_error_in_a_search(Estimator, routing):
    model = small(Estimator, early_stopping=False).set_fit_request(groups=True)
    with pytest.raises(ValueError, match=r"set_fit_request\(groups=False\)"):
        cross_validate(
            model, X, target(Estimator), cv=GroupKFold(4), params={"groups": GROUPS},
            error_score="raise",
        )  # fmt: skip
