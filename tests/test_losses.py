"""The losses: values by hand and by scikit-learn, gradients by central differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss, mean_squared_error

from sklstm.network.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError

WEIGHTS = {
    "none": lambda rng, n: None,
    "ones": lambda rng, n: np.ones(n),
    "random": lambda rng, n: rng.uniform(0.1, 3, n),
    "one zero": lambda rng, n: np.r_[0.0, rng.uniform(0.1, 3, n - 1)],
    "integers": lambda rng, n: rng.integers(1, 4, n),
}


def make_softmax(rng, n, K):
    return SoftmaxCrossEntropy(), rng.integers(0, K, n)


def make_binary(rng, n, K):
    return BinaryCrossEntropy(), rng.integers(0, 2, (n, K)).astype(float)


def make_squared(rng, n, K):
    return SquaredError(), rng.standard_normal((n, K))


CASES = [
    (make_softmax, 2), (make_softmax, 5), (make_binary, 1), (make_binary, 4),
    (make_squared, 1), (make_squared, 3),
]  # fmt: skip
every_case = pytest.mark.parametrize("make, K", CASES)
every_weight = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)


@every_case
@every_weight
def test_gradient(make, K, weights):
    """Every element, by central differences in float64."""
    rng = np.random.default_rng(0)
    n = 7
    loss, target = make(rng, n, K)
    output = 2 * rng.standard_normal((n, K))
    weight = weights(rng, n)
    _, gradient = loss.value_and_gradient(output, target, weight)
    assert gradient.shape == output.shape
    numeric, epsilon = np.empty_like(output), 1e-5
    for index in np.ndindex(output.shape):
        moved = output.copy()
        moved[index] += epsilon
        above = loss.value_and_gradient(moved, target, weight)[0]
        moved[index] -= 2 * epsilon
        below = loss.value_and_gradient(moved, target, weight)[0]
        numeric[index] = (above - below) / (2 * epsilon)
    assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


@every_weight
def test_softmax_is_the_log_loss(weights):
    rng = np.random.default_rng(1)
    loss, target = make_softmax(rng, 9, 4)
    output, weight = rng.standard_normal((9, 4)), weights(rng, 9)
    p = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    expected = log_loss(target, p, sample_weight=weight, labels=range(4))
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(expected, rel=1e-12)


@every_weight
def test_binary_is_the_log_loss_summed_over_outputs(weights):
    rng = np.random.default_rng(1)
    loss, target = make_binary(rng, 9, 3)
    output, weight = rng.standard_normal((9, 3)), weights(rng, 9)
    p = 1 / (1 + np.exp(-output))
    expected = sum(
        log_loss(target[:, k], p[:, k], sample_weight=weight, labels=[0, 1])
        for k in range(3)
    )
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(expected, rel=1e-12)


@every_weight
def test_squared_error_is_half_the_mean(weights):
    rng = np.random.default_rng(1)
    loss, target = make_squared(rng, 9, 3)
    output, weight = rng.standard_normal((9, 3)), weights(rng, 9)
    expected = mean_squared_error(target, output, sample_weight=weight) / 2
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    value, gradient = SoftmaxCrossEntropy().value_and_gradient(
        np.log([[1.0, 3.0]]), np.array([0])
    )
    assert value == pytest.approx(np.log(4))
    assert_allclose(gradient, [[-0.75, 0.75]])
    value, gradient = BinaryCrossEntropy().value_and_gradient(
        np.array([[np.log(3)]]), np.array([[0.0]])
    )
    assert value == pytest.approx(np.log(4))
    assert_allclose(gradient, [[0.75]])
    value, gradient = SquaredError().value_and_gradient(
        np.array([[3.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 2.0]])
    )
    assert value == pytest.approx((2**2 + 2**2) / 2 / 4)
    assert_allclose(gradient, [[2 / 4, 0], [0, -2 / 4]])


@every_case
def test_weights_are_relative_and_mean_repetition(make, K):
    rng = np.random.default_rng(2)
    loss, target = make(rng, 6, K)
    output = rng.standard_normal((6, K))
    weight = np.array([1, 3, 0, 2, 1, 1])
    value, gradient = loss.value_and_gradient(output, target, weight)
    scaled, scaled_gradient = loss.value_and_gradient(output, target, 0.01 * weight)
    assert scaled == pytest.approx(value, rel=1e-13)
    assert_allclose(scaled_gradient, gradient, rtol=1e-13)
    index = np.repeat(np.arange(6), weight)
    repeated, d_repeated = loss.value_and_gradient(output[index], target[index])
    assert repeated == pytest.approx(value, rel=1e-13)
    summed = np.zeros_like(gradient)
    np.add.at(summed, index, d_repeated)
    assert_allclose(summed, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("make, K", [(make_softmax, 3), (make_binary, 2)])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_outputs_of_any_size(make, K, size):
    """No overflow, no logarithm of zero: -log p is about the size of the output."""
    rng = np.random.default_rng(3)
    loss, target = make(rng, 20, K)
    output = size * np.sign(rng.standard_normal((20, K)))
    value, gradient = loss.value_and_gradient(output, target)
    assert 0.1 * size < value < 4 * size
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() <= 1 / 20


@every_case
def test_sums_are_in_float64(make, K):
    """Outputs in float32 lose nothing: the same bits as the same numbers in float64."""
    rng = np.random.default_rng(4)
    loss, target = make(rng, 50, K)
    output = rng.standard_normal((50, K)).astype(np.float32)
    value, gradient = loss.value_and_gradient(output, target)
    expected, expected_gradient = loss.value_and_gradient(
        output.astype(np.float64), target
    )
    assert value == expected
    assert gradient.dtype == np.float64
    assert_array_equal(gradient, expected_gradient)


@every_case
def test_arguments_are_not_changed(make, K):
    rng = np.random.default_rng(5)
    loss, target = make(rng, 5, K)
    arguments = [rng.standard_normal((5, K)), target, rng.uniform(1, 2, 5)]
    before = [a.copy() for a in arguments]
    for a in arguments:
        a.flags.writeable = False
    loss.value_and_gradient(*arguments)
    for a, b in zip(arguments, before, strict=True):
        assert_array_equal(a, b)


@every_case
def test_nan_comes_through(make, K):
    """Training stops at a loss that is not finite, so the loss must not hide it."""
    rng = np.random.default_rng(6)
    loss, target = make(rng, 4, K)
    output = rng.standard_normal((4, K))
    output[2, 0] = np.nan
    assert np.isnan(loss.value_and_gradient(output, target)[0])


def test_links():
    links = [loss.link for loss in (SoftmaxCrossEntropy, BinaryCrossEntropy)]
    assert [*links, SquaredError.link] == ["softmax", "logistic", "identity"]
