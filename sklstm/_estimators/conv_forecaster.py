"""ConvLSTMForecaster: the frames that come after the end of clips."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from .._network.build import frame_forecaster_network
from .._sklearn.warn import warn
from .._targets.aligning import aligned
from .._targets.frames import FrameTarget, NextFrames, NextFramesReader
from .._training.samples import Samples, check_sample_weight, check_score_weight
from .._training.split import nothing_seen
from .._training.windows import WindowArray, cuts_of
from .._typing import ArrayLike, ClipsLike, Estimator
from ..sequences._check import features_of
from ..sequences._stacking import as_offsets
from .base import RecurrentCore
from .checks import with_minibatches
from .clip_state import begin_clips, check_clip_state, read_frames
from .clips import (
    FittedClips,
    ReadsClips,
    check_unit_interval,
    totals_of_clips,
    units_of_channels,
)
from .declaration import declared
from .drawn_windows import AUTO_WINDOWS, DrawnWindows
from .fitted import fitted_of
from .overflow import warn_if_not_finite
from .parameters import Data, Optimizer, Stopping, but
from .state import State
from .task_parameters import Convolutional, FrameForecast, OfClips

# Numbers of the frames that are forecast at a time.
AT_ONCE = 1 << 21


@dataclass(frozen=True, eq=False)
class FittedFrames(FittedClips):
    """What a fit on windows of clips has found."""

    reads_target = True

    def outputs_of(self, network, rows, target):
        """Losses (n,) of windows, some windows at a time; None where not finite."""
        data, starts, lengths = rows
        losses = np.empty(len(starts))
        for part in self.parts(len(starts), data.shape[1:]):
            raw = network.predict(data, starts[part], lengths[part])
            out = network.for_loss(raw)
            losses[part] = self.target.loss.of_windows(out, target[part])
        return losses if np.isfinite(losses).all() else None

    def parts(self, n, frame_shape):
        """Slices of windows whose forecasts are looked at together."""
        some = max(1, AT_ONCE // (self.target.horizon * prod(frame_shape)))
        return (slice(begin, begin + some) for begin in range(0, n, some))


class ClipForecaster(ReadsClips, DrawnWindows, RecurrentCore):
    """Forecasts of the next frames of clips, as of videos or of radar images.

    Convolutional LSTM layers [Shi2015]_ read the frames of a clip; as many layers,
    which begin with the states that those have ended with, make the frames that follow.
    The fit is on the clips themselves: on windows of them, contexts that end at any
    frame and the horizon behind. Nothing is remembered of the clips of the fit:
    :meth:`predict` forecasts what comes after the end of those it is given, whose
    height and width may be others.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Of each layer k, of the encoder first and then of the forecaster, in the manner
        of ``torch.nn.LSTM`` and ``torch.nn.Conv2d``: ``weight_ih_l0`` (4 H, F,
        kernel_size, kernel_size), ``weight_hh_l0`` (4 H, H, kernel_size, kernel_size),
        ``bias_ih_l0`` (4 H,), ``bias_hh_l0``, which is zero, and with peepholes
        ``peephole_l0`` (3 H,); gates in the order input, forget, cell, output. The
        lowest layer reads standardised patches, and the lowest of the forecaster
        nothing. The head ``head_weight`` (K, sum of the hidden channels) reads the
        layers of the forecaster side by side, its K = patch_size**2 * channels outputs
        and ``head_bias`` (K,) are in units of X, those of "binary_cross_entropy"
        log-odds. Copies, read-only.

    loss_ : float
        Mean loss of the last epoch over the windows.

    validation_scores_ : list of float or None
        Minus the loss on what is held out, after each epoch. None without early
        stopping.

    out_activation_ : str
        The inverse of the link: "logistic" for "binary_cross_entropy", else "identity".

    See Also
    --------
    LSTMForecaster : Forecasts of series of numbers.
    sklstm.inspection.FrameDisplay : Show forecasts below what has come.

    Notes
    -----
    Each channel is standardised inside, by the mean and standard deviation of its
    pixels in all frames of the fit, and forecasts are in units of X: nothing has to be
    scaled before or after. Of X, which may be bytes in files (`numpy.memmap`), only
    the frames of a minibatch are converted, and it is never copied as a whole.

    A missing pixel is NaN. As an input it is what the pixel was last before in the
    clip, or the mean of its channel where it was not seen before; as a target it has no
    loss.

    A clip of more frames than the horizon is cut at every frame behind which there is a
    whole horizon. One of fewer, beside longer ones, is cut in its second half, and the
    frames that its horizon has not have no loss.

    The weights start Glorot-uniform over all taps of a kernel, those of the states
    orthogonal, the forget bias at `forget_bias`, peepholes at zero.

    Examples
    --------
    A dot that moves to the right, and comes back from the left:

    >>> import numpy as np
    >>> from sklstm import ConvLSTMForecaster
    >>> X = np.zeros((8, 8, 8, 8))
    >>> for i, clip in enumerate(X):
    ...     for t, frame in enumerate(clip):
    ...         frame[i, (i + t) % 8] = 1
    >>> model = ConvLSTMForecaster(
    ...     8, horizon=2, learning_rate_init=0.02, max_iter=10, random_state=0
    ... ).fit(X)
    >>> model.predict(X).shape
    (8, 2, 8, 8)
    >>> model.score(X) > 0.5
    True

    As frames come in:

    >>> state = model.initial_state(1, 8, 8)
    >>> for frame in X[0]:
    ...     forecast, state = model.predict_step(frame, state)
    >>> bool((forecast == model.predict(X[:1])).all())
    True
    """

    _build = staticmethod(frame_forecaster_network)
    _found = FittedFrames
    _target_of = staticmethod(NextFrames)
    # Targets may be missing, and so may what comes before them.
    missing = "ffill"
    bidirectional = False

    def _reader(self):
        context = self.context_length
        return NextFramesReader(
            self.loss,
            int(self.horizon),
            None if context is None else int(context),
            int(self.patch_size),
        )

    def _asked_architecture(self):
        return {**super()._asked_architecture(), "horizon": int(self.horizon)}

    def _samples_an_epoch(self, n_samples, X):
        # training should not take longer for having more clips to choose from
        if self.windows_per_epoch == "auto":
            return min(AUTO_WINDOWS, len(X))
        return super()._samples_an_epoch(n_samples, X)

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: ClipsLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ClipsLike | None = None,
    ) -> Estimator:
        """Fit the network to windows of the clips X.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width) or (n_clips, \
                n_frames, height, width, channels), or list of arrays of shape \
                (n_frames_i, height, width[, channels])
            The clips, of numbers of any type, perhaps in files (`numpy.memmap`): an
            array, or a list for clips of unequal length, which may be parts of one
            array, or of several in files. The channels come last. NaN is a missing
            pixel.

        y : None
            Not used: the targets are frames of X.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. A clip of weight zero is not there.

        X_val : as X, default=None
            Clips of whose last horizon early stopping takes its score, instead of a
            part of X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X or a weight is not valid, or if no clip has two frames
            with a number. The message names the clip, the frame, the pixel and the
            channel; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            As :meth:`LSTMRegressor.fit`.
        UserWarning
            If a clip has nothing to learn from, if the axes of X look as if channels
            came first, or if training was interrupted.
        """
        validation = (X_val, X_val, None)
        self._commit(X, True, sample_weight, validation=validation)
        return self

    @with_minibatches
    def partial_fit(
        self: Estimator,
        X: ClipsLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Make one pass over windows of the given clips.

        Units of channels come from the first call. Not available with
        ``solver="lbfgs"``.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width) or (n_clips, \
                n_frames, height, width, channels), or list of arrays of shape \
                (n_frames_i, height, width[, channels])
            The clips, as in :meth:`fit`.

        y : None
            Not used.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips; they count as they are.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also with ``early_stopping=True``.
        """
        self._commit(X, False, sample_weight, incremental=True)
        return self

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        """Windows of valid clips to train on; y is whether these are to show all of the
        horizon."""
        (sample_weight,) = aligned(X, sample_weight=sample_weight)
        X = self._check_clips(X, reset=reset)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(X), self)
            if not sample_weight.any():
                raise ValueError(
                    "All sample weights are zero: there is nothing to fit."
                )
        channels, may_miss = None, X.dtype.kind == "f"
        counts = sums = known = None
        if reset or may_miss:
            counts, sums, known = totals_of_clips(X)
        known = known if may_miss else None
        if reset:
            of_units = X, sample_weight, (counts, sums)
            if sample_weight is not None and not sample_weight.all():
                there = sample_weight > 0
                totals = counts[there], sums[there]
                of_units = X[there], sample_weight[there], totals
            channels = units_of_channels(*of_units)
        series, cuts = cuts_of(X.lengths, self.horizon, 1)
        given = X, None, sample_weight
        samples = self._windows(X, series, cuts, known, given, channels)
        learnt_of = np.zeros(len(X), dtype=bool)
        learnt_of[samples.X.series] = True
        if sample_weight is not None:
            samples = samples._replace(weight=sample_weight[samples.X.series])
            learnt_of[sample_weight == 0] = True
        self._say_what_is_unused(X, learnt_of)
        samples = samples.of_some_weight()
        if y:
            self._check_length(X, np.unique(samples.X.series))
        return samples

    def _check_clips(self, X, *, reset=False, fitted=None):
        X = super()._check_clips(X, reset=reset, fitted=fitted)
        self._check_range(X, fitted)
        return X

    def _check_range(self, X, fitted):
        loss = self.loss if fitted is None else fitted.target.loss_name
        if loss == "binary_cross_entropy":
            check_unit_interval(X, f"loss={loss!r}")

    def _check_partition(self, name, X):
        X = super()._check_partition(name, X)
        self._check_range(X, None)
        return X

    def _windows(self, X, series, cuts, known, given=None, channels=None):
        """Windows of these clips, cut behind so many frames, which have a number before
        the cut and behind it, as samples; `known` are the rows that have one."""
        most = self.context_length
        lengths = cuts if most is None else np.minimum(cuts, most)
        cut_rows, ends = X.starts[series] + cuts, X.starts[series] + X.lengths[series]
        starts = cut_rows - lengths
        if known is not None:
            behind = np.minimum(cut_rows + self.horizon, ends)
            there = some_of(known, starts, cut_rows) & some_of(known, cut_rows, behind)
            series, cuts, lengths, starts, cut_rows, ends = (
                part[there] for part in (series, cuts, lengths, starts, cut_rows, ends)
            )
        windows = WindowArray(X.data, starts, lengths, series, cuts, given)
        target = FrameTarget(
            X.data, starts, cut_rows, ends, int(self.horizon), channels
        )
        return Samples(windows, target)

    def _say_what_is_unused(self, X, learnt_of):
        unused = np.flatnonzero(~learnt_of)
        if not len(unused):
            return
        i = unused[0]
        first = f"clip {i}, of {X.lengths[i]} frame(s)"
        why = (
            "A window takes a frame before it and a frame behind, of which each has a "
            "number: a clip needs two frames that are not missing."
        )
        if len(unused) == len(X):
            raise ValueError(
                f"There is nothing to learn from in X: none of its {len(X)} clips has "
                f"a window, for example {first}. {why}"
            )
        warn(
            f"{len(unused)} of the {len(X)} clips have nothing to learn from, the "
            f"first is {first}. {why} They are not used in this fit."
        )

    def _check_length(self, X, clips):
        """Say when no clip shows the last frame of a horizon."""
        longest = clips[X.lengths[clips].argmax()]
        n_frames = X.lengths[longest]
        if n_frames <= self.horizon:
            raise ValueError(
                f"horizon={self.horizon} needs a clip of at least {self.horizon + 1} "
                f"frames to learn from, but the longest, clip {longest}, has "
                f"{n_frames}. Use a horizon of at most {n_frames - 1}, or longer clips."
            )

    def _set_aside(self, given, validation, target, rng, incremental):
        self._sides = nothing_seen()
        if not self.early_stopping or incremental:
            return given, None
        if validation[0] is None:
            return self._without_last(given)
        try:
            held_out = self._last_windows(validation[0])
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In X_val: {error}") from error
        return given, held_out

    def _without_last(self, samples):
        """Windows to train on, which end where the last part of their clip begins, and
        some of that part, of each clip that is long enough; where none is, windows of
        some clips and of the others."""
        X, horizon = samples.X, self.horizon
        before, within, few, both = self._last_parts(X)
        if both.any():
            return samples.at(~both | before), samples.at(both & within & few)
        clips = np.unique(X.series)
        n = min(int(np.ceil(self.validation_fraction * len(clips))), len(clips) - 1)
        if not n:
            n_frames = X.given[0].lengths[clips[0]]
            kept = max(int(np.ceil(self.validation_fraction * n_frames)), horizon)
            raise ValueError(
                "early_stopping=True holds the last part of each clip out, "
                f"{self.validation_fraction:g} of it and at least a horizon of "
                f"{horizon} frames, or whole clips. But there is one clip to learn "
                f"from, of {n_frames} frames, of which a window before that part "
                f"takes {kept + horizon + 1}. Pass more clips or X_val, or use "
                "early_stopping=False."
            )
        # the same ones in fits that go on with the same clips
        chosen = clips[((np.arange(n) + 0.5) * len(clips) / n).astype(np.intp)]
        held_out = np.isin(X.series, chosen)
        some = held_out & few
        return samples.at(~held_out), samples.at(some if some.any() else held_out)

    def _last_windows(self, X):
        """The last horizon of each clip of X that is longer."""
        X = self._check_clips(X)
        clips = np.flatnonzero(X.lengths > self.horizon)
        cuts = X.lengths[clips] - self.horizon
        samples = self._windows(X, clips, cuts, known_rows(X))
        if not len(samples.X):
            raise ValueError(
                f"no clip has more than {self.horizon} frames, the horizon, with a "
                "number before it and in it; the longest has "
                f"{X.lengths.max(initial=0)} frames."
            )
        return samples

    def _untrained(self, target, samples=None, rows=None):
        return self._found(
            self._build,
            {
                **self._asked_architecture(),
                "centre": target.centre,
                "scale": target.scale,
            },
            features_of(self),
            target,
            self.missing,
            frame_size=tuple(samples.X.data.shape[1:3]),
        )

    # ---- forecasts -------------------------------------------------------------

    def predict(self, X: ClipsLike) -> np.ndarray:
        """Forecast the frames that come after the end of each clip.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width) or (n_clips, \
                n_frames, height, width, channels), or list of arrays of shape \
                (n_frames_i, height, width[, channels])
            The clips, up to where the forecast begins, of at least one frame. Height
            and width may be others than in :meth:`fit`.

        Returns
        -------
        frames : ndarray of shape (n_clips, horizon, height, width) or (n_clips, \
                horizon, height, width, channels)
            The forecasts, in the units of X, with an axis of channels where X has one;
            with "binary_cross_entropy" probabilities.

        Raises
        ------
        ValueError
            If X is not valid, or if a clip has no frame or no pixel that is there among
            those that its forecast is made of. The message names the clip.
        """
        fitted = fitted_of(self)
        X = self._valid_X(fitted, X)
        frames = self._forecast_clips(fitted, X)
        return frames if X.has_channels else frames[..., 0]

    def _forecast_clips(self, fitted, X):
        """Frames that come after the end of clips; an error where there is nothing to
        make them of."""
        contexts = contexts_of(X, fitted.target.context_length)
        lengths, known = contexts.lengths, known_rows(contexts)
        seen = lengths > 0
        if known is not None:
            seen = some_of(known, contexts.starts, contexts.starts + lengths)
        nothing = np.flatnonzero(~seen)
        if len(nothing):
            i = nothing[0]
            what = f"all pixels of its last {lengths[i]} frame(s) are missing"
            if not lengths[i]:
                what = "it has no frame"
            raise ValueError(
                f"There is nothing to forecast clip {i} from: {what}. A forecast takes "
                "at least one frame with a pixel that is there. Leave the clip out."
            )
        frames = np.empty((len(X), fitted.target.horizon, *X.frame_shape))
        with fitted.network() as network:
            for part in fitted.parts(len(X), X.frame_shape):
                raw = network.predict(*contexts[part]._as_rows())
                frames[part] = fitted.target.predict(raw)
        warn_if_not_finite(frames, "forecast")
        return frames

    def score(
        self,
        X: ClipsLike,
        y: None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Forecast skill on the last horizon of each clip, against persistence.

        Each clip is forecast from what is before its last `horizon` frames. The score
        is one minus the mean squared error divided by that of persistence, which says
        that every pixel stays as it was last seen there; with ``loss="absolute_error"``
        mean absolute errors take the place of both. 1 is the best, 0 is as good as
        persistence.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width) or (n_clips, \
                n_frames, height, width, channels), or list of arrays of shape \
                (n_frames_i, height, width[, channels])
            The clips, with the frames to be forecast.

        y : None
            Not used.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        score : float
            The skill. Errors are means over the pixels and channels of a clip, in units
            of X, and then over clips. Left out are pixels that are missing, or were not
            seen before, and clips of no more frames than the horizon.

        Raises
        ------
        ValueError
            If no clip can be scored.
        """
        fitted = fitted_of(self)
        (sample_weight,) = aligned(X, sample_weight=sample_weight)
        X = self._valid_X(fitted, X)
        weight = check_score_weight(sample_weight, X.lengths, self)
        weight = np.ones(len(X)) if weight is None else weight
        power = 1 if fitted.target.loss_name == "absolute_error" else 2
        horizon, most = fitted.target.horizon, fitted.target.context_length
        some = np.flatnonzero((X.lengths > horizon) & (weight > 0))
        cut = X[some].without_last(horizon)
        known, contexts = known_rows(cut), contexts_of(cut, most)
        if known is not None:
            ends = contexts.starts + contexts.lengths
            seen = some_of(known, contexts.starts, ends)
            some, cut, contexts = some[seen], cut[seen], contexts[seen]
        errors = np.zeros(2)
        with fitted.network() as network:
            for part in fitted.parts(len(some), X.frame_shape):
                raw = network.predict(*contexts[part]._as_rows())
                forecasts = fitted.target.predict(raw)
                own = cut.starts[part], cut.lengths[part], weight[some[part]]
                for frames, start, n, w in zip(forecasts, *own, strict=True):
                    cut_row = start + n
                    truth = np.asarray(X.data[cut_row : cut_row + horizon], np.float64)
                    last = last_seen(X.data, start, cut_row)
                    errors += w * errors_of(frames, truth, last, power)
        if not errors[1] > 0:
            longest = X.lengths.max(initial=0)
            raise ValueError(
                f"No clip of X can be scored: it takes more than {horizon} frames, of "
                f"which one of the last {horizon} has a pixel that differs from when "
                f"it was seen before. The longest has {longest} frames."
            )
        return 1 - float(errors[0] / errors[1])

    # ---- streams -----------------------------------------------------------------

    def initial_state(
        self,
        n_clips: int = 1,
        height: int | None = None,
        width: int | None = None,
    ) -> State:
        """The state of clips before their first frame.

        Parameters
        ----------
        n_clips : int, default=1
            Clips that are read side by side.

        height : int, default=None
            Height of their frames; None is that of the clips of the fit.

        width : int, default=None
            Width of their frames; None is that of the clips of the fit.

        Returns
        -------
        state : State
            To be passed to :meth:`predict_step`.

        Raises
        ------
        TypeError
            If a number is no integer.
        ValueError
            If a number is below 1, or height or width no multiple of `patch_size`.
        MemoryError
            If the states need more memory than can be had.
        """
        fitted = fitted_of(self)
        with fitted.network() as network:
            return begin_clips(network, fitted, n_clips, height, width)

    def predict_step(self, X: ArrayLike, state: State) -> tuple[np.ndarray, State]:
        """Read one frame of each clip and forecast from all frames so far.

        The forecast is the one of :meth:`predict` for the clips up to here, to the bit,
        where `context_length` is None; a stream forgets nothing, whatever it is.

        Parameters
        ----------
        X : array-like of shape (n_clips, height, width) or (n_clips, height, width, \
                channels)
            The next frame of each clip. Of one clip the frame alone will do.

        state : State
            What :meth:`initial_state` or the last call returned. It is not changed.

        Returns
        -------
        frames : ndarray of shape (n_clips, horizon, height, width) or (n_clips, \
                horizon, height, width, channels)
            The forecasts, with an axis of channels where X has one.

        state : State
            The state after the frame.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, or infinity, or with
            "binary_cross_entropy" a value outside of 0 to 1, or if the state is one of
            another network or a part of it was changed.
        """
        fitted = fitted_of(self)
        with fitted.network() as network:
            state = check_clip_state("state", state, network, fitted)
            clips, frames, seen = read_frames(self, fitted, X, state)
            self._check_range(clips, fitted)
            raw, layers, _ = network.step(frames, state.layers)
        forecasts = fitted.target.predict(raw)
        warn_if_not_finite(forecasts, "forecast")
        state = State(layers, None, seen, state.network)
        return forecasts if clips.has_channels else forecasts[..., 0], state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True
        return tags


def contexts_of(X, most):
    """The last frames of clips, no more than so many."""
    lengths = X.lengths if most is None else np.minimum(X.lengths, most)
    return X.at_rows(X.starts + X.lengths - lengths, lengths)


def known_rows(X):
    """Which rows of the data, those of clips, have a number; None where all have."""
    return totals_of_clips(X)[2] if X.dtype.kind == "f" else None


def some_of(known, begins, ends):
    """Whether any row of these is known."""
    before = as_offsets(known)
    return before[ends] > before[begins]


def last_seen(data, begin, end):
    """What every pixel was last in the frames of these rows, NaN where it was never
    seen."""
    last = data[end - 1].astype(np.float64)
    for row in range(end - 2, begin - 1, -1):
        missing = np.isnan(last)
        if not missing.any():
            break
        last[missing] = data[row][missing]
    return last


def errors_of(frames, truth, last, power):
    """Mean errors of frames and of the last one before them, of the pixels that both
    can be compared with."""
    there = ~np.isnan(truth - last)
    n = max(1, np.count_nonzero(there))
    return np.array(
        [
            (np.abs(truth - other)[there] ** power).sum() / n
            for other in (frames, np.broadcast_to(last, truth.shape))
        ]
    )


@declared(
    Convolutional, FrameForecast, but(Optimizer, "tbptt"),
    but(Stopping, "max_iter", "early_stopping", "validation_fraction"),
    but(Data, "missing"), OfClips,
)  # fmt: skip
class ConvLSTMForecaster(ClipForecaster):
    """Forecasts of the next frames of clips with convolutional LSTM layers."""
