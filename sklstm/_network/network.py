"""The network: a chain of layers over one flat parameter vector."""

from itertools import takewhile

import numpy as np

from .flat_network import PREDICT_STEPS, STRIP_ROWS, FlatNetwork
from .steps import Steps

# Row-steps of a batch that keeps its tape.
KEPT_STEPS = 8192
# Most rows of the data for which a schedule is kept from call to call: 256 KB.
KNOWN_STEPS = 8192


class Network(FlatNetwork):
    """A chain of layers: some that hand on steps, then one that reads them, and a head.

    Outputs are a row for each sequence or, where all steps are read, one for each step,
    one sequence after the other.

    The layers come with names of their own; those of recurrent ones are l0, l1, ...,
    of a pooling with running sums it is pooling.
    """

    def __init__(self, layers):
        self.body = list(takewhile(lambda layer: layer.gives_steps, layers))
        self.reader = layers[len(self.body)]
        tables = next((part for part in self.body if part.has_tables), None)
        super().__init__(layers, tables)
        self._has_state = [bool(layer.directions) for layer in layers]
        self.state_widths = [part.state_widths for part in self.recurrents]
        self._scheduled = None, None, None
        self._ends = {}  # by name of a recurrent layer: where the last `forward` ended

    @property
    def pooling(self):
        """What keeps running sums over the steps, None where nothing does."""
        return self.reader if self.reader.has_sums else None

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

    def _run(self, schedule, *, keep=False, **options):
        """A run with as many threads as the layer that can use the most has."""
        each = [(layer, schedule) for layer in self.recurrent_layers]
        return self._run_of(each, keep=keep, **options)

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
        gradient, views = self._zero_gradient()
        d_y = d_output
        for layer, tape in zip(reversed(self.layers), reversed(tapes), strict=True):
            d_y = layer.backward(d_y, tape, self._parameters_of(layer, views))
        return gradient

    # ---- prediction, after `load` ----------------------------------------------

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
        n_steps = self._at_once(data, n_steps)
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
        is_here = isinstance(data, np.ndarray)
        if not is_here or len(starts) > STRIP_ROWS or len(data) > KNOWN_STEPS:
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
        data, n_outputs = np.asarray(data), self.body[-1].n_outputs
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
        data, every = np.asarray(data), {}
        passes = self._passes(data, starts, lengths, KEPT_STEPS, states, keep=True)
        for _, x, run in passes:
            _, tapes = self._through(self.body, x, run)
            for part, tape, mirrored in self._on_tape(tapes):
                rows = x.rows[x.schedule.mirror] if mirrored else x.rows
                for name, values in part.states_on_tape(tape).items():
                    shape = len(data), *values.shape[1:]
                    name = f"{name}_{part.name}"
                    every.setdefault(name, np.zeros(shape, self.dtype))[rows] = values
        return every

    def gradient_norms(self, data, starts, lengths, d_loss):
        """Norms of the gradients with respect to the sums z, for every row of the data.

        `d_loss` gives for raw outputs (B, K) and the slice of their sequences the
        gradient of the loss (B, K). By name of each layer and direction; one that
        begins at the end has its steps in the order in which it reads them.
        """
        data = np.asarray(data)
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
