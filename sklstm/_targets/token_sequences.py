"""Sequences of tokens: what holds them, which tokens get an id, and the way back.

`TokenReader` says what may be documents, `Documents` are valid ones, and a fit makes
the `Vocabulary`.
"""

import re

import numpy as np

from ..sequences import SequenceArray
from ..sequences._documents import numbered, read_documents
from ..sequences._stacking import as_offsets
from ..sequences._vocabulary import refuse_too_many, valid_vocabulary
from .steps import StepTarget

UNKNOWN = "<unk>"
# Letters, digits and underscores that stand together, or another character that is no
# white space, as in TokenEncoder; corpora have "<unk>" already.
WORD = re.compile(rf"{UNKNOWN}|\w+|[^\w\s]")
# How often a token has to be there by default.
LEAST = {"word": 2, "char": 1}


class Documents(StepTarget):
    """Sequences of tokens: `values` (N,) say which of `labels`, the distinct tokens.

    `vocabulary` has the token of each id, where the documents were ids of a known one.
    """

    # Whether their tokens are not here.
    are_elsewhere = False
    # Names of the documents, where what they were given in has such.
    _ids = None

    def __init__(self, values, offsets, labels, vocabulary=None):
        super().__init__(values, offsets, labels=labels)
        self.vocabulary = vocabulary

    def _at(self, rows, offsets):
        return Documents(self.values[rows], offsets, self.labels, self.vocabulary)

    def occurrences(self):
        """Which of the labels are there, in which of all places each is first, and how
        often it is there."""
        return np.unique(self.values, return_index=True, return_counts=True)


class TokenReader:
    """What an estimator of this name takes as documents, and which tokens of them get
    an id of their own: at the most `max_tokens`, that are there `min_count` times.

    `what` is the name of the argument. A text is its words and its punctuation or, with
    the level "char", its characters.
    """

    def __init__(self, name, what="X", level="char", min_count="auto", max_tokens=None):
        self.name = name
        self.what = what
        self.level = level
        self.min_count = LEAST[level] if min_count == "auto" else min_count
        self.max_tokens = max_tokens

    def check(self, X):
        """Valid documents."""
        if isinstance(X, Documents):  # has been here
            return X
        if X is None:
            raise ValueError(
                f"{self.name} requires {self.what} to be passed, but it is None."
            )
        if isinstance(X, SequenceArray) and X.vocabulary is not None:
            ids = X._data[:, 0].astype(np.intp)
            documents = Documents(ids, X._offsets, X.vocabulary, X.vocabulary)
        else:
            documents = self._read(read_documents(X, self.what))
        if not len(documents):
            raise ValueError(
                "Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{self.name}: {self.what} holds no documents."
            )
        return documents

    def _read(self, items):
        number = {}  # of each token, in the order of their appearance

        def numbers_of(tokens):
            return [number.setdefault(token, len(number)) for token in tokens]

        values, lengths = numbered(items, self._analyze, numbers_of, what=self.what)
        return Documents(values.astype(np.intp), as_offsets(lengths), tuple(number))

    def _analyze(self, text):
        if isinstance(text, bytes):
            text = text.decode()
        return list(text) if self.level == "char" else WORD.findall(text)

    def fit(self, documents):
        """The vocabulary of valid documents."""
        if documents.vocabulary is not None:
            return Vocabulary(documents.vocabulary)
        there, first, counts = documents.occurrences()
        if not len(there):
            raise ValueError(
                f"empty vocabulary; there is no token in any of the {len(documents)} "
                f"document(s) of {self.what}."
            )
        kept = counts >= self.min_count
        kept &= [documents.labels[k] != UNKNOWN for k in there]
        if not kept.any():
            raise ValueError(
                f"No token of {self.what} gets an id: of {len(there)} token(s) in "
                f"{len(documents)} document(s), the most frequent is there "
                f"{counts.max()} time(s), and min_count is {self.min_count}. Pass a "
                "smaller min_count."
            )
        # by falling frequency, what was seen first comes first
        order = np.lexsort((first[kept], -counts[kept]))[: self.max_tokens]
        tokens = (documents.labels[k] for k in there[kept][order])
        return Vocabulary((UNKNOWN, *tokens))


class Vocabulary:
    """The token of each id: 0 is any that is not known. The `mark` behind the last of
    them is the begin and the end of a document. Never changed."""

    def __init__(self, tokens):
        self.tokens = valid_vocabulary(tokens)
        self.mark = len(self.tokens)
        self.size = len(self.tokens) + 1
        refuse_too_many(self.size)
        self._ids = {token: id for id, token in enumerate(self.tokens)}

    @property
    def state(self):
        """Plain types, of which `Vocabulary` makes it again."""
        return {"tokens": self.tokens}

    def __eq__(self, other):
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    __hash__ = None

    def encode(self, documents):
        """Ids of all tokens (N,), and where each document begins (n + 1,)."""
        if documents.vocabulary is not None and documents.vocabulary is self.tokens:
            return documents.values, documents.offsets
        return self.ids_of(documents.labels)[documents.values], documents.offsets

    def ids_of(self, tokens):
        """The id of each of some tokens."""
        return np.array([self._ids.get(token, 0) for token in tokens], dtype=np.intp)

    def decode(self, ids):
        """The tokens of ids, as a list."""
        return [self.tokens[id] for id in ids]
