"""Training that is interrupted, fails or diverges: what stays."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from task_cases import (
    REGRESSION,
    assert_same_bits,
    assert_untouched,
    dtypes,
    every_task,
    fitted,
    learned,
    make_target,
    ragged,
    raw,
    small,
    snapshot,
    stop_at,
)

from sklstm._network.network import Network

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


@every_task
@pytest.mark.parametrize("call", [1, 2, 8])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupt_leaves_a_usable_model(monkeypatch, task, call, early_stopping):
    """Three minibatches an epoch: in the first, later in the first, in the third."""
    X = ragged()
    y = make_target(task, X)
    estimator = small(task, early_stopping=early_stopping, max_iter=50)
    validation = {"X_val": X, "y_val": y} if early_stopping else {}
    with monkeypatch.context() as patch:
        stop_at(patch, KeyboardInterrupt, call)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            assert estimator.fit(X, y, **validation) is estimator
    epochs = (call - 1) // 3
    assert estimator.n_iter_ == len(estimator.loss_curve_) == epochs
    assert estimator.t_ == epochs * 24
    assert np.isfinite(raw(estimator, X)).all()
    assert_allclose(raw(estimator, X), raw(pickle.loads(pickle.dumps(estimator)), X))
    if not early_stopping and call == 8:  # a step into the third epoch
        two, three = (small(task, max_iter=n).fit(X, y) for n in (2, 3))
        assert np.any(estimator.weights_["head_weight"] != two.weights_["head_weight"])
        assert np.any(
            estimator.weights_["head_weight"] != three.weights_["head_weight"]
        )
    # and it can go on
    estimator.set_params(warm_start=True, max_iter=2).fit(X, y, **validation)
    assert len(estimator.loss_curve_) == epochs + 2


BREAKS = [
    ("sklstm._network.network.Network.backward", ZeroDivisionError),
    ("sklstm._network.network.Network.forward", MemoryError),
    ("sklstm._training.optimizers.Adam.step", RuntimeError),
    ("sklstm._estimators.base.validate_sequences", KeyboardInterrupt),
    ("sklstm._network.network.Network.initialize", KeyboardInterrupt),
    ("sklstm._estimators.progress.Progress.attributes", KeyboardInterrupt),
    ("sklstm._estimators.fitted.Fitted.with_parameters", MemoryError),
]


@every_task
@pytest.mark.parametrize("where, exception", BREAKS)
def test_a_fit_that_breaks_leaves_the_one_before(monkeypatch, task, where, exception):
    X, other = ragged(), ragged(30, n_features=2, seed=5)
    estimator = fitted(task, X)
    before = snapshot(estimator, X)
    with monkeypatch.context() as patch:

        def broken(*args, **kwargs):
            raise exception

        patch.setattr(where, broken)
        with pytest.raises(exception):
            estimator.fit(other, make_target(task, other))
        if not where.endswith("initialize"):
            with pytest.raises(exception):
                estimator.partial_fit(X, make_target(task, X))
    assert_untouched(estimator, X, before)
    estimator.fit(other, make_target(task, other))
    assert estimator.n_features_in_ == 2


@every_task
def test_a_fit_that_breaks_in_the_middle_leaves_the_one_before(monkeypatch, task):
    """After steps of the optimizer, when going on from the very same arrays."""
    X = ragged()
    y = make_target(task, X)
    for solver in ("adam", "sgd"):
        estimator = fitted(task, X, solver=solver, warm_start=True, max_iter=2)
        before = snapshot(estimator, X)
        with monkeypatch.context() as patch:
            stop_at(patch, ZeroDivisionError, 5)
            with pytest.raises(ZeroDivisionError):
                estimator.fit(X, y)
        assert_untouched(estimator, X, before)
        # nor was the random state advanced
        twin = fitted(task, X, solver=solver, warm_start=True, max_iter=2)
        assert_same_bits(estimator.fit(X, y), twin.fit(X, y))


def test_a_first_fit_that_breaks_leaves_nothing(monkeypatch):
    estimator = small("binary")
    before = dict(vars(estimator))
    with monkeypatch.context() as patch:
        stop_at(patch, ZeroDivisionError, 2)
        with pytest.raises(ZeroDivisionError):
            estimator.fit(ragged(), make_target("binary", ragged()))
    assert vars(estimator) == before


@pytest.mark.parametrize("task", REGRESSION)
@dtypes
def test_loss_that_is_not_finite(task, dtype):
    """One warning, with the epoch and what to try; the weights are finite."""
    X = ragged()
    y = make_target(task, X)
    estimator = small(
        task, solver="sgd", max_grad_norm=None, dtype=dtype, max_iter=20,
        learning_rate_init={"float32": 1e30, "float64": 1e250}[dtype],
    )  # fmt: skip
    message = r"not finite in epoch \d+\..*learning_rate_init.*max_grad_norm.*scale X"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        estimator.fit(X, y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert estimator.n_iter_ == len(estimator.loss_curve_) < 20
    for value in learned(estimator).values():
        assert np.isfinite(value).all()
    assert np.isfinite(raw(estimator, X)).all()


@every_task
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_not_finite_restores_the_epoch_before(monkeypatch, task, method):
    """NaN in a gradient of the third epoch leaves two epochs of training."""
    X = ragged()
    y = make_target(task, X)
    estimator, two = (small(task, max_iter=2, warm_start=True) for _ in range(2))
    estimator.fit(X, y)
    two.fit(X, y)
    original, count = Network.backward, [0]

    def backward(*args):
        count[0] += 1
        gradient = original(*args)
        return gradient * np.float32(np.nan) if count[0] == 2 else gradient

    monkeypatch.setattr(Network, "backward", backward)
    with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
        getattr(estimator, method)(X, y)
    assert estimator.n_iter_ == 0
    assert estimator.loss_curve_ == two.loss_curve_
    assert estimator.loss_ == two.loss_
    assert_same_bits(estimator, two)
    if method == "fit":
        count[0] = -6
        with pytest.warns(ConvergenceWarning, match="not finite in epoch 3"):
            estimator.set_params(warm_start=False, max_iter=10).fit(X, y)
        assert estimator.n_iter_ == 2
        assert_same_bits(estimator, two)


@pytest.mark.filterwarnings("default")
def test_warnings_point_to_the_line_of_the_user(monkeypatch):
    X = ragged()
    y = make_target("single", X)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        small("single").fit(X, y)
    assert caught[0].filename == __file__
    for method in ("fit", "partial_fit"):
        with monkeypatch.context() as patch:
            stop_at(patch, KeyboardInterrupt, 2)
            with pytest.warns(UserWarning, match="interrupted") as caught:
                getattr(small("single"), method)(X, y)
        assert caught[0].filename == __file__
