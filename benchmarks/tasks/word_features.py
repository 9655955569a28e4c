"""Columns of ids that say what a word is and how it is written."""

import re

import numpy as np

from sklstm import SequenceArray


def form(word):
    """The word in lower case, every digit as 0."""
    return re.sub("[0-9]", "0", word.lower())


def shape(word):
    """Upper case as X, lower case as x, digits as 0, at most two alike in a row."""
    marked = re.sub("[0-9]", "0", re.sub("[a-z]", "x", re.sub("[A-Z]", "X", word)))
    return re.sub(r"(.)\1\1+", r"\1\1", marked)


def prefix3(word):
    return word[:3].lower()


def suffix2(word):
    return word[-2:].lower()


def suffix3(word):
    return word[-3:].lower()


#: Each with the length of the row of its ids.
FEATURES = {form: 100, shape: 20, prefix3: 30, suffix2: 20, suffix3: 30}
WIDTHS = list(FEATURES.values())


class WordFeatures:
    """A column of ids for each feature, 0 for what was met once in training."""

    def __init__(self, make_encoder):
        self.encoders = [make_encoder() for _ in FEATURES]

    def fit(self, sentences):
        for encoder, feature in zip(self.encoders, FEATURES):
            encoder.fit(_each(feature, sentences))
        return self

    def transform(self, sentences):
        columns = [
            encoder.transform(_each(feature, sentences))
            for encoder, feature in zip(self.encoders, FEATURES)
        ]
        values = np.hstack([column.data for column in columns])
        return SequenceArray(values.astype(np.float32), columns[0].offsets)


def _each(feature, sentences):
    return [list(map(feature, words)) for words in sentences]
