"""Fits whose predictions begin with a state."""

import numpy as np
from cases import METHODS, make_target, ragged
from family_cases import FAMILIES


def fitted(family, missing="error", **params):
    Estimator, own = FAMILIES[family]
    X = ragged()
    if missing != "error":
        X[1][0] = X[2][0, 0] = np.nan
    params = {"hidden_layer_sizes": (7,), "max_iter": 2, "random_state": 0, **params}
    estimator = Estimator(missing=missing, **own, **params)
    return estimator.fit(X, make_target(Estimator, X))


def methods(estimator):
    return [name for name in METHODS if hasattr(estimator, name)]
