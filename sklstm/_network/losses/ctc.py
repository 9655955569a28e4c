"""The loss of connectionist temporal classification."""

import numpy as np

from .. import decoding_ctc
from .classification import Classification

# Steps whose outputs `of_constant` holds at once.
CONSTANT_STEPS = 65_536
# The share of the blank that outputs begin with.
BLANK = 0.5


class CTCLoss(Classification):
    """-log p of the labels of each sequence, summed over all paths that lead to them
    (Graves et al. 2006).

    Outputs (N, K) are those of all steps, the last is the blank's; targets are
    `LabelStrings`. The sum over sequences, each with its weight, is divided by the
    weight of their labels, where no label counts as one: a loss is of a label, as far
    as the lengths of transcripts differ.
    """

    inverse_link_name = "softmax"
    score_name = "score (1 - edits / labels)"

    def __init__(self, n_outputs):
        self.n_outputs = n_outputs

    def start(self, target, weight):
        """Logarithms of shares: the blank has its own, whatever the steps are, and the
        labels the rest, each by its part of all labels.

        What is best without X, a blank nearly everywhere, is where training is stuck.
        """
        K = self.n_outputs - 1
        of_labels = None if weight is None else np.repeat(weight, target.lengths)
        counts = np.bincount(target.values, weights=of_labels, minlength=K)
        # half a label for what is not there keeps the logarithm finite
        least = 0.5 / max(1, len(target.values))
        shares = np.maximum(counts / max(counts.sum(), least), least)
        return np.log(np.append((1 - BLANK) * shares / shares.sum(), BLANK))

    @staticmethod
    def _by_sequence(target, weight, divisor):
        """What -log p of each sequence is multiplied with (B,)."""
        weight = np.ones(len(target)) if weight is None else weight
        if divisor is None:
            divisor = (weight * target.counts).sum()
        return weight / divisor

    @staticmethod
    def _value(by_sequence, log_p):
        there = by_sequence > 0  # nothing times infinity is nothing here
        return -float((by_sequence[there] * log_p[there]).sum())

    def value(self, output, target, weight=None, divisor=None):
        """The loss without its gradient."""
        by_sequence = self._by_sequence(target, weight, divisor)
        log_p = decoding_ctc.log_likelihood(
            output, target.step_offsets, target.values, target.offsets
        )
        return self._value(by_sequence, log_p)

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        by_sequence = self._by_sequence(target, weight, divisor)
        gradient = np.empty(output.shape)
        log_p = decoding_ctc.log_likelihood(
            output, target.step_offsets, target.values, target.offsets, by_sequence,
            gradient,
        )  # fmt: skip
        return self._value(by_sequence, log_p), gradient

    def of_constant(self, constant, target, weight=None, divisor=None):
        """The loss of outputs (K,) that are the same at all steps."""
        by_sequence = self._by_sequence(target, weight, divisor)
        log_p, begin = np.empty(len(target)), 0
        while begin < len(target):
            most = target.step_offsets[begin] + CONSTANT_STEPS
            end = int(np.searchsorted(target.step_offsets, most, side="right")) - 1
            part = slice(begin, max(end, begin + 1))
            some = target[part]
            output = np.tile(np.asarray(constant, float), (some.step_offsets[-1], 1))
            log_p[part] = decoding_ctc.log_likelihood(
                output, some.step_offsets, some.values, some.offsets
            )
            begin = part.stop
        return self._value(by_sequence, log_p)
