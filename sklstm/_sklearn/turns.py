"""Turns of the threads that fit one estimator: one fit at a time, so that none is lost.

They are no part of the estimator, which is copied and pickled without them.
"""

import os
import threading
from contextlib import contextmanager
from weakref import WeakKeyDictionary


class Turn:
    """A lock that knows which thread has it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.owner = None


def _begin():
    global _turns, _guard
    _turns, _guard = WeakKeyDictionary(), threading.Lock()


_begin()
if hasattr(os, "register_at_fork"):
    # Locks that other threads held would never be released in the child.
    os.register_at_fork(after_in_child=_begin)


@contextmanager
def turn_to_fit(estimator):
    """Wait until no other thread fits this estimator."""
    with _guard:
        turn = _turns.setdefault(estimator, Turn())
    if turn.owner == threading.get_ident():
        raise RuntimeError(
            f"This {type(estimator).__name__} is being fitted already by the same "
            "thread, as when a callback calls fit or partial_fit of the estimator that "
            "it is called by: one of the two fits would be lost. Fit a copy, "
            "copy.deepcopy(estimator), or clone(estimator)."
        )
    with turn.lock:
        turn.owner = threading.get_ident()
        try:
            yield
        finally:
            turn.owner = None
