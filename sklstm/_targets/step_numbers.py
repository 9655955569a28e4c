"""Numbers at every step, in the units of `Numbers`.

`StepNumberReader` says what may be such targets; the fit makes `StepNumbers`.
"""

import numpy as np
from sklearn.metrics import r2_score

from .._network.losses import AtSteps, SquaredError
from .numbers import CONSTANT, NumberReader, Numbers, make_loss
from .reading import require_y
from .step_reading import Wanted, numbers_at_steps, sequences_of
from .steps import StepTarget
from .tags import in_sequences


def read_step_numbers(y, name):
    """A `StepTarget` of numbers (N,) or (N, K), NaN where there is none."""
    require_y(y, name)
    if isinstance(y, StepTarget):  # has been here
        return y
    items, _ = sequences_of(y, Wanted(name, False, "LSTMRegressor"))
    target = numbers_at_steps(items, "y")
    if not target.known.any():
        raise ValueError(
            f"y has no number at any of its {len(target.values)} steps, and at least "
            "one is needed. NaN is a step without target."
        )
    missing = np.isnan(target.values)
    if missing.ndim == 2 and missing.all(axis=0).any():
        raise ValueError(
            f"Output {missing.all(axis=0).argmax()} of y has no number at any step: "
            "there is nothing to learn from. Leave that column out."
        )
    return target


class StepNumberReader(NumberReader):
    """What an estimator of this name, with this loss, takes as numbers at steps."""

    def check(self, y):
        """Valid numbers in the range of the loss."""
        target = read_step_numbers(y, self.name)
        make_loss(*self.loss).check(target.values, target.place)
        return target

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid y."""
        values, weight, _ = y.labelled(sample_weight)
        return StepNumbers(super().fit(values, weight, classes, incremental))

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another loss, or y of another shape."""
        super().check_same(target.rows, y.values, classes)


class StepNumbers:
    """Numbers for each step, those of a row being `Numbers`."""

    methods, head = Numbers.methods, Numbers.head

    def __init__(self, rows):
        self.rows = rows
        self.loss = AtSteps(rows.loss)
        self.n_outputs, self.levels = rows.n_outputs, rows.levels
        self.state, self.attributes = rows.state, rows.attributes
        self.score_name = rows.score_name

    def check_whole(self, y):
        """Any y will do."""

    def encode(self, y):
        """What the loss compares outputs with (N, K)."""
        return y.replace(values=self.rows.encode(y.values))

    def identity(self, y):
        return y

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def follow(self, y, sample_weight):
        """Let centre and scale follow the targets, as long as they are a guess."""
        values, weight, _ = y.labelled(sample_weight)
        rows, change = self.rows.follow(values, weight)
        return (self if rows is self.rows else StepNumbers(rows)), change

    def scorer(self, y, sample_weight):
        """Outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)
        true, weight, rows = target.labelled(sample_weight)
        by_r2 = isinstance(self.rows.loss, SquaredError)
        with np.errstate(invalid="ignore"):
            spread = np.nanmax(true, axis=0) - np.nanmin(true, axis=0)
        by_r2 = by_r2 and not (spread <= CONSTANT).any()

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            if not by_r2:
                return -value, value
            return r2_at_steps(true, out if rows is None else out[rows], weight), value

        return score

    def predict(self, out, offsets=None):
        """Numbers of each sequence, an array (T,), (T, K) or (T, K, Q)."""
        return in_sequences(self.rows.predict(out), offsets)

    def head_in_units(self, weight, bias):
        return self.rows.head_in_units(weight, bias)


def r2_at_steps(true, predicted, weight):
    """R² (N, K), the mean over the outputs, each of the steps that have it."""
    scores = []
    for values, guess in zip(true.T, predicted.T, strict=True):
        there = ~np.isnan(values)
        of_these = None if weight is None else weight[there]
        scores.append(r2_score(values[there], guess[there], sample_weight=of_these))
    return float(np.mean(scores))


def step_numbers_of(**state):
    """A target of its state."""
    return StepNumbers(Numbers(**state))
