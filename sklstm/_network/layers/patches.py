"""Patches between convolutional layers: fewer pixels, more channels."""

import numpy as np

from ..planes import from_patches, plane_elements, planes_in, to_patches
from ..steps import Steps, StepsGradient
from ..workspace import Workspace
from .frames import cut
from .layer import Layer


class Patches(Layer):
    """`patch_size` x `patch_size` pixels of a frame become one, their channels side by
    side, by (dy, dx, channel). It stands between layers: the ends go no further."""

    gives_steps = True
    reads_frames = True

    def __init__(self, name, n_inputs, dtype, patch_size):
        super().__init__(name, n_inputs, n_inputs * patch_size**2, dtype)
        self.patch_size = patch_size

    def forward(self, x, run):
        memory = run.workspace()
        tape = (x.values.frame, memory) if run.keep else None
        return self._cut(x, memory), tape

    def _cut(self, x, memory):
        frames, N = x.values, len(x.rows)
        frame = cut(frames.frame, self.patch_size)
        planes = planes_in(memory, "planes", self.kernels, frame, N, self.n_outputs)
        below, image = frames.image, planes.clear_margins().image
        for m, row in enumerate(x.rows):
            pixels = below[row, ..., : self.n_inputs]
            image[m] = to_patches(pixels, self.patch_size)
        return Steps(planes, np.arange(N), x.schedule)

    def backward(self, d_y, tape, d_weights):
        (height, width, *_), memory = tape
        p, N = self.patch_size, len(d_y.values)
        d_x = memory.array("d_x", N, height * width * self.input_width)
        pixels = d_x.reshape(N, height, width, self.input_width)
        pixels[..., self.n_inputs :] = 0
        patches = d_y.values.reshape(N, height // p, width // p, self.width)
        for m in range(N):
            frame = from_patches(patches[m, ..., : self.n_outputs], p)
            pixels[m, ..., : self.n_inputs] = frame
        return StepsGradient(d_x)

    def step(self, x, state):
        return self._cut(x, Workspace(self.dtype)), None

    def n_elements(self, n_sequences, n_steps, frame):
        pixels = frame[0] * frame[1]
        return n_steps * (self.plane_elements(frame) + pixels * self.input_width)

    def plane_elements(self, frame):
        """Numbers of a step that is handed on."""
        return plane_elements(cut(frame, self.patch_size), self.n_outputs)
