"""Documents that live on the workers of a Dask cluster, partition by partition.

Each partition numbers the tokens that it has. The client gets these, how long each
document is and how often each token is there, and makes a vocabulary of them, by which
the documents become ids where they lie.
"""

from typing import NamedTuple

import numpy as np

from .._targets.next_tokens import read_tokens
from .._targets.token_sequences import Documents, TokenReader
from ..sequences import SequenceArray
from ..sequences._stacking import as_offsets
from ..sequences._vocabulary import IDS


class DocumentOutline(NamedTuple):
    """What the client knows of a partition of documents."""

    lengths: np.ndarray  # (n,)
    labels: tuple
    vocabulary: tuple | None
    ids: np.ndarray | None

    @classmethod
    def of(cls, part):
        return cls(part.lengths, part.labels, part.vocabulary, part._ids)


# ---- what workers do -----------------------------------------------------------------


def read_documents_of(part, name, level):
    """Valid documents of a partition, for an estimator of this name; None where there
    are none."""
    is_text = isinstance(part, (str, bytes))
    if hasattr(part, "__len__") and not is_text and not len(part):
        return None
    documents = TokenReader(name, "X", level).check(part)
    if isinstance(part, SequenceArray):
        documents._ids = part._ids
    return documents


def occurrences_of(part, which):
    """`Documents.occurrences` of some of a partition, or of all of it."""
    return (part if which is None else part[which]).occurrences()


def encoded(part, which, ids, mark):
    """The same documents as a network reads them, by the id of each label."""
    part = part if which is None else part[which]
    return read_tokens(ids[part.values], part.offsets, mark)[0]


# ---- what the client has -------------------------------------------------------------


class DocumentPartitions(Documents):
    """Documents in partitions, and which of `labels` each of their own ones is.

    `which` (n,) of all documents these are, rising.
    """

    are_elsewhere = True

    def __init__(self, who, parts, all_lengths, numbers, labels, vocabulary, which):
        self.who, self.parts = who, parts
        self.all_lengths = all_lengths  # a list of those of each partition
        self.numbers, self.which = numbers, which
        offsets = as_offsets(np.concatenate(all_lengths)[which])
        super().__init__(None, offsets, labels, vocabulary)

    @classmethod
    def of(cls, who, parts, outlines):
        """Documents of partitions of one vocabulary, or of none."""
        number = {}  # of each token, in the order of their appearance
        numbers = [
            np.array([number.setdefault(token, len(number)) for token in one.labels],
                     np.intp)
            for one in outlines
        ]  # fmt: skip
        lengths = [one.lengths for one in outlines]
        every = np.arange(sum(map(len, lengths)))
        vocabulary = outlines[0].vocabulary
        found = cls(who, parts, lengths, numbers, tuple(number), vocabulary, every)
        if all(one.ids is not None for one in outlines):
            found._ids = np.concatenate([one.ids for one in outlines])
        return found

    def __getitem__(self, which):
        return DocumentPartitions(
            self.who, self.parts, self.all_lengths, self.numbers, self.labels,
            self.vocabulary, self.which[which],
        )  # fmt: skip

    def _by_partition(self):
        """Of each partition which of its documents these are, None for all."""
        ends = np.cumsum([len(lengths) for lengths in self.all_lengths])
        own = np.split(self.which, np.searchsorted(self.which, ends[:-1]))
        for which, end, lengths in zip(own, ends, self.all_lengths, strict=True):
            n = len(lengths)
            yield None if len(which) == n else which - (end - n)

    def occurrences(self):
        found = self.who.gather(
            [
                self.who.submit(occurrences_of, part, which)
                for part, which in zip(self.parts, self._by_partition(), strict=True)
            ],
            "X",
        )
        before, parts = 0, []
        for (there, first, counts), numbers in zip(found, self.numbers, strict=True):
            parts.append((numbers[there], before + first, counts))
            before += int(counts.sum())
        numbers, first, counts = map(np.concatenate, zip(*parts, strict=True))
        there, one, place = np.unique(numbers, return_index=True, return_inverse=True)
        together = np.zeros(len(there), np.intp)
        np.add.at(together, place, counts)
        return there, first[one], together

    def encoded(self, vocabulary):
        """Rows of ids (rows, 1), the mark in front of each document, and the first row
        and the number of rows of each. The tokens are not kept."""
        ids = vocabulary.ids_of(self.labels).astype(IDS)
        parts, n_rows = [], []
        for part, lengths, numbers, which in zip(
            self.parts, self.all_lengths, self.numbers, self._by_partition(),
            strict=True,
        ):  # fmt: skip
            own = ids[numbers]
            parts.append(self.who.submit(encoded, part, which, own, vocabulary.mark))
            lengths = lengths if which is None else lengths[which]
            n_rows.append(len(lengths) + lengths.sum())
        self.parts.clear()
        data = self.who.rows(
            self.who.pieces(parts), IDS, (1,), np.arange(len(parts)),
            np.zeros(len(parts), np.intp), n_rows,
        )  # fmt: skip
        lengths = self.lengths + 1
        return data, as_offsets(lengths)[:-1], lengths
