"""What Keras on JAX does when it is timed."""

import os
import statistics
import time

import keras
from _work import LEARNING_RATE, MAX_GRAD_NORM, make_data


def describe():
    n_processors = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        n_processors = len(os.sched_getaffinity(0))
    return (
        f"backend {keras.backend.backend()}, kept to as many processors",
        n_processors,
    )


class Epochs(keras.callbacks.Callback):
    """Seconds of every epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def first_fit(work):
    """The whole first fit of a process, and the median of its later epochs."""
    X, _, y = make_data(work)
    shape = work.shape

    def measure():
        epochs = Epochs()
        start = time.perf_counter()
        model = keras.Sequential(
            [
                keras.Input((shape.T, shape.F)),
                keras.layers.LSTM(shape.H),
                keras.layers.Dense(1),
            ]
        )
        adam = keras.optimizers.Adam(LEARNING_RATE, clipnorm=MAX_GRAD_NORM)
        model.compile(adam, "mse")
        history = model.fit(
            X, y, batch_size=shape.B, epochs=work.epochs, verbose=0, callbacks=[epochs]
        )
        whole = time.perf_counter() - start
        steady = statistics.median(epochs.seconds[1:])
        return (whole, steady), f"loss {history.history['loss'][-1]:.3f}"

    return measure
