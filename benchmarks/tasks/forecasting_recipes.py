"""The settings of LSTMForecaster for each set, and candidates for better ones.

The first recipe of a set is the one that is tested. It was chosen by `forecasting.py
--choose`, on the last part of the training data; where another is better there, put it
first.
"""


def long(**parameters):
    """One series of hours, or two, whose windows are much alike: a week of context."""
    fixed = {"dropout": 0.3, "recurrent_dropout": 0.3}
    return fixed | {"context_length": 168, "max_iter": 40} | parameters


RECIPES = {
    "tourism monthly": [
        {"scale": "mean"},
        {},
        {"scale": "last"},
        {"recurrent_dropout": 0.2},
        {"recurrent_dropout": 0.2, "scale": "mean"},
    ],
    "tourism quarterly": [
        {"scale": "mean"},
        {},
        {"scale": "last"},
        {"recurrent_dropout": 0.2},
    ],
    "M3 monthly": [
        {},
        {"scale": "mean"},
        {"scale": "last"},
        {"recurrent_dropout": 0.2},
    ],
    "M3 quarterly": [
        {},
        {"scale": "mean"},
        {"scale": "last"},
        {"recurrent_dropout": 0.2},
    ],
    "ETTh1": [long(scale="last"), long(), long(max_iter=20), {}],
    "prices": [long(), long(scale="last"), long(max_iter=20), {}],
    "demand": [long(), long(scale="last"), long(max_iter=20), {}],
    "Beijing PM2.5": [long(scale="last"), long(), long(max_iter=20), {}],
}
