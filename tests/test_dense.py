"""The dense layer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._network.layers.dense import Dense
from sklstm._network.steps import Run
from sklstm._network.workspace import Memory


@pytest.mark.parametrize("n, K, N", [(7, 20, 1), (1, 3, 9), (40, 64, 130), (9, 5, 16)])
def test_dense(instruction_set, n, K, N):
    rng = np.random.default_rng(0)
    a, d_out = rng.standard_normal((n, K)), rng.standard_normal((n, N))
    weights = {"w": rng.standard_normal((K, N)), "b": rng.standard_normal(N)}
    dense = Dense("head", K, N, np.float64)
    dense.load(weights, backward=True)
    out, tape = dense.forward(a, Run(Memory(np.float64), keep=True))
    assert_allclose(out, a @ weights["w"] + weights["b"], rtol=1e-12)
    step, _ = dense.step(a, None)
    assert_array_equal(step, out)
    d_weights = {name: w.copy() for name, w in weights.items()}
    d_a = dense.backward(d_out, tape, d_weights)
    expected = {"w": a.T @ d_out, "b": d_out.sum(axis=0)}  # added to what was there
    for name, w in weights.items():
        assert_allclose(d_weights[name], w + expected[name], rtol=1e-10, atol=1e-12)
    assert_allclose(d_a[:, :K], d_out @ weights["w"].T, rtol=1e-10, atol=1e-12)
    assert not d_a[:, K:].any()
    with pytest.raises(ValueError, match="d_w has shape"):
        dense.backward(d_out, tape, {**d_weights, "w": np.zeros((K, N + 1))})
    with pytest.raises(ValueError, match="do not belong together"):
        dense.backward(d_out, tape, {**d_weights, "b": np.zeros(N + 1)})
