"""Series: sequences with ids and times, and windows of their rows."""

from datetime import date, datetime
from typing import NamedTuple

import numpy as np

from .._estimators.columns import columns_of, is_one
from ..sequences import SequenceArray, check_sequences
from ..sequences._check import Features
from ..sequences._keys import as_objects
from ..sequences._stacking import rows_of_parts


class Series(NamedTuple):
    """What a table of forecasts needs to know of X."""

    sequences: SequenceArray
    ids: np.ndarray  # (n,) of its own each; those of several columns joined
    times: np.ndarray | None  # (n_total_steps,)

    @property
    def has_ids(self):
        """Whether the ids are the user's, and not numbers."""
        return self.sequences.ids is not None

    def name(self, i):
        """What a message calls series `i`."""
        return f"series {shown(self.ids[i]) if self.has_ids else int(i)}"

    def target_names(self, columns):
        """Names of columns, or their indices where they have none."""
        names = self.sequences.feature_names
        return [column if names is None else names[column] for column in columns]


def read_series(X):
    """X in any form as series; without ids they are numbered."""
    sequences = check_sequences(X, allow_nan=True)
    ids, times = ids_of(sequences), sequences.times
    first = {}
    for i, value in enumerate(ids.tolist()):
        if first.setdefault(value, i) < i:
            raise ValueError(
                f"X[{first[value]}] and X[{i}] are both series {value!r}. Rows of a "
                "table are told apart by the id, so that each series needs its own."
            )
    return Series(sequences, ids, None if times is None else as_times(times))


def ids_of(sequences):
    """Ids as a table can have them, or numbers where there are none."""
    if sequences.ids is None:
        return np.arange(len(sequences))
    ids = sequences.ids
    if ids.dtype.kind == "O":
        joined = ["/".join(map(str, v)) if isinstance(v, tuple) else v for v in ids]
        ids = as_objects(joined)
    return ids


def as_times(times):
    """Times as an array; dates and datetimes without a zone as datetime64."""
    times = np.asarray(times)
    if times.dtype.kind != "O" or not len(times):
        return times
    kinds = set(map(type, times))
    if kinds == {date}:
        return times.astype("datetime64[D]")
    if all(issubclass(kind, datetime) for kind in kinds) and all(
        time.tzinfo is None for time in times
    ):
        nano = any(hasattr(time, "nanosecond") for time in times)
        return times.astype("datetime64[ns]" if nano else "datetime64[us]")
    return times


def shown(value):
    """A value of an array for a message, without the name of its type."""
    if isinstance(value, np.datetime64):
        return str(value)
    return repr(value.item() if isinstance(value, np.generic) else value)


def windows_of(
    series,
    which,  # (m,) number of the series
    start,  # (m,) first row of each window, counted in its series
    stop,  # (m,) row behind the last one
    hidden=(),  # columns that are not handed on: NaN
):
    """Rows of series as sequences of their own, with the ids and times they have."""
    starts = series.sequences.offsets[which] + start
    rows, offsets = rows_of_parts(starts, stop - start)
    data = series.sequences.data[rows]
    data[:, list(hidden)] = np.nan
    names, ids = series.sequences.feature_names, series.sequences.ids
    return SequenceArray(
        data,
        offsets,
        names,
        ids=None if ids is None else ids[which],
        times=None if series.times is None else series.times[rows],
    )


def columns_named(
    columns,  # index or name, or a list of them
    sequences,
    what,  # the parameter, for messages
):
    """Columns by their indices or names as a tuple of indices."""
    names, F = sequences.feature_names, sequences.n_features
    features = Features(F, F, None, names)
    return columns_of([columns] if is_one(columns) else columns, what, features)
