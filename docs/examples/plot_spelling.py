"""
From spelling to sound
======================

:class:`~sklstm.LSTMSeq2Seq` learns how words are spoken, from pairs of a spelling and
its sounds. Attention shows which letters each sound comes from.
"""

# %%
# Italian is spoken as it is written, by a few rules: *c* before *e* or *i* is another
# sound than elsewhere, *ch* is a *k*, an *i* may only say how the *c* before it sounds,
# *gn* and *gli* are one sound each, and double letters are long. The words are made up
# of syllables, and their sounds are what the rules say.

import re

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMSeq2Seq
from sklstm.inspection import AlignmentDisplay

RULES = [
    ("gli(?=[aeou])|gl(?=i)", "ʎ"),
    ("gn", "ɲ"),
    ("sci(?=[aou])|sc(?=[ei])", "ʃ"),
    ("cci(?=[aou])|cc(?=[ei])", "tʃː"),
    ("ci(?=[aou])|c(?=[ei])", "tʃ"),
    ("ggi(?=[aou])|gg(?=[ei])", "dʒː"),
    ("gi(?=[aou])|g(?=[ei])", "dʒ"),
    ("cch(?=[ei])|cc", "kː"),
    ("ch|c", "k"),
    ("gh", "ɡ"),
    ("g", "ɡ"),
    ("qu", "kw"),
    ("zz", "tsː"),
    ("z", "ts"),
    (r"([bdflmnprstv])\1", r"\1ː"),
    ("[a-z]", r"\g<0>"),
]


def spoken(word):
    """The sounds of a word."""
    sounds = []
    while word:
        for pattern, sound in RULES:
            if found := re.match(pattern, word):
                sounds.append(found.expand(sound))
                word = word[found.end() :]
                break
    return sounds


rng = np.random.default_rng(0)
ONSETS = (
    "b br c cc ch cch ci cci cr d f ff fr g gg gh gi ggi gli gn gr l ll m mm n nn p pp "
    "pr qu r rr s sc sci sp st t tt tr v z zz"
).split()
VOWELS = list("aeiou") * 4 + ["ao", "ea", "ia", "io", "uo"]


def made_up():
    """A word of two to four syllables."""
    word = ""
    for k in range(rng.integers(2, 5)):
        onset = str(rng.choice(ONSETS))
        if k == 0 and onset[0] == onset[1:2]:
            onset = onset[1:]
        allowed = "aeiou"
        if onset in ("ch", "cch", "gh"):
            allowed = "ei"
        elif onset in ("ci", "cci", "gi", "ggi", "sci", "gli"):
            allowed = "aou"
        word += onset + str(rng.choice([v for v in VOWELS if v[0] in allowed]))
        if k == 0:
            word += str(rng.choice(["", "", "", "n", "r"]))
    return word


words = list(dict.fromkeys(made_up() for _ in range(3000)))
sounds = [spoken(word) for word in words]
train, test = slice(0, 2400), slice(2400, None)

# %%
# Letters go in, lists of sounds come out. ``score`` is the share of the words of which
# every sound is right.

model = LSTMSeq2Seq(64, learning_rate_init=0.01, max_iter=12, random_state=0)
model.fit(words[train], sounds[train])
print(f"{model.score(words[test], sounds[test]):.1%} of the words are right")

# %%
# Words that are Italian indeed, none of which it has seen:

menu = ["gnocchi", "spaghetti", "ciabatta", "tagliatelle", "bruschetta", "prosciutto"]
for word, said in zip(menu, model.predict(menu)):
    remark = "" if list(said) == spoken(word) else f"  but {' '.join(spoken(word))}"
    print(f"{word:12} {' '.join(said)}{remark}")

# %%
# The decoder follows some hypotheses side by side, a beam, and tells how probable they
# are. With a word that is not spelt as Italian words are it is less sure:

for word in ("ciao", "whisky"):
    for log_p, said in model.predict_n_best([word], n=3)[0]:
        print(f"{word:12} {np.exp(log_p):6.1%}  {' '.join(said)}")

# %%
# Where it looks when it says a sound. Nobody has told it which letters these are.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for ax, word in zip(axes, ("gnocchi", "tagliatelle")):
    AlignmentDisplay.from_estimator(model, word, ax=ax)
plt.show()
