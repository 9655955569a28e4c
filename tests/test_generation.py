"""Sampling tokens: the kernel against the same in NumPy, and what is promised of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from sklstm._kernels import philox
from sklstm._network import generation
from sklstm._network.build import language_model_network

V, N, LENGTH, SEED = 23, 70, 12, 7**20
CELLS = ["lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_peephole"]
WAYS = [
    {},
    {"top_k": 5},
    {"top_k": 1},
    {"top_k": 100},
    {"top_p": 0.6},
    {"top_p": 1e-9},
    {"top_k": 9, "top_p": 0.5},
    {"temperature": 0.7},
    {"temperature": 0},
    {"stop": 3},
    {"stop": 3, "top_k": 20, "temperature": 2.0},
]


def network_of(dtype=np.float64, cell="lstm", sizes=(9, 6), tied=False, n_tokens=V):
    embedding = {"columns": (0,), "rows": (n_tokens,), "widths": (6,)}
    network = language_model_network(
        1, sizes, n_tokens, dtype, cell, tie_weights=tied,
        embedding={**embedding, "trainable": True},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    parameters = 0.4 * rng.standard_normal(network.layout.size)
    network.load(parameters.astype(network.dtype), backward=False)
    return network


def begin(network, n=N):
    rng = np.random.default_rng(1)
    states = network.initial_states(n)
    for layer, recurrent in zip(states, network.recurrents, strict=True):
        for part in layer:
            part[:, : recurrent.n_units] = rng.standard_normal((n, recurrent.n_units))
    return states, rng.integers(0, V, n), np.arange(n)


def some(states, which):
    return [tuple(part[which] for part in layer) for layer in states]


def allowed_but(*tokens):
    allowed = np.ones(V, bool)
    allowed[list(tokens)] = False
    return allowed


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_kernel_is_numpy(instruction_set, cell, way):
    network = network_of(cell=cell)
    states, first, streams = begin(network)
    options = {"seed": SEED, "streams": streams, "allowed": allowed_but(0, 5), **way}
    tokens, lengths = generation.sample(network, states, first, LENGTH, **options)
    expected, of_each = np.full((N, LENGTH), -1), np.zeros(N, int)
    generation.sample_in_numpy(
        network, states, first, streams, expected, of_each, seed=SEED,
        temperature=way.get("temperature", 1.0), top_k=min(way.get("top_k", V), V),
        top_p=way.get("top_p", 1.0), allowed=allowed_but(0, 5),
        stop=way.get("stop", -1),
    )  # fmt: skip
    assert_array_equal(tokens, expected)
    assert_array_equal(lengths, of_each)
    assert not np.isin(tokens, [0, 5]).any()
    if "stop" in way:
        assert lengths.min() < LENGTH
        ended = lengths < LENGTH
        assert (tokens[ended, lengths[ended] - 1] == 3).all()
    assert ((tokens >= 0).sum(axis=1) == lengths).all()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_is_the_same_whatever_is_beside_it(way, dtype):
    network = network_of(dtype)
    states, first, streams = begin(network)
    options = {"seed": 3, **way}
    together, _ = generation.sample(
        network, states, first, LENGTH, streams=streams, **options
    )
    for which in (slice(0, 1), slice(40, 41), slice(3, 50, 7)):
        part, _ = generation.sample(
            network, some(states, which), first[which], LENGTH,
            streams=streams[which], **options,
        )  # fmt: skip
        assert_array_equal(part, together[which])
    for n_threads in (1, 2, 3, 8):
        with threadpool_limits(n_threads, user_api="openmp"):
            again, _ = generation.sample(
                network, states, first, LENGTH, streams=streams, **options
            )
        assert_array_equal(again, together)


def test_states_are_left_alone():
    network = network_of()
    states, first, streams = begin(network)
    before = [tuple(part.copy() for part in layer) for layer in states]
    generation.sample(network, states, first, 5, seed=1, streams=streams)
    for layer, old in zip(states, before, strict=True):
        for part, own in zip(layer, old, strict=True):
            assert_array_equal(part, own)


def test_a_long_sample_goes_on_where_a_short_one_ended():
    network = network_of()
    states, first, streams = begin(network)
    short, _ = generation.sample(network, states, first, 4, seed=1, streams=streams)
    long, _ = generation.sample(network, states, first, 9, seed=1, streams=streams)
    assert_array_equal(long[:, :4], short)
    none, lengths = generation.sample(
        network, states, first, 0, seed=1, streams=streams
    )
    assert none.shape == (N, 0) and not lengths.any()
    nobody, lengths = generation.sample(
        network, network.initial_states(0), [], 3, seed=1, streams=[]
    )
    assert nobody.shape == (0, 3) and lengths.shape == (0,)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_have_their_probabilities(temperature):
    network = network_of()
    n = 20_000
    states = network.initial_states(n)
    tokens, _ = generation.sample(
        network, states, np.zeros(n, int), 1, seed=5, streams=np.arange(n),
        temperature=temperature,
    )  # fmt: skip
    log_p, *_ = network.step(np.zeros((1, 1)), network.initial_states(1), None)
    p = np.exp(log_p[0] / temperature)
    shares = np.bincount(tokens[:, 0], minlength=V) / n
    assert_allclose(shares, p / p.sum(), atol=4 * np.sqrt(0.25 / n))


def test_seeds_and_streams_differ():
    network = network_of()
    states, first, streams = begin(network)
    same = np.zeros(N, int)
    states = some(states, same)
    tokens, _ = generation.sample(
        network, states, first[same], LENGTH, seed=1, streams=streams
    )
    assert len(np.unique(tokens, axis=0)) == N
    for change in ({"seed": 2}, {"seed": 2**40}, {"streams": streams + 2**33}):
        options = {"seed": 1, "streams": streams, **change}
        others, _ = generation.sample(network, states, first[same], LENGTH, **options)
        assert (others != tokens).any()


def test_noise_is_of_token_step_stream_and_seed():
    c = philox((2, 9, 1, 3), (7, 1))
    found = generation.gumbel((1 << 32) + 7, 1 + (3 << 32), 9, np.array([9, 11]))
    u = (np.array([c[1], c[3]]) + 0.5) / 2**32
    assert_allclose(found, -np.log(-np.log(u)), rtol=1e-12)


def test_products_of_bfloat16_numbers():
    network = network_of("bfloat16")
    states, first, streams = begin(network, 5)
    tokens, lengths = generation.sample(
        network, states, first, 6, seed=1, streams=streams, stop=2
    )
    assert tokens.max() < V and ((tokens >= 0).sum(axis=1) == lengths).all()


def test_refused():
    network = network_of()
    states, first, streams = begin(network)
    options = {"seed": 1, "streams": streams}
    with pytest.raises(ValueError, match="No token is allowed"):
        generation.sample(
            network, states, first, 2, allowed=np.zeros(V, bool), **options
        )
    bad = first.copy()
    bad[4] = V
    with pytest.raises(ValueError, match="Sample 4 begins with token 23, of 23"):
        generation.sample(network, states, bad, 2, **options)
    with pytest.raises(ValueError, match="no token that could be drawn"):
        generation.sample(network, states, first, 2, temperature=np.nan, **options)
    with pytest.raises(ValueError, match="state has shape"):
        generation.sample(network, some(states, slice(3)), first, 2, **options)
    with pytest.raises(ValueError, match="do not fit"):
        generation.sample(network, states[:1], first, 2, **options)
    with pytest.raises(ValueError, match="Layer 1 has a state of 1 part"):
        generation.sample(network, [states[0], states[1][:1]], first, 2, **options)
    kernels = network.kernels
    with pytest.raises(ValueError, match="Layer 1 does not belong to what is below"):
        kernels.Generator(
            network.tables.table, [network.recurrents[0].packed] * 2,
            network.layers[-1].packed, V,
        )  # fmt: skip
    with pytest.raises(ValueError, match="table, layers, head and V"):
        kernels.Generator(network.tables.table, [], network.layers[-1].packed, V)
