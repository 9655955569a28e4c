"""
Forecast rain from maps (ConvLSTM, nowcasting)
==============================================

Half an hour of rain, from maps of the hour before. :class:`~sklstm.ConvLSTMForecaster`
learns how showers move, grow and die down, beside two forecasts that learn nothing:

- persistence: the last map;
- advection: the last map, moved on as it has moved.

The second one is in practice how rain is told for the next hour, and hard to beat
(:doc:`/performance/tasks` compares on radar).

Tags: video, forecasting, ConvLSTM, generated data
"""

# %%
# The maps are those of a model world, 32 × 32 pixels every five minutes: showers that
# a wind carries along, each of which grows to a peak and decays. Where a new one is
# born nobody knows.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import shift

from sklstm import ConvLSTMForecaster
from sklstm.inspection import FrameDisplay

SIZE, N_CONTEXT, HORIZON = 32, 8, 6


def showers(n, n_frames, rng):
    """Rain in mm/h (n, n_frames, height, width)."""
    t = np.arange(n_frames)[:, np.newaxis, np.newaxis]
    rows, columns = np.ogrid[:SIZE, :SIZE]
    clips = np.zeros((n, n_frames, SIZE, SIZE), dtype=np.float32)
    for clip in clips:
        wind = rng.uniform(-1, 1, size=2)  # pixels in five minutes
        for _ in range(rng.poisson((20 + n_frames) / 2)):
            born, life = rng.uniform(-20, n_frames), rng.uniform(10, 30)
            age = np.clip((t - born) / life, 0, 1)
            middle = rng.uniform(-6, SIZE + 6, size=2)
            y, x = (middle[k] + wind[k] * (t - born - life / 2) for k in range(2))
            radius = rng.uniform(1.5, 3) * (1 + age)
            peak = rng.gamma(2, 3) * np.sin(np.pi * age) ** 2
            square = (rows - y) ** 2 + (columns - x) ** 2
            clip += peak * np.exp(-square / (2 * radius**2))
    return clips


rng = np.random.default_rng(0)
X_train = showers(200, 36, rng)
X_test = showers(60, N_CONTEXT + HORIZON, rng)

# %%
# An epoch has 512 windows of the clips: up to eight maps, and the six behind them.

model = ConvLSTMForecaster(
    24,
    horizon=HORIZON,
    context_length=N_CONTEXT,
    patch_size=2,
    learning_rate_init=0.01,
    max_iter=5,
    random_state=0,
)
model.fit(X_train)

# %%
# Advection finds how the map of a quarter of an hour ago has to be moved to be most
# like the last one, and moves that on at this speed.

SPEEDS = np.linspace(-1.2, 1.2, 13)  # pixels in five minutes


def moved(frame, way):
    return shift(frame, way, order=1, mode="nearest")


def advected(given):
    """The last map of a clip, moved on, for each step ahead."""
    inside, last = np.s_[4:-4, 4:-4], given[-1]
    speeds = np.array([(y, x) for y in SPEEDS for x in SPEEDS])
    misses = [((moved(given[-4], 3 * v) - last)[inside] ** 2).sum() for v in speeds]
    speed = speeds[np.argmin(misses)]
    return np.stack([moved(last, k * speed) for k in range(1, HORIZON + 1)])


given, came = X_test[:, :N_CONTEXT], X_test[:, N_CONTEXT:]
forecasts = {
    "ConvLSTM": model.predict(given),
    "advection": np.array([advected(maps) for maps in given]),
    "persistence": np.repeat(given[:, -1:], HORIZON, axis=1),
}

# %%
# Two scores. The skill is 1 - the squared error / that of persistence, which is what
# ``score`` gives. The critical success index is for warnings: of all pixels with more
# than so much rain, told or come, how many were both?


def success(frames, mm):
    told, there = frames > mm, came > mm
    return (told & there).sum(axis=(0, 2, 3)) / (told | there).sum(axis=(0, 2, 3))


def error(frames):
    return ((frames - came) ** 2).mean(axis=(0, 2, 3))


base = error(forecasts["persistence"])
for name, frames in forecasts.items():
    skill = 1 - error(frames).mean() / base.mean()
    index = "  ".join(f"{mm} mm/h {success(frames, mm).mean():.2f}" for mm in (1, 4))
    print(f"{name:12} skill {skill:5.2f}   success at {index}")

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
minutes = 5 * np.arange(1, HORIZON + 1)
for name, frames in forecasts.items():
    axes[0].plot(minutes, np.sqrt(error(frames)), marker="o", label=name)
    axes[1].plot(minutes, success(frames, 4), marker="o", label=name)
axes[0].set(xlabel="Minutes ahead", ylabel="Root mean squared error, mm/h", ylim=0)
axes[1].set(xlabel="Minutes ahead", ylabel="Critical success index, 4 mm/h")
axes[0].legend()
plt.show()

# %%
# The network has learnt that showers which grow will decay, of which advection knows
# nothing. Where a new one comes up both miss it. Showers of this world live an hour or
# two; the rain of a front lives longer than it takes to pass, and there advection is
# the forecast to beat.
#
# The maps of one clip:

# sphinx_gallery_thumbnail_number = 2
# sphinx_gallery_thumbnail_panels = "all"
FrameDisplay.from_predictions(
    X_test[1], {name: frames[1] for name, frames in forecasts.items()}
)
plt.show()
