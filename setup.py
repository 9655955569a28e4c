"""The extensions, their flags and the README; all else is in pyproject.toml."""

import os
import platform
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = "sklstm/_kernels"
# What Cython writes for memoryviews: once, not into every extension.
SHARED = "sklstm._kernels._memoryviews"
HEADERS = sorted(map(str, Path(KERNELS).glob("*.h")))
INCLUDED = sorted(map(str, Path(KERNELS).glob("*.pxi")))
X86 = platform.machine().lower() in {"x86_64", "amd64"}
MACOS = sys.platform == "darwin"
# The same source is built once for each; `_kernels/__init__.py` picks at import.
INSTRUCTION_SETS = {"baseline": []}
if X86 and not MACOS:
    INSTRUCTION_SETS["avx2"] = ["-mavx2", "-mfma"]
    INSTRUCTION_SETS["avx512"] = [
        *INSTRUCTION_SETS["avx2"],
        *("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"),
    ]
PRECISIONS = {"f32": [], "f64": ["-DSKLSTM_FLOAT64"]}
# For tests of what is written for AMX: its tiles in C, on machines with AVX512-BF16.
EMULATE_AMX = os.environ.get("SKLSTM_EMULATE_AMX") == "1"
EMULATED = ["-DSKLSTM_EMULATE_TILES"] if EMULATE_AMX else []
# Products of bfloat16 numbers, by those instructions too that are for nothing else.
BFLOAT16_SETS = dict(INSTRUCTION_SETS)
if "avx512" in INSTRUCTION_SETS:
    BFLOAT16_SETS["avx512bf16"] = [*INSTRUCTION_SETS["avx512"], "-mavx512bf16"]
    if sys.platform == "linux":
        BFLOAT16_SETS["amx"] = [
            *BFLOAT16_SETS["avx512bf16"],
            *(EMULATED or ("-mamx-tile", "-mamx-bf16")),
        ]
# No -ffast-math, and FMA only where it is written: the bits are part of the contract.
FLAGS = ["-O3", "-std=gnu99", "-fno-math-errno", "-fno-trapping-math"]
FLAGS += ["-ffp-contract=off", "-Wno-unused-function"]

DEBUG = os.environ.get("SKLSTM_DEBUG") == "1"
SANITIZE = os.environ.get("SKLSTM_SANITIZE") == "1"
FLAGS += ["-g"] if DEBUG or SANITIZE else ["-g0"]
SANITIZERS = ["-fsanitize=address,undefined"] if SANITIZE else []
if SANITIZE:  # at the first finding of either, stop
    FLAGS += ["-O1", "-fno-omit-frame-pointer", *SANITIZERS]
    FLAGS += ["-fno-sanitize-recover=undefined"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": DEBUG,
    "allow_none_for_extension_args": False,
    "freethreading_compatible": True,
}
# "1": build without; "0": stop where there is none. Where it is not set Linux needs it,
# macOS takes what the compiler finds by itself (beside scikit-learn's libomp not every
# other one works), and Windows has none: its libomp.dll has to go into the wheel.
NO_OPENMP = os.environ.get("SKLSTM_NO_OPENMP", "")
CONFIGURATION = Path("build/configuration")

NO_OPENMP_MESSAGE = """
The C compiler could not build a small OpenMP program, so the kernels would run on one
thread. sklstm stops here rather than install a slow build in silence.

- On Linux, install GCC with its OpenMP library (Debian: apt-get install gcc).
- On macOS, use the compilers of conda-forge, or name libomp in CPPFLAGS and LDFLAGS.
- On Windows, install LLVM, which has libomp.
- To build without threads on purpose, set SKLSTM_NO_OPENMP=1.
"""
NO_CLANG_MESSAGE = """
The kernels are written in vectors that GCC and Clang know and Microsoft's compiler does
not. Install LLVM, or "C++ Clang tools for Windows" of Visual Studio, so that clang-cl
is on PATH.
"""


class BuildExt(build_ext):
    """Build with OpenMP where the platform has it, or stop and say why not."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.use_clang_cl()
            with_openmp = NO_OPENMP == "0"
        else:
            with_openmp = NO_OPENMP != "1"
        if with_openmp:
            compile_flags, link_flags = self.openmp_flags()
            for extension in self.extensions:
                extension.extra_compile_args += compile_flags
                extension.extra_link_args += link_flags
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()

    def use_clang_cl(self):
        """clang-cl with the libraries and the linker of Visual Studio."""
        compiler, clang_cl = self.compiler, shutil.which("clang-cl")
        if clang_cl is None:
            raise SystemExit(NO_CLANG_MESSAGE)
        if not compiler.initialized:
            compiler.initialize(self.plat_name)
        compiler.cc = clang_cl
        # As system headers: before its own, clang-cl would find Microsoft's intrinsics.
        os.environ["INCLUDE"] = os.pathsep.join(type(compiler).include_dirs)
        type(compiler).include_dirs = []
        for extension in self.extensions:
            extension.extra_compile_args = [
                f"/clang:{flag}"
                for flag in extension.extra_compile_args
                if not flag.startswith("-std=")
            ]

    def openmp_flags(self):
        """What the compiler and the linker need for OpenMP; nothing where it is missing
        on macOS."""
        ways = [(["-fopenmp"], ["-fopenmp"])]
        if self.compiler.compiler_type == "msvc":
            libomp = Path(self.compiler.cc).parents[1] / "lib" / "libomp.lib"
            ways = [(["/clang:-fopenmp"], [str(libomp)])]
        elif MACOS:  # Apple's compiler knows the pragmas, but has no library
            ways.append((["-Xpreprocessor", "-fopenmp"], ["-lomp"]))
        for compile_flags, link_flags in ways:
            try:
                self.build_openmp_program(compile_flags, link_flags)
                return compile_flags, link_flags
            except Exception as error:
                last = error
        if MACOS and NO_OPENMP != "0":
            print("sklstm: no OpenMP, the kernels run on one thread.")
            return [], []
        raise SystemExit(f"{last}\n{NO_OPENMP_MESSAGE}") from last

    def build_openmp_program(self, compile_flags, link_flags):
        """Compile and link a few lines as an extension is, or fail."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "openmp.c")
            source.write_text(
                "#include <omp.h>\nint threads(void) { return omp_get_num_procs(); }\n"
            )
            objects = self.compiler.compile(
                [str(source)], output_dir=folder, extra_postargs=compile_flags
            )
            # Not an executable, for which distutils has no LDFLAGS.
            self.compiler.link_shared_object(
                objects, "openmp.so", output_dir=folder, extra_postargs=link_flags
            )


def write_configuration():
    """A file that is newer than what was built with other flags or switches."""
    tools = ["CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED"]
    switches = ["SKLSTM_DEBUG", "SKLSTM_NO_OPENMP", "SKLSTM_SANITIZE"]
    switches += ["SKLSTM_EMULATE_AMX"]
    text = "".join(f"{name}={os.environ.get(name)}\n" for name in [*tools, *switches])
    if not CONFIGURATION.exists() or CONFIGURATION.read_text() != text:
        CONFIGURATION.parent.mkdir(exist_ok=True)
        CONFIGURATION.write_text(text)


def kernel(name, source, build_dir, flags=()):
    """One extension, from a C file in a folder of its own: variants share a source."""
    name = f"sklstm._kernels.{name}"
    c_file = Path("build", build_dir, KERNELS, source).with_suffix(".c")
    before = (c_file.read_bytes(), c_file.stat()) if c_file.exists() else None
    (extension,) = cythonize(
        [Extension(name, [] if name == SHARED else [f"{KERNELS}/{source}"])],
        compiler_directives=DIRECTIVES,
        build_dir=f"build/{build_dir}",
        shared_utility_qualified_name=SHARED,
    )
    # An isolated build has a new Cython, whose files are newer than any C file; what it
    # writes again as it was need not be compiled again.
    if before and c_file.read_bytes() == before[0]:
        os.utime(c_file, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    # Set afterwards: cythonize carries the options of a source over to its next use.
    extension.depends = [*HEADERS, *INCLUDED, "setup.py", str(CONFIGURATION)]
    extension.include_dirs = [KERNELS]
    extension.extra_compile_args = [*FLAGS, *flags]
    extension.extra_link_args = [*SANITIZERS]
    extension.define_macros = []
    return extension


def readme():
    """README.md for the package index, where its relative links would lead nowhere."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    source = project["urls"]["Source"]
    version = Path("sklstm/_version.py").read_text("utf-8").split('"')[-2]
    revision = "main" if ".dev" in version else f"v{version}"
    raw = source.replace("github.com", "raw.githubusercontent.com")

    def absolute(match):
        text, target = match.groups()
        place = f"{raw}/{revision}" if text[0] == "!" else f"{source}/blob/{revision}"
        return f"{text}({place}/{target})"

    relative = r"(!?\[[^]]*\])\((?![a-z]+:|#)([^)\s]+)\)"
    return re.sub(relative, absolute, Path("README.md").read_text("utf-8"))


def all_extensions():
    """Those of this platform, with the C files that Cython writes for them."""
    write_configuration()
    extensions = [
        kernel("_memoryviews", "_memoryviews.c", "cython"),
        kernel("_runtime", "_runtime.pyx", "cython", EMULATED),
        kernel("_schedule", "_schedule.pyx", "cython"),
        kernel("_threads", "_threads.pyx", "cython"),
        kernel("_digest", "_digest.pyx", "cython"),
        kernel("_random", "_random.pyx", "cython"),
        kernel("_crf", "_crf.pyx", "cython"),
        kernel("_ctc", "_ctc.pyx", "cython"),
        kernel("_embedding", "_embedding.pyx", "cython"),
    ]
    for isa, isa_flags in INSTRUCTION_SETS.items():
        for precision, macros in PRECISIONS.items():
            variant = f"{isa}_{precision}"
            extensions.append(
                kernel(
                    f"_{variant}",
                    "kernels.pyx",
                    f"cython_{variant}",
                    [*isa_flags, *macros],
                )
            )
    for isa, isa_flags in BFLOAT16_SETS.items():
        extension = kernel(
            f"_{isa}_bf16",
            "bfloat16.pyx",
            f"cython_{isa}_bf16",
            [*isa_flags, "-DSKLSTM_BFLOAT16"],
        )
        # A compiler may be older than these instructions; the next best set is there
        # then.
        extension.optional = isa not in INSTRUCTION_SETS
        extensions.append(extension)
    return extensions


# Commands that ask for metadata or sources alone do not wait for the C files.
NEEDS_NO_C = {"dist_info", "egg_info", "sdist"} & set(sys.argv[1:])
setup(
    ext_modules=[] if NEEDS_NO_C else all_extensions(),
    cmdclass={"build_ext": BuildExt},
    long_description=readme(),
    long_description_content_type="text/markdown",
)
