"""FrameStacker: every length against a definition, and what `fit` takes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import get_tags
from test_preprocessing import random_list, stacked

from sklstm.preprocessing import FrameStacker
from sklstm.sequences import SequenceArray

STEPS = [None, *range(1, 8)]


@pytest.mark.parametrize("remainder", ["repeat", "drop", "error"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("n_frames", range(1, 6))
def test_sequences_of_every_length(n_frames, step, remainder):
    """Shorter than a frame, of one frame, of frames that overlap or leave steps out."""
    X = random_list(range(14), n_features=2)
    stacker = FrameStacker(n_frames, step=step, remainder=remainder)
    if remainder == "error":
        X = [x for x in X if fits(len(x), n_frames, step or n_frames)]
        assert len(X) > 1
    for x, got in zip(X, stacker.fit_transform(X), strict=True):
        assert_array_equal(got, stacked(x, n_frames, step or n_frames, remainder))


def fits(T, n_frames, step):
    return T == 0 or T >= n_frames and (T - n_frames) % step == 0


@pytest.mark.parametrize("n_frames, step", [(3, 3), (3, 2), (2, 5)])
def test_the_first_sample_that_does_not_fit_is_named(n_frames, step):
    stacker = FrameStacker(n_frames, step=step, remainder="error")
    for T in range(14):
        X = [np.zeros((n_frames, 1)), np.zeros((T, 1)), np.zeros((1, 1))]
        sample, steps = (2, 1) if fits(T, n_frames, step) else (1, T)
        match = f"Sample {sample} has {steps} steps.*of {n_frames} steps every {step}"
        with pytest.raises(ValueError, match=match):
            stacker.fit(X).transform(X)


def test_defaults():
    assert FrameStacker().get_params() == {
        "n_frames": 8, "step": None, "remainder": "repeat",
    }  # fmt: skip


@pytest.mark.parametrize("n_frames", [2**60, 2**63, 10**30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_wider_than_an_array_can_be(n_frames, dtype):
    X = [np.ones((3, 4), dtype)]
    match = f"n_frames={n_frames} makes steps of {4 * n_frames} features.*fewer frames"
    with pytest.raises(ValueError, match=match):
        FrameStacker(n_frames).fit(X)


@pytest.mark.parametrize("n_frames, step", [(1, 1), (1, None), (8, 3)])
def test_least_parameters(n_frames, step):
    X = [np.arange(4.0)]
    (got,) = FrameStacker(n_frames, step=step).fit_transform(X)
    assert_array_equal(got.reshape(len(got), n_frames)[-1][-1], 3)


@pytest.mark.parametrize("step", STEPS[1:])
@pytest.mark.parametrize("remainder", ["repeat", "drop"])
def test_names_of_the_columns_that_are_kept(step, remainder):
    """With n_frames=1 a table stays a table, and says which columns are left."""
    X = np.arange(10.0).reshape(1, 10)
    stacker = FrameStacker(1, step=step, remainder=remainder).fit(X)
    names = stacker.get_feature_names_out([f"t{i}" for i in range(10)])
    assert names.tolist() == [f"t{i:.0f}" for i in stacker.transform(X)[0]]
    assert names[-1] == "t9"


def test_tags():
    tags = get_tags(FrameStacker())
    assert tags.input_tags.three_d_array and tags.input_tags.allow_nan
    assert not tags.target_tags.required


def test_no_steps_and_no_names():
    X = SequenceArray(np.empty((0, 2)), [0, 0], ["a", "b"])
    got = FrameStacker(2).fit(X).transform(X)
    assert got.shape == (1, None, 4) and len(got.data) == 0
    assert got.feature_names == ("a_lag1", "b_lag1", "a_lag0", "b_lag0")
