"""Random chains, and what all of their paths say, one by one."""

from itertools import product

import numpy as np
from scipy.special import logsumexp

from sklstm._network.emissions import Emissions


class StepTarget:
    """Labels at steps, as the loss reads them."""

    def __init__(self, values, offsets, weight=None):
        self.values = np.asarray(values, dtype=np.intp)
        self.offsets = np.asarray(offsets, dtype=np.intp)
        self.weight = weight

    def __len__(self):
        return len(self.offsets) - 1


def offsets_of(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)


def random_chains(K, lengths, *, scale=1.0, forbidden=0.0, seed=0):
    """Emissions of about `scale`, and offsets; a share of what is between steps is
    forbidden, and a third as much at steps."""
    rng = np.random.default_rng(seed)
    offsets = offsets_of(lengths)
    emissions = Emissions(
        scale * rng.standard_normal((offsets[-1], K)), rng.standard_normal((K, K)),
        *rng.standard_normal((2, K)),
    )  # fmt: skip
    for part, share in zip(emissions, [forbidden / 3, *[forbidden] * 3]):
        part[rng.random(part.shape) < share] = -np.inf
    return emissions, offsets


def sequences_of(emissions, offsets, *arrays):
    """Each sequence by itself: its emissions, and its part of each array."""
    for begin, end in zip(offsets[:-1], offsets[1:]):
        part = slice(begin, end)
        alone = emissions._replace(values=emissions.values[part])
        yield (alone, *(array[part] for array in arrays))


def score_of(emissions, path):
    """The sum along a path, from its first step on."""
    values, transitions, start, end = emissions
    if not len(path):
        return 0.0
    total = start[path[0]] + values[0, path[0]]
    for t in range(1, len(path)):
        total = total + transitions[path[t - 1], path[t]] + values[t, path[t]]
    return total + end[path[-1]]


class AllPaths:
    """All paths of one sequence (n, T), and their scores (n,)."""

    def __init__(self, emissions):
        self.emissions = emissions
        K, T = emissions.n_labels, len(emissions.values)
        self.paths = np.array(list(product(range(K), repeat=T)), dtype=np.intp)
        self.paths = self.paths.reshape(K**T, T)
        self.scores = np.array([score_of(emissions, path) for path in self.paths])

    def log_z(self, labels=None):
        """Of the paths that agree with labels."""
        scores = self.scores
        if labels is not None:
            agree = (self.paths == labels) | (np.asarray(labels) < 0)
            scores = scores[agree.all(axis=1)]
        if not len(scores) or scores.max() == -np.inf:
            return -np.inf
        return logsumexp(scores)

    def log_marginals(self):
        """log p(y_t = j) (T, K)"""
        K, T = self.emissions.n_labels, len(self.emissions.values)
        out = np.empty((T, K))
        for t, j in np.ndindex(T, K):
            some = self.scores[self.paths[:, t] == j]
            out[t, j] = -np.inf if some.max() == -np.inf else logsumexp(some)
        return out - self.log_z()

    def counts(self, labels):
        """Uses of each score among the paths that agree, as an `Emissions`."""
        agree = ((self.paths == labels) | (np.asarray(labels) < 0)).all(axis=1)
        paths, scores = self.paths[agree], self.scores[agree]
        counts = Emissions(*map(np.zeros_like, self.emissions))
        p = np.exp(scores - logsumexp(scores))
        for t in range(paths.shape[1]):
            np.add.at(counts.values[t], paths[:, t], p)
            if t:
                np.add.at(counts.transitions, (paths[:, t - 1], paths[:, t]), p)
        if paths.shape[1]:
            np.add.at(counts.start, paths[:, 0], p)
            np.add.at(counts.end, paths[:, -1], p)
        return counts
