"""
Predict the next frames of a video (ConvLSTM, moving digits)
============================================================

Where will they be in the next frames, and what will they look like?
:class:`~sklstm.ConvLSTMForecaster` learns it from clips of digits on the move, and
goes on with clips of digits that it has never seen.

Tags: video, forecasting, ConvLSTM, real data
"""

# %%
# A clip has a digit of scikit-learn, 8 × 8 pixels, that crosses a field in a straight
# line, bounces off the walls and goes back. Of a test clip six frames will be given and
# six are to be told. Its digits are other ones than those to learn from, written by
# other people.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklstm import ConvLSTMForecaster
from sklstm.inspection import FrameDisplay

N_CONTEXT, HORIZON = 6, 6


def clips_of(digits, n_frames, rng, size=20):
    """A clip (n_frames, size, size) of each digit, numbers from 0 to 1."""
    room = size - 8
    clips = np.zeros((len(digits), n_frames, size, size), dtype=np.float32)
    for clip, digit in zip(clips, digits, strict=True):
        start, speed = rng.integers(0, 2 * room, 2), rng.choice([-1, 1], 2)
        way = start + speed * np.arange(n_frames)[:, np.newaxis]
        corners = room - np.abs(way % (2 * room) - room)  # there and back
        for frame, (y, x) in zip(clip, corners, strict=True):
            frame[y : y + 8, x : x + 8] = digit
    return clips


digits = load_digits().images / 16
rng = np.random.default_rng(0)
X_train = clips_of(digits[:1400], 24, rng)
X_test = clips_of(digits[1400:], N_CONTEXT + HORIZON, rng)

# %%
# Frames are numbers from 0 to 1, for which there is the binary cross-entropy. Patches
# of 2 × 2 pixels become channels, which makes a frame a quarter of the work. An epoch
# has 512 windows of the clips: up to six frames, and the six behind them.

model = ConvLSTMForecaster(
    32,
    horizon=HORIZON,
    context_length=N_CONTEXT,
    patch_size=2,
    loss="binary_cross_entropy",
    learning_rate_init=0.01,
    max_iter=12,
    random_state=0,
)
model.fit(X_train)

# %%
# How far are forecasts from what came? Beside the network are the last frame, the line
# through the last two frames of each pixel, and the mean of all frames. The last of
# them knows nothing of the clip and is better than the other two: a digit that is in
# the wrong place is wrong twice. ``score`` is 1 - the error / that of the last frame.

given, came = X_test[:, :N_CONTEXT], X_test[:, N_CONTEXT:]
last, ahead = given[:, -1:], np.arange(1, HORIZON + 1).reshape(-1, 1, 1)
forecasts = {
    "ConvLSTM": model.predict(given),
    "last frame": np.repeat(last, HORIZON, axis=1),
    "linear": np.clip(last + ahead * (last - given[:, -2:-1]), 0, 1),
    "mean": np.broadcast_to(X_train.mean(axis=(0, 1)), came.shape),
}
errors = {
    name: ((frames - came) ** 2).mean(axis=(0, 2, 3))
    for name, frames in forecasts.items()
}
for name, error in errors.items():
    skill = 1 - error.mean() / errors["last frame"].mean()
    print(f"{name:12} mean squared error {error.mean():.4f}   skill {skill:5.2f}")
print(f"score of the forecaster: {model.score(X_test):.2f}")

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name, error in errors.items():
    ax.plot(range(1, HORIZON + 1), error, marker="o", label=name)
ax.set(xlabel="Frames ahead", ylabel="Mean squared error", ylim=0)
ax.legend()
plt.show()

# %%
# What came above what was forecast. Further ahead strokes become blurred: the network
# says how probable it is that there is ink.

display = FrameDisplay.from_predictions(
    X_test[0],
    {name: forecasts[name][0] for name in ("ConvLSTM", "linear")},
    cmap="Greys",
)
plt.show()

# %%
# And frame by frame. Up to t all panels show what was given.

# sphinx_gallery_thumbnail_number = 3
movie = display.animate(interval=350, cmap="Greys")
plt.show()

# %%
# What is learnt is what happens around a pixel, so that frames may have another size.
# In this field there is more room, and there are two digits, which no clip had: where
# they come near each other it does not tell them apart.

pair = np.maximum(*clips_of(digits[1500:1502], N_CONTEXT + HORIZON, rng, size=32))
FrameDisplay.from_estimator(model, pair, cmap="Greys")
plt.show()
