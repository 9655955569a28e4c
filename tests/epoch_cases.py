"""Fits that are disturbed between two epochs."""

from contextlib import contextmanager

import pytest

from sklstm import LSTMClassifier
from sklstm._training.checkpoint import Checkpoint


def calling_at_epochs(call, estimator=LSTMClassifier):
    """A class of estimators that call this before each epoch of a fit, with the number
    of the epoch from 0 on."""

    class Calling(estimator):
        def _feed(self, *args):
            feed = super()._feed(*args)
            epoch, numbers = feed.epoch, iter(range(10**9))

            def calling(rng):
                call(next(numbers))
                yield from epoch(rng)

            feed.epoch = calling
            return feed

    return Calling


@contextmanager
def broken_off_behind(n_checkpoints):
    """A context in which a fit ends in an error once so many checkpoints are written,
    one for each element of the list."""

    class Enough(Exception):
        pass

    done, write = [], Checkpoint._write

    def stopping(self, *args):
        write(self, *args)
        done.append(None)
        if len(done) == n_checkpoints:
            raise Enough

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Enough):
        patch.setattr(Checkpoint, "_write", stopping)
        yield done
