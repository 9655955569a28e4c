"""SktimeForecaster: sktime's own checks, and the same numbers as LSTMForecaster."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr, ndtri

import sklstm.forecasting
from sklstm import LSTMForecaster, SequenceArray

LEVELS = [0.1, 0.5, 0.9]


def test_without_sktime(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime", None)
    assert "SktimeForecaster" in dir(sklstm.forecasting)
    assert "SktimeForecaster" not in sklstm.forecasting.__all__
    with pytest.raises(ImportError, match="SktimeForecaster needs sktime: pip install"):
        _ = sklstm.forecasting.SktimeForecaster
    with pytest.raises(AttributeError, match="has no attribute 'DartsForecaster'"):
        _ = sklstm.forecasting.DartsForecaster


@pytest.fixture(scope="module")
def adapter():
    pytest.importorskip("sktime")
    return sklstm.forecasting.SktimeForecaster


def network(**options):
    """A network that has been little trained."""
    small = {"max_iter": 2, "windows_per_epoch": 16, "random_state": 0}
    return LSTMForecaster(4, **{**small, **options})


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # of sktime itself
    "ignore::FutureWarning",
    "ignore::DeprecationWarning",
)


def panel(lengths=(30, 24, 30), n_targets=1, levels=1, freq="D"):
    """Series as rows with instance and time, and two columns known ahead of each."""
    rng = np.random.default_rng(0)
    tables = {}
    for i, n in enumerate(lengths):
        time = pd.period_range("2024-01-01", periods=n + 8, freq=freq, name="time")
        columns = [f"y{k}" for k in range(n_targets)] + ["price", "holiday"]
        numbers = rng.standard_normal((n + 8, len(columns))).cumsum(axis=0)
        key = (f"s{i}",) if levels == 1 else (f"g{i % 2}", f"s{i}")
        tables[key if levels > 1 else key[0]] = pd.DataFrame(numbers, time, columns)
    names = ["instance"] if levels == 1 else ["group", "instance"]
    whole = pd.concat(tables, names=names)
    past = pd.concat({k: t.iloc[:-8] for k, t in tables.items()}, names=names)
    later = pd.concat({k: t.iloc[-8:] for k, t in tables.items()}, names=names)
    y = [f"y{k}" for k in range(n_targets)]
    return whole, past[y], past.drop(columns=y), later.drop(columns=y)


def split(table):
    levels = list(range(table.index.nlevels - 1))
    return [t for _, t in table.groupby(level=levels, sort=False)]


def as_lists(table):
    return [t.to_numpy() for t in split(table)]


@pytest.mark.filterwarnings("ignore")
def test_checks_of_sktime(adapter):
    from sktime.utils.estimator_checks import check_estimator

    results = check_estimator(adapter, raise_exceptions=True, verbose=False)
    assert len(results) > 100 and set(results.values()) == {"PASSED"}


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("fh", [[1, 2, 3, 4], [2, 4], [4]])
def test_a_panel_is_the_series_of_one_network(adapter, n_targets, levels, fh):
    _, y, X, X_later = panel(n_targets=n_targets, levels=levels)
    forecaster = adapter(network(quantile=LEVELS)).fit(y, X=X, fh=fh)

    lists = [np.hstack(both) for both in zip(as_lists(y), as_lists(X), strict=True)]
    plain = network(
        quantile=LEVELS,
        horizon=4,
        target=0 if n_targets == 1 else [0, 1],
        future_features=[n_targets, n_targets + 1],
    ).fit(SequenceArray.from_list(lists))
    want = plain.predict(lists, [x[:4] for x in as_lists(X_later)])
    want = want.reshape(3, 4, n_targets, 3)[:, np.array(fh) - 1]

    got = forecaster.predict(X=X_later)
    assert got.index.names == y.index.names and got.columns.tolist() == [*y.columns]
    ends = [t.index[np.array(fh) - 1] for t in split(X_later)]
    assert got.index.tolist() == [time for end in ends for time in end]
    assert_array_equal(got.to_numpy(), want[..., 1].reshape(-1, n_targets))

    quantiles = forecaster.predict_quantiles(X=X_later, alpha=[0.9, 0.1])
    assert_array_equal(
        quantiles.to_numpy().reshape(3, len(fh), n_targets, 2), want[..., [2, 0]]
    )
    intervals = forecaster.predict_interval(X=X_later, coverage=0.8)
    assert_array_equal(
        intervals.to_numpy().reshape(3, len(fh), n_targets, 2), want[..., [0, 2]]
    )


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2020-01", periods=30, freq="M"),
        pd.date_range("2020-01-01", periods=30, freq="MS"),
        pd.DatetimeIndex(pd.date_range("2020-01-01", periods=30, freq="h").to_numpy()),
        pd.RangeIndex(30),
        pd.Index(np.arange(5, 35)),
    ],
    ids=["period", "months", "without freq", "range", "int"],
)
def test_one_series(adapter, index):
    y = pd.Series(np.sin(np.arange(30.0)), index=index, name="sine")
    forecaster = adapter(network()).fit(y, fh=[1, 3])
    got = forecaster.predict()
    want = network(horizon=3).fit([y.to_numpy()]).predict([y.to_numpy()])
    assert_array_equal(got, want[0, [0, 2]])
    assert got.name == "sine"
    later = list(got.index)
    if isinstance(index, pd.DatetimeIndex) and index[1].month == 2:
        want = [pd.Timestamp("2022-07-01"), pd.Timestamp("2022-09-01")]
    else:
        step = index[1] - index[0]
        want = [index[29] + step, index[29] + 3 * step]
    assert later == want


def test_series_that_end_at_different_times(adapter):
    """The time asked for is another step ahead of each."""
    _, y, _, _ = panel((30, 29))
    times = y.loc["s0"].index[-1] + np.arange(1, 4)
    fh = pd.PeriodIndex(times)
    forecaster = adapter(network()).fit(y, fh=fh)
    lists = as_lists(y)
    want = network(horizon=4).fit(lists).predict(lists)
    got = forecaster.predict()
    assert_array_equal(got.loc["s0"].to_numpy()[:, 0], want[0, :3])
    assert_array_equal(got.loc["s1"].to_numpy()[:, 0], want[1, 1:])
    assert got.loc["s0"].index.equals(fh) and got.loc["s1"].index.equals(fh)


# ---- columns of X --------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, future",
    [
        ({}, [1, 2]),
        ({"future_features": ["holiday"]}, [2]),
        ({"future_features": [0]}, [1]),
        ({"future_features": []}, []),
        ({"static_features": ["price"]}, [2]),
    ],
)
def test_what_is_known_of_x(adapter, options, future):
    _, y, X, X_later = panel()
    static = [1] if "static_features" in options else None
    if static:
        X["price"] = X.groupby(level=0)["price"].transform("first")
    forecaster = adapter(network(**options)).fit(y, X=X, fh=[1, 2])
    assert forecaster.forecaster_.future_columns_ == tuple(future)
    lists = [np.hstack(both) for both in zip(as_lists(y), as_lists(X), strict=True)]
    plain = network(horizon=2, future_features=future or None, static_features=static)
    ahead = [x[:, np.array(future, int) - 1] for x in as_lists(X_later)]
    want = plain.fit(lists).predict(lists, ahead if future else None)
    assert_array_equal(forecaster.predict(X=X_later).to_numpy()[:, 0], want.ravel())


def test_x_may_go_on_and_begin_earlier(adapter):
    whole, y, X, X_later = panel()
    forecaster = adapter(network()).fit(y, X=X, fh=[1, 2])
    want = forecaster.predict(X=X_later)
    pd.testing.assert_frame_equal(forecaster.predict(X=whole[X.columns]), want)
    changed = X_later.copy()
    changed.iloc[0] += 1
    assert (forecaster.predict(X=changed).loc["s0"] != want.loc["s0"]).any().all()
    pd.testing.assert_frame_equal(
        forecaster.predict(X=changed).loc[["s1", "s2"]], want.loc[["s1", "s2"]]
    )


def test_what_x_lacks(adapter):
    _, y, X, X_later = panel()
    forecaster = adapter(network()).fit(y, X=X, fh=[1, 2, 3])
    with pytest.raises(ValueError, match="X is None.*3 steps after the end"):
        forecaster.predict()
    short = X_later.groupby(level=0).head(2)
    with pytest.raises(ValueError, match="X has no row of series 's0' at 2024-02-02"):
        forecaster.predict(X=short)
    with pytest.raises(ValueError, match="X has no rows of series 's1'"):
        forecaster.predict(X=X_later.drop(index="s1", level=0))
    with pytest.raises(ValueError, match=r"future_features=\['weather'\].*no column"):
        adapter(network(future_features=["weather"])).fit(y, X=X, fh=[1])
    with pytest.raises(ValueError, match=r"static_features=\['price'\], but X is None"):
        adapter(network(static_features=["price"])).fit(y, fh=[1])


def test_missing_targets_are_let_through(adapter):
    _, y, _, _ = panel()
    y.iloc[3] = np.nan
    forecaster = adapter(network()).fit(y, fh=[1])
    lists = as_lists(y)
    want = network(horizon=1).fit(lists).predict(lists)
    assert_array_equal(forecaster.predict().to_numpy(), want)


# ---- quantiles -----------------------------------------------------------------------


def test_levels_in_between(adapter):
    """Halfway on the scale of the normal distribution; at the ends what was fitted."""
    _, y, _, _ = panel()
    forecaster = adapter(network(quantile=[0.9, 0.1, 0.5])).fit(y, fh=[1, 2])
    z = ndtri(0.9) / 4
    got = forecaster.predict_quantiles(alpha=[0.1, 0.5, 0.9, float(ndtr(z))])
    low, middle, high, between = got.to_numpy().T
    assert_allclose(between, 0.75 * middle + 0.25 * high, rtol=1e-12)
    assert (low < middle).all() and (middle < high).all()
    assert_array_equal(forecaster.predict().to_numpy()[:, 0], middle)


def test_levels_beyond(adapter):
    _, y, _, _ = panel()
    forecaster = adapter(network(quantile=LEVELS)).fit(y, fh=[1])
    with pytest.raises(ValueError, match=r"quantile 0.05 lies beyond.*\[0.1, 0.5, 0.9"):
        forecaster.predict_interval(coverage=0.9)
    point = adapter(network()).fit(y, fh=[1])
    assert not point.get_tag("capability:pred_int")
    with pytest.raises(NotImplementedError):
        point.predict_interval()


@pytest.mark.parametrize("quantile, level", [([0.1, 0.4], 0.4), ([0.6, 0.9], 0.6)])
def test_a_point_forecast_without_a_median(adapter, quantile, level):
    _, y, _, _ = panel()
    forecaster = adapter(network(quantile=quantile)).fit(y, fh=[1, 2])
    want = forecaster.predict_quantiles(alpha=[level])
    assert_array_equal(forecaster.predict().to_numpy(), want.to_numpy())


def test_by_default_intervals_of_95_percent(adapter):
    _, y, _, _ = panel((16, 16))
    forecaster = adapter().fit(y, fh=[1])
    low, high = forecaster.predict_interval(coverage=0.95).to_numpy().T
    assert (low < high).all()


# ---- update --------------------------------------------------------------------------


@pytest.mark.parametrize("remember_data", [False, True])
def test_update_lengthens_the_series(adapter, remember_data):
    whole, y, X, X_later = panel()
    forecaster = adapter(network()).set_config(remember_data=remember_data)
    forecaster.fit(y, X=X, fh=[1, 2])
    later = whole.groupby(level=0).tail(8)
    first, second = (
        later.groupby(level=0).nth(list(range(*part))) for part in ((0, 5), (5, 8))
    )
    fitted = forecaster.forecaster_
    forecaster.update(first[["y0"]], X=first[X.columns], update_params=False)
    assert forecaster.forecaster_ is fitted
    seen = whole.groupby(level=0, group_keys=False).apply(lambda t: t.iloc[:-3])
    ahead = [x[:2] for x in as_lists(second[X.columns])]
    want = fitted.predict(as_lists(seen), ahead)
    got = forecaster.predict(X=second[X.columns])
    assert_array_equal(got.to_numpy()[:, 0], want.ravel())

    forecaster.update(second[["y0"]], X=second[X.columns], update_params=True)
    assert forecaster.forecaster_ is not fitted
    lists = as_lists(whole)
    plain = network(horizon=2, future_features=[1, 2]).fit(lists)
    assert_array_equal(
        forecaster.forecaster_.predict(lists, lists), plain.predict(lists, lists)
    )


def test_times_that_were_passed(adapter):
    _, y, _, _ = panel((30,))
    y = y.loc["s0"]
    fh = pd.PeriodIndex(y.index[-1] + np.arange(1, 3))
    forecaster = adapter(network()).fit(y, fh=fh)
    new = pd.DataFrame({"y0": [1.0]}, index=fh[:1])
    forecaster.update(new, update_params=False)
    with pytest.raises(NotImplementedError, match="in-sample"):
        forecaster.predict()


def test_times_that_one_series_has_passed(adapter):
    _, y, _, _ = panel((30, 29))
    fh = pd.PeriodIndex([y.loc["s0"].index[-1] + 1])
    with pytest.raises(NotImplementedError, match="in-sample"):
        adapter(network()).fit(y, fh=pd.PeriodIndex(fh - 1))
    forecaster = adapter(network()).fit(y, fh=fh)
    assert forecaster.forecaster_.horizon == 2


# ---- an estimator of sktime and of scikit-learn --------------------------------------


def test_parameters_and_copies(adapter):
    template = network(quantile=LEVELS)
    before = template.get_params()
    _, y, _, _ = panel()
    forecaster = adapter(template).fit(y, fh=[1, 2])
    assert template.get_params() == before and not hasattr(template, "loss_curve_")
    want = forecaster.predict()
    pd.testing.assert_frame_equal(
        pickle.loads(pickle.dumps(forecaster)).predict(), want
    )
    again = forecaster.clone()
    again.set_params(forecaster__random_state=1)
    assert (again.fit(y, fh=[1, 2]).predict() != want).all().all()


def test_a_failed_fit_says_why(adapter):
    _, y, _, _ = panel()
    with pytest.raises(ValueError, match="cell"):
        adapter(network(cell="transformer")).fit(y, fh=[1])
