"""Windows of series as samples: which there are, of one matrix that all share."""

import numpy as np

from ..sequences._stacking import rows_of_parts


class WindowArray:
    """n windows of a matrix (rows, F), in the place of sequences of their own.

    `series` (n,) is the number of the series that each is of, `steps` (n,) how many of
    its steps are before the cut, and `given` what the fit was given: X, no y, and
    weights of the series.
    """

    vocabulary = None

    def __init__(self, data, starts, lengths, series, steps, given):
        self.data, self.starts, self.lengths = data, starts, lengths
        self.series, self.steps, self.given = series, steps, given

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, which):
        parts = self.starts, self.lengths, self.series, self.steps
        return WindowArray(self.data, *(part[which] for part in parts), self.given)

    @property
    def shape(self):
        return len(self), None, self.data.shape[1]

    def _as_rows(self):
        return self.data, self.starts, self.lengths


def cuts_of(lengths, horizon, least):
    """Where contexts may end in series of these lengths: the series and the number of
    steps before the cut, for each.

    Behind a cut there is a whole horizon, and before it at least `least` steps, where
    the series is long enough; a shorter one is cut in its second half, whatever is
    behind.
    """
    last = lengths - horizon
    first = np.minimum(least, last)
    short = last < 1
    first[short], last[short] = (
        np.maximum((lengths[short] + 1) // 2, 1),
        (lengths[short] - 1),
    )
    counts = np.maximum(last - first + 1, 0)
    series = np.repeat(np.arange(len(lengths)), counts)
    return series, rows_of_parts(first, counts)[0]
