"""Callbacks that listen to fits, and fits to listen to."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)

try:
    from sklearn.callback import ScoringMonitor
except ImportError:
    ScoringMonitor = None


since_1_9 = pytest.mark.skipif(
    ScoringMonitor is None, reason="scikit-learn has callbacks since 1.9"
)

CLASSES = [LSTMClassifier, LSTMRegressor, GRUClassifier, GRURegressor]
CLASSES += [RNNClassifier, RNNRegressor]
SOLVERS = ["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
TASK_ATTRIBUTES = (
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks_to_teardown",
)


def ragged(n=24, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(T, n_features)) for T in rng.integers(0, 6, size=n)]


def target(Estimator, X):
    sums = np.array([x.sum() for x in X])
    if "Regressor" in Estimator.__name__:
        return 10 * sums + 3
    return np.array(["a", "b", "c"])[np.arange(len(X)) % 3]


def small(Estimator=LSTMClassifier, **params):
    """One that makes as many epochs as it may."""
    params = {"max_iter": 4, "batch_size": 10, "random_state": 0, **params}
    params = {"tol": 0.0, "n_iter_no_change": np.inf, **params}
    params = {"learning_rate": "constant", "learning_rate_init": 0.002, **params}
    return Estimator((4,), **params)


class Listener:
    """Writes down what it is told, and does at the end of a task as it is bidden."""

    def __init__(self, at_end=None, fail_at=None):
        self.heard = []
        self.at_end = at_end
        self.fail_at = fail_at

    def note(self, hook, estimator, context, **given):
        self.heard.append((hook, context, estimator, given))
        if self.fail_at == hook:
            raise RuntimeError(f"failed at {hook}")

    def setup(self, estimator, context):
        self.note("setup", estimator, context)

    def teardown(self, estimator, context):
        self.note("teardown", estimator, context)

    def on_fit_task_begin(
        self, estimator, context, *, X=None, y=None, metadata=None,
        fitted_estimator=None,
    ):  # fmt: skip
        self.note(
            "begin", estimator, context, X=X, y=y, metadata=metadata,
            fitted_estimator=fitted_estimator,
        )  # fmt: skip

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None,
        fitted_estimator=None,
    ):  # fmt: skip
        self.note(
            "end", estimator, context, X=X, y=y, metadata=metadata,
            fitted_estimator=fitted_estimator,
        )  # fmt: skip
        return self.at_end and self.at_end(estimator, context)

    @property
    def story(self):
        return [(hook, context.task_name) for hook, context, *_ in self.heard]

    def given(self, hook, task_name):
        """What was passed to a hook, for each time that it was called."""
        return [
            given
            for name, context, _, given in self.heard
            if (name, context.task_name) == (hook, task_name)
        ]

    def epochs(self, hook="end"):
        """The fitted estimator of each epoch."""
        return [given["fitted_estimator"] for given in self.given(hook, "epoch")]


class Everywhere(Listener):
    """One that meta-estimators hand on."""

    max_propagation_depth = None


class Teller:
    """A callback that wants nothing but to be told."""

    def __init__(self, at_end=None):
        self.names = []
        self.at_end = at_end

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.names.append(context.task_name)
        return self.at_end and self.at_end(estimator, context)


def after(n_epochs):
    return lambda estimator, context: (
        context.task_name == "epoch" and context.task_id + 1 == n_epochs
    )


def plain(value):
    """A fitted attribute as something that `==` compares to the bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.random.RandomState):
        return plain(value.get_state(legacy=False))
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value.hex()
    return value


def learnt(estimator):
    """All that a fit has set; `fit` with other parameters may set the same."""
    given = {*estimator.get_params(), "_skl_callbacks", "_fitted"}
    return {
        name: plain(value)
        for name, value in vars(estimator).items()
        if name not in given
    }


def assert_predicts_the_same(a, b, X, y):
    assert_array_equal(a.predict(X), b.predict(X))
    assert_array_equal(a.transform(X), b.transform(X))
    assert a.score(X, y) == b.score(X, y)
    if hasattr(a, "predict_proba"):
        assert_array_equal(a.predict_proba(X), b.predict_proba(X))


def scores_of(monitor, name="accuracy", task="epoch"):
    """The scores that were logged for tasks of one name."""
    data = monitor.get_logs().data
    return [row[name] for row in data if row["task_name"] == task]
