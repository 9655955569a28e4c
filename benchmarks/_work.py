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

    Ragged sequences have T/10 to T steps, uniformly distributed; others have T. The
    type is that of the products: with bfloat16 everything else is float32.
    """

    shape: Shape
    epochs: int = 1
    dtype: str = "float32"
    ragged: bool = False
    cell: str = "LSTM"
    n: int = N_SEQUENCES

    @property
    def data_dtype(self):
        return "float32" if self.dtype == "bfloat16" else self.dtype


SHAPES = [
    Shape(50, 1, 16, 32),
    Shape(100, 8, 32, 32),
    Shape(100, 16, 64, 64),
    Shape(100, 32, 128, 64),
    Shape(50, 64, 256, 64),
    Shape(35, 512, 512, 64),
    Shape(20, 1024, 1024, 64),
]


def make_data(work):
    """Padded sequences (n, T, F), lengths (n,), targets (n,): alike in every process.

    The target, of mean 0 and variance about 1, is a sum over the last ten steps.
    """
    n, T, F, dtype = work.n, work.shape.T, work.shape.F, work.data_dtype
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, T, F), dtype=np.float32).astype(dtype, copy=False)
    lengths = np.full(n, T)
    if work.ragged:
        lengths = rng.integers(T // 10, T, n, endpoint=True)
    step = np.arange(T)
    X[step >= lengths[:, np.newaxis]] = 0
    last_ten = step >= lengths[:, np.newaxis] - 10
    y = (X[:, :, 0] * last_ten).sum(axis=1) / np.sqrt(10).astype(dtype)
    return X, lengths, y


def check_outputs(outputs, expected):
    """Peers must predict what sklstm predicts from the same weights."""
    difference = np.abs(np.ravel(outputs) - expected).max()
    if not difference < 1e-4:
        raise ValueError(f"The outputs differ from those of sklstm by {difference:g}.")
