"""Forecasts of many short series, and of long ones with what is known ahead.

    python benchmarks/tasks/forecasting.py --data FOLDER
    python benchmarks/tasks/forecasting.py --only "tourism monthly" --seeds 1
    python benchmarks/tasks/forecasting.py --choose

One LSTMForecaster for all series of a set, beside the seasonal naive forecast, ridge
regression and HistGradientBoostingRegressor on lags. Each forecast's mean absolute
error is divided by the mean absolute seasonal difference of what was fitted on (MASE);
the mean over forecasts is given, and how many values 80 % intervals cover. `--choose`
scores all recipes on the last part of the training data (tourism: on its last three
horizons, each fitted on what is before it) instead of the first one on the test part,
and that is how the first one was chosen.
"""

import time
import warnings
from functools import partial

import data
import forecasting_data
import numpy as np
import text_data
from forecast_baselines import BASELINES
from forecasting_recipes import RECIPES
from joblib import Parallel, delayed
from models import Missing
from report import make_parser, mean_sd, print_setting, print_table, skip

import sklstm

LEVELS = [0.1, 0.5, 0.9]
#: What is to be reached, and what others have published of the same test part.
GOALS = {
    "tourism monthly": "1.409, better 1.38; DeepAR 1.409, ETS 1.526, ARIMA 1.589, "
    "N-BEATS 1.574, feed-forward network 1.382 (Monash archive)",
    "tourism quarterly": "1.55; DeepAR 1.597, ETS 1.592, N-BEATS 1.475 (Monash "
    "archive)",
    "M3 monthly": "0.92; ETS 0.865, Theta 0.864, DeepAR 1.167 (Monash archive)",
}


def score(forecasts, part):
    """MASE, and the share of values that the outer quantiles hold, in per cent."""
    truth, covered = part.truth(), np.nan
    if forecasts.ndim == 3:
        low, middle, high = np.moveaxis(forecasts, -1, 0)
        known = ~np.isnan(truth)
        covered = 100 * np.mean(((low <= truth) & (truth <= high))[known])
        forecasts = middle
    return mase(truth, forecasts, part.scales()), covered


def mase(truth, forecasts, scales):
    """Mean absolute scaled error; series without a scale are left out."""
    known = ~np.isnan(truth).all(axis=1) & (scales > 0)
    errors = np.nanmean(np.abs(truth - forecasts)[known], axis=1)
    return float(np.mean(errors / scales[known]))


def run(make, parts):
    """Means over the parts: MASE, coverage, and the seconds of the fit."""
    return tuple(np.mean([run_one(make(part), part) for part in parts], axis=0))


def run_one(model, part):
    warnings.simplefilter("ignore")
    windows, future = part.windows()
    start = time.perf_counter()
    model.fit(part.training())
    seconds = time.perf_counter() - start
    return *score(model.predict(windows, future), part), seconds


def make_baseline(make, part):
    return make(part.horizon, part.season, part.future, seed=0)


def make_network(recipe, seed, part):
    try:
        return sklstm.LSTMForecaster(
            horizon=part.horizon, seasonal_lag=part.season, quantile=LEVELS,
            future_features=part.future or None, random_state=seed, **recipe,
        )  # fmt: skip
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error


def row(label, runs):
    scores, covered, seconds = map(np.array, zip(*runs, strict=True))
    cover = "" if np.isnan(covered).any() else mean_sd(covered, 1)
    return [label, mean_sd(scores), cover, f"{np.mean(seconds):.1f}"]


def text_of(recipe):
    named = ", ".join(f"{name}={value!r}" for name, value in recipe.items())
    return named or "defaults"


def print_set(name, arguments, parallel):
    """Baselines and the first recipe on the test part, or all recipes on the other."""
    load = forecasting_data.LOADERS[name]
    backs = 1 + np.arange(forecasting_data.N_PARTS[name]) if arguments.choose else [0]
    parts = [load(arguments, back=back) for back in backs]
    for part in parts:
        print(*filter(None, [load.__doc__, part.describe()]), "\n")
    if name in GOALS and not arguments.choose:
        print(f"Target {GOALS[name]}.\n")
    rows = [
        row(label, [run(partial(make_baseline, make), parts)])
        for label, make in BASELINES.items()
    ]
    recipes = RECIPES[name]
    for recipe in recipes if arguments.choose else recipes[:1]:
        runs = parallel(
            delayed(run)(partial(make_network, recipe, seed), parts)
            for seed in range(arguments.seeds)
        )
        rows.append(row(f"LSTM, {text_of(recipe)}", runs))
    kind = "validation" if arguments.choose else "test"
    print_table(["forecast", f"MASE ({kind})", "in 80 % interval, %", "fit, s"], rows)


def main():
    parser = make_parser(__doc__, RECIPES)
    text_data.add_data(parser)
    parser.add_argument(
        "--cache",
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="score all recipes on validation data instead of the first on test data",
    )
    arguments = parser.parse_args()
    print_setting("Forecasts", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                print_set(name, arguments, parallel)
            except (Missing, data.Unavailable) as missing:
                skip(name, str(missing))


if __name__ == "__main__":
    main()
