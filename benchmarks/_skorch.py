"""What skorch does when it is timed: PyTorch's modules with the scikit-learn API."""

import time
import warnings

import numpy as np
import torch
from _search import BATCH, N_CLASSES, timed_search
from _torch import Model, describe, fastest_adam, model_of
from _work import (
    LEARNING_RATE,
    MAX_GRAD_NORM,
    make_data,
)
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import GradientNormClipping

__all__ = ["describe", "fit", "search"]

warnings.simplefilter("ignore")


def settings(model):
    """Arguments that both of skorch's estimators take here."""
    adam, _ = fastest_adam(model)
    return {
        "optimizer": torch.optim.Adam,
        **{f"optimizer__{name}": value for name, value in adam.items()},
        "iterator_train__shuffle": True,
        "train_split": None,
        "callbacks": [("clipping", GradientNormClipping(MAX_GRAD_NORM))],
        "verbose": 0,
    }


def fit(work):
    X, _, y = make_data(work)
    y = y[:, np.newaxis]
    arguments = settings(model_of(work))

    def measure():
        torch.manual_seed(0)
        net = NeuralNetRegressor(
            model_of(work),
            lr=LEARNING_RATE,
            batch_size=work.shape.B,
            max_epochs=work.epochs,
            **arguments,
        )
        start = time.perf_counter()
        net.fit(X, y)
        seconds = time.perf_counter() - start
        return seconds, f"loss {net.history[-1, 'train_loss']:.3f}"

    return measure


class PaddedModel(Model):
    """The head on the last hidden state that is not padding; padding is NaN."""

    def forward(self, x):
        there = ~torch.isnan(x[:, :, 0])
        states = self.recurrent(torch.nan_to_num(x))[0]
        return self.head(states[torch.arange(len(x)), there.sum(dim=1) - 1])


def search(epochs, path):
    with np.load(path) as file:
        X, y = file["X"], file["y"] - 1
    n_features = X.shape[2]
    model = NeuralNetClassifier(
        PaddedModel,
        module__n_features=n_features,
        module__n_units=64,
        module__n_outputs=N_CLASSES,
        criterion=torch.nn.CrossEntropyLoss,
        batch_size=BATCH,
        max_epochs=epochs,
        **settings(PaddedModel(n_features, 64, N_CLASSES)),
    )
    return timed_search(model, "module__n_units", "lr", X, y)
