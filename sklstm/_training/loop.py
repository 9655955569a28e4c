"""The training loop: epochs, minibatches, optimizer steps, clipping."""

import copy
import math
from dataclasses import dataclass

import numpy as np

from .._network.layers.dropout import DropoutSeed
from .checkpoint import Training
from .feeds import n_steps_of
from .monitor import BestPlace, Outcome
from .optimizers import clip_scale


def value_and_gradient(
    network, parameters, batch, loss, penalty=None, dropout=None, tbptt=None
):
    """Loss of a minibatch and its gradient; None for it if that is not finite.

    sum(w_i l_i) / divisor, with MLP's penalty, alpha / 2 |W|^2 / divisor, where there
    is one: it does not reach tables.
    """
    value, gradient = forward_and_backward(
        network, parameters, batch, loss, dropout, tbptt
    )
    if gradient is not None:
        value = add_penalty(value, gradient, network, parameters, batch, penalty)
    return value, gradient if math.isfinite(value) else None


def forward_and_backward(network, parameters, batch, loss, dropout, tbptt):
    """The same without a penalty."""
    network.load(parameters, backward=True)
    masks = dropout and dropout.masks(batch.ids)
    output, tapes = network.forward_of(batch, keep=True, masks=masks, tbptt=tbptt)
    value, d_output = loss.value_and_gradient(
        output, batch.target, batch.weight, batch.divisor
    )
    if not math.isfinite(value):
        return value, None
    return value, network.backward(d_output, tapes)


def add_penalty(value, gradient, network, parameters, batch, penalty):
    """Add MLP's penalty to the gradient in place; the loss with it."""
    if penalty is None:
        return value
    weights = parameters[network.dense]
    shrinkage = penalty[network.dense] * weights
    gradient[network.dense] += shrinkage / batch.divisor
    return value + (shrinkage * weights).sum(dtype=np.float64) / 2 / batch.divisor


def run_epoch(network, parameters, feed, loss, optimizer, rate, options, rng, watching):
    """One pass over the samples; the mean loss by their weights, not finite if training
    broke down. Those `watching` are told after each minibatch."""
    total_loss = total_weight = 0.0
    seen = 0
    parts = options.parts
    batches = feed.epoch(rng) if parts is None else parts.minibatches(feed, rng)
    for batch in batches:
        if parts is None:
            value, gradient = value_and_gradient(
                network, parameters, batch, loss, options.penalty, options.dropout,
                options.tbptt,
            )  # fmt: skip
            touched = network.touched
        else:
            value, gradient, touched = parts.value_and_gradient(
                network, parameters, batch, options.penalty, options.dropout
            )
        if gradient is None:
            return value
        scale = 1.0
        if options.max_grad_norm is not None:
            scale = clip_scale(gradient, options.max_grad_norm, touched)
        optimizer.step(parameters, gradient, rate, scale, touched)
        total_loss += value * batch.divisor
        total_weight += batch.total
        if watching:
            seen += n_steps_of(batch)
            mean = total_loss / total_weight if total_weight else math.nan
            for each in watching:
                each.within_epoch(seen, feed.n_steps, mean)
    return total_loss / total_weight


@dataclass
class LoopOptions:
    """What the loop needs to know beside its objects."""

    max_iter: int
    max_grad_norm: float | None
    penalty: np.ndarray | None = None
    dropout: DropoutSeed | None = None
    tbptt: int | None = None
    # who computes gradients in parts, None where they are computed at once
    parts: object = None
    # where a training is written down, from which it goes on
    checkpoint: object = None


def train(
    network, parameters, feed, loss, optimizer, learning_rate, monitor, options, rng,
    observer, *, t, incremental=False,
):  # fmt: skip
    """Train in place until the monitor is satisfied, the observer asks to stop or the
    epochs are used up.

    A planned learning rate goes on to its end, whatever the training loss; only a
    validation score stops it before. Where the training loss has stopped getting
    better, the parameters are those at its `BestPlace`. `t` samples were seen before;
    an incremental training is a single pass.

    The outcome has a problem if the epochs were used up before the loss stopped getting
    better by `tol`, unless that was planned; if the loss was not finite, the parameters
    then being those from before the epoch; or if the user interrupted training.
    """
    epochs = 1 if incremental else options.max_iter
    n_samples = feed.n_samples
    before = parameters.copy()
    by_loss = monitor.score is None
    watching = [each for each in (observer, monitor) if each.looks_inside]
    best, checkpoint = BestPlace(), options.checkpoint
    training = Training(
        parameters, optimizer, learning_rate, monitor, best, options.dropout, rng, feed
    )
    first = 0
    if checkpoint is not None:
        first, outcome = checkpoint.restore(training)
        if outcome is not None:
            return outcome

    monitor.begin(epochs - first)

    def ended(outcome):
        if checkpoint is not None:
            checkpoint.done(training, outcome)
        return outcome

    try:
        for epoch in range(first, epochs):
            observer.begin_epoch(parameters)
            before[:] = parameters
            state_before = copy.deepcopy(optimizer.state)
            learning_rate.begin_epoch(epoch, t + epoch * n_samples)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = run_epoch(
                    network, parameters, feed, loss, optimizer, learning_rate.rate,
                    options, rng, watching,
                )  # fmt: skip
            if not (np.isfinite(value) and np.isfinite(parameters).all()):
                parameters[:] = before
                optimizer.restore(state_before)
                monitor.broke_down = True
                problem = (
                    f"The loss was not finite in epoch {epoch + 1}. Training stopped "
                    f"and the weights are those from before that epoch. Try a smaller "
                    f"learning_rate_init, a smaller max_grad_norm, or scale X, for "
                    f"example with TimeDistributed(StandardScaler())."
                )
                return ended(Outcome(epoch, problem))
            enough = monitor.update(value, parameters)
            if learning_rate.planned and by_loss:
                enough = False
            elif by_loss:
                best.update(monitor.loss, before, state_before)
            if observer.end_epoch(parameters):
                monitor.say("Training was asked to stop. Stopping.")
                return Outcome(epoch + 1)
            if enough:
                if learning_rate.reduce():
                    monitor.epochs_without_change = 0
                    monitor.say(
                        f"{monitor.stopping_reason()} Setting learning rate to "
                        f"{learning_rate.rate:f}"
                    )
                else:
                    why = monitor.stopping_reason()
                    if learning_rate.schedule == "adaptive":
                        why += " Learning rate too small."
                    monitor.say(f"{why} Stopping.")
                    if by_loss:
                        best.restore(parameters, optimizer)
                        monitor.kept_loss = best.loss
                    return ended(Outcome(epoch + 1))
            if checkpoint is not None and epoch + 1 < epochs:
                checkpoint.epoch(epoch + 1, training)
        problem = None
        if not (incremental or learning_rate.planned or monitor.has_diverged()):
            problem = (
                f"Maximum iterations ({epochs}) reached and the optimization hasn't "
                f"converged yet. {monitor.progress()}"
            )
        return ended(Outcome(epochs, problem))
    except KeyboardInterrupt:
        monitor.settle()
        return Outcome(monitor.n_epochs, "Training interrupted by user.", UserWarning)
