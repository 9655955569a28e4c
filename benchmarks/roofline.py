"""How near the kernels come to the limit of the processor.

    python benchmarks/roofline.py
    python benchmarks/roofline.py --shapes 1 2 --repeats 21
    python benchmarks/roofline.py --cell gru

One thread, float32. The limit is measured in the same run, in turns with the kernels: a
loop of independent fused multiply-adds that touches nothing but registers gives the
peak, and with it the cycles. The roofline adds what the activations cost where a vector
has 16 lanes and a cycle two multiply-adds (AVX-512):

    forward    cycles >= N H (gates (F + H) / 32 + activations)
    backward   cycles >= N H (gates (F + 2 H) / 32 + derivatives)

with N row-steps; 3 and 2 cycles for the 5 activations of an LSTM, in proportion for the
3 of a GRU and the one of a plain RNN. On AVX2 a cycle has half the lanes and both sums
count twice. The baseline has no fused multiply-add to compare with. Needs a C compiler.
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

from sklstm._kernels import Schedule, float_set
from sklstm._kernels import instruction_set as chosen
from sklstm._network.build import whole_sequence_network
from sklstm._network.initializers import InitialValues
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory

# T steps, F features, H hidden units, B sequences
SHAPES = [
    (50, 1, 16, 32),
    (100, 8, 32, 32),
    (100, 16, 64, 64),
    (100, 32, 128, 64),
    (50, 64, 256, 64),
    (35, 512, 512, 64),
]
instruction_set = float_set(chosen)
FLAGS = {"avx512": ["-mavx512f"], "avx2": ["-mavx2", "-mfma"]}
LANES = {"avx512": 16, "avx2": 8}
# Gates, and cycles that the activations of a unit cost forward and backward.
CELLS = {"lstm": (4, 3, 2), "gru": (3, 1.8, 1.2), "rnn_tanh": (1, 0.6, 0.4)}
CHAINS = 12  # latency 4, two a cycle: 8 would do; 16 registers on AVX2

PEAK = r"""
#include <immintrin.h>
#include <time.h>
#ifdef __AVX512F__
typedef __m512 vec;
#define SET _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#else
typedef __m256 vec;
#define SET _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#endif

float sink;

/* Fused multiply-adds of vectors in a second. */
double peak(long n)
{
    struct timespec begin, end;
    const vec x = SET(0.999f), y = SET(0.001f);
    vec a[CHAINS];
    for (int i = 0; i < CHAINS; i++) a[i] = SET(i);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long k = 0; k < n; k++) {
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) a[i] = FMA(a[i], x, y);
    }
    for (int i = 1; i < CHAINS; i++) a[0] = FMA(a[i], x, a[0]);
    sink = a[0][0]; /* so that the loop cannot be left out */
    clock_gettime(CLOCK_MONOTONIC, &end);
    return n * CHAINS
        / (end.tv_sec - begin.tv_sec + 1e-9 * (end.tv_nsec - begin.tv_nsec));
}
"""


def build_peak(folder):
    """The function `peak`, compiled for the instruction set of the kernels."""
    source, library = folder / "peak.c", folder / "peak.so"
    source.write_text(PEAK)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    subprocess.run(
        [*compiler, "-O3", "-shared", "-fPIC", *FLAGS[instruction_set],
         f"-DCHAINS={CHAINS}", "-o", library, source],
        check=True,
    )  # fmt: skip
    peak = ctypes.CDLL(str(library)).peak
    peak.restype = ctypes.c_double
    peak.argtypes = [ctypes.c_long]
    return peak


def passes(cell, T, F, H, B):
    """Forward and backward pass of one layer, as functions without arguments."""
    rng = np.random.default_rng(0)
    layer = Recurrent("l0", F, H, np.float32, cell, reads_data=True)
    weights = {
        name: np.empty(shape, dtype=np.float32) for name, shape in layer.shapes.items()
    }
    layer.initialize(weights, rng, InitialValues(0.0))
    layer.load(weights, backward=True)
    data = rng.standard_normal((B * T, F), dtype=np.float32)
    strip_rows = whole_sequence_network(F, (H,), 1, np.float32).strip_rows
    schedule = Schedule(np.arange(B) * T, np.full(B, T), strip_rows, n_rows=B * T)
    d_last = np.ones((B, layer.width), dtype=np.float32)
    d_weights = {name: np.zeros_like(value) for name, value in weights.items()}
    x, d_y = Steps(data, schedule.data_rows, schedule), StepsGradient(ends=(d_last,))
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
    """A line of the table: rates, shares of the peak and of the roofline."""
    T, F, H, B = shape
    N, lanes = T * B, LANES[instruction_set]
    cycle = 2 / rate
    scale = 16 / lanes * cycle
    gates, activations, derivatives = CELLS[cell]
    columns = F + H, F + 2 * H
    limits = [
        N * H * (gates * k / 32 + extra)
        for k, extra in zip(columns, (activations, derivatives), strict=True)
    ]
    flops = [2 * gates * H * k * N for k in columns]
    cells = [", ".join(map(str, shape)), f"{2 * rate * lanes / 1e9:.0f}"]
    for seconds, limit, n in zip((forward, backward), limits, flops, strict=True):
        cells += [
            f"{seconds * 1e3:.3f}",
            f"{n / seconds / 1e9:.0f}",
            f"{n / seconds / (2 * rate * lanes):.0%}",
            f"{limit * scale / seconds:.0%}",
        ]
    both = sum(limits) * scale / (forward + backward)
    print("| " + " | ".join([*cells, f"{both:.0%}"]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument(
        "--shapes", type=int, nargs="+", default=range(1, len(SHAPES) + 1),
        choices=range(1, len(SHAPES) + 1),
    )  # fmt: skip
    parser.add_argument("--cell", default="lstm", choices=CELLS)
    options = parser.parse_args()
    if instruction_set not in FLAGS:
        print(f"There is no roofline for the instruction set {instruction_set}.")
        return
    head = "T, F, H, batch | peak GF/s"
    for name in "forward", "backward":
        head += f" | {name} ms | GF/s | of the peak | of the roofline"
    print(
        f"{options.cell}, {instruction_set}, float32, one thread, "
        f"medians of {options.repeats}\n"
    )
    print(f"| {head} | both |\n|{'---|' * 11}")
    with tempfile.TemporaryDirectory() as folder:
        peak = build_peak(Path(folder))
        for k in options.shapes:
            work = options.cell, SHAPES[k - 1]
            report(*work, *measure(*work, peak, options.repeats + 1))


if __name__ == "__main__":
    main()
