"""The work that is asked of sklstm, PyTorch and Keras where states are images."""

import ctypes
import gc
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _text_work import clock

__all__ = ["STEP_SECONDS", "ConvWork", "make_data", "peak_of", "remark", "repeated"]

STEP_SECONDS = 0.1  # the least that a measurement lasts


class ConvWork(NamedTuple):
    """One ConvLSTM layer on B clips of T frames of side x side pixels."""

    B: int
    T: int
    side: int
    F: int
    H: int
    kernel: int

    def __str__(self):
        return (
            f"{self.B}, {self.T}, {self.side}×{self.side}, {self.F} → {self.H}, "
            f"{self.kernel}"
        )

    @property
    def n_pixels(self):
        """Pixels of all frames."""
        return self.B * self.T * self.side**2

    def multiply_adds(self):
        """Of direct convolutions, forward and backward: with x of every frame, and with
        h of every frame but the first, whose state is zero. Backward there are those of
        both kernels and of d_h; none of d_x. Taps outside of a frame count."""
        at_pixel = 4 * self.H * self.kernel**2
        h = self.H * (self.T - 1) / self.T
        return tuple(self.n_pixels * at_pixel * (self.F + n * h) for n in (1, 2))

    def states_and_gates(self):
        """Bytes of four gates, h and c of every pixel, in float32."""
        return self.n_pixels * 6 * self.H * 4


class Data(NamedTuple):
    """Frames, the gradient of every output, and the weights, in float32.

    Weights are by line and column of the kernel, channel, gate (i, f, g, o) and unit.
    """

    x: np.ndarray  # (B, T, side, side, F)
    d_h: np.ndarray  # (B, T, side, side, H)
    w: np.ndarray  # (kernel, kernel, F, 4 H)
    r: np.ndarray  # (kernel, kernel, H, 4 H)
    b: np.ndarray  # (4 H,)


def make_data(work):
    B, T, side, F, H, k = work
    rng = np.random.default_rng(0)

    def normal(*shape, scale=1.0):
        return (scale * rng.standard_normal(shape, dtype=np.float32)).astype("f")

    return Data(
        normal(B, T, side, side, F),
        normal(B, T, side, side, H),
        normal(k, k, F, 4 * H, scale=1 / (k * math.sqrt(F + H))),
        normal(k, k, H, 4 * H, scale=1 / (k * math.sqrt(F + H))),
        normal(4 * H),
    )


def remark(gradients):
    """What shows that all have done the same: the norm of the gradients of weights."""
    squares = sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients)
    return f"norm {math.sqrt(squares):.5g}"


def repeated(step):
    """What measures one call, the mean of as many as fill STEP_SECONDS."""

    def measure():
        calls, start, wall = 0, clock(), time.perf_counter()
        while not calls or time.perf_counter() - wall < STEP_SECONDS:
            gradients = step()
            calls += 1
        return (clock() - start) / calls, remark(gradients)

    return measure


def peak_of(make_step, work):
    """What measures the bytes that a first step takes at the most, beyond those that
    were there before it: the data, the weights, and what a small step has loaded."""

    def measure():
        make_step(work._replace(B=1, T=2, side=8))()
        step = make_step(work)
        gc.collect()
        give_back()
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
        text = remark(step())
        return _resident("VmHWM") - before, text

    return measure


def give_back():
    """Give what is free back to the system, so that it counts when it is taken again;
    other libraries of C than glibc do it themselves, or not at all."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(x.split()[1]) for x in lines if x.startswith(name))
