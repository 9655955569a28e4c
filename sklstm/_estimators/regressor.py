"""Regression on sequences with any recurrent family."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.metaestimators import available_if

from .._sklearn.private import Interval, StrOptions
from .._targets.numbers import LOSSES, NumberReader, Numbers, read_targets
from .._targets.reading import check_one_each
from .._training.samples import check_score_weight
from .base import BaseRecurrent
from .checks import takes_minibatches
from .fitted import fitted_of


class RecurrentRegressor(RegressorMixin, BaseRecurrent):
    """Regression on sequences, of one or several outputs."""

    _parameter_constraints = {
        **BaseRecurrent._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }
    _target_of = Numbers

    def _reader(self):
        parameters = {"quantile": self.quantile, "huber_delta": self.huber_delta}
        return NumberReader(type(self).__name__, self.loss, parameters)

    @available_if(takes_minibatches)
    def partial_fit(self, X, y, sample_weight=None):
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

    def predict(self, X, *, initial_state=None):
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

    def score(self, X, y, sample_weight=None):
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
