"""The recurrent layer: one kernel call over all steps of a batch, each way."""

from typing import NamedTuple

import numpy as np

from ..cells import CELLS
from ..initializers import chrono_bias, glorot_uniform, orthogonal
from ..steps import Steps, StepsGradient
from ..workspace import Workspace, aligned_empty
from .layer import Layer


class Tape(NamedTuple):
    """What `backward` needs of a `forward`."""

    x: Steps
    kept: np.ndarray  # (N, slots * width) what the cell kept, after `backward` d_z
    h: np.ndarray  # (N + B, width) all hidden states
    c: np.ndarray  # (N + B, width) all cell states, h for a cell without
    mask: np.ndarray | None  # (B, width) by sorted place: factors of h'
    masked: np.ndarray | None  # (N + B, width) h times mask
    memory: Workspace


class Recurrent(Layer):
    """A recurrent layer over the steps of a batch.

    Its parameters are W (F, gates H), R (H, gates H), b (slots H,) and, for a cell that
    has them, p (n_own, H), in the order of the slots of the cell (cell.h). One that
    reads the data needs no gradient of its input. One whose steps nobody reads gives
    only the states at the ends, in memory that does not grow with the number of steps.
    `recurrent_dropout` is the share of the hidden units that R does not get, the same
    ones at all steps of a sequence (Gal & Ghahramani 2016).
    """

    def __init__(
        self, name, n_inputs, n_units, dtype, cell="lstm", *, reads_data=False,
        every_step=False, recurrent_dropout=0.0,
    ):  # fmt: skip
        super().__init__(name, n_inputs, n_units, dtype)
        self.n_units = n_units
        self.cell = CELLS[cell]
        self.reads_data = reads_data
        self.every_step = every_step
        self.recurrent_dropout = recurrent_dropout
        gates, slots, n_own = self.cell.gates, self.cell.slots, self.cell.n_own
        self.shapes = {
            "w": (n_inputs, gates * n_units),
            "r": (n_units, gates * n_units),
            "b": (slots * n_units,),
        }
        if n_own:
            self.shapes["p"] = (n_own, n_units)
        self.state_widths = (self.width,) * (1 + self.cell.has_c)
        self._w = self._r_transposed = self._w_transposed = None
        self._step_scratch = 0, None

    @property
    def directions(self):
        """This layer, as a bidirectional one has two."""
        return (self,)

    def initialize(self, weights, rng, begin):
        """Glorot-uniform W and orthogonal R for each gate; b, p and peepholes zero.

        `begin.forget_bias` is the bias of the gate that says how long a unit remembers
        (Gers et al. 2000; Jozefowicz et al. 2015), or "chrono": times of up to
        `begin.longest` steps (Tallec & Ollivier 2018).
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
        if begin.forget_bias == "chrono":
            bias[self.cell.memory] = chrono_bias(rng, H, begin.longest)
            if self.cell.has_c:  # its input gate, the first slot, is the complement
                bias[0] = -bias[self.cell.memory]
        else:
            bias[self.cell.memory] = begin.forget_bias

    def load(self, weights, *, backward, n_threads=1):
        gates, slots, lanes = self.cell.gates, self.cell.slots, self.kernels.lanes
        width, dtype = self.width, self.dtype
        if self._w is None:
            size = gates * width * (self.n_inputs + width)
            self._w = aligned_empty((size,), dtype)
            self._bias = aligned_empty((width // lanes, slots * lanes), dtype)
            self._own = np.zeros((max(1, self.cell.n_own), width), dtype)
        self.kernels.pack_gates(
            self.cell.number, weights["w"], weights["r"], weights["b"], self._w,
            self._bias, n_threads,
        )  # fmt: skip
        if self.cell.n_own:
            self._own[:, : self.n_units] = weights["p"]
        if backward:
            if self._r_transposed is None:
                self._r_transposed = aligned_empty((gates * width * width,), dtype)
            self.kernels.pack_transposed(
                weights["r"], gates, self._r_transposed, n_threads
            )
        if backward and not self.reads_data:
            if self._w_transposed is None:
                size = gates * width * self.input_width
                self._w_transposed = aligned_empty((size,), dtype)
            self.kernels.pack_transposed(
                weights["w"], gates, self._w_transposed, n_threads
            )

    def forward(self, x, run):
        schedule, memory = x.schedule, run.workspace()
        B, N = schedule.n_sequences, schedule.n_steps
        array, width, n_threads = memory.array, self.width, self.n_threads(N)
        h_0, c_0 = (*(run.states_of(self.name) or (None,)), None)[:2]
        ends = tuple(array(f"end {k}", B, w) for k, w in enumerate(self.state_widths))
        h_last, c_last = (*ends, None)[:2]
        mask = masked = None
        if run.masks is not None and self.recurrent_dropout:
            name = f"{self.name}.recurrent_dropout"
            mask = run.masks.of_sequences(
                name, self.recurrent_dropout, array("mask", B, width)
            )[schedule.order]
            masked = array("masked", N + B, width)
        # a mask is multiplied with the states of all steps
        every = run.keep or run.every_step or self.every_step or mask is not None
        h = array("h", N + B, width) if every else None
        c = array("c", N + B, width) if run.keep and self.cell.has_c else None
        kept = array("kept", N, self.cell.slots * width) if run.keep else None
        scratch = array(
            "scratch", self.kernels.scratch_size(schedule, width, n_threads)
        )
        self.kernels.forward(
            self.cell.number, schedule, x.values, x.rows, self.n_inputs, self.n_units,
            self._w, self._bias, self._own, scratch, h_last, c_last, h_0, c_0, kept, h,
            c, mask, masked, n_threads,
        )  # fmt: skip
        run.ends[self.name] = ends
        tape = None
        if run.keep:
            tape = Tape(x, kept, h, h if c is None else c, mask, masked, memory)
        return Steps(h, schedule.state_rows, schedule, ends), tape

    def backward(self, d_y, tape, d_weights, d_states=None):
        """Back-propagation through time; a dict `d_states` gets, under the name of the
        layer, the gradients of the initial states (B, width) by sequence."""
        x, kept, h, c, mask, masked, memory = tape
        schedule, array = x.schedule, memory.array
        B, N = schedule.n_sequences, schedule.n_steps
        width, H, gates, slots = (
            self.width, self.n_units, self.cell.gates, self.cell.slots,
        )  # fmt: skip
        d_last, d_c_last = (*d_y.ends, None, None)[:2]
        d_c = array("d_c", B, width)
        d_c[:] = 0 if d_c_last is None else d_c_last[schedule.order]
        d_h_0 = None if d_states is None else np.zeros((B, width), self.dtype)
        d_w = array("d_w", self.n_inputs, gates * width)
        d_r = array("d_r", H, gates * width)
        d_b = array("d_b", 1 + slots - gates, gates * width)
        d_x = None if self.reads_data else array("d_x", N, self.input_width)
        self.kernels.backward(
            self.cell.number, schedule, x.values, x.rows, self.n_inputs, H,
            self._r_transposed, self._own, kept, h, c, d_w, d_r, d_b, d_c, d_last,
            d_y.values, d_h_0, None if self.reads_data else self._w_transposed, d_x,
            mask, masked, self.n_threads(N),
        )  # fmt: skip
        for name, gradient in (("w", d_w), ("r", d_r)):
            d_weights[name].reshape(-1, gates, H)[:] += gradient.reshape(
                -1, gates, width
            )[..., :H]
        # slots that only R h' goes to are the last ones of the second row
        rows = d_b.reshape(-1, gates, width)[..., :H]
        bias = d_weights["b"].reshape(slots, H)
        bias[:gates] += rows[0]
        bias[gates:] += rows[-1, 2 * gates - slots :]
        if self.cell.n_own:
            d_weights["p"] += self._d_own(schedule, kept, c)[:, :H]
        if d_states is not None:
            place = np.argsort(schedule.order)
            d_states[self.name] = tuple(
                part[place] for part in (d_h_0, d_c)[: len(self.state_widths)]
            )
        return None if d_x is None else StepsGradient(d_x)

    def _d_own(self, schedule, d_z, c):
        """Sums over the row-steps of d_z c' or d_z c."""
        d_z = d_z.reshape(-1, self.cell.slots, self.width)
        c = {"before": c[schedule.before_rows], "after": c[schedule.state_rows]}
        own = zip(self.cell.own_slots, self.cell.own_states, strict=True)
        return np.stack([(d_z[:, slot] * c[state]).sum(axis=0) for slot, state in own])

    def step(self, x, state):
        after = tuple([np.empty_like(part) for part in state])
        h_0, c_0 = state if self.cell.has_c else (state[0], None)
        h_last, c_last = after if self.cell.has_c else (after[0], None)
        n, scratch = self._step_scratch
        if n != len(h_0):
            size = self.kernels.scratch_size(x.schedule, self.width, 1)
            scratch = aligned_empty((size,), self.dtype)
            self._step_scratch = len(h_0), scratch
        self.kernels.forward(
            self.cell.number, x.schedule, x.values, x.rows, self.n_inputs, self.n_units,
            self._w, self._bias, self._own, scratch, h_last, c_last, h_0, c_0,
        )  # fmt: skip
        return Steps(h_last, x.rows, x.schedule, after), after

    # ---- for people to look at --------------------------------------------------

    def states_on_tape(self, tape):
        """Slots and states by row-step (N, H), by their names in the literature."""
        kept = tape.kept.reshape(-1, self.cell.slots, self.width)
        parts = {
            name: kept[:, k, : self.n_units]
            for k, name in enumerate(self.cell.slot_names)
        }
        states = {"hidden_state": tape.h, "cell_state": tape.c}
        for name in list(states)[: len(self.state_widths)]:
            parts[name] = states[name][tape.x.schedule.state_rows, : self.n_units]
        return parts

    def d_z(self, tape):
        """After `backward`, by row-step: the gradient of what W x is added to; d_W is
        the sum of x d_z' over the row-steps; (N, gates, H)."""
        d_z = tape.kept.reshape(-1, self.cell.slots, self.width)
        return d_z[:, : self.cell.gates, : self.n_units]

    def on_tape(self, tape):
        """Each direction with its tape, and whether it reads from the end."""
        yield self, tape, False

    def n_elements(self, n_sequences, n_steps):
        cell = self.cell
        a_step = cell.slots + 1 + cell.has_c + bool(self.recurrent_dropout) + cell.n_own
        of_steps = n_steps * (a_step * self.width + self.n_inputs)
        return of_steps + 2 * n_sequences * self.n_units
