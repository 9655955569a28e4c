"""One model on the workers of a Dask cluster: steps a second and where they go.

    python benchmarks/dask_training.py
    python benchmarks/dask_training.py --units 256 --repeats 5
    python benchmarks/dask_training.py --output    # into the folder of this machine

`sklstm.dask.fit` of an LSTM on sequences of 100 steps of 64 features, in minibatches of
256 in two parts, on clusters of one and of two workers of one thread, in turns; client
and scheduler are on the same machine. A step is the difference between fits of several
epochs and of one, so that what is done once does not count.

A model of cost says what more workers would bring. Its terms are measured by themselves
in the same run, none is fitted to a step: parts of each size on a worker; rounds of
tasks in which nothing is computed, empty ones and such that carry parameters there or
gradients back; sum and optimizer in this process. It is compared with what steps took
with one and two workers, and its rounds with those of eight workers.
"""

import argparse
import logging
import os
import statistics
import time
import warnings
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from _harness import OtherLoad, print_table, spread  # noqa: E402
from _machine import add_output, description, title, written_to  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402

import sklstm.dask  # noqa: E402
from sklstm import LSTMClassifier  # noqa: E402
from sklstm._network.build import whole_sequence_network  # noqa: E402
from sklstm._network.losses import SoftmaxCrossEntropy  # noqa: E402
from sklstm._training.cluster import OnCluster  # noqa: E402
from sklstm._training.feeds import Minibatches, TrainingSet  # noqa: E402
from sklstm._training.optimizers import Adam, clip_scale  # noqa: E402
from sklstm._training.parts import (  # noqa: E402
    InParts,
    PartGradient,
    Recipe,
    part_gradient,
    parts_of,
)

UNITS = [64, 256, 512]
N_STEPS, N_FEATURES, N_CLASSES = 100, 64, 4
BATCH, N_BATCHES, N_PARTS = 256, 2, 2
WORKERS = [2, 4, 8, 16, 32, 64]
BATCHES = [2**k for k in range(5, 13)]
LARGEST = 512  # sequences of a part; the time of larger ones is in proportion
BAR = 1.6
# The least gain of so many workers at which they are said to pay.
PAYS = {2: 1.5, 8: 4.0}
# (units, minibatch) beside which the model is checked too.
ELSEWHERE = [(64, 1024), (256, 64)]
# Numbers of empty tasks, and megabytes that others carry.
TASKS = [1, 2, 4, 8, 16, 32, 64]
MEGABYTES = [0, 1, 2, 4, 8]
MANY = 8
# Partitions of data that live on the cluster, and minibatches of an epoch then.
N_PARTITIONS, N_ITS_BATCHES = 8, 8


@contextmanager
def cluster_of(n):
    """A client of so many workers of one thread, processes of this machine."""
    with (
        LocalCluster(
            n_workers=n, threads_per_worker=1, dashboard_address=None,
            scheduler_kwargs={"dashboard_address": ":0"},
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


# ---- steps -------------------------------------------------------------------------


def data(n):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, N_STEPS, N_FEATURES), dtype="float32")
    return X, np.arange(n) % N_CLASSES


def bytes_sent(client):
    """What Dask says that the workers have sent, to each other and to the client."""
    sent = client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total)
    return sum(sent.values())


def a_step(client, X, y, n_units, batch):
    """Seconds of an optimizer step by the clock, and bytes that the workers sent."""
    more = max(3, 1536 * 256 // (n_units * batch))
    n_batches, took = len(y) // batch, []
    for epochs in (1, 1 + more):
        model = LSTMClassifier(
            n_units, batch_size=batch, max_iter=epochs, random_state=0, tol=0.0,
            n_iter_no_change=1000, dtype="float32",
        )  # fmt: skip
        before, start = bytes_sent(client), time.perf_counter()
        model = sklstm.dask.fit(model, X, y, client=client, n_parts=N_PARTS)
        seconds = time.perf_counter() - start
        if model.n_iter_ != epochs:
            raise RuntimeError(f"{model.n_iter_} epochs instead of {epochs}")
        took.append((seconds, bytes_sent(client) - before))
    return tuple((b - a) / (more * n_batches) for a, b in zip(*took))


def steps_of(clusters, n_units, batch, repeats):
    """Seconds of steps by the number of workers, in turns, without the first round;
    bytes that the workers sent in one."""
    X, y = data(batch * N_BATCHES)
    steps, sent = {n: [] for n in clusters}, {}
    for _ in range(repeats + 1):
        for n, client in clusters.items():
            seconds, sent[n] = a_step(client, X, y, n_units, batch)
            steps[n].append(seconds)
    return {n: values[1:] for n, values in steps.items()}, sent


def block_of(n, k):
    """The k-th of the partitions of n sequences, as it is made on a worker."""
    return data(n)[0][k * n // N_PARTITIONS : (k + 1) * n // N_PARTITIONS]


def steps_by_place(client, n_units, repeats):
    """Seconds of steps and bytes that the workers sent in one, with data that are sent
    to every worker and with such that live there in partitions."""
    n = BATCH * N_ITS_BATCHES
    X, y = data(n)
    blocks = [client.submit(block_of, n, k, pure=False) for k in range(N_PARTITIONS)]
    found = {"sent": [], "in partitions": []}
    for _ in range(repeats + 1):
        for place, x in zip(found, (X, blocks)):
            found[place].append(a_step(client, x, y, n_units, BATCH))
    return {place: list(zip(*values[1:])) for place, values in found.items()}


# ---- the terms of the model --------------------------------------------------------


def network_of(n_units):
    return whole_sequence_network(
        n_features=N_FEATURES, hidden_layer_sizes=(n_units,), n_outputs=N_CLASSES,
        dtype=np.dtype("float32"),
    )  # fmt: skip


def minibatch(n):
    """So many sequences of twice as many."""
    X, y = data(2 * n)
    samples = TrainingSet(
        X.reshape(-1, N_FEATURES),
        np.arange(2 * n) * N_STEPS,
        np.full(2 * n, N_STEPS),
        y,
    )
    return next(Minibatches(samples, n).epoch(np.random.RandomState(0)))


def median_of(action, least=0.3):
    """Seconds of an action: the median of three, or of as many as take so long."""
    action()
    took = []
    while len(took) < 3 or sum(took) < least:
        start = time.perf_counter()
        action()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def seconds_of_part(n_units, n):
    """Of the gradient of a part of n sequences; on a worker."""
    network = network_of(n_units)
    parameters = network.initialize(np.random.RandomState(0), np.zeros(N_CLASSES))
    (part,) = parts_of(minibatch(n), 1)
    recipe = Recipe(None, SoftmaxCrossEntropy(), None)
    return median_of(lambda: part_gradient(recipe, network, parameters, part))


def seconds_of_client(n_units, n_parts):
    """Of what is done with gradients in this process: sum, clipping, Adam."""
    network, rng = network_of(n_units), np.random.default_rng(0)
    size = network.layout.size
    found = [
        PartGradient(1.0, rng.standard_normal(size, dtype="float32"), None, None)
        for _ in range(n_parts)
    ]

    class Found:
        def gradients(self, *arguments):
            return found

    parameters, batch = np.zeros(size, "float32"), minibatch(BATCH)
    adam = Adam(size, np.float32, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    in_parts = InParts(n_parts, Found())

    def step():
        _, gradient, touched = in_parts.value_and_gradient(
            network, parameters, batch, None, None
        )
        scale = clip_scale(gradient, 1.0, touched)
        adam.step(parameters, gradient, 0.001, scale, touched)

    return median_of(step)


class Nothing:
    """A network, and a loss, that compute nothing: the gradient has so many numbers."""

    touched = None

    def __init__(self, size):
        self.size = size

    def __call__(self):
        return self

    def load(self, parameters, backward):
        pass

    def forward_of(self, batch, **options):
        return None, None

    def value_and_gradient(self, *arguments):
        return 0.0, None

    def backward(self, d_output, tapes):
        return np.zeros(self.size, "float32")


def seconds_of_round(client, n_parts, there=0, back=0, repeats=1):
    """Of rounds of parts that compute nothing, with so many bytes of parameters and of
    each gradient."""
    batch = minibatch(BATCH)
    who, network = OnCluster(client), Nothing(back // 4)
    who.begin(Recipe(network, network, None), batch)
    took = []
    try:
        parameters = np.zeros(there // 4, "float32")
        for _ in range(repeats + 2):
            start = time.perf_counter()
            who.gradients(parameters, list(parts_of(batch, n_parts)))
            took.append(time.perf_counter() - start)
    finally:
        who.end()
    return took[2:]


def processor_time(client):
    """Of client and scheduler, which are this process, and of all workers."""
    return time.process_time(), sum(client.run(time.process_time).values())


def line(x, y):
    """Intercept and slope."""
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope)


class Model:
    """Seconds of a step from terms that are measured each by itself."""

    def __init__(self, clusters, repeats):
        self.client = clusters[2]
        self.first, self.second = sorted(self.client.nthreads())
        rounds = {("empty", 2, n): (2, n, 0, 0) for n in TASKS}
        for mb in MEGABYTES:
            rounds["there", 1, mb] = 1, 1, mb * 10**6, 0
            rounds["there", 2, mb] = 2, 2, mb * 10**6, 0
            rounds["back", 2, mb] = 2, 2, 0, mb * 10**6
        took = {key: [] for key in rounds}
        for _ in range(max(3, repeats)):
            for key, (n, *which) in rounds.items():
                took[key] += seconds_of_round(clusters[n], *which, repeats=5)
        took = {key: statistics.median(values) for key, values in took.items()}
        self.took = took
        self.round, self.task = line(TASKS, [took["empty", 2, n] for n in TASKS])
        slopes = {
            key: line(MEGABYTES, [took[*key, mb] for mb in MEGABYTES])[1] / 1e6
            for key in (("there", 1), ("there", 2), ("back", 2))
        }
        # seconds of a byte: parameters to one worker, on to each other one, back
        self.there = slopes["there", 1]
        self.on = max(0.0, slopes["there", 2] - slopes["there", 1])
        self.back = slopes["back", 2] / 2
        self.n_bytes = cache(lambda n_units: 4 * network_of(n_units).layout.size)
        self.client_of = cache(seconds_of_client)
        self.part, self.part_beside = cache(self._part), cache(self._part_beside)

    def _part(self, n_units, n):
        """Of a part of n sequences, on a worker while the other one is idle."""
        if n > LARGEST:
            return self.part(n_units, LARGEST) * n / LARGEST
        return self.client.submit(
            seconds_of_part, n_units, n, workers=self.first, pure=False
        ).result()

    def _part_beside(self, n_units, n):
        """The same while both compute one."""
        both = [
            self.client.submit(seconds_of_part, n_units, n, workers=who, pure=False)
            for who in (self.first, self.second)
        ]
        return statistics.mean(self.client.gather(both))

    def terms(self, n_units, n_workers, n_parts):
        """Of all but parts: round, parameters, gradients, this process."""
        n_bytes = self.n_bytes(n_units)
        return [
            self.round + n_parts * self.task,
            n_bytes * (self.there + (n_workers - 1) * self.on),
            n_bytes * n_parts * self.back,
            self.client_of(n_units, n_parts),
        ]

    def step(self, n_units, batch, n_workers, n_parts, beside=False):
        part = self.part_beside if beside else self.part
        turns = -(-n_parts // n_workers)
        return turns * part(n_units, batch // n_parts) + sum(
            self.terms(n_units, n_workers, n_parts)
        )

    def alone(self, n_units, batch):
        """Of a step of a fit without a cluster, on one thread."""
        return self.part(n_units, batch) + self.client_of(n_units, 1)

    def gains(self, n_units, batch, n):
        """Of n workers and parts: beside one worker with as many parts, and beside a
        fit without a cluster."""
        step = self.step(n_units, batch, n, n)
        return (
            self.step(n_units, batch, 1, n) / step,
            self.alone(n_units, batch) / step,
        )


# ---- the tables --------------------------------------------------------------------


class Report:
    """What is printed, one after the other."""

    def __init__(self, clusters, options):
        self.clusters, self.options = clusters, options
        self.measured = {}  # (units, minibatch): seconds by the number of workers
        self.slower = 0.0  # than predicted, at most, with two workers

    @cached_property
    def model(self):
        return Model(self.clusters, self.options.repeats)

    def measure(self, n_units, batch):
        with OtherLoad() as load:
            steps, sent = steps_of(self.clusters, n_units, batch, self.options.repeats)
        medians = {n: statistics.median(values) for n, values in steps.items()}
        self.measured[n_units, batch] = medians
        return steps, medians, sent, load.share

    def steps(self):
        rows = []
        for n_units in self.options.units:
            steps, medians, sent, share = self.measure(n_units, BATCH)
            n_bytes = self.model.n_bytes(n_units)
            for n, median in medians.items():
                computed = self.model.part(n_units, BATCH // N_PARTS) * N_PARTS / n
                ratio, bar, met = medians[1] / median, "–", "–"
                if (n_units, n) == (256, 2):
                    bar, met = f"≥ {BAR}", "yes" if ratio >= BAR else "**no**"
                rows.append(
                    [
                        str(n_units), str(n), spread(steps[n], 0.001),
                        f"{1 / median:.1f}", f"{1000 * computed:.0f}",
                        f"{max(0, 1 - computed / median):.0%}",
                        f"{(n + N_PARTS) * n_bytes / 1e6:.2f}",
                        f"{(n - 1 + N_PARTS) * n_bytes / 1e6:.2f}",
                        f"{sent[n] / 1e6:.2f}", f"{ratio:.2f}", bar, met,
                        f"{share:.0%}",
                    ]
                )  # fmt: skip
        head = [
            "units", "workers", "ms a step", "steps/s", "of it parts, ms",
            "communication and the rest", "MB a step", "of it from workers",
            "counted by Dask", "1 worker ÷ these", "bar", "met?", "other load",
        ]  # fmt: skip
        print_table(head, rows)

    def terms(self):
        model = self.model
        rows = [
            ["a round of tasks", f"{1e3 * model.round:.1f} ms"],
            ["each task of it", f"{1e3 * model.task:.2f} ms"],
            ["parameters to the first worker", f"{1e9 * model.there:.2f} ms a MB"],
            ["on to each other worker", f"{1e9 * model.on:.2f} ms a MB"],
            ["a gradient back", f"{1e9 * model.back:.2f} ms a MB"],
        ]
        print_table(["term", "time"], rows)
        print("Medians of rounds in ms, with what their lines say in brackets:\n")
        print_table(
            ["empty tasks", *map(str, TASKS)],
            [
                ["two workers"]
                + [
                    f"{1e3 * model.took['empty', 2, n]:.0f} "
                    f"({1e3 * (model.round + n * model.task):.0f})"
                    for n in TASKS
                ]
            ],
        )
        head = ["MB of parameters or of each gradient", *map(str, MEGABYTES)]
        names = {
            ("there", 1): "parameters to one worker",
            ("there", 2): "parameters to two",
            ("back", 2): "two gradients back",
        }
        print_table(
            head,
            [
                [name, *(f"{1e3 * model.took[*key, mb]:.0f}" for mb in MEGABYTES)]
                for key, name in names.items()
            ],
        )
        sizes = [2**k for k in range(2, LARGEST.bit_length())]
        print(
            "Parts of so many sequences in ms on a worker, and sum of gradients, "
            "clipping and Adam in this process:\n"
        )
        print_table(
            ["units", *map(str, sizes), "2 gradients", "64 gradients"],
            [
                [str(n_units)]
                + [f"{1e3 * model.part(n_units, n):.1f}" for n in sizes]
                + [f"{1e3 * model.client_of(n_units, n):.1f}" for n in (2, 64)]
                for n_units in self.options.units
            ],
        )

    def check(self):
        for n_units, batch in ELSEWHERE:
            if n_units in self.options.units:
                self.measure(n_units, batch)
        rows = []
        for (n_units, batch), medians in self.measured.items():
            for n, median in medians.items():
                own = self.model.step(n_units, batch, n, N_PARTS)
                if n > 1:
                    self.slower = max(self.slower, median / own - 1)
                shared = self.model.step(n_units, batch, n, N_PARTS, beside=n == 2)
                rows.append(
                    [
                        str(n_units), str(batch), str(n), f"{1e3 * median:.0f}",
                        f"{1e3 * own:.0f}", f"{own / median - 1:+.0%}",
                        f"{1e3 * shared:.0f}", f"{shared / median - 1:+.0%}",
                        f"{medians[1] / median:.2f}",
                        f"{self.model.step(n_units, batch, 1, N_PARTS) / own:.2f}",
                    ]
                )  # fmt: skip
        head = [
            "units", "minibatch", "workers", "measured, ms", "predicted, ms", "error",
            "with parts beside each other, ms", "error", "1 worker ÷ these, measured",
            "predicted",
        ]  # fmt: skip
        print_table(head, rows)

    def check_rounds(self):
        rows = []
        with cluster_of(MANY) as client:
            for n_units in self.options.units:
                n_bytes = self.model.n_bytes(n_units)
                before = processor_time(client)
                took = seconds_of_round(
                    client, MANY, n_bytes, n_bytes, repeats=5 * self.options.repeats
                )
                here, there = (
                    1e3 * (b - a) / (len(took) + 2)
                    for a, b in zip(before, processor_time(client))
                )
                predicted = sum(self.model.terms(n_units, MANY, MANY)[:3])
                rows.append(
                    [
                        str(n_units), spread(took, 0.001), f"{1e3 * predicted:.0f}",
                        f"{predicted / statistics.median(took) - 1:+.0%}",
                        f"{here:.0f}", f"{there / MANY:.0f}",
                    ]
                )  # fmt: skip
        head = [
            "units", "measured, ms", "predicted, ms", "error",
            "processor time of client and scheduler, ms", "of each worker",
        ]  # fmt: skip
        print_table(head, rows)

    def more_workers(self):
        rows = []
        for n_units in self.options.units:
            for n in WORKERS:
                terms = [
                    self.model.part(n_units, BATCH // n),
                    *self.model.terms(n_units, n, n),
                ]
                one, alone = self.model.gains(n_units, BATCH, n)
                wire = 2 * n * self.model.n_bytes(n_units) * 8 / 10e9
                rows.append(
                    [
                        str(n_units), str(n), *(f"{1e3 * term:.1f}" for term in terms),
                        f"{1e3 * sum(terms):.0f}", f"{one:.1f}", f"{alone:.1f}",
                        f"{1e3 * wire:.0f}",
                    ]
                )  # fmt: skip
        head = [
            "units", "workers and parts", "a part, ms", "tasks", "parameters",
            "gradients", "sum, Adam", "a step, ms", "1 worker ÷ these",
            "no cluster ÷ these", "10 Gbit/s: at most so many ms more",
        ]  # fmt: skip
        print_table(head, rows)

    def pays(self):
        rows = []
        for n_units in self.options.units:
            for slower in (0.0, self.slower):
                row = [str(n_units), f"{slower:.0%}"]
                for n, least in PAYS.items():
                    gains = {b: self.model.gains(n_units, b, n) for b in BATCHES}
                    wanted = least * (1 + slower)
                    for beside in (0, 1):
                        enough = [b for b in BATCHES if gains[b][beside] >= wanted]
                        row.append(str(enough[0]) if enough else f"> {BATCHES[-1]}")
                rows.append(row)
        head = ["units", "steps slower by"]
        for n, least in PAYS.items():
            head += [f"{n} workers ≥ {least} x 1 worker", f"≥ {least} x no cluster"]
        print_table(head, rows)


def print_partitions(client, options):
    """What it costs that data live on the cluster."""
    print(
        f"## Data that live on the cluster\n\nTwo workers, {N_ITS_BATCHES} minibatches "
        f"of {BATCH}, the data sent to each worker once or in {N_PARTITIONS} "
        "partitions, of which each is on one. Rows are cut out for the next minibatch "
        "while one is computed, but not for the first one of an epoch. Medians of "
        f"{options.repeats} (smallest to largest), in turns.\n"
    )
    rows = []
    for n_units in options.units:
        with OtherLoad() as load:
            found = steps_by_place(client, n_units, options.repeats)
        medians = {place: statistics.median(of[0]) for place, of in found.items()}
        for place, (seconds, sent) in found.items():
            ratio = medians["sent"] / medians[place]
            rows.append(
                [
                    str(n_units), place, spread(seconds, 0.001),
                    f"{statistics.median(sent) / 1e6:.2f}", f"{ratio:.2f}",
                    f"{load.share:.0%}",
                ]
            )  # fmt: skip
    head = [
        "units", "data", "ms a step", "MB from workers, counted by Dask",
        "sent ÷ these", "other load",
    ]  # fmt: skip
    print_table(head, rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, nargs="+", default=UNITS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--only", choices=["partitions"], help="the last table alone, printed"
    )
    add_output(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if options.only:
        with cluster_of(2) as client:
            print_partitions(client, options)
        return
    names = ["dask_training"]
    if options.units != UNITS:
        names += map(str, options.units)
    with written_to(options.output, *names):
        print(f"# One model on a Dask cluster: {title()}\n\n{description()}.\n")
        with ExitStack() as stack:
            clusters = {n: stack.enter_context(cluster_of(n)) for n in (1, 2)}
            report = Report(clusters, options)
            print(
                f"## Steps\n\nMedians of {options.repeats} (smallest to largest), "
                "clusters in turns, the first round not counted. Minibatches of "
                f"{BATCH} sequences of {N_STEPS} steps and {N_FEATURES} features in "
                f"{N_PARTS} parts, float32, workers of one thread. Parameters go to "
                "each worker once in a step and each part has a gradient that comes "
                "back; what the first worker gets comes from the client, all else from "
                "workers, which is what Dask counts.\n"
            )
            report.steps()
            print("## What a step consists of\n")
            report.terms()
            print(
                "## Predicted and measured\n\nOnce with the time of parts on one "
                "worker while the other is idle, once with that of two parts beside "
                "each other. None of the terms was fitted to these steps. Client, "
                "scheduler and workers share the cores of this machine, which the "
                "model does not know.\n"
            )
            report.check()
            print(
                f"Rounds of {MANY} parts of {MANY} workers on these processors, which "
                "compute nothing but carry parameters there and gradients back:\n"
            )
            report.check_rounds()
            print(
                f"## More workers\n\nPredicted, minibatches of {BATCH} in as many "
                "parts as workers. All bytes went through the memory of one machine: "
                "in the last column they go through one network card, one after the "
                "other.\n"
            )
            report.more_workers()
            print(
                "## From where on it pays\n\nThe smallest minibatch of sequences of "
                f"{N_STEPS} steps, among powers of two from {BATCHES[0]} to "
                f"{BATCHES[-1]}, with which the gain is predicted: beside one worker "
                "with as many parts, and beside a fit without a cluster on one "
                "thread. Once as it is, once with the steps of several workers slower "
                "than predicted by as much as the worst of those that were measured.\n"
            )
            report.pays()
            print_partitions(clusters[2], options)


if __name__ == "__main__":
    main()
