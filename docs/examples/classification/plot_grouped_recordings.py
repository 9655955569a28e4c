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
# The table is generated: how 44 patients walk, by a sole that measures duration and
# length of each step. More than half of them walk steadily. Others limp (every second
# step is slower), tire (steps become slower) or hurry (a few times steps become faster
# and shorter). Each patient has a pace, a length of step and a spread of their own, and
# is recorded three times. One reading of twenty is missing.

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

GAITS = {"steady": 24, "limp": 10, "tire": 6, "hurry": 4}  # patients of each


def walk(gait, duration, length, spread, rng):
    """Duration and length of each step of one recording, relative to the patient's."""
    n_steps = rng.integers(30, 90)
    t = np.arange(n_steps)
    slower, shorter = spread * rng.normal(size=(2, n_steps))
    if gait == "limp":
        slower += 0.08 * (-1) ** t
    if gait == "tire":
        slower += np.linspace(-0.1, 0.1, n_steps)
    if gait == "hurry":
        for start in rng.integers(0, n_steps - 10, size=2):
            slower[start : start + 8] -= np.linspace(0, 0.25, 8)
            shorter[start : start + 8] += np.linspace(0, 0.25, 8)
    return np.c_[duration * (1 + slower), length * (1 - shorter)]


rng = np.random.default_rng(0)
tables = []
for patient, gait in enumerate(np.repeat(list(GAITS), list(GAITS.values()))):
    own = rng.uniform(0.45, 0.7), rng.uniform(0.5, 0.8), rng.uniform(0.04, 0.08)
    for visit in range(3):
        readings = walk(gait, *own, rng)
        readings[rng.random(readings.shape) < 0.05] = np.nan
        table = pd.DataFrame(readings, columns=["duration", "length"])
        table.insert(0, "step", np.arange(len(table)))
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
    sort="step",
    columns=["duration", "length"],
    target="gait",
    groups="patient",
)
print(X)
print(pd.Series(y).value_counts().to_string())

# %%
# The network is told what is missing (``missing="indicator"``), and rare classes count
# as much as frequent ones (``class_weight="balanced"``). It gets the readings as they
# are, or each relative to the mean of its recording. What is simple is a logistic
# regression on deviation, minimum and maximum of the latter.


def relative(X):
    """Each reading relative to the mean of its recording."""
    return [x / np.nanmean(x, axis=0) - 1 for x in X]


def summary(X):
    """Standard deviation, minimum and maximum of what is not missing."""
    parts = np.nanstd, np.nanmin, np.nanmax
    return np.array([np.hstack([part(x, axis=0) for part in parts]) for x in X])


network = LSTMClassifier(
    32,
    missing="indicator",
    class_weight="balanced",
    batch_size=16,
    learning_rate_init=0.01,
    max_iter=40,
    random_state=0,
)
models = {
    "summary, logistic regression": make_pipeline(
        FunctionTransformer(relative),
        FunctionTransformer(summary),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    ),
    "LSTM": make_pipeline(TimeDistributed(StandardScaler()), network),
    "LSTM, relative": make_pipeline(
        FunctionTransformer(relative), TimeDistributed(StandardScaler()), network
    ),
}

# %%
# Balanced accuracy is the mean of the shares that are right in each class: whoever
# always says "steady" has 0.25. A split that ignores patients puts recordings of a
# patient on both sides, and counts it as skill to know a patient again.

mixed = StratifiedKFold(4, shuffle=True, random_state=0)
grouped = StratifiedGroupKFold(4, shuffle=True, random_state=0)
folds = {
    "patients on both sides": list(mixed.split(y, y)),
    "new patients": list(grouped.split(y, y, groups=patients)),
}
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for k, (name, model) in enumerate(models.items()):
    means = [
        cross_val_score(model, X, y, cv=cv, scoring="balanced_accuracy").mean()
        for cv in folds.values()
    ]
    print(f"{name:29}", *(f"{t} {m:.2f}  " for t, m in zip(folds, means, strict=True)))
    bars = ax.bar(np.arange(2) + 0.28 * (k - 1), means, 0.26, label=name)
    ax.bar_label(bars, fmt="%.2f")
ax.axhline(0.25, color="0.5", linestyle="--", label="guessing")
ax.set_xticks(range(2), folds)
ax.set(ylabel="Balanced accuracy", ylim=(0, 1.4), yticks=np.linspace(0, 1, 6))
ax.legend(loc="upper center", ncols=2, fontsize="small")
plt.show()

# %%
# On readings as they are the network learns to know patients by their pace: that it
# fails with new ones, only the split by patient shows. Relative to the recording there
# is nothing to know them by, and the order of the steps is left.
#
# Which gaits are taken for which, each recording predicted by a network that does not
# know the patient.

predicted = cross_val_predict(models["LSTM, relative"], X, y, cv=folds["new patients"])
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
