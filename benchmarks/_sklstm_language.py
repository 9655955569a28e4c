"""What sklstm does as a language model when it is timed."""

import warnings

import numpy as np
from _language_work import LEARNING_RATE, MAX_GRAD_NORM, clock, load
from _sklstm import ALL_EPOCHS, describe

import sklstm
from sklstm import SequenceArray

__all__ = ["describe", "fit", "generate"]

warnings.simplefilter("ignore")  # max_iter reached: that is the point


def make_model(work):
    return sklstm.LSTMLanguageModel(
        work.n_units,
        embedding_dim=work.n_dimensions,
        contiguous=True,
        batch_size=work.n_streams,
        tbptt=work.n_steps,
        learning_rate="constant",
        learning_rate_init=LEARNING_RATE,
        max_grad_norm=MAX_GRAD_NORM,
        max_iter=1,
        dtype=work.dtype,
        random_state=0,
        **ALL_EPOCHS,
    )


def documents(corpus):
    """Ids and the tokens they stand for, which are their numbers as text."""
    tokens = ["<unk>", *map(str, range(1, corpus.n_tokens - 1))]
    ids = corpus.ids[:, np.newaxis].astype(np.int32)
    return SequenceArray(ids, corpus.offsets, vocabulary=tokens)


def fit(work, path):
    X = documents(load(path))

    def measure():
        start = clock()
        model = make_model(work).fit(X)
        return clock() - start, f"loss {model.loss_:.3f}"

    return measure


def generate(work, path):
    """As many texts as asked for, each of `length` tokens."""
    model = make_model(work).fit(documents(load(path))[:20])

    def measure():
        start = clock()
        texts = model.generate(work.length, n=work.n_samples, random_state=0)
        seconds = clock() - start
        written = sum(map(len, texts))
        # a text may end before: seconds of as many tokens as were asked for
        return seconds * work.n_samples * work.length / written, f"{written} tokens"

    return measure
