"""How a notebook shows sequences: first steps, lengths, names and gaps, or tokens; the
windows of series; what is in the state of a network.

Nothing but text that is escaped, and no more work than a bounded number of steps takes.
"""

from html import escape
from itertools import islice

import numpy as np

N_SEQUENCES, N_STEPS, N_FEATURES = 3, 3, 12  # that are shown
N_TOKENS, N_WINDOWS, N_ARRAYS = 12, 5, 30
N_CHARACTERS = 40  # of a cell
LOOKED_AT = 1_000_000  # numbers that are looked at for missing ones
_MORE = "…"
_WHAT = {"[0]": "hidden state", "[1]": "cell state"}  # of a layer


def as_html(sequences):
    """The display of a SequenceArray."""
    is_text = sequences.vocabulary is not None and sequences.n_features == 1
    if is_text and sequences._times is None:
        head = _tokens(sequences)
    else:
        head = _head(sequences)
    parts = [f"<p><code>{escape(repr(sequences))}</code></p>", head]
    parts += [f"<p>{line}</p>" for line in _lines(sequences)]
    return f"<div>{''.join(parts)}</div>"


def windows_as_html(windows):
    """The display of a named tuple of windows, targets, groups and cutoffs."""
    X, y, groups, cutoffs = windows
    n, horizon = y.shape
    shown = min(horizon, N_FEATURES)
    more = [_MORE] * (shown < horizon)
    ahead = [f"y(t+{k + 1})" for k in range(shown)]
    rows = [
        [groups[i], cutoffs[i], *(f"{value:.4g}" for value in y[i, :shown]), *more]
        for i in range(min(n, N_WINDOWS))
    ]
    if n > N_WINDOWS:
        rows.append([_MORE] * (2 + shown + len(more)))
    title = f"{type(windows).__name__}: {n} of series, {horizon} row(s) after each"
    table = _table(["group", "cutoff", *ahead, *more], rows)
    return f"<div><p><code>{escape(title)}</code></p>{table}{as_html(X)}</div>"


def state_as_html(state):
    """The display of a named tuple with the arrays of a state, however nested."""
    arrays, kind = list(islice(_arrays(state, ""), N_ARRAYS + 1)), state.network
    while hasattr(kind, "network"):
        kind = kind.network
    rows = []
    for name, array in arrays[:N_ARRAYS]:
        what = _WHAT.get(name[-3:], "") if "layers" in name else ""
        rows.append([name[1:], what, array.shape, array.dtype, *_range(array)])
    if len(arrays) > N_ARRAYS:
        rows.append([_MORE] * 6)
    title = f"{type(state).__name__} of {state.n_sequences} sequence(s)"
    parts = [
        f"<p><code>{escape(title)}</code></p>",
        _table(["", "", "shape", "dtype", "smallest", "largest"], rows),
    ]
    if isinstance(kind, dict):
        listed = ", ".join(_cell(f"{k}={v!r}") for k, v in kind.items())
        parts.append(f"<p>Network: {listed}</p>")
    return f"<div>{''.join(parts)}</div>"


def _arrays(value, name):
    """Arrays in tuples, each with the words that give it."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif hasattr(value, "_fields"):
        for field, part in zip(value._fields, value):
            yield from _arrays(part, f"{name}.{field}")
    elif isinstance(value, (tuple, list)):
        for k, part in enumerate(value):
            yield from _arrays(part, f"{name}[{k}]")


def _range(array):
    """Smallest and largest number of an array, or of a part of a large one."""
    if array.dtype.kind not in "fiu" or not array.size:
        return ["", ""]
    some = array.ravel()[:: max(1, -(-array.size // LOOKED_AT))]
    return [f"{some.min():.4g}", f"{some.max():.4g}"]


def _tokens(sequences):
    """A table of the first tokens of the first sequences, a column for a step."""
    first = [sequences._data[begin:][:length, 0] for begin, length in zip(
        sequences._offsets[:N_SEQUENCES], sequences.lengths[:N_SEQUENCES])]  # fmt: skip
    longest = max(map(len, first), default=0)
    shown, more = min(longest, N_TOKENS), longest > N_TOKENS
    vocabulary, ids = sequences.vocabulary, sequences._ids
    rows = []
    for i, steps in enumerate(first):
        row = [vocabulary[int(k)] for k in steps[:shown]]
        row += [""] * (shown - len(row))
        ends = [_MORE if len(steps) > N_TOKENS else ""] * more
        rows.append([i if ids is None else ids[i], *row, *ends])
    if len(sequences) > N_SEQUENCES:
        rows.append([_MORE] * (1 + shown + more))
    who = "sequence" if ids is None else "id"
    return _table([who, *range(shown), *[_MORE] * more], rows)


def _head(sequences):
    """A table of the first steps of the first sequences."""
    F = sequences.n_features
    shown = min(F, N_FEATURES)
    names = sequences.feature_names or [f"x{j}" for j in range(shown)]
    more = [_MORE] * (shown < F)
    ids, times = sequences._ids, sequences._times
    header = ["sequence" if ids is None else "id", "step" if times is None else "time"]
    rows = []
    offsets = sequences._offsets
    for i in range(min(len(sequences), N_SEQUENCES)):
        begin, end = int(offsets[i]), int(offsets[i + 1])
        who = i if ids is None else ids[i]
        for row in range(begin, min(end, begin + N_STEPS)):
            when = row - begin if times is None else times[row]
            values = [_value(sequences, v) for v in sequences._data[row, :shown]]
            rows.append([who, when, *values, *more])
        if end - begin > N_STEPS or begin == end:
            last = _MORE if end > begin else "no steps"
            rows.append([who, last, *([_MORE if end > begin else ""] * shown), *more])
    if len(sequences) > N_SEQUENCES:
        rows.append([_MORE] * (2 + shown + len(more)))
    share, _ = _missing(sequences, shown)
    if share is not None and share.any():
        rows.append(["missing", "", *(f"{s:.1%}" for s in share), *[""] * len(more)])
    return _table([*header, *names[:shown], *more], rows)


def _table(header, rows):
    """Cells of text, escaped and cut."""
    top = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _lines(sequences):
    """What is known of all sequences."""
    n, F = len(sequences), sequences.n_features
    if n:
        lengths = sequences.lengths
        yield (
            f"Steps of a sequence: {lengths.min()} to {lengths.max()}, median "
            f"{np.median(lengths):g}; {len(sequences._data)} in all"
        )
    names = sequences.feature_names
    if names is not None:
        listed = ", ".join(map(_cell, names[:N_FEATURES]))
        yield f"Features: {listed}" + f", {_MORE} ({F})" * (F > N_FEATURES)
    share, stride = _missing(sequences, F)
    if share is not None:
        among = "" if stride == 1 else f", in every {stride}th step"
        gaps = np.flatnonzero(share)
        if not len(gaps):
            yield f"Missing values: none{among}"
        else:
            names = names or [f"x{j}" for j in range(F)]
            listed = ", ".join(
                f"{_cell(names[j])} {share[j]:.1%}" for j in gaps[:N_FEATURES]
            )
            more = f", {_MORE} ({len(gaps)} features)" * (len(gaps) > N_FEATURES)
            yield f"Missing values: {listed}{more}{among}"


def _missing(sequences, n_features):
    """The share of NaN in each of the first features, and in each how many-th step."""
    data = sequences._data
    if data.dtype.kind != "f" or not data.size:
        return None, 1
    stride = max(1, -(-data.size // LOOKED_AT))
    return np.isnan(data[::stride, :n_features]).mean(axis=0), stride


def _value(sequences, value):
    """A number, and the token that it is the id of."""
    if sequences.vocabulary is None:
        return f"{value:.4g}"
    return f"{value:g} ({_short(sequences.vocabulary[int(value)])})"


def _short(value):
    text = str(value)
    return text if len(text) <= N_CHARACTERS else text[: N_CHARACTERS - 1] + _MORE


def _cell(value):
    return escape(_short(value))
