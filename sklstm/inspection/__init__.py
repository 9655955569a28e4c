"""Looking into fitted networks: gates over time, how far gradients reach, loss curves,
which features and steps a prediction needs, tags in colour, alignments, forecasts of
numbers and of frames, and anomalies.

The displays need matplotlib, which is imported when they draw.
"""

from ._alignment import AlignmentDisplay
from ._anomalies import AnomalyDisplay
from ._forecasts import ForecastDisplay
from ._frames import FrameDisplay
from ._gates import GateDisplay
from ._gradients import GradientNormsDisplay, gradient_norms
from ._importance import sequence_permutation_importance
from ._loss_curves import LossCurveDisplay
from ._tags import TagDisplay

__all__ = [
    "AlignmentDisplay",
    "AnomalyDisplay",
    "ForecastDisplay",
    "FrameDisplay",
    "GateDisplay",
    "GradientNormsDisplay",
    "LossCurveDisplay",
    "TagDisplay",
    "gradient_norms",
    "sequence_permutation_importance",
]
