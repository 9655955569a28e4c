"""ConvLSTMForecaster: what it reads, and what it says of what it cannot read."""

import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
from callback_cases import Listener, since_1_9
from clip_cases import FIT, forecaster, moving, with_gaps
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklstm import ConvLSTMForecaster
from sklstm._estimators import solver
from sklstm._estimators.fitted import fitted_of
from sklstm._targets.frames import FrameTarget

# ---- clips on disk -------------------------------------------------------------------


@pytest.fixture
def on_disk(tmp_path):
    """Bytes that move in a file of 51 million, most of them never written."""
    clips = np.memmap(tmp_path / "clips", np.uint8, "w+", shape=(500, 100, 32, 32))
    clips[::50, ::7] = 200
    clips[480:, 99, :4] = 100
    return clips


@pytest.mark.parametrize("form", [
    lambda X: X, lambda X: [*X[470:], X[0, :50], *X[100:]], lambda X: X[:, 10:],
])  # fmt: skip
def test_clips_on_disk_are_not_read_as_a_whole(on_disk, form):
    X = form(on_disk)
    model = ConvLSTMForecaster(
        1, horizon=2, max_iter=1, context_length=2, windows_per_epoch=8, batch_size=4,
        kernel_size=1, random_state=0,
    )  # fmt: skip
    some = X[:20] if isinstance(X, list) else X[480:]
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
        model.partial_fit(X)
    model.predict(some)
    model.score(some)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000  # bytes; the clips are 51 million, in float32 205


def videos(folder):
    """Three of floats in files of 13 million bytes, most of them never written."""
    for k, n_frames in enumerate((3200, 2, 3300)):
        shape = n_frames, 32, 32
        video = np.memmap(folder / f"{k}", np.float32, "w+", shape=shape)
        video[1::70, 3:9] = 1 - k / 8
        video[::90, 4] = video[-1, 8] = np.nan
        video[-2, 5] = 0.5
        yield video


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}], ids=str)
def test_a_file_for_each_video(options, tmp_path):
    """Is read as an array in memory is, and never as a whole."""
    files = list(videos(tmp_path))
    model = ConvLSTMForecaster(
        1, horizon=2, max_iter=1, context_length=2, windows_per_epoch=8, batch_size=4,
        kernel_size=1, random_state=0, validation_fraction=0.01,
        loss="binary_cross_entropy", **options,
    )  # fmt: skip
    found, peaks = [], []
    for X in (files, [np.array(video) for video in files]):
        tracemalloc.start()
        model.fit(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        frames, score = model.predict(X), model.score(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        found.append([model.loss_curve_, model.validation_scores_, score, frames])
    assert found[0][:3] == found[1][:3]
    assert_array_equal(found[0][3], found[1][3])
    # arrays are put into one
    n_bytes = sum(video.nbytes for video in files)
    assert peaks[0] < peaks[2] - 0.8 * n_bytes
    assert peaks[1] < peaks[3] - 0.8 * n_bytes


def test_where_a_minibatch_has_every_window_of_files(tmp_path):
    """Some of them twice, in two files."""
    X = [video[:5] for video in videos(tmp_path)]
    X += [X[0][1:], X[2]]
    a, b = (
        forecaster(form, horizon=2, batch_size=64)
        for form in (X, [np.array(video) for video in X])
    )
    assert_array_equal(a.predict(X), b.predict(X))


def test_a_file_and_an_array_are_the_same(tmp_path):
    X = np.round(200 * moving()).astype(np.uint8)
    np.save(tmp_path / "clips.npy", X)
    disk = np.load(tmp_path / "clips.npy", mmap_mode="r")
    a, b = forecaster(X), forecaster(disk)
    assert_array_equal(a.predict(disk), b.predict(X))
    model = pickle.loads(pickle.dumps(b))
    assert len(pickle.dumps(b)) < 60_000
    assert_array_equal(model.predict(disk), b.predict(X))


def test_a_minibatch_reads_its_own_frames(monkeypatch):
    """Targets are read where they are needed, and in no other dtype before."""
    read = []
    frames = FrameTarget.frames

    def look(self):
        read.append(len(self))
        return frames.fget(self)

    monkeypatch.setattr(FrameTarget, "frames", property(look))
    forecaster(moving(40), batch_size=4, max_iter=1)
    assert max(read) <= 64
    assert np.bincount(read)[4] >= 60


# ---- what can be missing ---------------------------------------------------------


def test_missing_targets_have_no_loss():
    X = moving(6)
    gaps = X.copy()
    gaps[:, 4:, :3] = np.nan
    other = gaps.copy()
    given = {"dtype": "float64", "context_length": 2}
    a = forecaster(gaps, **given)
    assert a.score(X) != a.score(gaps)
    # what is not seen as an input, nor as a target, changes nothing
    other[:, 4:, :3] = np.nan
    assert_array_equal(a.predict(X), forecaster(other, **given).predict(X))
    assert np.isfinite(a.loss_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_missing_pixels_are_what_they_were(dtype):
    X = moving(4, channels=2).astype(dtype)
    model = forecaster(X, dtype=dtype)
    gaps = X.copy()
    gaps[0, 3:6, 2, 3, 1] = np.nan
    gaps[1, 5:] = np.nan
    gaps[2, :4, 1] = np.nan
    gaps[3, 7, :, 2] = np.nan
    filled = X.copy()
    filled[0, 3:6, 2, 3, 1] = X[0, 2, 2, 3, 1]
    filled[1, 5:] = X[1, 4]
    centre = np.array(fitted_of(model).target.centre)
    filled = filled.astype(np.float64)
    filled[2, :4, 1] = centre
    filled[3, 7, :, 2] = X[3, 6, :, 2]
    found, expected = model.predict(gaps), model.predict(filled.astype(np.float64))
    assert_array_equal(found[[0, 1, 3]], expected[[0, 1, 3]])
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-4, atol=1e-5)


def test_a_channel_that_is_never_there():
    X = moving(6, channels=2)
    X[..., 1] = np.nan
    model = forecaster(X)
    assert np.isfinite(model.predict(X)).all()
    assert fitted_of(model).target.scale[1] == 1.0
    assert np.isfinite(model.score(X))


def test_nothing_to_forecast_from():
    model = forecaster()
    X = moving(3)
    with pytest.raises(ValueError, match="forecast clip 1 from: it has no frame"):
        model.predict([X[0], X[1][:0], X[2]])
    X[2] = np.nan
    with pytest.raises(ValueError, match="forecast clip 2 from: all pixels .* 8 frame"):
        model.predict(X)
    X[2, 0] = 1
    short = forecaster(context_length=3)
    with pytest.raises(ValueError, match="clip 2 from: all pixels of its last 3 frame"):
        short.predict(X)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(short.score(X))  # without clip 2
    with pytest.raises(
        ValueError, match=r"No clip .* more than 2 frames.*longest has 2"
    ):
        model.score(X[:, :2])
    with pytest.raises(ValueError, match="No clip of X can be scored"):
        model.score(np.ones((3, 5, 4, 4)))
    with pytest.raises(ValueError, match="All sample weights are zero"):
        model.score(X, sample_weight=[0, 0, 0])


# ---- what is not enough ---------------------------------------------------------


def test_what_is_not_used_is_said():
    X = moving(4)
    X = [X[0], X[1][:1], X[2], X[3].copy()]
    X[3][:] = np.nan
    model = ConvLSTMForecaster(**FIT)
    with pytest.warns(UserWarning, match=r"2 of the 4 clips .* clip 1, of 1 frame"):
        model.fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = clone(model).fit(X, sample_weight=[1, 0, 1, 0])
    other = forecaster([X[0], X[3], X[2]])  # units of the same frames
    assert_array_equal(again.predict(X[:1]), other.predict(X[:1]))
    with pytest.raises(ValueError, match=r"none of its 2 clips has a window.*1 frame"):
        clone(model).fit([X[1], X[3]])


def test_clips_shorter_than_the_horizon():
    X = [*moving(6, 4), moving(1)[0]]
    model = forecaster(X, horizon=7)
    assert model.predict(X).shape == (7, 7, 6, 8)
    # cut behind 2 and 3 frames, and the last one behind its first
    assert model.t_ == 3 * (12 + 1)
    assert np.isfinite(model.score(X))
    with pytest.raises(ValueError, match="more than 7 frames"):
        model.score(X[:6])
    message = (
        "horizon=7 needs a clip of at least 8 frames to learn from, but the longest, "
        "clip 0, has 4. Use a horizon of at most 3, or longer clips."
    )
    for short in (ConvLSTMForecaster(horizon=7), model.set_params(warm_start=True)):
        with pytest.raises(ValueError, match=message):
            short.fit(X[:6])
    with pytest.raises(ValueError, match="clip 1, has 4. Use"):
        ConvLSTMForecaster(horizon=7).fit(X, sample_weight=[0, *5 * [1], 0])
    # a pass over some clips need not show everything
    model = ConvLSTMForecaster(**{**FIT, "horizon": 7})
    assert model.partial_fit(X[:6]).partial_fit(X[6:]).t_ == 13


# ---- what is wrong ---------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.25, 1.5, 255])
def test_binary_needs_numbers_from_0_to_1(value):
    X = moving(4, channels=2)
    X = X / X.max()
    X[3, 6, 5, 2, 1] = value
    message = (
        r"loss='binary_cross_entropy' needs frames of values from 0 to 1, but X has "
        rf"{value:g} at clip 3, frame 6, pixel \(5, 2\), channel 1\. Divide"
    )
    params = {**FIT, "loss": "binary_cross_entropy"}
    with pytest.raises(ValueError, match=message):
        ConvLSTMForecaster(**params).fit(X)
    with pytest.raises(ValueError, match=message):
        ConvLSTMForecaster(**params).partial_fit(list(X))
    model = forecaster(X[:3], loss="binary_cross_entropy")
    for call in (model.predict, model.score):
        with pytest.raises(ValueError, match=message):
            call(X)
    with pytest.raises(ValueError, match=f"In X_val: {message}"):
        forecaster(X[:3], X_val=X, early_stopping=True, loss=params["loss"])
    with pytest.raises(ValueError, match="clip 1, frame 0, pixel"):
        model.predict_step(X[2:, 6], model.initial_state(2))
    good = with_gaps(X[:3])
    assert (np.abs(model.predict(good) - 0.5) <= 0.5).all()
    with pytest.raises(ValueError, match="Divide X by its largest value"):
        model.predict(np.full((1, 2, 6, 8, 2), 255, np.uint8))
    assert model.predict(np.ones((1, 2, 6, 8, 2), bool)).shape == (1, 2, 6, 8, 2)


@pytest.mark.parametrize("size, message", [
    ((6, 8), "the height, 6, is no multiple of 4. Pad it to 8, crop it to 4, or use"),
    ((8, 10), "the width, 10, is no multiple of 4. Pad it to 12, crop it to 8, or"),
    ((3, 8), "the height, 3, is no multiple of 4. Pad it to 4, or use a patch_size"),
])  # fmt: skip
def test_patches_have_to_fit(size, message):
    with pytest.raises(ValueError, match=message):
        forecaster(moving(3, 4, *size), patch_size=4)
    model = forecaster(moving(3, 4, 8, 4), patch_size=4)
    for call in (model.predict, model.score):
        with pytest.raises(ValueError, match=f"X has .*patch_size=4.*{message}"):
            call(moving(3, 4, *size))
    with pytest.raises(ValueError, match=f"The state is of .*{message}"):
        model.initial_state(1, *size)


def test_other_channels_than_in_the_fit():
    model = forecaster(moving(channels=3))
    assert model.n_features_in_ == 3
    with pytest.raises(
        ValueError, match=r"X has 2 features, .* expecting 3 features as"
    ):
        model.predict(moving(channels=2))
    with pytest.raises(ValueError, match=r"frames of X have shape \(6, 8\)"):
        model.predict(moving())
    with pytest.raises(ValueError, match=r"np.moveaxis\(X, 2, -1\)"):
        model.predict(np.moveaxis(moving(channels=3), -1, 2))
    with pytest.warns(UserWarning, match="channels come last. If they come first"):
        ConvLSTMForecaster(**FIT).fit(moving(4, 5, 3, 6, channels=6))


def test_an_axis_of_channels_or_none():
    X = moving()
    model, other = forecaster(X), forecaster(X[..., np.newaxis])
    assert_array_equal(model.predict(X), other.predict(X))
    assert_array_equal(model.predict(X[..., np.newaxis])[..., 0], model.predict(X))
    state = model.initial_state(2)
    a, _ = model.predict_step(X[:2, 0], state)
    b, _ = model.predict_step(X[:2, 0, ..., np.newaxis], state)
    assert_array_equal(a, b[..., 0])


@pytest.mark.parametrize("name, value", [
    ("hidden_channels", 0), ("hidden_channels", ()), ("hidden_channels", (4, 0.5)),
    ("hidden_channels", "many"), ("kernel_size", 0), ("kernel_size", 2.5),
    ("kernel_size", (3, 5)), ("patch_size", 0), ("patch_size", None), ("horizon", 0),
    ("context_length", 0), ("context_length", "auto"), ("loss", "huber"),
    ("windows_per_epoch", 0), ("dtype", "bfloat16"), ("dtype", "float16"),
    ("dtype", np.float16), ("peephole", "yes"), ("dropout", 1), ("batch_size", 0),
    ("validation_fraction", 0), ("learning_rate", 0.1), ("forget_bias", "auto"),
])  # fmt: skip
def test_parameters(name, value):
    model = ConvLSTMForecaster(**{**FIT, name: value})
    with pytest.raises(ValueError, match=name):
        model.fit(moving())
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("name", [
    "tbptt", "recurrent_dropout", "embedding_dim", "missing", "bidirectional",
    "pooling", "quantile", "cell", "n_jobs",
])  # fmt: skip
def test_what_is_no_parameter(name):
    with pytest.raises(TypeError, match=name):
        ConvLSTMForecaster(**{name: 1})
    with pytest.raises(ValueError, match=name):
        ConvLSTMForecaster().set_params(**{name: 1})


@pytest.mark.parametrize("weight, message", [
    ([1, 2], "sample_weight has shape"), (12 * [-1], "Negative values"),
    (12 * [0], "All sample weights are zero"), (12 * [np.nan], "NaN"),
])  # fmt: skip
def test_weights_that_are_none(weight, message):
    X = moving()
    with pytest.raises(ValueError, match=message):
        forecaster(X, weight)
    with pytest.raises(ValueError, match=message):
        ConvLSTMForecaster(**FIT).partial_fit(X, sample_weight=weight)


def test_a_minibatch_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(solver, "WITHOUT_A_LOOK", 0)
    monkeypatch.setattr(solver, "available_memory", lambda: (2**20, "a limit"))
    X = moving(20, 3, 32, 32)
    message = "batch_size=2 clips of up to .* 32 x 32 .*=64, needs .* smaller hidden_"
    with pytest.raises(MemoryError, match=message):
        ConvLSTMForecaster(64, horizon=1, batch_size=2).fit(X)


def test_few_of_many_where_nobody_says_how_many(monkeypatch):
    def size_of(n, **params):
        model = ConvLSTMForecaster(**{**FIT, "windows_per_epoch": None, **params})
        found = []
        monkeypatch.setattr(
            ConvLSTMForecaster, "_feed", lambda self, data, size, X: found.append(size)
        )
        with pytest.raises(AttributeError):
            model.fit(moving(n, 3))
        return found[0]

    assert [size_of(n) for n in (5, 32, 33, 400)] == [5, 32, 8, 8]
    monkeypatch.setattr(solver, "AUTO_BYTES", 3_000_000)
    assert 1 < size_of(400) < 8
    assert size_of(400, batch_size=20) == 20
    monkeypatch.setattr(solver, "AUTO_BYTES", 1)
    assert size_of(5) == 1


# ---- states ---------------------------------------------------------------------


def test_a_state_is_never_changed():
    X = moving(2)
    model = forecaster(with_gaps(moving()))
    state = model.initial_state(2)
    before = pickle.dumps(state)
    a, after = model.predict_step(X[:, 0], state)
    b, _ = model.predict_step(X[:, 0], state)
    assert_array_equal(a, b)
    assert pickle.dumps(state) == before
    copy = pickle.loads(pickle.dumps(after))
    assert_array_equal(
        model.predict_step(X[:, 1], copy)[0], model.predict_step(X[:, 1], after)[0]
    )


def test_states_of_other_kernels():
    model = forecaster()
    X = moving(2)
    _, state = model.predict_step(X[:, 0], model.initial_state(2))
    narrow = []
    for parts, units in zip(state.layers, FIT["hidden_channels"], strict=True):
        pixels = [part.reshape(2, 48, -1)[..., :units] for part in parts]
        narrow.append(tuple(part.reshape(2, -1) for part in pixels))
    other = state._replace(layers=tuple(narrow))
    assert_array_equal(
        model.predict_step(X[:, 1], other)[0], model.predict_step(X[:, 1], state)[0]
    )


@pytest.mark.parametrize("frame", [
    np.ones((6, 8)), np.ones((1, 6, 8)), np.ones((6, 8, 1)), np.ones((1, 6, 8, 1)),
    np.ones((6, 8), np.uint8).tolist(),
])  # fmt: skip
def test_a_frame_alone(frame):
    model = forecaster()
    frames, _ = model.predict_step(frame, model.initial_state())
    has_channels = np.shape(frame)[-1] == 1
    assert frames.shape == ((1, 2, 6, 8, 1) if has_channels else (1, 2, 6, 8))


@pytest.mark.parametrize("frame, error, message", [
    (np.ones((8, 6)), ValueError, r"X has shape \(8, 6\), but a frame of 1 clip"),
    (np.ones((2, 6, 8)), ValueError, r"shape \(2, 6, 8\)"),
    (np.full((6, 8), np.inf), ValueError, r"infinity.*pixel \(0, 0\)"),
    ("frame", TypeError, "Expected an array of shape"),
    (None, TypeError, "Expected an array of shape"),
    (np.full((6, 8), "a"), ValueError, "not numeric"),
])  # fmt: skip
def test_what_is_no_frame(frame, error, message):
    model = forecaster()
    with pytest.raises(error, match=message):
        model.predict_step(frame, model.initial_state())


def test_what_is_no_state():
    X = moving()
    model = forecaster(X)
    state = model.initial_state(12)
    layers = state.layers
    other = forecaster(X, hidden_channels=(4, 5)).initial_state(12)
    for bad, error, message in [
        (None, TypeError, "must be what initial_state"),
        ((1, 2), TypeError, "predict_step returns two values"),
        (other, ValueError, r"hidden_channels=\(4, 5\)"),
        (state._replace(layers=layers[:1]), ValueError, r"state.layers has 1 part"),
        (state._replace(network={}), ValueError, "state.network must be a dict"),
        (state._replace(network=None), ValueError, "state.network must be a dict"),
        (state._replace(seen=None), ValueError, "state.seen"),
        (state._replace(seen=state.seen[:3]), ValueError, "state.seen"),
        (
            state._replace(network={**state.network, "height": 7}),
            ValueError, r"state.layers\[0\], the hidden state, has shape",
        ),
        (
            state._replace(layers=(layers[0], (layers[1][0], layers[1][1][:3]))),
            ValueError, r"layers\[1\], the cell state, has shape",
        ),
        (
            state._replace(layers=((layers[0][0] * np.nan, layers[0][1]), layers[1])),
            ValueError, r"layers\[0\], the hidden state, holds nan",
        ),
        (
            state._replace(layers=((layers[0][0] * 1.0j, layers[0][1]), layers[1])),
            TypeError, "has dtype complex64",
        ),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            model.predict_step(X[:, 0], bad)


@pytest.mark.parametrize("given, error, message", [
    ((0,), ValueError, "n_clips"), ((1.5,), TypeError, "n_clips"),
    ((1, 0, 3), ValueError, "height"), ((1, 4, "b"), TypeError, "width"),
    ((10**6, 10**4, 10**4), MemoryError, "n_clips=1000000 clips of 10000 x 10000"),
])  # fmt: skip
def test_states_that_cannot_be(given, error, message):
    model = forecaster()
    with pytest.raises(error, match=message):
        model.initial_state(*given)


# ---- around -------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["pickle", "joblib", "skops"])
def test_saved(way, tmp_path):
    model, X = forecaster(with_gaps(moving()), early_stopping=True), moving()
    if way == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif way == "joblib":
        joblib.dump(model, tmp_path / "model")
        other = joblib.load(tmp_path / "model", mmap_mode="r")
    else:
        io = pytest.importorskip("skops.io")
        # nothing of it is of a type that nobody knows
        other = io.loads(io.dumps(model), trusted=["sklstm.ConvLSTMForecaster"])
    assert_array_equal(other.predict(X), model.predict(X))
    state = other.initial_state(12)
    frames, _ = other.predict_step(X[:, 0], state)
    assert_array_equal(frames, model.predict(X[:, :1]))


@since_1_9
def test_callbacks_see_the_clips():
    X = moving()
    weight = np.arange(12) % 3
    listener = Listener()
    model = ConvLSTMForecaster(**FIT).set_callbacks(listener).fit(X, None, weight)
    (given,) = listener.given("end", "fit")
    assert_array_equal(np.stack(list(given["X"])), X)
    assert_array_equal(given["metadata"]["sample_weight"], weight)
    # what is told can be predicted and scored on
    fitted = listener.epochs()
    assert [len(epoch.loss_curve_) for epoch in fitted] == [1, 2, 3]
    assert fitted[-1].score(given["X"]) == model.score(X)
    assert_array_equal(fitted[-1].predict(given["X"][:3]), model.predict(X[:3]))
    assert fitted[0].score(X) != model.score(X)
    stopped = ConvLSTMForecaster(**FIT).set_callbacks(Listener(lambda *_: True))
    assert stopped.fit(X).n_iter_ == 1


def test_clone_and_set_params():
    model = ConvLSTMForecaster((4, 3), kernel_size=5, loss="absolute_error")
    other = clone(model)
    assert other.get_params() == model.get_params()
    assert "kernel_size=5" in repr(model)
    assert other.set_params(horizon=3).horizon == 3
    assert model.horizon == 10
