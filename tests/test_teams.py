"""Threads that share a strip, and layers side by side: no bit depends on either."""

import numpy as np
import pytest
from kernel_cases import Batch
from numpy.testing import assert_array_equal

from sklstm._kernels import CELLS, Schedule, kernels_for
from sklstm._network.initializers import InitialValues
from sklstm._network.layers.bidirectional import Bidirectional
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory

THREADS = [2, 3, 5, 8, 16]
LENGTHS = [9, 0, 4, 12, 1, 7, 7, 0, 3, 12, 5]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strip_rows", [3, 16])
@pytest.mark.parametrize("H", [1, 20, 70, 130])
@pytest.mark.parametrize("cell", CELLS)
def test_bits_do_not_depend_on_teams(instruction_set, cell, H, strip_rows, dtype):
    """From two strips on as many teams as strips, the last number of threads in all."""
    batch = Batch(cell, 5, H, LENGTHS, np.dtype(dtype))
    expected = batch.run(strip_rows=strip_rows)
    for n_threads in THREADS:
        results = batch.run(n_threads, strip_rows=strip_rows)
        for key, value in results.items():
            assert_array_equal(value, expected[key], err_msg=f"{key}, {n_threads}")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("H", [48, 200])
def test_a_lone_sequence(instruction_set, cell, H):
    batch = Batch(cell, 7, H, [53], np.float32)
    expected = batch.run(keep=False, sequence=False, backward=False)
    for n_threads in THREADS:
        results = batch.run(n_threads, keep=False, sequence=False, backward=False)
        for key, value in results.items():
            assert_array_equal(value, expected[key], err_msg=f"{key}, {n_threads}")


@pytest.mark.parametrize(
    "cell, F, H, dtype",
    [("lstm", 30, 256, "float32"), ("gru", 3, 300, "float32"),
     ("rnn_tanh", 0, 1030, "float32"), ("lstm_peephole", 50, 130, "float64")],
)  # fmt: skip
def test_wide_layers(instruction_set, cell, F, H, dtype):
    """Whose weight gradient copies its operands, chunk by chunk: more than one."""
    batch = Batch(cell, F, H, [90, 100, 31, 0, 71], np.dtype(dtype))
    expected = batch.run()
    for n_threads in (2, 3, 8):
        for key, value in batch.run(n_threads).items():
            assert_array_equal(value, expected[key], err_msg=f"{key}, {n_threads}")


class Ragged:
    """A layer and a batch of which all that comes out can be compared."""

    def __init__(self, make, cell, H):
        rng = np.random.default_rng(0)
        self.layer = make("l0", 3, H, np.float32, cell, every_step=True)
        self.weights = {
            key: np.empty(shape, np.float32) for key, shape in self.layer.shapes.items()
        }
        self.layer.initialize(self.weights, rng, InitialValues(0.0))
        self.layer.load(self.weights, backward=True)
        lengths = np.array(LENGTHS)
        starts = np.concatenate([[0], lengths.cumsum()[:-1]])
        schedule = Schedule(starts, lengths, 4, n_rows=lengths.sum())
        data = rng.standard_normal((lengths.sum(), 3)).astype(np.float32)
        self.x = Steps(data, schedule.data_rows, schedule)
        width = self.layer.width
        self.d_y = StepsGradient(
            rng.standard_normal((len(data), width)).astype(np.float32),
            (rng.standard_normal((len(lengths), width)).astype(np.float32),),
        )

    def run(self, n_threads):
        run = Run(Memory(np.float32), keep=True, n_threads=n_threads)
        y, tape = self.layer.forward(self.x, run)
        values, ends = y.values[y.rows].copy(), [end.copy() for end in y.ends]
        d_weights = {key: np.zeros_like(value) for key, value in self.weights.items()}
        d_states = {}
        d_x = self.layer.backward(self.d_y, tape, d_weights, d_states).values
        states = [part for parts in d_states.values() for part in parts]
        return [values, *ends, d_x, *d_weights.values(), *states]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
def test_directions_side_by_side(instruction_set, threads, make, cell):
    problem = Ragged(make, cell, 37)
    expected = problem.run(1)
    for n_threads in THREADS:
        with threads(n_threads):
            for got, value in zip(problem.run(n_threads), expected, strict=True):
                assert_array_equal(got, value)


def test_what_cannot_run_side_by_side():
    kernels = kernels_for("float32")
    layer = Recurrent("l0", 2, 4, np.float32)
    layer.load(
        {key: np.zeros(shape, np.float32) for key, shape in layer.shapes.items()},
        backward=False,
    )
    data = np.zeros((4, 2), np.float32)

    def one():
        schedule = Schedule(np.zeros(1, np.intp), np.array([4]), n_rows=4)
        x = Steps(data, schedule.data_rows, schedule)
        return layer.begin_forward(x, Run(Memory(np.float32)), 1)[0]

    with pytest.raises(ValueError, match="the same schedule"):
        kernels.run_forward([one(), one()])
    same = one()
    for passes in ([same] * 3, [], [None], [same, None]):
        for run in (kernels.run_forward, kernels.run_backward):
            with pytest.raises(ValueError, match="1 to 2 layers run side by side"):
                run(passes)
    with pytest.raises(TypeError, match="BackwardPass"):
        kernels.run_backward([same])
