"""Conditional random fields in a network: layer and loss, with PyTorch beside them."""

import numpy as np
import pytest
from crf_cases import AllPaths, StepTarget, offsets_of, random_chains, sequences_of
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.build import every_step_network
from sklstm._network.decoding import marginals
from sklstm._network.emissions import Emissions
from sklstm._network.layers.crf import CRF
from sklstm._network.losses import CRFLoss, SoftmaxCrossEntropy
from sklstm._network.steps import Run
from sklstm._network.workspace import Memory

LENGTHS = [3, 0, 1, 4, 2]
N = sum(LENGTHS)


def random_target(K, seed=0, share=0.7, weighted=False):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(N) < share, rng.integers(0, K, N), -1)
    weight = rng.integers(0, 4, N) / 2 if weighted else None
    return StepTarget(labels, offsets_of(LENGTHS), weight)


# ---- the loss ------------------------------------------------------------------------


def log_likelihoods(emissions, offsets, labels):
    """Of each sequence, from all paths."""
    found = []
    for alone, y in sequences_of(emissions, offsets, labels):
        every = AllPaths(alone)
        found.append(every.log_z(y) - every.log_z())
    return np.array(found)


@pytest.mark.parametrize("of_sequences", [None, [0.5, 2.0, 1.0, 3.0, 0.0]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("divisor", [None, 7.0])
def test_value(of_sequences, weighted, divisor):
    emissions, offsets = random_chains(3, LENGTHS)
    target = random_target(3, weighted=weighted)
    weight = None if of_sequences is None else np.array(of_sequences)
    loss = CRFLoss(3)
    value, d = loss.value_and_gradient(emissions, target, weight, divisor)
    assert loss.value(emissions, target, weight, divisor) == value
    # written out, sequence by sequence
    labels, total, amount = target.values.copy(), 0.0, 0.0
    if weighted:
        labels[target.weight == 0] = -1
    found = log_likelihoods(emissions, offsets, labels)
    for b, (begin, end) in enumerate(zip(offsets[:-1], offsets[1:])):
        known = np.flatnonzero(labels[begin:end] >= 0) + begin
        if len(known):
            mean = target.weight[known].mean() if weighted else 1.0
            w = mean * (1.0 if weight is None else weight[b])
            total -= w * found[b]
            amount += w * len(known)
    assert_allclose(value, total / (divisor or amount), 1e-13)
    # the gradient is that of this value
    step = 1e-6
    for part, derivative in zip(emissions, d):
        for index in list(np.ndindex(part.shape))[::3]:
            before = part[index]
            ends = []
            for part[index] in (before + step, before - step):
                ends.append(loss.value(emissions, target, weight, divisor))
            part[index] = before
            assert_allclose(
                derivative[index], (ends[0] - ends[1]) / (2 * step), 1e-6, 1e-9
            )


def test_without_transitions_it_is_cross_entropy():
    """The mean over labelled steps, whatever the sequences."""
    emissions, offsets = random_chains(4, LENGTHS)
    for part in emissions[1:]:
        part.fill(0)
    target = random_target(4)
    known = target.values >= 0
    value, d = CRFLoss(4).value_and_gradient(emissions, target)
    expected, gradient = SoftmaxCrossEntropy().value_and_gradient(
        emissions.values[known], target.values[known]
    )
    assert_allclose(value, expected, 1e-14)
    assert_allclose(d.values[known], gradient, 1e-12, 1e-16)
    assert_allclose(d.values[~known], 0, atol=1e-16)


def test_a_step_of_weight_zero_has_no_label():
    emissions, offsets = random_chains(3, LENGTHS)
    target = random_target(3, share=1.0)
    weight = np.ones(N)
    weight[[1, 4]] = 0
    labels = target.values.copy()
    labels[[1, 4]] = -1
    value, d = CRFLoss(3).value_and_gradient(
        emissions, StepTarget(target.values, offsets, weight)
    )
    expected, gradient = CRFLoss(3).value_and_gradient(
        emissions, StepTarget(labels, offsets)
    )
    assert value == expected
    for part, known in zip(d, gradient):
        assert_array_equal(part, known)


def test_what_counts_for_nothing():
    """Without a labelled step, with weight zero, or not allowed and of weight zero."""
    emissions, offsets = random_chains(3, [2, 2])
    emissions.transitions[0, 1] = -np.inf
    loss = CRFLoss(3)
    unlabelled = StepTarget([-1] * 4, offsets)
    value, d = loss.value_and_gradient(emissions, unlabelled)
    assert value == 0 and not any(part.any() for part in d)
    assert loss.of_constant(np.zeros(3), unlabelled) == 0
    target = StepTarget([0, 1, 2, 2], offsets)
    assert loss.value(emissions, target) == np.inf
    value, d = loss.value_and_gradient(emissions, target, np.array([0.0, 2.0]))
    first = Emissions(emissions.values[2:], *emissions[1:])
    assert value == loss.value(first, StepTarget([2, 2], [0, 2]))
    assert not d.values[:2].any()


def test_start():
    """Weighted shares of the classes, half a step for a class that is not there."""
    target = StepTarget([0, 0, -1, 1, 2, 0], [0, 3, 6], np.array([1, 1, 9, 2, 0, 1.0]))
    start = CRFLoss(4).start(target, None)
    assert_allclose(np.exp(start), [3 / 5, 2 / 5, 0.5 / 4, 0.5 / 4])
    start = CRFLoss(4).start(target, np.array([3.0, 1.0]))
    assert_allclose(np.exp(start), [7 / 9, 2 / 9, 0.5 / 4, 0.5 / 4])
    target = StepTarget([0, 0, -1, 1], [0, 4])
    assert_allclose(np.exp(CRFLoss(2).start(target, None)), [2 / 3, 1 / 3])
    assert np.isfinite(CRFLoss(2).start(StepTarget([-1], [0, 1]), None)).all()


ALLOWED = (
    [True, False, True],
    [[True, True, False], [False, True, True], [True, True, True]],
    [True, True, False],
)


@pytest.mark.parametrize("allowed", [None, ALLOWED])
@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_of_constant(allowed, at_once, monkeypatch):
    monkeypatch.setattr("sklstm._network.losses.crf.CONSTANT_STEPS", at_once)
    constant, weight = np.log([0.2, 0.5, 0.3]), np.array([1.0, 1.0, 2.0, 0.5, 3.0])
    target = StepTarget([0, 1, -1, 0, -1, 2, 1, -1, 0, 0], offsets_of(LENGTHS))
    layer = CRF("crf", 3, "float64", allowed)
    layer.load(
        {key: np.zeros(shape) for key, shape in layer.shapes.items()}, backward=0
    )
    emissions = Emissions(np.tile(constant, (N, 1)), *layer.scores)
    loss = CRFLoss(3, allowed)
    for divisor in (None, 4.0):
        expected = loss.value(emissions, target, weight, divisor)
        found = loss.of_constant(constant, target, weight, divisor)
        assert np.isfinite(found) and found == expected


def test_what_a_solver_asks():
    loss = CRFLoss(3)
    assert loss.inverse_link_name == "crf" and loss.score_name == "accuracy"
    assert loss.usual(np.zeros(3)) == 1.0


# ---- the layer -----------------------------------------------------------------------


def make_layer(dtype="float32", allowed=ALLOWED):
    layer = CRF("crf", 3, dtype, allowed)
    rng = np.random.default_rng(0)
    weights = {
        key: rng.standard_normal(shape).astype(dtype)
        for key, shape in layer.shapes.items()
    }
    layer.load(weights, backward=True)
    return layer, weights


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer(dtype):
    layer, weights = make_layer(dtype)
    x = np.random.default_rng(1).standard_normal((4, 3)).astype(dtype)
    out, tape = layer.forward(x, Run(Memory(dtype)))
    assert out is x and tape is None
    out, tape = layer.forward(x, Run(Memory(dtype), keep=True))
    assert_array_equal(out.values, x)
    for part, scores in zip(out[1:], layer.scores):
        assert part is scores
    for key, mask in zip(("start", "transitions", "end"), ALLOWED):
        found = getattr(out, key)
        assert found.dtype == np.float64
        assert_array_equal(found, np.where(mask, weights[key], -np.inf))
    target = StepTarget([0, 1, 0, 0], [0, 2, 4])
    value, d = CRFLoss(3, ALLOWED).value_and_gradient(out, target)
    d_weights = {key: np.full(w.shape, 2, dtype) for key, w in weights.items()}
    d_x = layer.backward(d, tape, d_weights)
    assert d_x is d.values
    for key, mask in zip(("start", "transitions", "end"), ALLOWED):
        assert_allclose(d_weights[key], 2 + getattr(d, key), 1e-6)  # added
        assert (d_weights[key][~np.array(mask)] == 2).all()  # and nothing forbidden


def test_layer_begins_with_nothing():
    layer = CRF("crf", 3, "float32")
    weights = {key: np.ones(shape) for key, shape in layer.shapes.items()}
    layer.initialize(weights, np.random.RandomState(0), None)
    layer.load(weights, backward=False)
    assert not any(part.any() for part in layer.scores)
    assert not layer.gives_steps and layer.n_outputs == 3
    assert layer.shapes == {"transitions": (3, 3), "start": (3,), "end": (3,)}
    assert layer.n_elements(5, 100) == 2 * 4 * 100 * 3  # twice as long
    assert CRF("crf", 3, "float64").n_elements(5, 100) == 4 * 100 * 3


def test_layer_has_no_step():
    layer, _ = make_layer()
    with pytest.raises(NotImplementedError, match="whole sequences.*crf=False"):
        layer.step(np.zeros((1, 3)), None)


@pytest.mark.parametrize(
    "make", [CRFLoss, lambda *args: CRF("crf", 3, "float32", args[1])]
)
@pytest.mark.parametrize("which", range(3))
def test_masks_of_other_shapes(make, which):
    allowed = list(ALLOWED)
    allowed[which] = [True, True]
    with pytest.raises(ValueError, match=r"\(3,\), \(3, 3\) and \(3,\), got"):
        make(3, allowed)


def test_scores_are_learnt():
    """Gradient descent on the scores alone finds the transitions that labels follow."""
    layer, weights = make_layer("float64", None)
    target = StepTarget([0, 1, 2, 0, 1, 2, 0], [0, 7])
    x, loss = np.zeros((7, 3)), CRFLoss(3)
    before = None
    for _ in range(50):
        layer.load(weights, backward=True)
        out, tape = layer.forward(x, Run(Memory("float64"), keep=True))
        value, d = loss.value_and_gradient(out, target)
        assert before is None or value < before
        before = value
        d_weights = {key: np.zeros_like(w) for key, w in weights.items()}
        layer.backward(d, tape, d_weights)
        for key, derivative in d_weights.items():
            weights[key] -= 2 * derivative
    assert value < 0.05
    assert weights["transitions"].argmax(axis=1).tolist() == [1, 2, 0]
    p = marginals(out, np.array([0, 7], np.intp))
    assert p.argmax(axis=1).tolist() == target.values.tolist()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("allowed", [None, ALLOWED])
def test_gradient_of_a_network(bidirectional, allowed):
    """By finite differences, through the layers below."""
    network = every_step_network(
        2, (3,), 3, "float64", bidirectional=bidirectional, crf=True, allowed=allowed
    )
    rng = np.random.default_rng(0)
    parameters = rng.standard_normal(network.layout.size)
    lengths = np.array(LENGTHS)
    data, starts = rng.standard_normal((N, 2)), offsets_of(LENGTHS)[:-1]
    labels = [0, 1, -1, 0, -1, 2, 1, -1, 0, 0]
    target = StepTarget(labels, offsets_of(LENGTHS), rng.uniform(0.5, 2, N))
    loss, weight = CRFLoss(3, allowed), rng.uniform(0.5, 2, len(LENGTHS))

    def forward():
        network.load(parameters, backward=True)
        return network.forward(data, starts, lengths, keep=True)

    out, tapes = forward()
    value, d = loss.value_and_gradient(out, target, weight)
    gradient = network.backward(d, tapes).copy()
    assert np.isfinite(value)
    step = 1e-5
    for k, before in enumerate(parameters.copy()):
        ends = []
        for parameters[k] in (before + step, before - step):
            ends.append(loss.value(forward()[0], target, weight))
        parameters[k] = before
        difference = (ends[0] - ends[1]) / (2 * step)
        assert_allclose(gradient[k], difference, 1e-6, 1e-9)
    masks = {"start": 0, "transitions": 1, "end": 2}
    for key, derivative in network.views(gradient)["crf"].items():
        if allowed is not None:
            assert not derivative[~np.array(allowed[masks[key]])].any()
        assert derivative.any()


# ---- PyTorch -------------------------------------------------------------------------


def torch_problem():
    """Scores, labels of most steps, and weights, in numbers that are exact anywhere."""
    lengths, K = [5, 1, 3, 7, 2], 4
    offsets = offsets_of(lengths)
    n = np.arange(offsets[-1] * K).reshape(-1, K)
    m = np.arange(K * K).reshape(K, K)
    emissions = Emissions(
        ((n * 37) % 41 - 20) / 8, ((m * 11) % 17 - 8) / 8,
        np.array([-0.5, 0.25, 1, 0]), np.array([0.75, -1, 0, 0.5]),
    )  # fmt: skip
    labels = (np.arange(offsets[-1]) * 7) % 5 - 1  # -1 is none
    weight = np.array([1, 0.5, 2, 1.5, 3])
    return emissions, StepTarget(labels, offsets), weight


# What the model below gives for it (PyTorch 2.13, float64): the loss, and sums of its
# gradients with cosines, in the order of `Emissions`.
FROZEN = [
    1.2261386798665235, -0.0649503519110558, -0.21813509279903465,
    0.00040535600813695893, 0.17159210149592236,
]  # fmt: skip


def digest(value, d):
    """A few numbers on which all of a gradient is seen."""
    sums = [
        (part * np.cos(np.arange(part.size)).reshape(part.shape)).sum() for part in d
    ]
    return [value, *sums]


def test_frozen_numbers_of_torch():
    emissions, target, weight = torch_problem()
    value, d = CRFLoss(4).value_and_gradient(emissions, target, weight)
    assert_allclose(digest(value, d), FROZEN, 1e-12, 1e-15)


def torch_loss(torch, x, A, start, end, labels, mask, weight):
    """Chains in PyTorch, vectorised over the batch: x (B, T, K), labels, mask (B, T).

    The mean over the labelled steps of log Z less that of what agrees with the labels.
    """

    def log_z(x):
        a = start + x[:, 0]
        for t in range(1, x.shape[1]):
            on = torch.logsumexp(a[:, :, None] + A, dim=1) + x[:, t]
            a = torch.where(mask[:, t, None], on, a)
        return torch.logsumexp(a + end, dim=1)

    other = torch.arange(x.shape[2]) != labels[:, :, None]
    agree = x.masked_fill(other & (labels[:, :, None] >= 0), -1e30)
    n_labelled = (labels >= 0).sum(dim=1)
    nll = weight * (log_z(x) - log_z(agree))
    return nll.sum() / (weight * n_labelled).sum()


def torch_value_and_gradient(torch, emissions, target, weight):
    lengths = np.diff(target.offsets)
    parts = np.split(emissions.values, target.offsets[1:-1])
    pad = torch.nn.utils.rnn.pad_sequence
    x = pad([torch.tensor(part) for part in parts], batch_first=True)
    labels = pad(
        [torch.tensor(part) for part in np.split(target.values, target.offsets[1:-1])],
        batch_first=True, padding_value=-1,
    )  # fmt: skip
    mask = torch.arange(x.shape[1]) < torch.tensor(lengths)[:, None]
    arguments = [x, *map(torch.tensor, emissions[1:])]
    for argument in arguments:
        argument.requires_grad_()
    loss = torch_loss(torch, *arguments, labels, mask, torch.tensor(weight))
    loss.backward()
    d_x, *rest = (argument.grad.numpy() for argument in arguments)
    d_x = np.concatenate([part[:n] for part, n in zip(d_x, lengths)])
    return float(loss.detach()), Emissions(d_x, *rest)


def test_torch_has_the_frozen_numbers(torch):
    found = torch_value_and_gradient(torch, *torch_problem())
    assert_allclose(digest(*found), FROZEN, 1e-12, 1e-15)


@pytest.mark.parametrize("K", [2, 9, 45])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_against_torch(torch, K, share):
    rng = np.random.default_rng(K)
    emissions, offsets = random_chains(K, rng.integers(1, 20, 17), scale=3, seed=K)
    labels = rng.integers(0, K, offsets[-1])
    labels[rng.random(len(labels)) < share] = -1
    target, weight = StepTarget(labels, offsets), rng.uniform(0.5, 2, 17)
    value, d = CRFLoss(K).value_and_gradient(emissions, target, weight)
    expected, gradient = torch_value_and_gradient(torch, emissions, target, weight)
    assert_allclose(value, expected, 1e-12)
    for part, known in zip(d, gradient):
        assert_allclose(part, known, 1e-9, 1e-14)
