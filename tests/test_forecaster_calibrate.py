"""Calibrated intervals of LSTMForecaster."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_forecaster import FIT, HORIZON, fitted, make_series
from window_cases import naive_units

from sklstm import LSTMForecaster
from sklstm._targets.conformal import conformal_margins, conformed

LEVELS = [0.9, 0.5, 0.1]


def noisy(n, seed, T=30):
    rng = np.random.default_rng(seed)
    return [10.0 ** (i % 3) * (5 + rng.standard_normal((T, 1))) for i in range(n)]


def coverage(model, X):
    truth = np.array([x[-HORIZON:, 0] for x in X])
    high, _, low = np.moveaxis(model.predict([x[:-HORIZON] for x in X]), -1, 0)
    return ((low <= truth) & (truth <= high)).mean()


def test_coverage_is_what_was_asked_for():
    """Of a network that has hardly been trained."""
    X = noisy(60, 0)
    model = LSTMForecaster(4, horizon=HORIZON, quantile=[0.6, 0.5, 0.4], max_iter=1,
                           random_state=0).fit(X)  # fmt: skip
    new = noisy(400, 2)
    narrow = coverage(model, new)
    model.set_params(quantile=[0.6, 0.5, 0.4])
    model.calibrate(noisy(200, 1))
    assert abs(coverage(model, new) - 0.2) < 0.04
    wide = fitted({"quantile": LEVELS}, X, max_iter=1).calibrate(noisy(200, 1))
    assert abs(coverage(wide, new) - 0.8) < 0.04
    assert narrow < 0.5


def units(X, target):
    scale = [[naive_units(x[:, k], "std")[1] for k in np.atleast_1d(target)] for x in X]
    return np.array(scale)[:, 0] if np.ndim(target) == 0 else np.array(scale)


@pytest.mark.parametrize("target", [0, [2, 0]])
def test_forecasts_move_by_the_margins(target):
    X, cal = make_series(), make_series([30, 25, 40, 35, 31] * 4, seed=5)
    model = fitted({"quantile": LEVELS, "target": target})
    before = model.predict(X)
    begin = [x[:-HORIZON] for x in cal]
    truth = np.array([x[-HORIZON:, target] for x in cal])
    scale = units(begin, target)
    margins = conformal_margins(model.predict(begin), truth, LEVELS, scale)
    assert model.calibrate(cal) is model
    own = units(X, target)
    assert_allclose(model.predict(X), conformed(before, margins, LEVELS, own))
    assert not np.array_equal(model.predict(X), before)
    assert_array_equal(model.predict(X)[..., 1], before[..., 1])
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    # calibration begins anew, and a fit forgets it
    assert_array_equal(again.calibrate(cal).predict(X), model.predict(X))
    assert_array_equal(model.fit(make_series()).predict(X), before)
    for i, x in enumerate(X):
        assert_array_equal(again.predict([x])[0], again.predict(X)[i])


def test_several_windows_of_a_series():
    X = make_series([60, 50])
    model = fitted({"quantile": LEVELS})
    with pytest.raises(ValueError, match="has 2 values to calibrate by, .* least 4"):
        model.calibrate(X)
    before = model.predict(X)
    cut = [x[: len(x) - back] for x in X for back in (0, 3, 6)]
    by_hand = pickle.loads(pickle.dumps(model)).calibrate(cut).predict(X)
    model.calibrate(X, n_windows=3, step=3)
    assert_array_equal(model.predict(X), by_hand)
    assert not np.array_equal(by_hand, before)
    default = pickle.loads(pickle.dumps(model)).calibrate(X, n_windows=3)
    assert not np.array_equal(default.predict(X), by_hand)


def test_errors():
    X = make_series()
    with pytest.raises(ValueError, match="calibrate is for intervals.*quantile=None"):
        fitted({}).calibrate(X)
    with pytest.raises(ValueError, match="no two make an interval"):
        fitted({"quantile": [0.2, 0.5]}).calibrate(X)
    model = fitted({"quantile": LEVELS})
    before = model.predict(X)
    for bad in ({"n_windows": 0}, {"step": 0}):
        with pytest.raises(ValueError, match="== 0, must be >= 1"):
            model.calibrate(X, **bad)
    with pytest.raises(ValueError):
        model.calibrate([np.ones((3, 3))])
    assert_array_equal(model.predict(X), before)


def test_warm_start_forgets():
    cal = make_series([30] * 20, seed=3)
    model = fitted({"quantile": LEVELS}, warm_start=True, max_iter=1)
    twin = pickle.loads(pickle.dumps(model))
    model.calibrate(cal).fit(make_series())
    assert_array_equal(model.predict(cal), twin.fit(make_series()).predict(cal))
    assert FIT["horizon"] == HORIZON
