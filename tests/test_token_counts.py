"""Counts of tokens by weight: sums in which their order has no say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.losses.token_counts import counts_of, digits_of, exponent_of

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 20, 5000)


def counted(tokens, weights):
    exponent = 0 if weights is None else exponent_of(weights)
    return counts_of(digits_of(tokens, weights, 21, exponent), exponent)


def test_without_weights():
    assert_array_equal(counted(TOKENS, None), np.bincount(TOKENS, minlength=21))


@pytest.mark.parametrize("scale", [1.0, 3.7, 1e-310, 1e300])
def test_they_are_sums_of_weights(scale):
    weights = RNG.random(5000) ** 9 * scale
    expected = np.bincount(TOKENS, weights, minlength=21)
    assert_allclose(counted(TOKENS, weights), expected, rtol=1e-12)
    assert not counted(TOKENS, np.zeros(5000)).any()


def test_whole_weights_are_exact():
    weights = RNG.integers(0, 9, 5000)
    repeated = np.repeat(TOKENS, weights)
    assert_array_equal(counted(TOKENS, weights / 4), counted(repeated, None) / 4)


def test_no_order_and_no_cut_matters():
    weights = RNG.random(5000) ** 9
    whole = counted(TOKENS, weights)
    order = RNG.permutation(5000)
    assert_array_equal(counted(TOKENS[order], weights[order]), whole)
    exponent = exponent_of(weights)
    parts = [
        digits_of(TOKENS[order[some]], weights[order[some]], 21, exponent)
        for some in (slice(17), slice(17, 17), slice(17, None))
    ]
    assert_array_equal(counts_of(sum(parts), exponent), whole)
    backwards = np.bincount(TOKENS[::-1], weights[::-1], minlength=21)
    assert (backwards != np.bincount(TOKENS, weights, minlength=21)).any()
