"""What every estimator shares: scikit-learn's checks, and the contract of sequences.

A new estimator is one entry in ESTIMATORS.
"""

import copy
import os
import pickle
import subprocess
import sys
from io import BytesIO

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
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
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from sklstm import LSTMClassifier, LSTMRegressor, SequenceArray
from sklstm.kernels import effective_n_threads, supported_instruction_sets
from sklstm.network import network
from sklstm.preprocessing import FrameStacker, TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [LSTMClassifier, LSTMRegressor]
FORMS = ["SequenceArray", "list", "tuple", "object", "padded"]
EQUAL_FORMS = [*FORMS, "3-D"]

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


def small(Estimator, **params):
    params = {"hidden_layer_sizes": (6, 5), "max_iter": 3, "random_state": 0} | params
    return Estimator(**params)


def sequences(lengths=(4, 7, 1, 3, 9, 2, 5, 6, 4, 3, 8, 5) * 2, F=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((T, F)) for T in lengths]


def targets(Estimator, X, n_classes=3):
    """Labels or numbers that the first steps decide."""
    means = np.array([x[:2].mean() if len(x) else 0.0 for x in X])
    if not is_classifier(Estimator()):
        return means
    edges = np.quantile(means, np.linspace(0, 1, n_classes + 1)[1:-1])
    return np.array(["low", "middle", "top"])[np.digitize(means, edges)]


def in_form(X, form):
    """The same sequences in another container."""
    array = SequenceArray.from_list(X)
    if form == "SequenceArray":
        return array
    if form == "tuple":
        return tuple(X)
    if form == "object":
        objects = np.empty(len(X), dtype=object)
        objects[:] = X
        return objects
    if form == "padded":
        return array.to_padded(n_steps=max(map(len, X)) + 2)
    if form == "3-D":
        return np.stack(X)
    return X


def outputs(estimator, X):
    names = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    return {n: getattr(estimator, n)(X) for n in names if hasattr(estimator, n)}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert_array_equal(value, b[name], err_msg=name)


# ---- scikit-learn's checks -------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_estimator
def test_check_estimator(Estimator, dtype):
    """Every check, also the 1e-7 of sample weights in float32: see TrainingSet."""
    results = check_estimator(Estimator(dtype=dtype), on_fail=None, on_skip=None)
    failed = {
        r["check_name"]: r["exception"] for r in results if r["status"] == "failed"
    }
    assert not failed
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}
    # with two_d_array=False scikit-learn would run next to nothing
    passed = {r["check_name"] for r in results if r["status"] == "passed"}
    assert len(passed) > 45
    assert "check_sample_weight_equivalence_on_dense_data" in passed
    assert "check_methods_subset_invariance" in passed


# ---- containers ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_estimator
def test_ragged_forms_give_the_same_bits(Estimator, dtype):
    X = sequences()
    y = targets(Estimator, X)
    reference = small(Estimator, dtype=dtype).fit(X, y)
    for form in FORMS:
        other = small(Estimator, dtype=dtype).fit(in_form(X, form), y)
        assert_array_equal(other._parameters, reference._parameters, err_msg=form)
        assert other.n_features_in_ == 3
        assert_same(outputs(other, in_form(X, form)), outputs(reference, X))


@every_estimator
def test_equal_forms_give_the_same_bits(Estimator):
    X = sequences([5] * 20)
    y = targets(Estimator, X)
    reference = small(Estimator).fit(X, y)
    for form in EQUAL_FORMS:
        other = small(Estimator).fit(in_form(X, form), y)
        assert_array_equal(other._parameters, reference._parameters, err_msg=form)
        assert_same(outputs(other, in_form(X, form)), outputs(reference, X))


@every_estimator
def test_two_d_is_univariate(Estimator):
    X = np.random.default_rng(0).standard_normal((20, 5))
    y = targets(Estimator, X)
    flat = small(Estimator).fit(X, y)
    deep = small(Estimator).fit(X[:, :, np.newaxis], y)
    listed = small(Estimator).fit(list(X), y)
    assert (flat.n_features_in_, deep.n_features_in_) == (5, 1)
    assert_array_equal(flat._parameters, deep._parameters)
    assert_array_equal(flat._parameters, listed._parameters)
    assert_same(outputs(flat, X), outputs(deep, X))
    frame = pd.DataFrame(X, columns=list("abcde"))
    named = small(Estimator).fit(frame, y)
    assert_array_equal(named.feature_names_in_, list("abcde"))
    assert_same(outputs(named, frame), outputs(flat, X))


@pytest.mark.parametrize("form", [*FORMS, "2-D"])
@every_estimator
def test_life_of_an_estimator(Estimator, form):
    """clone, set_params, copies and pickles, from every container."""
    X = sequences([5] * 18 if form == "2-D" else [4, 7, 0, 3, 9, 2] * 3)
    y = targets(Estimator, X)
    X = np.stack(X)[:, :, 0] if form == "2-D" else in_form(X, form)
    estimator = clone(small(Estimator)).set_params(hidden_layer_sizes=4)
    assert estimator.fit(X, y) is estimator
    expected = outputs(estimator, X)
    buffer = BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    others = [copy.deepcopy(estimator), joblib.load(buffer)]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        others.append(pickle.loads(pickle.dumps(estimator, protocol)))
    for other in others:
        assert_same(outputs(other, X), expected)
        other.fit(X, y)
        assert_same(outputs(other, X), expected)
    unfitted = clone(estimator)
    assert not hasattr(unfitted, "weights_")
    assert unfitted.get_params() == estimator.get_params()
    assert_same(outputs(unfitted.fit(X, y), X), expected)


@every_estimator
def test_sequences_without_steps(Estimator):
    """The initial state goes to the head: a sequence without steps has an output, the
    same wherever it stands and however it is written."""
    X = sequences([3, 0, 5, 0, 2, 4] * 3)
    y = targets(Estimator, X)
    estimator = small(Estimator).fit(X, y)
    empty = np.empty((0, 3))
    alone = outputs(estimator, [empty])
    for name, value in outputs(estimator, [X[0], empty, X[2]]).items():
        assert_array_equal(value[1:2], alone[name])
    assert_same(outputs(estimator, np.full((1, 4, 3), np.nan)), alone)
    head = estimator.intercept_
    if not is_classifier(estimator):
        np.testing.assert_allclose(alone["predict"], head, rtol=1e-6)
    else:
        np.testing.assert_allclose(alone["decision_function"][0], head, rtol=1e-6)
    small(Estimator).fit([empty] * 6, targets(Estimator, sequences([3] * 6)))


@every_estimator
def test_missing_values(Estimator):
    X = np.stack(sequences([6] * 12))
    y = targets(Estimator, X)
    X[3, 4:] = np.nan  # padding
    estimator = small(Estimator).fit(X, y)
    X[5, 2, 1] = np.nan
    for call in (lambda: small(Estimator).fit(X, y), lambda: estimator.predict(X)):
        with pytest.raises(ValueError, match=r"(?s)sample 5.*step 2.*feature 1"):
            call()
    X[5, 2, 1] = np.inf
    with pytest.raises(ValueError, match=r"(?s)infinity.*sample 5.*step 2.*feature 1"):
        estimator.predict(X)
    assert not estimator.__sklearn_tags__().input_tags.allow_nan


# ---- bits ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    X = sequences()
    return {E: small(E, hidden_layer_sizes=(19, 7)).fit(X, targets(E, X)) for E in
            ESTIMATORS}  # fmt: skip


@every_estimator
@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_prediction_does_not_depend_on_the_neighbours(fitted, Estimator, lengths, seed):
    X = SequenceArray.from_list(sequences(lengths, seed=seed))
    together = outputs(fitted[Estimator], X)
    order = np.random.default_rng(seed).permutation(len(X))
    for name, value in outputs(fitted[Estimator], X[order]).items():
        assert_array_equal(value, together[name][order])
    for i in {0, len(X) // 2, len(X) - 1}:
        for name, value in outputs(fitted[Estimator], X[i : i + 1]).items():
            assert_array_equal(value[0], together[name][i])


@every_estimator
def test_prediction_in_batches(monkeypatch, fitted, Estimator):
    """`predict` works batch by batch; a long sequence makes a batch of its own."""
    X = sequences([5, 30, 2, 0, 7, 7, 1, 25, 3] * 3)
    expected = outputs(fitted[Estimator], X)
    for limit in (1, 10, 40):
        monkeypatch.setattr(network, "PREDICT_STEPS", limit)
        assert_same(outputs(fitted[Estimator], X), expected)


@every_estimator
def test_threads(monkeypatch, Estimator):
    """The same weights and the same predictions with 1, 2 and 3 threads."""
    monkeypatch.setattr(network, "PARALLEL_WORK", 0)
    # so that OpenMP's own limit is what counts, also above the number of processors
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    X = sequences([20, 35, 11, 28] * 10)
    y = targets(Estimator, X)
    results = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads):
            if effective_n_threads() != n_threads:
                pytest.skip("built without OpenMP")
            estimator = small(Estimator, hidden_layer_sizes=(33, 20)).fit(X, y)
            results.append((estimator._parameters, outputs(estimator, X)))
    for parameters, result in results[1:]:
        assert_array_equal(parameters, results[0][0])
        assert_same(result, results[0][1])


SCRIPT = """
import hashlib, warnings
import numpy as np
from sklstm import LSTMClassifier, LSTMRegressor
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = [rng.standard_normal((T, 12)).astype("f") for T in rng.integers(10, 60, size=96)]
y = np.array([x[:, 0].mean() for x in X])
for E, t in ((LSTMClassifier, np.digitize(y, [-0.1, 0.1])), (LSTMRegressor, y)):
    e = E(max_iter=2, random_state=0).fit(X, t)
    digest = hashlib.sha256(e._parameters.tobytes() + e.predict(X).tobytes())
    print(digest.hexdigest())
"""


def in_a_process(folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, cwd=folder,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_processes(tmp_path):
    """As a user sets threads and instruction sets: through the environment."""
    names = [n for n in supported_instruction_sets() if n != "baseline"] or ["baseline"]
    printed = {
        in_a_process(tmp_path, OMP_NUM_THREADS=n_threads, SKLSTM_ISA=name)
        for n_threads in "123"
        for name in names
    }
    assert len(printed) == 1
    assert not list(tmp_path.iterdir())


# ---- scikit-learn's tools around the estimator -----------------------------------


@pytest.fixture(params=["SequenceArray", "list"])
def ragged(request):
    return in_form(sequences(), request.param)


@every_estimator
def test_searches(ragged, Estimator):
    y = targets(Estimator, ragged)
    model = make_pipeline(TimeDistributed(StandardScaler()), small(Estimator))
    name = Estimator.__name__.lower()
    grid = {f"{name}__hidden_layer_sizes": [(3,), (4, 2)]}
    scoring = "neg_log_loss" if is_classifier(model) else "neg_mean_absolute_error"
    for search in (
        GridSearchCV(model, grid, cv=2, scoring=scoring),
        GridSearchCV(model, {f"{name}__alpha": [0.0, 0.1]}, cv=2, n_jobs=2),
        RandomizedSearchCV(model, grid, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(model, grid, cv=2, min_resources=12, random_state=0),
    ):
        search.fit(ragged, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(search.predict(ragged)) == len(y)


@every_estimator
def test_model_selection(ragged, Estimator):
    y = targets(Estimator, ragged)
    groups = np.arange(len(y)) // 4
    estimator = make_pipeline(FrameStacker(2), small(Estimator))
    scores = cross_val_score(
        estimator, ragged, y, groups=groups, cv=GroupKFold(3), error_score="raise"
    )
    assert np.isfinite(scores).all()
    _, _, scores = learning_curve(
        estimator, ragged, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True,
        random_state=0, error_score="raise",
    )  # fmt: skip
    assert np.isfinite(scores).all()
    if is_classifier(estimator):
        p = cross_val_predict(estimator, ragged, y, cv=3, method="predict_proba")
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    else:
        assert np.isfinite(cross_val_predict(estimator, ragged, y, cv=3)).all()


def test_ensembles_of_classifiers(ragged):
    y = targets(LSTMClassifier, ragged)
    members = [(str(k), small(LSTMClassifier, random_state=k)) for k in range(2)]
    for ensemble in (
        StackingClassifier(members, LogisticRegression(), cv=2),
        VotingClassifier(members, voting="soft"),
        CalibratedClassifierCV(members[0][1], cv=2),
    ):
        p = ensemble.fit(ragged, y).predict_proba(ragged)
        assert p.shape == (len(y), 3) and np.isfinite(p).all()


def test_one_versus_rest(ragged):
    y = targets(LSTMClassifier, ragged)
    model = OneVsRestClassifier(small(LSTMClassifier)).fit(ragged, y)
    assert set(model.predict(ragged)) <= set(y)
    assert len(model.estimators_) == 3


def test_tuned_threshold(ragged):
    y = targets(LSTMClassifier, ragged, n_classes=2)
    model = TunedThresholdClassifierCV(small(LSTMClassifier), cv=2).fit(ragged, y)
    assert set(model.predict(ragged)) <= set(y)


def test_ensembles_of_regressors(ragged):
    y = targets(LSTMRegressor, ragged)
    members = [(str(k), small(LSTMRegressor, random_state=k)) for k in range(2)]
    for ensemble in (
        StackingRegressor(members, Ridge(), cv=2),
        VotingRegressor(members),
        TransformedTargetRegressor(
            members[0][1], func=np.sinh, inverse_func=np.arcsinh
        ),
    ):
        assert np.isfinite(ensemble.fit(ragged, y).predict(ragged)).all()
