"""Fingerprints of sequences and their targets."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._kernels import digests


@pytest.mark.parametrize("n_bytes", [0, 1, 15, 16, 17, 32, 100])
def test_digests_tell_every_bit_length_and_target(n_bytes):
    """A bit more, a byte more, another place, another target: another fingerprint."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, n_bytes, dtype=np.uint8)
    variants = [one]
    for bit in range(8 * n_bytes):
        flipped = one.copy()
        flipped[bit // 8] ^= 1 << bit % 8
        variants.append(flipped)
    variants += [np.append(one, np.zeros(k, np.uint8)) for k in (1, 2, 15, 16, 17)]
    if n_bytes == 100:
        variants.append(np.roll(one, 16))
    lengths = np.array([len(v) for v in variants] * 2)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    data = np.concatenate(variants * 2)[:, np.newaxis]
    target = np.repeat([[0], [1]], len(variants), axis=0).astype(np.uint8)
    keys = digests(data, starts, lengths, target)
    for column in keys.T:
        assert len(np.unique(column)) == len(keys)
    assert_array_equal(digests(data, starts, lengths, target), keys)


def test_digests_are_the_same_everywhere():
    """The order of a minibatch, and so the weights, follow from them."""
    data = np.arange(40, dtype=np.uint8).reshape(10, 4)
    target = np.array([[7], [9]], dtype=np.uint8)
    keys = digests(data, np.array([0, 3]), np.array([3, 7]), target)
    assert keys.tolist() == [
        [331384703555798378, 17491153213223855971],
        [17304687731826676811, 7283720510514834099],
    ]


@pytest.mark.parametrize("starts, lengths", [([0], [11]), ([-1], [3]), ([9], [2])])
def test_digests_refuse_rows_that_are_not_there(starts, lengths):
    data, target = np.zeros((10, 4), np.uint8), np.zeros((1, 1), np.uint8)
    with pytest.raises(ValueError, match="Sequence 0 has rows"):
        digests(data, np.array(starts), np.array(lengths), target)
    with pytest.raises(ValueError, match="do not belong together"):
        digests(data, np.array([0, 0]), np.array([1]), target)
