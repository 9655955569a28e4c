"""The transcription that is asked of sklstm and of PyTorch, and its data."""

from typing import NamedTuple

import numpy as np
from _text_work import clock

__all__ = ["BATCH", "LEARNING_RATE", "MAX_GRAD_NORM", "Transcription", "clock"]

LEARNING_RATE = 0.002
MAX_GRAD_NORM = 1.0
BATCH = 32


class Transcription(NamedTuple):
    """One LSTM layer of both directions, `n_units` each, and CTC over the steps."""

    n_units: int
    epochs: int = 1


class TranscriptionData(NamedTuple):
    """Frames of sequences, (T_i, F) in float32, and the ids of their labels."""

    frames: list
    labels: list
    n_labels: int


def save(path, frames, transcripts):
    """Write sequences and their transcripts, of any labels, as numbers.

    The order of the sequences is drawn here, and all who read them take minibatches
    in it.
    """
    order = np.random.default_rng(0).permutation(len(frames))
    frames = [np.asarray(frames[i], dtype=np.float32) for i in order]
    transcripts = [list(transcripts[i]) for i in order]
    names, numbers = np.unique(np.concatenate(transcripts), return_inverse=True)
    np.savez(
        path,
        frames=np.concatenate(frames),
        n_frames=[len(x) for x in frames],
        labels=numbers,
        n_labels=[len(y) for y in transcripts],
        n_names=len(names),
    )


def load(path):
    """What `save` has written."""
    with np.load(path) as file:
        return TranscriptionData(
            np.split(file["frames"], np.cumsum(file["n_frames"])[:-1]),
            np.split(file["labels"], np.cumsum(file["n_labels"])[:-1]),
            int(file["n_names"]),
        )
