"""What LSTMForecaster is given: names, what is known ahead, what is missing, errors."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_forecaster import FIT, HORIZON, fitted, future_of, make_series

from sklstm import LSTMForecaster, SequenceArray

NAMES = ["y", "season", "shop"]


def named(X=None, ids=None):
    X = SequenceArray.from_list(make_series() if X is None else X)
    return SequenceArray(X.data, X.offsets, NAMES, ids=ids)


def of_columns(values, names, ids=None):
    """One array a series as a SequenceArray with names."""
    X = SequenceArray.from_list(values)
    return SequenceArray(X.data, X.offsets, names, ids=ids)


# ---- columns -----------------------------------------------------------------------


def test_names_and_indices():
    by_index = fitted({"target": 0, "future_features": [1], "static_features": [-1]})
    by_name = fitted(
        {"target": "y", "future_features": ["season"], "static_features": ["shop"]},
        named(),
    )
    for model in (by_index, by_name):
        assert model.target_columns_ == (0,)
        assert model.future_columns_ == (1,)
        assert model.static_columns_ == (2,)
        assert model.levels_ is None
    assert by_name.feature_names_in_.tolist() == NAMES
    future = future_of(make_series())
    assert_array_equal(
        by_name.predict(named(), future), by_index.predict(make_series(), future)
    )
    several = fitted({"target": ["shop", "y"]}, named())
    assert several.target_columns_ == (2, 0)
    assert fitted({"quantile": [0.4, 0.1]}).levels_ == (0.4, 0.1)
    assert fitted({"quantile": 0.4}).levels_ is None


@pytest.mark.parametrize(
    "given, message",
    [
        ({"target": 3}, "target has column 3, but the columns of X are 0 to 2"),
        ({"target": -4}, "target has column -4"),
        ({"target": "price"}, r"target names 'price'.*\['y', 'season', 'shop'\]"),
        ({"target": [0, "y"]}, "target=.* has column 'y' twice"),
        ({"target": []}, "target is an empty list"),
        ({"target": [True]}, "target must have names or indices of columns, got True"),
        ({"target": [1.5]}, "target must have names or indices of columns, got 1.5"),
        ({"future_features": ["y"]}, "Column 0 is the target and among future_feat"),
        ({"static_features": [0]}, "Column 0 is the target and among static_features"),
        ({"future_features": [1], "static_features": ["season"]}, "Column 1 is among"),
        ({"future_features": ["x"]}, "future_features names 'x', which is not among"),
        ({"horizon": 0}, "'horizon' parameter"),
        ({"scale": "max"}, "'scale' parameter"),
        ({"quantile": [0.5, 1.5]}, "holds 1.5"),
        ({"quantile": [0.5, 0.5]}, "holds 0.5 twice"),
        ({"loss": "poisson"}, "loss='poisson' is of numbers that are not negative"),
        ({"loss": "poisson", "scale": None, "seasonal_lag": 2}, "seasonal_lag=None"),
    ],
)
def test_parameters(given, message):
    with pytest.raises(ValueError, match=message):
        LSTMForecaster(4, **FIT | given).fit(named())


def test_names_of_what_has_none():
    with pytest.raises(ValueError, match="target names 'y', but X has no feature"):
        LSTMForecaster(4, **FIT, target="y").fit(make_series())


def test_counts():
    rng = np.random.default_rng(0)
    X = [rng.poisson(5, (40, 1)).astype(float) for _ in range(5)]
    for scale in ("mean", None):
        y = fitted({"loss": "poisson", "scale": scale}, X).predict(X)
        assert (y > 0).all() and abs(y.mean() - 5) < 2
    with pytest.raises(
        ValueError, match="in y: series 0, step 0, output 0 has target -"
    ):
        fitted({"loss": "poisson", "scale": None}, [-x for x in X])


# ---- known ahead -------------------------------------------------------------------


def test_forms_of_what_is_known_ahead():
    X = named(ids=list("abcdef"))
    model = fitted({"future_features": ["season"]}, X)
    future = future_of(make_series())
    wanted = model.predict(X, future)
    everything = [np.c_[np.full(len(f), np.nan), f, np.zeros(len(f))] for f in future]
    longer = [np.r_[f, [[np.nan]]] for f in future]
    for given in (
        np.array(future),
        np.array(future)[:, :, 0],
        SequenceArray.from_list(future),
        everything,
        longer,
        of_columns(everything, ["other", "season", "y"]),
        of_columns([np.c_[f, f * 0] for f in future], ["season", "temperature"]),
    ):
        assert_array_equal(model.predict(X, given), wanted)
    # series by their ids, where both have them
    backwards = of_columns(future[::-1], ["season"], ids=list("fedcba"))
    assert_array_equal(model.predict(X, backwards), wanted)
    without = SequenceArray(X.data, X.offsets, NAMES)
    assert_array_equal(model.predict(without[::-1], backwards), wanted[::-1])


def test_windows_of_one_series_keep_their_order():
    """As a backtest passes them: an id that comes again is the next window of it."""
    X, future = named(), [f + 0.1 * i for i, f in enumerate(future_of(make_series()))]
    model = fitted({"future_features": ["season"]}, X)
    wanted = model.predict(X, future)
    assert (wanted[0] != model.predict(X, future[::-1])[0]).any()
    ids = ["a", "b", "a", "a", "b", "c"]
    again = named(ids=ids)
    given = of_columns(future, ["season"], ids=ids)
    assert_array_equal(model.predict(again, given), wanted)
    order = [1, 0, 4, 5, 2, 3]  # those of one id in turn
    given = of_columns([future[i] for i in order], ["season"], [ids[i] for i in order])
    assert_array_equal(model.predict(again, given), wanted)
    given = of_columns(future, ["season"], ids=["a", "b", "a", "d", "b", "c"])
    with pytest.raises(ValueError, match=r"no series 'a' \(3 times\).*series 3 of X"):
        model.predict(again, given)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: None, r"X_future is None, but the features \['season'\] are known"),
        (lambda f: f[:-1], "X_future has 5 series, but X has 6"),
        (lambda f: [*f[:2], f[2][:3], *f[3:]], r"3 step\(s\) of series 2, .* has 4"),
        (lambda f: [np.c_[x, x] for x in f], "X_future has 2 features. Pass the 1"),
        (lambda f: [*f[:5], np.r_[f[5][:3], [[np.nan]]]], "NaN: series 5, step 3"),
        (lambda f: [np.full_like(x, np.inf) for x in f], "infinity"),
        (lambda f: of_columns(f, ["price"]), "has no feature 'season'.*price"),
        (lambda f: of_columns(f, ["season"], list("abcdez")), "no series 'f', w"),
        (lambda f: "text", "In X_future: Expected seq"),
    ],
)  # fmt: skip
def test_errors_of_what_is_known_ahead(change, message):
    X = named(ids=list("abcdef"))
    model = fitted({"future_features": ["season"]}, X)
    with pytest.raises((TypeError, ValueError), match=message):
        model.predict(X, change(future_of(make_series())))


def test_what_nobody_asked_for():
    model = fitted({})
    with pytest.raises(ValueError, match="X_future is given, but without future_feat"):
        model.predict(make_series(), future_of(make_series()))


def test_static_features_hold():
    """As if they were known ahead."""
    X = make_series([30, 20, 25])
    X = [np.c_[x[:, :2], np.full(len(x), i)] for i, x in enumerate(X)]
    static = fitted({"static_features": [2]}, X)
    known = fitted({"future_features": [2]}, X)
    future = [np.full((HORIZON, 1), x[0, 2]) for x in X]
    assert_array_equal(static.predict(X), known.predict(X, future))
    assert not np.array_equal(static.predict(X), fitted({}, X).predict(X))


def test_weights_by_id():
    pd = pytest.importorskip("pandas")
    X = named(ids=list("abcdef"))
    weights = pd.Series(np.arange(1.0, 7), index=list("abcdef"))
    plain = LSTMForecaster(4, **FIT).fit(X, sample_weight=weights.to_numpy())
    other = LSTMForecaster(4, **FIT).fit(X, sample_weight=weights[::-1])
    assert_array_equal(other.predict(X), plain.predict(X))
    assert other.score(X, sample_weight=weights[::-1]) == plain.score(
        X, sample_weight=weights.to_numpy()
    )
    with pytest.raises(ValueError, match="sample_weight"):
        LSTMForecaster(4, **FIT).fit(X, sample_weight=weights.rename({"a": "z"}))


# ---- missing values ----------------------------------------------------------------


def test_targets_may_be_missing():
    X = make_series([30, 24])
    for x in X:
        x[[3, 7, 8, -1], 0] = np.nan
    model = fitted({"seasonal_lag": 5}, X)
    y = model.predict(X)
    assert np.isfinite(y).all()
    assert np.isfinite(model.score(X))
    for i, x in enumerate(X):
        assert_array_equal(model.predict([x])[0], y[i])
    # a target that is missing has no loss: other values there are as good
    other = [x.copy() for x in X]
    assert_array_equal(fitted({"seasonal_lag": 5}, other).predict(X), y)


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_features_may_be_missing_if_asked(missing):
    X = make_series([30, 24])
    X[1][[0, 4, 5], [1, 1, 2]] = np.nan
    with pytest.raises(ValueError, match=r"NaN: series 1, step 0, feature 1\. Only"):
        fitted({}, X)
    with pytest.raises(ValueError, match=r"series 1, step 0, feature 1 \(season\)"):
        fitted({}, named(X))
    model = fitted({"missing": missing, "future_features": [1]}, X)
    future = future_of(X)
    future[1][2:] = np.nan
    y = model.predict(X, future)
    for i, x in enumerate(X):
        assert_array_equal(model.predict([x], future[i : i + 1])[0], y[i])
    filled = [f.copy() for f in future]
    filled[1][2:] = filled[1][1]
    known = model.predict(X, filled)
    assert_array_equal(known[0], y[0])
    same = np.array_equal(known[1], y[1])
    assert same if missing == "ffill" else not same


def test_what_fills_features_leaves_targets_alone():
    X = make_series([30, 24, 3])
    for x in X[:2]:
        x[[3, 7, 8, -1], 0] = np.nan
    plain, filled = fitted({}, X), fitted({"missing": "ffill"}, X)
    assert filled.loss_curve_ == plain.loss_curve_
    assert_array_equal(filled.predict(X), plain.predict(X))


def test_nothing_to_forecast_from():
    model = fitted({})
    X = make_series([10, 10])
    X[1][:, 0] = np.nan
    with pytest.raises(ValueError, match="forecast series 1 from: none of its last 10"):
        model.predict(X)
    with pytest.raises(ValueError, match="forecast series 1 from: none of its last 0"):
        model.predict([X[0], np.empty((0, 3))])


def test_series_of_one_step_have_a_forecast():
    X = make_series()
    model = fitted({"seasonal_lag": 5})
    y = model.predict([x[:1] for x in X])
    assert np.isfinite(y).all()
    assert_array_equal(model.predict([X[2][:1]])[0], y[2])


def test_what_is_not_used_is_said():
    X = make_series([30, 1, 20])
    X.append(np.c_[np.full(9, np.nan), X[0][:9, 1:]])
    message = (
        r"2 of the 4 series have nothing to learn from, the first is series 1, of 1"
    )
    with pytest.warns(UserWarning, match=message):
        LSTMForecaster(4, **FIT).fit(X)
    with pytest.raises(ValueError, match="nothing to learn from in X: none of its 1"):
        LSTMForecaster(4, **FIT).fit(X[1:2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # of weight zero: nobody asked for it
        LSTMForecaster(4, **FIT).fit(X, sample_weight=[1, 0, 1, 0])


def test_short_series_are_used():
    """Shorter than a horizon: for what they have."""
    X = [x[:3] for x in make_series([9, 9, 9])]
    model = fitted({}, X)
    assert model.t_ == FIT["max_iter"] * 3
    changed = [x.copy() for x in X]
    changed[0][2, 0] *= 2
    assert not np.array_equal(fitted({}, changed).predict(X), model.predict(X))


@pytest.mark.parametrize(
    "X, message",
    [
        (
            [np.ones((9, 3)), np.full((9, 3), 1e200)],
            "target of series 1 is 1e[+]200 at",
        ),
        ([np.ones((9, 3)), np.full((9, 3), np.inf)], "infinity.*sample 1, step 0"),
        ([np.ones((9, 3)), np.ones((9, 2))], "features"),
        ({"a": 1}, "dict"),
    ],
)
def test_bad_series(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LSTMForecaster(4, **FIT).fit(X)
    model = fitted({})
    with pytest.raises((TypeError, ValueError)):
        model.predict(X)


def test_other_features_than_in_the_fit():
    model = fitted({})
    with pytest.raises(ValueError, match="X has 2 features.* expecting 3"):
        model.predict([np.ones((9, 2))])
    with pytest.raises(ValueError, match="The feature names should match"):
        fitted({}, named()).predict(of_columns(make_series(), ["y", "shop", "season"]))


def test_a_matrix_is_univariate_series():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 20)).cumsum(axis=1)
    model = fitted({}, X)
    of_list = fitted({}, [x[:, np.newaxis] for x in X])
    assert_array_equal(model.predict(X), of_list.predict([x[:, None] for x in X]))
    assert model.predict(X).shape == (5, HORIZON)
    message = r"X has 16 features, but .* is expecting 20 .*X\[:, :, np.newaxis\]"
    with pytest.raises(ValueError, match=message):
        model.predict(X[:, :16])
    assert_array_equal(
        model.predict(X[:, :16, np.newaxis]), of_list.predict([x[:16, None] for x in X])
    )


def test_units_of_features_are_those_of_the_fit():
    X = make_series([30, 24])
    model = fitted({}, X)
    windows = model._fitted.architecture["windows"]
    data = np.concatenate(X)
    assert_allclose(windows["centre"][1:], data[:, 1:].mean(axis=0))
    assert_allclose(windows["spread"][1:], data[:, 1:].std(axis=0))
    constant = [np.c_[x[:, :2], np.full(len(x), 0.1)] for x in X]
    assert fitted({}, constant)._fitted.architecture["windows"]["spread"][2] == 1


# ---- ids ---------------------------------------------------------------------------


def test_ids_of_series():
    """What cannot be known of a short context is known of the shop."""
    rng = np.random.default_rng(0)
    X, ids = [], rng.permutation(np.arange(40) % 4 + 1)
    for shop in ids:
        y = rng.standard_normal(12) + np.where(np.arange(12) % 6 >= 4, 5.0 * shop, 0)
        X.append(np.c_[y, np.full(12, shop)])
    options = {"static_features": [1], "scale": None, "max_iter": 60, "horizon": 2}
    options |= {"windows_per_epoch": None, "context_length": 4}
    table = fitted({"embedding_dim": 3, "categorical_features": [1], **options}, X)
    assert table.weights_["embedding"].shape == (5, 3)
    y = table.predict(X)
    for i, x in enumerate(X):
        assert_array_equal(table.predict([x])[0], y[i])
    assert not table.weights_["embedding"][0].any()
    # an id that was never seen is that of nobody
    unknown = [np.c_[x[:, 0], np.zeros(12)] for x in X]
    beyond = [np.c_[x[:, 0], np.full(12, 9)] for x in X]
    assert_array_equal(table.predict(unknown), table.predict(beyond))
    assert table.score(X) > fitted(options | {"static_features": None}, X).score(X)


def test_ids_known_ahead_and_not():
    X = named([np.c_[x[:, 0], np.arange(len(x)) % 5, x[:, 1]] for x in make_series()])
    X = SequenceArray(X.data, X.offsets, ["y", "weekday", "price"])
    given = {"embedding_dim": 2, "categorical_features": ["weekday"]}
    ahead = fitted(given | {"future_features": ["weekday"]}, X)
    future = [(n + np.arange(HORIZON))[:, None] % 5 for n in X.lengths]
    y = ahead.predict(X, future)
    assert not np.array_equal(ahead.predict(X, [f * 0 for f in future]), y)
    with pytest.raises(ValueError, match="holds 0.5 at series 2, step 1.*'weekday'"):
        future[2] = future[2] + np.array([[0], [0.5], [0], [0]]) - future[2] * 1.0
        ahead.predict(X, future)
    hidden = fitted(given, X)
    assert hidden.predict(X).shape == (6, HORIZON)
    rows = np.arange(10.0).reshape(5, 2)
    fixed = fitted(given | {"embedding_weights": rows, "embedding_trainable": False}, X)
    assert_allclose(fixed.weights_["embedding"], rows)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"embedding_dim": 2}, "X has 3 features, but with embedding_dim alone"),
        ({"embedding_dim": 2, "categorical_features": [0]}, "Column 0 is the target"),
        ({"embedding_dim": 2, "categorical_features": [1]}, "X holds .* column of ids"),
        ({"categorical_features": [1]}, "with embedding_dim=None"),
        ({"embedding_dim": 2, "categorical_features": "from_dtype"}, "'categorical_f"),
    ],
)  # fmt: skip
def test_ids_that_are_none(given, message):
    with pytest.raises(ValueError, match=message):
        LSTMForecaster(4, **FIT, **given).fit(make_series())
