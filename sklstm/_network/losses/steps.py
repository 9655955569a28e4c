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

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        """Value and gradient (N, K) of the sum over the steps, divided by `divisor`, by
        the weight of all of them if there is none."""
        values, weight, rows = target.labelled(weight)
        gradient = np.zeros(output.shape)
        if not len(values):
            return 0.0, gradient
        some = output if rows is None else output[rows]
        if values.dtype.kind == "f":
            missing = np.isnan(values)
            if missing.any():  # no loss and no gradient where both are the same
                links = self.loss.inverse_link(np.asarray(some, dtype=np.float64))
                values = np.where(missing, links, values)
        value, of_some = self.loss.value_and_gradient(some, values, weight, divisor)
        if rows is None:
            return value, of_some
        gradient[rows] = of_some
        return value, gradient

