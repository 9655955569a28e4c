"""The state of clips that are read frame by frame: made, checked, and their frames."""

from __future__ import annotations

import sys
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from ..sequences._clips import clips_of, read_array
from .clips import check_patches
from .state import (
    LANES,
    State,
    check_finite,
    check_none,
    parts_of,
    raise_other_network,
    same_kind,
)


def begin_clips(network, fitted, n_clips, height, width):
    """The state of so many clips of frames of this size, before their first frame."""
    check_scalar(n_clips, "n_clips", Integral, min_val=1)
    size = []
    for name, asked, own in zip(("height", "width"), (height, width), fitted.frame_size):
        asked = own if asked is None else asked
        check_scalar(asked, name, Integral, min_val=1)
        size.append(int(asked))
    check_patches(size, fitted.architecture["patch_size"], "The state is of")
    n_clips, channels = int(n_clips), fitted.features.n_sequence_features
    _check_room(n_clips, size, network)
    layers = tuple(network.initial_states(n_clips, *size))
    pooling = getattr(network, "pooling", None)
    seen = None
    if fitted.missing != "error":
        seen = np.full((n_clips, *size, channels), np.nan)
    kind = kind_of(fitted, *size)
    return State(layers, pooling and pooling.begin(n_clips), seen, kind)


def kind_of(fitted, height, width):
    """What a state must agree with to be one of this network and of such frames."""
    return {**fitted.kind, "height": height, "width": width}


def _check_room(n_clips, size, network):
    """Say when the states of so many clips take more memory than there is."""
    per_clip = sum(
        h * w * sum(widths)
        for (h, w), widths in zip(network.frame_sizes(*size), network.state_widths)
    )
    needed = n_clips * per_clip * network.dtype.itemsize
    if needed <= WITHOUT_A_LOOK:
        return
    available, limit = available_memory() or (sys.maxsize, "addresses of a process")
    if needed > available:
        raise MemoryError(
            f"The states of n_clips={n_clips} clips of {size[0]} x {size[1]} pixels "
            f"take {in_units(needed)}, more than the {in_units(available)} that are "
            f"left of the {limit}. Read fewer clips side by side."
        )


def check_clip_state(name, state, network, fitted):
    """The state in the widths of this network's kernels, once it is one of it."""
    if not isinstance(state, State):
        raise TypeError(
            f"{name} must be what initial_state or predict_step returned, got "
            f"{type(state).__name__}. predict_step returns two values: the prediction "
            "and the next state."
        )
    found = state.network
    size = [0, 0]
    if isinstance(found, dict):
        size = [found.get("height"), found.get("width")]
    kind = kind_of(fitted, *size)
    if None in size or not same_kind(found, kind):
        raise_other_network(name, found, kind)
    where = f"{name}.layers"
    wanted = f"{len(network.state_widths)} layer(s), each direction counted"
    layers = parts_of(where, state.layers, len(network.state_widths), wanted)
    sizes, n, checked = network.frame_sizes(*size), None, []
    for k, (parts, (h, w)) in enumerate(zip(layers, sizes, strict=True)):
        layer, both = network.recurrents[k], []
        parts = parts_of(f"{where}[{k}]", parts, 2, "the hidden and the cell state")
        for what, part in zip(("hidden", "cell"), parts, strict=True):
            place = f"{where}[{k}], the {what} state"
            part = _rows(place, part, n, h * w, layer, network.dtype)
            check_finite(place, part)
            n = len(part)
            both.append(part)
        checked.append(tuple(both))
    seen = state.seen
    if fitted.missing == "error":
        check_none(f"{name}.seen", seen, "with missing='error' nothing is filled")
    else:
        expected = n, *size, fitted.features.n_sequence_features
        if type(seen) is not np.ndarray or seen.shape != expected:
            raise ValueError(
                f"{name}.seen, the pixels seen last, must be an array of shape "
                f"{expected}, got {getattr(seen, 'shape', type(seen).__name__)}."
            )
        if seen.dtype != np.float64 or np.isinf(seen).any():
            raise ValueError(
                f"{name}.seen, the pixels seen last, must be float64 without infinity."
            )
    return state._replace(layers=tuple(checked))


def _rows(name, part, n, n_pixels, layer, dtype):
    """States (n, pixels * width) in the width of this layer: other kernels may have
    made them."""
    if type(part) not in (np.ndarray, np.memmap):
        raise TypeError(f"{name}, must be an array, got {type(part).__name__}.")
    if part.dtype != dtype:
        raise TypeError(
            f"{name}, has dtype {part.dtype}, but that of the network is {dtype}."
        )
    widths = sorted({-(-layer.n_units // lane) * lane for lane in LANES})
    shape = part.shape
    if (
        len(shape) != 2
        or shape[1] not in [n_pixels * width for width in widths]
        or shape[0] != (n or shape[0] or 1)
    ):
        raise ValueError(
            f"{name}, has shape {shape}, but must have ({n or 'n'}, {n_pixels} * "
            f"{layer.n_units}), the channels of each pixel perhaps padded."
        )
    if shape[1] == n_pixels * layer.width:
        return np.ascontiguousarray(part)
    own = np.zeros((len(part), n_pixels, layer.width), dtype)
    pixels = part.reshape(len(part), n_pixels, -1)[..., : layer.n_units]
    own[..., : layer.n_units] = pixels
    return own.reshape(len(part), -1)


def read_frames(estimator, fitted, X, state):
    """The next frame of each clip as valid clips of one frame; the frames (n, height,
    width, channels) as the network reads them, and the pixels seen last with them."""
    n, channels = state.n_sequences, fitted.features.n_sequence_features
    size = state.network["height"], state.network["width"]
    axes = "(n_clips, height, width[, channels])"
    X = read_array(X, "X", axes)
    shapes = {(n, *size, channels): True}
    if channels == 1:
        shapes[n, *size] = False
    if n == 1:
        shapes |= {shape[1:]: has for shape, has in [*shapes.items()]}
    if X.shape not in shapes:
        raise ValueError(
            f"X has shape {X.shape}, but a frame of {n} clip(s) of {size[0]} x "
            f"{size[1]} pixels and {channels} channel(s) has shape "
            f"{' or '.join(map(str, shapes))}."
        )
    has_channels = shapes[X.shape]
    frames = X.reshape(n, 1, *size, *(channels,) * has_channels)
    clips = clips_of(
        frames,
        dtype=fitted.parameters.dtype,
        allow_nan=fitted.missing != "error",
        estimator=estimator,
    )
    frames = frames.reshape(n, *size, channels)
    if state.seen is None:
        return clips, frames, None
    seen = frames.astype(np.float64)
    if frames.dtype.kind == "f":
        seen = np.where(np.isnan(seen), state.seen, seen)
    return clips, seen, seen
