"""sklstm beside PyTorch as a language model: training and generation.

    python benchmarks/language_model_speed.py
    python benchmarks/language_model_speed.py --only training --threads 1
    python benchmarks/language_model_speed.py --output    # into this machine's folder

Training reads a part of the Penn Treebank (10,000 tokens in the vocabulary) in 20
streams, 35 steps at a time, whose states are carried on. Generation writes characters,
from a vocabulary as that of Shakespeare's plays. Work: length of a row of the
embedding; units of each layer; the type of the products, if it is not float32 (PyTorch:
autocast); texts × characters.
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
from _language_work import LanguageWork, save
from _machine import add_output, title, written_to

sys.path.append(str(Path(__file__).parent / "tasks"))
import data  # noqa: E402
import language_data  # noqa: E402

LIBRARIES = {
    "sklstm": Library("_sklstm_language", ("sklstm", "numpy", "scikit-learn")),
    "PyTorch": Library("_torch_language", ("torch", "numpy")),
}
#: Tokens that are read in one measurement of training.
N_TOKENS = 42_000


class Section(NamedTuple):
    """What is done, with which text and work, and how fast sklstm is to be."""

    title: str
    task: str
    load: callable
    # how many times as fast as PyTorch, and tokens in a second on one thread
    works: dict


SECTIONS = {
    "training": Section(
        f"One epoch of {N_TOKENS:,} tokens of the Penn Treebank, s",
        "fit",
        language_data.treebank_words,
        {
            LanguageWork(200, (200, 200)): (1.5, None),
            LanguageWork(200, (200, 200), dtype="bfloat16"): (1.5, None),
        },
    ),
    "generation": Section(
        "Texts that are written, s",
        "generate",
        language_data.shakespeare,
        {
            LanguageWork(128, (128,), n_samples=1, length=2000): (None, 20_000),
            LanguageWork(128, (128,), n_samples=64, length=500): (None, 150_000),
        },
    ),
}


def rows_of(section, workers, path, n_tokens, options):
    for n_threads, pair in workers.items():
        for work, (least_ratio, least_speed) in section.works.items():
            turns = [(worker, (section.task, work, path)) for worker in pair]
            (ours, theirs), remarks = alternate(turns, options.repeats)
            ratio = statistics.median(theirs) / statistics.median(ours)
            n = work.n_samples * work.length or n_tokens
            speed = [n / statistics.median(times) for times in (ours, theirs)]
            bars = []
            if least_ratio is not None:
                bars.append((f"≥ {least_ratio}", ratio >= least_ratio))
            if least_speed is not None and n_threads == 1:
                bars.append((f"≥ {least_speed:,} tokens/s", speed[0] >= least_speed))
            yield [
                str(work),
                str(n_threads),
                spread(ours, 1),
                spread(theirs, 1),
                f"{ratio:.2f}",
                *(f"{tokens / 1000:,.1f}" for tokens in speed),
                "; ".join(bar for bar, _ in bars) or "–",
                "; ".join("yes" if met else "**no**" for _, met in bars) or "–",
                "; ".join(
                    f"{who} {text}" for who, text in zip(LIBRARIES, remarks) if text
                ),
            ]


def run(options):
    print(f"# Speed of language models: {title()}\n")
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
            section = SECTIONS[name]
            print(f"## {name}\n\n{section.title}\n", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "corpus.npz")
                try:
                    documents = section.load(Path(options.cache))
                except data.Unavailable as reason:
                    print(f"Left out: {reason}.\n")
                    continue
                n_tokens = save(path, documents, "train", N_TOKENS)
                with OtherLoad() as others:
                    rows = list(rows_of(section, workers, path, n_tokens, options))
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
    add_output(parser)
    options = parser.parse_args()
    if min([*options.threads, options.repeats]) < 1:
        parser.error("threads and repeats must be at least 1")
    for library in LIBRARIES.values():
        if package := library.missing():
            raise SystemExit(f'{package} is not installed: pip install ".[bench]".')
    names = ["language_model_speed"]
    for option in ("only", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    with written_to(options.output, *names):
        run(options)


if __name__ == "__main__":
    main()
