"""A counter-based random generator: a draw is a function of what it is for.

Philox 4x32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"). There is no stream that threads or minibatches could take from in another order.
"""
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint32_t, uint64_t

ctypedef fused real:
    float
    double

cdef enum:
    DRAWS = 8  # of 16 bits, that one call of the generator gives


cdef extern from "<philox.h>" nogil:
    void philox_rounds(uint32_t*, uint32_t, uint32_t) noexcept


def philox(counter, key):
    """Four numbers of 32 bits for a counter of four and a key of two."""
    cdef uint32_t c[4]
    cdef int i
    for i in range(4):
        c[i] = counter[i]
    philox_rounds(c, key[0], key[1])
    return [c[i] for i in range(4)]


def dropout_mask(
    uint64_t seed,
    uint64_t step,
    uint32_t layer,
    const Py_ssize_t[::1] ids,     # IN numbers of the samples in the fit
    const Py_ssize_t[::1] samples,  # IN (n,) element of ids for each row of the mask
    const Py_ssize_t[::1] times or None,  # IN (n,) time steps; None: a mask a sample
    double rate,
    real[:, ::1] mask,             # OUT (n, width)
    int n_threads=1,
):
    """Zero with probability `rate` and 1 / (1 - rate) elsewhere.

    An element depends on nothing but seed, step, layer, sample, time and unit.
    """
    cdef Py_ssize_t n = mask.shape[0], i
    cdef uint32_t limit = <uint32_t>min(65535, rate * 65536 + 0.5)  # of 16 bits
    cdef real scale = <real>(1 / (1 - rate))
    if samples.shape[0] != n or (times is not None and times.shape[0] != n):
        raise ValueError("samples, times and mask do not belong together.")
    for i in range(n):
        if not 0 <= samples[i] < ids.shape[0]:
            raise ValueError(f"samples[{i}] is {samples[i]}, of {ids.shape[0]} ids.")
    if n == 0:
        return
    cdef const Py_ssize_t* time = &times[0] if times is not None else NULL
    for i in prange(n, nogil=True, schedule="static", num_threads=n_threads):
        mask_row(
            seed, step, layer, <uint64_t>ids[samples[i]], time[i] if time != NULL else -1,
            limit, scale, mask.shape[1], &mask[i, 0],
        )


cdef void mask_row(
    uint64_t seed, uint64_t step, uint32_t layer, uint64_t id, int64_t time,
    uint32_t limit, real scale, Py_ssize_t width, real* mask,
) noexcept nogil:
    # Sample, layer and step make, with the seed, a key; its counter is the rest.
    cdef uint32_t sample[4]
    cdef uint32_t c[4]
    cdef Py_ssize_t i, begin, k
    sample[0], sample[1] = <uint32_t>id, <uint32_t>(id >> 32)
    sample[2], sample[3] = layer, <uint32_t>step
    philox_rounds(sample, <uint32_t>seed, <uint32_t>(seed >> 32))
    for i in range((width + DRAWS - 1) // DRAWS):
        begin = i * DRAWS
        c[0] = <uint32_t>i
        c[1] = <uint32_t>time
        c[2], c[3] = sample[2], sample[3]
        philox_rounds(c, sample[0], sample[1])
        for k in range(min(<Py_ssize_t>DRAWS, width - begin)):
            mask[begin + k] = (
                scale if (c[k // 2] >> (16 * (k % 2)) & 0xFFFF) >= limit else 0
            )
