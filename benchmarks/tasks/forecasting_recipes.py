"""The settings of LSTMForecaster for each set, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen by `forecasting.py
--choose`, on the last part of the training data; where another is better there, put it
first.
"""


def many(**parameters):
    """Many short series."""
    return {"recurrent_dropout": 0.2} | parameters


def few(**parameters):
    """One long series, or two, whose windows are much alike."""
    return {"dropout": 0.3, "recurrent_dropout": 0.3, "max_iter": 20} | parameters


SHORT = [
    many(),
    many(scale="mean"),
    many(scale="last"),
    {},
    many(hidden_layer_sizes=32),
]
LONG = [
    few(),
    few(scale="last"),
    few(scale="mean"),
    few(max_iter=40),
    few(context_length=168),
    {},
]

RECIPES = {
    "tourism monthly": SHORT,
    "tourism quarterly": SHORT,
    "M3 monthly": SHORT,
    "M3 quarterly": SHORT,
    "ETTh1": LONG,
    "prices": LONG,
    "demand": LONG,
    "Beijing PM2.5": LONG,
}
