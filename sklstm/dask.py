"""One model trained on a Dask cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from numbers import Integral
from os import PathLike
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from ._estimators.base import RecurrentCore
from ._training.checkpoint import Checkpoint
from ._training.dask_collections import (
    LongPartitions,
    joined_targets,
    partitions_of,
    refuse_doubled,
)
from ._training.partitions import (
    SAMPLE,
    AtHome,
    OnWorkers,
    fitted_transformer,
    valid_sequences,
)
from ._training.parts import Here, in_parts
from ._typing import ArrayLike, Estimator, SequencesLike
from .sequences import SequenceArray

__all__ = ["fit", "from_long"]

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
        ``Pipeline.fit``; where X lives on the cluster they are fitted to one partition
        after the other by ``partial_fit``, without y.

    X : as in the estimator's ``fit``, list of Future or Delayed, dask.bag or dask.array
        The samples. What is in memory is sent to every worker once. What lives on the
        cluster, in partitions of whole sequences, stays there: each future or delayed
        object, or each partition of a bag of arrays (n_steps, n_features) or of an
        array (n, T, F), is what :func:`~sklstm.sequences.check_sequences` reads, but no
        2-D array; clips, or documents, as in a bag of texts, where the estimator reads
        such. For a dask.dataframe there is :func:`from_long`. The result does not
        depend on how sequences are cut into partitions.

    y : as in the estimator's ``fit``, or in partitions, default=None
        The targets; None for estimators that have none. Where X is in partitions, y,
        weights and groups may be too, cut alike: they come to this machine.

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
        If the estimator is none of sklstm, nor a pipeline that ends in one, or the
        client none of Dask; where X lives on the cluster also if a transformer has no
        ``partial_fit``.
    ValueError
        If an argument is not valid, or the checkpoint is of another fit; and what
        ``fit`` raises, with the partition. All of it before training begins.
    RuntimeError
        If one part of a minibatch kills every worker that computes it, for lack of
        memory for example; if all workers have been gone for ten minutes; if a
        partition cannot be computed, or was lost with the worker that had it and
        nothing says how to compute it again.
    ConnectionError
        If the scheduler dies.

    Notes
    -----
    Active memory management of the cluster is paused while a fit runs, or until its
    client is gone: between two steps it would take the data away from all workers but
    one.

    A worker that dies costs the parts it was computing, and the fit goes on however
    many die. If the scheduler or this process dies, what was done since the last
    checkpoint is lost.

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
        who, watch = Here(), nullcontext()
    else:
        from ._training.cluster import OnCluster, checked, naming_a_lost_scheduler

        who, watch = OnCluster(checked(client)), naming_a_lost_scheduler(client)
    with watch, in_parts(int(n_parts), who, checkpoint):
        if partitions_of(X, "X") is not None:
            return _fit_on_partitions(model, last, X, y, client, fit_params)
        if last is not model:
            step = model.steps[-1][0]
            fit_params = {
                name if "__" in name else f"{step}__{name}": value
                for name, value in fit_params.items()
            }
        return (
            model.fit(X, **fit_params) if y is None else model.fit(X, y, **fit_params)
        )


def from_long(
    frame: Any,
    *,
    by: str | Sequence[str],
    sort: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    target: str | Sequence[str] | None = None,
    groups: str | None = None,
    target_at: Literal["sequence", "step"] = "sequence",
    duplicates: Literal["error", "keep"] = "error",
) -> Any:
    """Read a dask.dataframe in long form, a row for each step, partition by partition.

    Nothing is computed: what is returned is for :func:`fit`. Each partition must hold
    whole sequences, as it does behind ``frame.shuffle(on=by)``; where the rows of one
    are in two partitions, :func:`fit` says so.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The table.

    by : str or list of str
        Columns that name the sequence a row belongs to.

    sort : str or list of str, default=None
        Columns that order the steps within a sequence. None keeps the order of the
        rows.

    columns : str or list of str, default=None
        Columns that are features. None takes those that are left.

    target : str or list of str, default=None
        Columns of the target, or of several targets.

    groups : str, default=None
        Column that names the group of a sequence.

    target_at : {"sequence", "step"}, default="sequence"
        Whether the target is one for a sequence or one for each step.

    duplicates : {"error", "keep"}, default="error"
        What becomes of rows of one sequence that are equal in `sort`.

    Returns
    -------
    X : list of Delayed
        A :class:`~sklstm.SequenceArray` of each partition, with `ids`.

    y : list of Delayed
        Only with `target`: the targets of each partition.

    groups : list of Delayed
        Only with `groups`: the groups of each partition.

    Raises
    ------
    TypeError
        If the table is no dask.dataframe.

    See Also
    --------
    sklstm.SequenceArray.from_long : The same of a table in memory, at more length.

    Examples
    --------
    >>> import dask.dataframe as dd  # doctest: +SKIP
    >>> import sklstm.dask
    >>> from sklstm import LSTMClassifier
    >>> frame = dd.read_parquet("sensors/").shuffle(on="who")  # doctest: +SKIP
    >>> X, y = sklstm.dask.from_long(
    ...     frame, by="who", sort="when", target="failed"
    ... )  # doctest: +SKIP
    >>> model = sklstm.dask.fit(LSTMClassifier(), X, y)  # doctest: +SKIP
    """
    if not (hasattr(frame, "to_delayed") and hasattr(frame, "columns")):
        raise TypeError(
            f"frame must be a dask.dataframe, got {type(frame).__name__}. A table in "
            "memory is read by SequenceArray.from_long."
        )
    from dask import delayed

    options = {
        "by": by, "sort": sort, "columns": columns, "target": target,
        "groups": groups, "target_at": target_at, "duplicates": duplicates,
    }  # fmt: skip
    stack, nth = (delayed(f, pure=False) for f in (_stack_long, _nth))
    parts = [stack(part, options) for part in frame.to_delayed()]
    n_results = 1 + (target is not None) + (groups is not None)
    results = [LongPartitions(nth(part, k) for part in parts) for k in range(n_results)]
    return results[0] if n_results == 1 else tuple(results)


def _stack_long(part, options):
    """What `SequenceArray.from_long` makes of a partition, as a tuple, or its error."""
    try:
        found = SequenceArray.from_long(part, **options)
    except (TypeError, ValueError) as error:
        return error
    return found if isinstance(found, tuple) else (found,)


def _nth(found, k):
    return found if isinstance(found, Exception) else found[k]


def _fit_on_partitions(model, last, X, y, client, fit_params):
    """Fit to sequences that lie where they are."""
    who = AtHome() if client is None else OnWorkers(client)
    if last is not model:
        fit_params = dict(_of_last_step(model, fit_params))
    parts = who.each(partitions_of(X, "X"), "X")
    fitted = []
    if last is not model:
        for name, step in model.steps[:-1]:
            if step is not None and not isinstance(step, str):  # "passthrough"
                step, parts = fitted_transformer(who, step, parts, _method_of(step))
            fitted.append((name, step))
    sequences, counts = valid_sequences(who, parts, last._reads_partition())
    del parts  # as they were before
    if isinstance(X, LongPartitions):
        refuse_doubled(sequences._ids, counts)
    given = {"y": y, **fit_params}
    for name, value in given.items():
        own = partitions_of(value, name)
        if own is not None and name.endswith("_val"):
            raise TypeError(
                f"{name} lives on the cluster, but what is validated on is read here. "
                "Pass a SequenceArray, a list or an array."
            )
        if own is not None:
            own = who.gather(who.each(own, name), name)
            given[name] = joined_targets(own, counts, name)
    if given["y"] is None:
        del given["y"]
    with _naming_partition(counts):
        last.fit(sequences, **given)
    if last is not model:
        model.steps = [*fitted, model.steps[-1]]
    return model


def _of_last_step(model, fit_params):
    """Parameters of fit by the names that the last step of a pipeline has for them."""
    last = model.steps[-1][0]
    for name, value in fit_params.items():
        step, between, own = name.rpartition("__")
        if between and step != last:
            raise ValueError(
                f"{name} is for a transformer, which is fitted partition by partition "
                "where X lives on the cluster, without parameters."
            )
        yield own, value


def _method_of(transformer):
    """How a transformer is fitted to one partition after the other, None if it is not
    to be fitted."""
    if isinstance(transformer, FrozenEstimator):
        return None
    if hasattr(transformer, "partial_fit"):
        return "partial_fit"
    inner = transformer
    while hasattr(inner, "transformer"):
        inner = inner.transformer
    knows = isinstance(inner, FrozenEstimator) or getattr(inner, "_stateless", False)
    if knows or not get_tags(inner).requires_fit:
        return "fit"
    raise TypeError(
        f"{type(inner).__name__} has no partial_fit, by which it could be fitted to X "
        "partition by partition. Fit it before, for example to one of them, and pass "
        "it as sklearn.frozen.FrozenEstimator(transformer)."
    )


@contextmanager
def _naming_partition(counts):
    """Let errors of a sample of X say in which partition it is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        found = SAMPLE.search(str(error))
        if found is None or str(error).startswith("In X_val"):
            raise
        what, sample, ends = found[1].lower(), int(found[2]), np.cumsum(counts)
        k = int(np.searchsorted(ends, sample, side="right"))
        if k == len(counts):
            raise
        number = sample - int(ends[k]) + counts[k]
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{error} {what.title()} {sample} is {what} {number} of partition {k}."
        ) from error


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
