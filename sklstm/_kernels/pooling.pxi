"""Pooling over the steps of a sequence: loops over strips, steps and sequences."""

cdef extern from "<pooling.h>" nogil:
    const int POOL_NORMS, POOL_MEAN, POOL_MAX, POOL_ATTENTION
    real pool_dot(Py_ssize_t, const real*, const real*, int) noexcept
    void pool_step(
        int, Py_ssize_t, const real*, const real*, real*, real*, Py_ssize_t,
        Py_ssize_t*, real*) noexcept
    void pool_step_back(
        int, Py_ssize_t, const real*, const real*, const real*, Py_ssize_t,
        const Py_ssize_t*, real, const real*, real, real*, real*) noexcept

# Numbers by which a pooling is called.
pooling_modes = {"mean": POOL_MEAN, "max": POOL_MAX, "attention": POOL_ATTENTION}
pooling_norms = POOL_NORMS


cdef struct Pool:
    int mode
    Py_ssize_t width
    const real* h
    const Py_ssize_t* h_rows
    const real* w
    real* total
    real* norms
    Py_ssize_t* where
    real* scores
    const real* d_out  # backward from here on
    const real* dots
    real* d_h
    real* d_w


def pool_forward(
    int mode,
    Schedule schedule,
    const real[:, ::1] h,         # IN (., width)
    const Py_ssize_t[::1] h_rows,  # IN (N,) row of h of each row-step
    const real[:, ::1] w,         # IN (1, width)
    real[:, ::1] total,           # IN/OUT (B, width)
    real[:, ::1] norms,           # IN/OUT (B, POOL_NORMS)
    Py_ssize_t[:, ::1] where=None,  # OUT (B, width) row-steps of the maxima
    real[::1] scores=None,        # OUT (N,)
    int n_threads=1,
):
    """Take the steps of a batch into running sums, each sequence by itself."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t width = total.shape[1], strip
    if h.shape[1] != width or width % LANES:
        raise ValueError("h and total do not belong together.")
    check_rows("h_rows", h_rows, batch.N, h)
    check_shape("w", w, 1, width)
    check_shape("total", total, batch.B, width)
    check_shape("norms", norms, batch.B, POOL_NORMS)
    check_kept(mode, where, scores, &batch, width, False)
    if batch.N == 0:
        return
    cdef Pool pool
    pool.mode = mode
    pool.width = width
    pool.h = const_data(h)
    pool.h_rows = address(h_rows)
    pool.w = const_data(w)
    pool.total = data(total)
    pool.norms = data(norms)
    pool.where = &where[0, 0] if where is not None else NULL
    pool.scores = &scores[0] if scores is not None else NULL
    for strip in prange(
        batch.n_strips, nogil=True, schedule="dynamic", num_threads=n_threads
    ):
        pool_strip(&pool, &batch, strip)


cdef int check_kept(
    int mode, Py_ssize_t[:, ::1] where, real[::1] scores, const Batch* batch,
    Py_ssize_t width, bint needed,
) except -1:
    """What one way of pooling keeps for its backward, in its shape."""
    if not POOL_MEAN <= mode <= POOL_ATTENTION:
        raise ValueError(f"There is no pooling {mode}.")
    if where is not None and (where.shape[0] != batch.B or where.shape[1] != width):
        raise ValueError("where has another shape than what is pooled.")
    if scores is not None and scores.shape[0] != batch.N:
        raise ValueError("scores needs an element for each row-step.")
    if needed and mode == POOL_MAX and where is None:
        raise ValueError("The backward pass of the maximum needs where.")
    if needed and mode == POOL_ATTENTION and scores is None:
        raise ValueError("The backward pass of attention needs scores.")
    return 0


cdef void pool_strip(const Pool* pool, const Batch* batch, Py_ssize_t strip) noexcept nogil:
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + batch.first_row[strip]
    cdef Py_ssize_t m = batch.first_step[strip], width = pool.width, t, r, i
    for t in range(T):
        for r in range(batch.running[batch.running_at[strip] + t]):
            i = order[r]
            pool_step(
                pool.mode, width, pool.h + pool.h_rows[m] * width, pool.w,
                pool.total + i * width, pool.norms + i * POOL_NORMS, m,
                pool.where + i * width if pool.where != NULL else NULL,
                pool.scores + m if pool.scores != NULL else NULL,
            )
            m += 1


cpdef Py_ssize_t pool_scratch_size(Schedule schedule, Py_ssize_t n) except -1:
    """Elements of scratch memory that `pool_backward` of n inputs needs."""
    return schedule.batch.B + schedule.batch.n_strips * padded(n)


def pool_backward(
    int mode,
    Schedule schedule,
    const real[:, ::1] h,         # IN (., width)
    const Py_ssize_t[::1] h_rows,  # IN (N,)
    const real[:, ::1] w,         # IN (1, width)
    real[:, ::1] norms,           # IN (B, POOL_NORMS) from pool_forward
    Py_ssize_t[:, ::1] where or None,  # IN from pool_forward for the maximum
    real[::1] scores or None,     # IN from pool_forward for attention
    const real[:, ::1] out,       # IN (B, width) what was pooled
    const real[:, ::1] d_out,     # IN (B, width)
    real[::1] scratch,            # at least pool_scratch_size elements
    real[:, ::1] d_h,             # OUT (N, width), by row-step
    real[:, ::1] d_w=None,        # IN/OUT (1, n), += the gradient of w, for attention
    int n_threads=1,
):
    """Gradient of every step, and of the weights of attention."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t width = d_out.shape[1], strip, i
    cdef real total
    if h.shape[1] != width or width % LANES:
        raise ValueError("h and d_out do not belong together.")
    check_rows("h_rows", h_rows, batch.N, h)
    check_kept(mode, where, scores, &batch, width, True)
    check_shape("w", w, 1, width)
    check_shape("out", out, batch.B, width)
    check_shape("d_out", d_out, batch.B, width)
    check_shape("norms", norms, batch.B, POOL_NORMS)
    check_shape("d_h", d_h, batch.N, width)
    if mode == POOL_ATTENTION and (d_w is None or padded(d_w.shape[1]) != width):
        raise ValueError("d_w and d_out do not belong together.")
    if scratch.shape[0] < pool_scratch_size(schedule, width):
        raise ValueError("scratch has fewer elements than pool_scratch_size says.")
    if batch.N == 0:
        return
    cdef real* dots = &scratch[0]  # (B,)
    cdef real* d_w_strips = dots + batch.B  # (n_strips, width)
    memset(d_w_strips, 0, batch.n_strips * width * sizeof(real))
    for i in range(batch.B):
        dots[i] = pool_dot(width, &d_out[i, 0], &out[i, 0], 0)
    cdef Pool pool
    pool.mode = mode
    pool.width = width
    pool.h = const_data(h)
    pool.h_rows = address(h_rows)
    pool.w = const_data(w)
    pool.norms = data(norms)
    pool.where = &where[0, 0] if where is not None else NULL
    pool.scores = &scores[0] if scores is not None else NULL
    pool.d_out = const_data(d_out)
    pool.dots = dots
    pool.d_h = data(d_h)
    pool.d_w = d_w_strips
    for strip in prange(
        batch.n_strips, nogil=True, schedule="dynamic", num_threads=n_threads
    ):
        pool_strip_back(&pool, &batch, strip)
    if mode == POOL_ATTENTION:
        for i in range(d_w.shape[1]):
            total = 0
            for strip in range(batch.n_strips):
                total += d_w_strips[strip * width + i]
            d_w[0, i] += total


cdef void pool_strip_back(
    const Pool* pool, const Batch* batch, Py_ssize_t strip
) noexcept nogil:
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + batch.first_row[strip]
    cdef Py_ssize_t m = batch.first_step[strip], width = pool.width, t, r, i
    for t in range(T):
        for r in range(batch.running[batch.running_at[strip] + t]):
            i = order[r]
            pool_step_back(
                pool.mode, width, pool.h + pool.h_rows[m] * width, pool.w,
                pool.norms + i * POOL_NORMS, m,
                pool.where + i * width if pool.where != NULL else NULL,
                pool.scores[m] if pool.scores != NULL else 0,
                pool.d_out + i * width, pool.dots[i], pool.d_h + m * width,
                pool.d_w + strip * width,
            )
            m += 1
