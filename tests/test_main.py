"""`python -m sklstm`: what it prints, and why the kernels and threads are these."""

import os
import re
import subprocess
import sys

import pytest

from sklstm import __main__ as main
from sklstm import _selftest, _show_versions
from sklstm._kernels import effective_n_threads, openmp_version


def command(*arguments, tmp_path, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "sklstm", *arguments],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def test_versions_by_command(tmp_path):
    done = command(tmp_path=tmp_path, SKLSTM_ISA="baseline", OMP_NUM_THREADS="2")
    assert done.returncode == 0
    assert not done.stderr
    assert re.match(r"sklstm: \d+\.\d+.*\nscikit-learn: ", done.stdout)
    assert "instruction set: baseline (as SKLSTM_ISA says, of those" in done.stdout
    if openmp_version():
        assert "\nthreads: 2 (OMP_NUM_THREADS=2, or a limit" in done.stdout


def test_help_and_nothing_else(tmp_path):
    done = command("--help", tmp_path=tmp_path)
    assert done.returncode == 0
    assert "--selftest" in done.stdout
    done = command("fit", tmp_path=tmp_path)
    assert done.returncode == 2
    assert "unrecognized arguments: fit" in done.stderr


@pytest.mark.parametrize("passed", [True, False])
def test_status(monkeypatch, passed):
    monkeypatch.setattr(_selftest, "run", lambda: passed)
    assert main.main(["--selftest"]) == (not passed)


def test_why_the_instruction_set(monkeypatch):
    monkeypatch.delenv("SKLSTM_ISA", raising=False)
    assert _show_versions._why_the_set().startswith("the best one")
    monkeypatch.setenv("SKLSTM_ISA", "avx2")
    assert _show_versions._why_the_set().startswith("as SKLSTM_ISA says")


def test_why_so_many_threads(monkeypatch):
    def why():
        return _show_versions._why_so_many()

    monkeypatch.setattr(_show_versions, "openmp_version", lambda: 0)
    assert why() == "OpenMP is missing"
    monkeypatch.setattr(_show_versions, "openmp_version", lambda: 201511)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert why() == "OMP_NUM_THREADS=5, or a limit that was set since"
    monkeypatch.delenv("OMP_NUM_THREADS")
    n = effective_n_threads()
    monkeypatch.setattr(_show_versions.joblib, "cpu_count", lambda: n)
    assert why() == "the processors that this process may use"
    monkeypatch.setattr(_show_versions.joblib, "cpu_count", lambda: n + 1)
    assert why() == f"a limit that was set, there are {n + 1} processors"
