"""Targets of forecasts, in units of their windows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from window_cases import naive_base

from sklstm._targets import horizon as horizon_module
from sklstm._targets.horizon import HorizonReader, WindowTarget, horizon_of

HORIZON = 4
STARTS = np.array([0, 0, 3, 20, 11, 25])
CUTS = np.array([5, 12, 9, 21, 20, 25])


def series():
    rng = np.random.default_rng(0)
    data = 5 + rng.standard_normal((40, 3)).cumsum(axis=0)
    data[[3, 8, 15, 16, 22, 26], [0, 2, 0, 0, 0, 2]] = np.nan
    data[15:17] = np.nan
    return data


def target(columns=(0, 2), scaling="std", lag=None):
    return WindowTarget(
        series(), STARTS, CUTS, list(columns), HORIZON, scaling, lag
    )  # fmt: skip


every_scaling = pytest.mark.parametrize("scaling", ["mean", "std", "last", None])
every_lag = pytest.mark.parametrize("lag", [None, 1, 3, 6])


@every_scaling
@every_lag
def test_values(scaling, lag):
    y = target(scaling=scaling, lag=lag)
    values = y.values.reshape(len(y), HORIZON, 2)
    for i, (start, cut) in enumerate(zip(STARTS, CUTS)):
        window = y.series[start : cut + HORIZON]
        for k, column in enumerate((0, 2)):
            base, scale = naive_base(window[:, column], cut - start, scaling, lag)
            wanted = (window[cut - start :, column] - base) / scale
            assert_allclose(values[i, :, k], wanted, rtol=1e-12)


@every_scaling
@every_lag
def test_the_way_back_is_exact(scaling, lag):
    y = target(scaling=scaling, lag=lag)
    known = ~np.isnan(y.y)
    back = y.in_units_of_y(y.values)
    assert_allclose(back[known], y.y[known], rtol=1e-14)
    # nothing forecast is the base itself: the season, the last value
    nothing = y.in_units_of_y(np.zeros((len(y) * HORIZON, 2)))
    if scaling == "last" and lag is None:
        for i, (start, cut) in enumerate(zip(STARTS, CUTS)):
            context = y.series[start:cut, 0]
            context = context[~np.isnan(context)]
            wanted = context[-1] if len(context) else 0.0
            assert_array_equal(nothing[i, :, 0], wanted)
    quantiles = y.in_units_of_y(np.stack([y.values, y.values + 1], axis=-1))
    assert quantiles.shape == (len(y), HORIZON, 2, 2)
    assert_array_equal(quantiles[..., 0], back)


def test_selections_are_the_same_targets(monkeypatch):
    y = target(lag=3)
    monkeypatch.setattr(horizon_module, "PART", 2)
    parts = target(lag=3)
    assert_array_equal(parts.values, y.values)
    which = [4, 0, 4]
    some = y[which]
    assert len(some) == 3
    assert_array_equal(
        some.values, y.values.reshape(6, HORIZON, 2)[which].reshape(-1, 2)
    )
    assert_array_equal(some.counts, y.counts[which])
    assert_array_equal(some.lengths, [HORIZON] * 3)
    assert len(y[:0].values) == len(y[:0].counts) == 0


def test_counts_are_steps_with_a_target():
    y = target()
    known = ~np.isnan(y.values).all(axis=1)
    assert_array_equal(y.counts, known.reshape(6, HORIZON).sum(axis=1))
    assert_array_equal(y.known, known)
    assert_array_equal(y.amounts, y.counts)
    assert y.counts.min() < HORIZON


@pytest.mark.parametrize("lag", [1, 3])
def test_naive_errors(lag):
    y = target()
    found = y.naive_errors(lag)
    for i, (start, cut) in enumerate(zip(STARTS, CUTS)):
        for k, column in enumerate((0, 2)):
            context = y.series[start:cut, column]
            difference = np.abs(context[lag:] - context[:-lag])
            difference = difference[~np.isnan(difference)]
            wanted = difference.mean() if len(difference) else np.nan
            assert_allclose(found[i, k], wanted, rtol=1e-12)


def reader(loss="absolute_error", quantile=0.5, single=False):
    return HorizonReader("F", loss, {"quantile": quantile, "huber_delta": 1.0}, single)


@pytest.mark.parametrize("quantile", [0.5, (0.9, 0.1, 0.5)])
def test_fit_and_predict(quantile):
    y = target(lag=3)
    found = reader("quantile", quantile).fit(y, None)
    encoded = found.encode(y)
    values = encoded.values
    raw = np.nan_to_num(np.repeat(values, found.n_outputs // 2, axis=1))
    predicted = found.predict(raw, y)
    if quantile == 0.5:
        known = ~np.isnan(y.y)
        assert_allclose(predicted[known], y.y[known], rtol=1e-12)
    else:
        assert predicted.shape == (6, HORIZON, 2, 3)
        assert (np.diff(predicted[..., [1, 2, 0]]) > 0).all()
    again = horizon_of(**found.state)
    assert_array_equal(again.predict(raw, y), predicted)
    # medians of the standardised targets are zero
    known = ~np.isnan(values)
    assert_allclose(np.median(values[known[:, 0], 0]), 0, atol=1e-12)


def test_a_single_target_has_no_axis():
    y = target(columns=(0,))
    found = reader(single=True).fit(y, None)
    assert found.predict(np.zeros((6 * HORIZON, 1)), y).shape == (6, HORIZON)
    several = reader().fit(y, None)
    assert several.predict(np.zeros((6 * HORIZON, 1)), y).shape == (6, HORIZON, 1)


def test_loss_is_that_of_the_labelled_steps():
    y = target(lag=3)
    found = reader("squared_error").fit(y, None)
    encoded = found.encode(y)
    rng = np.random.default_rng(0)
    out = rng.standard_normal((6 * HORIZON, 2))
    weight = rng.uniform(1, 2, 6)
    value, gradient = found.loss.value_and_gradient(out, encoded, weight, 10.0)
    of_steps = np.repeat(weight, HORIZON)[:, np.newaxis]
    difference = np.nan_to_num(out - encoded.values)
    assert_allclose(value, (of_steps * difference**2).sum() / 2 / 2 / 10)
    assert_allclose(gradient, of_steps * difference / 2 / 10)
    score, loss = found.scorer(y, weight)(out)
    assert score == -loss


def test_units_are_found_by_enough_windows(monkeypatch):
    whole = reader().fit(target(), np.arange(1.0, 7))
    monkeypatch.setattr(horizon_module, "ENOUGH_WINDOWS", 3)
    y = target()
    assert_array_equal(y.evenly(), [0, 2, 5])
    some = reader().fit(y, np.arange(1.0, 7))
    part = reader().fit(y[[0, 2, 5]], np.array([1.0, 3, 6]))
    assert some.state["mean"].tolist() == part.state["mean"].tolist()
    assert some.state["mean"].tolist() != whole.state["mean"].tolist()


def test_a_fit_goes_on_with_the_same_loss():
    y = target()
    found = reader().fit(y, None)
    reader().check_same(found, y)
    with pytest.raises(ValueError, match="cannot change between fits"):
        reader("squared_error").check_same(found, y)
    followed, change = found.follow(y, None)
    assert followed is found and change is None
