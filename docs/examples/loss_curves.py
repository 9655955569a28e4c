"""When to stop? Loss and validation accuracy of three families, epoch by epoch.

RNN, GRU and LSTM learn to tell nine speakers apart (Japanese vowels), with early
stopping on a fifth of the training utterances. Runs in seconds.

    python loss_curves.py [--output loss_curves.svg]
"""

import argparse
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import GRUClassifier, LSTMClassifier, RNNClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.inspection import LossCurveDisplay
from sklstm.preprocessing import TimeDistributed


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
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    models = {}
    for family in RNNClassifier, GRUClassifier, LSTMClassifier:
        network = family(
            32, early_stopping=True, validation_fraction=0.2, random_state=0
        )
        model = make_pipeline(TimeDistributed(StandardScaler()), network).fit(X, y)
        models[family.__name__.removesuffix("Classifier")] = model
        print(
            f"{family.__name__:15} {network.n_iter_} epochs, validation "
            f"{network.best_validation_score_:.3f}, test "
            f"{model.score(X_test, y_test):.3f}"
        )
    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    LossCurveDisplay.from_estimators(models, ax=ax)
    show(figure, output)


if __name__ == "__main__":
    main()
