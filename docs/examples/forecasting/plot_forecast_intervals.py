"""
Forecast intervals and whether they hold (air quality)
======================================================

An interval that is to hold 80 % of the values has to be counted on values that came
later. PM2.5 in Beijing, 24 hours ahead: intervals that look right in the past and fail,
intervals of :class:`~sklstm.LSTMForecaster`, and what
:meth:`~sklstm.LSTMForecaster.calibrate` does for them.

Tags: forecasting, intervals, calibration, backtest, missing values, real data
"""

# %%
# All that follows learns from January to August 2013. The year from October 2013 on is
# to be forecast; September is kept to calibrate.

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMForecaster, LSTMRegressor, SequenceArray
from sklstm.datasets import load_beijing_pm25
from sklstm.forecasting import SeasonalNaive, backtest, coverage, make_windows
from sklstm.preprocessing import TimeDistributed

hours = load_beijing_pm25(subset="all", as_frame=True).frame
hours = hours.loc[hours["ds"] < "2014-10-01", ["unique_id", "ds", "pm2.5"]]
levels = [0.1, 0.5, 0.9]


def until(time):
    """The series up to a time."""
    return SequenceArray.from_long(hours[hours["ds"] < time], by="unique_id", sort="ds")


train, with_september, everything = map(
    until, ("2013-09-01", "2013-10-01", "2014-10-01")
)

# %%
# A trap
# ------
#
# Windows of 24 hours, the change from the last value to the value 24 hours later, its
# quantiles by an :class:`~sklstm.LSTMRegressor`, and the last value added afterwards.
# In the months of the fit that is right. In those that follow it is not: the changes of
# winter are larger than those that it has learned from.

filled = hours.assign(**{"pm2.5": hours["pm2.5"].ffill()}).drop(columns="unique_id")
windows = make_windows(filled, target="pm2.5", window=24, horizon=24, sort="ds")
last, y = windows.X.to_padded()[:, -1, 0], windows.y[:, -1]
past = windows.cutoffs < np.datetime64("2013-08-31")
later = windows.cutoffs >= np.datetime64("2013-10-01")
regressor = make_pipeline(
    TimeDistributed(StandardScaler()),
    LSTMRegressor(32, loss="quantile", quantile=levels, max_iter=30, random_state=0),
)
regressor.fit(windows.X[past], (y - last)[past])
for name, part in ("months of the fit", past), ("months after", later):
    change = regressor.predict(windows.X[part])
    low, _, high = last[part] + change.T
    holds = np.mean((low <= y[part]) & (y[part] <= high))
    print(f"{name:18} {holds:.0%} of the values in intervals that are to hold 80 %")

# %%
# Units of the window, and calibration
# ------------------------------------
#
# The forecaster sees each window in units of its own (``scale="std"``), so that its
# intervals are wide where the air has been restless. With the epochs that it makes by
# itself they hold about what they should; with many more it knows the months of the fit
# by heart and is too sure of itself. ``calibrate`` counts how far the ends of the
# intervals were off in windows of September, at each hour of the horizon, and moves
# them by that. A window every three hours makes 230 of them: a share of 80 % is hard to
# tell from a few.

settings = {"horizon": 24, "quantile": levels, "random_state": 0}
forecasters = {
    "last value": SeasonalNaive(24, quantile=levels),
    "LSTM": LSTMForecaster(32, **settings),
    "many epochs": LSTMForecaster(32, max_iter=60, **settings),
}
for forecaster in forecasters.values():
    forecaster.fit(train)
calibrated = deepcopy(forecasters["many epochs"])
calibrated.calibrate(with_september, n_windows=230, step=3)
forecasters["many, calibrated"] = calibrated
table = backtest(forecasters, everything, n_windows=365, step=24)
print(coverage(table).round(1).to_string(index=False))

# %%
# By month and by hour
# --------------------
#
# A mean over a year can hide a bad winter: the intervals of the last value are of one
# width, too narrow in some months and too wide in others. What is calibrated on one
# month need not hold in another either; it has to be counted again.

held = {
    name: (table[f"{name}-lo-80"] <= table["y"])
    & (table["y"] <= table[f"{name}-hi-80"])
    for name in forecasters
}
known = table["y"].notna()
ahead = (table["ds"] - table["cutoff"]).dt.total_seconds() / 3600
month = table["ds"].dt.strftime("%Y-%m")
figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
for name, values in held.items():
    axes[0].plot(values[known].groupby(month[known]).mean(), label=name)
    axes[1].plot(values[known].groupby(ahead[known]).mean(), label=name)
for ax in axes:
    ax.axhline(0.8, color="0.5", linestyle="--", linewidth=1)
axes[0].set(ylabel="Share of the values in their intervals", ylim=(0.4, 1))
axes[0].tick_params(axis="x", rotation=60)
axes[1].set(xlabel="Hours ahead")
axes[1].legend(loc="lower right")
# sphinx_gallery_thumbnail_panels = [1]
plt.show()
