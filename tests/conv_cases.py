"""Small clips of every task, and what a network of clips computes written out."""

import numpy as np
from scipy.special import expit as sigmoid
from scipy.special import softmax

from sklstm import ConvLSTMClassifier, ConvLSTMRegressor

SMALL = {
    "hidden_channels": (5,), "max_iter": 3, "random_state": 0, "batch_size": 7,
    "learning_rate": "constant",
}  # fmt: skip


def clips(n=16, height=5, width=6, n_channels=2, seed=0, low=0, high=5):
    """Clips of 0 to 4 frames."""
    rng = np.random.default_rng(seed)
    return [
        3 * rng.standard_normal((T, height, width, n_channels)) + 1
        for T in rng.integers(low, high, size=n)
    ]


def equal_length(n=16, T=4, height=5, width=6, n_channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return 3 * rng.standard_normal((n, T, height, width, n_channels)) + 1


def sums(X):
    return np.array([np.sum(x) for x in X])


def make_target(task, X):
    s, index = sums(X), np.arange(len(X))
    return {
        "binary": lambda: np.where(index % 2, "yes", "no"),
        "multiclass": lambda: index % 3,
        "multilabel": lambda: np.c_[s > 0, index % 2, index % 3 == 0].astype(int),
        "single": lambda: 1000 * s + 5000,
        "several": lambda: np.c_[s, 1e6 * s - 3, index],
        "quantiles": lambda: s,
        "counts": lambda: index.astype(float),
    }[task]()


TASKS = {
    "binary": (ConvLSTMClassifier, {}),
    "multiclass": (ConvLSTMClassifier, {}),
    "multilabel": (ConvLSTMClassifier, {}),
    "single": (ConvLSTMRegressor, {}),
    "several": (ConvLSTMRegressor, {"loss": "huber"}),
    "quantiles": (ConvLSTMRegressor, {"loss": "quantile", "quantile": [0.9, 0.5]}),
    "counts": (ConvLSTMRegressor, {"loss": "poisson"}),
}


def small(task, **params):
    Estimator, own = TASKS[task]
    return Estimator(**{**SMALL, **own, **params})


def fitted(task, X=None, fit_params=None, **params):
    X = clips() if X is None else X
    return small(task, **params).fit(X, make_target(task, X), **(fit_params or {}))


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def outputs(estimator, X):
    """Everything that an estimator has to say about X."""
    return {
        method: getattr(estimator, method)(X)
        for method in [*METHODS, "transform"]
        if hasattr(estimator, method)
    }


def raw(estimator, X):
    """What tells most about a fitted estimator."""
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(X)
    return estimator.predict(X)


def assert_same_outputs(a, b):
    assert a.keys() == b.keys()
    for method, value in a.items():
        assert value.dtype == b[method].dtype
        np.testing.assert_array_equal(value, b[method], err_msg=method)


def assert_same_bits(a, b):
    """Two fitted estimators have learnt the same, to the bit."""
    assert a.weights_.keys() == b.weights_.keys()
    for name, value in a.weights_.items():
        np.testing.assert_array_equal(value, b.weights_[name], err_msg=name)
    assert a.loss_curve_ == b.loss_curve_


# ---- by hand -------------------------------------------------------------------------


def convolved(x, weight):
    """conv2d with zeros around, of a frame (height, width, F) and (G, F, kh, kw)."""
    height, width, _ = x.shape
    _, _, kh, kw = weight.shape
    top, left = (kh - 1) // 2, (kw - 1) // 2
    around = np.pad(x, ((top, kh - 1 - top), (left, kw - 1 - left), (0, 0)))
    z = np.zeros((height, width, len(weight)))
    for i in range(kh):
        for j in range(kw):
            z += around[i : i + height, j : j + width] @ weight[:, :, i, j].T
    return z


def patched(x, p):
    """p x p pixels as channels, in the order (dy, dx, channel)."""
    T, height, width, F = x.shape
    x = x.reshape(T, height // p, p, width // p, p, F).swapaxes(2, 3)
    return x.reshape(T, height // p, width // p, p * p * F)


def layer(w, suffix, x):
    """Hidden states of one layer in one direction after every frame."""
    W_ih, W_hh = w[f"weight_ih_{suffix}"], w[f"weight_hh_{suffix}"]
    b = w[f"bias_ih_{suffix}"] + w[f"bias_hh_{suffix}"]
    H = W_hh.shape[1]
    h, c = (np.zeros((*x.shape[1:3], H)) for _ in "hc")
    p_i, p_f, p_o = w.get(f"peephole_{suffix}", np.zeros(3 * H)).reshape(3, H)
    states = []
    for x_t in x:
        z = convolved(x_t, W_ih) + convolved(h, W_hh) + b
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=2)
        i, f = sigmoid(z_i + p_i * c), sigmoid(z_f + p_f * c)
        c = f * c + i * np.tanh(z_g)
        h = sigmoid(z_o + p_o * c) * np.tanh(c)
        states.append(h)
    return np.array(states).reshape(-1, *h.shape)


def by_hand(estimator, x, centre, scale):
    """The output of the head (K,) for one clip, and what `transform` has of it."""
    w = estimator.weights_
    sizes = np.atleast_1d(estimator.hidden_channels)
    patches = np.atleast_1d(estimator.patch_size)
    patches = [*patches, *[1] * (len(sizes) - len(patches))]
    x = (np.asarray(x, dtype=np.float64) - centre) / scale
    over = {"mean": np.mean, "max": np.max}[estimator.space_pooling]
    for k, p in enumerate(patches):
        x = patched(x, p)
        h = layer(w, f"l{k}", x)
        last, every = h[-1:], h
        if estimator.bidirectional:
            back = layer(w, f"l{k}_reverse", x[::-1])
            last = np.concatenate([last, back[-1:]], axis=3)
            every = np.concatenate([h, back[::-1]], axis=3)
        x = every
    last, every = over(last[0], axis=(0, 1)), over(every, axis=(1, 2))
    pooled = last
    if estimator.pooling in ("mean", "max"):
        pooled = getattr(every, estimator.pooling)(axis=0)
    elif estimator.pooling == "attention":
        pooled = softmax(np.tanh(every) @ w["attention"]) @ every
    return w["head_weight"] @ pooled + w["head_bias"], last, every
