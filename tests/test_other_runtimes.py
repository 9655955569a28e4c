"""Other users of OpenMP in the process. Two copies of LLVM's library, or one beside
Intel's, can stop it: each pair does its work in a child, in both orders."""

import os
import subprocess
import sys

import pytest

DATA = """
import numpy as np
X = np.random.default_rng(0).standard_normal((64, 50, 8))
y = X.mean(axis=(1, 2))
"""
WORK = {
    "sklstm": """
from sklstm import LSTMRegressor
LSTMRegressor(64, batch_size=64, max_iter=2).fit(X, y)
""",
    "sklearn": """
from sklearn.ensemble import HistGradientBoostingRegressor
HistGradientBoostingRegressor(max_iter=3).fit(X.reshape(64, -1), y)
""",
    "torch": """
import torch
x = torch.ones(1000, 1000)
(x @ x + x.exp()).sum().item()
""",
}


@pytest.mark.parametrize("other", ["sklearn", "torch"])
@pytest.mark.parametrize("first", [True, False])
def test_beside(other, first):
    if other == "torch":
        pytest.importorskip("torch")
    turns = ["sklstm", other] if first else [other, "sklstm"]
    code = DATA + "".join(WORK[name] for name in [*turns, *turns]) + "print('done')"
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    child = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert (child.returncode, child.stdout) == (0, "done\n"), child.stderr


def test_a_second_library_is_allowed_before_the_first_is_in_use():
    """scikit-learn allows it when it is imported, which importing sklstm does."""
    code = "import os, sklstm; assert os.environ['KMP_DUPLICATE_LIB_OK'] == 'True'"
    environment = dict(os.environ)
    environment.pop("KMP_DUPLICATE_LIB_OK", None)
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env=environment)
