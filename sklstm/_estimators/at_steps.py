"""What estimators with a target at every step share."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._network.build import every_step_network
from .._targets.step_reading import pair_steps, split_weight
from .._training.samples import check_sample_weight
from .._typing import ArrayLike, Estimator, SequencesLike
from .cell_by_name import CellByName
from .fitted import fitted_of
from .overflow import warn_if_not_finite


class StepEstimator(CellByName):
    """Sequences in, something for each of their steps out."""

    _build = staticmethod(every_step_network)
    # All steps have a loss: these choices are of networks that read the last.
    pooling = tbptt = None

    def _asked_architecture(self):
        architecture = super()._asked_architecture()
        del architecture["pooling"]
        return architecture

    def _pair(self, table, X, y, sample_weight):
        name = type(self).__name__
        y = pair_steps(table, X, y, name)
        sample_weight, y = split_weight(sample_weight, y, name)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(y), self)
        return y, sample_weight

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
        """Fit the model to sequences X and the targets y of their steps.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences: a list of arrays of shape (n_steps_i, n_features), a 3-D
            array whose trailing all-NaN steps are padding, or a 2-D array of univariate
            sequences of equal length. See :func:`sklstm.sequences.check_sequences`.

        y : list of lists, list of arrays or SequenceArray
            The targets of each sequence, one for each of its steps: lists or arrays
            (n_steps_i,), or arrays (n_steps_i, n_outputs). Of sequences of equal length
            an array (n_samples, n_steps) or (n_samples, n_steps, n_outputs) will do.

        sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
            Weights of the sequences, or of their steps: a list of arrays (n_steps_i,).
            A step of weight zero has no target. The loss of a minibatch with N targets
            is ``sum(w_i * loss_i) / (N * w_mean)`` with the mean weight of all steps
            with a target.

        X_val : as X, default=None
            Sequences for early stopping, instead of a part of X.

        y_val : as y, default=None
            Targets of `X_val`.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            The group of each sequence, for example the document that it was taken from.
            The part of X that is set aside for early stopping is then
            `validation_fraction` of the groups, and no group is on both sides. Only
            with ``early_stopping=True`` and without `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y, a weight or a group is not valid, or if a sequence has
            another number of steps than of targets. The message names the sample, the
            step and the value; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached before the loss stopped getting better by `tol`,
            though not where ``learning_rate="cosine"`` has planned it so; if the loss
            was not finite, or if it ended far above that of a constant prediction.
        UserWarning
            If training was interrupted from the keyboard; the estimator is fitted with
            the weights of that moment.

        Notes
        -----
        Where X is a SequenceArray with `ids`, a Series or DataFrame of pandas whose
        index holds these ids is put in the order of X, and one that holds others is an
        error: targets, weights and groups alike, here and in `score`. Without ids the
        order counts, and so it does under an index of numbers of rows, as a new Series
        has it and as ``train_test_split`` leaves it; see the user guide.
        """
        validation = (X_val, y_val, sample_weight_val)
        self._commit(X, y, sample_weight, validation=validation, groups=groups)
        return self

    def _decode(self, method, X, initial_state=None, **options):
        """What a method of the target makes of the outputs at the steps of X."""
        fitted = fitted_of(self)
        raw, offsets = self._run(fitted, X, initial_state, _outputs_at_steps)
        values = getattr(raw, "values", raw)
        warn_if_not_finite(values, "prediction", offsets=offsets)
        return getattr(fitted.target, method)(raw, offsets, **options)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _outputs_at_steps(network, X, state):
    """What the decoder reads, and where each sequence begins."""
    begin = () if state is None else (state.layers, state.pooled)
    raw = network.predict(*X._as_rows(), *begin).astype(np.float64)
    return network.for_loss(raw), X._offsets
