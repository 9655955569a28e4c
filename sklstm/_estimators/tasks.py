"""Classification and regression with any recurrent family: targets and predictions."""

import warnings
from abc import ABCMeta
from contextlib import suppress
from numbers import Real

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from .._network.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    HalfPoissonDeviance,
    Huber,
    Pinball,
    SoftmaxCrossEntropy,
    SquaredError,
)
from .._sklearn.private import Interval, StrOptions
from .._targets.reading import (
    check_label_kinds,
    check_numbers,
    check_one_each,
    read_values,
)
from .._targets.units import (
    ENOUGH,
    FEW,
    ROBUST,
    Seen,
    distinct,
    mean_and_scale,
    quantiles,
    same_units,
    units_of,
)
from .._training.optimizers import rescaled
from .._training.samples import check_score_weight, check_total_weight
from .base import BaseRecurrent, takes_minibatches

# Standardised targets that differ by no more are equal up to rounding.
CONSTANT = 1e-12


def _require_y(estimator, y):
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )


def _valid_levels(quantile):
    """The levels of the quantiles: a float, or a tuple of them."""
    if isinstance(quantile, Real):
        return float(quantile)  # within its constraint
    advice = (
        "It must be a number between 0 and 1, both excluded, or a list of such "
        "numbers, each another one."
    )
    try:
        levels = np.asarray(quantile)
        if levels.dtype.kind not in "fiu":
            raise ValueError("these are not all numbers")
        levels = levels.astype(np.float64)
    except ValueError as error:
        raise ValueError(f"quantile={quantile!r}: {error}. {advice}") from error
    if levels.ndim != 1 or not len(levels):
        raise ValueError(f"quantile={quantile!r} has shape {levels.shape}. {advice}")
    for level in levels[~((levels > 0) & (levels < 1))]:
        raise ValueError(f"quantile={quantile!r} holds {level:g}. {advice}")
    distinct, counts = np.unique(levels, return_counts=True)
    if len(distinct) < len(levels):
        twice = distinct[counts > 1][0]
        raise ValueError(f"quantile={quantile!r} holds {twice:g} twice. {advice}")
    return tuple(levels.tolist())


def _describe(loss, parameter):
    """A loss in the words of its parameters."""
    names = {"quantile": "quantile", "huber": "huber_delta"}
    if loss not in names:
        return f"loss={loss!r}"
    if isinstance(parameter, tuple):
        parameter = list(parameter)
    return f"loss={loss!r} with {names[loss]}={parameter}"


def _valid_classes(classes):
    """The labels that are given to `partial_fit`, sorted."""
    try:
        unique = np.unique(column_or_1d(read_values(classes, "classes")))
        if not unique.size:
            raise ValueError("it is empty")
        if unique.dtype.kind == "f" and not np.isfinite(unique).all():
            raise ValueError("it contains NaN or infinity")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"classes={classes!r} is not a 1-D array of labels: {error}"
        ) from error
    return unique


def _check_class_weights(class_weight, items):
    """Say which weight of a class is no real number, in any of these dicts."""
    for weights in items:
        if not isinstance(weights, dict):
            continue
        for label, weight in weights.items():
            if not isinstance(weight, (str, bytes)) and np.ndim(weight) == 0:
                with suppress(TypeError, ValueError, OverflowError):
                    float(weight)
                    continue
            raise ValueError(
                f"class_weight={class_weight!r} has {weight!r} for class {label!r}, "
                "which is no real number. Weights must be zero or positive numbers."
            )


class RecurrentClassifier(ClassifierMixin, BaseRecurrent, metaclass=ABCMeta):
    """Classification of sequences: binary, multiclass and multilabel."""

    _parameter_constraints = {
        **BaseRecurrent._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    @available_if(takes_minibatches)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Make one pass over the given data.

        The optimizer goes on where it was. The learning rate follows the schedules
        "constant" and "invscaling"; the others need to see whole fits and stay at
        `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. As in
            :class:`~sklearn.linear_model.SGDClassifier` they count as they are, since
            the samples to come are not known: the loss of a minibatch of B samples is
            ``sum(w_i * loss_i) / B``.

        classes : array-like of shape (n_classes,), default=None
            All labels there will ever be. Needed at the first call, unless y is
            multilabel.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also if y holds a label that is not in `classes`, if
            `classes` is missing at the first call or differs at a later one, or with
            ``early_stopping=True``.
        """
        self._commit(X, y, sample_weight, classes=classes, incremental=True)
        return self

    # ---- targets ---------------------------------------------------------------

    def _check_parameters(self, validation, groups, incremental):
        super()._check_parameters(validation, groups, incremental)
        given = self.class_weight
        given = given if isinstance(given, list) else [given]
        _check_class_weights(self.class_weight, given)
        if incremental and any(isinstance(w, str) for w in given):
            # in the words of SGDClassifier
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order to "
                "use 'balanced' weights, use compute_class_weight('balanced', "
                "classes=classes, y=y). In place of y you can use a large enough "
                "sample of the full training set target to properly estimate the class "
                "frequency distributions. Pass the resulting weights as the "
                "class_weight parameter."
            )

    def _check_y(self, y, warn=True):
        _require_y(self, y)
        check_label_kinds(y)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=self)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=warn)
        try:
            if y.dtype.kind == "f" and (y % 1 != 0).any():
                index = tuple(np.argwhere(y % 1 != 0)[0].tolist())
                kind = "continuous" + ("-multioutput" if y.ndim > 1 else "")
                raise ValueError(
                    f"Unknown label type: {kind}. Labels are text or whole numbers, "
                    f"but y has {y[index]:g} at sample {index[0]}. For numbers use a "
                    "regressor; np.argmax(y, axis=1) makes labels of probabilities."
                )
            check_classification_targets(y)
            np.unique(y)
        except TypeError as error:
            raise TypeError(
                f"y holds labels that cannot be compared with each other: {error}"
            ) from error
        return y

    def _inspect_target(self, y, sample_weight, classes, incremental):
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y holds several multiclass targets. Multilabel y, of zeros and ones, "
                "is supported; for multiclass outputs wrap the estimator in "
                "sklearn.multioutput.MultiOutputClassifier."
            )
        self._multilabel = kind == "multilabel-indicator"
        if self._multilabel:
            self.classes_ = np.arange(y.shape[1])
            if classes is not None and not np.array_equal(
                _valid_classes(classes), self.classes_
            ):
                raise ValueError(
                    f"classes={classes!r} does not fit multilabel y of {y.shape[1]} "
                    "labels: leave it out, the columns of y are the labels."
                )
            self.n_outputs_ = self._n_raw_outputs = y.shape[1]
            return
        if incremental and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "there will ever be, since later calls may bring others than this y."
            )
        self.classes_ = np.unique(y) if classes is None else _valid_classes(classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but the "
                f"data contain only one class: {self.classes_.tolist()[0]!r}."
            )
        self._check_labels(y)
        n_classes = len(self.classes_)
        self.n_outputs_ = self._n_raw_outputs = 1 if n_classes == 2 else n_classes

    def _check_labels(self, y):
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y contains labels that are not in classes: {unknown.tolist()}; "
                f"classes are {self.classes_.tolist()}."
            )

    def _check_same_target(self, y, classes):
        multilabel = type_of_target(y) == "multilabel-indicator"
        if multilabel != self._multilabel or (
            multilabel and y.shape[1] != self.n_outputs_
        ):
            raise ValueError(
                "y is of another kind than in the first fit: labels were "
                f"{'multilabel' if self._multilabel else 'one per sample'}, with "
                f"{self.n_outputs_} outputs; got y of shape {y.shape}."
            )
        if classes is not None and not np.array_equal(
            self.classes_, _valid_classes(classes)
        ):
            raise ValueError(
                f"classes={np.asarray(classes).tolist()} is not the same as in the "
                f"first call of partial_fit: {self.classes_.tolist()}."
            )
        if not multilabel:
            self._check_labels(y)

    def _check_all_classes(self, y):
        if self._multilabel:
            return
        found = np.unique(y)
        if len(found) < len(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has "
                f"{found}. Set warm_start=False to start anew, or call partial_fit, "
                "which takes some of the classes."
            )

    def _encode_target(self, y):
        if self._multilabel:
            return y.astype(np.float64)
        index = np.searchsorted(self.classes_, y)
        return index if self._n_raw_outputs > 1 else index[:, np.newaxis].astype(float)

    def _combine_weights(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        if self._multilabel and self.class_weight == "balanced":
            # the product over the labels, as compute_sample_weight has it, which knows
            # no sample weights
            weight = np.ones(len(y))
            for column in y.T:
                weight *= self._balanced_weights(column, sample_weight)
        elif self._multilabel:
            try:
                weight = compute_sample_weight(self.class_weight, y)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"class_weight={self.class_weight!r} does not fit multilabel y of "
                    f"{y.shape[1]} labels, which takes a list of a dict for each: "
                    f"{error}"
                ) from error
        elif self.class_weight == "balanced":
            weight = self._balanced_weights(y, sample_weight)
        elif not isinstance(self.class_weight, dict):
            raise ValueError(
                f"class_weight={self.class_weight!r} is a list, which is for "
                "multilabel y only. Pass a dict from class to weight, or 'balanced'."
            )
        else:
            by_class = compute_class_weight(
                self.class_weight, classes=self.classes_, y=y
            )
            weight = by_class[np.searchsorted(self.classes_, y)]
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError(
                f"class_weight={self.class_weight!r} holds weights that are negative "
                "or not finite. Weights must be zero or positive numbers."
            )
        what = f"class_weight={self.class_weight!r}"
        if not weight.any():
            raise ValueError(
                f"{what} gives every sample a weight of zero: there is nothing to fit. "
                "Give a class of y a positive weight."
            )
        if sample_weight is not None:
            with np.errstate(over="ignore", under="ignore"):
                weight = weight * sample_weight
            what += " times sample_weight"
        check_total_weight(weight, what)
        return weight

    @staticmethod
    def _balanced_weights(y, sample_weight):
        classes = np.unique(y)
        by_class = compute_class_weight(
            "balanced", classes=classes, y=y, sample_weight=sample_weight
        )
        return by_class[np.searchsorted(classes, y)]

    def _make_loss(self):
        if self._multilabel or self._n_raw_outputs == 1:
            return BinaryCrossEntropy()
        return SoftmaxCrossEntropy()

    def _head_bias(self, target, sample_weight):
        # Half a sample for what is not there keeps the logarithm finite.
        least = 0.5 / len(target)
        if target.ndim == 2:
            prior = np.average(target, axis=0, weights=sample_weight)
            prior = np.clip(prior, least, 1 - least)
            return np.log(prior) - np.log1p(-prior)
        counts = np.bincount(
            target, weights=sample_weight, minlength=self._n_raw_outputs
        )
        return np.log(np.maximum(counts / counts.sum(), least))

    def _target_values(self, y):
        return self._encode_target(y)

    def _make_validation_score(self, y, sample_weight):
        target, loss = self._encode_target(y), self._make_loss()

        def score(raw):
            value, _ = loss.value_and_gradient(raw, target, sample_weight)
            if self._multilabel:
                # the loss is a sum over the labels
                return -value / target.shape[1], value
            accuracy = accuracy_score(y, self._labels(raw), sample_weight=sample_weight)
            return accuracy, value

        return score

    def _stratify(self, y):
        return None if self._multilabel else y

    # ---- predictions -----------------------------------------------------------

    def _labels(self, raw):
        if self._multilabel:
            return (raw > 0).astype(int)
        index = raw.argmax(axis=1) if raw.shape[1] > 1 else (raw[:, 0] > 0).astype(int)
        return self.classes_[index]

    def _scores(self, raw):
        return raw[:, 0] if raw.shape[1] == 1 and not self._multilabel else raw

    def _probabilities(self, raw):
        if self._multilabel:
            return expit(raw)
        if raw.shape[1] == 1:
            return np.hstack([expit(-raw), expit(raw)])
        with np.errstate(invalid="ignore"):  # which has been said
            return softmax(raw, axis=1)

    def _log_probabilities(self, raw):
        if self._multilabel:
            return log_expit(raw)
        if raw.shape[1] == 1:
            return np.hstack([log_expit(-raw), log_expit(raw)])
        with np.errstate(invalid="ignore"):
            return log_softmax(raw, axis=1)

    _step_methods = {
        "predict": _labels,
        "predict_proba": _probabilities,
        "predict_log_proba": _log_probabilities,
        "decision_function": _scores,
    }

    def decision_function(self, X, *, initial_state=None):
        """Raw outputs of the head, before softmax or the logistic function.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes the log-odds of ``classes_[1]``; otherwise one column for
            each class or label.
        """
        fitted = self._as_fitted()
        return fitted._scores(fitted._raw_outputs(X, initial_state))

    def predict(self, X, *, initial_state=None):
        """Predict labels.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each sequence; for multilabel targets the labels
            of probability above one half.
        """
        fitted = self._as_fitted()
        return fitted._labels(fitted._raw_outputs(X, initial_state))

    def predict_proba(self, X, *, initial_state=None):
        """Predict probabilities of the classes.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. For multilabel targets the probability of each
            label.
        """
        fitted = self._as_fitted()
        with np.errstate(under="ignore"):
            return fitted._probabilities(fitted._raw_outputs(X, initial_state))

    def predict_log_proba(self, X, *, initial_state=None):
        """Predict logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Computed without going through the probabilities, so finite where these
            round to zero.
        """
        fitted = self._as_fitted()
        with np.errstate(under="ignore"):
            return fitted._log_probabilities(fitted._raw_outputs(X, initial_state))

    def score(self, X, y, sample_weight=None):
        """Accuracy of the predictions; for multilabel targets that of whole samples.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The share of samples, by weight, of which all labels are right.
        """
        predicted = self.predict(X)
        y = self._check_y(y, warn=False)
        check_one_each(X, y, "y")
        sample_weight = check_score_weight(sample_weight, y, self)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class RecurrentRegressor(RegressorMixin, BaseRecurrent, metaclass=ABCMeta):
    """Regression on sequences, of one or several outputs."""

    _parameter_constraints = {
        **BaseRecurrent._parameter_constraints,
        "loss": [
            StrOptions(
                {"squared_error", "absolute_error", "huber", "poisson", "quantile"}
            )
        ],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }

    # What `Seen` knows of each column of y while its units follow, None for the others.
    # Estimators that were saved without it keep their units.
    _first_targets = None

    def _check_parameters(self, *args):
        super()._check_parameters(*args)
        _valid_levels(self.quantile)

    @available_if(takes_minibatches)
    def partial_fit(self, X, y, sample_weight=None):
        """Make one pass over the given data.

        Centre and scale by which targets are standardised, and where the head's bias
        starts, come from the y of the first call. If that is short they follow the
        targets of later calls, until 100 have been seen, of which the most common value
        counts once: predictions stay as they are. Those of fewer than 10 are a guess:
        from one sample, from few, or from a constant no scale can be told. Then the raw
        outputs stay instead, and predictions move with the centre and scale. With
        `missing`, what stands for values before the first observed one is that of the
        first call. The optimizer goes on where it was. The learning rate follows the
        schedules "constant" and "invscaling"; the others need to see whole fits and
        stay at `learning_rate_init`. Not available with ``solver="lbfgs"``.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. As in
            :class:`~sklearn.linear_model.SGDRegressor` they count as they are, since
            the samples to come are not known: the loss of a minibatch of B samples is
            ``sum(w_i * loss_i) / B``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`; also with ``early_stopping=True``.

        Warns
        -----
        UserWarning
            At the first call, if its targets are too few to tell the scale of y.
        """
        self._commit(X, y, sample_weight, incremental=True)
        return self

    # ---- targets ---------------------------------------------------------------

    def _check_y(self, y):
        _require_y(self, y)
        y = self._numbers(y)
        if self.loss == "poisson" and (y < 0).any():
            sample, *column = np.argwhere(y < 0)[0].tolist()
            where = f"sample {sample}" + "".join(f", output {k}" for k in column)
            raise ValueError(
                f"Negative values in y: {where} has target {y[sample, *column]:g}. "
                "loss='poisson' needs targets of zero or more; for others use another "
                "loss."
            )
        return y

    def _numbers(self, y):
        hint = " For labels use a classifier, or encode them as numbers."
        return check_numbers(y, "y", self, hint)

    def _loss_parameters(self):
        """The name of the loss and what else determines it."""
        parameter = None
        if self.loss == "quantile":
            parameter = _valid_levels(self.quantile)
        elif self.loss == "huber":
            parameter = float(self.huber_delta)
        return self.loss, parameter

    @property
    def _has_many_quantiles(self):
        """Whether predictions have an axis of quantiles."""
        return isinstance(self._fitted_loss[1], tuple)

    def _inspect_target(self, y, sample_weight, classes, incremental):
        columns = y.reshape(len(y), -1)
        self._target_ndim = y.ndim
        self._fitted_loss = self._loss_parameters()
        self._n_raw_outputs = columns.shape[1]
        if self._has_many_quantiles:
            self._n_raw_outputs *= len(self._fitted_loss[1])
        self.n_outputs_ = self._n_raw_outputs
        if self.loss == "poisson":
            self._check_counts(y)
        seen = [Seen.of(column, sample_weight) for column in columns.T]
        units, known = self._units_of(seen)
        self._set_units(units, columns)
        if incremental and self.loss != "poisson":  # which has no units
            self._warn_of_few(seen)
        enough = [column.n_telling >= ENOUGH for column in seen]
        self._keep_seen(seen, enough if incremental else known)

    def _keep_seen(self, seen, enough):
        """Keep the targets of columns whose units are not known well enough."""
        self._first_targets = None
        if not all(enough):
            self._first_targets = [
                None if is_enough else np.array(column)
                for column, is_enough in zip(seen, enough, strict=True)
            ]

    def _units_of(self, seen):
        """Centre and scale of each column (K, 2), and whether the scale is known."""
        if self._fitted_loss[0] == "poisson":
            return np.tile([0.0, 1.0], (len(seen), 1)), np.ones(len(seen), dtype=bool)
        robust = self._fitted_loss[0] in ROBUST
        with np.errstate(over="ignore", invalid="ignore"):
            units = np.array(
                [units_of(column.values, column.weight, robust) for column in seen]
            )
        known = units[:, 1] != 0
        units[~known, 1] = 1.0
        return units, known

    def _set_units(self, units, columns):
        """Set centre and scale, if the targets are numbers in these units."""
        self._target_mean, self._target_scale = units.T.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = self._encode_target(columns)
        if not (np.isfinite(encoded).all() and np.isfinite(units).all()):
            raise ValueError(
                f"y spans {columns.min():g} to {columns.max():g}, too wide for its "
                "differences to be numbers. Scale y."
            )

    @staticmethod
    def _warn_of_few(seen):
        k, column = next(
            ((k, c) for k, c in enumerate(seen) if c.n_telling < FEW), (None, None)
        )
        if column is None:
            return
        which = "y" if len(seen) == 1 else f"output {k} of y"
        most = column.count.argmax()
        warnings.warn(
            f"The first call of partial_fit has {column.n_samples} target(s) of "
            f"{which}, {int(column.count[most])} of them {column.values[most]:g}: too "
            "few to tell the scale of y. Its centre and scale follow the targets of "
            f"later calls, until at least {ENOUGH} are seen. Pass a typical part of "
            "the data at the first call, where there is one.",
            stacklevel=8,
        )

    def _follow_target(self, y, sample_weight):
        """Let centre and scale follow the targets, as long as they are a guess.

        Predictions in the units of y stay as they are, raw' = (raw s + m - m') / s',
        unless these are of a few targets, which say nothing of the scale: then raw
        outputs stay, but for the best constant, where training starts.
        """
        if self._first_targets is None:
            return
        columns = y.reshape(len(y), -1)
        before = [seen if seen is None else Seen(*seen) for seen in self._first_targets]
        follow = [k for k, seen in enumerate(before) if seen is not None]
        after = {
            k: before[k].and_also(Seen.of(columns[:, k], sample_weight)) for k in follow
        }
        old = np.c_[self._target_mean, self._target_scale]
        units = old.copy()
        new, _ = self._units_of([after[k] for k in follow])
        for k, pair in zip(follow, new, strict=True):
            if not same_units(old[k], pair):
                units[k] = pair
        self._set_units(units, columns)
        a, b = np.ones(len(before)), np.zeros(len(before))
        start = np.zeros((len(before), self._n_raw_outputs // len(before)))
        for k in follow:
            (m, s), (new_m, new_s) = old[k], units[k]
            if before[k].n_telling >= FEW:
                a[k], b[k] = s / new_s, (m - new_m) / new_s
                continue
            was, now = (
                self._best_constant((seen.values - m) / s, seen.weight, seen.n_samples)
                for seen, (m, s) in ((before[k], old[k]), (after[k], units[k]))
            )
            start[k] = now - was
        self._change_head(a, b, start.ravel())
        if (units != old).any():
            self.best_loss_ = None  # it was in other units
        self._keep_seen(
            [after.get(k) for k in range(len(before))],
            [
                k not in after or after[k].n_telling >= ENOUGH
                for k in range(len(before))
            ],
        )

    def _change_head(self, a, b, start):
        """Let the head give a raw + b + start, and the optimizer know of it."""
        if (a == 1).all() and not (b.any() or start.any()):
            return
        network = self._make_network()
        parameters = self._parameters.copy()
        head = network.views(parameters)["head"]
        if (a != 1).any() or b.any():
            loss = self._make_loss()
            weight, bias = loss.in_other_units(
                *(head[name].astype(np.float64) for name in "wb"), a, b
            )
            head["w"][:], head["b"][:] = weight, bias
            # Differences are a times as large, and what goes back through the head
            # again; where outputs differ in a, their mean.
            factor = np.full(len(parameters), np.mean(a**loss.degree))
            by_output = np.repeat(a ** (loss.degree - 1), self._n_raw_outputs // len(a))
            for part in network.views(factor)["head"].values():
                part[:] = by_output
            state = rescaled(self._optimizer_state, factor)
            self._optimizer_state = state or {"solver": None}
        head["b"] += start.astype(head["b"].dtype)
        self._parameters = parameters

    @staticmethod
    def _check_counts(y):
        """The logarithm of the mean is where training starts."""
        nothing = np.flatnonzero(~y.reshape(len(y), -1).any(axis=0))
        if len(nothing):
            which = "y" if y.ndim == 1 else f"Output {nothing[0]} of y"
            raise ValueError(
                f"{which} is 0 for all {len(y)} samples. loss='poisson' needs targets "
                "with a sum above zero: pass samples with other targets, or use "
                "another loss."
            )

    def _check_same_target(self, y, classes):
        if self._loss_parameters() != self._fitted_loss:
            name, parameter = self._fitted_loss
            loss, other = self._loss_parameters()
            raise ValueError(
                "loss, quantile and huber_delta cannot change between fits that "
                f"continue: the fitted network has {_describe(name, parameter)}, the "
                f"parameters say {_describe(loss, other)}. Set warm_start=False and "
                "call fit to start anew."
            )
        self._check_n_outputs(y)
        if y.ndim != self._target_ndim:
            expected = "(n_samples,)" if y.ndim > 1 else "(n_samples, 1)"
            warnings.warn(
                f"y has shape {y.shape}, but that of the first fit was {expected}: "
                "predictions keep that shape. Change the shape of y by y.ravel() or "
                "y.reshape(-1, 1).",
                DataConversionWarning,
                stacklevel=7,
            )

    def _check_n_outputs(self, y):
        n_targets = len(self._target_mean)
        if y.reshape(len(y), -1).shape[1] != n_targets:
            raise ValueError(
                f"y has shape {y.shape}, but the first fit had {n_targets} outputs."
            )

    def _encode_target(self, y):
        return (y.reshape(len(y), -1) - self._target_mean) / self._target_scale

    def _combine_weights(self, y, sample_weight):
        return sample_weight

    def _make_loss(self):
        name, parameter = self._fitted_loss
        if name == "quantile":
            return Pinball(np.sort(np.atleast_1d(parameter)))
        if name == "huber":
            return Huber(parameter)
        return {
            "squared_error": SquaredError,
            "absolute_error": AbsoluteError,
            "poisson": HalfPoissonDeviance,
        }[name]()

    def _head_bias(self, target, sample_weight):
        """What predicts best without X (for "huber" the median, which is near it)."""
        return np.ravel(
            [
                self._best_constant(*distinct(column, sample_weight), len(target))
                for column in target.T
            ]
        )

    def _best_constant(self, values, weight, n_samples):
        """Raw outputs for a column of the target, of distinct standardised values."""
        name, _ = self._fitted_loss
        if name == "squared_error":
            return np.zeros(1)  # the mean of the target
        if name == "poisson":
            mean, _ = mean_and_scale(values, weight)
            # Half an event for none: a validation part may have taken them all.
            return np.log([mean if mean > 0 else 0.5 / n_samples])
        if name != "quantile":
            return quantiles(values, weight, [0.5])
        loss = self._make_loss()
        return loss.raw_outputs([quantiles(values, weight, loss.levels)])[0]

    def _usual_loss(self, outputs):
        # the variance of counts is their mean
        counts = self._fitted_loss[0] == "poisson"
        return max(1.0, float(np.exp(np.max(outputs)))) if counts else 1.0

    def _target_values(self, y):
        return y.reshape(len(y), -1)

    def _make_validation_score(self, y, sample_weight):
        target, loss = self._encode_target(y), self._make_loss()
        # R² is the same in standardised units, whose squares do not overflow.
        by_r2 = self._fitted_loss[0] == "squared_error"
        constant = np.flatnonzero(np.ptp(target, axis=0) <= CONSTANT)
        if by_r2 and len(constant):
            which = "y" if y.ndim == 1 else f"output {constant[0]} of y"
            warnings.warn(
                f"{which} is constant in the validation part ({len(y)} samples, value "
                f"{y.reshape(len(y), -1)[0, constant[0]]:g}), so that R² is not "
                "defined. Early stopping goes by minus the loss, which is in "
                "validation_scores_ instead. For R² set a larger validation_fraction, "
                "or pass X_val and y_val with different targets.",
                stacklevel=8,
            )
            by_r2 = False

        def score(raw):
            value, _ = loss.value_and_gradient(raw, target, sample_weight)
            if by_r2:
                return r2_score(target, raw, sample_weight=sample_weight), value
            return -value, value

        return score

    def _stratify(self, y):
        return None

    def _head(self, network, parameters):
        weight, bias = super()._head(network, parameters)
        if self._has_many_quantiles:
            # Increments have no units before softplus.
            return weight.astype(np.float64), bias.astype(np.float64)
        scale = self._target_scale
        return weight * scale[:, np.newaxis], bias * scale + self._target_mean

    # ---- predictions -----------------------------------------------------------

    def _in_units_of_y(self, raw):
        scale, mean = self._target_scale, self._target_mean
        if self._fitted_loss[0] in ("squared_error", "absolute_error", "huber"):
            values = raw * scale  # no link: a stream does this at every step
            values += mean
            return values[:, 0] if self._target_ndim == 1 else values
        loss = self._make_loss()
        with np.errstate(invalid="ignore"):
            values = loss.inverse_link(raw)
        if isinstance(loss, Pinball):
            values = values * scale[:, np.newaxis] + mean[:, np.newaxis]
            if self._has_many_quantiles:
                place = np.argsort(np.argsort(self._fitted_loss[1]))
                values = values[..., place]
            else:
                values = values[..., 0]
        else:
            values = values * scale + mean
        return values[:, 0] if self._target_ndim == 1 else values

    _step_methods = {"predict": _in_units_of_y}

    def predict(self, X, *, initial_state=None):
        """Predict targets.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted targets, in the units of y: means, medians or the quantile,
            as the loss has it. With a list of quantiles there is one more axis, of
            shape (n_quantiles,), in the order of `quantile`; the values along it never
            cross.
        """
        fitted = self._as_fitted()
        with np.errstate(under="ignore"):
            return fitted._in_units_of_y(fitted._raw_outputs(X, initial_state))

    def score(self, X, y, sample_weight=None):
        """R² of the predictions; with a list of quantiles the mean of their D².

        R² is that of :func:`sklearn.metrics.r2_score`, for every loss that predicts one
        number for each target. D² is :func:`sklearn.metrics.d2_pinball_score`, the
        share of the pinball loss of the best constant that is not left: 1 is the best,
        0 what the quantiles of y alone are worth. Both are averaged over outputs.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The true targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            The score.
        """
        fitted = self._as_fitted()
        predicted = fitted.predict(X)
        _require_y(self, y)
        y = fitted._numbers(y)
        check_one_each(X, y, "y")
        fitted._check_n_outputs(y)
        sample_weight = check_score_weight(sample_weight, y, self)
        with np.errstate(under="ignore"):
            if not fitted._has_many_quantiles:
                # R² is the same in other units; near one no square overflows
                exponent = -np.frexp(np.abs(y).max(axis=0))[1]
                return r2_score(
                    np.ldexp(y, exponent),
                    np.ldexp(predicted, exponent),
                    sample_weight=sample_weight,
                )
            scores = [
                d2_pinball_score(y, values, sample_weight=sample_weight, alpha=level)
                for level, values in zip(
                    fitted._fitted_loss[1], np.moveaxis(predicted, -1, 0), strict=True
                )
            ]
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
