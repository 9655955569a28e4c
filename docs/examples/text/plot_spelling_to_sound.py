"""
Sequence to sequence with attention (spelling to phones)
========================================================

How is a word said that one has never seen? :class:`~sklstm.LSTMSeq2Seq` learns from
9000 English words which letters make which phones.

Tags: sequence to sequence, text, attention, ragged, real data
"""

# %%
# Letters go in, phones come out, and there are neither as many of them nor does
# anything say which belong together. Numbers of vowels are their stress.

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMSeq2Seq
from sklstm.datasets import load_pronunciations
from sklstm.inspection import AlignmentDisplay

X_train, y_train = load_pronunciations(subset="train", return_X_y=True)
X_test, y_test = load_pronunciations(subset="test", return_X_y=True)
for word, phones in zip(X_train[5:8], y_train[5:8], strict=True):
    print(word, "is said", *phones)

# %%
# All settings were chosen on a ninth of the words to learn from.

model = LSTMSeq2Seq(
    128,
    dropout=0.3,
    batch_size=64,
    learning_rate="cosine",
    learning_rate_init=0.005,
    max_iter=10,
    random_state=0,
)
model.fit(X_train, y_train)

# %%
# The simplest there is gives each letter its most frequent phone, as counted in words
# with as many phones as letters. An answer is right if all of its phones are. Beside it
# the share that is right without regard to stress.

counts = {}
for word, phones in zip(X_train, y_train, strict=True):
    if len(word) == len(phones):
        for letter, phone in zip(word, phones, strict=True):
            counts.setdefault(letter, Counter())[phone] += 1
usual = {letter: count.most_common(1)[0][0] for letter, count in counts.items()}
by_letter = [[usual[letter] for letter in word if letter in usual] for word in X_test]


def without_stress(answers):
    return [[phone.rstrip("012") for phone in phones] for phones in answers]


def right(said, wanted):
    return np.mean([a == b for a, b in zip(said, wanted, strict=True)])


said = model.predict(X_test)
for name, answers in [("letter by letter", by_letter), ("LSTMSeq2Seq", said)]:
    whole = right(answers, y_test)
    without = right(without_stress(answers), without_stress(y_test))
    print(f"{name:16} {whole:5.1%} right, {without:5.1%} without stress")

# %%
# The share that is right is ``model.score(X_test, y_test)``. Some words of the test
# part, and where the network goes wrong:

for word, phones, wanted in list(zip(X_test, said, y_test, strict=True))[40:740:100]:
    print(f"{word:14} {' '.join(phones):36}", end="")
    print("" if phones == wanted else f"not {' '.join(wanted)}")

# %%
# "read" is in neither part, and is said in two ways. The best answers, with their
# probabilities:

for log_p, phones in model.predict_n_best(["read"], n=4)[0]:
    print(f"{np.exp(log_p):5.1%}  {' '.join(phones)}")

# %%
# Which letters the decoder looked at for each phone, in a word that it has not seen.

AlignmentDisplay.from_estimator(model, "photographer")
plt.show()
