"""Steps of sequences as targets of these sequences, read where they are needed."""

from functools import cached_property, partial

import numpy as np

from ..sequences._rows import Rows, blocks_of_sequences
from ..sequences._stacking import as_offsets, rows_of_parts
from .steps import StepTarget


class StepsInData(StepTarget):
    """The steps of n samples, which are their own targets; never changed.

    A sample is rows of `data` (rows, F), `lengths` (n,) of them from `starts` (n,) on.
    Values are what `units` (`OwnSteps`) make of these, without units the rows as they
    are.
    """

    weight = labels = None
    asked_at_once = True  # of losses of constants

    def __init__(self, data, starts, lengths, units=None):
        self.data, self.starts, self.lengths = data, starts, lengths
        self.units = units

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, which):
        return self.at_rows(self.starts[which], self.lengths[which])

    def at_rows(self, starts, lengths):
        """Other samples of the same data."""
        return StepsInData(self.data, starts, lengths, self.units)

    def in_units(self, units):
        return StepsInData(self.data, self.starts, self.lengths, units)

    def whole(self):
        """First row and number of rows of each sample (n,)."""
        return self.starts, self.lengths

    def moved(self, data, starts):
        """The same samples, which begin at these rows of other data."""
        return StepsInData(data, starts, self.lengths, self.units)

    @cached_property
    def offsets(self):
        return as_offsets(self.lengths)

    @property
    def rows(self):
        """The steps (N, F) as the data have them, one sample after the other."""
        if isinstance(self.data, Rows):
            return self.data.local(self.starts, self.lengths)[0]
        return self.data[rows_of_parts(self.starts, self.lengths)[0]]

    @cached_property
    def values(self):
        if self.units is None:
            return self.rows
        return self.units.values_of(self.rows, self.offsets)

    def each(self, function, dtype):
        """What `function(target)` says of each sample (n,), some at a time and where
        they lie."""
        found = np.empty(len(self), dtype)
        ask = partial(_asked, function=function, units=self.units)
        if isinstance(self.data, Rows):
            parts = self.data.map(ask, self.starts, self.lengths)
        else:
            parts = (
                (some, ask(self.data, self.starts[some], self.lengths[some]))
                for some in blocks_of_sequences(self.lengths, self.data.shape[1])
            )
        for some, own in parts:
            found[some] = own
        return found

    @cached_property
    def counts(self):
        """Steps with a target (n,)."""
        return self.each(_counts, np.intp)

    @property
    def amounts(self):
        return self.counts.astype(np.float64)


def _asked(data, starts, lengths, function, units):
    return function(StepsInData(data, starts, lengths, units))


def _counts(target):
    there = ~np.isnan(target.rows).all(axis=1)
    if target.units is not None:
        there = target.units.known(there, target.offsets)
    return target._per_sequence(there)
