"""How far back the gradient of the loss reaches: norms by step, and their display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from .._estimators.fitted import fitted_of
from .._targets.aligning import aligned
from .._targets.steps import StepTarget
from .._typing import ArrayLike, Axes, SequencesLike
from ._common import curves, layer_index, named_estimators, pyplot, recurrent_input


def gradient_norms(estimator: BaseEstimator, X: SequencesLike, y: ArrayLike) -> Bunch:
    """Norm of the gradient of the loss at every step before the end.

    For the loss L of one sequence and the sums z_t that the activations of a recurrent
    layer get at step t (of all its gates), it is the Euclidean norm of dL / dz_t, from
    which the gradient of the weights is made: dL / dW is the sum of x_t (dL / dz_t)'
    over the steps. Steps are counted from the end, and norms are averaged over the
    sequences that have the step.

    Where the norms fall by orders of magnitude within a few steps, what happened
    before them has no part in learning: the gradient vanishes [Hochreiter1991]_,
    [Bengio1994]_, [Pascanu2013]_. The memory cells of an LSTM are made against it
    [Hochreiter1997]_. Where norms grow, the gradient explodes.

    Parameters
    ----------
    estimator : recurrent estimator or Pipeline
        A fitted estimator of this package, or a fitted Pipeline that ends in one. To
        look at a network before it has learnt, make one pass over the data with a
        `learning_rate_init` that leaves the weights where they begin, such as 1e-10:
        `partial_fit`, or `fit` with ``max_iter=1``, which warns that it did not
        converge.

    X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
            n_features) or (n_samples, n_steps)
        The sequences, as in `fit`.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or list of lists
        The targets, as in `fit`.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes:

        norms : dict of str to ndarray of shape (T,)
            For each layer, ``l0`` being the lowest, the mean norm s steps before the
            end at index s; T is the length of the longest sequence. The direction that
            begins at the end of the sequences is ``l0_reverse``: the step at which it
            ends, its index 0, is the first of the sequence.
        n_sequences : ndarray of shape (T,)
            Sequences that have the step.

    Raises
    ------
    TypeError
        If the estimator is no recurrent one, nor a Pipeline that ends in one.
    ValueError
        If X or y is not valid, or if they do not go with what was fitted.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    GradientNormsDisplay : Draws it, for one or several estimators.

    Notes
    -----
    The gradient is that of the loss alone, of whole sequences, in float64: without the
    penalty of `alpha`, without dropout and class weights, and through all steps also
    where `tbptt` would stop it. The loss of regression is that of standardised targets.
    With a target at every step the loss of a sequence is the sum over its steps, of
    which each reaches those before it; with a conditional random field it is minus the
    log probability of its labels.

    References
    ----------
    .. [Bengio1994] Y. Bengio, P. Simard and P. Frasconi, "Learning long-term
       dependencies with gradient descent is difficult", IEEE Transactions on Neural
       Networks 5(2), 1994.
    .. [Hochreiter1991] S. Hochreiter, "Untersuchungen zu dynamischen neuronalen
       Netzen", diploma thesis, Technische Universität München, 1991.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory",
       Neural Computation 9(8), 1997.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of
       training recurrent neural networks", ICML 2013.

    Examples
    --------
    Before training, has the gradient vanished 49 steps before the end?

    >>> import numpy as np
    >>> from sklstm import LSTMClassifier, RNNClassifier
    >>> from sklstm.inspection import gradient_norms
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 50, 2))
    >>> y = X[:, 0, 0] > 0
    >>> for family in RNNClassifier, LSTMClassifier:
    ...     model = family(16, learning_rate_init=1e-10, random_state=0)
    ...     model = model.partial_fit(X, y, classes=[False, True])
    ...     norms = gradient_norms(model, X, y).norms["l0"]
    ...     print(family.__name__, bool(norms[49] < 1e-4 * norms[0]))
    RNNClassifier True
    LSTMClassifier False
    """
    end, X = recurrent_input(estimator, X)
    lengths, by_row = _by_row(end, X, y)
    # steps before the end, of every row
    first = np.cumsum(lengths) - lengths
    before = np.repeat(first + lengths, lengths) - 1 - np.arange(lengths.sum())
    n_sequences = np.bincount(before)
    return Bunch(
        norms={
            name: np.bincount(before, weights=norms) / n_sequences
            for name, norms in by_row.items()
        },
        n_sequences=n_sequences,
    )


def _by_row(estimator, X, y):
    """Lengths of the sequences, and the norms of every step of each layer.

    In float64, because what vanishes may be less than float32 can hold.
    """
    fitted, reader = fitted_of(estimator), estimator._reader()
    given, X = X, estimator._check_X(fitted, X)
    (y,) = aligned(given, y=y)
    y, _ = estimator._pair(given, X, reader.check(y), None)
    reader.check_same(fitted.target, y)
    X, target = X.astype("float64"), fitted.target.encode(y)
    loss, network = fitted.target.loss, fitted.make_network(dtype="float64")
    network.load(fitted.parameters.astype(np.float64), backward=True)

    def d_loss(output, batch):
        if isinstance(target, StepTarget):  # the sum over the steps
            return loss.value_and_gradient(output, target[batch], None, 1.0)[1]
        # the gradient of the mean over the batch, back to that of each sequence
        return len(output) * loss.value_and_gradient(output, target[batch])[1]

    with np.errstate(under="ignore"):  # what vanishes
        return X.lengths, network.gradient_norms(*X._as_rows(), d_loss)


class GradientNormsDisplay:
    """Norms of the gradient over the steps before the end, on a logarithmic scale.

    Made by :meth:`from_estimator` or :meth:`from_estimators`. All parameters are
    stored as attributes.

    Parameters
    ----------
    norms : dict of str to array-like of shape (T,)
        For each line its label and its norms, from the last step backwards, as
        :func:`gradient_norms` has them.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.

    ax_ : matplotlib Axes
        The axes.

    lines_ : dict of str to matplotlib Line2D
        The lines, by their labels.

    Raises
    ------
    ValueError
        If there are no norms, or if they are not vectors of numbers.

    See Also
    --------
    gradient_norms : What is drawn, and where it comes from.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier, RNNClassifier
    >>> from sklstm.inspection import GradientNormsDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 50, 1))
    >>> y = X[:, 0, 0] > 0
    >>> models = [
    ...     family(16, early_stopping=True, random_state=0).fit(X, y)
    ...     for family in (RNNClassifier, LSTMClassifier)
    ... ]
    >>> display = GradientNormsDisplay.from_estimators(models, X, y)
    >>> sorted(display.lines_)
    ['LSTMClassifier', 'RNNClassifier']
    """

    def __init__(self, *, norms: Mapping[str, ArrayLike]) -> None:
        self.norms = curves(norms, "norms")

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: SequencesLike,
        y: ArrayLike,
        *,
        layer: int | None = None,
        name: str | None = None,
        relative: bool = False,
        ax: Axes | None = None,
        line_kw: dict | None = None,
    ) -> GradientNormsDisplay:
        """Draw the norms of one estimator.

        Parameters
        ----------
        estimator : recurrent estimator or Pipeline
            As in :func:`gradient_norms`.

        X : array-like of sequences
            The sequences, as in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or list of lists
            The targets, as in `fit`.

        layer : int, default=None
            The layer to draw, 0 being the lowest and -1 the uppermost. None draws all
            of them.

        name : str, default=None
            Name for the legend. None is the name of the class.

        relative : bool, default=False
            As in :meth:`plot`.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : GradientNormsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As :func:`gradient_norms`; also if there is no such layer.
        """
        estimators = [estimator] if name is None else {name: estimator}
        return cls.from_estimators(
            estimators, X, y, layer=layer, relative=relative, ax=ax, line_kw=line_kw
        )

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, BaseEstimator] | Sequence[BaseEstimator],
        X: SequencesLike,
        y: ArrayLike,
        *,
        layer: int | None = None,
        relative: bool = False,
        ax: Axes | None = None,
        line_kw: dict | None = None,
    ) -> GradientNormsDisplay:
        """Draw the norms of several estimators.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            The estimators, each as in :func:`gradient_norms`, by their names for the
            legend. Those of a list are named by their classes.

        X : array-like of sequences
            The sequences, as in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or list of lists
            The targets, as in `fit`.

        layer : int, default=None
            The layer to draw, 0 being the lowest and -1 the uppermost. None draws all
            of them.

        relative : bool, default=False
            As in :meth:`plot`.

        ax : matplotlib Axes, default=None
            As in :meth:`plot`.

        line_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : GradientNormsDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As :func:`gradient_norms`; also if there is no such layer, or no estimator.
        """
        pyplot(f"{cls.__name__}.from_estimators")
        lines = {}
        for name, estimator in named_estimators(estimators).items():
            norms = gradient_norms(estimator, X, y).norms
            if layer is not None:
                norms = _of_layer(norms, layer)
            for part, values in norms.items():
                lines[name if len(norms) == 1 else f"{name}, {part}"] = values
        return cls(norms=lines).plot(ax, relative=relative, line_kw=line_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        relative: bool = False,
        line_kw: dict | None = None,
    ) -> GradientNormsDisplay:
        """Draw the norms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.

        relative : bool, default=False
            Divide each line by its value at the last step, to compare how fast they
            fall.

        line_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : GradientNormsDisplay
            The display.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.lines_ = {}
        for label, norms in self.norms.items():
            if relative and norms[0] > 0:
                norms = norms / norms[0]
            (self.lines_[label],) = ax.plot(
                np.arange(len(norms)), norms, label=label, **(line_kw or {})
            )
        ax.set_yscale("log")
        ax.set_xlabel("Steps before the end")
        ax.set_ylabel(
            "Gradient norm / that at the last step" if relative else "Gradient norm"
        )
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _of_layer(norms, layer):
    """The norms of one layer, in each of its directions."""
    n_layers = len({name.removesuffix("_reverse") for name in norms})
    k = layer_index(layer, n_layers)
    return {
        name: values
        for name, values in norms.items()
        if name.removesuffix("_reverse") == f"l{k}"
    }
