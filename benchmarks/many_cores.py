"""Threads against time: epochs of sklstm beside PyTorch on the cores that there are.

    python benchmarks/many_cores.py
    python benchmarks/many_cores.py --output       # and a figure, for this machine
    python benchmarks/many_cores.py --only choices # for 1 to 64 cores
    python benchmarks/many_cores.py --threads 1 2 4 8 16 --units 16 32 --repeats 3

Three tables: what the rule of threads chooses for 1 to 64 cores, which is not timed;
whole epochs, PyTorch ÷ sklstm; and a layer's two passes with products in float32 and
in bfloat16. The bar: with any limit of threads an epoch takes at most 1.1 times the
best of the smaller limits. Nobody is to be slower for having more cores.

An epoch of sklstm is what a fit takes longer than a fit of a single epoch, that of
PyTorch one of the plain loop, without the set-up of either. A process for each library
and number of threads has OMP_NUM_THREADS set; they take turns. More threads than
processors may be asked for: they show what threads cost that wait for each other and
for a processor, not what more processors would bring, and the bar leaves them out.
"""

import argparse
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from _harness import OtherLoad, Worker, alternate, print_setting, spread
from _machine import add_output, folder, n_cores, n_processors, title, today, written_to
from _plots import LABELS, Plots, progress
from _work import SHAPES, Work
from _workers import print_table
from speed import LIBRARIES

PEERS = {"sklstm": LIBRARIES["sklstm"], "torch": LIBRARIES["PyTorch"]}
# Of each shape the sequences, and the epochs of a fit, one of them for the set-up.
SEQUENCES = [1000, 1000, 1024, 1024, 512, 256, 256]
EPOCHS = [11, 6, 4, 3, 3, 3, 3]
WORKS = [
    Work(shape, epochs=epochs, n=n)
    for shape, n, epochs in zip(SHAPES, SEQUENCES, EPOCHS, strict=True)
]
LAYERS = [Work(shape) for shape in SHAPES[3:]]
DTYPES = ["float32", "bfloat16"]
BAR = 1.1


class Crew:
    """The processes, by library and number of threads."""

    def __init__(self, threads):
        self.threads = threads
        self.names = []
        self.workers = {}
        for name, library in PEERS.items():
            if package := library.missing():
                if name == "sklstm":
                    raise SystemExit("sklstm is not installed.")
                progress(f"{LABELS[name]} is left out: {package} is not installed.")
                continue
            self.names.append(name)
            for n_threads in threads:
                label = f"{LABELS[name]}, {n_threads}"
                self.workers[name, n_threads] = Worker(label, library, n_threads)

    def has_bfloat16(self):
        """What sklstm multiplies bfloat16 numbers with, "" if it has no such type."""
        return self.workers["sklstm", self.threads[0]].ask(("has_bfloat16",))[1]

    def measure(self, task, repeats):
        """Seconds of a task by library and number of threads, in turns."""
        turns = [(worker, task) for worker in self.workers.values()]
        seconds, _ = alternate(turns, repeats)
        return dict(zip(self.workers, seconds))

    def stop(self):
        for worker in self.workers.values():
            worker.stop()


# ---- epochs ------------------------------------------------------------------------


class Epochs(NamedTuple):
    """Seconds of an epoch: every measurement, by library and number of threads."""

    work: Work
    seconds: dict

    def ms(self, name, n_threads):
        return 1e3 * statistics.median(self.seconds[name, n_threads])

    def slowdowns(self, threads):
        """The ratio to the best of fewer threads, of all numbers but the first."""
        times = [self.ms("sklstm", n_threads) for n_threads in threads]
        return {threads[k]: times[k] / min(times[:k]) for k in range(1, len(threads))}


def print_epochs(results, names, threads):
    """Ratios and medians as in a row for each shape, then all there is to know."""
    head, rows = ["T, F, H, batch", "sequences"], []
    if len(names) > 1:
        head += [f"PyTorch ÷ sklstm, {threads[0]}", *map(str, threads[1:])]
    head += [f"{LABELS[name]}, ms by threads" for name in names]
    for result in results:
        row = [str(result.work.shape), str(result.work.n)]
        if len(names) > 1:
            ratios = (result.ms("torch", k) / result.ms("sklstm", k) for k in threads)
            row += [f"{ratio:.2f}" for ratio in ratios]
        for name in names:
            row.append(", ".join(ms_text(result.ms(name, k)) for k in threads))
        rows.append(row)
    print_table(head, rows)

    print("Medians (smallest to largest):\n")
    head = ["T, F, H, batch", "threads", *(f"{LABELS[name]}, ms" for name in names)]
    rows = [
        [
            str(result.work.shape),
            str(n_threads),
            *(spread(result.seconds[name, n_threads], 1e-3) for name in names),
        ]
        for result in results
        for n_threads in threads
    ]
    print_table(head, rows)


def print_bar(results, threads):
    """Whether more threads are ever slower than fewer."""
    here, beyond = [], []
    for result in results:
        for n_threads, ratio in result.slowdowns(threads).items():
            rows = here if n_threads <= n_processors() else beyond
            rows.append((ratio, f"{result.work.shape}, {n_threads} threads"))
    if here:
        missed = [(ratio, where) for ratio, where in here if ratio > BAR]
        ratio, where = max(here)
        print(
            f"An epoch takes at most {ratio:.2f} times the best of fewer threads "
            f"({where}); the bar is {BAR}: {'**not** ' * bool(missed)}met.\n"
        )
        for ratio, where in missed:
            print(f"- missed: {where}: {ratio:.2f}")
        if missed:
            print()
    else:
        print("The bar needs two numbers of threads that have their processors.\n")
    if beyond:
        ratio, where = max(beyond)
        print(
            f"With more threads than the {n_processors()} processors: at most "
            f"{ratio:.2f} times ({where}).\n"
        )


def draw_epochs(results, names, threads, versions, path):
    """Threads against time, a panel for each shape."""
    columns = min(4, len(results))
    caption = f"{title()}; {today()}; float32\n{', '.join(versions)}"
    plots = Plots(-(-len(results) // columns), columns, caption, "Threads: an epoch")
    for axes, result in zip(plots.axes, results):
        for name in names:
            axes.line({k: result.ms(name, k) for k in threads}, name)
        T, F, H, B = result.work.shape
        axes.finish(
            f"T = {T}, F = {F}, H = {H}, batch {B}", "threads", "ms", ticks=threads
        )
    for axes in plots.axes[len(results) :]:
        axes.hide()
    plots.save(path)


def ms_text(ms):
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


# ---- a layer -----------------------------------------------------------------------


def print_layers(crew, works, repeats):
    """Forward and backward of one layer, by type of the products and threads."""
    instructions = crew.has_bfloat16()
    if instructions:
        print(f"sklstm multiplies bfloat16 numbers with {instructions}.\n")
    else:
        print('This sklstm has no dtype="bfloat16": its columns are empty there.\n')
    head = ["T, F, H, batch", "products", "threads"]
    for name in crew.names:
        head += [f"{LABELS[name]} ms, forward", "backward"]
    if len(crew.names) > 1:
        head.append("PyTorch ÷ sklstm")
    rows = []
    for work in works:
        for dtype in DTYPES:
            progress(f"layer: H = {work.shape.H}, {dtype}")
            names = [
                name
                for name in crew.names
                if name != "sklstm" or dtype == "float32" or instructions
            ]
            if not names:
                continue
            keys = [key for key in crew.workers if key[0] in names]
            task = "passes", work._replace(dtype=dtype)
            pairs, _ = alternate([(crew.workers[key], task) for key in keys], repeats)
            for n_threads in crew.threads:
                row, sums = [str(work.shape), dtype, str(n_threads)], []
                for name in crew.names:
                    if name not in names:
                        row += ["", ""]
                        continue
                    values = pairs[keys.index((name, n_threads))]
                    both = [1e3 * statistics.median(side) for side in zip(*values)]
                    row += map(ms_text, both)
                    sums.append(sum(both))
                if len(crew.names) > 1:
                    row.append(f"{sums[1] / sums[0]:.2f}" if len(sums) > 1 else "")
                rows.append(row)
    print_table(head, rows)


# ---- the run -----------------------------------------------------------------------


def default_threads():
    """1, 2, 4, ... and the number of cores."""
    cores = n_cores()
    return sorted({cores, *(2**k for k in range(cores.bit_length()))})


def run(options, figure):
    print(f"# Threads: {title()}\n")
    if "choices" in options.only:
        # Late: nothing else here imports sklstm.
        from _choices import print_choices

        print_choices()
    if options.only == ["choices"]:
        return
    crew = Crew(options.threads)
    try:
        print_setting(crew.workers.values())
        print(f"Medians of {options.repeats} measurements, all processes in turn.\n")
        results = []
        if "epochs" in options.only and (works := options.works(WORKS)):
            print("## Whole epochs, float32\n")
            with OtherLoad() as others:
                for work in works:
                    progress(f"epochs: H = {work.shape.H}")
                    seconds = crew.measure(("epoch", work), options.repeats)
                    results.append(Epochs(work, seconds))
            print_epochs(results, crew.names, options.threads)
            print_bar(results, options.threads)
            if figure:
                print(f"![Time of an epoch against threads]({figure.name})\n")
            print(f"Other processes took {others.share:.0%} of the machine.\n")
        if "layer" in options.only and (works := options.works(LAYERS)):
            print("## One layer, forward and backward\n")
            with OtherLoad() as others:
                print_layers(crew, works, options.repeats)
            print(f"Other processes took {others.share:.0%} of the machine.\n")
    finally:
        crew.stop()
    if figure and results:
        versions = sorted({v for w in crew.workers.values() for v in w.versions})
        draw_epochs(results, crew.names, options.threads, versions, figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ["choices", "epochs", "layer"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=default_threads(),
        help="1, 2, 4, ... and the cores by default",
    )  # fmt: skip
    parser.add_argument(
        "--units", type=int, nargs="+", metavar="H", help="shapes of these sizes alone"
    )
    parser.add_argument("--repeats", type=int, default=5)
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    names = ["many_cores"]
    for option in ("only", "units", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    options.threads = sorted(set(options.threads))
    options.works = lambda works: [
        work for work in works if not options.units or work.shape.H in options.units
    ]
    figure = None
    if options.output:
        try:
            version("matplotlib")
        except PackageNotFoundError:
            progress("There is no figure: matplotlib is not installed.")
        else:
            path = options.output
            if path is True:
                path = folder() / "-".join(names)
            figure = Path(path).with_suffix(".svg")
    with written_to(options.output, *names):
        run(options, figure)


if __name__ == "__main__":
    main()
