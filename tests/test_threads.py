"""Threads of Python at once, with and without a global interpreter lock: what comes out
is what comes out one after the other, to the bit."""

import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from threading import Barrier, Event

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import Pipeline

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._estimators.fitted import Fitted
from sklstm._network.network import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 3)) for T in RNG.integers(0, 40, 60)]
LABELS = np.arange(60) % 3
Y = RNG.standard_normal(60)

SMALL = {"max_iter": 3, "random_state": 0, "batch_size": 20, "alpha": 0.1}
# Every solver, pooling and kind of dropout; hidden layers above the size from which
# kernels take threads of their own.
MODELS = [
    LSTMClassifier((40, 7), **SMALL, solver="adamw"),
    LSTMRegressor(40, **SMALL, bidirectional=True, pooling="attention", dropout=0.3),
    LSTMRegressor(17, **SMALL, peephole=True, forget_bias="chrono", solver="sgd"),
    GRUClassifier((40, 16), **SMALL, early_stopping=True, recurrent_dropout=0.3),
    GRURegressor(16, **SMALL, dtype="float64", solver="lbfgs", pooling="max"),
    RNNClassifier((16, 5), **SMALL, solver="rmsprop", tbptt=7),
    RNNRegressor(60, **SMALL, activation="relu", loss="huber", pooling="mean"),
]


def target_of(model):
    return LABELS if hasattr(model, "predict_proba") else Y


def copy_of(model):
    return type(model)(**model.get_params())


def everything(model):
    """Bits of a fitted model, and of what it says about X."""
    arrays = [model.predict(X), model.transform(X)]
    arrays += [np.array(model.loss_curve_), *model.weights_.values()]
    if hasattr(model, "predict_proba"):
        arrays += [model.predict_proba(X), model.decision_function(X)]
    return b"".join(array.tobytes() for array in arrays)


@pytest.fixture
def switch_often():
    """With a global interpreter lock: hand it over after a few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="has a GIL by design"
)
def test_the_import_brings_back_no_lock():
    code = "import sys, sklstm, sklstm.inspection; print(sys._is_gil_enabled())"
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


# ---- fits ----------------------------------------------------------------------------


def test_different_estimators_fit_at_once(switch_often):
    expected = [everything(copy_of(model).fit(X, target_of(model))) for model in MODELS]
    start = Barrier(len(MODELS))

    def fit(model):
        start.wait()
        return everything(copy_of(model).fit(X, target_of(model)))

    with ThreadPoolExecutor(len(MODELS)) as pool:
        for _ in range(2):
            assert list(pool.map(fit, MODELS)) == expected


def test_fits_of_one_estimator_at_once(switch_often):
    """The last one to end leaves its fit, whole: nothing of two of them is mixed."""
    model = GRURegressor(8, **SMALL)
    targets = [Y, 1000 * Y, np.column_stack([Y, -Y])]
    expected = [everything(copy_of(model).fit(X, y)) for y in targets]
    start = Barrier(len(targets))

    def fit(y):
        start.wait()
        model.fit(X, y)

    with ThreadPoolExecutor(len(targets)) as pool:
        for _ in range(10):
            list(pool.map(fit, targets))
            assert everything(model) in expected


# ---- predictions ---------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_predictions_of_one_estimator_at_once(model, switch_often):
    model = copy_of(model).fit(X, target_of(model))
    expected = everything(model)
    start = Barrier(6)

    def predict(_):
        start.wait()
        return everything(model)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(predict, range(12))) == [expected] * 12


TWO_FITS = [
    # other units of y, other classes, another size, precision and number of outputs
    (LSTMRegressor(8, **SMALL), {}, lambda y: 1000 * y + 5000),
    (LSTMClassifier(8, **SMALL), {}, lambda y: 10 * y),
    (GRURegressor((8, 4), **SMALL), {"hidden_layer_sizes": (21,)}, lambda y: y),
    (RNNRegressor(8, **SMALL), {"dtype": "float64"}, lambda y: np.column_stack([y, y])),
]


def two_fits(model, params, other):
    """A fitted model, a function that fits it to the one or the other, and what it
    predicts after each."""
    y, model = target_of(model), copy_of(model)
    first = model.get_params()
    expected = []

    def fit(k):
        model.set_params(**(params if k else first)).fit(X, other(y) if k else y)

    for k in (1, 0):
        fit(k)
        expected.insert(0, model.predict(X))
    assert not np.array_equal(*expected)
    return model, fit, expected


@pytest.mark.parametrize("model, params, other", TWO_FITS)
@pytest.mark.parametrize("method", ["predict", "step", "transform"])
def test_a_fit_in_the_middle_of_a_prediction(model, params, other, method, monkeypatch):
    """The prediction is of the fit that it began with."""
    model, fit, _ = two_fits(model, params, other)
    steps = np.stack([x[0] for x in X if len(x)])

    def call():
        if method == "step":
            return model.predict_step(steps, state)[0]
        return getattr(model, method)(X)

    state = model.initial_state(len(steps))
    expected = call()
    before = model._fitted.parameters
    network, took = Fitted.network, []

    def fit_and_take(self, **options):
        if not took:  # and none in what the fit itself does
            took.append(self)
            fit(1)
        return network(self, **options)

    monkeypatch.setattr(Fitted, "network", fit_and_take)
    assert_array_equal(call(), expected)
    assert took and model._fitted.parameters is not before


@pytest.mark.parametrize("model, params, other", TWO_FITS)
def test_predictions_while_another_thread_fits(model, params, other, switch_often):
    """Every prediction is of one fit or the other, and both are seen."""
    model, fit, expected = two_fits(model, params, other)
    expected = [(values.shape, values.tobytes()) for values in expected]
    stop = Event()

    def predict(_):
        seen = set()
        while not stop.is_set() or not seen:
            values = model.predict(X)
            seen.add((values.shape, values.tobytes()))
        return seen

    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(predict, k) for k in range(3)]
        try:
            for k in range(20):
                fit((k + 1) % 2)
        finally:
            stop.set()
    assert set().union(*(result.result() for result in results)) == set(expected)


# ---- shared state of the package -----------------------------------------------------


def test_networks_of_many_threads_are_kept_once_each():
    """What a call took is given back, so that there are no more than calls at once."""
    model = GRURegressor(8, **SMALL).fit(X, Y)
    start = Barrier(4)
    original = Network.predict

    def together(self, *args):
        start.wait(timeout=30)
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(Network, "predict", together)
        list(pool.map(lambda _: model.predict(X), range(8)))
    networks = model._fitted.idle
    assert len(networks) == len({id(network) for network in networks}) == 4


# ---- how many ------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS[:7:2], ids=lambda model: type(model).__name__)
def test_n_jobs_is_no_parameter(model):
    """The message says what sets threads."""
    Estimator = type(model)
    message = f"{Estimator.__name__} has no parameter n_jobs.*OMP_NUM_THREADS.*threadp"
    with pytest.raises(TypeError, match=message):
        Estimator(8, n_jobs=2)
    with pytest.raises(ValueError, match=message):
        Estimator().set_params(n_jobs=2)
    with pytest.raises(ValueError, match=message):
        Pipeline([("model", Estimator())]).set_params(model__n_jobs=2)
    assert "n_jobs" not in signature(Estimator).parameters
    assert list(signature(Estimator).parameters)[0] == "hidden_layer_sizes"
    with pytest.raises(TypeError, match="unexpected keyword argument 'jobs'"):
        Estimator(jobs=2)


def test_a_subclass_may_have_n_jobs():
    class Parallel(LSTMClassifier):
        def __init__(self, hidden_layer_sizes=4, n_jobs=None):
            super().__init__(hidden_layer_sizes)
            self.n_jobs = n_jobs

    assert Parallel(n_jobs=2).set_params(n_jobs=3).n_jobs == 3
