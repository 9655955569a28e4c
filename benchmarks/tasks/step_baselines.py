"""What a tagger has to beat: simple models of words, and of notes."""

from collections import Counter, defaultdict

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression, SGDClassifier
from word_features import FEATURES


class MostFrequentTag:
    """For each word the tag that it has most often; for others that of rare words."""

    def fit(self, sentences, tags):
        counts = defaultdict(Counter)
        for words, labels in zip(sentences, tags):
            for word, label in zip(words, labels):
                counts[word][label] += 1
        self.best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
        rare = sum((c for c in counts.values() if c.total() == 1), Counter())
        self.unknown = (rare or sum(counts.values(), Counter())).most_common(1)[0][0]
        return self

    def predict(self, sentences):
        return [[self.best.get(w, self.unknown) for w in words] for words in sentences]


class LinearTagger:
    """Multinomial logistic regression on the features of a word and of its neighbours.

    Each word is tagged alone.
    """

    def __init__(self, window=2, alpha=1e-6, seed=0):
        self.window = window
        self.hasher = FeatureHasher(2**20, alternate_sign=False)
        self.model = SGDClassifier(
            loss="log_loss", alpha=alpha, max_iter=20, tol=None, random_state=seed
        )

    def fit(self, sentences, tags):
        X = self.hasher.transform(self._rows(sentences))
        self.model.fit(X, [label for labels in tags for label in labels])
        return self

    def predict(self, sentences):
        X = self.hasher.transform(self._rows(sentences))
        labels = iter(self.model.predict(X))
        return [[str(next(labels)) for _ in words] for words in sentences]

    def _rows(self, sentences):
        """A dict for each word."""
        around = range(-self.window, self.window + 1)
        for words in sentences:
            known = [{f.__name__: f(word) for f in FEATURES} for word in words]
            for t in range(len(words)):
                yield {
                    f"{name}{k}": value
                    for k in around
                    if 0 <= t + k < len(words)
                    for name, value in known[t + k].items()
                    if k == 0 or name in ("form", "shape")
                }


# ---- notes -------------------------------------------------------------------------


def previous(pieces):
    """The notes of the step before; silence before the first one."""
    return [np.vstack([np.zeros_like(piece[:1]), piece[:-1]]) for piece in pieces]


class IndependentNotes:
    """The logit of each note from its share of the training steps."""

    def fit(self, pieces):
        notes = np.concatenate(pieces)
        share = (notes.sum(axis=0) + 0.5) / (len(notes) + 1)
        self.logit = np.log(share / (1 - share))
        return self

    def decision_function(self, pieces):
        return [np.broadcast_to(self.logit, piece.shape) for piece in pieces]


class RepeatedNotes:
    """The logit of each note from whether it sounded in the step before."""

    def fit(self, pieces):
        before, now = np.concatenate(previous(pieces)), np.concatenate(pieces)
        self.logit = []
        for was in (before == 0, before == 1):
            # what all notes have in common is the prior of each
            common = now[was].mean()
            share = ((now * was).sum(axis=0) + common) / (was.sum(axis=0) + 1)
            self.logit.append(np.log(share / (1 - share)))
        return self

    def decision_function(self, pieces):
        silent, sounding = self.logit
        return [np.where(before == 1, sounding, silent) for before in previous(pieces)]


class LinearNotes:
    """Logistic regression of each note on all notes of the step before."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, pieces):
        before, now = np.concatenate(previous(pieces)), np.concatenate(pieces)
        self.models = [
            LogisticRegression(C=self.C, max_iter=1000).fit(before, note)
            if note.any()
            else None
            for note in now.T
        ]
        # of a note that never sounds in training
        self.silent = -np.log(2 * len(now) + 1)
        return self

    def decision_function(self, pieces):
        lengths = [len(piece) for piece in pieces]
        before = np.concatenate(previous(pieces))
        logits = np.column_stack(
            [
                np.full(len(before), self.silent)
                if model is None
                else model.decision_function(before)
                for model in self.models
            ]
        )
        return np.split(logits, np.cumsum(lengths)[:-1])


def nll_per_step(logits, pieces, *, first=True):
    """Negative log-likelihood in nats: the sum over the notes, the mean over the steps.

    Of the steps of all pieces; `first` says whether the first one of a piece counts.
    """
    total = steps = 0
    for z, notes in zip(logits, pieces, strict=True):
        z = np.asarray(z, dtype=float)[not first :]
        notes = notes[not first :]
        total += np.sum(np.logaddexp(0, z) - notes * z)
        steps += len(notes)
    return total / steps
