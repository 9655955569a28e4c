"""The seasonal naive forecast."""

import pickle

import numpy as np
import pytest
from forecasting_cases import series, with_data
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklstm import LSTMForecaster
from sklstm.forecasting import SeasonalNaive

NAN = np.nan


@pytest.mark.parametrize(
    "season, x, expected",
    [
        (1, [1, 2, 3], [3, 3, 3, 3, 3]),
        (3, [0, 1, 2, 3], [1, 2, 3, 1, 2]),
        (4, [0, 1, 2, 3], [0, 1, 2, 3, 0]),
        (7, [0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5]),
        (7, [1, 2], [1, 2, 1, 2, 1]),  # shorter than a season
        (2, [1, 2, NAN, 4], [1, 4, 1, 4, 1]),  # the season before
        (2, [NAN, 2, NAN, 4], [4, 4, 4, 4, 4]),  # none of its place: the last of all
        (1, [1, NAN, NAN], [1, 1, 1, 1, 1]),
        (2, [NAN, NAN], [NAN] * 5),
        (2, [], [NAN] * 5),
        (9, [1, NAN, 3], [1, 3, 3, 1, 3]),
    ],
)
def test_forecasts(season, x, expected):
    model = SeasonalNaive(5, season_length=season).fit([[1, 2, 3]])
    X = [np.array(x, dtype=float), np.arange(4.0)]
    found = model.predict(X)
    assert found.shape == (2, 5)
    assert np.array_equal(found[0], expected, equal_nan=True)


def test_every_series_is_forecast_as_if_alone():
    X = series([9, 2, 6, 1, 12], 3)
    data = X.data.copy()
    data[np.random.default_rng(0).random(data.shape) < 0.3] = NAN
    X = with_data(X, data)
    model = SeasonalNaive(
        5, season_length=4, target=[2, 0], quantile=[0.9, 0.1, 0.5]
    ).fit(X)
    together = model.predict(X)
    assert together.shape == (5, 5, 2, 3)
    for i in range(5):
        assert np.array_equal(together[i], model.predict(X[[i]])[0], equal_nan=True)


@pytest.mark.parametrize(
    "target, quantile, shape",
    [
        (0, None, ()),
        (0, 0.5, ()),
        (0, [0.5], (1,)),
        ([1], None, (1,)),
        ([0, 1], 0.9, (2,)),
        ([0, 1], [0.1, 0.9], (2, 2)),
        ("b", [0.1, 0.9], (2,)),
    ],
)
def test_shapes_are_those_of_the_parameters(target, quantile, shape):
    X = series([9, 6], names=["a", "b"])
    model = SeasonalNaive(3, target=target, quantile=quantile).fit(X)
    assert model.predict(X).shape == (2, 3, *shape)
    assert model.predict(X, None).dtype == np.float64
    assert model.future_columns_ == ()


def test_quantiles_are_normal_and_widen_with_the_season():
    x = np.array([1.0, 5, 2, 7, 4, 6])
    model = SeasonalNaive(5, season_length=2, quantile=[0.1, 0.5, 0.9]).fit([x])
    found = model.predict([x])[0]
    sigma = np.sqrt(np.mean((x[2:] - x[:-2]) ** 2))
    seasons = np.array([1, 1, 2, 2, 3])
    for q, level in enumerate([0.1, 0.5, 0.9]):
        expected = [4, 6, 4, 6, 4] + norm.ppf(level) * sigma * np.sqrt(seasons)
        np.testing.assert_allclose(found[:, q], expected)
    assert model.error_scale_.tolist() == pytest.approx([sigma])
    # one that tells nothing of errors has those of fit
    short = model.predict([[3.0]])[0]
    np.testing.assert_allclose(
        short[:, 2] - short[:, 1], norm.ppf(0.9) * sigma * np.sqrt(seasons)
    )


def mase(x, horizon, season):
    past, truth = x[:-horizon], x[-horizon:]
    lag = min(season, len(past))
    forecast = np.array([past[len(past) - lag + h % lag] for h in range(horizon)])
    scale = np.nanmean(np.abs(past[season:] - past[:-season]))
    return np.nanmean(np.abs(truth - forecast)) / scale


@pytest.mark.parametrize("quantile", [None, 0.5, [0.9, 0.5, 0.1]])
@pytest.mark.parametrize("season", [1, 3])
def test_the_score_is_the_skill_on_the_last_horizon(season, quantile):
    X = series([9, 2, 12, 7, 4, 0, 3])
    data = X.data.copy()
    data[14, 0] = NAN
    data[X.offsets[3] : X.offsets[4], :] = 1.0  # constant: no scale
    X = with_data(X, data)
    model = SeasonalNaive(3, season_length=season, quantile=quantile).fit(X)
    scored = [0, 2]
    errors = [mase(X[i][:, 0], 3, season) for i in scored]
    assert model.score(X) == pytest.approx(1 - np.mean(errors))
    weight = np.array([1.0, 5, 3, 5, 5, 5, 5])
    weighted = 1 - np.average(errors, weights=weight[scored])
    assert model.score(X, sample_weight=weight) == pytest.approx(weighted)
    both = SeasonalNaive(3, season_length=season, target=[0, 1]).fit(X)
    errors += [mase(X[i][:, 1], 3, season) for i in scored]
    assert both.score(X) == pytest.approx(1 - np.mean(errors))


def test_the_score_is_that_of_the_lstm():
    """Both divide by the same scale: their errors are as their scores."""
    X = series([40, 30, 50], 1)
    lstm = LSTMForecaster((3,), horizon=4, seasonal_lag=6, max_iter=1, random_state=0)
    naive = SeasonalNaive(4, season_length=6).fit(X)
    lstm.fit(X)
    past = [x[:-4] for x in X]
    truth = np.stack([x[-4:, 0] for x in X])
    scale = [np.abs(x[6:] - x[:-6]).mean() for x in past]
    for model in (lstm, naive):
        errors = np.abs(model.predict(past) - truth).mean(axis=1) / scale
        assert model.score(X) == pytest.approx(1 - errors.mean())


def test_series_that_cannot_be_scored():
    model = SeasonalNaive(3, season_length=2).fit([[1.0, 2, 3]])
    for x in ([1.0, 2], [1.0] * 9, [1.0, 2, 3, 4, 5]):
        message = rf"it takes more than 5 rows .* longest has {len(x)} rows"
        with pytest.raises(ValueError, match=message):
            model.score([np.array(x)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score([np.arange(9.0)], sample_weight=[1, 2])


def test_random_walks_are_covered():
    X = np.random.default_rng(0).standard_normal((4000, 60)).cumsum(axis=1)
    model = SeasonalNaive(10, quantile=[0.1, 0.9]).fit(X[:, :50])
    lo, hi = np.moveaxis(model.predict(X[:, :50]), -1, 0)
    inside = ((lo <= X[:, 50:]) & (X[:, 50:] <= hi)).mean(axis=0)
    assert ((inside > 0.77) & (inside < 0.82)).all()


def test_no_pair_of_values_leaves_no_scale():
    model = SeasonalNaive(2, season_length=3, quantile=[0.5]).fit([[1.0, 2]])
    assert np.isnan(model.error_scale_).all()


def test_it_is_a_scikit_learn_estimator():
    X = series([9, 6], names=["a", "b"])
    model = SeasonalNaive(3, season_length=2, target="b", quantile=[0.1, 0.9])
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert clone(model).get_params() == model.get_params()
    expected = model.fit(X).predict(X)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), expected)
    assert repr(model).startswith("SeasonalNaive(horizon=3, quantile=[0.1, 0.9]")
    assert model.feature_names_in_.tolist() == ["a", "b"] and model.n_features_in_ == 2
    model.set_params(target=0).fit(series([9]))
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(X.astype("float32")).dtype == np.float32


def test_a_fit_that_fails_leaves_an_earlier_one():
    X = series([9, 6])
    model = SeasonalNaive(2).fit(X)
    expected = model.predict(X)
    for wrong in ({"horizon": 0}, {"season_length": 0.5}, {"quantile": 1.0}):
        before = model.get_params()
        with pytest.raises((TypeError, ValueError)):
            model.set_params(**wrong).fit(series([4], 3))
        model.set_params(**before)
        assert model.predict(X).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"horizon": 0}, "horizon == 0"),
        ({"season_length": 0}, "season_length == 0"),
        ({"target": 2}, "target has column 2, but the columns of X are 0 to 1"),
        ({"target": -3}, "target has column -3"),
        ({"target": "c"}, r"target names 'c', .* features of X, \['a', 'b'\]"),
        ({"target": ["a", 0]}, "has column 0 twice"),
        ({"target": 0.5}, "names or indices of columns, got 0.5"),
        ({"target": True}, "got True"),
        ({"target": []}, "an empty list"),
        ({"quantile": 0}, "between 0 and 1 or a list of such, got 0"),
        ({"quantile": [0.1, 1]}, r"got \[0.1, 1\]"),
        ({"quantile": []}, r"got \[\]"),
        ({"quantile": [0.1, 0.1]}, "has a level twice"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SeasonalNaive(**parameters).fit(series([9], names=["a", "b"]))


def test_other_columns_are_refused():
    model = SeasonalNaive().fit(series([9], names=["a", "b"]))
    with pytest.raises(ValueError, match="X has 3 features, but SeasonalNaive"):
        model.predict(series([9], 3))
    with pytest.raises(ValueError, match=r"\['b', 'a'\], but .* on \['a', 'b'\]"):
        model.predict(series([9], names=["b", "a"]))
    model.predict(series([9]))
