"""The history of a training, and when it has stopped getting better."""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .report import Report


class Start(NamedTuple):
    """Losses before training: of a constant prediction, of the network as it begins,
    without and with nothing but the penalty, and a usual one (that of a standardised
    target; for counts their mean)."""

    constant: float
    network: float
    penalty: float
    unit: float


class Outcome(NamedTuple):
    """How a training ended: passes made, and what the user should be told."""

    n_epochs: int
    problem: str | None = None
    category: type = ConvergenceWarning


class Monitor:
    """History of a training, and when it has stopped getting better by `tol`.

    `score` gives validation score and loss of parameters. With it the best parameters
    are kept, those of the lower loss where scores are equal; an epoch is better if the
    score is, or if the loss is the lowest so far.
    """

    def __init__(self, tol, n_iter_no_change, verbose, score=None):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.report = Report(verbose)
        self.score = score
        self.broke_down = False  # whether the loss was not finite
        self.start = None  # what training has to be better than, where it is known
        # kept_loss: that of the weights that are kept
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

    def begin(self, n_epochs):
        """Before the first epoch of so many, if nothing stops them."""
        self.report.begin(len(self.loss_curve), n_epochs)

    @property
    def looks_inside(self):
        """Whether it is to be told of minibatches."""
        return self.report.looks_inside

    def within_epoch(self, seen, total, loss):
        """After `seen` of `total` steps of an epoch, whose mean loss so far this is."""
        self.report.within_epoch(len(self.loss_curve) + 1, seen, total, loss)

    def update(self, loss, parameters):
        """Record an epoch; say whether there was no change for too long."""
        loss, score = float(loss), None
        epoch = {"loss": loss, "best_loss": min(self.best_loss, loss)}
        if self.score is None:
            better = loss <= self.best_loss - self.tol
            epoch["kept_loss"] = loss
        else:
            score, validation_loss = self.score(parameters)
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
        self.report.epoch(len(self.loss_curve), loss, score)
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
        self.report.say(line)


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
