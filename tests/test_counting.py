"""Medians and robust scales of columns that lie anywhere, found by counting."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.losses.statistics import distinct, quantiles
from sklstm._targets.counting import mean_deviation, quantiles_of, units_of_columns
from sklstm._targets.units import LEVELS, units_of
from sklstm.sequences._rows import Rows
from sklstm.sequences._stacking import as_offsets

LENGTHS = np.array([7, 0, 40, 1, 25, 60, 0])
STARTS = as_offsets(LENGTHS)[:-1]
N = LENGTHS.sum()


def columns(dtype, seed=0):
    """A normal one, one with equal numbers and both zeros, one of many sizes, one that
    is mostly zero, a constant, one that is never observed; some values are missing."""
    rng = np.random.default_rng(seed)
    every = [
        rng.standard_normal(N),
        rng.integers(-2, 3, N) * rng.choice([-1.0, 1.0], N),
        np.ldexp(rng.standard_normal(N), rng.integers(-120, 120, N)),
        np.where(rng.random(N) < 0.03, rng.random(N), 0.0),
        np.full(N, -3.0),
    ]
    every = np.stack(every, axis=1).astype(dtype)
    every[rng.random(every.shape) < 0.1] = np.nan
    return np.column_stack([every, np.full(N, np.nan, dtype)])


def by_sorting(data, weight=None):
    """Units of columns whose distinct values are sorted."""
    weight = None if weight is None else np.repeat(weight, LENGTHS)
    for column in data.T:
        there = ~np.isnan(column)
        if not there.any():
            yield 0.0, 1.0
            continue
        own = None if weight is None else weight[there]
        centre, scale = units_of(*distinct(column[there].astype(float), own), True)
        yield centre, scale or 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_quantiles_are_those_of_sorted_values(dtype, seed):
    data = columns(dtype, seed)
    found = quantiles_of(data, STARTS, LENGTHS, LEVELS)
    for column, own in zip(data.T[:-1], found):
        values = distinct(column[~np.isnan(column)].astype(float))
        assert_array_equal(own, quantiles(*values, LEVELS))
    assert np.isnan(found[-1]).all()
    few = quantiles_of(data[:1], np.array([0]), np.array([1]), LEVELS)
    assert_array_equal(few, np.repeat(data[:1].T, len(LEVELS), axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, "whole", "any"])
def test_units_are_those_of_sorted_values(dtype, weight):
    rng, data = np.random.default_rng(1), columns(dtype)
    if weight is not None:
        weight = {"whole": rng.integers(1, 4, 7) * 1.0, "any": rng.random(7)}[weight]
    found = units_of_columns(data, STARTS, LENGTHS, weight)
    expected = np.array(list(by_sorting(data, weight))).T
    mostly_zero = 3  # whose mean deviation is a sum
    assert_allclose(found[:, mostly_zero], expected[:, mostly_zero], rtol=1e-14)
    assert_array_equal(
        np.delete(found, mostly_zero, axis=1), np.delete(expected, mostly_zero, axis=1)
    )
    assert expected[1, mostly_zero] > 0


@pytest.mark.parametrize("weight", [None, np.array([1, 9, 0.1, 1e-30, 3, 0.7, 2])])
def test_units_do_not_depend_on_where_rows_lie(weight):
    data = columns(np.float32)
    found = units_of_columns(data, STARTS, LENGTHS, weight)
    for cuts in ([7], [0, 47, 47, 48], [7, 47, 48, 73]):
        rows = Rows.of(np.split(data, cuts))
        assert_array_equal(found, units_of_columns(rows, STARTS, LENGTHS, weight))
    order = np.random.default_rng(0).permutation(7)
    mixed = STARTS[order], LENGTHS[order]
    weight = None if weight is None else weight[order]
    assert_array_equal(found, units_of_columns(data, *mixed, weight))


def test_a_weight_is_as_many_copies():
    data, weight = columns(np.float64), np.array([1, 5, 3, 2, 1, 4, 1])
    copies = np.repeat(np.arange(7), weight)
    assert_array_equal(
        units_of_columns(data, STARTS, LENGTHS, weight * 0.3),
        units_of_columns(data, STARTS[copies], LENGTHS[copies]),
    )


def test_a_part_of_the_rows():
    data = columns(np.float32)
    assert_array_equal(
        units_of_columns(data, STARTS[2:4], LENGTHS[2:4]),
        units_of_columns(data[7:48], np.array([0, 40]), np.array([40, 1])),
    )


def test_mean_deviation():
    data = np.array([[2.0], [5.0], [2.0], [np.nan], [1.0]])
    rows = data, np.array([0, 3, 3]), np.array([3, 0, 2])
    assert mean_deviation(*rows, None, 0, 2.0) == (1.5, (1 + 1 / 3) / 4)
    assert mean_deviation(*rows, np.array([3, 7, 2]), 0, 2.0) == (
        1.5, (3 + 2 / 3) / 11
    )  # fmt: skip
    assert mean_deviation(*rows, None, 0, np.float64(1e300))[1] == 1
    assert mean_deviation(data[:1], *np.array([[0], [1]]), None, 0, 2.0) == (1, 0)
    huge = np.array([[1.7e308], [-1.7e308]])
    largest, mean = mean_deviation(huge, *np.array([[0], [2]]), None, 0, 1.7e308)
    assert (largest, mean) == (1.7e308, 0.5)


def test_zero_has_one_sign():
    data = np.array([[-0.0], [-0.0], [-0.0], [1.0]], np.float32)
    found = quantiles_of(data, np.array([0]), np.array([4]), [0.5, 1.0])
    assert found.tolist() == [[0, 1]] and not np.signbit(found).any()
