"""Entities of tagged sentences, and the strict F1 of those that are found."""


def entities(tags):
    """The set of (first step, step after the last, type) in tags in IOB2.

    As in the strict mode of seqeval: an entity begins at B- and goes on over I- of its
    type. An I- after anything else begins none.
    """
    found, start = set(), None
    for t, tag in enumerate([*tags, "O"]):
        if start is not None and tag != "I" + tags[start][1:]:
            found.add((start, t, tags[start][2:]))
            start = None
        if tag.startswith("B-"):
            start = t
    return found


def strict_f1(y_true, y_pred):
    """Micro-averaged F1 over the entities of all sentences, in per cent."""
    n_true = n_pred = n_both = 0
    for true, predicted in zip(y_true, y_pred, strict=True):
        if len(true) != len(predicted):
            raise ValueError(f"{len(predicted)} tags for {len(true)} words")
        true, predicted = entities(true), entities(predicted)
        n_true += len(true)
        n_pred += len(predicted)
        n_both += len(true & predicted)
    return 200 * n_both / max(n_true + n_pred, 1)


def n_illegal(sentences):
    """How often an I- comes after anything but B- or I- of its type."""
    return sum(
        tag.startswith("I-") and before[1:] != tag[1:]
        for tags in sentences
        for before, tag in zip(["O", *tags], tags)
    )
