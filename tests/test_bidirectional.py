"""The backward direction is a forward one on reversed sequences."""

import numpy as np
from network_cases import every_cell, every_dtype
from numpy.testing import assert_array_equal

from sklstm._kernels import Schedule
from sklstm._network.layers.bidirectional import Bidirectional
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory


@every_cell
@every_dtype
def test_backward_direction_is_forward_on_reversed_sequences(
    instruction_set, cell, dtype
):
    """To the bit: outputs, last outputs, gradients of the weights and of the input."""
    rng = np.random.default_rng(0)
    lengths = np.array([3, 11, 0, 7, 7, 1, 2], dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    schedule = Schedule(starts, lengths, 3, n_rows=lengths.sum())
    N, F, H = schedule.n_steps, 4, 11
    x = rng.standard_normal((N, F)).astype(dtype)
    turned = np.concatenate(
        [np.arange(s, s + T)[::-1] for s, T in zip(starts, lengths)]
    )
    both = Bidirectional("l0", F, H, dtype, cell, every_step=True)
    weights = {
        name: (0.4 * rng.standard_normal(shape)).astype(dtype)
        for name, shape in both.shapes.items()
    }
    both.load(weights, backward=True)
    steps = Steps(x, schedule.data_rows, schedule)
    y, tape = both.forward(steps, Run(Memory(dtype), keep=True))
    rows = np.argsort(schedule.data_rows)  # row-step of each row of the data
    d_last = rng.standard_normal((len(lengths), both.width)).astype(dtype)
    d_h = rng.standard_normal((N, both.width)).astype(dtype)  # by row of the data
    d_last[:, 2 * H :] = d_h[:, 2 * H :] = 0
    d_weights = {name: np.zeros_like(w) for name, w in weights.items()}
    d_y = StepsGradient(d_h[schedule.data_rows], (d_last,))
    d_x = both.backward(d_y, tape, d_weights).values[rows]

    d_x_expected = 0
    for d, (suffix, order) in enumerate([("", np.arange(N)), ("_reverse", turned)]):
        columns = slice(d * H, (d + 1) * H)
        layer = Recurrent("l0", F, H, dtype, cell)
        own = {name: weights[name + suffix] for name in layer.shapes}
        layer.load(own, backward=True)
        one, tape = layer.forward(
            steps._replace(values=x[order]), Run(Memory(dtype), keep=True)
        )
        assert_array_equal(y.ends[0][:, columns], one.ends[0][:, :H])
        assert_array_equal(
            y.values[y.rows[rows], columns], one.values[one.rows[rows], :H][order],
            err_msg=suffix,
        )  # fmt: skip
        d_own = {name: np.zeros_like(w) for name, w in own.items()}
        pad = ((0, 0), (0, layer.width - H))
        d_y = StepsGradient(
            np.pad(d_h[order][:, columns], pad)[schedule.data_rows],
            (np.pad(d_last[:, columns], pad),),
        )
        d_x_one = layer.backward(d_y, tape, d_own).values
        for name, gradient in d_own.items():
            assert_array_equal(d_weights[name + suffix], gradient, err_msg=name)
        d_x_expected = d_x_expected + d_x_one[rows][order]
    assert_array_equal(d_x, d_x_expected)
