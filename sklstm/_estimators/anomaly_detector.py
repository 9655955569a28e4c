"""LSTMAnomalyDetector: how unusual the steps of sequences, and whole sequences, are."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.base import OutlierMixin
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._network.build import own_steps_network
from .._network.losses.statistics import distinct
from .._targets.errors import ErrorDistribution
from .._targets.own_steps import OwnSteps, OwnStepsReader, steps_of
from .._targets.units import units_of
from .._training.samples import check_sample_weight
from .._training.split import sample_keys
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._rows import rows_at
from ..sequences._stacking import as_offsets, object_array
from .base import BaseRecurrent
from .cell_by_name import CellByName
from .declaration import declared
from .fitted import fitted_of
from .parameters import (
    AnyCell,
    Data,
    Network,
    Optimizer,
    Stopping,
    but,
)
from .scoring import DetectorState, scorer_of
from .state import State, check_state
from .streaming import read_step
from .task_parameters import Anomalies

# The shares of sequences and of steps that "auto" flags of what is held out.
AUTO_SHARE, AUTO_STEP_SHARE = 0.01, 0.001
# Of fewer sequences that are held out the scores of so many parts are looked at.
FEW, PARTS = 5, 20
# Steps of the part that is held out of a sequence, at the least, beside its context.
LEAST_STEPS = 2


class RecurrentDetector(CellByName, OutlierMixin, BaseRecurrent):
    """Scores of the steps of sequences, and of sequences, by a network that has learnt
    what is normal.

    The network reads features in robust units of their own (median, interquartile range
    / 1.35), so that X need not be scaled, and learns to predict the next steps, or to
    reconstruct the last ones, of sequences that are normal. How large its errors
    usually are it finds on a part of X that it was not trained on
    (`validation_fraction`), and so where the scores of normal sequences end.

    Scores have scikit-learn's sign: higher is more normal. That of a step is minus the
    squared Mahalanobis distance of its errors by component, so about -1 where it is
    normal, and a function of the steps of its own sequence up to there: not of later
    ones, of other sequences or of the number of threads.

    Attributes
    ----------
    offset_ : float
        Threshold of :meth:`score_samples`: ``decision_function = score_samples -
        offset_``, and a sequence below is an outlier. It may be set to another.

    step_offset_ : float
        Threshold of :meth:`score_steps`. It may be set to another.

    window_ : int
        Steps of a window.

    weights_ : dict of str to ndarray
        Here the lowest layer reads standardised features, and the head is in units of
        X. The layers of a decoder come behind those of the encoder.

    out_activation_ : str
        "identity".

    loss_ : float
        Mean loss of the last epoch: Huber's, of standardised features.

    validation_scores_ : list of float or None
        Minus the loss on what is held out after each epoch; None without early
        stopping.

    See Also
    --------
    sklstm.inspection.AnomalyDisplay : Show a sequence, its scores and the threshold.

    Notes
    -----
    Sequences of X should be normal, of any lengths; a few outliers among them move
    neither units nor thresholds by much.

    Of the first step there is nothing to say, nor of the first ``window - 1`` with
    ``method="reconstruction"``: their scores are NaN, and :meth:`predict_steps` has 1
    there. A missing value has no error; the others of its step have.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> def machine(n_steps):
    ...     wave = np.sin(np.arange(n_steps) / 3 + rng.uniform(0, 6))
    ...     return (wave + rng.normal(0, 0.05, n_steps))[:, np.newaxis]
    >>> X = [machine(rng.integers(60, 120)) for _ in range(40)]
    >>> model = LSTMAnomalyDetector(16, random_state=0).fit(X)
    >>> broken = machine(100)
    >>> broken[70:] = broken[70]
    >>> model.predict([machine(100), broken]).tolist()
    [1, -1]
    >>> bool(np.nanargmin(model.score_steps([broken])[0]) >= 70)
    True
    """

    _build = staticmethod(own_steps_network)
    _target_of = staticmethod(OwnSteps.of)
    # Choices that a network which reads no further than a step does not have.
    bidirectional, pooling, tbptt = False, None, None
    embedding_dim = embedding_weights = categorical_features = None
    _exchanged, _least_held_out = False, 1
    # As of LocalOutlierFactor: `predict` is for sequences that are new.
    novelty = True

    def _asked_architecture(self):
        architecture = super()._asked_architecture()
        del architecture["pooling"]
        return {**architecture, "method": self.method}

    def _reader(self):
        return OwnStepsReader(
            type(self).__name__, self.method, self.window, self.n_ahead
        )

    def _pair(self, table, X, y, sample_weight):
        if X.vocabulary is not None:
            raise ValueError(
                f"X is ids of a vocabulary of {len(X.vocabulary)} tokens, between "
                f"which there are no distances: {type(self).__name__} needs numbers. "
                "Pass features of the tokens, such as rows of an embedding."
            )
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(X), self)
        return steps_of(X), sample_weight

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: SequencesLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: SequencesLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the model to normal sequences X.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences: a list of arrays of shape (n_steps_i, n_features), a 3-D
            array whose trailing all-NaN steps are padding, or a 2-D array of univariate
            sequences of equal length. One long sequence x is ``[x]``. See
            :func:`sklstm.sequences.check_sequences`.

        y : Ignored
            Not used, present for API consistency.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences, in training and for the thresholds. A sequence of
            weight zero is not there.

        X_val : as X, default=None
            Normal sequences for the thresholds, and for early stopping, instead of a
            part of X.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            The group of each sequence, for example the machine that it is of. What is
            held out is then `validation_fraction` of the groups.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, a weight or a group is not valid, or if the sequences are
            too short. The message names the offending value; an earlier fit stays as it
            was.
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
        """
        # what stands for y_val says that there is one
        validation = (X_val, X_val, sample_weight_val)
        self._commit(X, None, sample_weight, validation=validation, groups=groups)
        return self

    def fit_predict(self, X: SequencesLike, y: Any = None, **kwargs: Any) -> np.ndarray:
        """Fit to X and label its own sequences.

        With a number as `contamination` this share of X itself is flagged, those of the
        lowest scores, which is another threshold than that of :meth:`predict`.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : Ignored
            Not used, present for API consistency.

        **kwargs : dict
            Passed to :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 for outliers, 1 for the others.
        """
        scores = self.fit(X, y, **kwargs).score_samples(X)
        offset = self.offset_
        if self.contamination != "auto":
            offset = np.quantile(scores, self.contamination)
        return _labels(scores - offset)

    @property
    def _holds_out(self):
        return True

    def _set_aside(self, given, validation, target, rng, incremental):
        given, held_out = self._split(given, validation, target, rng, incremental)
        # of the size of its errors, by which the thresholds are found
        X = held_out.X._with_data(np.asarray(held_out.X._data))
        return (
            given._replace(y=steps_of(given.X)),
            held_out._replace(X=X, y=steps_of(X)),
        )

    def _split(self, given, validation, target, rng, incremental):
        """Samples to train on and those that are held out."""
        if validation[0] is None and given.groups is None:
            # copies of a sequence are on the same side
            keys = sample_keys(given.X, given.y)
            n = len(np.unique(keys))
            if np.ceil(self.validation_fraction * n) < 2:
                ends = self._ends(given.X.lengths, target)
                if ends.any():
                    return self._set_ends_aside(given, ends)
                if n == len(keys):
                    self._raise_too_short(given.X.lengths, target)
            given = given._replace(groups=keys)
        elif validation[0] is None and len(np.unique(given.groups)) == 1:
            raise ValueError(
                f"All samples are of one group, groups={given.groups.tolist()[0]!r}, "
                "and a part of the groups is held out for the thresholds. Leave groups "
                "out, or pass X_val."
            )
        return super()._set_aside(given, validation, target, rng, incremental)

    def _ends(self, lengths, target):
        """How many steps are held out of each of a few sequences."""
        least = target.n_before + LEAST_STEPS
        ends = np.ceil(self.validation_fraction * lengths).astype(np.intp)
        return np.where(lengths >= 2 * least, np.maximum(ends, least), 0)

    def _raise_too_short(self, lengths, target):
        raise ValueError(
            f"What is held out of {len(lengths)} sample(s) are their ends, but the "
            f"longest has {lengths.max()} steps and "
            f"{2 * (target.n_before + LEAST_STEPS)} are needed. Pass longer sequences "
            "or more of them, or X_val."
        )

    def _set_ends_aside(self, given, ends):
        """The beginnings of all sequences to train on, and their ends."""
        lengths, offsets = given.X.lengths, given.X._offsets
        begins, there = lengths - ends, np.flatnonzero(ends)
        starts = offsets[:-1] + begins
        training = _parts(given.X, offsets[:-1], begins)
        held_out = _parts(given.X, starts[there], ends[there])
        return given._replace(X=training), given.at(there)._replace(X=held_out)

    def _finish(self, held_out):
        """The distribution of the errors on what is held out, and the thresholds."""
        fitted = self._fitted
        values, X = np.asarray(held_out.X._data), fitted.read(held_out.X)
        with fitted.network() as network:
            errors, sequence = scorer_of(fitted).held_out_errors(network, values, X)
        weight = held_out.weight
        errors = ErrorDistribution.fit(
            errors,
            None if weight is None else weight[sequence],
            self.covariance == "full",
        )
        fitted = replace(fitted, target=replace(fitted.target, errors=errors))
        with fitted.network() as network:
            distances = scorer_of(fitted).distances(network, values, X)
        if np.isnan(distances).all():
            n_before = fitted.target.n_before
            raise ValueError(
                f"No step of what is held out ({len(X)} sequence(s) of up to "
                f"{X.lengths.max()} steps) has a score, which needs {n_before} before "
                "it. Pass longer sequences or X_val"
                + (", or use a smaller window." if n_before > 1 else ".")
            )
        there = ~np.isnan(distances)
        of_steps = None if weight is None else np.repeat(weight, X.lengths)[there]
        of_parts = self._of_held_out(distances, X._offsets, weight)
        self._fitted, self.window_ = fitted, fitted.target.window
        self.offset_ = self._threshold(*of_parts, AUTO_SHARE)
        self.step_offset_ = self._threshold(distances[there], of_steps, AUTO_STEP_SHARE)

    def _of_held_out(self, distances, offsets, weight):
        """Distances of the sequences that are held out, or of parts of a few, and the
        weights of these or None."""
        parts, n = _split(distances, offsets), 1
        found = np.array([self._of_sequence(part) for part in parts])
        n_distinct = len(np.unique(found[~np.isnan(found)]))
        if n_distinct < FEW:
            n = -(-PARTS // n_distinct)
            parts = [p for part in parts for p in np.array_split(part, n)]
            found = np.array([self._of_sequence(part) for part in parts])
        there = ~np.isnan(found)
        return found[there], None if weight is None else np.repeat(weight, n)[there]

    def _of_sequence(self, distances):
        """The distance of a sequence of those of its steps."""
        there = distances[~np.isnan(distances)]
        if not len(there):
            return np.nan
        return there.max() if self.aggregate == "worst" else there.mean()

    def _threshold(self, distances, weight, share):
        """Minus the distance beyond which this share lies, at the least: half the way
        to the next one. Where "auto" has too few distances for that, it is where their
        cube roots, which are nearly normal, would have it.
        """
        values, weight = distinct(distances, weight)
        if self.contamination != "auto":
            share = self.contamination
        elif len(values) * share < 0.5:
            centre, scale = units_of(np.cbrt(values), weight, True)
            if scale > 0:
                return float(-((centre + norm.isf(share) * scale) ** 3))
        above = weight.sum() - weight.cumsum()
        enough = np.flatnonzero(above >= share * weight.sum() * (1 - 1e-9))
        k = enough[-1] if len(enough) else len(values) - 1
        return float(-values[k : k + 2].mean())

    # ---- scores of whole sequences ------------------------------------------------

    def score_samples(self, X: SequencesLike) -> np.ndarray:
        """Score sequences: the higher, the more normal.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            By `aggregate` the mean or the lowest of the scores of the steps that have
            one. A sequence in which none has, since it is too short, has the score
            `offset_`, which says nothing: it is no outlier.
        """
        return self._score_samples(*self._with("offset_"), X)

    def _with(self, name):
        """What is fitted, and a threshold of the same fit, unless it was set anew."""
        found = vars(self)  # of one moment
        if "_fitted" not in found:
            check_is_fitted(self)
        return found["_fitted"], found.get(name, -np.inf)

    def _score_samples(self, fitted, offset, X):
        distances, offsets = self._over_steps(fitted, X, "distances")
        parts = _split(distances, offsets)
        scores = np.array([-self._of_sequence(part) for part in parts])
        scores[np.isnan(scores)] = offset  # says nothing
        return scores

    def decision_function(self, X: SequencesLike) -> np.ndarray:
        """Score sequences, positive where they are above the threshold.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``; negative for outliers.
        """
        fitted, offset = self._with("offset_")
        return self._score_samples(fitted, offset, X) - offset

    def predict(self, X: SequencesLike) -> np.ndarray:
        """Label sequences.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 for outliers, 1 for the others.
        """
        return _labels(self.decision_function(X))

    # ---- scores of steps -------------------------------------------------------------

    def score_steps(self, X: SequencesLike) -> np.ndarray:
        """Score all steps: the higher, the more normal.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i,), NaN where there is no context, or nothing
            but missing values. A score is that of the steps up to there, to the bit,
            whatever comes later.
        """
        return self._parts("distances", X)

    def predict_steps(self, X: SequencesLike) -> np.ndarray:
        """Label all steps.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i,): -1 where the score of a step is below
            `step_offset_`, and 1 where it is not or where there is none.
        """
        fitted, offset = self._with("step_offset_")
        distances, offsets = self._over_steps(fitted, X, "distances")
        labels = _labels(-distances - offset)
        return _as_objects(labels, offsets)

    def feature_contributions(self, X: SequencesLike) -> np.ndarray:
        """How much of the score of each step comes from which feature.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        Returns
        -------
        contributions : ndarray of shape (n_samples,) of ndarray
            For each sequence (n_steps_i, n_features), which add up to
            :meth:`score_steps`; NaN where a value, or the score, is missing. Lower is
            more unusual. With ``covariance="full"`` a feature may have a positive one,
            where it explains the errors of others.
        """
        return self._parts("contributions", X)

    def _parts(self, what, X):
        values, offsets = self._over_steps(fitted_of(self), X, what)
        return _as_objects(-values, offsets)

    def _over_steps(self, fitted, X, what):
        """Distances, or their contributions, of all steps of X, and its offsets."""
        X = self._valid_X(fitted, X)
        with fitted.network() as network:
            look = getattr(scorer_of(fitted), what)
            values = look(network, np.asarray(X._data), fitted.read(X))
        return values, X._offsets

    # ---- step by step ----------------------------------------------------------------

    def initial_state(self, n_sequences: int | None = None) -> DetectorState:
        """The state of sequences before their first step.

        Parameters
        ----------
        n_sequences : int, default=None
            Sequences that are read side by side, for example one of each machine. None
            is 1.

        Returns
        -------
        state : DetectorState
            To be passed to :meth:`score_step`.
        """
        fitted = fitted_of(self)
        n = 1 if n_sequences is None else n_sequences
        check_scalar(n, "n_sequences", Integral, min_val=1)
        network = super().initial_state(int(n))
        return DetectorState(network, scorer_of(fitted).begin(int(n)))

    def score_step(
        self, X: ArrayLike, state: DetectorState
    ) -> tuple[np.ndarray, DetectorState]:
        """Read one step of each sequence and score it.

        The scores are the bits of :meth:`score_steps`.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features)
            The next step of each sequence. With one sequence a vector of its features
            will do, with one feature a vector of its values.

        state : DetectorState
            What :meth:`initial_state` or the last call returned. It is not changed.

        Returns
        -------
        scores : ndarray of shape (n_sequences,)
            The higher, the more normal; NaN where there is no context yet. A step is
            flagged below `step_offset_`.

        state : DetectorState
            The state after the step.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, or a value that is not finite (but
            for NaN where `missing` is not "error"), or if the state is one of another
            network.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMAnomalyDetector
        >>> x = np.sin(np.arange(300) / 3)[:, np.newaxis]
        >>> model = LSTMAnomalyDetector(8, max_iter=20, random_state=0).fit([x])
        >>> state, scores = model.initial_state(), []
        >>> for step in x[:50]:
        ...     score, state = model.score_step(step, state)
        ...     scores.append(score[0])
        >>> np.array_equal(scores, model.score_steps([x[:50]])[0], equal_nan=True)
        True
        """
        return self._score_step(fitted_of(self), X, state)

    def _score_step(self, fitted, X, state):
        scorer = scorer_of(fitted)
        if type(state) is not DetectorState:
            raise TypeError(
                "state must be what initial_state or score_step returned, got "
                f"{type(state).__name__}. score_step returns two values: the scores "
                "and the next state."
            )
        with fitted.network() as network:
            before = check_state("state.network", state.network, network, fitted.kind)
            if not scorer.is_sound(state.kept, before.n_sequences):
                raise ValueError(
                    "state.kept is not what score_step of this estimator returned for "
                    f"{before.n_sequences} sequence(s): it was changed, or is of "
                    "another one. Begin with initial_state()."
                )
            x, seen, values = read_step(type(self).__name__, fitted, X, before)
            state = DetectorState(before, state.kept)
            distances, layers, kept = scorer.step(network, x, values, state)
        after = State(layers, None, seen, before.network)
        return -distances, DetectorState(after, kept)

    def predict_step(
        self, X: ArrayLike, state: DetectorState
    ) -> tuple[np.ndarray, DetectorState]:
        """Read one step of each sequence and label it.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features)
            The next step of each sequence, as in :meth:`score_step`.

        state : DetectorState
            What :meth:`initial_state` or the last call returned. It is not changed.

        Returns
        -------
        labels : ndarray of shape (n_sequences,)
            -1 where a step is below `step_offset_`, else 1.

        state : DetectorState
            The state after the step.
        """
        fitted, offset = self._with("step_offset_")
        scores, state = self._score_step(fitted, X, state)
        return _labels(scores - offset), state


def _labels(decision):
    """-1 below zero, else 1, also of NaN."""
    return np.where(decision < 0, -1, 1)


def _split(values, offsets):
    return np.split(values, offsets[1:-1])


def _as_objects(values, offsets):
    """An array (n,) of the values at the steps of each sequence."""
    return object_array([part.copy() for part in _split(values, offsets)])


def _parts(X, starts, lengths):
    """Parts of sequences, one of each, as sequences."""
    data = rows_at(X._data, starts, lengths)
    return X._part(data, as_offsets(lengths), None, None)


@declared(
    but(Network, "pooling", "bidirectional"), AnyCell, but(Optimizer, "tbptt"),
    Stopping, Data, Anomalies,
)  # fmt: skip
class LSTMAnomalyDetector(RecurrentDetector):
    """Anomalies in sequences, by the errors of a recurrent network.

    See Also
    --------
    LSTMStepRegressor : Numbers for every step.
    """
