"""What ends a fit, which weights it leaves, and what the next one goes on from."""

import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._estimators.solver import planned_epochs
from sklstm._training.monitor import BestPlace
from sklstm._training.optimizers import SGD
from sklstm._training.schedules import LearningRate, auto_batch_size, auto_epochs

since_1_9 = pytest.mark.skipif(
    sklearn.__version__.startswith("1.8."), reason="scikit-learn 1.8 has no callbacks"
)

ALL = [LSTMClassifier, LSTMRegressor, GRUClassifier, GRURegressor]
ALL += [RNNClassifier, RNNRegressor]
all_estimators = pytest.mark.parametrize("Estimator", ALL)
SOLVERS = ["adam", "adamw", "sgd", "rmsprop"]
NOTHING_IS_BETTER = {"tol": 1e6, "n_iter_no_change": 2}


def problem(Estimator=LSTMClassifier, n=24, seed=0):
    """Ragged noise and a target that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(T, 2)) for T in rng.integers(1, 7, size=n)]
    y = rng.permutation(n) % 3
    return X, y if "Classifier" in Estimator.__name__ else 10.0 * y + 3


def small(Estimator=LSTMClassifier, **params):
    params = {"max_iter": 30, "batch_size": 6, "random_state": 0, **params}
    return Estimator(4, **params)


def restless(Estimator=LSTMClassifier, solver="adam", **params):
    """Whose loss jumps until it has not been better for three epochs."""
    rate = {"sgd": 2.0, "rmsprop": 0.1}.get(solver, 0.3)
    if Estimator is RNNRegressor and solver == "sgd":
        rate = 1.0  # no divergence
    defaults = {"learning_rate": "constant", "learning_rate_init": rate}
    defaults |= {"n_iter_no_change": 3, "max_iter": 200}
    return small(Estimator, solver=solver, **{**defaults, **params})


def for_epochs(estimator, n_epochs, X, y):
    """A copy that is fitted for so many epochs, whatever its loss."""
    copy = clone(estimator).set_params(max_iter=n_epochs, n_iter_no_change=np.inf)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum iterations", ConvergenceWarning)
        return copy.fit(X, y)


def for_more(estimator, n_epochs, X, y):
    """The same estimator after so many epochs more."""
    estimator.set_params(max_iter=n_epochs, warm_start=True, n_iter_no_change=np.inf)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum iterations", ConvergenceWarning)
        return estimator.fit(X, y)


def best_place(loss_curve):
    """Epochs up to the place between the two best epochs in a row."""
    losses = np.array(loss_curve)
    return 1 + int(np.argmin(losses[:-1] + losses[1:]))


def assert_other(one, other):
    changed = [(w != other.weights_[k]).any() for k, w in one.weights_.items()]
    assert all(changed[:2])


def assert_same(one, other):
    for name, weight in one.weights_.items():
        assert_array_equal(weight, other.weights_[name])


class Stop:
    """A callback that ends training after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context, **given): ...
    def on_fit_task_end(self, estimator, context, **given):
        return context.task_name == "epoch" and context.task_id == self.n_epochs - 1


# ---- a planned schedule ------------------------------------------------------------


def test_only_cosine_is_planned():
    names = ["constant", "invscaling", "adaptive", "cosine"]
    planned = [LearningRate(name, 0.1, 0.5, 10).planned for name in names]
    assert planned == [False, False, False, True]


@all_estimators
@pytest.mark.filterwarnings("error")
def test_a_plan_ends_without_a_warning_whatever_the_loss(Estimator):
    """`n_iter_no_change` has no say, and there is nothing to converge."""
    X, y = problem(Estimator)
    model = small(Estimator, learning_rate="cosine", **NOTHING_IS_BETTER).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 30
    assert model.loss_ == model.loss_curve_[-1]


def test_a_plan_keeps_the_last_weights():
    """Those that the falling rate has led to; another patience is the same fit."""
    X, y = problem()
    impatient = small(**NOTHING_IS_BETTER).fit(X, y)
    patient = for_epochs(impatient, 30, X, y)
    assert_same(impatient, patient)


@pytest.mark.filterwarnings("error")
def test_a_validation_score_stops_a_plan():
    X, y = problem()
    model = small(early_stopping=True, **NOTHING_IS_BETTER).fit(X, y, X_val=X, y_val=y)
    assert model.learning_rate == "cosine"
    assert model.n_iter_ == 4
    model.set_params(n_iter_no_change=np.inf).fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 30


@pytest.mark.filterwarnings("error")
def test_every_fit_has_its_own_plan():
    """With warm_start the rate begins again at its first value."""
    X, y = problem()
    parts = small(max_iter=5, warm_start=True).fit(X, y).fit(X, y)
    whole = small(max_iter=10).fit(X, y)
    assert len(parts.loss_curve_) == len(whole.loss_curve_) == 10
    assert parts.loss_curve_[:2] != whole.loss_curve_[:2]
    # of the first epoch after the restart: the rate is that of a constant one
    constant = clone(parts).set_params(max_iter=5).fit(X, y)
    constant.set_params(learning_rate="constant", max_iter=1)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        constant.fit(X, y)
    assert constant.loss_curve_ == parts.loss_curve_[:6]


def test_schedules_without_a_plan_warn_at_the_last_epoch():
    X, y = problem()
    for schedule in ("constant", "invscaling", "adaptive"):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)"):
            small(learning_rate=schedule, max_iter=3).fit(X, y)


# ---- the loss that has not got better ----------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Estimator", ALL)
def test_where_the_loss_stops_a_fit_it_leaves_the_best_place(Estimator, solver):
    """The model of a fit that was made to end there, not that of the last epoch."""
    X, y = problem(Estimator)
    model = restless(Estimator, solver).fit(X, y)
    n_best = best_place(model.loss_curve_)
    assert n_best < model.n_iter_ == len(model.loss_curve_) < 200
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)
    assert_same(model, for_epochs(model, n_best, X, y))
    last = for_epochs(model, model.n_iter_, X, y)
    assert last.loss_curve_ == model.loss_curve_
    assert_other(model, last)


@pytest.mark.filterwarnings("error")
def test_adaptive_leaves_the_best_place():
    """The steps have become small long before it ends."""
    X, y = problem()
    model = restless(learning_rate="adaptive", learning_rate_init=1.0).fit(X, y)
    n_best = best_place(model.loss_curve_)
    assert n_best < model.n_iter_ < 200
    ended = clone(model).set_params(max_iter=n_best)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        ended.fit(X, y)
    assert ended.loss_curve_ == model.loss_curve_[:n_best]
    assert_same(model, ended)


def test_a_spike_is_not_kept():
    """Two pairs of good epochs with a spike between and after: the better pair."""
    place, optimizer = BestPlace(), SGD(1, float, momentum=0, nesterovs_momentum=True)
    for epoch, loss in enumerate([3.0, 2.0, 0.1, 9.0, 1.0, 0.5, 8.0, 2.0]):
        optimizer.velocity[:] = epoch
        state = {"velocity": optimizer.velocity.copy()}
        place.update(loss, np.array([10.0 * epoch]), state)
    parameters = np.zeros(1)
    place.restore(parameters, optimizer)
    assert parameters == 50 and optimizer.velocity == 5


def test_the_first_epoch_alone_is_no_place():
    """However good: the parameters before it have not learnt anything."""
    place = BestPlace()
    place.update(0.0, np.zeros(1), {})
    assert place.parameters is None
    place.update(1.7e308, np.ones(1), {})
    place.update(1.7e308, np.full(1, 2.0), {})
    assert place.parameters == 1


def test_the_last_epoch_leaves_its_weights():
    """Ended by `max_iter`, so that 10 epochs and 10 more are 20 at a constant rate."""
    X, y = problem()
    whole = restless(max_iter=20, n_iter_no_change=np.inf)
    parts = clone(whole).set_params(max_iter=10, warm_start=True)
    for model in (whole, parts, parts):
        with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
            model.fit(X, y)
    assert best_place(whole.loss_curve_) < 19
    assert parts.loss_curve_ == whole.loss_curve_
    assert_same(parts, whole)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_goes_on_begins_at_the_best_place(solver):
    """With the optimizer of that place: as if the fit had ended there."""
    X, y = problem()
    stopped = restless(solver=solver, shuffle=False).fit(X, y)
    n_best = best_place(stopped.loss_curve_)
    assert n_best < stopped.n_iter_
    ended = for_epochs(stopped, n_best, X, y)
    for model in (stopped, ended):
        model.partial_fit(X, y)
    assert stopped.loss_curve_[-1] == ended.loss_curve_[-1]
    assert_same(stopped, ended)


def test_the_best_place_is_one_of_this_fit():
    """A fit that goes on with harder data does not fall back to where it began."""
    X, y = problem()
    model = restless(max_iter=10, n_iter_no_change=np.inf)
    model = for_epochs(model, 10, X, y).set_params(warm_start=True, n_iter_no_change=2)
    before = model.best_loss_
    old = clone(model).set_params(max_iter=10, n_iter_no_change=np.inf)
    old = for_epochs(old, 10, X, y)
    assert_same(model, old)
    _, other = problem(seed=1)
    model.fit(X, other)
    new = model.loss_curve_[10:]
    assert len(new) == model.n_iter_ == 3
    assert min(new) > before == model.best_loss_
    assert_same(model, for_more(old, best_place(new), X, other))


def test_a_pass_leaves_its_weights():
    """partial_fit does not look back, however the loss went."""
    X, y = problem()
    model, patient = (restless(n_iter_no_change=k, tol=1e3) for k in (1, np.inf))
    for _ in range(8):
        model.partial_fit(X, y, classes=[0, 1, 2])
        patient.partial_fit(X, y, classes=[0, 1, 2])
    assert_same(model, patient)


@since_1_9
@pytest.mark.filterwarnings("error")
def test_a_callback_leaves_the_weights_of_its_moment():
    X, y = problem()
    whole = restless(max_iter=30, n_iter_no_change=np.inf)
    curve = for_epochs(whole, 30, X, y).loss_curve_
    n_epochs = next(k for k in range(2, 30) if best_place(curve[:k]) < k - 1)
    stopped = clone(whole).set_callbacks(Stop(n_epochs)).fit(X, y)
    assert stopped.n_iter_ == n_epochs
    assert_same(stopped, for_epochs(whole, n_epochs, X, y))


# ---- minibatches and epochs that follow from the number of samples -----------------


def test_automatic_batch_size():
    sizes = {1: 1, 32: 32, 33: 8, 128: 8, 144: 9, 400: 25, 512: 32, 10**6: 32}
    assert {n: auto_batch_size(n) for n in sizes} == sizes


def test_automatic_epochs():
    """2500 updates, where these are 10 to 100 epochs."""
    epochs = {(24, 24): 100, (800, 32): 100, (1600, 32): 50, (1601, 32): 49}
    epochs |= {(8000, 32): 10, (10**6, 32): 10, (8000, 320): 100, (100, 1): 25}
    assert {case: auto_epochs(*case) for case in epochs} == epochs


@all_estimators
def test_defaults_follow_the_number_of_samples(Estimator):
    """To the bit those of the same fit with the numbers that "auto" stands for."""
    X, y = problem(Estimator, n=40)
    automatic = Estimator(4, random_state=0).fit(X, y)
    told = Estimator(4, random_state=0, batch_size=8, max_iter=100).fit(X, y)
    assert automatic.n_iter_ == 100
    assert automatic.loss_curve_ == told.loss_curve_
    assert_same(automatic, told)


def test_many_samples_make_fewer_epochs():
    X = np.random.default_rng(0).normal(size=(1600, 1))
    model = LSTMClassifier(1, random_state=0).fit(X, X[:, 0] > 0)
    assert model.n_iter_ == 50
    model.set_params(batch_size=200).fit(X, X[:, 0] > 0)
    assert model.n_iter_ == 100


def test_without_a_plan_automatic_epochs_are_100():
    X = np.random.default_rng(0).normal(size=(1600, 1))
    model = LSTMClassifier(1, learning_rate="constant", random_state=0)
    model.set_params(n_iter_no_change=np.inf)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(100\)"):
        model.fit(X, np.arange(1600) % 2)
    assert model.n_iter_ == 100
    model.set_params(learning_rate="cosine", solver="lbfgs")
    assert planned_epochs(model, 1600, 1600) == 100
