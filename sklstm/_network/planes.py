"""Planes: frames with margins of zeros, channels last, as the convolutions read them.

Pixel (y, x) of plane i, channel k, is at

    lead + ((i (height + pad_h) + y) (width + pad_w) + x) depth + k

of a flat array. The margins are right of each line and below each plane, and so many
elements are before the first plane that what a kernel reads outside of a frame is zero:
left of a line it is the margin of the line above.
"""

import math
from typing import NamedTuple

import numpy as np


class Planes(NamedTuple):
    """n frames (height, width, depth) in a flat array, None where nobody has frames."""

    flat: np.ndarray | None
    n: int
    height: int
    width: int
    depth: int
    pad_h: int
    pad_w: int
    lead: int = 0

    @property
    def frame(self):
        """What all layers on the same frames share: their size and their margins."""
        return self.height, self.width, self.pad_h, self.pad_w

    @property
    def n_pixels(self):
        return self.height * self.width

    @property
    def whole(self):
        """With the margins (n, height + pad_h, width + pad_w, depth), a view."""
        shape = (
            self.n, self.height + self.pad_h, self.width + self.pad_w, self.depth,
        )  # fmt: skip
        return self.flat[self.lead : self.lead + math.prod(shape)].reshape(shape)

    @property
    def image(self):
        """Without the margins (n, height, width, depth), a view."""
        return self.whole[:, : self.height, : self.width]

    def clear_margins(self):
        """Zeros in the margins and before the first plane, where frames are written."""
        whole = self.whole
        whole[:, self.height :] = 0
        whole[:, : self.height, self.width :] = 0
        self.flat[: self.lead] = 0
        self.flat[self.lead + whole.size :] = 0
        return self


def planes_in(memory, name, kernels, frame, n, depth):
    """Planes in an array of a workspace, uninitialised."""
    height, width, pad_h, pad_w = frame
    size = kernels.planes_size(n, height, width, pad_h, pad_w, depth)
    lead = kernels.plane_lead(width, pad_h, pad_w, depth)
    flat = memory.array(name, size)
    return Planes(flat, n, height, width, depth, pad_h, pad_w, lead)


def plane_elements(frame, depth):
    """Elements of one plane with its margins."""
    height, width, pad_h, pad_w = frame
    return (height + pad_h) * (width + pad_w) * depth


def to_patches(frames, p):
    """Frames (..., height, width, channels) as (..., height / p, width / p, p p
    channels): p x p pixels are one, channels by (dy, dx, channel)."""
    if p == 1:
        return frames
    *outer, height, width, channels = frames.shape
    blocks = frames.reshape(*outer, height // p, p, width // p, p, channels)
    blocks = np.moveaxis(blocks, -4, -3)
    return blocks.reshape(*outer, height // p, width // p, p * p * channels)


def from_patches(patches, p):
    """The frames (..., height, width, channels) of their patches."""
    if p == 1:
        return patches
    *outer, height, width, depth = patches.shape
    channels = depth // (p * p)
    blocks = patches.reshape(*outer, height, width, p, p, channels)
    blocks = np.moveaxis(blocks, -4, -3)
    return blocks.reshape(*outer, height * p, width * p, channels)
