"""Real data sets: scores on the test split, beside a target and published figures.

    python benchmarks/tasks/real.py
    python benchmarks/tasks/real.py --only "Japanese vowels" GunPoint --seeds 2
    python benchmarks/tasks/real.py --cross-validate --only GunPoint

Tested are the first recipe of a set (recipes.py) and the plain defaults of every
family. `--cross-validate` scores all recipes of a set on its training data alone: that
is how the first one is chosen.
"""

import time
import warnings
from typing import NamedTuple

import data
import numpy as np
from joblib import Parallel, delayed
from models import Missing, kind_of, make_model
from recipes import DEFAULTS, RECIPES
from report import make_parser, mean_sd, print_setting, print_table, skip
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    root_mean_squared_error,
)
from sklearn.model_selection import cross_val_score


class Goal(NamedTuple):
    """The accuracy to reach, and what others have published."""

    target: float
    published: str = "none on this split"


GOALS = {
    "digit rows": Goal(0.97),
    "spoken digits": Goal(0.984, "bidirectional LSTM of 50 units 0.984"),
    "Japanese vowels": Goal(0.975),
    "ItalyPowerDemand": Goal(0.95, "LSTM-FCN 0.962"),
    "GunPoint": Goal(0.96, "LSTM-FCN 1.0"),
    "ECG5000": Goal(0.935, "LSTM-FCN 0.943"),
    "ElectricDevices": Goal(0.70, "LSTM-FCN 0.747"),
}
#: Where the figure to reach is that of a bidirectional LSTM, ours is tested as well.
BOTH_WAYS = ("spoken digits", "Japanese vowels")
#: Metrics of a test, with the digits that are printed.
METRICS = {
    "Classifier": {"accuracy": (accuracy_score, 3)},
    "Regressor": {
        "RMSE": (root_mean_squared_error, 2),
        "MAE": (mean_absolute_error, 2),
    },
}


# ---- jobs --------------------------------------------------------------------------


def test(recipe, split, seed):
    """Every metric on the test split, and last the seconds of the fit."""
    warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
    model = make_model(recipe, split.y_train, seed)
    return fit_and_score(model, split.X_train, split.X_test, split)


def fit_and_score(model, X_train, X_test, split):
    start = time.perf_counter()
    model.fit(X_train, split.y_train)
    seconds = time.perf_counter() - start
    return *scores(split.y_test, model.predict(X_test)), seconds


def scores(y, predicted):
    return [metric(y, predicted) for metric, _ in METRICS[kind_of(y)].values()]


def cross_validate(name, recipe, split, seed):
    """Mean score of five folds of the training data, and the seconds of all."""
    warnings.simplefilter("ignore")  # as above; and a class of ECG5000 has 2 members
    X, y = split.X_train, split.y_train
    folds = data.folds(name, y, 5, seed)
    start = time.perf_counter()
    score = cross_val_score(make_model(recipe, y, seed), X, y, cv=folds).mean()
    return score, time.perf_counter() - start


# ---- references of the forecast ----------------------------------------------------


def references(split):
    """Rows of what a forecast has to beat."""
    X, y = split.X_test, split.y_test
    persistence = X.data[X.offsets[1:] - 1, 0]
    lags = [X.to_padded().reshape(len(X), -1) for X in (split.X_train, split.X_test)]
    boosting = HistGradientBoostingRegressor(random_state=0)
    return [
        summary("persistence", [(*scores(y, persistence), 0.0)], y),
        summary("gradient boosting", [fit_and_score(boosting, *lags, split)], y),
    ]


# ---- tables ------------------------------------------------------------------------


def summary(label, runs, y):
    """A row of the table of tests."""
    *columns, seconds = zip(*runs)
    digits = [digits for _, digits in METRICS[kind_of(y)].values()]
    return [label, *map(mean_sd, columns, digits), mean_sd(seconds, 1)]


def first_bidirectional(name):
    return next(
        recipe for recipe in RECIPES[name] if recipe.parameters.get("bidirectional")
    )


def print_tests(name, splits, parallel):
    """The first recipe and the defaults, each seed with its split."""
    y = splits[0].y_test
    if name in GOALS:
        goal = GOALS[name]
        print(f"Target {goal.target}; published: {goal.published}.\n")
    rows = []
    tested = {"recipe": RECIPES[name][0]}
    if name in BOTH_WAYS:
        tested["BiLSTM"] = first_bidirectional(name)
    for label, recipe in {**tested, **DEFAULTS}.items():
        if available(recipe, y):
            runs = parallel(
                delayed(test)(recipe, split, seed) for seed, split in enumerate(splits)
            )
            rows.append(summary(label, runs, y))
    if kind_of(y) == "Regressor":
        rows += references(splits[0])
    print(*(f"The {label} is {recipe}.\n" for label, recipe in tested.items()), sep="")
    print_table(["model", *METRICS[kind_of(y)], "fit seconds"], rows)


def print_cross_validation(name, splits, parallel):
    """All recipes of a set, on training data: of one split, another fold each seed."""
    y, rows = splits[0].y_train, []
    for recipe in RECIPES[name]:
        if available(recipe, y):
            runs = parallel(
                delayed(cross_validate)(name, recipe, splits[0], seed)
                for seed in range(len(splits))
            )
            score, seconds = zip(*runs)
            rows.append([str(recipe), mean_sd(score, 4), mean_sd(seconds, 1)])
    score = "R²" if kind_of(y) == "Regressor" else "accuracy"
    print_table(["recipe", f"cross-validated {score}", "seconds of 5 fits"], rows)


def available(recipe, y):
    try:
        make_model(recipe, y, 0)
    except Missing as missing:
        skip(str(recipe), str(missing))
        return False
    return True


def main():
    parser = make_parser(__doc__, data.NAMES)
    parser.add_argument(
        "--cross-validate",
        action="store_true",
        help="score all recipes on training data instead of the first on test data",
    )
    parser.add_argument(
        "--cache",
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    arguments = parser.parse_args()
    show = print_cross_validation if arguments.cross_validate else print_tests
    print_setting("Real data", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                seeds = range(arguments.seeds)
                splits = [data.load(name, seed, arguments.cache) for seed in seeds]
            except data.Unavailable as unavailable:
                skip(name, str(unavailable))
            else:
                describe(splits[0])
                show(name, splits, parallel)


def describe(split):
    X, y = split.X_train, split.y_train
    T = X.lengths
    steps = f"{T.min()} to {T.max()}" if T.min() < T.max() else f"{T[0]}"
    kinds = f", {len(np.unique(y))} classes" if kind_of(y) == "Classifier" else ""
    print(
        f"{len(X)} training and {len(split.X_test)} test sequences of {steps} steps, "
        f"{X.n_features} feature{'s' * (X.n_features > 1)}{kinds}.\n"
    )


if __name__ == "__main__":
    main()
