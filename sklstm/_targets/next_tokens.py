"""The next token of each step of a document: what a language model says of them.

`NextTokenReader` says what parameters go together, `TokenRows` are documents as a
network reads them, and the fit makes `NextTokens`. Targets are never changed.
"""

from functools import cached_property, partial

import numpy as np

from .._network.losses import TokenCrossEntropy
from .._network.losses.token_counts import counts_of, digits_of, exponent_of
from ..sequences import SequenceArray
from ..sequences._rows import Rows, blocks_of_sequences, by_blocks
from ..sequences._stacking import as_offsets, rows_of_parts
from ..sequences._vocabulary import IDS
from .steps import StepTarget
from .token_sequences import Vocabulary


class TokenRows:
    """Documents as a network reads them, in the place of sequences of numbers: each is
    the mark and its tokens.

    Of data (N, 1) sequence i has `lengths` rows from `starts` on. `given` is what a fit
    was given: the tokens of the documents by id, no y, and their weights.
    """

    vocabulary = None

    def __init__(self, data, starts, lengths, given=None):
        self.data, self.starts, self.lengths = data, starts, lengths
        self.given = given

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, which):
        X, y, weight = self.given
        weight = None if weight is None else weight[which]
        given = X[which], y, weight
        return TokenRows(self.data, self.starts[which], self.lengths[which], given)

    @property
    def shape(self):
        return len(self), None, 1

    @property
    def _offsets(self):
        return as_offsets(self.lengths)

    def _as_rows(self):
        return self.data, self.starts, self.lengths

    def astype(self, dtype):
        """Ids are the same in every type."""
        return self

    def targets(self):
        """The next token at each step of all documents, which end as they begin."""
        values = np.roll(self.data[:, 0], -1).astype(np.intp)
        return StepTarget(values, self._offsets)


class Corpus(TokenRows):
    """Documents one after the other, as parts of the one sequence that they are."""

    def __getitem__(self, which):
        starts, lengths = self.starts[which], self.lengths[which]
        return Corpus(self.data, starts, lengths, self.given)

    def joined(self):
        """Parts that follow each other as one."""
        lengths = np.array([self.lengths.sum()])
        return Corpus(self.data, self.starts[:1], lengths, self.given)


class FollowingTokens(StepTarget):
    """The next token of each step of B runs of rows, where these lie elsewhere: the
    token of the row behind it, or the `mark` where that is row `ends` (B,).

    `texts` are the first row of each document and its weight, by numbers of rows that
    are `places` (B,) where the runs begin; None where steps have no weights.
    """

    are_next = True  # values are among the rows of the data
    asked_at_once = True  # of losses of constants

    def __init__(self, data, starts, lengths, ends, mark, labels=None, texts=None,
                 places=None):  # fmt: skip
        self.data, self.starts, self.lengths = data, starts, lengths
        self.ends, self.mark, self.labels = ends, mark, labels
        self.texts, self.places = texts, starts if places is None else places

    def __len__(self):
        return len(self.starts)

    def __getstate__(self):
        """Without what lies elsewhere, and with no other texts than theirs."""
        state = {**vars(self[:]), "data": None}
        if self.texts is not None:
            state["texts"] = self._own_texts
        return state

    def _with(self, starts, lengths, ends, places):
        return FollowingTokens(
            self.data, starts, lengths, ends, self.mark, self.labels, self.texts, places
        )

    def __getitem__(self, which):
        parts = self.starts, self.lengths, self.ends, self.places
        return self._with(*(part[which] for part in parts))

    def at_rows(self, starts, lengths):
        run = np.searchsorted(self.offsets, starts, side="right") - 1
        by = starts - self.offsets[run]
        return self._with(
            self.starts[run] + by, lengths, self.ends[run], self.places[run] + by
        )

    def joined(self):
        lengths = np.array([self.lengths.sum()])
        return self._with(self.starts[:1], lengths, self.ends[:1], self.places[:1])

    def replace(self, labels):
        found = self[:]
        found.labels = labels
        return found

    @cached_property
    def offsets(self):
        return as_offsets(self.lengths)

    # ---- where the rows are ------------------------------------------------------

    def whole(self):
        """First row and number of rows of each run (B,), that of the last target
        counted."""
        return self.starts, self.lengths + self._has_behind

    def moved(self, data, starts):
        """The same steps, whose runs begin at these rows of other data."""
        found = self._with(
            starts, self.lengths, self.ends + starts - self.starts, self.places
        )
        found.data = data
        return found

    @property
    def _has_behind(self):
        return self.starts + self.lengths < self.ends

    @cached_property
    def values(self):
        """Ids of the tokens (N,)."""
        lengths = self.lengths - ~self._has_behind  # without marks
        data, starts = self.data, self.starts + 1
        if isinstance(data, Rows):
            data, starts = data.local(starts, lengths)
        values = np.full(self.offsets[-1], self.mark)
        places = rows_of_parts(self.offsets[:-1], lengths)[0]
        values[places] = data[rows_of_parts(starts, lengths)[0], 0]
        return values

    def token_counts(self, of_sequences, n_tokens):
        """How often each token is there, by weight (V,)."""
        weights, more = of_sequences, ()
        if weights is not None:
            more = (weights,)
        elif self.texts is not None:
            weights = self._own_texts[1]
        exponent = 0 if weights is None else exponent_of(weights)
        function = partial(_digits, n_tokens=n_tokens, exponent=exponent)
        blocks = by_blocks(function, self.data, *self.whole(), self, *more)
        return counts_of(sum(own for _, own in blocks), exponent)

    # ---- weights -----------------------------------------------------------------

    @cached_property
    def _own_texts(self):
        """First rows and weights of the texts that steps are of."""
        begins, weights = self.texts
        first = np.searchsorted(begins, self.places.min(), side="right") - 1
        last = np.searchsorted(begins, (self.places + self.lengths).max())
        return begins[first:last], weights[first:last]

    @property
    def weight(self):
        """That of each step (N,), None for one each."""
        if self.texts is None:
            return None
        begins, weights = self.texts
        rows, _ = rows_of_parts(self.places, self.lengths)
        return weights[np.searchsorted(begins, rows, side="right") - 1]

    @property
    def known(self):
        return np.ones(self.offsets[-1], bool)

    @property
    def counts(self):
        return self.lengths

    @cached_property
    def amounts(self):
        if self.texts is None:
            return self.lengths.astype(np.float64)
        parts = (self[part] for part in blocks_of_sequences(self.lengths, 1))
        return np.concatenate([part._per_sequence(part.weight) for part in parts])


def _digits(data, starts, lengths, target, weight=None, *, n_tokens, exponent):
    """Digits of the counts of these tokens."""
    target = target.moved(data, starts)
    return digits_of(target.values, target.weights(weight), n_tokens, exponent)


def tokens_and_targets(documents, vocabulary, weight=None):
    """What a network reads of documents, ids of a vocabulary, and the next tokens."""
    if documents.are_elsewhere:
        data, starts, lengths = documents.encoded(vocabulary)
        X = TokenRows(data, starts, lengths)
        y = FollowingTokens(data, starts, lengths, starts + lengths, vocabulary.mark)
        ids = data.runs(starts + 1, lengths - 1)
        given = SequenceArray._trusted(
            ids, as_offsets(lengths - 1), None, vocabulary.tokens
        )
    else:
        ids, offsets = vocabulary.encode(documents)
        X, y = read_tokens(ids, offsets, vocabulary.mark)
        given = documents_of(ids, offsets, vocabulary)
    X.given = given, None, weight
    return X, y.replace(labels=vocabulary.tokens)


def read_tokens(ids, offsets, mark):
    """What a network reads of documents, ids (N,) of their tokens, and the targets."""
    lengths = np.diff(offsets) + 1
    data = np.insert(ids, offsets[:-1], mark).astype(IDS)[:, np.newaxis]
    X = TokenRows(data, as_offsets(lengths)[:-1], lengths)
    return X, X.targets()


def as_corpus(X, y, n_steps, weight):
    """Documents and their targets as one sequence, in parts of `n_steps` steps; the
    weights are those of the documents."""
    total = int(X.lengths.sum())
    starts = np.arange(0, total, n_steps)
    lengths = np.minimum(n_steps, total - starts)
    if isinstance(y, FollowingTokens):
        texts = None if weight is None else (X.starts, weight)
        ends = np.full(len(starts), total)
        y = FollowingTokens(X.data, starts, lengths, ends, y.mark, y.labels, texts)
    else:
        if weight is not None:
            weight = np.repeat(weight, y.lengths)
        y = y.replace(offsets=as_offsets(lengths), weight=weight)
    return Corpus(X.data, starts, lengths, X.given), y


def documents_of(ids, offsets, vocabulary):
    """Documents as ids that know their tokens."""
    data = ids.astype(IDS)[:, np.newaxis]
    return SequenceArray._trusted(data, offsets, None, vocabulary.tokens)


class NextTokenReader:
    """What an estimator of this name learns of documents, and which of its parameters
    do not go together."""

    def __init__(self, name, level, contiguous, tbptt, tied_sizes=None):
        self.name = name
        self.level = level
        self.contiguous = contiguous
        self.tbptt = tbptt
        # embedding_dim and the units of the uppermost layer, which share weights
        self.tied_sizes = tied_sizes

    def check_parameters(self, incremental):
        """Say which parameters do not go together."""
        if self.contiguous and self.tbptt is None:
            raise ValueError(
                "contiguous=True reads all documents as one text, in segments of tbptt "
                "steps, but tbptt is None. Set tbptt, for example to 35."
            )
        if self.tied_sizes is not None and len(set(self.tied_sizes)) > 1:
            width, n_units = self.tied_sizes
            raise ValueError(
                f"tie_weights=True lets the head read with the rows of the tokens, of "
                f"embedding_dim={width} numbers, but the uppermost layer has {n_units} "
                f"units. Set embedding_dim={n_units}, or the last of "
                f"hidden_layer_sizes to {width}, or tie_weights=False."
            )

    def check(self, y):
        """Nothing is read of y."""

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid documents, whose labels are the tokens by id."""
        return NextTokens(y.labels, self.level)

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another kind of documents."""
        if self.level != target.level:
            raise ValueError(
                f"level cannot change between fits that continue: the fitted network "
                f"has level={target.level!r}, the parameters say {self.level!r}. Set "
                "warm_start=False and call fit to start anew."
            )

    @staticmethod
    def weigh(target, y, sample_weight):
        return y, sample_weight


class NextTokens:
    """One token of a vocabulary, or the end, for each step."""

    methods = ()
    head = {}

    def __init__(self, tokens, level):
        self.vocabulary = Vocabulary(tokens)
        self.level = level
        self.n_outputs = self.vocabulary.size
        self.loss = TokenCrossEntropy(self.n_outputs)
        self.score_name = self.loss.score_name

    @property
    def state(self):
        """Plain types, of which the target is made again."""
        return {"tokens": self.vocabulary.tokens, "level": self.level}

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {"vocabulary_": self.vocabulary.tokens}

    @property
    def mark(self):
        """The id that documents begin and end with."""
        return self.vocabulary.mark

    def text(self, ids):
        """The document of these ids: its tokens, characters as one text."""
        tokens = self.vocabulary.decode(ids)
        if self.level == "char" and all(isinstance(token, str) for token in tokens):
            return "".join(tokens)
        return tokens

    # ---- what every target is asked ----------------------------------------------

    def check_whole(self, y):
        """Any documents will do."""

    @staticmethod
    def encode(y):
        """What the loss compares outputs with."""
        return y.replace(labels=None)

    def identity(self, y):
        return self.encode(y)

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def follow(self, y, sample_weight):
        """The vocabulary stays as it is."""
        return self, None

    def scorer(self, y, sample_weight):
        """log p of the tokens (N,) to their mean, by which early stopping goes, and the
        loss."""
        return partial(_mean_and_loss, weight=y.weights(sample_weight))

    @staticmethod
    def head_in_units(weight, bias):
        return weight, bias


def _mean_and_loss(log_p, weight):
    mean = float(np.average(log_p, weights=weight))
    return mean, -mean
