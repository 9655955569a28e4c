"""FrameStacker: consecutive steps of a sequence become one wider step."""

from __future__ import annotations

import sys
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._sklearn.callbacks import CallbackSupport, fit_task, with_callbacks
from .._sklearn.persistence import Versioned
from .._sklearn.private import (
    Documented,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from .._sklearn.set_output import SetOutputMixin
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._check import validate_layout, validate_sequences
from ..sequences._stacking import as_offsets
from ._containers import deliver, is_array, names_in


class FrameStacker(
    CallbackSupport,
    SetOutputMixin,
    Documented,
    Versioned,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Stack consecutive steps into one, for shorter sequences of wider steps.

    A sequence of T steps with F features becomes one of about T / ``step`` steps with
    ``n_frames`` times F features. A recurrent network then has fewer steps to carry
    information over and as many fewer to compute, which often helps on long sequences.
    In speech recognition this is known as frame stacking [1]_.

    Frames are laid from the end of the sequence: the last one ends with the last step,
    so that what a classifier sees last is complete and recent. What is left over at
    the beginning is the matter of ``remainder``.

    The result comes in the container that X came in, as in :class:`TimeDistributed`;
    an array (n, T) becomes an array (n, T', n_frames), or (n, T') if ``n_frames=1``.
    :meth:`set_output` has it otherwise.

    Parameters
    ----------
    n_frames : int, default=8
        How many consecutive steps make one.

    step : int, default=None
        From how many steps to how many steps a frame is taken. Less than ``n_frames``
        gives frames that overlap, more leaves steps out. None is ``n_frames``: every
        step is in one frame. Where it is more than a sequence has steps, there is one
        frame.

    remainder : {"repeat", "drop", "error"}, default="repeat"
        What happens if the steps do not fill the first frame.

        - "repeat": the sequence is taken as if it began with as many more copies of
          its first step as are missing. No step is lost, and sequences shorter than
          ``n_frames`` become one step.
        - "drop": the first steps are left out. Sequences shorter than ``n_frames``
          become sequences of no steps.
        - "error": a ValueError names the sequence.

    Attributes
    ----------
    n_features_in_ : int
        Number of features per step, or of columns if X was 2-D.

    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    TimeDistributed : Apply a transformer to every step.

    Notes
    -----
    A stacked step holds the features of its first step, then of the next and so on.
    Sequences of no steps stay so. Values are copied, never computed; missing values
    inside of sequences are let through.

    References
    ----------
    .. [1] H. Sak, A. Senior, K. Rao, F. Beaufays (2015). "Fast and accurate recurrent
       neural network acoustic models for speech recognition". Interspeech, 1468-1472.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import FrameStacker
    >>> X = [np.arange(5.0), np.arange(2.0)]
    >>> for sequence in FrameStacker(n_frames=3).fit_transform(X):
    ...     print(sequence)
    [[0. 0. 1.]
     [2. 3. 4.]]
    [[0. 0. 1.]]
    """

    __module__ = "sklstm.preprocessing"  # the place that pickles name

    def __init__(
        self,
        n_frames: int = 8,
        *,
        step: int | None = None,
        remainder: Literal["repeat", "drop", "error"] = "repeat",
    ) -> None:
        self.n_frames = n_frames
        self.step = step
        self.remainder = remainder

    def fit(self: Estimator, X: SequencesLike, y: None = None) -> Estimator:
        """Check the parameters and note the features.

        Parameters
        ----------
        X : array-like of sequences
            In any form :func:`~sklstm.sequences.check_sequences` accepts.

        y : None
            Ignored.

        Returns
        -------
        self : FrameStacker
            The same object.

        Raises
        ------
        ValueError
            If a parameter is out of its range or X is not valid.
        """
        self._commit(X, y)
        return self

    # It learns nothing but how many features there are.
    _stateless = True

    @with_callbacks
    def _fit(self, X, y):
        for name in ("n_frames", "step"):
            if isinstance(getattr(self, name), (bool, np.bool_)):
                raise ValueError(
                    f"The {name!r} parameter of FrameStacker must be a number of "
                    f"steps, got {getattr(self, name)!r}."
                )
        validate_parameter_constraints(
            {
                "n_frames": [Interval(Integral, 1, None, closed="left")],
                "step": [Interval(Integral, 1, None, closed="left"), None],
                "remainder": [StrOptions({"repeat", "drop", "error"})],
            },
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )
        sequences = validate_sequences(self, X, reset=True, allow_nan=True)
        width = int(self.n_frames) * sequences.n_features
        if width * sequences.dtype.itemsize > sys.maxsize:
            raise ValueError(
                f"n_frames={self.n_frames} makes steps of {width} features, more than "
                "an array can have. Use fewer frames."
            )
        with fit_task(self, X=sequences, y=y):
            pass  # nothing is learned but the features

    def transform(self, X: SequencesLike) -> Any:
        """Stack the steps of every sequence.

        Parameters
        ----------
        X : array-like of sequences
            See :meth:`fit`.

        Returns
        -------
        X_new : SequenceArray, list of ndarray, ndarray or DataFrame
            The stacked sequences, in the container X came in and with its dtype, or in
            the one of :meth:`set_output`.

        Raises
        ------
        ValueError
            If X is not valid or has other features than in fit, or with
            ``remainder="error"`` if steps are left over.

        MemoryError
            If the frames take more memory than there is.
        """
        check_is_fitted(self)
        sequences, n_steps = validate_layout(self, X, reset=False, allow_nan=True)
        lengths = sequences.lengths
        k, s = self._frame(lengths)
        counts = self._count(lengths)
        covered = np.where(counts > 0, (counts - 1) * s + k, 0)
        if self.remainder == "error" and (lengths != covered).any():
            i = int(np.argmax(lengths != covered))
            raise ValueError(
                f"Sample {i} has {lengths[i]} steps, which do not make whole frames of "
                f"{k} steps every {self._step()}. Choose remainder='repeat' or 'drop'."
            )
        offsets = as_offsets(counts)
        try:
            data = self._stack(sequences, counts, offsets, k, s)
        except MemoryError as error:
            raise MemoryError(
                f"n_frames={k} makes {offsets[-1]} steps of {k * sequences.n_features} "
                f"features: {error}. Use fewer frames or a larger step."
            ) from error
        T = n_steps if n_steps is not None else np.shape(X)[1] if is_array(X) else None
        if T is not None:
            T = int(self._count(np.array([T]))[0])
        return deliver(
            self,
            data,
            offsets,
            X,
            None if n_steps is None else T,
            names=self._names_of_steps,
            columns=self.get_feature_names_out,
            padded_to=T,
            stepwise=False,
        )

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the names of the output features.

        Parameters
        ----------
        input_features : array-like of str, shape (n_features_in_,), default=None
            Names of the input features. None is ``feature_names_in_`` or ``x0``,
            ``x1``...

        Returns
        -------
        names : ndarray of str, shape (n_frames * F,)
            ``x0_lag7`` is feature ``x0``, seven steps before the last of its frame.
            If X was 2-D there is one feature ``x``; with ``n_frames=1`` the result is
            2-D too, and its columns keep their names.

        Raises
        ------
        ValueError
            If ``input_features`` do not fit to X as seen in fit.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        if self._fixed_n_steps is None:
            return self._names_of_steps(names)
        if self.n_frames == 1:
            return names[:: -self._step()][::-1]
        return self._names_of_steps(["x"])

    @staticmethod
    def _stack(sequences, counts, offsets, k, s):
        """The stacked steps of all sequences, of which each has `counts`."""
        lengths = sequences.lengths
        # Frame p of m ends with step T - 1 - (m - 1 - p) s; before step 0 is step 0.
        until_last = np.repeat(offsets[1:], counts) - 1 - np.arange(offsets[-1])
        end = np.repeat(lengths - 1, counts) - until_last * s
        steps = np.maximum(end[:, np.newaxis] - np.arange(k)[::-1], 0)
        rows = steps + np.repeat(sequences._offsets[:-1], counts)[:, np.newaxis]
        return sequences._data[rows].reshape(len(rows), k * sequences.n_features)

    def _step(self):
        return int(self.n_frames if self.step is None else self.step)

    def _frame(self, lengths):
        """Steps of a frame and to the next one; any beyond the end are the same."""
        return int(self.n_frames), min(self._step(), max(1, lengths.max(initial=0)))

    def _count(self, lengths):
        """Return how many frames sequences of these lengths have."""
        k, s = self._frame(lengths)
        if self.remainder != "repeat":
            return np.where(lengths >= k, (lengths - k) // s + 1, 0)
        # Frames until one reaches step 0, but none that would only hold copies of it.
        reaching = np.maximum(-((k - lengths) // s), 0) + 1
        return np.where(lengths > 0, np.minimum(reaching, (lengths - 1) // s + 1), 0)

    def _names_of_steps(self, names):
        """Names of the features of a step that is made of others."""
        if names is None:
            names = ["x"] if self._fixed_n_steps is not None else names_in(self, None)
        lags = range(self.n_frames - 1, -1, -1)
        return np.array([f"{n}_lag{lag}" for lag in lags for n in names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
