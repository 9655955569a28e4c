"""solver="lbfgs": against scipy on an objective written out in NumPy, limits, warnings.

What holds for every solver is in test_promises.py, test_fit.py and test_solver.py.
"""

import pickle
import warnings

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from task_cases import (
    assert_same_bits,
    assert_untouched,
    dtypes,
    every_task,
    fitted,
    learned,
    make_target,
    ragged,
    raw,
    small,
    snapshot,
    stop_at,
)
from threadpoolctl import threadpool_info, threadpool_limits
from training_cases import Reference, problem, training_set

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._network.network import Network
from sklstm._sklearn.callbacks import Observer
from sklstm._training import lbfgs
from sklstm._training.feeds import Minibatches
from sklstm._training.lbfgs import train_lbfgs
from sklstm._training.monitor import Monitor, Start
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

LBFGS = {"solver": "lbfgs", "max_iter": 8}


def written_out(network, sequences, target, loss, alpha):
    """The objective, sample by sample, in NumPy."""
    reference, mask = Reference(network, loss), network.weight_mask()

    def objective(x):
        value, gradient = reference.value_and_gradient(x, sequences, target)
        W = mask * x
        n = len(sequences)
        return value + alpha / 2 * W @ W / n, gradient + alpha * W / n

    return objective


def run(
    kind, hidden, alpha=0.0, max_iter=8, max_fun=1000, tol=0.0, seed=0, observer=None,
):  # fmt: skip
    network, parameters, sequences, target, loss = problem(kind, hidden, seed)
    objective = written_out(network, sequences, target, loss, alpha)
    start, monitor = parameters.copy(), Monitor(0.0, 1, False)
    penalty = alpha * network.weight_mask() if alpha else None
    feed = Minibatches(training_set(sequences, target), len(target))
    _, *told = train_lbfgs(
        network, parameters, feed, loss, monitor, penalty, max_iter, max_fun,
        tol, observer or Observer(),
    )  # fmt: skip
    if told[0] is not None:
        warnings.warn(*told, stacklevel=1)
    return start, parameters, monitor, objective


# ---- what it computes --------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, hidden",
    [("softmax", (5,)), ("binary", (4, 3)), ("multilabel", (3,)), ("squared", (5,))],
)
@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_training_written_out(kind, hidden, alpha):
    """Eight iterations are those of scipy on the NumPy objective, loss by loss."""
    start, got, monitor, objective = run(kind, hidden, alpha)
    curve = []

    def record(intermediate_result):
        curve.append(intermediate_result.fun)

    expected = scipy.optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", callback=record,
        options={"maxiter": 8, "gtol": 0.0},
    )  # fmt: skip
    assert len(monitor.loss_curve) == expected.nit == 8
    assert_allclose(monitor.loss_curve, curve, rtol=1e-8)
    assert np.abs(got - start).max() > 0.1
    assert_allclose(got, expected.x, rtol=1e-5, atol=1e-7)
    assert monitor.loss == monitor.loss_curve[-1]
    assert monitor.loss == pytest.approx(objective(got)[0], rel=1e-12)


def test_an_iteration_is_an_epoch_that_begins_where_the_last_one_ended():
    class Recorder(Observer):
        epochs = []

        def begin_epoch(self, parameters):
            self.epochs.append([parameters.copy()])

        def end_epoch(self, parameters):
            self.epochs[-1].append(parameters.copy())

    recorder = Recorder()
    start, got, monitor, _ = run("softmax", (5,), observer=recorder)
    begins, ends = zip(*recorder.epochs, strict=True)
    assert len(ends) == len(monitor.loss_curve) == 8
    assert_array_equal(begins, [start, *ends[:-1]])
    assert_array_equal(got, ends[-1])


def test_stops_where_the_gradient_is_within_tol():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start, got, monitor, objective = run("squared", (4,), 1.0, 2000, tol=1e-3)
    assert np.abs(objective(start)[1]).max() > 0.05
    assert np.abs(objective(got)[1]).max() <= 1e-3
    assert 5 < len(monitor.loss_curve) < 2000


@every_task
@dtypes
def test_fitted_attributes(task, dtype):
    X = ragged()
    model = fitted(task, X, **LBFGS, dtype=dtype)
    assert model.n_iter_ == len(model.loss_curve_) == 8 and model.t_ == 8 * 24
    assert all(np.diff(model.loss_curve_) < 0)
    assert model.loss_ == model.best_loss_ == model.loss_curve_[-1]
    assert model.validation_scores_ is None and model.best_validation_score_ is None
    assert model.weights_["weight_ih_l0"].dtype == dtype
    assert_array_equal(raw(pickle.loads(pickle.dumps(model)), X), raw(model, X))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_loss_is_that_of_the_weights(task):
    """Not, as an epoch's, the mean on the way there."""
    X = ragged()
    y, weight = make_target(task, X), np.arange(24) // 5 % 3
    for fit_params in ({}, {"sample_weight": weight}):
        model = fitted(task, X, fit_params, **LBFGS, dtype="float64")
        expected = log_loss(y, model.predict_proba(X), **fit_params)
        assert model.loss_ == pytest.approx(expected, rel=1e-9)


def test_float32_is_close_to_float64():
    models = [fitted("single", **LBFGS, dtype=d) for d in ("float32", "float64")]
    assert_allclose(*(model.loss_curve_ for model in models), rtol=1e-3)


@every_task
@dtypes
def test_integer_weights_are_repetition(task, dtype):
    """All samples are one batch, which merges identical ones: to the bit."""
    X = ragged()
    y, weight = make_target(task, X), np.arange(24) % 4
    at = np.repeat(np.arange(24), weight)
    params = {**LBFGS, "dtype": dtype, "alpha": 0.1}
    weighted = small(task, **params).fit(X, y, weight)
    repeated = small(task, **params).fit([X[i] for i in at], y[at])
    assert_same_bits(weighted, repeated)
    assert weighted.loss_curve_ == repeated.loss_curve_
    assert_same_bits(
        weighted, small(task, **params).fit([*X[::-1]], y[::-1], weight[::-1])
    )


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate_init": 1.0}, {"learning_rate": "cosine"}, {"batch_size": 3},
        {"max_grad_norm": 1e-9}, {"shuffle": False}, {"n_iter_no_change": 1},
        {"momentum": 0.1, "beta_1": 0.1, "beta_2": 0.1, "epsilon": 1.0},
    ],
    ids=str,
)  # fmt: skip
def test_what_has_no_effect(params):
    """As the documentation says."""
    assert_same_bits(fitted("single", **LBFGS, **params), fitted("single", **LBFGS))


def test_alpha_shrinks_weights():
    norms = []
    for alpha in (0, 1, 10):
        weights = learned(fitted("single", **LBFGS, alpha=alpha))
        norms.append(np.linalg.norm(weights["weight_ih_l0"]))
    assert norms[0] > norms[1] > norms[2]


def test_japanese_vowels():
    """Small data, where few iterations are enough, with the defaults otherwise."""
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    scores = []
    for seed in range(3):
        model = make_pipeline(
            TimeDistributed(StandardScaler()),
            LSTMClassifier(solver="lbfgs", random_state=seed),
        )
        scores.append(model.fit(X_train, y_train).score(X_test, y_test))
        assert model[-1].n_iter_ < 50
    assert min(scores) > 0.95


# ---- threads -----------------------------------------------------------------------


def test_blas_has_one_thread_in_scipy_and_as_many_as_before_afterwards(monkeypatch):
    """A product of vectors on two threads has other bits than on one."""

    def blas_threads():
        info = threadpool_info()
        return {pool["num_threads"] for pool in info if pool["user_api"] == "blas"}

    minimize, inside = lbfgs.minimize, []

    def recording(*args, **kwargs):
        inside.append(blas_threads())
        return minimize(*args, **kwargs)

    monkeypatch.setattr(lbfgs, "minimize", recording)
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("a BLAS without threads")
        fitted("single", **LBFGS)
        assert inside == [{1}]
        assert blas_threads() == {2}
        with monkeypatch.context() as patch:
            stop_at(patch, ZeroDivisionError, 3)
            with pytest.raises(ZeroDivisionError):
                fitted("single", **LBFGS)
        assert blas_threads() == {2}


# ---- limits ------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")
def test_max_iter_warns():
    with pytest.warns(
        ConvergenceWarning, match=r"Maximum iterations \(3\) reached"
    ) as caught:
        model = fitted("single", solver="lbfgs", max_iter=3)
    assert len(caught) == 1 and caught[0].filename.endswith("task_cases.py")
    assert model.n_iter_ == 3


@pytest.mark.parametrize("max_fun", [1, 7])
def test_max_fun_warns(monkeypatch, max_fun):
    """The iteration in which it is passed is finished, and no other begun."""
    count = stop_at(monkeypatch, None, np.inf)
    with pytest.warns(ConvergenceWarning, match=rf"\(max_fun={max_fun}\) reached"):
        model = fitted("single", solver="lbfgs", max_iter=100, max_fun=max_fun)
    assert max_fun < count[0] < max_fun + 10
    assert 1 <= model.n_iter_ <= count[0]


def test_a_search_that_finds_nothing_warns(monkeypatch):
    """A gradient a thousand times too steep: no step leads down as far as it says."""
    backward = Network.backward
    monkeypatch.setattr(Network, "backward", lambda *args: 1000 * backward(*args))
    start = fitted("single", solver="lbfgs", tol=1e9, dtype="float64")
    with pytest.warns(
        ConvergenceWarning, match=r"no lower loss after [01] iterations.*tol=0.0001"
    ):
        model = fitted("single", **LBFGS, dtype="float64")
    # Whether the line search finds an iteration in the last bits is up to the BLAS of
    # scipy, which has other kernels on other processors.
    assert model.n_iter_ <= 1 and model.loss_ <= start.loss_
    if model.n_iter_ == 0:
        assert_same_bits(model, start)


def test_no_iteration_where_the_start_is_good_enough():
    """No curve, but a loss; the weights are the initial ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted("multiclass", solver="lbfgs", tol=1e9, dtype="float64")
    X = ragged()
    assert model.n_iter_ == model.t_ == 0 and model.loss_curve_ == []
    assert (
        model.loss_
        == model.best_loss_
        == pytest.approx(log_loss(make_target("multiclass", X), model.predict_proba(X)))
    )


def test_verbose_prints_a_line_per_iteration(capsys):
    fitted("single", **LBFGS, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"Iteration {i}" for i in range(1, 9)
    ]
    model = fitted("single", solver="lbfgs", tol=0.1, verbose=True, max_iter=500)
    *lines, last = capsys.readouterr().out.splitlines()
    last_iteration = f"Iteration {model.n_iter_}, loss = {model.loss_:.8f} ("
    assert lines[-1].startswith(last_iteration)
    assert "CONVERGENCE" in last and last.endswith("Stopping.")
    fitted("single", **LBFGS)
    assert capsys.readouterr().out == ""


# ---- warm_start --------------------------------------------------------------------


@every_task
@dtypes
def test_warm_start_goes_on_from_the_weights(task, dtype):
    X = ragged()
    y = make_target(task, X)
    model = small(task, **LBFGS, warm_start=True, dtype=dtype).fit(X, y)
    first, before = list(model.loss_curve_), model._fitted.parameters
    model.fit(X, y)
    assert model.loss_curve_[:8] == first and model.n_iter_ == 8
    assert model.loss_curve_[8] < first[-1]
    assert model.t_ == 16 * 24 and np.any(model._fitted.parameters != before)
    # where there is nothing to gain it stays, with the loss on the samples given
    model.set_params(tol=1e9).fit(X[:12], y[:12])
    assert model.n_iter_ == 0 and len(model.loss_curve_) == 16
    assert model.loss_ not in model.loss_curve_


def test_adam_goes_on_from_lbfgs_and_back():
    X = ragged()
    y = make_target("single", X)
    model = small("single", **LBFGS, warm_start=True).fit(X, y)
    for solver in ("adam", "lbfgs", "sgd"):
        before = model.loss_
        model.set_params(solver=solver, learning_rate_init=1e-4).fit(X, y)
        assert model.loss_ < 1.01 * before


# ---- the end of training, good or bad ----------------------------------------------


@every_task
@pytest.mark.parametrize("call", [1, 2, 7])
def test_interrupt_keeps_the_last_iteration(monkeypatch, task, call):
    X = ragged()
    y = make_target(task, X)
    model = small(task, solver="lbfgs", max_iter=50)
    with monkeypatch.context() as patch:
        stop_at(patch, KeyboardInterrupt, call)
        with pytest.warns(UserWarning, match="interrupted") as caught:
            assert model.fit(X, y) is model
    assert caught[0].filename == __file__
    assert (model.n_iter_ == 0) == (call < 3)
    if model.n_iter_:
        same = fitted(task, X, solver="lbfgs", max_iter=model.n_iter_)
    else:
        same = fitted(task, X, solver="lbfgs", tol=1e9)
    assert_same_bits(model, same)
    model.set_params(warm_start=True, max_iter=2).fit(X, y)
    assert model.n_iter_ == 2


@every_task
@pytest.mark.parametrize("what", ["gradient", "loss"])
@pytest.mark.parametrize("call", [1, 7])
def test_not_finite_keeps_the_last_iteration(monkeypatch, task, what, call):
    X = ragged()
    y = make_target(task, X)
    method = {"gradient": "backward", "loss": "forward"}[what]
    original, count = getattr(Network, method), [0]

    def broken(self, *args, **kwargs):
        count[0] += 1
        result = original(self, *args, **kwargs)
        if count[0] != call:
            return result
        nan = np.float32(np.nan)
        return (result[0] * nan, result[1]) if what == "loss" else result * nan

    model = small(task, solver="lbfgs", max_iter=50)
    with monkeypatch.context() as patch:
        patch.setattr(Network, method, broken)
        with pytest.warns(
            ConvergenceWarning, match=r"not finite in iteration \d+\..*scale X"
        ) as caught:
            model.fit(X, y)
    assert count[0] == call
    assert len(caught) == 1 and caught[0].filename == __file__
    assert f"iteration {model.n_iter_ + 1}." in str(caught[0].message)
    if call == 1:
        assert model.n_iter_ == 0
        assert_same_bits(model, fitted(task, X, solver="lbfgs", tol=1e9))
    else:
        same = fitted(task, X, solver="lbfgs", max_iter=model.n_iter_)
        assert_same_bits(model, same)


def test_not_finite_is_not_said_to_have_diverged_as_well(monkeypatch):
    backward, count = Network.backward, [0]

    def broken(*args):
        count[0] += 1
        return backward(*args) * (np.nan if count[0] == 4 else 1)

    monkeypatch.setattr(Network, "backward", broken)
    with pytest.warns(ConvergenceWarning, match="not finite"):
        monitor = run("squared", (3,))[2]
    monitor.start = Start(0.0, 0.0, 0.0, 0.0)
    assert monitor.n_epochs and monitor.kept_loss > 0
    assert not monitor.has_diverged()


def test_not_finite_counts_the_iterations_of_its_fit(monkeypatch):
    """After a warm start as well; the loss stays that of the weights."""
    X = ragged()
    y = make_target("single", X)
    model = small("single", **LBFGS, warm_start=True).fit(X, y)
    loss, weights = model.loss_, model._fitted.parameters
    backward = Network.backward
    monkeypatch.setattr(Network, "backward", lambda *args: backward(*args) * np.nan)
    with pytest.warns(ConvergenceWarning, match="not finite in iteration 1."):
        model.fit(X, y)
    assert model.n_iter_ == 0 and model.loss_ == loss
    assert_array_equal(model._fitted.parameters, weights)


@every_task
def test_a_fit_that_breaks_leaves_the_one_before(monkeypatch, task):
    X = ragged()
    y = make_target(task, X)
    for warm_start in (False, True):
        model = fitted(task, X, **LBFGS, warm_start=warm_start)
        before = snapshot(model, X)
        with monkeypatch.context() as patch:
            stop_at(patch, ZeroDivisionError, 5)
            with pytest.raises(ZeroDivisionError):
                model.fit(X, y)
        assert_untouched(model, X, before)


# ---- what cannot be ----------------------------------------------------------------


@every_task
def test_early_stopping_is_refused(task):
    X = ragged()
    y = make_target(task, X)
    model = fitted(task, X)
    before = snapshot(model, X)
    model.set_params(solver="lbfgs", early_stopping=True)
    message = "solver='lbfgs' does not support early_stopping=True"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, X_val=X, y_val=y)
    model.set_params(solver="adam", early_stopping=False)
    assert_untouched(model, X, before)


@every_task
def test_there_is_no_partial_fit(task):
    """As with MLPClassifier: tools that look for it see that it is not there."""
    X = ragged()
    for model in (small(task, **LBFGS), fitted(task, X, **LBFGS)):
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError, match="partial_fit") as error:
            model.partial_fit(X, make_target(task, X))
        assert "needs all samples at once" in str(error.value.__cause__)
        assert hasattr(model.set_params(solver="adam"), "partial_fit")


def test_memory_is_that_of_all_samples(monkeypatch):
    """20 sequences of 50 steps at once: gates, c, h of 1000 steps, and 32 vectors."""

    def set_memory(mib):
        memory = mib * 2**20, "x"
        monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
        monkeypatch.setattr(
            "sklstm._estimators.solver.available_memory", lambda: memory
        )

    X, y = [np.ones((50, 1))] * 20, np.arange(20.0)
    params = {"hidden_layer_sizes": 64, "batch_size": 1, "random_state": 0}
    model = LSTMRegressor(**params, solver="lbfgs", max_iter=1)
    message = r"solver='lbfgs' on all 20 sequences of up to 50 steps.*with minibatches"
    set_memory(1)
    LSTMRegressor(**params, max_iter=1).fit(X, y)
    for mib in (1, 5):
        set_memory(mib)
        with pytest.raises(MemoryError, match=message):
            model.fit(X, y)
    set_memory(8)
    model.fit(X, y)
