"""Gates and states of a recurrent layer along one sequence, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

from .._typing import ArrayLike, Axes
from ..sequences import SequenceArray
from ._common import layer_index, one_sequence, pyplot, recurrent_end, recurrent_input


class GateDisplay:
    """Gates and states of a recurrent layer over the steps of one sequence.

    For an LSTM the input, forget and output gate and the cell state, for a GRU the
    reset and update gate and the hidden state, for a plain RNN the hidden state; one
    panel each. Made by :meth:`from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    parts : dict of str to array-like of shape (n_steps, n_units)
        What is drawn, by the name of its panel: values of every step and unit. Names
        that end in ``_gate`` are drawn on the scale from 0 to 1, others on one that is
        symmetrical about 0.

    units : array-like of int, shape (n_units,), default=None
        Numbers of the units. None is 0 to n_units - 1.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.

    axes_ : ndarray of matplotlib Axes, shape (n_parts,)
        The panels.

    im_ : dict of str to matplotlib AxesImage
        The heat maps by the names of their panels; empty with ``kind="lines"``.

    lines_ : dict of str to list of matplotlib Line2D
        The lines of each panel, one for each unit; empty with ``kind="heatmap"``.

    Raises
    ------
    ValueError
        If there are no parts, or if their shapes or the number of units do not agree.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.inspection import GateDisplay
    >>> X, y = load_japanese_vowels(subset="train", return_X_y=True)
    >>> model = LSTMClassifier(8, early_stopping=True, random_state=0)
    >>> display = GateDisplay.from_estimator(model.fit(X, y), X[[0]])
    >>> [axes.get_title("left") for axes in display.axes_]
    ['Input gate', 'Forget gate', 'Output gate', 'Cell state']
    """

    def __init__(
        self, *, parts: Mapping[str, ArrayLike], units: ArrayLike | None = None
    ) -> None:
        if not parts:
            raise ValueError("There is nothing to draw: parts is empty.")
        self.parts = {name: np.asarray(values) for name, values in parts.items()}
        shapes = {name: values.shape for name, values in self.parts.items()}
        if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 2:
            raise ValueError(
                "parts must hold matrices of one shape (n_steps, n_units), got "
                + ", ".join(f"{name}: {shape}" for name, shape in shapes.items())
                + "."
            )
        n_units = next(iter(self.parts.values())).shape[1]
        self.units = np.arange(n_units) if units is None else np.asarray(units)
        if self.units.shape != (n_units,):
            raise ValueError(
                f"units has shape {self.units.shape}, but the parts have {n_units} "
                "units."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        x: SequenceArray | ArrayLike,
        *,
        layer: int = -1,
        reverse: bool = False,
        parts: Sequence[str] | None = None,
        units: int | Sequence[int] | None = None,
        kind: Literal["heatmap", "lines"] = "heatmap",
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        im_kw: dict | None = None,
        line_kw: dict | None = None,
    ) -> GateDisplay:
        """Draw what a fitted estimator computes along a sequence.

        Parameters
        ----------
        estimator : recurrent estimator or Pipeline
            A fitted estimator of this package, or a fitted Pipeline that ends in one;
            the sequence goes through its other steps first.

        x : array-like of shape (n_steps, n_features) or (n_steps,), or SequenceArray
            One sequence. ``X[[i]]`` of a SequenceArray is one too, and keeps the names
            of the features. For a Pipeline that begins with a TokenEncoder it is a text
            or a list of tokens.

        layer : int, default=-1
            The layer, 0 being the lowest and -1 the uppermost.

        reverse : bool, default=False
            Whether to draw the direction that begins at the end, of a bidirectional
            network. Its steps are drawn where they are in the sequence.

        parts : list of str, default=None
            What to draw, of what ``transform(X, output="gates")`` has: "input_gate",
            "forget_gate", "cell_candidate", "output_gate", "cell_state" and
            "hidden_state" for an LSTM; "reset_gate", "update_gate", "candidate" and
            "hidden_state" for a GRU; "hidden_state" for a plain RNN. None is the gates
            and the state that they act on.

        units : int or list of int, default=None
            The units to draw, by their numbers. None is all of them.

        kind : {"heatmap", "lines"}, default="heatmap"
            As in :meth:`plot`.

        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        im_kw : dict, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : GateDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is no recurrent one, nor a Pipeline that ends in one.
        ValueError
            If x is not one sequence of at least one step, or if the network has no
            such layer, direction, part or unit.
        NotFittedError
            If the estimator is not fitted.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        recurrent_end(estimator)
        end, X = recurrent_input(estimator, one_sequence(x))
        values = {
            name: sequences.data
            for name, sequences in end.transform(X, "gates").items()
        }
        values = _of_direction(values, layer, reverse)
        if parts is None:
            state = "cell_state" if "cell_state" in values else "hidden_state"
            parts = [*(name for name in values if name.endswith("_gate")), state]
        unknown = [name for name in parts if name not in values]
        if unknown:
            raise ValueError(
                f"parts holds {unknown[0]!r}, but {type(end).__name__} has "
                f"{', '.join(values)}."
            )
        n_units = values["hidden_state"].shape[1]
        units = _numbers(units, n_units)
        display = cls(
            parts={name: values[name][:, units] for name in parts}, units=units
        )
        return display.plot(ax, kind=kind, im_kw=im_kw, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        *,
        kind: Literal["heatmap", "lines"] = "heatmap",
        im_kw: dict | None = None,
        line_kw: dict | None = None,
    ) -> GateDisplay:
        """Draw the parts.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw: as many axes as there are parts. None makes a figure.

        kind : {"heatmap", "lines"}, default="heatmap"
            A heat map of units and steps, or a line for each unit, which is readable
            for a few of them.

        im_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.imshow`.

        line_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : GateDisplay
            The display.

        Raises
        ------
        ValueError
            If kind is none of those, or if there are more or fewer axes than parts.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        if kind not in ("heatmap", "lines"):
            raise ValueError(f"kind={kind!r} is neither 'heatmap' nor 'lines'.")
        n_parts = len(self.parts)
        if ax is None:
            _, axes = plt.subplots(
                n_parts,
                1,
                sharex=True,
                squeeze=False,
                figsize=(6.4, 0.6 + 1.6 * n_parts),
                layout="constrained",
            )
            axes = axes[:, 0]
        else:
            axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != n_parts:
            raise ValueError(
                f"ax holds {len(axes)} axes for {n_parts} parts "
                f"({', '.join(self.parts)}). Pass as many, or None."
            )
        self.axes_, self.figure_ = axes, axes[0].figure
        self.im_, self.lines_ = {}, {}
        for panel, (name, values) in zip(axes, self.parts.items(), strict=True):
            panel.set_title(name.replace("_", " ").capitalize(), loc="left")
            if kind == "heatmap":
                self.im_[name] = self._heat_map(panel, name, values, im_kw or {})
            else:
                self.lines_[name] = self._lines(panel, name, values, line_kw or {})
        axes[-1].set_xlabel("Time step")
        return self

    def _heat_map(self, panel, name, values, im_kw):
        low, high = _scale(name, values)
        image = panel.imshow(
            values.T,
            **{
                "aspect": "auto",
                "origin": "lower",
                "interpolation": "nearest",
                "cmap": "viridis" if low == 0 else "RdBu_r",
                "vmin": low,
                "vmax": high,
                **im_kw,
            },
        )
        panel.set_ylabel("Unit")
        if np.array_equal(self.units, np.arange(len(self.units))):
            panel.yaxis.get_major_locator().set_params(integer=True)
        else:
            panel.set_yticks(np.arange(len(self.units)), self.units)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.figure.colorbar(image, ax=panel)
        return image

    def _lines(self, panel, name, values, line_kw):
        lines = [
            panel.plot(values[:, k], **{"label": f"unit {unit}", **line_kw})[0]
            for k, unit in enumerate(self.units)
        ]
        low, high = _scale(name, values)
        margin = (high - low) / 20
        panel.set_ylim(low - margin, high + margin)
        panel.xaxis.get_major_locator().set_params(integer=True)
        if panel is self.axes_[0] and len(lines) <= 10:
            panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return lines


def _of_direction(values, layer, reverse):
    """What belongs to a layer and direction, by its name without these."""
    layers = {name.removesuffix("_reverse").rpartition("_l")[2] for name in values}
    suffix = f"_l{layer_index(layer, len(layers))}" + ("_reverse" if reverse else "")
    of_direction = {
        name.removesuffix(suffix): part
        for name, part in values.items()
        if name.endswith(suffix)
    }
    if not of_direction:
        raise ValueError(
            "reverse=True, but the network has one direction only. Use reverse=False, "
            "or fit with bidirectional=True."
        )
    return of_direction


def _numbers(units, n_units):
    """The units to draw, as a vector."""
    if units is None:
        return np.arange(n_units)
    numbers = list(np.atleast_1d(units))
    if not numbers:
        raise ValueError("units is empty: there is nothing to draw.")
    for unit in numbers:
        check_scalar(unit, "units", Integral, min_val=0, max_val=n_units - 1)
    return np.array(numbers, dtype=np.intp)


def _scale(name, values):
    """The ends of the scale: of a gate 0 and 1, of a state the same to both sides."""
    if name.endswith("_gate"):
        return 0, 1
    largest = float(np.abs(values).max(initial=0)) or 1.0
    return -largest, largest
