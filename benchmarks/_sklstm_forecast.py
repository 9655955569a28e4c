"""What sklstm does with series when it is timed."""

import warnings

from _forecast_work import clock, load, mase
from _sklstm import describe

import sklstm

__all__ = ["describe", "fit"]

warnings.simplefilter("ignore")


def make_model(work):
    parameters = {
        "horizon": work.horizon,
        "seasonal_lag": work.season,
        "quantile": list(work.levels),
        "random_state": 0,
    }
    if not work.defaults:
        an_epoch = work.batch * 16
        parameters |= {
            "hidden_layer_sizes": work.n_units,
            "context_length": work.context,
            "batch_size": work.batch,
            "windows_per_epoch": an_epoch,
            "max_iter": work.n_updates * work.batch // an_epoch,
            "learning_rate_init": work.learning_rate,
        }
    return sklstm.LSTMForecaster(**parameters)


def fit(work, path):
    series, future = load(path)

    def measure():
        start = clock()
        model = make_model(work).fit(series)
        seconds = clock() - start
        middle = model.predict(series)[..., len(work.levels) // 2]
        return seconds, f"MASE {mase(middle, series, future, work.season):.2f}"

    return measure
