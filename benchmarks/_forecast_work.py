"""What is timed of forecasts: a fit to series that lie in a file."""

import os
import time
from typing import NamedTuple

import numpy as np


class ForecastWork(NamedTuple):
    """A network, and how many windows it is trained on; `defaults` leaves all of that
    to the library."""

    horizon: int
    season: int
    defaults: bool = False
    n_units: int = 64
    context: int = 36
    batch: int = 32
    n_updates: int = 1600
    learning_rate: float = 0.005
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)


def save(path, series, future):
    np.savez(path, values=np.concatenate(series), lengths=list(map(len, series)),
             future=np.array(future))  # fmt: skip


def load(path):
    """Series, and what came after each."""
    with np.load(path) as file:
        ends = np.cumsum(file["lengths"])
        return np.split(file["values"], ends[:-1]), file["future"]


def mase(forecasts, series, future, season):
    """Mean absolute scaled error of medians (n, horizon)."""
    scale = [np.abs(y[season:] - y[:-season]).mean() for y in series]
    return float(np.mean(np.abs(forecasts - future).mean(axis=1) / scale))


def clock():
    """Seconds: with one thread those of the processor, others may wait for it."""
    one = os.environ.get("OMP_NUM_THREADS") == "1"
    return time.process_time() if one else time.perf_counter()
