"""Pooling over the steps of a sequence."""


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
    real[:, ::1] d_h,             # OUT (N, width), by row-step
    real[:, ::1] d_w,             # OUT (n_strips, width), to be summed
    int n_threads=1,
):
    """Gradient of every step, and of the weights of attention strip by strip."""
    cdef Batch batch = schedule.batch
    cdef Py_ssize_t width = d_out.shape[1], strip, i
    if h.shape[1] != width or width % LANES:
        raise ValueError("h and d_out do not belong together.")
    check_rows("h_rows", h_rows, batch.N, h)
    check_kept(mode, where, scores, &batch, width, True)
    check_shape("w", w, 1, width)
    check_shape("out", out, batch.B, width)
    check_shape("d_out", d_out, batch.B, width)
    check_shape("norms", norms, batch.B, POOL_NORMS)
    check_shape("d_h", d_h, batch.N, width)
    check_shape("d_w", d_w, batch.n_strips, width)
    zero(d_w)
    if batch.N == 0:
        return
    cdef real[::1] dots = np.empty(batch.B, dtype=np.asarray(out).dtype)
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
    pool.dots = &dots[0]
    pool.d_h = data(d_h)
    pool.d_w = data(d_w)
    for strip in prange(
        batch.n_strips, nogil=True, schedule="dynamic", num_threads=n_threads
    ):
        pool_strip_back(&pool, &batch, strip)


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
