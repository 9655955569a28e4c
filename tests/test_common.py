"""What every estimator shares: scikit-learn's contract, and ours of sequences."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from cases import (
    ALL,
    EQUAL_FORMS,
    METHODS,
    RAGGED_FORMS,
    UNIVARIATE_FORMS,
    all_estimators,
    assert_same_bits,
    assert_same_outputs,
    dtypes,
    equal_length,
    every_estimator,
    make_target,
    outputs,
    padded,
    ragged,
    small,
    small_fitted,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
)

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
)
from sklstm.preprocessing import TimeDistributed
from sklstm.sequences import SequenceArray

# Few epochs are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- the five forms ---------------------------------------------------------------


FIVE = {
    "SequenceArray": lambda: SequenceArray.from_list(ragged()),
    "list": ragged,
    "3-D": equal_length,
    "padded": lambda: padded(ragged()),
    "2-D": lambda: equal_length(n_features=1)[:, :, 0],
}
every_form = pytest.mark.parametrize("form", FIVE)


@every_estimator
@dtypes
@pytest.mark.parametrize(
    "forms, sequences",
    [
        (RAGGED_FORMS, ragged()),
        (EQUAL_FORMS, list(equal_length())),
        (UNIVARIATE_FORMS, list(equal_length(n_features=1))),
        (RAGGED_FORMS, ragged(n_features=1)),
    ],
    ids=["ragged", "equal", "univariate", "ragged univariate"],
)
def test_same_bits_whatever_the_form(Estimator, dtype, forms, sequences):
    """In fit, and in predict of what was fitted on any other form."""
    y = make_target(Estimator, sequences)
    first = small(Estimator, dtype=dtype).fit(sequences, y)
    expected = outputs(first, sequences)
    for name, form in forms.items():
        X = form(sequences)
        estimator = small(Estimator, dtype=dtype).fit(X, y)
        assert_same_bits(estimator, first)
        for other_name, other in forms.items():
            if (name in ("2-D", "DataFrame", "lists of numbers")) or (
                other_name == "list of DataFrames"
            ):
                continue  # tested by what they warn or refuse below
            assert_same_outputs(outputs(estimator, other(sequences)), expected)
        assert_same_outputs(outputs(estimator, X), expected)


@all_estimators
@every_form
def test_number_of_features(Estimator, form):
    X = FIVE[form]()
    estimator = small_fitted(Estimator, X)
    assert estimator.n_features_in_ == (X.shape[1] if form == "2-D" else 3)
    assert estimator.weights_["weight_ih_l0"].shape[1] == (1 if form == "2-D" else 3)


@every_estimator
@dtypes
def test_types_of_numbers(Estimator, dtype):
    """Integers, float32 in float64 and the reverse: what fits in is exact."""
    X = np.random.default_rng(0).integers(-3, 4, (20, 5, 2))
    y = make_target(Estimator, X)
    expected = small(Estimator, dtype=dtype).fit(X, y)
    for type_ in (np.int8, np.float16, np.float32, np.float64, object):
        assert_same_bits(
            small(Estimator, dtype=dtype).fit(X.astype(type_), y), expected
        )
    for type_ in (bool, np.uint8):
        small(Estimator, dtype=dtype).fit((X > 0).astype(type_), y)


# ---- scikit-learn's own checks ------------------------------------------------------


SMALL_BOTH_WAYS = {"hidden_layer_sizes": 16, "bidirectional": True}
DROPOUT = {"hidden_layer_sizes": 16, "dropout": 0.1, "recurrent_dropout": 0.1}
SHORT = {"max_iter": 30, "learning_rate_init": 0.02}
CHECKED = [
    *((Estimator, {}) for Estimator in ALL),
    (LSTMRegressor, {"dtype": "float64"}),
    (LSTMClassifier, {"missing": "ffill", **SHORT}),
    (GRURegressor, {"missing": "indicator"}),
    (GRUClassifier, {**SMALL_BOTH_WAYS, "pooling": "attention", **SHORT}),
    (
        LSTMRegressor,
        {**SMALL_BOTH_WAYS, "pooling": "mean", "learning_rate_init": 0.005},
    ),
    (RNNClassifier, DROPOUT),
    (GRUClassifier, {**DROPOUT, "pooling": "max", **SHORT}),
    (LSTMClassifier, {"peephole": True, "forget_bias": "chrono", **SHORT}),
    (RNNClassifier, {"activation": "relu", "tbptt": 3}),
]


@pytest.mark.parametrize("Estimator, params", CHECKED)
@pytest.mark.filterwarnings("ignore")
def test_check_estimator(Estimator, params):
    """All that there are; the array API is skipped where its switch is off."""
    results = check_estimator(Estimator(**params), on_skip=None, on_fail=None)
    failed = {
        result["check_name"]: result["exception"]
        for result in results
        if result["status"] != "passed"
    }
    failed.pop("check_array_api_input", None)
    assert failed == {}
    names = {result["check_name"] for result in results if result["status"] == "passed"}
    assert len(names) >= 45
    kind = "classifiers" if is_classifier(Estimator()) else "regressors"
    assert {
        "check_sample_weight_equivalence_on_dense_data", "check_n_features_in",
        "check_fit_idempotent", "check_methods_subset_invariance",
        "check_methods_sample_order_invariance", "check_dict_unchanged",
        "check_fit2d_1sample", "check_estimators_pickle",
        "check_readonly_memmap_input", "check_estimators_partial_fit_n_features",
        f"check_{kind}_train", "check_transformer_general",
    } <= names  # fmt: skip
    # where missing values are read, it is not run
    assert ("check_estimators_nan_inf" in names) == ("missing" not in params)


@all_estimators
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_check_dataframe_column_names(Estimator):
    check_dataframe_column_names_consistency(Estimator.__name__, Estimator())


@all_estimators
def test_parameters(Estimator):
    estimator = Estimator()
    for name, value in estimator.get_params().items():
        assert getattr(estimator, name) is value
    params = {"hidden_layer_sizes": (3, 2), "alpha": 0.5, "dtype": "float64"}
    assert estimator.set_params(**params) is estimator
    assert {name: estimator.get_params()[name] for name in params} == params
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        estimator.set_params(units=3)
    assert "hidden_layer_sizes=(3, 2)" in repr(estimator)


@all_estimators
def test_fit_changes_no_parameter(Estimator):
    sizes, state = [4, 3], np.random.RandomState(0)
    estimator = small(Estimator, hidden_layer_sizes=sizes, random_state=state)
    before = estimator.get_params()
    estimator.fit(ragged(), make_target(Estimator, ragged()))
    assert all(estimator.get_params()[name] is value for name, value in before.items())
    assert sizes == [4, 3]


@all_estimators
@every_form
def test_clone(Estimator, form):
    X = FIVE[form]()
    estimator = small_fitted(Estimator, X)
    twin = clone(estimator)
    assert vars(twin).keys() == estimator.get_params().keys()
    assert twin.get_params() == estimator.get_params()
    assert_same_bits(twin.fit(X, make_target(Estimator, X)), estimator)


@all_estimators
@every_form
@dtypes
def test_pickle(Estimator, form, dtype):
    X = FIVE[form]()
    estimator = small_fitted(Estimator, X, dtype=dtype)
    y, expected = make_target(Estimator, X), outputs(estimator, X)
    further = pickle.loads(pickle.dumps(estimator)).partial_fit(X, y)
    copies = [pickle.dumps(estimator, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for back in (copy.deepcopy(estimator), *map(pickle.loads, copies)):
        assert_same_outputs(outputs(back, X), expected)
        assert_same_bits(back, estimator)
        assert_same_bits(back.partial_fit(X, y), further)
    assert len(pickle.dumps(clone(estimator))) < 2000


@every_estimator
@every_form
def test_joblib(Estimator, form, tmp_path):
    X = FIVE[form]()
    estimator = small_fitted(Estimator, X)
    for name, options in (("plain", {}), ("small", {"compress": 3})):
        joblib.dump(estimator, tmp_path / name, **options)
        back = joblib.load(tmp_path / name)
        assert_same_outputs(outputs(back, X), outputs(estimator, X))
    # memory that cannot be written, as workers share it
    back = joblib.load(tmp_path / "plain", mmap_mode="r")
    assert_same_outputs(outputs(back, X), outputs(estimator, X))
    back.partial_fit(X, make_target(Estimator, X))


@all_estimators
def test_fitted_state_is_plain(Estimator):
    """ndarrays, numbers, strings and containers of them: nothing compiled."""
    data = np.arange(80.0).reshape(40, 2)
    X = SequenceArray(data, np.arange(0, 41, 2), ["a", "b"])
    estimator = small_fitted(Estimator, X, early_stopping=True, validation_fraction=0.3)

    def check(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert type(key) is str
                check(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                check(item)
        else:
            plain = (np.ndarray, np.generic, int, float, str, type(None))
            assert isinstance(value, (*plain, np.random.RandomState)), type(value)

    check({**vars(estimator), "_fitted": estimator._fitted.state})


@all_estimators
@every_form
def test_set_params_and_fit_again(Estimator, form):
    """A fit knows nothing of the one before."""
    X = FIVE[form]()
    y = make_target(Estimator, X)
    estimator = small_fitted(Estimator, equal_length(n_features=7, seed=9))
    estimator.set_params(hidden_layer_sizes=(3,), dtype="float64", solver="sgd")
    estimator.fit(X, y)
    fresh = small(Estimator, hidden_layer_sizes=(3,), dtype="float64", solver="sgd")
    assert_same_bits(estimator, fresh.fit(X, y))
    assert vars(estimator).keys() == vars(fresh).keys()


# ---- sequences of no steps ----------------------------------------------------------


@all_estimators
@dtypes
def test_sequences_of_no_steps(Estimator, dtype):
    """The initial state goes to the head: h = 0, and the intercept is the output."""
    X = ragged()
    estimator = small_fitted(Estimator, X, dtype=dtype, max_iter=5)
    empty = [np.empty((0, 3))] * 3
    for form in (empty, SequenceArray.from_list(empty), np.full((3, 4, 3), np.nan)):
        got = outputs(estimator, form)
        name = "decision_function" if "decision_function" in got else "predict"
        for row in got[name]:
            assert_allclose(row, np.squeeze(estimator.weights_["head_bias"]), rtol=1e-6)
    assert len(X[3]) == 0
    assert_same_outputs(
        {k: v[3:4] for k, v in outputs(estimator, X).items()},
        outputs(estimator, empty[:1]),
    )


@all_estimators
def test_fit_on_nothing_but_sequences_of_no_steps(Estimator):
    X = [np.empty((0, 2))] * 12
    estimator = small_fitted(Estimator, X, max_iter=3)
    for value in outputs(estimator, X).values():
        assert len(value) == 12
        assert value.dtype.kind not in "fc" or np.isfinite(value).all()
    # The head alone learns; recurrent weights have no gradient.
    start = small_fitted(Estimator, X, max_iter=1)
    for name, weights in estimator.weights_.items():
        same = np.array_equal(weights, start.weights_[name])
        assert same or name.startswith("head"), name


# ---- NaN ----------------------------------------------------------------------------


@every_estimator
@pytest.mark.parametrize("form", ["SequenceArray", "list", "3-D", "padded", "2-D"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_is_named_in_fit_and_predict(Estimator, form, value):
    F = 1 if form == "2-D" else 3
    clean = list(equal_length(n_features=F))
    dirty = [x.copy() for x in clean]
    dirty[5][2, F - 1] = value
    forms = {**FIVE, **UNIVARIATE_FORMS, "padded": lambda S: padded(S, 9)}
    X, X_clean = forms[form](dirty), forms[form](clean)
    y = make_target(Estimator, clean)
    word = "NaN" if np.isnan(value) else "infinity"
    match = f"contains {word}.*sample 5, step 2, feature {F - 1}"
    estimator = small(Estimator)
    with pytest.raises(ValueError, match=match):
        estimator.fit(X, y)
    assert vars(estimator).keys() == estimator.get_params().keys()
    estimator.fit(X_clean, y)
    for method in [m for m in METHODS if hasattr(estimator, m)]:
        with pytest.raises(ValueError, match=match):
            getattr(estimator, method)(X)
    for method in ("partial_fit", "score"):
        with pytest.raises(ValueError, match=match):
            getattr(estimator, method)(X, y)


@every_estimator
def test_only_trailing_steps_of_nothing_but_nan_are_padding(Estimator):
    X = equal_length()
    y = make_target(Estimator, X)
    lengths = np.arange(20) % 7
    trailing = X.copy()
    trailing[np.arange(6) >= lengths[:, np.newaxis]] = np.nan
    short = [x[:T] for x, T in zip(X, lengths, strict=True)]
    assert_same_bits(small(Estimator).fit(trailing, y), small(Estimator).fit(short, y))
    with pytest.raises(ValueError, match="NaN: sample 1, step 0, feature 0"):
        small(Estimator).fit(trailing[:, ::-1], y)  # leading
    partly = trailing.copy()
    partly[1, 5, 0] = 1.0  # then the steps between are missing values
    with pytest.raises(ValueError, match="NaN: sample 1, step 1, feature 0"):
        small(Estimator).fit(partly, y)
    with pytest.raises(ValueError, match="NaN: sample 0, step 0, feature 0"):
        small(Estimator).fit(list(trailing), y)  # items of a list are not padded


@every_estimator
def test_nan_is_imputed_in_a_pipeline(Estimator):
    X = ragged()
    X[4][1, 2] = np.nan
    model = make_pipeline(TimeDistributed(SimpleImputer()), small(Estimator))
    assert len(model.fit(X, make_target(Estimator, X)).predict(X)) == 20


# ---- features -----------------------------------------------------------------------


@all_estimators
@every_form
def test_other_number_of_features(Estimator, form):
    X = FIVE[form]()
    estimator = small_fitted(Estimator, X)
    n = estimator.n_features_in_
    wrong = {
        "SequenceArray": lambda: SequenceArray.from_list(ragged(n_features=4)),
        "list": lambda: ragged(n_features=4),
        "3-D": lambda: equal_length(n_features=4),
        "padded": lambda: padded(ragged(n_features=4)),
        "2-D": lambda: equal_length(n_steps=4, n_features=1)[:, :, 0],
    }[form]()
    match = f"X has 4 features, but {Estimator.__name__} is expecting {n} features"
    for method in [m for m in METHODS if hasattr(estimator, m)]:
        with pytest.raises(ValueError, match=match):
            getattr(estimator, method)(wrong)
    with pytest.raises(ValueError, match=match):
        estimator.partial_fit(wrong, make_target(Estimator, X))
    estimator.fit(wrong, make_target(Estimator, X))
    assert estimator.n_features_in_ == 4


@all_estimators
def test_feature_names(Estimator):
    sequences = ragged()
    stacked = SequenceArray.from_list(sequences)
    named = SequenceArray(stacked.data, stacked.offsets, ["a", "b", "c"])
    y = make_target(Estimator, sequences)
    estimator = small(Estimator).fit(named, y)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c"])
    assert estimator.feature_names_in_.dtype == object
    frames = [pd.DataFrame(x, columns=list("abc")) for x in sequences]
    assert_same_outputs(outputs(estimator, frames), outputs(estimator, named))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict([frame[["b", "a", "c"]] for frame in frames])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(stacked)
    estimator.fit(stacked, y)
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="X has feature names, but"):
        estimator.predict(named)


@all_estimators
def test_column_names(Estimator):
    X = pd.DataFrame(equal_length(n_features=1)[:, :4, 0], columns=list("abcd"))
    y = make_target(Estimator, X.to_numpy())
    estimator = small(Estimator).fit(X, y)
    assert_array_equal(estimator.feature_names_in_, list("abcd"))
    assert estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(X[list("badc")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X.to_numpy())


@every_estimator
def test_sequences_of_other_lengths(Estimator):
    """An estimator fitted on 2-D X reads any length where X can tell it."""
    X = equal_length(n_features=1)
    estimator = small_fitted(Estimator, X[:, :, 0])
    estimator.predict(X[:, :2])
    estimator.predict([np.ones(9), np.ones(0)])
    with pytest.raises(ValueError, match="X has 2 features.*expecting 6 features"):
        estimator.predict(X[:, :2, 0])


@all_estimators
def test_tags(Estimator):
    tags = small(Estimator).__sklearn_tags__()
    assert tags.input_tags.two_d_array and tags.input_tags.three_d_array
    assert not tags.input_tags.allow_nan and not tags.input_tags.sparse
    assert tags.target_tags.required
    if is_classifier(Estimator()):
        assert tags.estimator_type == "classifier"
        assert tags.classifier_tags.multi_label and tags.classifier_tags.multi_class
    else:
        assert tags.estimator_type == "regressor"
        assert tags.target_tags.multi_output and tags.target_tags.single_output
