"""Looking into fitted networks: gates over time, how far gradients reach, loss curves,
and which features and steps a prediction needs.

The displays need matplotlib, which is imported when they draw.
"""

from ._gates import GateDisplay
from ._gradients import GradientNormsDisplay, gradient_norms
from ._importance import sequence_permutation_importance
from ._loss_curves import LossCurveDisplay

__all__ = [
    "GateDisplay",
    "GradientNormsDisplay",
    "LossCurveDisplay",
    "gradient_norms",
    "sequence_permutation_importance",
]
