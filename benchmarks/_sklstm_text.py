"""What sklstm does with tokens when it is timed."""

import warnings

import numpy as np
from _sklstm import ALL_EPOCHS, describe
from _text_work import BATCH, LEARNING_RATE, MAX_GRAD_NORM, clock, load

import sklstm

__all__ = ["describe", "fit", "tag"]

warnings.simplefilter("ignore")  # max_iter reached: that is the point


def make_model(work, epochs):
    parameters = {
        "hidden_layer_sizes": work.n_units,
        "embedding_dim": work.n_dimensions,
        "bidirectional": True,
        "batch_size": BATCH,
        "shuffle": False,  # the order of the file, in every epoch
        "learning_rate": "constant",
        "learning_rate_init": LEARNING_RATE,
        "max_grad_norm": MAX_GRAD_NORM,
        "max_iter": epochs,
        "random_state": 0,
        **ALL_EPOCHS,
    }
    if work.task == "text":
        return sklstm.LSTMClassifier(pooling="max", **parameters)
    return sklstm.LSTMTagger(crf=work.crf, constraints=None, **parameters)


def sequences(data):
    return [ids[:, np.newaxis] for ids in data.tokens]


def fit(work, path):
    data = load(path)
    X = sequences(data)

    def measure():
        start = clock()
        model = make_model(work, work.epochs).fit(X, data.labels)
        return clock() - start, f"loss {model.loss_:.3f}"

    return measure


def tag(work, path):
    """Tags of all sequences, as a list of lists."""
    data = load(path)
    X = sequences(data)
    n_few = 10 * BATCH
    model = make_model(work, 1).fit(X[:n_few], data.labels[:n_few])

    def measure():
        start = clock()
        model.predict(X)
        return clock() - start, ""

    return measure
