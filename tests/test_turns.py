"""Threads that fit one estimator: no pass is lost, nothing waits for ever."""

import copy
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm import GRURegressor, LSTMClassifier, RNNRegressor
from sklstm._estimators import progress, solver

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3, 2))
NUMBERS = X.sum(axis=(1, 2))
LABELS = np.arange(12) % 2
SMALL = {"hidden_layer_sizes": 3, "random_state": 0, "max_iter": 2}


def in_threads(n, function):
    """Call it in n threads at once; no error is lost, none of them may hang."""
    errors, barrier = [], threading.Barrier(n)

    def call():
        barrier.wait()
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return errors


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(
    "Estimator, y, more",
    [(LSTMClassifier, LABELS, {"classes": [0, 1]}), (GRURegressor, NUMBERS, {})],
)
def test_no_pass_is_lost(Estimator, y, more, first):
    model = Estimator(**SMALL)
    if not first:
        model.partial_fit(X, y, **more)

    def passes():
        for _ in range(25):
            model.partial_fit(X, y, **more)

    assert in_threads(4, passes) == []
    n = 100 + (not first)
    assert model.t_ == n * 12
    assert len(model.loss_curve_) == n
    alone = Estimator(**SMALL)
    for _ in range(n):
        alone.partial_fit(X, y, **more)
    assert_array_equal(model._fitted.parameters, alone._fitted.parameters)
    assert model.loss_curve_ == alone.loss_curve_


def test_passes_that_fail_are_none():
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)

    def passes():
        for _ in range(10):
            with pytest.raises(ValueError, match="inconsistent"):
                model.partial_fit(X, NUMBERS[:-1])
            model.partial_fit(X, NUMBERS)

    assert in_threads(3, passes) == []
    assert model.t_ == 31 * 12
    assert len(model.loss_curve_) == 31


def test_fits_and_passes():
    """A fit starts anew, and what comes after it goes on from it."""
    model = RNNRegressor(**SMALL)

    def work():
        model.fit(X, NUMBERS)
        model.partial_fit(X, NUMBERS)

    assert in_threads(4, work) == []
    n = len(model.loss_curve_)
    assert model.t_ == n * 12
    assert 3 <= n <= 6


def test_predictions_do_not_wait(monkeypatch):
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)
    under_way, finish = threading.Event(), threading.Event()
    train = solver.train

    def slow(*args, **kwargs):
        under_way.set()
        assert finish.wait(60)
        return train(*args, **kwargs)

    monkeypatch.setattr(solver, "train", slow)
    thread = threading.Thread(target=model.partial_fit, args=(X, NUMBERS), daemon=True)
    thread.start()
    assert under_way.wait(60)
    before = model.predict(X)
    other = RNNRegressor(**SMALL)  # nor do fits of others
    monkeypatch.setattr(solver, "train", train)
    other.partial_fit(X, NUMBERS)
    copy.deepcopy(model).partial_fit(X, NUMBERS)
    pickle.loads(pickle.dumps(model)).partial_fit(X, NUMBERS)
    finish.set()
    thread.join(60)
    assert model.t_ == 24
    assert (model.predict(X) != before).any()


def test_a_fit_within_itself_is_refused(monkeypatch):
    """It would be overwritten by the one around it; and must not wait for it."""
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)
    train = solver.train

    def nested(*args, **kwargs):
        monkeypatch.setattr(solver, "train", train)
        model.partial_fit(X, NUMBERS)

    monkeypatch.setattr(solver, "train", nested)
    with pytest.raises(RuntimeError, match="being fitted already by the same thread"):
        model.partial_fit(X, NUMBERS)
    assert model.t_ == 12 and len(model.loss_curve_) == 1
    model.partial_fit(X, NUMBERS)
    assert model.t_ == 24


def test_a_fork_while_another_thread_fits():
    """The child has the estimator, and nobody who would end that fit."""
    script = """
import os, signal, sys, threading, warnings
import numpy as np
from sklstm import RNNRegressor
from sklstm._estimators import solver
warnings.simplefilter("ignore")
X = np.random.default_rng(0).standard_normal((12, 3, 2))
model = RNNRegressor(3, random_state=0).partial_fit(X, X[:, 0, 0])
under_way, finish, train = threading.Event(), threading.Event(), solver.train
def slow(*args, **kwargs):
    under_way.set()
    finish.wait()
    return train(*args, **kwargs)
solver.train = slow
thread = threading.Thread(target=model.partial_fit, args=(X, X[:, 0, 0]))
thread.start()
under_way.wait()
child = os.fork()
if child == 0:
    signal.alarm(30)
    solver.train = train
    model.partial_fit(X, X[:, 0, 0])
    os._exit(0 if model.t_ == 24 else 1)
status = os.waitpid(child, 0)[1]
finish.set()
thread.join()
assert model.t_ == 24
sys.exit(os.waitstatus_to_exitcode(status))
"""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0


# ---- the history ---------------------------------------------------------------------


def test_the_history_is_not_copied():
    """Ten thousand calls would copy fifty million numbers."""
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)
    curve = model.loss_curve_
    for n in range(2, 5):
        model.partial_fit(X, NUMBERS)
        assert model.loss_curve_ is curve
        assert len(curve) == n


def test_copies_have_a_history_of_their_own():
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)
    for duplicate in (copy.copy(model), copy.deepcopy(model)):
        model.partial_fit(X, NUMBERS)
        assert len(duplicate.loss_curve_) == duplicate.t_ / 12
        duplicate.partial_fit(X, NUMBERS)
        assert len(model.loss_curve_) == model.t_ / 12
    warm = copy.copy(model).set_params(warm_start=True)
    curve, n = warm.loss_curve_, len(warm.loss_curve_)
    warm.fit(X, NUMBERS)
    assert len(curve) == n  # of a fit the user may keep the curve


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_pass_that_breaks_at_its_end_leaves_the_history(monkeypatch, error):
    model = RNNRegressor(**SMALL).partial_fit(X, NUMBERS)
    before = pickle.dumps(model)

    def broken(self, *args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(progress.Progress, "attributes", broken)
        with pytest.raises(error):
            model.partial_fit(X, NUMBERS)
    assert pickle.dumps(model) == before
