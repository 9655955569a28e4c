"""What packages that build on sklstm, or beside it, can use."""

from ._estimator_checks import (
    check_sequence_estimator,
    parametrize_with_sequence_checks,
)
from ._pyod import PyODAdapter

__all__ = [
    "PyODAdapter",
    "check_sequence_estimator",
    "parametrize_with_sequence_checks",
]
