"""Save estimators as this version of sklstm pickles them: `python
tests/data/make_pickles.py`, run at the release of a minor version, writes beside this
file pickles_0_1.npz, or whatever the version is, and step_pickles_0_1.npz with the
estimators that have a target at every step. A file that is there is never written
again: every later version has to load it.

There is nothing of scikit-learn in it, which promises no such thing for its own. The
pickles are vectors of bytes; beside them lie X, y, what the estimators predict and what
they predict after one more pass over the data."""

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import sklstm
from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    LSTMStepRegressor,
    LSTMTagger,
    RNNClassifier,
    RNNRegressor,
    SequenceArray,
)
from sklstm.preprocessing import FrameStacker

SMALL = {"hidden_layer_sizes": 3, "max_iter": 3, "batch_size": 8, "random_state": 0}


def data():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 6, size=24)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    X = rng.standard_normal((offsets[-1], 2))
    X[rng.random(X.shape) < 0.05] = np.nan
    return SequenceArray(X, offsets, ["pulse", "pressure"])


def cases(X):
    """Name, estimator, X and y."""
    rng = np.random.default_rng(1)
    whole = SequenceArray(np.nan_to_num(X.data), X.offsets, X.feature_names)
    labels = rng.permutation(24) % 3
    numbers = rng.standard_normal(24)
    several = rng.standard_normal((24, 2))
    deep = {"hidden_layer_sizes": (3, 2), "bidirectional": True}
    yield (
        "lstm_classifier",
        LSTMClassifier(
            **SMALL | deep,
            peephole=True,
            pooling="attention",
            dropout=0.2,
            recurrent_dropout=0.2,
            class_weight="balanced",
        ),
        whole,
        labels,
    )
    yield (
        "lstm_multilabel",
        LSTMClassifier(**SMALL, solver="rmsprop", tbptt=2, dtype="float64"),
        whole,
        rng.integers(0, 2, (24, 2)),
    )
    yield (
        "lstm_regressor",
        LSTMRegressor(
            **SMALL, loss="quantile", quantile=[0.9, 0.1], solver="sgd", alpha=0.01
        ),
        whole,
        100 + 5 * numbers,
    )
    yield (
        "gru_classifier",
        GRUClassifier(
            **SMALL,
            missing="indicator",
            solver="adamw",
            forget_bias="chrono",
            learning_rate="invscaling",
        ),
        X,
        np.array(["no", "yes", "perhaps"])[labels],
    )
    yield (
        "gru_regressor",
        GRURegressor(**SMALL | deep, loss="poisson", solver="lbfgs", dtype="float64"),
        whole,
        labels,
    )
    yield (
        "rnn_classifier",
        RNNClassifier(**SMALL, activation="relu", pooling="max", early_stopping=True),
        whole,
        labels > 0,
    )
    yield (
        "rnn_regressor",
        RNNRegressor(**SMALL, missing="ffill", pooling="mean", dtype="float64"),
        X,
        several,
    )


def step_cases(X):
    """Name, estimator, X and y of all steps, one sequence after the other."""
    rng = np.random.default_rng(2)
    whole = SequenceArray(np.nan_to_num(X.data), X.offsets, X.feature_names)
    N = len(X.data)
    deep = {"hidden_layer_sizes": (3, 2), "bidirectional": True}
    place = np.arange(N) - np.repeat(X.offsets[:-1], X.lengths)
    sums = np.concatenate([x.sum(axis=1).cumsum() for x in whole])
    yield (
        "tagger",
        LSTMTagger(**SMALL | deep, dropout=0.2),
        whole,
        np.array(["B-x", "I-x", "O"])[place % 3],
    )
    yield (
        "tagger_of_steps",
        LSTMTagger(
            **SMALL, cell="gru", crf=False, missing="indicator", bidirectional=False
        ),
        X,
        rng.integers(0, 3, N),
    )
    yield (
        "tagger_multilabel",
        LSTMTagger(**SMALL, cell="rnn_tanh", solver="adamw", dtype="float64"),
        whole,
        rng.integers(0, 2, (N, 2)),
    )
    yield (
        "step_regressor",
        LSTMStepRegressor(**SMALL | deep, missing="ffill", solver="rmsprop"),
        X,
        100 + 5 * sums,
    )
    yield (
        "step_quantiles",
        LSTMStepRegressor(
            **SMALL,
            loss="quantile",
            quantile=[0.9, 0.1],
            cell="lstm_peephole",
            dtype="float64",
        ),  # fmt: skip
        whole,
        np.c_[sums, -sums],
    )


def of_sequences(y, X):
    """A list of what belongs to each sequence."""
    return [part.tolist() if y.ndim == 1 else part
            for part in np.split(y, X.offsets[1:-1])]  # fmt: skip


def predictions(estimator, X):
    """Numbers, for a classifier too; of all steps in one array."""
    name = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    found = getattr(estimator, name)(X)
    return np.concatenate(list(found)) if found.dtype == object else found


def go_on(estimator, X, y):
    """One more pass, or for a solver without minibatches one more fit."""
    estimator.set_params(early_stopping=False)
    if estimator.solver == "lbfgs":
        return estimator.set_params(warm_start=True).fit(X, y)
    if getattr(estimator, "class_weight", None) == "balanced":
        estimator.set_params(class_weight=None)  # the classes are of equal size
    return estimator.partial_fit(X, y)


def saved(thing):
    return np.frombuffer(pickle.dumps(thing, protocol=4), dtype=np.uint8)


def main():
    for stem, contents in (("pickles", whole_sequences), ("step_pickles", steps)):
        major, minor = re.match(r"(\d+)\.(\d+)", sklstm.__version__).groups()
        path = Path(__file__).parent / f"{stem}_{major}_{minor}.npz"
        if not path.exists():
            np.savez_compressed(path, **contents())


def steps():
    X = data()
    contents = {"X/pickle": saved(X)}
    for name, estimator, given, y in step_cases(X):
        of_each = of_sequences(y, X)
        estimator.fit(given, of_each)
        contents |= {
            f"{name}/pickle": saved(estimator),
            f"{name}/y": y,
            f"{name}/predictions": predictions(estimator, given),
            f"{name}/predictions_later": predictions(
                go_on(estimator, given, of_each), given
            ),
        }
    return contents


def whole_sequences():
    X = data()
    contents = {
        "version": sklstm.__version__,
        "X/data": X.data,
        "X/offsets": X.offsets,
        "X/pickle": saved(X),
        "unfitted/pickle": saved(LSTMClassifier(hidden_layer_sizes=(7, 5), alpha=0.5)),
    }
    for name, estimator, given, y in cases(X):
        estimator.fit(given, y)
        contents |= {
            f"{name}/pickle": saved(estimator),
            f"{name}/y": y,
            f"{name}/predictions": predictions(estimator, given),
            f"{name}/predictions_later": predictions(go_on(estimator, given, y), given),
        }
    _, streamed, given, y = list(cases(X))[-1]
    streamed.fit(given, y)
    step, state = np.ones((1, 2)), streamed.initial_state()
    _, state = streamed.predict_step(step, state)
    stacker = FrameStacker(n_frames=2).fit(X)
    contents |= {
        "state/pickle": saved(state),
        "state/predictions": streamed.predict_step(step, state)[0],
        "stacker/pickle": saved(stacker),
        "stacker/data": stacker.transform(X).data,
    }
    return contents


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        main()
