"""TokenEncoder: documents become sequences of ids, which a vocabulary gives tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import repeat
from numbers import Integral
from typing import Literal

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from .._sklearn.callbacks import CallbackSupport, fit_task, with_callbacks
from .._sklearn.persistence import Versioned
from .._sklearn.private import (
    Documented,
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from .._sklearn.set_output import SetOutputMixin, output_of
from .._sklearn.warn import warn
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences import SequenceArray, check_sequences
from ..sequences._array import keys_of
from ..sequences._columns import is_missing
from ..sequences._documents import decoded, numbered, read_documents
from ..sequences._stacking import as_offsets
from ..sequences._vocabulary import IDS, as_ids, first_unhashable, refuse_too_many
from ._given_vocabulary import given_vocabulary

COLUMN = "token"


class TokenEncoder(
    CallbackSupport,
    SetOutputMixin,
    Documented,
    Versioned,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    r"""Turn text, or sequences of tokens, into sequences of ids.

    Every token of a document becomes a step, and the step holds its id: a number from
    1 on for a token of the vocabulary, 0 for any other. So a text of 20 words is a
    sequence of 20 steps, and an estimator with ``embedding_dim`` learns a vector for
    each id.

    Text is taken apart as by :class:`~sklearn.feature_extraction.text.CountVectorizer`,
    whose parameters have the same names and meanings here. Two defaults are others:
    punctuation and words of one letter are tokens too, because a network reads words
    where they stand, and ``min_df`` is 2.

    A document that is a list, tuple or array holds its tokens already: words, codes of
    events, numbers, anything that can be the key of a dict. They are taken as they are,
    without `lowercase` or any other step of the analysis.

    Parameters
    ----------
    analyzer : {"word", "char"} or callable, default="word"
        What a token of a text is: a word or a character (of white space that is longer
        than one character there is one). A callable is given each document, also one
        that is no text, and returns its tokens.

    lowercase : bool, default=True
        Whether text is made lower case first.

    strip_accents : {"ascii", "unicode"} or callable, default=None
        How accents are taken from text first. None leaves them.

    preprocessor : callable, default=None
        What is done to a text first, in place of `lowercase` and `strip_accents`.

    tokenizer : callable, default=None
        What splits a text into words, in place of `token_pattern`.

    token_pattern : str, default ``r"\w+|[^\w\s]"``
        What a word is, as a regular expression. By default letters, digits and
        underscores that stand together are one, and any other character that is no
        white space is one by itself. Only with ``analyzer="word"``.

    stop_words : "english" or list of str, default=None
        Words that are taken out of text, and their steps with them. Only with
        ``analyzer="word"``.

    min_df : int or float in [0, 1], default=2
        In how many documents, or in which share of them, a token must be to have an
        id of its own. See Notes.

    max_df : int or float in [0, 1], default=1.0
        In how many documents, or in which share of them, it may be at most. What is in
        more of them has id 0; its steps stay.

    max_features : int, default=None
        How many tokens have an id of their own at most: the most frequent ones.

    vocabulary : mapping or iterable, default=None
        The vocabulary, if it is known: a mapping of tokens to the ids 1, 2..., or the
        tokens in this order. It may have the unknown token at 0, as
        ``SequenceArray.vocabulary`` has. Then `min_df`, `max_df` and `max_features`
        are not looked at.

    unknown_token : hashable, default="<unk>"
        What :meth:`inverse_transform` makes of id 0. Where it is a token of a document
        it has this id.

    Attributes
    ----------
    vocabulary_ : dict of hashable to int
        Ids of the tokens, from 1 on: the token that occurs most often has id 1, and of
        those that occur equally often the one that was seen first comes first.

    See Also
    --------
    sklstm.SequenceArray : What documents become; its ``vocabulary`` holds the tokens.
    sklearn.feature_extraction.text.CountVectorizer : Counts of tokens, without order.

    Notes
    -----
    The row of a network's table that belongs to id 0 is trained by the tokens of the
    training data that have this id. That is why those that are in one document only
    have no id of their own by default: they say what a token that nobody knows is
    like, and a vector learned from one document would be of little use. With
    ``min_df=1``, or where every token is in several documents, no step of the training
    data has id 0; its row then stays at zero, where it begins.

    An empty document is a sequence of no steps. Every other document has as many steps
    as tokens, whatever is in the vocabulary, so that labels of tokens stay in place.

    Tokens are told apart as keys of a dict are: 1, 1.0 and True are one token, "1" is
    another. They need no order among themselves. None and NaN are missing values, which
    are refused.

    Examples
    --------
    >>> from sklstm.preprocessing import TokenEncoder
    >>> X = ["A good film!", "not good, not a film", "Good. Not bad."]
    >>> encoder = TokenEncoder()
    >>> ids = encoder.fit_transform(X)
    >>> ids
    <SequenceArray: 3 sequences, 4 to 6 tokens, vocabulary of 5, int32>
    >>> encoder.vocabulary_
    {'good': 1, 'not': 2, 'a': 3, 'film': 4}
    >>> ids[1].ravel()
    array([2, 1, 0, 2, 3, 4], dtype=int32)
    >>> encoder.inverse_transform(ids)[1]
    ['not', 'good', '<unk>', 'not', 'a', 'film']

    Tokens that are there already, of any type:

    >>> events = [[404, "login", 404], ["login"], []]
    >>> TokenEncoder(min_df=1).fit_transform(events).to_padded()[:, :, 0]
    array([[ 1,  2,  1],
           [ 2, -1, -1],
           [-1, -1, -1]], dtype=int32)
    """

    __module__ = "sklstm.preprocessing"  # the place that pickles name

    def __init__(
        self,
        *,
        analyzer: Literal["word", "char"] | Callable = "word",
        lowercase: bool = True,
        strip_accents: Literal["ascii", "unicode"] | Callable | None = None,
        preprocessor: Callable | None = None,
        tokenizer: Callable | None = None,
        token_pattern: str | None = r"\w+|[^\w\s]",
        stop_words: Literal["english"] | list[str] | None = None,
        min_df: float = 2,
        max_df: float = 1.0,
        max_features: int | None = None,
        vocabulary: Mapping[Hashable, int] | Iterable[Hashable] | None = None,
        unknown_token: Hashable = "<unk>",
    ) -> None:
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.token_pattern = token_pattern
        self.stop_words = stop_words
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.unknown_token = unknown_token

    def fit(
        self: Estimator, X: Iterable[str] | SequencesLike, y: None = None
    ) -> Estimator:
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents: a list, an array or a Series of them. A
            :class:`~sklstm.SequenceArray` of one feature, or an array of shape (n, T),
            holds sequences of numbers, which are tokens like any other.

        y : None
            Ignored.

        Returns
        -------
        self : TokenEncoder
            The same object.

        Raises
        ------
        TypeError
            If X is no such iterable, a document is neither text nor a sequence, or a
            token cannot be the key of a dict. The message names document and token.

        ValueError
            If a parameter is out of its range, X is a text, a document or a token is
            missing, or no token is left for the vocabulary.
        """
        self._commit(X, y)
        return self

    def fit_transform(
        self, X: Iterable[str] | SequencesLike, y: None = None
    ) -> SequenceArray:
        """Learn the vocabulary, and give the ids of the same documents.

        The same as :meth:`fit` and then :meth:`transform`, with one analysis for both.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            See :meth:`fit`.

        y : None
            Ignored.

        Returns
        -------
        X_new : SequenceArray of shape (n, None, 1)
            See :meth:`transform`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`.
        """
        return self._encoded(X, *self._commit(X, y))

    @with_callbacks
    def _fit(self, X, y):
        """Ids of all tokens, the length of each document, and the tokens by id."""
        self._check_parameters()
        analyze = self._analyzer()
        documents = read_documents(X)
        if not documents:
            raise ValueError(
                "X holds no documents, but a vocabulary is learned from one at least."
            )
        vocabulary = None
        if self.vocabulary is not None:
            vocabulary = given_vocabulary(self.vocabulary, self.unknown_token)
            self._warn_of_upper_case(documents, vocabulary)
        with fit_task(self, X=documents, y=y):
            if vocabulary is not None:
                ids, lengths = self._known(documents, analyze, vocabulary)
            else:
                vocabulary, ids, lengths = self._learned(documents, analyze)
            refuse_too_many(1 + len(vocabulary))
            self.vocabulary_ = vocabulary
            self._tokens = (self.unknown_token, *vocabulary)
        return ids, lengths, self._tokens

    def transform(self, X: Iterable[str] | SequencesLike) -> SequenceArray:
        """Give the ids of documents.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            See :meth:`fit`.

        Returns
        -------
        X_new : SequenceArray of shape (n, None, 1)
            A sequence of int32 for each document, with its tokens as steps, and with
            the vocabulary. Of ``set_output(transform="pandas")`` and "polars" it has
            the name of :meth:`get_feature_names_out`.

        Raises
        ------
        TypeError, ValueError
            If X is not valid; see :meth:`fit`.
        """
        check_is_fitted(self)
        fitted = vars(self)  # of one fit, even if another thread is fitting
        vocabulary, tokens = fitted["vocabulary_"], fitted["_tokens"]
        documents = read_documents(X)
        ids, lengths = self._known(documents, self._analyzer(), vocabulary)
        return self._encoded(X, ids, lengths, tokens)

    def inverse_transform(self, X: SequencesLike) -> list[list]:
        """Give the tokens of ids.

        Parameters
        ----------
        X : array-like of sequences
            Sequences of one feature, the ids, in any form that
            :func:`~sklstm.sequences.check_sequences` accepts.

        Returns
        -------
        tokens : list of list
            The tokens of each sequence, `unknown_token` for id 0.

        Raises
        ------
        ValueError
            If X is not valid, holds other numbers than ids of the vocabulary, or was
            encoded with another one.
        """
        check_is_fitted(self)
        tokens = self._tokens
        ids = check_sequences(X, ensure_min_samples=0)
        if ids.vocabulary is not None and ids.vocabulary != tokens:
            raise ValueError(
                f"X was encoded with another vocabulary, of {len(ids.vocabulary)} "
                f"tokens; this {type(self).__name__} has {len(tokens)}. Use the "
                "one that encoded it, or look tokens up in X.vocabulary."
            )
        as_ids(ids._data, ids._offsets, tokens)
        return decoded(ids, tokens)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the name of the one output feature.

        Parameters
        ----------
        input_features : None
            Ignored: documents have no features.

        Returns
        -------
        names : ndarray of str, shape (1,)
            The name "token".
        """
        check_is_fitted(self)
        return np.array([COLUMN], dtype=object)

    def _check_parameters(self):
        if self.analyzer == "char_wb":
            raise ValueError(
                "analyzer='char_wb' is for pairs and triples of characters within "
                "words; a sequence has one character a step. Use analyzer='char'."
            )
        for name in ("min_df", "max_df", "max_features"):
            if isinstance(getattr(self, name), (bool, np.bool_)):
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} must be a "
                    f"number, got {getattr(self, name)!r}."
                )
        share = Interval(RealNotInt, 0, 1, closed="both")
        validate_parameter_constraints(
            {
                "analyzer": [StrOptions({"word", "char"}), callable],
                "lowercase": ["boolean"],
                "strip_accents": [StrOptions({"ascii", "unicode"}), None, callable],
                "preprocessor": [callable, None],
                "tokenizer": [callable, None],
                "token_pattern": [str, None],
                "stop_words": [StrOptions({"english"}), list, None],
                "min_df": [share, Interval(Integral, 1, None, closed="left")],
                "max_df": [share, Interval(Integral, 1, None, closed="left")],
                "max_features": [Interval(Integral, 1, None, closed="left"), None],
                "vocabulary": [Mapping, HasMethods("__iter__"), None],
            },
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )
        needs_pattern = self.analyzer == "word" and self.tokenizer is None
        if needs_pattern and self.token_pattern is None:
            raise ValueError("token_pattern=None needs a tokenizer that splits text.")
        if first_unhashable([self.unknown_token]) or is_missing(self.unknown_token):
            raise ValueError(
                "unknown_token must be a value that can be the key of a dict, such as "
                f"'<unk>'; got {self.unknown_token!r}."
            )

    def _analyzer(self):
        """CountVectorizer's analysis of text."""
        names = (
            "analyzer", "lowercase", "strip_accents", "preprocessor", "tokenizer",
            "token_pattern", "stop_words",
        )  # fmt: skip
        params = {name: getattr(self, name) for name in names}
        return CountVectorizer(**params).build_analyzer()

    def _warn_of_upper_case(self, documents, vocabulary):
        """Warn of tokens that no text has once it is lower case."""
        if (
            not self.lowercase
            or callable(self.analyzer)
            or self.preprocessor is not None
            or not any(isinstance(document, (str, bytes)) for document in documents)
        ):
            return
        for token in vocabulary:
            if isinstance(token, str) and token != token.lower():
                warn(
                    f"The vocabulary has the token {token!r}, but text is made lower "
                    "case first, so that no document has it. Set lowercase=False, or "
                    "pass a vocabulary in lower case."
                )
                return

    def _known(self, documents, analyze, vocabulary):
        """Ids of tokens by a vocabulary, and the length of each document."""
        return numbered(
            documents,
            analyze,
            lambda tokens: map(vocabulary.get, tokens, repeat(0)),
            callable(self.analyzer),
        )

    def _learned(self, documents, analyze):
        """The vocabulary of documents, ids of their tokens, and their lengths."""
        seen = defaultdict()  # numbers of tokens in the order of their appearance
        seen.default_factory = seen.__len__
        number = seen.__getitem__
        numbers, lengths = numbered(
            documents, analyze, lambda tokens: map(number, tokens),
            callable(self.analyzer),
        )  # fmt: skip
        if not seen:
            raise ValueError(
                "empty vocabulary; there is no token in any of the "
                f"{len(documents)} document(s)."
            )
        counts = np.bincount(numbers)
        in_documents = _document_frequency(numbers, lengths, len(seen))
        kept = in_documents >= _number(self.min_df, len(documents))
        kept &= in_documents <= _number(self.max_df, len(documents))
        if self.unknown_token in seen:
            kept[seen[self.unknown_token]] = False
        if not kept.any():
            raise ValueError(
                f"After pruning, no terms remain: of {len(seen)} token(s) in "
                f"{len(documents)} document(s), the one that is in most of them is in "
                f"{in_documents.max()}, with min_df={self.min_df} and "
                f"max_df={self.max_df}. Try a lower min_df or a higher max_df."
            )
        kept = np.flatnonzero(kept)
        # stable: what occurs equally often stays in the order of appearance
        kept = kept[np.argsort(-counts[kept], kind="stable")][: self.max_features]
        ids = np.zeros(len(seen), dtype=IDS)
        ids[kept] = np.arange(1, len(kept) + 1)
        tokens = np.fromiter(seen, dtype=object, count=len(seen))[kept].tolist()
        vocabulary = dict(zip(tokens, range(1, len(tokens) + 1), strict=True))
        return vocabulary, ids[numbers], lengths

    def _encoded(self, X, ids, lengths, tokens):
        names = None if output_of(self) == "default" else (COLUMN,)
        is_stepwise = not callable(self.analyzer)
        return SequenceArray._trusted(
            ids.astype(IDS, copy=False)[:, np.newaxis],
            as_offsets(lengths),
            names,
            tokens,
            **keys_of(X, is_stepwise),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _number(frequency, n_documents):
    """A number of documents, given as such or as a share of all."""
    return frequency if isinstance(frequency, Integral) else frequency * n_documents


def _document_frequency(numbers, lengths, n_tokens):
    """In how many documents each token is, (n_tokens,)."""
    ones = np.ones(len(numbers), dtype=bool)
    shape = len(lengths), n_tokens
    counts = csr_array((ones, numbers.copy(), as_offsets(lengths)), shape=shape)
    counts.sum_duplicates()
    return np.bincount(counts.indices, minlength=n_tokens)
