"""Encoder-decoders in small: words, and what there is to say of them."""

import numpy as np

from sklstm import LSTMSeq2Seq


def words(n=40, letters="abc", longest=6, seed=0):
    """Words of 0 to `longest` letters, none of them twice."""
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < n:
        found["".join(rng.choice(list(letters), rng.integers(longest + 1)))] = None
    return list(found)


def backwards(words):
    return [word[::-1] for word in words]


def small(**params):
    params = {
        "max_iter": 3, "batch_size": 8, "learning_rate_init": 0.02, "random_state": 0,
        "embedding_dim": 5, "beam_size": 3, **params,
    }  # fmt: skip
    return LSTMSeq2Seq(params.pop("hidden_layer_sizes", 6), **params)


def everything(model, X, y):
    """All that a fitted model has to say about X, and of the answers y."""
    found = {
        "predict": model.predict(X).tolist(),
        "n_best": model.predict_n_best(X),
        "score_samples": model.score_samples(X, y).tolist(),
    }
    if model.attention is not None:
        weights = model.attention_weights(X, y)
        found["attention"] = [part.tolist() for part in weights]
    return found


def at(X, order):
    """Some sequences of X, of any kind."""
    return [X[i] for i in order] if isinstance(X, list) else X[order]
