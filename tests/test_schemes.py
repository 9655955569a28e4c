"""Schemes of tagging: what they forbid, by hand, and that it is never said."""

import numpy as np
import pytest
from crf_cases import AllPaths, StepTarget, offsets_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklstm._network import decoding
from sklstm._network.emissions import Emissions, scores_between
from sklstm._network.losses import CRFLoss
from sklstm._targets.schemes import (
    SCHEMES,
    Masks,
    Violation,
    check_paths,
    find_violation,
    masks_for,
    scheme_masks,
)


def encoded(paths, classes=None):
    """Classes, labels (N,), -1 for None, and offsets."""
    if classes is None:
        classes = sorted({tag for path in paths for tag in path} - {None})
    places = {tag: k for k, tag in enumerate(classes)} | {None: -1}
    labels = np.array([places[tag] for path in paths for tag in path], dtype=np.intp)
    return np.array(classes), labels, offsets_of([len(path) for path in paths])


def auto(paths, classes=None):
    return masks_for("auto", *encoded(paths, classes))


def table(masks, classes):
    """For each label the labels after it, as text."""
    rows = [
        (tag, [other for other, ok in zip(classes, row) if ok])
        for tag, row in zip(classes, masks.transitions)
    ]
    return dict(rows)


IOB2 = [["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], [], ["O", "B-PER", "I-PER", "I-PER"]]
BIOES = [
    ["B-PER", "I-PER", "E-PER", "O", "S-LOC", "B-LOC", "E-LOC"],
    ["S-PER"],
    ["O", "B-LOC", "I-LOC", "I-LOC", "E-LOC"],
]


def in_letters(letters):
    """The paths above in the letters of another scheme."""
    change = dict(zip("BIES", letters))
    return [[change.get(tag[0], tag[0]) + tag[1:] for tag in path] for path in BIOES]


# ---- by hand -------------------------------------------------------------------------


def test_iob2():
    classes = ["B-LOC", "B-PER", "I-PER", "O"]
    masks = auto(IOB2)
    assert table(masks, classes) == {
        "B-LOC": ["B-LOC", "B-PER", "O"],
        "B-PER": ["B-LOC", "B-PER", "I-PER", "O"],
        "I-PER": ["B-LOC", "B-PER", "I-PER", "O"],
        "O": ["B-LOC", "B-PER", "O"],
    }
    assert masks.start.tolist() == [True, True, False, True]
    assert masks.end.all()
    assert masks.transitions.dtype == masks.start.dtype == masks.end.dtype == bool


@pytest.mark.parametrize("letters", ["BIES", "BILU", "BMES"])
def test_bioes(letters):
    B, I, E, S = letters  # noqa: E741
    masks = auto(in_letters(letters))
    classes = encoded(in_letters(letters))[0].tolist()
    begin = sorted([f"{B}-LOC", f"{B}-PER", f"{S}-LOC", f"{S}-PER", "O"])
    expected = {
        tag: begin
        if tag[0] in (E, S, "O")
        else sorted(f"{x}-{tag[2:]}" for x in (I, E))
        for tag in classes
    }
    found = table(masks, classes)
    assert {tag: sorted(after) for tag, after in found.items()} == expected
    closed = [tag[0] in (E, S, "O") for tag in classes]
    assert masks.end.tolist() == closed
    assert masks.start.tolist() == [tag[0] in (B, S, "O") for tag in classes]


@pytest.mark.parametrize("paths", [IOB2, BIOES])
def test_letters_alone(paths):
    """Where there is one type it need not be said."""
    named = [[tag[:2] + "X" if "-" in tag else tag for tag in path] for path in paths]
    alone = [[tag[0] for tag in path] for path in named]
    for masks, expected in zip(auto(alone), auto(named), strict=True):
        assert_array_equal(masks, expected)
    assert auto([["O", "B", "I"]]) is not None
    assert auto([["O", "I", "B"]]) is None
    assert auto([["O", "B", "B"], ["I"]]) is None


def test_types_with_dashes_and_odd_names():
    paths = [["O", "B-geo-loc", "I-geo-loc"], ["B-geo", "I-geo", "O", "B-1.é"]]
    masks = auto(paths)
    classes = encoded(paths)[0].tolist()
    found = table(masks, classes)
    assert "I-geo-loc" in found["B-geo-loc"] and "I-geo-loc" not in found["B-geo"]
    assert "I-geo" in found["B-geo"] and "I-geo" not in found["B-geo-loc"]


@pytest.mark.parametrize(
    "paths",
    [
        [["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]],  # IOB1
        [["O", "I-PER", "B-PER"], ["B-PER", "O"]],
        [["B-PER", "I-LOC", "O", "B-LOC"]],  # goes on with another type
        [["O", "B-PER", "O"]],  # nothing to forbid
        [["O", "I-PER"]],
        [["O", "S-PER", "O"]],
        [["B-PER", "I-PER"]],  # no O
        [["B-PER", "I-PER", "O", "X"]],
        [["B-PER", "I-PER", "O", "o"]],
        [["B-", "I-", "O"]],
        [["B-X", "I-X", "O", "O-X"]],
        [["", "B-X", "I-X", "O"]],
        [["BPER", "IPER", "O"]],
        [["B-PER", "I-PER", "E-PER", "O", "B-PER"]],  # ends inside
        [["B-PER", "E-PER", "O", "B-PER", "O"]],
        [["B-PER", "I-PER", "O", "S-PER"]],  # no end
        [["I-PER", "E-PER", "O"]],
        [["B-PER", "I-PER", "L-PER", "E-PER", "O"]],  # letters of two schemes
        [["NN", "VB", "O"]],
        [["O", "O"]],
        [["a", "b"]],
    ],
)
def test_what_is_no_scheme(paths):
    assert auto(paths) is None


def test_labels_that_are_no_text():
    labels, offsets = np.array([0, 1, 2]), np.array([0, 3])
    some = np.empty(3, dtype=object)
    some[:] = [("B", "PER"), None, 3]
    for classes in (np.arange(3), np.array([0.0, 1, 2]), some, np.array([False, True])):
        assert masks_for("auto", classes, labels, offsets) is None


def test_neighbours_prove_nothing():
    """In IOB1 "B-" stands between neighbours alone: without labels around them, or
    without entities, paths do not tell the schemes apart."""
    classes = ["B-X", "I-X", "O"]
    assert auto([["O", "O"]], classes) is None
    assert auto([[None, "I-X", "B-X", "I-X"]], classes) is None
    assert auto([[None, "B-X", "I-X"]], classes) is None
    assert auto([["O", "B-X", "I-X"]], classes) is not None
    assert auto([["B-X", "I-X"]], classes) is not None
    assert auto([["O"], ["B-X", "I-X"]], classes) is not None
    classes += ["B-Y", "I-Y"]
    assert auto([[None, "I-X", "B-Y"]], classes) is not None
    # entities with ends are known by them
    assert auto([["O"]], ["B-X", "E-X", "O"]) is not None


def test_classes_without_samples():
    """What partial_fit is told: each must be of use."""
    paths = [["B-X", "I-X", "O"]]
    assert auto(paths, ["B-X", "B-Y", "I-X", "O"]) is not None
    assert auto(paths, ["B-X", "I-X", "I-Y", "O"]) is None


def test_scheme_masks_of_other_tags():
    assert scheme_masks("IOB2", ["B-X", "E-X", "O"]) is None
    assert scheme_masks("IOB2", ["B-X", "I-X"]) is None
    assert scheme_masks("IOB2", np.array(["B-X", "I-X", "O"])) is not None


# ---- pairs ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [list, tuple, set, lambda p: [list(x) for x in p]])
def test_pairs(make):
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "b"), ("b", "b")]
    masks = masks_for(make(pairs), np.array(["a", "b", "c"]), [], [0])
    assert_array_equal(masks.transitions, [[0, 1, 0], [0, 1, 1], [1, 0, 0]])
    assert masks.start.all() and masks.end.all()


def test_pairs_of_other_labels():
    pairs = np.array([[1, 5], [5, 1]])
    masks = masks_for(pairs, np.array([1, 5]), [], [0])
    assert_array_equal(masks.transitions, [[0, 1], [1, 0]])
    assert masks_for([(True, False), (False, True)], np.array([False, True]), [], [0])
    classes = np.empty(2, dtype=object)
    classes[:] = [("B", 1), "x"]
    masks = masks_for([(("B", 1), "x"), ("x", ("B", 1))], classes, [], [0])
    assert_array_equal(masks.transitions, [[0, 1], [1, 0]])


def test_nothing_forbidden_is_no_constraint():
    pairs = [(a, b) for a in "ab" for b in "ab"]
    assert masks_for(pairs, np.array(["a", "b"]), [], [0]) is None
    assert masks_for(None, np.array(["a", "b"]), [], [0]) is None


@pytest.mark.parametrize(
    "constraints",
    [
        "bio", "", 3, True, [("a",)], [("a", "b", "a")], ["ab"], [3],
        {"a": "b"}, [(["a"], "b")], object(),
    ],
)  # fmt: skip
def test_what_is_no_constraint(constraints):
    with pytest.raises(
        ValueError, match="^constraints=.*'auto', None, or a list of pairs"
    ):
        masks_for(constraints, np.array(["a", "b"]), [], [0])


def test_pairs_of_labels_that_are_not_there():
    with pytest.raises(
        ValueError, match="does not have: 'c', 'd'; the labels are 'a', 'b'"
    ):
        masks_for([("a", "c"), ("d", "b")], np.array(["a", "b"]), [], [0])


def test_labels_that_nothing_may_follow():
    with pytest.raises(ValueError, match="no label after 'b', 'c'. Add pairs"):
        masks_for([("a", "b")], np.array(["a", "b", "c"]), [], [0])
    with pytest.raises(ValueError, match="no label after 'a', 'b'"):
        masks_for([], np.array(["a", "b"]), [], [0])


# ---- paths ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, expected",
    [
        (["I-X", "O"], (0, None, None, "I-X")),
        (["O", "I-X"], (1, "O", 0, "I-X")),
        (["B-X", "O", "O"], (1, "B-X", 0, "O")),
        (["O", "B-X"], (1, "B-X", 1, None)),
        (["O", "B-X", "I-X"], (2, "I-X", 2, None)),
        (["B-X", "I-X", "B-Y"], (2, "I-X", 1, "B-Y")),
        (["O", "B-X", None, "I-Y"], (3, "B-X", 1, "I-Y")),
        (["B-X", None, None, "I-Y"], (3, "I-Y", 3, None)),
        ([None, "O", "B-X"], (2, "B-X", 2, None)),
    ],
)  # fmt: skip
def test_violations(path, expected):
    classes = ["B-X", "B-Y", "E-X", "E-Y", "I-X", "I-Y", "O"]
    masks = scheme_masks("BIOES", classes)
    _, labels, offsets = encoded([["O"], [], path, ["I-X"]], classes)
    step, before, step_before, label = expected
    index = [None if tag is None else classes.index(tag) for tag in (before, label)]
    found = find_violation(masks, labels, offsets)
    assert found == Violation(2, step, index[0], step_before, index[1])


@pytest.mark.parametrize(
    "path",
    [
        [], ["O"], ["O", None, "I-X", "E-X"], [None, "I-X", None], [None] * 5,
        ["B-X", None, "E-X"], ["O", "B-X", None], [None, "E-Y"],
        ["B-X", None, None, "E-Y"],
    ],
)  # fmt: skip
def test_paths_with_a_way_through(path):
    classes = ["B-X", "B-Y", "E-X", "E-Y", "I-X", "I-Y", "O"]
    masks = scheme_masks("BIOES", classes)
    assert find_violation(masks, *encoded([path, ["O"]], classes)[1:]) is None


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_violation_is_what_has_no_path(data):
    """Of random masks and labels, some of them missing: where not even one path of all
    is left. Beginnings of it have one up to there."""
    K = data.draw(st.integers(1, 3))
    bools = st.lists(st.booleans(), min_size=K, max_size=K).map(np.array)
    rows = st.lists(bools, min_size=K, max_size=K).map(np.array)
    masks = Masks(data.draw(bools), data.draw(rows), data.draw(bools))
    path = data.draw(st.lists(st.integers(-1, K - 1), min_size=1, max_size=5))
    labels, offsets = np.array(path), np.array([0, len(path)])
    emissions = Emissions(np.zeros((len(path), K)), *scores_between(masks))
    found = find_violation(masks, labels, offsets)
    possible = AllPaths(emissions).log_z(labels) > -np.inf
    assert (found is None) == (possible or (labels < 0).all())
    if found is not None:
        # up to the label before it all is well, where a sequence may end anywhere
        anywhere = masks._replace(end=np.ones(K, dtype=bool))
        before = labels[: 0 if found.before is None else found.step_before + 1]
        assert find_violation(anywhere, before, np.array([0, len(before)])) is None


def test_long_gaps_end():
    """Where there is a way, and where ways take turns."""
    classes = ["B-X", "E-X", "I-X", "O"]
    masks = scheme_masks("BIOES", classes)
    labels = np.full(100_000, -1)
    labels[50_000] = 3
    assert find_violation(masks, labels, np.array([0, 100_000])) is None
    turns = masks_for([("a", "b"), ("b", "a")], np.array(["a", "b"]), [], [0])
    for gap, fine in [(100, True), (101, False)]:
        labels = np.r_[0, np.full(gap - 1, -1), 0]
        found = find_violation(turns, labels, np.array([0, gap + 1]))
        assert (found is None) == fine


@pytest.mark.parametrize(
    "path, where",
    [
        (["O", "I-X"], "'I-X' at step 1 after 'O' at step 0, which"),
        (["I-X"], "'I-X' at step 0, and cannot begin with it, which"),
        (["O", "B-X"], "'B-X' at step 1, and cannot end after it, which"),
    ],
)
def test_messages(path, where):
    classes = ["B-X", "E-X", "I-X", "O"]
    masks = scheme_masks("BIOES", classes)
    classes, labels, offsets = encoded([["O", "B-X", "E-X"], path], classes)
    way_out = r".* constraints=\[\(label, next label\), \.\.\.\], or constraints=None"
    with pytest.raises(ValueError, match=r"^y\[1\] has label " + where + way_out):
        check_paths(masks, classes, labels, offsets)
    with pytest.raises(ValueError, match=r"y_val\[1\]"):
        check_paths(masks, classes, labels, offsets, "y_val")
    check_paths(masks, classes, labels[:3], offsets[:2])
    check_paths(None, classes, labels, offsets)


# ---- nothing forbidden is ever said --------------------------------------------------


def tags_of(name, types):
    begin, inside, end, single = SCHEMES[name]
    prefixes = [begin, inside, *filter(None, (end, single))]
    return sorted([f"{p}-{kind}" for p in prefixes for kind in types] + ["O"])


def illegal(masks, paths, offsets):
    """Illegal starts, transitions and ends of many paths, counted one by one."""
    there = np.diff(offsets) > 0
    first, last = offsets[:-1][there], offsets[1:][there] - 1
    inside = np.ones(len(paths), dtype=bool)
    inside[first] = False
    at = np.flatnonzero(inside)
    return (
        (~masks.start[paths[first]]).sum()
        + (~masks.end[paths[last]]).sum()
        + (~masks.transitions[paths[at - 1], paths[at]]).sum()
    )


def illegal_of_random_models(n_models, n_sequences, seed, best=3):
    """Illegal steps among the best paths of random models on random inputs, and how
    many paths there were."""
    rng = np.random.default_rng(seed)
    found = n_paths = 0
    for _ in range(n_models):
        name = rng.choice(list(SCHEMES))
        classes = tags_of(name, "XYZ"[: rng.integers(1, 4)])
        masks = scheme_masks(name, classes)
        K, offsets = len(classes), offsets_of(rng.integers(0, 9, n_sequences))
        scale, between = 10.0 ** rng.integers(-2, 6, 2)
        scores = [between * rng.standard_normal(shape) for shape in ((K, K), K, K)]
        emissions = Emissions(
            scale * rng.standard_normal((offsets[-1], K)),
            *scores_between(masks, *scores),
        )
        paths, score = decoding.viterbi(emissions, offsets)
        assert np.isfinite(score).all()
        found += illegal(masks, paths, offsets)
        n_paths += n_sequences
        for several, _ in decoding.n_best(emissions, offsets, best) if best else ():
            ends = offsets_of([several.shape[1]] * len(several))
            found += illegal(masks, several.ravel(), ends)
            n_paths += len(several)
        p = decoding.marginals(emissions, offsets)
        assert not p[offsets[:-1][np.diff(offsets) > 0]][:, ~masks.start].any()
    return found, n_paths


def test_random_models_say_nothing_illegal():
    found, n_paths = illegal_of_random_models(60, 40, 0)
    assert found == 0 and n_paths > 5000


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_nothing_illegal_in_any_scheme(data):
    """Scores that hypothesis thinks of, and the loss of what is legal is finite."""
    name = data.draw(st.sampled_from(list(SCHEMES)))
    classes = tags_of(name, "XY")
    masks, K = scheme_masks(name, classes), len(classes)
    assert masks.all_usable
    T = data.draw(st.integers(1, 4))
    score = st.floats(-1e6, 1e6)

    def scores(*shape):
        n = int(np.prod(shape))
        drawn = data.draw(st.lists(score, min_size=n, max_size=n))
        return np.array(drawn).reshape(shape)

    emissions = Emissions(
        scores(T, K), *scores_between(masks, scores(K, K), scores(K), scores(K))
    )
    offsets = offsets_of([T])
    for paths, _ in decoding.n_best(emissions, offsets, 5):
        for path in paths:
            assert illegal(masks, path, offsets) == 0
    path, _ = decoding.viterbi(emissions, offsets)
    assert illegal(masks, path, offsets) == 0
    value, d = CRFLoss(K, masks).value_and_gradient(
        emissions, StepTarget(path, offsets)
    )
    assert np.isfinite(value) and value >= 0
    for part, score in zip(d, emissions):
        assert np.isfinite(part).all() and not part[score == -np.inf].any()
