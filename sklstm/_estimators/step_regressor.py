"""LSTMStepRegressor: a number at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import d2_pinball_score

from .._targets.aligning import aligned
from .._targets.step_numbers import (
    StepNumberReader,
    r2_at_steps,
    read_step_numbers,
    step_numbers_of,
)
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences import SequenceArray
from ..sequences._check import check_sequences
from ..sequences._stacking import as_offsets
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
    Regression,
    Stopping,
    Tokens,
    but,
)
from .state import State


class RecurrentStepRegressor(StepEstimator, BaseRecurrent):
    """One or several numbers for every step of a sequence, with a recurrent network.

    Targets are standardised inside, as those of :class:`LSTMRegressor`, over all steps
    that have one, and predictions come back in their units.

    Attributes
    ----------
    n_outputs_ : int
        Outputs of the head: with a list of quantiles one for each of them and each
        target.

    loss_ : float
        Mean loss of the last epoch over the steps with a target, in units of the
        standardised target.

    validation_scores_ : list of float or None
        R² over the steps of the validation part after each epoch, for all losses but
        "squared_error" minus the loss instead, and also where the targets of the
        validation part are constant; NaN where a prediction was not finite. None
        without early stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    Notes
    -----
    NaN in y is a step without target. Where a step has only some of several outputs,
    only these have a loss.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMStepRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=200)]
    >>> y = [x[:, 0].cumsum() for x in X]
    >>> model = LSTMStepRegressor(16, random_state=0).fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True
    >>> [steps.shape for steps in model.predict([np.ones((2, 1)), np.ones((4, 1))])]
    [(2,), (4,)]
    """

    _target_of = staticmethod(step_numbers_of)

    def _reader(self):
        parameters = {"quantile": self.quantile, "huber_delta": self.huber_delta}
        return StepNumberReader(type(self).__name__, self.loss, parameters)

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over the given data.

        Centre and scale by which targets are standardised come from the y of the first
        call and, if that is short, follow the targets of later calls, as in
        :meth:`LSTMRegressor.partial_fit`. The optimizer goes on where it was. Not
        available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of arrays, SequenceArray or array
            The targets of their steps, as in :meth:`fit`.

        sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
            Weights of the sequences or of their steps. They count as they are: the loss
            of a minibatch with N targets is ``sum(w_i * loss_i) / N``.

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
        self,
        X: SequencesLike,
        *,
        initial_state: State | None = None,
        to_padded: bool = False,
    ) -> np.ndarray:
        """Predict the numbers of every step.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        to_padded : bool, default=False
            Whether to return one array, whose shorter sequences end with NaN.

        Returns
        -------
        y : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i,) or, as y had, (n_steps_i, n_outputs), in the
            units of y; with a list of quantiles there is one more axis. With
            `to_padded` (n_samples, n_steps) and so on.
        """
        parts = self._decode("predict", X, initial_state)
        return _padded(parts) if to_padded else parts

    def score(
        self, X: SequencesLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        """R² over all steps with a target; with a list of quantiles their mean D².

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : list of arrays, SequenceArray or array
            The true targets; steps without target do not count.

        sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
            Weights of the sequences or of their steps.

        Returns
        -------
        score : float
            The score, as that of :meth:`LSTMRegressor.score`.
        """
        target = fitted_of(self).target
        predicted = np.concatenate(list(self.predict(X)))
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        y = read_step_numbers(y, type(self).__name__)
        sequences = check_sequences(X, allow_nan=True)
        y, sample_weight = self._pair(X, sequences, y, sample_weight)
        target.rows.check_n_targets(y.values)
        true, weight, rows = y.labelled(sample_weight)
        predicted = predicted if rows is None else predicted[rows]
        true = true.reshape(len(true), -1)
        if target.levels is None:
            return r2_at_steps(true, predicted.reshape(len(true), -1), weight)
        predicted = predicted.reshape(len(true), -1, len(target.levels))
        scores = []
        for k, values in enumerate(true.T):
            there = ~np.isnan(values)
            of_these = None if weight is None else weight[there]
            scores += [
                d2_pinball_score(
                    values[there],
                    predicted[there, k, q],
                    sample_weight=of_these,
                    alpha=level,
                )  # fmt: skip
                for q, level in enumerate(target.levels)
            ]
        return float(np.mean(scores))


def _padded(parts):
    """Parts (T_i, ...) as one array, NaN behind the ends."""
    offsets = as_offsets(list(map(len, parts)))
    values = np.concatenate(list(parts))
    padded = SequenceArray(values.reshape(len(values), -1), offsets).to_padded()
    return padded.reshape(*padded.shape[:2], *values.shape[1:])


@declared(
    but(Network, "pooling"), Tokens, AnyCell, Regression, but(Optimizer, "tbptt"),
    Stopping, Data,
)  # fmt: skip
class LSTMStepRegressor(RecurrentStepRegressor):
    """One or several numbers for every step of a sequence, with a recurrent network.

    See Also
    --------
    LSTMRegressor : Numbers for a whole sequence.
    LSTMTagger : A label for every step.
    """
