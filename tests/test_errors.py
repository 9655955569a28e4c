"""The distribution of errors, and the steps of sequences as targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._targets.errors import LEAST_SCALE, ErrorDistribution, total
from sklstm._targets.own_steps import LARGEST, OwnSteps, OwnStepsReader
from sklstm._targets.steps_in_data import StepsInData

COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, 0.2], [0.0, 0.2, 0.25]])


def errors(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal([1.0, -2.0, 0.5], COVARIANCE, n)


# ---- the distribution --------------------------------------------------------------


def test_it_is_that_of_normal_errors():
    found = ErrorDistribution.fit(errors(), None, True)
    scale = np.sqrt(np.diag(COVARIANCE))
    assert_allclose(found.location, [1.0, -2.0, 0.5], atol=0.1)
    assert_allclose(found.scale, scale, rtol=0.06)
    expected = COVARIANCE / np.outer(scale, scale)
    assert_allclose(found.correlation, expected, atol=0.05)


@pytest.mark.parametrize("correlated", [True, False])
def test_distances_are_those_of_mahalanobis(correlated):
    E = errors()
    found = ErrorDistribution.fit(E, None, correlated)
    covariance = np.diag(found.scale**2)
    if correlated:
        covariance = found.correlation * np.outer(found.scale, found.scale)
    d = E - found.location
    expected = np.einsum("ij,jk,ik->i", d, np.linalg.inv(covariance), d) / 3
    assert_allclose(found.distances(E), expected)
    assert_allclose(found.contributions(E).sum(axis=1), expected)
    assert 0.9 < found.distances(E).mean() < 1.1


def test_outliers_hardly_move_it():
    E = errors()
    found = ErrorDistribution.fit(E, None, True)
    E[:200] = 1e6 * np.random.default_rng(1).standard_normal((200, 3))
    moved = ErrorDistribution.fit(E, None, True)
    assert_allclose(moved.location, found.location, atol=0.1)
    assert_allclose(moved.scale, found.scale, rtol=0.15)
    assert_allclose(moved.correlation, found.correlation, atol=0.12)


def test_weights_are_repetitions():
    E = errors(60)
    weight = np.random.default_rng(2).integers(0, 4, 60)
    E[3, 1] = np.nan
    weighted = ErrorDistribution.fit(E[weight > 0], weight[weight > 0], True)
    repeated = ErrorDistribution.fit(np.repeat(E, weight, axis=0), None, True)
    for name, value in repeated.state.items():
        assert_allclose(weighted.state[name], value, rtol=1e-12)


def test_what_is_missing_is_left_out():
    E = errors()
    found = ErrorDistribution.fit(E, None, True)
    some = E[:5].copy()
    some[1, 0] = some[2, 1:] = some[3] = np.nan
    parts, distances = found.contributions(some), found.distances(some)
    assert_array_equal(np.isnan(parts), np.isnan(some))
    assert np.isnan(distances).tolist() == [False, False, False, True, False]
    there = [1, 2]
    covariance = (found.correlation * np.outer(found.scale, found.scale))[
        np.ix_(there, there)
    ]
    d = (E[1] - found.location)[there]
    assert_allclose(distances[1], d @ np.linalg.inv(covariance) @ d / 2)
    z = (E[2, 0] - found.location[0]) / found.scale[0]
    assert_allclose(distances[2], z**2)


@pytest.mark.parametrize("correlated", [True, False])
def test_an_error_has_the_same_bits_alone(correlated):
    E = errors(9000)
    E[::7, 1] = np.nan
    found = ErrorDistribution.fit(E, None, correlated)
    together = found.distances(E)
    for i in [0, 1, 7, 4095, 4096, 8999]:
        assert found.distances(E[i : i + 1])[0] == together[i]
    lone = ErrorDistribution.fit(E[:, :1], None, correlated)
    assert lone.distance_of(E[5, 0].item()) == lone.distances(E[:, :1])[5]


def test_a_scale_is_never_zero():
    E = np.zeros((50, 2))
    E[:, 1] = np.arange(50)
    found = ErrorDistribution.fit(E, None, True)
    assert found.scale[0] == LEAST_SCALE
    assert np.isfinite(found.distances(E)).all()
    nothing = ErrorDistribution.fit(np.full((3, 2), np.nan), None, True)
    assert_array_equal(nothing.scale, [1, 1])
    assert np.isfinite(ErrorDistribution.fit(E[:1], None, True).distances(E)).all()


def test_sums_follow_their_order():
    parts = np.array([[1e16, 1.0, -1e16], [np.nan, 2.0, 1.0], [np.nan] * 3])
    assert_array_equal(total(parts), [0.0, 3.0, np.nan])


# ---- targets -----------------------------------------------------------------------


def target(method="prediction", **kwargs):
    options = {"window": 4, "ahead": 1 if method == "prediction" else 0}
    return OwnSteps(
        method, **{**options, **kwargs}, centre=np.array([1.0, 0.0]),
        scale=np.array([2.0, 0.5]),
    )  # fmt: skip


LENGTHS = [5, 0, 1, 12, 4]
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])


def steps():
    values = np.random.default_rng(0).standard_normal((sum(LENGTHS), 2))
    return StepsInData(values, OFFSETS[:-1], np.diff(OFFSETS))


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_predictions_are_of_the_steps_behind(ahead):
    own, y = target(ahead=ahead), steps()
    found = own.encode(y)
    assert own.n_outputs == found.values.shape[1] == 2 * ahead
    for begin, T in zip(OFFSETS, LENGTHS):
        z = (y.values[begin : begin + T] - own.centre) / own.scale
        for t in range(T):
            for k in range(ahead):
                part = found.values[begin + t, 2 * k : 2 * k + 2]
                expected = z[t + k + 1] if t + k + 1 < T else [np.nan] * 2
                assert_array_equal(part, expected)


@pytest.mark.parametrize("ahead", [1, 3])
def test_errors_are_of_what_was_predicted_before(ahead):
    own, y = target(ahead=ahead), steps()
    raw = np.random.default_rng(1).standard_normal((len(y.values), own.n_outputs))
    z = own.standardized(y.values)
    found = own.prediction_errors(z, raw, OFFSETS)
    for begin, T in zip(OFFSETS, LENGTHS):
        for t in range(T):
            for k in range(ahead):
                part = found[begin + t, 2 * k : 2 * k + 2]
                expected = [np.nan] * 2
                if t > k:
                    before = raw[begin + t - k - 1, 2 * k : 2 * k + 2]
                    expected = z[begin + t] - before
                assert_array_equal(part, expected)


def test_a_reconstruction_begins_with_the_last_step():
    own, y = target("reconstruction"), steps()
    found = own.encode(y).values
    for begin, T in zip(OFFSETS, LENGTHS):
        z = own.standardized(y.values[begin : begin + T])
        assert_array_equal(found[begin : begin + T], z[::-1])


def test_windows_of_predictions_cover_every_step_once():
    own = target(ahead=2, window=5)
    starts, lengths, sequence = own.windows(OFFSETS)
    predicted = []
    for start, T, i in zip(starts, lengths, sequence):
        assert OFFSETS[i] <= start and start + T <= OFFSETS[i + 1] and 2 < T <= 5
        predicted += [(start + t, start + t + 2) for t in range(T - 2)]
    expected = [
        (begin + t, begin + t + 2)
        for begin, T in zip(OFFSETS, LENGTHS)
        for t in range(T - 2)
    ]
    assert sorted(predicted) == expected


@pytest.mark.parametrize("stride", [None, 1, 3])
def test_windows_of_reconstructions(stride):
    starts, lengths, sequence = target("reconstruction").windows(OFFSETS, stride)
    assert (lengths == 4).all() and sequence.tolist() == sorted(sequence)
    step = stride or 2
    expected = [
        begin + min(t, T - 4)
        for begin, T in zip(OFFSETS, LENGTHS)
        if T >= 4
        for t in range(0, T - 4 + step, step)
    ]
    assert starts.tolist() == expected


def test_values_beyond_all_numbers_stay_numbers():
    own = target()
    z = own.standardized(np.array([[1.7e308, -1.7e308]]))
    assert_array_equal(z, [[LARGEST, -LARGEST]])
    assert np.isfinite(own.errors.distances(z)).all()


def test_contributions_to_several_steps_are_those_of_features():
    own = target(ahead=2)
    parts = np.array([[1.0, 2.0, 10.0, 20.0], [1.0, np.nan, np.nan, np.nan]])
    assert_array_equal(own.by_feature(parts), [[11, 22], [1, np.nan]])


def test_state():
    own = target(window=7)
    again = OwnSteps.of(**own.state)
    assert again.state.keys() == own.state.keys() and again.window == 7
    assert_array_equal(again.errors.scale, own.errors.scale)


@pytest.mark.parametrize(
    ("lengths", "window"), [([40, 12, 15], 12), ([40, 3], 40), ([400], 100), ([4], 4)]
)
def test_the_window_of_a_reconstruction(lengths, window):
    starts = np.cumsum([0, *lengths[:-1]])
    y = StepsInData(np.zeros((sum(lengths), 1)), starts, np.array(lengths))
    reader = OwnStepsReader("LSTMAnomalyDetector", "reconstruction", "auto", 1)
    assert reader.fit(y, None).window == window
