"""The work with pairs of sequences that is asked of sklstm and of PyTorch."""

from typing import NamedTuple

import numpy as np
from _text_work import clock

__all__ = ["MAX_GRAD_NORM", "PairsWork", "clock", "load", "save"]

MAX_GRAD_NORM = 1.0


class PairsWork(NamedTuple):
    """An encoder and a decoder of one LSTM layer each, with Luong's attention.

    `data` names what is read. Rows of both embeddings have `n_dimensions` numbers.
    Predictions are those of a model that was trained for as many epochs.
    """

    data: str
    n_dimensions: int
    n_units: int
    bidirectional: bool
    batch: int
    epochs: int = 1
    learning_rate: float = 0.001

    def __str__(self):
        directions = "both directions" if self.bidirectional else "one direction"
        return f"{self.data}: {self.n_dimensions}, {self.n_units}, {directions}"


class Ids(NamedTuple):
    """Sequences (T_i,) of ids: 0 what is rare, 1 .. V - 2 tokens, V - 1 the mark."""

    sequences: list
    n_tokens: int


def save(path, sources, targets, n_pairs, min_count):
    """Write the first pairs of a random order, which all who read them keep.

    Tokens are counted in all pairs; what is rarer than `min_count` has id 0.
    """
    chosen = np.random.default_rng(0).permutation(len(sources))[:n_pairs]
    arrays = {}
    for name, sequences in (("source", sources), ("target", targets)):
        flat = [token for sequence in sequences for token in sequence]
        tokens, counts = np.unique(flat, return_counts=True)
        known = tokens[counts >= min_count].tolist()
        ids = {token: k for k, token in enumerate(known, start=1)}
        kept = [sequences[i] for i in chosen]
        arrays[f"{name}_ids"] = [ids.get(token, 0) for row in kept for token in row]
        arrays[f"{name}_lengths"] = list(map(len, kept))
        arrays[f"{name}_tokens"] = len(ids) + 2
    np.savez(path, **arrays)
    return sum(arrays["target_lengths"]) + len(chosen)


def load(path):
    """What `save` has written: sources and targets."""
    with np.load(path) as file:
        return tuple(
            Ids(
                np.split(file[f"{name}_ids"], np.cumsum(file[f"{name}_lengths"])[:-1]),
                int(file[f"{name}_tokens"]),
            )
            for name in ("source", "target")
        )
