"""A float64 NumPy LSTM written to be read: the oracle of the kernel tests.

One sequence at a time, one step at a time, in the notation of docs/design.md. Weights
are a matrix (F + H + 1, 4 H): rows W, R, b; columns of the gates i, f, g, o.
"""

import numpy as np
from scipy.special import expit as sigmoid


def lstm_forward(weights, x, h_0, c_0):
    """All hidden states (T + 1, H), cell states (T + 1, H) and gates (T, 4, H)."""
    T, F = x.shape
    H = h_0.shape[0]
    W, R, b = weights[:F], weights[F : F + H], weights[-1]
    h, c, gates = np.empty((T + 1, H)), np.empty((T + 1, H)), np.empty((T, 4, H))
    h[0], c[0] = h_0, c_0
    for t in range(T):
        z_i, z_f, z_g, z_o = (x[t] @ W + h[t] @ R + b).reshape(4, H)
        i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
        gates[t] = i, f, g, o
    return h, c, gates


def lstm_backward(weights, x, h, c, gates, d_h_out, d_c_last):
    """Gradients of weights, x, h_0 and c_0.

    `d_h_out` (T + 1, H) is the gradient of the loss with respect to every hidden state
    as an output of the layer.
    """
    T, F = x.shape
    H = h.shape[1]
    W, R = weights[:F], weights[F : F + H]
    d_weights, d_x = np.zeros_like(weights), np.zeros_like(x)
    d_h, d_c = d_h_out[T].copy(), d_c_last.copy()
    for t in reversed(range(T)):
        i, f, g, o = gates[t]
        tanh_c = np.tanh(c[t + 1])
        d_c = d_c + d_h * o * (1 - tanh_c**2)
        d_z = np.concatenate(
            [
                d_c * g * i * (1 - i),
                d_c * c[t] * f * (1 - f),
                d_c * i * (1 - g**2),
                d_h * tanh_c * o * (1 - o),
            ]
        )
        d_weights[:F] += np.outer(x[t], d_z)
        d_weights[F : F + H] += np.outer(h[t], d_z)
        d_weights[-1] += d_z
        d_x[t] = W @ d_z
        d_h = R @ d_z + d_h_out[t]
        d_c = d_c * f
    return d_weights, d_x, d_h, d_c
