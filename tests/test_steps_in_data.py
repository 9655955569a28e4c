"""Steps of sequences as targets of these sequences, read where they are needed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.losses import AtSteps, Huber
from sklstm._targets.own_steps import OwnSteps, steps_of
from sklstm._targets.steps import StepTarget
from sklstm._targets.steps_in_data import StepsInData
from sklstm.sequences import SequenceArray
from sklstm.sequences import _rows as rows
from sklstm.sequences._rows import Rows

LENGTHS = [5, 0, 1, 12, 4, 9]
X = SequenceArray.from_list(
    [np.random.default_rng(T).standard_normal((T, 2)) for T in LENGTHS]
)
DATA = X.data.copy()
DATA[[3, 8, 9, 10, 16]] = np.nan
DATA[[6, 12, 20], 1] = np.nan
OWN = {
    method: OwnSteps(method, 4, ahead, np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    for method, ahead in (("prediction", 2), ("reconstruction", 0))
}


def samples(own, data=DATA):
    """Windows of the sequences."""
    starts, lengths, _ = own.windows(X._offsets)
    return StepsInData(data, starts, lengths, own)


def at_once(own):
    """The same targets, all of which are there."""
    target = samples(own)
    return StepTarget(target.values, target.offsets)


@pytest.fixture(params=["array", "rows"])
def data(request, monkeypatch):
    """An array or rows that lie in several places; some sequences are read at once."""
    monkeypatch.setattr(rows, "AT_A_TIME", 20)
    if request.param == "array":
        return DATA
    return Rows.of(np.split(DATA, [4, 4, 11, 30]))


@pytest.mark.parametrize("own", OWN.values(), ids=list(OWN))
def test_some_samples_have_what_all_have(own, data):
    target, every = samples(own, data), at_once(own)
    assert_array_equal(target.values, every.values)
    assert_array_equal(target.counts, every.counts)
    assert 0 < target.counts.min() < target.counts.max()
    assert_array_equal(target.amounts, every.amounts)
    for which in ([3, 0, 3], slice(1, 4), np.arange(len(every)) % 2 == 0):
        some = target[which]
        assert len(some) == len(every[which])
        assert_array_equal(some.values, every[which].values)
        assert_array_equal(some.offsets, every[which].offsets)
        assert_array_equal(some.known, every[which].known)
        assert_array_equal(some.counts, every[which].counts)


def test_steps_as_they_are(data):
    target = StepsInData(data, X._offsets[:-1], X.lengths)
    assert_array_equal(target.values, DATA)
    assert_array_equal(target.offsets, X._offsets)
    assert target.counts.tolist() == [4, 0, 1, 8, 4, 9]
    assert steps_of(X).data is X._data


@pytest.mark.parametrize("own", OWN.values(), ids=list(OWN))
def test_the_same_samples_elsewhere(own):
    target = samples(own)[[4, 1, 2]]
    starts, lengths = target.whole()
    there = [DATA[start : start + T] for start, T in zip(starts, lengths)]
    ends = np.cumsum(lengths)
    moved = target.moved(None, ends - lengths)
    assert moved.data is None
    moved = moved.moved(np.concatenate(there), moved.starts)
    assert_array_equal(moved.values, target.values)


@pytest.mark.parametrize("own", OWN.values(), ids=list(OWN))
@pytest.mark.parametrize("weight", [False, True])
def test_the_loss_of_a_constant(own, weight, data):
    target, constant = samples(own, data), np.linspace(-2, 2, own.n_outputs)
    weight = np.arange(len(target)) + 0.5 if weight else None
    expected = AtSteps(Huber(1.0)).of_constant(constant, at_once(own), weight, 3.0)
    found = own.loss.of_constant(constant, target, weight, 3.0)
    assert_allclose(found, expected, rtol=1e-12)
    assert_array_equal(own.loss.start(target, weight), np.zeros(own.n_outputs))
