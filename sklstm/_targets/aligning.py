"""The order of what belongs to sequences, where both say by ids which is whose."""

from numbers import Number

from ..sequences import SequenceArray
from ..sequences._peers import package_of
from .token_sequences import Documents


def aligned(X, **given):
    """Targets, weights and groups in the order of X, each by its name in messages.

    A pandas Series or DataFrame, or a SequenceArray, whose index or ids are those of X
    is put in the order of X; one that has others is refused. Where X has no ids, the
    order is what counts, and so it is where an index says nothing: 0, 1, ... as pandas
    makes it, or other integers that are not the ids of X and have no name, or have
    nothing in common with ids that are no numbers. They are numbers of rows, as
    train_test_split and drop_duplicates leave them.
    """
    ids = X._ids if isinstance(X, (SequenceArray, Documents)) else None
    if ids is None:
        return list(given.values())
    return [_in_order(values, what, ids) for what, values in given.items()]


def _in_order(values, what, ids):
    if isinstance(values, SequenceArray):
        if values._ids is None:
            return values
        keys, labels, are_row_numbers = _plain(ids), _plain(values._ids), False
    elif package_of(values) == "pandas" and hasattr(values, "iloc"):
        index = values.index
        if _is_fresh(index):
            return values
        keys, labels = _plain(ids), _labels(index)
        are_row_numbers = index.dtype.kind in "iu" and (
            index.name is None or _are_other_things(labels, keys)
        )
    else:
        return values
    if labels == keys:
        return values
    place = {label: row for row, label in reversed(list(enumerate(labels)))}
    if len(place) == len(labels) == len(keys) and place.keys() == set(keys):
        order = [place[key] for key in keys]
        return values[order] if are_sequences(values) else values.iloc[order]
    if are_row_numbers:
        return values
    _raise_other_labels(what, labels, place, keys, are_sequences(values))


def are_sequences(values):
    return isinstance(values, SequenceArray)


def _is_fresh(index):
    """Whether pandas made the index of a Series that was given none."""
    return (
        type(index).__name__ == "RangeIndex"
        and index.name is None
        and (index.start, index.step) == (0, 1)
    )


def _are_other_things(labels, keys):
    """Whether integers are none of the keys, not even as text."""
    if all(isinstance(key, Number) for key in keys):
        return False
    return not set(map(str, labels)) & set(map(str, keys))


def _labels(index):
    """The labels of an index as a list; those of several levels are tuples."""
    if getattr(index, "tz", None) is not None:  # as in ids
        index = index.tz_convert("UTC").tz_localize(None)
    return _plain(index.to_flat_index().to_numpy())


def _plain(keys):
    """Keys as a list of values that are equal whatever types they came in."""
    if keys.dtype.kind in "Mm":
        return list(keys.astype(f"{keys.dtype.kind}8[ns]"))
    return keys.tolist()


def _raise_other_labels(what, labels, place, keys, are_sequences):
    """Say which label is missing, too much or there twice."""
    known, whose = set(keys), "ids" if are_sequences else "index"
    if len(place) < len(labels):
        row, label = next((r, x) for r, x in enumerate(labels) if place[x] != r)
        found = f"has {label!r} twice, in rows {place[label]} and {row}"
    elif missing := [key for key in keys if key not in place]:
        found = f"has no value for {missing[0]!r}, sequence {keys.index(missing[0])}"
        extra = [label for label in labels if label not in known]
        if extra:
            found += f", but one for {extra[0]!r}, which is no id of X"
    elif extra := [label for label in labels if label not in known]:
        row = labels.index(extra[0])
        found = f"has a value for {extra[0]!r}, in row {row}, which is no id of X"
    else:
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        found = f"has one value for {twice!r}, which is the id of several sequences"
    way_out = f"{what}.loc[X.ids] takes one value for each, by id"
    if are_sequences:
        way_out = f"Index {what} so that {what}.ids are X.ids"
    plain = f"SequenceArray({what}.data, {what}.offsets)"
    plain = plain if are_sequences else f"{what}.to_numpy()"
    raise ValueError(
        f"The {whose} of {what} and X.ids do not fit: {what} {found}. {way_out}; if "
        f"{what} is in the order of X as it is, pass {plain}."
    )
