"""
Grid search over size and learning rate (speakers)
==================================================

How many hidden units, which learning rate? ``GridSearchCV`` takes sequences of unequal
length like any X: the lengths travel inside it.

Tags: classification, grid search, cross-validation, ragged, sound, real data
"""

# %%
# Twenty networks on the training utterances of the Japanese vowels (who of nine men
# speaks?), three folds. Beside them a logistic regression on mean and standard
# deviation of each coefficient.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)

model = make_pipeline(
    TimeDistributed(StandardScaler()),
    LSTMClassifier(learning_rate="cosine", max_iter=20, random_state=0),
)
sizes, rates = [8, 16, 32, 64, 128], [0.001, 0.003, 0.01, 0.03]
search = GridSearchCV(
    model,
    {
        "lstmclassifier__hidden_layer_sizes": sizes,
        "lstmclassifier__learning_rate_init": rates,
    },
    cv=3,
)
with warnings.catch_warnings():
    # The learning rate falls to zero over twenty epochs, so that every network has the
    # same time and has come to rest when it is over: to end at max_iter is meant.
    warnings.simplefilter("ignore", ConvergenceWarning)
    search.fit(X_train, y_train)
print("best:", search.best_params_)
print(f"its accuracy in cross-validation: {search.best_score_:.3f}")


def summary(X):
    """Mean and standard deviation of each feature over the steps."""
    return np.array([np.hstack([x.mean(axis=0), x.std(axis=0)]) for x in X])


baseline = make_pipeline(
    FunctionTransformer(summary), StandardScaler(), LogisticRegression()
)
accuracy = cross_val_score(baseline, X_train, y_train, cv=3).mean()
print(f"logistic regression: {accuracy:.3f}")

# %%
# The mean accuracy of the folds. Small networks need the larger rates to get anywhere
# in twenty epochs; among the larger ones many are as good as each other, and as the
# logistic regression. The best of them is the best by a few utterances of 270.

scores = search.cv_results_["mean_test_score"].reshape(len(sizes), len(rates))
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
image = ax.imshow(scores, cmap="viridis", aspect="auto", vmin=0.5, vmax=1)
for row, column in [(r, c) for r in range(len(sizes)) for c in range(len(rates))]:
    score = scores[row, column]
    color = "white" if score < 0.75 else "black"
    ax.text(column, row, f"{score:.3f}", ha="center", va="center", color=color)
ax.set_xticks(range(len(rates)), rates)
ax.set_yticks(range(len(sizes)), sizes)
ax.set(xlabel="learning_rate_init", ylabel="hidden_layer_sizes")
ax.set_title("Mean accuracy of three folds")
figure.colorbar(image, ax=ax, extend="min")
plt.show()

# %%
# The search has seen the training utterances only. The test set judges its choice once.

print(f"test accuracy: {search.score(X_test, y_test):.3f}")
baseline.fit(X_train, y_train)
print(f"logistic regression: {baseline.score(X_test, y_test):.3f}")
