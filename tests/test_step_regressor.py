"""LSTMStepRegressor: numbers at every step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score
from step_estimator_cases import sequences, small, target

from sklstm import LSTMStepRegressor

X = sequences()
Y = target(LSTMStepRegressor, X)


def fitted(y=Y, **params):
    return small(LSTMStepRegressor, **params).fit(X, y)


def test_units_do_not_matter():
    plain = fitted(dtype="float64")
    scaled = fitted([1e6 * part - 3e7 for part in Y], dtype="float64")
    for a, b in zip(plain.predict(X), scaled.predict(X), strict=True):
        assert_allclose(1e6 * a - 3e7, b, rtol=1e-6)
    weights = scaled.weights_
    assert_allclose(
        weights["head_bias"], 1e6 * plain.weights_["head_bias"] - 3e7, rtol=1e-6
    )


def test_several_outputs():
    y = [np.c_[part, -10 * part] for part in Y]
    model = fitted(y, max_iter=30)
    predicted = model.predict(X)
    assert [part.shape for part in predicted] == [(len(x), 2) for x in X]
    expected = r2_score(np.concatenate(y), np.concatenate(list(predicted)))
    assert model.score(X, y) == pytest.approx(expected)


def test_one_output_as_a_column():
    column = fitted([part[:, np.newaxis] for part in Y])
    for a, b in zip(column.predict(X), fitted().predict(X), strict=True):
        assert_array_equal(a, b)


def test_steps_without_target():
    rng = np.random.default_rng(0)
    holes = [np.where(rng.random(len(part)) < 0.3, np.nan, part) for part in Y]
    model = fitted(holes)
    other = [np.where(np.isnan(part), np.inf, part) for part in holes]
    with pytest.raises(ValueError, match="infinity"):
        fitted(other)
    known = np.concatenate([~np.isnan(part) for part in holes])
    expected = r2_score(
        np.concatenate(Y)[known], np.concatenate(list(model.predict(X)))[known]
    )
    assert model.score(X, holes) == pytest.approx(expected)


def test_some_outputs_of_a_step():
    y = [np.c_[part, part] for part in Y]
    for part in y[::2]:
        part[1:, 1] = np.nan
    model = fitted(y, max_iter=20, loss="huber")
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.score(X, y))


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson", "quantile"])
def test_losses(loss):
    y = [np.abs(part) for part in Y]
    model = fitted(y, loss=loss, max_iter=20)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert np.isfinite(model.score(X, y))


def test_quantiles():
    model = fitted(loss="quantile", quantile=[0.1, 0.5, 0.9], max_iter=20)
    for x, part in zip(X, model.predict(X), strict=True):
        assert part.shape == (len(x), 3)
        assert (np.diff(part, axis=1) >= 0).all()
    assert np.isfinite(model.score(X, Y))


def test_to_padded():
    model = fitted()
    padded = model.predict(X, to_padded=True)
    assert padded.shape == (len(X), 9)
    for row, part in zip(padded, model.predict(X), strict=True):
        assert_array_equal(row[: len(part)], part)
        assert np.isnan(row[len(part) :]).all()
    model = fitted([np.c_[part, part] for part in Y], loss="quantile",
                   quantile=[0.2, 0.8])  # fmt: skip
    assert model.predict(X, to_padded=True).shape == (len(X), 9, 2, 2)


def test_few_targets_first():
    """Units follow the targets of later calls, as those of LSTMRegressor."""
    model = small(LSTMStepRegressor)
    with pytest.warns(UserWarning, match="too few to tell the scale"):
        model.partial_fit(X[3:4], Y[3:4])
    model.partial_fit(X, [1000 * part for part in Y])
    assert np.isfinite(model.predict(X)[5]).all()


def test_it_learns_a_sum():
    model = fitted(hidden_layer_sizes=16, max_iter=150, learning_rate_init=0.02,
                   bidirectional=False)  # fmt: skip
    assert model.score(X, Y) > 0.95
