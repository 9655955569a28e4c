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


def __dir__():
    return [*__all__, "SktimeForecaster"]


def __getattr__(name):
    if name != "SktimeForecaster":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:  # the one name that needs another package
        import sktime  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"sklstm.forecasting.{name} needs sktime: pip install sktime"
        ) from error
    from ._sktime import SktimeForecaster

    return SktimeForecaster
