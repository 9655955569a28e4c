"""The stream: sequences that are read step by step."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import numpy as np
from sklearn.utils import check_scalar

from .._typing import ArrayLike
from ..sequences._check import check_step
from ..sequences._columns import is_frame
from .categories import with_ids
from .fitted import fitted_of
from .overflow import warn_if_not_finite
from .state import State, make_state
from .tokens import check_step_ids


class Streaming:
    """Prediction step by step, for every recurrent estimator."""

    def _read_step(self, fitted, X, state):
        """One step of each sequence as the network reads it, and the values seen."""
        return read_step(type(self).__name__, fitted, X, state)[:2]

    def initial_state(
        self,
        n_sequences: int | None = None,
        *,
        h: ArrayLike | None = None,
        c: ArrayLike | None = None,
    ) -> State:
        """The state of sequences before their first step.

        Parameters
        ----------
        n_sequences : int, default=None
            Sequences that are read side by side. None is as many as `h` and `c` are of,
            and without them 1.

        h : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Hidden states to begin with, in PyTorch's order: the lowest layer first, of
            each layer the direction that begins at the end behind the other. Where
            layers differ in size, a list of arrays of shape (n_sequences, H). None is
            zeros.

        c : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Cell states to begin with, as `h`. Only for an LSTM.

        Returns
        -------
        state : State
            To be passed to :meth:`predict_step`, or as ``initial_state`` to
            ``predict`` and :meth:`transform`.

        Raises
        ------
        TypeError
            If `n_sequences` is no integer, or `h` or `c` are not real numbers.
        ValueError
            If `n_sequences` is below 1, if `h` or `c` have another shape than the
            states of the network or hold NaN or infinity, or if `c` is given for a
            network without cell states.

        See Also
        --------
        predict_step : Read a step and predict.

        Notes
        -----
        Of a bidirectional network one direction begins with its state at the end of
        each sequence. So it has no steps one after the other for :meth:`predict_step`,
        and sequences that are cut in two are not the whole ones.

        What a pooling has summed and which values were seen last, where missing ones
        are filled, begins as for any new sequence.
        """
        if n_sequences is not None:
            check_scalar(n_sequences, "n_sequences", Integral, min_val=1)
            n_sequences = int(n_sequences)
        fitted = fitted_of(self)
        with fitted.network() as network:
            return make_state(network, fitted, n_sequences, {"h": h, "c": c})

    def predict_step(
        self,
        X: ArrayLike,
        state: State,
        *,
        method: Literal[
            "predict", "predict_proba", "predict_log_proba", "decision_function"
        ] = "predict",
    ) -> tuple[np.ndarray, State]:
        """Read one step of each sequence and predict from all steps so far.

        The prediction is the one of `method` for the sequences up to here, as a list of
        arrays, to the bit.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features)
            The next step of each sequence. With one sequence a vector of its features
            will do, with one feature a vector of its values.

        state : State
            What :meth:`initial_state` or the last call returned. It is not changed.

        method : {"predict", "predict_proba", "predict_log_proba", \
                "decision_function"}, default="predict"
            Which prediction to return.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            The predictions, as `method` returns them for n_sequences sequences.

        state : State
            The state after the step.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, a value that is not finite (but for
            NaN where `missing` is not "error"), if the state is one of a network of
            another architecture or a part of it was changed, or if the network is
            bidirectional: one of its directions reads every sequence from its end,
            which a stream does not have yet.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import GRURegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((50, 8, 2))
        >>> y = X[:, :, 0].sum(axis=1)
        >>> model = GRURegressor(4, max_iter=10, random_state=0).fit(X, y)
        >>> state = model.initial_state()
        >>> for x in X[0]:
        ...     prediction, state = model.predict_step(x, state)
        >>> bool(prediction == model.predict(X[:1]))
        True
        """
        fitted = fitted_of(self)
        check_method(method, fitted.target.methods)
        raw, state = self._step(fitted, X, state)
        return getattr(fitted.target, method)(raw), state

    def _step(self, fitted, X, state):
        """Raw outputs after one more step of each sequence, and the state then."""
        if fitted.target.head.get("crf"):
            raise ValueError(
                "A conditional random field labels whole sequences: the label of a "
                "step depends on those to come. For streams fit with crf=False."
            )
        if fitted.architecture["bidirectional"]:
            raise ValueError(
                "A bidirectional network cannot be streamed: one of its directions "
                "reads every sequence from its end, which is not there yet. Fit with "
                "bidirectional=False, or call predict on whole sequences."
            )
        with fitted.network() as network:
            state = self._check_state("state", state, network, fitted)
            x, seen = self._read_step(fitted, X, state)
            raw, layers, pooled = network.step(x, state.layers, state.pooled)
        warn_if_not_finite(raw, "prediction")
        return raw, State(layers, pooled, seen, state.network)


def check_method(method, methods):
    """Say when a prediction is asked for that there is not."""
    if method not in methods:
        raise ValueError(f"method={method!r} is none of {', '.join(methods)}.")


def read_step(name, fitted, X, state):
    """One step of each sequence as the network reads it, the values seen, and the step
    as it is, NaN where a value is missing."""
    n, dtype = state.n_sequences, fitted.parameters.dtype
    if fitted.categories is not None and is_frame(X):
        X = with_ids(X, fitted.categories, "X")
    x, finite = check_step(name, fitted.features, X, n, dtype)
    check_step_ids(x, fitted.embedding)
    values, seen = x, x if state.seen is not None else None
    if finite or np.isfinite(x).all():
        if fitted.missing == "indicator":
            x = np.hstack([x, np.zeros_like(x)])
        return x, seen, values
    missing, infinite = np.isnan(x), np.isinf(x)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(
            f"X contains infinity or a value too large for dtype('{x.dtype}'): "
            f"sequence {row}, feature {column}."
        )
    if seen is None:
        row, column = np.argwhere(missing)[0]
        raise ValueError(
            f"X contains NaN: sequence {row}, feature {column}. Fit "
            f"{name} with missing='ffill' or missing='indicator' to "
            "let it read missing values."
        )
    x = seen = np.where(missing, state.seen, x).astype(x.dtype)
    if fitted.missing == "indicator":
        x = np.hstack([x, missing.astype(x.dtype)])
    return x, seen, values
