"""
Permutation importance of features and steps (air quality)
==========================================================

How much worse do the forecasts get when a feature is shuffled among all steps of all
sequences, or a step among the sequences (Breiman 2001)? The air of Beijing, six hours
ahead.

Tags: regression, importance, windows, early stopping, real data
"""

# %%
# A network on the windows of 2013, the last two months of which decide when to stop and
# are scaled with the others (``transform_input``); what follows is measured on 2014.
# Beside it the last value as the forecast.

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor
from sklstm.datasets import load_beijing_pm25
from sklstm.inspection import sequence_permutation_importance
from sklstm.preprocessing import TimeDistributed

train = load_beijing_pm25(subset="train", horizon=6)
test = load_beijing_pm25(subset="test", horizon=6)
network = LSTMRegressor(
    32,
    dropout=0.3,
    batch_size=64,
    early_stopping=True,
    n_iter_no_change=5,
    random_state=0,
)
X, y, late = train.data, train.target, train.time >= np.datetime64("2013-11-01T00")
with config_context(enable_metadata_routing=True):
    network.set_fit_request(X_val=True, y_val=True)
    scaler = TimeDistributed(StandardScaler())
    model = make_pipeline(scaler, network, transform_input=["X_val"])
    model.fit(X[~late], y[~late], X_val=X[late], y_val=y[late])
X, y = test.data[::8], test.target[::8]
print(f"{model[-1].n_iter_} epochs, R² on 2014: {model.score(X, y):.3f}")
print(f"last value: {r2_score(y, X.data[X.offsets[1:] - 1, 0]):.3f}")

# %%
# scikit-learn's ``permutation_importance`` does this for the columns of a matrix;
# :func:`~sklstm.inspection.sequence_permutation_importance` for sequences, and returns
# the same.

by_feature = sequence_permutation_importance(model, X, y, random_state=0)
by_step = sequence_permutation_importance(
    model, X, y, axis="time", from_end=True, random_state=0
)
for name, mean, std in zip(
    train.feature_names,
    by_feature.importances_mean,
    by_feature.importances_std,
    strict=True,
):
    print(f"{name:12} {mean:6.3f} ± {std:.3f}")

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
order = np.argsort(by_feature.importances_mean)
axes[0].boxplot(
    by_feature.importances[order].T,
    orientation="horizontal",
    tick_labels=np.array(train.feature_names)[order],
)
axes[0].set(title="A feature shuffled", xlabel="R² lost")
axes[1].plot(np.arange(24), by_step.importances_mean, "o-")
axes[1].set(
    title="A step shuffled", xlabel="Hours before the last one", ylabel="R² lost"
)
axes[1].invert_xaxis()
# sphinx_gallery_thumbnail_panels = [1]
plt.show()

# %%
# The forecast lives on the last reading of PM2.5. As with matrices, a small importance
# does not say that a feature carries no information: others can stand in for it.
