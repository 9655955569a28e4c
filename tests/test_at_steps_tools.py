"""Estimators with a target at every step beside the tools of scikit-learn and Python:
callbacks, containers, routing, fits that break, threads."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from callback_cases import Listener, ScoringMonitor, after, scores_of, since_1_9
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from step_estimator_cases import (
    assert_same,
    both,
    outputs,
    sequences,
    small,
    small_fitted,
    target,
)
from task_cases import stop_at
from test_breaks import BREAKS
from test_turns import in_threads

from sklstm import LSTMTagger
from sklstm.preprocessing import TimeDistributed
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

X = sequences()
LENGTHS = np.array([len(x) for x in X])

# ---- callbacks -----------------------------------------------------------------------


def weights(kind):
    rng = np.random.default_rng(3)
    if kind == "sequences":
        return np.arange(len(X)) % 4
    return [rng.integers(0, 3, len(x)).astype(float) for x in X]


@since_1_9
@both
@pytest.mark.parametrize("kind", [None, "sequences", "steps"])
def test_callbacks_get_targets_as_they_were_given(Estimator, kind):
    """Lists of labels with None, or arrays of numbers with NaN; weights of each."""
    y = target(Estimator, X)
    if Estimator is LSTMTagger:
        y = [[None if t == 1 else v for t, v in enumerate(part)] for part in y]
    else:
        y = [np.where(np.arange(len(part)) == 1, np.nan, part) for part in y]
    weight = None if kind is None else weights(kind)
    listener = Listener()
    model = small(Estimator).set_callbacks(listener).fit(X, y, weight)
    assert_same(outputs(model, X), outputs(small(Estimator).fit(X, y, weight), X))
    kept = np.arange(len(X)) if kind != "sequences" else np.flatnonzero(weight)
    hooks = [given for *_, given in listener.heard if given]
    assert len(hooks) == 8
    for given in hooks:
        assert len(given["X"]) == len(given["y"]) == len(kept)
        for got, i in zip(given["y"], kept, strict=True):
            assert isinstance(got, list if Estimator is LSTMTagger else np.ndarray)
            assert_array_equal(got, y[i])
        if kind is None:
            assert given["metadata"] is None
            continue
        found = given["metadata"]["sample_weight"]
        for got, i in zip(found, kept, strict=True):
            assert_array_equal(got, weight[i])


@since_1_9
@both
@pytest.mark.parametrize("kind", [None, "sequences", "steps"])
def test_scoring_monitor(Estimator, kind):
    y = target(Estimator, X)
    weight = None if kind is None else weights(kind)

    def score(model, X, y, **metadata):
        return {"score": model.score(X, y, **metadata)}

    monitor = ScoringMonitor(scoring=score)
    model = small(Estimator, learning_rate="constant").set_callbacks(monitor)
    model.fit(X, y, weight)
    expected = [
        clone(model).set_callbacks().set_params(max_iter=n).fit(X, y, weight)
        for n in (1, 2, 3)
    ]
    expected = [model.score(X, y, weight) for model in expected]
    assert scores_of(monitor, "score") == pytest.approx(expected, rel=1e-12)
    assert len(set(expected)) > 1


@since_1_9
@both
def test_callbacks_stop_and_look(Estimator):
    y = target(Estimator, X)
    listener = Listener(after(2))
    constant = small(Estimator, max_iter=9, learning_rate="constant")
    model = clone(constant).set_callbacks(listener).fit(X, y)
    assert model.n_iter_ == 2
    one, two = (clone(constant).set_params(max_iter=n).fit(X, y) for n in (1, 2))
    assert_same(outputs(model, X), outputs(two, X))
    first, second = listener.epochs()
    assert_same(outputs(first, X), outputs(one, X))
    assert_same(outputs(second, X), outputs(two, X))


# ---- transform and its tables --------------------------------------------------------


@both
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_hidden_states_as_a_table(Estimator, library):
    pytest.importorskip(library)
    model = small_fitted(Estimator, X, bidirectional=True)
    names = [f"{Estimator.__name__.lower()}{k}" for k in range(8)]
    assert model.get_feature_names_out().tolist() == names
    last = model.transform(X)
    table = clone(model).set_output(transform=library).fit(X, target(Estimator, X))
    found = table.transform(X)
    assert type(found).__module__.startswith(library)
    assert list(found.columns) == names
    assert_array_equal(found.to_numpy(), last)
    every = table.transform(X, "sequence")
    assert every.feature_names == tuple(names)
    assert_array_equal(every.lengths, LENGTHS)
    # what is said of steps is no table
    assert_same(outputs(table, X), outputs(model, X))


# ---- containers ----------------------------------------------------------------------


def forms_of_X(library):
    columns = ["pulse", "pressure"]
    if library == "pandas":
        return [pd.DataFrame(x, columns=columns) for x in X]
    pl = pytest.importorskip("polars")
    return [pl.DataFrame(x, schema=columns) for x in X]


def forms_of_y(library, y):
    if library == "pandas":
        yield [pd.Series(part, dtype=None if len(part) else object) for part in y]
        yield pd.Series([list(part) for part in y], index=np.arange(len(y))[::-1])
        return
    pl = pytest.importorskip("polars")
    dtype = pl.String if isinstance(y[1][0], str) else pl.Float64
    yield [pl.Series(part, dtype=dtype) for part in y]
    yield pl.Series([list(part) for part in y], dtype=pl.List(dtype))


@both
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables(Estimator, library):
    y = target(Estimator, X)
    y = [list(part) for part in y]
    i = next(i for i, x in enumerate(X) if len(x) > 3)
    y[i][1] = None if Estimator is LSTMTagger else np.nan
    expected = outputs(small(Estimator).fit(X, y), X)
    given = forms_of_X(library)
    for form in forms_of_y(library, y):
        model = small(Estimator).fit(given, form)
        assert model.feature_names_in_.tolist() == ["pulse", "pressure"]
        assert_same(outputs(model, given), expected)
        assert model.score(given, form) == model.score(given, y)
    other = [table[["pressure", "pulse"]] for table in given]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(other)


# ---- metadata routing ----------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@both
@pytest.mark.parametrize("kind", ["sequences", "steps"])
def test_routed_weights_and_groups(Estimator, kind, routing):
    y, weight = target(Estimator, X), weights(kind)
    groups = np.arange(len(X)) % 6
    end = small(Estimator, early_stopping=True)
    end.set_fit_request(sample_weight=True, groups=True)
    end.set_score_request(sample_weight=True)
    scaler = TimeDistributed(StandardScaler(with_mean=False))
    scaler.set_fit_request(sample_weight=False)
    model = make_pipeline(scaler, end)
    model.fit(X, y, sample_weight=weight, groups=groups)
    scaled = model[0].transform(X)
    alone = small(Estimator, early_stopping=True)
    alone.fit(scaled, y, weight, groups=groups)
    assert_same(outputs(model[-1], scaled), outputs(alone, scaled))
    assert model.score(X, y, sample_weight=weight) == alone.score(scaled, y, weight)


@both
def test_routed_in_cross_validation(Estimator, routing):
    y, weight = target(Estimator, X), np.arange(len(X)) % 4 + 1.0
    groups = np.arange(len(X)) % 6
    model = small(Estimator).set_fit_request(sample_weight=True, groups=False)
    model.set_score_request(sample_weight=True)
    result = cross_validate(
        model, X, y, cv=GroupKFold(3), error_score="raise",
        params={"sample_weight": weight, "groups": groups},
    )  # fmt: skip
    expected = []
    for train, test in GroupKFold(3).split(X, y, groups):
        part = [X[i] for i in train], [y[i] for i in train], weight[train]
        held_out = [X[i] for i in test], [y[i] for i in test], weight[test]
        expected.append(small(Estimator).fit(*part).score(*held_out))
    assert result["test_score"].tolist() == expected


# ---- fits that break -----------------------------------------------------------------


def snapshot(model):
    return dict(vars(model)), pickle.dumps(model), outputs(model, X)


def assert_untouched(model, before):
    attributes, pickled, said = before
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert pickle.dumps(model) == pickled
    assert_same(outputs(model, X), said)


@both
@pytest.mark.parametrize("where, exception", BREAKS)
def test_a_fit_that_breaks_leaves_the_one_before(
    monkeypatch, Estimator, where, exception
):
    other = sequences(20, 3, seed=5)
    model = small_fitted(Estimator, X)
    before = snapshot(model)
    with monkeypatch.context() as patch:

        def broken(*args, **kwargs):
            raise exception

        patch.setattr(where, broken)
        with pytest.raises(exception):
            model.fit(other, target(Estimator, other))
        if not where.endswith("initialize"):
            with pytest.raises(exception):
                model.partial_fit(X, target(Estimator, X))
    assert_untouched(model, before)
    model.fit(other, target(Estimator, other))
    assert model.n_features_in_ == 3


@both
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interrupt_leaves_a_usable_model(monkeypatch, Estimator, early_stopping):
    y = target(Estimator, X)
    model = small(Estimator, early_stopping=early_stopping, max_iter=50)
    validation = {"X_val": X, "y_val": y} if early_stopping else {}
    with monkeypatch.context() as patch:
        stop_at(patch, KeyboardInterrupt, 12)  # five minibatches an epoch
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, y, **validation)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    said = outputs(model, X)
    assert_same(outputs(pickle.loads(pickle.dumps(model)), X), said)
    assert len(said["predict"]) == len(X)


@both
def test_bad_targets_leave_the_fit_before(Estimator):
    y = target(Estimator, X)
    model = small_fitted(Estimator, X)
    before = snapshot(model)
    i = next(i for i, x in enumerate(X) if len(x) > 3)
    bad = [list(part) for part in y]
    bad[i][2] = 0.5 if Estimator is LSTMTagger else np.inf
    for call in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=rf"sample {i}, step 2"):
            call(X, bad)
    assert_untouched(model, before)


# ---- threads of Python ---------------------------------------------------------------


@both
def test_no_pass_is_lost(Estimator):
    y = target(Estimator, X)
    more = {"classes": ["down", "flat", "up"]} if Estimator is LSTMTagger else {}
    model = small(Estimator)

    def passes():
        for _ in range(8):
            model.partial_fit(X, y, **more)

    assert in_threads(4, passes) == []
    assert len(model.loss_curve_) == 32
    alone = small(Estimator)
    for _ in range(32):
        alone.partial_fit(X, y, **more)
    assert model.loss_curve_ == alone.loss_curve_
    assert_same(outputs(model, X), outputs(alone, X))


@both
def test_threads_that_predict_side_by_side(Estimator):
    model = small_fitted(Estimator, X)
    expected = outputs(model, X)
    container = SequenceArray.from_list(X)

    def predict():
        for _ in range(10):
            assert_same(outputs(model, container), expected)

    assert in_threads(4, predict) == []
