"""Does a network with bfloat16 products learn what one in float32 does?

    python benchmarks/tasks/bfloat16.py
    python benchmarks/tasks/bfloat16.py --only "Japanese vowels" "adding, T = 100"

The first recipe of real sets (recipes.py), scored on the test split, and an LSTM with
"chrono" biases on tasks with long lags (long_lags.py), scored by how many sequences it
takes to solve them. Both types have the same splits, sequences and seeds. The bar: the
mean over seeds is at most one standard error of that of float32 worse.
"""

import data
import numpy as np
from joblib import Parallel, delayed
from long_lags import BUDGET, TASKS, train
from models import Missing, kind_of, make_estimator
from real import METRICS, test
from recipes import RECIPES
from report import make_parser, print_setting, print_table, skip

SETS = ["digit rows", "Japanese vowels", "ItalyPowerDemand", "ECG5000", "Beijing PM2.5"]
LONG_LAGS = ["adding, T = 100", "temporal order, 2 symbols"]
DTYPES = ["float32", "bfloat16"]


def real_scores(name, dtype, seeds, cache, parallel):
    """What is compared, whether more of it is better, and that of each seed."""
    recipe = RECIPES[name][0]
    recipe = recipe._replace(parameters={**recipe.parameters, "dtype": dtype})
    splits = [data.load(name, seed, cache) for seed in seeds]
    runs = parallel(
        delayed(test)(recipe, split, seed) for seed, split in zip(seeds, splits)
    )
    metric = next(iter(METRICS[kind_of(splits[0].y_test)]))
    return metric, metric == "accuracy", [first for first, *_ in runs]


def lag_scores(name, dtype, seeds, parallel):
    """The same of a task; one that is not solved has taken all there are."""
    runs = parallel(delayed(lag_score)(name, dtype, seed) for seed in seeds)
    return "sequences", False, runs


def lag_score(name, dtype, seed):
    return min(train(TASKS[name], "LSTM", seed, dtype=dtype).seen, BUDGET)


def row(name, metric, more_is_better, float32, bfloat16):
    """Means and standard errors of both, and whether the bar is met."""
    digits = 0 if metric == "sequences" else 4
    means = [np.mean(scores) for scores in (float32, bfloat16)]
    errors = [
        np.std(scores, ddof=1) / np.sqrt(len(scores)) for scores in (float32, bfloat16)
    ]
    worse = means[0] - means[1] if more_is_better else means[1] - means[0]
    return [
        name,
        metric,
        *(f"{m:.{digits}f} ± {e:.{digits}f}" for m, e in zip(means, errors)),
        f"{worse:.{digits}f}",
        "yes" if worse <= errors[0] else "**no**",
    ]


def main():
    parser = make_parser(__doc__, [*data.NAMES, *TASKS])
    parser.set_defaults(only=[*SETS, *LONG_LAGS])
    parser.add_argument("--cache", default=data.CACHE, help="of downloaded archives")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("a standard error needs two seeds at the least")
    try:
        make_estimator("LSTM", "Classifier", dtype="bfloat16")
    except Missing as missing:
        raise SystemExit(str(missing)) from None
    print_setting("bfloat16 beside float32", arguments)
    print(
        "± is the standard error of the mean over seeds. The bar: at most that of "
        "float32 worse.\n"
    )
    seeds, rows = range(arguments.seeds), []
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            try:
                if name in TASKS:
                    both = [
                        lag_scores(name, dtype, seeds, parallel) for dtype in DTYPES
                    ]
                else:
                    both = [
                        real_scores(name, dtype, seeds, arguments.cache, parallel)
                        for dtype in DTYPES
                    ]
            except data.Unavailable as unavailable:
                skip(name, str(unavailable))
                continue
            (metric, more_is_better, float32), (*_, bfloat16) = both
            rows.append(row(name, metric, more_is_better, float32, bfloat16))
    head = ["set or task", "score", "float32", "bfloat16", "worse by", "met?"]
    print_table(head, rows)


if __name__ == "__main__":
    main()
