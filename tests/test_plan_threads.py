"""The rule for the number of threads and teams, a pure function of the work."""

import numpy as np
import pytest

from sklstm._kernels import Schedule, plan_threads
from sklstm._network.build import whole_sequence_network

LIMITS = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64]
# T, F, H and batch, and the most threads that its strips and blocks of units can use
SHAPES = {
    (50, 1, 16, 32): 4,
    (100, 8, 32, 32): 8,
    (100, 16, 64, 64): 32,
    (100, 32, 128, 64): 64,
    (50, 64, 256, 64): 64,
    (35, 512, 512, 64): 64,
    (20, 1024, 1024, 64): 64,
}


def choices(shape, keep=True, dtype=np.float32):
    T, F, H, B = shape
    network = whole_sequence_network(F, (H,), 1, dtype)
    schedule = Schedule(
        np.arange(B) * T, np.full(B, T), network.strip_rows, n_rows=B * T
    )
    (layer,) = network.recurrent_layers
    for limit in LIMITS:
        n_threads = layer.best_threads(limit, schedule, keep)
        yield limit, n_threads, layer.plan_forward(n_threads, schedule)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_more_threads_than_the_work_can_use(shape):
    before = 0
    for limit, n_threads, (used, n_teams) in choices(shape):
        assert before <= n_threads <= min(limit, SHAPES[shape])
        assert used in (1, n_threads)
        assert 1 <= n_teams <= used
        before = n_threads


def test_few_rows_of_few_units_leave_cores_free():
    """Four strips of one block of units are four threads, however many there are, and
    for three threads two rounds, which two take as well."""
    chosen = [n_threads for _, n_threads, _ in choices((50, 1, 16, 32))]
    assert chosen == [1, 2, 2] + [4] * (len(LIMITS) - 3)


@pytest.mark.parametrize("shape", list(SHAPES)[5:])
def test_wide_layers_use_nearly_every_core(shape):
    for limit, n_threads, _ in choices(shape):
        assert n_threads >= 0.8 * limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_work_stays_on_one_thread(dtype):
    for shape in ((10, 3, 8, 1), (100, 8, 32, 1), (3, 4, 16, 32)):
        for _, n_threads, plan in choices(shape, keep=False, dtype=dtype):
            assert (n_threads, plan) == (1, (1, 1))


def test_a_lone_sequence_has_one_team():
    for limit, n_threads, plan in choices((100, 32, 256, 1), keep=False):
        assert plan == (n_threads, 1)
        assert n_threads == 1 or limit > 1
    assert n_threads > 1


def test_all_or_one():
    work = 4, 100, 16, 1e6
    for limit in LIMITS:
        assert plan_threads(limit, True, *work)[0] in (1, limit)
    assert plan_threads(16, True, 4, 100, 16, 1e3) == (1, 1)
    assert plan_threads(16, True, 4, 100, 16, 1e9)[0] == 16


def test_products_that_any_thread_shares():
    """One strip of one block of units has no second member, the products do."""
    assert plan_threads(8, False, 1, 100, 1, 1e6, 0) == (1, 1)
    n_threads, n_teams = plan_threads(8, False, 1, 100, 1, 1e6, 1e7)
    assert n_threads == 8
    assert n_teams == 1


def test_nothing_to_do():
    assert plan_threads(8, False, 0, 0, 4, 0.0, 0.0) == (1, 1)


def test_one_number_for_all_layers(monkeypatch):
    """Or one thread: growing and shrinking teams ends and makes threads."""
    network = whole_sequence_network(8, (128, 2, 64), 1, np.float32)
    network.load(np.zeros(network.layout.size, np.float32), backward=True)
    numbers = []

    def record(*arguments, **options):
        plan = plan_threads(*arguments, **options)
        numbers.append(plan[0])
        return plan

    monkeypatch.setattr("sklstm._network.layers.recurrent.plan_threads", record)
    monkeypatch.setattr("sklstm._network.flat_network.effective_n_threads", lambda: 5)
    B, T = 24, 50
    data = np.zeros((B * T, 8), np.float32)
    output, tapes = network.forward(data, np.arange(B) * T, np.full(B, T), keep=True)
    alone = numbers[:3]  # what each would choose
    assert len(set(alone)) > 1
    network.backward(np.ones_like(output), tapes)
    assert set(numbers[3:]) <= {1, max(alone)}
    assert len(numbers) == 9
