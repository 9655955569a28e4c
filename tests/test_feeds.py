"""Minibatches: samples of one content, order, weights."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from training_cases import content, training_set

from sklstm._targets.frames import FrameTarget
from sklstm._training.feeds import Minibatches, fingerprints, in_order_of_content
from sklstm.sequences._rows import Rows


def only_batch(samples):
    """All samples as one minibatch."""
    (batch,) = Minibatches(samples, len(samples.starts)).epoch(None)
    return batch


@st.composite
def samples_with_twins(draw):
    """Few distinct sequences and targets, so that many samples are identical."""
    kinds = draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    targets = draw(
        st.lists(st.integers(0, 1), min_size=len(kinds), max_size=len(kinds))
    )
    sequences = [np.full((k, 2), float(k)) for k in kinds]
    weight = None
    if draw(st.booleans()):
        one = st.sampled_from([0.5, 1.0, 2.0])
        weight = np.array(draw(st.lists(one, min_size=len(kinds), max_size=len(kinds))))
    return training_set(sequences, np.array(targets), weight), kinds, targets, weight


@settings(deadline=None, max_examples=100)
@given(samples_with_twins(), st.data())
def test_one_batch_merges_identical_samples_and_nothing_else(case, data):
    samples, kinds, targets, weight = case
    expected = {}
    for i in range(len(kinds)):
        key = kinds[i], targets[i]
        expected[key] = expected.get(key, 0) + (1 if weight is None else weight[i])
    batch = only_batch(samples)
    got = content(batch)
    # 1 where it is None; of distinct samples there is nothing to count
    weights = [1 if batch.weight is None else w for *_, w in got]
    assert len(got) == len(expected)
    for w, T, y in zip(weights, batch.lengths, batch.target, strict=True):
        assert w == expected[T, y]
    assert batch.total == sum(expected.values())
    order = np.array(data.draw(st.permutations(range(len(kinds)))))
    other = only_batch(
        samples._replace(
            starts=samples.starts[order],
            lengths=samples.lengths[order],
            target=samples.target[order],
            weight=None if weight is None else weight[order],
        )
    )
    assert content(other) == got
    assert_array_equal(batch.ids, np.arange(len(got)))
    assert_array_equal(other.ids, batch.ids)


def test_samples_with_numbers_are_not_merged():
    """Their masks of dropout are their own."""
    samples = training_set([np.ones((2, 1))] * 3, [0, 1, 0], np.array([1.0, 2, 3]))
    batch = in_order_of_content(samples, np.array([7, 5, 6]))
    assert len(batch.starts) == 3 and batch.total == batch.divisor == 6
    weights = dict(zip(batch.ids.tolist(), batch.weight, strict=True))
    assert weights == {7: 1, 5: 2, 6: 3}


def test_equal_fingerprints_are_not_taken_for_equal_samples(monkeypatch):
    """A fingerprint may be that of several: only equal bytes are the same sample."""
    samples = training_set(
        [np.ones((2, 1)), np.zeros((2, 1)), np.ones((2, 1))], [0] * 3
    )
    monkeypatch.setattr(
        "sklstm._training.feeds.digests",
        lambda data, starts, *_: np.zeros((len(starts), 2), np.uint64),
    )
    batch = only_batch(samples)
    assert len(batch.starts) == 3 and batch.total == 3


def test_frames_that_windows_share_are_read_once():
    """Wherever they lie."""

    class Piece:
        n_read = 0

        def __getitem__(self, rows):
            found = frames[rows]
            self.n_read += len(found)
            return found

    frames = np.random.default_rng(0).random((20, 3, 4, 1))
    piece, none = Piece(), np.array([0])
    cuts = np.arange(1, 18)
    windows = np.zeros_like(cuts), cuts
    keys = [
        fingerprints(data, *windows, FrameTarget(data, *windows, 20 + 0 * cuts, 3))
        for data in (frames, Rows([piece], float, (3, 4, 1), none, none, [20]))
    ]
    assert_array_equal(*keys)
    assert len(np.unique(keys[0], axis=0)) == len(cuts)
    assert piece.n_read == 20


def test_batch_of_distinct_samples_has_no_weights():
    samples = training_set([np.ones((2, 1)), np.zeros((2, 1))], [0, 0])
    batch = only_batch(samples)
    assert sorted(batch.starts) == [0, 2] and batch.weight is None and batch.total == 2


def test_samples_of_one_content_and_other_targets_stay_apart():
    samples = training_set([np.ones((2, 1))] * 3, [[0.0], [1.0], [0.0]])
    batch = only_batch(samples)
    weights = zip(batch.target[:, 0], batch.weight, strict=True)
    assert sorted(weights) == [(0, 2), (1, 1)]
    assert batch.total == 3


def test_samples_of_one_content_and_other_lengths_stay_apart():
    """No steps, one and two steps of zeros: a prefix is not the same sequence."""
    sequences = [np.zeros((T, 1)) for T in (0, 1, 2, 0, 1)]
    samples = training_set(sequences, [5] * 5)
    batch = only_batch(samples)
    weights = zip(batch.lengths, batch.weight, strict=True)
    assert sorted(weights) == [(0, 2), (1, 2), (2, 1)]


def test_order_of_a_batch_is_that_of_its_content():
    """Not that of the samples: shuffled data makes the same batch."""
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((T, 2)) for T in [3, 0, 1, 4, 4, 2]]
    target = np.arange(6.0)
    place = rng.permutation(6)
    a = training_set(sequences, target)
    b = training_set([sequences[i] for i in place], target[place])
    assert content(only_batch(a)) == content(only_batch(b))


def test_weights_and_repetition_make_the_same_batch():
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((T, 2)) for T in [3, 1, 4]]
    weighted = training_set(sequences, [0, 1, 2], np.array([3.0, 1.0, 2.0]))
    index = [2, 0, 0, 1, 2, 0]
    repeated = training_set([sequences[i] for i in index], index)
    a, b = only_batch(weighted), only_batch(repeated)
    assert content(a) == content(b)
    assert a.total == b.total == a.divisor == b.divisor == 6
