"""The bundled data: what the sources say, numbers copied from them by hand."""

import sys
from importlib import resources

import numpy as np
import pytest

from sklstm.datasets import load_beijing_pm25, load_japanese_vowels
from sklstm.datasets._resources import read_arrays
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("error")


# ---- Japanese vowels --------------------------------------------------------------

# Utterances per speaker, as the donors list them.
VOWEL_COUNTS = {
    "train": [30] * 9,
    "test": [31, 35, 88, 44, 29, 24, 40, 50, 29],
}


@pytest.mark.parametrize("subset", ["train", "test"])
def test_vowels_are_as_published(subset):
    X, y = load_japanese_vowels(subset=subset, return_X_y=True)
    assert isinstance(X, SequenceArray)
    assert X.dtype == np.float64
    assert X.shape == (sum(VOWEL_COUNTS[subset]), None, 12)
    assert y.dtype == np.int64
    # Speakers come in blocks, 1 to 9.
    np.testing.assert_array_equal(y, np.repeat(np.arange(1, 10), VOWEL_COUNTS[subset]))
    assert X.lengths.min() == 7
    assert X.lengths.max() == {"train": 26, "test": 29}[subset]
    assert np.isfinite(X.data).all()


def test_vowels_have_the_numbers_of_the_source():
    X, _ = load_japanese_vowels(return_X_y=True)
    assert len(X[0]) == 20
    # The first utterance: the first channel, then the beginning of the next two.
    channel = [1.860936, 1.891651, 1.939205, 1.717517, 1.741191, 1.684695, 1.637373]
    channel += [1.643283, 1.60703, 1.617907, 1.51035, 1.371225, 1.299045, 1.221498]
    channel += [1.181849, 1.16163, 1.19499, 1.264847, 1.250698, 1.261441]
    np.testing.assert_array_equal(X[0][:, 0], channel)
    np.testing.assert_array_equal(X[0][:3, 1], [-0.207383, -0.193249, -0.239664])
    np.testing.assert_array_equal(X[0][:3, 2], [0.261557, 0.235363, 0.258561])
    np.testing.assert_array_equal(X[-1][-1], LAST_TRAIN)
    X, _ = load_japanese_vowels(subset="test", return_X_y=True)
    np.testing.assert_array_equal(X[-1][-1], LAST_TEST)


# fmt: off
LAST_TRAIN = [
    0.966744, -0.323093, 0.305467, -0.419457, 0.514195, -0.31106,
    -0.033985, 0.154038, -0.389686, -0.089183, 0.16625, 0.173642,
]
LAST_TEST = [
    1.177449, -0.40408, 0.052026, -0.284812, 0.42984, -0.203484,
    -0.072393, -0.080955, -0.244424, -0.001849, -0.016634, 0.224688,
]
# fmt: on


def test_vowels_all_is_train_and_test():
    X, y = load_japanese_vowels(subset="all", return_X_y=True)
    parts = [load_japanese_vowels(subset=s, return_X_y=True) for s in ("train", "test")]
    assert X[:270] == parts[0][0]
    assert X[270:] == parts[1][0]
    np.testing.assert_array_equal(y, np.concatenate([part[1] for part in parts]))


def test_vowels_bunch():
    bunch = load_japanese_vowels()
    X, y = load_japanese_vowels(return_X_y=True)
    assert bunch.data == X
    np.testing.assert_array_equal(bunch.target, y)
    assert len(bunch.feature_names) == len(set(bunch.feature_names)) == 12
    np.testing.assert_array_equal(bunch.target_names, np.unique(y))
    assert "CC BY 4.0" in bunch.DESCR
    assert "Kudo" in bunch.DESCR


# ---- Beijing PM2.5 ----------------------------------------------------------------


def windows(**options):
    bunch = load_beijing_pm25(**options)
    assert len(bunch.data) == len(bunch.target) == len(bunch.time)
    return bunch


def test_pm25_is_as_published():
    # Every hour of two years, from windows of one step.
    hours = windows(subset="all", n_hours=1, horizon=1, missing="keep")
    assert hours.data.shape == (17519 - 181, None, 11)
    table = dict(zip(hours.feature_names, hours.data.data.T, strict=True))
    direction = np.stack([table[f"wind_{d}"] for d in ("ne", "nw", "se", "calm")])
    np.testing.assert_array_equal(direction.sum(axis=0), 1)
    assert set(np.unique(direction)) == {0, 1}
    pm25 = table["pm2.5"]
    assert (np.nanmin(pm25), np.nanmax(pm25)) == (2, 886)
    for name, low, high in PM25_RANGES:
        assert (table[name].min(), table[name].max()) == (low, high), name


PM25_RANGES = [
    ("dew_point", -40, 26),
    ("temperature", -17, 42),
    ("pressure", 991, 1046),
    ("wind_speed", 0.45, 490.38),
    ("snow", 0, 23),
    ("rain", 0, 25),
]


def test_pm25_has_the_numbers_of_the_source():
    bunch = windows(subset="train", n_hours=3, horizon=2)
    i = list(bunch.time).index(np.datetime64("2013-01-01T04"))
    np.testing.assert_array_equal(bunch.data[i], FIRST_HOURS)
    assert bunch.target[i] == FIRST_TARGET


# fmt: off
# 2013-01-01, hours 0 to 2, and PM2.5 of hour 4
FIRST_HOURS = [
    [35, -10, -5, 1018, 0, 1, 0, 0, 5.81, 0, 0],
    [31, -11, -7, 1017, 0, 1, 0, 0, 9.83, 0, 0],
    [32, -11, -7, 1017, 0, 1, 0, 0, 11.62, 0, 0],
]
FIRST_TARGET = 16
# fmt: on


@pytest.mark.parametrize("horizon", [1, 6, 24])
@pytest.mark.parametrize("n_hours", [1, 24])
def test_pm25_windows_by_a_slow_way(n_hours, horizon):
    arrays = read_arrays("beijing_pm25.npz")
    pm25, dew_point = arrays["pm25"].tolist(), arrays["dew_point"].tolist()
    times, targets, sequences = [], [], []
    for hour in range(8760, 17520):  # 2014
        last = hour - horizon
        window = range(last - n_hours + 1, last + 1)
        if pm25[hour] >= 0 and all(pm25[i] >= 0 for i in window):
            times.append(np.datetime64("2013-01-01T00") + hour)
            targets.append(pm25[hour])
            sequences.append([[pm25[i], dew_point[i]] for i in window])
    bunch = windows(subset="test", n_hours=n_hours, horizon=horizon)
    np.testing.assert_array_equal(bunch.time, times)
    np.testing.assert_array_equal(bunch.target, targets)
    np.testing.assert_array_equal(bunch.data.lengths, n_hours)
    np.testing.assert_array_equal(bunch.data.to_padded()[:, :, :2], sequences)


def test_pm25_missing_values():
    dropped, kept = windows(), windows(missing="keep")
    assert np.isfinite(dropped.data.data).all()
    with_gaps = np.array([np.isnan(x).any() for x in kept.data])
    assert 0 < with_gaps.sum() < len(kept.data)
    assert kept.data[~with_gaps] == dropped.data
    np.testing.assert_array_equal(kept.time[~with_gaps], dropped.time)
    # PM2.5 is the only feature with gaps.
    assert not np.isnan(kept.data.data[:, 1:]).any()
    assert np.isfinite(kept.target).all()
    # 82 hours of 2013 have no PM2.5 and the first day has no full window.
    assert len(kept.target) == 8760 - 82 - 24


def test_pm25_subsets_share_no_target():
    train, test, both = (windows(subset=s) for s in ("train", "test", "all"))
    assert train.time.max() < np.datetime64("2014-01-01T00") <= test.time.min()
    np.testing.assert_array_equal(both.time, np.concatenate([train.time, test.time]))
    assert both.data[: len(train.data)] == train.data
    assert both.data[len(train.data) :] == test.data


@pytest.mark.parametrize(
    ("horizon", "rmse", "mae"), [(1, 22.3, 12.0), (6, 61.7, 38.8), (24, 99.2, 67.5)]
)
def test_persistence_is_as_described(horizon, rmse, mae):
    bunch = windows(subset="test", horizon=horizon)
    error = bunch.target - bunch.data.data[bunch.data.offsets[1:] - 1, 0]
    assert round(np.sqrt(np.mean(error**2)), 1) == rmse
    assert round(np.mean(np.abs(error)), 1) == mae
    row = " ".join(bunch.DESCR.split())
    assert f"{horizon} h {rmse} {mae}" in row


def test_pm25_counts_are_as_described():
    bunch = windows()
    described = f"{len(bunch.data)} train, {len(windows(subset='test').data)} test"
    assert described in bunch.DESCR
    assert "CC BY 4.0" in bunch.DESCR
    assert "Liang" in bunch.DESCR
    for name in bunch.feature_names:
        assert f"``{name}``" in bunch.DESCR
    assert bunch.target_names == ["pm2.5"]
    X, y = load_beijing_pm25(return_X_y=True)
    assert X == bunch.data
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize(
    "subset, hours", [("train", 8760), ("test", 8760), ("all", 17520)]
)
def test_pm25_as_frame(subset, hours):
    """All hours in order, with the numbers that the windows have."""
    pytest.importorskip("pandas")
    bunch = windows(subset=subset, n_hours=2, horizon=1, as_frame=True)
    frame = bunch.frame
    assert frame.columns.tolist() == ["unique_id", "ds", *bunch.feature_names]
    first = np.datetime64("2014-01-01" if subset == "test" else "2013-01-01", "h")
    np.testing.assert_array_equal(frame["ds"], first + np.arange(hours))
    assert set(frame["unique_id"]) == {"Beijing"}
    missing = {"train": 82, "test": 99, "all": 181}[subset]
    assert frame["pm2.5"].isna().sum() == frame.isna().sum().sum() == missing
    by_time = frame.set_index("ds")[bunch.feature_names]
    whole = bunch.time - np.timedelta64(2, "h") >= first
    for back, step in ((2, 0), (1, 1)):
        rows = by_time.loc[bunch.time[whole] - np.timedelta64(back, "h")]
        steps = bunch.data[whole].data[step::2]
        np.testing.assert_array_equal(rows, steps)


def test_pm25_as_frame_where_it_cannot_be(monkeypatch):
    assert "frame" not in load_beijing_pm25()
    with pytest.raises(ValueError, match="return_X_y=True has no place for the frame"):
        load_beijing_pm25(return_X_y=True, as_frame=True)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas: pip install pandas"):
        load_beijing_pm25(as_frame=True)


# ---- both -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loader", "options"),
    [
        (load_japanese_vowels, {"subset": "validation"}),
        (load_japanese_vowels, {"return_X_y": "yes"}),
        (load_beijing_pm25, {"subset": None}),
        (load_beijing_pm25, {"n_hours": 0}),
        (load_beijing_pm25, {"n_hours": 2.0}),
        (load_beijing_pm25, {"horizon": 0}),
        (load_beijing_pm25, {"horizon": 673}),
        (load_beijing_pm25, {"missing": "impute"}),
        (load_beijing_pm25, {"as_frame": "pandas"}),
    ],
)
def test_bad_parameters(loader, options):
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter"):
        loader(**options)


def test_loaders_give_new_arrays():
    for loader in (load_japanese_vowels, load_beijing_pm25):
        X, _ = loader(return_X_y=True)
        again, _ = loader(return_X_y=True)
        assert again == X and not np.shares_memory(again.data, X.data)


def test_files_are_small_and_hold_no_pickles():
    total = 0
    for file in resources.files("sklstm.datasets").joinpath("data").iterdir():
        with file.open("rb") as f:
            total += len(f.read())
            if file.name.endswith(".tsv.gz"):  # text, see test_datasets_of_text.py
                continue
            f.seek(0)
            with np.load(f, allow_pickle=False) as arrays:
                assert all(array.dtype != object for array in arrays.values())
    assert 0 < total < 1_000_000
