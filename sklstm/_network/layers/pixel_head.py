"""The head over pixels: a dense layer that reads each pixel of several layers."""

import numpy as np

from ..steps import StepsGradient, places_by_sequence
from .dense import Dense

# Bytes of the rows, one a pixel, that are computed at a time.
CHUNK = 1 << 22


class PixelHead(Dense):
    """out = x W + b at every pixel, a convolution with a kernel of 1 x 1; x are the
    channels of the layers `below` side by side.

    Outputs are (N, pixels, K), one sequence after the other. A gradient of W is one
    chain over the pixels, however many rows are computed at a time.
    """

    reads_frames = True

    def __init__(self, name, below, n_outputs, dtype):
        super().__init__(name, sum(below), n_outputs, dtype)
        self.below = below  # channels of each layer

    def forward(self, layers, run):
        """`layers` are the `Steps` of each layer below."""
        out, tape = self._frames(layers, run.workspace(), run.n_threads)
        return out, tape if run.keep else None

    def _frames(self, layers, memory, limit):
        schedule, n_pixels = layers[0].schedule, layers[0].values.n_pixels
        in_order = np.empty(schedule.n_steps, np.intp)
        in_order[places_by_sequence(schedule)] = np.arange(schedule.n_steps)
        out = memory.array("frames", schedule.n_steps, n_pixels, self.n_outputs)
        for some, x in self._chunks(layers, in_order, memory):
            n_threads = self.n_threads(len(x), limit)
            y = memory.array("out", len(x), self.width)
            self.kernels.dense_forward(x, self.n_inputs, self._packed, y, n_threads)
            out[some] = y[:, : self.n_outputs].reshape(-1, n_pixels, self.n_outputs)
        return out, (layers, in_order, memory, limit)

    def _chunks(self, layers, in_order, memory):
        """Some frames after the other, and a row for each of their pixels."""
        n_pixels, width = layers[0].values.n_pixels, self.n_inputs
        # a number that depends on the frame alone
        step = max(1, CHUNK // (n_pixels * width * self.dtype.itemsize))
        images = [y.values.image for y in layers]
        for begin in range(0, len(in_order), step):
            some = in_order[begin : begin + step]
            x = memory.array("x", len(some) * n_pixels, width)
            pixels = x.reshape(len(some), *images[0].shape[1:3], width)
            at = 0
            for y, image, n in zip(layers, images, self.below, strict=True):
                for k, row in enumerate(y.rows[some]):
                    pixels[k, ..., at : at + n] = image[row, ..., :n]
                at += n
            yield slice(begin, begin + len(some)), x

    def backward(self, d_y, tape, d_weights):
        """A gradient for each of the layers below."""
        layers, in_order, memory, limit = tape
        N, n_pixels = len(in_order), layers[0].values.n_pixels
        widths = [y.values.depth for y in layers]
        each = [
            memory.array(f"d_x {k}", N, n_pixels * width)
            for k, width in enumerate(widths)
        ]
        for some, x in self._chunks(layers, in_order, memory):
            n = len(x)
            n_threads = self.n_threads(n, limit)
            d_out = np.ascontiguousarray(d_y[some], self.dtype)
            d_x = memory.array("d_x", n, self.input_width)
            size = self.kernels.dense_scratch_size(n, *self.shapes["w"])
            self.kernels.dense_backward(
                x, d_out.reshape(n, self.n_outputs), self._packed_backward,
                memory.array("scratch", size), d_weights["w"], d_weights["b"], d_x,
                n_threads,
            )  # fmt: skip
            pixels, at = d_x.reshape(-1, n_pixels, self.input_width), 0
            for d_layer, width, channels in zip(each, widths, self.below, strict=True):
                own = d_layer.reshape(N, n_pixels, width)
                rows = in_order[some]
                own[rows, :, :channels] = pixels[..., at : at + channels]
                own[rows, :, channels:] = 0
                at += channels
        return [StepsGradient(d_layer) for d_layer in each]

    def n_elements(self, n_sequences, n_steps, frame):
        """Outputs and their gradients, those of float64 counted twice, and the
        gradients of what is below."""
        pixels = frame[0] * frame[1]
        lanes = self.kernels.padded(1)
        below = sum(-(-n // lanes) * lanes for n in self.below)
        return n_steps * pixels * (6 * self.n_outputs + below)
