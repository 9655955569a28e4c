"""
Classify recordings of patients (imbalanced, missing values, groups)
====================================================================

From a long table to a score that can be believed: recordings of unequal length, four
classes of which one is rare, readings that are missing, and several recordings of each
patient, which must not be on both sides of a split.

Tags: classification, ragged, imbalanced classes, missing values, groups,
cross-validation, sensors, generated data
"""

# %%
# The table is generated: how forty patients walk, by a sensor of two axes, ten readings
# a second. Half of them walk steadily. Others limp (every second step is weaker),
# shuffle (fast, small steps) or freeze (they stop at times). Each patient has a pace,
# a strength and a tilt of the sensor of their own, and is recorded three times. One
# reading of twenty is missing.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier, SequenceArray
from sklstm.preprocessing import TimeDistributed

GAITS = {"steady": 20, "limp": 10, "shuffle": 6, "freeze": 4}  # patients of each


def walk(gait, pace, strength, tilt, rng):
    """Forward and upward acceleration in units of g, of one recording."""
    n_steps = rng.integers(60, 160)
    speed = pace * (1 + 0.05 * rng.normal(size=n_steps)) / 10
    strength = np.full(n_steps, strength)
    if gait == "shuffle":
        speed, strength = 1.2 * speed, 0.7 * strength
    if gait == "freeze":
        start = rng.integers(10, n_steps - 20)
        speed[start : start + 10] = 0
    phase = 2 * np.pi * np.cumsum(speed)
    if gait == "limp":
        strength = strength * np.where(np.sin(phase / 2) > 0, 1.2, 0.7)
    noise = rng.normal(scale=0.1, size=(2, n_steps))
    return np.c_[
        np.sin(tilt) + 0.5 * strength * np.cos(phase) + noise[0],
        np.cos(tilt) + strength * np.sin(phase) + noise[1],
    ]


rng = np.random.default_rng(0)
tables = []
for patient, gait in enumerate(np.repeat(list(GAITS), list(GAITS.values()))):
    own = rng.uniform(1.5, 2.2), rng.uniform(0.4, 0.8), rng.normal(scale=0.3)
    for visit in range(3):
        readings = walk(gait, *own, rng)
        readings[rng.random(readings.shape) < 0.05] = np.nan
        table = pd.DataFrame(readings, columns=["forward", "up"])
        table.insert(0, "second", np.arange(len(table)) / 10)
        tables.append(
            table.assign(recording=f"{patient}-{visit}", patient=patient, gait=gait)
        )
table = pd.concat(tables, ignore_index=True)
print(table.sample(5, random_state=0).to_string(index=False))

# %%
# ``from_long`` makes sequences of the rows, and gives class and patient of each.

X, y, patients = SequenceArray.from_long(
    table,
    by="recording",
    sort="second",
    columns=["forward", "up"],
    target="gait",
    groups="patient",
)
print(X)
print(pd.Series(y).value_counts().to_string())

# %%
# The network is told what is missing (``missing="indicator"``), and rare classes count
# as much as frequent ones (``class_weight="balanced"``). What is simple is a logistic
# regression on mean, deviation and range of each axis.


def summary(X):
    """Mean, standard deviation, minimum and maximum over the readings there are."""
    parts = np.nanmean, np.nanstd, np.nanmin, np.nanmax
    return np.array([np.hstack([part(x, axis=0) for part in parts]) for x in X])


models = {
    "summary, logistic regression": make_pipeline(
        FunctionTransformer(summary),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    ),
    "LSTM": make_pipeline(
        TimeDistributed(StandardScaler()),
        LSTMClassifier(
            32,
            missing="indicator",
            class_weight="balanced",
            pooling="mean",
            learning_rate_init=0.01,
            max_iter=60,
            random_state=0,
        ),
    ),
}

# %%
# Balanced accuracy is the mean of the shares that are right in each class: whoever
# always says "steady" has 0.25. A split that ignores patients puts recordings of a
# patient on both sides, and counts it as skill to know a patient again.

splits = {
    "patients on both sides": StratifiedKFold(4, shuffle=True, random_state=0),
    "new patients": StratifiedGroupKFold(4, shuffle=True, random_state=0),
}
balanced = "balanced_accuracy"
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for k, (name, model) in enumerate(models.items()):
    scores = [
        cross_val_score(model, X, y, groups=patients, cv=cv, scoring=balanced)
        for cv in splits.values()
    ]
    means, places = np.mean(scores, axis=1), np.arange(2) + 0.38 * (k - 0.5)
    for title, mean in zip(splits, means, strict=True):
        print(f"{name:29} {title:23} {mean:.3f}")
    bars = ax.bar(places, means, 0.36, label=name)
    ax.bar_label(bars, fmt="%.2f")
ax.axhline(0.25, color="0.5", linestyle="--", label="guessing")
ax.set_xticks(range(2), splits)
ax.set(ylabel="Balanced accuracy", ylim=(0, 1.3), yticks=np.linspace(0, 1, 6))
ax.legend(loc="upper center", ncols=3, fontsize="small")
plt.show()

# %%
# Which gaits are taken for which, each recording predicted by a network that does not
# know the patient.

predicted = cross_val_predict(
    models["LSTM"], X, y, groups=patients, cv=splits["new patients"]
)
print(classification_report(y, predicted, digits=2))

figure, ax = plt.subplots(figsize=(5, 4.4), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y, predicted, labels=list(GAITS), cmap="Blues", colorbar=False, ax=ax
)
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# Where a fit itself sets sequences aside to know when to stop
# (``early_stopping=True``), it needs the groups as well: :doc:`/user_guide/pipelines`.
