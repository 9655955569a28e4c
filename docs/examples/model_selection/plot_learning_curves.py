"""
Learning curves beside simple baselines (speakers)
==================================================

Learning curves of an LSTM beside two baselines that read the mean, standard deviation,
minimum and maximum of each coefficient over an utterance, and so know nothing of the
order of its steps. Two questions about the Japanese vowels: who speaks, and was the
recording played forwards or backwards?

Tags: classification, learning curves, cross-validation, ragged, sound, real data
"""

# %%
# The baselines begin with a function from sequences to a table.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LearningCurveDisplay, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier, SequenceArray
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed


def summary(X):
    """Mean, standard deviation, minimum and maximum over the steps."""
    return np.array(
        [np.hstack([x.mean(0), x.std(0), x.min(0), x.max(0)]) for x in X.to_list()]
    )


models = {
    "LSTM": make_pipeline(
        TimeDistributed(StandardScaler()),
        LSTMClassifier(32, learning_rate_init=0.01, tol=1e-3, random_state=0),
    ),
    "summary, logistic regression": make_pipeline(
        FunctionTransformer(summary),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    ),
    "summary, random forest": make_pipeline(
        FunctionTransformer(summary), RandomForestClassifier(random_state=0)
    ),
}

# %%
# All 640 utterances, half of them reversed for the second question. The accuracy is the
# mean of three folds, with its standard deviation shaded.

X, speaker = load_japanese_vowels(subset="all", return_X_y=True)
backwards = np.random.default_rng(0).random(len(X)) < 0.5
X_turned = SequenceArray.from_list(
    [x[::-1] if turned else x for x, turned in zip(X.to_list(), backwards, strict=True)]
)

figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharey=True, layout="constrained")
for ax, title, data, target in (
    (axes[0], "Who speaks?", X, speaker),
    (axes[1], "Forwards or backwards?", X_turned, backwards),
):
    for k, (name, model) in enumerate(models.items()):
        display = LearningCurveDisplay.from_estimator(
            model,
            data,
            target,
            train_sizes=[45, 90, 180, 400],
            cv=StratifiedKFold(3, shuffle=True, random_state=0),
            shuffle=True,
            random_state=0,
            score_type="test",
            score_name="Accuracy",
            line_kw={"marker": "o", "color": f"C{k}"},
            fill_between_kw={"color": f"C{k}", "alpha": 0.2},
            ax=ax,
        )
        display.lines_[0].set_label(name)
        accuracy = " ".join(f"{a:.3f}" for a in display.test_scores.mean(axis=1))
        print(f"{title:23} {name:29} {accuracy}")
    ax.set(title=title, xlabel="Training utterances", xscale="log")
    ax.set_xticks([45, 90, 180, 400], [45, 90, 180, 400])
    ax.minorticks_off()
axes[1].set_ylabel("")
axes[0].get_legend().remove()
axes[1].legend(loc="center right")
plt.show()

# %%
# Who speaks is written in the spectrum: from few utterances the logistic regression is
# the better of them, and the LSTM passes it only with all of them. A summary is what to
# try first. What it leaves out is shown on the right: the four numbers of a coefficient
# are the same forwards and backwards, so that both baselines guess.
