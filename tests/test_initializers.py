"""Where training starts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from training_cases import matrix

from sklstm._network.build import whole_sequence_network


def test_initial_parameters():
    """Glorot-uniform W, orthogonal R for each gate, forget bias 1, head at its bias."""
    F, H = 40, 30
    network = whole_sequence_network(F, (H, H), 3, np.float64)
    parameters = network.initialize(
        np.random.RandomState(0), np.array([1.0, -2, 3]), forget_bias=1.0
    )
    for name, n_inputs in (("l0", F), ("l1", H)):
        weights = matrix(network.layout, parameters, name)
        limit = np.sqrt(6 / (n_inputs + H))
        W = weights[:n_inputs]
        assert 0.98 * limit < np.abs(W).max() <= limit
        assert np.var(W) == pytest.approx(limit**2 / 3, rel=0.05)
        gates = weights[n_inputs:-1].reshape(H, 4, H).transpose(1, 0, 2)
        for R in gates:
            assert_allclose(R @ R.T, np.eye(H), atol=1e-12)
        assert np.abs(gates[0] - gates[1]).max() > 0.1
        assert_array_equal(
            weights[-1].reshape(4, H), [[0] * H, [1] * H, [0] * H, [0] * H]
        )
    head = matrix(network.layout, parameters, "head")
    limit = np.sqrt(6 / (H + 3))
    assert 0.9 * limit < np.abs(head[:-1]).max() <= limit
    assert_array_equal(head[-1], [1, -2, 3])


def test_weight_mask_is_zero_at_the_biases():
    network = whole_sequence_network(2, (3, 4), 2, np.float64)
    mask = network.weight_mask()
    for name in ("l0", "l1", "head"):
        assert_array_equal(matrix(network.layout, mask, name)[:-1], 1)
        assert_array_equal(matrix(network.layout, mask, name)[-1], 0)
