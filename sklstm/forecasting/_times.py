"""Times that come after the last one of each series."""

from importlib import import_module
from numbers import Real

import numpy as np

from ._series import shown

DAY = np.timedelta64(1, "D")


class Unclear(ValueError):
    """Times do not tell how they go on; the message says why."""


def next_times(series, horizon, freq=None):
    """The times of `horizon` rows after the end of each series, (n, horizon).

    Without `freq` all series go on at one distance if there is one that fits them all,
    else each at its own.
    """
    lengths, offsets = series.sequences.lengths, series.sequences.offsets
    if series.times is None:
        return lengths[:, np.newaxis] + np.arange(horizon)
    if not lengths.all():
        i = int(np.argmin(lengths))
        raise ValueError(
            f"There are no rows of {series.name(i)}, and so no time after which its "
            f"forecast begins. {WAY_OUT}"
        )
    times = _comparable(series.times)
    last = times[offsets[1:] - 1]
    if freq is not None:
        try:
            return _by_frequency(last, horizon, freq)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"freq={freq!r} cannot be added to times like {shown(last[0])}: "
                f"{error}. Pass a number, a numpy.timedelta64 or, with pandas, one of "
                "its frequencies, as 'MS'."
            ) from error
    try:
        return _continued(times, offsets, horizon)
    except Unclear:
        pass
    found = np.empty((len(lengths), horizon), dtype=times.dtype)
    for i, length in enumerate(lengths):
        own = times[offsets[i] : offsets[i + 1]]
        try:
            found[i] = _continued(own, np.array([0, length]), horizon)[0]
        except Unclear as error:
            by_pandas = _by_pandas(own, horizon)
            if by_pandas is None:
                raise ValueError(
                    f"The times of {series.name(i)} do not tell how they go on: "
                    f"{error}. {WAY_OUT}"
                ) from error
            found[i] = by_pandas
    return found


WAY_OUT = (
    "Pass freq=..., as numpy.timedelta64(1, 'h') or 'MS' of pandas, or an X_future "
    "with the times of its rows."
)


def _comparable(times):
    """Times in a type that can be subtracted; weeks as days."""
    kind = times.dtype.kind
    if kind not in "iufMO":
        raise ValueError(
            f"Times are of type {times.dtype}, as {shown(times[0])}, which cannot be "
            "continued. Make dates or numbers of them before building X."
        )
    if kind == "u":
        return times.astype(np.int64)
    if kind == "M" and np.datetime_data(times.dtype)[0] == "W":
        return times.astype("datetime64[D]")
    return times


def _continued(times, offsets, horizon):
    """Times of all series at the one distance that they have within all series."""
    inside = np.ones(len(times), dtype=bool)
    inside[offsets[:-1]] = False
    rows = np.flatnonzero(inside)
    if not len(rows):
        raise Unclear("one row tells no distance")
    before, after = times[rows - 1], times[rows]
    try:
        falls = np.flatnonzero(~np.asarray(after > before, dtype=bool))
    except TypeError as error:
        raise Unclear(str(error)) from error
    if len(falls):
        a, b = shown(before[falls[0]]), shown(after[falls[0]])
        raise Unclear(f"{b} comes after {a}")
    last, ahead = times[offsets[1:] - 1], np.arange(1, horizon + 1)
    if times.dtype.kind == "M":
        found = _by_months(times, rows, np.repeat(offsets[:-1], np.diff(offsets)))
        if found is not None:
            months, month_end = found
            return _months_after(last, ahead * months, month_end)
    try:
        steps = after - before
    except TypeError as error:
        raise Unclear(str(error)) from error
    step = steps[0]
    if times.dtype.kind == "f":
        step = steps.mean()
        same = np.abs(steps - step) <= 1e-6 * step
    elif times.dtype.kind == "O":  # offsets of pandas compare with one another alone
        same = np.array([bool(other == step) for other in steps])
    else:
        same = steps == step
    if not same.all():
        other = np.argmin(same)
        apart = (
            f"{shown(after[0])} is {step} after {shown(before[0])}",
            f"{shown(after[other])} {steps[other]} after {shown(before[other])}",
        )
        raise Unclear(", and ".join(apart))
    return _added(last, step, ahead)


def _added(last, step, ahead):
    """Times `ahead` steps after the last ones, (n, horizon)."""
    if last.dtype.kind != "O":
        return last[:, np.newaxis] + ahead * step
    found = np.empty((len(last), len(ahead)), dtype=object)
    for i, time in enumerate(last):
        for h, k in enumerate(ahead.tolist()):
            found[i, h] = time + k * step
    return found


def _by_months(times, rows, first):
    """The months between rows, and whether they are at ends of months; else None."""
    if np.datetime_data(times.dtype)[0] in ("Y", "M"):
        return None  # whose differences are all alike
    for month_end in (False, True):
        moved = times + DAY if month_end else times
        months = moved.astype("datetime64[M]")
        rest = moved - months
        apart = (months[rows] - months[rows - 1]).astype(np.int64)
        if apart[0] and (apart == apart[0]).all() and (rest == rest[first]).all():
            return int(apart[0]), month_end
    return None


def _months_after(
    last,  # (n,)
    months,  # (horizon,) how many months after
    month_end,  # whether days are counted from the end of the month
):
    """Times on the same day of other months, or on their last day if it is earlier."""
    moved = (last + DAY if month_end else last)[:, np.newaxis]
    begin = moved.astype("datetime64[M]")
    later = begin + months
    days, of_day = np.divmod(moved - begin, DAY)
    length = ((later + 1).astype("datetime64[D]") - later).astype(np.int64)
    days = np.minimum(days, length - 1) - month_end
    found = later.astype("datetime64[D]") + days + of_day
    return found.astype(last.dtype)


def _by_frequency(last, horizon, freq):
    """Times after the last ones by a frequency that was given."""
    ahead = np.arange(1, horizon + 1)
    if isinstance(freq, np.timedelta64):
        unit, count = np.datetime_data(freq.dtype)
        if unit in ("Y", "M") and np.datetime_data(last.dtype)[0] not in ("Y", "M"):
            months = int(freq.astype(np.int64)) * count * (12 if unit == "Y" else 1)
            return _months_after(last, ahead * months, False)
        return _added(last, freq, ahead)
    if isinstance(freq, Real) and last.dtype.kind in "iufO":
        return _added(last, freq, ahead)
    if last.dtype.kind in "iuf":
        raise TypeError("they are numbers")
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise TypeError("pandas, which may know it, is not installed") from error
    offset = pandas.tseries.frequencies.to_offset(freq)
    starts = [pandas.Timestamp(time) + offset for time in last]
    found = [pandas.date_range(t, periods=horizon, freq=offset) for t in starts]
    return _in_type(np.stack([dates.to_numpy() for dates in found]), last.dtype)


def _in_type(times, dtype):
    """Times in this type, if it has a place for all of them."""
    found = times.astype(dtype)
    return found if (found == times).all() else times


def _by_pandas(times, horizon):
    """Times after those of one series by the frequency that pandas finds, else None."""
    if times.dtype.kind not in "MO" or len(times) < 3:
        return None
    try:
        pandas = import_module("pandas")
        index = pandas.DatetimeIndex(times, freq="infer")
    except (ImportError, TypeError, ValueError):
        return None
    if index.freq is None:
        return None
    dates = pandas.date_range(index[-1], periods=horizon + 1, freq=index.freq)[1:]
    return dates.to_numpy()
