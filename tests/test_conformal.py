"""Conformal margins: by hand, by simulation, and what cannot be calibrated."""

import numpy as np
import pytest

from sklstm._targets.conformal import (
    conformal_margins,
    conformed,
    symmetric_pairs,
)


def test_pairs_lie_as_far_from_0_as_from_1():
    assert symmetric_pairs([0.1, 0.5, 0.9]) == [(0, 2)]
    assert symmetric_pairs([0.9, 0.25, 0.1, 0.75, 0.3]) == [(2, 0), (1, 3)]
    assert symmetric_pairs([0.5]) == symmetric_pairs([0.1, 0.8]) == []
    assert symmetric_pairs([1 / 3, 2 / 3]) == [(0, 1)]


def test_by_hand():
    """Four windows, 80 %: the fourth of the scores; of five windows the fifth."""
    y = np.array([[1.0], [2.0], [3.0], [4.0]])
    forecasts = np.stack([y - [[1], [2], [3], [4]], y, y + 1], axis=-1)
    # scores -1, -1, -1, -1: each is inside by the nearer end, the upper one
    margins = conformal_margins(forecasts, y, [0.1, 0.5, 0.9])
    assert margins.tolist() == [[1.0, 0.0, -1.0]]
    forecasts[2, 0, 2] = 1.0  # 2 too low
    margins = conformal_margins(forecasts, y, [0.1, 0.5, 0.9])
    assert margins.tolist() == [[-2.0, 0.0, 2.0]]
    # in units of each window
    scale = np.array([1.0, 1.0, 4.0, 1.0])
    margins = conformal_margins(forecasts, y, [0.1, 0.5, 0.9], scale)
    assert margins.tolist() == [[-0.5, 0.0, 0.5]]
    moved = conformed(forecasts, margins, [0.1, 0.5, 0.9], scale)
    expected = forecasts + np.array([-0.5, 0, 0.5]) * scale[:, np.newaxis, np.newaxis]
    expected[2, 0, 2] = 3.0  # which would be below the median: 3
    assert moved.tolist() == expected.tolist()


@pytest.mark.parametrize("n", [4, 5, 8, 9, 10, 14, 19])
def test_the_rank_is_that_of_a_finite_sample(n):
    y = np.zeros((n, 1))
    low = np.random.default_rng(n).permutation(n) + 1.0  # too high by 1 to n
    forecasts = np.stack([low[:, np.newaxis], low[:, np.newaxis] + 50], axis=-1)
    margins = conformal_margins(forecasts, y, [0.1, 0.9])
    # exactly, in whole numbers: the ceiling of (n + 1) 8 / 10
    assert margins[0, 1] == -(-(n + 1) * 8 // 10)


@pytest.mark.parametrize(
    "levels, n",
    [([0.1, 0.9], 4), ([0.05, 0.95], 9), ([0.025, 0.975], 19), ([0.25, 0.75], 1)],
)
def test_too_few_values_are_said_with_how_many_it_takes(levels, n):
    forecasts = np.zeros((n, 2, 2)) + [-1.0, 1.0]
    y = np.zeros((n, 2))
    conformal_margins(forecasts, y, levels)
    y[0, 1] = np.nan
    percent = f"{100 * (levels[1] - levels[0]):.10g}"
    message = (
        rf"Step 1 of the horizon has {n - 1} values to calibrate by, but an interval "
        rf"of {percent} % needs at least {n}\."
    )
    with pytest.raises(ValueError, match=message):
        conformal_margins(forecasts, y, levels)


def test_of_several_targets_it_is_said_which():
    forecasts = np.zeros((4, 2, 3, 2))
    y = np.zeros((4, 2, 3))
    y[2, 1, 2] = np.nan
    with pytest.raises(ValueError, match="Step 1 .* 3 values of target 2 to calib"):
        conformal_margins(forecasts, y, [0.1, 0.9])


def test_missing_values_are_left_out_step_by_step():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((30, 3))
    forecasts = np.sort(rng.standard_normal((30, 3, 2)), axis=-1)
    y[:7, 1] = np.nan
    margins = conformal_margins(forecasts, y, [0.1, 0.9])
    for h, rows in enumerate([slice(None), slice(7, None), slice(None)]):
        alone = conformal_margins(
            forecasts[rows, h : h + 1], y[rows, h : h + 1], [0.1, 0.9]
        )
        assert margins[h].tolist() == alone[0].tolist()


def test_targets_and_steps_are_each_on_their_own():
    rng = np.random.default_rng(1)
    y = rng.standard_normal((20, 3, 2))
    forecasts = np.sort(rng.standard_normal((20, 3, 2, 3)), axis=-1)
    levels, scale = [0.1, 0.5, 0.9], rng.uniform(1, 2, size=(20, 2))
    margins = conformal_margins(forecasts, y, levels, scale)
    moved = conformed(forecasts, margins, levels, scale)
    for k in range(2):
        alone = conformal_margins(forecasts[:, :, k], y[:, :, k], levels, scale[:, k])
        assert margins[:, k].tolist() == alone.tolist()
        one = conformed(forecasts[:, :, k], alone, levels, scale[:, k])
        assert moved[:, :, k].tolist() == one.tolist()
    common = conformal_margins(forecasts, y, levels, scale[:, 0])
    both = np.repeat(scale[:, :1], 2, axis=1)
    assert common.tolist() == conformal_margins(forecasts, y, levels, both).tolist()


def test_the_order_of_levels_does_not_matter():
    rng = np.random.default_rng(2)
    levels = np.array([0.05, 0.1, 0.3, 0.5, 0.9, 0.95])
    y = rng.standard_normal((40, 2))
    forecasts = np.sort(rng.standard_normal((40, 2, 6)), axis=-1)
    margins = conformal_margins(forecasts, y, levels)
    moved = conformed(forecasts, margins, levels)
    for seed in range(5):
        p = np.random.default_rng(seed).permutation(6)
        other = conformal_margins(forecasts[..., p], y, levels[p])
        assert other.tolist() == margins[..., p].tolist()
        again = conformed(forecasts[..., p], other, levels[p])
        assert again.tolist() == moved[..., p].tolist()


@pytest.mark.parametrize(
    "levels",
    [
        [0.1, 0.9],
        [0.1, 0.5, 0.9],
        [0.05, 0.25, 0.75, 0.95],
        [0.05, 0.25, 0.4, 0.5, 0.75, 0.8, 0.95],
        [0.1, 0.2, 0.3, 0.9],
        [0.1, 0.6, 0.7, 0.9],
    ],
)
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_no_level_crosses_another_and_intervals_keep_what_they_have(levels, shift):
    rng = np.random.default_rng(3)
    n, H = 200, 3
    y = rng.standard_normal((n, H))
    # quantiles far too wide, so that margins turn them inside out, and of no order
    forecasts = shift + rng.standard_normal((n, H, len(levels)))
    forecasts += 4 * (np.array(levels) - 0.5)
    scale = rng.uniform(0.5, 2.0, size=n)
    margins = conformal_margins(forecasts, y, levels, scale)
    moved = conformed(forecasts, margins, levels, scale)
    assert (np.diff(moved, axis=-1) >= 0).all()
    plain = forecasts + margins * scale[:, np.newaxis, np.newaxis]
    for lo, hi in symmetric_pairs(levels):
        assert (moved[..., lo] <= plain[..., lo]).all()
        assert (moved[..., hi] >= plain[..., hi]).all()
        inside = (moved[..., lo] <= y) & (y <= moved[..., hi])
        assert (inside.mean(axis=0) >= levels[hi] - levels[lo]).all()


def test_what_needs_no_change_keeps_its_bits_and_type():
    forecasts = np.sort(
        np.random.default_rng(4).standard_normal((9, 2, 3)).astype("float32"), axis=-1
    )
    moved = conformed(forecasts, np.zeros((2, 3)), [0.1, 0.5, 0.9])
    assert moved.dtype == "float32"
    assert moved.tolist() == forecasts.tolist()


@pytest.mark.parametrize("alpha", [0.2, 0.1, 0.5])
def test_coverage_of_exchangeable_data(alpha):
    """Between 1 - α and 1 - α + 1 / (n + 1) over many calibrations, at every step."""
    rng = np.random.default_rng(5)
    levels, n, H, repeats = [alpha / 2, 0.5, 1 - alpha / 2], 30, 4, 4000
    covered = np.zeros(H)
    spread = np.array([0.3, 1.0, 2.0, 4.0])  # of a step
    for _ in range(repeats):
        scale = rng.lognormal(size=n + 1)
        unit = scale[:, np.newaxis] * spread
        y = unit * rng.standard_exponential((n + 1, H))
        guess = unit * rng.uniform(0.2, 1.2, size=(n + 1, H))  # bad quantiles
        forecasts = np.stack([guess * 0.5, guess, guess * 1.5], axis=-1)
        margins = conformal_margins(forecasts[:n], y[:n], levels, scale[:n])
        lo, _, hi = conformed(forecasts[n:], margins, levels, scale[n:])[0].T
        covered += (lo <= y[n]) & (y[n] <= hi)
    share = covered / repeats
    noise = 4 * np.sqrt(0.25 / repeats)
    assert (share > 1 - alpha - noise).all()
    assert (share < 1 - alpha + 1 / (n + 1) + noise).all()


# ---- errors --------------------------------------------------------------------------


def test_what_cannot_be_calibrated():
    y, forecasts = np.zeros((5, 2)), np.zeros((5, 2, 3))
    with pytest.raises(ValueError, match="no two make an interval"):
        conformal_margins(forecasts, y, [0.1, 0.5, 0.8])
    with pytest.raises(ValueError, match=r"shape \(5, 2, 2\); got \(5, 2, 3\)"):
        conformal_margins(forecasts, y, [0.1, 0.9])
    with pytest.raises(ValueError, match=r"got \(5, 2, 3\)"):
        conformal_margins(forecasts, y[:4], [0.1, 0.5, 0.9])
    forecasts[3, 1, 2], forecasts[4, 0, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"Forecast \[3, 1, 2\] is nan"):
        conformal_margins(forecasts, y, [0.1, 0.5, 0.9])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_is_positive(bad):
    y, forecasts, scale = np.zeros((5, 2)), np.zeros((5, 2, 2)), np.ones(5)
    scale[3] = bad
    with pytest.raises(ValueError, match=f"scale of window 3 is {bad}"):
        conformal_margins(forecasts, y, [0.1, 0.9], scale)
    with pytest.raises(ValueError, match=f"scale of window 3 is {bad}"):
        conformed(forecasts, np.zeros((2, 2)), [0.1, 0.9], scale)
    with pytest.raises(ValueError, match=r"scale has shape \(4,\)"):
        conformal_margins(forecasts, y, [0.1, 0.9], np.ones(4))
