"""What every estimator shares: scikit-learn's contract, and ours of sequences.

A new estimator is one entry in ALL. What only the task decides, or a tool that sees no
more of an estimator than its methods, is tested with two classifiers and two regressors
from the three families.
"""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
)
from threadpoolctl import threadpool_limits

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._kernels import (
    effective_n_threads,
    openmp_version,
    supported_instruction_sets,
)
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

CLASSIFIERS = [LSTMClassifier, RNNClassifier]
REGRESSORS = [LSTMRegressor, GRURegressor]
ESTIMATORS = CLASSIFIERS + REGRESSORS
ALL = [*ESTIMATORS, GRUClassifier, RNNRegressor]

all_estimators = pytest.mark.parametrize("Estimator", ALL)
every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
every_classifier = pytest.mark.parametrize("Classifier", CLASSIFIERS)
every_regressor = pytest.mark.parametrize("Regressor", REGRESSORS)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

# Few epochs are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


def small(Estimator, **params):
    params = {"max_iter": 2, "batch_size": 7, "random_state": 0, **params}
    return Estimator(params.pop("hidden_layer_sizes", (5, 4)), **params)


def make_target(Estimator, X, n_classes=3):
    if is_classifier(Estimator()):
        return np.arange(len(X)) % n_classes
    return np.array([100 * np.nansum(x) for x in X])


def small_fitted(Estimator, X, **params):
    return small(Estimator, **params).fit(X, make_target(Estimator, X))


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


def outputs(estimator, X):
    """Everything that an estimator has to say about X."""
    return {
        method: getattr(estimator, method)(X)
        for method in METHODS
        if hasattr(estimator, method)
    }


def assert_same_outputs(a, b):
    assert a.keys() == b.keys()
    for method, value in a.items():
        assert value.dtype == b[method].dtype
        assert_array_equal(value, b[method], err_msg=method)


def assert_same_bits(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, value in a.weights_.items():
        assert_array_equal(value, b.weights_[name], err_msg=name)
    assert a.loss_curve_ == b.loss_curve_


# ---- the five forms ---------------------------------------------------------------


def equal_length(n=20, n_steps=6, n_features=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_steps, n_features))


def ragged(n=20, n_features=3, seed=0, high=8):
    """Sequences of 0 to 7 steps, some of no steps and one of all."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, high, size=n)
    lengths[[3, 4]] = 0, high - 1
    return [rng.standard_normal((T, n_features)) for T in lengths]


def padded(sequences, n_steps=None):
    return SequenceArray.from_list(sequences).to_padded(n_steps=n_steps)


def with_object_items(sequences):
    result = np.empty(len(sequences), dtype=object)
    result[:] = sequences
    return result


RAGGED_FORMS = {
    "SequenceArray": SequenceArray.from_list,
    "list": list,
    "tuple": tuple,
    "object array": with_object_items,
    "list of DataFrames": lambda S: [pd.DataFrame(s) for s in S],
    "padded": padded,
    "padded more": lambda S: padded(S, 11),
}
EQUAL_FORMS = {
    **RAGGED_FORMS,
    "3-D": np.stack,
    "Fortran 3-D": lambda S: np.asfortranarray(np.stack(S)),
    "strided 3-D": lambda S: np.repeat(np.stack(S), 2, axis=1)[:, ::2],
}
UNIVARIATE_FORMS = {
    **EQUAL_FORMS,
    "2-D": lambda S: np.stack(S)[:, :, 0],
    "DataFrame": lambda S: pd.DataFrame(np.stack(S)[:, :, 0]),
    "lists of numbers": lambda S: np.stack(S)[:, :, 0].tolist(),
    "vectors": lambda S: [s[:, 0] for s in S],
}
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


# ---- the first promise: a prediction does not depend on what is beside it -----------


@pytest.fixture(scope="module", params=[LSTMClassifier, GRURegressor, RNNClassifier])
def wide(request):
    """An estimator of each kind, off the vector widths and large enough for threads."""
    X = [x for x in ragged(40, seed=2, high=30)]
    return small_fitted(
        request.param, X, hidden_layer_sizes=(37, 21), learning_rate_init=0.05
    )


def assert_subset_invariant(estimator, X, indices):
    together = outputs(estimator, X)
    for method, value in outputs(estimator, X[indices]).items():
        assert_array_equal(value, together[method][indices], err_msg=method)


def test_one_by_one(wide):
    X = SequenceArray.from_list(ragged(50, seed=3, high=40))
    together = outputs(wide, X)
    for i in range(len(X)):
        for method, value in outputs(wide, X[i : i + 1]).items():
            assert_array_equal(value[0], together[method][i], err_msg=method)


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_lengths_in_any_order(wide, data):
    lengths = data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=40))
    rng = np.random.default_rng(len(lengths))
    X = SequenceArray.from_list([rng.standard_normal((T, 3)) for T in lengths])
    order = data.draw(st.permutations(range(len(lengths))))
    part = order[: data.draw(st.integers(1, len(order)))]
    assert_subset_invariant(wide, X, np.array(order))
    assert_subset_invariant(wide, X, np.array(part))


def test_padding_and_containers_do_not_matter(wide):
    sequences = ragged(30, seed=4)
    expected = outputs(wide, sequences)
    for form in (SequenceArray.from_list(sequences), padded(sequences, 50)):
        assert_same_outputs(outputs(wide, form), expected)


def test_batches_of_predict_do_not_matter(wide, cut_batches):
    X = SequenceArray.from_list(ragged(30, seed=5))
    expected = outputs(wide, X)
    for n_steps in (1, 7, 50):
        cut_batches(n_steps)
        assert_same_outputs(outputs(wide, X), expected)
        assert len(cut_batches.numbers) == len(expected)
        assert min(cut_batches.numbers) > 1


def test_predict_in_many_threads_of_python(wide):
    """Predictions at once do not share a network."""
    parts = [SequenceArray.from_list(ragged(20, seed=s)) for s in range(12)]
    expected = [outputs(wide, X) for X in parts]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda X: outputs(wide, X), parts * 3))
    for a, b in zip(got, expected * 3, strict=True):
        assert_same_outputs(a, b)


# ---- the second promise: threads ----------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_predictions_do_not_depend_on_threads(wide, threads, n_threads):
    X = SequenceArray.from_list(ragged(60, seed=6, high=60))
    with threads(1):
        expected = outputs(wide, X)
    assert threads.used == {1}
    with threads(n_threads):
        assert effective_n_threads() == n_threads
        together = outputs(wide, X)
        assert threads.used == {n_threads}
        for method, value in together.items():
            assert_array_equal(value, expected[method])
        for i in range(0, 60, 7):
            for method, value in outputs(wide, X[i : i + 1]).items():
                assert_array_equal(value[0], together[method][i])
        assert_subset_invariant(wide, X, np.random.default_rng(0).permutation(60))


@every_estimator
@dtypes
@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights_do_not_depend_on_threads(Estimator, dtype, early_stopping, threads):
    X = SequenceArray.from_list(ragged(60, seed=7, high=60))
    y = make_target(Estimator, X)
    fitted = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            assert effective_n_threads() == n_threads
            estimator = small(
                Estimator, hidden_layer_sizes=(37, 21), batch_size=25, dtype=dtype,
                early_stopping=early_stopping, alpha=0.1,
            )  # fmt: skip
            fitted.append(estimator.fit(X, y))
            assert n_threads in threads.used
    for other in fitted[1:]:
        assert_same_bits(other, fitted[0])
        assert other.validation_scores_ == fitted[0].validation_scores_


@pytest.mark.parametrize(
    "Estimator, dtype",
    [
        (LSTMRegressor, "float32"), (LSTMRegressor, "float64"),
        (GRUClassifier, "float32"), (RNNRegressor, "float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("solver", ["sgd", "adamw", "rmsprop", "lbfgs"])
def test_weights_of_every_solver_do_not_depend_on_threads(
    Estimator, dtype, solver, threads, monkeypatch
):
    """Nor on those of BLAS, which scipy's L-BFGS uses; more than 10,000 parameters."""
    monkeypatch.setattr("sklstm._kernels.PARALLEL_SIZE", 1000)
    X = SequenceArray.from_list(ragged(60, seed=7, high=60))
    y = make_target(Estimator, X)
    fitted = []
    for n_threads in (1, 2, 3):
        with threads(n_threads), threadpool_limits(n_threads, user_api="blas"):
            estimator = small(
                Estimator, hidden_layer_sizes=(60, 21), dtype=dtype, alpha=0.1,
                solver=solver, max_iter=12, max_grad_norm=0.1,
            )  # fmt: skip
            fitted.append(estimator.fit(X, y))
            assert n_threads in threads.used
    for other in fitted[1:]:
        assert_same_bits(other, fitted[0])


SCRIPT = """
import hashlib
import warnings
import numpy as np
import sklstm
from sklstm._kernels import effective_n_threads
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = [rng.standard_normal((T, 3)) for T in rng.integers(0, 60, 50)]
y = np.arange(50) % 3
digest = hashlib.sha256()
for name in {names!r}:
    model = getattr(sklstm, name)((37, 21), max_iter=2, random_state=0, batch_size=25)
    model.fit(X, y)
    digest.update(model.predict(X).tobytes())
    for value in model.weights_.values():
        digest.update(value.tobytes())
print(effective_n_threads(), digest.hexdigest())
"""


@pytest.mark.skipif(not openmp_version(), reason="built without OpenMP")
def test_same_bits_in_other_processes(tmp_path):
    """Threads and instruction sets as a user sets them, through the environment."""
    script = SCRIPT.format(names=[Estimator.__name__ for Estimator in ALL])
    # Those with FMA; between them the bits are the same too.
    isas = [name for name in supported_instruction_sets() if name != "baseline"]
    isas = isas or ["baseline"]
    digests = set()
    for n_threads, isa in [*product([1], isas), (2, isas[0]), (3, isas[-1])]:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            env={**os.environ, "OMP_NUM_THREADS": str(n_threads), "SKLSTM_ISA": isa},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        used, digest = done.stdout.split()
        assert int(used) == n_threads
        digests.add(digest)
    assert len(digests) == 1
    assert not list(tmp_path.iterdir())


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


# ---- scikit-learn's tools around an estimator ---------------------------------------

SEARCH = {"hidden_layer_sizes": [(3,), (4, 3)], "alpha": [0.0, 0.1]}
TOOL_FORMS = {
    "SequenceArray": SequenceArray.from_list,
    "list": list,
    "padded": padded,
}
tool_forms = pytest.mark.parametrize("form", TOOL_FORMS.values(), ids=TOOL_FORMS)


def rows(sequences, indices):
    return [sequences[i] for i in indices]


@pytest.fixture
def sequences():
    return ragged(30, seed=8)


@every_estimator
@tool_forms
def test_grid_search(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    scoring = "neg_log_loss" if is_classifier(Estimator()) else "neg_mean_squared_error"
    cv = KFold(3)
    search = GridSearchCV(small(Estimator), SEARCH, scoring=scoring, cv=cv).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_).fit(sequences, y)
    assert_same_outputs(outputs(search, X), outputs(best, sequences))
    assert search.score(X, y) == search.scorer_(best, sequences, y)


@every_estimator
def test_grid_search_in_processes(Estimator, sequences):
    X, y = SequenceArray.from_list(sequences), make_target(Estimator, sequences)
    alone, together = (
        GridSearchCV(small(Estimator), {"alpha": [0.0, 0.1]}, cv=2, n_jobs=n).fit(X, y)
        for n in (1, 2)
    )
    assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )
    assert_same_bits(alone.best_estimator_, together.best_estimator_)


@every_estimator
@tool_forms
def test_other_searches(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    for search in (
        RandomizedSearchCV(small(Estimator), SEARCH, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(
            small(Estimator), SEARCH, cv=2, min_resources=10, random_state=0
        ),
    ):
        search.fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert_same_outputs(
            outputs(search, X), outputs(search.best_estimator_, sequences)
        )
    assert search.n_resources_ == [10, 30]


@every_estimator
@tool_forms
def test_cross_validation(Estimator, form, sequences):
    """Every fold is what a loop over the folds gives."""
    X, y = form(sequences), make_target(Estimator, sequences)
    folds = list(KFold(3, shuffle=True, random_state=0).split(y))
    scores = cross_val_score(small(Estimator), X, y, cv=folds)
    predicted = cross_val_predict(small(Estimator), X, y, cv=folds)
    weight = np.arange(30.0) % 4
    weighted = cross_validate(
        small(Estimator), X, y, cv=folds, params={"sample_weight": weight}
    )
    for k, (train, test) in enumerate(folds):
        X_train, X_test = rows(sequences, train), rows(sequences, test)
        estimator = small(Estimator).fit(X_train, y[train])
        assert scores[k] == estimator.score(X_test, y[test])
        assert_array_equal(predicted[test], estimator.predict(X_test))
        estimator.fit(X_train, y[train], sample_weight=weight[train])
        assert weighted["test_score"][k] == estimator.score(X_test, y[test])


@every_classifier
@tool_forms
@pytest.mark.parametrize("method", METHODS[1:])
def test_cross_val_predict(Classifier, form, method, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    folds = list(StratifiedKFold(3).split(y, y))
    got = cross_val_predict(small(Classifier), X, y, cv=folds, method=method)
    for train, test in folds:
        estimator = small(Classifier).fit(rows(sequences, train), y[train])
        expected = getattr(estimator, method)(rows(sequences, test))
        assert_array_equal(got[test], expected)


@every_estimator
@tool_forms
def test_group_k_fold(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    groups = np.repeat(np.arange(6), 5)
    scores = cross_val_score(small(Estimator), X, y, groups=groups, cv=GroupKFold(3))
    folds = GroupKFold(3).split(X, y, groups)
    for score, (train, test) in zip(scores, folds, strict=True):
        assert not set(groups[train]) & set(groups[test])
        estimator = small(Estimator).fit(rows(sequences, train), y[train])
        assert score == estimator.score(rows(sequences, test), y[test])


@pytest.mark.filterwarnings("ignore:The first call of partial_fit has")
@every_estimator
@tool_forms
@pytest.mark.parametrize("incremental", [False, True])
def test_learning_curve(Estimator, form, incremental, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    sizes, train_scores, test_scores = learning_curve(
        small(Estimator), X, y, cv=KFold(2, shuffle=True, random_state=0),
        train_sizes=[0.5, 1.0], exploit_incremental_learning=incremental,
    )  # fmt: skip
    assert_array_equal(sizes, [7, 15])
    assert np.isfinite(train_scores).all() and np.isfinite(test_scores).all()
    assert test_scores.shape == (2, 2)


@every_estimator
@tool_forms
def test_validation_curve_and_permutations(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    train_scores, _ = validation_curve(
        small(Estimator), X, y, cv=2, param_name="alpha", param_range=[0, 1]
    )
    assert np.isfinite(train_scores).all()
    score, permuted, _ = permutation_test_score(
        small(Estimator), X, y, cv=2, n_permutations=2
    )
    assert np.isfinite([score, *permuted]).all()


@every_estimator
@tool_forms
def test_stacking(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    members = [("a", small(Estimator)), ("b", small(Estimator, random_state=1))]
    if is_classifier(Estimator()):
        model = StackingClassifier(members, LogisticRegression(), cv=2)
    else:
        model = StackingRegressor(members, Ridge(), cv=2)
    model.fit(X, y)
    assert model.predict(X).shape == y.shape
    assert np.isfinite(model.transform(X)).all()
    assert_array_equal(
        outputs(model.estimators_[1], X)["predict"],
        small(Estimator, random_state=1).fit(sequences, y).predict(sequences),
    )


@every_estimator
@tool_forms
def test_voting(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    members = [("a", small(Estimator)), ("b", small(Estimator, random_state=1))]
    a, b = (clone(member).fit(sequences, y) for _, member in members)
    if is_classifier(Estimator()):
        model = VotingClassifier(members, voting="soft").fit(X, y)
        expected = (a.predict_proba(sequences) + b.predict_proba(sequences)) / 2
        assert_allclose(model.predict_proba(X), expected)
        VotingClassifier(members, voting="hard").fit(X, y).predict(X)
    else:
        model = VotingRegressor(members).fit(X, y)
        expected = (a.predict(sequences) + b.predict(sequences)) / 2
        assert_allclose(model.predict(X), expected)


@every_classifier
@tool_forms
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("ensemble", [False, True])
def test_calibration(Classifier, form, method, ensemble, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    model = CalibratedClassifierCV(
        small(Classifier), method=method, cv=2, ensemble=ensemble
    ).fit(X, y)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.predict(X).shape == y.shape


@every_classifier
@tool_forms
def test_one_vs_rest(Classifier, form, sequences):
    X, y = form(sequences), make_target(Classifier, sequences)
    model = OneVsRestClassifier(small(Classifier)).fit(X, y)
    for k, estimator in enumerate(model.estimators_):
        expected = small(Classifier).fit(sequences, (y == k).astype(int))
        assert_same_outputs(outputs(estimator, X), outputs(expected, sequences))
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.predict(X).shape == y.shape


@every_classifier
@tool_forms
def test_thresholds(Classifier, form, sequences):
    X, y = form(sequences), make_target(Classifier, sequences, n_classes=2)
    model = TunedThresholdClassifierCV(
        small(Classifier), scoring="f1", cv=2, thresholds=11
    ).fit(X, y)
    assert 0 <= model.best_threshold_ <= 1
    expected = small(Classifier).fit(sequences, y).predict_proba(sequences)[:, 1]
    assert_array_equal(model.predict(X), expected >= model.best_threshold_)
    fixed = FixedThresholdClassifier(
        small(Classifier), threshold=0.4, response_method="predict_proba"
    ).fit(X, y)
    assert_array_equal(fixed.predict(X), expected >= 0.4)


@every_estimator
@tool_forms
def test_one_estimator_for_each_output(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    Wrapper = (
        MultiOutputClassifier if is_classifier(Estimator()) else MultiOutputRegressor
    )
    model = Wrapper(small(Estimator)).fit(X, np.c_[y, y[::-1]])
    expected = small(Estimator).fit(sequences, y[::-1]).predict(sequences)
    assert_array_equal(model.predict(X)[:, 1], expected)


@every_regressor
@tool_forms
def test_transformed_target(Regressor, form, sequences):
    X, y = form(sequences), make_target(Regressor, sequences)
    model = TransformedTargetRegressor(
        small(Regressor, dtype="float64"), transformer=StandardScaler()
    ).fit(X, y)
    plain = small(Regressor, dtype="float64").fit(sequences, y)
    assert_allclose(model.predict(X), plain.predict(sequences), rtol=1e-5)
    y = 1.0 + np.arange(30)
    model = TransformedTargetRegressor(
        small(Regressor), func=np.log, inverse_func=np.exp
    ).fit(X, y)
    expected = np.exp(small(Regressor).fit(sequences, np.log(y)).predict(sequences))
    assert_allclose(model.predict(X), expected)


@every_estimator
@tool_forms
def test_pipeline(Estimator, form, sequences):
    X, y = form(sequences), make_target(Estimator, sequences)
    name = Estimator.__name__.lower()
    model = make_pipeline(
        TimeDistributed(StandardScaler()), FrameStacker(2), small(Estimator)
    )
    search = GridSearchCV(
        model,
        {
            f"{name}__hidden_layer_sizes": [(3,), (4,)],
            "framestacker__n_frames": [1, 3],
            "timedistributed__transformer__with_mean": [True, False],
        },
        cv=KFold(2, shuffle=True, random_state=0),
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_)
    assert_same_outputs(outputs(search, X), outputs(best.fit(sequences, y), sequences))
    # step by step
    model.fit(X, y)
    scaled = TimeDistributed(StandardScaler()).fit_transform(sequences)
    stacked = FrameStacker(2).fit_transform(scaled)
    expected = small(Estimator).fit(stacked, y)
    assert_array_equal(model.predict(X), expected.predict(stacked))
    assert model[-1].n_features_in_ == 6
    weight = np.arange(30.0)
    model.fit(X, y, **{f"{name}__sample_weight": weight})
    assert_array_equal(
        model.predict(X), expected.fit(stacked, y, weight).predict(stacked)
    )


def test_clone_inside_of_tools_is_unfitted(sequences):
    """Tools fit clones: the estimator given to them stays as it was."""
    estimator = small(LSTMClassifier)
    cross_val_score(estimator, sequences, np.arange(30) % 3, cv=2)
    assert vars(estimator).keys() == estimator.get_params().keys()
