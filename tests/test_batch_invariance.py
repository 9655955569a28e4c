"""An answer for a sequence does not depend, to the bit, on what is asked beside it, on
the order, or on the threads: labels, paths, texts, alignments, scores and forecasts."""

from functools import cache

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMForecaster,
    ConvLSTMRegressor,
    GRURegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMSeq2Seq,
    LSTMStepRegressor,
    LSTMTagger,
    LSTMTranscriber,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"max_iter": 4, "random_state": 0, "learning_rate_init": 0.02}
N = 23


@cache
def numbers():
    """Ragged sequences of two features; none is empty."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((T, 2)) for T in rng.integers(1, 12, size=N)]


@cache
def texts():
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list("abcd"), k)) for k in rng.integers(1, 9, size=N)]


@cache
def clips():
    """Clips of 2 to 5 frames of two channels."""
    rng = np.random.default_rng(2)
    return [rng.random((T, 6, 4, 2)) for T in rng.integers(2, 6, size=N)]


def short(x):
    """A transcript that these steps have room for."""
    return "".join("ab"[int(v > 0)] for v in x[: (len(x) + 1) // 2, 0])[:3]


def labels_of(x):
    return ["up" if v > 0 else "down" for v in x[:, 0].cumsum()]


@cache
def fitted(kind):
    X, T = numbers(), texts()
    if kind == "labels":
        return LSTMClassifier(6, **SMALL).fit(X, [len(x) > 5 for x in X])
    if kind == "numbers":
        return GRURegressor(6, pooling="attention", **SMALL).fit(X, list(map(len, X)))
    if kind == "tags":
        return LSTMTagger(6, bidirectional=True, **SMALL).fit(
            X, list(map(labels_of, X))
        )
    if kind == "paths":
        return LSTMTagger(6, crf=True, **SMALL).fit(X, list(map(labels_of, X)))
    if kind == "numbers at steps":
        return LSTMStepRegressor(6, **SMALL).fit(X, [x[:, 1] for x in X])
    if kind == "forecasts":
        return LSTMForecaster(6, horizon=3, **SMALL).fit([x for x in X if len(x) > 1])
    if kind == "clips with labels":
        model = ConvLSTMClassifier((5, 3), patch_size=(1, 2), **SMALL)
        return model.fit(clips(), [len(x) > 3 for x in clips()])
    if kind == "clips with numbers":
        model = ConvLSTMRegressor(6, bidirectional=True, pooling="attention", **SMALL)
        return model.fit(clips(), list(map(len, clips())))
    if kind == "frames":
        return ConvLSTMForecaster((5, 3), horizon=2, **SMALL).fit(clips())
    if kind == "anomalies":
        return LSTMAnomalyDetector(6, window=4, **SMALL).fit(X)
    if kind == "texts":
        return LSTMLanguageModel((6, 5), level="char", **SMALL).fit(T)
    if kind == "transcripts":
        model = LSTMTranscriber(6, **SMALL).fit(X, list(map(short, X)))
        return model.set_params(beam_size=4)
    options = {"attention": None} if kind == "answers without attention" else {}
    return LSTMSeq2Seq(6, embedding_dim=5, beam_size=3, **SMALL, **options).fit(
        T, [text[::-1] for text in T]
    )


def backwards(T):
    return [text[::-1] for text in T]


# What is asked, of which kind of model, with which sequences.
QUESTIONS = {
    "label": ("labels", numbers, lambda m, X: m.predict(X)),
    "probabilities": ("labels", numbers, lambda m, X: m.predict_proba(X)),
    "hidden states": ("labels", numbers, lambda m, X: m.transform(X)),
    "number": ("numbers", numbers, lambda m, X: m.predict(X)),
    "tags": ("tags", numbers, lambda m, X: m.predict(X)),
    "probabilities of tags": ("tags", numbers, lambda m, X: m.predict_proba(X)),
    "path": ("paths", numbers, lambda m, X: m.predict(X)),
    "marginals": ("paths", numbers, lambda m, X: m.predict_proba(X)),
    "n best paths": ("paths", numbers, lambda m, X: m.predict_n_best(X, n=4)),
    "numbers at steps": ("numbers at steps", numbers, lambda m, X: m.predict(X)),
    "forecast": ("forecasts", numbers, lambda m, X: m.predict(X)),
    "label of a clip": ("clips with labels", clips, lambda m, X: m.predict(X)),
    "probabilities of a clip": (
        "clips with labels", clips, lambda m, X: m.predict_proba(X),
    ),
    "hidden states of a clip": (
        "clips with labels", clips, lambda m, X: m.transform(X),
    ),
    "number of a clip": ("clips with numbers", clips, lambda m, X: m.predict(X)),
    "frames to come": ("frames", clips, lambda m, X: m.predict(X)),
    "anomaly score": ("anomalies", numbers, lambda m, X: m.score_samples(X)),
    "log p of a text": ("texts", texts, lambda m, T: m.score_samples(T)),
    "next token": ("texts", texts, lambda m, T: m.predict_proba(T)),
    "transcript": ("transcripts", numbers, lambda m, X: m.predict(X)),
    "n best transcripts": (
        "transcripts", numbers, lambda m, X: m.predict_n_best(X, n=3),
    ),
    "emissions": ("transcripts", numbers, lambda m, X: m.predict_log_proba(X)),
    "alignment": (
        "transcripts", numbers, lambda m, X: m.align(X, list(map(short, X))),
    ),
    "log p of a transcript": (
        "transcripts", numbers, lambda m, X: m.score_samples(X, list(map(short, X))),
    ),
    "answer": ("answers", texts, lambda m, T: m.predict(T)),
    "n best answers": ("answers", texts, lambda m, T: m.predict_n_best(T, n=3)),
    "log p of an answer": (
        "answers", texts, lambda m, T: m.score_samples(T, backwards(T)),
    ),
    "attention": (
        "answers", texts, lambda m, T: m.attention_weights(T, backwards(T)),
    ),
    "answer without attention": (
        "answers without attention", texts, lambda m, T: m.predict_n_best(T, n=3),
    ),
}  # fmt: skip


def bits(answer):
    """What has the same bits is equal, and nothing else."""
    if isinstance(answer, np.ndarray) and answer.dtype != object:
        return answer.shape, answer.dtype.str, np.ascontiguousarray(answer).tobytes()
    if isinstance(answer, (list, tuple, np.ndarray)):
        return type(answer), tuple(map(bits, answer))
    if isinstance(answer, float):
        return answer.hex()
    return answer.item() if isinstance(answer, np.generic) else answer


@pytest.mark.parametrize("question", QUESTIONS)
def test_alone_in_another_order_and_on_other_threads(question):
    kind, sequences, ask = QUESTIONS[question]
    model, X = fitted(kind), sequences()
    together = [bits(answer) for answer in ask(model, X)]
    assert len(together) == N
    for i in (0, 7, N - 1):
        (alone,) = ask(model, X[i : i + 1])
        assert bits(alone) == together[i]
    order = np.random.default_rng(2).permutation(N)[: N - 4]
    for place, answer in zip(order, ask(model, [X[i] for i in order]), strict=True):
        assert bits(answer) == together[place]
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            assert [bits(answer) for answer in ask(model, X)] == together


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("how", [{}, {"temperature": 0.7, "top_k": 3}, {"top_p": 0.5}])
def test_generated_text(level, how):
    """Document i is the same for any number of them, and begins the same at any
    length."""
    T = texts() if level == "char" else [list(text) for text in texts()]
    model = LSTMLanguageModel((6, 5), level=level, min_count=1, **SMALL).fit(T)
    how = {"prefix": T[0][:2], "random_state": 3, **how}
    many = model.generate(9, n=40, **how)
    for n in (1, 2, 33):
        assert model.generate(9, n=n, **how) == many[:n]
    longer = model.generate(14, n=40, **how)
    assert [text[:9] for text in longer] == many
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            assert model.generate(9, n=40, **how) == many
