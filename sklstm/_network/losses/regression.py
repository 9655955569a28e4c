"""Losses of regression, on targets in units in which they are about one."""

import numpy as np
from scipy.special import expit, huber, log_expit, xlogy

from .loss import Loss
from .statistics import distinct, mean_and_scale, mean_weights, quantiles

# The largest raw output whose exponential is a number.
LOG_MAX = np.log(np.finfo(np.float64).max)
# Standardised distance of two quantiles below which an increment does not start: its
# gradient is about as large as itself.
LEAST_INCREMENT = 1e-3


def _mean_over_outputs(weight, divisor, n_samples, n_outputs):
    """What a loss is multiplied with in the mean over samples and outputs."""
    if weight is None:
        return 1 / (divisor or n_samples) / n_outputs
    return mean_weights(weight, divisor, n_samples) / n_outputs


class Regression(Loss):
    """What most losses of regression share: raw outputs are predictions."""

    # Increase of the loss with differences, near zero.
    degree = 1
    # How targets are standardised: "mean", "median" or None for not at all.
    centre = "median"
    inverse_link_name = "identity"
    score_name = "score (negative loss)"
    outputs_per_target = 1

    @staticmethod
    def check(y, place="sample {}".format):
        """Say which target is out of the range of the loss; `place` names a row."""

    @staticmethod
    def check_all(y):
        """Say when these are no targets to begin with."""

    def start(self, target, weight):
        """Raw outputs (K,) that predict best without X; NaN is no target."""
        return np.ravel([self._start(column, weight) for column in target.T])

    def _start(self, column, weight):
        missing = np.isnan(column)
        if missing.any():
            column = column[~missing] if not missing.all() else np.zeros(1)
            weight = None if weight is None or missing.all() else weight[~missing]
        return self.best_constant(*distinct(column, weight), len(column))

    def best_constant(self, values, weight, n_samples):
        """Those of one target, of its distinct values (for Huber near the best)."""
        return quantiles(values, weight, [0.5])

    @staticmethod
    def inverse_link(output):
        return output

    def predictions(self, output, mean, scale):
        """Predictions (n, K, ...) in the units y = scale z + mean of each target."""
        values = output * scale
        values += mean
        return values

    @staticmethod
    def head_in_units(weight, bias, mean, scale):
        """Weight (K, H) and bias (K,) of the head for outputs in the units of y."""
        return weight * scale[:, np.newaxis], bias * scale + mean

    @staticmethod
    def in_other_units(weight, bias, a, b):
        """`weight` (H, K) and `bias` (K,) for outputs a z + b in place of z."""
        return weight * a, bias * a + b


class SquaredError(Regression):
    """(output - y)^2 / 2, averaged over the outputs; targets are (n, K)."""

    degree = 2
    centre = "mean"
    score_name = "R²"

    def best_constant(self, values, weight, n_samples):
        return np.zeros(1)  # the mean of the standardised target

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        difference = np.subtract(output, target, dtype=np.float64)
        gradient = _mean_over_outputs(weight, divisor, *difference.shape) * difference
        return float((gradient * difference).sum()) / 2, gradient


class AbsoluteError(Regression):
    """|output - y|, averaged over the outputs; targets are (n, K)."""

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        difference = np.subtract(output, target, dtype=np.float64)
        mean = _mean_over_outputs(weight, divisor, *difference.shape)
        return float((mean * np.abs(difference)).sum()), mean * np.sign(difference)


class Huber(Regression):
    """d^2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond, with d = output - y,
    averaged over the outputs; targets are (n, K)."""

    degree = 2

    def __init__(self, delta):
        self.delta = delta

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        difference = np.subtract(output, target, dtype=np.float64)
        mean = _mean_over_outputs(weight, divisor, *difference.shape)
        value = float((mean * huber(self.delta, difference)).sum())
        return value, mean * np.clip(difference, -self.delta, self.delta)


def _sums_from_the_end(a):
    """Along the last axis: of each element and all behind it."""
    return a[..., ::-1].cumsum(axis=-1)[..., ::-1]


class Pinball(Regression):
    """max(q (y - z), (1 - q) (z - y)) for the quantile z of level q, averaged over the
    outputs and the levels; targets are (n, K).

    Raw outputs (n, K Q) are, for each target, the quantile in the middle, m = Q // 2,
    and what leads from one quantile to the next, which cannot cross (Park et al. 2022,
    from the middle for from the lowest and softplus for ReLU):

    z_m = output_m
    z_j = z_(j-1) + softplus(output_j) above it
    z_j = z_(j+1) - softplus(output_j) below it

    From the middle the loss on new data is lower; ReLU has no gradient once it is zero.

    `levels` is a number or, for predictions with an axis of quantiles, a sequence.
    """

    def __init__(self, levels):
        levels = np.asarray(levels, dtype=np.float64)
        # Quantiles are ascending, predictions in the order of the levels given.
        self.place = np.argsort(np.argsort(levels)) if levels.ndim else 0
        self.levels = np.sort(np.atleast_1d(levels))
        self.outputs_per_target = len(self.levels)
        if self.outputs_per_target > 1:
            self.inverse_link_name = "softplus_increments"
        m = len(self.levels) // 2
        self._below, self._middle = np.s_[..., :m], np.s_[..., m : m + 1]
        self._above = np.s_[..., m + 1 :]

    def _by_target(self, output):
        output = np.asarray(output, dtype=np.float64)
        Q = len(self.levels)
        return output.reshape(len(output), output.shape[1] // Q, Q)

    def inverse_link(self, output):
        """Quantiles (n, K, Q)."""
        raw = self._by_target(output)
        quantiles = np.repeat(raw[self._middle], len(self.levels), axis=-1)
        # softplus(a) = -log σ(-a)
        step = log_expit(-raw[self._below])
        quantiles[self._below] += _sums_from_the_end(step)
        step = log_expit(-raw[self._above])
        quantiles[self._above] -= step.cumsum(axis=-1)
        return quantiles

    def predictions(self, output, mean, scale):
        with np.errstate(invalid="ignore"):
            values = self.inverse_link(output)
        values = values * scale[:, np.newaxis] + mean[:, np.newaxis]
        return values[..., self.place]

    def head_in_units(self, weight, bias, mean, scale):
        if np.ndim(self.place):  # increments have no units before softplus
            return weight.astype(np.float64), bias.astype(np.float64)
        return super().head_in_units(weight, bias, mean, scale)

    def best_constant(self, values, weight, n_samples):
        return self.raw_outputs([quantiles(values, weight, self.levels)])[0]

    def raw_outputs(self, quantiles):
        """Raw outputs (n, K Q) of quantiles (n, K, Q), or of some a little wider."""
        raw = np.array(quantiles, dtype=np.float64)
        step = np.maximum(np.diff(raw), LEAST_INCREMENT)
        # the inverse of softplus
        step += np.log(-np.expm1(-step))
        m = len(self.levels) // 2
        raw[self._below], raw[self._above] = step[..., :m], step[..., m:]
        return raw.reshape(len(raw), -1)

    def in_other_units(self, weight, bias, a, b):
        """`weight` (H, K Q) and `bias` (K Q,) for a and b (K,).

        To first order around the bias, since softplus is not linear: with
        softplus(r') = a softplus(r), dr' / dr = a σ(r) / σ(r').
        """
        raw = self._by_target(bias[np.newaxis])
        step = -np.minimum(log_expit(-raw), -np.finfo(np.float64).tiny)
        new = a[:, np.newaxis] * step
        new += np.log(-np.expm1(-new))
        slope = a[:, np.newaxis] * np.exp(log_expit(raw) - log_expit(new))
        slope[self._middle] = a[:, np.newaxis]
        new[self._middle] = raw[self._middle] * a[:, np.newaxis] + b[:, np.newaxis]
        return weight * slope.ravel(), new.ravel()

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        raw = self._by_target(output)
        difference = self.inverse_link(output) - target[..., np.newaxis]
        # d loss / d z: 1 - q above the target, -q below it
        slope = (difference > 0) - self.levels * (difference != 0)
        n, K, Q = raw.shape
        mean = _mean_over_outputs(weight, divisor, n, K * Q)
        if weight is not None:
            mean = mean[..., np.newaxis]
        value = float((mean * slope * difference).sum())
        d_z = mean * slope
        gradient = np.empty_like(raw)
        gradient[self._middle] = d_z.sum(axis=-1, keepdims=True)
        # a step moves its own quantile and all further out
        gradient[self._below] = -d_z[self._below].cumsum(axis=-1)
        gradient[self._below] *= expit(raw[self._below])
        gradient[self._above] = _sums_from_the_end(d_z[self._above])
        gradient[self._above] *= expit(raw[self._above])
        return value, gradient.reshape(n, K * Q)


class HalfPoissonDeviance(Regression):
    """y log(y / m) - y + m with the mean m = exp(output), averaged over the outputs;
    targets are (n, K), not negative."""

    centre = None
    inverse_link_name = "exp"

    @staticmethod
    def check(y, place="sample {}".format):
        if not (y < 0).any():
            return
        row, *column = np.argwhere(y < 0)[0].tolist()
        where = place(row) + "".join(f", output {k}" for k in column)
        raise ValueError(
            f"Negative values in y: {where} has target {y[row, *column]:g}. "
            "loss='poisson' needs targets of zero or more; for others use another "
            "loss."
        )

    @staticmethod
    def check_all(y):
        # the logarithm of the mean is where training starts
        nothing = np.flatnonzero(~y.reshape(len(y), -1).any(axis=0))
        if len(nothing):
            which = "y" if y.ndim == 1 else f"Output {nothing[0]} of y"
            raise ValueError(
                f"{which} is 0 for all {len(y)} samples. loss='poisson' needs targets "
                "with a sum above zero: pass samples with other targets, or use "
                "another loss."
            )

    @staticmethod
    def usual(outputs):
        return max(1.0, float(np.exp(np.max(outputs))))  # the variance is the mean

    def best_constant(self, values, weight, n_samples):
        mean, _ = mean_and_scale(values, weight)
        # Half an event for none: a validation part may have taken them all.
        return np.log([mean if mean > 0 else 0.5 / n_samples])

    @staticmethod
    def inverse_link(output):
        return np.exp(np.minimum(output, LOG_MAX))

    def predictions(self, output, mean, scale):
        with np.errstate(invalid="ignore"):
            return super().predictions(self.inverse_link(output), mean, scale)

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        output = np.asarray(output, dtype=np.float64)
        mean = _mean_over_outputs(weight, divisor, *output.shape)
        # An absurd output is a loss of infinity, which stops training.
        with np.errstate(over="ignore", invalid="ignore"):
            m = np.exp(output)
            losses = xlogy(target, target) - target * output - target + m
            return float((mean * losses).sum()), mean * (m - target)
