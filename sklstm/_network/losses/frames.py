"""Losses of frames: of every pixel that has a number; a window is one sample."""

import numpy as np
from scipy.special import expit, log_expit

from .loss import Loss
from .statistics import distinct, mean_weights, quantiles

# Numbers that tell where outputs begin.
ENOUGH_NUMBERS = 1_000_000


class FrameLoss(Loss):
    """The mean of a loss over the pixels of a window that have a number, each channel
    of a pixel counted; windows have weights.

    Outputs are those of n windows one after the other, K numbers for each patch of a
    frame; targets are a `FrameTarget`, whose `values` are the same numbers (n horizon,
    patches, K), NaN where there is none.
    """

    inverse_link_name = "identity"
    score_name = "score (negative loss)"
    by_units = True  # whether targets are standardised

    def of_windows(self, output, target):
        """Losses (n,) of windows."""
        losses, _, count = self._of_pixels(output, target)
        return losses.sum(axis=1) / count

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        losses, gradient, count = self._of_pixels(output, target)
        mean = mean_weights(weight, divisor, len(count))[:, 0] / count
        # rows of their own, then windows: an order that nothing else has a part in
        value = float((losses.sum(axis=1) * mean).sum())
        gradient *= mean[:, np.newaxis]
        return value, gradient.reshape(np.shape(output))

    def _of_pixels(self, output, target):
        """Losses and gradients (n, numbers of a window), 0 where there is no number,
        and how many there are (n,), at least 1."""
        y = target.values.reshape(len(target), -1)
        output = np.asarray(output, dtype=np.float64).reshape(y.shape)
        losses, gradient = self._each(output, y)
        missing = np.isnan(y)
        if not missing.any():
            return losses, gradient, np.full(len(y), y.shape[1])
        losses[missing] = gradient[missing] = 0.0
        return losses, gradient, np.maximum((~missing).sum(axis=1), 1)

    def start(self, target, weight):
        """Outputs (K,) that are best without X: of every channel one number."""
        few = target.evenly(ENOUGH_NUMBERS)
        weight = None if weight is None else weight[few]
        target = target[few]
        frames = target.frames if not self.by_units else target.standardised
        channels = frames.shape[-1]
        columns = frames.reshape(-1, channels).T
        if weight is not None:
            weight = np.repeat(weight, columns.shape[1] // len(target))
        best = [self._start(column, weight) for column in columns]
        return np.tile(best, target.units.n_outputs // channels)

    def _start(self, column, weight):
        there = ~np.isnan(column)
        if not there.any():
            return 0.0
        weight = None if weight is None else weight[there]
        return self._best(column[there], weight)

    def of_constant(self, constant, target, weight, divisor):
        """The loss of outputs (K,) that are the same for all pixels and windows."""
        losses = np.empty(len(target))
        for i in range(len(target)):
            window = target[i : i + 1]
            output = np.broadcast_to(constant, window.values.shape)
            losses[i] = self.of_windows(output, window)[0]
        return float((losses * mean_weights(weight, divisor, len(losses))[:, 0]).sum())

    @staticmethod
    def predictions(output, centre, scale):
        """Frames (..., channels) in the units of X."""
        return output * scale + centre

    @staticmethod
    def head_in_units(weight, bias, centre, scale):
        """Weight (K, H) and bias (K,) of the head for outputs in the units of X."""
        return weight * scale[:, np.newaxis], bias * scale + centre


class SquaredFrames(FrameLoss):
    """(output - y)^2 / 2."""

    @staticmethod
    def _each(output, y):
        difference = output - y
        return difference * difference / 2, difference

    @staticmethod
    def _best(column, weight):
        return 0.0  # the mean of a standardised channel


class AbsoluteFrames(FrameLoss):
    """|output - y|."""

    @staticmethod
    def _each(output, y):
        difference = output - y
        return np.abs(difference), np.sign(difference)

    @staticmethod
    def _best(column, weight):
        return quantiles(*distinct(column, weight), 0.5)


class BinaryFrames(FrameLoss):
    """-y log p - (1 - y) log(1 - p) with p = 1 / (1 + exp(-output)), y from 0 to 1."""

    inverse_link_name = "logistic"
    by_units = False

    @staticmethod
    def _each(output, y):
        # log(1 - p) = log_expit(-output)
        losses = -y * log_expit(output) - (1 - y) * log_expit(-output)
        return losses, expit(output) - y

    @staticmethod
    def _best(column, weight):
        # half a pixel for what is not there
        least = 0.5 / len(column)
        values, weight = distinct(column, weight)
        share = np.clip(np.average(values, weights=weight), least, 1 - least)
        return np.log(share) - np.log1p(-share)

    @staticmethod
    def predictions(output, centre, scale):
        return expit(output)

    @staticmethod
    def head_in_units(weight, bias, centre, scale):
        return weight.astype(np.float64), bias.astype(np.float64)
