"""ConvLSTMClassifier: labels of clips of frames."""

from __future__ import annotations

import numpy as np

from .._typing import ArrayLike, ClipsLike, Estimator
from .checks import with_minibatches
from .classifier import RecurrentClassifier
from .declaration import declared
from .parameters import Data, Optimizer, Stopping, but
from .state import State
from .task_parameters import (
    Classification,
    ClipReading,
    Convolutional,
    OfClips,
    WholeClip,
)
from .whole_clips import WholeClips


class ClipClassifier(WholeClips, RecurrentClassifier):
    """Classification of clips of frames: binary, multiclass and multilabel.

    A clip is a sequence whose step is a frame: an image, a field of rain, a map of
    sensors. Each is read frame by frame by one or several layers whose hidden and cell
    states are images too: what a pixel knows it has from itself and from the pixels
    around it, one frame before. The mean or the maximum over all pixels, at the end or
    on the whole way, goes through a linear head to class probabilities. Clips may have
    any lengths, each its own. Training minimises the log loss.

    Examples
    --------
    Does the bar move to the left or to the right? No frame alone could tell.

    >>> import numpy as np
    >>> from sklstm import ConvLSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> def clip(direction):
    ...     at = rng.integers(8) + direction * np.arange(5)
    ...     frames = rng.normal(0, 0.1, (5, 8, 8))
    ...     frames[np.arange(5), :, at % 8] += 1
    ...     return frames
    >>> y = rng.choice([-1, 1], 80)
    >>> X = np.array([clip(direction) for direction in y])
    >>> model = ConvLSTMClassifier(8, max_iter=30, random_state=0)
    >>> model.fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.9
    True
    """

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: ClipsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        Centre and scale of the channels are those of the first call. The optimizer goes
        on where it was. The learning rate follows the schedules "constant" and
        "invscaling"; the others need to see whole fits and stay at
        `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            The labels.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. As in
            :class:`~sklearn.linear_model.SGDClassifier` they count as they are, since
            the clips to come are not known: the loss of a minibatch of B clips is
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
        return super().partial_fit(X, y, sample_weight, classes)

    def decision_function(
        self, X: ClipsLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Raw outputs of the head, before softmax or the logistic function.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            clips as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        scores : ndarray of shape (n_clips,) or (n_clips, n_outputs)
            For two classes the log-odds of ``classes_[1]``; otherwise one column for
            each class or label.
        """
        return super().decision_function(X, initial_state=initial_state)

    def predict(
        self, X: ClipsLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict labels.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`; frames may have another height and width.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            clips as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        y : ndarray of shape (n_clips,) or (n_clips, n_outputs)
            The most probable class of each clip; for multilabel targets the labels of
            probability above one half.
        """
        return super().predict(X, initial_state=initial_state)

    def predict_proba(
        self, X: ClipsLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            clips as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes)
            In the order of `classes_`. For multilabel targets the probability of each
            label.
        """
        return super().predict_proba(X, initial_state=initial_state)

    def predict_log_proba(
        self, X: ClipsLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            clips as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        log_probabilities : ndarray of shape (n_clips, n_classes)
            Computed without going through the probabilities, so finite where these
            round to zero.
        """
        return super().predict_log_proba(X, initial_state=initial_state)

    def score(
        self, X: ClipsLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Accuracy of the predictions; for multilabel targets that of whole clips.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            The true labels.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        score : float
            The share of clips, by weight, of which all labels are right.
        """
        return super().score(X, y, sample_weight)


@declared(
    Convolutional, WholeClip, but(Optimizer, "tbptt"), Stopping, Data, OfClips,
    ClipReading, Classification,
)  # fmt: skip
class ConvLSTMClassifier(ClipClassifier):
    """Classifier of clips of frames with a convolutional LSTM network [Shi2015]_.

    See Also
    --------
    ConvLSTMRegressor : The same network for numbers.
    ConvLSTMForecaster : Frames to come, for clips alone.
    LSTMClassifier : Labels of sequences whose steps are vectors.
    """
