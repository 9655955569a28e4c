"""Readers and simple models of the benchmark of anomalies, on cases worked by hand."""

import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

TASKS = Path(__file__).parents[1] / "benchmarks" / "tasks"
if not (TASKS / "anomaly_data.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(TASKS))
from anomalies import WINDOW, RollingDeviation, WindowPCA  # noqa: E402
from anomaly_data import nab  # noqa: E402
from data import Unavailable  # noqa: E402

sys.path.remove(str(TASKS))


def add(archive, name, text):
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    archive.addfile(member, io.BytesIO(text.encode()))


def table(n):
    minutes = [f"2014-01-01 {t // 60:02}:{t % 60:02}:00,{t / 2}" for t in range(n)]
    return "\n".join(["timestamp,value", *minutes, ""])


def test_series_with_their_windows(tmp_path):
    (tmp_path / "nab").mkdir()
    windows = {
        "real/a.csv": [
            ["2014-01-01 00:30:00.000000", "2014-01-01 00:32:00.000000"],
            ["2014-01-01 00:50:00.000000", "2014-01-01 00:50:00.000000"],
        ],
        "real/b.csv": [["2014-01-01 00:01:00", "2014-01-01 00:02:00"]],
        "real/c.csv": [],
    }
    with tarfile.open(tmp_path / "nab" / "nab.tar.gz", "w:gz") as archive:
        for name in windows:
            add(archive, f"./data/{name}", table(60))
        add(archive, "./labels/combined_windows.json", json.dumps(windows))
    (series,) = nab(tmp_path)  # of the others none is after the part that is fitted
    assert series.name == "a" and series.n_fit == 9
    assert_array_equal(series.values, np.arange(60) / 2)
    assert np.flatnonzero(series.is_anomaly).tolist() == [30, 31, 32, 50]


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(Unavailable, match=r"nab.tar.gz is not there"):
        nab(tmp_path)


def test_simple_scores_know_no_later_step():
    x = np.random.default_rng(0).standard_normal(300)
    for model in (RollingDeviation(), WindowPCA()):
        model.fit(x[:150])
        whole = model.score(x)
        assert len(whole) == 300
        assert_allclose(model.score(x[:200])[:200], whole[:200], rtol=1e-6)


def test_a_rolling_deviation():
    x = np.arange(100.0)
    scores = RollingDeviation().fit(x).score(x)
    assert (scores[:WINDOW] == 0).all()
    low, middle, high = np.quantile(x[10 : 10 + WINDOW], [0.25, 0.5, 0.75])
    expected = (x[10 + WINDOW] - middle) / ((high - low) / 1.35)
    assert_allclose(scores[10 + WINDOW], expected)
