"""How unusual the steps of sequences are: errors of a network on its own input.

`scorer_of` a fitted network gives what its method scores with: whole sequences, and
sequences read step by step, whose scores are the same bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._targets.errors import total
from .._targets.own_steps import LARGEST
from ..sequences._html import state_as_html
from ..sequences._stacking import as_offsets
from .overflow import warn_if_not_finite
from .state import State

# Row-steps of windows that are reconstructed at a time.
WINDOW_STEPS = 65_536


class DetectorState(NamedTuple):
    """What is to be known of n sequences to score their next step.

    Made by :meth:`~sklstm.LSTMAnomalyDetector.initial_state` and
    :meth:`~sklstm.LSTMAnomalyDetector.score_step`; never changed, so that a state can
    be kept and gone on from more than once.

    Parameters
    ----------
    network : State
        The state of the network.

    kept : tuple of ndarray
        With ``method="prediction"`` what the network predicted at the last steps, with
        "reconstruction" the steps that the next window begins with: as the network
        reads them, and as they were.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAnomalyDetector
    >>> x = np.sin(np.arange(300) / 3)[:, np.newaxis]
    >>> model = LSTMAnomalyDetector(8, max_iter=10, random_state=0).fit([x])
    >>> state = model.initial_state(n_sequences=2)
    >>> scores, state = model.score_step([[0.1], [0.2]], state)
    >>> state.n_sequences
    2
    """

    network: State
    kept: tuple

    @property
    def n_sequences(self) -> int:
        """Sequences that are read side by side."""
        return self.network.n_sequences

    def _repr_html_(self) -> str:
        return state_as_html(self)


DetectorState.__module__ = "sklstm"


def scorer_of(fitted):
    """What scores the steps of sequences for this network."""
    return _SCORERS[fitted.target.method](fitted)


class Prediction:
    """Errors of predicting each step from those before it (Malhotra et al. 2015)."""

    def __init__(self, fitted):
        self.fitted, self.target = fitted, fitted.target

    def held_out_errors(self, network, values, X):
        """Errors (M, D) by which their distribution is known, and the sequence of each
        (M,)."""
        errors = self._errors(network, values, X)
        return errors, np.repeat(np.arange(len(X)), X.lengths)

    def distances(self, network, values, X):
        """Of each step (N,) how unusual it is, NaN where that is not known."""
        return self.target.errors.distances(self._errors(network, values, X))

    def contributions(self, network, values, X):
        """What each feature adds to the distance of each step (N, F)."""
        errors = self._errors(network, values, X)
        return self.target.by_feature(self.target.errors.contributions(errors))

    def _errors(self, network, values, X):
        """Errors (N, ahead F) at the steps of X, which the network reads and which has
        these values, NaN where some are missing."""
        raw = network.predict(*X._as_rows()).astype(np.float64)
        raw = _finite(raw, "prediction", X._offsets)
        z = self.target.standardized(values)
        return self.target.prediction_errors(z, raw, X._offsets)

    def begin(self, n):
        """What is kept of n sequences before their first step."""
        return (np.full((n, self.target.ahead, self.target.n_outputs), np.nan),)

    def is_sound(self, kept, n):
        """Whether something is what this scorer keeps of n sequences."""
        shape = n, self.target.ahead, self.target.n_outputs
        return (
            type(kept) is tuple
            and len(kept) == 1
            and type(kept[0]) is np.ndarray
            and kept[0].shape == shape
            and kept[0].dtype == np.float64
        )

    def step(self, network, x, values, state):
        """Distances (n,) of a step, the state of the layers after it, and what is kept
        then. The network reads x (n, .), whose values are (n, F)."""
        (before,) = state.kept
        raw, layers, _ = network.step(x, state.network.layers, None)
        raw = _finite(raw, "prediction")
        target = self.target
        if before.size == 1 and target.line is not None:
            # Python has the bits of one number sooner than NumPy.
            centre, scale = target.line
            z = (values.item() - centre) / scale
            error = min(max(z, -LARGEST), LARGEST) - before.item()
            distances = np.array([target.errors.distance_of(error)])
            return distances, layers, (raw[:, np.newaxis],)
        z = self.target.standardized(values)
        n, F = z.shape
        if self.target.ahead == 1:
            errors = z - before[:, 0]
        else:
            errors = np.empty((n, self.target.n_outputs))
            for k in range(self.target.ahead):
                part = slice(k * F, (k + 1) * F)
                errors[:, part] = z - before[:, k, part]
        distances = self.target.errors.distances(errors)
        raw = raw[:, np.newaxis]
        kept = raw if self.target.ahead == 1 else np.hstack([raw, before[:, :-1]])
        return distances, layers, (kept,)


class Reconstruction:
    """Errors of reconstructing the window that ends with each step, by a decoder that
    knows the last state of an encoder (Malhotra et al. 2016)."""

    def __init__(self, fitted):
        self.fitted, self.target = fitted, fitted.target

    def held_out_errors(self, network, values, X):
        starts, _, sequence = self.target.windows(X._offsets)
        errors = [part for _, part in self._errors(network, values, X, starts)]
        nothing = np.empty((0, 1, values.shape[1]))
        errors = np.concatenate(errors or [nothing]).reshape(-1, values.shape[1])
        return errors, np.repeat(sequence, self.target.window)

    def distances(self, network, values, X):
        distances = np.full(len(values), np.nan)
        for ends, errors in self._errors(network, values, X):
            distances[ends] = self._of_windows(errors)
        return distances

    def contributions(self, network, values, X):
        found = np.full(values.shape, np.nan)
        for ends, errors in self._errors(network, values, X):
            B, W, F = errors.shape
            parts = self.target.errors.contributions(errors.reshape(-1, F))
            # d = r r with r = sqrt(d), and d_1 + d_2 + ... = d
            r = np.sqrt(np.maximum(total(parts), 0.0))[:, np.newaxis]
            parts = parts / np.where(r > 0, r, 1.0)
            parts, r = parts.reshape(B, W, F), r.reshape(B, W)
            n = np.maximum((~np.isnan(r)).sum(axis=1), 1)
            for k in range(F):
                found[ends, k] = _mean(r) * total(parts[:, :, k]) / n
        return found

    def _of_windows(self, errors):
        """Squares (B,) of the mean over the steps of windows (B, W, F) of the roots of
        their distances, which a lone step of a window does not rule."""
        B, W, F = errors.shape
        distances = self.target.errors.distances(errors.reshape(-1, F)).reshape(B, W)
        return _mean(np.sqrt(np.maximum(distances, 0.0))) ** 2

    def _errors(self, network, values, X, starts=None):
        """Last rows (B,) of windows, all that there are, and their errors (B, W, F),
        some windows at a time."""
        W = self.target.window
        data, offsets = X._as_rows()[0], X._offsets
        if starts is None:
            starts, _, _ = self.target.windows(offsets, stride=1)
        z = self.target.standardized(values)
        size = max(1, WINDOW_STEPS // W)
        for begin in range(0, len(starts), size):
            part = np.ascontiguousarray(starts[begin : begin + size])
            rows = part[:, np.newaxis] + np.arange(W - 1, -1, -1)
            raw = network.predict(data, part, np.full(len(part), W, part.dtype))
            windows = np.bincount(np.searchsorted(offsets, part, side="right") - 1)
            raw = _finite(
                raw.astype(np.float64), "reconstruction", W * as_offsets(windows)
            )
            yield part + W - 1, z[rows] - raw.reshape(*rows.shape, -1)

    def begin(self, n):
        dtype = self.fitted.parameters.dtype
        return tuple(np.empty((n, 0, width), dtype) for width in self._widths)

    @property
    def _widths(self):
        """Features of a step as the network reads it, and as it is."""
        return self.fitted.n_inputs, len(self.target.centre)

    def is_sound(self, kept, n):
        dtype, widths = self.fitted.parameters.dtype, self._widths
        if type(kept) is not tuple or len(kept) != 2:
            return False
        if any(type(part) is not np.ndarray or part.ndim != 3 for part in kept):
            return False
        T = kept[0].shape[1]
        return T < self.target.window and all(
            part.shape == (n, T, width) and part.dtype == dtype
            for part, width in zip(kept, widths, strict=True)
        )

    def step(self, network, x, values, state):
        W = self.target.window
        read, had = (
            np.concatenate([before, now[:, np.newaxis]], axis=1)
            for before, now in zip(state.kept, (x, values), strict=True)
        )
        n, T, F = read.shape
        distances = np.full(n, np.nan)
        if T == W:
            starts = as_offsets(np.full(n, W))
            raw = network.predict(
                read.reshape(n * W, F), starts[:-1], np.full(n, W, np.intp)
            )
            raw = _finite(
                raw.astype(np.float64), "reconstruction", as_offsets(np.full(n, W))
            )
            z = self.target.standardized(had)[:, ::-1]
            distances = self._of_windows(z - raw.reshape(z.shape))
            read, had = read[:, 1:], had[:, 1:]
        return distances, state.network.layers, (read, had)


def _mean(parts):
    """Means (B,) of those of the parts (B, W) that are there."""
    return total(parts) / np.maximum((~np.isnan(parts)).sum(axis=1), 1)


_SCORERS = {"prediction": Prediction, "reconstruction": Reconstruction}


def _finite(raw, what, offsets=None):
    """Outputs, of which those that are not finite are as wrong as can be, with a
    warning."""
    one = raw.size == 1
    if math.isfinite(raw.item() if one else np.vdot(raw, raw)):
        return raw
    warn_if_not_finite(raw, what, offsets=offsets)
    return np.nan_to_num(raw, nan=LARGEST, posinf=LARGEST, neginf=-LARGEST)
