"""LSTMForecaster: fit, forecasts and scores."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits
from window_cases import naive_base, naive_inputs

from sklstm import LSTMForecaster, SequenceArray
from sklstm._estimators.fitted import fitted_of

HORIZON = 4
FIT = {"horizon": HORIZON, "max_iter": 4, "random_state": 0}
CONFIGURATIONS = {
    "plain": {},
    "seasons and quantiles": {
        "scale": "mean", "seasonal_lag": 5, "quantile": [0.9, 0.1, 0.5],
        "future_features": [1],
    },
    "two targets": {"target": [2, 0], "scale": "last", "cell": "gru"},
    "two targets, quantiles": {
        "target": [2, 0], "quantile": [0.2, 0.8], "dtype": "float64", "scale": None,
        "context_length": 12,
    },
    "a quantile": {"quantile": 0.7, "hidden_layer_sizes": (5, 4), "dropout": 0.2},
    "missing": {"missing": "indicator", "future_features": [1], "loss": "huber"},
    "static": {"static_features": [2], "recurrent_dropout": 0.2, "dtype": "bfloat16"},
    "everything": {"context_length": None, "windows_per_epoch": None},
    "lbfgs": {"solver": "lbfgs", "loss": "squared_error"},
    "early": {"early_stopping": True, "cell": "rnn_tanh"},
}  # fmt: skip
every_configuration = pytest.mark.parametrize(
    "given", CONFIGURATIONS.values(), ids=CONFIGURATIONS
)


def make_series(lengths=(40, 9, 30, 2, 60, 25), seed=0):
    """A season, which is known ahead, and noise, at levels far apart."""
    rng = np.random.default_rng(seed)
    X = []
    for i, T in enumerate(lengths):
        season = np.sin(2 * np.pi * np.arange(T) / 5)
        y = 10.0**i * (3 + season + 0.1 * rng.standard_normal(T))
        X.append(np.c_[y, season, np.full(T, i) + 0.1 * (i == 4) * np.arange(T)])
    return X


def future_of(X, n_steps=HORIZON):
    return [np.sin(2 * np.pi * (len(x) + np.arange(n_steps)) / 5)[:, None] for x in X]


def fitted(given, X=None, **changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LSTMForecaster(**{"hidden_layer_sizes": 6, **FIT, **given, **changes})
        return model.fit(make_series() if X is None else X)


def forecasts(model, X):
    return model.predict(X, future_of(X) if model.future_features else None)


@every_configuration
def test_forecasts(given):
    X = make_series()
    model = fitted(given)
    y = forecasts(model, X)
    K = len(given["target"]) if "target" in given else None
    shape = [len(X), HORIZON, *([K] if K else [])]
    if isinstance(given.get("quantile"), list):
        shape.append(len(given["quantile"]))
        order = np.argsort(given["quantile"])
        assert (np.diff(y[..., order]) >= 0).all()
    assert y.shape == tuple(shape) and y.dtype == np.float64
    assert np.isfinite(y).all()
    # neighbours, batches, threads, copies
    for i, x in enumerate(X):
        assert_array_equal(forecasts(model, [x])[0], y[i])
    with threadpool_limits(1, user_api="openmp"):
        assert_array_equal(forecasts(model, X), y)
    assert_array_equal(forecasts(pickle.loads(pickle.dumps(model)), X), y)
    with threadpool_limits(1, user_api="openmp"):
        again = fitted(given)
    assert_array_equal(forecasts(again, X), y)
    assert forecasts(again, SequenceArray.from_list(X)).tobytes() == y.tobytes()
    other = fitted(given, random_state=1)
    assert not np.array_equal(forecasts(other, X), y)


@every_configuration
def test_forecasts_are_of_the_last_steps_alone(given):
    """Of a context, and of what is known ahead."""
    model = fitted(given)
    context = model._fitted.architecture["windows"]["context_length"]
    x = make_series([90])[0]
    y = forecasts(model, [x])
    if context is not None:
        longer = np.vstack([1e3 * x[:7], x])
        future = [future_of([x])[0]] if model.future_features else None
        first = model.predict([longer[-context:]], future)
        assert_array_equal(model.predict([longer], future), first)
    else:
        changed = x.copy()
        changed[0] += 1
        assert not np.array_equal(forecasts(model, [changed]), y)


def test_a_season_is_learnt():
    X = make_series([60] * 8)
    truth = [x[-HORIZON:, 0] for x in X]
    begin = [x[:-HORIZON] for x in X]
    model = LSTMForecaster(
        16, horizon=HORIZON, random_state=0, max_iter=30, quantile=[0.1, 0.5, 0.9]
    ).fit(begin)
    assert model.score(X) > 0.5
    low, middle, high = np.moveaxis(model.predict(begin), -1, 0)
    scale = np.array([x[:, 0].std() for x in begin])[:, np.newaxis]
    assert np.abs((middle - truth) / scale).mean() < 0.3
    assert 0.5 < ((low <= truth) & (truth <= high)).mean() <= 1


def test_levels_and_units_do_not_matter():
    """Small and large series are alike: the same forecasts, in their units."""
    X = [x[:, :1] for x in make_series([40, 50])]
    for scale in ("mean", "std", "last"):
        model = fitted({"scale": scale}, X)
        y = model.predict(X)
        times = [1024.0 * x for x in X]
        assert_array_equal(model.predict(times), 1024 * y)
        assert_array_equal(fitted({"scale": scale}, times).predict(times), 1024 * y)


def test_what_is_known_ahead_is_used_and_nothing_else():
    """y follows what is known one step ahead, and cannot be told otherwise."""
    rng = np.random.default_rng(0)
    X = []
    for _ in range(30):
        x = rng.standard_normal((40, 2))
        X.append(np.c_[x[:, 0] + 5, x])
    options = {"horizon": 3, "random_state": 0, "max_iter": 40}
    known = LSTMForecaster(8, future_features=[1], **options).fit(X)
    unknown = LSTMForecaster(8, **options).fit(X)
    assert known.score(X) > 0.8 > 0.4 > unknown.score(X)
    # and the other column, which is not known, cannot have helped
    future = [x[-3:] for x in X]
    changed = [np.c_[f[:, 0] * np.nan, f[:, 1], f[:, 2] + 1e3] for f in future]
    begin = [x[:-3] for x in X]
    assert_array_equal(known.predict(begin, future), known.predict(begin, changed))


def test_training_never_sees_the_horizon():
    """Features that are not known ahead may be anything there: one window a series."""
    X = make_series([10, 12, 9, 11])
    options = {"context_length": None, "windows_per_epoch": None, "seasonal_lag": 5}
    options["target"], options["static_features"] = 0, [2]
    before = fitted(options, [x[:, :3] for x in X], horizon=5)
    changed = [x.copy() for x in X]
    for x in changed:
        # contexts of 6 and more steps end before all but the first steps
        x[-1, 1] += 1e3
    after = fitted(options, changed, horizon=5)
    centre = fitted_of(before).architecture["windows"]["centre"]
    assert centre != fitted_of(after).architecture["windows"]["centre"]
    after_units = fitted_of(after).architecture["windows"]
    assert after_units["centre"][0] == 0 and after_units["spread"][0] == 1


def test_last_step_of_features_cannot_reach_training():
    X = make_series([30, 24])
    X = [np.c_[x[:, 0], x[:, 1] / 1024] for x in X]
    base = fitted({}, X)
    changed = [x.copy() for x in X]
    # the same mean and spread of the feature, in another order at the very end, which
    # no context reaches: only horizons do
    for x in changed:
        x[-HORIZON:, 1] = x[-HORIZON:, 1][::-1]
    same = fitted({}, changed)
    a, b = base._fitted.architecture["windows"], same._fitted.architecture["windows"]
    assert_allclose(a["centre"], b["centre"], atol=1e-12)
    assert_allclose(
        base.loss_curve_, same.loss_curve_, rtol=1e-4
    )  # but for the rounding of the mean
    future = {"future_features": [1]}
    assert not np.allclose(
        fitted(future, X).loss_curve_, fitted(future, changed).loss_curve_, rtol=1e-4
    )


def lstm_in_torch_terms(x, weights):
    """Outputs (T, K) of torch.nn.LSTM and torch.nn.Linear, in NumPy."""
    w, r = weights["weight_ih_l0"], weights["weight_hh_l0"]
    b = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    h, c, outputs = np.zeros(r.shape[1]), np.zeros(r.shape[1]), []
    for step in x:
        i, f, g, o = np.split(w @ step + r @ h + b, 4)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        outputs.append(weights["head_weight"] @ h + weights["head_bias"])
    return np.array(outputs)


@pytest.mark.parametrize("lag", [None, 5])
def test_forecasts_by_hand(lag):
    """All of it, from the public weights: what is read, the network, the way back."""
    X = make_series([30, 9])
    model = fitted({"future_features": [1], "seasonal_lag": lag, "dtype": "float64"}, X)
    data = np.concatenate(X)
    centre, spread = data.mean(axis=0), data.std(axis=0)
    forecasts = model.predict(X, future_of(X))
    for x, future, forecast in zip(X, future_of(X), forecasts, strict=True):
        x = x[-15:] if lag else x  # three seasons
        window = np.vstack([x, np.full((HORIZON, 3), np.nan)])
        window[-HORIZON:, 1:2] = future
        inputs = naive_inputs(
            window, HORIZON, targets=(0,), known=(1,), scaling="std", lag=lag,
            centre=centre, spread=spread,
        )  # fmt: skip
        z = lstm_in_torch_terms(inputs, model.weights_)[-HORIZON:, 0]
        base, scale = naive_base(window[:, 0], len(x), "std", lag)
        assert_allclose(forecast, base + scale * z, rtol=1e-9)


def test_score_is_the_skill():
    X = make_series([40, 30, 25])
    model = fitted({"seasonal_lag": 5}, X)
    errors = []
    for x in X:
        y, before = x[-HORIZON:, 0], x[:-HORIZON, 0]
        forecast = model.predict([x[:-HORIZON]])[0]
        scale = np.abs(before[5:] - before[:-5]).mean()
        errors.append(np.abs(y - forecast).mean() / scale)
    assert_allclose(model.score(X), 1 - np.mean(errors), rtol=1e-12)
    weighted = model.score(X, sample_weight=[1, 0, 3])
    assert_allclose(weighted, 1 - np.average(errors, weights=[1, 0, 3]), rtol=1e-12)
    # constant, too short, or unknown at the end: left out
    unknown = X[0].copy()
    unknown[-HORIZON:, 0] = np.nan
    more = [*X, np.ones((30, 3)), X[0][:4], unknown]
    assert_allclose(model.score(more), model.score(X), rtol=1e-12)
    with pytest.raises(ValueError, match="No series of X can be scored"):
        model.score([X[0][:4]])
    with pytest.raises(ValueError, match="none has a target at its last 4"):
        model.score([unknown])
    levels = fitted({"quantile": [0.9, 0.45, 0.1]}, X)
    middle = LSTMForecaster(**levels.get_params())
    middle.__dict__.update(vars(levels))
    forecast = np.concatenate([levels.predict([x[:-HORIZON]]) for x in X])[..., 1]
    truth = np.array([x[-HORIZON:, 0] for x in X])
    scale = [np.abs(np.diff(x[:-HORIZON, 0])).mean() for x in X]
    wanted = 1 - (np.abs(truth - forecast).mean(axis=1) / scale).mean()
    assert_allclose(levels.score(X), wanted, rtol=1e-12)


def test_search_over_series():
    X = SequenceArray.from_list(make_series([40, 30, 25, 50, 45, 35]))
    search = GridSearchCV(
        LSTMForecaster(4, **FIT | {"max_iter": 2}), {"scale": ["std", "mean"]}, cv=2
    ).fit(X)
    assert search.predict(X).shape == (6, HORIZON)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ---- fits ------------------------------------------------------------------------


def test_weights_of_series():
    X = make_series([20, 20, 20])
    zero = fitted({}, X[:2])
    model = LSTMForecaster(6, **FIT).fit(X, sample_weight=[1, 1, 0])
    assert_array_equal(model.predict(X), zero.predict(X))
    heavy = LSTMForecaster(6, **FIT).fit(X, sample_weight=[1, 1, 100])
    assert not np.allclose(heavy.predict(X), zero.predict(X))
    with pytest.raises(ValueError, match="All sample weights are zero"):
        LSTMForecaster(6, **FIT).fit(X, sample_weight=[0, 0, 0])


def test_a_weight_is_a_number_of_times_where_all_is_one_minibatch():
    X = make_series([8, 9, 10])
    options = {"windows_per_epoch": None, "batch_size": 100}
    twice = fitted(options, [X[0], X[1], X[1], X[2]])
    model = LSTMForecaster(6, **FIT, **options).fit(X, sample_weight=[1, 2, 1])
    assert_allclose(model.predict(X), twice.predict(X), rtol=1e-6)
    other_order = fitted(options, X[::-1])
    assert_array_equal(other_order.predict(X), fitted(options, X).predict(X))


def test_early_stopping_holds_the_last_horizon_out():
    X = make_series([40, 30, 5, 25])
    model = fitted({"early_stopping": True, "n_iter_no_change": 2}, X, max_iter=20)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    # what is held out has no part in training
    changed = [x.copy() for x in X]
    for x in changed[:2]:
        x[-HORIZON:, 0] *= 3
    options = {"early_stopping": True, "max_iter": 1}
    a, b = fitted(options, X), fitted(options, changed)
    assert a.loss_curve_ == b.loss_curve_
    assert a.validation_scores_ != b.validation_scores_
    # a tenth of the longest is its last horizon, a half is more
    for x in changed[:2]:
        x[-3 * HORIZON : -HORIZON, 0] *= 3
    options["validation_fraction"] = 0.5
    a, b = fitted(options, X[:2]), fitted(options, changed[:2])
    assert a.loss_curve_ == b.loss_curve_
    assert a.validation_scores_ != b.validation_scores_
    own = fitted({"early_stopping": False, "max_iter": 1}, X)
    assert own.loss_curve_ != a.loss_curve_
    val = LSTMForecaster(6, **FIT, early_stopping=True).fit(X, X_val=X[:1])
    assert len(val.validation_scores_) == val.n_iter_
    with pytest.raises(ValueError, match="In X_val: no series has more than 4 steps"):
        LSTMForecaster(6, **FIT, early_stopping=True).fit(X, X_val=[X[0][:4]])
    with pytest.raises(ValueError, match="the 8 steps before it.*longest has 8 in"):
        fitted({"early_stopping": True}, [x[:8] for x in X])
    with pytest.raises(ValueError, match="X_val.* while early_stopping=False"):
        LSTMForecaster(6, **FIT).fit(X, X_val=X)


def test_fits_that_go_on():
    X = make_series()
    options = {"max_iter": 2, "learning_rate": "constant"}
    model = fitted({}, **options, warm_start=True)
    first = model.loss_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        assert len(model.loss_curve_) == 4 and model.loss_ < first
        for name, value in [
            ("horizon", 3), ("target", 1), ("scale", "mean"), ("seasonal_lag", 3),
            ("future_features", [1]), ("context_length", 9),
        ]:  # fmt: skip
            changed = clone(model).set_params(max_iter=1).fit(X)
            before = changed.predict(X)
            with pytest.raises(ValueError, match="Windows cannot change between fits"):
                changed.set_params(**{name: value}).fit(X)
            assert_array_equal(changed.predict(X), before)
        little = LSTMForecaster(6, **FIT)
        for _ in range(3):
            little.partial_fit(X)
    assert little.t_ == 3 * little.t_ / 3 and len(little.loss_curve_) == 3
    assert little.loss_curve_[-1] < little.loss_curve_[0]


def test_a_failed_fit_leaves_an_earlier_one():
    X = make_series()
    model = fitted({})
    before = model.predict(X)
    for bad in ([np.ones((1, 3))], [np.full((9, 3), np.inf)], "text", []):
        with pytest.raises((TypeError, ValueError)):
            model.fit(bad)
        assert_array_equal(model.predict(X), before)
        assert model.target_columns_ == (0,)


def test_windows_of_an_epoch(monkeypatch):
    from sklstm._training import feeds

    drawn = []
    original = feeds.Draws.order

    def order(self, rng):
        drawn.append(original(self, rng))
        return drawn[-1]

    monkeypatch.setattr(feeds.Draws, "order", order)
    X = make_series([100, 20, 20])
    series = np.repeat([0, 1, 2], [93, 13, 13])
    fitted({}, X, windows_per_epoch=30, max_iter=3)
    assert len(drawn) == 3
    for windows in drawn:
        # of each series about as many, spread over its time
        assert_allclose(np.bincount(series[windows]), 10, atol=1)
        own = np.sort(windows[series[windows] == 0])
        assert np.diff(own).max() < 3 * 93 / 10
    assert not np.array_equal(drawn[0], drawn[1])
    drawn.clear()
    everything = fitted({}, X, windows_per_epoch=None, max_iter=1)
    assert sorted(drawn[0]) == list(range(len(series)))
    assert everything.t_ == len(series)


def test_epochs_of_a_plan():
    """So many that each step is seen 20 times in a horizon, 10 to 100."""
    one, many = make_series([600]), make_series([40] * 6)
    options = {"max_iter": "auto", "windows_per_epoch": 100, "batch_size": 64}
    for X, horizon, epochs in [
        (one, 12, 10),  # 20 * 600 / 12 / 100
        (one, 4, 30),
        (many, 12, 10),  # 4, but 10 at the least
        (make_series([10_000]), 4, 100),  # 500, but 100 at the most
    ]:
        model = fitted(options, X, horizon=horizon, hidden_layer_sizes=2)
        assert model.n_iter_ == epochs
    updates = fitted(options, make_series([20_000]), batch_size=2, max_iter="auto")
    assert updates.n_iter_ == 50  # of 50 updates make 2500
    given = fitted(options, one, max_iter=7)
    assert given.n_iter_ == 7
    constant = fitted(options, one, learning_rate="constant", hidden_layer_sizes=1)
    assert constant.n_iter_ > 30


def test_without_units_of_windows_levels_tell():
    """y follows its level, which scales of windows take away."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(1, 9, 60), 12)
    x = level + 0.1 * rng.standard_normal(720)
    x[11::12] = 100 * np.sin(level[11::12])  # told by the level, once a year
    scores = {
        scale: fitted(
            {"scale": scale, "context_length": 11}, [x[:, np.newaxis]], horizon=1,
            hidden_layer_sizes=16, max_iter=40,
        ).loss_
        for scale in (None, "std")
    }  # fmt: skip
    assert scores[None] < scores["std"]
    # any units and any level of y
    moved = 7 * x[:, np.newaxis] - 1000
    a = fitted({"scale": None}, [x[:, np.newaxis]])
    b = fitted({"scale": None}, [moved])
    assert_allclose(
        b.predict([moved]), 7 * a.predict([x[:, np.newaxis]]) - 1000, rtol=1e-3
    )


def test_not_fitted():
    with pytest.raises(NotFittedError):
        LSTMForecaster().predict([np.ones((5, 1))])
    for name in ("transform", "predict_step", "initial_state"):
        assert not hasattr(LSTMForecaster, name)
