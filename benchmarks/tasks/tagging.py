"""A label, or notes, at every step: entities, parts of speech, the next chord.

    python benchmarks/tasks/tagging.py --data FOLDER
    python benchmarks/tasks/tagging.py --only CoNLL-2003 --seeds 1
    python benchmarks/tasks/tagging.py --choose

A tagger of both directions reads rows for each word that are trained with it: for the
word alone, or beside it for its shape, prefix and suffixes (word_features.py). Of the
chorales one direction reads the notes of a step and says those of the next. All sets
have a validation part; `--choose` scores all recipes on it, and that is how the first
one was chosen.
"""

import time
import warnings
from pathlib import Path
from typing import NamedTuple

import data
import tagging_data
import text_data
from entities import n_illegal, strict_f1
from joblib import Parallel, delayed
from models import Missing
from report import make_parser, mean_sd, print_setting, print_table, skip
from step_baselines import (
    IndependentNotes,
    LinearNotes,
    LinearTagger,
    MostFrequentTag,
    RepeatedNotes,
    nll_per_step,
    previous,
)
from text_recipes import TAGGERS
from word_features import WIDTHS, WordFeatures

import sklstm


class Goal(NamedTuple):
    """What is measured, what is to be reached, and what others have published."""

    metric: str
    targets: str
    published: str


GOALS = {
    "CoNLL-2003": Goal(
        "strict F1",
        "84.3 with a CRF, 81.1 without",
        "random embeddings and spelling features: LSTM 79.8, BiLSTM 81.1, "
        "BiLSTM-CRF 84.3 (Huang, Xu & Yu, 2015)",
    ),
    "Brown": Goal(
        "accuracy, %", "96.5", "none on this split; BiLSTM on WSJ, 45 tags, about 97.3"
    ),
    "JSB chorales": Goal(
        "nats a step", "8.4", "LSTM 8.33 to 8.45, from the second step on"
    ),
}


# ---- words -------------------------------------------------------------------------


def make_encoder(**parameters):
    return of_sklstm(sklstm.preprocessing, "TokenEncoder", **parameters)


def of_sklstm(module, name, **parameters):
    try:
        return getattr(module, name)(**parameters)
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error


class WordTagger:
    """The ids of words, alone or with those of their features, and an LSTMTagger."""

    def __init__(self, recipe, seed, *, crf=False, features=False):
        width = {"embedding_dim": 100}
        if features:
            self.encoder = WordFeatures(make_encoder)
            columns = range(len(WIDTHS))
            width = {"embedding_dim": WIDTHS, "categorical_features": list(columns)}
        else:
            self.encoder = make_encoder()
        self.tagger = of_sklstm(
            sklstm, "LSTMTagger", crf=crf, random_state=seed, **width | recipe
        )

    def fit(self, words, tags):
        self.tagger.fit(self.encoder.fit(words).transform(words), tags)
        return self

    def predict(self, words):
        return self.tagger.predict(self.encoder.transform(words))


def accuracy(y_true, y_pred):
    """Share of the steps with the right tag, in per cent."""
    right = sum(
        a == b for true, tags in zip(y_true, y_pred) for a, b in zip(true, tags)
    )
    return 100 * right / sum(map(len, y_true))


def score_words(model, fitted, scored, metric):
    """The score, the number of illegal transitions and the seconds of the fit."""
    warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
    start = time.perf_counter()
    model.fit(*fitted)
    seconds = time.perf_counter() - start
    predicted = model.predict(scored.words)
    return metric(scored.tags, predicted), n_illegal(predicted), seconds


class Words:
    """A set of sentences, its metric and its rows."""

    digits = 2

    def __init__(self, parts, metric, linear):
        self.parts = parts
        self.metric = metric
        self.baselines = {"most frequent tag": MostFrequentTag}
        if linear:
            self.baselines["logistic regression of features in a window"] = LinearTagger

    def describe(self):
        sizes = ", ".join(
            f"{len(self.parts[part].words)} sentences of "
            f"{sum(map(len, self.parts[part].words))} words ({part})"
            for part in tagging_data.PARTS
        )
        tags = {
            tag for part in self.parts.values() for tags in part.tags for tag in tags
        }
        return f"{sizes}; {len(tags)} tags."

    def columns(self):
        return ["illegal transitions", "seconds of a fit"]

    def job(self, model, part):
        return delayed(score_words)(
            model, self.parts["train"], self.parts[part], self.metric
        )

    def references(self, part):
        return {name: self.job(make(), part) for name, make in self.baselines.items()}

    def model(self, recipe, seed):
        return WordTagger(
            recipe.parameters, seed, crf=recipe.crf, features=recipe.features
        )


# ---- notes -------------------------------------------------------------------------


class NotesTagger:
    """Says of each note whether it sounds in the next step."""

    def __init__(self, recipe, seed):
        self.tagger = of_sklstm(
            sklstm,
            "LSTMTagger",
            bidirectional=False,
            crf=False,
            random_state=seed,
            **recipe,
        )

    def fit(self, pieces):
        notes = [piece.astype(int) for piece in pieces]
        self.tagger.fit(previous(pieces), notes)
        return self

    def decision_function(self, pieces):
        return self.tagger.decision_function(previous(pieces))


def score_notes(model, fitted, scored):
    """Nats a step, those from the second step on, and the seconds of the fit."""
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    model.fit(fitted)
    seconds = time.perf_counter() - start
    logits = model.decision_function(scored)
    after = nll_per_step(logits, scored, first=False)
    return nll_per_step(logits, scored), after, seconds


class Notes:
    """The chorales, what they are compared with and their rows."""

    digits = 3

    def __init__(self, parts):
        self.parts = parts

    def describe(self):
        sizes = ", ".join(
            f"{len(pieces)} pieces of {sum(map(len, pieces))} steps ({part})"
            for part, pieces in self.parts.items()
        )
        return f"{sizes}; sums over 88 notes, means over the steps of all pieces."

    def columns(self):
        return ["from the second step on", "seconds of a fit"]

    def job(self, model, part):
        return delayed(score_notes)(model, self.parts["train"], self.parts[part])

    def references(self, part):
        models = {
            "every note alone": IndependentNotes(),
            "every note from itself a step before": RepeatedNotes(),
            "logistic regression on the step before": LinearNotes(),
        }
        return {name: self.job(model, part) for name, model in models.items()}

    def model(self, recipe, seed):
        return NotesTagger(recipe.parameters, seed)


# ---- tables ------------------------------------------------------------------------


def load(name, arguments):
    cache = Path(arguments.cache)
    if name == "CoNLL-2003":
        return Words(tagging_data.conll2003(cache), strict_f1, linear=True)
    if name == "Brown":
        return Words(tagging_data.brown(cache), accuracy, linear=False)
    return Notes(tagging_data.chorales(arguments.data))


def row(label, runs, digits):
    score, beside, seconds = zip(*runs)
    exact = digits if isinstance(beside[0], float) else 0
    return [
        label,
        mean_sd(score, digits),
        mean_sd(beside, exact),
        mean_sd(seconds, 1),
    ]


def print_set(name, task, arguments, parallel):
    """Baselines and first recipes on the test part, or all recipes on the other."""
    part = "valid" if arguments.choose else "test"
    rows = []
    if not arguments.choose:
        print(f"Target {GOALS[name].targets}; published: {GOALS[name].published}.\n")
        references = task.references(part)
        for label, run in zip(references, parallel(references.values())):
            rows.append(row(label, [run], task.digits))
    for label, recipes in TAGGERS[name].items():
        for recipe in recipes if arguments.choose else recipes[:1]:
            models = [task.model(recipe, seed) for seed in range(arguments.seeds)]
            runs = parallel(task.job(model, part) for model in models)
            kind = f"{label}: {recipe}" if arguments.choose else label
            rows.append(row(kind, runs, task.digits))
            if not arguments.choose:
                print(f"{label}: {recipe}.\n", flush=True)
    head = ["model", f"{GOALS[name].metric} ({part})", *task.columns()]
    print_table(head, rows)


def main():
    parser = make_parser(__doc__, TAGGERS)
    parser.set_defaults(seeds=3)
    text_data.add_data(parser)
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
    arguments = parser.parse_args()
    print_setting("Tagging", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                task = load(name, arguments)
                print(f"{task.describe()}\n")
                print_set(name, task, arguments, parallel)
            except (Missing, data.Unavailable) as missing:
                skip(name, str(missing))


if __name__ == "__main__":
    main()
