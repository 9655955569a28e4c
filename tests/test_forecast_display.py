"""ForecastDisplay: what is drawn where, for every kind of forecast; what is refused."""

import sys
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, SequenceArray
from sklstm.forecasting import SeasonalNaive
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import TimeDistributed

HORIZON = 6
LEVELS = [0.9, 0.05, 0.3, 0.5, 0.95, 0.1]
DAYS = np.arange("2024-02-01", "2024-03-12", dtype="datetime64[D]")


def series(*, names=("y", "price"), ids=("a", "b", "c"), times=True):
    """Three series of 40, 33 and 5 days."""
    lengths = [40, 33, 5]
    rng = np.random.default_rng(0)
    data = rng.standard_normal((sum(lengths), 2)).cumsum(axis=0)
    days = np.concatenate([DAYS[:n] for n in lengths])
    return SequenceArray(
        data,
        np.cumsum([0, *lengths]),
        names,
        ids=ids,
        times=days if times else None,
    )


def naive(quantile=None, target=0, horizon=HORIZON):
    forecaster = SeasonalNaive(horizon, quantile=quantile, target=target)
    return forecaster.fit(series())


class Known(SeasonalNaive):
    """A forecast that adds what is known ahead."""

    def fit(self, X, y=None):
        super().fit(X)
        self.future_columns_ = (1,)
        return self

    def predict(self, X, X_future=None):
        if X_future is None:
            raise ValueError("X_future is None")
        ahead = np.stack([x[: self.horizon, -1] for x in X_future])
        return super().predict(X) + ahead


def line_of(line):
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def band_of(band):
    """Lower and upper ends of a band at its steps."""
    corners = band.get_paths()[0].vertices
    x = np.unique(corners[:, 0])
    ends = [corners[corners[:, 0] == place, 1] for place in x]
    return np.array([[e.min(), e.max()] for e in ends]).T


# ---- what is drawn -------------------------------------------------------------------


def test_a_point_forecast(plt):
    X = series()
    display = ForecastDisplay.from_estimator(naive(), X, series=1)
    x, y = line_of(display.line_)
    assert_array_equal(x, DAYS[33:39])
    assert_array_equal(y, naive().predict(X)[1])
    x, y = line_of(display.history_line_)
    assert_array_equal(x, DAYS[33 - 24 : 33])
    assert_array_equal(y, X[1][-24:, 0])
    assert display.line_.get_label() == "forecast"
    assert display.bands_ == display.quantile_lines_ == display.intervals == {}
    assert display.true_line_ is None
    assert display.ax_.get_title() == "b" and display.ax_.get_ylabel() == "y"
    assert display.figure_ is display.ax_.figure


def test_quantiles_in_any_order(plt):
    X = series()
    display = ForecastDisplay.from_estimator(naive(LEVELS), X)
    want = naive(LEVELS).predict(X)[0]
    assert display.intervals == {0.9: (1, 4), 0.8: (5, 0)}
    assert_allclose(band_of(display.bands_[0.8]), want[:, [5, 0]].T)
    assert_allclose(band_of(display.bands_[0.9]), want[:, [1, 4]].T)
    assert_array_equal(line_of(display.line_)[1], want[:, 3])
    assert display.line_.get_label() == "median"
    assert_array_equal(line_of(display.quantile_lines_[0.3])[1], want[:, 2])
    assert list(display.quantile_lines_) == [0.3]
    shades = [band.get_alpha() for band in display.bands_.values()]
    assert shades[0] < shades[1]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [
        "history", "90 % interval", "80 % interval", "quantile 0.3", "median",
    ]  # fmt: skip


def test_one_quantile(plt):
    display = ForecastDisplay.from_estimator(naive(0.3), series())
    assert display.line_ is None and list(display.quantile_lines_) == [0.3]
    want = naive(0.3).predict(series())[0]
    assert_array_equal(line_of(display.quantile_lines_[0.3])[1], want)


@pytest.mark.parametrize(
    "levels, shown",
    [
        (None, [0.9, 0.8]),
        ([0.8], [0.8]),
        (0.8, [0.8]),
        ([], []),
        ([0.8, 0.9], [0.9, 0.8]),
    ],
)
def test_some_of_the_intervals(plt, levels, shown):
    display = ForecastDisplay.from_estimator(naive(LEVELS), series(), levels=levels)
    assert list(display.bands_) == shown
    assert list(display.intervals) == [0.9, 0.8]


def test_one_step(plt):
    """A line through one point, and a band of one step, would not be seen."""
    forecaster = naive([0.1, 0.5, 0.9], horizon=1)
    display = ForecastDisplay.from_estimator(forecaster, series())
    assert display.line_.get_marker() == "o"
    assert display.bands_[0.8].get_linewidth()[0] > 0
    display = ForecastDisplay.from_estimator(naive([0.1, 0.5, 0.9]), series())
    assert display.bands_[0.8].get_linewidth()[0] == 0


def test_styles_and_axes(plt):
    _, ax = plt.subplots()
    display = ForecastDisplay.from_estimator(
        naive([0.1, 0.5, 0.9]),
        series(),
        y_true=np.zeros(3),
        ax=ax,
        line_kw={"color": "red"},
        fill_kw={"alpha": 0.7},
        history_kw={"linestyle": ":"},
        true_kw={"marker": "x"},
    )
    assert display.ax_ is ax
    assert display.line_.get_color() == "red"
    assert display.bands_[0.8].get_alpha() == 0.7
    assert display.history_line_.get_linestyle() == ":"
    assert display.true_line_.get_marker() == "x"
    again = display.plot()
    assert again is display and display.ax_ is not ax


@pytest.mark.parametrize("n_context, n", [(None, 24), (7, 7), (1000, 40), (0, 0)])
def test_how_much_history(plt, n_context, n):
    display = ForecastDisplay.from_estimator(naive(), series(), n_context=n_context)
    if n == 0:
        assert display.history_line_ is None
        return
    assert_array_equal(line_of(display.history_line_)[0], DAYS[40 - n : 40])


def test_a_history_shorter_than_that(plt):
    display = ForecastDisplay.from_estimator(naive(), series(), series="c")
    assert len(line_of(display.history_line_)[0]) == 5


@pytest.mark.parametrize("which", [2, -1, "c"])
def test_series_by_index_and_id(plt, which):
    display = ForecastDisplay.from_estimator(naive(), series(), series=which)
    assert_array_equal(display.y_pred, naive().predict(series())[2])
    assert display.name == "c"


def test_without_names_ids_and_times(plt):
    X = series(names=None, ids=None, times=False)
    forecaster = SeasonalNaive(HORIZON).fit(X)
    for given in (X, X.to_list()):
        display = ForecastDisplay.from_estimator(forecaster, given, series=1)
        assert_array_equal(line_of(display.line_)[0], np.arange(33, 39))
        assert_array_equal(line_of(display.history_line_)[0], np.arange(9, 33))
        assert display.ax_.get_xlabel() == "Step"
        assert display.ax_.get_title() == "series 1"
        assert display.ax_.get_ylabel() == ""


def test_titles_are_no_formulas(plt):
    X = series(ids=("$x$", "b", "c"))
    display = ForecastDisplay.from_estimator(naive(), X)
    assert not display.ax_.title.get_parse_math()


@pytest.mark.parametrize(
    "target, k", [(None, 0), ("price", 0), ("y", 1), (0, 1), (1, 0)]
)
def test_one_of_several_targets(plt, target, k):
    forecaster = naive([0.1, 0.9], target=["price", "y"])
    X = series()
    display = ForecastDisplay.from_estimator(forecaster, X, target=target, y_true=X)
    assert_array_equal(display.y_pred, forecaster.predict(X)[0, :, k])
    assert display.target_name == ["price", "y"][k]
    assert_array_equal(display.history, X[0][-24:, 1 - k])
    assert_array_equal(display.y_true, X[0][:HORIZON, 1 - k])


def test_what_is_known_ahead(plt):
    """Its times are those of the forecast."""
    X = series()
    later = np.arange("2025-01-01", "2025-01-09", dtype="datetime64[D]")
    ahead = np.arange(24.0).reshape(3, 8)
    X_future = SequenceArray(
        ahead.reshape(-1, 1), [0, 8, 16, 24], ["price"], times=np.tile(later, 3)
    )
    forecaster = Known(HORIZON).fit(X)
    display = ForecastDisplay.from_estimator(forecaster, X, X_future, series=1)
    want = naive().predict(X)[1] + ahead[1, :HORIZON]
    assert_array_equal(line_of(display.line_)[1], want)
    assert_array_equal(line_of(display.line_)[0], later[:HORIZON])
    with pytest.raises(ValueError, match="X_future is None"):
        ForecastDisplay.from_estimator(forecaster, X)
    with pytest.raises(ValueError, match="X_future has 2 series, but X has 3"):
        ForecastDisplay.from_estimator(forecaster, X, X_future[:2])


def whole(y):
    """Series with all columns of X, and y as the first one."""
    return [np.column_stack([row, row + 100]) for row in y]


@pytest.mark.parametrize("n", [3, HORIZON, HORIZON + 2])
@pytest.mark.parametrize("form", ["one", "list", "array", "rows", "lists", "whole"])
def test_what_came(plt, form, n):
    X, y = series(), np.arange(3.0 * n).reshape(3, n)
    y[1, 1] = np.nan
    given = {
        "one": y[1],
        "list": y[1].tolist(),
        "array": y,
        "rows": [row[: n - i] if i == 2 else row for i, row in enumerate(y)],
        "lists": y.tolist(),
        "whole": whole(y),
    }[form]
    display = ForecastDisplay.from_estimator(naive(), X, series="b", y_true=given)
    x, got = line_of(display.true_line_)
    assert_array_equal(got, y[1, :HORIZON])
    assert_array_equal(x, DAYS[33 : 33 + min(n, HORIZON)])


def test_what_came_of_a_frame_column(plt):
    y = pd.Series([1.0, 2.0], index=[7, 8])
    display = ForecastDisplay.from_estimator(naive(), series(), y_true=y)
    assert_array_equal(display.y_true, [1, 2])


def test_the_end_of_a_pipeline(plt):
    X = series()
    pipeline = make_pipeline(TimeDistributed(StandardScaler()), SeasonalNaive(HORIZON))
    pipeline.fit(X)
    display = ForecastDisplay.from_estimator(pipeline, X)
    assert_array_equal(display.y_pred, pipeline.predict(X)[0])
    assert_array_equal(display.history, pipeline[:-1].transform(X)[0][-24:, 0])


@pytest.mark.parametrize("months", [1, 3, 12])
def test_times_go_on_by_months(plt, months):
    start = np.arange(0, 12 * months, months).astype("datetime64[M]")
    X = SequenceArray(
        np.arange(12.0)[:, np.newaxis], [0, 12], times=start.astype("datetime64[D]")
    )
    display = ForecastDisplay.from_estimator(SeasonalNaive(4).fit(X), X)
    want = np.arange(12 * months, 16 * months, months).astype("datetime64[M]")
    assert_array_equal(display.times, want.astype("datetime64[D]"))


def test_frequency_is_passed_on(plt):
    X = SequenceArray([[1.0]], [0, 1], times=np.array(["2024-01-01"], "datetime64[D]"))
    forecaster = SeasonalNaive(2).fit(X)
    with pytest.raises(ValueError, match="Pass freq"):
        ForecastDisplay.from_estimator(forecaster, X)
    freq = np.timedelta64(7, "D")
    display = ForecastDisplay.from_estimator(forecaster, X, freq=freq)
    assert display.times.astype(str).tolist() == ["2024-01-08", "2024-01-15"]


# ---- from predictions ----------------------------------------------------------------


def test_predictions_alone(plt):
    display = ForecastDisplay.from_predictions([1, 2, 3])
    assert_array_equal(line_of(display.line_), [[0, 1, 2], [1, 2, 3]])
    assert display.history_line_ is None


def test_predictions_with_all(plt):
    times = [datetime(2024, 1, day) for day in range(1, 6)]
    display = ForecastDisplay.from_predictions(
        np.array([[1, 2, 4], [2, 3, 5]]),
        quantile=[0.1, 0.5, 0.9],
        history=[5, 6, 7],
        y_true=[2],
        times=times[3:],
        history_times=times[:3],
        name="of another package",
        target_name="sales",
    )
    assert line_of(display.history_line_)[0].tolist() == times[:3]
    assert_array_equal(band_of(display.bands_[0.8]), [[1, 2], [4, 5]])
    assert_array_equal(line_of(display.line_)[1], [2, 3])
    assert_array_equal(line_of(display.true_line_)[1], [2])
    assert display.ax_.get_title() == "of another package"


def test_predictions_behind_a_history(plt):
    display = ForecastDisplay.from_predictions([1.0, 2], history=[3, 4, 5])
    assert_array_equal(line_of(display.history_line_)[0], [-3, -2, -1])
    assert_array_equal(line_of(display.line_)[0], [0, 1])


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    "given, match",
    [
        ({"y_pred": [[1, 2]]}, "2 columns; say of which quantiles"),
        ({"y_pred": []}, "y_pred must have shape .* at least one step"),
        ({"y_pred": np.zeros((1, 1, 1))}, r"got \(1, 1, 1\)"),
        ({"y_pred": [[1, 2]], "quantile": [0.1]}, "1 levels for 2 column"),
        ({"y_pred": [[1, 2]], "quantile": [0.5, 0.5]}, "a level twice"),
        ({"y_pred": [[1, 2]], "quantile": [10, 90]}, "quantile has 10, but a level"),
        ({"y_pred": [1], "y_true": [1, 2]}, "y_true has 2 values, but y_pred 1 steps"),
        ({"y_pred": [1], "history": [[1]]}, "history must have shape"),
        ({"y_pred": [1], "times": [1, 2]}, r"times has shape \(2,\), but y_pred 1"),
        ({"y_pred": [1], "history": [1], "times": [5]}, "times is given, but not hist"),
        (
            {"y_pred": [1], "history": [1], "history_times": [5]},
            "history_times is given, but not times",
        ),
    ],
)
def test_shapes_that_do_not_fit(given, match):
    with pytest.raises(ValueError, match=match):
        ForecastDisplay(**given)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"series": 3}, "series=3 is not there: X has 3 series, 0 to 2"),
        ({"series": -4}, "series=-4"),
        ({"series": "d"}, "series='d' is not among the 3 ids of X.*begin with 'a'"),
        ({"target": "price"}, r"target='price' is not among those forecast, \['y'\]"),
        ({"target": 7}, "target=7"),
        ({"levels": [0.7]}, "levels has 0.7.* hold 0.8.* 0.1 to 0.9"),
        ({"levels": [80]}, "levels has 80"),
        ({"n_context": -1}, "n_context"),
        ({"y_true": np.zeros((2, 6))}, "y_true has 2 series, but X has 3"),
        ({"y_true": np.zeros((3, 6, 3))}, "y_true has 3 features"),
    ],
)
def test_what_is_not_there(plt, options, match):
    forecaster = naive([0.1, 0.5, 0.9])
    with pytest.raises(ValueError, match=match):
        ForecastDisplay.from_estimator(forecaster, series(), **options)
    assert not plt.get_fignums()


def test_ids_that_x_has_not(plt):
    with pytest.raises(ValueError, match="series='a' is no index, and X has no ids"):
        ForecastDisplay.from_estimator(naive(), series(ids=None), series="a")


def test_what_is_no_forecaster(plt):
    X = series()
    with pytest.raises(TypeError, match="LSTMRegressor is no forecaster"):
        ForecastDisplay.from_estimator(LSTMRegressor(), X)
    with pytest.raises(NotFittedError):
        ForecastDisplay.from_estimator(SeasonalNaive(2), X)
    search = GridSearchCV(
        SeasonalNaive(2), {"season_length": [1]}, scoring=lambda *_: 0, cv=2
    )
    with pytest.raises(TypeError, match="best_estimator_"):
        ForecastDisplay.from_estimator(search.fit(X), X)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    display = ForecastDisplay(y_pred=[1.0])
    for draw in (
        display.plot,
        lambda: ForecastDisplay.from_predictions([1.0]),
        lambda: ForecastDisplay.from_estimator(naive(), series()),
    ):
        with pytest.raises(ImportError, match="ForecastDisplay.* requires matplotlib"):
            draw()
