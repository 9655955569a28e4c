"""What sklstm does with pairs of sequences when it is timed."""

import warnings

from _pairs_work import MAX_GRAD_NORM, clock, load
from _sklstm import ALL_EPOCHS, describe

import sklstm

__all__ = ["describe", "fit", "predict"]

warnings.simplefilter("ignore")  # max_iter reached: that is the point


def make_model(work):
    return sklstm.LSTMSeq2Seq(
        work.n_units,
        embedding_dim=work.n_dimensions,
        bidirectional=work.bidirectional,
        attention="general",
        min_count=1,
        batch_size=work.batch,
        shuffle=False,  # the order of the file
        learning_rate="constant",
        learning_rate_init=work.learning_rate,
        max_grad_norm=MAX_GRAD_NORM,
        max_iter=work.epochs,
        random_state=0,
        **ALL_EPOCHS,
    )


def token_lists(path):
    """Ids as tokens; what is rare has a token of its own."""
    return tuple([row.tolist() for row in ids.sequences] for ids in load(path))


def fit(work, path):
    X, y = token_lists(path)

    def measure():
        start = clock()
        model = make_model(work).fit(X, y)
        return clock() - start, f"loss {model.loss_:.3f}"

    return measure


def predict(work, path, n_steps):
    """The best token at each step; a sequence ends after `n_steps` at the latest.

    The seconds are those of a token that was predicted, times those of the targets.
    """
    X, y = token_lists(path)
    model = make_model(work).fit(X, y).set_params(beam_size=1, max_length=n_steps)

    def measure():
        start = clock()
        predicted = model.predict(X)
        seconds = clock() - start
        n_predicted = sum(map(len, predicted)) + len(X)
        n_targets = sum(map(len, y)) + len(y)
        return seconds * n_targets / n_predicted, f"{n_predicted} tokens"

    return measure
