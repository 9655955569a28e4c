"""
Detect anomalies online, a step at a time (alarms)
==================================================

A detector watches streams: ``score_step`` reads the next value of each and says how
unusual it is, in some microseconds, and the scores are those of the whole sequence to
the bit. An alarm should not be raised for a single odd value, so scores are averaged
over a few steps, and the threshold of the average comes from normal streams.

Tags: anomaly detection, streaming, sensors, generated data
"""

# %%
# What is normal: a wave whose period wanders. One long series is enough to fit; its
# last fifth is held out, and the thresholds are found there.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from sklstm import LSTMAnomalyDetector

rng = np.random.default_rng(0)


def stream(n_steps):
    speed = 0.3 + 0.03 * np.cumsum(rng.standard_normal(n_steps)) / np.sqrt(n_steps)
    return np.sin(np.cumsum(speed)) + 0.1 * rng.standard_normal(n_steps)


known = stream(8000)
model = LSTMAnomalyDetector(64, random_state=0).fit([known])

# %%
# Three streams, watched side by side. The second skips half a period at step 400; the
# third slowly loses its amplitude from step 500 on.

streams = np.array([stream(800) for _ in range(3)])
streams[1, 400:] = np.roll(streams[1, 400:], 10)
streams[2, 500:] *= np.linspace(1, 0.1, 300)

DECAY = 0.8  # of an exponential average over about five steps


class Watch:
    """Averages of scores of n streams, step by step."""

    def __init__(self, n):
        self.state = model.initial_state(n_sequences=n)
        self.average = np.full(n, -1.0)  # a usual score

    def read(self, x):
        scores, self.state = model.score_step(x[:, np.newaxis], self.state)
        scores = np.where(np.isnan(scores), -1.0, scores)
        self.average = DECAY * self.average + (1 - DECAY) * scores
        return self.average


def watched(streams):
    watch = Watch(len(streams))
    return np.array([watch.read(x) for x in streams.T]).T


# %%
# What is simple: a linear regression of each value on the ten before, whose squared
# errors are averaged alike.

N_LAGS = 10


def lagged(streams):
    """The ten values before each value, and the value."""
    windows = np.lib.stride_tricks.sliding_window_view(streams, N_LAGS + 1, axis=-1)
    return windows[..., :-1], windows[..., -1]


linear = LinearRegression().fit(*lagged(known))
mean_square = np.mean((linear.predict(lagged(known)[0]) - lagged(known)[1]) ** 2)


def watched_linearly(streams):
    averages = np.full(streams.shape, -1.0)
    for average, x in zip(averages, streams, strict=True):
        before, values = lagged(x)
        scores = -((linear.predict(before) - values) ** 2) / mean_square
        for t, score in enumerate(scores, N_LAGS):
            average[t] = DECAY * average[t - 1] + (1 - DECAY) * score
    return averages


# %%
# The threshold of each: normal streams would raise an alarm in about one of two
# thousand steps.

normal = np.array([stream(2000) for _ in range(4)])
averages, thresholds = {}, {}
for name, watch in ("LSTM", watched), ("linear", watched_linearly):
    thresholds[name] = np.quantile(watch(normal)[:, N_LAGS:], 1 / 2000)
    start = perf_counter()
    averages[name] = watch(streams)
    microseconds = 1e6 * (perf_counter() - start) / len(streams.T)
    print(f"{name}: {microseconds:.0f} µs a step of three streams")
    for k, average in enumerate(averages[name]):
        alarms = np.flatnonzero(average[N_LAGS:] < thresholds[name]) + N_LAGS
        found = f"first alarm at {alarms[0]}" if len(alarms) else "no alarm"
        print(f"  stream {k}: {found}, {len(alarms)} steps in all")

# %%
# Nothing is computed twice, and nothing is lost: these are the scores of whole streams.

watch, scores = model.initial_state(3), []
for x in streams.T:
    score, watch = model.score_step(x[:, np.newaxis], watch)
    scores.append(score)
whole = model.score_steps(list(streams[:, :, np.newaxis]))
print(np.array_equal(np.array(scores).T, np.stack(list(whole)), equal_nan=True))

# %%

_, axes = plt.subplots(3, 2, sharex=True, figsize=(8, 5.5), layout="constrained")
for k, (left, right) in enumerate(axes):
    left.plot(streams[k], linewidth=0.8)
    left.set_ylabel(f"Stream {k}")
    for name, style in ("linear", {"color": "0.6"}), ("LSTM", {"color": "black"}):
        ratio = averages[name][k] / thresholds[name]
        right.plot(ratio, linewidth=0.8, label=name, **style)
    right.axhline(1, color="#d55e00", linestyle="--")
    right.set_yscale("log")
axes[0, 0].set_title("Values")
axes[0, 1].set_title("Averaged scores / threshold")
axes[0, 1].legend(loc="upper left")
for ax in axes[-1]:
    ax.set_xlabel("Step")
# sphinx_gallery_thumbnail_panels = [2, 3]
plt.show()

# %%
# Both see the skip at once. Of the wave that becomes smaller the linear regression says
# nothing: its errors become smaller as well. The network has learned how large waves
# are.
