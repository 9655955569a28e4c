"""Training written out with the NumPy LSTM of reference.py, in the notation of
docs/design.md, and samples to train on.
"""

import numpy as np
from reference import lstm_backward, lstm_forward

from sklstm._network.build import whole_sequence_network
from sklstm._network.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError
from sklstm._training.feeds import TrainingSet


def training_set(sequences, target, weight=None):
    lengths = np.array([len(s) for s in sequences], dtype=np.intp)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return TrainingSet(
        np.concatenate(sequences), offsets[:-1], lengths, np.asarray(target), weight
    )


def content(batch):
    """A minibatch as a list of (steps, target, weight), in its order."""
    data, starts, lengths, target, weight = batch[:5]
    weight = np.ones(len(starts)) if weight is None else weight
    return [
        (data[s : s + T].tobytes(), y.tobytes(), w)
        for s, T, y, w in zip(starts, lengths, target, weight, strict=True)
    ]


def matrix(layout, vector, part):
    """The weights of a part as reference.py has them, a view: rows W, R (if any), b."""
    first, last = layout.slices[f"{part}.w"], layout.slices[f"{part}.b"]
    (n_columns,) = layout.shapes[f"{part}.b"]
    return vector[first.start : last.stop].reshape(-1, n_columns)


class Reference:
    """Network, loss and gradient of reference.py over the same flat vector."""

    def __init__(self, network, loss):
        self.layout = network.layout
        self.n_layers = len(network.recurrent_layers)
        self.loss = loss

    def value_and_gradient(self, parameters, sequences, target):
        """Mean loss over the samples and its gradient, sample by sample."""
        names = [f"l{k}" for k in range(self.n_layers)]
        weights = [matrix(self.layout, parameters, name) for name in names]
        head = matrix(self.layout, parameters, "head")
        runs, outputs = [], []
        for x in sequences:
            run = []
            for W in weights:
                H = W.shape[1] // 4
                h, c, gates = lstm_forward(W, x, np.zeros(H), np.zeros(H))
                run.append((x, h, c, gates))
                x = h[1:]
            runs.append(run)
            outputs.append(h[-1] @ head[:-1] + head[-1])
        value, d_output = self.loss.value_and_gradient(np.array(outputs), target)
        gradient = np.zeros_like(parameters)
        d_head = matrix(self.layout, gradient, "head")
        d_weights = [matrix(self.layout, gradient, name) for name in names]
        for run, d_out in zip(runs, d_output, strict=True):
            d_head[:-1] += np.outer(run[-1][1][-1], d_out)
            d_head[-1] += d_out
            d_h = np.zeros_like(run[-1][1])
            d_h[-1] = head[:-1] @ d_out
            for k in reversed(range(self.n_layers)):
                x, h, c, gates = run[k]
                d_W, d_x, _, _ = lstm_backward(
                    weights[k], x, h, c, gates, d_h, np.zeros(h.shape[1])
                )
                d_weights[k] += d_W
                d_h = np.concatenate([np.zeros((1, d_x.shape[1])), d_x])
        return value, gradient


def problem(kind, hidden=(5,), seed=0, n=10):
    """A network with parameters, ragged samples, targets and the loss."""
    rng = np.random.default_rng(seed)
    sequences = [rng.standard_normal((T, 3)) for T in rng.integers(0, 7, n)]
    K, loss, target = {
        "softmax": (3, SoftmaxCrossEntropy(), rng.integers(0, 3, n)),
        "binary": (1, BinaryCrossEntropy(), rng.integers(0, 2, (n, 1)).astype(float)),
        "multilabel": (2, BinaryCrossEntropy(), 1.0 * rng.integers(0, 2, (n, 2))),
        "squared": (2, SquaredError(), rng.standard_normal((n, 2))),
    }[kind]
    network = whole_sequence_network(3, hidden, K, np.float64)
    parameters = network.initialize(np.random.RandomState(seed), np.zeros(K))
    return network, parameters, sequences, target, loss


def reference_training(
    network, parameters, sequences, target, loss, make_step, *, epochs, batch_size,
    orders, max_grad_norm=None, alpha=0.0, rate=lambda epoch: 0.05,
):  # fmt: skip
    """The loop, written out; returns parameters and the loss of each epoch."""
    reference, step = Reference(network, loss), make_step(network)
    parameters, mask = parameters.copy(), network.weight_mask()
    curve, n = [], len(sequences)
    for epoch in range(epochs):
        total = 0.0
        for begin in range(0, n, batch_size):
            at = orders[epoch][begin : begin + batch_size]
            value, g = reference.value_and_gradient(
                parameters, [sequences[i] for i in at], target[at]
            )
            W = mask * parameters
            total += len(at) * (value + alpha / 2 * np.dot(W, W) / len(at))
            g = g + alpha * W / len(at)
            norm = np.linalg.norm(g)
            if max_grad_norm is not None and norm > max_grad_norm:
                g = g / norm * max_grad_norm
            step(parameters, g, rate(epoch))
        curve.append(total / n)
    return parameters, curve


def sgd_step(network):
    v = np.zeros(network.layout.size)

    def step(p, g, rate):
        v[:] = 0.9 * v - rate * g
        p += 0.9 * v - rate * g

    return step


def adam_step(network, alpha=0.0):
    m, v = np.zeros(network.layout.size), np.zeros(network.layout.size)
    t = 0

    def step(p, g, rate):
        nonlocal t
        t += 1
        p -= rate * alpha * network.weight_mask() * p
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        p -= rate * m_hat / (np.sqrt(v_hat) + 1e-8 / np.sqrt(1 - 0.999**t))

    return step


def rmsprop_step(network):
    v = np.zeros(network.layout.size)

    def step(p, g, rate):
        v[:] = 0.999 * v + 0.001 * g**2
        p -= rate * g / (np.sqrt(v) + 1e-8)

    return step
