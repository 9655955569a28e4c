"""Training on all samples at once with L-BFGS: scipy's, on the flat vector."""

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .._network.initializers import one_blas_thread
from .loop import value_and_gradient
from .monitor import Outcome

# Vectors of parameters in float64 that L-BFGS-B and its caller hold: ten pairs of
# differences, five of work, the point, its gradient and their copies.
LBFGS_VECTORS = 32


class _NotFinite(Exception):
    """The loss or its gradient is not finite: there is no going on."""


class _Stopped(Exception):
    """The observer asked to stop."""


def train_lbfgs(
    network, parameters, feed, loss, monitor, penalty, max_iter, max_fun, tol,
    observer, parts=None,
):  # fmt: skip
    """Train in place until no part of the gradient is larger than `tol`, or until an
    iteration lowers the loss by no more than 2.2e-9 of it, scipy's `ftol`, or until
    the observer asks to stop.

    By L-BFGS-B (Byrd et al. 1995; Zhu et al. 1997), which is L-BFGS where there are no
    bounds. The monitor records the loss after every iteration, which is an epoch to the
    observer and begins with its first evaluation. At the end, whichever it is, the
    parameters are those of the last whole iteration. After `max_fun` evaluations of the
    loss, of which an iteration takes one or more, no other iteration begins.

    The outcome has a problem if it stopped for another reason than convergence, or if
    the user interrupted training.
    """
    (batch,) = feed.epoch(None)
    reached = parameters.copy()
    under_way = False

    def objective(x):
        nonlocal under_way
        if not under_way:
            under_way = True
            observer.begin_epoch(reached)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            parameters[:] = x
            if parts is None:
                value, gradient = value_and_gradient(
                    network, parameters, batch, loss, penalty
                )
            else:
                value, gradient, _ = parts.value_and_gradient(
                    network, parameters, batch, penalty, None
                )
        if gradient is None or not (
            np.isfinite(gradient).all() and np.isfinite(parameters).all()
        ):
            raise _NotFinite
        return value, gradient.astype(np.float64)

    n_before, category = len(monitor.loss_curve), ConvergenceWarning
    monitor.begin(max_iter)

    def end_iteration(intermediate_result):
        nonlocal under_way
        under_way = False
        reached[:] = intermediate_result.x
        monitor.update(intermediate_result.fun, reached)
        if observer.end_epoch(reached):
            raise _Stopped

    try:
        with one_blas_thread():
            result = minimize(
                objective, parameters.astype(np.float64), jac=True, method="L-BFGS-B",
                callback=end_iteration,
                options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
            )  # fmt: skip
        if not result.nit:
            monitor.loss = objective(reached)[0]
            monitor.best_loss = min(monitor.best_loss, monitor.loss)
        problem = _what_stopped(result, max_iter, max_fun, tol, monitor)
        if problem is None:
            monitor.say(f"{result.message}. Stopping.")
    except _Stopped:
        problem = None
        monitor.say("Training was asked to stop. Stopping.")
    except _NotFinite:
        monitor.broke_down = True
        problem = (
            "The loss was not finite in iteration "
            f"{len(monitor.loss_curve) - n_before + 1}. Training stopped and the "
            "weights are those from before it. Try to scale X, for example with "
            "TimeDistributed(StandardScaler()), or another solver."
        )
    except KeyboardInterrupt:
        monitor.settle()
        problem, category = "Training interrupted by user.", UserWarning
    parameters[:] = reached
    return Outcome(monitor.n_epochs, problem, category)


def _what_stopped(result, max_iter, max_fun, tol, monitor):
    """What kept L-BFGS-B from converging, None if nothing did."""
    if result.success:
        return None
    if result.nit >= max_iter:
        return (
            f"Maximum iterations ({max_iter}) reached and the optimization hasn't "
            f"converged yet. {monitor.progress('iteration', 'max_iter')}"
        )
    if result.nfev > max_fun:
        return (
            f"Maximum evaluations of the loss (max_fun={max_fun}) reached and the "
            "optimization hasn't converged yet. "
            f"{monitor.progress('iteration', 'max_fun')}"
        )
    return (
        f"L-BFGS found no lower loss after {result.nit} iterations ({result.message}), "
        f"with parts of the gradient above tol={tol:g}. Increase tol, scale X or use "
        "dtype='float64'."
    )
