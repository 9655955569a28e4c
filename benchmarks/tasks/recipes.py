"""The settings for each real data set, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen by `real.py
--cross-validate` on the training data; where another is better there, put it first.
"""

from models import Recipe


def lstm(n_frames=1, **parameters):
    return Recipe("LSTM", parameters, n_frames)


def bilstm(n_frames=1, **parameters):
    return lstm(n_frames, bidirectional=True, **parameters)


RECIPES = {
    "digit rows": [
        lstm(hidden_layer_sizes=128, learning_rate_init=0.01, max_iter=50),
        bilstm(learning_rate_init=0.01, max_iter=50),
        bilstm(learning_rate_init=0.01, max_iter=50, pooling="mean"),
        bilstm(learning_rate_init=0.01, max_iter=50, pooling="mean", dropout=0.2),
    ],
    "spoken digits": [
        lstm(n_frames=3, hidden_layer_sizes=128, max_iter=30),
        bilstm(n_frames=3, max_iter=30),
        bilstm(n_frames=3, max_iter=30, pooling="mean"),
        bilstm(n_frames=3, max_iter=30, pooling="mean", dropout=0.2),
        bilstm(max_iter=30, pooling="max"),
        bilstm(max_iter=30, pooling="attention"),
    ],
    "Japanese vowels": [
        lstm(n_frames=6, hidden_layer_sizes=128, max_iter=50),
        lstm(n_frames=4, hidden_layer_sizes=128, max_iter=50),
        bilstm(n_frames=4, hidden_layer_sizes=128, max_iter=50),
        bilstm(n_frames=6, hidden_layer_sizes=128, max_iter=50),
        bilstm(n_frames=4, max_iter=50),
        bilstm(n_frames=4, max_iter=50, pooling="mean"),
        bilstm(max_iter=50, pooling="mean"),
        bilstm(max_iter=50, pooling="mean", dropout=0.3),
        bilstm(max_iter=50, pooling="attention"),
    ],
    "ItalyPowerDemand": [
        lstm(n_frames=8, hidden_layer_sizes=32, batch_size=8),
        lstm(n_frames=4, hidden_layer_sizes=32, batch_size=8),
        bilstm(n_frames=8, hidden_layer_sizes=32, batch_size=8),
    ],
    "GunPoint": [
        bilstm(n_frames=5, batch_size=8, max_iter=200),
        lstm(n_frames=5, batch_size=8, max_iter=200),
        lstm(n_frames=15, hidden_layer_sizes=32, batch_size=8),
        bilstm(n_frames=5, batch_size=8, max_iter=200, pooling="mean"),
        bilstm(n_frames=5, batch_size=8, max_iter=200, pooling="attention"),
    ],
    "ECG5000": [
        lstm(n_frames=20, max_iter=30),
        bilstm(n_frames=20, max_iter=30),
        bilstm(n_frames=4, max_iter=30, pooling="mean"),
    ],
    "ElectricDevices": [
        # first by the ablation, on a part of the training data; all of it takes long
        bilstm(max_iter=40, pooling="mean"),
        lstm(max_iter=40),
        lstm(n_frames=2, max_iter=40),
        lstm(n_frames=2, max_iter=40, dropout=0.2),
        bilstm(n_frames=2, max_iter=40),
        bilstm(n_frames=2, max_iter=40, pooling="mean"),
        bilstm(n_frames=2, max_iter=40, pooling="max"),
        bilstm(n_frames=2, max_iter=40, pooling="max", dropout=0.2),
    ],
    "Beijing PM2.5": [
        lstm(max_iter=10),
        lstm(max_iter=10, dropout=0.2),
    ],
}

#: What a family does without any choice.
DEFAULTS = {
    f"{family}, defaults": Recipe(family, {}) for family in ("LSTM", "GRU", "RNN")
}
