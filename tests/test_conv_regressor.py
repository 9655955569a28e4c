"""ConvLSTMRegressor: targets and losses, what it learns, hidden states as features."""

import numpy as np
import pandas as pd
import pytest
from conv_cases import (
    assert_same_bits,
    by_hand,
    clips,
    equal_length,
    fitted,
    make_target,
    small,
    sums,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.pipeline import make_pipeline

from sklstm import ConvLSTMRegressor, GRURegressor
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


# ---- targets -------------------------------------------------------------------------


def test_is_what_the_equations_say_in_units_of_y():
    X = clips(8, low=1)
    y = make_target("single", X)
    model = fitted("single", X, dtype="float64", learning_rate_init=0.02)
    pixels = np.concatenate(X).reshape(-1, 2)
    units = pixels.mean(axis=0), pixels.std(axis=0)
    expected = [by_hand(model, x, *units)[0][0] for x in X]
    assert_allclose(model.predict(X), expected, rtol=1e-9)
    assert_allclose(model.score(X, y), r2_score(y, model.predict(X)))


def test_starts_at_the_best_constant():
    X = clips()
    for task, constant in (("single", np.mean), ("quantiles", np.quantile)):
        y = make_target(task, X)
        model = small(task, learning_rate_init=1e-300, max_iter=1, dtype="float64")
        predicted = model.fit(X, y).predict([np.empty((0, 5, 6, 2))])[0]
        if task == "single":
            assert_allclose(predicted, constant(y))
        else:
            assert (predicted >= y.min()).all() and (predicted <= y.max()).all()
            assert predicted[0] > predicted[1]


@pytest.mark.parametrize("task", ["single", "several", "quantiles", "counts"])
def test_shapes(task):
    X = clips()
    model = fitted(task, X)
    shape = {"several": (16, 3), "quantiles": (16, 2)}.get(task, (16,))
    predicted = model.predict(X)
    assert predicted.shape == shape and predicted.dtype == np.float64
    if task == "quantiles":
        assert (predicted[:, 0] >= predicted[:, 1]).all()
        y = make_target(task, X)
        scores = [
            d2_pinball_score(y, q, alpha=level)
            for q, level in zip(predicted.T, (0.9, 0.5))
        ]
        assert_allclose(model.score(X, y), np.mean(scores))
    if task == "counts":
        assert (predicted > 0).all() and model.out_activation_ == "exp"


def test_units_of_y_do_not_matter():
    X = clips()
    y = make_target("single", X)
    a = small("single", dtype="float64").fit(X, y)
    b = small("single", dtype="float64").fit(X, 2.0**20 * y)
    assert_array_equal(b.predict(X), 2.0**20 * a.predict(X))


def test_units_of_channels_do_not_matter():
    """Powers of two are exact; a constant channel has a scale of one."""
    X = clips(low=1)
    y = make_target("single", X)
    a = small("single").fit(X, y)
    scaled = [x * [2.0**30, 2.0**-30] for x in X]
    assert_array_equal(small("single").fit(scaled, y).predict(scaled), a.predict(X))
    with_constant = [np.concatenate([x, np.full_like(x, 7)], axis=3) for x in X]
    assert np.isfinite(
        small("single").fit(with_constant, y).predict(with_constant)
    ).all()


def test_wrong_targets():
    X = clips()
    with pytest.raises(ValueError, match="y.* 15"):
        small("single").fit(X, np.ones(15))
    with pytest.raises(ValueError, match="NaN"):
        small("single").fit(X, np.r_[np.nan, np.ones(15)])
    with pytest.raises(ValueError, match="poisson"):
        small("counts").fit(X, -np.ones(16))
    model = fitted("several", X)
    with pytest.raises(ValueError, match="3"):
        model.partial_fit(X, np.ones((16, 2)))


# ---- it learns -----------------------------------------------------------------------


def test_learns_how_large_something_is():
    rng = np.random.default_rng(0)
    X = rng.normal(0, 0.1, (120, 3, 8, 8))
    sizes = rng.integers(1, 7, size=120)
    for x, size in zip(X, sizes):
        y0, x0 = rng.integers(8 - size + 1, size=2)
        x[-1, y0 : y0 + size, x0 : x0 + size] += 1
    y = 1000 + 50 * sizes**2
    model = ConvLSTMRegressor(4, random_state=0, max_iter=30, learning_rate_init=0.02)
    assert model.fit(X[:90], y[:90]).score(X[90:], y[90:]) > 0.9


# ---- hidden states as features -------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
def test_transform(bidirectional):
    X = clips(low=0)
    model = fitted("single", X, hidden_channels=(4, 3), bidirectional=bidirectional)
    last, every = model.transform(X), model.transform(X, output="sequence")
    H = 3 * (1 + bidirectional)
    assert last.shape == (16, H) and last.dtype == np.float32
    assert isinstance(every, SequenceArray) and every.n_features == H
    assert every.lengths.tolist() == [*map(len, X)]
    for i, x in enumerate(X):
        if len(x):
            assert_array_equal(last[i, :3], every[i][-1, :3])
            assert_array_equal(last[i, 3:], every[i][0, 3:])
        else:
            assert_array_equal(last[i], 0)
    name = "convlstmregressor"
    assert [*model.get_feature_names_out()] == [f"{name}{k}" for k in range(H)]
    table = model.set_output(transform="pandas").transform(X)
    assert isinstance(table, pd.DataFrame) and [*table] == [
        f"{name}{k}" for k in range(H)
    ]
    assert_array_equal(table, last)
    named = model.transform(X, output="sequence")
    assert [*named.feature_names] == [f"{name}{k}" for k in range(H)]
    with pytest.raises(ValueError, match="output='gates'.*output='sequence'"):
        model.transform(X, output="gates")
    with pytest.raises(ValueError, match="'all' is none of 'last' and 'sequence'"):
        model.transform(X, output="all")


def test_is_a_step_of_a_pipeline():
    X = equal_length(24)
    y = sums(X)
    model = make_pipeline(fitted("single", X), Ridge()).fit(X, y)
    assert model.predict(X).shape == (24,)
    network = fitted("single", X)
    states = network.transform(X, output="sequence")
    above = GRURegressor(3, max_iter=2, random_state=0).fit(states, y)
    assert above.predict(states).shape == (24,)


# ---- fits that go on -----------------------------------------------------------------


def test_partial_fit_follows_the_targets():
    X = clips(40)
    y = make_target("single", X)
    model = small("single")
    with pytest.warns(UserWarning, match="scale"):
        model.partial_fit(X[:2], y[:2])
    for begin in range(2, 40, 6):
        model.partial_fit(X[begin : begin + 6], y[begin : begin + 6])
    assert model.t_ == 40 and np.isfinite(model.predict(X)).all()


def test_early_stopping_scores_r2_or_the_loss():
    X = clips(40)
    for task in ("single", "several"):
        y = make_target(task, X)
        model = small(task, early_stopping=True, validation_fraction=0.3).fit(X, y)
        best = model.best_validation_score_
        assert best == max(model.validation_scores_)
        assert task == "single" or best < 0


def test_sample_weight_is_repetition():
    X = clips(12, low=1)
    y = make_target("single", X)
    weight = np.arange(12) % 3
    repeated = np.repeat(np.arange(12), weight)
    options = {"batch_size": 200, "max_iter": 10}
    a = small("single", **options).fit(X, y, weight)
    b = small("single", **options).fit([X[i] for i in repeated], y[repeated])
    assert_allclose(a.predict(X), b.predict(X), rtol=1e-6)
    there = weight > 0
    c = small("single", **options).fit(
        [x for x, w in zip(X, there) if w], y[there], weight[there]
    )
    assert_same_bits(a, c)
