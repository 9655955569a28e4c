"""What every recurrent estimator shares: parameters, validation, fit and predict.

A task (`_tasks.py`) adds targets and predictions, a family (`_lstm.py`) the public
class with its parameters.
"""

import copy
import os
from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
)

from .network.network import Network, training_bytes
from .network.optimizers import SGD, Adam
from .network.training import LearningRate, LoopOptions, Monitor, TrainingSet, train
from .sequences._check import validate_sequences
from .sequences._missing import fill_forward, observed_mean


class BaseRecurrent(BaseEstimator):
    """Base class of the recurrent estimators.

    `fit` works on a shallow copy of the estimator and hands over what it has become at
    the end: whatever stops it before leaves the estimator as it was.
    """

    _cell = "lstm"

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "solver": [StrOptions({"adam", "adamw", "sgd"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
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
    def _validation_score(self, raw, y, sample_weight):
        """Score of raw outputs, for early stopping."""

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
            Weights of the samples. A sample of weight zero is not there; the loss of a
            minibatch is the weighted mean over its samples.

        X_val : as X, default=None
            Sequences for early stopping, instead of a part of X.

        y_val : array-like, default=None
            Targets of `X_val`.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, X, y or a weight is not valid. The message names the
            offending value; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than the machine has.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached while the loss was still getting better, or if
            the loss was not finite (the weights are the last good ones).
        UserWarning
            If training was interrupted from the keyboard; the estimator is fitted
            with the weights of that moment.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._commit(X, y, sample_weight, validation=validation)

    def _commit(self, *args, **kwargs):
        draft = copy.copy(self)
        draft._fit(*args, **kwargs)
        self.__dict__ = draft.__dict__
        return self

    def _check_parameters(self, validation, incremental):
        """Say what is wrong with the parameters, alone and together."""
        if isinstance(self.learning_rate, Real):
            raise ValueError(
                f"learning_rate={self.learning_rate!r} is a number, but learning_rate "
                "is the name of a schedule ('constant', 'invscaling', 'adaptive' or "
                f"'cosine'). Did you mean learning_rate_init={self.learning_rate!r}?"
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

    def _hidden_sizes(self):
        return tuple(
            int(size) for size in np.atleast_1d(self.hidden_layer_sizes).tolist()
        )

    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        validation=(None, None, None),
        classes=None,
        incremental=False,
    ):
        self._check_parameters(validation, incremental)
        going_on = (incremental or self.warm_start) and hasattr(self, "_parameters")
        X, y, sample_weight = self._validate(X, y, sample_weight, reset=not going_on)
        rng = self._begin(y, sample_weight, classes, going_on, incremental)

        X_val, y_val, weight_val = validation
        if self.early_stopping and X_val is not None:
            X_val, y_val, weight_val = self._validate_validation(*validation)
        elif self.early_stopping:
            X, X_val, y, y_val, sample_weight, weight_val = self._split(
                X, y, sample_weight, rng
            )

        sample_weight = self._combine_weights(y, sample_weight)
        X, y, sample_weight = _drop_weight_zero(X, y, sample_weight)
        if not going_on and self._missing != "error":
            self._first_value = observed_mean(X, sample_weight)
        X = self._without_missing(X)
        if X_val is not None:
            X_val = self._without_missing(X_val)
        samples = TrainingSet(
            X.data, X.offsets[:-1], X.lengths, self._encode_target(y), sample_weight
        )
        batch_size = self._check_batch(samples)
        network = self._make_network()
        if going_on:
            parameters = self._parameters.copy()
        else:
            bias = self._head_bias(samples.target, samples.weight)
            parameters = network.initialize(rng, bias)
        score = None
        if self.early_stopping:
            validation_network = self._make_network()

            def score(parameters):
                validation_network.load(parameters, backward=False)
                raw = self._raw(validation_network, X_val)
                return self._validation_score(raw, y_val, weight_val)

        monitor = self._make_monitor(score, parameters, going_on)
        optimizer = self._make_optimizer(network, going_on)
        penalty = None
        if self.alpha and self.solver != "adamw":
            penalty = (self.alpha * network.weight_mask()).astype(parameters.dtype)
        n_before = len(monitor.loss_curve)
        train(
            network,
            parameters,
            samples,
            self._make_loss(),
            optimizer,
            LearningRate(
                self.learning_rate, self.learning_rate_init, self.power_t, self.max_iter
            ),
            monitor,
            LoopOptions(
                self.max_iter,
                batch_size,
                self.shuffle,
                self.max_grad_norm,
                penalty,
            ),
            rng,
            t=self.t_,
            incremental=incremental,
        )
        if monitor.best_parameters is not None:
            parameters = monitor.best_parameters
        self.n_iter_ = len(monitor.loss_curve) - n_before
        self.t_ += self.n_iter_ * len(samples)
        self._random_state = rng
        self._optimizer_state = {"solver": self.solver, **optimizer.state}
        self._record(network, parameters, monitor)
        return self

    def _validate(self, X, y, sample_weight, *, reset):
        """Valid X, y and weights, without the samples whose weight is zero."""
        X = validate_sequences(
            self,
            X,
            reset=reset,
            dtype=np.dtype(self.dtype),
            allow_nan=self.missing != "error",
        )
        y = self._check_y(y)
        check_consistent_length(X, y)
        if sample_weight is None:
            return X, y, None
        sample_weight = self._check_sample_weight(sample_weight, len(y))
        return _drop_weight_zero(X, y, sample_weight)

    def _validate_validation(self, X_val, y_val, weight_val):
        """Valid data for early stopping; errors say that it is these."""
        try:
            X_val, y_val, weight_val = self._validate(
                X_val, y_val, weight_val, reset=False
            )
            self._check_same_target(y_val, None)
            if len(X_val) < 2:
                raise ValueError(
                    "there is one sample of a weight above zero; a validation score "
                    "needs at least 2."
                )
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In X_val, y_val, sample_weight_val: {error}") from error
        return X_val, y_val, weight_val

    def _check_sample_weight(self, sample_weight, n_samples):
        if isinstance(sample_weight, Real):
            sample_weight = np.full(n_samples, sample_weight)
        sample_weight = check_array(
            sample_weight,
            ensure_2d=False,
            dtype=np.float64,
            input_name="sample_weight",
            estimator=self,
        )
        if sample_weight.shape != (n_samples,):
            raise ValueError(
                f"sample_weight has shape {sample_weight.shape}, expected "
                f"{(n_samples,)}: one weight for each sequence."
            )
        negative = np.flatnonzero(sample_weight < 0)
        if len(negative):
            raise ValueError(
                f"Negative values in sample_weight: sample {negative[0]} has weight "
                f"{sample_weight[negative[0]]:g}. Weights must be zero or positive."
            )
        return sample_weight

    def _begin(self, y, sample_weight, classes, going_on, incremental):
        """Set what training starts from; return the random state."""
        if going_on:
            sizes, dtype = self._architecture
            if sizes != self._hidden_sizes() or dtype != np.dtype(self.dtype).name:
                raise ValueError(
                    "hidden_layer_sizes and dtype cannot change between fits that "
                    f"continue: the fitted network has {sizes} units in {dtype}, the "
                    f"parameters say {self._hidden_sizes()} in {self.dtype}. Set "
                    "warm_start=False and call fit to start anew."
                )
            if self.missing != self._missing:
                raise ValueError(
                    "missing cannot change between fits that continue: the first fit "
                    f"had missing={self._missing!r}, now it is {self.missing!r}. Set "
                    "warm_start=False and call fit to start anew."
                )
            self._check_same_target(y, classes)
            return copy.deepcopy(self._random_state)
        self._inspect_target(y, sample_weight, classes, incremental)
        self._architecture = (self._hidden_sizes(), np.dtype(self.dtype).name)
        self._missing, self._first_value = self.missing, None
        self.t_ = 0
        return check_random_state(self.random_state)

    def _check_same_target(self, y, classes):
        """Say when a fit that continues gets another kind of target."""

    def _split(self, X, y, sample_weight, rng):
        """Set a part of the samples aside for early stopping."""
        indices = np.arange(len(X))
        try:
            train_at, val_at = train_test_split(
                indices,
                test_size=self.validation_fraction,
                random_state=rng,
                stratify=self._stratify(y),
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True sets {self.validation_fraction:g} of the "
                f"{len(X)} samples aside, which is not possible: {error} Pass X_val "
                "and y_val, or use early_stopping=False."
            ) from error
        if len(val_at) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        parts = [X[train_at], X[val_at], y[train_at], y[val_at], None, None]
        if sample_weight is not None:
            parts[4:] = sample_weight[train_at], sample_weight[val_at]
        return parts

    def _without_missing(self, X):
        """What the network reads of valid X: it knows no missing values."""
        if self._missing == "error":
            return X
        return fill_forward(
            X, self._first_value, indicator=self._missing == "indicator"
        )

    @property
    def _n_network_features(self):
        """Features per step of what the network reads."""
        return self._n_sequence_features * (2 if self._missing == "indicator" else 1)

    def _check_batch(self, samples):
        """The batch size, cut to n; an error if the memory for it cannot be had."""
        batch_size = 200 if self.batch_size == "auto" else self.batch_size
        batch_size = min(batch_size, len(samples))
        longest = np.partition(samples.lengths, -batch_size)[-batch_size:]
        needed = training_bytes(
            self._n_network_features,
            self._hidden_sizes(),
            self._n_raw_outputs,
            np.dtype(self.dtype),
            batch_size,
            int(longest.sum()),
        )
        available = _physical_memory()
        if available is not None and needed > available:
            raise MemoryError(
                f"A minibatch of batch_size={batch_size} sequences of up to "
                f"{longest.max()} steps, with hidden_layer_sizes="
                f"{self.hidden_layer_sizes!r}, needs {needed / 2**30:.1f} GiB, more "
                f"than the {available / 2**30:.1f} GiB of this machine. Use a smaller "
                "batch_size, smaller hidden_layer_sizes or shorter sequences."
            )
        return batch_size

    def _make_network(self):
        sizes, dtype = self._architecture
        return Network(
            self._n_network_features, sizes, self._n_raw_outputs, dtype, self._cell
        )

    def _make_monitor(self, score, parameters, going_on):
        monitor = Monitor(self.tol, self.n_iter_no_change, self.verbose, score)
        if going_on:
            monitor.loss_curve = list(self.loss_curve_)
            if score is None and self.best_loss_ is not None:
                monitor.best_loss = self.best_loss_
            if score is not None and self.validation_scores_ is not None:
                monitor.validation_scores = list(self.validation_scores_)
            if score is not None:
                # on the validation part of this fit, which may be another one
                monitor.best_score = float(score(parameters))
                monitor.best_parameters = parameters.copy()
        return monitor

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
        self._idle_networks = []
        self.weights_ = network.torch_weights(parameters)
        self.coef_, self.intercept_ = self._head(network, parameters)
        self._protect()
        self.n_layers_ = len(network.layers) + 2
        self.out_activation_ = self._make_loss().link
        self.loss_curve_ = monitor.loss_curve
        self.loss_ = monitor.loss_curve[-1] if monitor.loss_curve else np.nan
        self.validation_scores_ = monitor.validation_scores
        if monitor.score is None:
            self.best_loss_ = monitor.best_loss
            self.best_validation_score_ = None
        else:
            self.best_loss_ = None
            self.best_validation_score_ = monitor.best_score

    def _protect(self):
        """What is shown is a copy: writing to it would change nothing."""
        for array in (*self.weights_.values(), self.coef_, self.intercept_):
            array.flags.writeable = False

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_idle_networks", None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "weights_"):
            self._idle_networks = []
            self._protect()

    def _head(self, network, parameters):
        """coef_ and intercept_ of the head."""
        matrix = network.layout.view(parameters, "head")
        return matrix[:-1].T.copy(), matrix[-1].copy()

    # ---- predict ---------------------------------------------------------------

    def _raw_outputs(self, X):
        """Outputs of the network (n, K), in float64."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # raises
        # The list is looked up once: a fit that ends meanwhile brings another one, and
        # this network must not get into it.
        idle = self._idle_networks
        X = validate_sequences(
            self,
            X,
            reset=False,
            dtype=self._parameters.dtype,
            allow_nan=self._missing != "error",
        )
        X = self._without_missing(X)
        network = self._take_network(idle)
        try:
            return self._raw(network, X)
        finally:
            network.shrink()
            idle.append(network)

    def _take_network(self, idle):
        """A network with the fitted weights, packed, that no other thread uses."""
        try:
            return idle.pop()
        except IndexError:
            network = self._make_network()
            network.load(self._parameters, backward=False)
            return network

    @staticmethod
    def _raw(network, X):
        outputs = network.predict(X.data, X.offsets[:-1], X.lengths)
        return outputs.astype(np.float64)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_parameters")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags


def _drop_weight_zero(X, y, sample_weight):
    """A sample of weight zero is not there."""
    if sample_weight is None:
        return X, y, None
    there = sample_weight > 0
    if not there.any():
        raise ValueError("All sample weights are zero: there is nothing to fit.")
    if there.all():
        return X, y, sample_weight
    return X[there], y[there], sample_weight[there]


def _physical_memory():
    """Bytes of main memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
