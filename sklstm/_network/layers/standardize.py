"""Inputs in units of their own: (x - centre) / scale, within bounds."""

import numpy as np

from ..steps import Steps
from .layer import Layer

# What is further out is as unusual for the network, and leaves its numbers finite.
FAR = 100


class Standardize(Layer):
    """What the lowest layer reads of the data. The first features have a centre and a
    scale each, those behind them stay as they are; nothing is trained."""

    gives_steps = True

    def __init__(self, name, n_inputs, dtype, centre, scale):
        super().__init__(name, n_inputs, n_inputs, dtype)
        n_kept = n_inputs - len(centre)
        self.centre = np.append(centre, np.zeros(n_kept)).astype(self.dtype)
        self.scale = np.append(scale, np.ones(n_kept)).astype(self.dtype)
        self.least, self.most = -FAR * self.scale, FAR * self.scale

    def forward(self, x, run):
        N = len(x.rows)
        values = run.workspace().array("values", N, self.n_inputs)
        np.take(x.values, x.rows, axis=0, out=values, mode="clip")
        with np.errstate(over="ignore"):
            values -= self.centre
        np.clip(values, self.least, self.most, out=values)
        values /= self.scale
        return Steps(values, np.arange(N), x.schedule, x.ends), None

    def backward(self, d_y, tape, d_weights):
        """None reads the data."""

    def step(self, x, state):
        x = x - self.centre
        np.maximum(x, self.least, out=x)
        np.minimum(x, self.most, out=x)
        x /= self.scale
        return x, None

    def n_elements(self, n_sequences, n_steps):
        return n_steps * self.n_inputs
