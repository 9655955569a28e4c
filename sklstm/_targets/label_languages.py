"""What a language model says of strings of labels: for every label how probable it is
behind a string, and the end.

`language_of` what the user passes has `begin()`, the state of the empty string, and
`go_on(states, labels)`, those of strings with one label more. A state has `scores`
(V + 1,), natural logarithms for each label and, last, for the end.
"""

import sys
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator


class Said(NamedTuple):
    """What is known of a string."""

    state: Any
    scores: np.ndarray  # (V + 1,)


def language_of(model, labels):
    """The language model that the user passes, for these labels."""
    if isinstance(model, FrozenEstimator):
        model = model.estimator
    if hasattr(model, "BaseScore") and hasattr(model, "BeginSentenceWrite"):
        return KenLM(model, labels)
    if hasattr(model, "predict_step") and hasattr(model, "initial_state"):
        return Recurrent(model, labels)
    if callable(model):
        return Function(model, labels)
    raise TypeError(
        f"language_model={model!r} is none of a callable (labels so far, next label or "
        "None) -> log-probability, a kenlm.Model and a fitted LSTMLanguageModel."
    )


class Function:
    """A function of a tuple of labels and the next one, None for the end."""

    def __init__(self, function, labels):
        self.function = function
        self.labels = labels

    def _said(self, prefix):
        scores = [self._score(prefix, label) for label in [*self.labels, None]]
        return Said(prefix, np.array(scores))

    def _score(self, prefix, label):
        score = self.function(prefix, label)
        if not isinstance(score, Real) or not score < np.inf:
            raise ValueError(
                f"language_model({prefix!r}, {label!r}) is {score!r}, and the natural "
                "logarithm of a probability is expected."
            )
        return float(score)

    def begin(self):
        return self._said(())

    def go_on(self, states, labels):
        return [
            self._said((*said.state, self.labels[k]))
            for said, k in zip(states, labels, strict=True)
        ]


class KenLM:
    """A `kenlm.Model` whose words are labels."""

    END = "</s>"
    SPACE = "<space>"

    def __init__(self, model, labels):
        self.model = model
        self.words = [self.SPACE if label == " " else str(label) for label in labels]
        # the type of its states is beside that of the model
        self.State = sys.modules[type(model).__module__].State

    def _said(self, state):
        after = self.State()
        scores = [
            self.model.BaseScore(state, word, after) for word in [*self.words, self.END]
        ]
        return Said(state, np.log(10) * np.array(scores))

    def begin(self):
        state = self.State()
        self.model.BeginSentenceWrite(state)
        return self._said(state)

    def go_on(self, states, labels):
        found = []
        for said, k in zip(states, labels, strict=True):
            after = self.State()
            self.model.BaseScore(said.state, self.words[k], after)
            found.append(self._said(after))
        return found


class Recurrent:
    """A fitted `LSTMLanguageModel` whose tokens are labels; others are unknown."""

    def __init__(self, model, labels):
        if not hasattr(model, "vocabulary_"):
            raise ValueError(
                f"language_model={model!r} is not fitted. Fit it first; "
                "sklearn.base.clone makes an unfitted copy of it, but keeps "
                "sklearn.frozen.FrozenEstimator(language_model) as it is."
            )
        tokens = list(model.vocabulary_)
        number = {token: k for k, token in enumerate(tokens)}
        known = [label in number for label in labels]
        if not any(known):
            raise ValueError(
                f"language_model knows none of the labels: its tokens begin with "
                f"{tokens[:5]}, and the labels with {labels[:5]}. For strings it needs "
                "level='char'."
            )
        self.model = model
        self.labels = labels
        self.columns = np.array([number.get(label, 0) for label in labels] + [-1])

    def _read(self, tokens, state):
        log_p, state = self.model.predict_step(
            tokens, state, method="predict_log_proba"
        )
        return [
            Said(_rows(state, slice(i, i + 1)), scores)
            for i, scores in enumerate(log_p[:, self.columns])
        ]

    def begin(self):
        return self._read([None], self.model.initial_state())[0]

    def go_on(self, states, labels):
        if not states:
            return []
        layers = [said.state.layers for said in states]
        joined = tuple(
            tuple(np.concatenate(parts) for parts in zip(*layer, strict=True))
            for layer in zip(*layers, strict=True)
        )
        state = states[0].state._replace(layers=joined)
        return self._read([self.labels[k] for k in labels], state)


def _rows(state, which):
    layers = tuple(tuple(part[which] for part in layer) for layer in state.layers)
    return state._replace(layers=layers)
