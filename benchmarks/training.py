"""Training time of sklstm beside PyTorch and skorch, all of them in one run.

Two tables. The first trains one model in each library, an LSTM layer with a linear
head on its last hidden state, squared error, Adam, gradient clipping, and gives the
milliseconds of an epoch. The second takes one LSTM layer alone, forward and backward,
sklstm's kernels and torch.nn.LSTM. What is timed, and how, is in README.md beside this
file.

    python benchmarks/training.py
    python benchmarks/training.py --quick
    python benchmarks/training.py --threads 1 --shapes 3 4 --repeats 11

Every library runs in a process of its own for every number of threads, with
OMP_NUM_THREADS set before it is imported; the processes take turns, so that a change in
the machine's speed meets all of them. A library that is not installed is left out.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple


class Shape(NamedTuple):
    """T steps, F features, H hidden units, B sequences in a minibatch."""

    T: int
    F: int
    H: int
    B: int


SHAPES = [
    Shape(50, 1, 16, 32),
    Shape(100, 8, 32, 32),
    Shape(100, 16, 64, 64),
    Shape(100, 32, 128, 64),
    Shape(50, 64, 256, 64),
    Shape(35, 512, 512, 64),
]
TRAINING_SHAPES = SHAPES[:4]
N_SEQUENCES = 1000
LEARNING_RATE = 0.003
MAX_GRAD_NORM = 1.0
PAUSE = 0.02  # seconds between turns, for OpenMP's idle threads to fall asleep
LAYER_SECONDS = 0.1  # the least a measurement of one layer lasts


# ---- the work, in the process of a library -----------------------------------------


def make_data(shape):
    """Sequences (n, T, F) and targets (n,), the same in every process.

    The target, of mean 0 and variance about 1, is a sum over the last ten steps.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SEQUENCES, shape.T, shape.F), dtype=np.float32)
    y = X[:, -10:, 0].sum(axis=1) / np.sqrt(10)
    return X, y


class Sklstm:
    packages = ("sklstm", "numpy", "scikit-learn")

    def describe(self):
        from sklstm.kernels import effective_n_threads, instruction_set

        return f"instruction set {instruction_set}", effective_n_threads()

    def fit(self, shape, X, y, epochs):
        import numpy as np

        from sklstm import LSTMRegressor

        model = LSTMRegressor(
            shape.H,
            batch_size=shape.B,
            learning_rate_init=LEARNING_RATE,
            max_grad_norm=MAX_GRAD_NORM,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=np.inf,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # max_iter reached: that is the point
            start = time.perf_counter()
            model.fit(X, y)
            seconds = time.perf_counter() - start
        # The loss is half the squared error, in units of the standardised target.
        return seconds, 2 * model.loss_ * y.var()

    def layer_step(self, shape, x):
        import numpy as np

        from sklstm.kernels import Schedule, effective_n_threads
        from sklstm.network.layers import Recurrent

        layer = Recurrent(shape.F, shape.H, np.float32)
        weights = np.empty(layer.shape, dtype=np.float32)
        layer.initialize(weights, np.random.default_rng(0))
        d_weights = np.empty_like(weights)
        data = x.reshape(-1, shape.F)
        starts = np.arange(shape.B) * shape.T
        lengths = np.full(shape.B, shape.T)
        d_last = np.zeros((shape.B, layer.width), dtype=np.float32)
        d_last[:, : shape.H] = 1
        n_threads = effective_n_threads()

        def step():
            schedule = Schedule(starts, lengths)
            layer.load(weights, backward=True)
            layer.forward(
                schedule, data, schedule.data_rows, keep=True, n_threads=n_threads
            )
            layer.backward(d_weights, d_last=d_last, n_threads=n_threads)

        return step


def torch_model(shape):
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(shape.F, shape.H, batch_first=True)
            self.head = torch.nn.Linear(shape.H, 1)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return Model()


class Torch:
    packages = ("torch", "numpy")

    def describe(self):
        import torch

        capability = torch.backends.cpu.get_cpu_capability()
        return f"CPU capability {capability}", torch.get_num_threads()

    def fit(self, shape, X, y, epochs):
        import torch

        torch.manual_seed(0)
        X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]
        start = time.perf_counter()
        model = torch_model(shape)
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
            mean_loss = total.item() / len(X)
        return time.perf_counter() - start, mean_loss

    def layer_step(self, shape, x):
        import torch

        x = torch.from_numpy(x)
        layer = torch.nn.LSTM(shape.F, shape.H, batch_first=True)
        parameters = list(layer.parameters())
        d_last = torch.ones(shape.B, shape.H)

        def step():
            last = layer(x)[0][:, -1]
            torch.autograd.grad(last, parameters, d_last)

        return step


class Skorch(Torch):
    packages = ("skorch", "torch", "numpy")

    def fit(self, shape, X, y, epochs):
        import torch
        from skorch import NeuralNetRegressor
        from skorch.callbacks import GradientNormClipping

        torch.manual_seed(0)
        net = NeuralNetRegressor(
            torch_model(shape),
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=LEARNING_RATE,
            batch_size=shape.B,
            max_epochs=epochs,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks=[("clipping", GradientNormClipping(MAX_GRAD_NORM))],
            verbose=0,
        )
        start = time.perf_counter()
        net.fit(X, y[:, None])
        return time.perf_counter() - start, net.history[-1, "train_loss"]


LIBRARIES = {"sklstm": Sklstm, "torch": Torch, "skorch": Skorch}


def serve(connection, name):
    """Do what the parent asks for until it asks for nothing."""
    library = LIBRARIES[name]()
    versions = [f"{package} {version(package)}" for package in library.packages]
    connection.send((versions, *library.describe()))
    known = {}
    while (task := connection.recv()) is not None:
        kind, shape, epochs = task
        if task not in known:
            X, y = make_data(shape)
            if kind == "layer":
                known = {task: library.layer_step(shape, X[: shape.B].copy())}
            else:
                known = {task: (shape, X, y, epochs)}
        if kind == "fit":
            connection.send(library.fit(*known[task]))
        else:
            connection.send(time_step(known[task]))


def time_step(step):
    """Seconds of one call, the mean of as many as fill LAYER_SECONDS."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < LAYER_SECONDS:
        step()
        calls += 1
    return elapsed / calls, None


# ---- the parent: who is asked what, and when ---------------------------------------


class Worker:
    """The process of one library and one number of threads."""

    def __init__(self, name, n_threads):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name), daemon=True)
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = str(n_threads)
        try:
            self.process.start()
        finally:
            if before is None:
                del os.environ["OMP_NUM_THREADS"]
            else:
                os.environ["OMP_NUM_THREADS"] = before
        theirs.close()
        self.versions, self.note, self.n_threads = self.connection.recv()

    def ask(self, *task):
        time.sleep(PAUSE)
        self.connection.send(task)
        return self.connection.recv()

    def stop(self):
        self.connection.send(None)
        self.process.join()


def alternate(workers, repeats, *task):
    """Seconds by library, workers in turn, without the first round; last losses."""
    seconds = {worker.name: [] for worker in workers}
    losses = {}
    for repeat in range(repeats + 1):
        for worker in workers:
            elapsed, losses[worker.name] = worker.ask(*task)
            if repeat:
                seconds[worker.name].append(elapsed)
    return seconds, losses


def spread(values, unit):
    """Median and range in units of `unit` seconds, as text."""
    values = [value / unit for value in values]
    median = statistics.median(values)
    digits = 1 if median >= 10 else 2
    low, high = min(values), max(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratios(seconds, peers):
    ours = statistics.median(seconds["sklstm"])
    return [f"{statistics.median(seconds[peer]) / ours:.2f}" for peer in peers]


def print_table(head, rows):
    """A Markdown table whose columns are also aligned in a terminal."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def training_table(workers_by_threads, shapes, repeats, epochs):
    names = [worker.name for worker in next(iter(workers_by_threads.values()))]
    head = ["T, F, H, batch", "threads"]
    head += [f"{name} ms" for name in names]
    head += [f"{peer} / sklstm" for peer in names[1:]]
    head += [f"{name} loss" for name in names]
    rows = []
    for n_threads, workers in workers_by_threads.items():
        for shape in shapes:
            seconds, losses = alternate(workers, repeats, "fit", shape, epochs)
            rows.append(
                [
                    ", ".join(map(str, shape)),
                    str(n_threads),
                    *(spread(seconds[name], 1e-3 * epochs) for name in names),
                    *ratios(seconds, names[1:]),
                    *(f"{losses[name]:.3f}" for name in names),
                ]
            )
    print(
        f"Training: ms per epoch of {N_SEQUENCES} sequences, float32, fits of {epochs} "
        f"epochs;\nmedian of {repeats} (smallest to largest); mean squared error in "
        "the last epoch.\n"
    )
    print_table(head, rows)


def flops(shape):
    """Forward, and the same for d_W, and d_h: multiplications and additions."""
    T, F, H, B = shape
    return (2 * 8 * H * (F + H) + 8 * H * H) * T * B


def layer_table(workers_by_threads, shapes, repeats):
    head = ["T, F, H, batch", "threads"]
    rows, names = [], []
    for n_threads, workers in workers_by_threads.items():
        workers = [worker for worker in workers if worker.name != "skorch"]
        names = [worker.name for worker in workers]
        for shape in shapes:
            seconds, _ = alternate(workers, repeats, "layer", shape, None)
            rates = (
                flops(shape) / statistics.median(seconds[name]) / 1e9 for name in names
            )
            rows.append(
                [
                    ", ".join(map(str, shape)),
                    str(n_threads),
                    *(spread(seconds[name], 1e-3) for name in names),
                    *(f"{rate:.0f}" for rate in rates),
                    *ratios(seconds, names[1:]),
                ]
            )
    head += [f"{name} ms" for name in names] + [f"{name} GF/s" for name in names]
    head += [f"{peer} / sklstm" for peer in names[1:]]
    print(
        "One LSTM layer: ms of one forward and backward pass over a minibatch, "
        f"float32;\nmedian of {repeats} (smallest to largest).\n"
    )
    print_table(head, rows)


def processor():
    """The name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [
            line.split(":", 1)[1].strip() for line in lines if "model name" in line
        ]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def print_setting(workers_by_threads):
    print(f"{processor()}, {os.cpu_count()} processors, {platform.platform()}")
    print(f"Python {platform.python_version()}")
    for n_threads, workers in workers_by_threads.items():
        for worker in workers:
            print(
                f"OMP_NUM_THREADS={n_threads}: {', '.join(worker.versions)}; "
                f"{worker.note}; {worker.n_threads} threads"
            )
    print(flush=True)


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
            print(
                f"{name} is left out, because {error.name} is not installed. The "
                'peers come with pip install ".[bench]".'
            )
        else:
            names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Shapes (T, F, H, batch): "
        + "; ".join(f"{k} is {tuple(shape)}" for k, shape in enumerate(SHAPES, 1))
        + f". Whole models are trained at the first {len(TRAINING_SHAPES)}.",
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=5, help="epochs of a fit")
    parser.add_argument(
        "--shapes", type=int, nargs="+", choices=range(1, len(SHAPES) + 1),
        default=range(1, len(SHAPES) + 1), help="numbers of the shapes to run",
    )  # fmt: skip
    parser.add_argument(
        "--quick", action="store_true", help="shapes 1 and 2, 3 repeats, 2 epochs"
    )
    options = parser.parse_args()
    if min(options.threads + [options.repeats, options.epochs]) < 1:
        parser.error("threads, repeats and epochs must be at least 1")
    if options.quick:
        options.shapes, options.repeats, options.epochs = [1, 2], 3, 2

    names = installed_libraries()
    workers_by_threads = {
        n_threads: [Worker(name, n_threads) for name in names]
        for n_threads in dict.fromkeys(options.threads)
    }
    print_setting(workers_by_threads)
    shapes = [SHAPES[k - 1] for k in options.shapes]
    training_shapes = [shape for shape in shapes if shape in TRAINING_SHAPES]
    start = time.perf_counter()
    if training_shapes:
        training_table(
            workers_by_threads, training_shapes, options.repeats, options.epochs
        )
    layer_table(workers_by_threads, shapes, options.repeats)
    print(f"{time.perf_counter() - start:.0f} s")
    for workers in workers_by_threads.values():
        for worker in workers:
            worker.stop()


if __name__ == "__main__":
    main()
