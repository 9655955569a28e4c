"""What losses of one target a row share."""

import numpy as np


class Loss:
    """A loss with `value_and_gradient`, of outputs (n, K)."""

    @staticmethod
    def usual(outputs):
        """A usual loss, where the best constant outputs are these (K,)."""
        return 1.0

    def of_constant(self, constant, target, weight, divisor):
        """The loss of outputs (K,) that are the same for all samples."""
        outputs = np.broadcast_to(constant, (len(target), len(constant)))
        return self.value_and_gradient(outputs, target, weight, divisor)[0]

    def value(self, output, target, weight=None, divisor=None):
        """The loss without its gradient."""
        return self.value_and_gradient(output, target, weight, divisor)[0]
