"""Keys: what the sequences of a SequenceArray are called, and when their steps were."""

from collections.abc import Iterable
from datetime import UTC, datetime
from numbers import Real

import numpy as np

from ._columns import is_missing
from ._foreign import refuse_masked
from ._stacking import place_of

_EXPECTED = {
    "ids": "ids must be a vector of hashable values, one for each sequence",
    "times": "times must be a vector of values, one for each step of all sequences",
}


def valid_keys(
    values,  # vector, or None
    what,  # "ids" or "times"
    offsets,  # valid
):
    """Ids of sequences or times of steps as a vector of their own that stays as it is.

    Text becomes objects of type str, and tuples stay tuples.
    """
    if values is None:
        return None
    refuse_masked(values, what)
    expected, kind = _EXPECTED[what], type(values).__name__
    if isinstance(values, (str, bytes, dict, set, frozenset)) or not isinstance(
        values, Iterable
    ):
        raise TypeError(f"{expected}; got {kind}, {values!r}.")
    keys = _as_vector(values)
    n = len(offsets) - 1 if what == "ids" else int(offsets[-1])
    if keys.shape != (n,):
        raise ValueError(
            f"{expected}; got shape {keys.shape} for {len(offsets) - 1} sequences of "
            f"{offsets[-1]} steps."
        )
    _refuse_missing(keys, what, offsets)
    if what == "ids":
        _refuse_unhashable(keys)
    return frozen(keys)


def _as_vector(values):
    """Values as an array of its own, of which a tuple is one value."""
    if not hasattr(values, "__array__"):
        values = list(values)
        kinds = set(map(type, values))
        if not all(issubclass(kind, (Real, np.generic)) for kind in kinds):
            return plain_keys(as_objects(values))
        if bool in kinds and len(kinds) > 1:
            return as_objects(values)
    return plain_keys(np.array(values))


def plain_keys(keys):
    """Keys with text as objects, and objects that are points in time in UTC."""
    if keys.dtype.kind in "UST":
        return keys.astype(object)
    kinds = set(map(type, keys.flat)) if keys.dtype.kind == "O" else ()
    if not kinds or not all(issubclass(kind, datetime) for kind in kinds):
        return keys
    if any(key is None or key != key for key in keys.flat):  # NaT
        return keys
    return np.array([_in_utc(key) for key in keys.flat]).reshape(keys.shape)


def _in_utc(when):
    if hasattr(when, "to_datetime64"):  # of pandas, which has nanoseconds
        return when.to_datetime64()
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(when)


def as_objects(values):
    """A list as a vector of its items, whatever they are."""
    keys = np.empty(len(values), dtype=object)
    keys[:] = values
    return keys


def _refuse_missing(keys, what, offsets):
    if keys.dtype.kind == "O":
        missing = np.fromiter(map(is_missing, keys), dtype=bool, count=len(keys))
    elif keys.dtype.kind in "Mm":
        missing = np.isnat(keys)
    elif keys.dtype.kind in "fc":
        missing = np.isnan(keys)
    else:
        return
    if missing.any():
        row = int(np.argmax(missing))
        where = f"sequence {row}"
        if what == "times":
            where = "sequence {}, step {}".format(*place_of(row, offsets))
        raise ValueError(
            f"{_EXPECTED[what]}; that of {where} is missing, {keys[row]!r}."
        )


def _refuse_unhashable(ids):
    if ids.dtype.kind not in "OV":
        return
    for i, key in enumerate(ids):
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                f"{_EXPECTED['ids']}; that of sequence {i} cannot be hashed, {key!r} "
                f"of type {type(key).__name__}."
            ) from None


def frozen(keys):
    """An array that nobody else has, or None, to which nobody can write from now on."""
    if keys is None:
        return None
    keys.flags.writeable = False
    return keys


def taken(keys, indices):
    """Keys of other places, or None."""
    return None if keys is None else frozen(keys[indices])


def token_of(keys):
    """What stands for keys in the name that Dask gives their array."""
    if keys is None or keys.dtype.kind == "O":
        return None if keys is None else tuple(keys.tolist())
    return keys.dtype.str, np.ascontiguousarray(keys).tobytes()
