"""What is wrong with the parameters of an estimator, alone and together."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
from sklearn.utils.metaestimators import available_if

from .tokens import check_tokens

NO_JOBS = (
    "has no parameter n_jobs: its kernels use as many threads as the environment "
    "variable OMP_NUM_THREADS says before the import, or "
    "threadpoolctl.threadpool_limits(n, user_api='openmp') around a call. n_jobs is "
    "for what makes many fits, such as GridSearchCV."
)


def hidden_sizes(estimator):
    """Sizes of the layers, of a valid parameter."""
    sizes = np.atleast_1d(getattr(estimator, estimator._sizes)).tolist()
    return tuple(int(size) for size in sizes)


def precision(estimator):
    """Name of a valid `dtype`; NumPy knows bfloat16 only where another package is."""
    dtype = estimator.dtype
    return dtype if isinstance(dtype, str) else np.dtype(dtype).name


def check_parameters(
    estimator, validation=(None, None, None), groups=None, incremental=False
):
    """An error if parameters are not valid, or do not go with what a fit is given."""
    if isinstance(estimator.learning_rate, Real):
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} is a number, but learning_rate "
            "is the name of a schedule ('constant', 'invscaling', 'adaptive' or "
            "'cosine'). Did you mean "
            f"learning_rate_init={estimator.learning_rate!r}?"
        )
    estimator._validate_params()
    name = estimator._sizes
    sizes = getattr(estimator, name)
    for size in np.atleast_1d(np.asarray(sizes, dtype=object)):
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(
                f"{name} must be a positive integer or a tuple of them, got {sizes!r}."
            )
    if not hidden_sizes(estimator):
        raise ValueError(f"{name} is empty: it needs the size of at least one layer.")
    if precision(estimator) not in estimator._precisions:
        *others, last = estimator._precisions
        raise ValueError(
            f"dtype must be {', '.join(others)} or {last}, got {estimator.dtype!r}."
        )
    check_tokens(estimator)
    estimator._check_own_parameters()
    if incremental and estimator.early_stopping:
        raise ValueError(
            "partial_fit does not support early_stopping=True: it has no data to "
            "set aside. Use fit, or early_stopping=False."
        )
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator)
    if estimator._truncation is not None:
        _check_tbptt(estimator)
    _check_validation(estimator, validation, groups)
    estimator._reader().check_parameters(incremental)


def _check_lbfgs(estimator):
    if estimator.early_stopping:
        raise ValueError(
            "solver='lbfgs' does not support early_stopping=True: it goes on until "
            "it has converged. Use early_stopping=False, or another "
            "solver."
        )
    if estimator.dropout or estimator.recurrent_dropout:
        raise ValueError(
            "solver='lbfgs' does not support dropout: it needs a loss that is the "
            "same at every evaluation. Use dropout=0 and recurrent_dropout=0, or "
            "another solver."
        )
    if estimator.tbptt is not None:
        raise ValueError(
            f"solver='lbfgs' does not support tbptt={estimator.tbptt!r}: its line "
            "search needs the whole gradient of the loss. Use tbptt=None, or "
            "another solver."
        )


def _check_tbptt(estimator):
    if estimator.bidirectional:
        raise ValueError(
            f"tbptt={estimator.tbptt!r} does not go with bidirectional=True: one "
            "direction reads from the end, so that no part of a sequence is its "
            "last steps for both. Use tbptt=None or bidirectional=False."
        )
    if estimator.pooling != "last":
        raise ValueError(
            f"tbptt={estimator.tbptt!r} does not go with pooling="
            f"{estimator.pooling!r}, which sends gradients to every step. Use "
            "tbptt=None or pooling='last'."
        )


def _check_validation(estimator, validation, groups):
    X_val, y_val, weight_val = validation
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together.")
    if weight_val is not None and X_val is None:
        raise ValueError("sample_weight_val is given without X_val and y_val.")
    if X_val is not None and not estimator._holds_out:
        raise ValueError(
            "X_val and y_val are passed to fit while early_stopping=False. They "
            "are used for early stopping: set early_stopping=True."
        )
    if groups is not None and not estimator._holds_out:
        raise ValueError(
            "groups are passed to fit while early_stopping=False. They are used to "
            "set samples aside for early stopping: set early_stopping=True, or "
            "leave groups out (with metadata routing: set_fit_request"
            "(groups=False))."
        )
    if groups is not None and X_val is not None:
        raise ValueError(
            "groups are passed to fit together with X_val, so that nothing is set "
            "aside for which they could be used: leave one of them out."
        )


Method = TypeVar("Method", bound=Callable)


def with_minibatches(method: Method) -> Method:
    """Have a method for the solvers that take minibatches only."""
    return available_if(_takes_minibatches)(method)


def _takes_minibatches(estimator):
    """Whether there is `partial_fit`; if not, an AttributeError that says why."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which needs all samples "
            "at once. Use another solver, or fit with warm_start=True."
        )
    return True
