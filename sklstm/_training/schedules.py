"""How the learning rate of a fit goes, and how long a fit is."""

import math

import numpy as np


class LearningRate:
    """The learning rate of an epoch.

    - constant: `initial`
    - invscaling: initial / (t + 1)^power_t with t samples seen so far
    - adaptive: divided by 5 when the monitor sees no improvement, down to 1e-6
    - cosine: initial (1 + cos(pi epoch / max_iter)) / 2 (Loshchilov & Hutter 2017)
    """

    def __init__(self, schedule, initial, power_t, max_iter):
        self.schedule = schedule
        self.initial = initial
        self.power_t = power_t
        self.max_iter = max_iter
        self.rate = initial

    @property
    def planned(self):
        """Whether it has an end at which training is done, whatever the loss."""
        return self.schedule == "cosine"

    def begin_epoch(self, epoch, t):
        if self.schedule == "invscaling":
            self.rate = self.initial / (t + 1) ** self.power_t
        elif self.schedule == "cosine":
            self.rate = self.initial * (1 + np.cos(np.pi * epoch / self.max_iter)) / 2

    def reduce(self):
        """Lower the rate if there is a lower one; say whether there was."""
        if self.schedule != "adaptive" or self.rate <= 1e-6:
            return False
        self.rate /= 5
        return True


def auto_batch_size(n_samples):
    """Samples of a minibatch: a sixteenth of all, but 8 to 32; up to 32 are not cut."""
    return n_samples if n_samples <= 32 else min(32, max(8, n_samples // 16))


def auto_epochs(n_samples, batch_size):
    """Epochs of a plan: as many as make 2500 updates, but 10 to 100."""
    updates = math.ceil(n_samples / batch_size)
    return min(100, max(10, round(2500 / updates)))
