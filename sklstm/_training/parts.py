"""Gradients of minibatches in parts, each of which can be computed anywhere.

A minibatch is cut into parts of its sequences. The gradient of a part is a function of
its arguments alone, and those of a minibatch are added in the order of its parts: how
many there are is part of the model, who computes them is not.
"""

import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from .._network.layers.dropout import DropoutSeed
from .._network.parameters import Touched
from .feeds import Minibatch
from .loop import add_penalty, forward_and_backward
from .streams import Carry


class Recipe(NamedTuple):
    """What a fit never changes: how its network is made, and its loss."""

    make_network: object
    loss: object
    tbptt: int | None


class Part(NamedTuple):
    """Some sequences of a minibatch, with the divisor of all of it."""

    batch: Minibatch
    # of the dropout of this optimizer step, None without
    dropout: dict | None


class PartGradient(NamedTuple):
    """What a part adds to the loss and the gradient, which is None where the loss is
    not finite, and where its sequences ended if others go on from there."""

    value: float
    dense: np.ndarray | None
    # (place in the vector, width, rows, their gradients) of each table that is
    # touched in some rows; None without such tables
    tables: list | None
    ends: dict | None


def places_of_parts(lengths, n_parts):
    """Slices of a minibatch with about as many steps each, none of them empty."""
    n = len(lengths)
    steps = np.cumsum(np.maximum(lengths, 1))
    wanted = np.arange(1, n_parts) / n_parts * steps[-1]
    cuts = np.searchsorted(steps - np.maximum(lengths, 1) / 2, wanted)
    cuts = np.unique([0, *cuts, n])
    return [slice(begin, end) for begin, end in zip(cuts[:-1], cuts[1:])]


def parts_of(batch, n_parts, dropout=None):
    """A minibatch in so many parts, of fewer sequences in as many as these."""
    state = None if dropout is None else dropout.state
    for place in places_of_parts(batch.lengths, n_parts):
        carry = None
        if batch.carry is not None:
            carry = Carry()
            if batch.carry.states is not None:
                carry.states = batch.carry.states
                carry.only(place)
        weight = None if batch.weight is None else batch.weight[place]
        part = batch._replace(
            starts=batch.starts[place], lengths=batch.lengths[place],
            target=batch.target[place], weight=weight, ids=batch.ids[place],
            carry=carry,
        )  # fmt: skip
        yield Part(part, state)


def part_gradient(recipe, network, parameters, part):
    """The `PartGradient` of a part, of these arguments alone, in arrays of its own."""
    batch = part.batch
    dropout = None if part.dropout is None else DropoutSeed(**part.dropout)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, gradient = forward_and_backward(
            network, parameters, batch, recipe.loss, dropout, recipe.tbptt
        )
    ends = None if batch.carry is None else batch.carry.states
    if gradient is None:
        return PartGradient(value, None, None, ends)
    touched = network.touched
    if touched is None:
        return PartGradient(value, gradient.copy(), None, ends)
    tables = [
        (place, width, rows, gradient[place].reshape(-1, width)[rows])
        for place, width, rows in touched.tables
    ]
    return PartGradient(value, gradient[touched.dense].copy(), tables, ends)


class Here:
    """Who computes parts: this process, one after the other."""

    def begin(self, recipe, data):
        self.recipe, self.network = recipe, recipe.make_network()

    def gradients(self, parameters, parts, following=None):
        """The `PartGradient` of each of some parts."""
        return [
            part_gradient(self.recipe, self.network, parameters, part) for part in parts
        ]

    def end(self):
        self.network = None


class InParts:
    """Loss and gradient of a minibatch from its parts, in the place of those of all of
    it at once."""

    def __init__(self, n_parts, who, checkpoint=None):
        self.n_parts, self.who, self.checkpoint = n_parts, who, checkpoint
        self._gradient = self._touched = self._following = None

    @contextmanager
    def fit(self, recipe, samples, estimator):
        """A context of a fit of an estimator to these samples."""
        self._gradient = self._touched = self._following = None
        if self.checkpoint is not None:
            self.checkpoint.identify(estimator, self.n_parts, samples)
        try:
            self.who.begin(recipe, samples)
            yield
        finally:
            self.who.end()

    def minibatches(self, feed, rng):
        """Those of an epoch. Who computes hears of the next one while one is under way,
        where it does not depend on that."""
        batches = feed.epoch(rng)
        if not feed.looks_ahead:
            yield from batches
            return
        batch = next(batches, None)
        while batch is not None:
            self._following = next(batches, None)
            yield batch
            batch = self._following

    def value_and_gradient(self, network, parameters, batch, penalty, dropout):
        """As `loop.value_and_gradient`, with what it touches."""
        parts = list(parts_of(batch, self.n_parts, dropout))
        if dropout is not None:
            dropout.step += 1
        following = self._following
        if following is not None:
            following = parts_of(following, self.n_parts)
        found = self.who.gradients(parameters, parts, following)
        if batch.carry is not None:
            batch.carry.take(_together([part.ends for part in found]))
        # not fsum, which raises where a sum is not finite
        value = sum(part.value for part in found)
        if not math.isfinite(value):
            return value, None, None
        gradient, touched = self._added(network, found)
        value = add_penalty(value, gradient, network, parameters, batch, penalty)
        return value, gradient if math.isfinite(value) else None, touched

    def _added(self, network, found):
        """The sum of the gradients in the order of the parts, and what it touches."""
        if self._gradient is None:
            self._gradient = np.zeros(network.layout.size, network.dtype)
        elif self._touched is not None:  # of tables zero is what was not
            for place, width, rows in self._touched.tables:
                self._gradient[place].reshape(-1, width)[rows] = 0
        gradient, self._touched = self._gradient, None
        dense = gradient[network.dense]
        dense[:] = found[0].dense
        for part in found[1:]:
            dense += part.dense
        if found[0].tables is None:
            return gradient, None
        tables = []
        for same in zip(*(part.tables for part in found), strict=True):
            place, width = same[0][:2]
            table = gradient[place].reshape(-1, width)
            for _, _, rows, values in same:
                table[rows] += values
            every = np.unique(np.concatenate([rows for _, _, rows, _ in same]))
            tables.append((place, width, every))
        self._touched = Touched(network.dense, tables)
        return gradient, self._touched


def _together(ends):
    """Ends of parts by the name of a layer, one part after the other."""
    return {
        name: tuple(np.concatenate(same) for same in zip(*(own[name] for own in ends)))
        for name in ends[0]
    }


# Who computes the gradients of the fits that are begun in this context.
_CURRENT = ContextVar("sklstm gradients", default=None)


def current():
    """The `InParts` of this context, None where gradients are not computed in parts."""
    return _CURRENT.get()


@contextmanager
def in_parts(n_parts, who, checkpoint=None):
    """Fits in this context compute their gradients in so many parts, and go on from
    where the checkpoint is."""
    token = _CURRENT.set(InParts(n_parts, who, checkpoint))
    try:
        yield
    finally:
        _CURRENT.reset(token)
