"""The schedule of a pass: the order of sequences and of their steps."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklstm._kernels import Schedule


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    strip_rows=st.integers(1, 9),
)
@example(lengths=[0], strip_rows=1)
@example(lengths=[40, 0, 40, 1], strip_rows=3)
def test_sequence_time_and_mirror(lengths, strip_rows):
    lengths = np.array(lengths, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    schedule = Schedule(starts, lengths, strip_rows, n_rows=lengths.sum())
    place = {row: m for m, row in enumerate(schedule.data_rows)}
    expected = np.empty((3, schedule.n_steps), dtype=np.intp)
    for i, (start, T) in enumerate(zip(starts, lengths, strict=True)):
        for t in range(T):
            expected[:, place[start + t]] = i, t, place[start + T - 1 - t]
    assert_array_equal(schedule.sequence, expected[0])
    assert_array_equal(schedule.time, expected[1])
    assert_array_equal(schedule.mirror, expected[2])


@pytest.mark.parametrize("strip_rows", [1, 3, 16])
@pytest.mark.parametrize("lengths", [[4, 4, 4], [0, 3, 1, 7, 0, 2, 2], [0], [1]])
def test_schedule(lengths, strip_rows):
    """Each step of each sequence once, after the one before, and nothing else."""
    lengths = np.array(lengths, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) + 5
    schedule = Schedule(starts, lengths, strip_rows, n_rows=lengths.sum() + 5)
    steps = [
        start + t for start, T in zip(starts, lengths, strict=True) for t in range(T)
    ]
    assert_array_equal(np.sort(schedule.data_rows), steps)
    assert len(set(schedule.state_rows)) == schedule.n_steps
    # walking back through the states ends at an initial one after the steps before
    row_at = dict(zip(schedule.data_rows, range(schedule.n_steps), strict=True))
    for start, T in zip(starts, lengths, strict=True):
        for t in range(1, T):
            m, before = row_at[start + t], row_at[start + t - 1]
            assert schedule.before_rows[m] == schedule.state_rows[before]
    # full strips first; rows of a strip that have a step, and none that do not
    B, n_strips = len(lengths), -(-len(lengths) // strip_rows)
    assert_array_equal(
        schedule.first_row, [min(k * strip_rows, B) for k in range(n_strips + 1)]
    )
    ordered = lengths[schedule.order]
    assert_array_equal(ordered, np.sort(lengths)[::-1])
    m = 0
    for k in range(n_strips):
        assert schedule.first_step[k] == m
        strip = ordered[k * strip_rows : (k + 1) * strip_rows]
        running = schedule.running[schedule.running_at[k] : schedule.running_at[k + 1]]
        assert_array_equal(running, [(strip > t).sum() for t in range(strip[0])])
        m += strip.sum()
    assert schedule.first_step[-1] == m == schedule.n_steps
    written = set(schedule.state_rows)
    first = [schedule.before_rows[row_at[s]] for s, T in zip(starts, lengths) if T]
    assert len(set(first)) == len(first) and not written & set(first)
