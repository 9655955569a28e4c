"""Answers: a sequence of tokens for each sequence, of a length of its own.

`AnswerReader` says what may be answers; the fit makes an `AnswerTarget`, which encodes
them and says how long one may be. Targets are never changed.
"""

import numpy as np

from .._network.losses import TokenCrossEntropy
from .reading import require_y
from .steps import StepTarget
from .token_sequences import Documents, TokenReader, Vocabulary


class Answers(Documents):
    """Documents, and how many steps the sequences have that they belong to."""

    def __init__(self, documents, asked):
        super().__init__(
            documents.values, documents.offsets, documents.labels, documents.vocabulary
        )
        self.asked = asked  # (B,)

    def __getitem__(self, which):
        return Answers(super().__getitem__(which), self.asked[which])


class TokenTarget(StepTarget):
    """Tokens of answers as ids, with the mark behind the last of each."""

    # not those of the data
    has_own_steps = True

    def _at(self, rows, offsets):
        return TokenTarget(self.values[rows], offsets)


class AnswerReader(TokenReader):
    """What an estimator of this name takes as answers."""

    def __init__(self, name, level="char", min_count="auto", max_tokens=None):
        super().__init__(name, "y", level, min_count, max_tokens)

    def check_parameters(self, incremental):
        """Each is valid by itself."""

    def check(self, y):
        """Valid answers."""
        require_y(y, self.name)
        return super().check(y)

    def fit(self, y, sample_weight=None, classes=None, incremental=False):
        """The target of valid answers."""
        return AnswerTarget(super().fit(y), self.level).following(y)

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on would read text in another way."""
        if self.level != target.level:
            raise ValueError(
                f"level cannot change between fits that continue: the fitted network "
                f"has level={target.level!r}, the parameters say {self.level!r}. Set "
                "warm_start=False and call fit to start anew."
            )

    def weigh(self, target, y, sample_weight):
        return y, sample_weight


class AnswerTarget:
    """Tokens of a vocabulary, and the mark at the end.

    `longest` are tokens of the longest answer of the fit and steps of the longest
    sequence.
    """

    head = {}
    methods = ()

    def __init__(self, vocabulary, level, longest=(0, 0)):
        self.vocabulary = vocabulary
        self.level = level
        self.longest = longest
        self.n_outputs = vocabulary.size
        self.loss = TokenCrossEntropy(vocabulary.size)
        self.score_name = self.loss.score_name

    @property
    def state(self):
        """Plain types, of which `answers_of` makes the target again."""
        return {
            **self.vocabulary.state,
            "level": self.level,
            "longest": self.longest,
        }

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {
            "target_vocabulary_": self.vocabulary.tokens,
            "n_outputs_": self.n_outputs,
        }

    def check_whole(self, y):
        """Tokens that are not there lack nothing."""

    def following(self, y):
        """This target, which has also seen these answers."""
        longest = (int(part.max(initial=0)) for part in (y.lengths, y.asked))
        return AnswerTarget(
            self.vocabulary, self.level, tuple(map(max, self.longest, longest))
        )

    def follow(self, y, sample_weight):
        """The target of a fit that goes on, and no change of the head."""
        return self.following(y), None

    def most_tokens(self, lengths, max_length="auto"):
        """How many tokens an answer to sequences of these lengths (n,) may have."""
        if max_length != "auto":
            return np.full(len(lengths), max_length)
        tokens, steps = self.longest
        return 2 * np.ceil(tokens * np.fmax(1, lengths / max(steps, 1))).astype(np.intp)

    def encode(self, y):
        """What the loss compares outputs with: the ids of each answer and the mark."""
        ids, offsets = self.vocabulary.encode(y)
        values = np.insert(ids, offsets[1:], self.vocabulary.mark)
        return TokenTarget(values, offsets + np.arange(len(offsets)))

    def identity(self, y):
        """y in numbers that are the same in every fit that goes on."""
        return self.encode(y)

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def scorer(self, y, sample_weight):
        """Outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            return -value, value

        return score

    @staticmethod
    def head_in_units(weight, bias):
        return weight, bias


def answers_of(tokens, level, longest):
    """A target of its state."""
    return AnswerTarget(Vocabulary(tokens), level, tuple(longest))
