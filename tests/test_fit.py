"""Fits that meet something unusual: what they refuse, and what they can go on from."""

import multiprocessing
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._network import workspace
from sklstm._network.build import whole_sequence_network
from sklstm._network.layers.dense import Dense
from sklstm._network.network import Network
from sklstm._network.workspace import Workspace, aligned_empty
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in RNG.integers(2, 9, size=30)]
Y = np.array([x[:, 0].mean() for x in X])
LABELS = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
SMALL = {"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0, "dtype": "float64"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("H", [64, 150, 300])
def test_initial_weights_do_not_depend_on_blas_threads(H, dtype):
    weights = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            net = whole_sequence_network(9, (H,), 3, dtype)
            weights.append(net.initialize(np.random.RandomState(0), 0.0))
    assert_array_equal(*weights)


@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop"])
def test_goes_on_after_a_loss_that_was_not_finite(monkeypatch, solver):
    """The optimizer is put back with the weights."""
    model = LSTMRegressor(**SMALL, solver=solver, warm_start=True).fit(X, Y)
    other = LSTMRegressor(**SMALL, solver=solver, warm_start=True).fit(X, Y)
    backward = Network.backward

    def broken(*args):
        return backward(*args) * np.nan

    with monkeypatch.context() as patch:
        patch.setattr(Network, "backward", broken)
        with pytest.warns(ConvergenceWarning, match="not finite in epoch 1"):
            model.fit(X, Y)
    model._random_state = other._random_state
    assert_array_equal(
        model.fit(X, Y)._fitted.parameters, other.fit(X, Y)._fitted.parameters
    )


# ---- fits that break off, of every family ------------------------------------------

EVERY = {"bidirectional": True, "pooling": "attention"}
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.3}
VARIED = [
    (LSTMRegressor, {"peephole": True, "forget_bias": "chrono", **EVERY}),
    (LSTMClassifier, {**DROPOUT, "tbptt": 3}),
    (GRUClassifier, {**EVERY, **DROPOUT}),
    (GRURegressor, {"pooling": "max", "missing": "indicator"}),
    (RNNRegressor, {"activation": "relu", "pooling": "mean", **DROPOUT}),
    (RNNClassifier, {"solver": "lbfgs", **EVERY}),
]
varied = pytest.mark.parametrize("Estimator, params", VARIED)


def target_of(Estimator):
    return LABELS if "Classifier" in Estimator.__name__ else Y


def knows(estimator):
    """The attributes themselves, their bytes, and what comes out."""
    return dict(vars(estimator)), pickle.dumps(estimator), estimator.predict(X)


def assert_knows(estimator, before):
    attributes, pickled, predictions = before
    assert vars(estimator).keys() == attributes.keys()
    assert all(vars(estimator)[name] is value for name, value in attributes.items())
    assert pickle.dumps(estimator) == pickled
    assert_array_equal(estimator.predict(X), predictions)


@varied
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("method", ["forward", "backward", "initialize", "load"])
def test_a_fit_that_breaks_leaves_the_one_before(
    monkeypatch, Estimator, params, warm_start, call, method
):
    """The state of dropout is part of it: what follows is as if nothing had been."""
    y = target_of(Estimator)
    arguments = {**SMALL, **params, "warm_start": warm_start}
    estimator = Estimator(**arguments).fit(X, y)
    before = knows(estimator)
    original, calls = getattr(Network, method), []

    def broken(*args, **kwargs):
        calls.append(method)
        if len(calls) == call:
            raise ZeroDivisionError
        return original(*args, **kwargs)

    initializes = method == "initialize" and (warm_start or call == 2)
    with monkeypatch.context() as patch:
        patch.setattr(Network, method, broken)
        if not initializes:  # which happens once, and only where a fit starts anew
            with pytest.raises(ZeroDivisionError):
                estimator.fit(X, y)
            assert len(calls) == call
            assert_knows(estimator, before)
    twin = Estimator(**arguments).fit(X, y)
    assert_array_equal(
        estimator.fit(X, y)._fitted.parameters, twin.fit(X, y)._fitted.parameters
    )


@varied
def test_an_interrupt_leaves_a_usable_model(monkeypatch, Estimator, params):
    y = target_of(Estimator)
    estimator = Estimator(**{**SMALL, **params, "max_iter": 50, "batch_size": 10})
    backward, calls = Network.backward, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return backward(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Network, "backward", interrupted)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            estimator.fit(X, y)
    assert 2 <= estimator.n_iter_ == len(estimator.loss_curve_) <= 7
    estimator.predict(X)
    estimator.transform(X, output="gates")
    done = estimator.n_iter_
    estimator.set_params(warm_start=True, max_iter=2).fit(X, y)
    assert len(estimator.loss_curve_) == done + 2


@varied
def test_bad_input_leaves_the_fit_before(Estimator, params):
    y = target_of(Estimator)
    estimator = Estimator(**SMALL, **params).fit(X, y)
    before = knows(estimator)
    methods = ["fit"] if params.get("solver") == "lbfgs" else ["fit", "partial_fit"]
    for method in methods:
        for bad_X, bad_y in ((X[:-1], y), ([*X[:-1], X[0] + np.inf], y), (X, y[:3])):
            with pytest.raises(ValueError):
                getattr(estimator, method)(bad_X, bad_y)
            assert_knows(estimator, before)


@pytest.mark.parametrize("weights", [{0: -1.0}, {1: np.nan}, {2: np.inf}])
def test_class_weights_must_be_weights(weights):
    with pytest.raises(ValueError, match="class_weight=.*negative or not finite"):
        LSTMClassifier(**SMALL, class_weight=weights).fit(X, LABELS)


def test_balanced_labels_count_sample_weights():
    """In a full batch weights are repetition, for multilabel "balanced" as well."""
    labels = np.column_stack([LABELS == 0, LABELS > 0, Y > 0]).astype(int)
    weight = np.arange(30) % 4
    at = np.repeat(np.arange(30), weight)
    params = SMALL | {"batch_size": 1000, "class_weight": "balanced", "max_iter": 1}
    weighted = LSTMClassifier(**params).fit(X, labels, weight)
    repeated = LSTMClassifier(**params).fit([X[i] for i in at], labels[at])
    assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-12)
    assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("Model", "y", "y_val", "message"),
    [
        (LSTMClassifier, LABELS, LABELS + 7, "not in classes"),
        (LSTMClassifier, LABELS, LABELS.astype(str), "not in classes"),
        (LSTMClassifier, np.eye(3, dtype=int)[LABELS], LABELS, "another kind"),
        (LSTMRegressor, Y, np.column_stack([Y, Y]), "the first fit had 1"),
    ],
)
def test_validation_targets_are_of_the_kind_of_the_targets(Model, y, y_val, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Model(**SMALL, early_stopping=True).fit(X, y, X_val=X, y_val=y_val)


def test_validation_needs_two_samples_and_weights_need_validation():
    model = LSTMRegressor(**SMALL, early_stopping=True)
    with pytest.raises(ValueError, match="needs at least 2"):
        model.fit(X, Y, X_val=X[:1], y_val=Y[:1])
    with pytest.raises(ValueError, match="without X_val"):
        model.fit(X, Y, sample_weight_val=np.ones(30))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_early_stopping_in_any_units(scale):
    """R² is that of standardised targets, whose squares neither vanish nor overflow."""
    params = SMALL | {"early_stopping": True, "max_iter": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = LSTMRegressor(**params).fit(X, scale * Y)
    plain = LSTMRegressor(**params).fit(X, Y)
    assert_allclose(model.validation_scores_, plain.validation_scores_, rtol=1e-9)


def test_targets_too_far_apart():
    y = np.where(LABELS > 0, 1.7e308, -1.7e308)
    with pytest.raises(ValueError, match=r"y spans -1.7e\+308 to 1.7e\+308"):
        LSTMRegressor(**SMALL).fit(X, y)


def test_warm_start_compares_with_where_it_starts():
    """The best score of another validation part is no measure."""
    params = SMALL | {"early_stopping": True, "warm_start": True, "max_iter": 60}
    model = LSTMClassifier(**params, learning_rate_init=0.03)
    model.fit(X, LABELS, X_val=X, y_val=LABELS)
    before = model._fitted.parameters
    rolled = (LABELS + 1) % 3
    model.fit(X, rolled, X_val=X, y_val=rolled)
    assert model.score(X, rolled) == model.best_validation_score_
    assert np.any(model._fitted.parameters != before)


def test_memory_is_asked_for_before_anything_is_built():
    for H in (10**6, 10**9):
        with pytest.raises(MemoryError, match=f"hidden_layer_sizes={H}, needs"):
            LSTMRegressor(H).fit(X, Y)


def fit_in_child(connection):
    connection.send(LSTMRegressor(**SMALL).fit(X, Y)._fitted.parameters)


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fit_in_a_forked_child(threads):
    """After a fit with threads, which GCC's OpenMP does not survive."""
    with threads(2):
        expected = LSTMRegressor(**SMALL).fit(X, Y)._fitted.parameters
        assert threads.used == {2}
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        child = context.Process(target=fit_in_child, args=(there,))
        child.start()
        try:
            assert here.poll(60), "the child hangs"
            assert_array_equal(here.recv(), expected)
        finally:
            child.kill()
            child.join()


def test_unpickled_weights_are_read_only():
    import pickle

    model = pickle.loads(pickle.dumps(LSTMClassifier(**SMALL).fit(X, LABELS)))
    with pytest.raises(ValueError, match="read-only"):
        model.weights_["head_weight"][:] = 0
    with pytest.raises(ValueError, match="read-only"):
        model.weights_["weight_ih_l0"][:] = 0


# ---- networks that are kept between calls of predict --------------------------------


def test_predictions_from_threads_at_once():
    """A network that computes for one call is not given to another."""
    model = LSTMRegressor(**SMALL).fit(X, Y)
    parts = [X[k : k + 3] for k in range(0, 30, 3)] * 20
    expected = [model.predict(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(model.predict, parts), expected, strict=True):
            assert_array_equal(got, wanted)


def test_predictions_follow_the_weights_of_the_last_fit():
    model = LSTMRegressor(**SMALL, warm_start=True).fit(X, Y)
    before = model.predict(X)
    other = LSTMRegressor(**SMALL, warm_start=True).fit(X, Y).fit(X, Y)
    after = model.fit(X, Y).predict(X)
    assert (after != before).all()
    assert_array_equal(after, other.predict(X))
    assert_array_equal(
        model.partial_fit(X, Y).predict(X), other.partial_fit(X, Y).predict(X)
    )


def test_kept_networks_are_not_pickled_and_stay_small():
    model = LSTMRegressor(**SMALL).fit(X, Y)
    size = len(pickle.dumps(model))
    model.predict(X)
    assert len(pickle.dumps(model)) == size
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    stacked = LSTMRegressor(**{**SMALL, "hidden_layer_sizes": (8, 8)}).fit(X, Y)
    stacked.predict(np.zeros((500, 100, 2)))
    (kept,) = stacked._fitted.idle
    for space in kept._memory.workspaces.values():
        assert space.nbytes <= workspace.IDLE_BYTES


def test_a_prediction_during_a_fit_leaves_no_old_network(monkeypatch):
    """The network of a prediction that a fit overtakes is not used again."""
    model = LSTMRegressor(**SMALL).fit(X, Y)
    predict = Network.predict

    def fit_meanwhile(self, *args, **kwargs):
        monkeypatch.undo()
        model.set_params(random_state=1).fit(X, Y)
        return predict(self, *args, **kwargs)

    monkeypatch.setattr(Network, "predict", fit_meanwhile)
    old = model.predict(X)
    new = model.predict(X)
    assert (old != new).any()
    assert_array_equal(new, pickle.loads(pickle.dumps(model)).predict(X))


def test_a_network_in_which_a_prediction_broke_works_again(monkeypatch):
    model = LSTMRegressor(**SMALL).fit(X, Y)
    expected = model.predict(X)
    with monkeypatch.context() as patch:
        patch.setattr(Dense, "forward", lambda self, x, run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.predict(X[:3])
    assert len(model._fitted.idle) == 1
    assert_array_equal(model.predict(X), expected)


# ---- memory ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (0, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_aligned_memory(shape, dtype):
    for _ in range(20):
        array = aligned_empty(shape, dtype)
        assert array.shape == shape and array.dtype == dtype
        assert array.flags.c_contiguous and array.flags.writeable
        assert array.size == 0 or array.ctypes.data % 64 == 0


def test_workspace_reuses_what_is_large_enough():
    workspace = Workspace(np.float32)
    a = workspace.array("a", 4, 3)
    assert workspace.array("a", 4, 3) is a
    assert np.shares_memory(workspace.array("a", 2, 5), a)
    assert not np.shares_memory(workspace.array("b", 4, 3), a)
    assert not np.shares_memory(workspace.array("a", 100), a)
    assert workspace.nbytes == 4 * (100 + 12)
    workspace.clear()
    assert workspace.nbytes == 0 and workspace.array("a", 2).shape == (2,)


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
def test_memory_that_cannot_be_written(solver):
    """What arrives from another process may lie in such memory: data and a model."""
    model = LSTMClassifier(**SMALL, solver=solver, dropout=0.3).fit(X, LABELS)

    def received(thing):
        buffers = []
        head = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
        return pickle.loads(head, buffers=[bytes(buffer.raw()) for buffer in buffers])

    data, labels = received(SequenceArray.from_list(X)), received(LABELS)
    there = received(model)
    assert not data.data.flags.writeable
    assert not there._fitted.parameters.flags.writeable
    model.partial_fit(X, LABELS)
    assert_array_equal(there.predict_proba(data), there.predict_proba(X))
    there.partial_fit(data, labels)
    assert_array_equal(there._fitted.parameters, model._fitted.parameters)
    afresh = there.fit(data, labels)._fitted.parameters
    assert_array_equal(afresh, model.fit(X, LABELS)._fitted.parameters)
