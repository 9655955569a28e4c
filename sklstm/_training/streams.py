"""Streams: minibatches in segments, each of which begins where the one before ended."""

import math

import numpy as np

from .feeds import Minibatch, Minibatches


class Carry:
    """Where a segment begins: states (B, width) by the name of a layer, None for zeros.
    It takes those that the segment ends with."""

    def __init__(self):
        self.states = None

    def take(self, ends):
        self.states = {
            name: tuple(part.copy() for part in parts) for name, parts in ends.items()
        }

    def only(self, which):
        """Go on with some of the sequences."""
        if self.states is not None:
            self.states = {
                name: tuple(part[which] for part in parts)
                for name, parts in self.states.items()
            }


def segments(batch, n_steps, one):
    """A minibatch in parts of up to `n_steps` steps of each sequence, one after the
    other; sequences that have ended are not there. The loss of each is the mean over
    its own steps with a target, `one` being the weight that counts as one.
    """
    lengths, target = batch.lengths, batch.target
    longest = int(lengths.max(initial=0))
    if longest <= n_steps:
        yield batch
        return
    carry, which = Carry(), np.arange(len(lengths))
    for begin in range(0, longest, n_steps):
        left = lengths[which] - begin
        going_on = np.flatnonzero(left > 0)
        if len(going_on) < len(which):
            carry.only(going_on)
            which, left = which[going_on], left[going_on]
        part = np.minimum(left, n_steps)
        own = target.at_rows(target.offsets[which] + begin, part)
        weight, amounts = None, own.amounts
        if batch.weight is not None:
            weight = batch.weight[which]
            amounts = amounts * weight
        yield Minibatch(
            batch.data, batch.starts[which] + begin, part, own, weight,
            float(amounts.sum()), float(max(own.counts.sum(), 1) * one),
            batch.ids[which], carry,
        )  # fmt: skip


class Segments(Minibatches):
    """Whole sequences in minibatches, of each `n_steps` steps after the other (Williams
    & Peng 1990): their states are carried on, gradients are not."""

    looks_ahead = False

    def __init__(self, samples, batch_size, n_steps, *, shuffle=True):
        super().__init__(samples, batch_size, shuffle=shuffle)
        self.segment = n_steps

    @property
    def n_minibatches(self):
        longest = int(self.samples.lengths.max(initial=1))
        return super().n_minibatches + math.ceil(longest / self.segment) - 1

    def epoch(self, rng):
        one = self.samples.one
        for batch in super().epoch(rng):
            yield from segments(batch, self.segment, one)


class Streams:
    """One sequence, of which the samples are parts in their order, as parallel streams:
    `n_streams` parts of it, as long as each other but for a step, are read side by
    side from states of zeros on, `n_steps` steps after the other.
    """

    looks_ahead = False
    state = None  # an epoch leaves nothing for the next one

    def __init__(self, samples, n_streams, n_steps):
        self.samples = samples
        self.segment = n_steps
        self.n_steps = total = int(samples.lengths.sum())
        n = min(n_streams, total)
        lengths = np.full(n, total // n, np.intp)
        lengths[: total % n] += 1
        starts = np.cumsum(lengths) - lengths
        target = samples.target.at_rows(starts, lengths)
        self._whole = Minibatch(
            samples.data, samples.starts[0] + starts, lengths, target, None,
            samples.total, samples.divisor(samples.n_losses), np.arange(n),
        )  # fmt: skip

    @property
    def n_samples(self):
        """Samples of an epoch."""
        return self.samples.n_samples

    @property
    def n_minibatches(self):
        """Segments of an epoch."""
        return math.ceil(int(self._whole.lengths.max()) / self.segment)

    def epoch(self, rng):
        """The whole sequence, segment by segment."""
        yield from segments(self._whole, self.segment, self.samples.one)
