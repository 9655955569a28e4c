"""The loop, against the same written out in NumPy: rates, order, interrupts."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from training_cases import (
    Reference,
    adam_step,
    content,
    problem,
    reference_training,
    rmsprop_step,
    sgd_step,
    training_set,
)

from sklstm._sklearn.callbacks import Observer
from sklstm._training.feeds import Minibatches
from sklstm._training.loop import LoopOptions, train
from sklstm._training.monitor import Monitor
from sklstm._training.optimizers import SGD, Adam, RMSProp
from sklstm._training.schedules import LearningRate


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

    def step(self, parameters, gradient, rate, scale=1.0, touched=None):
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
