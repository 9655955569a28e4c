"""Fits whose workers, client or scheduler are killed: the bits of this machine."""

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from epoch_cases import calling_at_epochs
from sklearn.base import clone
from test_parts import assert_same_weights

import sklstm.dask
from sklstm._training.checkpoint import NAME

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
from distributed.scheduler import KilledWorker  # noqa: E402
from test_dask_fit import LONG, X, Y, cluster_of, looked_after  # noqa: E402

from sklstm._training import cluster as cluster_module  # noqa: E402
from sklstm._training.cluster import OnCluster, gradient_on_worker  # noqa: E402
from sklstm._training.pause import begin_pause, end_pause  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL"),
]

# So many epochs that it is not over before it is killed.
MODEL = clone(LONG).set_params(max_iter=60)
OPTIONS = {"n_parts": 4}


def wait_until(condition, seconds=120):
    """For what nobody lets us know of."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def cluster(environment):
    """With its scheduler in this process, and workers in others."""
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


@pytest.fixture(scope="module")
def at_home():
    return sklstm.dask.fit(MODEL, X, Y, **OPTIONS)


# ---- workers -------------------------------------------------------------------------


def killed_at_random(cluster, times, rng):
    """Kill so many workers, each after some time; nannies start others."""
    killed = []
    while len(killed) < times:
        time.sleep(rng.uniform(0, 1))
        killed.append(int(rng.choice(looked_after(cluster, killed))))
        os.kill(killed[-1], signal.SIGKILL)
    return killed


@pytest.mark.filterwarnings("ignore:Training interrupted by user")
def test_twenty_workers_are_killed(environment):
    """In one fit, which goes on until all of them are."""
    rng = np.random.default_rng(19)
    with (
        cluster_of(2) as cluster,
        distributed.Client(cluster) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        killing = []

        def until(number):
            if number == 0:
                killing.append(pool.submit(killed_at_random, cluster, 20, rng))
            if killing[0].done():
                raise KeyboardInterrupt

        # whose learning rate does not depend on when it ends
        open_end = {"max_iter": 10**6, "learning_rate": "constant"}
        model = calling_at_epochs(until)(**LONG.get_params() | open_end)
        model = sklstm.dask.fit(model, X, Y, client=client, **OPTIONS)
        assert len(set(killing[0].result())) == 20
    as_long = clone(LONG).set_params(max_iter=model.n_iter_, learning_rate="constant")
    assert_same_weights(model, sklstm.dask.fit(as_long, X, Y, **OPTIONS))


class Deadly:
    """A loss that ends the worker that computes it of a sample of large weight."""

    def __init__(self, loss):
        self.loss = loss

    def value_and_gradient(self, output, target, weight, divisor):
        if weight.max() > 1:
            os._exit(1)
        return self.loss.value_and_gradient(output, target, weight, divisor)


def test_a_part_that_kills_its_workers(cluster, client, monkeypatch):
    """It ends the fit, after fewer deaths than usual, and the cluster is there for
    others."""
    begin = OnCluster.begin
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 1)
    monkeypatch.setattr(cluster_module, "DEATHS", 4)

    def deadly(self, recipe, samples):
        begin(self, recipe._replace(loss=Deadly(recipe.loss)), samples)

    weight = np.ones(len(X))
    weight[17] = 2
    with monkeypatch.context() as patch:
        patch.setattr(OnCluster, "begin", deadly)
        with pytest.raises(RuntimeError, match="4 workers died over the same part"):
            sklstm.dask.fit(LONG, X, Y, client=client, sample_weight=weight, **OPTIONS)
    assert client.amm.running()
    assert_same_weights(
        sklstm.dask.fit(LONG, X, Y, client=client, **OPTIONS),
        sklstm.dask.fit(LONG, X, Y, **OPTIONS),
    )


class Fates:
    """A client whose parts meet what is foreseen, one string of fates for each: "x" is
    the death of four workers, "." a result. In idle times as many die as `idle` has."""

    id, status, direct_to_workers = "client", "running", False

    def __init__(self, *fates, idle):
        self.fates, self.idle = [list(fate) for fate in fates], list(idle)
        self.n_deaths = self.n_submitted = 0

    def run_on_scheduler(self, function, *args):
        return False

    def nthreads(self):
        return {}

    def submit(self, function, *args, **options):
        if function is not gradient_on_worker:
            return None
        self.n_submitted += 1
        k = pickle.loads(args[-1]).number
        fate = self.fates[k].pop(0)

        def result():
            if fate == "x":
                raise KilledWorker("part", None, 3)
            return f"gradient {k}"

        return SimpleNamespace(result=result)

    def wait_for_workers(self, n, timeout):
        pass

    def sleep(self, seconds):
        self.n_deaths += self.idle.pop(0)

    def get_events(self, topic):
        others = [(9e9, "hello"), (9e9, {"action": "remove-worker", "expected": True})]
        dead = {"action": "remove-worker", "expected": False}
        return [*others, *((when, dead) for when in range(1, self.n_deaths + 1))]


def gradients_of(client, monkeypatch):
    clock = SimpleNamespace(sleep=client.sleep, monotonic=time.monotonic)
    monkeypatch.setattr(cluster_module, "time", clock)
    monkeypatch.setattr(
        OnCluster, "_gathered", lambda self, futures: [f.result() for f in futures]
    )
    who = OnCluster(client)
    who.begin(None, SimpleNamespace(data=np.zeros((5, 1)), target=None))
    parts = [
        SimpleNamespace(number=k, batch=SimpleNamespace(lengths=[3, 7 + k]))
        for k in range(len(client.fates))
    ]
    try:
        return who.gradients(np.zeros(2), parts)
    finally:
        who.end()


@pytest.mark.parametrize(
    "fates, idle, n_submitted",
    [
        (["..", ".."], [], 2),
        # it is innocent where it is not fatal again
        (["x.", "."], [0], 3),
        (["x.", ".", "x."], [0], 5),
        # or where workers die anyhow, however often
        (["x" * 50 + ".", "."], [1] * 50, 52),
        (["xxxxx.", "."], [0, 1, 0, 1, 0], 7),
    ],
)
def test_a_part_that_is_innocent(fates, idle, n_submitted, monkeypatch):
    client = Fates(*fates, idle=idle)
    found = gradients_of(client, monkeypatch)
    assert found == [f"gradient {k}" for k in range(len(fates))]
    assert (client.n_submitted, client.idle) == (n_submitted, [])


@pytest.mark.parametrize(
    "fates, idle", [([".", "xx"], [0, 0]), ([".", "xxxx"], [0, 1, 0, 0])]
)
def test_a_part_that_is_guilty(fates, idle, monkeypatch):
    client = Fates(*fates, idle=idle)
    with pytest.raises(
        RuntimeError,
        match="8 workers died over the same part.* 2 sequences of up to 8 steps"
        ".*0.0 MB.*larger n_parts",
    ) as raised:
        gradients_of(client, monkeypatch)
    assert isinstance(raised.value.__cause__, KilledWorker)
    assert (client.fates[1], client.idle) == ([], [])


# ---- a client and a scheduler --------------------------------------------------------

CLIENT = """
import sys
import warnings
import distributed
import joblib
import sklstm.dask
from test_dask_kills import MODEL, OPTIONS, X, Y
warnings.simplefilter("ignore")
address, folder, file = sys.argv[1:]
with distributed.Client(address) as client:
    model = sklstm.dask.fit(MODEL, X, Y, client=client, checkpoint=folder, **OPTIONS)
joblib.dump(model, file)
"""


@contextmanager
def process_of(*arguments, **options):
    """A Python process that finds the tests, and ends with the context."""
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    with subprocess.Popen(
        [sys.executable, "-P", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def in_mid_training(process, folder, seed):
    """A random moment after the first checkpoint."""
    wait_until(lambda: (folder / NAME).exists() or process.poll() is not None)
    time.sleep(np.random.default_rng(seed).uniform(0, 0.3))
    assert process.poll() is None


def test_the_client_is_killed(cluster, client, at_home, tmp_path):
    """The cluster is there for others, and the same call goes on."""
    folder, file = tmp_path / "checkpoint", tmp_path / "model"
    call = "-c", CLIENT, cluster.scheduler_address, folder, file
    with process_of(*call) as process:
        in_mid_training(process, folder, 2)
        assert not client.amm.running()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    wait_until(client.amm.running)
    wait_until(lambda: not cluster.scheduler.tasks)
    with process_of(*call) as process:
        assert process.wait(timeout=300) == 0
    assert_same_weights(joblib.load(file), at_home)
    assert client.amm.running()


@contextmanager
def cluster_of_processes(n_workers, folder):
    """Scheduler and workers without anybody who looks after them."""
    file = folder / "scheduler.json"

    with ExitStack() as stack:
        to = stack.enter_context(open(folder / "log", "wb"))

        def start(program, *arguments):
            return stack.enter_context(
                process_of(
                    "-m", f"distributed.cli.dask_{program}", "--scheduler-file", file,
                    "--no-dashboard", *arguments, stdout=to, stderr=to,
                )
            )  # fmt: skip

        scheduler = start(
            "scheduler", "--host", "127.0.0.1", "--port", 0,
            "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip
        wait_until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        workers = [
            start("worker", "--nthreads", 1, "--no-nanny") for _ in range(n_workers)
        ]
        yield scheduler, workers, json.loads(file.read_text())["address"]


def test_the_scheduler_is_killed(client, at_home, tmp_path):
    """The client comes to know of it, and the same call goes on on another cluster."""
    folder, file = tmp_path / "checkpoint", tmp_path / "model"
    with cluster_of_processes(2, tmp_path) as (scheduler, _, address):
        call = "-c", CLIENT, address, folder, file
        with process_of(*call, stderr=subprocess.PIPE, text=True) as process:
            in_mid_training(process, folder, 3)
            scheduler.kill()
            # far longer than Dask waits for a connection
            _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "ConnectionError: The scheduler was lost" in said, said
    assert not file.exists()
    model = sklstm.dask.fit(MODEL, X, Y, client=client, checkpoint=folder, **OPTIONS)
    assert_same_weights(model, at_home)


class Unaware(distributed.Client):
    """A client that does not come to know by itself."""

    async def _reconnect(self):
        self.status = "running"
        await asyncio.Event().wait()


@pytest.mark.parametrize("at", ["start", "mid"])
def test_a_lost_scheduler_is_met_by_a_call(environment, tmp_path, monkeypatch, at):
    """Whatever call fails over it, and before the client knows of it."""
    monkeypatch.setattr(cluster_module, "DEAF", 1)

    def killing(number):
        if number == 1:
            scheduler.kill()
            scheduler.wait()

    model = calling_at_epochs(killing)(**LONG.get_params())
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        cluster_of_processes(1, tmp_path) as (scheduler, _, address),
        Unaware(address) as client,
    ):
        client.wait_for_workers(1)
        if at == "start":
            killing(1)
        with pytest.raises(ConnectionError, match="The scheduler was lost"):
            sklstm.dask.fit(model, X, Y, client=client, **OPTIONS)
        assert client.status == "running"


def test_no_worker_is_left(environment, tmp_path, monkeypatch):
    """Nor does another one come; at the start it may take its time."""
    monkeypatch.setattr(cluster_module, "ABANDONED", 0.5)
    seen = []

    def killing(number):
        if number == 1:
            workers[0].kill()
        seen.append(number)

    model = calling_at_epochs(killing)(**LONG.get_params())
    with (
        cluster_of_processes(1, tmp_path) as (_, workers, address),
        distributed.Client(address) as client,
        pytest.raises(RuntimeError, match="no worker for 0.5 seconds"),
    ):
        sklstm.dask.fit(model, X, Y, client=client, **OPTIONS)
    assert len(seen) == 2


# ---- memory management ---------------------------------------------------------------


def test_the_last_fit_ends_the_pause(cluster, client):
    """Also where two clients have one each, and one is gone."""
    scheduler = client.run_on_scheduler
    assert scheduler(begin_pause, client.id)
    assert scheduler(begin_pause, client.id)
    with distributed.Client(cluster) as other:
        assert other.run_on_scheduler(begin_pause, other.id)
        scheduler(end_pause, client.id)
        assert not client.amm.running()
        scheduler(end_pause, client.id)
        scheduler(end_pause, client.id)  # of which there is none
        assert not client.amm.running()
    wait_until(client.amm.running)


def test_what_somebody_has_stopped_stays_so(client):
    client.amm.stop()
    sklstm.dask.fit(LONG, X, Y, client=client, **OPTIONS)
    assert not client.amm.running()
    client.amm.start()
