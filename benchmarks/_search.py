"""The grid search: Japanese vowels, 3 folds of 4 x 3 candidates, the same for both."""

import time

from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

N_CLASSES = 9
UNITS = [16, 32, 64, 128]
RATES = [0.001, 0.003, 0.01]
BATCH = 32
N_FOLDS = 3
N_JOBS = 2


def timed_search(model, units, rate, X, y):
    """What measures one search over the parameters named `units` and `rate`.

    A small search before the time starts the processes of joblib and has them import
    what they need; they end with the measurement.
    """

    def search(grid):
        return GridSearchCV(model, grid, cv=N_FOLDS, n_jobs=N_JOBS).fit(X, y)

    def measure():
        try:
            search({units: UNITS[:1], rate: RATES[:2]})
            start = time.perf_counter()
            fitted = search({units: UNITS, rate: RATES})
            seconds = time.perf_counter() - start
        finally:
            get_reusable_executor().shutdown(wait=True)
        return seconds, f"best accuracy {fitted.best_score_:.3f}"

    return measure
