"""scikit-learn's callbacks: what they see of a fit, how they stop it, what stays."""

import copy
import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._estimators.progress import Progress
from sklstm._network.network import Network
from sklstm.inspection import LossCurveDisplay
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

try:
    from sklearn.callback import ScoringMonitor
except ImportError:
    ScoringMonitor = None

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")
since_1_9 = pytest.mark.skipif(
    ScoringMonitor is None, reason="scikit-learn has callbacks since 1.9"
)

CLASSES = [LSTMClassifier, LSTMRegressor, GRUClassifier, GRURegressor]
CLASSES += [RNNClassifier, RNNRegressor]
SOLVERS = ["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
TASK_ATTRIBUTES = (
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks_to_teardown",
)


def ragged(n=24, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(T, n_features)) for T in rng.integers(0, 6, size=n)]


def target(Estimator, X):
    sums = np.array([x.sum() for x in X])
    if "Regressor" in Estimator.__name__:
        return 10 * sums + 3
    return np.array(["a", "b", "c"])[np.arange(len(X)) % 3]


def small(Estimator=LSTMClassifier, **params):
    """One that makes as many epochs as it may."""
    params = {"max_iter": 4, "batch_size": 10, "random_state": 0, **params}
    params = {"tol": 0.0, "n_iter_no_change": np.inf, **params}
    params = {"learning_rate": "constant", "learning_rate_init": 0.002, **params}
    return Estimator((4,), **params)


class Listener:
    """Writes down what it is told, and does at the end of a task as it is bidden."""

    def __init__(self, at_end=None, fail_at=None):
        self.heard = []
        self.at_end = at_end
        self.fail_at = fail_at

    def note(self, hook, estimator, context, **given):
        self.heard.append((hook, context, estimator, given))
        if self.fail_at == hook:
            raise RuntimeError(f"failed at {hook}")

    def setup(self, estimator, context):
        self.note("setup", estimator, context)

    def teardown(self, estimator, context):
        self.note("teardown", estimator, context)

    def on_fit_task_begin(
        self, estimator, context, *, X=None, y=None, metadata=None,
        fitted_estimator=None,
    ):  # fmt: skip
        self.note(
            "begin", estimator, context, X=X, y=y, metadata=metadata,
            fitted_estimator=fitted_estimator,
        )  # fmt: skip

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None,
        fitted_estimator=None,
    ):  # fmt: skip
        self.note(
            "end", estimator, context, X=X, y=y, metadata=metadata,
            fitted_estimator=fitted_estimator,
        )  # fmt: skip
        return self.at_end and self.at_end(estimator, context)

    @property
    def story(self):
        return [(hook, context.task_name) for hook, context, *_ in self.heard]

    def given(self, hook, task_name):
        """What was passed to a hook, for each time that it was called."""
        return [
            given
            for name, context, _, given in self.heard
            if (name, context.task_name) == (hook, task_name)
        ]

    def epochs(self, hook="end"):
        """The fitted estimator of each epoch."""
        return [given["fitted_estimator"] for given in self.given(hook, "epoch")]


class Everywhere(Listener):
    """One that meta-estimators hand on."""

    max_propagation_depth = None


class Teller:
    """A callback that wants nothing but to be told."""

    def __init__(self, at_end=None):
        self.names = []
        self.at_end = at_end

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.names.append(context.task_name)
        return self.at_end and self.at_end(estimator, context)


def after(n_epochs):
    return lambda estimator, context: (
        context.task_name == "epoch" and context.task_id + 1 == n_epochs
    )


def plain(value):
    """A fitted attribute as something that `==` compares to the bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.random.RandomState):
        return plain(value.get_state(legacy=False))
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value.hex()
    return value


def learnt(estimator):
    """All that a fit has set; `fit` with other parameters may set the same."""
    given = {*estimator.get_params(), "_skl_callbacks", "_fitted"}
    return {
        name: plain(value)
        for name, value in vars(estimator).items()
        if name not in given
    }


def assert_predicts_the_same(a, b, X, y):
    assert_array_equal(a.predict(X), b.predict(X))
    assert_array_equal(a.transform(X), b.transform(X))
    assert a.score(X, y) == b.score(X, y)
    if hasattr(a, "predict_proba"):
        assert_array_equal(a.predict_proba(X), b.predict_proba(X))


# ---- scikit-learn 1.8 ----------------------------------------------------------------


@pytest.mark.skipif(ScoringMonitor is not None, reason="about scikit-learn 1.8")
@pytest.mark.parametrize(
    "estimator",
    [*(Estimator() for Estimator in CLASSES), FrameStacker(), TimeDistributed(None)],
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


def scores_of(monitor, name="accuracy", task="epoch"):
    """The scores that were logged for tasks of one name."""
    data = monitor.get_logs().data
    return [row[name] for row in data if row["task_name"] == task]


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


# ---- stopping ------------------------------------------------------------------------


@since_1_9
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_epochs", [1, 3, 4])
def test_a_callback_stops_training(solver, n_epochs, capsys):
    """With the weights of that moment and no warning, in the last epoch too."""
    X = ragged()
    y = target(LSTMRegressor, X)
    teller = Teller(after(n_epochs))
    estimator = small(LSTMRegressor, solver=solver, verbose=True).set_callbacks(teller)
    estimator.fit(X, y)
    printed = capsys.readouterr().out
    assert printed.count("Iteration") == n_epochs
    assert printed.endswith("\nTraining was asked to stop. Stopping.\n")
    assert teller.names == [*n_epochs * ["epoch"], "fit"]
    assert estimator.n_iter_ == len(estimator.loss_curve_) == n_epochs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        shorter = small(LSTMRegressor, solver=solver, max_iter=n_epochs).fit(X, y)
    assert learnt(estimator) == learnt(shorter)


@since_1_9
@pytest.mark.filterwarnings("error")
def test_a_callback_stops_early_stopping():
    """Which keeps the best weights, as whenever it stops."""
    X, X_val = ragged(), ragged(seed=1)
    y, y_val = target(LSTMRegressor, X), target(LSTMRegressor, X_val)
    listener = Listener(after(3))
    estimator = small(LSTMRegressor, early_stopping=True, learning_rate_init=0.1)
    estimator.set_callbacks(listener).fit(X, y, X_val=X_val, y_val=y_val)
    assert estimator.n_iter_ == 3
    best = np.argmax(estimator.validation_scores_)
    assert best < 2
    assert_predicts_the_same(estimator, listener.epochs()[best], X, y)


@since_1_9
def test_a_fit_itself_cannot_be_stopped():
    """Only True for an epoch stops: at the end of the fit there is nothing to stop."""
    X = ragged()
    teller = Teller(lambda estimator, context: context.task_name == "fit")
    estimator = small().set_callbacks(teller).fit(X, target(LSTMClassifier, X))
    assert estimator.n_iter_ == 4


@since_1_9
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_training_that_ends_by_itself(solver):
    X = ragged()
    y = target(LSTMClassifier, X)
    ends = {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 30}
    teller = Teller()
    estimator = small(**ends, solver=solver).set_callbacks(teller).fit(X, y)
    expected = small(**ends, solver=solver).fit(X, y)
    assert learnt(estimator) == learnt(expected)
    assert estimator.n_iter_ == {"adam": 4, "lbfgs": 0}[solver]
    # lbfgs has nothing to do, but had to evaluate the loss to know it
    assert teller.names == [*{"adam": 4, "lbfgs": 1}[solver] * ["epoch"], "fit"]


# ---- what breaks off -----------------------------------------------------------------


def break_at(patch, n, effect):
    """Let the n-th minibatch raise, or have no finite outputs."""
    forward, count = Network.forward, [0]

    def broken(self, *args, **kwargs):
        count[0] += 1
        output, tapes = forward(self, *args, **kwargs)
        if count[0] >= n and effect == "nan":
            output = np.full_like(output, np.nan)
        elif count[0] == n:
            raise effect
        return output, tapes

    patch.setattr(Network, "forward", broken)


@since_1_9
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_not_finite(solver, monkeypatch):
    """The epoch is begun, and ended without a fitted estimator."""
    X = ragged()
    y = target(LSTMRegressor, X)
    listener = Listener()
    estimator = small(LSTMRegressor, solver=solver, batch_size=24, max_iter=9)
    with monkeypatch.context() as patch:
        break_at(patch, 4, "nan")
        with pytest.warns(ConvergenceWarning, match="not finite in"):
            estimator.set_callbacks(listener).fit(X, y)
    n = estimator.n_iter_
    assert 0 < n < 4
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert listener.story[2:-2] == (n + 1) * epoch
    assert listener.epochs()[-1] is None
    assert listener.given("end", "epoch")[-1]["X"] is None
    assert_predicts_the_same(estimator, listener.epochs()[-2], X, y)


@since_1_9
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_interrupted_training(solver, monkeypatch):
    X = ragged()
    y = target(LSTMRegressor, X)
    listener = Listener()
    estimator = small(LSTMRegressor, solver=solver, batch_size=24, max_iter=9)
    with monkeypatch.context() as patch:
        break_at(patch, 4, KeyboardInterrupt)
        with pytest.warns(UserWarning, match="interrupted by user"):
            estimator.set_callbacks(listener).fit(X, y)
    n = estimator.n_iter_
    assert 0 < n < 4
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert listener.story == [
        ("setup", "fit"), ("begin", "fit"), *(n + 1) * epoch, ("end", "fit"),
        ("teardown", "fit"),
    ]  # fmt: skip
    assert_predicts_the_same(estimator, listener.epochs()[-2], X, y)


@since_1_9
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_interrupted_while_a_callback_works(solver):
    X = ragged()

    def interrupt(estimator, context):
        if after(2)(estimator, context):
            raise KeyboardInterrupt

    listener = Listener(interrupt)
    estimator = small(solver=solver).set_callbacks(listener)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X, target(LSTMClassifier, X))
    assert estimator.n_iter_ == 2
    assert learnt(estimator) == learnt(listener.epochs()[-1])
    assert listener.story[-3:] == [
        ("end", "epoch"),
        ("end", "fit"),
        ("teardown", "fit"),
    ]


def methods_of(estimator, X, y):
    if isinstance(estimator, (FrameStacker, TimeDistributed)):
        return [partial(estimator.fit, X), partial(estimator.fit_transform, X)]
    fit = partial(estimator.fit, X, y)
    return (
        [fit]
        if estimator.solver == "lbfgs"
        else [fit, partial(estimator.partial_fit, X, y)]
    )


@since_1_9
@pytest.mark.parametrize("fail_at", ["setup", "begin", "end", "teardown"])
@pytest.mark.parametrize(
    "estimator",
    [
        small(LSTMRegressor),
        small(LSTMRegressor, solver="lbfgs"),
        FrameStacker(2),
        TimeDistributed(StandardScaler()),
    ],
    ids=["adam", "lbfgs", "FrameStacker", "TimeDistributed"],
)
def test_a_failing_callback_leaves_an_earlier_fit(estimator, fail_at):
    """And is torn down once, as is another one that works."""
    X = ragged()
    y = target(LSTMRegressor, X)
    estimator = clone(estimator).fit(X, y)
    failing, other = Listener(fail_at=fail_at), Listener()
    estimator.set_callbacks(other, failing)
    before = vars(estimator).copy()
    for method in methods_of(estimator, X[:12], y[:12]):
        with pytest.raises(RuntimeError, match=f"failed at {fail_at}"):
            method()
        assert vars(estimator).keys() == before.keys()
        assert all(value is before[name] for name, value in vars(estimator).items())
        for listener in (failing, other):
            hooks = [hook for hook, _ in listener.story]
            assert hooks.count("setup") == hooks.count("teardown") == 1
            listener.heard.clear()
    assert_array_equal(
        estimator.transform(X[:3])[0],
        clone(estimator).set_callbacks().fit(X, y).transform(X[:3])[0],
    )


@since_1_9
def test_a_fit_that_fails_before_it_begins():
    """Callbacks are set up when everything is valid, as scikit-learn does it."""
    X = ragged()
    y = target(LSTMClassifier, X)
    listener = Listener()
    estimator = small().set_callbacks(listener)
    for bad in (
        lambda: estimator.fit(X, y[:-1]),
        lambda: estimator.fit([*X[:-1], np.full((2, 2), np.inf)], y),
        lambda: estimator.set_params(alpha=-1).fit(X, y),
    ):
        with pytest.raises(ValueError):
            bad()
    assert listener.heard == []
    assert set(vars(estimator)) == {*estimator.get_params(), "_skl_callbacks"}


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


# ---- pipelines and searches ----------------------------------------------------------


def pipeline_of(final, *inner):
    steps = [TimeDistributed(each) for each in inner or [StandardScaler()]]
    return make_pipeline(*steps, FrameStacker(2), final)


@since_1_9
@pytest.mark.filterwarnings("error", "ignore:Maximum iterations")
def test_callbacks_go_through_a_pipeline():
    """To the scaler and the epochs, without a word about what has no callbacks."""
    X = ragged()
    y = target(LSTMClassifier, X)
    listener = Everywhere()
    pipeline = pipeline_of(small(), StandardScaler(), MinMaxScaler())
    pipeline.set_callbacks(listener).fit(X, y)
    ends = [
        (estimator.__class__.__name__, context.task_name)
        for hook, context, estimator, _ in listener.heard
        if hook == "end"
    ]
    assert ends == [
        ("StandardScaler", "fit"),
        ("TimeDistributed", "fit"),
        ("TimeDistributed", "fit"),
        ("FrameStacker", "fit"),
        *4 * [("LSTMClassifier", "epoch")],
        ("LSTMClassifier", "fit"),
        ("Pipeline", "fit"),
    ]
    hooks = [hook for hook, *_ in listener.heard]
    assert hooks.count("begin") == hooks.count("end") == len(ends)
    assert hooks.count("setup") == hooks.count("teardown") == 1
    paths = []
    for hook, context, estimator, _ in listener.heard:
        if hook == "end" and not isinstance(estimator, type(pipeline)):
            path = []
            while context is not None:
                path.append(context.task_id)
                context = context.parent
            paths.append(tuple(path[::-1]))
    assert paths == [
        (0, 0, 0), (0, 0), (0, 1), (0, 2), (0, 3, 0), (0, 3, 1), (0, 3, 2), (0, 3, 3),
        (0, 3),
    ]  # fmt: skip
    for _, step in pipeline.steps:
        assert not any(hasattr(step, name) for name in TASK_ATTRIBUTES)
        assert not hasattr(step, "_skl_callbacks")
    assert not hasattr(pipeline[0].transformer_, "_skl_callbacks")
    expected = pipeline_of(small(), StandardScaler(), MinMaxScaler()).fit(X, y)
    assert learnt(pipeline[-1]) == learnt(expected[-1])


@since_1_9
def test_callbacks_of_what_is_wrapped():
    """A callback of the scaler alone knows the whole tree."""
    X = ragged()
    listener = Listener()
    scaler = TimeDistributed(StandardScaler().set_callbacks(listener))
    make_pipeline(scaler, small()).fit(X, target(LSTMClassifier, X))
    assert [hook for hook, *_ in listener.heard] == [
        "setup",
        "begin",
        "end",
        "teardown",
    ]
    context = listener.heard[0][1]
    assert context.source_estimator_name == "TimeDistributed"
    assert context.parent.estimator_name == "TimeDistributed"
    assert context.parent.parent.estimator_name == "Pipeline"
    steps = np.vstack(X)
    assert_array_equal(listener.given("end", "fit")[0]["X"], steps)


@since_1_9
@pytest.mark.parametrize(
    "transformer",
    [
        FrameStacker(2),
        TimeDistributed(StandardScaler()),
        TimeDistributed(MinMaxScaler()),
    ],
    ids=str,
)
def test_callbacks_of_transformers(transformer):
    X = ragged()
    listener = Listener()
    transformer = clone(transformer).set_callbacks(listener)
    result = transformer.fit_transform(X)
    names = [name for name in listener.story if name[1] == "fit"]
    assert names == [(hook, "fit") for hook in ("setup", "begin", "end", "teardown")]
    inner = getattr(transformer, "transformer", None)
    assert listener.heard[0][1].max_subtasks == isinstance(inner, StandardScaler)
    (given,) = listener.given("end", "fit")
    assert given["X"] == SequenceArray.from_list(X)
    got = given["fitted_estimator"].transform(X)
    for x, expected in zip(got, result, strict=True):
        assert_array_equal(x, expected)
    assert not any(hasattr(transformer, name) for name in TASK_ATTRIBUTES)


@since_1_9
def test_wrapped_transformers_get_steps():
    X = ragged()
    lengths = [len(x) for x in X]
    y, weight = np.arange(24), np.arange(24) % 4
    listener = Everywhere()
    transformer = TimeDistributed(StandardScaler()).set_callbacks(listener)
    transformer.fit(X, y, weight)
    inner, outer = listener.given("begin", "fit")[::-1]
    assert_array_equal(inner["X"], np.vstack(X))
    assert_array_equal(inner["y"], np.repeat(y, lengths))
    assert_array_equal(inner["metadata"]["sample_weight"], np.repeat(weight, lengths))
    assert outer["X"] == SequenceArray.from_list(X)
    assert_array_equal(outer["y"], y)
    assert_array_equal(outer["metadata"]["sample_weight"], weight)


@since_1_9
@pytest.mark.filterwarnings("error", "ignore:Maximum iterations")
def test_scoring_monitor_in_a_pipeline():
    X = ragged()
    y = target(LSTMClassifier, X)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = pipeline_of(small().set_callbacks(monitor)).fit(X, y)
    assert len(scores_of(monitor)) == 4
    assert scores_of(monitor)[-1] == pipeline.score(X, y)


@since_1_9
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search(n_jobs, capsys):
    """Nested progress bars and a score for every epoch, from other processes too."""
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X = ragged()
    y = target(LSTMClassifier, X)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = pipeline_of(small().set_callbacks(monitor))
    grid = {"lstmclassifier__max_iter": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    printed = capsys.readouterr().out
    for bar in (
        "GridSearchCV - fit",
        "GridSearchCV - candidate-split-evaluation | Pipeline - fit #3",
        "Pipeline - fit-transform-timedistributed | TimeDistributed - fit #0",
        "TimeDistributed - fit-transformer | StandardScaler - fit #0",
        "Pipeline - fit-transform-framestacker | FrameStacker - fit #1",
        "Pipeline - fit-final-estimator | LSTMClassifier - fit #2",
    ):
        # the width of a terminal that is none cuts names
        assert bar[:40] in printed
    assert "100%" in printed
    data = monitor.get_logs().data
    epochs = [row for row in data if row["task_name"] == "epoch"]
    assert (
        len(epochs) == 2 * 2 + 2 * 3 + search.best_params_["lstmclassifier__max_iter"]
    )
    best = search.best_estimator_
    assert epochs and not any(hasattr(best[-1], name) for name in TASK_ATTRIBUTES)
    expected = GridSearchCV(pipeline_of(small()), grid, cv=2).fit(X, y)
    assert learnt(best[-1]) == learnt(expected.best_estimator_[-1])
    assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
