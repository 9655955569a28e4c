"""
Streaming: how soon is the speaker known?
=========================================

Steps come one at a time, and a prediction is wanted after each of them.
``predict_step`` reads a step and returns the prediction and the state to go on from; it
never reads a step twice.
"""

# %%
# The network is trained on whole utterances, as usual.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
scaler = TimeDistributed(StandardScaler()).fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
model = LSTMClassifier(random_state=0).fit(X_train, y_train)
print(f"test accuracy on whole utterances: {model.score(X_test, y_test):.3f}")

# %%
# Now the test utterances step by step, as a microphone would bring them. What is said
# of the steps so far is, to the bit, what ``predict_proba`` says of them.


def stream(x):
    """Probabilities of the speakers after every step of x."""
    state, probabilities = model.initial_state(), []
    for step in x:
        p, state = model.predict_step(step, state, method="predict_proba")
        probabilities.append(p[0])
    return np.array(probabilities)


start = perf_counter()
streams = [stream(x) for x in X_test.to_list()]
microseconds = 1e6 * (perf_counter() - start) / len(X_test.data)
print(f"{len(X_test.data)} steps, {microseconds:.0f} µs each")

x = X_test[0]
prefixes = [x[: t + 1] for t in range(len(x))]
print("the same bits:", np.array_equal(streams[0], model.predict_proba(prefixes)))

# %%
# On the left one utterance: after the first step no speaker stands out, after five
# there is little doubt. On the right the share of all test utterances whose speaker is
# the most probable one after t steps; an utterance that is over keeps its last
# prediction.

longest = X_test.lengths.max()
right = np.empty((len(X_test), longest))
for row, (probabilities, speaker) in enumerate(zip(streams, y_test, strict=True)):
    correct = model.classes_[probabilities.argmax(axis=1)] == speaker
    right[row, : len(correct)] = correct
    right[row, len(correct) :] = correct[-1]

chosen = 200
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
steps = np.arange(1, len(streams[chosen]) + 1)
for k, speaker in enumerate(model.classes_):
    of_speaker = speaker == y_test[chosen]
    style = {"linewidth": 2.5} if of_speaker else {"linewidth": 1, "alpha": 0.7}
    label = f"{speaker}, who it is" if of_speaker else f"{speaker}"
    axes[0].plot(steps, streams[chosen][:, k], label=label, **style)
axes[0].set(title="One utterance", xlabel="Steps heard", ylabel="Probability")
axes[0].legend(title="Speaker", fontsize="small")
axes[1].plot(np.arange(1, longest + 1), right.mean(axis=0), "o-")
axes[1].axhline(1 / 9, color="0.6", linestyle="--", label="guessing")
axes[1].set(title="All test utterances", xlabel="Steps heard", ylabel="Accuracy")
axes[1].set_ylim(0, 1)
axes[1].legend()
plt.show()
