"""Measures and simple models of the benchmarks of forecasts, worked by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

TASKS = Path(__file__).parents[1] / "benchmarks" / "tasks"
if not (TASKS / "forecasting.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(TASKS))
from forecast_baselines import BASELINES, filled, seasonal_naive  # noqa: E402
from forecasting import mase, score  # noqa: E402
from forecasting_data import (  # noqa: E402
    Series,
    calendar,
    last_horizon,
    naive_error,
)

sys.path.remove(str(TASKS))


def test_naive_error():
    assert naive_error(np.array([1.0, 2, 4, 8]), 2) == pytest.approx((3 + 6) / 2)
    assert naive_error(np.array([1.0, np.nan, 4, 8]), 1) == pytest.approx(4)


def test_mase_leaves_out_what_has_no_scale_or_truth():
    truth = np.array([[1.0, 3.0], [np.nan, 4.0], [np.nan, np.nan], [1.0, 1.0]])
    forecasts = np.array([[2.0, 1.0], [9.0, 2.0], [0.0, 0.0], [5.0, 5.0]])
    # (1 + 2) / 2 / 3 and 2 / 1
    scales = np.array([3.0, 1.0, 1.0, 0.0])
    assert mase(truth, forecasts, scales) == pytest.approx((0.5 + 2) / 2)


def test_score_of_quantiles():
    part = Series([np.array([0.0, 2, 0, 2, 5, 6])], 2, 1, [4], [[4]])
    forecasts = np.array([[[5.0, 6.0, 7.0], [1.0, 2.0, 3.0]]])
    # in-sample differences are 2; errors 1 and 4; the first lies in its interval
    assert score(forecasts, part) == (pytest.approx(2.5 / 2), pytest.approx(50))


def test_seasonal_naive():
    y = np.array([1.0, 2, 3, 4, np.nan])
    assert seasonal_naive(y, 3, 5).tolist() == [3, 4, 4, 3, 4]
    assert seasonal_naive(np.c_[y, y], 3, 2).tolist() == [3, 4]
    assert seasonal_naive(y[:2], 3, 2).tolist() == [2, 2]
    assert filled(np.array([np.nan, 1, np.nan])).tolist() == [1, 1, 1]


def test_validation_is_before_the_test():
    train, test = [np.arange(9.0), np.arange(5.0)], [[9.0, 10], [5.0, 6]]
    part = last_horizon(train, test, 2, 2, back=0)
    assert part.truth().tolist() == [[9, 10], [5, 6]]
    assert [len(y) for y in part.training()] == [9, 5]
    part = last_horizon(train, test, 2, 2, back=1)
    assert part.truth().tolist() == [[7, 8]]  # the other one is too short
    assert [len(y) for y in part.training()] == [7]
    part = last_horizon(train, test, 2, 2, back=2)
    assert part.truth().tolist() == [[5, 6]]
    assert [len(y) for y in part.training()] == [5]


def test_windows_end_at_their_cuts():
    x = np.c_[np.arange(10.0), 10 + np.arange(10.0)]
    part = Series([x], 2, 1, [4], [np.array([4, 6])], [1])
    windows, future = part.windows()
    assert [y[-1, 0] for y in windows] == [3, 5]
    assert [y.tolist() for y in future] == [[[14], [15]], [[16], [17]]]
    assert part.truth().tolist() == [[4, 5], [6, 7]]


def test_calendar():
    # a Friday and a Saturday
    rows = calendar(np.array(["2026-11-27T06", "2026-11-28T00"], "datetime64[h]"))
    np.testing.assert_allclose(rows[:, :2], [[1, 0], [0, 1]], atol=1e-12)
    angles = np.arctan2(rows[:, 2], rows[:, 3]) % (2 * np.pi)
    np.testing.assert_allclose(angles, 2 * np.pi * np.array([4, 5]) / 7)
    assert rows[:, 4].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["linear on lags", "trees on lags"])
@pytest.mark.parametrize("known", [[], [1]])
def test_models_on_lags(name, known):
    """They learn what is known ahead, or two seasons that differ: more than the naive
    forecast does."""
    rng = np.random.default_rng(0)
    X = [10 + (np.arange(80.0) + k) % 8 for k in range(8)]
    if known:
        ahead = rng.normal(size=(8, 80))
        X = [np.c_[10 + x + rng.normal(0, 0.1, 80), x] for x in ahead]
    part = Series(X, 3, 4, [70] * 8, [np.array([70, 74])] * 8, known)
    windows, future = part.windows()
    made = BASELINES[name](3, 4, known, seed=0).fit(part.training())
    forecasts = made.predict(windows, future)
    assert forecasts.shape == (16, 3)
    naive = BASELINES["seasonal naive"](3, 4, known, seed=0).predict(windows, future)
    error, of_naive = (
        np.abs(made - part.truth()).mean() for made in (forecasts, naive)
    )
    assert error < 0.5 * of_naive
