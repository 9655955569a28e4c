"""A fit under way: what the estimator would be if training ended now."""

import copy
from dataclasses import dataclass

import numpy as np

from .._network.layers.dropout import DropoutSeed
from .._training.monitor import Monitor
from .fitted import Fitted

# Lists that partial_fit appends to in place.
HISTORIES = ("loss_curve_", "validation_scores_")


def with_own_histories(attributes):
    """Attributes of a copy, whose lists do not grow with those of the original."""
    return attributes | {
        name: list(attributes[name])
        for name in HISTORIES
        if isinstance(attributes.get(name), list)
    }


@dataclass
class Progress:
    """What the fitted attributes are made of, but for the parameters."""

    fitted: Fitted  # without parameters
    solver: str | None
    rng: np.random.RandomState
    monitor: Monitor
    # Constant outputs that the first fit started with, where it is known.
    start: list | None = None
    n_samples: int = 0
    t_before: int = 0
    optimizer: object = None
    dropout: DropoutSeed | None = None

    def attributes(self, parameters):
        """The fitted attributes, as if training ended with these parameters."""
        monitor, by_score = self.monitor, self.monitor.score is not None
        attributes = {
            "_fitted": self.fitted.with_parameters(parameters),
            "_start": self.start,
            "n_layers_": len(self.fitted.hidden_sizes) + 2,
            "out_activation_": self.fitted.target.loss.inverse_link_name,
            "n_iter_": monitor.n_epochs,
            "t_": self.t_before + monitor.n_epochs * self.n_samples,
            # a copy, since the generator may be the user's or NumPy's global one
            "_random_state": copy.deepcopy(self.rng),
            "_optimizer_state": {"solver": self.solver},
            "loss_curve_": monitor.loss_curve,
            "loss_": monitor.loss,
            "validation_scores_": monitor.validation_scores,
            "best_loss_": None if by_score else monitor.best_loss,
            "best_validation_score_": monitor.best_score if by_score else None,
        }
        if self.optimizer is not None:
            attributes["_optimizer_state"] |= self.optimizer.state
            attributes["_dropout_state"] = self.dropout and self.dropout.state
        return attributes

    def snapshot(self, parameters):
        """The same, of which nothing changes when training goes on."""
        attributes = with_own_histories(self.attributes(parameters.copy()))
        state = copy.deepcopy(attributes["_optimizer_state"])
        return attributes | {"_optimizer_state": state}
