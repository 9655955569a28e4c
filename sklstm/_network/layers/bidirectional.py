"""Two recurrent layers side by side, one of which reads sequences from their ends."""

import numpy as np

from ..steps import Steps, StepsGradient
from .layer import Layer
from .recurrent import Recurrent

# Of the names of what belongs to a direction; a single one has the first.
SUFFIXES = "", "_reverse"


class Bidirectional(Layer):
    """Two recurrent layers (Schuster & Paliwal 1997); the outputs are side by side.

    Each sequence is read from its own end: it begins where it has its last step. The
    output of a row-step is what the two directions know there: one all before it, the
    other all after it. The last output is the last state of each, which for the second
    is the one at the first step. Parameters have the names of `Recurrent`, those of the
    second layer with the suffix _reverse. Arguments are those of `Recurrent`.
    """

    gives_steps = True
    _direction = Recurrent

    def __init__(self, name, n_inputs, n_units, dtype, *args, **options):
        super().__init__(name, n_inputs, 2 * n_units, dtype)
        self.n_units = n_units
        self.directions = tuple(
            self._direction(name + suffix, n_inputs, n_units, dtype, *args, **options)
            for suffix in SUFFIXES
        )
        self.reads_data = self.directions[0].reads_data
        self.kernels = self.directions[0].kernels
        self.shapes = {
            key + suffix: shape
            for layer, suffix in zip(self.directions, SUFFIXES)
            for key, shape in layer.shapes.items()
        }

    def _each(self, weights):
        """Both layers with their own weights."""
        for layer, suffix in zip(self.directions, SUFFIXES):
            yield layer, {key: weights[key + suffix] for key in layer.shapes}

    def initialize(self, weights, rng, begin):
        for layer, own in self._each(weights):
            layer.initialize(own, rng, begin)

    def best_threads(self, limit, schedule, keep):
        first = self.directions[0]
        return first.best_threads(limit, schedule, keep, len(self.directions))

    def load(self, weights, **options):
        for layer, own in self._each(weights):
            layer.load(own, **options)

    def forward(self, x, run):
        mirror, first = x.schedule.mirror, self.directions[0]
        n_threads, n_teams = first.plan_forward(run.n_threads, x.schedule, 2)
        passes, results = zip(
            *(
                layer.begin_forward(x._replace(rows=rows), run, n_teams)
                for layer, rows in zip(self.directions, (x.rows, x.rows[mirror]))
            )
        )
        self.kernels.run_forward(list(passes), n_threads, n_teams)
        (y, tape), (y_reverse, tape_reverse) = results
        memory, every = run.workspace(), slice(None)
        ends = tuple(
            self._side_by_side(memory, f"end {k}", a, every, b, every)
            for k, (a, b) in enumerate(zip(y.ends, y_reverse.ends))
        )
        values = None
        if y.values is not None and (run.every_step or self.directions[0].every_step):
            values = self._side_by_side(
                memory, "values", y.values, y.rows, y_reverse.values,
                y_reverse.rows[mirror],
            )  # fmt: skip
        tapes = (tape, tape_reverse) if run.keep else None
        return Steps(values, np.arange(len(x.rows)), x.schedule, ends), tapes

    def _side_by_side(self, memory, name, a, a_rows, b, b_rows):
        H = self.n_units
        a, b = a[a_rows, :H], b[b_rows, :H]
        both = memory.array(name, len(a), self.width)
        both[:, :H] = a
        both[:, H : 2 * H] = b
        both[:, 2 * H :] = 0
        return both

    def backward(self, d_y, tape, d_weights, d_states=None):
        H, schedule, first = self.n_units, tape[0].x.schedule, self.directions[0]
        mirror = schedule.mirror
        columns, rows = (slice(0, H), slice(H, 2 * H)), (slice(None), mirror)
        n_threads, n_teams = first.plan_backward(tape[0].n_threads, schedule, 2)
        each, passes, d_x = list(zip(self._each(d_weights), tape)), [], []
        for k, ((layer, d_own), own) in enumerate(each):
            d_values = _padded(layer, own, "d_y", d_y.values, rows[k], columns[k])
            d_ends = tuple(
                _padded(layer, own, f"d_end {n}", end, slice(None), columns[k])
                for n, end in enumerate(d_y.ends)
            )
            d_y_own = StepsGradient(d_values, d_ends)
            one, d_x_own = layer.begin_backward(
                d_y_own, own, d_own, d_states, n_threads
            )
            passes.append(one)
            d_x.append(d_x_own)
        self.kernels.run_backward(passes, n_threads, n_teams)
        for (layer, d_own), own in each:
            layer.end_backward(own, d_own)
        if self.reads_data:
            return None
        return StepsGradient(d_x[0].values + d_x[1].values[mirror])

    def on_tape(self, tape):
        """Each direction with its tape, and whether it reads from the end."""
        yield from zip(self.directions, tape, (False, True))

    def n_elements(self, n_sequences, n_steps):
        of_each = (layer.n_elements(n_sequences, n_steps) for layer in self.directions)
        # outputs side by side and their gradients, apart
        return sum(of_each) + n_steps * 4 * self.directions[0].width


def _padded(layer, tape, name, both, rows, columns):
    """The part of a gradient that is of one direction, in the width of its layer."""
    if both is None:
        return None
    part = both[rows, columns]
    padded = tape.memory.array(name, len(part), layer.width)
    padded[:, : layer.n_units] = part
    padded[:, layer.n_units :] = 0
    return padded
