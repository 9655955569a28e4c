"""Groups of parameters as readers of the documentation meet them."""

from .parameters import (
    AnyCell,
    Data,
    GRUCell,
    LSTMCell,
    Network,
    Optimizer,
    RNNCell,
    Stopping,
    Tokens,
    parameters_of,
)
from .task_parameters import Regression

GENERAL = (
    Network, AnyCell, LSTMCell, GRUCell, RNNCell, Tokens, Regression, Optimizer,
    Stopping, Data,
)  # fmt: skip
# Where a parameter stands, also when a task says anew what it means there.
HOMES = {name: group.title for group in GENERAL for name in parameters_of(group)}
# What all estimators have alike comes last.
COMMON = (Optimizer.title, Stopping.title, Data.title)


def titled(*groups):
    """Names of the parameters of these groups by their titles."""
    names = {Network.title: {}}
    for group in groups:
        for name in parameters_of(group):
            title = HOMES.get(name) or getattr(group, "title", Network.title)
            names.setdefault(title, {})[name] = None
    order = sorted(names, key=lambda title: title in COMMON and COMMON.index(title) + 1)
    return {title: tuple(names[title]) for title in order}
