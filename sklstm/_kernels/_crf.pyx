"""Linear-chain conditional random fields: forward-backward and Viterbi, by sequence.

A path y of a sequence of T steps with the emissions x (T, K) has the score

    start[y_0] + x_0[y_0] + sum_t (A[y_(t-1), y_t] + x_t[y_t]) + end[y_(T-1)]

with the transitions A (K, K), from and to; no steps have one path, of score 0. -inf
forbids, in any of them. Z is the sum of exp(score) over the paths.

Forward variables stand as logarithms, from the largest of their step. The sums over what
came before are products with exp(A); one that underflows is summed again from logarithms,
so that no spread of emissions loses a path. One thread computes a sequence, sums over
sequences are of fixed parts of the batch, in their order.
"""
from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, exp, log
from libc.stdint cimport int32_t
from libc.string cimport memset

cdef extern from *:
    """
    #include <stddef.h>

    /* out[j] += sum_i w[i] rows[i][j], i by i: each out[j] is one chain. */
    static void add_rows(
        ptrdiff_t m, ptrdiff_t n, const double *w, const double *rows, ptrdiff_t stride,
        double *restrict out)
    {
        ptrdiff_t i = 0;
        for (; i + 4 <= m; i += 4) {
            const double *restrict r = rows + i * stride, *restrict s = r + stride;
            const double *restrict t = s + stride, *restrict u = t + stride;
            const double a = w[i], b = w[i + 1], c = w[i + 2], d = w[i + 3];
            for (ptrdiff_t j = 0; j < n; j++)
                out[j] = (((out[j] + a * r[j]) + b * s[j]) + c * t[j]) + d * u[j];
        }
        for (; i < m; i++)
            for (ptrdiff_t j = 0; j < n; j++) out[j] += w[i] * rows[i * stride + j];
    }

    /* out[i][j] += factor w[i] v[j] */
    static void add_outer(
        ptrdiff_t m, ptrdiff_t n, double factor, const double *w,
        const double *restrict v, double *restrict out, ptrdiff_t stride)
    {
        for (ptrdiff_t i = 0; i < m; i++) {
            const double f = factor * w[i];
            if (f != 0)
                for (ptrdiff_t j = 0; j < n; j++) out[i * stride + j] += f * v[j];
        }
    }

    static inline double larger(double a, double b) { return a > b ? a : b; }

    /* out[j] = max_i (d[i] + rows[i][j]) */
    static void max_rows(
        ptrdiff_t n, const double *d, const double *rows, double *restrict out)
    {
        ptrdiff_t i = 1;
        for (ptrdiff_t j = 0; j < n; j++) out[j] = d[0] + rows[j];
        for (; i + 4 <= n; i += 4) {
            const double *restrict r = rows + i * n, *restrict s = r + n;
            const double *restrict t = s + n, *restrict u = t + n;
            const double a = d[i], b = d[i + 1], c = d[i + 2], e = d[i + 3];
            for (ptrdiff_t j = 0; j < n; j++) {
                const double x = larger(a + r[j], b + s[j]);
                const double y = larger(c + t[j], e + u[j]);
                out[j] = larger(out[j], larger(x, y));
            }
        }
        for (; i < n; i++)
            for (ptrdiff_t j = 0; j < n; j++)
                out[j] = larger(out[j], d[i] + rows[i * n + j]);
    }
    """
    void add_rows(
        Py_ssize_t, Py_ssize_t, const double*, const double*, Py_ssize_t,
        double*) noexcept nogil
    void add_outer(
        Py_ssize_t, Py_ssize_t, double, const double*, const double*, double*,
        Py_ssize_t) noexcept nogil
    void max_rows(Py_ssize_t, const double*, const double*, double*) noexcept nogil

cdef enum:
    # Sequences of a part of the batch, at the least, and parts, at the most.
    PART = 4
    MOST_PARTS = 64
    LINE = 8  # numbers in a line of memory, which no two threads share

# Sums of probabilities below which what underflows might count: of one state, and of all.
cdef double LEAST = 1e-250, LEAST_TOTAL = 1e-200


cdef struct Chain:
    Py_ssize_t K
    const double* A      # (K, K) [from, to]
    const double* start  # (K,)
    const double* end    # (K,)
    double* E            # (K, K) exp(A - largest)
    double* E_T          # (K, K) [to, from]
    double largest       # finite A
    bint valid           # whether no parameter is NaN or inf


cdef struct Sums:
    # Parts of the gradient that are sums over sequences.
    double* products     # (K, K) of d_A / E
    double* exact        # (K, K) of d_A
    double* start        # (K,)
    double* end          # (K,)


# ---- pieces --------------------------------------------------------------------------


cdef bint are_scores(Py_ssize_t n, const double* x) noexcept nogil:
    """Whether all are numbers or -inf."""
    cdef Py_ssize_t k
    cdef bint valid = True
    for k in range(n):
        valid &= x[k] < INFINITY  # false for NaN
    return valid


cdef double largest_of(Py_ssize_t n, const double* x) noexcept nogil:
    cdef Py_ssize_t k
    cdef double most = -INFINITY
    for k in range(n):
        most = x[k] if x[k] > most else most
    return most


cdef double log_sum_exp(
    Py_ssize_t n, const double* u, const double* v, Py_ssize_t stride
) noexcept nogil:
    """log sum_k exp(u_k + v_k)"""
    cdef Py_ssize_t k
    cdef double most = -INFINITY, total = 0, sum_
    for k in range(n):
        sum_ = u[k] + v[k * stride]
        most = sum_ if sum_ > most else most
    if most == -INFINITY:
        return most
    for k in range(n):
        total += exp(u[k] + v[k * stride] - most)
    return most + log(total)


cdef void add(double* total, double* low, double x) noexcept nogil:
    """total + low += x without the rounding of the sum (Knuth's two-sum)."""
    cdef double sum_ = total[0] + x
    cdef double of_x = sum_ - total[0]
    low[0] += (total[0] - (sum_ - of_x)) + (x - of_x)
    total[0] = sum_


cdef void possible(
    const Py_ssize_t* labels, Py_ssize_t t, Py_ssize_t K, Py_ssize_t* lo, Py_ssize_t* hi
) noexcept nogil:
    """The states of a step that agree with its label: that one, or all."""
    lo[0], hi[0] = 0, K
    if labels != NULL and labels[t] >= 0:
        lo[0], hi[0] = labels[t], labels[t] + 1


cdef double forward(
    const Chain* c,
    Py_ssize_t T,
    const double* x,           # IN (T, K)
    const Py_ssize_t* labels,  # IN (T,), NULL: all paths
    double* a,                 # OUT (T, K) log of forward variables, 0 the largest
    double* w,                 # OUT (T, K) exp(a)
    double* low,               # OUT what log Z is more than a double has room for
) noexcept nogil:
    """log Z of the paths that agree with the labels; -inf if there is none."""
    cdef Py_ssize_t K = c.K, t, j, lo = 0, hi = 0, first = 0, n = 0
    cdef double log_z = 0, most, p
    low[0] = 0
    for t in range(T):
        first, n = lo, hi - lo
        possible(labels, t, K, &lo, &hi)
        if t == 0:
            for j in range(lo, hi):
                a[j] = c.start[j] + x[j]
        else:
            # a_t[j] = log sum_i exp(a_(t-1)[i] + A[i, j]) + x_t[j]
            memset(w + lo, 0, (hi - lo) * sizeof(double))
            add_rows(n, hi - lo, w - K + first, c.E + first * K + lo, K, w + lo)
            for j in range(lo, hi):
                p = w[j]
                if p > LEAST:
                    a[j] = log(p) + c.largest + x[j]
                else:
                    p = log_sum_exp(n, a - K + first, c.A + first * K + j, K)
                    a[j] = p + x[j]
        most = largest_of(hi - lo, a + lo)
        if most == -INFINITY:
            return most
        add(&log_z, low, most)
        for j in range(lo, hi):
            a[j] -= most
            w[j] = exp(a[j])
        a += K
        w += K
        x += K
    if T == 0:
        return 0
    most = log_sum_exp(hi - lo, a - K + lo, c.end + lo, 1)
    if most > -INFINITY:
        add(&log_z, low, most)
        return log_z
    return most


cdef void backward(
    const Chain* c,
    Py_ssize_t T,
    const double* x,           # IN (T, K)
    const Py_ssize_t* labels,  # IN (T,), NULL: all paths
    const double* a,           # IN (T, K) from `forward`, which found a path
    const double* w,           # IN (T, K)
    double scale,
    double* work,              # (4 K,)
    double* marginals,         # IN/OUT (T, K), += scale p(y_t = j); NULL: not these
    double* log_marginals,     # OUT (T, K) log p(y_t = j); NULL: not these
    Sums* sums,                # IN/OUT += scale times the expected counts; NULL: not these
) noexcept nogil:
    """Probabilities of states and transitions in the paths that agree with the labels."""
    cdef Py_ssize_t K = c.K, t, i, j, lo = 0, hi = 0, first = 0, n = 0
    cdef double* b = work        # log of backward variables
    cdef double* q = b + K       # the same without the logarithm
    cdef double* y = q + K       # x + b of the step behind, 0 the largest
    cdef double* v = y + K       # exp(y)
    cdef double most, total, log_total = 0
    for t in range(T - 1, -1, -1):
        first, n = lo, hi - lo   # of the step behind
        possible(labels, t, K, &lo, &hi)
        if t == T - 1:
            most = largest_of(hi - lo, c.end + lo)
            for i in range(lo, hi):
                b[i] = c.end[i] - most
                q[i] = exp(b[i])
        else:
            # b_t[i] = log sum_j exp(A[i, j] + x_(t+1)[j] + b_(t+1)[j])
            for j in range(first, first + n):
                y[j] = x[(t + 1) * K + j] + b[j]
            most = largest_of(n, y + first)
            for j in range(first, first + n):
                y[j] -= most
                v[j] = exp(y[j])
            memset(q + lo, 0, (hi - lo) * sizeof(double))
            add_rows(n, hi - lo, v + first, c.E_T + first * K + lo, K, q + lo)
            for i in range(lo, hi):
                if q[i] > LEAST:
                    b[i] = log(q[i]) + c.largest
                else:
                    b[i] = log_sum_exp(n, y + first, c.A + i * K + first, 1)
        total = 0
        for i in range(lo, hi):
            total += w[t * K + i] * q[i]
        if not total > LEAST_TOTAL or log_marginals != NULL:
            log_total = log_sum_exp(hi - lo, a + t * K + lo, b + lo, 1)
        if log_marginals != NULL:
            for i in range(lo, hi):
                # rounding must not make a probability above 1
                log_marginals[t * K + i] = min(a[t * K + i] + b[i] - log_total, 0.0)
        if marginals == NULL:
            continue
        if sums != NULL and t < T - 1:
            # p(y_t = i, y_(t+1) = j) = w_t[i] E[i, j] v[j] / total
            if total > LEAST_TOTAL:
                add_outer(
                    hi - lo, n, scale / total, w + t * K + lo, v + first,
                    sums.products + lo * K + first, K,
                )
            else:
                for i in range(lo, hi):
                    for j in range(first, first + n):
                        sums.exact[i * K + j] += scale * exp(
                            a[t * K + i] - log_total + c.A[i * K + j] + y[j]
                        )
        for i in range(lo, hi):
            if total > LEAST_TOTAL:
                q[i] *= w[t * K + i] / total
            else:
                q[i] = exp(a[t * K + i] + b[i] - log_total)
            q[i] *= scale
            marginals[t * K + i] += q[i]
            if sums != NULL and t == 0:
                sums.start[i] += q[i]
            if sums != NULL and t == T - 1:
                sums.end[i] += q[i]


# ---- doors ---------------------------------------------------------------------------


cdef int check_batch(
    const double[:, ::1] x, const Py_ssize_t[::1] offsets, const double[:, ::1] A,
    const double[::1] start, const double[::1] end, int n_threads,
) except -1:
    """Emissions, offsets and scores that belong together."""
    cdef Py_ssize_t K = A.shape[0], b
    if (
        K < 1 or A.shape[1] != K or start.shape[0] != K or end.shape[0] != K
        or x.shape[1] != K
    ):
        raise ValueError(
            "emissions, transitions, start and end are not all of the same labels."
        )
    if n_threads < 1:
        raise ValueError(f"n_threads is {n_threads}.")
    if offsets.shape[0] < 1 or offsets[0] != 0:
        raise ValueError("offsets do not begin with 0.")
    for b in range(offsets.shape[0] - 1):
        if offsets[b + 1] < offsets[b]:
            raise ValueError(f"offsets[{b + 1}] is less than the one before.")
    if offsets[offsets.shape[0] - 1] != x.shape[0]:
        raise ValueError("offsets do not end with the number of steps.")
    return 0


cdef Py_ssize_t longest_of(const Py_ssize_t[::1] offsets) noexcept:
    cdef Py_ssize_t b, longest = 0
    for b in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return longest


cdef Py_ssize_t in_lines(Py_ssize_t n) noexcept:
    return (n + LINE - 1) // LINE * LINE


cdef Py_ssize_t n_parts_of(Py_ssize_t B) noexcept:
    return min(<Py_ssize_t>MOST_PARTS, (B + PART - 1) // PART)


cdef Py_ssize_t size_of_thread(Py_ssize_t K, Py_ssize_t longest) noexcept:
    return in_lines((2 * longest + 4) * K)


cdef Py_ssize_t size_of_part(Py_ssize_t K) noexcept:
    return in_lines(2 * K * (K + 1))


def scratch_size(
    Py_ssize_t K,
    const Py_ssize_t[::1] offsets,  # IN (B + 1,)
    int n_threads=1,
    bint gradient=False,            # for `log_likelihood` with gradients
):
    """Elements of scratch memory that a function other than `n_best` needs."""
    size = 2 * K * K + n_threads * size_of_thread(K, longest_of(offsets))
    if gradient:
        size += n_parts_of(offsets.shape[0] - 1) * size_of_part(K)
    return size


cdef int check_scratch(const double[::1] scratch, Py_ssize_t size) except -1:
    if scratch.shape[0] < size:
        raise ValueError(f"scratch has {scratch.shape[0]} elements and needs {size}.")
    return 0


cdef Chain chain_of(
    const double[:, ::1] A, const double[::1] start, const double[::1] end, double* E
) noexcept nogil:
    cdef Chain c
    cdef Py_ssize_t K = A.shape[0], i, j
    c.K, c.A, c.start, c.end = K, &A[0, 0], &start[0], &end[0]
    c.E, c.E_T = E, E + K * K
    c.valid = are_scores(K, c.start) and are_scores(K, c.end)
    c.valid = c.valid and are_scores(K * K, c.A)
    c.largest = largest_of(K * K, c.A)
    if c.largest == -INFINITY:
        c.largest = 0
    for i in range(K):
        for j in range(K):
            E[i * K + j] = exp(A[i, j] - c.largest)
            c.E_T[j * K + i] = E[i * K + j]
    return c


cdef struct Learning:
    Chain chain
    const double* x
    const Py_ssize_t* offsets
    const Py_ssize_t* labels
    const double* weight
    double* values
    double* d_x  # NULL: no gradient


def log_likelihood(
    const double[:, ::1] emissions,    # IN (N, K), one sequence after the other
    const Py_ssize_t[::1] offsets,     # IN (B + 1,) first row of each sequence, and N
    const double[:, ::1] transitions,  # IN (K, K) [from, to]
    const double[::1] start,           # IN (K,)
    const double[::1] end,             # IN (K,)
    const Py_ssize_t[::1] labels,      # IN (N,), -1: any
    const double[::1] weight,          # IN (B,)
    double[::1] scratch,
    double[::1] values,                # OUT (B,)
    double[:, ::1] d_emissions=None,   # OUT (N, K)
    double[:, ::1] d_transitions=None,  # OUT (K, K)
    double[::1] d_start=None,          # OUT (K,)
    double[::1] d_end=None,            # OUT (K,)
    int n_threads=1,
):
    """log Z of the paths that agree with the labels, less log Z of all, by sequence, and
    the gradient of -sum_b weight[b] values[b].

    Where no path that is allowed agrees with the labels the value is -inf and the
    gradient 0, where a score is NaN or inf they are NaN and 0.
    """
    cdef Py_ssize_t K = transitions.shape[0], B = offsets.shape[0] - 1, k, part, n_parts
    cdef Py_ssize_t of_thread, of_part
    check_batch(emissions, offsets, transitions, start, end, n_threads)
    if labels.shape[0] != emissions.shape[0]:
        raise ValueError("There is not a label for each step.")
    for k in range(labels.shape[0]):
        if not -1 <= labels[k] < K:
            raise ValueError(f"labels[{k}] is {labels[k]}, of {K} labels.")
    if weight.shape[0] != B or values.shape[0] != B:
        raise ValueError("weight and values do not have an element for each sequence.")
    cdef bint gradient = d_emissions is not None
    if gradient and (
        d_transitions is None or d_start is None or d_end is None
        or d_emissions.shape[0] != emissions.shape[0] or d_emissions.shape[1] != K
        or d_transitions.shape[0] != K or d_transitions.shape[1] != K
        or d_start.shape[0] != K or d_end.shape[0] != K
    ):
        raise ValueError("The gradients are not of the shapes of what they are of.")
    check_scratch(scratch, scratch_size(K, offsets, n_threads, gradient))
    n_parts, of_part = n_parts_of(B), size_of_part(K)
    of_thread = size_of_thread(K, longest_of(offsets))
    cdef double* parts = &scratch[0] + 2 * K * K + n_threads * of_thread
    cdef double* work = &scratch[0] + 2 * K * K
    cdef Learning task
    task.chain = chain_of(transitions, start, end, &scratch[0])
    task.x = &emissions[0, 0] if emissions.shape[0] else NULL
    task.labels = &labels[0] if emissions.shape[0] else NULL
    task.offsets = &offsets[0]
    task.weight = &weight[0] if B else NULL
    task.values = &values[0] if B else NULL
    task.d_x = &d_emissions[0, 0] if gradient and emissions.shape[0] else NULL
    for part in prange(n_parts, nogil=True, schedule="dynamic", num_threads=n_threads):
        learn_part(
            &task, part * B // n_parts, (part + 1) * B // n_parts,
            work + threadid() * of_thread, parts + part * of_part if gradient else NULL,
        )
    if not gradient:
        return
    d_transitions[:] = 0
    d_start[:] = 0
    d_end[:] = 0
    if not task.chain.valid:
        return
    for part in range(n_parts):
        add_part(&task.chain, parts + part * of_part, d_transitions, d_start, d_end)


cdef void add_part(
    const Chain* c, const double* part, double[:, ::1] d_A, double[::1] d_start,
    double[::1] d_end,
) noexcept nogil:
    cdef Py_ssize_t K = c.K, i, j
    cdef const double* exact = part + K * K
    cdef const double* ends = exact + K * K
    for i in range(K):
        for j in range(K):
            d_A[i, j] += part[i * K + j] * c.E[i * K + j] + exact[i * K + j]
        d_start[i] += ends[i]
        d_end[i] += ends[K + i]


cdef void learn_part(
    const Learning* task, Py_ssize_t begin, Py_ssize_t end, double* work, double* part
) noexcept nogil:
    """Values and gradients of some sequences, one after the other."""
    cdef Py_ssize_t K = task.chain.K, b
    cdef Sums sums
    sums.products, sums.exact = part, part + K * K
    sums.start, sums.end = part + 2 * K * K, part + 2 * K * K + K
    if part != NULL:
        memset(part, 0, 2 * K * (K + 1) * sizeof(double))
    for b in range(begin, end):
        task.values[b] = learn(task, b, work, &sums if part != NULL else NULL)


cdef double learn(
    const Learning* task, Py_ssize_t b, double* work, Sums* sums
) noexcept nogil:
    cdef const Chain* c = &task.chain
    cdef Py_ssize_t K = c.K, T = task.offsets[b + 1] - task.offsets[b], t
    cdef Py_ssize_t first = task.offsets[b]
    cdef bint labelled = False
    cdef double* a = work + 4 * K
    cdef double* w = a + T * K
    cdef double* d_x = NULL
    cdef double some, every, some_low, every_low
    if T == 0:
        return 0
    cdef const double* x = task.x + first * K
    cdef const Py_ssize_t* labels = task.labels + first
    if sums != NULL:
        d_x = task.d_x + first * K
        memset(d_x, 0, T * K * sizeof(double))
    for t in range(T):
        labelled |= labels[t] >= 0
    if not labelled:
        return 0
    if not (c.valid and are_scores(T * K, x)):
        return NAN
    some = forward(c, T, x, labels, a, w, &some_low)
    if some == -INFINITY:
        return some
    if sums != NULL:
        backward(c, T, x, labels, a, w, -task.weight[b], work, d_x, NULL, sums)
    every = forward(c, T, x, NULL, a, w, &every_low)
    if sums != NULL:
        backward(c, T, x, NULL, a, w, task.weight[b], work, d_x, NULL, sums)
    return min((some - every) + (some_low - every_low), 0.0)  # NaN stays


cdef struct Reading:
    Chain chain
    const double* x
    const Py_ssize_t* offsets
    double* probabilities
    bint logarithms
    Py_ssize_t* paths
    double* scores


def marginals(
    const double[:, ::1] emissions,    # IN (N, K), one sequence after the other
    const Py_ssize_t[::1] offsets,     # IN (B + 1,)
    const double[:, ::1] transitions,  # IN (K, K) [from, to]
    const double[::1] start,           # IN (K,)
    const double[::1] end,             # IN (K,)
    double[::1] scratch,
    double[:, ::1] probabilities,      # OUT (N, K)
    bint logarithms=False,
    int n_threads=1,
):
    """Probability of each label at each step, or its logarithm.

    NaN where a score of the sequence is NaN or inf, and where no path is allowed.
    """
    cdef Py_ssize_t K = transitions.shape[0], B = offsets.shape[0] - 1, b, of_thread
    check_batch(emissions, offsets, transitions, start, end, n_threads)
    if probabilities.shape[0] != emissions.shape[0] or probabilities.shape[1] != K:
        raise ValueError("probabilities are not of the shape of the emissions.")
    check_scratch(scratch, scratch_size(K, offsets, n_threads))
    if emissions.shape[0] == 0:
        return
    of_thread = size_of_thread(K, longest_of(offsets))
    cdef double* work = &scratch[0] + 2 * K * K
    cdef Reading task
    task.chain = chain_of(transitions, start, end, &scratch[0])
    task.x, task.offsets = &emissions[0, 0], &offsets[0]
    task.probabilities, task.logarithms = &probabilities[0, 0], logarithms
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        read_marginals(&task, b, work + threadid() * of_thread)


cdef void read_marginals(const Reading* task, Py_ssize_t b, double* work) noexcept nogil:
    cdef const Chain* c = &task.chain
    cdef Py_ssize_t K = c.K, T = task.offsets[b + 1] - task.offsets[b], k
    cdef const double* x = task.x + task.offsets[b] * K
    cdef double* out = task.probabilities + task.offsets[b] * K
    cdef double* a = work + 4 * K
    cdef double* w = a + T * K
    cdef double low
    if not (c.valid and are_scores(T * K, x)) or forward(
        c, T, x, NULL, a, w, &low
    ) == -INFINITY:
        for k in range(T * K):
            out[k] = NAN
    elif task.logarithms:
        backward(c, T, x, NULL, a, w, 1, work, NULL, out, NULL)
    else:
        memset(out, 0, T * K * sizeof(double))
        backward(c, T, x, NULL, a, w, 1, work, out, NULL, NULL)


def viterbi(
    const double[:, ::1] emissions,    # IN (N, K), one sequence after the other
    const Py_ssize_t[::1] offsets,     # IN (B + 1,)
    const double[:, ::1] transitions,  # IN (K, K) [from, to]
    const double[::1] start,           # IN (K,)
    const double[::1] end,             # IN (K,)
    double[::1] scratch,
    Py_ssize_t[::1] paths,             # OUT (N,)
    double[::1] scores,                # OUT (B,)
    int n_threads=1,
):
    """The path of the highest score, and its score: the sum from the first step on.

    Of equal ones the path whose last label comes first, then the one before it, and so
    on. Where no path is allowed the score is -inf and the path means nothing.
    """
    cdef Py_ssize_t K = transitions.shape[0], B = offsets.shape[0] - 1, b, i, j, of_thread
    check_batch(emissions, offsets, transitions, start, end, n_threads)
    if paths.shape[0] != emissions.shape[0] or scores.shape[0] != B:
        raise ValueError("paths and scores are not of the steps and sequences.")
    check_scratch(scratch, scratch_size(K, offsets, n_threads))
    if B == 0:
        return
    of_thread = size_of_thread(K, longest_of(offsets))
    cdef double* work = &scratch[0] + 2 * K * K
    cdef Reading task
    task.chain.K = K
    task.chain.A, task.chain.start = &transitions[0, 0], &start[0]
    task.chain.end, task.chain.E_T = &end[0], &scratch[0]
    for i in range(K):
        for j in range(K):
            task.chain.E_T[j * K + i] = transitions[i, j]
    task.x = &emissions[0, 0] if emissions.shape[0] else NULL
    task.paths = &paths[0] if emissions.shape[0] else NULL
    task.offsets, task.scores = &offsets[0], &scores[0]
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        best_path(&task, b, work + threadid() * of_thread)


cdef Py_ssize_t first_largest(
    Py_ssize_t n, const double* u, const double* v, double* most
) noexcept nogil:
    """The first k with the largest u_k + v_k, and this."""
    cdef Py_ssize_t k, best = 0
    most[0] = u[0] + v[0]
    for k in range(1, n):
        if u[k] + v[k] > most[0]:
            most[0], best = u[k] + v[k], k
    return best


cdef void best_path(const Reading* task, Py_ssize_t b, double* d) noexcept nogil:
    cdef const Chain* c = &task.chain
    cdef Py_ssize_t K = c.K, T = task.offsets[b + 1] - task.offsets[b], t, j
    cdef Py_ssize_t first = task.offsets[b]
    cdef double most
    if T == 0:
        task.scores[b] = 0
        return
    cdef const double* x = task.x + first * K
    for j in range(K):
        d[j] = c.start[j] + x[j]
    for t in range(1, T):
        # d_t[j] = max_i (d_(t-1)[i] + A[i, j]) + x_t[j]
        max_rows(K, d + (t - 1) * K, c.A, d + t * K)
        for j in range(K):
            d[t * K + j] += x[t * K + j]
    j = first_largest(K, d + (T - 1) * K, c.end, &task.scores[b])
    task.paths[first + T - 1] = j
    for t in range(T - 1, 0, -1):
        # the same sums again, of one column: where the maximum came from
        j = first_largest(K, d + (t - 1) * K, c.E_T + j * K, &most)
        task.paths[first + t - 1] = j


# ---- several paths -------------------------------------------------------------------


cdef struct Lists:
    # The n best paths to each state of two steps, and the whole way back.
    Py_ssize_t n
    double* before       # (K, n) descending
    double* now          # (K, n)
    Py_ssize_t* heads    # (K,)
    Py_ssize_t* counts   # (2, K) paths to each state, before and now
    int32_t* back        # (T, K, n) state before, times n, plus place in its list


cdef Py_ssize_t size_of_lists(Py_ssize_t K, Py_ssize_t longest, Py_ssize_t n) noexcept:
    cdef Py_ssize_t back = (longest * K * n * <Py_ssize_t>sizeof(int32_t) + 7) // 8
    return in_lines(K * (2 * n + 3) + back)


def n_best_scratch_size(
    Py_ssize_t K,
    const Py_ssize_t[::1] offsets,  # IN (B + 1,)
    Py_ssize_t n,
    int n_threads=1,
):
    """Elements of scratch memory that `n_best` needs."""
    longest = longest_of(offsets)
    if n < 1 or n * int(K) >= 2**31 or n * int(K) * longest >= 2**60:
        raise ValueError(f"n is {n}, with {K} labels and {longest} steps.")
    return n_threads * size_of_lists(K, longest, n)


def n_best(
    const double[:, ::1] emissions,    # IN (N, K), one sequence after the other
    const Py_ssize_t[::1] offsets,     # IN (B + 1,)
    const double[:, ::1] transitions,  # IN (K, K) [from, to]
    const double[::1] start,           # IN (K,)
    const double[::1] end,             # IN (K,)
    double[::1] scratch,
    Py_ssize_t[:, ::1] paths,          # OUT (n, N)
    double[:, ::1] scores,             # OUT (B, n) descending
    Py_ssize_t[::1] counts,            # OUT (B,) paths there are, n at the most
    int n_threads=1,
):
    """The n paths of the highest scores, the first of them that of `viterbi`."""
    cdef Py_ssize_t K = transitions.shape[0], B = offsets.shape[0] - 1, b, of_thread
    cdef Py_ssize_t n = paths.shape[0], N = emissions.shape[0]
    check_batch(emissions, offsets, transitions, start, end, n_threads)
    if (
        paths.shape[1] != N or counts.shape[0] != B or scores.shape[0] != B
        or scores.shape[1] != n
    ):
        raise ValueError("paths, scores and counts do not belong together.")
    check_scratch(scratch, n_best_scratch_size(K, offsets, n, n_threads))
    if B == 0:
        return
    of_thread = size_of_lists(K, longest_of(offsets), n)
    cdef double* work = &scratch[0]
    cdef Reading task
    task.chain.K, task.chain.A = K, &transitions[0, 0]
    task.chain.start, task.chain.end = &start[0], &end[0]
    task.x = &emissions[0, 0] if N else NULL
    task.paths = &paths[0, 0] if N else NULL
    task.offsets, task.scores = &offsets[0], &scores[0, 0]
    cdef Py_ssize_t* n_paths = &counts[0]
    for b in prange(B, nogil=True, schedule="dynamic", num_threads=n_threads):
        n_paths[b] = best_paths(&task, b, n, N, work + threadid() * of_thread)


cdef Py_ssize_t merge(
    Lists* lists, Py_ssize_t K, const double* column, Py_ssize_t stride, double x,
    double* out, int32_t* back,
) noexcept nogil:
    """The n best of all lists before, each with what its state adds, and with x: one
    list; how many there are. Of equal ones the lowest state first."""
    cdef Py_ssize_t n = lists.n, count, i, best
    cdef double most, score
    for i in range(K):
        lists.heads[i] = 0
    for count in range(n):
        best, most = -1, -INFINITY
        for i in range(K):
            if lists.heads[i] < lists.counts[i]:
                score = lists.before[i * n + lists.heads[i]] + column[i * stride]
                if score > most:
                    best, most = i, score
        if best < 0:
            return count
        out[count] = most + x
        back[count] = <int32_t>(best * n + lists.heads[best])
        lists.heads[best] += 1
    return n


cdef Py_ssize_t best_paths(
    const Reading* task, Py_ssize_t b, Py_ssize_t n, Py_ssize_t N, double* work
) noexcept nogil:
    cdef const Chain* c = &task.chain
    cdef Py_ssize_t K = c.K, T = task.offsets[b + 1] - task.offsets[b]
    cdef Py_ssize_t first = task.offsets[b], t, j, k, count, place
    cdef double* scores = task.scores + b * n
    cdef double* swap
    cdef Lists lists
    for k in range(n):
        scores[k] = -INFINITY
    if T == 0:
        scores[0] = 0
        return 1
    for k in range(n):
        for t in range(T):
            task.paths[k * N + first + t] = -1
    lists.n, lists.before, lists.now = n, work, work + K * n
    lists.heads = <Py_ssize_t*>(work + 2 * K * n)
    lists.counts = lists.heads + K
    lists.back = <int32_t*>(work + K * (2 * n + 3))
    cdef const double* x = task.x + first * K
    for j in range(K):
        lists.before[j * n] = c.start[j] + x[j]
        lists.counts[j] = 1  # of -inf, which goes no further
    for t in range(1, T):
        for j in range(K):
            lists.counts[K + j] = merge(
                &lists, K, c.A + j, K, x[t * K + j], lists.now + j * n,
                lists.back + (t * K + j) * n,
            )
        for j in range(K):
            lists.counts[j] = lists.counts[K + j]
        swap = lists.before
        lists.before, lists.now = lists.now, swap
    count = merge(&lists, K, c.end, 1, 0, scores, lists.back)  # its place at t = 0 is free
    for k in range(count):
        place = lists.back[k]
        for t in range(T - 1, -1, -1):
            task.paths[k * N + first + t] = place // n
            if t:
                place = lists.back[t * K * n + place]
    return count
