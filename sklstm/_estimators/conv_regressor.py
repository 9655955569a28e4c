"""ConvLSTMRegressor: numbers for clips of frames."""

from __future__ import annotations

import numpy as np

from .._typing import ArrayLike, ClipsLike, Estimator
from .checks import with_minibatches
from .declaration import declared
from .parameters import Data, Optimizer, Stopping, but
from .regressor import RecurrentRegressor
from .state import State
from .task_parameters import ClipReading, Convolutional, OfClips, Regression, WholeClip
from .whole_clips import WholeClips


class ClipRegressor(WholeClips, RecurrentRegressor):
    """Regression on clips of frames, of one or several outputs.

    A clip is a sequence whose step is a frame: an image, a field of rain, a map of
    sensors. Each is read frame by frame by one or several layers whose hidden and cell
    states are images too: what a pixel knows it has from itself and from the pixels
    around it, one frame before. The mean or the maximum over all pixels, at the end or
    on the whole way, goes through a linear head to one or several numbers. Clips may
    have any lengths, each its own. Targets are standardised inside and predictions come
    back in their units, so the scale of y does not matter (with ``loss="poisson"``
    targets stay as they are).

    Attributes
    ----------
    weights_ : dict of str to ndarray
        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

    Examples
    --------
    How fast does the bar move?

    >>> import numpy as np
    >>> from sklstm import ConvLSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> def clip(speed):
    ...     at = rng.integers(8) + np.rint(speed * np.arange(5)).astype(int)
    ...     frames = rng.normal(0, 0.1, (5, 8, 8))
    ...     frames[np.arange(5), :, at % 8] += 1
    ...     return frames
    >>> y = rng.uniform(-2, 2, 100)
    >>> X = np.array([clip(speed) for speed in y])
    >>> model = ConvLSTMRegressor(8, max_iter=40, random_state=0)
    >>> model.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.5
    True
    """

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: ClipsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        Centre and scale of the channels are those of the first call. Those of targets,
        and where the head's bias starts, come from the first call too, but follow the y
        of later ones until 100 have been seen, as :meth:`LSTMRegressor.partial_fit`
        says. The optimizer goes on where it was. The learning rate follows the
        schedules "constant" and "invscaling"; the others need to see whole fits and
        stay at `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. As in :class:`~sklearn.linear_model.SGDRegressor` they
            count as they are, since the clips to come are not known: the loss of a
            minibatch of B clips is ``sum(w_i * loss_i) / B``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also with ``early_stopping=True``.

        Warns
        -----
        UserWarning
            At the first call, if its targets are too few to tell the scale of y.
        """
        return super().partial_fit(X, y, sample_weight)

    def predict(
        self, X: ClipsLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict targets.

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
            The predicted targets, in the units of y: means, medians or the quantile,
            as the loss has it. With a list of quantiles there is one more axis, of
            shape (n_quantiles,), in the order of `quantile`; the values along it never
            cross.
        """
        return super().predict(X, initial_state=initial_state)

    def score(
        self, X: ClipsLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """R² of the predictions; with a list of quantiles the mean of their D².

        As :meth:`LSTMRegressor.score`.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            The true targets.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        score : float
            The score.
        """
        return super().score(X, y, sample_weight)


@declared(
    Convolutional, WholeClip, Regression, but(Optimizer, "tbptt"), Stopping, Data,
    OfClips, ClipReading,
)  # fmt: skip
class ConvLSTMRegressor(ClipRegressor):
    """Regressor on clips of frames with a convolutional LSTM network [Shi2015]_.

    See Also
    --------
    ConvLSTMClassifier : The same network for labels.
    ConvLSTMForecaster : Frames to come, for clips alone.
    LSTMRegressor : Numbers for sequences whose steps are vectors.
    """
