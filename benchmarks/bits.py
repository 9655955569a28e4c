"""Does a change keep every bit? Fits of two revisions, by their hashes, in a minute.

Both are built in a temporary directory and do the same small fits, over cells,
directions, poolings, dropout, truncation, weights, solvers, losses, types and missing
values. Compared are weights, curves of the loss and predictions.

    python benchmarks/bits.py main              # main against the working tree
    python benchmarks/bits.py v0.1.0 main
    python benchmarks/bits.py main --isa avx2 --threads 2

Prints each fit and what of it differs. The exit status is 1 if anything does, 0 if
nothing, 2 if a revision could not be built. Parameters that decide how long a fit
lasts are given, so that another default is no other bit. A fit that one of the
revisions refuses is told, and counts as a difference.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from _workers import Worker
from compare import build, describe, export

FAMILIES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
#: Of every fit: three epochs of minibatches that do not divide the samples.
COMMON = {
    "hidden_layer_sizes": (7, 5),
    "batch_size": 8,
    "max_iter": 3,
    "learning_rate": "constant",
    "learning_rate_init": 0.01,
    "n_iter_no_change": 100,
    "random_state": 3,
}


def fits():
    """By name: family, kind and parameters, and under `data` what it is fitted on."""
    table = {}

    def add(name, family="lstm", kind="Regressor", **parameters):
        table[name] = family, kind, parameters

    cells = {
        "lstm": ("lstm", {}),
        "peephole": ("lstm", {"peephole": True}),
        "gru": ("gru", {}),
        "rnn tanh": ("rnn", {}),
        "rnn relu": ("rnn", {"activation": "relu"}),
    }
    for cell, (family, parameters) in cells.items():
        add(cell, family, **parameters)
        add(f"{cell}, both directions", family, bidirectional=True, **parameters)
        add(f"{cell}, mean, dropout", family, "Classifier", pooling="mean",
            dropout=0.3, recurrent_dropout=0.2, **parameters)  # fmt: skip
        add(f"{cell}, tbptt, float64", family, tbptt=4, dtype="float64", **parameters)
    for pooling in ("max", "attention"):
        add(f"{pooling} pooling", pooling=pooling, bidirectional=True)
    for solver in ("adamw", "sgd", "rmsprop", "lbfgs"):
        add(f"solver {solver}", solver=solver, alpha=0.01)
    for loss in ("absolute_error", "huber", "poisson", "quantile"):
        add(f"loss {loss}", loss=loss)
    add("quantiles", loss="quantile", quantile=[0.1, 0.5, 0.9])
    add("weights", "gru", "Classifier", data="weights")
    add("weights, one minibatch", batch_size=40, data="weights")
    add("equal samples", data="equal")
    add("equal samples, one minibatch", batch_size=40, data="equal")
    add("balanced classes", kind="Classifier", class_weight="balanced")
    add("two classes", kind="Classifier", data="binary")
    add("multilabel", kind="Classifier", data="multilabel")
    add("early stopping", kind="Classifier", early_stopping=True)
    add("missing, ffill", missing="ffill", data="missing")
    add("missing, indicator", "gru", missing="indicator", data="missing")
    add("wide, float32", hidden_layer_sizes=(130,), max_iter=1)
    add("chrono", forget_bias="chrono", bidirectional=True)
    add("cosine", learning_rate="cosine")
    add("partial_fit, twice", data="partial")
    return table


class Fits:
    """The fits of one build of sklstm, which is imported from `folder`."""

    def __init__(self, folder):
        sys.path.insert(0, folder)
        warnings.simplefilter("ignore")  # max_iter reached: that is the point
        import sklstm

        if not Path(sklstm.__file__).is_relative_to(folder):
            raise ImportError(f"sklstm comes from {sklstm.__file__}, not from {folder}")
        self.sklstm = sklstm
        rng = np.random.default_rng(0)
        lengths = [1, 0, 9, *rng.integers(1, 24, size=37)]
        self.X = [rng.standard_normal((T, 3)) for T in lengths]
        self.numbers = rng.gamma(2.0, size=(40, 2))
        self.classes = rng.permutation(40) % 3
        self.weight = rng.integers(0, 4, size=40) / 2

    def hashes(self, name):
        """What a fit has come to: a hash by the name of each array, or the error."""
        family, kind, parameters = fits()[name]
        parameters = {**COMMON, **parameters}
        data = parameters.pop("data", None)
        X, weight = self.X, None
        y = self.numbers if kind == "Regressor" else self.classes
        if data == "weights":
            weight = self.weight
        elif data == "equal":
            X, y = X[:20] * 2, np.tile(y[:20], (2, 1))
        elif data == "binary":
            y = y > 0
        elif data == "multilabel":
            y = np.stack([y > 0, y > 1], axis=1).astype(int)
        elif data == "missing":
            X = [np.where(x > 1.2, np.nan, x) for x in X]
        try:
            model = getattr(self.sklstm, FAMILIES[family] + kind)(**parameters)
            if data == "partial":
                model.partial_fit(X[:25], y[:25]).partial_fit(X[25:], y[25:])
            else:
                model.fit(X, y, weight)
            return self.of(model, X)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    @staticmethod
    def of(model, X):
        # The head's weights have had several names; predictions are of all weights.
        arrays = {
            name: value
            for name, value in model.weights_.items()
            if not name.startswith("head")
        }
        arrays["loss_curve_"] = model.loss_curve_
        arrays["predict"] = model.predict(X)
        for method in ("decision_function", "predict_proba"):
            if hasattr(model, method):
                arrays[method] = getattr(model, method)(X)
        arrays["transform"] = model.transform(X)
        return {
            name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            for name, array in arrays.items()
        }


def difference(base, head):
    """What differs between two results, as text; empty if nothing does."""
    if isinstance(base, str) or isinstance(head, str):
        errors = {
            side: result
            for side, result in (("base", base), ("head", head))
            if isinstance(result, str)
        }
        return "; ".join(f"{side}: {error}" for side, error in errors.items())
    names = sorted(base.keys() | head.keys())
    return ", ".join(name for name in names if base.get(name) != head.get(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="git revision")
    parser.add_argument(
        "head", nargs="?", help="git revision; the working tree if it is left out"
    )
    parser.add_argument("--threads", type=int, default=1, help="of head; base has one")
    parser.add_argument("--isa", help="instruction set of both; the best by default")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="sklstm-bits-") as temporary:
        workers = []
        threads = {"base": 1, "head": options.threads}
        revisions = {"base": options.base, "head": options.head}
        try:
            for side, revision in revisions.items():
                print(f"{side}: {describe(revision)}", flush=True)
                source, folder = (
                    Path(temporary, f"{side}-source"),
                    Path(temporary, side),
                )
                export(revision, source)
                build(source, folder)
                environment = {"OMP_NUM_THREADS": str(threads[side])}
                if options.isa:
                    environment["SKLSTM_ISA"] = options.isa
                workers.append(Worker(Fits, (str(folder),), environment))
        except (subprocess.CalledProcessError, RuntimeError) as error:
            print(error, file=sys.stderr)
            return 2
        different = 0
        for name in fits():
            base, head = (worker.ask("hashes", name, pause=0) for worker in workers)
            what = difference(base, head)
            different += bool(what)
            print(f"{'differs' if what else 'same':8}{name}{': ' * bool(what)}{what}")
        for worker in workers:
            worker.stop()
    print(f"{different} of {len(fits())} fits differ.")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
