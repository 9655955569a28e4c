"""Recurrent networks for people who think in scikit-learn."""

from importlib.metadata import version as _version

from ._lstm import LSTMClassifier, LSTMRegressor
from ._show_versions import show_versions
from .sequences import SequenceArray

__version__ = _version("sklstm")

__all__ = [
    "LSTMClassifier",
    "LSTMRegressor",
    "SequenceArray",
    "__version__",
    "show_versions",
]
