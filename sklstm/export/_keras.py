"""Weights from and to the layers of Keras, without Keras."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator

from .._estimators.checks import hidden_sizes
from .._estimators.fitted import fitted_of
from .._network.cells import CELLS
from .._typing import ArrayLike, Estimator
from ..sequences._columns import real_array
from ._common import (
    check_gates,
    check_shape,
    check_units,
    fitted,
    n_tables,
    reordered,
    taken_apart,
    unfitted,
)


def from_keras(
    weights: Sequence[ArrayLike],
    estimator: Estimator,
    *,
    classes: ArrayLike | None = None,
    multilabel: bool = False,
    target_mean: float | ArrayLike | None = None,
    target_scale: float | ArrayLike | None = None,
) -> Estimator:
    """Make a fitted estimator of the weights of a Keras model.

    The model is a stack of ``LSTM``, ``GRU`` or ``SimpleRNN`` layers, each perhaps in a
    ``Bidirectional``, all but the last (with a target at every step all) with
    ``return_sequences=True``, and a ``Dense`` layer; before it perhaps an
    ``Embedding``. What comes back predicts, transforms and is saved like any fitted
    estimator, and goes on training with ``partial_fit``, or with ``fit`` where
    ``warm_start=True``. Keras itself is not needed.

    Parameters
    ----------
    weights : list of array
        What ``model.get_weights()`` returns: with `embedding_dim` the table of the
        ``Embedding``, of several columns of ids one after the other; kernel, recurrent
        kernel and bias of each recurrent layer, of both directions one after the other;
        then kernel and bias of the dense layer. What
        ``to_keras(model, standardized=True)`` returns has two more.

    estimator : estimator
        An unfitted estimator that says what the weights are of: its class is the family
        of cells and the task, ``hidden_layer_sizes``, ``bidirectional``, ``pooling``
        and (of an RNN) ``activation`` the network, ``dtype`` the precision. The rest of
        its parameters is for what comes after. It is not changed.

    classes : array-like of shape (n_classes,), default=None
        Labels of the outputs of the dense layer, in their order; with one output two
        labels, of which it is the log-odds of the second. None is 0, 1, ... Only for
        classifiers, taggers and transcribers; of these the last output is the blank's,
        which has no label, and a string of labels lets predictions be strings.

    multilabel : bool, default=False
        Whether each output is a label of its own, with a logistic function. Only for
        classifiers.

    target_mean : float or array-like of shape (n_outputs,), default=None
        Mean that was taken off the targets before the model was trained on them. None
        is that of `weights` if it is there, else 0. Only for regressors.

    target_scale : float or array-like of shape (n_outputs,), default=None
        What targets were divided by then: predictions are ``target_scale * output +
        target_mean``. None is that of `weights` if it is there, else 1. Only for
        regressors.

    Returns
    -------
    model : estimator
        A fitted clone of `estimator`.

    Raises
    ------
    TypeError
        If `weights` is no list, `estimator` no recurrent estimator, or weights are not
        real numbers.
    ValueError
        If weights are missing or left over, or of another shape than `estimator` has
        them, if `classes` do not fit the dense layer, or if `estimator` has what Keras
        has not: peepholes, ``pooling="attention"``, a list of quantiles; also for a GRU
        with ``reset_after=False``, which is another cell. The message names number and
        shape.

    See Also
    --------
    to_keras : The way back.
    from_torch : The same from PyTorch; why it takes an estimator.

    Notes
    -----
    The layers must have the activations that they have in Keras when nothing else is
    said, but for that of a ``SimpleRNN``, which the estimator says. A GRU multiplies
    with its reset gate after the recurrent product, as Keras does by default
    (``reset_after=True``); before it, as in [1]_, is another function.

    The dense layer is read without its activation. A softmax or a sigmoid does not
    change what the weights mean; of two outputs with a softmax the difference is kept,
    which has the same probabilities.

    The state of Keras's optimizer is left: the first step is that of a new one. There
    is no history, so ``loss_curve_`` is empty.

    References
    ----------
    .. [1] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
       Statistical Machine Translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.export import from_keras
    >>> rng = np.random.default_rng(0)
    >>> shapes = (2, 16), (4, 16), (16,), (4, 1), (1,)
    >>> weights = [rng.standard_normal(shape) for shape in shapes]
    >>> model = from_keras(weights, LSTMRegressor(4))
    >>> model.predict(np.zeros((3, 5, 2))).shape
    (3,)
    """
    model = unfitted(estimator, "Keras", multilabel, ("tables",))
    if not isinstance(weights, (list, tuple)):
        advice = ""
        if hasattr(weights, "get_weights"):
            advice = " Pass model.get_weights()."
        raise TypeError(
            f"weights must be a list of arrays, got {type(weights).__name__}.{advice}"
        )
    arrays = [real_array(f"weights[{k}]", value) for k, value in enumerate(weights)]
    n_directions, sizes = 1 + model.bidirectional, hidden_sizes(model)
    begin = n_tables(model)
    n_expected = begin + 3 * n_directions * len(sizes) + 2
    # of another dense layer the kernel would be a matrix
    if len(arrays) == n_expected + 2 and arrays[-2].shape == arrays[-3].shape:
        mean, scale = arrays[-2:]
        target_mean = mean if target_mean is None else target_mean
        target_scale = scale if target_scale is None else target_scale
        arrays = arrays[:-2]
    if len(arrays) != n_expected:
        shapes = ", ".join(str(array.shape) for array in arrays)
        tables = f"{begin} table(s) of embeddings, " if begin else ""
        raise ValueError(
            f"weights holds {len(arrays)} arrays, of shapes {shapes}. "
            f"{type(model).__name__} with hidden_layer_sizes={sizes}, bidirectional="
            f"{model.bidirectional} has {n_expected}: {tables}kernel, recurrent kernel "
            "and bias of each "
            f"{'direction of each ' if n_directions == 2 else ''}layer, "
            "then kernel and bias of the dense layer. For a layer without a bias put "
            "zeros in its place."
        )
    recurrent = range(begin + 1, n_expected - 2, 3)
    units = [check_gates(f"weights[{k}]", arrays[k], model, axis=1) for k in recurrent]
    if units != [size for size in sizes for _ in range(n_directions)]:
        check_units(units[::n_directions], model.bidirectional, model)
        raise ValueError(f"The directions of a layer differ in their units: {units}.")
    tables = [(f"weights[{k}]", arrays[k]) for k in range(begin)]
    lowest = arrays[begin]
    n_inputs = n_features = lowest.shape[0] if lowest.ndim == 2 else 1
    layers, k = [], begin
    for H in sizes:
        layer = {}
        for suffix in ("", "_reverse")[:n_directions]:
            own = _as_torch(arrays, k, n_inputs, H, model)
            layer |= {name + suffix: value for name, value in own.items()}
            k += 3
        layers.append(layer)
        n_inputs = H * n_directions
    kernel, bias = arrays[k:]
    n_outputs = kernel.shape[-1] if kernel.ndim else 1
    what = f"the kernel of a dense layer that reads {n_inputs} hidden states"
    check_shape(f"weights[{k}]", kernel, (n_inputs, n_outputs), what)
    check_shape(f"weights[{k + 1}]", bias, (n_outputs,), "the bias of the dense layer")
    return fitted(
        model, n_features, layers, (f"weights[{k}]", kernel.T, bias), classes=classes,
        multilabel=multilabel, target_mean=target_mean, target_scale=target_scale,
        tables=tables,
    )  # fmt: skip


def _as_torch(arrays, k, n_inputs, H, model):
    """One direction of a layer, from number k on, by PyTorch's names."""
    kernel, recurrent, bias = arrays[k : k + 3]
    gates, order = CELLS[model._cell].gates, CELLS[model._cell].keras_order
    reads = f"of {H} units that read {n_inputs} features"
    check_shape(f"weights[{k}]", kernel, (n_inputs, gates * H), f"the kernel {reads}")
    key = f"weights[{k + 1}]"
    check_shape(key, recurrent, (H, gates * H), f"the recurrent kernel of {H} units")
    key = f"weights[{k + 2}]"
    if gates == 3 and bias.shape == (3 * H,):
        raise ValueError(
            f"{key} has shape {bias.shape}: the GRU was made with reset_after=False, "
            "so that its reset gate is applied before the recurrent product. That is "
            "another function than the GRU of sklstm, PyTorch and cuDNN, and no "
            "weights of one make the other. Train the model with reset_after=True, "
            f"which has a bias of shape (2, {3 * H})."
        )
    shape = (2, 3 * H) if gates == 3 else (gates * H,)
    check_shape(key, bias, shape, f"the bias of {H} units")
    if gates != 3:
        bias = np.stack([bias, np.zeros_like(bias)])
    return {
        "weight_ih": reordered(kernel, order).T,
        "weight_hh": reordered(recurrent, order).T,
        "bias_ih": reordered(bias, order)[0],
        "bias_hh": reordered(bias, order)[1],
    }


def to_keras(
    estimator: BaseEstimator, *, standardized: bool = False
) -> list[np.ndarray]:
    """Return the weights of a fitted estimator as those of a Keras model.

    Parameters
    ----------
    estimator : estimator
        A fitted recurrent estimator. Of a pipeline pass the last step.

    standardized : bool, default=False
        Which outputs the dense layer of a regressor has. False: predictions, in the
        units of y. True: those it was trained on, in units of the standardised targets;
        then two arrays more follow, their mean and scale, which Keras has no place for.
        For a classifier there is no difference.

    Returns
    -------
    weights : list of ndarray
        What ``model.set_weights`` takes: with `embedding_dim` the table of an
        ``Embedding``, of several columns of ids one after the other; kernel, recurrent
        kernel and bias of each ``LSTM``, ``GRU`` (``reset_after=True``) or
        ``SimpleRNN``, of a ``Bidirectional`` the forward and then the backward
        direction; last kernel and bias of a ``Dense`` layer. The arrays are copies.

    Raises
    ------
    TypeError
        If `estimator` is no recurrent estimator.
    NotFittedError
        If it is not fitted.
    ValueError
        If it has what Keras has not: peepholes, ``pooling="attention"``, a conditional
        random field, a list of quantiles.

    See Also
    --------
    from_keras : The way back.
    to_torch : The same for PyTorch; what the model has to do beside the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_keras
    >>> X = np.random.default_rng(0).standard_normal((50, 8, 2))
    >>> y = X[:, -1, 0] > 0
    >>> model = LSTMClassifier(4, max_iter=10, random_state=0).fit(X, y)
    >>> [weight.shape for weight in to_keras(model)]
    [(2, 16), (4, 16), (16,), (4, 1), (1,)]
    """
    tables, layers, weight, bias, units = taken_apart(estimator, "Keras", standardized)
    architecture = fitted_of(estimator).architecture
    order = CELLS[architecture["cell"]].keras_order
    weights = list(tables.values())
    for layer in layers:
        for suffix in ("", "_reverse")[: 1 + architecture["bidirectional"]]:
            both = np.stack([layer["bias_ih" + suffix], layer["bias_hh" + suffix]])
            for name in ("weight_ih", "weight_hh"):
                weights.append(reordered(layer[name + suffix].T, order).copy())
            weights.append(reordered(both, order) if len(order) == 3 else both[0])
    return [*weights, weight.T.copy(), bias, *(units or ())]
