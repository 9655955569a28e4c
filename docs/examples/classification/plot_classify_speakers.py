"""
Classify speakers (ragged, multiclass)
======================================

Nine men say a Japanese vowel; each utterance is 7 to 29 steps of 12 cepstral
coefficients. :class:`~sklstm.LSTMClassifier` stands at the end of a pipeline whose
first step scales every coefficient, and is used like any other classifier.

Tags: classification, ragged, sound, real data
"""

# %%
# The utterances come as a :class:`~sklstm.SequenceArray`, one matrix of steps that
# knows where each sequence begins. A list of arrays would do as well.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed

X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
print(X_train)
print(X_test)

# %%
# :class:`~sklstm.preprocessing.TimeDistributed` shows the scaler the steps of all
# sequences as rows of one matrix. Beside the network stands what is simple: a logistic
# regression on mean and standard deviation of each coefficient.


def summary(X):
    """Mean and standard deviation of each feature over the steps."""
    return np.array([np.hstack([x.mean(axis=0), x.std(axis=0)]) for x in X])


model = make_pipeline(TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0))
baseline = make_pipeline(
    FunctionTransformer(summary), StandardScaler(), LogisticRegression()
)
model.fit(X_train, y_train)
baseline.fit(X_train, y_train)
print(f"LSTM, {model[-1].n_iter_} epochs: accuracy {model.score(X_test, y_test):.3f}")
print(f"logistic regression: accuracy {baseline.score(X_test, y_test):.3f}")

# %%
# The tools of scikit-learn take the predictions. A row of the matrix is a true speaker.

predicted = model.predict(X_test)
print(classification_report(y_test, predicted, digits=3))

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y_test, predicted, cmap="Blues", colorbar=False, ax=ax
)
ax.set_title("Test utterances by speaker")
plt.show()

# %%
# Probabilities of a single utterance, here given as a list of one array.

utterance = X_test[0]
probabilities = model.predict_proba([utterance])[0]
print(f"first utterance, of speaker {y_test[0]}, {len(utterance)} steps:")
for speaker, probability in zip(model.classes_, probabilities, strict=True):
    print(f"  speaker {speaker}: {probability:.4f}")
