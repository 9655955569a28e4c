"""What do the gates do? An LSTM on the adding problem, looked at along one sequence.

Every step has a random number and a mark, which is 1 at two steps and 0 elsewhere; the
target is the sum of the two marked numbers (Hochreiter & Schmidhuber 1997). The gates
of a network that has learnt this are drawn below the marks of one test sequence. Runs
in seconds.

    python gates_over_time.py [--output gates_over_time.svg]
"""

import argparse
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMRegressor
from sklstm.inspection import GateDisplay


def adding_problem(n, n_steps, rng):
    """Sequences of numbers and marks, and the sums of the marked numbers."""
    X = np.zeros((n, n_steps, 2), dtype=np.float32)
    X[:, :, 0] = rng.uniform(-1, 1, size=(n, n_steps))
    marked = np.argsort(rng.random((n, n_steps)), axis=1)[:, :2]
    np.put_along_axis(X[:, :, 1], marked, 1, axis=1)
    return X, (X[:, :, 0] * X[:, :, 1]).sum(axis=1)


def draw(model, x):
    figure, axes = plt.subplots(
        5, 1, figsize=(7, 8.2), layout="constrained", height_ratios=[1, 2, 2, 2, 2]
    )
    steps, marked = np.arange(len(x)), x[:, 1] > 0
    axes[0].bar(steps, x[:, 0], color=np.where(marked, "C3", "0.75"))
    axes[0].axhline(0, color="0.3", linewidth=0.8)
    axes[0].set_title("Input: the numbers, marked ones in red", loc="left")
    axes[0].set_xlim(-0.5, len(x) - 0.5)
    GateDisplay.from_estimator(model, x, ax=axes[1:])
    for panel in axes[1:]:
        for step in steps[marked]:
            panel.axvline(step - 0.5, color="C3", linewidth=0.8)
            panel.axvline(step + 0.5, color="C3", linewidth=0.8)
    return figure


def show(figure, output):
    """Write the figure, with the same bytes at every run, or show it."""
    if output is None:
        plt.show()
        return
    metadata = {"Date": None} if output.suffix == ".svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "sklstm", "svg.fonttype": "none"}):
        figure.savefig(output, metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="file to write the figure to")
    output = parser.parse_args().output
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X, y = adding_problem(2000, 30, rng)
    X_test, y_test = adding_problem(500, 30, rng)
    model = LSTMRegressor(
        4, forget_bias="chrono", max_iter=60, learning_rate_init=0.01, random_state=0
    )
    model.fit(X, y)
    print(f"R² on new sequences: {model.score(X_test, y_test):.3f}")

    gates = model.transform(X_test, output="gates")
    marked = X_test.reshape(-1, 2)[:, 1] > 0
    print("mean of each unit            marked steps             other steps")
    for name in "input_gate", "forget_gate", "output_gate":
        values = gates[f"{name}_l0"].data
        means = values[marked].mean(axis=0), values[~marked].mean(axis=0)
        print(
            f"  {name:12}", *(f"{' '.join(f'{v:.2f}' for v in m):>25}" for m in means)
        )
    # a sequence with a large sum to be seen
    show(draw(model, X_test[np.abs(y_test).argmax()]), output)


if __name__ == "__main__":
    main()
