"""
Detect anomalies in recordings (a fleet of machines)
====================================================

Forty machines, each with three sensors, have been recorded while they were well. A
detector learns what is normal from some of them, finds its thresholds on others, and
then looks at a week in which some machines break: which, when, and at which sensor.

Tags: anomaly detection, sensors, groups, ragged, generated data
"""

# %%
# The fleet is generated. Load goes up and down in shifts; heat follows it slowly;
# vibration belongs to the speed, which follows the load at once. Every machine has its
# own level and its own phase.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

from sklstm import LSTMAnomalyDetector
from sklstm.inspection import AnomalyDisplay
from sklstm.sequences import SequenceArray

rng = np.random.default_rng(0)
SENSORS = ["load", "heat", "vibration"]


def machine(n_steps):
    """Load, heat and vibration of one recording."""
    t = np.arange(n_steps) + rng.uniform(0, 48)
    load = np.clip(np.sin(t / 7.6), -0.6, 0.8) + 0.03 * rng.standard_normal(n_steps)
    heat = np.zeros(n_steps)
    for k in range(1, n_steps):
        heat[k] = 0.9 * heat[k - 1] + 0.1 * load[k]
    vibration = 0.3 * (load + 1) * (1 + 0.1 * rng.standard_normal(n_steps))
    noise = 0.01 * rng.standard_normal(n_steps)
    return np.c_[load, 60 + 20 * (heat + noise), vibration]


recordings = [machine(rng.integers(150, 300)) for _ in range(80)]
machines = np.repeat(np.arange(40), 2)  # two recordings of each machine


def named(sequences):
    sequences = SequenceArray.from_list(sequences)
    return SequenceArray(sequences.data, sequences.offsets, feature_names=SENSORS)


X = named(recordings)

# %%
# With ``groups``, all recordings of a machine are on the same side: the thresholds come
# from machines that the network has never seen, as those will be that it is used on.

model = LSTMAnomalyDetector(32, random_state=0).fit(X, groups=machines)
print(
    f"threshold of a recording {model.offset_:.2f}, of a step {model.step_offset_:.1f}"
)

# %%
# Then twenty recordings of a week. In ten of them something breaks in the middle: a
# valve of the cooling sticks, or a belt slips, so that from then on heat or vibration
# follows the load twelve steps late. Each value is one that a healthy machine has too.

week = [machine(200) for _ in range(20)]
for k, x in enumerate(week[:10]):
    sensor = 1 if k % 2 else 2
    x[100:, sensor] = x[88:-12, sensor].copy()
week = named(week)
is_broken = np.arange(20) < 10
labels = model.predict(week)
found, false_alarms = np.sum(labels[:10] == -1), np.sum(labels[10:] == -1)
print(f"found {found} of 10, false alarms {false_alarms} of 10")

# %%
# Beside it what is simple: how far each value is from the mean of its sensor, in
# standard deviations, of which a recording has the average. It does not know what
# belongs together, or when.

mean, std = X.data.mean(axis=0), X.data.std(axis=0)
distance = np.array([np.abs((x - mean) / std).max(axis=1).mean() for x in week])
for name, score in (
    ("detector", -model.score_samples(week)),
    ("distance from the mean", distance),
):
    print(f"{name:22} ROC AUC {roc_auc_score(is_broken, score):.3f}")

# %%
# When: the first step that is flagged after the break. Where: the sensor that has most
# of the scores from there on.

labels = model.predict_steps(week[:4])
contributions = model.feature_contributions(week[:4])
for k in range(4):
    flagged = np.flatnonzero(labels[k][100:] == -1)
    share = np.sum(contributions[k][100:], axis=0)
    sensor = SENSORS[share.argmin()]  # scores are negative
    print(f"machine {k}: {flagged[0]} steps after it broke, {sensor}")

# %%
# One of them, with the steps that are flagged.

AnomalyDisplay.from_estimator(model, week).plot()
# sphinx_gallery_thumbnail_panels = [1]
plt.show()
