"""What annotations of the public signatures are made of."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .sequences import SequenceArray

__all__ = [
    "ArrayLike",
    "DTypeLike",
    "Estimator",
    "Literal",
    "Sequence",
    "SequenceArray",
    "SequencesLike",
    "np",
]

SequencesLike: TypeAlias = SequenceArray | Sequence[ArrayLike] | ArrayLike
# Of methods that return the estimator: jedi does not know `Self`.
Estimator = TypeVar("Estimator")
