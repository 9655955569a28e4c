"""How far back does the gradient reach? RNN, GRU and LSTM on sequences of 100 steps.

Temporal order (Hochreiter & Schmidhuber 1997, experiment 6a): six symbols come at
random, and two of the steps, one early and one in the middle, hold X or Y instead. The
class is which of the four pairs it was. To learn it, the gradient of the loss at the
last step has to reach the steps that matter, 90 and 50 steps before. It is drawn before
and after training. Runs in about ten seconds.

    python vanishing_gradients.py [--output vanishing_gradients.svg]
"""

import argparse
import warnings
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import GRUClassifier, LSTMClassifier, RNNClassifier
from sklstm.inspection import GradientNormsDisplay

N_STEPS, N_SYMBOLS = 100, 8
FAMILIES = {
    "RNN": RNNClassifier(32),
    "GRU": GRUClassifier(32),
    "LSTM": LSTMClassifier(32),
    "LSTM, forget_bias='chrono'": LSTMClassifier(32, forget_bias="chrono"),
}


def temporal_order(n, rng):
    """One-hot sequences, and which of four pairs of X and Y each holds in order."""
    symbols = rng.integers(2, N_SYMBOLS, size=(n, N_STEPS))
    pair = rng.integers(2, size=(n, 2))
    symbols[np.arange(n), rng.integers(5, 15, size=n)] = pair[:, 0]
    symbols[np.arange(n), rng.integers(45, 55, size=n)] = pair[:, 1]
    return np.eye(N_SYMBOLS, dtype=np.float32)[symbols], pair @ [2, 1]


def draw(before, after, X, y):
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 4.2), sharey=True, layout="constrained"
    )
    for panel, title, models in zip(
        axes, ("Before training", "After training"), (before, after), strict=True
    ):
        GradientNormsDisplay.from_estimators(models, X, y, relative=True, ax=panel)
        for start, end in (45, 55), (85, 95):
            panel.axvspan(start - 0.5, end - 0.5, color="0.9", zorder=0)
        panel.set_title(title)
        panel.legend(loc="lower right" if models is after else "lower left")
    axes[0].set_ylim(1e-16, 1e3)
    axes[1].set_ylabel("")
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
    X, y = temporal_order(2000, rng)
    X_test, y_test = temporal_order(500, rng)
    before, after = {}, {}
    for name, model in FAMILIES.items():
        # a pass with a learning rate that leaves the weights where they begin
        model.set_params(random_state=0, learning_rate_init=1e-10)
        before[name] = model.partial_fit(X, y, classes=range(4))
        after[name] = type(model)(**model.get_params())
        after[name].set_params(
            learning_rate_init=0.005, max_iter=60, n_iter_no_change=20
        )
        after[name].fit(X, y)
    accuracy = {name: model.score(X_test, y_test) for name, model in after.items()}
    for name, score in accuracy.items():
        print(f"{name:28} accuracy {score:.2f}")
    after = {f"{name}: accuracy {accuracy[name]:.2f}": after[name] for name in after}
    show(draw(before, after, X_test, y_test), output)


if __name__ == "__main__":
    main()
