"""Gradients of minibatches in parts, and fits that make their steps with them."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import sklstm.dask
from sklstm import (
    ConvLSTMForecaster,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRegressor,
    LSTMSeq2Seq,
    LSTMStepRegressor,
    LSTMTagger,
    LSTMTranscriber,
)
from sklstm._training.feeds import Minibatch
from sklstm._training.parts import InParts, PartGradient, places_of_parts

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 12, size=40)
X = [RNG.standard_normal((T, 3)) for T in LENGTHS]
Y = np.arange(40) % 3
IDS = [RNG.integers(0, 30, (T, 1)) for T in LENGTHS]
SERIES = [RNG.standard_normal((50, 1)) for _ in range(4)]
TEXTS = ["hello world", "a", "this is it", "and so on and on"] * 8
WORDS = ["abc", "abcd", "b", "dcba"] * 8
SMALL = {"random_state": 0, "max_iter": 2, "batch_size": 16}
CASES = {
    "classifier": (
        LSTMClassifier(
            6, dropout=0.2, recurrent_dropout=0.1, alpha=0.1, early_stopping=True,
            **SMALL,
        ),
        X, Y,
    ),
    "one minibatch": (LSTMClassifier(6, **SMALL | {"batch_size": 64}), X, Y),
    "lbfgs": (LSTMClassifier(6, solver="lbfgs", max_iter=2, random_state=0), X, Y),
    "tbptt": (LSTMRegressor(6, tbptt=3, dropout=0.2, **SMALL), X, Y * 1.0),
    "bfloat16": (LSTMRegressor(6, dtype="bfloat16", **SMALL), X, Y * 1.0),
    "bidirectional": (
        LSTMRegressor((6, 5), bidirectional=True, pooling="attention", **SMALL),
        X, Y * 1.0,
    ),
    "embedding": (LSTMClassifier(6, embedding_dim=4, **SMALL), IDS, Y),
    "adamw": (LSTMClassifier(6, embedding_dim=4, solver="adamw", **SMALL), IDS, Y),
    "tagger": (LSTMTagger(6, **SMALL), X, [np.arange(T) % 2 for T in LENGTHS]),
    "steps": (LSTMStepRegressor(6, **SMALL), X, [x[:, 0] for x in X]),
    "forecaster": (LSTMForecaster(horizon=3, **SMALL), SERIES, None),
    "anomalies": (LSTMAnomalyDetector(6, **SMALL), SERIES, None),
    "streams": (
        LSTMLanguageModel(
            6, level="char", embedding_dim=4, contiguous=True, tbptt=5,
            **SMALL | {"batch_size": 4},
        ),
        TEXTS, None,
    ),
    "segments": (
        LSTMLanguageModel(6, level="char", embedding_dim=6, tie_weights=True, tbptt=4,
                          dropout=0.2, **SMALL),
        TEXTS, None,
    ),
    "seq2seq": (
        LSTMSeq2Seq(6, embedding_dim=4, **SMALL), WORDS, [w[::-1] for w in WORDS],
    ),
    "transcriber": (
        LSTMTranscriber(6, **SMALL),
        [RNG.standard_normal((9, 2)) for _ in range(20)], ["ab", "a", "", "bab"] * 5,
    ),
    "clips": (
        ConvLSTMForecaster(4, horizon=2, **SMALL | {"batch_size": 4}),
        RNG.random((4, 9, 5, 6)).astype(np.float32), None,
    ),
}  # fmt: skip


def fitted(model, X, y):
    model = clone(model)
    return model.fit(X) if y is None else model.fit(X, y)


def assert_same_weights(first, second):
    a, b = first.weights_, second.weights_
    assert a.keys() == b.keys()
    for name in a:
        assert_array_equal(a[name], b[name], err_msg=name)
    assert first.loss_curve_ == second.loss_curve_


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_one_part_is_fit(case):
    """To the bit: the same minibatches, masks and steps."""
    model, X, y = case
    assert_same_weights(sklstm.dask.fit(model, X, y, n_parts=1), fitted(model, X, y))


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_parts_add_up(case):
    """Parts and the whole differ in the order of sums alone, so that two epochs are
    close in float64 where a part that is left out, or one twice, is not."""
    model, X, y = case
    if model.dtype != "bfloat16":
        model = clone(model).set_params(dtype="float64")
    tolerance = 2e-3 if model.dtype == "bfloat16" else 1e-7
    whole = fitted(model, X, y)
    parts = sklstm.dask.fit(model, X, y, n_parts=3)
    assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=tolerance)
    for name, value in whole.weights_.items():
        assert_allclose(
            parts.weights_[name], value, rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("lengths", [[1], [0, 0], [5, 0, 1], [1] * 40, [100, 1, 1, 1]])
@pytest.mark.parametrize("n_parts", [1, 2, 3, 8, 50])
def test_places(lengths, n_parts):
    """Each sequence is in one part, none is empty, and there are no more than asked."""
    lengths = np.array(lengths)
    places = places_of_parts(lengths, n_parts)
    together = np.concatenate([np.arange(len(lengths))[place] for place in places])
    assert_array_equal(together, np.arange(len(lengths)))
    assert 1 <= len(places) <= n_parts
    assert all(place.stop > place.start for place in places)


def test_places_have_as_many_steps():
    lengths = RNG.integers(1, 100, size=1000)
    steps = [lengths[place].sum() for place in places_of_parts(lengths, 8)]
    assert len(steps) == 8
    assert max(steps) - min(steps) <= 200


@pytest.mark.parametrize("values", [(np.inf, -np.inf), (1e308, 1e308), (1.0, np.nan)])
def test_a_loss_that_is_not_finite(values):
    """It has no gradient, as of a minibatch at once, and is no error of the sum."""
    found = [PartGradient(value, None, None, None) for value in values]
    who = SimpleNamespace(gradients=lambda *args: found)
    batch = Minibatch(
        np.zeros((2, 1)), np.arange(2), np.ones(2, np.intp), np.zeros(2), None, 2.0,
        2.0, np.arange(2),
    )  # fmt: skip
    value, gradient, _ = InParts(2, who).value_and_gradient(
        None, None, batch, None, None
    )
    assert not np.isfinite(value)
    assert gradient is None
