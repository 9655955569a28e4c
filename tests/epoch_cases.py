"""Estimators whose fits can be disturbed between two epochs."""

from sklstm import LSTMClassifier


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
