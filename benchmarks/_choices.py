"""What the rule of threads chooses, for any number of cores: nothing is timed."""

import numpy as np
from _work import SHAPES, Shape
from _workers import print_table

from sklstm import _kernels
from sklstm._network.build import whole_sequence_network

CORES = [1, 2, 4, 8, 16, 32, 64]
# A lone sequence, as `predict` of one reads it.
ONE = [Shape(100, F, H, 1) for F, H in [(8, 32), (16, 64), (32, 128), (64, 512)]]


def choice(shape, keep, limit):
    """Threads and teams of a pass forward and, if it is to `keep`, of one backward.

    They are those of a network of one layer, which may take so many threads.
    """
    T, F, H, B = shape
    network = whole_sequence_network(F, (H,), 1, np.float32)
    data = np.empty((B * T, F), dtype=np.float32)
    schedule = network._steps(data, np.arange(B) * T, np.full(B, T)).schedule
    (layer,) = network.recurrent_layers
    n_threads = layer.best_threads(limit, schedule, keep)
    passes = [layer.plan_forward(n_threads, schedule)]
    if keep:
        passes.append(layer.plan_backward(n_threads, schedule))
    return passes


def text(n_threads, n_teams):
    """Threads, and the size of a team where threads share a strip."""
    size = n_threads // n_teams
    return str(n_threads) if size == 1 else f"{n_threads} ({n_teams} x {size})"


def print_choices():
    print("## What the rule of threads chooses\n")
    if not hasattr(_kernels, "plan_threads"):
        print("Left out: this sklstm has no rule, but takes all threads or one.\n")
        return
    print(
        f"Threads by the number of cores, float32, {_kernels.instruction_set}; in "
        "brackets teams x the threads that share a strip, where these are more than "
        "one. Nothing is timed here.\n"
    )
    more = [f"{cores} cores" for cores in CORES[1:]]
    head = ["T, F, H, batch", "pass", "1 core", *more]
    rows = []
    for shapes, keep, names in (
        (SHAPES, True, ("training, forward", "training, backward")),
        (ONE, False, ("predict",)),
    ):
        for shape in shapes:
            chosen = [choice(shape, keep, cores) for cores in CORES]
            for name, of_pass in zip(names, zip(*chosen)):
                rows.append([str(shape), name, *(text(*pair) for pair in of_pass)])
    print_table(head, rows)
