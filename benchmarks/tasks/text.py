"""Texts, word by word: what questions ask for, and whether reviews are good.

    python benchmarks/tasks/text.py --data FOLDER
    python benchmarks/tasks/text.py --only TREC --seeds 2
    python benchmarks/tasks/text.py --choose

A bidirectional LSTM with the maximum over the words reads rows for each word that are
trained with it, beside logistic regression on TF-IDF of words and pairs of words. TREC
has a test split; of the movie reviews every tenth is predicted by a model of the
others, in other folds for each seed. `--choose` scores all recipes on training data
alone: TREC's in five folds, the reviews' in three folds of nine tenths of them. That is
how the first recipe was chosen.
"""

import time
import warnings
from functools import partial
from typing import NamedTuple

import numpy as np
import text_data
from data import Unavailable
from joblib import Parallel, delayed
from models import Missing
from report import make_parser, mean_sd, print_setting, print_table, skip
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from text_recipes import CLASSIFIERS

import sklstm


class Goal(NamedTuple):
    """The accuracy to reach, and what others have published."""

    target: float
    published: str


GOALS = {
    "TREC": Goal(0.88, "CNN with random embeddings 0.882 (Kim, 2014)"),
    "MR": Goal(0.755, "CNN with random embeddings 0.759 (Kim, 2014)"),
}


def linear_model():
    """TF-IDF of words and pairs, and logistic regression."""
    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=30, max_iter=1000)
    )


def network(parameters, seed=None):
    """Words as ids, those of one document alone as unknown, and the network."""
    try:
        encoder = sklstm.preprocessing.TokenEncoder(token_pattern=r"\S+")
        classifier = sklstm.LSTMClassifier(
            bidirectional=True, pooling="max", random_state=seed, **parameters
        )
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error
    return make_pipeline(encoder, classifier)


# ---- jobs --------------------------------------------------------------------------


def score(model, train, test):
    """Accuracy, and the seconds of the fit."""
    warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
    start = time.perf_counter()
    model = clone(model).fit(*train)
    seconds = time.perf_counter() - start
    return model.score(*test), seconds


def tests(name, folder, seed):
    """Pairs of training and test data of a seed: one for TREC, ten of reviews."""
    if name == "TREC":
        return [text_data.trec(folder)]
    return folds(*text_data.movie_reviews(folder), 10, seed)


def training(name, folder, seed):
    """The same for a choice: of data in no test, or in nine of ten."""
    if name == "TREC":
        return folds(*text_data.trec(folder)[0], 5, seed)
    train, _ = folds(*text_data.movie_reviews(folder), 10, seed)[0]
    return folds(*train, 3, seed)


def folds(documents, y, n_folds, seed):
    documents = np.array(documents, dtype=object)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return [
        ((documents[fit], y[fit]), (documents[rest], y[rest]))
        for fit, rest in splitter.split(documents, y)
    ]


def scores(make_model, pairs_of, seeds, parallel):
    """Mean accuracy of the pairs of each seed, and seconds of all fits."""
    pairs = [(make_model(seed), pair) for seed in seeds for pair in pairs_of(seed)]
    results = parallel(delayed(score)(model, *pair) for model, pair in pairs)
    accuracy, seconds = np.transpose(results)
    return accuracy.reshape(len(seeds), -1).mean(axis=1), seconds


# ---- tables ------------------------------------------------------------------------


def row(label, accuracy, seconds):
    return [label, mean_sd(accuracy, 4), mean_sd(seconds, 1)]


def print_tests(name, arguments, parallel):
    recipe = CLASSIFIERS[name][0]
    seeds = range(arguments.seeds)

    pairs_of = partial(tests, name, arguments.data)
    print(f"Target {GOALS[name].target}; published: {GOALS[name].published}.\n")
    print(f"The recipe is {described(recipe)}.\n")
    # without a draw of its own: one seed for one split
    same = seeds[:1] if name == "TREC" else seeds
    rows = [
        row(
            "TF-IDF, logistic regression",
            *scores(lambda seed: linear_model(), pairs_of, same, parallel),
        ),
        row(
            "BiLSTM",
            *scores(partial(network, recipe), pairs_of, seeds, parallel),
        ),
    ]
    print_table(["model", "accuracy", "seconds of a fit"], rows)


def print_choice(name, arguments, parallel):
    rows = []
    for recipe in CLASSIFIERS[name]:
        result = scores(
            partial(network, recipe),
            partial(training, name, arguments.data),
            range(arguments.seeds),
            parallel,
        )
        rows.append(row(described(recipe), *result))
        print(rows[-1], flush=True)
    print_table(["recipe", "accuracy on training data", "seconds of a fit"], rows)


def described(recipe):
    return ", ".join(f"{name}={value!r}" for name, value in recipe.items())


def main():
    parser = make_parser(__doc__, CLASSIFIERS)
    text_data.add_data(parser)
    parser.add_argument(
        "--choose",
        action="store_true",
        help="score all recipes on training data instead of the first on test data",
    )
    arguments = parser.parse_args()
    show = print_choice if arguments.choose else print_tests
    print_setting("Text", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                show(name, arguments, parallel)
            except (Missing, Unavailable) as missing:
                skip(name, str(missing))


if __name__ == "__main__":
    main()
