"""Sequences from sequences: spelling to sound, English to German, dates to ISO 8601.

    python benchmarks/tasks/seq2seq.py --data FOLDER
    python benchmarks/tasks/seq2seq.py --only CMUdict --seeds 3
    python benchmarks/tasks/seq2seq.py --choose --data FOLDER

Words of CMUdict, without stress, are split by a hash of the word (pairs_data.py); a
word is right if the phones are those of any of its pronunciations, and the word error
rate is the share of words that are not. Translations of Multi30k (test 2016, lower
case) are scored by sacreBLEU with its own tokens, against the sentences as they are; of
the tokens, which are words and punctuation, those met once have no id of their own.
Dates are generated. Simple models stand beside (pair_baselines.py). `--choose` scores
all recipes on the validation part instead of the first one on the test part. All
threads that there are take part in a fit.
"""

import argparse
import copy
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import data
import pairs_data
import text_data
from models import Missing
from pair_baselines import LetterModel, WordForWord
from pair_recipes import RECIPES
from report import description, mean_sd, print_table, skip

import sklstm

# ---- what is right -----------------------------------------------------------------


def error_rate(predicted, pairs):
    """Share of the predictions that are none of the targets, in per cent."""
    wrong = sum(
        list(tokens) not in map(list, targets)
        for tokens, targets in zip(predicted, pairs.targets, strict=True)
    )
    return 100 * wrong / len(predicted)


class Spelling:
    """CMUdict."""

    target = "33 with one layer of 256, 31 as far as it goes"
    published = (
        "LSTM of 2 layers of 64 about 39, of 512 about 31; Phonetisaurus 33.9, a "
        "transformer about 31 (g2p-seq2seq, a split of its own, without stress)"
    )
    metric = "word error rate, %"
    baselines = {"the letters around": LetterModel}

    def __init__(self, arguments):
        self.parts = pairs_data.cmudict(Path(arguments.cache))

    def describe(self):
        return ", ".join(
            f"{len(pairs.sources):,} words with {sum(map(len, pairs.targets)):,} "
            f"pronunciations ({part})"
            for part, pairs in self.parts.items()
        )

    def score(self, predicted, part):
        return error_rate(predicted, self.parts[part])


class Translation:
    """Multi30k."""

    target = "30 in at most 30 minutes on two cores, better 34"
    published = "GRU with attention 33.7 to 38.1"
    metric = "BLEU"
    baselines = {"word for word, IBM model 1": WordForWord}

    def __init__(self, arguments):
        try:
            import sacrebleu
        except ImportError:
            raise data.Unavailable("pip install sacrebleu") from None
        self.bleu = sacrebleu.metrics.BLEU()
        self.parts = pairs_data.multi30k(arguments.data)
        self.references = {
            part: pairs_data.sentences(arguments.data, part, "de")
            for part in pairs_data.PARTS
        }

    def describe(self):
        return ", ".join(
            f"{len(pairs.sources):,} pairs of {sum(map(len, pairs.sources)):,} and "
            f"{sum(len(words) for (words,) in pairs.targets):,} words ({part})"
            for part, pairs in self.parts.items()
        )

    def score(self, predicted, part):
        texts = [pairs_data.text_of(words) for words in predicted]
        score = self.bleu.corpus_score(texts, [self.references[part]]).score
        self.signature = str(self.bleu.get_signature())
        return score


class Dates:
    """Dates."""

    target = "0"
    published = "none"
    metric = "error rate, %"
    baselines = {}

    def __init__(self, arguments):
        parts = pairs_data.dates()
        self.parts = {
            part: pairs._replace(
                targets=[[list(y) for y in ys] for ys in pairs.targets]
            )
            for part, pairs in parts.items()
        }

    def describe(self):
        sizes = ", ".join(
            f"{len(pairs.sources):,} ({part})" for part, pairs in self.parts.items()
        )
        return f'{sizes}, such as "{self.parts["train"].sources[2]}"'

    def score(self, predicted, part):
        return error_rate(predicted, self.parts[part])


TASKS = {"CMUdict": Spelling, "Multi30k": Translation, "dates": Dates}


# ---- models ------------------------------------------------------------------------


def network(recipe, seed):
    try:
        return sklstm.LSTMSeq2Seq(random_state=seed, **recipe.parameters)
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error


def run(model, task, part, all_targets=False):
    """The score, seconds of the fit, and seconds of the prediction."""
    seconds = fit(model, task, all_targets)
    return score(model, task, part, seconds)


def fit(model, task, all_targets):
    """The seconds it takes."""
    train = task.parts["train"]
    pairs = train.all_pairs() if all_targets else train.first_pairs()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
        model.fit(*pairs)
    return time.perf_counter() - start


def score(model, task, part, seconds):
    """What `run` returns, of a fitted model."""
    start = time.perf_counter()
    predicted = model.predict(task.parts[part].sources)
    return task.score(predicted, part), seconds, time.perf_counter() - start


def clone_with(model, parameters):
    """The fitted model with some parameters of its predictions changed."""
    return copy.copy(model).set_params(**parameters)


def row(label, runs):
    scores, fits, predictions = zip(*runs)
    return [label, mean_sd(scores, 2), mean_sd(fits, 0), mean_sd(predictions, 1)]


def print_set(name, task, arguments):
    part = "valid" if arguments.choose else "test"
    print(f"{task.describe()}.\n")
    if not arguments.choose:
        print(f"Target {task.target}; published: {task.published}.\n")
    rows = []
    for label, make in task.baselines.items():
        rows.append(row(label, [run(make(), task, part)]))
        print(" | ".join(rows[-1]) + "\n", flush=True)
    if arguments.baselines:
        return
    for recipe in RECIPES[name] if arguments.choose else RECIPES[name][:1]:
        print(f"LSTM: {recipe}.\n", flush=True)
        models = [network(recipe, seed) for seed in range(arguments.seeds)]
        seconds = [fit(model, task, recipe.all_targets) for model in models]
        for beam in recipe.beams if arguments.choose else recipe.beams[:1]:
            runs = [
                score(clone_with(model, beam), task, part, taken)
                for model, taken in zip(models, seconds)
            ]
            changed = "".join(f"; {name}={value}" for name, value in beam.items())
            label = f"LSTM, {recipe}{changed}" if arguments.choose else "LSTM"
            rows.append(row(label, runs))
            print(" | ".join(rows[-1]) + "\n", flush=True)
    head = ["model", f"{task.metric} ({part})", "seconds of a fit", "of predictions"]
    print_table(head, rows)
    if hasattr(task, "signature"):
        print(f"sacreBLEU {task.signature}.\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, help="how many; default 1")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=list(TASKS), default=list(TASKS),
        help="; ".join(TASKS),
    )  # fmt: skip
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
    parser.add_argument(
        "--baselines", action="store_true", help="simple models alone, no network"
    )
    arguments = parser.parse_args()
    packages = ("sklstm", "numpy", "scikit-learn")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"## Encoder-decoder\n\n{description()}; {versions}.\n", flush=True)
    for name in arguments.only:
        print(f"### {name}\n")
        try:
            print_set(name, TASKS[name](arguments), arguments)
        except (Missing, data.Unavailable) as missing:
            skip(name, str(missing))


if __name__ == "__main__":
    main()
