"""Valid samples: sequences with their targets, weights and groups, and the split."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.utils.validation import check_array

from .._sklearn.private import num_samples
from .._targets.label_strings import LabelStrings
from .._targets.reading import check_numbers, check_total_weight, read_values
from .._targets.steps import StepTarget
from ..sequences import SequenceArray


class Samples(NamedTuple):
    """Sequences and what belongs to each of them, None where there is nothing."""

    X: SequenceArray
    y: Any
    weight: np.ndarray | None = None
    groups: np.ndarray | None = None
    keys: np.ndarray | None = None

    def at(self, indices):
        """The samples at these indices, or where a mask is true."""
        X = self.X
        if isinstance(X, SequenceArray):
            X = X._in_place()
        parts = X, *self[1:]
        return Samples(*(None if part is None else part[indices] for part in parts))

    def of_some_weight(self):
        """Without the samples of weight zero, which are not there."""
        if self.weight is None:
            return self
        there = self.weight > 0
        if not there.any():
            raise ValueError("All sample weights are zero: there is nothing to fit.")
        return self if there.all() else self.at(there)

    def as_given(self):
        """X, y and weights as a fit was given them, but for what is valid of them."""
        if hasattr(self.X, "given"):  # windows of series
            return self.X.given
        y, weight = self.y, self.weight
        if isinstance(y, LabelStrings):
            y = y.as_given()
        if isinstance(y, StepTarget):
            of_steps = y.weights_as_given()
            y, weight = y.as_given(), weight if of_steps is None else of_steps
        return self.X, y, weight

    def split(self, fraction, stratify, rng):
        """A part to train on and a part, this fraction, for early stopping.

        With groups it is a fraction of the groups, each of which is on one side.
        """
        indices = np.arange(len(self.X))
        what = f"{len(indices)} samples"
        try:
            if self.groups is None:
                parts = train_test_split(
                    indices, test_size=fraction, random_state=rng, stratify=stratify
                )
            else:
                groups = np.unique(self.groups)
                what = f"{len(groups)} groups"
                if len(groups) == 1:
                    raise ValueError(
                        "all samples are of one group, "
                        f"groups={groups.tolist()[0]!r}; a split needs at least 2."
                    )
                splitter = GroupShuffleSplit(1, test_size=fraction, random_state=rng)
                parts = next(splitter.split(indices, groups=self.groups))
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True sets {fraction:g} of the {what} aside, which is "
                f"not possible: {error} Pass X_val and y_val, or use "
                "early_stopping=False."
            ) from error
        training, held_out = (self.at(part) for part in parts)
        if len(held_out.X) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        return training, held_out


def check_sample_weight(sample_weight, n_samples, estimator):
    """Weights (n,) in float64, none of them negative."""
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    sample_weight = check_numbers(sample_weight, "sample_weight", estimator)
    if sample_weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {sample_weight.shape}, expected "
            f"{(n_samples,)}: one weight for each sequence."
        )
    negative = np.flatnonzero(sample_weight < 0)
    if len(negative):
        raise ValueError(
            f"Negative values in sample_weight: sample {negative[0]} has weight "
            f"{sample_weight[negative[0]]:g}. Weights must be zero or positive."
        )
    check_total_weight(sample_weight, "sample_weight")
    return sample_weight


def check_score_weight(sample_weight, y, estimator):
    """Weights of samples that are to be scored, or None."""
    if sample_weight is None:
        return None
    sample_weight = check_sample_weight(sample_weight, num_samples(y), estimator)
    if not sample_weight.any():
        raise ValueError("All sample weights are zero: there is nothing to score.")
    return sample_weight


def check_groups(groups, n_samples):
    """Labels of groups (n,), which can be compared with each other."""
    try:
        read_values(groups, "groups")
        groups = check_array(groups, ensure_2d=False, dtype=None, input_name="groups")
        np.unique(groups)
    except (TypeError, ValueError) as error:
        raise ValueError(f"groups is not a 1-D array of labels: {error}") from error
    if groups.shape != (n_samples,):
        raise ValueError(
            f"groups has shape {groups.shape}, expected {(n_samples,)}: the label of "
            "a group for each sequence."
        )
    return groups
