"""Sequences with anomalies: heartbeats, and long series of machines.

ECG5000 lies in a package that is read as it is (data.py). NAB lies in a folder that is
given: `nab/nab.tar.gz` holds `data/realKnownCause`, `data/realAWSCloudwatch` and
`labels/combined_windows.json` of github.com/numenta/NAB.
"""

import csv
import io
import json
import tarfile
from typing import NamedTuple

import data
import numpy as np
from sklearn.model_selection import train_test_split
from text_data import find

#: The part of a series at its beginning that is fitted, as in NAB.
PROBATION = 0.15


class Heartbeats(NamedTuple):
    """Heartbeats (n, 140): normal ones to fit, to place the threshold and to test, and
    all others."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    others: np.ndarray

    def some_others(self, seed):
        """As many of the others as there are normal ones in the test."""
        rng = np.random.default_rng(seed)
        return self.others[rng.permutation(len(self.others))[: len(self.test)]]


def heartbeats(cache, seed):
    """ECG5000 as in curiousily's tutorial "Time Series Anomaly Detection using LSTM
    Autoencoders with PyTorch": both parts together, 85 % of the normal class to fit,
    and of the rest two thirds for validation and one for the test, 145 heartbeats.
    """
    split = data.load("ECG5000", cache=cache)
    X = np.concatenate([split.X_train.to_padded(), split.X_test.to_padded()])
    y = np.concatenate([split.y_train, split.y_test])
    normal, others = X[y == 1], X[y != 1]
    train, rest = train_test_split(normal, test_size=0.15, random_state=seed)
    valid, test = train_test_split(rest, test_size=0.33, random_state=seed)
    return Heartbeats(train, valid, test, others)


class Series(NamedTuple):
    """A long series: values (n,), whether a step is in a window with an anomaly, and
    how many steps there are to fit."""

    name: str
    values: np.ndarray
    is_anomaly: np.ndarray
    n_fit: int


def nab(folder):
    """The series that have an anomaly after their first 15 %."""
    with tarfile.open(find(folder, "nab/nab.tar.gz")) as archive:
        members = {member.name.removeprefix("./"): member for member in archive}
        read = {
            name: archive.extractfile(member).read().decode()
            for name, member in members.items()
            if name.endswith((".csv", "combined_windows.json"))
        }
    windows = json.loads(read.pop("labels/combined_windows.json"))
    series = []
    for path, text in sorted(read.items()):
        rows = list(csv.DictReader(io.StringIO(text)))
        times = np.array([row["timestamp"] for row in rows], dtype="datetime64[s]")
        is_anomaly = np.zeros(len(rows), dtype=int)
        for begin, end in windows[path.removeprefix("data/")]:
            begin, end = np.datetime64(begin, "s"), np.datetime64(end, "s")
            is_anomaly[(times >= begin) & (times <= end)] = 1
        values = np.array([float(row["value"]) for row in rows])
        n_fit = int(PROBATION * len(rows))
        if is_anomaly[n_fit:].any():
            name = path.rsplit("/", 1)[-1].removesuffix(".csv")
            series.append(Series(name, values, is_anomaly, n_fit))
    return series
