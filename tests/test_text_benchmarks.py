"""Readers and measures of the benchmarks with text, on cases worked by hand."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

TASKS = Path(__file__).parents[1] / "benchmarks" / "tasks"
if not (TASKS / "entities.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(TASKS))
from entities import entities, n_illegal, strict_f1  # noqa: E402
from step_baselines import nll_per_step, previous  # noqa: E402
from tagging_data import base_tag, piano_roll, read_conll  # noqa: E402
from text_data import find, read_lines  # noqa: E402

sys.path.remove(str(TASKS))


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("O O", set()),
        ("B-PER I-PER O B-LOC", {(0, 2, "PER"), (3, 4, "LOC")}),
        # two that touch
        ("B-PER B-PER I-PER", {(0, 1, "PER"), (1, 3, "PER")}),
        # an I- of another type ends an entity and begins none
        ("B-PER I-LOC I-LOC", {(0, 1, "PER")}),
        ("I-PER I-PER O", set()),
        ("B-PER O I-PER", {(0, 1, "PER")}),
        ("", set()),
    ],
)
def test_entities(tags, expected):
    assert entities(tags.split()) == expected


@pytest.mark.parametrize(
    "true, predicted, f1",
    [
        # two of two found, one of them among three: P = 2/3, R = 1
        (["B-A I-A O B-B"], ["B-A I-A B-B B-B"], 80.0),
        # a border that is wrong is a miss and a false find
        (["B-A I-A O"], ["B-A O O"], 0.0),
        # over all sentences: 2 true, 1 predicted, 1 both
        (["B-A O", "O B-B"], ["B-A O", "O O"], 200 / 3),
        (["O"], ["O"], 0.0),
    ],
)
def test_strict_f1(true, predicted, f1):
    split = [[tags.split() for tags in sentences] for sentences in (true, predicted)]
    assert strict_f1(*split) == pytest.approx(f1)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="1 tags for 2 words"):
        strict_f1([["O", "O"]], [["O"]])


def test_illegal_transitions():
    tags = [["I-A", "I-A", "B-A", "I-B"], ["O", "I-A", "B-B", "I-B"]]
    # the second I-A goes on from the first, whatever that came from
    assert n_illegal(tags) == 3


def test_lines_of_text_end_at_line_feeds_alone(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"1 a film\x85 of 8 1/2\n0 h\xe9ros\n"))
    documents, labels = read_lines(path)
    assert documents == ["a film\x85 of 8 1/2", "h\xe9ros"]
    assert labels.tolist() == [1, 0]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Exception, match="SKLSTM_DATA"):
        find(None, "text/a.gz")
    with pytest.raises(Exception, match="a.gz is not there"):
        find(tmp_path, "text/a.gz")


def test_sentences_of_conll_become_iob2():
    lines = [
        "-DOCSTART- -X- O O", "",
        "EU NNP I-NP I-ORG", "Peter NNP I-NP I-PER", "Black NNP I-NP I-PER",
        "Rome NNP I-NP B-PER", "",
        "by IN I-PP O", "Bonn NNP I-NP I-LOC", "",
    ]  # fmt: skip
    words, tags = read_conll("\n".join(lines))
    assert words == [["EU", "Peter", "Black", "Rome"], ["by", "Bonn"]]
    assert tags == [["B-ORG", "B-PER", "I-PER", "B-PER"], ["O", "B-LOC"]]


@pytest.mark.parametrize(
    "tag, base",
    [("nn-tl", "nn"), ("nn-tl-hl", "nn"), ("fw-in+nn-tl", "in+nn"), ("fw-*", "*"),
     ("--", "--"), ("---hl", "--"), ("ppss+ber", "ppss+ber"), ("np$", "np$")],
)  # fmt: skip
def test_base_tags(tag, base):
    assert base_tag(tag) == base


def test_likelihood_of_notes():
    pieces = [piano_roll([[21], [21, 108]]), piano_roll([[108]])]
    assert pieces[0].sum(axis=1).tolist() == [1, 2]
    assert pieces[0][1, [0, 87]].tolist() == [1, 1]
    # a coin for every key: 88 log 2 a step
    coins = [np.zeros_like(piece) for piece in pieces]
    assert nll_per_step(coins, pieces) == pytest.approx(88 * np.log(2))
    # certain of the first steps of each piece, a coin for the key 21 at the other
    logits = [np.where(piece, 50.0, -50.0) for piece in pieces]
    logits[0][1, 0] = 0
    assert nll_per_step(logits, pieces) == pytest.approx(np.log(2) / 3)
    assert nll_per_step(logits, pieces, first=False) == pytest.approx(np.log(2))


def test_notes_of_the_step_before():
    piece = piano_roll([[21], [30], []])
    np.testing.assert_array_equal(previous([piece])[0], piano_roll([[], [21], [30]]))
