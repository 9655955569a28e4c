"""What every recurrent estimator shares: parameters, validation, fit and predict.

A task (`_tasks.py`) adds targets and predictions, a family (`_lstm.py`) the public
class with its parameters.
"""

import copy
import warnings
from abc import abstractmethod
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from .._network.exchange import torch_weights
from .._network.layers.dropout import DropoutSeed
from .._network.network import Network
from .._sklearn.callbacks import CallbackSupport, observer_of, with_callbacks
from .._sklearn.persistence import Versioned
from .._sklearn.private import Interval, Options, StrOptions
from .._targets.reading import check_one_each
from .._training.feeds import (
    Minibatches,
    TrainingSet,
    auto_batch_size,
    auto_epochs,
)
from .._training.lbfgs import LBFGS_VECTORS, train_lbfgs
from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from .._training.optimizers import SGD, Adam, RMSProp
from .._training.samples import Samples, check_groups, check_sample_weight
from .._training.split import nothing_seen, remember, sample_keys, split
from .._training.training import (
    LearningRate,
    LoopOptions,
    Monitor,
    Start,
    train,
)
from ..sequences._check import validate_sequences, warn_of_one_step
from ..sequences._missing import fill_forward, observed_mean
from .overflow import warn_if_not_finite
from .state import check_state
from .states import StatesMixin

NO_JOBS = (
    "has no parameter n_jobs: its kernels use as many threads as the environment "
    "variable OMP_NUM_THREADS says before the import, or "
    "threadpoolctl.threadpool_limits(n, user_api='openmp') around a call. n_jobs is "
    "for what makes many fits, such as GridSearchCV."
)

NO_SCORE = (
    "No validation score of this fit was finite: numbers in the network overflow on "
    "the samples that are held out. The weights are those of the last epoch. Look for "
    "absurd values in these samples, and scale X, for example with "
    "TimeDistributed(StandardScaler())."
)


class BaseRecurrent(StatesMixin, CallbackSupport, Versioned, BaseEstimator):
    """Base class of the recurrent estimators.

    `fit` works on a shallow copy of the estimator and hands over what it has become at
    the end: whatever stops it before leaves the estimator as it was.
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "bidirectional": ["boolean"],
        "pooling": [StrOptions({"last", "mean", "max", "attention"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
        "tbptt": [None, Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"adam", "adamw", "sgd", "rmsprop", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "max_grad_norm": [None, Interval(Real, 0, None, closed="neither")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "dtype": [StrOptions({"float32", "float64"}), type, np.dtype],
        "missing": [StrOptions({"error", "ffill", "indicator"})],
    }

    # Sides of the split for early stopping, as of pickles that know none.
    _sides = None
    # The constant outputs that a first fit started with, where it is known.
    _start = None

    def __new__(cls, *args, **kwargs):
        if "n_jobs" in kwargs and "n_jobs" not in signature(cls).parameters:
            raise TypeError(f"{cls.__name__} {NO_JOBS}")
        return super().__new__(cls)

    def set_params(self, **params):
        if "n_jobs" in params and "n_jobs" not in self.get_params(deep=False):
            raise ValueError(f"{type(self).__name__} {NO_JOBS}")
        return super().set_params(**params)

    set_params.__doc__ = BaseEstimator.set_params.__doc__

    # ---- what a task provides --------------------------------------------------

    @abstractmethod
    def _inspect_target(self, y, sample_weight, classes, incremental):
        """Set the fitted attributes that describe the target."""

    @abstractmethod
    def _encode_target(self, y):
        """What the loss compares outputs with."""

    @abstractmethod
    def _check_y(self, y):
        """The target as a valid array."""

    @abstractmethod
    def _combine_weights(self, y, sample_weight):
        """Sample weights, with those of the classes where there are any."""

    @abstractmethod
    def _make_loss(self):
        """The loss object of this task."""

    @abstractmethod
    def _head_bias(self, target, sample_weight):
        """Where the outputs start, before anything is learnt."""

    @abstractmethod
    def _target_values(self, y):
        """The target in numbers that are the same in every fit that goes on."""

    @abstractmethod
    def _make_validation_score(self, y, sample_weight):
        """Raw outputs to the score and the loss by which early stopping goes."""

    @abstractmethod
    def _stratify(self, y):
        """What to stratify the validation split by, or None."""

    # ---- fit -------------------------------------------------------------------

    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        groups=None,
    ):
        """Fit the model to sequences X and targets y.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences: a list of arrays of shape (n_steps_i, n_features), a 3-D
            array whose trailing all-NaN steps are padding, or a 2-D array of univariate
            sequences of equal length. See :func:`sklstm.sequences.check_sequences`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: one for each sequence.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. A sample of weight zero is not there. The loss of a
            minibatch of B samples is ``sum(w_i * loss_i) / (B * w_mean)`` with the mean
            weight of all samples, times those of their classes.

        X_val : as X, default=None
            Sequences for early stopping, instead of a part of X.

        y_val : array-like, default=None
            Targets of `X_val`.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_samples,), default=None
            The group of each sample, for example the recording that it was cut from or
            the person. The part of X that is set aside for early stopping is then
            `validation_fraction` of the groups, drawn without regard to the classes,
            and no group is on both sides. Only with ``early_stopping=True`` and without
            `X_val`; anything else is an error, since groups would have no effect.

            In a pipeline or a search they come through metadata routing, for which
            ``set_fit_request(groups=True)`` asks. Where groups are meant for the
            splitter alone, such as :class:`~sklearn.model_selection.GroupKFold`, say
            ``set_fit_request(groups=False)``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y, a weight or a group is not valid, or if they cannot be
            combined. The message names the offending value; an earlier fit stays as it
            was.
        MemoryError
            If a minibatch needs more memory than can be had: what is available on the
            machine, or left of the limit of a container, a job or the process.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` (with "lbfgs" also `max_fun`) was reached before the loss
            stopped getting better by `tol`, though not where ``learning_rate="cosine"``
            has planned it so; if the loss was not finite (the weights are the last good
            ones), or if it ended far above that of a constant prediction.
        UserWarning
            If each of several sequences has one step of several features, as in an
            array whose time comes last. If training was interrupted from the keyboard;
            the estimator is fitted with the weights of that moment.

        Notes
        -----
        Callbacks of scikit-learn >= 1.9, attached with ``set_callbacks``, are told of
        every epoch ("lbfgs": iteration) and may end training, without a warning; the
        weights are those of that moment, with `early_stopping` the best ones. See the
        user guide.
        """
        validation = (X_val, y_val, sample_weight_val)
        self._commit(X, y, sample_weight, validation=validation, groups=groups)
        return self

    def _check_parameters(self, validation, groups, incremental):
        """Say what is wrong with the parameters, alone and together."""
        if isinstance(self.learning_rate, Real):
            raise ValueError(
                f"learning_rate={self.learning_rate!r} is a number, but learning_rate "
                "is the name of a schedule ('constant', 'invscaling', 'adaptive' or "
                "'cosine'). Did you mean "
                f"learning_rate_init={self.learning_rate!r}?"
            )
        self._validate_params()
        for size in np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)):
            if not isinstance(size, Integral) or size < 1:
                raise ValueError(
                    "hidden_layer_sizes must be a positive integer or a tuple of them, "
                    f"got {self.hidden_layer_sizes!r}."
                )
        if not len(self._hidden_sizes()):
            raise ValueError(
                "hidden_layer_sizes is empty: it needs the size of at least one layer."
            )
        if np.dtype(self.dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype!r}.")
        if incremental and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True: it has no data to "
                "set aside. Use fit, or early_stopping=False."
            )
        if self.solver == "lbfgs" and self.early_stopping:
            raise ValueError(
                "solver='lbfgs' does not support early_stopping=True: it goes on until "
                "it has converged. Use early_stopping=False, or another "
                "solver."
            )
        if self.solver == "lbfgs" and (self.dropout or self.recurrent_dropout):
            raise ValueError(
                "solver='lbfgs' does not support dropout: it needs a loss that is the "
                "same at every evaluation. Use dropout=0 and recurrent_dropout=0, or "
                "another solver."
            )
        if self.solver == "lbfgs" and self.tbptt is not None:
            raise ValueError(
                f"solver='lbfgs' does not support tbptt={self.tbptt!r}: its line "
                "search needs the whole gradient of the loss. Use tbptt=None, or "
                "another solver."
            )
        if self.tbptt is not None and self.bidirectional:
            raise ValueError(
                f"tbptt={self.tbptt!r} does not go with bidirectional=True: one "
                "direction reads from the end, so that no part of a sequence is its "
                "last steps for both. Use tbptt=None or bidirectional=False."
            )
        if self.tbptt is not None and self.pooling != "last":
            raise ValueError(
                f"tbptt={self.tbptt!r} does not go with pooling={self.pooling!r}, "
                "which sends gradients to every step. Use tbptt=None or pooling='last'."
            )
        X_val, y_val, weight_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val is given without X_val and y_val.")
        if X_val is not None and not self.early_stopping:
            raise ValueError(
                "X_val and y_val are passed to fit while early_stopping=False. They "
                "are used for early stopping: set early_stopping=True."
            )
        if groups is not None and not self.early_stopping:
            raise ValueError(
                "groups are passed to fit while early_stopping=False. They are used to "
                "set samples aside for early stopping: set early_stopping=True, or "
                "leave groups out (with metadata routing: set_fit_request"
                "(groups=False))."
            )
        if groups is not None and X_val is not None:
            raise ValueError(
                "groups are passed to fit together with X_val, so that nothing is set "
                "aside for which they could be used: leave one of them out."
            )

    def _hidden_sizes(self):
        return tuple(
            int(size) for size in np.atleast_1d(self.hidden_layer_sizes).tolist()
        )

    @with_callbacks
    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        validation=(None, None, None),
        groups=None,
        classes=None,
        incremental=False,
    ):
        self._check_parameters(validation, groups, incremental)
        going_on = (incremental or self.warm_start) and hasattr(self, "_parameters")
        given = self._validate(X, y, sample_weight, groups, reset=not going_on)
        if not incremental:
            warn_of_one_step(given.X, type(self).__name__)
        rng = self._begin(given.y, given.weight, classes, going_on, incremental)

        held_out = None
        if self.early_stopping and validation[0] is not None:
            held_out = self._validate_validation(*validation)
        elif self.early_stopping:
            given, held_out = split(
                given,
                self._sample_keys(given),
                self._sides,
                self.validation_fraction,
                self._stratify(given.y),
                rng,
            )
        self._remember(given, held_out, incremental)

        weight = self._combine_weights(given.y, given.weight)
        X, y, weight, _ = given._replace(weight=weight).of_some_weight()
        if going_on:
            self._follow_target(y, weight)
        if not going_on and self._missing != "error":
            self._first_value = observed_mean(X, weight)
        X = self._without_missing(X)
        if held_out is not None:
            held_out = held_out._replace(X=self._without_missing(held_out.X))
        samples = TrainingSet(
            X._data, X._offsets[:-1], X.lengths, self._encode_target(y), weight,
            mean_weight=1.0 if incremental else None,
        )  # fmt: skip
        network = self._make_network(
            dropout=self.dropout, recurrent_dropout=self.recurrent_dropout
        )
        batch_size = self._check_batch(network, samples)
        max_iter = (
            1 if incremental else self._planned_epochs(samples.n_samples, batch_size)
        )
        if going_on:
            parameters = self._parameters.copy()
        else:
            bias = self._head_bias(samples.target, samples.weight)
            self._start = np.broadcast_to(bias, self._n_raw_outputs).tolist()
            parameters = network.initialize(
                rng, bias, **self._initial_options(samples.lengths)
            )
        monitor = self._make_monitor(held_out, parameters, going_on, incremental)
        penalty = None
        if self.alpha and self.solver != "adamw":
            penalty = (self.alpha * network.weight_mask()).astype(parameters.dtype)
        monitor.start = self._losses_at_start(
            network, parameters, samples, penalty, batch_size, incremental
        )
        optimizer = dropout = None
        if self.solver != "lbfgs":
            optimizer = self._make_optimizer(network, going_on)
            dropout = self._make_dropout(rng)
        feed = Minibatches(samples, batch_size, shuffle=self.shuffle)
        t_before = self.t_
        # they grow while callbacks look at them
        self.loss_curve_ = monitor.loss_curve
        self.validation_scores_ = monitor.validation_scores

        def finish(estimator, parameters):
            """Set the fitted attributes, as if training ended with these parameters."""
            estimator.n_iter_ = monitor.n_epochs
            estimator.t_ = t_before + estimator.n_iter_ * samples.n_samples
            # a copy, since the generator may be the user's or NumPy's global one
            estimator._random_state = copy.deepcopy(rng)
            estimator._optimizer_state = {"solver": estimator.solver}
            if optimizer is not None:
                estimator._optimizer_state |= optimizer.state
                estimator._dropout_state = dropout and dropout.state
            estimator._record(network, parameters, monitor)
            if estimator is not self:  # which trains on
                estimator._part_histories(vars(estimator))

        observer = observer_of(
            self,
            given,
            max_iter,
            "partial_fit" if incremental else "fit",
            finish,
        )
        if self.solver == "lbfgs":
            train_lbfgs(
                network, parameters, feed, self._make_loss(), monitor, penalty,
                max_iter, self.max_fun, self.tol, observer,
            )  # fmt: skip
        else:
            train(
                network,
                parameters,
                feed,
                self._make_loss(),
                optimizer,
                self._make_learning_rate(max_iter, incremental),
                monitor,
                LoopOptions(
                    max_iter,
                    self.max_grad_norm,
                    penalty,
                    dropout,
                    self.tbptt,
                ),
                rng,
                observer,
                t=self.t_,
                incremental=incremental,
            )
        if monitor.has_diverged(incremental):
            warnings.warn(
                monitor.divergence(incremental), ConvergenceWarning, stacklevel=5
            )
        if monitor.best_parameters is not None:
            parameters = monitor.best_parameters
            if np.isnan(monitor.validation_scores[-1:]).all() and np.isinf(
                monitor.best_score
            ):
                warnings.warn(NO_SCORE, ConvergenceWarning, stacklevel=5)
        finish(self, parameters)
        observer.end_fit()

    def _sample_keys(self, samples):
        return sample_keys(samples.X, self._target_values(samples.y))

    def _remember(self, given, held_out, incremental):
        """Which samples are for training and which for validation, for later fits."""
        if incremental or not (self.early_stopping or self.warm_start):
            self._sides = None
        elif self._sides is not None or self.early_stopping:
            parts = [part for part in (given, held_out) if part is not None]
            self._sides = remember(
                nothing_seen() if self._sides is None else self._sides,
                [self._sample_keys(part) for part in parts],
                [part.groups for part in parts],
            )

    def _validate(self, X, y, sample_weight, groups=None, *, reset):
        """Valid samples, without those whose weight is zero."""
        table = X
        X = validate_sequences(
            self,
            X,
            reset=reset,
            dtype=np.dtype(self.dtype),
            allow_nan=self.missing != "error",
        )
        y = self._check_y(y)
        check_one_each(table, y, "y", X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(y), self)
        if groups is not None:
            groups = check_groups(groups, len(y))
        return Samples(X, y, sample_weight, groups).of_some_weight()

    def _validate_validation(self, X_val, y_val, weight_val):
        """Valid data for early stopping; errors say that it is these."""
        try:
            held_out = self._validate(X_val, y_val, weight_val, reset=False)
            self._check_same_target(held_out.y, None)
            if len(held_out.X) < 2:
                raise ValueError(
                    "there is one sample of a weight above zero; a validation score "
                    "needs at least 2."
                )
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In X_val, y_val, sample_weight_val: {error}") from error
        return held_out

    def _begin(self, y, sample_weight, classes, going_on, incremental):
        """Set what training starts from; return the random state."""
        if going_on:
            self._check_same_architecture()
            self._check_same_target(y, classes)
            if not incremental:
                self._check_all_classes(y)
            return copy.deepcopy(self._random_state)
        self._inspect_target(y, sample_weight, classes, incremental)
        self._sides = nothing_seen()
        self._architecture = self._asked_architecture()
        self._missing, self._first_value = self.missing, None
        self.t_ = 0
        self._dropout_state = None
        return check_random_state(self.random_state)

    def _asked_architecture(self):
        """What the parameters say of the network, as `Network` takes it."""
        return {
            "hidden_layer_sizes": self._hidden_sizes(),
            "dtype": np.dtype(self.dtype).name,
            "cell": self._cell,
            "bidirectional": bool(self.bidirectional),
            "pooling": self.pooling,
        }

    def _check_same_architecture(self):
        """Say when the network of a fit that continues would be another one."""
        fitted = {**self._architecture, "missing": self._missing}
        asked = {**self._asked_architecture(), "missing": self.missing}
        for values in (fitted, asked):
            values |= self._cell_parameters(values.pop("cell"))
        changed = [name for name in fitted if fitted[name] != asked[name]]
        if changed:
            was, now = (
                ", ".join(f"{name}={values[name]!r}" for name in changed)
                for values in (fitted, asked)
            )
            raise ValueError(
                f"{', '.join(changed)} cannot change between fits that continue: the "
                f"fitted network has {was}, the parameters say {now}. Set "
                "warm_start=False and call fit to start anew."
            )

    def _check_same_target(self, y, classes):
        """Say when a fit that continues gets another kind of target."""

    def _check_all_classes(self, y):
        """Say when y of a whole fit that continues lacks a class of the first one."""

    def _follow_target(self, y, sample_weight):
        """Let what the first fit found of the target follow, while it is a guess."""

    def _without_missing(self, X, seen=None):
        """What the network reads of valid X: it knows no missing values.

        `seen` (n, F) are values that were seen before, else they are those of the fit.
        """
        if self._missing == "error":
            return X
        first = self._first_value if seen is None else seen
        return fill_forward(X, first, indicator=self._missing == "indicator")

    @property
    def _n_network_features(self):
        """Features per step of what the network reads."""
        return self._n_sequence_features * (2 if self._missing == "indicator" else 1)

    def _check_batch(self, network, samples):
        """The batch size, cut to n; an error if the memory for it cannot be had."""
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = auto_batch_size(samples.n_samples)
        batch_size = min(batch_size, samples.n_samples)
        full = self.solver == "lbfgs"
        if full:
            batch_size = samples.n_samples
        lengths = samples.lengths
        if self.tbptt is not None:
            lengths = np.minimum(lengths, self.tbptt)
        longest = np.partition(lengths, -batch_size)[-batch_size:]
        needed = network.training_bytes(
            batch_size, int(longest.sum()), LBFGS_VECTORS if full else 0
        )
        available, limit = needed, None
        if needed > WITHOUT_A_LOOK:
            available, limit = available_memory() or (needed, None)
        if needed > available:
            if full:
                batch = f"solver='lbfgs' on all {batch_size} sequences"
                way_out = "a solver with minibatches"
            else:
                batch = f"A minibatch of batch_size={batch_size} sequences"
                way_out = "a smaller batch_size"
            raise MemoryError(
                f"{batch} of up to {longest.max()} steps, with hidden_layer_sizes="
                f"{self.hidden_layer_sizes!r}, needs {in_units(needed)}, more than the "
                f"{in_units(available)} that are left of the {limit}. Use {way_out}, "
                "smaller hidden_layer_sizes or shorter sequences, or free memory."
            )
        return batch_size

    def _make_network(self, **changes):
        return Network(
            n_features=self._n_network_features,
            n_outputs=self._n_raw_outputs,
            **{**self._architecture, **changes},
        )

    def _initial_options(self, lengths):
        """How the recurrent layers begin, beside their random weights."""
        return {}

    def _make_dropout(self, rng):
        """Where the masks of dropout come from, None without it."""
        if not (self.dropout or self.recurrent_dropout):
            return None
        state = self._dropout_state
        if state is None:
            state = {"seed": int(rng.randint(2**31)), "step": 0}
        return DropoutSeed(**state)

    def _make_score(self, held_out):
        """Parameters to the score on the samples that are held out."""
        network = self._make_network()
        score_of = self._make_validation_score(held_out.y, held_out.weight)

        def score(parameters):
            network.load(parameters, backward=False)
            with np.errstate(over="ignore", invalid="ignore"):
                raw = self._raw(network, held_out.X)
            if not np.isfinite(raw).all():
                return np.nan, np.nan
            score, loss = score_of(raw)
            return float(score), float(loss)

        return score

    def _planned_epochs(self, n_samples, batch_size):
        """How many epochs a fit may make."""
        if self.max_iter != "auto":
            return self.max_iter
        if self.learning_rate == "cosine" and self.solver != "lbfgs":
            return auto_epochs(n_samples, batch_size)
        return 100

    def _make_learning_rate(self, max_iter, incremental):
        schedule = self.learning_rate
        if incremental and schedule == "cosine":
            schedule = "constant"  # a single pass is no part of a planned fit
        return LearningRate(schedule, self.learning_rate_init, self.power_t, max_iter)

    def _make_monitor(self, held_out, parameters, going_on, incremental):
        score = None if held_out is None else self._make_score(held_out)
        monitor = Monitor(self.tol, self.n_iter_no_change, self.verbose, score)
        if going_on:
            scores = None if score is None else list(self.validation_scores_ or [])
            # in place, where a copy at each call would add up to a square
            curve = self.loss_curve_ if incremental else list(self.loss_curve_)
            monitor.go_on(curve, scores)
            monitor.loss = self.loss_
            if score is None and self.best_loss_ is not None:
                monitor.best_loss = self.best_loss_
            if score is not None:
                # on the validation part of this fit, which may have other samples
                vars(monitor).update(monitor.best_of(*score(parameters), parameters))
        return monitor

    def _losses_at_start(
        self, network, parameters, samples, penalty, batch_size, incremental
    ):
        """What training begins with, by which to see whether it diverges."""
        outputs = self._start
        if outputs is None:
            outputs = self._head_bias(samples.target, samples.weight)
        loss, total, n = self._make_loss(), 0.0, samples.n_samples
        for part in gen_batches(n, 10_000):
            target = samples.target[part]
            weight = None if samples.weight is None else samples.weight[part]
            constant = np.broadcast_to(outputs, (len(target), self._n_raw_outputs))
            value, _ = loss.value_and_gradient(constant, target, weight)
            total += value * (len(target) if weight is None else weight.sum())
        total /= n if samples.weight is None else samples.weight.sum()
        of_network = np.nan
        if not incremental:  # where it would cost as much as a part of the pass
            some = np.unique(np.linspace(0, n - 1, min(n, 32)).astype(np.intp))
            network.load(parameters, backward=False)
            with np.errstate(over="ignore", invalid="ignore"):
                raw = network.predict(
                    samples.data, samples.starts[some], samples.lengths[some]
                )
                of_network, _ = loss.value_and_gradient(raw, samples.target[some])
            of_network = of_network if np.isfinite(of_network) else np.inf
        of_penalty = 0.0
        if penalty is not None:
            squares = (penalty * parameters**2).sum(dtype=np.float64)
            of_penalty = squares / 2 / samples.divisor(batch_size)
        return Start(total, of_network, of_penalty, self._usual_loss(outputs))

    def _usual_loss(self, outputs):
        return 1.0

    def _make_optimizer(self, network, going_on):
        size, dtype = network.layout.size, network.dtype
        state = None
        if going_on and self._optimizer_state["solver"] == self.solver:
            state = self._optimizer_state
        if self.solver == "sgd":
            return SGD(
                size,
                dtype,
                momentum=self.momentum,
                nesterovs_momentum=self.nesterovs_momentum,
                state=state,
            )
        if self.solver == "rmsprop":
            return RMSProp(
                size, dtype, beta_2=self.beta_2, epsilon=self.epsilon, state=state
            )
        decay = None
        if self.solver == "adamw" and self.alpha:
            decay = (self.alpha * network.weight_mask()).astype(dtype)
        return Adam(
            size,
            dtype,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            decay=decay,
            state=state,
        )

    def _record(self, network, parameters, monitor):
        """Set the fitted attributes."""
        self._parameters = parameters
        self._kind = self._kind_of_network()
        self._idle_networks = []
        self.weights_ = self._weights(network, parameters)
        self._protect()
        self.n_layers_ = len(network.recurrent_layers) + 2
        self.out_activation_ = self._make_loss().link
        self.loss_curve_ = monitor.loss_curve
        self.loss_ = monitor.loss
        self.validation_scores_ = monitor.validation_scores
        if monitor.score is None:
            self.best_loss_ = monitor.best_loss
            self.best_validation_score_ = None
        else:
            self.best_loss_ = None
            self.best_validation_score_ = monitor.best_score

    def _protect(self):
        """What is shown is a copy: writing to it would change nothing."""
        for array in self.weights_.values():
            array.flags.writeable = False

    @staticmethod
    def _part_histories(state):
        """Give a copy lists of its own: partial_fit appends to them in place."""
        for name in ("loss_curve_", "validation_scores_"):
            if isinstance(state.get(name), list):
                state[name] = list(state[name])

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_idle_networks", None)
        self._part_histories(state)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "weights_"):
            self._idle_networks = []
            self._protect()

    def _weights(self, network, parameters):
        """`weights_`: copies of all parameters."""
        weight, bias = self._head(network, parameters)
        recurrent = torch_weights(network, parameters)
        return {**recurrent, "head_weight": weight, "head_bias": bias}

    def _head(self, network, parameters):
        """Weight (K, H) and bias (K,) of the head, in the units of its outputs."""
        head = network.views(parameters)["head"]
        return head["w"].T.copy(), head["b"].copy()

    # ---- predict ---------------------------------------------------------------

    def _as_fitted(self):
        """This estimator with what it has now, whatever another thread fits meanwhile.

        A prediction reads the network, its parameters and what turns outputs into
        predictions one after the other: all of them have to be of one fit.
        """
        attributes = self.__dict__.copy()
        if "_parameters" not in attributes:
            check_is_fitted(self)  # raises
        fitted = object.__new__(type(self))
        fitted.__dict__ = attributes
        return fitted

    def _raw_outputs(self, X, initial_state):
        """Outputs of the network (n, K), in float64."""
        raw = self._read(X, initial_state, self._raw)
        warn_if_not_finite(raw, "prediction", stacklevel=3)
        return raw

    def _read(self, X, initial_state, read):
        """What `read` returns for a network, the X it reads, and a state or None."""
        idle = self._idle_networks
        with np.errstate(under="ignore"):
            network = self._take_network(idle)
            try:
                state = None
                if initial_state is not None:
                    state = check_state(
                        "initial_state", initial_state, network, self._kind
                    )
                return read(network, self._check_X(X, state), state)
            finally:
                network.shrink()
                idle.append(network)

    def _check_X(self, X, state=None):
        """Valid X as the fitted network reads it, from a state on that is checked."""
        X = validate_sequences(
            self,
            X,
            reset=False,
            dtype=self._parameters.dtype,
            allow_nan=self._missing != "error",
        )
        if state is None:
            return self._without_missing(X)
        if state.n_sequences != len(X):
            raise ValueError(
                f"initial_state is of {state.n_sequences} sequence(s), but X has "
                f"{len(X)}. Pass a state of as many sequences as X has."
            )
        return self._without_missing(X, state.seen)

    def _take_network(self, idle):
        """A network with the fitted weights, packed, that no other thread uses."""
        try:
            return idle.pop()
        except IndexError:
            network = self._make_network()
            network.load(self._parameters, backward=False)
            return network

    @staticmethod
    def _raw(network, X, state=None):
        begin = () if state is None else (state.layers, state.pooled)
        outputs = network.predict(X._data, X._offsets[:-1], X.lengths, *begin)
        return outputs.astype(np.float64)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_parameters")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = []  # `dtype` says which it is
        return tags


def takes_minibatches(estimator):
    """Whether there is `partial_fit`; if not, an AttributeError that says why."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which needs all samples "
            "at once. Use another solver, or fit with warm_start=True."
        )
    return True
