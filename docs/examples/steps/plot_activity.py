"""
Label every step of a sensor (activity recognition)
===================================================

What is someone doing, at every moment of a recording in which activities change?
:class:`~sklstm.LSTMTagger` labels each step of a sensor, after the fact in both
directions, or as the steps come.

Tags: tagging, sensors, ragged, streaming, CRF, generated data
"""

# %%
# An acceleration sensor with three axes, ten readings a second, made by a few rules. At
# rest it shows gravity alone, by which sitting and standing differ, though the sensor
# sits askew. Walking, stairs and running shake it, each at its own pace and strength,
# which overlap between people. Activities follow each other as they can: nobody runs
# out of a chair.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMTagger
from sklstm.preprocessing import TimeDistributed

# pace (steps a second), strength of the shaking, and what can come next
ACTIVITIES = {
    "sit": (0.0, 0.00, ["stand"]),
    "stand": (0.0, 0.00, ["sit", "walk", "stairs"]),
    "walk": (1.8, 0.45, ["stand", "stairs", "run"]),
    "stairs": (1.5, 0.55, ["stand", "walk"]),
    "run": (2.6, 0.90, ["walk"]),
}


def recording(rng):
    """Acceleration (T, 3) in units of g, and the activity at each step."""
    tilt, pace_of, strength_of = rng.normal(scale=0.15), *rng.uniform(0.85, 1.15, 2)
    activity, names = str(rng.choice(list(ACTIVITIES))), []
    while len(names) < 300:
        names += [activity] * rng.integers(25, 80)
        activity = str(rng.choice(ACTIVITIES[activity][2]))
    pace, strength = np.array([ACTIVITIES[name][:2] for name in names]).T
    phase = 2 * np.pi * np.cumsum(pace * pace_of) / 10
    strength = strength * strength_of * (1 + rng.normal(scale=0.2, size=len(names)))
    angle = tilt + np.where(np.array(names) == "sit", 0.4, 0.0)
    x = np.c_[
        np.sin(angle) + 0.4 * strength * np.cos(phase),
        0.3 * strength * np.sin(phase / 2),
        np.cos(angle) + strength * np.sin(phase),
    ]
    return x + rng.normal(scale=0.12, size=x.shape), names


rng = np.random.default_rng(0)
X_train, y_train = zip(*(recording(rng) for _ in range(60)), strict=True)
X_test, y_test = zip(*(recording(rng) for _ in range(40)), strict=True)
print(len(X_test), "recordings to label, of", len(np.concatenate(y_test)), "steps")

# %%
# Two baselines: a logistic regression that sees one reading at a time, and one that
# sees mean, standard deviation and extremes of the two seconds around it. Then an LSTM
# in one direction, without a random field, whose label of a step depends on the steps
# so far; and the default, which reads in both directions and decides about all labels
# together.


def around(x, width=21):
    """Mean, deviation, minimum and maximum of the readings around each step."""
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    return np.hstack([f(windows, axis=2) for f in (np.mean, np.std, np.min, np.max)])


one = make_pipeline(StandardScaler(), LogisticRegression())
one.fit(np.concatenate(X_train), np.concatenate(y_train))
window = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
window.fit(np.concatenate([around(x) for x in X_train]), np.concatenate(y_train))
settings = {"learning_rate_init": 0.01, "max_iter": 60, "random_state": 0}
stream = make_pipeline(
    TimeDistributed(StandardScaler()),
    LSTMTagger(24, bidirectional=False, crf=False, **settings),
)
whole = make_pipeline(TimeDistributed(StandardScaler()), LSTMTagger(24, **settings))
stream.fit(X_train, y_train)
whole.fit(X_train, y_train)


def segments(y):
    """Stretches of one label."""
    return sum(1 + sum(a != b for a, b in zip(x, x[1:], strict=False)) for x in y)


print("                      accuracy   segments")
for name, predicted in (
    ("one reading", [one.predict(x) for x in X_test]),
    ("two seconds", [window.predict(around(x)) for x in X_test]),
    ("LSTM, as steps come", stream.predict(X_test)),
    ("LSTM, both directions", whole.predict(X_test)),
    ("truth", y_test),
):
    accuracy = np.mean(np.concatenate(predicted) == np.concatenate(y_test))
    print(f"{name:21} {accuracy:9.3f} {segments(predicted):10}")

# %%
# A test recording and the probability of each activity over time. One reading says
# hardly more than how frequent the activities are. The two seconds around it tell rest
# from motion, and are unsure about the kind of motion. The stream needs a moment after
# each change, which the two directions do not, and their labels do not flicker.

i = max(range(len(X_test)), key=lambda i: len(set(y_test[i])))
T = min(len(y_test[i]), 300)
time = np.arange(T) / 10
figure, axes = plt.subplots(
    6, 1, figsize=(8, 9), sharex=True, height_ratios=[1.4, 0.3, 1, 1, 1, 1],
    layout="constrained",
)  # fmt: skip
axes[0].plot(time, X_test[i][:T], linewidth=0.8, label=["x", "y", "z"])
axes[0].set(ylabel="Acceleration, g", title="A test recording")
axes[0].legend(loc="upper left", ncols=3)
names = list(ACTIVITIES)
for k, name in enumerate(names):
    at = np.array(y_test[i][:T]) == name
    axes[1].bar(time[at] + 0.05, 1, width=0.1, color=f"C{k}", label=name)
axes[1].set(ylabel="Truth", yticks=[], ylim=(0, 1))
chosen = X_test[i : i + 1]
for ax, title, model, probabilities in (
    (axes[2], "One reading", one, one.predict_proba(X_test[i])),
    (axes[3], "Two seconds", window, window.predict_proba(around(X_test[i]))),
    (axes[4], "As steps come", stream, stream.predict_proba(chosen)[0]),
    (axes[5], "Both directions", whole, whole.predict_proba(chosen)[0]),
):
    columns = [list(model.classes_).index(name) for name in names]
    ax.stackplot(time, probabilities[:T, columns].T, linewidth=0)
    ax.set(ylabel=f"{title}:\nprobability", ylim=(0, 1))
axes[5].set(xlabel="Time, s", xlim=(0, time[-1]))
figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
# sphinx_gallery_thumbnail_panels = [0, 5]
plt.show()

# %%
# The model for streams, step by step as a watch would run it: the same labels.

scaler, tagger = stream[0].transformer_, stream[-1]
state, labels = tagger.initial_state(), []
for x in X_test[i]:
    label, state = tagger.predict_step(scaler.transform([x]), state)
    labels.append(label[0])
print("the same labels:", labels == stream.predict(chosen)[0])
