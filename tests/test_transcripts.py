"""Transcripts: how they are read, what they need, minibatches of them, scores."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sklstm._network.decoding_ctc import Decoder
from sklstm._targets.label_strings import LabelStrings
from sklstm._targets.transcripts import (
    TranscriptReader,
    Transcripts,
    check_feasible,
    share_right,
    transcripts_of,
)
from sklstm._training.feeds import Minibatches, TrainingSet
from sklstm._training.split import sample_keys
from sklstm.sequences import SequenceArray

TEXT = ["ab", "", "bca"]
LISTS = [["ah", "b"], [], ["k", "ah", "b"]]


def read(y):
    return TranscriptReader("LSTMTranscriber").check(y)


def as_objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


# ---- reading -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y",
    [
        TEXT,
        tuple(TEXT),
        np.array(TEXT),
        as_objects(TEXT),
        pd.Series(TEXT),
        pd.Series(TEXT, dtype="string"),
        pl.Series(TEXT),
        [np.str_(text) for text in TEXT],
    ],
)
def test_forms_of_strings(y):
    found = read(y)
    assert found.text
    assert found.as_given() == TEXT
    assert [type(label) for label in found.labels] == [str] * 3
    assert found.lengths.tolist() == [2, 0, 3]
    assert read(found) is found


@pytest.mark.parametrize(
    "y",
    [
        LISTS,
        tuple(map(tuple, LISTS)),
        as_objects(LISTS),
        [np.array(item, dtype=str) for item in LISTS],
        [pd.Series(item, dtype=object) for item in LISTS],
        pd.Series(LISTS),
    ],
)
def test_forms_of_lists(y):
    found = read(y)
    assert not found.text
    assert found.as_given() == LISTS
    assert all(type(label) is str for label in found.labels)


def test_numbers_as_labels():
    expected = [[3, 1], [1, 1]]
    for y in (
        expected,
        np.array(expected),
        [np.array(item, dtype=float) for item in expected],
        SequenceArray.from_list([np.array(i, dtype=float) for i in expected]),
    ):
        found = read(y)
        assert found.as_given() == expected
        assert all(type(label) is int for label in found.labels)
    assert read([[(1, 2), "x"], [frozenset()]]).labels == ((1, 2), "x", frozenset())


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (None, ValueError, "requires y"),
        ("abc", TypeError, "got the scalar 'abc'"),
        (3, TypeError, "got the scalar 3"),
        ([], ValueError, "y is empty"),
        ({"a": 1}, TypeError, r"got 'dict'. Pass list\(y.values"),
        ({"a"}, TypeError, "a set has no order"),
        (iter(["a"]), TypeError, r"Pass list\(y\)"),
        (np.ma.masked_array([1]), TypeError, "mask would be lost"),
        (np.zeros((2, 2, 2)), TypeError, r"of \(2, 2, 2\)"),
        ([1, 2], TypeError, "y has 1 for sample 0, which is no transcript"),
        (["a", None], TypeError, "y has None for sample 1.*leave out samples"),
        (["a", float("nan")], TypeError, "y has nan for sample 1"),
        ([b"a"], TypeError, "y has b'a' for sample 0.*Decode it first"),
        (
            [["a"], "ab"],
            TypeError,
            "the string 'ab' for sample 1 and a list for sample",
        ),
        ([{"a"}], TypeError, "y has a set for sample 0"),
        ([{"a": 1}], TypeError, "y has a dict for sample 0"),
        ([["a", ["b"]]], TypeError, r"a list, \['b'\].*sample 0, label 1"),
        ([["a"], [None]], ValueError, "None at sample 1, label 0, which stands for no"),
        ([["a", np.nan]], ValueError, "nan at sample 0, label 1"),
        ([[pd.NA]], ValueError, "sample 0, label 0"),
        ([[1, 2.5]], ValueError, "2.5 at sample 0, label 1.*LSTMStepRegressor"),
        ([np.zeros((2, 2))], ValueError, r"shape \(2, 2\) for sample 0"),
        ([np.ma.masked_array([1])], TypeError, "masked array for sample 0"),
    ],
)
def test_what_is_no_transcript(y, error, match):
    with pytest.raises(error, match=match):
        read(y)


# ---- strings -------------------------------------------------------------------------


def test_some_of_the_strings():
    y = LabelStrings(
        np.arange(6), np.array([0, 2, 2, 5, 6]), np.array([4, 0, 7, 3]), None, False
    )
    for which in (slice(1, 4), np.array([3, 0, 0]), np.array([1, 0, 0, 1], bool)):
        some = y[which]
        order = np.arange(4)[which]
        expected = [y.parts()[k].tolist() for k in order]
        assert [part.tolist() for part in some.parts()] == expected
        assert_array_equal(some.n_steps, y.n_steps[which])
        assert_array_equal(some.step_offsets, np.r_[0, np.cumsum(y.n_steps[which])])
    assert_array_equal(y.counts, [2, 1, 3, 1])
    assert_array_equal(y.amounts, [2.0, 1, 3, 1])


@pytest.mark.parametrize(
    ("text", "needed"),
    [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("aab", 4), ("aaa", 5), ("abba", 5)],
)
def test_steps_that_are_needed(text, needed):
    assert read([text]).needed.tolist() == [needed]
    # neighbours do not count
    assert read(["a", text, "", "a", text]).needed.tolist() == [
        1, needed, 0, 1, needed,
    ]  # fmt: skip


def test_transcripts_that_are_too_long():
    y = read(["ab", "aa", "b", "aaa"]).replace(n_steps=np.array([2, 2, 1, 3]))
    with pytest.raises(ValueError, match=r"Sample 1 has 2 step\(s\), and its transcr"):
        check_feasible(y)
    match = r"2 label\(s\) needs 3.*1 more samples are too short.*\), leave out\."
    with pytest.raises(ValueError, match=match):
        check_feasible(y, way_out="leave out")
    with pytest.raises(ValueError, match=r"Sample 3 has 3 step.*needs 5"):
        check_feasible(y, np.array([1, 0, 1, 1]))
    check_feasible(y, np.array([1, 0, 1, 0]))
    check_feasible(y[np.array([0, 2])])


# ---- the target ----------------------------------------------------------------------


def fitted(y=TEXT, **options):
    y = read(y)
    return TranscriptReader("LSTMTranscriber").fit(y, None, **options), y


def test_classes_are_in_order():
    target, y = fitted()
    assert target.labels == ["a", "b", "c"] and target.n_outputs == 4
    assert_array_equal(target.encode(y).values, [0, 1, 1, 2, 0])
    assert target.attributes.keys() == {"classes_", "n_outputs_", "blank_"}
    assert target.attributes["blank_"] == 3
    assert fitted([["b", 2], [1]])[0].labels == [1, 2, "b"]
    assert fitted([[10, 9]])[0].classes.dtype.kind == "i"
    assert fitted([["x"]])[0].n_outputs == 2


def test_state_makes_the_target_again():
    for y in (TEXT, LISTS):
        target, _ = fitted(y)
        again = transcripts_of(**target.state)
        assert again.labels == target.labels and again.text == target.text
        assert again.named([0, 1]) == target.named([0, 1])
    assert fitted()[0].named([0, 2]) == "ac"
    assert fitted(LISTS)[0].named([0, 2]) == ["ah", "k"]
    assert fitted()[0].named([]) == "" and fitted(LISTS)[0].named([]) == []


def test_classes_that_are_given():
    target, _ = fitted(classes="dcba", incremental=True)
    assert target.labels == ["a", "b", "c", "d"]
    target, _ = fitted(LISTS, classes=["k", "ah", "b"])
    assert target.labels == ["ah", "b", "k"]
    for classes, match in [
        ("ab", r"not in classes: 'c' at sample 2, label 1; classes are \['a', 'b'\]"),
        (5, "it is one value"),
        ([["a"]], "unhashable"),
        ([None, "a"], "None stands for nothing"),
        ([], "classes is empty"),
    ]:
        with pytest.raises(ValueError, match=match):
            fitted(classes=classes)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        fitted(incremental=True)
    with pytest.raises(ValueError, match="no label in any of its 2 transcripts"):
        fitted(["", ""])


def test_fits_that_go_on():
    target, y = fitted()
    reader = TranscriptReader("LSTMTranscriber")
    reader.check_same(target, y, "cab")
    reader.check_same(target, read([["a"], ["b"]]))  # labels are what counts
    with pytest.raises(ValueError, match="classes=.* is not the same"):
        reader.check_same(target, y, "abcd")
    with pytest.raises(ValueError, match="not in classes: 'd' at sample 1, label 1"):
        reader.check_same(target, read(["a", "bd"]))
    target.check_whole(y)
    with pytest.raises(ValueError, match=r"`y` has \['a', 'b'\]"):
        target.check_whole(read(["ab"]))


def test_predictions():
    target, _ = fitted()
    path = np.array([0, 0, 3, 1, 2, 2])
    out, offsets = 9 * np.eye(4)[path], np.array([0, 3, 3, 6])
    for decoder in (Decoder(), Decoder(3)):
        found = target.predict(out, offsets, decoder)
        assert found.dtype == object and found.tolist() == ["a", "", "bc"]
        best = target.predict_n_best(out, offsets, decoder, 2)
        assert [strings[0][1] for strings in best] == found.tolist()
        assert [len(strings) for strings in best] == (
            [1, 1, 1] if decoder.beam_size == 1 else [2, 1, 2]
        )
    (p,) = target.predict_proba(out, np.array([0, 6]))
    assert p.shape == (6, 4)
    assert_array_equal(np.log(p).round(9), target.predict_log_proba(out).round(9))
    assert target.decision_function(out, offsets)[2].shape == (3, 4)


def test_an_output_that_is_no_number_has_no_strings():
    target, _ = fitted()
    out = np.full((2, 4), np.nan)
    assert target.predict(out, np.array([0, 2]), Decoder(3)).tolist() == [""]
    assert target.predict_n_best(out, np.array([0, 2]), Decoder(3), 2)[0] == []


def test_a_label_that_is_no_class_has_no_probability():
    target, _ = fitted()
    y = target.encode(read(["ad", "a", "", "d"])).replace(n_steps=np.full(4, 2))
    log_p = target.log_likelihood(np.zeros((8, 4)), y.step_offsets, y)
    assert np.isneginf(log_p).tolist() == [True, False, False, True]


# ---- scores --------------------------------------------------------------------------


def score(true, found, weight=None):
    target = Transcripts(np.array([*"abcd"]), True)
    true, found = (target.encode(read(y)) for y in (true, found))
    weight = None if weight is None else np.array(weight, dtype=float)
    return share_right(found.values, found.offsets, true, weight)


def test_share_right():
    assert score(["abc", "d"], ["abc", "d"]) == 1
    assert score(["abc", "d"], ["ab", "cd"]) == 1 - 2 / 4
    assert score(["a"], ["bcd"]) == -2
    assert score(["abc", "d"], ["ab", "cd"], [1, 3]) == 1 - 4 / 6
    assert score(["ax", "b"], ["ab", "b"]) == 1 - 1 / 3  # a label that is no class
    assert score(["", ""], ["", ""]) == 1
    assert score(["", ""], ["ab", ""]) == 0
    assert score(["", "ab"], ["c", "ab"]) == 0.5


def test_scorer_is_the_score_of_the_most_probable_path():
    target, y = fitted()
    y = y.replace(n_steps=np.array([3, 0, 4]))
    out = np.random.default_rng(0).standard_normal((7, 4))
    weight = np.array([1.0, 2, 3])
    value, loss = target.scorer(y, weight)(out)
    found = read(target.predict(out, y.step_offsets, Decoder()).tolist())
    found = target.encode(found)
    expected = share_right(found.values, found.offsets, target.encode(y), weight)
    assert value == expected
    assert loss == target.loss.value(out, target.encode(y), weight)


# ---- minibatches ---------------------------------------------------------------------


def samples(texts, n_steps, weight=None, mean_weight=None):
    """Sequences of these steps, all of the same rows."""
    n_steps = np.array(n_steps)
    target = fitted(texts)[0].encode(read(texts)).replace(n_steps=n_steps)
    data = np.ones((n_steps.max(initial=1), 1))
    starts = np.zeros(len(n_steps), dtype=np.intp)
    return TrainingSet(data, starts, n_steps, target, weight, mean_weight)


def test_losses_are_of_labels():
    data = samples(["ab", "", "c", "abc"], [4, 2, 3, 5])
    assert data.n_losses == 7 and data.total == 7.0 and data.one == 1.0
    first, second = Minibatches(data, 2, shuffle=False).epoch(None)
    assert first.target.as_given is not None
    assert [first.divisor, second.divisor] == [3.0, 4.0]
    weighted = samples(["ab", "", "c", "abc"], [4, 2, 3, 5], np.array([2.0, 1, 1, 1]))
    assert weighted.total == 9.0
    assert weighted.one == 9 / 7
    first, second = Minibatches(weighted, 2, shuffle=False).epoch(None)
    assert first.total == 5.0 and first.divisor == 3 * (9 / 7)


def test_short_ones_come_first_in_the_first_epoch():
    n_steps = [7, 3, 5, 3, 9, 1, 4]
    data = samples(["ab", "a", "b", "a", "ab", "a", "b"], n_steps)
    rng = np.random.RandomState(0)
    feed = Minibatches(data, 2, first="short")
    epochs = [np.concatenate([b.lengths for b in feed.epoch(rng)]) for _ in range(3)]
    assert epochs[0].tolist() == sorted(n_steps)
    assert all(sorted(epoch) == sorted(n_steps) for epoch in epochs)
    assert all(epoch.tolist() != sorted(n_steps) for epoch in epochs[1:])
    # the order of later epochs is the one without it
    plain, rng = Minibatches(data, 2), np.random.RandomState(0)
    for k in range(3):
        order = np.concatenate([b.lengths for b in plain.epoch(rng)])
        assert k == 0 or order.tolist() == epochs[k].tolist()
    in_order = Minibatches(data, 2, first="short", shuffle=False)
    assert np.concatenate([b.lengths for b in in_order.epoch(rng)]).tolist() == n_steps


def test_equal_samples_are_merged_and_no_others():
    data = samples(["ab", "ab", "ba", "ab", "", "b"], [3, 3, 3, 4, 3, 3])
    (batch,) = Minibatches(data, 6).epoch(None)
    found = zip(batch.lengths, batch.target.parts(), batch.weight, strict=True)
    assert sorted((int(T), s.tolist(), w) for T, s, w in found) == [
        (3, [], 1.0), (3, [0, 1], 2.0), (3, [1], 1.0), (3, [1, 0], 1.0),
        (4, [0, 1], 1.0),
    ]  # fmt: skip
    assert batch.total == data.total == 10.0


def test_fingerprints_know_the_labels():
    X = SequenceArray.from_list([np.ones((2, 1))] * 3)
    y = fitted()[0].encode(read(["ab", "ba", "ab"])).replace(n_steps=X.lengths)
    keys = sample_keys(X, y)
    assert keys[0] == keys[2] != keys[1]
