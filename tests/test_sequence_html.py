"""How a notebook shows sequences, windows and states."""

import re
import time
import warnings
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from sklstm import (
    DetectorState,
    GRURegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMTranscriber,
    State,
    TranscriberState,
)
from sklstm.forecasting import Windows, make_windows
from sklstm.sequences import SequenceArray
from sklstm.sequences._html import LOOKED_AT, N_FEATURES, N_TOKENS, N_WINDOWS


class Table(HTMLParser):
    """Rows of cells, with tags that are not closed in order as an error."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def shown(X):
    text = X._repr_html_()
    table = Table(text)
    assert len({len(row) for row in table.rows}) == 1
    assert not table.attributes  # no style, script or link
    return table.rows, unescape(re.sub("<[^>]*>", " ", text))


def test_first_steps():
    data = np.array([[1.5, 2], [np.nan, 3], [0.25, 4], [5, 6], [7, 8]])
    X = SequenceArray(
        data,
        [0, 4, 4, 5],
        ["pulse", "temp"],
        ids=["ann", "bob", "cy"],
        times=np.array([1, 2, 3, 4, 9], "M8[D]"),
    )
    rows, text = shown(X)
    assert rows == [
        ["id", "time", "pulse", "temp"],
        ["ann", "1970-01-02", "1.5", "2"],
        ["ann", "1970-01-03", "nan", "3"],
        ["ann", "1970-01-04", "0.25", "4"],
        ["ann", "…", "…", "…"],
        ["bob", "no steps", "", ""],
        ["cy", "1970-01-10", "7", "8"],
        ["missing", "", "20.0%", "0.0%"],
    ]
    assert repr(X) in text
    assert "Steps of a sequence: 0 to 4, median 1; 5 in all" in text
    assert "Features: pulse, temp" in text
    assert "Missing values: pulse 20.0%" in text


def test_without_names():
    rows, text = shown(SequenceArray(np.ones((8, 1)), [0, 2, 4, 6, 8]))
    assert rows[:3] == [["sequence", "step", "x0"], ["0", "0", "1"], ["0", "1", "1"]]
    assert rows[-1] == ["…"] * 3
    assert "Missing values: none" in text
    assert "Features" not in text


def test_tokens():
    """A line for each sequence, a column for each step."""
    X = SequenceArray([[2], [1], [0]], [0, 2, 2, 3], vocabulary=["?", "<b>", "a&c"])
    rows, text = shown(X)
    assert rows == [
        ["sequence", "0", "1"],
        ["0", "a&c", "<b>"],
        ["1", "", ""],
        ["2", "?", ""],
    ]
    assert "Missing" not in text


def test_long_texts():
    data = np.arange(60).reshape(-1, 1) % 7
    X = SequenceArray(data, [0, 12, 15, 45, 60], vocabulary=[*"abcdefg"], ids=[*"wxyz"])
    rows, _ = shown(X)
    assert rows[0] == ["id", *map(str, range(N_TOKENS)), "…"]
    assert rows[1] == ["w", *("abcdefg" * 2)[:N_TOKENS], ""]
    assert rows[2] == ["x", "f", "g", "a", *[""] * (N_TOKENS - 3), ""]
    assert rows[3][-1] == "…"
    assert rows[4:] == [["…"] * (N_TOKENS + 2)]


def test_tokens_at_times():
    X = SequenceArray([[1]], [0, 1], vocabulary=["a", "b"], times=[7.5])
    assert shown(X)[0] == [["sequence", "time", "x0"], ["0", "7.5", "1 (b)"]]


@pytest.mark.parametrize("where", ["feature_names", "ids", "times", "vocabulary"])
def test_text_is_escaped_and_cut(where):
    evil = "<script>alert('x' & \"y\")</script>" + "z" * 100
    if where == "vocabulary":
        X = SequenceArray([[0]], [0, 1], vocabulary=[evil])
    else:
        X = SequenceArray([[0.0]], [0, 1], **{where: [evil]})
    text = X._repr_html_()
    assert "<script" not in text
    assert "'x'" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27; &amp; &quot;y&quot;)" in text
    assert "z" * 10 not in text
    shown(X)


def test_many_features():
    names = [f"f{j}" for j in range(50)]
    data = np.full((2, 50), np.nan)
    rows, text = shown(SequenceArray(data, [0, 2], names))
    assert rows[0][2:] == [*names[:N_FEATURES], "…"]
    assert "f11, … (50)" in text
    assert "f11 100.0%, … (50 features)" in text


@pytest.mark.parametrize(
    "X",
    [
        SequenceArray(np.empty((0, 2)), [0]),
        SequenceArray(np.empty((0, 2)), [0, 0, 0]),
        SequenceArray(np.empty((2, 0)), [0, 2]),
    ],
)
def test_of_nothing(X):
    shown(X)


def test_of_much_a_part_is_looked_at():
    """Of a view of 8 GB that takes no memory."""
    data = np.lib.stride_tricks.as_strided(
        np.zeros(1), shape=(10**9, 1), strides=(0, 0), writeable=False
    )
    offsets = np.linspace(0, 10**9, 1001).astype(np.intp)
    X = SequenceArray._trusted(data, offsets)
    begin = time.perf_counter()
    _, text = shown(X)
    assert time.perf_counter() - begin < 5
    assert f"Missing values: none, in every {10**9 // LOOKED_AT}th step" in text


# ---- windows and states --------------------------------------------------------------

EVIL = "<script>alert('x' & \"y\")</script>"


def tables(thing):
    """Rows of all tables, and the text."""
    text = thing._repr_html_()
    table = Table(text)
    assert not table.attributes
    assert "<script" not in text
    return table.rows, unescape(re.sub("<[^>]*>", " ", text))


def test_windows():
    x = np.arange(10.0)
    windows = make_windows([x[:, None]], target=0, window=2, horizon=3)
    rows, text = tables(windows)
    assert rows[:2] == [
        ["group", "cutoff", "y(t+1)", "y(t+2)", "y(t+3)"],
        ["0", "1", "2", "3", "4"],
    ]
    assert rows[N_WINDOWS + 1] == ["…"] * 5
    assert "Windows: 6 of series, 3 row(s) after each" in text
    assert repr(windows.X) in text


def test_windows_of_a_long_horizon():
    windows = make_windows([np.arange(50.0)], target=0, window=2, horizon=40)
    rows, _ = tables(windows)
    assert rows[0][-2:] == [f"y(t+{N_FEATURES})", "…"]


def test_windows_are_escaped():
    X = SequenceArray([[1.0]], [0, 1], [EVIL])
    one = np.array([EVIL], dtype=object)
    _, text = tables(Windows(X, np.array([[1.0]]), one, one))
    assert text.count(EVIL[:39]) >= 3


def some_states():
    X = np.random.default_rng(0).standard_normal((20, 6, 2))
    fast = {"max_iter": 1, "random_state": 0, "hidden_layer_sizes": (3, 2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gru = GRURegressor(**fast, pooling="mean", missing="ffill")
        gru.fit(X, X[:, 0, 0])
        lstm = LSTMClassifier(**fast).fit(X, X[:, 0, 0] > 0)
        detector = LSTMAnomalyDetector(**fast).fit(X)
        transcriber = LSTMTranscriber(**fast).fit(X, 20 * ["ab"])
    return [model.initial_state(4) for model in (gru, lstm, detector, transcriber)]


def test_states():
    gru, lstm, detector, transcriber = some_states()
    rows, text = tables(gru)
    assert rows[0] == ["", "", "shape", "dtype", "smallest", "largest"]
    assert [row[0] for row in rows[1:]] == [
        "layers[0][0]", "layers[1][0]", "pooled[0]", "pooled[1]", "seen",
    ]  # fmt: skip
    assert [row[1] for row in rows[1:]] == ["hidden state"] * 2 + [""] * 3
    assert rows[1][3:] == ["float32", "0", "0"]
    assert "State of 4 sequence(s)" in text
    assert "cell='gru'" in text
    rows, _ = tables(lstm)
    assert [row[1] for row in rows[1:]] == ["hidden state", "cell state"] * 2
    rows, text = tables(detector)
    assert rows[1][:2] == ["network.layers[0][0]", "hidden state"]
    assert rows[-1][0].startswith("kept[")
    assert "DetectorState of 4 sequence(s)" in text
    rows, text = tables(transcriber)
    assert rows[-1][0] == "last"
    assert "TranscriberState of 4 sequence(s)" in text


def test_states_are_escaped_and_cut():
    array = np.array([[1.5, np.nan]])
    state = State(50 * ((array, array),), None, array[:0], {EVIL: EVIL})
    for thing in (state, DetectorState(state, ()), TranscriberState(state, array)):
        rows, text = tables(thing)
        assert rows[-1] == ["…"] * 6
        assert rows[1][-2:] == ["nan", "nan"]
        assert EVIL[:20] in text
