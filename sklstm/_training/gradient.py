"""The gradient of a minibatch as a function of its arguments alone."""

import copy
from typing import NamedTuple

import numpy as np

from .._network.build import whole_sequence_network
from .feeds import TrainingSet, in_order_of_content
from .loop import value_and_gradient


class MinibatchGradient(NamedTuple):
    """Loss and gradient of a minibatch or a part of one, and the sum of its weights.

    `gradient` is None where `value` is not finite.
    """

    value: float
    gradient: np.ndarray | None
    weight: float


def minibatch_gradient(
    architecture, parameters, X, target, weight, loss, *, penalty=None, n_samples=None,
    mean_weight=None, dropout=None, ids=None, tbptt=None,
):  # fmt: skip
    """Loss of a minibatch and its gradient, of these arguments alone.

    Nothing is changed and nothing is remembered. The same arguments give the same bits
    in any process, with any number of threads and for any order of the samples. It is
    what `fit` computes at an optimizer step: to the bit where all samples are one
    minibatch, else but for the order of the sums. All arguments can be pickled.

    The loss of a minibatch of B samples is sum(w_i l_i) / (B mean_weight), to which a
    penalty adds sum(alpha w^2) / 2 / (B mean_weight). It can be computed in parts,
    since masks of dropout belong to a sample and not to its place: with `n_samples` and
    `mean_weight` of the whole minibatch, values and gradients of its parts add up to
    those of the whole, up to rounding.

    Parameters
    ----------
    architecture : dict
        Arguments of `whole_sequence_network`.
    parameters : ndarray of shape (P,)
        The flat vector.
    X : SequenceArray of shape (B, None, F)
        The sequences, of the dtype of the network, as it reads them.
    target : ndarray of shape (B,) or (B, K)
        What the loss compares outputs with.
    weight : ndarray of shape (B,) or None
        Sample weights, above zero; None for 1 each.
    loss : object
        As in `losses`.
    penalty : ndarray of shape (P,), default=None
        alpha of each parameter, zero for tables.
    n_samples : int, default=None
        Samples of the minibatch that these belong to; None if they are all of it.
    mean_weight : float, default=None
        The weight that counts as one, in `fit` the mean weight of all its samples. None
        for the mean of these.
    dropout : DropoutSeed, default=None
        Where masks come from, with `step` that of the last optimizer step before this
        one; `architecture` has the rates.
    ids : ndarray of shape (B,), intp, default=None
        Numbers of the samples among all of the fit, to which their masks of dropout
        belong. None is their places in the order of contents, equal ones being one.
    tbptt : int, default=None
        As in `Network.forward`.

    Returns
    -------
    result : MinibatchGradient
        Value, gradient (P,), and the sum of the weights.

    Raises
    ------
    ValueError
        If there is no sample, or if parameters, X and target do not belong together.
    """
    network = whole_sequence_network(**architecture)
    if parameters.shape != (network.layout.size,):
        raise ValueError(
            f"The network has {network.layout.size} parameters, got an array of shape "
            f"{parameters.shape}."
        )
    n_features = network.layers[0].n_inputs
    if X.n_features != n_features or X.dtype != network.dtype:
        raise ValueError(
            f"The network reads {n_features} features in {network.dtype}, got "
            f"{X.n_features} in {X.dtype}."
        )
    if not len(X) or len(target) != len(X):
        raise ValueError(
            f"Expected a target for each of at least one sequence, got {len(target)} "
            f"for {len(X)}."
        )
    samples = TrainingSet(*X._as_rows(), target, weight, mean_weight)
    batch = in_order_of_content(samples, None if dropout is None else ids)
    if n_samples is not None:
        batch = batch._replace(divisor=batch.divisor / len(X) * n_samples)
        if penalty is not None:
            penalty = penalty * penalty.dtype.type(len(X) / n_samples)
    value, gradient = value_and_gradient(
        network, parameters, batch, loss, penalty, copy.copy(dropout), tbptt
    )
    return MinibatchGradient(value, gradient, batch.total)
