"""Optimizers: a step on the flat parameter vector for a gradient of the same layout.

They know nothing of epochs, stopping or printing; the learning rate of a step is given
to them, and a factor for the gradient, which is how it is clipped without a pass of its
own. `state` is a dict of plain arrays and numbers, which an estimator keeps to go on
where it stopped.

Where the gradient is `touched` in some rows of tables only, no other row is read or
written: its moments stand still until it is touched again (torch.optim.SparseAdam).
"""

import math

import numpy as np

from .._kernels import kernels_for, n_threads_for


def clip_scale(gradient, max_norm, touched=None):
    """What to multiply the gradient with for a norm of at most `max_norm`.

    The norm is the global one, over all parameters (Pascanu et al. 2013).
    """
    norm_of = kernels_for(gradient.dtype).gradient_norm
    parts = [gradient] if touched is None else touched.of(gradient)
    norm = math.hypot(*(norm_of(part, n_threads_for(part)) for part in parts))
    return max_norm / norm if norm > max_norm else 1.0


def _parts(touched, parameters, gradient, *moments):
    """The vectors of a step, or one after the other their parts that are touched."""
    if touched is None:
        yield parameters, gradient, *moments
        return
    parts = [touched.of(vector) for vector in (parameters, gradient, *moments)]
    yield from zip(*parts, strict=True)
    del parts[1]
    for vector, changed in zip((parameters, *moments), parts, strict=True):
        touched.put(vector, changed)


def rescaled(state, factor):
    """The state of an optimizer as if every gradient had been `factor` times as large;
    None if that is not finite."""
    powers = {"velocity": 1, "m": 1, "v": 2}
    with np.errstate(over="ignore", under="ignore"):
        state = {
            name: (value * factor ** powers[name]).astype(value.dtype)
            if name in powers
            else value
            for name, value in state.items()
        }
    finite = all(np.isfinite(state[name]).all() for name in powers if name in state)
    return state if finite else None


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

    def step(self, parameters, gradient, rate, scale=1.0, touched=None):
        sgd_step = kernels_for(parameters.dtype).sgd_step
        for p, g, velocity in _parts(touched, parameters, gradient, self.velocity):
            sgd_step(
                p, g, velocity, scale, rate, self.momentum, self.nesterovs_momentum,
                n_threads_for(p),
            )  # fmt: skip


class Adam:
    """Adam (Kingma & Ba 2015), and AdamW (Loshchilov & Hutter 2019) with `decay` (P,),
    which is zero for tables.

    m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2
    parameters -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon),
    before that in AdamW  parameters -= rate decay parameters
    """

    def __init__(self, size, dtype, *, beta_1, beta_2, epsilon, decay=None, state=None):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.decay = decay
        if state is None:
            state = {"m": np.zeros(size, dtype), "v": np.zeros(size, dtype), "t": 0}
        self.restore(state)

    def restore(self, state):
        self.m = state["m"].copy()
        self.v = state["v"].copy()
        self.t = state["t"]

    @property
    def state(self):
        return {"m": self.m, "v": self.v, "t": self.t}

    def step(self, parameters, gradient, rate, scale=1.0, touched=None):
        self.t += 1
        corrected = rate * np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        adam_step, decay = kernels_for(parameters.dtype).adam_step, self.decay
        if decay is not None and touched is not None:
            decay = decay[touched.dense]
        for p, g, m, v in _parts(touched, parameters, gradient, self.m, self.v):
            adam_step(
                p, g, m, v, decay, scale, rate, corrected, self.beta_1, self.beta_2,
                self.epsilon, n_threads_for(p),
            )  # fmt: skip
            decay = None  # of what comes behind the dense part


class RMSProp:
    """RMSProp (Tieleman & Hinton 2012) as `torch.optim.RMSprop`: neither centred nor
    with momentum, and v, which starts at zero, is not corrected for that.

    v = beta_2 v + (1 - beta_2) g^2;  parameters -= rate g / (sqrt(v) + epsilon)
    """

    def __init__(self, size, dtype, *, beta_2, epsilon, state=None):
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.restore(state or {"v": np.zeros(size, dtype)})

    def restore(self, state):
        self.v = state["v"].copy()

    @property
    def state(self):
        return {"v": self.v}

    def step(self, parameters, gradient, rate, scale=1.0, touched=None):
        rmsprop_step = kernels_for(parameters.dtype).rmsprop_step
        for p, g, v in _parts(touched, parameters, gradient, self.v):
            rmsprop_step(
                p, g, v, scale, rate, self.beta_2, self.epsilon, n_threads_for(p)
            )
