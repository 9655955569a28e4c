"""Language models: the Penn Treebank in words and in characters, Shakespeare.

    python benchmarks/tasks/language_model.py
    python benchmarks/tasks/language_model.py --only "PTB medium" --minutes 120
    python benchmarks/tasks/language_model.py --choose --only "PTB small"

Every word or character counts, and the end of every line: 82,430 tokens in the test
part of the Penn Treebank, 442,423 characters. Perplexity is exp of the mean negative
log-likelihood of these, in nats. N-grams (ngrams.py) read the same tokens first and are
scored on the same. Each epoch of the network is followed by its perplexity on the
validation part (of characters on its beginning), in a line beside those that others
have published. `--choose` scores all recipes on the validation part instead of the
first one on the test part. `--minutes` ends a fit before an epoch that would not be
done by then. All threads that there are take part in a fit.
"""

import argparse
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import data
import language_data
import numpy as np
from language_recipes import RECIPES
from models import Missing
from ngrams import KneserNey
from report import description, mean_sd, print_table, skip

import sklstm

LN2 = float(np.log(2))


class Task(NamedTuple):
    """A corpus, how it is measured, what is to be reached and what others have."""

    load: callable
    # of the baseline
    n: int
    target: str
    published: str
    # validation perplexities that others report, by epoch
    curve: dict = {}
    in_bits: bool = False
    prefix: str | None = None
    # documents of the validation part that are scored after each epoch
    n_logged: int | None = None

    def unit(self, nats):
        """Bits, or a perplexity, of nats a token."""
        return nats / LN2 if self.in_bits else float(np.exp(nats))

    @property
    def metric(self):
        return "bits a character" if self.in_bits else "perplexity"

    @property
    def digits(self):
        return 3 if self.in_bits else 2


#: Zaremba, Sutskever & Vinyals (2014) report the last values; the epochs before are
#: from the logs of TensorLayer's tutorial_ptb_lstm, which has their settings.
SMALL = [178.6, 142.6, 131.9, 128.4, 127.1, 120.3, 120.8, 122.1, 123.2, 123.7, 123.5,
         123.2, 122.9]  # fmt: skip
TASKS = {
    "PTB small": Task(
        language_data.treebank_words,
        5,
        "114.5 in at most 20 minutes on two cores",
        "2 layers of 200: 114.5; in TensorFlow's tutorial 115.9, TensorLayer's 116.7",
        dict(enumerate(SMALL, start=1)),
    ),
    "PTB medium": Task(
        language_data.treebank_words,
        5,
        "as far as it goes in two hours",
        "2 layers of 650: 82.7 after 39 epochs; in TensorFlow's tutorial 82.1 "
        "(validation 86.2), TensorLayer's 83.9 (87.5)",
        {1: 208.9, 39: 87.5},
    ),
    "PTB characters": Task(
        language_data.treebank_characters,
        9,
        "1.36",
        "LSTM 1.36 to 1.38; the best networks 1.12",
        in_bits=True,
        n_logged=400,
    ),
    "Shakespeare": Task(
        language_data.shakespeare,
        8,
        "none",
        "none on this split",
        in_bits=True,
        prefix="MACBETH\n",
        n_logged=10,
    ),
}


# ---- n-grams -----------------------------------------------------------------------


def numbered(parts):
    """Sequences of numbers by part, and how many tokens there are with the mark.

    Tokens that training does not have are <unk>, if it has that, or are refused.
    """
    tokens = sorted({token for document in parts["train"] for token in document})
    ids = {token: k for k, token in enumerate(tokens)}
    unknown = ids.get("<unk>")
    sequences = {
        part: [
            [ids.get(token, unknown) for token in document] for document in documents
        ]
        for part, documents in parts.items()
    }
    if any(None in sequence for part in sequences.values() for sequence in part):
        raise ValueError("There are tokens that the training part does not have")
    return sequences, len(tokens) + 1


def ngrams_row(task, parts, part):
    start = time.perf_counter()
    sequences, n_tokens = numbered(parts)
    model = KneserNey(task.n, n_tokens).fit(sequences["train"])
    seconds = time.perf_counter() - start
    nats = -model.log_probabilities(sequences[part]).mean()
    value = f"{task.unit(nats):.{task.digits}f}"
    return [f"{task.n}-grams, Kneser-Ney", value, "", f"{seconds:.0f}"]


# ---- networks ----------------------------------------------------------------------


class EpochLog:
    """A line for each epoch, and the end of a fit that has no time for another one."""

    def __init__(self, task, documents, minutes):
        self.task = task
        self.documents = documents
        self.minutes = minutes
        self.rows = []
        self.seconds = 0.0

    def setup(self, estimator, context):
        self.began = self.last = time.perf_counter()

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch" or fitted_estimator is None:
            return False
        trained = time.perf_counter()
        nats = -fitted_estimator.score(self.documents)
        now = time.perf_counter()
        self.seconds += trained - self.last
        epoch = context.task_id + 1
        self.rows.append(
            [
                str(epoch),
                f"{self.task.unit(fitted_estimator.loss_):.{self.task.digits}f}",
                f"{self.task.unit(nats):.{self.task.digits}f}",
                str(self.task.curve.get(epoch, "")),
                f"{trained - self.last:.0f}",
            ]
        )
        print("epoch", *self.rows[-1], sep=" | ", flush=True)
        elapsed = now - self.began
        one_more = elapsed + (now - self.last)
        self.last = now
        return self.minutes is not None and one_more > 60 * self.minutes


class Run(NamedTuple):
    model: object
    nats: float
    valid_nats: float
    # of the fit, without the perplexities between the epochs
    seconds: float


def run(task, recipe, parts, part, seed, minutes):
    warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
    try:
        model = sklstm.LSTMLanguageModel(random_state=seed, **recipe)
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error
    log = EpochLog(task, parts["valid"][: task.n_logged], minutes)
    model.set_callbacks(log).fit(parts["train"])
    valid = -model.score(parts["valid"])
    nats = valid if part == "valid" else -model.score(parts[part])
    head = ["epoch", f"{task.metric} in training", "validation", "others", "seconds"]
    print()
    print_table(head, log.rows)
    return Run(model, nats, valid, log.seconds)


def network_row(label, task, runs):
    nats, valid, seconds = zip(*(run[1:] for run in runs))
    return [
        label,
        mean_sd([task.unit(value) for value in nats], task.digits),
        mean_sd([task.unit(value) for value in valid], task.digits),
        mean_sd(seconds, 0),
    ]


def text_of(recipe):
    return ", ".join(f"{name}={value!r}" for name, value in recipe.items())


def print_set(name, task, arguments):
    parts = task.load(Path(arguments.cache))
    sizes = ", ".join(
        f"{sum(map(len, documents)) + len(documents):,} ({part})"
        for part, documents in parts.items()
    )
    print(f"Tokens with the ends of documents: {sizes}.\n")
    part = "valid" if arguments.choose else "test"
    if not arguments.choose:
        print(f"Target {task.target}; published: {task.published}.\n")
    rows = [ngrams_row(task, parts, part)]
    print(" | ".join(rows[0]) + "\n", flush=True)
    if arguments.baselines:
        return
    recipes = RECIPES[name] if arguments.choose else RECIPES[name][:1]
    for recipe in recipes:
        print(f"LSTM: {text_of(recipe)}.\n", flush=True)
        runs = [
            run(task, recipe, parts, part, seed, arguments.minutes)
            for seed in range(arguments.seeds)
        ]
        label = f"LSTM, {text_of(recipe)}" if arguments.choose else "LSTM"
        rows.append(network_row(label, task, runs))
    head = ["model", f"{task.metric} ({part})", "the same (valid)", "seconds of a fit"]
    print_table(head, rows)
    if task.prefix is not None and not arguments.choose:
        print_samples(runs[0].model, task.prefix)


def print_samples(model, prefix):
    """What it writes, at three temperatures."""
    for temperature in (0.5, 0.8, 1.0):
        text = model.generate(
            400, prefix=prefix, temperature=temperature, random_state=0
        )[0]
        print(f"Temperature {temperature}:\n\n```\n{prefix}{text}\n```\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many; default 1")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=list(TASKS),
        default=[name for name in TASKS if name != "PTB medium"],
        help="; ".join(TASKS) + "; default all but PTB medium",
    )  # fmt: skip
    parser.add_argument(
        "--cache",
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="score all recipes on validation data instead of the first on test data",
    )
    parser.add_argument("--minutes", type=float, help="the most that a fit may take")
    parser.add_argument(
        "--baselines", action="store_true", help="n-grams alone, no network"
    )
    arguments = parser.parse_args()
    packages = ("sklstm", "numpy", "scikit-learn")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"## Language models\n\n{description()}; {versions}.\n", flush=True)
    for name in arguments.only:
        print(f"### {name}\n")
        try:
            print_set(name, TASKS[name], arguments)
        except (Missing, data.Unavailable) as missing:
            skip(name, str(missing))


if __name__ == "__main__":
    main()
