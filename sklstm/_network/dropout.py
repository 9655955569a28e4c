"""Dropout: masks that depend on nothing but what they are for.

An element is a function of the seed of the fit, the number of the optimizer step, the
layer, the sample (the fingerprint of its content), the time step and the unit: not of
the number of threads, nor of what else is in the minibatch.
"""

import numpy as np

from .._kernels import dropout_mask
from .layers import Bidirectional


class Dropout:
    """The dropout of a fit: its rates, its seed, and how many steps were made.

    Parameters
    ----------
    rate, recurrent_rate : float
        As in `Noise`.
    seed : int
        Of the fit.
    step : int
        Optimizer steps made before.
    """

    def __init__(self, rate, recurrent_rate, seed, step):
        self.rate = rate
        self.recurrent_rate = recurrent_rate
        self.seed = seed
        self.step = step

    @property
    def state(self):
        return {"seed": self.seed, "step": self.step}

    def noise(self, keys):
        """What is dropped in the next optimizer step, for samples of these keys."""
        self.step += 1
        return Noise(self.seed, self.step, keys, self.rate, self.recurrent_rate)


class Noise:
    """What is dropped in one optimizer step.

    Parameters
    ----------
    seed : int
        Of the fit.
    step : int
        Number of the optimizer step.
    keys : ndarray of shape (B, 2), uint64
        Fingerprints of the samples of the minibatch.
    rate : float
        Share of the outputs of a layer that the next one, or the head, does not get
        (Srivastava et al. 2014).
    recurrent_rate : float
        Share of the hidden units that R does not get, the same ones at all steps of a
        sequence (Gal & Ghahramani 2016).
    """

    def __init__(self, seed, step, keys, rate, recurrent_rate):
        self.seed = seed
        self.step = step
        self.keys = keys
        self.rate = rate
        self.recurrent_rate = recurrent_rate
        self.offset = None
        self.step_masks = []

    def begin(self, offset):
        """Masks for a batch whose sequences begin at time step `offset` (B,)."""
        self.offset = offset
        self.step_masks = []

    def _mask(self, layer, samples, times, rate, width, dtype, n_threads=1):
        mask = np.empty((len(samples), width), dtype)
        dropout_mask(
            self.seed,
            self.step,
            layer,
            self.keys,
            samples,
            times,
            rate,
            mask,
            n_threads,
        )
        return mask

    def recurrent_masks(self, k, layer, schedule):
        """By sequence, for layer number k; one for each direction of two."""
        samples = np.arange(schedule.n_sequences)
        if isinstance(layer, Bidirectional):
            layers, numbers = list(layer.directions.values()), (3 * k + 1, 3 * k + 2)
        else:
            layers, numbers = [layer], (3 * k + 1,)
        masks = [
            self._mask(
                number, samples, None, self.recurrent_rate, part.width,
                part.workspace.dtype,
            )
            for part, number in zip(layers, numbers, strict=True)
        ]  # fmt: skip
        return masks if isinstance(layer, Bidirectional) else masks[0]

    def drop_steps(self, k, x, x_rows, schedule, n_threads):
        """Outputs of layer number k as the next one gets them, by row-step."""
        times = schedule.time
        if self.offset is not None:
            times = times + self.offset[schedule.sequence]
        mask = self._mask(
            3 * k, schedule.sequence, times, self.rate, x.shape[1], x.dtype, n_threads
        )
        self.step_masks.append(mask)
        return x[x_rows] * mask, np.arange(len(mask))

    def drop_last(self, k, a):
        """What the head gets of its input."""
        samples = np.arange(len(a))
        self.last_mask = self._mask(
            3 * k, samples, None, self.rate, a.shape[1], a.dtype
        )
        return a * self.last_mask
