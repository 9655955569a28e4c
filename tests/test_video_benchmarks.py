"""Data, measures and baselines of the benchmarks of clips, worked by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not (BENCHMARKS / "tasks" / "video.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
for folder in (BENCHMARKS, BENCHMARKS / "tasks"):
    sys.path.append(str(folder))
import video_baselines  # noqa: E402
from _conv_work import ConvWork, make_data  # noqa: E402
from video import frame_errors, rain_scores, where_better  # noqa: E402
from video_baselines import optical_flow, persistence, trend  # noqa: E402
from video_data import (  # noqa: E402
    CONTEXT,
    DIGIT,
    HORIZON,
    SIZE,
    SPEED,
    TRANSFORMS,
    Rain,
    around,
    bouncing,
    corners,
    moving_digits,
)

for folder in (BENCHMARKS, BENCHMARKS / "tasks"):
    sys.path.remove(str(folder))


# ---- moving digits -----------------------------------------------------------------


def test_digits_bounce():
    """At a constant speed along both axes, but where they turn."""
    rng = np.random.default_rng(0)
    turns = 0
    for _ in range(20):
        way = bouncing(rng, 40)
        assert way.min() >= 0 and way.max() <= 64 - DIGIT
        steps = np.abs(np.diff(way, axis=0))
        assert steps.max() <= np.ceil(SPEED)
        usual = np.median(steps, axis=0)
        # whole pixels, and less where it turns
        assert np.mean(np.abs(steps - usual) <= 1) > 0.8
        assert np.hypot(*steps.mean(axis=0)) <= SPEED
        turns += (np.diff(np.sign(np.diff(way, axis=0)), axis=0) != 0).sum()
    assert turns > 40


def test_moving_digits_are_the_images():
    images = np.zeros((2, DIGIT, DIGIT), np.float32)
    images[0, 4:8, 4:8], images[1, 10:12, 10:20] = 0.5, 1.0
    clips = moving_digits(images, 6, seed=1, n_frames=8, n_digits=1)
    assert clips.shape == (6, 8, 64, 64) and clips.dtype == np.float32
    sums = clips.sum(axis=(2, 3))
    assert_array_equal(sums, np.repeat(sums[:, :1], 8, axis=1))  # none leaves the frame
    assert set(np.unique(sums)) == {images[0].sum(), images[1].sum()}
    # two that overlap: the brighter one
    two = moving_digits(images, 40, seed=1, n_frames=8)
    assert set(np.unique(two)) == {0.0, 0.5, 1.0}


def test_moving_digits_by_seed_and_side():
    images = np.random.default_rng(0).random((3, DIGIT, DIGIT), np.float32)
    clips = moving_digits(images, 3, seed=5)
    assert_array_equal(clips, moving_digits(images, 3, seed=5))
    assert not np.array_equal(clips, moving_digits(images, 3, seed=6))
    half = moving_digits(images, 3, seed=5, side=32)
    assert half.shape == (3, 20, 32, 32)
    assert_allclose(half[1, 2, 7, 9], clips[1, 2, 14:16, 18:20].mean(), rtol=1e-6)


# ---- rain --------------------------------------------------------------------------


@pytest.fixture
def rates():
    """Rates that say their frame and place, in a circle of radius 200."""
    y, x = np.mgrid[:420, :440].astype(np.float32)
    day = np.arange(80, dtype=np.float32)[:, None, None] + y / 1000 + x / 1e6
    day[:, np.hypot(y - 210, x - 205) > 200] = np.nan
    return day


def test_corners_lie_in_the_circle(rates):
    seen = ~np.isnan(rates[0])
    few, many = corners(seen, SIZE), corners(seen, SIZE // 2)
    assert len(few) == 4 and set(few) < set(many)
    for y, x in many:
        assert seen[y : y + SIZE, x : x + SIZE].all()
    for k, (y, x) in enumerate(few):
        for other_y, other_x in few[:k]:
            assert abs(y - other_y) >= SIZE or abs(x - other_x) >= SIZE


@pytest.mark.parametrize("choose, begin, end", [(False, 56, 80), (True, 40, 56)])
def test_rain_is_held_out(rates, choose, begin, end):
    rain = Rain(rates, choose=choose)
    training, contexts, truth = rain.training(), rain.contexts(), rain.truth()
    assert training.shape == (len(rain.fitted), begin, SIZE, SIZE)
    assert training.max() < begin <= truth.min() < begin + 1
    assert end - 1 <= truth.max() < end
    n = (end - begin - HORIZON + 1) * len(rain.tested)
    assert contexts.shape == (n, CONTEXT, SIZE, SIZE)
    assert truth.shape == (n, HORIZON, SIZE, SIZE)
    # a context ends where its truth begins, at the same place
    assert_allclose(contexts[:, -1] + 1, truth[:, 0], rtol=1e-6)
    assert_allclose(np.diff(contexts, axis=1), 1, atol=1e-4)


def test_squares_of_the_whole_image(rates):
    rain = Rain(rates, choose=False)
    whole = rain.whole_contexts()
    assert whole.shape[2] % 16 == whole.shape[3] % 16 == 0
    assert_array_equal(rain.squares_of(whole), rain.contexts())


def test_around():
    seen = np.zeros(40, bool)
    seen[5:24] = True
    assert around(seen) == slice(5, 37)
    assert around(np.roll(seen, 10)) == slice(8, 40)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    forth, back = TRANSFORMS[name]
    rates = np.array([0, 0.12, 1, 80], np.float32)
    assert_allclose(back(forth(rates)), rates, rtol=1e-5, atol=1e-6)
    assert (np.diff(forth(rates)) > 0).all()


# ---- measures and baselines --------------------------------------------------------


def test_frame_errors():
    truth, forecasts = np.zeros((2, 2, 2, 2)), np.zeros((2, 2, 2, 2))
    forecasts[0, 0] = 1  # four pixels of one clip of two
    forecasts[:, 1, 0, 0] = 3
    assert frame_errors(truth, forecasts).tolist() == [2, 9]


def test_rain_scores():
    truth = np.array([[[[0.0, 0.5], [1.0, 3.0]]]])
    forecasts = np.array([[[[0.5, 0.0], [1.0, 2.0]]]])
    error, half, two = rain_scores(truth, forecasts)
    assert error.tolist() == [(0.25 + 0.25 + 0 + 1) / 4]
    assert half.tolist() == [2 / 4]  # two hits, a miss and a false alarm
    assert two.tolist() == [1]


def test_where_optical_flow_is_better():
    flow = np.array([[1.0, 2.0], [0.8, 0.5], [0.3, 0.3]])
    network = np.array([[2.0, 1.0], [0.7, 0.6], [0.3, 0.4]])
    assert where_better([(flow, np.nan)], [(network, 1.0)]) == (
        "optical flow is better in squared error at 5 minutes; in critical success at "
        "0.5 mm/h at 5 minutes."
    )
    nowhere = where_better([(flow, np.nan)], [(flow, 1.0), (flow, 2.0)])
    assert nowhere == "optical flow is better nowhere."


def test_last_frame_and_trend():
    clips = np.array([[[[0.1]], [[0.3]], [[0.6]]]])
    assert_allclose(persistence(clips, 3).ravel(), [0.6] * 3)
    assert_allclose(trend(clips, 3, high=1).ravel(), [0.9, 1, 1])
    assert_allclose(trend(clips[:, ::-1], 2).ravel(), [0, 0])


@pytest.mark.skipif(video_baselines.missing() is not None, reason="needs pysteps")
def test_optical_flow_follows_what_moves():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    field = sum(
        np.exp(-((y - a) ** 2 + (x - b) ** 2) / 20)
        for a, b in rng.uniform(0, 64, (30, 2))
    )
    clip = np.stack([np.roll(field, 2 * t, axis=1) for t in range(6)])
    forecasts = optical_flow(clip[np.newaxis, :4], 2)
    error = np.abs(forecasts[0] - clip[4:])[:, 8:-8, 12:-12].mean()
    assert error < 0.1 * np.abs(clip[3] - clip[4:])[:, 8:-8, 12:-12].mean()


# ---- the speed of a layer ----------------------------------------------------------


def test_work_of_a_layer():
    work = ConvWork(B=2, T=3, side=4, F=5, H=6, kernel=3)
    per_pixel = 9 * 4 * 6
    of_x, of_h = 2 * 3 * 16 * per_pixel * 5, 2 * 2 * 16 * per_pixel * 6
    assert work.multiply_adds() == (of_x + of_h, of_x + 2 * of_h)
    assert work.states_and_gates() == 2 * 3 * 16 * 6 * 6 * 4


def test_layers_of_all_libraries_have_the_same_gradients():
    """sklstm's layer beside both ways in which PyTorch's is composed."""
    torch = pytest.importorskip("torch")
    sys.path.append(str(BENCHMARKS))
    try:
        import _sklstm_conv
        import _torch_conv
    finally:
        sys.path.remove(str(BENCHMARKS))
    work = ConvWork(B=2, T=3, side=6, F=3, H=5, kernel=3)
    data = make_data(work)
    d_w, d_r, d_b = (
        given.reshape(like.shape)
        for given, like in zip(
            _sklstm_conv.make_step(work)(), (data.w, data.r, data.b), strict=True
        )
    )
    ours = [np.moveaxis(d, (3, 2), (0, 1)) for d in (d_w, d_r)]
    for layout in _torch_conv.LAYOUTS:
        at_once = _torch_conv.step_of(_torch_conv.AtOnce, layout)(work)()
        for theirs, own in zip(at_once, [*ours, d_b], strict=True):
            assert_allclose(own, theirs, rtol=2e-4, atol=2e-4)
        side_by_side = _torch_conv.step_of(_torch_conv.Concatenated, layout)(work)()
        for theirs, own in zip(
            side_by_side, [np.concatenate(ours, axis=1), d_b], strict=True
        ):
            assert_allclose(own, theirs, rtol=2e-4, atol=2e-4)
    assert torch.is_grad_enabled()
