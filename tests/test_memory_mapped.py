"""Data that lie in a file: a fit and a prediction read them as they lie."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

SCRIPT = textwrap.dedent(
    """
    import json, resource, sys, warnings
    import numpy as np
    import sklstm
    from sklstm import SequenceArray

    warnings.simplefilter("ignore")
    folder, limit, out, options = sys.argv[1:]
    limit, options = int(limit), json.loads(options)
    if options.pop("files"):
        X = SequenceArray.from_npy(folder)
    else:
        data = np.load(folder + "/a.npy", mmap_mode="r")
        X = SequenceArray(data, np.load(folder + "/a.offsets.npy"))
    name = options.pop("estimator", "LSTMClassifier")
    y = np.arange(len(X)) % 3
    options = {"max_iter": 1, "random_state": 0, "batch_size": 16, **options}
    model = getattr(sklstm, name)(4, **options)
    first = model.fit(X[:100], y[:100]).predict(X[:100])
    if limit:
        (used,) = (
            int(line.split()[1])
            for line in open("/proc/self/status")
            if line.startswith("VmData")
        )
        limit += 1024 * used
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    model.fit(X, y)
    # thresholds of a detector in the place of predictions, for which it has all errors
    found = model.offset_ if hasattr(model, "offset_") else model.predict(X)
    np.save(out, np.append(model.loss_, found))
    """
)


def run(folder, limit, script=SCRIPT, **options):
    """What the script writes, with so many bytes more than it has after a small fit."""
    out = f"{folder}-{limit}"  # beside it
    options = json.dumps({"files": False} | options)
    command = [sys.executable, "-P", "-c", script, str(folder), str(limit), str(out)]
    result = subprocess.run(
        [*command, options], capture_output=True, text=True,
        env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if result.returncode:
        return result.stderr
    return np.load(f"{out}.npy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ragged sequences of 40 MB in two files, and all of them in a.npy."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("mapped")
    lengths = rng.integers(20, 60, size=4000)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    data = rng.standard_normal((offsets[-1], 64), dtype=np.float32)
    (folder / "parts").mkdir()
    cut = offsets[1400]
    for name, part, begins in (
        ("a", data, offsets),
        ("parts/a", data[:cut], offsets[:1401]),
        ("parts/b", data[cut:], offsets[1400:] - cut),
    ):
        np.save(folder / f"{name}.npy", part)
        np.save(folder / f"{name}.offsets.npy", begins)
    return folder


HALF = 20_000_000  # of what the data have
OPTIONS = {
    "as it is": {"tbptt": 7, "missing": "ffill"},
    "early stopping": {"early_stopping": True},
    "converted": {"dtype": "float64"},
    "forecasts": {"estimator": "LSTMForecaster", "horizon": 3},
    "anomalies": {
        "estimator": "LSTMAnomalyDetector", "validation_fraction": 0.02,
        "batch_size": 32,
    },
    "windows": {
        "estimator": "LSTMAnomalyDetector", "validation_fraction": 0.004,
        "method": "reconstruction", "window": 4, "batch_size": 128,
    },
    "static": {
        "estimator": "LSTMForecaster", "horizon": 2, "static_features": [1],
        "target": [2, 3], "early_stopping": True, "seasonal_lag": 2,
    },
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_data_of_twice_the_memory(options, folder):
    """In one file and in several, with the numbers of a fit that has all memory."""
    assert (folder / "a.npy").stat().st_size > 2 * HALF
    # these make float64 of a part, in which the data are twice as large
    limit = HALF if "estimator" not in options else 3 * HALF // 2
    whole = run(folder, 0, **options)
    np.testing.assert_array_equal(run(folder, limit, **options), whole)
    found = run(folder / "parts", limit, files=True, **options)
    np.testing.assert_array_equal(found, whole)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_the_limit_is_one(folder):
    """A copy of the data would not have been possible."""
    script = SCRIPT.replace("model.fit(X, y)\n", "np.array(data)\n")
    assert "Unable to allocate" in run(folder, HALF, script)
