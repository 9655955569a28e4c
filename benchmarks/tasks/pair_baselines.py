"""What spelling and translation are worth without a network.

`LetterModel` gives each letter the phones that it most often has among the same
letters. `WordForWord` translates every word by the one that IBM's model 1 (Brown et al.
1993) finds most likely, and leaves the order as it is.
"""

from collections import Counter, defaultdict
from itertools import chain

import numpy as np


class LetterModel:
    """Phones of a letter, 0 to 2, from the letters around it.

    Letters and phones of training are aligned by the best path, with scores that are
    counted anew on these paths a few times. Of a letter in a new word the widest window
    is looked up that training had.
    """

    windows = (3, 4), (3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (0, 1), (0, 0)

    def fit(self, words, phones):
        chunks = align(words, phones)
        counts = defaultdict(Counter)
        for word, of_letters in zip(words, chunks):
            for i, chunk in enumerate(of_letters):
                for key in self._keys(word, i):
                    counts[key][chunk] += 1
        self.best = {key: found.most_common(1)[0][0] for key, found in counts.items()}
        return self

    def predict(self, words):
        return [
            [phone for i in range(len(word)) for phone in self._chunk(word, i)]
            for word in words
        ]

    def _chunk(self, word, i):
        found = (self.best[key] for key in self._keys(word, i) if key in self.best)
        return next(found, ())

    def _keys(self, word, i):
        padded = f"{'<' * 4}{word}{'>' * 4}"
        at = i + 4
        for before, after in self.windows:
            yield padded[at - before : at + after + 1], before


def align(words, phones, n_rounds=6):
    """The phones of each letter of each word, tuples of 0 to 2.

    Words with more than two phones a letter are left out of the alignment: the phones
    beyond go to the last letter.
    """
    letters = {letter: k for k, letter in enumerate(sorted(set("".join(words))))}
    sounds = {p: k for k, p in enumerate(sorted({p for ps in phones for p in ps}))}
    n_letters, n_sounds = len(letters), len(sounds)
    groups = defaultdict(list)
    for k, (word, sound) in enumerate(zip(words, phones)):
        groups[len(word), min(len(sound), 2 * len(word))].append(k)
    data = {
        shape: (
            np.array([[letters[x] for x in words[k]] for k in members]),
            np.array([[sounds[p] for p in phones[k][: shape[1]]] for k in members],
                     dtype=int).reshape(len(members), shape[1]),
        )
        for shape, members in groups.items()
    }  # fmt: skip
    # log-scores of no phone, of one and of two
    scores = [
        np.full(n_letters, np.log(0.2)),
        np.full((n_letters, n_sounds), np.log(0.7 / n_sounds)),
        np.full((n_letters, n_sounds, n_sounds), np.log(0.1 / n_sounds**2)),
    ]
    for _ in range(n_rounds):
        taken = {shape: best_paths(*pair, scores) for shape, pair in data.items()}
        counts = [np.full_like(table, 1e-3) for table in scores]
        for shape, (x, y) in data.items():
            for n, rows, i, j in _steps(taken[shape]):
                where = (x[rows, i], *(y[rows, j + m] for m in range(n)))
                np.add.at(counts[n], where, 1)
        total = sum(table.reshape(n_letters, -1).sum(axis=1) for table in counts)
        scores = [
            np.log(table / total.reshape(-1, *[1] * (table.ndim - 1)))
            for table in counts
        ]
    aligned = [None] * len(words)
    for shape, members in groups.items():
        ends = taken[shape].cumsum(axis=1)
        for k, last in zip(members, ends.tolist()):
            cuts = [0, *last[:-1], len(phones[k])]
            aligned[k] = [tuple(phones[k][a:b]) for a, b in zip(cuts, cuts[1:])]
    return aligned


def best_paths(x, y, scores):
    """How many phones (0, 1, 2) each letter has on the best path: (words, letters)."""
    n_words, n_letters = x.shape
    n_phones = y.shape[1]
    best = np.full((n_letters + 1, n_phones + 1, n_words), -np.inf)
    best[0, 0] = 0
    came = np.zeros((n_letters + 1, n_phones + 1, n_words), dtype=np.int8)
    for i in range(1, n_letters + 1):
        letter = x[:, i - 1]
        for j in range(n_phones + 1):
            ways = np.full((3, n_words), -np.inf)
            for n in range(min(j, 2) + 1):
                where = (letter, *(y[:, j - n + m] for m in range(n)))
                ways[n] = best[i - 1, j - n] + scores[n][where]
            came[i, j] = ways.argmax(axis=0)
            best[i, j] = ways.max(axis=0)
    taken = np.zeros((n_words, n_letters), dtype=int)
    j, every = np.full(n_words, n_phones), np.arange(n_words)
    for i in range(n_letters, 0, -1):
        taken[:, i - 1] = came[i, j, every]
        j = j - taken[:, i - 1]
    return taken


def _steps(taken):
    """For 0, 1 and 2 phones: the words, letters and first phones of such steps."""
    begins = taken.cumsum(axis=1) - taken
    for n in range(3):
        rows, i = np.nonzero(taken == n)
        yield n, rows, i, begins[rows, i]


class WordForWord:
    """The most likely translation of each word, in the order of the source."""

    def __init__(self, n_rounds=10):
        self.n_rounds = n_rounds

    def fit(self, sources, targets):
        """IBM model 1: p(y | x) over all pairs of words that share a sentence pair."""
        xs = {x: k for k, x in enumerate(sorted(set(chain(*sources))), start=1)}
        ys = {y: k for k, y in enumerate(sorted(set(chain(*targets))))}
        pairs, places, n_places = [], [], 0
        for source, target in zip(sources, targets):
            # id 0: a word that has none in the source
            x = np.array([0, *(xs[word] for word in source)])
            y = np.array([ys[word] for word in target])
            pairs.append((x[:, None] * len(ys) + y).ravel())
            places.append(np.tile(np.arange(len(y)) + n_places, len(x)))
            n_places += len(y)
        known, pair = np.unique(np.concatenate(pairs), return_inverse=True)
        place = np.concatenate(places)
        of_x = known // len(ys)
        p = np.ones(len(known))
        for _ in range(self.n_rounds):
            # share of each word of the source in each word of the target
            share = p[pair]
            share /= np.bincount(place, share)[place]
            count = np.bincount(pair, share)
            p = count / np.bincount(of_x, count)[of_x]
        order = np.lexsort((p, of_x))
        last = order[np.flatnonzero(np.diff(of_x[order], append=-1))]
        names = list(ys)
        best = dict(zip(of_x[last].tolist(), (known[last] % len(ys)).tolist()))
        self.best = {x: names[best[k]] for x, k in xs.items()}
        return self

    def predict(self, sources):
        """Words that training did not have stay what they are."""
        return [[self.best.get(word, word) for word in words] for words in sources]
