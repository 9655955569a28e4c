"""The network: gradients, PyTorch's numbers, bits, truncated gradients.

Oracles: the network written out in NumPy on top of reference.py, central differences in
float64, PyTorch's frozen numbers, and bits that must not depend on what is beside a
sequence, on threads or on strips.
"""

import tracemalloc
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conftest import use_kernels_of
from network_cases import (
    LENGTHS,
    POOLINGS,
    Problem,
    assert_gradient,
    both_ways,
    directions,
    every_cell,
    every_dtype,
    every_pooling,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import GRUClassifier, LSTMClassifier, RNNClassifier
from sklstm._kernels import Schedule, supported_instruction_sets
from sklstm._network import flat_network
from sklstm._network import network as network_module
from sklstm._network.build import whole_sequence_network
from sklstm._network.exchange import torch_weights
from sklstm._network.layers.bidirectional import Bidirectional
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory, aligned_empty

TORCH_CELLS = Path(__file__).parent / "data" / "torch_cells.npz"


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
    for module in ("layers.recurrent", "layers.dense", "flat_network", "workspace"):
        monkeypatch.setattr(f"sklstm._network.{module}.aligned_empty", poisoned)
    for got, value in zip(results(), expected, strict=True):
        assert_array_equal(got, value)


@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
@both_ways
@every_pooling
@every_dtype
def test_bits(instruction_set, threads, pooling, bidirectional, rates, dtype):
    """The output of a sequence is its own, the gradient the same with any threads."""
    lengths = [3, 11, 0, 7, 7, 1, 30, 2, 5, 5]
    problem = Problem(
        "gru", lengths, dtype=dtype, rates=rates, bidirectional=bidirectional,
        pooling=pooling,
    )  # fmt: skip
    results = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            results.append((problem.output(), problem.gradient()))
            assert threads.used == {n_threads}
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


@pytest.mark.parametrize("bidirectional, pooling", [(False, "last"), (True, "mean")])
def test_schedules_that_are_known(bidirectional, pooling, monkeypatch):
    """That of the same lengths is made once; outputs are those of a new network."""
    rng, made, make = np.random.default_rng(0), [], flat_network.Schedule

    def counted(starts, lengths, *args, **options):
        made.append(lengths.tolist())
        return make(starts, lengths, *args, **options)

    monkeypatch.setattr(flat_network, "Schedule", counted)
    options = {"bidirectional": bidirectional, "pooling": pooling}

    def new():
        network = whole_sequence_network(3, (7, 5), 2, np.float64, **options)
        network.load(parameters, backward=False)
        return network

    def predict(network, lengths, gap=0):
        lengths = np.array(lengths)
        starts = np.cumsum(lengths + gap) - lengths
        return network.predict(data[: starts[-1] + lengths[-1]], starts, lengths)

    network = whole_sequence_network(3, (7, 5), 2, np.float64, **options)
    parameters = network.initialize(np.random.RandomState(0), np.zeros(2))
    network, numbers = new(), []
    for lengths, gap in [
        ([9], 0), ([9], 0), ([9], 1), ([8], 2), ([3, 5], 0), ([5, 3], 0), ([5, 3], 0),
        ([3, 5], 4), ([0], 0), ([0, 0], 0), ([2] * 9, 0), ([2] * 9, 0), ([9], 0),
    ]:  # fmt: skip
        data = rng.standard_normal((80, 3))
        before = len(made)
        got = predict(network, lengths, gap)
        numbers.append(len(made) - before)
        assert_array_equal(got, predict(new(), lengths, gap))
    # more than a strip of sequences have it made each time
    assert numbers == [1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]


def test_schedules_of_long_sequences_are_not_kept():
    network = whole_sequence_network(1, (2,), 1, np.float64)
    network.load(
        network.initialize(np.random.RandomState(0), np.zeros(1)), backward=False
    )
    for n in (network_module.KNOWN_STEPS, network_module.KNOWN_STEPS + 1):
        network.predict(np.zeros((n, 1)), np.array([0]), np.array([n]))
        assert network._scheduled[0][0] == network_module.KNOWN_STEPS


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


# ---- dropout in the network ------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
def test_backward_leaves_the_gradients_that_it_is_given(bidirectional):
    """Of all steps and of both states at the ends, in one direction and in two."""
    rng = np.random.default_rng(0)
    lengths = np.array([3, 0, 5, 1])
    starts = np.cumsum(lengths) - lengths
    schedule = Schedule(starts, lengths, 2, n_rows=lengths.sum())
    make = Bidirectional if bidirectional else Recurrent
    layer = make("l0", 3, 5, np.float64, "lstm", every_step=True)
    weights = {name: rng.standard_normal(shape) for name, shape in layer.shapes.items()}
    layer.load(weights, backward=True)
    x = Steps(rng.standard_normal((lengths.sum(), 3)), schedule.data_rows, schedule)
    _, tape = layer.forward(x, Run(Memory(np.float64), keep=True))
    ends = tuple(rng.standard_normal((4, layer.width)) for _ in "hc")
    d_y = StepsGradient(rng.standard_normal((schedule.n_steps, layer.width)), ends)
    before = [part.copy() for part in (d_y.values, *ends)]
    d_weights = {name: np.zeros_like(w) for name, w in weights.items()}
    layer.backward(d_y, tape, d_weights)
    for part, was in zip((d_y.values, *ends), before, strict=True):
        assert_array_equal(part, was)


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
