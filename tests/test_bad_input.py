"""More than 200 malformed inputs: each raises an error that names what is wrong, none
passes in silence or takes the process down, and an earlier fit stays as it was."""

import copy
import functools
import pickle
import warnings
from decimal import Decimal
from types import FunctionType

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from malformed_cases import INVALID
from sklearn.base import is_classifier
from test_sequences import MALFORMED

from sklstm import (
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm.sequences import SequenceArray

ESTIMATORS = [LSTMClassifier, GRURegressor]
every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

N = 12
RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in [3, 1, 4, 0, 5, 2, 2, 6, 1, 3, 4, 2]]
LABELS = np.arange(N) % 2
NUMBERS = RNG.standard_normal(N)
ONES = np.ones(N)


def target(Estimator):
    return LABELS if is_classifier(Estimator()) else NUMBERS


def small(Estimator, **params):
    return Estimator(3, **{"max_iter": 2, "random_state": 0, **params})


@functools.cache
def fitted_once(Estimator):
    """A fitted estimator, its predictions and its pickle."""
    estimator = small(Estimator).fit(X, target(Estimator))
    return estimator, estimator.predict(X), pickle.dumps(estimator)


def fitted_copy(Estimator):
    """Shares every array with the original, so that none can be changed unseen."""
    return copy.copy(fitted_once(Estimator)[0])


def assert_as_fitted(estimator):
    """To the byte, whatever was tried on it."""
    original, predictions, pickled = fitted_once(type(estimator))
    np.testing.assert_array_equal(estimator.predict(X), predictions)
    assert pickle.dumps(original) == pickle.dumps(estimator) == pickled


def again(X):
    """What can be read only once is a lambda that makes it anew."""
    return X() if isinstance(X, FunctionType) else X


def assert_refused(Estimator, call, match, params=None):
    """`call` fails on a fitted and on a new estimator and changes neither."""
    params = params or {}
    fitted = fitted_copy(Estimator).set_params(**params)
    for estimator in (fitted, small(Estimator).set_params(**params)):
        before = dict(vars(estimator))
        with pytest.raises((ValueError, TypeError, MemoryError), match=match):
            call(estimator)
        assert vars(estimator).keys() == before.keys()
        assert all(vars(estimator)[name] is value for name, value in before.items())
    own = fitted_once(Estimator)[0].get_params()
    assert_as_fitted(fitted.set_params(**own))


# ---- X ----------------------------------------------------------------------------


def changed(i, item):
    result = list(X)
    result[i] = item
    return result


def with_value(i, t, f, value):
    item = X[i].copy()
    item[t, f] = value
    return changed(i, item)


def steps(*arrays):
    return np.concatenate(arrays, axis=1)


def masked(shape):
    return np.ma.MaskedArray(np.ones(shape), mask=np.zeros(shape, bool))


DIMENSIONS = r"dim|dimension|shape|Reshape"
# Beside what test_sequences lists, without what only a first call could read.
BAD_X = {
    key: case for key, case in MALFORMED.items() if not hasattr(case[0], "__next__")
} | {
    "generator": (lambda: (x for x in X), "got generator"),
    "iterator": (lambda: iter(X), "got list_iterator"),
    "zip": (lambda: zip(X, X), "got zip"),
    "function": (lambda: len, "got builtin_function"),
    "estimator": (LSTMClassifier(), "got LSTMClassifier"),
    "one item 3-D": (changed(4, np.ones((1, 2, 2))), "Sample 4 is an array with 3"),
    "one item 0-D": (changed(4, np.array(1.0)), "Sample 4 is an array with 0"),
    "one item 1-D": (changed(4, np.ones(2)), "Sample 4 has shape"),
    "one item a number": (changed(4, 2.0), "Sample 4"),
    "no samples SequenceArray": (SequenceArray.from_list(X)[:0], "0 sample"),
    "no columns DataFrame": (
        pd.DataFrame(index=range(N)),
        "0 feature|at least one array",
    ),
    "one sample of 3 features": (changed(7, np.ones((2, 3))), "Sample 7 has 3 feat"),
    "one sample of 1 feature": (changed(7, np.ones((2, 1))), "Sample 7 has 1 feat"),
    "last sample of 3 features": (changed(11, np.ones((0, 3))), "Sample 11 has 3"),
    "ragged steps": (changed(2, [[1, 2], [3]]), "Sample 2 cannot be read"),
    "ragged steps in objects": (
        changed(2, np.array([[1, 2], [3]], dtype=object)),
        "Sample 2 holds",
    ),
    "columns in another order": (
        [pd.DataFrame(x, columns=list("ab" if i else "ba")) for i, x in enumerate(X)],
        r"Sample 1 has the columns \['a', 'b'\]",
    ),
    "numbers as str 3-D": (np.full((N, 2, 2), "1.0"), "not numeric"),
    "item is str": (changed(5, "ab"), "Sample 5 is of type str"),
    "item is generator": (lambda: changed(5, (i for i in [1])), "Sample 5 is of type"),
    "item is function": (changed(5, len), "Sample 5"),
    "item holds str": (
        changed(5, np.array([[1, "a"]], dtype=object)),
        "Sample 5 holds",
    ),
    "item holds NA": (
        changed(5, np.array([[1.0, pd.NA]], dtype=object)),
        "NaN: sample 5, step 0, feature 1",
    ),
    "list of bytes": ([b"ab"] * N, "Sample 0 is of type bytes"),
    "DataFrame of categories": (
        pd.DataFrame({"a": pd.Categorical(["x"] * N)}),
        "convert string",
    ),
    "masked item": (changed(5, masked((2, 2))), "Sample 5 is a masked array"),
    "NaN at the end of item": (with_value(4, 4, 0, np.nan), "NaN: sample 4, step 4"),
    "NaN at the very first": (with_value(0, 0, 0, np.nan), "NaN: sample 0, step 0"),
    "NaN after empty": (
        with_value(4, 0, 0, np.nan),
        "NaN: sample 4, step 0, feature 0",
    ),
    "NaN at the very last": (
        with_value(11, 1, 1, np.nan),
        "sample 11, step 1, feature 1",
    ),
    "inf in item": (
        with_value(7, 5, 0, np.inf),
        "infinity.*sample 7, step 5, feature 0",
    ),
    "-inf in item": (with_value(7, 5, 1, -np.inf), "infinity.*sample 7, step 5"),
    "NaN in SequenceArray": (
        SequenceArray.from_list(with_value(4, 2, 1, np.nan)),
        "NaN: sample 4, step 2, feature 1",
    ),
    "inf in SequenceArray": (
        SequenceArray.from_list(with_value(4, 2, 1, np.inf)),
        "infinity.*sample 4, step 2, feature 1",
    ),
    "NaN DataFrame": (pd.DataFrame({"a": [np.nan] * N}), "NaN: sample 0"),
    "NA DataFrame": (
        pd.DataFrame({"a": pd.array([1, None] * 6, dtype="Int64")}),
        "NaN: sample 1",
    ),
    "leading NaN steps": (
        steps(np.full((N, 1, 2), np.nan), np.ones((N, 2, 2))),
        "NaN: sample 0, step 0, feature 0",
    ),
    "one feature of padding": (
        steps(np.ones((N, 2, 2)), np.tile([[[1.0, np.nan]]], (N, 1, 1))),
        "NaN: sample 0, step 2, feature 1",
    ),
    "inf in padding": (
        steps(np.ones((N, 2, 2)), np.full((N, 1, 2), np.inf)),
        "infinity.*sample 0, step 2, feature 0",
    ),
    "too large for float32": (with_value(4, 2, 1, 1e39), "too large.*sample 4, step 2"),
    "too large 3-D": (np.full((N, 2, 2), -1e300), "too large.*sample 0, step 0"),
    "huge integers": ([[10**400]] * N, "too large|infinity|convert|large"),
    "decimals not finite": ([[Decimal("Infinity")]] * N, "infinity.*sample 0"),
}


@every_estimator
@pytest.mark.parametrize("case", BAD_X)
def test_bad_x(Estimator, case):
    X_bad, match = BAD_X[case]
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(again(X_bad), y), match)
    kwargs = {"classes": [0, 1]} if is_classifier(Estimator()) else {}
    assert_refused(Estimator, lambda e: e.partial_fit(again(X_bad), y, **kwargs), match)
    fitted = fitted_copy(Estimator)
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(fitted, method):
            with pytest.raises((ValueError, TypeError), match=match):
                getattr(fitted, method)(again(X_bad))
    with pytest.raises((ValueError, TypeError), match=match):
        fitted.score(again(X_bad), y)
    assert_as_fitted(fitted)


@every_estimator
def test_names_partly_str(Estimator):
    X_bad = pd.DataFrame(np.ones((N, 2)), columns=["a", 1])
    match = "Feature names are only supported if all input features have string names"
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X_bad, y), match)


# What is valid in itself, but not what the estimator was fitted on.
OTHER_X = {
    "3 features": [np.ones((2, 3))] * N,
    "1 feature": [np.ones((2, 1))] * N,
    "vectors": [np.ones(2)] * N,
    "3-D": np.ones((N, 4, 3)),
    "padded": steps(np.ones((N, 4, 3)), np.full((N, 1, 3), np.nan)),
    "2-D": np.ones((N, 2)),
    "2-D of 3": np.ones((N, 3)),
    "SequenceArray": SequenceArray(np.ones((N, 4)), np.arange(N + 1)),
    "one sequence": X[4],
    "DataFrame": pd.DataFrame(np.ones((N, 2)), columns=["a", "b"]),
    "no steps": [np.empty((0, 3))] * N,
}


@every_estimator
@pytest.mark.parametrize("case", OTHER_X)
def test_other_features_than_at_fit(Estimator, case):
    match = f"X has [134] features, but {Estimator.__name__} is expecting 2 features"
    fitted = fitted_copy(Estimator)
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(fitted, method):
            with pytest.raises(ValueError, match=match):
                getattr(fitted, method)(OTHER_X[case])
    n = len(OTHER_X[case])
    for call in (
        lambda: fitted.partial_fit(OTHER_X[case], target(Estimator)[:n]),
        lambda: fitted.set_params(warm_start=True).fit(
            OTHER_X[case], target(Estimator)[:n]
        ),
    ):
        with pytest.raises(ValueError, match=match):
            call()
    fitted.set_params(warm_start=False)
    assert_as_fitted(fitted)


# ---- y ----------------------------------------------------------------------------


def objects(*items):
    result = np.empty(N, dtype=object)
    for i in range(N):
        result[i] = items[i % len(items)]
    return result


def replaced(y, value):
    return np.append(
        y[:-1], np.array([value], dtype=y.dtype if y.dtype == object else None)
    )


def as_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.matrix(LABELS).T


LENGTHS = r"inconsistent numbers of samples: \[12, "
Y_OF_BOTH = {
    "None": (None, "y.* None"),
    "number": (1, "scalar|dimension"),
    "str": ("abababababab", "scalar|dimension|convert string"),
    "dict": ({i: 1 for i in range(N)}, "scalar|dimension|'dict'"),
    "set": ({0, 1}, "scalar|dimension|'set'"),
    "generator": (
        lambda: (i % 2 for i in range(N)),
        "scalar|dimension|'generator'",
    ),
    "object": (object(), "scalar|dimension|'object'"),
    "empty": ([], r"0 sample|inconsistent numbers of samples: \[12, 0\]"),
    "too short": (LABELS[:-1], LENGTHS + "11"),
    "too long": (np.r_[LABELS, 0], LENGTHS + "13"),
    "one": ([1], LENGTHS + "1"),
    "too long 2-D": (np.ones((13, 2)), LENGTHS + "13"),
    "transposed": (np.tile(LABELS, (2, 1)), LENGTHS + "2"),
    "3-D": (LABELS.reshape(N, 1, 1), "dim 3"),
    "4-D": (LABELS.reshape(N, 1, 1, 1), "dim 4"),
    "no outputs": (np.empty((N, 0)), "0 feature|0 output"),
    "NaN": (replaced(LABELS, np.nan), "y contains NaN"),
    "inf": (replaced(LABELS, np.inf), "y contains infinity"),
    "-inf": (replaced(LABELS, -np.inf), "y contains infinity"),
    "NaN 2-D": (np.full((N, 2), np.nan), "y contains NaN"),
    "all NaN": (np.full(N, np.nan), "y contains NaN"),
    "complex": (LABELS * 1j, "Complex data not supported"),
    "complex 2-D": (np.c_[LABELS, LABELS] * 1j, "Complex data not supported"),
    "ragged": ([[1], [2, 3]] * 6, "inhomogeneous|sequence"),
    "sequences": (X, "inhomogeneous|sequence"),
    "SequenceArray": (SequenceArray.from_list(X), "sequences of unequal length"),
    "sparse": (sp.csr_array(np.c_[LABELS, 1 - LABELS]), "[Ss]parse"),
    "np.matrix": (as_matrix, "np.matrix"),
    "NaN in objects": (objects(0, 1, np.nan), "contains NaN"),
    "None in objects": (objects(0, 1, None), r"\by\b|label|NaN"),
    "NA": (pd.Series([0, 1, None] * 4, dtype="Int64"), "contains NaN|\\by\\b"),
    "mixed objects": (objects(1, "a"), "label|convert string|\\by\\b"),
    "dicts": (objects({"a": 1}), "label|\\by\\b|number|dict"),
    "lists in objects": (objects([1, 2]), "sequence|label|\\by\\b"),
}
Y_OF_CLASSIFIERS = {
    "continuous": (NUMBERS, "Unknown label type: continuous"),
    "continuous 2-D": (np.c_[NUMBERS, NUMBERS], "Unknown label type: continuous"),
    "probabilities": (np.full((N, 2), 0.5), "Unknown label type: continuous"),
    "one class": (np.zeros(N), "one class"),
    "one class of str": (["a"] * N, "one class.*'a'"),
    "several multiclass": (np.c_[LABELS, np.arange(N)], "MultiOutputClassifier"),
    "one-hot of 2": (
        np.c_[2 * LABELS, 2 - 2 * LABELS, LABELS],
        "MultiOutputClassifier",
    ),
    "bytes": (np.array([b"a", b"b"] * 6), "bytes"),
    "None and str": (objects("a", "b", None), r"\by\b|label"),
    "all None": ([None] * N, r"\by\b|label|class"),
    "table of str": (
        pd.DataFrame({"a": ["x", "y"] * 6, "b": ["u", "v", "w"] * 4}),
        "MultiOutputClassifier|label",
    ),
}
Y_OF_REGRESSORS = {
    "labels": (["a", "b"] * 6, "convert string"),
    "one label": (replaced(NUMBERS.astype(object), "a"), "convert string.*'a'"),
    "table of str": (np.full((N, 2), "a"), "convert string"),
    "datetime": (np.arange(N).astype("M8[s]"), "y.*datetime|numeric"),
    "timedelta": (np.arange(N).astype("m8[s]"), "y.*timedelta|numeric"),
    "too large": (objects(10**400, 1), "large|infinity|convert"),
    "None and numbers": (objects(1.0, None), "y contains NaN|None"),
    "categories": (pd.Categorical(["a", "b"] * 6), "convert string"),
}
BAD_Y = [
    *((E, case) for E in ESTIMATORS for case in Y_OF_BOTH),
    *((LSTMClassifier, case) for case in Y_OF_CLASSIFIERS),
    *((LSTMRegressor, case) for case in Y_OF_REGRESSORS),
]


@pytest.mark.parametrize("Estimator, case", BAD_Y)
def test_bad_y(Estimator, case):
    own = Y_OF_CLASSIFIERS if is_classifier(Estimator()) else Y_OF_REGRESSORS
    y, match = {**Y_OF_BOTH, **own}[case]
    assert_refused(Estimator, lambda e: e.fit(X, again(y)), match)
    kwargs = {"classes": [0, 1]} if is_classifier(Estimator()) else {}
    if case == "one class":  # of those that classes name
        return
    match += "|not in classes|another kind"
    assert_refused(Estimator, lambda e: e.partial_fit(X, again(y), **kwargs), match)


# ---- sample_weight ----------------------------------------------------------------

BAD_WEIGHT = {
    "negative": (replaced(ONES, -1), "sample_weight: sample 11 has weight -1"),
    "barely negative": (replaced(ONES, -1e-300), "sample_weight: sample 11 has"),
    "all negative": (-ONES, "sample_weight: sample 0 has weight -1"),
    "NaN": (replaced(ONES, np.nan), "sample_weight contains NaN"),
    "inf": (replaced(ONES, np.inf), "sample_weight contains infinity"),
    "-inf": (replaced(ONES, -np.inf), "sample_weight contains infinity"),
    "all zero": (0 * ONES, "[Aa]ll.*weights are zero"),
    "too short": (ONES[1:], r"sample_weight has shape \(11,\), expected \(12,\)"),
    "too long": (np.ones(13), r"sample_weight has shape \(13,\), expected \(12,\)"),
    "empty": ([], "sample_weight|0 sample"),
    "one": ([1.0], r"sample_weight has shape \(1,\)"),
    "column": (ONES[:, np.newaxis], r"sample_weight has shape \(12, 1\)"),
    "row": (ONES[np.newaxis], r"sample_weight has shape \(1, 12\)"),
    "table": (np.ones((N, 2)), r"sample_weight has shape \(12, 2\)"),
    "3-D": (np.ones((N, 1, 1)), "dim 3|sample_weight has shape"),
    "str": ("balanced", "balanced|sample_weight"),
    "array of str": (["a"] * N, "'a'|sample_weight"),
    "mixed objects": (objects(1, "a"), "'a'|sample_weight"),
    "None in objects": (objects(1, None), "sample_weight contains NaN"),
    "dict": ({0: 1, 1: 2}, "dict|sample_weight"),
    "complex": (ONES * 1j, "Complex data not supported"),
    "sparse": (sp.csr_array(ONES[np.newaxis]), "[Ss]parse"),
    "ragged": ([[1], [2, 3]] * 6, "inhomogeneous|sequence"),
    "sequences": (SequenceArray.from_list(X), "sequences of unequal length"),
    "negative number": (-2.0, "sample_weight: sample 0 has weight -2"),
    "number NaN": (np.nan, "sample_weight contains NaN"),
    "number inf": (np.inf, "sample_weight contains infinity"),
    "number zero": (0, "[Aa]ll.*weights are zero"),
    "generator": (lambda: (1.0 for _ in range(N)), "generator|scalar|sample_weight"),
}


@every_estimator
@pytest.mark.parametrize("case", BAD_WEIGHT)
def test_bad_sample_weight(Estimator, case):
    weight, match = BAD_WEIGHT[case]
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y, again(weight)), match)
    kwargs = {"classes": [0, 1]} if is_classifier(Estimator()) else {}
    assert_refused(
        Estimator, lambda e: e.partial_fit(X, y, again(weight), **kwargs), match
    )


# ---- validation data --------------------------------------------------------------

# What the message has to name, that nobody looks for the fault in X and y.
VALIDATION = {
    "X_val alone": ({"X_val": X}, "X_val and y_val must be given together"),
    "y_val alone": ({"y_val": LABELS}, "X_val and y_val must be given together"),
    "weight alone": ({"sample_weight_val": ONES}, "sample_weight_val"),
    "X_val empty": ({"X_val": [], "y_val": []}, "X_val"),
    "X_val of 3 features": (
        {"X_val": [np.ones((2, 3))] * N, "y_val": LABELS},
        "X_val(.|\n)*3 features",
    ),
    "X_val NaN": (
        {"X_val": with_value(4, 2, 1, np.nan), "y_val": LABELS},
        "X_val(.|\n)*sample 4, step 2",
    ),
    "X_val str": ({"X_val": "abc", "y_val": LABELS}, "X_val"),
    "lengths": ({"X_val": X, "y_val": LABELS[:5]}, r"X_val|y_val|\[12, 5\]"),
    "y_val None inside": ({"X_val": X, "y_val": objects(0, None)}, "y_val"),
    "y_val NaN": ({"X_val": X, "y_val": np.full(N, np.nan)}, "y_val"),
    "y_val sequences": ({"X_val": X, "y_val": X}, "y_val|inhomogeneous"),
    "y_val other outputs": (
        {"X_val": X, "y_val": np.tile(LABELS[:, np.newaxis], 3)},
        "y_val",
    ),
    "weight negative": (
        {"X_val": X, "y_val": LABELS, "sample_weight_val": -ONES},
        "sample_weight_val",
    ),
    "weight too short": (
        {"X_val": X, "y_val": LABELS, "sample_weight_val": ONES[1:]},
        r"sample_weight_val(.|\n)*\(11,\)",
    ),
    "weight NaN": (
        {"X_val": X, "y_val": LABELS, "sample_weight_val": np.nan * ONES},
        "sample_weight_val",
    ),
    "weight zero": (
        {"X_val": X, "y_val": LABELS, "sample_weight_val": 0 * ONES},
        "sample_weight_val|weights are zero",
    ),
}
VALIDATION_OF_CLASSIFIERS = {
    "y_val unknown label": ({"X_val": X, "y_val": LABELS + 1}, "y_val|not in classes"),
    "y_val str": ({"X_val": X, "y_val": LABELS.astype(str)}, "y_val|not in classes"),
    "y_val continuous": ({"X_val": X, "y_val": NUMBERS}, "y_val|Unknown label type"),
}
VALIDATION_OF_REGRESSORS = {
    "one sample": ({"X_val": X[:1], "y_val": LABELS[:1]}, "at least 2|too small|X_val"),
    "y_val str": ({"X_val": X, "y_val": ["a"] * N}, "y_val|convert string"),
}
BAD_VALIDATION = [
    *((E, case) for E in ESTIMATORS for case in VALIDATION),
    *((LSTMClassifier, case) for case in VALIDATION_OF_CLASSIFIERS),
    *((LSTMRegressor, case) for case in VALIDATION_OF_REGRESSORS),
]


@pytest.mark.parametrize("Estimator, case", BAD_VALIDATION)
def test_bad_validation_data(Estimator, case):
    own = (
        VALIDATION_OF_CLASSIFIERS
        if is_classifier(Estimator())
        else VALIDATION_OF_REGRESSORS
    )
    kwargs, match = {**VALIDATION, **own}[case]
    assert_refused(
        Estimator,
        lambda e: e.fit(X, target(Estimator), **kwargs),
        match,
        {"early_stopping": True},
    )


@every_estimator
def test_validation_data_without_early_stopping(Estimator):
    y = target(Estimator)
    assert_refused(
        Estimator, lambda e: e.fit(X, y, X_val=X, y_val=y), "early_stopping=True"
    )
    assert_refused(
        Estimator, lambda e: e.fit(X, y, sample_weight_val=ONES), "sample_weight_val"
    )


GROUPS = np.arange(N) // 3
BAD_GROUPS = {
    "too short": (GROUPS[1:], r"groups has shape \(11,\), expected \(12,\)"),
    "too long": (np.append(GROUPS, 0), r"groups has shape \(13,\)"),
    "2-D": (GROUPS[:, np.newaxis], r"groups has shape \(12, 1\)"),
    "3-D": (np.zeros((N, 2, 2)), "groups"),
    "a number": (3, "groups"),
    "a str": ("abc", "groups"),
    "a dict": ({0: 1}, "groups"),
    "empty": ([], "groups"),
    "sparse": (sp.csr_matrix(GROUPS), "groups"),
    "NaN": (np.where(GROUPS == 2, np.nan, GROUPS), "groups(.|\n)*NaN"),
    "inf": (np.where(GROUPS == 2, np.inf, GROUPS), "groups(.|\n)*infinity"),
    "None inside": (np.array([None, *"abcdefghijk"], dtype=object), "groups"),
    "str and numbers": (np.array([1, *"abcdefghijk"], dtype=object), "groups"),
    "sequences": (X, "groups"),
    "one group": (np.full(N, 7), "one group, groups=7"),
    "one group of str": (["me"] * N, "one group, groups='me'"),
}


@every_estimator
@pytest.mark.parametrize("case", BAD_GROUPS)
def test_bad_groups(Estimator, case):
    groups, match = BAD_GROUPS[case]
    y = target(Estimator)
    stopping = {"early_stopping": True}
    assert_refused(Estimator, lambda e: e.fit(X, y, groups=groups), match, stopping)


@every_estimator
def test_groups_where_they_have_no_use(Estimator):
    y = target(Estimator)
    assert_refused(
        Estimator,
        lambda e: e.fit(X, y, groups=GROUPS),
        "groups are passed to fit while early_stopping=False",
    )
    assert_refused(
        Estimator,
        lambda e: e.fit(X, y, groups=GROUPS, X_val=X, y_val=y),
        "groups are passed to fit together with X_val",
        {"early_stopping": True},
    )
    assert_refused(Estimator, lambda e: e.partial_fit(X, y, groups=GROUPS), "'groups'")


@every_estimator
def test_groups_that_cannot_be_split(Estimator):
    y = target(Estimator)
    for fraction, match in ((0.999, "0.999 of the 4 groups"), (0.1, "too small")):
        groups = GROUPS if fraction > 0.5 else np.arange(N)
        assert_refused(
            Estimator,
            lambda e, groups=groups: e.fit(X[:10], y[:10], groups=groups[:10]),
            match,
            {"early_stopping": True, "validation_fraction": fraction},
        )


@every_estimator
def test_early_stopping_where_it_cannot_be(Estimator):
    y = target(Estimator)
    stopping = {"early_stopping": True}
    kwargs = {"classes": [0, 1]} if is_classifier(Estimator()) else {}
    assert_refused(
        Estimator,
        lambda e: e.partial_fit(X, y, **kwargs),
        "partial_fit does not support early_stopping=True",
        stopping,
    )
    for n in (1, 2, 3):
        match = "early_stopping|validation|at least 2 classes"
        assert_refused(Estimator, lambda e, n=n: e.fit(X[:n], y[:n]), match, stopping)
    assert_refused(
        Estimator,
        lambda e: e.fit(X, y),
        "early_stopping|validation",
        {**stopping, "validation_fraction": 0.999},
    )


def test_class_of_one_sample_cannot_be_split():
    y = np.r_[LABELS[:-1], 2]
    assert_refused(
        LSTMClassifier,
        lambda e: e.fit(X, y),
        "early_stopping=True.*X_val",
        {"early_stopping": True, "validation_fraction": 0.4},
    )


# ---- classes and class weights ----------------------------------------------------

# At the first call, on a new estimator.
BAD_CLASSES = {
    "missing": (None, "classes must be passed"),
    "empty": ([], "classes"),
    "one": ([0], "class"),
    "number": (2, "class"),
    "str": ("ab", "class"),
    "dict": ({0: 1, 1: 2}, "class"),
    "set": ({0, 1}, "class"),
    "generator": (lambda: (i for i in (0, 1)), "class"),
    "NaN": ([0, 1, np.nan], "classes|NaN"),
    "None inside": ([0, 1, None], "classes"),
    "2-D": ([[0, 1], [2, 3]], "classes"),
    "ragged": ([[0], [1, 2]], "classes|inhomogeneous"),
    "mixed": (np.array([0, 1, "a"], dtype=object), "classes"),
    "without a label of y": ([0, 2], r"not in classes: \[1\]"),
    "without any label of y": ([5, 6], r"not in classes: \[0, 1\]"),
    "str for int": (["0", "1"], "not in classes|classes"),
    "booleans of another kind": (["True", "False"], "not in classes|classes"),
}


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_bad_classes(case):
    classes, match = BAD_CLASSES[case]
    estimator = small(LSTMClassifier)
    before = dict(vars(estimator))
    with pytest.raises((ValueError, TypeError), match=match):
        estimator.partial_fit(X, LABELS, classes=again(classes))
    assert vars(estimator) == before


# In a later call, on one that knows 0 and 1.
LATER = {
    "unknown label": ({"y": LABELS + 1}, r"not in classes: \[2\]"),
    "other kind of label": ({"y": LABELS.astype(str)}, "not in classes"),
    "other classes": ({"y": LABELS, "classes": [0, 1, 2]}, r"classes=\[0, 1, 2\]"),
    "fewer classes": ({"y": LABELS, "classes": [0]}, r"classes=\[0\]"),
    "classes of str": ({"y": LABELS, "classes": ["0", "1"]}, "classes="),
    "multilabel": ({"y": np.c_[LABELS, LABELS]}, "another kind"),
    "continuous": ({"y": NUMBERS}, "Unknown label type"),
}


@pytest.mark.parametrize("case", LATER)
def test_bad_later_call(case):
    kwargs, match = LATER[case]
    fitted = fitted_copy(LSTMClassifier)
    with pytest.raises(ValueError, match=match):
        fitted.partial_fit(X, **kwargs)
    if "classes" not in kwargs:
        with pytest.raises(ValueError, match=match):
            fitted.set_params(warm_start=True).fit(X, **kwargs)
        fitted.set_params(warm_start=False)
    assert_as_fitted(fitted)


def test_multilabel_of_other_outputs():
    y = np.c_[LABELS, 1 - LABELS]
    estimator = small(LSTMClassifier).fit(X, y)
    before = pickle.dumps(estimator)
    for other in (LABELS, np.c_[y, y], np.c_[y, y][:, :3]):
        with pytest.raises(ValueError, match="another kind"):
            estimator.partial_fit(X, other)
    assert pickle.dumps(estimator) == before
    with pytest.raises(ValueError, match="classes"):
        small(LSTMClassifier).partial_fit(X, y, classes=[0, 1, 2])


BAD_CLASS_WEIGHT = {
    "str": ("equal", "class_weight"),
    "number": (2.0, "class_weight"),
    "list": ([1.0, 2.0], "class_weight"),
    "set": ({1, 2}, "class_weight"),
    "negative": ({0: -1.0, 1: 1.0}, "class_weight"),
    "NaN": ({0: np.nan, 1: 1.0}, "class_weight"),
    "inf": ({0: np.inf, 1: 1.0}, "class_weight"),
    "weight of str": ({0: "a", 1: 1.0}, "class_weight|'a'"),
    "weight is None": ({0: None, 1: 1.0}, "class_weight|None"),
    "weight is a list": ({0: [1, 2], 1: 1.0}, "class_weight|sequence"),
    "unknown class": ({7: 1.0}, "class_weight"),
    "one unknown class": ({0: 1.0, 7: 1.0}, "class_weight"),
    "class of str": ({"0": 1.0, "1": 2.0}, "class_weight"),
    "all zero": ({0: 0.0, 1: 0.0}, "weights are zero|class_weight"),
}


@pytest.mark.parametrize("case", BAD_CLASS_WEIGHT)
def test_bad_class_weight(case):
    class_weight, match = BAD_CLASS_WEIGHT[case]
    params = {"class_weight": class_weight}
    assert_refused(LSTMClassifier, lambda e: e.fit(X, LABELS), match, params)
    assert_refused(
        LSTMClassifier,
        lambda e: e.partial_fit(X, LABELS, classes=[0, 1]),
        match,
        params,
    )


@pytest.mark.parametrize(
    "class_weight",
    [{0: 1, 1: 2}, [{0: 1, 1: 2}], [{0: 1, 1: 2}] * 3, [{0: -1, 1: 2}] * 2, [1, 2]],
)
def test_bad_class_weight_of_multilabel(class_weight):
    estimator = small(LSTMClassifier, class_weight=class_weight)
    before = dict(vars(estimator))
    match = "class_weight|should be a list of dicts|dict"
    with pytest.raises((ValueError, TypeError), match=match):
        estimator.fit(X, np.c_[LABELS, 1 - LABELS])
    assert vars(estimator) == before


# ---- calls and sizes --------------------------------------------------------------


@every_estimator
def test_calls_that_cannot_be(Estimator):
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X), "missing.*'y'")
    assert_refused(Estimator, lambda e: e.fit(), "missing.*'X'")
    assert_refused(Estimator, lambda e: e.partial_fit(X), "missing.*'y'")
    assert_refused(Estimator, lambda e: e.fit(X, y, lengths=[1]), "'lengths'")
    assert_refused(Estimator, lambda e: e.fit(X, y, None, X, y), "positional")
    fitted = fitted_copy(Estimator)
    with pytest.raises(TypeError, match="missing.*'X'"):
        fitted.predict()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.score(X, y[:-1])


def test_classes_are_no_argument_of_regressors():
    with pytest.raises(TypeError, match="'classes'"):
        small(LSTMRegressor).partial_fit(X, NUMBERS, classes=[0, 1])


@every_estimator
@pytest.mark.parametrize(
    "name, value", [(name, value) for name, values in INVALID for value in values]
)
def test_bad_parameters(Estimator, name, value):
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y), name, {name: value})


OF_FAMILIES = [
    *((LSTMRegressor, "forget_bias", v) for v in ("gers", None, np.nan, np.inf, [1.0])),
    *((LSTMClassifier, "peephole", v) for v in ("yes", None, 2)),
    *(
        (RNNClassifier, "activation", v)
        for v in ("sigmoid", "linear", None, 1, np.tanh)
    ),
]


@pytest.mark.parametrize("Estimator, name, value", OF_FAMILIES)
def test_bad_parameters_of_a_family(Estimator, name, value):
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y), name, {name: value})


COMBINATIONS = [
    ({"tbptt": 2, "bidirectional": True}, "tbptt=2 .*bidirectional=True.*tbptt=None"),
    *(
        ({"tbptt": 7, "pooling": p}, f"tbptt=7 .*pooling='{p}'.*pooling='last'")
        for p in ("mean", "max", "attention")
    ),
    (
        {"solver": "lbfgs", "tbptt": 3},
        "'lbfgs' does not support tbptt=3.*tbptt=None",
    ),
    (
        {"solver": "lbfgs", "dropout": 0.1},
        "'lbfgs' does not support dropout.*dropout=0",
    ),
    (
        {"solver": "lbfgs", "recurrent_dropout": 0.1},
        "'lbfgs' does not support dropout.*recurrent_dropout=0",
    ),
]


@pytest.mark.parametrize("Estimator", [LSTMClassifier, GRURegressor, RNNRegressor])
@pytest.mark.parametrize("params, match", COMBINATIONS)
def test_options_that_do_not_go_together(Estimator, params, match):
    """Told before X is looked at."""
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y), match, params)
    assert_refused(Estimator, lambda e: e.fit("no sequences", y), match, params)


@every_estimator
@pytest.mark.parametrize("size", [10**7, 10**10, 10**30])
def test_networks_of_absurd_size(Estimator, size):
    """No address space holds the weights of ten million units."""
    y = target(Estimator)
    for sizes in (size, (3, size), (size, 3)):
        estimator = small(Estimator).set_params(hidden_layer_sizes=sizes)
        before = dict(vars(estimator))
        with pytest.raises((ValueError, MemoryError), match="hidden_layer_sizes"):
            estimator.fit(X, y)
        assert vars(estimator) == before


def test_there_are_200_malformed_inputs():
    tables = [
        BAD_X, OTHER_X, Y_OF_BOTH, Y_OF_CLASSIFIERS, Y_OF_REGRESSORS, BAD_WEIGHT,
        VALIDATION, VALIDATION_OF_CLASSIFIERS, VALIDATION_OF_REGRESSORS, BAD_CLASSES,
        LATER, BAD_CLASS_WEIGHT,
    ]  # fmt: skip
    assert sum(map(len, tables)) >= 200


# ---- at random --------------------------------------------------------------------


CORRUPTIONS = {
    "NaN": lambda x, F: _with(x, np.nan),
    "inf": lambda x, F: _with(x, -np.inf),
    "feature": lambda x, F: np.ones((len(x), F + 1)),
    "rank": lambda x, F: x[np.newaxis],
    "None": lambda x, F: None,
    "str": lambda x, F: "x",
    "text": lambda x, F: np.full(x.shape, "x"),
    "complex": lambda x, F: x * 1j,
}


def _with(x, value):
    x = x.copy()
    x[-1, -1] = value
    return x


@every_estimator
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_one_bad_sample_among_random_ones(Estimator, data):
    """The message names the sample, wherever it stands."""
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=8))
    F = data.draw(st.integers(1, 4))
    assume(F == 1 or max(lengths) > 1)  # of which fit would warn
    rng = np.random.default_rng(0)
    clean = [rng.standard_normal((T, F)) for T in lengths]
    bad = data.draw(st.integers(1, len(lengths) - 1))  # sample 0 sets what is expected
    kind = data.draw(st.sampled_from(list(CORRUPTIONS)))
    dirty = [*clean[:bad], CORRUPTIONS[kind](clean[bad], F), *clean[bad + 1 :]]
    y = np.arange(len(clean)) % 2
    estimator = small(Estimator).fit(clean, y)
    before = pickle.dumps(estimator)
    match = rf"[Ss]ample {bad}\b"
    for call in (
        lambda: estimator.fit(dirty, y),
        lambda: estimator.partial_fit(dirty, y),
        lambda: estimator.predict(dirty),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            call()
    assert pickle.dumps(estimator) == before


@every_estimator
@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(2, 8), n_y=st.integers(0, 10), n_weight=st.integers(0, 10),
    seed=st.integers(0, 10),
)  # fmt: skip
def test_lengths_that_differ(Estimator, n, n_y, n_weight, seed):
    rng = np.random.default_rng(seed)
    sequences = [rng.standard_normal((T, 2)) for T in rng.integers(0, 4, n)]
    y, weight = np.arange(n_y) % 2, np.ones(n_weight)
    estimator = small(Estimator)
    if n_y == n == n_weight:
        estimator.fit(sequences, y, weight)
        return
    with pytest.raises(ValueError) as caught:
        estimator.fit(sequences, y, weight)
    message = str(caught.value)
    if 0 in (n_y, n_weight):
        assert "0 sample" in message or str([n, n_y]) in message
    elif n_y != n:
        assert f"[{n}, {n_y}]" in message
    else:
        assert f"({n_weight},)" in message and f"({n},)" in message
    assert vars(estimator).keys() == estimator.get_params().keys()


@every_estimator
@settings(deadline=None, max_examples=150)
@given(
    ranks=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    widths=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    seed=st.integers(0, 2**16),
)
def test_any_mixture_of_arrays(Estimator, ranks, widths, seed):
    """Valid or refused with a message, and never anything else."""
    rng = np.random.default_rng(seed)
    items = []
    for i, rank in enumerate(ranks):
        shape = [widths[(i + k) % len(widths)] for k in range(rank)]
        items.append(rng.choice([0.5, 1, np.nan], p=[0.6, 0.39, 0.01], size=shape))
    y = rng.permutation(len(items)) % 2
    estimator = Estimator(2, max_iter=1)
    try:
        estimator.fit(items, y)
    except (ValueError, TypeError) as error:
        assert len(str(error)) > 20
        assert not hasattr(estimator, "n_features_in_")
        return
    assert len({item.shape[1] for item in items if item.ndim == 2}) <= 1
    assert np.isfinite(estimator.weights_["head_weight"]).all()
    assert len(estimator.predict(items)) == len(items)


ANYTHING = st.one_of(
    hnp.arrays(
        dtype=st.one_of(
            hnp.floating_dtypes(endianness="?"),
            hnp.integer_dtypes(endianness="?"),
            hnp.complex_number_dtypes(),
            hnp.boolean_dtypes(),
            hnp.datetime64_dtypes(),
            hnp.unicode_string_dtypes(max_len=3),
        ),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    st.recursive(
        st.one_of(
            st.floats(), st.integers(), st.text(max_size=2), st.none(), st.booleans()
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.tuples(inner, inner),
            st.dictionaries(st.integers(0, 3), inner, max_size=2),
        ),
        max_leaves=12,
    ),
)


def number_of_samples(anything):
    try:
        return len(anything)
    except TypeError:
        return 2


@every_estimator
@settings(deadline=None, max_examples=300)
@given(X_any=ANYTHING)
def test_anything_as_x(Estimator, X_any):
    """A clear error or a finite prediction for each sample, and nothing else."""
    n = number_of_samples(X_any)
    y = np.arange(max(n, 2)) % 2
    estimator = small(Estimator)
    before = dict(vars(estimator))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X_any, y)
    except (ValueError, TypeError) as error:
        assert str(error)
        assert vars(estimator) == before
        return
    predicted = estimator.predict(X_any)
    assert predicted.shape == (n,)
    assert np.isfinite(predicted).all()


@every_estimator
@settings(deadline=None, max_examples=300)
@given(y_any=ANYTHING)
def test_anything_as_y(Estimator, y_any):
    estimator = small(Estimator)
    n = number_of_samples(y_any)
    sequences = (X * 2)[: max(n, 1)]
    before = dict(vars(estimator))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(sequences, y_any)
    except (ValueError, TypeError) as error:
        assert str(error)
        assert vars(estimator) == before
        return
    predicted = estimator.predict(sequences)
    assert len(predicted) == len(sequences)
    assert predicted.dtype.kind != "f" or np.isfinite(predicted).all()
