"""Learning rates by hand."""

import pytest
from numpy.testing import assert_allclose

from sklstm._training.schedules import LearningRate


def rates(schedule, epochs, n_samples=9, t=0, power_t=0.5, max_iter=4):
    rate = LearningRate(schedule, 0.8, power_t, max_iter)
    result = []
    for epoch in range(epochs):
        rate.begin_epoch(epoch, t + epoch * n_samples)
        result.append(rate.rate)
    return result


def test_learning_rates_by_hand():
    assert rates("constant", 3) == [0.8] * 3
    assert rates("adaptive", 3) == [0.8] * 3
    # t + 1 = 1, 10, 19
    assert_allclose(rates("invscaling", 3), [0.8, 0.8 / 10**0.5, 0.8 / 19**0.5])
    assert_allclose(rates("invscaling", 2, n_samples=99, power_t=1), [0.8, 0.008])
    # (1 + cos(0, 45, 90, 135 degrees)) / 2
    s = 2**-0.5
    assert_allclose(
        rates("cosine", 4), [0.8, 0.4 * (1 + s), 0.4, 0.4 * (1 - s)], rtol=1e-12
    )


def test_invscaling_goes_on_with_samples_seen():
    assert rates("invscaling", 5)[3:] == rates("invscaling", 2, t=27)


def test_reduce():
    rate = LearningRate("adaptive", 1e-4, 0.5, 10)
    assert [rate.reduce() for _ in range(5)] == [True, True, True, False, False]
    assert rate.rate == pytest.approx(1e-4 / 125)
    rate.begin_epoch(7, 1000)
    assert rate.rate == pytest.approx(1e-4 / 125)
    for schedule in ("constant", "invscaling", "cosine"):
        rate = LearningRate(schedule, 1.0, 0.5, 10)
        assert not rate.reduce() and rate.rate == 1.0
