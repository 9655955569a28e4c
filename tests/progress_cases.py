"""A small fit of every family of estimators, in every way that epochs are made."""

import numpy as np
from callback_cases import plain

from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMForecaster,
    ConvLSTMRegressor,
    GRUClassifier,
    LSTMAnomalyDetector,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRegressor,
    LSTMSeq2Seq,
    LSTMStepRegressor,
    LSTMTagger,
    LSTMTranscriber,
    RNNRegressor,
)

N = 40
RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in RNG.integers(3, 9, N)]
LABELS = np.array(["a", "b", "c"])[np.arange(N) % 3]
SUMS = np.array([x.sum() for x in X])
SERIES = [np.cumsum(RNG.standard_normal(T)) for T in (60, 45, 70)]
TEXTS = ["".join(RNG.choice([*"abc"], T)) for T in RNG.integers(1, 9, N)]
CLIPS = RNG.standard_normal((16, 4, 5, 6, 1))
FILMS = RNG.standard_normal((6, 14, 5, 6, 1))
SIZES = {"hidden_layer_sizes": 4}
CHANNELS = {"hidden_channels": 3}
CHARS = {**SIZES, "level": "char"}

#: Estimator, parameters, what it is fitted to.
FITS = {
    "classifier": (GRUClassifier, SIZES, (X, LABELS)),
    "one minibatch": (GRUClassifier, {**SIZES, "batch_size": N}, (X, LABELS)),
    "several outputs": (LSTMRegressor, SIZES, (X, np.c_[SUMS, -SUMS, SUMS**2])),
    "tbptt": (LSTMRegressor, {**SIZES, "tbptt": 2}, (X, SUMS)),
    "dropout": (RNNRegressor, {**SIZES, "dropout": 0.3}, (X, SUMS)),
    "tagger": (LSTMTagger, SIZES, (X, [["u", "v", *"w" * (len(x) - 2)] for x in X])),
    "step regressor": (LSTMStepRegressor, SIZES, (X, [x[:, 0] for x in X])),
    "forecaster": (
        LSTMForecaster,
        {**SIZES, "horizon": 3, "windows_per_epoch": 30, "context_length": 12},
        (SERIES,),
    ),
    "detector": (LSTMAnomalyDetector, SIZES, (X,)),
    "language model": (LSTMLanguageModel, {**CHARS, "tbptt": None}, (TEXTS,)),
    "segments": (LSTMLanguageModel, {**CHARS, "tbptt": 3}, (TEXTS,)),
    "streams": (
        LSTMLanguageModel,
        {**CHARS, "tbptt": 3, "contiguous": True},
        (TEXTS,),
    ),
    "seq2seq": (LSTMSeq2Seq, SIZES, (TEXTS, [text[::-1] for text in TEXTS])),
    "transcriber": (LSTMTranscriber, SIZES, (X, [["k"] * (len(x) // 3) for x in X])),
    "conv classifier": (ConvLSTMClassifier, CHANNELS, (CLIPS, LABELS[:16])),
    "conv regressor": (ConvLSTMRegressor, CHANNELS, (CLIPS, SUMS[:16])),
    "conv forecaster": (
        ConvLSTMForecaster,
        {**CHANNELS, "horizon": 2, "context_length": 4, "windows_per_epoch": 10},
        (FILMS,),
    ),
}


def small(name, **params):
    """One that makes three epochs, and what to fit it to."""
    Estimator, own, data = FITS[name]
    params = {
        "max_iter": 3, "batch_size": 7, "random_state": 0, "tol": 0.0,
        "n_iter_no_change": np.inf, "learning_rate": "constant",
        "validation_fraction": 0.3, **own, **params,
    }  # fmt: skip
    return Estimator(**params), data


def bits(estimator):
    """All that a fit has learnt."""
    return plain(
        {
            "parameters": estimator._fitted.parameters,
            "loss_curve": estimator.loss_curve_,
            "scores": estimator.validation_scores_,
            "rng": estimator._random_state,
            "optimizer": estimator._optimizer_state,
        }
    )
