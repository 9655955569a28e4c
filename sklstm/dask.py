"""One model trained on a Dask cluster."""

from __future__ import annotations

from datetime import timedelta
from numbers import Integral
from os import PathLike
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ._estimators.base import RecurrentCore
from ._training.checkpoint import Checkpoint
from ._training.parts import Here, in_parts
from ._typing import ArrayLike, Estimator, SequencesLike

__all__ = ["fit"]

# Parts of a minibatch where nobody has said how many: of the model, not of a cluster.
N_PARTS = 8


def fit(
    estimator: Estimator,
    X: SequencesLike,
    y: ArrayLike | None = None,
    *,
    client: Any = None,
    n_parts: int | None = None,
    checkpoint: str | PathLike | None = None,
    checkpoint_interval: int | timedelta = 1,
    **fit_params: Any,
) -> Estimator:
    """Fit one model on the workers of a Dask cluster.

    Each minibatch is cut into `n_parts` parts of its sequences. Workers compute the
    gradients of these, which are added in the order of the parts, and the optimizer
    makes its step here. The weights depend on `n_parts` in their last bits, and not on
    who computes: with any number of workers, with workers that come and die, and on
    this machine alone (``client=None``) they are the same to the bit.

    Parameters
    ----------
    estimator : estimator of sklstm, or Pipeline that ends in one
        It is cloned. Transformers of a pipeline are fitted here, as in
        ``Pipeline.fit``.

    X : as in the estimator's ``fit``
        The samples. They are sent to every worker once.

    y : as in the estimator's ``fit``, default=None
        The targets; None for estimators that have none.

    client : distributed.Client, default=None
        The cluster. None computes the same on this machine, one part after the other.

    n_parts : int, default=None
        Parts of a minibatch, at least as many as there are workers to be busy. Part of
        the model, as a random state is. None for 8.

    checkpoint : str or path-like, default=None
        A folder, or a URL that fsspec knows, where the training is written down. The
        same call goes on from there, and ends with the bits of one that was never
        disturbed; a fit that had ended is there at once. It needs a `random_state` and
        a solver with minibatches. It is a pickle: load none from a place that others
        can write to.

    checkpoint_interval : int or datetime.timedelta, default=1
        Epochs between two checkpoints, or the least time; they are written at the end
        of an epoch.

    **fit_params : dict
        What else ``fit`` takes, such as ``sample_weight``. In a pipeline it is for the
        last step, unless its name has the one of a step in front
        (``standardscaler__sample_weight``).

    Returns
    -------
    estimator : object
        A fitted estimator of the same class.

    Raises
    ------
    TypeError
        If the estimator is none of sklstm, nor a pipeline that ends in one.
    ValueError
        If an argument is not valid, or the checkpoint is of another fit; and what
        ``fit`` raises. All of it before training begins.

    Notes
    -----
    Active memory management of the cluster is paused while a fit runs: between two
    steps it would take the data away from all workers but one.

    A worker that dies costs the parts it was computing. If the scheduler or this
    process dies, what was done since the last checkpoint is lost.

    Examples
    --------
    >>> import sklstm.dask
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(subset="train", return_X_y=True)
    >>> clf = LSTMClassifier(max_iter=5, random_state=0, learning_rate="cosine")
    >>> clf = sklstm.dask.fit(clf, X, y, n_parts=2)
    >>> clf.n_iter_
    5
    """
    n_parts = N_PARTS if n_parts is None else n_parts
    if not isinstance(n_parts, Integral) or isinstance(n_parts, bool) or n_parts < 1:
        raise ValueError(f"n_parts must be an int of at least 1, got {n_parts!r}.")
    model = clone(estimator)
    last = model[-1] if isinstance(model, Pipeline) else model
    if not isinstance(last, RecurrentCore):
        raise TypeError(
            "sklstm.dask.fit trains an estimator of sklstm or a Pipeline that ends in "
            f"one, got {type(last).__name__}. For searches there is the Dask backend "
            "of joblib: see the user guide."
        )
    if checkpoint is not None:
        checkpoint = _checkpoint(last, checkpoint, checkpoint_interval)
    if client is None:
        who = Here()
    else:
        from ._training.cluster import OnCluster

        who = OnCluster(client)
    if last is not model:
        step = model.steps[-1][0]
        fit_params = {
            name if "__" in name else f"{step}__{name}": value
            for name, value in fit_params.items()
        }
    with in_parts(int(n_parts), who, checkpoint):
        return (
            model.fit(X, **fit_params) if y is None else model.fit(X, y, **fit_params)
        )


def _checkpoint(estimator, folder, interval):
    """The checkpoints of a fit that can go on from them."""
    is_time = isinstance(interval, timedelta)
    least = timedelta(0) if is_time else 1
    is_number = isinstance(interval, Integral) and not isinstance(interval, bool)
    if not (is_time or is_number) or interval < least:
        raise ValueError(
            "checkpoint_interval must be a number of epochs of at least 1 or a "
            f"datetime.timedelta, got {interval!r}."
        )
    if estimator.random_state is None:
        raise ValueError(
            "A fit goes on from a checkpoint only if it begins as it did: checkpoint= "
            "needs a random_state, such as random_state=0, got None."
        )
    if estimator.solver == "lbfgs":
        raise ValueError(
            "checkpoint= needs a solver that makes its steps on minibatches, such as "
            "'adam', got solver='lbfgs'."
        )
    return Checkpoint(folder, interval)
