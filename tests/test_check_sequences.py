"""The door: what check_sequences accepts, refuses and remembers."""

from collections import deque
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from malformed_cases import MALFORMED
from sequence_cases import assert_same, random_list
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing, resample

from sklstm.sequences import SequenceArray, _check, check_sequences
from sklstm.sequences._check import validate_sequences

pytestmark = pytest.mark.filterwarnings("error")

# ---- the quick look ----------------------------------------------------------------


def unaligned(array):
    memory = np.empty(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[:] = array
    return view


def with_value(array, value, place=(0, 1, 1)):
    array = array.copy()
    array[place] = value
    return array


X_3D = np.random.default_rng(0).standard_normal((3, 4, 2))
AT_A_GLANCE = {
    "3-D": X_3D,
    "one": X_3D[:1],
    "2-D": X_3D[:, :, 0].copy(),
    "one 2-D": X_3D[:1, :, 0].copy(),
    "list of one": [X_3D[0]],
    "SequenceArray": SequenceArray.from_list([X_3D[0], X_3D[1, :2], X_3D[2, :0]]),
    "with names": SequenceArray(X_3D[0], [0, 3, 4], ["a", "b"]),
    "large": with_value(X_3D, 1e18),
    "tiny": X_3D * 1e-310,
}
LOOKED_AT = {
    "padded": with_value(X_3D, np.nan, (1, slice(2, None))),
    "all padding": with_value(X_3D, np.nan, 1),
    "NaN": with_value(X_3D, np.nan),
    "infinity": with_value(X_3D, -np.inf),
    "too large": with_value(X_3D, 1e39),
    "squares that are none": with_value(X_3D, 1e200),
    "NaN in 2-D": with_value(X_3D[:, :, 0], np.nan, (0, 3)),
    "NaN at the end in a list": [with_value(X_3D[0], np.nan, 3)],
    "NaN in a SequenceArray": SequenceArray(
        with_value(X_3D[0], np.nan, (3, 1)), [0, 4]
    ),
    "no samples": X_3D[:0],
    "no steps": X_3D[:, :0],
    "no features": X_3D[:, :, :0],
    "no steps in 2-D": X_3D[:, :0, 0],
    "no steps in a list": [X_3D[0, :0]],
    "transposed": X_3D.transpose(0, 2, 1),
    "every other step": X_3D[:, ::2],
    "anywhere": unaligned(X_3D),
    "other byte order": X_3D.astype(">f8"),
    "integers": np.arange(24).reshape(3, 4, 2),
    "4-D": X_3D[np.newaxis],
    "1-D": X_3D[0, 0],
    "0-D": np.array(1.0),
    "list of a vector": [X_3D[0, 0].copy()],
    "list of 3-D": [X_3D],
    "tuple": (X_3D[0],),
    "list of two": [X_3D[0], X_3D[1]],
    "masked": np.ma.masked_less(X_3D, 0),
    "memory of a file": X_3D.view(np.memmap),
    "many": np.zeros((3, 20_000, 2)),
}


def outcome(X, **options):
    """Whatever comes of it, as text and bits."""
    try:
        sequences, n_steps = _check._convert(X, *options.values())
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    assert sequences.data.flags.c_contiguous and sequences.data.flags.aligned
    parts = sequences.data, sequences.offsets
    bits = [(part.tobytes(), part.shape, part.dtype) for part in parts]
    return bits, sequences.feature_names, n_steps


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "float16"])
@pytest.mark.parametrize("allow_nan", [False, True])
@pytest.mark.parametrize("minimum", [1, 4])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", [*AT_A_GLANCE, *LOOKED_AT])
def test_a_glance_sees_what_a_look_sees(
    name, single, minimum, allow_nan, dtype, monkeypatch
):
    X = {**AT_A_GLANCE, **LOOKED_AT}[name]
    if single:
        with np.errstate(over="ignore"):
            if type(X) in (list, tuple):
                X = type(X)(x.astype(np.float32) for x in X)
            else:
                X = X.astype(np.float32)
    options = {"dtype": dtype, "allow_nan": allow_nan, "ensure_min_samples": minimum}
    with np.errstate(under="raise"):
        found = outcome(X, **options)
        monkeypatch.setattr(_check, "_at_a_glance", lambda X, dtype: None)
        assert outcome(X, **options) == found


def test_a_glance_is_enough_for_what_is_usual():
    for name, X in AT_A_GLANCE.items():
        for dtype in (None, *map(np.dtype, ("float32", "float64"))):
            assert _check._at_a_glance(X, dtype) is not None, name
    for name, X in LOOKED_AT.items():
        assert _check._at_a_glance(X, np.dtype("float32")) is None, name


# ---- what check_sequences accepts -------------------------------------------------


A = np.arange(12.0).reshape(2, 3, 2)


@pytest.mark.parametrize(
    "X",
    [
        A,
        A.astype(np.int64),
        A.astype(np.uint8),
        A.astype(np.float16),
        A.astype(np.longdouble),
        A.astype(object),
        A.astype(">f8"),
        np.asfortranarray(A),
        np.repeat(A, 2, axis=1)[:, ::2],
        np.concatenate([A, np.full((2, 2, 2), np.nan)], axis=1),
        list(A),
        tuple(A),
        deque(A),
        A.tolist(),
        [A[0].tolist(), A[1]],
        [A[0], A[1].astype(int)],
        [A[0], np.asfortranarray(A[1])],
        [A[0].astype(object), A[1]],
        [[[Decimal(v) for v in row] for row in s] for s in A.tolist()],
        [pd.DataFrame(s) for s in A],
        [pd.DataFrame(A[0]), A[1]],
        SequenceArray(A.reshape(6, 2), [0, 3, 6]),
        pd.Series(list(A)),
    ],
    ids=lambda X: type(X).__name__,
)
def test_accepted_forms(X):
    assert_same(check_sequences(X), list(A))
    assert_same(check_sequences(X, dtype="float32"), list(A.astype(np.float32)))


def test_object_array_of_ragged_sequences():
    X = np.empty(2, dtype=object)
    X[:] = random_list([2, 5])
    assert_same(check_sequences(X), list(X))


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2, 3], [4]],
        [np.array([1.0, 2, 3]), np.array([4.0])],
        [pd.Series([1, 2, 3]), pd.Series([4])],
        ([1, 2, 3], (4,)),
        [np.array([[1.0], [2], [3]]), np.array([[4.0]])],
        np.array([[[1], [2], [3]], [[4], [np.nan], [np.nan]]]),
    ],
)
def test_univariate_ragged(X):
    assert_same(check_sequences(X), [np.array([[1.0], [2], [3]]), np.array([[4.0]])])


@pytest.mark.parametrize("kind", [np.array, list, pd.DataFrame, tuple])
def test_two_dimensional_is_n_univariate_sequences(kind):
    rows = [[1, 2, 3], [4, 5, 6]]
    X = check_sequences(kind(rows))
    assert_same(X, [np.array(row, dtype=float)[:, None] for row in rows])


def test_bool_is_a_number():
    assert check_sequences(np.ones((2, 3, 1), bool)).dtype == np.float64


@pytest.mark.parametrize(
    ("X", "lengths", "n_features"),
    [
        ([np.empty((0, 3))], [0], 3),
        ([np.empty(0), np.empty(0)], [0, 0], 1),
        ([np.ones(2), []], [2, 0], 1),
        ([np.ones((2, 4)), [], np.empty((0, 4))], [2, 0, 0], 4),
        ([[], np.ones((2, 4))], [0, 2], 4),
        ([[[1, 2]], []], [1, 0], 2),
        (np.empty((3, 0, 2)), [0, 0, 0], 2),
        (np.full((2, 3, 2), np.nan), [0, 0], 2),
    ],
)
def test_sequences_of_no_steps(X, lengths, n_features):
    S = check_sequences(X)
    np.testing.assert_array_equal(S.lengths, lengths)
    assert S.n_features == n_features


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_copy_where_none_is_needed(dtype):
    for X in (np.ones((4, 5, 3), dtype), np.ones((4, 5), dtype)):
        assert np.shares_memory(check_sequences(X).data, X)
        assert np.shares_memory(check_sequences(X, dtype=dtype).data, X)
        assert not np.shares_memory(check_sequences(X, copy=True).data, X)
        X.flags.writeable = False
        assert np.shares_memory(check_sequences(X).data, X)
    x = np.ones((5, 3), dtype)
    assert np.shares_memory(check_sequences([x]).data, x)
    S = check_sequences([x, x])
    assert check_sequences(S) is S
    assert check_sequences(S, dtype=dtype) is S
    assert not np.shares_memory(check_sequences(S, copy=True).data, S.data)


def test_min_samples():
    assert len(check_sequences(np.ones((0, 3, 2)), ensure_min_samples=0)) == 0
    assert len(check_sequences(np.ones((0, 3)), ensure_min_samples=0)) == 0
    with pytest.raises(ValueError, match=r"2 sample\(s\).*minimum of 3 is required"):
        check_sequences(random_list([1, 2]), ensure_min_samples=3)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        check_sequences([], ensure_min_samples=0)  # how many features?


# ---- what it refuses --------------------------------------------------------------


def test_there_are_a_hundred_malformed_inputs():
    assert len(MALFORMED) >= 100


@pytest.mark.parametrize(("X", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(X, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        check_sequences(X)
    assert caught.type in (TypeError, ValueError)
    if hasattr(X, "__next__"):
        return
    estimator = Estimator()
    with pytest.raises((TypeError, ValueError), match=message):
        validate_sequences(estimator, X, reset=True)
    assert vars(estimator) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["list", "3-D", "SequenceArray", "padded"])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_not_finite_is_named(value, form, data):
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    if form == "3-D":
        lengths = [4] * len(lengths)
    lengths.insert(data.draw(st.integers(0, len(lengths))), 4)
    sequences = random_list(lengths, 3)
    sample = data.draw(st.sampled_from([i for i, T in enumerate(lengths) if T]))
    step = data.draw(st.integers(0, lengths[sample] - 1))
    feature = data.draw(st.integers(0, 2))
    sequences[sample][step, feature] = value
    X = {
        "list": lambda: sequences,
        "3-D": lambda: np.stack(sequences),
        "SequenceArray": lambda: SequenceArray.from_list(sequences),
        "padded": lambda: SequenceArray.from_list(sequences).to_padded(n_steps=7),
    }[form]()
    word = "NaN" if np.isnan(value) else "infinity"
    match = f"contains {word}.*: sample {sample}, step {step}, feature {feature}"
    with pytest.raises(ValueError, match=match):
        check_sequences(X)
    if np.isnan(value):
        assert np.isnan(check_sequences(X, allow_nan=True)[sample][step, feature])
    else:
        with pytest.raises(ValueError, match=match):
            check_sequences(X, allow_nan=True)


def test_ways_out_are_named():
    with pytest.raises(ValueError, match=r"SimpleImputer.*X\[:, :, np.newaxis\]"):
        check_sequences([[1, np.nan]])
    with pytest.raises(ValueError, match=r"SimpleImputer.*all NaN are padding"):
        check_sequences([[1, np.nan], [1, 2, 3]])
    frame = pd.DataFrame({"id": [1, 1], "pulse": [1, np.nan]})
    with pytest.raises(ValueError, match=r"feature 0 \(pulse\)"):
        check_sequences(SequenceArray.from_long(frame, by="id"))


@pytest.mark.parametrize("form", ["list", "3-D", "2-D", "SequenceArray"])
def test_too_large_for_float32(form):
    X = np.ones((3, 4, 1))
    X[2, 1, 0] = 1e300
    X = {
        "list": list(X),
        "3-D": X,
        "2-D": X[:, :, 0],
        "SequenceArray": SequenceArray.from_padded(X),
    }[form]
    assert check_sequences(X)[2][1, 0] == 1e300
    match = r"too large for dtype\('float32'\): sample 2, step 1, feature 0"
    with pytest.raises(ValueError, match=match):
        check_sequences(X, dtype="float32")


@pytest.mark.parametrize("dtype", [int, "float16", object])
def test_bad_dtype(dtype):
    with pytest.raises(ValueError, match="float32 or float64"):
        check_sequences(A, dtype=dtype)


def test_sums_that_overflow_are_finite():
    big = np.finfo(np.float32).max
    X = np.full((2, 50, 1), big, np.float32)
    assert check_sequences(X).data.max() == big


# ---- what an estimator remembers --------------------------------------------------


class Estimator(BaseEstimator):
    def fit(self, X, y=None):
        validate_sequences(self, X, reset=True)
        return self


def fitted_on(X):
    return Estimator().fit(X)


FORMS = [
    A,
    list(A),
    SequenceArray.from_padded(A),
    np.concatenate([A, np.full((2, 1, 2), np.nan)], axis=1),
]


@pytest.mark.parametrize("X", FORMS)
@pytest.mark.parametrize("X_new", FORMS)
def test_features_of_sequences(X, X_new):
    estimator = fitted_on(X)
    assert estimator.n_features_in_ == 2
    assert estimator._n_sequence_features == 2
    assert not hasattr(estimator, "feature_names_in_")
    assert_same(validate_sequences(estimator, X_new, reset=False), list(A))


@pytest.mark.parametrize(
    "X", [np.ones((2, 5, 3)), [np.ones((4, 3))], [np.ones(3), np.ones(2)]]
)
def test_other_number_of_features(X):
    F = check_sequences(X).n_features
    match = f"X has {F} features, but Estimator is expecting 2 features as input"
    with pytest.raises(ValueError, match=match):
        validate_sequences(fitted_on(A), X, reset=False)


def test_one_sequence_instead_of_sequences():
    match = r"X has 1 features.*expecting 2.* \(3, 2\) is read as 3 univ.*X\[None\]"
    with pytest.raises(ValueError, match=match):
        validate_sequences(fitted_on(A), A[0], reset=False)


def test_features_of_2d():
    estimator = fitted_on(np.ones((4, 3)))
    assert estimator.n_features_in_ == 3
    assert estimator._n_sequence_features == 1
    validate_sequences(estimator, np.ones((2, 3)), reset=False)
    validate_sequences(estimator, [[1, 2, 3]], reset=False)
    match = "X has 2 features, but Estimator is expecting 3 features as input"
    for X in (np.ones((4, 2)), [[1, 2]], pd.DataFrame([[1, 2]])):
        with pytest.raises(ValueError, match=match):
            validate_sequences(estimator, X, reset=False)
    # Sequences of another length are welcome in a form that has lengths.
    validate_sequences(estimator, np.ones((2, 7, 1)), reset=False)
    validate_sequences(estimator, [np.ones(2)], reset=False)
    with pytest.raises(ValueError, match="X has 2 features.*expecting 1 features"):
        validate_sequences(estimator, np.ones((2, 3, 2)), reset=False)


def test_one_column_is_still_2d():
    estimator = fitted_on(np.ones((4, 1)))
    with pytest.raises(ValueError, match="X has 2 features.*expecting 1 features"):
        validate_sequences(estimator, np.ones((4, 2)), reset=False)


def test_univariate_sequences_take_2d_of_any_length():
    estimator = fitted_on([np.ones(3), np.ones(2)])
    assert estimator.n_features_in_ == 1
    for T in (1, 3, 9):
        X = validate_sequences(estimator, np.ones((2, T)), reset=False)
        assert X.shape == (2, None, 1)


def test_list_of_vectors_does_not_depend_on_their_lengths():
    for X in ([np.ones(3), np.ones(3)], [np.ones(3), np.ones(2)]):
        estimator = fitted_on(X)
        assert estimator.n_features_in_ == 1
        validate_sequences(estimator, [np.ones(4)], reset=False)


def test_column_names_of_2d():
    X = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "b"])
    estimator = fitted_on(X)
    np.testing.assert_array_equal(estimator.feature_names_in_, ["a", "b"])
    validate_sequences(estimator, X, reset=False)
    with pytest.raises(ValueError, match="feature names should match"):
        validate_sequences(estimator, X[["b", "a"]], reset=False)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Es"):
        validate_sequences(estimator, X.to_numpy(), reset=False)
    with pytest.warns(UserWarning, match="X has feature names, but Estimator was"):
        validate_sequences(fitted_on(X.to_numpy()), X, reset=False)
    validate_sequences(estimator, X.to_numpy(), reset=True)
    assert not hasattr(estimator, "feature_names_in_")


def named(names, rows=3):
    return SequenceArray(np.ones((rows, len(names))), [0, rows], names)


def test_names_of_sequences():
    estimator = fitted_on(named(["a", "b"]))
    np.testing.assert_array_equal(estimator.feature_names_in_, ["a", "b"])
    assert estimator.feature_names_in_.dtype == object
    validate_sequences(estimator, named(["a", "b"], 5), reset=False)
    frames = [pd.DataFrame(A[0], columns=["a", "b"])]
    validate_sequences(estimator, frames, reset=False)
    with pytest.raises(ValueError, match="feature names should match"):
        validate_sequences(estimator, named(["b", "a"]), reset=False)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        validate_sequences(estimator, A, reset=False)
    with pytest.warns(UserWarning, match="X has feature names, but Estimator was"):
        validate_sequences(fitted_on(A), named(["a", "b"]), reset=False)
    validate_sequences(estimator, A, reset=True)
    assert not hasattr(estimator, "feature_names_in_")


def test_what_is_refused_changes_nothing():
    estimator = fitted_on(named(["a", "b"]))
    before = dict(vars(estimator))
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["x", "y", "z"])
    for bad in (frame.assign(z=np.nan), frame.rename(columns={"x": 1}), [A[0], A]):
        with pytest.raises((ValueError, TypeError)):
            validate_sequences(estimator, bad, reset=True)
        assert vars(estimator) == before
    validate_sequences(estimator, frame, reset=True)
    assert estimator.n_features_in_ == 3
    np.testing.assert_array_equal(estimator.feature_names_in_, ["x", "y", "z"])


def test_not_fitted():
    with pytest.raises(NotFittedError):
        validate_sequences(Estimator(), A, reset=False)


@pytest.mark.parametrize("X", [A, A[0], list(A)])
def test_errors_name_the_estimator_when_samples_are_missing(X):
    with pytest.raises(ValueError, match=r"0 sample\(s\).*required by Estimator"):
        validate_sequences(Estimator(), X[:0], reset=True)


# ---- scikit-learn's tools ---------------------------------------------------------


def test_scikit_learn_splits_and_samples():
    sequences = random_list([1, 4, 2, 0, 3, 5])
    X, y = SequenceArray.from_list(sequences), np.arange(6)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert_same(X_train, [sequences[i] for i in y_train])
    assert_same(X_test, [sequences[i] for i in y_test])
    for train, _ in KFold(3).split(X):
        assert_same(_safe_indexing(X, train), [sequences[i] for i in train])
    Xb, yb = resample(X, y, random_state=0)
    assert_same(Xb, [sequences[i] for i in yb])


def test_many_short_sequences_are_fast():
    # Not a benchmark: a Python-level check per step would take minutes.
    lengths = np.random.default_rng(0).integers(0, 5, 100_000)
    flat = np.ones((lengths.sum(), 2))
    bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    X = check_sequences([flat[a:b] for a, b in pairwise(bounds)])
    np.testing.assert_array_equal(X.lengths, lengths)
