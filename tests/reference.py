"""Recurrent cells in float64 NumPy, written to be read: the oracle of the kernel tests.

One sequence at a time, one step at a time, in the notation of docs/design.md; a prime
(here _before) marks the step before. Weights are a dict: W (F, gates H) and R
(H, gates H) for the gates side by side, b (slots H,), and peepholes p (3, H).

A slot is a sum that a cell needs. W x goes to the first of them and R h' to the last:

    LSTM   i, f, g, o       W x and R h' to all four
    GRU    n, r, u, q       W x to n, r, u and R h' to r, u, q
    RNN    z                both
"""

import numpy as np
from scipy.special import expit as sigmoid

SLOTS = {"lstm": 4, "gru": 4, "rnn_tanh": 1, "rnn_relu": 1, "lstm_peephole": 4}
GATES = SLOTS | {"gru": 3}


# ---- one step: from z (slots, H) to h, c and what backward needs; from d_h and d_c to
# ---- d_z, d_h' beside what comes through R, d_c' and d_p


def lstm_step(z, p, h_before, c_before):
    z_i, z_f, z_g, z_o = z
    p_i, p_f, p_o = p
    i, f = sigmoid(z_i + p_i * c_before), sigmoid(z_f + p_f * c_before)
    g = np.tanh(z_g)
    c = f * c_before + i * g
    o = sigmoid(z_o + p_o * c)
    return o * np.tanh(c), c, (i, f, g, o)


def lstm_step_back(gates, p, h_before, c_before, h, c, d_h, d_c):
    i, f, g, o = gates
    p_i, p_f, p_o = p
    d_z_o = d_h * np.tanh(c) * o * (1 - o)
    d_c = d_c + d_h * o * (1 - np.tanh(c) ** 2) + d_z_o * p_o
    d_z_i = d_c * g * i * (1 - i)
    d_z_f = d_c * c_before * f * (1 - f)
    d_z_g = d_c * i * (1 - g**2)
    d_c_before = d_c * f + d_z_i * p_i + d_z_f * p_f
    d_p = np.array([d_z_i * c_before, d_z_f * c_before, d_z_o * c])
    return np.array([d_z_i, d_z_f, d_z_g, d_z_o]), 0, d_c_before, d_p


def gru_step(z, p, h_before, c_before):
    z_n, z_r, z_u, q = z
    r, u = sigmoid(z_r), sigmoid(z_u)
    n = np.tanh(z_n + r * q)
    return (1 - u) * n + u * h_before, c_before, (n, r, u, q)


def gru_step_back(gates, p, h_before, c_before, h, c, d_h, d_c):
    n, r, u, q = gates
    d_z_n = d_h * (1 - u) * (1 - n**2)
    d_z_r = d_z_n * q * r * (1 - r)
    d_z_u = d_h * (h_before - n) * u * (1 - u)
    return np.array([d_z_n, d_z_r, d_z_u, d_z_n * r]), d_h * u, d_c, 0


def rnn_tanh_step(z, p, h_before, c_before):
    return np.tanh(z[0]), c_before, ()


def rnn_tanh_step_back(gates, p, h_before, c_before, h, c, d_h, d_c):
    return np.array([d_h * (1 - h**2)]), 0, d_c, 0


def rnn_relu_step(z, p, h_before, c_before):
    return np.maximum(z[0], 0), c_before, ()


def rnn_relu_step_back(gates, p, h_before, c_before, h, c, d_h, d_c):
    return np.array([d_h * (h > 0)]), 0, d_c, 0


STEPS = {
    "lstm": (lstm_step, lstm_step_back),
    "gru": (gru_step, gru_step_back),
    "rnn_tanh": (rnn_tanh_step, rnn_tanh_step_back),
    "rnn_relu": (rnn_relu_step, rnn_relu_step_back),
    "lstm_peephole": (lstm_step, lstm_step_back),
}


# ---- a sequence ------------------------------------------------------------------


def forward(cell, weights, x, h_0, c_0, mask=1.0):
    """All hidden states (T + 1, H), cell states (T + 1, H) and what each step keeps.

    `mask` (H,) is what h' is multiplied with before R is (recurrent dropout). A cell
    without a state c carries the given one along.
    """
    T, H, gates = len(x), len(h_0), GATES[cell]
    step, p = STEPS[cell][0], weights.get("p", np.zeros((3, H)))
    h, c, kept = np.empty((T + 1, H)), np.empty((T + 1, H)), []
    h[0], c[0] = h_0, c_0
    for t in range(T):
        z = weights["b"].reshape(-1, H).astype(np.float64)
        z[:gates] += (x[t] @ weights["w"]).reshape(gates, H)
        z[-gates:] += ((mask * h[t]) @ weights["r"]).reshape(gates, H)
        h[t + 1], c[t + 1], gates_t = step(z, p, h[t], c[t])
        kept.append(gates_t)
    return h, c, kept


def backward(cell, weights, x, h, c, kept, d_h_out, d_c_last, mask=1.0):
    """Gradients of the weights (a dict), x, h_0 and c_0.

    `d_h_out` (T + 1, H) is the gradient of the loss with respect to every hidden state
    as an output of the layer.
    """
    T, H, gates = len(x), h.shape[1], GATES[cell]
    back, p = STEPS[cell][1], weights.get("p", np.zeros((3, H)))
    d_weights = {name: np.zeros(np.shape(value)) for name, value in weights.items()}
    d_x = np.zeros(x.shape)
    d_h, d_c = d_h_out[T].copy(), d_c_last.copy()
    for t in reversed(range(T)):
        d_z, d_h_before, d_c, d_p = back(
            kept[t], p, h[t], c[t], h[t + 1], c[t + 1], d_h, d_c
        )
        d_z_x, d_z_h = d_z[:gates].ravel(), d_z[-gates:].ravel()
        d_weights["w"] += np.outer(x[t], d_z_x)
        d_weights["r"] += np.outer(mask * h[t], d_z_h)
        d_weights["b"] += d_z.ravel()
        if "p" in weights:
            d_weights["p"] += d_p
        d_x[t] = weights["w"] @ d_z_x
        d_h = mask * (weights["r"] @ d_z_h) + d_h_before + d_h_out[t]
    return d_weights, d_x, d_h, d_c


# ---- an LSTM whose weights are one matrix (F + H + 1, 4 H): rows W, R, b -----------


def _as_dict(matrix, F):
    return {"w": matrix[:F], "r": matrix[F:-1], "b": matrix[-1]}


def lstm_forward(weights, x, h_0, c_0):
    return forward("lstm", _as_dict(weights, x.shape[1]), x, h_0, c_0)


def lstm_backward(weights, x, h, c, gates, d_h_out, d_c_last):
    d_weights, *others = backward(
        "lstm", _as_dict(weights, x.shape[1]), x, h, c, gates, d_h_out, d_c_last
    )
    rows = [d_weights["w"], d_weights["r"], d_weights["b"][np.newaxis]]
    return np.vstack(rows), *others
