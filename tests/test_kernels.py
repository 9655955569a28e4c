"""The recurrent kernels: against the reference, finite differences and PyTorch's frozen
numbers, on every instruction set; and the promises about bits."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import kernels_of
from numpy.testing import assert_allclose, assert_array_equal
from reference import lstm_backward, lstm_forward

from sklstm import kernels
from sklstm.kernels import Schedule, supported_instruction_sets
from sklstm.network.layers import Dense, Recurrent

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


class Batch:
    """A layer with random weights on a batch of random sequences."""

    def __init__(self, F, H, lengths, dtype=np.float64, seed=0):
        rng = np.random.default_rng(seed)
        self.F, self.H, self.B = F, H, len(lengths)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.starts = self.offsets[:-1].copy()
        N = self.offsets[-1]
        self.x = rng.standard_normal((N, F)).astype(dtype)
        self.weights = (0.4 * rng.standard_normal((F + H + 1, 4 * H))).astype(dtype)
        self.h_0, self.c_0, self.d_last, self.d_c_last = rng.standard_normal(
            (4, self.B, H)
        ).astype(dtype)
        # gradient of the hidden state of every step, in the order of x
        self.d_h = rng.standard_normal((N, H)).astype(dtype)

    def run(self, n_threads=1, strip_rows=16, keep=True):
        """All outputs and gradients of the kernels, in the order of the input."""
        layer = Recurrent(self.F, self.H, self.x.dtype)
        layer.load(self.weights, backward=True, d_x=True)
        schedule = Schedule(self.starts, self.lengths, strip_rows)
        pad = ((0, 0), (0, layer.width - self.H))
        h_0, c_0, d_last, d_c = (
            np.pad(a, pad) for a in (self.h_0, self.c_0, self.d_last, self.d_c_last)
        )
        c_last = np.empty_like(c_0)
        h_last, h = layer.forward(
            schedule, self.x, schedule.data_rows, keep=keep, h_0=h_0, c_0=c_0,
            c_last=c_last, n_threads=n_threads,
        )  # fmt: skip
        result = {"h_last": h_last[:, : self.H].copy(), "c_last": c_last[:, : self.H]}
        if not keep:
            return result
        at = np.argsort(schedule.data_rows)
        result["h"] = h[schedule.state_rows[at], : self.H].copy()
        d_weights = np.empty_like(self.weights)
        d_h_0 = np.zeros_like(h_0)
        d_c = d_c[schedule.order]
        d_x = layer.backward(
            d_weights, d_last=d_last,
            d_out=np.pad(self.d_h, pad)[schedule.data_rows], d_c=d_c, d_h_0=d_h_0,
            d_x=True, n_threads=n_threads,
        )  # fmt: skip
        place = np.argsort(schedule.order)
        empty = (self.lengths == 0)[:, np.newaxis]
        result |= {
            "d_weights": d_weights,
            "d_x": d_x[at, : self.F].copy(),
            "d_h_0": np.where(empty, self.d_last, d_h_0[place, : self.H]),
            "d_c_0": d_c[place, : self.H],
        }
        return result

    def reference(self):
        """The same from tests/reference.py, in float64."""
        W = self.weights.astype(np.float64)
        result = {"d_weights": np.zeros_like(W)}
        rows = {k: [] for k in ("h_last", "c_last", "h", "d_x", "d_h_0", "d_c_0")}
        for i in range(self.B):
            steps = slice(self.offsets[i], self.offsets[i + 1])
            x = self.x[steps].astype(np.float64)
            h, c, gates = lstm_forward(W, x, self.h_0[i], self.c_0[i])
            d_h = np.zeros_like(h)
            d_h[1:] = self.d_h[steps]
            d_h[-1] += self.d_last[i]
            d_weights, d_x, d_h_0, d_c_0 = lstm_backward(
                W, x, h, c, gates, d_h, self.d_c_last[i].astype(np.float64)
            )
            result["d_weights"] += d_weights
            for key, value in zip(
                rows, (h[-1], c[-1], h[1:], d_x, d_h_0, d_c_0), strict=True
            ):
                rows[key].append(value)
        for key, values in rows.items():
            join = np.concatenate if key in ("h", "d_x") else np.stack
            result[key] = join(values)
        return result

    def loss(self):
        """The scalar whose gradients `run` returns."""
        result = self.run()
        return (
            (result["h_last"] * self.d_last).sum()
            + (result["c_last"] * self.d_c_last).sum()
            + (result["h"] * self.d_h).sum()
        )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("F, H, lengths", SHAPES)
def test_reference(instruction_set, F, H, lengths, n_threads, dtype):
    batch = Batch(F, H, lengths, dtype)
    expected = batch.reference()
    tolerance = {np.float64: 1e-13, np.float32: 3e-5}[dtype]
    for key, value in batch.run(n_threads).items():
        scale = max(1, np.abs(expected[key]).max(initial=0))
        assert value.dtype == dtype
        assert_allclose(value, expected[key], 0, tolerance * scale, err_msg=key)


@pytest.mark.parametrize(
    "F, H, lengths", [(3, 5, [4, 0, 1, 6]), (2, 17, [3, 2]), (1, 4, [1])]
)
def test_finite_differences(instruction_set, F, H, lengths):
    """Every element of every gradient, by central differences in float64."""
    batch = Batch(F, H, lengths)
    gradients = batch.run()
    epsilon = 1e-5
    for name, d_name in [
        ("weights", "d_weights"), ("x", "d_x"), ("h_0", "d_h_0"), ("c_0", "d_c_0"),
    ]:  # fmt: skip
        array = getattr(batch, name)
        numeric = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + epsilon
            above = batch.loss()
            array[index] = value - epsilon
            numeric[index] = (above - batch.loss()) / (2 * epsilon)
            array[index] = value
        assert_allclose(gradients[d_name], numeric, rtol=1e-6, atol=1e-6, err_msg=name)


def torch_case(name):
    with np.load(TORCH) as numbers:
        return {
            key.split("/")[1]: numbers[key]
            for key in numbers.files
            if key.startswith(f"{name}/")
        }


def from_torch(numbers, k, prefix=""):
    """The matrix (F + H + 1, 4 H) of layer k."""
    rows = [
        numbers[f"{prefix}weight_ih_l{k}"].T,
        numbers[f"{prefix}weight_hh_l{k}"].T,
        numbers[f"{prefix}bias_ih_l{k}"],
    ]
    return np.ascontiguousarray(np.vstack(rows))


@pytest.mark.parametrize("name", ["one_layer", "wide", "two_layers", "single_step"])
def test_pytorch(instruction_set, name):
    """Stacked layers and the head: outputs and every gradient, initial states not 0."""
    numbers = torch_case(name)
    lengths = numbers["lengths"].astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    schedule = Schedule(starts, lengths, 3)
    at = np.argsort(schedule.data_rows)
    place = np.argsort(schedule.order)
    x, x_rows, layers = numbers["x"], schedule.data_rows, []
    while f"weight_ih_l{len(layers)}" in numbers:
        k = len(layers)
        weights = from_torch(numbers, k)
        H = weights.shape[1] // 4
        layer = Recurrent(weights.shape[0] - H - 1, H, np.float64)
        layer.load(weights, backward=True, d_x=True)
        pad = ((0, 0), (0, layer.width - H))
        h_last, h = layer.forward(
            schedule, x, x_rows, keep=True,
            h_0=np.pad(numbers[f"h_0_l{k}"], pad),
            c_0=np.pad(numbers[f"c_0_l{k}"], pad),
        )  # fmt: skip
        assert_allclose(h_last[:, :H], numbers[f"h_last_l{k}"], rtol=1e-12)
        assert_allclose(h[schedule.state_rows[at], :H], numbers[f"h_l{k}"], rtol=1e-12)
        layers.append(layer)
        x, x_rows = h, schedule.state_rows

    head = Dense(H, len(numbers["head_bias"]), np.float64)
    head_weights = np.ascontiguousarray(
        np.vstack([numbers["head_weight"].T, numbers["head_bias"]])
    )
    head.load(head_weights, backward=True)
    output = head.forward(h_last)
    assert_allclose(output, numbers["output"], rtol=1e-12)

    B, K = output.shape
    if K > 1:
        p = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        d_output = (p - np.eye(K)[numbers["target"]]) / B
    else:
        d_output = (output - numbers["target"]) / B
    d_head = np.empty_like(head_weights)
    gradient = {"d_last": head.backward(d_output, d_head)}
    assert_allclose(d_head[:-1].T, numbers["d_head_weight"], rtol=1e-9, atol=1e-14)
    assert_allclose(d_head[-1], numbers["d_head_bias"], rtol=1e-9, atol=1e-14)
    for k in reversed(range(len(layers))):
        layer = layers[k]
        d_weights = np.empty(layer.shape)
        d_c_0 = np.zeros((B, layer.width))
        d_h_0 = np.zeros((B, layer.width))
        d_x = layer.backward(d_weights, **gradient, d_c=d_c_0, d_h_0=d_h_0, d_x=True)
        H = layer.n_units
        tolerance = {"rtol": 1e-9, "atol": 1e-14}
        assert_allclose(d_weights, from_torch(numbers, k, "d_"), **tolerance)
        assert_allclose(d_h_0[place, :H], numbers[f"d_h_0_l{k}"], **tolerance)
        assert_allclose(d_c_0[place, :H], numbers[f"d_c_0_l{k}"], **tolerance)
        gradient = {"d_out": d_x}
    F = numbers["x"].shape[1]
    assert_allclose(d_x[at, :F], numbers["d_x"], rtol=1e-9, atol=1e-14)


def test_by_hand(instruction_set):
    """One unit, two steps, every gate at one half: numbers for pencil and paper."""
    batch = Batch(1, 1, [2])
    batch.weights[:] = 0
    batch.weights[0, 2] = np.arctanh(0.5)  # g = tanh(x artanh(1/2)) = x / 2 at x = ±1
    batch.x[:] = [[1], [-1]]
    batch.h_0[:] = 0.25
    batch.c_0[:] = 1
    result = batch.run()
    c_1 = 0.5 * 1 + 0.5 * 0.5  # 3/4
    c_2 = 0.5 * c_1 - 0.5 * 0.5  # 1/8
    assert_allclose(result["c_last"], [[c_2]], rtol=1e-15)
    assert_allclose(result["h"][:, 0], np.tanh([c_1, c_2]) / 2, rtol=1e-15)


# ---- bits ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("F, H, lengths", SHAPES)
def test_bits_do_not_depend_on_threads(instruction_set, F, H, lengths, dtype):
    batch = Batch(F, H, lengths, dtype)
    expected = batch.run(n_threads=1)
    for n_threads in (2, 3):
        for key, value in batch.run(n_threads).items():
            assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_do_not_depend_on_neighbours(instruction_set, dtype):
    batch = Batch(13, 50, [3, 11, 0, 7, 7, 1, 30, 2, 5, 5, 5, 5, 5], dtype)
    together = batch.run()
    for strip_rows in (1, 2, 3, 4, 5, 7):
        other = batch.run(strip_rows=strip_rows, n_threads=2)
        for key in ("h_last", "c_last", "h", "d_x", "d_h_0", "d_c_0"):
            assert_array_equal(other[key], together[key], err_msg=key)
    without_memory = batch.run(keep=False)
    assert_array_equal(without_memory["h_last"], together["h_last"])
    assert_array_equal(without_memory["c_last"], together["c_last"])


@pytest.mark.skipif(
    "avx512" not in supported_instruction_sets(), reason="needs two sets with FMA"
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("F, H, lengths", SHAPES)
def test_same_bits_with_avx2_and_avx512(monkeypatch, F, H, lengths, dtype):
    results = []
    for name in ("avx2", "avx512"):
        monkeypatch.setattr(
            "sklstm.network.layers.kernels_for",
            lambda d, name=name: kernels_of(name, d),
        )
        results.append(Batch(F, H, lengths, dtype).run())
    for key, value in results[0].items():
        assert_array_equal(value, results[1][key], err_msg=key)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("z_o", [-20.0, -95.0, -1000.0])
def test_backward_at_a_closed_output_gate(instruction_set, z_o, dtype):
    """tanh(c) is h / o there: finite, and no gradient comes through the gate."""
    batch = Batch(3, 5, [4, 2, 9], dtype)
    batch.weights[-1, 3 * batch.H :] = z_o
    for key, value in batch.run().items():
        assert np.isfinite(value).all(), key
    d_o = batch.run()["d_weights"][:, 3 * batch.H :]
    assert np.abs(d_o).max() <= 100 * np.exp(max(z_o, -87) * 0.9)


# ---- sigma and tanh --------------------------------------------------------------


def gates_at(z):
    """sigma(z) and tanh(z) as the kernels compute them: the gates of one step."""
    layer = Recurrent(1, 1, z.dtype)
    weights = np.zeros((3, 4), dtype=z.dtype)
    weights[0] = 1
    layer.load(weights, backward=False)
    starts = np.arange(len(z), dtype=np.intp)
    schedule = Schedule(starts, np.ones(len(z), dtype=np.intp))
    layer.forward(schedule, z[:, np.newaxis].copy(), schedule.data_rows, keep=True)
    gates = layer._kept[3].reshape(len(z), 4, layer.width)[:, :, 0]
    order = np.argsort(schedule.data_rows)
    return gates[order, 0], gates[order, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations(instruction_set, dtype):
    """At most 3.5 units in the last place from the exact value."""
    rng = np.random.default_rng(0)
    z = np.concatenate(
        [
            rng.uniform(-30, 30, 20_000),
            rng.standard_normal(20_000),
            rng.choice([-1, 1], 5_000) * 10.0 ** rng.uniform(-12, 0, 5_000),
            [0.0, 50, -50, 80, -80],
        ]
    ).astype(dtype)
    exact_z = z.astype(np.longdouble)
    sigmoid, tanh = gates_at(z)
    for value, exact in (
        (sigmoid, 1 / (1 + np.exp(-exact_z))),
        (tanh, np.tanh(exact_z)),
    ):
        ulp = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
        assert np.max(np.abs(value - exact) / ulp) < 3.5
        assert np.abs(value).max() <= 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_at_the_ends(instruction_set, dtype):
    z = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0], dtype=dtype)
    sigmoid, tanh = gates_at(z)
    assert np.isnan(sigmoid[0]) and np.isnan(tanh[0])
    assert_array_equal(tanh[1:], np.array([1, -1, 1, -1, 0], dtype=dtype))
    assert_array_equal(sigmoid[[1, 3, 5]], np.array([1, 1, 0.5], dtype=dtype))
    assert np.all((sigmoid[[2, 4]] >= 0) & (sigmoid[[2, 4]] < 1e-30))


def test_denormals_are_flushed_inside_only(instruction_set):
    tiny = np.float32(1e-40)
    Batch(2, 40, [5] * 40, np.float32).run(n_threads=2)
    assert tiny * np.float32(0.5) > 0


# ---- the door --------------------------------------------------------------------


def test_shapes_are_checked(instruction_set):
    batch = Batch(3, 5, [2, 4])
    layer = Recurrent(3, 5, np.float64)
    with pytest.raises(ValueError, match="do not belong together"):
        layer.load(batch.weights[:-1].copy(), backward=False)
    layer.load(batch.weights, backward=True)
    schedule = Schedule(batch.starts, batch.lengths)
    with pytest.raises(ValueError, match="do not belong together"):
        layer.forward(schedule, batch.x[:, :2].copy(), schedule.data_rows, keep=False)
    with pytest.raises(ValueError, match=r"h_0 has shape \(2, 5\)"):
        layer.forward(schedule, batch.x, schedule.data_rows, keep=False, h_0=batch.h_0)
    layer.forward(schedule, batch.x, schedule.data_rows, keep=True)
    d_weights = np.empty(layer.shape)
    with pytest.raises(ValueError, match="d_last has shape"):
        layer.backward(d_weights, d_last=np.zeros((3, layer.width)))
    with pytest.raises(ValueError, match="Buffer dtype mismatch"):
        layer.load(batch.weights.astype(np.float32), backward=False)


@pytest.mark.parametrize("n, K, N", [(7, 20, 1), (1, 3, 9), (40, 64, 130)])
def test_dense(instruction_set, n, K, N):
    rng = np.random.default_rng(0)
    a, d_out = rng.standard_normal((n, K)), rng.standard_normal((n, N))
    weights = rng.standard_normal((K + 1, N))
    dense = Dense(K, N, np.float64)
    dense.load(weights, backward=True)
    assert_allclose(dense.forward(a), a @ weights[:-1] + weights[-1], rtol=1e-12)
    d_weights = np.empty_like(weights)
    d_a = dense.backward(d_out, d_weights)
    assert_allclose(d_weights[:-1], a.T @ d_out, rtol=1e-10, atol=1e-12)
    assert_allclose(d_weights[-1], d_out.sum(axis=0), rtol=1e-10, atol=1e-12)
    assert_allclose(d_a[:, :K], d_out @ weights[:-1].T, rtol=1e-10, atol=1e-12)


# ---- the schedule ----------------------------------------------------------------


@pytest.mark.parametrize("strip_rows", [1, 3, 16])
@pytest.mark.parametrize("lengths", [[4, 4, 4], [0, 3, 1, 7, 0, 2, 2], [0], [1]])
def test_schedule(lengths, strip_rows):
    """Each step of each sequence once, after the one before, and nothing else."""
    lengths = np.array(lengths, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) + 5
    schedule = Schedule(starts, lengths, strip_rows)
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


# ---- the choice of a variant ----------------------------------------------------


def test_forced_variant_must_be_supported():
    assert kernels._choose(["avx2", "baseline"], "") == "avx2"
    assert kernels._choose(["avx2", "baseline"], "baseline") == "baseline"
    with pytest.raises(ImportError, match="SKLSTM_ISA='avx512', but this machine runs"):
        kernels._choose(["avx2", "baseline"], "avx512")
    with pytest.raises(ImportError, match="SKLSTM_ISA='sse9'"):
        kernels._choose(["avx2", "baseline"], "sse9")


@pytest.mark.parametrize("name", supported_instruction_sets())
def test_environment_forces_a_variant(name, tmp_path):
    code = "import sklstm; sklstm.show_versions()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SKLSTM_ISA": name},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"instruction set: {name} " in done.stdout
