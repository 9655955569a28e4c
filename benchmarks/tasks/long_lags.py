"""Tasks with long lags: LSTM and GRU solve them, a plain RNN does not.

    python benchmarks/tasks/long_lags.py
    python benchmarks/tasks/long_lags.py --only "adding, T = 100" parity --seeds 2

Training sequences never come twice: `partial_fit` gets 1000 new ones at a time. After
each, the error on 500 other new ones is looked at; when it meets the criterion, 5000
more must confirm it, and the task is solved. How many sequences that took is the
result, at the most a budget of 50,000.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import generators
import numpy as np
from joblib import Parallel, delayed
from models import Missing, make_estimator
from report import make_parser, mean_sd, print_setting, print_table, skip

BUDGET, CHUNK, CHECK, CONFIRM = 50_000, 1000, 500, 5000


def squared_error(model, X, y):
    return np.mean((model.predict(X) - y) ** 2)


def wrong(model, X, y):
    """Share of sequences whose class, or any of whose labels, is wrong."""
    return 1 - model.score(X, y)


def wrong_symbols(model, X, y, alphabet=8):
    """Share of the symbols to recall of which another one is the most probable."""
    shape = len(y), -1, alphabet
    answers = model.predict_proba(X).reshape(shape).argmax(axis=2)
    return np.mean(answers != y.reshape(shape).argmax(axis=2))


class Task(NamedTuple):
    """Where sequences come from, and the error that counts as solved."""

    generate: Callable
    error: Callable
    criterion: float = 0.01
    n_classes: int | None = None  # of a target that has one class for each sequence
    hidden_layer_sizes: int = 32


TASKS = {
    **{
        f"adding, T = {T}": Task(partial(generators.adding, T=T), squared_error)
        for T in (100, 200, 400)
    },
    **{
        f"temporal order, {k} symbols": Task(
            partial(generators.temporal_order, n_symbols=k), wrong, n_classes=2**k
        )
        for k in (2, 3)
    },
    **{
        f"copy memory, {k} of 8, delay 100": Task(
            partial(generators.copy_memory, n_symbols=k, delay=100),
            wrong_symbols,
            hidden_layer_sizes=64,
        )
        for k in (1, 3)
    },
    # One in ten sequences ends where memory is needed.
    "embedded Reber": Task(generators.embedded_reber, wrong, criterion=0.001),
    "parity, 1 to 40 bits": Task(
        partial(generators.parity, longest=40), wrong, n_classes=2
    ),
}

#: Family and parameters. "chrono": Tallec & Ollivier (2018), biases for long lags.
MODELS = {
    "LSTM": ("LSTM", {"forget_bias": "chrono"}),
    "LSTM, forget bias 1": ("LSTM", {}),
    "GRU": ("GRU", {"forget_bias": "chrono"}),
    "GRU, default bias": ("GRU", {}),
    "RNN": ("RNN", {"learning_rate_init": 0.001}),
}
COMMON = {"learning_rate_init": 0.01, "max_grad_norm": 1.0}


class Run(NamedTuple):
    """What one training came to; `seen` is infinite where it did not solve the task."""

    seen: float
    error: float
    seconds: float


def make_model(task, model, seed, **options):
    family, parameters = MODELS[model]
    kind = "Regressor" if task.error is squared_error else "Classifier"
    return make_estimator(
        family,
        kind,
        hidden_layer_sizes=task.hidden_layer_sizes,
        random_state=seed,
        **{**COMMON, **parameters, **options},
    )


def train(task, model, seed, **options):
    """Train on new sequences until the task is solved or the budget is spent."""
    start = time.perf_counter()
    # For one seed all models see the same sequences.
    for_training, for_test = np.random.default_rng(seed).spawn(2)
    estimator = make_model(task, model, seed, **options)
    classes = {} if task.n_classes is None else {"classes": np.arange(task.n_classes)}
    seen, solved = 0, False
    while seen < BUDGET and not solved:
        estimator.partial_fit(*task.generate(CHUNK, for_training), **classes)
        seen += CHUNK
        error = task.error(estimator, *task.generate(CHECK, for_test))
        if error < task.criterion or seen == BUDGET:
            error = task.error(estimator, *task.generate(CONFIRM, for_test))
            solved = error < task.criterion
    seconds = time.perf_counter() - start
    return Run(seen if solved else np.inf, error, seconds)


def row(model, runs):
    seen, errors, seconds = (np.array(column) for column in zip(*runs))
    median = np.median(seen)
    needed = f"{median:,.0f}" if np.isfinite(median) else f"> {BUDGET:,}"
    solved = f"{np.isfinite(seen).sum()} of {len(runs)}"
    return [model, solved, needed, mean_sd(errors, 4), mean_sd(seconds, 1)]


def main():
    arguments = make_parser(__doc__, TASKS).parse_args()
    available = []
    for model in MODELS:
        try:
            make_model(TASKS["parity, 1 to 40 bits"], model, 0)
        except Missing as missing:
            skip(model, str(missing))
        else:
            available.append(model)

    print_setting("Long lags", arguments)
    print(
        f"Solved: in how many of the seeds, within {BUDGET:,} sequences. Sequences: "
        f"the median until then, in steps of {CHUNK}. Error: of the last test, on "
        f"{CONFIRM} sequences. ± is the standard deviation over seeds.\n"
    )
    head = ["model", "solved", "sequences", "error", "seconds"]
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            jobs = [
                (model, seed) for model in available for seed in range(arguments.seeds)
            ]
            runs = parallel(delayed(train)(TASKS[name], *job) for job in jobs)
            print(f"### {name}\n\nSolved below {TASKS[name].criterion:g}.\n")
            rows = []
            for model in available:
                of_model = [run for (m, _), run in zip(jobs, runs) if m == model]
                rows.append(row(model, of_model))
            print_table(head, rows)


if __name__ == "__main__":
    main()
