"""Strings without borders: spoken digits and lines of print, by CTC.

    python benchmarks/tasks/transcription.py --data FOLDER
    python benchmarks/tasks/transcription.py --only lines --seeds 1
    python benchmarks/tasks/transcription.py --data FOLDER --choose

Strings of 3 to 7 digits, spoken by one speaker, are joined of the recordings of FSDD:
those for training of its training part alone, those of the test of its test part. Lines
are verses of Shakespeare in six fonts, with a noise of paper; tested are other verses,
with the same kind of noise and with one that is in no training line. Both are read by a
bidirectional LSTM, and nothing tells it where a digit or a letter begins. `--choose`
scores all recipes on a part of the training data, and that is how the first was chosen.
"""

import time
import warnings
from pathlib import Path
from typing import NamedTuple

import data
import numpy as np
import text_data
import transcription_data
from joblib import Parallel, delayed
from models import Missing
from report import make_parser, mean_sd, print_setting, print_table, skip
from sklearn.pipeline import make_pipeline
from transcription_baselines import CutDigits, boundary_distances, label_error_rate
from transcription_recipes import RECIPES, front_end

import sklstm
from sklstm.preprocessing import LogMel

N_STRINGS, N_TEST_STRINGS = 3000, 500
N_LINES, N_TEST_LINES = 5000, 500


class Goal(NamedTuple):
    """What is to be reached."""

    error: float
    distance: float | None = None


GOALS = {"digits": Goal(2, 2), "lines": Goal(1)}


class Transcribed(NamedTuple):
    """Sequences to transcribe, and where each label begins and ends, if it is known."""

    X: list
    y: list
    bounds: list | None = None


def model_of(name, recipe, seed):
    """The front end and the transcriber."""
    parameters = dict(recipe)
    steps = front_end(name, parameters.pop("n_frames"))
    try:
        transcriber = sklstm.LSTMTranscriber(random_state=seed, **parameters)
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error
    return make_pipeline(*steps, transcriber)


def score(name, recipe, seed, train, tests):
    """Error rates, distances from borders to cuts, and the seconds of the fit."""
    warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
    model = model_of(name, recipe, seed)
    start = time.perf_counter()
    model.fit(train.X, train.y)
    seconds = time.perf_counter() - start
    errors, distance = [], np.nan
    for test in tests:
        errors.append(label_error_rate(test.y, model.predict(test.X)))
        if test.bounds is not None:
            mel, steps = model[0].transform(test.X), model[:-1].transform(test.X)
            paths = model[-1].align(steps, test.y)
            distance = boundary_distances(
                paths,
                test.bounds,
                mel.lengths,
                recipe["n_frames"],
                model[0].hop_length_,
            ).mean()
    return errors, distance, seconds


# ---- spoken digits -----------------------------------------------------------------


class Digits:
    """Strings of recordings, and what cuts them where they are quiet."""

    tests = ("label error, %",)

    def __init__(self, arguments):
        parts = transcription_data.recordings(arguments.data)
        if arguments.choose:
            self.recordings, tested = parts["train"], parts["valid"]
        else:
            self.recordings = transcription_data.joined(parts["train"], parts["valid"])
            tested = parts["test"]
        self.test = transcription_data.strings(tested, N_TEST_STRINGS, seed=10**6)

    def describe(self):
        n = sum(map(len, self.test.transcripts))
        return (
            f"{N_STRINGS} strings for training, others for each seed; "
            f"{N_TEST_STRINGS} of {n} digits to be transcribed. A step is what the "
            "network reads, some frames of 10 ms; the border between two labels lies "
            "midway between the steps that `align` gives them, the cut in the middle "
            "of the silence between two digits."
        )

    def parts(self, seed):
        """Training strings of a seed, and what is tested."""
        train = transcription_data.strings(self.recordings, N_STRINGS, seed)
        return Transcribed(*train[:2]), [Transcribed(*self.test)]

    def references(self):
        """Rows of what is compared."""
        cutter = CutDigits(LogMel(transcription_data.SAMPLE_RATE))
        start = time.perf_counter()
        strings = transcription_data.strings(self.recordings, 300, seed=0)
        cutter.fit(self.recordings, strings)
        seconds = time.perf_counter() - start
        predicted = cutter.predict(self.test.sounds)
        told = cutter.predict_cut(self.test.sounds, self.test.bounds)
        names = "cut where it is quiet, logistic regression", "the same, told the cuts"
        for label, got in zip(names, (predicted, told), strict=True):
            yield row(label, [([label_error_rate(self.test.transcripts, got)],
                               np.nan, seconds)])  # fmt: skip


# ---- lines of print ----------------------------------------------------------------


class Lines:
    """Lines of print, with two kinds of noise."""

    tests = "character error, %, same kind of noise", "other kind"

    def __init__(self, arguments):
        self.press = transcription_data.Press()
        train, test = transcription_data.verses(Path(arguments.cache))
        rng = np.random.default_rng(0)
        train, test = ([lines[i] for i in rng.permutation(len(lines))]
                       for lines in (train, test))  # fmt: skip
        if arguments.choose:
            test = train[-N_TEST_LINES:]
        self.train, self.test = train[:N_LINES], test[:N_TEST_LINES]

    def describe(self):
        return (
            f"{N_LINES} lines for training, printed anew for each seed; {N_TEST_LINES} "
            f"of {sum(map(len, self.test))} characters to be transcribed, of other "
            "plays."
        )

    def parts(self, seed):
        train = Transcribed(self.press.print(self.train, seed, "paper"), self.train)
        return train, [
            Transcribed(self.press.print(self.test, 10**6, noise), self.test)
            for noise in ("paper", "scan")
        ]

    def references(self):
        return ()


SETS = {"digits": Digits, "lines": Lines}


# ---- tables ------------------------------------------------------------------------


def row(label, runs):
    errors, distances, seconds = zip(*runs, strict=True)
    cells = [mean_sd(error, 2) for error in zip(*errors, strict=True)]
    if not np.isnan(distances).all():
        cells.append(mean_sd(distances, 2))
    elif len(cells) == 1:
        cells.append("–")
    return [label, *cells, mean_sd(seconds, 0)]


def print_set(name, task, arguments, parallel):
    goal = GOALS[name]
    distance = f", {goal.distance} steps from the cuts" if goal.distance else ""
    print(f"Bar: an error of at most {goal.error} %{distance}.\n")
    rows = list(task.references())
    recipes = RECIPES[name] if arguments.choose else RECIPES[name][:1]
    for recipe in recipes:
        jobs = (
            delayed(score)(name, recipe, seed, *task.parts(seed))
            for seed in range(arguments.seeds)
        )
        label = ", ".join(f"{key}={value!r}" for key, value in recipe.items())
        if not arguments.choose:
            print(f"The recipe is {label}.\n", flush=True)
        rows.append(
            row(label if arguments.choose else "LSTMTranscriber", parallel(jobs))
        )
    head = ["model", *task.tests]
    if goal.distance:
        head.append("steps from border to cut")
    print_table([*head, "seconds of a fit"], rows)


def main():
    parser = make_parser(__doc__, SETS)
    text_data.add_data(parser)
    parser.add_argument(
        "--cache",
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="score all recipes on a part of the training data instead",
    )
    arguments = parser.parse_args()
    print_setting("Transcription", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                task = SETS[name](arguments)
                print(f"{task.describe()}\n")
                print_set(name, task, arguments, parallel)
            except (Missing, data.Unavailable) as missing:
                skip(name, str(missing))


if __name__ == "__main__":
    main()
