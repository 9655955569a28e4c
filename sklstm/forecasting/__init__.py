"""Around forecasters: backtests, tables of forecasts, windows, and where to begin."""

from ._backtest import backtest
from ._naive import SeasonalNaive

__all__ = ["SeasonalNaive", "backtest"]
