"""Around forecasters: backtests, tables of forecasts, windows, and where to begin."""

from ._backtest import backtest
from ._coverage import coverage
from ._forecast import forecast_table
from ._naive import SeasonalNaive
from ._windows import Windows, make_windows

__all__ = [
    "SeasonalNaive",
    "Windows",
    "backtest",
    "coverage",
    "forecast_table",
    "make_windows",
]
