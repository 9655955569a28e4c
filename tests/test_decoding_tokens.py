"""Beams over any step, against a search written out for one source."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import log_softmax

from sklstm._network import decoding_tokens
from sklstm._network.decoding_tokens import beam, sources_at_once, sums_of_sequences


class Chain:
    """A network in small: log p of the next token by the last two and the source."""

    def __init__(self, n_sources, V, seed=0, quantum=None, peak=2.0):
        rng = np.random.default_rng(seed)
        table = log_softmax(peak * rng.standard_normal((n_sources, V, V, V)), axis=-1)
        if quantum is not None:  # so that many are equal
            table = np.round(table / quantum) * quantum
        self.table, self.mark = table, V - 1
        self.calls = []

    def states(self, n):
        return [(np.full((n, 1), self.mark), np.zeros((n, 2)))]

    def step(self, ids, states, source):
        self.calls.append(len(ids))
        last, count = states[0]
        after = [(ids[:, np.newaxis], count + 1)]
        return self.table[source, last[:, 0], ids], after

    def beam(self, sources, longest, size, **options):
        sources = np.asarray(sources)

        def step(ids, states, source):
            return self.step(ids, states, sources[source])

        longest = np.broadcast_to(longest, len(sources))
        states = self.states(len(sources))
        return beam(step, states, longest, self.mark, size, **options).of_each()

    def log_p(self, source, tokens):
        """The terms of a hypothesis and of its end."""
        path = [self.mark, self.mark, *tokens, self.mark]
        return [
            self.table[source, a, b, c] for a, b, c in zip(path, path[1:], path[2:])
        ]


def searched(chain, source, longest, size, length_penalty=0.0):
    """The same search in plain words."""
    alive, found = [(0.0, [])], []
    while alive:
        after = []
        for rank, (score, tokens) in enumerate(alive):
            a, b = [chain.mark, chain.mark, *tokens][-2:]
            log_p = chain.table[source, a, b]
            ids = range(1, len(log_p)) if len(tokens) < longest else [chain.mark]
            after += [
                (score + log_p[id], log_p[id], -rank, -id, [*tokens, id]) for id in ids
            ]
        after.sort(reverse=True)
        alive = []
        for score, *_, tokens in after[: size - len(found)]:
            if tokens[-1] == chain.mark:
                found.append((score, tokens[:-1]))
            else:
                alive.append((score, tokens))
    found.sort(key=lambda item: -item[0] / len([*item[1], 0]) ** length_penalty)
    return [(float(score), tokens) for score, tokens in found]


@pytest.mark.parametrize("quantum", [None, 0.5])
@pytest.mark.parametrize("size", [1, 2, 5, 40])
@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 2.0])
def test_against_the_search_in_plain_words(quantum, size, length_penalty):
    chain = Chain(6, 7, seed=size, quantum=quantum)
    longest = np.array([0, 1, 4, 9, 9, 6])
    found = chain.beam(range(6), longest, size, length_penalty=length_penalty)
    for k in range(6):
        assert found[k] == searched(chain, k, longest[k], size, length_penalty)
        assert len(found[k]) == size or longest[k] < 2
        assert all(len(tokens) <= longest[k] for _, tokens in found[k])


@pytest.mark.parametrize("quantum", [None, 0.5])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("V", [15, 16, 17])
def test_many_tokens_in_blocks(monkeypatch, quantum, size, V):
    monkeypatch.setattr(decoding_tokens, "BLOCK", 3)
    chain = Chain(3, V, seed=size, quantum=quantum)
    found = chain.beam(range(3), 8, size)
    assert found == [searched(chain, k, 8, size) for k in range(3)]


def test_a_beam_of_one_takes_the_best_token_at_each_step():
    chain = Chain(5, 9, seed=3)
    for source, found in enumerate(chain.beam(range(5), 12, 1)):
        last, tokens = (chain.mark, chain.mark), []
        while True:
            best = 1 + int(chain.table[source][last][1:].argmax())
            if best == chain.mark or len(tokens) == 12:
                break
            tokens.append(best)
            last = last[1], best
        assert [ids for _, ids in found] == [tokens]


def test_a_beam_that_holds_all_finds_the_best():
    chain = Chain(3, 5, seed=1)
    everything = [
        list(tokens)
        for n in range(4)
        for tokens in itertools.product([1, 2, 3], repeat=n)
    ]
    for source, found in enumerate(chain.beam(range(3), 3, len(everything))):
        scores = [sum(chain.log_p(source, tokens)) for tokens in everything]
        order = np.argsort(scores)[::-1]
        assert [tokens for _, tokens in found] == [everything[k] for k in order]


def test_the_score_is_the_sum_in_the_order_of_the_tokens():
    chain = Chain(4, 30, seed=2)
    found = chain.beam(range(4), 20, 6, length_penalty=1.0)
    for source, hypotheses in enumerate(found):
        terms = [chain.log_p(source, tokens) for _, tokens in hypotheses]
        offsets = np.cumsum([0, *map(len, terms)])
        sums = sums_of_sequences(np.concatenate(terms), offsets)
        assert sums.tolist() == [score for score, _ in hypotheses]


def test_sums_of_sequences():
    values = np.array([1e16, 1.0, -1e16, 2.0, 3.0])
    assert sums_of_sequences(values, np.array([0, 0, 3, 5, 5])).tolist() == [0, 0, 5, 0]


@pytest.mark.parametrize("quantum", [None, 0.25])
def test_what_stands_beside_a_source_changes_nothing(quantum):
    chain = Chain(8, 11, seed=4, quantum=quantum)
    longest = np.arange(3, 11)
    together = chain.beam(range(8), longest, 4)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(8), 2))
    assert chain.beam(order, longest[order], 4) == [together[k] for k in order]
    for k in range(8):
        assert chain.beam([k], longest[k], 4) == [together[k]]


def test_sources_that_have_ended_are_no_rows():
    chain = Chain(4, 6, seed=5)
    chain.beam(range(4), np.array([0, 0, 0, 7]), 3)
    assert chain.calls[0] == 4
    assert all(n <= 3 for n in chain.calls[1:])
    assert len(chain.calls) <= 8


def test_there_may_be_fewer_than_asked_for():
    (found,) = Chain(1, 3).beam([0], 3, 9)
    assert sorted((ids for _, ids in found), key=len) == [[], [1], [1, 1], [1, 1, 1]]
    nothing_known = Chain(1, 2)
    assert [ids for _, ids in nothing_known.beam([0], 3, 2)[0]] == [[]]


def test_the_length_penalty_prefers_longer_ones():
    chain = Chain(20, 6, seed=6)
    means = [
        np.mean(
            [len(best[0][1]) for best in chain.beam(range(20), 15, 5, length_penalty=p)]
        )
        for p in (-1.0, 0.0, 1.0)
    ]
    assert means[0] < means[1] < means[2]


def test_what_is_no_number_ends_and_harms_no_other():
    chain = Chain(3, 6, seed=7)
    alone = chain.beam([0, 2], 8, 3)
    chain.table[1] = np.nan
    found = chain.beam([0, 1, 2], 8, 3)
    assert [found[0], found[2]] == alone
    assert len(found[1]) == 1
    assert np.isnan(found[1][0][0])
    assert found[1][0][1] == []
    # numbers that overflowed later on, and an end that cannot be
    chain.table[1] = Chain(1, 6, seed=8).table[0]
    chain.table[1, :, 1] = np.nan
    chain.table[1, :, :, chain.mark] = -np.inf
    found = chain.beam([0, 1, 2], 8, 3)
    assert [found[0], found[2]] == alone
    assert len(found[1]) == 3


def test_sources_at_once_bound_the_memory(monkeypatch):
    assert sources_at_once(40, 5) == 4096 // 5
    assert sources_at_once(10**6, 5) == 1
    monkeypatch.setattr(decoding_tokens, "MOST", 600)
    assert sources_at_once(30, 4) == 5
    array = sums_of_sequences(np.empty(0), np.array([0]))
    assert_array_equal(array, np.empty(0))
