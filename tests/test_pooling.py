"""Pooling: outputs and gradients written out, bits, shapes."""

import numpy as np
import pytest
from network_cases import POOLINGS, every_dtype, pooled
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from sklstm._kernels import Schedule
from sklstm._network.layers.pooling import Pooling
from sklstm._network.steps import Run, Steps
from sklstm._network.workspace import Memory


class Outputs:
    """Random outputs of a layer, which a pooling reads."""

    def __init__(self, mode, lengths, n_inputs, dtype, scale=1.0, strip_rows=3):
        rng = np.random.default_rng(0)
        self.pooling = Pooling("pooling", n_inputs, dtype, mode)
        self.w = (scale * rng.standard_normal((1, n_inputs))).astype(dtype)
        self.pooling.load({"w": self.w}, backward=True)
        self.memory = Memory(dtype)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        width = self.pooling.width
        self.h = np.zeros((self.lengths.sum(), width), dtype)  # by row of the data
        self.h[:, :n_inputs] = rng.standard_normal((len(self.h), n_inputs))
        self.initial, self.d_out = np.zeros((2, len(lengths), width), dtype)
        self.initial[:, :n_inputs] = rng.standard_normal((len(lengths), n_inputs))
        self.d_out[:, :n_inputs] = rng.standard_normal((len(lengths), n_inputs))
        self.strip_rows = strip_rows

    def schedule(self, starts, lengths):
        return Schedule(starts, lengths, self.strip_rows, n_rows=len(self.h))

    def steps(self, starts, lengths, initial):
        schedule = self.schedule(starts, lengths)
        return Steps(self.h, schedule.data_rows, schedule, (initial,))

    def forward(self, samples=slice(None), keep=True, n_threads=1, states=None):
        x = self.steps(
            self.starts[samples], self.lengths[samples], self.initial[samples]
        )
        self.pooling.n_threads = lambda n_steps, limit: n_threads
        run = Run(self.memory, keep=keep, states=states)
        out, self.tape = self.pooling.forward(x, run)
        return out

    def backward(self, n_threads=1, d_w=0.0):
        """Gradients of all steps, in the order of the data, and of w, added to d_w."""
        d_w = {"w": np.full_like(self.w, d_w)}
        self.pooling.n_threads = lambda n_steps, limit: n_threads
        d_h = self.pooling.backward(self.d_out, self.tape, d_w).values
        schedule = self.schedule(self.starts, self.lengths)
        d_h = d_h[np.argsort(schedule.data_rows)].copy()
        return (d_h, d_w["w"]) if self.pooling.shapes else (d_h,)


every_mode = pytest.mark.parametrize("mode", POOLINGS[1:])


@every_mode
@every_dtype
@pytest.mark.parametrize("n_inputs", [1, 16, 37])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_pooling(instruction_set, mode, dtype, n_inputs, scale):
    """Against NumPy; no steps, one step, and scores that exp would overflow on."""
    steps = Outputs(mode, [3, 0, 1, 7, 300, 0, 2], n_inputs, dtype, scale)
    for keep in (False, True):
        out = steps.forward(keep=keep)
        assert out.dtype == dtype and not out[:, n_inputs:].any()
        for i, (start, T) in enumerate(zip(steps.starts, steps.lengths, strict=True)):
            h = steps.h[start : start + T, :n_inputs].astype(np.float64)
            initial = steps.initial[i, :n_inputs]
            expected = pooled(mode, h, steps.w.astype(np.float64), initial)
            if T <= 1 or mode == "max":
                assert_array_equal(out[i, :n_inputs], expected)
            # the score has the rounding of a sum of products with w
            tolerance = np.finfo(dtype).eps * 50 * scale * np.sqrt(n_inputs)
            assert_allclose(out[i, :n_inputs], expected, rtol=0, atol=tolerance)


@every_mode
def test_gradient_of_pooling(instruction_set, mode):
    """Of every step and of w, against the formulas written out."""
    n_inputs = 21
    steps = Outputs(mode, [3, 0, 1, 7, 30, 0, 2], n_inputs, np.float64)
    steps.forward()
    d_h, *d_w = steps.backward()
    assert not d_h[:, n_inputs:].any()
    d_w_expected = np.zeros(n_inputs)
    for start, T, d_out in zip(steps.starts, steps.lengths, steps.d_out, strict=True):
        if T == 0:
            continue
        h, d_out = steps.h[start : start + T, :n_inputs], d_out[:n_inputs]
        if mode == "mean":
            expected = np.tile(d_out / T, (T, 1))
        elif mode == "max":
            expected = np.where(h == h.max(axis=0), d_out, 0)
        else:
            a = softmax(np.tanh(h) @ steps.w[0])
            d_s = a * (h @ d_out - (a @ h) @ d_out)
            expected = np.outer(a, d_out)
            expected += np.outer(d_s, steps.w[0]) * (1 - np.tanh(h) ** 2)
            d_w_expected += d_s @ np.tanh(h)
        assert_allclose(d_h[start : start + T, :n_inputs], expected, atol=1e-13)
    if mode == "attention":
        assert_allclose(d_w[0][0], d_w_expected, atol=1e-12)
        assert_allclose(steps.backward(d_w=3.0)[1][0], d_w_expected + 3, atol=1e-12)


def test_the_first_of_equal_maxima_gets_the_gradient(instruction_set):
    steps = Outputs("max", [4, 3], 5, np.float64)
    steps.h[:] = 0  # units of a ReLU that are off
    assert_array_equal(steps.forward(), np.zeros((2, steps.pooling.width)))
    (d_h,) = steps.backward()
    assert_array_equal(d_h[[0, 4]], steps.d_out)
    assert not d_h[[1, 2, 3, 5, 6]].any()


@every_mode
@every_dtype
@pytest.mark.parametrize("t", [0, 2, 5])
def test_nan_comes_through_pooling(instruction_set, mode, dtype, t):
    """At any step, in its own sequence; the scores of attention are of all units."""
    steps = Outputs(mode, [6, 6, 2], 5, dtype)
    clean = steps.forward(keep=False).copy()
    steps.h[6 + t, 3] = np.nan
    for keep in (False, True):
        out = steps.forward(keep=keep)
        assert_array_equal(out[[0, 2]], clean[[0, 2]])
        if mode == "attention":
            assert np.isnan(out[1, :5]).all()
        else:
            assert np.isnan(out[1, 3])
            others = [0, 1, 2, 4]
            assert_array_equal(out[1, others], clean[1, others])


@every_mode
@every_dtype
def test_bits_of_pooling(instruction_set, mode, dtype):
    """Neither threads nor strips nor neighbours change them, nor steps in parts."""
    lengths = [3, 11, 0, 7, 7, 1, 30, 2, 5, 5]
    steps = Outputs(mode, lengths, 21, dtype)
    together = steps.forward()
    d_h, *d_w = steps.backward()
    for n_threads in (2, 3):
        assert_array_equal(steps.forward(n_threads=n_threads), together)
        for a, b in zip(steps.backward(n_threads), (d_h, *d_w), strict=True):
            assert_array_equal(a, b)
    for strip_rows in (1, 2, 5, 16):
        steps.strip_rows = strip_rows
        assert_array_equal(steps.forward(n_threads=2), together)
        assert_array_equal(steps.backward(2)[0], d_h)
    for samples in ([6], [2], [9, 1, 2, 5]):
        assert_array_equal(steps.forward(samples, keep=False), together[samples])
    sums, steps.strip_rows = steps.pooling.begin(len(lengths)), 3
    for begin in range(0, 30, 4):
        part = np.clip(steps.lengths - begin, 0, 4)
        x = steps.steps(steps.starts + begin, part, steps.initial)
        steps.pooling._advance(x, 1, *sums)
    assert_array_equal(steps.pooling._finish(*sums, steps.initial), together)
    steps.lengths[:] = 0
    assert_array_equal(steps.forward(states={"pooling": sums}), together)


def test_shapes_of_pooling_are_checked(instruction_set):
    steps = Outputs("attention", [3, 2], 5, np.float64)
    x = steps.steps(steps.starts, steps.lengths, steps.initial)
    run = Run(steps.memory, keep=True)
    with pytest.raises(ValueError, match="do not belong together"):
        steps.pooling.forward(x._replace(values=steps.h[:, 1:].copy()), run)
    with pytest.raises(ValueError, match="do not belong together"):
        steps.pooling.forward(x._replace(rows=x.rows[1:]), run)
    steps.forward()
    with pytest.raises(ValueError, match="d_out has shape"):
        steps.pooling.backward(
            np.zeros((3, steps.pooling.width)), steps.tape, {"w": steps.w}
        )
    for w in (None, np.zeros((1, 5 + steps.pooling.width))):
        with pytest.raises(ValueError, match="d_w and d_out do not belong together"):
            steps.pooling.backward(steps.d_out, steps.tape, {"w": w})
