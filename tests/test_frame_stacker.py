"""FrameStacker: every length against a definition, and what `fit` takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.utils import get_tags
from step_cases import assert_container, contain, named, names_of, random_list, stacked

from sklstm.preprocessing import FrameStacker
from sklstm.sequences import SequenceArray, check_sequences

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


# ---- written out -----------------------------------------------------------------


def test_names_of_frame_stacker():
    stacker = FrameStacker(2).fit(random_list())
    expected = ["x0_lag1", "x1_lag1", "x2_lag1", "x0_lag0", "x1_lag0", "x2_lag0"]
    assert names_of(stacker) == expected
    stacker.fit(named())
    expected = ["a_lag1", "b_lag1", "c_lag1", "a_lag0", "b_lag0", "c_lag0"]
    assert names_of(stacker) == expected
    assert list(stacker.transform(named()).feature_names) == names_of(stacker)
    X = np.ones((2, 5))
    assert names_of(FrameStacker(2).fit(X)) == ["x_lag1", "x_lag0"]
    for step, columns in ((1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [1, 4])):
        stacker = FrameStacker(1, step=step, remainder="drop").fit(X)
        assert names_of(stacker) == [f"x{i}" for i in columns]
        row = np.arange(5.0)[None]
        np.testing.assert_array_equal(stacker.transform(row), row[:, columns])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 7)),
    st.sampled_from(["repeat", "drop"]),
    st.sampled_from(["list", "SequenceArray", "padded"]),
)
def test_frames_by_a_slow_way(
    lengths, n_features, n_frames, step, remainder, container
):
    sequences = random_list([min(T, 9) for T in lengths], n_features)
    X = contain(sequences, container)
    stacker = FrameStacker(n_frames, step=step, remainder=remainder)
    X_new = stacker.fit_transform(X)
    assert_container(X_new, X, container)
    X_new = check_sequences(X_new)
    assert X_new.n_features == len(names_of(stacker)) == n_frames * n_features
    for got, x in zip(X_new, sequences, strict=True):
        want = stacked(x, n_frames, step or n_frames, remainder)
        np.testing.assert_array_equal(got, want)


def test_worked_frames():
    X = np.arange(7.0)[None]
    repeat = FrameStacker(3).fit_transform(X)
    np.testing.assert_array_equal(repeat, [[[0, 0, 0], [1, 2, 3], [4, 5, 6]]])
    drop = FrameStacker(3, remainder="drop").fit_transform(X)
    np.testing.assert_array_equal(drop, [[[1, 2, 3], [4, 5, 6]]])
    overlap = FrameStacker(3, step=2).fit_transform(X)
    np.testing.assert_array_equal(overlap, [[[0, 1, 2], [2, 3, 4], [4, 5, 6]]])
    sparse = FrameStacker(2, step=4).fit_transform(X)
    np.testing.assert_array_equal(sparse, [[[1, 2], [5, 6]]])
    short = FrameStacker(9).fit_transform(X[:, :2])
    np.testing.assert_array_equal(short, [[[0] * 8 + [1]]])


@pytest.mark.parametrize("n_frames", [1, 2, 4, 5])
@pytest.mark.parametrize("remainder", ["repeat", "drop"])
def test_frames_of_arrays(n_frames, remainder):
    stacker = FrameStacker(n_frames, remainder=remainder)
    X = np.stack(random_list([4] * 3))
    expected = np.array([stacked(x, n_frames, n_frames, remainder) for x in X])
    np.testing.assert_array_equal(stacker.fit_transform(X), expected)
    n_new = expected.shape[1]
    padded = stacker.fit_transform(contain(random_list([1, 4]), "padded"))
    T = -(-9 // n_frames) if remainder == "repeat" else 9 // n_frames
    assert padded.shape == (2, T, 3 * n_frames)
    flat = stacker.fit_transform(X[:, :, 0])
    assert flat.shape == ((3, n_new) if n_frames == 1 else (3, n_new, n_frames))


def test_remainder_error():
    stacker = FrameStacker(2, remainder="error")
    stacker.fit_transform(random_list([4, 0, 2]))
    with pytest.raises(ValueError, match="Sample 2 has 3 steps.*'repeat' or 'drop'"):
        stacker.transform(random_list([4, 2, 3]))
    with pytest.raises(ValueError, match="Sample 0 has 1 steps"):
        stacker.transform(random_list([1]))


@pytest.mark.parametrize(
    "params",
    [
        {"n_frames": 0},
        {"n_frames": 2.0},
        {"n_frames": None},
        {"step": 0},
        {"step": "2"},
        {"remainder": "zero"},
        {"remainder": None},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(ValueError, match=f"'{next(iter(params))}' parameter of Frame"):
        FrameStacker(**params).fit(random_list())


def test_frames_keep_missing_values_and_do_not_touch_x():
    items = random_list([5, 2])
    items[0][1, 0] = np.nan
    X = contain(items, "SequenceArray")
    before = X.data.copy()
    X_new = FrameStacker(2).fit_transform(X)
    assert np.isnan(X_new.data).sum() == 1
    np.testing.assert_array_equal(X.data, before)
    assert not np.shares_memory(X_new.data, X.data)
