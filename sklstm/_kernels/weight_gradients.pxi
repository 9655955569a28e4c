"""Gradients of weight matrices, A' D: one share of two of them.

The output is split, never the sum: an element is one chain over the row-steps whoever
computes it. All of a share passes over one chunk of row-steps before the next.

Rows of D that are a page or more apart meet in the same sets of the caches and take an
entry of the TLB each. From there on a chunk of both operands is copied first, in the
order in which the tiles read it. Rounded operands (operands.h) always are.
"""

cdef enum:
    OUTER_CHUNK = 128  # row-steps, read in place
    OUTER_GROUP = 1024  # bytes of D that pass over a chunk together
    PACKED_CHUNK = 256  # row-steps, copied: 64 KB of a panel of D with AVX-512
    PACKED_FROM = 4096  # bytes between rows of D


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


cdef Py_ssize_t outer_blocks(const Outer* operands) noexcept nogil:
    """Blocks of rows of A' D; the bias rides on the last one."""
    return max(
        <Py_ssize_t>(operands.bias != NULL), ceil_div(operands.K, OUTER_ROWS)
    )


cdef inline bint ends_with_bias(const Outer* operands, Py_ssize_t block) noexcept nogil:
    return operands.bias != NULL and block == outer_blocks(operands) - 1


cdef inline Py_ssize_t rows_of_block(
    const Outer* operands, Py_ssize_t block
) noexcept nogil:
    return min(<Py_ssize_t>OUTER_ROWS, operands.K - block * OUTER_ROWS)


cdef void outer_task(
    const Outer* operands, Py_ssize_t panel, Py_ssize_t block, Py_ssize_t begin,
    Py_ssize_t end, const real* packed_a, const real* packed_d,
) noexcept nogil:
    """One block of rows and one panel of columns of A' D over some row-steps, and the
    sum of D over them where it is the last block. NULL: operands as they lie."""
    cdef Py_ssize_t column = panel * PANEL * LANES, width = operands.vectors * LANES
    cdef Py_ssize_t k = block * OUTER_ROWS
    cdef int C = <int>min(<Py_ssize_t>PANEL, operands.vectors - panel * PANEL)
    cdef real* gradient = operands.gradient + k * width + column
    cdef real* bias = NULL
    if ends_with_bias(operands, block):
        bias = operands.bias + column
    if packed_d == NULL:
        outer(
            begin, end, operands.a + k, operands.rows, operands.lda,
            rows_of_block(operands, block), operands.d + column, operands.ldd, C,
            gradient, width, bias,
        )
    else:
        outer(
            0, end - begin, packed_a, NULL, 0, rows_of_block(operands, block), packed_d,
            C * LANES, C, gradient, width, bias,
        )


cdef bint is_packed(Py_ssize_t ldd) noexcept nogil:
    return ROUNDED or ldd * <Py_ssize_t>sizeof(real) >= PACKED_FROM


cdef Py_ssize_t outer_scratch(Py_ssize_t F, Py_ssize_t H, Py_ssize_t ldd) noexcept nogil:
    """Elements of scratch memory of one share, at a whole vector each."""
    if not is_packed(ldd):
        return 0
    return as_reals(PACKED_CHUNK * (
        OUTER_ROWS * (ceil_div(F, OUTER_ROWS) + ceil_div(H, OUTER_ROWS) + 1)
        + PANEL * LANES
    ))


cdef void outer_share(
    const Outer* x, const Outer* h, real* scratch, int share, int n_shares
) noexcept nogil:
    """One share of d_W = x' d_z and d_R = h' d_z, and their biases."""
    if is_packed(x.ldd):
        outer_packed(x, h, scratch, share, n_shares)
    else:
        outer_in_place(x, h, share, n_shares)


cdef void outer_in_place(
    const Outer* x, const Outer* h, int share, int n_shares
) noexcept nogil:
    cdef Py_ssize_t task_begin, task_end
    cdef Py_ssize_t panels = ceil_div(x.vectors, PANEL)
    cdef Py_ssize_t group = max(
        <Py_ssize_t>1, OUTER_GROUP // <Py_ssize_t>(PANEL * LANES * sizeof(real))
    )
    cdef Py_ssize_t x_blocks = outer_blocks(x), blocks = x_blocks + outer_blocks(h)
    cdef Py_ssize_t share_begin = panels * blocks * share // n_shares
    cdef Py_ssize_t share_end = panels * blocks * (share + 1) // n_shares
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
                    outer_task(x, panel, block, begin, end, NULL, NULL)
                else:
                    outer_task(h, panel, block - x_blocks, begin, end, NULL, NULL)


cdef int shares_of_rows(Py_ssize_t blocks, Py_ssize_t panels, int n_shares) noexcept nogil:
    """Into how many parts the rows are split, the panels into n_shares / parts: where
    the largest share is the smallest, copies included (a block of A costs as much as
    half a panel of its products, a panel of D as much as a row of the gradient)."""
    cdef int parts, best = 1
    cdef Py_ssize_t own_blocks, own_panels, cost, least = -1
    for parts in range(1, n_shares + 1):
        if n_shares % parts:
            continue
        own_blocks = ceil_div(blocks, parts)
        own_panels = ceil_div(panels, n_shares // parts)
        cost = (2 * own_panels + 1) * own_blocks * OUTER_ROWS + 2 * own_panels
        if least < 0 or cost < least:
            best, least = parts, cost
    return best


cdef void outer_packed(
    const Outer* x, const Outer* h, real* scratch, int share, int n_shares
) noexcept nogil:
    cdef Py_ssize_t panels = ceil_div(x.vectors, PANEL)
    cdef Py_ssize_t x_blocks = outer_blocks(x), blocks = x_blocks + outer_blocks(h)
    cdef int parts = shares_of_rows(blocks, panels, n_shares)
    cdef int columns = n_shares // parts
    cdef Py_ssize_t first_block = blocks * (share % parts) // parts
    cdef Py_ssize_t last_block = blocks * (share % parts + 1) // parts
    cdef Py_ssize_t first_panel = panels * (share // parts) // columns
    cdef Py_ssize_t last_panel = panels * (share // parts + 1) // columns
    cdef Py_ssize_t a_size = OUTER_ROWS * PACKED_CHUNK
    cdef Py_ssize_t chunk, begin, end, block, panel, own
    cdef operand* packed_d = <operand*>scratch
    cdef operand* packed_a = packed_d + PACKED_CHUNK * PANEL * LANES
    cdef const Outer* operands
    cdef const real* copied
    if first_panel == last_panel:
        return
    for chunk in range(ceil_div(x.N, PACKED_CHUNK)):
        begin = chunk * PACKED_CHUNK
        end = min(begin + PACKED_CHUNK, x.N)
        for block in range(first_block, last_block):
            operands = x if block < x_blocks else h
            own = block if block < x_blocks else block - x_blocks
            pack_block_of_a(
                operands, own, begin, end, packed_a + (block - first_block) * a_size
            )
        for panel in range(first_panel, last_panel):
            copied = NULL
            for block in range(first_block, last_block):
                operands = x if block < x_blocks else h
                own = block if block < x_blocks else block - x_blocks
                if operands.d != copied:  # both have the same, but for a GRU
                    copied = operands.d
                    pack_panel_of_d(
                        operands, panel, begin, end, packed_d,
                        # whose share has the last block of rows
                        last_block >= (x_blocks if operands == x else blocks),
                    )
                if ROUNDED:
                    rounded_task(
                        operands, panel, own, end - begin,
                        packed_a + (block - first_block) * a_size, packed_d,
                    )
                else:
                    outer_task(
                        operands, panel, own, begin, end,
                        <const real*>packed_a + (block - first_block) * a_size,
                        <const real*>packed_d,
                    )


cdef void pack_block_of_a(
    const Outer* operands, Py_ssize_t block, Py_ssize_t begin, Py_ssize_t end,
    operand* packed,
) noexcept nogil:
    cdef const real* a = operands.a + block * OUTER_ROWS
    if ROUNDED:
        transpose_steps(
            end - begin, a, operands.rows + begin, operands.lda,
            rows_of_block(operands, block), packed, PACKED_CHUNK,
        )
    else:
        outer_pack(
            end - begin, a, operands.rows + begin, operands.lda,
            rows_of_block(operands, block), ends_with_bias(operands, block),
            <real*>packed,
        )


cdef void pack_panel_of_d(
    const Outer* operands, Py_ssize_t panel, Py_ssize_t begin, Py_ssize_t end,
    operand* packed, bint with_bias,
) noexcept nogil:
    cdef Py_ssize_t column = panel * PANEL * LANES
    cdef const real* d = operands.d + begin * operands.ldd + column
    cdef int C = <int>min(<Py_ssize_t>PANEL, operands.vectors - panel * PANEL)
    cdef real* bias = NULL
    if ROUNDED:
        if with_bias and operands.bias != NULL:
            bias = operands.bias + column
        pack_steps(end - begin, d, operands.ldd, C, packed, bias)
    else:
        outer_pack_panel(end - begin, d, operands.ldd, C, <real*>packed)


cdef void rounded_task(
    const Outer* operands, Py_ssize_t panel, Py_ssize_t block, Py_ssize_t n,
    const operand* packed_a, const operand* packed_d,
) noexcept nogil:
    """One block of rows and one panel of columns of A' D over n row-steps."""
    cdef Py_ssize_t width = operands.vectors * LANES
    add_product(
        rows_of_block(operands, block), packed_a, PACKED_CHUNK, operand_width(n),
        packed_d, <int>min(<Py_ssize_t>PANEL, operands.vectors - panel * PANEL),
        operands.gradient + block * OUTER_ROWS * width + panel * PANEL * LANES, width,
    )
