"""Training written out: solvers, schedules, penalty, minibatches, random state."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from task_cases import (
    AT_START,
    assert_same_bits,
    dtypes,
    every_task,
    fitted,
    flat,
    make_target,
    ragged,
    small,
)
from training_cases import adam_step, reference_training, rmsprop_step, sgd_step

from sklstm._network.build import whole_sequence_network
from sklstm._network.losses import SoftmaxCrossEntropy, SquaredError

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- training written out: solvers, schedules, penalty, clipping, minibatches -----


def steps_of(params):
    """The optimizer of these parameters, written out."""
    solver = params.get("solver", "adam")
    if solver == "adamw":
        return lambda network: adam_step(network, params.get("alpha", 0.0))
    if solver == "adam":
        return adam_step
    if solver == "rmsprop":
        return rmsprop_step
    if params.get("momentum", 0.9) == 0:

        def plain(network):
            def step(p, g, rate):
                p -= rate * g

            return step

        return plain
    if not params.get("nesterovs_momentum", True):

        def heavy_ball(network):
            v = np.zeros(network.layout.size)

            def step(p, g, rate):
                v[:] = 0.9 * v - rate * g
                p += v

            return step

        return heavy_ball
    return sgd_step


RATES = {
    "constant": lambda epoch: 1,
    "invscaling": lambda epoch: (10 * epoch + 1) ** -0.5,
    "cosine": lambda epoch: (1 + np.cos(np.pi * epoch / 4)) / 2,
    "adaptive": lambda epoch: 1,
}
WRITTEN_OUT = [
    {},
    {"solver": "adam", "alpha": 0.3},
    {"solver": "adamw", "alpha": 0.3},
    {"solver": "adamw"},
    {"solver": "rmsprop"},
    {"solver": "rmsprop", "alpha": 0.3, "learning_rate": "invscaling"},
    {"solver": "sgd"},
    {"solver": "sgd", "alpha": 0.3, "max_grad_norm": None},
    {"solver": "sgd", "nesterovs_momentum": False},
    {"solver": "sgd", "momentum": 0.0, "max_grad_norm": None},
    {"max_grad_norm": 0.01, "solver": "sgd"},
    {"max_grad_norm": None},
    {"batch_size": 4},
    {"batch_size": 10},
    {"batch_size": 1},
    *({"learning_rate": name} for name in ("invscaling", "cosine", "adaptive")),
    *({"learning_rate": name, "solver": "sgd"} for name in ("invscaling", "cosine")),
]


@pytest.mark.parametrize("task", ["multiclass", "multioutput"])
@pytest.mark.parametrize("params", WRITTEN_OUT, ids=str)
def test_training_written_out(task, params):
    """Four epochs of fit are four epochs of NumPy, from the same start."""
    X = ragged(10)
    y = make_target(task, X)
    # max_iter is 1 at the start, and the schedule of "cosine" needs the real one
    common = {"dtype": "float64", "shuffle": False, "hidden": (4, 3), "batch_size": 4}
    begin = small(task, **{**common, **AT_START}).fit(X, y)
    arguments = {**common, "learning_rate_init": 0.05, "max_iter": 4, **params}
    estimator = small(task, **arguments).fit(X, y)

    network = whole_sequence_network(3, (4, 3), 3, np.float64)
    if task == "multiclass":
        loss, target, scale, mean = SoftmaxCrossEntropy(), y, 1.0, 0.0
    else:
        scale, mean = y.std(axis=0), y.mean(axis=0)
        loss, target = SquaredError(), (y - mean) / scale
    rate = RATES[params.get("learning_rate", "constant")]
    expected, curve = reference_training(
        network, flat(begin, network.layout, scale, mean), X, target, loss,
        steps_of(params), epochs=4, batch_size=arguments["batch_size"],
        orders=[np.arange(10)] * 4, max_grad_norm=params.get("max_grad_norm", 1.0),
        alpha=0.0 if params.get("solver") == "adamw" else params.get("alpha", 0.0),
        rate=lambda epoch: 0.05 * rate(epoch),
    )  # fmt: skip
    assert_allclose(estimator.loss_curve_, curve, rtol=1e-8)
    got = flat(estimator, network.layout, scale, mean)
    assert np.abs(got - flat(begin, network.layout, scale, mean)).max() > 1e-3
    assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def test_betas_and_epsilon_and_power_t_are_passed_on():
    default = fitted("multiclass")
    for params in ({"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 1e-2}):
        other = fitted("multiclass", **params)
        assert other.loss_curve_[0] != default.loss_curve_[0] or (
            other.loss_curve_[1] != default.loss_curve_[1]
        )
    default = fitted("multiclass", solver="rmsprop")
    for params in ({"beta_2": 0.9}, {"epsilon": 1e-2}):
        other = fitted("multiclass", solver="rmsprop", **params)
        assert other.loss_curve_ != default.loss_curve_
    for params in ({"beta_1": 0.5}, {"momentum": 0.5}):
        other = fitted("multiclass", solver="rmsprop", **params)
        assert_same_bits(other, default)
    default = fitted("multiclass")
    steep = fitted("multiclass", learning_rate="invscaling", power_t=2)
    flat = fitted("multiclass", learning_rate="invscaling", power_t=0)
    assert_same_bits(flat, default)
    assert np.any(steep.weights_["head_weight"] != default.weights_["head_weight"])


def test_adaptive_goes_down_to_its_least_rate():
    """No epoch is better by tol: 1 + 2 epochs at 1e-5, then 2 at 2e-6 and at 4e-7."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = fitted(
            "multiclass", learning_rate="adaptive", learning_rate_init=1e-5, tol=10,
            n_iter_no_change=1, max_iter=50,
        )  # fmt: skip
    assert estimator.n_iter_ == 1 + 3 * 2


def test_stops_when_nothing_changes_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = fitted("multiclass", tol=10.0, n_iter_no_change=4, max_iter=50)
    assert estimator.n_iter_ == 6  # the first is better than none, then 5


def test_batch_size_is_cut_to_n():
    X = ragged(24)
    whole = fitted("multiclass", X, batch_size=24)
    for batch_size in ("auto", 25, 10**9):
        assert_same_bits(fitted("multiclass", X, batch_size=batch_size), whole)
    other = fitted("multiclass", X, batch_size=23)
    assert np.any(other.weights_["head_weight"] != whole.weights_["head_weight"])


def test_auto_batch_is_a_sixteenth():
    X = ragged(205, 1, high=3)
    auto = fitted("single", X, batch_size="auto", hidden=2, max_iter=2)
    assert_same_bits(auto, fitted("single", X, batch_size=12, hidden=2, max_iter=2))
    other = fitted("single", X, batch_size=13, hidden=2, max_iter=2)
    assert np.any(other.weights_["head_weight"] != auto.weights_["head_weight"])


def test_alpha_shrinks_weights():
    norms = []
    for alpha in (0.0, 1.0, 100.0):
        weights = fitted("single", alpha=alpha, max_iter=20).weights_
        norms.append(np.linalg.norm(weights["weight_hh_l0"]))
    assert norms[0] > norms[1] > norms[2]


@pytest.mark.parametrize("alpha", [1e-30, 1e-60, 1e-300])
@dtypes
def test_alpha_too_small_to_matter(alpha, dtype):
    estimator = fitted("single", alpha=alpha, dtype=dtype)
    assert_same_bits(estimator, fitted("single", dtype=dtype))


# ---- random state ----------------------------------------------------------------


@every_task
def test_random_state(task):
    X = ragged()
    first = fitted(task, X, random_state=3)
    assert_same_bits(first, fitted(task, X, random_state=3))
    assert_same_bits(first, fitted(task, X, random_state=np.random.RandomState(3)))
    for a, b in ((first, 4), (fitted(task, X, random_state=None), None)):
        b = fitted(task, X, random_state=b)
        assert np.any(a.weights_["head_weight"] != b.weights_["head_weight"])


def test_global_state_is_not_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    fitted("multiclass")
    assert_array_equal(np.random.get_state()[1], before)


# ---- the end of training, good or bad ---------------------------------------------


@pytest.mark.filterwarnings("default")
def test_convergence_warning():
    with pytest.warns(
        ConvergenceWarning, match=r"Maximum iterations \(2\) reached"
    ) as w:
        fitted("multiclass", max_iter=2)
    assert len(w) == 1


@every_task
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_a_line_per_epoch(task, early_stopping, capsys):
    X = ragged()
    y = make_target(task, X)
    small(
        task, verbose=True, early_stopping=early_stopping, validation_fraction=0.3
    ).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    score = ["Validation score: "] if early_stopping else []
    assert [re.split(r"-?\d+\.\d", line)[0] for line in lines] == [
        part for i in (1, 2, 3) for part in (f"Iteration {i}, loss = ", *score)
    ]
    small(task).fit(X, y)
    assert capsys.readouterr().out == ""
