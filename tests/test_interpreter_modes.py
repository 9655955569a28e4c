"""Every class works whatever the interpreter, and NumPy, are told."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tour

SCRIPT = Path(tour.__file__)


@pytest.mark.parametrize(
    "options",
    [("-OO", "-bb", "-I"), ("-X", "dev", "-W", "error")],
    ids=" ".join,
)
def test_every_class_runs(options):
    """Without assertions and docstrings, with warnings as errors, isolated, and so on.

    `-X dev` shows what is left open on the standard error.
    """
    child = subprocess.run(
        [sys.executable, *options, SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.endswith("every public name was there\n")


# Numbers that are none in float32, or whose squares are none.
@pytest.mark.parametrize("x_scale, y_scale", [(1e-310, 1e-310), (1e-30, 1), (1e18, 1)])
def test_every_class_runs_where_floating_point_errors_are_raised(x_scale, y_scale):
    with np.errstate(all="raise"):
        tour.tour_of_estimators(x_scale, y_scale)
        tour.tour_of_inspection(x_scale)
        if x_scale > 1e-300:  # squares of StandardScaler underflow
            tour.tour_of_preprocessing(x_scale)


@pytest.mark.parametrize("method", ["predict", "predict_step", "transform"])
@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_what_is_filled_may_be_too_small(method, missing):
    """The mean of a feature, which stands for what was never seen, is a float64."""
    X = [np.float32([[3e-45], [1.4e-45], [1.4e-45]]), np.float32([[np.nan]])]
    model = tour.small(tour.REGRESSORS[0], missing=missing)
    with np.errstate(all="raise"):
        tour.fitted(model, X, [0.0, 1.0])
        if method == "predict_step":
            model.predict_step([[np.nan]], model.initial_state())
        else:
            getattr(model, method)(X)


@pytest.mark.parametrize("classes", [2, 3, (2, 2)])
def test_probabilities_may_be_too_small(classes):
    y = np.indices(np.atleast_1d(classes)).reshape(-1, np.prod(classes)).T
    X = tour.sequences(n=len(y))
    target = tour.fitted(
        tour.small(tour.CLASSIFIERS[1]), X, np.squeeze(y)
    )._fitted.target
    raw = np.linspace(-2000, 2000, target.n_outputs)[np.newaxis]
    with np.errstate(all="raise"):
        for method in target.methods:
            for values in (raw, -raw, raw - 740):
                found = getattr(target, method)(values)
                assert np.isfinite(found).all() or "log" in method


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("loss", tour.LOSSES)
def test_divergence_is_a_warning_where_floating_point_errors_are_raised(solver, loss):
    X = tour.sequences(1e18)
    model = tour.small(
        tour.REGRESSORS[0], solver=solver, loss=loss, learning_rate_init=1e30,
        max_grad_norm=None,
    )  # fmt: skip
    with np.errstate(all="raise"):
        tour.fitted(model, X, tour.targets(model, len(X)))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_predictions_that_are_not_finite_are_a_warning_of_ours(method):
    X = tour.sequences()
    model = tour.small(
        tour.CLASSIFIERS[2], activation="relu", learning_rate_init=1e30,
        max_grad_norm=None,
    )  # fmt: skip
    with np.errstate(all="raise"):
        tour.fitted(model, X, tour.targets(model, len(X)))
        with pytest.warns(match="not finite"):
            getattr(model, method)(X)
