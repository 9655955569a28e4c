"""The layers of a network: their parameters, their memory, one kernel call each way.

A layer owns the packed copy of its weights and the workspace of its batch; parameters
and gradients it only borrows, as views of the flat vectors. Forward and backward stand
side by side. Widths in memory are padded to the vector width of the kernels: `width` is
the padded `n_units`, and padded columns hold zeros.
"""

import numpy as np

from ..kernels import CELLS, kernels_for
from .parameters import glorot_uniform, orthogonal
from .workspace import Workspace, aligned_empty

GATES = 4


class Recurrent:
    """A recurrent layer over the steps of a batch.

    Its parameters are one matrix (F + H + 1, 4 H) with a row for each input feature,
    each hidden unit and the bias, and a column for each gate and unit, in the order
    i, f, g, o: what the kernels read and write, row by row.

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
        lanes = self.kernels.lanes
        self.n_inputs = n_inputs
        self.n_units = n_units
        self.width = -(-n_units // lanes) * lanes
        self.input_width = -(-n_inputs // lanes) * lanes
        self.cell = CELLS[cell]
        self.workspace = Workspace(dtype)
        self.shape = (n_inputs + n_units + 1, GATES * n_units)
        blocks = self.width // lanes
        rows = blocks * (n_inputs + self.width)
        self._w = aligned_empty((rows, GATES * lanes), dtype)
        self._bias = aligned_empty((blocks, GATES * lanes), dtype)
        self._r_transposed = self._w_transposed = None

    def initialize(self, weights, rng):
        """Glorot-uniform W, orthogonal R for each gate, forget bias 1.

        The forget bias follows Gers et al. (2000) and Jozefowicz et al. (2015).
        """
        F, H = self.n_inputs, self.n_units
        for gate in range(GATES):
            columns = slice(gate * H, (gate + 1) * H)
            weights[:F, columns] = glorot_uniform(rng, (F, H))
            weights[F:-1, columns] = orthogonal(rng, H)
        weights[-1] = 0
        weights[-1, H : 2 * H] = 1

    def load(self, weights, *, backward, d_x=False, n_threads=1):
        """Pack the weights for the kernels: once for each optimizer step."""
        F, H = self.n_inputs, self.n_units
        dtype, rows = weights.dtype, GATES * self.width
        self.kernels.pack_gates(weights, F, self._w, self._bias, n_threads)
        if backward:
            if self._r_transposed is None:
                self._r_transposed = aligned_empty((rows * self.width,), dtype)
            self.kernels.pack_transposed(
                weights[F : F + H], GATES, self._r_transposed, n_threads
            )
        if backward and d_x:
            if self._w_transposed is None:
                self._w_transposed = aligned_empty((rows * self.input_width,), dtype)
            self.kernels.pack_transposed(
                weights[:F], GATES, self._w_transposed, n_threads
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
        c_last=None,
        n_threads=1,
    ):
        """Hidden states after the last step, and of all steps where asked.

        Parameters
        ----------
        schedule : Schedule
            The batch of B sequences and N row-steps.
        x : ndarray of shape (rows, at least F)
            The data, or the states of the layer below.
        x_rows : ndarray of shape (N,), intp
            Row of `x` that each row-step reads.
        keep : bool
            Whether to keep what `backward` needs.
        sequence : bool, default=False
            Whether a layer above needs the states of all steps.
        h_0, c_0 : ndarray of shape (B, width), default=None
            Initial states; None is zero.
        c_last : ndarray of shape (B, width), default=None
            Filled with the last cell states.
        n_threads : int, default=1
            Threads to use.

        Returns
        -------
        h_last : ndarray of shape (B, width)
            Hidden state after the last step of each sequence.
        h : ndarray of shape (N + B, width) or None
            All hidden states.
        """
        B, N = schedule.n_sequences, schedule.n_steps
        array, width = self.workspace.array, self.width
        h_last = array("h_last", B, width)
        h = array("h", N + B, width) if keep or sequence else None
        c = array("c", N + B, width) if keep else None
        gates = array("gates", N, GATES * width) if keep else None
        scratch = array(
            "scratch", self.kernels.scratch_size(schedule, width, n_threads)
        )
        self.kernels.forward(
            self.cell, schedule, x, x_rows, self.n_inputs, self.n_units, self._w,
            self._bias, scratch, h_last, c_last, h_0, c_0, gates, h, c, n_threads,
        )  # fmt: skip
        if keep:
            self._kept = schedule, x, x_rows, gates, h, c
        return h_last, h

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
        d_weights : ndarray of shape (F + H + 1, 4 H)
            Filled with the gradient of the weights.
        d_last : ndarray of shape (B, width), default=None
            Gradient of the last hidden states.
        d_out : ndarray of shape (N, width), default=None
            Gradient of the hidden states of all row-steps.
        d_c : ndarray of shape (B, width), default=None
            By sorted place: gradient of the last cell states (None is zero), which
            becomes the one of the initial cell states.
        d_h_0 : ndarray of shape (B, width), default=None
            By sorted place: filled with the gradient of the initial hidden states,
            for sequences of at least one step.
        d_x : bool, default=False
            Whether to compute the gradient of the input.
        n_threads : int, default=1
            Threads to use.

        Returns
        -------
        d_x : ndarray of shape (N, F padded) or None
            Gradient of the input of every row-step.
        """
        schedule, x, x_rows, gates, h, c = self._kept
        B, N = schedule.n_sequences, schedule.n_steps
        array, width = self.workspace.array, self.width
        if d_c is None:
            d_c = array("d_c", B, width)
            d_c.fill(0)
        padded = width != self.n_units
        d_w = array("d_w", self.shape[0], GATES * width) if padded else d_weights
        d_input = array("d_x", N, self.input_width) if d_x else None
        self.kernels.backward(
            self.cell, schedule, x, x_rows, self.n_inputs, self.n_units,
            self._r_transposed, gates, h, c, d_w, d_c, d_last, d_out, d_h_0,
            self._w_transposed if d_x else None, d_input, n_threads,
        )  # fmt: skip
        if padded:
            H = self.n_units
            d_weights.reshape(-1, GATES, H)[:] = d_w.reshape(-1, GATES, width)[..., :H]
        return d_input


class Dense:
    """The head: out = h W + b, as a matrix (H + 1, K) whose last row is the bias.

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
        lanes = self.kernels.lanes
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.width = -(-n_outputs // lanes) * lanes
        self.input_width = -(-n_inputs // lanes) * lanes
        self.workspace = Workspace(dtype)
        self.shape = (n_inputs + 1, n_outputs)
        self._w = aligned_empty((n_inputs * self.width,), dtype)
        self._w_transposed = aligned_empty((self.width * self.input_width,), dtype)
        self._bias = aligned_empty((self.width,), dtype)
        self._bias.fill(0)
        self._rows = np.arange(0, dtype=np.intp)

    def initialize(self, weights, rng):
        """Glorot-uniform weights, zero bias (the caller knows a better one)."""
        weights[:-1] = glorot_uniform(rng, (self.n_inputs, self.n_outputs))
        weights[-1] = 0

    def load(self, weights, *, backward):
        """Pack the weights for the kernels."""
        self.kernels.pack_columns(weights[:-1], self._w)
        self._bias[: self.n_outputs] = weights[-1]
        if backward:
            self.kernels.pack_transposed(weights[:-1], 1, self._w_transposed)

    def forward(self, a):
        """Outputs (n, K) of `a` (n, at least H)."""
        out = self.workspace.array("out", a.shape[0], self.width)
        self.kernels.dense_forward(a, self._w, self._bias, out)
        self._kept = a
        return out[:, : self.n_outputs]

    def forget(self):
        """Let go of what the last `forward` kept: no `backward` comes."""
        self._kept = None

    def backward(self, d_out, d_weights):
        """Fill the gradient of the weights; return the one of the input."""
        array, n = self.workspace.array, d_out.shape[0]
        padded = array("d_out", n, self.width)
        padded[:, : self.n_outputs] = d_out
        padded[:, self.n_outputs :] = 0
        d_w = array("d_w", self.n_inputs + 1, self.width)
        d_a = array("d_a", n, self.input_width)
        if len(self._rows) != n:
            self._rows = np.arange(n, dtype=np.intp)
        self.kernels.dense_backward(
            self._kept, self.n_inputs, padded, self._w_transposed, self._rows, d_w, d_a
        )
        d_weights[:] = d_w[:, : self.n_outputs]
        return d_a
