"""Regression on sequences with any recurrent family."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score

from .._targets.aligning import aligned
from .._targets.numbers import NumberReader, Numbers, read_targets
from .._targets.reading import check_one_each
from .._training.samples import check_score_weight
from .._typing import ArrayLike, Estimator, SequencesLike
from .base import BaseRecurrent
from .checks import with_minibatches
from .fitted import fitted_of
from .state import State


class RecurrentRegressor(RegressorMixin, BaseRecurrent):
    """Regression on sequences, of one or several outputs.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to one or several
    numbers. Sequences may have any lengths, each its own. Targets are standardised
    inside and predictions come back in their units, so the scale of y does not matter
    (with ``loss="poisson"`` targets stay as they are). Their centre and scale suit the
    loss: outliers do not set them where it is robust (see Notes).

    Attributes
    ----------
    weights_ : dict of str to ndarray
        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

    n_outputs_ : int
        Outputs of the head: with a list of quantiles one for each of them and each
        target.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights, in units of the standardised target (of y for "poisson").

    validation_scores_ : list of float or None
        R² on the validation part after each epoch, for all but "squared_error" minus
        the loss instead, and also, with a warning, where the targets of the validation
        part are constant; NaN where a prediction was not finite. None without early
        stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    Notes
    -----
    Each column of y is standardised on its own, weights included: by mean and standard
    deviation for "squared_error"; by median and interquartile range / 1.35, which is
    the standard deviation of a normal distribution, for "absolute_error", "huber" and
    "quantile", so that outliers do not set the scale. Where the interquartile range is
    zero (a target that is 0 most of the time) a wider range takes its place: the first
    of those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else
    the mean absolute deviation from the median, each divided by its value for a
    standard normal distribution. The scale of a constant is 1.

    The head's bias starts at the best constant: the mean of the target, its logarithm
    for "poisson", the median for "absolute_error" and "huber", the quantiles for
    "quantile".

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [Park2022]_, started from the middle instead of
    from the lowest quantile, and with softplus instead of ReLU.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
    >>> y = [1000 * x.mean() for x in X]
    >>> model = LSTMRegressor(16, learning_rate_init=0.005, random_state=0)
    >>> model = model.fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True

    A median and an interval that holds four fifths of the targets:

    >>> model = LSTMRegressor(
    ...     16,
    ...     loss="quantile",
    ...     quantile=[0.5, 0.1, 0.9],
    ...     learning_rate_init=0.005,
    ...     random_state=0,
    ... ).fit(X[:150], y[:150])
    >>> middle, low, high = model.predict(X[150:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    _target_of = Numbers

    def _reader(self):
        parameters = {"quantile": self.quantile, "huber_delta": self.huber_delta}
        return NumberReader(type(self).__name__, self.loss, parameters)

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        Centre and scale by which targets are standardised, and where the head's bias
        starts, come from the y of the first call. If that is short they follow the
        targets of later calls, until 100 have been seen, of which the most common value
        counts once: predictions stay as they are. Those of fewer than 10 are a guess:
        from one sample, from few, or from a constant no scale can be told. Then the raw
        outputs stay instead, and predictions move with the centre and scale. With
        `missing`, what stands for values before the first observed one is that of the
        first call. The optimizer goes on where it was. The learning rate follows the
        schedules "constant" and "invscaling"; the others need to see whole fits and
        stay at `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. As in
            :class:`~sklearn.linear_model.SGDRegressor` they count as they are, since
            the samples to come are not known: the loss of a minibatch of B samples is
            ``sum(w_i * loss_i) / B``.

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
        self._commit(X, y, sample_weight, incremental=True)
        return self

    def predict(
        self, X: SequencesLike, *, initial_state: State | None = None
    ) -> np.ndarray:
        """Predict targets.

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
            The predicted targets, in the units of y: means, medians or the quantile,
            as the loss has it. With a list of quantiles there is one more axis, of
            shape (n_quantiles,), in the order of `quantile`; the values along it never
            cross.
        """
        return self._predict("predict", X, initial_state)

    def score(
        self, X: SequencesLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """R² of the predictions; with a list of quantiles the mean of their D².

        R² is that of :func:`sklearn.metrics.r2_score`, for every loss that predicts one
        number for each target. D² is :func:`sklearn.metrics.d2_pinball_score`, the
        share of the pinball loss of the best constant that is not left: 1 is the best,
        0 what the quantiles of y alone are worth. Both are averaged over outputs.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The score.
        """
        while True:
            target = fitted_of(self).target
            predicted = self.predict(X)
            if fitted_of(self).target is target:  # no other thread has fitted meanwhile
                break
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        y = read_targets(y, type(self).__name__)
        check_one_each(X, y, "y")
        target.check_n_targets(y)
        sample_weight = check_score_weight(sample_weight, y, self)
        with np.errstate(under="ignore"):
            if target.levels is None:
                # R² is the same in other units; near one no square overflows
                exponent = -np.frexp(np.abs(y).max(axis=0))[1]
                return r2_score(
                    np.ldexp(y, exponent),
                    np.ldexp(predicted, exponent),
                    sample_weight=sample_weight,
                )
            scores = [
                d2_pinball_score(y, values, sample_weight=sample_weight, alpha=level)
                for level, values in zip(
                    target.levels, np.moveaxis(predicted, -1, 0), strict=True
                )
            ]
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
