"""Dropout: masks that depend on nothing but what they are for.

An element is a function of the seed of the fit, the number of the optimizer step, the
name of the layer, the number of the sample in the fit, the time step and the unit: not
of the number of threads, what else is in the minibatch, or the layers beside it.
"""

from zlib import crc32

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

    def noise(self, ids):
        """What is dropped in the next optimizer step, for samples of these numbers."""
        self.step += 1
        return Noise(self.seed, self.step, ids, self.rate, self.recurrent_rate)


class Noise:
    """What is dropped in one optimizer step.

    Parameters
    ----------
    seed : int
        Of the fit.
    step : int
        Number of the optimizer step.
    ids : ndarray of shape (B,), intp
        Numbers of the samples of the minibatch in the fit.
    rate : float
        Share of the outputs of a layer that the next one, or the head, does not get
        (Srivastava et al. 2014).
    recurrent_rate : float
        Share of the hidden units that R does not get, the same ones at all steps of a
        sequence (Gal & Ghahramani 2016).
    """

    def __init__(self, seed, step, ids, rate, recurrent_rate):
        self.seed = seed
        self.step = step
        self.ids = ids
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
            crc32(layer.encode()),
            self.ids,
            samples,
            times,
            rate,
            mask,
            n_threads,
        )
        return mask

    def recurrent_masks(self, k, layer, schedule):
        """By sorted place, for layer number k; one for each direction of two."""
        order = np.asarray(schedule.order)
        if isinstance(layer, Bidirectional):
            layers = {
                f"l{k}{suffix}": part for suffix, part in layer.directions.items()
            }
        else:
            layers = {f"l{k}": layer}
        masks = [
            self._mask(
                f"{name}.recurrent_dropout", order, None, self.recurrent_rate,
                part.width, part.workspace.dtype,
            )
            for name, part in layers.items()
        ]  # fmt: skip
        return masks if isinstance(layer, Bidirectional) else masks[0]

    def drop_steps(self, k, x, x_rows, schedule, n_threads):
        """Outputs of layer number k as the next one gets them, by row-step."""
        times = schedule.time
        if self.offset is not None:
            times = times + self.offset[schedule.sequence]
        mask = self._mask(
            f"l{k}.dropout", schedule.sequence, times, self.rate, x.shape[1], x.dtype,
            n_threads,
        )  # fmt: skip
        self.step_masks.append(mask)
        return x[x_rows] * mask, np.arange(len(mask))

    def drop_last(self, a):
        """What the head gets of its input."""
        samples = np.arange(len(a))
        self.last_mask = self._mask(
            "head.dropout", samples, None, self.rate, a.shape[1], a.dtype
        )
        return a * self.last_mask
