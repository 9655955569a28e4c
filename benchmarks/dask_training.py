"""One model on the workers of a Dask cluster: steps a second and where they go.

    python benchmarks/dask_training.py
    python benchmarks/dask_training.py --units 256 --repeats 5
    python benchmarks/dask_training.py --output    # into the folder of this machine

`sklstm.dask.fit` of an LSTM on sequences of 100 steps of 64 features, in minibatches of
256 in two parts, on clusters of one and of two workers of one thread, in turns; client
and scheduler are on the same machine. A step is the difference between fits of four
epochs and of one, so that what is done once does not count. The parts alone are timed
in this process: what a step takes beyond them on as many workers is communication, the
scheduler and the optimizer. The last table puts what was measured into a model of more
workers: each computes one part of as many as there are workers, parameters go to each
and gradients come back from each one after the other.
"""

import argparse
import os
import statistics
import time
import warnings

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
from sklstm._training.feeds import Minibatches, TrainingSet  # noqa: E402
from sklstm._training.parts import Recipe, part_gradient, parts_of  # noqa: E402

UNITS = [64, 256, 512]
N_STEPS, N_FEATURES, BATCH, N_BATCHES, N_PARTS = 100, 64, 256, 4, 2
MORE = [2, 4, 8, 16, 32, 64]
BAR = 1.6


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((BATCH * N_BATCHES, N_STEPS, N_FEATURES)).astype("float32")
    return X, np.arange(len(X)) % 4


def seconds_of_step(X, y, n_units, client, n_parts=N_PARTS):
    """Of an optimizer step, by the clock."""
    took = {}
    for epochs in (1, 4):
        model = LSTMClassifier(
            n_units, batch_size=BATCH, max_iter=epochs, random_state=0, dtype="float32"
        )
        start = time.perf_counter()
        sklstm.dask.fit(model, X, y, client=client, n_parts=n_parts)
        took[epochs] = time.perf_counter() - start
    return (took[4] - took[1]) / (3 * N_BATCHES)


def seconds_of_parts(X, y, n_units, n_parts):
    """Of the parts of a minibatch one after the other in this process."""
    architecture = {
        "n_features": N_FEATURES, "hidden_layer_sizes": (n_units,), "n_outputs": 4,
        "dtype": np.dtype("float32"),
    }  # fmt: skip
    network = whole_sequence_network(**architecture)
    rng = np.random.RandomState(0)
    parameters = network.initialize(rng, np.zeros(4))
    n = len(X)
    samples = TrainingSet(
        X.reshape(-1, N_FEATURES), np.arange(n) * N_STEPS, np.full(n, N_STEPS), y
    )
    batch = next(Minibatches(samples, BATCH).epoch(rng))
    recipe = Recipe(None, SoftmaxCrossEntropy(), None)
    took = []
    for _ in range(4):
        start = time.perf_counter()
        for part in parts_of(batch, n_parts):
            part_gradient(recipe, network, parameters, part)
        took.append(time.perf_counter() - start)
    return statistics.median(took[1:]), parameters.nbytes


def print_measured(clusters, X, y, options):
    """The table of what was measured; for the model, by units: seconds of a step and of
    its parts by the number of workers, and bytes of the parameters."""
    rows, known = [], {}
    for n_units in options.units:
        steps = {n: [] for n in clusters}
        with OtherLoad() as load:
            for _ in range(options.repeats + 1):
                for n, client in clusters.items():
                    steps[n].append(seconds_of_step(X, y, n_units, client))
        parts, n_bytes = seconds_of_parts(X, y, n_units, N_PARTS)
        medians = {}
        for n in clusters:
            steps[n] = steps[n][1:]
            medians[n] = median = statistics.median(steps[n])
            computed = parts / min(n, N_PARTS)
            ratio = medians[1] / median
            met = (
                "–" if n != 2 or n_units != 256 else "yes" if ratio >= BAR else "**no**"
            )
            rows.append(
                [
                    str(n_units), str(n), spread(steps[n], 0.001),
                    f"{1 / median:.1f}", f"{1000 * computed:.0f}",
                    f"{max(0, 1 - computed / median):.0%}",
                    f"{(n + N_PARTS) * n_bytes / 1e6:.1f}", f"{ratio:.2f}",
                    f"≥ {BAR}" if met != "–" else "–", met, f"{load.share:.0%}",
                ]
            )  # fmt: skip
        known[n_units] = medians, parts, n_bytes
    head = [
        "units", "workers", "ms a step", "steps/s", "of it its parts, ms",
        "communication and the rest", "MB a step", "1 worker ÷ these", "bar", "met?",
        "other load",
    ]  # fmt: skip
    print_table(head, rows)
    return known


def print_model(known, X, y):
    """More workers than there are here, one part each."""
    rows = []
    for n_units, (medians, parts, _) in known.items():
        # what a step takes beyond its parts, of one worker and of each more
        beyond = medians[1] - parts
        more = max(0.0, medians[2] - parts / 2 - beyond)
        for n in MORE:
            computed = seconds_of_parts(X, y, n_units, n)[0] / n
            step = computed + beyond + (n - 1) * more
            rows.append(
                [
                    str(n_units), str(n), f"{1000 * computed:.1f}",
                    f"{1000 * step:.0f}", f"{medians[1] / step:.1f}",
                    f"{1000 * medians[n]:.0f}" if n in medians else "",
                ]
            )  # fmt: skip
    head = [
        "units", "workers and parts", "a part, ms", "a step, ms", "1 worker ÷ these",
        "measured, ms",
    ]  # fmt: skip
    print_table(head, rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, nargs="+", default=UNITS)
    parser.add_argument("--repeats", type=int, default=3)
    add_output(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = data()
    with written_to(options.output, "dask_training"):
        print(f"# One model on a Dask cluster: {title()}\n\n{description()}.\n")
        print(
            f"Medians of {options.repeats} (smallest to largest), clusters in turns, "
            f"the first round not counted. Minibatches of {BATCH} sequences of "
            f"{N_STEPS} steps and {N_FEATURES} features in {N_PARTS} parts.\n"
        )
        clusters, opened = {}, []
        for n in (1, 2):
            cluster = LocalCluster(
                n_workers=n, threads_per_worker=1, dashboard_address=None
            )
            clusters[n] = Client(cluster)
            opened += [clusters[n], cluster]
        try:
            known = print_measured(clusters, X, y, options)
        finally:
            for one in opened:
                one.close()
        print("\n## More workers\n")
        print_model(known, X, y)


if __name__ == "__main__":
    main()
