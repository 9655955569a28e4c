"""What is refused, by what is wrong with it, and the message."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sklstm import GRURegressor, LSTMClassifier, LSTMRegressor, RNNClassifier
from sklstm.sequences import SequenceArray

INVALID = [
    ("bidirectional", ["yes", None, 2]),
    ("pooling", ["min", "attn", None, 1, True]),
    ("dropout", [-0.1, 1, 1.0, 2, "a", None, np.nan, [0.5]]),
    ("recurrent_dropout", [-0.1, 1, 1.0, "a", None, np.nan]),
    ("tbptt", [0, -1, 2.5, "a", np.inf]),
    ("hidden_layer_sizes", [0, -3, (), (4, 0), (4, 2.5), 4.0, "64", None, [[3], [4]]]),
    ("solver", ["newton-cg", None, 1]),
    ("alpha", [-1e-9, "a", None, np.nan]),
    ("batch_size", [0, -1, 2.5, None, "big"]),
    ("learning_rate", ["step", None]),
    ("learning_rate_init", [0, -1.0, None, np.nan]),
    ("power_t", [-1, "a"]),
    ("max_iter", [0, 1.5, None]),
    ("max_fun", [0, 1.5, None]),
    ("max_grad_norm", [0, -1, "a"]),
    ("shuffle", ["yes", 2]),
    ("random_state", ["a", -1]),
    ("tol", [-1e-4, None]),
    ("n_iter_no_change", [0, 1.5]),
    ("early_stopping", ["yes", 2]),
    ("validation_fraction", [0, 1, 5]),
    ("momentum", [-0.1, 1.1]),
    ("nesterovs_momentum", ["yes"]),
    ("beta_1", [-0.1, 1]),
    ("beta_2", [-0.1, 1]),
    ("epsilon", [0, -1]),
    ("warm_start", ["yes"]),
    ("verbose", ["yes", -1]),
    ("dtype", ["float16", "int32", int, None, np.float16, np.dtype("i4")]),
    ("missing", ["drop", None, True, np.nan]),
    ("embedding_dim", [0, -3, 2.5, "wide", [], [4, 0], [[3]], np.nan, True]),
    ("embedding_weights", ["glove", 3, np.ones((4, 2)), {"a": [1.0]}]),
    ("embedding_trainable", ["yes", None, 2]),
    ("categorical_features", ["all", 3, [0], ["a"], "from_dtype"]),
]


# ---- sequences of all estimators ---------------------------------------------------


ones = np.ones


def _masked(shape):
    return np.ma.masked_array(ones(shape), mask=False)


def a_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(np.ones((2, 2)))


NO_SEQUENCES = "Expected sequences as"
RESHAPE = "Reshape your data"
MALFORMED = {
    # no container of sequences
    "None": (None, NO_SEQUENCES),
    "str": ("abc", NO_SEQUENCES),
    "bytes": (b"abc", NO_SEQUENCES),
    "dict": ({"a": ones(3)}, NO_SEQUENCES),
    "dict of int": ({0: ones((3, 2))}, NO_SEQUENCES),
    "empty dict": ({}, NO_SEQUENCES),
    "set": ({1, 2}, NO_SEQUENCES),
    "frozenset": (frozenset([1]), NO_SEQUENCES),
    "generator": ((ones((3, 2)) for _ in range(2)), r"Pass list\(X\)"),
    "iterator": (iter([ones((3, 2))]), r"Pass list\(X\)"),
    "map": (map(np.ones, [3]), r"Pass list\(X\)"),
    "zip": (zip([1], [2], strict=True), r"Pass list\(X\)"),
    "dict values": ({"a": ones((3, 2))}.values(), r"Pass list\(X\)"),
    "object": (object(), NO_SEQUENCES),
    "class": (int, NO_SEQUENCES),
    "function": (len, NO_SEQUENCES),
    "ellipsis": (..., NO_SEQUENCES),
    "slice": (slice(3), NO_SEQUENCES),
    "bytearray": (bytearray(b"abc"), RESHAPE),
    # wrong rank
    "int": (3, RESHAPE),
    "float": (3.0, RESHAPE),
    "bool": (True, RESHAPE),
    "numpy scalar": (np.float32(3), RESHAPE),
    "0-D": (np.array(3.0), RESHAPE),
    "1-D": (ones(4), RESHAPE),
    "1-D int": (np.arange(4), RESHAPE),
    "1-D object": (np.array([1, 2.5, 3], dtype=object), RESHAPE),
    "list of numbers": ([1, 2, 3], RESHAPE),
    "list of numpy scalars": ([np.float64(1), np.float64(2)], RESHAPE),
    "tuple of numbers": ((1.0, 2.0), RESHAPE),
    "range": (range(4), RESHAPE),
    "Series": (pd.Series([1.0, 2.0]), RESHAPE),
    "Index": (pd.Index([1.0, 2.0]), RESHAPE),
    "4-D": (ones((2, 2, 2, 2)), "dim 4.*dim <= 3"),
    "5-D": (ones((1, 1, 1, 1, 1)), "dim 5.*dim <= 3"),
    "items 0-D": ([np.array(1.0)], "Sample 0 .*0 dimension"),
    "items 3-D": ([ones((2, 2, 2))], "Sample 0 .*3 dimension"),
    "(X, y)": ((ones((3, 4, 2)), ones(3)), "Sample 0 .*3 dimension"),
    "nested 4": ([[[[1.0]]]], "Sample 0 .*3 dimension"),
    "item 4-D": ([ones((2, 2)), ones((2, 2, 1, 1))], "Sample 1 .*4 dimension"),
    "2-D then 3-D": ([ones((2, 2)), ones((2, 2, 2))], "Sample 1 .*3 dimension"),
    "2-D then scalar": ([ones((2, 2)), 3.0], "Sample 1 .*0 dimension"),
    "2-D then 1-D": ([ones((2, 2)), ones(3)], "Sample 1 has shape"),
    "1-D then 2-D": ([ones(3), ones((2, 2))], "Sample 1 has shape"),
    "late 1-D": ([ones((2, 1))] * 5 + [ones(2)], "Sample 5 has shape"),
    # empty
    "list": ([], r"0 sample\(s\) .*minimum of 1 is required"),
    "tuple": ((), r"0 sample\(s\) .*minimum of 1 is required"),
    "object array": (np.empty(0, object), r"0 sample\(s\)"),
    "(0,)": (np.empty(0), RESHAPE),
    "(0, T)": (ones((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\)"),
    "(0, T, F)": (ones((0, 3, 2)), r"0 sample\(s\) \(shape=\(0, 3, 2\)\)"),
    "empty SequenceArray": (SequenceArray(ones((0, 2)), [0]), r"0 sample\(s\)"),
    "DataFrame (0, 1)": (pd.DataFrame({"a": np.empty(0)}), r"0 sample\(s\)"),
    "DataFrame (0, 0)": (pd.DataFrame(), r"0 sample\(s\) \(shape=\(0, 0\)\)"),
    "(n, 0)": (ones((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1"),
    "(n, T, 0)": (ones((3, 4, 0)), r"0 feature\(s\) \(shape=\(3, 4, 0\)\)"),
    "(n, 0, 0)": (ones((3, 0, 0)), r"0 feature\(s\)"),
    "items (T, 0)": ([ones((3, 0))], r"0 feature\(s\)"),
    "items (0, 0)": ([ones((0, 0))], r"0 feature\(s\)"),
    "[[], []]": ([[], []], r"0 feature\(s\)"),
    "SequenceArray F=0": (SequenceArray(ones((3, 0)), [0, 3]), r"0 feature\(s\)"),
    # ragged features
    "F differs": ([ones((2, 2)), ones((2, 3))], "Sample 1 has 3 features, but 2"),
    "F differs late": ([ones((2, 2))] * 7 + [ones((2, 1))], "Sample 7 has 1 features"),
    "F differs, no steps": ([ones((2, 2)), ones((0, 3))], "Sample 1 has 3 features"),
    "steps differ": ([[[1, 2], [3]]], "Sample 0 cannot be read"),
    "steps differ later": ([[[1, 2]], [[1, 2], [3]]], "Sample 1 cannot be read"),
    "step and number": ([[[1, 2], 3]], "Sample 0 cannot be read"),
    "ragged object": ([np.array([[1, 2], [3]], dtype=object)], "Sample 0 .*ragged"),
    "columns differ": (
        [pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [1], "a": [2]})],
        r"Sample 1 has the columns \['b', 'a'\]",
    ),
    # no numbers
    "str 2-D": (np.array([["a", "b"]]), "numeric"),
    "digits as str": (np.array([["1", "2"]]), "numeric"),
    "bytes 2-D": (np.array([[b"a", b"b"]]), "numeric"),
    "str 3-D": (np.full((1, 2, 2), "a"), "X is not numeric"),
    "list of str": (["ab", "cd"], "Sample 0 is of type str"),
    "list of bytes": ([b"ab", b"cd"], "Sample 0 is of type bytes"),
    "lists of str": ([["a", "b"], ["c", "d"]], "numeric"),
    "ragged str": ([["a"], ["c", "d"]], "Sample 0 is not numeric"),
    "str item": ([ones((2, 2)), "a"], "Sample 1 is of type str"),
    "str arrays": ([ones(2), np.array(["a"])], "Sample 1 is not numeric"),
    "None item": ([ones((2, 2)), None], "Sample 1 is of type NoneType"),
    "dict item": ([ones((2, 2)), {"a": 1}], "Sample 1 is of type dict"),
    "set item": ([ones(2), {1, 2}], "Sample 1 is of type set"),
    "generator item": ([ones(2), (i for i in range(2))], "Sample 1 is of type gen"),
    "object item": ([ones(2), object()], "Sample 1 "),
    "list of dicts": ([{"a": 1}, {"a": 2}], "Sample 0 is of type dict"),
    "list of None": ([None, None], RESHAPE),
    "dict in object 2-D": (np.array([[{"a": 1}, 2]], object), "number, not 'dict'"),
    "dict in object 3-D": (np.array([[[{"a": 1}]]], object), "not numbers"),
    "dict in item": ([np.array([[{}]], object)], "Sample 0 holds"),
    "str in item": ([[1, 2], [1, "a", 2]], "Sample 1 is not numeric"),
    "str in object item": ([[1, 2], np.array([1, "a"], object)], "Sample 1 holds"),
    "mixed object 2-D": (np.array([[1, "a"]], object), "could not convert string"),
    "list in object 2-D": (np.array([[[1, 2], 3]], object), "sequence"),
    "NA in item": (
        [np.array([[1.0, pd.NA]], object)],
        "NaN: sample 0, step 0, feature 1",
    ),
    "datetime 2-D": (np.zeros((2, 2), "M8[s]"), "X is not numeric"),
    "datetime 3-D": (np.zeros((2, 2, 2), "M8[s]"), "X is not numeric"),
    "timedelta items": ([np.zeros((2, 2), "m8[s]")], "Sample 0 is not numeric"),
    "structured": (np.zeros((2, 2), [("a", float)]), "numeric"),
    "structured items": ([np.zeros((2, 2), [("a", float)])], "Sample 0 is not numeric"),
    "void": (np.zeros((2, 2), "V4"), "numeric"),
    "DataFrame of str": (pd.DataFrame({"a": ["x"]}), "could not convert string"),
    "DataFrames of str": ([pd.DataFrame({"a": ["x"]})], "Sample 0 holds"),
    "complex 2-D": (ones((2, 2)) * 1j, "Complex data not supported"),
    "complex 3-D": (ones((2, 2, 2)) * 1j, "Complex data not supported"),
    "complex item": ([ones((2, 2)), ones((3, 2)) * 1j], "Complex data.*\n.*Sample 1"),
    "complex numbers": ([[1j, 2], [3, 4]], "Complex data not supported"),
    # containers whose meaning would be lost
    "sparse matrix": (sp.csr_matrix(ones((2, 2))), "dense data is required"),
    "sparse array": (sp.coo_array(ones((2, 2))), "dense data is required"),
    "sparse items": ([ones((2, 2)), sp.csr_array(ones((2, 2)))], "Sample 1 is sparse"),
    "masked 2-D": (_masked((2, 2)), "masked array"),
    "masked 3-D": (_masked((2, 2, 2)), "masked array.*filled"),
    "masked 1-D": (_masked(2), "masked array"),
    "masked item": ([ones((2, 2)), _masked((2, 2))], "Sample 1 is a masked array"),
    "matrix": (a_matrix(), "np.matrix is not supported"),
    # numbers that are not finite
    "NaN 2-D": (np.array([[1, np.nan]]), "NaN: sample 0, step 1, feature 0"),
    "None in 2-D": ([[1, None], [2, 3]], "NaN: sample 0, step 1, feature 0"),
    "NaN first step": (
        np.array([[[np.nan], [1.0]]]),
        "NaN: sample 0, step 0, feature 0",
    ),
    "NaN at the end of an item": (
        [ones((2, 1)), np.array([[1], [np.nan]])],
        "NaN: sample 1, step 1, feature 0",
    ),
    "inf 2-D": (np.array([[1, 2], [3, np.inf]]), "infinity.*sample 1, step 1"),
    "-inf 3-D": (np.array([[[1, -np.inf]]]), "infinity.*sample 0, step 0, feature 1"),
    "inf as float16": (np.array([[[np.inf]]], np.float16), "infinity"),
    "inf in a list": ([[1, 2, 3], [float("inf")]], "infinity.*sample 1, step 0"),
}


ESTIMATORS = [LSTMClassifier, GRURegressor]

N = 12
RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in [3, 1, 4, 0, 5, 2, 2, 6, 1, 3, 4, 2]]
LABELS = np.arange(N) % 2
NUMBERS = RNG.standard_normal(N)
ONES = np.ones(N)


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

# Beside what test_check_sequences tries, without what only a first call could read.
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
    "several multiclass": (np.c_[LABELS, np.arange(N)], "Multi.*LSTMTagger"),
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


# ---- calls and sizes --------------------------------------------------------------


OF_FAMILIES = [
    *((LSTMRegressor, "forget_bias", v) for v in ("gers", None, np.nan, np.inf, [1.0])),
    *((LSTMClassifier, "peephole", v) for v in ("yes", None, 2)),
    *(
        (RNNClassifier, "activation", v)
        for v in ("sigmoid", "linear", None, 1, np.tanh)
    ),
]

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
