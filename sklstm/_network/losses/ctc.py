"""The loss of connectionist temporal classification."""

import numpy as np

from .. import decoding_ctc
from .classification import Classification

# Steps whose outputs `of_constant` holds at once.
CONSTANT_STEPS = 65_536


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
        """Logarithms of shares of the steps: each label is at one, the blank at the
        others.

        With the blank no more probable than labels training would first raise its
        output until there is nothing else; where it begins with its share the labels
        are learnt sooner.
        """
        weight = np.ones(len(target)) if weight is None else weight
        K, of_labels = self.n_outputs, np.repeat(weight, target.lengths)
        counts = np.bincount(target.values, weights=of_labels, minlength=K)
        steps = (weight * target.n_steps).sum()
        counts[-1] = max(steps - counts.sum(), steps / K)
        # half of the rarest for what is not there keeps the logarithm finite
        there = counts > 0
        counts[~there] = 0.5 * counts[there].min() if there.any() else 1.0
        return np.log(counts / counts.sum())

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
