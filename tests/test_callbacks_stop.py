"""Callbacks that stop a fit, and fits with callbacks that break off."""

import warnings
from functools import partial

import numpy as np
import pytest
from callback_cases import (
    SOLVERS,
    Listener,
    Teller,
    after,
    assert_predicts_the_same,
    learnt,
    ragged,
    since_1_9,
    small,
    target,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._network.network import Network
from sklstm.preprocessing import FrameStacker, TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

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
