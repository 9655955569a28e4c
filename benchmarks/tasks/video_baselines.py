"""What forecasts frames without learning: the last frame, its trend, optical flow."""

import contextlib
import io

import numpy as np

try:
    with contextlib.redirect_stdout(io.StringIO()):  # it says where its settings are
        from pysteps.extrapolation.semilagrangian import extrapolate
        from pysteps.motion.lucaskanade import dense_lucaskanade
except ImportError:
    extrapolate = dense_lucaskanade = None

#: Frames that the motion is estimated from.
N_FLOW = 3


def persistence(clips, horizon):
    """The last frame (n, horizon, height, width)."""
    return np.repeat(clips[:, -1:], horizon, axis=1)


def trend(clips, horizon, low=0.0, high=np.inf):
    """The last frame and its difference from the one before, again and again."""
    step = (clips[:, -1] - clips[:, -2])[:, np.newaxis]
    ahead = np.arange(1, horizon + 1).reshape(-1, 1, 1)
    return np.clip(clips[:, -1:] + ahead * step, low, high)


def optical_flow(clips, horizon, transform=np.asarray):
    """The last frame moved on as the last frames have moved: Lucas and Kanade's method
    on what `transform` makes of them, semi-Lagrangian advection, both of pysteps.

    What comes in from outside of the frame is as in the last frame, and so is what has
    no radar.
    """
    forecasts = persistence(clips, horizon)
    for clip, forecast in zip(clips, forecasts, strict=True):
        motion = flow(transform(np.nan_to_num(clip[-N_FLOW:])))
        moved = extrapolate(np.nan_to_num(clip[-1]), motion, horizon)
        known = ~np.isnan(moved)
        forecast[known] = moved[known]
    return forecasts


def flow(frames):
    """Pixels (2, height, width) to the right and down that all moves in a frame."""
    return dense_lucaskanade(np.asarray(frames, dtype=np.float64), verbose=False)


def missing():
    """What optical flow needs and is not there, or None."""
    return None if extrapolate else "pysteps (pip install pysteps)"
