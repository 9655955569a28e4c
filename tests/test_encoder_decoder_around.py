"""The encoder-decoder: PyTorch, threads, precisions, memory, learning."""

import tracemalloc

import numpy as np
import pytest
from encoder_decoder_cases import Problem, every_attention, every_form, every_kind
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.build import encoder_decoder_network
from sklstm._network.exchange import encoder_decoder_weights
from sklstm._network.layers.dropout import Masks
from sklstm._targets.steps import StepTarget
from sklstm._training.feeds import Minibatch, Minibatches, TrainingSet
from sklstm._training.loop import LoopOptions, run_epoch
from sklstm._training.optimizers import Adam

# ---- PyTorch -----------------------------------------------------------------------


def torch_value_and_gradients(torch, problem):
    """The loss and its gradients by the names of `encoder_decoder_weights`, sequence by
    sequence."""
    network = problem.network
    w = {
        name: torch.tensor(value, requires_grad=True)
        for name, value in encoder_decoder_weights(network, problem.parameters).items()
    }
    n_layers, kind = len(network.encoder_layers), problem.kind
    cell = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}

    def recurrent(part, k, x, states=None):
        """Outputs (T, .) and states (directions, 1, H) of a layer, by PyTorch."""
        names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        suffixes = [""]
        if f"{part}_weight_ih_l{k}_reverse" in w:
            suffixes.append("_reverse")
        H = w[f"{part}_weight_hh_l{k}"].shape[1]
        module = cell[problem.cell](
            x.shape[1], H, bidirectional=len(suffixes) == 2, dtype=torch.float64
        )
        own = {
            f"{name}_l0{suffix}": w[f"{part}_{name}_l{k}{suffix}"]
            for name in names
            for suffix in suffixes
        }
        if states is None:
            zero = torch.zeros(len(suffixes), 1, H, dtype=torch.float64)
            states = (zero, zero) if problem.cell == "lstm" else (zero,)
        if not len(x):
            return torch.zeros(0, H * len(suffixes), dtype=torch.float64), states
        arguments = states if problem.cell == "lstm" else states[0]
        y, after = torch.func.functional_call(module, own, (x[:, None], arguments))
        return y[:, 0], after if problem.cell == "lstm" else (after,)

    loss = 0
    for i, weight in enumerate(problem.weight):
        x = torch.tensor(problem.source_of(i).astype(np.float64))
        if "embedding" in w:
            x = w["embedding"][x[:, 0].long()]
        states = []
        for k in range(n_layers):
            x, after = recurrent("encoder", k, x)
            if network.bridges is not None:
                after = [
                    torch.nn.functional.linear(
                        end.reshape(1, 1, -1),
                        w[f"bridge_{state}_weight_l{k}"],
                        w[f"bridge_{state}_bias_l{k}"],
                    )
                    for state, end in zip("hc", after)
                ]
            states.append(tuple(after))
        h = w["target_embedding"][torch.tensor(problem.read_by(i))]
        for k in range(n_layers):
            h, _ = recurrent("decoder", k, h, states[k])
        if kind is not None:
            q = h
            if kind == "general":
                q = h @ w["attention_query_weight"].T
            scores = q @ x.T if kind != "additive" else None
            if kind == "additive":
                q = h @ w["attention_query_weight"].T
                key = x @ w["attention_key_weight"].T
                scores = torch.tanh(q[:, None] + key) @ w["attention_v"]
            context = torch.softmax(scores, dim=1) @ x
            both = torch.cat([context, h], dim=1)
            h = torch.tanh(
                both @ w["attention_combine_weight"].T + w["attention_combine_bias"]
            )
        logits = h @ w["head_weight"].T + w["head_bias"]
        tokens = torch.tensor(np.append(problem.read_by(i)[1:], network.mark))
        loss = loss + weight * torch.nn.functional.cross_entropy(
            logits, tokens, reduction="sum"
        )
    loss = loss / 3
    loss.backward()
    return loss.item(), {name: value.grad.numpy() for name, value in w.items()}


@every_form
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
@pytest.mark.parametrize("n_features", [None, 3])
def test_against_torch(torch, kind, bidirectional, cell, n_features):
    problem = Problem(kind, cell, bidirectional=bidirectional, n_features=n_features)
    value, gradient = problem.value_and_gradient()
    expected, gradients = torch_value_and_gradients(torch, problem)
    assert_allclose(value, expected, rtol=1e-12)
    found = encoder_decoder_weights(problem.network, gradient)
    assert found.keys() == gradients.keys()
    for name, known in gradients.items():
        if cell != "gru" and "bias_hh" in name:
            continue  # the gradient of the one bias is that of bias_ih
        got = found[name]
        if "bias_hh" in name:  # only that of n is apart
            got, known = (part.reshape(3, -1)[2] for part in (got, known))
        assert_allclose(got, known, rtol=1e-9, atol=1e-13, err_msg=name)


def frozen_problem(kind, bidirectional):
    """Weights that follow from nothing random."""
    problem = Problem(kind, bidirectional=bidirectional, scale=0.0)
    problem.parameters = 0.5 * np.sin(1.3 * np.arange(problem.network.layout.size))
    lengths, network = problem.lengths, problem.network
    N = lengths.sum()
    problem.data = (np.arange(N) * 7 % 5).reshape(-1, 1).astype(float)
    problem.starts = np.cumsum(lengths) - lengths
    tokens = np.arange(len(problem.target.values)) * 5 % 6
    tokens[problem.target.offsets[1:] - 1] = network.mark
    problem.target = StepTarget(tokens, problem.target.offsets)
    problem.weight = 1 + np.arange(len(lengths)) / 4
    return problem


# What PyTorch 2.13 has, by `torch_value_and_gradients`.
FROZEN = {
    (None, False): [
        18.518607362287334, -0.0033022204332882957, -0.4361373230012112,
        -0.3453253984037608, 0.05859474278840515,
    ],
    (None, True): [
        18.149226275487376, 0.001305868543094734, 0.8452701239491223,
        -0.30894133840130883, 1.2331392805395933,
    ],
    ("dot", False): [
        18.909520527299744, 0.018798783481612763, -1.307976240595599,
        -0.31608842439441764, 4.150797356959466,
    ],
    ("general", False): [
        20.383901644954665, 0.010286123906463496, -1.8676885165178227,
        -0.030652144182284013, 9.183749875405043,
    ],
    ("general", True): [
        18.761729273887447, 0.01945212061870981, -1.7425779492374405,
        0.6202208525975037, 5.701685959210223,
    ],
    ("additive", False): [
        17.428832355433453, -0.01725413267619469, -0.41484743431092064,
        -0.20703477908478607, -0.10221605097026543,
    ],
    ("additive", True): [
        18.116465185294242, 0.0009718123636571208, -1.3643078071221642,
        -1.1792118135979786, 1.618342877275655,
    ],
}  # fmt: skip


@every_form
def test_frozen_numbers_of_torch(kind, bidirectional):
    problem = frozen_problem(kind, bidirectional)
    value, gradient = problem.value_and_gradient()
    found = torch_digest(value, encoder_decoder_weights(problem.network, gradient))
    assert_allclose(found, FROZEN[kind, bidirectional], rtol=1e-11)


@every_form
def test_torch_has_the_frozen_numbers(torch, kind, bidirectional):
    problem = frozen_problem(kind, bidirectional)
    found = torch_digest(*torch_value_and_gradients(torch, problem))
    assert_allclose(found, FROZEN[kind, bidirectional], rtol=1e-11)


def torch_digest(value, gradients):
    """The loss, and a sum over the gradients of each part."""
    sums = dict.fromkeys(["embedding", "encoder", "decoder", "head"], 0.0)
    for name, part in gradients.items():
        if "bias_hh" in name:
            continue
        known = [key for key in sums if name.startswith(key)]
        place = known[0] if known else "head"
        factors = np.cos(np.arange(part.size) + len(name)).reshape(part.shape)
        sums[place] += (part * factors).sum()
    return [value, *sums.values()]


# ---- bits and precisions -----------------------------------------------------------


@every_form
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_for_any_number_of_threads(
    kind, bidirectional, dtype, threads, monkeypatch
):
    for module in ("dense", "attention", "softmax"):
        name = f"sklstm._network.layers.{module}.PARALLEL_PRODUCTS"
        monkeypatch.setattr(name, 0)
    problem = Problem(
        kind, dtype=dtype, bidirectional=bidirectional, hidden=(9, 40), rates=(0.3, 0.2)
    )
    expected = None
    for n_threads in (1, 2, 3, 8):
        with threads(n_threads):
            value, gradient = problem.value_and_gradient()
            rows = problem.rows()
        got = [np.array(value), gradient, rows]
        assert threads.used == {n_threads} or n_threads == 1
        expected = expected or got
        for part, own in zip(got, expected):
            assert_array_equal(part, own)


@every_form
def test_float32_is_close_to_float64(kind, bidirectional):
    problem = Problem(kind, bidirectional=bidirectional, dtype=np.float32)
    value, gradient = problem.value_and_gradient()
    exact = Problem(kind, bidirectional=bidirectional)
    exact.parameters = problem.parameters.astype(np.float64)
    expected, known = exact.value_and_gradient()
    assert_allclose(value, expected, rtol=1e-6)
    assert_allclose(gradient, known, rtol=1e-4, atol=2e-6)


@every_kind
def test_bfloat16(bfloat16_set, kind):
    """Close to float32, and a step has the bits of the whole."""
    problem = Problem(kind, dtype="bfloat16", hidden=(33, 20))
    exact = Problem(kind, dtype=np.float32, hidden=(33, 20))
    exact.parameters[:] = problem.parameters
    value, gradient = problem.value_and_gradient()
    expected, known = exact.value_and_gradient()
    assert value != expected
    assert_allclose(value, expected, rtol=0.01)
    assert np.linalg.norm(gradient - known) < 0.05 * np.linalg.norm(known)
    log_p = np.split(problem.log_probabilities(), problem.target.offsets[1:-1])
    encoded = problem.network.encode(*problem.rows_of())
    for i, part in enumerate(log_p):
        states = encoded.at([i]).states
        for token, row in zip(problem.read_by(i), part, strict=True):
            got, states = problem.network.step(
                np.array([token]), states, encoded, np.array([i])
            )
            assert_array_equal(got[0], row)


@every_form
def test_bits_of_gradients_do_not_depend_on_where_data_lie(kind, bidirectional):
    problem = Problem(kind, bidirectional=bidirectional)
    value, gradient = problem.value_and_gradient()
    rows = [problem.source_of(i) for i in range(len(problem.lengths))]
    problem.data = np.concatenate(rows[::-1])
    after = np.append(0, np.cumsum(problem.lengths[::-1])[:-1])
    problem.starts = after[::-1].copy()
    again, other = problem.value_and_gradient()
    assert again == value
    assert_array_equal(other, gradient)


# ---- prediction --------------------------------------------------------------------


@every_form
def test_prediction_in_bounded_memory(kind, bidirectional, monkeypatch):
    problem = Problem(kind, bidirectional=bidirectional)
    problem.load()
    rows, log_p = problem.rows(), problem.log_probabilities()
    passes, original = [], problem.network._targets
    monkeypatch.setattr(
        problem.network, "_targets", lambda t: passes.append(len(t)) or original(t)
    )
    monkeypatch.setattr("sklstm._network.encoder_decoder.PREDICT_STEPS", 6)
    assert_array_equal(problem.rows(), rows)
    assert len(passes) > 2 and sum(passes) == len(problem.lengths)
    assert_array_equal(problem.log_probabilities(), log_p)
    assert problem.rows([]).shape == (0, rows.shape[1])
    if kind is not None:
        weights = problem.network.attention(*problem.rows_of(), problem.target)
        for got, T, S in zip(weights, problem.target.lengths, problem.lengths):
            assert got.shape == (T, S) and got.dtype == problem.network.dtype
            assert_allclose(got.sum(axis=1), float(S > 0), rtol=1e-14)


@every_attention
def test_weights_of_attention_are_bounded_too(kind, monkeypatch):
    """As many sequences at once as have as many weights as rows have numbers."""
    monkeypatch.setattr("sklstm._network.encoder_decoder.PREDICT_STEPS", 1700)
    problem = Problem(kind, sources=[60] * 8, targets=[80] * 8)
    problem.load()
    passes = list(problem.network._passes(*problem.rows_of(), problem.target))
    assert [len(targets.begins) - 1 for _, _, targets in passes] == [2] * 4
    few = Problem(kind, sources=[3] * 8, targets=[80] * 8)
    assert len(list(few.network._passes(*few.rows_of(), few.target))) == 1


@every_form
def test_outputs_of_the_encoder_are_there_where_they_are_read(kind, bidirectional):
    *below, top = Problem(kind, bidirectional=bidirectional).network.encoder_layers
    assert all(part.every_step for layer in below for part in layer.directions)
    assert {part.every_step for part in top.directions} == {kind is not None}


@every_form
def test_what_was_encoded_stays(kind, bidirectional):
    """Whatever the network does in between, and when it is given back."""
    problem = Problem(kind, bidirectional=bidirectional)
    problem.load()
    network = problem.network
    encoded = network.encode(*problem.rows_of())
    which = np.array([3, 0, 3, 5])
    ids, some = np.array([1, 2, network.mark, 0]), encoded.at(which)
    assert some.memory is encoded.memory
    expected, after = network.step(ids, some.states, some, np.arange(4))
    problem.rows([4, 3, 2])
    network.encode(*problem.rows_of([1, 5]))
    network.shrink()
    again, states = network.step(ids, some.states, some, np.arange(4))
    assert_array_equal(again, expected)
    beams, _ = network.step(ids, encoded.at(which).states, encoded, which)
    assert_array_equal(beams, expected)
    for layer, own in zip(states, after, strict=True):
        for part, other in zip(layer, own, strict=True):
            assert_array_equal(part, other)
    assert expected.dtype == np.float64
    assert_allclose(np.exp(expected).sum(axis=1), 1, rtol=1e-12)
    zero = network.initial_states(2)
    assert [[part.shape for part in layer] for layer in zero] == [
        [(2, part.shape[1]) for part in layer] for layer in some.states
    ]
    got, _ = network.step(ids[:0], encoded.at(which[:0]).states, encoded, which[:0])
    assert got.shape == (0, problem.network.mark + 1)


@every_form
def test_batches_without_a_step(kind, bidirectional):
    """Sources that have none at all, and a target of the mark alone."""
    problem = Problem(
        kind, sources=[0, 0, 0], targets=[0, 2, 0], bidirectional=bidirectional
    )
    value, gradient = problem.value_and_gradient()
    assert np.isfinite(value) and np.isfinite(gradient).all() and gradient.any()
    for i, part in enumerate(np.split(problem.log_probabilities(), [1, 4])):
        assert_allclose(part, problem.in_numpy(i)[0], rtol=1e-11)
    encoded = problem.network.encode(*problem.rows_of())
    got, _ = problem.network.step(
        np.array([6, 6]), encoded.at([0, 2]).states, encoded, np.array([0, 2])
    )
    assert_array_equal(got, problem.log_probabilities()[[0, 4]])


# ---- the flat vector and its memory --------------------------------------------------


@every_form
def test_gradients_of_tables_are_sparse(kind, bidirectional):
    """`touched` says where, and what was written there before is zero again."""
    problem = Problem(
        kind, bidirectional=bidirectional, n_tokens=30, n_source_tokens=40
    )
    network, n = problem.network, 30 * 3 + 40 * 4
    assert network.dense.start == n
    assert list(network.layout.shapes)[:2] == ["embedding.w0", "target_embedding.w0"]
    for samples in ([0, 1, 2], [3, 4], [5], [1]):
        _, gradient = problem.value_and_gradient(samples=samples)
        source, target = network.touched.tables
        ids = np.concatenate([problem.source_of(i)[:, 0] for i in samples])
        assert_array_equal(source[2], np.unique(ids))
        tokens = np.concatenate([problem.read_by(i) for i in samples])
        assert_array_equal(target[2], np.unique(tokens))
        for place, width, rows in network.touched.tables:
            table = gradient[place].reshape(-1, width)
            assert not np.delete(table, rows, axis=0).any()
    mask = network.weight_mask()
    assert not mask[:n].any()
    views = network.views(mask)
    for name, layer in views.items():
        for key, value in layer.items():
            weight = value.ndim == 2 and not name.endswith("embedding")
            assert (value == weight).all(), (name, key)


def test_frozen_table_of_the_source():
    network = encoder_decoder_network(
        1, (4,), 5, np.float64, target_embedding_dim=2,
        embedding={"columns": [0], "rows": [3], "widths": [2], "trainable": False},
    )  # fmt: skip
    assert network.encoder_layers[0].reads_data
    assert [layer.name for layer in network.embeddings] == [
        "embedding", "target_embedding"
    ]  # fmt: skip


@every_form
def test_initial_parameters(kind, bidirectional):
    """All of them, and constant outputs where a head begins."""
    problem = Problem(kind, bidirectional=bidirectional)
    network, start = problem.network, np.log(np.arange(1, 8) / 28)
    tables = [(np.array([2]), np.full((1, 4), 3.0))]
    first, again, other = (
        network.initialize(
            np.random.RandomState(seed), start, forget_bias=1.0, tables=tables
        )
        for seed in (0, 0, 1)
    )
    assert np.isfinite(first).all()
    assert_array_equal(first, again)
    views, others = network.views(first), network.views(other)
    assert_array_equal(views["embedding"]["w0"][2], 3)
    assert_array_equal(views["head"]["b"], start)
    for name, layer in views.items():
        for key, value in layer.items():
            if value.ndim == 2 and not key.startswith("p"):
                assert not np.array_equal(value, others[name][key]), (name, key)
            elif name.startswith(("attention", "l0.bridge")):
                assert not value.any()


@every_form
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("rates", [(0, 0), (0.5, 0.5)])
def test_a_minibatch_takes_no_more_and_little_less(kind, bidirectional, cell, rates):
    B, T, V = 50, 40, 60
    embedding = {"columns": [0], "rows": [30], "widths": [24], "trainable": True}
    arguments = (
        1,
        (32, 64),
        V,
        "float32",
        cell,
        bidirectional,
        kind,
        *rates,
        embedding,
    )

    def make():
        return encoder_decoder_network(*arguments, target_embedding_dim=24)

    said = make().training_bytes(B, B * T)
    rng = np.random.default_rng(0)
    data = rng.integers(0, 30, (B * T, 1)).astype(np.float32)
    tokens, offsets = rng.integers(0, V, B * (T + 1)), np.arange(B + 1) * (T + 1)
    target = StepTarget(tokens, offsets)
    batch = Minibatch(
        data, np.arange(B) * T, np.full(B, T), target, None, B * (T + 1.0), 1.0,
        np.arange(B),
    )  # fmt: skip
    loss = Problem(kind).loss
    tracemalloc.start()
    try:
        network = make()
        network.load(np.full(network.layout.size, 0.01, np.float32), backward=True)
        masks = Masks(1, 1, np.arange(B)) if any(rates) else None
        scores, tapes = network.forward_of(batch, keep=True, masks=masks)
        _, d_rows = loss.value_and_gradient(scores, target, None, 1.0)
        network.backward(d_rows, tapes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < said < 1.6 * peak


def test_nothing_is_allocated_to_say_how_much():
    tracemalloc.start()
    network = encoder_decoder_network(
        3, (10**9,), 10**9, "float32", attention="additive", bidirectional=True,
        target_embedding_dim=100,
    )  # fmt: skip
    said = network.training_bytes(10**6, 10**9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6 and said > 10**18


# ---- training ----------------------------------------------------------------------


def test_it_goes_back_over_all_steps():
    problem = Problem("dot")
    with pytest.raises(ValueError, match="over all steps"):
        problem.network.forward_of(problem.batch(), keep=True, tbptt=3)


@every_attention
def test_it_learns_to_turn_sequences_round(kind):
    """The loop with a sparse optimizer; then greedy steps write the answer."""
    rng = np.random.default_rng(0)
    n, V = 400, 7  # 6 letters and the mark
    lengths = rng.integers(0, 6, n)
    starts = np.cumsum(lengths) - lengths
    data = rng.integers(0, 6, (lengths.sum(), 1)).astype(np.float32)
    offsets = np.append(0, np.cumsum(lengths + 1))
    tokens = np.full(offsets[-1], V - 1)
    for i in range(n):
        turned = data[starts[i] : starts[i] + lengths[i], 0][::-1]
        tokens[offsets[i] : offsets[i + 1] - 1] = turned
    target = StepTarget(tokens, offsets)
    network = encoder_decoder_network(
        1, (32,), V, np.float32, attention=kind, target_embedding_dim=8,
        embedding={"columns": [0], "rows": [6], "widths": [8], "trainable": True},
    )  # fmt: skip
    loss = Problem(kind, n_tokens=V).loss
    parameters = network.initialize(
        np.random.RandomState(0), np.zeros(V), forget_bias=1.0
    )
    feed = Minibatches(TrainingSet(data, starts, lengths, target), 20)
    betas = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    optimizer = Adam(network.layout.size, np.float32, **betas)
    options = LoopOptions(max_iter=1, max_grad_norm=1.0)
    draws = np.random.RandomState(0)
    for _ in range(25):
        value = run_epoch(
            network, parameters, feed, loss, optimizer, 0.01, options, draws, []
        )
    assert value < 0.05
    network.load(parameters, backward=False)
    encoded = network.encode(data, starts, lengths)
    ids, states, every = np.full(n, V - 1), encoded.states, np.arange(n)
    written = []
    for _ in range(6):
        log_p, states = network.step(ids, states, encoded, every)
        ids = log_p.argmax(axis=1)
        written.append(ids)
    written = np.array(written).T
    right = [
        np.array_equal(
            written[i, : lengths[i] + 1], tokens[offsets[i] : offsets[i + 1]]
        )
        for i in range(n)
    ]
    assert np.mean(right) > 0.95
