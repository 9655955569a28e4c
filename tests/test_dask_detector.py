"""Anomaly detectors of sequences that live on a cluster, partition by partition."""

import os
import signal

import numpy as np
import pytest
from epoch_cases import calling_at_epochs
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_dask_fit import client, cluster, looked_after  # noqa: F401
from test_dask_partitions import cut, delayed, maybe_client, same  # noqa: F401
from test_parts import assert_same_weights

import sklstm.dask
from sklstm import LSTMAnomalyDetector
from sklstm._training.cluster_rows import ClusterRows
from sklstm.preprocessing import TimeDistributed

pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODEL = LSTMAnomalyDetector(5, window=8, random_state=0, max_iter=2, batch_size=40)


def sequences(n, low=9, high=60, missing=0.0):
    """Two features, of which the second has other units; one sequence has no step, and
    one has a single one."""
    rng = np.random.default_rng(0)
    lengths = [0, 1, *rng.integers(low, high, n - 2)]
    x = [rng.standard_normal((T, 2)).cumsum(axis=0) * [1, 100] for T in lengths]
    return [np.where(rng.random(one.shape) < missing, np.nan, one) for one in x]


def assert_same(first, second):
    """All that a fit finds."""
    assert_same_weights(first, second)
    assert first.validation_scores_ == second.validation_scores_
    assert first.offset_ == second.offset_
    assert first.step_offset_ == second.step_offset_
    own, other = (model._fitted.target.state for model in (first, second))
    for name in ("centre", "scale"):
        assert_array_equal(own[name], other[name])
    for name in ("location", "scale", "correlation"):
        assert_array_equal(own["errors"][name], other["errors"][name])


def check(x, options, client, *cuts, **fit_params):  # noqa: F811
    """A fit to partitions is the one to all of X."""
    model = clone(MODEL).set_params(**options)
    there = sklstm.dask.fit(
        model, delayed(cut(x, *cuts)), n_parts=3, client=client, **fit_params
    )
    here = sklstm.dask.fit(model, x, n_parts=3, **fit_params)
    assert_same(there, here)
    return there


OPTIONS = {
    "as it is": {},
    "early stopping": {"early_stopping": True},
    "several steps": {"n_ahead": 3, "covariance": "full", "dropout": 0.2},
    "one minibatch": {"batch_size": 10_000},
    "lbfgs": {"solver": "lbfgs", "batch_size": "auto"},
    "float64": {"dtype": "float64", "window": "auto"},
    "bfloat16": {"dtype": "bfloat16"},
}


@pytest.mark.parametrize("method", ["prediction", "reconstruction"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_however_sequences_are_cut(options, method, maybe_client):  # noqa: F811
    options = {**options, "method": method}
    check(sequences(30), options, maybe_client, 3, 3, 17)


@pytest.mark.parametrize("method", ["prediction", "reconstruction"])
@pytest.mark.parametrize("missing", ["ffill", "indicator"])
@pytest.mark.parametrize("name", ["as it is", "early stopping", "one minibatch"])
def test_missing_values(name, missing, method, maybe_client):  # noqa: F811
    """The network reads what stands for them, and they are no targets."""
    options = {**OPTIONS[name], "method": method, "missing": missing}
    check(sequences(30, missing=0.3), options, maybe_client, 3, 3, 17)


@pytest.mark.parametrize("missing", ["error", "ffill"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ends_of_a_few_sequences(early_stopping, missing, maybe_client):  # noqa: F811
    """Which are held out."""
    x = sequences(5, 60, 200, 0.3 * (missing == "ffill"))
    options = {"early_stopping": early_stopping, "missing": missing}
    check(x, options, maybe_client, 2, 4)


@pytest.mark.parametrize("method", ["prediction", "reconstruction"])
def test_weights_and_groups(method, maybe_client):  # noqa: F811
    """Of some partitions all sequences are trained on; some are not there."""
    rng, x = np.random.default_rng(1), sequences(30, missing=0.1)
    options = {"method": method, "missing": "ffill"}
    weight = rng.random(30) * (np.arange(30) % 4 > 0)
    found = check(x, options, maybe_client, *range(4, 30, 4), sample_weight=weight)
    model = clone(MODEL).set_params(**options)
    there = sklstm.dask.fit(
        model, delayed(cut(x, 9)), n_parts=3, client=maybe_client,
        sample_weight=delayed(cut(weight, 9)),
    )  # fmt: skip
    assert_same(there, found)
    check(x, options, maybe_client, 9, groups=np.arange(30) % 7)
    x_val = sequences(9, missing=0.2)
    check(x, options, maybe_client, 9, X_val=x_val, sample_weight_val=np.arange(9) + 1)


def test_features_that_hardly_vary(maybe_client):  # noqa: F811
    """Whose scale is of all deviations."""
    rng = np.random.default_rng(0)
    x = [
        np.column_stack(
            [np.where(rng.random(40) < 0.02, rng.random(40), 7.0), np.full(40, 3.0)]
        )
        for _ in range(20)
    ]
    found = check(x, {}, maybe_client, 1, 8)._fitted.target
    assert found.centre.tolist() == [7, 3] and 0 < found.scale[0] < 1
    check(x, {}, maybe_client, 6, sample_weight=rng.random(20))


def test_a_checkpoint_is_of_the_data(tmp_path, maybe_client):  # noqa: F811
    x, model = sequences(20, missing=0.2), clone(MODEL).set_params(missing="ffill")
    here = sklstm.dask.fit(model, x, checkpoint=tmp_path)
    there = sklstm.dask.fit(
        model, delayed(cut(x, 9)), client=maybe_client, checkpoint=tmp_path
    )
    assert_same(there, here)
    x[12][-1] += 1
    with pytest.raises(ValueError, match="differs in data"):
        sklstm.dask.fit(
            model, delayed(cut(x, 9)), client=maybe_client, checkpoint=tmp_path
        )


@pytest.mark.parametrize("missing", ["error", "ffill"])
@pytest.mark.parametrize("name", ["as it is", "early stopping", "one minibatch"])
def test_only_what_is_held_out_comes_here(name, missing, client, monkeypatch):  # noqa: F811
    """And 32 windows for the loss at the start."""
    gathered, n_rows = ClusterRows._gathered, []

    def recording(self, *args):
        found = gathered(self, *args)
        n_rows.append(len(found))
        return found

    monkeypatch.setattr(ClusterRows, "_gathered", recording)
    x = [one[:50] for one in np.random.default_rng(0).standard_normal((60, 50, 2))]
    model = clone(MODEL).set_params(
        **OPTIONS[name], missing=missing, validation_fraction=0.2
    )
    parts = client.map(same, cut(x, 20, 40), pure=False)
    sklstm.dask.fit(model, parts, client=client, n_parts=3)
    held_out = 12 * 50
    # of the windows both what the network reads and what it is to say
    assert held_out < sum(n_rows) <= held_out + 2 * 32 * 8


def test_a_worker_that_has_data_is_killed(client):  # noqa: F811
    """Both what the network reads and what it is to say are computed again."""
    pids = looked_after(client.cluster)

    def killing(number):
        if number == 2:
            os.kill(pids[0], signal.SIGKILL)

    x = sequences(30, missing=0.3)
    options = {"missing": "ffill", "max_iter": 6, "batch_size": 8, "random_state": 0}
    model = calling_at_epochs(killing, LSTMAnomalyDetector)(5, **options)
    there = sklstm.dask.fit(model, delayed(cut(x, 7, 15, 22)), client=client)
    assert_same(there, sklstm.dask.fit(LSTMAnomalyDetector(5, **options), x))


def test_in_a_pipeline(maybe_client):  # noqa: F811
    model = make_pipeline(TimeDistributed(StandardScaler()), MODEL)
    x = sequences(20)
    parts = cut(x, 9)
    there = sklstm.dask.fit(model, delayed(parts), client=maybe_client)
    scaler = TimeDistributed(StandardScaler())
    for part in parts:
        scaler.partial_fit(part)
    assert_same(there[-1], sklstm.dask.fit(MODEL, scaler.transform(x)))


def test_errors(maybe_client):  # noqa: F811
    x = sequences(20)
    bad = [one.copy() for one in x]
    bad[12][4, 1] = np.nan
    with pytest.raises(ValueError, match="In partition 1 of X.*sample 3, step 4, fea"):
        sklstm.dask.fit(MODEL, delayed(cut(bad, 9)), client=maybe_client)
    short = [one[:2] for one in x]
    with pytest.raises(ValueError, match="needs sequences of at least 4 steps"):
        sklstm.dask.fit(
            clone(MODEL).set_params(n_ahead=3), delayed(cut(short, 9)),
            client=maybe_client,
        )  # fmt: skip
    few = delayed([x[1:2], [x[2][:5]]])
    with pytest.raises(ValueError, match="What is held out of 2 sample.s. are their"):
        sklstm.dask.fit(MODEL, few, client=maybe_client)
    with pytest.raises(ValueError, match="All samples are of one group"):
        sklstm.dask.fit(
            MODEL, delayed(cut(x, 9)), client=maybe_client, groups=np.zeros(20)
        )
    with pytest.raises(TypeError, match="X_val lives on the cluster"):
        sklstm.dask.fit(
            MODEL, delayed(cut(x, 9)), X_val=delayed([x]), client=maybe_client
        )
