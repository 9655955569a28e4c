"""FrameDisplay: which frames are drawn where, in which colours; what is refused."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import ConvLSTMForecaster, LSTMRegressor
from sklstm.forecasting import SeasonalNaive
from sklstm.inspection import ForecastDisplay, FrameDisplay

HORIZON = 4


class Persistence(BaseEstimator):
    """The last frame, as often as the horizon has steps; each a little darker."""

    def __init__(self, horizon=HORIZON):
        self.horizon = horizon

    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        X = np.asarray(X)
        fade = 0.9 ** np.arange(1, self.horizon + 1)
        return X[:, -1:] * fade.reshape(1, -1, *[1] * (X.ndim - 2))


def clip_of(n_frames=9, height=5, width=7, n_channels=None, seed=0):
    shape = (n_frames, height, width) + ((n_channels,) if n_channels else ())
    return np.random.default_rng(seed).uniform(-3, 3, shape)


def titles(display):
    return [panel.get_title() for panel in display.axes_[0]]


def names(display):
    return [panel.get_ylabel() for panel in display.axes_[:, 0]]


def drawn(image):
    return np.ma.filled(image.get_array().astype(float), np.nan)


# ---- which frames --------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [None, 1, 2])
def test_truth_above_the_forecast(plt, n_channels):
    clip, model = clip_of(n_channels=n_channels), Persistence().fit(None)
    display = FrameDisplay.from_estimator(model, clip, channel=-1)
    assert titles(display) == ["t-2", "t-1", "t", "t+1", "t+2", "t+3", "t+4"]
    assert names(display) == ["truth", "forecast"]
    assert display.axes_.shape == display.images_.shape == (2, 7)
    assert display.n_context == 5
    one = clip if n_channels is None else clip[..., -1]
    for j, frame in enumerate(one[2:]):
        assert_array_equal(drawn(display.images_[0, j]), frame)
    assert display.images_[1, :3].tolist() == [None] * 3
    want = model.predict(clip[np.newaxis, :5])[0]
    want = want if n_channels is None else want[..., -1]
    for j, frame in enumerate(want):
        assert_array_equal(drawn(display.images_[1, 3 + j]), frame)
    assert display.figure_ is display.axes_[0, 0].figure
    display.figure_.canvas.draw()


@pytest.mark.parametrize("n_context", [1, 5, 7, 9])
def test_the_forecaster_reads_the_context_alone(plt, n_context):
    clip = clip_of()
    display = FrameDisplay.from_estimator(
        Persistence().fit(None), clip, n_context=n_context, name="last"
    )
    assert_array_equal(
        drawn(display.images_[1, -HORIZON]), clip[n_context - 1] * 0.9
    )  # t + 1
    n_known = min(len(clip) - n_context, HORIZON)
    there = [image is not None for image in display.images_[0]]
    assert there == [True] * (min(n_context, 3) + n_known) + [False] * (
        HORIZON - n_known
    )
    assert names(display) == ["truth", "last"]


def test_long_horizons_are_thinned(plt):
    clip = clip_of(40)
    display = FrameDisplay.from_predictions(clip, clip[10:])
    want = ["t-2", "t-1", "t", "t+1", "t+6", "t+11", "t+16", "t+20", "t+25", "t+30"]
    assert titles(display) == want
    assert_array_equal(drawn(display.images_[0, 4]), clip[15])
    assert_array_equal(drawn(display.images_[1, 4]), clip[15])


@pytest.mark.parametrize("frames", [[-4, 0, 4], [2], 3, np.array([1, 4])])
def test_chosen_frames(plt, frames):
    clip = clip_of()
    display = FrameDisplay.from_predictions(clip, clip[5:] + 10, frames=frames)
    columns = np.atleast_1d(frames)
    assert titles(display) == [f"t{k:+d}" if k else "t" for k in columns]
    for j, k in enumerate(columns):
        assert_array_equal(drawn(display.images_[0, j]), clip[4 + k])
        if k > 0:
            assert_array_equal(drawn(display.images_[1, j]), clip[4 + k] + 10)


def test_several_forecasts_of_unequal_horizons(plt):
    clip = clip_of()
    forecasts = {"truth": clip[5:], "$short$": clip[5:7]}
    display = FrameDisplay.from_predictions(clip, forecasts)
    assert names(display) == ["truth", "truth", "$short$"]
    assert_array_equal(drawn(display.images_[2, 4]), clip[6])
    assert display.images_[2, 5:].tolist() == [None, None]
    display.figure_.canvas.draw()  # "$" is no formula


@pytest.mark.parametrize(
    "given, labels, want",
    [
        ("one", None, ["forecast"]),
        ("one", "mine", ["mine"]),
        ("list", None, ["forecast 1", "forecast 2"]),
        ("list", ["a", "b"], ["a", "b"]),
        ("dict", None, ["x", "y"]),
        ("frames", "mine", ["mine"]),
    ],
)
def test_names(plt, given, labels, want):
    clip = clip_of()
    forecasts = {
        "one": clip[5:],
        "list": [clip[5:], clip[4:8]],
        "dict": {"x": clip[5:], "y": clip[4:8]},
        "frames": list(clip[5:]),
    }[given]
    display = FrameDisplay.from_predictions(clip, forecasts, names=labels)
    assert names(display) == ["truth", *want]
    assert list(display.forecasts) == want


def test_without_the_truth(plt):
    display = FrameDisplay.from_predictions(None, clip_of(3))
    assert titles(display) == ["t+1", "t+2", "t+3"]
    assert names(display) == ["forecast"]
    assert display.n_context == 0 and display.truth is None


def test_only_what_came(plt):
    clip = clip_of(3)
    display = FrameDisplay.from_predictions(clip, clip + 1)
    assert titles(display) == ["t+1", "t+2", "t+3"]
    display = FrameDisplay.from_predictions(clip[:1], clip, n_context=1, frames=[2])
    assert display.images_[0, 0] is None and display.images_[1, 0] is not None


def test_the_end_of_a_pipeline(plt):
    clip = clip_of()
    pipeline = make_pipeline(FunctionTransformer(np.negative), Persistence()).fit(clip)
    display = FrameDisplay.from_estimator(pipeline, clip)
    assert_array_equal(display.truth, -clip)
    assert_array_equal(display.forecasts["forecast"][0], -clip[4] * 0.9)


@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_forecaster_of_the_package(plt, n_channels, dtype):
    X = np.stack([clip_of(n_channels=n_channels, seed=i) for i in range(4)])
    X = (40 * (X + 3)).astype(dtype)
    model = ConvLSTMForecaster(4, horizon=3, max_iter=1, random_state=0).fit(X)
    display = FrameDisplay.from_estimator(model, X[1])
    (forecast,) = model.predict(X[1:2, :6])
    assert_array_equal(display.forecasts["forecast"], forecast)
    assert display.n_context == 6 and len(display.truth) == 9
    ahead = FrameDisplay.from_estimator(model, X[1], n_context=9)
    assert_array_equal(ahead.forecasts["forecast"], model.predict(X[1:2])[0])
    large = clip_of(8, 11, 6, n_channels)
    display = FrameDisplay.from_estimator(model, large)
    assert display.images_[1, -1].get_array().shape == (11, 6)
    display.figure_.canvas.draw()


# ---- which colours -------------------------------------------------------------------


def test_one_scale_that_of_the_truth(plt):
    clip = clip_of()
    display = FrameDisplay.from_predictions(clip, clip[5:] * 100)
    limits = {im.get_clim() for im in display.images_.ravel() if im is not None}
    assert limits == {(clip[2:].min(), clip[2:].max())}
    assert len(display.figure_.axes) == display.axes_.size + 1
    display = display.plot(colorbar=False, frames=[1])
    assert display.images_[0, 0].get_clim() == (clip[5].min(), clip[5].max())
    assert len(display.figure_.axes) == display.axes_.size
    alone = FrameDisplay.from_predictions(None, clip)
    assert alone.images_[0, 0].get_clim()[0] < 0


def test_scales_of_ones_own(plt):
    clip = np.abs(clip_of())
    show = FrameDisplay.from_predictions
    display = show(clip, clip[5:], cmap="magma", im_kw={"vmin": -1})
    assert display.images_[0, 0].get_cmap().name == "magma"
    assert display.images_[1, 3].get_clim() == (-1, clip[2:].max())
    clip[-1, 0, 0] = 0
    display = show(clip, clip[5:], im_kw={"norm": "log", "alpha": 0.5})
    low, high = display.images_[1, -1].get_clim()
    assert 0 < low < high == clip[2:].max()
    assert display.images_[1, -1].get_alpha() == 0.5
    assert show(clip, clip[5:], im_kw={"cmap": "Blues"}).images_[0, 0].cmap.name == (
        "Blues"
    )


def test_missing_pixels(plt):
    clip = clip_of()
    clip[:, 1, 2] = np.nan
    clip[3, 4, 4] = np.inf
    for given in (clip, np.ma.masked_invalid(clip)):
        display = FrameDisplay.from_predictions(given, clip[5:])
        image = display.images_[0, 1]
        missing = np.ma.getmaskarray(image.get_array())
        assert sorted(zip(*np.nonzero(missing), strict=True)) == [(1, 2), (4, 4)]
        known = clip[2:][np.isfinite(clip[2:])]
        assert image.get_clim() == (known.min(), known.max())
        display.figure_.canvas.draw()
    nowhere = np.full((3, 2, 2), np.nan)
    FrameDisplay.from_predictions(nowhere, nowhere).figure_.canvas.draw()


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32, np.int64, object])
def test_any_numbers(plt, dtype):
    clip = (clip_of() > 0).astype(dtype)
    display = FrameDisplay.from_predictions(clip, clip[5:])
    assert_array_equal(drawn(display.images_[0, 0]), clip[2].astype(float))
    display.figure_.canvas.draw()


def test_memory_on_disk_is_not_read(plt, tmp_path):
    clip = np.lib.format.open_memmap(
        tmp_path / "clip.npy", mode="w+", dtype=np.uint8, shape=(9, 5, 7)
    )
    display = FrameDisplay.from_predictions(clip, clip[5:])
    assert np.shares_memory(display.truth, clip)


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_colours(plt, kind):
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 200, size=(6, 4, 4, 3)).astype(np.uint8)
    forecast = clip[3:].astype(float)
    forecast[0, 0, 0, 1] = np.nan
    forecast[0, 1, 1] = 1000, -5, 40
    low, high = 0, 255
    if kind == "floats":
        clip = clip / 4.0
        forecast /= 4
        low, high = clip.min(), clip.max()
    display = FrameDisplay.from_predictions(clip, forecast, channel="rgb")
    colours = display.images_[0, 0].get_array()
    np.testing.assert_allclose(colours[..., :3], (clip[0] - low) / (high - low))
    told = display.images_[1, 3].get_array()
    assert told[0, 0, 3] == 0 and told[0, 1, 3] == 1
    assert told[1, 1, :2].tolist() == [1, 0]
    assert len(display.figure_.axes) == display.axes_.size  # no scale
    display.figure_.canvas.draw()


def test_axes_that_are_there(plt):
    clip = clip_of()
    _, axes = plt.subplots(2, 3)
    display = FrameDisplay.from_predictions(
        clip, clip[5:], frames=[0, 1, 4], ax=axes, colorbar=False
    )
    assert_array_equal(display.axes_, axes)
    again = display.plot(frames=[0, 1, 4], ax=list(axes.ravel()), colorbar=False)
    assert again is display and display.axes_.shape == (2, 3)
    with pytest.raises(ValueError, match="ax holds 6 axes for 2 rows of 2 frames"):
        display.plot(axes, frames=[0, 1])
    alone = FrameDisplay(forecasts={"a": clip}).plot(axes[0, 0], frames=[1])
    assert alone.axes_.shape == (1, 1)


# ---- frame by frame ------------------------------------------------------------------


def test_an_animation(plt, tmp_path):
    pytest.importorskip("PIL")
    clip = clip_of()
    forecasts = {"long": clip[5:] + 1, "short": clip[5:7] + 2}
    display = FrameDisplay.from_predictions(clip, forecasts)
    drawing = display.figure_
    movie = display.animate(interval=50)
    assert display.figure_ is drawing
    seen = []
    panels = movie._fig.axes
    assert [panel.get_title() for panel in panels] == ["truth", "long", "short"]
    show = movie._func

    def watched(j):
        artists = show(j)
        seen.append(
            [drawn(im) if im.get_visible() else None for im in artists[:3]]
            + [artists[3].get_text()]
        )
        return artists

    movie._func = watched
    movie.save(tmp_path / "clip.gif", writer="pillow")
    seen = seen[-len(clip) :]
    for j, (truth, long, short, title) in enumerate(seen):
        k = j - 4
        assert title == (f"t{k:+d}" if k else "t")
        assert_array_equal(truth, clip[j])
        assert_array_equal(long, clip[j] + (k > 0))
        if k > 2:
            assert short is None
        else:
            assert_array_equal(short, clip[j] + 2 * (k > 0))
    assert (tmp_path / "clip.gif").stat().st_size > 1000


def test_an_animation_of_what_is_not_known_yet(plt, tmp_path):
    pytest.importorskip("PIL")
    clip = clip_of(3)
    for truth, n_context in ((None, None), (clip, 3)):
        display = FrameDisplay(
            forecasts={"a": clip + 1}, truth=truth, n_context=n_context
        )
        movie = display.animate(cmap="Blues")
        movie.save(tmp_path / "clip.gif", writer="pillow")
        image = movie._fig.axes[0].images[0]
        assert image.get_cmap().name == "Blues"
        assert image.get_visible() == (truth is None)


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    "given, match",
    [
        ({"forecasts": {}}, "nothing to draw: forecasts is empty"),
        ({"forecasts": {"a": np.zeros((2, 3))}}, r"forecasts\['a'\] must have.*\(2, 3"),
        ({"forecasts": {"a": np.zeros((0, 3, 3))}}, r"at least one frame, got \(0, 3"),
        ({"truth": np.zeros((1, 9, 5, 7, 1))}, r"one clip, such as truth\[0\]"),
        ({"truth": clip_of(width=6)}, r"a'\] has frames of shape \(5, 7\), but truth"),
        ({"truth": clip_of(n_channels=1)}, r"shape \(5, 7\), but truth of shape"),
        ({"truth": clip_of(2)}, "truth has 2 frame.*fewer than the 4.*n_context"),
        ({"truth": clip_of(), "n_context": 10}, "n_context=10, but there are 9 frame"),
        ({"n_context": 1}, "n_context=1, but there are 0 frame"),
        ({"channel": 1}, "channel=1 is not there: there are 1"),
        ({"channel": "rgb"}, "channel='rgb' draws three channels, but there are 1"),
        ({"channel": "red"}, "channel='red' is neither a number nor 'rgb'"),
    ],
)
def test_what_does_not_fit(given, match):
    with pytest.raises(ValueError, match=match):
        FrameDisplay(**{"forecasts": {"a": clip_of(4)}, **given})


@pytest.mark.parametrize("what", ["n_context", "channel"])
@pytest.mark.parametrize("value", [1.0, [1]])
def test_what_is_no_integer(what, value):
    with pytest.raises(TypeError, match=f"{what} must be an instance of int"):
        FrameDisplay(forecasts={"a": clip_of(4)}, truth=clip_of(), **{what: value})


@pytest.mark.parametrize(
    "options, match",
    [
        ({"frames": [5]}, "frames has 5, but there are -4 to 4"),
        ({"frames": [-5]}, "frames has -5"),
        ({"frames": [0.5]}, "frames has 0.5"),
        ({"frames": []}, "frames is empty"),
        ({"names": ["a", "b"]}, r"names has 2 name\(s\) for 1 forecast"),
    ],
)
def test_what_is_not_there(plt, options, match):
    clip = clip_of()
    with pytest.raises(ValueError, match=match):
        FrameDisplay.from_predictions(clip, clip[5:], **options)
    assert not plt.get_fignums()


def test_names_twice(plt):
    clip = clip_of()
    with pytest.raises(ValueError, match="a name twice"):
        FrameDisplay.from_predictions(clip, [clip[5:]] * 2, names=["a", "a"])
    with pytest.raises(ValueError, match="names='a' is given, but forecasts has names"):
        FrameDisplay.from_predictions(clip, {"b": clip[5:]}, names="a")


def test_clips_that_leave_nothing_to_read(plt):
    model = Persistence().fit(None)
    with pytest.raises(ValueError, match="clip has 4 frame.*horizon of 4.*n_context=4"):
        FrameDisplay.from_estimator(model, clip_of(4))
    with pytest.raises(ValueError, match=r"n_context=0, but .* 4 frame\(s\): pass 1"):
        FrameDisplay.from_estimator(model, clip_of(4), n_context=0)
    with pytest.raises(ValueError, match=r"clip must have shape.*clip\[0\]"):
        FrameDisplay.from_estimator(model, clip_of(n_channels=1)[np.newaxis])
    assert not plt.get_fignums()


def test_what_is_no_forecaster(plt):
    with pytest.raises(TypeError, match="LSTMRegressor is no forecaster"):
        FrameDisplay.from_estimator(LSTMRegressor(), clip_of())
    with pytest.raises(NotFittedError):
        FrameDisplay.from_estimator(Persistence(), clip_of())
    series = np.ones((3, 9))
    naive = SeasonalNaive(2).fit(series)
    with pytest.raises(TypeError, match="SeasonalNaive forecasts numbers, which Fore"):
        FrameDisplay.from_estimator(naive, clip_of())
    with pytest.raises(TypeError, match="no numbers of series.*there is FrameDisplay"):
        ForecastDisplay.from_estimator(Persistence().fit(None), series)
    search = GridSearchCV(
        Persistence(), {"horizon": [2]}, scoring=lambda *_: 0, cv=2
    ).fit(clip_of())
    with pytest.raises(TypeError, match="best_estimator_"):
        FrameDisplay.from_estimator(search, clip_of())


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    display = FrameDisplay(forecasts={"a": clip_of(4)})
    for draw in (
        display.plot,
        display.animate,
        lambda: FrameDisplay.from_predictions(None, clip_of(4)),
        lambda: FrameDisplay.from_estimator(Persistence().fit(None), clip_of()),
    ):
        with pytest.raises(ImportError, match="FrameDisplay.* requires matplotlib"):
            draw()
