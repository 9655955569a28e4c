"""The work with language models that sklstm and PyTorch are asked for, and its data."""

from typing import NamedTuple

import numpy as np
from _text_work import clock

__all__ = ["LEARNING_RATE", "MAX_GRAD_NORM", "Corpus", "LanguageWork", "clock", "load"]

LEARNING_RATE = 0.001
MAX_GRAD_NORM = 1.0


class LanguageWork(NamedTuple):
    """A network of an embedding, LSTM layers and a head over the vocabulary.

    Trained on `n_streams` streams at once, in segments of `n_steps`. Generation writes
    `n_samples` texts of `length` tokens. The type is that of the products: with
    bfloat16 everything else is float32.
    """

    n_dimensions: int
    n_units: tuple
    n_streams: int = 20
    n_steps: int = 35
    n_samples: int = 0
    length: int = 0
    dtype: str = "float32"

    def __str__(self):
        layers = ", ".join(map(str, self.n_units))
        text = f"{self.n_dimensions}; {layers}"
        if self.dtype != "float32":
            text += f"; {self.dtype}"
        return f"{text}; {self.n_samples} × {self.length}" if self.n_samples else text


class Corpus(NamedTuple):
    """Documents as ids 1 .. V - 2 of tokens, 0 of all others; V - 1 is the mark."""

    ids: np.ndarray
    offsets: np.ndarray
    n_tokens: int

    def streams(self, n_streams):
        """Marks before, between and behind the documents: (steps, streams)."""
        mark = self.n_tokens - 1
        text = np.insert(self.ids, self.offsets, mark)
        n_each = (len(text) - 1) // n_streams
        cut = text[: n_each * n_streams + 1]
        inputs, targets = cut[:-1], cut[1:]
        return (part.reshape(n_streams, n_each).T.copy() for part in (inputs, targets))


def save(path, documents, part, n_most):
    """Write the first documents of a part, `n_most` tokens or more with their ends.

    Tokens are numbered by falling frequency in all documents of training.
    """
    flat = [token for document in documents["train"] for token in document]
    tokens, counts = np.unique(flat, return_counts=True)
    order = tokens[np.argsort(-counts, kind="stable")].tolist()
    order = ["<unk>"] + [token for token in order if token != "<unk>"]
    ids = {token: k for k, token in enumerate(order)}
    kept, lengths = [], []
    for document in documents[part]:
        kept += [ids.get(token, 0) for token in document]
        lengths.append(len(document))
        if len(kept) + len(lengths) >= n_most:
            break
    np.savez(
        path,
        ids=np.array(kept),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_tokens=len(order) + 1,
    )
    return len(kept) + len(lengths)


def load(path):
    """What `save` has written."""
    with np.load(path) as file:
        return Corpus(file["ids"], file["offsets"], int(file["n_tokens"]))
