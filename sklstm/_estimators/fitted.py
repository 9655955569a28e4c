"""What a fit has found: all that predictions, streams, inspection and export read."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._network.exchange import torch_weights
from .._targets.labels import Labels
from .._targets.numbers import Numbers
from ..sequences._check import Features
from ..sequences._missing import fill_forward


def fitted_of(estimator):
    """What an estimator has found in its last fit; an error if it has not."""
    try:
        return estimator._fitted
    except AttributeError:
        check_is_fitted(estimator)
        raise


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with its parameters, and what turns X into its input and its output
    into predictions. A fit makes a new one, so that whoever has one has it whole.
    """

    # Whether `outputs_of` needs the target, beside what the network makes of it.
    reads_target = False

    # What makes a network, and its arguments beside the sizes of input and output.
    build: Callable
    architecture: dict
    features: Features
    target: Labels | Numbers
    missing: str
    # (F,), what stands for values before the first one observed.
    first_value: np.ndarray | None = None
    # Tokens by id, where X of the fit knew them.
    vocabulary: tuple | None = None
    # Categories by the number of their column, where the dtypes of X said them.
    categories: dict | None = None
    # (P,), read-only; None before training.
    parameters: np.ndarray | None = None
    # Networks that are packed and not in use.
    idle: list = field(default_factory=list, init=False, repr=False)

    def __post_init__(self):
        if self.parameters is not None:
            self.parameters.flags.writeable = False

    @classmethod
    def of(cls, build, state, features, target_of):
        """The one of this state; `target_of` makes a target of its own one."""
        target = target_of(**state["target"])
        return cls(build, **{**state, "features": features, "target": target})

    @property
    def state(self):
        """Plain types, but for the features, which an estimator has as attributes."""
        return {
            "architecture": self.architecture,
            "target": self.target.state,
            "missing": self.missing,
            "first_value": self.first_value,
            "vocabulary": self.vocabulary,
            "categories": self.categories,
            "parameters": self.parameters,
        }

    def with_parameters(self, parameters):
        return replace(self, parameters=parameters)

    @property
    def n_inputs(self):
        """Features of a step as the network reads it."""
        return self.features.n_sequence_features * (1 + (self.missing == "indicator"))

    @property
    def hidden_sizes(self):
        """Units of each layer."""
        return self.architecture["hidden_layer_sizes"]

    @property
    def embedding(self):
        """What the network knows of columns that are ids; None where none is."""
        return self.architecture.get("embedding")

    @cached_property
    def kind(self):
        """What a state must agree with to be one of this network."""
        return {
            **self.architecture,
            "n_features": self.features.n_sequence_features,
            "missing": self.missing,
        }

    def read(self, X, seen=None):
        """What the network reads of valid X: it knows no missing values.

        `seen` (n, F) are values that were seen before, else they are those of the fit.
        """
        if self.missing == "error":
            return X
        first = self.first_value if seen is None else seen
        with np.errstate(under="ignore"):
            return fill_forward(X, first, indicator=self.missing == "indicator")

    def examples(self, samples):
        """What the network learns of valid samples: data, first rows and lengths; the
        target and the weight of each. Of some targets they are windows."""
        rows = self.read(samples.X)._as_rows()
        if not hasattr(self.target, "windows"):
            return rows, samples.y, samples.weight
        starts, lengths, sequence = self.target.windows(samples.X._offsets)
        weight = samples.weight
        weight = None if weight is None else weight[sequence]
        return (rows[0], starts, lengths), samples.y.at_rows(starts, lengths), weight

    def outputs_of(self, network, rows, target):
        """What the scorer of the target reads, of rows of data with this target; None
        where it is not finite."""
        raw = network.predict_of(rows, target)
        return network.for_loss(raw) if np.isfinite(raw).all() else None

    def make_network(self, **changes):
        """A network of this architecture, or of one with changes, without weights."""
        return self.build(
            n_features=self.n_inputs,
            n_outputs=self.target.n_outputs,
            **{**self.architecture, **self.target.head, **changes},
        )

    def network(self):
        """A context of a network with these parameters that no other thread uses."""
        return _NetworkInUse(self)

    @cached_property
    def _weights(self):
        network = self.make_network()
        weight, bias = self.head(network)
        weights = torch_weights(network, self.parameters)
        weights |= {"head_weight": weight, "head_bias": bias, **self.paths}
        for array in weights.values():
            array.flags.writeable = False
        return weights

    @property
    def weights(self):
        """All parameters by PyTorch's names, read-only, the head in units of y."""
        return dict(self._weights)

    @cached_property
    def paths(self):
        """Scores of transitions, starts and ends, where there is a random field; -inf
        of those that are not allowed."""
        if not self.target.head.get("crf"):
            return {}
        names = "transitions", "start_transitions", "end_transitions"
        with self.network() as network:
            return dict(zip(names, network.layers[-1].scores, strict=True))

    def head(self, network):
        """Weight (K, H) and bias (K,) of the head, in the units of its outputs."""
        return self.target.head_in_units(*network.head(self.parameters))


class _NetworkInUse:
    """Takes a network from the idle ones, or makes one, and gives it back."""

    __slots__ = ("fitted", "network")

    def __init__(self, fitted):
        self.fitted = fitted

    def __enter__(self):
        try:
            self.network = self.fitted.idle.pop()
        except IndexError:
            self.network = self.fitted.make_network()
            self.network.load(self.fitted.parameters, backward=False)
        return self.network

    def __exit__(self, *error):
        self.network.shrink()
        self.fitted.idle.append(self.network)
