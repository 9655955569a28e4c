"""Warnings that point at the line of the user's program."""

import sys
import warnings

# Whose frames lie between a warning and the user: ours, and scikit-learn's wrappers.
_BETWEEN = ("sklstm", "sklearn.callback", "sklearn.utils._set_output")


def warn(message, category=UserWarning):
    """Warn at the first frame that is not of the package."""
    frame, level = sys._getframe(1), 2
    while frame is not None and _is_between(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_between(module):
    return any(module == name or module.startswith(f"{name}.") for name in _BETWEEN)
