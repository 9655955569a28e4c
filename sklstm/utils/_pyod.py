"""A detector as PyOD has them."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from .._sklearn.private import Documented, Interval
from .._typing import ArrayLike, Estimator


class PyODAdapter(Documented, BaseEstimator):
    """One long series scored with PyOD's signs: higher is more abnormal, 1 an outlier.

    A detector of this package scores the steps of sequences, the higher the more
    normal. What goes by PyOD's conventions for series, such as a combination of
    detectors, finds them here, as in ``pyod.models.ts_lstm.LSTMAD``; PyOD need not be
    installed.

    Parameters
    ----------
    detector : LSTMAnomalyDetector
        What scores the steps. It is cloned.

    contamination : float, default=0.1
        The share of the steps of the series of the fit that are outliers, by which
        `threshold_` is placed; above 0, and 0.5 at the most.

    Attributes
    ----------
    detector_ : LSTMAnomalyDetector
        The fitted detector.

    decision_scores_ : ndarray of shape (n_steps,)
        Scores of the series of the fit. Steps without context have `threshold_`.

    threshold_ : float
        What is above is an outlier.

    labels_ : ndarray of shape (n_steps,)
        1 for the outliers of the series of the fit, 0 for the others.

    See Also
    --------
    sklstm.LSTMAnomalyDetector : The detector itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAnomalyDetector
    >>> from sklstm.utils import PyODAdapter
    >>> x = np.sin(np.arange(500) / 3)
    >>> x[300] = 5
    >>> detector = LSTMAnomalyDetector(8, max_iter=20, random_state=0)
    >>> model = PyODAdapter(detector, contamination=0.01).fit(x)
    >>> int(model.decision_scores_.argmax()), int(model.labels_[300])
    (300, 1)
    """

    _parameter_constraints = {
        "detector": [BaseEstimator],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(self, detector: Any, contamination: float = 0.1) -> None:
        self.detector = detector
        self.contamination = contamination

    def fit(self: Estimator, X: ArrayLike, y: Any = None) -> Estimator:
        """Fit the detector to a series.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_steps,)
            The series.

        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._validate_params()
        series = _series(X)
        detector = clone(self.detector).fit([series])
        scores = -detector.score_steps([series])[0]
        there = ~np.isnan(scores)
        self.threshold_ = float(np.quantile(scores[there], 1 - self.contamination))
        self.decision_scores_ = np.where(there, scores, self.threshold_)
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        self.detector_ = detector
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Score the steps of a series: the higher, the more abnormal.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_steps,)
            The series.

        Returns
        -------
        scores : ndarray of shape (n_steps,)
            The scores; steps without context have `threshold_`.
        """
        check_is_fitted(self)
        scores = -self.detector_.score_steps([_series(X)])[0]
        return np.where(np.isnan(scores), self.threshold_, scores)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Label the steps of a series.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_steps,)
            The series.

        Returns
        -------
        labels : ndarray of shape (n_steps,)
            1 for outliers, 0 for the others.
        """
        return (self.decision_function(X) > self.threshold_).astype(int)


def _series(X):
    """One series (n_steps, n_features)."""
    try:
        X = np.asarray(X)
        shape = f"has shape {X.shape}"
    except ValueError:  # of several lengths
        shape = "is a list of several sequences"
    else:
        if X.ndim in (1, 2):
            return X.reshape(len(X), -1)
    raise ValueError(
        f"X {shape}, but one series is needed, (n_steps, n_features) or (n_steps,). "
        "For several sequences use the detector itself."
    )
