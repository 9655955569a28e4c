"""Where training starts: nothing is learnt at a rate of nearly zero."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from task_cases import AT_START, fitted, make_target, ragged, small

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


def test_head_starts_at_the_prior():
    X = ragged()
    y = np.r_[[0] * 12, [1] * 8, [2] * 4]
    start = small("multiclass", **AT_START).fit(X, y)
    assert_allclose(
        start.weights_["head_bias"], np.log([12 / 24, 8 / 24, 4 / 24]), rtol=1e-12
    )
    weight = np.r_[[1.0] * 12, [3] * 8, [2] * 4]
    start = small("multiclass", **AT_START).fit(X, y, weight)
    assert_allclose(
        start.weights_["head_bias"], np.log([12 / 44, 24 / 44, 8 / 44]), rtol=1e-12
    )
    start = small("binary", **AT_START).fit(X, y > 0)
    assert_allclose(start.weights_["head_bias"], [0.0], atol=1e-12)
    start = small("binary", **AT_START).fit(X, y == 2)
    assert_allclose(start.weights_["head_bias"], [np.log(4 / 20)], rtol=1e-12)
    start = small("multilabel", **AT_START).fit(X, np.c_[y == 0, y == 1, y == 2])
    assert_allclose(
        start.weights_["head_bias"],
        np.log([12 / 12, 8 / 16, 4 / 20]),
        rtol=1e-12,
        atol=1e-12,
    )


def test_head_starts_at_the_mean():
    X = ragged()
    y = make_target("multioutput", X)
    start = small("multioutput", **AT_START).fit(X, y)
    assert_allclose(start.weights_["head_bias"], y.mean(axis=0), rtol=1e-12)
    weight = np.arange(24.0)
    start = small("multioutput", **AT_START).fit(X, y, weight)
    expected = np.average(y, axis=0, weights=weight)
    assert_allclose(start.weights_["head_bias"], expected, rtol=1e-12)


def test_prior_of_what_is_not_there_is_finite():
    X = ragged()
    start = small("multiclass", **AT_START).partial_fit(
        X, np.arange(24) % 2, classes=[0, 1, 2]
    )
    assert np.isfinite(start.weights_["head_bias"]).all()
    assert start.weights_["head_bias"][2] < start.weights_["head_bias"][:2].min() - 2
    start = small("multilabel", **AT_START).fit(X, np.c_[[0] * 24, [1] * 24])
    assert np.isfinite(start.weights_["head_bias"]).all()
    assert start.weights_["head_bias"][0] < -2 and start.weights_["head_bias"][1] > 2


def test_recurrent_weights_start_orthogonal_and_forget_bias_at_one():
    start = fitted("single", hidden=(5, 4), **AT_START)
    for k, H in enumerate((5, 4)):
        for R in start.weights_[f"weight_hh_l{k}"].reshape(4, H, H):
            assert_allclose(R @ R.T, np.eye(H), atol=1e-12)
        bias = start.weights_[f"bias_ih_l{k}"] + start.weights_[f"bias_hh_l{k}"]
        expected = [[0] * H, [1] * H, [0] * H, [0] * H]
        assert_allclose(bias.reshape(4, H), expected, atol=1e-200)
