"""LSTMRegressor: targets in any units, what it learns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score
from task_cases import assert_same_bits, dtypes, make_target, ragged, small, sums

from sklstm import LSTMRegressor
from sklstm._targets.numbers import Numbers

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- targets ---------------------------------------------------------------------


def test_shape_of_regression_targets():
    X = ragged()
    y = make_target("single", X)
    flat, column = small("single").fit(X, y), small("single").fit(X, y[:, np.newaxis])
    assert flat.predict(X).shape == (24,)
    assert column.predict(X).shape == (24, 1)
    assert_same_bits(flat, column)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
@pytest.mark.parametrize("ndim", [1, 2])
@pytest.mark.parametrize("scale", [1e-320, 1e-30, 1.0, 1e300])
def test_one_number_is_decoded_as_many_are(loss, ndim, scale):
    """In Python and in NumPy, to the bit, with no alarm of too small numbers."""
    parameter = {"quantile": 0.3, "huber": 1.35}.get(loss)
    target = Numbers(loss, parameter, ndim, np.array([0.1 * scale]), np.array([scale]))
    raw = np.random.default_rng(0).standard_normal((300, 1))
    raw[:8, 0] = 0, -0.0, 1e-300, -1e-300, 5e-324, 1e8, np.nan, np.inf
    with np.errstate(under="raise", over="ignore"):
        together = target.predict(raw)
        alone = [target.predict(raw[i : i + 1]) for i in range(300)]
    assert alone[0].shape == together[:1].shape and alone[0].dtype == together.dtype
    assert np.concatenate(alone).tobytes() == together.tobytes()


@pytest.mark.parametrize("n", [1, 2])
def test_predictions_beyond_every_float_are_told(n):
    target = Numbers("squared_error", None, 1, np.zeros(1), np.array([1e300]))
    with pytest.warns(RuntimeWarning, match="overflow"):
        predicted = target.predict(np.full((n, 1), 1e30))
    assert_array_equal(predicted, np.full(n, np.inf))


# ---- it learns -------------------------------------------------------------------


@pytest.mark.parametrize("scale, offset", [(1, 0), (1000, 5000), (1e-3, 1), (1e6, 1e7)])
def test_learns_regression_in_any_units(scale, offset):
    X = ragged(150, 1, low=1)
    y = np.c_[sums(X), [x[-1, 0] for x in X]] * scale + offset
    model = LSTMRegressor(8, random_state=0, learning_rate_init=0.02, max_iter=50)
    assert model.fit(X[:100], y[:100]).score(X[100:], y[100:]) > 0.85
    one = model.fit(X[:100], y[:100, 0])
    assert one.score(X[100:], y[100:, 0]) > 0.85


@pytest.mark.parametrize("exponent", [-300, -30, -1, 10, 30, 600])
@dtypes
def test_units_of_y_do_not_matter(exponent, dtype):
    """A power of two scales every prediction by itself, to the bit."""
    X = ragged()
    y, scale = make_target("single", X) / 1000, 2.0**exponent
    plain = small("single", dtype=dtype).fit(X, y)
    scaled = small("single", dtype=dtype).fit(X, scale * y)
    for name, value in plain.weights_.items():
        value = scale * value if name.startswith("head") else value
        assert_array_equal(value, scaled.weights_[name])
    assert_array_equal(scaled.predict(X), scale * plain.predict(X))
    assert scaled.loss_curve_ == plain.loss_curve_


@dtypes
@pytest.mark.parametrize("value", [0.0, 5.0, -1e9, 1e-12, 0.1 + 0.2])
def test_constant_target(value, dtype):
    X = ragged()
    model = LSTMRegressor(4, random_state=0, dtype=dtype, max_iter=60)
    predicted = model.fit(X, np.full(24, value)).predict(X)
    assert_allclose(predicted, value, atol=0.2 + 1e-6 * abs(value))
    assert np.isfinite(model.loss_curve_).all()


def test_one_constant_target_of_two():
    X = ragged(80, 1, low=1)
    y = np.c_[sums(X), np.full(80, 1e6)]
    model = LSTMRegressor(8, random_state=0, learning_rate_init=0.02, max_iter=60)
    predicted = model.fit(X, y).predict(X)
    assert r2_score(y[:, 0], predicted[:, 0]) > 0.85
    assert_allclose(predicted[:, 1], 1e6, atol=0.5)


def test_rounding_is_not_variation():
    """0.1 + 0.2 and 0.3 differ in the last bit, which is no signal to scale up."""
    X = ragged()
    y = np.where(np.arange(24) % 2, 0.1 + 0.2, 0.3)
    assert len(np.unique(y)) == 2
    model = LSTMRegressor(4, random_state=0, dtype="float64", max_iter=60).fit(X, y)
    assert_allclose(model.predict(X), 0.3, atol=0.2)
    assert np.std(model.predict(X)) > 1e-12  # in units of one


# ---- real data ---------------------------------------------------------------------


def test_regression_with_the_defaults():
    """Better than the mean by far: the decaying sum of a noisy signal."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(5, 20, 300)]
    y = np.array([3000 + 500 * 0.8 ** np.arange(len(x))[::-1] @ x[:, 0] for x in X])
    y += 50 * rng.standard_normal(300)
    model = LSTMRegressor(random_state=0, max_iter=40)
    assert model.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.85
