"""
Language model, letter by letter (Shakespeare)
==============================================

:class:`~sklstm.LSTMLanguageModel` reads four acts of a play, one character at a time,
and says for each how probable it was. How well does it know the fifth act, and what
does it write itself?

Tags: language model, text, embeddings, generation, real data
"""

# %%
# Each speech, with who says it above, is a document. The documents are one text
# (``contiguous=True``): the network knows at the beginning of a speech the one before.
# Size, dropout and the number of epochs were chosen on the fourth act, by models of the
# first three.

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMLanguageModel
from sklstm.datasets import load_shakespeare

play = load_shakespeare()
speeches = [
    f"{speaker}\n{speech}"
    for speaker, speech in zip(play.target, play.data, strict=True)
]
train, test = speeches[: np.sum(play.act < 5)], speeches[np.sum(play.act < 5) :]
print(f"{sum(map(len, train))} characters to learn from, {sum(map(len, test))} to test")

model = LSTMLanguageModel(
    128,
    level="char",
    embedding_dim=32,
    contiguous=True,
    batch_size=16,
    dropout=0.3,
    learning_rate="cosine",
    learning_rate_init=0.01,
    max_iter=20,
    random_state=0,
)
model.fit(train)

# %%
# What is simple is to count which character follows the one, two or three before, and
# to add one to each count, so that nothing is impossible. The network is asked for the
# same: all characters and the end of each speech.

END = "\0"


def counted(order):
    """Bits per character of the fifth act by counts of the fourth and before."""

    def pairs(documents):
        text = END * order + "".join(document + END for document in documents)
        for i in range(order, len(text)):
            yield text[i - order : i], text[i]

    both = Counter(pairs(train))
    before = Counter(context for context, _ in pairs(train))
    V = len({character for _, character in both}) + 1  # and any other character
    p = [(both[a, b] + 1) / (before[a] + V) for a, b in pairs(test)]
    return -np.mean(np.log2(p))


print("bits per character of the fifth act")
for order in range(4):
    print(f"  counts, {order} characters before: {counted(order):.2f}")
print(f"  LSTM, all characters before: {model.bits_per_character(test):.2f}")

# %%
# A low temperature says what is most usual, again and again; at 1 characters are as
# frequent as they were learnt, and words are made up.

for temperature in (0.3, 0.7, 1.0):
    (text,) = model.generate(
        220, prefix="HAMLET\n", temperature=temperature, random_state=1
    )
    print(f"---- temperature {temperature}\n{text}\n")

# %%
# Where is it surprised? Three lines of the last act, each character in the colour of
# its probability. The beginnings of words are hard, and their ends easy.

(speech,) = (s for s in test if "Alas, poor Yorick" in s)
read = "HAMLET\n" + "\n".join(speech.split("\n")[2:5])
after = model.predict_proba([read[:i] for i in range(len(read))])
p = after[np.arange(len(read)), [model.vocabulary_.index(c) for c in read]]

figure, ax = plt.subplots(figsize=(8, 1.9), layout="constrained")
row, column = 0, 0
for character, log_p in zip(read, np.log2(p), strict=True):
    if character == "\n":
        row, column = row + 1, 0
        continue
    colour = plt.cm.RdYlGn(1 + max(log_p, -8) / 8)
    ax.add_patch(plt.Rectangle((column, -row), 1, 1, color=colour, lw=0, alpha=0.7))
    place = {"ha": "center", "va": "center", "family": "monospace"}
    ax.text(column + 0.5, 0.45 - row, character, **place)
    column += 1
ax.set(xlim=(0, max(map(len, read.split("\n")))), ylim=(-row, 1))
ax.axis("off")
scale = plt.cm.ScalarMappable(plt.Normalize(-8, 0), "RdYlGn")
figure.colorbar(scale, ax=ax, label="log2 p", alpha=0.7)
# sphinx_gallery_thumbnail_panels = "corner"
plt.show()
