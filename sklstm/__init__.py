"""Recurrent networks for people who think in scikit-learn."""

from ._gru import GRUClassifier, GRURegressor
from ._lstm import LSTMClassifier, LSTMRegressor
from ._rnn import RNNClassifier, RNNRegressor
from ._show_versions import show_versions
from .sequences import SequenceArray

__version__ = "0.1.0"

__all__ = [
    "GRUClassifier",
    "GRURegressor",
    "LSTMClassifier",
    "LSTMRegressor",
    "RNNClassifier",
    "RNNRegressor",
    "SequenceArray",
    "__version__",
    "show_versions",
]
