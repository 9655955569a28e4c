"""How cost grows: time per row-step and peak memory of sklstm, PyTorch beside it.

One plot and one Markdown table for each thing that grows: steps, sequences, features,
units, minibatch, threads, and memory against steps and sequences. What is timed is said
in docs/performance/README.md. The plots need matplotlib; PyTorch is left out where it
is not installed.

    python benchmarks/cost.py                  # into the folder of this machine
    python benchmarks/cost.py --only steps memory
    python benchmarks/cost.py --quick --output-dir plots

Every library runs in a process of its own, with OMP_NUM_THREADS set before it is
imported; the processes take turns, so that a change in the machine's speed meets all of
them. Memory is measured in a fresh process for every number.
"""

import argparse
import math
import os
import platform
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from _machine import description, folder, title, today, written_to
from _plots import LABELS, Plots, progress
from _workers import Worker, print_table

# NumPy and matplotlib are imported late: a process that is started inherits the peak
# memory of the one that starts it.


class Shape(NamedTuple):
    """n sequences, T steps, F features, H hidden units, B sequences in a minibatch."""

    n: int
    T: int
    F: int
    H: int
    B: int


BASE = Shape(n=320, T=100, F=8, H=32, B=32)
EPOCHS = 5
PEER_BATCH = 256  # sequences that PyTorch predicts at once
LEARNING_RATE = 0.003
MAX_GRAD_NORM = 1.0
LEAST_SECONDS = 0.05  # the least a measurement lasts, in calls one after the other


# ---- the work, in the process of a library -----------------------------------------


def make_data(shape):
    """Sequences (n, T, F) and targets (n,), without a temporary of their size."""
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.standard_normal((shape.n, shape.T, shape.F), dtype=np.float32)
    return X, X[:, -10:, 0].sum(axis=1)


class Sklstm:
    packages = ("sklstm", "numpy", "scikit-learn")

    def describe(self):
        from sklstm._kernels import instruction_set

        return f"sklstm {version('sklstm')} ({instruction_set})"

    def fit(self, shape, X, y, epochs):
        import numpy as np

        from sklstm import LSTMRegressor

        model = LSTMRegressor(
            shape.H,
            batch_size=min(shape.B, shape.n),
            learning_rate_init=LEARNING_RATE,
            max_grad_norm=MAX_GRAD_NORM,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=np.inf,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # max_iter reached: that is the point
            return model.fit(X, y)

    def predict(self, model, X):
        return model.predict(X)


class Torch:
    packages = ("torch", "numpy")

    def describe(self):
        import torch

        capability = torch.backends.cpu.get_cpu_capability()
        return f"torch {version('torch')} ({capability})"

    def fit(self, shape, X, y, epochs):
        import torch

        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(shape.F, shape.H, batch_first=True)
                self.head = torch.nn.Linear(shape.H, 1)

            def forward(self, x):
                return self.head(self.lstm(x)[0][:, -1])

        torch.manual_seed(0)
        X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]
        model = Model()
        parameters = list(model.parameters())
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
        criterion = torch.nn.MSELoss()
        for _ in range(epochs):
            total = torch.zeros(())
            order = torch.randperm(len(X))
            for begin in range(0, len(X), shape.B):
                rows = order[begin : begin + shape.B]
                optimizer.zero_grad()
                loss = criterion(model(X[rows]), y[rows])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
                optimizer.step()
                total += loss.detach() * len(rows)
            total.item()
        return model.eval()

    def predict(self, model, X):
        import torch

        with torch.inference_mode():
            batches = torch.from_numpy(X).split(PEER_BATCH)
            return torch.cat([model(batch) for batch in batches]).numpy()


LIBRARIES = {"sklstm": Sklstm, "torch": Torch}
JOBS = ("fit", "predict")


class Jobs:
    """What the parent may ask for; the last data and model are kept."""

    def __init__(self, name, n_threads):
        self.library = LIBRARIES[name]()
        self.n_threads = n_threads
        self.shape = self.model = None
        self.elapsed = self.elapsed_on_cpu = 0.0

    def describe(self):
        return self.library.describe()

    def prepare(self, shape):
        if shape != self.shape:
            self.shape, self.model = shape, None
            self.X, self.y = make_data(shape)

    def prepare_model(self, shape):
        self.prepare(shape)
        if self.model is None:
            few = shape._replace(n=min(shape.n, 2))
            self.model = self.library.fit(few, self.X[:2], self.y[:2], 1)

    def fit(self, shape, epochs):
        """Seconds of a fit, right after another one.

        A virtual machine may give free memory back to its host within a second, and
        then the first touch of it takes several times as long as an epoch.
        """
        self.prepare(shape)
        self.library.fit(shape, self.X, self.y, 1)
        return self.time(lambda: self.library.fit(shape, self.X, self.y, epochs))

    def predict(self, shape):
        """Seconds of a prediction of all sequences."""
        self.prepare_model(shape)
        return self.time(lambda: self.library.predict(self.model, self.X))

    def time(self, call):
        """Seconds of a call; of one thread, which never waits, the processor's time.

        A busy machine changes that less than the time of day.
        """
        calls, elapsed = 0, 0.0
        start, start_on_cpu = time.perf_counter(), time.process_time()
        while elapsed < LEAST_SECONDS:
            call()
            calls += 1
            elapsed = time.perf_counter() - start
        elapsed_on_cpu = time.process_time() - start_on_cpu
        self.elapsed += elapsed
        self.elapsed_on_cpu += elapsed_on_cpu
        return (elapsed_on_cpu if self.n_threads == 1 else elapsed) / calls

    def share(self):
        """Processors that this process had in all the time that was measured."""
        return self.elapsed_on_cpu / self.elapsed

    def memory(self, shape, kind):
        """Bytes by which one call raises the peak of this process; bytes of the data.

        What a first call brings (imports, code, threads) is there already: a small fit
        and prediction come before.
        """
        self.prepare_model(shape._replace(n=2, T=10))
        self.library.predict(self.model, self.X)
        self.X, self.y = make_data(shape)
        before = peak_memory()
        if kind == "fit":
            self.library.fit(shape, self.X, self.y, 1)
        else:
            self.library.predict(self.model, self.X)
        return peak_memory() - before, self.X.nbytes


def peak_memory():
    """Bytes of main memory this process has had at the most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ---- the parent: who is asked what, and when ---------------------------------------


def worker_of(name, n_threads):
    """The process of one library and one number of threads."""
    return Worker(Jobs, (name, n_threads), {"OMP_NUM_THREADS": str(n_threads)})


def alternate(asked, repeats):
    """Median seconds of each (worker, job, ...), in turn, without the first round."""
    rounds = [
        [worker.ask(*task) for worker, *task in asked] for _ in range(repeats + 1)
    ]
    return [statistics.median(seconds) for seconds in zip(*rounds[1:])]


class Setting:
    """What a run knows: who takes part, how often, what machine it is."""

    def __init__(self, names, quick, repeats):
        self.names = names
        self.quick = quick
        self.repeats = repeats
        self.versions = []
        for name in names:
            with worker_of(name, 1) as worker:
                self.versions.append(worker.ask("describe"))
        self.versions.append(f"numpy {version('numpy')}")

    def workers(self, n_threads):
        return [worker_of(name, n_threads) for name in self.names]

    def caption(self, threads):
        return (
            f"{title()}; {today()}; {threads}; float32; "
            f"Python {platform.python_version()}\n{', '.join(self.versions)}"
        )


# ---- what grows --------------------------------------------------------------------


def steps_shapes(quick):
    """The same number of row-steps in sequences of ever more steps."""
    total = 32_000 if quick else 320_000
    counts = (10, 100, 1000) if quick else (10, 30, 100, 300, 1000, 3000, 10_000)
    return [(T, BASE._replace(T=T, n=max(BASE.B, total // T))) for T in counts]


def sequences_shapes(quick):
    short = BASE._replace(T=10)
    counts = [10, 30, 100, 300, 1000]
    if not quick:
        counts += [3000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    return [(n, short._replace(n=n)) for n in counts]


def features_shapes(quick):
    counts = (1, 16, 64) if quick else (1, 4, 16, 64, 256, 1024)
    return [(F, BASE._replace(F=F)) for F in counts]


def units_shapes(quick):
    counts = (16, 32, 64) if quick else (8, 16, 20, 32, 50, 64, 100, 128, 256, 512)
    base = BASE._replace(F=16)
    return [(H, base._replace(H=H, n=320 if H <= 128 else 64)) for H in counts]


def batch_shapes(quick):
    counts = (4, 32, 128) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    return [(B, BASE._replace(B=B, n=256)) for B in counts]


class Sweep(NamedTuple):
    """One thing grows, the others stay."""

    title: str
    axis: str
    shapes: Callable
    jobs: tuple = JOBS
    fit_limit: float = math.inf  # sequences, above which there is no fit


SWEEPS = {
    "steps": Sweep(
        f"Steps: the same row-steps in longer sequences, F = {BASE.F}, H = {BASE.H}, "
        f"batch {BASE.B}",
        "T, steps of a sequence",
        steps_shapes,
    ),
    "sequences": Sweep(
        f"Sequences of 10 steps, F = {BASE.F}, H = {BASE.H}, batch {BASE.B}",
        "n, sequences",
        sequences_shapes,
        fit_limit=30_000,
    ),
    "features": Sweep(
        f"Features: T = {BASE.T}, H = {BASE.H}, n = {BASE.n}, batch {BASE.B}",
        "F, features of a step",
        features_shapes,
    ),
    "units": Sweep(
        f"Units: T = {BASE.T}, F = 16, batch {BASE.B}, n = 320 (64 above H = 128)",
        "H, hidden units",
        units_shapes,
    ),
    "batch": Sweep(
        f"Minibatch: T = {BASE.T}, F = {BASE.F}, H = {BASE.H}, n = 256",
        "batch, sequences in a minibatch",
        batch_shapes,
        jobs=("fit",),
    ),
}


def run_sweep(name, setting, output_dir):
    """Nanoseconds per row-step against what grows, one thread: a table and a plot."""
    sweep = SWEEPS[name]
    points = sweep.shapes(setting.quick)
    lines = {}  # (job, line) to {x: ns per row-step}
    workers = setting.workers(1)
    for x, shape in points:
        progress(f"{name}: {x}")
        row_steps = shape.n * shape.T * 1e-9
        if shape.n <= sweep.fit_limit:
            # A fit is a set-up and EPOCHS epochs; a fit of one epoch tells them apart.
            asked = [(worker, "fit", shape, EPOCHS) for worker in workers]
            asked.append((workers[0], "fit", shape, 1))
            *whole, one = alternate(asked, setting.repeats)
            for library, seconds in zip(setting.names, whole):
                add(lines, "fit", library, x, seconds / EPOCHS / row_steps)
            epoch = (whole[0] - one) / (EPOCHS - 1)
            add(lines, "fit", "epoch", x, epoch / row_steps)
            add(lines, "fit", "set-up", x, (one - epoch) / row_steps)
        if "predict" in sweep.jobs:
            asked = [(worker, "predict", shape) for worker in workers]
            predictions = alternate(asked, setting.repeats)
            for library, seconds in zip(setting.names, predictions):
                add(lines, "predict", library, x, seconds / row_steps)
    share = min(worker.ask("share") for worker in workers)
    for worker in workers:
        worker.stop()

    head = [sweep.axis.split(",")[0]]
    columns = []
    for job in sweep.jobs:
        shown = [*setting.names, "epoch", "set-up"] if job == "fit" else setting.names
        for line in shown:
            columns.append(lines[job, line])
            head.append(f"{job} {LABELS.get(line, line)}")
            if line == "torch":
                columns.append(quotient(lines[job, line], lines[job, "sklstm"]))
                head.append("PyTorch ÷ sklstm")
    print_section(sweep.title, setting.caption("OMP_NUM_THREADS=1"))
    print(
        "Nanoseconds of processor time per row-step, medians of "
        f"{setting.repeats}. `fit` is a fit of {EPOCHS} epochs divided by "
        f"{EPOCHS}; `epoch` is one of sklstm's without the "
        "`set-up`, which is made once for a fit and stands here undivided. The "
        f"processes had {share:.0%} of a processor or more while they were timed.\n"
    )
    print_table(
        head,
        [
            [number_text(x), *(value_text(column.get(x)) for column in columns)]
            for x, _ in points
        ],
    )

    plots = Plots(1, len(sweep.jobs), setting.caption("one thread"), sweep.title)
    for axes, job in zip(plots.axes, sweep.jobs):
        for library in setting.names:
            axes.line(lines[job, library], library)
        if job == "fit":
            axes.line(lines[job, "epoch"], "epoch")
        axes.finish(job, sweep.axis, "ns per row-step")
    plots.save(output_dir / f"{name}.svg")


def add(lines, job, line, x, value):
    lines.setdefault((job, line), {})[x] = value


def quotient(above, below):
    return {x: above[x] / below[x] for x in above}


THREAD_SHAPES = [
    Shape(1000, 50, 1, 16, 32),
    Shape(1000, 100, 8, 32, 32),
    Shape(1000, 100, 16, 64, 64),
    Shape(1000, 100, 32, 128, 64),
]


def run_threads(setting, output_dir, threads):
    """Milliseconds of an epoch and of a prediction against the number of threads."""
    shapes = THREAD_SHAPES[:2] if setting.quick else THREAD_SHAPES
    who = [(name, n_threads) for n_threads in threads for name in setting.names]
    workers = [worker_of(name, n_threads) for name, n_threads in who]
    lines = {}
    for shape in shapes:
        progress(f"threads: H = {shape.H}")
        for job, *rest in (("fit", shape, EPOCHS), ("predict", shape)):
            asked = [(worker, job, *rest) for worker in workers]
            results = alternate(asked, setting.repeats)
            calls = EPOCHS if job == "fit" else 1
            for (name, n_threads), seconds in zip(who, results):
                add(lines, job, (name, shape), n_threads, seconds / calls * 1e3)
    for worker in workers:
        worker.stop()

    title = "Threads: an epoch and a prediction of 1000 sequences"
    caption = setting.caption("OMP_NUM_THREADS as shown")
    print_section(title, caption)
    print(f"Milliseconds, medians of {setting.repeats}.\n")
    head = ["T, F, H, batch", "threads"]
    head += [f"{job} {LABELS[name]}" for job in JOBS for name in setting.names]
    rows = [
        [
            ", ".join(map(str, shape[1:])),
            str(n_threads),
            *(
                value_text(lines[job, (name, shape)][n_threads])
                for job in JOBS
                for name in setting.names
            ),
        ]
        for shape in shapes
        for n_threads in threads
    ]
    print_table(head, rows)

    plots = Plots(1, 2, caption, title)
    for axes, job in zip(plots.axes, JOBS):
        for k, shape in enumerate(shapes):
            for name in setting.names:
                axes.line(
                    lines[job, (name, shape)],
                    name,
                    label=f"{LABELS[name]}, H = {shape.H}",
                    color=f"C{k}",
                )
        axes.finish(job, "threads", "ms", ticks=threads)
    plots.save(output_dir / "threads.svg")


LEAST_MIB = 0.5  # what a call raises by chance
PANELS = [(job, axis) for job in JOBS for axis in ("T", "n")]


def run_memory(setting, output_dir):
    """Megabytes by which a call raises the peak, against T and n."""
    steps = (10, 1000) if setting.quick else (10, 100, 1000, 3000, 10_000)
    counts = (1000, 10_000) if setting.quick else (1000, 10_000, 100_000, 1_000_000)
    few = BASE._replace(n=64)
    short = BASE._replace(T=10)
    shapes = {
        "T": [(T, few._replace(T=T)) for T in steps],
        "n": [(n, short._replace(n=n)) for n in counts],
    }
    lines = {}
    for job, axis in PANELS:
        for x, shape in shapes[axis]:
            for name in setting.names:
                if job == "fit" and name != "sklstm" and shape.n > 100_000:
                    continue  # an epoch takes half a minute
                progress(f"memory: {job}, {axis} = {x}, {name}")
                with worker_of(name, 1) as worker:
                    peak, data = worker.ask("memory", shape, job)
                add(lines, (job, axis), name, x, max(peak / 2**20, LEAST_MIB))
                add(lines, (job, axis), "data", x, data / 2**20)

    title = f"Peak memory beyond the data, F = {BASE.F}, H = {BASE.H}, batch {BASE.B}"
    caption = setting.caption("one thread")
    print_section(title, caption)
    print(
        "MiB by which one call raises the peak of a fresh process; less than "
        f"{LEAST_MIB} stands as {LEAST_MIB}. Against T: n = {few.n}; against n: T = "
        f"{short.T}.\n"
    )
    head = ["call", "grows", "", "data", *(LABELS[name] for name in setting.names)]
    rows = []
    for job, axis in PANELS:
        for x, _ in shapes[axis]:
            columns = [
                lines[(job, axis), name].get(x) for name in ["data", *setting.names]
            ]
            rows.append([job, axis, number_text(x), *map(value_text, columns)])
    print_table(head, rows)

    plots = Plots(2, 2, caption, title)
    names = {"T": "T, steps (64 sequences)", "n": "n, sequences (10 steps)"}
    for axes, (job, axis) in zip(plots.axes, PANELS):
        for name in setting.names:
            axes.line(lines[(job, axis), name], name)
        axes.line(lines[(job, axis), "data"], "data")
        axes.finish(job, names[axis], "MiB")
    plots.save(output_dir / "memory.svg")


# ---- tables ------------------------------------------------------------------------


def print_section(title, caption):
    print(f"## {title}\n\n{caption}\n")


def number_text(x):
    return f"{x:,}"


def value_text(value):
    """Three digits, or nothing where nothing was measured."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


# ---- the command -------------------------------------------------------------------


def installed_libraries():
    """Names of the libraries that can take part, sklstm first."""
    names = []
    for name, library in LIBRARIES.items():
        try:
            for package in library.packages:
                version(package)
        except PackageNotFoundError as error:
            if name == "sklstm":
                raise SystemExit(f"{error.name} is not installed.") from None
            progress(f"{LABELS[name]} is left out: {error.name} is not installed.")
        else:
            names.append(name)
    return names


def default_threads():
    """1, 2, 4, ... and the number of processors."""
    n_cpus = os.cpu_count()
    return sorted({n_cpus, *(2**k for k in range(n_cpus.bit_length()))})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = [*SWEEPS, "threads", "memory"]
    parser.add_argument(
        "--only", nargs="+", choices=choices, default=choices, help="what to run"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few points, 2 repeats, one minute"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=default_threads(),
        help="numbers of threads in the plot against threads",
    )  # fmt: skip
    parser.add_argument(
        "--output-dir", type=Path, help=f"of the figures and tables; {folder()}"
    )
    options = parser.parse_args()
    if min(options.threads + [options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    if options.quick and options.output_dir is None:
        parser.error("--quick has too few points for docs: give an --output-dir")
    try:
        version("matplotlib")
    except PackageNotFoundError:
        raise SystemExit("The plots need matplotlib, which is not installed.") from None
    names = ["cost"] if options.only is choices else ["cost", *options.only]
    output_dir = options.output_dir or folder()
    start = time.perf_counter()
    with written_to(output_dir / f"{'-'.join(names)}.md"):
        run(options, output_dir)
    progress(f"{time.perf_counter() - start:.0f} s")


def run(options, output_dir):
    print(f"# How cost grows: {title()}\n\n{description()}.\n")
    repeats = 2 if options.quick else options.repeats
    setting = Setting(installed_libraries(), options.quick, repeats)
    # Memory first: afterwards this process has matplotlib in it.
    if "memory" in options.only:
        run_memory(setting, output_dir)
    for name in SWEEPS:
        if name in options.only:
            run_sweep(name, setting, output_dir)
    if "threads" in options.only:
        run_threads(setting, output_dir, sorted(set(options.threads)))


if __name__ == "__main__":
    main()
