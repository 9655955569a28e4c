"""What transcriptions are measured by, and simple ways to them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def n_edits(expected, got):
    """Least number of labels to insert, to leave out and to replace (Levenshtein)."""
    row = np.arange(len(got) + 1)
    for i, label in enumerate(expected, start=1):
        replaced = row[:-1] + np.array([label != other for other in got], dtype=int)
        best = np.minimum(replaced, row[1:] + 1)
        row = np.append(i, best)
        # from the left, one more for each step: a running minimum of row[j] - j
        j = np.arange(len(row))
        row = np.minimum.accumulate(row - j) + j
    return int(row[-1])


def label_error_rate(expected, got):
    """Edits in per cent of the labels, of all sequences together."""
    edits = sum(map(n_edits, expected, got))
    return 100 * edits / sum(map(len, expected))


def boundary_distances(paths, bounds, n_frames, stacked, hop):
    """From the border between two labels to the cut between them, in steps.

    A step is `stacked` of the `n_frames` frames of a sound, which have their middle
    every `hop` samples and are stacked from the last one. The border of an alignment
    lies midway between the last step of one label and the first of the next; the cut
    is the middle of the silence between two digits.
    """
    distances = []
    for path, bound, n in zip(paths, bounds, n_frames, strict=True):
        path = np.asarray(path)
        border = (path[:-1, 1] + 1 + path[1:, 0]) / 2  # of steps
        border = border * stacked - (-n % stacked)  # of frames
        cut = (bound[:-1, 1] + bound[1:, 0]) / 2
        distances.append(np.abs((border - 0.5) - cut / hop) / stacked)
    return np.concatenate(distances)


class CutDigits:
    """Strings are cut where they are quiet, and each piece is classified by itself.

    The classifier is a logistic regression on the frames of a digit, averaged in eight
    pieces, and is fitted to single recordings, which the transcriber does not see. A
    cut is a run of quiet frames; how quiet and how long is chosen on training strings.
    """

    def __init__(self, mel):
        self.mel = mel
        self.classifier = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
        )

    def fit(self, recordings, strings):
        """Learn digits from single recordings, and how to cut from strings."""
        sounds = [x for takes in recordings.values() for x in takes]
        y = [digit for (_, digit), takes in recordings.items() for _ in takes]
        frames = self.mel.fit_transform(sounds)
        self.classifier.fit([pieces(x) for x in frames], y)
        frames = self.mel.transform(strings.sounds)
        choices = [(share, n) for share in np.linspace(0.2, 0.6, 9) for n in (2, 4, 8)]
        errors = [
            label_error_rate(strings.transcripts, self.transcribe(frames, *choice))
            for choice in choices
        ]
        self.choice = choices[int(np.argmin(errors))]
        return self

    def predict(self, sounds):
        return self.transcribe(self.mel.transform(sounds), *self.choice)

    def transcribe(self, frames, share, n_quiet):
        return [self.classify(x, loud_runs(x, share, n_quiet)) for x in frames]

    def predict_cut(self, sounds, bounds):
        """Of strings whose cuts are told."""
        hop = self.mel.hop_length_
        return [
            self.classify(x, bound // hop)
            for x, bound in zip(self.mel.transform(sounds), bounds, strict=True)
        ]

    def classify(self, frames, runs):
        if not len(runs):
            return []
        return self.classifier.predict(
            [pieces(frames[first : last + 1]) for first, last in runs]
        ).tolist()


def pieces(frames, n=8):
    """Frames of any number as `n`, each a mean, and their number."""
    borders = np.linspace(0, len(frames), n + 1)
    low = borders[:-1].astype(int)
    high = np.maximum(np.ceil(borders[1:]).astype(int), low + 1)
    means = [frames[a:b].mean(axis=0) for a, b in zip(low, high)]
    return np.append(np.concatenate(means), len(frames))


def loud_runs(frames, share, n_quiet):
    """First and last of the frames of each run that is loud.

    Loud is what lies above a share of the way from the quietest frame to the loudest;
    fewer than `n_quiet` quiet frames are no cut.
    """
    level = frames.mean(axis=1)
    at = np.flatnonzero(level > level.min() + share * np.ptp(level))
    if not len(at):
        return np.empty((0, 2), dtype=int)
    breaks = np.flatnonzero(np.diff(at) > n_quiet)
    return np.stack([at[np.r_[0, breaks + 1]], at[np.r_[breaks, len(at) - 1]]], axis=1)
