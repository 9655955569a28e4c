"""LSTMTranscriber: a string of labels for a longer sequence, at no known steps."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.utils import check_scalar

from .._network.decoding_ctc import Decoder
from .._sklearn.warn import warn
from .._targets.aligning import aligned
from .._targets.label_languages import language_of
from .._targets.transcripts import (
    TranscriptReader,
    check_feasible,
    share_right,
    transcripts_of,
)
from .._training.feeds import Minibatches
from .._training.samples import check_sample_weight, check_score_weight
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._check import check_sequences, hint_long
from ..sequences._html import state_as_html
from .at_steps import StepEstimator
from .base import BaseRecurrent
from .checks import with_minibatches
from .declaration import declared
from .fitted import fitted_of
from .parameters import (
    AnyCell,
    Data,
    Network,
    Optimizer,
    Stopping,
    Tokens,
    but,
)
from .state import State
from .streaming import check_method
from .task_parameters import Transcription

IN_A_FIT = "infeasible='drop' leaves such samples out"


class TranscriberState(NamedTuple):
    """What is to be known of n sequences to transcribe their next step.

    Made by :meth:`~sklstm.LSTMTranscriber.initial_state` and
    :meth:`~sklstm.LSTMTranscriber.predict_step`; never changed, so that a state can be
    kept and gone on from more than once.

    Parameters
    ----------
    network : State
        The state of the network.

    last : ndarray of shape (n,)
        The most probable output at the last step, before the first one the blank: where
        it comes again it is the same label, not another one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTranscriber
    >>> X = np.random.default_rng(0).standard_normal((20, 6, 2))
    >>> model = LSTMTranscriber(4, max_iter=5, random_state=0).fit(X, 20 * ["ab"])
    >>> state = model.initial_state(n_sequences=2)
    >>> letters, state = model.predict_step(X[:2, 0], state)
    >>> state.n_sequences
    2
    """

    network: State
    last: np.ndarray

    @property
    def n_sequences(self) -> int:
        """Sequences that are read side by side."""
        return self.network.n_sequences

    def _repr_html_(self) -> str:
        return state_as_html(self)


TranscriberState.__module__ = "sklstm"  # the place that pickles name


class RecurrentTranscriber(StepEstimator, BaseRecurrent):
    """A transcript for every sequence, a string of labels that is shorter than it: what
    is said or written, where nothing says at which steps.

    Connectionist temporal classification [Graves2006]_: at each step the network gives
    probabilities of the labels and of a blank. A path has one of these for each step,
    and stands for the labels that are left once repetitions are one and blanks are
    gone; the probability of a transcript is the sum over all paths that stand for it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels: characters, where y holds strings.

    blank_ : int
        The column of the blank in probabilities at steps: the last one, behind those of
        `classes_`.

    n_outputs_ : int
        Outputs of the head: the labels and the blank.

    loss_ : float
        Mean loss of the last epoch, for a label: -log p of all transcripts, divided by
        the number of their labels.

    validation_scores_ : list of float or None
        Score of the validation part after each epoch, of the most probable path
        (``beam_size=1``); NaN where an output was not finite. None without early
        stopping.

    out_activation_ : str
        "softmax".

    Notes
    -----
    Of a minibatch the loss is the sum of -log p of its transcripts, each times its
    sample weight, divided by the number of their labels times the mean weight of a
    label; an empty transcript counts as one label. The head's bias starts at the shares
    that labels have of all steps, one step each, and the blank the rest; and the first
    epoch has the sequences by their lengths, the short ones first (unless
    ``shuffle=False``). Both are against the plateau at which blanks are all that there
    is: training leaves it earlier.

    A search with `beam_size` above 1 goes on from step to step with the transcripts so
    far that are most probable [Hannun2014]_. Those that are left at the end are ranked
    by their exact probability, which :meth:`score_samples` gives, and by what
    `language_model` and `insertion_bonus` add.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTranscriber
    >>> rng = np.random.default_rng(0)
    >>> shapes = dict(zip("abc", rng.standard_normal((3, 4, 2))))
    >>> def write(text):
    ...     parts = [np.repeat(shapes[k], rng.integers(1, 3), axis=0) for k in text]
    ...     return np.concatenate([*parts, np.zeros((1, 2))])
    >>> y = ["".join(rng.choice([*"abc"], rng.integers(1, 5))) for _ in range(200)]
    >>> X = [write(text) for text in y]
    >>> model = LSTMTranscriber(32, max_iter=60, random_state=0).fit(X, y)
    >>> model.predict([write("cab"), write("abba")]).tolist()
    ['cab', 'abba']
    """

    _target_of = staticmethod(transcripts_of)

    def _reader(self):
        return TranscriptReader(type(self).__name__)

    # ---- fit -------------------------------------------------------------------

    def _pair(self, table, X, y, sample_weight):
        y, sample_weight = self._paired(table, X, y, sample_weight)
        if self.infeasible == "error":
            check_feasible(y, sample_weight, IN_A_FIT)
        return y, sample_weight

    def _paired(self, table, X, y, sample_weight):
        """Transcripts that know the steps of valid X, and valid weights."""
        if len(X) != len(y):
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"[{len(X)}, {len(y)}]. y needs a transcript for each sequence."
                + hint_long(table)
            )
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(y), self)
        return y.replace(n_steps=X.lengths), sample_weight

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        given = super()._read(X, y, sample_weight, groups, reset=reset)
        there = given.y.needed <= given.y.n_steps
        if there.all():
            return given
        n, n_dropped = len(there), int((~there).sum())
        if n_dropped == n:
            raise ValueError(
                f"Each of the {n} transcripts needs more steps than its sequence has, "
                "and infeasible='drop' leaves nothing to fit."
            )
        warn(
            f"{n_dropped} of {n} samples are left out (infeasible='drop'): their "
            "transcripts need more steps than their sequences have."
        )
        return given.at(there)

    def _feed(self, data, batch_size, X):
        first = "any" if self.t_ else "short"
        return Minibatches(data, batch_size, shuffle=self.shuffle, first=first)

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
        """Fit the model to sequences X and their transcripts y.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences: a list of arrays of shape (n_steps_i, n_features), a 3-D
            array whose trailing all-NaN steps are padding, or a 2-D array of univariate
            sequences of equal length. See :func:`sklstm.sequences.check_sequences`.

        y : list of str or list of lists
            The transcript of each sequence: a string, each character of which is a
            label, or a list of labels, which may be text, whole numbers or other things
            that can be hashed. A transcript may be empty. It has no blank, and it needs
            no more steps than its sequence has: one for each label, and one between two
            equal ones.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences. A sample of weight zero is not there.

        X_val : as X, default=None
            Sequences for early stopping, instead of a part of X.

        y_val : as y, default=None
            Transcripts of `X_val`.

        sample_weight_val : as sample_weight, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            The group of each sequence, for example its speaker. The part of X that is
            set aside for early stopping is then `validation_fraction` of the groups,
            and no group is on both sides. Only with ``early_stopping=True`` and without
            `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y, a weight or a group is not valid, or if a transcript
            needs more steps than its sequence has (see `infeasible`). The message names
            the sample and the value; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached before the loss stopped getting better by `tol`,
            though not where ``learning_rate="cosine"`` has planned it so; if the loss
            was not finite, or if it ended far above that of a constant prediction.
        UserWarning
            If samples are left out with ``infeasible="drop"``. If training was
            interrupted from the keyboard; the estimator is fitted with the weights of
            that moment.
        """
        return super().fit(
            X, y, sample_weight, X_val=X_val, y_val=y_val,
            sample_weight_val=sample_weight_val, groups=groups,
        )  # fmt: skip

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        The optimizer goes on where it was. The learning rate follows the schedules
        "constant" and "invscaling"; the others need to see whole fits and stay at
        `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists
            Their transcripts, as in :meth:`fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences. They count as they are: the loss of a minibatch
            with N labels is ``sum(w_i * loss_i) / N``.

        classes : str or array-like of shape (n_classes,), default=None
            All labels there will ever be, a string of characters or a list. Needed at
            the first call.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also if y holds a label that is not in `classes`, if
            `classes` is missing at the first call or differs at a later one, or with
            ``early_stopping=True``.
        """
        self._commit(X, y, sample_weight, classes=classes, incremental=True)
        return self

    # ---- predict ---------------------------------------------------------------

    def _decoder(self, fitted):
        """What searches for transcripts, as the parameters say now."""
        self._validate_params()
        if self.language_model is None:
            return Decoder(int(self.beam_size), None, 0.0, float(self.insertion_bonus))
        if self.beam_size == 1:
            raise ValueError(
                "language_model has no part in beam_size=1, the most probable output "
                "of each step. Set beam_size, for example to 20, or "
                "language_model=None."
            )
        language = None
        if self.lm_weight:
            language = language_of(self.language_model, fitted.target.labels)
        return Decoder(
            int(self.beam_size), language, float(self.lm_weight),
            float(self.insertion_bonus),
        )  # fmt: skip

    def _run(self, fitted, X, initial_state, read):
        if initial_state is not None:
            initial_state = self._checked("initial_state", initial_state).network
        return super()._run(fitted, X, initial_state, read)

    def _checked(self, name, state):
        """A state of this estimator, but for what the network knows."""
        fitted = fitted_of(self)
        if type(state) is not TranscriberState:
            raise TypeError(
                f"{name} must be what initial_state or predict_step of "
                f"{type(self).__name__} returned, got {type(state).__name__}. "
                "predict_step returns two values: the labels and the next state."
            )
        try:
            n = state.network.n_sequences
        except (AttributeError, IndexError, TypeError):
            return state  # the network says what is wrong
        last = state.last
        if not (
            type(last) is np.ndarray
            and last.dtype == np.intp
            and last.shape == (n,)
            and (last >= 0).all()
            and (last < fitted.target.n_outputs).all()
        ):
            raise ValueError(
                f"{name}.last is not what predict_step of this estimator returned for "
                f"{n} sequence(s): it was changed, or is of another one. Begin with "
                "initial_state()."
            )
        return state

    def predict(
        self, X: SequencesLike, *, initial_state: TranscriberState | None = None
    ) -> np.ndarray:
        """Predict the transcripts of sequences.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : TranscriberState, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. With ``beam_size=1`` a label
            that goes on from there is not predicted again; a search begins anew.

        Returns
        -------
        y : ndarray of shape (n_samples,) of str or list
            The transcripts: strings where those of the fit were, else lists of labels.
        """
        fitted = fitted_of(self)
        last = None if initial_state is None else getattr(initial_state, "last", None)
        return self._decode(
            "predict", X, initial_state, decoder=self._decoder(fitted), last=last
        )

    def predict_n_best(self, X: SequencesLike, n: int = 5) -> np.ndarray:
        """Predict the best transcripts of each sequence that a search finds.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        n : int, default=5
            How many transcripts, `beam_size` at the most.

        Returns
        -------
        transcripts : ndarray of shape (n_samples,) of list of tuple
            For each sequence pairs (score, transcript), the best first, which is what
            :meth:`predict` returns. A score is the natural logarithm of the
            probability, as of :meth:`score_samples`, and with `language_model` or
            `insertion_bonus` what these add. Fewer than n where there are no others.

        Raises
        ------
        ValueError
            If n is above `beam_size`: no more transcripts are left at the end.
        """
        check_scalar(n, "n", Integral, min_val=1)
        fitted = fitted_of(self)
        decoder = self._decoder(fitted)
        if n > decoder.beam_size:
            raise ValueError(
                f"n={n} is more than beam_size={decoder.beam_size}, the transcripts "
                f"that are left at the end of a search. Use set_params(beam_size={n}) "
                "or a larger one; it needs no other fit."
            )
        return self._decode("predict_n_best", X, decoder=decoder, n=int(n))

    def predict_proba(
        self, X: SequencesLike, *, initial_state: TranscriberState | None = None
    ) -> np.ndarray:
        """Predict probabilities of the labels and of the blank at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : TranscriberState, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes + 1), in the order of `classes_` and
            the blank last, in column `blank_`.
        """
        return self._decode("predict_proba", X, initial_state)

    def predict_log_proba(
        self, X: SequencesLike, *, initial_state: TranscriberState | None = None
    ) -> np.ndarray:
        """Predict logarithms of the probabilities of labels and blank at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : TranscriberState, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes + 1), the blank last.
        """
        return self._decode("predict_log_proba", X, initial_state)

    def decision_function(
        self, X: SequencesLike, *, initial_state: TranscriberState | None = None
    ) -> np.ndarray:
        """Raw outputs of the head at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : TranscriberState, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes + 1), the blank last.
        """
        return self._decode("decision_function", X, initial_state)

    def _given(self, X, y):
        """Transcripts with the steps of X, in the order of X, as numbers of classes."""
        (y,) = aligned(X, y=y)
        y = self._reader().check(y)
        y, _ = self._paired(X, check_sequences(X, allow_nan=True), y, None)
        return y

    def score_samples(self, X: SequencesLike, y: Any) -> np.ndarray:
        """Compute log-probabilities of transcripts, given their sequences.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists
            A transcript for each sequence.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples,)
            Natural logarithms, summed over all paths; -inf of a transcript that needs
            more steps than there are, or has a label that the fit did not know.
        """
        target = fitted_of(self).target.encode(self._given(X, y))
        return self._decode("log_likelihood", X, target=target)

    def align(self, X: SequencesLike, y: Any) -> np.ndarray:
        """Find the steps of each label of transcripts that are known.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists
            A transcript for each sequence.

        Returns
        -------
        steps : ndarray of shape (n_samples,) of list of tuple
            For each sequence a pair (first, last) for each label: its steps, counted
            from 0, on the most probable path that stands for the transcript. The other
            steps are blanks.

        Raises
        ------
        ValueError
            If a transcript has a label that the fit did not know, or needs more steps
            than its sequence has.
        """
        target = fitted_of(self).target
        y = self._given(X, y)
        target.check_known(y)
        check_feasible(y)
        return self._decode("align", X, target=target.encode(y))

    def score(
        self, X: SequencesLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        """1 - edits / labels, over all sequences.

        Edits are labels to insert, delete or replace, as few as will do, to make the
        prediction of the transcript. The score is 1 minus the label error rate, for
        strings the character error rate, and may be below zero.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of str or list of lists
            The true transcripts.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences, by which their edits and labels count.

        Returns
        -------
        score : float
            ``1 - sum(w_i * edits_i) / sum(w_i * n_labels_i)``; where y has no labels at
            all, 1 minus the mean edits of a sequence.
        """
        fitted = fitted_of(self)
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        true = fitted.target.encode(self._given(X, y))
        sample_weight = check_score_weight(sample_weight, true, self)
        found = self._reader().check(list(self.predict(X)))
        found = fitted.target.encode(found)
        return share_right(found.values, found.offsets, true, sample_weight)

    # ---- step by step ----------------------------------------------------------

    def initial_state(
        self,
        n_sequences: int | None = None,
        *,
        h: ArrayLike | None = None,
        c: ArrayLike | None = None,
    ) -> TranscriberState:
        """The state of sequences before their first step.

        Parameters
        ----------
        n_sequences : int, default=None
            Sequences that are read side by side. None is as many as `h` and `c` are of,
            and without them 1.

        h : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Hidden states to begin with, as in :meth:`LSTMTagger.initial_state`.

        c : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Cell states to begin with, as `h`. Only for an LSTM.

        Returns
        -------
        state : TranscriberState
            To be passed to :meth:`predict_step`, or as ``initial_state`` to
            :meth:`predict` and :meth:`transform`.
        """
        network = super().initial_state(n_sequences, h=h, c=c)
        blank = fitted_of(self).target.n_outputs - 1
        last = np.full(network.n_sequences, blank, dtype=np.intp)
        return TranscriberState(network, last)

    def predict_step(
        self,
        X: ArrayLike,
        state: TranscriberState,
        *,
        method: Literal[
            "predict", "predict_proba", "predict_log_proba", "decision_function"
        ] = "predict",
    ) -> tuple[np.ndarray, TranscriberState]:
        """Read one step of each sequence and say which label is new.

        The labels of all steps, one behind the other, are the prediction of
        ``beam_size=1`` for the sequences up to here, and the others are those of
        `method`, to the bit.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features)
            The next step of each sequence. With one sequence a vector of its features
            will do, with one feature a vector of its values.

        state : TranscriberState
            What :meth:`initial_state` or the last call returned. It is not changed.

        method : {"predict", "predict_proba", "predict_log_proba", \
                "decision_function"}, default="predict"
            Which prediction to return.

        Returns
        -------
        y : ndarray of shape (n_sequences,) of str or list, or \
                (n_sequences, n_classes + 1)
            The labels that begin at this step: a transcript of one label or of none,
            "" or []. Of the other methods what they give for the step.

        state : TranscriberState
            The state after the step.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, a value that is not finite (but for
            NaN where `missing` is not "error"), if the state is one of a network of
            another architecture or a part of it was changed, or if the network is
            bidirectional.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMTranscriber
        >>> X = np.random.default_rng(0).standard_normal((20, 6, 2))
        >>> model = LSTMTranscriber(4, max_iter=5, random_state=0).fit(X, 20 * ["ab"])
        >>> state, text = model.initial_state(), ""
        >>> for x in X[0]:
        ...     letters, state = model.predict_step(x, state)
        ...     text += letters[0]
        >>> text == model.predict(X[:1])[0]
        True
        """
        target = fitted_of(self).target
        check_method(method, target.methods)
        network, last = self._checked("state", state)
        raw, network = self._step(fitted_of(self), X, network)
        if method == "predict":
            y = target.predict(raw, np.arange(len(raw) + 1), Decoder(), last)
        else:
            y = getattr(target, method)(raw)
        return y, TranscriberState(network, raw.argmax(axis=1))


@declared(
    but(Network, "pooling"), Tokens, AnyCell, but(Optimizer, "tbptt"), Stopping, Data,
    Transcription,
)  # fmt: skip
class LSTMTranscriber(RecurrentTranscriber):
    """A transcript for every sequence, with a recurrent network.

    See Also
    --------
    LSTMTagger : A label for every step.
    LSTMClassifier : One label for a whole sequence.
    """
