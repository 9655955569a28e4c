"""Estimators that nobody watches, and scikit-learn 1.8, which has no callbacks."""

import importlib.util
import sys

import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA

from sklstm import GRUClassifier, LSTMRegressor
from sklstm._sklearn import callbacks as _callbacks
from sklstm._sklearn.callbacks import Observer
from sklstm.preprocessing import FrameStacker, TimeDistributed

X = [np.ones((T, 2)) * T for T in (1, 2, 3, 2)]
Y = np.arange(4) % 2
UNWATCHED = [
    GRUClassifier(2, max_iter=1),
    LSTMRegressor(2, solver="lbfgs", max_iter=1),
    TimeDistributed(PCA()),
    FrameStacker(2),
]


@pytest.mark.skipif(_callbacks.CallbackSupportMixin is None, reason="has no callbacks")
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", UNWATCHED, ids=repr)
def test_without_callbacks_there_is_no_context(estimator, monkeypatch):
    """It would tell nobody, and take its time at every epoch."""

    def broken(*args, **kwargs):
        raise AssertionError("a context for nobody")

    monkeypatch.setattr(_callbacks.CallbackSupport, "_init_callback_context", broken)
    assert estimator.fit(X, Y) is estimator


@pytest.fixture
def without(monkeypatch):
    """The module as it is where `sklearn.callback` cannot be imported."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location(
        "sklstm._sklearn.callbacks_of_1_8", _callbacks.__file__
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_callbacks_need_another_scikit_learn(without):
    class Estimator(without.CallbackSupport):
        pass

    assert without.CallbackSupportMixin is None
    assert not hasattr(Estimator(), "set_callbacks")
    match = f"needs scikit-learn >= 1.9, this is {sklearn.__version__}.*verbose=True"
    with pytest.raises(AttributeError, match=match):
        Estimator().set_callbacks(3)


def test_methods_are_called_as_they_are(without):
    def method(estimator):
        return estimator

    assert without.with_callbacks(method) is method


def test_nobody_is_told(without):
    class Watched:
        _skl_callbacks = []
        set_callbacks = None

    assert type(without.observer_of(Watched())).__name__ == Observer.__name__
    with without.fit_task(object(), inner=Watched(), X=X) as subtask:
        with subtask(X=X, y=None, metadata=None) as told:
            assert told is None
