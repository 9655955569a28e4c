"""Segments of minibatches, and streams: what is read when, and from which states."""

import numpy as np
import pytest
from language_cases import network_of, small, training_set
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.exchange import torch_weights
from sklstm._network.losses import TokenCrossEntropy
from sklstm._training.feeds import Minibatches
from sklstm._training.loop import value_and_gradient
from sklstm._training.streams import Carry, Segments, Streams

LENGTHS = [4, 0, 11, 2, 7, 23, 1, 5]
feeds = pytest.mark.parametrize("feed", [Segments, Streams])


def make(feed, n_steps=5, batch_size=3, weight=None):
    """A feed of random documents, shuffled where it can be."""
    corpus = n_steps if feed is Streams else None
    samples = training_set(LENGTHS, weight=weight, corpus=corpus)
    return samples, feed(samples, batch_size, n_steps)


@feeds
@pytest.mark.parametrize("n_steps", [1, 2, 5, 11, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 100])
def test_every_token_is_a_target_once(feed, n_steps, batch_size):
    samples, batches = make(feed, n_steps, batch_size)
    rows, total = [], 0.0
    for batch in batches.epoch(np.random.RandomState(3)):
        assert batch.lengths.max() <= n_steps and batch.lengths.min() > 0
        assert_array_equal(batch.target.lengths, batch.lengths)
        own = [s + np.arange(n) for s, n in zip(batch.starts, batch.lengths)]
        own = np.concatenate(own)
        assert_array_equal(batch.target.values, samples.target.values[own])
        assert batch.total == batch.divisor == len(own)
        rows, total = [*rows, *own], total + batch.total
    assert sorted(rows) == list(range(sum(LENGTHS) + len(LENGTHS)))
    assert total == samples.total


def test_each_token_is_read_before_the_next_is_to_be_said():
    samples = training_set(LENGTHS)
    data, values = samples.data[:, 0], samples.target.values
    assert_array_equal(data[1:], values[:-1])
    assert data[0] == values[-1] == 6
    assert (data == 6).sum() == (values == 6).sum() == len(LENGTHS)


def test_streams_are_as_long_as_each_other():
    samples, batches = make(Streams, 4, 5)
    segments = list(batches.epoch(None))
    n_tokens = np.zeros(5, int)
    for batch in segments:
        n_tokens[batch.ids] += batch.lengths
    assert n_tokens.sum() == sum(LENGTHS) + len(LENGTHS) == 61
    assert n_tokens.max() - n_tokens.min() == 1
    first = [batch.starts[0] for batch in segments]
    assert first == [0, 4, 8, 12]
    assert segments[0].starts.tolist() == [0, 13, 25, 37, 49]


def test_streams_keep_their_order():
    _, batches = make(Streams)
    rng = np.random.RandomState(0)
    assert [b.starts.tolist() for b in batches.epoch(rng)] == [
        b.starts.tolist() for b in batches.epoch(rng)
    ]


def test_documents_are_shuffled_unless_they_shall_not_be():
    samples, batches = make(Segments, 100, 8)
    rng = np.random.RandomState(0)
    whole = Segments(samples, 3, 100, shuffle=False).epoch(rng)
    assert np.concatenate([batch.ids for batch in whole]).tolist() == list(range(8))
    shuffled = Segments(samples, 3, 100).epoch(rng)
    assert np.concatenate([batch.ids for batch in shuffled]).tolist() != list(range(8))


def test_documents_that_have_ended_are_not_there():
    samples, _ = make(Segments)
    (batch,) = Minibatches(samples, 100).epoch(None)
    segments = list(Segments(samples, 100, 5).epoch(None))
    lengths = np.array(LENGTHS) + 1
    assert [len(s.ids) for s in segments] == [
        (lengths > begin).sum() for begin in range(0, 24, 5)
    ]
    by_id = dict(zip(batch.ids.tolist(), batch.lengths.tolist()))
    for begin, segment in zip(range(0, 24, 5), segments):
        assert all(by_id[i] > begin for i in segment.ids.tolist())


def test_what_fits_into_a_segment_is_a_minibatch():
    samples, batches = make(Segments, 24)
    a, b = (
        list(feed.epoch(np.random.RandomState(1)))
        for feed in (batches, Minibatches(samples, 3))
    )
    assert len(a) == len(b) == 3
    for one, other in zip(a, b):
        assert one.carry is None and other.carry is None
        assert_array_equal(one.ids, other.ids)
        assert_array_equal(one.target.values, other.target.values)


@feeds
def test_weights_are_those_of_documents(feed):
    weight = np.arange(1.0, 9.0)
    samples, batches = make(feed, weight=weight)
    segments = list(batches.epoch(np.random.RandomState(0)))
    amount = (weight * (np.array(LENGTHS) + 1)).sum()
    assert samples.total == amount
    assert_allclose(sum(batch.total for batch in segments), amount)
    assert_allclose(sum(batch.divisor for batch in segments), amount)
    for batch in segments:
        assert_allclose(batch.target.weights(batch.weight).sum(), batch.total)


def test_a_carry_copies_what_it_takes():
    carry, ends = Carry(), {"l0": (np.ones((3, 2)), np.zeros((3, 2)))}
    carry.take(ends)
    ends["l0"][0][:] = 7
    assert carry.states["l0"][0].tolist() == [[1, 1]] * 3
    carry.states["l0"][0][2] = 5
    carry.only(np.array([2, 0]))
    assert carry.states["l0"][0].tolist() == [[5, 5], [1, 1]]


# ---- gradients -----------------------------------------------------------------------


def through(network, parameters, batches):
    """Loss and gradient of each minibatch, with the same parameters."""
    loss = TokenCrossEntropy(7)
    found = []
    for batch in batches:
        value, gradient = value_and_gradient(network, parameters, batch, loss)
        found.append((value, gradient.copy(), batch))
    return found


@pytest.mark.parametrize("tie_weights", [False, True])
def test_losses_of_segments_are_those_of_the_whole(tie_weights):
    """States go on, so that cutting changes no output."""
    network, parameters = network_of(7, tie_weights=tie_weights)
    samples, _ = make(Segments)
    whole, cut = (
        sum(value * batch.divisor for value, _, batch in through(
            network, parameters, Segments(samples, 3, n_steps).epoch(
                np.random.RandomState(0))))
        for n_steps in (100, 4)
    )  # fmt: skip
    assert_allclose(cut, whole, rtol=1e-12)
    corpus = training_set(LENGTHS, corpus=6)
    one = through(network, parameters, Streams(corpus, 1, 100).epoch(None))
    parts = through(network, parameters, Streams(corpus, 1, 6).epoch(None))
    assert len(one) == 1 and len(parts) == 11
    total = sum(value * batch.divisor for value, _, batch in parts)
    assert_allclose(total, one[0][0] * one[0][2].divisor, rtol=1e-12)


@feeds
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "lstm_peephole"])
@pytest.mark.parametrize("tie_weights", [False, True])
def test_gradients_by_differences_with_states_that_stay(feed, cell, tie_weights):
    network, parameters = network_of(7, cell=cell, tie_weights=tie_weights)
    _, batches = make(feed, 4, weight=np.arange(1.0, 9.0))
    loss, rng, n_carried = TokenCrossEntropy(7), np.random.default_rng(0), 0
    for batch in batches.epoch(np.random.RandomState(2)):
        states = None if batch.carry is None else batch.carry.states
        n_carried += states is not None

        def value(vector, batch=batch, states=states):
            network.load(vector, backward=False)
            rows, _ = network.forward(
                batch.data, batch.starts, batch.lengths, states=states
            )
            scores = network.for_loss(rows)
            return loss.value(scores, batch.target, batch.weight, batch.divisor)

        expected = value(parameters)
        got, gradient = value_and_gradient(network, parameters, batch, loss)
        gradient = gradient.copy()
        assert_allclose(got, expected, rtol=1e-13)
        for k in rng.choice(len(parameters), 40, replace=False):
            vectors = []
            for h in (1e-5, -1e-5):
                vector = parameters.copy()
                vector[k] += h
                vectors.append(value(vector))
            difference = (vectors[0] - vectors[1]) / 2e-5
            assert_allclose(gradient[k], difference, rtol=1e-5, atol=1e-8)
    assert n_carried > 4


@feeds
def test_gradients_of_pytorch(feed):
    """Of its modules, sequence by sequence, with states that are detached."""
    torch = pytest.importorskip("torch")
    network, parameters = network_of(7, sizes=(5, 5))
    weights = torch_weights(network, parameters)
    weight, bias = network.head(parameters)
    embedding = torch.nn.Embedding(7, 4, dtype=torch.float64)
    lstm = torch.nn.LSTM(4, 5, 2, dtype=torch.float64)
    head = torch.nn.Linear(5, 7, dtype=torch.float64)
    with torch.no_grad():
        embedding.weight[:] = torch.from_numpy(weights["embedding"])
        for name, parameter in lstm.named_parameters():
            parameter[:] = torch.from_numpy(weights[name].copy())
        head.weight[:], head.bias[:] = map(torch.from_numpy, (weight, bias))
    modules = torch.nn.ModuleList([embedding, lstm, head])
    _, batches = make(feed, 4)
    ends, n_carried = {}, 0
    for batch in batches.epoch(np.random.RandomState(2)):
        begins = batch.carry is None or batch.carry.states is None
        n_carried += not begins
        ends = {} if begins else ends
        modules.zero_grad()
        total = 0.0
        parts = zip(batch.ids.tolist(), batch.starts, batch.lengths)
        for k, (i, start, n) in enumerate(parts):
            ids = torch.from_numpy(batch.data[start : start + n, 0].astype(np.int64))
            out, state = lstm(embedding(ids), ends.get(i))
            ends[i] = tuple(part.detach() for part in state)
            true = torch.from_numpy(batch.target[k : k + 1].values)
            total = total + torch.nn.functional.cross_entropy(
                head(out), true, reduction="sum"
            )
        loss = total / int(batch.lengths.sum())
        loss.backward()
        got, gradient = value_and_gradient(
            network, parameters, batch, TokenCrossEntropy(7)
        )
        assert_allclose(got, loss.item(), rtol=1e-12)
        found = torch_weights(network, gradient)
        assert_allclose(found["embedding"], embedding.weight.grad, atol=1e-13)
        for name, parameter in lstm.named_parameters():
            if not name.startswith("bias_hh"):
                assert_allclose(found[name], parameter.grad, atol=1e-13, err_msg=name)
        d_weight, d_bias = network.head(gradient)
        assert_allclose(d_weight, head.weight.grad, atol=1e-13)
        assert_allclose(d_bias, head.bias.grad, atol=1e-13)
    assert n_carried > 4


def test_a_gradient_of_a_segment_is_that_of_its_own_steps():
    """Of a text in one stream, where a segment holds all: the whole gradient."""
    network, parameters = network_of(7)
    corpus = training_set([30], corpus=31)
    ((a, whole, _),) = through(network, parameters, Streams(corpus, 1, 31).epoch(None))
    ((b, other, _),) = through(
        network, parameters, Minibatches(training_set([30]), 1).epoch(None)
    )
    assert a == b and (whole == other).all()


# ---- in a fit ------------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("contiguous", [False, True])
def test_more_steps_than_there_are_is_none(contiguous, dropout):
    X = ["abcab", "", "bca", "aabbcc"]
    kwargs = {"contiguous": contiguous, "dropout": dropout, "batch_size": 1}
    kwargs |= {"recurrent_dropout": dropout, "shuffle": False}
    a = small(tbptt=100, **kwargs).fit(X)
    b = small(tbptt=100 if contiguous else None, **kwargs).fit(X)
    assert all((b.weights_[name] == w).all() for name, w in a.weights_.items())
    c = small(tbptt=3, **kwargs).fit(X)
    assert any((c.weights_[name] != w).any() for name, w in a.weights_.items())
