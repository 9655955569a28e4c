"""scikit-learn's callbacks (from 1.9 on): what they see of a fit, and how they stop it.

The fit is their root task and every epoch a subtask of it; of a long epoch parts are
subtasks again. Estimators are fitted as drafts, which take the place of the estimator
when nothing has failed; callbacks are given the draft.
"""

import copy
import math
from contextlib import contextmanager
from typing import NoReturn

import numpy as np
import sklearn

from .turns import turn_to_fit

try:
    from sklearn.callback import (
        AutoPropagatedCallback,
        CallbackSupportMixin,
        with_callbacks,
    )
except ImportError:  # scikit-learn 1.8
    CallbackSupportMixin = None

    def with_callbacks(method):
        return method


# Epochs with parts in a fit, or in all of a search: each is a progress bar to draw.
MOST_BARS = 20


class NoCallbacks:
    """What stands for callbacks where scikit-learn has none."""

    @property
    def set_callbacks(self) -> NoReturn:
        raise AttributeError(
            f"set_callbacks needs scikit-learn >= 1.9, this is {sklearn.__version__}. "
            "Update scikit-learn. For the progress of recurrent networks there are "
            "verbose=True and loss_curve_, which need no callbacks."
        )


class CallbackSupport(CallbackSupportMixin or NoCallbacks):
    """Callbacks for an estimator that is fitted as a draft."""

    def _commit(self, *args, **kwargs):
        """Fit a draft with `_fit`, take over what it has become, return the result.

        One at a time: threads that fit the same estimator wait for each other.
        """
        # What is too small is zero, whatever seterr says.
        with turn_to_fit(self), np.errstate(under="ignore"):
            draft = object.__new__(type(self))
            draft.__dict__.update(self.__dict__)
            history = self.__dict__.get("loss_curve_", [])
            n_before = len(history)
            try:
                result = draft._fit(*args, **kwargs)
                self.__dict__ = draft.__dict__
            except BaseException:
                del history[n_before:]  # partial_fit goes on with it in place
                raise
        return result

    def __getstate__(self):
        # The tasks of a fit that is under way are no part of what a callback stores
        # of it, or copies.
        state = dict(super().__getstate__())
        for name in (
            "_callback_fit_ctx",
            "_parent_callback_ctx",
            "_skl_callbacks_to_teardown",
        ):
            state.pop(name, None)
        return state


class Observer:
    """Is told of every epoch and may end training. This one does not listen."""

    # Whether it is to be told of minibatches.
    looks_inside = False

    def begin_epoch(self, parameters):
        """Before an epoch."""

    def within_epoch(self, seen, total, loss):
        """After `seen` of `total` steps of an epoch, whose mean loss so far this is."""

    def end_epoch(self, parameters):
        """After an epoch that the monitor has recorded; say whether to stop."""
        return False

    def end_fit(self):
        """After the last epoch, however it ended, when the estimator is fitted."""


class Epochs(Observer):
    """Tells the callbacks of an estimator of its epochs.

    `samples` are those that the draft is trained on, valid, before anything is encoded;
    `progress` says what it would be if training ended now. `n_parts` are those of an
    epoch, 0 if it has none; of many epochs the first ones have parts.
    """

    def __init__(self, estimator, samples, n_epochs, n_parts, task_name, progress):
        self.estimator = estimator
        self.progress = progress
        # ScoringMonitor hands all metadata on to its scorers: nothing else fits in.
        X, y, weight = samples.as_given()
        metadata = None if weight is None else {"sample_weight": weight}
        self.given = {"X": X, "y": y, "metadata": metadata}
        self.epoch = self.part = None
        self.fit = estimator._init_callback_context(
            task_name=task_name, max_subtasks=n_epochs
        )
        self.n_parts = n_parts
        # the subtasks of an epoch, one after the other, and how many epochs have them
        self.subtasks = n_parts * ["minibatches"]
        if n_parts and progress.monitor.score is not None:
            self.subtasks.append("validation")
        self.n_with_parts = MOST_BARS // _n_beside(self.fit) if n_parts else 0
        self.fit.call_on_fit_task_begin(estimator=estimator, **self.given)

    @property
    def looks_inside(self):
        return self.n_with_parts > 0

    def begin_epoch(self, parameters):
        self.parts = self.subtasks if self.n_with_parts > 0 else []
        self.n_with_parts -= 1
        self.epoch = self.fit.subcontext(
            task_name="epoch", max_subtasks=len(self.parts)
        )
        self.epoch.call_on_fit_task_begin(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.fitted_attributes(parameters),
            **self.given,
        )
        self.n_ended = 0
        self._begin_part()

    def within_epoch(self, seen, total, loss):
        n = min(seen * self.n_parts // total, self.n_parts)
        while self.part is not None and self.n_ended < n:
            self._end_part()
            self._begin_part()

    def _begin_part(self):
        if self.n_ended < len(self.parts):
            self.part = self.epoch.subcontext(task_name=self.parts[self.n_ended])
            self.part.call_on_fit_task_begin(estimator=self.estimator)

    def _end_part(self):
        part, self.part = self.part, None
        self.n_ended += 1
        part.call_on_fit_task_end(estimator=self.estimator)

    def end_epoch(self, parameters):
        while self.part is not None:
            self._end_part()
            self._begin_part()
        epoch, self.epoch = self.epoch, None
        return epoch.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.fitted_attributes(parameters),
            **self.given,
        )

    def fitted_attributes(self, parameters):
        """Those that make a fitted estimator of the draft; training goes on without."""
        stopped = copy.copy(self.estimator)
        vars(stopped).update(self.progress.snapshot(parameters))
        return vars(stopped)

    def end_fit(self):
        if self.part is not None:  # begun, but it broke down or was interrupted
            self._end_part()
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        self.fit.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.given
        )


def _n_beside(task):
    """How many tasks there may be side by side where this one is one of them."""
    n = 1
    while (task := task.parent) is not None:
        if not task.sequential_subtasks:
            n *= math.inf if task.max_subtasks is None else task.max_subtasks
    return n


def observer_of(estimator, *args):
    """Who is to be told of the epochs: nobody, unless callbacks are attached."""
    if CallbackSupportMixin is None or not hasattr(estimator, "_skl_callbacks"):
        return Observer()
    return Epochs(estimator, *args)


def handed_on(estimators):
    """Callbacks of estimators that what is around them hands on to them, each once."""
    if CallbackSupportMixin is None:
        return []
    every = [each for one in estimators for each in getattr(one, "_skl_callbacks", [])]
    found = {id(each): each for each in every}
    return [each for each in found.values() if isinstance(each, AutoPropagatedCallback)]


@contextmanager
def fit_within(task, estimator):
    """A fit of an estimator as this task, or as none that anybody is told of (None)."""
    if task is None or not hasattr(estimator, "set_callbacks"):
        yield
        return
    outer = handed_on([estimator])
    own = getattr(estimator, "_skl_callbacks", [])
    estimator.set_callbacks(*(each for each in own if each not in outer))
    with task.propagate_callback_context(estimator):
        yield


@contextmanager
def fit_task(transformer, inner=None, **given):
    """The fit of a transformer as a task of its callbacks, with X, y and metadata.

    `inner` is what it wraps; its fit, in the context that X, y and metadata are given
    to, is a subtask if it supports callbacks.
    """
    has_subtask = CallbackSupportMixin is not None and hasattr(inner, "set_callbacks")
    if not has_subtask and not hasattr(transformer, "_skl_callbacks"):
        yield no_task
        return
    fit = transformer._init_callback_context(max_subtasks=int(has_subtask))
    fit.call_on_fit_task_begin(estimator=transformer, **given)

    @contextmanager
    def subtask(**given):
        task = fit.subcontext(task_name="fit-transformer")
        with task.propagate_callback_context(inner):
            task.call_on_fit_task_begin(estimator=transformer, **given)
            yield
            task.call_on_fit_task_end(estimator=transformer, **given)

    yield subtask if has_subtask else no_task
    fit.call_on_fit_task_end(
        estimator=transformer, reconstruction_attributes={}, **given
    )


@contextmanager
def no_task(**given):
    """Stands for a subtask that nobody is told of."""
    yield
