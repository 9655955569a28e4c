"""Steps of a sequence as targets of the network that reads it.

`OwnStepsReader` says what a fit takes; the fit makes `OwnSteps`, in which are the units
of the features and, once it is trained, the distribution of its errors.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.special import huber

from .._network.losses import AtSteps, Huber
from ..sequences._stacking import as_offsets
from .counting import units_of_columns
from .errors import ErrorDistribution, total
from .steps_in_data import StepsInData

# Most steps of the windows of "auto", and the least of sequences it looks at.
AUTO_WINDOW, LEAST_AUTO_WINDOW = 100, 10


# Largest standardised value: its square is a number.
LARGEST = 1e100


class OwnStepsLoss(AtSteps):
    """Huber's loss, which a few outliers among what is normal hardly move."""

    def __init__(self):
        super().__init__(Huber(1.0))

    def start(self, target, weight):
        """The medians of the standardised features."""
        return np.zeros(target.units.n_outputs)

    def of_constant(self, constant, target, weight, divisor):
        """The loss of outputs that are the same at all steps, of each sample where it
        lies."""
        ask = partial(_losses_of_constant, constant=constant, delta=self.loss.delta)
        losses = target.each(ask, np.float64)
        return float((losses if weight is None else losses * weight).sum() / divisor)


def _losses_of_constant(target, constant, delta):
    losses = huber(delta, target.values - constant)
    return target._per_sequence(np.nansum(losses, axis=1) / losses.shape[1])


class OwnStepsReader:
    """What a network predicts of its own sequences: by which `method`, in windows of
    how many steps, how many steps `ahead`."""

    def __init__(self, name, method, window, ahead):
        self.name = name
        self.method = method
        self.window = window
        self.ahead = ahead if method == "prediction" else 0

    def check_parameters(self, incremental):
        """Say which parameters do not go together."""
        if self.window != "auto" and self.window <= self.ahead:
            raise ValueError(
                f"window={self.window} has no more steps than n_ahead={self.ahead}: "
                "nothing of it can be predicted. Use a larger window."
            )

    def check(self, y):
        """Nothing is read of y."""

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of the steps of valid X."""
        window, longest = self.window, int(y.lengths.max())
        if window == "auto":
            window = AUTO_WINDOW
            if self.method == "reconstruction":
                whole = y.lengths[y.lengths >= LEAST_AUTO_WINDOW]
                whole = y.lengths if not len(whole) else whole
                window = max(1, min(window, int(whole.min())))
        needed = window if self.method == "reconstruction" else self.ahead + 1
        if longest < needed:
            raise ValueError(
                f"{self.name} with method={self.method!r} needs sequences of at least "
                f"{needed} steps, but the longest has {longest}. Pass longer ones, or "
                f"use a smaller {'n_ahead' if self.ahead else 'window'}. Each row of a "
                f"2-D X is a sequence, of as many steps as columns (n_features = "
                f"{longest}): pass a long sequence x as X = [x]."
            )
        units = units_of_columns(y.data, *y.whole(), sample_weight)
        return OwnSteps(self.method, window, self.ahead, *units)

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets other parameters of the task."""
        window = target.window if self.window == "auto" else self.window
        asked = {"window": window, "n_ahead": self.ahead}
        before = {"window": target.window, "n_ahead": target.ahead}
        for name, value in asked.items():
            if value != before[name]:
                raise ValueError(
                    f"{name} cannot change between fits that continue: the fitted "
                    f"network has {name}={before[name]}, the parameters say {value}. "
                    "Set warm_start=False and call fit to start anew."
                )

    @staticmethod
    def weigh(target, y, sample_weight):
        return y, sample_weight


@dataclass(frozen=True, eq=False)
class OwnSteps:
    """The steps of a sequence, standardised, for it to predict or to reconstruct."""

    methods = ()
    levels = None
    attributes = {}

    method: str
    window: int
    ahead: int
    centre: np.ndarray  # (F,)
    scale: np.ndarray  # (F,)
    errors: ErrorDistribution | None = None

    def __post_init__(self):
        if self.errors is None:
            standard = ErrorDistribution.standard(self.n_outputs)
            object.__setattr__(self, "errors", standard)

    loss = OwnStepsLoss()
    score_name = loss.score_name

    @classmethod
    def of(cls, errors, **state):
        """The one of this state."""
        return cls(errors=ErrorDistribution(**errors), **state)

    @property
    def state(self):
        """Plain types, of which `of` makes the target again."""
        names = "method", "window", "ahead", "centre", "scale"
        state = {name: getattr(self, name) for name in names}
        return {**state, "errors": self.errors.state}

    @property
    def head(self):
        """What a network has to know beside the number of outputs."""
        return {"centre": self.centre, "scale": self.scale}

    @property
    def n_outputs(self):
        return len(self.centre) * max(1, self.ahead)

    @property
    def n_before(self):
        """Steps of a sequence without a score: it has no context there."""
        return self.window - 1 if self.method == "reconstruction" else 1

    def standardized(self, values):
        """Features (N, F) in units in which they are about one, in float64."""
        with np.errstate(over="ignore"):
            z = (values - self.centre) / self.scale
        return np.clip(z, -LARGEST, LARGEST, out=z)

    def windows(self, offsets, stride=None):
        """First rows and lengths of the parts of sequences that a fit takes as samples,
        and the sequence of each.

        Of a prediction they are at most `window` steps, and each begins with what the
        one before could not predict from; those of a reconstruction overlap.
        """
        lengths, W = np.diff(offsets), self.window
        if self.method == "prediction":
            stride = W - self.ahead
            counts = np.maximum(-(-(lengths - self.ahead) // stride), 0)
        else:
            stride = stride or max(1, W // 2)
            counts = np.where(lengths < W, 0, -(-(lengths - W) // stride) + 1)
        sequence = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(len(sequence)) - np.repeat(as_offsets(counts)[:-1], counts)
        begins = number * stride
        if self.method == "reconstruction":
            begins = np.minimum(begins, lengths[sequence] - W)
        sizes = np.minimum(lengths[sequence] - begins, W)
        return offsets[sequence] + begins, sizes, sequence

    def encode(self, y):
        """What the loss compares outputs with."""
        return y.in_units(self)

    def values_of(self, rows, offsets):
        """The same of samples with these steps (N, F), NaN where there is nothing."""
        z = self.standardized(rows)
        if self.method == "reconstruction":  # from the last step back
            ends = np.repeat(offsets[1:] - 1 + offsets[:-1], np.diff(offsets))
            return z[ends - np.arange(len(z))]
        return self.later(z, offsets)

    def known(self, there, offsets):
        """Which steps of samples have a target (N,), where `there` (N,) says which of
        them were observed."""
        if self.method == "reconstruction":
            return there
        left = _left(offsets)
        known = np.zeros(len(there), bool)
        for k in range(self.ahead):
            rows = np.flatnonzero(left > k + 1)
            known[rows] |= there[rows + k + 1]
        return known

    @cached_property
    def line(self):
        """Centre and scale of the only feature, or None."""
        if len(self.centre) > 1:
            return None
        return self.centre.item(), self.scale.item()

    def later(self, z, offsets):
        """Of each step the next ones (N, ahead F), NaN behind the end."""
        F = z.shape[1]
        left = _left(offsets)
        values = np.full((len(z), self.ahead * F), np.nan)
        for k in range(self.ahead):
            rows = np.flatnonzero(left > k + 1)
            values[rows, k * F : (k + 1) * F] = z[rows + k + 1]
        return values

    def prediction_errors(self, z, raw, offsets):
        """Of each step (N, ahead F): what it is less what was predicted of it one step
        before, two steps before and so on."""
        F = z.shape[1]
        time = np.arange(len(z)) - np.repeat(offsets[:-1], np.diff(offsets))
        errors = np.full((len(z), self.ahead * F), np.nan)
        for k in range(self.ahead):
            rows, part = np.flatnonzero(time > k), slice(k * F, (k + 1) * F)
            errors[rows, part] = z[rows] - raw[rows - k - 1, part]
        return errors

    def by_feature(self, parts):
        """Contributions (N, F), those to predictions of several steps added."""
        F = len(self.centre)
        if parts.shape[1] == F:
            return parts
        columns = [total(parts[:, k::F]) for k in range(F)]
        return np.stack(columns, axis=1)

    # ---- what every target is asked ----------------------------------------------

    def check_whole(self, y):
        """Any sequences will do."""

    def identity(self, y):
        return y

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def follow(self, y, sample_weight):
        """Units stay as they are."""
        return self, None

    def scorer(self, y, sample_weight):
        """Outputs to minus the loss, by which early stopping goes, and the loss."""
        target = self.encode(y)

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            return -value, value

        return score

    def head_in_units(self, weight, bias):
        """Weight (K, H) and bias (K,) of the head for outputs in the units of X."""
        times = max(1, self.ahead)
        scale, centre = np.tile(self.scale, times), np.tile(self.centre, times)
        return weight * scale[:, np.newaxis], bias * scale + centre


def _left(offsets):
    """How many steps are left of each sample at each of its steps, with that one."""
    return np.repeat(offsets[1:], np.diff(offsets)) - np.arange(offsets[-1])


def steps_of(X):
    """The steps of valid X as targets."""
    return StepsInData(*X._as_rows())
