"""
Gates of an LSTM over time (adding problem)
===========================================

An LSTM on the adding problem, looked at along one sequence. Every step has a random
number and a mark, which is 1 at two steps and 0 elsewhere; the target is the sum of the
two marked numbers (Hochreiter & Schmidhuber 1997).

Tags: regression, gates, long lags, generated data
"""

# %%
# Four units are enough, and few enough to be looked at one by one. A linear model of
# all numbers and marks cannot multiply them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import Ridge

from sklstm import LSTMRegressor
from sklstm.inspection import GateDisplay


def adding_problem(n, n_steps, rng):
    """Sequences of numbers and marks, and the sums of the marked numbers."""
    X = np.zeros((n, n_steps, 2), dtype=np.float32)
    X[:, :, 0] = rng.uniform(-1, 1, size=(n, n_steps))
    marked = np.argsort(rng.random((n, n_steps)), axis=1)[:, :2]
    np.put_along_axis(X[:, :, 1], marked, 1, axis=1)
    return X, (X[:, :, 0] * X[:, :, 1]).sum(axis=1)


rng = np.random.default_rng(0)
X, y = adding_problem(2000, 30, rng)
X_test, y_test = adding_problem(500, 30, rng)
model = LSTMRegressor(4, forget_bias="chrono", learning_rate_init=0.01, random_state=0)
model.fit(X, y)
print(f"{model.n_iter_} epochs, R² on new sequences: {model.score(X_test, y_test):.3f}")
flat, flat_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
print(f"ridge regression: {Ridge().fit(flat, y).score(flat_test, y_test):.3f}")

# %%
# ``transform(X, output="gates")`` has everything that the network computes on its way.

gates = model.transform(X_test, output="gates")
marked = X_test.reshape(-1, 2)[:, 1] > 0
print("mean of each unit            marked steps             other steps")
for name in "input_gate", "forget_gate", "output_gate":
    values = gates[f"{name}_l0"].data
    means = values[marked].mean(axis=0), values[~marked].mean(axis=0)
    print(f"  {name:12}", *(f"{' '.join(f'{v:.2f}' for v in m):>25}" for m in means))

last = gates["cell_state_l0"].data[gates["cell_state_l0"].offsets[1:] - 1]
correlations = [np.corrcoef(unit, y_test)[0, 1] for unit in last.T]
print("correlation of the last cell state with the sum:", np.round(correlations, 2))

# %%
# The gates and the cell state of one test sequence, below its marks.

x = X_test[np.abs(y_test).argmax()]  # a large sum, to be seen
steps, marked = np.arange(len(x)), x[:, 1] > 0
figure, axes = plt.subplots(
    5, 1, figsize=(7, 8.2), layout="constrained", height_ratios=[1, 2, 2, 2, 2]
)
axes[0].bar(steps, x[:, 0], color=np.where(marked, "C3", "0.75"))
axes[0].axhline(0, color="0.3", linewidth=0.8)
axes[0].set_title("Input: the numbers, marked ones in red", loc="left")
axes[0].set_xlim(-0.5, len(x) - 0.5)
GateDisplay.from_estimator(model, x, ax=axes[1:])
for panel in axes[1:]:
    for step in steps[marked]:
        panel.axvline(step - 0.5, color="C3", linewidth=0.8)
        panel.axvline(step + 0.5, color="C3", linewidth=0.8)
# sphinx_gallery_thumbnail_panels = [0, 4]
plt.show()

# %%
# The input gates are nearly shut and open at the marks, those of units 0, 2 and 3; the
# forget gates stay near 1, so that the cell state keeps what came in. At the end the
# states of units 0 and 2 follow the sum closely, one of them with the sign turned.
