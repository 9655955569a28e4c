"""Frames of a clip above those that were forecast, as a picture and as an animation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._typing import ArrayLike, Axes, FuncAnimation
from ._common import last_step, pyplot

# How many columns are drawn where nobody says which, before the forecast and in it.
N_BEFORE, N_AHEAD = 3, 7
# Behind pixels that are missing, and around frames.
GREY = "0.6"


class FrameDisplay:
    """Frames of a clip, above those that one or several models forecast.

    A row for what was there, with the frames before the forecast and, as far as they
    are known, those that came; below it a row for each forecast. Columns are times: t
    is the last frame before the forecasts. All frames have one scale of colours, and
    pixels that are missing (NaN) are grey. Made by :meth:`from_estimator` or
    :meth:`from_predictions`. All parameters are stored as attributes.

    Parameters
    ----------
    forecasts : dict of str to array-like of shape (horizon, height, width) or \
            (horizon, height, width, n_channels)
        The frames of each forecast by its name. Horizons may differ.

    truth : array-like of shape (n_frames, height, width) or (n_frames, height, width, \
            n_channels), default=None
        The frames before the forecast, and those that came, as far as they are known.

    n_context : int, default=None
        How many frames of `truth` are before the forecasts. None is all but as many as
        the longest forecast has.

    channel : int or "rgb", default=0
        Which channel to draw; "rgb" draws three channels as the colours that they are.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.

    axes_ : ndarray of matplotlib Axes, shape (n_rows, n_columns)
        The panels: rows are the truth, if it is there, and the forecasts.

    images_ : ndarray of matplotlib AxesImage, shape (n_rows, n_columns)
        The frames in them; None where there is none.

    Raises
    ------
    ValueError
        If there is no forecast, if the frames are of different shapes, or if there is
        no such channel or number of frames.

    See Also
    --------
    ForecastDisplay : A forecast of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.inspection import FrameDisplay
    >>> clip = np.array([np.roll(np.eye(6), step, axis=1) for step in range(8)])
    >>> persistence = np.repeat(clip[4:5], 3, axis=0)
    >>> display = FrameDisplay.from_predictions(clip, {"persistence": persistence})
    >>> [axes.get_title() for axes in display.axes_[0]]
    ['t-2', 't-1', 't', 't+1', 't+2', 't+3']
    >>> [axes.get_ylabel() for axes in display.axes_[:, 0]]
    ['truth', 'persistence']
    """

    def __init__(
        self,
        *,
        forecasts: Mapping[str, ArrayLike],
        truth: ArrayLike | None = None,
        n_context: int | None = None,
        channel: int | Literal["rgb"] = 0,
    ) -> None:
        if not forecasts:
            raise ValueError("There is nothing to draw: forecasts is empty.")
        self.forecasts = {
            str(name): _frames(frames, f"forecasts[{name!r}]")
            for name, frames in forecasts.items()
        }
        self.truth = None if truth is None else _frames(truth, "truth")
        named = {f"forecasts[{name!r}]": f for name, f in self.forecasts.items()}
        if truth is not None:
            named = {"truth": self.truth, **named}
        first, *others = named.items()
        for what, frames in others:
            if frames.shape[1:] != first[1].shape[1:]:
                raise ValueError(
                    f"{what} has frames of shape {frames.shape[1:]}, but {first[0]} of "
                    f"shape {first[1].shape[1:]}. Pass frames of one shape."
                )
        self.n_context = self._checked_context(n_context)
        self.channel = _checked_channel(channel, first[1])

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        clip: ArrayLike,
        *,
        n_context: int | None = None,
        frames: Sequence[int] | None = None,
        channel: int | Literal["rgb"] = 0,
        name: str = "forecast",
        cmap: Any = None,
        colorbar: bool = True,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        im_kw: dict | None = None,
    ) -> FrameDisplay:
        """Forecast the frames of a clip, and draw them below those that came.

        Parameters
        ----------
        estimator : forecaster or Pipeline
            A fitted forecaster of frames, or a fitted Pipeline that ends in one; then
            the clip is drawn as it gets there.

        clip : array-like of shape (n_frames, height, width) or (n_frames, height, \
                width, n_channels)
            One clip, such as ``X[i]``. Frames that the forecaster does not read are
            drawn as what came.

        n_context : int, default=None
            How many frames the forecaster reads, from the first one on. None is all but
            the last horizon, as in `score`; with ``n_context=len(clip)`` the forecast
            is one of frames that nobody has seen.

        frames : list of int, default=None
            As in :meth:`plot`.

        channel : int or "rgb", default=0
            As in :class:`FrameDisplay`.

        name : str, default="forecast"
            What to call the forecast.

        cmap : str or matplotlib Colormap, default=None
            As in :meth:`plot`.

        colorbar : bool, default=True
            As in :meth:`plot`.

        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        im_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : FrameDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator is no forecaster of frames.
        ValueError
            If the clip is not one, if no frame of it is left to forecast from, or if
            there is no such channel or frame.
        NotFittedError
            If the estimator is not fitted.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        end = last_step(estimator)
        if not hasattr(end, "horizon"):
            way_out = ""
            if hasattr(end, "best_estimator_"):
                way_out = " Pass its best_estimator_."
            raise TypeError(
                f"{type(end).__name__} is no forecaster, which has a horizon.{way_out} "
                "For other forecasts there is FrameDisplay.from_predictions."
            )
        check_is_fitted(end)
        if hasattr(end, "target_columns_"):
            raise TypeError(
                f"{type(end).__name__} forecasts numbers, which ForecastDisplay draws. "
                "FrameDisplay is for forecasts of frames."
            )
        clip = _frames(clip, "clip")
        n_frames, horizon = len(clip), int(end.horizon)
        if n_context is None:
            n_context = n_frames - horizon
            if n_context < 1:
                raise ValueError(
                    f"clip has {n_frames} frame(s) and the forecaster a horizon of "
                    f"{horizon}, so that none is left to forecast from. Pass a longer "
                    f"clip, or n_context={n_frames} to forecast what comes after it."
                )
        _check_count(n_context, "n_context", 1, n_frames)
        forecast = estimator.predict(clip[np.newaxis, :n_context])[0]
        if end is not estimator and len(estimator) > 1:
            clip = np.asarray(estimator[:-1].transform(clip[np.newaxis])[0])
        display = cls(
            forecasts={name: forecast}, truth=clip, n_context=n_context, channel=channel
        )
        return display.plot(
            ax, frames=frames, cmap=cmap, colorbar=colorbar, im_kw=im_kw
        )

    @classmethod
    def from_predictions(
        cls,
        truth: ArrayLike | None,
        forecasts: Mapping[str, ArrayLike] | Sequence[ArrayLike] | ArrayLike,
        *,
        names: str | Sequence[str] | None = None,
        n_context: int | None = None,
        frames: Sequence[int] | None = None,
        channel: int | Literal["rgb"] = 0,
        cmap: Any = None,
        colorbar: bool = True,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        im_kw: dict | None = None,
    ) -> FrameDisplay:
        """Draw forecasts that are there already, be they of another package.

        Parameters
        ----------
        truth : array-like of shape (n_frames, height, width) or (n_frames, height, \
                width, n_channels), or None
            The frames before the forecasts, and those that came.

        forecasts : dict of str to array-like, list of array-like, or array-like
            The frames of each forecast, by its name or with `names`; or those of one.

        names : str or list of str, default=None
            What to call the forecasts, where they are no dict. None is "forecast", with
            numbers if there are several.

        n_context : int, default=None
            As in :class:`FrameDisplay`.

        frames : list of int, default=None
            As in :meth:`plot`.

        channel : int or "rgb", default=0
            As in :class:`FrameDisplay`.

        cmap : str or matplotlib Colormap, default=None
            As in :meth:`plot`.

        colorbar : bool, default=True
            As in :meth:`plot`.

        ax : matplotlib Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        im_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : FrameDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As :class:`FrameDisplay`, or if there are more or fewer names than
            forecasts, or no such frame.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        display = cls(
            forecasts=_named(forecasts, names),
            truth=truth,
            n_context=n_context,
            channel=channel,
        )
        return display.plot(
            ax, frames=frames, cmap=cmap, colorbar=colorbar, im_kw=im_kw
        )

    def plot(
        self,
        ax: Axes | Sequence[Axes] | np.ndarray | None = None,
        *,
        frames: Sequence[int] | None = None,
        cmap: Any = None,
        colorbar: bool = True,
        im_kw: dict | None = None,
    ) -> FrameDisplay:
        """Draw the display with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw: as many axes as there are rows and columns. None makes a
            figure.

        frames : list of int, default=None
            Which frames to draw, a column each: 0 is the last one before the forecasts,
            1 the first one of them, -1 the last but one before. None is the last three
            and, of the forecasts, at most seven.

        cmap : str or matplotlib Colormap, default=None
            The colours of one channel. None is matplotlib's own.

        colorbar : bool, default=True
            Whether to draw the scale of colours, where there is one.

        im_kw : dict, default=None
            Passed on to :meth:`matplotlib.axes.Axes.imshow`. The scale goes from the
            least to the largest number of the truth that is drawn, of the forecasts
            where there is none; `vmin`, `vmax` and `norm` change it.

        Returns
        -------
        self : FrameDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such frame, or if there are more or fewer axes than panels.
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        columns = self._columns(frames)
        rows = self._rows(columns)
        shape = len(rows), len(columns)
        if ax is None:
            height, width = next(iter(self.forecasts.values())).shape[1:3]
            size = np.clip(height / width, 0.5, 2.2)
            _, axes = plt.subplots(
                *shape,
                squeeze=False,
                figsize=(0.9 + 1.1 * shape[1], 0.4 + (size + 0.1) * shape[0]),
                layout="constrained",
            )
        else:
            axes = np.atleast_1d(np.asarray(ax, dtype=object))
            if axes.size != shape[0] * shape[1]:
                raise ValueError(
                    f"ax holds {axes.size} axes for {shape[0]} rows of {shape[1]} "
                    f"frames. Pass {shape[0] * shape[1]}, or None."
                )
            axes = axes.reshape(shape)
        painter = _Painter(self.channel, self._reference(rows), cmap, im_kw or {})
        self.axes_, self.figure_ = axes, axes[0, 0].figure
        self.images_ = np.full(shape, None, dtype=object)
        for i, (name, row) in enumerate(rows):
            axes[i, 0].set_ylabel(name, parse_math=False)
            for j, frame in enumerate(row):
                _clear(axes[i, j], is_empty=frame is None)
                if frame is not None:
                    self.images_[i, j] = painter.draw(axes[i, j], frame)
        for panel, k in zip(axes[0], columns, strict=True):
            panel.set_title(_title(k))
        if colorbar and painter.scale is not None:
            self.figure_.colorbar(painter.scale, ax=list(axes.ravel()))
        return self

    def animate(
        self,
        *,
        interval: float = 200,
        cmap: Any = None,
        im_kw: dict | None = None,
    ) -> FuncAnimation:
        """Show the frames one after the other: the truth beside the forecasts.

        Before the forecasts begin all panels show the frames before them. The
        animation has a figure of its own; in a notebook
        ``IPython.display.HTML(animation.to_jshtml())`` plays it, and
        ``animation.save("clip.gif")`` writes a file.

        Parameters
        ----------
        interval : float, default=200
            Milliseconds between two frames.

        cmap : str or matplotlib Colormap, default=None
            As in :meth:`plot`.

        im_kw : dict, default=None
            As in :meth:`plot`.

        Returns
        -------
        animation : matplotlib FuncAnimation
            The animation.
        """
        plt = pyplot(f"{type(self).__name__}.animate")
        from matplotlib import animation

        columns = range(1 - self.n_context, self._horizon() + 1)
        rows = self._rows(columns)
        painter = _Painter(self.channel, self._reference(rows), cmap, im_kw or {})
        for _, row in rows:  # what was read stands where nothing is forecast
            row[: self.n_context] = rows[0][1][: self.n_context]
        height, width = next(iter(self.forecasts.values())).shape[1:3]
        figure, axes = plt.subplots(
            1,
            len(rows),
            squeeze=False,
            figsize=(2.2 * len(rows), 0.6 + 2.2 * np.clip(height / width, 0.5, 2)),
            layout="constrained",
        )
        images = []
        for panel, (name, row) in zip(axes[0], rows, strict=True):
            _clear(panel, is_empty=False)
            panel.set_title(name, parse_math=False)
            frame = next(frame for frame in row if frame is not None)
            images.append(painter.draw(panel, frame))
        time = figure.suptitle(_title(columns[0]))

        def show(j):
            time.set_text(_title(columns[j]))
            for image, (_, row) in zip(images, rows, strict=True):
                image.set_visible(row[j] is not None)
                if row[j] is not None:
                    image.set_data(painter.pixels(row[j]))
            return [*images, time]

        return animation.FuncAnimation(
            figure, show, frames=len(columns), interval=interval
        )

    # ---- which frames ------------------------------------------------------------

    def _horizon(self):
        """How many frames the longest forecast has."""
        return max(map(len, self.forecasts.values()))

    def _checked_context(self, n_context):
        """How many frames of the truth are before the forecasts."""
        n_frames = 0 if self.truth is None else len(self.truth)
        if n_context is None:
            horizon = self._horizon()
            if self.truth is not None and n_frames < horizon:
                raise ValueError(
                    f"truth has {n_frames} frame(s), fewer than the {horizon} of the "
                    "longest forecast. Say by n_context how many of them are before it."
                )
            return max(n_frames - horizon, 0)
        _check_count(n_context, "n_context", 0, n_frames)
        return int(n_context)

    def _columns(self, frames):
        """The times to draw, as distances from the last frame before the forecasts."""
        first, last = 1 - self.n_context, self._horizon()
        if frames is None:
            ahead = np.linspace(1, last, min(last, N_AHEAD)).round().astype(int)
            return [*range(max(first, 1 - N_BEFORE), 1), *ahead.tolist()]
        columns = [frames] if isinstance(frames, Integral) else list(frames)
        if not columns:
            raise ValueError("frames is empty: there is nothing to draw.")
        for k in columns:
            if not isinstance(k, Integral) or not first <= k <= last:
                raise ValueError(
                    f"frames has {k!r}, but there are {first} to {last}: 0 is the last "
                    "frame before the forecasts, 1 the first one of them."
                )
        return [int(k) for k in columns]

    def _rows(self, columns):
        """The name of each row, and its frames by column, None where there is none."""
        rows = []
        if self.truth is not None:
            begin = self.n_context - 1
            rows.append(("truth", [_frame(self.truth, begin + k) for k in columns]))
        for name, frames in self.forecasts.items():
            rows.append((name, [_frame(frames, k - 1) for k in columns]))
        return rows

    def _reference(self, rows):
        """The frames that the scale of colours is of."""
        if self.truth is not None:
            known = [frame for frame in rows[0][1] if frame is not None]
            if known:
                return known
        return [frame for _, row in rows for frame in row if frame is not None]


class _Painter:
    """One scale of colours for all frames."""

    def __init__(self, channel, reference, cmap, im_kw):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        self.channel = channel
        self.im_kw = {"interpolation": "nearest", **im_kw}
        norm, low, high = (self.im_kw.pop(k, None) for k in ("norm", "vmin", "vmax"))
        if channel == "rgb":
            self.scale = None
            of_bytes = all(frame.dtype == np.uint8 for frame in reference)
            values = np.array([0, 255] if of_bytes else self._finite(reference))
            self.norm = Normalize(low, high, clip=True)
            self.norm.autoscale_None(values)
        else:
            self.scale = ScalarMappable(norm, self.im_kw.pop("cmap", cmap))
            if low is not None or high is not None:
                self.scale.set_clim(low, high)
            self.scale.set_array(self._finite(reference))
            self.scale.autoscale_None()

    def _finite(self, reference):
        """All numbers of the frames, as a vector; 0 if there is none."""
        values = np.concatenate([np.ravel(self._shown(frame)) for frame in reference])
        values = values[np.isfinite(values)]
        return values if values.size else np.zeros(1)

    def _shown(self, frame):
        """The channels that are drawn, as floats."""
        if self.channel != "rgb" and frame.ndim == 3:
            frame = frame[..., self.channel]
        return np.asarray(frame, dtype=np.float64)

    def pixels(self, frame):
        """What imshow takes: numbers, or colours, transparent where one is missing."""
        values = self._shown(frame)
        if self.channel != "rgb":
            return np.ma.masked_invalid(values)
        known = np.isfinite(values).all(axis=-1, keepdims=True)
        colours = np.ma.getdata(self.norm(np.where(known, values, self.norm.vmin)))
        return np.concatenate([colours, known], axis=-1)

    def draw(self, panel, frame):
        style = self.im_kw
        if self.scale is not None:
            style = {"norm": self.scale.norm, "cmap": self.scale.cmap, **style}
        return panel.imshow(self.pixels(frame), **style)


def _title(k):
    return f"t{k:+d}" if k else "t"


def _clear(panel, is_empty):
    """A panel without ticks; without a frame, only its label is seen."""
    panel.set(xticks=[], yticks=[], facecolor="none" if is_empty else GREY)
    panel.spines[:].set(visible=not is_empty, color=GREY)


def _frame(frames, i):
    return frames[i] if 0 <= i < len(frames) else None


def _frames(frames, what):
    """Frames as an array of real numbers, not copied if it is one."""
    if isinstance(frames, np.ma.MaskedArray):
        frames = frames.astype(np.float64).filled(np.nan)
    frames = np.asarray(frames)
    if frames.dtype.kind not in "biuf":
        frames = frames.astype(np.float64)
    if frames.ndim not in (3, 4) or not frames.size:
        way_out = f" Pass one clip, such as {what}[0]." if frames.ndim == 5 else ""
        raise ValueError(
            f"{what} must have shape (n_frames, height, width) or (n_frames, height, "
            f"width, n_channels) with at least one frame, got {frames.shape}.{way_out}"
        )
    return frames


def _check_count(n, what, low, high):
    """An integer from low to high, or an error that says what it counts."""
    check_scalar(n, what, Integral)
    if not low <= n <= high:
        raise ValueError(
            f"{what}={n}, but there are {high} frame(s): pass {low} to {high}."
        )


def _checked_channel(channel, frames):
    """The number of a channel, counted from the first one, or "rgb"."""
    n_channels = 1 if frames.ndim == 3 else frames.shape[3]
    if isinstance(channel, str):
        if channel != "rgb":
            raise ValueError(f"channel={channel!r} is neither a number nor 'rgb'.")
        if n_channels != 3:
            raise ValueError(
                f"channel='rgb' draws three channels, but there are {n_channels}. Pass "
                "the number of one."
            )
        return channel
    check_scalar(channel, "channel", Integral)
    if not -n_channels <= channel < n_channels:
        raise ValueError(
            f"channel={channel} is not there: there are {n_channels}, 0 to "
            f"{n_channels - 1}."
        )
    return int(channel) % n_channels


def _named(forecasts, names):
    """Forecasts as a dict, by their names."""
    if isinstance(forecasts, Mapping):
        if names is not None:
            raise ValueError(
                f"names={names!r} is given, but forecasts has names already. Pass one "
                "of the two."
            )
        return dict(forecasts)
    several = isinstance(forecasts, (list, tuple)) and not isinstance(names, str)
    forecasts = list(forecasts) if several else [forecasts]
    if names is None:
        names = [f"forecast {i + 1}" for i in range(len(forecasts))]
        names = names if len(forecasts) > 1 else ["forecast"]
    names = [names] if isinstance(names, str) else list(names)
    if len(names) != len(forecasts):
        raise ValueError(
            f"names has {len(names)} name(s) for {len(forecasts)} forecast(s)."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"names has a name twice: {names}.")
    return dict(zip(names, forecasts, strict=True))
