"""
Writing like Shakespeare
========================

:class:`~sklstm.LSTMLanguageModel` reads the first acts of Macbeth, character by
character, and says of each character how probable it is. Then it writes on by itself.
"""

# %%
# Scenes are documents. With ``contiguous=True`` all of them are one text, which is read
# in eight streams side by side. The last scenes, a quarter of the play, are kept.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMLanguageModel

# the gallery runs in the folder of this script
folder = Path(__file__).parent if "__file__" in globals() else Path()
play = (folder / "macbeth.txt").read_text(encoding="utf-8")
scenes = play.split("\n\n\n")
train, test = scenes[:19], scenes[19:]

model = LSTMLanguageModel(
    128,
    level="char",
    embedding_dim=32,
    dropout=0.2,
    contiguous=True,
    batch_size=8,
    tbptt=50,
    learning_rate_init=0.01,
    max_iter=12,
    random_state=0,
)
model.fit(train)

# %%
# How surprised is it by scenes that it has not read? In bits a character, the ends of
# scenes counted, beside two tables of counts that are made in a moment: how often each
# character is there, and how often it follows the one before.

tokens = {token: k for k, token in enumerate(model.vocabulary_)}
END = len(tokens)


def numbers(documents):
    """Characters of all documents and their ends, as numbers."""
    return np.array([k for scene in documents for k in [*map(tokens.get, scene), END]])


seen, asked = numbers(train), numbers(test)
counts = np.ones((END + 1, END + 1))
np.add.at(counts, (seen[:-1], seen[1:]), 1)
alone = counts.sum(axis=0) / counts.sum()
after = counts / counts.sum(axis=1, keepdims=True)
for name, bits in (
    ("each character alone", -np.log2(alone[asked]).mean()),
    ("after the one before", -np.log2(after[asked[:-1], asked[1:]]).mean()),
    ("LSTM", model.bits_per_character(test)),
):
    print(f"{name:22} {bits:.2f} bits a character")

# %%
# What it writes when somebody is to speak. At a low temperature it keeps to words that
# it is sure of, at a high one it makes up more of them.

for temperature in (0.4, 0.7, 1.0):
    (text,) = model.generate(
        250, prefix="MACBETH\n", temperature=temperature, random_state=1
    )
    print(f"---- temperature {temperature}\nMACBETH\n{text}\n")

# %%
# Where a line surprises it: where words begin, and within those that it has hardly met,
# but not at the ends of words it knows. The probability of each character is that of
# ``predict_step``, which reads one at a time.

line = "MACBETH\nTo-morrow, and to-morrow, and to-morrow,\nCreeps in this petty pace"
_, state = model.predict_step([None], model.initial_state())
bits = []
for before, character in zip(line, line[1:]):
    p, state = model.predict_step([before], state)
    bits.append(-np.log2(p[0, tokens[character]]))
bits, shown = bits[7:], line[8:].replace("\n", "/")

figure, ax = plt.subplots(figsize=(11, 3), layout="constrained")
starts = np.array([before in " /-" for before in f"/{shown}"[:-1]])
ax.bar(range(len(bits)), bits, color=np.where(starts, "C1", "C0"))
ax.set_xticks(range(len(bits)), shown, family="monospace")
ax.set_ylabel("Bits")
ax.set_title("Surprise at each character, beginnings of words in orange")
ax.margins(x=0.01)
plt.show()
