"""The losses: values by hand and by scikit-learn, gradients by central differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

from sklstm._network.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    HalfPoissonDeviance,
    Huber,
    Pinball,
    SoftmaxCrossEntropy,
    SquaredError,
)

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


def make_absolute(rng, n, K):
    return AbsoluteError(), rng.standard_normal((n, K))


def make_huber(rng, n, K):
    return Huber(0.8), rng.standard_normal((n, K))


def make_pinball(rng, n, K):
    return Pinball([0.3]), rng.standard_normal((n, K))


def make_two_quantiles(rng, n, K):
    return Pinball([0.3, 0.9]), rng.standard_normal((n, K // 2))


def make_three_quantiles(rng, n, K):
    return Pinball([0.05, 0.5, 0.7]), rng.standard_normal((n, K // 3))


def make_poisson(rng, n, K):
    return HalfPoissonDeviance(), rng.poisson(1.5, (n, K)).astype(float)


CASES = [
    (make_softmax, 2), (make_softmax, 5), (make_binary, 1), (make_binary, 4),
    (make_squared, 1), (make_squared, 3), (make_absolute, 1), (make_absolute, 3),
    (make_huber, 1), (make_huber, 3), (make_pinball, 1), (make_pinball, 3),
    (make_two_quantiles, 2), (make_three_quantiles, 3), (make_three_quantiles, 6),
    (make_poisson, 1), (make_poisson, 3),
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


@every_weight
def test_absolute_error_is_the_mean(weights):
    rng = np.random.default_rng(1)
    loss, target = make_absolute(rng, 9, 3)
    output, weight = rng.standard_normal((9, 3)), weights(rng, 9)
    expected = mean_absolute_error(target, output, sample_weight=weight)
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(expected, rel=1e-12)


@every_weight
@pytest.mark.parametrize("levels", [[0.2], [0.1, 0.8], [0.01, 0.3, 0.5, 0.99]])
def test_pinball_is_the_mean_over_outputs_and_levels(weights, levels):
    rng = np.random.default_rng(1)
    loss, target = Pinball(levels), rng.standard_normal((9, 3))
    output, weight = rng.standard_normal((9, 3 * len(levels))), weights(rng, 9)
    quantiles = loss.inverse_link(output)
    assert quantiles.shape == (9, 3, len(levels))
    expected = [
        mean_pinball_loss(target, quantiles[..., j], sample_weight=weight, alpha=level)
        for j, level in enumerate(levels)
    ]
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(np.mean(expected), rel=1e-12)


@every_weight
def test_poisson_is_half_the_deviance(weights):
    rng = np.random.default_rng(1)
    loss, target = make_poisson(rng, 9, 3)
    assert (target == 0).any() and (target > 1).any()
    output, weight = rng.standard_normal((9, 3)), weights(rng, 9)
    expected = [
        mean_poisson_deviance(target[:, k], np.exp(output[:, k]), sample_weight=weight)
        for k in range(3)
    ]
    value, _ = loss.value_and_gradient(output, target, weight)
    assert value == pytest.approx(np.mean(expected) / 2, rel=1e-12)
    assert_allclose(loss.inverse_link(output), np.exp(output), rtol=1e-15)


@every_weight
def test_huber_lies_between_squared_and_absolute_error(weights):
    """Wide it is the one, narrow the other times delta."""
    rng = np.random.default_rng(1)
    _, target = make_huber(rng, 9, 3)
    output, weight = rng.standard_normal((9, 3)), weights(rng, 9)
    for got, expected in (
        (Huber(1e3), SquaredError()),
        (Huber(np.inf), SquaredError()),
        (Huber(1e-9), AbsoluteError()),
    ):
        value, gradient = got.value_and_gradient(output, target, weight)
        value_, gradient_ = expected.value_and_gradient(output, target, weight)
        scale = got.delta if isinstance(expected, AbsoluteError) else 1.0
        assert value == pytest.approx(scale * value_, rel=1e-8)
        assert_allclose(gradient, scale * gradient_, rtol=1e-12)


def test_pinball_of_the_median_is_half_the_absolute_error():
    rng = np.random.default_rng(1)
    output, target = rng.standard_normal((2, 9, 3))
    value, gradient = Pinball([0.5]).value_and_gradient(output, target)
    expected, gradient_ = AbsoluteError().value_and_gradient(output, target)
    assert value == pytest.approx(expected / 2, rel=1e-14)
    assert_allclose(gradient, gradient_ / 2, rtol=1e-14)


def test_no_slope_where_nothing_is_missing():
    """At the kink any slope between the two is right, and zero is between them."""
    target = np.array([[1.0, -2.0]])
    for loss in (AbsoluteError(), Huber(1.0), Pinball([0.2])):
        value, gradient = loss.value_and_gradient(target.copy(), target)
        assert value == 0 and not gradient.any()


@pytest.mark.parametrize("Q", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e5])
def test_quantiles_never_cross(Q, size):
    loss = Pinball(np.arange(1, Q + 1) / (Q + 1))
    output = size * np.random.default_rng(2).standard_normal((50, 2 * Q))
    quantiles = loss.inverse_link(output)
    assert quantiles.shape == (50, 2, Q)
    assert (np.diff(quantiles) >= 0).all()
    m = Q // 2
    assert_array_equal(quantiles[..., m], output.reshape(50, 2, Q)[..., m])
    steps = np.delete(output.reshape(50, 2, Q), m, axis=-1)
    expected = np.logaddexp(0, steps)
    assert_allclose(np.diff(quantiles), expected, rtol=1e-9, atol=1e-9 * size)


def test_raw_outputs_of_quantiles():
    loss = Pinball([0.1, 0.4, 0.5, 0.8])
    quantiles = np.array([[[-3.0, -1.0, 40.0, 40.5]], [[0.0, 0.01, 0.02, 0.5]]])
    raw = loss.raw_outputs(quantiles)
    assert raw.shape == (2, 4)
    assert_allclose(loss.inverse_link(raw), quantiles, rtol=1e-12, atol=1e-15)
    equal = loss.raw_outputs(np.full((1, 1, 4), 7.0))
    assert np.isfinite(equal).all()
    assert_allclose(loss.inverse_link(equal), [[[6.998, 6.999, 7.0, 7.001]]])
    assert_array_equal(Pinball([0.3]).raw_outputs([[[2.0]], [[-1.0]]]), [[2], [-1]])


def test_poisson_of_absurd_outputs():
    """Not finite where the mean is not, so that training stops; never a warning."""
    loss = HalfPoissonDeviance()
    for output in (800.0, 1e30, np.inf):
        value, _ = loss.value_and_gradient(np.array([[output]]), np.array([[2.0]]))
        assert not np.isfinite(value)
        assert loss.inverse_link(np.array([[output]])) == pytest.approx(1.797e308, 1e-3)
    value, gradient = loss.value_and_gradient(np.array([[-1e4]]), np.array([[2.0]]))
    assert value == pytest.approx(2 * np.log(2) + 2e4 - 2)
    assert_array_equal(gradient, [[-2]])


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
    output, target = np.array([[3.0, 1.0]]), np.array([[1.0, 1.5]])
    value, gradient = AbsoluteError().value_and_gradient(output, target)
    assert value == pytest.approx((2 + 0.5) / 2)
    assert_allclose(gradient, [[1 / 2, -1 / 2]])
    value, gradient = Huber(1.0).value_and_gradient(output, target)
    assert value == pytest.approx(((2 - 0.5) + 0.5**2 / 2) / 2)
    assert_allclose(gradient, [[1 / 2, -0.5 / 2]])
    value, gradient = Pinball([0.9]).value_and_gradient(output, target)
    assert value == pytest.approx((0.1 * 2 + 0.9 * 0.5) / 2)
    assert_allclose(gradient, [[0.1 / 2, -0.9 / 2]])
    value, gradient = HalfPoissonDeviance().value_and_gradient(
        np.log([[2.0, 3.0]]), np.array([[4.0, 0.0]])
    )
    assert value == pytest.approx((4 * np.log(2) - 4 + 2 + 3) / 2)
    assert_allclose(gradient, [[-2 / 2, 3 / 2]])
    # softplus(log(e - 1)) = 1: quantiles 1, 2 and 3 of a target at 1.5
    step = np.log(np.e - 1)
    value, gradient = Pinball([0.25, 0.5, 0.75]).value_and_gradient(
        np.array([[step, 2.0, step]]), np.array([[1.5]])
    )
    assert value == pytest.approx((0.25 * 0.5 + 0.5 * 0.5 + 0.25 * 1.5) / 3)
    slope = 1 - 1 / np.e  # of softplus
    assert_allclose(gradient, [[0.25 * slope / 3, 0.5 / 3, 0.25 * slope / 3]])


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
    names = {
        SoftmaxCrossEntropy(3): "softmax", BinaryCrossEntropy(): "logistic",
        SquaredError(): "identity", AbsoluteError(): "identity",
        Huber(1.0): "identity", Pinball([0.9]): "identity",
        Pinball([0.1, 0.9]): "softplus_increments", HalfPoissonDeviance(): "exp",
    }  # fmt: skip
    assert all(loss.inverse_link_name == name for loss, name in names.items())
