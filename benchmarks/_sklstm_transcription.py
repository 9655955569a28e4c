"""What sklstm does with transcripts when it is timed."""

import warnings

from _sklstm import ALL_EPOCHS, describe
from _transcription_work import BATCH, LEARNING_RATE, MAX_GRAD_NORM, clock, load

import sklstm

__all__ = ["describe", "fit"]

warnings.simplefilter("ignore")  # max_iter reached: that is the point


def fit(work, path):
    data = load(path)
    y = [labels.tolist() for labels in data.labels]

    def measure():
        start = clock()
        model = sklstm.LSTMTranscriber(
            work.n_units,
            bidirectional=True,
            batch_size=BATCH,
            shuffle=False,  # the order of the file, in every epoch
            learning_rate="constant",
            learning_rate_init=LEARNING_RATE,
            max_grad_norm=MAX_GRAD_NORM,
            max_iter=work.epochs,
            random_state=0,
            **ALL_EPOCHS,
        ).fit(data.frames, y)
        return clock() - start, f"loss {model.loss_:.3f}"

    return measure
