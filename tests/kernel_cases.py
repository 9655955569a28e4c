"""A recurrent layer and a batch of sequences, as the kernels take them."""

import numpy as np
import pytest
import reference

from sklstm import _kernels as kernels
from sklstm._kernels import CELLS, Schedule
from sklstm._network.workspace import Workspace, aligned_empty

every_cell = pytest.mark.parametrize("cell", CELLS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def rounded(a):
    """The nearest bfloat16 numbers, of two the even one; denormals are zero."""
    bits = np.ascontiguousarray(a, dtype=np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    nearest = np.where((bits & 0x7F800000) == 0, bits & np.uint32(0x80000000), nearest)
    return nearest.view(np.float32).astype(np.float64)


class Recurrent:
    """The doors of a recurrent layer, as they are, with the memory that they need."""

    def __init__(self, F, H, dtype, cell="lstm"):
        self.kernels = kernels.product_kernels_for(dtype)
        self.cell = CELLS[cell]
        self.F, self.n_units, self.width = F, H, self.kernels.padded(H)
        gates, slots, n_own = self.cell.gates, self.cell.slots, self.cell.n_own
        self.shapes = {"w": (F, gates * H), "r": (H, gates * H), "b": (slots * H,)}
        if n_own:
            self.shapes["p"] = (n_own, H)
        self.workspace = Workspace(kernels.array_dtype(dtype))

    def load(self, weights, *, backward, d_x=False):
        number, dtype = self.cell.number, self.workspace.dtype
        w, r, b, p = (weights.get(name) for name in "wrbp")
        size = self.kernels.packed_forward_size(number, self.F, self.n_units)
        self._packed = aligned_empty((size,), dtype)
        self.kernels.pack_forward(number, w, r, b, p, self._packed)
        if backward:
            size = self.kernels.packed_backward_size(number, self.F, self.n_units, d_x)
            self._packed_backward = aligned_empty((size,), dtype)
            self.kernels.pack_backward(
                number, w if d_x else None, r, p, self._packed_backward
            )

    def forward(
        self, schedule, x, x_rows, *, keep, sequence=False, h_0=None, c_0=None,
        c_last=None, mask=None, n_threads=1,
    ):  # fmt: skip
        B, N = schedule.n_sequences, schedule.n_steps
        array, width = self.workspace.array, self.width
        h_last = array("h_last", B, width)
        every = keep or sequence or mask is not None
        h = array("h", N + B, width) if every else None
        c = array("c", N + B, width) if keep and self.cell.has_c else None
        kept = array("kept", N, self.cell.slots * width) if keep else None
        masked = array("masked", N + B, width) if mask is not None else None
        size = self.kernels.forward_scratch_size(
            schedule, self.F, self.n_units, n_threads
        )
        self.kernels.forward(
            self.cell.number, schedule, x, x_rows, self.F, self.n_units, self._packed,
            array("scratch", size), h_last, c_last, h_0, c_0, kept, h, c, mask, masked,
            n_threads=n_threads,
        )  # fmt: skip
        if keep:
            self._kept = schedule, x, x_rows, kept, h, c, mask, masked
        return h_last, h, schedule.state_rows

    def backward(
        self, d_weights, *, d_last=None, d_out=None, d_c=None, d_h_0=None, d_x=False,
        n_threads=1,
    ):  # fmt: skip
        schedule, x, x_rows, kept, h, c, mask, masked = self._kept
        array, F, H = self.workspace.array, self.F, self.n_units
        size = self.kernels.backward_scratch_size(
            self.cell.number, schedule, F, H, n_threads
        )
        d_input = None
        if d_x:
            d_input = array("d_x", schedule.n_steps, self.kernels.padded(F))
        self.kernels.backward(
            self.cell.number, schedule, x, x_rows, F, H, self._packed_backward,
            array("scratch", size), kept, h, c, d_weights["w"], d_weights["r"],
            d_weights["b"], d_c, d_last, d_out, d_h_0, d_input, mask, masked,
            n_threads=n_threads,
        )  # fmt: skip
        if self.cell.n_own:  # which the layer sums up
            d_z = kept.reshape(-1, 4, self.width)
            c = {"before": c[schedule.before_rows], "after": c[schedule.state_rows]}
            for k, (slot, at) in enumerate(
                zip((0, 1, 3), ("before", "before", "after"))
            ):
                d_weights["p"][k] += (d_z[:, slot] * c[at]).sum(axis=0)[:H]
        return d_input


class Batch:
    """A layer with random weights on a batch of random sequences."""

    def __init__(
        self, cell, F, H, lengths, dtype=np.float64, seed=0, masked=False
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.precision, dtype = dtype, kernels.array_dtype(dtype)
        self.cell, self.F, self.H, self.B = cell, F, H, len(lengths)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.starts = self.offsets[:-1].copy()
        N = self.offsets[-1]
        self.x = rng.standard_normal((N, F)).astype(dtype)
        # R is no larger than what keeps a ReLU from growing without bounds
        scale = {"w": 0.4, "r": min(0.4, 1 / np.sqrt(H)), "b": 0.4, "p": 0.4}
        self.weights = {
            name: (scale[name] * rng.standard_normal(shape)).astype(dtype)
            for name, shape in Recurrent(F, H, dtype, cell).shapes.items()
        }
        self.h_0, self.c_0, self.d_last, self.d_c_last = rng.standard_normal(
            (4, self.B, H)
        ).astype(dtype)
        # gradient of the hidden state of every step, in the order of x
        self.d_h = rng.standard_normal((N, H)).astype(dtype)
        self.mask = None
        if masked:
            self.mask = rng.choice([0, 1.5], (self.B, H), p=[1 / 3, 2 / 3])
            self.mask = self.mask.astype(dtype)

    def run(
        self, n_threads=1, strip_rows=16, keep=True, sequence=True, backward=True,
        d_weights=None,
    ):  # fmt: skip
        """All outputs and gradients of the kernels, in the order of the input.

        Those of the weights are added to `d_weights`, or to zeros.
        """
        layer = self.layer = Recurrent(self.F, self.H, self.precision, self.cell)
        layer.load(self.weights, backward=True, d_x=True)
        schedule = Schedule(self.starts, self.lengths, strip_rows, n_rows=len(self.x))
        pad = ((0, 0), (0, layer.width - self.H))
        h_0, c_0, d_last, d_c = (
            np.pad(a, pad) for a in (self.h_0, self.c_0, self.d_last, self.d_c_last)
        )
        options = {"n_threads": n_threads}
        if self.mask is not None:
            options["mask"] = np.pad(self.mask, pad)
        has_c = layer.cell.has_c
        c_last = np.empty_like(c_0) if has_c else None
        h_last, h, h_rows = layer.forward(
            schedule, self.x, schedule.data_rows, keep=keep, sequence=sequence,
            h_0=h_0, c_0=c_0 if has_c else None, c_last=c_last, **options,
        )  # fmt: skip
        result = {"h_last": h_last[:, : self.H].copy()}
        if has_c:
            result["c_last"] = c_last[:, : self.H]
        at = np.argsort(schedule.data_rows)
        if h is not None:
            result["h"] = h[h_rows[at], : self.H].copy()
            finite = h_rows[np.isfinite(h[h_rows, : self.H]).all(axis=1)]
            assert not h[finite, self.H :].any()  # the padding
        if not (keep and backward):
            return result
        if d_weights is None:
            d_weights = {name: np.zeros_like(w) for name, w in self.weights.items()}
        d_h_0 = np.full_like(h_0, np.nan)
        d_x = layer.backward(
            d_weights, d_last=d_last, d_out=np.pad(self.d_h, pad)[schedule.data_rows],
            d_c=d_c if has_c else None, d_h_0=d_h_0, d_x=True, n_threads=n_threads,
        )  # fmt: skip
        result |= {f"d_{name}": gradient for name, gradient in d_weights.items()}
        result |= {"d_x": d_x[at, : self.F].copy(), "d_h_0": d_h_0[:, : self.H]}
        assert not d_h_0[:, self.H :].any()
        if has_c:
            result["d_c_0"] = d_c[:, : self.H]
        return result

    def reference(self, h=None):
        """The same from tests/reference.py, in float64.

        With `h`, hidden states of all steps in the order of the input, the gradients
        are taken there.
        """
        weights = {name: w.astype(np.float64) for name, w in self.weights.items()}
        result = {f"d_{name}": np.zeros(w.shape) for name, w in weights.items()}
        rows = {k: [] for k in ("h_last", "c_last", "h", "d_x", "d_h_0", "d_c_0")}
        for i in range(self.B):
            steps = slice(self.offsets[i], self.offsets[i + 1])
            mask = 1.0 if self.mask is None else self.mask[i].astype(np.float64)
            problem = self.cell, weights, self.x[steps].astype(np.float64)
            states, c, kept = reference.forward(
                *problem, self.h_0[i], self.c_0[i], mask
            )
            at = states
            if h is not None:
                at = np.vstack([states[:1], h[steps]])
            d_h = np.zeros_like(at)
            d_h[1:] = self.d_h[steps]
            d_h[-1] += self.d_last[i]
            d_weights, d_x, d_h_0, d_c_0 = reference.backward(
                *problem, at, c, kept, d_h, self.d_c_last[i].astype(np.float64), mask
            )
            for name, gradient in d_weights.items():
                result[f"d_{name}"] += gradient
            for key, value in zip(
                rows, (states[-1], c[-1], states[1:], d_x, d_h_0, d_c_0), strict=True
            ):
                rows[key].append(value)
        for key, values in rows.items():
            join = np.concatenate if key in ("h", "d_x") else np.stack
            result[key] = join(values)
        return result

    def loss(self):
        """The scalar whose gradients `run` returns."""
        result = self.run(backward=False)
        loss = (result["h_last"] * self.d_last).sum()
        loss += (result["h"] * self.d_h).sum()
        if "c_last" in result:
            loss += (result["c_last"] * self.d_c_last).sum()
        return loss
