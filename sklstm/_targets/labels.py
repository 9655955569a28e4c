"""Labels: two classes, several, or several labels of zeros and ones at once.

`LabelReader` says what may be labels; the fit makes one of the three kinds of target,
which encodes y and decodes raw outputs. Targets are never changed.
"""

from contextlib import suppress

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from .._network.losses import BinaryCrossEntropy, SoftmaxCrossEntropy
from .reading import check_label_kinds, check_total_weight, read_values, require_y


def valid_classes(classes):
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


class LabelReader:
    """What an estimator of this name takes as labels, and what they make it learn."""

    def __init__(self, name, class_weight=None):
        self.name = name
        self.class_weight = class_weight

    def check_parameters(self, incremental):
        """Say which weight of a class is no real number."""
        class_weight = self.class_weight
        items = class_weight if isinstance(class_weight, list) else [class_weight]
        for weights in items:
            for label, weight in weights.items() if isinstance(weights, dict) else ():
                if not isinstance(weight, (str, bytes)) and np.ndim(weight) == 0:
                    with suppress(TypeError, ValueError, OverflowError):
                        float(weight)
                        continue
                raise ValueError(
                    f"class_weight={class_weight!r} has {weight!r} for class "
                    f"{label!r}, which is no real number. Weights must be zero or "
                    "positive numbers."
                )
        if incremental and any(isinstance(weights, str) for weights in items):
            # in the words of SGDClassifier
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order to "
                "use 'balanced' weights, use compute_class_weight('balanced', "
                "classes=classes, y=y). In place of y you can use a large enough "
                "sample of the full training set target to properly estimate the class "
                "frequency distributions. Pass the resulting weights as the "
                "class_weight parameter."
            )

    def check(self, y, warn=True):
        """Valid labels, (n,) or for several at once (n, K)."""
        require_y(y, self.name)
        check_label_kinds(y)
        y = check_array(
            y, ensure_2d=False, dtype=None, input_name="y", estimator=self.name
        )
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

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid y."""
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y holds several multiclass targets. Multilabel y, of zeros and ones, "
                "is supported; for multiclass outputs wrap the estimator in "
                "sklearn.multioutput.MultiOutputClassifier; for a label at every step "
                "use LSTMTagger."
            )
        if kind == "multilabel-indicator":
            target = Multilabel(np.arange(y.shape[1]))
            if classes is not None and not np.array_equal(
                valid_classes(classes), target.classes
            ):
                raise ValueError(
                    f"classes={classes!r} does not fit multilabel y of {y.shape[1]} "
                    "labels: leave it out, the columns of y are the labels."
                )
            return target
        if incremental and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "there will ever be, since later calls may bring others than this y."
            )
        classes = np.unique(y) if classes is None else valid_classes(classes)
        if len(classes) < 2:
            raise ValueError(
                f"{self.name} needs samples of at least 2 classes, but the "
                f"data contain only one class: {classes.tolist()[0]!r}."
            )
        target = (Binary if len(classes) == 2 else Multiclass)(classes)
        target.check_known(y)
        return target

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another kind of target, or other labels."""
        several = type_of_target(y) == "multilabel-indicator"
        if several != target.multilabel or (several and y.shape[1] != target.n_outputs):
            raise ValueError(
                "y is of another kind than in the first fit: labels were "
                f"{'multilabel' if target.multilabel else 'one per sample'}, with "
                f"{target.n_outputs} outputs; got y of shape {y.shape}."
            )
        if classes is not None and not np.array_equal(
            target.classes, valid_classes(classes)
        ):
            raise ValueError(
                f"classes={np.asarray(classes).tolist()} is not the same as in the "
                f"first call of partial_fit: {target.classes.tolist()}."
            )
        target.check_known(y)

    def weigh(self, target, y, sample_weight):
        """y, and sample weights times those of the classes."""
        if self.class_weight is None:
            return y, sample_weight
        weight = target.class_weights(self.class_weight, y, sample_weight)
        what = f"class_weight={self.class_weight!r}"
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError(
                f"{what} holds weights that are negative or not finite. Weights must "
                "be zero or positive numbers."
            )
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
        return y, weight


def _balanced_weights(y, sample_weight):
    classes = np.unique(y)
    by_class = compute_class_weight(
        "balanced", classes=classes, y=y, sample_weight=sample_weight
    )
    return by_class[np.searchsorted(classes, y)]


# ---- the three kinds -----------------------------------------------------------------


class Labels:
    """One label of `classes` (sorted) for each sequence."""

    multilabel = False
    # What a network has to know of them beside their number.
    head = {}
    # What predict_step may be asked for.
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")

    def __init__(self, classes):
        self.classes = classes

    @property
    def state(self):
        """Plain types, of which `labels_of` makes the target again."""
        return {"classes": self.classes, "multilabel": self.multilabel}

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {"classes_": self.classes, "n_outputs_": self.n_outputs}

    @property
    def score_name(self):
        return self.loss.score_name

    def check_known(self, y):
        """Say which labels are none of the classes."""
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"y contains labels that are not in classes: {unknown.tolist()}; "
                f"classes are {self.classes.tolist()}."
            )

    def check_whole(self, y):
        """Say when y of a whole fit that goes on lacks a class of the first one."""
        found = np.unique(y)
        if len(found) < len(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes}, `y` has "
                f"{found}. Set warm_start=False to start anew, or call partial_fit, "
                "which takes some of the classes."
            )

    def follow(self, y, sample_weight):
        """This target, which nothing changes, and no change of the head."""
        return self, None

    def encode(self, y):
        """What the loss compares outputs with."""
        return np.searchsorted(self.classes, y)

    def identity(self, y):
        """y in numbers that are the same in every fit that goes on."""
        return self.encode(y)

    def stratify(self, y):
        """What to stratify a split by, or None."""
        return y

    def class_weights(self, class_weight, y, sample_weight):
        """A weight for each sample."""
        if class_weight == "balanced":
            return _balanced_weights(y, sample_weight)
        if not isinstance(class_weight, dict):
            raise ValueError(
                f"class_weight={class_weight!r} is a list, which is for "
                "multilabel y only. Pass a dict from class to weight, or 'balanced'."
            )
        by_class = compute_class_weight(class_weight, classes=self.classes, y=y)
        return by_class[np.searchsorted(self.classes, y)]

    def scorer(self, y, sample_weight):
        """Raw outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)

        def score(raw):
            value, _ = self.loss.value_and_gradient(raw, target, sample_weight)
            predicted = self.predict(raw)
            return accuracy_score(y, predicted, sample_weight=sample_weight), value

        return score

    @staticmethod
    def head_in_units(weight, bias):
        return weight, bias


class Binary(Labels):
    """One output, the log-odds of the second class."""

    n_outputs = 1
    loss = BinaryCrossEntropy()

    def encode(self, y):
        return super().encode(y)[:, np.newaxis].astype(float)

    def predict(self, raw):
        return self.classes[(raw[:, 0] > 0).astype(int)]

    def predict_proba(self, raw):
        with np.errstate(under="ignore"):
            return np.hstack([expit(-raw), expit(raw)])

    def predict_log_proba(self, raw):
        with np.errstate(under="ignore"):
            return np.hstack([log_expit(-raw), log_expit(raw)])

    def decision_function(self, raw):
        return raw[:, 0]


class Multiclass(Labels):
    """An output for each class."""

    def __init__(self, classes):
        super().__init__(classes)
        self.n_outputs = len(classes)
        self.loss = SoftmaxCrossEntropy(self.n_outputs)

    def predict(self, raw):
        return self.classes[raw.argmax(axis=1)]

    def predict_proba(self, raw):
        with np.errstate(invalid="ignore", under="ignore"):  # the one has been said
            return softmax(raw, axis=1)

    def predict_log_proba(self, raw):
        with np.errstate(invalid="ignore", under="ignore"):
            return log_softmax(raw, axis=1)

    def decision_function(self, raw):
        return raw


class Multilabel(Labels):
    """An output for each label, which is 0 or 1."""

    multilabel = True
    loss = BinaryCrossEntropy()
    score_name = "score (negative loss)"

    @property
    def n_outputs(self):
        return len(self.classes)

    def check_known(self, y):
        """Zeros and ones are."""

    def check_whole(self, y):
        """It has a column for every label."""

    def encode(self, y):
        return y.astype(np.float64)

    def stratify(self, y):
        return None

    def class_weights(self, class_weight, y, sample_weight):
        if class_weight == "balanced":
            # the product over the labels, as compute_sample_weight has it, which knows
            # no sample weights
            weight = np.ones(len(y))
            for column in y.T:
                weight *= _balanced_weights(column, sample_weight)
            return weight
        try:
            return compute_sample_weight(class_weight, y)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"class_weight={class_weight!r} does not fit multilabel y of "
                f"{y.shape[1]} labels, which takes a list of a dict for each: "
                f"{error}"
            ) from error

    def scorer(self, y, sample_weight):
        target = self.encode(y)

        def score(raw):
            value, _ = self.loss.value_and_gradient(raw, target, sample_weight)
            return -value / target.shape[1], value  # the loss is a sum over the labels

        return score

    def predict(self, raw):
        return (raw > 0).astype(int)

    def predict_proba(self, raw):
        with np.errstate(under="ignore"):
            return expit(raw)

    def predict_log_proba(self, raw):
        with np.errstate(under="ignore"):
            return log_expit(raw)

    def decision_function(self, raw):
        return raw


def labels_of(classes, multilabel):
    """A target of its state."""
    if multilabel:
        return Multilabel(classes)
    return (Binary if len(classes) == 2 else Multiclass)(classes)
