"""The door of what belongs to the steps of sequences: labels, numbers and weights."""

from collections.abc import Iterable, Iterator, Sequence
from numbers import Number
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from ..sequences import SequenceArray
from ..sequences._check import hint_long
from ..sequences._stacking import as_offsets
from .reading import check_total_weight
from .steps import StepTarget

FORMS = (
    "a list with the {0}s of each sequence, as many as it has steps: [[{1}, {1}], "
    "[{1}]]"
)


class Wanted(NamedTuple):
    """What is read: for whom, whether labels or numbers, and for messages which
    estimator takes one of them for a sequence."""

    name: str
    are_labels: bool
    for_one: str

    @property
    def form(self):
        word, value = ("label", "'a'") if self.are_labels else ("number", "1.5")
        return FORMS.format(word, value)


def sequences_of(y, wanted):
    """A list of what belongs to each sequence, and whether these are matrices.

    Vectors are lists of Python's own values, matrices arrays.
    """
    items = _items(y, wanted)
    read, n_dims = [], None
    for i, item in enumerate(items):
        values, ndim = _values(item, i, wanted)
        if ndim is not None:
            if n_dims is None:
                n_dims = ndim, i
            elif n_dims[0] != ndim:
                raise ValueError(
                    f"y has {n_dims[0]} dimension(s) for sample {n_dims[1]} and {ndim} "
                    f"for sample {i}. All samples need either one value or one row of "
                    "values for each step."
                )
        read.append(values)
    is_matrix = n_dims is not None and n_dims[0] == 2
    if is_matrix:
        read = [np.asarray(values) for values in read]
    return read, is_matrix


def _items(y, wanted):
    """What is given, as a sequence of sequences."""
    kind = type(y).__name__
    if isinstance(y, np.ma.MaskedArray):
        raise TypeError(
            "y is a masked array, whose mask would be lost. Pass None (numbers: NaN) "
            "where a step has no target."
        )
    if issparse(y):
        raise TypeError(
            "Sparse data was passed for y, but dense data is required. Use "
            "'.toarray()' to convert it."
        )
    if isinstance(y, SequenceArray):
        return y.to_list()
    if isinstance(y, (dict, set, frozenset, Iterator)):
        way_out = "list(y)"
        if isinstance(y, dict):
            way_out = "list(y.values()), in the order of X"
        elif not isinstance(y, Iterator):
            way_out = "a list: a set has no order"
        raise TypeError(f"Expected y as {wanted.form}, got {kind!r}. Pass {way_out}.")
    if isinstance(y, (str, bytes, Number)):
        raise TypeError(f"Expected y as {wanted.form}, got the scalar {y!r}.")
    if isinstance(y, Sequence):
        items = list(y)
    else:
        array = y if isinstance(y, np.ndarray) else np.asarray(y)
        if array.ndim == 0:
            raise TypeError(f"Expected y as {wanted.form}, got {kind!r}.")
        if array.ndim > 3:
            raise ValueError(
                f"y has shape {array.shape}, but (n_samples, n_steps) or (n_samples, "
                "n_steps, n_outputs) is the most for sequences of equal length."
            )
        items = list(array)
    if not items:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: y is empty."
        )
    return items


def _values(item, i, wanted):
    """What belongs to the steps of a sequence, and its dimensions, None of no steps."""
    if isinstance(item, np.ma.MaskedArray):
        raise TypeError(
            f"y is a masked array for sample {i}, whose mask would be lost. Pass None "
            "(numbers: NaN) where a step has no target."
        )
    if isinstance(item, (str, bytes)):
        item = item.item() if isinstance(item, np.generic) else item
        raise TypeError(
            f"y has the text {item!r} for sample {i}, where {wanted.name} needs what "
            f"belongs to its steps. Pass list({item!r}) if each letter is a label; for "
            f"one a sequence use {wanted.for_one}."
        )
    if isinstance(item, (dict, set, frozenset, Iterator)):
        raise TypeError(
            f"y has a {type(item).__name__} for sample {i}. Pass a list of what "
            "belongs to its steps, in their order."
        )
    if isinstance(item, (list, tuple)):
        # a tuple may be a label
        rows = (list, np.ndarray) if wanted.are_labels else (list, tuple, np.ndarray)
        if item and all(isinstance(row, rows) for row in item):
            try:
                return np.array(item, dtype=np.float64), 2
            except (TypeError, ValueError):
                raise ValueError(
                    f"y for sample {i} is a list of lists that is no matrix of "
                    "numbers. Pass one label, or as many numbers, for each step."
                ) from None
        if any(type(value).__module__ == "numpy" for value in item[:1]):
            item = [value.item() if hasattr(value, "item") else value for value in item]
        return list(item), 1 if len(item) else None
    if np.ndim(item) == 0:
        raise ValueError(
            f"y has {item!r} for sample {i}, one value for a sequence, where "
            f"{wanted.name} needs one for each of its steps: {wanted.form}. For one "
            f"value a sequence use {wanted.for_one}."
        )
    array = np.asarray(item)
    if array.ndim > 2:
        raise ValueError(
            f"y has an array of shape {array.shape} for sample {i}, but (n_steps,) or "
            "(n_steps, n_outputs) is needed."
        )
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
        if (
            wanted.are_labels
            and isinstance(item, np.ndarray)
            and item.dtype.kind == "f"
        ):
            whole = array[np.isfinite(array)] % 1 == 0
            if whole.all():  # of a SequenceArray, which knows no integers
                return [None if v != v else int(v) for v in array.tolist()], 1
    if array.ndim == 1:
        return array.tolist(), 1 if len(array) else None
    return array, 2


def numbers_at_steps(items, what):
    """A `StepTarget` of numbers (N,) or (N, K), NaN where there is none."""
    arrays, n_outputs = [], None
    for i, item in enumerate(items):
        try:
            array = np.array(
                [np.nan if v is None else v for v in item]
                if isinstance(item, list)
                else item,
                dtype=np.float64,
            )
        except (TypeError, ValueError, OverflowError):
            _refuse_item(item, i, what)
            raise
        if len(array):
            if n_outputs is None:
                n_outputs = array.shape[1:], i
            elif array.shape[1:] != n_outputs[0]:
                raise ValueError(
                    f"{what} has {array.shape[1]} columns for sample {i} and "
                    f"{n_outputs[0][0]} for sample {n_outputs[1]}: all samples need "
                    "the same outputs."
                )
        arrays.append(array)
    shape = n_outputs[0] if n_outputs else ()
    offsets = as_offsets(list(map(len, arrays)))
    values = np.concatenate([array.reshape(-1, *shape) for array in arrays])
    target = StepTarget(values, offsets)
    infinite = np.isinf(values)
    if infinite.any():
        index = np.argwhere(infinite)[0]
        column = "".join(f", output {k}" for k in index[1:])
        raise ValueError(
            f"Input {what} contains infinity or a value too large for "
            f"dtype('float64'): {target.place(index[0])}{column}. Leave such steps "
            f"without a target (NaN), or clip or scale {what}."
        )
    return target


def _refuse_item(item, i, what):
    """Say which value is no number."""
    for index, value in np.ndenumerate(np.array(item, dtype=object)):
        try:
            if value is not None:
                float(value)
        except (TypeError, ValueError, OverflowError):
            column = "".join(f", output {k}" for k in index[1:])
            raise ValueError(
                f"{what} holds {value!r}, which is no number, at sample {i}, step "
                f"{index[0]}{column}. For labels use LSTMTagger, or encode them as "
                "numbers; NaN is a step without target."
            ) from None


def pair_steps(table, X, y, name):
    """y with as many steps as valid X; `table` is X as it was given.

    Where both were padded to the same length, what is behind the end of a sequence is
    cut off.
    """
    if len(X) != len(y):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{len(X)}, {len(y)}]. y needs a list of targets for each sequence."
            + hint_long(table)
        )
    different = np.flatnonzero(X.lengths != y.lengths)
    if not len(different):
        return y
    if _is_padded(table, y):
        end = np.repeat(X.lengths, y.lengths)
        time = np.arange(len(y.values)) - np.repeat(y.offsets[:-1], y.lengths)
        return y.replace(values=y.values[time < end], offsets=X._offsets)
    i = different[0]
    raise ValueError(
        f"Sample {i} has {X.lengths[i]} step(s) in X and {y.lengths[i]} in y"
        + (f", and so do {len(different) - 1} more samples" * (len(different) > 1))
        + f". {name} needs a target for every step; None (numbers: NaN) stands for a "
        "step without."
    )


def _is_padded(table, y):
    """Whether X is an array whose sequences are shorter than those of y, all of which
    are as long as the array."""
    shape = getattr(table, "shape", ())
    return (
        isinstance(table, np.ndarray)
        and len(shape) == 3
        and bool((y.lengths == shape[1]).all())
    )


def split_weight(sample_weight, y, name):
    """Weights of sequences, or None, and y with those of its steps, if these are given.

    Weights of steps are a list of vectors, as long as the sequences.
    """
    if not _is_ragged(sample_weight):
        if len(y) != len(y.values) == np.size(sample_weight):
            raise ValueError(
                f"sample_weight has {len(y.values)} values, one for each step of all "
                f"{len(y)} samples in a row. Pass a list with the weights of each "
                "sample, np.split(sample_weight, np.cumsum(lengths)[:-1]), or one "
                "weight for each sample."
            )
        return sample_weight, y
    items, is_matrix = sequences_of(sample_weight, Wanted(name, False, "one vector"))
    if is_matrix:
        raise ValueError("sample_weight needs one weight for each step, not several.")
    weights = numbers_at_steps(items, "sample_weight")
    if len(weights) != len(y) or (weights.lengths != y.lengths).any():
        i = 0
        if len(weights) == len(y):
            i = np.flatnonzero(weights.lengths != y.lengths)[0]
            found = (
                f"sample {i} has {weights.lengths[i]} weights and {y.lengths[i]} steps"
            )
        else:
            found = f"{len(weights)} samples have weights, and y has {len(y)}"
        raise ValueError(f"sample_weight does not fit y: {found}.")
    values = weights.values
    bad = np.flatnonzero(~(values >= 0))
    if len(bad):
        raise ValueError(
            f"sample_weight has {values[bad[0]]:g} at {weights.place(bad[0])}. Weights "
            "must be zero or positive."
        )
    check_total_weight(values, "sample_weight")
    weighted = y.replace(weight=values)
    if not weighted.known.any():
        raise ValueError("All steps with a target have weight zero: nothing is left.")
    return None, weighted


def _is_ragged(sample_weight):
    if sample_weight is None or isinstance(sample_weight, Number):
        return False
    if isinstance(sample_weight, SequenceArray):
        return True
    if isinstance(sample_weight, np.ndarray) and sample_weight.dtype != object:
        return sample_weight.ndim > 1
    try:
        first = next(iter(sample_weight))
    except (TypeError, StopIteration):
        return False
    return np.ndim(first) > 0


def is_nested(values):
    """Whether these are not a table of numbers but a list for each sequence."""
    if isinstance(values, SequenceArray):
        return True
    if hasattr(values, "iloc"):  # pandas
        values = values.to_numpy()
    if isinstance(values, np.ndarray) and (values.dtype != object or values.ndim != 1):
        return values.ndim > 2
    if not isinstance(values, (list, tuple, np.ndarray)):
        return False
    return any(
        isinstance(item, (list, tuple)) or getattr(item, "ndim", 0) for item in values
    )


def of_steps(values, lengths, what):
    """A value for each step: its own, where a list has the values of every sequence,
    else that of its sequence."""
    if isinstance(values, SequenceArray):
        values = values.to_list()
    is_array = isinstance(values, np.ndarray) and values.dtype != object
    is_table = is_array or hasattr(values, "columns")
    items = [] if is_table or not isinstance(values, Iterable) else list(values)
    nested = [
        isinstance(item, Sequence)
        and not isinstance(item, (str, bytes))
        or getattr(item, "ndim", 0) > 0
        for item in items
    ]
    counts = [len(item) if is_one else -1 for item, is_one in zip(items, nested)]
    if items and counts == lengths.tolist():
        parts = [item for item in items if len(item)]
        return np.concatenate(parts) if parts else np.empty(0)
    if any(nested) and (len(set(counts)) > 1):
        i = next(i for i, T in enumerate(lengths) if counts[i] != T)
        found = counts[i] if nested[i] else "one value"
        raise ValueError(
            f"{what} has {found} for sample {i}, which has {lengths[i]} step(s). Pass "
            "one value for each sequence, or for each of its steps."
        )
    return np.repeat(np.asarray(values), lengths, axis=0)
