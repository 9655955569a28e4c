"""The loss of a head over a vocabulary: -log p of the token of each step."""

import numpy as np

from .classification import Classification
from .token_counts import counts_of, digits_of, exponent_of


class TokenCrossEntropy(Classification):
    """The mean of -log p_token over the steps that have one.

    The output is a `Scores`, targets are a `StepTarget` of tokens, -1 where a step has
    none. Beside `AtSteps(SoftmaxCrossEntropy())`, which it equals, it never has all
    outputs at once.
    """

    score_name = "mean log-probability"
    inverse_link_name = "softmax"

    def __init__(self, n_tokens=0):
        self.n_tokens = n_tokens  # of which some may not occur

    def start(self, target, weight):
        """Logarithms of the shares of the tokens."""
        counts = self._counts(target, weight)
        # half of the rarest for what is not there keeps the logarithm finite, and what
        # has a weight of two is what is there twice
        least = counts[counts > 0].min(initial=counts.sum() or 1.0) / 2
        return np.log(np.maximum(counts, least) / (counts.sum() or 1.0))

    def _counts(self, target, weight):
        """How often each token is there, by weight (V,)."""
        if hasattr(target, "token_counts"):  # where it lies
            return target.token_counts(weight, self.n_tokens)
        tokens, weight, _ = target.labelled(weight)
        exponent = 0 if weight is None else exponent_of(weight)
        return counts_of(digits_of(tokens, weight, self.n_tokens, exponent), exponent)

    @staticmethod
    def _scaled(target, weight, divisor):
        """Tokens (N,), -1 where there is no loss, and what each loss is multiplied
        with."""
        tokens, weight, known = target.values, target.weights(weight), target.known
        scale = np.ones(len(tokens)) if weight is None else weight
        if not known.all():
            tokens, scale = np.where(known, tokens, -1), np.where(known, scale, 0.0)
        if divisor is None:
            divisor = scale.sum()
        return tokens, scale / (divisor or 1.0)

    def value(self, output, target, weight=None, divisor=None):
        """The loss without its gradient."""
        tokens, scale = self._scaled(target, weight, divisor)
        return -float((scale * output.log_probability(tokens)).sum())

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        """Value, and the gradient of the rows that the head reads."""
        tokens, scale = self._scaled(target, weight, divisor)
        log_p, d_rows = output.value_and_gradient(tokens, scale)
        return -float((scale * log_p).sum()), d_rows

    def of_constant(self, constant, target, weight=None, divisor=None):
        """The loss of outputs (V,) that are the same at all steps."""
        output = np.asarray(constant, dtype=np.float64)
        output = output - output.max()
        log_p = output - np.log(np.exp(output).sum())
        if hasattr(target, "token_counts"):
            counts = self._counts(target, weight)
            divisor = counts.sum() if divisor is None else divisor
            return -float((counts * log_p).sum()) / (divisor or 1.0)
        tokens, scale = self._scaled(target, weight, divisor)
        there = tokens >= 0
        return -float((scale[there] * log_p[tokens[there]]).sum())
