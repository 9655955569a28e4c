"""The monitor: when it stops, what it keeps and prints."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._training.monitor import Monitor


def test_monitor_counts_epochs_without_improvement():
    monitor = Monitor(tol=0.125, n_iter_no_change=2, verbose=False)
    # 0.8125 is better by tol than 0.9375, 0.6875 is not than 0.75.
    losses = [1.0, 0.9375, 0.8125, 0.75, 0.6875, 0.5, 0.45, 0.44, 0.43, 0.46]
    counts, stops = [], []
    for loss in losses:
        stops.append(monitor.update(loss, None))
        counts.append(monitor.epochs_without_change)
    assert counts == [0, 1, 0, 1, 2, 0, 1, 2, 3, 4]
    assert stops == [count > 2 for count in counts]
    assert monitor.loss_curve == losses
    assert monitor.best_loss == 0.43
    assert monitor.validation_scores is None and monitor.best_parameters is None


def test_monitor_stops_where_mlp_stops():
    """MLP: `n_iter_no_change` epochs are borne, the next one is too many."""
    monitor = Monitor(tol=1e-4, n_iter_no_change=3, verbose=False)
    assert [monitor.update(1.0, None) for _ in range(5)] == [False] * 4 + [True]
    assert "Training loss did not improve more than tol=0.000100 for 3 " in (
        monitor.stopping_reason()
    )
    forever = Monitor(tol=1e-4, n_iter_no_change=np.inf, verbose=False)
    assert not any(forever.update(1.0, None) for _ in range(50))


def test_monitor_keeps_the_best_parameters():
    scores = iter([(0.5, 2), (0.9, 3), (0.7, 1), (0.9, 3), (0.2, 9)])
    monitor = Monitor(0.0, 10, False, score=lambda parameters: next(scores))
    parameters = np.zeros(1)
    for epoch in range(5):
        parameters[0] = epoch
        monitor.update(1.0, parameters)
    assert monitor.validation_scores == [0.5, 0.9, 0.7, 0.9, 0.2]
    assert monitor.best_score == 0.9
    assert_array_equal(monitor.best_parameters, [1])  # the first of equals, a copy


def test_monitor_decides_between_equal_scores_by_the_loss():
    losses = [0.5, 0.4, 0.45, 0.35, 0.34, 0.4, 0.5, 0.6]
    given = iter([(0.9, loss) for loss in losses])
    monitor = Monitor(0.03125, 2, False, score=lambda parameters: next(given))
    stops, counts = [], []
    for epoch in range(8):
        stops.append(monitor.update(1.0, np.array([epoch])))
        counts.append(monitor.epochs_without_change)
    assert_array_equal(monitor.best_parameters, [4])
    assert counts == [0, 0, 1, 0, 1, 2, 3, 4]
    assert stops == [count > 2 for count in counts]


def test_monitor_goes_on_while_the_validation_loss_falls():
    """Though the score is worse for a while, as it is for rare classes."""
    given = iter([(0.9, 1.0), *((0.8, 1 - epoch / 20) for epoch in range(15))])
    monitor = Monitor(1e-4, 3, False, score=lambda parameters: next(given))
    assert not any(monitor.update(1.0, np.array([epoch])) for epoch in range(16))
    assert_array_equal(monitor.best_parameters, [0])


@pytest.mark.parametrize("score", [-np.inf, np.nan])
def test_monitor_has_best_parameters_whatever_the_scores(score):
    """R² of a bad start may be anything down to -inf, or nothing at all."""
    given = iter([(score, score), (score, score), (-1e9, 1e9), (score, score)])
    monitor = Monitor(0.0, 10, False, score=lambda parameters: next(given))
    monitor.update(1.0, np.full(2, 1))
    assert_array_equal(monitor.best_parameters, [1, 1])
    for epoch in (2, 3, 4):
        monitor.update(1.0, np.full(2, epoch))
    assert_array_equal(monitor.best_parameters, [3, 3])
    assert monitor.best_score == -1e9


def test_monitor_prints_a_line_per_epoch(capsys):
    monitor = Monitor(1e-4, 10, True)
    monitor.update(0.5, None)
    monitor.update(0.25, None)
    assert capsys.readouterr().out == (
        "Iteration 1, loss = 0.50000000\nIteration 2, loss = 0.25000000\n"
    )
    monitor = Monitor(1e-4, 10, True, score=lambda p: (0.75, 1.0))
    monitor.update(0.5, np.ones(1))
    assert capsys.readouterr().out == (
        "Iteration 1, loss = 0.50000000\nValidation score: 0.750000\n"
    )
    Monitor(1e-4, 10, False).update(0.5, None)
    assert capsys.readouterr().out == ""
