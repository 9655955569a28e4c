"""What a network that has overflowed says: a warning with the first such sequence."""

import math

import numpy as np

from .._sklearn.warn import warn


def warn_if_not_finite(values, what, *, offsets=None):
    """Say which sequence has values that are not finite.

    Rows of `values` are sequences, with `offsets` steps of them.
    """
    # A sum of squares is the quickest look, at more than one number.
    one = values.size == 1
    if math.isfinite(values.item() if one else np.vdot(values, values)):
        return
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if finite.all():
        return
    rows = np.flatnonzero(~finite)
    if offsets is not None:
        rows = np.unique(np.searchsorted(offsets, rows, side="right") - 1)
    which = f"sequence {rows[0]}"
    if len(rows) > 1:
        which = f"{len(rows)} sequences, the first of them {rows[0]},"
    warn(
        f"The {what} of {which} is not finite (NaN or infinite): numbers in the "
        "network have overflowed. Look for absurd values in X and scale it as the "
        "training data were; if it is, training has diverged: fit again with X scaled, "
        "for example by TimeDistributed(StandardScaler()), or with a smaller "
        "learning_rate_init.",
        RuntimeWarning,
    )
