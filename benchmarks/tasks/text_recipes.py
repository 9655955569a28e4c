"""The settings for texts and tags, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen on training and
validation data by `text.py --choose` and `tagging.py --choose`; where another is better
there, put it first.
"""

from typing import NamedTuple


def classifier(**parameters):
    defaults = {
        "hidden_layer_sizes": 64,
        "embedding_dim": 100,
        "dropout": 0.5,
        "learning_rate_init": 0.005,
        "batch_size": 32,
        "max_iter": 15,
    }
    return defaults | parameters


CLASSIFIERS = {
    "TREC": [
        classifier(),
        classifier(learning_rate_init=0.002, max_iter=20),
        classifier(learning_rate_init=0.01, max_iter=20),
        classifier(learning_rate_init=0.01, max_iter=20, dropout=0.7),
        classifier(embedding_dim=300, batch_size=50, learning_rate_init=0.003),
    ],
    "MR": [
        classifier(dropout=0.7, max_iter=5),
        classifier(max_iter=3),
        classifier(dropout=0.7, learning_rate_init=0.002, max_iter=8),
        classifier(dropout=0.8, max_iter=6),
    ],
}


class Tagging(NamedTuple):
    """Parameters of a tagger, whether it has a CRF, and features beside the words."""

    parameters: dict
    crf: bool = False
    features: bool = False

    def __str__(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())


def tagger(crf=False, features=False, **parameters):
    defaults = {
        "hidden_layer_sizes": 100,
        "dropout": 0.5,
        "learning_rate_init": 0.005,
        "batch_size": 16,
        "max_iter": 8,
    }
    return Tagging(defaults | parameters, crf, features)


def composer(**parameters):
    defaults = {
        "hidden_layer_sizes": 256,
        "dropout": 0.7,
        "recurrent_dropout": 0.7,
        "learning_rate_init": 0.01,
        "batch_size": 8,
        "max_iter": 60,
    }
    return Tagging(defaults | parameters)


TAGGERS = {
    "CoNLL-2003": {
        "BiLSTM, words": [tagger()],
        "BiLSTM-CRF, words": [
            tagger(crf=True),
            tagger(crf=True, dropout=0.6, batch_size=10, max_iter=15),
        ],
        "BiLSTM, words and their spelling": [tagger(features=True)],
        "BiLSTM-CRF, words and their spelling": [tagger(crf=True, features=True)],
    },
    "Brown": {
        "BiLSTM, words": [tagger(dropout=0.3, batch_size=32, max_iter=3)],
        "BiLSTM, words and their spelling": [
            tagger(features=True, dropout=0.3, batch_size=32, max_iter=3)
        ],
    },
    "JSB chorales": {
        "LSTM": [
            composer(),
            composer(
                hidden_layer_sizes=200,
                dropout=0.6,
                recurrent_dropout=0.5,
                learning_rate_init=0.005,
                max_iter=40,
            ),
            composer(
                hidden_layer_sizes=128,
                dropout=0.5,
                recurrent_dropout=0.0,
                learning_rate_init=0.005,
                max_iter=20,
            ),
        ],
    },
}
