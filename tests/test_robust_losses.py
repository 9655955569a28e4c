"""Units of targets: outliers set neither centre nor scale where the loss is robust."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.metrics import mean_absolute_error, r2_score

from sklstm import GRURegressor, LSTMRegressor, RNNRegressor
from sklstm._network.losses.statistics import distinct
from sklstm._targets.units import units_of

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

ROBUST = ("absolute_error", "huber", "quantile")
every_robust = pytest.mark.parametrize("loss", ROBUST)
IQR = norm.ppf(0.75) - norm.ppf(0.25)


def units(y, loss="huber", weight=None, **params):
    """Centre and scale that a regressor finds for y."""
    X = np.zeros((len(y), 2, 1))
    model = LSTMRegressor(2, loss=loss, max_iter=1, random_state=0, **params)
    model.fit(X, y, weight)
    return model._fitted.target.mean, model._fitted.target.scale


# ---- what is learnt ----------------------------------------------------------------


def near_a_sum(n=1400):
    """Sequences and their sums, near N(0, 3)."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=n)]
    y = np.array([x.sum() for x in X])
    return X, 3 * y / y.std(), rng


@every_robust
@pytest.mark.parametrize("Regressor", [LSTMRegressor, GRURegressor])
@pytest.mark.parametrize(
    "share, value", [(0.01, 1000), (0.01, -1e20), (0.1, 1e6), (0.01, 1e300)]
)
def test_outliers_hardly_matter(loss, Regressor, share, value):
    """For "huber", whose minimum is moved by half a delta at most, up to a tenth."""
    X, clean, rng = near_a_sum()
    y = clean.copy()
    y[rng.permutation(1000)[: int(share * 1000)]] = value
    model = Regressor(
        16, loss=loss, learning_rate_init=0.005, max_iter=40, random_state=0
    ).fit(X[:1000], y[:1000])
    error = mean_absolute_error(clean[1000:], model.predict(X[1000:]))
    assert error < (0.8 if (loss, share) == ("huber", 0.1) else 0.25)


@every_robust
def test_each_output_has_its_own_units(loss):
    X, clean, rng = near_a_sum()
    y = np.c_[clean, clean + 50, -clean / 1000]
    y[rng.permutation(1000)[:10], 1] = 1e9
    model = RNNRegressor(
        16, loss=loss, learning_rate_init=0.005, max_iter=40, random_state=0
    ).fit(X[:1000], y[:1000])
    predicted = model.predict(X[1000:]) - [0, 50, 0]
    errors = np.abs(predicted / [1, 1, -1e-3] - clean[1000:, np.newaxis]).mean(axis=0)
    assert (errors < 0.3).all()


# ---- centre and scale --------------------------------------------------------------


@every_robust
def test_median_and_interquartile_range(loss):
    y = np.random.default_rng(0).standard_t(2, size=(501, 3)) * [1, 1e-6, 1e6]
    low, median, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    found = units(y, loss)
    assert_array_equal(found[0], median)
    assert_allclose(found[1], (high - low) / IQR, rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_other_losses_keep_theirs(loss):
    y = np.random.default_rng(0).exponential(size=100)
    expected = (y.mean(), y.std()) if loss == "squared_error" else (0, 1)
    assert_allclose(np.ravel(units(y, loss)), expected, rtol=1e-12)


def test_of_a_normal_distribution_it_is_the_standard_deviation():
    y = np.random.default_rng(0).normal(-7, 3, size=100_000)
    assert_allclose(units_of(*distinct(y), robust=True), [-7, 3], rtol=0.01)
    for share in (0.6, 0.8, 0.9):  # that of wider ranges is smaller, by less than 6
        y[: int(share * len(y))] = -7
        assert 0.5 < units_of(*distinct(y), robust=True)[1] < 3


@every_robust
@pytest.mark.parametrize("kind", ["random", "mostly zero", "nearly all zero", "few"])
def test_weights_are_repetition(kind, loss):
    """To the bit; weight zero is not there."""
    rng = np.random.default_rng(1)
    y = {
        "random": rng.standard_normal(60),
        "mostly zero": np.where(rng.random(60) < 0.9, 0, rng.standard_normal(60)),
        "nearly all zero": np.where(np.arange(60) == 7, np.pi, 0),
        "few": rng.standard_normal(60).round(),
    }[kind]
    weight = rng.integers(0, 4, size=60)
    weight[7] = 1
    repeated = rng.permutation(np.repeat(y, weight))
    assert_array_equal(units(y, loss, weight), units(repeated, loss))
    assert_array_equal(units(y, loss, np.full(60, 3)), units(np.tile(y, 3), loss))
    y[weight == 0] = 1e9
    assert_array_equal(units(y, loss, weight), units(repeated, loss))


def with_share(share, value=1.0, n=1000, rest=0.0):
    y = np.full(n, rest)
    y[: round(share * n)] = value
    return y


@every_robust
@pytest.mark.parametrize(
    "share, tail", [(0.2, 1 / 8), (0.1, 1 / 16), (0.05, 1 / 32), (0.01, None)]
)
def test_mostly_constant_targets(loss, share, tail):
    """The first range that is not zero, at last the mean absolute deviation."""
    centre, scale = units(with_share(share, -8.0, rest=5.0), loss)
    assert centre == 5
    if tail is None:
        expected = 0.01 * 13 * np.sqrt(np.pi / 2)
    else:
        expected = 13 / (-2 * norm.ppf(tail))
    assert_allclose(scale, expected, rtol=1e-12)


def test_constant_but_for_rounding():
    """Noise of rounding is no scale, beside a large constant or beside zero."""
    rng = np.random.default_rng(0)
    noise = 1e-15 * rng.standard_normal(1000)
    for rest in (0.0, 1.0, 1e9):
        noisy = with_share(0.2, 3.0) + rest * (1 + noise) + noise
        assert_allclose(units(noisy)[1], 3 / (-2 * norm.ppf(1 / 8)), rtol=1e-6)
    assert units(1e9 * (1 + noise))[1] == 1


@every_robust
@pytest.mark.parametrize("value", [0.0, -3.5, 1e-300, 1e300, 5e-324])
def test_constants_have_a_scale_of_one(loss, value):
    assert_array_equal(np.ravel(units(np.full(10, value), loss)), [value, 1])
    assert_array_equal(np.ravel(units([value], loss)), [value, 1])


@every_robust
@pytest.mark.parametrize("unit", [1e-300, 1e-30, 1e30, 1e300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_units(loss, unit, dtype):
    X, clean, _ = near_a_sum(300)
    params = {"loss": loss, "max_iter": 5, "random_state": 0, "dtype": dtype}
    plain = LSTMRegressor(4, **params).fit(X, clean)
    scaled = LSTMRegressor(4, **params).fit(X, unit * clean)
    # float32 rounds targets that differ in the last bit of float64 to others at times
    assert_allclose(scaled.predict(X) / unit, plain.predict(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", *ROBUST])
@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**-600, 2.0**600, 2.0**1000])
@pytest.mark.parametrize("several", [False, True])
def test_score_in_any_units(loss, unit, several):
    """To the bit, that of scikit-learn in usual units."""
    X, y, _ = near_a_sum(100)
    y = np.c_[y, 1 - y] if several else y
    model = RNNRegressor(4, loss=loss, max_iter=5, random_state=0)
    expected = model.fit(X, y).score(X, y)
    assert expected == r2_score(y, model.predict(X))
    assert model.fit(X, unit * y).score(X, unit * y) == expected


@every_robust
def test_types_of_y(loss):
    y = np.random.default_rng(0).integers(0, 50, size=200)
    for dtype in ("int8", "uint16", "float32", "float64", "O"):
        assert_array_equal(units(y.astype(dtype), loss), units(y, loss))


@every_robust
def test_targets_too_far_apart(loss):
    y = np.where(np.arange(24) % 2, 1.7e308, -1.7e308)
    with pytest.raises(ValueError, match=r"y spans -1.7e\+308 to 1.7e\+308, too wide"):
        units(y, loss)


@every_robust
def test_a_range_beyond_the_largest_number(loss):
    y = np.repeat([-1e308, 0, 1e308], [30, 40, 30])
    centre, scale = units(y, loss)
    assert centre == 0
    assert_allclose(scale, 2 * (1e308 / IQR), rtol=1e-12)


def test_units_are_found_among_distinct_values():
    values, weight = distinct(np.array([2.0, 1.0, 2.0]), np.array([1.0, 5.0, 2.0]))
    assert_array_equal(values, [1, 2])
    assert_array_equal(weight, [5, 3])
    assert units_of(values, weight, robust=True)[0] == 1
    assert units_of(values, weight, robust=False)[0] == 1.375
