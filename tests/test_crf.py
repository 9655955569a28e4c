"""Kernels of conditional random fields, and decoding: against all paths one by one, by
finite differences, bits, and scores that no exponential has room for."""

import numpy as np
import pytest
from crf_cases import AllPaths, offsets_of, random_chains, score_of, sequences_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from sklstm._kernels import crf
from sklstm._network import decoding
from sklstm._network.emissions import Emissions

LENGTHS = [4, 0, 1, 5, 2, 1, 0, 3]

every_size = pytest.mark.parametrize("K", [1, 2, 3, 5])
every_scale = pytest.mark.parametrize("scale", [1.0, 40.0, 1e4, 1e7])
with_forbidden = pytest.mark.parametrize("forbidden", [0.0, 0.3])


def log_likelihood(emissions, offsets, labels, weight=None, n_threads=1, gradient=True):
    """Values by sequence and the gradient, None if it is not asked for."""
    emissions = emissions.for_kernel()
    B = len(offsets) - 1
    weight = np.ones(B) if weight is None else weight
    # whatever is in memory before is none of it
    values = np.full(B, np.nan)
    size = crf.scratch_size(emissions.n_labels, offsets, n_threads, gradient)
    scratch = np.full(size, np.nan)
    d = Emissions(*(np.full_like(part, np.nan) for part in emissions))
    x, *between = emissions
    labels = np.asarray(labels, dtype=np.intp)
    crf.log_likelihood(
        x, offsets, *between, labels, weight, scratch, values,
        *(d if gradient else (None,) * 4), n_threads=n_threads,
    )  # fmt: skip
    return values, d if gradient else None


def some_labels(offsets, K, seed=0, share=0.6):
    """Labels of a share of the steps."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K, offsets[-1])
    labels[rng.random(len(labels)) > share] = -1
    return labels


# ---- by hand -------------------------------------------------------------------------


def test_worked_example():
    """Two labels, two steps; exponentials of scores are small integers.

    start 1, 2; emissions 3, 1 then 1, 2; transitions 1, 2 and 3, 1; end 1, 1:
    paths aa 1*3*1*1 = 3, ab 1*3*2*2 = 12, ba 2*1*3*1 = 6, bb 2*1*1*2 = 4; Z = 25.
    """
    parts = [[3, 1], [1, 2]], [[1, 2], [3, 1]], [1, 2], [1, 1]
    emissions, offsets = Emissions(*(np.log(part) for part in parts)), offsets_of([2])
    path, score = decoding.viterbi(emissions, offsets)
    assert path.tolist() == [0, 1]
    assert_allclose(score, np.log([12]), 1e-15)
    assert_allclose(
        decoding.marginals(emissions, offsets), np.array([[15, 10], [9, 16]]) / 25
    )
    ((paths, scores),) = decoding.n_best(emissions, offsets, 3)
    assert paths.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert_allclose(np.exp(scores), [12, 6, 4])
    values, d = log_likelihood(emissions, offsets, [1, -1])
    assert_allclose(values, np.log([10 / 25]))
    assert_allclose(d.values, [[15 / 25, -15 / 25], [9 / 25 - 0.6, 16 / 25 - 0.4]])
    assert_allclose(
        d.transitions, [[3 / 25, 12 / 25], [6 / 25 - 6 / 10, 4 / 25 - 4 / 10]]
    )
    assert_allclose(d.start, [15 / 25, 10 / 25 - 1])
    assert_allclose(d.end, [9 / 25 - 0.6, 16 / 25 - 0.4])


# ---- all paths -----------------------------------------------------------------------


@every_size
@every_scale
@with_forbidden
@pytest.mark.parametrize("seed", range(3))
def test_against_all_paths(K, scale, forbidden, seed):
    emissions, offsets = random_chains(
        K, LENGTHS, scale=scale, forbidden=forbidden, seed=seed
    )
    labels = some_labels(offsets, K, seed)
    values, _ = log_likelihood(emissions, offsets, labels)
    found = (
        *decoding.viterbi(emissions, offsets)[:1],
        labels,
        decoding.marginals(emissions, offsets),
        decoding.log_marginals(emissions, offsets),
    )
    _, scores = decoding.viterbi(emissions, offsets)
    best = decoding.n_best(emissions, offsets, 4)
    tolerance = 1e-13 * scale
    for b, (alone, path, y, p, log_p) in enumerate(
        sequences_of(emissions, offsets, *found)
    ):
        every = AllPaths(alone)
        # Viterbi adds from the first step on, as score_of does: the same bits
        assert scores[b] == every.scores.max()
        assert_array_equal(best[b][1], _best_of(every.scores, 4))
        for one, score in zip(*best[b]):
            assert score_of(alone, one) == score
        assert len(np.unique(best[b][0], axis=0)) == len(best[b][1])
        if every.log_z() == -np.inf:
            assert values[b] == (-np.inf if (y >= 0).any() else 0)
            assert np.isnan(p).all() and np.isnan(log_p).all()
            continue
        assert score_of(alone, path) == scores[b]
        assert_array_equal(best[b][0][0], path)
        expected = every.log_z(y) - every.log_z()
        assert_allclose(values[b], expected, 1e-12, tolerance)
        assert values[b] <= 0
        if len(y):
            expected = every.log_marginals()
            assert_allclose(log_p, expected, 1e-12, 10 * tolerance)
            assert_allclose(p, np.exp(expected), 1e-12, 10 * tolerance)
            assert_allclose(p.sum(axis=1), 1, 1e-14)


def _best_of(scores, n):
    return np.sort(scores[scores > -np.inf])[::-1][:n]


@every_size
@every_scale
@with_forbidden
def test_gradient_is_what_is_expected_less_what_is_there(K, scale, forbidden):
    """To the last digits, however far apart the scores are."""
    for seed in range(4):
        emissions, offsets = random_chains(
            K, LENGTHS, scale=scale, forbidden=forbidden, seed=seed
        )
        if seed % 2:  # transitions as far apart
            emissions = emissions._replace(transitions=scale * emissions.transitions)
        labels = some_labels(offsets, K, seed)
        weight = np.random.default_rng(seed).uniform(0.5, 2, len(LENGTHS))
        values, d = log_likelihood(emissions, offsets, labels, weight)
        expected = Emissions(*map(np.zeros_like, emissions))
        for b, (alone, y) in enumerate(sequences_of(emissions, offsets, labels)):
            every = AllPaths(alone)
            if not (y >= 0).any() or every.log_z(y) == -np.inf:
                continue
            of_all, of_labels = every.counts(np.full(len(y), -1)), every.counts(y)
            expected.values[offsets[b] : offsets[b + 1]] = weight[b] * (
                of_all.values - of_labels.values
            )
            for k in (1, 2, 3):
                expected[k][:] += weight[b] * (of_all[k] - of_labels[k])
        for part, known, score in zip(d, expected, emissions):
            assert_allclose(part, known, 0, 1e-14 * max(scale, 100))
            assert not part[score == -np.inf].any()


@with_forbidden
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_gradient_by_finite_differences(forbidden, share):
    emissions, offsets = random_chains(4, [6, 0, 1, 3, 9], forbidden=forbidden, seed=2)
    path, _ = decoding.viterbi(emissions, offsets)  # allowed
    labels = np.where(some_labels(offsets, 4, 1, share) >= 0, path, -1)
    weight = np.array([0.5, 3, 2, 0, 1.25])
    values, d = log_likelihood(emissions, offsets, labels, weight)
    assert np.isfinite(values).all() and (values < 0).any()
    step = 1e-5
    for part, derivative in zip(emissions, d):
        for index in zip(*np.nonzero(part > -np.inf)):
            before = part[index]
            ends = []
            for part[index] in (before + step, before - step):
                values, _ = log_likelihood(emissions, offsets, labels, gradient=False)
                ends.append(-(weight * values).sum())
            part[index] = before
            difference = (ends[0] - ends[1]) / (2 * step)
            assert_allclose(derivative[index], difference, 1e-6, 1e-9)


def reference_log_z(emissions):
    """Forward variables and their backward ones in NumPy, in logarithms throughout."""
    values, transitions, start, end = emissions
    a, b = [start + values[0]], [end]
    for x in values[1:]:
        a.append(logsumexp(a[-1][:, np.newaxis] + transitions, axis=0) + x)
    for x in values[:0:-1]:
        b.append(logsumexp(transitions + (x + b[-1]), axis=1))
    return logsumexp(a[-1] + end), np.array(a) + np.array(b[::-1])


def reference_path(emissions):
    """Viterbi in NumPy, and its score."""
    values, transitions, start, end = emissions
    best, back = start + values[0], []
    for x in values[1:]:
        candidates = best[:, np.newaxis] + transitions
        back.append(candidates.argmax(axis=0))
        best = candidates.max(axis=0) + x
    path = [(best + end).argmax()]
    for step in back[::-1]:
        path.append(step[path[-1]])
    return path[::-1], (best + end).max()


@pytest.mark.parametrize("K", [2, 7, 9, 16, 45, 101])
@pytest.mark.parametrize("scale", [0.0, 1.0, 300.0])
def test_paths_off_the_vector_width(K, scale):
    """Also of many equal ones."""
    emissions, offsets = random_chains(K, [60, 1, 33], scale=scale, seed=K)
    emissions = Emissions(*(np.round(part) for part in emissions))
    found, scores = decoding.viterbi(emissions, offsets)
    best = decoding.n_best(emissions, offsets, 2)
    for b, (alone, path) in enumerate(sequences_of(emissions, offsets, found)):
        expected, score = reference_path(alone)
        assert_array_equal(path, expected)
        assert scores[b] == score
        assert_array_equal(best[b][0][0], path)


@pytest.mark.parametrize("K", [2, 7, 9, 16, 45, 101])
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_sizes_off_the_vector_width(K, scale):
    emissions, offsets = random_chains(K, [60, 1, 33], scale=scale, seed=K)
    labels = some_labels(offsets, K)
    values, d = log_likelihood(emissions, offsets, labels)
    log_p = decoding.log_marginals(emissions, offsets)
    for b, (alone, y, marginals) in enumerate(
        sequences_of(emissions, offsets, labels, log_p)
    ):
        log_z, joint = reference_log_z(alone)
        assert_allclose(marginals, joint - log_z, 1e-12, 1e-12 * scale)
        masked = np.where(
            (y[:, np.newaxis] < 0) | (y[:, np.newaxis] == range(K)), 0, -np.inf
        )
        with np.errstate(invalid="ignore"):
            some, of_labels = reference_log_z(
                alone._replace(values=alone.values + masked)
            )
        assert_allclose(values[b], some - log_z, 1e-12, 1e-12 * scale)
        part = d.values[offsets[b] : offsets[b + 1]]
        expected = np.exp(joint - log_z) - np.exp(of_labels - some)
        assert_allclose(part, expected, 0, 1e-11 * scale)
    # what goes in comes out
    assert_allclose(d.start.sum(), 0, atol=1e-12)
    assert_allclose(
        d.start + d.transitions.sum(axis=0), d.values.sum(axis=0), 0, 1e-11 * scale
    )
    assert_allclose(
        d.end + d.transitions.sum(axis=1), d.values.sum(axis=0), 0, 1e-11 * scale
    )


# ---- what is not there ---------------------------------------------------------------


@pytest.mark.parametrize("K", [2, 4])
def test_a_step_without_a_label_wherever_it_is(K):
    emissions, offsets = random_chains(K, [5], seed=3)
    every = AllPaths(emissions)
    for known in range(2**5):
        labels = [(1 + 2 * t) % K if known >> t & 1 else -1 for t in range(5)]
        values, d = log_likelihood(emissions, offsets, labels)
        if known == 0:
            assert values[0] == 0 and not any(part.any() for part in d)
        assert_allclose(values, every.log_z(labels) - every.log_z(), 1e-12, 1e-14)


def test_without_labels_nothing_is_learnt():
    """Not even rounding; nor of no steps, nor of no sequences."""
    emissions, offsets = random_chains(3, [3, 0, 2])
    values, d = log_likelihood(emissions, offsets, [-1] * 5)
    assert_array_equal(values, np.zeros(3))
    for part in d:
        assert_array_equal(part, np.zeros_like(part))
    for lengths in ([], [0, 0]):
        emissions, offsets = random_chains(3, lengths)
        values, d = log_likelihood(emissions, offsets, [])
        assert_array_equal(values, np.zeros(len(lengths)))
        assert not any(part.any() for part in d)
        path, scores = decoding.viterbi(emissions, offsets)
        assert path.shape == (0,) and not scores.any()
        assert decoding.marginals(emissions, offsets).shape == (0, 3)
        for paths, score in decoding.n_best(emissions, offsets, 5):
            assert paths.shape == (1, 0) and score.tolist() == [0]


def test_labels_that_are_not_allowed():
    """The loss is infinite, the gradient zero, and neighbours do not see it."""
    emissions, offsets = random_chains(3, [4, 4, 4], seed=1)
    emissions.transitions[0, 1] = emissions.start[2] = emissions.end[1] = -np.inf
    good = [0, 0, 2, 0]
    for bad in ([0, 0, 1, 2], [2, 0, 0, 0], [0, 0, 2, 1], [0, 1, -1, -1]):
        values, d = log_likelihood(emissions, offsets, good + bad + good)
        assert values[1] == -np.inf and np.isfinite(values[[0, 2]]).all()
        assert not d.values[4:8].any()
        both, expected = log_likelihood(
            emissions._replace(values=emissions.values[[0, 1, 2, 3, 8, 9, 10, 11]]),
            offsets_of([4, 4]), good + good,
        )  # fmt: skip
        assert_array_equal(values[[0, 2]], both)
        for part, known in zip(d[1:], expected[1:]):
            assert_array_equal(part, known)


def test_no_path_is_allowed():
    emissions, offsets = random_chains(2, [3, 1])
    emissions.transitions[:] = -np.inf
    values, d = log_likelihood(emissions, offsets, [0, -1, -1, 1])
    assert values[0] == -np.inf and np.isfinite(values[1])
    assert not d.values[:3].any() and d.values[3].all()
    p = decoding.marginals(emissions, offsets)
    assert np.isnan(p[:3]).all() and np.isfinite(p[3]).all()
    path, scores = decoding.viterbi(emissions, offsets)
    assert scores[0] == -np.inf and set(path) <= {0, 1}
    paths, scores = decoding.n_best(emissions, offsets, 2)[0]
    assert paths.shape == (0, 3) and scores.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("part", range(4))
def test_scores_that_are_no_numbers(part, bad):
    """They are seen in the loss and in probabilities; a path is one of labels."""
    emissions, offsets = random_chains(3, [2, 3, 0], seed=4)
    clean = log_likelihood(emissions, offsets, [0, 1, -1, 2, 1])
    emissions[part][(1,) * emissions[part].ndim] = bad
    values, d = log_likelihood(emissions, offsets, [0, 1, -1, 2, 1])
    p = decoding.marginals(emissions, offsets)
    log_p = decoding.log_marginals(emissions, offsets)
    assert np.isnan(values[0]) and not d.values[:2].any()
    assert np.isnan(p[:2]).all() and np.isnan(log_p[:2]).all()
    assert all(np.isfinite(part).all() for part in d)
    if part == 0:  # of one sequence: others are what they were
        assert values[1] == clean[0][1]
        assert_array_equal(d.values[2:], clean[1].values[2:])
        assert np.isfinite(p[2:]).all()
    paths = [decoding.viterbi(emissions, offsets)[0]]
    paths += [
        one for paths, _ in decoding.n_best(emissions, offsets, 2) for one in paths
    ]
    for path in paths:
        assert ((path >= 0) & (path < 3)).all()


def test_sums_that_overflow():
    """Are no loss of zero."""
    emissions, offsets = random_chains(2, [3, 1], seed=2)
    emissions.values[:3] = [1.5e308, -1.5e308]
    values, d = log_likelihood(emissions, offsets, [0, 1, 0, 0])
    assert not np.isfinite(values[0]) and np.isfinite(values[1])


# ---- far apart -----------------------------------------------------------------------


@pytest.mark.parametrize("gap", [600.0, 800.0, 1e4, 1e8])
def test_probabilities_that_round_to_zero(gap):
    """Their logarithms are there, and so are paths that have to go through them."""
    zeros = np.zeros(2)
    emissions = Emissions(np.array([[0, -gap]] * 3), np.zeros((2, 2)), zeros, zeros)
    offsets = offsets_of([3])
    log_p = decoding.log_marginals(emissions, offsets)
    assert_allclose(log_p, [[0, -gap]] * 3, 1e-14, 1e-30)
    values, d = log_likelihood(emissions, offsets, [0, 1, 0])
    assert_allclose(values, [-gap])
    assert_allclose(d.values, [[0, 0], [1, -1], [0, 0]], atol=1e-14)
    # only by way of 1 to the end: what was forward far below all others counts
    emissions.end[0] = emissions.transitions[0, 1] = -np.inf
    assert_allclose(decoding.marginals(emissions, offsets), [[0, 1]] * 3, atol=1e-14)
    path, score = decoding.viterbi(emissions, offsets)
    assert path.tolist() == [1, 1, 1] and score == -3 * gap
    values, d = log_likelihood(emissions, offsets, [-1, 1, -1])
    assert_allclose(values, [0], atol=1e-14)
    for part in d:
        assert_allclose(part, np.zeros_like(part), atol=1e-14)


@pytest.mark.parametrize("gap", [1.0, 200.0, 500.0, 700.0, 725.0, 740.0, 2e3, 1e6])
def test_transitions_far_apart(gap):
    """exp(transitions) underflows, or nearly so, where the only way leads."""
    A = np.array([[0, -gap], [-np.inf, 0.0]])
    emissions = Emissions(np.zeros((4, 2)), A, np.array([0, -np.inf]), np.zeros(2))
    emissions.end[0] = -np.inf
    offsets = offsets_of([4])
    # one of three places to change at, each as likely
    tolerance = 1e-15 * max(10, gap)
    log_p = decoding.log_marginals(emissions, offsets)
    assert_allclose(np.exp(log_p[:, 1]), [0, 1 / 3, 2 / 3, 1], 0, tolerance)
    values, d = log_likelihood(emissions, offsets, [0, 0, 1, 1])
    assert_allclose(values, np.log([1 / 3]), 0, tolerance)
    assert_allclose(d.transitions, [[0, 0], [0, 0]], atol=tolerance)
    assert_allclose(d.values[:, 1], [0, 1 / 3, -1 / 3, 0], atol=tolerance)
    values, d = log_likelihood(emissions, offsets, [0, 1, 1, 1])
    assert_allclose(d.transitions, [[1, 0], [0, -1]], atol=tolerance)


def test_long_sequences():
    """Nothing drifts or runs out of range over many steps."""
    T = 30_000
    zeros = np.zeros(3)
    emissions = Emissions(np.full((T, 3), 50.0), np.zeros((3, 3)), zeros, zeros)
    values, d = log_likelihood(emissions, offsets_of([T]), np.zeros(T))
    assert_allclose(values, [-T * np.log(3)], 1e-12)
    assert_allclose(d.transitions[1:], (T - 1) / 9, 1e-10)
    assert_allclose(d.values[:, 1:], 1 / 3, 1e-10)


# ---- which of equal paths, and how many ----------------------------------------------


def test_of_equal_paths_the_lowest_labels_from_the_end():
    zeros = np.zeros(3)
    emissions = Emissions(np.zeros((4, 3)), np.zeros((3, 3)), zeros, zeros)
    path, _ = decoding.viterbi(emissions, offsets_of([4]))
    assert path.tolist() == [0, 0, 0, 0]
    emissions.transitions[0] = -1  # best without a 0 before another
    path, score = decoding.viterbi(emissions, offsets_of([4]))
    assert path.tolist() == [1, 1, 1, 0] and score == 0


@pytest.mark.parametrize("n", [1, 2, 7, 100, 10**6, 10**30])
@with_forbidden
def test_n_best(n, forbidden):
    """All paths there are, if they are fewer."""
    emissions, offsets = random_chains(3, [4, 1, 0, 3], forbidden=forbidden, seed=5)
    found = decoding.n_best(emissions, offsets, n)
    best, scores = decoding.viterbi(emissions, offsets)
    for b, (alone, path) in enumerate(sequences_of(emissions, offsets, best)):
        every = AllPaths(alone)
        paths, found_scores = found[b]
        assert_array_equal(found_scores, _best_of(every.scores, n))
        assert paths.shape == (len(found_scores), len(path))
        assert_array_equal(paths[0], path)
        assert found_scores[0] == scores[b]
        order = {tuple(one): score for one, score in zip(every.paths, every.scores)}
        assert [order[tuple(one)] for one in paths] == found_scores.tolist()


def test_n_best_of_equal_paths():
    zeros = np.zeros(2)
    emissions = Emissions(np.zeros((3, 2)), np.zeros((2, 2)), zeros, zeros)
    ((paths, scores),) = decoding.n_best(emissions, offsets_of([3]), 8)
    assert not scores.any()
    assert len(np.unique(paths, axis=0)) == 8
    assert_array_equal(paths[0], [0, 0, 0])


# ---- bits ----------------------------------------------------------------------------


def everything(emissions, offsets, labels, weight, n_threads):
    """All that kernels say, as arrays."""
    values, d = log_likelihood(emissions, offsets, labels, weight, n_threads)
    x, *between = emissions.for_kernel()
    K, N, B = emissions.n_labels, len(x), len(offsets) - 1
    path, n_paths = np.empty(N, np.intp), np.empty((3, N), np.intp)
    scores, n_scores, counts = np.empty(B), np.empty((B, 3)), np.empty(B, np.intp)
    p, log_p = np.empty((2, *x.shape))
    scratch = np.empty(crf.scratch_size(K, offsets, n_threads))
    crf.viterbi(x, offsets, *between, scratch, path, scores, n_threads)
    crf.marginals(x, offsets, *between, scratch, p, False, n_threads)
    crf.marginals(x, offsets, *between, scratch, log_p, True, n_threads)
    scratch = np.empty(crf.n_best_scratch_size(K, offsets, 3, n_threads))
    crf.n_best(x, offsets, *between, scratch, n_paths, n_scores, counts, n_threads)
    return values, *d, path, scores, p, log_p, n_paths, n_scores, counts


@with_forbidden
@pytest.mark.parametrize("B", [1, 7, 300])
def test_the_same_bits_for_any_number_of_threads(B, forbidden):
    rng = np.random.default_rng(B)
    emissions, offsets = random_chains(
        9, rng.integers(0, 30, B), scale=5, forbidden=forbidden
    )
    labels, weight = some_labels(offsets, 9), rng.random(B)
    one = everything(emissions, offsets, labels, weight, 1)
    for n_threads in (2, 3, 8):
        several = everything(emissions, offsets, labels, weight, n_threads)
        for found, expected in zip(several, one):
            assert_array_equal(found, expected)


@with_forbidden
def test_a_sequence_knows_no_neighbour(forbidden):
    rng = np.random.default_rng(0)
    emissions, offsets = random_chains(
        7, rng.integers(0, 12, 40), scale=20, forbidden=forbidden
    )
    labels, weight = some_labels(offsets, 7), rng.random(40)
    values, d_values, _, _, _, path, scores, p, log_p, paths, n_scores, counts = (
        everything(emissions, offsets, labels, weight, 1)
    )
    parts = sequences_of(emissions, offsets, labels, d_values, path, p, log_p, paths.T)
    for b, (alone, y, *by_step) in enumerate(parts):
        found = everything(alone, offsets_of([len(y)]), y, weight[b : b + 1], 1)
        for mine, expected in zip(
            [found[k] for k in (0, 6, 10, 11)], (values, scores, n_scores, counts)
        ):
            assert_array_equal(mine[0], expected[b])
        by_itself = [found[k] for k in (1, 5, 7, 8)] + [found[9].T]
        for mine, expected in zip(by_itself, by_step):
            assert_array_equal(mine, expected)


def test_decoding_uses_threads(monkeypatch):
    """Many steps do, few do not; bits are the same."""
    emissions, offsets = random_chains(9, [20] * 200)
    monkeypatch.setattr("sklstm._network.emissions.effective_n_threads", lambda: 3)
    assert emissions.n_threads == 3
    assert emissions._replace(values=emissions.values[:50]).n_threads == 1
    found = (
        *decoding.viterbi(emissions, offsets),
        decoding.marginals(emissions, offsets),
        *decoding.n_best(emissions, offsets, 2)[-1],
    )
    monkeypatch.setattr("sklstm._network.emissions.effective_n_threads", lambda: 1)
    expected = (
        *decoding.viterbi(emissions, offsets),
        decoding.marginals(emissions, offsets),
        *decoding.n_best(emissions, offsets, 2)[-1],
    )
    for mine, other in zip(found, expected):
        assert_array_equal(mine, other)


def test_float32_outputs_are_read_as_they_are():
    emissions, offsets = random_chains(4, [3, 2])
    rounded = emissions._replace(values=emissions.values.astype(np.float32))
    wide = np.zeros((5, 16), np.float32)
    wide[:, :4] = rounded.values
    expected = decoding.marginals(
        rounded._replace(values=rounded.values.astype(float)), offsets
    )
    for values in (rounded.values, wide[:, :4]):
        found = decoding.marginals(rounded._replace(values=values), offsets)
        assert_array_equal(found, expected)


# ---- doors ---------------------------------------------------------------------------


def test_doors_refuse_what_does_not_belong_together():
    emissions, offsets = random_chains(3, [2, 2])
    x, A, start, end = emissions
    scratch, out = np.empty(1000), np.empty((4, 3))

    def marginals(
        x=x, offsets=offsets, A=A, start=start, end=end, scratch=scratch,
        out=out, n_threads=1,
    ):  # fmt: skip
        offsets = np.asarray(offsets, dtype=np.intp)
        crf.marginals(x, offsets, A, start, end, scratch, out, n_threads=n_threads)

    marginals()
    for wrong, message in [
        ({"x": np.empty((4, 2))}, "same labels"),
        ({"A": np.empty((3, 2))}, "same labels"),
        ({"start": np.empty(2)}, "same labels"),
        ({"end": np.empty(4)}, "same labels"),
        ({"offsets": [0, 2, 5]}, "end with"),
        ({"offsets": [1, 2, 4]}, "begin with 0"),
        ({"offsets": [0, 5, 4]}, r"offsets\[2\] is less"),
        ({"offsets": []}, "begin with 0"),
        ({"scratch": np.empty(10)}, "scratch has 10 elements and needs 4"),
        ({"out": np.empty((3, 3))}, "probabilities"),
        ({"n_threads": 0}, "n_threads is 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            marginals(**wrong)
    for labels, message in [
        ([0, 0, 3, 0], r"labels\[2\] is 3"),
        ([0, -2, 0, 0], r"labels\[1\] is -2"),
        ([0, 0], "not a label for each"),
    ]:
        with pytest.raises(ValueError, match=message):
            log_likelihood(emissions, offsets, labels)
    with pytest.raises(ValueError, match="element for each sequence"):
        log_likelihood(emissions, offsets, [0] * 4, np.ones(3))
    d = [np.empty_like(part) for part in emissions]
    labels, weight = np.zeros(4, np.intp), np.ones(2)
    for k in range(4):
        wrong = [*d[:k], d[k][:-1], *d[k + 1 :]]
        with pytest.raises(ValueError, match="gradients are not"):
            crf.log_likelihood(
                x, offsets, A, start, end, labels, weight, scratch, np.empty(2), *wrong
            )
    path, scores, counts = np.empty(4, np.intp), np.empty(2), np.empty(2, np.intp)
    with pytest.raises(ValueError, match="paths and scores"):
        crf.viterbi(x, offsets, A, start, end, scratch, path[:3], scores)
    with pytest.raises(ValueError, match="paths and scores"):
        crf.viterbi(x, offsets, A, start, end, scratch, path, scores[:1])
    with pytest.raises(ValueError, match="needs"):
        crf.viterbi(x, offsets, A, start, end, scratch[:5], path, scores)
    paths, n_scores = np.empty((2, 4), np.intp), np.empty((2, 2))
    for wrong in [
        (paths[:, :3].copy(), n_scores, counts),
        (paths, n_scores[:1], counts),
        (paths, n_scores, counts[:1]),
        (paths, np.empty((2, 3)), counts),
    ]:
        with pytest.raises(ValueError, match="paths, scores and counts"):
            crf.n_best(x, offsets, A, start, end, scratch, *wrong)
    for n in (0, 2**31, 2**62):
        with pytest.raises(ValueError, match=f"n is {n}"):
            crf.n_best_scratch_size(3, offsets, n)
