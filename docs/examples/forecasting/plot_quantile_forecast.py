"""
Quantile regression (air quality, six hours ahead)
==================================================

How much fine dust in six hours, and how sure is that? One
:class:`~sklstm.LSTMRegressor` with ``loss="quantile"`` and a list of levels predicts
all of the quantiles, which never cross. Intervals of a change are not safe by
themselves: :doc:`/auto_examples/forecasting/plot_forecast_intervals`.

Tags: regression, forecasting, quantiles, intervals, windows, early stopping, real data
"""

# %%
# The network learns quantiles of the change from the last value, in 2013; the last two
# months of the year decide when to stop, as they did about dropout. The last value and
# the predicted change add up to quantiles of PM2.5, and a concentration is never
# negative.
#
# Scaler and network are one pipeline. What decides when to stop has to be scaled as the
# rest: ``transform_input`` says so, for which scikit-learn needs metadata routing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.metrics import d2_pinball_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor
from sklstm.datasets import load_beijing_pm25
from sklstm.preprocessing import TimeDistributed

train = load_beijing_pm25(subset="train", horizon=6)
test = load_beijing_pm25(subset="test", horizon=6)


def last_value(X):
    """PM2.5 (the first feature) at the last step of every window."""
    return X.data[X.offsets[1:] - 1, 0]


levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
X, change = train.data, train.target - last_value(train.data)
late = train.time >= np.datetime64("2013-11-01T00")
network = LSTMRegressor(
    32,
    loss="quantile",
    quantile=levels,
    dropout=0.3,
    batch_size=64,
    early_stopping=True,
    n_iter_no_change=5,
    random_state=0,
)
with config_context(enable_metadata_routing=True):
    network.set_fit_request(X_val=True, y_val=True)
    scaler = TimeDistributed(StandardScaler())
    model = make_pipeline(scaler, network, transform_input=["X_val"])
    model.fit(X[~late], change[~late], X_val=X[late], y_val=change[late])

quantiles = last_value(test.data)[:, np.newaxis] + model.predict(test.data)
quantiles = np.maximum(quantiles, 0)
print(f"{network.n_iter_} epochs; quantiles: {quantiles.shape}")
print("quantiles in order:", bool((np.diff(quantiles, axis=1) >= 0).all()))

# %%
# Two weeks of 2014: the median, and intervals that are to hold one half, 80 % and 90 %
# of the hours.

start = np.datetime64("2014-10-06T00")
weeks = (test.time >= start) & (test.time < start + np.timedelta64(14, "D"))
time = test.time[weeks].astype("datetime64[s]")
figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
for k, alpha in (0, 0.2), (1, 0.35), (2, 0.5):
    share = levels[-1 - k] - levels[k]
    low, high = quantiles[weeks, k], quantiles[weeks, -1 - k]
    label = f"{share:.0%} interval"
    ax.fill_between(time, low, high, color="C0", alpha=alpha, linewidth=0, label=label)
ax.plot(time, quantiles[weeks, 3], color="C0", label="median")
ax.plot(time, test.target[weeks], "k.", markersize=3, label="measured")
ax.set(ylabel="PM2.5, µg/m³", title="PM2.5 in Beijing, told six hours before")
ax.tick_params(axis="x", rotation=30)
ax.legend(loc="upper center", bbox_to_anchor=(0.62, 1))
plt.show()

# %%
# Are the levels kept? In a year that the network has not seen, the share of the hours
# below each quantile:

below = (test.target[:, np.newaxis] <= quantiles).mean(axis=0)
for level, share in zip(levels, below, strict=True):
    print(f"level {level:.2f}: {share:.3f} of the hours are below")
print(f"80 % interval: {below[5] - below[1]:.3f} of the hours")

figure, ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="ideal")
ax.plot(levels, below, "o-", label="LSTM")
ax.set(
    xlabel="Level of the quantile", ylabel="Share of the hours below", aspect="equal"
)
ax.legend()
plt.show()

# %%
# The median beside persistence, and both beside the constant that is best: D² of the
# absolute error, 1 for a perfect forecast.

for name, forecast in (
    ("LSTM, median", quantiles[:, 3]),
    ("persistence", last_value(test.data)),
):
    print(f"{name:13} {d2_pinball_score(test.target, forecast, alpha=0.5):.3f}")
