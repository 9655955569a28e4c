"""
Forecast many series with one network (sales)
=============================================

Daily sales of a hundred shops, large and small, open for a year or for some months. One
:class:`~sklstm.LSTMForecaster` learns from all of them: what a weekend and a sale do,
which no shop shows often enough by itself. It then also forecasts shops that it has
never seen.

Tags: forecasting, many series, covariates, intervals, backtest, ragged, generated data
"""

# %%
# The shops are made up here: a level, a week whose shape depends on whether the shop is
# in the centre or at a motorway, a trend, sales in which a shop sells more, and noise.
# They opened at different times.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import LSTMForecaster, SequenceArray
from sklstm.forecasting import SeasonalNaive, backtest, coverage, forecast_table
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import CalendarFeatures

rng = np.random.default_rng(0)
days = pd.date_range("2024-01-01", "2024-12-31")
WEEKS = {
    "centre": np.array([0.8, 0.9, 0.9, 1.0, 1.3, 1.6, 0.5]),
    "motorway": np.array([1.1, 1.0, 1.0, 1.0, 1.2, 0.7, 1.0]),
}
weekday = CalendarFeatures(["weekday"], encoding="ordinal")


def shop(name):
    """A row for each day on which a shop was open."""
    n_days = rng.integers(90, len(days))
    ds = days[-n_days:]
    place = rng.choice(list(WEEKS))
    sale = np.repeat(rng.random(n_days // 5 + 1) < 0.12, 5)[:n_days]
    level = np.exp(rng.normal(4, 1.2) + np.cumsum(rng.normal(0, 0.01, n_days)))
    lift = 1 + sale * rng.normal(0.9, 0.1)
    noise = np.exp(rng.normal(0, 0.12, n_days))
    sold = level * WEEKS[place][weekday.fit_transform(ds)[:, 0]] * lift * noise
    at_motorway = float(place == "motorway")
    columns = {"shop": name, "ds": ds, "sold": sold, "sale": sale * 1.0}
    return pd.DataFrame({**columns, "at_motorway": at_motorway})


table = pd.concat([shop(f"shop {i}") for i in range(120)], ignore_index=True)
calendar = CalendarFeatures(["weekday"]).set_output(transform="pandas")
table = table.join(calendar.fit_transform(table[["ds"]]))
known = ["sale", "ds_weekday_sin", "ds_weekday_cos"]
X = SequenceArray.from_long(
    table, by="shop", sort="ds", columns=["sold", "at_motorway", *known]
)
print(X)

# %%
# The network learns from a hundred shops, up to 1 November. Weekday and sales are known
# ahead, the place of a shop never changes, and ``scale="mean"`` says that shops of
# different size are alike in proportion.

learned, new = X.ids[:100], X.ids[100:]
past = SequenceArray.from_long(
    table[(table["ds"] < "2024-11-01") & table["shop"].isin(learned)],
    by="shop",
    sort="ds",
    columns=X.feature_names,
)
settings = {"horizon": 14, "target": "sold", "quantile": [0.1, 0.5, 0.9]}
network = LSTMForecaster(
    future_features=known,
    static_features=["at_motorway"],
    scale="mean",
    random_state=0,
    **settings,
).fit(past)
forecasters = {
    "last week": SeasonalNaive(season_length=7, **settings).fit(past),
    "LSTM": network,
}

# %%
# Backtest: November and December, two weeks each time, for the shops that it has
# learned from and for those that it has not. Errors are in percent of what was sold.

numbers = {name: i for i, name in enumerate(X.ids)}
tables = {}
for what, ids in ("learned from", learned), ("never seen", new):
    shops = X[[numbers[name] for name in ids]]
    tables[what] = backtest(forecasters, shops, n_windows=4)
    for name in forecasters:
        error = (tables[what][name] - tables[what]["y"]).abs().sum()
        percent = 100 * error / tables[what]["y"].sum()
        print(f"{len(shops):3} shops {what:13} {name:10} error {percent:5.1f} %")
print()
print(coverage(tables["never seen"]).round(1).to_string(index=False))

# %%
# Four of the shops that it has never seen. Each forecast is made of what the shop
# itself has sold before.

figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
for ax, name in zip(axes.flat, new[:4], strict=True):
    rows = table[table["shop"] == name]
    before, after = (
        SequenceArray.from_long(part, by="shop", sort="ds", columns=X.feature_names)
        for part in (rows[:-14], rows[-14:])
    )
    ForecastDisplay.from_estimator(
        network, before, after, y_true=after, n_context=42, ax=ax
    )
plt.show()

# %%
# What will be sold in the first two weeks of the new year? The table goes on in time by
# itself; the columns known ahead come from a frame of these days.

ahead = pd.DataFrame({"ds": pd.date_range("2025-01-01", periods=14), "sale": 0.0})
ahead = ahead.join(calendar.transform(ahead[["ds"]]))
ahead = pd.concat([ahead.assign(shop=name) for name in X.ids])
X_future = SequenceArray.from_long(ahead, by="shop", sort="ds", columns=known)
print(
    forecast_table(network, X, X_future)
    .head(3)
    .to_string(index=False, float_format="%.1f")
)
