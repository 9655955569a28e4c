"""Networks of clips beside their twin in PyTorch, made of conv2d: outputs and the
gradients of all parameters, from the weights by their names."""

import numpy as np
import pytest
from conv_network_cases import LENGTHS, ClipProblem, ForecastProblem, as_read
from numpy.testing import assert_allclose

from sklstm._network.exchange import frame_forecaster_weights, torch_weights

CLIPS = {
    "plain": {},
    "large kernel": {"shape": "one channel"},
    "oblong kernel, peepholes": {"shape": "oblong kernel", "cell": "lstm_peephole"},
    "even kernel": {"shape": "even kernel"},
    "both ways, mean": {"bidirectional": True, "pooling": "mean"},
    "maxima": {"pooling": "max", "space_pooling": "max", "cell": "lstm_peephole"},
    "patches between": {
        "shape": "patches", "hidden": (3, 5), "patch_size": (1, 2),
        "bidirectional": True,
    },
}  # fmt: skip
FORECASTS = {
    "plain": {},
    "peepholes, three layers": {"cell": "lstm_peephole", "hidden": (3, 2, 5)},
    "patches, kernel of five": {"shape": "patches", "kernel_size": 5},
    "one channel": {"shape": "one channel"},
}
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


class Twin:
    """ConvLSTM cells over lists of frames (channels, height, width)."""

    def __init__(self, torch, weights):
        self.torch, self.kept = torch, {}
        for name, value in weights.items():
            tensor = torch.from_numpy(value.astype(np.float64))
            self.kept[name] = tensor.requires_grad_()

    def conv(self, x, w):
        """Padding "same" with zeros, of even kernels more below and on the right."""
        (kh, kw), F = w.shape[2:], self.torch.nn.functional
        pad = (kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2
        return F.conv2d(F.pad(x[None], pad), w)[0]

    def layer(self, xs, prefix, ending, state=None, n_steps=None):
        torch, own = self.torch, self.kept
        r = own[f"{prefix}weight_hh_{ending}"]
        w = own.get(f"{prefix}weight_ih_{ending}")
        b = own[f"{prefix}bias_ih_{ending}"] + own[f"{prefix}bias_hh_{ending}"]
        p = own.get(f"{prefix}peephole_{ending}")
        H, (h, c), outputs = r.shape[1], state, []
        p_i, p_f, p_o = 3 * [0] if p is None else p.reshape(3, H, 1, 1)
        for t in range(len(xs) if n_steps is None else n_steps):
            z = b[:, None, None] + self.conv(h, r)
            if w is not None:
                z = z + self.conv(xs[t], w)
            i, f, g, o = z.split(H)
            i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
            outputs.append(h)
        return outputs, (h, c)

    def zeros(self, H, frame):
        return 2 * (self.torch.zeros(H, *frame, dtype=self.torch.float64),)

    def clip(self, frames):
        """(T, height, width, channels) as a list of frames."""
        return [self.torch.from_numpy(f.transpose(2, 0, 1).copy()) for f in frames]

    def patches(self, x, p):
        """In the order (dy, dx, channel)."""
        F, height, width = x.shape
        x = x.reshape(F, height // p, p, width // p, p).permute(2, 4, 0, 1, 3)
        return x.reshape(F * p * p, height // p, width // p)


def clip_output(twin, problem, i):
    torch, network = twin.torch, problem.network
    lowest = network.frames
    frames = as_read(problem.clips[i], lowest.patch_size, lowest.n_inputs)
    xs, size = twin.clip(frames), frames.shape[1:3]
    reduce = torch.amax if network.body[-1].mode == "max" else torch.mean
    k = 0
    for layer in network.body[1:-1]:
        if not layer.directions:
            xs = [twin.patches(x, layer.patch_size) for x in xs]
            size = tuple(n // layer.patch_size for n in size)
            continue
        outputs, ends = [], []
        for d, part in enumerate(layer.directions):
            turn, ending = slice(None, None, -1 if d else 1), f"l{k}" + d * "_reverse"
            state = twin.zeros(part.n_units, size)
            hs, (h, _) = twin.layer(xs[turn], "", ending, state)
            outputs.append(hs[turn])
            ends.append(h)
        xs, last, k = (
            [torch.cat(pair) for pair in zip(*outputs)],
            torch.cat(ends),
            k + 1,
        )
    rows = [reduce(x, dim=(1, 2)) for x in xs]
    last = reduce(last, dim=(1, 2))
    if network.pooling and rows:
        last = {"mean": torch.mean, "max": torch.amax}[network.pooling.mode](
            torch.stack(rows), dim=0
        )
    return twin.kept["head_weight"] @ last + twin.kept["head_bias"]


def forecast_output(twin, problem, i):
    torch, network = twin.torch, problem.network
    lowest = network.frames
    frames = as_read(problem.clips[i], lowest.patch_size, lowest.n_inputs)
    xs, size, ends = twin.clip(frames), frames.shape[1:3], []
    for k, layer in enumerate(network.encoder_layers):
        state = twin.zeros(layer.n_units, size)
        xs, state = twin.layer(xs, "encoder_", f"l{k}", state)
        ends.append(state)
    xs, every = None, []
    for k, state in enumerate(ends):
        xs, _ = twin.layer(xs, "forecaster_", f"l{k}", state, network.horizon)
        every.append(xs)
    joined = torch.stack([torch.cat(hs) for hs in zip(*every)])
    out = torch.einsum("tchw,kc->thwk", joined, twin.kept["head_weight"])
    return (out + twin.kept["head_bias"]).flatten(1, 2)


def check(torch, problem, weights_of, output_of, dtype):
    """Outputs and gradients; a gradient is put in the place of the parameters to have
    it by the names of the weights."""
    network, n = problem.network, len(LENGTHS)

    def weights(vector):
        weight, bias = network.head(vector)
        return {**weights_of(network, vector), "head_weight": weight, "head_bias": bias}

    twin = Twin(torch, weights(problem.parameters))
    raw, _ = problem.forward()
    expected = [output_of(twin, problem, i) for i in range(n)]
    expected = torch.stack(expected).reshape(problem.d_output.shape)
    tolerance = {"rtol": 1e-9, "atol": 1e-10}
    if dtype is np.float32:
        tolerance = {"rtol": 1e-3, "atol": 1e-4}
    assert_allclose(raw, expected.detach().numpy(), **tolerance)
    (expected * torch.from_numpy(np.float64(problem.d_output))).sum().backward()
    gradients = weights(problem.gradient())
    assert gradients.keys() == twin.kept.keys()
    for name, gradient in gradients.items():
        if not name.startswith(("bias_hh", "encoder_bias_hh", "forecaster_bias_hh")):
            own = twin.kept[name].grad.numpy()
            assert_allclose(gradient, own, **tolerance, err_msg=name)


@dtypes
@pytest.mark.parametrize("kind", CLIPS)
def test_clips(torch, kind, dtype):
    problem = ClipProblem(dtype=dtype, **CLIPS[kind])
    check(torch, problem, torch_weights, clip_output, dtype)


@dtypes
@pytest.mark.parametrize("kind", FORECASTS)
def test_forecasts(torch, kind, dtype):
    problem = ForecastProblem(dtype=dtype, **FORECASTS[kind])
    check(torch, problem, frame_forecaster_weights, forecast_output, dtype)
