"""The split for early stopping, and what fits that go on from another keep of it.

A sample is known by the fingerprint of its steps and its target, wherever it stands and
in whatever container. What has been trained on is not validated on by a later fit, nor
the other way round, and groups stay together.
"""

import numpy as np
from sklearn.model_selection import train_test_split

from .._sklearn.warn import warn
from .feeds import fingerprints

NEW, TRAINING, HELD_OUT = -1, 0, 1
# Of a sample that was never trained on all copies are held out.
ALL_COPIES = np.iinfo(np.int32).max


def nothing_seen():
    """The sides before the first fit, in plain types, for every format of pickles.

    `keys` are those of samples, sorted and distinct, `n_held_out` how many copies of
    each are for validation, the others being for training; `groups` are labels, each
    with its side in `side_of_group`.
    """
    return {
        "keys": np.empty(0, np.uint64),
        "n_held_out": np.empty(0, np.int32),
        "groups": [],
        "side_of_group": [],
    }


def sample_keys(X, target):
    """Fingerprints (n,) of sequences with their targets."""
    return fingerprints(*X._as_rows(), target)[:, 0].copy()


def split(samples, sides, fraction, stratify, rng):
    """A part to train on and a part, about this fraction, for early stopping.

    Samples have keys. `sides` are those of the fits that this one goes on from, None
    where they are not known.
    """
    if sides is None:
        _warn_of_unclean(
            "the fits that this one goes on from have trained on samples that are not "
            "remembered (partial_fit, warm_start=False, or saved by an earlier version)"
        )
        return samples.split(fraction, stratify, rng)
    side = _known_sides(samples.keys, samples.groups, sides)
    if (side == NEW).all():
        return samples.split(fraction, stratify, rng)
    _draw(side, samples.groups, fraction, stratify, rng)
    n_held_out = np.count_nonzero(side == HELD_OUT)
    if n_held_out == len(side):
        _warn_of_unclean("they have held out all of these samples")
    elif n_held_out < 2:
        _warn_of_unclean(
            f"they have trained on {'all' if not n_held_out else 'all but one'} of "
            f"these {len(side)} samples"
        )
    else:
        return samples.at(side == TRAINING), samples.at(side == HELD_OUT)
    return samples.split(fraction, stratify, rng)


def _warn_of_unclean(why):
    warn(
        "early_stopping=True in a fit that goes on from others: there are no samples "
        "to set aside of which it is certain that they were not trained on, since "
        f"{why}. The validation score may be too good. Pass X_val and y_val, or start "
        "anew with warm_start=False."
    )


def _known_sides(keys, groups, sides):
    """The side of each sample (n,), NEW where it is not known."""
    side = np.full(len(keys), NEW, np.int8)
    place = np.searchsorted(sides["keys"], keys)
    place[place == len(sides["keys"])] = 0
    known = np.zeros(len(keys), bool)
    if len(sides["keys"]):
        known = sides["keys"][place] == keys
    n_held_out = np.zeros(len(keys), np.int32)
    n_held_out[known] = sides["n_held_out"][place[known]]
    side[known] = np.where(_copies_before(keys) < n_held_out, HELD_OUT, TRAINING)[known]
    if groups is None:
        return side
    certain = known & ((n_held_out == 0) | (n_held_out == ALL_COPIES))
    remembered = dict(zip(sides["groups"], sides["side_of_group"], strict=True))
    labels, group = np.unique(groups, return_inverse=True)
    found = np.zeros((2, len(labels)), bool)
    for which in (TRAINING, HELD_OUT):
        found[which, group[certain & (side == which)]] = True
        found[which] |= [remembered.get(label) == which for label in labels.tolist()]
    both = np.flatnonzero(found.all(axis=0))
    if len(both):
        raise ValueError(
            f"groups: group {labels.tolist()[both[0]]!r} has samples on both sides of "
            "the split for early stopping of the fits that this one goes on from, "
            "which were made with other groups or without. Pass the same groups from "
            "the first fit on, pass X_val and y_val, or set warm_start=False."
        )
    side_of_group = np.where(found[HELD_OUT], HELD_OUT, NEW)
    side_of_group[found[TRAINING]] = TRAINING
    return side_of_group[group]


def _copies_before(keys):
    """How many samples of the same key stand before each."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.r_[True, ordered[1:] != ordered[:-1]][: len(keys)]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(keys)), 0))
    before = np.empty(len(keys), np.intp)
    before[order] = np.arange(len(keys)) - first
    return before


def _draw(side, groups, fraction, stratify, rng):
    """Give new samples, or groups, a side, so that the parts have their sizes."""
    unit = np.arange(len(side))
    if groups is not None:
        _, unit = np.unique(groups, return_inverse=True)
        stratify = None
    side_of_unit = np.empty(unit.max() + 1, np.int8)
    side_of_unit[unit] = side
    new = np.flatnonzero(side_of_unit == NEW)
    n_held_out = np.count_nonzero(side_of_unit == HELD_OUT)
    wanted = int(np.ceil(fraction * len(side_of_unit))) - n_held_out
    wanted = max(wanted, 2 - np.count_nonzero(side == HELD_OUT))
    most = len(new) - (not (side_of_unit == TRAINING).any())
    held_out = _some_of(new, min(max(wanted, 0), most), stratify, rng)
    side_of_unit[new] = TRAINING
    side_of_unit[held_out] = HELD_OUT
    side[:] = side_of_unit[unit]


def _some_of(new, n, stratify, rng):
    """n of the new samples, by classes where there are enough of each."""
    if 0 < n < len(new) and stratify is not None:
        try:
            return train_test_split(
                new, test_size=n, random_state=rng, stratify=stratify[new]
            )[1]
        except ValueError:  # too few of a class
            pass
    return rng.permutation(new)[:n]


def remember(sides, training, held_out):
    """The sides after a fit on these samples, held out None or others.

    `sides` are those before it, which this fit overrules.
    """
    parts = [part for part in (training, held_out) if part is not None]
    trained, held_out = (*(part.keys for part in parts), np.empty(0, np.uint64))[:2]
    keys = np.unique(np.concatenate([trained, held_out]))
    n_held_out = np.zeros(len(keys), np.int32)
    there, counts = np.unique(held_out, return_counts=True)
    n_held_out[np.searchsorted(keys, there)] = counts
    n_held_out[~np.isin(keys, trained)] = ALL_COPIES
    kept = ~np.isin(sides["keys"], keys)
    keys = np.concatenate([sides["keys"][kept], keys])
    n_held_out = np.concatenate([sides["n_held_out"][kept], n_held_out])
    order = np.argsort(keys)
    side_of = dict(zip(sides["groups"], sides["side_of_group"], strict=True))
    for part, side in zip(parts, (TRAINING, HELD_OUT), strict=False):
        if part.groups is not None:
            side_of |= dict.fromkeys(np.unique(part.groups).tolist(), side)
    return {
        "keys": keys[order],
        "n_held_out": n_held_out[order],
        "groups": list(side_of),
        "side_of_group": list(side_of.values()),
    }
