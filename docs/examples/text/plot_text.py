"""
Classify texts, beside TF-IDF (topic and opinion)
=================================================

An LSTM that learns vectors of words, beside counts of words and pairs of words with a
logistic regression. Two questions about the same reviews: what are they about, and what
do they say?

Tags: classification, text, embeddings, ragged, learning curves, generated data
"""

# %%
# The reviews are made by a few rules. What they are about is in their nouns. What they
# say is in the order of their words: "not" turns an opinion round, also from some words
# away, and of two opinions the one after "but", or the one that "although" does not
# introduce, is the verdict.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier
from sklstm.preprocessing import TokenEncoder

NOUNS = {
    "film": "film plot cast score dialogue ending camera scene director editing",
    "hotel": "hotel room bed lobby pool view desk shower lift porter",
    "book": "book novel chapter style hero prose index cover preface translation",
    "meal": "meal soup waiter dessert wine menu sauce bread kitchen starter",
}
WORDS = {
    True: "good fine lovely splendid clever charming superb bright warm rich".split(),
    False: "bad dull poor dreadful stupid tedious awful bleak cold thin".split(),
}
ASIDES = [
    "", "", "", "that everybody talks about", "which we had heard of before",
    "of all things", "that my sister had praised", "on that rainy evening",
]  # fmt: skip
BETWEEN = ["", "", "at all", "to my mind", "in the end", "even for a moment"]


def opinion(rng, nouns, good):
    """A clause that says something good, or bad."""
    aside, between = rng.choice(ASIDES), rng.choice(BETWEEN)
    verb = rng.choice(["was", "seemed", "felt"])
    negated = rng.random() < 0.4
    word = rng.choice(WORDS[good != negated])
    said = f"{verb} {'not' if negated else ''} {between} {word}"
    return f"the {rng.choice(nouns)} {aside} {said}"


def review(rng):
    """A text, its topic and whether its verdict is good."""
    topic, good = rng.choice(list(NOUNS)), bool(rng.random() < 0.5)
    verdict, other = (opinion(rng, NOUNS[topic].split(), x) for x in (good, not good))
    form = rng.choice(["{1}", "{0} but {1}", "although {0} , {1}", "{1} although {0}"])
    return " ".join(form.format(other, verdict).split()), topic, good


rng = np.random.default_rng(0)
X, topics, verdicts = map(
    np.array, zip(*(review(rng) for _ in range(2400)), strict=True)
)
for text, topic, good in zip(X[:4], topics, verdicts, strict=False):
    print(f"{topic}, {'good' if good else 'bad'}: {text}")

# %%
# ``TokenEncoder`` makes ids of the words, and the network learns a vector for each of
# them. It reads in both directions; the largest value of each unit over the text goes
# to the head.

models = {
    "TF-IDF of words and pairs": make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=30, max_iter=1000)
    ),
    "LSTM": make_pipeline(
        TokenEncoder(),
        LSTMClassifier(
            32,
            embedding_dim=32,
            bidirectional=True,
            pooling="max",
            learning_rate_init=0.01,
            max_iter=20,
            random_state=0,
        ),
    ),
}
sizes = [50, 100, 200, 400, 800, 1600]
figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharey=True, layout="constrained")
for ax, title, y in (
    (axes[0], "What is it about?", topics),
    (axes[1], "What does it say?", verdicts),
):
    for name, model in models.items():
        scores = [model.fit(X[:n], y[:n]).score(X[1600:], y[1600:]) for n in sizes]
        ax.plot(sizes, scores, "o-", label=name)
        print(f"{title} {name:26}", " ".join(f"{score:.3f}" for score in scores))
    ax.axhline(np.unique(y, return_counts=True)[1].max() / len(y), color="0.7", ls="--")
    ax.set(title=title, xlabel="Training texts", xscale="log", ylim=(0, 1.03))
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
axes[0].set_ylabel("Accuracy")
axes[1].legend(loc="lower right")
# sphinx_gallery_thumbnail_panels = [1]
plt.show()

# %%
# The dashed line is guessing. What a text is about is in its words wherever they stand:
# the linear model knows it from fewer texts than the network, which first has to learn
# what each word means, and the fit takes no time. The verdict is in few pairs of words:
# there the linear model hardly gets beyond guessing, and the network learns the rule
# all at once, as soon as there are texts enough.
#
# Most real texts lie between the two, and a few of their words often give the answer
# away: begin with the linear model. :doc:`/performance/tasks` has both on questions
# (TREC) and on sentences about films (MR); :doc:`/user_guide/tokens` has more of text.
