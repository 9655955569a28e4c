"""The strict F1 of the benchmarks, on cases that were worked by hand."""

import sys
from pathlib import Path

import pytest

TASKS = Path(__file__).parents[1] / "benchmarks" / "tasks"
if not (TASKS / "entities.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(TASKS))
from entities import entities, n_illegal, strict_f1  # noqa: E402

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
