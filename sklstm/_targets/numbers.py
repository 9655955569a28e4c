"""Numbers: targets of regression, in standardised units in which they are about one.

`NumberReader` says what may be such targets; the fit makes `Numbers`, which encodes y
and decodes raw outputs, and is never changed: while its units are a guess, `follow`
makes another one of it.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import isfinite
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import r2_score

from .._network.losses import (
    AbsoluteError,
    HalfPoissonDeviance,
    Huber,
    Pinball,
    SquaredError,
)
from .._sklearn.warn import warn
from .reading import check_numbers, require_y
from .units import ENOUGH, FEW, Seen, same_units, units_of

# A loss by its name, and of those that have one the name of their parameter.
LOSSES = {
    "squared_error": (SquaredError, None),
    "absolute_error": (AbsoluteError, None),
    "huber": (Huber, "huber_delta"),
    "poisson": (HalfPoissonDeviance, None),
    "quantile": (Pinball, "quantile"),
}
# Standardised targets that differ by no more are equal up to rounding.
CONSTANT = 1e-12


def valid_levels(quantile):
    """The levels of the quantiles: a float, or a tuple of them."""
    if isinstance(quantile, Real):
        return float(quantile)  # within its constraint
    advice = (
        "It must be a number between 0 and 1, both excluded, or a list of such "
        "numbers, each another one."
    )
    try:
        levels = np.asarray(quantile)
        if levels.dtype.kind not in "fiu":
            raise ValueError("these are not all numbers")
        levels = levels.astype(np.float64)
    except ValueError as error:
        raise ValueError(f"quantile={quantile!r}: {error}. {advice}") from error
    if levels.ndim != 1 or not len(levels):
        raise ValueError(f"quantile={quantile!r} has shape {levels.shape}. {advice}")
    for level in levels[~((levels > 0) & (levels < 1))]:
        raise ValueError(f"quantile={quantile!r} holds {level:g}. {advice}")
    distinct, counts = np.unique(levels, return_counts=True)
    if len(distinct) < len(levels):
        twice = distinct[counts > 1][0]
        raise ValueError(f"quantile={quantile!r} holds {twice:g} twice. {advice}")
    return tuple(levels.tolist())


def make_loss(name, parameter):
    kind, has_parameter = LOSSES[name]
    return kind(parameter) if has_parameter else kind()


def _describe(name, parameter):
    """A loss in the words of its parameters."""
    if parameter is None:
        return f"loss={name!r}"
    if isinstance(parameter, tuple):
        parameter = list(parameter)
    return f"loss={name!r} with {LOSSES[name][1]}={parameter}"


def read_targets(y, name):
    """Valid numbers (n,) or (n, K) for an estimator of this name."""
    require_y(y, name)
    hint = " For labels use a classifier, or encode them as numbers."
    return check_numbers(y, "y", name, hint)


class NumberReader:
    """What an estimator of this name, with this loss, takes as numbers.

    `parameters` are those of all losses, by their names.
    """

    def __init__(self, name, loss, parameters):
        self.name = name
        self._quantile = parameters["quantile"]
        parameter = parameters.get(LOSSES[loss][1])
        if loss == "quantile":
            parameter = valid_levels(parameter)
        elif parameter is not None:
            parameter = float(parameter)
        self.loss = loss, parameter

    def check_parameters(self, incremental):
        """Say what is wrong with the parameters, whichever the loss is."""
        valid_levels(self._quantile)

    def check(self, y):
        """Valid numbers in the range of the loss."""
        y = read_targets(y, self.name)
        make_loss(*self.loss).check(y)
        return y

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid y."""
        columns = y.reshape(len(y), -1)
        loss = make_loss(*self.loss)
        loss.check_all(y)
        seen = [_seen(column, sample_weight) for column in columns.T]
        units, known = _units_of(seen, loss)
        _check_units(units, columns)
        if incremental and loss.centre:
            _warn_of_few(seen)
        enough = [column.n_telling >= ENOUGH for column in seen]
        mean, scale = units.T.copy()
        kept = _kept(seen, enough if incremental else known)
        return Numbers(*self.loss, y.ndim, mean, scale, kept)

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another loss, or y of another shape."""
        before = target.loss_name, target.loss_parameter
        if self.loss != before:
            raise ValueError(
                "loss, quantile and huber_delta cannot change between fits that "
                f"continue: the fitted network has {_describe(*before)}, the "
                f"parameters say {_describe(*self.loss)}. Set warm_start=False and "
                "call fit to start anew."
            )
        target.check_n_targets(y)
        if y.ndim != target.ndim:
            expected = "(n_samples,)" if y.ndim > 1 else "(n_samples, 1)"
            warn(
                f"y has shape {y.shape}, but that of the first fit was {expected}: "
                "predictions keep that shape. Change the shape of y by y.ravel() or "
                "y.reshape(-1, 1).",
                DataConversionWarning,
            )

    @staticmethod
    def weigh(target, y, sample_weight):
        return y, sample_weight


class HeadChange(NamedTuple):
    """What raw outputs z of each target become: a z + b, then moved by `start`."""

    new_units: bool
    a: np.ndarray  # (K,)
    b: np.ndarray  # (K,)
    start: np.ndarray  # of every raw output


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers in the units y = scale z + mean, of a loss."""

    methods = ("predict",)
    # What a network has to know of them beside the number of outputs.
    head = {}

    loss_name: str
    loss_parameter: float | tuple | None
    ndim: int  # of y
    mean: np.ndarray  # (K,)
    scale: np.ndarray  # (K,)
    # What `Seen` knows of each column while its units follow, None for the others.
    seen: list | None = None

    @property
    def state(self):
        """Plain types, of which the class makes the target again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def loss(self):
        return make_loss(self.loss_name, self.loss_parameter)

    @property
    def n_outputs(self):
        """Raw outputs of the network."""
        return len(self.mean) * self.loss.outputs_per_target

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {"n_outputs_": self.n_outputs}

    @property
    def score_name(self):
        return self.loss.score_name

    @property
    def levels(self):
        """Levels of the quantiles, where predictions have an axis of them, or None."""
        parameter = self.loss_parameter
        return parameter if isinstance(parameter, tuple) else None

    def check_n_targets(self, y):
        """Say when y has more or fewer columns than that of the first fit."""
        if y.reshape(len(y), -1).shape[1] != len(self.mean):
            raise ValueError(
                f"y has shape {y.shape}, but the first fit had {len(self.mean)} "
                "outputs."
            )

    def check_whole(self, y):
        """Any y will do."""

    def encode(self, y):
        """What the loss compares outputs with (n, K)."""
        return (y.reshape(len(y), len(self.mean)) - self.mean) / self.scale

    def identity(self, y):
        """y in numbers that are the same in every fit that goes on."""
        return y.reshape(len(y), -1)

    def stratify(self, y):
        return None

    def scorer(self, y, sample_weight):
        """Raw outputs to the score by which early stopping goes, and the loss."""
        target, loss = self.encode(y), self.loss
        # R² is the same in standardised units, whose squares do not overflow.
        by_r2 = isinstance(loss, SquaredError)
        constant = np.flatnonzero(np.ptp(target, axis=0) <= CONSTANT)
        if by_r2 and len(constant):
            which = "y" if y.ndim == 1 else f"output {constant[0]} of y"
            warn(
                f"{which} is constant in the validation part ({len(y)} samples, value "
                f"{y.reshape(len(y), -1)[0, constant[0]]:g}), so that R² is not "
                "defined. Early stopping goes by minus the loss, which is in "
                "validation_scores_ instead. For R² set a larger validation_fraction, "
                "or pass X_val and y_val with different targets."
            )
            by_r2 = False

        def score(raw):
            value, _ = loss.value_and_gradient(raw, target, sample_weight)
            if by_r2:
                return r2_score(target, raw, sample_weight=sample_weight), value
            return -value, value

        return score

    def predict(self, raw):
        """Predictions in the units of y, of as many dimensions as y had."""
        if raw.size == 1 and self._line is not None:
            # Python has the bits of one number sooner than NumPy.
            mean, scale = self._line
            value = raw.item() * scale + mean
            if isfinite(value):
                return np.array([value] if self.ndim == 1 else [[value]])
        with np.errstate(under="ignore"):
            values = self.loss.predictions(raw, self.mean, self.scale)
        return values[:, 0] if self.ndim == 1 else values

    @cached_property
    def _line(self):
        """Mean and scale of one target, where predictions are the raw outputs in its
        units, else None."""
        identity = self.loss.inverse_link_name == "identity" and self.levels is None
        if not identity or len(self.mean) > 1:
            return None
        return self.mean.item(), self.scale.item()

    def head_in_units(self, weight, bias):
        return self.loss.head_in_units(weight, bias, self.mean, self.scale)

    def follow(self, y, sample_weight):
        """Let centre and scale follow the targets, as long as they are a guess.

        Predictions in the units of y stay as they are, raw' = (raw s + m - m') / s',
        unless these are of a few targets, which say nothing of the scale: then raw
        outputs stay, but for the best constant, where training starts.
        """
        if self.seen is None:
            return self, None
        columns, loss = y.reshape(len(y), -1), self.loss
        before = [seen if seen is None else Seen(*seen) for seen in self.seen]
        follow = [k for k, seen in enumerate(before) if seen is not None]
        after = {
            k: before[k].and_also(_seen(columns[:, k], sample_weight)) for k in follow
        }
        old = np.c_[self.mean, self.scale]
        units = old.copy()
        new, _ = _units_of([after[k] for k in follow], loss)
        for k, pair in zip(follow, new, strict=True):
            if not same_units(old[k], pair):
                units[k] = pair
        _check_units(units, columns)
        a, b = np.ones(len(before)), np.zeros(len(before))
        start = np.zeros((len(before), loss.outputs_per_target))
        for k in follow:
            (m, s), (new_m, new_s) = old[k], units[k]
            if before[k].n_telling >= FEW:
                a[k], b[k] = s / new_s, (m - new_m) / new_s
                continue
            was, now = (
                loss.best_constant((seen.values - m) / s, seen.weight, seen.n_samples)
                for seen, (m, s) in ((before[k], old[k]), (after[k], units[k]))
            )
            start[k] = now - was
        enough = [
            k not in after or after[k].n_telling >= ENOUGH for k in range(len(before))
        ]
        mean, scale = units.T.copy()
        kept = _kept([after.get(k) for k in range(len(before))], enough)
        target = replace(self, mean=mean, scale=scale, seen=kept)
        return target, HeadChange(bool((units != old).any()), a, b, start.ravel())


def _seen(column, weight):
    """The numbers of a column; at steps some may be missing."""
    missing = np.isnan(column)
    if missing.any():
        column = column[~missing]
        weight = None if weight is None else weight[~missing]
    return Seen.of(column, weight)


def _units_of(seen, loss):
    """Centre and scale of each column (K, 2), and whether the scale is known."""
    if loss.centre is None:
        return np.tile([0.0, 1.0], (len(seen), 1)), np.ones(len(seen), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        units = np.array(
            [units_of(p.values, p.weight, loss.centre == "median") for p in seen]
        )
    known = units[:, 1] != 0
    units[~known, 1] = 1.0
    return units, known


def _check_units(units, columns):
    """Say when the targets are no numbers in these units."""
    extremes = np.array([np.nanmin(columns, axis=0), np.nanmax(columns, axis=0)])
    with np.errstate(over="ignore", invalid="ignore"):
        encoded = (extremes - units[:, 0]) / units[:, 1]
    if not (np.isfinite(encoded).all() and np.isfinite(units).all()):
        raise ValueError(
            f"y spans {np.nanmin(columns):g} to {np.nanmax(columns):g}, too wide for "
            "its differences to be numbers. Scale y."
        )


def _kept(seen, enough):
    """The targets of columns whose units are not known well enough."""
    if all(enough):
        return None
    return [
        None if is_enough else np.array(column)
        for column, is_enough in zip(seen, enough, strict=True)
    ]


def _warn_of_few(seen):
    k, column = next(
        ((k, c) for k, c in enumerate(seen) if c.n_telling < FEW), (None, None)
    )
    if column is None:
        return
    which = "y" if len(seen) == 1 else f"output {k} of y"
    most = column.count.argmax()
    warn(
        f"The first call of partial_fit has {column.n_samples} target(s) of "
        f"{which}, {int(column.count[most])} of them {column.values[most]:g}: too "
        "few to tell the scale of y. Its centre and scale follow the targets of "
        f"later calls, until at least {ENOUGH} are seen. Pass a typical part of "
        "the data at the first call, where there is one."
    )
