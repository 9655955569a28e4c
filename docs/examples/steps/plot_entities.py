"""
Find names in sentences (named entities, CRF)
=============================================

Who, where, which company and when: :class:`~sklstm.LSTMTagger` marks the names in a
text, also those that it has never seen, by the words around them.

Tags: tagging, text, CRF, ragged, generated data
"""

# %%
# The text is made by a few rules. Half of the names in the test part do not occur in
# the training part. Some words are of several kinds: "Arden" is a person, a town or
# part of a company, "May" a month or a woman. Tags are those of the scheme BIO: "B-"
# begins a name, "I-" goes on inside it, "O" is everything else.

from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklstm import LSTMTagger
from sklstm.inspection import TagDisplay
from sklstm.preprocessing import TokenEncoder

FIRST = """Ada Otis Mira Jonas May Lena Tariq Inga Bruno Yara Ansel June Petra Idris
    Nora Emil Salma Viggo April Kenji Rosa Milan Freya Omar Clara Hugo Leila
    Arne""".split()
LAST = """Arden Holm Lund Castell Brandt Okafor Moreau Vance Tanaka Ritter Salas Novak
    Perrin Haddad Ekberg Quist Lowell Marsh Bellini Kovacs Thorne Yilmaz Duarte Falk
    Sorel Winter""".split()
TOWN = """Arden Holm Lund Castell Tarnow Velia Orrin Calder Sable Menton Ostra Kirin
    Brisa Dunmore Falk Wexley Marsh Thorne Aldea Norrby Pella Vik""".split()
TEMPLATES = """PER was born in LOC
    PER moved from LOC to LOC in DATE
    PER has worked for ORG since DATE
    ORG opened an office in LOC
    in DATE , ORG bought ORG
    PER and PER met in LOC
    the mayor of LOC thanked PER
    ORG said that PER would leave in DATE
    PER , who lives in LOC , joined ORG
    according to PER , ORG lost money in DATE
    nobody in LOC had heard of PER
    the train to LOC was late
    PER called PER on DATE
    shares of ORG fell by a fifth
    it rained in LOC until DATE
    they wrote to PER about ORG
    the river near LOC rose in DATE
    Dr PER retired in DATE""".splitlines()
MONTH = "January March April May June August October December".split()


def pick(rng, names, part):
    """A name: in the test any, in training one of the first half, most of them rare."""
    if part == "test":
        return str(rng.choice(names))
    share = 1 / np.arange(1, len(names) // 2 + 1) ** 2
    return str(rng.choice(names[: len(share)], p=share / share.sum()))


def entity(rng, kind, part):
    """The words of a name of this kind."""
    first, last, town = (pick(rng, names, part) for names in (FIRST, LAST, TOWN))
    day, year = rng.integers(1, 29), rng.integers(1950, 2025)
    forms = {
        "PER": [f"{first} {last}", f"{first} {last}", first, last],
        "LOC": [town, town, f"New {town}", f"Port {town}"],
        "ORG": [f"{last} & {pick(rng, LAST, part)}", f"{town} Bank", f"{last} Motors",
                f"University of {town}", last],
        "DATE": [f"{rng.choice(MONTH)}", f"{rng.choice(MONTH)} {year}",
                 f"{day} {rng.choice(MONTH)} {year}", f"{year}"],
    }  # fmt: skip
    return str(rng.choice(forms[kind])).split()


def sentence(rng, part):
    """Words and tags of one or two clauses."""
    clauses = rng.choice(TEMPLATES, size=rng.integers(1, 3), replace=False)
    words, tags = [], []
    for word in f" {rng.choice(['and', 'but', ';'])} ".join(clauses).split():
        if word in ("PER", "LOC", "ORG", "DATE"):
            name = entity(rng, word, part)
            words += name
            tags += [f"B-{word}"] + [f"I-{word}"] * (len(name) - 1)
        else:
            words.append(word)
            tags.append("O")
    return [*words, "."], [*tags, "O"]


rng = np.random.default_rng(0)
X_train, y_train = zip(*(sentence(rng, "train") for _ in range(1500)), strict=True)
X_test, y_test = zip(*(sentence(rng, "test") for _ in range(500)), strict=True)
for word, tag in zip(X_train[3], y_train[3], strict=True):
    print(f"{word:12} {tag}")

# %%
# ``TokenEncoder`` gives an id to every word that is in ten sentences or more. All rarer
# ones have the id of unknown words, which so learns from rare names and from years what
# a word is like that nobody knows. The tagger learns a vector for each id, reads each
# sentence in both directions, and has a conditional random field on top, which knows
# the scheme.

model = make_pipeline(
    TokenEncoder(min_df=10),
    LSTMTagger(32, embedding_dim=32, dropout=0.3, max_iter=20, random_state=0),
)
model.fit(X_train, y_train)
known = model[0].vocabulary_
unknown = {word for words in X_train for word in words if word not in known}
print(f"{len(known)} words are known, {len(unknown)} of the training part are not:")
print(", ".join(sorted(word for word in unknown if word.isalpha())))

# %%
# An entity counts as found if its first word, its last word and its kind are right. The
# baseline gives each word the tag that it has most often in the training part, and "O"
# to a word that it has not seen.


def entities(tags):
    """(begin, end, kind) of the entities."""
    found = set()
    for begin, tag in enumerate(tags):
        if tag[0] == "B":
            end = begin + 1
            while end < len(tags) and tags[end] == f"I-{tag[2:]}":
                end += 1
            found.add((begin, end, tag[2:]))
    return found


def f1(y_true, y_predicted):
    """Harmonic mean of precision and recall of whole entities."""
    pairs = [
        (entities(a), entities(b)) for a, b in zip(y_true, y_predicted, strict=True)
    ]
    found = sum(len(true & predicted) for true, predicted in pairs)
    return 2 * found / sum(len(true) + len(predicted) for true, predicted in pairs)


counts = defaultdict(Counter)
for words, tags in zip(X_train, y_train, strict=True):
    for word, tag in zip(words, tags, strict=True):
        counts[word][tag] += 1
usual = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
independent = make_pipeline(
    TokenEncoder(min_df=10),
    LSTMTagger(
        32, embedding_dim=32, dropout=0.3, crf=False, max_iter=20, random_state=0
    ),
).fit(X_train, y_train)
predictions = {
    "most frequent tag": [[usual.get(word, "O") for word in words] for words in X_test],
    "LSTM, crf=False": independent.predict(X_test),
    "LSTM with CRF": model.predict(X_test),
}
new = [any(word not in counts for word in words) for words in X_test]
print("F1 of entities      all   of sentences with new words")
for name, predicted in predictions.items():
    of_new = f1(
        [tags for tags, is_new in zip(y_test, new, strict=True) if is_new],
        [tags for tags, is_new in zip(predicted, new, strict=True) if is_new],
    )
    print(f"{name:18} {f1(y_test, predicted):.3f}   {of_new:.3f}")

# %%
# Some sentences of the test part, coloured by the tags that are predicted. The more
# probable a tag, the stronger its colour.

TagDisplay.from_estimator(model, X_test[:4]).plot()
# sphinx_gallery_thumbnail_panels = "corner"
plt.show()

# %%
# A sentence as the network reads it, and what it says. In brackets the words that are
# unknown to it.

short = [i for i, words in enumerate(X_test) if len(words) <= 22]
i = max(short, key=lambda i: sum(word not in known for word in X_test[i]))
read = model[0].inverse_transform(model[0].transform(X_test[i : i + 1]))[0]
labels = [
    word if word == token else f"[{word}]"
    for word, token in zip(X_test[i], read, strict=True)
]
marginals = model.predict_proba(X_test[i : i + 1])[0]
classes = model[-1].classes_
print(" ".join(labels))

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
image = ax.imshow(marginals.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
true = np.searchsorted(classes, y_test[i])
ax.plot(true, "o", color="C1", markersize=5, label="true tag")
ax.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
ax.set_yticks(range(len(classes)), classes)
ax.set(xlabel="Word", ylabel="Tag", title="Probability of each tag at each word")
ax.legend(loc="center")
figure.colorbar(image, ax=ax)
plt.show()

# %%
# What the random field has learnt: the score of each tag after each other one. What the
# scheme forbids is crossed out, because its score is minus infinity: a name of one kind
# does not go on as another. Names begin after "O", and seldom right after a name.

scores = model[-1].transitions_
size = np.abs(scores[np.isfinite(scores)]).max()
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
image = ax.imshow(
    np.where(np.isfinite(scores), scores, np.nan), cmap="RdBu", vmin=-size, vmax=size
)
row, column = np.nonzero(np.isinf(scores))
ax.plot(column, row, "x", color="0.6", label="forbidden")
ax.set_xticks(range(len(classes)), classes, rotation=60, ha="right")
ax.set_yticks(range(len(classes)), classes)
ax.set(xlabel="Tag", ylabel="Tag before", title="Scores of transitions")
figure.colorbar(image, ax=ax)
plt.show()
