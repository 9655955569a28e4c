"""Which labels may follow each other: schemes of tagging, and lists of pairs.

Tags mark entities by prefixes: "B-" begins one of a type, "I-" goes on inside it, and
where the scheme says so "E-" ends it and "S-" is one of a single step; "O" is outside
(Ramshaw & Marcus 1995). Where entities have no types tags are letters alone. In IOB2,
or BIO, every entity begins with "B-"; where "B-" only parts neighbours (IOB1) nothing
is forbidden, and it is no scheme here.
"""

from typing import NamedTuple

import numpy as np

# Prefixes that begin an entity, go on, end it, and are all of it; the last two are
# optional. BIOES is also known by other letters.
SCHEMES = {
    "IOB2": ("B", "I", None, None),
    "BIOES": ("B", "I", "E", "S"),
    "BILOU": ("B", "I", "L", "U"),
    "BMES": ("B", "M", "E", "S"),
}
OUTSIDE = "O"


class Masks(NamedTuple):
    """What is allowed of K labels, in the order of classes."""

    start: np.ndarray  # (K,) bool
    transitions: np.ndarray  # (K, K) bool, [from, to]
    end: np.ndarray  # (K,) bool

    @property
    def all_usable(self):
        """Whether each label is on a path from an allowed start to an allowed end."""
        reached, leads_on = self.start, self.end
        for _ in range(len(self.start)):
            reached = reached | self.transitions[reached].any(axis=0)
            leads_on = leads_on | self.transitions[:, leads_on].any(axis=1)
        return bool((reached & leads_on).all())

    @property
    def forbid_something(self):
        return not all(mask.all() for mask in self)


class Violation(NamedTuple):
    """Where labels are not allowed: a label after another, or the first or last one."""

    sample: int
    step: int  # of the label, for one that may not be last, of this one
    before: int | None  # index of the label before it, None at the start
    step_before: int | None
    label: int | None  # None where the one before may not be last


def masks_for(constraints, classes, labels, offsets):
    """Masks of what `constraints` of an estimator allow, None if that is everything.

    "auto" recognises a scheme by the classes and the training paths, of which `labels`
    (N,) has indices of classes, -1 without a label, one sequence after the other.
    """
    if constraints is None:
        return None
    if isinstance(constraints, str) and constraints == "auto":
        return recognised(classes, labels, offsets)
    masks = of_pairs(constraints, classes)
    return masks if masks.forbid_something else None


# ---- schemes -------------------------------------------------------------------------


def recognised(classes, labels, offsets):
    """Masks of the first scheme that all classes and all paths are in, or None."""
    for name, (_, _, end, _) in SCHEMES.items():
        masks = scheme_masks(name, classes)
        if (
            masks is not None
            and masks.all_usable
            and masks.forbid_something
            and find_violation(masks, labels, offsets) is None
            and (end is not None or _every_entity_begins(classes, labels, offsets))
        ):
            return masks
    return None


def _every_entity_begins(classes, labels, offsets):
    """Whether "B-" is seen where it parts no neighbours: paths without entities, or
    with few labels, are no proof against IOB1."""
    tags = [_split(label) for label in classes]
    types = np.array([kind for _, kind in tags], dtype=object)
    begins = np.array([prefix == "B" for prefix, _ in tags])
    offsets = np.asarray(offsets)
    first = np.isin(np.arange(len(labels)), offsets[:-1])
    before = np.r_[-1, labels[:-1]]
    parts = ~first & ((before < 0) | (types[before] == types[labels]))
    return bool(((labels >= 0) & begins[labels] & ~parts).any())


def _split(label):
    """Prefix and type of a tag; None if it is none. What is outside has type None."""
    if not isinstance(label, str):
        return None
    if label == OUTSIDE:
        return OUTSIDE, None
    prefix, dash, kind = label.partition("-")
    return (prefix, kind) if prefix != OUTSIDE and (kind or not dash) else None


def kind_of(label):
    """The type of entity that a tag is of; of what is no such tag, itself."""
    tag = _split(label)
    prefixes = {prefix for scheme in SCHEMES.values() for prefix in scheme}
    return tag[1] if tag and tag[1] and tag[0] in prefixes else label


def scheme_masks(name, classes):
    """Masks of a scheme; None if the classes are not its tags."""
    begin, inside, end, single = SCHEMES[name]
    known = {begin, inside, end, single, OUTSIDE} - {None}
    tags = [_split(label) for label in classes]
    if (OUTSIDE, None) not in tags or not all(tag and tag[0] in known for tag in tags):
        return None
    prefixes = np.array([prefix for prefix, _ in tags])
    types = np.array([kind for _, kind in tags], dtype=object)
    goes_on = np.isin(prefixes, [inside, end or inside])
    in_an_entity = np.isin(prefixes, [begin, inside])
    # what goes on comes after a tag inside the same entity; where entities have ends,
    # nothing else comes after such a tag
    same_type = types[:, np.newaxis] == types
    follows = in_an_entity[:, np.newaxis] & same_type
    ended = np.ones(len(tags), dtype=bool) if end is None else ~in_an_entity
    transitions = np.where(goes_on, follows, ended[:, np.newaxis])
    return Masks(~goes_on, transitions, ended)


# ---- pairs ---------------------------------------------------------------------------


def _no_constraints(constraints):
    return (
        f"constraints={constraints!r}: expected 'auto', None, or a list of pairs "
        "(label, next label) of all labels that may follow each other."
    )


def of_pairs(pairs, classes):
    """Masks of allowed pairs (label, next label); any label may be first or last."""
    places = {label: k for k, label in enumerate(_plain(classes))}
    message = _no_constraints(pairs)
    if isinstance(pairs, np.ndarray):
        pairs = pairs.tolist()
    if not isinstance(pairs, (list, tuple, set, frozenset)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise ValueError(message)
    try:
        unknown = {label for pair in pairs for label in pair if label not in places}
    except TypeError as error:  # a label that is a list
        raise ValueError(message) from error
    if unknown:
        raise ValueError(
            f"constraints has labels that y does not have: "
            f"{_listed(unknown)}; the labels are {_listed(places)}."
        )
    K = len(places)
    masks = Masks(np.ones(K, bool), np.zeros((K, K), bool), np.ones(K, bool))
    for label, following in pairs:
        masks.transitions[places[label], places[following]] = True
    stuck = ~masks.transitions.any(axis=1)
    if stuck.any():
        names = [label for label, k in places.items() if stuck[k]]
        raise ValueError(
            f"constraints allows no label after {_listed(names)}. Add pairs that begin "
            "with it, such as one of the label and itself."
        )
    return masks


def _plain(classes):
    """Labels as Python's objects, as which they are shown."""
    return classes.tolist() if isinstance(classes, np.ndarray) else list(classes)


def _listed(labels):
    return ", ".join(sorted(map(repr, labels)))


# ---- paths ---------------------------------------------------------------------------


def find_violation(masks, labels, offsets):
    """The first place where the labels of a path are not allowed, None without one.

    Over steps without a label there has to be some path that is allowed.
    """
    labels, offsets = np.asarray(labels), np.asarray(offsets)
    steps = np.flatnonzero(labels >= 0)  # with a label
    if not len(steps):
        return None
    sequence = np.searchsorted(offsets, steps, side="right") - 1
    first, last = offsets[sequence], offsets[sequence + 1] - 1
    y = labels[steps]
    begins = np.r_[True, sequence[1:] != sequence[:-1]]
    ends = np.r_[begins[1:], True]
    before = np.r_[0, np.arange(len(steps) - 1)]
    # steps from a label to the one before it, to the start, and to the end
    gap = np.where(begins, steps - first + 1, steps - steps[before])
    to_end = last - steps + 1
    bad = np.zeros(len(steps), dtype=bool)
    bad_end = np.zeros(len(steps), dtype=bool)
    # which label leads to which by so many transitions
    power, done = np.eye(len(masks.start), dtype=bool), 0
    for n in np.union1d(gap, to_end[ends]):
        while done < n - 1:
            longer = power @ masks.transitions
            done = n - 1 if np.array_equal(longer, power) else done + 1
            power = longer
        here = begins & (gap == n)
        bad[here] = ~(masks.start @ power)[y[here]]
        here = ends & (to_end == n)
        bad_end[here] = ~(power @ masks.end)[y[here]]
        here = ~begins & (gap == n)
        if here.any():
            bad[here] = ~(power @ masks.transitions)[y[before[here]], y[here]]
    found = np.flatnonzero(bad | bad_end)
    if not len(found):
        return None
    k = found[0]
    place, sample = int(steps[k] - first[k]), int(sequence[k])
    if not bad[k]:
        return Violation(sample, place, int(y[k]), place, None)
    if begins[k]:
        return Violation(sample, place, None, None, int(y[k]))
    step_before = int(steps[k - 1] - first[k])
    return Violation(sample, place, int(y[k - 1]), step_before, int(y[k]))


def check_paths(masks, classes, labels, offsets, name="y"):
    """Say which labels are not allowed where masks (or None) forbid them."""
    found = None if masks is None else find_violation(masks, labels, offsets)
    if found is None:
        return
    classes = _plain(classes)
    sample, step, before, step_before, label = found
    where = f"{name}[{sample}] has label "
    if label is None:
        where += f"{classes[before]!r} at step {step}, and cannot end after it"
    elif before is None:
        where += f"{classes[label]!r} at step {step}, and cannot begin with it"
    else:
        where += (
            f"{classes[label]!r} at step {step} after {classes[before]!r} at step "
            f"{step_before}"
        )
    raise ValueError(
        f"{where}, which the constraints do not allow. Mend the labels, pass all pairs "
        "of labels that may follow each other as constraints=[(label, next label), "
        "...], or constraints=None to allow all."
    )
