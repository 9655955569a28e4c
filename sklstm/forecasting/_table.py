"""Tables of forecasts, one row per series, target and time, of pandas or polars."""

from importlib import import_module

import numpy as np

from ._forecasters import column_names


def frames_of(library, caller):
    """The package whose DataFrame a table is to be."""
    if library not in ("pandas", "polars"):
        raise ValueError(f"library must be 'pandas' or 'polars', got {library!r}.")
    try:
        return import_module(library)
    except ImportError as error:
        raise ImportError(f"{caller} needs {library}: pip install {library}") from error


def as_table(
    frames,  # pandas or polars
    which,  # (m,) number of the series, rising
    keys,  # dict of columns (m, horizon), "unique_id" the first
    cells,  # dict of columns (m, horizon, K) of what is known
    forecasts,  # dict of name to forecasts (m, horizon, K, Q) and levels
    targets,  # K names of the targets
):
    """A long table, by series, target and row: keys, what is known, and forecasts."""
    cells = dict(cells)
    for name, (predicted, levels) in forecasts.items():
        for q, column in enumerate(column_names(name, levels)):
            if column in cells:
                raise ValueError(
                    f"Two forecasts would be in column {column!r}. Name the "
                    "forecasters otherwise."
                )
            cells[column] = predicted[..., q]
    columns = {}
    for name, values in keys.items():
        columns[name] = np.repeat(values[:, np.newaxis], len(targets), axis=1)
        if name == "unique_id" and len(targets) > 1:
            wide = np.array(targets)[np.newaxis, :, np.newaxis]
            columns["target"] = np.broadcast_to(wide, columns[name].shape)
    for name, values in cells.items():
        columns[name] = values.transpose(0, 2, 1)
    # Rows of one series follow each other, and in them those of one target.
    m, K = len(which), len(targets)
    order = np.lexsort([np.tile(np.arange(K), m), np.repeat(which, K)])
    flat = {}
    for name, values in columns.items():
        values = values.reshape(m * K, -1)[order].reshape(-1)
        flat[name] = _as_column(values, frames)
    return frames.DataFrame(flat)


def widened(values, horizon):
    """One value of each window (m,) for all rows of its horizon."""
    return np.repeat(values[:, np.newaxis], horizon, axis=1)


def _as_column(values, frames):
    """Values as a DataFrame takes them; datetime64 in a unit that its package knows."""
    if values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        if unit in ("Y", "M", "W"):
            values = values.astype("datetime64[D]")
        elif unit in ("h", "m") or (unit == "s" and frames.__name__ == "polars"):
            values = values.astype("datetime64[ms]")
    if frames.__name__ == "polars" and values.dtype.kind == "O":
        return values.tolist()
    return values
