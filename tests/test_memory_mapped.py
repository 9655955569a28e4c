"""Data that lie in a file: a fit and a prediction read them as they lie."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

SCRIPT = textwrap.dedent(
    """
    import resource, sys, warnings
    import numpy as np
    from sklstm import LSTMClassifier, SequenceArray

    warnings.simplefilter("ignore")
    data = np.load(sys.argv[1], mmap_mode="r")
    offsets = np.load(sys.argv[2])
    X = SequenceArray(data, offsets)
    y = np.arange(len(X)) % 3
    model = LSTMClassifier(4, max_iter=1, random_state=0, batch_size=16)
    first = model.fit(X[:100], y[:100]).predict(X[:100])
    if limit := int(sys.argv[4]):
        (used,) = (
            int(line.split()[1])
            for line in open("/proc/self/status")
            if line.startswith("VmData")
        )
        limit += 1024 * used
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    model.fit(X, y)
    np.save(sys.argv[3], [model.loss_, *model.predict(X)])
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_data_of_twice_the_memory(tmp_path):
    """With the numbers of a fit that has all the memory."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 60, size=2000)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    data = rng.standard_normal((offsets[-1], 64), dtype=np.float32)
    paths = [str(tmp_path / name) for name in ("data.npy", "offsets.npy")]
    np.save(paths[0], data)
    np.save(paths[1], offsets)
    found = []
    for limit in (0, data.nbytes // 2):
        out = str(tmp_path / f"{limit}.npy")
        command = [sys.executable, "-P", "-c", SCRIPT, *paths, out, str(limit)]
        subprocess.run(command, check=True, env={"OMP_NUM_THREADS": "1"})
        found.append(np.load(out))
    np.testing.assert_array_equal(*found)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_the_limit_is_one(tmp_path):
    """A copy of the data would not have been possible."""
    script = SCRIPT.replace("model.fit(X, y)\n", "np.array(data)\n")
    data = np.zeros((40_000, 64), np.float32)
    paths = [str(tmp_path / name) for name in ("data.npy", "offsets.npy")]
    np.save(paths[0], data)
    np.save(paths[1], np.arange(0, 40_001, 40))
    command = [sys.executable, "-P", "-c", script, *paths, "-", str(data.nbytes // 2)]
    result = subprocess.run(
        command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"}
    )
    assert "Unable to allocate" in result.stderr
