"""The training loop and its monitor: epochs, minibatches, clipping, stopping."""

import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._network.layers.dropout import DropoutSeed
from .._sklearn.warn import warn
from .optimizers import clip_scale


class LearningRate:
    """The learning rate of an epoch.

    - constant: `initial`
    - invscaling: initial / (t + 1)^power_t with t samples seen so far
    - adaptive: divided by 5 when the monitor sees no improvement, down to 1e-6
    - cosine: initial (1 + cos(pi epoch / max_iter)) / 2 (Loshchilov & Hutter 2017)
    """

    def __init__(self, schedule, initial, power_t, max_iter):
        self.schedule = schedule
        self.initial = initial
        self.power_t = power_t
        self.max_iter = max_iter
        self.rate = initial

    @property
    def planned(self):
        """Whether it has an end at which training is done, whatever the loss."""
        return self.schedule == "cosine"

    def begin_epoch(self, epoch, t):
        if self.schedule == "invscaling":
            self.rate = self.initial / (t + 1) ** self.power_t
        elif self.schedule == "cosine":
            self.rate = self.initial * (1 + np.cos(np.pi * epoch / self.max_iter)) / 2

    def reduce(self):
        """Lower the rate if there is a lower one; say whether there was."""
        if self.schedule != "adaptive" or self.rate <= 1e-6:
            return False
        self.rate /= 5
        return True


class Start(NamedTuple):
    """Losses before training: of a constant prediction, of the network as it begins,
    without and with nothing but the penalty, and a usual one (that of a standardised
    target; for counts their mean)."""

    constant: float
    network: float
    penalty: float
    unit: float


class Monitor:
    """History of a training, and when it has stopped getting better.

    Parameters
    ----------
    tol : float
        What counts as better, in units of the loss or of the score.
    n_iter_no_change : int
        Epochs without it after which training stops.
    verbose : bool
        Whether to print a line for each epoch.
    score : callable, default=None
        Parameters to validation score and validation loss. With it the best parameters
        are kept, those of the lower loss where scores are equal; an epoch is better if
        the score is, or if the loss is the lowest so far.
    """

    def __init__(self, tol, n_iter_no_change, verbose, score=None):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.score = score
        #: Whether the loss was not finite.
        self.broke_down = False
        #: What training has to be better than, None where it is not known.
        self.start = None
        #: That of the weights that are kept.
        self.loss = self.kept_loss = np.nan
        self.best_loss = self.best_score_loss = self.lowest_validation_loss = np.inf
        self.best_score = -np.inf
        self.best_parameters = None
        self.epochs_without_change = 0
        self.go_on([], None if score is None else [])

    def go_on(self, loss_curve, validation_scores):
        """Set the histories that the epochs to come are appended to."""
        self.loss_curve, self.validation_scores = loss_curve, validation_scores
        self.n_epochs = 0
        self._n_before = len(loss_curve), len(validation_scores or [])

    def update(self, loss, parameters):
        """Record an epoch; say whether there was no change for too long."""
        loss = float(loss)
        line = f"Iteration {len(self.loss_curve) + 1}, loss = {loss:.8f}"
        epoch = {"loss": loss, "best_loss": min(self.best_loss, loss)}
        if self.score is None:
            better = loss <= self.best_loss - self.tol
            epoch["kept_loss"] = loss
        else:
            score, validation_loss = self.score(parameters)
            line += f", validation score = {score:.6f}"
            better = (
                score >= self.best_score + self.tol
                or validation_loss <= self.lowest_validation_loss - self.tol
            )
            epoch |= self.best_of(score, validation_loss, parameters)
            if "best_parameters" in epoch:
                epoch["kept_loss"] = loss
            self.validation_scores.append(score)
        self.loss_curve.append(loss)
        epoch["n_epochs"] = self.n_epochs + 1
        epoch["epochs_without_change"] = 0 if better else self.epochs_without_change + 1
        vars(self).update(epoch)  # in one piece, also for an interrupt
        self.say(line)
        return self.epochs_without_change > self.n_iter_no_change

    def best_of(self, score, validation_loss, parameters):
        """What is best with these parameters; a score of NaN is never better."""
        lowest = min(self.lowest_validation_loss, validation_loss)
        best = {"lowest_validation_loss": lowest}
        if score > self.best_score or (
            score == self.best_score and validation_loss < self.best_score_loss
        ):
            best |= {"best_score": score, "best_score_loss": validation_loss}
        if "best_score" in best or self.best_score == -np.inf:
            best["best_parameters"] = parameters.copy()
        return best

    def settle(self):
        """Take back what an interrupt has left of an epoch."""
        n_losses, n_scores = self._n_before
        del self.loss_curve[n_losses + self.n_epochs :]
        if self.validation_scores is not None:
            del self.validation_scores[n_scores + self.n_epochs :]

    def has_diverged(self, incremental=False):
        """Whether the loss is far above that of a constant prediction and of the start.

        A pass over a few samples may meet unusual ones: it has to be far above also the
        first pass, and above what is usual.
        """
        if not self.n_epochs or self.broke_down or self.start is None:
            return False
        if incremental:
            usual = max(self.start.constant, self.loss_curve[0], self.start.unit)
            return self.kept_loss > 100 * usual
        constant = max(self.start.constant, self.start.unit / 10)
        # A network may start with an overflow, which it has to come down from.
        start = min(self.start.network, 25 * constant)
        return self.kept_loss > 4 * (max(start, constant) + self.start.penalty)

    def divergence(self, incremental):
        """What to say of it."""
        if incremental:
            first, what = self.loss_curve[0], "of this pass is"
        else:
            first, what = self.start.network + self.start.penalty, "ended at"
        return (
            f"Training has diverged: the loss {what} {self.kept_loss:.3g}; it began at "
            f"{first:.3g}, and that of a constant prediction is "
            f"{self.start.constant:.3g}. Try a smaller learning_rate_init or "
            "max_grad_norm, or scale X, for example with "
            "TimeDistributed(StandardScaler())."
        )

    def progress(self, unit="epoch", more="max_iter or learning_rate_init"):
        """What the last epochs have brought, and what to do about it."""
        n = min(10, self.n_epochs - 1)
        if n < 1:
            return f"Raise {more}: a single {unit} is too few to say more."
        over = f"Over the last {n} {unit}s" if n > 1 else f"In the last {unit}"
        gain = (self.loss_curve[-1 - n] - self.loss) / n
        if gain > 0:
            text = f"{over} the loss fell by {gain:.2g} an {unit}, to {self.loss:.3g}."
            way_out = (
                f"Raise {more}, or go on with warm_start=True and fit; if that gains "
                "too little to matter, raise tol."
            )
        else:
            text = (
                f"{over} the loss did not fall: it rose by {-gain:.2g} an {unit}, to "
                f"{self.loss:.3g}."
            )
            way_out = (
                "Try a smaller learning_rate_init or learning_rate='cosine'; if the "
                "loss is low enough, raise tol."
            )
        if self.score is not None:
            gain = (self.validation_scores[-1] - self.validation_scores[-1 - n]) / n
            text += f" The validation score changed by {gain:+.2g} an {unit}."
        return f"{text} {way_out}"

    def stopping_reason(self):
        measure = "Training loss" if self.score is None else "Validation score"
        return (
            f"{measure} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )

    def say(self, line):
        if self.verbose:
            print(line)


class BestPlace:
    """Parameters and optimizer state between the two best epochs in a row.

    The loss of an epoch is a mean over the parameters that it went through: where a
    good one ends, the loss may be on its way up. Between two good ones it is low.
    """

    def __init__(self):
        self.loss = self._previous = np.inf
        self.parameters = self.state = None

    def update(self, loss, before, state_before):
        """Take note of an epoch and of what it began with."""
        mean = self._previous / 2 + loss / 2
        self._previous = loss
        if mean < self.loss:
            self.loss = mean
            self.parameters, self.state = before.copy(), state_before

    def restore(self, parameters, optimizer):
        parameters[:] = self.parameters
        optimizer.restore(self.state)


class Observer:
    """Is told of every epoch and may end training. This one does not listen."""

    def begin_epoch(self, parameters):
        """Before an epoch."""

    def end_epoch(self, parameters):
        """After an epoch that the monitor has recorded; say whether to stop."""
        return False

    def end_fit(self):
        """After the last epoch, however it ended, when the estimator is fitted."""


def value_and_gradient(
    network, parameters, batch, loss, penalty=None, dropout=None, tbptt=None
):
    """Loss of a minibatch and its gradient; None for it if that is not finite.

    sum(w_i l_i) / divisor, with MLP's penalty, alpha / 2 |W|^2 / divisor, where there
    is one.
    """
    network.load(parameters, backward=True)
    output, tapes = network.forward(
        batch.data,
        batch.starts,
        batch.lengths,
        keep=True,
        masks=dropout and dropout.masks(batch.ids),
        tbptt=tbptt,
    )
    value, d_output = loss.value_and_gradient(
        output, batch.target, batch.weight, batch.divisor
    )
    if penalty is not None:
        shrinkage = penalty * parameters
        value += (shrinkage * parameters).sum(dtype=np.float64) / 2 / batch.divisor
    if not math.isfinite(value):
        return value, None
    gradient = network.backward(d_output, tapes)
    if penalty is not None:
        gradient += shrinkage / batch.divisor
    return value, gradient


def run_epoch(network, parameters, batches, loss, optimizer, rate, options):
    """One pass over the samples; the mean loss by their weights, not finite if training
    broke down."""
    total_loss = total_weight = 0.0
    for batch in batches:
        value, gradient = value_and_gradient(
            network, parameters, batch, loss, options.penalty, options.dropout,
            options.tbptt,
        )  # fmt: skip
        if gradient is None:
            return value
        scale = 1.0
        if options.max_grad_norm is not None:
            scale = clip_scale(gradient, options.max_grad_norm)
        optimizer.step(parameters, gradient, rate, scale)
        total_loss += value * batch.divisor
        total_weight += batch.total
    return total_loss / total_weight


@dataclass
class LoopOptions:
    """What the loop needs to know beside its objects."""

    max_iter: int
    max_grad_norm: float | None
    penalty: np.ndarray | None = None
    dropout: DropoutSeed | None = None
    tbptt: int | None = None


def train(
    network, parameters, feed, loss, optimizer, learning_rate, monitor, options, rng,
    observer, *, t, incremental=False,
):  # fmt: skip
    """Train in place until the monitor is satisfied, the observer asks to stop or the
    epochs are used up.

    A planned learning rate goes on to its end, whatever the training loss; only a
    validation score stops it before. Where the training loss has stopped getting
    better, the parameters are those at its `BestPlace`.

    Parameters
    ----------
    t : int
        Samples seen before.
    incremental : bool, default=False
        Whether to make a single pass, without a warning at its end.

    Returns
    -------
    n_epochs : int
        Passes made.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` was reached before the loss stopped getting better by `tol`,
        unless the learning rate was planned so, or if it was not finite; then the
        parameters are those from before the epoch.
    UserWarning
        If the user interrupted training; the parameters are the ones of that moment.
    """
    epochs = 1 if incremental else options.max_iter
    n_samples = feed.samples.n_samples
    before = parameters.copy()
    by_loss = monitor.score is None
    best = BestPlace()
    epoch = 0
    try:
        for epoch in range(epochs):
            observer.begin_epoch(parameters)
            before[:] = parameters
            state_before = copy.deepcopy(optimizer.state)
            learning_rate.begin_epoch(epoch, t + epoch * n_samples)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = run_epoch(
                    network, parameters, feed.epoch(rng), loss, optimizer,
                    learning_rate.rate, options,
                )  # fmt: skip
            if not (np.isfinite(value) and np.isfinite(parameters).all()):
                parameters[:] = before
                optimizer.restore(state_before)
                monitor.broke_down = True
                warn(
                    f"The loss was not finite in epoch {epoch + 1}. Training stopped "
                    f"and the weights are those from before that epoch. Try a smaller "
                    f"learning_rate_init, a smaller max_grad_norm, or scale X, for "
                    f"example with TimeDistributed(StandardScaler()).",
                    ConvergenceWarning,
                )
                return epoch
            enough = monitor.update(value, parameters)
            if learning_rate.planned and by_loss:
                enough = False
            elif by_loss:
                best.update(monitor.loss, before, state_before)
            if observer.end_epoch(parameters):
                monitor.say("Training was asked to stop. Stopping.")
                return epoch + 1
            if enough:
                if learning_rate.reduce():
                    monitor.epochs_without_change = 0
                    monitor.say(
                        f"{monitor.stopping_reason()} Setting learning rate to "
                        f"{learning_rate.rate:f}"
                    )
                else:
                    monitor.say(f"{monitor.stopping_reason()} Stopping.")
                    if by_loss:
                        best.restore(parameters, optimizer)
                        monitor.kept_loss = best.loss
                    return epoch + 1
        if not (incremental or learning_rate.planned or monitor.has_diverged()):
            warn(
                f"Maximum iterations ({epochs}) reached and the optimization hasn't "
                f"converged yet. {monitor.progress()}",
                ConvergenceWarning,
            )
    except KeyboardInterrupt:
        monitor.settle()
        warn("Training interrupted by user.")
        return monitor.n_epochs
    return epochs
