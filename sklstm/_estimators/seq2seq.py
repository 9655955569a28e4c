"""LSTMSeq2Seq: a sequence of tokens for each sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from numbers import Integral, Number
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

from .._network.build import encoder_decoder_network
from .._network.decoding_tokens import beam, sources_at_once, sums_of_sequences
from .._network.exchange import encoder_decoder_weights
from .._sklearn.private import validate_parameter_constraints
from .._targets.aligning import aligned
from .._targets.sequence_of_tokens import AnswerReader, Answers, answers_of
from .._targets.token_sequences import TokenReader, Vocabulary
from .._training.samples import check_sample_weight, check_score_weight
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences import SequenceArray
from ..sequences._check import hint_long
from ..sequences._stacking import object_array
from ..sequences._vocabulary import IDS
from .base import RecurrentCore
from .cell_by_name import CellByName
from .checks import with_minibatches
from .declaration import declared
from .fitted import Fitted, fitted_of
from .overflow import warn_if_not_finite
from .parameters import (
    AnyCell,
    Data,
    Network,
    Optimizer,
    Stopping,
    Tokens,
    but,
)
from .task_parameters import Answering

# Length of the rows of tokens, where nothing says another.
WIDTH = 64
# Steps of the sequences that are encoded at a time.
MOST_STEPS = 65_536
DECODING = ("beam_size", "length_penalty", "max_length")


@dataclass(frozen=True, eq=False)
class FittedEncoderDecoder(Fitted):
    """What a fit has found, whose weights are those of two networks."""

    @cached_property
    def _weights(self):
        weights = encoder_decoder_weights(self.make_network(), self.parameters)
        for array in weights.values():
            array.flags.writeable = False
        return weights


class RecurrentSeq2Seq(CellByName, RecurrentCore):
    """A sequence of tokens for each sequence, with an encoder and a decoder.

    One recurrent network, the encoder, reads a sequence of X. Another one, the decoder,
    begins where it ended, and says token by token what the answer is: at each step it
    knows the tokens before, and looks back at the sequence by attention. Spelling to
    sound, dates to their standard form, sentences to another language.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Names of recurrent layers are those below with ``encoder_`` or ``decoder_``
        before them. Of two directions of the encoder, where the decoder begins is made
        by ``bridge_h_weight_l0`` (H, 2 H), ``bridge_h_bias_l0`` (H,), the same of c,
        and so on for each layer. The tables are ``embedding`` and ``target_embedding``.
        With S outputs of the encoder, attention has ``attention_query_weight`` (S, H)
        for "general" scores ``s_j @ W @ h``, (H, H) for "additive" ones, which have
        ``attention_key_weight`` (H, S) and ``attention_v`` (H,) besides. The head reads
        the tanh of what ``attention_combine_weight`` (H, S + H) and
        ``attention_combine_bias`` (H,) make of the context and h side by side.

    source_vocabulary_ : tuple or None
        The token of each id of X, of which id 0 is any other; None where X is numbers
        or ids without a vocabulary.

    target_vocabulary_ : tuple
        The token of each id of y, "<unk>" at 0. The begin and the end of an answer is
        the id behind the last.

    n_outputs_ : int
        Outputs of the head: one for each token of y and one for the end.

    loss_ : float
        Mean of -log p over the tokens and ends of the last epoch.

    validation_scores_ : list of float or None
        Mean of log p over the tokens and ends of the validation part after each epoch,
        NaN where a prediction was not finite. None without early stopping.

    out_activation_ : str
        "softmax".

    Notes
    -----
    In training the decoder is given the tokens of y ("teacher forcing"), and the loss
    is the mean of -log p over all of them and the ends. Predictions run freely: the
    decoder reads what it has said, along `beam_size` hypotheses. Of each source at most
    so many are followed, those of the highest log-probabilities among those of the same
    length. One that ends keeps its place, so that a beam of one takes the best token at
    each step. Of equal ones the better last token comes first, then the better
    hypothesis before it, then the token that is more frequent in y.

    A token of y that is rarer than `min_count`, or that a later fit brings, is unknown:
    it is trained and counts in `score_samples` as such, but no prediction holds it, and
    in `score` an answer that has it is never right.

    Other scores than that of whole answers are those of other packages, of the lists
    that `predict` gives: ``jiwer.wer([" ".join(a) for a in y], [" ".join(a) for a in
    model.predict(X)])`` for errors of tokens, of which it counts edits, and
    ``sacrebleu.corpus_bleu([" ".join(a) for a in model.predict(X)], [references])`` for
    translations.

    Examples
    --------
    >>> from sklstm import LSTMSeq2Seq
    >>> words = ["ab", "ba", "aab", "abb", "bab", "bba", "aba", "baa", "a", "b"]
    >>> backwards = [word[::-1] for word in words]
    >>> model = LSTMSeq2Seq(16, learning_rate_init=0.02, random_state=0)
    >>> model.fit(words, backwards).predict(["aab"])[0]
    ['b', 'a', 'a']
    >>> model.score(words, backwards)
    1.0
    >>> ["".join(tokens) for _, tokens in model.predict_n_best(["ab"], n=2)[0]][0]
    'ba'
    """

    _build = staticmethod(encoder_decoder_network)
    _found = FittedEncoderDecoder
    _target_of = staticmethod(answers_of)
    # Choices of networks that read the last step of a sequence.
    pooling = tbptt = None
    # Other libraries have no such network to fill.
    _exchanged = False
    # Tokens of X by their ids, of a fit that knows them.
    _source = None

    def _reader(self):
        return AnswerReader(type(self).__name__, self.level, self.min_count)

    @property
    def _embedding_dim(self):
        asked = self.embedding_dim
        if not isinstance(asked, str):  # "auto"
            return asked
        ids = (self._source, self.categorical_features, self.embedding_weights)
        return None if all(part is None for part in ids) else WIDTH

    @property
    def source_vocabulary_(self) -> tuple | None:
        """The token of each id of X, None where they are not known."""
        return fitted_of(self).vocabulary

    def _asked_architecture(self):
        architecture = super()._asked_architecture()
        del architecture["pooling"]
        width = self.target_embedding_dim
        if width is None:
            width = self._embedding_dim
        if np.ndim(width) or width is None:
            width = WIDTH
        attention = self.attention
        return architecture | {
            "attention": attention, "target_embedding_dim": int(width)
        }  # fmt: skip

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: SequencesLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: SequencesLike | None = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the model to sequences X and the answers y.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences: texts, whose tokens are their characters or words (see
            `level`), lists of tokens, ids that a
            :class:`~sklstm.preprocessing.TokenEncoder` has made, or numbers in any form
            that :func:`sklstm.sequences.check_sequences` accepts. Lists of numbers are
            numbers.

        y : list of str or list of lists of tokens
            The answer to each sequence, of any length: texts or lists of tokens, which
            can be anything that can be the key of a dict.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences. A sequence of weight zero is not there. The loss
            of a minibatch with N tokens and ends is ``sum(w_i * loss_i) / (N *
            w_mean)`` with the mean weight of all of these.

        X_val : as X, default=None
            Sequences for early stopping, instead of a part of X.

        y_val : as y, default=None
            Answers to `X_val`.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            The group of each sequence, for example the speaker. The part of X that is
            set aside for early stopping is then `validation_fraction` of the groups,
            and no group is on both sides. Only with ``early_stopping=True`` and without
            `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If a token cannot be the key of a dict, or X or y holds no sequences. The
            message names the sample and the token.
        ValueError
            If a parameter, X, y, a weight or a group is not valid. The message names
            the offending value; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            As :meth:`LSTMClassifier.fit`.
        UserWarning
            If training was interrupted from the keyboard; the estimator is fitted with
            the weights of that moment.
        """
        validation = (X_val, y_val, sample_weight_val)
        self._commit(X, y, sample_weight, validation=validation, groups=groups)
        return self

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        The optimizer goes on where it was, the vocabularies are those of the first
        call: what others bring is unknown. The learning rate follows the schedules
        "constant" and "invscaling"; the others need to see whole fits and stay at
        `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists of tokens
            The answers, as in :meth:`fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences. They count as they are.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`; also with ``early_stopping=True``.
        """
        self._commit(X, y, sample_weight, incremental=True)
        return self

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        if self.attention == "dot" and self.bidirectional:
            raise ValueError(
                "attention='dot' does not go with bidirectional=True: it multiplies "
                "the H units of the decoder with outputs of the encoder, which are 2 H "
                "of two directions. Use attention='general' or bidirectional=False."
            )
        if reset:
            X, self._source = self._learned(X, sample_weight)
        else:
            X = self._as_ids(X, self._source, self.level)
        return super()._read(X, y, sample_weight, groups, reset=reset)

    def _source_reader(self, level):
        return TokenReader(type(self).__name__, "X", level, self.min_count)

    def _learned(self, X, sample_weight):
        """X as ids, where it is tokens, and the tokens by their ids, or None."""
        if not are_tokens(X):
            return X, getattr(X, "vocabulary", None)
        if self.embedding_dim is None:
            raise ValueError(
                "X is text or tokens, but embedding_dim=None reads it as numbers. Set "
                f"embedding_dim, for example to {WIDTH}, or 'auto'."
            )
        reader = self._source_reader(self.level)
        documents = reader.check(X)
        vocabulary = reader.fit(_of_some_weight(documents, sample_weight))
        return _ids_of(documents, vocabulary), vocabulary.tokens

    def _as_ids(self, X, tokens, level):
        """X as ids of these tokens, where it is tokens itself."""
        if not are_tokens(X, tokens is not None):
            return X
        if tokens is None:
            raise ValueError(
                f"X is text or tokens, but this {type(self).__name__} was fitted on "
                "numbers or on ids without a vocabulary. Pass these."
            )
        return _ids_of(self._source_reader(level).check(X), Vocabulary(tokens))

    def _pair(self, table, X, y, sample_weight):
        _check_as_many(X, y, table)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(y), self)
        return Answers(y, X.lengths), sample_weight

    # ---- predict ---------------------------------------------------------------

    def _valid_X(self, fitted, X):
        return super()._valid_X(
            fitted, self._as_ids(X, fitted.vocabulary, fitted.target.level)
        )

    def _hypotheses(self, X):
        """Of each sequence of X pairs (log-probability, ids), the best first."""
        fitted = fitted_of(self)
        constraints = {name: self._parameter_constraints[name] for name in DECODING}
        options = {name: getattr(self, name) for name in DECODING}
        validate_parameter_constraints(
            constraints, options, caller_name=type(self).__name__
        )
        vocabulary, found = fitted.target.vocabulary, []
        with fitted.network() as network:
            X = self._check_X(fitted, X)
            data, starts, lengths = X._as_rows()
            longest = fitted.target.most_tokens(lengths, self.max_length)
            most = sources_at_once(vocabulary.size, self.beam_size)
            for part in _parts(lengths, most):
                encoded = network.encode(data, starts[part], lengths[part])
                step = partial(network.step, encoded=encoded)
                best = beam(
                    step, encoded.states, longest[part], vocabulary.mark,
                    self.beam_size, self.length_penalty,
                )  # fmt: skip
                found += best.of_each()
        warn_if_not_finite(np.array([best[0][0] for best in found]), "prediction")
        return found, vocabulary

    def predict(self, X: SequencesLike) -> np.ndarray:
        """Predict the answer to each sequence.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) of list
            The tokens of each answer; of texts with ``level="char"``
            ``"".join(tokens)`` is the text.
        """
        found, vocabulary = self._hypotheses(X)
        return object_array([vocabulary.decode(best[0][1]) for best in found])

    def predict_n_best(self, X: SequencesLike, n: int | None = None) -> list:
        """Predict several answers to each sequence.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        n : int, default=None
            How many answers, `beam_size` at the most; None is so many.

        Returns
        -------
        answers : list of list of tuple
            For each sequence pairs (log-probability, tokens), the best first by
            `length_penalty`. The log-probability is that of all tokens and the end, as
            :meth:`score_samples` gives it. Fewer than n where a `max_length` leaves no
            more.

        Raises
        ------
        ValueError
            If n is larger than `beam_size`.
        """
        fitted_of(self)
        if n is not None and check_scalar(n, "n", Integral, min_val=1) > self.beam_size:
            raise ValueError(
                f"n={n} is more than beam_size={self.beam_size}: a beam finds as many "
                f"answers as it is wide. Call set_params(beam_size={n}) first, which "
                "needs no other fit."
            )
        found, vocabulary = self._hypotheses(X)
        return [
            [(score, vocabulary.decode(ids)) for score, ids in best[:n]]
            for best in found
        ]

    def score(
        self, X: SequencesLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the share of the sequences whose whole answer is right.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists of tokens
            The right answers.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences.

        Returns
        -------
        score : float
            The share of right answers, by weight.
        """
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        y = self._answers(fitted_of(self), y)
        if sample_weight is not None:
            sample_weight = check_score_weight(sample_weight, y, self)
        predicted = self.predict(X)
        _check_as_many(predicted, y, X)
        right = [a == b for a, b in zip(predicted, y.as_given(), strict=True)]
        return float(np.average(right, weights=sample_weight))

    def _answers(self, fitted, y):
        """Valid answers, whose tokens are those of the fitted level."""
        name = type(self).__name__
        return AnswerReader(name, fitted.target.level).check(y)

    def _given_answers(self, X, y, read):
        """What `read` gives of a network, data, starts, lengths, and the target, for
        parts of X and y; and where the target of each sequence begins."""
        fitted = fitted_of(self)
        (y,) = aligned(X, y=y)
        answers = self._answers(fitted, y)
        found = []
        with fitted.network() as network:
            sequences = self._check_X(fitted, X)
            _check_as_many(sequences, answers, X)
            target = fitted.target.encode(answers)
            data, starts, lengths = sequences._as_rows()
            for part in _parts(lengths + target.lengths):
                rows = data, starts[part], lengths[part]
                found.append(read(network, rows, target[part]))
        return found, target.offsets

    def score_samples(self, X: SequencesLike, y: Any) -> np.ndarray:
        """Return the log-probabilities of given answers.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists of tokens
            An answer to each.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples,)
            The sum of log p over the tokens and the end of each answer. A token that is
            not in the vocabulary has the probability of the unknown one.
        """
        found, offsets = self._given_answers(X, y, _log_p)
        log_p = np.concatenate(found)
        warn_if_not_finite(log_p, "log-probability", offsets=offsets)
        return sums_of_sequences(log_p, offsets)

    def attention_weights(self, X: SequencesLike, y: Any = None) -> np.ndarray:
        """Return the weights with which the decoder looks at each sequence.

        Parameters
        ----------
        X : list of str, list of lists of tokens, SequenceArray, or list of arrays of \
                shape (n_steps, n_features)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists of tokens, default=None
            The answers along which the decoder goes. None is those that it predicts.

        Returns
        -------
        weights : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_tokens_i + 1, n_steps_i): the weights of the steps,
            whose sum is 1, where a token of the answer is said, and in the last row
            where its end is.

        Raises
        ------
        AttributeError
            If the network has no attention.

        See Also
        --------
        sklstm.inspection.AlignmentDisplay : Draws them.
        """
        if fitted_of(self).architecture["attention"] is None:
            raise AttributeError(
                "attention_weights needs a network with attention: this one was fitted "
                "with attention=None."
            )
        if y is None:
            y = self.predict(X)
        found, _ = self._given_answers(X, y, _attention)
        return object_array([weights for part in found for weights in part])

    def _given_tokens(self, X, y):
        """Tokens of each sequence of X, None where it is numbers, and of each answer,
        none of them replaced."""
        fitted, sequences = fitted_of(self), None
        level, knows_tokens = fitted.target.level, fitted.vocabulary is not None
        if getattr(X, "vocabulary", None) or are_tokens(X, knows_tokens):
            sequences = self._source_reader(level).check(X).as_given()
        return sequences, self._answers(fitted, y).as_given()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags


def _log_p(network, rows, target):
    scores = network.for_loss(network.predict_of(rows, target))
    return scores.log_probability(target.values)


def _attention(network, rows, target):
    return network.attention(*rows, target)


def _parts(lengths, most=None):
    """Slices of at most so many sequences and of not too many steps."""
    begin, steps = 0, np.cumsum(lengths)
    while begin < len(lengths):
        before = steps[begin] - lengths[begin]
        end = int(np.searchsorted(steps, before + MOST_STEPS, side="right"))
        end = max(begin + 1, end if most is None else min(end, begin + most))
        yield slice(begin, end)
        begin = end


def _check_as_many(X, y, table):
    """Say when there is not one answer for each sequence of X."""
    if len(X) != len(y):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{len(X)}, {len(y)}]. X has {len(X)} sequences, y has {len(y)} answers: "
            f"one for each sequence is needed.{hint_long(table)}"
        )


def are_tokens(X, otherwise=False):
    """Whether this is text, or sequences of tokens that are no numbers; `otherwise` is
    said of sequences without a step."""
    if isinstance(X, (str, bytes)):
        return True
    if isinstance(X, (SequenceArray, Iterator)) or X is None or hasattr(X, "columns"):
        return False
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    if kind != "O":
        return kind in "UST"
    if not isinstance(X, Iterable):
        return False
    return next((are for are in map(_holds_tokens, X) if are is not None), otherwise)


def _holds_tokens(item):
    """Whether there is anything but numbers in an item; None where there is nothing."""
    if isinstance(item, (str, bytes)):
        return True
    for name in ("as_py", "to_list"):  # of Arrow, and of vectors of other packages
        if hasattr(item, name):
            item = getattr(item, name)()
    if isinstance(item, np.ndarray):
        if item.dtype != object:
            return item.dtype.kind in "UST" if item.size else None
        item = item.tolist()
    if isinstance(item, (list, tuple)):
        found = {are for are in map(_holds_tokens, item)} - {None}
        return any(found) if found else None
    if hasattr(item, "__array__"):
        return False
    return None if item is None else not isinstance(item, Number)


def _ids_of(documents, vocabulary):
    """Documents as ids."""
    ids, offsets = vocabulary.encode(documents)
    return SequenceArray._trusted(
        ids.astype(IDS)[:, np.newaxis], offsets, None, vocabulary.tokens
    )


def _of_some_weight(documents, sample_weight):
    """Without those of weight zero, if weights are as they should be: those that are
    not are refused later."""
    try:
        there = np.asarray(sample_weight, dtype=np.float64) > 0
    except (TypeError, ValueError):
        return documents
    valid = there.shape == (len(documents),) and there.any()
    return documents[there] if valid else documents


@declared(
    but(Network, "pooling"), but(Tokens, "embedding_dim"), AnyCell,
    but(Optimizer, "tbptt"), Stopping, Data, Answering,
)  # fmt: skip
class LSTMSeq2Seq(RecurrentSeq2Seq):
    """A sequence of tokens for each sequence, with an encoder and a decoder.

    See Also
    --------
    LSTMTagger : A label for each step of a sequence, where these go together.
    LSTMClassifier : One label for a whole sequence.
    """
