"""The work that is asked of every library: shapes, data, constants of training."""

from typing import NamedTuple

import numpy as np

N_SEQUENCES = 1000
LEARNING_RATE = 0.003
MAX_GRAD_NORM = 1.0


class Shape(NamedTuple):
    """T steps, F features, H hidden units, B sequences in a minibatch."""

    T: int
    F: int
    H: int
    B: int

    def __str__(self):
        return ", ".join(map(str, self))


class Work(NamedTuple):
    """A model of one recurrent layer and what is done with it.

    Ragged sequences have T/10 to T steps, uniformly distributed; others have T.
    """

    shape: Shape
    epochs: int = 1
    dtype: str = "float32"
    ragged: bool = False
    cell: str = "LSTM"


SHAPES = [
    Shape(50, 1, 16, 32),
    Shape(100, 8, 32, 32),
    Shape(100, 16, 64, 64),
    Shape(100, 32, 128, 64),
    Shape(50, 64, 256, 64),
    Shape(35, 512, 512, 64),
]


def make_data(work):
    """Padded sequences (n, T, F), lengths (n,), targets (n,): alike in every process.

    The target, of mean 0 and variance about 1, is a sum over the last ten steps.
    """
    T, F = work.shape.T, work.shape.F
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SEQUENCES, T, F), dtype=np.float32).astype(work.dtype)
    lengths = np.full(N_SEQUENCES, T)
    if work.ragged:
        lengths = rng.integers(T // 10, T, N_SEQUENCES, endpoint=True)
    step = np.arange(T)
    X[step >= lengths[:, np.newaxis]] = 0
    last_ten = step >= lengths[:, np.newaxis] - 10
    y = (X[:, :, 0] * last_ten).sum(axis=1) / np.sqrt(10).astype(work.dtype)
    return X, lengths, y


def check_outputs(outputs, expected):
    """Peers must predict what sklstm predicts from the same weights."""
    difference = np.abs(np.ravel(outputs) - expected).max()
    if not difference < 1e-4:
        raise ValueError(f"The outputs differ from those of sklstm by {difference:g}.")
