"""What annotations of the public signatures are made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .sequences import SequenceArray

__all__ = [
    "Any",
    "ArrayLike",
    "ArrowArray",
    "AwkwardArray",
    "Axes",
    "ClipsLike",
    "DTypeLike",
    "DataFrame",
    "Estimator",
    "FuncAnimation",
    "Literal",
    "MarkDecorator",
    "ModelProto",
    "Sequence",
    "SequenceArray",
    "SequencesLike",
    "Table",
    "np",
]

SequencesLike: TypeAlias = SequenceArray | Sequence[ArrayLike] | ArrayLike
ClipsLike: TypeAlias = Sequence[ArrayLike] | ArrayLike
# Of methods that return the estimator: jedi does not know `Self`.
Estimator = TypeVar("Estimator")

# Of packages that need not be there.
if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from onnx import ModelProto
    from pytest import MarkDecorator
else:
    Axes = FuncAnimation = MarkDecorator = ModelProto = Any
DataFrame: TypeAlias = Any  # of pandas or polars
Table: TypeAlias = Any  # that narwhals reads
AwkwardArray: TypeAlias = Any
ArrowArray: TypeAlias = Any  # or a chunked one
