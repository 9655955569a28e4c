"""What comes after the end of a context: targets of forecasts, in units of its own.

`WindowTarget` are the targets of windows, read where they are needed; the fit makes
`Horizon`, which is `Numbers` in the units of each window.
"""

from functools import cached_property, partial

import numpy as np
from sklearn.utils import gen_batches

from .._network.losses import AtSteps
from .._network.windows import season_before, units_of
from ..sequences._rows import Rows, by_blocks, by_row
from ..sequences._stacking import as_offsets, rows_of_parts
from .numbers import NumberReader, Numbers
from .steps import StepTarget

# Windows that tell what all are like, and a part that is read at once.
ENOUGH_WINDOWS = 5000
PART = 4096


class WindowTarget(StepTarget):
    """The steps of n windows behind their contexts; never changed.

    A window is rows of `series` (rows, F), which all windows share: its context from
    `starts` (n,) on up to `cuts` (n,), and `horizon` rows from there on. Of `columns`
    the targets are z = (y - base) / scale, NaN where a series has none: the base is the
    centre of the context or, with a `lag`, the last value of the same season.
    """

    weight = labels = None
    is_in_data = True  # what there is of it is among the rows of a window

    def __init__(self, series, starts, cuts, columns, horizon, scaling, lag, rows=None):
        self.series, self.starts, self.cuts = series, starts, cuts
        self.columns = columns  # of series, the targets (K,)
        self.horizon, self.scaling, self.lag = horizon, scaling, lag
        self.rows = rows  # `Numbers`, in whose units values are, or None

    def __len__(self):
        return len(self.cuts)

    def replace(self, **changes):
        names = "series", "starts", "cuts", "columns", "horizon", "scaling", "lag"
        return WindowTarget(
            **{name: getattr(self, name) for name in (*names, "rows")} | changes
        )

    def __getitem__(self, which):
        return self.replace(starts=self.starts[which], cuts=self.cuts[which])

    def whole(self):
        """First row and number of rows of each window (n,)."""
        return self.starts, self.cuts + self.horizon - self.starts

    def moved(self, data, starts):
        """The same windows, which begin at these rows of other data."""
        cuts = self.cuts + (starts - self.starts)
        return self.replace(series=data, starts=starts, cuts=cuts)

    def evenly(self):
        """Windows enough to tell what all are like, evenly spread."""
        n = len(self)
        return np.linspace(0, n - 1, min(n, ENOUGH_WINDOWS)).astype(np.intp)

    @property
    def offsets(self):
        return np.arange(len(self) + 1) * self.horizon

    @property
    def lengths(self):
        return np.full(len(self), self.horizon)

    @cached_property
    def counts(self):
        """Steps with a target (n,)."""
        return self.n_known(self.cuts, self.cuts + self.horizon)

    def n_known(self, begins, ends):
        """How many of the rows between these have a target (n,)."""
        before = as_offsets(by_row(_has_any, self.series, self.columns))
        return before[ends] - before[begins]

    @property
    def amounts(self):
        return self.counts.astype(np.float64)

    @cached_property
    def _read(self):
        """Base (n, h, K) and scale (n, K)."""
        read = partial(
            _units_read, columns=self.columns, horizon=self.horizon,
            scaling=self.scaling, lag=self.lag,
        )  # fmt: skip
        return self._where_they_lie(read, (self.horizon,), ())

    @property
    def scale(self):
        """Of each window and target (n, K)."""
        return self._read[1]

    @property
    def y(self):
        """As the series have it (n, h, K)."""
        read = partial(_y_read, columns=self.columns, horizon=self.horizon)
        return self._where_they_lie(read, (self.horizon,))[0]

    def _where_they_lie(self, read, *shapes):
        """Arrays (n, *shape, K) that `read` makes of windows."""
        windows = self.series, *self.whole(), self.cuts - self.starts
        if not isinstance(self.series, Rows):
            return read(*windows)
        n, K = len(self), len(self.columns)
        arrays = [np.empty((n, *shape, K)) for shape in shapes]
        for some, found in by_blocks(read, *windows):
            for array, part in zip(arrays, found, strict=True):
                array[some] = part
        return arrays

    def naive_errors(self, lag):
        """Mean absolute difference from the value `lag` steps before in each context
        (n, K), NaN where there is none."""
        n, context = len(self), self.cuts - self.starts
        pairs = np.maximum(context - lag, 0)
        window = np.repeat(np.arange(n), pairs)
        rows, _ = rows_of_parts(self.starts, pairs)
        y = self.series[:, self.columns]
        errors = []
        for difference in np.abs(y[rows + lag] - y[rows]).T:
            there = ~np.isnan(difference)
            total = np.bincount(window[there], difference[there], minlength=n)
            count = np.bincount(window[there], minlength=n)
            errors.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
        return np.column_stack(errors)

    @cached_property
    def values(self):
        """z (n h, K), in the units of `rows` where there are any."""
        base, scale = self._read
        z = (self.y - base) / scale[:, np.newaxis]
        z = z.reshape(-1, len(self.columns))
        return z if self.rows is None else self.rows.encode(z)

    def in_units_of_y(self, z):
        """Predictions z (n h, K, ...) as y (n, h, K, ...): base + scale z."""
        base, scale = self._read
        z = z.reshape(*base.shape, *z.shape[2:])
        more = tuple(range(3, z.ndim))
        return np.expand_dims(base, more) + np.expand_dims(scale[:, None], more) * z


def _has_any(data, columns):
    """Whether there is a number in one of these columns of each row."""
    return ~np.isnan(data[:, columns]).all(axis=1)


def _y_read(data, starts, lengths, context, columns, horizon):
    """What is behind contexts of these lengths, in a tuple."""
    rows = (starts + context)[:, np.newaxis] + np.arange(horizon)
    return (data[rows[..., np.newaxis], columns],)


def _units_read(data, starts, lengths, context, **options):
    """Base (n, h, K) and scale (n, K) of windows with contexts of these lengths."""
    if len(starts) <= PART:
        return _part_read(data, starts, context, **options)
    parts = [
        _part_read(data, starts[part], context[part], **options)
        for part in gen_batches(len(starts), PART)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _part_read(data, starts, context, columns, horizon, scaling, lag):
    n, cuts = len(starts), starts + context
    window = np.repeat(np.arange(n), context)
    rows, _ = rows_of_parts(starts, context)
    units = units_of(data[rows[:, np.newaxis], columns], window, n, scaling)
    base = np.repeat(units.centre, horizon, axis=0)
    if lag is not None:
        step = np.tile(np.arange(horizon), n)
        rows, context = np.repeat(cuts, horizon) + step, np.repeat(context, horizon)
        base = season_before(data, columns, rows, context + step, context, lag)
        last = np.repeat(units.last, horizon, axis=0)
        base = np.where(np.isnan(base), last, base)
    return base.reshape(n, horizon, len(columns)), units.scale


class HorizonReader(NumberReader):
    """What a forecaster with this loss takes as targets of windows; of a `single` one
    forecasts have no axis of targets."""

    def __init__(self, name, loss, parameters, single):
        super().__init__(name, loss, parameters)
        self.single = single

    def fit(self, y, sample_weight, classes=None, incremental=False):
        values, weight, _ = _labelled(y, sample_weight)
        rows = super().fit(values, weight, classes, incremental)
        return Horizon(rows, self.single)

    def check_same(self, target, y, classes=None):
        super().check_same(target.rows, y[:1].values, classes)


class Horizon:
    """Numbers for each step of a horizon, those of a row being `Numbers`."""

    methods, head = Numbers.methods, Numbers.head

    def __init__(self, rows, single):
        self.rows, self.single = rows, single
        self.loss = AtSteps(rows.loss)
        self.n_outputs, self.levels = rows.n_outputs, rows.levels
        self.state = {**rows.state, "single": single}
        self.attributes = rows.attributes
        self.score_name = "score (negative loss)"

    def check_whole(self, y):
        """Any y will do."""

    def encode(self, y):
        """What the loss compares outputs with."""
        return y.replace(rows=self.rows)

    def follow(self, y, sample_weight):
        """Let centre and scale follow the targets, as long as they are a guess."""
        values, weight, _ = _labelled(y, sample_weight)
        rows, change = self.rows.follow(values, weight)
        return (self if rows is self.rows else Horizon(rows, self.single)), change

    def scorer(self, y, sample_weight):
        """Outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            return -value, value

        return score

    def predict(self, out, windows):
        """Forecasts (n, h), (n, h, K), (n, h, Q) or (n, h, K, Q) of outputs."""
        y = windows.in_units_of_y(self.rows.predict(out))
        return y[:, :, 0] if self.single else y

    def head_in_units(self, weight, bias):
        return self.rows.head_in_units(weight, bias)


def _labelled(y, sample_weight):
    """Values, weights and rows of the steps of enough windows that have a target."""
    which = y.evenly()
    weight = None if sample_weight is None else sample_weight[which]
    return y[which].labelled(weight)


def horizon_of(single, **state):
    """A target of its state."""
    return Horizon(Numbers(**state), single)
