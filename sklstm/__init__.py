"""Recurrent networks for people who think in scikit-learn."""

import importlib as _importlib
from typing import TYPE_CHECKING

from ._estimators.state import State
from ._show_versions import show_versions
from ._sklearn.persistence import _blank  # noqa: F401 (pickles begin with it)
from ._version import __version__
from .sequences import SequenceArray

if TYPE_CHECKING:  # for editors, which run no code: what there is in the end
    from . import (  # noqa: F401
        datasets,
        export,
        forecasting,
        inspection,
        preprocessing,
        utils,
    )
    from ._estimators.public import (
        ConvLSTMClassifier,
        ConvLSTMForecaster,
        ConvLSTMRegressor,
        GRUClassifier,
        GRURegressor,
        LSTMAnomalyDetector,
        LSTMClassifier,
        LSTMForecaster,
        LSTMLanguageModel,
        LSTMRegressor,
        LSTMSeq2Seq,
        LSTMStepRegressor,
        LSTMTagger,
        LSTMTranscriber,
        RNNClassifier,
        RNNRegressor,
    )
    from ._estimators.scoring import DetectorState
    from ._estimators.transcriber import TranscriberState
else:
    from ._estimators.families import (
        GRUClassifier,
        GRURegressor,
        LSTMClassifier,
        LSTMRegressor,
        RNNClassifier,
        RNNRegressor,
    )

# Imported when they are first asked for: estimators, each with its module, and folders.
_TASKS = {
    "ConvLSTMClassifier": "conv_classifier",
    "ConvLSTMForecaster": "conv_forecaster",
    "ConvLSTMRegressor": "conv_regressor",
    "DetectorState": "scoring",
    "LSTMAnomalyDetector": "anomaly_detector",
    "LSTMForecaster": "forecaster",
    "LSTMLanguageModel": "language_model",
    "LSTMSeq2Seq": "seq2seq",
    "LSTMStepRegressor": "step_regressor",
    "LSTMTagger": "tagger",
    "LSTMTranscriber": "transcriber",
    "TranscriberState": "transcriber",
}
_SUBMODULES = (
    "datasets",
    "export",
    "forecasting",
    "inspection",
    "preprocessing",
    "sequences",
    "utils",
)

__all__ = [
    "ConvLSTMClassifier",
    "ConvLSTMForecaster",
    "ConvLSTMRegressor",
    "DetectorState",
    "GRUClassifier",
    "GRURegressor",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMLanguageModel",
    "LSTMRegressor",
    "LSTMSeq2Seq",
    "LSTMStepRegressor",
    "LSTMTagger",
    "LSTMTranscriber",
    "RNNClassifier",
    "RNNRegressor",
    "SequenceArray",
    "State",
    "TranscriberState",
    "__version__",
    "show_versions",
]


def __dir__():
    return [*__all__, *_SUBMODULES]


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    if name in _TASKS:
        module = f"{__name__}._estimators.{_TASKS[name]}"
        globals()[name] = getattr(_importlib.import_module(module), name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
