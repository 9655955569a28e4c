"""What a network reads of windows of series, and its gradient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits
from window_cases import naive_inputs, naive_units

from sklstm._kernels import Schedule
from sklstm._network.build import window_network
from sklstm._network.layers.windows import LastSteps, Windows
from sklstm._network.steps import Run, Steps
from sklstm._network.windows import season_before, units_of
from sklstm._network.workspace import Memory
from sklstm._training.windows import WindowArray, cuts_of

HORIZON = 3
CENTRE, SPREAD = (3.0, 0.5, -1.0, 2.0), (2.0, 2.0, 0.5, 0.5)
# contexts that overlap, of one step and of none
STARTS = np.array([0, 3, 10, 7, 30, 12])
LENGTHS = np.array([12, 1, 9, 0, 5, 17]) + HORIZON
SCALINGS = ["mean", "std", "last", None]
every_scaling = pytest.mark.parametrize("scaling", SCALINGS)
every_lag = pytest.mark.parametrize("lag", [None, 2, 5])


def series(rows=45, n_features=4):
    rng = np.random.default_rng(0)
    data = 3 + rng.standard_normal((rows, n_features))
    data[[2, 11, 13, 14, 31], [0, 3, 0, 0, 0]] = np.nan
    return data


def options(scaling="std", lag=None, targets=(0, 3)):
    return {
        "horizon": HORIZON, "targets": targets, "future": (1,), "static": (),
        "scaling": scaling, "lag": lag, "centre": CENTRE, "spread": SPREAD,
    }  # fmt: skip


def read(layer, data, which=slice(None), strip_rows=2):
    """Outputs of a layer, one window after the other."""
    starts, lengths = STARTS[which], LENGTHS[which]
    schedule = Schedule(starts, lengths, strip_rows, n_rows=len(data))
    run = Run(Memory(layer.dtype))
    y, _ = layer.forward(Steps(data, schedule.data_rows, schedule), run)
    order = np.lexsort([schedule.time, schedule.sequence])
    return np.split(y.values[y.rows][order], np.cumsum(lengths)[:-1])


@every_scaling
@every_lag
def test_what_is_read(scaling, lag):
    data, given = series(), options(scaling, lag)
    layer = Windows("windows", 4, np.float64, **given)
    naive = {name: given[name] for name in ("targets", "scaling", "lag")}
    for start, n, inputs in zip(STARTS, LENGTHS, read(layer, data), strict=True):
        wanted = naive_inputs(
            data[start : start + n], HORIZON, known=(1,), centre=CENTRE, spread=SPREAD,
            **naive,
        )  # fmt: skip
        assert_allclose(inputs, wanted, rtol=1e-12, atol=1e-12)
        assert inputs.shape[1] == layer.n_outputs


def test_indicators_of_missing_features_stand_behind():
    data = series(n_features=8)
    data[:, 4:] = np.isnan(data[:, :4])
    layer = Windows("windows", 8, np.float64, **options())
    wanted = naive_inputs(
        data[10:22], HORIZON, targets=(0, 3), known=(1,), scaling="std", lag=None,
        centre=CENTRE, spread=SPREAD,
    )  # fmt: skip
    assert_allclose(read(layer, data)[2], wanted, rtol=1e-12)
    assert layer.n_outputs == 3 * 2 + 2 * 2 + 1


@every_scaling
def test_nothing_is_read_of_what_is_not_known_ahead(scaling):
    data = series()
    layer = Windows("windows", 4, np.float32, **options(scaling, 5))
    before = read(layer, data, slice(0, 1))[0]
    changed = data.copy()
    changed[12:15, [0, 2, 3]] = 1e6
    assert_array_equal(read(layer, changed, slice(0, 1))[0], before)
    changed[13, 1] += 1
    assert (read(layer, changed, slice(0, 1))[0] != before).sum() == 1


@every_scaling
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_window_reads_its_own_steps_alone(scaling, dtype):
    data = series()
    layer = Windows("windows", 4, dtype, **options(scaling, 5))
    together = read(layer, data)
    for i, own in enumerate(together):
        assert_array_equal(read(layer, data, slice(i, i + 1))[0], own)
    for a, b in zip(read(layer, data, strip_rows=64), together, strict=True):
        assert_array_equal(a, b)


def test_units_keep_differences_at_a_high_level():
    """In float64, whatever the precision of the network."""
    level, small = 1e9, np.array([0.0, 1.0, -1.0, 2.0, 1.0])
    data = np.column_stack([level + small, *np.ones((3, 5))])
    given = options("std", targets=(0,)) | {"horizon": 1}
    layer = Windows("windows", 4, np.float32, **given)
    schedule = Schedule(np.array([0]), np.array([5]), 1, n_rows=5)
    y, _ = layer.forward(
        Steps(data, schedule.data_rows, schedule), Run(Memory(np.float32))
    )
    context = small[:4]
    wanted = (context - context.mean()) / context.std()
    assert_allclose(y.values[:4, 0], wanted, rtol=1e-6, atol=1e-6)


@every_scaling
@pytest.mark.parametrize(
    "y",
    [
        [5.0, 5, 5], [0.0, 0, 0], [0.1, 0.1, 0.1 + 1e-17], [-2.0], [np.nan, np.nan],
        [np.nan, 4, 6, np.nan], [1e150, -1e150], [],
    ],
)  # fmt: skip
def test_units_of_one(scaling, y):
    y = np.array(y, dtype=float)
    found = units_of(y[:, np.newaxis], np.zeros(len(y), np.intp), 1, scaling)
    assert_allclose(np.ravel(found), naive_units(y, scaling), rtol=1e-12)
    assert found.scale > 0 and np.isfinite(found).all()


def test_the_same_season_before():
    data = np.arange(20.0)[:, np.newaxis]
    rows = np.arange(2, 14)
    time, context = np.arange(12), np.full(12, 7)
    values = season_before(data, [0], rows, time, context, 4)[:, 0]
    # the context is 2 to 8; behind it the last season is 5 to 8, over and over
    assert_array_equal(values, [*[np.nan] * 4, 2, 3, 4, 5, 6, 7, 8, 5])


class Problem:
    def __init__(self, scaling="std", lag=None, dtype=np.float64, cell="lstm"):
        rng = np.random.default_rng(1)
        self.network = window_network(
            4, (9, 5), 2, dtype, cell, windows=options(scaling, lag)
        )
        self.network.strip_rows = 2
        size = self.network.layout.size
        self.parameters = (0.4 * rng.standard_normal(size)).astype(dtype)
        self.data = series()
        self.d_output = rng.standard_normal((HORIZON * len(LENGTHS), 2)).astype(dtype)

    def forward(self, parameters, which=slice(None), keep=True):
        self.network.load(parameters, backward=keep)
        return self.network.forward(self.data, STARTS[which], LENGTHS[which], keep=keep)

    def value(self, parameters):
        return float((self.forward(parameters)[0] * self.d_output).sum())


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "gru", "rnn_tanh"])
def test_gradient(instruction_set, cell):
    problem = Problem("mean", 5, cell=cell)
    _, tapes = problem.forward(problem.parameters)
    gradient = problem.network.backward(problem.d_output.copy(), tapes).copy()
    numeric = np.zeros_like(gradient)
    for k in range(len(gradient)):
        step = np.zeros_like(gradient)
        step[k] = 1e-5
        up, down = (problem.value(problem.parameters + d) for d in (step, -step))
        numeric[k] = (up - down) / 2e-5
    assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)


def test_last_steps_are_those_of_all():
    schedule = Schedule(STARTS, LENGTHS, 4, n_rows=45)
    values = np.random.default_rng(0).standard_normal((len(schedule.time), 8))
    layer = LastSteps("last", 8, np.float64, HORIZON)
    x = Steps(values, np.arange(len(values)), schedule)
    y, tape = layer.forward(x, Run(Memory(np.dtype(float)), keep=True))
    at = {(i, t): v for i, t, v in zip(schedule.sequence, schedule.time, values)}
    wanted = [
        at[i, n - HORIZON + k] for i, n in enumerate(LENGTHS) for k in range(HORIZON)
    ]
    assert_array_equal(y, wanted)
    back = layer.backward(y.copy(), tape, None).values
    is_last = schedule.time >= LENGTHS[schedule.sequence] - HORIZON
    assert_array_equal(back[is_last], values[is_last])
    assert not back[~is_last].any()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_outputs_do_not_depend_on_neighbours_or_threads(dtype):
    problem = Problem("last", 2)
    network = window_network(4, (9, 5), 2, dtype, windows=options("last", 2))
    parameters = problem.parameters.astype(network.dtype)
    network.load(parameters, backward=False)
    together = network.predict(problem.data, STARTS, LENGTHS)
    for i in range(len(STARTS)):
        alone = network.predict(problem.data, STARTS[i : i + 1], LENGTHS[i : i + 1])
        assert_array_equal(alone, together[HORIZON * i : HORIZON * (i + 1)])
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            again = network.predict(problem.data, STARTS, LENGTHS)
        assert_array_equal(again, together)


def test_memory_is_counted(monkeypatch):
    """What training holds is not more than what it says."""
    problem = Problem("std", 5, dtype=np.float32)
    _, tapes = problem.forward(problem.parameters)
    problem.network.backward(problem.d_output.copy(), tapes)
    held = sum(
        buffer.nbytes
        for workspace in problem.network._memory.workspaces.values()
        for buffer in workspace._buffers.values()
    )
    said = problem.network.training_bytes(len(LENGTHS), int(LENGTHS.sum()))
    assert 0 < held < said + 100_000


def test_where_windows_end():
    lengths = np.array([0, 1, 2, 3, 4, 5, 8, 20])
    series, steps = cuts_of(lengths, 3, 5)
    for i, T in enumerate(lengths):
        found = steps[series == i].tolist()
        if T < 2:
            assert found == []
        elif T <= 3:  # no whole horizon: what there is of one
            assert found == list(range((T + 1) // 2, T))
        elif T < 8:
            assert found == [T - 3]
        else:
            assert found == list(range(5, T - 2))
    assert series.dtype == steps.dtype == np.intp


def test_window_arrays_are_selections_of_one_matrix():
    data = series()
    X = WindowArray(data, STARTS, LENGTHS, np.arange(6), LENGTHS - 3, None)
    part = X[[4, 1]]
    assert len(part) == 2 and part.shape == (2, None, 4)
    assert part.data is data and part._as_rows()[1].tolist() == [30, 3]
    assert X[LENGTHS > 10].series.tolist() == [0, 2, 5]
