"""Series as a forecaster reads them: what is valid, one matrix, windows in it."""

from collections import Counter
from functools import partial

import numpy as np

from .._targets.horizon import WindowTarget
from .._training.samples import Samples
from .._training.windows import WindowArray
from ..sequences import SequenceArray
from ..sequences._check import check_sequences
from ..sequences._missing import fill_forward, observed_mean
from ..sequences._rows import AT_A_TIME, Rows, blocks_of, in_place
from ..sequences._stacking import place_of, rows_of_parts
from .tokens import are_no_ids


def future_of(X_future, X, fitted):
    """Features known ahead (n, horizon, those of `future`), or None."""
    windows, features = fitted.architecture["windows"], fitted.features
    columns, horizon = windows["future"], windows["horizon"]
    names = features.feature_names_in
    wanted = [j if names is None else names[j] for j in columns]
    if X_future is None:
        if columns:
            raise ValueError(
                f"X_future is None, but the features {wanted} are known ahead: "
                f"pass their values at the {horizon} step(s) behind the end of "
                "each series."
            )
        return None
    if not columns:
        raise ValueError(
            "X_future is given, but without future_features nothing of it is "
            "looked at. Name the features that are known ahead, or leave it out."
        )
    try:
        future = check_sequences(X_future, dtype=np.float64, allow_nan=True)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In X_future: {error}") from error
    if len(future) != len(X):
        raise ValueError(
            f"X_future has {len(future)} series, but X has {len(X)}. Pass one for "
            "each, in the same order."
        )
    if X.ids is not None and future.ids is not None:
        future = future[_in_order_of(X.ids, future.ids)]
    short = np.flatnonzero(future.lengths < horizon)
    if len(short):
        i = short[0]
        raise ValueError(
            f"X_future has {future.lengths[i]} step(s) of series {i}, but the "
            f"horizon has {horizon}: step {future.lengths[i]} is the first that is "
            "missing. Pass the features known ahead at each step to forecast."
        )
    of_future = _columns_of_future(future, wanted, columns, features)
    rows = future._offsets[:-1, np.newaxis] + np.arange(horizon)
    values = future._data[rows[..., np.newaxis], of_future]
    for k, column in enumerate(columns):
        if fitted.embedding is None or column not in fitted.embedding["columns"]:
            continue
        bad = are_no_ids(values[..., k])
        if bad.any():
            i, step = np.argwhere(bad)[0]
            raise ValueError(
                f"X_future holds {values[i, step, k]:g} at series {i}, step {step},"
                f" feature {wanted[k]!r}, which is a column of ids: integers from "
                "0 on, of which 0 stands for what is not known."
            )
    missing = np.isnan(values)
    if fitted.missing == "error" and missing.any():
        i, step, k = np.argwhere(missing)[0]
        raise ValueError(
            f"X_future contains NaN: series {i}, step {step}, feature "
            f"{wanted[k]!r}. Impute it, or fit with missing='ffill'."
        )
    return values


def _columns_of_future(future, wanted, columns, features):
    names, F = future.feature_names, features.n_sequence_features
    if names is not None and features.feature_names_in is not None:
        for name in wanted:
            if name not in names:
                raise ValueError(
                    f"X_future has no feature {name!r}, which is known ahead; it "
                    f"has {list(names)}."
                )
        return [names.index(name) for name in wanted]
    if future.n_features == F:
        return list(columns)
    if future.n_features == len(columns):
        return list(range(len(columns)))
    raise ValueError(
        f"X_future has {future.n_features} features. Pass the {len(columns)} that "
        f"are known ahead, {wanted}, or all {F} of X."
    )


def scale_of(fitted, y):
    """Units of windows (n,) or, with an axis of targets, (n, K)."""
    return y.scale[:, 0] if fitted.target.single else y.scale


def _in_order_of(ids, found):
    """Where each of the ids is among those found; one that comes more than once, as
    with several windows of a series, is taken in the order in which it comes."""
    places = {}
    for i, name in enumerate(found):
        places.setdefault(name, []).append(i)
    taken, order = Counter(), []
    for i, name in enumerate(ids):
        there = places.get(name, ())
        if taken[name] == len(there):
            more = "" if not there else f" ({taken[name] + 1} times)"
            raise ValueError(
                f"X_future has no series {name!r}{more}, which is series {i} of X. "
                "Pass the features known ahead of each series of X."
            )
        order.append(there[taken[name]])
        taken[name] += 1
    return order


def first_place(data, columns, is_bad):
    """The first row of data and the first of some columns with a bad value, or None."""
    for rows in blocks_of(data) if data.size > AT_A_TIME else [slice(0, None)]:
        bad = is_bad(data[rows, columns])
        if bad.any():
            row, k = np.argwhere(bad)[0]
            return rows.start + row, k
    return None


def refuse_missing(X, others, features, name):
    """Say which feature that is no target is missing where."""
    found = first_place(X._data, others, np.isnan)
    if found is None:
        return
    row, k = found
    i, step = place_of(row, X._offsets)
    feature = f"feature {others[k]}"
    if features.feature_names_in is not None and features.fixed_n_steps is None:
        feature += f" ({features.feature_names_in[others[k]]})"
    raise ValueError(
        f"Input X contains NaN: series {i}, step {step}, {feature}. Only targets may "
        f"be missing. Fit {name} with missing='ffill' or missing='indicator' to let it "
        "read missing features, or impute them first."
    )


def units_of_features(X, sample_weight, as_they_are):
    """Centre and spread (F,) of what is observed of each feature, 0 and 1 of some."""
    if sample_weight is not None:
        X, sample_weight = X[sample_weight > 0], sample_weight[sample_weight > 0]
    centre = observed_mean(X, sample_weight)
    spread = np.sqrt(observed_mean(X, sample_weight, partial(_squares, centre=centre)))
    # a constant says nothing, but a spread of its rounding would say it loudly
    spread[spread <= 1e-12 * np.abs(centre)] = 1.0
    centre[as_they_are], spread[as_they_are] = 0.0, 1.0
    return {"centre": tuple(centre.tolist()), "spread": tuple(spread.tolist())}


def _squares(data, centre):
    return (data - centre) ** 2


def matrix_of(X, windows, missing, future=None):
    """All series in one matrix, each with a horizon behind its end, and where each
    begins. There targets are missing, and known is what is known ahead."""
    n, horizon, lengths = len(X), windows["horizon"], X.lengths
    begins = X._offsets[:-1] + horizon * np.arange(n)
    if hasattr(X._data, "remade"):  # where it lies
        row = (X.n_features * (1 + (missing == "indicator")),)
        return X._data.remade(_matrix_of_partition, row, windows, missing), begins
    static, some = list(windows["static"]), np.flatnonzero(lengths)
    alike = not static and future is None  # one stands for all
    ahead = np.full((1 if alike else n, horizon, X.n_features), np.nan)
    if static and len(some):
        ends = X._offsets[1:][some, np.newaxis] - 1
        ahead[some[:, np.newaxis], :, static] = X._data[ends, static][..., np.newaxis]
    if future is not None:
        ahead[:, :, list(windows["future"])] = future
    ahead, rows = ahead.reshape(-1, X.n_features), in_place(X._data)
    sizes = np.full(n, horizon)
    if isinstance(rows, Rows) and missing == "error":  # it stays in its file
        both = rows.and_then(ahead)
        behind = len(rows) + (np.zeros(n, np.intp) if alike else horizon * np.arange(n))
        runs = (X._offsets[:-1], behind), (lengths, sizes)
        return both.runs(*(np.column_stack(of).ravel() for of in runs)), begins
    data = np.full((len(X._data) + n * horizon, X.n_features), np.nan)
    data[rows_of_parts(begins, lengths)[0]] = X._data
    if not alike:
        data[rows_of_parts(begins + lengths, sizes)[0]] = ahead
    if missing != "error":
        offsets = np.append(begins, len(data))
        filled = fill_forward(
            SequenceArray._trusted(data, offsets),
            np.array(windows["centre"]),
            indicator=missing == "indicator",
        )._data
        targets = list(windows["targets"])
        filled[:, targets] = data[:, targets]
        data = filled
    return data, begins


def _matrix_of_partition(X, windows, missing):
    """The same of a partition, as what has rows."""
    data, begins = matrix_of(X, windows, missing)
    return SequenceArray._trusted(data, np.append(begins, len(data)))


def windows_of(data, begins, series, cuts, windows, given):
    """Windows of these series, cut behind so many steps, as samples."""
    horizon, context = windows["horizon"], windows["context_length"]
    lengths = cuts if context is None else np.minimum(cuts, context)
    cuts = begins[series] + cuts
    starts = cuts - lengths
    X = WindowArray(
        data, starts, lengths + horizon, series, cuts - begins[series], given
    )
    y = WindowTarget(
        data, starts, cuts, list(windows["targets"]), horizon, windows["scaling"],
        windows["lag"],
    )  # fmt: skip
    return Samples(X, y)
