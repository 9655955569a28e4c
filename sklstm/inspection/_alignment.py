"""What a decoder looks at, token by token, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .._typing import ArrayLike, Axes
from ..sequences import SequenceArray
from ._common import last_step, one_sequence, pyplot

END = "<end>"


class AlignmentDisplay:
    """Where the decoder looks for each token of an answer: weights of attention.

    A heat map with a row for each token, and one for the end, and a column for each
    step of the sequence that is answered. Made by :meth:`from_estimator`. All
    parameters are stored as attributes.

    Parameters
    ----------
    weights : array-like of shape (n_tokens + 1, n_steps)
        The weights, from 0 to 1, as ``attention_weights`` gives them for a sequence.

    target : sequence of str, default=None
        The tokens of the answer, n_tokens of them. None is their numbers.

    source : sequence of str, default=None
        What stands at the steps of the sequence. None is their numbers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.

    ax_ : matplotlib Axes
        The axes.

    im_ : matplotlib AxesImage
        The heat map.

    Raises
    ------
    ValueError
        If the weights are no matrix of numbers from 0 to 1, or if there are more or
        fewer tokens than rows or steps.

    See Also
    --------
    sklstm.LSTMSeq2Seq : Predicts an answer for every sequence.

    Examples
    --------
    >>> from sklstm import LSTMSeq2Seq
    >>> from sklstm.inspection import AlignmentDisplay
    >>> words = ["ab", "ba", "aab", "abb", "bab", "bba"]
    >>> model = LSTMSeq2Seq(8, random_state=0).fit(words, words)
    >>> display = AlignmentDisplay.from_estimator(model, "aba", "aba")
    >>> display.weights.shape
    (4, 3)
    >>> display.target
    ['a', 'b', 'a']
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        target: Sequence[Any] | None = None,
        source: Sequence[Any] | None = None,
    ) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        if self.weights.ndim != 2 or not self.weights.size:
            raise ValueError(
                "weights must be a matrix (n_tokens + 1, n_steps), got an array of "
                f"shape {self.weights.shape}."
            )
        bad = ~((self.weights >= 0) & (self.weights <= 1))  # NaN too
        if bad.any():
            row, step = np.argwhere(bad)[0]
            raise ValueError(
                f"weights has {self.weights[row, step]:g} at row {row}, step {step}; "
                "weights of attention are numbers from 0 to 1."
            )
        n_rows, n_steps = self.weights.shape
        self.target = _as_many(target, n_rows - 1, "target", "row(s) but the last")
        self.source = _as_many(source, n_steps, "source", "step(s)")

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        x: str | Sequence[Any] | SequenceArray | ArrayLike,
        y: str | Sequence[Any] | None = None,
        *,
        ax: Axes | None = None,
        im_kw: dict | None = None,
    ) -> AlignmentDisplay:
        """Draw what a fitted estimator looks at.

        Parameters
        ----------
        estimator : LSTMSeq2Seq or Pipeline
            A fitted encoder-decoder with attention, or a fitted Pipeline that ends in
            one; the sequence goes through its other steps first.

        x : str, list of tokens, SequenceArray, or array-like of shape (n_steps, \
                n_features)
            One sequence. ``X[[i]]`` of a SequenceArray is one too, whose tokens are
            those of its vocabulary.

        y : str or list of tokens, default=None
            The answer along which the decoder goes. None is the one that it predicts.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        im_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : AlignmentDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no weights of attention.
        ValueError
            If x is not one sequence of at least one step.
        NotFittedError
            If the estimator is not fitted.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        end, X = last_step(estimator), one_sequence(x)
        if not hasattr(end, "attention_weights"):
            raise TypeError(
                f"{type(end).__name__} has no attention_weights. Pass a fitted "
                "LSTMSeq2Seq, or a Pipeline that ends in one."
            )
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        if y is None:
            y = end.predict(X)[0]
        (weights,) = end.attention_weights(X, [y])
        source, (target,) = end._given_tokens(X, [y])
        source = None if source is None else source[0]
        display = cls(weights=weights, source=source, target=target)
        return display.plot(ax, im_kw=im_kw)

    def plot(
        self, ax: Axes | None = None, *, im_kw: dict | None = None
    ) -> AlignmentDisplay:
        """Draw the display with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        im_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        self : AlignmentDisplay
            The display.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        n_rows, n_steps = self.weights.shape
        if ax is None:
            size = np.clip([1.6 + 0.3 * n_steps, 1.2 + 0.3 * n_rows], 2.5, 14)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        style = {"cmap": "Greys", "vmin": 0, "vmax": 1, "aspect": "auto"}
        self.im_ = ax.imshow(
            self.weights, **{"interpolation": "nearest", **style, **(im_kw or {})}
        )
        numbers = range(n_rows - 1) if self.target is None else self.target
        ax.set_yticks(range(n_rows), [*map(str, numbers), END], parse_math=False)
        if self.source is None:
            ax.set_xlabel("Time step")
            ax.xaxis.get_major_locator().set_params(integer=True)
        else:
            ax.xaxis.tick_top()
            labels = list(map(str, self.source))
            turned = 90 if max(map(len, labels)) > 2 else 0
            ax.set_xticks(range(n_steps), labels, rotation=turned, parse_math=False)
        ax.figure.colorbar(self.im_, ax=ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _as_many(tokens, n, what, noun):
    """Tokens as a list of n, or None."""
    if tokens is None:
        return None
    tokens = list(tokens)
    if len(tokens) != n:
        raise ValueError(
            f"{what} has {len(tokens)} token(s), but weights has {n} {noun}."
        )
    return tokens
