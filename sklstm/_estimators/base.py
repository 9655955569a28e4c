"""What every recurrent estimator shares: parameters, fit and predict.

A task (classifier.py, regressor.py) says what it reads as y and shows its predictions,
a family (families.py) has the cell.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._kernels import array_dtype
from .._network.build import whole_sequence_network
from .._sklearn.callbacks import CallbackSupport, observer_of, with_callbacks
from .._sklearn.persistence import Versioned, plain
from .._sklearn.private import Documented
from .._sklearn.warn import warn
from .._targets.aligning import aligned
from .._targets.reading import check_one_each
from .._training.feeds import Minibatches
from .._training.samples import Samples, check_groups, check_sample_weight
from .._training.schedules import auto_batch_size, auto_epochs
from .._training.split import nothing_seen, remember, sample_keys, split
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences._check import (
    features_of,
    features_of_valid,
    validate_partition,
    validate_sequences,
    warn_of_one_step,
)
from ..sequences._missing import observed_mean
from ..sequences._rows import is_valid
from .categories import coded
from .checks import NO_JOBS, check_parameters, hidden_sizes, precision
from .fitted import Fitted, fitted_of
from .going_on import check_same_network
from .overflow import warn_if_not_finite
from .progress import with_own_histories
from .solver import Solver
from .state import beginning, check_state
from .streaming import Streaming
from .tokens import (
    asked_embedding,
    check_ids,
    check_vocabulary,
    hint,
    table_rows,
)
from .transform import HiddenStates


class RecurrentCore(CallbackSupport, Documented, Versioned, BaseEstimator):
    """What has recurrent layers: its fit, and the way to its outputs.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    n_features_in_ : int
        Features per step; for 2-D X the number of columns.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    n_iter_ : int
        Epochs of the last fit, with "lbfgs" iterations.

    n_layers_ : int
        Layers with the input and the output.

    t_ : int
        Samples seen in training, each epoch (with "lbfgs" each iteration) counted.

    best_loss_ : float or None
        Lowest mean loss of an epoch; None with early stopping.

    loss_curve_ : list of float
        Mean loss of each epoch, with "lbfgs" the loss after each iteration.

    best_validation_score_ : float or None
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.
    """

    # `fit` works on a shallow copy and hands over what it has become at the end:
    # whatever stops it before leaves the estimator as it was.

    # What makes a network of an architecture.
    _build = staticmethod(whole_sequence_network)
    # Sides of the split for early stopping, as of pickles that know none.
    _sides = None
    # The constant outputs that a first fit started with, where it is known.
    _start = None
    # Categories of the columns of X, of a fit that finds them by dtype.
    _categories = None
    # What a fit has found.
    _found = Fitted
    # Samples that a validation score needs.
    _least_held_out = 2
    # Whether other libraries can have the network.
    _exchanged = True
    # Name of the parameter that has the sizes of the layers, and what `dtype` may be.
    _sizes = "hidden_layer_sizes"
    _precisions = "float32", "float64", "bfloat16"

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Set parameters of the estimator.

        Parameters
        ----------
        **params : dict
            Parameters by their names.

        Returns
        -------
        self : estimator instance
            The estimator.
        """
        if "n_jobs" in params and "n_jobs" not in self.get_params(deep=False):
            raise ValueError(f"{type(self).__name__} {NO_JOBS}")
        return super().set_params(**params)

    def _check_own_parameters(self):
        """An error if parameters that other estimators have not are not valid."""

    @abstractmethod
    def _reader(self):
        """What reads y, by the parameters."""

    def _initial_options(self, lengths):
        """How the recurrent layers begin, beside their random weights."""
        return {}

    @property
    def _truncation(self):
        """Steps of a sequence that the network goes back over, None for all."""
        return self.tbptt

    @property
    def _embedding_dim(self):
        """Length of the rows of ids, or lengths, None where nothing is ids."""
        return self.embedding_dim

    @property
    def _holds_out(self):
        """Whether a fit sets samples aside, or is given some beside those of X."""
        return self.early_stopping

    def _finish(self, held_out):
        """What a fit finds once it is trained, on what it has held out or None."""

    # ---- fit -------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: SequencesLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: SequencesLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Estimator:
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

        Where X is a SequenceArray with `ids`, a Series or DataFrame of pandas whose
        index holds these ids is put in the order of X, and one that holds others is an
        error: targets, weights and groups alike, here and in `score`. Without ids the
        order counts, and so it does under an index of numbers of rows, as a new Series
        has it and as ``train_test_split`` leaves it; see the user guide.
        """
        validation = (X_val, y_val, sample_weight_val)
        self._commit(X, y, sample_weight, validation=validation, groups=groups)
        return self

    @with_callbacks
    def _fit(
        self, X, y, sample_weight, *, validation=(None, None, None), groups=None,
        classes=None, incremental=False,
    ):  # fmt: skip
        check_parameters(self, validation, groups, incremental)
        before = vars(self).get("_fitted") if incremental or self.warm_start else None
        if before is not None or self._categories is not None:
            self._categories = before and before.categories
        reader = self._reader()
        given = self._read(X, y, sample_weight, groups, reset=before is None)
        if not incremental:
            self._warn_of_layout(given.X)
        if before is None:
            if self._embedding_dim is None:
                hint(given.X, type(self).__name__)
            target = reader.fit(given.y, given.weight, classes, incremental)
            rng = self._begin(target)
        else:
            target, rng = before.target, copy.deepcopy(self._random_state)
            check_same_network(self, before)
            check_vocabulary(before.vocabulary, given.X)
            reader.check_same(target, given.y, classes)
            if not incremental:
                target.check_whole(given.y)
        given, held_out = self._set_aside(given, validation, target, rng, incremental)
        y, weight = reader.weigh(target, given.y, given.weight)
        samples = given._replace(y=y, weight=weight).of_some_weight()
        if before is None:
            fitted, change = self._untrained(target, samples), None
        else:
            target, change = target.follow(samples.y, samples.weight)
            fitted = replace(before, target=target)
        if held_out is not None:
            check_vocabulary(fitted.vocabulary, held_out.X, "X_val")
        scored = held_out if self.early_stopping else None
        solver = Solver(self, fitted, samples, scored, change, rng, incremental)
        # they grow while callbacks look at them
        self.loss_curve_ = solver.monitor.loss_curve
        self.validation_scores_ = solver.monitor.validation_scores
        task = "partial_fit" if incremental else "fit"
        observer = observer_of(
            self, given, solver.max_iter, solver.n_parts, task, solver.progress
        )
        outcome, parameters = solver.run(observer)
        for message, category in solver.problems(outcome):
            warn(message, category)
        vars(self).update(solver.progress.attributes(parameters))
        self._finish(held_out)
        observer.end_fit()

    def _read(self, X, y, sample_weight, groups=None, *, reset):
        """Valid samples, without those whose weight is zero."""
        table = X
        y, sample_weight, groups = aligned(
            X, y=y, sample_weight=sample_weight, groups=groups
        )
        if isinstance(self.categorical_features, str):  # "from_dtype"
            X, self._categories = coded(X, self._categories)
        X = validate_sequences(
            self,
            X,
            reset=reset,
            dtype=array_dtype(precision(self)),
            allow_nan=self.missing != "error",
        )
        if not is_valid(X._data):
            check_ids(X, asked_embedding(self, features_of(self)))
        y, sample_weight = self._pair(table, X, self._reader().check(y), sample_weight)
        if groups is not None:
            groups = check_groups(groups, len(y))
        return Samples(X, y, sample_weight, groups).of_some_weight()

    def _warn_of_layout(self, X):
        """Warn if valid X may have its axes in another order."""
        warn_of_one_step(X, type(self).__name__)

    def _pair(self, table, X, y, sample_weight):
        """Valid targets and weights, as many as there are sequences in valid X."""
        check_one_each(table, y, "y", X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(y), self)
        return y, sample_weight

    def _read_validation(self, target, X_val, y_val, weight_val):
        """Valid data for early stopping; errors say that it is these."""
        try:
            held_out = self._read(X_val, y_val, weight_val, reset=False)
            self._reader().check_same(target, held_out.y)
            if len(held_out.X) < self._least_held_out:
                raise ValueError(
                    "there is one sample of a weight above zero; a validation score "
                    "needs at least 2."
                )
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In X_val, y_val, sample_weight_val: {error}") from error
        return held_out

    def _begin(self, target):
        """Forget an earlier fit; return the random state."""
        self._sides, self.t_, self._dropout_state = nothing_seen(), 0, None
        vars(self).update(target.attributes)
        return check_random_state(self.random_state)

    def _untrained(self, target, samples=None, rows=None):
        """What a first fit, or an import, whose tables have so many `rows`, has found
        before its parameters."""
        first_value, features = None, features_of(self)
        architecture, vocabulary = self._asked_architecture(), None
        embedding = asked_embedding(self, features)
        if embedding is not None:
            if samples is not None:
                vocabulary = samples.X.vocabulary
                rows = table_rows(self, features, samples.X)
            architecture["embedding"] = {**embedding, "rows": rows}
        if self.missing != "error":
            if samples is None:  # as for features that were never observed
                dtype = array_dtype(precision(self))
                first_value = np.zeros(features.n_sequence_features, dtype)
            else:
                first_value = observed_mean(samples.X, samples.weight)
            if embedding is not None:  # what is not known
                first_value[list(embedding["columns"])] = 0
        return self._found(
            self._build,
            architecture,
            features,
            target,
            self.missing,
            first_value,
            vocabulary,
            self._categories,
        )

    def _set_aside(self, given, validation, target, rng, incremental):
        """Samples to train on and those for early stopping or None; remember which."""
        held_out = None
        remembers = not incremental and (self._holds_out or self.warm_start)
        remembers = remembers and (self._sides is not None or self._holds_out)
        draws = self._holds_out and validation[0] is None
        if remembers:
            keys = sample_keys(given.X, target.identity(given.y))
            given = given._replace(keys=keys)
        if draws:
            stratify = target.stratify(given.y)
            given, held_out = split(
                given, self._sides, self.validation_fraction, stratify, rng
            )
        elif self._holds_out:
            held_out = self._read_validation(target, *validation)
            keys = sample_keys(held_out.X, target.identity(held_out.y))
            held_out = held_out._replace(keys=keys)
        sides = None
        if remembers:
            sides = nothing_seen() if self._sides is None else self._sides
            sides = remember(sides, given, held_out)
        self._sides = sides
        return given, held_out

    def _samples_an_epoch(self, n_samples, X):
        """How many an epoch has of so many samples, of which X are the sequences."""
        return n_samples

    def _auto_batch_size(self, n_samples):
        """The batch size for so many samples of an epoch."""
        return auto_batch_size(n_samples)

    def _epochs_of_plan(self, n_samples, batch_size, X):
        """How many epochs are enough where the learning rate has a plan."""
        return auto_epochs(n_samples, batch_size)

    def _feed(self, data, batch_size, X):
        """How the samples, of which X are the sequences, come to the training loop."""
        return Minibatches(data, batch_size, shuffle=self.shuffle)

    def _asked_architecture(self):
        """What the parameters say of the network, as `Network` takes it."""
        return {
            "hidden_layer_sizes": hidden_sizes(self),
            "dtype": precision(self),
            "cell": self._cell,
            "bidirectional": bool(self.bidirectional),
            "pooling": self.pooling,
        }

    # ---- what a fit has found ----------------------------------------------------

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Copies of all parameters, by PyTorch's names."""
        return fitted_of(self).weights

    def __getstate__(self):
        state = with_own_histories(super().__getstate__())
        if "_fitted" in state:
            state["_fitted"] = plain(state["_fitted"].state)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        state = vars(self).get("_fitted")
        if state is not None:
            self._fitted = self._found.of(
                self._build, state, features_of(self), self._target_of
            )

    def _reads_partition(self):
        """What makes valid sequences of a part of X, wherever it lies."""
        # of a class that workers have, and without the weights that tables begin with
        stand_in = next(kind for kind in type(self).__mro__ if _is_ours(kind))()
        for name in stand_in.get_params(deep=False):
            setattr(stand_in, name, getattr(self, name))
        stand_in.embedding_weights = None
        return partial(_valid_partition, stand_in, type(self).__name__)

    def _check_partition(self, name, X):
        """Valid sequences of a part of X, once an estimator with these parameters and
        this name can learn from them."""
        dtype = array_dtype(precision(self))
        X = validate_partition(X, name, self.missing, dtype)
        if not isinstance(self.categorical_features, str):
            check_ids(X, asked_embedding(self, features_of_valid(X)))
        return X

    # ---- predict ---------------------------------------------------------------

    def _predict(self, method, X, initial_state):
        """What the target decodes of the outputs for valid X."""
        fitted = fitted_of(self)
        raw = self._run(fitted, X, initial_state, _raw_outputs)
        warn_if_not_finite(raw, "prediction")
        return getattr(fitted.target, method)(raw)

    def _run(self, fitted, X, initial_state, read):
        """What `read` returns for a network, the X it reads, and a state or None."""
        with fitted.network() as network:
            state = None
            if initial_state is not None:
                state = self._check_state(
                    "initial_state", initial_state, network, fitted
                )
            return read(network, self._check_X(fitted, X, state), state)

    @staticmethod
    def _check_state(name, state, network, fitted):
        """A state once it is one of what is fitted, as its network takes it."""
        return check_state(name, state, network, fitted.kind)

    def _valid_X(self, fitted, X):
        """Valid X for what is fitted."""
        if fitted.categories is not None:
            X, _ = coded(X, fitted.categories)
        X = validate_sequences(
            self,
            X,
            reset=False,
            dtype=fitted.parameters.dtype,
            allow_nan=fitted.missing != "error",
            features=fitted.features,
        )
        check_ids(X, fitted.embedding)
        check_vocabulary(fitted.vocabulary, X)
        return X

    def _check_X(self, fitted, X, state=None):
        """Valid X as the fitted network reads it, from a state on that is checked."""
        X = self._valid_X(fitted, X)
        if state is None:
            return fitted.read(X)
        if state.n_sequences != len(X):
            raise ValueError(
                f"initial_state is of {state.n_sequences} sequence(s), but X has "
                f"{len(X)}. Pass a state of as many sequences as X has."
            )
        return fitted.read(X, state.seen)

    def __sklearn_is_fitted__(self):
        return "_fitted" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags


class BaseRecurrent(HiddenStates, Streaming, RecurrentCore):
    """Base class of the recurrent estimators that read sequences as they come.

    A fitted network can also be fed a step at a time (:meth:`predict_step`) and give
    its hidden states as features (:meth:`transform`).
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # `dtype` says which it is
        return tags


def _is_ours(kind):
    return kind.__module__.split(".")[0] == __name__.split(".")[0]


def _valid_partition(estimator, name, X):
    return estimator._check_partition(name, X)


def check_recurrent(estimator, wanted, shown=repr):
    """An error, which begins with what is wanted, unless this is one of ours."""
    if isinstance(estimator, BaseRecurrent):
        return
    if isinstance(estimator, type):
        advice = f"an instance, such as {estimator.__name__}(hidden_layer_sizes=8)"
    elif hasattr(estimator, "best_estimator_"):
        advice = "its best_estimator_, or the last step of that"
    elif hasattr(estimator, "steps"):
        advice = "its last step, pipeline[-1]: the weights are of that alone"
    else:
        advice = "an LSTM, GRU or RNN classifier or regressor"
    raise TypeError(f"{wanted}, got {shown(estimator)}. Pass {advice}.")


def _raw_outputs(network, X, state):
    begin = beginning(state)
    if state is not None:
        begin["pooled"] = state.pooled
    raw = network.predict(*X._as_rows(), **begin)
    return raw.astype(np.float64)
