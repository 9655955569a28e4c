"""Windows of series: what the network reads of a context and of the steps behind it."""

import numpy as np

from ..steps import Steps, StepsGradient
from ..windows import season_before, units_of
from .layer import Layer


class Windows(Layer):
    """A context of any length and `horizon` steps behind it, where targets are absent.

    A step has, of each target, its value in the units of the window, without these in
    those of a feature, and whether it is absent; with a `lag` the same of the season
    before; log(1 + size / scale) / 2, by which a network that sees differences knows
    their share (0 without units); how far ahead it is; and then the features,
    standardised by `centre` and `spread` (F,), behind the context those alone that are
    known ahead, `future` and `static`. What is missing is 0. Features that are `ids`
    stand last, as they are.

    The data are float64, whatever the precision of the network, which is that of
    differences from the centre.
    """

    gives_steps = True

    def __init__(
        self, name, n_inputs, dtype, *, horizon, targets, future, static, scaling, lag,
        centre, spread, ids=(), context_length=None,
    ):  # fmt: skip
        self.horizon, self.scaling, self.lag = horizon, scaling, lag
        self.targets = np.array(targets, dtype=np.intp)
        F, K = len(centre), len(targets)
        # behind the features of X there may be indicators of what is missing of them
        others = [j for j in range(n_inputs) if j % F not in targets and j not in ids]
        others += ids
        self.others = np.array(others, dtype=np.intp)
        self.hidden = np.array(
            [j % F not in (*future, *static) for j in others], dtype=bool
        )
        self.units = np.array([(centre[k], spread[k]) for k in targets]).T
        self.centre = np.array([centre[j] if j < F else 0.0 for j in others])
        self.spread = np.array([spread[j] if j < F else 1.0 for j in others])
        n_outputs = K * (3 if lag is None else 5) + len(others) + 1
        super().__init__(name, n_inputs, n_outputs, dtype)

    def forward(self, x, run):
        data, rows, K = x.values, x.rows, len(self.targets)
        window, time = x.schedule.sequence, x.schedule.time
        context = contexts(x.schedule, self.horizon)[window]
        ahead = time - context + 1
        y = data[rows[:, np.newaxis], self.targets]
        y[ahead > 0] = np.nan
        units = units_of(y, window, x.schedule.n_sequences, self.scaling)
        if self.scaling is None:
            units = units._replace(
                **{
                    name: np.broadcast_to(value, units.scale.shape)
                    for name, value in zip(("centre", "scale"), self.units)
                },
                size=np.zeros_like(units.size),  # the level is told by z
            )
        centre, scale = units.centre[window], units.scale[window]
        out = run.workspace().array("y", len(rows), self.n_outputs)

        def put(begin, values):
            """Values in the units of their windows, and whether they are absent."""
            absent = np.isnan(values)
            out[:, begin : begin + K] = np.where(absent, 0, (values - centre) / scale)
            out[:, begin + K : begin + 2 * K] = absent

        put(0, y)
        begin = 2 * K
        if self.lag is not None:
            put(
                begin,
                season_before(data, self.targets, rows, time, context, self.lag),
            )
            begin += 2 * K
        share = np.log1p(units.size / units.scale) / 2
        out[:, begin : begin + K] = share[window]
        begin += K
        out[:, begin] = np.maximum(ahead, 0) / self.horizon
        if len(self.others):
            values = data[rows[:, np.newaxis], self.others]
            values -= self.centre
            values /= self.spread
            values[np.isnan(values)] = 0
            values[np.ix_(ahead > 0, self.hidden)] = 0
            out[:, begin + 1 :] = values
        return Steps(out, np.arange(len(rows)), x.schedule), None

    def backward(self, d_y, tape, d_weights):
        return None

    def n_elements(self, n_sequences, n_steps):
        # what is handed on, and on the way there some matrices in float64
        return n_steps * (self.n_outputs + 4 * (4 * len(self.targets) + self.n_inputs))


class LastSteps(Layer):
    """The outputs at the last `n_steps` steps of each sequence (B n_steps, width), one
    sequence after the other."""

    def __init__(self, name, width, dtype, n_steps):
        super().__init__(name, width, width, dtype)
        self.n_steps = n_steps

    def forward(self, x, run):
        schedule, h = x.schedule, self.n_steps
        ahead = schedule.time - contexts(schedule, h)[schedule.sequence]
        last = np.flatnonzero(ahead >= 0)
        steps = np.empty(h * schedule.n_sequences, np.intp)
        steps[h * schedule.sequence[last] + ahead[last]] = last
        values = run.workspace().array("values", len(steps), x.values.shape[1])
        np.take(x.values, x.rows[steps], axis=0, out=values, mode="clip")
        return values, (steps, len(x.rows)) if run.keep else None

    def backward(self, d_y, tape, d_weights):
        steps, n = tape
        values = np.zeros((n, d_y.shape[1]), self.dtype)
        values[steps] = d_y
        return StepsGradient(values)

    def step(self, x, state):
        return x, state

    def n_elements(self, n_sequences, n_steps):
        return (n_steps + self.n_steps * n_sequences) * self.width


def contexts(schedule, horizon):
    """Steps of each sequence (B,) before its last `horizon` ones."""
    lengths = np.bincount(schedule.sequence, minlength=schedule.n_sequences)
    return lengths - horizon
