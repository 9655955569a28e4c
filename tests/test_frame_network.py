"""A network with one answer for each clip: outputs written out, gradients, and that an
answer depends on the clip alone."""

import numpy as np
import pytest
from conv_network_cases import (
    LENGTHS,
    ClipProblem,
    every_cell,
    every_shape,
)
from network_cases import assert_gradient
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network import frame_network
from sklstm._network.build import clip_network
from sklstm._network.exchange import torch_weights

POOLINGS = ["last", "mean", "max", "attention"]
# Networks beside those of every shape.
KINDS = {
    "plain": {},
    "peepholes": {"cell": "lstm_peephole"},
    "both ways": {"bidirectional": True},
    "both ways, mean": {"bidirectional": True, "pooling": "mean"},
    "mean": {"pooling": "mean", "space_pooling": "max"},
    "max": {"pooling": "max"},
    "attention": {"pooling": "attention", "cell": "lstm_peephole"},
    "patches between": {
        "shape": "patches", "frame": (4, 12), "hidden": (3, 2, 5),
        "patch_size": (2, 1, 2), "pooling": "mean",
    },
    "patches, both ways": {
        "shape": "patches", "hidden": (3, 5), "patch_size": (1, 2),
        "bidirectional": True,
    },
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)
pytestmark = pytest.mark.usefixtures("nothing_is_there")
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def check_outputs(problem, states=None):
    output, _ = problem.forward(states=problem.network._by_name(states))
    tolerance = 1e-9 if problem.network.dtype == np.float64 else 1e-4
    for i in range(len(LENGTHS)):
        own = None if states is None else problem.images(states, i)
        assert_allclose(
            output[i], problem.by_hand(i, own), rtol=tolerance, atol=tolerance
        )  # fmt: skip


# ---- outputs and gradients -------------------------------------------------------


@every_cell
@every_shape
@every_dtype
def test_outputs_of_every_shape(instruction_set, shape, cell, dtype):
    check_outputs(ClipProblem(cell, shape, dtype=dtype))


@every_kind
@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_outputs(instruction_set, kind, rate):
    problem = ClipProblem(rate=rate, **KINDS[kind])
    check_outputs(problem)
    check_outputs(problem, problem.random_states())


@every_cell
@every_shape
def test_gradient_of_every_shape(instruction_set, shape, cell):
    problem = ClipProblem(cell, shape)
    assert_gradient(problem, problem.gradient(), problem.value)


@every_kind
@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_gradient(kind, rate):
    problem = ClipProblem(rate=rate, **KINDS[kind])
    states = problem.network._by_name(problem.random_states())
    gradient = problem.gradient(states=states)

    def value(parameters):
        return problem.value(parameters, states=states)

    assert_gradient(problem, gradient, value)


@pytest.mark.parametrize("lengths", [[1], [5], [0], [1, 1], [0, 0], [2, 7, 2]])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", ["odd", "no neighbours"])
def test_any_lengths(lengths, pooling, shape):
    problem = ClipProblem(shape=shape, lengths=lengths, pooling=pooling)
    output, _ = problem.forward()
    output = output.copy()
    assert_array_equal(whole_of(problem), output)
    for i in range(len(lengths)):
        assert_allclose(output[i], problem.by_hand(i), rtol=1e-9, atol=1e-9)
    assert_gradient(problem, problem.gradient(), problem.value)


def test_truncation():
    """Back over the last steps; those before only carry states on."""
    problem = ClipProblem()
    assert_array_equal(problem.forward()[0], problem.forward(tbptt=2)[0])
    whole, cut = problem.gradient(), problem.gradient(tbptt=2)
    assert not np.array_equal(whole, cut)
    assert_array_equal(whole, problem.gradient(tbptt=4))


# ---- an answer depends on the clip alone, to the bit -----------------------------


def all_kinds(dtype=np.float32, **options):
    for kind in KINDS:
        yield ClipProblem(
            dtype=dtype, lengths=[3, 0, 1, 9, 5], **KINDS[kind], **options
        )


@every_dtype
def test_one_at_a_time(dtype):
    for problem in all_kinds(dtype):
        problem.network.load(problem.parameters, backward=False)
        states, clips = problem.random_states(), problem.clips
        for begin in (None, states):
            whole = problem.network.predict(*clips.rows, begin)
            for i in range(5):
                own = begin and [tuple(a[i : i + 1] for a in s) for s in begin]
                lone = problem.network.predict(*clips.only([i]), own)
                assert_array_equal(lone[0], whole[i])
        order = [4, 3, 3, 0]
        assert_array_equal(
            problem.network.predict(*clips.only(order)), whole_of(problem)[order]
        )


def whole_of(problem):
    problem.network.load(problem.parameters, backward=False)
    return problem.network.predict(*problem.clips.rows)


@every_kind
def test_any_batches(monkeypatch, kind):
    """As much memory as for one step, and a clip in parts where it is too long."""
    problem = ClipProblem(dtype=np.float32, lengths=[3, 0, 1, 9, 5], **KINDS[kind])
    network, states = problem.network, problem.random_states()
    network.load(problem.parameters, backward=False)
    n, runs = len(problem.clips.lengths), []
    reads = {
        "predict": lambda: network.predict(*problem.clips.rows, states),
        "last": lambda: network.last_outputs(*problem.clips.rows, states),
        "every": lambda: network.outputs(*problem.clips.rows, states),
        "kept": lambda: network.kept(*problem.clips.rows, states),
    }
    found = {name: read() for name, read in reads.items()}
    plain = network._run
    monkeypatch.setattr(
        network, "_run", lambda *a, **k: runs.append(a[0]) or plain(*a, **k)
    )
    for n_bytes, least in ((1, n), (40_000, 2)):
        monkeypatch.setattr(frame_network, "PREDICT_BYTES", n_bytes)
        for name, read in reads.items():
            runs.clear()
            again = read()
            assert len(runs) >= least
            if n_bytes == 1 and name == "predict" and not network._is_bidirectional:
                assert max(schedule.n_steps for schedule in runs) == 1
            if name == "kept":
                assert again.keys() == found[name].keys()
                for key, values in again.items():
                    assert_array_equal(values, found[name][key])
            else:
                assert_array_equal(again, found[name])


def test_threads(threads, monkeypatch):
    monkeypatch.setattr("sklstm._network.layers.dense.PARALLEL_PRODUCTS", 0)
    for problem in all_kinds(rate=0.3):
        found = []
        for n in (1, 2, 3):
            with threads(n):
                found.append((whole_of(problem), problem.gradient()))
            assert threads.used == {n}
        for others in found[1:]:
            for one, other in zip(found[0], others):
                assert_array_equal(one, other)


@every_kind
def test_steps_are_the_whole(kind):
    options = {**KINDS[kind], "bidirectional": False}
    problem = ClipProblem(dtype=np.float32, lengths=[6, 6, 6], **options)
    network, states = problem.network, problem.random_states()
    network.load(problem.parameters, backward=False)
    begin, pooled = states, network.pooling and network.pooling.begin(3)
    data, starts, lengths = problem.clips.rows
    seen = np.full((3, *data.shape[1:]), np.nan, np.float32)
    for t in range(6):
        frames = data[starts + t]
        seen = np.where(np.isnan(frames), seen, frames)
        kept = [tuple(a.copy() for a in layer) for layer in states]
        raw, after, pooled = network.step(seen, states, pooled)
        for layer, before in zip(states, kept):
            for one, other in zip(layer, before):
                assert_array_equal(one, other)  # left alone
        states = after
        expected = network.predict(data, starts, lengths * 0 + t + 1, begin)
        assert_array_equal(raw, expected)
    assert raw.dtype == np.float64


def test_what_was_seen_before_goes_on():
    problem = ClipProblem(dtype=np.float32, lengths=[8, 8])
    network, (data, starts, lengths) = problem.network, problem.clips.rows
    network.load(problem.parameters, backward=False)
    data[starts + 4] = np.nan
    whole = network.predict(data, starts, lengths)
    states = network.initial_states(2, *data.shape[1:3])
    seen = np.full((2, *data.shape[1:]), np.nan, np.float32)
    for t in range(4):
        seen = np.where(np.isnan(data[starts + t]), seen, data[starts + t])
        _, states, _ = network.step(seen, states, None)
    rest = data, starts + 4, lengths - 4, states
    assert_array_equal(network.predict(*rest, seen=seen), whole)
    assert not np.array_equal(network.predict(*rest), whole)
    same = network.last_outputs(data, starts, lengths)
    assert_array_equal(network.last_outputs(*rest, seen=seen), same)
    for read in (
        network.outputs,
        lambda *a, **k: network.kept(*a, **k)["cell_state_l0"],
    ):
        rows = np.concatenate([np.arange(s + 4, s + 8) for s in starts])
        assert_array_equal(
            read(*rest, seen=seen)[rows], read(data, starts, lengths)[rows]
        )


@every_shape
def test_causal_in_time(shape):
    problem = ClipProblem(shape=shape, lengths=[6])
    network, (data, *rows) = problem.network, problem.clips.rows
    data[:] = np.nan_to_num(data)
    network.load(problem.parameters, backward=False)
    before = network.kept(data, *rows)
    data[3] += 1
    after = network.kept(data, *rows)
    for name, values in before.items():
        assert_array_equal(values[:3], after[name][:3])
        assert (values[3:] != after[name][3:]).any(axis=(1, 2, 3)).all()


def test_a_pixel_is_seen_as_far_as_kernels_reach():
    """One layer and step see half a kernel around, and nothing further."""
    problem = ClipProblem(shape="oblong kernel", frame=(5, 9), lengths=[1])
    network, (data, *rows) = problem.network, problem.clips.rows
    data[:] = 0
    network.load(problem.parameters, backward=False)
    before = network.kept(data, *rows)["hidden_state_l0"][0]
    data[0, 2, 4] += 1
    moved = (network.kept(data, *rows)["hidden_state_l0"][0] != before).any(axis=-1)
    y, x = np.nonzero(moved)
    assert (y.min(), y.max(), x.min(), x.max()) == (1, 3, 2, 6)


# ---- what is read on the way -----------------------------------------------------


def test_outputs_of_the_uppermost_layer():
    problem = ClipProblem(pooling="mean", bidirectional=True)
    network, clips = problem.network, problem.clips
    network.load(problem.parameters, backward=False)
    every, last = network.outputs(*clips.rows), network.last_outputs(*clips.rows)
    kept = network.kept(*clips.rows)
    h = [kept[f"hidden_state_l1{suffix}"] for suffix in ("", "_reverse")]
    assert h[0].shape == (len(clips.data), 5, 7, 5)
    assert_allclose(every, np.concatenate(h, axis=-1).mean(axis=(1, 2)), rtol=1e-12)
    for i, T in enumerate(clips.lengths):
        first = clips.starts[i]
        ends = (h[0][first + T - 1], h[1][first]) if T else 2 * [np.zeros((5, 7, 5))]
        expected = np.concatenate(ends, axis=-1).mean(axis=(0, 1))
        assert_allclose(last[i], expected, rtol=1e-12)


def test_norms_of_gradients(monkeypatch):
    """Those of the sums z of a frame; of steps that nothing is read of after, zero."""
    problem = ClipProblem(lengths=[4, 2])
    network, d_output = problem.network, problem.d_output
    network.load(problem.parameters, backward=True)

    def d_loss(raw, batch):
        return d_output[batch]

    norms = network.gradient_norms(*problem.clips.rows, d_loss)
    part = network.recurrent_layers[0]
    _, tapes = problem.forward(keep=True)
    network.backward(d_output, tapes)
    d_z = tapes[1].kept.image[..., : 4 * part.width]
    rows = tapes[1].x.schedule.data_rows
    assert_allclose(norms["l0"][rows], np.sqrt((d_z**2).sum(axis=(1, 2, 3))))
    assert (norms["l1"] > 0).all()
    monkeypatch.setattr(frame_network, "PREDICT_BYTES", 1)
    network.load(problem.parameters, backward=True)
    again = network.gradient_norms(*problem.clips.rows, d_loss)
    for name, values in norms.items():
        assert_array_equal(again[name], values)


@pytest.mark.parametrize("bidirectional", [False, True])
@every_cell
def test_weights_by_name(cell, bidirectional):
    """As `torch.nn.Conv2d` has them."""
    network = clip_network(
        2, (3, 5), 4, np.float64, cell, (3, 5), (2, 1), bidirectional, "attention"
    )
    parameters = np.arange(1.0, network.layout.size + 1)
    weights, views = torch_weights(network, parameters), network.views(parameters)
    shapes = {"attention": (5 * (1 + bidirectional),)}
    for k, (F, H) in enumerate([(8, 3), (3 * (1 + bidirectional), 5)]):
        for ending in [f"l{k}", f"l{k}_reverse"][: 1 + bidirectional]:
            shapes |= {
                f"weight_ih_{ending}": (4 * H, F, 3, 5),
                f"weight_hh_{ending}": (4 * H, H, 3, 5),
                f"bias_ih_{ending}": (4 * H,),
                f"bias_hh_{ending}": (4 * H,),
            }
            if cell == "lstm_peephole":
                shapes[f"peephole_{ending}"] = (3 * H,)
    assert {name: w.shape for name, w in weights.items()} == shapes
    w = views["l1"]["w"].reshape(3, 5, -1, 20)
    assert_array_equal(weights["weight_ih_l1"], w.transpose(3, 2, 0, 1))
    assert not weights["bias_hh_l0"].any()
    assert not any(np.shares_memory(w, parameters) for w in weights.values())
    weight, bias = network.head(parameters)
    assert weight.shape == (4, 5 * (1 + bidirectional)) and bias.shape == (4,)


# ---- sizes -----------------------------------------------------------------------


def test_frames_of_another_size():
    """The weights know of none: with a kernel of one pixel, pooled over space, a frame
    is the mean of its parts."""
    problem = ClipProblem(shape="no neighbours")
    network, data = (
        problem.network,
        np.random.default_rng(0).standard_normal((4, 6, 8, 2)),
    )
    network.load(problem.parameters, backward=False)
    rows = np.array([0]), np.array([4])
    whole = network.predict(data, *rows)
    parts = [
        network.predict(np.ascontiguousarray(data[:, y : y + 3, x : x + 2]), *rows)
        for y in (0, 3)
        for x in range(0, 8, 2)
    ]
    assert_allclose(whole, np.mean(parts, axis=0), rtol=1e-12)


def test_frames_that_patches_do_not_cut():
    network = clip_network(1, (2, 2), 1, np.float32, patch_size=(2, 3))
    with pytest.raises(ValueError, match=r"4 x 6 pixels .* multiples of 3"):
        network.initial_states(1, 8, 12)
    assert network.frame_sizes(12, 6) == [(6, 3), (2, 1)]


def test_states_of_frames():
    network = ClipProblem(bidirectional=True).network
    sizes = network.frame_sizes(4, 6)
    assert sizes == [(4, 6)] * 4
    states = network.initial_states(3, 4, 6)
    for layer, part in zip(states, network.recurrents):
        assert [a.shape for a in layer] == [(3, 24 * part.width)] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_that_is_said_to_be_needed(kind):
    """What the workspaces hold is no more, and not much less."""
    options = {"frame": (16, 24), "dtype": np.float32, **KINDS[kind]}
    problem = ClipProblem(lengths=[12, 12, 9], **options)
    problem.gradient()
    held = sum(w.nbytes for w in problem.network._memory.workspaces.values())
    size = problem.network.layout.size
    said = problem.network.training_bytes(3, 33, frame=options["frame"])
    assert 0.75 * held < said - 4 * 9 * size < 1.4 * held
    more = problem.network.training_bytes(3, 33, 2, frame=options["frame"])
    assert more - said == 16 * size
