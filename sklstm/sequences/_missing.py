"""Missing values inside of sequences: what a network reads in their place."""

from functools import partial

import numpy as np

from ._array import SequenceArray, keys_of
from ._rows import Rows, blocks_of, by_blocks
from ._stacking import rows_of_sequences

# Numbers that are filled at once: what is needed for it takes some 25 bytes for each.
FILL_AT_ONCE = 1_000_000


def observed_mean(
    sequences,
    sample_weight=None,  # (n,) above zero
    of=None,
):
    """Mean (F,) of each feature where it was observed, float64; 0 where it never was.
    With `of` it is that of `of(data)`, a number for each.

    Sums are over the distinct totals of sequences, so that a sequence of weight 3 and
    the sequence given three times come to the same bits, whatever the order; and of
    numbers below 1, so that none overflows.
    """
    with_steps = np.flatnonzero(sequences.lengths)  # reduceat knows no empty sums
    starts, lengths = sequences._offsets[with_steps], sequences.lengths[with_steps]
    rows = sequences._data, starts, lengths
    weight = None if sample_weight is None else sample_weight[with_steps]
    mean = np.zeros(sequences.n_features)
    if not len(with_steps):
        return mean
    low = high = np.full_like(mean, np.nan)
    for _, (lowest, highest) in by_blocks(partial(_extremes, of=of), *rows):
        low, high = np.fmin(low, lowest), np.fmax(high, highest)
    _, exponent = np.frexp(np.nan_to_num(np.maximum(np.abs(low), np.abs(high))))
    sums = np.empty((len(with_steps), sequences.n_features, 2))
    unit = np.broadcast_to(exponent, sums.shape[:2])
    for some, own in by_blocks(partial(_sums, of=of), *rows, unit):
        sums[some] = own
    for feature in np.flatnonzero(~np.isnan(low)):
        totals, counts = sums[:, feature].T
        average = sum_of_all(totals, weight) / sum_of_all(counts, weight)
        # Rounding must not take it out of the range: a constant is its own mean.
        ends = np.ldexp([low[feature], high[feature]], -exponent[feature])
        mean[feature] = np.ldexp(np.clip(average, *ends), exponent[feature])
    return mean


def _rows_of(data, starts, lengths, of):
    """As `rows_of_sequences`, or what `of` says of the rows."""
    data, begins = rows_of_sequences(data, starts, lengths)
    return data if of is None else of(data), begins


def _extremes(data, starts, lengths, of):
    """The smallest and the largest value observed (F,), NaN where there is none."""
    data, _ = _rows_of(data, starts, lengths, of)
    nan = data.dtype.type(np.nan)
    return tuple(
        extreme.reduce(data, axis=0, initial=nan).astype(np.float64)
        for extreme in (np.fmin, np.fmax)
    )


def _sums(data, starts, lengths, exponents, of):
    """Of each sequence (n, F, 2) the sum of the values observed, in units of 2 **
    exponent, and their number."""
    data, starts = _rows_of(data, starts, lengths, of)
    sums = np.empty((len(starts), data.shape[1], 2))
    for feature, column in enumerate(data.T):
        observed = ~np.isnan(column)
        x = np.where(observed, column, 0).astype(np.float64)
        x = np.ldexp(x, -exponents[0, feature])  # exact
        sums[:, feature, 0] = np.add.reduceat(x, starts)
        sums[:, feature, 1] = np.add.reduceat(observed, starts, dtype=np.intp)
    return sums


def sum_of_all(values, weight):
    """Weighted sum, equal values taken together: the same bits in any order."""
    values, inverse = np.unique(values, return_inverse=True)
    return (values * np.bincount(inverse, weights=weight)).sum()


def fill_forward(
    sequences,
    first,  # (F,) or (n, F) before a feature is first seen
    *,
    indicator=False,
):
    """The sequences with the last value seen where one is missing, without names of
    features.

    Each is filled from nothing but its own steps and `first`. The indicator (Lipton,
    Kale & Wetzel 2016), a column for each feature behind all of them, is 1 where a
    value was missing. Without it the object given is returned where none is.
    """
    data, offsets = sequences._data, sequences._offsets
    keys = keys_of(sequences)
    if hasattr(data, "without_missing"):  # where it lies
        filled = data.without_missing(first, indicator)
        return SequenceArray._trusted(filled, offsets, **keys)
    N, F = data.shape
    # The minimum of numbers of which one is NaN is NaN, and needs no mask.
    if isinstance(data, Rows):
        complete = not any(np.isnan(data[rows]).any() for rows in blocks_of(data))
    else:
        complete = not np.isnan(data.min(initial=0))
    if complete and not indicator:
        return sequences
    data = np.asarray(data)
    filled = np.zeros((N, 2 * F if indicator else F), data.dtype)
    filled[:, :F] = data
    if complete:
        return SequenceArray._trusted(filled, offsets, **keys)

    step = np.arange(N)[:, np.newaxis]
    start = np.repeat(offsets[:-1], sequences.lengths)[:, np.newaxis]
    whose = None
    if first.ndim == 2:
        whose = np.repeat(np.arange(len(first)), sequences.lengths)
    n_columns = max(1, FILL_AT_ONCE // N)
    for begin in range(0, F, n_columns):
        columns = slice(begin, begin + n_columns)
        x = data[:, columns]
        missing = np.isnan(x)
        before = first[columns] if whose is None else first[whose, columns]
        # Row of the last value seen, perhaps in an earlier sequence; -1: in none.
        last = np.where(missing, -1, step)
        np.maximum.accumulate(last, axis=0, out=last)
        filled[:, :F][:, columns] = np.where(
            last >= start, x[last, np.arange(x.shape[1])], before
        )
        if indicator:
            filled[:, F:][:, columns] = missing
    return SequenceArray._trusted(filled, offsets, **keys)
