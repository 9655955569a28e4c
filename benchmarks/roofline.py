"""How near the kernels come to the limit of the processor.

    python benchmarks/roofline.py
    python benchmarks/roofline.py --shapes 1 2 --repeats 21
    python benchmarks/roofline.py --cell gru
    python benchmarks/roofline.py --output         # into the folder of this machine

One thread, float32. The limit is measured in the same run, in turns with the kernels: a
loop of independent fused multiply-adds that touches nothing but registers gives the
peak. The roofline counts what is to be done in vectors of such multiply-adds, with N
row-steps and vectors of `lanes` numbers:

    forward    vectors >= N H (gates (F + H) + activations) / lanes
    backward   vectors >= N H (gates (F + 2 H) + derivatives) / lanes

Activations cost as much as 96 multiply-adds forward and 64 backward for the 5 of an
LSTM, in proportion for the 3 of a GRU and the one of a plain RNN. They are counted in
multiply-adds and not in cycles because both are bound by the same units, whatever these
do in a cycle. The activations and the cell of an LSTM are 53 multiplications with or
without an addition, 27 other operations (with AVX2 37) and 5 divisions:

- Intel with AVX-512 has two ports for all that has 512 bits: two multiply-adds a cycle,
  and the other operations take the place of some.
- Zen 5 does two a cycle as well; additions have ports of their own.
- Zen 4 has units of 256 bits, which 512 bits pass in two halves: one multiply-add a
  cycle. Activations take twice the cycles, and so the same number of multiply-adds.

What they cost here, one vector after the other from L1, is measured too, as are the
clock (a chain of additions) and the multiply-adds of a cycle. The baseline has no fused
multiply-add to compare with. Needs a C compiler and the sources of the kernels.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before the first import of an OpenMP user

import argparse
import ctypes
import shlex
import statistics
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np
from _machine import add_output, description, title, written_to

from sklstm import _kernels
from sklstm._network.build import whole_sequence_network
from sklstm._network.steps import Run, StepsGradient
from sklstm._network.workspace import Memory

KERNELS = Path(__file__).resolve().parent.parent / "sklstm" / "_kernels"

# T steps, F features, H hidden units, B sequences
SHAPES = [
    (50, 1, 16, 32),
    (100, 8, 32, 32),
    (100, 16, 64, 64),
    (100, 32, 128, 64),
    (50, 64, 256, 64),
    (35, 512, 512, 64),
    (20, 1024, 1024, 64),
]
# Sets that differ in bfloat16 alone are one here.
float_set = getattr(_kernels, "float_set", str)
instruction_set = float_set(_kernels.instruction_set)
FLAGS = {"avx512": ["-mavx512f"], "avx2": ["-mavx2", "-mfma"]}
LANES = {"avx512": 16, "avx2": 8}
# Gates, and multiply-adds that the activations of a unit are worth, both ways.
CELLS = {"lstm": (4, 96, 64), "gru": (3, 57.6, 38.4), "rnn_tanh": (1, 19.2, 12.8)}
BAR = 0.8  # of the roofline, for either pass
CHAINS = 12  # latency 4, two a cycle: 8 would do; 16 registers on AVX2

SOURCE = r"""
#include <time.h>
#include "activations.h"

#define UNITS 1024 /* of which six arrays are in L1 */

real sink;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

/* Cycles of a second: additions that wait for each other. */
double clock_rate(long n)
{
    long x = 0;
    const double begin = now();
    for (long k = 0; k < n; k++)
        UNROLL for (int i = 0; i < 16; i++) __asm__ volatile("add $1, %0" : "+r"(x));
    return n * 16 / (now() - begin);
}

/* Fused multiply-adds of vectors in a second. */
double peak(long n)
{
    const vec x = broadcast(0.999f), y = broadcast(0.001f);
    vec a[CHAINS];
    for (int i = 0; i < CHAINS; i++) a[i] = broadcast(i);
    const double begin = now();
    for (long k = 0; k < n; k++)
        UNROLL for (int i = 0; i < CHAINS; i++) a[i] = fma_vec(a[i], x, y);
    const double end = now();
    for (int i = 1; i < CHAINS; i++) a[0] = fma_vec(a[i], x, a[0]);
    sink = a[0][0]; /* so that the loop cannot be left out */
    return n * CHAINS / (end - begin);
}

/* Vectors of units of an LSTM that are activated in a second. */
double activations(long n)
{
    static real z[6][UNITS] __attribute__((aligned(64)));
    for (int k = 0; k < 4 * UNITS; k++) z[k / UNITS][k % UNITS] = k % 37 * 0.1f - 1.8f;
    const double begin = now();
    for (long k = 0; k < n; k++)
        for (int j = 0; j < UNITS; j += LANES) {
            const vec i = sigmoid_vec(load(z[0] + j)), f = sigmoid_vec(load(z[1] + j));
            const vec g = tanh_vec(load(z[2] + j)), o = sigmoid_vec(load(z[3] + j));
            const vec c = fma_vec(f, load(z[4] + j), i * g);
            store(z[4] + j, c);
            store(z[5] + j, o * tanh_vec(c));
        }
    const double end = now();
    sink = z[5][0];
    return n * (UNITS / LANES) / (end - begin);
}
"""


def build(folder):
    """The functions of SOURCE, compiled for the instruction set of the kernels."""
    source, library = folder / "limits.c", folder / "limits.so"
    source.write_text(SOURCE)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    subprocess.run(
        [*compiler, "-O3", "-shared", "-fPIC", *FLAGS[instruction_set],
         f"-DCHAINS={CHAINS}", "-I", KERNELS, "-o", library, source],
        check=True,
    )  # fmt: skip
    limits = ctypes.CDLL(str(library))
    for name in ("clock_rate", "peak", "activations"):
        function = getattr(limits, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_long]
    return limits


def passes(cell, T, F, H, B):
    """Forward and backward pass of one layer, as functions without arguments."""
    rng = np.random.default_rng(0)
    # What a network makes of them: its layer, its strips.
    network = whole_sequence_network(F, (H,), 1, np.float32, cell)
    layer = network.layers[0]
    weights = network.views(network.initialize(rng, np.zeros(1)))[layer.name]
    layer.load(weights, backward=True)
    data = rng.standard_normal((B * T, F), dtype=np.float32)
    x = network._steps(data, np.arange(B) * T, np.full(B, T))
    d_y = StepsGradient(ends=(np.ones((B, layer.width), dtype=np.float32),))
    d_weights = {name: np.zeros_like(value) for name, value in weights.items()}
    memory, tape = Memory(np.float32), None

    def forward():
        nonlocal tape
        _, tape = layer.forward(x, Run(memory, keep=True))

    def backward():
        layer.backward(d_y, tape, d_weights)

    return forward, backward


def measure(cell, shape, peak, repeats):
    """Medians: seconds forward and backward, vector multiply-adds in a second."""
    forward, backward = passes(cell, *shape)
    times = []
    calls = max(1, int(2e-3 / (_timed(forward) + _timed(backward))))
    for _ in range(repeats):
        seconds = [0.0, 0.0]
        for _ in range(calls):
            # backward overwrites what forward kept, so they come in pairs
            seconds[0] += _timed(forward)
            seconds[1] += _timed(backward)
        times.append([s / calls for s in seconds] + [peak(300_000)])
    return [statistics.median(column) for column in zip(*times[1:], strict=True)]


def _timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(cell, shape, forward, backward, rate):
    """Print a line of the table: rates, shares of the peak and of the roofline; return
    the shares of the roofline of both passes."""
    T, F, H, B = shape
    N, lanes = T * B, LANES[instruction_set]
    gates, activations, derivatives = CELLS[cell]
    columns = F + H, F + 2 * H
    limits = [
        N * H * (gates * k + extra) / lanes / rate
        for k, extra in zip(columns, (activations, derivatives), strict=True)
    ]
    flops = [2 * gates * H * k * N for k in columns]
    cells = [", ".join(map(str, shape)), f"{2 * rate * lanes / 1e9:.0f}"]
    for seconds, limit, n in zip((forward, backward), limits, flops, strict=True):
        cells += [
            f"{seconds * 1e3:.3f}",
            f"{n / seconds / 1e9:.0f}",
            f"{n / seconds / (2 * rate * lanes):.0%}",
            f"{limit / seconds:.0%}",
        ]
    both = sum(limits) / (forward + backward)
    print("| " + " | ".join([*cells, f"{both:.0%}"]) + " |", flush=True)
    return limits[0] / forward, limits[1] / backward


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument(
        "--shapes", type=int, nargs="+", default=range(1, len(SHAPES) + 1),
        choices=range(1, len(SHAPES) + 1),
    )  # fmt: skip
    parser.add_argument("--cell", default="lstm", choices=CELLS)
    add_output(parser)
    options = parser.parse_args()
    if instruction_set not in FLAGS:
        print(f"There is no roofline for the instruction set {instruction_set}.")
        return
    names = ["roofline"]
    if options.cell != "lstm":
        names.append(options.cell)
    if instruction_set != float_set(_kernels.supported_instruction_sets()[0]):
        names.append(instruction_set)
    if len(options.shapes) < len(SHAPES):
        names += ["shapes", *map(str, options.shapes)]
    with (
        written_to(options.output, *names),
        tempfile.TemporaryDirectory() as folder,
    ):
        run(options, build(Path(folder)))


def run(options, limits):
    print(f"# The limit of the processor: {title()}\n\n{description()}.\n")
    rates = zip(
        *([limits.clock_rate(1_000_000), limits.peak(300_000), limits.activations(200)]
          for _ in range(max(5, options.repeats // 3)))
    )  # fmt: skip
    hertz, peak, activated = map(statistics.median, rates)
    print(
        f"{hertz / 1e9:.2f} GHz; {peak / hertz:.2f} multiply-adds of "
        f"{LANES[instruction_set]} numbers a cycle; the activations of an LSTM from L1 "
        f"take as long as {peak / activated:.0f} of them, and the roofline counts "
        f"{CELLS['lstm'][1]}.\n"
    )
    head = "T, F, H, batch | peak GF/s"
    for name in "forward", "backward":
        head += f" | {name} ms | GF/s | of the peak | of the roofline"
    print(
        f"{options.cell}, {instruction_set}, float32, one thread, "
        f"medians of {options.repeats}\n"
    )
    print(f"| {head} | both |\n|{'---|' * 11}")
    shares = {}
    for k in options.shapes:
        work = options.cell, SHAPES[k - 1]
        forward, backward = report(
            *work, *measure(*work, limits.peak, options.repeats + 1)
        )
        shape = ", ".join(map(str, work[1]))
        shares |= {f"forward, {shape}": forward, f"backward, {shape}": backward}
    missed = {name: share for name, share in shares.items() if share < BAR}
    print(f"\n{len(shares) - len(missed)} of {len(shares)} passes reach {BAR:.0%}.\n")
    for name, share in missed.items():
        print(f"- missed: {name}: {share:.0%}")


if __name__ == "__main__":
    main()
