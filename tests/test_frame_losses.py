"""Losses of frames, and the frames of clips as their targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from sklstm._network.losses.frames import AbsoluteFrames, BinaryFrames, SquaredFrames
from sklstm._network.planes import from_patches
from sklstm._targets.frames import LOSSES, FrameTarget, NextFrames

CENTRE, SCALE = (0.5, 2.0), (0.25, 4.0)


def target(loss="squared_error", patch_size=2, horizon=3, missing=0.3, dtype="f8"):
    """Four windows of two clips of 7 and 5 frames of 4 x 6 pixels; the horizons of two
    of them reach beyond their clip."""
    rng = np.random.default_rng(0)
    data = rng.random((12, 4, 6, 2)).astype(dtype)
    if missing:
        data[rng.random(data.shape) < missing] = np.nan
    starts, cuts, ends = np.array([[0, 1, 7, 8], [2, 5, 9, 11], [7, 7, 12, 12]])
    units = NextFrames(loss, horizon, None, patch_size, CENTRE, SCALE)
    return FrameTarget(data, starts, cuts, ends, horizon).in_units(units)


def numbers(y):
    """Targets (n, horizon, height, width, channels) in the units of the loss, by
    hand."""
    expected = np.full((len(y), y.horizon, *y.data.shape[1:]), np.nan)
    for i in range(len(y)):
        some = y.data[y.cuts[i] : min(y.cuts[i] + y.horizon, y.ends[i])]
        expected[i, : len(some)] = some
    if y.units.loss_name != "binary_cross_entropy":
        expected = (expected - CENTRE) / SCALE
    return expected


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("patch_size", [1, 2])
def test_targets_are_frames_of_their_clips(loss, patch_size):
    y = target(loss, patch_size)
    K, n_patches = 2 * patch_size**2, 24 // patch_size**2
    assert y.values.shape == (4 * 3, n_patches, K)
    patches = y.values.reshape(4, 3, 4 // patch_size, 6 // patch_size, K)
    assert_array_equal(from_patches(patches, patch_size), numbers(y))
    some = y[np.array([3, 1])]
    assert_array_equal(
        some.values, y.values.reshape(4, 3, -1, K)[[3, 1]].reshape(6, -1, K)
    )
    assert_array_equal(y[1:3].values, y.values[3:9])


@pytest.mark.parametrize("weight", [None, [1.0, 3.0, 0.5, 2.0]])
@pytest.mark.parametrize("divisor", [None, 7.0])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("missing", [0, 0.3])
def test_value_and_gradient(name, missing, weight, divisor):
    y = target(name, missing=missing)
    loss, z = LOSSES[name](), numbers(y)
    rng = np.random.default_rng(1)
    output = rng.normal(size=y.values.shape)
    weight = None if weight is None else np.array(weight)
    value, gradient = loss.value_and_gradient(output, y, weight, divisor)
    assert gradient.shape == output.shape

    frames = from_patches(output.reshape(4, 3, 2, 3, 8), 2)
    if name == "binary_cross_entropy":
        losses = -z * np.log(expit(frames)) - (1 - z) * np.log(1 - expit(frames))
    elif name == "absolute_error":
        losses = np.abs(frames - z)
    else:
        losses = (frames - z) ** 2 / 2
    of_windows = np.array([np.nanmean(part) for part in losses])
    total = weight.sum() if weight is not None else 4
    w = np.ones(4) if weight is None else weight
    assert_allclose(value, (w * of_windows).sum() / (divisor or total), rtol=1e-12)
    assert_allclose(loss.of_windows(output, y), of_windows, rtol=1e-12)
    assert loss.value(output, y, weight, divisor) == value

    eps = 1e-6
    for place in rng.integers(output.size, size=60):
        ahead, behind = output.copy(), output.copy()
        ahead.flat[place] += eps
        behind.flat[place] -= eps
        difference = loss.value(ahead, y, weight, divisor)
        difference -= loss.value(behind, y, weight, divisor)
        assert_allclose(gradient.flat[place], difference / (2 * eps), atol=1e-8)
    assert_array_equal(gradient[np.isnan(y.values)], 0)


@pytest.mark.parametrize("name", LOSSES)
def test_raw_outputs_of_prediction_and_of_training_are_the_same(name):
    y = target(name)
    loss = LOSSES[name]()
    output = np.random.default_rng(2).normal(size=y.values.shape).astype(np.float32)
    assert loss.value(output.reshape(4, 3, 2, 3, 8), y) == loss.value(output, y)


@pytest.mark.parametrize("weight", [None, [1, 0, 2, 1]])
@pytest.mark.parametrize("name", LOSSES)
def test_where_outputs_begin(name, weight):
    y = target(name)
    z = numbers(y)
    weight = None if weight is None else np.array(weight, float)
    start = LOSSES[name]().start(y, weight)
    assert start.shape == (8,)
    for k in range(2):
        column = z[..., k].reshape(4, -1)
        w = np.repeat(np.ones(4) if weight is None else weight, column.shape[1])
        there = ~np.isnan(column.ravel()) & (w > 0)
        column, w = column.ravel()[there], w[there]
        if name == "squared_error":
            expected = 0
        elif name == "absolute_error":
            order = np.argsort(column)
            below = w[order].cumsum()
            expected = column[order][np.searchsorted(below, below[-1] / 2)]
        else:
            p = np.average(column, weights=w)
            expected = np.log(p / (1 - p))
        assert_allclose(start[k::2], expected, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_of_a_constant(name):
    y, constant = target(name), np.linspace(-1, 1, 8)
    loss, weight = LOSSES[name](), np.array([1.0, 2.0, 0.5, 1.0])
    output = np.broadcast_to(constant, y.values.shape)
    assert_allclose(
        loss.of_constant(constant, y, weight, 3.0),
        loss.value(output, y, weight, 3.0),
        rtol=1e-12,
    )


def test_starts_of_what_is_never_there():
    y = target("absolute_error")
    y.data[..., 1] = np.nan
    assert_array_equal(AbsoluteFrames().start(y, None)[1::2], 0)
    ones = target("binary_cross_entropy", missing=0)
    ones.data[...] = 1
    start = BinaryFrames().start(ones, None)
    assert np.isfinite(start).all() and (start > 3).all()


def test_predictions_are_in_units_of_the_clips():
    raw = np.random.default_rng(3).normal(size=(2, 3, 2, 3, 8))
    for name in LOSSES:
        units = NextFrames(name, 3, None, 2, CENTRE, SCALE)
        frames = units.predict(raw.astype(np.float32))
        assert frames.shape == (2, 3, 4, 6, 2)
        assert frames.dtype == np.float64
        expected = from_patches(raw.astype(np.float32).astype(np.float64), 2)
        if name == "binary_cross_entropy":
            expected = expit(expected)
        else:
            expected = expected * SCALE + CENTRE
        assert_array_equal(frames, expected)


def test_a_head_in_units_of_the_clips():
    rng = np.random.default_rng(4)
    weight, bias, h = rng.normal(size=(8, 5)), rng.normal(size=8), rng.normal(size=5)
    for name in LOSSES:
        units = NextFrames(name, 1, None, 2, CENTRE, SCALE)
        w, b = units.head_in_units(weight, bias)
        frame = units.predict((weight @ h + bias).reshape(1, 1, 1, 1, 8)).ravel()
        own = from_patches((w @ h + b).reshape(1, 1, 1, 1, 8), 2).ravel()
        if name == "binary_cross_entropy":
            own = expit(own)
        assert_allclose(own, frame, rtol=1e-12)


def test_an_absurd_output_is_a_loss_that_is_not_finite():
    y = target()
    with np.errstate(over="ignore"):
        value = SquaredFrames().value(np.full(y.values.shape, 1e200), y)
    assert value == np.inf


def test_some_windows_tell_enough():
    data = np.zeros((200, 4, 4, 1))
    cuts = np.arange(1, 151)
    y = FrameTarget(data, np.zeros(150, int), cuts, np.full(150, 200), 10)
    which = y.evenly()
    assert len(which) == 64
    assert which[0] == 0 and which[-1] == 149
    assert len(y.evenly(3 * 160)) == 3
    assert len(y.evenly(1)) == 1
