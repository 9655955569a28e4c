"""Errors of the kernels' sigma and tanh, in units in the last place.

    python benchmarks/activation_error.py
    python benchmarks/activation_error.py --stride 11       # more points: minutes

The two functions live in C registers and have no entry from Python, so a small program
is compiled around activations.h, with the flags of setup.py, for each precision and
each instruction set that this machine runs. It needs GCC or Clang and a `long double`
of more digits than a double (x86: 64 bits), which the results are compared with. In
float32 all numbers with exponents of interest are visited, one in `--stride`; in
float64 random ones.

An error is |computed - exact| / ulp(exact), ulp(z) the distance of the two numbers of
the format that enclose z. Correct rounding has errors up to 0.5.
"""

import argparse
import shlex
import subprocess
import tempfile
from pathlib import Path

from sklstm._kernels import float_set, supported_instruction_sets

KERNELS = Path(__file__).resolve().parents[1] / "sklstm" / "_kernels"
FLAGS = ["-O3", "-std=gnu99", "-fno-math-errno", "-fno-trapping-math"]
FLAGS += ["-ffp-contract=off", "-Wno-unused-function"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"]
INSTRUCTION_SETS = {"baseline": [], "avx2": AVX2, "avx512": AVX512}
PRECISIONS = {"float32": [], "float64": ["-DSKLSTM_FLOAT64"]}

PROGRAM = r"""
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "activations.h"

#ifdef SKLSTM_FLOAT64
typedef long double wide;
#define EXP expl
#define TANH tanhl
#define DIGITS DBL_MANT_DIG
#define LEAST DBL_MIN_EXP
/* Beyond, expm1 clamps its argument and sigma no longer falls. */
#define LIMIT 700.0
#else
typedef double wide;
#define EXP exp
#define TANH tanh
#define DIGITS FLT_MANT_DIG
#define LEAST FLT_MIN_EXP
#define LIMIT 87.0
#endif

static wide exact(int function, real x)
{
    if (function) return TANH((wide)x);
    return 1 / (1 + EXP(-(wide)x));
}

static double ulps(real computed, wide truth)
{
    int exponent;
    wide error = computed - truth;
    (void)frexp((double)truth, &exponent);
    if (exponent < LEAST) exponent = LEAST;
    return fabs((double)(error / (wide)ldexp(1.0, exponent - DIGITS)));
}

static real evaluate(int function, real x)
{
    real lane[64];
    store(lane, function ? tanh_vec(broadcast(x)) : sigmoid_vec(broadcast(x)));
    return lane[0];
}

/* Steele, Lea & Flood (2014) */
INLINE uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double worst, total;
static real worst_at;
static long count, rounded, outside;

static void visit(int function, const real *x)
{
    real y[64];
    store(y, function ? tanh_vec(load(x)) : sigmoid_vec(load(x)));
    for (int k = 0; k < LANES; k++) {
        const double error = ulps(y[k], exact(function, x[k]));
        total += error;
        count++;
        rounded += error <= 0.5;
        outside += !(y[k] >= (function ? -1 : 0) && y[k] <= 1);
        if (error > worst) {
            worst = error;
            worst_at = x[k];
        }
    }
}

int main(int argc, char **argv)
{
    const char *names[] = {"sigma", "tanh"};
    const long stride = argc > 1 ? atol(argv[1]) : 1;
    for (int function = 0; function < 2; function++) {
        real x[64];
        int n = 0;
        worst = total = 0;
        count = rounded = outside = 0;
#ifdef SKLSTM_FLOAT64
        /* Random signs, mantissas and exponents: 2^-30 to the limit. */
        uint64_t state = 1;
        for (long i = 0; i < 4000000000L / stride; i++) {
            const uint64_t random = splitmix64(&state);
            const double mantissa = 1 + (double)(random >> 12) * 0x1p-52;
            const double value = ldexp(mantissa, (int)((random & 0x3ff) % 40) - 30);
            if (value > LIMIT) continue;
            x[n++] = (random >> 10) & 1 ? -value : value;
#else
        /* Every stride-th float of both signs, from 2^-30 to the limit. */
        for (int64_t b = INT64_C(0x30800000); b <= INT64_C(0x42ae0000); b += stride)
        for (int sign = 0; sign < 2; sign++) {
            const int32_t pattern = (int32_t)b;
            float value;
            memcpy(&value, &pattern, sizeof value);
            x[n++] = sign ? -value : value;
#endif
            if (n == LANES) {
                visit(function, x);
                n = 0;
            }
        }
        printf(
            "%s|%.3f|%.9g|%.3f|%.1f %%|%ld|%ld\n", names[function], worst,
            (double)worst_at, total / (double)count,
            100.0 * (double)rounded / (double)count, outside, count);
    }
    for (int function = 0; function < 2; function++)
        printf(
            "#%s: at -inf %.9g, 0 %.9g, +inf %.9g, nan %g\n", names[function],
            (double)evaluate(function, -(real)INFINITY),
            (double)evaluate(function, 0), (double)evaluate(function, (real)INFINITY),
            (double)evaluate(function, (real)NAN));
    return 0;
}
"""


def measure(folder, compiler, flags, stride):
    """Lines of the program compiled with `flags`."""
    source, program = folder / "activation_error.c", folder / "activation_error"
    source.write_text(PROGRAM)
    command = [*compiler, *FLAGS, *flags, f"-I{KERNELS}", str(source)]
    subprocess.run([*command, "-o", str(program), "-lm"], check=True)
    run = subprocess.run(
        [str(program), str(stride)], check=True, capture_output=True, text=True
    )
    return run.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cc", default="cc", help="the C compiler")
    parser.add_argument(
        "--stride", type=int, default=101, help="visit one number in this many"
    )
    options = parser.parse_args()
    layout = "{:9} {:8} {:8} {:>9} {:>15} {:>10} {:>11} {:>8} {:>10}"
    print(
        layout.format(
            "variant", "dtype", "function", "max error", "at", "mean error",
            "<= 0.5 ULP", "outside", "points",
        )
    )  # fmt: skip
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        for variant in dict.fromkeys(map(float_set, supported_instruction_sets())):
            for dtype, macros in PRECISIONS.items():
                flags = [*INSTRUCTION_SETS[variant], *macros]
                compiler = shlex.split(options.cc)
                for line in measure(Path(folder), compiler, flags, options.stride):
                    if line.startswith("#"):
                        notes.append(f"{variant} {dtype} {line[1:]}")
                    else:
                        print(layout.format(variant, dtype, *line.split("|")))
    print("\n'outside': results beyond [0, 1] or [-1, 1]\n", *notes, sep="\n")


if __name__ == "__main__":
    main()
