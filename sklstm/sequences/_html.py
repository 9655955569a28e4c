"""How a notebook shows a SequenceArray: its first steps, lengths, names and gaps.

Nothing but text that is escaped, and no more work than a bounded number of steps takes.
"""

from html import escape

import numpy as np

N_SEQUENCES, N_STEPS, N_FEATURES = 3, 3, 12  # that are shown
N_CHARACTERS = 40  # of a cell
LOOKED_AT = 1_000_000  # numbers that are looked at for missing ones
_MORE = "…"


def as_html(sequences):
    """The display of a notebook."""
    parts = [f"<p><code>{escape(repr(sequences))}</code></p>", _head(sequences)]
    parts += [f"<p>{line}</p>" for line in _lines(sequences)]
    return f"<div>{''.join(parts)}</div>"


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
    top = "".join(
        f"<th>{_cell(name)}</th>" for name in [*header, *names[:shown], *more]
    )
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
