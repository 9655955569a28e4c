"""Rows that lie elsewhere: what an array says of the same rows."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklstm._network.build import whole_sequence_network
from sklstm._training.feeds import TrainingSet, fingerprints, in_order_of_content
from sklstm.sequences import SequenceArray
from sklstm.sequences import _rows as module
from sklstm.sequences._rows import Rows, blocks_of, blocks_of_sequences

RNG = np.random.default_rng(0)
PIECES = [RNG.standard_normal((n, 3)) for n in (4, 0, 7, 1)]
WHOLE = np.concatenate(PIECES)
ROWS = Rows.of(PIECES)


def test_as_an_array():
    assert (ROWS.shape, ROWS.ndim, len(ROWS)) == (WHOLE.shape, 2, len(WHOLE))
    assert (ROWS.size, ROWS.nbytes) == (WHOLE.size, WHOLE.nbytes)
    assert ROWS.dtype == WHOLE.dtype
    assert_array_equal(ROWS, WHOLE)
    assert_array_equal(np.asarray(ROWS, np.float32), WHOLE.astype(np.float32))
    assert_array_equal(ROWS.astype(np.float32), WHOLE.astype(np.float32))
    assert ROWS.copy() is ROWS
    with pytest.raises(ValueError, match="have to be copied"):
        np.array(ROWS, copy=False)


@pytest.mark.parametrize(
    "key",
    [
        slice(None), slice(2, 9), slice(3, 3), slice(9, 2), slice(-3, None),
        slice(None, None, 2), slice(None, None, -1), np.array([11, 0, 0, -1]),
        np.arange(12) % 2 == 0, np.array([], int), np.array([[1, 2], [3, 4]]),
        (slice(None), 1), (slice(3, 8), [0, 2]), (slice(None), slice(1, None)),
        (5, 1), (np.array([1, 7]), 2), (np.array([[1], [7]]), np.array([0, 2])), 7,
    ],
    ids=str,
)  # fmt: skip
def test_selection(key):
    assert_array_equal(ROWS[key], WHOLE[key])


def test_a_selection_of_rows_in_their_order_reads_nothing():
    class Unread:
        shape, dtype = (5, 3), np.dtype(float)

        def __len__(self):
            return 5

    rows = Rows.of([Unread(), Unread()])[2:8]
    assert rows.shape == (6, 3)
    assert rows.runs([0, 3], [2, 3]).astype(np.float32).shape == (5, 3)


@pytest.mark.parametrize("key", [[12], [-13], np.array([0, 99])])
def test_no_such_row(key):
    with pytest.raises(IndexError, match="of 12 rows"):
        ROWS[key]


parts = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12)).map(
        lambda pair: (min(pair), max(pair) - min(pair))
    ),
    max_size=8,
)


@given(parts, parts)
def test_runs_of_runs(first, second):
    rows = ROWS.runs(*np.array(first, int).reshape(-1, 2).T)
    whole = [WHOLE[a : a + n] for a, n in first]
    whole = np.concatenate([np.empty((0, 3)), *whole])
    assert_array_equal(rows, whole)
    second = [(a, min(n, len(whole) - a)) for a, n in second if a <= len(whole)]
    if second:
        data, begins = rows.local(*map(np.array, zip(*second)))
        for (a, n), begin in zip(second, begins, strict=True):
            assert_array_equal(data[begin : begin + n], whole[a : a + n])


def test_numbers_too_large_are_infinity():
    with np.errstate(over="raise"):
        assert np.isinf(Rows.of([np.full((1, 1), 1e300)], np.float32)[[0]]).all()


def test_token():
    """Of the same rows the same one."""
    pieces = [PIECES[0], PIECES[2]]
    rows, again = Rows.of(pieces), Rows.of([piece.copy() for piece in pieces])
    assert again.token == rows.token == pickle.loads(pickle.dumps(rows)).token
    others = rows[1:], rows.astype(np.float32), Rows.of(pieces[::-1])
    assert len({rows.token, *(other.token for other in others)}) == 4


def test_blocks(monkeypatch):
    monkeypatch.setattr(module, "AT_A_TIME", 10)
    assert np.concatenate([WHOLE[rows] for rows in blocks_of(WHOLE)]).shape == (12, 3)
    assert all(len(WHOLE[rows]) <= 3 for rows in blocks_of(WHOLE))
    lengths = np.array([0, 5, 1, 1, 0, 9, 0])
    blocks = list(blocks_of_sequences(lengths, 3))
    assert [n for block in blocks for n in lengths[block]] == lengths.tolist()
    assert len(blocks) > 3
    assert list(blocks_of_sequences(lengths[:0], 3)) == []


@pytest.mark.parametrize("at_a_time", [1, 20, 10**6])
def test_fingerprints(at_a_time, monkeypatch):
    monkeypatch.setattr(module, "AT_A_TIME", at_a_time)
    starts, lengths = np.array([0, 4, 4, 8]), np.array([4, 0, 4, 4])
    for target in (np.array([1.0, 2, 3, 4]), np.array([[1, 2]] * 4)):
        assert_array_equal(
            fingerprints(ROWS, starts, lengths, target),
            fingerprints(WHOLE, starts, lengths, target),
        )


def test_equal_samples_are_merged():
    whole = np.repeat(np.arange(4.0), 3)[:, np.newaxis]
    starts, lengths = np.array([0, 3, 0, 9]), np.full(4, 3)
    found = []
    for data in (whole, Rows.of([whole[:6], whole[6:]])):
        samples = TrainingSet(data, starts, lengths, np.array([1.0, 2, 1, 1]))
        batch = in_order_of_content(samples)
        found.append((batch.starts.tolist(), batch.weight.tolist()))
    assert found[0] == found[1]
    assert sorted(found[0][1]) == [1, 1, 2]


def test_a_network_reads_them():
    network = whole_sequence_network(
        n_features=3, hidden_layer_sizes=(5,), n_outputs=2, dtype=np.dtype(float)
    )
    parameters = network.initialize(np.random.RandomState(0), np.zeros(2))
    network.load(parameters, backward=True)
    rows = np.array([8, 0, 3]), np.array([4, 3, 0])
    for method in ("predict", "last_outputs", "outputs"):
        read = getattr(network, method)
        assert_array_equal(read(ROWS, *rows), read(WHOLE, *rows), err_msg=method)
    kept, other = network.kept(ROWS, *rows), network.kept(WHOLE, *rows)
    assert kept.keys() == other.keys()
    for name in kept:
        assert_array_equal(kept[name], other[name], err_msg=name)


# ---- a SequenceArray of them ---------------------------------------------------------

OFFSETS = np.array([0, 4, 4, 9, 12])
HERE = SequenceArray(WHOLE, OFFSETS, list("abc"), ids=list("wxyz"), times=range(12))
THERE = HERE._with_data(ROWS)


def assert_same(one, other):
    assert one == other
    assert one.dtype == other.dtype
    assert one.feature_names == other.feature_names
    for name in ("ids", "times"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert_array_equal(a, b)


@pytest.mark.parametrize(
    "key",
    [slice(1, 3), slice(None, None, -1), [3, 0, 3], np.arange(4) > 1, slice(0, 0)],
    ids=str,
)  # fmt: skip
def test_sequences(key):
    assert isinstance(THERE[key]._data, Rows)
    assert_same(THERE[key], HERE[key])
    assert_same(THERE[key][::-1], HERE[key][::-1])


def test_what_is_made_of_sequences():
    assert_array_equal(THERE.data, WHOLE)
    assert not THERE.data.flags.writeable
    assert_array_equal(THERE[2], HERE[2])
    for a, b in zip(THERE, HERE, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(THERE.to_padded(), HERE.to_padded())
    assert_same(THERE.astype("float32"), HERE.astype("float32"))
    assert_same(pickle.loads(pickle.dumps(THERE)), HERE)
    assert repr(THERE) == repr(HERE)
    assert THERE._repr_html_() == HERE._repr_html_()
    there, here = (x[x.lengths > 0].to_long(by="who") for x in (THERE, HERE))
    assert there.equals(here)
    assert THERE.nbytes == HERE.nbytes
    tokens = {str(x.__dask_tokenize__()) for x in (THERE, THERE[:2], THERE[1:])}
    assert len(tokens) == 3
