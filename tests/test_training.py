"""Training: minibatches, optimizers, learning rates, monitor, clipping and the loop.

The oracle of the loop is the same training written out with the NumPy LSTM of
reference.py, in the notation of docs/design.md.
"""

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import kernels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from reference import lstm_backward, lstm_forward
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from sklstm._kernels import digests, supported_instruction_sets
from sklstm._network.build import whole_sequence_network
from sklstm._network.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError
from sklstm._training.feeds import Minibatches, TrainingSet, in_order_of_content
from sklstm._training.loop import LoopOptions, Observer, train
from sklstm._training.monitor import Monitor
from sklstm._training.optimizers import SGD, Adam, RMSProp, clip_scale
from sklstm._training.schedules import LearningRate

TORCH = Path(__file__).parent / "data" / "torch_optim.npz"

# ---- minibatches -----------------------------------------------------------------


def training_set(sequences, target, weight=None):
    lengths = np.array([len(s) for s in sequences], dtype=np.intp)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return TrainingSet(
        np.concatenate(sequences), offsets[:-1], lengths, np.asarray(target), weight
    )


def only_batch(samples):
    """All samples as one minibatch."""
    (batch,) = Minibatches(samples, len(samples.starts)).epoch(None)
    return batch


def content(batch):
    """A minibatch as a list of (steps, target, weight), in its order."""
    data, starts, lengths, target, weight = batch[:5]
    weight = np.ones(len(starts)) if weight is None else weight
    return [
        (data[s : s + T].tobytes(), y.tobytes(), w)
        for s, T, y, w in zip(starts, lengths, target, weight, strict=True)
    ]


@st.composite
def samples_with_twins(draw):
    """Few distinct sequences and targets, so that many samples are identical."""
    kinds = draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    targets = draw(
        st.lists(st.integers(0, 1), min_size=len(kinds), max_size=len(kinds))
    )
    sequences = [np.full((k, 2), float(k)) for k in kinds]
    weight = None
    if draw(st.booleans()):
        one = st.sampled_from([0.5, 1.0, 2.0])
        weight = np.array(draw(st.lists(one, min_size=len(kinds), max_size=len(kinds))))
    return training_set(sequences, np.array(targets), weight), kinds, targets, weight


@settings(deadline=None, max_examples=100)
@given(samples_with_twins(), st.data())
def test_one_batch_merges_identical_samples_and_nothing_else(case, data):
    samples, kinds, targets, weight = case
    expected = {}
    for i in range(len(kinds)):
        key = kinds[i], targets[i]
        expected[key] = expected.get(key, 0) + (1 if weight is None else weight[i])
    batch = only_batch(samples)
    got = content(batch)
    # 1 where it is None; of distinct samples there is nothing to count
    weights = [1 if batch.weight is None else w for *_, w in got]
    assert len(got) == len(expected)
    for w, T, y in zip(weights, batch.lengths, batch.target, strict=True):
        assert w == expected[T, y]
    assert batch.total == sum(expected.values())
    order = np.array(data.draw(st.permutations(range(len(kinds)))))
    other = only_batch(
        samples._replace(
            starts=samples.starts[order],
            lengths=samples.lengths[order],
            target=samples.target[order],
            weight=None if weight is None else weight[order],
        )
    )
    assert content(other) == got
    assert_array_equal(batch.ids, np.arange(len(got)))
    assert_array_equal(other.ids, batch.ids)


def test_samples_with_numbers_are_not_merged():
    """Their masks of dropout are their own."""
    samples = training_set([np.ones((2, 1))] * 3, [0, 1, 0], np.array([1.0, 2, 3]))
    batch = in_order_of_content(samples, np.array([7, 5, 6]))
    assert len(batch.starts) == 3 and batch.total == batch.divisor == 6
    weights = dict(zip(batch.ids.tolist(), batch.weight, strict=True))
    assert weights == {7: 1, 5: 2, 6: 3}


def test_equal_fingerprints_are_not_taken_for_equal_samples(monkeypatch):
    """A fingerprint may be that of several: only equal bytes are the same sample."""
    samples = training_set(
        [np.ones((2, 1)), np.zeros((2, 1)), np.ones((2, 1))], [0] * 3
    )
    monkeypatch.setattr(
        "sklstm._training.feeds.digests",
        lambda data, starts, *_: np.zeros((len(starts), 2), np.uint64),
    )
    batch = only_batch(samples)
    assert len(batch.starts) == 3 and batch.total == 3


def test_batch_of_distinct_samples_has_no_weights():
    samples = training_set([np.ones((2, 1)), np.zeros((2, 1))], [0, 0])
    batch = only_batch(samples)
    assert sorted(batch.starts) == [0, 2] and batch.weight is None and batch.total == 2


def test_samples_of_one_content_and_other_targets_stay_apart():
    samples = training_set([np.ones((2, 1))] * 3, [[0.0], [1.0], [0.0]])
    batch = only_batch(samples)
    weights = zip(batch.target[:, 0], batch.weight, strict=True)
    assert sorted(weights) == [(0, 2), (1, 1)]
    assert batch.total == 3


def test_samples_of_one_content_and_other_lengths_stay_apart():
    """No steps, one and two steps of zeros: a prefix is not the same sequence."""
    sequences = [np.zeros((T, 1)) for T in (0, 1, 2, 0, 1)]
    samples = training_set(sequences, [5] * 5)
    batch = only_batch(samples)
    weights = zip(batch.lengths, batch.weight, strict=True)
    assert sorted(weights) == [(0, 2), (1, 2), (2, 1)]


def test_order_of_a_batch_is_that_of_its_content():
    """Not that of the samples: shuffled data makes the same batch."""
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((T, 2)) for T in [3, 0, 1, 4, 4, 2]]
    target = np.arange(6.0)
    place = rng.permutation(6)
    a = training_set(sequences, target)
    b = training_set([sequences[i] for i in place], target[place])
    assert content(only_batch(a)) == content(only_batch(b))


def test_weights_and_repetition_make_the_same_batch():
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((T, 2)) for T in [3, 1, 4]]
    weighted = training_set(sequences, [0, 1, 2], np.array([3.0, 1.0, 2.0]))
    index = [2, 0, 0, 1, 2, 0]
    repeated = training_set([sequences[i] for i in index], index)
    a, b = only_batch(weighted), only_batch(repeated)
    assert content(a) == content(b)
    assert a.total == b.total == a.divisor == b.divisor == 6


# ---- optimizers ------------------------------------------------------------------


def gradients(n_steps, size=6, seed=0):
    rng = np.random.default_rng(seed)
    return 10.0 ** rng.uniform(-4, 1, (n_steps, size)) * rng.choice(
        [-1, 1], (n_steps, size)
    )


def run(optimizer, parameters, steps, rate):
    for g in steps:
        optimizer.step(parameters, g.copy(), rate)
    return parameters


ADAM = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6}
RMSPROP_NUMBERS = ("gradients", "parameters", "lr", "alpha", "eps")


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd(momentum, nesterov):
    start = np.arange(6.0)
    got = run(
        SGD(6, np.float64, momentum=momentum, nesterovs_momentum=nesterov),
        start.copy(), gradients(7), 0.1,
    )  # fmt: skip
    v, expected = np.zeros(6), start.copy()
    for g in gradients(7):
        v = momentum * v - 0.1 * g
        expected += momentum * v - 0.1 * g if nesterov else v
    assert_allclose(got, expected, rtol=1e-13)
    theirs = [start.copy()]
    optimizer = SGDOptimizer(theirs, 0.1, "constant", momentum, nesterov)
    for g in gradients(7):
        optimizer.update_params(theirs, [g])
    assert_allclose(got, theirs[0], rtol=1e-13)


def test_adam():
    start = np.arange(6.0)
    got = run(Adam(6, np.float64, **ADAM), start.copy(), gradients(7), 0.01)
    m, v, expected = np.zeros(6), np.zeros(6), start.copy()
    for t, g in enumerate(gradients(7), start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        rate = 0.01 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        expected -= rate * m / (np.sqrt(v) + 1e-6)
    assert_allclose(got, expected, rtol=1e-13)
    theirs = [start.copy()]
    optimizer = AdamOptimizer(theirs, 0.01, **ADAM)
    for g in gradients(7):
        optimizer.update_params(theirs, [g])
    assert_allclose(got, theirs[0], rtol=1e-13)


def test_first_step_of_adam_by_hand():
    """m / sqrt(v) is the sign of the gradient, whatever its size."""
    parameters = np.zeros(3)
    Adam(3, np.float64, beta_1=0.9, beta_2=0.999, epsilon=1e-30).step(
        parameters, np.array([5.0, -1e-6, 3.0]), 0.01
    )
    assert_allclose(parameters, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_adamw_is_adam_after_decay():
    """p = p - rate decay p, then Adam's step, whose moments know nothing of decay."""
    start, decay = np.arange(6.0), np.array([0.1, 0.1, 0.1, 0, 0, 0])
    adam = Adam(6, np.float64, **ADAM)
    got = run(
        Adam(6, np.float64, decay=decay, **ADAM), start.copy(), gradients(7), 0.01
    )
    expected = start.copy()
    for g in gradients(7):
        expected *= 1 - 0.01 * decay
        adam.step(expected, g.copy(), 0.01)
    assert_allclose(got, expected, rtol=1e-13)
    plain = run(Adam(6, np.float64, **ADAM), start.copy(), gradients(7), 0.01)
    assert_array_equal(got[3:], plain[3:])
    assert (got[1:3] < plain[1:3]).all()


def test_rmsprop():
    start = np.arange(6.0)
    got = run(
        RMSProp(6, np.float64, beta_2=0.95, epsilon=1e-6), start.copy(), gradients(7),
        0.01,
    )  # fmt: skip
    v, expected = np.zeros(6), start.copy()
    for g in gradients(7):
        v = 0.95 * v + 0.05 * g**2
        expected -= 0.01 * g / (np.sqrt(v) + 1e-6)
    assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_rmsprop_as_in_pytorch(instruction_set, dtype, rtol):
    """Step by step against the numbers of torch.optim.RMSprop."""
    with np.load(TORCH) as file:
        numbers = {key: file[f"rmsprop/{key}"] for key in RMSPROP_NUMBERS}
    optimizer = RMSProp(
        6, dtype, beta_2=float(numbers["alpha"]), epsilon=float(numbers["eps"])
    )
    first, *others = numbers["parameters"]
    parameters = first.astype(dtype)
    for gradient, expected in zip(numbers["gradients"], others, strict=True):
        optimizer.step(parameters, gradient.astype(dtype), float(numbers["lr"]))
        assert_allclose(parameters, expected, rtol=rtol, atol=rtol)


def test_first_step_of_rmsprop_by_hand():
    """v = g^2 / 16: four times the rate, whatever the size of the gradient."""
    parameters = np.zeros(3)
    RMSProp(3, np.float64, beta_2=15 / 16, epsilon=1e-30).step(
        parameters, np.array([5.0, -1e-6, 3.0]), 0.01
    )
    assert_allclose(parameters, [-0.04, 0.04, -0.04], rtol=1e-12)


MAKERS = {
    "sgd": lambda **k: SGD(6, np.float32, momentum=0.9, nesterovs_momentum=True, **k),
    "adam": lambda **k: Adam(6, np.float32, **ADAM, **k),
    "adamw": lambda **k: Adam(
        6, np.float32, **ADAM, decay=np.full(6, 0.1, np.float32), **k
    ),
    "rmsprop": lambda **k: RMSProp(6, np.float32, beta_2=0.95, epsilon=1e-6, **k),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_going_on_from_a_state(make):
    """4 + 3 steps through the state are 7 steps to the bit; the state stays."""
    steps = gradients(7).astype(np.float32)
    whole = run(make(), np.ones(6, np.float32), steps, 0.01)
    first = make()
    parameters = run(first, np.ones(6, np.float32), steps[:4], 0.01)
    state = first.state
    before = {k: np.copy(v) for k, v in state.items()}
    second = make(state=state)
    run(second, parameters, steps[4:], 0.01)
    assert_array_equal(parameters, whole)
    for name, value in before.items():
        assert_array_equal(state[name], value)
    assert parameters.dtype == np.float32


# ---- learning rates --------------------------------------------------------------


def rates(schedule, epochs, n_samples=9, t=0, power_t=0.5, max_iter=4):
    rate = LearningRate(schedule, 0.8, power_t, max_iter)
    result = []
    for epoch in range(epochs):
        rate.begin_epoch(epoch, t + epoch * n_samples)
        result.append(rate.rate)
    return result


def test_learning_rates_by_hand():
    assert rates("constant", 3) == [0.8] * 3
    assert rates("adaptive", 3) == [0.8] * 3
    # t + 1 = 1, 10, 19
    assert_allclose(rates("invscaling", 3), [0.8, 0.8 / 10**0.5, 0.8 / 19**0.5])
    assert_allclose(rates("invscaling", 2, n_samples=99, power_t=1), [0.8, 0.008])
    # (1 + cos(0, 45, 90, 135 degrees)) / 2
    s = 2**-0.5
    assert_allclose(
        rates("cosine", 4), [0.8, 0.4 * (1 + s), 0.4, 0.4 * (1 - s)], rtol=1e-12
    )


def test_invscaling_goes_on_with_samples_seen():
    assert rates("invscaling", 5)[3:] == rates("invscaling", 2, t=27)


def test_reduce():
    rate = LearningRate("adaptive", 1e-4, 0.5, 10)
    assert [rate.reduce() for _ in range(5)] == [True, True, True, False, False]
    assert rate.rate == pytest.approx(1e-4 / 125)
    rate.begin_epoch(7, 1000)
    assert rate.rate == pytest.approx(1e-4 / 125)
    for schedule in ("constant", "invscaling", "cosine"):
        rate = LearningRate(schedule, 1.0, 0.5, 10)
        assert not rate.reduce() and rate.rate == 1.0


# ---- the monitor -----------------------------------------------------------------


def test_monitor_counts_epochs_without_improvement():
    monitor = Monitor(tol=0.125, n_iter_no_change=2, verbose=False)
    # 0.8125 is better by tol than 0.9375, 0.6875 is not than 0.75.
    losses = [1.0, 0.9375, 0.8125, 0.75, 0.6875, 0.5, 0.45, 0.44, 0.43, 0.46]
    counts, stops = [], []
    for loss in losses:
        stops.append(monitor.update(loss, None))
        counts.append(monitor.epochs_without_change)
    assert counts == [0, 1, 0, 1, 2, 0, 1, 2, 3, 4]
    assert stops == [count > 2 for count in counts]
    assert monitor.loss_curve == losses
    assert monitor.best_loss == 0.43
    assert monitor.validation_scores is None and monitor.best_parameters is None


def test_monitor_stops_where_mlp_stops():
    """MLP: `n_iter_no_change` epochs are borne, the next one is too many."""
    monitor = Monitor(tol=1e-4, n_iter_no_change=3, verbose=False)
    assert [monitor.update(1.0, None) for _ in range(5)] == [False] * 4 + [True]
    assert "Training loss did not improve more than tol=0.000100 for 3 " in (
        monitor.stopping_reason()
    )
    forever = Monitor(tol=1e-4, n_iter_no_change=np.inf, verbose=False)
    assert not any(forever.update(1.0, None) for _ in range(50))


def test_monitor_keeps_the_best_parameters():
    scores = iter([(0.5, 2), (0.9, 3), (0.7, 1), (0.9, 3), (0.2, 9)])
    monitor = Monitor(0.0, 10, False, score=lambda parameters: next(scores))
    parameters = np.zeros(1)
    for epoch in range(5):
        parameters[0] = epoch
        monitor.update(1.0, parameters)
    assert monitor.validation_scores == [0.5, 0.9, 0.7, 0.9, 0.2]
    assert monitor.best_score == 0.9
    assert_array_equal(monitor.best_parameters, [1])  # the first of equals, a copy


def test_monitor_decides_between_equal_scores_by_the_loss():
    losses = [0.5, 0.4, 0.45, 0.35, 0.34, 0.4, 0.5, 0.6]
    given = iter([(0.9, loss) for loss in losses])
    monitor = Monitor(0.03125, 2, False, score=lambda parameters: next(given))
    stops, counts = [], []
    for epoch in range(8):
        stops.append(monitor.update(1.0, np.array([epoch])))
        counts.append(monitor.epochs_without_change)
    assert_array_equal(monitor.best_parameters, [4])
    assert counts == [0, 0, 1, 0, 1, 2, 3, 4]
    assert stops == [count > 2 for count in counts]


def test_monitor_goes_on_while_the_validation_loss_falls():
    """Though the score is worse for a while, as it is for rare classes."""
    given = iter([(0.9, 1.0), *((0.8, 1 - epoch / 20) for epoch in range(15))])
    monitor = Monitor(1e-4, 3, False, score=lambda parameters: next(given))
    assert not any(monitor.update(1.0, np.array([epoch])) for epoch in range(16))
    assert_array_equal(monitor.best_parameters, [0])


@pytest.mark.parametrize("score", [-np.inf, np.nan])
def test_monitor_has_best_parameters_whatever_the_scores(score):
    """R² of a bad start may be anything down to -inf, or nothing at all."""
    given = iter([(score, score), (score, score), (-1e9, 1e9), (score, score)])
    monitor = Monitor(0.0, 10, False, score=lambda parameters: next(given))
    monitor.update(1.0, np.full(2, 1))
    assert_array_equal(monitor.best_parameters, [1, 1])
    for epoch in (2, 3, 4):
        monitor.update(1.0, np.full(2, epoch))
    assert_array_equal(monitor.best_parameters, [3, 3])
    assert monitor.best_score == -1e9


def test_monitor_prints_a_line_per_epoch(capsys):
    monitor = Monitor(1e-4, 10, True)
    monitor.update(0.5, None)
    monitor.update(0.25, None)
    assert capsys.readouterr().out == (
        "Iteration 1, loss = 0.50000000\nIteration 2, loss = 0.25000000\n"
    )
    monitor = Monitor(1e-4, 10, True, score=lambda p: (0.75, 1.0))
    monitor.update(0.5, np.ones(1))
    assert capsys.readouterr().out == (
        "Iteration 1, loss = 0.50000000, validation score = 0.750000\n"
    )
    Monitor(1e-4, 10, False).update(0.5, None)
    assert capsys.readouterr().out == ""


# ---- clipping --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_scale(dtype):
    gradient = np.array([3.0, 0, -4.0], dtype=dtype)
    assert clip_scale(gradient, 5.0) == 1
    assert clip_scale(gradient, 0.5) == pytest.approx(0.1, rel=1e-15)
    assert_array_equal(gradient, [3, 0, -4])
    assert clip_scale(np.zeros(4, dtype=dtype), 0.5) == 1


@pytest.mark.parametrize(
    "dtype, size", [(np.float32, 1e18), (np.float32, 1e30), (np.float64, 1e150)]
)
def test_clip_scale_does_not_overflow(dtype, size):
    """A square that is infinite would make a gradient of zeros."""
    gradient = np.full(100, size, dtype=dtype)
    assert clip_scale(gradient, 1.0) == pytest.approx(0.1 / size, rel=1e-6)


def norm_and_steps(kernels, dtype, size, n_threads):
    """The norm of a gradient, and all vectors after a step of each optimizer."""
    rng = np.random.default_rng(0)
    gradient, start = rng.standard_normal((2, size)).astype(dtype)
    p, m, v, u = start.copy(), gradient.copy(), gradient**2, gradient.copy()
    s = gradient**2
    kernels.adam_step(p, gradient, m, v, start, 0.5, 0.1, 0.2, 0.9, 0.99, 1e-8,
                      n_threads)  # fmt: skip
    kernels.sgd_step(p, gradient, u, 0.5, 0.1, 0.9, True, n_threads)
    kernels.rmsprop_step(p, gradient, s, 0.5, 0.1, 0.9, 1e-8, n_threads)
    norm = kernels.gradient_norm(gradient, n_threads)
    assert norm == pytest.approx(np.linalg.norm(gradient.astype(float)), rel=1e-14)
    return np.concatenate([[norm], p, m, v, u, s])


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16_384, 16_385, 100_003])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_and_steps_do_not_depend_on_threads(instruction_set, dtype, size):
    """Every size, also those that are cut into pieces; a norm as NumPy's."""
    kernels = kernels_of(instruction_set, dtype)
    expected = norm_and_steps(kernels, dtype, size, 1)
    for n_threads in (2, 3):
        assert_array_equal(norm_and_steps(kernels, dtype, size, n_threads), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm_and_steps_have_the_same_bits_on_every_instruction_set(dtype):
    first, *others = [
        norm_and_steps(kernels_of(name, dtype), dtype, 20_001, 1)
        for name in supported_instruction_sets()
    ]
    for other in others:
        assert_array_equal(first, other)


def test_an_epsilon_that_float32_flushes_to_zero():
    """A parameter without gradient stays where it is: 0 / 0 would be NaN."""
    adam = Adam(2, np.float32, beta_1=0.9, beta_2=0.999, epsilon=1e-40)
    parameters = np.ones(2, np.float32)
    adam.step(parameters, np.array([0, 1], np.float32), 0.01)
    assert_allclose(parameters, [1, 0.99])
    rmsprop = RMSProp(2, np.float32, beta_2=0.75, epsilon=1e-40)
    rmsprop.step(parameters, np.array([0, 1], np.float32), 0.01)
    assert_allclose(parameters, [1, 0.97])


def test_steps_refuse_vectors_of_other_sizes(instruction_set):
    a, b = np.zeros(3), np.zeros(4)
    kernels = kernels_of(instruction_set, np.float64)
    with pytest.raises(ValueError, match="differ in size"):
        kernels.sgd_step(a, b, a, 1.0, 0.1, 0.9, True)
    for vectors in ([a, b, a], [a, a, b]):
        with pytest.raises(ValueError, match="differ in size"):
            kernels.rmsprop_step(*vectors, 1.0, 0.1, 0.99, 1e-8)
    for vectors in ([a, b, a, a, a], [a, a, b, a, a], [a, a, a, b, a], [a, a, a, a, b]):
        with pytest.raises(ValueError, match="differ in size"):
            kernels.adam_step(*vectors, 1.0, 0.1, 0.1, 0.9, 0.99, 1e-8)


# ---- the loop, against the same written out in NumPy -------------------------------


def matrix(layout, vector, part):
    """The weights of a part as reference.py has them, a view: rows W, R (if any), b."""
    first, last = layout.slices[f"{part}.w"], layout.slices[f"{part}.b"]
    (n_columns,) = layout.shapes[f"{part}.b"]
    return vector[first.start : last.stop].reshape(-1, n_columns)


class Reference:
    """Network, loss and gradient of reference.py over the same flat vector."""

    def __init__(self, network, loss):
        self.layout = network.layout
        self.n_layers = len(network.recurrent_layers)
        self.loss = loss

    def value_and_gradient(self, parameters, sequences, target):
        """Mean loss over the samples and its gradient, sample by sample."""
        names = [f"l{k}" for k in range(self.n_layers)]
        weights = [matrix(self.layout, parameters, name) for name in names]
        head = matrix(self.layout, parameters, "head")
        runs, outputs = [], []
        for x in sequences:
            run = []
            for W in weights:
                H = W.shape[1] // 4
                h, c, gates = lstm_forward(W, x, np.zeros(H), np.zeros(H))
                run.append((x, h, c, gates))
                x = h[1:]
            runs.append(run)
            outputs.append(h[-1] @ head[:-1] + head[-1])
        value, d_output = self.loss.value_and_gradient(np.array(outputs), target)
        gradient = np.zeros_like(parameters)
        d_head = matrix(self.layout, gradient, "head")
        d_weights = [matrix(self.layout, gradient, name) for name in names]
        for run, d_out in zip(runs, d_output, strict=True):
            d_head[:-1] += np.outer(run[-1][1][-1], d_out)
            d_head[-1] += d_out
            d_h = np.zeros_like(run[-1][1])
            d_h[-1] = head[:-1] @ d_out
            for k in reversed(range(self.n_layers)):
                x, h, c, gates = run[k]
                d_W, d_x, _, _ = lstm_backward(
                    weights[k], x, h, c, gates, d_h, np.zeros(h.shape[1])
                )
                d_weights[k] += d_W
                d_h = np.concatenate([np.zeros((1, d_x.shape[1])), d_x])
        return value, gradient


def problem(kind, hidden=(5,), seed=0, n=10):
    """A network with parameters, ragged samples, targets and the loss."""
    rng = np.random.default_rng(seed)
    sequences = [rng.standard_normal((T, 3)) for T in rng.integers(0, 7, n)]
    K, loss, target = {
        "softmax": (3, SoftmaxCrossEntropy(), rng.integers(0, 3, n)),
        "binary": (1, BinaryCrossEntropy(), rng.integers(0, 2, (n, 1)).astype(float)),
        "multilabel": (2, BinaryCrossEntropy(), 1.0 * rng.integers(0, 2, (n, 2))),
        "squared": (2, SquaredError(), rng.standard_normal((n, 2))),
    }[kind]
    network = whole_sequence_network(3, hidden, K, np.float64)
    parameters = network.initialize(np.random.RandomState(seed), np.zeros(K))
    return network, parameters, sequences, target, loss


@pytest.mark.parametrize("kind", ["softmax", "binary", "multilabel", "squared"])
@pytest.mark.parametrize("hidden", [(5,), (4, 6), (3, 2, 3)])
def test_gradient_of_the_network(kind, hidden):
    network, parameters, sequences, target, loss = problem(kind, hidden)
    value, gradient = Reference(network, loss).value_and_gradient(
        parameters, sequences, target
    )
    network.load(parameters, backward=True)
    samples = training_set(sequences, target)
    output, tapes = network.forward(
        samples.data, samples.starts, samples.lengths, keep=True
    )
    got, d_output = loss.value_and_gradient(output, target)
    assert got == pytest.approx(value, rel=1e-12)
    assert_allclose(network.backward(d_output, tapes), gradient, rtol=1e-10, atol=1e-14)


def reference_training(
    network, parameters, sequences, target, loss, make_step, *, epochs, batch_size,
    orders, max_grad_norm=None, alpha=0.0, rate=lambda epoch: 0.05,
):  # fmt: skip
    """The loop, written out; returns parameters and the loss of each epoch."""
    reference, step = Reference(network, loss), make_step(network)
    parameters, mask = parameters.copy(), network.weight_mask()
    curve, n = [], len(sequences)
    for epoch in range(epochs):
        total = 0.0
        for begin in range(0, n, batch_size):
            at = orders[epoch][begin : begin + batch_size]
            value, g = reference.value_and_gradient(
                parameters, [sequences[i] for i in at], target[at]
            )
            W = mask * parameters
            total += len(at) * (value + alpha / 2 * np.dot(W, W) / len(at))
            g = g + alpha * W / len(at)
            norm = np.linalg.norm(g)
            if max_grad_norm is not None and norm > max_grad_norm:
                g = g / norm * max_grad_norm
            step(parameters, g, rate(epoch))
        curve.append(total / n)
    return parameters, curve


def sgd_step(network):
    v = np.zeros(network.layout.size)

    def step(p, g, rate):
        v[:] = 0.9 * v - rate * g
        p += 0.9 * v - rate * g

    return step


def adam_step(network, alpha=0.0):
    m, v = np.zeros(network.layout.size), np.zeros(network.layout.size)
    t = 0

    def step(p, g, rate):
        nonlocal t
        t += 1
        p -= rate * alpha * network.weight_mask() * p
        m[:] = 0.9 * m + 0.1 * g
        v[:] = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        p -= rate * m_hat / (np.sqrt(v_hat) + 1e-8 / np.sqrt(1 - 0.999**t))

    return step


def rmsprop_step(network):
    v = np.zeros(network.layout.size)

    def step(p, g, rate):
        v[:] = 0.999 * v + 0.001 * g**2
        p -= rate * g / (np.sqrt(v) + 1e-8)

    return step


def make_rmsprop(size, decay=None):
    return RMSProp(size, np.float64, beta_2=0.999, epsilon=1e-8)


def make_sgd(size, decay=None):
    return SGD(size, np.float64, momentum=0.9, nesterovs_momentum=True)


def make_adam(size, decay=None):
    return Adam(size, np.float64, beta_1=0.9, beta_2=0.999, epsilon=1e-8, decay=decay)


def start(network, parameters, feed, loss, optimizer, options, **kwargs):
    """Call `train` with what a test does not care about."""
    monitor = kwargs.pop("monitor", None) or Monitor(0.0, 1000, False)
    rate = kwargs.pop("rate", None) or LearningRate(
        "constant", 0.05, 0.5, options.max_iter
    )
    rng = kwargs.pop("rng", None) or np.random.RandomState(0)
    n_epochs, *problem = train(
        network, parameters, feed, loss, optimizer, rate, monitor, options, rng,
        Observer(), t=0, **kwargs,
    )  # fmt: skip
    if problem[0] is not None:
        warnings.warn(*problem, stacklevel=1)
    return n_epochs, monitor


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize(
    "kind, hidden", [("softmax", (5,)), ("binary", (4, 3)), ("squared", (5,))]
)
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("max_grad_norm", [None, 0.3])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_written_out(kind, hidden, solver, max_grad_norm, alpha, shuffle):
    network, parameters, sequences, target, loss = problem(kind, hidden)
    rng = np.random.RandomState(7)
    orders = [rng.permutation(10) if shuffle else np.arange(10) for _ in range(3)]
    make_step = {"sgd": sgd_step, "rmsprop": rmsprop_step}.get(solver, adam_step)
    make = {"sgd": make_sgd, "rmsprop": make_rmsprop}.get(solver, make_adam)
    decay = penalty = None
    if solver == "adamw":
        decay = alpha * network.weight_mask()

        def make_step(network):
            return adam_step(network, alpha)

    elif alpha:
        penalty = alpha * network.weight_mask()
    expected, curve = reference_training(
        network, parameters, sequences, target, loss, make_step, epochs=3,
        batch_size=4, orders=orders, max_grad_norm=max_grad_norm,
        alpha=0.0 if solver == "adamw" else alpha,
    )  # fmt: skip
    optimizer = make(len(parameters), decay)
    before = parameters.copy()
    n_epochs, monitor = start(
        network, parameters,
        Minibatches(training_set(sequences, target), 4, shuffle=shuffle), loss,
        optimizer, LoopOptions(3, max_grad_norm, penalty),
        rng=np.random.RandomState(7),
    )  # fmt: skip
    assert n_epochs == 3
    assert_allclose(monitor.loss_curve, curve, rtol=1e-9)
    assert np.abs(parameters - before).max() > 1e-3
    assert_allclose(parameters, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "cosine"])
def test_rate_of_an_epoch_is_what_the_optimizer_gets(schedule):
    network, parameters, sequences, target, loss = problem("softmax")
    rate = {
        "constant": lambda epoch: 0.05,
        "invscaling": lambda epoch: 0.05 / (10 * epoch + 1) ** 0.3,
        "cosine": lambda epoch: 0.05 * (1 + np.cos(np.pi * epoch / 4)) / 2,
    }[schedule]
    expected, _ = reference_training(
        network, parameters, sequences, target, loss, sgd_step, epochs=4,
        batch_size=4, orders=[np.arange(10)] * 4, rate=rate,
    )  # fmt: skip
    start(
        network, parameters,
        Minibatches(training_set(sequences, target), 4, shuffle=False), loss,
        make_sgd(len(parameters)), LoopOptions(4, None),
        rate=LearningRate(schedule, 0.05, 0.3, 4),
    )  # fmt: skip
    assert_allclose(parameters, expected, rtol=1e-8, atol=1e-10)


class Recorder:
    """An optimizer that writes down rates and does what it is told."""

    def __init__(self, act=lambda step, parameters: None):
        self.rates = []
        self.act = act

    def step(self, parameters, gradient, rate, scale=1.0):
        self.act(len(self.rates), parameters)
        self.rates.append(rate)

    @property
    def state(self):
        return {"rates": self.rates}

    def restore(self, state):
        self.restored = state


def small_training(optimizer, max_iter=5, batch_size=5, **kwargs):
    network, parameters, sequences, target, loss = problem("softmax")
    feed = Minibatches(training_set(sequences, target), batch_size)
    options = LoopOptions(max_iter, None)
    result = start(network, parameters, feed, loss, optimizer, options, **kwargs)
    return *result, parameters


def test_adaptive_divides_by_5_and_stops_at_the_least():
    """Nothing changes the loss: n_iter_no_change + 1 epochs at each rate."""
    optimizer, rate = Recorder(), LearningRate("adaptive", 1e-5, 0.5, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        n_epochs, monitor, _ = small_training(
            optimizer, 100, 10, rate=rate, monitor=Monitor(1e-4, 2, False)
        )
    # the first epoch is an improvement on infinity; 4e-7 is the last rate
    assert n_epochs == len(optimizer.rates) == 1 + 3 * 3
    assert_allclose(optimizer.rates, [1e-5] * 4 + [2e-6] * 3 + [4e-7] * 3)


def test_constant_stops_without_improvement(capsys):
    n_epochs, monitor, _ = small_training(
        Recorder(), 100, monitor=Monitor(1e-4, 2, True)
    )
    assert n_epochs == 4
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[-1].endswith("2 consecutive epochs. Stopping.")


def test_adaptive_says_what_it_does(capsys):
    small_training(
        Recorder(), 100, monitor=Monitor(1e-4, 2, True),
        rate=LearningRate("adaptive", 2e-6, 0.5, 100),
    )  # fmt: skip
    assert "Setting learning rate to 0.000000" in capsys.readouterr().out


def test_the_last_epoch_warns():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        n_epochs, monitor, _ = small_training(Recorder())
    assert n_epochs == len(monitor.loss_curve) == 5


def test_incremental_is_one_pass_without_a_warning():
    optimizer = Recorder()
    n_epochs, monitor, _ = small_training(optimizer, incremental=True)
    assert n_epochs == len(monitor.loss_curve) == 1
    assert len(optimizer.rates) == 2


def test_every_epoch_is_shuffled_anew():
    rng = np.random.RandomState(3)
    orders = [rng.permutation(10) for _ in range(2)]
    assert orders[0].tolist() != orders[1].tolist()
    samples = training_set([np.ones((1, 1))] * 10, np.arange(10) % 3)
    feed, rng = Minibatches(samples, 4), np.random.RandomState(3)
    for order in orders:
        seen = np.concatenate([batch.ids for batch in feed.epoch(rng)])
        assert seen.tolist() == order.tolist()
    unshuffled = Minibatches(samples, 4, shuffle=False).epoch(None)
    assert [batch.ids.tolist() for batch in unshuffled] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9],
    ]  # fmt: skip


@pytest.mark.parametrize("mean_weight", [None, 2.0])
@pytest.mark.parametrize("weighted", [True, False])
def test_batches_are_cut_in_the_order_of_the_epoch(weighted, mean_weight):
    """10 samples by 4 are 4, 4 and 2, each with its own target and weight."""
    sequences = [np.full((k % 3, 1), float(k)) for k in range(10)]
    sequences[7], target = sequences[2], np.arange(10) % 5
    weight = np.arange(1.0, 11) if weighted else None
    samples = training_set(sequences, target, weight)._replace(mean_weight=mean_weight)
    batches = list(Minibatches(samples, 4).epoch(np.random.RandomState(3)))
    order = np.random.RandomState(3).permutation(10)
    one = mean_weight or (5.5 if weighted else 1)
    for batch, part in zip(batches, (order[:4], order[4:8], order[8:]), strict=True):
        weights = weight[part] if weighted else np.ones(len(part))
        assert batch.total == sum(weights) and batch.divisor == len(part) * one
        assert (batch.weight is None) is (not weighted)
        assert_array_equal(batch.ids, part)
        assert content(batch) == [
            (sequences[i].tobytes(), target[i].tobytes(), w)
            for i, w in zip(part, weights, strict=True)
        ]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("step", [4, 5])
def test_not_finite_goes_back_to_the_epoch_before(value, step):
    """Two steps an epoch: the third breaks down, in its first or in its last step."""

    def act(n, parameters):
        parameters += 1e-3
        if n == step:
            parameters[3] = value

    at_epoch = []
    monitor = Monitor(0.0, 1000, False)
    update = monitor.update
    monitor.update = lambda loss, p: at_epoch.append(p.copy()) or update(loss, p)
    with (
        np.errstate(all="ignore"),
        pytest.warns(
            ConvergenceWarning, match=r"not finite in epoch 3.*learning_rate_init"
        ),
    ):
        n_epochs, _, parameters = small_training(Recorder(act), monitor=monitor)
    assert n_epochs == len(at_epoch) == 2
    assert_array_equal(parameters, at_epoch[-1])


def test_not_finite_in_the_first_epoch_leaves_the_start():
    expected = problem("softmax")[1]
    with (
        np.errstate(all="ignore"),
        pytest.warns(ConvergenceWarning, match="not finite in epoch 1"),
    ):
        n_epochs, _, parameters = small_training(
            Recorder(lambda n, p: p.fill(np.nan)), batch_size=10
        )
    assert n_epochs == 0
    assert_array_equal(parameters, expected)


def test_interrupt_keeps_what_there_is():
    def act(n, parameters):
        if n == 5:
            raise KeyboardInterrupt
        parameters += 1

    expected = problem("softmax")[1] + 5
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        n_epochs, monitor, parameters = small_training(Recorder(act))
    assert n_epochs == len(monitor.loss_curve) == 2
    assert_allclose(parameters, expected)


def test_other_exceptions_come_through():
    def act(n, parameters):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        small_training(Recorder(act))


def test_loss_goes_down_on_a_full_batch():
    """Gradient descent with a small rate, every single step."""
    network, parameters, sequences, target, loss = problem("squared", (6, 5))
    with pytest.warns(ConvergenceWarning):
        _, monitor = start(
            network, parameters, Minibatches(training_set(sequences, target), 10), loss,
            SGD(len(parameters), np.float64, momentum=0, nesterovs_momentum=False),
            LoopOptions(30, None),
        )  # fmt: skip
    assert all(b < a for a, b in pairwise(monitor.loss_curve))


# ---- where training starts --------------------------------------------------------


def test_initial_parameters():
    """Glorot-uniform W, orthogonal R for each gate, forget bias 1, head at its bias."""
    F, H = 40, 30
    network = whole_sequence_network(F, (H, H), 3, np.float64)
    parameters = network.initialize(
        np.random.RandomState(0), np.array([1.0, -2, 3]), forget_bias=1.0
    )
    for name, n_inputs in (("l0", F), ("l1", H)):
        weights = matrix(network.layout, parameters, name)
        limit = np.sqrt(6 / (n_inputs + H))
        W = weights[:n_inputs]
        assert 0.98 * limit < np.abs(W).max() <= limit
        assert np.var(W) == pytest.approx(limit**2 / 3, rel=0.05)
        gates = weights[n_inputs:-1].reshape(H, 4, H).transpose(1, 0, 2)
        for R in gates:
            assert_allclose(R @ R.T, np.eye(H), atol=1e-12)
        assert np.abs(gates[0] - gates[1]).max() > 0.1
        assert_array_equal(
            weights[-1].reshape(4, H), [[0] * H, [1] * H, [0] * H, [0] * H]
        )
    head = matrix(network.layout, parameters, "head")
    limit = np.sqrt(6 / (H + 3))
    assert 0.9 * limit < np.abs(head[:-1]).max() <= limit
    assert_array_equal(head[-1], [1, -2, 3])


def test_weight_mask_is_zero_at_the_biases():
    network = whole_sequence_network(2, (3, 4), 2, np.float64)
    mask = network.weight_mask()
    for name in ("l0", "l1", "head"):
        assert_array_equal(matrix(network.layout, mask, name)[:-1], 1)
        assert_array_equal(matrix(network.layout, mask, name)[-1], 0)


# ---- fingerprints ------------------------------------------------------------------


@pytest.mark.parametrize("n_bytes", [0, 1, 15, 16, 17, 32, 100])
def test_digests_tell_every_bit_length_and_target(n_bytes):
    """A bit more, a byte more, another place, another target: another fingerprint."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, n_bytes, dtype=np.uint8)
    variants = [one]
    for bit in range(8 * n_bytes):
        flipped = one.copy()
        flipped[bit // 8] ^= 1 << bit % 8
        variants.append(flipped)
    variants += [np.append(one, np.zeros(k, np.uint8)) for k in (1, 2, 15, 16, 17)]
    if n_bytes == 100:
        variants.append(np.roll(one, 16))
    lengths = np.array([len(v) for v in variants] * 2)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    data = np.concatenate(variants * 2)[:, np.newaxis]
    target = np.repeat([[0], [1]], len(variants), axis=0).astype(np.uint8)
    keys = digests(data, starts, lengths, target)
    for column in keys.T:
        assert len(np.unique(column)) == len(keys)
    assert_array_equal(digests(data, starts, lengths, target), keys)


def test_digests_are_the_same_everywhere():
    """The order of a minibatch, and so the weights, follow from them."""
    data = np.arange(40, dtype=np.uint8).reshape(10, 4)
    target = np.array([[7], [9]], dtype=np.uint8)
    keys = digests(data, np.array([0, 3]), np.array([3, 7]), target)
    assert keys.tolist() == [
        [331384703555798378, 17491153213223855971],
        [17304687731826676811, 7283720510514834099],
    ]


@pytest.mark.parametrize("starts, lengths", [([0], [11]), ([-1], [3]), ([9], [2])])
def test_digests_refuse_rows_that_are_not_there(starts, lengths):
    data, target = np.zeros((10, 4), np.uint8), np.zeros((1, 1), np.uint8)
    with pytest.raises(ValueError, match="Sequence 0 has rows"):
        digests(data, np.array(starts), np.array(lengths), target)
    with pytest.raises(ValueError, match="do not belong together"):
        digests(data, np.array([0, 0]), np.array([1]), target)
