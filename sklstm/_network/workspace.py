"""Memory that is allocated once and reused from minibatch to minibatch."""

import math

import numpy as np

ALIGNMENT = 64  # bytes of a cache line, and of the widest vector
# Bytes of workspace that a layer keeps between two calls of `predict`.
IDLE_BYTES = 1 << 20


def aligned_empty(shape, dtype):
    """An uninitialised array that begins at a cache line.

    NumPy's begin 16 bytes behind one, so that every vector is read from two lines.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, dtype=np.uint8)
    begin = -buffer.__array_interface__["data"][0] % ALIGNMENT
    return buffer[begin : begin + size].view(dtype).reshape(shape)


class Workspace:
    """Arrays that are reused while they are large enough."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.is_large = False  # whether it holds more than is kept between two calls
        self._buffers = {}
        self._arrays = {}

    def array(self, name, *shape):
        """An uninitialised array; its content lasts until the next call."""
        array = self._arrays.get(name)
        if array is not None and array.shape == shape:
            return array
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape[0] < size:
            buffer = self._buffers[name] = aligned_empty((size,), self.dtype)
            self.is_large = self.nbytes > IDLE_BYTES
        array = self._arrays[name] = buffer[:size].reshape(shape)
        return array

    @property
    def nbytes(self):
        return sum(buffer.nbytes for buffer in self._buffers.values())

    def clear(self):
        self._buffers.clear()
        self._arrays.clear()
        self.is_large = False


class Memory:
    """A workspace for each call of a layer in a pass, by its number."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.workspaces = {}

    def workspace(self, number):
        workspace = self.workspaces.get(number)
        if workspace is None:
            workspace = self.workspaces[number] = Workspace(self.dtype)
        return workspace

    def shrink(self):
        """Give large workspaces back, and keep small ones for the next call."""
        for workspace in self.workspaces.values():
            if workspace.is_large:
                workspace.clear()
