"""What `verbose` prints: scikit-learn's lines, with times behind."""

import re
import warnings

import numpy as np
import pytest
from progress_cases import FITS, small
from sklearn.neural_network import MLPRegressor

from sklstm import LSTMRegressor
from sklstm._training.monitor import Monitor
from sklstm._training.report import Report, in_words

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- times ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.0, "0 s"),
        (0.00123, "0.0012 s"),
        (0.1, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (115.7, "1 min 56 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (3 * 3600 + 59 * 60 + 29, "3 h 59 min"),
        (3 * 3600 + 59 * 60 + 31, "4 h 0 min"),
    ],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words


class Clock:
    """A clock that is told what it shows."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_lines_of_epochs(clock, capsys):
    report = Report(True, clock)
    report.begin(0, 4)
    for n, took in enumerate([2, 4, 3, 1], 1):
        clock.now += took
        report.epoch(n, 1 / n, None if n < 3 else 0.5)
    assert capsys.readouterr().out.splitlines() == [
        "Iteration 1, loss = 1.00000000 (2 s, 6 s to iteration 4)",
        "Iteration 2, loss = 0.50000000 (4 s, 6 s to iteration 4)",
        "Iteration 3, loss = 0.33333333 (3 s, 3 s to iteration 4)",
        "Validation score: 0.500000",
        "Iteration 4, loss = 0.25000000 (1 s)",
        "Validation score: 0.500000",
    ]


def test_a_fit_that_goes_on_counts_on(clock, capsys):
    """Its estimate is of its own epochs."""
    report = Report(1, clock)
    report.begin(10, 3)
    clock.now += 5
    report.epoch(11, 0.5)
    assert capsys.readouterr().out == (
        "Iteration 11, loss = 0.50000000 (5 s, 10 s to iteration 13)\n"
    )


def test_lines_within_an_epoch(clock, capsys):
    """Ten at most, a second apart, from verbose=2 on; of each epoch anew."""
    report = Report(2, clock)
    report.begin(0, 2)
    for iteration in (1, 2):
        for seen in range(5, 205, 5):
            clock.now += 0.3
            report.within_epoch(iteration, seen, 200, 0.25)
        report.epoch(iteration, 0.2)
    lines = capsys.readouterr().out.splitlines()
    first = "Iteration {} at {} %, loss = 0.25000000 so far"
    for n, part in enumerate((lines[:10], lines[10:]), 1):
        assert [line.split(" (")[0] for line in part[:-1]] == [
            first.format(n, share) for share in range(10, 100, 10)
        ]
    assert lines[0].endswith("far (1.2 s, 11 s to its end)")
    assert lines[-2].endswith("far (11 s, 1.2 s to its end)")
    # as fast that a tenth takes no second
    for seen in range(5, 205, 5):
        clock.now += 0.01
        report.within_epoch(3, seen, 200, 0.25)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("seen", [0, 199, 200, 500])
def test_no_line_of_an_epoch_that_has_not_begun_or_is_over(seen, clock, capsys):
    report = Report(2, clock)
    report.begin(0, 2)
    clock.now += 50
    report.n_lines = 9 if seen else 0
    report.within_epoch(1, seen, 200, 0.25)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [False, 0, np.False_])
def test_silence(verbose, clock, capsys):
    report = Report(verbose, clock)
    assert not report.looks_inside
    report.begin(0, 2)
    report.epoch(1, 0.5, 0.5)
    report.say("something")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", [True, 1, np.True_])
def test_who_is_not_told_of_minibatches(verbose):
    assert not Monitor(0.0, 1, verbose).looks_inside
    assert Monitor(0.0, 1, 2).looks_inside


def test_every_line_is_flushed(monkeypatch):
    flushed = []
    monkeypatch.setattr(
        "builtins.print", lambda line, *, flush: flushed.append((line, flush))
    )
    monitor = Monitor(0.0, 1, True, score=lambda parameters: (0.5, 1.0))
    monitor.begin(2)
    monitor.update(0.5, np.ones(1))
    assert len(flushed) == 2 and all(flush for _, flush in flushed)


# ---- of every estimator --------------------------------------------------------------

TIME = r"[0-9.e-]+ s|\d+ min \d+ s"
LINE = re.compile(rf"(Iteration \d+, loss = -?\d+\.\d{{8}}) \(({TIME})(.*)\)")
SCORE = re.compile(r"Validation score: -?\d+\.\d{6}")


def printed(capsys):
    return capsys.readouterr().out.splitlines()


def masked(lines):
    """Lines without times, losses and scores."""
    lines = [re.sub(rf"(?<=[( ]){TIME}", "<time>", line) for line in lines]
    return [re.sub(r"-?\d+\.\d+", "<number>", line) for line in lines]


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_lines_of_every_estimator(name, early_stopping, capsys):
    model, data = small(name, verbose=True, early_stopping=early_stopping)
    model.fit(*data)
    score = ["Validation score: <number>"] if early_stopping else []
    lines = printed(capsys)
    assert masked(lines) == [
        "Iteration 1, loss = <number> (<time>, <time> to iteration 3)",
        *score,
        "Iteration 2, loss = <number> (<time>, <time> to iteration 3)",
        *score,
        "Iteration 3, loss = <number> (<time>)",
        *score,
    ]
    losses = [line.split(" (")[0] for line in lines if line.startswith("Iteration")]
    assert losses == [
        f"Iteration {n}, loss = {loss:.8f}"
        for n, loss in enumerate(model.loss_curve_, 1)
    ]
    if early_stopping:
        scores = [line for line in lines if line.startswith("Validation")]
        assert scores == [f"Validation score: {s:f}" for s in model.validation_scores_]


@pytest.mark.parametrize("name", FITS)
def test_silence_of_every_estimator(name, capsys):
    model, data = small(name)
    model.fit(*data)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", FITS)
def test_lines_within_epochs_of_every_estimator(name, capsys, monkeypatch):
    """Tenths of epochs, if a second were nothing; and no other bits."""
    monkeypatch.setattr("sklstm._training.report.BETWEEN", -1.0)
    model, data = small(name, verbose=2)
    model.fit(*data)
    lines = printed(capsys)
    inside = [line for line in lines if "so far" in line]
    one = name in ("one minibatch",)
    assert bool(inside) != one
    shares = [int(line.split(" at ")[1].split(" %")[0]) for line in inside]
    assert all(0 < share < 100 for share in shares)
    for n in (1, 2, 3):
        own = [s for s, line in zip(shares, inside) if f"Iteration {n} at" in line]
        assert own == sorted(own) and len(own) < 10
    quiet, _ = small(name)
    assert model.loss_curve_ == quiet.fit(*data).loss_curve_


@pytest.mark.parametrize("name", FITS)
def test_lines_of_partial_fit(name, capsys):
    model, data = small(name, verbose=True)
    if not hasattr(model, "partial_fit"):
        pytest.skip("has no partial_fit")
    options = {"classes": ["a", "b", "c"]} if "classifier" in name else {}
    options = options or ({"classes": [*"uvw"]} if name == "tagger" else {})
    options = options or ({"classes": ["k"]} if name == "transcriber" else {})
    if name == "one minibatch":
        options = {"classes": ["a", "b", "c"]}
    for _ in range(2):
        model.partial_fit(*data, **options)
    assert masked(printed(capsys)) == [
        f"Iteration {n}, loss = <number> (<time>)" for n in (1, 2)
    ]


def test_the_lines_of_scikit_learn(capsys):
    """What MLPRegressor prints, but for what is behind; also at the end."""
    X = np.random.default_rng(0).standard_normal((60, 4))
    common = {
        "tol": 10.0, "n_iter_no_change": 2, "early_stopping": True, "verbose": True,
        "random_state": 0,
    }  # fmt: skip
    MLPRegressor(**common).fit(X, X.sum(axis=1))
    theirs = printed(capsys)
    LSTMRegressor(4, **common, learning_rate="constant").fit(X, X.sum(axis=1))
    ours = [re.sub(r" \(.*\)$", "", line) for line in printed(capsys)]
    assert masked(ours) == masked(theirs)
    assert ours[-1] == theirs[-1]
    common |= {"early_stopping": False, "solver": "sgd", "learning_rate": "adaptive"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPRegressor(**common, learning_rate_init=1e-5).fit(X, X.sum(axis=1))
    theirs = [line for line in printed(capsys) if "Iteration" not in line]
    LSTMRegressor(4, **common, learning_rate_init=1e-5).fit(X, X.sum(axis=1))
    ours = [line for line in printed(capsys) if "Iteration" not in line]
    assert ours == theirs and len(ours) == 3


def test_lbfgs_prints_iterations(capsys):
    model, data = small("several outputs", solver="lbfgs", verbose=2)
    model.fit(*data)
    assert masked(printed(capsys)) == [
        "Iteration 1, loss = <number> (<time>, <time> to iteration 3)",
        "Iteration 2, loss = <number> (<time>, <time> to iteration 3)",
        "Iteration 3, loss = <number> (<time>)",
    ]
