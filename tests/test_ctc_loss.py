"""The loss of connectionist temporal classification: against PyTorch, where it begins,
weights and divisors."""

import numpy as np
import pytest
from ctc_cases import every_scale, log_likelihood, offsets_of, random_batch
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.losses import CTCLoss
from sklstm._network.losses import ctc as losses_ctc
from sklstm._targets.label_strings import LabelStrings


def batch(K=5, n=9, longest=12, seed=0, scale=1.0):
    """Outputs and their target."""
    x, offsets, labels, label_offsets = random_batch(K, n, longest, seed, scale)
    return x, LabelStrings(labels, label_offsets, np.diff(offsets))


def strings(*given, n_steps):
    """A target of some strings."""
    values = np.array([k for string in given for k in string], dtype=np.intp)
    return LabelStrings(values, offsets_of([len(s) for s in given]), np.array(n_steps))


def test_frozen_numbers():
    """Those of torch.nn.functional.ctc_loss 2.13 in float64, of the sum."""
    t, k = np.arange(1, 8)[:, np.newaxis], np.arange(1, 5)
    x = 3 * np.sin(1.7 * t * k + k)
    for string, expected, at_step in [
        (
            [0, 2, 2],
            8.580143827406607,
            [0.4330241990964523, 0.2702057517211358, -0.4397033969930078,
             -0.26352655382458023],
        ),
        (
            [],
            19.73157453606777,
            [0.45823586750230966, 0.27020575172113614, 0.16516513474148892,
             -0.8936067539649347],
        ),
        (
            [1, 0, 1],
            8.122898368587249,
            [-0.11844617042226604, -0.033911095340380754, 0.16516513474148883,
             -0.01280786897884203],
        ),
    ]:  # fmt: skip
        target = strings(string, n_steps=[7])
        value, d = CTCLoss(4).value_and_gradient(x, target, divisor=1.0)
        assert_allclose(value, expected, 1e-14)
        assert_allclose(d[2], at_step, 1e-12, 1e-14)


@every_scale
@pytest.mark.parametrize("K", [2, 3, 12])
def test_against_torch(K, scale):
    torch = pytest.importorskip("torch")
    x, target = batch(K, 30, 40, seed=K, scale=scale)
    weight = np.random.default_rng(0).uniform(0.5, 2, 30)
    n_steps, offsets = target.n_steps, target.step_offsets
    padded = np.zeros((n_steps.max(), 30, K))
    for b in range(30):
        padded[: n_steps[b], b] = x[offsets[b] : offsets[b + 1]]
    padded = torch.tensor(padded, requires_grad=True)
    losses = torch.nn.functional.ctc_loss(
        padded.log_softmax(2), torch.tensor(target.values), torch.tensor(n_steps),
        torch.tensor(target.lengths), blank=K - 1, reduction="none",
    )  # fmt: skip
    there = np.isfinite(losses.detach().numpy()) & (n_steps > 0)
    losses[torch.tensor(there)].mul(torch.tensor(weight[there])).sum().backward()
    gradient = padded.grad.numpy()
    values, d = log_likelihood(x, offsets, target.values, target.offsets, weight)
    found = -values[there]
    assert there.sum() > 15
    assert_allclose(found, losses.detach().numpy()[there], 1e-9, 1e-9)
    # its own gradient has the rounding of numbers as large as the outputs
    tolerance = 1e-9 * max(1.0, scale / 1e4)
    for b in np.flatnonzero(there):
        rows = slice(offsets[b], offsets[b + 1])
        assert_allclose(d[rows], gradient[: n_steps[b], b], 1e-9, tolerance)


def test_divisor_and_weights():
    """A loss is of a label, and no label counts as one."""
    x, target = batch()
    loss = CTCLoss(5)
    log_p, _ = log_likelihood(x, target.step_offsets, target.values, target.offsets)
    n = np.maximum(target.lengths, 1)
    assert (target.lengths == 0).any() and (target.lengths > 1).any()
    assert_allclose(loss.value(x, target), -log_p.sum() / n.sum(), 1e-14)
    weight = np.arange(1.0, 10.0)
    value, d = loss.value_and_gradient(x, target, weight)
    assert_allclose(value, -(weight * log_p).sum() / (weight * n).sum(), 1e-14)
    assert loss.value(x, target, weight) == value
    twice, d_twice = loss.value_and_gradient(x, target, weight, (weight * n).sum() / 2)
    assert_allclose(twice, 2 * value, 1e-14)
    assert_allclose(d_twice, 2 * d, 1e-14, 1e-16)


def test_a_weight_of_zero_is_not_there():
    x, target = batch()
    weight = np.ones(9)
    weight[4] = 0
    x[target.step_offsets[4] : target.step_offsets[5]] = np.nan
    value, d = CTCLoss(5).value_and_gradient(x, target, weight)
    rows = np.repeat(weight > 0, target.n_steps)
    others = target[np.flatnonzero(weight)]
    expected, d_expected = CTCLoss(5).value_and_gradient(x[rows], others)
    assert value == expected
    assert_array_equal(d[rows], d_expected)
    assert_array_equal(d[~rows], 0)


def test_gradient_by_central_differences():
    x, target = batch(n=5, longest=6)
    weight = np.arange(1.0, 6.0)
    loss = CTCLoss(5)
    _, d = loss.value_and_gradient(x, target, weight)
    for index in np.ndindex(x.shape):
        values = []
        for step in (1e-5, -1e-5):
            moved = x.copy()
            moved[index] += step
            values.append(loss.value(moved, target, weight))
        assert_allclose(d[index], (values[0] - values[1]) / 2e-5, 1e-6, 1e-8)


# ---- where outputs begin -------------------------------------------------------------


def test_start_is_the_shares_of_the_steps():
    target = strings([0, 1, 0], [1], n_steps=[6, 4])
    assert_allclose(np.exp(CTCLoss(3).start(target, None)), [0.2, 0.2, 0.6])
    weight = np.array([1.0, 2.0])  # 14 steps, of which 2 have label 0 and 3 label 1
    shares = np.exp(CTCLoss(3).start(target, weight))
    assert_allclose(shares, np.array([2, 3, 9]) / 14)


def test_start_of_what_is_not_there():
    target = strings([0, 0, 2], n_steps=[9])
    shares = np.exp(CTCLoss(4).start(target, None))
    assert_allclose(shares, np.array([2, 0.5, 1, 6]) / 9.5)
    # where labels fill all steps the blank still has its part
    target = strings([0, 1, 0], n_steps=[3])
    assert_allclose(np.exp(CTCLoss(3).start(target, None)), np.array([2, 1, 1]) / 4)
    target = strings([], n_steps=[0])
    assert_allclose(np.exp(CTCLoss(3).start(target, None)), 1 / 3)


def test_start_of_weights_is_that_of_copies():
    target = strings([0, 1], [2, 2], n_steps=[5, 6])
    copies = target[np.array([0, 1, 1, 1])]
    expected = CTCLoss(5).start(copies, None)
    assert_array_equal(CTCLoss(5).start(target, np.array([1.0, 3.0])), expected)


def test_loss_of_constant_outputs(monkeypatch):
    x, target = batch(n=30)
    constant, weight = np.array([1.0, 0, -1, 0.5, 2]), np.arange(1.0, 31.0)
    loss = CTCLoss(5)
    outputs = np.tile(constant, (len(x), 1))
    expected = loss.value(outputs, target, weight, 7.0)
    assert loss.of_constant(constant, target, weight, 7.0) == expected
    monkeypatch.setattr(losses_ctc, "CONSTANT_STEPS", 13)  # some at a time
    assert loss.of_constant(constant, target, weight, 7.0) == expected
    empty = strings([], [], n_steps=[0, 0])
    assert loss.of_constant(constant, empty, None, 1.0) == 0


def test_what_it_is_measured_by():
    loss = CTCLoss(3)
    assert loss.inverse_link_name == "softmax"
    assert loss.score_name == "score (1 - edits / labels)"
    assert loss.usual(np.zeros(3)) == 1.0
