"""The convolutional LSTM (Shi et al. 2015): a layer whose states are images."""

from math import prod
from typing import NamedTuple

import numpy as np

from ..._kernels import effective_n_threads, plan_threads
from ..cells import CELLS
from ..initializers import chrono_bias, orthogonal
from ..planes import Planes, plane_elements, planes_in
from ..steps import Steps, StepsGradient
from ..workspace import Workspace, aligned_empty
from .bidirectional import Bidirectional
from .layer import Layer
from .recurrent import CELL_NS, PRODUCT_NS


class Tape(NamedTuple):
    """What `backward` needs of a `forward`."""

    x: Steps
    kept: Planes  # (N) of gates, after `backward` d_z
    h: Planes  # (N + B) all hidden states
    c: np.ndarray  # (N + B, pixels * width) all cell states
    memory: Workspace
    n_threads: int


class ConvRecurrent(Layer):
    """An LSTM over the frames of a batch of clips: z = W * x + R * h' + b, where * is a
    convolution with zeros around the frame.

    Its parameters are W (taps F, 4 H), R (taps H, 4 H), b (4 H,) and, for peepholes, p
    (3, H), one for each channel at all pixels; rows by (tap, channel), taps line by
    line. A layer with no input, F = 0, has no W. Frames come and go as `Planes`, the
    states at the ends and all gradients as rows (., pixels * width).

    One that reads the data needs no gradient of its input. One whose steps nobody reads
    gives only the states at the ends, in memory that does not grow with their number.
    """

    gives_steps = True
    reads_frames = True

    def __init__(
        self, name, n_inputs, n_units, dtype, cell="lstm", *, kernel_size,
        reads_data=False, every_step=False,
    ):  # fmt: skip
        super().__init__(name, n_inputs, n_units, dtype)
        self.n_units = n_units
        self.cell = CELLS[cell]
        self.kernel_size = tuple(kernel_size)
        self.reads_data = reads_data or not n_inputs
        self.every_step = every_step
        taps, gates = prod(self.kernel_size), self.cell.gates
        self.shapes = {
            "w": (taps * n_inputs, gates * n_units),
            "r": (taps * n_units, gates * n_units),
            "b": (gates * n_units,),
        }
        if not n_inputs:
            del self.shapes["w"]
        if self.cell.n_own:
            self.shapes["p"] = (self.cell.n_own, n_units)
        self.state_widths = (self.width, self.width)  # at each pixel
        self._no_w = np.empty((0, gates * n_units), self.dtype)
        self._packed = self._packed_backward = None

    @property
    def directions(self):
        """This layer, as a bidirectional one has two."""
        return (self,)

    def initialize(self, weights, rng, begin):
        """Glorot-uniform W, whose fans are those of all taps, and R with orthonormal
        columns (taps H, H), for each gate; b but for `begin.forget_bias`, which may be
        "chrono", and peepholes zero."""
        H, taps = self.n_units, prod(self.kernel_size)
        limit = np.sqrt(6 / (taps * (self.n_inputs + H)))
        for gate in range(self.cell.gates):
            columns = slice(gate * H, (gate + 1) * H)
            if self.n_inputs:
                shape = taps * self.n_inputs, H
                weights["w"][:, columns] = rng.uniform(-limit, limit, shape)
            weights["r"][:, columns] = orthogonal(rng, H, taps * H)
        bias = weights["b"].reshape(self.cell.gates, H)
        bias[:] = 0
        if self.cell.n_own:
            weights["p"][:] = 0
        if begin.forget_bias == "chrono":
            bias[self.cell.memory] = chrono_bias(rng, H, begin.longest)
            bias[0] = -bias[self.cell.memory]
        else:
            bias[self.cell.memory] = begin.forget_bias

    def load(self, weights, *, backward, n_threads=1):
        w, r, b, p = (weights.get(name) for name in "wrbp")
        w = w if self.n_inputs else self._no_w
        number, kernel = self.cell.number, self.kernel_size
        F, H = self.n_inputs, self.n_units
        if self._packed is None:
            size = self.kernels.packed_conv_size(number, kernel, F, H)
            self._packed = aligned_empty((size,), self.dtype)
        self.kernels.pack_conv(number, kernel, w, r, b, p, self._packed, n_threads)
        if not backward:
            return
        if self._packed_backward is None:
            size = self.kernels.packed_conv_backward_size(
                number, kernel, F, H, not self.reads_data
            )
            self._packed_backward = aligned_empty((size,), self.dtype)
        self.kernels.pack_conv_backward(
            number, kernel, None if self.reads_data else w, r, p,
            self._packed_backward, n_threads,
        )  # fmt: skip

    # ---- threads ----------------------------------------------------------------

    def best_threads(self, limit, schedule, keep):
        """All of them: what a frame is worth, `n_threads` knows."""
        return limit

    def n_threads(self, schedule, limit, frames, passes=1):
        """All of them or one: at each step of a strip they share the lines of its
        frames, and meet; `passes` is how often all products are computed."""
        vectors, N = self.width // self.kernels.padded(1), schedule.n_steps
        taps, inputs = prod(self.kernel_size), self.n_inputs + self.n_units
        a_pixel = taps * inputs * self.cell.gates * PRODUCT_NS + CELL_NS
        step_ns = N * frames.n_pixels * vectors * a_pixel * passes
        steps = max(1, schedule.longest * schedule.n_strips)
        lines = max(1, N * frames.height // steps)
        return plan_threads(limit, True, 1, steps, lines, step_ns)[0]

    # ---- forward and backward ---------------------------------------------------

    def forward(self, x, run):
        states = run.states and run.states.get(self.name)
        every = run.keep or run.every_step or self.every_step
        memory = run.workspace()
        h, kept, c, ends = self._over(x, states, memory, run, every=every)
        run.ends[self.name] = ends
        tape = None
        if run.keep:
            tape = Tape(x, kept, h, c, memory, run.n_threads)
        return Steps(h, x.schedule.state_rows, x.schedule, ends), tape

    def _over(self, x, states, memory, run=None, *, every):
        """All h, what is kept, all c, and the states at the ends."""
        schedule, frames = x.schedule, x.values
        B, N, width = schedule.n_sequences, schedule.n_steps, self.width
        array, n_elements = memory.array, frames.n_pixels * width
        frame, keep = frames.frame, run is not None and run.keep
        h = kept = c = None
        if every:
            h = planes_in(memory, "h", self.kernels, frame, N + B, width)
        if keep:
            gates = self.cell.gates * width
            kept = planes_in(memory, "kept", self.kernels, frame, N, gates)
            c = array("c", N + B, n_elements)
        ends = array("h_last", B, n_elements), array("c_last", B, n_elements)
        geometry = (*frame, *self.kernel_size)
        limit = 1 if run is None else run.n_threads
        n_threads = self.n_threads(schedule, limit, frames)
        size = self.kernels.conv_scratch_size(
            schedule, geometry, self.n_inputs, self.n_units, n_threads, keep
        )
        self.kernels.conv_forward(
            self.cell.number, schedule, geometry, frames.flat, frames.depth,
            np.ascontiguousarray(x.rows, np.intp), self.n_inputs, self.n_units,
            self._packed, array("scratch", size), *ends, *(states or (None, None)),
            kept and kept.flat, h and h.flat, c, n_threads=n_threads,
        )  # fmt: skip
        return h, kept, c, ends

    def backward(self, d_y, tape, d_weights, d_states=None):
        """Back-propagation through time; a dict `d_states` gets, under the name of the
        layer, the gradients of the initial states (B, pixels * width) by sequence."""
        x, kept, h, c, memory, limit = tape
        schedule, frames, array = x.schedule, x.values, memory.array
        F, H, N = self.n_inputs, self.n_units, schedule.n_steps
        d_last, d_c_last = (*d_y.ends, None, None)[:2]
        d_h_0 = d_c = None
        shape = schedule.n_sequences, frames.n_pixels * self.width
        if d_states is not None or d_c_last is not None:
            d_c = np.zeros(shape, self.dtype)
            if d_c_last is not None:
                d_c[:] = d_c_last  # which becomes that of c_0
        if d_states is not None:
            d_h_0 = np.zeros(shape, self.dtype)
            d_states[self.name] = d_h_0, d_c
        geometry = (*frames.frame, *self.kernel_size)
        n_threads = self.n_threads(schedule, limit, frames, passes=2)
        size = self.kernels.conv_backward_scratch_size(
            schedule, geometry, F, H, n_threads
        )
        d_x = None
        if not self.reads_data:
            d_x = array("d_x", N, frames.n_pixels * self.input_width)
        self.kernels.conv_backward(
            self.cell.number, schedule, geometry, frames.flat, frames.depth,
            np.ascontiguousarray(x.rows, np.intp), F, H, self._packed_backward,
            array("scratch", size), kept.flat, h.flat, c,
            d_weights["w"] if F else self._no_w, d_weights["r"], d_weights["b"], d_c,
            d_last, d_y.values, d_h_0, d_x, n_threads=n_threads,
        )  # fmt: skip
        if self.cell.n_own:
            d_weights["p"] += self._d_own(schedule, kept, c)[:, : self.n_units]
        return None if d_x is None else StepsGradient(d_x)

    def _d_own(self, schedule, d_z, c):
        """Sums over row-steps and pixels of d_z c' or d_z c, frame by frame."""
        d_z, width = d_z.image, self.width
        frames = d_z.shape[1:3]
        rows = {"before": schedule.before_rows, "after": schedule.state_rows}
        total = np.zeros((self.cell.n_own, width))
        own = list(zip(self.cell.own_slots, self.cell.own_states, strict=True))
        for m in range(len(d_z)):
            for k, (slot, state) in enumerate(own):
                part = d_z[m, :, :, slot * width : (slot + 1) * width]
                state = c[rows[state][m]].reshape(*frames, width)
                products = np.multiply(part, state, dtype=np.float64)
                total[k] += products.reshape(-1, width).sum(axis=0)
        return total.astype(self.dtype)

    def step(self, x, state):
        """One frame of each clip more."""
        memory = Workspace(self.dtype)
        h, _, _, ends = self._over(x, state, memory, every=True)
        return Steps(h, x.schedule.state_rows, x.schedule, ends), ends

    # ---- for people to look at --------------------------------------------------

    def states_on_tape(self, tape):
        """Gates and states by row-step (N, height, width, H), by their names."""
        rows, H, width = tape.x.schedule.state_rows, self.n_units, self.width
        kept = tape.kept.image
        parts = {
            name: kept[..., k * width : k * width + H]
            for k, name in enumerate(self.cell.slot_names)
        }
        c = tape.c.reshape(-1, *kept.shape[1:3], width)
        parts["hidden_state"] = tape.h.image[rows, ..., :H]
        parts["cell_state"] = c[rows, ..., :H]
        return parts

    def d_z(self, tape):
        """After `backward`, by row-step: the gradient of what W x is added to, (N,
        pixels, gates * width)."""
        d_z = tape.kept.image
        return d_z.reshape(len(d_z), -1, d_z.shape[-1])

    def on_tape(self, tape):
        """Each direction with its tape, and whether it reads from the end."""
        yield self, tape, False

    # ---- memory -----------------------------------------------------------------

    def n_elements(self, n_sequences, n_steps, frame):
        """In training: gates and h in planes, c, and the gradient of the input; of each
        clip the states at both ends and their gradients; and what kernels need."""
        pixels = frame[0] * frame[1]
        h = plane_elements(frame, self.width)
        d_x = 0 if self.reads_data else pixels * self.input_width
        a_step = (self.cell.gates + 1) * h + pixels * self.width + d_x
        scratch = self.kernels.conv_training_scratch(
            n_sequences, n_steps, (*frame, *self.kernel_size), self.n_inputs,
            self.n_units, effective_n_threads(),
        )  # fmt: skip
        return n_steps * a_step + n_sequences * (h + 4 * pixels * self.width) + scratch

    def plane_elements(self, frame):
        """Numbers of a step that is handed on."""
        return plane_elements(frame, self.width)


class ConvBidirectional(Bidirectional):
    """Two convolutional layers, of which the second reads clips from their ends; the
    channels are side by side. Arguments are those of `ConvRecurrent`."""

    reads_frames = True
    _direction = ConvRecurrent

    def best_threads(self, limit, schedule, keep):
        return limit

    def forward(self, x, run):
        mirror = x.schedule.mirror
        rows = x.rows, x.rows[mirror]
        (y, tape), (y_reverse, tape_reverse) = (
            layer.forward(x._replace(rows=own), run)
            for layer, own in zip(self.directions, rows)
        )
        memory, H, N = run.workspace(), self.n_units, len(x.rows)
        frames = x.values
        ends = tuple(
            self._ends(memory, f"end {k}", frames.n_pixels, pair)
            for k, pair in enumerate(zip(y.ends, y_reverse.ends))
        )
        values = None
        if run.every_step or self.directions[0].every_step:
            values = planes_in(memory, "planes", self.kernels, frames.frame, N, 2 * H)
            image = values.clear_margins().image
            a, b = y.values.image, y_reverse.values.image
            for m, (one, other) in enumerate(zip(y.rows, y_reverse.rows[mirror])):
                image[m, ..., :H] = a[one, ..., :H]
                image[m, ..., H:] = b[other, ..., :H]
        tapes = (tape, tape_reverse) if run.keep else None
        return Steps(values, np.arange(N), x.schedule, ends), tapes

    def _ends(self, memory, name, n_pixels, pair):
        """Rows (B, pixels * width) of both directions."""
        H, B = self.n_units, len(pair[0])
        both = memory.array(name, B, n_pixels * self.width)
        pixels = both.reshape(B, n_pixels, self.width)
        for k, end in enumerate(pair):
            own = end.reshape(B, n_pixels, -1)[..., :H]
            pixels[..., k * H : (k + 1) * H] = own
        pixels[..., 2 * H :] = 0
        return both

    def backward(self, d_y, tape, d_weights, d_states=None):
        schedule = tape[0].x.schedule
        rows, d_x = (slice(None), schedule.mirror), []
        for k, ((layer, d_own), own) in enumerate(zip(self._each(d_weights), tape)):
            d_values = self._part(layer, own, "d_y", d_y.values, rows[k], k)
            d_ends = tuple(
                self._part(layer, own, f"d_end {n}", end, slice(None), k)
                for n, end in enumerate(d_y.ends)
            )
            d_own_y = StepsGradient(d_values, d_ends)
            d_x.append(layer.backward(d_own_y, own, d_own, d_states))
        if self.reads_data:
            return None
        values = d_x[0].values
        for m, back in enumerate(schedule.mirror):
            values[m] += d_x[1].values[back]
        return StepsGradient(values)

    def _part(self, layer, tape, name, both, rows, k):
        """The part of a gradient that is of one direction, in the layer's width."""
        if both is None:
            return None
        H, n_pixels = self.n_units, tape.x.values.n_pixels
        part = both[rows].reshape(len(both), n_pixels, self.width)
        own = tape.memory.array(name, len(both), n_pixels * layer.width)
        pixels = own.reshape(len(both), n_pixels, layer.width)
        pixels[..., :H] = part[..., k * H : (k + 1) * H]
        pixels[..., H:] = 0
        return own

    def n_elements(self, n_sequences, n_steps, frame):
        of_each = sum(
            layer.n_elements(n_sequences, n_steps, frame) for layer in self.directions
        )
        # channels side by side, and the gradients of each, apart
        both = plane_elements(frame, 2 * self.n_units)
        pixels = frame[0] * frame[1]
        return of_each + n_steps * (both + 2 * pixels * self.directions[0].width)

    def plane_elements(self, frame):
        """Numbers of a step that is handed on, and of those of each direction."""
        of_each = sum(layer.plane_elements(frame) for layer in self.directions)
        return of_each + plane_elements(frame, 2 * self.n_units)
