"""Fits that go on from a checkpoint, to the bits of one that was never disturbed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import sklstm.dask
from sklstm import LSTMClassifier, LSTMForecaster, LSTMLanguageModel, LSTMTranscriber
from sklstm._training import loop
from sklstm._training.checkpoint import NAME

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 3)) for T in RNG.integers(1, 12, size=40)]
Y = np.arange(40) % 3
SMALL = {"max_iter": 6, "random_state": 3, "batch_size": 8}
CASES = {
    "adam": (LSTMClassifier(4, dropout=0.2, **SMALL), X, Y),
    "early stopping": (LSTMClassifier(4, early_stopping=True, **SMALL), X, Y),
    "cosine": (LSTMClassifier(4, learning_rate="cosine", **SMALL), X, Y),
    "adaptive": (
        LSTMClassifier(
            4, solver="sgd", learning_rate="adaptive", n_iter_no_change=1, tol=1.0,
            **SMALL,
        ),
        X, Y,
    ),
    "converged": (LSTMClassifier(4, tol=10.0, n_iter_no_change=2, **SMALL), X, Y),
    "generator": (
        LSTMClassifier(4, **SMALL | {"random_state": np.random.RandomState(1)}), X, Y,
    ),
    "windows": (
        LSTMForecaster(horizon=2, windows_per_epoch=20, **SMALL),
        [RNG.standard_normal((40, 1)) for _ in range(3)], None,
    ),
    "streams": (
        LSTMLanguageModel(4, level="char", contiguous=True, tbptt=5, **SMALL),
        ["hello world, this is a text"] * 6, None,
    ),
    "short first": (
        LSTMTranscriber(4, **SMALL),
        [RNG.standard_normal((T, 2)) for T in RNG.integers(4, 12, size=20)],
        ["ab"] * 20,
    ),
}  # fmt: skip


class Killed(BaseException):
    """Nothing that a fit knows."""


def broken_off(monkeypatch, epoch, *args, **options):
    """A fit that is killed in this epoch."""
    run_epoch, calls = loop.run_epoch, []

    def killing(*args):
        calls.append(None)
        if len(calls) == epoch:
            raise Killed
        return run_epoch(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_epoch", killing)
        with pytest.raises(Killed):
            sklstm.dask.fit(*args, **options)


def assert_same_fit(first, second):
    for name, value in first.weights_.items():
        assert_array_equal(second.weights_[name], value, err_msg=name)
    for name in ("loss_curve_", "validation_scores_", "n_iter_", "t_"):
        assert getattr(first, name, None) == getattr(second, name, None), name


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_goes_on(case, tmp_path, monkeypatch):
    model, X, y = case
    whole = sklstm.dask.fit(clone(model), X, y, n_parts=2)
    if whole.n_iter_ > 2:
        broken_off(monkeypatch, 3, clone(model), X, y, n_parts=2, checkpoint=tmp_path)
        assert (tmp_path / NAME).exists()
    again = sklstm.dask.fit(clone(model), X, y, n_parts=2, checkpoint=tmp_path)
    assert_same_fit(whole, again)
    # what had ended is there at once, without another epoch
    monkeypatch.setattr(loop, "run_epoch", None)
    ended = sklstm.dask.fit(clone(model), X, y, n_parts=2, checkpoint=tmp_path)
    assert_same_fit(whole, ended)


def test_only_so_often(tmp_path, monkeypatch):
    model = CASES["adam"][0]
    options = {"n_parts": 2, "checkpoint": tmp_path}
    broken_off(monkeypatch, 3, model, X, Y, checkpoint_interval=4, **options)
    assert not list(tmp_path.iterdir())
    broken_off(
        monkeypatch, 3, model, X, Y, checkpoint_interval=timedelta(hours=1), **options
    )
    assert not list(tmp_path.iterdir())
    broken_off(monkeypatch, 3, model, X, Y, checkpoint_interval=timedelta(0), **options)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_url(monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    model, whole = CASES["adam"][0], sklstm.dask.fit(*CASES["adam"], n_parts=2)
    options = {"n_parts": 2, "checkpoint": "memory://models/one"}
    broken_off(monkeypatch, 3, model, X, Y, **options)
    assert fsspec.filesystem("memory").ls("/models/one", detail=False) == [
        f"/models/one/{NAME}"
    ]
    assert_same_fit(whole, sklstm.dask.fit(model, X, Y, **options))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"n_parts": 3}, "n_parts"),
        ({"model": {"hidden_layer_sizes": 5}}, "parameters"),
        ({"X": X[1:] + X[:1]}, "data"),
        ({"y": Y[::-1]}, "data"),
        ({"sample_weight": np.arange(40) + 1.0}, "data"),
    ],
)
def test_another_fit(changes, said, tmp_path):
    """It is refused, and what is there stays."""
    given = {"n_parts": 2, "X": X, "y": Y, "checkpoint": tmp_path}
    model = LSTMClassifier(4, **SMALL)
    sklstm.dask.fit(model, **given)
    before = (tmp_path / NAME).read_bytes()
    model = clone(model).set_params(**changes.pop("model", {}))
    with pytest.raises(ValueError, match=f"of another fit.*{said}"):
        sklstm.dask.fit(model, **given | changes)
    assert (tmp_path / NAME).read_bytes() == before


def test_refused(tmp_path):
    given = {"X": X, "y": Y, "checkpoint": tmp_path}
    with pytest.raises(ValueError, match="needs a random_state"):
        sklstm.dask.fit(LSTMClassifier(), **given)
    with pytest.raises(ValueError, match="got solver='lbfgs'"):
        sklstm.dask.fit(LSTMClassifier(random_state=0, solver="lbfgs"), **given)
    for interval in (0, -1, 1.5, True, timedelta(-1), "1 h"):
        with pytest.raises(ValueError, match="checkpoint_interval must be"):
            sklstm.dask.fit(
                LSTMClassifier(random_state=0), checkpoint_interval=interval, **given
            )
    for n_parts in (0, 1.0, "2", True):
        with pytest.raises(ValueError, match="n_parts must be"):
            sklstm.dask.fit(LSTMClassifier(random_state=0), X, Y, n_parts=n_parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed(tmp_path):
    """A process that is killed at any moment leaves a whole checkpoint."""
    script = textwrap.dedent(
        """
        import sys, warnings
        import numpy as np
        import sklstm.dask
        from sklstm import LSTMClassifier
        warnings.simplefilter("ignore")
        rng = np.random.default_rng(0)
        X = rng.standard_normal((64, 20, 3))
        model = LSTMClassifier(8, random_state=0, max_iter=200, tol=0.0, batch_size=16,
                               n_iter_no_change=1000)
        model = sklstm.dask.fit(
            model, X, np.arange(64) % 2, n_parts=2, checkpoint=sys.argv[1]
        )
        np.save(sys.argv[2], np.concatenate(
            [value.ravel() for value in model.weights_.values()]
        ))
        """
    )
    command = [sys.executable, "-P", "-c", script]
    for at in (0.02, 0.2):
        process = subprocess.Popen([*command, str(tmp_path / "c"), str(tmp_path / "w")])
        end = time.monotonic() + 60
        while not (tmp_path / "c" / NAME).exists() and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(at)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "w.npy").exists()
    for folder, name in (("c", "w"), ("other", "v")):
        subprocess.run(
            [*command, str(tmp_path / folder), str(tmp_path / name)], check=True
        )
    assert_array_equal(np.load(tmp_path / "w.npy"), np.load(tmp_path / "v.npy"))
