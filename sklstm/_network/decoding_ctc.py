"""From outputs at the steps of sequences to strings of labels, their probabilities and
their places (connectionist temporal classification).

Outputs are (N, K), those of one sequence after the other; the last is the blank's.
`offsets` (B + 1,) are the first step of each sequence, and N. Sequences are
independent: of each comes, to the bit, what comes of it alone, with any number of
threads.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._kernels import ctc, effective_n_threads

# Exponentials and cells of a lattice below which a second thread costs more than it
# brings.
PARALLEL_CELLS = 50_000
# Steps whose strings a search has at once, times the strings of a sequence.
SEARCHED_STEPS = 1_000_000


def _threads_for(n_cells):
    return effective_n_threads() if n_cells > PARALLEL_CELLS else 1


def _for_kernel(outputs):
    return np.ascontiguousarray(outputs, np.float64)


def _cells(n_outputs, n_steps, label_offsets):
    """Exponentials and cells of the lattices of sequences."""
    return int((n_steps * (n_outputs + 2 * np.diff(label_offsets) + 1)).sum())


def greedy(outputs, offsets, last=None):
    """The labels of the most probable path, (M,) one sequence after the other, and the
    first of each sequence (B + 1,). `last` (B,) are outputs of the steps before."""
    best = outputs.argmax(axis=1)
    before = np.empty_like(best)
    before[1:] = best[:-1]
    there = np.diff(offsets) > 0
    blank = outputs.shape[1] - 1
    before[offsets[:-1][there]] = blank if last is None else last[there]
    kept = (best != blank) & (best != before)
    return best[kept], np.concatenate([[0], np.cumsum(kept)])[offsets].astype(np.intp)


def log_likelihood(
    outputs, offsets, labels, label_offsets, by_sequence=None, gradient=None
):
    """log p of the labels of each sequence (B,); into `gradient` that of minus their
    sum, each times its factor `by_sequence`."""
    places = offsets[:-1], np.diff(offsets)
    return _log_likelihood(
        outputs, *places, labels, label_offsets, by_sequence, gradient
    )


def _log_likelihood(
    outputs, starts, n_steps, labels, label_offsets, by_sequence=None, gradient=None
):
    outputs = _for_kernel(outputs)
    n_threads = _threads_for(_cells(outputs.shape[1], n_steps, label_offsets))
    log_p = np.empty(len(starts))
    if by_sequence is None:
        by_sequence = np.ones(len(starts))
    size = ctc.scratch_size(
        outputs.shape[1], n_steps, label_offsets, n_threads, gradient is not None
    )
    ctc.log_likelihood(
        outputs, starts, n_steps, labels, label_offsets, by_sequence, np.empty(size),
        log_p, gradient, n_threads,
    )  # fmt: skip
    return log_p


def align(outputs, offsets, labels, label_offsets):
    """First and last step (M, 2) of each label on the most probable path that leads to
    the labels of its sequence, from the first step of the sequence on."""
    outputs, n_steps = _for_kernel(outputs), np.diff(offsets)
    n_threads = _threads_for(_cells(outputs.shape[1], n_steps, label_offsets))
    spans = np.empty((len(labels), 2), dtype=np.intp)
    scores = np.empty(len(n_steps))
    size = ctc.scratch_size(outputs.shape[1], n_steps, label_offsets, n_threads, True)
    ctc.align(
        outputs, offsets[:-1], n_steps, labels, label_offsets, np.empty(size), spans,
        scores, n_threads,
    )  # fmt: skip
    return spans


class Decoder(NamedTuple):
    """How strings are searched for: of those that are left by a search with
    `beam_size` of them, the ranking is by

    log p(labels) + weight log p_language(labels) + bonus len(labels)

    and `language`, where there is one, has the second term.
    """

    beam_size: int = 1
    language: Any = None
    weight: float = 0.0
    bonus: float = 0.0

    def best(self, outputs, offsets):
        """For each sequence its best strings, the best first: lists of pairs (score,
        labels). A search for one string is that for the most probable path."""
        if self.beam_size == 1:
            labels, label_offsets = greedy(outputs, offsets)
            found = [
                [(labels[begin:end].tolist(), 0.0)]
                for begin, end in pairwise(label_offsets.tolist())
            ]
        elif self.language is None:
            found = self._search(outputs, offsets)
        else:
            found = self._search_with_language(outputs, offsets)
        return self._ranked(outputs, offsets, found)

    def _search(self, outputs, offsets):
        """Strings of each sequence, with what is added to their log p."""
        outputs, found, begin = _for_kernel(outputs), [], 0
        most = max(1, SEARCHED_STEPS // self.beam_size)
        while begin < len(offsets) - 1:
            end = int(np.searchsorted(offsets, offsets[begin] + most, "right")) - 1
            end = max(end, begin + 1)
            some = offsets[begin : end + 1] - offsets[begin]
            found += self._search_some(outputs[offsets[begin] : offsets[end]], some)
            begin = end
        return found

    def _search_some(self, outputs, offsets):
        width, K, B = self.beam_size, outputs.shape[1], len(offsets) - 1
        n_threads = _threads_for(outputs.size * width)
        n_ints, n_doubles = ctc.beam_sizes(K, offsets, width, n_threads)
        strings = np.empty((width, len(outputs)), dtype=np.intp)
        lengths = np.empty((B, width), dtype=np.intp)
        counts = np.empty(B, dtype=np.intp)
        ctc.beam_search(
            outputs, offsets, self.bonus, np.empty(n_ints, np.int32),
            np.empty(n_doubles), strings, lengths, counts, n_threads,
        )  # fmt: skip
        return [
            [
                (strings[i, first : first + n].tolist(), self.bonus * int(n))
                for i, n in enumerate(lengths[b, : counts[b]])
            ]
            for b, first in enumerate(offsets[:-1])
        ]

    def _search_with_language(self, outputs, offsets):
        outputs, K, found = _for_kernel(outputs), outputs.shape[1], []
        for begin, end in pairwise(offsets.tolist()):
            search = ctc.Search(K, end - begin, self.beam_size, self.bonus)
            states = {0: self.language.begin()}
            for x in outputs[begin:end]:
                behind = np.array(
                    [states[node].scores[:-1] for node in search.nodes()]
                ).reshape(-1, K - 1)
                if not search.step(x, self.weight * behind):
                    break
                new = [node for node in search.nodes() if node not in states]
                before = [search.last(node) for node in new]
                after = self.language.go_on(
                    [states[node] for node, _ in before], [k for _, k in before]
                )
                states |= dict(zip(new, after, strict=True))
            found.append(
                [
                    (search.string(node), added + self.weight * states[node].scores[-1])
                    for node, added in zip(search.nodes(), search.added(), strict=True)
                ]
            )
        return found

    @staticmethod
    def _ranked(outputs, offsets, found):
        """The same with the score of each, in its order."""
        B = len(offsets) - 1
        of_sequence = np.repeat(np.arange(B), [len(strings) for strings in found])
        strings = [labels for of_one in found for labels, _ in of_one]
        added = np.array([more for of_one in found for _, more in of_one])
        labels = np.array([k for string in strings for k in string], dtype=np.intp)
        label_offsets = np.zeros(len(strings) + 1, dtype=np.intp)
        np.cumsum(list(map(len, strings)), out=label_offsets[1:])
        scores = added + _log_likelihood(
            outputs, offsets[:-1][of_sequence], np.diff(offsets)[of_sequence], labels,
            label_offsets,
        )  # fmt: skip
        ranked = [[] for _ in range(B)]
        for b, score, string in zip(of_sequence, scores.tolist(), strings, strict=True):
            ranked[b].append((score, string))
        for strings in ranked:
            strings.sort(key=lambda pair: -pair[0])
        return ranked
