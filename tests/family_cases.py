"""The three families by name, and what they compute written out."""

import numpy as np
from scipy.special import expit as sigmoid
from scipy.special import softmax

from sklstm import (
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)

FAMILIES = {
    "LSTM": (LSTMClassifier, {}),
    "peepholes": (LSTMRegressor, {"peephole": True, "forget_bias": "chrono"}),
    "GRU": (GRURegressor, {}),
    "RNN": (RNNClassifier, {}),
    "ReLU": (RNNRegressor, {"activation": "relu"}),
}


def read(family, w, suffix, x):
    """Hidden states (T + 1, H) of one layer in one direction."""
    W_ih, W_hh = w[f"weight_ih_{suffix}"], w[f"weight_hh_{suffix}"]
    b_ih, b_hh = w[f"bias_ih_{suffix}"], w[f"bias_hh_{suffix}"]
    H = W_hh.shape[1]
    h, c = np.zeros((len(x) + 1, H)), np.zeros(H)
    p_i = p_f = p_o = np.zeros(H)
    if family == "peepholes":
        p_i, p_f, p_o = w[f"peephole_{suffix}"].reshape(3, H)
    for t, x_t in enumerate(x):
        a, b = W_ih @ x_t + b_ih, W_hh @ h[t] + b_hh
        if family in ("LSTM", "peepholes"):
            z_i, z_f, z_g, z_o = (a + b).reshape(4, H)
            i, f = sigmoid(z_i + p_i * c), sigmoid(z_f + p_f * c)
            c = f * c + i * np.tanh(z_g)
            h[t + 1] = sigmoid(z_o + p_o * c) * np.tanh(c)
        elif family == "GRU":
            (a_r, a_z, a_n), (b_r, b_z, b_n) = a.reshape(3, H), b.reshape(3, H)
            r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
            h[t + 1] = (1 - z) * np.tanh(a_n + r * b_n) + z * h[t]
        else:
            h[t + 1] = np.tanh(a + b) if family == "RNN" else np.maximum(a + b, 0)
    return h


def by_hand(family, estimator, x):
    """The output of the head (K,) for one sequence, and the last hidden states."""
    w, x = estimator.weights_, np.asarray(x, dtype=np.float64)
    for k in range(len(np.atleast_1d(estimator.hidden_layer_sizes))):
        h = read(family, w, f"l{k}", x)
        last, x_next = h[-1], h[1:]
        if estimator.bidirectional:
            h = read(family, w, f"l{k}_reverse", x[::-1])
            last = np.concatenate([last, h[-1]])
            x_next = np.hstack([x_next, h[:0:-1]])
        x = x_next
    pooled = last
    if len(x) and estimator.pooling == "mean":
        pooled = x.mean(axis=0)
    elif len(x) and estimator.pooling == "max":
        pooled = x.max(axis=0)
    elif len(x) and estimator.pooling == "attention":
        pooled = softmax(np.tanh(x) @ w["attention"]) @ x
    return w["head_weight"] @ pooled + w["head_bias"], last
