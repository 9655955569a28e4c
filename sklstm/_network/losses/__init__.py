"""Losses: value and gradient with respect to the raw output, link and loss in one.

`value_and_gradient(output, target, weight, divisor)` is of the weighted sum over the
samples of a batch, divided by `divisor`: by the sum of the weights if there is none.
Sums are in float64. Beside it a loss knows all that depends on it: `inverse_link_name`,
the function that turns raw outputs into predictions; `start`, where outputs begin
before anything is learnt; `usual`, what a loss is measured by; `score_name`, by which
early stopping goes; and, of regression, which targets it takes, how they are
standardised and what its outputs are in their units.
"""

from .classification import BinaryCrossEntropy, SoftmaxCrossEntropy
from .crf import CRFLoss
from .ctc import CTCLoss
from .regression import (
    LOG_MAX,
    AbsoluteError,
    HalfPoissonDeviance,
    Huber,
    Pinball,
    SquaredError,
)
from .steps import AtSteps
from .tokens import TokenCrossEntropy

__all__ = [
    "LOG_MAX",
    "AbsoluteError",
    "AtSteps",
    "BinaryCrossEntropy",
    "CRFLoss",
    "CTCLoss",
    "HalfPoissonDeviance",
    "Huber",
    "Pinball",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "TokenCrossEntropy",
]
