"""A sequence beside the scores of its steps, with those that are flagged."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

from .._estimators.anomaly_detector import RecurrentDetector
from .._estimators.fitted import fitted_of
from .._typing import ArrayLike, SequencesLike
from ..sequences._check import check_sequences
from ._common import last_step, pyplot, recurrent_input

# Behind the steps that are flagged.
FLAGGED = "#d55e00"


class AnomalyDisplay:
    """A sequence, the scores of its steps, and those below the threshold.

    What is flagged has a band behind it in both. Made by :meth:`from_estimator`. All
    parameters are stored as attributes.

    Parameters
    ----------
    values : array-like of shape (n_steps, n_features) or (n_steps,)
        The sequence.

    scores : array-like of shape (n_steps,)
        The scores of its steps: the higher, the more normal. NaN has none.

    threshold : float
        What is below is flagged.

    contributions : array-like of shape (n_steps, n_features), default=None
        How much of each score comes from which feature.

    feature_names : list of str, default=None
        Names of the features. None is x0, x1 and so on.

    Attributes
    ----------
    flagged : ndarray of shape (n_steps,) of bool
        Whether a step is flagged.

    figure_ : matplotlib Figure
        The figure.

    axes_ : ndarray of shape (2,) of matplotlib Axes
        The axes: of the sequence, and of the scores.

    lines_ : list of matplotlib Line2D
        The sequence, a line for each feature.

    line_ : matplotlib Line2D
        The scores.

    spans_ : list of matplotlib Polygon or Rectangle
        What is behind the steps that are flagged.

    Raises
    ------
    ValueError
        If the parts are not of as many steps and features as `values`.

    See Also
    --------
    sklstm.LSTMAnomalyDetector : Scores the steps of sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAnomalyDetector
    >>> from sklstm.inspection import AnomalyDisplay
    >>> noise = np.random.default_rng(0).normal(0, 0.05, 2000)
    >>> x = (np.sin(np.arange(2000) / 3) + noise)[:, np.newaxis]
    >>> model = LSTMAnomalyDetector(16, random_state=0).fit([x])
    >>> broken = x[:100].copy()
    >>> broken[60:] = 0.5
    >>> display = AnomalyDisplay.from_estimator(model, [broken])
    >>> bool(display.flagged[60:].any())
    True
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        scores: ArrayLike,
        threshold: float,
        contributions: ArrayLike | None = None,
        feature_names: list[str] | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=np.float64)
        if self.values.ndim == 1:
            self.values = self.values[:, np.newaxis]
        if self.values.ndim != 2 or not self.values.size:
            raise ValueError(
                f"values has shape {np.shape(values)}, but one sequence of at least a "
                "step is needed, (n_steps, n_features)."
            )
        n_steps, n_features = self.values.shape
        self.scores = np.asarray(scores, dtype=np.float64)
        if self.scores.shape != (n_steps,):
            raise ValueError(
                f"scores has shape {self.scores.shape}, but values has {n_steps} steps."
            )
        self.threshold = float(threshold)
        self.contributions = contributions
        if contributions is not None:
            self.contributions = np.asarray(contributions, dtype=np.float64)
            if self.contributions.shape != self.values.shape:
                raise ValueError(
                    f"contributions has shape {self.contributions.shape}, but values "
                    f"has {self.values.shape}."
                )
        if feature_names is None:
            feature_names = [f"x{k}" for k in range(n_features)]
        self.feature_names = list(map(str, feature_names))
        if len(self.feature_names) != n_features:
            raise ValueError(
                f"feature_names has {len(self.feature_names)} names, but values has "
                f"{n_features} features."
            )
        with np.errstate(invalid="ignore"):
            self.flagged = self.scores < self.threshold

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, X: SequencesLike, *, sequence: int = 0
    ) -> AnomalyDisplay:
        """Make a display of one of the sequences of X.

        Parameters
        ----------
        estimator : LSTMAnomalyDetector or Pipeline
            A fitted detector, or a fitted Pipeline that ends in one.

        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as the estimator takes them. A Pipeline shows what it hands
            on to the detector.

        sequence : int, default=0
            Which of them is shown.

        Returns
        -------
        display : AnomalyDisplay
            The display, not drawn yet.

        Raises
        ------
        TypeError
            If the estimator is no detector, nor ends in one.
        ValueError
            If there is no such sequence.
        NotFittedError
            If the estimator is not fitted.
        """
        if not isinstance(last_step(estimator), RecurrentDetector):
            raise TypeError(
                f"{type(last_step(estimator)).__name__} does not score steps. Pass a "
                "fitted LSTMAnomalyDetector, or a Pipeline that ends in one."
            )
        detector, X = recurrent_input(estimator, X)
        sequences = check_sequences(X, allow_nan=True)
        check_scalar(sequence, "sequence", Integral)
        n = len(sequences)
        if not -n <= sequence < n:
            raise ValueError(f"sequence={sequence}, but X has {n} sequence(s).")
        one = sequences[sequence % n : sequence % n + 1]
        names = sequences.feature_names
        return cls(
            values=one[0],
            scores=detector.score_steps(one)[0],
            threshold=fitted_of(detector).target.step_offset,
            contributions=detector.feature_contributions(one)[0],
            feature_names=None if names is None else list(names),
        )

    def plot(
        self,
        axes: ArrayLike | None = None,
        *,
        line_kw: dict | None = None,
        span_kw: dict | None = None,
    ) -> AnomalyDisplay:
        """Draw the sequence, and below it the scores.

        Parameters
        ----------
        axes : array-like of two matplotlib Axes, default=None
            Where to draw. None makes a figure.

        line_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for the features.

        span_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.axvspan` for what is flagged.

        Returns
        -------
        self : AnomalyDisplay
            The display.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        if axes is None:
            _, axes = plt.subplots(
                2, 1, sharex=True, figsize=(8, 4.5), layout="constrained"
            )
        axes = np.asarray(axes, dtype=object).ravel()
        if len(axes) != 2:
            raise ValueError(
                f"axes has {len(axes)} Axes, but two are needed: for the sequence, and "
                "for the scores."
            )
        top, bottom = axes
        style = {"linewidth": 1.0} | (line_kw or {})
        self.lines_ = [
            top.plot(column, label=name, **style)[0]
            for name, column in zip(self.feature_names, self.values.T, strict=True)
        ]
        if len(self.lines_) > 1:
            top.legend(loc="upper left", fontsize="small")
        (self.line_,) = bottom.plot(self.scores, color="black", linewidth=0.8)
        bottom.axhline(self.threshold, color=FLAGGED, linestyle="--", linewidth=1.0)
        finite = self.scores[np.isfinite(self.scores)]
        if len(finite) and (finite < 10 * self.threshold).any():
            bottom.set_yscale("symlog", linthresh=max(1.0, -self.threshold))
        style = {"color": FLAGGED, "alpha": 0.25, "linewidth": 0} | (span_kw or {})
        self.spans_ = [
            ax.axvspan(begin - 0.5, end - 0.5, **style)
            for ax in axes
            for begin, end in _runs(self.flagged)
        ]
        bottom.set(xlabel="step", ylabel="score")
        self.axes_, self.figure_ = axes, top.figure
        return self


def _runs(flagged):
    """Where the steps that are flagged begin and end."""
    edges = np.diff(np.r_[False, flagged, False].astype(int))
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)))
