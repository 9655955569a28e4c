"""The container for sequences of unequal length, and the door all input goes through.

``_array.py`` holds the container, ``_stacking.py`` and ``_long.py`` turn lists of
arrays and long tables into one matrix of steps, ``_check.py`` validates what users
pass to an estimator.
"""

from ._array import SequenceArray
from ._check import check_sequences

__all__ = ["SequenceArray", "check_sequences"]
