"""The work with tokens that is asked of sklstm and of PyTorch, and its data."""

import os
import time
from typing import NamedTuple

import numpy as np

LEARNING_RATE = 0.001
MAX_GRAD_NORM = 1.0
BATCH = 32


# What a process with one thread takes of a processor says more, on a machine that has
# other work, than how long it takes.
clock = (
    time.process_time if os.environ.get("OMP_NUM_THREADS") == "1" else time.perf_counter
)


class TokenWork(NamedTuple):
    """A network of an embedding, one LSTM layer of both directions and a head.

    `task` is "text" (the maximum over the steps, one class) or "tags" (a class for
    every step, with a CRF or without).
    """

    task: str
    n_dimensions: int
    n_units: int
    crf: bool = False
    epochs: int = 1


class TokenData(NamedTuple):
    """Ids of sequences (T_i,) and a label of each, or of each of its steps."""

    tokens: list
    lengths: np.ndarray
    labels: list
    n_tokens: int
    n_labels: int


def save(path, tokens, labels):
    """Write sequences of tokens and their labels, of any type, as numbers.

    Id 0 is left to tokens that are met once. The order of the sequences is drawn here,
    and all who read them take minibatches in it.
    """
    order = np.random.default_rng(0).permutation(len(tokens))
    tokens = [tokens[i] for i in order]
    labels = [labels[i] for i in order]
    words, counts = np.unique(np.concatenate(tokens), return_counts=True)
    words = words[counts > 1]
    ids = {word: k for k, word in enumerate(words.tolist(), start=1)}
    at_steps = isinstance(labels[0], list)
    flat = np.concatenate(labels) if at_steps else np.array(labels)
    names, numbers = np.unique(flat, return_inverse=True)
    np.savez(
        path,
        tokens=[ids.get(word, 0) for words in tokens for word in words],
        lengths=[len(words) for words in tokens],
        labels=numbers,
        n_tokens=len(ids) + 1,
        n_labels=len(names),
        at_steps=at_steps,
    )


def load(path):
    """What `save` has written."""
    with np.load(path) as file:
        lengths = file["lengths"]
        cuts = np.cumsum(lengths)[:-1]
        labels = file["labels"]
        if file["at_steps"]:
            labels = np.split(labels, cuts)
        tokens = np.split(file["tokens"], cuts)
        sizes = int(file["n_tokens"]), int(file["n_labels"])
        return TokenData(tokens, lengths, labels, *sizes)
