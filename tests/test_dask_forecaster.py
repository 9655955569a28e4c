"""Forecasters that learn from series that live on a cluster."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from test_dask_fit import client, cluster  # noqa: F401
from test_dask_partitions import cut, delayed, maybe_client, same  # noqa: F401
from test_parts import assert_same_weights

import sklstm.dask
from sklstm import LSTMForecaster, SequenceArray
from sklstm._training.cluster_rows import ClusterRows, Partitions

pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {
    "horizon": 3, "random_state": 0, "max_iter": 2, "batch_size": 16,
    "windows_per_epoch": 64,
}  # fmt: skip
MODEL = LSTMForecaster(6, **SMALL)


def series(n=25, seed=0):
    """A target, a number and an id, of some steps each; the first has none."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, n)
    lengths[0] = 0
    return [
        np.c_[rng.standard_normal((T, 2)).cumsum(axis=0), rng.integers(0, 4, T)]
        for T in lengths
    ]


X = series()
HOLES = [np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x) for x in X]
WEIGHT = np.arange(25) % 3
CASES = {
    "plain": ({}, X),
    "early stopping": (
        {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 4}, X
    ),
    "one minibatch": ({"windows_per_epoch": None, "batch_size": 10_000}, X),
    "lbfgs": ({"solver": "lbfgs"}, X),
    "known ahead": (
        {"future_features": [1], "static_features": [2], "context_length": 5}, X
    ),
    "ids": ({"embedding_dim": 2, "categorical_features": [2], "target": [1, 0]}, X),
    "seasons": ({"seasonal_lag": 2, "scale": "std", "context_length": None}, X),
    "quantiles": ({"quantile": [0.1, 0.5, 0.9], "scale": "mean"}, X),
    "no units": ({"scale": None, "loss": "absolute_error", "dtype": "bfloat16"}, X),
    "poisson": (
        {"scale": "mean", "loss": "poisson"}, [np.floor(np.abs(one)) for one in X]
    ),
    "ffill": ({"missing": "ffill", "future_features": [1]}, HOLES),
    "indicator": ({"missing": "indicator", "target": [1, 0]}, HOLES),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.* have nothing to learn from")
def test_every_option(name, maybe_client):  # noqa: F811
    """One partition holds no series, another one alone, and one series no step."""
    options, x = CASES[name]
    model = clone(MODEL).set_params(**options)
    parts = delayed(cut(x, 0, 9, 10, 17))
    weights = {} if name == "ids" else {"sample_weight": WEIGHT}
    there = sklstm.dask.fit(model, parts, n_parts=3, client=maybe_client, **weights)
    here = sklstm.dask.fit(model, x, n_parts=3, **weights)
    assert_same_weights(there, here)
    assert there.validation_scores_ == here.validation_scores_


@pytest.mark.filterwarnings("ignore:.* have nothing to learn from")
def test_how_it_is_cut_does_not_matter(client):  # noqa: F811
    here = sklstm.dask.fit(MODEL, X, n_parts=2)
    for cuts in ([], [1, 2, 3], [12], [24]):
        there = sklstm.dask.fit(MODEL, delayed(cut(X, *cuts)), n_parts=2, client=client)
        assert_same_weights(there, here)


@pytest.mark.filterwarnings("ignore:.* have nothing to learn from")
def test_validation_series_and_names(client):  # noqa: F811
    """X_val is read here; columns may have names."""
    names = ["y", "a", "b"]
    x = SequenceArray(np.concatenate(X), np.cumsum([0, *map(len, X)]), names)
    model = clone(MODEL).set_params(
        early_stopping=True, target="a", future_features=["b"]
    )
    there = sklstm.dask.fit(
        model, delayed(cut(x, 9)), client=client, X_val=x[15:], n_parts=2
    )
    here = sklstm.dask.fit(model, x, X_val=x[15:], n_parts=2)
    assert_same_weights(there, here)
    assert there.validation_scores_ == here.validation_scores_
    assert there.feature_names_in_.tolist() == names
    future = [np.ones((3, 1))] * 24
    assert_array_equal(there.predict(x[1:], future), here.predict(x[1:], future))


def test_series_stay_where_they_are(client, monkeypatch):  # noqa: F811
    """What comes to the client does not grow with their steps."""
    sizes = []
    gather, gathered = Partitions.gather, ClusterRows._gathered

    def measuring(self, futures):
        found = gather(self, futures)
        sizes.append(sum(array.nbytes for array in _numbers_of(found)))
        return found

    def recording(self, *args):
        rows.append(args[2].sum())
        return gathered(self, *args)

    monkeypatch.setattr(Partitions, "gather", measuring)
    monkeypatch.setattr(ClusterRows, "_gathered", recording)
    monkeypatch.setattr("sklstm._targets.horizon.ENOUGH_WINDOWS", 200)
    rng = np.random.default_rng(0)
    model = clone(MODEL).set_params(context_length=10, max_iter=3)
    for n_series in (20, 40):
        rows = []
        x = [rng.standard_normal((1000, 8)) for _ in range(n_series)]
        parts = client.map(same, cut(x, 4, 9, 15), pure=False)
        there = sklstm.dask.fit(model, parts, client=client, n_parts=4)
        assert_same_weights(there, sklstm.dask.fit(model, x, n_parts=4))
        # for the loss at the start, 32 windows
        assert [n <= 32 * (10 + 3) for n in rows] == [True]
    # that, bases, targets and scales of 200 windows, and a few sums of each series
    assert 0 < max(sizes) <= 32 * (10 + 3) * 8 * 8


def _numbers_of(found):
    """All arrays of floats in lists, tuples and so on."""
    if isinstance(found, np.ndarray):
        return [found] if found.dtype.kind == "f" else []
    if isinstance(found, (list, tuple)):
        return [array for part in found for array in _numbers_of(part)]
    return []


def with_value(value, *place):
    bad = [one.copy() for one in X[1:21]]
    bad[place[0]] = np.ones((5, 3))
    bad[place[0]][place[1:]] = value
    return bad


@pytest.mark.parametrize(
    "options, x, message",
    [
        ({}, with_value(np.nan, 12, 3, 1),
         "In partition 1 of X.*NaN: series 3, step 3, feature 1"),
        ({}, with_value(np.inf, 12, 3, 0), "In partition 1 of X.*infinity.*sample 3"),
        ({}, with_value(1e200, 12, 3, 0),
         "In partition 1 of X.*target of series 3 is 1e[+]200 at step 3"),
        ({"loss": "poisson", "scale": "mean"},
         [np.abs(one) for one in with_value(0, 0, 0, 0)[:12]] + [-np.ones((3, 3))] * 3,
         "In partition 1 of X.*series 3, step 0"),
        ({"embedding_dim": 2, "categorical_features": [2]},
         with_value(1.5, 12, 3, 2), "In partition 1 of X.*1.5 at sample 3, step 3"),
        ({"target": 7}, X, "target has column 7"),
        ({"target": "y"}, X, "X has no feature names"),
        ({}, [one[:1] for one in X], "none of its 25 series has a window"),
    ],
    ids=range(8),
)  # fmt: skip
def test_errors(options, x, message, maybe_client, monkeypatch):  # noqa: F811
    """Before training begins, with the partition where it is of one."""
    monkeypatch.setattr("sklstm._estimators.solver.train", None)
    model = clone(MODEL).set_params(**options)
    with pytest.raises(ValueError, match=message):
        sklstm.dask.fit(model, delayed(cut(x, 9)), client=maybe_client)
