"""Targets, weights, groups and classes that are refused: value, place and way out."""

import datetime
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier
from sklearn.exceptions import DataConversionWarning

from sklstm import GRUClassifier, GRURegressor, LSTMClassifier, LSTMRegressor
from sklstm._targets.reading import read_values
from sklstm.inspection import gradient_norms, sequence_permutation_importance
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

N = 12
RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in RNG.integers(2, 6, size=N)]
STEPS = sum(map(len, X))
LABELS = np.arange(N) % 2
NUMBERS = np.arange(N) / N
ESTIMATORS = [LSTMClassifier, GRURegressor]
every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


def small(Estimator, **params):
    return Estimator(2, max_iter=1, random_state=0, **params)


def target(Estimator):
    return LABELS if is_classifier(Estimator()) else NUMBERS


def first_call(Estimator):
    return {"classes": [0, 1]} if is_classifier(Estimator()) else {}


FITTED = {E: small(E).fit(X, target(E)) for E in ESTIMATORS}


def objects(*items):
    result = np.empty(N, dtype=object)
    for i in range(N):
        result[i] = items[i % len(items)]
    return result


def with_(value, at=5, base=LABELS):
    values = base.astype(float)
    values[at] = value
    return values


MASKED = np.ma.array(LABELS, mask=np.arange(N) == 7)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MATRIX = np.asmatrix(LABELS).T
NULLABLE = pd.Series([0, 1, None] * 4, dtype="Int64")


# ---- every way in ------------------------------------------------------------------


def fit(model, y):
    model.fit(X, y)


def partial_fit(model, y):
    model.partial_fit(X, y)


def score(model, y):
    model.score(X, y)


def validation(model, y):
    model.set_params(early_stopping=True, warm_start=True)
    model.fit(X, target(type(model)), X_val=X, y_val=y)


def warm_fit(model, y):
    model.set_params(warm_start=True).fit(X, y)


def importance(model, y):
    sequence_permutation_importance(model, X, y, n_repeats=1, random_state=0)


WAYS_IN = [fit, partial_fit, score, validation, warm_fit, importance, gradient_norms]
WAYS_IN[-1] = lambda model, y: gradient_norms(model, X, y)
WAYS = pytest.mark.parametrize(
    "way",
    WAYS_IN,
    ids=["fit", "partial_fit", "score", "y_val", "warm_start", "importance", "norms"],
)

OF_BOTH = {
    "masked": (MASKED, "y is a masked array, whose mask would be lost"),
    "masked without a mask": (np.ma.array(LABELS), "y is a masked array"),
    "masked 2-D": (np.ma.array(LABELS[:, np.newaxis]), "y is a masked array"),
    "masked in a list": (
        [np.ma.masked if i == 3 else i % 2 for i in range(N)],
        "y is a list in which sample 3 is masked",
    ),
    "masked rows": (
        [[1, np.ma.masked if i == 4 else 0] for i in range(N)],
        "y is a list in which sample 4 is masked",
    ),
    "masked arrays in a list": ([MASKED[:1]] * N, "sample 0 is masked"),
    "masked in a tuple": ((*LABELS[:-1], np.ma.masked), "sample 11 is masked"),
    "masked in objects": (objects(0, 1, np.ma.masked), "sample 2 is masked"),
    "masked in a Series": (pd.Series(objects(0, np.ma.masked)), "sample 1 is masked"),
    "Int64 NA": (NULLABLE, "y contains NaN: sample 2"),
    "Float32 NA": (NULLABLE.astype("Float32"), "y contains NaN: sample 2"),
    "boolean NA": (NULLABLE.astype("boolean"), "y contains NaN: sample 2.*<NA>"),
    "string NA": (
        pd.Series(["a", None, "b"] * 4, dtype="string"),
        "y contains NaN: sample 1.*<NA>",
    ),
    "list NA": ([0, 1, pd.NA] * 4, "y contains NaN: sample 2 has <NA>"),
    "NaT": ([0, 1, pd.NaT] * 4, "y contains NaN: sample 2 has NaT"),
    "None": ([0, 1, 1, None] * 3, "y contains NaN: sample 3 has None"),
    "None among text": (objects("a", "b", None), "y contains NaN: sample 2 has None"),
    "category NaN": (pd.Categorical(["a", "b", None] * 4), "y contains NaN: sample 2"),
    "frame NA": (
        pd.DataFrame({"u": LABELS, "v": NULLABLE}),
        r"y contains NaN: sample 2, output 1 \('v'\)",
    ),
    "NaN": (with_(np.nan), "y contains NaN: sample 5. Leave out"),
    "NaN 2-D": (np.c_[LABELS, with_(np.nan, 8)], "y contains NaN: sample 8, output 1"),
    "inf": (with_(np.inf, 4), "y contains infinity.*: sample 4"),
    "-inf": (with_(-np.inf, 0), "y contains infinity.*: sample 0"),
    "inf in objects": (objects(0, np.inf), "y contains infinity.*: sample 1"),
    "per step": (
        np.arange(STEPS) % 2,
        rf"\[12, {STEPS}\]. X has {STEPS} steps in 12 sequences, y has {STEPS} values: "
        "one target for each sequence is needed. For a target at every step use LSTM",
    ),
    "too short": (LABELS[1:], rf"\[12, 11\]. X has {STEPS} steps .* y has 11 values"),
    "too long 2-D": (np.ones((13, 2)), r"y has 13 rows \(shape \(13, 2\)\)"),
    "transposed": (np.tile(LABELS, (2, 1)), r"rows \(shape \(2, 12\)\).*Pass y.T"),
    "lists by step": (
        [[0] * len(x) for x in X],
        f"sample 0 has a list of {len(X[0])}. One target for each sequence.*LSTMTagger",
    ),
    "arrays by step": (
        [np.zeros(len(x)) for x in X],
        f"sample 0 has a ndarray of {len(X[0])}. One target for each sequence",
    ),
    "objects by step": (
        objects(np.zeros(3), np.zeros(4)),
        "sample 0 has a ndarray of 3. One target .*LSTMTagger .*LSTMStepRegressor",
    ),
    "Series by step": ([pd.Series(range(len(x))) for x in X], "sample 0 has a Series"),
    "some lists": ([0, 1, [1, 2]] * 4, "sample 2 has a list of 2"),
    "series of lists": (pd.Series([[1, 2]] * N), "sample 0 has a list of 2"),
    "3-D": (np.zeros((N, 4, 1)), r"dim 3.*y has shape \(12, 4, 1\).*LSTMStepRegressor"),
    "SequenceArray": (SequenceArray.from_list(X), "y is a SequenceArray.*LSTMTagger"),
    "dict": (dict(enumerate(LABELS)), r"got 'dict'. Pass list\(y.values\(\)\)"),
    "set": ({0, 1}, "got 'set'. A set has no order: pass a list"),
    "iterator": (lambda: iter(LABELS), r"iterator'. Pass list\(y\)"),
    "generator": (lambda: (i for i in LABELS), r"got 'generator'. Pass list\(y\)"),
    "groupby": (
        pd.DataFrame({"a": LABELS}).groupby("a"),
        r"pandas.DataFrameGroupBy.*y.first\(\)",
    ),
    "number": (3, "got the scalar 3"),
    "text": ("abababababab", "got the scalar 'abababababab'"),
    "0-D": (np.array(2), r"got the scalar array\(2\)"),
    "function": (len, "got 'builtin_function_or_method'"),
    "sparse": (sp.csr_array(np.c_[LABELS, LABELS]), r"Sparse.* for y.*toarray\(\)"),
    "matrix": (MATRIX, r"y is a np.matrix.*np.asarray\(y\)"),
    "complex": (LABELS * 1j, "Complex data not supported\ny has dtype complex128"),
    "records": (np.zeros(N, dtype=[("a", int)]), "y is an array of records"),
    "date": ([datetime.date(2020, 1, 1)] * N, "y holds a date, .*2020.* at sample 0"),
    "zoned dates": (pd.Series(pd.date_range("2020", periods=N, tz="UTC")), "Timestamp"),
    "periods": (pd.Series(pd.period_range("2020", periods=N)), "y holds a Period"),
    "dicts": (objects({"a": 1}), r"y holds a dict, \{'a': 1\}.*at sample 0"),
}
OF_CLASSIFIERS = {
    "continuous": (NUMBERS, "continuous.*y has 0.0833333 at sample 1.*regressor"),
    "probabilities": (np.full((N, 2), 0.5), "continuous-multioutput.*argmax"),
    "int and str": (objects(1, "a"), "compared.*sample 0 has 1, sample 1 has 'a'"),
    "numbers as objects": (objects(0, 1), r"dtype object\), .* 0.*y.astype\(int\)"),
}
OF_REGRESSORS = {
    "dates": (np.arange(N).astype("M8[D]"), r"y holds dates .*datetime64\[D\]"),
    "durations": (np.arange(N).astype("m8[s]"), r"y holds dates .*timedelta64\[s\]"),
    "text": (
        ["a", "b"] * 6,
        "could not convert string to float: 'a', at sample 0.*clas",
    ),
    "text in objects": (objects(1, "a"), "to float: 'a', at sample 1"),
    "numbers as text": (["1", "2"] * 6, "text, not numbers: '1', at sample 0. Convert"),
    "text of a number": (objects(1, "2"), "text, not numbers: '2', at sample 1. Conv"),
    "bytes": (np.array([b"a"] * N), "could not convert string to float: b'a'"),
    "text column": (
        pd.DataFrame({"a": NUMBERS, "b": ["x"] * N}),
        r"'x', at sample 0, output 1 \('b'\)",
    ),
    "huge": (objects(1, 10**400), "y holds a number too large: .* at sample 1"),
    "long double": (
        np.full(N, np.longdouble("1e400")),
        "y contains infinity.*sample 0",
    ),
}
BAD_Y = [
    *((E, case) for E in ESTIMATORS for case in OF_BOTH),
    *((LSTMClassifier, case) for case in OF_CLASSIFIERS),
    *((GRURegressor, case) for case in OF_REGRESSORS),
]


def again(value):
    return value() if callable(value) and value is not len else value


@WAYS
@pytest.mark.parametrize("Estimator, case", BAD_Y)
def test_bad_y(Estimator, case, way):
    """Nothing is changed, whatever the way in."""
    own = OF_CLASSIFIERS if is_classifier(Estimator()) else OF_REGRESSORS
    y, match = {**OF_BOTH, **own}[case]
    model = pickle.loads(pickle.dumps(FITTED[Estimator]))
    before = model._fitted.parameters.copy()
    with pytest.raises((TypeError, ValueError), match=f"(?s){match}"):
        way(model, again(y))
    assert_array_equal(model._fitted.parameters, before)


@every_estimator
def test_validation_data_are_named(Estimator):
    model = small(Estimator, early_stopping=True)
    y = target(Estimator)
    for change, match in (
        ({"y_val": with_(np.nan)}, "y contains NaN: sample 5"),
        ({"y_val": MASKED}, "y is a masked array"),
        ({"sample_weight_val": np.ma.array(np.ones(N))}, "sample_weight is a masked"),
        ({"sample_weight_val": with_(np.nan)}, "sample_weight contains NaN: sample 5"),
    ):
        given = {"X_val": X, "y_val": y, **change}
        with pytest.raises((TypeError, ValueError), match=f"In X_val.*{match}"):
            model.fit(X, y, **given)


def test_outputs_of_a_score():
    with pytest.raises(ValueError, match=r"y has shape \(12, 2\).* had 1 outputs"):
        FITTED[GRURegressor].score(X, np.c_[NUMBERS, NUMBERS])


# ---- what is taken -----------------------------------------------------------------

FORMS = {
    "tuple": tuple,
    "Series": pd.Series,
    "other index": lambda y: pd.Series(y, index=range(N, 2 * N)),
    "Index": pd.Index,
    "nullable": lambda y: pd.Series(y).convert_dtypes(),
    "arrays of no dimension": lambda y: [np.array(value) for value in y],
    "numpy scalars": lambda y: [y.dtype.type(value) for value in y],
    "float32": lambda y: y.astype("float32"),
}


@every_estimator
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_y(Estimator, form):
    given = np.arange(N) / 8 if Estimator is GRURegressor else LABELS
    y = FORMS[form](given)
    plain = small(Estimator).fit(X, given)
    model = small(Estimator).fit(X, y)
    assert_array_equal(model.predict(X), plain.predict(X))
    assert model.score(X, y) == plain.score(X, given)


def test_truth_values_are_numbers_of_a_regressor():
    plain = small(GRURegressor).fit(X, LABELS)
    for y in (LABELS == 1, (LABELS == 1).astype(object), list(LABELS == 1)):
        assert_array_equal(small(GRURegressor).fit(X, y).predict(X), plain.predict(X))


def test_a_column_of_labels_is_scored_without_a_warning():
    model = FITTED[LSTMClassifier]
    assert model.score(X, LABELS[:, np.newaxis]) == model.score(X, LABELS)


# ---- weights, groups, classes ------------------------------------------------------

ONES = np.ones(N)
BAD_WEIGHT = {
    "masked": (np.ma.array(ONES), "sample_weight is a masked array"),
    "masked in a list": ([1.0, np.ma.masked] * 6, "sample_weight.*sample 1 is masked"),
    "NA": (NULLABLE, "sample_weight contains NaN: sample 2"),
    "None": ([1.0, None] * 6, "sample_weight contains NaN: sample 1 has None"),
    "NaN": (with_(np.nan), "sample_weight contains NaN: sample 5"),
    "inf": (with_(np.inf), "sample_weight contains infinity.*: sample 5"),
    "negative": (with_(-2), "sample_weight: sample 5 has weight -2"),
    "text": (["1"] * N, "sample_weight holds text, not numbers: '1', at sample 0"),
    "lists": ([[1.0]] * N, r"sample_weight has shape \(12, 1\), expected \(12,\)"),
    "ragged": ([[1.0], [1.0, 2.0]] * 6, "sample 0 has a list of 1. One weight for"),
    "per step": (np.ones(STEPS), rf"has shape \({STEPS},\), expected \(12,\)"),
    "dict": ({0: 1.0}, r"sample_weight.*got 'dict'"),
    "word": ("balanced", "sample_weight.*got the scalar 'balanced'"),
    "dates": (np.arange(N).astype("M8[D]"), "sample_weight holds dates"),
    "huge": ([10**400] * N, "sample_weight holds a number too large"),
    "sparse": (sp.csr_array(ONES[np.newaxis]), "Sparse.* for sample_weight"),
}


@every_estimator
@pytest.mark.parametrize("case", BAD_WEIGHT)
@pytest.mark.parametrize("way", ["fit", "partial_fit", "score"])
def test_bad_weight(Estimator, case, way):
    weight, match = BAD_WEIGHT[case]
    model = pickle.loads(pickle.dumps(FITTED[Estimator]))
    before = model._fitted.parameters.copy()
    with pytest.raises((TypeError, ValueError), match=match):
        getattr(model, way)(X, target(Estimator), sample_weight=weight)
    assert_array_equal(model._fitted.parameters, before)


def test_weights_of_an_importance():
    for weight, match in (
        (np.ma.array(ONES), "sample_weight is a masked array"),
        (np.ones(STEPS), "Weights of every step are for LSTMTagger"),
        (ONES[1:], r"\[12, 11\].*one weight for each sequence"),
    ):
        with pytest.raises((TypeError, ValueError), match=match):
            sequence_permutation_importance(
                FITTED[LSTMClassifier], X, LABELS, sample_weight=weight
            )


@every_estimator
@pytest.mark.parametrize(
    "groups, match",
    [
        (np.ma.array(LABELS), "groups is a masked array"),
        ([0, np.ma.masked] * 6, "groups is a list in which sample 1 is masked"),
        (NULLABLE, "groups contains NaN: sample 2"),
        (objects("a", "b", None), "groups contains NaN: sample 2 has None"),
        ({0: 1}, "got 'dict'"),
    ],
)
def test_bad_groups(Estimator, groups, match):
    model = small(Estimator, early_stopping=True, validation_fraction=0.4)
    with pytest.raises((TypeError, ValueError), match=match):
        model.fit(X, target(Estimator), groups=groups)


@pytest.mark.parametrize(
    "classes, match",
    [
        (np.ma.array([0, 1]), "classes is a masked array"),
        ([0, 1, np.ma.masked], "classes is a list in which sample 2 is masked"),
        ([0, 1, pd.NA], "classes contains NaN: sample 2 has <NA>"),
        (pd.Series([0, 1, None], dtype="Int64"), "classes contains NaN: sample 2"),
        ({0, 1}, "got 'set'"),
    ],
)
def test_bad_classes(classes, match):
    with pytest.raises((TypeError, ValueError), match=match):
        small(LSTMClassifier).partial_fit(X, LABELS, classes=classes)


# ---- targets of fits that continue -------------------------------------------------

THREE = np.arange(N) % 3


@pytest.mark.parametrize("Classifier", [LSTMClassifier, GRUClassifier])
@pytest.mark.parametrize(
    "make", [lambda y: y, lambda y: np.array(list("abc"))[y]], ids=["int", "str"]
)
def test_fewer_classes(Classifier, make):
    """A whole fit that continues needs all of them, a single pass does not."""
    y, fewer = make(THREE), make(LABELS)
    model = small(Classifier, warm_start=True).fit(X, y)
    before = model._fitted.parameters.copy()
    match = (
        "warm_start can only be used where `y` has the same classes as in the previous "
        r"call to fit. Previously got \[.*\], `y` has \[.*\]"
    )
    with pytest.raises(ValueError, match=match):
        model.fit(X, fewer)
    with pytest.raises(ValueError, match=match):  # weight zero is not there
        model.fit(X, y, (THREE != 2).astype(float))
    assert_array_equal(model._fitted.parameters, before)
    model.partial_fit(X, fewer)
    model.fit(X, y)
    model.set_params(warm_start=False).fit(X, fewer)
    assert len(model.classes_) == 2


def test_validation_data_may_lack_a_class():
    model = small(LSTMClassifier, warm_start=True, early_stopping=True)
    model.fit(X, THREE, X_val=X, y_val=THREE).fit(X, THREE, X_val=X, y_val=LABELS)


def test_other_classes():
    model = small(LSTMClassifier, warm_start=True).fit(X, THREE)
    for y, match in (
        (THREE + 1, r"not in classes: \[3\]; classes are \[0, 1, 2\]"),
        (THREE.astype(str), r"not in classes: \['0', '1', '2'\]"),
        (np.eye(3, dtype=int)[THREE], "another kind"),
    ):
        with pytest.raises(ValueError, match=match):
            model.fit(X, y)
    assert_array_equal(model.fit(X, THREE.astype(float)).classes_, [0, 1, 2])


def test_numbers_and_columns():
    """A vector and one column are the same targets, which is said."""
    vector = small(LSTMRegressor, warm_start=True).fit(X, NUMBERS)
    column = small(LSTMRegressor, warm_start=True).fit(X, NUMBERS[:, np.newaxis])
    for method in ("fit", "partial_fit"):
        with pytest.warns(DataConversionWarning, match=r"was \(n_samples,\)") as record:
            getattr(vector, method)(X, NUMBERS[:, np.newaxis])
        assert [w.filename for w in record] == [__file__] * len(record)
        with pytest.warns(DataConversionWarning, match=r"was \(n_samples, 1\)"):
            getattr(column, method)(X, NUMBERS)
    assert vector.predict(X).shape == (N,)
    assert column.predict(X).shape == (N, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"\(12, 2\), but the first fit had 1"):
            vector.fit(X, np.c_[NUMBERS, NUMBERS])


def test_outputs_in_an_array_of_objects():
    values = np.array([["a", 1.5], ["c", 2]], dtype=object)
    assert read_values(values, "y") is values
