"""LSTMTranscriber in small: sequences with transcripts, and a model of them."""

import numpy as np

from sklstm import LSTMTranscriber

CELLS = ["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def spoken(n=40, seed=0, longest=4):
    """Sequences in which each of three labels has a shape of its own, and the
    transcripts, some of them empty; one has no steps."""
    rng = np.random.default_rng(seed)
    shapes = dict(zip("abc", np.random.default_rng(9).standard_normal((3, 2, 2))))
    X, y = [], []
    for i in range(n):
        text = "".join(rng.choice([*"abc"], i % (longest + 1)))
        parts = [np.repeat(shapes[k], rng.integers(1, 3), axis=0) for k in text]
        quiet = np.zeros((rng.integers(0, 2) if i else 0, 2))
        X.append(np.concatenate([quiet, *parts]) if len(text) or len(quiet) else quiet)
        X[-1] = X[-1] + 0.05 * rng.standard_normal(X[-1].shape)
        y.append(text)
    return X, y


def small(**params):
    params = {"max_iter": 3, "batch_size": 7, "random_state": 0, **params}
    return LSTMTranscriber(params.pop("hidden_layer_sizes", (5, 4)), **params)


def outputs(model, X):
    """What a model says of X, a list for each sequence."""
    return {name: getattr(model, name)(X).tolist() for name in METHODS}


def assert_same(got, expected):
    """To the bit."""
    assert got.keys() == expected.keys()
    for name, parts in expected.items():
        for a, b in zip(got[name], parts, strict=True):
            same = a == b
            assert same if isinstance(same, bool) else same.all(), name
