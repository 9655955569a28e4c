"""How a fit trains: the parts of it, as the parameters of an estimator have them."""

import math
from contextlib import nullcontext
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches

from .._network.layers.dropout import DropoutSeed
from .._training.feeds import TrainingSet
from .._training.lbfgs import LBFGS_VECTORS, train_lbfgs
from .._training.loop import LoopOptions, train
from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from .._training.monitor import Monitor, Start
from .._training.optimizers import SGD, Adam, RMSProp
from .._training.parts import Recipe, current
from .._training.schedules import LearningRate
from .going_on import begin_where_it_was
from .progress import Progress
from .tokens import initial_tables

# Bytes of a minibatch of clips that nobody has chosen the size of.
AUTO_BYTES = 2**30
# Parts of an epoch that callbacks are told of: how many at most, and from how many
# multiplications by a parameter on, which is a few seconds of work.
PARTS = 100
LONG_EPOCH = 3 * 10**10
NO_SCORE = (
    "No validation score of this fit was finite: numbers in the network overflow on "
    "the samples that are held out. The weights are those of the last epoch. Look for "
    "absurd values in these samples, and scale X, for example with "
    "TimeDistributed(StandardScaler())."
)


class Solver:
    """Everything that a fit trains with, as an estimator has it.

    `samples` and `held_out` are valid; `fitted` has the parameters to go on from, if
    this fit does, and `change` says what the head has to do then.
    """

    def __init__(self, estimator, fitted, samples, held_out, change, rng, incremental):
        target, going_on = fitted.target, fitted.parameters is not None
        rows, y, weight = fitted.examples(samples)
        data = TrainingSet(
            *rows, target.encode(y), weight, mean_weight=1.0 if incremental else None
        )
        data.check_rows()
        self.name, self.loss = estimator.solver, target.loss
        self.max_fun, self.tol = estimator.max_fun, estimator.tol
        self.rng, self.incremental = rng, incremental
        self.network = network = fitted.make_network(
            dropout=estimator.dropout, recurrent_dropout=estimator.recurrent_dropout
        )
        n_samples = estimator._samples_an_epoch(data.n_samples, samples.X)
        batch_size = batch_size_of(estimator, data, network, n_samples)
        self.max_iter = 1
        if not incremental:
            self.max_iter = planned_epochs(estimator, n_samples, batch_size, samples.X)
        # constant outputs, with which the first fit began
        start = estimator._start if going_on else None
        typical = data.typical()
        constant = start
        if start is None:
            constant = self.loss.start(typical.target, typical.weight)
        if going_on:
            self.parameters, optimizer_state, best_loss = begin_where_it_was(
                estimator, fitted, network, change
            )
        else:
            options = estimator._initial_options(data.lengths)
            if fitted.embedding is not None:
                options["tables"] = initial_tables(estimator, fitted, samples.X)
            self.parameters = network.initialize(rng, constant, **options)
            optimizer_state, best_loss, start = None, None, constant.tolist()
        score = None if held_out is None else held_out_score(fitted, held_out)
        self.monitor = monitor_of(
            estimator, score, self.parameters, best_loss, going_on, incremental
        )
        self.penalty = penalty_of(estimator, network)
        self.monitor.start = losses_at_start(
            self.loss, constant, network, self.parameters, typical, self.penalty,
            batch_size, incremental,
        )  # fmt: skip
        self.progress = Progress(
            fitted, self.name, rng, self.monitor, start, n_samples, estimator.t_
        )
        if self.name != "lbfgs":
            self.progress.optimizer = optimizer_of(estimator, network, optimizer_state)
            self.progress.dropout = dropout_of(estimator, rng)
        self.feed = estimator._feed(data, batch_size, samples.X)
        self.learning_rate = learning_rate_of(estimator, self.max_iter, incremental)
        parts = current()
        self.options = LoopOptions(
            self.max_iter, estimator.max_grad_norm, self.penalty, self.progress.dropout,
            estimator._truncation, parts, parts and parts.checkpoint,
        )  # fmt: skip
        self.in_parts = nullcontext()
        if parts is not None:
            recipe = Recipe(
                partial(
                    fitted.with_parameters(None).make_network,
                    dropout=estimator.dropout,
                    recurrent_dropout=estimator.recurrent_dropout,
                ),
                self.loss,
                None if self.name == "lbfgs" else estimator._truncation,
            )
            self.in_parts = parts.fit(recipe, data, estimator)

    @property
    def n_parts(self):
        """Parts of an epoch that callbacks are told of, 0 where it is short."""
        if self.name == "lbfgs":
            return 0
        n_parameters = len(self.parameters[self.network.dense])
        pixels = math.prod(self.feed.samples.data.shape[1:-1])
        n_parts = min(PARTS, self.feed.n_minibatches)
        is_long = n_parameters * pixels * self.feed.n_steps >= LONG_EPOCH
        return n_parts if is_long and n_parts > 1 else 0

    def run(self, observer):
        """Train; the outcome and the parameters that are kept."""
        with self.in_parts:
            outcome = self._train(observer)
        best = self.monitor.best_parameters
        return outcome, self.parameters if best is None else best

    def _train(self, observer):
        if self.name == "lbfgs":
            return train_lbfgs(
                self.network, self.parameters, self.feed, self.loss, self.monitor,
                self.penalty, self.max_iter, self.max_fun, self.tol, observer,
                self.options.parts,
            )  # fmt: skip
        return train(
            self.network, self.parameters, self.feed, self.loss,
            self.progress.optimizer, self.learning_rate, self.monitor, self.options,
            self.rng, observer, t=self.progress.t_before,
            incremental=self.incremental,
        )  # fmt: skip

    def problems(self, outcome):
        """What the user should be told, each with its category."""
        monitor = self.monitor
        if outcome.problem is not None:
            yield outcome.problem, outcome.category
        if monitor.has_diverged(self.incremental):
            yield monitor.divergence(self.incremental), ConvergenceWarning
        if (
            monitor.best_parameters is not None
            and np.isnan(monitor.validation_scores[-1:]).all()
            and np.isinf(monitor.best_score)
        ):
            yield NO_SCORE, ConvergenceWarning


def batch_size_of(estimator, samples, network, n_samples):
    """The batch size, cut to the samples of an epoch; an error if the memory for it
    cannot be had."""
    full = estimator.solver == "lbfgs"
    batch_size = estimator.batch_size
    if full:
        batch_size = n_samples
    elif batch_size == "auto":
        batch_size = estimator._auto_batch_size(n_samples)
    batch_size = min(batch_size, n_samples)
    lengths = samples.lengths
    if getattr(samples.target, "has_own_steps", False):
        lengths = np.maximum(lengths, samples.target.lengths)
    if estimator.tbptt is not None:
        lengths = np.minimum(lengths, estimator.tbptt)

    def bytes_of(batch_size):
        longest = np.partition(lengths, -batch_size)[-batch_size:]
        return network.training_bytes(
            batch_size, int(longest.sum()), LBFGS_VECTORS if full else 0,
            frame=samples.data.shape[1:-1],
        )  # fmt: skip

    needed = bytes_of(batch_size)
    if estimator.batch_size == "auto" and not full and samples.data.ndim > 2:
        while batch_size > 1 and needed > AUTO_BYTES:
            batch_size = -(-batch_size // 2)
            needed = bytes_of(batch_size)
    available, limit = needed, None
    if needed > WITHOUT_A_LOOK:
        available, limit = available_memory() or (needed, None)
    if needed > available:
        nouns, parts, shorter = "sequences", "steps", "shorter sequences"
        if samples.data.ndim > 2:
            height, width = samples.data.shape[1:3]
            nouns, parts = "clips", f"frames of {height} x {width} pixels"
            shorter = "a larger patch_size or shorter clips"
        if full:
            batch = f"solver='lbfgs' on all {batch_size} {nouns}"
            way_out = "a solver with minibatches"
        else:
            batch = f"A minibatch of batch_size={batch_size} {nouns}"
            way_out = "a smaller batch_size"
        raise MemoryError(
            f"{batch} of up to {lengths.max()} {parts}, with {estimator._sizes}="
            f"{getattr(estimator, estimator._sizes)!r}, needs {in_units(needed)}, more "
            f"than the {in_units(available)} that are left of the {limit}. Use "
            f"{way_out}, smaller {estimator._sizes} or {shorter}, or free memory."
        )
    return batch_size


def planned_epochs(estimator, n_samples, batch_size, X=None):
    """How many epochs a fit may make."""
    if estimator.max_iter != "auto":
        return estimator.max_iter
    if estimator.learning_rate == "cosine" and estimator.solver != "lbfgs":
        return estimator._epochs_of_plan(n_samples, batch_size, X)
    return 100


def learning_rate_of(estimator, max_iter, incremental):
    schedule = estimator.learning_rate
    if incremental and schedule == "cosine":
        schedule = "constant"  # a single pass is no part of a planned fit
    return LearningRate(
        schedule, estimator.learning_rate_init, estimator.power_t, max_iter
    )


def penalty_of(estimator, network):
    """alpha of each parameter, None where the loss has no such part."""
    if not estimator.alpha or estimator.solver == "adamw":
        return None
    return (estimator.alpha * network.weight_mask()).astype(network.dtype)


def dropout_of(estimator, rng):
    """Where the masks of dropout come from, None without it."""
    if not (estimator.dropout or estimator.recurrent_dropout):
        return None
    state = estimator._dropout_state
    if state is None:
        state = {"seed": int(rng.randint(2**31)), "step": 0}
    return DropoutSeed(**state)


def optimizer_of(estimator, network, state):
    """The optimizer, which goes on from the state of one of the same solver."""
    size, dtype = network.layout.size, network.dtype
    if state is not None and state["solver"] != estimator.solver:
        state = None
    if estimator.solver == "sgd":
        return SGD(
            size,
            dtype,
            momentum=estimator.momentum,
            nesterovs_momentum=estimator.nesterovs_momentum,
            state=state,
        )
    beta_2, epsilon = estimator.beta_2, estimator.epsilon
    if estimator.solver == "rmsprop":
        return RMSProp(size, dtype, beta_2=beta_2, epsilon=epsilon, state=state)
    decay = None
    if estimator.solver == "adamw" and estimator.alpha:
        decay = (estimator.alpha * network.weight_mask()).astype(dtype)
    return Adam(
        size,
        dtype,
        beta_1=estimator.beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        decay=decay,
        state=state,
    )


def held_out_score(fitted, held_out):
    """Parameters to the score and the loss on the samples that are held out."""
    network = fitted.make_network()
    rows, y, weight = fitted.examples(held_out)
    target = None
    if network.reads_target or fitted.reads_target:
        target = fitted.target.encode(y)
    score_of = fitted.target.scorer(y, weight)

    def score(parameters):
        network.load(parameters, backward=False)
        with np.errstate(over="ignore", invalid="ignore"):
            out = fitted.outputs_of(network, rows, target)
        if out is None:
            return np.nan, np.nan
        score, loss = score_of(out)
        return float(score), float(loss)

    return score


def monitor_of(estimator, score, parameters, best_loss, going_on, incremental):
    """The history, which goes on with that of the fits before."""
    monitor = Monitor(
        estimator.tol, estimator.n_iter_no_change, estimator.verbose, score
    )
    if going_on:
        scores = None if score is None else list(estimator.validation_scores_ or [])
        # in place, where a copy at each call would add up to a square
        curve = estimator.loss_curve_ if incremental else list(estimator.loss_curve_)
        monitor.go_on(curve, scores)
        monitor.loss = estimator.loss_
        if score is None and best_loss is not None:
            monitor.best_loss = best_loss
        if score is not None:
            # on the validation part of this fit, which may have other samples
            vars(monitor).update(monitor.best_of(*score(parameters), parameters))
    return monitor


def losses_at_start(
    loss, constant, network, parameters, samples, penalty, batch_size, incremental
):
    """What training begins with, by which to see whether it diverges.

    `constant` are outputs that need no X (K,).
    """
    total, n = 0.0, samples.n_samples
    # about so many losses at a time, unless they are asked where they lie
    at_a_time = max(1, 10_000 * n // max(samples.n_losses, 1))
    if getattr(samples.target, "asked_at_once", False):
        at_a_time = n
    for part in gen_batches(n, at_a_time):
        weight = None if samples.weight is None else samples.weight[part]
        total += loss.of_constant(constant, samples.target[part], weight, 1.0)
    total /= samples.total
    of_network = np.nan
    if not incremental:  # where it would cost as much as a part of the pass
        some = np.unique(np.linspace(0, n - 1, min(n, 32)).astype(np.intp))
        network.load(parameters, backward=False)
        with np.errstate(over="ignore", invalid="ignore"):
            rows = samples.data, samples.starts[some], samples.lengths[some]
            target = samples.target[some]
            raw = network.predict_of(rows, target)
            of_network = loss.value(network.for_loss(raw), target)
        of_network = of_network if np.isfinite(of_network) else np.inf
    of_penalty = 0.0
    if penalty is not None:
        squares = (penalty * parameters**2).sum(dtype=np.float64)
        of_penalty = squares / 2 / samples.divisor(batch_size)
    return Start(total, of_network, of_penalty, loss.usual(constant))
