"""The vocabulary of a SequenceArray: what the ids in its one column stand for."""

from collections.abc import Iterable

import numpy as np

from ._columns import FLOATS, doubled, float_dtype
from ._stacking import place_of

IDS = np.dtype(np.int32)
MOST = 2**24  # whole numbers up to it are exact in float32
EXPECTED = "vocabulary must be a list of tokens, one for each id from 0 on"


def valid_vocabulary(vocabulary):
    """Tokens by id as a tuple, the one that is given if it is one."""
    unordered = isinstance(vocabulary, (str, bytes, dict, set, frozenset))
    if unordered or not isinstance(vocabulary, Iterable):
        raise TypeError(f"{EXPECTED}; got {type(vocabulary).__name__}, {vocabulary!r}.")
    vocabulary = tuple(vocabulary)
    if not vocabulary:
        raise ValueError(f"{EXPECTED}; got none.")
    try:
        n_distinct = len(set(vocabulary))
    except TypeError:
        j, token = first_unhashable(vocabulary)
        raise TypeError(
            f"{EXPECTED}, which can be keys of a dict; the token of id {j} cannot, "
            f"{token!r} of type {type(token).__name__}."
        ) from None
    if n_distinct < len(vocabulary):
        i, j, token = next(doubled(vocabulary))
        raise ValueError(f"{EXPECTED}; those of {i} and {j} are both {token!r}.")
    refuse_too_many(len(vocabulary))
    return vocabulary


def refuse_too_many(n_tokens):
    """Raise where ids would not be exact in every type of numbers."""
    if n_tokens > MOST:
        raise ValueError(
            f"A vocabulary of {n_tokens} tokens has ids that are not exact in float32, "
            f"as those of {MOST} are. Leave out rare tokens: "
            "TokenEncoder(max_features=...)."
        )


def first_unhashable(tokens):
    """Place and value of the first token that cannot be the key of a dict."""
    for j, token in enumerate(tokens):
        try:
            hash(token)
        except TypeError:
            return j, token


def as_ids(
    data,  # (n_total_steps, n_features) numbers
    offsets,
    vocabulary,  # valid
):
    """Data as ids of a vocabulary: integers as int32, floats as they are."""
    if data.shape[1] != 1:
        raise ValueError(
            "With a vocabulary, data must be one column of ids, got "
            f"{data.shape[1]} columns."
        )
    bad = ~((data >= 0) & (data < len(vocabulary)))  # NaN too
    if data.dtype.kind == "f":
        bad |= data != np.floor(data)
    if bad.any():
        row = int(np.argmax(bad))
        sample, step = place_of(row, offsets)
        raise ValueError(
            f"With a vocabulary of {len(vocabulary)} tokens, data must be ids from 0 "
            f"to {len(vocabulary) - 1}; got {data[row, 0]} at sample {sample}, step "
            f"{step}."
        )
    if data.dtype.kind != "f":
        return data.astype(IDS, copy=False)
    return data.astype(float_dtype(data.dtype), copy=False)


def filling(fill_value, dtype):
    """The value that stands behind the end of a sequence in an array of this type."""
    if dtype in FLOATS:
        return fill_value
    if fill_value != fill_value:  # NaN, which no integer is
        return -1
    limits = np.iinfo(IDS)
    if not limits.min <= fill_value <= limits.max or fill_value != int(fill_value):
        raise ValueError(
            f"fill_value must be an integer of 32 bits among ids, got {fill_value!r}."
        )
    return fill_value
