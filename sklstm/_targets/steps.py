"""Targets at the steps of sequences, one sequence after the other."""

from functools import cached_property
from itertools import pairwise

import numpy as np

from ..sequences._stacking import place_of, rows_of_parts


class StepTarget:
    """What belongs to the steps of B sequences; never changed.

    `values` are indices of labels (N,), -1 where a step has none, or numbers (N,) or
    (N, K), NaN where there is none. `weight` (N,) is that of each step, None for one
    each. `labels` are what indices stand for until the classes are known, then None.
    """

    def __init__(self, values, offsets, weight=None, labels=None):
        self.values = values
        self.offsets = offsets  # (B + 1,)
        self.weight = weight
        self.labels = labels

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, which):
        """Some of the sequences."""
        if isinstance(which, slice):
            begin, end, stride = which.indices(len(self))
            if stride == 1:
                offsets = self.offsets[begin : max(begin, end) + 1]
                return self._at(slice(offsets[0], offsets[-1]), offsets - offsets[0])
        which = np.arange(len(self))[which]
        return self.at_rows(self.offsets[which], self.lengths[which])

    def at_rows(self, starts, lengths):
        """Parts of so many steps, from these on, one after the other."""
        return self._at(*rows_of_parts(starts, lengths))

    def _at(self, rows, offsets):
        weight = None if self.weight is None else self.weight[rows]
        return StepTarget(self.values[rows], offsets, weight, self.labels)

    def replace(self, **changes):
        parts = ("values", "offsets", "weight", "labels")
        return StepTarget(**{name: getattr(self, name) for name in parts} | changes)

    def joined(self):
        """All steps as those of one sequence."""
        return self.replace(offsets=np.array([0, len(self.values)]))

    def as_given(self):
        """A list with what belongs to each sequence: lists of labels, None where there
        is none, or arrays of numbers."""
        if self.labels is None:
            return self._parts(self.values)
        labels = [*self.labels, None]
        return [[labels[k] for k in part.tolist()] for part in self._parts(self.values)]

    def weights_as_given(self):
        """A list with the weights of the steps of each sequence, None without any."""
        return None if self.weight is None else self._parts(self.weight)

    def _parts(self, values):
        return [values[begin:end] for begin, end in pairwise(self.offsets.tolist())]

    @cached_property
    def lengths(self):
        return np.diff(self.offsets)

    @property
    def sequence(self):
        """The sequence of each step (N,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def known(self):
        """Whether a step has a target, of a weight above zero (N,)."""
        if self.values.dtype.kind == "f":
            missing = np.isnan(self.values)
            known = ~(missing.all(axis=1) if missing.ndim == 2 else missing)
        else:
            known = self.values >= 0
        return known if self.weight is None else known & (self.weight > 0)

    def _per_sequence(self, values):
        """Sums over the steps of each sequence (B,)."""
        return np.bincount(self.sequence, weights=values, minlength=len(self))

    @cached_property
    def counts(self):
        """Steps with a target (B,)."""
        return self._per_sequence(self.known).astype(np.intp)

    @cached_property
    def amounts(self):
        """Weight of the steps with a target (B,)."""
        known = self.known
        return self._per_sequence(known if self.weight is None else known * self.weight)

    def weights(self, of_sequences):
        """Those of all steps (N,), with those of their sequences; None for one each."""
        if of_sequences is None:
            return self.weight
        of_steps = np.repeat(of_sequences, self.lengths)
        return of_steps if self.weight is None else of_steps * self.weight

    def labelled(self, of_sequences=None):
        """Values and weights, or None, of the steps with a target, and which these are,
        or None for all of them."""
        weight, known = self.weights(of_sequences), self.known
        if known.all():
            return self.values, weight, None
        rows = np.flatnonzero(known)
        return self.values[rows], None if weight is None else weight[rows], rows

    def place(self, row):
        """Where a step is, in words."""
        sample, step = place_of(row, self.offsets)
        return f"sample {sample}, step {step}"
