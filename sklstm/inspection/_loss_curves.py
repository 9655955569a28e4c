"""Loss and validation score by epoch, of one or several estimators, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from .._estimators.base import RecurrentCore
from .._estimators.fitted import fitted_of
from .._typing import ArrayLike, Axes
from ._common import curves, last_step, named_estimators, pyplot


class LossCurveDisplay:
    """Loss and, where there are any, validation scores over the epochs of training.

    Losses are solid lines on the left axis, validation scores dashed lines on an axis
    of their own on the right, with a dot at the epoch of the highest one, whose weights
    early stopping keeps. Made by :meth:`from_estimator` or :meth:`from_estimators`. All
    parameters are stored as attributes.

    Parameters
    ----------
    loss_curves : dict of str to array-like of shape (n_epochs,)
        The loss of every epoch, by the name of the estimator.

    validation_scores : dict of str to array-like of shape (n_scores,), default=None
        The validation scores of those that have them, by the same names. Where there
        are fewer than epochs they belong to the last ones.

    score_name : str, default=None
        Name of the score. None is "Validation score".

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.

    ax_ : matplotlib Axes
        The axes of the losses.

    score_ax_ : matplotlib Axes or None
        The axes of the scores.

    lines_ : dict of str to matplotlib Line2D
        The lines of the losses, by name.

    score_lines_ : dict of str to matplotlib Line2D
        The lines of the scores, by name.

    Raises
    ------
    ValueError
        If there are no losses, or scores without losses or of more epochs, or if
        something is no vector.

    Examples
    --------
    >>> from sklstm import GRUClassifier, LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.inspection import LossCurveDisplay
    >>> X, y = load_japanese_vowels(subset="train", return_X_y=True)
    >>> models = {
    ...     "LSTM": LSTMClassifier(8, early_stopping=True, random_state=0).fit(X, y),
    ...     "GRU": GRUClassifier(8, early_stopping=True, random_state=0).fit(X, y),
    ... }
    >>> display = LossCurveDisplay.from_estimators(models)
    >>> display.ax_.get_ylabel(), display.score_ax_.get_ylabel()
    ('Loss', 'Validation accuracy')
    """

    def __init__(
        self,
        *,
        loss_curves: Mapping[str, ArrayLike],
        validation_scores: Mapping[str, ArrayLike] | None = None,
        score_name: str | None = None,
    ) -> None:
        self.loss_curves = curves(loss_curves, "loss_curves")
        self.validation_scores = {}
        if validation_scores:
            self.validation_scores = curves(validation_scores, "validation_scores")
        self.score_name = score_name or "Validation score"
        for name, scores in self.validation_scores.items():
            if name not in self.loss_curves:
                raise ValueError(
                    f"validation_scores holds {name!r}, which loss_curves does not."
                )
            n_epochs = len(self.loss_curves[name])
            if len(scores) > n_epochs:
                raise ValueError(
                    f"{name!r} has {len(scores)} validation scores for {n_epochs} "
                    "epochs."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        name: str | None = None,
        score_name: str | None = None,
        ax: Axes | None = None,
        score_ax: Axes | None = None,
        line_kw: dict | None = None,
        score_kw: dict | None = None,
    ) -> LossCurveDisplay:
        """Draw the training of one estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted estimator that has a `loss_curve_`, or a Pipeline that ends in
            one: those of this package, and scikit-learn's MLPs.

        name : str, default=None
            Name for the legend. None is the name of the class.

        score_name : str, default=None
            Name of the score. None is what the estimator measures: the accuracy, R²,
            or the negative loss where that is not the squared error.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        score_ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        score_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no loss curve.
        NotFittedError
            If the estimator is not fitted.
        """
        return cls.from_estimators(
            [estimator] if name is None else {name: estimator},
            score_name=score_name,
            ax=ax,
            score_ax=score_ax,
            line_kw=line_kw,
            score_kw=score_kw,
        )

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, BaseEstimator] | Sequence[BaseEstimator],
        *,
        score_name: str | None = None,
        ax: Axes | None = None,
        score_ax: Axes | None = None,
        line_kw: dict | None = None,
        score_kw: dict | None = None,
    ) -> LossCurveDisplay:
        """Draw the training of several estimators.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            The estimators, each as in :meth:`from_estimator`, by their names for the
            legend. Those of a list are named by their classes.

        score_name : str, default=None
            As in :meth:`from_estimator`; where estimators measure different things it
            is "Validation score".

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        score_ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        score_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If an estimator has no loss curve.
        ValueError
            If there is no estimator.
        NotFittedError
            If an estimator is not fitted.
        """
        pyplot(f"{cls.__name__}.from_estimators")
        losses, scores, score_names = {}, {}, set()
        for name, estimator in named_estimators(estimators).items():
            end = last_step(estimator)
            check_is_fitted(end)
            if not hasattr(end, "loss_curve_"):
                way_out = ""
                if hasattr(end, "best_estimator_"):
                    way_out = " Pass its best_estimator_."
                raise TypeError(
                    f"{type(end).__name__} has no loss_curve_ to draw.{way_out}"
                )
            losses[name] = end.loss_curve_
            if getattr(end, "validation_scores_", None) is not None:
                scores[name] = end.validation_scores_
                score_names.add(_score_name(end))
        if score_name is None and len(score_names) == 1:
            score_name = f"Validation {score_names.pop()}"
        display = cls(
            loss_curves=losses, validation_scores=scores, score_name=score_name
        )
        return display.plot(ax, score_ax=score_ax, line_kw=line_kw, score_kw=score_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        score_ax: Axes | None = None,
        line_kw: dict | None = None,
        score_kw: dict | None = None,
    ) -> LossCurveDisplay:
        """Draw losses and scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the losses. None makes a figure.

        score_ax : matplotlib Axes, default=None
            Where to draw the scores. None puts a second axis on the right of `ax`, if
            there are scores.

        line_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for the losses.

        score_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot` for the scores.

        Returns
        -------
        self : LossCurveDisplay
            The display.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        if score_ax is None and self.validation_scores:
            score_ax = ax.twinx()
        self.lines_, self.score_lines_ = {}, {}
        for name, losses in self.loss_curves.items():
            label = f"{name}, loss" if self.validation_scores else name
            (line,) = ax.plot(
                np.arange(1, len(losses) + 1),
                losses,
                **{"label": label, **(line_kw or {})},
            )
            self.lines_[name] = line
            if name in self.validation_scores:
                scores = self.validation_scores[name]
                style = {
                    "label": f"{name}, {_uncapitalized(self.score_name)}",
                    "color": line.get_color(),
                    "linestyle": "--",
                    "marker": "o",
                    "markevery": [int(np.argmax(scores))] if len(scores) else None,
                    **(score_kw or {}),
                }
                (self.score_lines_[name],) = score_ax.plot(
                    np.arange(len(losses) - len(scores), len(losses)) + 1,
                    scores,
                    **style,
                )
        ax.set_xlabel("Epoch")
        ax.set_ylabel("Loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        handles = [*self.lines_.values(), *self.score_lines_.values()]
        if self.score_lines_:
            score_ax.set_ylabel(self.score_name)
            # above the lines of both axes
            score_ax.legend(handles=handles, loc="center right")
        else:
            ax.legend(handles=handles)
        self.ax_, self.score_ax_, self.figure_ = ax, score_ax, ax.figure
        return self


def _score_name(estimator):
    """What early stopping measures; of scikit-learn's MLPs too."""
    if isinstance(estimator, RecurrentCore):
        return fitted_of(estimator).target.score_name
    return "accuracy" if is_classifier(estimator) else "R²"


def _uncapitalized(name):
    return name[:1].lower() + name[1:]
