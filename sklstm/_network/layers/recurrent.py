"""The recurrent layer: one kernel call over all steps of a batch, each way."""

from typing import NamedTuple

import numpy as np

from ..._kernels import (
    ASLEEP,
    AWAKE,
    plan_threads,
    product_kernels_for,
)
from ..cells import CELLS
from ..initializers import chrono_bias, glorot_uniform, orthogonal
from ..steps import Steps, StepsGradient
from ..workspace import Workspace, aligned_empty
from .layer import Layer

# Nanoseconds that one core takes for a multiply-add of vectors, and for the activations
# of a vector of units of an LSTM, which has five; within a factor of two.
PRODUCT_NS = 0.25
CELL_NS = 25


class Tape(NamedTuple):
    """What `backward` needs of a `forward`."""

    x: Steps
    kept: np.ndarray  # (N, slots * width) what the cell kept, after `backward` d_z
    h: np.ndarray  # (N + B, width) all hidden states
    c: np.ndarray | None  # (N + B, width) all cell states, of a cell that has them
    mask: np.ndarray | None  # (B, width) by sequence: factors of h'
    masked: np.ndarray | None  # (N + B, width) h times mask
    memory: Workspace
    n_threads: int  # of the run


class Recurrent(Layer):
    """A recurrent layer over the steps of a batch.

    Its parameters are W (F, gates H), R (H, gates H), b (slots H,) and, for a cell that
    has them, p (n_own, H), in the order of the slots of the cell (cells.h). One that
    reads the data needs no gradient of its input. One whose steps nobody reads gives
    only the states at the ends, in memory that does not grow with the number of steps.
    `recurrent_dropout` is the share of the hidden units that R does not get, the same
    ones at all steps of a sequence (Gal & Ghahramani 2016).
    """

    gives_steps = True
    kernel_size = None  # of a convolution its lines and columns

    def __init__(
        self, name, n_inputs, n_units, dtype, cell="lstm", *, reads_data=False,
        every_step=False, recurrent_dropout=0.0,
    ):  # fmt: skip
        super().__init__(name, n_inputs, n_units, dtype)
        self.kernels = product_kernels_for(dtype)
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
        self._packed = self._packed_backward = None
        self._ns = self._nanoseconds(not reads_data)
        self._lines = -(-self.width * self.dtype.itemsize // 64)  # of memory, of a row

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
        w, r, b, p = (weights.get(name) for name in "wrbp")
        number, F, H = self.cell.number, self.n_inputs, self.n_units
        if self._packed is None:
            size = self.kernels.packed_forward_size(number, F, H)
            self._packed = aligned_empty((size,), self.dtype)
        self.kernels.pack_forward(number, w, r, b, p, self._packed, n_threads)
        if not backward:
            return
        if self._packed_backward is None:
            size = self.kernels.packed_backward_size(number, F, H, not self.reads_data)
            self._packed_backward = aligned_empty((size,), self.dtype)
        self.kernels.pack_backward(
            number, None if self.reads_data else w, r, p, self._packed_backward,
            n_threads,
        )  # fmt: skip

    @property
    def packed(self):
        """What other kernels have to know of it: cell, sizes and packed weights."""
        return self.cell.number, self.n_inputs, self.n_units, self._packed

    # ---- threads ----------------------------------------------------------------

    def _nanoseconds(self, d_x):
        """Of a row-step on one core: forward, backward, and the products after it."""
        F, H, gates = self.n_inputs, self.n_units, self.cell.gates
        vectors = self.width // self.kernels.padded(1)
        a_column = vectors * gates * PRODUCT_NS / self.kernels.product_speed
        activations = vectors * CELL_NS * (gates + 1) / 5
        return (
            a_column * (F + H) + activations,
            a_column * H + activations,
            a_column * (F + H + d_x * F),
        )

    def _plan(self, n_threads, schedule, n_layers, step_ns, rest_ns, *, one_or_all=True,
              regions=1, region=AWAKE):  # fmt: skip
        """Threads and teams for this layer, or for as many side by side."""
        N, steps = schedule.n_steps * n_layers, schedule.longest * regions
        return plan_threads(
            n_threads, one_or_all, schedule.n_strips * n_layers, steps,
            self._lines, N * step_ns, N * rest_ns, regions, region,
        )  # fmt: skip

    def best_threads(self, limit, schedule, keep, n_layers=1):
        """The number of threads that this layer would choose for a run.

        In training Python is at work between two regions; predictions that follow each
        other find threads awake.
        """
        forward, backward, products = self._ns
        if not keep:
            backward = products = 0
        region = ASLEEP if keep else AWAKE
        return self._plan(
            limit, schedule, n_layers, forward + backward, products,
            one_or_all=False, regions=1 + keep, region=region,
        )[0]  # fmt: skip

    def plan_forward(self, n_threads, schedule, n_layers=1):
        return self._plan(n_threads, schedule, n_layers, self._ns[0], 0)

    def plan_backward(self, n_threads, schedule, n_layers=1):
        return self._plan(n_threads, schedule, n_layers, *self._ns[1:])

    # ---- forward and backward ---------------------------------------------------

    def forward(self, x, run):
        n_threads, n_teams = self.plan_forward(run.n_threads, x.schedule)
        one, result = self.begin_forward(x, run, n_teams)
        self.kernels.run_forward([one], n_threads, n_teams)
        return result

    def begin_forward(self, x, run, n_teams):
        """What is to run, and what `forward` returns when it has run."""
        schedule, memory = x.schedule, run.workspace()
        B, N = schedule.n_sequences, schedule.n_steps
        array, width = memory.array, self.width
        h_0 = c_0 = c_last = mask = masked = None
        if run.states is not None:
            h_0, c_0 = (*run.states[self.name], None)[:2]
        h_last = array("h_last", B, width)
        ends = (h_last,)
        if self.cell.has_c:
            c_last = array("c_last", B, width)
            ends = h_last, c_last
        if run.masks is not None and self.recurrent_dropout:
            name = f"{self.name}.recurrent_dropout"
            mask = run.masks.of_sequences(
                name, self.recurrent_dropout, array("mask", B, width)
            )
            masked = array("masked", N + B, width)
        # a mask is multiplied with the states of all steps
        every = run.keep or run.every_step or self.every_step or mask is not None
        h = array("h", N + B, width) if every else None
        c = array("c", N + B, width) if run.keep and self.cell.has_c else None
        kept = array("kept", N, self.cell.slots * width) if run.keep else None
        scratch = array(
            "scratch",
            self.kernels.forward_scratch_size(
                schedule, self.n_inputs, self.n_units, n_teams
            ),
        )
        one = self.kernels.ForwardPass(
            self.cell.number, schedule, x.values, x.rows, self.n_inputs, self.n_units,
            self._packed, scratch, h_last, c_last, h_0, c_0, kept, h, c, mask, masked,
        )  # fmt: skip
        run.ends[self.name] = ends
        tape = None
        if run.keep:
            tape = Tape(x, kept, h, c, mask, masked, memory, run.n_threads)
        return one, (Steps(h, schedule.state_rows, schedule, ends), tape)

    def backward(self, d_y, tape, d_weights, d_states=None):
        """Back-propagation through time; a dict `d_states` gets, under the name of the
        layer, the gradients of the initial states (B, width) by sequence."""
        n_threads, n_teams = self.plan_backward(tape.n_threads, tape.x.schedule)
        one, d_x = self.begin_backward(d_y, tape, d_weights, d_states, n_threads)
        self.kernels.run_backward([one], n_threads, n_teams)
        self.end_backward(tape, d_weights)
        return d_x

    def begin_backward(self, d_y, tape, d_weights, d_states, n_threads):
        """What is to run, and the gradient of the input when it has run."""
        x, kept, h, c, mask, masked, memory, _ = tape
        schedule, array = x.schedule, memory.array
        F, H, N = self.n_inputs, self.n_units, schedule.n_steps
        number = self.cell.number
        d_last, d_c_last = (*d_y.ends, None, None)[:2]
        d_h_0 = d_c = None
        if self.cell.has_c and (d_states is not None or d_c_last is not None):
            d_c = np.zeros((schedule.n_sequences, self.width), self.dtype)
            if d_c_last is not None:
                d_c[:] = d_c_last  # which becomes that of c_0
        if d_states is not None:
            d_h_0 = np.zeros((schedule.n_sequences, self.width), self.dtype)
            d_states[self.name] = (d_h_0, d_c)[: len(self.state_widths)]
        size = self.kernels.backward_scratch_size(number, schedule, F, H, n_threads)
        d_x = None if self.reads_data else array("d_x", N, self.input_width)
        one = self.kernels.BackwardPass(
            number, schedule, x.values, x.rows, F, H, self._packed_backward,
            array("scratch", size), kept, h, c, d_weights["w"], d_weights["r"],
            d_weights["b"], d_c, d_last, d_y.values, d_h_0, d_x, mask, masked,
            n_threads,
        )  # fmt: skip
        return one, None if d_x is None else StepsGradient(d_x)

    def end_backward(self, tape, d_weights):
        """What is left when the kernel has run."""
        if self.cell.n_own:
            d_p = self._d_own(tape.x.schedule, tape.kept, tape.c)
            d_weights["p"] += d_p[:, : self.n_units]

    def _d_own(self, schedule, d_z, c):
        """Sums over the row-steps of d_z c' or d_z c."""
        d_z = d_z.reshape(-1, self.cell.slots, self.width)
        c = {"before": c[schedule.before_rows], "after": c[schedule.state_rows]}
        own = zip(self.cell.own_slots, self.cell.own_states, strict=True)
        return np.stack([(d_z[:, slot] * c[state]).sum(axis=0) for slot, state in own])

    def step(self, x, state):
        h = np.empty_like(state[0])
        after = (h, np.empty_like(h)) if self.cell.has_c else (h,)
        self.kernels.recurrent_step(
            self.cell.number, x, self.n_inputs, self.n_units, self._packed,
            state[0], h, state[-1], after[-1],
        )  # fmt: skip
        return h, after

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
