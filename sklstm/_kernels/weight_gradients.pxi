"""Gradients of weight matrices, A' D: one thread's share of two of them.

A task is so many rows and one panel of columns. All tasks of a group of panels pass over
one chunk of row-steps before the next: 512 KB of D that stay in L2, in rows of 1 KB.
"""

cdef enum:
    OUTER_ROWS = 24
    OUTER_GROUP = 1024  # bytes
    OUTER_CHUNK = 512  # row-steps


cdef struct Outer:
    const real* a             # (., lda)
    const Py_ssize_t* rows    # (N,) row of a of each row-step
    Py_ssize_t lda
    Py_ssize_t K              # columns of a
    const real* d             # (N, ldd), its first columns
    Py_ssize_t ldd
    Py_ssize_t vectors        # columns of d that count, in vectors
    Py_ssize_t N
    real* gradient            # (K, vectors * LANES)
    real* bias                # (vectors * LANES,) sum of d, or NULL


cdef void outer_task(
    const Outer* operands, Py_ssize_t panel, Py_ssize_t block, Py_ssize_t begin,
    Py_ssize_t end, bint with_bias,
) noexcept nogil:
    """One block of rows and one panel of columns of A' D over some row-steps, and the
    sum of D over them where asked."""
    cdef Py_ssize_t column = panel * PANEL * LANES, width = operands.vectors * LANES
    cdef Py_ssize_t k = block * OUTER_ROWS
    cdef int C = <int>min(<Py_ssize_t>PANEL, operands.vectors - panel * PANEL)
    outer(
        begin, end, operands.a + k, operands.rows, operands.lda,
        min(<Py_ssize_t>OUTER_ROWS, operands.K - k), operands.d + column, operands.ldd,
        C, operands.gradient + k * width + column, width,
        operands.bias + column if with_bias else NULL,
    )


cdef Py_ssize_t outer_blocks(const Outer* operands) noexcept nogil:
    """Blocks of rows of A' D; the bias rides on the last one."""
    return max(
        <Py_ssize_t>(operands.bias != NULL), ceil_div(operands.K, OUTER_ROWS)
    )


cdef void outer_share(
    const Outer* x, const Outer* h, int thread, int n_threads
) noexcept nogil:
    """One thread's share of d_W = x' d_z and d_R = h' d_z, and their biases.

    The output is split, never the sum: an element is one chain over the row-steps
    whoever computes it.
    """
    cdef Py_ssize_t task_begin, task_end
    cdef Py_ssize_t panels = ceil_div(x.vectors, PANEL)
    cdef Py_ssize_t group = max(
        <Py_ssize_t>1, OUTER_GROUP // <Py_ssize_t>(PANEL * LANES * sizeof(real))
    )
    cdef Py_ssize_t x_blocks = outer_blocks(x), h_blocks = outer_blocks(h)
    cdef Py_ssize_t blocks = x_blocks + h_blocks
    cdef Py_ssize_t share_begin = panels * blocks * thread // n_threads
    cdef Py_ssize_t share_end = panels * blocks * (thread + 1) // n_threads
    cdef Py_ssize_t i, first, n, chunk, begin, end, task, panel, block
    for i in range(ceil_div(panels, group)):
        first = i * group
        n = min(group, panels - first)
        # of this group, by blocks of rows, the panels of a block side by side
        task_begin = max(share_begin - first * blocks, <Py_ssize_t>0)
        task_end = min(share_end - first * blocks, n * blocks)
        if task_begin >= task_end:
            continue
        for chunk in range(ceil_div(x.N, OUTER_CHUNK)):
            begin = chunk * OUTER_CHUNK
            end = min(begin + OUTER_CHUNK, x.N)
            for task in range(task_begin, task_end):
                block = task // n
                panel = first + task % n
                if block < x_blocks:
                    outer_task(
                        x, panel, block, begin, end,
                        x.bias != NULL and block == x_blocks - 1,
                    )
                else:
                    block = block - x_blocks
                    outer_task(
                        h, panel, block, begin, end,
                        h.bias != NULL and block == h_blocks - 1,
                    )
