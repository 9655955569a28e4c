"""Feeds: how the samples of a fit come to the training loop, minibatch by minibatch."""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._kernels import digests
from ..sequences._check import PIECE
from ..sequences._rows import Rows, by_blocks
from ..sequences._stacking import rows_of_parts


class Minibatch(NamedTuple):
    """Samples of an optimizer step, whose loss is sum(w_i l_i) / divisor."""

    data: np.ndarray  # (rows, F)
    starts: np.ndarray  # (B,) first row of each sequence
    lengths: np.ndarray  # (B,)
    target: np.ndarray  # (B,) or (B, K), or a StepTarget or LabelStrings
    weight: np.ndarray | None  # (B,)
    total: float  # sum of the weights, of steps with a target where these have them
    divisor: float
    ids: np.ndarray  # (B,) numbers of the samples, to which masks of dropout belong
    # where the batch begins, `states` by layer or None, and `take`, which gets the ends
    carry: object = None


def runs_of(batch):
    """First row and number of the rows (B,) that a minibatch reads of the data: of its
    sequences or, where its targets are among the rows, of these too."""
    whole = getattr(batch.target, "whole", None)
    return (batch.starts, batch.lengths) if whole is None else whole()[:2]


def moved(batch, data, starts, of_target=None):
    """The same minibatch of other data, in which its rows begin elsewhere; `of_target`
    are those that its targets are among, None for these."""
    target = batch.target
    if hasattr(target, "whole"):
        target = target.moved(data if of_target is None else of_target, starts)
    return batch._replace(data=data, starts=starts, target=target)


class TrainingSet(NamedTuple):
    """Sequences with their encoded targets.

    `mean_weight` is the weight that counts as one: the loss of a minibatch of B samples
    is sum(w_i l_i) / (B mean_weight). None is the mean of the weights, with which the
    loss of all samples is their weighted mean, and a minibatch of large weights makes a
    larger step than one of small ones.

    Where targets are those of steps, the steps with a target take the place of the
    samples in all of this: the loss is the mean over them. Where they are strings of
    labels, these do.
    """

    data: np.ndarray  # (rows, F)
    starts: np.ndarray  # (n,)
    lengths: np.ndarray  # (n,)
    target: np.ndarray  # (n,) or (n, K), or a StepTarget or LabelStrings
    weight: np.ndarray | None = None  # (n,)
    mean_weight: float | None = None

    @property
    def n_samples(self):
        return len(self.starts)

    @property
    def counts(self):
        """How many losses each sample has (n,), None for one."""
        return getattr(self.target, "counts", None)

    @property
    def amounts(self):
        """The weight of the losses of each sample (n,), None for one."""
        amounts = getattr(self.target, "amounts", None)
        if amounts is None or self.weight is None:
            return self.weight if amounts is None else amounts
        return amounts * self.weight

    @property
    def n_losses(self):
        return self.n_samples if self.counts is None else int(self.counts.sum())

    def typical(self):
        """Samples enough to tell what all are like: of windows some, else all."""
        few = getattr(self.target, "evenly", None)
        if few is None or len(which := few()) == self.n_samples:
            return self
        weight = None if self.weight is None else self.weight[which]
        return self._replace(
            starts=self.starts[which], lengths=self.lengths[which],
            target=self.target[which], weight=weight,
        )  # fmt: skip

    def check_rows(self):
        """Say which sequence has rows that the data do not have: lengths are counted on
        before a kernel sees them."""
        n = len(self.data)
        there = (self.lengths >= 0) & (self.lengths <= n)  # a sum may overflow
        there &= (self.starts >= 0) & (self.starts <= n - self.lengths)
        if not there.all():
            raise ValueError(
                f"Sequence {np.flatnonzero(~there)[0]} has rows that the data do not "
                "have."
            )

    @property
    def one(self):
        """The weight that counts as one."""
        if self.mean_weight is not None:
            return self.mean_weight
        return 1.0 if self.amounts is None else self.total / self.n_losses

    @property
    def total(self):
        """The weight of all losses."""
        amounts = self.amounts
        return float(self.n_losses if amounts is None else amounts.sum())

    def divisor(self, n):
        """What n of the weighted losses are divided by."""
        if n == self.n_losses and self.mean_weight is None and self.amounts is not None:
            return self.total  # exactly their weighted mean
        return float(max(n, 1) * self.one)


class Minibatches:
    """Whole sequences in minibatches, in another order in each epoch; with `first`
    "short" in the first one by their lengths.

    Where one minibatch holds all samples there is no order: they are put in the one of
    their contents, and equal ones are merged, so that a sample of weight 3 and the same
    sample given three times are the same computation, to the bit. Without this the two
    would differ in rounding, which training amplifies.
    """

    # Whether a minibatch is known before the one before it is done with.
    looks_ahead = True

    def __init__(self, samples, batch_size, *, shuffle=True, first="any"):
        self.samples = samples
        self.batch_size = min(batch_size, samples.n_samples)
        self.shuffle = shuffle
        self._short_first = first == "short" and shuffle
        self._whole = None
        if self.batch_size == samples.n_samples:
            self._whole = in_order_of_content(samples)

    @property
    def n_samples(self):
        """Samples of an epoch."""
        return self.samples.n_samples

    @cached_property
    def n_steps(self):
        """Steps of an epoch, where they are drawn anew about so many; at least one."""
        share = self.n_samples / self.samples.n_samples
        return max(1, round(share * n_steps_of(self.samples)))

    @property
    def n_minibatches(self):
        """Minibatches of an epoch, or fewer where that depends on their order."""
        return math.ceil(self.n_samples / self.batch_size)

    @property
    def state(self):
        """What an epoch leaves for the next one."""
        return {"short_first": self._short_first}

    @state.setter
    def state(self, state):
        self._short_first = state["short_first"]

    def order(self, rng):
        """The samples of an epoch, one after the other."""
        n = self.samples.n_samples
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        if self._short_first:
            self._short_first = False
            order = order[np.argsort(self.samples.lengths[order], kind="stable")]
        return order

    def epoch(self, rng):
        """All samples once, minibatch by minibatch."""
        if self._whole is not None:
            yield self._whole
            return
        n, samples, order = self.n_samples, self.samples, self.order(rng)
        # What is gathered once for the epoch costs a slice for the minibatch.
        starts, lengths, target = (
            part[order] for part in (samples.starts, samples.lengths, samples.target)
        )
        weights, amounts, counts = (
            None if part is None else part[order]
            for part in (samples.weight, samples.amounts, samples.counts)
        )
        one = samples.one
        for begin in range(0, n, self.batch_size):
            batch = slice(begin, min(begin + self.batch_size, n))
            n_losses = batch.stop - begin if counts is None else counts[batch].sum()
            weight = None if weights is None else weights[batch]
            total = float(n_losses if amounts is None else amounts[batch].sum())
            yield Minibatch(
                samples.data, starts[batch], lengths[batch], target[batch], weight,
                total, float(max(n_losses, 1) * one), order[batch],
            )  # fmt: skip


class Draws(Minibatches):
    """Some of the samples in each epoch, drawn anew for each.

    Samples of a series, `series` (n,) rising, are drawn evenly over their order, and
    from every series about as many. Without a random state they are the same ones in
    each epoch.
    """

    def __init__(self, samples, batch_size, series, n_drawn, *, shuffle=True):
        self.samples, self.shuffle, self._short_first = samples, shuffle, False
        self.n_drawn = n_drawn
        self.batch_size = min(batch_size, n_drawn)
        self._whole = None
        if self.batch_size == samples.n_samples:
            self._whole = in_order_of_content(samples)
        # where each sample ends on a line on which every series is as long
        _, place, counts = np.unique(series, return_inverse=True, return_counts=True)
        self._ends = np.cumsum((1 / counts)[place])

    @property
    def n_samples(self):
        return self.n_drawn

    def order(self, rng):
        n, drawn = self.n_drawn, np.arange(self.n_drawn)
        if n < self.samples.n_samples:
            # one in each of n parts of the line
            within = 0.5 if rng is None else rng.random_sample(n)
            places = (drawn + within) / n * self._ends[-1]
            drawn = np.searchsorted(self._ends[:-1], places, side="right")
        return drawn if rng is None or not self.shuffle else rng.permutation(drawn)


def n_steps_of(samples):
    """Steps of samples or of a minibatch, with those of targets that have their own."""
    n_steps = int(samples.lengths.sum())
    if getattr(samples.target, "has_own_steps", False):
        n_steps += int(samples.target.lengths.sum())
    return n_steps


def in_order_of_content(samples, ids=None):
    """All samples as one minibatch, which does not depend on the order they come in.

    Equal ones are merged, unless `ids` (n,) say that each is a sample of its own;
    without them the place in the minibatch is the number of a sample.
    """
    keys = fingerprints(samples.data, samples.starts, samples.lengths, samples.target)
    by_key = keys[:, 1], keys[:, 0]
    order = np.lexsort(by_key if ids is None else (ids, *by_key))
    weight = None if samples.weight is None else samples.weight[order]
    if ids is None:
        equal = (keys[order[1:]] == keys[order[:-1]]).all(axis=1)
        for place in np.flatnonzero(equal):  # equal keys are no proof
            equal[place] = _same(samples, order[place : place + 2])
        if equal.any():
            group = np.concatenate([[0], np.cumsum(~equal)])
            weight = np.bincount(group, weights=weight).astype(np.float64)
            order = order[np.concatenate([[True], ~equal])]
    return Minibatch(
        samples.data, samples.starts[order], samples.lengths[order],
        samples.target[order], weight, samples.total,
        samples.divisor(samples.n_losses),
        np.arange(len(order)) if ids is None else ids[order],
    )  # fmt: skip


def fingerprints(data, starts, lengths, target):
    """Two numbers (n, 2) for each sample: the same ones for the same bytes."""
    keys = np.empty((len(starts), 2), np.uint64)
    parts = data, *_with_targets(starts, lengths, target)
    for some, own in by_blocks(_digests_of, *parts, in_pieces=data.ndim > 2):
        keys[some] = own
    return keys


def _with_targets(starts, lengths, target):
    """Samples whose targets are among the rows behind their own as those and these
    together; in the place of frames how many are no targets."""
    if getattr(target, "is_behind", False):
        return target.whole()
    if getattr(target, "are_next", False):
        return *target.whole(), target
    return starts, lengths, target


def _digests_of(data, starts, lengths, target):
    return digests(*content_of(data, starts, lengths, target))


def content_of(data, starts, lengths, target):
    """Samples as bytes, as `digests` takes them: those of their steps, first row and
    length of each, and those of their targets."""
    if data.ndim > 2:
        steps, starts = _keys_of_frames(data, starts, lengths)
        return steps, starts, lengths, as_bytes(target)
    if getattr(target, "is_in_data", False):
        return as_bytes(data), starts, lengths, np.zeros((len(starts), 1), np.uint8)
    if getattr(target, "are_next", False):
        target, lengths = target.moved(data, starts), target.lengths
    if not hasattr(target, "offsets"):
        return as_bytes(data), starts, lengths, as_bytes(target)
    if getattr(target, "has_own_steps", False):  # a fingerprint stands for them
        nothing = np.zeros((len(target), 1), np.uint8)
        steps = as_bytes(target.values), target.offsets[:-1], target.lengths
        return as_bytes(data), starts, lengths, as_bytes(digests(*steps, nothing))
    # of each step the bytes of its target beside those of its features
    parts = [data[rows_of_parts(starts, lengths)[0]], target.values]
    if target.weight is not None:
        parts.append(target.weight)
    steps = np.hstack([as_bytes(part) for part in parts])
    return steps, target.offsets[:-1], lengths, np.zeros((len(starts), 1), np.uint8)


def _keys_of_frames(data, starts, lengths):
    """Fingerprints of the frames that samples have, as bytes, and where these begin.

    They are of the numbers, whatever type these have, and wherever the frames lie, of
    which no more than a piece is read at a time.
    """
    rows = np.unique(rows_of_parts(starts, lengths)[0])
    keys = np.empty((len(rows), 2), np.uint64)
    step = max(1, PIECE // max(1, math.prod(data.shape[1:])))
    for begin in range(0, len(rows), step):
        piece = slice(begin, begin + step)
        frames = as_bytes(data[rows[piece]].astype(np.float64))
        n = len(frames)
        nothing = np.zeros((n, 1), np.uint8)
        keys[piece] = digests(frames, np.arange(n), np.ones(n, np.intp), nothing)
    return as_bytes(keys), np.searchsorted(rows, starts)


def _same(samples, pair):
    """Whether two samples are the same bytes."""
    parts = samples.starts[pair], samples.lengths[pair], samples.target[pair]
    data, (starts, lengths, target) = samples.data, _with_targets(*parts)
    if isinstance(data, Rows):
        data, starts = data.local(starts, lengths)
    steps, starts, lengths, content = content_of(data, starts, lengths, target)
    a, b = (steps[starts[k] : starts[k] + lengths[k]] for k in (0, 1))
    if getattr(target, "has_own_steps", False):
        content = [target[k : k + 1].values for k in (0, 1)]
    return np.array_equal(a, b) and np.array_equal(content[0], content[1])


def as_bytes(array):
    """The bytes of an array, a row for each of its rows."""
    array = np.ascontiguousarray(array)
    row = array.itemsize * math.prod(array.shape[1:])
    return array.reshape(-1).view(np.uint8).reshape(len(array), row)
