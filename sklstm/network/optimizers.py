"""Optimizers: a step on the flat parameter vector for a gradient of the same layout.

They know nothing of epochs, stopping or printing; the learning rate of a step is given
to them. `state` is a dict of plain arrays and numbers, which an estimator keeps to go
on where it stopped.
"""

import numpy as np


class SGD:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013).

    v = momentum v - rate gradient;  parameters += v, or with Nesterov's momentum
    parameters += momentum v - rate gradient.
    """

    def __init__(self, size, dtype, *, momentum, nesterovs_momentum, state=None):
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.restore(state or {"velocity": np.zeros(size, dtype=dtype)})

    def restore(self, state):
        self.velocity = state["velocity"].copy()

    @property
    def state(self):
        return {"velocity": self.velocity}

    def step(self, parameters, gradient, rate):
        gradient *= rate
        self.velocity *= self.momentum
        self.velocity -= gradient
        if self.nesterovs_momentum:
            parameters += self.momentum * self.velocity - gradient
        else:
            parameters += self.velocity


class Adam:
    """Adam (Kingma & Ba 2015), and AdamW (Loshchilov & Hutter 2019) with `decay`.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2
    parameters -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Parameters
    ----------
    decay : ndarray of shape (size,), default=None
        AdamW: what the learning rate times the parameters is multiplied with, to be
        taken off the parameters at every step.
    """

    def __init__(self, size, dtype, *, beta_1, beta_2, epsilon, decay=None, state=None):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.decay = decay
        if state is None:
            state = {"m": np.zeros(size, dtype), "v": np.zeros(size, dtype), "t": 0}
        self.restore(state)
        self._scratch = np.empty(size, dtype=dtype)

    def restore(self, state):
        self.m = state["m"].copy()
        self.v = state["v"].copy()
        self.t = state["t"]

    @property
    def state(self):
        return {"m": self.m, "v": self.v, "t": self.t}

    def step(self, parameters, gradient, rate):
        scratch = self._scratch
        if self.decay is not None:
            np.multiply(parameters, self.decay, out=scratch)
            scratch *= rate
            parameters -= scratch
        self.t += 1
        self.m *= self.beta_1
        np.multiply(gradient, 1 - self.beta_1, out=scratch)
        self.m += scratch
        self.v *= self.beta_2
        gradient *= gradient
        gradient *= 1 - self.beta_2
        self.v += gradient
        np.sqrt(self.v, out=scratch)
        scratch += self.epsilon
        np.divide(self.m, scratch, out=scratch)
        scratch *= rate * np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        parameters -= scratch
