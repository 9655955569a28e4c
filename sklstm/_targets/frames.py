"""What comes after the end of a clip: frames of the clips themselves as targets.

`FrameTarget` are the targets of windows, of which a minibatch reads its own; the fit
makes `NextFrames`, which has the units of the channels.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod

import numpy as np

from .._network.losses.frames import AbsoluteFrames, BinaryFrames, SquaredFrames
from .._network.planes import from_patches, to_patches

LOSSES = {
    "squared_error": SquaredFrames,
    "absolute_error": AbsoluteFrames,
    "binary_cross_entropy": BinaryFrames,
}
# Windows that tell what all are like, and numbers in them that are enough.
ENOUGH_WINDOWS, ENOUGH_NUMBERS = 64, 1 << 24


class FrameTarget:
    """The frames behind the contexts of n windows; never changed.

    A window is rows of `data` (rows, height, width, channels), which all windows share:
    its context ends before row `cuts` (n,), `horizon` frames begin there, and those
    from row `ends` (n,) on are not of its clip.
    """

    is_behind = True  # among the rows of the data behind those of a window

    def __init__(self, data, starts, cuts, ends, horizon, channels=None, units=None):
        self.data, self.starts, self.cuts, self.ends = data, starts, cuts, ends
        self.horizon = horizon
        self.channels = channels  # `centre` and `scale` of each, in a first fit
        self.units = units  # `NextFrames`, in whose units values are, or None

    def __len__(self):
        return len(self.cuts)

    def _with(self, starts, cuts, ends, units):
        return FrameTarget(
            self.data, starts, cuts, ends, self.horizon, self.channels, units
        )

    def __getitem__(self, which):
        parts = self.starts[which], self.cuts[which], self.ends[which]
        return self._with(*parts, self.units)

    def in_units(self, units):
        return self._with(self.starts, self.cuts, self.ends, units)

    def moved(self, data, starts):
        """The same windows, which begin at these rows of other data."""
        by = starts - self.starts
        found = self._with(starts, self.cuts + by, self.ends + by, self.units)
        found.data = data
        return found

    def evenly(self, n_numbers=ENOUGH_NUMBERS):
        """Windows enough to tell what all are like, evenly spread, of no more numbers
        than that, and at least one."""
        a_window = self.horizon * prod(self.data.shape[1:])
        most = min(len(self), ENOUGH_WINDOWS, max(1, n_numbers // a_window))
        return np.linspace(0, len(self) - 1, most).astype(np.intp)

    def rows(self):
        """Rows of the frames (n, horizon), and whether they are of their clips; in the
        place of one that is not there is the first, which always is."""
        first = self.cuts[:, np.newaxis]
        rows = first + np.arange(self.horizon)
        there = rows < self.ends[:, np.newaxis]
        return np.where(there, rows, first), there

    @property
    def frames(self):
        """As the clips have them (n, horizon, height, width, channels), in float64, NaN
        where there is none."""
        rows, there = self.rows()
        frames = self.data[rows].astype(np.float64)
        frames[~there] = np.nan
        return frames

    @property
    def standardised(self):
        frames = self.frames
        frames -= self.units.centre
        frames /= self.units.scale
        return frames

    @cached_property
    def values(self):
        """What the loss compares outputs with (n horizon, patches, K)."""
        frames = self.standardised if self.units.loss.by_units else self.frames
        patches = to_patches(frames, self.units.patch_size)
        n, horizon, *_, K = patches.shape
        return patches.reshape(n * horizon, -1, K)

    def whole(self):
        """First row and number of rows of each window (n,), and of its context."""
        ends = np.minimum(self.cuts + self.horizon, self.ends)
        return self.starts, ends - self.starts, self.cuts - self.starts


class NextFramesReader:
    """What a forecaster of frames with these parameters takes as targets."""

    def __init__(self, loss, horizon, context_length, patch_size):
        self.parameters = {
            "loss_name": loss, "horizon": horizon, "context_length": context_length,
            "patch_size": patch_size,
        }  # fmt: skip

    def check_parameters(self, incremental):
        """There is nothing that does not go together."""

    def fit(self, y, sample_weight, classes=None, incremental=False):
        return NextFrames(**self.parameters, **y.channels)

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another loss or other windows."""
        asked = {**self.parameters, "loss": self.parameters["loss_name"]}
        before = {**target.state, "loss": target.loss_name}
        names = "loss", "horizon", "context_length"
        changed = [name for name in names if asked[name] != before[name]]
        if changed:
            was, now = (
                ", ".join(f"{name}={values[name]!r}" for name in changed)
                for values in (before, asked)
            )
            raise ValueError(
                f"{', '.join(changed)} cannot change between fits that continue: the "
                f"fitted network has {was}, the parameters say {now}. Set "
                "warm_start=False and call fit to start anew."
            )

    @staticmethod
    def weigh(target, y, sample_weight):
        return y, sample_weight


@dataclass(frozen=True, eq=False)
class NextFrames:
    """Frames of a horizon, in units of their channels, y = scale z + centre, of a loss
    that wants them."""

    methods = ("predict",)
    # What a network has to know of them beside the number of outputs.
    head = {}
    attributes = {}

    loss_name: str
    horizon: int
    context_length: int | None
    patch_size: int
    centre: tuple  # of each channel
    scale: tuple

    @property
    def state(self):
        """Plain types, of which the class makes the target again."""
        return asdict(self)

    @cached_property
    def loss(self):
        return LOSSES[self.loss_name]()

    @property
    def n_outputs(self):
        """Raw outputs of a patch."""
        return self.patch_size**2 * len(self.centre)

    @property
    def score_name(self):
        return self.loss.score_name

    def check_whole(self, y):
        """Any y will do."""

    def encode(self, y):
        """What the loss compares outputs with."""
        return y.in_units(self)

    def follow(self, y, sample_weight):
        """Units stay those of the first fit."""
        return self, None

    def scorer(self, y, sample_weight):
        """Losses of windows (n,) to the score by which early stopping goes."""

        def score(losses):
            value = np.average(losses, weights=sample_weight)
            return -value, value

        return score

    def predict(self, raw):
        """Frames (n, horizon, height, width, channels) of outputs, in units of X."""
        centre, scale = np.array(self.centre), np.array(self.scale)
        frames = from_patches(raw, self.patch_size).astype(np.float64)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return self.loss.predictions(frames, centre, scale)

    def head_in_units(self, weight, bias):
        centre, scale = (
            np.tile(part, self.patch_size**2) for part in (self.centre, self.scale)
        )
        return self.loss.head_in_units(weight, bias, centre, scale)
