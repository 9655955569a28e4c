"""What sklstm does when it is timed; all that the benchmarks know of its insides."""

import time
import warnings

import numpy as np
from _harness import repeated, repeated_pair
from _search import BATCH, timed_search
from _work import (
    LEARNING_RATE,
    MAX_GRAD_NORM,
    Work,
    check_outputs,
    make_data,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, _kernels
from sklstm._kernels import effective_n_threads, instruction_set
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

# max_iter reached: that is the point. In the processes of joblib as well.
warnings.simplefilter("ignore")

ALL_EPOCHS = {"tol": 0.0, "n_iter_no_change": np.inf}


def describe():
    return f"instruction set {instruction_set}", effective_n_threads()


# ---- training ----------------------------------------------------------------------


def regressor(work):
    return getattr(sklstm, f"{work.cell}Regressor")(
        work.shape.H,
        batch_size=work.shape.B,
        learning_rate_init=LEARNING_RATE,
        max_grad_norm=MAX_GRAD_NORM,
        max_iter=work.epochs,
        random_state=0,
        dtype=work.dtype,
        **ALL_EPOCHS,
    )


def sequences(work):
    """What a user would pass: an array, or a list of arrays where lengths differ."""
    X, lengths, y = make_data(work)
    if work.ragged:
        X = [x[:n_steps] for x, n_steps in zip(X, lengths, strict=True)]
    return X, y


def timed_fit(model, X, y):
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def fit(work):
    X, y = sequences(work)

    def measure():
        model = regressor(work)
        seconds = timed_fit(model, X, y)
        # The loss is half the squared error, in units of the standardised target.
        return seconds, f"loss {2 * model.loss_ * y.var():.3f}"

    return measure


def epoch(work):
    """One epoch: what a fit takes longer than one of a single epoch, in its epochs."""
    X, y = sequences(work)

    def measure():
        one = timed_fit(regressor(work._replace(epochs=1)), X, y)
        all_of_them = timed_fit(regressor(work), X, y)
        return (all_of_them - one) / (work.epochs - 1), ""

    return measure


def first_fit(work):
    """The whole first fit of a process, and the mean epoch of the second one."""
    X, y = sequences(work)

    def measure():
        whole = timed_fit(regressor(work), X, y)
        return (whole, timed_fit(regressor(work), X, y) / work.epochs), ""

    return measure


def network_of(work):
    """The network of a model of this work after a little training, with parameters."""
    X, y = sequences(work._replace(n=2, ragged=False))
    fitted = regressor(work._replace(epochs=1)).fit(X, y)._fitted
    return fitted.make_network(), fitted.parameters


def minibatch(work):
    """Data, first rows and lengths of one minibatch."""
    B, T, F = work.shape.B, work.shape.T, work.shape.F
    X, lengths, _ = make_data(work._replace(n=B))
    return X.reshape(-1, F), np.arange(B) * T, lengths


def layer(work):
    """Forward and backward over one minibatch, with a head of one output."""
    network, parameters = network_of(work)
    batch = minibatch(work)
    d_output = np.ones((work.shape.B, 1), dtype=work.data_dtype)

    def step():
        network.load(parameters, backward=True)
        _, tapes = network.forward(*batch, keep=True)
        network.backward(d_output, tapes)

    return repeated(step)


def passes(work):
    """The same without the packing of the weights, forward and backward apart."""
    network, parameters = network_of(work)
    batch = minibatch(work)
    d_output = np.ones((work.shape.B, 1), dtype=work.data_dtype)
    network.load(parameters, backward=True)
    tapes = None

    def forward():
        nonlocal tapes
        _, tapes = network.forward(*batch, keep=True)

    return repeated_pair(forward, lambda: network.backward(d_output, tapes))


def bfloat16_instructions():
    """What multiplies bfloat16 numbers here, "" where there is no such type."""
    try:
        LSTMRegressor(4, max_iter=1, dtype="bfloat16").fit(np.zeros((2, 2, 1)), [0, 1])
    except ValueError:  # not one of the types
        return ""
    return _kernels.bfloat16_set()


def has_bfloat16():
    """The same as a remark."""
    return lambda: (0.0, bfloat16_instructions())


# ---- predictions -------------------------------------------------------------------


def trained(shape):
    """A model after an epoch of a hundred sequences, and data; always the same."""
    work = Work(shape)
    X, y = sequences(work)
    return regressor(work).fit(X[:100], y[:100]), X


def export(shape, n_sequences, path):
    """Write the weights, data and predictions that the peers compute with."""

    def measure():
        model, X = trained(shape)
        X = X[:n_sequences]
        np.savez(
            path,
            X=X,
            predictions=model.predict(X),
            **model.weights_,
        )
        return 0.0, ""

    return measure


def predict(shape, n_sequences):
    """The public call."""
    model, X = trained(shape)
    X = X[:n_sequences].copy()
    return repeated(lambda: model.predict(X))


def predict_kernel(shape):
    """The kernel alone, for one sequence, with weights that are packed once."""
    model, X = trained(shape)
    network = model._fitted.make_network()
    network.load(model._fitted.parameters, backward=False)
    data = X[0].copy()
    starts, lengths = np.array([0]), np.array([len(data)])
    return repeated(lambda: network.forward(data, starts, lengths))


def stream(shape):
    """The public call for every step of one sequence."""
    model, X = trained(shape)
    steps = X[0][:, np.newaxis].copy()

    def read():
        state = model.initial_state(1)
        for x in steps:
            y, state = model.predict_step(x, state)
        return y

    check_outputs(read(), model.predict(X[:1]))
    return repeated(read)


# ---- Japanese vowels ---------------------------------------------------------------


def speakers():
    """The first fit of a process: the quick start's pipeline, nothing tuned."""
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    model = make_pipeline(
        TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0)
    )

    def measure():
        seconds = timed_fit(model, X_train, y_train)
        return seconds, f"{model.score(X_test, y_test):.3f}"

    return measure


def scaled_speakers():
    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    return TimeDistributed(StandardScaler()).fit_transform(X), y


def export_speakers(path):
    """Write the padded utterances for a peer; padding is NaN."""

    def measure():
        X, y = scaled_speakers()
        np.savez(path, X=X.to_padded().astype(np.float32), y=y)
        return 0.0, ""

    return measure


def search(epochs, path):
    X, y = scaled_speakers()
    model = LSTMClassifier(
        batch_size=BATCH, max_iter=epochs, random_state=0, **ALL_EPOCHS
    )
    return timed_search(model, "hidden_layer_sizes", "learning_rate_init", X, y)
