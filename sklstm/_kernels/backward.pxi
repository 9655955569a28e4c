"""Recurrent layers over a batch, backward: time, strip by strip, and then the products
over all row-steps."""

cdef enum:
    # Row-steps in a task of the product that gives d_x, and of the smallest one.
    PRODUCT_ROWS = 96
    LEAST_PRODUCT_ROWS = 24


cdef struct Backward:
    const cell_type* cell
    Py_ssize_t H
    Py_ssize_t units
    const real* own           # (n_own, units) parameters of the cell itself
    const operand* r_transposed  # packed by pack_backward
    # by sequence
    const real* mask          # (B, units), or NULL
    const real* d_last        # (B, units) gradient of the last h, or NULL
    real* d_c                 # (B, units) of the last c, then of c_0; NULL for zero
    real* d_h_0               # (B, units) or NULL
    # by row-step
    const real* d_out         # (N, units) gradient of every h, or NULL
    real* kept                # (N, slots * units) what forward kept, then d_z
    const real* h             # (N + B, units)
    const real* c             # (N + B, units); h for a cell without
    real* scratch             # (n_teams, 2, strip_rows, units) for d_c and d_h_0
    real* rounded             # (n_teams, rounded_size) operands of d_z
    Py_ssize_t rounded_size
    Py_ssize_t strip_rows
    Py_ssize_t n_teams        # that scratch is for
    # the products over all row-steps
    Py_ssize_t N
    const operand* w_transposed
    Py_ssize_t x_vectors
    real* d_x                 # (N, x_vectors * LANES) or NULL
    Outer x_operands
    Outer h_operands
    real* copies              # (n_shares, copies_size) of their operands
    Py_ssize_t copies_size
    int n_shares


cdef void backward_strip(
    const Backward* layer, const Batch* batch, Py_ssize_t strip, member_type* me
) noexcept nogil:
    """A member's own blocks of units at all steps of a strip, from the last on."""
    cdef Py_ssize_t units = layer.units, i, r
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip + 1], t, before, rows, rows_after = 0
    cdef real* d_c = layer.scratch + 2 * me.number * layer.strip_rows * units
    cdef real* d_h_0 = d_c + layer.strip_rows * units
    cdef real* d_z
    cdef const operand* d_z_after  # and d_z after all steps: what R' is multiplied with
    cdef Py_ssize_t ldz = operand_width(gates * units) if ROUNDED else slots * units
    cdef operand* rounded = <operand*>(layer.rounded + me.number * layer.rounded_size)
    cdef Py_ssize_t rounded_step = (layer.strip_rows + OPERAND_SLACK) * ldz
    cdef const real* d_out = NULL
    cdef Py_ssize_t begin_block, end_block
    own_blocks(me, units // LANES, &begin_block, &end_block)
    cdef Columns own
    own.units = units
    own.begin = begin_block * LANES
    own.end = end_block * LANES

    copy_rows(&own, layer.d_c, order, end - first, d_c)
    for t in range(T - 1, -1, -1):
        rows = running[t]
        m -= rows
        before = end + m - running[t - 1] if t else first + m
        d_z = layer.kept + m * slots * units
        if layer.d_out != NULL:
            d_out = layer.d_out + m * units
        d_z_after = <const operand*>(d_z + (rows * slots + slots - gates) * units)
        if ROUNDED:
            d_z_after = rounded + (t + 1) % 2 * rounded_step
        backward_step(
            layer.cell, begin_block, end_block, 0, rows_after,
            d_z_after, ldz, layer.r_transposed,
            layer.H, units, d_out, layer.mask, NULL, order, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        backward_step(
            layer.cell, begin_block, end_block, rows_after, rows, NULL, ldz,
            layer.r_transposed,
            layer.H, units, d_out, NULL, layer.d_last, order, layer.own,
            layer.c + before * units, layer.h + (end + m) * units, d_c, d_z,
        )
        rows_after = rows
        if ROUNDED:
            round_gradients(
                layer, &own, rows, d_z, rounded + t % 2 * rounded_step, ldz
            )
        meet(me)  # all of d_z is there for the step before
    if layer.d_c != NULL:
        for r in range(end - first):
            copy_row(&own, d_c, r, layer.d_c, order[r])
    if layer.d_h_0 != NULL:
        if T:
            d_z_after = <const operand*>(
                layer.kept + (m * slots + slots - gates) * units
            )
            if ROUNDED:
                d_z_after = rounded
            product(
                0, rows_after, begin_block, end_block, d_z_after, NULL, ldz,
                operand_width(gates * units), layer.r_transposed, NULL, units // LANES,
                d_h_0,
            )
            if layer.mask != NULL:
                multiply(&own, rows_after, d_h_0, layer.mask, order, d_h_0)
            if not layer.cell.has_c:
                for r in range(rows_after):
                    for i in range(own.begin, own.end):
                        d_h_0[r * units + i] += d_c[r * units + i]
        for r in range(rows_after):
            copy_row(&own, d_h_0, r, layer.d_h_0, order[r])
        for r in range(rows_after, end - first):  # without steps h_0 is the last state
            copy_row(&own, layer.d_last, order[r], layer.d_h_0, order[r])
    meet(me)


cdef void input_gradient(
    const Backward* layer, Py_ssize_t begin, Py_ssize_t end, real* memory
) noexcept nogil:
    """d_x = d_z W', some row-steps."""
    cdef Py_ssize_t columns = layer.cell.gates * layer.units, i
    cdef Py_ssize_t ldz = layer.cell.slots * layer.units, width = operand_width(columns)
    cdef operand* rounded = <operand*>memory
    if ROUNDED:
        for i in range(end - begin):
            round_row(layer.kept + (begin + i) * ldz, columns, rounded + i * width)
        product(
            0, end - begin, 0, layer.x_vectors, rounded, NULL, width, width,
            layer.w_transposed, NULL, layer.x_vectors,
            layer.d_x + begin * layer.x_vectors * LANES,
        )
    else:
        product(
            begin, end, 0, layer.x_vectors, <const operand*>layer.kept, NULL, ldz,
            columns, layer.w_transposed, NULL, layer.x_vectors, layer.d_x,
        )


cdef Py_ssize_t share_scratch(
    Py_ssize_t F, Py_ssize_t H, Py_ssize_t units, Py_ssize_t gates, Py_ssize_t slots
) noexcept nogil:
    """Elements of scratch memory of a thread in the products over all row-steps."""
    cdef Py_ssize_t size = outer_scratch(F, H, slots * units)
    if ROUNDED:
        size = max(size, as_reals(
            (PRODUCT_ROWS + OPERAND_SLACK) * operand_width(gates * units)
        ))
    return size


cpdef Py_ssize_t backward_scratch_size(
    int cell, Schedule schedule, Py_ssize_t F, Py_ssize_t H, int n_threads
) except -1:
    """Elements of scratch memory that a `BackwardPass` of so many threads needs."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H)
    n_threads = max(1, n_threads)
    return (
        2 * n_threads * schedule.batch.strip_rows
        + row.gates * (1 + row.slots - row.gates + (F + H if H < units else 0))
    ) * units + n_threads * (
        share_scratch(F, H, units, row.gates, row.slots)
        + backward_rounded(schedule.batch.strip_rows, units, row.gates)
    )


cdef class BackwardPass:
    """Back-propagation of a layer through time, for `run_backward`.

    Gradients of weights are added to what is there.
    """

    cdef Backward layer
    cdef Schedule schedule
    cdef tuple arrays  # which the pointers point into
    # Padded gradients begin with what is there, so that an element is one chain. Of d_b
    # one row is for the slots that W x goes to, one for those of R h', where they differ.
    cdef real* d_w
    cdef real* d_r
    cdef real* d_b

    def __cinit__(
        self,
        int cell,
        Schedule schedule,
        x,             # IN (., ldx) of which F columns are features
        x_rows,        # IN (N,)
        Py_ssize_t F,
        Py_ssize_t H,
        packed,        # IN from pack_backward, with W' where d_x is given
        scratch,       # backward_scratch_size elements
        kept,          # IN from forward, OUT d_z
        h,             # IN (N + B, units) from forward
        c,             # IN (N + B, units) from forward, where the cell has it
        d_w,           # IN/OUT (F, gates * H), +=
        d_r,           # IN/OUT (H, gates * H), +=
        d_b,           # IN/OUT (slots * H,), +=
        d_c=None,      # IN (B, units) by sequence: of the last c (None: zero), OUT of c_0
        d_last=None,   # IN (B, units) by sequence: gradient of h_last
        d_out=None,    # IN (N, units) by row-step: gradient of every h
        d_h_0=None,    # OUT (B, units) by sequence
        d_x=None,      # OUT (N, F padded) by row-step
        mask=None,     # IN (B, units) by sequence, as in forward
        masked=None,   # IN (N + B, units) from forward
        int n_threads=1,
    ):
        cdef Batch batch = schedule.batch
        cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H)
        cdef Backward* layer = &self.layer
        cdef const real[:, ::1] x_view = x
        cdef const Py_ssize_t[::1] rows_view = x_rows
        cdef const real[::1] packed_view = packed
        cdef real[::1] scratch_view = scratch
        cdef real[::1] d_b_view = d_b
        layer.cell = cell_of(cell)
        cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
        if (
            x is None or x_rows is None or packed is None or scratch is None
            or kept is None or h is None or d_w is None or d_r is None or d_b is None
        ):
            raise ValueError("Only c and what comes after d_b need not be there.")
        if not 0 <= F <= x_view.shape[1] or H < 1:
            raise ValueError("x, F and H do not belong together.")
        check_rows("x_rows", rows_view, N, x_view)
        if packed_view.shape[0] != packed_backward_size(cell, F, H, True) and (
            d_x is not None
            or packed_view.shape[0] != packed_backward_size(cell, F, H, False)
        ):
            raise ValueError("packed has not the elements that F, H and d_x need.")
        n_threads = max(1, n_threads)
        if scratch_view.shape[0] < backward_scratch_size(
            cell, schedule, F, H, n_threads
        ):
            raise ValueError("scratch has fewer elements than backward_scratch_size says.")
        if layer.cell.has_c != (c is not None) or (d_c is not None and c is None):
            raise ValueError("c and d_c are for a cell that has a state c, which needs c.")
        layer.x_vectors = padded(F) // LANES
        layer.kept = written("kept", kept, N, slots * units)
        layer.h = read("h", h, N + B, units)
        layer.c = read("c", c, N + B, units) if c is not None else layer.h
        self.d_w = written("d_w", d_w, F, gates * H)
        self.d_r = written("d_r", d_r, H, gates * H)
        layer.d_c = written("d_c", d_c, B, units)
        layer.d_last = read("d_last", d_last, B, units)
        layer.d_h_0 = written("d_h_0", d_h_0, B, units)
        layer.d_out = read("d_out", d_out, N, units)
        layer.d_x = written("d_x", d_x, N, layer.x_vectors * LANES)
        layer.mask = read("mask", mask, B, units)
        cdef const real* multiplied = read("masked", masked, N + B, units)
        if d_b_view.shape[0] != slots * H:
            raise ValueError(f"d_b has {d_b_view.shape[0]} elements, not {slots * H}.")
        if mask is not None and masked is None:
            raise ValueError("A mask needs masked.")
        self.d_b = &d_b_view[0]

        layer.H = H
        layer.units = units
        layer.N = N
        layer.own = &packed_view[0]
        layer.r_transposed = <const operand*>(layer.own + layer.cell.n_own * units)
        layer.w_transposed = <const operand*>(
            layer.own + layer.cell.n_own * units
            + as_reals(operand_width(gates * units) * units)
        )
        layer.strip_rows = batch.strip_rows
        layer.n_teams = layer.n_shares = n_threads
        layer.scratch = &scratch_view[0]
        layer.rounded = layer.scratch + 2 * n_threads * batch.strip_rows * units
        layer.rounded_size = backward_rounded(batch.strip_rows, units, gates)
        layer.copies = layer.rounded + n_threads * layer.rounded_size
        layer.copies_size = share_scratch(F, H, units, gates, slots)
        cdef real* d_b_padded = layer.copies + n_threads * layer.copies_size
        cdef real* d_w_padded = self.d_w
        cdef real* d_r_padded = self.d_r
        if H < units:
            d_w_padded = d_b_padded + (1 + slots - gates) * gates * units
            d_r_padded = d_w_padded + F * gates * units
        cdef Outer* operands = &layer.x_operands
        operands.a = const_data(x_view)
        operands.rows = address(rows_view)
        operands.lda = x_view.shape[1]
        operands.K = F
        operands.d = layer.kept
        operands.ldd = slots * units
        operands.vectors = gates * units // LANES
        operands.N = N
        operands.gradient = d_w_padded
        operands.bias = d_b_padded
        layer.h_operands = layer.x_operands
        operands = &layer.h_operands
        operands.a = multiplied if multiplied != NULL else layer.h
        operands.rows = batch.before_rows
        operands.lda = units
        operands.K = H
        if layer.kept != NULL:
            operands.d = layer.kept + (slots - gates) * units
        operands.gradient = d_r_padded
        operands.bias = d_b_padded + gates * units if slots > gates else NULL
        self.schedule = schedule
        self.arrays = (
            x, x_rows, packed, scratch, kept, h, c, d_w, d_r, d_b, d_c, d_last, d_out,
            d_h_0, d_x, mask, masked,
        )

    cdef void begin(self) noexcept:
        """Padded gradients are what is there."""
        cdef const Backward* layer = &self.layer
        cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
        cdef Py_ssize_t H = layer.H, units = layer.units
        cdef real* d_b = layer.x_operands.bias
        memset(d_b, 0, (1 + slots - gates) * gates * units * sizeof(real))
        pad(self.d_b, gates, H, units, d_b)
        pad(
            self.d_b + gates * H, slots - gates, H, units,
            d_b + (3 * gates - slots) * units,
        )
        if H < units:
            pad(
                self.d_w, layer.x_operands.K * gates, H, units,
                layer.x_operands.gradient,
            )
            pad(self.d_r, H * gates, H, units, layer.h_operands.gradient)

    cdef void finish(self) noexcept:
        cdef const Backward* layer = &self.layer
        cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
        cdef Py_ssize_t H = layer.H, units = layer.units
        cdef real* d_b = layer.x_operands.bias
        unpad(d_b, gates, H, units, self.d_b)
        unpad(
            d_b + (3 * gates - slots) * units, slots - gates, H, units,
            self.d_b + gates * H,
        )
        if H < units:
            unpad(
                layer.x_operands.gradient, layer.x_operands.K * gates, H, units, self.d_w
            )
            unpad(layer.h_operands.gradient, H * gates, H, units, self.d_r)


def run_backward(list passes, int n_threads=1, int n_teams=1):
    """Back-propagation through one layer, or the two directions of one side by side.

    First over time, strip by strip, by teams; then the products over all row-steps,
    by all threads: the gradients of the input and of the weights.
    """
    cdef const Backward* layers[MOST_PASSES]
    cdef BackwardPass one, first
    cdef const Batch* batch
    cdef teams_type teams
    cdef Py_ssize_t rows, some
    cdef int n_layers = len(passes), i, share
    cdef unsigned long long denormals = 0
    n_threads = max(1, n_threads)
    n_teams = max(1, min(n_teams, n_threads))
    if not 1 <= n_layers <= MOST_PASSES or None in passes:
        raise ValueError(f"1 to {MOST_PASSES} layers run side by side, not {passes}.")
    first = passes[0]
    batch = &first.schedule.batch
    for i in range(n_layers):
        one = passes[i]
        if one.schedule is not first.schedule:
            raise ValueError("Layers side by side have the same schedule.")
        layers[i] = &one.layer
        n_threads = min(n_threads, one.layer.n_shares)  # that its scratch is for
        n_teams = min(n_teams, n_threads, <int>one.layer.n_teams)
        one.begin()
    form_teams(&teams, n_teams)
    # all threads have rows of d_x, and a tile has all its rows
    some = ceil_div(ceil_div(layers[0].N, n_threads), LEAST_PRODUCT_ROWS)
    some = min(max(some, <Py_ssize_t>1) * LEAST_PRODUCT_ROWS, <Py_ssize_t>PRODUCT_ROWS)
    i = 0  # GCC does not see that every thread sets it
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        begin_tiles()
        backward_strips(
            layers, n_layers, batch, &teams, omp_get_thread_num(), omp_get_num_threads()
        )
        wait_for_all()
        for i in range(n_layers):
            if layers[i].d_x != NULL:
                for rows in prange(0, layers[i].N, some, schedule="static"):
                    input_gradient(
                        layers[i], rows, min(rows + some, layers[i].N),
                        layers[i].copies + omp_get_thread_num() * layers[i].copies_size,
                    )
            for share in prange(layers[i].n_shares, schedule="static", chunksize=1):
                outer_share(
                    &layers[i].x_operands, &layers[i].h_operands,
                    layers[i].copies + share * layers[i].copies_size, share,
                    layers[i].n_shares,
                )
        end_tiles()
        restore_denormals(denormals)
    for one in passes:
        one.finish()


cdef void backward_strips(
    const Backward** layers, int n_layers, const Batch* batch, teams_type* teams,
    int thread, int n_threads,
) noexcept nogil:
    """What one thread does of the strips of all layers, which take turns."""
    cdef member_type me = join_team(teams, thread, n_threads)
    cdef Py_ssize_t job = next_job(teams, &me)
    while job < batch.n_strips * n_layers:
        backward_strip(layers[job % n_layers], batch, job // n_layers, &me)
        job = next_job(teams, &me)


def backward(*arguments, n_threads=1, **options):
    """Back-propagation through one layer; arguments are those of `BackwardPass`."""
    one = BackwardPass(*arguments, n_threads=n_threads, **options)
    run_backward([one], n_threads, (<BackwardPass>one).schedule.batch.n_strips)
