"""Clips in place of sequences: what estimators share that read frames."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from .._kernels import array_dtype
from .._sklearn.warn import warn
from .._targets.aligning import aligned
from .._training.samples import Samples, check_groups
from ..sequences._check import Features, features_of, record_features
from ..sequences._clips import (
    Clips,
    clips_of,
    clips_of_partition,
    place_words,
    rows_of,
)
from ..sequences._missing import sum_of_all
from ..sequences._rows import by_blocks, is_valid
from ..sequences._stacking import rows_of_parts
from .checks import hidden_sizes, precision
from .fitted import Fitted


@dataclass(frozen=True, eq=False)
class FittedClips(Fitted):
    """What a fit on clips has found: its network reads frames as they are, and fills
    missing pixels itself."""

    # Height and width of the frames of the fit; others will do as well.
    frame_size: tuple | None = None

    @property
    def state(self):
        return {**super().state, "frame_size": self.frame_size}

    @property
    def hidden_sizes(self):
        return self.architecture["hidden_channels"]

    def read(self, X, seen=None):
        return X

    def make_network(self, *, recurrent_dropout=0.0, **changes):
        return self.build(
            n_channels=self.n_inputs,
            n_outputs=self.target.n_outputs,
            **{**self.architecture, **self.target.head, **changes},
        )


class ReadsClips:
    """An estimator whose X are clips.

    Attributes
    ----------
    n_features_in_ : int
        Channels of a frame.
    """

    # of what is said of networks of vectors
    _not_said = "See Also", "weights_", "n_features_in_", "feature_names_in_"
    _found = FittedClips
    _exchanged = False
    _sizes = "hidden_channels"
    _precisions = "float32", "float64"
    # Choices of networks that read vectors.
    recurrent_dropout, tbptt = 0.0, None
    embedding_dim = embedding_weights = categorical_features = None

    @property
    def _cell(self):
        return "lstm_peephole" if self.peephole else "lstm"

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen."""
        return {"peephole": cell == "lstm_peephole"}

    def _initial_options(self, lengths):
        return {"forget_bias": self.forget_bias, "longest": int(lengths.max())}

    def _asked_architecture(self):
        return {
            "hidden_channels": hidden_sizes(self),
            "kernel_size": int(self.kernel_size),
            "patch_size": as_patches(self.patch_size),
            "dtype": precision(self),
            "cell": self._cell,
        }

    def _auto_batch_size(self, n_samples):
        # a clip has as many outputs as many sequences: few tell as much
        return n_samples if n_samples <= 32 else 8

    # ---- X -------------------------------------------------------------------------

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        """Valid samples, without those whose weight is zero."""
        table = X
        y, sample_weight, groups = aligned(
            X, y=y, sample_weight=sample_weight, groups=groups
        )
        X = self._check_clips(X, reset=reset)
        y, sample_weight = self._pair(table, X, self._reader().check(y), sample_weight)
        if groups is not None:
            groups = check_groups(groups, len(y))
        return Samples(X, y, sample_weight, groups).of_some_weight()

    def _valid_X(self, fitted, X):
        return self._check_clips(X, fitted=fitted)

    def _check_clips(self, X, *, reset=False, fitted=None):
        """Valid clips, for a fit or for what a fit has found."""
        if fitted is None:
            dtype, missing = array_dtype(precision(self)), self.missing
            features, patches = features_of(self), as_patches(self.patch_size)
        else:
            dtype, missing = fitted.parameters.dtype, fitted.missing
            features, patches = fitted.features, fitted.architecture["patch_size"]
        allow_nan = missing != "error"
        X = clips_of(X, dtype=dtype, allow_nan=allow_nan, estimator=self)
        if reset:
            channels = X.n_features
            record_features(self, Features(channels, channels, None, None))
        else:
            check_channels(type(self).__name__, features, X)
        check_patches(X.frame_shape, patches)
        return X

    def _check_partition(self, name, X):
        dtype = array_dtype(precision(self))
        return clips_of_partition(X, name, self.missing, dtype)

    def _warn_of_layout(self, X):
        warn_of_channels_first(X.data.shape[1:], type(self).__name__)

    def _untrained(self, target, samples=None, rows=None):
        X = samples.X
        units = units_of_channels(X, samples.weight)
        return self._found(
            self._build,
            {**self._asked_architecture(), **units},
            features_of(self),
            target,
            self.missing,
            frame_size=tuple(X.frame_shape[:2]),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags


# ---- what is wrong with frames -------------------------------------------------------


def as_patches(patch_size):
    """`patch_size` as an architecture has it: an int of the frames alone, or one for
    each layer."""
    first, *others = np.atleast_1d(patch_size).tolist()
    return (first, *others) if any(size > 1 for size in others) else first


def check_patches(frame_shape, patch_size, what="X has"):
    """Say when frames of this height and width cannot be cut into patches."""
    side = prod(np.atleast_1d(patch_size).tolist())
    for name, size in zip(("height", "width"), frame_shape):
        if size % side:
            below, above = size // side * side, -(-size // side) * side
            crop = f"crop it to {below}, " if below else ""
            by = f" ({side} pixels on a side)" if np.ndim(patch_size) else ""
            raise ValueError(
                f"{what} frames of height {frame_shape[0]} and width {frame_shape[1]}, "
                f"which patch_size={patch_size!r}{by} cannot cut into whole patches: "
                f"the {name}, {size}, is no multiple of {side}. Pad it to {above}, "
                f"{crop}or use a patch_size that divides it."
            )


def check_channels(name, features, X):
    """Raise where clips have other channels than those of the fit."""
    found, expected = X.n_features, features.n_sequence_features
    if found == expected:
        return
    shape = X.frame_shape if X.has_channels else X.frame_shape[:2]
    message = (
        f"X has {found} features, but {name} is expecting {expected} features as "
        f"input: the features of clips are their channels, and frames of X have shape "
        f"{shape}."
    )
    if X.has_channels and shape[0] == expected:
        message += (
            " If channels come first, as in PyTorch, pass np.moveaxis(X, 2, -1) of an "
            "array, np.moveaxis(x, 1, -1) of each clip of a list."
        )
    raise ValueError(message)


def warn_of_channels_first(frame_shape, name):
    """Warn if frames look as those of PyTorch do: a few rows of many channels."""
    height, width, channels = frame_shape
    if height <= 4 and width == channels > 4:
        warn(
            f"The frames of X have height {height}, width {width} and {channels} "
            f"channels, as {name} reads them: the channels come last. If they come "
            "first, as in PyTorch, pass np.moveaxis(X, 2, -1) of an array, "
            "np.moveaxis(x, 1, -1) of each clip of a list."
        )


def check_unit_interval(X, why):
    """Raise if a pixel is outside of [0, 1]; NaN is no pixel."""
    if X.dtype.kind == "b" or is_valid(X.data):
        return
    for rows, frames in X.pieces():
        with np.errstate(invalid="ignore"):
            bad = (frames < 0) | (frames > 1)
        if bad.any():
            k, *at = np.argwhere(bad)[0].tolist()
            raise ValueError(
                f"{why} needs frames of values from 0 to 1, but X has "
                f"{frames[(k, *at)]:g} at {place_words(X, rows[k], *at)}. Divide X by "
                "its largest value (255 for bytes), or use another loss."
            )


# ---- units ---------------------------------------------------------------------------


def units_of_channels(X, sample_weight=None, totals=None):
    """Centre and scale of each channel, mean and standard deviation of the pixels that
    are there, 0 and 1 of a channel without any; a constant has scale 1.

    As `observed_mean`: a clip of weight 3 and the clip given three times come to the
    same bits.
    """
    # the zeros of clips of no frames would change how sums are rounded
    there = np.flatnonzero(X.lengths)
    weight = None if sample_weight is None else sample_weight[there]
    counts, sums = totals_of_clips(X)[:2] if totals is None else totals

    def over_clips(totals):
        return np.array([float(sum_of_all(own, weight)) for own in totals[there].T])

    some = np.maximum(over_clips(counts), np.finfo(float).tiny)
    centre = over_clips(sums) / some
    scale = np.sqrt(over_clips(totals_of_clips(X, centre)[1]) / some)
    # a constant says nothing, but a spread of its rounding would say it loudly
    scale[scale <= 1e-12 * np.abs(centre)] = 1.0
    return {"centre": tuple(centre.tolist()), "scale": tuple(scale.tolist())}


def totals_of_clips(X, centre=None):
    """Numbers in each clip (n, channels) and their sums, or the sums of the squares of
    their differences from a centre; and which rows of the data, those of clips, have a
    number. Clips are looked at where they lie."""
    shape = len(X), X.n_features
    counts, sums = np.zeros(shape, np.intp), np.zeros(shape)
    known = np.zeros(len(X.data), bool)
    parts = X._as_rows()
    if centre is not None:
        parts = *parts, np.tile(centre, (len(X), 1))
    found = by_blocks(_totals_of_clips, *parts, in_pieces=True)
    for some, (own_counts, own_sums, own_known) in found:
        counts[some], sums[some] = own_counts, own_sums
        known[rows_of_parts(X.starts[some], X.lengths[some])[0]] = own_known
    return counts, sums, known


def _totals_of_clips(data, starts, lengths, centre=None):
    X = Clips(data, starts, lengths)
    counts, sums = totals_of_rows(X, None if centre is None else centre[0])
    rows, offsets = rows_of(X)
    known = counts.any(axis=1)[rows]
    there = np.flatnonzero(lengths)  # reduceat knows no empty sums
    found = []
    for totals in (counts, sums):
        of_clips = np.zeros((len(starts), totals.shape[1]), totals.dtype)
        if len(there):
            of_clips[there] = np.add.reduceat(totals[rows], offsets[there], axis=0)
        found.append(of_clips)
    return *found, known


def totals_of_rows(X, centre=None):
    """The same of each row of the data (rows, channels); 0 of rows that no clip has."""
    shape = len(X.data), X.n_features
    counts, sums = np.zeros(shape, np.intp), np.zeros(shape)
    for rows, frames in X.pieces():
        counts[rows], sums[rows] = _totals(frames, centre)
    return counts, sums


def _totals(frames, centre):
    """Of frames (n, height, width, channels)."""
    # by channel, so that a sum has the same order wherever its frame lies
    values = frames.reshape(len(frames), -1, frames.shape[-1]).transpose(0, 2, 1)
    values = np.array(values, np.float64, order="C")
    if centre is not None:
        values -= np.array(centre)[:, np.newaxis]
        values *= values
    counts = np.full(values.shape[:2], values.shape[2], np.intp)
    if frames.dtype.kind == "f":
        missing = np.isnan(values)
        counts -= missing.sum(axis=2)
        values[missing] = 0.0
    return counts, values.sum(axis=2)
