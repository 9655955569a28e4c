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
