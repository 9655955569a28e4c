"""A convolutional LSTM in NumPy, written to be read: the oracle of its kernels.

The same calls on the same arrays, whatever their dtype; everything is computed in
float64. One sequence at a time, one step at a time, one tap of a kernel at a time:

    z(y, x) = b + sum over taps (i, j) of  x(y + i - a, x + j - a') W_ij
                                         + h'(y + i - a, x + j - a') R_ij

with a = (kernel_h - 1) // 2, a' = (kernel_w - 1) // 2 and zeros outside. A step of the
cell is the one of reference.py, at each pixel.
"""

import math
from types import SimpleNamespace

import numpy as np
import reference

from sklstm._kernels import CELLS, kernels_for

NAMES = {row.number: name for name, row in CELLS.items()}


# ---- planes ----------------------------------------------------------------------


def plane_lead(width, pad_h, pad_w, depth):
    """Elements before the first plane: what a tap reads left of it and above it."""
    return (pad_h * (width + pad_w) + pad_w) * depth


def planes_size(n, height, width, pad_h, pad_w, depth):
    size = n * (height + pad_h) * (width + pad_w) * depth
    return plane_lead(width, pad_h, pad_w, depth) + size


def _lead(flat, width, pad_h, pad_w, depth):
    """Where the kernels of this dtype have the first plane, if there are some."""
    own = getattr(kernels_for(flat.dtype), "plane_lead", plane_lead)
    return own(width, pad_h, pad_w, depth)


def whole_planes(flat, n, geometry, depth):
    """The planes with their margins (n, height + pad_h, width + pad_w, depth)."""
    height, width, pad_h, pad_w = geometry[:4]
    lead = _lead(flat, width, pad_h, pad_w, depth)
    shape = n, height + pad_h, width + pad_w, depth
    return flat[lead : lead + math.prod(shape)].reshape(shape)


def image(flat, n, geometry, depth):
    """The planes without margins (n, height, width, depth), a view."""
    height, width = geometry[:2]
    return whole_planes(flat, n, geometry, depth)[:, :height, :width]


def n_planes(flat, geometry, depth):
    """How many planes of this depth are in a flat array."""
    height, width, pad_h, pad_w = geometry[:4]
    size = len(flat) - _lead(flat, width, pad_h, pad_w, depth)
    return size // ((height + pad_h) * (width + pad_w) * depth)


def put_planes(flat, geometry, depth, values):
    """Write planes (n, height, width, channels) and zeros wherever none are."""
    flat[:] = 0
    image(flat, len(values), geometry, depth)[..., : values.shape[-1]] = values


# ---- a convolution, its transpose, and the gradient of its weights ---------------


def _taps(kernel):
    """Number of each tap and where it reads, beside the pixel."""
    kernel_h, kernel_w = kernel
    for i in range(kernel_h):
        for j in range(kernel_w):
            yield i * kernel_w + j, i - (kernel_h - 1) // 2, j - (kernel_w - 1) // 2


def _shifted(frame, dy, dx):
    """frame(y + dy, x + dx) for every pixel, zero outside."""
    height, width = frame.shape[:2]
    out = np.zeros(frame.shape)
    rows = slice(max(0, -dy), max(0, min(height, height - dy)))
    columns = slice(max(0, -dx), max(0, min(width, width - dx)))
    if rows.start < rows.stop and columns.start < columns.stop:
        out[rows, columns] = frame[
            rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx
        ]
    return out


def convolution(frame, w, kernel):
    """(height, width, K) of a frame (height, width, F) and w (taps * F, K)."""
    F = frame.shape[2]
    out = np.zeros((*frame.shape[:2], w.shape[1]))
    for tap, dy, dx in _taps(kernel):
        out += _shifted(frame, dy, dx) @ w[tap * F : (tap + 1) * F]
    return out


def convolution_back(d_out, w, kernel, F):
    """Gradient of the frame."""
    d_frame = np.zeros((*d_out.shape[:2], F))
    for tap, dy, dx in _taps(kernel):
        d_frame += _shifted(d_out, -dy, -dx) @ w[tap * F : (tap + 1) * F].T
    return d_frame


def convolution_weights(frame, d_out, kernel):
    """Gradient of w."""
    parts = [
        np.einsum("yxf,yxk->fk", _shifted(frame, dy, dx), d_out)
        for _, dy, dx in _taps(kernel)
    ]
    return np.concatenate(parts)


# ---- packed weights: here they lie one after the other ---------------------------


def _sizes(cell, kernel, F, H):
    taps = math.prod(kernel)
    n_own = CELLS[NAMES[cell]].n_own
    return [(taps * F, 4 * H), (taps * H, 4 * H), (4 * H,), (n_own, H)]


def packed_conv_size(cell, kernel, F, H):
    return sum(math.prod(shape) for shape in _sizes(cell, kernel, F, H))


def pack_conv(cell, kernel, w, r, b, p, packed, n_threads=1):
    parts = [w, r, b] + ([] if p is None else [p])
    packed[:] = np.concatenate([part.ravel() for part in parts])


def packed_conv_backward_size(cell, kernel, F, H, d_x):
    w, r, _, p = (math.prod(shape) for shape in _sizes(cell, kernel, F, H))
    return r + p + (w if d_x else 0)


def pack_conv_backward(cell, kernel, w, r, p, packed, n_threads=1):
    parts = [part.ravel() for part in (r, p, w) if part is not None]
    packed[:] = np.concatenate(parts)


def _unpacked(cell, kernel, F, H, packed):
    """w, r, b, p (3, H) in float64."""
    parts, begin = [], 0
    for shape in _sizes(cell, kernel, F, H):
        size = math.prod(shape)
        parts.append(packed[begin : begin + size].astype(np.float64).reshape(shape))
        begin += size
    if not len(parts[3]):
        parts[3] = np.zeros((3, H))
    return parts


def _unpacked_backward(cell, kernel, F, H, packed):
    """r, p (3, H) and w, None without it, in float64."""
    shapes = _sizes(cell, kernel, F, H)
    parts, begin = [], 0
    for shape in (shapes[1], shapes[3], shapes[0]):
        size = math.prod(shape)
        part = packed[begin : begin + size].astype(np.float64)
        parts.append(part.reshape(shape) if len(part) == size else None)
        begin += size
    if not len(parts[1]):
        parts[1] = np.zeros((3, H))
    return parts


# ---- forward ---------------------------------------------------------------------


def conv_scratch_size(schedule, geometry, F, H, n_threads, keeps=False):
    return 1


def _initial_rows(schedule):
    """Row of the initial state of each sequence (B,) among all states."""
    rows = np.empty(schedule.n_sequences, np.intp)
    for strip in range(schedule.n_strips):
        first, end = schedule.first_row[strip : strip + 2]
        places = np.arange(first, end)
        rows[schedule.order[first:end]] = places + schedule.first_step[strip]
    return rows


def _own_steps(schedule):
    """Row-steps of each sequence, from the first on."""
    sequence, time = schedule.sequence, schedule.time
    steps = [[] for _ in range(schedule.n_sequences)]
    for m in np.lexsort((time, sequence)):
        steps[sequence[m]].append(m)
    return steps


def _by_channel(flat, shape, H):
    """(height, width, H) of a row (height * width * units,)."""
    return flat.reshape(*shape, -1)[..., :H].astype(np.float64)


def _put(flat, shape, values):
    """Write channels, zero behind."""
    out = flat.reshape(*shape, -1)
    out[:] = 0
    out[..., : values.shape[-1]] = values


def conv_forward(
    cell, schedule, geometry, x, ldx, x_rows, F, H, packed, scratch, h_last, c_last,
    h_0=None, c_0=None, kept=None, h=None, c=None, n_threads=1,
):  # fmt: skip
    height, width, _, _, *kernel = geometry
    shape, units = (height, width), kernels_for(packed.dtype).padded(H)
    N, B = schedule.n_steps, schedule.n_sequences
    w, r, b, p = _unpacked(cell, kernel, F, H, packed)
    step = reference.STEPS[NAMES[cell]][0]
    frames = None
    if F:
        frames = image(x, n_planes(x, geometry, ldx), geometry, ldx)
    if h is not None:
        put_planes(h, geometry, units, np.zeros((N + B, *shape, 1)))
        h_image = image(h, N + B, geometry, units)
    if kept is not None:
        put_planes(kept, geometry, 4 * units, np.zeros((N, *shape, 1)))
        kept_image = image(kept, N, geometry, 4 * units)
    zero = np.zeros((*shape, H))
    initial = _initial_rows(schedule)
    for i, steps in enumerate(_own_steps(schedule)):
        h_t = zero if h_0 is None else _by_channel(h_0[i], shape, H)
        c_t = zero if c_0 is None else _by_channel(c_0[i], shape, H)
        if h is not None:
            h_image[initial[i], ..., :H] = h_t
        if c is not None:
            _put(c[initial[i]], shape, c_t)
        for m in steps:
            z = np.tile(b, (*shape, 1))
            if F:
                frame = frames[x_rows[m], ..., :F].astype(np.float64)
                z += convolution(frame, w, kernel)
            z += convolution(h_t, r, kernel)
            z = np.moveaxis(z.reshape(*shape, 4, H), 2, 0)
            h_t, c_t, gates = step(z, p, h_t, c_t)
            after = schedule.state_rows[m]
            if h is not None:
                h_image[after, ..., :H] = h_t
            if c is not None:
                _put(c[after], shape, c_t)
            if kept is not None:
                for k, gate in enumerate(gates):
                    kept_image[m, ..., k * units : k * units + H] = gate
        _put(h_last[i], shape, h_t)
        _put(c_last[i], shape, c_t)


# ---- backward --------------------------------------------------------------------


def conv_backward_scratch_size(schedule, geometry, F, H, n_threads):
    return 1


def conv_backward(
    cell, schedule, geometry, x, ldx, x_rows, F, H, packed_backward, scratch, kept, h,
    c, d_w, d_r, d_b, d_c=None, d_last=None, d_out=None, d_h_0=None, d_x=None,
    n_threads=1,
):  # fmt: skip
    height, width, _, _, *kernel = geometry
    shape, units = (height, width), kernels_for(packed_backward.dtype).padded(H)
    N, B = schedule.n_steps, schedule.n_sequences
    r, p, w = _unpacked_backward(cell, kernel, F, H, packed_backward)
    back = reference.STEPS[NAMES[cell]][1]
    frames = None
    if F:
        frames = image(x, n_planes(x, geometry, ldx), geometry, ldx)
    h_image = image(h, N + B, geometry, units)
    kept_image = image(kept, N, geometry, 4 * units)
    zero = np.zeros((*shape, H))
    for i, steps in enumerate(_own_steps(schedule)):
        d_h = zero if d_last is None else _by_channel(d_last[i], shape, H)
        d_c_t = zero if d_c is None else _by_channel(d_c[i], shape, H)
        for m in reversed(steps):
            if d_out is not None:
                d_h = d_h + _by_channel(d_out[m], shape, H)
            before, after = schedule.before_rows[m], schedule.state_rows[m]
            gates = [
                kept_image[m, ..., k * units : k * units + H].astype(np.float64)
                for k in range(4)
            ]
            h_before = h_image[before, ..., :H].astype(np.float64)
            d_z, _, d_c_t, _ = back(
                gates, p.reshape(3, 1, 1, H), h_before,
                _by_channel(c[before], shape, H), None,
                _by_channel(c[after], shape, H), d_h, d_c_t,
            )  # fmt: skip
            kept_image[m] = 0
            for k in range(4):
                kept_image[m, ..., k * units : k * units + H] = d_z[k]
            d_z = np.moveaxis(d_z, 0, 2).reshape(*shape, 4 * H)
            if F:
                frame = frames[x_rows[m], ..., :F].astype(np.float64)
                d_w += convolution_weights(frame, d_z, kernel)
            d_r += convolution_weights(h_before, d_z, kernel)
            d_b += d_z.sum(axis=(0, 1))
            if d_x is not None:
                _put(d_x[m], shape, convolution_back(d_z, w, kernel, F))
            d_h = convolution_back(d_z, r, kernel, H)
        if d_h_0 is not None:
            _put(d_h_0[i], shape, d_h)
        if d_c is not None:
            _put(d_c[i], shape, d_c_t)


# ---- all of it in place of a module of kernels -----------------------------------

CALLS = [
    plane_lead, planes_size, packed_conv_size, pack_conv, packed_conv_backward_size,
    pack_conv_backward, conv_scratch_size, conv_forward, conv_backward_scratch_size,
    conv_backward,
]  # fmt: skip


def standing_in(dtype):
    """The kernels of this dtype, with what is here in place of those that convolve;
    where planes lie, the kernels say where there are some."""
    real = kernels_for(dtype)
    calls = {name: getattr(real, name) for name in dir(real)}
    own = {call.__name__: call for call in CALLS}
    if "plane_lead" in calls:
        del own["plane_lead"], own["planes_size"]
    return SimpleNamespace(**{**calls, **own})
