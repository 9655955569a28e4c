"""The last output of a sequence, given at each of its steps."""

import numpy as np

from ..steps import Steps, StepsGradient, places_by_sequence
from .layer import Layer


class Repeat(Layer):
    """What a decoder reads: at all steps the state that the encoder ended with. Nothing
    is copied, since steps of a sequence share a row."""

    gives_steps = True

    def forward(self, x, run):
        schedule = x.schedule
        rows = np.asarray(schedule.sequence, np.intp)
        tape = schedule if run.keep else None
        return Steps(x.ends[0], rows, schedule), tape

    def backward(self, d_y, tape, d_weights):
        by_sequence = np.empty_like(d_y.values)
        by_sequence[places_by_sequence(tape)] = d_y.values
        lengths = np.bincount(tape.sequence, minlength=tape.n_sequences)
        d_end = np.zeros((len(lengths), by_sequence.shape[1]), self.dtype)
        there = np.flatnonzero(lengths)
        begins = (np.cumsum(lengths) - lengths)[there]
        if len(there):
            d_end[there] = np.add.reduceat(by_sequence, begins, axis=0)
        return StepsGradient(ends=(d_end,))

    def n_elements(self, n_sequences, n_steps):
        return n_steps * self.width
