"""Classification of sequences with any recurrent family."""

from __future__ import annotations

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from .._targets.aligning import aligned
from .._targets.labels import LabelReader, labels_of
from .._targets.reading import check_one_each
from .._training.samples import check_score_weight
from .._typing import ArrayLike, Estimator, SequencesLike
from .base import BaseRecurrent
from .checks import with_minibatches
from .state import State


class RecurrentClassifier(ClassifierMixin, BaseRecurrent):
    """Classification of sequences: binary, multiclass and multilabel.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to class
    probabilities. Sequences may have any lengths, each its own. Training minimises the
    log loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch, for multilabel targets minus
        the log loss, as the mean over the labels; NaN where a prediction was not
        finite. None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

    Notes
    -----
    The head's bias starts at the class prior.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.preprocessing import TimeDistributed
    >>> X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    >>> model = make_pipeline(
    ...     TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0)
    ... )
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    _target_of = staticmethod(labels_of)

    def _reader(self):
        return LabelReader(type(self).__name__, self.class_weight)

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: ArrayLike,
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

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. As in
            :class:`~sklearn.linear_model.SGDClassifier` they count as they are, since
            the samples to come are not known: the loss of a minibatch of B samples is
            ``sum(w_i * loss_i) / B``.

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

    def decision_function(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Raw outputs of the head, before softmax or the logistic function.

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
        scores : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes the log-odds of ``classes_[1]``; otherwise one column for
            each class or label.
        """
        return self._predict("decision_function", X, initial_state)

    def predict(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict labels.

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
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each sequence; for multilabel targets the labels
            of probability above one half.
        """
        return self._predict("predict", X, initial_state)

    def predict_proba(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict probabilities of the classes.

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
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. For multilabel targets the probability of each
            label.
        """
        return self._predict("predict_proba", X, initial_state)

    def predict_log_proba(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict logarithms of the probabilities of the classes.

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
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Computed without going through the probabilities, so finite where these
            round to zero.
        """
        return self._predict("predict_log_proba", X, initial_state)

    def score(
        self, X: SequencesLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Accuracy of the predictions; for multilabel targets that of whole samples.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The share of samples, by weight, of which all labels are right.
        """
        predicted = self.predict(X)
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        y = self._reader().check(y, warn=False)
        check_one_each(X, y, "y")
        sample_weight = check_score_weight(sample_weight, y, self)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
