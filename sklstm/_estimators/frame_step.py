"""One frame of each clip, as a stream reads it."""

import numpy as np

from ..sequences._clips import LARGEST
from ..sequences._columns import read_numbers
from ..sequences._foreign import refuse_foreign, refuse_types


def read_frames(name, fitted, X, state):
    """The next frame of each clip (n, height, width, channels) as the network reads it,
    and what every pixel was last, None where nothing may be missing.

    An axis of one clip, or of one channel, may be left out.
    """
    n, (height, width) = state.n_sequences, state.network["frame"]
    channels = fitted.features.n_sequence_features
    frames = _as_frames(X, n, height, width, channels)
    if frames.dtype.kind != "f":
        return frames, None if state.seen is None else frames.astype(np.float64)
    missing = np.isnan(frames)
    _check_values(name, frames, missing, fitted)
    if state.seen is None:
        return frames, None
    frames = np.where(missing, state.seen, frames)
    return frames, frames


def _as_frames(X, n, height, width, channels):
    whole = n, height, width, channels
    if type(X) is not np.ndarray:
        axes = "(n_clips, height, width, channels)"
        refuse_types(X, "X", f"numbers, a numeric array of shape {axes}")
        refuse_foreign(X, "X", axes)
        X = read_numbers(X, "X", axes)
    elif X.dtype.kind not in "biuf":
        X = read_numbers(X, "X", "(n_clips, height, width, channels)")
    shapes = {whole}
    if channels == 1:
        shapes.add(whole[:3])
    if n == 1:
        shapes |= {shape[1:] for shape in shapes}
    if X.shape not in shapes:
        raise ValueError(
            f"X has shape {X.shape}, but a frame of {n} clip(s) of this state, of "
            f"height {height} and width {width}, has shape {whole}. Frames of another "
            "size need a state of their own: initial_state(n_clips, height, width)."
        )
    return X.reshape(whole)


def _check_values(name, frames, missing, fitted):
    largest = min(float(np.finfo(fitted.parameters.dtype).max), LARGEST)
    with np.errstate(invalid="ignore"):
        infinite = np.abs(frames) > largest
    if not infinite.any():
        if fitted.missing != "error" or not missing.any():
            return
        infinite = None
    clip, y, x, channel = np.argwhere(missing if infinite is None else infinite)[0]
    where = f"clip {clip}, pixel ({y}, {x}), channel {channel}"
    if infinite is not None:
        raise ValueError(
            "X contains infinity or a value too large for "
            f"dtype('{fitted.parameters.dtype}'): {where}."
        )
    raise ValueError(
        f"X contains NaN: {where}. Fit {name} with missing='ffill' to let it read the "
        "value that a pixel had before."
    )
