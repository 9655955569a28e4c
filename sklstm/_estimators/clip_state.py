"""The state of clips that are read frame by frame: made, checked, and their frames."""

from __future__ import annotations

import sys
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from ..sequences._clips import clips_of, read_array
from ..sequences._columns import real_array
from .clips import check_patches
from .state import (
    LANES,
    State,
    check_finite,
    check_none,
    conformed_pooling,
    parts_of,
    raise_other_network,
    same_kind,
)


def begin_clips(network, fitted, n_clips, height, width, h=None, c=None):
    """The state of so many clips of frames of this size, before their first frame, with
    the hidden and cell states that are given; of as many as these where n_clips is
    None."""
    arrays = {
        name: _items(name, value, len(network.recurrents))
        for name, value in (("h", h), ("c", c))
        if value is not None
    }
    if n_clips is None:
        n_clips = next((len(items[0]) for items in arrays.values()), 1)
    check_scalar(n_clips, "n_clips", Integral, min_val=1)
    size, sides = [], zip((height, width), fitted.frame_size)
    for name, (asked, own) in zip(("height", "width"), sides):
        asked = own if asked is None else asked
        check_scalar(asked, name, Integral, min_val=1)
        size.append(int(asked))
    check_patches(size, fitted.architecture["patch_size"], "The state is of")
    n_clips, channels = int(n_clips), fitted.features.n_sequence_features
    _check_room(n_clips, size, network)
    layers = tuple(network.initial_states(n_clips, *size))
    for name, items in arrays.items():
        _fill(name, items, layers, network, network.frame_sizes(*size))
    pooling = getattr(network, "pooling", None)
    seen = None
    if fitted.missing != "error":
        seen = np.full((n_clips, *size, channels), np.nan)
    kind = kind_of(fitted, *size)
    return State(layers, pooling and pooling.begin(n_clips), seen, kind)


def _items(name, value, n_items):
    """The arrays (n_clips, height, width, H) of each layer and direction, of what the
    user passes."""
    if not isinstance(value, (list, tuple)) or len(value) != n_items:
        what = type(value).__name__
        if isinstance(value, (list, tuple)):
            what = f"{what} of {len(value)}"
        raise ValueError(
            f"{name} is a {what}, but must be a list of {n_items} array(s) of shape "
            "(n_clips, height, width, channels): one for each layer, each direction "
            "counted."
        )
    items = [real_array(f"{name}[{k}]", item) for k, item in enumerate(value)]
    if items[0].ndim != 4 or not len(items[0]):
        raise ValueError(
            f"{name}[0] has shape {items[0].shape}, but must have four axes: clips, "
            "height, width and channels."
        )
    return items


def _fill(name, items, layers, network, sizes):
    """Write hidden ("h") or cell states ("c") that are given into those of layers."""
    for k, (array, layer, size) in enumerate(
        zip(items, network.recurrents, sizes, strict=True)
    ):
        part = layers[k]["hc".index(name)]
        expected = len(part), *size, layer.n_units
        if array.shape != expected:
            raise ValueError(
                f"{name}[{k}] has shape {array.shape}, but the states of {len(part)} "
                f"clip(s) of {size[0]} x {size[1]} pixels in this layer must have "
                f"{expected}."
            )
        with np.errstate(over="ignore", under="ignore"):
            part.reshape(*expected[:3], -1)[..., : layer.n_units] = array
        if not np.isfinite(part).all():
            raise ValueError(
                f"{name}[{k}] holds a number too large for dtype {part.dtype}."
            )


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
    pooled, pooling = state.pooled, getattr(network, "pooling", None)
    if pooling is None:
        check_none(f"{name}.pooled", pooled, "nothing is summed over the frames")
    else:
        pooled = conformed_pooling(f"{name}.pooled", pooled, n, pooling)
    return state._replace(layers=tuple(checked), pooled=pooled)


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
