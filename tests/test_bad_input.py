"""More than 200 malformed inputs: each raises an error that names what is wrong, none
passes in silence or takes the process down, and an earlier fit stays as it was."""

import copy
import functools
import pickle
import warnings
from types import FunctionType

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from malformed_cases import (
    BAD_CLASS_WEIGHT,
    BAD_CLASSES,
    BAD_GROUPS,
    BAD_VALIDATION,
    BAD_WEIGHT,
    BAD_X,
    BAD_Y,
    COMBINATIONS,
    ESTIMATORS,
    GROUPS,
    INVALID,
    LABELS,
    LATER,
    NUMBERS,
    OF_FAMILIES,
    ONES,
    OTHER_X,
    VALIDATION,
    VALIDATION_OF_CLASSIFIERS,
    VALIDATION_OF_REGRESSORS,
    Y_OF_BOTH,
    Y_OF_CLASSIFIERS,
    Y_OF_REGRESSORS,
    N,
    X,
)
from sklearn.base import is_classifier

from sklstm import GRURegressor, LSTMClassifier, LSTMRegressor, RNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


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


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_bad_classes(case):
    classes, match = BAD_CLASSES[case]
    estimator = small(LSTMClassifier)
    before = dict(vars(estimator))
    with pytest.raises((ValueError, TypeError), match=match):
        estimator.partial_fit(X, LABELS, classes=again(classes))
    assert vars(estimator) == before


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


@pytest.mark.parametrize("Estimator, name, value", OF_FAMILIES)
def test_bad_parameters_of_a_family(Estimator, name, value):
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y), name, {name: value})


@pytest.mark.parametrize("Estimator", [LSTMClassifier, GRURegressor, RNNRegressor])
@pytest.mark.parametrize("params, match", COMBINATIONS)
def test_options_that_do_not_go_together(Estimator, params, match):
    """Told before X is looked at."""
    y = target(Estimator)
    assert_refused(Estimator, lambda e: e.fit(X, y), match, params)
    assert_refused(Estimator, lambda e: e.fit("no sequences", y), match, params)


@every_estimator
@pytest.mark.parametrize("size", [10**7, 2**31, 10**10, 2**63 - 1, 10**30])
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
