"""How many values lie in their intervals, by a table of a backtest."""

from __future__ import annotations

import re

import numpy as np

from .._typing import DataFrame
from ..sequences._columns import as_numbers, is_frame
from ..sequences._peers import package_of
from ._table import frames_of


def coverage(table: DataFrame, *, level: float | None = None) -> DataFrame:
    """Share of the values that lie in their intervals, and how wide these are.

    Parameters
    ----------
    table : DataFrame
        Of :func:`backtest`, of pandas or polars: with a column ``y`` and intervals in
        columns such as ``LSTMForecaster-lo-80`` and ``LSTMForecaster-hi-80``.

    level : float, default=None
        The intervals to look at, in percent. None is all there are.

    Returns
    -------
    covered : DataFrame
        Of the same library, one row per forecaster and level, with the columns

        - ``forecaster``: its name;
        - ``level``: what is to be covered, in percent;
        - ``coverage``: what is, in percent. Ends of intervals belong to them;
        - ``width``: the mean width of the intervals;
        - ``n``: the number of rows. Those whose ``y`` is missing do not count.

    Raises
    ------
    TypeError
        If `table` is no DataFrame.
    ValueError
        If it has no column ``y``, or no intervals of this level.

    See Also
    --------
    backtest : Makes the table.

    Notes
    -----
    Of rows of one backtest n tell less than n independent ones would: errors of
    neighbouring rows, and of overlapping windows, are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.forecasting import SeasonalNaive, backtest, coverage
    >>> X = np.random.default_rng(0).standard_normal((50, 60)).cumsum(axis=1)
    >>> naive = SeasonalNaive(8, quantile=[0.1, 0.5, 0.9])
    >>> coverage(backtest(naive, X, refit=True)).round(1)
          forecaster  level  coverage  width    n
    0  SeasonalNaive   80.0      79.2    5.1  400
    """
    if not is_frame(table):
        raise TypeError(
            f"Expected a table of pandas or polars, got {type(table).__name__}."
        )
    columns = [str(column) for column in table.columns]
    found = {}
    for column in columns:
        match = re.fullmatch(r"(.+)-lo-(\d+(?:\.\d+)?)", column, flags=re.DOTALL)
        if match and f"{match[1]}-hi-{match[2]}" in columns:
            if level is None or abs(float(match[2]) - level) < 1e-9:
                found[match[1], match[2]] = None
    if "y" not in columns or not found:
        missing = "column 'y'"
        if "y" in columns:
            missing = "pair of columns '<name>-lo-<level>' and '<name>-hi-<level>'"
            missing += "" if level is None else f" of level={level}"
        raise ValueError(
            f"There is no {missing} among {columns}. Pass the table of backtest of a "
            "forecaster with quantile=[0.1, 0.5, 0.9]."
        )
    y = as_numbers(table["y"], "y")
    there = ~np.isnan(y)
    rows = []
    for name, of_level in found:
        low, high = (
            as_numbers(table[column], column)[there]
            for column in (f"{name}-lo-{of_level}", f"{name}-hi-{of_level}")
        )
        inside = (low <= y[there]) & (y[there] <= high)
        n = len(inside)
        share = 100 * inside.mean() if n else np.nan
        width = np.mean(high - low, dtype=np.float64) if n else np.nan
        rows.append((name, float(of_level), share, width, n))
    frames = frames_of(package_of(table), "coverage")
    names = ("forecaster", "level", "coverage", "width", "n")
    return frames.DataFrame(dict(zip(names, map(list, zip(*rows)), strict=True)))
