"""The layers of a network: their parameters, their memory, one kernel call each way.

A layer owns the packed copy of its weights and the workspace of its batch; parameters
and gradients it only borrows, as a dict of views of the flat vectors. Forward and
backward stand side by side. Widths in memory are padded to the vector width of the
kernels: `width` is the padded number of outputs, and padded columns hold zeros.
"""

import numpy as np

from .._kernels import CELLS, kernels_for
from .parameters import chrono_bias, glorot_uniform, orthogonal
from .workspace import Workspace, aligned_empty


class Recurrent:
    """A recurrent layer over the steps of a batch.

    Its parameters are W (F, gates H), R (H, gates H), b (slots H,) and, for a cell that
    has them, p (n_own, H), in the order of the slots of the cell (cells.h): what the
    kernels read and write, row by row.

    Parameters
    ----------
    n_inputs, n_units : int
        F and H.
    dtype : dtype
        float32 or float64.
    cell : str, default="lstm"
        Name in the table of cells.
    """

    def __init__(self, n_inputs, n_units, dtype, cell="lstm"):
        self.kernels = kernels_for(dtype)
        self.n_inputs = n_inputs
        self.n_outputs = self.n_units = n_units
        self.width = self.kernels.padded(n_units)
        self.input_width = self.kernels.padded(n_inputs)
        self.cell = CELLS[cell]
        self.workspace = Workspace(dtype)
        _, gates, slots, _, n_own, _ = self.cell
        self.shapes = {
            "w": (n_inputs, gates * n_units),
            "r": (n_units, gates * n_units),
            "b": (slots * n_units,),
        }
        if n_own:
            self.shapes["p"] = (n_own, n_units)
        size = self.kernels.packed_forward_size(self.cell.number, n_inputs, n_units)
        self._packed = aligned_empty((size,), dtype)
        self._packed_backward = None
        self._step_scratch = 0, None

    def initialize(self, weights, rng, forget_bias=0.0, longest=None):
        """Glorot-uniform W and orthogonal R for each gate; b, p and peepholes zero.

        `forget_bias` is the bias of the gate that says how long a unit remembers (Gers
        et al. 2000; Jozefowicz et al. 2015), or "chrono": times of up to `longest`
        steps (Tallec & Ollivier 2018).
        """
        F, H = self.n_inputs, self.n_units
        for gate in range(self.cell.gates):
            columns = slice(gate * H, (gate + 1) * H)
            weights["w"][:, columns] = glorot_uniform(rng, (F, H))
            weights["r"][:, columns] = orthogonal(rng, H)
        bias = weights["b"].reshape(self.cell.slots, H)
        bias[:] = 0
        if self.cell.n_own:
            weights["p"][:] = 0
        if self.cell.memory < 0:
            return
        if forget_bias == "chrono":
            bias[self.cell.memory] = chrono_bias(rng, H, longest)
            if self.cell.has_c:  # its input gate, the first slot, is the complement
                bias[0] = -bias[self.cell.memory]
        else:
            bias[self.cell.memory] = forget_bias

    def load(self, weights, *, backward, d_x=False, n_threads=1):
        """Pack the weights for the kernels: once for each optimizer step."""
        w, r, b, p = (weights.get(name) for name in "wrbp")
        number = self.cell.number
        self.kernels.pack_forward(number, w, r, b, p, self._packed, n_threads)
        if backward:
            size = self.kernels.packed_backward_size(
                number, self.n_inputs, self.n_units, d_x
            )
            if self._packed_backward is None or len(self._packed_backward) != size:
                self._packed_backward = aligned_empty((size,), self._packed.dtype)
            self.kernels.pack_backward(
                number, w if d_x else None, r, p, self._packed_backward, n_threads
            )

    def forward(
        self,
        schedule,
        x,
        x_rows,
        *,
        keep,
        sequence=False,
        h_0=None,
        c_0=None,
        h_last=None,
        c_last=None,
        mask=None,
        n_threads=1,
    ):
        """Hidden states after the last step, and of all steps where asked.

        Parameters
        ----------
        schedule : Schedule
            The batch of B sequences and N row-steps.
        x : ndarray of shape (rows, at least F)
            The data, or the outputs of the layer below.
        x_rows : ndarray of shape (N,), intp
            Row of `x` that each row-step reads.
        keep : bool
            Whether to keep what `backward` needs.
        sequence : bool, default=False
            Whether the states of all steps are needed.
        h_0, c_0 : ndarray of shape (B, width), default=None
            Initial states; None is zero.
        h_last, c_last : ndarray of shape (B, width), default=None
            Filled with the last states; without `h_last` these are in the workspace.
        mask : ndarray of shape (B, width), default=None
            What h' is multiplied with before R is (recurrent dropout).
        n_threads : int, default=1
            Threads to use.

        Returns
        -------
        h_last : ndarray of shape (B, width)
            Hidden state after the last step of each sequence.
        h : ndarray of shape (N + B, width) or None
            All hidden states.
        h_rows : ndarray of shape (N,), intp
            Row of `h` that holds the state of each row-step.
        """
        B, N = schedule.n_sequences, schedule.n_steps
        array, width = self.workspace.array, self.width
        if h_last is None:
            h_last = array("h_last", B, width)
        # a mask is multiplied with the states of all steps
        every = keep or sequence or mask is not None
        h = array("h", N + B, width) if every else None
        c = array("c", N + B, width) if keep and self.cell.has_c else None
        kept = array("kept", N, self.cell.slots * width) if keep else None
        masked = array("masked", N + B, width) if mask is not None else None
        scratch = array(
            "scratch",
            self.kernels.forward_scratch_size(schedule, self.n_units, n_threads),
        )
        self.kernels.forward(
            self.cell.number, schedule, x, x_rows, self.n_inputs, self.n_units,
            self._packed, scratch, h_last, c_last, h_0, c_0, kept, h, c, mask, masked,
            n_threads,
        )  # fmt: skip
        if keep:
            self._kept = schedule, x, x_rows, kept, h, c, mask, masked
        return h_last, h, schedule.state_rows

    def step(self, schedule, x, rows, state):
        """The states after one step of each sequence, without touching those before.

        Parameters
        ----------
        schedule : Schedule
            Of n sequences of one step.
        x : ndarray of shape (n, at least F)
            The step.
        rows : ndarray of shape (n,)
            0, 1, ..., n - 1.
        state : tuple of ndarray of shape (n, width)
            h and, for a cell that has it, c.
        """
        after = tuple([np.empty_like(part) for part in state])
        h_0, c_0 = state if self.cell.has_c else (state[0], None)
        h_last, c_last = after if self.cell.has_c else (after[0], None)
        n, scratch = self._step_scratch
        if n != len(rows):
            size = self.kernels.forward_scratch_size(schedule, self.n_units, 1)
            scratch = aligned_empty((size,), self._packed.dtype)
            self._step_scratch = len(rows), scratch
        self.kernels.forward(
            self.cell.number, schedule, x, rows, self.n_inputs, self.n_units,
            self._packed, scratch, h_last, c_last, h_0, c_0,
        )  # fmt: skip
        return after

    def kept(self, slots):
        """What the last `forward` kept, by row-step: named slots and the states."""
        schedule, _, _, kept, h, c, _, _ = self._kept
        kept = kept.reshape(-1, self.cell.slots, self.width)
        parts = {name: kept[:, k, : self.n_units] for k, name in enumerate(slots)}
        states = {"hidden_state": h, "cell_state": c}
        for name in list(states)[: 1 + self.cell.has_c]:
            parts[name] = states[name][schedule.state_rows, : self.n_units]
        return parts

    def forget(self):
        """Let go of what the last `forward` kept: no `backward` comes."""
        self._kept = None

    def backward(
        self,
        d_weights,
        *,
        d_last=None,
        d_out=None,
        d_c=None,
        d_h_0=None,
        d_x=False,
        n_threads=1,
    ):
        """Back-propagation through time over the batch of the last `forward`.

        Parameters
        ----------
        d_weights : dict of str to ndarray
            The gradients of the weights are added to it.
        d_last : ndarray of shape (B, width), default=None
            Gradient of the last hidden states.
        d_out : ndarray of shape (N, width), default=None
            Gradient of the hidden states of all row-steps.
        d_c : ndarray of shape (B, width), default=None
            Gradient of the last cell states (None is zero), which becomes the one of
            the initial cell states. Only for a cell that has them.
        d_h_0 : ndarray of shape (B, width), default=None
            Filled with the gradient of the initial hidden states.
        d_x : bool, default=False
            Whether to compute the gradient of the input.
        n_threads : int, default=1
            Threads to use.

        Returns
        -------
        d_x : ndarray of shape (N, F padded) or None
            Gradient of the input of every row-step.
        """
        schedule, x, x_rows, kept, h, c, mask, masked = self._kept
        N = schedule.n_steps
        array, F, H = self.workspace.array, self.n_inputs, self.n_units
        scratch = array(
            "scratch",
            self.kernels.backward_scratch_size(
                self.cell.number, schedule, F, H, n_threads
            ),
        )
        d_input = array("d_x", N, self.input_width) if d_x else None
        self.kernels.backward(
            self.cell.number, schedule, x, x_rows, F, H, self._packed_backward, scratch,
            kept, h, c, d_weights["w"], d_weights["r"], d_weights["b"], d_c, d_last,
            d_out, d_h_0, d_input, mask, masked, n_threads,
        )  # fmt: skip
        if self.cell.n_own:
            d_weights["p"] += self._d_own(schedule, kept, c)[:, :H]
        return d_input

    def d_z(self):
        """By row-step, after `backward`: the gradient of what W x is added to.

        d_W is the sum of x d_z' over the row-steps; (N, gates, H).
        """
        d_z = self._kept[3].reshape(-1, self.cell.slots, self.width)
        return d_z[:, : self.cell.gates, : self.n_units]

    def _d_own(self, schedule, d_z, c):
        """d_p_i = sum d_z_i c', d_p_f = sum d_z_f c', d_p_o = sum d_z_o c."""
        d_z = d_z.reshape(-1, self.cell.slots, self.width)
        before, after = c[schedule.before_rows], c[schedule.state_rows]
        states = (before, before, after)
        return np.stack(
            [(d_z[:, s] * c_s).sum(axis=0) for s, c_s in zip((0, 1, 3), states)]
        )

    def torch_weights(self, weights):
        """Copies of the parameters in PyTorch's shapes, by the beginning of its names.

        The gates of a GRU are rotated into PyTorch's order. The one bias of a gate is
        `bias_ih`, except where R h' has one of its own.
        """
        _, gates, slots, _, n_own, _ = self.cell
        H, alone = self.n_units, slots - gates
        bias = weights["b"].reshape(slots, H)
        columns = weights["w"].reshape(-1, gates, H)
        bias_hh = np.zeros((gates, H), bias.dtype)
        bias_hh[gates - alone :] = bias[gates:]
        torch = {
            "weight_ih": np.roll(columns, -alone, axis=1)
            .reshape(-1, gates * H)
            .T.copy(),
            "weight_hh": weights["r"].T.copy(),
            "bias_ih": np.roll(bias[:gates], -alone, axis=0).ravel(),
            "bias_hh": bias_hh.ravel(),
        }
        if n_own:
            torch["peephole"] = weights["p"].ravel().copy()
        return torch

    def set_torch_weights(self, weights, torch):
        """Fill the parameters from PyTorch's, by the beginning of its names.

        Its two biases of a gate are added, except where R h' has one of its own.
        """
        _, gates, slots, *_ = self.cell
        H, alone = self.n_units, slots - gates
        columns = torch["weight_ih"].T.reshape(-1, gates, H)
        weights["w"][:] = np.roll(columns, alone, axis=1).reshape(-1, gates * H)
        weights["r"][:] = torch["weight_hh"].T
        bias_ih, bias_hh = (
            torch[name].reshape(gates, H) for name in ("bias_ih", "bias_hh")
        )
        both = bias_ih + bias_hh
        both[gates - alone :] = bias_ih[gates - alone :]
        bias = weights["b"].reshape(slots, H)
        bias[:gates] = np.roll(both, alone, axis=0)
        bias[gates:] = bias_hh[gates - alone :]
        if self.cell.n_own:
            weights["p"][:] = torch["peephole"].reshape(-1, H)


class Bidirectional:
    """Two recurrent layers, one of which reads every sequence from its own end
    (Schuster & Paliwal 1997); the output is both side by side.

    Parameters
    ----------
    n_inputs, n_units : int
        F, and H of each direction.
    dtype : dtype
        float32 or float64.
    cell : str
        Name in the table of cells.
    """

    def __init__(self, n_inputs, n_units, dtype, cell):
        self.directions = {
            "": Recurrent(n_inputs, n_units, dtype, cell),
            "_reverse": Recurrent(n_inputs, n_units, dtype, cell),
        }
        self.n_inputs = n_inputs
        self.n_units = n_units
        self.n_outputs = 2 * n_units
        self.width = kernels_for(dtype).padded(self.n_outputs)
        self.workspace = Workspace(dtype)
        self.shapes = {
            name + suffix: shape
            for suffix, layer in self.directions.items()
            for name, shape in layer.shapes.items()
        }

    def _each(self, weights):
        """Both layers with their own weights."""
        for suffix, layer in self.directions.items():
            yield layer, {name: weights[name + suffix] for name in layer.shapes}

    def initialize(self, weights, rng, **options):
        for layer, own in self._each(weights):
            layer.initialize(own, rng, **options)

    def load(self, weights, **options):
        for layer, own in self._each(weights):
            layer.load(own, **options)

    def forward(
        self, schedule, x, x_rows, *, keep, sequence=False, h_0=(None, None),
        c_0=(None, None), mask=(None, None), n_threads=1,
    ):  # fmt: skip
        """As `Recurrent.forward`, with initial states and a mask for each direction.

        The output of a row-step is what the two directions know there: one all before
        it, the other all after it. The last output is the last state of each, which
        for the second is the one at the first step.
        """
        rows = x_rows, x_rows[schedule.mirror]
        outputs = [
            layer.forward(
                schedule, x, rows[k], keep=keep, sequence=sequence, h_0=h_0[k],
                c_0=c_0[k], mask=mask[k], n_threads=n_threads,
            )
            for k, layer in enumerate(self.directions.values())
        ]  # fmt: skip
        (last, h, h_rows), (last_reverse, h_reverse, _) = outputs
        both_last = self._side_by_side("last", last, last_reverse)
        if not sequence:
            return both_last, None, None
        both = self._side_by_side(
            "sequence", h, h_reverse, h_rows, h_rows[schedule.mirror]
        )
        return both_last, both, np.arange(schedule.n_steps)

    def _side_by_side(self, name, a, b, a_rows=slice(None), b_rows=slice(None)):
        H = self.n_units
        a, b = a[a_rows, :H], b[b_rows, :H]
        both = self.workspace.array(name, len(a), self.width)
        both[:, :H] = a
        both[:, H : 2 * H] = b
        both[:, 2 * H :] = 0
        return both

    def backward(self, d_weights, *, d_last=None, d_out=None, d_x=False, n_threads=1):
        """As `Recurrent.backward`, with gradients of the outputs side by side."""
        H = self.n_units
        forward, reverse = self.directions.values()
        mirror = forward._kept[0].mirror
        d_inputs = []
        for (layer, own), columns, rows in zip(
            self._each(d_weights), (slice(0, H), slice(H, 2 * H)), (slice(None), mirror)
        ):
            d_inputs.append(
                layer.backward(
                    own,
                    d_last=_padded(layer, "d_last", d_last, slice(None), columns),
                    d_out=_padded(layer, "d_out", d_out, rows, columns),
                    d_x=d_x,
                    n_threads=n_threads,
                )
            )
        return d_inputs[0] + d_inputs[1][mirror] if d_x else None

    def torch_weights(self, weights):
        return {
            name + suffix: value
            for suffix, (layer, own) in zip(self.directions, self._each(weights))
            for name, value in layer.torch_weights(own).items()
        }

    def set_torch_weights(self, weights, torch):
        for suffix, (layer, own) in zip(self.directions, self._each(weights)):
            ends = {
                name.removesuffix(suffix): value
                for name, value in torch.items()
                if name.endswith(suffix)
            }
            layer.set_torch_weights(own, ends)


def _padded(layer, name, both, rows, columns):
    """The part of a gradient that is of one direction, in the width of its layer."""
    if both is None:
        return None
    part = both[rows, columns]
    padded = layer.workspace.array(name, len(part), layer.width)
    padded[:, : layer.n_units] = part
    padded[:, layer.n_units :] = 0
    return padded


class Dense:
    """The head: out = h W + b.

    It goes through the same tile as the recurrent layers, because BLAS does not give a
    row the same bits whatever rows are beside it.

    Parameters
    ----------
    n_inputs, n_outputs : int
        H and K.
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, n_inputs, n_outputs, dtype):
        self.kernels = kernels_for(dtype)
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.width = self.kernels.padded(n_outputs)
        self.input_width = self.kernels.padded(n_inputs)
        self.workspace = Workspace(dtype)
        self.shapes = {"w": (n_inputs, n_outputs), "b": (n_outputs,)}
        shape = n_inputs, n_outputs
        size = self.kernels.packed_dense_size(*shape)
        size_backward = self.kernels.packed_dense_backward_size(*shape)
        self._packed = aligned_empty((size,), dtype)
        self._packed_backward = aligned_empty((size_backward,), dtype)

    def initialize(self, weights, rng, bias):
        """Glorot-uniform weights; `bias` is where the outputs start."""
        weights["w"][:] = glorot_uniform(rng, self.shapes["w"])
        weights["b"][:] = bias

    def load(self, weights, *, backward):
        """Pack the weights for the kernels."""
        self.kernels.pack_dense(weights["w"], weights["b"], self._packed)
        if backward:
            self.kernels.pack_dense_backward(weights["w"], self._packed_backward)

    def forward(self, a):
        """Outputs (n, K) of `a` (n, at least H)."""
        out = self.workspace.array("out", a.shape[0], self.width)
        self.kernels.dense_forward(a, self.n_inputs, self._packed, out)
        self._kept = a
        return out[:, : self.n_outputs]

    def forget(self):
        """Let go of what the last `forward` kept: no `backward` comes."""
        self._kept = None

    def backward(self, d_out, d_weights):
        """Add the gradient of the weights to them; return the one of the input."""
        array, n = self.workspace.array, d_out.shape[0]
        d_a = array("d_a", n, self.input_width)
        size = self.kernels.dense_scratch_size(n, self.n_inputs, self.n_outputs)
        self.kernels.dense_backward(
            self._kept, np.ascontiguousarray(d_out, self._packed.dtype),
            self._packed_backward, array("scratch", size), d_weights["w"],
            d_weights["b"], d_a,
        )  # fmt: skip
        return d_a
