"""What PyTorch does with a layer whose states are images: two ways to compose it.

`concatenated` is the common one: one convolution of the frame and the hidden state,
side by side. `at_once` convolves all frames of the clips in one call, with the bias,
and only the hidden states step by step. Autograd goes back. Of the two layouts,
channels first and channels last, each has the one that is faster for the work.
"""

import time

import torch
from _conv_work import make_data, peak_of, repeated
from _torch import describe
from torch.nn.functional import conv2d

__all__ = ["at_once", "concatenated", "describe", "memory"]

LAYOUTS = {
    "channels first": torch.contiguous_format,
    "channels last": torch.channels_last,
}


def cell(z, c):
    """h and c of gates that lie one after the other; c is None in the beginning."""
    i, f, g, o = z.chunk(4, dim=1)
    c_new = i.sigmoid() * g.tanh()
    if c is not None:
        c_new = f.sigmoid() * c + c_new
    return o.sigmoid() * c_new.tanh(), c_new


class Concatenated:
    """One convolution of x and h side by side at each step."""

    def __init__(self, w, r, b):
        self.weights = [torch.cat([w, r], dim=1), b]

    def __call__(self, x):
        weight, bias = self.weights
        pad, H = weight.shape[2] // 2, len(bias) // 4
        h = x.new_zeros(x[0, :, :1].shape).expand(-1, H, -1, -1)
        c, hs = None, []
        for frame in x:
            z = conv2d(torch.cat([frame, h], dim=1), weight, bias, padding=pad)
            h, c = cell(z, c)
            hs.append(h)
        return hs


class AtOnce:
    """The frames of all steps in one convolution, h at each step."""

    def __init__(self, w, r, b):
        self.weights = [w, r, b]

    def __call__(self, x):
        w, r, b = self.weights
        pad = w.shape[2] // 2
        z_of_x = conv2d(x.flatten(0, 1), w, b, padding=pad)
        h = c = None
        hs = []
        for z in z_of_x.unflatten(0, x.shape[:2]).unbind(0):
            if h is not None:
                z = z + conv2d(h, r, padding=pad)
            h, c = cell(z, c)
            hs.append(h)
        return hs


def step_of(kind, layout):
    """What makes a step of a work; frames lie with the steps first."""

    def make_step(work):
        data = make_data(work)

        def steps_first(frames):
            frames = torch.from_numpy(frames).permute(1, 0, 4, 2, 3)
            images = frames.flatten(0, 1).contiguous(memory_format=LAYOUTS[layout])
            return images.unflatten(0, frames.shape[:2])

        x, d_h = steps_first(data.x), steps_first(data.d_h).unbind(0)
        w, r = (
            torch.from_numpy(kernel).permute(3, 2, 0, 1) for kernel in (data.w, data.r)
        )
        model = kind(w, r, torch.from_numpy(data.b))
        model.weights = [
            weight.contiguous(memory_format=LAYOUTS[layout]).requires_grad_()
            if weight.ndim == 4 else weight.requires_grad_()
            for weight in model.weights
        ]  # fmt: skip

        def step():
            gradients = torch.autograd.grad(model(x), model.weights, d_h)
            return [gradient.numpy() for gradient in gradients]

        return step

    return make_step


def fastest(kind, work):
    """The layout whose second step is the faster."""
    seconds = {}
    for layout in LAYOUTS:
        step = step_of(kind, layout)(work)
        step()
        start = time.process_time()
        step()
        seconds[layout] = time.process_time() - start
    return min(seconds, key=seconds.get)


def _layer(kind, work):
    layout = fastest(kind, work)
    measure = repeated(step_of(kind, layout)(work))

    def measure_and_say():
        seconds, text = measure()
        return seconds, f"{text}, {layout}"

    return measure_and_say


def concatenated(work):
    return _layer(Concatenated, work)


def at_once(work):
    return _layer(AtOnce, work)


def memory(work):
    """Of the common one."""
    return peak_of(step_of(Concatenated, "channels first"), work)
