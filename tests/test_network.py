"""The network: gradients, pooling, dropout, both directions, truncated gradients.

Oracles: the network written out in NumPy on top of reference.py, central differences in
float64, PyTorch's frozen numbers, and bits that must not depend on what is beside a
sequence, on threads or on strips.
"""

import tracemalloc
from itertools import product
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import reference
from conftest import use_kernels_of
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from sklstm import GRUClassifier, LSTMClassifier, RNNClassifier
from sklstm._kernels import (
    CELLS,
    Schedule,
    dropout_mask,
    philox,
    supported_instruction_sets,
)
from sklstm._network.build import whole_sequence_network
from sklstm._network.exchange import torch_weights
from sklstm._network.layers.bidirectional import Bidirectional
from sklstm._network.layers.dropout import DropoutSeed, Masks, StepDropout
from sklstm._network.layers.pooling import Pooling
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory, aligned_empty

TORCH_CELLS = Path(__file__).parent / "data" / "torch_cells.npz"
POOLINGS = ["last", "mean", "max", "attention"]
LENGTHS = [4, 0, 1, 6, 3]
SEED, STEP = 2**40 + 7, 3

every_cell = pytest.mark.parametrize("cell", CELLS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
every_pooling = pytest.mark.parametrize("pooling", POOLINGS)


class Problem:
    """A network with random parameters on a batch of random sequences."""

    def __init__(
        self, cell, lengths=LENGTHS, *, hidden=(9, 5), dtype=np.float64, rates=(0, 0),
        strip_rows=2, seed=0, scale=0.4, **options,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.cell, self.rates = cell, rates
        self.network = whole_sequence_network(
            3, hidden, 2, dtype, cell, dropout=rates[0], recurrent_dropout=rates[1],
            **options,
        )  # fmt: skip
        self.network.strip_rows = strip_rows
        self.parameters = scale * rng.standard_normal(self.network.layout.size)
        self.parameters = self.parameters.astype(dtype)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.data = rng.standard_normal((self.lengths.sum(), 3)).astype(dtype)
        self.d_output = rng.standard_normal((len(lengths), 2)).astype(dtype)
        self.ids = rng.permutation(1000)[: len(lengths)]

    def masks(self, samples=slice(None)):
        if self.rates != (0, 0):
            return Masks(SEED, STEP, self.ids[samples])

    def output(self, samples=slice(None), keep=False, **options):
        """Raw outputs of some of the sequences."""
        self.network.load(self.parameters, backward=keep)
        output, self.tapes = self.network.forward(
            self.data, self.starts[samples], self.lengths[samples], keep=keep,
            masks=self.masks(samples), **options,
        )  # fmt: skip
        return output.copy()

    def gradient(self, **options):
        """Of sum(output d_output)."""
        self.output(keep=True, **options)
        return self.network.backward(self.d_output.copy(), self.tapes).copy()

    # ---- the same in NumPy, sequence by sequence

    def mask(self, i, name, rate, width, times=None):
        """Factors of one layer for sequence i, at these time steps or at all alike."""
        rows = 1 if times is None else len(times)
        mask = np.ones((rows, width))
        if rate:
            samples = np.full(rows, i)
            number = crc32(name.encode())
            dropout_mask(SEED, STEP, number, self.ids, samples, times, rate, mask)
        return mask[0] if times is None else mask

    def run(self, i, parameters, states=None, begin=0, end=None):
        """Output (K,) for sequence i from step `begin` to `end`, from the given states,
        and the states (h, c) of each layer and direction then."""
        views, network = self.network.views(parameters), self.network
        x = self.data[self.starts[i] :][: self.lengths[i]][begin:end]
        x = x.astype(np.float64)
        times = np.arange(begin, begin + len(x))
        rate, recurrent_rate = self.rates
        after = []
        for k, layer in enumerate(network.recurrent_layers):
            outputs, lasts, H = [], [], layer.n_units
            for d, (part, suffix) in enumerate(directions(layer)):
                weights = {
                    name: np.float64(views[f"l{k}"][name + suffix])
                    for name in part.shapes
                }
                before = states[len(after)] if states else np.zeros((2, H))
                name = f"l{k}{suffix}.recurrent_dropout"
                mask = self.mask(i, name, recurrent_rate, H)
                turn = slice(None, None, -1 if d else 1)
                h, c, _ = reference.forward(self.cell, weights, x[turn], *before, mask)
                outputs.append(h[1:][turn])
                lasts.append(h[-1])
                after.append((h[-1], c[-1]))
            x, last = np.hstack(outputs), np.concatenate(lasts)
            if k < len(network.recurrent_layers) - 1:
                x = x * self.mask(i, f"l{k}.dropout", rate, x.shape[1], times)
        if network.pooling:
            w = views["pooling"]["w"] if network.pooling.shapes else None
            last = pooled(network.pooling.mode, x, w, last)
        last = last * self.mask(i, "head.dropout", rate, len(last))
        return last @ views["head"]["w"] + views["head"]["b"], after


def directions(layer):
    """The recurrent layers of a layer, with the ends of the names of their weights."""
    return list(zip(layer.directions, ("", "_reverse")))


def pooled(mode, h, w, initial):
    """What the head reads of the outputs (T, H) of a sequence."""
    if len(h) == 0:
        return initial
    if mode == "mean":
        return h.mean(axis=0)
    if mode == "max":
        return h.max(axis=0)
    return softmax(np.tanh(h) @ w.ravel()) @ h


def assert_gradient(problem, gradient, loss, epsilon=1e-5):
    """Along a random direction of every parameter array, by central differences."""
    rng = np.random.default_rng(1)
    layout, parameters = problem.network.layout, problem.parameters.copy()
    for name, part in layout.slices.items():
        direction = np.zeros(layout.size)
        direction[part] = rng.standard_normal(part.stop - part.start)
        numeric = (
            loss(parameters + epsilon * direction)
            - loss(parameters - epsilon * direction)
        ) / (2 * epsilon)
        assert_allclose(
            gradient @ direction, numeric, rtol=1e-6, atol=1e-6, err_msg=name
        )


# ---- the whole network -----------------------------------------------------------


@every_cell
@both_ways
@every_pooling
@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3), (0.4, 0), (0, 0.3)])
def test_output(cell, bidirectional, pooling, rates):
    """Against the network in NumPy: which states, which masks, which weights."""
    problem = Problem(cell, rates=rates, bidirectional=bidirectional, pooling=pooling)
    expected = [problem.run(i, problem.parameters)[0] for i in range(len(LENGTHS))]
    for keep in (False, True):
        assert_allclose(problem.output(keep=keep), expected, rtol=1e-11, atol=1e-13)


@every_cell
@both_ways
@every_pooling
@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
def test_gradient(instruction_set, cell, bidirectional, pooling, rates):
    problem = Problem(cell, rates=rates, bidirectional=bidirectional, pooling=pooling)
    gradient = problem.gradient()

    def loss(parameters):
        problem.parameters = parameters
        return (problem.output() * problem.d_output).sum()

    assert_gradient(problem, gradient, loss)


@pytest.mark.parametrize("rates", [(0.4, 0), (0, 0.3)])
@both_ways
def test_gradient_with_one_kind_of_dropout(rates, bidirectional):
    problem = Problem("gru", rates=rates, bidirectional=bidirectional, hidden=(5, 4, 3))
    gradient = problem.gradient()

    def loss(parameters):
        problem.parameters = parameters
        return (problem.output() * problem.d_output).sum()

    assert_gradient(problem, gradient, loss)


@every_pooling
def test_one_workspace_for_batches_of_any_shape(pooling):
    """A network that has seen other batches gives the bits of a new one."""
    options = {"pooling": pooling, "bidirectional": True, "rates": (0.4, 0.3)}
    used = Problem("gru", **options)
    for lengths in ([9] * 11, [1], [0, 0], [30, 2], LENGTHS):
        problem = Problem("gru", lengths, **options)
        expected = problem.gradient()
        problem.network = used.network
        assert_array_equal(problem.gradient(), expected)


@pytest.mark.parametrize("cell", ["lstm_peephole", "gru", "rnn_relu"])
@pytest.mark.parametrize(
    "bidirectional, pooling, tbptt",
    [*product([False, True], POOLINGS, [None]), (False, "last", 2)],
)
@every_dtype
def test_memory_that_was_not_written_is_not_read(
    instruction_set, monkeypatch, cell, bidirectional, pooling, tbptt, dtype
):
    """Where new memory holds NaN, the bits are the same: the padding is all zeros."""
    options = {"bidirectional": bidirectional, "pooling": pooling, "dtype": dtype}

    def results():
        problem = Problem(cell, rates=(0.4, 0.3), **options)
        return problem.output(tbptt=tbptt), problem.gradient(tbptt=tbptt)

    def poisoned(shape, dtype):
        array = aligned_empty(shape, dtype)
        array.fill(np.nan)
        return array

    expected = results()
    for module in ("layers.recurrent", "layers.dense", "network", "workspace"):
        monkeypatch.setattr(f"sklstm._network.{module}.aligned_empty", poisoned)
    for got, value in zip(results(), expected, strict=True):
        assert_array_equal(got, value)


@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
@both_ways
@every_pooling
@every_dtype
def test_bits(instruction_set, monkeypatch, pooling, bidirectional, rates, dtype):
    """The output of a sequence is its own, the gradient the same with any threads."""
    lengths = [3, 11, 0, 7, 7, 1, 30, 2, 5, 5]
    monkeypatch.setattr("sklstm._network.layers.layer.PARALLEL_WORK", 0)
    problem = Problem(
        "gru", lengths, dtype=dtype, rates=rates, bidirectional=bidirectional,
        pooling=pooling,
    )  # fmt: skip
    results = []
    for n_threads in (1, 2, 3):
        monkeypatch.setattr(
            "sklstm._network.layers.layer.effective_n_threads", lambda n=n_threads: n
        )
        results.append((problem.output(), problem.gradient()))
    for output, gradient in results[1:]:
        assert_array_equal(output, results[0][0])
        assert_array_equal(gradient, results[0][1])
    together = results[0][0]
    for samples in ([6], [2], [9, 1, 2, 5], list(range(9, -1, -1))):
        assert_array_equal(problem.output(samples), together[samples])
    assert_array_equal(problem.output(keep=True), together)
    problem.network.strip_rows = 7
    assert_array_equal(problem.output(), together)


@pytest.mark.skipif(
    "avx512" not in supported_instruction_sets(), reason="needs two sets with FMA"
)
@every_pooling
@every_dtype
def test_same_bits_with_avx2_and_avx512(monkeypatch, pooling, dtype):
    results = []
    for name in ("avx2", "avx512"):
        use_kernels_of(monkeypatch, name)
        problem = Problem(
            "lstm", [3, 11, 0, 7, 40], hidden=(9, 21), dtype=dtype, rates=(0.4, 0.3),
            bidirectional=True, pooling=pooling,
        )  # fmt: skip
        results.append((problem.output(), problem.gradient()))
    assert_array_equal(results[0][0], results[1][0])
    assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("n_steps", [1, 7, 20, 1000])
@pytest.mark.parametrize("strip_rows", [1, 3, 8])
def test_batches_are_of_whole_strips(strip_rows, n_steps):
    """They follow each other from the first sequence to the last."""
    network = whole_sequence_network(1, (2,), 1, np.float64)
    network.strip_rows = strip_rows
    lengths = np.random.default_rng(0).integers(0, 6, 50)
    slices = list(network._batches(lengths, n_steps))
    assert [s.start for s in slices] == [0, *(s.stop for s in slices[:-1])]
    assert slices[-1].stop == 50
    for batch in slices[:-1]:
        n, total = batch.stop - batch.start, lengths[batch].sum()
        assert n == 1 or total <= n_steps
        assert n % strip_rows == 0 or n < strip_rows
        with_another_strip = lengths[batch.start : batch.stop + strip_rows]
        if len(with_another_strip) == n + strip_rows:
            assert with_another_strip.sum() > n_steps
    assert len(list(network._batches(lengths[:0], n_steps))) == 0


# ---- PyTorch ---------------------------------------------------------------------


def torch_case(name):
    with np.load(TORCH_CELLS) as numbers:
        return {
            key.split("/")[1]: numbers[key]
            for key in numbers.files
            if key.startswith(f"{name}/")
        }


def from_torch(cell, numbers, ending):
    """The weights of a layer; `ending` is that of PyTorch's names (l0, l1_reverse)."""
    W, R, b, b_R = (
        numbers[f"{name}_{ending}"]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if cell != "gru":
        return {"w": W.T, "r": R.T, "b": b + b_R}
    W_r, W_u, W_n = np.split(W, 3)
    (b_r, b_u, b_n), (b_Rr, b_Ru, b_Rn) = np.split(b, 3), np.split(b_R, 3)
    return {
        "w": np.vstack([W_n, W_r, W_u]).T,
        "r": R.T,
        "b": np.concatenate([b_n, b_r + b_Rr, b_u + b_Ru, b_Rn]),
    }


CASES = ["gru-one", "rnn_tanh-one", "rnn_relu-one", "lstm-stacked", "gru-stacked"]
CASES += ["lstm-bidirectional", "gru-bidirectional", "rnn_relu-bidirectional"]


@pytest.mark.parametrize("name", CASES)
def test_pytorch(instruction_set, name):
    """Outputs and every gradient, by PyTorch's names: torch.nn.LSTM, GRU and RNN."""
    cell, case = name.split("-")
    numbers = torch_case(name)
    bidirectional = case == "bidirectional"
    H, n_layers = numbers["weight_hh_l0"].shape[1], 1 if case == "one" else 2
    network = whole_sequence_network(
        3, (H,) * n_layers, 1, np.float64, cell, bidirectional=bidirectional
    )
    parameters, gradient = np.zeros((2, network.layout.size))
    views, d_views = network.views(parameters), network.views(gradient)
    for k, layer in enumerate(network.recurrent_layers):
        for part, suffix in directions(layer):
            part.reads_data = False  # the gradient of the data is compared too
            weights = from_torch(cell, numbers, f"l{k}{suffix}")
            for key in part.shapes:
                views[f"l{k}"][key + suffix][:] = weights[key]
        layer.reads_data = False
        layer.load(views[f"l{k}"], backward=True)

    lengths = numbers["lengths"].astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    schedule = Schedule(starts, lengths, 3, n_rows=lengths.sum())
    at = np.argsort(schedule.data_rows)
    tight = {"rtol": 1e-10, "atol": 1e-13}
    directions_of = 1 + bidirectional
    x, tapes = Steps(numbers["x"], schedule.data_rows, schedule), []
    states = None
    if "h_0" in numbers:
        pad = ((0, 0), (0, network.recurrents[0].width - H))
        states = {"l0": (np.pad(numbers["h_0"][0], pad),)}
    run = Run(Memory(np.float64), keep=True, states=states, every_step=True)
    for k, layer in enumerate(network.recurrent_layers):
        x, tape = layer.forward(x, run)
        tapes.append(tape)
        own = slice(k * directions_of, (k + 1) * directions_of)
        expected = np.hstack(numbers["h_n"][own])
        assert_allclose(x.ends[0][:, : layer.n_outputs], expected, **tight)
        if "c_n" in numbers:
            assert_allclose(x.ends[1][:, :H], numbers["c_n"][k], **tight)
    assert_allclose(x.values[x.rows[at], : layer.n_outputs], numbers["h"], **tight)

    d_out = np.zeros((schedule.n_steps, layer.width))
    d_out[:, : layer.n_outputs] = numbers["d_h"][schedule.data_rows]
    d_y, d_states = StepsGradient(d_out), {}
    for k, layer in reversed(list(enumerate(network.recurrent_layers))):
        own = slice(k * directions_of, (k + 1) * directions_of)
        ends = [np.zeros((len(lengths), layer.width))]
        ends[0][:, : layer.n_outputs] = np.hstack(numbers["d_h_n"][own])
        if "c_n" in numbers:
            ends.append(np.zeros((len(lengths), layer.width)))
            ends[1][:, :H] = numbers["d_c_n"][k]
        d_y = layer.backward(
            d_y._replace(ends=tuple(ends)), tapes[k], d_views[f"l{k}"], d_states
        )
    assert_allclose(d_y.values[at, :3], numbers["d_x"], **tight)
    if "h_0" in numbers:
        assert_allclose(d_states["l0"][0][:, :H], numbers["d_h_0"][0], **tight)

    weights, d_weights = (
        torch_weights(network, parameters),
        torch_weights(network, gradient),
    )
    names = {key for key in numbers if key.startswith(("weight_", "bias_"))}
    assert weights.keys() == d_weights.keys() == names
    for key in names:
        assert weights[key].shape == numbers[key].shape, key
        other = key.replace("bias_ih", "bias_hh")
        if key.startswith("weight"):
            assert_array_equal(weights[key], numbers[key], err_msg=key)
        elif key == other:  # alone where R h' + b goes through r, else in bias_ih
            alone = slice(2 * H, None) if cell == "gru" else slice(0, 0)
            expected, d_expected = np.zeros((2, *weights[key].shape))
            expected[alone] = numbers[key][alone]
            d_expected[alone] = numbers[f"d_{key}"][alone]
            assert_array_equal(weights[key], expected, err_msg=key)
            assert_allclose(d_weights[key], d_expected, **tight, err_msg=key)
            continue
        else:
            shared = slice(None, 2 * H) if cell == "gru" else slice(None)
            expected = numbers[key].copy()
            expected[shared] += numbers[other][shared]
            assert_array_equal(weights[key], expected, err_msg=key)
        assert_allclose(d_weights[key], numbers[f"d_{key}"], **tight, err_msg=key)


@every_cell
@both_ways
@every_pooling
def test_weights_by_name(cell, bidirectional, pooling):
    """Every parameter but the head's has one place, in an array of its own."""
    network = whole_sequence_network(
        3, (5, 4), 2, np.float64, cell, bidirectional=bidirectional, pooling=pooling
    )
    parameters = np.arange(1.0, network.layout.size + 1)
    views = network.views(parameters)
    weights = torch_weights(network, parameters)
    gates = CELLS[cell].gates
    shapes = {}
    for k, (F, H) in enumerate([(3, 5), (10 if bidirectional else 5, 4)]):
        for ending in [f"l{k}", f"l{k}_reverse"][: 1 + bidirectional]:
            shapes |= {
                f"weight_ih_{ending}": (gates * H, F),
                f"weight_hh_{ending}": (gates * H, H),
                f"bias_ih_{ending}": (gates * H,),
                f"bias_hh_{ending}": (gates * H,),
            }
            if cell == "lstm_peephole":
                shapes[f"peephole_{ending}"] = (3 * H,)
                own = "p_reverse" if ending.endswith("reverse") else "p"
                p = views[f"l{k}"][own]  # i, f, o
                assert_array_equal(weights[f"peephole_{ending}"], p.ravel())
    if pooling == "attention":
        shapes["attention"] = (8 if bidirectional else 4,)
        assert_array_equal(weights["attention"], views["pooling"]["w"][0])
    assert {name: w.shape for name, w in weights.items()} == shapes
    values = np.concatenate([w.ravel() for w in weights.values()])
    begin_of_head = network.layout.slices["head.w"].start
    assert_array_equal(np.sort(values[values != 0]), parameters[:begin_of_head])
    assert not any(np.shares_memory(w, parameters) for w in weights.values())


# ---- both directions -------------------------------------------------------------


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


# ---- pooling ---------------------------------------------------------------------


class Outputs:
    """Random outputs of a layer, which a pooling reads."""

    def __init__(self, mode, lengths, n_inputs, dtype, scale=1.0, strip_rows=3):
        rng = np.random.default_rng(0)
        self.pooling = Pooling("pooling", n_inputs, dtype, mode)
        self.w = (scale * rng.standard_normal((1, n_inputs))).astype(dtype)
        self.pooling.load({"w": self.w}, backward=True)
        self.memory = Memory(dtype)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        width = self.pooling.width
        self.h = np.zeros((self.lengths.sum(), width), dtype)  # by row of the data
        self.h[:, :n_inputs] = rng.standard_normal((len(self.h), n_inputs))
        self.initial, self.d_out = np.zeros((2, len(lengths), width), dtype)
        self.initial[:, :n_inputs] = rng.standard_normal((len(lengths), n_inputs))
        self.d_out[:, :n_inputs] = rng.standard_normal((len(lengths), n_inputs))
        self.strip_rows = strip_rows

    def schedule(self, starts, lengths):
        return Schedule(starts, lengths, self.strip_rows, n_rows=len(self.h))

    def steps(self, starts, lengths, initial):
        schedule = self.schedule(starts, lengths)
        return Steps(self.h, schedule.data_rows, schedule, (initial,))

    def forward(self, samples=slice(None), keep=True, n_threads=1, states=None):
        x = self.steps(
            self.starts[samples], self.lengths[samples], self.initial[samples]
        )
        self.pooling.n_threads = lambda n_steps: n_threads
        run = Run(self.memory, keep=keep, states=states)
        out, self.tape = self.pooling.forward(x, run)
        return out

    def backward(self, n_threads=1, d_w=0.0):
        """Gradients of all steps, in the order of the data, and of w, added to d_w."""
        d_w = {"w": np.full_like(self.w, d_w)}
        self.pooling.n_threads = lambda n_steps: n_threads
        d_h = self.pooling.backward(self.d_out, self.tape, d_w).values
        schedule = self.schedule(self.starts, self.lengths)
        d_h = d_h[np.argsort(schedule.data_rows)].copy()
        return (d_h, d_w["w"]) if self.pooling.shapes else (d_h,)


every_mode = pytest.mark.parametrize("mode", POOLINGS[1:])


@every_mode
@every_dtype
@pytest.mark.parametrize("n_inputs", [1, 16, 37])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_pooling(instruction_set, mode, dtype, n_inputs, scale):
    """Against NumPy; no steps, one step, and scores that exp would overflow on."""
    steps = Outputs(mode, [3, 0, 1, 7, 300, 0, 2], n_inputs, dtype, scale)
    for keep in (False, True):
        out = steps.forward(keep=keep)
        assert out.dtype == dtype and not out[:, n_inputs:].any()
        for i, (start, T) in enumerate(zip(steps.starts, steps.lengths, strict=True)):
            h = steps.h[start : start + T, :n_inputs].astype(np.float64)
            initial = steps.initial[i, :n_inputs]
            expected = pooled(mode, h, steps.w.astype(np.float64), initial)
            if T <= 1 or mode == "max":
                assert_array_equal(out[i, :n_inputs], expected)
            # the score has the rounding of a sum of products with w
            tolerance = np.finfo(dtype).eps * 50 * scale * np.sqrt(n_inputs)
            assert_allclose(out[i, :n_inputs], expected, rtol=0, atol=tolerance)


@every_mode
def test_gradient_of_pooling(instruction_set, mode):
    """Of every step and of w, against the formulas written out."""
    n_inputs = 21
    steps = Outputs(mode, [3, 0, 1, 7, 30, 0, 2], n_inputs, np.float64)
    steps.forward()
    d_h, *d_w = steps.backward()
    assert not d_h[:, n_inputs:].any()
    d_w_expected = np.zeros(n_inputs)
    for start, T, d_out in zip(steps.starts, steps.lengths, steps.d_out, strict=True):
        if T == 0:
            continue
        h, d_out = steps.h[start : start + T, :n_inputs], d_out[:n_inputs]
        if mode == "mean":
            expected = np.tile(d_out / T, (T, 1))
        elif mode == "max":
            expected = np.where(h == h.max(axis=0), d_out, 0)
        else:
            a = softmax(np.tanh(h) @ steps.w[0])
            d_s = a * (h @ d_out - (a @ h) @ d_out)
            expected = np.outer(a, d_out)
            expected += np.outer(d_s, steps.w[0]) * (1 - np.tanh(h) ** 2)
            d_w_expected += d_s @ np.tanh(h)
        assert_allclose(d_h[start : start + T, :n_inputs], expected, atol=1e-13)
    if mode == "attention":
        assert_allclose(d_w[0][0], d_w_expected, atol=1e-12)
        assert_allclose(steps.backward(d_w=3.0)[1][0], d_w_expected + 3, atol=1e-12)


def test_the_first_of_equal_maxima_gets_the_gradient(instruction_set):
    steps = Outputs("max", [4, 3], 5, np.float64)
    steps.h[:] = 0  # units of a ReLU that are off
    assert_array_equal(steps.forward(), np.zeros((2, steps.pooling.width)))
    (d_h,) = steps.backward()
    assert_array_equal(d_h[[0, 4]], steps.d_out)
    assert not d_h[[1, 2, 3, 5, 6]].any()


@every_mode
@every_dtype
@pytest.mark.parametrize("t", [0, 2, 5])
def test_nan_comes_through_pooling(instruction_set, mode, dtype, t):
    """At any step, in its own sequence; the scores of attention are of all units."""
    steps = Outputs(mode, [6, 6, 2], 5, dtype)
    clean = steps.forward(keep=False).copy()
    steps.h[6 + t, 3] = np.nan
    for keep in (False, True):
        out = steps.forward(keep=keep)
        assert_array_equal(out[[0, 2]], clean[[0, 2]])
        if mode == "attention":
            assert np.isnan(out[1, :5]).all()
        else:
            assert np.isnan(out[1, 3])
            others = [0, 1, 2, 4]
            assert_array_equal(out[1, others], clean[1, others])


@every_mode
@every_dtype
def test_bits_of_pooling(instruction_set, mode, dtype):
    """Neither threads nor strips nor neighbours change them, nor steps in parts."""
    lengths = [3, 11, 0, 7, 7, 1, 30, 2, 5, 5]
    steps = Outputs(mode, lengths, 21, dtype)
    together = steps.forward()
    d_h, *d_w = steps.backward()
    for n_threads in (2, 3):
        assert_array_equal(steps.forward(n_threads=n_threads), together)
        for a, b in zip(steps.backward(n_threads), (d_h, *d_w), strict=True):
            assert_array_equal(a, b)
    for strip_rows in (1, 2, 5, 16):
        steps.strip_rows = strip_rows
        assert_array_equal(steps.forward(n_threads=2), together)
        assert_array_equal(steps.backward(2)[0], d_h)
    for samples in ([6], [2], [9, 1, 2, 5]):
        assert_array_equal(steps.forward(samples, keep=False), together[samples])
    sums, steps.strip_rows = steps.pooling.begin(len(lengths)), 3
    for begin in range(0, 30, 4):
        part = np.clip(steps.lengths - begin, 0, 4)
        x = steps.steps(steps.starts + begin, part, steps.initial)
        steps.pooling._advance(x, *sums)
    assert_array_equal(steps.pooling._finish(*sums, steps.initial), together)
    steps.lengths[:] = 0
    assert_array_equal(steps.forward(states={"pooling": sums}), together)


def test_shapes_of_pooling_are_checked(instruction_set):
    steps = Outputs("attention", [3, 2], 5, np.float64)
    x = steps.steps(steps.starts, steps.lengths, steps.initial)
    run = Run(steps.memory, keep=True)
    with pytest.raises(ValueError, match="do not belong together"):
        steps.pooling.forward(x._replace(values=steps.h[:, 1:].copy()), run)
    with pytest.raises(ValueError, match="do not belong together"):
        steps.pooling.forward(x._replace(rows=x.rows[1:]), run)
    steps.forward()
    with pytest.raises(ValueError, match="d_out has shape"):
        steps.pooling.backward(
            np.zeros((3, steps.pooling.width)), steps.tape, {"w": steps.w}
        )
    for w in (None, np.zeros((1, 5 + steps.pooling.width))):
        with pytest.raises(ValueError, match="d_w and d_out do not belong together"):
            steps.pooling.backward(steps.d_out, steps.tape, {"w": w})


# ---- the schedule ----------------------------------------------------------------


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


# ---- random numbers --------------------------------------------------------------


@pytest.mark.parametrize(
    "counter, key, expected",
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (  # digits of pi
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox(counter, key, expected):
    """Known answers of Random123 (Salmon et al. 2011), file kat_vectors."""
    assert philox(counter, key) == expected


def mask_of(ids, *, seed=SEED, step=STEP, layer=0, times=None, rate=0.5, width=64,
            samples=None, dtype=np.float64, n_threads=1):  # fmt: skip
    samples = np.arange(len(ids)) if samples is None else np.asarray(samples)
    mask = np.full((len(samples), width), np.nan, dtype)
    dropout_mask(seed, step, layer, ids, samples, times, rate, mask, n_threads)
    return mask


def ids_of(n):
    return np.random.default_rng(0).integers(0, 2**63, n)


@pytest.mark.parametrize("seed", [0, 5, 2**63 + 11])
@pytest.mark.parametrize("times", [None, [0, 7, 2**31 - 1]])
def test_mask_written_out(seed, times):
    """16 bits for an element, from a counter that is a function of what it is for."""
    ids, rate, step, layer, width = ids_of(3), 0.3, 2**32 - 2, 5, 13
    expected = np.empty((3, width))
    for row, number in enumerate(ids.tolist()):
        words = [number & 0xFFFFFFFF, number >> 32, layer, step]
        sample = philox(words, [seed & 0xFFFFFFFF, seed >> 32])
        time = 0xFFFFFFFF if times is None else times[row]
        for unit in range(width):
            counter = [unit // 8, time, *sample[2:]]
            word = philox(counter, sample[:2])[unit % 8 // 2]
            draw = word >> 16 * (unit % 2) & 0xFFFF
            expected[row, unit] = 0 if draw < round(rate * 65536) else 1 / (1 - rate)
    times = None if times is None else np.array(times, dtype=np.intp)
    options = {"seed": seed, "step": step, "layer": layer, "times": times}
    assert_array_equal(mask_of(ids, rate=rate, width=width, **options), expected)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.9])
def test_share_and_scale_of_masks(rate):
    ids = ids_of(300)
    mask = mask_of(ids, rate=rate, width=333)
    assert set(np.unique(mask)) == {0, 1 / (1 - rate)}
    for zeros in (mask == 0, mask[:, :1] == 0, mask[:1] == 0, mask[:, 7::8] == 0):
        sigma = np.sqrt(rate * (1 - rate) / zeros.size)
        assert abs(zeros.mean() - rate) < 4 * sigma
    single = mask_of(ids, rate=rate, width=333, dtype=np.float32)
    assert_array_equal(single, mask.astype(np.float32))


def test_masks_do_not_depend_on_layout_or_threads():
    ids, rng = ids_of(50), np.random.default_rng(1)
    times = rng.integers(0, 9, 50)
    mask = mask_of(ids, times=times)
    for n_threads in (2, 3):
        assert_array_equal(mask_of(ids, times=times, n_threads=n_threads), mask)
    samples = rng.permutation(50)[:20]
    part = mask_of(ids, samples=samples, times=times[samples])
    assert_array_equal(part, mask[samples])
    alone = mask_of(ids[7:8], times=times[7:8])
    assert_array_equal(alone, mask[7:8])
    assert_array_equal(mask_of(ids, times=times, width=11), mask[:, :11])


def test_masks_differ_in_everything_they_are_for():
    """Two masks of rate 1/2 agree in half of their elements, as chance has it."""
    ids, time = ids_of(100), np.zeros(100, dtype=np.intp)
    masks = {
        "base": mask_of(ids),
        "seed": mask_of(ids, seed=SEED + 1),
        "upper half of the seed": mask_of(ids, seed=SEED + 2**32),
        "step": mask_of(ids, step=STEP + 1),
        "layer": mask_of(ids, layer=1),
        "time 0": mask_of(ids, times=time),
        "time 1": mask_of(ids, times=time + 1),
        "sample": mask_of(ids[::-1].copy()),
        "upper half of the sample": mask_of(ids ^ 2**32),
        "lower half of it": mask_of(ids ^ 1),
        "unit": np.roll(mask_of(ids), 8, axis=1),
        "neighbour": np.roll(mask_of(ids), 1, axis=1),
    }
    for a, b in product(masks, masks):
        if a < b:
            agree = (masks[a] == masks[b]).mean()
            assert abs(agree - 0.5) < 4.5 * 0.5 / np.sqrt(masks[a].size), (a, b)


def test_arguments_of_masks_are_checked():
    ids, mask = ids_of(3), np.empty((3, 4))
    rows = np.arange(3)
    for arguments in (
        (ids, rows[:2], None, 0.5, mask),
        (ids, rows, rows[:2], 0.5, mask),
    ):
        with pytest.raises(ValueError, match="do not belong together"):
            dropout_mask(SEED, STEP, 0, *arguments)


# ---- dropout in the network ------------------------------------------------------


def test_steps_of_dropout_are_counted():
    dropout = DropoutSeed(11, 0)
    first, second = dropout.masks(ids_of(2)), dropout.masks(ids_of(2))
    assert (first.step, second.step) == (1, 2)
    assert dropout.state == {"seed": 11, "step": 2}
    assert DropoutSeed(**dropout.state).masks(ids_of(2)).step == 3


def test_step_masks_are_of_absolute_times():
    """A part of the steps has the masks that it has in the whole."""
    ids = ids_of(3)
    starts, lengths = np.array([0, 5, 6]), np.array([5, 1, 9])
    x = np.ones((15, 24))

    layer = StepDropout("l1.dropout", 24, np.float64, 0.5)

    def dropped(before, lengths, begin):
        masks = Masks(SEED, STEP, ids)
        if begin:
            masks = masks.beginning(before)
        schedule = Schedule(starts + before, lengths, n_rows=len(x))
        run = Run(Memory(np.float64), masks=masks)
        y, mask = layer.forward(Steps(x, schedule.data_rows, schedule), run)
        assert_array_equal(y.values, mask)  # of ones
        result = np.full(x.shape, np.nan)
        result[schedule.data_rows] = y.values[y.rows]
        return result

    whole = dropped(np.zeros(3, dtype=np.intp), lengths, False)
    assert len(np.unique(whole, axis=0)) == 15
    before = np.array([2, 0, 4])
    part = dropped(before, lengths - before, True)
    rows = [2, 3, 4, 5, *range(10, 15)]
    assert_array_equal(part[rows], whole[rows])
    assert np.isnan(np.delete(part, rows, axis=0)).all()


def test_masks_of_sequences():
    """One for all steps, whatever the time; another for each layer and direction."""
    ids, names = ids_of(4), ("l0", "l0_reverse", "l1", "l1_reverse", "l1.dropout")

    def masks_of(masks, name):
        return masks.of_sequences(name, 0.5, np.empty((len(masks.ids), 40)))

    masks = Masks(SEED, STEP, ids)
    of_layers = [masks_of(masks, name) for name in names]
    flat = np.array(of_layers).reshape(len(names) * 4, 40)
    assert len(np.unique(flat, axis=0)) == len(flat)
    later = masks.beginning(np.full(4, 3))
    assert_array_equal(masks_of(later, "l0"), of_layers[0])
    assert_array_equal(masks_of(Masks(SEED, STEP, ids[3:]), "l0"), of_layers[0][3:])


def test_a_new_layer_moves_no_masks_of_others():
    """Those of the lowest layer are the same with a second layer and without."""
    seen = {}
    for hidden in ((6,), (6, 5)):
        problem = Problem("gru", hidden=hidden, rates=(0.4, 0.3))
        problem.ids = np.arange(len(LENGTHS))
        problem.output(keep=True)
        mask = problem.tapes[0].mask
        assert (mask == 0).any() and (mask != 0).any()
        seen[hidden] = mask
    assert_array_equal(seen[6,], seen[6, 5])


def test_a_layer_used_twice_adds_its_gradients_up(instruction_set):
    """Two calls in one run: each has its own tape, and both add to one gradient."""
    rng = np.random.default_rng(0)
    lengths = np.array([3, 0, 5, 1])
    starts = np.cumsum(lengths) - lengths
    schedule = Schedule(starts, lengths, 2, n_rows=lengths.sum())
    layer = Recurrent("l0", 7, 7, np.float64, "lstm_peephole", every_step=True)
    weights = {
        name: 0.4 * rng.standard_normal(shape) for name, shape in layer.shapes.items()
    }
    x = Steps(rng.standard_normal((lengths.sum(), 7)), schedule.data_rows, schedule)
    d_y = StepsGradient(np.zeros((schedule.n_steps, layer.width)))
    d_y.values[:, :7] = rng.standard_normal((schedule.n_steps, 7))

    def twice():
        layer.load(weights, backward=True)
        run = Run(Memory(np.float64), keep=True)
        y, first = layer.forward(x, run)
        y, second = layer.forward(y, run)
        return y, first, second

    def loss():
        y, *_ = twice()
        return (y.values[y.rows] * d_y.values).sum()

    _, first, second = twice()
    gradient = {name: np.zeros_like(w) for name, w in weights.items()}
    d_h = layer.backward(d_y, second, gradient)
    layer.backward(d_h, first, gradient)
    for name, w in weights.items():
        direction = rng.standard_normal(w.shape)
        w += 1e-5 * direction
        above = loss()
        w -= 2e-5 * direction
        numeric = (above - loss()) / 2e-5
        w += 1e-5 * direction
        assert_allclose((gradient[name] * direction).sum(), numeric, rtol=1e-6)


# ---- truncated back-propagation --------------------------------------------------

LONG = [3, 7, 8, 9, 21, 0, 1, 4, 12]


@every_cell
@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
@pytest.mark.parametrize("tbptt", [1, 4, 9])
def test_gradient_of_tbptt(instruction_set, cell, rates, tbptt):
    """The states before the last steps are constants."""
    problem = Problem(cell, LONG, rates=rates, hidden=(5, 4, 3))
    gradient = problem.gradient(tbptt=tbptt)
    before = np.maximum(problem.lengths - tbptt, 0)
    states = [
        problem.run(i, problem.parameters, end=t)[1] for i, t in enumerate(before)
    ]

    def loss(parameters):
        return sum(
            problem.run(i, parameters, states[i], begin=t)[0] @ problem.d_output[i]
            for i, t in enumerate(before)
        )

    assert_gradient(problem, gradient, loss)


@every_cell
@every_dtype
@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
def test_tbptt_changes_no_output(cell, dtype, rates):
    problem = Problem(cell, LONG, dtype=dtype, rates=rates)
    expected = problem.output(keep=True)
    gradient = problem.gradient()
    for tbptt in (1, 2, 5, 20, 21, 1000):
        assert_array_equal(problem.output(keep=True, tbptt=tbptt), expected)
        same = np.array_equal(problem.gradient(tbptt=tbptt), gradient)
        if tbptt != 20:  # of a ReLU nothing may reach the first step
            assert same == (tbptt >= max(LONG))


@every_cell
def test_memory_of_tbptt(cell):
    """Of a long sequence no more is kept than of a short one."""

    def memory(T):
        problem = Problem(
            cell, [T, 5, T // 2], hidden=(8, 8), rates=(0.4, 0.3), scale=0.1
        )
        tracemalloc.start()
        problem.gradient(tbptt=50)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        workspaces = problem.network._memory.workspaces.values()
        return sum(workspace.nbytes for workspace in workspaces), peak

    (short, _), (long, peak) = memory(1000), memory(100_000)
    assert long == short
    # of all steps 100,000 (slots + 2) 8 units would be kept in each layer
    assert peak < 2 * 2**20


@pytest.mark.parametrize(
    "Model, options",
    [
        (LSTMClassifier, {}),
        (GRUClassifier, {"dropout": 0.3, "recurrent_dropout": 0.2}),
        (RNNClassifier, {"hidden_layer_sizes": (5, 4)}),
    ],
)
def test_training_with_tbptt_that_cuts_nothing(Model, options):
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(0, 12, 40)]
    X[3] = rng.standard_normal((12, 2))
    y = np.arange(40) % 3
    options = {"hidden_layer_sizes": (6,), **options, "max_iter": 4, "tol": 0}
    options["learning_rate"] = "constant"
    weights = {}
    for tbptt in (None, 12, 10**6, 11):
        model = Model(tbptt=tbptt, random_state=0, n_iter_no_change=9, **options)
        with pytest.warns(match="Maximum iterations"):
            model.fit(X, y)
        weights[tbptt] = np.concatenate([w.ravel() for w in model.weights_.values()])
    assert_array_equal(weights[12], weights[None])
    assert_array_equal(weights[10**6], weights[None])
    assert not np.array_equal(weights[11], weights[None])
