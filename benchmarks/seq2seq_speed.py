"""sklstm beside PyTorch where sequences are made of sequences.

    python benchmarks/seq2seq_speed.py --data FOLDER
    python benchmarks/seq2seq_speed.py --only training --threads 1 --data FOLDER
    python benchmarks/seq2seq_speed.py --output    # into this machine's folder

An encoder, a decoder and Luong's attention between them learn to spell (CMUdict) and to
translate (Multi30k), and predict with the best token at each step. Both libraries read
the same ids in the same minibatches, in the same order. PyTorch packs both sides. Work:
length of a row of both embeddings, units of a layer and direction.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

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
from _pairs_work import PairsWork, save

sys.path.append(str(Path(__file__).parent / "tasks"))
import data  # noqa: E402
import pairs_data  # noqa: E402
import text_data  # noqa: E402

LIBRARIES = {
    "sklstm": Library("_sklstm_pairs", ("sklstm", "numpy", "scikit-learn")),
    "PyTorch": Library("_torch_pairs", ("torch", "numpy")),
}
SPELLING = PairsWork("CMUdict", 128, 256, bidirectional=False, batch=128)
TRANSLATION = PairsWork("Multi30k", 256, 256, bidirectional=True, batch=64)
TRAINED = {"epochs": 10, "learning_rate": 0.005}


class Section(NamedTuple):
    """What is done, with how many pairs of a set, and how fast sklstm is to be."""

    title: str
    task: str
    n_pairs: dict
    least: float | None
    # the longest target that is predicted
    n_steps: tuple = ()


SECTIONS = {
    "training": Section(
        "An epoch of some of the pairs, s",
        "fit",
        {SPELLING: 6_400, TRANSLATION: 960},
        2,
    ),
    "prediction": Section(
        "Predictions for some of the sources, after ten epochs of these, s",
        "predict",
        {SPELLING._replace(**TRAINED): 1_280, TRANSLATION._replace(**TRAINED): 320},
        None,
        n_steps=(30,),
    ),
}


def write_data(name, path, n_pairs, options):
    """Write the pairs that a section reads, and say how many tokens targets have."""
    if name == "CMUdict":
        parts, min_count = pairs_data.cmudict(Path(options.cache)), 1
    else:
        parts, min_count = pairs_data.multi30k(options.data), 2
    return save(path, *parts["train"].first_pairs(), n_pairs, min_count)


def row(work, section, n_threads, pair, path, n_tokens, options):
    turns = [(worker, (section.task, work, path, *section.n_steps)) for worker in pair]
    (ours, theirs), remarks = alternate(turns, options.repeats)
    ratio = statistics.median(theirs) / statistics.median(ours)
    bar, met = "–", "–"
    if section.least is not None:
        bar, met = f"≥ {section.least}", "yes" if ratio >= section.least else "**no**"
    return [
        str(work),
        str(n_threads),
        spread(ours, 1),
        spread(theirs, 1),
        f"{ratio:.2f}",
        *(
            f"{n_tokens / statistics.median(times) / 1000:,.1f}"
            for times in (ours, theirs)
        ),
        bar,
        met,
        "; ".join(f"{who} {text}" for who, text in zip(LIBRARIES, remarks) if text),
    ]


def run(options):
    print(f"# Speed of encoder-decoders: {title()}\n")
    workers = {}
    try:
        for n_threads in options.threads:
            workers[n_threads] = [
                Worker(name, library, n_threads) for name, library in LIBRARIES.items()
            ]
        print_setting([worker for pair in workers.values() for worker in pair])
        print(
            f"Medians of {options.repeats} measurements (smallest to largest), the "
            "libraries in turn, the first round not counted. One thread: time of the "
            "processor; more: time on the clock. Tokens are those of the targets with "
            "their ends.\n"
        )
        for name in options.only:
            section = SECTIONS[name]
            print(f"## {name}\n\n{section.title}\n", flush=True)
            rows = []
            with tempfile.TemporaryDirectory() as folder, OtherLoad() as others:
                for work, n_pairs in section.n_pairs.items():
                    path = str(Path(folder) / f"{work.data}.npz")
                    try:
                        n_tokens = write_data(work.data, path, n_pairs, options)
                    except data.Unavailable as reason:
                        print(f"Left out: {work.data}. {reason}.\n")
                        continue
                    for n_threads, pair in workers.items():
                        args = work, section, n_threads, pair, path, n_tokens, options
                        rows.append(row(*args))
            head = ["work", "threads", "sklstm s", "PyTorch s", "PyTorch ÷ sklstm"]
            head += ["sklstm 1000 tokens/s", "PyTorch", "bar", "met?", "remarks"]
            print_table(head, rows)
            print(f"Other processes took {others.share:.0%} of the machine.\n")
    finally:
        for pair in workers.values():
            for worker in pair:
                worker.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cache", default=data.CACHE, help="where archives are kept")
    text_data.add_data(parser)
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    for library in LIBRARIES.values():
        if package := library.missing():
            raise SystemExit(f'{package} is not installed: pip install ".[bench]".')
    names = ["seq2seq_speed"]
    for option in ("only", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    with written_to(options.output, *names):
        run(options)


if __name__ == "__main__":
    main()
