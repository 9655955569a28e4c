"""Language models in small: documents of a Markov chain, and networks over tokens."""

import numpy as np

from sklstm import LSTMLanguageModel
from sklstm._network.build import language_model_network
from sklstm._targets.next_tokens import as_corpus, read_tokens
from sklstm._training.feeds import TrainingSet

CELLS = ["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
LETTERS = "abc"
#: From a letter to the next, and at last to the end.
STEPS = np.array(
    [[0.1, 0.7, 0.1, 0.1], [0.3, 0.2, 0.4, 0.1], [0.6, 0.2, 0.1, 0.1]],
)


def chain(n, seed=0):
    """Documents that begin with any letter; the next depends on the last alone."""
    rng = np.random.default_rng(seed)
    documents = []
    for _ in range(n):
        letter, letters = rng.integers(3), ""
        while letter < 3:
            letters += LETTERS[letter]
            letter = rng.choice(4, p=STEPS[letter])
        documents.append(letters)
    return documents


def true_log_p(document):
    """log p of a document of the chain and its end."""
    letters = [LETTERS.index(letter) for letter in document] + [3]
    steps = [np.log(STEPS[a, b]) for a, b in zip(letters, letters[1:])]
    return -np.log(3) + sum(steps)


def small(**params):
    """One that makes few epochs."""
    params = {"level": "char", "max_iter": 3, "batch_size": 7, "random_state": 0,
              "embedding_dim": 5, **params}  # fmt: skip
    return LSTMLanguageModel(params.pop("hidden_layer_sizes", (6, 5)), **params)


def network_of(V, E=4, sizes=(5, 4), dtype=np.float64, seed=0, **options):
    """A network over V tokens with random parameters, loaded."""
    embedding = {"columns": (0,), "rows": (V,), "widths": (E,), "trainable": True}
    network = language_model_network(1, sizes, V, dtype, embedding=embedding, **options)
    rng = np.random.default_rng(seed)
    parameters = (0.5 * rng.standard_normal(network.layout.size)).astype(dtype)
    network.load(parameters, backward=True)
    return network, parameters


def training_set(lengths, V=7, seed=0, weight=None, corpus=None):
    """Random documents of these lengths, with the mark V - 1; with `corpus` one text,
    in parts of so many steps."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    ids = rng.integers(V - 1, size=offsets[-1])
    X, y = read_tokens(ids, offsets, V - 1)
    if corpus is not None:
        X, y = as_corpus(X, y, corpus, weight)
        weight = None
    return TrainingSet(*X._as_rows(), y, weight)
