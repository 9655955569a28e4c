"""dtype="bfloat16" beside float32: real data sets and tasks with long lags.

    python benchmarks/tasks/bfloat16.py
    python benchmarks/tasks/bfloat16.py --only "Japanese vowels" parity --seeds 2

Both have the same recipe, split and random state for each seed. The difference is that
of the means, and its standard error that of two independent means: where training
amplifies the last bits, the same seed makes no pair. Sets are scored on the test split
(a regression by its RMSE), tasks with long lags by the thousands of sequences until
they are solved, at the most the budget.
"""

import data
import numpy as np
from joblib import Parallel, delayed
from long_lags import BUDGET, TASKS, train
from real import METRICS, RECIPES, kind_of, test
from report import make_parser, print_setting, print_table, skip

DTYPES = "float32", "bfloat16"
SETS = "digit rows", "spoken digits", "Japanese vowels", "ECG5000", "Beijing PM2.5"
LAGS = "adding, T = 100", "temporal order, 3 symbols"


def score(name, split, seed, dtype):
    recipe = RECIPES[name][0]
    recipe = recipe._replace(parameters={**recipe.parameters, "dtype": dtype})
    return test(recipe, split, seed)[0]


def thousands_until_solved(name, seed, dtype):
    return min(train(TASKS[name], "LSTM", seed, dtype=dtype).seen, BUDGET) / 1000


def row(name, measure, values):
    """Means of both with their standard errors, and their difference with its own."""
    means = np.mean(values, axis=1)
    errors = np.std(values, axis=1, ddof=1) / np.sqrt(len(values[0]))
    difference, error = means[1] - means[0], np.hypot(*errors)
    return [
        name, measure,
        *(f"{mean:.4f} ± {e:.4f}" for mean, e in zip(means, errors)),
        f"{difference:+.4f} ± {error:.4f}",
        "yes" if abs(difference) <= error else "**no**",
    ]  # fmt: skip


def main():
    arguments = make_parser(__doc__, (*SETS, *LAGS)).parse_args()
    if arguments.seeds < 2:
        raise SystemExit("A standard error needs --seeds of at least 2.")
    print_setting("bfloat16", arguments)
    rows, seeds = [], range(arguments.seeds)
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            if name in LAGS:
                measure = "thousands of sequences"
                jobs = [
                    delayed(thousands_until_solved)(name, seed, dtype)
                    for dtype in DTYPES for seed in seeds
                ]  # fmt: skip
            else:
                try:
                    splits = [data.load(name, seed, data.CACHE) for seed in seeds]
                except data.Unavailable as unavailable:
                    skip(name, str(unavailable))
                    continue
                measure = next(iter(METRICS[kind_of(splits[0].y_test)]))
                jobs = [
                    delayed(score)(name, splits[seed], seed, dtype)
                    for dtype in DTYPES for seed in seeds
                ]  # fmt: skip
            values = np.reshape(parallel(jobs), (len(DTYPES), len(seeds)))
            rows.append(row(name, measure, values))
    head = ["task", "measure", *DTYPES, "difference", "within one standard error"]
    print_table(head, rows)


if __name__ == "__main__":
    main()
