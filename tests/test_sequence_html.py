"""How a notebook shows a SequenceArray."""

import re
import time
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from sklstm.sequences import SequenceArray
from sklstm.sequences._html import LOOKED_AT, N_FEATURES


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
    X = SequenceArray([[2], [1]], [0, 2], vocabulary=["?", "<b>", "a&c"])
    rows, text = shown(X)
    assert rows[1:] == [["0", "0", "2 (a&c)"], ["0", "1", "1 (<b>)"]]
    assert "Missing" not in text


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
