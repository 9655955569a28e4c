"""The embedding: a trained row in place of each id; numbers stand behind the rows."""

from typing import NamedTuple

import numpy as np

from ..._kernels import Schedule, add_rows
from ..steps import Steps, places_by_sequence
from .layer import Layer

# Standard deviation of the elements where a row begins.
ROW_SCALE = 0.1


class Tape(NamedTuple):
    """What `backward` needs of a `forward`."""

    schedule: Schedule
    ids: list  # (N,) of each table
    n_threads: int


class Embedding(Layer):
    """A row of a table in place of the id in each of some columns of X.

    Its parameters are a table (V, E) for each of these columns, w and the number of the
    column. The rows of a step stand side by side, in the order of the columns, and the
    other columns, which are numbers, behind them. Row 0 is that of what is not known,
    and of every id beyond the table.

    Of a gradient only the rows that the batch has are written: `touched` says which. It
    is the network that lets them begin at zero. A table that a head reads too
    (`shared`) is a parameter like others.
    """

    gives_steps = True
    has_tables = True

    def __init__(
        self, name, n_inputs, dtype, *, columns, rows, widths, trainable, shared=False
    ):
        self.columns = columns
        self.numbers = [j for j in range(n_inputs) if j not in columns]
        self.n_embedded = sum(widths)
        n_outputs = self.n_embedded + len(self.numbers)
        super().__init__(name, n_inputs, n_outputs, dtype)
        self.trainable = trainable
        self.shared = shared
        self.keys = [f"w{column}" for column in columns]
        self.shapes = dict(zip(self.keys, zip(rows, widths)))
        # of one table alone nothing is copied: the next layer follows its rows
        self.is_alone = len(columns) == n_inputs == 1
        self.touched = {}  # by key: rows (n,) of the last gradient, rising
        self._tables = None

    def initialize(self, weights, rng, begin):
        """Normal rows of `ROW_SCALE`, small beside what training makes of them, so that
        a rare token is no noise; zero for row 0. Then what `begin.tables` has: for each
        table the rows and their values, or None."""
        given = begin.tables or len(self.keys) * [None]
        for key, start in zip(self.keys, given, strict=True):
            table = weights[key]
            if start is None or len(start[0]) < len(table):
                table[:] = ROW_SCALE * rng.standard_normal(table.shape)
                table[0] = 0
            if start is not None:
                table[start[0]] = start[1]

    def load(self, weights, *, backward, n_threads=1):
        self._tables = [weights[key] for key in self.keys]

    def _ids(self, data, rows):
        """The rows of each table for some rows of the data."""
        for column, table in zip(self.columns, self._tables):
            ids = data[rows, column]
            yield np.where(ids < len(table), ids, 0).astype(np.intp)

    def _side_by_side(self, data, rows, ids, out):
        begin = 0
        for table, own in zip(self._tables, ids):
            out[:, begin : begin + table.shape[1]] = table[own]
            begin += table.shape[1]
        out[:, begin:] = data[rows][:, self.numbers]
        return out

    @property
    def table(self):
        """The one table."""
        (table,) = self._tables
        return table

    def forward(self, x, run):
        ids = list(self._ids(x.values, x.rows))
        N, tape = len(x.rows), None
        if run.keep:
            n_threads = self.n_threads(N, run.n_threads)
            tape = Tape(x.schedule, ids, n_threads)
        if self.is_alone:
            return Steps(self._tables[0], ids[0], x.schedule), tape
        values = run.workspace().array("y", N, self.n_outputs)
        self._side_by_side(x.values, x.rows, ids, values)
        return Steps(values, np.arange(N), x.schedule), tape

    def forget(self, d_weights):
        """Let the gradient be zero again."""
        for key, ids in self.touched.items():
            d_weights[key][ids] = 0

    def backward(self, d_y, tape, d_weights):
        self.touched = {}
        if not self.trainable:
            return None
        batch, begin = _in_order_of_batch(tape.schedule), 0
        for key, ids in zip(self.keys, tape.ids):
            V, E = self.shapes[key]
            ids = ids[batch]
            # NumPy sorts integers of 16 bits by their digits
            order = np.argsort(ids.astype(np.min_scalar_type(V - 1)), kind="stable")
            ids = ids[order]
            begins = np.flatnonzero(np.diff(ids, prepend=-1))
            self.touched[key] = ids[begins]
            add_rows(
                d_y.values, begin, batch[order], begins, ids[begins], d_weights[key],
                tape.n_threads,
            )  # fmt: skip
            begin += E
        return None

    def step(self, x, state):
        rows = np.arange(len(x))
        ids = list(self._ids(x, rows))
        if self.is_alone:
            return self._tables[0][ids[0]], None
        out = np.empty((len(x), self.n_outputs), self.dtype)
        return self._side_by_side(x, rows, ids, out), None

    def n_elements(self, n_sequences, n_steps):
        # ids and their order; the sum of what two directions give back, and of several
        # columns the rows side by side
        of_ids = (len(self.columns) + 4) * (np.dtype(np.intp).itemsize // 4)
        return n_steps * (of_ids + (2 + (not self.is_alone)) * self.n_outputs)


def _in_order_of_batch(schedule):
    """The row-steps (N,) sequence by sequence, each from its first step on."""
    place = places_by_sequence(schedule)
    order = np.empty_like(place)
    order[place] = np.arange(len(place))
    return order
