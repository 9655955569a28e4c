"""The contract of an estimator of sequences, as checks that anybody can run."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal
from unittest import SkipTest

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.exceptions import (
    EstimatorCheckFailedWarning,
    NotFittedError,
    SkipTestWarning,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from .._typing import MarkDecorator
from ..sequences import SequenceArray
from ..sequences._stacking import object_array

METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)
# Epochs or iterations of an estimator with `max_iter`: no check asks for a good fit.
MAX_ITER = 5


# ---- data ---------------------------------------------------------------------------


def _ragged(n=24, n_features=3):
    """Sequences of 1 to 9 steps, all of these lengths among them."""
    rng = np.random.default_rng(0)
    lengths = rng.permutation(np.arange(n) % 9 + 1)
    return [rng.standard_normal((T, n_features)) for T in lengths]


LABELS = np.array(["low", "middle", "high"])


def _target(estimator, X):
    """A target that the sequences decide, or each of their steps."""
    of_steps = _target_of_steps(estimator)
    if of_steps is not None:
        return object_array([of_steps(np.asarray(x)) for x in X])
    level = np.array([np.sum(x[:, 0]) for x in X])
    if is_classifier(estimator):
        return LABELS[np.argsort(np.argsort(level)) % 3]
    return 10 * level


def _number(x):
    return 10 * np.sum(x[:, 0])


def _labels_of_steps(x):
    return LABELS[np.digitize(x[:, 0], [-0.5, 0.5])].tolist()


def _numbers_of_steps(x):
    return 10 * np.cumsum(x[:, 0])


def _target_of_steps(estimator):
    """What makes the targets of the steps of a sequence, None of other estimators.

    One that is neither a classifier nor a regressor and yet requires y, which may not
    be a number for each sequence, has a target at every step: labels if it can be
    fitted to them, else numbers.
    """
    if is_classifier(estimator) or is_regressor(estimator):
        return None
    if not get_tags(_end(estimator)).target_tags.required:
        return None
    X, refused = _ragged(n=9), None
    for of_sequence in (_number, _labels_of_steps, _numbers_of_steps):
        y = [of_sequence(x) for x in X]
        y = np.array(y) if of_sequence is _number else object_array(y)
        try:
            _new(estimator).fit(X, y)
        except Exception as error:
            if of_sequence is _labels_of_steps:
                refused = error
        else:
            return None if of_sequence is _number else of_sequence
    raise refused


def _end(estimator):
    """What a Pipeline ends in, and what a search or another of this kind is of."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif isinstance(getattr(estimator, "estimator", None), BaseEstimator):
            estimator = estimator.estimator
        else:
            return estimator


def _ragged_and_target(estimator, **kwargs):
    X = _ragged(**kwargs)
    return X, _target(estimator, X)


def _new(estimator):
    """An unfitted copy, quick and with a fixed random state where it has one."""
    estimator = clone(estimator)
    params = estimator.get_params()
    changes = {name: 0 for name in params if name.split("__")[-1] == "random_state"}
    changes |= {
        name: MAX_ITER if value == "auto" else min(value, MAX_ITER)
        for name, value in params.items()
        if name.split("__")[-1] == "max_iter"
    }
    return estimator.set_params(**changes)


def _fitted(estimator, X, y=None, **fit_params):
    y = _target(estimator, X) if y is None else y
    return _new(estimator).fit(X, y, **fit_params)


def _methods(estimator):
    """Names and methods that say something of X."""
    there = [name for name in METHODS if hasattr(estimator, name)]
    return [(name, getattr(estimator, name)) for name in there]


def _outputs(estimator, X):
    """What an estimator says of X: for each method a list with an item per sequence."""
    outputs = {}
    for name, method in _methods(estimator):
        output = method(X)
        assert len(output) == len(X), (
            f"{name} returns {len(output)} items for {len(X)} sequences."
        )
        outputs[name] = [_steps(item) for item in output]
    assert outputs, f"{estimator!r} has none of the methods {', '.join(METHODS)}."
    return outputs


def _steps(item):
    """One item of an output; that of a transformer may be padded as X was."""
    item = np.asarray(item)
    if item.ndim == 2 and item.dtype.kind == "f":
        n_steps = len(item)
        while n_steps and np.isnan(item[n_steps - 1]).all():
            n_steps -= 1
        item = item[:n_steps]
    return item


def _assert_same(got, expected, what):
    """Equal bits, sequence for sequence."""
    assert got.keys() == expected.keys()
    for method, items in expected.items():
        for i, (a, b) in enumerate(zip(got[method], items, strict=True)):
            assert_array_equal(a, b, err_msg=f"{method} of sequence {i}: {what}")


def _assert_refused(function, arguments, what, *names):
    """A TypeError or ValueError whose message has these numbers or words in it."""
    try:
        function(*arguments)
    except (TypeError, ValueError) as error:
        message = str(error)
    else:
        raise AssertionError(f"{what} is accepted; it must be a ValueError.")
    for name in names:
        assert re.search(rf"(?<![\w.]){re.escape(str(name))}(?![\w.]*\w)", message), (
            f"The error about {what} does not name {name!r}: {message}"
        )


# ---- the contract -------------------------------------------------------------------


def check_sequence_tags(estimator):
    """The tags say that X has three dimensions."""
    if isinstance(estimator, Pipeline):
        raise SkipTest("a Pipeline does not hand on the tags of its first step")
    assert get_tags(estimator).input_tags.three_d_array, (
        "input_tags.three_d_array must be True."
    )


def check_ragged_list(estimator):
    """A list of (n_steps_i, n_features) arrays is fitted and predicted as it is.

    Of an estimator with a target at every step predictions are as long as sequences, y
    may be a list, and a step may be without target: None, or NaN among numbers.
    """
    X = _ragged()
    of_steps = _target_of_steps(estimator)
    y = _target(estimator, X)
    fitted = _fitted(estimator, X, y)
    outputs = _outputs(fitted, X)
    _assert_finite(outputs)
    if of_steps is None:
        return
    for method, items in outputs.items():
        for i, (x, item) in enumerate(zip(X, items, strict=True)):
            assert method == "transform" or len(item) == len(x), (
                f"{method} of sequence {i} has {len(item)} items for {len(x)} steps."
            )
    _assert_same(_outputs(_fitted(estimator, X, list(y)), X), outputs, "a list as y")
    nothing = None if of_steps is _labels_of_steps else np.nan
    holes = [list(steps) for steps in y]
    for steps in holes[::2]:
        steps[0] = nothing
    _assert_finite(_outputs(_fitted(estimator, X, holes), X))
    # another target where there is none would be another fit
    filled = [list(steps) for steps in y]
    for steps in filled[::2]:
        steps[0] = LABELS[0].item() if nothing is None else 1e3
    without, with_one = (
        _outputs(_fitted(estimator, X, given), X) for given in (holes, filled)
    )
    try:
        _assert_same(without, with_one, "")
    except AssertionError:
        return
    raise AssertionError("A step without target is fitted as one that has a target.")


def _assert_finite(outputs):
    for method, items in outputs.items():
        for i, item in enumerate(items):
            if item.dtype.kind == "f":
                assert np.isfinite(item).all(), f"{method} of sequence {i}: {item}"


def check_fit_returns_self(estimator):
    """``fit`` returns the estimator and changes none of its parameters."""
    X = _ragged()
    new = _new(estimator)
    before = {name: repr(value) for name, value in new.get_params().items()}
    assert new.fit(X, _target(estimator, X)) is new, "fit must return self."
    for name, value in new.get_params().items():
        assert repr(value) == before[name], (
            f"fit changed the parameter {name} from {before[name]} to {value!r}."
        )


def check_n_features_in(estimator):
    """``n_features_in_`` is the number of features of a step, not of steps."""
    for n_features in (1, 3):
        fitted = _fitted(estimator, _ragged(n_features=n_features))
        assert fitted.n_features_in_ == n_features, (
            f"n_features_in_ is {fitted.n_features_in_} for steps of {n_features} "
            "features."
        )


def check_forms_of_sequences(estimator):
    """A list, a tuple, an object array, a `SequenceArray` and NaN padding are the same.

    In fit and in prediction, to the bit; so are arrays of equal length one by one and
    in a 3-D array.
    """
    X, y = _ragged_and_target(estimator)
    as_objects = np.empty(len(X), dtype=object)
    as_objects[:] = X
    array = SequenceArray.from_list(X)
    forms = {
        "a tuple": tuple(X),
        "an object array": as_objects,
        "a SequenceArray": array,
        "a 3-D array padded with NaN": array.to_padded(),
    }
    expected = _outputs(_fitted(estimator, X, y), X)
    for name, form in forms.items():
        fitted = _fitted(estimator, form, y)
        _assert_same(_outputs(fitted, X), expected, f"fit on {name}, not on a list")
        _assert_same(_outputs(fitted, form), expected, f"{name} instead of a list")
    X = np.random.default_rng(0).standard_normal((24, 5, 3))
    y = _target(estimator, X)
    expected = _outputs(_fitted(estimator, list(X), y), list(X))
    fitted = _fitted(estimator, X, y)
    _assert_same(_outputs(fitted, X), expected, "a 3-D array instead of a list")


def check_univariate_matrix(estimator):
    """A 2-D array is univariate sequences of equal length, a row for each."""
    X = np.random.default_rng(0).standard_normal((24, 5))
    y = _target(estimator, X[:, :, None])
    expected = _outputs(_fitted(estimator, X[:, :, None], y), X[:, :, None])
    got = _outputs(_fitted(estimator, X, y), X)
    for outputs in (got, expected):
        # a transformer may return the form it was given
        outputs |= {
            method: [np.ravel(a) for a in outputs[method]] for method in outputs
        }
    _assert_same(got, expected, "2-D instead of 3-D")


def check_neighbours(estimator):
    """What is said of a sequence does not depend on those beside it, to the bit.

    Alone, in another order, and beside a much longer one, whatever the batches.
    """
    X = _ragged()
    fitted = _fitted(estimator, X)
    expected = _outputs(fitted, X)
    for i in (0, 5, len(X) - 1):
        alone = {method: items[i : i + 1] for method, items in expected.items()}
        _assert_same(_outputs(fitted, X[i : i + 1]), alone, f"sequence {i} alone")
    order = np.random.default_rng(1).permutation(len(X))
    moved = {m: [items[i] for i in order] for m, items in expected.items()}
    _assert_same(_outputs(fitted, [X[i] for i in order]), moved, "another order")
    longer = _outputs(fitted, [np.ones((60, 3)), *X])
    beside = {method: items[1:] for method, items in longer.items()}
    _assert_same(beside, expected, "beside a sequence of 60 steps")


def check_repeated_fit(estimator):
    """The same data and random state give the same estimator, a second fit too."""
    X, y = _ragged_and_target(estimator)
    fitted = _fitted(estimator, X, y)
    expected = _outputs(fitted, X)
    _assert_same(_outputs(_fitted(estimator, X, y), X), expected, "a second estimator")
    _assert_same(_outputs(fitted.fit(X, y), X), expected, "fitted again")


def check_number_of_threads(estimator):
    """One thread and two give the same bits, in fit and in prediction."""
    X, y = _ragged_and_target(estimator, n=40)
    results = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            results.append(_outputs(_fitted(estimator, X, y), X))
    _assert_same(results[1], results[0], "two threads instead of one")


def check_sequences_of_no_steps(estimator):
    """A sequence of no steps is valid and has a finite answer."""
    X = _ragged()
    empty = np.empty((0, 3))
    fitted = _fitted(estimator, X)
    outputs = _outputs(fitted, [X[0], empty])
    _assert_same(
        {m: items[:1] for m, items in outputs.items()},
        _outputs(fitted, X[:1]),
        "beside a sequence of no steps",
    )
    for method, items in outputs.items():
        if items[1].dtype.kind == "f":
            assert np.isfinite(items[1]).all(), f"{method} of no steps: {items[1]}"
    y = _target(estimator, X)
    if _target_of_steps(estimator) is not None:
        y[0] = y[0][:0]
    _outputs(_fitted(estimator, [empty, *X[1:]], y), X)


def check_data_unchanged(estimator):
    """Neither `fit` nor a prediction writes to X and y; read-only memory is enough."""
    X = SequenceArray.from_list(_ragged())
    y = _target(estimator, X)
    data, target = X.data.copy(), copy.deepcopy(y)
    _outputs(_fitted(estimator, X, y), X)
    assert_array_equal(X.data, data, err_msg="X was changed")
    for before, after in zip(target, y, strict=True):
        assert_array_equal(after, before, err_msg="y was changed")
    data.flags.writeable = target.flags.writeable = False
    for steps in target:
        if isinstance(steps, np.ndarray):
            steps.flags.writeable = False
    X = SequenceArray(data, X.offsets)
    _outputs(_fitted(estimator, X, target), X)


def check_pickle_and_clone(estimator):
    """A pickled estimator says the same; a clone is not fitted and fits the same."""
    X = _ragged()
    fitted = _fitted(estimator, X)
    expected = _outputs(fitted, X)
    back = pickle.loads(pickle.dumps(fitted))
    _assert_same(_outputs(back, X), expected, "from a pickle")
    _assert_same(_outputs(copy.deepcopy(fitted), X), expected, "a deep copy")
    again = clone(fitted)
    check_not_fitted(again)
    again.fit(X, _target(estimator, X))
    _assert_same(_outputs(again, X), expected, "a clone, fitted")


def check_not_fitted(estimator):
    """Before `fit`, a `NotFittedError`."""
    for name, _ in _methods(_new(estimator)):
        try:
            getattr(_new(estimator), name)(_ragged())
        except NotFittedError:
            continue
        raise AssertionError(f"{name} before fit raises no NotFittedError.")


def check_bad_values(estimator):
    """NaN and infinity are errors that name sequence, step and feature.

    NaN inside a sequence is left to estimators whose tag says ``allow_nan``.
    """
    fitted = _fitted(estimator, _ragged())
    values = [np.inf, -np.inf]
    if not get_tags(estimator).input_tags.allow_nan:
        values.append(np.nan)
    for value in values:
        X = _ragged()
        y = _target(estimator, X)
        i = next(k for k in range(11, len(X)) if len(X[k]) == 7)
        X[i][4, 2] = value
        places = (i, 4, 2)
        _assert_refused(_new(estimator).fit, (X, y), f"{value} in fit", *places)
        for name, method in _methods(fitted):
            _assert_refused(method, (X,), f"{value} in {name}", *places)


def check_bad_shapes(estimator):
    """Unequal features, other features than in fit, no sequences: errors.

    So are more or fewer targets than a sequence has steps; the message names the
    sequence and both numbers.
    """
    X, y = _ragged_and_target(estimator)
    of_steps = _target_of_steps(estimator) is not None
    n_steps = len(X[13]) if of_steps else 4
    mixed = [*X[:13], np.ones((n_steps, 5)), *X[14:]]

    def fit(X, y):
        return _new(estimator).fit(X, y)

    _assert_refused(fit, (mixed, y), "a sequence of 5 features among 3", 13, 5)
    if of_steps:
        i = next(k for k in range(11, len(X)) if len(X[k]) == 7)
        for given in (y[i][:-1], [*y[i], y[i][0]]):
            wrong = y.copy()
            wrong[i] = given
            what = f"{len(given)} targets for a sequence of 7 steps"
            _assert_refused(fit, (X, wrong), what, i, 7, len(given))
    _assert_refused(fit, ([], []), "an empty list")
    _assert_refused(fit, (np.ones((24, 2, 3, 4)), y), "a 4-D array")
    for name, method in _methods(_fitted(estimator, X, y)):
        what = f"{name} of 4 features after a fit on 3"
        _assert_refused(method, (_ragged(n_features=4),), what, 4, 3)
    if get_tags(estimator).target_tags.required:
        _assert_refused(fit, (X, y[:-1]), "23 targets for 24 sequences")


def check_failed_fit(estimator):
    """A `fit` that fails leaves an earlier one as it was."""
    X, y = _ragged_and_target(estimator)
    fitted = _fitted(estimator, X, y)
    expected = _outputs(fitted, X)
    bad = _ragged(n_features=5)
    bad[7][0, 0] = np.inf
    _assert_refused(fitted.fit, (bad, y), "inf in fit")
    _assert_same(_outputs(fitted, X), expected, "after a fit that failed")


def check_sample_weight(estimator):
    """Integer weights are repetitions, weight 0 is as good as absent."""
    if not has_fit_parameter(estimator, "sample_weight"):
        raise SkipTest("fit takes no sample_weight")
    X, y = _ragged_and_target(estimator)
    weight = np.random.default_rng(2).permutation(np.arange(len(X)) % 3)
    repeated = np.repeat(np.arange(len(X)), weight)
    weighted = _fitted(estimator, X, y, sample_weight=weight)
    copies = _fitted(estimator, [X[i] for i in repeated], y[repeated])
    expected = _outputs(copies, X)
    for method, items in _outputs(weighted, X).items():
        for a, b in zip(items, expected[method], strict=True):
            if a.dtype.kind == "f":
                assert_allclose(a, b, rtol=1e-6, atol=1e-7, err_msg=method)
            else:
                assert_array_equal(a, b, err_msg=method)


def check_model_selection(estimator):
    """Ragged lists go through cross-validation and grid search."""
    if not (is_classifier(estimator) or is_regressor(estimator)):
        if _target_of_steps(estimator) is None:
            raise SkipTest("neither a classifier nor a regressor")
    X, y = _ragged_and_target(estimator, n=36)
    cv = KFold(2, shuffle=True, random_state=0)
    for form in (X, SequenceArray.from_list(X)):
        predicted = cross_val_predict(_new(estimator), form, y, cv=cv)
        for train, test in cv.split(y):
            fitted = _fitted(estimator, [X[i] for i in train], y[train])
            expected = fitted.predict([X[i] for i in test])
            for a, b in zip(predicted[test], expected, strict=True):
                assert_array_equal(
                    a,
                    b,
                    err_msg="cross_val_predict is not what a loop over its folds "
                    "predicts",
                )
    search = GridSearchCV(_new(estimator), {}, cv=cv).fit(X, y)
    assert np.isfinite(search.best_score_)


def check_pipeline(estimator):
    """As the last step of a pipeline it says what it says alone."""
    X, y = _ragged_and_target(estimator)
    model = make_pipeline(FunctionTransformer(), _new(estimator)).fit(X, y)
    expected = _outputs(_fitted(estimator, X, y), X)
    _assert_same(_outputs(model, X), expected, "in a pipeline")


CHECKS = (
    check_sequence_tags,
    check_ragged_list,
    check_fit_returns_self,
    check_n_features_in,
    check_forms_of_sequences,
    check_univariate_matrix,
    check_neighbours,
    check_repeated_fit,
    check_number_of_threads,
    check_sequences_of_no_steps,
    check_data_unchanged,
    check_pickle_and_clone,
    check_not_fitted,
    check_bad_values,
    check_bad_shapes,
    check_failed_fit,
    check_sample_weight,
    check_model_selection,
    check_pipeline,
)


# ---- how to run it ------------------------------------------------------------------


def _check_instance(estimator):
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, got the class {estimator.__name__}. Use "
            f"{estimator.__name__}()."
        )


def _check_known(expected_failed_checks):
    unknown = set(expected_failed_checks) - {check.__name__ for check in CHECKS}
    if unknown:
        known = ", ".join(check.__name__ for check in CHECKS)
        raise ValueError(
            f"expected_failed_checks has {', '.join(sorted(unknown))}, which is no "
            f"check of sequences. The checks are {known}."
        )


def check_sequence_estimator(
    estimator: BaseEstimator,
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    on_skip: Literal["warn"] | None = "warn",
    on_fail: Literal["raise", "warn"] | None = "raise",
    callback: Callable | None = None,
) -> list[dict[str, Any]]:
    """Check if an estimator keeps the contract of estimators of sequences.

    The counterpart of :func:`sklearn.utils.estimator_checks.check_estimator`, which
    knows nothing but matrices, for classifiers, regressors and transformers that take
    sequences of unequal lengths: each an array of shape (n_steps_i, n_features), with
    its length and nothing else beside it. It needs no part of sklstm in the estimator.

    An estimator that is neither classifier nor regressor by its tags, that says it
    requires y (``target_tags.required``) and that does not take a number for each
    sequence has a target at every step, as :class:`~sklstm.LSTMTagger` and
    :class:`~sklstm.LSTMStepRegressor`: labels if `fit` takes them, else numbers. Its y
    is a list or an object array of what belongs to each sequence.

    The contract:

    - ``check_sequence_tags``: the tags say that X has three dimensions.
    - ``check_ragged_list``, ``check_forms_of_sequences``, ``check_univariate_matrix``:
      a list, a tuple and an object array of arrays, a
      :class:`~sklstm.sequences.SequenceArray`, a 3-D array, and one padded with NaN are
      the same sequences; a 2-D array is univariate ones.
    - ``check_fit_returns_self``, ``check_n_features_in``, ``check_data_unchanged``,
      ``check_not_fitted``, ``check_pickle_and_clone``, ``check_pipeline``,
      ``check_model_selection``: what scikit-learn asks of every estimator, with
      sequences of unequal lengths.
    - ``check_neighbours``: what is said of a sequence does not depend on those beside
      it, nor on padding. ``check_repeated_fit``, ``check_number_of_threads``: the same
      random state gives the same estimator. All three to the bit.
    - ``check_sequences_of_no_steps``: they are valid.
    - ``check_bad_values``, ``check_bad_shapes``, ``check_failed_fit``: errors name the
      sequence, the step and the feature (counted from 0), and leave a fitted estimator
      as it was.
    - ``check_sample_weight``: weights are repetitions.

    With a target at every step also: predictions are as long as sequences, a step may
    be without target, None or among numbers NaN (``check_ragged_list``), and more or
    fewer targets than steps are an error that names the sequence and both numbers
    (``check_bad_shapes``).

    Parameters
    ----------
    estimator : estimator object
        The instance to check. It is cloned; ``random_state`` is set to 0 and
        ``max_iter`` to 5 at the most, here and in what it is made of.
    expected_failed_checks : dict, default=None
        Names of checks that are known to fail, with the reason for each.
    on_skip : "warn" or None, default="warn"
        Whether to warn of a check that does not apply.
    on_fail : "raise", "warn" or None, default="raise"
        Whether the first failure is raised, each is a warning, or they are only in the
        result.
    callback : callable, default=None
        Called with each item of the result as keyword arguments. Not with
        ``on_fail="raise"``.

    Returns
    -------
    test_results : list of dict
        For each check, with the keys of scikit-learn's `check_estimator`: `estimator`,
        `check_name`, `exception`, `status` ("passed", "failed", "xfail" or "skipped"),
        `expected_to_fail`, `expected_to_fail_reason`.

    Raises
    ------
    AssertionError or other Exception
        With ``on_fail="raise"``, what the first failing check raised.
    TypeError
        If `estimator` is a class.
    ValueError
        If `expected_failed_checks` names a check that there is not, an option has
        another value, or `callback` is given with ``on_fail="raise"``.

    Warns
    -----
    SkipTestWarning
        If ``on_skip="warn"`` and a check does not apply.
    EstimatorCheckFailedWarning
        If ``on_fail="warn"`` and a check failed.

    See Also
    --------
    parametrize_with_sequence_checks : The same as tests of pytest.
    sklearn.utils.estimator_checks.check_estimator : The contract for matrices.

    Examples
    --------
    >>> from sklstm import GRUClassifier
    >>> from sklstm.utils import check_sequence_estimator
    >>> results = check_sequence_estimator(GRUClassifier(hidden_layer_sizes=4))
    >>> {result["status"] for result in results}
    {'passed'}
    """
    _check_instance(estimator)
    expected = expected_failed_checks or {}
    _check_known(expected)
    if on_skip not in ("warn", None):
        raise ValueError(f"on_skip must be 'warn' or None, got {on_skip!r}.")
    if on_fail not in ("raise", "warn", None):
        raise ValueError(f"on_fail must be 'raise', 'warn' or None, got {on_fail!r}.")
    if on_fail == "raise" and callback is not None:
        raise ValueError("callback cannot be provided together with on_fail='raise'.")
    results = []
    for check in CHECKS:
        name = check.__name__
        status, exception = "passed", None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check(estimator)
        except SkipTest as skipped:
            status, exception = "skipped", skipped
            if on_skip == "warn":
                warnings.warn(
                    f"{name} was skipped for {type(estimator).__name__}: {skipped}.",
                    SkipTestWarning,
                    stacklevel=2,
                )
        except Exception as error:
            if on_fail == "raise" and name not in expected:
                raise
            status, exception = "xfail" if name in expected else "failed", error
        result = {
            "estimator": estimator,
            "check_name": name,
            "exception": exception,
            "status": status,
            "expected_to_fail": name in expected,
            "expected_to_fail_reason": expected.get(
                name, "Check is not expected to fail"
            ),
        }
        if status == "failed" and on_fail == "warn":
            warnings.warn(EstimatorCheckFailedWarning(**result), stacklevel=2)
        results.append(result)
        if callback is not None:
            callback(**result)
    return results


def parametrize_with_sequence_checks(
    estimators: Iterable[BaseEstimator],
    *,
    expected_failed_checks: Callable[[Any], Mapping[str, str]] | None = None,
) -> MarkDecorator:
    """Decorator of a pytest test that runs each check on each estimator.

    Parameters
    ----------
    estimators : list of estimator objects
        Instances to check.
    expected_failed_checks : callable, default=None
        Takes an estimator, returns a dict of the checks that are known to fail, with
        the reason for each; they are marked ``xfail``.

    Returns
    -------
    decorator : pytest.mark.parametrize
        Of a test with the arguments `estimator` and `check`.

    Raises
    ------
    TypeError
        If one of `estimators` is a class.
    ValueError
        If `expected_failed_checks` returns the name of a check that there is not.

    See Also
    --------
    check_sequence_estimator : The checks, and what they ask for.

    Examples
    --------
    >>> from sklstm import LSTMClassifier, LSTMRegressor
    >>> from sklstm.utils import parametrize_with_sequence_checks
    >>> @parametrize_with_sequence_checks([LSTMClassifier(), LSTMRegressor()])
    ... def test_sequences(estimator, check):
    ...     check(estimator)
    """
    import pytest

    arguments, ids = [], []
    for estimator in estimators:
        _check_instance(estimator)
        expected = expected_failed_checks(estimator) if expected_failed_checks else {}
        _check_known(expected)
        for check in CHECKS:
            marks = ()
            if check.__name__ in expected:
                marks = pytest.mark.xfail(reason=expected[check.__name__])
            arguments.append(pytest.param(estimator, check, marks=marks))
            ids.append(re.sub(r"\s", "", f"{estimator!r}-{check.__name__}"))
    return pytest.mark.parametrize(("estimator", "check"), arguments, ids=ids)
