"""Windows of series in epochs: how many, drawn how, and for how long."""

import numpy as np

from .._training.feeds import Draws

# How often a horizon of the series is seen in training; many more are learnt by heart.
TIMES_SEEN = 20
# Windows of an epoch that nobody has chosen the number of.
AUTO_WINDOWS = 512


class DrawnWindows:
    """An estimator whose samples are windows of series, of which an epoch has some."""

    def _samples_an_epoch(self, n_samples, X):
        asked = self.windows_per_epoch
        if asked == "auto":
            asked = max(AUTO_WINDOWS, len(np.unique(X.series)))
        return len(X) if asked is None else min(asked, len(X))

    def _epochs_of_plan(self, n_samples, batch_size, X):
        """Windows of one series overlap: no more than that each of its horizons without
        an overlap is seen some times."""
        n_steps = X.given[0].lengths[np.unique(X.series)].sum()
        most = TIMES_SEEN * n_steps / (self.horizon * n_samples)
        epochs = super()._epochs_of_plan(n_samples, batch_size, X)
        return int(np.clip(np.ceil(most), 10, max(epochs, 10)))

    def _feed(self, data, batch_size, X):
        n = self._samples_an_epoch(len(X), X)
        return Draws(data, batch_size, X.series, n, shuffle=self.shuffle)

    def _last_parts(self, X):
        """Masks of windows X of series: those that end where the last part of their
        series begins, those that lie in it, some that are apart, and those of series
        that have both of the first two."""
        lengths, horizon = X.given[0].lengths[X.series], self.horizon
        kept = np.ceil(self.validation_fraction * lengths).astype(np.intp)
        kept = np.maximum(kept, horizon)
        left = lengths - (X.steps + horizon)  # steps behind a window
        before, within = left >= kept, left <= kept - horizon
        both = np.isin(X.series, np.intersect1d(X.series[before], X.series[within]))
        return before, within, left % max(1, horizon // 2) == 0, both
