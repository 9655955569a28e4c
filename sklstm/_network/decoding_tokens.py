"""From a network that predicts the next token to whole sequences of tokens.

Of a beam at most `size` hypotheses of each source go on from one token to the next:
those of the highest sums of log p, which are of the same length. A hypothesis that ends
keeps its place in the beam, so that a beam of one takes the best token at each step.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

# Numbers in the log-probabilities of a step, and its rows, which bounds the memory of a
# beam.
MOST, MOST_ROWS = 1 << 21, 4096
# Tokens of which the best is found first, where there are many.
BLOCK = 64
# The sum of a hypothesis that has none.
LOWEST = np.finfo(np.float64).min


class Hypotheses(NamedTuple):
    """What a beam has found, that of one source after the other, the best first."""

    log_probability: np.ndarray  # (F,) sums in the order of the tokens and the mark
    tokens: np.ndarray  # those of one hypothesis after the other, without the mark
    offsets: np.ndarray  # (F + 1,) where the tokens of each begin
    first: np.ndarray  # (n + 1,) first hypothesis of each source

    def of_each(self):
        """A list for each source, of pairs (log-probability, ids)."""
        ids, scores = self.tokens.tolist(), self.log_probability.tolist()
        parts = [ids[begin:end] for begin, end in pairwise(self.offsets.tolist())]
        every = list(zip(scores, parts, strict=True))
        return [every[begin:end] for begin, end in pairwise(self.first.tolist())]


def sources_at_once(n_tokens, size):
    """How many sources a beam takes at a time."""
    return max(1, min(MOST // n_tokens, MOST_ROWS) // size)


def beam(
    step,  # (ids (m,), states, *, source (m,)) -> log p (m, V) float64, states after
    states,  # list of tuples of arrays, a row for each source
    longest,  # (n,) tokens that the answer to each source may have, without the mark
    mark,  # the id that is read first and ends a sequence
    size,
    length_penalty=0.0,
):
    """The best hypotheses of each source, at most `size`.

    They are ranked by the sum of their log p / (tokens + 1) ** length_penalty. Of equal
    sums the one whose last token has the higher log p comes first, then the one of the
    better hypothesis before it, then that of the smaller id. No hypothesis has the
    unknown token, id 0, and one that has `longest` tokens ends.
    """
    n = len(longest)
    source, ids = np.arange(n), np.full(n, mark, dtype=np.intp)
    score, left = np.zeros(n), np.full(n, size)
    steps, ended = [], []
    while len(source):
        log_p, states = step(ids, states, source=source)
        total = _totals(score, log_p, mark, longest[source] <= len(steps))
        row, ids = _candidates(total, size)
        sums = total[row, ids]
        order = np.lexsort((-log_p[row, ids], -sums, source[row]))
        row, ids, sums = row[order], ids[order], sums[order]
        kept = _rank(source[row]) < left[source[row]]
        row, ids, sums = row[kept], ids[kept], sums[kept]
        ends = ids == mark
        at_end = source[row[ends]]
        ended.append((at_end, sums[ends], row[ends]))
        left -= np.bincount(at_end, minlength=n)
        row, ids, score = row[~ends], ids[~ends], sums[~ends]
        source = source[row]
        states = [tuple(array[row] for array in arrays) for arrays in states]
        steps.append((ids, row))
    return _ranked(ended, steps, n, length_penalty)


def _totals(score, log_p, mark, must_end):
    """Sums with each token that may come next, -inf with one that may not (m, V)."""
    total = score[:, np.newaxis] + log_p
    total[:, 0] = -np.inf
    total[must_end, :mark] = -np.inf
    # of what is no number nothing can be chosen, and it ends
    total[np.isnan(total[:, mark])] = -np.inf
    total[:, mark] = np.fmax(total[:, mark], LOWEST)
    return total


def _candidates(total, size):
    """Rows and ids, in their order, of sums (m, V) among which are the best `size` of
    each row and those equal to the last of them."""
    m, V = total.shape
    if V > size * BLOCK:  # a sum as large as the best of so many blocks
        whole = V - V % BLOCK
        blocks = [total[:, :whole].reshape(m, -1, BLOCK).max(axis=2)]
        if whole < V:
            blocks.append(total[:, whole:].max(axis=1, keepdims=True))
        bounds = np.concatenate(blocks, axis=1)
    else:
        bounds = total
    last = bounds.shape[1] - size
    if last < 0:
        least = np.full(m, LOWEST)
    elif size == 1:
        least = bounds.max(axis=1)
    else:
        least = np.partition(bounds, last, axis=1)[:, last]
    there = total >= np.maximum(least, LOWEST)[:, np.newaxis]
    return np.divmod(np.flatnonzero(there), V)


def _rank(source):
    """Of items in the order of their sources the place of each among its own."""
    first = np.flatnonzero(np.r_[True, source[1:] != source[:-1]])[: len(source)]
    return np.arange(len(source)) - np.repeat(first, np.diff(np.r_[first, len(source)]))


def _ranked(ended, steps, n, length_penalty):
    """Hypotheses that have ended after so many steps, in the order of sources."""
    lengths = np.repeat(np.arange(len(ended)), [len(part[0]) for part in ended])
    source, score, row = (np.concatenate(parts) for parts in zip(*ended, strict=True))
    key = score / (lengths + 1.0) ** length_penalty
    order = np.lexsort((-score, -key, source))
    source, score, row, lengths = (
        part[order] for part in (source, score, row, lengths)
    )
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = np.empty(offsets[-1], dtype=np.intp)
    for t in reversed(range(lengths.max(initial=0))):
        there = np.flatnonzero(lengths > t)
        ids, before = steps[t]
        tokens[offsets[there] + t] = ids[row[there]]
        row[there] = before[row[there]]
    score[score == LOWEST] = np.nan
    first = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))])
    return Hypotheses(score, tokens, offsets, first)


def sums_of_sequences(log_p, offsets):
    """Sums (n,) of what belongs to the tokens (N,) of sequences, in their order."""
    # one after the other, as a beam has them
    sequence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.bincount(sequence, weights=log_p, minlength=len(offsets) - 1)
