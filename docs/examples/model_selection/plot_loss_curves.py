"""
Loss curves and early stopping of RNN, GRU and LSTM (speakers)
==============================================================

Loss and validation accuracy of RNN, GRU and LSTM, epoch by epoch: nine speakers are
told apart (Japanese vowels), with early stopping on a fifth of the training utterances.
Beside them a logistic regression on the mean of each coefficient.

Tags: classification, early stopping, ragged, sound, real data
"""

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import GRUClassifier, LSTMClassifier, RNNClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.inspection import LossCurveDisplay
from sklstm.preprocessing import TimeDistributed

X, y = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
models = {}
for family in RNNClassifier, GRUClassifier, LSTMClassifier:
    network = family(32, early_stopping=True, validation_fraction=0.2, random_state=0)
    model = make_pipeline(TimeDistributed(StandardScaler()), network).fit(X, y)
    models[family.__name__.removesuffix("Classifier")] = model
    print(
        f"{family.__name__:15} {network.n_iter_} epochs, validation "
        f"{network.best_validation_score_:.3f}, test {model.score(X_test, y_test):.3f}"
    )
baseline = LogisticRegression(max_iter=1000).fit([x.mean(axis=0) for x in X], y)
accuracy = baseline.score([x.mean(axis=0) for x in X_test], y_test)
print(f"logistic regression: test {accuracy:.3f}")

# %%
# Solid lines are losses, dashed ones validation scores; the dot is the epoch whose
# weights are kept. The loss still falls when the score has long stopped rising.

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
LossCurveDisplay.from_estimators(models, ax=ax)
plt.show()
