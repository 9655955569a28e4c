"""How much memory can be had: machine, control groups, limits of the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sklstm._training import memory as _memory
from sklstm._training.memory import available_memory

MEMINFO = "MemTotal: 64 kB\nMemFree: 1 kB\nMemAvailable: 40 kB\nSwapFree: 99 kB\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Writes the files of a system, without limits of the process."""
    monkeypatch.setattr(_memory, "resource", None)

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return tmp_path

    return write


def group(path, limit, usage, cache=None, version=2):
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    files = {f"{path}/{names[0]}": f"{limit}\n", f"{path}/{names[1]}": f"{usage}\n"}
    if cache is not None:
        files[f"{path}/memory.stat"] = f"anon 5\n{names[2]} {cache}\nfile 7\n"
    return files


V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"
CASES = {
    "machine": ({}, 40 * 1024, "available on this machine"),
    "cgroup 2": (
        {"proc/self/cgroup": "0::/a/b\n", **group(f"{V2}/a/b", 9000, 2000)},
        7000,
        "control group /a/b",
    ),
    "cache of files": (
        {"proc/self/cgroup": "0::/a/b\n", **group(f"{V2}/a/b", 9000, 2000, 500)},
        7500,
        "control group /a/b",
    ),
    "the group around it": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            **group(f"{V2}/a/b", 9000, 100),
            **group(f"{V2}/a", 5000, 1000),
        },
        4000,
        "control group /a",
    ),
    "container": (
        {"proc/self/cgroup": "0::/\n", **group(V2, 3000, 1000)},
        2000,
        "control group /",
    ),
    "no limit": (
        {"proc/self/cgroup": "0::/a\n", **group(f"{V2}/a", "max", 100)},
        40 * 1024,
        "available on this machine",
    ),
    "cgroup 1": (
        {
            "proc/self/cgroup": "9:cpu:/a\n4:hugetlb,memory:/a\n0::/\n",
            **group(f"{V1}/a", 6000, 1000, 200, version=1),
        },
        5200,
        "control group /a",
    ),
    "cgroup 1, path of outside": (
        {
            "proc/self/cgroup": "4:memory:/docker/4f0\n",
            **group(V1, 6000, 1000, version=1),
        },
        5000,
        "control group /",
    ),
    "cgroup 1, none": (
        {
            "proc/self/cgroup": "4:memory:/\n",
            **group(V1, 2**63 - 4096, 1000, version=1),
        },
        40 * 1024,
        "available on this machine",
    ),
    "both": (
        {
            "proc/self/cgroup": "4:cpu:/\n0::/a\n",
            **group(f"{V2}/unified/a", 800, 100),
        },
        700,
        "control group /a",
    ),
    "over the limit": (
        {"proc/self/cgroup": "0::/\n", **group(V2, 3000, 4000)},
        0,
        "control group /",
    ),
    "not to be read": (
        {"proc/self/cgroup": "0::/a\n", **group(f"{V2}/a", "what?", 4000)},
        40 * 1024,
        "available on this machine",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_least_of_all_limits(case, system):
    files, expected, name = CASES[case]
    available, limit = available_memory(system({"proc/meminfo": MEMINFO, **files}))
    assert available == expected
    assert limit.endswith(name)


@pytest.mark.parametrize("name, at", [("RLIMIT_AS", 0), ("RLIMIT_DATA", 5)])
def test_limits_of_the_process(name, at, system, monkeypatch):
    class Resource:
        RLIMIT_AS, RLIMIT_DATA, RLIM_INFINITY = "RLIMIT_AS", "RLIMIT_DATA", -1

        @staticmethod
        def getrlimit(which):
            return (30_000, -1) if which == name else (-1, -1)

        @staticmethod
        def getpagesize():
            return 1000

    statm = ["90"] * 7
    statm[at] = "12"
    root = system({"proc/meminfo": MEMINFO, "proc/self/statm": " ".join(statm)})
    monkeypatch.setattr(_memory, "resource", Resource)
    available, limit = available_memory(root)
    assert available == 18_000
    assert name in limit and "ulimit" in limit


@pytest.mark.parametrize("statm", ["", "90 90", "a b c d e f g"])
def test_a_process_that_does_not_say_what_it_uses(statm, system, monkeypatch):
    monkeypatch.setattr(_memory, "resource", object())
    files = {"proc/meminfo": MEMINFO}
    expected = available_memory(system(files))
    assert available_memory(system({**files, "proc/self/statm": statm})) == expected


def test_where_the_system_says_nothing(system, monkeypatch):
    """As on Windows: no files, no limits, no number of pages."""
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert available_memory(system({})) is None


def test_where_it_says_no_more_than_the_size(system, monkeypatch):
    """As on macOS."""
    sizes = {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 7}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert available_memory(system({})) == (7000, "memory of this machine")


def test_this_machine():
    available, limit = available_memory()
    assert available > 0 and limit
    if Path("/proc/meminfo").exists():
        total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
        assert available < total


SCRIPT = """
import numpy as np
from sklstm import LSTMRegressor
X, y = np.ones((64, 2000, 1), "f"), np.arange(64.0)
params = {"hidden_layer_sizes": 100, "random_state": 0, "max_iter": 1}
for solver in ("adam", "lbfgs"):
    try:
        LSTMRegressor(**params, batch_size=64, solver=solver).fit(X, y)
    except MemoryError as error:
        print(error)
    else:
        print("fitted")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="not Linux")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_fit_under_ulimit(limit):
    """Half a gigabyte is needed, 300 MB are left."""
    begin = f"""
import resource
import numpy, scipy.optimize, sklearn.utils, sklstm
pages = open("/proc/self/statm").read().split()
used = int(pages[{0 if limit == "RLIMIT_AS" else 5}]) * resource.getpagesize()
resource.setrlimit(resource.{limit}, (used + 300 * 2**20,) * 2)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", begin + SCRIPT],
        timeout=300, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert f"MiB that are left of the limit {limit} of this process" in line
