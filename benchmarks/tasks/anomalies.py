"""Anomalies: heartbeats that are not normal, failures in series of machines, and times.

    python benchmarks/tasks/anomalies.py --data FOLDER
    python benchmarks/tasks/anomalies.py --only ECG5000 --seeds 1
    python benchmarks/tasks/anomalies.py --only speed

ECG5000 (anomaly_data.py) follows a tutorial's protocol: fitted to normal heartbeats,
the threshold from others of them, tested on 145 normal ones and 145 others. NAB's
series are fitted to their first 15 % and scored on the rest, with the metrics of aeon,
beside PyOD's LSTMAD, the deviation from a rolling median, and what a PCA of windows
does not give back. aeon and PyOD are not needed: without them their part is left out.
"""

import time
import warnings
from pathlib import Path

import anomaly_data
import data
import numpy as np
import text_data
from joblib import Parallel, delayed
from report import make_parser, mean_sd, print_setting, print_table, skip
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from sklstm import LSTMAnomalyDetector

try:
    from aeon.benchmarking.metrics import anomaly_detection as aeon_metrics
except ImportError:
    aeon_metrics = None
try:
    from pyod.models.ts_lstm import LSTMAD
except ImportError:
    LSTMAD = None

NAMES = "ECG5000", "NAB", "speed"
#: Models of whole heartbeats. A window is a heartbeat, and of normal ones one in fifty
#: may be flagged. Units and clipping by the loss of normal heartbeats that are held
#: out; more epochs went on with that.
HEARTBEATS = {
    "reconstruction": {
        "hidden_layer_sizes": 32, "method": "reconstruction", "window": 140,
        "max_iter": 150, "max_grad_norm": 0.1, "contamination": 0.02,
    },
    "prediction": {"contamination": 0.02},
}  # fmt: skip
#: Steps of the windows of PyOD's LSTMAD, and of the simple ones.
WINDOW = 50
#: Steps around an anomaly up to which VUS-PR takes the mean.
LARGEST_BUFFER = 100


# ---- heartbeats --------------------------------------------------------------------


def score_heartbeats(cache, parameters, seed):
    parts = anomaly_data.heartbeats(cache, seed)
    begin = time.perf_counter()
    model = LSTMAnomalyDetector(**parameters, random_state=seed)
    model.fit(parts.train, X_val=parts.valid)
    seconds = time.perf_counter() - begin
    normal, others = (model.score_samples(X) for X in (parts.test, parts.others))
    area = roc_auc_score(
        np.repeat([1, 0], [len(normal), len(others)]), np.r_[normal, others]
    )
    right = np.sum(model.predict(parts.test) == 1)
    found = np.sum(model.predict(parts.some_others(seed)) == -1)
    return right, found, len(parts.test), area, seconds


def print_heartbeats(arguments, parallel):
    seeds = range(arguments.seeds)
    anomaly_data.heartbeats(arguments.cache, 0)  # or say that it cannot be had
    rows = []
    for name, parameters in HEARTBEATS.items():
        print(f"{name}: {parameters}.\n", flush=True)
        runs = parallel(
            delayed(score_heartbeats)(arguments.cache, parameters, seed)
            for seed in seeds
        )
        right, found, n, area, seconds = zip(*runs)
        rows.append(
            [
                name,
                f"{mean_sd(right, 1)} of {n[0]}",
                f"{mean_sd(found, 1)} of {n[0]}",
                mean_sd(area, 4),
                mean_sd(seconds, 1),
            ]
        )
    print("The tutorial's autoencoder: 142 and 142 of 145.\n")
    head = ["method", "normal ones kept", "others found", "ROC AUC", "fit, s"]
    print_table(head, rows)


# ---- long series -------------------------------------------------------------------


class RollingDeviation:
    """How far a step is from the median of the window before it, in scales of that."""

    def fit(self, x):
        self.least_scale = 1e-3 * (np.std(x) or 1.0)
        return self

    def score(self, x):
        before = np.lib.stride_tricks.sliding_window_view(x, WINDOW)[:-1]
        low, middle, high = np.quantile(before, [0.25, 0.5, 0.75], axis=1)
        scale = np.maximum((high - low) / 1.35, self.least_scale)
        return np.r_[np.zeros(WINDOW), np.abs(x[WINDOW:] - middle) / scale]


class WindowPCA:
    """Squared error of the window that ends with a step, given back by the components
    that explain nine tenths of the windows of the fit."""

    def fit(self, x):
        self.model = PCA(0.9, svd_solver="full").fit(_windows(x))
        return self

    def score(self, x):
        windows = _windows(x)
        given_back = self.model.inverse_transform(self.model.transform(windows))
        errors = ((windows - given_back) ** 2).mean(axis=1)
        return np.r_[np.zeros(WINDOW - 1), errors]


def _windows(x):
    return np.lib.stride_tricks.sliding_window_view(x, WINDOW)


class Detector:
    """sklstm's."""

    def __init__(self, seed, **parameters):
        self.model = LSTMAnomalyDetector(random_state=seed, **parameters)

    def fit(self, x):
        self.model.fit([x])
        return self

    def score(self, x):
        return np.nan_to_num(-self.model.score_steps([x])[0])


class OfPyOD:
    """PyOD's LSTMAD at its own settings."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, x):
        import torch

        torch.manual_seed(self.seed)
        centre, scale = x.mean(), x.std() or 1.0  # it reads values as they are
        self.units = centre, scale
        self.model = LSTMAD().fit((x - centre) / scale)
        return self

    def score(self, x):
        centre, scale = self.units
        return self.model.decision_function((x - centre) / scale)


MODELS = {
    "LSTM, prediction": Detector,
    "LSTM, reconstruction": lambda seed: Detector(
        seed, method="reconstruction", window=WINDOW
    ),
    "PyOD LSTMAD": OfPyOD,
    "deviation from a rolling median": lambda seed: RollingDeviation(),
    "PCA of windows": lambda seed: WindowPCA(),
}


def score_series(name, seed, series):
    """Metrics of the part that is not fitted, and seconds of the fit."""
    begin = time.perf_counter()
    model = MODELS[name](seed).fit(series.values[: series.n_fit])
    seconds = time.perf_counter() - begin
    scores = model.score(series.values)[series.n_fit :]
    true = series.is_anomaly[series.n_fit :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of aeon: soft dependencies
        return [
            aeon_metrics.range_pr_vus_score(true, scores, LARGEST_BUFFER),
            aeon_metrics.range_pr_auc_score(true, scores),
            aeon_metrics.range_roc_auc_score(true, scores),
            seconds,
        ]


def print_series(arguments, parallel):
    if aeon_metrics is None:
        skip("NAB", "Its metrics are aeon's, which is not installed")
        return
    series = anomaly_data.nab(arguments.data)
    print(f"{len(series)} series, of each the first 15 % to fit. Means over them.\n")
    rows = []
    for name in MODELS:
        if name.startswith("PyOD") and LSTMAD is None:
            skip(name, "PyOD is not installed")
            continue
        seeds = range(arguments.seeds if "LSTM" in name else 1)
        runs = parallel(
            delayed(score_series)(name, seed, one) for seed in seeds for one in series
        )
        runs = np.reshape(runs, (len(seeds), len(series), -1)).mean(axis=1)
        rows.append([name, *(mean_sd(values, 3) for values in runs.T)])
    head = ["model", "VUS-PR", "range PR AUC", "range ROC AUC", "fit, s"]
    print_table(head, rows)


# ---- times -------------------------------------------------------------------------


def noisy_wave(n):
    rng = np.random.default_rng(0)
    return np.sin(np.arange(n) / 5) + rng.normal(0, 0.1, n)


def print_speed(arguments, parallel):
    """Fit beside PyOD's at its settings, in turn; a step at a time."""
    x = noisy_wave(1000)
    if LSTMAD is None:
        skip("fit beside PyOD's LSTMAD", "PyOD is not installed")
    else:
        import torch

        torch.set_num_threads(1)
        ours = LSTMAnomalyDetector(
            (64, 64), window=WINDOW, max_iter=50, batch_size=32, random_state=0
        )
        times = {"sklstm": [], "PyOD": []}
        for _ in range(arguments.repeats):
            for name, model, X in (("sklstm", ours, [x]), ("PyOD", LSTMAD(), x)):
                begin = time.perf_counter()
                model.fit(X)
                times[name].append(time.perf_counter() - begin)
        medians = {name: np.median(values) for name, values in times.items()}
        print(
            f"Fit to {len(x)} steps, two layers of 64 units, windows of {WINDOW}, "
            f"50 epochs, one thread, medians of {arguments.repeats} in turn: "
            + ", ".join(f"{name} {value:.2f} s" for name, value in medians.items())
            + f"; PyOD ÷ sklstm {medians['PyOD'] / medians['sklstm']:.0f}.\n"
        )
    rows = []
    for method in ("prediction", "reconstruction"):
        model = LSTMAnomalyDetector(
            64, method=method, window=WINDOW, max_iter=2, random_state=0
        ).fit([x])
        best = np.inf
        for _ in range(20):
            state = model.initial_state()
            begin = time.perf_counter()
            for step in x[:300, np.newaxis]:
                _, state = model.score_step(step, state)
            best = min(best, (time.perf_counter() - begin) / 300)
        rows.append([method, f"{best * 1e6:.1f}"])
    print("Online, 64 units, minima:\n")
    print_table(["method", "µs a step"], rows)


# ---- all ---------------------------------------------------------------------------


PARTS = dict(zip(NAMES, (print_heartbeats, print_series, print_speed), strict=True))


def main():
    parser = make_parser(__doc__, NAMES)
    text_data.add_data(parser)
    parser.add_argument(
        "--cache",
        type=Path,
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    parser.add_argument("--repeats", type=int, default=3, help="of times; default 3")
    arguments = parser.parse_args()
    print_setting("Anomalies", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                PARTS[name](arguments, parallel)
            except data.Unavailable as unavailable:
                skip(name, str(unavailable))


if __name__ == "__main__":
    main()
