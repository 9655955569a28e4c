"""What a backtest shows while it is under way: its lines, and tasks for callbacks."""

import re

import pytest
from callback_cases import Everywhere, Listener, since_1_9
from forecasting_cases import Looking, series

from sklstm import LSTMForecaster
from sklstm.forecasting import SeasonalNaive, backtest

pytest.importorskip("pandas")

X = series([24, 20, 30])


def network(**params):
    return LSTMForecaster(
        3, horizon=2, max_iter=2, context_length=8, random_state=0, **params
    )


# ---- verbose -------------------------------------------------------------------------

TIME = r"[0-9.e-]+ s"


def lines(capsys):
    printed = capsys.readouterr().out.splitlines()
    return [re.sub(rf"(?<=[( =]){TIME}", "<time>", line) for line in printed]


def test_a_line_for_each_fit_and_its_forecasts(capsys):
    models = {"LSTM": network(), "last": SeasonalNaive(2)}
    backtest(models, X, n_windows=5, refit=2, verbose=1)
    assert lines(capsys) == [
        "[backtest 1/6] END LSTM, windows 1 to 2 of 5; total time=<time> (<time> left)",
        "[backtest 2/6] END LSTM, windows 3 to 4 of 5; total time=<time> (<time> left)",
        "[backtest 3/6] END LSTM, window 5 of 5; total time=<time> (<time> left)",
        "[backtest 4/6] END last, windows 1 to 2 of 5; total time=<time> (<time> left)",
        "[backtest 5/6] END last, windows 3 to 4 of 5; total time=<time> (<time> left)",
        "[backtest 6/6] END last, window 5 of 5; total time=<time>",
    ]


def test_a_line_for_each_piece_of_forecasts(capsys, monkeypatch):
    model = Looking(2).fit(X)
    backtest(model, X, n_windows=2, verbose=True)
    assert lines(capsys) == [
        "[backtest 1/1] END Looking, windows 1 to 2 of 2; total time=<time>"
    ]
    expected = backtest(model, X, n_windows=2)
    monkeypatch.setattr("sklstm.forecasting._backtest.PIECE", 60)
    table = backtest(model, X, n_windows=2, verbose=True)
    found = lines(capsys)
    assert len(found) > 2
    assert [line.split("]")[0] for line in found] == [
        f"[backtest {n}/{len(found)}" for n in range(1, len(found) + 1)
    ]
    assert table.equals(expected)


def test_silence(capsys):
    backtest(network(), X, n_windows=2, refit=True)
    assert capsys.readouterr() == ("", "")


def test_what_is_left_is_by_the_mean(capsys, monkeypatch):
    now = [0.0]

    class Slow(Looking):
        def fit(self, X, y=None):
            now[0] += 4 * len(X)
            return super().fit(X)

        def predict(self, X, X_future=None):
            now[0] += 1
            return super().predict(X, X_future)

    monkeypatch.setattr("sklstm.forecasting._backtest.perf_counter", lambda: now[0])
    backtest(Slow(2), X, n_windows=3, refit=True, verbose=1)
    times = [line.split("time=")[1] for line in capsys.readouterr().out.splitlines()]
    assert times == ["13 s (26 s left)", "13 s (13 s left)", "13 s"]


@pytest.mark.parametrize("verbose", [-1, 1.5, "yes", None])
def test_verbose_is_a_number(verbose):
    with pytest.raises((TypeError, ValueError), match="verbose"):
        backtest(SeasonalNaive(2), X, refit=True, verbose=verbose)


# ---- callbacks -----------------------------------------------------------------------


def story(listener):
    """Hooks with the estimator and the name of each task."""
    return [
        (hook, context.estimator_name, context.task_name)
        for hook, context, *_ in listener.heard
    ]


@since_1_9
@pytest.mark.parametrize("refit", [True, 2])
def test_windows_are_tasks_and_fits_those_below(refit):
    listener = Everywhere()
    model = network().set_callbacks(listener)
    table = backtest(model, X, n_windows=3, refit=refit)
    n = {True: 3, 2: 2}[refit]
    fit = [
        ("begin", "LSTMForecaster", "fit"),
        *2 * [(hook, "LSTMForecaster", "epoch") for hook in ("begin", "end")],
        ("end", "LSTMForecaster", "fit"),
    ]
    told = [each for each in story(listener) if each[2] != "window"]
    assert told == [
        ("setup", "Backtest", "windows"), ("begin", "Backtest", "windows"), *n * fit,
        ("end", "Backtest", "windows"), ("teardown", "Backtest", "windows"),
    ]  # fmt: skip
    root = listener.heard[0][1]
    assert root.max_subtasks == len(root._children_map) == n
    fits = [c for h, c, *_ in listener.heard if (h, c.task_name) == ("end", "fit")]
    assert [(c.parent, c.task_id) for c in fits] == [(root, k) for k in range(n)]
    assert table.equals(backtest(network(), X, n_windows=3, refit=refit))
    assert model._skl_callbacks == [listener]
    assert not hasattr(model, "_parent_callback_ctx")


@since_1_9
def test_forecasts_of_what_is_fitted_are_tasks(monkeypatch):
    monkeypatch.setattr("sklstm.forecasting._backtest.PIECE", 60)
    listener = Everywhere()
    model = network().fit(X).set_callbacks(listener)
    backtest(model, X, n_windows=2)
    root = listener.heard[0][1]
    n = root.max_subtasks
    assert n > 1
    window = [(hook, "Backtest", "window") for hook in ("begin", "end")]
    assert story(listener)[2:-2] == n * window


@since_1_9
def test_callbacks_of_several_forecasters():
    """Each once, also where one of the forecasters has none, or cannot have any."""
    shared, own, inner = Everywhere(), Everywhere(), Listener()
    models = {
        "a": network().set_callbacks(shared, inner),
        "naive": SeasonalNaive(2),
        "b": network().set_callbacks(shared, own),
        "c": Looking(2),
    }
    backtest(models, X, n_windows=2, refit=True)
    for listener in (shared, own):
        names = story(listener)
        assert names.count(("setup", "Backtest", "windows")) == 1
        assert names.count(("end", "LSTMForecaster", "fit")) == 4
        assert names.count(("end", "Backtest", "windows")) == 1
        assert listener.heard[0][1].max_subtasks == 8
    # what is not handed on is of its own forecaster
    assert story(inner).count(("setup", "LSTMForecaster", "fit")) == 2
    assert {name for _, name, _ in story(inner)} == {"LSTMForecaster"}


@since_1_9
def test_a_backtest_that_fails_tears_down():
    listener = Everywhere()
    model = network(future_features=[7]).set_callbacks(listener)
    with pytest.raises(ValueError, match="future_features"):
        backtest(model, X, n_windows=2, refit=True)
    hooks = [hook for hook, *_ in story(listener)]
    assert hooks.count("setup") == hooks.count("teardown") == 1


@since_1_9
@pytest.mark.parametrize("depth", [0, 1, None])
def test_bars_of_a_backtest(depth, capsys, monkeypatch):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    monkeypatch.setenv("COLUMNS", "120")
    model = network().set_callbacks(ProgressBar(max_propagation_depth=depth))
    backtest(model, X, n_windows=2, refit=True)
    shown = [line for line in capsys.readouterr().out.splitlines() if "━" in line]
    names = [line.split("━")[0].rstrip() for line in shown]
    assert names == [
        "Backtest - windows",
        *[
            f"  Backtest - window | LSTMForecaster - fit #{k}"
            for k in range(2)
            if depth != 0
        ],
    ]
    assert all("100%" in line for line in shown)
