"""SequenceArray.from_npy: a folder of files as one array of sequences."""

import os
import pickle
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, train_test_split

import sklstm.dask
from sklstm import LSTMClassifier, LSTMForecaster, LSTMRegressor, SequenceArray
from sklstm.sequences import check_sequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
SMALL = {"random_state": 0, "max_iter": 2, "batch_size": 5}


@pytest.fixture
def both(tmp_path):
    """Sequences in files, and in memory."""
    padded = RNG.standard_normal((7, 5, 3)).astype(np.float32)
    one, several = (RNG.standard_normal((n, 3)).astype(np.float32) for n in (9, 20))
    np.save(tmp_path / "part-2.npy", padded)
    np.save(tmp_path / "part-10.npy", one)
    np.save(tmp_path / "part-9.npy", np.asfortranarray(several))
    np.save(tmp_path / "part-9.offsets.npy", np.array([0, 4, 4, 20]))
    here = [*padded, several[:4], several[:0], several[4:], one]
    return SequenceArray.from_npy(tmp_path), SequenceArray.from_list(here)


def test_the_sequences(both):
    there, here = both
    assert there == here
    assert there.dtype == np.float32
    assert len(pickle.dumps(there)) < 2000
    assert pickle.loads(pickle.dumps(there)) == here


@pytest.mark.parametrize(
    "model",
    [
        LSTMClassifier(4, **SMALL),
        LSTMClassifier(4, **SMALL | {"batch_size": 100}),
        LSTMClassifier(4, early_stopping=True, validation_fraction=0.3, **SMALL),
        LSTMClassifier(4, dtype="float64", **SMALL),
        LSTMClassifier(4, dtype="bfloat16", missing="indicator", **SMALL),
        LSTMClassifier(4, missing="ffill", tbptt=2, **SMALL),
        LSTMRegressor(4, solver="lbfgs", random_state=0, max_iter=2),
    ],
    ids=range(7),
)
def test_a_fit(both, model):
    y = np.arange(11) % 3
    there, here = (model.fit(X, y).weights_ for X in both)
    for name in here:
        assert_array_equal(there[name], here[name], err_msg=name)
    for method in ("predict", "transform"):
        read = getattr(model, method)
        assert_array_equal(read(both[0]), read(both[1]), err_msg=method)


def test_what_reads_all_of_it(tmp_path):
    series = RNG.standard_normal((3, 40, 1))
    np.save(tmp_path / "a.npy", series)
    X = SequenceArray.from_npy(tmp_path)
    there, here = (
        LSTMForecaster(3, random_state=0, max_iter=2).fit(x).predict(x)
        for x in (X, SequenceArray.from_padded(series))
    )
    assert_array_equal(there, here)


def test_in_parts_a_search_and_a_split(both):
    y = np.arange(11) % 2
    results = []
    for X in both:
        model = sklstm.dask.fit(LSTMClassifier(4, **SMALL), X, y, n_parts=2)
        search = GridSearchCV(
            LSTMClassifier(4, **SMALL), {"learning_rate_init": [0.01, 0.1]}, cv=2
        ).fit(X, y)
        train, _ = train_test_split(X, random_state=0)
        results.append((model.loss_curve_, search.best_score_, train))
    assert results[0] == results[1]


def test_integers_and_float64(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3, 1))
    X = SequenceArray.from_npy(tmp_path)
    assert X.dtype == np.float64
    assert_array_equal(X[1], [[3.0], [4], [5]])
    np.save(tmp_path / "b.npy", np.ones((2, 1), np.float32))
    assert SequenceArray.from_npy(tmp_path).dtype == np.float64
    assert SequenceArray.from_npy(str(tmp_path), "b*").dtype == np.float32
    np.save(tmp_path / "c.npy", np.ones(4, np.float32))
    assert SequenceArray.from_npy(tmp_path, "[bc].npy").lengths.tolist() == [2, 4]


def test_missing_values_are_named(tmp_path):
    x = np.ones((30, 4000, 3), np.float32)
    x[20, 7, 1] = np.nan
    np.save(tmp_path / "a.npy", x[:15])
    np.save(tmp_path / "b.npy", x[15:])
    X = SequenceArray.from_npy(tmp_path)
    with pytest.raises(ValueError, match="NaN: sample 20, step 7, feature 1"):
        check_sequences(X)
    with pytest.raises(ValueError, match="NaN: sample 20, step 7, feature 1"):
        LSTMClassifier(4).fit(X, np.arange(30) % 2)


def save(folder, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name.replace('__', '.')}.npy", array)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"a": np.ones((2, 3)), "b": np.ones((2, 4))},
         r"b\.npy has 4 features, but 3 are expected as in a\.npy"),
        ({"a": np.array(["x"])}, r"a\.npy holds <U1, which are no real numbers"),
        ({"a": np.array([None])}, r"a\.npy cannot be read as an array of numbers"),
        ({"a": np.ones(())}, r"a\.npy holds an array of shape \(\)"),
        ({"a": np.ones((2, 3, 4, 5))}, r"a\.npy holds an array of shape \(2, 3, 4"),
        ({"a": np.ones((2, 0))}, r"a\.npy holds an array of shape \(2, 0\)"),
        ({"a": np.asfortranarray(np.ones((2, 3, 4)))}, "in the order of Fortran"),
        ({"a": np.ones((4, 2)), "a__offsets": np.array([0, 3])},
         r"a\.offsets\.npy must rise from 0 to 4, .* got 0 to 3"),
        ({"a": np.ones((4, 2)), "a__offsets": np.array([0, 3, 2, 4])},
         "without a fall"),
        ({"a": np.ones((4, 2)), "a__offsets": np.array([0.0, 4.0])},
         "must hold a vector of integers"),
        ({"a": np.ones((4, 2, 1)), "a__offsets": np.array([0, 4])}, "is of no use"),
    ],
    ids=range(11),
)  # fmt: skip
def test_errors_name_the_file(arrays, message, tmp_path):
    save(tmp_path, **arrays)
    with pytest.raises(ValueError, match=message):
        SequenceArray.from_npy(tmp_path)


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file \*\.npy in"):
        SequenceArray.from_npy(tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        SequenceArray.from_npy(tmp_path / "a")


def test_files_that_change(both, tmp_path):
    there = pickle.loads(pickle.dumps(both[0]))
    before = there.__dask_tokenize__(), joblib.hash(SequenceArray.from_npy(tmp_path))
    assert joblib.hash(SequenceArray.from_npy(tmp_path)) == before[1]
    np.save(tmp_path / "part-10.npy", np.zeros((9, 3)))
    after = there.__dask_tokenize__(), joblib.hash(SequenceArray.from_npy(tmp_path))
    assert before[0] != after[0]
    assert before[1] != after[1]
    with pytest.raises(ValueError, match=r"part-10\.npy was changed: it had \(9, 3\)"):
        there[10]
    (tmp_path / "part-2.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"part-2\.npy"):
        there[0]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_more_files_than_may_be_open(tmp_path):
    resource = pytest.importorskip("resource")
    for k in range(300):
        np.save(tmp_path / f"{k}.npy", np.full((3, 2), k, np.float32))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 100, limits[1]))
    try:
        X = SequenceArray.from_npy(tmp_path)
        LSTMRegressor(4, random_state=0, max_iter=1).fit(X, np.arange(300.0))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert X.data[::3, 0].tolist() == list(range(300))


def test_a_search_in_processes(both):
    """Each of which opens the files."""
    y = np.arange(11) % 2
    grid = {"learning_rate_init": [0.01, 0.1]}
    scores = [
        GridSearchCV(LSTMClassifier(4, **SMALL), grid, cv=2, n_jobs=n)
        .fit(both[0], y)
        .cv_results_["mean_test_score"]
        for n in (None, 2)
    ]
    assert_array_equal(*scores)
