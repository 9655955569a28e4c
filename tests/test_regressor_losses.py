"""The losses of the regressors: what they learn, predict, refuse and go on from."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_expit
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    d2_pinball_score,
    d2_tweedie_score,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.utils.estimator_checks import check_estimator
from task_cases import AT_START, assert_same_bits, by_hand, ragged, sums

from sklstm import LSTMRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

QUANTILES = [0.9, 0.1, 0.5, 0.25]
LOSSES = {
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber", "huber_delta": 0.5},
    "poisson": {"loss": "poisson"},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "quantiles": {"loss": "quantile", "quantile": QUANTILES},
}
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_target = pytest.mark.parametrize("several", [False, True])
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def small(loss, hidden=5, **params):
    params = {"max_iter": 3, "random_state": 0, "batch_size": 10, **params}
    params = {"learning_rate": "constant", **params}
    return LSTMRegressor(hidden, **LOSSES.get(loss, {}), **params)


def make_target(X, several=False):
    """Numbers from 0 on, some of them 0."""
    y = np.maximum(np.round(5 + sums(X)), 0)
    return np.c_[y, np.arange(len(X)) % 5] if several else y


def robust_units(y):
    """Median, and interquartile range over that of a standard normal distribution."""
    low, median, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    return median, (high - low) / (norm.ppf(0.75) - norm.ppf(0.25))


# ---- scikit-learn's contract -------------------------------------------------------

# A matrix of quantiles is no vector, and no check knows of counts in several outputs.
NOT_MEANT = {
    "quantiles": {"check_regressors_train", "check_regressor_multioutput"},
    "poisson": {"check_regressor_multioutput"},
}


@every_loss
@pytest.mark.filterwarnings("ignore")
def test_check_estimator(loss):
    results = check_estimator(
        LSTMRegressor(16, learning_rate_init=0.03, **LOSSES[loss]),
        on_skip=None,
        on_fail=None,
    )
    names = {r["check_name"] for r in results if r["status"] == "passed"}
    assert len(names) >= 45 - len(NOT_MEANT.get(loss, ()))
    assert "check_sample_weight_equivalence_on_dense_data" in names
    failed = {r["check_name"] for r in results if r["status"] != "passed"}
    assert failed - {"check_array_api_input"} == NOT_MEANT.get(loss, set())


@pytest.mark.parametrize("loss", [*LOSSES, "squared_error"])
def test_tags(loss):
    assert small(loss).__sklearn_tags__().target_tags.positive_only == (
        loss == "poisson"
    )


# ---- what is learnt is what predicts -----------------------------------------------


@every_loss
def test_shapes(loss):
    X = ragged()
    y = make_target(X)
    last = (len(QUANTILES),) if loss == "quantiles" else ()
    for target in (y, y[:, np.newaxis], make_target(X, several=True)):
        model = small(loss).fit(X, target)
        assert model.predict(X).shape == target.shape + last
        K = (target.shape[1] if target.ndim == 2 else 1) * (last or (1,))[0]
        assert model.n_outputs_ == K
        assert model.weights_["head_weight"].shape == (K, 5)
        assert model.weights_["head_bias"].shape == (K,)
        assert np.isfinite(model.score(X, target))


@every_loss
@every_target
def test_predictions_from_weights_alone(loss, several):
    X = ragged()
    y = make_target(X, several)
    model = small(loss, dtype="float64", max_iter=20).fit(X, y)
    output = by_hand(model, X)
    if loss == "poisson":
        assert model.out_activation_ == "exp"
        expected = np.exp(output)
    elif loss == "quantiles":
        assert model.out_activation_ == "softplus_increments"
        output = output.reshape(24, -1, 4)
        step = -log_expit(-output)
        middle = output[..., 2]
        first = middle - step[..., 1]
        ascending = [first - step[..., 0], first, middle, middle + step[..., 3]]
        columns = y.reshape(24, -1)
        expected = np.stack([ascending[k] for k in (3, 0, 2, 1)], axis=-1)
        median, scale = robust_units(columns)
        expected = expected * scale[:, np.newaxis] + median[:, np.newaxis]
    else:
        assert model.out_activation_ == "identity"
        expected = output
    expected = expected if several else expected[:, 0]
    assert_allclose(model.predict(X), expected, rtol=1e-9, atol=1e-12)


def test_one_quantile_in_a_list_is_the_float():
    X = ragged()
    y = make_target(X)
    one = small("quantile").fit(X, y)
    listed = small("quantile").set_params(quantile=[0.8]).fit(X, y)
    assert_array_equal(listed.predict(X), one.predict(X)[:, np.newaxis])
    assert one.out_activation_ == listed.out_activation_ == "identity"


def test_order_of_quantiles_is_that_of_columns():
    X = ragged()
    y = make_target(X, several=True)
    given = small("quantiles", max_iter=10).fit(X, y)
    ascending = small("quantiles", max_iter=10).set_params(quantile=sorted(QUANTILES))
    ascending.fit(X, y)
    assert_same_bits(given, ascending)
    at = [sorted(QUANTILES).index(level) for level in QUANTILES]
    assert_array_equal(given.predict(X), ascending.predict(X)[..., at])
    for form in (tuple, np.array):
        same = small("quantiles", max_iter=10).set_params(quantile=form(QUANTILES))
        assert_array_equal(same.fit(X, y).predict(X), given.predict(X))


@every_loss
def test_predictions_are_those_of_the_fitted_loss(loss):
    """Whatever the parameters say since."""
    X = ragged()
    model = small(loss).fit(X, make_target(X))
    expected, score = model.predict(X), model.score(X, make_target(X))
    model.set_params(loss="quantile" if loss == "poisson" else "poisson")
    assert_array_equal(model.predict(X), expected)
    model.set_params(quantile=[0.3, 0.4], loss="quantile", huber_delta=3.0)
    assert_array_equal(model.predict(X), expected)
    assert model.score(X, make_target(X)) == score


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "poisson"])
@pytest.mark.parametrize("exponent", [-300, -1, 600])
def test_units_of_y_do_not_matter(loss, exponent):
    """A power of two scales every prediction by itself, to the bit."""
    X = ragged()
    y, scale = make_target(X) - 4, 2.0**exponent
    plain, scaled = small(loss).fit(X, y), small(loss).fit(X, scale * y)
    assert_array_equal(scaled.predict(X), scale * plain.predict(X))
    assert scaled.loss_curve_ == plain.loss_curve_


@every_loss
@dtypes
@pytest.mark.parametrize("value", [1e-3, 0.3, 5.0, 1e6])
def test_constant_target(loss, dtype, value):
    X = ragged()
    model = small(loss, dtype=dtype, max_iter=30).fit(X, np.full(24, value))
    assert np.isfinite(model.loss_curve_).all()
    assert_allclose(model.predict(X), value, rtol=0.2, atol=0.2)


# ---- where training starts ---------------------------------------------------------


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_head_starts_at_the_best_constant(loss, weighted):
    X = ragged()
    y = make_target(X, several=True)
    weight = np.arange(24) % 4 + 1 if weighted else np.ones(24, dtype=int)
    start = small(loss, **AT_START).fit(X, y, weight if weighted else None)
    repeated = np.repeat(y, weight, axis=0)
    if loss == "poisson":
        assert_allclose(
            start.weights_["head_bias"], np.log(repeated.mean(axis=0)), rtol=1e-12
        )
        return
    levels = {"quantile": 0.8, "quantiles": QUANTILES}.get(loss, 0.5)
    expected = np.quantile(repeated, levels, axis=0, method="inverted_cdf").T
    predicted = start.predict([np.empty((0, 3))])[0]
    # equal quantiles start a thousandth of a standard deviation apart
    atol = 5e-3 * y.std() if loss == "quantiles" else 1e-12
    assert_allclose(predicted, expected, rtol=1e-12, atol=atol)


def test_training_part_without_events():
    """The validation part may take all of them: the start is that of half an event."""
    X = ragged()
    y = np.zeros(24)
    y[7] = 3
    model = small("poisson", early_stopping=True, validation_fraction=0.2, **AT_START)
    starts = {
        model.set_params(random_state=seed).fit(X, y).weights_["head_bias"][0]
        for seed in range(20)
    }
    assert_allclose(sorted(starts), np.log([0.5 / 19, 3 / 19]), rtol=1e-12)


# ---- weights, going on, pickles ----------------------------------------------------


@every_loss
@every_target
@dtypes
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_integer_weights_are_repetition(loss, several, dtype, solver):
    """To the bit in a full batch, loss included, wherever the copies stand."""
    X = ragged()
    y = make_target(X, several)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, 24)
    index = rng.permutation(np.repeat(np.arange(24), weight))
    params = {"dtype": dtype, "batch_size": 1000, "alpha": 0.1, "solver": solver}
    weighted = small(loss, **params).fit(X, y, weight)
    repeated = small(loss, **params).fit([X[i] for i in index], y[index])
    assert_same_bits(weighted, repeated)
    assert weighted.loss_curve_ == repeated.loss_curve_
    assert_array_equal(weighted.predict(X), repeated.predict(X))
    three = small(loss, **params).fit(X, y, np.full(24, 3.0))
    copies = small(loss, **params).fit(X * 3, np.concatenate([y] * 3))
    assert_same_bits(three, copies)
    assert three.loss_curve_ == copies.loss_curve_


@every_loss
@every_target
def test_partial_fit_is_one_epoch(loss, several):
    X = ragged()
    y = make_target(X, several)
    whole = small(loss, max_iter=4).fit(X, y)
    parts = small(loss, max_iter=77).partial_fit(X, y)
    parts = pickle.loads(pickle.dumps(parts))
    for _ in range(3):
        parts.partial_fit(X, y)
    assert parts.loss_curve_ == whole.loss_curve_
    assert_same_bits(parts, whole)
    assert_array_equal(parts.predict(X), whole.predict(X))


@every_loss
@every_target
def test_warm_start_goes_on(loss, several):
    X = ragged()
    y = make_target(X, several)
    params = {"shuffle": False, "n_iter_no_change": 100}
    whole = small(loss, max_iter=20, **params).fit(X, y)
    warm = small(loss, max_iter=10, warm_start=True, **params).fit(X, y)
    warm = copy.deepcopy(warm).fit(X, y)
    assert warm.loss_curve_ == whole.loss_curve_
    assert_same_bits(warm, whole)


@every_loss
def test_clones_and_pickles(loss):
    X = ragged()
    y = make_target(X)
    model = small(loss).fit(X, y)
    assert clone(model).get_params() == model.get_params()
    assert_same_bits(clone(model).fit(X, y), model)
    back = pickle.loads(pickle.dumps(model))
    assert_array_equal(back.predict(X), model.predict(X))
    assert back.score(X, y) == model.score(X, y)


CHANGES = [
    ("squared_error", {"loss": "absolute_error"}, "'squared_error'.*'absolute_error'"),
    ("poisson", {"loss": "squared_error"}, "'poisson'.*'squared_error'"),
    ("absolute_error", {"loss": "poisson"}, "'absolute_error'.*'poisson'"),
    ("huber", {"huber_delta": 2}, "huber_delta=0.5.*huber_delta=2.0"),
    ("quantile", {"quantile": 0.5}, "quantile=0.8.*quantile=0.5"),
    ("quantile", {"quantile": [0.8]}, r"quantile=0.8.*quantile=\[0.8\]"),
    ("quantiles", {"quantile": [0.1, 0.9]}, r"quantile=\[0.9, .*quantile=\[0.1, 0.9\]"),
    ("quantiles", {"loss": "huber"}, r"quantile=\[0.9, .*with huber_delta=1.0"),
]


@pytest.mark.parametrize("loss, change, message", CHANGES)
def test_loss_cannot_change_in_a_fit_that_goes_on(loss, change, message):
    X = ragged()
    y = make_target(X)
    model = small(loss).fit(X, y)
    before, bits = pickle.dumps(model.predict(X)), dict(vars(model))
    match = f"loss, quantile and huber_delta cannot change.*{message}.*warm_start=False"
    model.set_params(**change)
    with pytest.raises(ValueError, match=match):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match=match):
        model.set_params(warm_start=True).fit(X, y)
    assert pickle.dumps(model.predict(X)) == before
    assert all(vars(model)[name] is bits[name] for name in bits if name.endswith("_"))
    model.set_params(warm_start=False).fit(X, y)
    assert_same_bits(model, small(loss).set_params(**change).fit(X, y))


def test_parameters_of_other_losses_may_change():
    X = ragged()
    y = make_target(X)
    for loss in ("squared_error", "poisson"):
        model = small(loss).fit(X, y)
        model.set_params(quantile=[0.1], huber_delta=9.0).partial_fit(X, y)


# ---- what is refused ---------------------------------------------------------------

BAD_COUNTS = {
    "negative": ([3, 1, -2.5, 0, -1] + [1] * 19, "sample 2 has target -2.5"),
    "negative of two": (
        np.c_[np.ones(24), [1] * 20 + [-3, 1, 1, 1]],
        "sample 20, output 1 has target -3",
    ),
    "nothing": (np.zeros(24), "y is 0 for all 24 samples.*sum above zero"),
    "nothing in one": (
        np.c_[np.ones(24), np.zeros(24)],
        "Output 1 of y is 0 for all 24 samples",
    ),
}


@pytest.mark.parametrize("case", BAD_COUNTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_poisson_needs_counts(case, method):
    y, message = BAD_COUNTS[case]
    X = ragged()
    fresh, fitted = small("poisson"), small("poisson").fit(X, make_target(X))
    for model in (fresh, fitted):
        if model is fitted and (method, case[:7]) == ("partial_fit", "nothing"):
            continue
        before = dict(vars(model))
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(X, y)
        assert vars(model) == before
    small("absolute_error").fit(X, y)


def test_poisson_names_samples_beside_those_of_no_weight():
    X = ragged()
    y, weight = np.ones(24), np.r_[0, 0, np.ones(22)]
    y[5] = -1
    with pytest.raises(ValueError, match="sample 5 has target -1"):
        small("poisson").fit(X, y, weight)
    with pytest.raises(ValueError, match="y is 0 for all 22 samples"):
        small("poisson").fit(X, 1 - np.sign(weight), weight)


def test_poisson_validation_targets():
    X = ragged()
    y = make_target(X)
    model = small("poisson", early_stopping=True)
    with pytest.raises(ValueError, match="In X_val.*sample 0 has target -1"):
        model.fit(X, y, X_val=X, y_val=y - 1 - y[0])
    model.fit(X, y, X_val=X, y_val=np.zeros(24))
    assert np.isfinite(model.validation_scores_).all()


def test_later_counts_may_all_be_zero():
    X = ragged()
    model = small("poisson").fit(X, make_target(X))
    before = model.predict(X).mean()
    for _ in range(30):
        model.partial_fit(X, np.zeros(24))
    assert 0 < model.predict(X).mean() < before


BAD_QUANTILES = [
    (0, "quantile"), (1, "quantile"), (-0.1, "quantile"), (np.nan, "quantile"),
    (None, "quantile"), ("0.5", "quantile"), (50, "quantile"), (True, "quantile"),
    ([], "has shape"), ([[0.1, 0.9]], r"has shape \(1, 2\)"), ([0.1, 1], "holds 1"),
    ([0.0, 0.5], "holds 0"), ([0.5, np.nan], "holds nan"), ([10, 50], "holds 10"),
    ([0.5, 0.1, 0.5], "holds 0.5 twice"), (["0.1", "0.9"], "not all numbers"),
    ([0.1, None], "not all numbers"), ([0.1, [0.2]], "quantile"),
    ({0.1: 0.9}, "quantile"), (np.array(0.5), "has shape"),
]  # fmt: skip


@pytest.mark.parametrize("quantile, message", BAD_QUANTILES)
def test_bad_quantiles(quantile, message):
    X = ragged()
    for loss in ("quantile", "squared_error"):
        model = small("squared_error").set_params(loss=loss, quantile=quantile)
        before = dict(vars(model))
        with pytest.raises(ValueError, match=message) as caught:
            model.fit(X, make_target(X))
        assert "quantile" in str(caught.value)
        assert vars(model) == before


@pytest.mark.parametrize("delta", [0, -1.0, None, "a", np.nan])
def test_bad_huber_delta(delta):
    X = ragged()
    with pytest.raises(ValueError, match="huber_delta"):
        small("huber").set_params(huber_delta=delta).fit(X, make_target(X))


@dtypes
def test_overflow_of_the_link_stops_training(dtype):
    X = ragged()
    model = small(
        "poisson", solver="sgd", max_grad_norm=None, learning_rate_init=1e6,
        dtype=dtype, max_iter=20,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="not finite in epoch"):
        model.fit(X, make_target(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.predict([1e9 * x for x in X])).all()


# ---- scores ------------------------------------------------------------------------


@every_loss
@every_target
@pytest.mark.parametrize("weighted", [False, True])
def test_score(loss, several, weighted):
    X = ragged()
    y = make_target(X, several)
    weight = np.arange(1.0, 25) if weighted else None
    model = small(loss, max_iter=10).fit(X, y)
    predicted = model.predict(X)
    if loss == "quantiles":
        expected = np.mean(
            [
                d2_pinball_score(y, predicted[..., j], sample_weight=weight, alpha=q)
                for j, q in enumerate(QUANTILES)
            ]
        )
    else:
        expected = r2_score(y, predicted, sample_weight=weight)
    assert model.score(X, y, weight) == pytest.approx(expected, rel=1e-12)


def huber_by_hand(y, predicted, weight, delta):
    d = np.abs(y - predicted)
    loss = np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))
    return np.average(loss, weights=weight)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_validation_score_is_minus_the_loss(loss, weighted):
    """In units of the standardised target; the best of them is what is kept."""
    X = ragged(60)
    y = make_target(X)
    X, y, X_val, y_val = X[:40], y[:40], X[40:], y[40:]
    weight = np.arange(1.0, 21) if weighted else None
    model = small(loss, early_stopping=True, max_iter=30, dtype="float64").fit(
        X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight
    )
    predicted, weights = model.predict(X_val), {"sample_weight": weight}
    unit = robust_units(y)[1]
    expected = {
        "absolute_error": lambda: (
            mean_absolute_error(y_val, predicted, **weights) / unit
        ),
        "huber": lambda: huber_by_hand(y_val / unit, predicted / unit, weight, 0.5),
        "poisson": lambda: mean_poisson_deviance(y_val, predicted, **weights) / 2,
        "quantile": lambda: (
            mean_pinball_loss(y_val, predicted, alpha=0.8, **weights) / unit
        ),
        "quantiles": lambda: np.mean(
            [
                mean_pinball_loss(y_val, values, alpha=level, **weights) / unit
                for level, values in zip(QUANTILES, predicted.T)
            ]
        ),
    }[loss]()
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_validation_score_ == pytest.approx(-expected, rel=1e-9)


def test_quantiles_in_searches():
    X = ragged(60)
    y = make_target(X)
    search = GridSearchCV(small("quantiles"), {"max_iter": [1, 20]}, cv=3).fit(X, y)
    assert search.best_params_ == {"max_iter": 20}
    assert search.score(X, y) == search.best_estimator_.score(X, y)
    assert cross_val_predict(small("quantiles"), X, y, cv=3).shape == (60, 4)


# ---- what is learnt ----------------------------------------------------------------


def noisy(n, seed):
    """A sum, with noise whose size the last step says."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(4, 15, size=n)]
    center = np.array([x[:, 0].sum() / 2 for x in X])
    spread = np.exp([0.5 * x[-1, 1] for x in X])
    return X, 100 * (center + spread * rng.standard_normal(n))


def test_quantiles_are_calibrated():
    levels = [0.9, 0.05, 0.5, 0.25]
    X, y = noisy(2000, seed=0)
    X_test, y_test = noisy(4000, seed=1)
    model = LSTMRegressor(
        16, loss="quantile", quantile=levels, max_iter=20, learning_rate="cosine",
        learning_rate_init=0.005, random_state=0,
    ).fit(X, y)  # fmt: skip
    predicted = model.predict(X_test)
    assert_allclose(
        np.mean(y_test[:, np.newaxis] <= predicted, axis=0), levels, atol=0.04
    )
    # intervals follow the noise
    width = predicted[:, 0] - predicted[:, 1]
    loud = np.array([x[-1, 1] for x in X_test]) > 0
    assert width[loud].mean() > 1.5 * width[~loud].mean()
    inside = (predicted[:, 1] < y_test) & (y_test <= predicted[:, 0])
    assert_allclose([inside[loud].mean(), inside[~loud].mean()], 0.85, atol=0.05)
    assert model.score(X_test, y_test) > 0.3
    for data in (X_test, [30 * x for x in X_test], [np.full((3, 2), 1e6)]):
        ascending = model.predict(data)[:, np.argsort(levels)]
        assert (np.diff(ascending) >= 0).all()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_one_quantile_is_calibrated(level):
    X, y = noisy(2000, seed=0)
    X_test, y_test = noisy(4000, seed=1)
    model = LSTMRegressor(
        16, loss="quantile", quantile=level, max_iter=20, learning_rate="cosine",
        random_state=0,
    ).fit(X, y)  # fmt: skip
    assert np.mean(y_test <= model.predict(X_test)) == pytest.approx(level, abs=0.04)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_outliers_move_the_median_less_than_the_mean(loss):
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=400)]
    clean = np.array([x.sum() for x in X])
    y = clean.copy()
    y[:300:10] += 30
    errors = {}
    for name in (loss, "squared_error"):
        model = LSTMRegressor(
            8, loss=name, huber_delta=0.05, random_state=0, learning_rate_init=0.01
        ).fit(X[:300], y[:300])
        errors[name] = mean_absolute_error(clean[300:], model.predict(X[300:]))
    assert errors[loss] < 0.5
    assert errors["squared_error"] > 3 * errors[loss]


def counts(n, seed):
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(3, 12, size=n)]
    return X, rng.poisson([2 * np.exp(0.5 * x[:, 0].sum()) for x in X])


def test_poisson_is_better_for_counts():
    X, y = counts(600, seed=0)
    X_test, y_test = counts(1000, seed=1)
    deviance = {}
    for loss in ("poisson", "squared_error"):
        model = LSTMRegressor(16, loss=loss, random_state=0, early_stopping=True)
        predicted = model.fit(X, y).predict(X_test)
        if loss == "poisson":
            assert (predicted > 0).all()
            assert d2_tweedie_score(y_test, predicted, power=1) > 0.8
        # without which squared error has no deviance at all
        predicted = np.maximum(predicted, 1e-2)
        deviance[loss] = mean_poisson_deviance(y_test, predicted)
    assert deviance["poisson"] < 0.8 * deviance["squared_error"]
