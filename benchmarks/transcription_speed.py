"""sklstm beside PyTorch where frames are transcribed: CTC.

    python benchmarks/transcription_speed.py --data FOLDER
    python benchmarks/transcription_speed.py --only lines --threads 1
    python benchmarks/transcription_speed.py --data FOLDER --output  # machine's folder

Strings of spoken digits and lines of print (tasks/transcription_data.py) through one
bidirectional LSTM, with the CTC loss of each library. Both read the same frames in the
same minibatches of 32 sequences, in the same order in every epoch. PyTorch packs its
sequences. Work: units of one direction.
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
from _transcription_work import Transcription, save
from sklearn.pipeline import make_pipeline

sys.path.append(str(Path(__file__).parent / "tasks"))
import data  # noqa: E402
import text_data  # noqa: E402
import transcription_data  # noqa: E402
from transcription_recipes import front_end  # noqa: E402

LIBRARIES = {
    "sklstm": Library("_sklstm_transcription", ("sklstm", "numpy", "scikit-learn")),
    "PyTorch": Library("_torch_transcription", ("torch", "numpy")),
}
N_SEQUENCES = 640
BAR = 3


class Section(NamedTuple):
    """What is transcribed, and with which work."""

    title: str
    works: tuple


SECTIONS = {
    "digits": Section(
        f"An epoch of {N_SEQUENCES} strings of spoken digits, s",
        (Transcription(128), Transcription(64)),
    ),
    "lines": Section(
        f"An epoch of {N_SEQUENCES} lines of print, s",
        (Transcription(128),),
    ),
}


def write_data(name, path, options):
    """Write what a section reads, and say how many frames there are."""
    if name == "digits":
        recordings = transcription_data.recordings(options.data)["train"]
        drawn = transcription_data.strings(recordings, N_SEQUENCES, seed=0)
        X, y = drawn.sounds, drawn.transcripts
    else:
        y = transcription_data.verses(Path(options.cache))[0][:N_SEQUENCES]
        X = transcription_data.Press().print(y, seed=0, noise="paper")
    frames = make_pipeline(*front_end(name)).fit_transform(X)
    save(path, list(frames), y)
    return sum(map(len, frames))


def rows_of(name, workers, path, n_frames, options):
    for n_threads, pair in workers.items():
        for work in SECTIONS[name].works:
            turns = [(worker, ("fit", work, path)) for worker in pair]
            (ours, theirs), remarks = alternate(turns, options.repeats)
            ratio = statistics.median(theirs) / statistics.median(ours)
            speed = [n_frames / statistics.median(times) for times in (ours, theirs)]
            yield [
                str(work.n_units),
                str(n_threads),
                spread(ours, 2),
                spread(theirs, 2),
                f"{ratio:.2f}",
                *(f"{frames / 1000:,.0f}" for frames in speed),
                f"≥ {BAR}",
                "yes" if ratio >= BAR else "**no**",
                "; ".join(
                    f"{who} {text}" for who, text in zip(LIBRARIES, remarks) if text
                ),
            ]


def run(options):
    print(f"# Speed of transcription: {title()}\n")
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
            "processor; more: time on the clock. Losses are those of a label, in the "
            "first epoch.\n"
        )
        for name in options.only:
            print(f"## {name}\n\n{SECTIONS[name].title}\n", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "frames.npz")
                try:
                    n_frames = write_data(name, path, options)
                except data.Unavailable as reason:
                    print(f"Left out: {reason}.\n")
                    continue
                with OtherLoad() as others:
                    rows = list(rows_of(name, workers, path, n_frames, options))
            head = ["units", "threads", "sklstm s", "PyTorch s", "PyTorch ÷ sklstm"]
            head += ["sklstm 1000 frames/s", "PyTorch", "bar", "met?", "remarks"]
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
    names = ["transcription_speed"]
    for option in ("only", "threads"):
        if getattr(options, option) != parser.get_default(option):
            names += map(str, getattr(options, option))
    with written_to(options.output, *names):
        run(options)


if __name__ == "__main__":
    main()
