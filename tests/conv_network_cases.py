"""Networks of clips to test: problems with random parameters, and their outputs written
out in NumPy, clip by clip, on top of conv_reference.py."""

from zlib import crc32

import conv_reference
import numpy as np
import pytest
import reference
from network_cases import pooled

from sklstm._kernels import dropout_mask
from sklstm._network.build import clip_network, frame_forecaster_network
from sklstm._network.layers.dropout import Masks

LENGTHS = np.array([3, 0, 1, 4], np.intp)
CENTRE, SCALE = np.array([0.5, -1.0]), np.array([2.0, 0.25])
SEED, STEP = 2**40 + 7, 3
CELLS = ["lstm", "lstm_peephole"]
# Frames, channels of the data, hidden channels, and what else the network has: sizes
# off the vectors, one channel, kernels of any sides, patches, frames of one pixel.
SHAPES = {
    "odd": ((5, 7), 2, (3, 5), {}),
    "one channel": ((4, 6), 1, (17,), {"kernel_size": 5}),
    "oblong kernel": ((3, 4), 2, (5,), {"kernel_size": (3, 5)}),
    "no neighbours": ((3, 2), 2, (3,), {"kernel_size": 1}),
    "even kernel": ((4, 3), 1, (3, 2), {"kernel_size": (2, 4)}),
    "patches": ((4, 6), 2, (5,), {"patch_size": 2}),
    "one pixel": ((1, 1), 2, (3,), {}),
    "a line": ((1, 9), 1, (4,), {"kernel_size": (3, 3)}),
}

every_cell = pytest.mark.parametrize("cell", CELLS)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def units(n_channels):
    return {"centre": CENTRE[:n_channels], "scale": SCALE[:n_channels]}


# ---- clips ---------------------------------------------------------------------------


def patches(frames, p):
    """Patch by patch, in the order (dy, dx, channel)."""
    T, height, width, channels = frames.shape
    out = np.empty((T, height // p, width // p, p * p * channels))
    for y in range(height // p):
        for x in range(width // p):
            part = frames[:, y * p : (y + 1) * p, x * p : (x + 1) * p]
            out[:, y, x] = part.reshape(out.shape[0], out.shape[3])
    return out


def as_read(frames, p, n_channels):
    """Frames (T, height, width, C) as the lowest layer reads them: what is missing is
    what it was last, or the centre."""
    frames, seen = np.array(frames, np.float64), np.nan
    for t, frame in enumerate(frames):
        seen = frames[t] = np.where(np.isnan(frame), seen, frame)
    values = (frames - CENTRE[:n_channels]) / SCALE[:n_channels]
    return patches(np.where(np.isnan(values), 0, values), p)


# ---- layers --------------------------------------------------------------------------


def layer_forward(cell, weights, kernel, x, h_0, c_0):
    """All h and c (T + 1, height, width, H) of a clip x (T, height, width, F)."""
    step, H = reference.STEPS[cell][0], h_0.shape[-1]
    p, h, c = weights.get("p", np.zeros((3, H))), [h_0], [c_0]
    for frame in x:
        z = weights["b"] + conv_reference.convolution(h[-1], weights["r"], kernel)
        if frame.shape[-1]:
            z = z + conv_reference.convolution(frame, weights["w"], kernel)
        slots = np.moveaxis(z.reshape(*z.shape[:2], 4, H), 2, 0)
        h_t, c_t, _ = step(slots, p, h[-1], c[-1])
        h.append(h_t)
        c.append(c_t)
    return np.array(h), np.array(c)


def of_layer(part, views, name, suffix=""):
    """The weights of a layer or direction, in float64."""
    return {
        key: np.float64(views[name][key + suffix])
        for key in part.shapes
    }  # fmt: skip


def conv_layers(layers, views, x, states, mask_of):
    """Outputs of stacked layers for a clip x, each beginning with its state, and where
    each ended; `mask_of` gives the factors (T, channels) of a layer of dropout."""
    after, last = [], None
    for layer in layers:
        height, width = x.shape[1:3]
        if not layer.directions:
            mask = mask_of(layer, len(x))
            if mask is None:
                x = patches(x, layer.patch_size)
            else:
                x = x * mask[:, np.newaxis, np.newaxis]
            continue
        outputs, lasts = [], []
        for d, part in enumerate(layer.directions):
            weights = of_layer(part, views, layer.name, ["", "_reverse"][d])
            shape = height, width, part.n_units
            zero = np.zeros((2, *shape))
            h_0, c_0 = zero if states is None else states[len(after)]
            turn = slice(None, None, -1 if d else 1)
            cell = conv_reference.NAMES[part.cell.number]
            h, c = layer_forward(cell, weights, part.kernel_size, x[turn], h_0, c_0)
            outputs.append(h[1:][turn])
            lasts.append(h[-1])
            after.append((h[-1], c[-1]))
        x, last = np.concatenate(outputs, axis=-1), np.concatenate(lasts, axis=-1)
    return x, last, after


class Clips:
    """Ragged clips, one after the other, some pixels of which are missing."""

    def __init__(self, frame, n_channels, lengths=LENGTHS, dtype=np.float64, seed=0):
        rng = np.random.default_rng(seed)
        self.lengths = np.array(lengths, np.intp)
        self.starts = np.cumsum(self.lengths) - self.lengths
        shape = self.lengths.sum(), *frame, n_channels
        self.data = rng.standard_normal(shape).astype(dtype)
        self.data[rng.random(shape) < 0.1] = np.nan

    @property
    def rows(self):
        return self.data, self.starts, self.lengths

    def only(self, samples):
        return self.data, self.starts[samples], self.lengths[samples]

    def __getitem__(self, i):
        return self.data[self.starts[i] :][: self.lengths[i]]


class Problem:
    """What both networks share: parameters, gradients, masks."""

    def __init__(self, network, cell, clips, rate, seed):
        rng = np.random.default_rng(seed)
        self.network, self.cell, self.clips, self.rate = network, cell, clips, rate
        network.strip_rows = 2
        size = network.layout.size
        self.parameters = (0.4 * rng.standard_normal(size)).astype(network.dtype)
        self.ids = rng.permutation(1000)[: len(clips.lengths)]

    def masks(self, samples=slice(None)):
        return Masks(SEED, STEP, self.ids[samples]) if self.rate else None

    def mask(self, i, name, width, times=None):
        """Factors of one layer for clip i, at these time steps or at all alike."""
        rows = 1 if times is None else len(times)
        mask = np.ones((rows, width))
        if self.rate:
            samples, number = np.full(rows, i), crc32(name.encode())
            dropout_mask(
                SEED, STEP, number, self.ids, samples, times, self.rate, mask
            )  # fmt: skip
        return mask

    def mask_of(self, i):
        def mask_of(layer, T):
            if not hasattr(layer, "rate"):
                return None
            return self.mask(i, layer.name, layer.n_outputs, np.arange(T))

        return mask_of

    def random_states(self, seed=5):
        """Where the recurrent layers begin: rows (n, pixels * width) of each."""
        rng, n = np.random.default_rng(seed), len(self.clips.lengths)
        states = self.network.initial_states(n, *self.clips.data.shape[1:3])
        parts = self.network.recurrents
        for layer, part in zip(states, parts):
            for array in layer:
                pixels = array.reshape(n, -1, part.width)
                shape = (*pixels.shape[:2], part.n_units)
                pixels[..., : part.n_units] = rng.standard_normal(shape)
        return states

    def images(self, states, i):
        """Those of clip i as images (height, width, H)."""
        sizes = self.network.frame_sizes(*self.clips.data.shape[1:3])
        return [
            [np.float64(a[i].reshape(*size, -1)[..., : part.n_units]) for a in layer]
            for layer, size, part in zip(states, sizes, self.network.recurrents)
        ]

    def gradient(self, **options):
        """Of sum(output d_output)."""
        _, tapes = self.forward(keep=True, **options)
        return self.network.backward(self.d_output.copy(), tapes).copy()

    def value(self, parameters, **options):
        output, _ = self.forward(parameters, **options)
        return float((output * self.d_output).sum())


class ClipProblem(Problem):
    """A network with one answer for each clip."""

    def __init__(
        self, cell="lstm", shape="odd", *, lengths=LENGTHS, dtype=np.float64, rate=0.0,
        seed=0, **options,
    ):  # fmt: skip
        frame, n_channels, hidden, own = SHAPES[shape]
        hidden = options.pop("hidden", hidden)
        frame = options.pop("frame", frame)
        network = clip_network(
            n_channels, hidden, 2, dtype, cell, dropout=rate, **units(n_channels),
            **{**own, **options},
        )  # fmt: skip
        clips = Clips(frame, n_channels, lengths, dtype, seed)
        super().__init__(network, cell, clips, rate, seed)
        rng = np.random.default_rng(seed + 1)
        self.d_output = rng.standard_normal((len(lengths), 2)).astype(dtype)

    def forward(self, parameters=None, keep=False, **options):
        parameters = self.parameters if parameters is None else parameters
        self.network.load(parameters, backward=keep)
        masks = self.masks()
        return self.network.forward(
            *self.clips.rows, keep=keep, masks=masks, **options
        )  # fmt: skip

    def by_hand(self, i, states=None):
        """Outputs (K,) for clip i."""
        network, mask_of = self.network, self.mask_of(i)
        views, lowest = network.views(self.parameters), network.frames
        x = as_read(self.clips[i], lowest.patch_size, lowest.n_inputs)
        x, last, _ = conv_layers(network.body[1:-1], views, x, states, mask_of)
        reduce = {"mean": np.mean, "max": np.max}[network.body[-1].mode]
        h, last = (reduce(a, axis=(-3, -2)) for a in (x, last))
        if network.pooling:
            w = views["pooling"]["w"] if network.pooling.shapes else None
            last = pooled(network.pooling.mode, h, w, last)
        last = last * self.mask(i, "head.dropout", len(last))[0]
        return last @ views["head"]["w"] + views["head"]["b"]


class ForecastProblem(Problem):
    """A network that goes on with each clip."""

    def __init__(
        self, cell="lstm", shape="odd", *, lengths=LENGTHS, dtype=np.float64, rate=0.0,
        seed=0, horizon=3, **options,
    ):  # fmt: skip
        frame, n_channels, hidden, own = SHAPES[shape]
        hidden = options.pop("hidden", hidden)
        frame = options.pop("frame", frame)
        p = own.get("patch_size", 1)
        n_outputs = p * p * n_channels
        network = frame_forecaster_network(
            n_channels, hidden, n_outputs, dtype, cell, horizon=horizon, dropout=rate,
            **units(n_channels), **{**own, **options},
        )  # fmt: skip
        clips = Clips(frame, n_channels, lengths, dtype, seed)
        super().__init__(network, cell, clips, rate, seed)
        rng = np.random.default_rng(seed + 1)
        shape = len(lengths) * horizon, frame[0] * frame[1] // p**2, n_outputs
        self.d_output = rng.standard_normal(shape).astype(dtype)

    def forward(self, parameters=None, keep=False, **options):
        parameters = self.parameters if parameters is None else parameters
        self.network.load(parameters, backward=keep)
        masks = self.masks()
        return self.network.forward(
            *self.clips.rows, keep=keep, masks=masks, **options
        )  # fmt: skip

    def by_hand(self, i, states=None):
        """Outputs (horizon, pixels, K) for clip i."""
        network, mask_of = self.network, self.mask_of(i)
        views, lowest = network.views(self.parameters), network.frames
        x = as_read(self.clips[i], lowest.patch_size, lowest.n_inputs)
        *_, states = conv_layers(network.encoder[1:], views, x, states, mask_of)
        x, each = np.empty((network.horizon, *x.shape[1:3], 0)), []
        for layer in network.forecaster:
            state = states[len(each) :]
            x, *_ = conv_layers([layer], views, x, state or None, mask_of)
            if layer.directions:
                each.append(x)
        h = np.concatenate(each, axis=-1).reshape(network.horizon, -1, sum(
            layer.n_units for layer in network.forecaster_layers))  # fmt: skip
        return h @ views["head"]["w"] + views["head"]["b"]
