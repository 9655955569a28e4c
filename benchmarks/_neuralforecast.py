"""What neuralforecast's LSTM does with series when it is timed."""

import logging
import os
import warnings

import numpy as np
import pandas as pd
import torch
from _forecast_work import clock, load, mase
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def describe():
    capability = torch.backends.cpu.get_cpu_capability()
    return f"CPU capability {capability}", torch.get_num_threads()


def make_model(work):
    """An LSTM over the context, and a network with a hidden layer for each step."""
    parameters = {
        "h": work.horizon,
        "loss": MQLoss(quantiles=list(work.levels)),
        "random_seed": 1,
        # series shorter than a context are there too
        "start_padding_enabled": True,
        # nothing is written, and no progress shown
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    if not work.defaults:
        parameters |= {
            "input_size": work.context,
            "encoder_n_layers": 1,
            "encoder_hidden_size": work.n_units,
            "decoder_hidden_size": work.n_units,
            "windows_batch_size": work.batch,
            "max_steps": work.n_updates,
            "learning_rate": work.learning_rate,
        }
    return LSTM(**parameters)


def fit(work, path):
    series, future = load(path)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(len(series)), list(map(len, series))),
            "ds": np.concatenate([np.arange(len(y)) for y in series]),
            "y": np.concatenate(series),
        }
    )

    def measure():
        start = clock()
        forecaster = NeuralForecast(models=[make_model(work)], freq=1)
        forecaster.fit(frame)
        seconds = clock() - start
        table = forecaster.predict()
        middle = table["LSTM-median" if "LSTM-median" in table else "LSTM_ql0.5"]
        middle = middle.to_numpy().reshape(len(series), work.horizon)
        return seconds, f"MASE {mase(middle, series, future, work.season):.2f}"

    return measure
