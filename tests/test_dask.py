"""Searches on a Dask cluster of real processes: what docs/user_guide/cluster.rst says.

The oracle is the same search without a cluster, to the bit.
"""

import os
import signal
import time

import joblib
import numpy as np
import pytest
from callback_cases import since_1_9
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier
from sklstm._kernels import effective_n_threads, openmp_version
from sklstm._network.build import whole_sequence_network
from sklstm._network.layers.dropout import DropoutSeed
from sklstm._network.losses import SquaredError
from sklstm._training.gradient import minibatch_gradient
from sklstm.sequences import SequenceArray

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
# so many samples that joblib would send the indices of a split as data (1 kB)
X = SequenceArray.from_list(
    [RNG.standard_normal((T, 3)) for T in RNG.integers(3, 12, size=240)]
)
Y = np.array([x[:, 0].mean() > 0 for x in X]).astype(int)
KINDS = {"SequenceArray": X, "list": X.to_list(), "padded": X.to_padded()}
FOLDS = [
    (train.tolist(), test.tolist()) for train, test in StratifiedKFold(3).split(X, Y)
]
MODEL = LSTMClassifier(hidden_layer_sizes=4, max_iter=2, dropout=0.2, random_state=0)
GRID = {"learning_rate_init": [0.001, 0.01, 0.03, 0.1]}


@pytest.fixture(scope="module")
def without_threads_of_the_shell():
    """What the shell says about threads counts more than what Dask says."""
    with pytest.MonkeyPatch.context() as patch:
        # Dask writes them to the environment; what is set and deleted here is put back.
        for name in (
            "MALLOC_TRIM_THRESHOLD_",
            "MKL_NUM_THREADS",
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "PYTHONHASHSEED",
        ):
            patch.setenv(name, "1")
            patch.delenv(name)
        yield


def cluster_of(n_workers, **options):
    """A scheduler, and workers that are processes."""
    return distributed.LocalCluster(
        n_workers=n_workers,
        processes=True,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": ":0"},  # for it serves HTTP all the same
        **options,
    )


@pytest.fixture(scope="module")
def client(without_threads_of_the_shell):
    """A cluster whose scheduler drops copies of data as soon as it can."""
    hasty = {"distributed.scheduler.active-memory-manager.interval": "50ms"}
    with (
        dask.config.set(hasty),
        cluster_of(2, threads_per_worker=1) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.amm.stop()
        # Dask forgets what nobody holds, even while joblib sends it once more.
        kept = client.scatter([*KINDS.values(), Y], broadcast=True)
        yield client
        del kept


def on_cluster(scatter=None):
    options = {} if scatter is None else {"scatter": scatter}
    return joblib.parallel_config(backend="dask", **options)


def assert_same_search(search, other):
    assert search.best_params_ == other.best_params_
    for name, values in other.cv_results_.items():
        if "score" in name and "time" not in name:
            assert_array_equal(search.cv_results_[name], values)
    assert_array_equal(search.predict_proba(X), other.predict_proba(X))
    one, other = (
        getattr(model, "steps", [("", model)])[-1][1]
        for model in (search.best_estimator_, other.best_estimator_)
    )
    assert_array_equal(one._fitted.parameters, other._fitted.parameters)


def grid(cv=FOLDS, **options):
    return GridSearchCV(MODEL, GRID, cv=cv, **options)


@pytest.fixture(scope="module")
def alone():
    return grid().fit(X, Y)


# ---- the same result -----------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_grid_search(client, alone, kind):
    data = KINDS[kind]
    with on_cluster([data, Y]):
        search = grid().fit(data, Y)
    assert_same_search(search, alone)


@pytest.mark.parametrize(
    "search",
    [
        RandomizedSearchCV(MODEL, GRID, n_iter=3, random_state=0, cv=FOLDS),
        HalvingGridSearchCV(MODEL, GRID, cv=FOLDS, random_state=0),
        GridSearchCV(make_pipeline(MODEL), {"lstmclassifier__alpha": [0, 1]}, cv=3),
    ],
    ids=["randomized", "halving", "pipeline"],
)
def test_other_searches(client, search):
    here = clone(search).fit(X, Y)
    with on_cluster([X, Y]):
        assert_same_search(search.fit(X, Y), here)


def test_cross_validate(client):
    options = {"cv": FOLDS, "return_estimator": True, "return_train_score": True}
    here = cross_validate(MODEL, X, Y, **options)
    with on_cluster([X, Y]):
        there = cross_validate(MODEL, X, Y, **options)
    for name in ("test_score", "train_score"):
        assert_array_equal(there[name], here[name])
    for one, other in zip(there["estimator"], here["estimator"], strict=True):
        assert_array_equal(one._fitted.parameters, other._fitted.parameters)
        assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_an_error_of_a_fit_comes_back(client):
    search = GridSearchCV(
        MODEL, {"learning_rate_init": [0.1, -1]}, cv=FOLDS, error_score="raise"
    )
    with on_cluster([X, Y]), pytest.raises(ValueError, match="learning_rate_init"):
        search.fit(X, Y)


# ---- what goes over the wire ---------------------------------------------------------

ARRIVED = []


class Counted(SequenceArray):
    """Sequences that leave a mark in the process where they arrive."""

    __slots__ = ()

    def __reduce__(self):
        _, parts = super().__reduce__()
        return _arrive, parts


def _arrive(*parts):
    ARRIVED.append(os.getpid())
    return Counted(*parts)


def _read_arrived():
    n = len(ARRIVED)
    ARRIVED.clear()
    return n


def arrivals(client):
    """How often a Counted has arrived at each worker; begins to count anew."""
    return sorted(client.run(_read_arrived).values())


def test_scattered_data_arrive_once_at_every_worker(client):
    """For all searches of a block together."""
    data = Counted(X.data, X.offsets)
    arrivals(client)
    with on_cluster([data, Y]):
        grid().fit(data, Y)
        cross_validate(MODEL, data, Y, cv=FOLDS)
    assert arrivals(client) == [1, 1]


def test_without_scatter_data_do_not_go_with_every_task(client):
    data = Counted(X.data, X.offsets)
    arrivals(client)
    with on_cluster():
        grid(refit=False).fit(data, Y)
    assert max(arrivals(client)) == 1


def test_data_are_named_by_their_content(client):
    name = dask.tokenize.tokenize(X)
    assert dask.tokenize.tokenize(SequenceArray(X.data.copy(), X.offsets)) == name
    assert client.submit(dask.tokenize.tokenize, X).result() == name
    assert dask.sizeof.sizeof(X) >= X.nbytes


# ---- a worker that dies --------------------------------------------------------------


class Deadly:
    """Accuracy, but the first process that scores `rate` is killed.

    `wait` seconds before, in which the scheduler could drop copies of the data.
    """

    def __init__(self, mark, rate, wait=0):
        self.mark = str(mark)
        self.rate = rate
        self.wait = wait

    def __call__(self, estimator, X, y):
        if estimator.learning_rate_init == self.rate:
            try:
                os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                time.sleep(self.wait)
                os.kill(os.getpid(), signal.SIGKILL)
        return estimator.score(X, y)


@pytest.fixture
def death(client, tmp_path):
    """Two living workers before; whether one has died, after."""
    client.wait_for_workers(2, timeout=60)
    before = set(client.run(os.getpid).values())
    mark = tmp_path / "killed"
    yield mark
    assert mark.exists()
    deadline = time.monotonic() + 60
    while len(set(client.run(os.getpid).values()) - before) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    client.wait_for_workers(2, timeout=60)


@pytest.mark.parametrize("kind", ["SequenceArray", "list"])
def test_a_killed_worker_in_mid_search_changes_nothing(client, alone, death, kind):
    data = KINDS[kind]
    search = grid(scoring=Deadly(death, 0.01))
    with on_cluster([data, Y]):
        search.fit(data, Y)
    assert_same_search(search, alone)


def test_a_worker_killed_where_the_other_has_nothing_to_do(client, death):
    """The last task alone needs the data, so that its worker would be the only one
    that still has them, if `client.amm.stop()` did not keep the copies."""
    here = grid(FOLDS[:1]).fit(X, Y)
    search = grid(FOLDS[:1], scoring=Deadly(death, 0.1, wait=1))
    with on_cluster([X, Y]):
        search.fit(X, Y)
    assert_same_search(search, here)


# ---- threads -------------------------------------------------------------------------


@pytest.mark.skipif(not openmp_version(), reason="built without OpenMP")
def test_a_fit_has_one_thread_unless_dask_is_told_otherwise(client):
    assert set(client.run(effective_n_threads).values()) == {1}


@pytest.mark.skipif(not openmp_version(), reason="built without OpenMP")
def test_threads_that_a_worker_is_given(without_threads_of_the_shell, alone):
    """3 OpenMP threads in each of 2 fits at once in one process."""
    with (
        cluster_of(1, threads_per_worker=2, env={"OMP_NUM_THREADS": "3"}) as cluster,
        distributed.Client(cluster) as client,
    ):
        # in the threads in which tasks run
        seen = client.map(lambda _: effective_n_threads(), range(4), pure=False)
        assert set(client.gather(seen)) == {3}
        with on_cluster([X, Y]):
            search = grid().fit(X, Y)
    assert_same_search(search, alone)


# ---- progress ------------------------------------------------------------------------


def test_tasks_have_names_that_can_be_read(client):
    """The task stream is what the dashboard draws."""
    with distributed.get_task_stream(client) as stream, on_cluster([X, Y]):
        grid(refit=False).fit(X, Y)
    names = [distributed.utils.key_split(task["key"]) for task in stream.data]
    fits = [name for name in names if "batch_of__fit_and_score" in name]
    # as many as there are fits, or fewer that say how many they hold
    assert sum(int(name.split("_")[-2]) for name in fits) == 12


def test_joblib_counts_the_fits_here(client, capsys):
    with joblib.parallel_config(backend="dask", scatter=[X, Y], verbose=10):
        grid(refit=False).fit(X, Y)
    printed = capsys.readouterr().err
    assert "Using backend DaskDistributedBackend" in printed
    assert "Done  12 out of  12 | elapsed:" in printed


class Epochs:
    """A callback that lets the scheduler know of every epoch of a worker."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name != "epoch":
            return
        try:
            worker = distributed.get_worker()
        except ValueError:  # the fit at the end of the search, which is made here
            return
        event = {"fit": context.parent.task_id, "loss": estimator.loss_curve_[-1]}
        worker.log_event("epochs", event)


@since_1_9
def test_epochs_are_events_of_the_cluster(client, alone):
    search = grid().set_callbacks(Epochs())
    with on_cluster([X, Y]):
        search.fit(X, Y)
    assert_same_search(search, alone)
    events = [event for _, event in client.get_events("epochs")]
    assert sorted(event["fit"] for event in events) == sorted(2 * [*range(12)])
    assert {event["worker"] for event in events} <= set(client.run(os.getpid))


@since_1_9
def test_progress_bars_of_fits_on_this_machine(client, alone, capsys, monkeypatch):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    monkeypatch.setenv("COLUMNS", "150")
    search = grid().set_callbacks(ProgressBar())
    with on_cluster([X, Y]):
        search.fit(X, Y)
    assert_same_search(search, alone)
    bars = [line for line in capsys.readouterr().out.splitlines() if "━" in line]
    assert sum("LSTMClassifier - fit" in bar for bar in bars) == 13
    assert all("100%" in bar for bar in bars)


# ---- the gradient of a part of a minibatch -------------------------------------------


def test_gradients_of_workers_are_those_of_here(client):
    """What training on a cluster would send; the arrays arrive read-only."""
    architecture = {
        "n_features": 3,
        "hidden_layer_sizes": (9, 5),
        "n_outputs": 1,
        "dtype": "float64",
        "dropout": 0.3,
        "recurrent_dropout": 0.2,
    }
    parameters = whole_sequence_network(**architecture).initialize(
        np.random.RandomState(0), 0.0
    )
    arguments = (architecture, parameters)
    target, dropout = RNG.standard_normal((len(X), 1)), DropoutSeed(5, 17)
    rest = (None, SquaredError())
    parts = [slice(0, 100), slice(100, None)]
    ids = np.arange(len(X))
    here = minibatch_gradient(*arguments, X, target, *rest, dropout=dropout, ids=ids)
    there = client.gather(
        [
            client.submit(
                minibatch_gradient, *arguments, X[part], target[part], *rest,
                n_samples=len(X), dropout=dropout, ids=ids[part],
            )
            for part in parts
        ]
    )  # fmt: skip
    for part, result in zip(parts, there, strict=True):
        again = minibatch_gradient(
            *arguments, X[part], target[part], *rest,
            n_samples=len(X), dropout=dropout, ids=ids[part],
        )  # fmt: skip
        assert_array_equal(result.gradient, again.gradient)
    whole = sum(r.gradient for r in there)
    np.testing.assert_allclose(whole, here.gradient, rtol=1e-10, atol=1e-14)
