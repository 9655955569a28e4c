"""sklstm beside PyTorch where tokens are read: texts and tags.

    python benchmarks/text_speed.py --data FOLDER python benchmarks/text_speed.py --only
    tagging --threads 1 python benchmarks/text_speed.py --data FOLDER --output    # into
    this machine's folder

Movie reviews are classified by the maximum over the steps of a bidirectional LSTM, the
words of CoNLL-2003 are tagged by one, with a CRF or without. Both libraries read the
same ids in the same minibatches of 32 sequences, in the same order in every epoch.
PyTorch packs its sequences; its CRF goes once over the steps for all sequences of a
minibatch. Work: length of a row of the embedding, units of one direction.
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
from _text_work import TokenWork, save

sys.path.append(str(Path(__file__).parent / "tasks"))
import data  # noqa: E402
import tagging_data  # noqa: E402
import text_data  # noqa: E402

LIBRARIES = {
    "sklstm": Library("_sklstm_text", ("sklstm", "numpy", "scikit-learn")),
    "PyTorch": Library("_torch_text", ("torch", "numpy")),
}


class Section(NamedTuple):
    """What is done, with which work, and how many times as fast sklstm is to be."""

    title: str
    task: str
    works: dict
    # tokens in a second on one thread
    least: int | None = None


SECTIONS = {
    "text": Section(
        "An epoch of the movie reviews, s",
        "fit",
        {TokenWork("text", 100, 64): 3},
    ),
    "tags": Section(
        "An epoch of the training part of CoNLL-2003, s",
        "fit",
        {TokenWork("tags", 100, 100, crf=True): 5, TokenWork("tags", 100, 100): None},
    ),
    "tagging": Section(
        "The best tags of the training part of CoNLL-2003, s",
        "tag",
        {
            TokenWork("tags", 100, 100, crf=True): None,
            TokenWork("tags", 100, 100): None,
        },
        least=100_000,
    ),
}


def write_data(name, path, options):
    """Write what a section reads, and say how many tokens there are."""
    if name == "text":
        documents, labels = text_data.movie_reviews(options.data)
        tokens, labels = [text.split() for text in documents], labels.tolist()
    else:
        tokens, labels = tagging_data.conll2003(Path(options.cache))["train"]
    save(path, tokens, labels)
    return sum(map(len, tokens))


def rows_of(name, workers, path, n_tokens, options):
    section = SECTIONS[name]
    for n_threads, pair in workers.items():
        for work, bar in section.works.items():
            turns = [(worker, (section.task, work, path)) for worker in pair]
            (ours, theirs), remarks = alternate(turns, options.repeats)
            ratio = statistics.median(theirs) / statistics.median(ours)
            speed = [n_tokens / statistics.median(times) for times in (ours, theirs)]
            bars = []
            if bar is not None:
                bars.append((f"≥ {bar}", ratio >= bar))
            if section.least is not None and n_threads == 1:
                bars.append(
                    (f"≥ {section.least:,} tokens/s", speed[0] >= section.least)
                )
            yield [
                f"{work.n_dimensions}, {work.n_units}{', CRF' * work.crf}",
                str(n_threads),
                spread(ours, 1),
                spread(theirs, 1),
                f"{ratio:.2f}",
                *(f"{tokens / 1000:,.0f}" for tokens in speed),
                "; ".join(bar for bar, _ in bars) or "–",
                "; ".join("yes" if met else "**no**" for _, met in bars) or "–",
                "; ".join(
                    f"{who} {text}" for who, text in zip(LIBRARIES, remarks) if text
                ),
            ]


def run(options):
    print(f"# Speed with tokens: {title()}\n")
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
            "processor; more: time on the clock.\n"
        )
        for name in options.only:
            print(f"## {name}\n\n{SECTIONS[name].title}\n", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "tokens.npz")
                try:
                    n_tokens = write_data(name, path, options)
                except data.Unavailable as reason:
                    print(f"Left out: {reason}.\n")
                    continue
                with OtherLoad() as others:
                    rows = list(rows_of(name, workers, path, n_tokens, options))
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
    names = ["text_speed"]
    for option in ("only", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    with written_to(options.output, *names):
        run(options)


if __name__ == "__main__":
    main()
