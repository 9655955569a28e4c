"""One model on a Dask cluster of real processes: the bits of this machine alone."""

import asyncio
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from epoch_cases import calling_at_epochs
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_parts import CASES, assert_same_weights

import sklstm.dask
from sklstm import LSTMClassifier
from sklstm.preprocessing import TimeDistributed

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
from sklstm._training.cluster import OnCluster, reached  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 3)) for T in RNG.integers(1, 30, size=120)]
Y = np.arange(120) % 3
LONG = LSTMClassifier(
    16, max_iter=8, random_state=0, batch_size=24, tol=0.0, n_iter_no_change=1000
)


@contextmanager
def cluster_of(n_workers):
    # Else it takes a worker for lost, and its nanny away, if another one is just being
    # started in its place fifteen seconds after it has died.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),
        distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=True,
            dashboard_address=None, scheduler_kwargs={"dashboard_address": ":0"},
        ) as cluster,
    ):  # fmt: skip
        yield cluster


@pytest.fixture(scope="module")
def cluster(environment):
    with cluster_of(2) as cluster, distributed.Client(cluster):
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def at_home():
    """The long fit without a cluster."""
    return sklstm.dask.fit(LONG, X, Y, n_parts=4)


def looked_after(cluster, killed=()):
    """Processes of workers that their nannies will replace: of one that dies while it
    starts they do not. None of those that were killed."""
    while True:
        running = [
            nanny.pid
            for nanny in cluster.workers.values()
            if nanny.status == nanny.process.status == distributed.Status.running
            and nanny.pid not in (None, *killed)
        ]
        if running:
            return running
        time.sleep(0.05)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_every_estimator(case, client):
    model, X, y = case
    assert_same_weights(
        sklstm.dask.fit(model, X, y, n_parts=3, client=client),
        sklstm.dask.fit(model, X, y, n_parts=3),
    )


@pytest.mark.parametrize("n_workers", [1, 3])
def test_any_number_of_workers(n_workers, environment, at_home):
    with cluster_of(n_workers) as cluster, distributed.Client(cluster) as client:
        model = sklstm.dask.fit(LONG, X, Y, n_parts=4, client=client)
    assert_same_weights(model, at_home)


def test_threads_of_one_process(environment, at_home):
    with distributed.Client(
        processes=False, threads_per_worker=2, dashboard_address=None
    ) as client:
        model = sklstm.dask.fit(LONG, X, Y, n_parts=4, client=client)
    assert_same_weights(model, at_home)


@pytest.mark.parametrize("said, direct", [(None, True), (False, False)])
def test_gradients_come_from_the_workers(cluster, at_home, monkeypatch, said, direct):
    """Not through the scheduler, unless that was said for the client."""
    asked = []
    with distributed.Client(cluster, direct_to_workers=said) as client:
        gather = client.gather

        def asking(futures, direct, **options):
            asked.append(direct)
            return gather(futures, direct=direct, **options)

        monkeypatch.setattr(client, "gather", asking)
        model = sklstm.dask.fit(LONG, X, Y, n_parts=4, client=client)
    assert asked == [direct] * 40  # 8 epochs of 5 minibatches
    assert_same_weights(model, at_home)


def test_workers_that_cannot_be_reached(client):
    workers, options = list(client.nthreads()), client.connection_args
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        nobody = "tcp://{}:{}".format(*taken.getsockname())
        assert not client.sync(reached, [*workers, nobody], options)
    assert client.sync(reached, workers, options)
    assert not client.sync(reached, [], options)


def test_a_pipeline_with_weights(client):
    weight = RNG.integers(0, 3, size=120)
    model = make_pipeline(TimeDistributed(StandardScaler()), clone(LONG))
    options = {"n_parts": 4, "sample_weight": weight}
    here = sklstm.dask.fit(model, X, Y, **options)
    there = sklstm.dask.fit(model, X, Y, client=client, **options)
    assert_same_weights(there[-1], here[-1])
    assert not hasattr(model[-1], "weights_")


def test_active_memory_management_is_paused(client):
    """And goes on afterwards, also where a fit fails."""
    assert client.amm.running()
    seen = []

    def looking(number):
        seen.append(client.amm.running())
        if number == 1:
            raise RuntimeError("no more")

    looking = calling_at_epochs(looking)
    with pytest.raises(RuntimeError, match="no more"):
        sklstm.dask.fit(
            looking(4, random_state=0, max_iter=3), X, Y, n_parts=2, client=client
        )
    assert seen == [False, False]
    assert client.amm.running()


def test_it_goes_on_where_nothing_could_be_sent(client, monkeypatch):
    def refuse(self, value):
        raise RuntimeError("too large")

    monkeypatch.setattr(OnCluster, "_send", refuse)
    with pytest.raises(RuntimeError, match="too large"):
        sklstm.dask.fit(LONG, X, Y, n_parts=2, client=client)
    assert client.amm.running()


@pytest.mark.parametrize("n_workers, times", [(1, 2), (2, 4)])
def test_workers_are_killed(n_workers, times, environment, at_home, monkeypatch):
    """While a step is under way; a nanny starts new ones. With one worker all that was
    sent is gone each time."""
    rng, killed = np.random.default_rng(n_workers), []
    steps = set(rng.choice(30, times, replace=False).tolist())
    gradients = OnCluster.gradients

    def killing(self, *args):
        if killing.step in steps:
            pid = rng.choice(looked_after(self.client.cluster))
            timer = threading.Timer(
                rng.uniform(0, 0.03), os.kill, (pid, signal.SIGKILL)
            )
            timer.start()
            killed.append(timer)
        killing.step += 1
        return gradients(self, *args)

    killing.step = 0
    monkeypatch.setattr(OnCluster, "gradients", killing)
    with cluster_of(n_workers) as cluster, distributed.Client(cluster) as client:
        model = sklstm.dask.fit(LONG, X, Y, n_parts=4, client=client)
        for timer in killed:
            timer.join()
    assert len(killed) == times
    assert_same_weights(model, at_home)


def n_kept(dask_worker):
    return len(dask_worker.data)


def test_a_worker_comes_in_the_middle(environment, at_home):
    kept = {}
    with cluster_of(1) as cluster, distributed.Client(cluster) as client:

        def growing(number):
            if number == 4:
                cluster.scale(2)
                client.wait_for_workers(2)
            if number == 7:
                kept.update(client.run(n_kept))

        growing = calling_at_epochs(growing)
        model = sklstm.dask.fit(
            growing(**LONG.get_params()), X, Y, n_parts=4, client=client
        )
    # it has computed too: the data were there
    assert len(kept) == 2
    assert all(kept.values())
    assert_same_weights(model, at_home)


def test_bad_input_before_anything_is_sent(cluster, monkeypatch):
    with distributed.Client(cluster) as client:
        monkeypatch.setattr(client, "submit", None)
        bad = [x.copy() for x in X]
        bad[7][0, 1] = np.nan
        with pytest.raises(ValueError, match="sample 7|sequence 7"):
            sklstm.dask.fit(LONG, bad, Y, client=client)
        with pytest.raises(TypeError, match="got StandardScaler"):
            sklstm.dask.fit(StandardScaler(), X, Y, client=client)


def test_a_client_that_cannot_be_used(cluster):
    model = clone(LONG)
    with pytest.raises(TypeError, match=r"distributed\.Client, got str"):
        sklstm.dask.fit(model, X, Y, client=cluster.scheduler_address)
    with distributed.Client(cluster) as client:
        pass
    with pytest.raises(ValueError, match="connected to a scheduler, but it is closed"):
        sklstm.dask.fit(model, X, Y, client=client)

    async def fit():
        async with distributed.Client(
            cluster.scheduler_address, asynchronous=True
        ) as client:
            sklstm.dask.fit(model, X, Y, client=client)

    with pytest.raises(ValueError, match="client is asynchronous"):
        asyncio.run(fit())
