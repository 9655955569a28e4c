"""Backtests: where the cutoffs are, what is handed on, and the table."""

import warnings

import numpy as np
import pytest
from forecasting_cases import Looking, series, with_data
from sklearn.exceptions import NotFittedError

from sklstm import ConvLSTMForecaster, LSTMForecaster
from sklstm.forecasting import SeasonalNaive, backtest, forecast_table

pd = pytest.importorskip("pandas")


def lengths_before(table):
    return table.groupby("unique_id")["cutoff"].unique().map(list).to_dict()


# ---- cutoffs -------------------------------------------------------------------------


@pytest.mark.parametrize("step, expected", [(None, [5, 3, 1]), (1, [5, 4, 3])])
def test_cutoffs_lie_a_horizon_before_the_end_and_steps_before_that(step, expected):
    X = series([8])
    table = backtest(Looking(2).fit(X), X, n_windows=3, step=step)
    assert list(table.columns) == ["unique_id", "ds", "cutoff", "y", "Looking"]
    assert table["cutoff"].tolist() == np.repeat(expected[::-1], 2).tolist()
    ahead = np.tile([1, 2], 3)
    assert table["ds"].tolist() == (table["cutoff"] + ahead).tolist()
    assert table["y"].tolist() == X.data[table["ds"], 0].tolist()
    assert table["unique_id"].tolist() == [0] * 6


def test_a_series_comes_after_the_other_with_what_it_has():
    X = series([9, 6, 12], ids=["b", "a", "c"])
    with pytest.warns(UserWarning) as caught:
        table = backtest(Looking(2).fit(X), X, n_windows=4)
    assert "1 of 3 series are shorter than the 9 rows" in str(caught[0].message)
    assert "series 'a' (6 rows, 2 windows). Use fewer" in str(caught[0].message)
    assert "X[X.lengths >= 9]" in str(caught[0].message)
    assert table["unique_id"].tolist() == ["b"] * 8 + ["a"] * 4 + ["c"] * 8
    assert lengths_before(table) == {
        "a": [1, 3],
        "b": [0, 2, 4, 6],
        "c": [3, 5, 7, 9],
    }
    assert caught[0].filename == __file__


def test_no_window_at_all_is_said():
    X = series([9, 2, 0, 3], ids=list("wxyz"))
    with pytest.warns(UserWarning, match=r"'x' \(2 rows, 0 windows\), series 'y' \(0"):
        table = backtest(Looking(2).fit(X), X)
    assert set(table["unique_id"]) == {"w", "z"}
    with pytest.raises(ValueError, match="the longest, series 'z', has 3. Use"):
        backtest(Looking(3).fit(X), X[1:])


def test_a_past_without_a_target_is_no_window():
    X = series([8])
    data = X.data.copy()
    data[:4, 0] = np.nan
    X = with_data(X, data)
    with pytest.warns(UserWarning, match=r"series 0 \(8 rows, 1 windows\)"):
        table = backtest(Looking(2).fit(X), X, n_windows=2)
    assert table["cutoff"].tolist() == [5, 5]
    # one of two targets is enough
    both = backtest(Looking(2, target=[0, 1]).fit(X), X, n_windows=2)
    assert both["cutoff"].nunique() == 2


def test_missing_values_to_come_stay_missing():
    X = series([8])
    data = X.data.copy()
    data[7, 0] = np.nan
    table = backtest(Looking(2).fit(X), with_data(X, data))
    assert np.isnan(table["y"]).tolist() == [False, True]


# ---- what is handed on ---------------------------------------------------------------


@pytest.mark.parametrize("refit", [False, True, 2])
@pytest.mark.parametrize("future", [(), (2,), (1, 2)])
def test_nothing_after_a_cutoff_moves_what_is_forecast_from_before(refit, future):
    X = series([10, 8, 12], 4)
    model = Looking(2, future=future).fit(series([5], 4))
    before = backtest(model, X, n_windows=3, step=1, refit=refit)
    for row in range(10):
        data = X.data.copy()
        past_only = [j for j in range(4) if j not in future]
        data[row, past_only] += 1000.0  # a row of series 0
        after = backtest(model, with_data(X, data), n_windows=3, step=1, refit=refit)
        own = (before["unique_id"] == 0) & (before["cutoff"] < row)
        assert own.any() == (row > 6 - 1)
        assert before["Looking"][own].tolist() == after["Looking"][own].tolist()
        seen = (before["unique_id"] == 0) & (before["cutoff"] >= row)
        assert (before["Looking"][seen] != after["Looking"][seen]).all()


def test_the_real_one_does_not_see_the_future():
    rng = np.random.default_rng(0)
    X = series([40, 30], 3)
    model = LSTMForecaster(
        (4,), horizon=3, future_features=[2], max_iter=2, random_state=0
    ).fit(X)
    before = backtest(model, X, n_windows=2)
    data = X.data.copy()
    last = [*range(37, 40), *range(67, 70)]
    data[np.ix_(last, [0, 1])] = rng.standard_normal((6, 2))
    after = backtest(model, with_data(X, data), n_windows=2)
    assert before["LSTMForecaster"].tolist() == after["LSTMForecaster"].tolist()
    assert before["y"].tolist() != after["y"].tolist()
    data[last, 2] += 1.0  # what is known ahead may be seen, from its own cutoff on
    after = backtest(model, with_data(X, data), n_windows=2)
    moved = before["LSTMForecaster"] != after["LSTMForecaster"]
    assert moved.tolist() == 2 * ([False] * 3 + [True] * 3)


def test_of_the_rows_to_forecast_only_future_features_are_handed_on():
    X = series([9, 7], 3, ids=["a", "b"], times=np.arange(16), names=list("xyz"))
    model = Looking(2, future=(1,)).fit(X)
    backtest(model, X, n_windows=2)
    ((past, future),) = model.calls_
    assert past.lengths.tolist() == [5, 7, 3, 5]
    assert future.lengths.tolist() == [2] * 4
    assert past.ids.tolist() == future.ids.tolist() == ["a", "a", "b", "b"]
    assert past.times.tolist() == [*range(5), *range(7), *range(9, 12), *range(9, 14)]
    assert future.times.tolist() == [5, 6, 7, 8, 12, 13, 14, 15]
    assert past.feature_names == future.feature_names == ("x", "y", "z")
    assert np.isnan(future.data[:, [0, 2]]).all()
    assert future.data[:, 1].tolist() == X.data[future.times, 1].tolist()
    assert past.data.tolist() == X.data[past.times].tolist()


def test_windows_go_in_pieces_that_are_not_too_large(monkeypatch):
    X = series([9, 7], 3)
    model = Looking(2).fit(X)
    expected = backtest(model, X, n_windows=2)
    monkeypatch.setattr("sklstm.forecasting._backtest.PIECE", 30)
    model.calls_.clear()
    assert backtest(model, X, n_windows=2).equals(expected)
    assert [past.lengths.tolist() for past, _ in model.calls_] == [[5], [7, 3], [5]]


@pytest.mark.parametrize("ids", [None, [0, 1, 2], [2, 0, 1]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_windows_at_once_are_each_alone_to_the_bit(dtype, ids):
    X = series([40, 33, 25], 3, ids=ids).astype(dtype)
    model = LSTMForecaster(
        (5,), horizon=3, future_features=[1], quantile=[0.1, 0.5, 0.9], max_iter=2,
        random_state=0,
    ).fit(X)  # fmt: skip
    table = backtest(model, X, n_windows=3, step=2)
    columns = ["LSTMForecaster-lo-80", "LSTMForecaster", "LSTMForecaster-hi-80"]
    assert list(table.columns)[4:] == columns
    for (name, cutoff), rows in table.groupby(["unique_id", "cutoff"]):
        x = X[name if ids is None else ids.index(name)]
        alone = model.predict([x[: cutoff + 1]], [x[cutoff + 1 : cutoff + 4]])
        assert rows[columns].to_numpy().tolist() == alone[0].tolist()


# ---- fitting again -------------------------------------------------------------------


class Remembering(Looking):
    """Tells what its clones were fitted on."""

    fits = []

    def fit(self, X, y=None):
        self.fits.append(X.lengths.tolist())
        return super().fit(X)


@pytest.mark.parametrize(
    "refit, expected",
    [
        (True, [[3, 6], [5, 8], [7, 10]]),
        (1, [[3, 6], [5, 8], [7, 10]]),
        (2, [[3, 6], [7, 10]]),
        (3, [[3, 6]]),
        (9, [[3, 6]]),
    ],
)
def test_clones_are_fitted_on_what_is_before_the_cutoffs(refit, expected):
    X = series([9, 12])
    model = Remembering(2)
    Remembering.fits.clear()
    table = backtest(model, X, n_windows=3, refit=refit)
    assert Remembering.fits == expected
    assert not hasattr(model, "fitted_on_")
    # as if done by hand
    first = Looking(2).fit([X[0][:3], X[1][:6]])
    rows = table[(table["unique_id"] == 0) & (table["cutoff"] == 2)]
    by_hand = first.predict(with_data(series([3]), X[0][:3]))
    assert rows["Remembering"].tolist() == by_hand[0].tolist()


def test_series_that_have_not_begun_are_not_fitted_on():
    X = series([9, 4, 12])
    Remembering.fits.clear()
    with pytest.warns(UserWarning, match="1 of 3 series"):
        table = backtest(Remembering(2), X, n_windows=3, refit=True)
    assert Remembering.fits == [[3, 6], [5, 8], [7, 2, 10]]
    assert lengths_before(table)[1] == [1]
    # a later window of one that has none at the fit is forecast by the others' model
    Remembering.fits.clear()
    with pytest.warns(UserWarning, match="1 of 3 series"):
        table = backtest(Remembering(2), X, n_windows=3, refit=3)
    assert Remembering.fits == [[3, 6]]
    assert lengths_before(table)[1] == [1]


def test_a_fitted_one_stays_as_it_is():
    X = series([9, 12])
    model = Looking(2).fit(X)
    learnt = model.learnt_
    backtest(model, X, n_windows=2, refit=True)
    assert model.learnt_ == learnt and not model.calls_


def test_a_fit_that_fails_says_where():
    class Failing(Looking):
        def fit(self, X, y=None):
            raise ValueError("too few")

    with pytest.raises(ValueError, match="too few") as caught:
        backtest(Failing(2), series([9, 12]), n_windows=2, refit=True)
    assert caught.value.__notes__ == [
        "in backtest, fitting on 2 series of 5 to 8 rows before the cutoff"
    ]


def test_an_error_about_a_series_says_which_it_is():
    class Failing(Looking):
        def predict(self, X, X_future=None):
            raise ValueError("Nothing to forecast series 3 from.")

    X = series([9, 12], ids=["a", "b"])
    with pytest.raises(ValueError, match="series 3") as caught:
        backtest(Failing(2).fit(X), X, n_windows=2)
    assert caught.value.__notes__ == [
        "in backtest, where series 3 is series 'b' before its row 10"
    ]


# ---- the table -----------------------------------------------------------------------


def test_ids_and_times_are_those_of_the_series():
    times = pd.date_range("2024-01-01", periods=9, freq="D").to_numpy()
    times = np.concatenate([times, times[:6]])
    X = series([9, 6], ids=["b", "a"], times=times)
    table = backtest(Looking(2).fit(X), X, n_windows=2)
    assert table["unique_id"].tolist() == ["b"] * 4 + ["a"] * 4
    days = [6, 7, 8, 9, 3, 4, 5, 6]
    assert table["ds"].dt.day.tolist() == days
    assert table["cutoff"].dt.day.tolist() == [5, 5, 7, 7, 2, 2, 4, 4]
    assert table["ds"].dt.month.tolist() == [1] * 8


def test_ids_of_several_columns_are_joined():
    X = series([9, 6], ids=[("a", 1), ("a", 2)])
    table = backtest(Looking(2).fit(X), X)
    assert table["unique_id"].tolist() == ["a/1", "a/1", "a/2", "a/2"]


def test_an_id_that_comes_twice_is_refused():
    X = series([9, 6, 7], ids=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"X\[0\] and X\[2\] are both series 'a'"):
        backtest(Looking(2).fit(X), X)


def test_several_targets_are_one_column_more():
    X = series([9, 6], 3, ids=["b", "a"], names=["x", "y", "z"])
    model = Looking(2, target=["z", "x"], levels=[0.1, 0.9]).fit(X)
    table = backtest(model, X, n_windows=2)
    assert list(table.columns) == [
        "unique_id", "target", "ds", "cutoff", "y", "Looking-lo-80", "Looking-hi-80",
    ]  # fmt: skip
    assert table["unique_id"].tolist() == ["b"] * 8 + ["a"] * 8
    assert table["target"].tolist() == (["z"] * 4 + ["x"] * 4) * 2
    assert table["ds"].tolist()[:8] == [5, 6, 7, 8] * 2
    assert table["cutoff"].tolist()[:8] == [4, 4, 6, 6] * 2
    first = X.data[:9]
    assert table["y"].tolist()[:8] == [*first[5:, 2], *first[5:, 0]]
    z, x = (table[table["target"] == t].reset_index() for t in ("z", "x"))
    assert (x["Looking-lo-80"] - z["Looking-lo-80"]).tolist() == pytest.approx(
        [100] * 8
    )
    gap = table["Looking-hi-80"] - table["Looking-lo-80"]
    assert gap.tolist() == pytest.approx([0.8] * 16)
    # without names targets are columns by their index
    X = series([9], 3)
    table = backtest(Looking(2, target=[2, 0]).fit(X), X)
    assert table["target"].tolist() == [2, 2, 0, 0]
    # and one in a list is one
    assert "target" not in backtest(Looking(2, target=[2]).fit(X), X)


@pytest.mark.parametrize(
    "levels, expected",
    [
        (None, ["f"]),
        ([0.5], ["f"]),
        ([0.9], ["f-ql0.9"]),
        ([0.9, 0.1], ["f-hi-80", "f-lo-80"]),
        ([0.1, 0.5, 0.9, 0.3], ["f-lo-80", "f", "f-hi-80", "f-ql0.3"]),
        ([0.025, 0.05, 0.95, 0.975], ["f-lo-95", "f-lo-90", "f-hi-90", "f-hi-95"]),
        ([0.0025, 0.9975], ["f-lo-99.5", "f-hi-99.5"]),
        ([1 / 3, 2 / 3], ["f-lo-33.33333333", "f-hi-33.33333333"]),
    ],
)
def test_columns_are_named_as_those_of_nixtla(levels, expected):
    X = series([9])
    table = backtest({"f": Looking(2, levels=levels).fit(X)}, X)
    assert list(table.columns)[4:] == expected
    found = table.iloc[0, 4:].to_numpy(dtype=float)
    assert np.diff(found) == pytest.approx(np.diff(levels or [0.0]))


def test_forecasters_stand_side_by_side():
    X = series([9, 6])
    models = {
        "a": Looking(2).fit(X),
        "b": SeasonalNaive(2, quantile=[0.1, 0.9]).fit(X),
    }
    table = backtest(models, X, n_windows=2)
    assert list(table.columns)[4:] == ["a", "b-lo-80", "b-hi-80"]
    for name, model in models.items():
        alone = backtest({name: model}, X, n_windows=2)
        assert table[list(alone.columns)].equals(alone)


def test_targets_and_joined_ids_in_polars():
    pytest.importorskip("polars")
    X = series([9, 6], 3, ids=[("b", 1), ("a", 1)], names=["x", "y", "z"])
    model = Looking(2, target=["z", "x"]).fit(X)
    mine, theirs = (backtest(model, X, library=name) for name in ("pandas", "polars"))
    assert theirs.to_dict(as_series=False) == mine.to_dict("list")
    assert mine["target"].tolist() == ["z", "z", "x", "x"] * 2


def test_polars():
    pl = pytest.importorskip("polars")
    times = np.tile(np.arange("2024-01", "2024-10", dtype="datetime64[M]"), 2)
    X = series([9, 9], ids=["b", "a"], times=times)
    model = Looking(2).fit(X)
    table = backtest(model, X, library="polars")
    assert isinstance(table, pl.DataFrame)
    assert table["unique_id"].to_list() == ["b", "b", "a", "a"]
    assert table["ds"].dt.month().to_list() == [8, 9] * 2
    pandas = backtest(model, X)
    assert table["Looking"].to_list() == pandas["Looking"].tolist()
    assert pandas["ds"].dt.month.tolist() == [8, 9] * 2


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_times_of_every_unit_are_in_a_table(unit, library):
    pytest.importorskip(library)
    times = np.arange(10, 19).astype(f"datetime64[{unit}]")
    X = series([9], times=times)
    table = backtest(Looking(2).fit(X), X, library=library)
    found = table["ds"].to_numpy()
    assert (found.astype("datetime64[ns]") == times[-2:].astype("datetime64[ns]")).all()


def test_any_container():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 9))
    model = SeasonalNaive(2).fit(x)
    expected = backtest(model, x)
    for X in (x.tolist(), x[..., np.newaxis], list(x), pd.DataFrame(x)):
        assert backtest(model, X).equals(expected)
    frames = [pd.DataFrame({"y": row}) for row in x]
    assert backtest(SeasonalNaive(2, target="y").fit(frames), frames).equals(expected)


def test_numbers_keep_their_type():
    X = series([9]).astype("float32")
    table = backtest(SeasonalNaive(2).fit(X), X)
    assert table["y"].dtype == table["SeasonalNaive"].dtype == "float32"


# ---- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forecaster, message",
    [
        ({}, "There is no forecaster"),
        ({1: SeasonalNaive(2)}, "names of columns, of type str; got 1 of type int"),
        ({"y": SeasonalNaive(2)}, "cannot be named 'y'"),
        (SeasonalNaive, r"SeasonalNaive is a class, not an instance of it"),
        (object(), "Expected a forecaster, .* got object"),
        ({"a": SeasonalNaive(2), "b": SeasonalNaive(3)}, r"one horizon; got {'a': 2,"),
        (
            {"a": SeasonalNaive(2), "b": SeasonalNaive(2, target=1)},
            r"the same targets; got columns {'a': \(0,\), 'b': \(1,\)}",
        ),
        (
            SeasonalNaive(2, target="x"),
            "target of SeasonalNaive names 'x', but X has no",
        ),
        (
            {"a": SeasonalNaive(2, quantile=[0.1, 0.9]), "a-lo-80": SeasonalNaive(2)},
            "Two forecasts would be in column 'a-lo-80'",
        ),
    ],
)
def test_what_is_no_forecaster_is_refused(forecaster, message):
    with pytest.raises((TypeError, ValueError), match=message):
        backtest(forecaster, series([9]), refit=True)


@pytest.mark.parametrize("table_of", [backtest, forecast_table])
def test_frames_are_no_rows(table_of):
    """Neither of a forecaster of frames, nor as the series of another one."""
    X = np.random.default_rng(0).random((4, 6, 3, 3))
    with pytest.raises(TypeError, match=r"forecasts frames.*model.predict\(X\[:, :-h"):
        table_of({"conv": ConvLSTMForecaster(horizon=2)}, X)
    naive = SeasonalNaive(2).fit(series([9]))
    for clips in (X, list(X)):
        with pytest.raises(ValueError, match="each step is an image.*ConvLSTMForecast"):
            table_of(naive, clips)


def test_the_way_out_of_a_pipeline_and_a_search():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    with pytest.raises(TypeError, match="pass the last step"):
        backtest(make_pipeline(SeasonalNaive(2)), series([9]))
    search = GridSearchCV(SeasonalNaive(2), {})
    search.best_estimator_ = SeasonalNaive(2)
    with pytest.raises(TypeError, match="Pass its best_estimator_"):
        backtest(search, series([9]))


def test_a_single_quantile_is_named_by_its_level():
    X = series([40, 30])
    for model in (
        LSTMForecaster((3,), horizon=2, quantile=0.9, max_iter=1, random_state=0),
        SeasonalNaive(2, quantile=0.9),
    ):
        name = type(model).__name__
        assert model.fit(X).levels_ is None
        assert backtest(model, X).columns[-1] == f"{name}-ql0.9"
        model.set_params(quantile=0.5).fit(X)
        assert backtest(model, X).columns[-1] == name


def test_targets_are_columns_of_these_series():
    X = series([9], names=["a", "b"])
    model = SeasonalNaive(2, target="b").fit(X)
    with pytest.raises(ValueError, match="X has 1 features, but .* forecasts column 1"):
        backtest(model, series([9], 1))
    # which a clone may find in another place
    other = series([9], names=["b", "a"])
    table = backtest(model, other, refit=True)
    assert table["y"].tolist() == other.data[-2:, 0].tolist()
    assert table["SeasonalNaive"].tolist() == [other.data[-3, 0]] * 2


def test_one_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        backtest(SeasonalNaive(2), series([9]))


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_windows": 0},
        {"step": 0},
        {"refit": 0.5},
        {"refit": -1},
        {"refit": 0},
        {"n_windows": 1.0},
        {"library": "numpy"},
    ],
)
def test_parameters_out_of_range(parameters):
    (name,) = parameters
    with pytest.raises((TypeError, ValueError), match=f"{name} "):
        backtest(SeasonalNaive(2).fit(series([9])), series([9]), **parameters)


def test_a_shape_that_is_none_of_a_forecaster_is_refused():
    class Flat(Looking):
        def predict(self, X, X_future=None):
            return np.zeros(len(X))

    X = series([9])
    with pytest.raises(ValueError, match=r"Flat.predict returned shape \(1,\)"):
        backtest(Flat(2).fit(X), X)


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="backtest needs pandas: pip install pandas"):
        backtest(SeasonalNaive(2), series([9]), refit=True)


# ---- utilsforecast -------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_utilsforecast_evaluates_the_table(library):
    pytest.importorskip(library)
    evaluation = pytest.importorskip("utilsforecast.evaluation")
    losses = pytest.importorskip("utilsforecast.losses")
    X = series([40, 30, 50], 2, ids=["b", "a", "c"], times=np.arange(120))
    models = {
        "LSTM": LSTMForecaster(
            (4,), horizon=3, quantile=[0.1, 0.5, 0.9], max_iter=2, random_state=0
        ),
        "naive": SeasonalNaive(3, quantile=[0.1, 0.5, 0.9]),
    }
    table = backtest(models, X, n_windows=2, refit=2, library=library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about its packages
        scores = evaluation.evaluate(
            table, metrics=[losses.mae, losses.coverage], level=[80]
        )
    mine, theirs = table, scores
    if library == "polars":
        mine, theirs = (
            pd.DataFrame(t.to_dict(as_series=False)) for t in (mine, theirs)
        )
    theirs = theirs[theirs["metric"] == "mae"].set_index(["unique_id", "cutoff"])
    assert len(theirs) == 6
    for key, rows in mine.groupby(["unique_id", "cutoff"]):
        for name in models:
            error = (rows["y"] - rows[name]).abs().mean()
            assert theirs.loc[key, name] == pytest.approx(error)
