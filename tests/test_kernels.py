"""The recurrent kernels: every cell against the reference, finite differences and
PyTorch's frozen numbers, on every instruction set; and the promises about bits."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import use_kernels_of
from kernel_cases import Batch, Recurrent, every_cell, every_dtype
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import _kernels as kernels
from sklstm._kernels import CELLS, Schedule, supported_instruction_sets
from sklstm._network.layers.dense import Dense
from sklstm._network.steps import Run
from sklstm._network.workspace import Memory

TORCH = Path(__file__).parent / "data" / "torch_lstm.npz"

# (F, H, lengths): off every vector width, ragged, no steps, one step, one sequence
SHAPES = [
    (1, 16, [5] * 7),
    (3, 5, [0, 3, 9, 1, 1, 0, 12]),
    (13, 20, list(range(30))),
    (12, 64, [7] * 40),
    (12, 64, [9]),
    (40, 33, [50, 2]),
    (2, 1, [3]),
    (1, 2, [0, 0]),
    (5, 100, [1] * 5),
    (70, 130, [4, 4, 4, 9]),
    # a lone sequence, whose input is multiplied ahead in pieces of 24 steps
    (5, 20, [49]),
    (30, 150, [25]),
    # weight gradients: row-steps in chunks, columns in groups, with a rest of each
    (3, 130, [6] * 180),
]

# those that are computed with a mask of recurrent dropout as well: a tile of every
# height, a lone sequence, a width that is not padded
MASKED_SHAPES = [(3, 5, [0, 3, 9, 1, 1, 0, 12]), (13, 20, [8, 8, 3]), (4, 37, [49])]
MASKED_SHAPES += [(2, 64, [3] * 19)]

every_shape = pytest.mark.parametrize("F, H, lengths", SHAPES)


@cache
def expected_of(cell, F, H, lengths, dtype, masked):
    """The reference, which is the same on every instruction set."""
    return Batch(cell, F, H, lengths, dtype, masked=masked).reference()


def assert_close_to_reference(cell, F, H, lengths, dtype, masked=False):
    batch = Batch(cell, F, H, lengths, dtype, masked=masked)
    got = batch.run()
    expected = expected_of(cell, F, H, tuple(lengths), dtype, masked)
    if cell == "rnn_relu" and dtype == np.float32:
        # Which side of its kink a unit is on can turn on the last bit of float32, and
        # the gradient jumps there; h itself does not.
        forward = {key: expected[key] for key in ("h", "h_last")}
        expected = batch.reference(got["h"]) | forward
    tolerance = {np.float64: 1e-13, np.float32: 3e-5}[dtype]
    for key, value in got.items():
        scale = max(1, np.abs(expected[key]).max(initial=0))
        assert value.dtype == dtype
        assert_allclose(value, expected[key], 0, tolerance * scale, err_msg=key)


# On one thread: others give the same bits, which is a test of its own below.
@every_cell
@every_dtype
@every_shape
def test_reference(instruction_set, cell, F, H, lengths, dtype):
    assert_close_to_reference(cell, F, H, lengths, dtype)


@every_cell
@every_dtype
@pytest.mark.parametrize("F, H, lengths", MASKED_SHAPES)
def test_reference_with_recurrent_dropout(
    instruction_set, cell, F, H, lengths, dtype
):  # fmt: skip
    assert_close_to_reference(cell, F, H, lengths, dtype, masked=True)


@every_cell
@pytest.mark.parametrize(
    "F, H, lengths, masked",
    [
        (3, 5, [4, 0, 1, 6], False),
        (3, 5, [4, 0, 1, 6], True),
        (2, 9, [3, 2], True),
        (1, 4, [1], False),
        (2, 3, [26], True),
    ],
)
def test_finite_differences(instruction_set, cell, F, H, lengths, masked):
    """Every element of every gradient, by central differences in float64."""
    batch = Batch(cell, F, H, lengths, masked=masked)
    gradients = batch.run()
    epsilon = 1e-5
    arrays = {**batch.weights, "x": batch.x, "h_0": batch.h_0}
    if CELLS[cell].has_c:
        arrays["c_0"] = batch.c_0
    for name, array in arrays.items():
        numeric = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + epsilon
            above = batch.loss()
            array[index] = value - epsilon
            numeric[index] = (above - batch.loss()) / (2 * epsilon)
            array[index] = value
        assert_allclose(
            gradients[f"d_{name}"], numeric, rtol=1e-6, atol=1e-6, err_msg=name
        )


# ---- PyTorch ---------------------------------------------------------------------


def torch_case(name):
    with np.load(TORCH) as numbers:
        return {
            key.split("/")[1]: numbers[key]
            for key in numbers.files
            if key.startswith(f"{name}/")
        }


def from_torch(numbers, k, prefix=""):
    """The weights of LSTM layer k, whose bias_hh are zero."""
    return {
        "w": numbers[f"{prefix}weight_ih_l{k}"].T.copy(),
        "r": numbers[f"{prefix}weight_hh_l{k}"].T.copy(),
        "b": numbers[f"{prefix}bias_ih_l{k}"],
    }


@pytest.mark.parametrize("name", ["one_layer", "wide", "two_layers", "single_step"])
def test_pytorch(instruction_set, name):
    """Stacked LSTM layers and the head: outputs and every gradient, h_0 and c_0 not 0.

    Other cells and both directions are in test_network.py.
    """
    numbers = torch_case(name)
    lengths = numbers["lengths"].astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    schedule = Schedule(starts, lengths, 3, n_rows=lengths.sum())
    at = np.argsort(schedule.data_rows)
    x, x_rows, layers = numbers["x"], schedule.data_rows, []
    while f"weight_ih_l{len(layers)}" in numbers:
        k = len(layers)
        weights = from_torch(numbers, k)
        H = len(weights["r"])
        layer = Recurrent(len(weights["w"]), H, np.float64)
        layer.load(weights, backward=True, d_x=True)
        pad = ((0, 0), (0, layer.width - H))
        h_last, h, h_rows = layer.forward(
            schedule, x, x_rows, keep=True,
            h_0=np.pad(numbers[f"h_0_l{k}"], pad),
            c_0=np.pad(numbers[f"c_0_l{k}"], pad),
        )  # fmt: skip
        assert_allclose(h_last[:, :H], numbers[f"h_last_l{k}"], rtol=1e-12)
        assert_allclose(h[h_rows[at], :H], numbers[f"h_l{k}"], rtol=1e-12)
        layers.append(layer)
        x, x_rows = h, h_rows

    head = Dense("head", H, len(numbers["head_bias"]), np.float64)
    head.load(
        {"w": numbers["head_weight"].T.copy(), "b": numbers["head_bias"]}, backward=True
    )
    output, tape = head.forward(h_last, Run(Memory(np.float64), keep=True))
    assert_allclose(output, numbers["output"], rtol=1e-12)

    B, K = output.shape
    if K > 1:
        p = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        d_output = (p - np.eye(K)[numbers["target"]]) / B
    else:
        d_output = (output - numbers["target"]) / B
    d_head = {name: np.zeros(shape) for name, shape in head.shapes.items()}
    gradient = {"d_last": head.backward(d_output, tape, d_head)}
    assert_allclose(d_head["w"].T, numbers["d_head_weight"], rtol=1e-9, atol=1e-14)
    assert_allclose(d_head["b"], numbers["d_head_bias"], rtol=1e-9, atol=1e-14)
    for k in reversed(range(len(layers))):
        layer = layers[k]
        d_weights = {name: np.zeros(shape) for name, shape in layer.shapes.items()}
        d_c_0 = np.zeros((B, layer.width))
        d_h_0 = np.zeros((B, layer.width))
        d_x = layer.backward(d_weights, **gradient, d_c=d_c_0, d_h_0=d_h_0, d_x=True)
        H = layer.n_units
        tolerance = {"rtol": 1e-9, "atol": 1e-14}
        for key, value in from_torch(numbers, k, "d_").items():
            assert_allclose(d_weights[key], value, **tolerance, err_msg=key)
        assert_allclose(d_h_0[:, :H], numbers[f"d_h_0_l{k}"], **tolerance)
        assert_allclose(d_c_0[:, :H], numbers[f"d_c_0_l{k}"], **tolerance)
        gradient = {"d_out": d_x}
    F = numbers["x"].shape[1]
    assert_allclose(d_x[at, :F], numbers["d_x"], rtol=1e-9, atol=1e-14)


def by_hand(cell, weights, T=2):
    """One unit on x = 1, -1 from h = 1/4, c = 1, with these weights and no others."""
    batch = Batch(cell, 1, 1, [T])
    for name, values in batch.weights.items():
        values[:] = 0
        for index, value in weights.get(name, {}).items():
            values.flat[index] = value
    batch.x[:, 0] = [1, -1][:T]
    batch.h_0[:] = 0.25
    batch.c_0[:] = 1
    return batch.run()


def test_lstm_by_hand(instruction_set):
    """Every gate at one half: numbers for pencil and paper."""
    # g = tanh(x artanh(1/2)) = x / 2 at x = ±1
    result = by_hand("lstm", {"w": {2: np.arctanh(0.5)}})
    c_1 = 0.5 * 1 + 0.5 * 0.5  # 3/4
    c_2 = 0.5 * c_1 - 0.5 * 0.5  # 1/8
    assert_allclose(result["c_last"], [[c_2]], rtol=1e-15)
    assert_allclose(result["h"][:, 0], np.tanh([c_1, c_2]) / 2, rtol=1e-15)


def test_peephole_by_hand(instruction_set):
    """Gates look at the cell state: i and f at the one before, o at the new one."""
    # i = sigma(log 3 c') and so on; g = 1/2
    result = by_hand(
        "lstm_peephole",
        {"b": {2: np.arctanh(0.5)}, "p": {0: np.log(3), 1: np.log(7), 2: np.log(2)}},
        T=1,
    )
    c = 7 / 8 * 1 + 3 / 4 * 0.5  # 5/4
    assert_allclose(result["c_last"], [[c]], rtol=1e-15)
    assert_allclose(result["h"], [[np.tanh(c) * 2**c / (1 + 2**c)]], rtol=1e-15)


def test_gru_by_hand(instruction_set):
    """r = 3/4 acts on R_n h' + b_q, and u = 1/4 of h' is kept."""
    # slots of the bias n, r, u, q; columns of R r, u, q: q = 8 h' + 2 = 4, z_n = x - 3
    result = by_hand(
        "gru",
        {
            "w": {0: 1},
            "r": {2: 8},
            "b": {0: -3, 1: np.log(3), 2: -np.log(3), 3: 2},
        },
        T=1,
    )
    n = np.tanh(1 - 3 + 3 / 4 * 4)  # tanh(1)
    assert_allclose(result["h"], [[3 / 4 * n + 1 / 4 * 0.25]], rtol=1e-15)


def test_rnn_by_hand(instruction_set):
    weights = {"w": {0: 0.5}, "r": {0: 2}, "b": {0: 0.25}}
    result = by_hand("rnn_relu", weights)
    assert_array_equal(result["h"], [[1.25], [2.25]])  # 2 / 4 + 1/2 + 1/4, 2.5 - 1/4
    result = by_hand("rnn_relu", weights | {"b": {0: -1.5}})
    assert_array_equal(result["h"], [[0], [0]])
    result = by_hand("rnn_tanh", weights)
    h_1 = np.tanh(1.25)
    assert_allclose(result["h"], [[h_1], [np.tanh(2 * h_1 - 0.25)]], rtol=1e-15)


# ---- bits ------------------------------------------------------------------------


@every_cell
@every_dtype
@every_shape
def test_bits_do_not_depend_on_threads(instruction_set, cell, F, H, lengths, dtype):
    batch = Batch(cell, F, H, lengths, dtype, masked=lengths[0] > 4)
    expected = batch.run(n_threads=1)
    for n_threads in (2, 3):
        for key, value in batch.run(n_threads).items():
            assert_array_equal(value, expected[key], err_msg=key)


@every_cell
@every_dtype
@pytest.mark.parametrize("masked", [False, True])
def test_bits_do_not_depend_on_neighbours(instruction_set, cell, dtype, masked):
    lengths = [3, 11, 0, 7, 7, 1, 30, 2, 5, 5, 5, 5, 5]
    batch = Batch(cell, 13, 50, lengths, dtype, masked=masked)
    together = batch.run()
    for strip_rows in (1, 2, 3, 4, 5, 7):
        other = batch.run(strip_rows=strip_rows, n_threads=2)
        for key in {"h_last", "c_last", "h", "d_x", "d_h_0", "d_c_0"} & other.keys():
            assert_array_equal(other[key], together[key], err_msg=key)
    for sequence in (True, False):
        without_memory = batch.run(keep=False, sequence=sequence)
        # a mask is multiplied with the states of all steps
        assert ("h" in without_memory) == (sequence or masked)
        for key, value in without_memory.items():
            assert_array_equal(value, together[key], err_msg=key)


@every_cell
@every_dtype
@pytest.mark.parametrize("masked", [False, True])
def test_states_are_by_sequence(instruction_set, cell, dtype, masked):
    """Initial and last states, their gradients and masks: to the bit those of each
    sequence by itself, and passed through where there are no steps."""
    lengths = [0, 3, 11, 0, 7, 7, 1, 30, 0, 2, 5, 0]
    batch = Batch(cell, 13, 19, lengths, dtype, masked=masked)
    together = batch.run(strip_rows=4)
    keys = {"h_last", "c_last", "d_h_0", "d_c_0"} & together.keys()
    assert len(keys) == 2 + 2 * CELLS[cell].has_c
    for i, T in enumerate(lengths):
        alone = Batch(cell, 13, 19, [T], dtype)
        steps = slice(batch.offsets[i], batch.offsets[i + 1])
        alone.x, alone.d_h, alone.weights = (
            batch.x[steps],
            batch.d_h[steps],
            batch.weights,
        )
        for name in ("h_0", "c_0", "d_last", "d_c_last", "mask"):
            if getattr(batch, name) is not None:
                setattr(alone, name, getattr(batch, name)[i : i + 1])
        result = alone.run()
        for key in keys:
            assert_array_equal(result[key][0], together[key][i], err_msg=key)
        if T == 0:
            for key, source in (("h_last", "h_0"), ("c_last", "c_0")):
                if key in keys:
                    assert_array_equal(together[key][i], getattr(batch, source)[i])
            for key, source in (("d_h_0", "d_last"), ("d_c_0", "d_c_last")):
                if key in keys:
                    assert_array_equal(together[key][i], getattr(batch, source)[i])


@every_cell
def test_gradient_of_initial_states_without_those_of_the_last(instruction_set, cell):
    """None is zero, for a sequence without steps too."""
    results = []
    for zeros in (True, False):
        layer = Recurrent(3, 5, np.float64, cell)
        batch = Batch(cell, 3, 5, [2, 0, 4])
        layer.load(batch.weights, backward=True)
        schedule = Schedule(batch.starts, batch.lengths, n_rows=6)
        layer.forward(schedule, batch.x, schedule.data_rows, keep=True)
        shape = 3, layer.width
        options = {"d_last": np.zeros(shape)} if zeros else {}
        if zeros and layer.cell.has_c:
            options["d_c"] = np.zeros(shape)
        d_h_0 = np.full(shape, np.nan)
        layer.backward(
            {name: np.zeros(shape) for name, shape in layer.shapes.items()},
            d_out=np.ones((6, layer.width)), d_h_0=d_h_0, **options,
        )  # fmt: skip
        assert not d_h_0[1].any() and d_h_0[[0, 2], :5].all()
        results.append(d_h_0)
    assert_array_equal(*results)


@every_cell
@every_dtype
@pytest.mark.parametrize("H", [5, 32])  # padded, and straight into the gradient
def test_gradients_of_weights_are_added(instruction_set, cell, dtype, H):
    batch = Batch(cell, 3, H, [4, 0, 9, 1], dtype)
    first = batch.run()
    d_weights = {name: w.copy() for name, w in batch.weights.items()}
    second = batch.run(d_weights=d_weights, n_threads=2)
    for key, value in second.items():
        expected = first[key]
        if key[2:] in d_weights:
            expected = batch.weights[key[2:]] + expected
            scale = np.finfo(dtype).eps * 20 * np.abs(expected).max()
            assert_allclose(value, expected, rtol=0, atol=scale, err_msg=key)
        else:
            assert_array_equal(value, expected, err_msg=key)


@pytest.mark.skipif(
    "avx512" not in supported_instruction_sets(), reason="needs two sets with FMA"
)
@every_cell
@every_dtype
@every_shape
def test_same_bits_with_avx2_and_avx512(monkeypatch, cell, F, H, lengths, dtype):
    results = []
    for name in ("avx2", "avx512"):
        use_kernels_of(monkeypatch, name)
        batch = Batch(cell, F, H, lengths, dtype, masked=lengths[0] > 4)
        results.append(batch.run(d_weights=batch.weights))  # adds to them
    for key, value in results[0].items():
        assert_array_equal(value, results[1][key], err_msg=key)


@every_cell
@every_dtype
def test_mask_of_ones_changes_nothing(instruction_set, cell, dtype):
    batch = Batch(cell, 3, 21, [0, 3, 9, 1, 12], dtype)
    expected = batch.run()
    batch.mask = np.ones_like(batch.h_0)
    for key, value in batch.run().items():
        assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("z_o", [-20.0, -95.0, -1000.0])
def test_backward_at_a_closed_output_gate(instruction_set, cell, z_o, dtype):
    """tanh(c) is h / o there: finite, and no gradient comes through the gate."""
    batch = Batch(cell, 3, 5, [4, 2, 9], dtype)
    batch.weights["b"][3 * batch.H :] = z_o
    result = batch.run()
    for key, value in result.items():
        assert np.isfinite(value).all(), key
    for name in ("d_w", "d_r", "d_b"):
        d_o = result[name][..., 3 * batch.H :]
        assert np.abs(d_o).max() <= 100 * np.exp(max(z_o, -87) * 0.9)


@every_cell
@every_dtype
def test_nan_comes_through(instruction_set, cell, dtype):
    """To every unit of its sequence from its step on, and to no other sequence."""
    batch = Batch(cell, 3, 21, [6, 4, 9], dtype)
    clean = batch.run(backward=False)["h"]
    batch.x[6 + 2, 1] = np.nan  # the third step of the second sequence
    h = batch.run(backward=False)["h"]
    assert np.isnan(h[8:10]).all()
    others = np.r_[0:8, 10:19]
    assert_array_equal(h[others], clean[others])


# ---- the door --------------------------------------------------------------------


@every_cell
def test_shapes_are_checked(instruction_set, cell):
    batch = Batch(cell, 3, 5, [2, 4])
    layer = Recurrent(3, 5, np.float64, cell)
    weights, n_gates = batch.weights, CELLS[cell].gates
    for name, array, message in [
        ("w", weights["w"][:-1], "do not belong together"),
        ("w", weights["w"][:, 1:], rf"w has shape \(3, {5 * n_gates - 1}\)"),
        ("r", weights["r"][:, 1:], rf"r has shape \(5, {5 * n_gates - 1}\)"),
        ("b", weights["b"][:-1], "do not belong together"),
        ("b", weights["b"].astype(np.float32), "Buffer dtype mismatch"),
    ]:
        with pytest.raises(ValueError, match=message):
            layer.load({**weights, name: array.copy()}, backward=False)
    layer.load(weights, backward=True)
    schedule = Schedule(batch.starts, batch.lengths, n_rows=6)
    rows = schedule.data_rows
    with pytest.raises(ValueError, match="do not belong together"):
        layer.forward(schedule, batch.x[:, :2].copy(), rows, keep=False)
    with pytest.raises(ValueError, match="do not belong together"):
        layer.forward(schedule, batch.x, rows[:-1], keep=False)
    with pytest.raises(ValueError, match=r"h_0 has shape \(2, 5\)"):
        layer.forward(schedule, batch.x, rows, keep=False, h_0=batch.h_0)
    with pytest.raises(ValueError, match=r"c_0 has shape \(2, 5\)"):
        layer.forward(schedule, batch.x, rows, keep=False, c_0=batch.c_0)
    with pytest.raises(ValueError, match=r"mask has shape \(2, 5\)"):
        layer.forward(schedule, batch.x, rows, keep=True, mask=batch.h_0)
    layer.forward(schedule, batch.x, rows, keep=True)
    d_weights = {name: np.zeros(shape) for name, shape in layer.shapes.items()}
    for name, array in [
        ("d_last", np.zeros((3, layer.width))),
        ("d_out", np.zeros((5, layer.width))),
        ("d_c", np.zeros((2, layer.width - 1))),
        ("d_h_0", np.zeros((1, layer.width))),
    ]:
        message = f"{name} has shape"
        if name == "d_c" and not layer.cell.has_c:
            message = "c and d_c are for a cell that has a state c"
        with pytest.raises(ValueError, match=message):
            layer.backward(d_weights, **{name: array})
    for name, array in d_weights.items():
        if name != "p":
            with pytest.raises(ValueError, match=f"d_{name} has"):
                layer.backward({**d_weights, name: array[:-1]})
    with pytest.raises(ValueError, match="packed has not the elements"):
        layer.backward(d_weights, d_x=True)  # was not loaded for it
    layer._packed = layer._packed[:-1]
    with pytest.raises(ValueError, match="packed has not the elements"):
        layer.forward(schedule, batch.x, rows, keep=True)


@every_cell
def test_memory_is_checked(instruction_set, cell):
    """An array that is smaller than the kernels say is refused."""
    batch = Batch(cell, 3, 5, [2, 4])
    layer = Recurrent(3, 5, np.float64, cell)
    layer.load(batch.weights, backward=True)
    schedule = Schedule(batch.starts, batch.lengths, n_rows=6)
    layer.forward(schedule, batch.x, schedule.data_rows, keep=True)
    original = layer.workspace.array

    def array(name, *shape):
        return original(name, *shape)[: -1 if name == "scratch" else None]

    layer.workspace.array = array
    with pytest.raises(ValueError, match="than forward_scratch_size says"):
        layer.forward(schedule, batch.x, schedule.data_rows, keep=False)
    d_weights = {name: np.zeros(shape) for name, shape in layer.shapes.items()}
    with pytest.raises(ValueError, match="than backward_scratch_size says"):
        layer.backward(d_weights)


def test_padded(instruction_set):
    padded = kernels.kernels_for(np.float64).padded
    lanes = padded(1)
    assert lanes in (2, 4, 8)
    sizes = (0, 1, lanes, lanes + 1, 5 * lanes)
    assert [padded(n) for n in sizes] == [0, lanes, lanes, 2 * lanes, 5 * lanes]
    assert kernels.kernels_for(np.float32).padded(1) == 2 * lanes


@pytest.mark.parametrize("number", [-1, len(CELLS)])
def test_there_is_no_other_cell(instruction_set, number):
    layer = Recurrent(3, 5, np.float64)
    layer.cell = layer.cell._replace(number=number)
    with pytest.raises(ValueError, match=f"There is no cell {number}"):
        layer.load(Batch("lstm", 3, 5, [2]).weights, backward=False)
