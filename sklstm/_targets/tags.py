"""Tags: a label at every step, or several of zeros and ones.

`TagReader` says what may be labels; the fit makes `Tags` or `MultilabelTags`, which
encode y and decode raw outputs. Targets are never changed.
"""

from collections.abc import Iterable
from itertools import chain, pairwise

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from .._network import decoding
from .._network.losses import AtSteps, CRFLoss
from ..sequences._columns import is_missing
from ..sequences._stacking import as_offsets, object_array
from .labels import LabelReader, Multiclass, Multilabel
from .reading import check_total_weight, require_y
from .schemes import Masks, check_paths, masks_for
from .step_reading import Wanted, numbers_at_steps, sequences_of
from .steps import StepTarget


def in_order(labels):
    """Labels in their order or, where they cannot be compared, in that of their
    texts."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, repr(label)))


def as_classes(labels):
    """An array of labels, of objects where there are others than text and numbers."""
    kinds = {type(label) for label in labels}
    if kinds == {str} or kinds <= {int, float} or kinds == {bool}:
        return np.array(labels)
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


class TagReader:
    """What an estimator of this name takes as labels, and what they make it learn.

    With `crf` what is learnt is the path of labels of a sequence, of those that
    `constraints` allow, and else each label for itself.
    """

    def __init__(
        self, name, class_weight=None, unlabeled=None, crf=False, constraints=None
    ):
        self.name = name
        self.class_weight = class_weight
        self.unlabeled = unlabeled
        self.crf = crf
        self.constraints = constraints

    def check_parameters(self, incremental):
        """Say which weight of a class is no real number."""
        LabelReader(self.name, self.class_weight).check_parameters(incremental)
        if isinstance(self.class_weight, list):
            raise ValueError(
                f"class_weight={self.class_weight!r} is a list, which {self.name} does "
                "not take. Pass a dict from label to weight, or 'balanced'."
            )

    def check(self, y):
        """Valid labels: indices of `labels`, or of several labels zeros and ones."""
        require_y(y, self.name)
        if isinstance(y, StepTarget):  # has been here
            return y
        items, is_matrix = sequences_of(y, Wanted(self.name, True, "LSTMClassifier"))
        if is_matrix:
            return self._check_multilabel(items)
        offsets = as_offsets(list(map(len, items)))
        labels = list(chain.from_iterable(items))
        try:
            distinct = dict.fromkeys(labels)
        except TypeError:
            self._refuse_unhashable(items)
            raise
        known = [label for label in distinct if not self._is_unlabeled(label)]
        for label in known:
            if isinstance(label, float) and not label.is_integer():
                sample, step = self._find(items, label)
                raise ValueError(
                    f"Unknown label type: continuous. Labels are text, whole numbers "
                    f"or other things to be told apart, but y has {label:g} at sample "
                    f"{sample}, step {step}. For numbers use LSTMStepRegressor."
                )
        number = dict.fromkeys(distinct, -1) | {v: k for k, v in enumerate(known)}
        values = np.fromiter(map(number.get, labels), np.intp, len(labels))
        target = StepTarget(values, offsets, labels=known)
        self._require_labelled(target)
        return target

    def _is_unlabeled(self, label):
        if is_missing(label):
            return True
        return self.unlabeled is not None and bool(label == self.unlabeled)

    def _require_labelled(self, target):
        if not target.known.any():
            nothing = "None stands"
            if self.unlabeled is not None:
                nothing = f"None and {self.unlabeled!r} stand"
            raise ValueError(
                f"y has no label at any of its {len(target.values)} steps, and at "
                f"least one is needed. {nothing} for a step without label."
            )

    @staticmethod
    def _find(items, label):
        return next(
            (i, t)
            for i, item in enumerate(items)
            for t, value in enumerate(item)
            if value == label
        )

    @staticmethod
    def _refuse_unhashable(items):
        for i, item in enumerate(items):
            for t, label in enumerate(item):
                try:
                    hash(label)
                except TypeError:
                    raise TypeError(
                        f"y holds a {type(label).__name__}, {label!r}, which is no "
                        f"label, at sample {i}, step {t}. Labels are text, whole "
                        "numbers or other things that can be hashed; several labels at "
                        "a step are an array (n_steps, n_labels) of zeros and ones."
                    ) from None

    def _check_multilabel(self, items):
        target = numbers_at_steps(items, "y")
        values = target.values
        bad = ~((values == 0) | (values == 1) | np.isnan(values))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                "Several labels at a step are zeros and ones, but y has "
                f"{values[row, column]:g} at {target.place(row)}, column {column}. For "
                "one label a step pass a list of labels for each sequence."
            )
        missing = np.isnan(values)
        partly = missing.any(axis=1) & ~missing.all(axis=1)
        if partly.any():
            row = np.flatnonzero(partly)[0]
            raise ValueError(
                f"y has NaN for some labels of {target.place(row)} and not for others. "
                "A step without label has NaN in all columns."
            )
        self._require_labelled(target)
        return target

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid y."""
        if y.labels is None:
            n_labels = y.values.shape[1]
            if classes is not None and len(classes) != n_labels:
                raise ValueError(
                    f"classes={classes!r} does not fit multilabel y of {n_labels} "
                    "labels: leave it out, the columns of y are the labels."
                )
            return MultilabelTags(np.arange(n_labels))
        if incremental and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "there will ever be, since later calls may bring others than this y."
            )
        if classes is None:
            there = np.unique(y.values[y.known])
            labels = [y.labels[k] for k in there]
        else:
            labels = self._valid_classes(classes)
        labels = in_order(dict.fromkeys(labels))
        if len(labels) < 2:
            raise ValueError(
                f"{self.name} needs samples of at least 2 classes, but the data "
                f"contain only one class: {labels[0]!r}."
            )
        target = Tags(as_classes(labels))
        target.check_known(y)
        if not self.crf:
            return target
        encoded = target.encode(y)
        allowed = masks_for(self.constraints, labels, encoded.values, y.offsets)
        check_paths(allowed, labels, encoded.values, y.offsets)
        return Tags(target.classes, True, allowed)

    def _valid_classes(self, classes):
        """The labels that are given to `partial_fit`."""
        what = f"classes={classes!r} is not a list of labels"
        if isinstance(classes, (str, bytes)) or not isinstance(classes, Iterable):
            raise ValueError(f"{what}: it is one value.")
        labels = classes.tolist() if hasattr(classes, "tolist") else list(classes)
        for label in labels:
            try:
                hash(label)
            except TypeError as error:
                raise ValueError(f"{what}: {error}.") from error
            if self._is_unlabeled(label):
                raise ValueError(
                    f"{what}: {label!r} stands for a step without label. Leave it out."
                )
        return labels

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets another kind of target, or other labels."""
        several = y.labels is None
        if several != target.multilabel or (
            several and y.values.shape[1] != target.n_outputs
        ):
            raise ValueError(
                "y is of another kind than in the first fit: labels were "
                f"{'multilabel' if target.multilabel else 'one per step'}, with "
                f"{target.n_outputs} outputs."
            )
        if classes is not None and not several:
            labels = in_order(dict.fromkeys(self._valid_classes(classes)))
            if labels != target.classes.tolist():
                raise ValueError(
                    f"classes={labels} is not the same as in the first call of "
                    f"partial_fit: {target.classes.tolist()}."
                )
        if not several and bool(self.crf) != target.crf:
            raise ValueError(
                f"crf cannot change between fits that continue: the fitted network has "
                f"crf={target.crf}, the parameters say {bool(self.crf)}. Set "
                "warm_start=False and call fit to start anew."
            )
        target.check_known(y)

    def weigh(self, target, y, sample_weight):
        """y, whose steps have the weights of their classes, and the sample weights."""
        if self.class_weight is None:
            return y, sample_weight
        what = f"class_weight={self.class_weight!r}"
        weights = target.class_weights(self.class_weight, y, sample_weight)
        y = y.replace(weight=weights)
        if not y.known.any():
            raise ValueError(
                f"{what} gives every step a weight of zero: there is nothing to fit. "
                "Give a class of y a positive weight."
            )
        check_total_weight(y.amounts, what)
        return y, sample_weight


class Tags:
    """One label of `classes` for each step."""

    multilabel = False
    methods = Multiclass.methods

    def __init__(self, classes, crf=False, allowed=None):
        self.classes = classes
        self.crf = crf
        # masks of starts, transitions and ends, None for all
        self.allowed = None if allowed is None else tuple(allowed)
        self.n_outputs = len(classes)
        self.labels = classes.tolist()
        self._rows = Multiclass(np.arange(len(classes)))
        self.loss = AtSteps(self._rows.loss)
        if crf:
            self.loss = CRFLoss(self.n_outputs, self.allowed)

    @property
    def state(self):
        """Plain types, of which `tags_of` makes the target again."""
        return {
            "classes": self.classes,
            "multilabel": self.multilabel,
            "crf": self.crf,
            "allowed": self.allowed,
        }

    @property
    def head(self):
        """What a network has to know of them beside their number."""
        return {"crf": True, "allowed": self.allowed} if self.crf else {}

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {"classes_": self.classes, "n_outputs_": self.n_outputs}

    @property
    def score_name(self):
        return self.loss.score_name

    def _numbers_of(self, y):
        """Of each label of y its class, -1 of those that are none."""
        number = {label: k for k, label in enumerate(self.labels)}
        return np.array([number.get(label, -1) for label in y.labels], dtype=np.intp)

    def check_known(self, y):
        """Say which labels are none of the classes."""
        unknown = np.flatnonzero(self._numbers_of(y) < 0)
        rows = np.flatnonzero(np.isin(y.values, unknown))
        if len(rows):
            raise ValueError(
                f"y contains labels that are not in classes: "
                f"{y.labels[y.values[rows[0]]]!r} at {y.place(rows[0])}; classes are "
                f"{self.labels}. A step without label is None."
            )
        if self.allowed is not None:
            masks = Masks(*self.allowed)
            check_paths(masks, self.labels, self.encode(y).values, y.offsets)

    def check_whole(self, y):
        """Say when y of a whole fit that goes on lacks a class of the first one."""
        found = np.unique(self.encode(y).values[y.known])
        if len(found) < len(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.labels}, `y` has "
                f"{[self.labels[k] for k in found]}. Set warm_start=False to start "
                "anew, or call partial_fit, which takes some of the classes."
            )

    def follow(self, y, sample_weight):
        """This target, which nothing changes, and no change of the head."""
        return self, None

    def encode(self, y):
        """What the loss compares outputs with."""
        number = np.append(self._numbers_of(y), -1)
        return y.replace(values=number[y.values], labels=None)

    def identity(self, y):
        """y in numbers that are the same in every fit that goes on."""
        return self.encode(y)

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def class_weights(self, class_weight, y, sample_weight):
        """A weight for each step (N,)."""
        encoded = self.encode(y)
        values, weight, _ = encoded.labelled(sample_weight)
        K = len(self.classes)
        if class_weight == "balanced":
            there = np.unique(values)
            by_class = np.zeros(K)
            by_class[there] = compute_class_weight(
                "balanced", classes=there, y=values, sample_weight=weight
            )
        else:
            unknown = [label for label in class_weight if label not in self.labels]
            if unknown:
                raise ValueError(
                    f"class_weight={class_weight!r} has a weight for {unknown[0]!r}, "
                    f"which is none of the classes {self.labels}."
                )
            by_class = np.array(
                [float(class_weight.get(label, 1.0)) for label in self.labels]
            )
            if not (np.isfinite(by_class).all() and (by_class >= 0).all()):
                raise ValueError(
                    f"class_weight={class_weight!r} holds weights that are negative or "
                    "not finite. Weights must be zero or positive numbers."
                )
        of_steps = np.append(by_class, 0.0)[encoded.values]
        return of_steps if y.weight is None else of_steps * y.weight

    def scorer(self, y, sample_weight):
        """Outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)
        true, weight, rows = target.labelled(sample_weight)

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            predicted = self.best(out, target.offsets)
            predicted = predicted if rows is None else predicted[rows]
            return accuracy_score(true, predicted, sample_weight=weight), value

        return score

    @staticmethod
    def head_in_units(weight, bias):
        return weight, bias

    # ---- decoding: of outputs (N, K) of sequences between offsets, or of one step each

    def best(self, out, offsets=None):
        """Numbers of the classes (N,)."""
        if self.crf:
            return decoding.viterbi(out, offsets)[0]
        return self._rows.predict(out)

    def predict(self, out, offsets=None):
        """Labels of each sequence, a list; of one step each an array."""
        best = self.best(out, offsets)
        if offsets is None:
            return self.classes[best]
        return in_sequences(self._named(best), offsets)

    def _named(self, numbers):
        return [self.labels[k] for k in numbers.tolist()]

    def predict_proba(self, out, offsets=None):
        if self.crf:
            return in_sequences(decoding.marginals(out, offsets), offsets)
        return in_sequences(self._rows.predict_proba(out), offsets)

    def predict_log_proba(self, out, offsets=None):
        if self.crf:
            return in_sequences(decoding.log_marginals(out, offsets), offsets)
        return in_sequences(self._rows.predict_log_proba(out), offsets)

    def decision_function(self, out, offsets=None):
        return in_sequences(out.values if self.crf else out, offsets)

    def predict_n_best(self, out, offsets, n):
        """For each sequence its n most probable paths with log probabilities."""
        found = decoding.n_best(out, offsets, n)
        log_z = decoding.log_partition(out, offsets)
        return object_array(
            [
                [
                    (self._named(path), float(score))
                    for path, score in zip(paths, scores - own_log_z, strict=True)
                ]
                for (paths, scores), own_log_z in zip(found, log_z, strict=True)
            ]
        )


class MultilabelTags:
    """Several labels of zeros and ones for each step."""

    multilabel, crf, allowed = True, False, None
    methods, head = Multilabel.methods, Multilabel.head

    def __init__(self, classes):
        self.classes = classes
        self.n_outputs = len(classes)
        self._rows = Multilabel(classes)
        self.loss = AtSteps(self._rows.loss)
        self.score_name = self._rows.score_name

    state, attributes = Tags.state, Tags.attributes
    follow, identity, stratify = Tags.follow, Tags.identity, Tags.stratify
    head_in_units = staticmethod(Tags.head_in_units)

    def check_known(self, y):
        """Zeros and ones are."""

    def check_whole(self, y):
        """It has a column for every label."""

    def encode(self, y):
        return y

    def class_weights(self, class_weight, y, sample_weight):
        raise ValueError(
            f"class_weight={class_weight!r} is for one label a step, but y has "
            f"{self.n_outputs} of zeros and ones. Pass weights of steps as "
            "sample_weight."
        )

    def scorer(self, y, sample_weight):
        def score(out):
            value = self.loss.value(out, y, sample_weight)
            return -value / self.n_outputs, value  # the loss is a sum over the labels

        return score

    def predict(self, out, offsets=None):
        return in_sequences(self._rows.predict(out), offsets)

    def predict_proba(self, out, offsets=None):
        return in_sequences(self._rows.predict_proba(out), offsets)

    def predict_log_proba(self, out, offsets=None):
        return in_sequences(self._rows.predict_log_proba(out), offsets)

    def decision_function(self, out, offsets=None):
        return in_sequences(out, offsets)


def in_sequences(values, offsets):
    """What belongs to the steps of each sequence: an array of objects (B,)."""
    if offsets is None:
        return values
    bounds = pairwise(offsets.tolist())
    return object_array([values[begin:end] for begin, end in bounds])


def tags_of(classes, multilabel, crf, allowed):
    """A target of its state."""
    return MultilabelTags(classes) if multilabel else Tags(classes, crf, allowed)
