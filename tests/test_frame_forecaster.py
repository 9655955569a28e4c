"""The encoder and forecaster of frames: outputs written out, gradients, and that a
forecast depends on its clip alone."""

import numpy as np
import pytest
from conv_network_cases import (
    LENGTHS,
    ForecastProblem,
    every_cell,
    every_shape,
)
from network_cases import assert_gradient
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network import frame_forecaster, frame_network
from sklstm._network.build import frame_forecaster_network
from sklstm._network.exchange import frame_forecaster_weights
from sklstm._training.feeds import Minibatch

pytestmark = pytest.mark.usefixtures("nothing_is_there")
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
STATEFUL = {"lengths": [3, 0, 1, 9, 5], "dtype": np.float32}


def check_outputs(problem, states=None):
    output, _ = problem.forward(states=states)
    horizon = problem.network.horizon
    tolerance = 1e-9 if problem.network.dtype == np.float64 else 1e-4
    for i in range(len(LENGTHS)):
        own = None if states is None else problem.images(states, i)
        assert_allclose(
            output[i * horizon : (i + 1) * horizon], problem.by_hand(i, own),
            rtol=tolerance, atol=tolerance,
        )  # fmt: skip


# ---- outputs and gradients


@every_cell
@every_shape
@every_dtype
def test_outputs(instruction_set, shape, cell, dtype):
    problem = ForecastProblem(cell, shape, dtype=dtype)
    check_outputs(problem)
    check_outputs(problem, problem.random_states())


@every_cell
@every_shape
def test_gradient(instruction_set, shape, cell):
    problem = ForecastProblem(cell, shape)
    assert_gradient(problem, problem.gradient(), problem.value)


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole"])
def test_dropout(cell):
    problem = ForecastProblem(cell, hidden=(3, 5, 2), rate=0.4)
    check_outputs(problem)
    assert_gradient(problem, problem.gradient(), problem.value)


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("lengths", [[1], [4], [1, 1], [0], [2, 6, 2]])
@pytest.mark.parametrize("shape", ["odd", "no neighbours"])
def test_any_lengths(lengths, horizon, shape):
    problem = ForecastProblem(shape=shape, lengths=lengths, horizon=horizon)
    output, _ = problem.forward()
    for i in range(len(lengths)):
        own = output[i * horizon : (i + 1) * horizon]
        assert_allclose(own, problem.by_hand(i), rtol=1e-9, atol=1e-9)
    states = problem.random_states()
    gradient = problem.gradient(states=states)
    assert_gradient(problem, gradient, lambda p: problem.value(p, states=states))


def test_a_minibatch():
    problem = ForecastProblem(rate=0.3)
    network, clips = problem.network, problem.clips
    expected = problem.forward()[0].copy()
    batch = Minibatch(*clips.rows, None, None, 4.0, 4.0, problem.ids)
    raw, tapes = network.forward_of(batch, masks=problem.masks(), tbptt=None)
    assert_array_equal(raw, expected)
    with pytest.raises(ValueError, match="all frames"):
        network.forward_of(batch, tbptt=3)
    assert raw.shape == problem.d_output.shape


def test_what_is_not_read_has_no_weights():
    """The lowest layer of the forecaster has no input; no gradient is of the data."""
    network = ForecastProblem().network
    lowest = network.forecaster_layers[0]
    assert "w" not in lowest.shapes and lowest.n_inputs == 0
    assert network.encoder_layers[0].reads_data
    assert [layer.n_units for layer in network.forecaster_layers] == [
        layer.n_units for layer in network.encoder_layers
    ]


# ---- a forecast depends on its clip alone, to the bit


def loaded(shape="odd", cell="lstm", **options):
    problem = ForecastProblem(cell, shape, **{**STATEFUL, **options})
    problem.network.load(problem.parameters, backward=False)
    return problem


@every_shape
def test_predict_has_the_bits_of_forward(shape):
    problem = loaded(shape)
    network, clips = problem.network, problem.clips
    raw = network.predict(*clips.rows)
    n, horizon, height, width, n_outputs = raw.shape
    assert (n, horizon) == (5, 3)
    p = network.frames.patch_size
    assert (height * p, width * p) == clips.data.shape[1:3]
    forward = problem.forward()[0]
    assert_array_equal(raw.reshape(forward.shape), forward)
    assert_array_equal(network.predict_of(clips.rows, None), forward)
    assert raw.dtype == np.float32


@every_cell
@every_dtype
def test_one_at_a_time(dtype, cell):
    problem = loaded(cell=cell, dtype=dtype)
    network, clips, states = problem.network, problem.clips, problem.random_states()
    for begin in (None, states):
        whole = network.predict(*clips.rows, begin)
        for i in range(5):
            own = begin and [tuple(a[i : i + 1] for a in s) for s in begin]
            assert_array_equal(network.predict(*clips.only([i]), own)[0], whole[i])
    order = [4, 3, 3, 0]
    assert_array_equal(
        network.predict(*clips.only(order)), network.predict(*clips.rows)[order]
    )


@pytest.mark.parametrize("n_bytes", [1, 5_000, 40_000])
def test_any_batches(monkeypatch, n_bytes):
    """In as little memory as for one step: contexts and forecasts come in parts."""
    problem = loaded(horizon=5)
    network, clips, states = problem.network, problem.clips, problem.random_states()
    seen = np.random.default_rng(0).standard_normal((5, *clips.data.shape[1:]))
    expected = network.predict(*clips.rows, states, seen)
    steps, plain = [], network._forecast

    def forecast(states, frame, n_steps, run):
        steps.append(n_steps * len(states[0][0]))
        return plain(states, frame, n_steps, run)

    monkeypatch.setattr(network, "_forecast", forecast)
    for module in (frame_network, frame_forecaster):
        monkeypatch.setattr(module, "PREDICT_BYTES", n_bytes)
    assert_array_equal(network.predict(*clips.rows, states, seen), expected)
    assert sum(steps) == 25 and len(steps) > 1
    if n_bytes == 1:
        assert max(steps) == 1


def test_threads(threads, monkeypatch):
    monkeypatch.setattr("sklstm._network.layers.dense.PARALLEL_PRODUCTS", 0)
    for cell in ("lstm", "lstm_peephole"):
        problem, found = ForecastProblem(cell, **STATEFUL, rate=0.3), []
        for n in (1, 2, 3):
            with threads(n):
                gradient = problem.gradient()
                found.append((problem.network.predict(*problem.clips.rows), gradient))
            assert threads.used == {n}
        for others in found[1:]:
            for one, other in zip(found[0], others):
                assert_array_equal(one, other)


@every_cell
@every_shape
def test_steps_are_the_whole(shape, cell):
    problem = loaded(shape, cell, lengths=[5, 5, 5])
    network, (data, starts, lengths) = problem.network, problem.clips.rows
    states = begin = problem.random_states()
    seen = np.full((3, *data.shape[1:]), np.nan, np.float32)
    for t in range(5):
        frames = data[starts + t]
        seen = np.where(np.isnan(frames), seen, frames)
        kept = [tuple(a.copy() for a in layer) for layer in states]
        raw, after, pooled = network.step(seen, states)
        assert pooled is None
        for layer, before in zip(states, kept):
            for one, other in zip(layer, before):
                assert_array_equal(one, other)  # left alone
        so_far = data, starts, lengths * 0 + t + 1, begin
        assert_array_equal(raw, network.predict(*so_far))
        states = network.encode_step(seen, states)
        for layer, other, whole in zip(states, after, network.encode(*so_far)):
            for one, two, three in zip(layer, other, whole):
                assert_array_equal(one, two)
                assert_array_equal(one, three)
        again = network.forecast(states, *data.shape[1:3])
        assert_array_equal(again, raw)


def test_what_was_seen_before_goes_on():
    problem = loaded(lengths=[8, 8])
    network, (data, starts, lengths) = problem.network, problem.clips.rows
    data[starts + 4] = np.nan
    whole, seen = network.predict(data, starts, lengths), np.nan
    states = network.encode(data, starts, lengths - 4)
    for t in range(4):
        seen = np.where(np.isnan(data[starts + t]), seen, data[starts + t])
    rest = data, starts + 4, lengths - 4, states
    assert_array_equal(network.predict(*rest, seen), whole)
    assert not np.array_equal(network.predict(*rest), whole)


def test_nothing_after_the_context_is_read():
    problem = loaded(lengths=[9])
    network, (data, starts, _) = problem.network, problem.clips.rows
    before = network.predict(data, starts, np.array([5]))
    data[5:] += 1
    assert_array_equal(network.predict(data, starts, np.array([5])), before)
    for t in range(5):  # and every frame of it is
        data[t] = np.nan_to_num(data[t]) + 1
        after = network.predict(data, starts, np.array([5]))
        assert (after != before).any(axis=(0, 2, 3, 4)).all()
        before = after


def test_later_frames_of_a_forecast_move_no_earlier_ones():
    short, long = (loaded(horizon=horizon) for horizon in (2, 6))
    long.network.load(short.parameters, backward=False)
    rows = short.clips.rows
    assert_array_equal(
        long.network.predict(*rows)[:, :2], short.network.predict(*rows)
    )  # fmt: skip


# ---- weights and sizes


@every_cell
def test_weights_by_name(cell):
    network = frame_forecaster_network(2, (3, 5), 8, np.float64, cell, 3, 2, 4)
    parameters = np.arange(1.0, network.layout.size + 1)
    weights = frame_forecaster_weights(network, parameters)
    shapes = {"head_weight": (8, 8), "head_bias": (8,)}
    for part in ("encoder", "forecaster"):
        for k, (F, H) in enumerate([(8, 3), (3, 5)]):
            shapes |= {
                f"{part}_weight_hh_l{k}": (4 * H, H, 3, 3),
                f"{part}_bias_ih_l{k}": (4 * H,),
                f"{part}_bias_hh_l{k}": (4 * H,),
            }
            if part == "encoder" or k:
                shapes[f"{part}_weight_ih_l{k}"] = (4 * H, F, 3, 3)
            if cell == "lstm_peephole":
                shapes[f"{part}_peephole_l{k}"] = (3 * H,)
    assert {name: w.shape for name, w in weights.items()} == shapes
    values = np.concatenate([w.ravel() for w in weights.values()])
    assert_array_equal(np.sort(values[values != 0]), parameters)
    assert not any(np.shares_memory(w, parameters) for w in weights.values())


def test_frames_of_another_size():
    problem = loaded()
    network = problem.network
    data = np.random.default_rng(0).standard_normal((4, 9, 4, 2))
    raw = network.predict(data, np.array([0]), np.array([4]))
    assert raw.shape == (1, 3, 9, 4, 2)
    # far from the edges a forecast knows nothing of them: a moving window moves it
    wide = np.zeros((2, 40, 3, 2))
    wide[:, 18:20] = np.random.default_rng(1).standard_normal((2, 2, 3, 2))
    moved = np.roll(wide, 1, axis=1)
    rows = np.array([0]), np.array([2])
    one, other = (network.predict(x, *rows) for x in (wide, moved))
    assert_allclose(one[0, :, 12:28], other[0, :, 13:29], rtol=1e-5, atol=1e-6)


def test_states():
    network = frame_forecaster_network(1, (3, 5), 4, np.float32, patch_size=2)
    assert network.frame_sizes(6, 8) == [(3, 4), (3, 4)]
    for layer, part in zip(network.initial_states(2, 6, 8), network.encoder_layers):
        assert [a.shape for a in layer] == [(2, 12 * part.width)] * 2
        assert not any(a.any() for a in layer)
    with pytest.raises(ValueError, match=r"5 x 8 pixels .* multiples of 2"):
        network.initial_states(2, 5, 8)


def test_initial_outputs():
    network = frame_forecaster_network(1, (3,), 4, np.float64, patch_size=2)
    outputs = np.arange(4.0)
    parameters = network.initialize(np.random.RandomState(0), outputs, forget_bias=1)
    weight, bias = network.head(parameters)
    assert_array_equal(bias, outputs)
    assert weight.shape == (4, 3) and weight.all()
    mask = network.weight_mask()
    assert mask.sum() == sum(
        size.stop - size.start
        for name, size in network.layout.slices.items()
        if name.endswith((".w", ".r", ".p"))
    )


def test_the_memory_that_is_said_to_be_needed():
    problem = ForecastProblem(
        lengths=[12, 12, 9], frame=(16, 24), hidden=(8, 17), dtype=np.float32, horizon=7
    )
    problem.gradient()
    held = sum(w.nbytes for w in problem.network._memory.workspaces.values())
    said = problem.network.training_bytes(3, 33, frame=(16, 24))
    assert 0.75 * held < said - 36 * problem.network.layout.size < 1.4 * held
