"""sklstm beside PyTorch and Keras where states are images: one ConvLSTM layer.

    python benchmarks/conv_speed.py
    python benchmarks/conv_speed.py --shapes 1 --threads 1 --repeats 9
    python benchmarks/conv_speed.py --backend jax --only time --shapes 1
    python benchmarks/conv_speed.py --output       # into the folder of this machine

Forward and backward of a layer on random frames, from a gradient of every hidden state
to those of the weights, none of the input. All have the same numbers and give the same
gradients, whose norm stands among the remarks. PyTorch has no such layer: once it is
composed in the common way, and once better. Work: clips, frames of each, pixels,
channels of the input and units, side of the kernel.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from _conv_work import ConvWork
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

SHAPES = [
    ConvWork(8, 10, 32, 16, 32, 3),
    ConvWork(8, 10, 64, 1, 32, 3),
    ConvWork(4, 20, 64, 32, 32, 5),
]
BACKENDS = {
    "tensorflow": ("tensorflow",),
    "jax": ("jax", "jaxlib"),
    "torch": ("torch",),
}
#: What the bars are: peer ÷ sklstm, shares of the roofline, bytes ÷ states and gates.
RATIO, SHARE, BYTES = 3, 0.7, 1.2
#: Multiply-adds that the activations of a unit are worth, both ways: roofline.py.
ACTIVATIONS = 96 + 64


def libraries(backend):
    """By name: the library, and what it is asked for."""
    torch = Library("_torch_conv", ("torch", "numpy"))
    variables = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    keras = ("keras", *BACKENDS[backend], "numpy")
    return {
        "sklstm": (Library("_sklstm_conv", ("sklstm", "numpy")), "layer"),
        "PyTorch, concatenated": (torch, "concatenated"),
        "PyTorch, frames at once": (torch, "at_once"),
        # it takes as many threads as it may use processors
        f"Keras, {backend}": (Library("_keras_conv", keras, variables, True), "layer"),
    }


class Peak:
    """Vector multiply-adds of the processor in a second, as roofline.py has them."""

    def __init__(self):
        import roofline

        self.limits, self.lanes = None, roofline.LANES.get(roofline.instruction_set)
        self.folder = tempfile.TemporaryDirectory()
        if self.lanes is not None:
            self.limits = roofline.build(Path(self.folder.name))

    def measure(self):
        """The most of some tries, in multiply-adds of numbers; None without a limit."""
        if self.limits is None:
            return None
        return self.lanes * max(self.limits.peak(300_000) for _ in range(9))


# ---- time --------------------------------------------------------------------------


def time_rows(work, n_threads, workers, peak, repeats):
    """A row for each library, sklstm's with its bars."""
    before = peak.measure()
    turns = [(worker, (task, work)) for worker, task in workers.values()]
    seconds, remarks = alternate(turns, repeats)
    medians = dict(zip(workers, map(statistics.median, seconds)))
    per_second = None
    if before is not None:
        per_second = n_threads * statistics.median([before, peak.measure()])
    products = sum(work.multiply_adds())
    for name, times, text in zip(workers, seconds, remarks):
        row = [str(work), str(n_threads), name, spread(times, 1e-3)]
        row.append(f"{2 * products / medians[name] / 1e9:.0f}")
        row += limits_of(work, products, per_second, medians[name])
        if name == "sklstm":
            row += ["", "", text]
        else:
            ratio = medians[name] / medians["sklstm"]
            met = "yes" if ratio >= RATIO else "**no**"
            row += [f"{ratio:.2f}", met, text]
        yield row


def limits_of(work, products, per_second, seconds):
    """Shares of the peak and of the roofline, as texts."""
    if per_second is None:
        return ["", ""]
    activations = work.n_pixels * work.H * ACTIVATIONS
    return [
        f"{products / per_second / seconds:.0%}",
        f"{(products + activations) / per_second / seconds:.0%}",
    ]


def print_times(options, started):
    print(
        f"## time\n\nForward and backward, ms: medians of {options.repeats} "
        "measurements (smallest to largest), in turns, the first round not counted. "
        "One thread: time of the processor; more: time on the clock. GF/s count the "
        "products of direct convolutions; the peak is that of as many threads, and the "
        f"roofline counts the activations too. Bars: {RATIO} times each peer, "
        f"{SHARE:.0%} of the roofline on one thread.\n",
        flush=True,
    )
    peak, rows = Peak(), []
    with OtherLoad() as others:
        for n_threads, workers in started.items():
            for work in options.works:
                rows += time_rows(work, n_threads, workers, peak, options.repeats)
    head = ["work", "threads", "library", "ms", "GF/s", "of the peak"]
    head += ["of the roofline", "÷ sklstm", "met?", "remarks"]
    print_table(head, rows)
    print(f"Other processes took {others.share:.0%} of the machine.\n")


# ---- memory ------------------------------------------------------------------------


def print_memory(options, crew):
    print(
        "## memory\n\nThe most that a first forward and backward take beyond the data, "
        "the gradients of the outputs and the weights, on one thread, MiB, each in a "
        "new process: medians of 3. States and gates are four gates, h and c of every "
        f"pixel, in float32. Bar: sklstm at most {BYTES} times these.\n",
        flush=True,
    )
    rows = []
    for work in options.works:
        needed = work.states_and_gates()
        for name, (library, _) in crew.items():
            if name == "PyTorch, frames at once":
                continue
            worker = FreshWorker(name, library, 1)
            (taken,), _ = alternate(
                [(worker, ("memory", work))], repeats=3, first_round=True
            )
            ratio = statistics.median(taken) / needed
            met = ""
            if name == "sklstm":
                met = "yes" if ratio <= BYTES else "**no**"
            rows.append(
                [str(work), name, f"{needed / 2**20:.1f}", spread(taken, 2**20),
                 f"{ratio:.2f}", met]
            )  # fmt: skip
    print_table(
        ["work", "library", "states and gates", "taken", "ratio", "met?"], rows
    )  # fmt: skip


# ---- the run -----------------------------------------------------------------------


def run(options):
    print(f"# Speed of convolutional LSTMs: {title()}\n")
    crew = libraries(options.backend)
    for name, (library, _) in list(crew.items()):
        if package := library.missing():
            print(f"Left out: {name}. {package} is not installed.\n")
            del crew[name]
    started = {}
    try:
        for n_threads in options.threads:
            started[n_threads] = {
                name: (Worker(name, library, n_threads), task)
                for name, (library, task) in crew.items()
            }
        print_setting(
            [worker for workers in started.values() for worker, _ in workers.values()]
        )
        if "time" in options.only:
            print_times(options, started)
    finally:
        for workers in started.values():
            for worker, _ in workers.values():
                worker.stop()
    if "memory" in options.only:
        print_memory(options, crew)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = ["time", "memory"]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    shapes = range(1, len(SHAPES) + 1)
    parser.add_argument(
        "--shapes", type=int, nargs="+", choices=shapes, default=list(shapes)
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow")
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    options.works = [SHAPES[k - 1] for k in options.shapes]
    names = ["conv_speed"]
    for option in ("only", "shapes", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    if options.backend != parser.get_default("backend"):
        names.append(options.backend)
    with written_to(options.output, *names):
        run(options)


if __name__ == "__main__":
    main()
