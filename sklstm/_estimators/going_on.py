"""Fits that go on from another: what has to be the same, and new units of the head."""

import numpy as np

from .._training.optimizers import rescaled
from .tokens import as_parameters, asked_embedding


def check_same_network(estimator, fitted):
    """Say when the network of a fit that continues would be another one."""
    before = {**fitted.architecture, "missing": fitted.missing}
    asked = {**estimator._asked_architecture(), "missing": estimator.missing}
    asked["embedding"] = asked_embedding(estimator, fitted.features)
    by_dtype = fitted.categories is not None
    before |= as_parameters(before.pop("embedding", None), by_dtype)
    by_dtype = isinstance(estimator.categorical_features, str)
    asked |= as_parameters(asked.pop("embedding"), by_dtype)
    for values in (before, asked):
        values |= estimator._cell_parameters(values.pop("cell"))
    changed = [name for name in before if before[name] != asked.get(name, before[name])]
    if changed:
        was, now = (
            ", ".join(f"{name}={values[name]!r}" for name in changed)
            for values in (before, asked)
        )
        raise ValueError(
            f"{', '.join(changed)} cannot change between fits that continue: the "
            f"fitted network has {was}, the parameters say {now}. Set "
            "warm_start=False and call fit to start anew."
        )


def begin_where_it_was(estimator, fitted, network, change):
    """Parameters, the state of the optimizer, and the best loss so far, if any."""
    parameters = fitted.parameters.copy()
    state, best_loss = estimator._optimizer_state, estimator.best_loss_
    if change is not None:
        state = change_head(network, parameters, state, fitted.target.loss, change)
        if change.new_units:
            best_loss = None  # it was in other ones
    return parameters, state, best_loss


def change_head(network, parameters, optimizer_state, loss, change):
    """Let the head give a z + b + start in place of z, in place; the state that the
    optimizer would have if it had always done so."""
    _, a, b, start = change
    head = network.views(parameters)["head"]
    if (a != 1).any() or b.any():
        weight, bias = loss.in_other_units(
            *(head[name].astype(np.float64) for name in "wb"), a, b
        )
        head["w"][:], head["b"][:] = weight, bias
        # Differences are a times as large, and what goes back through the head
        # again; where outputs differ in a, their mean.
        factor = np.full(len(parameters), np.mean(a**loss.degree))
        by_output = np.repeat(a ** (loss.degree - 1), len(start) // len(a))
        for part in network.views(factor)["head"].values():
            part[:] = by_output
        optimizer_state = rescaled(optimizer_state, factor) or {"solver": None}
    head["b"] += start.astype(head["b"].dtype)
    return optimizer_state
