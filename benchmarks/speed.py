"""sklstm beside PyTorch, skorch, Keras and ONNX Runtime, all of them in one run.

    python benchmarks/speed.py
    python benchmarks/speed.py --quick
    python benchmarks/speed.py --output            # into the folder of this machine
    python benchmarks/speed.py --only fit bfloat16 --units 512 1024 --threads 1

A Markdown table for each section, under a description of the machine and of the
processes. What is timed, and how, is in README.md beside this file; what we want to
reach, the bars, stands here beside the work. A peer that is not installed is left out.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from _harness import (
    FreshWorker,
    Library,
    OtherLoad,
    Worker,
    alternate,
    print_setting,
    print_table,
    spread,
)
from _machine import add_output, title, written_to
from _work import N_SEQUENCES, SHAPES, Shape, Work

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
OURS = ("sklstm", "numpy", "scikit-learn")

LIBRARIES = {
    "sklstm": Library("_sklstm", OURS),
    "sklstm, first fit": Library("_sklstm", OURS, fresh=True),
    "sklstm, bfloat16": Library("_sklstm", OURS),
    "PyTorch": Library("_torch", ("torch", "numpy")),
    "skorch": Library("_skorch", ("skorch", "torch", "numpy")),
    "Keras": Library(
        "_keras",
        ("keras", "jax", "jaxlib", "numpy"),
        # XLA takes as many threads as it may use processors.
        {
            "KERAS_BACKEND": "jax",
            "JAX_ENABLE_COMPILATION_CACHE": "false",
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true "
            "intra_op_parallelism_threads={n_threads}",
        },
        pin=True,
        fresh=True,
    ),
    "ONNX Runtime": Library("_onnx", ("onnxruntime", "onnx", "numpy")),
    "sklstm, AVX2": Library("_sklstm", OURS, {"SKLSTM_ISA": "avx2"}),
    "PyTorch, AVX2": Library("_torch", ("torch", "numpy"), AVX2),
}


# ---- bars --------------------------------------------------------------------------


class Ratio(NamedTuple):
    """The median of the peer is at least so many times ours."""

    least: float

    def __str__(self):
        return f"≥ {self.least:g}"

    def is_met(self, ours, theirs):
        return theirs / ours >= self.least


class Limit(NamedTuple):
    """Our median is below so many seconds."""

    seconds: float

    def __str__(self):
        return f"< {1e6 * self.seconds:g} µs"

    def is_met(self, ours, theirs):
        return ours < self.seconds


def by_threads(one_thread, two_threads=None):
    """Bars for one and two threads, the same if one is given."""
    return {1: Ratio(one_thread), 2: Ratio(two_threads or one_thread)}


FITS = [
    (Work(SHAPES[0], epochs=5), by_threads(5)),
    (Work(SHAPES[1], epochs=5), by_threads(2.8)),
    (Work(SHAPES[2], epochs=5), by_threads(1.9)),
    (Work(SHAPES[3], epochs=5), by_threads(1.9)),
    (Work(SHAPES[4], epochs=2), by_threads(1.3)),
    (Work(SHAPES[5], epochs=2), by_threads(1.3)),
    (Work(SHAPES[6], epochs=2), by_threads(1.3)),
]
NARROW = FITS[:4]
CELL_BARS = {"GRU": [15, 8, 4, 3], "RNN": [6, 4, 2.5, 2]}
WIDE_REPEATS = 3

# H off the vector width has the bar of the next larger H.
ODD_SIZES = [
    (work._replace(shape=work.shape._replace(H=H)), bars)
    for H, (work, bars) in zip([20, 50, 100], FITS[1:4], strict=True)
]
RAGGED = [
    (Work(Shape(100, 12, H, B), epochs=3, ragged=True), by_threads(bar))
    for H, B, bar in [(16, 32, 20), (32, 32, 10), (64, 64, 6), (128, 64, 4)]
]
FLOAT64 = [
    (Work(shape, epochs=3, dtype="float64"), by_threads(bar))
    for shape, bar in zip(SHAPES, [8, 6, 4])
]
BFLOAT16 = [work._replace(dtype="bfloat16") for work, _ in FITS[3:]]
BFLOAT16_PEER = Ratio(1.5)
# Beside float32 of our own, by the instructions that multiply.
BFLOAT16_OWN = {"avx512bf16": Ratio(1.6), "amx": Ratio(4)}
BFLOAT16_OWN_UNITS = 512
KERAS_EPOCHS = 10
KERAS_REPEATS = 3
KERAS_WHOLE = [15, 15, 5, 3]
KERAS_EPOCH = 2.5
AVX2_BARS = [by_threads(bar) for bar in (4, 2.5, 1.7, 1.5)]
# For one sequence, of (F, H); the bar of the public call.
PREDICT_ONE = [
    (Shape(100, 8, 32, 1), Ratio(1)),
    (Shape(100, 16, 64, 1), Ratio(1)),
    (Shape(100, 32, 128, 1), Ratio(1)),
]
PREDICT_KERNEL = Ratio(2)
PREDICT_MANY = [(shape, Ratio(bar)) for shape, bar in zip(SHAPES[1:4], [1.5, 1.5, 1.2])]
PREDICT_BATCH = 256
# For one step of one sequence.
STREAM = [
    (Shape(100, 8, 32, 1), None),
    (Shape(100, 16, 64, 1), Limit(10e-6)),
    (Shape(100, 32, 128, 1), None),
]
SEARCH_EPOCHS = 40
SEARCH_BAR = Ratio(5)
IMPORT_BAR = Ratio(1)
ACCURACY = 0.95
THREADS_BAR = Ratio(1.8)


# ---- sections ----------------------------------------------------------------------


class Row(NamedTuple):
    """One line of a table; seconds of each measurement, ours and the peer's."""

    work: str
    peer: str
    threads: str
    ours: list[float]
    theirs: list[float]
    bar: Ratio | Limit | None
    remark: str = ""
    valid: bool = True  # whether the result is good enough to count

    def medians(self):
        return statistics.median(self.ours), statistics.median(self.theirs)

    def is_missed(self):
        if self.bar is None:
            return False
        return not (self.valid and self.bar.is_met(*self.medians()))


class Unit(NamedTuple):
    name: str
    seconds: float


MICROSECONDS, MILLISECONDS, SECONDS = Unit("µs", 1e-6), Unit("ms", 1e-3), Unit("s", 1)


class Section(NamedTuple):
    """A table: who takes part, with which numbers of threads, what makes the rows."""

    title: str
    libraries: tuple[str, ...]
    threads: Callable
    unit: Unit
    rows: Callable


def each(threads):
    return threads


def largest(threads):
    return [max(threads)]


SECTIONS = {}


def section(title, *libraries, threads=each, unit=MILLISECONDS):
    """Enter a function that yields rows, given a crew and numbers of threads."""

    def enter(rows):
        name = rows.__name__.rstrip("_")
        SECTIONS[name] = Section(title, libraries, threads, unit, rows)
        return rows

    return enter


class LeftOutError(Exception):
    """A section that says nothing here, and why."""


def units_of(work):
    """H of a work or a shape, alone or with a bar."""
    if not isinstance(work, (Work, Shape)):
        work = work[0]
    return getattr(work, "shape", work).H


class Crew:
    """The workers that take part, by library and number of threads."""

    def __init__(self, options):
        self.repeats = options.repeats
        self.quick = options.quick
        self.units = options.units
        self.workers = {}
        self.left_out = {}

    def start(self, name, n_threads):
        """Have a worker for this, or a reason why there is none."""
        if name in self.left_out or (name, n_threads) in self.workers:
            return
        library = LIBRARIES[name]
        if (package := library.missing()) == "sklstm":
            raise SystemExit("sklstm is not installed.")
        if package:
            self.left_out[name] = f"{package} is not installed"
            return
        kind = FreshWorker if library.fresh else Worker
        try:
            self.workers[name, n_threads] = kind(name, library, n_threads)
        except RuntimeError as error:
            self.left_out[name] = f"its process did not start ({error})"

    def stop(self):
        for worker in self.workers.values():
            worker.stop()

    def present(self, names, n_threads):
        """Workers of those that are there; none if the first one is not."""
        keys = [(name, n_threads) for name in names]
        if keys[0] not in self.workers:
            return []
        return [self.workers[key] for key in keys if key in self.workers]

    def some(self, works):
        """Of works, alone or with their bars, those that are asked for."""
        if self.units:
            works = [work for work in works if units_of(work) in self.units]
        return works[:2] if self.quick else works

    def bfloat16(self, n_threads):
        """What sklstm multiplies bfloat16 numbers with, "" if it has no such type."""
        return self.workers["sklstm", n_threads].ask(("has_bfloat16",))[1]

    def compare(
        self, names, n_threads, work, task, bars, *, epochs=1, repeats=None, tasks=None
    ):
        """Rows of one task: the first library beside each of the others.

        `bars` are those of a peer by its name, `tasks` those that are not that of all.
        """
        workers = self.present(names, n_threads)
        tasks = tasks or {}
        turns = [(worker, tasks.get(worker.name, task)) for worker in workers]
        if len(turns) < 2:
            return
        seconds, remarks = alternate(turns, repeats or self.repeats)
        ours, *others = ([value / epochs for value in row] for row in seconds)
        for worker, theirs, remark in zip(workers[1:], others, remarks[1:]):
            texts = [
                f"{who} {text}"
                for who, text in [("sklstm", remarks[0]), ("peer", remark)]
                if text
            ]
            bar = bars.get(worker.name)
            remark = "; ".join(texts)
            yield Row(work, worker.name, str(n_threads), ours, theirs, bar, remark)


def fits(crew, threads, names, works):
    """Rows of whole fits, in seconds of an epoch."""
    for n_threads in threads:
        for work, bars in crew.some(works):
            wide = work.shape.H > 128
            bars = {name: bars.get(n_threads) for name in names if name != "skorch"}
            yield from crew.compare(
                [name for name in names if name != "skorch" or not wide],
                n_threads,
                str(work.shape),
                ("fit", work),
                bars,
                epochs=work.epochs,
                repeats=min(crew.repeats, WIDE_REPEATS) if wide else None,
            )


@section(
    f"Training, ms per epoch of {N_SEQUENCES} sequences, float32. "
    "Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
    "skorch",
)
def fit(crew, threads):
    yield from fits(crew, threads, ["sklstm", "PyTorch", "skorch"], FITS)


def fits_of(cell, crew, threads):
    works = [
        (work._replace(cell=cell), by_threads(bar))
        for (work, _), bar in zip(NARROW, CELL_BARS[cell])
    ]
    yield from fits(crew, threads, ["sklstm", "PyTorch"], works)


@section(
    f"Training a GRU, ms per epoch of {N_SEQUENCES} sequences, float32. "
    "Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def gru(crew, threads):
    yield from fits_of("GRU", crew, threads)


@section(
    f"Training a plain RNN, ms per epoch of {N_SEQUENCES} sequences, float32. "
    "Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def rnn(crew, threads):
    yield from fits_of("RNN", crew, threads)


@section(
    f"Training on ragged sequences of T/10 to T steps, ms per epoch of {N_SEQUENCES}, "
    "float32; PyTorch with PackedSequence. Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def ragged(crew, threads):
    yield from fits(crew, threads, ["sklstm", "PyTorch"], RAGGED)


@section(
    f"The first fit of a process, ms: all of its {KERAS_EPOCHS} epochs with what it "
    "compiles, and one steady epoch. Work: T, F, H, batch.",
    "sklstm, first fit",
    "Keras",
    threads=largest,
)
def keras(crew, threads):
    (n_threads,) = threads
    workers = crew.present(["sklstm, first fit", "Keras"], n_threads)
    if len(workers) < 2:
        return
    repeats = min(crew.repeats, KERAS_REPEATS)
    for shape, bar in crew.some(list(zip(SHAPES, KERAS_WHOLE))):
        task = ("first_fit", Work(shape, epochs=KERAS_EPOCHS))
        turns = [(worker, task) for worker in workers]
        (ours, theirs), remarks = alternate(turns, repeats, first_round=True)
        kinds = [("whole fit", Ratio(bar)), ("one epoch", Ratio(KERAS_EPOCH))]
        for k, (kind, bar) in enumerate(kinds):
            yield Row(
                f"{shape}: {kind}",
                "Keras on JAX",
                str(n_threads),
                [pair[k] for pair in ours],
                [pair[k] for pair in theirs],
                bar,
                f"peer {remarks[1]}",
            )


@section(
    f"Training in float64, ms per epoch of {N_SEQUENCES} sequences. "
    "Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def float64(crew, threads):
    yield from fits(crew, threads, ["sklstm", "PyTorch"], FLOAT64)


@section(
    f"Training with bfloat16 products, ms per epoch of {N_SEQUENCES} sequences, beside "
    "float32 of sklstm itself and PyTorch with autocast to bfloat16. "
    "Work: T, F, H, batch.",
    "sklstm, bfloat16",
    "sklstm",
    "PyTorch",
)
def bfloat16(crew, threads):
    ours, *peers = SECTIONS["bfloat16"].libraries
    for n_threads in threads:
        instructions = crew.bfloat16(n_threads)
        if not instructions:
            raise LeftOutError('This sklstm has no dtype="bfloat16".')
        for work in crew.some(BFLOAT16):
            bars = {"PyTorch": BFLOAT16_PEER}
            if work.shape.H == BFLOAT16_OWN_UNITS:
                bars["sklstm"] = BFLOAT16_OWN.get(instructions)
            rows = crew.compare(
                [ours, *peers],
                n_threads,
                str(work.shape),
                ("fit", work),
                bars,
                epochs=work.epochs,
                repeats=min(crew.repeats, WIDE_REPEATS),
                tasks={"sklstm": ("fit", work._replace(dtype="float32"))},
            )
            for row in rows:
                peer = "itself, float32" if row.peer == "sklstm" else row.peer
                remark = f"{instructions}; {row.remark}"
                yield row._replace(peer=peer, remark=remark)


@section(
    "Training with H off the vector width, ms per epoch of "
    f"{N_SEQUENCES} sequences, float32. Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def odd_sizes(crew, threads):
    yield from fits(crew, threads, ["sklstm", "PyTorch"], ODD_SIZES)


@section(
    "Prediction for one sequence of 100 steps, µs, float32. Work: F, H.",
    "sklstm",
    "ONNX Runtime",
    threads=each,
    unit=MICROSECONDS,
)
def predict_one(crew, threads):
    for n_threads in threads:
        workers = crew.present(["sklstm", "ONNX Runtime"], n_threads)
        if len(workers) < 2:
            return
        sklstm, onnx = workers
        for shape, bar in crew.some(PREDICT_ONE):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "weights.npz")
                sklstm.ask(("export", shape, 1, path))
                turns = [
                    (sklstm, ("predict_kernel", shape)),
                    (onnx, ("predict", path, 1)),
                    (sklstm, ("predict", shape, 1)),
                ]
                (kernel, theirs, call), _ = alternate(turns, crew.repeats)
            work = f"{shape.F}, {shape.H}"
            names = onnx.name, str(n_threads)
            yield Row(f"{work}: kernel", *names, kernel, theirs, PREDICT_KERNEL)
            around = statistics.median(call) - statistics.median(kernel)
            remark = f"{1e6 * around:.1f} µs around the kernel"
            yield Row(f"{work}: predict(X)", *names, call, theirs, bar, remark)


@section(
    "A stream: one step of one sequence with its prediction, the state handed on, µs, "
    "float32. Work: F, H.",
    "sklstm",
    "PyTorch",
    unit=MICROSECONDS,
)
def stream(crew, threads):
    for n_threads in threads:
        workers = crew.present(["sklstm", "PyTorch"], n_threads)
        if len(workers) < 2:
            return
        for shape, bar in crew.some(STREAM):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "weights.npz")
                workers[0].ask(("export", shape, 1, path))
                turns = list(zip(workers, [("stream", shape), ("stream", path)]))
                seconds, _ = alternate(turns, crew.repeats)
            ours, theirs = ([value / shape.T for value in row] for row in seconds)
            work = f"{shape.F}, {shape.H}"
            yield Row(work, "PyTorch", str(n_threads), ours, theirs, bar)


@section(
    f"Prediction for {N_SEQUENCES} sequences, ms, float32; predict(X) beside batches "
    f"of {PREDICT_BATCH}. The bar is for the faster peer. Work: T, F, H.",
    "sklstm",
    "ONNX Runtime",
    "PyTorch",
)
def predict_many(crew, threads):
    for n_threads in threads:
        workers = crew.present(["sklstm", "ONNX Runtime", "PyTorch"], n_threads)
        if len(workers) < 2:
            return
        for shape, bar in crew.some(PREDICT_MANY):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "weights.npz")
                workers[0].ask(("export", shape, N_SEQUENCES, path))
                turns = [(workers[0], ("predict", shape, N_SEQUENCES))]
                turns += [
                    (worker, ("predict", path, PREDICT_BATCH)) for worker in workers[1:]
                ]
                (ours, *others), _ = alternate(turns, crew.repeats)
            work = f"{shape.T}, {shape.F}, {shape.H}"
            fastest = min(others, key=statistics.median)
            for worker, theirs in zip(workers[1:], others):
                yield Row(
                    work,
                    worker.name,
                    str(n_threads),
                    ours,
                    theirs,
                    bar if theirs is fastest else None,
                )


@section(
    "GridSearchCV, 12 candidates x 3 folds of Japanese vowels, n_jobs=2, s; "
    "one thread in each process, which are started before.",
    "sklstm",
    "skorch",
    threads=lambda threads: [1],
    unit=SECONDS,
)
def search(crew, threads):
    workers = crew.present(["sklstm", "skorch"], 1)
    if len(workers) < 2:
        return
    epochs = 3 if crew.quick else SEARCH_EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "speakers.npz")
        workers[0].ask(("export_speakers", path))
        turns = [(worker, ("search", epochs, path)) for worker in workers]
        (ours, theirs), remarks = alternate(turns, 1, first_round=True)
    remark = f"sklstm {remarks[0]}; peer {remarks[1]}; one measurement"
    yield Row(f"{epochs} epochs", "skorch", "2 x 1", ours, theirs, SEARCH_BAR, remark)


@section(
    "The first fit of a process with the default LSTMClassifier, Japanese vowels, "
    "beside `import torch`, s.",
    "sklstm, first fit",
    "PyTorch",
    threads=largest,
    unit=SECONDS,
)
def import_(crew, threads):
    (n_threads,) = threads
    workers = crew.present(["sklstm, first fit", "PyTorch"], n_threads)
    if len(workers) < 2:
        return
    turns = list(zip(workers, [("speakers",), ("import_time",)]))
    (ours, theirs), remarks = alternate(turns, crew.repeats, first_round=True)
    yield Row(
        "fit",
        "import torch",
        str(n_threads),
        ours,
        theirs,
        IMPORT_BAR,
        f"test accuracy {remarks[0]}, of which {ACCURACY} are needed",
        valid=float(remarks[0]) >= ACCURACY,
    )


@section(
    f"Two threads beside one, ms per epoch of {N_SEQUENCES} sequences, float32. "
    "Work: T, F, H, batch.",
    "sklstm",
    threads=lambda threads: [1, 2],
)
def threads(crew, threads):
    one, two = (crew.workers["sklstm", n_threads] for n_threads in threads)
    for work, _ in crew.some(FITS[2:4]):
        turns = [(two, ("fit", work)), (one, ("fit", work))]
        seconds, _ = alternate(turns, crew.repeats)
        ours, theirs = ([value / work.epochs for value in row] for row in seconds)
        yield Row(str(work.shape), "itself, 1 thread", "2", ours, theirs, THREADS_BAR)


@section(
    "Training with AVX2 instead of AVX-512 in both libraries, ms per epoch of "
    f"{N_SEQUENCES} sequences, float32. Work: T, F, H, batch.",
    "sklstm, AVX2",
    "PyTorch, AVX2",
)
def avx2(crew, threads):
    works = [(work, bars) for (work, _), bars in zip(NARROW, AVX2_BARS)]
    yield from fits(crew, threads, ["sklstm, AVX2", "PyTorch, AVX2"], works)


@section(
    "One LSTM layer, forward and backward over a minibatch, ms. Ragged sequences have "
    "T/10 to T steps. Work: T, F, H, batch.",
    "sklstm",
    "PyTorch",
)
def layer(crew, threads):
    works = [Work(shape) for shape in crew.some(SHAPES)]
    works += [Work(shape, ragged=True) for shape in crew.some(SHAPES[:4])]
    works += [Work(shape, dtype="float64") for shape in crew.some(SHAPES[:4])]
    if crew.bfloat16(threads[0]):
        works += [Work(shape, dtype="bfloat16") for shape in crew.some(SHAPES[3:])]
    for n_threads in threads:
        for work in works:
            kind = "ragged " * work.ragged + work.dtype
            rows = crew.compare(
                ["sklstm", "PyTorch"],
                n_threads,
                f"{work.shape}: {kind}",
                ("layer", work),
                {},
            )
            for row in rows:
                if not work.ragged:
                    ours, theirs = (flops(work.shape) / s / 1e9 for s in row.medians())
                    row = row._replace(remark=f"{ours:.0f} and {theirs:.0f} GF/s")
                yield row


def flops(shape):
    """Forward, and the same for d_W, and d_h: multiplications and additions."""
    T, F, H, B = shape
    return (2 * 8 * H * (F + H) + 8 * H * H) * T * B


# ---- the run -----------------------------------------------------------------------


def print_rows(rows, unit):
    head = ["work", "peer", "threads", f"sklstm {unit.name}", f"peer {unit.name}"]
    head += ["peer ÷ sklstm", "bar", "met?", "remarks"]
    cells = []
    for row in rows:
        ours, theirs = row.medians()
        met = "–" if row.bar is None else "**no**" if row.is_missed() else "yes"
        cells.append(
            [
                row.work,
                row.peer,
                row.threads,
                spread(row.ours, unit.seconds),
                spread(row.theirs, unit.seconds),
                f"{theirs / ours:.2f}",
                "–" if row.bar is None else str(row.bar),
                met,
                row.remark,
            ]
        )
    print_table(head, cells)


def run(names, options):
    start = time.perf_counter()
    crew = Crew(options)
    chosen = {name: SECTIONS[name] for name in names}
    try:
        for section in chosen.values():
            for n_threads in section.threads(options.threads):
                for library in section.libraries:
                    crew.start(library, n_threads)
        print(f"# Speed beside the peers: {title()}\n")
        print_setting(crew.workers.values())
        for library, reason in crew.left_out.items():
            print(f"{library} is left out: {reason}.\n")
        if crew.left_out:
            print('The peers come with pip install ".[bench]".\n')
        print(
            f"Medians of {options.repeats} measurements (smallest to largest), at the "
            f"most {WIDE_REPEATS} with H above 128 and {KERAS_REPEATS} beside Keras; "
            "libraries in turn, the first round not counted where processes stay.\n"
        )
        n_bars, missed = 0, []
        for name, section in chosen.items():
            print(f"## {name}\n\n{section.title}\n", flush=True)
            try:
                with OtherLoad() as others:
                    rows = list(section.rows(crew, section.threads(options.threads)))
            except LeftOutError as reason:
                print(f"Left out: {reason}\n")
                continue
            if not rows:
                print("Nothing to compare with.\n")
                continue
            print_rows(rows, section.unit)
            print(f"Other processes took {others.share:.0%} of the machine.\n")
            n_bars += sum(row.bar is not None for row in rows)
            missed += [(name, row) for row in rows if row.is_missed()]
    finally:
        crew.stop()
    print(f"{n_bars - len(missed)} of {n_bars} bars are met.", end=" ")
    print(f"The run took {(time.perf_counter() - start) / 60:.1f} minutes.\n")
    for name, row in missed:
        ours, theirs = row.medians()
        print(
            f"- missed: {name}, {row.work}, {row.peer}, threads {row.threads}: "
            f"{theirs / ours:.2f}, bar {row.bar}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=list(SECTIONS),
        metavar="SECTION", help="some of " + ", ".join(SECTIONS),
    )  # fmt: skip
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="two works of each section, 2 repeats"
    )
    parser.add_argument(
        "--units", type=int, nargs="+", metavar="H", help="works of these sizes alone"
    )
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    options.threads = list(dict.fromkeys(options.threads))
    names = ["speed"]
    for option in ("only", "units", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    if options.quick:
        options.repeats = 2
        names.append("quick")
    with written_to(options.output, *names):
        run(options.only, options)


if __name__ == "__main__":
    main()
