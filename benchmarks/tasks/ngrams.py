"""Interpolated Kneser-Ney n-grams, what language models were before networks.

The three discounts of Chen & Goodman (1999), estimated from the counts; a sequence has
one mark before its first token and one behind its last, as in KenLM. All is done with
arrays: an n-gram is the number of its first n - 1 tokens beside its last token, and the
pairs are sorted.
"""

from typing import NamedTuple

import numpy as np


class Order(NamedTuple):
    """What is known of the n-grams of one length.

    `pairs` are those of training, sorted: number of the context * V + last token. The
    number of an n-gram is its place. `shares` are discounted counts, divided by that of
    the context; `left` (one for each context) is what the discounts leave over.
    """

    pairs: np.ndarray
    shares: np.ndarray
    left: np.ndarray


class KneserNey:
    """n-grams of tokens 0 .. V - 1 in sequences, the last of which is the mark."""

    def __init__(self, n, n_tokens):
        self.n = n
        self.n_tokens = n_tokens
        self.mark = n_tokens - 1

    def fit(self, sequences):
        ids, places = self._joined(sequences)
        numbers = [np.zeros(len(ids), dtype=np.int64)]
        pairs, firsts = [], []
        for k in range(1, self.n + 1):
            known, first, inverse = np.unique(
                self._pair(numbers, ids, places, k),
                return_index=True,
                return_inverse=True,
            )
            absent = int(known[0] == -1)
            numbers.append(inverse.ravel() - absent)
            pairs.append(known[absent:])
            firsts.append(first[absent:])
        self.orders = [
            self._order(k, pairs, firsts, numbers, places) for k in range(1, self.n + 1)
        ]
        return self

    def log_probabilities(self, sequences):
        """Of every token of the sequences and the mark behind each, in order."""
        ids, places = self._joined(sequences)
        # a uniform share for what was never seen
        p = np.full(len(ids), 1 / self.n_tokens)
        numbers = [np.zeros(len(ids), dtype=np.int64)]
        for k, order in enumerate(self.orders, start=1):
            pair = self._pair(numbers, ids, places, k)
            at = np.searchsorted(order.pairs, pair).clip(max=len(order.pairs) - 1)
            known = (order.pairs[at] == pair) & (pair >= 0)
            numbers.append(np.where(known, at, -1))
            context = np.where(pair >= 0, pair // self.n_tokens, 0)
            seen = (pair >= 0) & (order.left[context] > 0)
            share = np.where(known, order.shares[at], 0.0)
            p = np.where(seen, share + order.left[context] * p, p)
        return np.log(p[places > 0])

    def _joined(self, sequences):
        """All tokens with their marks, and how many of its sequence are before each."""
        lengths = np.array([len(sequence) + 2 for sequence in sequences])
        ids = np.full(lengths.sum(), self.mark, dtype=np.int64)
        begins = np.cumsum(lengths) - lengths
        places = np.arange(len(ids)) - np.repeat(begins, lengths)
        inside = (places > 0) & (places < np.repeat(lengths, lengths) - 1)
        ids[inside] = np.concatenate([np.asarray(s, dtype=int) for s in sequences])
        return ids, places

    def _pair(self, numbers, ids, places, k):
        """The k-gram that ends at each token, -1 where it is not all there.

        A mark that begins a sequence is a context and no token.
        """
        before = np.concatenate([[-1], numbers[k - 1][:-1]])
        if k == 1:
            before[:] = 0
        whole = (places >= max(k - 1, 1)) & (before >= 0)
        if k == 2:
            # the number of the mark as a context: not that of the mark behind
            begins = np.concatenate([[False], places[:-1] == 0])
            before = np.where(begins, self.mark, np.concatenate([[0], ids[:-1]]))
            whole = places > 0
        return np.where(whole, before * self.n_tokens + ids, -1)

    def _order(self, k, pairs, firsts, numbers, places):
        """Counts of the longest; of shorter ones, how many tokens come before them."""
        if k == self.n:
            counts = np.bincount(numbers[k][numbers[k] >= 0], minlength=len(pairs[-1]))
        else:
            longer = firsts[k]
            counts = np.bincount(numbers[k][longer], minlength=len(pairs[k - 1]))
            # nothing comes before what begins a sequence: its own count
            begins = places[firsts[k - 1]] == k - 1
            own = np.bincount(numbers[k][numbers[k] >= 0], minlength=len(pairs[k - 1]))
            counts = np.where(begins & (k > 1), own, counts)
        contexts = pairs[k - 1] // self.n_tokens
        n_contexts = {1: 1, 2: self.n_tokens}.get(k) or len(pairs[k - 2])
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        total = np.bincount(contexts, counts, minlength=n_contexts)
        left = np.bincount(contexts, discounts, minlength=n_contexts)
        shares = (counts - discounts) / total[contexts]
        return Order(pairs[k - 1], shares, left / np.maximum(total, 1))


def _discounts(counts):
    """What is taken of counts of 0, 1, 2 and 3 or more (Chen & Goodman 1999)."""
    n1, n2, n3, n4 = (np.sum(counts == c) for c in (1, 2, 3, 4))
    y = n1 / max(n1 + 2 * n2, 1)
    following = [(n1, n2), (n2, n3), (n3, n4)]
    found = [c - (c + 1) * y * b / max(a, 1) for c, (a, b) in enumerate(following, 1)]
    # small data have no such counts of counts
    return np.concatenate([[0.0], np.clip(found, [0.1, 0.2, 0.3], [0.95, 1.9, 2.9])])
