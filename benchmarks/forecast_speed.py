"""sklstm beside neuralforecast: one LSTM for many series.

    python benchmarks/forecast_speed.py --data FOLDER
    python benchmarks/forecast_speed.py --data FOLDER --threads 1 --repeats 3
    python benchmarks/forecast_speed.py --data FOLDER --output    # into this machine's

All 366 monthly series of the tourism competition, quantiles of the next 24 months. Once
both libraries make 1600 updates with 32 windows of 36 months each and 64 units, which
in neuralforecast read the context alone, for the steps of the horizon it has a
perceptron; once both have their defaults, 100 epochs of 512 windows in sklstm, two
layers of 128 units and 1000 updates with 128 windows of 72 months in neuralforecast.
The error on the test part stands beside.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from _forecast_work import ForecastWork, save
from _harness import (
    Library,
    OtherLoad,
    Worker,
    alternate,
    print_setting,
    print_table,
    spread,
)
from _machine import add_output, title, written_to

sys.path.append(str(Path(__file__).parent / "tasks"))
import data  # noqa: E402
import forecasting_data  # noqa: E402
import text_data  # noqa: E402

LIBRARIES = {
    "sklstm": Library("_sklstm_forecast", ("sklstm", "numpy", "scikit-learn")),
    "neuralforecast": Library("_neuralforecast", ("neuralforecast", "torch", "numpy")),
}
#: How many times as fast sklstm is to be.
BAR = 10


def works(part):
    both = part.horizon, part.season
    return {
        "the same windows": ForecastWork(*both),
        "defaults": ForecastWork(*both, defaults=True),
    }


def rows_of(part, workers, path, options):
    for n_threads, pair in workers.items():
        for label, work in works(part).items():
            if label not in options.only:
                continue
            turns = [(worker, ("fit", work, path)) for worker in pair]
            (ours, theirs), remarks = alternate(turns, options.repeats)
            ratio = statistics.median(theirs) / statistics.median(ours)
            yield [
                label,
                str(n_threads),
                spread(ours, 1),
                spread(theirs, 1),
                f"{ratio:.1f}",
                "yes" if ratio >= BAR else "**no**",
                "; ".join(f"{who} {text}" for who, text in zip(LIBRARIES, remarks)),
            ]


def run(options):
    print(f"# Speed of forecasts: {title()}\n")
    try:
        load = forecasting_data.LOADERS["tourism monthly"]
        part = load(options, back=0)
    except data.Unavailable as reason:
        print(f"Left out: {reason}.\n")
        return
    workers = {}
    try:
        for n_threads in options.threads:
            workers[n_threads] = [
                Worker(name, library, n_threads) for name, library in LIBRARIES.items()
            ]
        print_setting([worker for pair in workers.values() for worker in pair])
        print(
            f"{part.describe()} Medians of {options.repeats} fits (smallest to "
            "largest), the libraries in turn, the first round not counted. One thread: "
            "time of the processor; more: time on the clock.\n",
            flush=True,
        )
        with tempfile.TemporaryDirectory() as folder, OtherLoad() as others:
            path = str(Path(folder) / "series.npz")
            save(path, part.training(), part.truth())
            rows = list(rows_of(part, workers, path, options))
        head = ["work", "threads", "sklstm s", "neuralforecast s"]
        head += ["neuralforecast ÷ sklstm", f"≥ {BAR}?", "on the test part"]
        print_table(head, rows)
        print(f"Other processes took {others.share:.0%} of the machine.\n")
    finally:
        for pair in workers.values():
            for worker in pair:
                worker.stop()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = "the same windows", "defaults"
    parser.add_argument("--only", nargs="+", choices=names, default=list(names))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    text_data.add_data(parser)
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    for library in LIBRARIES.values():
        if package := library.missing():
            raise SystemExit(f"{package} is not installed: pip install {package}")
    with written_to(options.output, "forecast_speed"):
        run(options)


if __name__ == "__main__":
    main()
