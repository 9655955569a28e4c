"""LogMel: against librosa's numbers and a slow definition, and what it refuses."""

import pickle
import sys
from array import array
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import get_window
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, LogMel, TimeDistributed
from sklstm.sequences import SequenceArray

DATA = Path(__file__).parent / "data"
sys.path.insert(0, str(DATA))
from make_librosa_numbers import CASES, PATH  # noqa: E402

RNG = np.random.default_rng(0)
LENGTHS = [0, 1, 30, 159, 160, 161, 400, 1000, 2345]
SOUNDS = [0.1 * RNG.standard_normal(n) for n in LENGTHS]


@pytest.fixture(scope="module")
def librosa():
    with np.load(PATH) as numbers:
        yield dict(numbers)


@pytest.mark.parametrize("name", CASES)
def test_librosa(librosa, name):
    mel = LogMel(**CASES[name]).fit([librosa["sound"]])
    assert_allclose(mel.filter_bank_, librosa[f"{name}_bank"], rtol=1e-12, atol=1e-16)
    frames = mel.transform([librosa["sound"]])
    assert_allclose(frames[0], librosa[name], rtol=1e-10, atol=1e-10)
    assert (frames.data == np.log(1e-10)).any() == mel.center  # of the silence


def slow(x, mel):
    """Frames of one sound by the definition."""
    win, hop, n_fft = mel.win_length_, mel.hop_length_, mel.n_fft_
    x = np.append(x[:1], x[1:] - mel.preemphasis * x[:-1])
    at = np.arange(0, len(x) + 1, hop) if len(x) else np.arange(0)
    lead = n_fft // 2 - (n_fft - win) // 2
    if not mel.center:
        lead, at = 0, np.array([t for t in at if t + win <= len(x)], int)
    x = np.pad(x, win)
    window = get_window(mel.window, win)
    frames = []
    for t in at:
        cut = x[win + t - lead :][:win] * window
        k, j = np.arange(n_fft // 2 + 1), np.arange(win)
        spectrum = np.exp(-2j * np.pi * np.outer(k, j) / n_fft) @ cut
        power = mel.filter_bank_ @ np.abs(spectrum) ** 2
        frames.append(np.log(np.maximum(power, mel.amin)))
    return np.array(frames).reshape(len(at), mel.n_mels)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"center": False},
        {"preemphasis": 0.97},
        {"preemphasis": 1, "center": False, "win_length": 0.02, "hop_length": 0.05},
        {"win_length": 1, "hop_length": 1, "n_fft": 512, "n_mels": 3},
        {"win_length": 301, "n_fft": 700, "window": ("kaiser", 8.0), "htk": True},
        {"amin": 1e-3, "fmin": 300, "fmax": 3000, "norm": None},
    ],
    ids=str,
)
def test_sounds_of_every_length(params):
    mel = LogMel(**params)
    X = SOUNDS[:-1] if params.get("hop_length") == 1 else SOUNDS
    frames = mel.fit_transform(X)
    for x, got in zip(X, frames, strict=True):
        assert_allclose(got, slow(x, mel), rtol=1e-9, atol=1e-9)


def test_number_of_frames():
    mel = LogMel(win_length=400, hop_length=160)
    assert mel.fit_transform(SOUNDS).lengths.tolist() == [0, 1, 1, 1, 2, 2, 3, 7, 15]
    mel.set_params(center=False)
    assert mel.fit_transform(SOUNDS).lengths.tolist() == [0] * 6 + [1, 4, 13]
    nothing = mel.transform(SOUNDS[:1])
    assert nothing.shape == (1, None, 40) and len(nothing.data) == 0


def test_lengths_in_seconds_and_samples():
    mel = LogMel(8000).fit(SOUNDS)
    assert (mel.win_length_, mel.hop_length_, mel.n_fft_) == (200, 80, 256)
    assert len(mel.frequencies_) == 40
    same = LogMel(8000, win_length=np.int16(200), hop_length=80, n_fft=0.032)
    assert same.fit_transform(SOUNDS) == mel.transform(SOUNDS)
    mel = LogMel(np.float32(44100), win_length=np.float32(0.02)).fit(SOUNDS)
    assert (mel.win_length_, mel.hop_length_, mel.n_fft_) == (882, 441, 1024)


@pytest.mark.parametrize("n_mels", [1, 2, 23, 80, 256])
@pytest.mark.parametrize("htk", [False, True])
def test_no_band_is_empty(n_mels, htk):
    mel = LogMel(8000, n_mels=n_mels, htk=htk).fit(SOUNDS)
    assert mel.filter_bank_.shape == (n_mels, mel.n_fft_ // 2 + 1)
    assert (mel.filter_bank_.max(axis=1) > 0).all()
    if mel.n_fft_ > 256:
        with pytest.raises(ValueError, match=r"no frequency in band \d+ of n_mels="):
            mel.set_params(n_fft=mel.n_fft_ // 2).fit(SOUNDS)


@pytest.mark.parametrize("htk", [False, True])
def test_a_tone_is_loudest_in_its_band(htk):
    mel = LogMel(16000, n_mels=30, htk=htk).fit(SOUNDS)
    t = np.arange(1600) / 16000
    tones = [np.sin(2 * np.pi * f * t) for f in mel.frequencies_[3:]]
    frames = mel.transform(tones)
    assert [x[5].argmax() for x in frames] == list(range(3, 30))


# ---- bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"center": False}, {"preemphasis": 0.97}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_sound_has_the_same_frames_in_any_company(params, dtype):
    X = [(x * 3000).astype(dtype) for x in SOUNDS]
    mel = LogMel(**params).fit(X)
    frames = mel.transform(X)
    assert frames.dtype == (np.float32 if dtype == np.float32 else np.float64)
    for i in range(len(X)):
        assert_array_equal(mel.transform(X[i : i + 1])[0], frames[i])
    order = RNG.permutation(len(X))
    shuffled = mel.transform([X[i] for i in order])
    for place, i in enumerate(order):
        assert_array_equal(shuffled[place], frames[i])


def test_blocks_have_no_bits_of_their_own(monkeypatch):
    mel = LogMel(preemphasis=0.9)
    expected = mel.fit_transform(SOUNDS)
    for block in (1, 512 * 3, 512 * 7):
        monkeypatch.setattr("sklstm.preprocessing._log_mel.BLOCK", block)
        assert mel.transform(SOUNDS) == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 500), st.integers(1, 200), st.integers(1, 250))
def test_a_frame_is_that_of_its_samples_alone(n, hop, win):
    """What is heard later changes no earlier frame."""
    x = np.random.default_rng(n).standard_normal(n + 300)
    mel = LogMel(n_mels=5, win_length=win, hop_length=hop, n_fft=256, center=False)
    whole = mel.fit_transform([x])[0]
    part = mel.transform([x[:n]])[0]
    assert_array_equal(whole[: len(part)], part)
    if len(whole):
        start = hop * (len(whole) - 1)
        assert_array_equal(mel.transform([x[start : start + win]])[0], whole[-1:])


# ---- containers ----------------------------------------------------------------------


def test_containers():
    X = [x[:300] for x in SOUNDS[-3:]]
    mel = LogMel().fit(X)
    expected = mel.transform(X)
    assert type(expected) is SequenceArray
    matrix = np.stack(X)
    for same in (
        tuple(X),
        matrix,
        matrix[:, :, None],
        matrix.tolist(),
        [x[:, None] for x in X],
        pd.Series(X),
        pd.DataFrame(matrix),
        SequenceArray.from_list(X),
        np.array([*X, None], dtype=object)[:3],
    ):
        got = mel.transform(same)
        assert type(got) is SequenceArray and got == expected
        assert got.feature_names is None
    padded = SequenceArray.from_list(SOUNDS[2:5]).to_padded()
    assert mel.transform(padded) == mel.transform(SOUNDS[2:5])
    assert mel.transform(matrix[:, :200]).lengths.tolist() == [2, 2, 2]


def test_keys_and_names():
    X = SequenceArray(np.ones((3, 1)), [0, 2, 3], ids=["a", "b"], times=[1, 2, 1])
    mel = LogMel(n_mels=3)
    frames = mel.fit_transform(X)
    assert frames.ids.tolist() == ["a", "b"] and frames.times is None
    names = ["mel0", "mel1", "mel2"]
    assert mel.get_feature_names_out().tolist() == names
    assert mel.get_feature_names_out(["x"]).tolist() == names
    for library in ("pandas", "polars"):
        got = clone(mel).set_output(transform=library).fit_transform(X)
        assert got == frames and list(got.feature_names) == names
        with config_context(transform_output=library):
            assert list(mel.transform(X).feature_names) == names
    assert mel.set_output(transform="default").transform(X).feature_names is None


@pytest.mark.parametrize(
    "dtype, silence, scale",
    [(np.uint8, 128, 2**7), (np.int16, 0, 2**15), (np.int32, 0, 2**31)],
)
def test_integers_are_read_as_in_wav_files(dtype, silence, scale):
    X = [np.round(0.5 * scale * x + silence).astype(dtype) for x in SOUNDS]
    floats = [(x.astype(float) - silence) / scale for x in X]
    mel = LogMel()
    expected = mel.fit_transform(floats)
    assert mel.transform(X) == expected
    object_array = np.empty(len(X), object)
    object_array[:] = X
    assert mel.transform(object_array) == expected
    assert mel.transform(pd.Series(X)) == expected
    assert mel.transform([pd.Series(x) for x in X]) == expected
    assert mel.transform([*floats[:4], *X[4:]]) == expected
    table = np.stack([x[:300] for x in X[-3:]])
    expected = mel.transform([x[:300] for x in floats[-3:]])
    for same in (table, table[:, :, None], pd.DataFrame(table), list(table)):
        assert mel.transform(same) == expected
    array = SequenceArray.from_list([x.astype(float) - silence for x in X])
    scaled = clone(mel).set_params(full_scale=scale).fit_transform(array)
    assert scaled == mel.transform(floats)


def test_integers_of_packages():
    x = np.round(3000 * SOUNDS[-1]).astype(np.int16)
    expected = LogMel().fit_transform([x])
    polars = pytest.importorskip("polars")
    for same in (
        polars.Series(x),
        polars.DataFrame({"x": x}),
        pd.DataFrame({"x": x}),
        pd.Series(x, dtype="Int16"),
        memoryview(x),
        array("h", x),
    ):
        assert LogMel().fit_transform([same]) == expected
    for kind in (float, np.int64):
        as_they_are = LogMel(full_scale=2**15).fit_transform([x.astype(kind)])
        assert as_they_are == expected


def test_integers_of_torch():
    torch = pytest.importorskip("torch")
    x = np.round(3000 * SOUNDS[-1]).astype(np.int16)
    expected = LogMel().fit_transform([x])
    tensor = torch.from_numpy(x)
    assert LogMel().fit_transform([tensor]) == expected
    assert LogMel().fit_transform(tensor[None]) == expected


def test_in_a_pipeline():
    rng = np.random.default_rng(1)
    y = np.arange(30) % 2
    t = [np.arange(n) / 8000 for n in rng.integers(700, 1500, 30)]
    X = [np.sin(2 * np.pi * (400 + 600 * c) * s) for s, c in zip(t, y, strict=True)]
    model = make_pipeline(
        LogMel(8000, n_mels=12),
        FrameStacker(3),
        TimeDistributed(StandardScaler()),
        LSTMClassifier(8, max_iter=30, random_state=0, learning_rate_init=0.01),
    )
    model.fit(X, y)
    assert model.score(X, y) == 1
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_proba(X[:3]), model.predict_proba(X)[:3])
    assert len(model[:-1].get_feature_names_out()) == 36


# ---- refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, match",
    [
        ({"sample_rate": 0}, "'sample_rate' parameter of LogMel"),
        ({"sample_rate": np.inf}, "'sample_rate' parameter of LogMel"),
        ({"sample_rate": "8000"}, "'sample_rate' parameter of LogMel"),
        ({"sample_rate": True}, "'sample_rate' parameter of LogMel must not be a bool"),
        ({"n_mels": 0}, "'n_mels' parameter of LogMel"),
        ({"n_mels": 40.0}, "'n_mels' parameter of LogMel"),
        ({"win_length": 0}, "'win_length' parameter of LogMel"),
        ({"win_length": 400.0}, "'win_length' parameter of LogMel"),
        ({"win_length": True}, "'win_length' parameter of LogMel must not be a bool"),
        ({"hop_length": None}, "'hop_length' parameter of LogMel"),
        ({"hop_length": 1e-5}, "hop_length=1e-05 seconds is less than a sample at"),
        ({"n_fft": 256}, "n_fft=256 is 256 samples, in which a window of 400 has no"),
        ({"n_fft": -1}, "'n_fft' parameter of LogMel"),
        ({"n_mels": 200, "n_fft": 512}, "n_fft=512 has no frequency in band 0 of n_"),
        ({"n_mels": 10**5}, "n_mels=100000 makes bands as narrow as from 0 to"),
        ({"window": "hat"}, "window='hat' is none that scipy.signal.get_window knows"),
        ({"window": None}, "'window' parameter of LogMel"),
        ({"center": "yes"}, "'center' parameter of LogMel"),
        ({"fmax": 8001}, "fmax=8001 is more than half of sample_rate=16000"),
        ({"fmin": 8000}, "fmin=8000 must be less than fmax, which is 8000 Hz"),
        ({"fmin": -1}, "'fmin' parameter of LogMel"),
        ({"fmin": np.nan}, "'fmin' parameter of LogMel"),
        ({"fmax": np.inf}, "'fmax' parameter of LogMel"),
        ({"amin": np.inf}, "'amin' parameter of LogMel"),
        ({"htk": None}, "'htk' parameter of LogMel"),
        ({"norm": 1}, "'norm' parameter of LogMel"),
        ({"preemphasis": 1.5}, "'preemphasis' parameter of LogMel"),
        ({"amin": 0}, "'amin' parameter of LogMel"),
        ({"full_scale": "max"}, "'full_scale' parameter of LogMel"),
        ({"full_scale": 0}, "'full_scale' parameter of LogMel"),
    ],
    ids=str,
)
def test_bad_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        LogMel(**params).fit(SOUNDS)


IDS = SequenceArray([[1], [0]], [0, 2], vocabulary=["a", "b"])
NAN = [SOUNDS[4], np.where(np.arange(400) == 7, np.nan, SOUNDS[6])]


@pytest.mark.parametrize(
    "X, match",
    [
        (NAN, "NaN.*[Ss]ample 1.*step 7"),
        ([SOUNDS[4], np.where(np.arange(400) == 7, np.inf, SOUNDS[6])], "infinity"),
        (SOUNDS[4], "1D array.*single sequence x is X = "),
        ([np.zeros((300, 2))], r"shape \(300, 2\).*2 channels of 300 samples.*mean"),
        (np.zeros((4, 300, 2)), r"shape \(300, 2\).*2 channels of 300 samples"),
        ([np.zeros((2, 300))], r"300 channels of 2 samples.*x.mean\(axis=0\) where"),
        (IDS, "holds ids of tokens"),
        (["a.wav"], "text"),
        ([], "0 sample"),
        ([np.zeros(4, complex)], "[Cc]omplex"),
    ],
    ids=str,
)
def test_bad_sounds(X, match):
    mel = LogMel().fit(SOUNDS)
    before = dict(vars(mel))
    for method in (mel.fit, mel.transform, mel.fit_transform):
        with pytest.raises((ValueError, TypeError), match=match):
            method(X)
    assert vars(mel) == before


def test_too_loud():
    X = [SOUNDS[-1], SOUNDS[-2], SOUNDS[-1] * 1e200]
    with pytest.raises(ValueError, match=r"Sample 2 holds values of up to .*e\+199.*"):
        LogMel().fit_transform(X)
    assert np.isfinite(LogMel(full_scale=1e200).fit_transform(X).data).all()


def test_a_failed_fit_leaves_an_earlier_one():
    mel = LogMel(8000).fit(SOUNDS)
    expected = mel.transform(SOUNDS)
    with pytest.raises(ValueError, match="fmax"):
        mel.set_params(fmax=10_000).fit(SOUNDS)
    assert mel.transform(SOUNDS) == expected


def test_sounds_are_not_written_to():
    X = [x.copy() for x in SOUNDS]
    LogMel(preemphasis=0.97).fit_transform(X)
    for x, given_ in zip(SOUNDS, X, strict=True):
        assert_array_equal(x, given_)


def test_copies():
    mel = LogMel(8000, n_mels=9, preemphasis=0.5).fit(SOUNDS)
    expected = mel.transform(SOUNDS)
    assert pickle.loads(pickle.dumps(mel)).transform(SOUNDS) == expected
    assert clone(mel).fit(SOUNDS).transform(SOUNDS) == expected
    with pytest.raises(AttributeError):
        clone(mel).filter_bank_  # noqa: B018
