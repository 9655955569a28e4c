"""Pooling over space: one vector of the pixels of a frame."""

import numpy as np

from ..steps import Steps, StepsGradient
from .layer import Layer


class SpacePooling(Layer):
    """Mean or maximum over the pixels of each frame, channel by channel, and of the
    last hidden states; frames come in, rows (N, width) go out.

    A mean is taken in float64, frame by frame and pixel by pixel: it depends on nothing
    but the frame. With `every_step` somebody reads all steps.
    """

    gives_steps = True
    reads_frames = True

    def __init__(self, name, n_inputs, dtype, mode, *, every_step=False):
        super().__init__(name, n_inputs, n_inputs, dtype)
        self.mode = mode
        self.every_step = every_step

    def forward(self, x, run):
        memory, schedule = run.workspace(), x.schedule
        B, h_last = schedule.n_sequences, x.ends[0]
        out = memory.array("ends", B, self.width)
        ends = h_last.reshape(B, -1, self.width)
        where_end = self._pool(ends, range(B), out, run.keep)
        values = where = n_pixels = None
        if run.every_step or self.every_step:
            values = memory.array("values", len(x.rows), self.width)
            where = self._pool(x.values.image, x.rows, values, run.keep)
        n_pixels = ends.shape[1]
        tape = (n_pixels, where, where_end, memory) if run.keep else None
        return Steps(values, np.arange(len(x.rows)), schedule, (out,)), tape

    def _pool(self, image, rows, out, keep=False):
        """Pool these frames of an array (., ..., channels); for a maximum, if it is to
        go back, the pixel of each channel."""
        depth, n = image.shape[-1], self.n_outputs
        where = None
        if keep and self.mode == "max":
            where = np.zeros((len(out), n), np.intp)
        out[:, n:] = 0
        for m, row in enumerate(rows):
            frame = image[row].reshape(-1, depth)[:, :n]
            if self.mode == "mean":
                # by pixels, one after the other: of two columns none is summed in pairs
                pixels = np.zeros((len(frame), n + 1))
                pixels[:, :n] = frame
                out[m, :n] = pixels.sum(axis=0)[:n] / len(frame)
            elif where is None:
                out[m, :n] = frame.max(axis=0)
            else:
                where[m] = frame.argmax(axis=0)
                out[m, :n] = np.take_along_axis(frame, where[m][np.newaxis], 0)[0]
        return where

    def backward(self, d_y, tape, d_weights):
        n_pixels, where, where_end, memory = tape
        d_values, d_ends = None, ()
        if d_y.values is not None:
            d_values = self._spread("d_h", d_y.values, where, n_pixels, memory)
        if d_y.ends:
            d_ends = (
                self._spread("d_end", d_y.ends[0], where_end, n_pixels, memory),
            )  # fmt: skip
        return StepsGradient(d_values, d_ends)

    def _spread(self, name, d_y, where, n_pixels, memory):
        """Gradient (., pixels * width) of frames."""
        rows, n = len(d_y), self.n_outputs
        d_x = memory.array(name, rows, n_pixels * self.width)
        pixels = d_x.reshape(rows, n_pixels, self.width)
        if self.mode == "mean":
            pixels[:] = (d_y[:, : self.width] / n_pixels)[:, np.newaxis]
            pixels[..., n:] = 0
        else:
            pixels[:] = 0
            at = where[:, np.newaxis]
            np.put_along_axis(pixels[..., :n], at, d_y[:, np.newaxis, :n], axis=1)
        return d_x

    def step(self, x, state):
        out = np.empty((len(x.rows), self.width), self.dtype)
        h = x.ends[0].reshape(len(out), -1, self.width)
        self._pool(h, range(len(out)), out)
        return out, None

    def n_elements(self, n_sequences, n_steps, frame):
        """Rows, and the gradients of the frames of all steps or of the ends."""
        gradients = n_steps if self.every_step else n_sequences
        pixels = frame[0] * frame[1]
        rows = n_sequences + n_steps * self.every_step
        return (rows + gradients * pixels) * self.width

    def plane_elements(self, frame):
        """Numbers of a step that is handed on."""
        return self.width
