"""Tags of sequences in colour, as HTML or as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .._targets.schemes import OUTSIDE, kind_of
from .._typing import ArrayLike, Axes, SequencesLike
from ..preprocessing import TokenEncoder
from ..sequences import SequenceArray
from ._common import pyplot

# To be told apart by all (Okabe & Ito 2008), from the lightest text stands well on.
COLORS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2",
)  # fmt: skip
# Opacity of a colour at probability 0; at 1 it leaves the text readable.
FAINTEST, STRONGEST = 0.1, 0.75
# Letters in a line of a picture.
WIDTH = 80


class TagDisplay:
    """The steps of sequences, coloured by their tags.

    In a notebook the display shows itself, as HTML; :meth:`plot` draws it with
    matplotlib. The more probable a tag, the stronger its colour; the probability is
    also in the tooltip of each step, in a picture below it. All tags of a kind of
    entity, such as "B-PER" and "I-PER", share a colour, and "O" and steps without tag
    have none. Made by :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    tags : list of lists
        The tags of each sequence, one for each of its steps; None is a step without.

    tokens : list of lists, default=None
        What stands at the steps. None is their numbers.

    probabilities : list of array-like of shape (n_steps_i,), default=None
        Probability of each tag. None is 1.

    classes : array-like of shape (n_classes,), default=None
        All tags there are, in whose order colours are given. None is those of `tags`.

    Attributes
    ----------
    colors : dict
        The colour of each tag that has one, such as "#e69f00".

    figure_ : matplotlib Figure
        The figure.

    ax_ : matplotlib Axes
        The axes.

    patches_ : list of list of matplotlib Rectangle
        What is behind the steps of each sequence.

    texts_ : list of list of matplotlib Text
        The tokens of each sequence.

    Raises
    ------
    ValueError
        If there is no sequence, if `tags`, `tokens` and `probabilities` are not of the
        same lengths, or if a probability is none.

    See Also
    --------
    sklstm.LSTMTagger : Predicts a tag for every step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTagger
    >>> from sklstm.inspection import TagDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=100)]
    >>> y = [["up" if s > 0 else "down" for s in x.cumsum()] for x in X]
    >>> tagger = LSTMTagger(16, random_state=0).fit(X, y)
    >>> x = [[1.0], [-3.0], [0.5]]
    >>> words = ["rose", "fell", "rose"]
    >>> TagDisplay.from_estimator(tagger, [x], tokens=words).tags
    [['up', 'down', 'down']]
    """

    def __init__(
        self,
        *,
        tags: Sequence[Sequence[Any]],
        tokens: Sequence[Sequence[Any]] | None = None,
        probabilities: Sequence[ArrayLike] | None = None,
        classes: ArrayLike | None = None,
    ) -> None:
        self.tags = [list(sequence) for sequence in tags]
        if not self.tags:
            raise ValueError("There is nothing to draw: tags is empty.")
        self.tokens = _alike(tokens, self.tags, "tokens")
        if tokens is None:
            self.tokens = [list(range(len(sequence))) for sequence in self.tags]
        self.probabilities = _alike(probabilities, self.tags, "probabilities")
        if probabilities is None:
            self.probabilities = [[1.0] * len(sequence) for sequence in self.tags]
        for i, sequence in enumerate(self.probabilities):
            for t, p in enumerate(sequence):
                if not 0 <= p <= 1:
                    raise ValueError(
                        f"probabilities has {p!r} for sample {i}, step {t}, which is "
                        "no probability: numbers from 0 to 1 are."
                    )
        if classes is None:
            classes = sorted({tag for tags in self.tags for tag in tags}, key=_order)
        self.classes = list(classes)
        self.colors = _colors(self.classes)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: SequencesLike,
        *,
        tokens: Sequence[Sequence[Any]] | Sequence[Any] | None = None,
    ) -> TagDisplay:
        """Make a display of what a fitted estimator predicts.

        Parameters
        ----------
        estimator : estimator, Pipeline or search
            A fitted estimator that predicts a label for every step, such as
            :class:`~sklstm.LSTMTagger`, or a fitted Pipeline that ends in one. With
            `predict_proba` the display has probabilities.

        X : SequenceArray, list of arrays or list of lists
            The sequences, as `predict` of the estimator takes them.

        tokens : list of lists, default=None
            What stands at the steps of each sequence; of a single sequence one list
            will do. None is the tokens of X, where it is lists of them, texts for a
            Pipeline that begins with a :class:`~sklstm.preprocessing.TokenEncoder`, or
            what that has made of them; else the numbers of the steps.

        Returns
        -------
        display : TagDisplay
            The display, not drawn yet.

        Raises
        ------
        TypeError
            If the estimator does not predict one label for every step.
        ValueError
            If a sequence has more or fewer tokens than steps.
        NotFittedError
            If the estimator is not fitted.
        """
        name = type(estimator).__name__
        predicted = estimator.predict(X)
        if not hasattr(estimator, "classes_") or not all(map(_is_path, predicted)):
            raise TypeError(
                f"{name} does not predict one label for every step. Pass a fitted "
                "LSTMTagger for one label a step, or a Pipeline that ends in one."
            )
        tags = [list(labels) for labels in predicted]
        classes = list(estimator.classes_)
        probabilities = None
        if hasattr(estimator, "predict_proba"):
            column = {label: k for k, label in enumerate(classes)}
            probabilities = [
                np.array([p[t, column[tag]] for t, tag in enumerate(labels)])
                for p, labels in zip(estimator.predict_proba(X), tags, strict=True)
            ]
        if tokens is None:
            tokens = _tokens_of(estimator, X)
        elif len(tags) == 1 and _is_one_sequence(tokens):
            tokens = [tokens]
        return cls(
            tags=tags, tokens=tokens, probabilities=probabilities, classes=classes
        )

    # ---- HTML --------------------------------------------------------------------

    def _repr_html_(self):
        """The display of a notebook: text is escaped, whatever it holds."""
        lines = [
            "<p>" + " ".join(map(self._step_as_html, *sequence)) + "</p>"
            for sequence in zip(self.tokens, self.tags, self.probabilities, strict=True)
        ]
        return (
            '<div class="sklstm-tags" style="color: #1a1a1a; background: #ffffff; '
            'padding: 0.5em; line-height: 1.9;">' + "".join(lines) + "</div>"
        )

    def _step_as_html(self, token, tag, p):
        text = escape(str(token))
        if tag is None:
            return f"<span>{text}</span>"
        title = escape(f"{tag}, probability {p:.3f}")
        color = self.colors.get(tag)
        if color is None:
            return f'<span title="{title}">{text}</span>'
        red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
        return (
            f'<span title="{title}" style="background: rgba({red}, {green}, {blue}, '
            f'{_opacity(p):.3f}); padding: 0.15em 0.3em; border-radius: 0.25em;">'
            f"{text} <small>{escape(str(tag))}</small></span>"
        )

    # ---- matplotlib --------------------------------------------------------------

    def plot(
        self, ax: Axes | None = None, *, text_kw: dict | None = None
    ) -> TagDisplay:
        """Draw the display with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        text_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.text` for the tokens.

        Returns
        -------
        self : TagDisplay
            The display.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        from matplotlib.patches import Rectangle

        places, n_lines = self._places()
        if ax is None:
            size = (0.11 * WIDTH, 0.3 + 0.55 * n_lines)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        self.patches_, self.texts_ = [], []
        style = {"ha": "center", "va": "center", "fontsize": 9, "parse_math": False}
        for i, steps in enumerate(places):
            patches, texts = [], []
            for t, (line, begin, width) in enumerate(steps):
                tag, p = self.tags[i][t], float(self.probabilities[i][t])
                color = self.colors.get(tag)
                patch = Rectangle(
                    (begin, line + 0.05), width, 0.8, linewidth=0,
                    facecolor="none" if color is None else color,
                    alpha=None if color is None else _opacity(p),
                )  # fmt: skip
                patches.append(ax.add_patch(patch))
                middle = begin + width / 2
                text = str(self.tokens[i][t])
                of_token = style | (text_kw or {})
                texts.append(ax.text(middle, line + 0.3, text, **of_token))
                if color is not None:
                    small = style | {"fontsize": 6}
                    ax.text(middle, line + 0.65, f"{tag} {p:.2f}", **small)
            self.patches_.append(patches)
            self.texts_.append(texts)
        ax.set(xlim=(0, WIDTH), ylim=(n_lines, 0))
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _places(self):
        """Line, beginning and width of each step in letters, and how many lines."""
        places, line = [], 0
        for i, tags in enumerate(self.tags):
            begin, steps = 0.0, []
            for tag, token in zip(tags, self.tokens[i], strict=True):
                note = 0.7 * len(f"{tag} 0.00") if tag in self.colors else 0
                width = min(max(len(str(token)), note) + 1, WIDTH)
                if begin and begin + width > WIDTH:
                    line, begin = line + 1, 0.0
                steps.append((line, begin, width))
                begin += width + 0.5
            places.append(steps)
            line += 1
        return places, line


def _opacity(p):
    return FAINTEST + (STRONGEST - FAINTEST) * p


def _order(tag):
    return type(tag).__name__, str(tag)


def _colors(classes):
    """The colour of each tag that has one; all tags of a kind of entity share it."""
    kinds = {}
    for tag in classes:
        if tag is not None and tag != OUTSIDE:
            kinds.setdefault(kind_of(tag), []).append(tag)
    return {
        tag: COLORS[k % len(COLORS)]
        for k, tags in enumerate(kinds.values())
        for tag in tags
    }


def _alike(values, tags, what):
    """Lists as long as those of the tags, or None."""
    if values is None:
        return None
    values = list(values)
    if len(values) != len(tags):
        raise ValueError(
            f"{what} is of {len(values)} sequence(s), but tags of {len(tags)}."
        )
    values = [list(sequence) for sequence in values]
    for i, (sequence, labels) in enumerate(zip(values, tags, strict=True)):
        if len(sequence) != len(labels):
            raise ValueError(
                f"Sample {i} has {len(sequence)} of {what}, but {len(labels)} steps. "
                "Pass as many as it has steps."
            )
    return values


def _is_path(labels):
    """Whether this is a label for each step of a sequence."""
    return isinstance(labels, (list, tuple)) or getattr(labels, "ndim", 0) == 1


def _is_one_sequence(tokens):
    return not any(isinstance(token, (list, tuple, np.ndarray)) for token in tokens)


def _tokens_of(estimator, X):
    """The tokens of X where it is text, or was, else None."""
    if isinstance(X, SequenceArray):
        if X.vocabulary is None:
            return None
        return [[X.vocabulary[k] for k in x[:, 0]] for x in X]
    if isinstance(X, np.ndarray) and X.dtype != object:
        return None
    items = list(X)
    if all(isinstance(item, str) for item in items):
        first = estimator
        while isinstance(first, Pipeline):
            first = first[0]
        if not isinstance(first, TokenEncoder):
            return None
        return list(map(first._analyzer(), items))
    are_lists = all(isinstance(item, (list, tuple)) for item in items)
    if are_lists and all(isinstance(t, str) for item in items for t in item):
        return items
    return None
