"""What each default is worth: one factor at a time, on training data only.

    python benchmarks/tasks/ablation.py
    python benchmarks/tasks/ablation.py --only GunPoint "digit rows" --seeds 1
    python benchmarks/tasks/ablation.py --factors pooling dropout

Settings are scored by cross-validation; the test split of a set is never looked at.
Results are kept in a file outside of the repository: a run that was stopped goes on
from there, and one with more factors adds to it.
"""

import json
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import data
import generators
import numpy as np
from joblib import Parallel, delayed
from models import Missing, Recipe, make_model
from report import make_parser, print_setting, print_table, skip
from scipy.stats import rankdata, sem

import sklstm
from sklstm.sequences import check_sequences

ROW_STEPS = 40_000  # what is used of a real set, at the most
FEW_ROW_STEPS = 10_000  # of a set all of whose folds are scored, not one for each seed
N_FOLDS = 4


def levels(name, *values):
    return [{name: value} for value in values]


#: What is changed one at a time: the defaults as they were before this ablation. For
#: the present ones see schedules.py.
BASE = {"learning_rate": "constant", "learning_rate_init": 0.005, "batch_size": 32}

#: Changes of these; n_frames is the FrameStacker's, the rest the network's.
FACTORS = {
    "learning rate": levels("learning_rate_init", 0.001, 0.002, 0.005, 0.01, 0.02),
    "schedule": levels("learning_rate", "constant", "cosine", "adaptive"),
    "batch": levels("batch_size", 16, 32, 64, 128),
    "epochs": levels("max_iter", 50, 100, 200, 400),
    "patience": levels("n_iter_no_change", 5, 10, 20, np.inf),
    "units": levels("hidden_layer_sizes", (32,), (64,), (128,)),
    "layers": levels("hidden_layer_sizes", (64,), (64, 64)),
    "directions": levels("bidirectional", False, True),
    "pooling": levels("pooling", "last", "mean", "max", "attention"),
    "dropout": levels("dropout", 0.0, 0.2, 0.5),
    "forget bias": levels("forget_bias", 1.0, "chrono"),
    "frames": levels("n_frames", 1, 2, 4),
    "pairs": [
        {"learning_rate": "cosine", "learning_rate_init": 0.01},
        {"learning_rate": "cosine", "n_iter_no_change": np.inf},
        {"learning_rate": "cosine", "n_iter_no_change": np.inf, "max_iter": 50},
        {"learning_rate_init": 0.002, "n_iter_no_change": 20},
        {"learning_rate_init": 0.002, "learning_rate": "adaptive"},
        {"learning_rate_init": 0.002, "bidirectional": True},
        {"bidirectional": True, "pooling": "mean"},
        {
            "learning_rate_init": 0.002,
            "learning_rate": "cosine",
            "n_iter_no_change": np.inf,
        },
    ],
}


def recipe_of(level, family):
    level = {**BASE, **level}
    n_frames = level.pop("n_frames", 1)
    return Recipe(family, level, n_frames)


# ---- data --------------------------------------------------------------------------

GENERATED = {
    "adding, T = 100": partial(generators.adding, 800, T=100),
    "temporal order": partial(generators.temporal_order, 600, n_symbols=2),
}
SETS = (*data.NAMES, *GENERATED)


def training_data(name, cache):
    """Sequences and targets to cross-validate on."""
    rng = np.random.default_rng(0)
    if name in GENERATED:
        X, y = GENERATED[name](rng)
        return check_sequences(X), y
    split = data.load(name, cache=cache)
    X, y = split.X_train, split.y_train
    order = rng.permutation(len(X))
    fitting = np.count_nonzero(np.cumsum(X.lengths[order]) <= ROW_STEPS)
    some = np.sort(order[:fitting])  # in order of time
    return X[some], y[some]


def folds(name, X, y, seed):
    """Rows to fit and rows to score; a large set has one fold for each seed."""
    pairs = data.folds(name, y, N_FOLDS, seed)
    return pairs if X.lengths.sum() <= FEW_ROW_STEPS else [pairs[seed % N_FOLDS]]


# ---- results -----------------------------------------------------------------------


def cross_validate(name, recipe, X, y, seed):
    """Mean score, an R² below zero counted as zero, and the seconds of the fits."""
    warnings.simplefilter("ignore")  # max_iter reached; a class of 2 members
    scores, seconds = [], 0.0
    for fitted, scored in folds(name, X, y, seed):
        model = make_model(recipe, y, seed)
        start = time.perf_counter()
        model.fit(X[fitted], y[fitted])
        seconds += time.perf_counter() - start
        scores.append(max(model.score(X[scored], y[scored]), 0.0))
    return np.mean(scores), seconds


class Results:
    """Scores and seconds by key, in a file with a line for each."""

    def __init__(self, path):
        self.path = Path(path)
        self.known = {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                entry, *result = json.loads(line)
                self.known[entry] = result

    def add(self, entry, result):
        self.known[entry] = result
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps([entry, *result]) + "\n")

    def table(self, keys):
        """Scores and seconds of keys (n_sets, n_seeds), each an array of this shape."""
        cells = np.array([[self.known[entry] for entry in row] for row in keys])
        return cells[..., 0], cells[..., 1]


def keys_of(recipe, sets, n_seeds):
    """What each result depends on, the defaults too, which may change: a row a set."""
    rows = []
    for name, (_, y) in sets.items():
        parameters = make_model(recipe, y, seed=None)[-1].get_params()
        what = [sklstm.__version__, ROW_STEPS, name, recipe.family, recipe.n_frames]
        text = json.dumps([*what, parameters], sort_keys=True, default=str)
        rows.append([f"{text} seed {seed}" for seed in range(n_seeds)])
    return rows


def compute(results, sets, recipes, keys, n_jobs):
    """Add the results that are not known yet."""
    missing = {}
    for recipe in recipes:
        for (name, (X, y)), row in zip(sets.items(), keys[str(recipe)]):
            for seed, entry in enumerate(row):
                if entry not in results.known:
                    missing[entry] = delayed(cross_validate)(name, recipe, X, y, seed)
    done = Parallel(n_jobs, return_as="generator")(missing.values())
    for count, (result, entry) in enumerate(zip(done, missing), start=1):
        results.add(entry, result)
        print(f"\r{count} of {len(missing)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


# ---- what is printed ---------------------------------------------------------------


def print_factor(factor, recipes, defaults, sets, keys, results):
    """A table of the levels of a factor; differences are paired by set."""
    baseline = results.table(keys[str(defaults)])[0].mean(axis=1)
    tables = [results.table(keys[str(recipe)]) for recipe in recipes]
    means = np.array([scores.mean(axis=1) for scores, _ in tables])
    ranks = rankdata(-means, axis=0).mean(axis=1)
    rows, total = [], 0.0
    for recipe, scores, rank, (_, seconds) in zip(recipes, means, ranks, tables):
        total += seconds.sum()
        is_default = keys[str(recipe)] == keys[str(defaults)]
        difference = "default" if is_default else points(scores - baseline)
        rows.append([
            label_of(recipe),
            *(f"{score:.3f}" for score in scores),
            f"{rank:.1f}",
            difference,
            f"{seconds.sum():.0f}",
        ])  # fmt: skip
    print(f"### {factor}, {total:.0f} s of fits\n")
    print_table([factor, *sets, "rank", "points", "seconds"], rows)


def label_of(recipe):
    """What is changed, as text."""
    changed = {k: v for k, v in recipe.parameters.items() if BASE.get(k) != v}
    return str(recipe._replace(parameters=changed)).removeprefix(f"{recipe.family}, ")


def points(differences):
    """Mean difference in hundredths and its standard error over the sets."""
    mean = f"{100 * differences.mean():+.1f}"
    return mean if len(differences) < 2 else f"{mean} ± {100 * sem(differences):.1f}"


def main():
    parser = make_parser(__doc__, SETS)
    parser.add_argument(
        "--factors",
        nargs="+",
        metavar="NAME",
        default=list(FACTORS),
        choices=list(FACTORS),
        help="; ".join(FACTORS),
    )
    parser.add_argument("--family", default="LSTM", choices=["LSTM", "GRU", "RNN"])
    parser.add_argument("--cache", default=data.CACHE, help=f"default {data.CACHE}")
    arguments = parser.parse_args()

    sets = {}
    for name in arguments.only:
        try:
            sets[name] = training_data(name, arguments.cache)
        except data.Unavailable as unavailable:
            skip(name, str(unavailable))
    defaults = Recipe(arguments.family, BASE)
    keys = {str(defaults): keys_of(defaults, sets, arguments.seeds)}
    factors = {}
    for factor in arguments.factors:
        factors[factor] = []
        for level in FACTORS[factor]:
            recipe = recipe_of(level, arguments.family)
            try:
                keys[str(recipe)] = keys_of(recipe, sets, arguments.seeds)
            except Missing as missing:
                skip(str(recipe), str(missing))
            else:
                factors[factor].append(recipe)
        if not factors[factor]:
            del factors[factor]
        elif keys[str(defaults)] not in [
            keys[str(recipe)] for recipe in factors[factor]
        ]:
            factors[factor].insert(0, defaults)

    print_setting(f"Ablation of the defaults of {arguments.family}", arguments)
    print(
        "Accuracy, of the regressions R² or 0 where it is below: means over seeds, "
        f"cross-validated with {N_FOLDS} folds on training data, of small sets all "
        "folds, of the others one for each seed. Rank: of this score within the table, "
        "a mean over sets. Points: hundredths of score above the default, mean ± "
        "standard error over sets. Seconds: of all fits.\n"
    )
    print_table(["set", "sequences", "row-steps"], [
        [name, str(len(X)), f"{X.lengths.sum():,}"] for name, (X, _) in sets.items()
    ])  # fmt: skip
    results = Results(Path(arguments.cache) / "ablation.jsonl")
    for factor, recipes in factors.items():
        compute(results, sets, recipes, keys, arguments.jobs)
        print_factor(factor, recipes, defaults, sets, keys, results)


if __name__ == "__main__":
    main()
