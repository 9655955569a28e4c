"""Clips that are read frame by frame: a step equals the whole; and missing pixels."""

import pickle
import re

import numpy as np
import pytest
from conv_cases import (
    METHODS,
    TASKS,
    clips,
    equal_length,
    fitted,
    make_target,
    outputs,
    raw,
    small,
)
from numpy.testing import assert_array_equal

from sklstm import State

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_task = pytest.mark.parametrize("task", TASKS)
both = pytest.mark.parametrize("task", ["multiclass", "single"])
every_pooling = pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
DEEP = {"hidden_channels": (5, 3), "patch_size": (1, 2)}


# ---- streams -------------------------------------------------------------------------


@every_task
@every_pooling
@pytest.mark.parametrize("network", [{}, DEEP])
def test_a_step_equals_the_whole(task, pooling, network):
    model = fitted(
        task, clips(height=6), pooling=pooling, space_pooling="max", peephole=True,
        **network,
    )  # fmt: skip
    X = equal_length(3, T=4, height=8, seed=5)
    for method in [name for name in METHODS if hasattr(model, name)]:
        state = model.initial_state(3, 8, 6)
        for t in range(4):
            y, state = model.predict_step(X[:, t], state, method=method)
            expected = getattr(model, method)(X[:, : t + 1])
            assert y.dtype == expected.dtype
            assert_array_equal(y, expected)
    assert isinstance(state, State) and state.n_sequences == 3


@both
@every_pooling
def test_a_state_goes_on(task, pooling):
    """By frames and by clips, alone and side by side, kept and used twice."""
    model = fitted(task, pooling=pooling)
    X = equal_length(3, T=5, seed=4)
    state = model.initial_state(3)  # frames as those of the fit
    for t in range(2):
        _, state = model.predict_step(X[:, t], state)
    rest = getattr(model, METHODS[0])(X[:, 2:], initial_state=state)
    assert_array_equal(rest, model.predict(X))
    again = model.predict(X[:, 2:], initial_state=state)
    assert_array_equal(again, rest)
    assert_array_equal(
        model.transform(X[:, 2:], initial_state=state), model.transform(X)
    )
    loaded = pickle.loads(pickle.dumps(state))
    assert_array_equal(model.predict(X[:, 2:], initial_state=loaded), rest)
    alone = model.initial_state()
    for t in range(5):
        y, alone = model.predict_step(X[1, t], alone)
    assert_array_equal(y, model.predict(X[1:2]))


@both
def test_frames_in_any_form(task):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (12, 3, 5, 6)).astype(np.uint8)
    model = small(task).fit(X, make_target(task, X.astype(float)))
    expected = model.predict(X[:1])
    for form in (
        np.asarray, np.float32, np.float64, np.ndarray.tolist, lambda x: x[np.newaxis],
        lambda x: x[..., np.newaxis], lambda x: x[np.newaxis, ..., np.newaxis],
        np.asfortranarray, lambda x: x.astype(object), lambda x: x.astype(">i4"),
    ):  # fmt: skip
        state = model.initial_state()
        for frame in X[0]:
            y, state = model.predict_step(form(frame), state)
        assert_array_equal(y, expected)
    for wrong in ("frame", None, X[0, 0].astype(complex), np.full((5, 6), "a")):
        with pytest.raises((TypeError, ValueError)):
            model.predict_step(wrong, state)


@both
@every_pooling
def test_a_stream_goes_on_where_vectors_have_another_width(
    task, pooling, instruction_set, monkeypatch
):
    X = clips(height=6, low=1)
    options = {"dtype": "float64", "pooling": pooling, "hidden_channels": (3, 9)}
    model = fitted(task, X, patch_size=(2, 1), **options)
    frame = equal_length(1, T=2, height=6)[0]
    _, there = model.predict_step(frame[0], model.initial_state())
    before = model.initial_state()
    monkeypatch.undo()
    here = pickle.loads(pickle.dumps(model))
    expected = here.predict([frame])
    found = here.predict_step(frame[1], there)[0]
    if task == "single":
        np.testing.assert_allclose(found, expected, 1e-10)
    else:
        assert_array_equal(found, expected)
    _, state = here.predict_step(frame[0], before)
    assert_array_equal(here.predict_step(frame[1], state)[0], expected)


@both
def test_states_that_are_given(task):
    model = fitted(task, clips(height=6), dtype="float64", **DEEP)
    rng = np.random.default_rng(0)
    shapes = (2, 6, 6, 5), (2, 3, 3, 3)
    h, c = ([rng.uniform(-1, 1, shape) for shape in shapes] for _ in "hc")
    state = model.initial_state(h=h, c=c)
    assert state.n_sequences == 2
    X = equal_length(2, T=2, height=6)
    from_state = model.predict(X, initial_state=state)
    assert (
        raw(model, X)
        != getattr(model, "decision_function" if task == "multiclass" else "predict")(
            X, initial_state=state
        )
    ).all()
    zeros = model.initial_state(
        h=[np.zeros_like(part) for part in h], c=[np.zeros_like(part) for part in c]
    )
    assert_array_equal(model.predict(X, initial_state=zeros), model.predict(X))
    step, state = model.predict_step(X[:, 0], state)
    assert_array_equal(model.predict(X[:, 1:], initial_state=state), from_state)
    with pytest.raises(ValueError, match=re.escape("(2, 3, 3, 3)")):
        model.initial_state(h=[h[0], h[1][:, :2]])
    with pytest.raises(ValueError, match="h .*2"):
        model.initial_state(h=h[:1])
    with pytest.raises(ValueError, match=r"h\[1\]"):
        model.initial_state(h=[h[0], np.full_like(h[1], np.inf)])


@both
def test_what_is_wrong_with_a_state(task):
    model, other = fitted(task), fitted(task, kernel_size=5)
    X = equal_length(2)
    state = model.initial_state(2)
    with pytest.raises(TypeError, match="initial_state or predict_step returned"):
        model.predict_step(X[:, 0], None)
    with pytest.raises(ValueError, match="kernel_size=3.*kernel_size=5"):
        other.predict_step(X[:, 0], state)
    with pytest.raises(ValueError, match="of 2 sequence.*X has 3"):
        model.predict(equal_length(3), initial_state=state)
    with pytest.raises(ValueError, match=r"\(2, 5, 6, 2\)"):
        model.predict_step(X[:, 0, :4], state)
    with pytest.raises(ValueError, match="5 x 6.*8 x 6"):
        model.predict(equal_length(2, height=8), initial_state=state)
    with pytest.raises(ValueError, match="bidirectional=False"):
        both_ways = fitted(task, bidirectional=True)
        both_ways.predict_step(X[:, 0], both_ways.initial_state(2))
    with pytest.raises(ValueError, match="clip 1, frame 0, pixel"):
        bad = X[:, 0].copy()
        bad[1, 2, 3, 0] = np.inf
        model.predict_step(bad, state)
    with pytest.raises(
        ValueError, match="NaN.*clip 1, frame 0, pixel.*missing='ffill'"
    ):
        bad[1, 2, 3, 0] = np.nan
        model.predict_step(bad, state)
    with pytest.raises(ValueError, match="method='probability' is none of"):
        model.predict_step(X[:, 0], state, method="probability")
    for wrong in ((0,), (2, 0), (2, 5, 0)):
        with pytest.raises(ValueError, match="== 0, must be >= 1"):
            model.initial_state(*wrong)
    broken = state._replace(layers=state.layers[:0])
    with pytest.raises((TypeError, ValueError), match="layer"):
        model.predict_step(X[:, 0], broken)


# ---- missing pixels ------------------------------------------------------------------


@both
def test_missing_pixels_are_what_they_were_before(task):
    X = clips(12, low=2)
    y = make_target(task, X)
    X[3][0, 1, 2, 0] = np.nan  # never seen: the mean
    X[4][1, 2, 3, 1] = np.nan  # then the value of frame 0
    where = r"NaN: clip 3, frame 0, pixel \(1, 2\), channel 0.*missing='ffill'"
    with pytest.raises(ValueError, match=where):
        small(task).fit(X, y)
    model = small(task, missing="ffill").fit(X, y)
    filled = [x.copy() for x in X]
    filled[4][1, 2, 3, 1] = filled[4][0, 2, 3, 1]
    seen = np.concatenate([x.reshape(-1, 2) for x in X])
    filled[3][0, 1, 2, 0] = np.nanmean(seen[:, 0])
    expected = outputs(model, filled)
    for method, value in outputs(model, X).items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, expected[method], rtol=2e-5, atol=1e-6)
    # clip 4 has nothing but what is filled from its own frames
    assert_array_equal(raw(model, X)[4], raw(model, filled)[4])


@both
@every_pooling
def test_a_stream_of_missing_pixels(task, pooling):
    rng = np.random.default_rng(0)
    model = fitted(task, missing="ffill", pooling=pooling)
    X = equal_length(3, T=4)
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0, 0] = np.nan
    state = model.initial_state(3)
    for t in range(4):
        y, state = model.predict_step(X[:, t], state)
        assert_array_equal(y, model.predict(X[:, : t + 1]))
        if t == 1:
            middle = state
    assert_array_equal(model.predict(X[:, 2:], initial_state=middle), model.predict(X))
