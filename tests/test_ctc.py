"""Kernels of connectionist temporal classification, and decoding: against all paths one
by one, by finite differences, bits, and outputs that no exponential has room for."""

import numpy as np
import pytest
from ctc_cases import (
    AllPaths,
    collapsed,
    every_scale,
    log_likelihood,
    log_softmax,
    of_one,
    offsets_of,
    random_batch,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._kernels import ctc
from sklstm._network import decoding_ctc
from sklstm._network.decoding_ctc import Decoder

EMPTY = np.zeros(0, dtype=np.intp)


def small_cases(scale=1.0):
    """Outputs of few steps and labels, with all of their paths."""
    rng = np.random.default_rng(0)
    for T, K in [(1, 1), (1, 2), (2, 2), (3, 3), (4, 3), (5, 2), (4, 4), (6, 3)]:
        x = scale * rng.standard_normal((T, K))
        yield x, AllPaths(x)


# ---- by hand -------------------------------------------------------------------------


def test_worked_example():
    """Two steps of a, b and blank with probabilities 0.5, 0.2, 0.3 and 0.1, 0.6, 0.3:
    "a" is aa, a_ and _a: 0.05 + 0.15 + 0.03 = 0.23; "ab" is 0.3, "" is 0.09."""
    p = np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
    for labels, expected in [([0], 0.23), ([0, 1], 0.3), ([], 0.09), ([1, 0], 0.02)]:
        assert_allclose(np.exp(of_one(np.log(p), labels)[0]), expected, 1e-14)
    value, d = of_one(np.log(p), [0])
    # shares of the paths at each label and step
    there = np.array([[0.2, 0, 0.03], [0.08, 0, 0.15]]) / 0.23
    assert_allclose(d, p - there, atol=1e-15)
    offsets, one = np.array([0, 2]), np.array([0, 1])
    spans = decoding_ctc.align(np.log(p), offsets, np.array([0]), one)
    assert spans.tolist() == [[0, 0]]
    labels, label_offsets = decoding_ctc.greedy(np.log(p), offsets)
    assert labels.tolist() == [0, 1] and label_offsets.tolist() == [0, 2]
    (found,) = Decoder(beam_size=9).best(np.log(p), offsets)
    assert [labels for _, labels in found] == [[1], [0, 1], [0], [], [1, 0]]
    assert_allclose(np.exp([s for s, _ in found]), [0.36, 0.3, 0.23, 0.09, 0.02])


def test_equal_labels_have_a_blank_between():
    x = np.log([[0.6, 0.4], [0.6, 0.4], [0.6, 0.4]])
    assert_allclose(np.exp(of_one(x, [0, 0])[0]), 0.6 * 0.4 * 0.6)
    assert of_one(x[:2], [0, 0])[0] == -np.inf


# ---- all paths -----------------------------------------------------------------------


@every_scale
def test_against_all_paths(scale):
    for x, every in small_cases(scale):
        offsets = np.array([0, len(x)])
        for labels, expected in every.log_p.items():
            value, _ = of_one(x, labels)
            assert_allclose(value, expected, 1e-12, 1e-12)
            assert value <= 0
            assert of_one(x, labels, gradient=False)[0] == value
            label_offsets, y = np.array([0, len(labels)]), np.array(labels, np.intp)
            spans = decoding_ctc.align(x, offsets, y, label_offsets)
            path = np.full(len(x), x.shape[1] - 1)
            for label, (first, last) in zip(labels, spans.tolist(), strict=True):
                path[first : last + 1] = label
            assert collapsed(path, x.shape[1] - 1) == labels
            score = log_softmax(x)[np.arange(len(x)), path].sum()
            assert_allclose(score, every.best[labels], 1e-12)


def test_probabilities_of_all_strings_add_up_to_one():
    for x, every in small_cases():
        total = sum(np.exp(of_one(x, labels)[0]) for labels in every.log_p)
        assert_allclose(total, 1, 1e-13)


@every_scale
def test_a_wide_search_finds_all_strings(scale):
    for x, every in small_cases(scale):
        offsets = np.array([0, len(x)])
        (found,) = Decoder(beam_size=len(every.log_p) + 2).best(x, offsets)
        there = {s: v for s, v in every.log_p.items() if v > -np.inf}
        assert {tuple(labels) for _, labels in found} == there.keys()
        scores = [score for score, _ in found]
        assert scores == sorted(scores, reverse=True)
        for score, labels in found:
            assert score == of_one(x, labels)[0]  # to the bit
        assert_allclose(scores, [v for _, v in every.ranked()], 1e-12, 1e-12)


def test_a_bonus_ranks_by_length():
    for x, every in small_cases():
        (found,) = Decoder(len(every.log_p), bonus=0.7).best(x, np.array([0, len(x)]))
        expected = {s: v + 0.7 * len(s) for s, v in every.log_p.items()}
        best = max(expected, key=expected.get)
        assert tuple(found[0][1]) == best
        assert_allclose(found[0][0], expected[best])


def test_a_search_is_better_than_the_best_path():
    """Two paths of a label together are more probable than the one of none."""
    x = np.log([[0.4, 0.6], [0.4, 0.6]])
    offsets = np.array([0, 2])
    assert Decoder(1).best(x, offsets)[0][0][1] == []
    score, labels = Decoder(2).best(x, offsets)[0][0]
    assert labels == [0]
    assert_allclose(np.exp(score), 1 - 0.36)


def test_strings_that_come_back_are_the_same_ones():
    """A narrow search drops strings and meets them again: none is there twice."""
    for seed in range(40):
        x = 3 * np.random.default_rng(seed).standard_normal((12, 3))
        for width in (2, 3, 5):
            (found,) = Decoder(width).best(x, np.array([0, 12]))
            strings = [tuple(labels) for _, labels in found]
            assert len(set(strings)) == len(strings) == width


# ---- gradients -----------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_gradient_by_central_differences(scale):
    x, offsets, labels, label_offsets = random_batch(4, 8, 7, scale=scale)
    weight = np.random.default_rng(1).uniform(0.5, 2, 8)
    _, d = log_likelihood(x, offsets, labels, label_offsets, weight)
    step = 1e-5
    for index in np.ndindex(x.shape):
        values = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            v, _ = log_likelihood(moved, offsets, labels, label_offsets, gradient=False)
            values.append(-(weight * v).sum())
        assert_allclose(d[index], (values[0] - values[1]) / (2 * step), 1e-6, 1e-8)


@every_scale
def test_gradient_is_what_is_expected_less_what_is_there(scale):
    """To the last digits, however far apart the outputs are; each step's adds up to
    zero."""
    for x, every in small_cases(scale):
        p = np.exp(log_softmax(x))
        for labels in every.log_p:
            _, d = of_one(x, labels)
            there = np.zeros_like(x)
            for t, k in np.ndindex(x.shape):
                fixed = np.full(x.shape[1], -np.inf)
                fixed[k] = 0
                # log p of the paths that are at k at step t
                alone = x.copy()
                alone[t] = fixed
                joint = of_one(alone, labels)[0] + log_softmax(x)[t, k]
                there[t, k] = np.exp(joint - every.log_p[labels])
            assert_allclose(d, p - there, 1e-9, 1e-9)
            assert_allclose(d.sum(axis=1), 0, atol=1e-13)


# ---- no NaN --------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e2, 1e5, 1e10, 1e100, 1e300])
def test_huge_outputs(scale):
    x, offsets, labels, label_offsets = random_batch(5, 30, 40, scale=scale)
    values, d = log_likelihood(x, offsets, labels, label_offsets)
    assert not np.isnan(values).any() and (values <= 0).all()
    assert np.isfinite(d).all() and (abs(d) <= 1 + 1e-12).all()


def test_paths_far_apart_are_all_there():
    """The only path to a string is 10^5 below the best one at every step."""
    T = 50
    x = np.tile([0.0, 0.0, 1e5], (T, 1))
    labels = np.tile([0, 1], T // 2)
    value, d = of_one(x, labels)
    assert_allclose(value, -1e5 * T, 1e-14)
    assert_array_equal(np.sign(d), np.tile([[-1, 0, 1], [0, -1, 1]], (T // 2, 1)))


def test_a_prefix_that_underflows_counts_in_the_end():
    """Labels come late, where nothing else can follow: what is 10^-400 of its step is
    the only path at the next."""
    x = np.zeros((4, 3))
    x[1] = [-1000, 0, 0]
    x[2] = [-np.inf, -np.inf, 0]
    x[3] = [-np.inf, 0, -np.inf]
    value, d = of_one(x, [0, 1])
    assert np.isfinite(value) and np.isfinite(d).all()
    one = np.log(1 / 3) + np.log1p(0)  # a at the first step, then blank or itself
    assert_allclose(value, one + np.log(0.5), 1e-12)


def test_impossible_outputs():
    x = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    assert of_one(x, [0])[0] == 0
    for labels in ([], [0, 0]):
        value, d = of_one(x, labels)
        assert value == -np.inf
        assert_array_equal(d, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, "row"])
def test_outputs_that_are_no_numbers(bad):
    """They are NaN for their sequence, with a gradient of zero, and not for others."""
    x, offsets, labels, label_offsets = random_batch(3, 6, 9, seed=2)
    expected, d_expected = log_likelihood(x, offsets, labels, label_offsets)
    there = int(np.argmax(np.diff(offsets) > 1))
    x[offsets[there], slice(None) if bad == "row" else 1] = (
        -np.inf if bad == "row" else bad
    )
    values, d = log_likelihood(x, offsets, labels, label_offsets)
    others = np.arange(6) != there
    assert np.isnan(values[there])
    assert_array_equal(values[others], expected[others])
    rows = np.repeat(others, np.diff(offsets))
    assert_array_equal(d[rows], d_expected[rows])
    assert_array_equal(d[~rows], 0)
    assert Decoder(4).best(x, offsets)[there] == []


def test_sequences_of_no_steps_and_labels_that_do_not_fit():
    x, offsets, labels, label_offsets = random_batch(3, 12, 5, feasible=False)
    values, d = log_likelihood(x, offsets, labels, label_offsets)
    n_steps, n_labels = np.diff(offsets), np.diff(label_offsets)
    assert (values[n_labels > n_steps] == -np.inf).all()
    assert (n_labels > n_steps).sum() >= 4
    assert_array_equal(d[np.repeat(n_labels > n_steps, n_steps)], 0)
    assert of_one(np.zeros((0, 3)), [])[0] == 0
    assert of_one(np.zeros((0, 3)), [1])[0] == -np.inf
    spans = decoding_ctc.align(x, offsets, labels, label_offsets)
    for b in range(12):
        part = spans[label_offsets[b] : label_offsets[b + 1]]
        if n_labels[b] > n_steps[b]:
            assert_array_equal(part, -1)
        elif len(part) and (part >= 0).all():
            assert (part[:, 0] <= part[:, 1]).all() and part.max() < n_steps[b]
    assert Decoder(4).best(np.zeros((0, 3)), np.array([0, 0])) == [[(0.0, [])]]


# ---- bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_threads_change_no_bit(scale, monkeypatch):
    batch = random_batch(6, 40, 30, scale=scale)
    weight = np.random.default_rng(0).uniform(size=40)
    expected = log_likelihood(*batch, weight)
    monkeypatch.setattr(decoding_ctc, "PARALLEL_CELLS", 0)
    decoded = []
    for n_threads in (1, 2, 3, 8):
        values, d = log_likelihood(*batch, weight, n_threads)
        assert_array_equal(values, expected[0])
        assert_array_equal(d, expected[1])
        monkeypatch.setattr(decoding_ctc, "effective_n_threads", lambda n=n_threads: n)
        spans = decoding_ctc.align(*batch)
        decoded.append((spans.tolist(), Decoder(5).best(*batch[:2])))
    assert all(found == decoded[0] for found in decoded)


def test_neighbours_change_no_bit(monkeypatch):
    x, offsets, labels, label_offsets = random_batch(6, 25, 30, scale=3.0)
    values, d = log_likelihood(x, offsets, labels, label_offsets)
    spans = decoding_ctc.align(x, offsets, labels, label_offsets)
    best = Decoder(5).best(x, offsets)
    for b in range(25):
        rows = slice(*offsets[b : b + 2])
        of_labels = slice(*label_offsets[b : b + 2])
        value, d_one = of_one(x[rows], labels[of_labels])
        assert value == values[b]
        assert_array_equal(d_one, d[rows])
        places = np.array([0, len(x[rows])]), np.array([0, len(labels[of_labels])])
        one = decoding_ctc.align(x[rows], places[0], labels[of_labels], places[1])
        assert_array_equal(one, spans[of_labels])
        assert Decoder(5).best(x[rows], places[0]) == best[b : b + 1]
    monkeypatch.setattr(decoding_ctc, "SEARCHED_STEPS", 100)  # some at a time
    assert Decoder(5).best(x, offsets) == best


# ---- the most probable path ----------------------------------------------------------


def test_greedy():
    path = np.array([2, 0, 0, 2, 0, 1, 1, 2, 1, 0, 0, 2, 2])
    x = np.eye(3)[path]
    offsets = np.array([0, 5, 5, 9, 13])
    labels, label_offsets = decoding_ctc.greedy(x, offsets)
    assert labels.tolist() == [0, 0, 1, 1, 0]
    assert label_offsets.tolist() == [0, 2, 2, 4, 5]
    labels, label_offsets = decoding_ctc.greedy(x, offsets, np.array([0, 1, 1, 0]))
    assert labels.tolist() == [0, 0, 1]  # one goes on from before
    assert label_offsets.tolist() == [0, 2, 2, 3, 3]
    labels, label_offsets = decoding_ctc.greedy(np.zeros((0, 3)), np.array([0, 0]))
    assert len(labels) == 0 and label_offsets.tolist() == [0, 0]


def test_one_path_of_several_that_are_equal():
    x = np.zeros((6, 3))
    one = np.array([0, 6]), np.array([0, 2])
    spans = decoding_ctc.align(x, one[0], np.array([0, 1]), one[1])
    again = decoding_ctc.align(x, one[0], np.array([0, 1]), one[1])
    assert_array_equal(spans, again)
    assert spans.tolist() == [[0, 0], [1, 5]]


# ---- edits ---------------------------------------------------------------------------


def distance(a, b):
    a, b = np.array(a, dtype=np.intp), np.array(b, dtype=np.intp)
    found = np.empty(1, dtype=np.intp)
    ctc.edit_distances(a, np.array([0, len(a)]), b, np.array([0, len(b)]), found)
    return int(found[0])


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0),
        ("abc", "abc", 0), ("ab", "ba", 2), ("flaw", "lawn", 2), ("a", "b", 1),
    ],
)  # fmt: skip
def test_edit_distances(a, b, expected):
    assert distance([*map(ord, a)], [*map(ord, b)]) == expected


def test_edit_distances_of_several():
    strings = [[1, 2, 3], [], [4], [1, 1]], [[1, 3], [5, 5], [], [1, 1]]
    a, b = (np.array([k for s in part for k in s], dtype=np.intp) for part in strings)
    offsets = [offsets_of([len(s) for s in part]) for part in strings]
    found = np.empty(4, dtype=np.intp)
    ctc.edit_distances(a, offsets[0], b, offsets[1], found)
    assert found.tolist() == [1, 2, 1, 0]


# ---- doors ---------------------------------------------------------------------------


def refused(match, **changes):
    arguments = {
        "outputs": np.zeros((3, 2)),
        "starts": np.array([0, 2]),
        "n_steps": np.array([2, 1]),
        "labels": np.array([0]),
        "label_offsets": np.array([0, 1, 1]),
        "weight": np.ones(2),
        "scratch": np.empty(1000),
        "values": np.empty(2),
        "d_outputs": np.empty((3, 2)),
        "n_threads": 1,
    }
    with pytest.raises(ValueError, match=match):
        ctc.log_likelihood(**{**arguments, **changes})


def test_what_does_not_belong_together_is_refused():
    refused("blank", outputs=np.zeros((3, 0)))
    refused("not a length for each", n_steps=np.array([2]))
    refused("rows that there are not", n_steps=np.array([2, 2]))
    refused("rows that there are not", starts=np.array([-1, 2]))
    refused("n_threads is 0", n_threads=0)
    refused(r"labels\[0\] is 1, of 1", labels=np.array([1]))
    refused("do not end", label_offsets=np.array([0, 1, 2]))
    refused("less than the one before", label_offsets=np.array([0, 2, 1]))
    refused("begin with 0", label_offsets=np.array([1, 1, 1]))
    refused("an element for each", weight=np.ones(1))
    refused("shape of the outputs", d_outputs=np.empty((2, 2)))
    refused("does not begin where", starts=np.array([0, 0]))
    refused("rows of no sequence", n_steps=np.array([2, 0]))
    refused("scratch has 3", scratch=np.empty(3))
    with pytest.raises(ValueError, match="beam_size is 0"):
        ctc.beam_sizes(3, np.array([0, 2]), 0)
    with pytest.raises(ValueError, match="beam_size is 2147483648"):
        ctc.beam_sizes(3, np.array([0, 2]), 2**31)


def test_a_search_step_by_step():
    search = ctc.Search(3, 2, 4, 0.0)
    nothing = np.zeros((1, 2))
    with pytest.raises(ValueError, match="not of the labels and strings"):
        search.step(np.zeros(2), nothing)
    assert search.step(np.zeros(3), nothing)
    assert sorted(map(search.string, search.nodes())) == [[], [0], [1]]
    assert search.added() == [0.0] * 3
    assert search.last(search.nodes()[1])[0] == 0
    with pytest.raises(IndexError):
        search.last(99)
    assert not search.step(np.full(3, np.nan), np.zeros((3, 2)))
    assert search.nodes() == []
    with pytest.raises(ValueError, match="fewer steps"):
        search.step(np.zeros(3), nothing)
