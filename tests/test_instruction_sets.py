"""The choice of a variant of the kernels."""

import os
import subprocess
import sys

import pytest

from sklstm import _kernels as kernels
from sklstm._kernels import supported_instruction_sets


def test_forced_variant_must_be_supported():
    assert kernels._choose(["avx2", "baseline"], "") == "avx2"
    assert kernels._choose(["avx2", "baseline"], "baseline") == "baseline"
    with pytest.raises(ImportError, match="SKLSTM_ISA='avx512', but this machine runs"):
        kernels._choose(["avx2", "baseline"], "avx512")
    with pytest.raises(ImportError, match="SKLSTM_ISA='sse9'"):
        kernels._choose(["avx2", "baseline"], "sse9")


def test_sets_that_the_compiler_did_not_know_are_left_out(monkeypatch):
    every = ["amx", "avx512bf16", "avx512", "avx2", "baseline"]
    monkeypatch.setattr(kernels, "machine_instruction_sets", lambda: every)
    there = set(every)

    def find_spec(module):
        return module.rsplit("._")[-1].removesuffix("_bf16") in there or None

    monkeypatch.setattr(kernels, "find_spec", find_spec)
    assert kernels.supported_instruction_sets() == every
    there.remove("amx")
    assert kernels.supported_instruction_sets() == every[1:]
    there.clear()
    assert kernels.supported_instruction_sets() == every[2:]


@pytest.mark.parametrize("name", supported_instruction_sets())
def test_environment_forces_a_variant(name, tmp_path):
    code = "import sklstm; sklstm.show_versions()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "SKLSTM_ISA": name},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"instruction set: {name} " in done.stdout
