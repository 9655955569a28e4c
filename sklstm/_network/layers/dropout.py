"""Dropout: masks that depend on nothing but what they are for.

An element is a function of the seed of the fit, the number of the optimizer step, the
name of the layer, the number of the sample in the fit, the time step and the unit: not
of the number of threads, what else is in the minibatch, or the layers beside it.
"""

import copy
from zlib import crc32

import numpy as np

from ..._kernels import dropout_mask
from ..planes import plane_elements, planes_in
from ..steps import Steps
from .layer import Layer


class DropoutSeed:
    """Where the masks of a fit come from: its seed, and the optimizer steps made."""

    def __init__(self, seed, step):
        self.seed = seed
        self.step = step

    @property
    def state(self):
        return {"seed": self.seed, "step": self.step}

    def masks(self, ids):
        """Those of the next optimizer step, for the samples of these numbers."""
        self.step += 1
        return Masks(self.seed, self.step, ids)


class Masks:
    """The masks of one optimizer step, for samples `ids` (B,) whose first step is at
    the times `begin` (B,), None for 0: 0 or 1 / (1 - rate)."""

    def __init__(self, seed, step, ids, begin=None):
        self.seed = seed
        self.step = step
        self.ids = ids
        self.begin = begin

    def beginning(self, begin):
        """The same for parts of the sequences, which begin at these times."""
        part = copy.copy(self)
        part.begin = begin
        return part

    def of_sequences(self, name, rate, out):
        """One row of `out` (B, width) for each sequence, for all of its steps."""
        return self._fill(name, rate, np.arange(len(out)), None, out)

    def of_steps(self, name, rate, out, schedule, n_threads):
        """One row of `out` (N, width) for each row-step."""
        times = schedule.time
        if self.begin is not None:
            times = times + self.begin[schedule.sequence]
        return self._fill(name, rate, schedule.sequence, times, out, n_threads)

    def _fill(self, name, rate, samples, times, out, n_threads=1):
        dropout_mask(
            self.seed, self.step, crc32(name.encode()), self.ids, samples, times, rate,
            out, n_threads,
        )  # fmt: skip
        return out


class StepDropout(Layer):
    """What the next layer does not get of the outputs (Srivastava et al. 2014), another
    share at every step. With `n_dropped` it gets all outputs behind the first so many.
    """

    gives_steps = True

    def __init__(self, name, n_inputs, dtype, rate, n_dropped=None):
        super().__init__(name, n_inputs, n_inputs, dtype)
        self.rate = rate
        self.n_dropped = n_dropped

    def forward(self, x, run):
        if run.masks is None:
            return x, None
        memory, N = run.workspace(), len(x.rows)
        width, n_threads = x.values.shape[1], self.n_threads(N, run.n_threads)
        mask = memory.array("mask", N, self.n_dropped or width)
        run.masks.of_steps(self.name, self.rate, mask, x.schedule, n_threads)
        values = np.take(
            x.values, x.rows, axis=0, out=memory.array("y", N, width), mode="clip"
        )
        values[:, : mask.shape[1]] *= mask
        return Steps(values, np.arange(N), x.schedule, x.ends), mask

    def backward(self, d_y, tape, d_weights):
        if tape is not None and d_y is not None:
            d_y.values[:, : tape.shape[1]] *= tape
        return d_y

    def step(self, x, state):
        return x, None

    def n_elements(self, n_sequences, n_steps):
        return n_steps * 2 * self.width


class FrameDropout(StepDropout):
    """The same of frames: a channel of a step is there at all pixels, or at none
    (Tompson et al. 2015)."""

    reads_frames = True

    def forward(self, x, run):
        if run.masks is None:
            return x, None
        memory, frames, N = run.workspace(), x.values, len(x.rows)
        n_threads = self.n_threads(N, run.n_threads)
        mask = memory.array("mask", N, self.width)
        run.masks.of_steps(self.name, self.rate, mask, x.schedule, n_threads)
        depth = frames.depth
        planes = planes_in(memory, "planes", self.kernels, frames.frame, N, depth)
        below, image = frames.image, planes.clear_margins().image
        for m, row in enumerate(x.rows):
            np.multiply(below[row], mask[m, :depth], out=image[m])
        return Steps(planes, np.arange(N), x.schedule, x.ends), mask

    def backward(self, d_y, tape, d_weights):
        if tape is not None and d_y is not None:
            N = len(tape)
            pixels = d_y.values.reshape(N, -1, self.width)
            pixels *= tape[:, np.newaxis]
        return d_y

    def n_elements(self, n_sequences, n_steps, frame):
        return n_steps * (self.width + self.plane_elements(frame))

    def plane_elements(self, frame):
        """Numbers of a step that is handed on."""
        return plane_elements(frame, self.width)


class Dropout(Layer):
    """What the next layer does not get of its input, one row a sequence."""

    def __init__(self, name, n_inputs, dtype, rate):
        super().__init__(name, n_inputs, n_inputs, dtype)
        self.rate = rate

    def forward(self, x, run):
        if run.masks is None:
            return x, None
        memory = run.workspace()
        mask = memory.array("mask", *x.shape)
        run.masks.of_sequences(self.name, self.rate, mask)
        return np.multiply(x, mask, out=memory.array("y", *x.shape)), mask

    def backward(self, d_y, tape, d_weights):
        if tape is not None:
            d_y *= tape
        return d_y

    def step(self, x, state):
        return x, None


class RowDropout(StepDropout):
    """The same of rows that are steps, one sequence after the other: `steps` has the
    sequence and the time of each."""

    gives_steps = False

    def forward(self, x, run, steps):
        if run.masks is None:
            return x, None
        memory, n_threads = run.workspace(), self.n_threads(len(x), run.n_threads)
        mask = memory.array("mask", *x.shape)
        run.masks.of_steps(self.name, self.rate, mask, steps, n_threads)
        return np.multiply(x, mask, out=memory.array("y", *x.shape)), mask

    def backward(self, d_y, tape, d_weights):
        if tape is not None:
            d_y[:, : tape.shape[1]] *= tape
        return d_y
