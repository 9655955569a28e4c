"""From the scores of a conditional random field to paths and probabilities.

Sequences are independent: of each comes, to the bit, what comes of it alone, with any
number of threads. `offsets` (B + 1,) are the first step of each sequence, and N.
"""

import numpy as np

from .._kernels import crf


def viterbi(emissions, offsets):
    """The best path of each sequence, (N,) one after the other, and the scores (B,).

    Of paths with equal scores it is the one whose last label is the lowest, then the
    last but one, and so on.
    """
    emissions, n_threads = emissions.for_kernel(), emissions.n_threads
    paths = np.empty(len(emissions.values), dtype=np.intp)
    scores = np.empty(len(offsets) - 1)
    scratch = emissions.scratch(offsets, n_threads)
    values, *between = emissions
    crf.viterbi(values, offsets, *between, scratch, paths, scores, n_threads)
    return paths, scores


def marginals(emissions, offsets):
    """Probability of each label at each step (N, K)."""
    return _marginals(emissions, offsets, False)


def log_marginals(emissions, offsets):
    """Their logarithms, finite also where a probability rounds to zero."""
    return _marginals(emissions, offsets, True)


def _marginals(emissions, offsets, logarithms):
    emissions, n_threads = emissions.for_kernel(), emissions.n_threads
    scratch = emissions.scratch(offsets, n_threads)
    values, *between = emissions
    out = np.empty_like(values)
    crf.marginals(values, offsets, *between, scratch, out, logarithms, n_threads)
    return out


def log_partition(emissions, offsets):
    """Logarithms of the sums over all paths (B,)."""
    paths, scores = viterbi(emissions, offsets)
    emissions, n_threads = emissions.for_kernel(), emissions.n_threads
    log_p = np.empty(len(offsets) - 1)
    scratch = emissions.scratch(offsets, n_threads)
    values, *between = emissions
    crf.log_likelihood(
        values, offsets, *between, paths, np.ones(len(log_p)), scratch, log_p,
        *(None,) * 4, n_threads=n_threads,
    )  # fmt: skip
    return scores - log_p


def n_best(emissions, offsets, n):
    """For each sequence its n best paths (m, T), the best first, and their scores (m,);
    m is less than n where there are fewer. A sequence without steps has one path."""
    emissions, n_threads = emissions.for_kernel(), emissions.n_threads
    longest = int(np.diff(offsets).max(initial=0))
    n = min(n, emissions.n_labels ** min(longest, 64))  # paths that there are
    B, K = len(offsets) - 1, emissions.n_labels
    paths = np.empty((n, len(emissions.values)), dtype=np.intp)
    scores, counts = np.empty((B, n)), np.empty(B, dtype=np.intp)
    scratch = np.empty(crf.n_best_scratch_size(K, offsets, n, n_threads))
    values, *between = emissions
    crf.n_best(values, offsets, *between, scratch, paths, scores, counts, n_threads)
    return [
        (paths[:m, begin:end], scores[b, :m])
        for b, (begin, end, m) in enumerate(zip(offsets[:-1], offsets[1:], counts))
    ]
