"""The loss of a conditional random field."""

import numpy as np

from ..._kernels import crf
from ..emissions import Emissions, masks_of, scores_between
from .classification import Classification

# Steps whose emissions `of_constant` holds at once.
CONSTANT_STEPS = 65_536


class CRFLoss(Classification):
    """log Z - log Z of the paths that agree with the labels, summed over sequences
    (Lafferty et al. 2001); a step without a label agrees with any (Tsuboi et al. 2008).

    The output is an `Emissions`, targets are labels at steps. A sequence has its sample
    weight times the mean of the weights of its labelled steps; a step of weight zero
    counts as one without a label, and a sequence of such steps for nothing. A loss is
    of a labelled step: the sum is divided by their number times their mean weight.

    `allowed` has masks of starts (K,), transitions (K, K) and ends (K,), None for all.
    """

    inverse_link_name = "crf"

    def __init__(self, n_classes, allowed=None):
        self.n_classes = n_classes
        self.masks = masks_of(n_classes, allowed)

    def start(self, target, weight):
        """Logarithms of the shares of the classes among the labelled steps."""
        labels, _, of_steps = self._labels(target, weight)
        labelled = labels >= 0
        counts = np.bincount(
            labels[labelled], weights=of_steps[labelled], minlength=self.n_classes
        )
        # half a step for what is not there keeps the logarithm finite
        least = 0.5 / max(1, labelled.sum())
        return np.log(np.maximum(counts / max(counts.sum(), least), least))

    @staticmethod
    def _labels(target, weight):
        """Labels (N,), -1 where a step counts for nothing, the sequence of each step
        and the weights of steps, which are those of their sequence times their own."""
        labels, B = target.values, len(target)
        sequence = np.repeat(np.arange(B), np.diff(target.offsets))
        of_steps = np.ones(len(labels)) if weight is None else weight[sequence]
        if target.weight is not None:
            labels = np.where(target.weight > 0, labels, -1)
            of_steps = of_steps * target.weight
        return labels.astype(np.intp, copy=False), sequence, of_steps

    def _weighed(self, target, weight, divisor):
        """Labels (N,), and what each sequence is multiplied with in the loss (B,)."""
        labels, sequence, of_steps = self._labels(target, weight)
        labelled, B = labels >= 0, len(target)
        counts = np.bincount(sequence[labelled], minlength=B)
        # one chain a sequence
        total = np.bincount(sequence[labelled], of_steps[labelled], minlength=B)
        if divisor is None:
            divisor = total.sum()
        by_sequence = np.zeros(B)
        there = total > 0
        by_sequence[there] = total[there] / counts[there] / divisor
        return labels, by_sequence

    @staticmethod
    def _value(by_sequence, log_likelihoods):
        there = by_sequence > 0  # nothing times infinity is nothing here
        return -float((by_sequence[there] * log_likelihoods[there]).sum())

    def value(self, output, target, weight=None, divisor=None):
        """The loss without its gradient."""
        labels, by_sequence = self._weighed(target, weight, divisor)
        found = _log_likelihoods(output, target.offsets, labels, by_sequence)
        return self._value(by_sequence, found)

    def value_and_gradient(self, output, target, weight=None, divisor=None):
        labels, by_sequence = self._weighed(target, weight, divisor)
        gradient = Emissions(*(np.empty(np.shape(part)) for part in output))
        found = _log_likelihoods(output, target.offsets, labels, by_sequence, gradient)
        return self._value(by_sequence, found), gradient

    def of_constant(self, constant, target, weight=None, divisor=None):
        """The loss where all emissions are `constant` (K,) and transitions are zero, or
        forbidden."""
        labels, by_sequence = self._weighed(target, weight, divisor)
        between = scores_between(self.masks)
        found, offsets = np.empty(len(target)), target.offsets
        begin = 0
        while begin < len(target):
            most = offsets[begin] + CONSTANT_STEPS
            end = int(np.searchsorted(offsets, most, side="right")) - 1
            part = slice(begin, max(end, begin + 1))
            some = offsets[part.start : part.stop + 1]
            steps = slice(some[0], some[-1])
            values = np.tile(np.asarray(constant, float), (steps.stop - steps.start, 1))
            found[part] = _log_likelihoods(
                Emissions(values, *between), some - some[0], labels[steps],
                by_sequence[part],
            )  # fmt: skip
            begin = part.stop
        return self._value(by_sequence, found)


def _log_likelihoods(output, offsets, labels, by_sequence, gradient=None):
    """log p of the labels of each sequence (B,); into `gradient` that of minus their
    weighted sum."""
    output, n_threads = output.for_kernel(), output.n_threads
    found = np.empty(len(offsets) - 1)
    scratch = output.scratch(offsets, n_threads, gradient is not None)
    values, *between = output
    crf.log_likelihood(
        values, offsets, *between, labels, by_sequence, scratch, found,
        *(gradient or (None,) * 4), n_threads=n_threads,
    )  # fmt: skip
    return found
