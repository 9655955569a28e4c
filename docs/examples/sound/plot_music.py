"""
Predict and compose music (chorales, several labels a step)
===========================================================

Chorales in four voices: at every beat :class:`~sklstm.LSTMTagger` gives each note the
probability that it sounds next. It then goes on by itself, beat after beat, and what it
has written is saved as MIDI.

Tags: tagging, multilabel, music, generation, streaming, ragged, generated data
"""

# %%
# The chorales are made by a few rules: chords that follow each other by habit, two
# beats each, and four where a phrase comes to rest; a bass on the root; three upper
# voices, each in its range, that go to a near note of the chord; and notes that pass
# between two chords. They are in four keys. A beat is a row of 36 zeros and ones, one
# for each note.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from sklstm import LSTMTagger

LOWEST, N_NOTES = 41, 36  # from F2 on, as numbers of MIDI
NOTES = np.arange(LOWEST, LOWEST + N_NOTES)
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
# degrees of the scale, and what follows them
AFTER = {0: [1, 3, 5], 1: [4, 4, 6], 3: [1, 4, 4], 4: [0, 0, 5], 5: [1, 3], 6: [0]}
RANGES = [(67, 76), (60, 66), (53, 59), (41, 52)]  # soprano to bass


def nearest(note, voice, key, degrees):
    """The note of these degrees of the scale, in a voice's range, next to a note."""
    low, high = RANGES[voice]
    at = NOTES[(NOTES >= low) & (NOTES <= high)]
    at = at[np.isin((at - key) % 12, SCALE[degrees])]
    return int(at[np.abs(at - note).argmin()])


def chorale(rng):
    """Which notes sound at each beat (T, 36)."""
    key, degree, beats = int(rng.choice([0, 2, 5, 7])), 0, []
    voices = [72, 63, 56]
    n_phrases, before = rng.integers(3, 5), None
    while n_phrases:
        degrees = [degree, (degree + 2) % 7, (degree + 4) % 7]
        leaps = rng.integers(-2, 3, size=3)
        upper = [nearest(note + leaps[v], v, key, degrees)
                 for v, note in enumerate(voices)]  # fmt: skip
        if beats and abs(voices[0] - upper[0]) in (3, 4):
            # the uppermost voice passes over the note between
            between = nearest((voices[0] + upper[0]) / 2, 0, key, list(range(7)))
            beats[-1] = [between, *beats[-1][1:]]
        rests = before == 4 and degree == 0
        beats += [[*upper, nearest(47, 3, key, [degree])]] * (4 if rests else 2)
        n_phrases -= rests
        voices, before, degree = upper, degree, int(rng.choice(AFTER[degree]))
    return np.array([np.isin(NOTES, notes) for notes in beats], dtype=float)


rng = np.random.default_rng(0)
chorales = [chorale(rng) for _ in range(350)]
train, test = chorales[:300], chorales[300:]


def shifted(rolls):
    """The beat before each beat, silence before the first."""
    return [np.vstack([np.zeros(N_NOTES), roll[:-1]]) for roll in rolls]


# %%
# What sounds at a beat is told from all beats before, so the network reads in one
# direction. Zeros and ones as ``y`` are several labels at a step.

model = LSTMTagger(
    64, bidirectional=False, learning_rate_init=0.01, max_iter=40, random_state=0
)
model.fit(shifted(train), train)

# %%
# How well notes are told is measured in nats: minus the logarithm of the probability of
# what sounded, summed over the notes of a beat. Beside it two models of notes that know
# nothing of each other: how often each of them sounds at all, and how often it does
# after a beat in which it sounded, or did not.


def nats(probabilities, rolls):
    """Negative log-likelihood a beat."""
    p, y = np.concatenate(list(probabilities)), np.concatenate(rolls)
    return -np.log(np.where(y == 1, p, 1 - p)).sum(axis=1).mean()


y, x = np.concatenate(train), np.concatenate(shifted(train))
alone = (y.sum(axis=0) + 0.5) / (len(y) + 1)
held = np.array(
    [((y * (x == s)).sum(axis=0) + 0.5) / ((x == s).sum(axis=0) + 1) for s in (0, 1)]
)
for name, probabilities in (
    ("how often a note sounds", [np.tile(alone, (len(roll), 1)) for roll in test]),
    ("the same after itself", [np.where(x == 1, *held[::-1]) for x in shifted(test)]),
    ("LSTM", model.predict_proba(shifted(test))),
):
    print(f"{name:24} {nats(probabilities, test):5.2f} nats a beat")

# %%
# The beginning of a test chorale, and how the network goes on: ``predict_step`` gives
# the log-odds of each note in the next beat, which is drawn from them and read in turn.
# They are divided by a temperature before: below 1 the network keeps to what it is sure
# of, above 1 it takes more chances.


def compose(model, given, n_more, temperature, rng):
    """The given beats, and as many more as asked for."""
    state, beat, beats = model.initial_state(), np.zeros(N_NOTES), []
    for t in range(len(given) + n_more):
        logits, state = model.predict_step(beat, state, method="decision_function")
        if t < len(given):
            beat = given[t]
        else:
            p = expit(logits[0] / temperature)
            beat = (rng.random(N_NOTES) < p).astype(float)
        beats.append(beat)
    return np.array(beats)


chosen = next(roll for roll in test if 57 <= len(roll) <= 65)
given, n_more = chosen[:16], len(chosen) - 16
in_key = np.isin(NOTES % 12, NOTES[chosen.any(axis=0)] % 12)
played = {}
for temperature in (0.5, 1.0):
    roll = compose(model, given, n_more, temperature, np.random.default_rng(1))
    drawn = roll[16:]
    print(
        f"temperature {temperature}: {drawn.sum() / n_more:.2f} notes a beat, "
        f"{drawn[:, in_key].sum() / drawn.sum():.0%} of them in the key"
    )
    played[temperature] = roll

# %%
# Most chords last two beats, and voices keep to their ranges. As each note is drawn for
# itself, a voice may be silent at times, or have two notes.

figure, axes = plt.subplots(3, 1, figsize=(8, 8.5), sharex=True, layout="constrained")
probabilities = model.predict_proba(shifted([chosen]))[0]
rolls = [*played.values(), probabilities]
titles = [f"Drawn from the line on, temperature {t}" for t in played]
titles.append("The chorale itself: probability of each note after the beats before")
names = {48: "C3", 60: "C4", 72: "C5"}
for ax, roll, title in zip(axes, rolls, titles):
    image = ax.imshow(
        roll.T, origin="lower", aspect="auto", cmap="Greys", vmin=0, vmax=1,
        extent=(0, len(roll), LOWEST - 0.5, LOWEST + N_NOTES - 0.5),
    )  # fmt: skip
    ax.set(title=title, ylabel="Note")
    ax.set_yticks(list(names), names.values())
for ax in axes[:2]:
    ax.axvline(len(given), color="C3")
axes[0].set_xlim(0, len(chosen))
beat, note = np.nonzero(chosen)
axes[2].plot(beat + 0.5, note + LOWEST, ".", color="C1", markersize=4, label="sounds")
axes[2].set_xlabel("Beat")
axes[2].legend(loc="lower right")
figure.colorbar(image, ax=axes, label="Probability")
plt.show()

# %%
# To hear it: a note that goes on from beat to beat is held. This needs `mido
# <https://mido.readthedocs.io>`_, which ``pip install mido`` brings.


def save_midi(roll, path, lowest=LOWEST, beats_a_minute=90):
    """Write a roll of zeros and ones, a beat a row, as a file of MIDI."""
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    tempo = mido.bpm2tempo(beats_a_minute)
    track.append(mido.MetaMessage("set_tempo", tempo=tempo))
    silence = np.zeros((1, roll.shape[1]))
    changes = np.diff(np.vstack([silence, roll, silence]), axis=0)
    waited = 0
    for change in changes:
        for kind, sign in (("note_off", -1), ("note_on", 1)):
            for note in (np.flatnonzero(change == sign) + lowest).tolist():
                message = mido.Message(kind, note=note, velocity=64, time=waited)
                track.append(message)
                waited = 0
        waited += file.ticks_per_beat
    file.save(path)
    return file.length


try:
    with TemporaryDirectory() as folder:
        seconds = save_midi(played[0.5], Path(folder) / "chorale.mid")
    print(f"a chorale of {seconds:.0f} seconds")
except ImportError:
    print("mido is not installed")
