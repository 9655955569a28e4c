"""Order statistics of columns that lie anywhere, found by counting.

A number is found digit by digit: how many numbers begin with which digits is counted
where they lie. Whole numbers add up to the same whatever lies together, and weights are
whole numbers here.
"""

from functools import partial

import numpy as np

from ..sequences._rows import blocks_of, by_blocks
from ..sequences._stacking import as_offsets, rows_of_parts, rows_of_sequences
from .units import LEVELS, known_scale, robust_units

# Bits of a digit, a byte, of numbers whose order as whole numbers is their own.
DIGIT = 8
# Bits of a weight, and of the parts that are added: sums of these are exact in floats.
WEIGHT, PART = 60, 20


def units_of_columns(data, starts, lengths, weight=None):
    """Medians (F,) and robust scales (F,) of sequences with these weights (n,), as
    `units_of` has them; 1 where the scale is not known, and of nothing 0 and 1."""
    weight = None if weight is None else whole_numbers(weight)
    units = []
    for j, values in enumerate(quantiles_of(data, starts, lengths, LEVELS, weight)):
        if np.isnan(values[0]):
            units.append((0.0, 1.0))
            continue
        deviation = partial(mean_deviation, data, starts, lengths, weight, j)
        centre, scale = robust_units(values, deviation)
        units.append((centre, known_scale(centre, scale) or 1.0))
    return np.array(units).T.copy()


def whole_numbers(weight):
    """Weights (n,) above zero in units that the largest has up to 2 ** WEIGHT of, none
    of them less than one."""
    _, exponent = np.frexp(weight.max())
    return np.maximum(np.rint(np.ldexp(weight, WEIGHT - exponent)).astype(np.int64), 1)


# ---- quantiles -----------------------------------------------------------------------


def quantiles_of(data, starts, lengths, levels, weight=None):
    """Of each column (F, levels) the least numbers with at least these shares of the
    weight, whole numbers, at or below them; NaN where none is observed."""
    dtype = data.dtype if data.dtype == np.float32 else np.dtype(np.float64)
    shape = data.shape[1], len(levels)
    begins, below = np.zeros(shape, np.uint64), np.zeros(shape, object)
    wanted = None
    more = () if weight is None else (weight,)
    for shift in range(8 * dtype.itemsize - DIGIT, -1, -DIGIT):
        known = [np.unique(own) for own in begins]
        count = partial(_counts, known=known, shift=shift, dtype=dtype)
        found = by_blocks(count, data, starts, lengths, *more)
        counts = _together(sum(own for _, own in found))
        if wanted is None:  # of all that there is
            wanted = np.array([_shares(total, levels) for total in counts.sum(axis=1)])
        of_column = np.split(counts, np.cumsum([len(own) for own in known])[:-1])
        for j, i in np.ndindex(shape):
            own = of_column[j][np.searchsorted(known[j], begins[j, i])]
            up_to = below[j, i] + own.cumsum()
            digit = min(np.searchsorted(up_to, wanted[j, i]), len(own) - 1)
            below[j, i] = up_to[digit] - own[digit]
            begins[j, i] = begins[j, i] << np.uint64(DIGIT) | np.uint64(digit)
    found = _numbers(begins, dtype).astype(np.float64)
    return np.where(wanted > 0, found, np.nan)


def _shares(total, levels):
    """The least whole numbers that are at least these shares of the total."""
    ratios = (float(level).as_integer_ratio() for level in levels)
    return [-(-p * int(total) // q) for p, q in ratios]


def _counts(data, starts, lengths, *weight, known, shift, dtype):
    """The weight of the numbers of each column that begin with the digits that are
    known, by their next digit (beginnings of all columns, digits, parts)."""
    data, _ = rows_of_sequences(data, starts, lengths)
    weight = np.repeat(weight[0], lengths) if weight else None
    n_parts = 1 if weight is None else WEIGHT // PART + 1
    counts = [np.zeros((len(own), 1 << DIGIT, n_parts), np.int64) for own in known]
    for some in blocks_of(data):
        own = None if weight is None else weight[some]
        for column, begins, count in zip(data[some].T, known, counts, strict=True):
            _count(count, column.astype(dtype), own, begins, shift)
    return np.concatenate(counts)


def _count(counts, column, weight, known, shift):
    """Add the weight of the numbers of a column to that of these beginnings."""
    there = ~np.isnan(column)
    if not there.all():
        column = column[there]
        weight = None if weight is None else weight[there]
    begins = _ordered(column)
    begins >>= begins.dtype.type(shift)
    digits = begins.astype(np.uint8)  # the last one
    begins >>= begins.dtype.type(DIGIT)
    for begin, count in zip(known.astype(begins.dtype), counts, strict=True):
        own = begins == begin
        found = partial(np.bincount, digits[own], minlength=len(count))
        if weight is None:
            count[:, 0] += found()
            continue
        for k in range(count.shape[1]):
            part = weight[own] >> PART * k & (1 << PART) - 1
            count[:, k] += found(weights=part).astype(np.int64)


def _together(counts):
    """Sums of the parts of weights as numbers of any size."""
    parts = np.moveaxis(counts, -1, 0).astype(object)
    return sum(part << PART * k for k, part in enumerate(parts))


def _ordered(numbers):
    """Whole numbers in the order of these; of both zeros the same one."""
    bits = (numbers + 0.0).view(f"u{numbers.itemsize}")
    sign = 8 * numbers.itemsize - 1
    # all bits of a negative one change, else its sign
    changed = (bits.view(f"i{numbers.itemsize}") >> sign).view(bits.dtype)
    changed |= bits.dtype.type(1 << sign)
    return bits ^ changed


def _numbers(ordered, dtype):
    """What `_ordered` is of."""
    bits = ordered.astype(f"u{dtype.itemsize}")
    sign = bits.dtype.type(1 << (8 * dtype.itemsize - 1))
    return np.where(bits & sign, bits & ~sign, ~bits).view(dtype)


# ---- deviations ----------------------------------------------------------------------


def mean_deviation(data, starts, lengths, weight, column, median):
    """The largest half of an absolute deviation of a column from its median, and the
    mean one in units of this, 1 where all are zero.

    Of each sequence they are added as whole numbers of 2 ** -60.
    """
    there = np.flatnonzero(lengths)  # reduceat knows no empty sums
    rows, which = (data, starts[there], lengths[there]), {"column": column}
    which["median"] = median
    ask = partial(_largest, **which)
    largest = max(own for _, own in by_blocks(ask, *rows)) or 1.0
    sums = np.empty((len(there), 3), np.int64)
    for some, own in by_blocks(partial(_deviations, **which, unit=largest), *rows):
        sums[some] = own
    weight = [1] * len(there) if weight is None else weight[there].tolist()
    of_all = [
        sum(w * own for w, own in zip(weight, part.tolist(), strict=True))
        for part in sums.T
    ]
    high, low, count = of_all
    return largest, ((high << 30) + low) / (count << 60)


def _halves(data, starts, lengths, column, median):
    """Halves of the deviations of the numbers of a column, NaN where there is none."""
    rows = rows_of_parts(starts, lengths)[0]
    return np.abs(data[rows, column].astype(np.float64) / 2 - median / 2)


def _largest(*rows, **which):
    return np.fmax.reduce(_halves(*rows, **which), initial=0.0)


def _deviations(*rows, unit, **which):
    """Of each sequence (n, 3) the sum of its halves in this unit, in whole 2 ** -30 and
    in 2 ** -60 of what is left, and how many there are."""
    halves = _halves(*rows, **which)
    there = ~np.isnan(halves)
    parts = np.where(there, halves, 0.0) / unit * 2**30
    high = np.floor(parts)
    parts = high, np.rint((parts - high) * 2**30), there
    begins = as_offsets(rows[2])[:-1]
    return np.stack(
        [np.add.reduceat(part.astype(np.int64), begins) for part in parts], axis=1
    )
