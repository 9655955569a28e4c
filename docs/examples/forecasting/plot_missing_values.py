"""
Regression with missing values (air quality)
============================================

An hour of PM2.5 is missing here and there: the sensor was out. What
:class:`~sklstm.LSTMRegressor` makes of it, on the air of Beijing with more and more of
the readings taken out.

Tags: regression, missing values, windows, real data
"""

# %%
# 24 hours of PM2.5 and weather, from which PM2.5 six hours later is to be told.
# Readings of PM2.5 are taken out at random, in training and in test windows; weather
# and targets stay. Every second window will do.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, SequenceArray
from sklstm.datasets import load_beijing_pm25
from sklstm.preprocessing import TimeDistributed

X_train, y_train = load_beijing_pm25(subset="train", horizon=6, return_X_y=True)
X_test, y_test = load_beijing_pm25(subset="test", horizon=6, return_X_y=True)
X_train, y_train, X_test, y_test = X_train[::2], y_train[::2], X_test[::2], y_test[::2]


def take_out(X, share, rng):
    """X with this share of its readings of PM2.5, the first feature, missing."""
    data = X.data.copy()
    data[rng.random(len(data)) < share, 0] = np.nan
    return SequenceArray(data, X.offsets)


# %%
# Scalers let missing values through. The network itself takes the last value that was
# seen (``missing="ffill"``), or is also told which values were missing ("indicator").
# Beside it the mean of the feature, as ``SimpleImputer`` puts it in, and no network at
# all: the last reading as the forecast.

settings = {
    "hidden_layer_sizes": 32,
    "batch_size": 64,
    "learning_rate": "cosine",
    "learning_rate_init": 0.005,
    "max_iter": 10,
    "random_state": 0,
}
scaler, imputer = TimeDistributed(StandardScaler()), TimeDistributed(SimpleImputer())
models = {
    "mean": make_pipeline(scaler, imputer, LSTMRegressor(**settings)),
    "ffill": make_pipeline(scaler, LSTMRegressor(missing="ffill", **settings)),
    "indicator": make_pipeline(scaler, LSTMRegressor(missing="indicator", **settings)),
}


def last_reading(X, otherwise):
    """The last PM2.5 that was measured in each window."""
    forecasts = []
    for x in X.to_list():
        readings = x[~np.isnan(x[:, 0]), 0]
        forecasts.append(readings[-1] if len(readings) else otherwise)
    return np.array(forecasts)


shares = [0, 0.25, 0.5, 0.75]
errors = {name: [] for name in ("last reading", *models)}
for share in shares:
    train = take_out(X_train, share, np.random.default_rng(0))
    test = take_out(X_test, share, np.random.default_rng(1))
    forecasts = {"last reading": last_reading(test, y_train.mean())}
    for name, model in models.items():
        with warnings.catch_warnings():
            # Ten epochs for each of them, over which the learning rate falls to zero:
            # to end at max_iter is meant.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train, y_train)
        forecasts[name] = model.predict(test)
    for name, forecast in forecasts.items():
        errors[name].append(root_mean_squared_error(y_test, forecast))

print("share missing" + "".join(f"{share:8.0%}" for share in shares))
for name, values in errors.items():
    print(f"{name:13}" + "".join(f"{value:8.1f}" for value in values))

# %%
# A mean in the middle of a heavy day misleads the network: it does worse than the last
# reading alone. To go on from the last value is as good as the last reading, and better
# when much is missing; the network that is also told what was missing loses the least.
# (Where nothing is missing the networks differ by their random starts alone, which is
# what a difference of 1 is worth.)

figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, values in errors.items():
    style = {"color": "0.5"} if name == "last reading" else {}
    ax.plot([100 * share for share in shares], values, "o-", label=name, **style)
ax.set(xlabel="Readings missing, %", ylabel="RMSE on 2014, µg/m³")
ax.legend()
plt.show()
