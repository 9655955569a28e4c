"""
Classify step by step as a stream comes in (speakers)
=====================================================

Steps come one at a time, and a prediction is wanted after each of them.
``predict_step`` reads a step and returns the prediction and the state to go on from; it
never reads a step twice. How soon is it known which of nine men says a vowel?

Tags: classification, streaming, ragged, sound, real data
"""

# %%
# The network is trained on whole utterances, as usual. A stream is then scaled by the
# first step of the pipeline, which has no memory and can do so step by step or at once,
# and read by the last one.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
model = make_pipeline(TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0))
model.fit(X_train, y_train)
print(f"test accuracy on whole utterances: {model.score(X_test, y_test):.3f}")
network, scaled = model[-1], model[:-1].transform(X_test)

# %%
# Now the test utterances step by step, as a microphone would bring them. What is said
# of the steps so far is, to the bit, what ``predict_proba`` says of them.


def stream(x):
    """Probabilities of the speakers after every step of x."""
    state, probabilities = network.initial_state(), []
    for step in x:
        p, state = network.predict_step(step, state, method="predict_proba")
        probabilities.append(p[0])
    return np.array(probabilities)


start = perf_counter()
streams = [stream(x) for x in scaled]
microseconds = 1e6 * (perf_counter() - start) / len(scaled.data)
print(f"{len(scaled.data)} steps, {microseconds:.0f} µs each")

prefixes = [X_test[0][: t + 1] for t in range(len(X_test[0]))]
print("the same bits:", np.array_equal(streams[0], model.predict_proba(prefixes)))

# %%
# A network that has learned from whole utterances does not know what to make of a few
# steps. One that has also learned from their beginnings does. And what is simple can be
# streamed as well: a logistic regression on the mean of the steps so far.

early = make_pipeline(TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0))
parts = [x[:t] for t in (1, 2, 4, 8, None) for x in X_train]
early.fit(parts, np.tile(y_train, 5))


def means(x):
    """Mean of the steps so far, after every step of x."""
    return np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, np.newaxis]


baseline = LogisticRegression(max_iter=1000)
baseline.fit(
    np.vstack([means(x) for x in X_train]), np.repeat(y_train, X_train.lengths)
)
baseline_streams = [baseline.predict_proba(means(x)) for x in X_test]

# %%
# On the left one utterance, as the first network hears it: after the first step no
# speaker stands out, after five there is little doubt. On the right the share of all
# test utterances whose speaker is the most probable one after t steps; an utterance
# that is over keeps its last prediction.

longest = X_test.lengths.max()


def accuracy_so_far(streams):
    """Share of the utterances whose speaker is found, after 1, 2, ... steps."""
    right = np.empty((len(streams), longest))
    for row, (probabilities, speaker) in enumerate(zip(streams, y_test, strict=True)):
        correct = model.classes_[probabilities.argmax(axis=1)] == speaker
        right[row, : len(correct)] = correct
        right[row, len(correct) :] = correct[-1]
    return right.mean(axis=0)


chosen = 200
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
steps = np.arange(1, len(streams[chosen]) + 1)
for k, speaker in enumerate(model.classes_):
    of_speaker = speaker == y_test[chosen]
    style = {"linewidth": 2.5} if of_speaker else {"linewidth": 1, "alpha": 0.7}
    label = f"{speaker}, who it is" if of_speaker else f"{speaker}"
    axes[0].plot(steps, streams[chosen][:, k], label=label, **style)
axes[0].set(title="One utterance", xlabel="Steps heard", ylabel="Probability")
axes[0].legend(title="Speaker", fontsize="small")
early_streams = [
    early.predict_proba([x[: t + 1] for t in range(len(x))]) for x in X_test
]
for name, of_all in (
    ("LSTM", streams),
    ("and beginnings", early_streams),
    ("mean so far", baseline_streams),
):
    accuracy = accuracy_so_far(of_all)
    axes[1].plot(np.arange(1, longest + 1), accuracy, "o-", markersize=4, label=name)
    print(f"{name:15}", *(f"{t} steps {accuracy[t - 1]:.2f} " for t in (1, 5, 10, 29)))
axes[1].axhline(1 / 9, color="0.6", linestyle="--", label="guessing")
axes[1].set(title="All test utterances", xlabel="Steps heard", ylabel="Accuracy")
axes[1].set_ylim(0, 1)
axes[1].legend()
# sphinx_gallery_thumbnail_panels = [1]
plt.show()

# %%
# To learn from beginnings gains the first steps, and costs a little at the end. Between
# them the mean so far is the best of the three: who speaks is written in the spectrum,
# and the order of the steps tells little
# (:doc:`/auto_examples/model_selection/plot_learning_curves`).
