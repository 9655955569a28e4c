"""Strings of labels, one for each sequence and shorter than it."""

from functools import cached_property
from itertools import pairwise

import numpy as np

from ..sequences._stacking import rows_of_parts


class LabelStrings:
    """The labels of B sequences, whose steps they are at is not known; never changed.

    `values` (M,) are indices of labels, one sequence after the other. `labels` are what
    these stand for until the classes are known, then None. `n_steps` (B,) are the steps
    of the sequences, once these are known.
    """

    has_own_steps = True  # as many as labels, not those of the sequences

    def __init__(self, values, offsets, n_steps=None, labels=None, text=False):
        self.values = values
        self.offsets = offsets  # (B + 1,)
        self.n_steps = n_steps
        self.labels = labels
        self.text = text  # whether they came as str

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, which):
        """Some of the sequences."""
        n_steps = None if self.n_steps is None else self.n_steps[which]
        which = np.arange(len(self))[which]
        rows, offsets = rows_of_parts(self.offsets[which], self.lengths[which])
        return self.replace(values=self.values[rows], offsets=offsets, n_steps=n_steps)

    def replace(self, **changes):
        parts = ("values", "offsets", "n_steps", "labels", "text")
        return LabelStrings(**{name: getattr(self, name) for name in parts} | changes)

    def as_given(self):
        """A list of strings, or of lists of labels."""
        parts = ([self.labels[k] for k in part.tolist()] for part in self.parts())
        return ["".join(part) for part in parts] if self.text else list(parts)

    def parts(self):
        """The indices of each sequence."""
        return [self.values[begin:end] for begin, end in pairwise(self.offsets)]

    @cached_property
    def lengths(self):
        return np.diff(self.offsets)

    @cached_property
    def needed(self):
        """Steps that a sequence has at the least (B,): one for each label, and one
        between two equal ones."""
        repeats = np.zeros(len(self.values) + 1, dtype=np.intp)
        if len(self.values):
            same = self.values[1:] == self.values[:-1]
            first = self.offsets[:-1][self.lengths > 0]
            same[first[first > 0] - 1] = False
            repeats[2:] = np.cumsum(same)
        return self.lengths + repeats[self.offsets[1:]] - repeats[self.offsets[:-1]]

    @cached_property
    def step_offsets(self):
        """The first step of each sequence, and the number of steps (B + 1,)."""
        return np.concatenate([[0], np.cumsum(self.n_steps)]).astype(np.intp)

    @cached_property
    def counts(self):
        """As how many losses a sequence counts (B,): its labels, none as one."""
        return np.maximum(self.lengths, 1)

    @property
    def amounts(self):
        """The weight of these losses (B,)."""
        return self.counts.astype(np.float64)
