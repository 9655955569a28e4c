"""The network: recurrent layers and a dense head over one flat parameter vector."""

import math

import numpy as np

from .._kernels import (
    CELLS,
    Schedule,
    effective_n_threads,
    kernels_for,
    n_threads_for,
)
from .layers import Bidirectional, Dense, Recurrent
from .parameters import Layout
from .pooling import Pooling
from .workspace import aligned_empty

# Sequences of a strip. Many read the packed weights less often, few leave no thread
# waiting where lengths differ: with 2 threads, 32 sequences of 10 to 100 steps and
# H = 64 take 0.61 ms with 8 and 0.74 with 16; at equal lengths 16 gain 4 % at the most.
STRIP_ROWS = 8
# Where the weights of the largest layer take more than 1 MB, about what L2 holds: 16
# rows read them half as often, which gains 3 % at H = 256 and 512.
STRIP_ROWS_WIDE = 16
WIDE_BYTES = 1 << 20
# Cell updates times products below which a second thread costs more than it brings.
PARALLEL_WORK = 250_000
# What activations cost in a cell, in columns of a product.
ACTIVATION_COLUMNS = 24
# Row-steps of a batch of `predict`, which bounds its memory.
PREDICT_STEPS = 65_536
# Row-steps of a batch of `kept` and `gradient_norms`, for which layers keep far more.
KEPT_STEPS = 8192
# Bytes of workspace that a layer keeps between two calls of `predict`.
IDLE_BYTES = 1 << 20


class Network:
    """Stacked recurrent layers, a pooling over the steps, and a dense head.

    Parameters
    ----------
    n_features : int
        F.
    hidden_layer_sizes : tuple of int
        H of each recurrent layer, the lowest first.
    n_outputs : int
        K.
    dtype : dtype
        float32 or float64.
    cell : str, default="lstm"
        Name in the table of cells.
    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions.
    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads: the last output of the uppermost layer, or of all its
        outputs so much.
    """

    def __init__(
        self,
        n_features,
        hidden_layer_sizes,
        n_outputs,
        dtype,
        cell="lstm",
        bidirectional=False,
        pooling="last",
    ):
        self.dtype = np.dtype(dtype)
        make = Bidirectional if bidirectional else Recurrent
        self.layers = []
        n_inputs = n_features
        for n_units in hidden_layer_sizes:
            self.layers.append(make(n_inputs, n_units, dtype, cell))
            n_inputs = self.layers[-1].n_outputs
        widest = max(
            math.prod(shape) for layer in self.layers for shape in layer.shapes.values()
        )
        wide = widest * self.dtype.itemsize > WIDE_BYTES
        self.strip_rows = STRIP_ROWS_WIDE if wide else STRIP_ROWS
        self.pooling = None
        if pooling != "last":
            self.pooling = Pooling(pooling, n_inputs, dtype)
        self.head = Dense(n_inputs, n_outputs, dtype)
        self.layout = Layout(
            {
                f"{part}.{name}": shape
                for part, layer in self._parts().items()
                for name, shape in layer.shapes.items()
            }
        )
        self.recurrents = [layer for _, layer, _ in self._directions()]
        # of h and c
        self.state_widths = [
            (layer.width,) * (1 + layer.cell.has_c) for layer in self.recurrents
        ]
        self._gradient = self._gradient_views = self._one_step = None
        self._viewed = None, None

    def _parts(self):
        """What has parameters, by the name of its part of the vector."""
        parts = {f"l{k}": layer for k, layer in enumerate(self.layers)}
        if self.pooling:
            parts["pooling"] = self.pooling
        return {**parts, "head": self.head}

    def views(self, vector):
        """Views of a flat vector: a dict for each part of the network."""
        return {
            part: {
                name: self.layout.view(vector, f"{part}.{name}")
                for name in layer.shapes
            }
            for part, layer in self._parts().items()
        }

    def initialize(self, rng, head_bias, **options):
        """A new parameter vector; `head_bias` (K,) is where the outputs start.

        `options` are those of `Recurrent.initialize`.
        """
        parameters = aligned_empty((self.layout.size,), self.dtype)
        views = self.views(parameters)
        for k, layer in enumerate(self.layers):
            layer.initialize(views[f"l{k}"], rng, **options)
        if self.pooling:
            self.pooling.initialize(views["pooling"], rng)
        self.head.initialize(views["head"], rng, head_bias)
        return parameters

    def weight_mask(self):
        """1 where the parameter vector holds a weight, 0 where it holds a bias."""
        mask = np.ones(self.layout.size, dtype=self.dtype)
        for name, shape in self.layout.shapes.items():
            if len(shape) == 1:
                self.layout.view(mask, name)[:] = 0
        return mask

    def torch_weights(self, parameters):
        """Copies of the recurrent parameters under PyTorch's names, in its shapes.

        Those that PyTorch does not have, of peepholes and attention, follow its manner.
        """
        views = self.views(parameters)
        weights = {}
        for k, layer in enumerate(self.layers):
            for name, value in layer.torch_weights(views[f"l{k}"]).items():
                base, reverse, _ = name.partition("_reverse")
                weights[f"{base}_l{k}{reverse}"] = value
        if self.pooling and self.pooling.shapes:
            weights["attention"] = views["pooling"]["w"].ravel().copy()
        return weights

    def from_torch_weights(self, weights, head_weight, head_bias, attention):
        """A parameter vector of the weights of `torch.nn` modules, by their names.

        Parameters
        ----------
        weights : list of dict of str to ndarray
            For each layer weight_ih, weight_hh, bias_ih and bias_hh, for the direction
            that begins at the end with the suffix _reverse; for a cell that has them
            also peephole.
        head_weight, head_bias : ndarray of shape (K, H), (K,)
            Those of a `torch.nn.Linear`.
        attention : ndarray of shape (H,) or None
            The vector w of a pooling by attention.
        """
        parameters = aligned_empty((self.layout.size,), self.dtype)
        views = self.views(parameters)
        for k, (layer, torch) in enumerate(zip(self.layers, weights, strict=True)):
            layer.set_torch_weights(views[f"l{k}"], torch)
        if self.pooling and self.pooling.shapes:
            views["pooling"]["w"][:] = attention
        views["head"]["w"][:] = head_weight.T
        views["head"]["b"][:] = head_bias
        return parameters

    def load(self, parameters, *, backward):
        """Pack the parameters for the kernels: once for each optimizer step."""
        if self._viewed[0] is not parameters:  # the views of the last vector are kept
            self._viewed = parameters, self.views(parameters)
        views = self._viewed[1]
        n_threads = n_threads_for(parameters)
        for k, layer in enumerate(self.layers):
            layer.load(
                views[f"l{k}"], backward=backward, d_x=k > 0, n_threads=n_threads
            )
        if self.pooling:
            self.pooling.load(views["pooling"])
        self.head.load(views["head"], backward=backward)

    def forward(
        self, data, starts, lengths, *, keep, noise=None, tbptt=None, states=None,
        pooled=None,
    ):  # fmt: skip
        """Raw outputs (B, K) of a batch of sequences.

        Parameters
        ----------
        data : ndarray of shape (rows, F)
            Steps of the sequences.
        starts, lengths : ndarray of shape (B,), intp
            First row and number of steps of each sequence.
        keep : bool
            Whether to keep what `backward` needs.
        noise : Noise, default=None
            Dropout, in training.
        tbptt : int, default=None
            The last steps of each sequence that `backward` goes back over. The steps
            before only carry their states on (Williams & Peng 1990).
        states : sequence of tuple of ndarray, default=None
            States of each layer and direction to begin with, in place of zeros.
        pooled : tuple of ndarray, default=None
            Running sums of the pooling to begin with.

        Returns
        -------
        output : ndarray of shape (B, K)
            A view of the workspace, valid until the next call.
        """
        if tbptt is not None and lengths.max(initial=0) > tbptt:
            states = self._carry(data, starts, lengths - tbptt, tbptt, noise)
            before = np.maximum(lengths - tbptt, 0)
            starts, lengths = starts + before, lengths - before
            if noise:
                noise.begin(before)
        schedule = self._schedule(starts, lengths, data)
        features = self._features(
            schedule, data, keep=keep, noise=noise, states=states, pooled=pooled
        )
        return self.head.forward(features)

    def _schedule(self, starts, lengths, data):
        return Schedule(starts, lengths, self.strip_rows, n_rows=len(data))

    def _carry(self, data, starts, lengths, chunk, noise):
        """States of every layer after so many steps, `chunk` steps at a time."""
        states = self.initial_states(len(starts))
        for begin in range(0, int(lengths.max()), chunk):
            if noise:
                noise.begin(np.full(len(starts), begin))
            part = np.clip(lengths - begin, 0, chunk)
            schedule = self._schedule(starts + begin, part, data)
            before, states = states, []
            self._recur(schedule, data, noise=noise, states=before, after=states)
        return states

    def initial_states(self, n):
        """Zero h and, for a cell that has it, c of each layer and direction."""
        return [
            tuple(np.zeros((n, width), self.dtype) for width in widths)
            for widths in self.state_widths
        ]

    def _beginning(self, k, states):
        """The states of layer k as its `forward` takes them."""
        n_directions = len(self.recurrents) // len(self.layers)
        own = states[k * n_directions : (k + 1) * n_directions]
        h_0 = [state[0] for state in own]
        c_0 = [state[1] if len(state) > 1 else None for state in own]
        if n_directions == 1:
            return {"h_0": h_0[0], "c_0": c_0[0]}
        return {"h_0": h_0, "c_0": c_0}

    def _recur(
        self, schedule, data, *, states, keep=False, sequence=False, noise=None,
        after=None,
    ):  # fmt: skip
        """The last output of the uppermost layer, and with `sequence` all of them.

        They are rows `h_rows` of `h`, by row-step. With `keep` all layers keep what
        `backward` needs. `states` are those of each layer and direction to begin with;
        to a list `after` those at the end are appended.
        """
        top = len(self.layers) - 1
        x, x_rows = data, schedule.data_rows
        for k, layer in enumerate(self.layers):
            n_threads = self._n_threads(layer, schedule)
            options = {}
            if states:
                options |= self._beginning(k, states)
            if after is not None:
                last = tuple(np.empty_like(part) for part in states[k])
                options["h_last"] = last[0]
                options["c_last"] = last[1] if layer.cell.has_c else None
                after.append(last)
            if noise and noise.recurrent_rate:
                options["mask"] = noise.recurrent_masks(k, layer, schedule)
            h_last, h, h_rows = layer.forward(
                schedule,
                x,
                x_rows,
                keep=keep,
                sequence=sequence or k < top,
                n_threads=n_threads,
                **options,
            )
            x, x_rows = h, h_rows
            if noise and noise.rate and k < top:
                x, x_rows = noise.drop_steps(k, x, x_rows, schedule, n_threads)
        return h_last, h, h_rows

    def _features(
        self, schedule, data, *, keep, noise, states, pooled
    ):  # fmt: skip
        """What the head reads of a batch (B, at least its inputs)."""
        features, h, h_rows = self._recur(
            schedule, data, keep=keep, sequence=self.pooling is not None, noise=noise,
            states=states,
        )  # fmt: skip
        if self.pooling:
            features = self.pooling.forward(
                schedule, h, h_rows, features, keep=keep, before=pooled,
                n_threads=self._n_threads(self.layers[-1], schedule),
            )  # fmt: skip
        if noise and noise.rate:
            features = noise.drop_last(len(self.layers), features)
        if keep:
            self._kept = schedule, noise
        return features

    def backward(self, d_output):
        """The flat gradient of the batch of the last `forward`; lives in the workspace.

        Parameters
        ----------
        d_output : ndarray of shape (B, K)
            Gradient of the loss with respect to the raw outputs.
        """
        schedule, noise = self._kept
        if self._gradient is None:
            self._gradient = aligned_empty((self.layout.size,), self.dtype)
            self._gradient_views = self.views(self._gradient)
        views = self._gradient_views
        self._gradient.fill(0)  # what layers add to
        d_last = self.head.backward(d_output, views["head"])
        if noise and noise.rate:
            d_last *= noise.last_mask
        gradient = {"d_last": d_last}
        top = len(self.layers) - 1
        if self.pooling:
            n_threads = self._n_threads(self.layers[top], schedule)
            gradient = {
                "d_out": self.pooling.backward(
                    d_last, views.get("pooling"), n_threads=n_threads
                )
            }
        for k in reversed(range(top + 1)):
            layer = self.layers[k]
            d_x = layer.backward(
                views[f"l{k}"],
                **gradient,
                d_x=k > 0,
                n_threads=self._n_threads(layer, schedule),
            )
            if noise and noise.rate and k > 0:
                d_x *= noise.step_masks[k - 1]
            gradient = {"d_out": d_x}
        return self._gradient

    def predict(self, data, starts, lengths, states=None, pooled=None):
        """Raw outputs (n, K), batch by batch in bounded memory, after `load`.

        `states` and `pooled` are what `forward` begins with.
        """
        if len(data) <= PREDICT_STEPS:
            return self.forward(
                data, starts, lengths, keep=False, states=states, pooled=pooled
            ).copy()
        outputs = np.empty((len(starts), self.head.n_outputs), dtype=self.dtype)
        for batch in self._batches(lengths, PREDICT_STEPS):
            outputs[batch] = self.forward(
                data, starts[batch], lengths[batch], keep=False,
                states=_rows(states, batch), pooled=_rows(pooled, batch),
            )  # fmt: skip
        return outputs

    def _batches(self, lengths, n_steps):
        """Slices of sequences, of whole strips and about `n_steps` steps."""
        steps = np.cumsum(lengths)
        begin, done = 0, 0
        while begin < len(lengths):
            end = int(np.searchsorted(steps, done + n_steps, side="right"))
            whole_strips = (end - begin) // self.strip_rows * self.strip_rows
            end = begin + max(1, whole_strips or end - begin)
            yield slice(begin, end)
            begin, done = end, steps[end - 1]

    def step(self, x, layers, pooled):
        """Raw outputs (n, K) after one step more of n sequences, and the states then.

        Parameters
        ----------
        x : ndarray of shape (n, F)
            The step.
        layers : tuple of tuple of ndarray
            States of each layer before it.
        pooled : tuple of ndarray or None
            Running sums of the pooling before it.
        """
        n = len(x)
        if self._one_step is None or len(self._one_step[1]) != n:
            rows = np.arange(n)
            schedule = self._schedule(rows, np.ones(n, dtype=np.intp), x)
            self._one_step = schedule, rows
        schedule, rows = self._one_step
        after = []
        for layer, state in zip(self.layers, layers, strict=True):
            after.append(layer.step(schedule, x, rows, state))
            x = after[-1][0]
        if pooled:
            pooled = tuple([part.copy() for part in pooled])
            self.pooling.advance(schedule, x, rows, *pooled)
            x = self.pooling.finish(*pooled, x)
        output = self.head.forward(x)
        self.head.forget()
        return output, tuple(after), pooled

    # ---- what the layers know on the way ---------------------------------------

    def last_outputs(self, data, starts, lengths, states=None):
        """Last outputs of the uppermost layer (n, its outputs)."""
        n_outputs = self.layers[-1].n_outputs
        last = np.empty((len(starts), n_outputs), dtype=self.dtype)
        for batch in self._batches(lengths, PREDICT_STEPS):
            schedule = self._schedule(starts[batch], lengths[batch], data)
            h_last, _, _ = self._recur(schedule, data, states=_rows(states, batch))
            last[batch] = h_last[:, :n_outputs]
        return last

    def outputs(self, data, starts, lengths, states=None):
        """Outputs of the uppermost layer for every row of the data."""
        n_outputs = self.layers[-1].n_outputs
        every = np.zeros((len(data), n_outputs), dtype=self.dtype)
        for batch in self._batches(lengths, PREDICT_STEPS):
            schedule = self._schedule(starts[batch], lengths[batch], data)
            _, h, h_rows = self._recur(
                schedule, data, sequence=True, states=_rows(states, batch)
            )
            every[schedule.data_rows] = h[h_rows, :n_outputs]
        return every

    def kept(self, data, starts, lengths, slots, states=None):
        """What every recurrent layer keeps for `backward`, for every row of the data.

        Parameters
        ----------
        slots : tuple of str
            Names of what is in the slots of the cell.
        states : sequence of tuple of ndarray, default=None
            What `forward` begins with.

        Returns
        -------
        kept : dict of str to ndarray of shape (rows, H)
            The slots, the hidden states and, where there are any, the cell states of
            each layer and direction.
        """
        every = {}
        for batch in self._batches(lengths, KEPT_STEPS):
            schedule = self._schedule(starts[batch], lengths[batch], data)
            self._recur(schedule, data, keep=True, states=_rows(states, batch))
            for name, layer, mirrored in self._directions():
                own, rows = layer.kept(slots), schedule.data_rows
                if mirrored:
                    rows = rows[schedule.mirror]
                for part, values in own.items():
                    whole = every.setdefault(
                        f"{part}_{name}",
                        np.zeros((len(data), layer.n_units), dtype=self.dtype),
                    )
                    whole[rows] = values
        return every

    def gradient_norms(self, data, starts, lengths, d_loss):
        """Norms of the gradients with respect to the sums z, after `load`.

        Parameters
        ----------
        d_loss : callable
            Raw outputs and the slice of their sequences to the gradient of the loss
            with respect to them, both (B, K).

        Returns
        -------
        norms : dict of str to ndarray of shape (rows,)
            For each layer and direction |d_z_t| of every row of the data. A direction
            that begins at the end has its steps in the order in which it reads them.
        """
        norms = {name: np.zeros(len(data)) for name, _, _ in self._directions()}
        for batch in self._batches(lengths, KEPT_STEPS):
            output = self.forward(data, starts[batch], lengths[batch], keep=True)
            self.backward(d_loss(output, batch))
            rows = self._kept[0].data_rows
            for name, layer, _ in self._directions():
                norms[name][rows] = np.linalg.norm(layer.d_z(), axis=(1, 2))
        return norms

    def _directions(self):
        """Every `Recurrent`, with its name and whether it reads from the end."""
        for k, layer in enumerate(self.layers):
            if isinstance(layer, Bidirectional):
                for suffix, part in layer.directions.items():
                    yield f"l{k}{suffix}", part, bool(suffix)
            else:
                yield f"l{k}", layer, False

    def shrink(self):
        """Give large workspaces back, and keep small ones for the next call."""
        self.head.forget()
        for _, layer, _ in self._directions():
            layer.forget()
        for layer in self._owners():
            if layer.workspace.nbytes > IDLE_BYTES:
                layer.workspace.clear()

    def _owners(self):
        """Every object that has a workspace."""
        for layer in self.layers:
            yield layer
            if isinstance(layer, Bidirectional):
                yield from layer.directions.values()
        if self.pooling:
            yield self.pooling
        yield self.head

    @staticmethod
    def _n_threads(layer, schedule):
        columns = layer.n_inputs + layer.n_units + ACTIVATION_COLUMNS
        work = schedule.n_steps * layer.n_units * columns
        return effective_n_threads() if work > PARALLEL_WORK else 1


def _rows(parts, batch):
    """The rows of a batch of nested tuples of arrays, or None."""
    if isinstance(parts, tuple):
        return tuple(_rows(part, batch) for part in parts)
    return None if parts is None else parts[batch]


def training_bytes(
    n_sequences, n_steps, *, n_features, hidden_layer_sizes, n_outputs, dtype, cell,
    bidirectional, pooling, n_float64_vectors=0, dropout=False,
    recurrent_dropout=False,
):  # fmt: skip
    """Memory that training on minibatches of this size takes, without the data.

    What is kept, c, h and the gradient of the input for each row-step of each layer,
    copies of outputs for both directions, pooling and dropout;
    seven vectors of parameters (gradient, moments, copies), the packed weights, and
    what a solver has in float64. Computed before anything is built, in Python's
    integers, which do not overflow.
    """
    cell, directions = CELLS[cell], 1 + bool(bidirectional)
    states = n_parameters = 0
    F = n_features
    for k, H in enumerate(hidden_layer_sizes):
        width = kernels_for(dtype).padded(H)
        a_step = cell.slots + 1 + cell.has_c + bool(recurrent_dropout) + cell.n_own
        states += directions * (n_steps * (a_step * width + F) + 2 * n_sequences * H)
        if bidirectional:  # outputs side by side and their gradients, apart
            states += n_steps * 4 * width
        if dropout and k + 1 < len(hidden_layer_sizes):  # masks and what they leave
            states += n_steps * 2 * directions * width
        a_unit = (F + H) * cell.gates + cell.slots + cell.n_own
        n_parameters += directions * H * a_unit
        F = directions * H
    if pooling != "last":
        states += n_steps * directions * (F + width)
    if pooling == "attention":
        n_parameters += F
    n_parameters += (F + 1) * n_outputs
    in_float64 = 8 * n_float64_vectors * n_parameters
    return (states + 9 * n_parameters) * np.dtype(dtype).itemsize + in_float64
