"""
Online alarms, a step at a time
===============================

A detector watches streams: ``score_step`` reads the next value of each and says how
unusual it is, in some microseconds, and the scores are those of the whole sequence to
the bit. An alarm should not be raised for a single odd value, so scores are averaged
over a few steps, and the threshold of the average comes from normal streams.
"""

# %%
# What is normal: a wave whose period wanders. One long series is enough to fit; its
# last fifth is held out, and the thresholds are found there.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMAnomalyDetector

rng = np.random.default_rng(0)


def stream(n_steps):
    speed = 0.3 + 0.03 * np.cumsum(rng.standard_normal(n_steps)) / np.sqrt(n_steps)
    return np.sin(np.cumsum(speed)) + 0.1 * rng.standard_normal(n_steps)


model = LSTMAnomalyDetector(64, random_state=0).fit([stream(8000)])

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
# The threshold: normal streams would raise about one alarm in two thousand steps.

normal = watched(np.array([stream(2000) for _ in range(4)]))
threshold = np.quantile(normal[:, 10:], 1 / 2000)

start = perf_counter()
averages = watched(streams)
microseconds = 1e6 * (perf_counter() - start) / len(streams.T)
print(f"threshold {threshold:.2f}; {microseconds:.0f} µs a step of three streams")
for k, average in enumerate(averages):
    alarms = np.flatnonzero(average[10:] < threshold) + 10
    print(f"stream {k}: " + (f"first alarm at {alarms[0]}" if len(alarms) else "well"))

# %%
# Nothing is computed twice, and nothing is lost: these are the scores of whole streams.

watch, scores = model.initial_state(3), []
for x in streams.T:
    score, watch = model.score_step(x[:, np.newaxis], watch)
    scores.append(score)
whole = model.score_steps(list(streams[:, :, np.newaxis]))
print(np.array_equal(np.array(scores).T, np.stack(list(whole)), equal_nan=True))

# %%

_, axes = plt.subplots(3, 2, sharex=True, figsize=(9, 5), layout="constrained")
for k, (left, right) in enumerate(axes):
    left.plot(streams[k], linewidth=0.8)
    left.set_ylabel(f"stream {k}")
    right.plot(averages[k], color="black", linewidth=0.8)
    right.axhline(threshold, color="#d55e00", linestyle="--")
    right.set_yscale("symlog", linthresh=-threshold)
axes[0, 0].set_title("values")
axes[0, 1].set_title("averaged scores")
for ax in axes[-1]:
    ax.set_xlabel("step")
plt.show()
