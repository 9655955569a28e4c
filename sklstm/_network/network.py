"""The network: a chain of layers over one flat parameter vector."""

import math
from itertools import takewhile

import numpy as np

from .._kernels import Schedule, effective_n_threads, kernels_for, n_threads_for
from .initializers import InitialValues
from .parameters import Layout, Touched
from .steps import Run, Steps
from .workspace import Memory, aligned_empty

# Sequences of a strip: many read the packed weights less often, few leave no thread
# waiting where lengths differ.
STRIP_ROWS = 8
# From so many bytes of the largest matrix of weights on strips are higher: L2 does not
# hold them, and a strip reads them at every step. The bits of sums over samples follow
# the strips, so these are not taken from the processor.
WIDE = {1 << 22: 64, (1 << 20) + 1: 16}
# Row-steps of a batch of `predict`, which bounds its memory.
PREDICT_STEPS = 65_536
# Row-steps of a batch that keeps its tape.
KEPT_STEPS = 8192
# Most rows of the data for which a schedule is kept from call to call: 256 KB.
KNOWN_STEPS = 8192


class Network:
    """A chain of layers: some that hand on steps, then one that reads them, and a head.

    Outputs are a row for each sequence or, where all steps are read, one for each step,
    one sequence after the other.

    The layers come with names of their own; those of recurrent ones are l0, l1, ...,
    of a pooling with running sums it is pooling. What tables there are stand first in
    the flat vector, and `dense` is the part behind them.
    """

    def __init__(self, layers):
        self.layers = layers
        self.dtype = layers[0].dtype
        self.kernels = kernels_for(self.dtype)
        self.body = list(takewhile(lambda layer: layer.gives_steps, layers))
        self.reader = layers[len(self.body)]
        self.recurrent_layers = [layer for layer in self.body if layer.directions]
        self.recurrents = [
            part for layer in self.recurrent_layers for part in layer.directions
        ]
        self._has_state = [bool(layer.directions) for layer in layers]
        self.state_widths = [part.state_widths for part in self.recurrents]
        shapes = {
            f"{layer.name}.{key}": shape
            for layer in layers
            for key, shape in layer.shapes.items()
        }
        self.layout = Layout(shapes)
        self.tables = next((part for part in self.body if part.has_tables), None)
        n_in_tables = self.tables and sum(map(math.prod, self.tables.shapes.values()))
        self.dense = slice(n_in_tables or 0, None)
        widest = max(
            math.prod(shape)
            for layer in self.recurrent_layers
            for shape in layer.shapes.values()
        )
        n_bytes = widest * self.dtype.itemsize
        self.strip_rows = next(
            (rows for least, rows in WIDE.items() if n_bytes >= least), STRIP_ROWS
        )
        least_rows = self.recurrents[0].kernels.least_rows
        self.strip_rows = max(self.strip_rows, least_rows)
        self._memory = Memory(self.dtype)
        self._gradient = self._gradient_views = None
        self._viewed = None, None
        self._scheduled = None, None, None
        self._ends = {}  # by name of a recurrent layer: where the last `forward` ended

    @property
    def pooling(self):
        """What keeps running sums over the steps, None where nothing does."""
        return self.reader if self.reader.has_sums else None

    # ---- parameters ------------------------------------------------------------

    def views(self, vector):
        """Views of a flat vector: for each layer that has parameters a dict of them."""
        return {
            layer.name: {
                key: self.layout.view(vector, f"{layer.name}.{key}")
                for key in layer.shapes
            }
            for layer in self.layers
            if layer.shapes
        }

    def initialize(self, rng, outputs, **options):
        """A new parameter vector; arguments are those of `InitialValues`."""
        parameters = aligned_empty((self.layout.size,), self.dtype)
        views, begin = self.views(parameters), InitialValues(outputs, **options)
        for layer in self.layers:
            layer.initialize(views.get(layer.name), rng, begin)
        return parameters

    def weight_mask(self):
        """1 where the parameter vector holds a weight, 0 where it holds a bias or a
        table."""
        mask = np.zeros(self.layout.size, dtype=self.dtype)
        mask[self.dense] = 1
        for name, shape in self.layout.shapes.items():
            if len(shape) == 1:
                self.layout.view(mask, name)[:] = 0
        return mask

    def load(self, parameters, *, backward):
        """Pack the parameters for the kernels: once for each optimizer step."""
        if self._viewed[0] is not parameters:  # the views of the last vector are kept
            self._viewed = parameters, self.views(parameters)
        views, n_threads = self._viewed[1], n_threads_for(parameters)
        for layer in self.layers:
            layer.load(views.get(layer.name), backward=backward, n_threads=n_threads)

    # ---- training --------------------------------------------------------------

    def forward_of(self, batch, **options):
        """`forward` of a minibatch, which may begin where an earlier one has ended."""
        rows = batch.data, batch.starts, batch.lengths
        if batch.carry is None:
            return self.forward(*rows, **options)
        result = self.forward(*rows, states=batch.carry.states, **options)
        batch.carry.take(self._ends)
        return result

    def forward(
        self, data, starts, lengths, *, keep=False, masks=None, tbptt=None, states=None
    ):
        """Raw outputs (B, K) of a batch of sequences, a view of the workspace, and the
        tapes of all layers for `backward`, if that is to come (`keep`).

        Of the data (rows, F) a sequence has `lengths` rows from `starts` on. It goes
        back over the last `tbptt` steps of each; the steps before only carry their
        states on (Williams & Peng 1990). `states` is where layers begin, by name.
        """
        if tbptt is not None and lengths.max(initial=0) > tbptt:
            before = np.maximum(lengths - tbptt, 0)
            states = self._carry(data, starts, before, tbptt, masks)
            starts, lengths = starts + before, lengths - before
            if masks is not None:
                masks = masks.beginning(before)
        x = self._steps(data, starts, lengths)
        run = self._run(x.schedule, keep=keep, masks=masks, states=states)
        self._ends = run.ends
        return self._through(self.layers, x, run)

    def _steps(self, data, starts, lengths):
        schedule = Schedule(starts, lengths, self.strip_rows, n_rows=len(data))
        return Steps(data, schedule.data_rows, schedule)

    def _run(self, schedule, *, keep=False, **options):
        """A run with as many threads as the layer that can use the most has."""
        limit = effective_n_threads()
        n_threads = 1 if limit == 1 else max(
            layer.best_threads(limit, schedule, keep) for layer in self.recurrent_layers
        )  # fmt: skip
        return Run(self._memory, keep=keep, n_threads=n_threads, **options)

    @staticmethod
    def _through(layers, x, run):
        """What comes out of some layers one after the other, and their tapes."""
        tapes = []
        for layer in layers:
            x, tape = layer.forward(x, run)
            tapes.append(tape)
        return x, tapes

    def _carry(self, data, starts, lengths, chunk, masks):
        """States of every layer after so many steps, `chunk` steps at a time."""
        states = None
        for begin in range(0, int(lengths.max()), chunk):
            if masks is not None:
                masks = masks.beginning(np.full(len(starts), begin))
            part = np.clip(lengths - begin, 0, chunk)
            x = self._steps(data, starts + begin, part)
            run = self._run(x.schedule, masks=masks, states=states)
            self._through(self.body, x, run)
            states = {
                name: tuple(end.copy() for end in ends)
                for name, ends in run.ends.items()
            }
        return states

    def backward(self, d_output, tapes):
        """The flat gradient of the batch of these tapes; lives in the workspace.

        `d_output` (B, K) is that of the loss with respect to the raw outputs.
        """
        if self._gradient is None:
            gradient = aligned_empty((self.layout.size,), self.dtype)
            gradient.fill(0)
            self._gradient_views = self.views(gradient)
            self._gradient = gradient
        elif self.tables is not None:
            self.tables.forget(self._gradient_views[self.tables.name])
        self._gradient[self.dense] = 0
        d_y = d_output
        for layer, tape in zip(reversed(self.layers), reversed(tapes), strict=True):
            d_y = layer.backward(d_y, tape, self._gradient_views.get(layer.name))
        return self._gradient

    @property
    def touched(self):
        """What the last gradient may be other than zero in; None: in all of it."""
        if self.tables is None:
            return None
        slices, name = self.layout.slices, self.tables.name
        return Touched(
            self.dense,
            [
                (slices[f"{name}.{key}"], self.tables.shapes[key][1], rows)
                for key, rows in self.tables.touched.items()
            ],
        )

    def training_bytes(self, n_sequences, n_steps, n_float64_vectors=0):
        """Memory of training on minibatches of this size, without the data.

        That of the layers, seven vectors of parameters (gradient, moments, copies), the
        packed weights, and what a solver has in float64. Nothing is allocated for it.
        """
        states = sum(layer.n_elements(n_sequences, n_steps) for layer in self.layers)
        in_float64 = 8 * n_float64_vectors * self.layout.size
        return (states + 9 * self.layout.size) * self.dtype.itemsize + in_float64

    # ---- prediction, after `load` ----------------------------------------------

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

    def _passes(self, data, starts, lengths, n_steps, states, pooled=None, **options):
        """The sequences in bounded memory: slices of them, their steps, and a run.

        `states` are those of each recurrent layer and direction to begin with, `pooled`
        the sums of the pooling, for all sequences.
        """
        if states is not None:
            names = [part.name for part in self.recurrents]
            states = dict(zip(names, states, strict=True))
            if pooled is not None:
                states[self.reader.name] = pooled
        if len(data) <= n_steps:
            x = self._known_steps(data, starts, lengths)
            yield slice(None), x, self._run(x.schedule, states=states, **options)
            return
        for batch in self._batches(lengths, n_steps):
            part = states and {
                name: tuple(array[batch] for array in arrays)
                for name, arrays in states.items()
            }
            x = self._steps(data, starts[batch], lengths[batch])
            yield batch, x, self._run(x.schedule, states=part, **options)

    def _known_steps(self, data, starts, lengths):
        """`_steps`, whose schedule is kept for the next call: what reads a few short
        sequences reads others of the same lengths."""
        if len(starts) > STRIP_ROWS or len(data) > KNOWN_STEPS:
            return self._steps(data, starts, lengths)
        key = len(data), starts.tobytes(), lengths.tobytes()
        if self._scheduled[0] != key:
            _, rows, schedule, _ = self._steps(data, starts, lengths)
            self._scheduled = key, rows, schedule
        return Steps(data, *self._scheduled[1:])

    def initial_states(self, n):
        """Zero h and, for a cell that has it, c of each layer and direction."""
        return [
            tuple(np.zeros((n, width), self.dtype) for width in widths)
            for widths in self.state_widths
        ]

    def predict(self, data, starts, lengths, states=None, pooled=None):
        """Raw outputs (n, K)."""
        passes = self._passes(data, starts, lengths, PREDICT_STEPS, states, pooled)
        outputs = [self._through(self.layers, x, run)[0].copy() for _, x, run in passes]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def predict_of(self, rows, target):
        """`predict` of rows of data with known targets, which some networks read."""
        return self.predict(*rows)

    def for_loss(self, raw):
        """What the loss and the decoder read of raw outputs: these, and what the
        uppermost layer knows beside."""
        return self.layers[-1].for_loss(raw)

    def step(self, x, states, pooled):
        """Raw outputs (n, K) in float64 after one step (n, F) more of n sequences, and
        the states and sums then, of which those before it are left alone."""
        before, after = iter(states), []
        for layer, has_state in zip(self.layers, self._has_state):
            if has_state:
                x, state = layer.step(x, next(before))
                after.append(state)
            elif layer is self.reader:
                x, pooled = layer.step(x, pooled)
            else:
                x, _ = layer.step(x, None)
        return x, tuple(after), pooled

    def shrink(self):
        """Give large workspaces back, and keep small ones for the next call."""
        self._memory.shrink()

    # ---- what the layers know on the way ---------------------------------------

    def last_outputs(self, data, starts, lengths, states=None):
        """Last outputs of the uppermost layer (n, its outputs)."""
        n_outputs = self.body[-1].n_outputs
        last = np.empty((len(starts), n_outputs), dtype=self.dtype)
        passes = self._passes(data, starts, lengths, PREDICT_STEPS, states)
        for batch, x, run in passes:
            y, _ = self._through(self.body, x, run)
            last[batch] = y.ends[0][:, :n_outputs]
        return last

    def outputs(self, data, starts, lengths, states=None):
        """Outputs of the uppermost layer for every row of the data."""
        n_outputs = self.body[-1].n_outputs
        every = np.zeros((len(data), n_outputs), dtype=self.dtype)
        passes = self._passes(
            data, starts, lengths, PREDICT_STEPS, states, every_step=True
        )
        for _, x, run in passes:
            y, _ = self._through(self.body, x, run)
            every[x.rows] = y.values[y.rows, :n_outputs]
        return every

    def kept(self, data, starts, lengths, states=None):
        """What every recurrent layer keeps for `backward`, for every row of the data:
        gates, hidden and cell states (rows, H) by name, layer and direction."""
        every = {}
        passes = self._passes(data, starts, lengths, KEPT_STEPS, states, keep=True)
        for _, x, run in passes:
            _, tapes = self._through(self.body, x, run)
            for part, tape, mirrored in self._on_tape(tapes):
                rows = x.rows[x.schedule.mirror] if mirrored else x.rows
                for name, values in part.states_on_tape(tape).items():
                    shape = len(data), part.n_units
                    name = f"{name}_{part.name}"
                    every.setdefault(name, np.zeros(shape, self.dtype))[rows] = values
        return every

    def gradient_norms(self, data, starts, lengths, d_loss):
        """Norms of the gradients with respect to the sums z, for every row of the data.

        `d_loss` gives for raw outputs (B, K) and the slice of their sequences the
        gradient of the loss (B, K). By name of each layer and direction; one that
        begins at the end has its steps in the order in which it reads them.
        """
        norms = {part.name: np.zeros(len(data)) for part in self.recurrents}
        passes = self._passes(data, starts, lengths, KEPT_STEPS, None, keep=True)
        for batch, x, run in passes:
            output, tapes = self._through(self.layers, x, run)
            self.backward(d_loss(output, batch), tapes)
            for part, tape, _ in self._on_tape(tapes):
                norms[part.name][x.rows] = np.linalg.norm(part.d_z(tape), axis=(1, 2))
        return norms

    def _on_tape(self, tapes):
        """Each recurrent layer and direction with its tape and whether it reads from
        the end."""
        for layer, tape in zip(self.layers, tapes):
            if layer in self.recurrent_layers:
                yield from layer.on_tape(tape)
