"""LSTMLanguageModel: how probable documents are, and what comes next."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state, check_scalar

from .._network.build import language_model_network
from .._network.generation import sample
from .._network.network import PREDICT_STEPS
from .._targets.aligning import aligned
from .._targets.next_tokens import (
    NextTokenReader,
    NextTokens,
    as_corpus,
    documents_of,
    read_tokens,
    tokens_and_targets,
)
from .._targets.token_sequences import Documents, TokenReader, Vocabulary
from .._training.document_partitions import read_documents_of
from .._training.feeds import Minibatch, Minibatches
from .._training.samples import Samples, check_groups, check_sample_weight
from .._training.schedules import auto_epochs
from .._training.streams import Carry, Segments, Streams, segments
from .._typing import ArrayLike, Estimator
from ..sequences._check import Features, record_features
from ..sequences._columns import is_missing
from ..sequences._stacking import as_offsets
from ..sequences._vocabulary import first_unhashable
from .base import BaseRecurrent
from .cell_by_name import CellByName
from .checks import hidden_sizes, precision, with_minibatches
from .declaration import declared
from .fitted import Fitted, fitted_of
from .overflow import warn_if_not_finite
from .parameters import AnyCell, Data, Network, Optimizer, Stopping, but
from .state import State, check_state
from .task_parameters import LanguageModeling

# A step is one token.
TOKEN = Features(1, 1, None, None)
UNKNOWN_ID = 0
# Where exp(-score) is no number any more.
LARGEST_LOG = math.log(np.finfo(np.float64).max)


class FittedLanguageModel(Fitted):
    """What a fit on documents has found."""

    reads_target = True

    def outputs_of(self, network, rows, target):
        log_p = log_probabilities(network, rows, target)
        return log_p if np.isfinite(log_p).all() else None


def log_probabilities(network, rows, target):
    """log p of the tokens that are targets of sequences, (N,) one sequence after the
    other: some steps at a time, also of one sequence alone."""
    (data, starts, lengths), found = rows, [np.empty(0)]
    for part in network._batches(lengths, PREDICT_STEPS):
        batch = Minibatch(
            data, starts[part], lengths[part], target[part], None, 0.0, 1.0,
            np.arange(part.stop - part.start),
        )  # fmt: skip
        for segment in segments(batch, PREDICT_STEPS, 1.0):
            outputs, _ = network.forward_of(segment)
            scores = network.for_loss(outputs)
            found.append(scores.log_probability(segment.target.values))
    return np.concatenate(found)


class RecurrentLanguageModel(CellByName, DensityMixin, BaseRecurrent):
    """A distribution over documents, by a recurrent network that predicts each token
    from those before it.

    A density estimator in scikit-learn's sense: there is no y, :meth:`score_samples`
    gives log-likelihoods. A document is a text, or a list of tokens of any kind. The
    network reads a mark and then its tokens, and says at each step how probable which
    token is next, or the end of the document: the same mark again.

    Attributes
    ----------
    vocabulary_ : tuple
        The tokens that are known, by id. The first is "<unk>", which stands for all
        others; then they fall in frequency, and of those that are there equally often
        the one seen first comes first. Outputs are of these and, as the last one, of
        the end of a document.

    weights_ : dict of str to ndarray
        Here ``embedding`` (V, E) has a row for each of the `vocabulary_` and a last one
        for the mark, and ``head_weight`` (V, H) and ``head_bias`` (V,) have the end of
        a document as the last one. With ``tie_weights=True`` ``head_weight`` is equal
        to ``embedding``.

    n_features_in_ : int
        1: a step is one token.

    loss_ : float
        Mean loss of the last epoch over all tokens, ends of documents counted.

    t_ : int
        Documents seen in training, with ``contiguous=True`` segments, each epoch
        counted.

    validation_scores_ : list of float or None
        The score on what is held out after each epoch; None without early stopping.

    out_activation_ : str
        "softmax".

    See Also
    --------
    sklstm.preprocessing.TokenEncoder : Tokens with other rules, in front of it.

    Notes
    -----
    Where X is ids of a :class:`~sklstm.preprocessing.TokenEncoder`, which know their
    tokens, all of its vocabulary is known. Otherwise tokens that X has less often than
    `min_count` are "<unk>", as all that was not in X is later: a document of unknown
    tokens has the probability of a document of "<unk>". Where no token of X is rare,
    "<unk>" is as improbable as the network has begun with, but not impossible: no score
    is minus infinity. It is never generated.

    The bias of the head starts at the shares of the tokens, so that training begins at
    the loss of a model of single tokens.

    Examples
    --------
    >>> from sklstm import LSTMLanguageModel
    >>> numbers = ["one two three four", "two three four five", "three four five six"]
    >>> model = LSTMLanguageModel(16, embedding_dim=8, random_state=0).fit(numbers * 4)
    >>> model.perplexity(["two three four"]) < model.perplexity(["four three two"])
    True
    >>> model.generate(2, prefix="two three", temperature=0)
    [['four', 'five']]
    >>> names = ["anna", "hanna", "hannah", "ann", "nan"]
    >>> model = LSTMLanguageModel(16, level="char", random_state=0).fit(names)
    >>> model.score_samples(["anna", "aann"]).shape
    (2,)
    >>> [type(name) for name in model.generate(10, n=2, random_state=0)]
    [<class 'str'>, <class 'str'>]
    """

    _build = staticmethod(language_model_network)
    _found = FittedLanguageModel
    _target_of = staticmethod(NextTokens)
    # Choices of networks that read whole sequences of numbers.
    bidirectional, pooling, missing = False, None, "error"
    embedding_trainable, embedding_weights, categorical_features = True, None, None
    _exchanged, _least_held_out = False, 1
    # The feed cuts what is read, so that all steps have a gradient.
    _truncation = None

    def _asked_architecture(self):
        return {
            "hidden_layer_sizes": hidden_sizes(self),
            "dtype": precision(self),
            "cell": self._cell,
            "tie_weights": bool(self.tie_weights),
        }

    def _reader(self):
        tied = None
        if self.tie_weights:
            tied = int(self.embedding_dim), hidden_sizes(self)[-1]
        return NextTokenReader(
            type(self).__name__, self.level, self.contiguous, self.tbptt, tied
        )

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: Iterable[str] | Iterable[Iterable[Hashable]],
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Iterable[str] | Iterable[Iterable[Hashable]] | None = None,
        groups: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the model to documents X.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents: a list, an array or a Series of texts or of lists of tokens,
            or a SequenceArray of ids. A document may be empty.

        y : Ignored
            Not used, present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the documents. A document of weight zero is not there.

        X_val : as X, default=None
            Documents for early stopping, instead of a part of X.

        groups : array-like of shape (n_samples,), default=None
            The group of each document, for example its author. What is held out is then
            `validation_fraction` of the groups. Not with ``contiguous=True``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If X is no such iterable, a document is neither text nor a sequence, or a
            token cannot be the key of a dict. The message names document and token.
        ValueError
            If a parameter, X, a weight or a group is not valid, or if no token is left
            for the vocabulary. An earlier fit stays as it was.
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
        # what stands for y_val says that there is one
        validation = (X_val, X_val, None)
        self._commit(X, None, sample_weight, validation=validation, groups=groups)
        return self

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: Iterable[str] | Iterable[Iterable[Hashable]],
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given documents.

        The vocabulary is that of the first call, or of :meth:`fit`: what it does not
        have is "<unk>". For a larger one put a
        :class:`~sklstm.preprocessing.TokenEncoder` in front, which knows all of it.
        Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents, as in :meth:`fit`; with ``contiguous=True`` one text, at
            whose beginning states are zero.

        y : Ignored
            Not used, present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the documents; they count as they are.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also with ``early_stopping=True``.
        """
        self._commit(X, None, sample_weight, incremental=True)
        return self

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        sample_weight, groups = aligned(X, sample_weight=sample_weight, groups=groups)
        reader = TokenReader(
            type(self).__name__, "X", self.level, self.min_count, self.max_tokens
        )
        documents = reader.check(X)
        n = len(documents)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, n, self)
        if groups is not None:
            if self.contiguous:
                raise ValueError(
                    "groups are given, but with contiguous=True all documents are one "
                    "text, of which the last part is held out. Leave groups out, or "
                    "pass X_val."
                )
            groups = check_groups(groups, n)
        given = Samples(documents, None, sample_weight, groups).of_some_weight()
        documents = given.X
        if reset:
            vocabulary = reader.fit(documents)
            record_features(self, TOKEN)
            self.vocabulary_ = vocabulary.tokens
        else:
            vocabulary = Vocabulary(self.vocabulary_)
        X, y = tokens_and_targets(documents, vocabulary, given.weight)
        if self.contiguous:
            X, y = as_corpus(X, y, self.tbptt, given.weight)
            return Samples(X, y)
        return given._replace(X=X, y=y)

    def _check_partition(self, name, X):
        return read_documents_of(X, name, self.level)

    def _pair(self, table, X, y, sample_weight):
        return X.targets(), sample_weight

    def _read_validation(self, target, X_val, y_val, weight_val):
        try:
            return self._read(X_val, None, None, reset=False)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In X_val: {error}") from error

    def _untrained(self, target, samples=None, rows=None):
        embedding = {
            "columns": (0,),
            "widths": (int(self.embedding_dim),),
            "trainable": True,
            "rows": (target.n_outputs,),
        }
        architecture = {**self._asked_architecture(), "embedding": embedding}
        return self._found(self._build, architecture, TOKEN, target, self.missing)

    def _set_aside(self, given, validation, target, rng, incremental):
        if not self.contiguous:
            return super()._set_aside(given, validation, target, rng, incremental)
        self._sides, held_out = None, None  # no documents are remembered
        if validation[0] is not None:
            held_out = self._read_validation(target, *validation)
        elif self._holds_out:
            n = len(given.X)
            first = n - math.ceil(self.validation_fraction * n)
            if not first:
                raise ValueError(
                    f"early_stopping=True sets the last {self.validation_fraction:g} "
                    f"of {n} segment(s) of tbptt={self.tbptt} tokens aside, so that "
                    "none is left. Pass more text or X_val, use a smaller tbptt or "
                    "validation_fraction, or early_stopping=False."
                )
            given, held_out = given.at(slice(first)), given.at(slice(first, n))
        if held_out is not None:
            held_out = held_out._replace(X=held_out.X.joined(), y=held_out.y.joined())
        return given, held_out

    def _auto_batch_size(self, n_samples):
        return min(32, max(1, n_samples // 16))

    def _epochs_of_plan(self, n_samples, batch_size, X):
        if self.tbptt is not None:
            n_samples = int((-(-X.lengths // self.tbptt)).sum())
        return auto_epochs(n_samples, batch_size)

    def _feed(self, data, batch_size, X):
        if self.contiguous:
            return Streams(data, batch_size, self.tbptt)
        if self.tbptt is None:
            return Minibatches(data, batch_size, shuffle=self.shuffle)
        return Segments(data, batch_size, self.tbptt, shuffle=self.shuffle)

    # ---- how probable ------------------------------------------------------------

    def _documents(self, fitted, X, what="X"):
        """Ids of the tokens of documents, and where each begins."""
        name, level = type(self).__name__, fitted.target.level
        documents = TokenReader(name, what, level).check(X)
        return fitted.target.vocabulary.encode(documents)

    def _log_probabilities(self, X, contiguous):
        """log p of all tokens and ends of X (N,), and the offsets of the documents."""
        fitted = fitted_of(self)
        X, y = read_tokens(*self._documents(fitted, X), fitted.target.mark)
        rows, target = X._as_rows(), y
        if contiguous:
            whole = np.array([0, len(y.values)])
            rows = X.data, whole[:1], whole[1:]
            target = y.replace(offsets=whole)
        with fitted.network() as network, np.errstate(over="ignore", invalid="ignore"):
            log_p = log_probabilities(network, rows, target)
        warn_if_not_finite(log_p, "log-probability", offsets=y.offsets)
        return log_p, y

    def score_samples(
        self, X: Iterable[str] | Iterable[Iterable[Hashable]]
    ) -> np.ndarray:
        """Compute log-likelihoods of documents.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents, as in :meth:`fit`.

        Returns
        -------
        log_likelihoods : ndarray of shape (n_samples,)
            The natural logarithm of the probability of each document and its end: the
            sum over its steps, in their order. Each is read by itself, from a state of
            zeros on, also with ``contiguous=True``; to the bit it does not depend on
            the documents beside it.
        """
        log_p, y = self._log_probabilities(X, False)
        return np.bincount(y.sequence, weights=log_p, minlength=len(y))

    def score(
        self,
        X: Iterable[str] | Iterable[Iterable[Hashable]],
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Compute the mean log-probability of a token; the higher, the better.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents, as in :meth:`fit`.

        y : Ignored
            Not used, present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the documents.

        Returns
        -------
        score : float
            The natural logarithm of the probability of a token, as the mean over all
            tokens and the ends of all documents, a document of n tokens having n + 1.
            With ``contiguous=True`` the state goes on from a document to the next.
        """
        (sample_weight,) = aligned(X, sample_weight=sample_weight)
        log_p, y = self._log_probabilities(X, self.contiguous)
        weight = None
        if sample_weight is not None:
            weight = y.weights(check_sample_weight(sample_weight, len(y), self))
            if not weight.any():
                raise ValueError(
                    "All sample weights are zero: there is nothing to score."
                )
        return float(np.average(log_p, weights=weight))

    def perplexity(self, X: Iterable[str] | Iterable[Iterable[Hashable]]) -> float:
        """``exp(-score(X))``: among how many equally probable tokens X lets choose.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents, as in :meth:`fit`.

        Returns
        -------
        perplexity : float
            1 at the best. Always finite: unknown tokens have the probability of
            "<unk>".
        """
        return math.exp(min(-self.score(X), LARGEST_LOG))

    def bits_per_character(
        self, X: Iterable[str] | Iterable[Iterable[Hashable]]
    ) -> float:
        """Mean bits that a character of X takes: ``-score(X) / log(2)``.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            The documents, as in :meth:`fit`.

        Returns
        -------
        bits : float
            The sum over all characters and the ends of all documents, divided by their
            number: the end of a document counts as a character.

        Raises
        ------
        AttributeError
            If the model is not one of characters.
        """
        level = fitted_of(self).target.level
        if level != "char":
            raise AttributeError(
                f"bits_per_character is for models of characters, level='char', but "
                f"this one was fitted with level={level!r}. For words there is "
                "perplexity."
            )
        return -self.score(X) / math.log(2)

    # ---- what comes next -----------------------------------------------------------

    def predict_proba(
        self,
        X: Iterable[str] | Iterable[Iterable[Hashable]],
        *,
        initial_state: State | None = None,
    ) -> np.ndarray:
        """Predict probabilities of the token that comes next.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            Beginnings of documents, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            documents as X has: X goes on from there, where a document has begun
            already. None begins documents.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_tokens + 1)
            Columns are the tokens of `vocabulary_` in their order, "<unk>" the first of
            them, and the last one is the end of the document.
        """
        return np.exp(self.predict_log_proba(X, initial_state=initial_state))

    def predict_log_proba(
        self,
        X: Iterable[str] | Iterable[Iterable[Hashable]],
        *,
        initial_state: State | None = None,
    ) -> np.ndarray:
        """Predict logarithms of the probabilities of the token that comes next.

        Parameters
        ----------
        X : iterable of str, or of sequences of hashable
            Beginnings of documents, as in :meth:`fit`.

        initial_state : State, default=None
            Where to go on from, as in :meth:`predict_proba`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_tokens + 1)
            In the order of :meth:`predict_proba`.
        """
        fitted = fitted_of(self)
        log_p = self._run(fitted, X, initial_state, _next_tokens)[0]
        warn_if_not_finite(log_p, "log-probability")
        return log_p

    def predict_step(
        self,
        tokens: Iterable[Hashable],
        state: State,
        *,
        method: Literal["predict_proba", "predict_log_proba"] = "predict_proba",
    ) -> tuple[np.ndarray, State]:
        """Read one token of each document and say what comes next.

        The result is that of `method` for the documents up to here, to the bit.

        Parameters
        ----------
        tokens : list of hashable, of length n_sequences
            The next token of each document. None is the mark that documents begin with,
            the first thing to read; within a text of ``contiguous=True`` also the end
            of one document and the begin of the next.

        state : State
            What :meth:`initial_state` or the last call returned. It is not changed.

        method : {"predict_proba", "predict_log_proba"}, default="predict_proba"
            What to return.

        Returns
        -------
        probabilities : ndarray of shape (n_sequences, n_tokens + 1)
            In the order of :meth:`predict_proba`.

        state : State
            The state after the step.

        Raises
        ------
        TypeError
            If `state` is no state, or a token cannot be the key of a dict.
        ValueError
            If there are not as many tokens as the state is of, if one is missing (NaN),
            or if the state is one of another network.

        Examples
        --------
        >>> from sklstm import LSTMLanguageModel
        >>> model = LSTMLanguageModel(8, level="char", max_iter=10, random_state=0)
        >>> model = model.fit(["abab", "baba"])
        >>> p, state = model.predict_step([None], model.initial_state())
        >>> p, state = model.predict_step(["a"], state)
        >>> bool((p == model.predict_proba(["a"])).all())
        True
        """
        fitted = fitted_of(self)
        if method not in ("predict_proba", "predict_log_proba"):
            raise ValueError(
                f"method={method!r} is none of predict_proba, predict_log_proba."
            )
        with fitted.network() as network:
            state = check_state("state", state, network, fitted.kind)
            ids = _ids_of_step(tokens, state.n_sequences, fitted.target)
            log_p, layers, _ = network.step(ids[:, np.newaxis], state.layers, None)
        warn_if_not_finite(log_p, "log-probability")
        if method == "predict_proba":
            log_p = np.exp(log_p)
        return log_p, State(layers, None, None, state.network)

    def generate(
        self,
        n_tokens: int = 100,
        prefix: str | Iterable[Hashable] = "",
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        n: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> list[str] | list[list[Hashable]]:
        """Draw documents, or what comes after the beginning of one.

        Parameters
        ----------
        n_tokens : int, default=100
            How many tokens at the most: a document is done where its end is drawn,
            which is not part of it.

        prefix : str or list of hashable, default=""
            The beginning of all of them, read as a document of :meth:`fit`.

        temperature : float, default=1.0
            Tokens are drawn with the probabilities ``p ** (1 / temperature)``,
            normalised. Lower ones are bolder; up to 1e-3 the most probable token is
            taken, and nothing is random.

        top_k : int, default=None
            Draw from so many tokens, the most probable ones.

        top_p : float in (0, 1], default=None
            Draw from the fewest tokens that together are so probable, with
            `temperature`, among those that `top_k` leaves [Holtzman2020]_.

        n : int, default=1
            How many documents.

        random_state : int, RandomState instance or None, default=None
            Determines what is drawn. Each document has a stream of random numbers of
            its own: document i is the same for any `n`.

        Returns
        -------
        documents : list of str or list of list
            What comes after the prefix: with ``level="char"`` texts, else lists of
            tokens. "<unk>" is never drawn.

        References
        ----------
        .. [Holtzman2020] A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The
           Curious Case of Neural Text Degeneration", ICLR 2020.
        """
        _check_sampling(n_tokens, temperature, top_k, top_p, n)
        fitted = fitted_of(self)
        target = fitted.target
        ids = np.append(target.mark, self._documents(fitted, [prefix], "prefix")[0])
        seed = int(check_random_state(random_state).randint(2**31))
        allowed = np.arange(target.n_outputs) != UNKNOWN_ID
        with fitted.network() as network:
            found, lengths = sample(
                network, _states_after(network, ids[:-1], n), np.full(n, ids[-1]),
                int(n_tokens), seed=seed, streams=np.arange(n), top_k=top_k,
                top_p=top_p, temperature=float(temperature), stop=target.mark,
                allowed=allowed,
            )  # fmt: skip
        found = [row[:length] for row, length in zip(found.tolist(), lengths)]
        return [target.text([id for id in row if id != target.mark]) for row in found]

    # ---- hidden states -------------------------------------------------------------

    def _check_X(self, fitted, X, state=None):
        """What the network reads of X: of documents that begin the mark first."""
        ids, offsets = self._documents(fitted, X)
        if state is None:
            return read_tokens(ids, offsets, fitted.target.mark)[0]
        n = len(offsets) - 1
        if state.n_sequences != n:
            raise ValueError(
                f"initial_state is of {state.n_sequences} sequence(s), but X has {n}. "
                "Pass a state of as many sequences as X has."
            )
        return documents_of(ids, offsets, fitted.target.vocabulary)

    def _run(self, fitted, X, initial_state, read):
        found, offsets = super()._run(fitted, X, initial_state, read)
        if offsets is None or initial_state is not None:
            return found, offsets
        # at the steps of X, without that of the mark
        tokens = np.ones(offsets[-1], dtype=bool)
        tokens[offsets[:-1]] = False
        if isinstance(found, dict):
            found = {name: values[tokens] for name, values in found.items()}
        else:
            found = found[tokens]
        return found, offsets - np.arange(len(offsets))

    @property
    def _n_features_out(self):
        return fitted_of(self).architecture["hidden_layer_sizes"][-1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags


def _next_tokens(network, X, state):
    """log p of the token after each sequence (n, V)."""
    last = network.last_outputs(*X._as_rows(), state and state.layers)
    return network.for_loss(last).log_probabilities(), None


def _states_after(network, ids, n):
    """States of n documents that have begun with the same ids."""
    if not len(ids):
        return network.initial_states(n)
    carry, begin = Carry(), np.array([0])
    data, lengths = ids[:, np.newaxis], np.array([len(ids)])
    batch = Minibatch(data, begin, lengths, None, None, 0.0, 1.0, begin, carry)
    network.forward_of(batch)
    return [
        tuple(np.repeat(part, n, axis=0) for part in carry.states[layer.name])
        for layer in network.recurrents
    ]


def _check_sampling(n_tokens, temperature, top_k, top_p, n):
    check_scalar(n_tokens, "n_tokens", Integral, min_val=1)
    check_scalar(n, "n", Integral, min_val=1)
    check_scalar(temperature, "temperature", Real, min_val=0)
    if not math.isfinite(temperature):
        raise ValueError(f"temperature must be finite, got {temperature}.")
    if top_k is not None:
        check_scalar(top_k, "top_k", Integral, min_val=1)
    if top_p is not None:
        check_scalar(
            top_p, "top_p", Real, min_val=0, max_val=1, include_boundaries="right"
        )


def _ids_of_step(tokens, n, target):
    """Ids (n,) of the next token of each document, None being the mark."""
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Iterable):
        raise TypeError(
            f"tokens must be a list of one token for each sequence, got {tokens!r}."
        )
    tokens = tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
    if len(tokens) != n:
        raise ValueError(
            f"There are {len(tokens)} tokens, but the state is of {n} sequence(s). "
            "Pass one for each; None is the mark that documents begin with."
        )
    for i, token in enumerate(tokens):
        if token is not None and is_missing(token):
            raise ValueError(
                f"The token of sequence {i} is {token!r}, a missing value. The mark "
                "that documents begin with is None."
            )
    unhashable = first_unhashable(tokens)
    if unhashable is not None:
        i, token = unhashable
        raise TypeError(
            f"The token of sequence {i} is {token!r}, of type {type(token).__name__}, "
            "which cannot be the key of a dict."
        )
    documents = Documents(np.arange(n), as_offsets([n]), tuple(tokens))
    ids, _ = target.vocabulary.encode(documents)
    return np.where([token is None for token in tokens], target.mark, ids)


@declared(
    but(Network, "bidirectional", "pooling"), LanguageModeling, AnyCell,
    but(Optimizer, "tbptt", "batch_size", "shuffle"),
    but(Stopping, "max_iter", "early_stopping", "validation_fraction"),
    but(Data, "missing"),
)  # fmt: skip
class LSTMLanguageModel(RecurrentLanguageModel):
    """A distribution over documents, by a recurrent network.

    See Also
    --------
    LSTMClassifier : One label for a whole document.
    LSTMTagger : A label for every token.
    """
