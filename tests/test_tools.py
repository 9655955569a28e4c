"""scikit-learn's tools around an estimator: searches, ensembles, pipelines."""

import numpy as np
import pytest
from cases import (
    METHODS,
    assert_same_bits,
    assert_same_outputs,
    every_classifier,
    every_estimator,
    every_regressor,
    make_target,
    outputs,
    padded,
    ragged,
    small,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

# Few epochs are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

SEARCH = {"hidden_layer_sizes": [(3,), (4, 3)], "alpha": [0.0, 0.1]}
TOOL_FORMS = {
    "SequenceArray": SequenceArray.from_list,
    "list": list,
    "padded": padded,
}
tool_forms = pytest.mark.parametrize("form", TOOL_FORMS.values(), ids=TOOL_FORMS)


def rows(sequences, indices):
    return [sequences[i] for i in indices]


@pytest.fixture
def sequences():
    return ragged(30, seed=8)


@every_estimator
@tool_forms
def test_grid_search(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    scoring = "neg_log_loss" if is_classifier(Estimator()) else "neg_mean_squared_error"
    cv = KFold(3)
    search = GridSearchCV(small(Estimator), SEARCH, scoring=scoring, cv=cv).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_).fit(sequences, y)
    assert_same_outputs(outputs(search, X), outputs(best, sequences))
    assert search.score(X, y) == search.scorer_(best, sequences, y)


@every_estimator
def test_grid_search_in_processes(Estimator, sequences):
    X, y = SequenceArray.from_list(sequences), make_target(Estimator, sequences)
    alone, together = (
        GridSearchCV(small(Estimator), {"alpha": [0.0, 0.1]}, cv=2, n_jobs=n).fit(X, y)
        for n in (1, 2)
    )
    assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )
    assert_same_bits(alone.best_estimator_, together.best_estimator_)


@every_estimator
@tool_forms
def test_other_searches(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    for search in (
        RandomizedSearchCV(small(Estimator), SEARCH, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(
            small(Estimator), SEARCH, cv=2, min_resources=10, random_state=0
        ),
    ):
        search.fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert_same_outputs(
            outputs(search, X), outputs(search.best_estimator_, sequences)
        )
    assert search.n_resources_ == [10, 30]


@every_estimator
@tool_forms
def test_cross_validation(Estimator, form, sequences):
    """Every fold is what a loop over the folds gives."""
    X, y = form(sequences), make_target(Estimator, sequences)
    folds = list(KFold(3, shuffle=True, random_state=0).split(y))
    scores = cross_val_score(small(Estimator), X, y, cv=folds)
    predicted = cross_val_predict(small(Estimator), X, y, cv=folds)
    weight = np.arange(30.0) % 4
    weighted = cross_validate(
        small(Estimator), X, y, cv=folds, params={"sample_weight": weight}
    )
    for k, (train, test) in enumerate(folds):
        X_train, X_test = rows(sequences, train), rows(sequences, test)
        estimator = small(Estimator).fit(X_train, y[train])
        assert scores[k] == estimator.score(X_test, y[test])
        assert_array_equal(predicted[test], estimator.predict(X_test))
        estimator.fit(X_train, y[train], sample_weight=weight[train])
        assert weighted["test_score"][k] == estimator.score(X_test, y[test])


@every_classifier
@tool_forms
@pytest.mark.parametrize("method", METHODS[1:])
def test_cross_val_predict(Classifier, form, method, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    folds = list(StratifiedKFold(3).split(y, y))
    got = cross_val_predict(small(Classifier), X, y, cv=folds, method=method)
    for train, test in folds:
        estimator = small(Classifier).fit(rows(sequences, train), y[train])
        expected = getattr(estimator, method)(rows(sequences, test))
        assert_array_equal(got[test], expected)


@every_estimator
@tool_forms
def test_group_k_fold(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    groups = np.repeat(np.arange(6), 5)
    scores = cross_val_score(small(Estimator), X, y, groups=groups, cv=GroupKFold(3))
    folds = GroupKFold(3).split(X, y, groups)
    for score, (train, test) in zip(scores, folds, strict=True):
        assert not set(groups[train]) & set(groups[test])
        estimator = small(Estimator).fit(rows(sequences, train), y[train])
        assert score == estimator.score(rows(sequences, test), y[test])


@pytest.mark.filterwarnings("ignore:The first call of partial_fit has")
@every_estimator
@tool_forms
@pytest.mark.parametrize("incremental", [False, True])
def test_learning_curve(Estimator, form, incremental, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    sizes, train_scores, test_scores = learning_curve(
        small(Estimator), X, y, cv=KFold(2, shuffle=True, random_state=0),
        train_sizes=[0.5, 1.0], exploit_incremental_learning=incremental,
    )  # fmt: skip
    assert_array_equal(sizes, [7, 15])
    assert np.isfinite(train_scores).all() and np.isfinite(test_scores).all()
    assert test_scores.shape == (2, 2)


@every_estimator
@tool_forms
def test_validation_curve_and_permutations(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    train_scores, _ = validation_curve(
        small(Estimator), X, y, cv=2, param_name="alpha", param_range=[0, 1]
    )
    assert np.isfinite(train_scores).all()
    score, permuted, _ = permutation_test_score(
        small(Estimator), X, y, cv=2, n_permutations=2
    )
    assert np.isfinite([score, *permuted]).all()


@every_estimator
@tool_forms
def test_stacking(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    members = [("a", small(Estimator)), ("b", small(Estimator, random_state=1))]
    if is_classifier(Estimator()):
        model = StackingClassifier(members, LogisticRegression(), cv=2)
    else:
        model = StackingRegressor(members, Ridge(), cv=2)
    model.fit(X, y)
    assert model.predict(X).shape == y.shape
    assert np.isfinite(model.transform(X)).all()
    assert_array_equal(
        outputs(model.estimators_[1], X)["predict"],
        small(Estimator, random_state=1).fit(sequences, y).predict(sequences),
    )


@every_estimator
@tool_forms
def test_voting(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    members = [("a", small(Estimator)), ("b", small(Estimator, random_state=1))]
    a, b = (clone(member).fit(sequences, y) for _, member in members)
    if is_classifier(Estimator()):
        model = VotingClassifier(members, voting="soft").fit(X, y)
        expected = (a.predict_proba(sequences) + b.predict_proba(sequences)) / 2
        assert_allclose(model.predict_proba(X), expected)
        VotingClassifier(members, voting="hard").fit(X, y).predict(X)
    else:
        model = VotingRegressor(members).fit(X, y)
        expected = (a.predict(sequences) + b.predict(sequences)) / 2
        assert_allclose(model.predict(X), expected)


@every_classifier
@tool_forms
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("ensemble", [False, True])
def test_calibration(Classifier, form, method, ensemble, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    model = CalibratedClassifierCV(
        small(Classifier), method=method, cv=2, ensemble=ensemble
    ).fit(X, y)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.predict(X).shape == y.shape


@every_classifier
@tool_forms
def test_one_vs_rest(Classifier, form, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    model = OneVsRestClassifier(small(Classifier)).fit(X, y)
    for k, estimator in enumerate(model.estimators_):
        expected = small(Classifier).fit(sequences, (y == k).astype(int))
        assert_same_outputs(outputs(estimator, X), outputs(expected, sequences))
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.predict(X).shape == y.shape


@every_classifier
@tool_forms
def test_thresholds(Classifier, form, sequences):
    X, y = form(sequences), make_target(Classifier, sequences, n_classes=2)
    model = TunedThresholdClassifierCV(
        small(Classifier), scoring="f1", cv=2, thresholds=11
    ).fit(X, y)
    assert 0 <= model.best_threshold_ <= 1
    expected = small(Classifier).fit(sequences, y).predict_proba(sequences)[:, 1]
    assert_array_equal(model.predict(X), expected >= model.best_threshold_)
    fixed = FixedThresholdClassifier(
        small(Classifier), threshold=0.4, response_method="predict_proba"
    ).fit(X, y)
    assert_array_equal(fixed.predict(X), expected >= 0.4)


@every_estimator
@tool_forms
def test_one_estimator_for_each_output(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    Wrapper = (
        MultiOutputClassifier if is_classifier(Estimator()) else MultiOutputRegressor
    )
    model = Wrapper(small(Estimator)).fit(X, np.c_[y, y[::-1]])
    expected = small(Estimator).fit(sequences, y[::-1]).predict(sequences)
    assert_array_equal(model.predict(X)[:, 1], expected)


@every_regressor
@tool_forms
def test_transformed_target(Regressor, form, sequences):
    X, y = form(sequences), make_target(Regressor, sequences)
    model = TransformedTargetRegressor(
        small(Regressor, dtype="float64"), transformer=StandardScaler()
    ).fit(X, y)
    plain = small(Regressor, dtype="float64").fit(sequences, y)
    assert_allclose(model.predict(X), plain.predict(sequences), rtol=1e-5)
    y = 1.0 + np.arange(30)
    model = TransformedTargetRegressor(
        small(Regressor), func=np.log, inverse_func=np.exp
    ).fit(X, y)
    expected = np.exp(small(Regressor).fit(sequences, np.log(y)).predict(sequences))
    assert_allclose(model.predict(X), expected)


@every_estimator
@tool_forms
def test_pipeline(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    name = Estimator.__name__.lower()
    model = make_pipeline(
        TimeDistributed(StandardScaler()), FrameStacker(2), small(Estimator)
    )
    search = GridSearchCV(
        model,
        {
            f"{name}__hidden_layer_sizes": [(3,), (4,)],
            "framestacker__n_frames": [1, 3],
            "timedistributed__transformer__with_mean": [True, False],
        },
        cv=KFold(2, shuffle=True, random_state=0),
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_)
    assert_same_outputs(outputs(search, X), outputs(best.fit(sequences, y), sequences))
    # step by step
    model.fit(X, y)
    scaled = TimeDistributed(StandardScaler()).fit_transform(sequences)
    stacked = FrameStacker(2).fit_transform(scaled)
    expected = small(Estimator).fit(stacked, y)
    assert_array_equal(model.predict(X), expected.predict(stacked))
    assert model[-1].n_features_in_ == 6
    weight = np.arange(30.0)
    model.fit(X, y, **{f"{name}__sample_weight": weight})
    assert_array_equal(
        model.predict(X), expected.fit(stacked, y, weight).predict(stacked)
    )


def test_clone_inside_of_tools_is_unfitted(sequences):
    """Tools fit clones: the estimator given to them stays as it was."""
    estimator = small(LSTMClassifier)
    cross_val_score(estimator, sequences, np.arange(30) % 3, cv=2)
    assert vars(estimator).keys() == estimator.get_params().keys()
