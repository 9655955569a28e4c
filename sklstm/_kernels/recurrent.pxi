"""Recurrent layers over a batch: loops over strips, each by a team, and time."""

cdef enum:
    # Row-steps in a task of the product that gives d_x, and of the smallest one.
    PRODUCT_ROWS = 96
    LEAST_PRODUCT_ROWS = 24
    # Steps of a lone sequence whose input is multiplied with W at once.
    INPUT_STEPS = 24


cdef struct Forward:
    const cell_type* cell
    const real* x            # (., ldx)
    const Py_ssize_t* x_rows  # (N,) row of x of each row-step
    Py_ssize_t ldx
    Py_ssize_t F
    Py_ssize_t H
    Py_ssize_t units
    const real* own          # (n_own, units) parameters of the cell itself
    const real* bias         # packed by pack_forward
    const operand* w
    # by sequence
    const real* h_0          # (B, units) initial states, NULL for zero
    const real* c_0
    const real* mask         # (B, units), or NULL
    real* h_last             # (B, units) state after the last step
    real* c_last             # (B, units) or NULL
    # by row-step
    real* kept               # (N, slots * units) kept for backward, or NULL
    real* h                  # (N + B, units) all states, or NULL
    real* masked             # (N + B, units) h times mask; without a mask it is h
    real* c                  # (N + B, units) kept for backward, or NULL
    # two blocks for h, one for c, b + W x of INPUT_STEPS steps, and where operands are
    # rounded two blocks for those of x and two for those of h'
    real* scratch            # (n_teams, scratch_size) by team
    Py_ssize_t scratch_size
    Py_ssize_t strip_rows
    Py_ssize_t n_teams        # that scratch is for, at the most


cdef void forward_strip(
    const Forward* layer, const Batch* batch, Py_ssize_t strip, member_type* me
) noexcept nogil:
    """A member's own blocks of units at all steps of a strip."""
    cdef Py_ssize_t units = layer.units, slots = layer.cell.slots
    cdef bint has_c = layer.cell.has_c
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip], t, rows, rows_after
    cdef Py_ssize_t strip_size = layer.strip_rows * units
    # Without states to keep, h alternates between two blocks and c stays in a third.
    cdef real* scratch = layer.scratch + me.number * layer.scratch_size
    cdef real* h_before = scratch
    cdef real* c_before = scratch + 2 * strip_size
    cdef real* masked
    cdef real* h
    cdef real* c
    cdef const operand* x
    cdef const operand* multiplied  # with R
    cdef const Py_ssize_t* x_rows
    cdef Py_ssize_t F = operand_width(layer.F), H = operand_width(layer.H)
    cdef Py_ssize_t ldx = F if ROUNDED else layer.ldx
    cdef const real* start = layer.bias
    cdef real* z = scratch + 3 * strip_size
    cdef Rounded rounded = rounded_operands(layer, z + INPUT_STEPS * PANEL * units)
    cdef bint lone = end - first == 1
    cdef Py_ssize_t begin_block, end_block
    own_blocks(me, units // LANES, &begin_block, &end_block)
    cdef Columns own
    own.units = units
    own.begin = begin_block * LANES
    own.end = end_block * LANES

    if layer.h != NULL:
        h_before = layer.h + (first + m) * units
    if layer.c != NULL:
        c_before = layer.c + (first + m) * units
    copy_rows(&own, layer.h_0, order, end - first, h_before)
    if has_c:
        copy_rows(&own, layer.c_0, order, end - first, c_before)
    masked = h_before
    if layer.mask != NULL:
        masked = layer.masked + (first + m) * units
        multiply(&own, end - first, h_before, layer.mask, order, masked)
    rows_after = running[0] if T else 0
    finish_rows(layer, &own, order, rows_after, end - first, h_before, c_before)
    if ROUNDED:
        round_states(&own, rows_after, masked, &rounded, 0)
        round_inputs(layer, me, m, 0, T, rows_after, lone, &rounded)
    meet(me)

    for t in range(T):
        rows = rows_after
        rows_after = running[t + 1] if t + 1 < T else 0
        h = scratch + ((t + 1) & 1) * strip_size
        c = c_before
        if layer.h != NULL:
            h = layer.h + (end + m) * units
        if layer.c != NULL:
            c = layer.c + (end + m) * units
        x_rows = layer.x_rows + m
        multiplied = <const operand*>masked
        x = <const operand*>layer.x
        if ROUNDED:
            x = x_operands(&rounded, t, lone)
            x_rows = NULL
            multiplied = h_operands(&rounded, t)
        if lone:
            if t % INPUT_STEPS == 0:
                input_part(
                    layer.cell, begin_block, end_block,
                    min(<Py_ssize_t>INPUT_STEPS, T - t), x, x_rows, ldx, F, layer.w,
                    layer.bias, units, z,
                )
            start = z + t % INPUT_STEPS * slots * units
            x = NULL
        # Every other step begins with the weights that the one before ended with,
        # which L1 still holds.
        forward_step(
            layer.cell, begin_block, end_block, rows, x, x_rows, ldx,
            F, layer.w, start, H, units, t & 1, layer.own, multiplied,
            c_before if has_c else h_before,
            layer.kept + m * slots * units if layer.kept != NULL else NULL, h, c,
        )
        finish_rows(layer, &own, order, rows_after, rows, h, c)
        h_before = masked = h
        c_before = c
        if layer.mask != NULL:
            masked = layer.masked + (end + m) * units
            multiply(&own, rows, h, layer.mask, order, masked)
        m += rows
        if ROUNDED:
            round_states(&own, rows_after, masked, &rounded, t + 1)
            round_inputs(layer, me, m, t + 1, T, rows_after, lone, &rounded)
        # all of h is there for the next step, and nobody reads that before it any more
        meet(me)


cdef struct Columns:
    # of rows of `units` those that a member of a team computes
    Py_ssize_t units
    Py_ssize_t begin
    Py_ssize_t end


# ---- rounded operands, which a team shares: members round theirs before they meet -----


cdef struct Rounded:
    # of even and of odd steps, since one step reads what the one before has written
    operand* x  # (2, x_size)
    Py_ssize_t x_size
    Py_ssize_t F  # distance of rows
    operand* h  # (2, h_size)
    Py_ssize_t h_size
    Py_ssize_t units


cdef Rounded rounded_operands(const Forward* layer, real* memory) noexcept nogil:
    cdef Rounded rounded
    rounded.F = operand_width(layer.F)
    rounded.units = operand_width(layer.units)
    rounded.x_size = x_operand_rows(layer.strip_rows) * rounded.F
    rounded.h_size = (layer.strip_rows + OPERAND_SLACK) * rounded.units
    rounded.x = <operand*>memory
    rounded.h = rounded.x + 2 * rounded.x_size
    return rounded


cdef inline Py_ssize_t x_operand_rows(Py_ssize_t strip_rows) noexcept nogil:
    return max(strip_rows, <Py_ssize_t>INPUT_STEPS) + OPERAND_SLACK


cdef inline operand* x_operands(
    const Rounded* rounded, Py_ssize_t t, bint lone
) noexcept nogil:
    """Those of step t, of a lone sequence of all INPUT_STEPS steps beside it."""
    return rounded.x + (t // INPUT_STEPS if lone else t) % 2 * rounded.x_size


cdef inline operand* h_operands(const Rounded* rounded, Py_ssize_t t) noexcept nogil:
    return rounded.h + t % 2 * rounded.h_size


cdef void round_states(
    const Columns* own, Py_ssize_t rows, const real* h, const Rounded* rounded,
    Py_ssize_t t,
) noexcept nogil:
    """What step t multiplies with R, a member's own columns and what pads the last."""
    cdef operand* out = h_operands(rounded, t)
    cdef Py_ssize_t r
    for r in range(rows):
        round_part(
            h + r * own.units + own.begin, own.end - own.begin,
            out + r * rounded.units + own.begin,
        )
        if own.end == own.units:
            memset(
                out + r * rounded.units + own.units, 0,
                (rounded.units - own.units) * sizeof(operand),
            )


cdef void round_inputs(
    const Forward* layer, const member_type* me, Py_ssize_t m, Py_ssize_t t,
    Py_ssize_t T, Py_ssize_t rows, bint lone, const Rounded* rounded,
) noexcept nogil:
    """What step t multiplies with W, from row-step m on: a member's share of the rows."""
    cdef operand* out = x_operands(rounded, t, lone)
    cdef Py_ssize_t i
    if lone:
        rows = 0 if t % INPUT_STEPS else min(<Py_ssize_t>INPUT_STEPS, T - t)
    for i in range(rows * me.place // me.size, rows * (me.place + 1) // me.size):
        round_row(
            layer.x + layer.x_rows[m + i] * layer.ldx, layer.F, out + i * rounded.F
        )


# ---- rows --------------------------------------------------------------------------


cdef inline void multiply(
    const Columns* own, Py_ssize_t rows, const real* a, const real* b,
    const Py_ssize_t* order, real* out,
) noexcept nogil:
    """Rows of a times those rows of b that `order` names."""
    cdef Py_ssize_t r, i
    for r in range(rows):
        for i in range(own.begin, own.end):
            out[r * own.units + i] = a[r * own.units + i] * b[order[r] * own.units + i]


cdef inline void copy_row(
    const Columns* own, const real* source, Py_ssize_t source_row, real* target,
    Py_ssize_t row,
) noexcept nogil:
    """NULL stands for zeros."""
    cdef Py_ssize_t n = (own.end - own.begin) * sizeof(real)
    target = target + row * own.units + own.begin
    if source == NULL:
        memset(target, 0, n)
    else:
        memcpy(target, source + source_row * own.units + own.begin, n)


cdef inline void copy_rows(
    const Columns* own, const real* source, const Py_ssize_t* order, Py_ssize_t rows,
    real* target,
) noexcept nogil:
    """Rows of a strip from where they lie by sequence."""
    cdef Py_ssize_t r
    for r in range(rows):
        copy_row(own, source, order[r], target, r)


cdef inline void finish_rows(
    const Forward* layer, const Columns* own, const Py_ssize_t* order,
    Py_ssize_t begin, Py_ssize_t end, const real* h, const real* c,
) noexcept nogil:
    """Sequences that end here give their state to the layer's output."""
    cdef Py_ssize_t r
    for r in range(begin, end):
        copy_row(own, h, r, layer.h_last, order[r])
        if layer.c_last != NULL and layer.cell.has_c:
            copy_row(own, c, r, layer.c_last, order[r])


cpdef Py_ssize_t forward_scratch_size(
    Schedule schedule, Py_ssize_t F, Py_ssize_t H, int n_teams
) except -1:
    """Elements of scratch memory that a `ForwardPass` of so many teams needs."""
    return max(1, n_teams) * forward_scratch(schedule.batch.strip_rows, F, padded(H))


cdef inline Py_ssize_t forward_scratch(
    Py_ssize_t strip_rows, Py_ssize_t F, Py_ssize_t units
) noexcept nogil:
    """What one team needs."""
    cdef Py_ssize_t operands = 0
    if ROUNDED:
        operands = 2 * (
            x_operand_rows(strip_rows) * operand_width(F)
            + (strip_rows + OPERAND_SLACK) * operand_width(units)
        )
    return (3 * strip_rows + INPUT_STEPS * PANEL) * units + as_reals(operands)


cdef class ForwardPass:
    """A recurrent layer and the batch it is to run over, for `run_forward`.

    With `kept`, `h` and, for a cell that has it, `c` everything that backward needs is
    kept; with `h` alone the states of all steps, for a layer above; with none of them
    only `h_last`, in memory that does not grow with the number of steps.
    """

    cdef Forward layer
    cdef Schedule schedule
    cdef tuple arrays  # which the pointers point into

    def __cinit__(
        self,
        int cell,
        Schedule schedule,
        x,             # IN (., ldx) of which F columns are features
        x_rows,        # IN (N,)
        Py_ssize_t F,
        Py_ssize_t H,
        packed,        # IN from pack_forward
        scratch,       # forward_scratch_size elements
        h_last,        # OUT (B, units) by sequence
        c_last=None,   # OUT (B, units) by sequence
        h_0=None,      # IN (B, units) by sequence
        c_0=None,      # IN (B, units) by sequence
        kept=None,     # OUT (N, slots * units) by row-step
        h=None,        # OUT (N + B, units)
        c=None,        # OUT (N + B, units)
        mask=None,     # IN (B, units) by sequence: factors of h'
        masked=None,   # OUT (N + B, units) h times mask
    ):
        cdef Batch batch = schedule.batch
        cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H)
        cdef Forward* layer = &self.layer
        cdef const real[:, ::1] x_view = x
        cdef const Py_ssize_t[::1] rows_view = x_rows
        cdef const real[::1] packed_view = packed
        cdef real[::1] scratch_view = scratch
        layer.cell = cell_of(cell)
        cdef Py_ssize_t slots = layer.cell.slots
        if x is None or x_rows is None or packed is None or scratch is None:
            raise ValueError("x, x_rows, packed and scratch are needed.")
        if not 0 <= F <= x_view.shape[1] or H < 1:
            raise ValueError("x, F and H do not belong together.")
        check_rows("x_rows", rows_view, N, x_view)
        if packed_view.shape[0] != packed_forward_size(cell, F, H):
            raise ValueError("packed has not the elements that F and H need.")
        layer.strip_rows = batch.strip_rows
        layer.scratch_size = forward_scratch(batch.strip_rows, F, units)
        if scratch_view.shape[0] < layer.scratch_size:
            raise ValueError("scratch has fewer elements than forward_scratch_size says.")
        layer.n_teams = scratch_view.shape[0] // layer.scratch_size
        layer.h_last = written("h_last", h_last, B, units)
        layer.c_last = written("c_last", c_last, B, units)
        layer.h_0 = read("h_0", h_0, B, units)
        layer.c_0 = read("c_0", c_0, B, units)
        layer.kept = written("kept", kept, N, slots * units)
        layer.h = written("h", h, N + B, units)
        layer.c = written("c", c, N + B, units)
        layer.mask = read("mask", mask, B, units)
        layer.masked = written("masked", masked, N + B, units)
        if kept is not None and (h is None or (c is None and layer.cell.has_c)):
            raise ValueError("kept is for backward, which needs the states too.")
        if mask is not None and (masked is None or h is None):
            raise ValueError("A mask needs masked and h.")
        layer.scratch = &scratch_view[0]
        layer.x = const_data(x_view)
        layer.x_rows = address(rows_view)
        layer.ldx = x_view.shape[1]
        layer.F = F
        layer.H = H
        layer.units = units
        layer.own = &packed_view[0]
        layer.bias = layer.own + layer.cell.n_own * units
        layer.w = <const operand*>(layer.bias + slots * units)
        self.schedule = schedule
        self.arrays = (
            x, x_rows, packed, scratch, h_last, c_last, h_0, c_0, kept, h, c, mask, masked
        )


cdef real* written(name, a, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    """Where an array of this shape begins; NULL for None and for an empty one."""
    cdef real[:, ::1] view = a
    check_shape(name, view, rows, columns)
    return data(view)


cdef const real* read(name, a, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    cdef const real[:, ::1] view = a
    check_shape(name, view, rows, columns)
    return const_data(view)


cdef enum:
    MOST_PASSES = 2  # the directions of a layer


def run_forward(list passes, int n_threads=1, int n_teams=1):
    """Run one layer, or the two directions of one side by side, over a batch.

    The threads form so many teams, each of which takes one strip after the other.
    """
    cdef const Forward* layers[MOST_PASSES]
    cdef ForwardPass one, first
    cdef const Batch* batch
    cdef teams_type teams
    cdef int n_layers = len(passes), i
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
        n_teams = min(n_teams, <int>one.layer.n_teams)
    form_teams(&teams, n_teams)
    with nogil, parallel(num_threads=n_threads):
        forward_strips(
            layers, n_layers, batch, &teams, omp_get_thread_num(), omp_get_num_threads()
        )


cdef void forward_strips(
    const Forward** layers, int n_layers, const Batch* batch, teams_type* teams,
    int thread, int n_threads,
) noexcept nogil:
    """What one thread does of the strips of all layers, which take turns."""
    cdef unsigned long long denormals = flush_denormals()
    cdef member_type me = join_team(teams, thread, n_threads)
    cdef Py_ssize_t job = next_job(teams, &me)
    begin_tiles()
    while job < batch.n_strips * n_layers:
        forward_strip(layers[job % n_layers], batch, job // n_layers, &me)
        job = next_job(teams, &me)
    end_tiles()
    restore_denormals(denormals)


def forward(*arguments, n_threads=1, **options):
    """Run one layer over a batch; arguments are those of `ForwardPass`."""
    one = ForwardPass(*arguments, **options)
    run_forward([one], n_threads, (<ForwardPass>one).schedule.batch.n_strips)


# ---- backward --------------------------------------------------------------------


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


cdef void round_gradients(
    const Backward* layer, const Columns* own, Py_ssize_t rows, const real* d_z,
    operand* out, Py_ssize_t ldz,
) noexcept nogil:
    """What the step before multiplies with R', a member's own columns of each gate and
    what pads the last."""
    cdef Py_ssize_t units = own.units, r, g
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    for r in range(rows):
        for g in range(gates):
            round_part(
                d_z + (r * slots + slots - gates + g) * units + own.begin,
                own.end - own.begin, out + r * ldz + g * units + own.begin,
            )
        if own.end == units:
            memset(
                out + r * ldz + gates * units, 0,
                (ldz - gates * units) * sizeof(operand),
            )


cdef inline Py_ssize_t backward_rounded(
    Py_ssize_t strip_rows, Py_ssize_t units, Py_ssize_t gates
) noexcept nogil:
    """Reals in whose memory the operands of a team lie: of even and of odd steps."""
    if not ROUNDED:
        return 0
    return as_reals(2 * (strip_rows + OPERAND_SLACK) * operand_width(gates * units))


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
        n_teams = min(n_teams, <int>one.layer.n_teams)
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
