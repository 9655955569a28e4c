"""scikit-learn's callbacks: what they see of a fit, that no bit changes, what stays."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from callback_cases import (
    CLASSES,
    SOLVERS,
    TASK_ATTRIBUTES,
    Listener,
    ScoringMonitor,
    Teller,
    assert_predicts_the_same,
    learnt,
    ragged,
    scores_of,
    since_1_9,
    small,
    target,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.pipeline import make_pipeline

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._estimators.progress import Progress
from sklstm.inspection import LossCurveDisplay
from sklstm.preprocessing import FrameStacker, LogMel, TimeDistributed, TokenEncoder
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- scikit-learn 1.8 ----------------------------------------------------------------


@pytest.mark.skipif(ScoringMonitor is not None, reason="about scikit-learn 1.8")
@pytest.mark.parametrize(
    "estimator",
    [
        *(Estimator() for Estimator in CLASSES),
        FrameStacker(),
        TimeDistributed(None),
        TokenEncoder(),
        LogMel(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_without_callbacks_in_scikit_learn(estimator):
    assert not hasattr(estimator, "set_callbacks")
    with pytest.raises(AttributeError, match=r"needs scikit-learn >= 1\.9, this is 1"):
        estimator.set_callbacks(Teller())


# ---- the tasks of a fit --------------------------------------------------------------


@since_1_9
@pytest.mark.parametrize("solver", SOLVERS)
def test_epochs_are_subtasks_of_fit(solver):
    X = ragged()
    listener = Listener()
    estimator = small(solver=solver).set_callbacks(listener)
    assert estimator.fit(X, target(LSTMClassifier, X)) is estimator
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert listener.story == [
        ("setup", "fit"), ("begin", "fit"), *(4 * epoch), ("end", "fit"),
        ("teardown", "fit"),
    ]  # fmt: skip
    contexts = [context for _, context, *_ in listener.heard]
    root = contexts[0]
    assert root.max_subtasks == 4 and root.sequential_subtasks
    epochs = contexts[2:-2:2]
    assert epochs == contexts[3:-2:2]
    assert [epoch.task_id for epoch in epochs] == [0, 1, 2, 3]
    assert all(epoch.parent is root and not epoch.max_subtasks for epoch in epochs)
    # ScoringMonitor keeps a scorer by the estimator it is set up with
    assert len({id(heard[2]) for heard in listener.heard}) == 1


@since_1_9
@pytest.mark.parametrize("Estimator", CLASSES)
def test_partial_fit_is_a_fit_of_one_epoch(Estimator):
    X = ragged()
    y = target(Estimator, X)
    listener = Listener()
    estimator = small(Estimator, max_iter=7).set_callbacks(listener)
    plain_one = small(Estimator, max_iter=7)
    options = (
        {"classes": ["a", "b", "c"]} if hasattr(estimator, "predict_proba") else {}
    )
    for _ in range(2):
        listener.heard.clear()
        assert estimator.partial_fit(X, y, **options) is estimator
        assert listener.story == [
            ("setup", "partial_fit"), ("begin", "partial_fit"), ("begin", "epoch"),
            ("end", "epoch"), ("end", "partial_fit"), ("teardown", "partial_fit"),
        ]  # fmt: skip
        assert listener.heard[0][1].max_subtasks == 1
        plain_one.partial_fit(X, y, **options)
        assert learnt(estimator) == learnt(plain_one) == learnt(*listener.epochs())


# ---- the same bits -------------------------------------------------------------------


VARIANTS = {
    "plain": (LSTMClassifier, {}),
    "sgd": (GRUClassifier, {"solver": "sgd", "learning_rate": "invscaling"}),
    "adamw": (RNNRegressor, {"solver": "adamw", "alpha": 0.1}),
    "rmsprop": (LSTMRegressor, {"solver": "rmsprop", "alpha": 0.1}),
    "lbfgs": (GRURegressor, {"solver": "lbfgs"}),
    "dropout": (LSTMClassifier, {"dropout": 0.3, "recurrent_dropout": 0.3}),
    "tbptt": (LSTMRegressor, {"tbptt": 2}),
    "quantiles": (LSTMRegressor, {"loss": "quantile", "quantile": [0.9, 0.1]}),
    "bidirectional": (GRUClassifier, {"bidirectional": True, "pooling": "attention"}),
    "missing": (LSTMClassifier, {"missing": "indicator"}),
    "balanced": (RNNClassifier, {"class_weight": "balanced", "dtype": "float64"}),
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def variant_problem(variant, **params):
    Estimator, own = VARIANTS[variant]
    X = ragged()
    y = target(Estimator, X)
    if variant == "missing":
        for x in X:
            x[::2, 0] = np.nan
    return small(Estimator, **own, **params), X, y


@since_1_9
@variants
@pytest.mark.parametrize("early_stopping", [False, True])
def test_callbacks_do_not_change_the_bits(variant, early_stopping):
    if variant == "lbfgs" and early_stopping:
        pytest.skip("lbfgs has no early stopping")
    estimator, X, y = variant_problem(
        variant, early_stopping=early_stopping, validation_fraction=0.3
    )
    seen = clone(estimator).set_callbacks(Listener(), Teller())
    for _ in range(2):  # the second one goes on
        assert learnt(seen.fit(X, y)) == learnt(estimator.fit(X, y))
        assert seen.loss_curve_ == estimator.loss_curve_
        seen.set_params(warm_start=True)
        estimator.set_params(warm_start=True)


@since_1_9
@variants
def test_an_epoch_is_a_fit_that_ended_there(variant):
    """Also at its beginning, and in all that later fits go on from."""
    estimator, X, y = variant_problem(variant)
    listener = Listener()
    estimator.set_callbacks(listener).fit(X, y)
    begun, ended = listener.epochs("begin"), listener.epochs()
    assert len(ended) == 4
    for n, epoch in enumerate(ended, start=1):
        shorter = clone(estimator).set_callbacks().set_params(max_iter=n).fit(X, y)
        assert learnt(epoch) == learnt(shorter)
        assert_predicts_the_same(epoch, shorter, X, y)
        for array in epoch.weights_.values():
            assert not array.flags.writeable
        if n < 4:
            assert learnt(begun[n]) == learnt(shorter)
    assert learnt(ended[-1]) == learnt(estimator)
    assert begun[0].n_iter_ == 0 and begun[0].loss_curve_ == []
    assert len(begun[0].predict(X)) == len(X)
    (whole,) = listener.given("end", "fit")
    assert_predicts_the_same(whole["fitted_estimator"], estimator, X, y)
    # the epochs are no part of each other, nor of the estimator
    epoch = ended[1].set_callbacks().set_params(warm_start=True, max_iter=2).fit(X, y)
    shorter = clone(estimator).set_callbacks().set_params(max_iter=2).fit(X, y)
    shorter.set_params(warm_start=True).fit(X, y)
    assert learnt(epoch) == learnt(shorter)


@since_1_9
def test_epochs_of_a_fit_that_goes_on():
    X = ragged()
    y = target(LSTMClassifier, X)
    estimator = small(warm_start=True).fit(X, y)
    expected = copy.deepcopy(estimator).set_params(max_iter=2).fit(X, y)
    listener = Listener()
    estimator.set_callbacks(listener).fit(X, y)
    assert learnt(listener.epochs()[1]) == learnt(expected)
    assert expected.n_iter_ == 2 and len(expected.loss_curve_) == 6


@since_1_9
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_epochs_with_early_stopping(Estimator):
    """An epoch has its own weights, the fit at the end the best ones."""
    X, X_val = ragged(), ragged(seed=1)
    y, y_val = target(Estimator, X), target(Estimator, X_val)
    listener = Listener()
    estimator = small(Estimator, early_stopping=True, learning_rate_init=0.1)
    estimator.set_callbacks(listener).fit(X, y, X_val=X_val, y_val=y_val)
    scores, losses = [], []
    for n, epoch in enumerate(listener.epochs(), start=1):
        shorter = small(Estimator, learning_rate_init=0.1, max_iter=n).fit(X, y)
        assert_predicts_the_same(epoch, shorter, X, y)
        scores.append(epoch.score(X_val, y_val))
        if Estimator is LSTMClassifier:  # what decides between equal scores
            losses.append(log_loss(y_val, epoch.predict_proba(X_val)))
        assert len(epoch.validation_scores_) == n
        assert epoch.best_validation_score_ == max(epoch.validation_scores_)
    np.testing.assert_allclose(scores, estimator.validation_scores_, rtol=1e-6)
    best = np.argmax(scores)
    if losses:
        best = np.lexsort([losses, np.negative(scores)])[0]
    assert best < 3
    assert_predicts_the_same(estimator, listener.epochs()[best], X, y)


# ---- X, y and metadata ---------------------------------------------------------------


@since_1_9
def test_hooks_get_valid_data():
    """The same at every hook: sequences, labels as they are, samples of some weight."""
    X = ragged()
    y = target(LSTMClassifier, X)
    weight = np.arange(24) % 4
    listener = Listener()
    small().set_callbacks(listener).fit(X, y.tolist(), weight.tolist())
    hooks = [given for *_, given in listener.heard if given]
    assert len(hooks) == 10
    kept = np.flatnonzero(weight)
    for given in hooks:
        assert isinstance(given["X"], SequenceArray) and given["X"].dtype == "float32"
        expected = SequenceArray.from_list(X)[kept].astype("float32")
        assert given["X"] == expected
        assert_array_equal(given["y"], y[kept])
        assert list(given["metadata"]) == ["sample_weight"]
        assert_array_equal(given["metadata"]["sample_weight"], weight[kept])
    listener.heard.clear()
    small().set_callbacks(listener).fit(X, y)
    hooks = [given for *_, given in listener.heard if given]
    assert [given["metadata"] for given in hooks] == 10 * [None]


@since_1_9
def test_hooks_get_what_is_trained_on():
    X = ragged(n=40)
    y = target(LSTMRegressor, X)
    listener = Listener()
    groups = np.arange(40) // 4
    estimator = small(LSTMRegressor, early_stopping=True, validation_fraction=0.3)
    estimator.set_callbacks(listener).fit(X, y, groups=groups)
    hooks = [given for *_, given in listener.heard if given]
    assert len(hooks) == 10
    for given in hooks:
        assert len(given["X"]) == len(given["y"]) == 28
        sums = [x.sum() for x in given["X"].to_list()]
        np.testing.assert_allclose(10 * np.array(sums) + 3, given["y"], rtol=1e-4)
    assert estimator.t_ == 4 * 28


@since_1_9
def test_nothing_is_made_that_no_callback_asks_for(monkeypatch):
    X = ragged()
    y = target(LSTMClassifier, X)
    calls = []
    attributes = Progress.attributes

    def counted(self, parameters):
        calls.append(self)
        return attributes(self, parameters)

    monkeypatch.setattr(Progress, "attributes", counted)
    teller = Teller()
    small().set_callbacks(teller).fit(X, y)
    assert teller.names == [*4 * ["epoch"], "fit"] and len(calls) == 1
    small().set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, y)
    assert len(calls) == 1 + 4 + 1


@since_1_9
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("warm_start", [False, True])
def test_the_loss_so_far(early_stopping, warm_start):
    X = ragged()
    y = target(LSTMRegressor, X)
    lengths = []

    def look(estimator, context):
        scores = estimator.validation_scores_
        lengths.append((len(estimator.loss_curve_), scores and len(scores)))

    estimator = small(
        LSTMRegressor, early_stopping=early_stopping, warm_start=warm_start
    ).fit(X, y)
    loss_curve = estimator.loss_curve_
    before = list(loss_curve)
    estimator.set_callbacks(Teller(look)).fit(X, y)
    already = 4 if warm_start else 0
    n_epochs = [already + n for n in (1, 2, 3, 4, 4)]
    assert lengths == [(n, n if early_stopping else None) for n in n_epochs]
    assert loss_curve == before


@since_1_9
def test_epochs_in_a_picture():
    pytest.importorskip("matplotlib").use("agg")
    X = ragged()
    listener = Listener()
    small().set_callbacks(listener).fit(X, target(LSTMClassifier, X))
    display = LossCurveDisplay.from_estimator(listener.epochs()[2])
    assert len(display.lines_["LSTMClassifier"].get_ydata()) == 3


# ---- a score for every epoch ---------------------------------------------------------


@since_1_9
@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor(solver):
    X = ragged()
    y = target(LSTMClassifier, X)
    monitor = ScoringMonitor(scoring="accuracy")
    estimator = small(solver=solver, learning_rate_init=0.1).set_callbacks(monitor)
    estimator.fit(X, y)
    expected = [
        clone(estimator).set_callbacks().set_params(max_iter=n).fit(X, y).score(X, y)
        for n in (1, 2, 3, 4)
    ]
    assert scores_of(monitor) == expected
    assert len(set(expected)) > 1
    assert scores_of(monitor, task="fit") == expected[-1:]


@since_1_9
def test_scoring_monitor_takes_weights():
    X = ragged()
    y = target(LSTMClassifier, X)
    weight = np.arange(24) % 4
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    estimator = small().set_callbacks(monitor).fit(X, y, weight)
    expected = accuracy_score(y, estimator.predict(X), sample_weight=weight)
    assert scores_of(monitor)[-1] == expected
    assert np.isfinite(scores_of(monitor, "neg_log_loss")).all()


@since_1_9
@pytest.mark.parametrize("quantile", [0.5, [0.1, 0.5]])
def test_scoring_monitor_with_the_score_of_the_estimator(quantile):
    X = ragged()
    y = target(LSTMRegressor, X)
    # scoring=None fails in scikit-learn 1.9.1, for its own estimators too
    monitor = ScoringMonitor(scoring=lambda *args: {"score": args[0].score(*args[1:])})
    estimator = small(LSTMRegressor, loss="quantile", quantile=quantile)
    estimator.set_callbacks(monitor).fit(X, y)
    assert scores_of(monitor, "score")[-1] == estimator.score(X, y)


@since_1_9
@pytest.mark.parametrize("form", ["names", "table", "padded", "missing"])
def test_scoring_monitor_on_other_forms_of_X(form):
    """Without a warning about names, shapes or missing values."""
    X, params = np.random.default_rng(0).normal(size=(12, 5, 2)), {}
    y = X.sum(axis=(1, 2))
    if form == "names":
        X = [pd.DataFrame(x, columns=["u", "v"]) for x in X]
    elif form == "table":
        X = pd.DataFrame(X[:, :, 0], columns=list("abcde"))
    elif form == "padded":
        X[3, 2:] = np.nan
    else:
        X[3, 2, 0] = np.nan
        params = {"missing": "ffill"}
    monitor = ScoringMonitor(scoring="r2")
    estimator = small(GRURegressor, **params).set_callbacks(monitor).fit(X, y)
    assert scores_of(monitor, "r2")[-1] == r2_score(y, estimator.predict(X))


# ---- what stays ----------------------------------------------------------------------


@since_1_9
@pytest.mark.parametrize("Estimator", CLASSES)
def test_nothing_of_the_tasks_stays(Estimator):
    X = ragged()
    y = target(Estimator, X)
    estimator = small(Estimator).set_callbacks(Teller())
    estimator.fit(X, y)
    expected = small(Estimator).fit(X, y)
    assert set(vars(estimator)) == {*vars(expected), "_skl_callbacks"}
    loaded = pickle.loads(pickle.dumps(estimator.set_callbacks()))
    assert learnt(loaded) == learnt(expected)
    assert len(pickle.dumps(estimator)) == len(pickle.dumps(expected))


@since_1_9
def test_an_epoch_can_be_stored():
    """With the callbacks, as they are set, but without the tasks of the fit."""
    X = ragged()
    y = target(LSTMClassifier, X)
    stored = []

    class Store(Teller):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            assert not any(hasattr(fitted_estimator, name) for name in TASK_ATTRIBUTES)
            stored.append(pickle.dumps(fitted_estimator.set_callbacks()))

    pipeline = make_pipeline(FrameStacker(2), small().set_callbacks(Store()))
    pipeline.fit(X, y)
    assert len(stored) == 5
    X = pipeline[:-1].transform(X)
    second = pickle.loads(stored[1])
    assert learnt(second) == learnt(small(max_iter=2).fit(X, y))


@since_1_9
def test_clones_share_callbacks():
    teller = Teller()
    estimator = small().set_callbacks(teller)
    other = clone(estimator)
    X = ragged()
    other.fit(X, target(LSTMClassifier, X))
    clone(other).fit(X, target(LSTMClassifier, X))
    assert teller.names == 2 * [*4 * ["epoch"], "fit"]
    with pytest.raises(TypeError, match="FitCallback protocol"):
        estimator.set_callbacks(print)
