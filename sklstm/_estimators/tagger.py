"""LSTMTagger: a label at every step."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils import check_scalar

from .._targets.aligning import aligned
from .._targets.tags import TagReader, tags_of
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._check import check_sequences
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
    Tagging,
    Tokens,
    but,
)
from .state import State


class RecurrentTagger(StepEstimator, BaseRecurrent):
    """A label for every step of a sequence, with a recurrent network.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch over the labelled steps.

    validation_scores_ : list of float or None
        Accuracy over the labelled steps of the validation part after each epoch, for
        multilabel targets minus the log loss; NaN where a prediction was not finite.
        None without early stopping.

    out_activation_ : str
        "crf", "softmax" without it, or "logistic" for multilabel targets.

    transitions_ : ndarray of shape (n_classes, n_classes)
        With ``crf=True`` the scores of transitions from a label to the next, -inf of
        those that are not allowed.

    start_transitions_ : ndarray of shape (n_classes,)
        With ``crf=True`` the scores of the first label.

    end_transitions_ : ndarray of shape (n_classes,)
        With ``crf=True`` the scores of the last label.

    Notes
    -----
    None in y is a step without label: it has no loss, and with a conditional random
    field any label may be there. The loss is the mean over the labelled steps; with a
    random field that of all sequences, -log p of their labels, divided by the number of
    labelled steps. The head's bias starts at the shares of the labels, the scores of
    transitions at zero.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTagger
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=100)]
    >>> y = [["up" if s > 0 else "down" for s in x.cumsum()] for x in X]
    >>> tagger = LSTMTagger(16, random_state=0).fit(X, y)
    >>> tagger.predict([[[1.0], [-3.0], [0.5]]])[0]
    ['up', 'down', 'down']
    """

    _target_of = staticmethod(tags_of)

    def _reader(self):
        return TagReader(
            type(self).__name__, self.class_weight, self.unlabeled, self.crf,
            self.constraints,
        )  # fmt: skip

    @property
    def transitions_(self) -> np.ndarray:
        """Scores of transitions, [from, to]; -inf of those that are not allowed."""
        return self._score("transitions")

    @property
    def start_transitions_(self) -> np.ndarray:
        """Scores of the first label; -inf of those that are not allowed."""
        return self._score("start_transitions")

    @property
    def end_transitions_(self) -> np.ndarray:
        """Scores of the last label; -inf of those that are not allowed."""
        return self._score("end_transitions")

    def _score(self, name):
        paths = fitted_of(self).paths
        if name not in paths:
            raise AttributeError(
                f"{type(self).__name__} has {name}_ only with crf=True and one label a "
                "step."
            )
        return paths[name].copy()

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

        y : list of lists, list of arrays or SequenceArray
            The labels of their steps, as in :meth:`fit`.

        sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
            Weights of the sequences or of their steps. They count as they are: the loss
            of a minibatch with N labels is ``sum(w_i * loss_i) / N``.

        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be. Needed at the first call, unless y is
            multilabel.

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

    def predict(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict the labels of every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        y : ndarray of shape (n_samples,) of list
            The labels of each sequence, a list of as many as it has steps; for
            multilabel targets arrays (n_steps_i, n_outputs) of zeros and ones.
        """
        return self._decode("predict", X, initial_state)

    def predict_proba(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict probabilities of the labels at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes), in the order of `classes_`.
        """
        return self._decode("predict_proba", X, initial_state)

    def predict_log_proba(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict logarithms of the probabilities of the labels at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes).
        """
        return self._decode("predict_log_proba", X, initial_state)

    def decision_function(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Raw outputs of the head at every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            Where the network begins, as in :meth:`predict`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_classes).
        """
        return self._decode("decision_function", X, initial_state)

    def predict_n_best(self, X: SequencesLike, n: int = 5) -> np.ndarray:
        """Predict the most probable paths of labels of each sequence.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        n : int, default=5
            How many paths.

        Returns
        -------
        paths : ndarray of shape (n_samples,) of list of tuple
            For each sequence pairs (labels, score), the best first: a list of labels,
            and the logarithm of the probability of this path. Fewer than n where a
            sequence has fewer paths that are allowed.

        Raises
        ------
        AttributeError
            If the network has no conditional random field.
        """
        check_scalar(n, "n", Integral, min_val=1)
        if not fitted_of(self).target.crf:
            raise AttributeError(
                "predict_n_best needs a conditional random field: crf=True and one "
                "label a step."
            )
        return self._decode("predict_n_best", X, n=int(n))

    def score(
        self, X: SequencesLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        """Accuracy over all labelled steps; for multilabel targets that of whole steps.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of lists, list of arrays or SequenceArray
            The true labels; steps without label do not count.

        sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
            Weights of the sequences or of their steps.

        Returns
        -------
        score : float
            The share of labelled steps, by weight, whose label is right.
        """
        predicted = self.predict(X)
        fitted = fitted_of(self)
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        y = self._reader().check(y)
        sequences = check_sequences(X, allow_nan=True)
        y, sample_weight = self._pair(X, sequences, y, sample_weight)
        if (y.labels is None) != fitted.target.multilabel:
            self._reader().check_same(fitted.target, y)
        true, weight, rows = y.labelled(sample_weight)
        if fitted.target.multilabel:
            steps = np.concatenate(list(predicted))
            right = (steps if rows is None else steps[rows]) == true
            return float(np.average(right.all(axis=1), weights=weight))
        number = {label: k for k, label in enumerate(y.labels)}
        steps = [number.get(label, -1) for labels in predicted for label in labels]
        steps = np.array(steps, dtype=np.intp)
        return accuracy_score(
            true, steps if rows is None else steps[rows], sample_weight=weight
        )


@declared(
    but(Network, "pooling"), Tokens, AnyCell, but(Optimizer, "tbptt"), Stopping, Data,
    Tagging,
)  # fmt: skip
class LSTMTagger(RecurrentTagger):
    """A label for every step of a sequence, with a recurrent network.

    See Also
    --------
    LSTMClassifier : One label for a whole sequence.
    LSTMStepRegressor : A number for every step.
    """
