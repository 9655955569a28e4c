"""Targets at steps: how they are read, and losses over them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.losses import (
    AbsoluteError,
    AtSteps,
    BinaryCrossEntropy,
    HalfPoissonDeviance,
    Huber,
    Pinball,
    SoftmaxCrossEntropy,
    SquaredError,
)
from sklstm._targets.step_numbers import StepNumberReader
from sklstm._targets.steps import StepTarget
from sklstm._targets.tags import TagReader
from sklstm._training.feeds import Minibatches, TrainingSet
from sklstm.sequences import SequenceArray


def read(y, **options):
    return TagReader("LSTMTagger", **options).check(y)


def numbers(y, loss="squared_error"):
    parameters = {"quantile": 0.5, "huber_delta": 1.0}
    return StepNumberReader("LSTMStepRegressor", loss, parameters).check(y)


# ---- reading -------------------------------------------------------------------------


def as_objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


LABELS = [["b", "a", None], [], ["a"]]


@pytest.mark.parametrize(
    "y",
    [
        LABELS,
        tuple(map(tuple, LABELS)),
        as_objects(LABELS),
        [np.array(item, dtype=object) for item in LABELS],
        as_objects([np.array(item, dtype=object) for item in LABELS]),
        [["b", "a", float("nan")], [], ["a"]],
    ],
)
def test_forms_of_labels(y):
    target = read(y)
    assert [target.labels[k] if k >= 0 else None for k in target.values] == [
        "b", "a", None, "a",
    ]  # fmt: skip
    assert_array_equal(target.offsets, [0, 3, 3, 4])
    assert_array_equal(target.counts, [2, 0, 1])


def test_numbers_as_labels():
    y = [[2, 0], [1]]
    for form in (y, [np.array(item) for item in y], [np.array(i, "f4") for i in y]):
        target = read(form)
        assert [target.labels[k] for k in target.values] == [2, 0, 1]
    target = read(SequenceArray.from_list(y))
    assert [target.labels[k] for k in target.values] == [2, 0, 1]
    assert {type(label) for label in target.labels} == {int}
    target = read(np.array([[2, 0], [1, 1]]))
    assert_array_equal(target.lengths, [2, 2])


def test_unlabeled():
    target = read([["?", "a"], ["b", "?"]], unlabeled="?")
    assert_array_equal(target.known, [False, True, True, False])
    with pytest.raises(ValueError, match="no label at any of its 2 steps"):
        read([["?", None]], unlabeled="?")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, ValueError, "requires y"),
        ([], ValueError, "y is empty"),
        ("ab", TypeError, "scalar 'ab'"),
        ({"a": ["b"]}, TypeError, "list\\(y.values"),
        (iter([["a"]]), TypeError, "list\\(y\\)"),
        (["ab", "c"], TypeError, "text 'ab' for sample 0.*list\\('ab'\\)"),
        ([["a"], "b"], TypeError, "text 'b' for sample 1"),
        ([0, 1], ValueError, "y has 0 for sample 0.*LSTMClassifier"),
        (np.array([0, 1]), ValueError, "for sample 0"),
        ([[0.5, 1.0]], ValueError, "continuous.*0.5 at sample 0, step 0"),
        ([["a"], ["b", {}]], TypeError, "dict.*sample 1, step 1"),
        ([{"a"}], TypeError, "set for sample 0"),
        ([[[0, 2]]], ValueError, "has 2 at sample 0, step 0, column 1"),
        ([np.array([[0, 1.0], [np.nan, 1]])], ValueError, "NaN for some.*step 1"),
        ([["a"], np.zeros((1, 2))], ValueError, "1 dimension.*sample 0 and 2"),
        (np.zeros((1, 1, 1, 1)), ValueError, "shape"),
        (np.ma.array([[1, 2]]), TypeError, "masked"),
    ],
)
def test_bad_labels(y, error, message):
    with pytest.raises(error, match=message):
        read(y)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([[1.0, "x"]], ValueError, "'x'.*sample 0, step 1.*LSTMTagger"),
        ([[1.0], [np.inf]], ValueError, "infinity.*sample 1, step 0"),
        ([[np.nan, None]], ValueError, "no number at any"),
        ([np.array([[1, np.nan]])], ValueError, "Output 1"),
        ([np.zeros((2, 2)), np.zeros((1, 3))], ValueError, "3 columns for sample 1"),
        ([1.0, 2.0], ValueError, "LSTMRegressor"),
    ],
)
def test_bad_numbers(y, error, message):
    with pytest.raises(error, match=message):
        numbers(y)


def test_poisson_names_the_step():
    with pytest.raises(ValueError, match="sample 1, step 1 has target -2"):
        numbers([[1.0], [3.0, -2.0]], "poisson")


# ---- some of the sequences -----------------------------------------------------------


@pytest.mark.parametrize(
    "which",
    [slice(1, 3), slice(None), slice(3, 1), [2, 0, 2], np.array([False, True, True]),
     slice(None, None, -1), np.array([], dtype=int)],
)  # fmt: skip
def test_indexing(which):
    parts = [np.arange(3), np.arange(0), np.arange(5, 7)]
    weights = [part + 0.5 for part in parts]
    target = StepTarget(
        np.concatenate(parts), np.array([0, 3, 3, 5]), np.concatenate(weights)
    )
    chosen = np.arange(3)[which]
    got = target[which]
    assert len(got) == len(chosen)
    assert_array_equal(got.lengths, [len(parts[i]) for i in chosen])
    assert_array_equal(got.values, np.concatenate([[], *(parts[i] for i in chosen)]))
    assert_array_equal(got.weight, np.concatenate([[], *(weights[i] for i in chosen)]))


# ---- losses --------------------------------------------------------------------------

OFFSETS = np.array([0, 3, 3, 7, 8])


def _loss_cases():
    rng = np.random.default_rng(0)
    labels = np.array([0, -1, 2, 1, 1, -1, 0, 2])
    values = np.abs(rng.standard_normal((8, 2)))
    values[[1, 4]] = np.nan
    values[6, 1] = np.nan
    ones = (values[:, :1] > 0.5).astype(float)
    ones[[0, 3]] = np.nan
    yield SoftmaxCrossEntropy(3), labels, 3
    yield BinaryCrossEntropy(), ones, 1
    for loss in (SquaredError(), Huber(0.7), HalfPoissonDeviance()):
        yield loss, values, 2
    yield Pinball((0.2, 0.5, 0.9)), values, 6


@pytest.mark.parametrize(("loss", "values", "n_outputs"), list(_loss_cases()))
@pytest.mark.parametrize("of_steps", [False, True])
@pytest.mark.parametrize("of_sequences", [False, True])
def test_losses(loss, values, n_outputs, of_steps, of_sequences):
    """Sums over the steps that have a target, element by element where some have."""
    rng = np.random.default_rng(1)
    step_weight = rng.uniform(0.5, 2, 8) if of_steps else None
    weight = rng.uniform(0.5, 2, 4) if of_sequences else None
    target = StepTarget(values, OFFSETS, step_weight)
    output = rng.standard_normal((8, n_outputs))
    value, gradient = AtSteps(loss).value_and_gradient(output, target, weight, 7.0)
    expected = 0.0
    known = values >= 0 if values.ndim == 1 else ~np.isnan(values).all(axis=1)
    for i, row in enumerate(np.repeat(np.arange(4), np.diff(OFFSETS))):
        if not known[i]:
            assert not gradient[i].any()
            continue
        w = (1 if weight is None else weight[row]) * (
            1 if step_weight is None else step_weight[i]
        )
        one, step = values[i : i + 1].copy(), output[i : i + 1].copy()
        if one.ndim == 2 and np.isnan(one).any():  # the other output alone
            there = ~np.isnan(one[0])
            Q = n_outputs // one.shape[1]
            part = step.reshape(1, -1, Q)[:, there].reshape(1, -1)
            expected += (
                w * loss.value_and_gradient(part, one[:, there])[0] / len(one[0])
            )
        else:
            expected += w * loss.value_and_gradient(step, one)[0]
    assert_allclose(value, expected / 7, rtol=1e-12)
    for index in np.ndindex(output.shape):
        ends = []
        for h in (1e-6, -1e-6):
            moved = output.copy()
            moved[index] += h
            ends.append(AtSteps(loss).value_and_gradient(moved, target, weight, 7.0)[0])
        difference = (ends[0] - ends[1]) / 2e-6
        assert_allclose(gradient[index], difference, rtol=1e-5, atol=1e-8)


def test_no_target_in_a_minibatch():
    target = StepTarget(np.array([-1, -1]), np.array([0, 2]))
    loss = AtSteps(SoftmaxCrossEntropy(3))
    value, gradient = loss.value_and_gradient(np.ones((2, 3)), target, None, 1.0)
    assert value == 0
    assert_array_equal(gradient, np.zeros((2, 3)))


# ---- feeds ---------------------------------------------------------------------------


def training_set(weight=None, step_weight=None, **options):
    values = np.array([0, -1, 2, 1, 1, -1, 0, 2])
    target = StepTarget(values, OFFSETS, step_weight)
    data = np.arange(16.0).reshape(8, 2)
    return TrainingSet(data, OFFSETS[:-1], np.diff(OFFSETS), target, weight, **options)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2, 3, 4])])
@pytest.mark.parametrize("step_weight", [None, np.arange(8) + 1.0])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_losses_of_minibatches_add_up(weight, step_weight, batch_size):
    """Each minibatch is divided by its steps times the mean weight of a step."""
    samples = training_set(weight, step_weight)
    loss = AtSteps(SoftmaxCrossEntropy(3))
    output = np.random.default_rng(0).standard_normal((8, 3))
    whole, _ = loss.value_and_gradient(
        output, samples.target, weight, samples.divisor(6)
    )
    total = divisors = totals = 0
    for batch in Minibatches(samples, batch_size, shuffle=False).epoch(None):
        rows = np.concatenate(
            [np.arange(s, s + T) for s, T in zip(batch.starts, batch.lengths)]
        ).astype(int)
        value, _ = loss.value_and_gradient(
            output[rows], batch.target, batch.weight, batch.divisor
        )
        total += value * batch.divisor
        divisors += batch.divisor if batch.target.counts.sum() else 0
        totals += batch.total
    assert_allclose(total / samples.total, whole)
    assert_allclose([divisors, totals], samples.total)


def test_equal_samples_are_merged():
    """Equal in their steps, targets and weights; a target apart is another sample."""
    data = np.tile(np.arange(3.0), 4)[:, np.newaxis]
    values = np.array([0, 1, 2, 0, 1, 2, 0, 1, -1, 0, 1, 2])
    offsets = np.arange(0, 13, 3)
    (batch,) = Minibatches(
        TrainingSet(data, offsets[:-1], np.diff(offsets), StepTarget(values, offsets)),
        4,
    ).epoch(None)
    assert sorted(batch.weight.tolist()) == [1.0, 3.0]
    assert batch.divisor == batch.total == 11
    step_weight = np.ones(12)
    step_weight[4] = 2
    target = StepTarget(values, offsets, step_weight)
    (batch,) = Minibatches(
        TrainingSet(data, offsets[:-1], np.diff(offsets), target), 4
    ).epoch(None)
    assert sorted(batch.weight.tolist()) == [1.0, 1.0, 2.0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        SquaredError(), AbsoluteError(), Huber(1.0), Pinball(0.3), Pinball((0.9, 0.2)),
        HalfPoissonDeviance(),
    ],
    ids=lambda loss: type(loss).__name__,
)  # fmt: skip
def test_outputs_start_at_what_is_known_of_them(loss, weighted):
    """However many of their targets are missing."""
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 5, (12, 3))
    values[3:, 1] = np.nan
    values[:, 2] = np.nan
    target = StepTarget(values, np.array([0, 5, 12]))
    weight = np.array([1.0, 3.0]) if weighted else None
    starts = AtSteps(loss).start(target, weight).reshape(3, -1)
    of_steps = np.repeat(weight, [5, 7]) if weighted else None
    for k, rows in ((0, slice(None)), (1, slice(3))):
        own = loss.start(
            values[rows, k : k + 1], None if of_steps is None else of_steps[rows]
        )
        assert_array_equal(starts[k], own)
    assert np.isfinite(starts).all()
