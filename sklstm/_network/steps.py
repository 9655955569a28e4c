"""What layers hand on to each other, and what they share on the way of a batch."""

from typing import NamedTuple

import numpy as np

from .._kernels import Schedule, effective_n_threads


class Steps(NamedTuple):
    """Values at the steps of a batch of B sequences, N row-steps in all.

    Where steps are frames, values are `Planes`, a plane for each row, and at the ends
    and in gradients the pixels of a frame are side by side: (., pixels * width).
    """

    values: np.ndarray | None  # (rows, width); None where only the ends were needed
    rows: np.ndarray  # (N,) row of the values for each row-step
    schedule: Schedule
    ends: tuple = ()  # last h and, of a cell that has it, c, (B, width) by sequence


def places_by_sequence(schedule):
    """Of each row-step (N,) its place among all, one sequence of the batch after the
    other, each from its first step on."""
    sequence = schedule.sequence
    lengths = np.bincount(sequence, minlength=schedule.n_sequences)
    return (np.cumsum(lengths) - lengths)[sequence] + schedule.time


class StepsGradient(NamedTuple):
    """Gradient of the loss with respect to `Steps`."""

    values: np.ndarray | None = None  # (N, width) by row-step
    ends: tuple = ()  # of h and c, (B, width) by sequence


class Run:
    """One pass of a batch through the layers of a network.

    A layer takes a workspace for each of its calls, so that it can be called twice, and
    returns as its tape what `backward` needs, if that is to come.
    """

    def __init__(
        self, memory, *, keep=False, masks=None, states=None, every_step=False,
        n_threads=None,
    ):  # fmt: skip
        self.keep = keep  # whether `backward` is to come
        self.masks = masks  # of dropout, in training
        self.states = states  # by name of a layer: where it begins; None is zeros
        self.every_step = every_step  # whether also the uppermost layer gives all steps
        # of all layers, or one where that is less work
        self.n_threads = effective_n_threads() if n_threads is None else n_threads
        self.ends = {}  # by name of a recurrent layer: where it ended
        self._memory = memory
        self._n_calls = 0

    def workspace(self):
        self._n_calls += 1
        return self._memory.workspace(self._n_calls)
