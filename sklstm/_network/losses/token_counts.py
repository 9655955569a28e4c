"""How often tokens are there, by weight: sums in which their order has no say."""

import numpy as np

# A weight is so many digits of so many bits, the first one below its largest power of
# two: sums of whole numbers are exact, and a weight of two is what is there twice.
N_DIGITS, BITS = 4, 20


def exponent_of(weights):
    """The power of two above all weights."""
    return int(np.frexp(weights.max(initial=0.0))[1])


def digits_of(tokens, weights, n_tokens, exponent=0):
    """Sums (n_digits, V) of the digits of weights (N,), or None for one each, over the
    tokens (N,) of each kind: whole numbers, which are added to those of others."""
    if weights is None:
        return np.bincount(tokens, minlength=n_tokens)[np.newaxis]
    sums, rest = np.empty((N_DIGITS, n_tokens), np.int64), np.ldexp(weights, -exponent)
    for own in sums:
        rest = np.ldexp(rest, BITS)
        digit = np.floor(rest)
        rest = rest - digit
        own[:] = np.bincount(tokens, weights=digit, minlength=n_tokens)
    return sums


def counts_of(sums, exponent=0):
    """What digits (n_digits, V) add up to (V,)."""
    if len(sums) == 1:
        return sums[0]
    counts = np.zeros(sums.shape[1])
    for digit in sums[::-1]:
        counts = np.ldexp(counts + digit, -BITS)
    return np.ldexp(counts, exponent)
