"""Containers that hold no numbers as they are: refused, with the way out."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import issparse

from ._peers import package_of

DATES = "Of dates take what has passed since a first one, as a number."


def refuse_foreign(X, what="X", axes="(sequence, step, feature)"):
    """Raise for containers that numpy reads otherwise than meant, or not at all."""
    package, kind = package_of(X), type(X).__name__
    if isinstance(X, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, whose mask would be lost. Mark missing values "
            "and padding with NaN: x.astype(float).filled(np.nan)."
        )
    if issparse(X):
        raise TypeError(
            f"{what} is sparse, but dense data is required. Use '.toarray()' to "
            "convert it."
        )
    if package == "xarray":
        array = "x.to_dataarray()" if hasattr(X, "data_vars") else "x"
        raise TypeError(
            f"{what} is an xarray.{kind} with the dimensions {tuple(X.dims)}, whose "
            f"names are not looked at. Put them in the order {axes} and pass an array: "
            f"{array}.transpose(...).to_numpy()."
        )
    if package == "polars" and kind == "LazyFrame":
        raise TypeError(
            f"{what} is a LazyFrame, which has no values yet. Pass x.collect()."
        )
    if package in ("pandas", "polars") and kind.endswith("GroupBy"):
        raise TypeError(
            f"{what} is of type {package}.{kind}. Pass the table that was grouped: "
            "SequenceArray.from_long(table, by=...), with the columns of the groups."
        )
    if package == "pyarrow" and hasattr(X, "columns"):
        raise TypeError(
            f"{what} is of type pyarrow.{kind}. Convert it first: x.to_pandas() or "
            "polars.from_arrow(x); SequenceArray.from_nested(x) if it has a list in "
            "each cell."
        )
    if package in ("awkward", "pyarrow"):
        way = "from_awkward" if package == "awkward" else "from_arrow"
        raise TypeError(
            f"{what} is of type {package}.{kind}. Convert it first: "
            f"SequenceArray.{way}(x)."
        )
    if package == "torch":
        _refuse_tensors(X, what)


def refuse_masked(values, what, error=TypeError):
    """Raise for a masked array of what is no feature: its mask would be lost."""
    if isinstance(values, np.ma.MaskedArray):
        raise error(
            f"{what} is a masked array, whose mask would be lost. Pass an array "
            f"without one: {what}.compressed() leaves out what is masked."
        )


def _refuse_tensors(X, what):
    """Raise for what PyTorch does not give away as one array."""
    if type(X).__name__ == "PackedSequence":
        kind, way_out = "a PackedSequence", "torch.nn.utils.rnn.unpack_sequence(X)"
    elif getattr(X, "is_nested", False):
        kind, way_out = "a nested tensor", "X.detach().unbind()"
    elif getattr(X, "requires_grad", False):
        kind, way_out = "a tensor that requires gradients", "X.detach()"
    else:
        return
    raise TypeError(f"{what} is {kind} of PyTorch. Pass {way_out}.")


def refuse_types(X, what, expected):
    """Raise for types of Python that hold no array."""
    if X is not None and not isinstance(
        X, (str, bytes, dict, set, frozenset, Iterator)
    ):
        return
    kind = type(X).__name__
    name = what if what in ("X", "y") else "x"
    message = f"{what} is of type {kind}; expected {expected}."
    if what == "X":
        message = f"Expected {expected}, got {kind}."
    if isinstance(X, (str, bytes)):
        way_out = f" It holds text, {_shortened(str(X))}. {_TEXT}"
    elif isinstance(X, dict):
        way_out = f" Pass list({name}.values()) if its values are what is expected."
    elif isinstance(X, (set, frozenset)):
        way_out = " A set has no order: pass a list."
    elif isinstance(X, Iterator):
        way_out = f" Pass list({name}) if it holds sequences."
    else:
        way_out = ""
    raise TypeError(message + way_out)


_TEXT = (
    "Turn text into numbers first: into ids, by sklstm.preprocessing.TokenEncoder, or "
    "into one row of numbers for each step, such as the vector of a word."
)


def _shortened(text):
    return repr(text if len(text) <= 40 else text[:40] + "...")


def raise_not_numeric(array, what):
    """Raise for an array of complex numbers, text, dates, durations or records."""
    kind = array.dtype.kind
    if kind == "c":
        raise ValueError(f"Complex data not supported\n{what} has dtype {array.dtype}.")
    way_out = "Convert the data to numeric values explicitly first."
    if kind in "UST" and array.size:
        way_out = f"It holds text, such as {_shortened(str(array.flat[0]))}. {_TEXT}"
    elif kind == "M":
        way_out = DATES
    elif kind == "m":
        way_out = "Pass it in a unit: x / np.timedelta64(1, 's')."
    elif kind == "V" and array.dtype.names:
        way_out = (
            "Records become columns by "
            "numpy.lib.recfunctions.structured_to_unstructured(x)."
        )
    raise ValueError(f"{what} is not numeric (dtype {array.dtype}). {way_out}")
