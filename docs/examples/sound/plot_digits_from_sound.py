"""
Transcribe sound without alignment (dialled digits, CTC)
========================================================

A telephone number is dialled, and :class:`~sklstm.LSTMTranscriber` writes it down. It
learns from recordings and numbers alone: nothing says when a key was pressed, or for
how long.

Tags: transcription, sound, CTC, ragged, generated data
"""

# %%
# Each key of a telephone sounds two tones at once, one for its row and one for its
# column. Here they are held for 50 to 150 ms, with pauses between them, and there is
# noise on the line, in some recordings twice as loud as a tone.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMTranscriber
from sklstm.preprocessing import LogMel, TimeDistributed

RATE = 8000
KEYS = ["123", "456", "789", "*0#"]
TONES = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), KEYS, strict=True)
    for high, key in zip((1209, 1336, 1477), row, strict=True)
}


def dial(number, rng, noise=None):
    """The sound of a number, and when each key begins and ends, in seconds."""
    noise = rng.uniform(0.1, 1.5) if noise is None else noise
    pieces, times, now = [], [], 0.0
    for key in [None, *number]:
        if key is not None:
            seconds = rng.uniform(0.05, 0.15)
            t = np.arange(int(seconds * RATE)) / RATE
            phase = rng.uniform(0, 2 * np.pi, 2)
            pieces.append(
                sum(
                    np.sin(2 * np.pi * f * t + p)
                    for f, p in zip(TONES[key], phase, strict=True)
                )
            )
            times.append((now, now + seconds))
            now += seconds
        pause = rng.uniform(0.03, 0.15)
        pieces.append(np.zeros(int(pause * RATE)))
        now += pause
    sound = np.concatenate(pieces)
    return sound + noise * rng.standard_normal(len(sound)), np.array(times)


def numbers(n, rng):
    """Numbers of 3 to 7 digits."""
    return ["".join(rng.choice([*"0123456789"], rng.integers(3, 8))) for _ in range(n)]


rng = np.random.default_rng(0)
y_train, y_test = numbers(400, rng), numbers(200, rng)
X_train = [dial(number, rng)[0] for number in y_train]
X_test, times = zip(*(dial(number, rng) for number in y_test), strict=True)
print(y_test[:3], [f"{len(x) / RATE:.2f} s" for x in X_test[:3]])

# %%
# :class:`~sklstm.preprocessing.LogMel` makes frames of sound, one every 10 ms, and a
# network of both directions reads them. y is a list of strings, and each character is a
# label.

model = make_pipeline(
    LogMel(RATE, n_mels=32, win_length=0.032, fmin=600, fmax=1600),
    TimeDistributed(StandardScaler()),
    LSTMTranscriber(
        32, bidirectional=True, learning_rate_init=0.01, max_iter=20, random_state=0
    ),
)
model.fit(X_train, y_train)
heard = model.predict(X_test)
for number, said in zip(y_test[:5], heard[:5], strict=True):
    print(f"dialled {number:8} heard {said}")
print(f"label error rate: {1 - model.score(X_test, y_test):.2%}")


def all_right(heard, y):
    """Share of the numbers without an error."""
    return np.mean([a == b for a, b in zip(heard, y, strict=True)])


print(f"numbers without an error: {all_right(heard, y_test):.1%}")

# %%
# What is simple is told the tones, which the network has to find. In each frame it
# takes the strongest of the rows and of the columns, a key is down where the two have
# more than a share of all power, and two frames make a digit. The share is the best on
# the recordings to learn from.

FREQUENCIES = sorted({f for tones in TONES.values() for f in tones})
WINDOW = np.hanning(256)
WAVES = np.exp(-2j * np.pi * np.outer(np.arange(256) / RATE, FREQUENCIES))


def by_tones(sound, share):
    """The number, by the power of the seven tones."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::80] * WINDOW
    power = np.abs(frames @ WAVES) ** 2 / (256 * (frames**2).sum(axis=1, keepdims=True))
    rows, columns = power[:, :4], power[:, 4:]
    down = rows.max(axis=1) + columns.max(axis=1) > share
    keys = np.array([*map(list, KEYS)])[rows.argmax(axis=1), columns.argmax(axis=1)]
    number, run, before = "", 0, None
    for key in np.where(down, keys, ""):
        run = run + 1 if key == before else 1
        number += key if run == 2 else ""
        before = key
    return number


shares = np.linspace(0.05, 0.3, 11)
X_some, y_some = X_train[::4], y_train[::4]
right = [all_right([by_tones(x, share) for x in X_some], y_some) for share in shares]
share = shares[np.argmax(right)]
right = all_right([by_tones(x, share) for x in X_test], y_test)
print(f"by the power of the tones, more than {share:.2f}: {right:.1%}")

# %%
# ``align`` says where the digits of a known number are: the first and the last step of
# each, a short part of the tone where the network is sure. Above are the frames of one
# recording; below the probability of each label, and in grey when the keys were really
# down. At all other steps the blank is most probable: "nothing new".

i = int(np.argmax([len(number) for number in y_test]))
frames = model[:-1].transform(X_test[i : i + 1])
(path,) = model[-1].align(frames, y_test[i : i + 1])
(probabilities,) = model[-1].predict_proba(frames)
transcriber, hop = model[-1], model[0].hop_length_ / RATE

figure, (above, below) = plt.subplots(
    2, 1, figsize=(8, 5.5), sharex=True, layout="constrained"
)
seconds = np.arange(len(frames[0]) + 1) * hop - hop / 2
above.pcolormesh(seconds, np.arange(33), frames[0].T, cmap="magma")
bands = np.arange(0, 32, 6)
above.set_yticks(bands + 0.5, [f"{f:.0f}" for f in model[0].frequencies_[bands]])
above.set(
    ylabel="Hz", title=f"{y_test[i]}, heard as {model.predict(X_test[i : i + 1])[0]}"
)
for (begin, end), (first, last), digit in zip(times[i], path, y_test[i], strict=True):
    below.axvspan(begin, end, color="0.88")
    below.hlines(1.04, seconds[first], seconds[last + 1], color="k", linewidth=4)
    below.text((seconds[first] + seconds[last + 1]) / 2, 1.08, digit, ha="center")
for k, label in enumerate(transcriber.classes_):
    if label in y_test[i]:
        below.plot(seconds[:-1] + hop / 2, probabilities[:, k], label=label)
blank = probabilities[:, transcriber.blank_]
below.plot(seconds[:-1] + hop / 2, blank, color="0.6", linestyle=":", label="blank")
below.set(xlabel="Seconds", ylabel="Probability", ylim=(0, 1.2))
below.legend(loc="center left", bbox_to_anchor=(1, 0.5))
# sphinx_gallery_thumbnail_panels = [0, 1]
plt.show()

# %%
# How far the digits that are aligned lie from the keys that were pressed, on average:
# from the middle of one to the middle of the other.

paths = transcriber.align(model[:-1].transform(X_test), y_test)
gaps = [
    (np.array(path).mean(axis=1) * hop - true.mean(axis=1))
    for path, true in zip(paths, times, strict=True)
]
print(f"{1000 * np.abs(np.concatenate(gaps)).mean():.0f} ms")

# %%
# From a quiet line to one that is noisier than any in training. A search with a beam
# goes on with several numbers at a time, which helps a little where the network is in
# doubt. It can be chosen after the fit.

levels, right = (0.1, 0.5, 1.0, 1.5, 2.0), {"power of the tones": []}
for level in levels:
    X_level = [dial(number, rng, level)[0] for number in y_test]
    heard = [by_tones(x, share) for x in X_level]
    right["power of the tones"].append(all_right(heard, y_test))
    for beam_size in 1, 20:
        model.set_params(lstmtranscriber__beam_size=beam_size)
        so_far = right.setdefault(f"network, beam_size={beam_size}", [])
        so_far.append(all_right(model.predict(X_level), y_test))

figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name, shares in right.items():
    ax.plot(levels, shares, "o-", label=name)
    print(f"{name:22}", *(f"{value:6.1%}" for value in shares))
ax.axvspan(0.1, 1.5, color="0.93", label="in training")
ax.set(
    xlabel="Standard deviation of the noise; a tone has 0.7",
    ylabel="Numbers without an error",
    ylim=(0, 1.03),
)
ax.legend(loc="lower left")
plt.show()

# %%
# Whoever knows the tones needs no network: up to the noise of the training the decoder
# that is told them makes no error, and the network, which had to find them in four
# hundred recordings, makes some. Beyond it the decoder's threshold no longer fits, and
# it falls further than the network. Words, unlike keys, have no table of tones.
