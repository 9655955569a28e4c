"""The door of what belongs to sequences: targets, weights, groups and labels.

Each value is one for a whole sequence. Messages name the value, its place and the way
out; `what` is the name of the argument.
"""

from collections.abc import Iterator, Sequence
from numbers import Number

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from .._sklearn.private import num_samples
from ..sequences import SequenceArray, check_sequences
from ..sequences._check import hint_long
from ..sequences._columns import is_missing
from ..sequences._foreign import raise_not_numeric
from ..sequences._peers import package_of

# Sums of weights between these leave room for products with steps, losses and 1 / sum.
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-290, 1e290

_NOUNS = {"sample_weight": "weight", "groups": "label", "classes": "label"}


# Where a value for every step is wanted, and how it is passed there.
_PER_STEP = {
    "y": (
        "For a target at every step use LSTMTagger (labels) or LSTMStepRegressor "
        "(numbers), and pass y as a list of the targets of each sequence."
    ),
    "sample_weight": (
        "Weights of every step are for LSTMTagger and LSTMStepRegressor, as a list of "
        "the weights of each sequence."
    ),
}


def _per_step(what):
    noun = _NOUNS.get(what, "target")
    if what not in _PER_STEP:
        return f"Pass one {noun} for each sequence."
    return f"One {noun} for each sequence is needed. {_PER_STEP[what]}"


def read_values(values, what):
    """An array of what is given, of one or two dimensions, without missing values."""
    _refuse_containers(values, what)
    if isinstance(values, Sequence) or _holds_objects(values):
        _refuse_items(list(values), what, _holds_objects(values))
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} cannot be read as an array: {error}") from error
    if array.ndim == 0:
        kind = repr(type(values).__name__)
        if isinstance(values, (str, bytes, Number, np.ndarray)):
            kind = f"the scalar {values!r}"
        raise TypeError(
            f"Expected {what} as an array-like of 1 or 2 dimensions, a value for each "
            f"sequence, got {kind}."
        )
    if not array.size:
        nothing, axis = ("sample", 0) if not len(array) else ("feature", 1)
        raise ValueError(
            f"Found array with 0 {nothing}(s) (shape={array.shape}) while a minimum of "
            f"1 is required: {what} {'has no columns' if axis else 'is empty'}. "
            "Pass one value for each sequence of X."
        )
    if array.ndim > 2:
        raise ValueError(
            f"Found array with dim {array.ndim}, while dim <= 2 is required: {what} "
            f"has shape {array.shape}. {_per_step(what)}"
        )
    if array.dtype.kind == "c":
        raise_not_numeric(array, what)
    _refuse_missing(array, what, values)
    return array


def _holds_objects(values):
    """Whether this is a vector of objects, which may be anything."""
    return (
        str(getattr(values, "dtype", "")) == "object"
        and getattr(values, "ndim", 0) == 1
    )


def _refuse_containers(values, what):
    """Raise for types that numpy reads otherwise than they are meant, or not at all."""
    kind = type(values).__name__
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, whose mask would be lost. Leave out the "
            f"samples whose value is masked, {what}.compressed(), in X and in all that "
            "belongs to it."
        )
    if issparse(values):
        raise TypeError(
            f"Sparse data was passed for {what}, but dense data is required. Use "
            "'.toarray()' to convert it."
        )
    if isinstance(values, np.matrix):
        raise TypeError(
            f"{what} is a np.matrix, which is not supported. Convert it to an array: "
            f"np.asarray({what})."
        )
    if isinstance(values, SequenceArray):
        raise TypeError(
            f"{what} is a SequenceArray, which holds sequences of unequal length. "
            f"{_per_step(what)}"
        )
    if isinstance(values, (dict, set, frozenset, Iterator)):
        hint = "A set has no order: pass a list."
        if isinstance(values, dict):
            hint = f"Pass list({what}.values()), in the order of X."
        elif isinstance(values, Iterator):
            hint = f"Pass list({what})."
        raise TypeError(
            f"Expected {what} as an array-like of 1 or 2 dimensions, got {kind!r}. "
            f"{hint}"
        )
    if package_of(values) in ("pandas", "polars") and kind.endswith("GroupBy"):
        raise TypeError(
            f"{what} is of type {package_of(values)}.{kind}. Pass one value for each "
            f"group: {what}.first(), in the order of X."
        )


def _refuse_items(items, what, are_objects):
    """Raise for what is no value in a list: masked ones, and several for a sequence."""
    kinds = set(map(type, items))
    several = tuple(
        kind
        for kind in kinds
        if issubclass(kind, (list, tuple, np.ndarray)) or hasattr(kind, "iloc")
    )
    if not several:
        return
    lengths = {}
    for i, item in enumerate(items):
        if not isinstance(item, several):
            continue
        row = item if isinstance(item, (list, tuple)) else [item]
        if any(isinstance(value, np.ma.MaskedArray) for value in row):
            raise TypeError(
                f"{what} is a list in which sample {i} is masked or a masked array, "
                "whose mask would be lost. Leave out the samples whose value is masked."
            )
        if not isinstance(item, np.ndarray) or item.ndim:
            lengths[i] = len(item)
    if not lengths:
        return
    if len(set(lengths.values())) > 1 or len(lengths) < len(items) or are_objects:
        i = next(iter(lengths))
        raise ValueError(
            f"{what} holds a sequence of values for a sample: sample {i} has a "
            f"{type(items[i]).__name__} of {lengths[i]}. {_per_step(what)} Several "
            "outputs are an array of shape (n_samples, n_outputs)."
        )


def _place(array, index, values):
    """Where a value is: its sample and, of two dimensions, its output."""
    sample, *column = index
    where = f"sample {sample}"
    for k in column:
        names = getattr(values, "columns", None)
        where += f", output {k}" + ("" if names is None else f" ({names[k]!r})")
    return where


def _refuse_missing(array, what, values):
    """Raise for NaN, NA, None and infinity, with their place."""
    kind = array.dtype.kind
    if kind == "f":
        with np.errstate(invalid="ignore"):
            bad = ~np.isfinite(array)
    elif kind in "mM":
        bad = np.isnat(array)
    elif kind == "O":
        bad = np.array(
            [is_missing(v) or _is_infinite(v) for v in array.flat], dtype=bool
        ).reshape(array.shape)
    else:
        return
    if not bad.any():
        return
    index = tuple(np.argwhere(bad)[0].tolist())
    value, where = array[index], _place(array, index, values)
    if _is_infinite(value):
        raise ValueError(
            f"Input {what} contains infinity or a value too large for "
            f"dtype('float64'): {where}. Leave such samples out, or clip or scale "
            f"{what}."
        )
    found = "" if kind != "O" else f" has {value!r}"
    raise ValueError(
        f"Input {what} contains NaN: {where}{found}. Leave out the samples without a "
        "value, or impute them first."
    )


def _is_infinite(value):
    return isinstance(value, (float, np.floating)) and bool(np.isinf(value))


def read_numbers(values, what, hint=""):
    """What is given as float64; `hint` is for text."""
    array = read_values(values, what)
    kind = array.dtype.kind
    if kind in "mM":
        raise TypeError(
            f"{what} holds dates or durations ({array.dtype}), not numbers. Convert it "
            "to numbers in a unit of your choice."
        )
    if kind == "V":
        raise TypeError(
            f"{what} is an array of records (dtype {array.dtype}), not of numbers. "
            "numpy.lib.recfunctions.structured_to_unstructured makes columns of it."
        )
    if kind not in "biuf":
        for index, value in np.ndenumerate(array):
            _refuse_value(value, what, _place(array, index, values), hint)
    # of long doubles, which may be too large
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = array.astype(np.float64)
    _refuse_missing(numbers, what, values)
    return numbers


def _refuse_value(value, what, where, hint):
    """Raise for an object that is no real number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (str, bytes)):
        try:
            float(value)
        except ValueError:
            raise ValueError(
                f"{what} holds text, not numbers: could not convert string to float: "
                f"{value!r}, at {where}.{hint}"
            ) from None
        raise ValueError(
            f"{what} holds text, not numbers: {value!r}, at {where}. Convert it: "
            f"np.asarray({what}, dtype=float)."
        )
    try:
        float(value)
    except OverflowError as error:
        raise ValueError(
            f"{what} holds a number too large: {error}, at {where}."
        ) from error
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{what} holds a {type(value).__name__}, {value!r}, which is no number, at "
            f"{where}. Convert it to numbers first."
        ) from error


def check_numbers(values, what, estimator, hint=""):
    """Real numbers in float64, of one or two dimensions, as scikit-learn has them."""
    numbers = read_numbers(values, what, hint)
    # the sum by which check_array looks for NaN may be inf - inf
    with np.errstate(invalid="ignore", over="ignore"):
        return check_array(
            numbers,
            ensure_2d=False,
            dtype=np.float64,
            input_name=what,
            estimator=estimator,
        )


def check_label_kinds(values):
    """Labels that can be compared with each other, as they are given."""
    array = read_values(values, "y")
    if array.dtype.kind == "V":
        raise TypeError(
            f"y is an array of records (dtype {array.dtype}), which are no labels. "
            "Pass one field."
        )
    if array.dtype.kind != "O":
        return
    first = None
    for index, value in np.ndenumerate(array):
        where = _place(array, index, values)
        if not isinstance(value, (str, bytes, Number, np.generic)):
            raise TypeError(
                f"y holds a {type(value).__name__}, {value!r}, which is no label, at "
                f"{where}. Labels are text, whole numbers or booleans."
            )
        is_text = isinstance(value, (str, bytes))
        if first is None:
            first = is_text, where, value
        elif first[0] != is_text:
            raise TypeError(
                "y holds labels that cannot be compared with each other: "
                f"{first[1]} has {first[2]!r}, {where} has {value!r}. Make all of them "
                "text, or all of them numbers."
            )
    if first is not None and not first[0]:
        raise ValueError(
            "Unknown label type: y holds numbers as Python objects (dtype object), the "
            f"first of them {first[2]!r}. Convert them: y.astype(int)."
        )


def require_y(y, name):
    """Raise where an estimator of this name is given no target."""
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")


def check_total_weight(weight, what):
    """Say when weights are so large or so small that their sum is no number to use."""
    with np.errstate(over="ignore", under="ignore"):
        total = weight.sum()
    if total == 0 or LEAST_WEIGHT <= total <= LARGEST_WEIGHT:
        return
    largest = int(weight.argmax())
    way_out = "Divide" if total > 1 else "Multiply"
    raise ValueError(
        f"{what} is too {'large' if total > 1 else 'small'} to compute with: sample "
        f"{largest} has weight {weight[largest]:g}, and the sum of all has to be "
        f"between {LEAST_WEIGHT:g} and {LARGEST_WEIGHT:g}. {way_out} all weights by a "
        "common factor."
    )


def check_one_each(X, values, what, sequences=None):
    """Say when there is not one value for each sequence of X.

    `sequences` is valid X, where it is there already.
    """
    n_values = num_samples(values)
    n = num_samples(X) if sequences is None else len(sequences)
    if n == n_values:
        return
    shape = np.shape(values)
    message = (
        "Found input variables with inconsistent numbers of samples: "
        f"[{n}, {n_values}]."
    )
    if sequences is None:
        try:
            sequences = check_sequences(X, allow_nan=True)
        except (TypeError, ValueError):
            raise ValueError(message) from None
    n_steps = int(sequences.lengths.sum())
    noun = _NOUNS.get(what, "target")
    counted = "values" if len(shape) < 2 else f"rows (shape {shape})"
    message += (
        f" X has {n_steps} steps in {n} sequences, {what} has {n_values} {counted}: "
        f"one {noun} for each sequence is needed."
    )
    if n_values == n_steps:
        way_out = f"Pass one {noun} for each sequence."
        message += f" {_PER_STEP.get(what, way_out)}"
    elif len(shape) == 2 and shape[1] == n:
        message += f" Pass {what}.T if its rows are the outputs."
    raise ValueError(message + hint_long(X))
