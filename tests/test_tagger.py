"""LSTMTagger: labels of any kind at every step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from step_estimator_cases import sequences, small, target

from sklstm import LSTMTagger
from sklstm.sequences import SequenceArray

X = sequences()
Y = target(LSTMTagger, X)


def fitted(y=Y, **params):
    return small(LSTMTagger, **params).fit(X, y)


@pytest.mark.parametrize(
    "names",
    [["a", "b", "c"], [2, 0, 1], [10.0, -3.0, 7.0], [True, False, True],
     [("x", 1), ("x", 2), "y"], [(0, 1), (1, 0), (1, 1)], [b"a", "a", 3]],
)  # fmt: skip
def test_labels_of_any_type(names):
    number = {"down": 0, "flat": 1, "up": 2}
    y = [[names[number[label]] for label in part] for part in Y]
    model = fitted(y)
    assert set(model.classes_.tolist()) == set(names)
    labels = [label for part in model.predict(X) for label in part]
    assert set(labels) <= set(names)
    assert {type(label) for label in labels} <= {type(name) for name in names}
    right = [a == b for p, q in zip(model.predict(X), y, strict=True)
             for a, b in zip(p, q, strict=True)]  # fmt: skip
    assert model.score(X, y) == pytest.approx(np.mean(right))


def test_predictions_fit_together():
    model = fitted(crf=False)
    raw, proba, log_proba, labels = (
        getattr(model, name)(X)
        for name in (
            "decision_function", "predict_proba", "predict_log_proba", "predict",
        )
    )  # fmt: skip
    for i in range(len(X)):
        assert isinstance(labels[i], list)
        assert_allclose(proba[i], softmax(raw[i], axis=1))
        assert_allclose(log_proba[i], log_softmax(raw[i], axis=1))
        assert labels[i] == model.classes_[raw[i].argmax(axis=1)].tolist()


def test_without_an_epoch_to_speak_of_it_predicts_the_shares():
    model = fitted(crf=False, learning_rate_init=1e-12, max_iter=1)
    shares = np.unique(np.concatenate(Y), return_counts=True)[1]
    shares = shares / shares.sum()
    weights = dict(model.weights_)
    assert_allclose(weights["head_bias"], np.log(shares), rtol=1e-5)


def test_unlabeled_steps_have_no_part():
    """Whatever stands there, and whichever of the two ways says so."""
    rng = np.random.default_rng(0)
    hidden = [rng.random(len(part)) < 0.3 for part in Y]

    def holes(what):
        return [
            [what if h else label for label, h in zip(part, mask, strict=True)]
            for part, mask in zip(Y, hidden, strict=True)
        ]

    expected = fitted(holes(None))
    other = fitted(holes("?"), unlabeled="?")
    assert_array_equal(expected.classes_, other.classes_)
    for a, b in zip(expected.predict_proba(X), other.predict_proba(X), strict=True):
        assert_array_equal(a, b)
    assert expected.score(X, holes(None)) == other.score(X, holes("?"))


def test_a_sequence_without_labels():
    y = [[None] * len(part) if i == 5 else part for i, part in enumerate(Y)]
    model = fitted(y, batch_size=1)
    assert np.isfinite(model.loss_curve_).all()


def test_multilabel():
    y = [np.c_[x[:, 0] > 0, x[:, 1] > 0].astype(int) for x in X]
    model = fitted(y, hidden_layer_sizes=8, max_iter=60, learning_rate_init=0.02)
    assert model.score(X, y) > 0.9
    assert model.out_activation_ == "logistic"
    for raw, proba, labels, part in zip(
        model.decision_function(X), model.predict_proba(X), model.predict(X), y,
        strict=True,
    ):  # fmt: skip
        assert labels.shape == part.shape
        assert_allclose(proba, expit(raw))
        assert_array_equal(labels, (raw > 0).astype(int))
    holes = [part.astype(float) for part in y]
    holes[9][2] = np.nan
    assert np.isfinite(fitted(holes).loss_)
    with pytest.raises(ValueError, match="class_weight.*one label a step"):
        fitted(y, class_weight="balanced")
    with pytest.raises(ValueError, match="another kind"):
        model.score(X, Y)


def test_class_weight():
    rare = [["up" if x[t, 0] > 1.2 else "flat" for t in range(len(x))] for x in X]
    plain = fitted(rare, max_iter=10, crf=False)
    weighted = fitted(rare, max_iter=10, crf=False, class_weight="balanced")
    share = [
        np.mean(np.concatenate([p[:, 1] for p in model.predict_proba(X)]))
        for model in (plain, weighted)
    ]
    assert share[1] > share[0] + 0.1
    by_hand = fitted(rare, max_iter=10, crf=False, class_weight={"up": 3})
    weights = [np.where(np.array(part) == "up", 3.0, 1.0) for part in rare]
    other = small(LSTMTagger, max_iter=10, crf=False).fit(X, rare, weights)
    for a, b in zip(by_hand.predict_proba(X), other.predict_proba(X), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"flut": 2}, "'flut', which is none of the classes"),
        ({"up": -1}, "negative"),
        ({"up": "x"}, "no real number"),
        ({"up": 0, "down": 0, "flat": 0}, "every step a weight of zero"),
        ([{"up": 1}], "class_weight"),
        ("equal", "class_weight"),
    ],
)
def test_bad_class_weight(class_weight, message):
    with pytest.raises(ValueError, match=message):
        fitted(class_weight=class_weight)


def test_classes():
    model = small(LSTMTagger)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, Y)
    classes = ["up", "down", "flat", "never"]
    model.partial_fit(X, Y, classes=classes)
    assert model.classes_.tolist() == sorted(classes)
    model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="not the same as in the first call"):
        model.partial_fit(X, Y, classes=["up", "down"])
    k = next(i for i, x in enumerate(X) if len(x) > 3)
    strange = [["left"] * len(part) if i == k else part for i, part in enumerate(Y)]
    with pytest.raises(ValueError, match=f"'left' at sample {k}, step 0"):
        model.partial_fit(X, strange)
    for wrong, message in (("ab", "one value"), (["a", None], "without label"),
                           ([["a"], ["b"]], "unhashable")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            small(LSTMTagger).partial_fit(X, Y, classes=wrong)
    with pytest.raises(ValueError, match="only one class: 'up'"):
        fitted([["up"] * len(part) for part in Y])


def test_warm_start_needs_the_same_classes():
    model = fitted(warm_start=True)
    with pytest.raises(ValueError, match="same classes"):
        model.fit(X, [["up" if v != "up" else "flat" for v in part] for part in Y])


def test_a_subclass_reads_as_its_parent():
    """Whatever its name ends with."""

    class Mine(LSTMTagger):
        pass

    y = SequenceArray.from_list([np.arange(len(x))[:, np.newaxis] % 2 for x in X])
    model = Mine(3, max_iter=1).fit(X, y)
    assert model.classes_.dtype.kind == "i"
