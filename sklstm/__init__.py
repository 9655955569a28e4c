"""Recurrent networks for people who think in scikit-learn."""

from ._lstm import LSTMClassifier, LSTMRegressor
from ._show_versions import show_versions
from .sequences import SequenceArray

__version__ = "0.1.0"

__all__ = [
    "LSTMClassifier",
    "LSTMRegressor",
    "SequenceArray",
    "__version__",
    "show_versions",
]
