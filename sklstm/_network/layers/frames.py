"""Frames of clips: what the lowest layer reads of them."""

import numpy as np

from ..._kernels import Schedule
from ..planes import plane_elements, planes_in, to_patches
from ..steps import Steps, places_by_sequence
from ..workspace import Workspace
from .layer import Layer

# What is further out, in units of the scale, saturates every gate as well, and leaves
# the numbers of the network finite.
FAR = 1e4
# Bytes of the frames that are converted at a time.
CHUNK = 1 << 22


class Frames(Layer):
    """Frames in units of their own, (x - centre) / scale for each channel, of which
    `patch_size` x `patch_size` pixels are one; nothing is trained.

    The data (rows, height, width, channels) are of any real dtype and wherever they
    are: only the rows of a batch are read. A missing pixel is what it was last before
    in the clip, and where it was never seen the centre.
    """

    gives_steps = True
    reads_frames = True

    def __init__(
        self, name, n_channels, dtype, *, patch_size=1, centre=None, scale=None,
        pad=(0, 0),
    ):  # fmt: skip
        super().__init__(name, n_channels, n_channels * patch_size**2, dtype)
        self.patch_size = patch_size
        self.centre = np.array(0.0 if centre is None else centre, np.float64)
        self.scale = np.array(1.0 if scale is None else scale, np.float64)
        self.pad = pad
        self._one_step = None

    def forward(self, x, run):
        planes = self._planes(x.values, x.rows, run.workspace())
        before = (run.states or {}).get(self.name)
        after = self._fill(planes.image, x, None if before is None else before[0])
        if after is not None:
            run.ends[self.name] = (after,)
        return Steps(planes, np.arange(len(x.rows)), x.schedule), None

    def _planes(self, data, rows, memory):
        """The frames of these rows, one after the other."""
        frame = height, width, *_ = cut((*data.shape[1:3], *self.pad), self.patch_size)
        planes = planes_in(
            memory, "planes", self.kernels, frame, len(rows), self.n_outputs
        )
        image = planes.clear_margins().image
        step = max(1, CHUNK // (8 * max(1, height * width * self.n_outputs)))
        for begin in range(0, len(rows), step):
            some = slice(begin, begin + step)
            image[some] = self._in_units(data[rows[some]])
        return planes

    def _in_units(self, frames):
        """Patches of frames (n, height, width, channels), float64."""
        values = np.array(frames, np.float64)
        with np.errstate(over="ignore"):
            values -= self.centre
            values /= self.scale
        np.clip(values, -FAR, FAR, out=values)
        return to_patches(values, self.patch_size)

    def _fill(self, image, x, before):
        """Fill missing pixels of the frames of row-steps, in place; what every pixel
        was last at the end of each sequence, where the data can miss any."""
        if x.values.dtype.kind != "f":
            return None
        schedule = x.schedule
        by_place = np.empty(len(x.rows), np.intp)
        by_place[places_by_sequence(schedule)] = np.arange(len(x.rows))
        last = np.zeros((schedule.n_sequences, *image.shape[1:]), self.dtype)
        if before is not None:
            last[:] = before
        sequence, time = schedule.sequence[by_place], schedule.time[by_place]
        ends = np.append(time[1:] == 0, True)
        m_before = 0
        for m, i, t, end in zip(by_place, sequence, time, ends):
            frame = image[m]
            missing = np.isnan(frame)
            if missing.any():
                seen = image[m_before] if t else last[i]
                frame[missing] = seen[missing]
            if end:
                last[i] = frame
            m_before = m
        return last

    def seen_in_units(self, seen):
        """What pixels were last, of frames in the units of the data, NaN where none
        was seen, as `forward` begins with it."""
        return np.nan_to_num(self._in_units(seen), nan=0.0).astype(self.dtype)

    def backward(self, d_y, tape, d_weights):
        """None reads the data."""

    def step(self, x, state):
        """The frames (n, height, width, channels) of the next step of n clips."""
        n = len(x)
        if self._one_step is None or self._one_step.n_sequences != n:
            self._one_step = Schedule(
                np.arange(n), np.ones(n, dtype=np.intp), n_rows=n
            )  # fmt: skip
        schedule = self._one_step
        planes = self._planes(x, schedule.data_rows, Workspace(self.dtype))
        if x.dtype.kind == "f":
            np.nan_to_num(planes.flat, copy=False, nan=0.0)
        return Steps(planes, np.arange(n), schedule), None

    def n_elements(self, n_sequences, n_steps, frame):
        return n_steps * self.plane_elements(frame)

    def plane_elements(self, frame):
        """Numbers of a step that is handed on."""
        return plane_elements(cut(frame, self.patch_size), self.n_outputs)


def cut(frame, patch_size):
    """A frame (height, width, margins) in patches."""
    height, width, *pad = frame
    if height % patch_size or width % patch_size or not (height and width):
        raise ValueError(
            f"Frames of {height} x {width} pixels cannot be cut into patches of "
            f"{patch_size} x {patch_size}: height and width must be multiples of "
            f"{patch_size}."
        )
    return height // patch_size, width // patch_size, *pad
