"""Is one revision slower than another? Base against head, in one run of minutes.

Both are built in a temporary directory and do the same short jobs, in processes that
take turns. A job is called slower (or faster) where the 99 % interval of its ratio,
head over base, lies wholly above (or below) what is noise.

    python benchmarks/compare.py main              # main against the working tree
    python benchmarks/compare.py v0.1.0 main
    python benchmarks/compare.py HEAD HEAD         # how much is noise

The exit status is 1 if a job is slower, 0 if none is, 2 if nothing could be said. It
needs git, a C compiler and what sklstm needs; with Cython and setuptools installed, pip
builds with them and downloads nothing.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from shutil import copy2

import numpy as np
from _machine import processor
from _workers import Worker, print_table

ROOT = Path(__file__).resolve().parent.parent
# A ratio is told from 1 if its interval keeps this distance. On two processors that
# were busy with other work, too: a revision against itself had medians from 0.983 to
# 1.006 and intervals from 0.95 to 1.04, all of them around 1; against one whose kernels
# take 10 % longer, fits had medians from 1.07 to 1.10 and intervals from 1.05 on, but
# for the one of AVX2, whose interval of 1.02 to 1.20 was "too noisy to tell".
NOISE = 0.03
CONFIDENCE = 0.99
N_BOOTSTRAP = 2000
# Where a process has its memory changes its speed by some percent: rounds begin with
# new processes.
N_ROUNDS = 10
LEAST_SECONDS = 0.02  # a turn lasts, in calls one after the other
PAUSE = 0.002


# ---- the work, in the process of a revision ------------------------------------------


class Jobs:
    """The jobs of one build of sklstm, which is imported from `folder`."""

    names = (
        "fit, H = 16",
        "fit, H = 32",
        "fit, H = 64",
        "fit, H = 128",
        "fit, ragged, H = 32",
        "fit, float64, H = 32",
        "predict, n = 1, H = 32",
        "predict, n = 1000, H = 32",
    )
    forced_names = ("fit, AVX2, H = 32",)

    def __init__(self, folder, n_threads):
        # One thread never waits: the processor's time is all, and a busy machine
        # changes it less than the time of day.
        self.clock = time.process_time if n_threads == 1 else time.perf_counter
        sys.path.insert(0, folder)
        warnings.simplefilter("ignore")  # max_iter reached: that is the point
        import sklstm

        if not Path(sklstm.__file__).is_relative_to(folder):
            raise ImportError(f"sklstm comes from {sklstm.__file__}, not from {folder}")
        rng = np.random.default_rng(0)
        self.X = rng.standard_normal((1000, 50, 8), dtype=np.float32)
        self.y = self.X[:, -10:, 0].sum(axis=1)
        lengths = rng.integers(5, 96, size=256)
        self.ragged = [np.resize(x, (T, 8)) for x, T in zip(self.X, lengths)]
        predictor = self.fit(32, n=256, epochs=1)
        self.calls = {
            "fit, H = 16": lambda: self.fit(16, n=256, epochs=4),
            "fit, H = 32": lambda: self.fit(32, n=256, epochs=4),
            "fit, H = 64": lambda: self.fit(64, n=256, epochs=3),
            "fit, H = 128": lambda: self.fit(128, n=128, epochs=3),
            "fit, ragged, H = 32": lambda: self.fit(32, n=256, epochs=4, X=self.ragged),
            "fit, float64, H = 32": lambda: self.fit(
                32, n=256, epochs=3, dtype="float64"
            ),
            "fit, AVX2, H = 32": lambda: self.fit(32, n=256, epochs=4),
            "predict, n = 1, H = 32": lambda: predictor.predict(self.X[:1]),
            "predict, n = 1000, H = 32": lambda: predictor.predict(self.X),
        }

    def fit(self, H, *, n, epochs, X=None, dtype="float32"):
        from sklstm import LSTMRegressor

        model = LSTMRegressor(
            H,
            batch_size=32,
            learning_rate_init=0.003,
            max_grad_norm=1.0,
            max_iter=epochs,
            tol=0.0,
            n_iter_no_change=np.inf,
            dtype=dtype,
            random_state=0,
        )
        return model.fit((self.X if X is None else X)[:n], self.y[:n])

    def instruction_sets(self):
        try:
            from sklstm._kernels import supported_instruction_sets
        except ImportError:  # as earlier revisions call it
            from sklstm.kernels import supported_instruction_sets

        return supported_instruction_sets()

    def seconds(self, name):
        """Seconds of a call, the median of those of one turn."""
        call, seconds = self.calls[name], []
        while sum(seconds) < LEAST_SECONDS:
            start = self.clock()
            call()
            seconds.append(self.clock() - start)
        return statistics.median(seconds)


# ---- the two builds ------------------------------------------------------------------


def git(*arguments):
    command = ["git", "-C", ROOT, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def export(revision, folder):
    """Write the files of a revision, or of the working tree if it is None."""
    folder.mkdir()
    if revision is None:
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():  # not deleted
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                copy2(ROOT / name, folder / name)
    else:
        archive = git("archive", revision)
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)


def build(source, target):
    """Install the source tree into a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--target", target, source]
    if find_spec("Cython") and find_spec("setuptools"):
        command.append("--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True, cwd=source)
    if done.returncode:
        raise RuntimeError(f"{source.name} could not be built.\n{done.stderr}")


def describe(revision):
    if revision is None:
        return "working tree"
    return git("log", "-1", "--format=%h %s", revision).decode().strip()


# ---- the comparison ------------------------------------------------------------------


def workers_of(folders, n_threads, isa=None):
    """The processes of base and head."""
    environment = {"OMP_NUM_THREADS": str(n_threads)}
    if isa:
        environment["SKLSTM_ISA"] = isa
    return [Worker(Jobs, (str(folder), n_threads), environment) for folder in folders]


def run_round(pairs_of_workers, seconds, times):
    """Jobs in turn, base and head in alternating order, for so many seconds."""
    end, swap = time.perf_counter() + seconds, False
    for workers, names in pairs_of_workers:  # what a first call brings
        for worker in workers:
            for name in names:
                worker.ask("seconds", name, pause=0)
    while time.perf_counter() < end:
        for workers, names in pairs_of_workers:
            for name in names:
                pair = {}
                for side in (1, 0) if swap else (0, 1):
                    pair[side] = workers[side].ask("seconds", name, pause=PAUSE)
                times[name][-1].append((pair[0], pair[1]))
        swap = not swap


def measure(folders, n_threads, seconds):
    """Pairs of seconds (base, head), for each job a list for each round."""
    times = {}
    for _ in range(N_ROUNDS):
        start = time.perf_counter()
        pairs = [(workers_of(folders, n_threads), Jobs.names)]
        if "avx2" in pairs[0][0][0].ask("instruction_sets"):
            pairs.append((workers_of(folders, n_threads, "avx2"), Jobs.forced_names))
        for _, names in pairs:
            for name in names:
                times.setdefault(name, []).append([])
        run_round(pairs, seconds / N_ROUNDS - (time.perf_counter() - start), times)
        for workers, _ in pairs:
            for worker in workers:
                worker.stop()
    return times


def interval(rounds, rng):
    """Bootstrap interval of the median ratio: of rounds, and of pairs in each."""
    ratios = [np.divide(*np.transpose(pairs)[::-1]) for pairs in rounds]
    medians = []
    for _ in range(N_BOOTSTRAP):
        drawn = [ratios[k] for k in rng.integers(len(ratios), size=len(ratios))]
        medians.append(
            np.median(np.concatenate([rng.choice(r, size=len(r)) for r in drawn]))
        )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians, [tail, 1 - tail])
    return np.median(np.concatenate(ratios)), low, high


def verdict(low, high):
    if low > 1 + NOISE:
        return "slower"
    if high < 1 - NOISE:
        return "faster"
    if high - low > 2 * NOISE:
        return "too noisy to tell"
    return "no change"


def report(times):
    """Print a line for each job; return the names of the slower ones."""
    rng = np.random.default_rng(0)
    rows, slower = [], []
    for name, rounds in times.items():
        base, head = np.median(np.concatenate(rounds), axis=0) * 1e3
        ratio, low, high = interval(rounds, rng)
        rows.append(
            [
                name,
                f"{base:.3g}",
                f"{head:.3g}",
                f"{ratio:.3f}",
                f"{low:.3f} to {high:.3f}",
                str(sum(map(len, rounds))),
                verdict(low, high),
            ]
        )
        if rows[-1][-1] == "slower":
            slower.append(name)
    head = ["job", "base ms", "head ms", "head / base", "99 % interval", "pairs", ""]
    print_table(head, rows)
    return slower


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="git revision")
    parser.add_argument(
        "head", nargs="?", help="git revision; the working tree if it is left out"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=100, help="of measuring, without the builds"
    )
    options = parser.parse_args()
    revisions = [options.base, options.head]

    print(f"{processor()}, {os.cpu_count()} processors, Python ", end="")
    print(f"{platform.python_version()}, OMP_NUM_THREADS={options.threads}")
    with tempfile.TemporaryDirectory(prefix="sklstm-compare-") as temporary:
        folders = []
        try:
            for side, revision in zip(("base", "head"), revisions):
                print(f"{side}: {describe(revision)}", flush=True)
                source = Path(temporary, f"{side}-source")
                folders.append(Path(temporary, side))
                export(revision, source)
                build(source, folders[-1])
        except subprocess.CalledProcessError as error:
            print(f"{error}\n{error.stderr.decode()}", file=sys.stderr)
            return 2
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 2
        start = time.perf_counter()
        times = measure(folders, options.threads, options.seconds)
        print(f"measured in {time.perf_counter() - start:.0f} s\n")
    slower = report(times)
    print(f"Slower: {'; '.join(slower)}." if slower else "No job is slower.")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
