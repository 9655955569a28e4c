"""What annotations of the public signatures are made of."""

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .sequences import SequenceArray

__all__ = [
    "ArrayLike",
    "DTypeLike",
    "Literal",
    "Self",
    "Sequence",
    "SequenceArray",
    "SequencesLike",
    "np",
]

SequencesLike: TypeAlias = SequenceArray | Sequence[ArrayLike] | ArrayLike
