"""A loss at every step: any loss, of the steps that have a target."""

import numpy as np


class AtSteps:
    """The mean of a loss over the steps with a target.

    Outputs are (N, K), those of one sequence after the other, as the targets are, which
    are a `StepTarget`. Where only some outputs of a step have a target, only these have
    a loss.
    """

    def __init__(self, loss):
        self.loss = loss
        self.score_name = loss.score_name
        self.inverse_link_name = loss.inverse_link_name
        self.degree = getattr(loss, "degree", None)

    def in_other_units(self, *args):
        return self.loss.in_other_units(*args)

    def usual(self, outputs):
        return self.loss.usual(outputs)

    def start(self, target, weight):
        """Where outputs begin (K,): what is best without X."""
        values, weight, _ = target.labelled(weight)
        return self.loss.start(values, weight)

    def of_constant(self, constant, target, weight, divisor):
        """The loss of outputs that are the same at all steps."""
        outputs = np.broadcast_to(constant, (len(target.values), len(constant)))
        return self.value_and_gradient(outputs, target, weight, divisor)[0]

    def value(self, output, target, weight=None, divisor=None):
        """The loss without its gradient."""
        return self.value_and_gradient(output, target, weight, divisor)[0]

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        """Value and gradient (N, K) of the sum over the steps, divided by `divisor`, by
        the weight of all of them if there is none."""
        values, weight, rows = target.labelled(weight)
        gradient = np.zeros(output.shape)
        if not len(values):
            return 0.0, gradient
        if values.dtype.kind == "f" and np.isnan(values).any():
            rows = slice(None) if rows is None else rows
            value, gradient[rows] = self._by_output(
                output[rows], values, weight, divisor
            )
            return value, gradient
        if rows is None:
            return self.loss.value_and_gradient(output, values, weight, divisor)
        value, gradient[rows] = self.loss.value_and_gradient(
            output[rows], values, weight, divisor
        )
        return value, gradient

    def _by_output(self, output, values, weight, divisor):
        """The same where some outputs of a step have no target: each output of the
        steps that have it."""
        if divisor is None:
            divisor = len(values) if weight is None else weight.sum()
        total, gradient = 0.0, np.zeros(output.shape)
        n_outputs = values.shape[1]
        width = output.shape[1] // n_outputs
        for k in range(n_outputs):
            there = np.flatnonzero(~np.isnan(values[:, k]))
            if len(there):
                part = np.ix_(there, range(k * width, (k + 1) * width))
                of_these = None if weight is None else weight[there]
                value, gradient[part] = self.loss.value_and_gradient(
                    output[part], values[there, k : k + 1], of_these,
                    divisor * n_outputs,
                )  # fmt: skip
                total += value
        return total, gradient
