"""The processor and the threads: what there is, asked once, in baseline instructions."""
import os

import joblib

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #ifdef _OPENMP
    #include <omp.h>
    #else
    static int omp_get_max_threads(void) { return 1; }
    #endif

    #if defined(__x86_64__) && !defined(__APPLE__) \\
        && (defined(__GNUC__) || defined(__clang__))
    #include <cpuid.h>

    /* Bits of leaf 7: of GCC's names some are missing in older versions. */
    enum { AVX512_BF16 = 1 << 5, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };

    /* Register states that the operating system saves (XCR0). */
    static uint64_t saved_states(void)
    {
        uint32_t low, high;
        __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        return ((uint64_t)high << 32) | low;
    }

    #if defined(SKLSTM_EMULATE_TILES)
    static int has_tiles(void) { return 1; }
    static int request_tiles(void) { return 1; }
    #elif defined(__linux__)
    #include <sys/syscall.h>
    #include <unistd.h>

    enum { TILE_DATA = 18, GET_SUPPORTED = 0x1021, REQUEST = 0x1023 };

    /* Whether the system gives tile registers to a process that asks for them. */
    static int has_tiles(void)
    {
        uint64_t states = 0;
        return (saved_states() & 0x60000) == 0x60000
            && !syscall(SYS_arch_prctl, GET_SUPPORTED, &states)
            && states >> TILE_DATA & 1;
    }

    /* Ask for them, for all threads: the frames of signals grow by 8 KB. */
    static int request_tiles(void)
    {
        return !syscall(SYS_arch_prctl, REQUEST, TILE_DATA);
    }
    #else
    static int has_tiles(void) { return 0; }
    static int request_tiles(void) { return 0; }
    #endif

    /* 0: baseline; 1: AVX2 and FMA; 2: AVX-512 F, DQ, BW and VL as well; 3: and BF16;
       4: and AMX */
    static int instruction_set_level(void)
    {
        uint32_t a, b, c, d, tiles;
        uint64_t saved;
        if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
        if (!(c & bit_OSXSAVE) || !(c & bit_FMA) || !(c & bit_AVX)) return 0;
        saved = saved_states();
        if ((saved & 0x6) != 0x6) return 0; /* SSE, AVX */
        if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return 0;
        if ((saved & 0xe6) != 0xe6) return 1; /* masks, upper halves, upper 16 */
        if (!(b & bit_AVX512F) || !(b & bit_AVX512DQ) || !(b & bit_AVX512BW)
            || !(b & bit_AVX512VL)) return 1;
        tiles = d & (AMX_TILE | AMX_BF16);
        if (a < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & AVX512_BF16))
            return 2;
    #ifdef SKLSTM_EMULATE_TILES
        tiles = AMX_TILE | AMX_BF16;
    #endif
        return tiles == (uint32_t)(AMX_TILE | AMX_BF16) && has_tiles() ? 4 : 3;
    }
    #else
    static int instruction_set_level(void) { return 0; }
    static int request_tiles(void) { return 0; }
    #endif

    #ifdef _OPENMP
    #define SKLSTM_OPENMP _OPENMP
    #else
    #define SKLSTM_OPENMP 0
    #endif
    """
    int omp_get_max_threads() noexcept nogil
    int instruction_set_level() noexcept nogil
    bint request_tiles() noexcept nogil
    int SKLSTM_OPENMP


_N_CPUS = joblib.cpu_count()
_FORKED = False


def _after_fork_in_child():
    """GCC's OpenMP hangs in a forked child of a process that has used threads."""
    global _FORKED
    _FORKED = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def machine_instruction_sets():
    """Names of the instruction sets this machine runs, best first."""
    names = ["amx", "avx512bf16", "avx512", "avx2", "baseline"]
    return names[4 - instruction_set_level():]


def may_use_tiles():
    """Ask the system for the registers of AMX; whether this process has them now."""
    return request_tiles()


def openmp_version():
    """Version of OpenMP as yyyymm, 0 where the package was built without."""
    return SKLSTM_OPENMP


def effective_n_threads():
    """Threads that a kernel may use now.

    What OpenMP says (`OMP_NUM_THREADS`, `threadpoolctl.threadpool_limits`, loky's inner
    limit), and no more than there are processors, except where `OMP_NUM_THREADS` asks
    for it; one in a forked child.
    """
    if _FORKED:
        return 1
    if "OMP_NUM_THREADS" in os.environ:
        return omp_get_max_threads()
    return min(omp_get_max_threads(), _N_CPUS)
