"""Attention: what the steps of a decoder read of all steps of an encoder."""

from typing import NamedTuple

import numpy as np

from ..initializers import glorot_uniform
from ..workspace import Workspace, aligned_empty
from .dense import PARALLEL_PRODUCTS, Projection
from .layer import Layer

KINDS = "dot", "general", "additive"
# Rows of a sequence that one thread takes at a time, a multiple of those of a tile.
GROUP_ROWS = 48


class Sources(NamedTuple):
    """Outputs of an encoder as they are read, one sequence after the other."""

    offsets: np.ndarray  # (B + 1,) rows of each sequence
    packed: np.ndarray  # the outputs, as the kernel has them
    keys: np.ndarray | None  # (Ns, width) U c, of additive scores


class Groups(NamedTuple):
    """Rows of a decoder that attend to the same sequence, side by side."""

    sources: np.ndarray  # (G,) which sequence that is
    begins: np.ndarray  # (G + 1,) rows of each
    places: np.ndarray  # (G + 1,) of the weights of each


class Tape(NamedTuple):
    """What `backward` needs of a `forward`."""

    sources: Sources
    groups: Groups  # one for each sequence
    parts: dict  # tapes of the products, by name
    q: np.ndarray  # (N, depth)
    weights: np.ndarray
    y: np.ndarray  # (N, width) the outputs
    memory: Workspace
    n_threads: int


class Attention(Layer):
    """Global attention after Luong et al. (2015): h~ = tanh(W_c [context; h] + b_c).

    The context of a step of the decoder is the mean of the encoder's outputs c_s at all
    steps of the same sequence with weights softmax_s(score(h, c_s)), zero where it has
    none. Scores are

    dot        h . c_s
    general    h' W c_s
    additive   v . tanh(W h + U c_s), as of Bahdanau et al. (2015)

    Each row of the decoder is computed by itself, so that it can come with its sequence
    or alone (`step`). Inputs are rows (N, width), one sequence after the other.
    """

    def __init__(self, name, n_units, n_values, dtype, kind):
        super().__init__(name, n_units, n_units, dtype)
        if kind not in KINDS:
            raise ValueError(f"Attention is one of {', '.join(KINDS)}, got {kind!r}.")
        self.kind = kind
        self.n_values = n_values
        self.value_width = self.kernels.padded(n_values)
        if kind == "dot" and n_values != n_units:
            raise ValueError(
                f"attention='dot' multiplies outputs of the decoder, of {n_units} "
                f"units, with those of the encoder, of {n_values}."
            )
        self.parts = {}
        if kind == "general":
            self.parts["query"] = (n_units, n_values)
        elif kind == "additive":
            self.parts["query"] = n_units, n_units
            self.parts["key"] = n_values, n_units
        self.parts = {
            part: Projection(f"{name}.{part}", *sizes, dtype, bias=False)
            for part, sizes in self.parts.items()
        }
        self.parts["combine"] = Projection(
            f"{name}.combine", n_values + n_units, n_units, dtype
        )
        self.shapes = {
            f"{part}_{key}": shape
            for part, layer in self.parts.items()
            for key, shape in layer.shapes.items()
        }
        self._v = None
        if kind == "additive":
            self.shapes["v"] = 1, n_units

    def _own(self, weights, part):
        return {key: weights[f"{part}_{key}"] for key in self.parts[part].shapes}

    def initialize(self, weights, rng, begin):
        for part, layer in self.parts.items():
            layer.initialize(self._own(weights, part), rng, begin)
        if self.kind == "additive":
            weights["v"][:] = glorot_uniform(rng, self.shapes["v"])

    def load(self, weights, **options):
        for part, layer in self.parts.items():
            layer.load(self._own(weights, part), **options)
        if self.kind == "additive":
            if self._v is None:
                self._v = np.zeros(self.width, self.dtype)
            self._v[: self.n_outputs] = weights["v"][0]

    # ---- what is attended to ----------------------------------------------------

    def sources(self, values, offsets, run=None):
        """The encoder's outputs (Ns, width) of B sequences, and the tape. Without a run
        they are for `step`, in memory of their own."""
        N, width = values.shape
        keys = tape = None
        keep = run is not None and run.keep
        if self.kind == "additive":
            key = self.parts["key"]
            if run is None:
                keys, _ = key.step(values, None)
            else:
                keys, tape = key.forward(values, run)
        transposed = keep or self.kind != "additive"
        size = self.kernels.packed_values_size(N, len(offsets) - 1, width, transposed)
        if run is None:
            packed, n_threads = aligned_empty((size,), self.dtype), 1
        else:
            packed = run.workspace().array("packed", size)
            n_threads = self.n_threads(N, run.n_threads)
        self.kernels.pack_values(values, offsets, transposed, packed, n_threads)
        return Sources(offsets, packed, keys), tape

    def _groups(self, sources, which, begins):
        """Rows that attend to these sequences, from `begins` (G + 1,) on."""
        lanes, steps = self.kernels.padded(1), np.diff(sources.offsets)[which]
        places = np.zeros(len(begins), np.intp)
        np.cumsum(np.diff(begins) * (-(-steps // lanes) * lanes), out=places[1:])
        return Groups(which, begins, places)

    def _shares(self, sources, groups):
        """The same rows in more groups, for threads to share those of a sequence."""
        which, begins, _ = groups
        pieces = -(-np.diff(begins) // GROUP_ROWS)
        first = np.repeat(np.cumsum(pieces) - pieces, pieces)
        piece = np.arange(len(first)) - first
        begins = np.repeat(begins[:-1], pieces) + GROUP_ROWS * piece
        begins = np.append(begins, groups.begins[-1])
        return self._groups(sources, np.repeat(which, pieces), begins)

    def _attend(self, q, sources, groups, weights, context, n_threads):
        self.kernels.attend(
            q, sources.keys, self._v, sources.packed, sources.offsets, *groups, weights,
            context, n_threads,
        )  # fmt: skip

    def _products(self, sources, groups):
        """Multiply-adds with the values."""
        return int(groups.places[-1]) * self.value_width

    def _side_by_side(self, context, h, out):
        out[:, : self.n_values] = context[:, : self.n_values]
        out[:, self.n_values : self.n_values + self.n_inputs] = h[:, : self.n_inputs]
        return out

    # ---- all steps --------------------------------------------------------------

    def weights(self, h, sources, begins, run):
        """The weights as the kernel has them, their groups, the context, and what the
        gradient needs beside."""
        q, query_tape = h, None
        if "query" in self.parts:
            q, query_tape = self.parts["query"].forward(h, run)
        which = np.arange(len(begins) - 1)
        groups = self._groups(sources, which, begins)
        memory = run.workspace()
        weights = memory.array("weights", int(groups.places[-1]))
        context = memory.array("context", len(h), self.value_width)
        n_threads = 1
        if self._products(sources, groups) > PARALLEL_PRODUCTS:
            n_threads = run.n_threads
        shares = groups if n_threads == 1 else self._shares(sources, groups)
        self._attend(q, sources, shares, weights, context, n_threads)
        return weights, groups, context, (q, query_tape, memory, n_threads)

    def forward(self, h, run, sources, begins, key_tape=None):
        """h~ (N, width) of rows of a decoder (N, width), those of sequence b from
        `begins[b]` on, and the tape."""
        weights, groups, context, rest = self.weights(h, sources, begins, run)
        q, query_tape, memory, n_threads = rest
        combine = self.parts["combine"]
        both = memory.array("both", len(h), combine.input_width)
        self._side_by_side(context, h, both)
        y, combine_tape = combine.forward(both, run)
        self.kernels.tanh_rows(y, self.n_threads(len(h), run.n_threads))
        if not run.keep:
            return y, None
        tapes = {"query": query_tape, "key": key_tape, "combine": combine_tape}
        return y, Tape(sources, groups, tapes, q, weights, y, memory, n_threads)

    def backward(self, d_y, tape, d_weights):
        """Gradients of the rows of the decoder and of the encoder's outputs."""
        sources, groups, tapes, q, weights, y, memory, n_threads = tape
        N, n_values = len(d_y), self.n_values
        self.kernels.tanh_rows_back(y, d_y, self.n_threads(N, n_threads))
        d_both = self.parts["combine"].backward(
            d_y, tapes["combine"], self._own(d_weights, "combine")
        )
        d_context = memory.array("d_context", N, self.value_width)
        d_context[:, :n_values] = d_both[:, :n_values]
        d_context[:, n_values:] = 0
        d_h = memory.array("d_h", N, self.width)
        d_h[:, : self.n_inputs] = d_both[:, n_values : n_values + self.n_inputs]
        d_h[:, self.n_inputs :] = 0
        d_q = memory.array("d_q", *q.shape)
        n_rows = int(sources.offsets[-1])
        d_values = memory.array("d_values", n_rows, self.value_width)
        d_keys = d_v = None
        if self.kind == "additive":
            d_keys = memory.array("d_keys", n_rows, self.width)
            d_v = d_weights["v"][0]
        size = self.kernels.attend_scratch_size(sources.offsets, q.shape[1], n_threads)
        self.kernels.attend_backward(
            q, sources.keys, self._v, sources.packed, sources.offsets, groups.begins,
            groups.places, weights, d_context, memory.array("scratch", size), d_q,
            d_values, d_keys, d_v, n_threads,
        )  # fmt: skip
        if "query" in self.parts:
            d_q = self.parts["query"].backward(
                d_q, tapes["query"], self._own(d_weights, "query")
            )
        d_h += d_q
        if d_keys is not None:
            d_values += self.parts["key"].backward(
                d_keys, tapes["key"], self._own(d_weights, "key")
            )
        return d_h, d_values

    # ---- a step -----------------------------------------------------------------

    def step(self, h, sources, which):
        """h~ of rows (m, width), of which each attends to sequence `which` (m,)."""
        m, q = len(h), h
        if "query" in self.parts:
            q, _ = self.parts["query"].step(h, None)
        begins = np.append(np.flatnonzero(np.diff(which, prepend=-1)), m)
        groups = self._groups(sources, which[begins[:-1]], begins)
        weights = np.empty(int(groups.places[-1]), self.dtype)
        context = np.empty((m, self.value_width), self.dtype)
        self._attend(q, sources, groups, weights, context, 1)
        combine = self.parts["combine"]
        both = np.empty((m, combine.input_width), self.dtype)
        y, _ = combine.step(self._side_by_side(context, h, both), None)
        self.kernels.tanh_rows(y)
        return y

    def n_elements(self, n_sequences, n_steps):
        """Of as many steps of a decoder as of an encoder."""
        longest = n_steps / max(n_sequences, 1)
        parts = sum(
            layer.n_elements(n_sequences, n_steps) for layer in self.parts.values()
        )
        rows = 4 * self.value_width + 2 * self.width + self.parts["combine"].input_width
        return parts + n_steps * rows + int(n_steps * (longest + 1))
