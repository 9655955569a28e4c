"""How setup.py finds OpenMP, with a compiler that only says what it would do."""

import os
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

setuptools = pytest.importorskip("setuptools")
SETUP = Path(__file__).parents[1] / "setup.py"
if not SETUP.exists():
    pytest.skip("needs the source tree", allow_module_level=True)

GCC = {"-fopenmp"}
CLANG_CL = {"/clang:-fopenmp", "LLVM/lib/libomp.lib"}
APPLE = {"-Xpreprocessor", "-lomp"}  # -fopenmp alone is an error
OPENMP = {"-Xpreprocessor", "-fopenmp", "/clang:-fopenmp"}


class Compiler:
    """Knows some flags, and fails at others, as compilers do."""

    include_dirs = []
    initialized = True

    def __init__(self, known, compiler_type):
        self.known, self.compiler_type = known, compiler_type

    def _check(self, flags):
        for flag, before in zip(flags, ["", *flags]):
            if flag not in self.known and before != "-Xpreprocessor":
                raise RuntimeError(f"unsupported option {flag}")

    def compile(self, sources, output_dir, extra_postargs):
        (source,) = sources
        assert "omp.h" in Path(source).read_text()
        self._check(extra_postargs)
        return [f"{output_dir}/openmp.o"]

    def link_shared_object(self, objects, name, output_dir, extra_postargs):
        self._check(extra_postargs)


def source_copy(folder):
    """What setup.py reads, where it may write."""
    for name in ("README.md", "pyproject.toml", "sklstm/_version.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(SETUP.parent / name, folder / name)
    return folder


@pytest.fixture
def flags(monkeypatch, tmp_path):
    """(compile, link) flags of the extensions on a platform, or why there are none."""

    def run(system, known, no_openmp=None):
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.chdir(source_copy(tmp_path))
        if no_openmp is None:
            monkeypatch.delenv("SKLSTM_NO_OPENMP", raising=False)
        else:
            monkeypatch.setenv("SKLSTM_NO_OPENMP", no_openmp)
        build = types.ModuleType("Cython.Build")
        build.cythonize = lambda extensions, **options: extensions
        monkeypatch.setitem(sys.modules, "Cython", types.ModuleType("Cython"))
        monkeypatch.setitem(sys.modules, "Cython.Build", build)
        monkeypatch.setattr(shutil, "which", lambda name: f"LLVM/bin/{name}")
        monkeypatch.setenv("INCLUDE", "")
        given = {}
        monkeypatch.setattr(
            setuptools, "setup", lambda **options: given.update(options)
        )
        runpy.run_path(str(SETUP))
        command = given["cmdclass"]["build_ext"](setuptools.Distribution())
        command.compiler = Compiler(known, "msvc" if system == "win32" else "unix")
        command.extensions = given["ext_modules"]
        monkeypatch.setattr(
            setuptools.command.build_ext.build_ext, "build_extensions", lambda self: 0
        )
        command.build_extensions()
        of_all = {
            (
                tuple(flag for flag in e.extra_compile_args if flag in OPENMP),
                tuple(e.extra_link_args),
            )
            for e in command.extensions
        }
        assert len(of_all) == 1
        assert len(command.extensions) > 10
        return of_all.pop()

    return run


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("no_openmp", [None, "0"])
def test_compilers_with_openmp(system, no_openmp, flags):
    assert flags(system, GCC, no_openmp) == (("-fopenmp",), ("-fopenmp",))


@pytest.mark.parametrize("no_openmp", [None, "0"])
def test_apples_compiler_with_libomp(no_openmp, flags):
    expected = (("-Xpreprocessor", "-fopenmp"), ("-lomp",))
    assert flags("darwin", APPLE, no_openmp) == expected


def test_clang_cl_has_its_libomp_where_it_is_asked_for(flags):
    expected = (("/clang:-fopenmp",), ("LLVM/lib/libomp.lib",))
    assert flags("win32", CLANG_CL, "0") == expected
    assert flags("win32", CLANG_CL) == flags("win32", CLANG_CL, "1") == ((), ())


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_without_on_purpose(system, flags):
    assert flags(system, GCC, "1") == ((), ())


def test_apples_compiler_alone_builds_for_one_thread_and_says_so(flags, capsys):
    assert flags("darwin", {"-Xpreprocessor"}) == ((), ())
    assert "one thread" in capsys.readouterr().out


@pytest.mark.parametrize(
    "system, known, no_openmp",
    [
        ("darwin", {"-Xpreprocessor"}, "0"),
        ("linux", APPLE, None),
        ("linux", set(), ""),
        ("win32", {"/clang:-fopenmp"}, "0"),
    ],
)
def test_where_it_is_needed_its_lack_stops_the_build(system, known, no_openmp, flags):
    with pytest.raises(SystemExit, match="SKLSTM_NO_OPENMP=1"):
        flags(system, known, no_openmp)


@pytest.mark.skipif(sys.platform != "linux", reason="GCC or Clang of Linux")
def test_the_program_of_the_check_can_be_built(tmp_path):
    """Of the compiler itself, where there is one."""
    if not shutil.which(os.environ.get("CC", "cc")):
        pytest.skip("needs a C compiler")
    code = f"""
import runpy, setuptools, sys, types
build = types.ModuleType("Cython.Build")
build.cythonize = lambda extensions, **options: extensions
sys.modules["Cython"], sys.modules["Cython.Build"] = build, build
given = {{}}
setuptools.setup = lambda **options: given.update(options)
runpy.run_path({str(SETUP)!r})
command = given["cmdclass"]["build_ext"](setuptools.Distribution())
command.ensure_finalized()
command.extensions = given["ext_modules"]
setuptools.command.build_ext.build_ext.build_extensions = lambda self: 0
command.run()
for extension in command.extensions:
    print(extension.extra_compile_args[-1:], extension.extra_link_args)
"""
    child = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=source_copy(tmp_path),
        capture_output=True,
        text=True,
    )
    found = set(child.stdout.splitlines())
    assert found == {"['-fopenmp'] ['-fopenmp']"}, child.stderr
