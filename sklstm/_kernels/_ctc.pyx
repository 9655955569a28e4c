"""Connectionist temporal classification (Graves et al. 2006), by sequence.

The outputs x (T, K) of a sequence are, by a softmax at each step, probabilities of K - 1
labels and, last, of the blank. A path is one of them at each step; it stands for the
labels that are left without repetitions first and without blanks then. A string of L
labels has a lattice of S = 2 L + 1 states, blank, label, blank, ..., label, blank:
paths for it begin in one of the first two states, end in one of the last two, and from a
step to the next stay, go on to the next state, or skip a blank between two labels that
differ.

Of what is summed over paths a cell has the weight, as part of the largest of its step,
or, where that is less than LEAST, its logarithm, which is negative: no spread of outputs
loses a path, and all but the least need no logarithm. One thread computes a sequence.
"""
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, exp, log
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memset

import numpy as np

cdef extern from *:
    """
    #include <stddef.h>

    /* Weights that are held as such, sums of them to which all others add nothing, and
     * sums of products of two of them to which all others add nothing. */
    #define LEAST 1e-280
    #define LEAST_SUM 1e-260
    #define LEAST_TOTAL 1e-240
    #define LOG_LEAST (-644.7238260383328)
    /* The logarithm of what adds nothing to 1. */
    #define NOTHING (-40.0)

    static inline double weight_of(double cell) { return cell > 0 ? cell : 0; }

    /* out[s] = (v[s] + v[s - 1] + skip[s] v[s - 2]) p[s]; whether any is small. */
    static int arrive(
        ptrdiff_t lo, ptrdiff_t hi, const double *restrict v,
        const double *restrict skip, const double *restrict p, double *restrict out)
    {
        int small = 0;
        for (ptrdiff_t s = lo; s < hi; s++) {
            const double sum = weight_of(v[s]) + weight_of(v[s - 1])
                + skip[s] * weight_of(v[s - 2]);
            const double r = sum * p[s];
            out[s] = r;
            small |= (sum < LEAST_SUM) | (r < LEAST);
        }
        return small;
    }

    /* out[s] = v[s] p[s]; whether any is small. */
    static int emit(
        ptrdiff_t lo, ptrdiff_t hi, const double *restrict v, const double *restrict p,
        double *restrict out)
    {
        int small = 0;
        for (ptrdiff_t s = lo; s < hi; s++) {
            out[s] = weight_of(v[s]) * p[s];
            small |= out[s] < LEAST;
        }
        return small;
    }

    /* out[s] = y[s] + y[s + 1] + skip[s + 2] y[s + 2]; whether any is small. */
    static int leave(
        ptrdiff_t lo, ptrdiff_t hi, const double *restrict y,
        const double *restrict skip, double *restrict out)
    {
        int small = 0;
        for (ptrdiff_t s = lo; s < hi; s++) {
            out[s] = weight_of(y[s]) + weight_of(y[s + 1])
                + skip[s + 2] * weight_of(y[s + 2]);
            small |= out[s] < LEAST_SUM;
        }
        return small;
    }

    static void scale(ptrdiff_t lo, ptrdiff_t hi, double factor, double *v)
    {
        for (ptrdiff_t s = lo; s < hi; s++) v[s] *= factor;
    }

    static double largest_of(ptrdiff_t n, const double *x)
    {
        double most = x[0];
        for (ptrdiff_t k = 1; k < n; k++) most = x[k] > most ? x[k] : most;
        return most;
    }
    """
    const double LEAST, LEAST_SUM, LEAST_TOTAL, LOG_LEAST, NOTHING
    double weight_of(double) noexcept nogil
    bint arrive(
        Py_ssize_t, Py_ssize_t, const double*, const double*, const double*,
        double*) noexcept nogil
    bint emit(
        Py_ssize_t, Py_ssize_t, const double*, const double*, double*) noexcept nogil
    bint leave(
        Py_ssize_t, Py_ssize_t, const double*, const double*, double*) noexcept nogil
    void scale(Py_ssize_t, Py_ssize_t, double, double*) noexcept nogil
    double largest_of(Py_ssize_t, const double*) noexcept nogil

cdef enum:
    LINE = 8  # numbers in a line of memory, which no two threads share
    MARGIN = 2  # cells before the first state and behind the last one: no path is there


# ---- the lattice ---------------------------------------------------------------------


cdef struct Lattice:
    Py_ssize_t T
    Py_ssize_t S         # states
    Py_ssize_t K
    const double* x      # (T, K)
    Py_ssize_t* labels   # (S,) of each state
    double* skip         # (S + 2,) 1 where a path may come from two states before, else 0


cdef void band(
    const Lattice* g, Py_ssize_t t, Py_ssize_t* lo, Py_ssize_t* hi
) noexcept nogil:
    """States at which paths may be at a step, by the steps before and behind it."""
    lo[0] = max(<Py_ssize_t>0, g.S - 2 * (g.T - t))
    hi[0] = min(g.S, 2 * t + 2)


cdef void wall(double* cells, Py_ssize_t first, Py_ssize_t behind) noexcept nogil:
    """No path is beside these cells."""
    cells[first - 1] = cells[first - 2] = -INFINITY
    cells[behind] = cells[behind + 1] = -INFINITY


cdef double* build(
    Lattice* g, Py_ssize_t T, Py_ssize_t K, const double* x, Py_ssize_t L,
    const Py_ssize_t* labels, double* work,
) noexcept nogil:
    """The lattice of L labels in the memory `work`; what is behind it there."""
    cdef Py_ssize_t s
    g.T, g.S, g.K, g.x = T, 2 * L + 1, K, x
    g.skip = work
    g.labels = <Py_ssize_t*>(work + g.S + MARGIN)
    for s in range(g.S):
        g.labels[s] = labels[s // 2] if s % 2 else K - 1
        g.skip[s] = s % 2 == 1 and s > 1 and g.labels[s] != g.labels[s - 2]
    g.skip[g.S] = g.skip[g.S + 1] = 0
    return work + 2 * g.S + MARGIN


cdef double softmax(Py_ssize_t K, const double* x, double* p) noexcept nogil:
    """Probabilities (K,); what is taken from x for their logarithms. NaN where some
    output is NaN or inf, or all are -inf."""
    cdef Py_ssize_t k
    cdef double most = largest_of(K, x), total = 0
    if not -INFINITY < most < INFINITY:
        return NAN
    for k in range(K):
        p[k] = exp(x[k] - most)
        total += p[k]
    if total != total:
        return total
    for k in range(K):
        p[k] /= total
    return most + log(total)


cdef double log_of(double cell) noexcept nogil:
    return log(cell) if cell > 0 else cell


cdef double cell_of(double logarithm) noexcept nogil:
    return exp(logarithm) if logarithm > LOG_LEAST else logarithm


cdef double log_sum(double a, double b, double c) noexcept nogil:
    """log(exp(a) + exp(b) + exp(c)), without exponentials that add nothing"""
    cdef double total = 1
    # the largest of them is a
    if b > a:
        a, b = b, a
    if c > a:
        a, c = c, a
    if b - a > NOTHING:
        total += exp(b - a)
    if c - a > NOTHING:
        total += exp(c - a)
    return a + log(total) if total > 1 else a


cdef double rescale(Py_ssize_t lo, Py_ssize_t hi, bint small, double* v) noexcept nogil:
    """Make the largest cell 1; its logarithm before, -inf where no cell has a path."""
    cdef Py_ssize_t s
    cdef double most = largest_of(hi - lo, v + lo), log_most
    if most > 0:
        log_most = log(most)
        if not small:
            scale(lo, hi, 1 / most, v)
            return log_most
    else:
        log_most = most
    if log_most == -INFINITY:
        return log_most
    for s in range(lo, hi):
        if v[s] > 0:
            v[s] /= most
        else:
            v[s] = cell_of(v[s] - log_most)
    return log_most


cdef void add(double* total, double* low, double x) noexcept nogil:
    """total + low += x without the rounding of the sum (Knuth's two-sum)."""
    cdef double sum_ = total[0] + x
    cdef double of_x = sum_ - total[0]
    low[0] += (total[0] - (sum_ - of_x)) + (x - of_x)
    total[0] = sum_


cdef double forward(
    const Lattice* g,
    double* p,          # OUT (T, K), with `keep` False (K,): probabilities
    double* norm,       # OUT (T,): log p = x - norm
    double* ps,         # (S,)
    double* cells,      # OUT (T, S) with margins, with `keep` False two rows of it
    bint keep,
) noexcept nogil:
    """log of the probability of the labels: -inf if no path has one, NaN where outputs
    are no numbers."""
    cdef Py_ssize_t W = g.S + 2 * MARGIN, K = g.K, t, s, lo = 0, hi = 0
    cdef double* before = NULL
    cdef double* now = NULL
    cdef const double* x = g.x
    cdef double log_p = 0, low = 0, most, r
    cdef bint small, found = g.S <= 2 * g.T + 1  # a step for each label
    for t in range(g.T):
        norm[t] = softmax(K, x, p)
        if norm[t] != norm[t]:
            return NAN
        if found:
            band(g, t, &lo, &hi)
            before, now = now, cells + (t if keep else t % 2) * W + MARGIN
            for s in range(lo, hi):
                ps[s] = p[g.labels[s]]
            wall(now, 0, hi)
            if t == 0:
                small = False
                for s in range(lo, hi):
                    now[s] = ps[s]
                    if ps[s] < LEAST:
                        small, now[s] = True, cell_of(x[g.labels[s]] - norm[t])
            else:
                small = arrive(lo, hi, before, g.skip, ps, now)
                if small:
                    arrive_small(g, lo, hi, before, ps, x, norm[t], now)
            most = rescale(lo, hi, small, now)
            found = most > -INFINITY
            if found:
                add(&log_p, &low, most)
        x += K
        if keep:
            p += K
    if not found:
        return -INFINITY
    r = weight_of(now[g.S - 1])
    if g.S > 1:
        r += weight_of(now[g.S - 2])
    # the largest of the last step is one of these
    add(&log_p, &low, log(r))
    return min(log_p + low, 0.0)


cdef void arrive_small(
    const Lattice* g, Py_ssize_t lo, Py_ssize_t hi, const double* before,
    const double* ps, const double* x, double norm, double* now,
) noexcept nogil:
    """The small ones again, by logarithms."""
    cdef Py_ssize_t s
    cdef double sum_, a
    for s in range(lo, hi):
        sum_ = weight_of(before[s]) + weight_of(before[s - 1])
        sum_ += g.skip[s] * weight_of(before[s - 2])
        if sum_ >= LEAST_SUM:
            if now[s] < LEAST:
                now[s] = cell_of(log(sum_) + (x[g.labels[s]] - norm))
            continue
        a = log_sum(
            log_of(before[s]), log_of(before[s - 1]),
            log_of(before[s - 2]) if g.skip[s] else -INFINITY,
        )
        now[s] = cell_of(a + (x[g.labels[s]] - norm))


cdef void backward(
    const Lattice* g,
    const double* norm,   # IN (T,)
    const double* cells,  # IN (T, S) with margins, from `forward`, which found a path
    double weight,
    double* work,         # (4 (S + 4),)
    double* d_x,          # IN (T, K) probabilities, OUT weight times the gradient
) noexcept nogil:
    """The gradient of -log p of the labels: p less the part of paths at each label."""
    cdef Py_ssize_t W = g.S + 2 * MARGIN, K = g.K, t, s, k, lo = 0, hi = 0
    cdef Py_ssize_t first, behind
    cdef double* b = work + MARGIN  # cells of what comes behind a step
    cdef double* y = b + W          # with the step behind it
    cdef double* ps = y + W
    cdef double* part = ps + W
    cdef const double* a
    cdef const double* x
    cdef double total, most
    cdef bint small
    for t in range(g.T - 1, -1, -1):
        first, behind = lo, hi
        band(g, t, &lo, &hi)
        if t == g.T - 1:
            for s in range(lo, hi):
                b[s] = 1
        else:
            # y of the step behind, whose ps are still there
            x = g.x + (t + 1) * K
            small = emit(first, behind, b, ps, y)
            if small:
                for s in range(first, behind):
                    if y[s] < LEAST:
                        y[s] = cell_of(log_of(b[s]) + (x[g.labels[s]] - norm[t + 1]))
            wall(y, first, behind)
            small = leave(lo, hi, y, g.skip, b)
            if small:
                for s in range(lo, hi):
                    if b[s] < LEAST_SUM:
                        b[s] = cell_of(log_sum(
                            log_of(y[s]), log_of(y[s + 1]),
                            log_of(y[s + 2]) if g.skip[s + 2] else -INFINITY,
                        ))
            rescale(lo, hi, small, b)
        a = cells + t * W + MARGIN
        for s in range(lo, hi):
            ps[s] = d_x[t * K + g.labels[s]]
        total = 0
        for s in range(lo, hi):
            part[s] = weight_of(a[s]) * weight_of(b[s])
            total += part[s]
        if total < LEAST_TOTAL:
            for s in range(lo, hi):
                part[s] = log_of(a[s]) + log_of(b[s])
            most = largest_of(hi - lo, part + lo)
            total = 0
            for s in range(lo, hi):
                part[s] = exp(part[s] - most) if most > -INFINITY else 0
                total += part[s]
            total = total if total > 0 else 1
        for s in range(lo, hi):
            d_x[t * K + g.labels[s]] -= part[s] / total
        for k in range(K):
            d_x[t * K + k] *= weight


# ---- doors ---------------------------------------------------------------------------


cdef int check_offsets(
    const Py_ssize_t[::1] offsets, Py_ssize_t B, Py_ssize_t n, str what
) except -1:
    cdef Py_ssize_t b
    if offsets.shape[0] != B + 1 or offsets[0] != 0:
        raise ValueError(f"offsets of {what} are not {B + 1} that begin with 0.")
    for b in range(B):
        if offsets[b + 1] < offsets[b]:
            raise ValueError(f"offsets of {what}: [{b + 1}] is less than the one before.")
    if offsets[B] != n:
        raise ValueError(f"offsets of {what} do not end with their number.")
    return 0


cdef int check_batch(
    const double[:, ::1] x, const Py_ssize_t[::1] starts, const Py_ssize_t[::1] n_steps,
    const Py_ssize_t[::1] labels, const Py_ssize_t[::1] label_offsets, int n_threads,
) except -1:
    """Outputs, labels and places that belong together."""
    cdef Py_ssize_t B = starts.shape[0], N = x.shape[0], k
    if x.shape[1] < 1 or n_steps.shape[0] != B:
        raise ValueError("There is no output for the blank, or not a length for each.")
    if n_threads < 1:
        raise ValueError(f"n_threads is {n_threads}.")
    for k in range(B):
        # a difference, because a sum may overflow
        if not 0 <= n_steps[k] <= N or not 0 <= starts[k] <= N - n_steps[k]:
            raise ValueError(f"Sequence {k} has rows that there are not.")
    check_offsets(label_offsets, B, labels.shape[0], "labels")
    for k in range(labels.shape[0]):
        if not 0 <= labels[k] < x.shape[1] - 1:
            raise ValueError(f"labels[{k}] is {labels[k]}, of {x.shape[1] - 1} labels.")
    return 0


cdef Py_ssize_t in_lines(Py_ssize_t n) noexcept:
    return (n + LINE - 1) // LINE * LINE


cdef Py_ssize_t size_of_thread(
    Py_ssize_t K, const Py_ssize_t[::1] n_steps, const Py_ssize_t[::1] label_offsets,
    bint all_cells,
) noexcept:
    """Elements of memory that one thread needs for any of the sequences."""
    cdef Py_ssize_t b, T, W, size = 0
    for b in range(n_steps.shape[0]):
        T = n_steps[b]
        W = 2 * (label_offsets[b + 1] - label_offsets[b]) + 1 + 2 * MARGIN
        size = max(size, (T if all_cells else 2) * W + 6 * W + T + K)
    return in_lines(size)


def scratch_size(
    Py_ssize_t K,
    const Py_ssize_t[::1] n_steps,        # IN (B,)
    const Py_ssize_t[::1] label_offsets,  # IN (B + 1,)
    int n_threads=1,
    bint gradient=False,                  # for `log_likelihood` with gradients, `align`
):
    """Elements of scratch memory that `log_likelihood` or `align` need."""
    if label_offsets.shape[0] != n_steps.shape[0] + 1:
        raise ValueError("There are not labels for each sequence.")
    return n_threads * size_of_thread(K, n_steps, label_offsets, gradient)


cdef int check_scratch(const double[::1] scratch, Py_ssize_t size) except -1:
    if scratch.shape[0] < size:
        raise ValueError(f"scratch has {scratch.shape[0]} elements and needs {size}.")
    return 0


cdef struct Task:
    Py_ssize_t K
    const double* x
    const Py_ssize_t* starts
    const Py_ssize_t* n_steps
    const Py_ssize_t* labels
    const Py_ssize_t* label_offsets
    const double* weight
    double* values
    double* d_x         # NULL: no gradient
    Py_ssize_t* spans


cdef Task task_of(
    const double[:, ::1] x, const Py_ssize_t[::1] starts, const Py_ssize_t[::1] n_steps,
    const Py_ssize_t[::1] labels, const Py_ssize_t[::1] label_offsets,
) noexcept:
    cdef Task task
    task.K = x.shape[1]
    task.x = &x[0, 0] if x.shape[0] else NULL
    task.starts, task.n_steps = &starts[0], &n_steps[0]
    task.label_offsets = &label_offsets[0]
    task.labels = &labels[0] if labels.shape[0] else NULL
    task.weight = task.values = task.d_x = NULL
    task.spans = NULL
    return task


def log_likelihood(
    const double[:, ::1] outputs,         # IN (N, K)
    const Py_ssize_t[::1] starts,         # IN (B,) first row of each sequence
    const Py_ssize_t[::1] n_steps,        # IN (B,)
    const Py_ssize_t[::1] labels,         # IN (M,) below K - 1, which is the blank
    const Py_ssize_t[::1] label_offsets,  # IN (B + 1,)
    const double[::1] weight,             # IN (B,)
    double[::1] scratch,
    double[::1] values,                   # OUT (B,)
    double[:, ::1] d_outputs=None,        # OUT (N, K)
    int n_threads=1,
):
    """log p of the labels by sequence, and the gradient of -sum_b weight[b] values[b].

    Where no path leads to the labels the value is -inf and the gradient 0, where
    outputs of a sequence are NaN or inf, or all of a step are -inf, they are NaN and 0.
    """
    cdef Py_ssize_t B = starts.shape[0], b, of_thread, row = 0
    cdef bint gradient = d_outputs is not None
    check_batch(outputs, starts, n_steps, labels, label_offsets, n_threads)
    if weight.shape[0] != B or values.shape[0] != B:
        raise ValueError("weight and values do not have an element for each sequence.")
    if gradient and (
        d_outputs.shape[0] != outputs.shape[0] or d_outputs.shape[1] != outputs.shape[1]
    ):
        raise ValueError("The gradient is not of the shape of the outputs.")
    if gradient:  # of each row one sequence has it
        for b in range(B):
            if starts[b] != row:
                raise ValueError(f"Sequence {b} does not begin where others have ended.")
            row += n_steps[b]
        if row != outputs.shape[0]:
            raise ValueError("There are rows of no sequence.")
    if B == 0:
        return
    of_thread = size_of_thread(outputs.shape[1], n_steps, label_offsets, gradient)
    check_scratch(scratch, n_threads * of_thread)
    cdef Task task = task_of(outputs, starts, n_steps, labels, label_offsets)
    task.weight, task.values = &weight[0], &values[0]
    task.d_x = &d_outputs[0, 0] if gradient and outputs.shape[0] else NULL
    cdef double* work = &scratch[0]
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        task.values[b] = learn(&task, b, work + threadid() * of_thread)


cdef double learn(const Task* task, Py_ssize_t b, double* work) noexcept nogil:
    cdef Py_ssize_t K = task.K, first = task.starts[b], T = task.n_steps[b]
    cdef Py_ssize_t L = task.label_offsets[b + 1] - task.label_offsets[b]
    cdef Py_ssize_t W = 2 * L + 1 + 2 * MARGIN
    cdef Lattice g
    cdef double* norm
    cdef double* d_x
    cdef double* rest
    cdef double log_p
    if T == 0:
        return -INFINITY if L else 0
    norm = build(
        &g, T, K, task.x + first * K, L, task.labels + task.label_offsets[b], work
    )
    rest = norm + T  # 4 W for the way back, of which the way there uses one
    if task.d_x == NULL:
        return forward(&g, rest + 3 * W, norm, rest, rest + W, False)
    d_x = task.d_x + first * K
    log_p = forward(&g, d_x, norm, rest, rest + 4 * W, True)
    if log_p > -INFINITY:
        backward(&g, norm, rest + 4 * W, task.weight[b], rest, d_x)
    else:
        memset(d_x, 0, T * K * sizeof(double))
    return log_p


def align(
    const double[:, ::1] outputs,         # IN (N, K)
    const Py_ssize_t[::1] starts,         # IN (B,)
    const Py_ssize_t[::1] n_steps,        # IN (B,)
    const Py_ssize_t[::1] labels,         # IN (M,)
    const Py_ssize_t[::1] label_offsets,  # IN (B + 1,)
    double[::1] scratch,
    Py_ssize_t[:, ::1] spans,             # OUT (M, 2) first and last step of each label
    double[::1] values,                   # OUT (B,) log of the probability of the path
    int n_threads=1,
):
    """The steps of each label on the most probable path for the labels, counted from
    the first one of their sequence.

    Of equal paths it is the one that is further behind at its last step, then at the
    one before, and so on. Where there is none, as in `log_likelihood`, steps are -1.
    """
    cdef Py_ssize_t B = starts.shape[0], b, of_thread
    check_batch(outputs, starts, n_steps, labels, label_offsets, n_threads)
    if values.shape[0] != B or spans.shape[0] != labels.shape[0] or spans.shape[1] != 2:
        raise ValueError("spans and values are not of the labels and sequences.")
    if B == 0:
        return
    of_thread = size_of_thread(outputs.shape[1], n_steps, label_offsets, True)
    check_scratch(scratch, n_threads * of_thread)
    cdef Task task = task_of(outputs, starts, n_steps, labels, label_offsets)
    task.values, task.spans = &values[0], &spans[0, 0] if labels.shape[0] else NULL
    cdef double* work = &scratch[0]
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        task.values[b] = best_path(&task, b, work + threadid() * of_thread)


cdef double best_path(const Task* task, Py_ssize_t b, double* work) noexcept nogil:
    cdef Py_ssize_t K = task.K, first = task.starts[b], T = task.n_steps[b]
    cdef Py_ssize_t L = task.label_offsets[b + 1] - task.label_offsets[b]
    cdef Py_ssize_t W = 2 * L + 1 + 2 * MARGIN, t, s, lo = 0, hi = 0, i
    cdef Py_ssize_t* spans = task.spans + 2 * task.label_offsets[b]
    cdef Lattice g
    cdef double* p
    cdef double* before
    cdef double* now
    cdef double* swap
    cdef uint8_t* back
    cdef const double* x = task.x + first * K
    cdef double norm, most
    for i in range(2 * L):
        spans[i] = -1
    if T < L:
        return -INFINITY
    if T == 0:
        return 0
    p = build(&g, T, K, x, L, task.labels + task.label_offsets[b], work)
    before = p + K + MARGIN
    now = before + W
    back = <uint8_t*>(now + W)  # (T, S) states that a path goes on
    for t in range(T):
        norm = softmax(K, x, p)
        if norm != norm:
            return NAN
        band(&g, t, &lo, &hi)
        for s in range(lo, hi):
            most = 0
            if t > 0:
                most, back[t * g.S + s] = before[s], 0
                if before[s - 1] > most:
                    most, back[t * g.S + s] = before[s - 1], 1
                if g.skip[s] and before[s - 2] > most:
                    most, back[t * g.S + s] = before[s - 2], 2
            now[s] = most + (x[g.labels[s]] - norm)
        wall(now, 0, hi)
        x += K
        swap, before = before, now
        now = swap
    s = g.S - 1
    if L and before[s - 1] >= before[s]:
        s -= 1
    most = before[s]
    if most == -INFINITY:
        return most
    for t in range(T - 1, -1, -1):
        if s % 2:
            if spans[s] < 0:
                spans[s] = t
            spans[s - 1] = t
        if t:
            s -= back[t * g.S + s]
    return most


# ---- prefix beam search --------------------------------------------------------------


cdef struct Beam:
    # Strings of labels, nodes of a tree, the most probable of which go on.
    Py_ssize_t width, n_labels, capacity
    double bonus        # for each label
    int32_t* n          # strings that go on, and nodes
    int32_t* parent     # (capacity,)
    int32_t* label      # (capacity,)
    int32_t* child      # (capacity,) the youngest, -1 for none
    int32_t* sibling    # (capacity,) the next older one, -1 for none
    int32_t* place      # (capacity,) among those that go on, -1 for none
    int32_t* node       # (width,)
    int32_t* heap       # (width,) candidates, the worst on top
    int32_t* slot       # (n_labels,) place of the child with this label, -1 for none
    double* blank       # (width,) log p of paths to the string that end in a blank
    double* label_last  # (width,) and of those that do not
    double* added       # (width,) what is added for the ranking
    double* next_blank  # (width,)
    double* next_label  # (width,)
    double* next_added  # (width,)
    double* scores      # (width * K,) of candidates: to stay, and to go on by each label


cdef Py_ssize_t n_ints(Py_ssize_t width, Py_ssize_t K, Py_ssize_t capacity) noexcept:
    return 2 + 5 * capacity + 2 * width + K


cdef Py_ssize_t n_doubles(Py_ssize_t width, Py_ssize_t K) noexcept:
    return in_lines(6 * width + width * K)


cdef Beam beam_of(
    Py_ssize_t width, Py_ssize_t K, Py_ssize_t capacity, double bonus, int32_t* ints,
    double* doubles,
) noexcept nogil:
    cdef Beam beam
    beam.width, beam.n_labels, beam.capacity, beam.bonus = width, K - 1, capacity, bonus
    beam.n = ints
    beam.parent = beam.n + 2
    beam.label = beam.parent + capacity
    beam.child = beam.label + capacity
    beam.sibling = beam.child + capacity
    beam.place = beam.sibling + capacity
    beam.node = beam.place + capacity
    beam.heap = beam.node + width
    beam.slot = beam.heap + width
    beam.blank = doubles
    beam.label_last = beam.blank + width
    beam.added = beam.label_last + width
    beam.next_blank = beam.added + width
    beam.next_label = beam.next_blank + width
    beam.next_added = beam.next_label + width
    beam.scores = beam.next_added + width
    return beam


cdef void begin(Beam* beam) noexcept nogil:
    """The empty string."""
    cdef Py_ssize_t c
    beam.n[0] = beam.n[1] = 1
    beam.parent[0] = beam.label[0] = beam.child[0] = beam.sibling[0] = -1
    beam.place[0] = beam.node[0] = 0
    beam.blank[0], beam.label_last[0], beam.added[0] = 0, -INFINITY, 0
    for c in range(beam.n_labels):
        beam.slot[c] = -1


cdef double log_sum2(double a, double b) noexcept nogil:
    return log_sum(a, b, -INFINITY)


cdef bint is_worse(const Beam* beam, int32_t a, int32_t b) noexcept nogil:
    """Of candidates with equal scores the later one is worse."""
    cdef double x = beam.scores[a], y = beam.scores[b]
    return x < y or (x == y and a > b)


cdef void sift(Beam* beam, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Put the heap in order below k."""
    cdef Py_ssize_t worst, child
    cdef int32_t swap
    while True:
        worst = k
        for child in range(2 * k + 1, min(2 * k + 3, n)):
            if is_worse(beam, beam.heap[child], beam.heap[worst]):
                worst = child
        if worst == k:
            return
        swap, beam.heap[k] = beam.heap[k], beam.heap[worst]
        beam.heap[worst] = swap
        k = worst


cdef void offer(Beam* beam, Py_ssize_t* n, int32_t candidate) noexcept nogil:
    """Keep the candidate if it is among the best."""
    cdef Py_ssize_t k, above
    cdef int32_t swap
    if beam.scores[candidate] == -INFINITY:
        return
    if n[0] == beam.width:
        if is_worse(beam, beam.heap[0], candidate):
            beam.heap[0] = candidate
            sift(beam, n[0], 0)
        return
    k = n[0]
    n[0] += 1
    beam.heap[k] = candidate
    while k:
        above = (k - 1) // 2
        if not is_worse(beam, beam.heap[k], beam.heap[above]):
            return
        swap, beam.heap[k] = beam.heap[k], beam.heap[above]
        beam.heap[above] = swap
        k = above


cdef int32_t child_of(Beam* beam, int32_t node, int32_t label) noexcept nogil:
    """The node of a string and one label more, which may be new."""
    cdef int32_t child = beam.child[node]
    while child >= 0 and beam.label[child] != label:
        child = beam.sibling[child]
    if child >= 0:
        return child
    child = beam.n[1]
    beam.n[1] += 1
    beam.parent[child], beam.label[child], beam.child[child] = node, label, -1
    beam.sibling[child] = beam.child[node]
    beam.child[node] = child
    beam.place[child] = -1
    return child


cdef void sort_candidates(int32_t* x, Py_ssize_t n) noexcept nogil:
    """Ascending, by insertion: the most are in order."""
    cdef Py_ssize_t i, j
    cdef int32_t value
    for i in range(1, n):
        value, j = x[i], i
        while j and x[j - 1] > value:
            x[j] = x[j - 1]
            j -= 1
        x[j] = value


cdef void advance(
    Beam* beam,
    const double* x,         # IN (K,)
    double norm,             # log p = x - norm
    const double* language,  # IN (n, K - 1) added for each label behind each string, NULL
) noexcept nogil:
    """One step further: the strings that go on are the best of those which come of them.

    Candidate i (V + 1) is string i as it is, and i (V + 1) + 1 + c it with label c.
    """
    cdef Py_ssize_t V = beam.n_labels, n = beam.n[0], i, c, kept = 0, j, first
    cdef int32_t node, child, last, candidate
    cdef double total, log_p, u_blank = x[V] - norm
    for i in range(n):
        node = beam.node[i]
        last = beam.label[node]
        beam.next_blank[i] = log_sum2(beam.blank[i], beam.label_last[i]) + u_blank
        beam.next_label[i] = -INFINITY
        if last >= 0:
            beam.next_label[i] = beam.label_last[i] + (x[last] - norm)
    for i in range(n):
        node, first = beam.node[i], i * (V + 1) + 1
        last = beam.label[node]
        total = log_sum2(beam.blank[i], beam.label_last[i])
        child = beam.child[node]
        while child >= 0:
            if beam.place[child] >= 0:
                beam.slot[beam.label[child]] = beam.place[child]
            child = beam.sibling[child]
        for c in range(V):
            log_p = (beam.blank[i] if c == last else total) + (x[c] - norm)
            j = beam.slot[c]
            if j >= 0:  # which goes on by itself
                beam.next_label[j] = log_sum2(beam.next_label[j], log_p)
                beam.slot[c] = -1
                beam.scores[first + c] = -INFINITY
                continue
            log_p += beam.added[i] + beam.bonus
            if language != NULL:
                log_p += language[i * V + c]
            beam.scores[first + c] = log_p
    for i in range(n):
        total = log_sum2(beam.next_blank[i], beam.next_label[i])
        beam.scores[i * (V + 1)] = total + beam.added[i]
        offer(beam, &kept, <int32_t>(i * (V + 1)))
    for i in range(n):
        for c in range(V):
            candidate = <int32_t>(i * (V + 1) + 1 + c)
            if kept < beam.width or beam.scores[candidate] >= beam.scores[beam.heap[0]]:
                offer(beam, &kept, candidate)
    sort_candidates(beam.heap, kept)
    go_on(beam, kept, x, norm, language)


cdef void go_on(
    Beam* beam, Py_ssize_t kept, const double* x, double norm, const double* language
) noexcept nogil:
    """Take the candidates of the heap, which are in their order."""
    cdef Py_ssize_t V = beam.n_labels, n = beam.n[0], i, k, c
    cdef int32_t node
    # what the strings had is still needed for their children: places first
    for k in range(kept):
        i, c = beam.heap[k] // (V + 1), beam.heap[k] % (V + 1) - 1
        if c < 0:
            beam.scores[k] = beam.next_blank[i]
            beam.scores[beam.width + k] = beam.next_label[i]
            beam.next_added[k] = beam.added[i]
        else:
            node = beam.node[i]
            beam.scores[k] = -INFINITY
            beam.scores[beam.width + k] = x[c] - norm + (
                beam.blank[i] if c == beam.label[node]
                else log_sum2(beam.blank[i], beam.label_last[i])
            )
            beam.next_added[k] = beam.added[i] + beam.bonus
            if language != NULL:
                beam.next_added[k] += language[i * V + c]
    for i in range(n):
        beam.place[beam.node[i]] = -1
    for k in range(kept):
        i, c = beam.heap[k] // (V + 1), beam.heap[k] % (V + 1) - 1
        node = beam.node[i]
        beam.heap[k] = node if c < 0 else child_of(beam, node, <int32_t>c)
    for k in range(kept):
        beam.node[k] = beam.heap[k]
        beam.place[beam.node[k]] = <int32_t>k
        beam.blank[k] = beam.scores[k]
        beam.label_last[k] = beam.scores[beam.width + k]
        beam.added[k] = beam.next_added[k]
    beam.n[0] = <int32_t>kept


def beam_sizes(
    Py_ssize_t K,
    const Py_ssize_t[::1] offsets,  # IN (B + 1,)
    Py_ssize_t width,
    int n_threads=1,
):
    """Elements of memory, ints and doubles, that a search needs."""
    capacity = 1 + int(width) * longest_of(offsets)
    if width < 1 or capacity >= 2**31 or int(width) * K >= 2**31:
        raise ValueError(f"beam_size is {width}, with {K} outputs.")
    return (
        n_threads * in_int_lines(n_ints(width, K, capacity)),
        n_threads * n_doubles(width, max(K, 2)),
    )


cdef Py_ssize_t longest_of(const Py_ssize_t[::1] offsets) noexcept:
    cdef Py_ssize_t b, longest = 0
    for b in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return longest


cdef Py_ssize_t in_int_lines(Py_ssize_t n) noexcept:
    return (n + 2 * LINE - 1) // (2 * LINE) * (2 * LINE)


cdef struct Found:
    Py_ssize_t K
    Py_ssize_t N
    const double* x
    const Py_ssize_t* offsets
    Py_ssize_t* strings
    Py_ssize_t* lengths
    Py_ssize_t* counts


def beam_search(
    const double[:, ::1] outputs,   # IN (N, K), one sequence after the other
    const Py_ssize_t[::1] offsets,  # IN (B + 1,)
    double bonus,                   # for each label, in the ranking
    int32_t[::1] ints,
    double[::1] doubles,
    Py_ssize_t[:, ::1] strings,     # OUT (width, N) labels, from the first step on
    Py_ssize_t[:, ::1] lengths,     # OUT (B, width)
    Py_ssize_t[::1] counts,         # OUT (B,) strings that there are
    int n_threads=1,
):
    """The strings of labels that a prefix beam search ends with (Hannun et al. 2014).

    Where outputs are no numbers, as in `log_likelihood`, there is none.
    """
    cdef Py_ssize_t B = offsets.shape[0] - 1, N = outputs.shape[0], K = outputs.shape[1]
    cdef Py_ssize_t width = strings.shape[0], b, capacity, of_ints, of_doubles
    if K < 1 or B < 0 or n_threads < 1:
        raise ValueError("There are no outputs, offsets or threads.")
    check_offsets(offsets, B, N, "steps")
    if (
        strings.shape[1] != N or counts.shape[0] != B or lengths.shape[0] != B
        or lengths.shape[1] != width
    ):
        raise ValueError("strings, lengths and counts do not belong together.")
    needed = beam_sizes(K, offsets, width, n_threads)
    if ints.shape[0] < needed[0] or doubles.shape[0] < needed[1]:
        raise ValueError(f"A search needs {needed} ints and doubles.")
    if B == 0:
        return
    capacity = 1 + width * longest_of(offsets)
    of_ints, of_doubles = needed[0] // n_threads, needed[1] // n_threads
    cdef Found task
    task.K, task.N = K, N
    task.x, task.strings = NULL, NULL
    if N:
        task.x, task.strings = &outputs[0, 0], &strings[0, 0]
    task.offsets, task.lengths, task.counts = &offsets[0], &lengths[0, 0], &counts[0]
    cdef int32_t* of_tree = &ints[0]
    cdef double* work = &doubles[0]
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        search(
            &task, b, width, capacity, bonus, of_tree + threadid() * of_ints,
            work + threadid() * of_doubles,
        )


cdef void search(
    const Found* task, Py_ssize_t b, Py_ssize_t width, Py_ssize_t capacity, double bonus,
    int32_t* ints, double* doubles,
) noexcept nogil:
    cdef Py_ssize_t K = task.K, first = task.offsets[b], T = task.offsets[b + 1] - first
    cdef Py_ssize_t _, i
    cdef const double* x = task.x + first * K
    cdef double norm
    cdef Beam beam = beam_of(width, K, capacity, bonus, ints, doubles)
    begin(&beam)
    for _ in range(T):
        norm = softmax(K, x, beam.scores)
        if norm != norm:
            beam.n[0] = 0
            break
        advance(&beam, x, norm, NULL)
        x += K
    task.counts[b] = beam.n[0]
    for i in range(beam.n[0]):
        task.lengths[b * width + i] = spell(
            &beam, beam.node[i], task.strings + i * task.N + first
        )


cdef Py_ssize_t spell(const Beam* beam, int32_t node, Py_ssize_t* out) noexcept nogil:
    """The labels of a string; how many there are."""
    cdef Py_ssize_t n = 0, k
    cdef int32_t at = node
    while beam.parent[at] >= 0:
        n, at = n + 1, beam.parent[at]
    at = node
    for k in range(n - 1, -1, -1):
        out[k] = beam.label[at]
        at = beam.parent[at]
    return n


cdef class Search:
    """A prefix beam search of one sequence, step by step: for a ranking by more than the
    outputs. Strings are known by numbers, that of the empty one is 0."""

    cdef Beam beam
    cdef int32_t[::1] ints
    cdef double[::1] doubles
    cdef readonly Py_ssize_t n_steps

    def __init__(self, Py_ssize_t K, Py_ssize_t n_steps, Py_ssize_t width, double bonus):
        offsets = np.array([0, n_steps], dtype=np.intp)
        of_ints, of_doubles = beam_sizes(K, offsets, width)
        self.ints = np.empty(of_ints, dtype=np.int32)
        self.doubles = np.empty(of_doubles)
        self.n_steps = n_steps
        self.beam = beam_of(
            width, K, 1 + width * n_steps, bonus, &self.ints[0], &self.doubles[0]
        )
        begin(&self.beam)

    def step(
        self,
        const double[::1] outputs,     # IN (K,)
        const double[:, ::1] language,  # IN (n, K - 1) added for labels behind strings
    ):
        """Go on by a step; whether its outputs are numbers."""
        if self.n_steps < 1:
            raise ValueError("There was memory for fewer steps.")
        if (
            outputs.shape[0] != self.beam.n_labels + 1
            or language.shape[0] != self.beam.n[0]
            or language.shape[1] != self.beam.n_labels
        ):
            raise ValueError("outputs and language are not of the labels and strings.")
        self.n_steps -= 1
        if not self.beam.n[0]:
            return False
        cdef double norm = softmax(outputs.shape[0], &outputs[0], self.beam.scores)
        if norm != norm:
            self.beam.n[0] = 0
            return False
        advance(&self.beam, &outputs[0], norm, &language[0, 0])
        return True

    def nodes(self):
        """Numbers of the strings that go on."""
        return [self.beam.node[i] for i in range(self.beam.n[0])]

    def last(self, int32_t node):
        """The number of the string that one ends with a label behind, and the label."""
        if not 0 <= node < self.beam.n[1]:
            raise IndexError(node)
        return self.beam.parent[node], self.beam.label[node]

    def added(self):
        """What was added for each of the strings that go on."""
        return [self.beam.added[i] for i in range(self.beam.n[0])]

    def string(self, int32_t node):
        """The labels of a string."""
        labels = []
        while node > 0:
            node, label = self.last(node)
            labels.append(label)
        return labels[::-1]


# ---- edits ---------------------------------------------------------------------------


def edit_distances(
    const Py_ssize_t[::1] a,          # IN labels, one string after the other
    const Py_ssize_t[::1] a_offsets,  # IN (B + 1,)
    const Py_ssize_t[::1] b,          # IN
    const Py_ssize_t[::1] b_offsets,  # IN (B + 1,)
    Py_ssize_t[::1] distances,        # OUT (B,)
):
    """The least number of labels to insert, delete or replace that makes a of b."""
    cdef Py_ssize_t B = distances.shape[0], k, longest
    check_offsets(a_offsets, B, a.shape[0], "a")
    check_offsets(b_offsets, B, b.shape[0], "b")
    longest = longest_of(b_offsets)
    cdef Py_ssize_t[::1] row = np.empty(longest + 1, dtype=np.intp)
    with nogil:
        for k in range(B):
            distances[k] = edits(
                a[a_offsets[k]:a_offsets[k + 1]], b[b_offsets[k]:b_offsets[k + 1]], row
            )


cdef Py_ssize_t edits(
    const Py_ssize_t[::1] a, const Py_ssize_t[::1] b, Py_ssize_t[::1] row
) noexcept nogil:
    """By one row of the table: distances of the beginning of a from those of b."""
    cdef Py_ssize_t i, j, corner, above
    for j in range(b.shape[0] + 1):
        row[j] = j
    for i in range(a.shape[0]):
        corner, row[0] = row[0], i + 1
        for j in range(b.shape[0]):
            above = row[j + 1]
            row[j + 1] = min(
                corner + (a[i] != b[j]), above + 1, row[j] + 1
            )
            corner = above
    return row[b.shape[0]]
