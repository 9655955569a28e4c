"""Permutation importance of the features and of the steps of sequences."""

from __future__ import annotations

from collections.abc import Callable, Collection
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state, check_scalar
from sklearn.utils.parallel import Parallel, delayed

from .._targets.aligning import aligned
from .._targets.reading import check_one_each, read_values
from .._targets.step_reading import is_nested
from .._typing import ArrayLike, SequencesLike
from ..sequences import check_sequences
from ..sequences._clips import Clips, are_clips, clips_of, rows_of


def sequence_permutation_importance(
    estimator: Any,
    X: SequencesLike,
    y: ArrayLike | None,
    *,
    axis: Literal["feature", "time"] = "feature",
    from_end: bool = False,
    scoring: str | Callable | Collection[str] | dict[str, Any] | None = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    sample_weight: ArrayLike | None = None,
) -> Bunch | dict[str, Bunch]:
    """How much the score falls when a feature or a step is shuffled [Breiman2001]_.

    What :func:`sklearn.inspection.permutation_importance` does for matrices. The
    estimator is not fitted again. X may be its training data or, to see what it needs
    on new data, others.

    Parameters
    ----------
    estimator : object
        A fitted estimator that takes a SequenceArray: any of this package, and
        pipelines, searches and ensembles of them.

    X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
            n_features) or (n_samples, n_steps)
        The sequences, in any form that :func:`sklstm.sequences.check_sequences`
        accepts; NaN may be in them if the estimator can read it. Or clips, as
        :class:`~sklstm.ConvLSTMClassifier` takes them: their features are channels and
        their steps frames, which are shuffled as whole images.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or list of lists
        The targets, of an estimator that has one at every step a list for each
        sequence. None if the scorer needs none.

    axis : {"feature", "time"}, default="feature"
        What is shuffled:

        - "feature": the values of one feature, over all steps of all sequences. Its
          distribution stays; its order in time and its place are lost;
        - "time": one whole step, all features together, among the sequences that
          have it. Their values after and before stay.

    from_end : bool, default=False
        Count the steps from the end of each sequence, so that step 0 is the last one.
        With unequal lengths these are other steps. Only with ``axis="time"``.

    scoring : str, callable, list, tuple or dict, default=None
        The score, or several of them, as in
        :func:`sklearn.inspection.permutation_importance`. None is the estimator's own
        `score`.

    n_repeats : int, default=5
        How often each feature or step is shuffled.

    n_jobs : int, default=None
        Features or steps that are looked at side by side. None means 1 unless in a
        :class:`joblib.parallel_config` context, -1 all processors. The result does not
        depend on it.

    random_state : int, RandomState instance or None, default=None
        Determines the permutations.

    sample_weight : array-like of shape (n_samples,) or list of arrays, default=None
        Sample weights of the score.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or dict of such instances
        With the attributes below, where n is the number of features or the length of
        the longest sequence. With several scores a dict from their names to Bunches.

        importances_mean : ndarray of shape (n,)
            Mean over the repeats.
        importances_std : ndarray of shape (n,)
            Standard deviation over the repeats.
        importances : ndarray of shape (n, n_repeats)
            Score on X less the score on shuffled X.
        n_sequences : ndarray of shape (n,)
            Sequences that have the step, or for features those of any steps. A step
            that one sequence alone has cannot be shuffled: its importance is 0.

    Raises
    ------
    ValueError
        If X, axis, from_end or n_repeats is not valid, or if X, y and sample_weight
        are not of one length.

    See Also
    --------
    sklearn.inspection.permutation_importance : The same for the columns of a matrix.

    Notes
    -----
    As with matrices, a low importance does not say that something carries no
    information: neighbouring steps and correlated features can stand in for each
    other. The cost is that of n times `n_repeats` scores.

    References
    ----------
    .. [Breiman2001] L. Breiman, "Random Forests", Machine Learning 45(1), 2001.

    Examples
    --------
    The second of three features decides, and of it the last step:

    >>> import numpy as np
    >>> from sklstm import RNNClassifier
    >>> from sklstm.inspection import sequence_permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 3)) for T in rng.integers(4, 9, size=300)]
    >>> y = [x[-1, 1] > 0 for x in X]
    >>> model = RNNClassifier(16, early_stopping=True, random_state=0).fit(X, y)
    >>> result = sequence_permutation_importance(model, X, y, random_state=0)
    >>> int(result.importances_mean.argmax())
    1
    >>> result = sequence_permutation_importance(
    ...     model, X, y, axis="time", from_end=True, random_state=0
    ... )
    >>> int(result.importances_mean.argmax())
    0
    """
    if axis not in ("feature", "time"):
        raise ValueError(f"axis={axis!r} is neither 'feature' nor 'time'.")
    if from_end and axis == "feature":
        raise ValueError(
            "from_end=True says how steps are counted, but axis='feature' shuffles "
            "features. Use axis='time' or from_end=False."
        )
    check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
    try:
        rng = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state={random_state!r} is no seed: {error}. Pass an integer from "
            "0 to 2**32 - 1, a numpy.random.RandomState or None."
        ) from error
    check = clips_of if are_clips(X) else check_sequences
    X = check(X, allow_nan=True)
    y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
    for what, values in (("y", y), ("sample_weight", sample_weight)):
        if values is not None:
            _check_values(X, values, what)
    lengths = X.lengths
    if axis == "feature":
        n_sequences = np.full(X.n_features, np.count_nonzero(lengths))
    else:
        longest = lengths.max(initial=0)
        n_sequences = len(X) - np.searchsorted(np.sort(lengths), range(1, longest + 1))
    n = len(n_sequences)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n)
    scorer = check_scoring(estimator, scoring=scoring)
    baseline = _scores(scorer, estimator, X, y, sample_weight)
    shuffled = Parallel(n_jobs=n_jobs)(
        delayed(_shuffled_scores)(
            scorer, estimator, X, y, sample_weight, axis, from_end, k, n_repeats, seed
        )
        for k, seed in enumerate(seeds)
    )
    results = {}
    for name, score in baseline.items():
        scores = np.array([[one[name] for one in repeats] for repeats in shuffled])
        importances = score - scores.reshape(n, n_repeats)
        results[name] = Bunch(
            importances_mean=importances.mean(axis=1),
            importances_std=importances.std(axis=1),
            importances=importances,
            n_sequences=n_sequences,
        )
    return results.get(_ONLY, results)


def _check_values(X, values, what):
    """Say when there is not one value for each sequence, or for each of its steps."""
    if not is_nested(values):
        read_values(values, what)
        check_one_each(X, values, what, X)
        return
    values = list(values)
    if len(values) != len(X):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{len(X)}, {len(values)}]. {what} needs a list for each sequence."
        )


# The name of a score that is the only one.
_ONLY = None


def _scores(scorer, estimator, X, y, sample_weight):
    """A dict of scores by their names."""
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    scores = scorer(estimator, X, y, **weights)
    return scores if isinstance(scores, dict) else {_ONLY: scores}


def _shuffled_scores(
    scorer, estimator, X, y, sample_weight, axis, from_end, k, n_repeats, seed
):
    rng = np.random.RandomState(seed)
    return [
        _scores(
            scorer, estimator, _shuffled(X, axis, from_end, k, rng), y, sample_weight
        )
        for _ in range(n_repeats)
    ]


def _shuffled(X, axis, from_end, k, rng):
    """X with feature k of all steps, or with step k of all sequences, shuffled."""
    clips = isinstance(X, Clips)
    if clips:  # which may share frames
        rows, offsets = rows_of(X)
        data = X.data[rows]
    else:
        data, offsets = X.data.copy(), X.offsets
    if axis == "feature":
        data[..., k] = rng.permutation(data[..., k])
    else:
        rows = offsets[1:] - 1 - k if from_end else offsets[:-1] + k
        rows = rows[X.lengths > k]
        data[rows] = data[rng.permutation(rows)]
    if clips:
        return Clips(data, offsets[:-1], X.lengths, X.has_channels)
    return X._with_data(data)
