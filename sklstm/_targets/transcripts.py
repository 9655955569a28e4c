"""Transcripts: strings of labels, one for each sequence, at no known steps of it.

`TranscriptReader` says what may be a transcript; the fit makes `Transcripts`, which
encode y and decode raw outputs. Targets are never changed.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from numbers import Number

import numpy as np
from scipy.sparse import issparse

from .._kernels import ctc
from .._network import decoding_ctc
from .._network.losses import CTCLoss
from ..sequences import SequenceArray
from ..sequences._columns import is_missing
from ..sequences._stacking import as_offsets, object_array, place_of
from .label_strings import LabelStrings
from .labels import Multiclass
from .reading import require_y
from .tags import as_classes, in_order, in_sequences

FORM = (
    "a list with a transcript for each sequence, a string ('cat') or a list of labels "
    "(['k', 'ae', 't'])"
)


def _items(y):
    """What is given, as a list of transcripts."""
    kind = type(y).__name__
    if isinstance(y, np.ma.MaskedArray):
        raise TypeError("y is a masked array, whose mask would be lost.")
    if issparse(y):
        raise TypeError("Sparse data was passed for y, which should be " + FORM + ".")
    if isinstance(y, (dict, set, frozenset, Iterator)):
        way_out = "list(y)"
        if isinstance(y, dict):
            way_out = "list(y.values()), in the order of X"
        elif not isinstance(y, Iterator):
            way_out = "a list: a set has no order"
        raise TypeError(f"Expected y as {FORM}, got {kind!r}. Pass {way_out}.")
    if isinstance(y, (str, bytes, Number)):
        raise TypeError(f"Expected y as {FORM}, got the scalar {y!r}.")
    if isinstance(y, SequenceArray):
        items = y.to_list()
    elif isinstance(y, (list, tuple)):
        items = list(y)
    else:
        array = y if isinstance(y, np.ndarray) else np.asarray(y)
        if not 1 <= array.ndim <= 2:
            raise TypeError(f"Expected y as {FORM}, got {kind!r} of {array.shape}.")
        items = list(array)
    if not items:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: y is empty."
        )
    return items


def _labels_of(item, i):
    """The labels of a transcript, which is a string or holds them."""
    if isinstance(item, str):
        return list(str(item))
    if isinstance(item, (list, tuple)):
        return [v.item() if isinstance(v, np.generic) else v for v in item]
    if isinstance(item, (dict, set, frozenset, Iterator)):
        raise TypeError(
            f"y has a {type(item).__name__} for sample {i}. Pass a list of labels, in "
            "their order."
        )
    if isinstance(item, (bytes, Number, type(None))) or np.ndim(item) == 0:
        what = "Decode it first."
        if not isinstance(item, bytes):
            what = "An empty transcript is '' or []; leave out samples without one."
        raise TypeError(
            f"y has {item!r} for sample {i}, which is no transcript. Pass {FORM}. "
            f"{what}"
        )
    if isinstance(item, np.ma.MaskedArray):
        raise TypeError(f"y is a masked array for sample {i}: its mask would be lost.")
    array = np.asarray(item)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]  # of a SequenceArray
    if array.ndim != 1:
        raise ValueError(
            f"y has an array of shape {array.shape} for sample {i}, but labels are "
            "(n_labels,)."
        )
    if array.dtype.kind == "f" and isinstance(item, np.ndarray):
        # a SequenceArray knows no integers
        return [int(v) if v % 1 == 0 else v for v in array.tolist()]
    return array.tolist()


class TranscriptReader:
    """What an estimator of this name takes as transcripts."""

    def __init__(self, name):
        self.name = name

    def check_parameters(self, incremental):
        """There is nothing beside the domains."""

    def check(self, y):
        """Valid transcripts, whose labels are indices of `labels`."""
        require_y(y, self.name)
        if isinstance(y, LabelStrings):  # has been here
            return y
        items = _items(y)
        is_text = [isinstance(item, str) for item in items]
        strings = [_labels_of(item, i) for i, item in enumerate(items)]
        if any(is_text) and not all(is_text):
            i, j = is_text.index(True), is_text.index(False)
            raise TypeError(
                f"y has the string {items[i]!r} for sample {i} and a "
                f"{type(items[j]).__name__} for sample {j}. Pass strings, each "
                "character of which is a label, or lists of labels, for all."
            )
        offsets = as_offsets(list(map(len, strings)))
        labels = list(chain.from_iterable(strings))
        try:
            number = {v: k for k, v in enumerate(dict.fromkeys(labels))}
        except TypeError:
            self._refuse_unhashable(strings)
            raise
        values = np.fromiter(map(number.get, labels), np.intp, len(labels))
        for label, k in number.items():
            self._check_label(label, k, values, offsets)
        return LabelStrings(values, offsets, None, tuple(number), all(is_text))

    @staticmethod
    def _check_label(label, k, values, offsets):
        missing = is_missing(label)
        if missing or (isinstance(label, float) and not label.is_integer()):
            sample, place = place_of(int(np.argmax(values == k)), offsets)
            what = (
                "which stands for nothing: leave it out, no step needs a label"
                if missing
                else "but labels are text, whole numbers or other things to be told "
                "apart. For numbers at every step use LSTMStepRegressor"
            )
            raise ValueError(
                f"y has {label!r} at sample {sample}, label {place}, {what}."
            )

    @staticmethod
    def _refuse_unhashable(strings):
        for i, string in enumerate(strings):
            for k, label in enumerate(string):
                try:
                    hash(label)
                except TypeError:
                    raise TypeError(
                        f"y holds a {type(label).__name__}, {label!r}, which is no "
                        f"label, at sample {i}, label {k}. Labels are text, whole "
                        "numbers or other things that can be hashed."
                    ) from None

    def fit(self, y, sample_weight, classes=None, incremental=False):
        """The target of valid y."""
        if incremental and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "there will ever be, since later calls may bring others than this y."
            )
        if classes is None:
            labels = [y.labels[k] for k in np.unique(y.values)]
        else:
            labels = self._valid_classes(classes)
        if not labels:
            what = "classes is empty" if classes is not None else "y has no label in"
            more = "" if classes is not None else f" any of its {len(y)} transcripts"
            raise ValueError(
                f"{what}{more}, and {self.name} needs at least one label to learn."
            )
        target = Transcripts(as_classes(in_order(dict.fromkeys(labels))), y.text)
        target.check_known(y)
        return target

    def _valid_classes(self, classes):
        """The labels that are given to `partial_fit`: a string is its characters."""
        what = f"classes={classes!r} is not a list of labels"
        if isinstance(classes, bytes) or not isinstance(classes, Iterable):
            raise ValueError(f"{what}: it is one value.")
        labels = classes.tolist() if hasattr(classes, "tolist") else list(classes)
        for label in labels:
            try:
                hash(label)
            except TypeError as error:
                raise ValueError(f"{what}: {error}.") from error
            if is_missing(label):
                raise ValueError(f"{what}: {label!r} stands for nothing. Leave it out.")
        return labels

    def check_same(self, target, y, classes=None):
        """Say when a fit that goes on gets other labels."""
        if classes is not None:
            labels = in_order(dict.fromkeys(self._valid_classes(classes)))
            if labels != target.labels:
                raise ValueError(
                    f"classes={labels} is not the same as in the first call of "
                    f"partial_fit: {target.labels}."
                )
        target.check_known(y)

    def weigh(self, target, y, sample_weight):
        """Both as they are."""
        return y, sample_weight


def check_feasible(y, weight=None, way_out=None):
    """Say which transcript needs more steps than its sequence has, of those with a
    weight above zero."""
    short = y.needed > y.n_steps
    if weight is not None:
        short &= weight > 0
    if not short.any():
        return
    i, more = int(np.argmax(short)), int(short.sum()) - 1
    way_out = "" if way_out is None else f", {way_out}"
    raise ValueError(
        f"Sample {i} has {y.n_steps[i]} step(s), and its transcript of {y.lengths[i]} "
        f"label(s) needs {y.needed[i]}: one for each label and one between two equal "
        f"ones{f'; {more} more samples are too short' * (more > 0)}. Pass longer "
        f"sequences (more frames, or fewer of them stacked){way_out}."
    )


class Transcripts:
    """Strings of labels of `classes`; as `text` they are str, else lists."""

    multilabel = False
    head = {}
    methods = Multiclass.methods

    def __init__(self, classes, text):
        self.classes = classes
        self.text = text
        self.labels = classes.tolist()
        self.n_outputs = len(classes) + 1
        self.loss = CTCLoss(self.n_outputs)
        self._rows = Multiclass(np.arange(self.n_outputs))

    @property
    def state(self):
        """Plain types, of which `transcripts_of` makes the target again."""
        return {"classes": self.classes, "text": self.text}

    @property
    def attributes(self):
        """The public attributes of an estimator that are of the target."""
        return {
            "classes_": self.classes,
            "n_outputs_": self.n_outputs,
            "blank_": self.n_outputs - 1,
        }

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
        places = np.flatnonzero(np.isin(y.values, unknown))
        if len(places):
            sample, place = place_of(places[0], y.offsets)
            raise ValueError(
                f"y contains labels that are not in classes: "
                f"{y.labels[y.values[places[0]]]!r} at sample {sample}, label {place}; "
                f"classes are {self.labels}."
            )

    def check_whole(self, y):
        """Say when y of a whole fit that goes on lacks a class of the first one."""
        found = np.unique(self.encode(y).values)
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
        """What the loss compares outputs with; -1 is no class."""
        numbers = self._numbers_of(y)
        return y.replace(values=numbers[y.values], labels=None)

    def identity(self, y):
        """y in numbers that are the same in every fit that goes on."""
        return self.encode(y)

    def stratify(self, y):
        """What to stratify a split by: nothing."""

    def scorer(self, y, sample_weight):
        """Outputs to the score by which early stopping goes, and the loss."""
        target = self.encode(y)

        def score(out):
            value = self.loss.value(out, target, sample_weight)
            found = decoding_ctc.greedy(out, target.step_offsets)
            return share_right(*found, target, sample_weight), value

        return score

    @staticmethod
    def head_in_units(weight, bias):
        return weight, bias

    # ---- decoding: of outputs (N, K) of sequences between offsets, or of one step each

    def named(self, labels):
        """A transcript of numbers of labels."""
        found = [self.labels[k] for k in labels]
        return "".join(found) if self.text else found

    def _all_named(self, strings):
        return object_array([self.named(labels) for labels in strings])

    def predict(self, out, offsets, decoder, last=None):
        """A transcript for each sequence; `last` (B,) are best outputs before it."""
        if decoder.beam_size == 1:
            labels, label_offsets = decoding_ctc.greedy(out, offsets, last)
            labels = labels.tolist()
            bounds = pairwise(label_offsets.tolist())
            return self._all_named([labels[begin:end] for begin, end in bounds])
        ranked = decoder.best(out, offsets)
        return self._all_named([strings[0][1] if strings else [] for strings in ranked])

    def predict_n_best(self, out, offsets, decoder, n):
        """For each sequence its n best transcripts, each behind its score."""
        return object_array(
            [
                [(score, self.named(labels)) for score, labels in strings[:n]]
                for strings in decoder.best(out, offsets)
            ]
        )

    def predict_proba(self, out, offsets=None):
        return in_sequences(self._rows.predict_proba(out), offsets)

    def predict_log_proba(self, out, offsets=None):
        return in_sequences(self._rows.predict_log_proba(out), offsets)

    def decision_function(self, out, offsets=None):
        return in_sequences(out, offsets)

    def align(self, out, offsets, target):
        """For each sequence the first and last step of each label of the target."""
        spans = decoding_ctc.align(out, offsets, target.values, target.offsets)
        bounds = pairwise(target.offsets.tolist())
        return object_array(
            [list(map(tuple, spans[begin:end].tolist())) for begin, end in bounds]
        )

    def log_likelihood(self, out, offsets, target):
        """log p of the target of each sequence, -inf where a label is no class."""
        known = np.ones(len(target), dtype=bool)
        known[place_of_all(target.values < 0, target.offsets)] = False
        values = np.maximum(target.values, 0)
        log_p = decoding_ctc.log_likelihood(out, offsets, values, target.offsets)
        return np.where(known, log_p, -np.inf)


def place_of_all(where, offsets):
    """The sequences that have something somewhere."""
    return np.unique(np.searchsorted(offsets, np.flatnonzero(where), side="right") - 1)


def share_right(labels, label_offsets, target, weight=None):
    """1 - edits / labels, over all sequences; of no labels at all less the edits of a
    sequence, in the mean."""
    edits = np.empty(len(target), dtype=np.intp)
    ctc.edit_distances(
        labels, label_offsets, np.ascontiguousarray(target.values), target.offsets,
        edits,
    )  # fmt: skip
    weight = np.ones(len(target)) if weight is None else weight
    n_labels = (weight * target.lengths).sum()
    return float(1 - (weight * edits).sum() / (n_labels or weight.sum()))


def transcripts_of(classes, text):
    """A target of its state."""
    return Transcripts(classes, text)
